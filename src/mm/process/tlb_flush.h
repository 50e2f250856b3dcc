/* SPDX-License-Identifier: MIT
 *
 * Address spaces on CPUs: switching to one, its number in the TLBs, and making all CPUs forget what was unmapped
 * (arch/x86/mm/tlb.c, arch/arm/mm/context.c, arch/arm64/mm/context.c of 6.1).
 */
#ifndef SIMM_MM_TLB_FLUSH_H
#define SIMM_MM_TLB_FLUSH_H

#include "mm/process/types.h"

/* How many address-space numbers the CPUs have, as their descriptions and the command line (nopcid) say. */
void asids_init(struct machine *m);
/* Let CPU @cpu run in @mm, NULL: in the kernel's own tables. Errors: EDQUOT (a CPU is made at its first use). */
int switch_mm(struct machine *m, unsigned cpu, struct mm *mm);
/* The mm that a CPU runs in; NULL: the kernel's own. */
struct mm *current_mm(const struct machine *m, unsigned cpu);
/* flush_tlb_range(), from CPU @cpu: other CPUs that may hold entries of @mm are told by IPI (counted as a shootdown). Up
 * to 33 pages one by one (tlb_single_page_flush_ceiling), more: the whole address space. */
void flush_tlb_range(struct machine *m, unsigned cpu, struct mm *mm, uint64_t start, uint64_t end);
/* Everything of @mm, which ends: no CPU may hold entries of it or run in it. */
void flush_tlb_mm(struct machine *m, unsigned cpu, struct mm *mm);

#endif

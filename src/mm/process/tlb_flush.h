/* SPDX-License-Identifier: MIT
 *
 * Address spaces on CPUs: switching to one, its number in the TLBs, and making all CPUs forget what was unmapped
 * (arch/x86/mm/tlb.c, arch/arm/mm/context.c, arch/arm64/mm/context.c of 6.1).
 *
 * A CPU's registers are either those of user mode or those of the kernel in the same address space. On most machines
 * they are the same; they differ where the kernel keeps itself from user memory (ARM: the domain register) or user mode
 * from the kernel (page-table isolation: another top table).
 */
#ifndef SIMM_MM_TLB_FLUSH_H
#define SIMM_MM_TLB_FLUSH_H

#include "mm/core/link.h"
#include "mm/process/types.h"

struct text;

/* How many address-space numbers the CPUs have, as the registers say with which boot leaves them. At boot, once. */
void asids_init(struct machine *m);

int switch_mm_slow(struct machine *m, unsigned cpu, struct mm *mm);
/* Let CPU @cpu run in @mm, with the registers of user mode; NULL: in the kernel's own tables. Free when nothing changes.
 * Errors: EDQUOT (a CPU is made at its first use). */
static inline int switch_mm(struct machine *m, unsigned cpu, struct mm *mm)
{
	if (__builtin_expect(mm && m->processes.asids.user_at[cpu] == machine_ref(m, mm), 1))
		return 0;
	return switch_mm_slow(m, cpu, mm);
}
/* The CPU enters the kernel (a fault, a system call, an access in privileged mode): the kernel's registers, in the same
 * address space. Free where they are the same; switch_mm() goes back. */
void enter_kernel_slow(struct machine *m, unsigned cpu);
static inline void enter_kernel(struct machine *m, unsigned cpu)
{
	uint64_t at = m->processes.asids.user_at[cpu];
	const struct mm *mm = at ? machine_at(m, at) : NULL;

	if (mm && (m->arch == ARCH_ARM || mm->user_pgd))
		enter_kernel_slow(m, cpu);
}
/* The mm that a CPU runs in; NULL: the kernel's own. */
static inline struct mm *current_mm(const struct machine *m, unsigned cpu)
{
	uint64_t at = m->processes.asids.mm_at[cpu];

	return at ? machine_at(m, at) : NULL;
}

/* flush_tlb_range(), from CPU @cpu: other CPUs that may hold entries of @mm are told, by IPI where the hardware does not
 * do it (counted as a shootdown). x86: up to 33 pages one by one (tlb_single_page_flush_ceiling), more: the whole address
 * space. @end may be UINT64_MAX. Whole pages. */
void flush_tlb_range(struct machine *m, unsigned cpu, struct mm *mm, uint64_t start, uint64_t end);
/* flush_tlb_kernel_range(): all CPUs forget the kernel's own addresses [start, end), whole pages, not empty; above as many
 * pages everything. All others are told, whatever they run. */
void flush_tlb_kernel_range(struct machine *m, unsigned cpu, uint64_t start, uint64_t end);
/* Everything of @mm, which ends: no CPU may use entries of it or run in it. (What stays in a TLB has a number under which
 * nothing runs before it is forgotten.) */
void flush_tlb_mm(struct machine *m, unsigned cpu, struct mm *mm);

/* No TLB allows more than the tables do: violations, one line each in @out. */
unsigned tlbs_check(struct machine *m, struct text *out);

#endif

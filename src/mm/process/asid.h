/* SPDX-License-Identifier: MIT
 *
 * The number of an address space in the TLBs.
 *
 * ARM, AArch64, RISC-V: one number for the whole machine. They are given out one after the other; when all are used up
 * a new generation begins, every CPU forgets everything before it goes on, and all numbers are free again but those
 * that run at that moment.
 *
 *	mm.asid:   | generation | number |     valid while its generation is asids.generation
 *
 * x86: each CPU numbers the last six address spaces that it ran, for itself.
 *
 *	slot 0 .. 5 of CPU n:   mm.id, and the mm.tlb_gen that its TLB knows of
 *	PCID:                   slot + 1; with page-table isolation user mode has that | 0x800
 */
#ifndef SIMM_MM_ASID_H
#define SIMM_MM_ASID_H

#include "mm/process/types.h"

/* The number of @mm, to be used by CPU @cpu from now on. *@flush: forget all translations first. Not for x86. */
uint16_t asid_get(struct machine *m, unsigned cpu, struct mm *mm, bool *flush);
/* The number without its generation. */
static inline uint16_t asid_number(const struct asids *a, const struct mm *mm)
{
	return (uint16_t)(mm->asid & (((uint64_t)1 << a->bits) - 1));
}

/* Under which number the TLB of CPU @cpu may have translations of @mm that user mode uses: false when under none. */
bool asid_peek(const struct machine *m, unsigned cpu, const struct mm *mm, uint16_t *asid);

/* The slot in which CPU @cpu has the address space @id, or takes it in. *@flush: what the TLB has under that number is
 * another's, or out of date. */
unsigned asid_slot(struct machine *m, unsigned cpu, uint64_t id, uint64_t tlb_gen, bool *flush);
/* The PCID of a slot; 0 without PCIDs. */
static inline uint16_t asid_pcid(const struct asids *a, unsigned slot, bool user_half)
{
	return (uint16_t)(a->bits ? (slot + 1) | (user_half ? 0x800 : 0) : 0);
}

#endif

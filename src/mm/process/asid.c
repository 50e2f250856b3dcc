/* SPDX-License-Identifier: MIT
 *
 * Giving out numbers (see asid.h).
 *
 * A new generation, with numbers 1 .. 4:
 *
 *	        CPU 0 runs   CPU 1 runs   given out       a fifth address space comes
 *	        A = 1        C = 3        A1 B2 C3 D4     ->  generation + 1, A and C keep 1 and 3,
 *	                                                      the new one gets 2, B and D must ask again
 *
 * Invariant: in one generation no two address spaces have the same number, nor does a new one get a reserved number.
 *
 * Left out: Linux lets an address space of an older generation have its old number again where that is free; here it
 * gets the next one. Pinned numbers (SVA), isolation of AArch64's kernel (which halves the numbers).
 *
 * Follows arch/arm/mm/context.c, arch/arm64/mm/context.c, arch/riscv/mm/context.c, arch/x86/mm/tlb.c of 6.1.
 */
#include "mm/process/asid.h"

#include "mm/core/link.h"

#include <assert.h>

static bool same_generation(const struct asids *a, uint64_t asid)
{
	return asid && (asid ^ a->generation) >> a->bits == 0;
}

static void new_generation(struct machine *m)
{
	struct asids *a = &m->processes.asids;

	a->generation += (uint64_t)1 << a->bits;
	a->next = 1;
	for (unsigned cpu = 0; cpu < m->nr_cpus; cpu++) {
		/* One that has not run since the last time keeps what was reserved then. */
		if (a->active[cpu])
			a->reserved[cpu] = a->active[cpu];
		a->active[cpu] = 0;
		a->flush_pending[cpu / 64] |= (uint64_t)1 << cpu % 64;
	}
}

static bool number_reserved(const struct machine *m, uint64_t number)
{
	const struct asids *a = &m->processes.asids;
	uint64_t mask = ((uint64_t)1 << a->bits) - 1;

	for (unsigned cpu = 0; cpu < m->nr_cpus; cpu++)
		if ((a->reserved[cpu] & mask) == number)
			return true;
	return false;
}

/* It ran when the generation began: it keeps its number, wherever it is reserved. */
static bool keep_reserved(struct machine *m, uint64_t old, uint64_t now)
{
	struct asids *a = &m->processes.asids;
	bool found = false;

	for (unsigned cpu = 0; cpu < m->nr_cpus; cpu++)
		if (a->reserved[cpu] == old) {
			a->reserved[cpu] = now;
			found = true;
		}
	return found;
}

static uint64_t new_number(struct machine *m, const struct mm *mm)
{
	struct asids *a = &m->processes.asids;
	uint64_t now = a->generation | asid_number(a, mm);

	if (mm->asid && keep_reserved(m, mm->asid, now))
		return now;
	for (;; a->next++) {
		if (a->next >> a->bits)
			new_generation(m);
		/* Fewer CPUs than numbers: the search ends (asids_init()). */
		if (!number_reserved(m, a->next))
			return a->generation | a->next++;
	}
}

uint16_t asid_get(struct machine *m, unsigned cpu, struct mm *mm, bool *flush)
{
	struct asids *a = &m->processes.asids;
	uint64_t bit = (uint64_t)1 << cpu % 64;

	assert(cpu < m->nr_cpus);
	if (!a->bits) {
		*flush = true;
		return 0;
	}
	if (!same_generation(a, mm->asid))
		mm->asid = new_number(m, mm);
	*flush = a->flush_pending[cpu / 64] & bit;
	a->flush_pending[cpu / 64] &= ~bit;
	a->active[cpu] = mm->asid;
	return asid_number(a, mm);
}

unsigned asid_slot(struct machine *m, unsigned cpu, uint64_t id, uint64_t tlb_gen, bool *flush)
{
	struct asids *a = &m->processes.asids;
	unsigned slot = 0;

	assert(id && cpu < m->nr_cpus);
	*flush = true;
	if (a->bits) {
		while (slot < TLB_NR_DYN_ASIDS && a->slot[cpu][slot] != id)
			slot++;
		if (slot < TLB_NR_DYN_ASIDS) {
			*flush = a->slot_gen[cpu][slot] < tlb_gen;
		} else {
			slot = a->next_slot[cpu] % TLB_NR_DYN_ASIDS;
			a->next_slot[cpu] = (uint8_t)(slot + 1);
		}
	}
	a->slot[cpu][slot] = id;
	a->slot_gen[cpu][slot] = tlb_gen;
	a->this_slot[cpu] = (uint8_t)slot;
	return slot;
}

bool asid_peek(const struct machine *m, unsigned cpu, const struct mm *mm, uint16_t *asid)
{
	const struct asids *a = &m->processes.asids;
	unsigned slot = 0;

	*asid = 0;
	if (!a->bits)
		return a->mm_at[cpu] == machine_ref(m, mm);
	if (m->arch != ARCH_I386 && m->arch != ARCH_X86_64) {
		*asid = asid_number(a, mm);
		return same_generation(a, mm->asid);
	}
	while (slot < TLB_NR_DYN_ASIDS && a->slot[cpu][slot] != mm->id)
		slot++;
	if (slot == TLB_NR_DYN_ASIDS || a->slot_gen[cpu][slot] < mm->tlb_gen)
		return false;
	*asid = asid_pcid(a, slot, mm->user_pgd != 0);
	return true;
}

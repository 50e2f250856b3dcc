/* SPDX-License-Identifier: MIT
 *
 * Entries that get another protection, and entries that move to another address.
 *
 * change_protection() rewrites what is there. It gives the right to write back by itself only where a fault would just say
 * yes (can_change_pte_writable()): to a dirty page of a shared mapping, or one that is anonymous and this process's alone.
 *
 * move_page_tables() first makes every table that the new place needs, so that the move itself cannot fail.
 *
 * Follows mm/mprotect.c and mm/mremap.c of 6.1.
 */
#include "mm/process/fault.h"
#include "mm/process/pgtables.h"
#include "mm/process/tlb_flush.h"
#include "mm/process/user_page.h"
#include "mm/process/vma.h"

#include <assert.h>

/* A write fault would only set the bit. */
static bool may_be_writable(const struct machine *m, const struct vma *v, pte_t pte)
{
	uint64_t pfn;

	if (!(v->flags & VM_WRITE) || pte_is(m, pte, PTE_WRITE) || !pte_is(m, pte, PTE_DIRTY))
		return false;
	if (pte_has_soft_dirty(m) && !(v->flags & VM_SOFTDIRTY) && !pte_is(m, pte, PTE_SOFT_DIRTY))
		return false;
	if (v->flags & VM_SHARED)
		return true;
	pfn = vm_normal_pfn(m, v, pte);
	if (pfn == NO_PFN)
		return false;
	return (frame_of(m, pfn)->flags & (FRAME_ANON | FRAME_ANON_EXCLUSIVE)) ==
	       (FRAME_ANON | FRAME_ANON_EXCLUSIVE);
}

void change_protection(struct machine *m, unsigned cpu, struct vma *v, uint64_t start, uint64_t end)
{
	struct mm *mm = vma_mm(m, v);
	struct pte_range r = pte_range(start, end);
	uint64_t prot = vma_page_prot(m, v);
	bool any = false;

	while (pte_range_next(m, mm, &r))
		for (unsigned i = r.index; i < r.index + r.nr; i++) {
			pte_t old = pte_get(m, r.table, i);

			if (!pte_present(m, old))
				continue;
			pte_t pte = pte_modify(m, old, prot);

			if (may_be_writable(m, v, pte))
				pte = pte_with(m, pte, PTE_WRITE, true);
			pte_set(m, r.table, i, pte);
			any = true;
		}
	if (any)
		flush_tlb_range(m, cpu, mm, start, end);
}

/* The tables at the new place, for every part that has some at the old one. */
static int make_tables(struct machine *m, unsigned cpu, struct mm *mm, uint64_t old_addr,
	uint64_t new_addr, uint64_t bytes)
{
	struct pte_range r = pte_range(old_addr, old_addr + bytes);

	while (pte_range_next(m, mm, &r)) {
		uint64_t first = r.start - old_addr + new_addr;
		uint64_t last = first + ((uint64_t)(r.nr - 1) << PAGE_SHIFT);
		struct pte_place at;
		int err = pte_alloc(m, cpu, mm, first, &at);

		if (!err)
			err = pte_alloc(m, cpu, mm, last, &at);
		if (err)
			return err;
	}
	return 0;
}

int move_page_tables(struct machine *m, unsigned cpu, struct vma *from, uint64_t old_addr,
	uint64_t new_addr, uint64_t bytes)
{
	struct mm *mm = vma_mm(m, from);
	struct pte_range r = pte_range(old_addr, old_addr + bytes);
	int err = make_tables(m, cpu, mm, old_addr, new_addr, bytes);

	if (err)
		return err;
	while (pte_range_next(m, mm, &r))
		for (unsigned i = 0; i < r.nr; i++) {
			pte_t pte = pte_get(m, r.table, r.index + i);
			struct pte_place at;

			if (pte_none(pte))
				continue;
			bool found = pte_find(m, mm,
				r.start + ((uint64_t)i << PAGE_SHIFT) - old_addr + new_addr, &at);

			assert(found);
			(void)found;
			pte_set(m, r.table, r.index + i, 0);
			if (pte_present(m, pte))
				pte = pte_with(m, pte, PTE_SOFT_DIRTY, true);
			pte_set(m, at.table, at.index, pte);
		}
	flush_tlb_range(m, cpu, mm, old_addr, old_addr + bytes);
	return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * Gathering the pages of an address space that are where they should not be, for mbind() and migrate_pages().
 *
 * For each mapping of the range, in order: a hole before it, or behind it, ends the walk (-EFAULT) unless holes are allowed;
 * a mapping whose pages cannot move is passed over, with STRICT noted. For each of its entries: is the page on a node that
 * counts? With MOVE it is isolated; with STRICT alone the first one found is an error.
 *
 * Invariant: whatever is returned, q->list holds exactly the pages that were isolated.
 * Left out: huge pages. Follows queue_pages_range() of mm/mempolicy.c of 6.1.
 */
#include "mm/move/numa.h"

#include "mm/page/zone.h"
#include "mm/process/pgtables.h"
#include "mm/process/user_page.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"

#include <errno.h>

bool vma_migratable(const struct vma *v)
{
	return !(v->flags & (VM_IO | VM_PFNMAP));
}

static bool wanted(const struct machine *m, const struct queue_pages *q, uint64_t pfn)
{
	if (frame_of(m, pfn)->flags & FRAME_RESERVED)
		return false;
	return (q->nodes >> pfn_zone(m, pfn)->nid & 1) != q->invert;
}

/* Isolate it if it may go. False: it stays, and STRICT minds. */
static bool add(struct machine *m, struct queue_pages *q, uint64_t pfn)
{
	if (!(q->flags & MPOL_MF_MOVE_ALL_) && frame_of(m, pfn)->mapcount != 1)
		return true;
	return !migrate_isolate(m, &q->list, pfn) || !(q->flags & MPOL_MF_STRICT_);
}

/* 0, 1: some stay, -EIO. */
static int queue_mapping(struct machine *m, struct mm *mm, struct vma *v, uint64_t start,
	uint64_t end, struct queue_pages *q)
{
	struct pte_range r = pte_range(start, end);
	bool move = q->flags & (MPOL_MF_MOVE_ | MPOL_MF_MOVE_ALL_), stay = false;

	while (pte_range_next(m, mm, &r)) {
		for (unsigned i = r.index; i < r.index + r.nr; i++) {
			uint64_t pfn = mapped_pfn(m, v, pte_get(m, r.table, i));

			if (pfn == NO_PFN || !wanted(m, q, pfn))
				continue;
			if (!move)
				return -EIO;
			if (!vma_migratable(v))
				return 1;
			stay |= !add(m, q, pfn);
		}
	}
	return stay;
}

static int refuse_hole(struct machine *m, uint64_t at)
{
	return refuse(&m->why, EFAULT, "nothing is mapped at 0x%llx", (unsigned long long)at);
}

int queue_pages_range(struct machine *m, struct mm *mm, struct queue_pages *q)
{
	struct vma *v = vma_find(m, &mm->vmas, q->start);
	uint64_t at = q->start;
	bool stay = false, any = false;

	for (; v && v->start < q->end; v = vma_next(m, &mm->vmas, v)) {
		uint64_t start = v->start > q->start ? v->start : q->start;
		uint64_t end = v->end < q->end ? v->end : q->end;

		if (!q->holes && start > at)
			return refuse_hole(m, at);
		any = true;
		at = end;
		if (!q->flags || (!vma_migratable(v) && !(q->flags & MPOL_MF_STRICT_)))
			continue;
		int err = queue_mapping(m, mm, v, start, end, q);

		if (err < 0)
			return refuse(&m->why, EIO,
				"a page of the range is on another node (MPOL_MF_STRICT)");
		stay |= err > 0;
	}
	if (!any || (!q->holes && at < q->end))
		return refuse_hole(m, at);
	return stay;
}

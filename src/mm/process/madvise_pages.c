/* SPDX-License-Identifier: MIT
 *
 * MADV_FREE, MADV_COLD and MADV_PAGEOUT: what the process says about its pages' future.
 *
 *	FREE	entry old and clean, page without SWAPBACKED on the inactive file list: reclaim may drop it as it is.
 *		A write makes the entry dirty, which reclaim sees, and only then.
 *	COLD	entry old, page inactive: the next to be reclaimed
 *	PAGEOUT	entry old, and reclaim it now
 *
 * COLD and PAGEOUT leave pages alone that others map, too. What PAGEOUT can do without a swap device:
 *
 *	anonymous			nowhere to go: becomes active
 *	anonymous, lazily freed		clean: freed (pglazyfreed); written since: SWAPBACKED again, active
 *	of a file			unmapped; clean: leaves the page cache; dirty: active until it is written
 *	shared memory			unmapped; active, unless it is still the zeroes that it began with
 *
 * Left out: swap, large pages, the idle flag, writing dirty pages. Follows mm/madvise.c, and what shrink_folio_list() of
 * mm/vmscan.c does with such pages, of 6.1.
 */
#include "mm/process/madvise.h"

#include "mm/machine.h"
#include "mm/page/frame.h"
#include "mm/page/lru.h"
#include "mm/page/zone.h"
#include "mm/process/fault.h"
#include "mm/process/file.h"
#include "mm/process/mm.h"
#include "mm/process/pgtables.h"
#include "mm/process/rmap.h"
#include "mm/process/tlb_flush.h"
#include "mm/process/user_page.h"
#include "mm/process/vma.h"

/* What was changed, as mmu_gather collects it: one flush from the first to the last entry. */
struct gather {
	uint64_t start, end;
};

static void gather(struct gather *g, uint64_t addr)
{
	if (!g->end)
		g->start = addr;
	g->end = addr + PAGE_BYTES;
}

static void flush(struct machine *m, unsigned cpu, struct vma *v, const struct gather *g)
{
	if (g->end)
		flush_tlb_range(m, cpu, vma_mm(m, v), g->start, g->end);
}

/* ---- FREE ---- */

static void free_lazily(
	struct machine *m, struct vma *v, const struct pte_range *r, unsigned i, struct gather *g)
{
	pte_t pte = pte_get(m, r->table, r->index + i);
	uint64_t pfn = mapped_pfn(m, v, pte);

	if (pfn == NO_PFN)
		return;
	struct frame *f = frame_of(m, pfn);
	if (f->flags & (FRAME_SWAPCACHE | FRAME_DIRTY)) {
		/* The others' right to the contents cannot be given up here. */
		if (f->mapcount != 1 || f->flags & FRAME_SWAPCACHE)
			return;
		f->flags &= ~(uint32_t)FRAME_DIRTY;
	}
	if (pte_is(m, pte, PTE_YOUNG) || pte_is(m, pte, PTE_DIRTY)) {
		pte = pte_with(m, pte_with(m, pte, PTE_YOUNG, false), PTE_DIRTY, false);
		pte_set(m, r->table, r->index + i, pte);
		gather(g, r->start + i * PAGE_BYTES);
	}
	mark_page_lazyfree(m, pfn);
}

void madvise_free(struct machine *m, unsigned cpu, struct vma *v, uint64_t start, uint64_t end)
{
	struct mm *mm = vma_mm(m, v);
	struct pte_range r = pte_range(start, end);
	struct gather g = {0};

	mm_update_hiwater(mm);
	while (pte_range_next(m, mm, &r))
		for (unsigned i = 0; i < r.nr; i++)
			free_lazily(m, v, &r, i, &g);
	flush(m, cpu, v, &g);
}

/* ---- COLD and PAGEOUT ---- */

static void activate(struct machine *m, uint64_t pfn, uint32_t set)
{
	lru_move(m, pfn, 0, FRAME_ACTIVE | set);
	count_event(m, EV_pgactivate, 1);
}

static void reclaim_anon(
	struct machine *m, unsigned cpu, struct vma *v, uint64_t addr, uint64_t pfn, pte_t pte)
{
	struct frame *f = frame_of(m, pfn);

	if (f->flags & FRAME_SWAPBACKED) {
		activate(m, pfn, 0);
	} else if (f->flags & FRAME_DIRTY || pte_is(m, pte, PTE_DIRTY)) {
		activate(m, pfn, FRAME_SWAPBACKED);
	} else if (f->refcount == 1) {
		zap_range(m, cpu, v, addr, addr + PAGE_BYTES, true);
		count_event(m, EV_pglazyfreed, 1);
	}
}

static void reclaim_cached(
	struct machine *m, unsigned cpu, struct vma *v, uint64_t addr, uint64_t pfn)
{
	struct frame *f = frame_of(m, pfn);
	struct inode *inode = mapping_object(m, f->mapping);
	uint64_t index = f->index;

	zap_range(m, cpu, v, addr, addr + PAGE_BYTES, true);
	if (f->flags & FRAME_DIRTY) {
		if (!(f->flags & FRAME_SWAPBACKED)) {
			f->flags |= FRAME_RECLAIM;
			node_at(m, pfn_zone(m, pfn)->nid)->stat[ND_nr_vmscan_immediate_reclaim]++;
		}
		activate(m, pfn, 0);
	} else if (f->refcount == 1) {
		truncate_inode_pages(m, cpu, inode, index, index);
	}
}

static void cool(struct machine *m, unsigned cpu, struct vma *v, const struct pte_range *r,
	unsigned i, bool pageout, struct gather *g)
{
	pte_t pte = pte_get(m, r->table, r->index + i);
	uint64_t pfn = mapped_pfn(m, v, pte), addr = r->start + i * PAGE_BYTES;

	if (pfn == NO_PFN)
		return;
	struct frame *f = frame_of(m, pfn);
	if (!(f->flags & FRAME_LRU) || f->mapcount != 1)
		return;
	if (pte_is(m, pte, PTE_YOUNG)) {
		pte = pte_with(m, pte, PTE_YOUNG, false);
		pte_set(m, r->table, r->index + i, pte);
		gather(g, addr);
	}
	f->flags &= ~(uint32_t)FRAME_REFERENCED;
	if (!pageout)
		deactivate_page(m, pfn);
	else if (f->flags & FRAME_UNEVICTABLE)
		return;
	else if (f->flags & FRAME_ANON)
		reclaim_anon(m, cpu, v, addr, pfn, pte);
	else
		reclaim_cached(m, cpu, v, addr, pfn);
}

void madvise_cold(
	struct machine *m, unsigned cpu, struct vma *v, uint64_t start, uint64_t end, bool pageout)
{
	struct mm *mm = vma_mm(m, v);
	struct pte_range r = pte_range(start, end);
	struct gather g = {0};

	while (pte_range_next(m, mm, &r))
		for (unsigned i = 0; i < r.nr; i++)
			cool(m, cpu, v, &r, i, pageout, &g);
	flush(m, cpu, v, &g);
}

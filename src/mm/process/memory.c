/* SPDX-License-Identifier: MIT
 *
 * Many entries at once: unmapping a range, and copying one at a fork.
 *
 *	zap:	for each table page in the range: for each entry: clear it, one mapping fewer of its page, one page
 *		fewer in the counters; pages that nobody holds any more go back to the zone, many at a time. Then the TLBs
 *		forget.
 *	copy:	for each entry of the parent: the child gets the same page, one mapping more; where the mapping is private
 *		and writable both lose the right to write, and the first of them who writes makes a copy (fault.c).
 *
 * A copy that cannot go on (no page for a table) leaves what it has copied to its caller, who unmaps the child's whole
 * address space. The parent's entries that have lost their right to write are given it back by the next write fault,
 * which finds the page unshared.
 *
 * Left out: swap and migration entries, large pages. Follows mm/memory.c (zap_pte_range(), copy_pte_range()) of 6.1.
 */
#include "mm/page/contents.h"
#include "mm/page/lru.h"
#include "mm/process/fault.h"
#include "mm/process/file.h"
#include "mm/process/pgtables.h"
#include "mm/process/rmap.h"
#include "mm/process/tlb_gather.h"
#include "mm/process/user_page.h"
#include "mm/process/vma.h"

#include <assert.h>
#include <errno.h>

/* ---- zap ---- */

/* What the entry knew of a page that is not anonymous. */
static void keep_bits(struct tlb_gather *g, const struct vma *v, pte_t pte, uint64_t pfn)
{
	struct machine *m = g->m;
	bool dirty = pte_is(m, pte, PTE_DIRTY);

	/* Nobody may write to a page that was found dirty once it is clean again. */
	g->force |= dirty;
	if (frame_of(m, pfn)->flags & FRAME_RESERVED)
		return;
	if (dirty)
		set_page_dirty(m, pfn);
	if (pte_is(m, pte, PTE_YOUNG) && !(v->flags & VM_SEQ_READ))
		mark_page_accessed(m, pfn);
}

static void zap_part(struct tlb_gather *g, struct vma *v, const struct pte_range *r, bool even_cows)
{
	struct machine *m = g->m;
	uint64_t va = r->start, rss[NR_MM_COUNTERS] = {0};

	for (unsigned i = r->index; i < r->index + r->nr; i++, va += PAGE_BYTES) {
		pte_t pte = pte_get(m, r->table, i);

		if (pte_none(pte))
			continue;
		uint64_t pfn = vm_normal_pfn(m, v, pte);
		struct frame *f = pfn == NO_PFN ? NULL : frame_of(m, pfn);

		if (f && !even_cows && f->flags & FRAME_ANON)
			continue;
		pte_set(m, r->table, i, 0);
		tlb_gather_range(g, va, va + PAGE_BYTES);
		if (!f)
			continue;
		if (!(f->flags & FRAME_ANON))
			keep_bits(g, v, pte, pfn);
		rss[page_counter(f)]++;
		page_remove_rmap(m, pfn);
		if (v->flags & VM_LOCKED)
			munlock_vma_page(m, pfn, v->flags);
		tlb_gather_page(g, pfn, f);
	}
	for (unsigned c = 0; c < NR_MM_COUNTERS; c++)
		g->mm->rss[c] -= rss[c];
	tlb_gather_free(g);
	if (g->force)
		tlb_gather_flush(g);
}

void unmap_range(struct tlb_gather *g, struct vma *v, uint64_t start, uint64_t end, bool even_cows)
{
	struct pte_range r = pte_range(start, end);

	assert(start >= v->start && end <= v->end);
	while (pte_range_next(g->m, g->mm, &r))
		zap_part(g, v, &r, even_cows);
	tlb_gather_end_vma(g, v);
}

void zap_range(struct machine *m, unsigned cpu, struct vma *v, uint64_t start, uint64_t end,
	bool even_cows)
{
	struct mm *mm = vma_mm(m, v);
	struct tlb_gather g;

	mm_update_hiwater(mm);
	tlb_gather_begin(&g, m, cpu, mm, false);
	unmap_range(&g, v, start, end, even_cows);
	tlb_gather_flush(&g);
}

/* ---- copy ---- */

/* vma_needs_copy(): without anonymous pages the child's faults can find everything again. */
static bool needs_copy(const struct vma *v)
{
	return v->flags & (VM_PFNMAP | VM_MIXEDMAP) || v->anon_vma_at;
}

/* One present entry; returns what the child gets, and changes the parent's. */
static pte_t copy_entry(
	struct machine *m, struct mm *child, struct vma *src, uint64_t table, unsigned i, pte_t pte)
{
	uint64_t pfn = vm_normal_pfn(m, src, pte);

	if (pfn != NO_PFN) {
		struct frame *f = frame_of(m, pfn);

		f->refcount++;
		if (f->flags & FRAME_ANON)
			page_dup_anon_rmap(m, pfn);
		else
			page_add_file_rmap(m, pfn);
		child->rss[page_counter(f)]++;
	}
	if (is_cow_mapping(src->flags) && pte_is(m, pte, PTE_WRITE)) {
		pte = pte_with(m, pte, PTE_WRITE, false);
		pte_set(m, table, i, pte);
	}
	if (src->flags & VM_SHARED)
		pte = pte_with(m, pte, PTE_DIRTY, false);
	return pte_with(m, pte, PTE_YOUNG, false);
}

/* A page that is pinned must stay its owner's: whoever pinned it writes to it, and the owner is to see that. So the child
 * gets a copy now (copy_present_page()). */
static bool is_owned_by_pin(const struct machine *m, uint64_t pfn)
{
	const uint32_t own = FRAME_ANON | FRAME_ANON_EXCLUSIVE;
	const struct frame *f = pfn == NO_PFN ? NULL : frame_of(m, pfn);

	return f && (f->flags & own) == own && page_maybe_pinned(f);
}

static int copy_now(struct machine *m, unsigned cpu, struct vma *dst, uint64_t addr,
	uint64_t old_pfn, pte_t *pte)
{
	struct dram dram = machine_dram(m);
	uint64_t pfn = user_page_alloc(m, cpu, dst, addr, false, CALLER_copy_page);

	if (pfn == NO_PFN)
		return -m->why.err;
	int err = dram_copy_frame(&dram, pfn << PAGE_SHIFT, old_pfn << PAGE_SHIFT, &m->why);
	if (err) {
		user_page_put(m, cpu, pfn);
		return err;
	}
	clock_charge(m, COPY_PAGE);
	page_add_new_anon_rmap(m, pfn, dst, addr);
	lru_add_vma(m, pfn, dst->flags);
	vma_mm(m, dst)->rss[MM_ANONPAGES]++;
	*pte = pte_make_dirty(m, pfn, dst->flags);
	return 0;
}

int copy_page_range(struct machine *m, unsigned cpu, struct vma *dst, struct vma *src)
{
	struct mm *from = vma_mm(m, src), *to = vma_mm(m, dst);
	struct pte_range r = pte_range(src->start, src->end);
	int err = 0;

	if (!needs_copy(src))
		return 0;
	while (!err && pte_range_next(m, from, &r)) {
		struct pte_place at = {0};

		for (unsigned i = r.index; i < r.index + r.nr && !err; i++) {
			pte_t pte = pte_get(m, r.table, i);

			if (pte_none(pte))
				continue;
			if (!at.table)
				err = pte_alloc(m, cpu, to, r.start, &at);
			uint64_t pfn = mapped_pfn(m, src, pte);
			uint64_t addr = r.start + ((uint64_t)(i - r.index) << PAGE_SHIFT);

			if (!err && is_owned_by_pin(m, pfn))
				err = copy_now(m, cpu, dst, addr, pfn, &pte);
			else if (!err)
				pte = copy_entry(m, to, src, r.table, i, pte);
			if (!err)
				pte_set(m, at.table, i, pte);
		}
	}
	return err;
}

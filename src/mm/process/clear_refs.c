/* SPDX-License-Identifier: MIT
 *
 * Forgetting that pages were used or written, so that one can see which are from now on: the working set by
 * Referenced of smaps, what a checkpoint must copy again by soft-dirty of pagemap.
 *
 * 1. Kinds 1 to 3 make entries old and pages not referenced. TLBs keep what they know, as in Linux: an entry
 *    that stays in one does not become young again until it is walked for.
 * 2. Kind 4 write-protects each entry and takes its soft-dirty bit, and the mappings' VM_SOFTDIRTY; the next write
 *    faults, and sets it. The whole address space leaves the TLBs. Kernels without CONFIG_MEM_SOFT_DIRTY do nothing.
 * 3. Kind 5 sets the highest RSS to the present one.
 *
 * Follows clear_refs_write() in fs/proc/task_mmu.c of 6.1.
 */
#include "mm/process/clear_refs.h"

#include "mm/page/frame.h"
#include "mm/process/mm.h"
#include "mm/process/pgtables.h"
#include "mm/process/tlb_flush.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"

static bool wanted(const struct vma *v, enum clear_refs kind)
{
	if (v->flags & VM_PFNMAP)
		return false;
	return kind == CLEAR_REFS_ANON	   ? !v->file_at
	       : kind == CLEAR_REFS_MAPPED ? v->file_at
					   : true;
}

static void clear_entry(
	struct machine *m, const struct pte_range *r, unsigned i, enum clear_refs kind)
{
	pte_t pte = pte_get(m, r->table, r->index + i);

	if (pte_none(pte) || !pte_is(m, pte, PTE_PRESENT))
		return;
	if (kind == CLEAR_REFS_SOFT_DIRTY) {
		pte_t clean =
			pte_with(m, pte_with(m, pte, PTE_WRITE, false), PTE_SOFT_DIRTY, false);

		pte_set(m, r->table, r->index + i, clean);
		return;
	}
	if (pte_is(m, pte, PTE_SPECIAL) || !pfn_valid(m, pte_pfn(m, pte)))
		return;
	frame_of(m, pte_pfn(m, pte))->flags &= ~(uint32_t)FRAME_REFERENCED;
	pte_set(m, r->table, r->index + i, pte_with(m, pte, PTE_YOUNG, false));
}

static void clear_mapping(
	struct machine *m, const struct mm *mm, const struct vma *v, enum clear_refs kind)
{
	struct pte_range r = pte_range(v->start, v->end);

	while (pte_range_next(m, mm, &r))
		for (unsigned i = 0; i < r.nr; i++)
			clear_entry(m, &r, i, kind);
}

void mm_clear_refs(struct machine *m, unsigned cpu, struct mm *mm, enum clear_refs kind)
{
	if (kind == CLEAR_REFS_MM_HIWATER_RSS) {
		mm->hiwater_rss = mm_rss(mm);
		return;
	}
	if (kind == CLEAR_REFS_SOFT_DIRTY && !pte_has_soft_dirty(m))
		return;
	for (struct vma *v = vma_first(m, &mm->vmas); v; v = vma_next(m, &mm->vmas, v)) {
		if (kind == CLEAR_REFS_SOFT_DIRTY)
			v->flags &= ~(uint64_t)VM_SOFTDIRTY;
		if (wanted(v, kind))
			clear_mapping(m, mm, v, kind);
	}
	if (kind == CLEAR_REFS_SOFT_DIRTY)
		flush_tlb_range(m, cpu, mm, 0, mm->task_size);
}

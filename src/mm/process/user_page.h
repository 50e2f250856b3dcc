/* SPDX-License-Identifier: MIT
 *
 * Pages of processes: taken, given back, told apart from those that are nobody's. Between the files of mm/process.
 */
#ifndef SIMM_MM_USER_PAGE_H
#define SIMM_MM_USER_PAGE_H

#include "mm/kernel/pte.h"
#include "mm/page/frame.h"
#include "mm/process/mempolicy.h"
#include "mm/process/mm.h"

/* An anonymous page (GFP_HIGHUSER_MOVABLE) for @addr of @v, from the node that policies say, zeroed when @zero; NO_PFN:
 * m->why (ENOMEM, EDQUOT). @caller: who takes it. */
static inline uint64_t user_page_alloc(struct machine *m, unsigned cpu, const struct vma *v, uint64_t addr,
	bool zero, enum caller_id caller)
{
	gfp_t gfp = (gfp_t)GFP_HIGHUSER_MOVABLE | (zero ? (gfp_t)__GFP_ZERO : 0);
	uint64_t pfn;

	callstack_push(&m->callstack, caller);
	int err = alloc_page_vma(m, cpu, v, addr, gfp, &pfn);
	callstack_pop(&m->callstack);
	return err ? NO_PFN : pfn;
}
/* Drop a reference; the last one takes the page off its LRU list and frees it (put_page()). */
void user_page_put(struct machine *m, unsigned cpu, uint64_t pfn);
/* Pages whose last reference has gone are freed, one after the other (release_pages()). */
void user_pages_release(struct machine *m, unsigned cpu, const uint64_t *pfns, unsigned nr);

static inline void user_page_get(struct machine *m, uint64_t pfn)
{
	frame_of(m, pfn)->refcount++;
}

/* vm_normal_page(): the page of an entry that counts as the process's; NO_PFN for the zero page and devices. */
static inline uint64_t vm_normal_pfn(const struct machine *m, const struct vma *v, pte_t pte)
{
	uint64_t pfn = pte_pfn(m, pte);

	if (pte_is(m, pte, PTE_SPECIAL) && pte_row(m)->rule[PTE_SPECIAL].mask)
		return NO_PFN;
	if (v->flags & VM_PFNMAP || pfn == m->processes.zero_pfn)
		return NO_PFN;
	return pfn;
}

/* The same of any entry: NO_PFN also when nothing is mapped. */
static inline uint64_t mapped_pfn(const struct machine *m, const struct vma *v, pte_t pte)
{
	return pte_none(pte) || !pte_present(m, pte) ? NO_PFN : vm_normal_pfn(m, v, pte);
}

/* The counter of a mapped page: MM_ANONPAGES, MM_SHMEMPAGES, MM_FILEPAGES (mm_counter()). */
static inline enum mm_counter page_counter(const struct frame *f)
{
	if (f->flags & FRAME_ANON)
		return MM_ANONPAGES;
	return f->flags & FRAME_SWAPBACKED ? MM_SHMEMPAGES : MM_FILEPAGES;
}

/* is_cow_mapping(): private, and may become writable. */
static inline bool is_cow_mapping(uint64_t vm_flags)
{
	return (vm_flags & (VM_SHARED | VM_MAYWRITE)) == VM_MAYWRITE;
}

#endif

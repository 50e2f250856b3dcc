/* SPDX-License-Identifier: MIT
 *
 * What a call unmaps is gathered, and the TLBs are told of all of it at once (struct mmu_gather of 6.1).
 *
 *	begin ──> a page's entry is cleared ──> ... ──> end of a mapping ──> ... ──> tables are freed ──> finish
 *	             the range grows              x86: goes on                       the range grows     one flush
 *	             9698 pages: a flush          others: a flush
 */
#ifndef SIMM_MM_TLB_GATHER_H
#define SIMM_MM_TLB_GATHER_H

#include "mm/page/frame.h"
#include "mm/process/types.h"

enum { GATHER_PAGES = 64 };

struct tlb_gather {
	struct machine *m;
	unsigned cpu;
	struct mm *mm;
	bool whole_mm;		/* the address space ends: whoever ends it flushes all of it (tlb->fullmm) */
	bool force;		/* at the end of this table page, not later: a dirty page of a file was unmapped */
	unsigned room;		/* for so many pages before a flush */
	unsigned nr;		/* pages that wait to be freed */
	uint64_t pfn[GATHER_PAGES];
	uint64_t start, end;	/* of the entries that are gone; start >= end: none */
};

void tlb_gather_begin(struct tlb_gather *g, struct machine *m, unsigned cpu, struct mm *mm, bool whole_mm);
/* Tell the TLBs of what was gathered, and begin anew. */
void tlb_gather_flush(struct tlb_gather *g);
/* Free the pages that wait for it. */
void tlb_gather_free(struct tlb_gather *g);
/* A mapping's pages are done (tlb_end_vma()). */
void tlb_gather_end_vma(struct tlb_gather *g, const struct vma *v);

/* Entries in [start, end) have gone, or the table at @start has. */
static inline void tlb_gather_range(struct tlb_gather *g, uint64_t start, uint64_t end)
{
	g->start = start < g->start ? start : g->start;
	g->end = end > g->end ? end : g->end;
}

/* A page was taken out of an entry: it loses a reference. */
static inline void tlb_gather_page(struct tlb_gather *g, uint64_t pfn, struct frame *f)
{
	if (!--f->refcount) {
		g->pfn[g->nr++] = pfn;
		if (g->nr == GATHER_PAGES)
			tlb_gather_free(g);
	}
	if (!--g->room)
		tlb_gather_flush(g);
}

#endif

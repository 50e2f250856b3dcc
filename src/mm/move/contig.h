/* SPDX-License-Identifier: MIT
 *
 * A given range of pages, taken whoever has it: alloc_contig_range() of 6.1 (mm/page_alloc.c, mm/page_isolation.c).
 *
 *	isolate     the range's pageblocks become Isolate: what is or gets free in them goes to nobody
 *	drain       the CPUs' lists are emptied into the zone
 *	migrate     tenants move out, 32 at a time; clean pages of files are dropped instead
 *	test        is every page of the range free now?
 *	grab        the free pages are taken off their lists, each a page of its own with one reference
 *	unisolate   the pageblocks get their type back
 *
 * The work is done in slices, so that a large range does not keep others waiting: struct contig_range is how far it has come, and
 * lies with the caller. Between two slices the machine is whole: others may read it and act on it, and find isolated
 * pageblocks, as they may on Linux.
 */
#ifndef SIMM_MM_CONTIG_H
#define SIMM_MM_CONTIG_H

#include "mm/page/page_alloc.h"

/* What is looked at, taken or given back in the time in which one page moves. */
#define CONTIG_PAGES_PER_STEP 16u

enum contig_phase {
	CONTIG_ISOLATE,
	CONTIG_DRAIN,
	CONTIG_MIGRATE,
	CONTIG_TEST,
	CONTIG_GRAB,
	CONTIG_GIVE_BACK, /* only after an interruption */
	CONTIG_UNISOLATE,
	CONTIG_DONE
};

struct contig_range {
	uint64_t start_pfn, end_pfn;
	enum migratetype type;	 /* of its pageblocks: MIGRATE_CMA or MIGRATE_MOVABLE */
	uint32_t frame_flags;	 /* what the pages get: FRAME_CMA_INUSE or 0 */
	enum contig_phase phase;
	uint64_t at_pfn;	 /* how far the phase has come */
	uint64_t isolated_pfn;	 /* the end of the isolated pageblocks */
	uint64_t grabbed_pfn;	 /* the end of the pages that were taken */
	int err;		 /* why it will fail, once it is clear that it will */
	struct refusal why;	 /* and in words */
};

/* Pages [start_pfn, end_pfn), all of one zone, whose pageblocks are of @type. Errors (nothing begun): EINVAL. */
int contig_begin(struct machine *m, struct contig_range *c, uint64_t start_pfn, uint64_t end_pfn, enum migratetype type,
	uint32_t frame_flags);
/* A slice of about @steps pages. 1: call again; 0: the pages are the caller's; or -errno with m->why, and none is: EBUSY (a
 * page cannot leave, or a pageblock is being isolated by another), ENOMEM (no place for the tenants), EINTR, EDQUOT.
 * Tenants that had moved by then stay where they went. */
int contig_step(struct machine *m, unsigned cpu, struct contig_range *c, unsigned steps);
/* A signal: the next slices undo what was done, and it ends with -EINTR. Too late once all pages are taken. */
void contig_interrupt(struct machine *m, struct contig_range *c);

/* All slices at once. */
int alloc_contig_range(struct machine *m, unsigned cpu, uint64_t start_pfn, uint64_t end_pfn, enum migratetype type);

/* ---- wherever they are to be had (contig_pages.c) ---- */

struct contig_search {
	uint64_t nr, align;
	gfp_t gfp;
	unsigned nid;
	/* how far it is */
	unsigned zone;	 /* in the node's list of zones */
	uint64_t at_pfn; /* the place at hand; NO_PFN: the zone's first */
	uint64_t seen;	 /* pages of it that may do */
	bool trying, interrupted;
	struct contig_range range;
};

/* alloc_contig_pages(): @nr pages somewhere, beginning at a multiple of the next power of two, in a zone that @gfp allows, on node
 * @nid or (-1) @cpu's and then others. Errors (nothing begun): EINVAL. */
int contig_search_begin(struct machine *m, struct contig_search *s, unsigned cpu, uint64_t nr, gfp_t gfp, int nid);
/* As contig_step(): 1: call again; 0: *@pfn and those behind it are the caller's; -errno: ENOMEM, EINTR, EDQUOT. */
int contig_search_step(struct machine *m, unsigned cpu, struct contig_search *s, unsigned steps, uint64_t *pfn);
void contig_search_interrupt(struct machine *m, struct contig_search *s);
/* All slices at once. */
int alloc_contig_pages(struct machine *m, unsigned cpu, uint64_t nr, gfp_t gfp, int nid, uint64_t *pfn);

/* ---- and back (contig_free.c) ---- */

struct contig_free {
	uint64_t pfn, nr;
	uint32_t frame_flags; /* FRAME_CMA_INUSE: pages of cma_alloc(), and only those; 0: only others */
	/* how far it is */
	uint64_t at; /* pages looked at, then freed */
	bool freeing;
	uint64_t still; /* others have them */
};

/* free_contig_range(): drop a reference of each of @nr single pages from @pfn on; one that others hold is freed by the last of
 * them, and the log has a warning. */
void contig_free_begin(struct contig_free *f, uint64_t pfn, uint64_t nr, uint32_t frame_flags);
/* A slice of about @steps pages moved. 1: call again; 0: done; -EINVAL: nothing was freed. */
int contig_free_step(struct machine *m, unsigned cpu, struct contig_free *f, unsigned steps);
/* All slices at once. */
int free_contig_range(struct machine *m, unsigned cpu, uint64_t pfn, uint64_t nr, uint32_t frame_flags);

#endif

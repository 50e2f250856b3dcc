/* SPDX-License-Identifier: MIT
 *
 * Contiguous memory areas: lent to movable allocations, taken back when a device needs pages side by side (mm/cma.c of 6.1).
 *
 *	tenants		pages of processes, files and movable names, while nobody needs the area
 *	landlord	cma_alloc(): chooses a range by the bitmap, and contig.h empties it; who cannot leave makes it try the next
 *
 *	bitmap	##########....######....................	given out, or not (tenants are in either)
 *	                  ^             ^ request that does not fit into the hole
 *
 * An area's name is that of its node in the devicetree, "reserved" for the default one. The page allocator keeps requests that
 * are not movable out, and the balance between CMA and other free pages.
 */
#ifndef SIMM_MM_CMA_H
#define SIMM_MM_CMA_H

#include "mm/move/contig.h"

#define CMA_ALIGNMENT 8u  /* CONFIG_CMA_ALIGNMENT: the largest order that buffers of devices are aligned to */
#define CMA_MAX_ALIGN 51u /* the largest order that an alignment can be: beyond it no pfn is */

/* Boot's: [base_pfn, base_pfn + nr_pages) is an area now. One with a name that is taken gets a number behind it. Errors: ENOMEM,
 * EDQUOT. */
int cma_add_area(struct machine *m, const char *name, uint64_t base_pfn, uint64_t nr_pages);
/* By name; -1: none. */
int cma_find(const struct machine *m, const char *name, size_t len);
/* A sentence that names the areas that there are. -EINVAL. */
int cma_refuse_name(struct machine *m, const char *name, size_t len);

/* An allocation under way. */
struct cma_request {
	unsigned area;
	uint64_t nr_pages;
	unsigned align; /* an order, in pages */
	bool no_warn;
	/* how far it is */
	uint64_t pfn;	   /* the range that is being tried; the result */
	uint64_t from_bit; /* where the search goes on */
	bool trying;
	int ret; /* what it is to end with when no further range is found */
	struct contig_range range;
};

/* Errors: EAGAIN (another allocation is between two slices: the kernel would wait for cma_mutex), EINVAL (align); ENOMEM (no
 * pages asked for, or more than the area has), which counts as a failed allocation. */
int cma_begin(struct machine *m, unsigned cpu, struct cma_request *q, unsigned area, uint64_t nr_pages, unsigned align,
	bool no_warn);
/* A slice of about @steps pages. 1: call again; 0: q->pfn and those behind it are the caller's; -errno (m->why, the log and the
 * counters say so): ENOMEM (no range is free in the bitmap, or no place for tenants), EBUSY (the last range that was tried has
 * somebody who cannot leave), EINTR, EDQUOT. */
int cma_step(struct machine *m, unsigned cpu, struct cma_request *q, unsigned steps);
/* A signal: the next slices end it with EINTR. */
void cma_interrupt(struct machine *m, struct cma_request *q);
/* All slices at once; also EBUSY where cma_begin() says EAGAIN. */
int cma_alloc(struct machine *m, unsigned cpu, unsigned area, uint64_t nr_pages, unsigned align, bool no_warn,
	uint64_t *pfn);

/* Pages on their way back. */
struct cma_return {
	unsigned area;
	struct contig_free free;
};
/* Give pages back, not necessarily all of one allocation. Errors (nothing begun): EINVAL; EBUSY where cma_begin() says EAGAIN. */
int cma_release_begin(struct machine *m, struct cma_return *q, unsigned area, uint64_t pfn, uint64_t nr_pages);
/* A slice of about @steps pages moved. 1: call again; 0: done; -EINVAL: one was not given out, and none has come back. */
int cma_release_step(struct machine *m, unsigned cpu, struct cma_return *q, unsigned steps);
/* All slices at once. */
int cma_release(struct machine *m, unsigned cpu, unsigned area, uint64_t pfn, uint64_t nr_pages);

/* ---- what there is ---- */

static inline uint64_t cma_nr_bits(const struct cma_area *c)
{
	return c->nr_pages >> c->order_per_bit;
}
/* The area that has @pfn; -1: none. */
int cma_of_pfn(const struct machine *m, uint64_t pfn);
/* Pages given out, and of the longest run that is not. */
uint64_t cma_used(const struct machine *m, const struct cma_area *c);
uint64_t cma_maxchunk(const struct machine *m, const struct cma_area *c);
/* Violations, one line each. */
unsigned cma_check(struct machine *m, struct text *out);

/* ---- debugfs (cma_debug.c) ---- */

/* sys/kernel/debug/cma/NAME/alloc, in slices as cma_begin(), cma_step() and cma_interrupt(); errors: ENOMEM whatever it was,
 * EINTR, EDQUOT. */
int cma_debug_alloc_begin(struct machine *m, unsigned cpu, unsigned area, uint64_t nr_pages);
int cma_debug_alloc_step(struct machine *m, unsigned cpu, unsigned steps);
void cma_debug_alloc_interrupt(struct machine *m);
/* .../free: the latest first, until @nr_pages are free or none is left. Errors (nothing begun): EDQUOT. */
int cma_debug_free_begin(struct machine *m, unsigned area, uint64_t nr_pages);
/* 1: call again; 0: done. */
int cma_debug_free_step(struct machine *m, unsigned cpu, unsigned steps);

#endif

/* SPDX-License-Identifier: MIT
 *
 * A zone cut into cells of equal size, each summed up: what the pictures of sim/map draw.
 */
#ifndef SIMM_VIEW_ZONE_MAP_H
#define SIMM_VIEW_ZONE_MAP_H

#include "mm/machine.h"

enum page_kind {
	KIND_UNTOUCHED, /* free, never used: in an extent */
	KIND_FREE,	/* in a free list */
	KIND_PCP,	/* on a CPU's list */
	KIND_USED,
	KIND_CMA_USED, /* given out by cma_alloc() */
	KIND_RESERVED, /* never the page allocator's */
	KIND_HOLE,     /* no RAM, or another zone's */
	NR_PAGE_KINDS
};

/* A run of pages of one kind: to the end of their block, extent or region. */
struct page_run {
	uint64_t start_pfn, end_pfn; /* [start, end) */
	enum page_kind kind;
	unsigned order; /* of the block, where there is one */
};

/* Is any of [start_pfn, end_pfn) RAM? */
bool pages_have_ram(const struct machine *m, uint64_t start_pfn, uint64_t end_pfn);

#define MAP_CELLS_PER_LINE 64
#define MAP_MAX_LINES	   256

struct map_cell {
	uint64_t pages[NR_PAGE_KINDS];
	unsigned order; /* of the last block seen: a cell of one page has only that */
};

struct zone_map {
	const struct machine *m;
	const struct zone *z;
	uint64_t cell_pages; /* a power of two */
	uint64_t start_pfn;  /* of the first cell: aligned to a line */
	uint64_t nr_lines;
	uint64_t pfn;	     /* what zone_map_next() sums up next */
	struct page_run run; /* that @pfn is in, when it ends behind @pfn */
};

/* The smallest cells with which @z has at most MAP_MAX_LINES lines. An empty zone has no line. */
void zone_map_init(struct zone_map *map, const struct machine *m, const struct zone *z);
/* The next cell; pages outside the zone count as holes. */
void zone_map_next(struct zone_map *map, struct map_cell *cell);

#endif

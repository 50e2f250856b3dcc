/* SPDX-License-Identifier: MIT
 *
 * Extents: free memory never used, as runs of max-order blocks (see extent.c).
 */
#ifndef SIMM_MM_EXTENT_H
#define SIMM_MM_EXTENT_H

#include "mm/machine.h"

/* The extent of @z that @pfn lies in, NULL for none. @order is the machine's largest. */
const struct extent *extent_find(const struct zone *z, unsigned order, uint64_t pfn);

/* The lowest never-used block of @type (the one that the free list would give first), NO_PFN for
 * none. */
uint64_t extent_first(const struct zone *z, enum migratetype type);

/* Would @pfn, added as the last block of @type, keep the order of the list? */
bool extent_would_be_last(const struct zone *z, uint64_t pfn, enum migratetype type);

/* Append [start_pfn, start_pfn + nr_blocks << order). When the array is full, the first extent of
 * some type becomes ordinary free blocks. Counts in area->nr_free. Errors: EDQUOT (nothing added).
 */
int extent_add(struct machine *m, struct zone *z, uint64_t start_pfn, uint64_t nr_blocks,
	enum migratetype type);

/* Take the block at @pfn out of its extent; its frames become live, all zero. The caller makes it
 * something else. Counts in area->nr_free. Errors: EDQUOT (nothing taken). */
int extent_take(struct machine *m, struct zone *z, uint64_t pfn);

#endif

/* SPDX-License-Identifier: MIT
 *
 * What the page allocator asks of those who are built on it: to make room, that caches let a page go, and who holds a page.
 * The one table of such calls; src/mm/move/above.c fills it, reclaim's entries will be here, too.
 */
#ifndef SIMM_MM_PAGE_ABOVE_H
#define SIMM_MM_PAGE_ABOVE_H

#include "mm/page/internal.h"

struct page_alloc_above {
	/* try_to_compact_pages(): compact for @r until a block of its order is free. @priority: enum compact_priority. */
	void (*compact_begin)(struct machine *m, const struct alloc_request *r,
		unsigned alloc_flags, int priority);
	/* Some clusters of pages, or (@interrupted) the end. True: call again; false: *@result is an enum compact_result. */
	bool (*compact_step)(struct machine *m, const struct alloc_request *r, unsigned clusters,
		bool interrupted, int32_t *result);
	/* The allocation after it went well, from @z. */
	void (*compacted)(struct machine *m, struct zone *z, unsigned order);
	/* Physical bytes of a page that somebody gets now: what caches and RAM had apart there is so no more. */
	void (*settle)(struct machine *m, uint64_t pa, uint64_t bytes);
	/* How many references of the page are those of DMA mappings? */
	uint32_t (*dma_references)(const struct machine *m, uint64_t pfn);
	void (*wake_kcompactd)(
		struct machine *m, unsigned nid, unsigned order, enum zone_type highest);
};
extern const struct page_alloc_above page_alloc_above;

#endif

/* SPDX-License-Identifier: MIT
 *
 * Pages that lie side by side for a device: its own contiguous area is asked, else, for more than a page, the default one;
 * for who may wait. What an area does not give comes from the page allocator, which is the caller's to ask. And pages side by
 * side in a pool (the atomic ones, a device's own memory).
 *
 * Follows kernel/dma/contiguous.c of 6.1 (dma_alloc_contiguous(), dma_free_contiguous()).
 */
#include "mm/dma/direct.h"

#include "mm/move/cma.h"
#include "mm/page/contents.h"
#include "mm/page/frame.h"

#include <errno.h>

unsigned dma_order(uint64_t bytes)
{
	unsigned order = 0;

	while (PAGE_BYTES << order < bytes)
		order++;
	return order;
}

static bool are_free(const uint64_t *map, uint64_t page, uint64_t n)
{
	for (; n; page++, n--)
		if (map[page / 64] >> page % 64 & 1)
			return false;
	return true;
}

uint64_t dma_pages_find(const uint64_t *map, uint64_t nr_pages, uint64_t n)
{
	uint64_t align = (uint64_t)1 << dma_order(n << PAGE_SHIFT);

	for (uint64_t first = 0; first + n <= nr_pages; first += align)
		if (are_free(map, first, n))
			return first;
	return UINT64_MAX;
}

void dma_pages_mark(uint64_t *map, uint64_t first, uint64_t n, bool used)
{
	for (uint64_t page = first; page < first + n; page++) {
		map[page / 64] &= ~((uint64_t)1 << page % 64);
		map[page / 64] |= (uint64_t)used << page % 64;
	}
}

int dma_alloc_contiguous(struct machine *m, unsigned cpu, const struct device *d, uint64_t bytes,
	gfp_t gfp, uint64_t *pfn)
{
	unsigned order = dma_order(bytes), align = order < CMA_ALIGNMENT ? order : CMA_ALIGNMENT;
	uint64_t pages = bytes >> PAGE_SHIFT;
	uint32_t area = d->cma_area ? d->cma_area : pages > 1 ? m->cma_default : 0;
	struct dram dram = machine_dram(m);

	*pfn = NO_PFN;
	if (!area || !(gfp & __GFP_DIRECT_RECLAIM))
		return 0;
	int err = cma_alloc(m, cpu, area - 1, pages, align, gfp & __GFP_NOWARN, pfn);

	if (err)
		*pfn = NO_PFN;
	else if (gfp & __GFP_ZERO)
		dram_zero(&dram, *pfn << PAGE_SHIFT, bytes);
	return err == -EDQUOT ? err : 0;
}

int dma_free_contiguous(struct machine *m, unsigned cpu, uint64_t pfn, uint64_t bytes)
{
	int area = cma_of_pfn(m, pfn);

	if (area >= 0 && frame_of(m, pfn)->flags & FRAME_CMA_INUSE)
		return cma_release(m, cpu, (unsigned)area, pfn, bytes >> PAGE_SHIFT);
	return free_pages_order(m, cpu, pfn, dma_order(bytes));
}

/* SPDX-License-Identifier: MIT
 *
 * The atomic pools: uncached memory for those who may not wait (GFP_ATOMIC), because mapping a fresh buffer uncached can.
 *
 *	pool of a zone   |page|page|page| ...      one bit each; a buffer begins at a multiple of its own order
 *
 * There is one for each of GFP_KERNEL, GFP_DMA and GFP_DMA32, of 128 KiB for each GiB of RAM, at least one. The first that
 * is asked is that of the zone that the device's mask chose, then the others, to lower zones. A real kernel makes them at
 * boot; here the first who needs one makes it, so that machines that never do have their memory for themselves.
 *
 * Left out: growing in the background when a pool runs low. Follows kernel/dma/pool.c of 6.1.
 */
#include "mm/dma/coherence.h"
#include "mm/dma/direct.h"

#include "base/number.h"
#include "mm/dma/mapping.h"
#include "mm/page/contents.h"
#include "mm/page/frame.h"
#include "mm/page/zone.h"

#include <errno.h>

enum { POOL_KERNEL, POOL_DMA, POOL_DMA32 };

static const struct {
	gfp_t gfp;
	const char *name;
} kinds[NR_DMA_POOLS] = {
	[POOL_KERNEL] = {GFP_KERNEL, "GFP_KERNEL"},
	[POOL_DMA] = {GFP_KERNEL | __GFP_DMA, "GFP_KERNEL|GFP_DMA"},
	[POOL_DMA32] = {GFP_KERNEL | __GFP_DMA32, "GFP_KERNEL|GFP_DMA32"},
};

static int make(struct machine *m, unsigned cpu, unsigned kind)
{
	struct dma_pool *p = &m->devices.pool[kind];
	uint64_t pages = (m->totalram_pages << PAGE_SHIFT) / GIB * 32, pfn, va;
	uint8_t flags = 0;

	pages = pages < 32 ? 32 : pages > DMA_POOL_MAX_PAGES ? DMA_POOL_MAX_PAGES : pages;
	unsigned order = dma_order(pages << PAGE_SHIFT);
	int err = alloc_pages_node(m, cpu, -1, kinds[kind].gfp | __GFP_ZERO, order, &pfn);

	if (err)
		return err;
	err = dma_remap_block(m, cpu, pfn << PAGE_SHIFT, PAGE_BYTES << order, false, &va, &flags);
	if (err)
		return err;
	p->phys = pfn << PAGE_SHIFT;
	p->va = va;
	p->nr_pages = 1u << order;
	log_printf(m, "DMA: preallocated %llu KiB %s pool for atomic allocations",
		(unsigned long long)(PAGE_BYTES << order >> 10), kinds[kind].name);
	return 0;
}

static bool has_managed_dma(const struct machine *m)
{
	for (unsigned nid = 0; nid < m->nr_nodes && machine_has(m, CONFIG_ZONE_DMA); nid++)
		if (zone_at(m, nid, ZONE_DMA)->managed_pages)
			return true;
	return false;
}

/* The pool to ask after @kind (NR_DMA_POOLS: the first one): dma_guess_pool(). NR_DMA_POOLS: no more. */
static unsigned next_pool(const struct machine *m, unsigned kind, gfp_t gfp)
{
	bool has_dma32 = machine_has(m, CONFIG_ZONE_DMA32);
	bool has_dma = has_managed_dma(m);

	switch (kind) {
	case NR_DMA_POOLS:
		if (has_dma32 && gfp & __GFP_DMA32)
			return POOL_DMA32;
		return has_dma && gfp & __GFP_DMA ? POOL_DMA : POOL_KERNEL;
	case POOL_KERNEL:
		return has_dma32 ? POOL_DMA32 : has_dma ? POOL_DMA : NR_DMA_POOLS;
	case POOL_DMA32:
		return has_dma ? POOL_DMA : NR_DMA_POOLS;
	default:
		return NR_DMA_POOLS;
	}
}

/* __dma_alloc_from_pool() */
static bool take(struct machine *m, struct dma_pool *p, const struct device *d, uint64_t bytes,
	phys_addr_ok_fn *fits, uint64_t *phys, uint64_t *va)
{
	uint64_t n = bytes >> PAGE_SHIFT, first = dma_pages_find(p->used, p->nr_pages, n);
	struct dram dram = machine_dram(m);

	if (first == UINT64_MAX || (fits && !fits(d, p->phys + (first << PAGE_SHIFT), bytes)))
		return false;
	dma_pages_mark(p->used, first, n, true);
	*phys = p->phys + (first << PAGE_SHIFT);
	*va = p->va + (first << PAGE_SHIFT);
	dram_zero(&dram, *phys, bytes);
	return true;
}

static int refuse_all(struct machine *m, unsigned cpu, const struct device *d, uint64_t bytes,
	gfp_t gfp, bool found)
{
	if (!found || !(gfp & __GFP_NOWARN))
		log_printf(m,
			"WARNING: CPU: %u PID: 0 at kernel/dma/pool.c dma_alloc_from_pool: %s %s",
			cpu, found ? "DMA pool exhausted for" : "Failed to get suitable pool for",
			d->name);
	return refuse(&m->why, ENOMEM,
		"the pools for those who may not wait have no %llu KiB that lie together in the "
		"reach of %s",
		(unsigned long long)(bytes >> 10), d->name);
}

int dma_alloc_from_pool(struct machine *m, unsigned cpu, struct device *d, uint64_t bytes,
	gfp_t gfp, phys_addr_ok_fn *fits, uint64_t *phys, uint64_t *va)
{
	bool found = false;

	for (unsigned kind = next_pool(m, NR_DMA_POOLS, gfp); kind < NR_DMA_POOLS;
		kind = next_pool(m, kind, gfp)) {
		struct dma_pool *p = &m->devices.pool[kind];
		int err = p->nr_pages ? 0 : make(m, cpu, kind);

		if (err == -EDQUOT)
			return err;
		found |= !err;
		if (!err && take(m, p, d, bytes, fits, phys, va))
			return 0;
	}
	return refuse_all(m, cpu, d, bytes, gfp, found);
}

void dma_free_from_pool(struct machine *m, uint64_t phys, uint64_t bytes)
{
	for (unsigned kind = 0; kind < NR_DMA_POOLS; kind++) {
		struct dma_pool *p = &m->devices.pool[kind];

		if (phys - p->phys < (uint64_t)p->nr_pages << PAGE_SHIFT)
			dma_pages_mark(p->used, (phys - p->phys) >> PAGE_SHIFT, bytes >> PAGE_SHIFT,
				false);
	}
}

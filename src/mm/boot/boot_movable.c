/* SPDX-License-Identifier: MIT
 *
 * kernelcore= and movablecore=: how much of each node becomes ZONE_MOVABLE.
 *
 * kernelcore is what must stay for allocations that cannot move; it is shared evenly by the
 * nodes, and what a node cannot give (it is too small) is asked of the others again, until all is
 * placed:
 *
 *	node 0  |== kernelcore ==|------------- movable -------------|
 *	node 1  |== kernelcore ==|---- movable ----|
 *
 * Only pages of the highest zone that has any can be movable: everything below counts for
 * kernelcore first. movablecore= is turned into the kernelcore that is left over; with both, the
 * larger kernelcore wins. The border is rounded up to a max-order block.
 *
 * Left out: kernelcore=mirror (refused), movable_node. Follows find_zone_movable_pfns_for_nodes()
 * of mm/page_alloc.c of 6.1.
 */
#include "mm/boot/boot.h"
#include "mm/page/zone.h"

static uint64_t pages_of(unsigned percent, uint64_t bytes, uint64_t total)
{
	return percent ? total * percent / 100 : min_u64(bytes >> PAGE_SHIFT, total);
}

/* The first pfn that may be movable: where the highest zone with any range begins. */
static uint64_t lowest_movable(const struct boot *b)
{
	for (unsigned z = MAX_NR_ZONES; z-- > 0;)
		if (z != ZONE_MOVABLE && b->zone_end[z] > b->zone_start[z])
			return b->zone_start[z];
	return 0;
}

static bool node_has_memory(const struct boot *b, unsigned nid)
{
	for (unsigned i = 0; i < b->m->memblock.memory.nr; i++)
		if (b->m->memblock.memory.region[i].nid == nid)
			return true;
	return false;
}

/* Give node @nid up to @share pages of kernelcore, range by range; returns what it took of *left. */
static void fill_node(
	struct boot *b, unsigned nid, uint64_t share, uint64_t usable_start, uint64_t *left)
{
	for (unsigned i = 0; i < b->m->memblock.memory.nr && share; i++) {
		const struct memblock_region *r = &b->m->memblock.memory.region[i];
		uint64_t start = r->start >> PAGE_SHIFT, end = r->end >> PAGE_SHIFT;

		if (r->nid != nid)
			continue;
		start = max_u64(start, b->movable_pfn[nid]);
		if (start >= end)
			continue;
		/* What cannot be movable anyway. */
		if (start < usable_start) {
			uint64_t kernel = min_u64(end, usable_start) - start;

			*left -= min_u64(kernel, *left);
			share -= min_u64(kernel, share);
			if (end <= usable_start) {
				b->movable_pfn[nid] = end;
				continue;
			}
			start = usable_start;
		}
		uint64_t take = min_u64(end - start, share);
		b->movable_pfn[nid] = start + take;
		*left -= min_u64(*left, take);
		share -= take;
	}
}

int boot_find_movable(struct boot *b)
{
	const struct cmdline *c = &b->c;
	uint64_t total = memblock_pages_in(b->m, 0, UINT64_MAX >> PAGE_SHIFT, -1);
	uint64_t core = pages_of(c->kernelcore_percent, c->kernelcore_bytes, total);
	uint64_t movable = pages_of(c->movablecore_percent, c->movablecore_bytes, total);
	uint64_t block = (uint64_t)1 << (b->m->nr_orders - 1);
	uint64_t usable_start = lowest_movable(b);
	unsigned nodes = 0;

	if (movable)
		core = max_u64(core, total - min_u64(align_up(movable, block), total));
	if (!core || core >= total)
		return 0;
	for (unsigned nid = 0; nid < b->m->nr_nodes; nid++)
		nodes += node_has_memory(b, nid);
	uint64_t left = core;
	for (unsigned usable = nodes; usable && left > usable; usable--) {
		uint64_t share = core / usable;

		for (unsigned nid = 0; nid < b->m->nr_nodes; nid++) {
			if (!node_has_memory(b, nid))
				continue;
			/* With what is left over, ask for no more than the new share. */
			if (left < share)
				share = left / usable ? left / usable : left;
			fill_node(b, nid, share, usable_start, &left);
		}
		core = left;
	}
	for (unsigned nid = 0; nid < b->m->nr_nodes; nid++) {
		uint64_t end = 0;

		for (unsigned i = 0; i < b->m->memblock.memory.nr; i++)
			if (b->m->memblock.memory.region[i].nid == nid)
				end = b->m->memblock.memory.region[i].end >> PAGE_SHIFT;
		b->movable_pfn[nid] = align_up(b->movable_pfn[nid], block);
		if (b->movable_pfn[nid] >= end)
			b->movable_pfn[nid] = 0;
	}
	return 0;
}

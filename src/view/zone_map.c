/* SPDX-License-Identifier: MIT
 *
 * A zone as a row of cells.
 *
 *	pfn:    start                                                            end of the zone
 *	runs:   |block|bl|b|b|    block    |        extent, never used       | hole |reserved|
 *	cells:  |    |    |    |    |    |    |    |    |    |    |    |    |    |    |    |
 *
 * Runs are walked from left to right, each cut at the cells' ends. A run is a block (free, on a CPU's list, in use), an
 * extent of memory never used, or what memblock says of a region without frames; none of them is looked at page by
 * page. So a picture of 1 TiB that is not used costs a few hundred steps, and any other one step a block.
 */
#include "view/zone_map.h"

#include "mm/page/extent.h"
#include "mm/page/frame.h"
#include "mm/page/zone.h"

#include <assert.h>
#include <string.h>

static uint64_t min_pfn(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The first page behind @pfn at which memblock's memory begins or ends; UINT64_MAX if none. Regions hold whole pages
 * here: what a region has of a page at its edges is not RAM to the kernel. */
static uint64_t next_memory_edge(const struct machine *m, uint64_t pfn)
{
	const struct memblock_type *memory = &m->memblock.memory;
	uint64_t addr = pfn << PAGE_SHIFT;
	unsigned low = 0, high = memory->nr;

	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (memory->region[mid].end <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == memory->nr)
		return UINT64_MAX;
	uint64_t edge = memory->region[low].start > addr ? memory->region[low].start
							 : memory->region[low].end;
	uint64_t edge_pfn = edge >> PAGE_SHIFT;
	return edge_pfn > pfn ? edge_pfn : pfn + 1;
}

bool pages_have_ram(const struct machine *m, uint64_t start_pfn, uint64_t end_pfn)
{
	return pfn_present(m, start_pfn) || next_memory_edge(m, start_pfn) < end_pfn;
}

static enum page_kind kind_of(const struct frame *f)
{
	if (f->flags & FRAME_HOLE)
		return KIND_HOLE;
	if (f->flags & FRAME_RESERVED)
		return KIND_RESERVED;
	if (f->flags & FRAME_BUDDY)
		return KIND_FREE;
	if (f->flags & FRAME_PCP)
		return KIND_PCP;
	return f->flags & FRAME_CMA_INUSE ? KIND_CMA_USED : KIND_USED;
}

/* Frames that were never written: RAM here is reserved since boot. */
static struct page_run unwritten_run(const struct machine *m, uint64_t pfn)
{
	uint64_t block_pages = (uint64_t)1 << (m->nr_orders - 1);
	bool present = pfn_present(m, pfn);
	struct page_run run = {.start_pfn = pfn, .kind = present ? KIND_RESERVED : KIND_HOLE};
	uint64_t block_end = ((pfn - m->base_pfn) / block_pages + 1) * block_pages + m->base_pfn;
	uint64_t edge = next_memory_edge(m, pfn);

	/* RAM may be live or in an extent from the next block on; a hole has neither before the block where RAM
	 * begins again. */
	if (present)
		run.end_pfn = min_pfn(edge, block_end);
	else if (edge == UINT64_MAX)
		run.end_pfn = UINT64_MAX;
	else if (edge < block_end)
		run.end_pfn = edge;
	else
		run.end_pfn = m->base_pfn + (edge - m->base_pfn) / block_pages * block_pages;
	assert(run.end_pfn > pfn);
	return run;
}

/* The run that @pfn of @z is in, from @pfn on. O(1) for memory never used, and for holes. */
static struct page_run page_run_at(const struct machine *m, const struct zone *z, uint64_t pfn)
{
	const struct extent *e = extent_find(z, m->nr_orders - 1, pfn);

	if (e)
		return (struct page_run){.start_pfn = pfn,
			.end_pfn = e->start_pfn + (e->nr_blocks << (m->nr_orders - 1)),
			.kind = KIND_UNTOUCHED,
			.order = m->nr_orders - 1};
	/* Nodes may be interleaved, and a zone's span then has pages of others. */
	if (pfn < m->base_pfn || pfn >= m->frames_end_pfn || !pfn_valid(m, pfn) ||
		!frame_is_live(m, pfn)) {
		struct page_run run = unwritten_run(m, pfn);

		if (m->nr_nodes > 1 && run.kind == KIND_RESERVED && pfn_zone(m, pfn) != z)
			run.kind = KIND_HOLE;
		return run;
	}
	if (m->nr_nodes > 1 && pfn_zone(m, pfn) != z)
		return (struct page_run){.start_pfn = pfn, .end_pfn = pfn + 1, .kind = KIND_HOLE};
	struct frame f = frame_peek(m, pfn);
	struct page_run run = {.start_pfn = pfn,
		.end_pfn = pfn + 1,
		.kind = kind_of(&f),
		.order = (unsigned)f.order};

	if (run.kind != KIND_HOLE && run.kind != KIND_RESERVED) {
		uint64_t head_pfn = !f.refcount && f.mapping ? (uint64_t)f.mapping - 1 : pfn;

		run.end_pfn = head_pfn + ((uint64_t)1 << f.order);
	}
	assert(run.end_pfn > pfn);
	return run;
}

void zone_map_init(struct zone_map *map, const struct machine *m, const struct zone *z)
{
	memset(map, 0, sizeof(*map));
	map->m = m;
	map->z = z;
	map->cell_pages = 1;
	if (!z->spanned_pages)
		return;
	for (;; map->cell_pages *= 2) {
		uint64_t line_pages = map->cell_pages * MAP_CELLS_PER_LINE;

		map->start_pfn = z->start_pfn / line_pages * line_pages;
		map->nr_lines = (zone_end_pfn(z) - map->start_pfn + line_pages - 1) / line_pages;
		if (map->nr_lines <= MAP_MAX_LINES)
			break;
	}
	map->pfn = map->start_pfn;
}

void zone_map_next(struct zone_map *map, struct map_cell *cell)
{
	uint64_t end_pfn = map->pfn + map->cell_pages;
	uint64_t zone_end = zone_end_pfn(map->z);

	memset(cell, 0, sizeof(*cell));
	while (map->pfn < end_pfn) {
		uint64_t next;

		if (map->pfn < map->z->start_pfn || map->pfn >= zone_end) {
			next = map->pfn < map->z->start_pfn ? min_pfn(end_pfn, map->z->start_pfn)
							    : end_pfn;
			cell->pages[KIND_HOLE] += next - map->pfn;
			map->pfn = next;
			continue;
		}
		if (map->run.end_pfn <= map->pfn)
			map->run = page_run_at(map->m, map->z, map->pfn);
		next = min_pfn(min_pfn(map->run.end_pfn, end_pfn), zone_end);
		cell->pages[map->run.kind] += next - map->pfn;
		cell->order = map->run.order;
		map->pfn = next;
	}
}

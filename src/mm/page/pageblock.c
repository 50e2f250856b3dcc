/* SPDX-License-Identifier: MIT
 *
 * Pageblocks set aside, and memory handed over by boot.
 *
 * Isolating a pageblock is the first step of taking memory away (offlining, cma_alloc, huge pages
 * by number): its free pages stay on free lists, those of type Isolate, and stop being free pages
 * for every count, so sum(buddyinfo) - nr_isolated = nr_free_pages. Pages freed into it later go
 * the same way.
 *
 * free_boot_pages() is memblock's hand-over: whole max-order blocks become extents and touch
 * nothing; the ragged ends become frames and merge as any others. Both in ascending order at the
 * tail of the lists.
 *
 * Follows mm/page_isolation.c and mm/memblock.c (__free_pages_memory()) of 6.1; the search for
 * unmovable pages (has_unmovable_pages()) is the caller's.
 */
#include "mm/page/buddy.h"
#include "mm/page/extent.h"
#include "mm/page/page_alloc.h"
#include "mm/page/zone.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* The free block that covers the whole pageblock, taken off its list, as blocks of the pageblock
 * order. */
static int cut_to_pageblocks(
	struct machine *m, struct zone *z, uint64_t head_pfn, unsigned order, enum migratetype type)
{
	int err = buddy_take(m, z, head_pfn, order);

	if (err)
		return err;
	for (uint64_t at = 0; at < (uint64_t)1 << order; at += (uint64_t)1 << m->pageblock_order)
		buddy_link(m, z, head_pfn + at, m->pageblock_order, type, false);
	return 0;
}

int pageblock_isolate(struct machine *m, uint64_t pfn)
{
	enum migratetype old = pageblock_type(m, pfn);
	struct zone *z = pfn_zone(m, pfn);
	uint64_t pages = (uint64_t)1 << m->pageblock_order;

	if (!z)
		return refuse(&m->why, EINVAL, "pfn 0x%llx is in no zone", (unsigned long long)pfn);
	if (old == MIGRATE_ISOLATE)
		return refuse(&m->why, EBUSY, "the pageblock of pfn 0x%llx is already isolated",
			(unsigned long long)pfn);
	pfn &= ~(pages - 1);
	if (pfn < z->start_pfn || pfn + pages > zone_end_pfn(z))
		return refuse(&m->why, EINVAL, "the pageblock of pfn 0x%llx is not of one zone",
			(unsigned long long)pfn);
	if (!frame_live(m, pfn))
		return -m->why.err;

	unsigned max = m->nr_orders - 1;
	const struct extent *e = extent_find(z, max, pfn);
	uint64_t head_pfn = e ? pfn & ~(((uint64_t)1 << max) - 1) : frame_block_head(m, pfn);
	unsigned order = e ? max : frame_of(m, head_pfn)->order;
	if (!e && order > m->pageblock_order && !(frame_of(m, head_pfn)->flags & FRAME_BUDDY))
		return refuse(&m->why, EBUSY,
			"the pageblock of pfn 0x%llx is part of a larger block in use, which "
			"begins at 0x%llx",
			(unsigned long long)pfn, (unsigned long long)head_pfn);
	if (e || order > m->pageblock_order) {
		enum migratetype list =
			(enum migratetype)(e ? e->migratetype : frame_of(m, head_pfn)->index);
		int err = cut_to_pageblocks(m, z, head_pfn, order, list);

		if (err)
			return err;
	}
	int err = pageblock_set_type(m, pfn, MIGRATE_ISOLATE);
	assert(!err);
	z->nr_isolate_pageblock++;
	uint64_t moved = buddy_move_pageblock(m, z, pfn, MIGRATE_ISOLATE, NULL);
	zone_count_free(z, -(int64_t)moved, old);
	zone_count_free(z, (int64_t)moved, MIGRATE_ISOLATE);
	return err;
}

int pageblock_unisolate(struct machine *m, uint64_t pfn, enum migratetype type)
{
	struct zone *z = pfn_zone(m, pfn);
	uint64_t pages = (uint64_t)1 << m->pageblock_order;

	assert(type != MIGRATE_ISOLATE);
	if (!z || pageblock_type(m, pfn) != MIGRATE_ISOLATE)
		return refuse(&m->why, EINVAL, "the pageblock of pfn 0x%llx is not isolated",
			(unsigned long long)pfn);
	pfn &= ~(pages - 1);
	/* Two isolated pageblocks may have merged: only one of them comes back. */
	uint64_t head_pfn = frame_block_head(m, pfn);
	unsigned whole = frame_of(m, head_pfn)->order;
	if (whole > m->pageblock_order && frame_of(m, head_pfn)->flags & FRAME_BUDDY) {
		int cut = cut_to_pageblocks(m, z, head_pfn, whole, MIGRATE_ISOLATE);

		if (cut)
			return cut;
	}
	const struct frame *f = frame_of(m, pfn);
	int err = pageblock_set_type(m, pfn, type);
	assert(!err);
	z->nr_isolate_pageblock--;
	if (f->flags & FRAME_BUDDY && f->order == m->pageblock_order) {
		/* A whole free block may have a free buddy by now: free it anew, so that they
		 * merge. */
		unsigned order = f->order;

		buddy_unlink(m, z, pfn);
		zone_count_free(z, -((int64_t)1 << order), MIGRATE_ISOLATE);
		zone_count_free(z, (int64_t)1 << order, type);
		buddy_free(m, z, pfn, order, type, true);
		return err;
	}
	uint64_t moved = buddy_move_pageblock(m, z, pfn, type, NULL);
	zone_count_free(z, -(int64_t)moved, MIGRATE_ISOLATE);
	zone_count_free(z, (int64_t)moved, type);
	return err;
}

/* Boot frees a block of less than the largest order: through frames. */
static int free_small(
	struct machine *m, struct zone *z, uint64_t pfn, unsigned order, enum migratetype type)
{
	if (!frame_live(m, pfn))
		return -m->why.err;
	memset(frame_of(m, pfn), 0, sizeof(struct frame) << order);
	buddy_free(m, z, pfn, order, type, true);
	return 0;
}

static int free_large(
	struct machine *m, struct zone *z, uint64_t pfn, uint64_t nr_blocks, enum migratetype type)
{
	unsigned order = m->nr_orders - 1;

	for (uint64_t i = 0; i < nr_blocks; i++) {
		uint64_t at = pfn + (i << order);

		if (frame_is_live(m, at))
			memset(frame_of(m, at), 0, sizeof(struct frame) << order);
	}
	/* Behind a later extent there is no place at the tail: link the blocks one by one. */
	if (extent_would_be_last(z, pfn, type))
		return extent_add(m, z, pfn, nr_blocks, type);
	for (uint64_t i = 0; i < nr_blocks; i++) {
		int err = free_small(m, z, pfn + (i << order), order, type);

		if (err)
			return err;
	}
	return 0;
}

static void count_managed(struct machine *m, struct zone *z, uint64_t pages, enum migratetype type)
{
	z->managed_pages += pages;
	m->totalram_pages += pages;
	if (z->type == ZONE_HIGHMEM)
		m->totalhigh_pages += pages;
	if (type == MIGRATE_CMA) {
		z->cma_pages += pages;
		m->totalcma_pages += pages;
	}
	zone_count_free(z, (int64_t)pages, type);
	count_event(m, EV_pgfree, pages);
}

/* The pages [start_pfn, end_pfn) of one zone. */
static int free_range(struct machine *m, struct zone *z, uint64_t start_pfn, uint64_t end_pfn,
	enum migratetype type)
{
	unsigned max = m->nr_orders - 1;

	while (start_pfn < end_pfn) {
		unsigned order = max;
		uint64_t nr_blocks = 1;

		while (start_pfn & (((uint64_t)1 << order) - 1))
			order--;
		while (start_pfn + ((uint64_t)1 << order) > end_pfn)
			order--;
		if (order == max)
			nr_blocks = (end_pfn - start_pfn) >> max;
		int err = order == max ? free_large(m, z, start_pfn, nr_blocks, type)
				       : free_small(m, z, start_pfn, order, type);
		if (err)
			return err;
		count_managed(m, z, nr_blocks << order, type);
		start_pfn += nr_blocks << order;
	}
	return 0;
}

int free_boot_pages(struct machine *m, uint64_t start_pfn, uint64_t end_pfn, enum migratetype type)
{
	assert(start_pfn >= m->base_pfn && end_pfn <= m->frames_end_pfn);
	while (start_pfn < end_pfn) {
		struct zone *z = pfn_zone(m, start_pfn);

		if (!z)
			return refuse(&m->why, EINVAL, "boot frees pfn 0x%llx, which is in no zone",
				(unsigned long long)start_pfn);
		uint64_t stop_pfn = zone_end_pfn(z) < end_pfn ? zone_end_pfn(z) : end_pfn;
		if (type != MIGRATE_MOVABLE)
			for (uint64_t pfn = start_pfn; pfn < stop_pfn;
				pfn += (uint64_t)1 << m->pageblock_order) {
				int err = pageblock_set_type(m, pfn, type);

				if (err)
					return err;
			}
		int err = free_range(m, z, start_pfn, stop_pfn, type);
		if (err)
			return err;
		start_pfn = stop_pfn;
	}
	return 0;
}

uint64_t zone_free_blocks(
	const struct machine *m, const struct zone *z, unsigned order, enum migratetype type)
{
	assert(order < m->nr_orders && type < MIGRATE_TYPES);
	uint64_t nr = z->area[order].list[type].nr;

	return order == m->nr_orders - 1 ? nr + z->extent_blocks[type] : nr;
}

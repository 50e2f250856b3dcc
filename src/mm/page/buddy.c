/* SPDX-License-Identifier: MIT
 *
 * The buddy system of one zone: free lists by order and migratetype, splitting and merging.
 *
 *	order 3  |               0                |
 *	order 2  |       0       |       4        |     the buddy of block b of order o is b xor 2^o;
 *	order 1  |   0   |   2   |   4   |   6    |     two free buddies become the block b and not 2^o
 *	order 0  | 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7  |
 *
 * Allocating takes the first block of the smallest sufficient order and gives back what is too much of
 * it, cut into blocks as large as they can be, each to the head of its list. Freeing merges as long as the buddy is
 * free and of the same order, then puts the block at the head of its list; at the tail when the next
 * larger buddy is free, too, since then the block may soon merge and had better not be the next to
 * be given out.
 *
 * A linked free block has FRAME_BUDDY, its order, and in `index` the migratetype of its list (which
 * may differ from its pageblock's: a block stolen alone keeps its pageblock's type). The largest
 * order also has blocks in extents (extent.c), behind the linked ones.
 *
 * Blocks at or above the pageblock order merge only with blocks whose pageblock is of a mergeable
 * type, so CMA, HighAtomic and isolated pageblocks stay apart. Free counts are the callers' work, as
 * in the kernel.
 *
 * Invariant: no two free buddies of the same order and mergeable types; list.nr and nr_free are
 * exact. Left out: page reporting, shuffling, guard pages. Follows mm/page_alloc.c of 6.1
 * (__free_one_page(), expand(), move_freepages_block()).
 */
#include "mm/page/buddy.h"

#include "mm/page/extent.h"
#include "mm/page/frame_list.h"
#include "mm/page/zone.h"

#include <assert.h>

void buddy_link(struct machine *m, struct zone *z, uint64_t pfn, unsigned order,
	enum migratetype type, bool tail)
{
	struct free_area *area = &z->area[order];
	struct free_list *list = &area->list[type];
	struct frame *f = frame_of(m, pfn);

	assert(!frame_is_head(f) && !(pfn & (((uint64_t)1 << order) - 1)));
	f->flags = FRAME_BUDDY;
	f->order = order & 15;
	f->index = type;
	frame_list_add(m, &list->frames, f, pfn, tail);
	list->nr++;
	area->nr_free++;
}

void buddy_unlink(struct machine *m, struct zone *z, uint64_t pfn)
{
	struct frame *f = frame_of(m, pfn);
	struct free_area *area = &z->area[f->order];
	struct free_list *list = &area->list[f->index];

	assert(f->flags == FRAME_BUDDY && list->nr && area->nr_free);
	frame_list_del(m, &list->frames, f);
	list->nr--;
	area->nr_free--;
	*f = (struct frame){0};
}

uint64_t buddy_first(
	const struct machine *m, const struct zone *z, unsigned order, enum migratetype type)
{
	const struct free_list *list = &z->area[order].list[type];

	if (list->frames.head)
		return list->frames.head - 1;
	return order == m->nr_orders - 1 ? extent_first(z, type) : NO_PFN;
}

int buddy_take(struct machine *m, struct zone *z, uint64_t pfn, unsigned order)
{
	if (order == m->nr_orders - 1 && extent_find(z, order, pfn))
		return extent_take(m, z, pfn);
	assert(frame_of(m, pfn)->order == order);
	buddy_unlink(m, z, pfn);
	return 0;
}

/* At the tail, behind the extents of its type when there are any. */
static void link_tail(
	struct machine *m, struct zone *z, uint64_t pfn, unsigned order, enum migratetype type)
{
	if (order == m->nr_orders - 1 && z->extent_blocks[type] &&
		z->nr_extents < ZONE_MAX_EXTENTS && extent_would_be_last(z, pfn, type)) {
		int err = extent_add(m, z, pfn, 1, type);

		assert(!err);
		(void)err;
		return;
	}
	buddy_link(m, z, pfn, order, type, true);
}

int buddy_move(
	struct machine *m, struct zone *z, uint64_t pfn, unsigned order, enum migratetype type)
{
	int err = buddy_take(m, z, pfn, order);

	if (!err)
		link_tail(m, z, pfn, order, type);
	return err;
}

void buddy_expand(struct machine *m, struct zone *z, uint64_t pfn, uint64_t pages, unsigned high,
	enum migratetype type)
{
	assert(pages && pages <= (uint64_t)1 << high && high < m->nr_orders);
	/* What is left begins at an odd multiple of each of its pieces. */
	while (pages < (uint64_t)1 << high) {
		unsigned order = (unsigned)__builtin_ctzll(pages);

		buddy_link(m, z, pfn + pages, order, type, false);
		pages += (uint64_t)1 << order;
	}
}

/* The free buddy of the block, or NO_PFN (find_buddy_page_pfn()). It must lie in the same zone, and
 * so it is linked: what lies in extents is of the largest order, which has no buddy. */
static uint64_t free_buddy(
	const struct machine *m, const struct zone *z, uint64_t pfn, unsigned order)
{
	uint64_t buddy_pfn = pfn ^ ((uint64_t)1 << order);

	if (buddy_pfn - z->start_pfn >= z->spanned_pages)
		return NO_PFN;
	const struct frame *f = frame_of(m, buddy_pfn);
	if (!(f->flags & FRAME_BUDDY) || f->order != order)
		return NO_PFN;
	/* The spans of interleaved nodes overlap. */
	if (m->nr_nodes > 1 && pfn_zone(m, buddy_pfn) != z)
		return NO_PFN;
	return buddy_pfn;
}

static bool may_merge(
	const struct machine *m, enum migratetype type, uint64_t buddy_pfn, unsigned order)
{
	if (order < m->pageblock_order)
		return true;
	enum migratetype other = pageblock_type(m, buddy_pfn);
	return type == other || (migratetype_mergeable(type) && migratetype_mergeable(other));
}

/* Is the buddy of the pair that @pfn would be half of free? Then @pfn may soon be part of something
 * large. */
static bool merge_likely(
	const struct machine *m, const struct zone *z, uint64_t pfn, unsigned order)
{
	if (order + 2 >= m->nr_orders)
		return false;
	return free_buddy(m, z, pfn & ~((uint64_t)1 << order), order + 1) != NO_PFN;
}

void buddy_free(struct machine *m, struct zone *z, uint64_t pfn, unsigned order,
	enum migratetype type, bool tail)
{
	assert(frame_is_live(m, pfn) && order < m->nr_orders);
	assert(pfn >= z->start_pfn && pfn + ((uint64_t)1 << order) <= zone_end_pfn(z));
	for (; order < m->nr_orders - 1; order++) {
		uint64_t buddy_pfn = free_buddy(m, z, pfn, order);

		if (buddy_pfn == NO_PFN || !may_merge(m, type, buddy_pfn, order))
			break;
		buddy_unlink(m, z, buddy_pfn);
		pfn &= buddy_pfn;
	}
	if (tail)
		link_tail(m, z, pfn, order, type);
	else
		buddy_link(m, z, pfn, order, type, merge_likely(m, z, pfn, order));
}

uint64_t buddy_move_pageblock(
	struct machine *m, struct zone *z, uint64_t pfn, enum migratetype type, uint64_t *movable)
{
	uint64_t pages = (uint64_t)1 << m->pageblock_order;
	uint64_t start_pfn = pfn & ~(pages - 1);
	uint64_t end_pfn = start_pfn + pages;
	uint64_t moved = 0;

	if (movable)
		*movable = 0;
	/* Do not cross the zone's boundaries: what lies before @pfn is then left alone, a cut-off
	 * end spoils it all. */
	if (start_pfn < z->start_pfn)
		start_pfn = pfn;
	if (end_pfn > zone_end_pfn(z))
		return 0;
	assert(frame_is_live(m, pfn));
	for (pfn = start_pfn; pfn < end_pfn;) {
		uint64_t head_pfn = frame_block_head(m, pfn);
		const struct frame *f = frame_of(m, head_pfn);
		unsigned order = f->order;

		assert(head_pfn != NO_PFN);
		if (f->flags & FRAME_BUDDY && head_pfn == pfn) {
			int err = buddy_move(m, z, pfn, order, type);

			assert(!err);
			(void)err;
			moved += (uint64_t)1 << order;
			pfn += (uint64_t)1 << order;
			continue;
		}
		uint64_t next_pfn = head_pfn + ((uint64_t)1 << order);
		if (next_pfn > end_pfn)
			next_pfn = end_pfn;
		if (movable && f->flags & (FRAME_LRU | FRAME_MOVABLE))
			*movable += next_pfn - pfn;
		pfn = next_pfn;
	}
	return moved;
}

/* SPDX-License-Identifier: MIT
 *
 * Memory never used costs nothing: extents.
 *
 * The free list of the largest order and one migratetype is
 *
 *	head                                                     tail
 *	 block - block - block | extent 0        | extent 1
 *	 (frames, linked)      | 400 800 c00 ... | 8000 8400 ...
 *
 * Boot frees memory in ascending order at the tail, so the part of the list that was never touched
 * is, at any time, a set of runs in ascending order: it needs no frames. Taking from the head of the
 * list takes linked blocks first, then the first block of the first extent; freeing goes to the
 * head, in front of all extents. A block is taken out of the middle of an extent when its pageblock
 * changes its type; the extent is cut in two.
 *
 * The array is of fixed size. When a cut finds it full, the first extent of the type that has the
 * smallest first extent is turned into linked blocks at the end of the linked part, which is where
 * it stands anyway.
 *
 * Invariant: extents are sorted, disjoint, within the zone, aligned to the largest order; extents
 * of one type that touch are one; extent_blocks[] is their sum by type and is contained in
 * area[largest].nr_free.
 */
#include "mm/page/extent.h"

#include "mm/page/buddy.h"
#include "mm/page/frame.h"
#include "mm/page/zone.h"

#include <assert.h>
#include <string.h>

/* The first extent that starts after @pfn, or nr_extents. */
static unsigned extent_after(const struct zone *z, uint64_t pfn)
{
	unsigned low = 0, high = z->nr_extents;

	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (z->extent[mid].start_pfn <= pfn)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static uint64_t extent_end(const struct extent *e, unsigned order)
{
	return e->start_pfn + ((uint64_t)e->nr_blocks << order);
}

const struct extent *extent_find(const struct zone *z, unsigned order, uint64_t pfn)
{
	unsigned i = extent_after(z, pfn);

	if (!i || pfn >= extent_end(&z->extent[i - 1], order))
		return NULL;
	return &z->extent[i - 1];
}

uint64_t extent_first(const struct zone *z, enum migratetype type)
{
	if (!z->extent_blocks[type])
		return NO_PFN;
	unsigned i = 0;
	while (z->extent[i].migratetype != type)
		i++;
	assert(i < z->nr_extents);
	return z->extent[i].start_pfn;
}

bool extent_would_be_last(const struct zone *z, uint64_t pfn, enum migratetype type)
{
	for (unsigned i = z->nr_extents; i-- > 0;)
		if (z->extent[i].migratetype == type)
			return z->extent[i].start_pfn < pfn;
	return true;
}

static void remove_at(struct zone *z, unsigned i)
{
	z->nr_extents--;
	memmove(&z->extent[i], &z->extent[i + 1], (z->nr_extents - i) * sizeof(z->extent[0]));
	z->extent[z->nr_extents] = (struct extent){0};
}

static void insert_at(struct zone *z, unsigned i, struct extent e)
{
	assert(z->nr_extents < ZONE_MAX_EXTENTS);
	memmove(&z->extent[i + 1], &z->extent[i], (z->nr_extents - i) * sizeof(z->extent[0]));
	z->extent[i] = e;
	z->nr_extents++;
}

/* Cut one block off the front of extent @i. */
static void drop_front(struct machine *m, struct zone *z, unsigned i)
{
	struct extent *e = &z->extent[i];

	z->extent_blocks[e->migratetype]--;
	e->start_pfn += (uint64_t)1 << (m->nr_orders - 1);
	if (!--e->nr_blocks)
		remove_at(z, i);
}

/* Make room for one more extent. */
static int make_room(struct machine *m, struct zone *z)
{
	unsigned order = m->nr_orders - 1;
	unsigned best = ZONE_MAX_EXTENTS;
	uint32_t seen = 0;

	if (z->nr_extents < ZONE_MAX_EXTENTS)
		return 0;
	for (unsigned i = 0; i < z->nr_extents; i++) {
		const struct extent *e = &z->extent[i];

		if (seen >> e->migratetype & 1)
			continue;
		seen |= 1u << e->migratetype;
		if (best == ZONE_MAX_EXTENTS || e->nr_blocks < z->extent[best].nr_blocks)
			best = i;
	}
	while (z->nr_extents == ZONE_MAX_EXTENTS) {
		struct extent e = z->extent[best];

		if (!frame_live(m, e.start_pfn))
			return -m->why.err;
		z->area[order].nr_free--;
		drop_front(m, z, best);
		buddy_link(m, z, e.start_pfn, order, (enum migratetype)e.migratetype, true);
	}
	return 0;
}

int extent_add(struct machine *m, struct zone *z, uint64_t start_pfn, uint64_t nr_blocks,
	enum migratetype type)
{
	unsigned order = m->nr_orders - 1;
	uint64_t end_pfn = start_pfn + (nr_blocks << order);

	assert(nr_blocks && !(start_pfn & (((uint64_t)1 << order) - 1)));
	assert(start_pfn >= z->start_pfn && end_pfn <= zone_end_pfn(z));
	int err = make_room(m, z);
	if (err)
		return err;
	unsigned i = extent_after(z, start_pfn);
	assert(!i || extent_end(&z->extent[i - 1], order) <= start_pfn);
	assert(i == z->nr_extents || z->extent[i].start_pfn >= end_pfn);
	insert_at(z, i,
		(struct extent){
			.start_pfn = start_pfn, .nr_blocks = nr_blocks, .migratetype = type});
	if (i + 1 < z->nr_extents && z->extent[i + 1].migratetype == type &&
		z->extent[i + 1].start_pfn == end_pfn) {
		z->extent[i].nr_blocks += z->extent[i + 1].nr_blocks;
		remove_at(z, i + 1);
	}
	if (i && z->extent[i - 1].migratetype == type &&
		extent_end(&z->extent[i - 1], order) == start_pfn) {
		z->extent[i - 1].nr_blocks += z->extent[i].nr_blocks;
		remove_at(z, i);
	}
	z->extent_blocks[type] += nr_blocks;
	z->area[order].nr_free += nr_blocks;
	return 0;
}

int extent_take(struct machine *m, struct zone *z, uint64_t pfn)
{
	unsigned order = m->nr_orders - 1;
	unsigned i = extent_after(z, pfn);

	assert(i && pfn < extent_end(&z->extent[i - 1], order));
	i--;
	uint64_t index = (pfn - z->extent[i].start_pfn) >> order;
	if (index && index + 1 < z->extent[i].nr_blocks) {
		int err = make_room(m, z);

		if (err)
			return err;
		/* Making room may have turned this extent's front, or the block itself, into links.
		 */
		if (!extent_find(z, order, pfn)) {
			buddy_unlink(m, z, pfn);
			return 0;
		}
		i = extent_after(z, pfn) - 1;
		index = (pfn - z->extent[i].start_pfn) >> order;
	}
	if (!frame_live(m, pfn))
		return -m->why.err;

	struct extent *e = &z->extent[i];
	uint64_t behind = e->nr_blocks - index - 1;
	z->area[order].nr_free--;
	if (!index) {
		drop_front(m, z, i);
		return 0;
	}
	z->extent_blocks[e->migratetype]--;
	e->nr_blocks = index;
	if (behind)
		insert_at(z, i + 1,
			(struct extent){.start_pfn = pfn + ((uint64_t)1 << order),
				.nr_blocks = behind,
				.migratetype = e->migratetype});
	return 0;
}

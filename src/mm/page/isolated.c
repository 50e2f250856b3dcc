/* SPDX-License-Identifier: MIT
 *
 * Pages of isolated pageblocks, taken by their numbers (see buddy.h).
 *
 *	start_pfn                    end_pfn
 *	   |    in use: refused         |
 *	[ free block  ][free][free block     ]
 *	   [p][p][p][p] [p]  [p][p][p]  `----- goes back to the lists, in the largest blocks that fit
 *
 * Free pages of isolated pageblocks are in no free count, so taking them changes only the zone's count of isolated free
 * pages. Each becomes a block of order 0 with one reference.
 *
 * Follows isolate_freepages_range(), split_map_pages() and test_pages_isolated() of 6.1.
 */
#include "mm/page/internal.h"

uint64_t isolated_busy_pfn(const struct machine *m, uint64_t start_pfn, uint64_t end_pfn)
{
	for (uint64_t pfn = start_pfn; pfn < end_pfn;) {
		uint64_t head_pfn = frame_block_head(m, pfn);
		const struct frame *f = frame_of(m, head_pfn);

		if (!(f->flags & FRAME_BUDDY) || f->index != MIGRATE_ISOLATE)
			return pfn;
		pfn = head_pfn + ((uint64_t)1 << f->order);
	}
	return NO_PFN;
}

/* What a block has too much: [pfn, end_pfn), cut into blocks of their own size's alignment. */
static void give_rest(struct machine *m, struct zone *z, uint64_t pfn, uint64_t end_pfn)
{
	while (pfn < end_pfn) {
		unsigned order = 0;

		while (order + 1 < m->nr_orders && !(pfn >> order & 1) &&
			pfn + ((uint64_t)2 << order) <= end_pfn)
			order++;
		buddy_free(m, z, pfn, order, MIGRATE_ISOLATE, true);
		zone_count_free(z, (int64_t)1 << order, MIGRATE_ISOLATE);
		pfn += (uint64_t)1 << order;
	}
}

uint64_t isolated_take(
	struct machine *m, unsigned cpu, uint64_t pfn, uint64_t end_pfn, uint32_t frame_flags)
{
	struct zone *z = pfn_zone(m, pfn);
	uint64_t head_pfn = frame_block_head(m, pfn);
	unsigned order = frame_of(m, head_pfn)->order;
	uint64_t stop_pfn = head_pfn + ((uint64_t)1 << order);

	assert(frame_of(m, head_pfn)->index == MIGRATE_ISOLATE);
	buddy_unlink(m, z, head_pfn);
	zone_count_free(z, -((int64_t)1 << order), MIGRATE_ISOLATE);
	end_pfn = end_pfn < stop_pfn ? end_pfn : stop_pfn;
	for (uint64_t at = pfn; at < end_pfn; at++) {
		prep_new_page(m, cpu, at, 0, (gfp_t)__GFP_MOVABLE);
		frame_of(m, at)->flags = frame_flags;
	}
	give_rest(m, z, head_pfn, pfn);
	give_rest(m, z, end_pfn, stop_pfn);
	return end_pfn;
}

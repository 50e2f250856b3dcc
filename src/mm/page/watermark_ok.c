/* SPDX-License-Identifier: MIT
 *
 * May this request take pages from this zone? The watermark check.
 *
 *	free pages
 *	|--------------------------------------|  what the request may not use is taken off first:
 *	| CMA (unless movable) | HighAtomic ...|
 *	|------------- usable -----------------|
 *	|  min - dips | lowmem_reserve[highest]|  usable must be more than these two
 *
 *   1. usable = free - (2^order - 1) - CMA pages it cannot have - the HighAtomic reserve, unless it has rights
 *      to the reserves.
 *   2. The mark is lowered: __GFP_HIGH by half; if it cannot wait either, by a quarter of the rest; a victim of the
 *      OOM killer by half of what is left.
 *   3. usable must exceed the mark and what this zone keeps for requests that could not go elsewhere
 *      (lowmem_reserve, by the highest zone that the request could use).
 *   4. For more than one page some list of a sufficient order that it may use must not be empty.
 *
 * Invariant: pure functions of the zone. Follows mm/page_alloc.c of 6.1.176 (with the backports that
 * replaced ALLOC_HARDER by NON_BLOCK, MIN_RESERVE and HIGHATOMIC).
 */
#include "mm/page/internal.h"

static bool list_may_serve(
	const struct machine *m, const struct zone *z, unsigned order, unsigned alloc_flags)
{
	for (; order < m->nr_orders; order++) {
		if (!z->area[order].nr_free)
			continue;
		for (unsigned type = 0; type < MIGRATE_PCPTYPES; type++)
			if (!free_list_empty(m, z, order, (enum migratetype)type))
				return true;
		if (alloc_flags & ALLOC_CMA && !free_list_empty(m, z, order, MIGRATE_CMA))
			return true;
		if (alloc_flags & (ALLOC_HIGHATOMIC | ALLOC_OOM) &&
			!free_list_empty(m, z, order, MIGRATE_HIGHATOMIC))
			return true;
	}
	return false;
}

bool watermark_ok(const struct machine *m, const struct zone *z, unsigned order, uint64_t mark,
	enum zone_type highest, unsigned alloc_flags)
{
	int64_t usable = (int64_t)z->free_pages - unusable_free(z, order, alloc_flags);
	int64_t min = (int64_t)mark;

	assert(order < m->nr_orders && highest < MAX_NR_ZONES);
	if (alloc_flags & ALLOC_MIN_RESERVE) {
		min -= min / 2;
		if (alloc_flags & ALLOC_NON_BLOCK)
			min -= min / 4;
	}
	if (alloc_flags & ALLOC_OOM)
		min -= min / 2;
	if (usable <= min + z->lowmem_reserve[highest])
		return false;
	return !order || list_may_serve(m, z, order, alloc_flags);
}

bool watermark_slow(const struct machine *m, const struct zone *z, unsigned order, uint64_t mark,
	enum zone_type highest, unsigned alloc_flags, gfp_t gfp)
{
	if (watermark_ok(m, z, order, mark, highest, alloc_flags))
		return true;
	/* The boost is meant to wake kswapd earlier, not to fail atomic requests for one page. */
	if (!order && gfp & __GFP_ATOMIC && z->watermark_boost &&
		(alloc_flags & ALLOC_WMARK_MASK) == WMARK_MIN)
		return watermark_ok(m, z, order, z->watermark[WMARK_MIN], highest, alloc_flags);
	return false;
}

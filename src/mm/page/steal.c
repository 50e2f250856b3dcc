/* SPDX-License-Identifier: MIT
 *
 * Taking a block from a zone's free lists, and stealing when the lists of its own type are empty.
 *
 *	wanted        falls back to
 *	Unmovable     Reclaimable, then Movable
 *	Movable       Reclaimable, then Unmovable
 *	Reclaimable   Unmovable, then Movable
 *
 *   1. A movable request that may use CMA takes CMA pages first while they are more than half of the
 *      zone's free pages, so that ordinary memory does not run out beside a full CMA area.
 *   2. The smallest sufficient block of its own type, split.
 *   3. CMA pages, if it may.
 *   4. A block of another type: the largest there is, which is roughly the pageblock with the most free
 *      pages, so that types mix in few pageblocks. A movable request that could not take over the pageblock
 *      anyway takes the smallest instead, since movable pages do no lasting harm.
 *   5. With it go the free pages of its pageblock, and the pageblock itself when at least half of it is free or
 *      in use by pages like ours. A block of a whole pageblock or more changes hands at once.
 *
 * Every theft below a whole pageblock raises the zone's watermark boost: kswapd shall reclaim some and make room.
 *
 * Invariant: HighAtomic, CMA and isolated pageblocks never change their type here.
 * Left out: races. Follows mm/page_alloc.c of 6.1 (__rmqueue_smallest(), __rmqueue_fallback(),
 * steal_suitable_fallback(), boost_watermark()).
 */
#include "mm/page/internal.h"
#include "mm/page/pcp.h"

static const enum migratetype fallbacks[MIGRATE_PCPTYPES][2] = {
	[MIGRATE_UNMOVABLE] = {MIGRATE_RECLAIMABLE, MIGRATE_MOVABLE},
	[MIGRATE_MOVABLE] = {MIGRATE_RECLAIMABLE, MIGRATE_UNMOVABLE},
	[MIGRATE_RECLAIMABLE] = {MIGRATE_UNMOVABLE, MIGRATE_MOVABLE},
};

static void trace_zone_locked(
	struct machine *m, unsigned cpu, uint64_t pfn, unsigned order, enum migratetype type)
{
	trace_put(m, &(struct trace_record){.ns = m->clock.now_ns,
			     .pfn = pfn,
			     .event = TRACE_mm_page_alloc_zone_locked,
			     .cpu = (uint8_t)cpu,
			     .order = (uint8_t)order,
			     .migratetype = (uint8_t)type,
			     .extra = {pcp_allowed_order(m, order) && type < MIGRATE_PCPTYPES}});
}

/* Step 2, up to *@nr times: while the block that is split lasts, each next one is its neighbour. *@nr: how often. */
static uint64_t take_smallest(struct machine *m, struct zone *z, unsigned order,
	enum migratetype type, unsigned cpu, uint64_t *nr)
{
	for (unsigned high = order; high < m->nr_orders; high++) {
		uint64_t pfn = buddy_first(m, z, high, type), has = (uint64_t)1 << (high - order);

		if (pfn == NO_PFN)
			continue;
		if (buddy_take(m, z, pfn, high))
			return NO_PFN;
		*nr = *nr < has ? *nr : has;
		buddy_expand(m, z, pfn, *nr << order, high, type);
		if (trace_wants(&m->trace, TRACE_mm_page_alloc_zone_locked))
			for (uint64_t i = 0; i < *nr; i++)
				trace_zone_locked(m, cpu, pfn + (i << order), order, type);
		return pfn;
	}
	return NO_PFN;
}

uint64_t rmqueue_smallest(
	struct machine *m, struct zone *z, unsigned order, enum migratetype type, unsigned cpu)
{
	uint64_t one = 1;

	return take_smallest(m, z, order, type, cpu, &one);
}

/* May a theft of a block of @order by @type take the rest of the pageblock along (can_steal_fallback())? */
static bool may_take_pageblock(const struct machine *m, unsigned order, enum migratetype type)
{
	return order >= m->pageblock_order / 2 || type == MIGRATE_RECLAIMABLE ||
	       type == MIGRATE_UNMOVABLE || m->page_alloc.page_group_by_mobility_disabled;
}

/* The type whose list of @order @type falls back to first; MIGRATE_TYPES for none. */
static enum migratetype find_fallback(
	const struct machine *m, const struct zone *z, unsigned order, enum migratetype type)
{
	if (!z->area[order].nr_free)
		return MIGRATE_TYPES;
	for (unsigned i = 0; i < 2; i++)
		if (!free_list_empty(m, z, order, fallbacks[type][i]))
			return fallbacks[type][i];
	return MIGRATE_TYPES;
}

bool fallback_is_stealable(
	const struct machine *m, const struct zone *z, unsigned order, enum migratetype type)
{
	return type < MIGRATE_PCPTYPES && may_take_pageblock(m, order, type) &&
	       find_fallback(m, z, order, type) != MIGRATE_TYPES;
}

static bool boost_watermark(const struct machine *m, struct zone *z)
{
	uint64_t factor = (uint64_t)m->sysctls.value[SYSCTL_watermark_boost_factor];
	uint64_t pageblock = (uint64_t)1 << m->pageblock_order;
	uint64_t high = z->watermark[WMARK_HIGH];

	/* Small zones would run out of memory by it. */
	if (!factor || pageblock * 4 > z->managed_pages)
		return false;
	uint64_t max = high / 10000 * factor + high % 10000 * factor / 10000;
	if (!max)
		return false;
	if (max < pageblock)
		max = pageblock;
	z->watermark_boost += pageblock;
	if (z->watermark_boost > max)
		z->watermark_boost = max;
	return true;
}

/* Move the pageblock's free pages to @type, and the pageblock too if enough of it is free or alike. */
static bool take_pageblock(struct machine *m, struct zone *z, uint64_t pfn, enum migratetype old,
	enum migratetype type)
{
	uint64_t pageblock = (uint64_t)1 << m->pageblock_order;
	uint64_t movable, alike = 0;
	uint64_t free = buddy_move_pageblock(m, z, pfn, type, &movable);

	if (!free)
		return false;
	if (type == MIGRATE_MOVABLE)
		alike = movable;
	else if (old == MIGRATE_MOVABLE)
		/* What is not movable in a movable pageblock is like us; Unmovable and Reclaimable pages cannot
		 * be told from each other. */
		alike = pageblock - (free + movable);
	if (free + alike >= pageblock / 2 || m->page_alloc.page_group_by_mobility_disabled)
		(void)pageblock_set_type(m, pfn, type);
	return true;
}

static int steal(struct machine *m, struct zone *z, uint64_t pfn, unsigned order,
	enum migratetype type, unsigned alloc_flags, bool whole_block)
{
	enum migratetype old = pageblock_type(m, pfn);

	if (old == MIGRATE_HIGHATOMIC)
		return buddy_move(m, z, pfn, order, type);
	if (order >= m->pageblock_order) {
		int err = buddy_move(m, z, pfn, order, type);

		for (uint64_t at = 0; !err && at < (uint64_t)1 << order;
			at += (uint64_t)1 << m->pageblock_order)
			err = pageblock_set_type(m, pfn + at, type);
		return err;
	}
	if (boost_watermark(m, z) && alloc_flags & ALLOC_KSWAPD)
		z->boosted = true;
	if (whole_block && take_pageblock(m, z, pfn, old, type))
		return 0;
	return buddy_move(m, z, pfn, order, type);
}

static void trace_extfrag(struct machine *m, unsigned cpu, uint64_t pfn, unsigned order,
	unsigned fallback_order, enum migratetype type, enum migratetype from)
{
	if (!trace_wants(&m->trace, TRACE_mm_page_alloc_extfrag))
		return;
	trace_put(m, &(struct trace_record){.ns = m->clock.now_ns,
			     .pfn = pfn,
			     .event = TRACE_mm_page_alloc_extfrag,
			     .cpu = (uint8_t)cpu,
			     .order = (uint8_t)order,
			     .migratetype = (uint8_t)type,
			     .extra = {(uint8_t)fallback_order, (uint8_t)from,
				     pageblock_type(m, pfn) == type}});
}

/* Put a block of another type on @type's lists. False when there is none (or the host's budget ended). */
static bool rmqueue_fallback(struct machine *m, struct zone *z, unsigned order,
	enum migratetype type, unsigned alloc_flags, unsigned cpu)
{
	unsigned min_order = order;
	unsigned found = 0;
	enum migratetype from = MIGRATE_TYPES;

	/* Below the pageblock order a theft mixes types in a pageblock: first see what other zones have. */
	if (order < m->pageblock_order && alloc_flags & ALLOC_NOFRAGMENT)
		min_order = m->pageblock_order;
	for (unsigned high = m->nr_orders; high-- > min_order && from == MIGRATE_TYPES;) {
		from = find_fallback(m, z, high, type);
		found = high;
	}
	if (from == MIGRATE_TYPES)
		return false;
	bool whole_block = may_take_pageblock(m, found, type);
	if (!whole_block && type == MIGRATE_MOVABLE && found > order) {
		from = MIGRATE_TYPES;
		for (found = order; from == MIGRATE_TYPES; found++)
			from = find_fallback(m, z, found, type);
		found--;
		whole_block = may_take_pageblock(m, found, type);
	}
	uint64_t pfn = buddy_first(m, z, found, from);
	if (steal(m, z, pfn, found, type, alloc_flags, whole_block))
		return false;
	clock_charge(m, STEAL);
	trace_extfrag(m, cpu, pfn, order, found, type, from);
	return true;
}

uint64_t rmqueue_some(struct machine *m, struct zone *z, unsigned order, enum migratetype type,
	unsigned alloc_flags, unsigned cpu, enum migratetype *list, uint64_t *nr)
{
	uint64_t pfn = NO_PFN;

	assert(type < MIGRATE_PCPTYPES && *nr);
	/* Step 1 is asked before each block. */
	if (alloc_flags & ALLOC_CMA && z->free_cma_pages)
		*nr = 1;
	*list = MIGRATE_CMA;
	if (alloc_flags & ALLOC_CMA && z->free_cma_pages > z->free_pages / 2)
		pfn = take_smallest(m, z, order, MIGRATE_CMA, cpu, nr);
	while (pfn == NO_PFN) {
		*list = type;
		pfn = take_smallest(m, z, order, type, cpu, nr);
		if (pfn != NO_PFN)
			break;
		if (alloc_flags & ALLOC_CMA) {
			*list = MIGRATE_CMA;
			pfn = take_smallest(m, z, order, MIGRATE_CMA, cpu, nr);
			if (pfn != NO_PFN)
				break;
		}
		if (!rmqueue_fallback(m, z, order, type, alloc_flags, cpu))
			return NO_PFN;
	}
	return pfn;
}

uint64_t rmqueue_zone(struct machine *m, struct zone *z, unsigned order, enum migratetype type,
	unsigned alloc_flags, unsigned cpu, enum migratetype *list)
{
	uint64_t one = 1;

	return rmqueue_some(m, z, order, type, alloc_flags, cpu, list, &one);
}

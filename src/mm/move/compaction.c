/* SPDX-License-Identifier: MIT
 *
 * Compaction of one zone (see compaction.h).
 *
 *	suitable?      enough free pages for the copies, and the failure is due to fragmentation (extfrag_threshold)
 *	deferred?      after a failure the next 1, 2, 4 ... 64 attempts are not made
 *	scan           isolate 32 pages, move them, until a block of the order is free or the scanners have met
 *	remember       positions of both scanners, and blocks that are not worth a look (skip bits)
 *
 * A compaction is a compact_control that is begun, stepped and ended, so that a long one can be cut into slices: between
 * them nothing is isolated, every free page is on a list again, and readers see a whole machine.
 *
 * Invariant: after each step that is not the last, cc->pages is empty. Left out: page capture, contention.
 * Follows mm/compaction.c (compact_zone(), __compact_finished(), compaction_suitable(), defer_compaction()) of 6.1.
 */
#include "mm/move/compact_internal.h"

#include "mm/core/trace.h"

#include <errno.h>
#include <string.h>

const char *compact_result_name(enum compact_result r)
{
	static const char *const names[] = {"not_suitable_zone", "skipped", "deferred",
		"no_suitable_page", "continue", "complete", "partial_skipped", "contended",
		"success"};

	return names[r];
}

/* An event about a zone and an order. */
static void trace_zone(
	struct machine *m, enum trace_event event, const struct zone *z, int order, uint64_t value)
{
	if (!trace_wants(&m->trace, event))
		return;
	trace_put(m, &(struct trace_record){.ns = m->clock.now_ns,
			     .pfn = zone_id(m, z),
			     .value = value,
			     .event = (uint16_t)event,
			     .order = (uint8_t)order});
}

static void trace_ends(struct machine *m, enum trace_event event, const struct compact_control *cc,
	unsigned result)
{
	if (!trace_wants(&m->trace, event))
		return;
	trace_put(m, &(struct trace_record){.ns = m->clock.now_ns,
			     .pfn = cc->migrate_pfn,
			     .value = cc->free_pfn,
			     .event = (uint16_t)event,
			     .cpu = (uint8_t)cc->cpu,
			     .gfp = cc->zone,
			     .extra = {cc->mode != MIGRATE_ASYNC, (uint8_t)result}});
}

/* ---- deferral ---- */

void defer_compaction(struct machine *m, struct zone *z, unsigned order)
{
	struct zone_compact *c = &z->compact;

	c->considered = 0;
	if (c->defer_shift < COMPACT_MAX_DEFER_SHIFT)
		c->defer_shift++;
	if (order < c->order_failed)
		c->order_failed = order;
	trace_zone(m, TRACE_mm_compaction_defer_compaction, z, (int)order, 0);
}

bool compaction_deferred(struct machine *m, struct zone *z, unsigned order)
{
	struct zone_compact *c = &z->compact;
	uint32_t limit = 1u << c->defer_shift;

	if (order < c->order_failed)
		return false;
	if (++c->considered >= limit) {
		c->considered = limit;
		return false;
	}
	trace_zone(m, TRACE_mm_compaction_deferred, z, (int)order, 0);
	return true;
}

void compaction_defer_reset(struct machine *m, struct zone *z, unsigned order, bool alloc_success)
{
	struct zone_compact *c = &z->compact;

	if (alloc_success) {
		c->considered = 0;
		c->defer_shift = 0;
	}
	if (order >= c->order_failed)
		c->order_failed = order + 1;
	trace_zone(m, TRACE_mm_compaction_defer_reset, z, (int)order, 0);
}

/* The deferral is over: begin from scratch. */
static bool restarting(const struct zone *z, int order)
{
	const struct zone_compact *c = &z->compact;

	return order >= (int)c->order_failed && c->defer_shift == COMPACT_MAX_DEFER_SHIFT &&
	       c->considered >= 1u << c->defer_shift;
}

/* ---- does it make sense? ---- */

static enum compact_result suitable(const struct machine *m, const struct zone *z, int order,
	unsigned alloc_flags, enum zone_type highest)
{
	if (order < 0)
		return COMPACT_CONTINUE;
	uint64_t mark = wmark_pages(z, (enum watermark)(alloc_flags & ALLOC_WMARK_MASK));

	if (watermark_ok(m, z, (unsigned)order, mark, highest, alloc_flags))
		return COMPACT_SUCCESS;
	mark = wmark_pages(z, order > PCP_COSTLY_ORDER ? WMARK_LOW : WMARK_MIN);
	/* compact_gap(): for a moment each page is there twice. */
	mark += (uint64_t)2 << order;
	return watermark_ok(m, z, 0, mark, highest, ALLOC_CMA) ? COMPACT_CONTINUE : COMPACT_SKIPPED;
}

enum compact_result compaction_suitable(const struct machine *m, const struct zone *z, int order,
	unsigned alloc_flags, enum zone_type highest)
{
	enum compact_result r = suitable(m, z, order, alloc_flags, highest);

	if (r == COMPACT_CONTINUE && order > PCP_COSTLY_ORDER) {
		int index = extfrag_index(m, z, (unsigned)order);

		if (index >= 0 && index <= m->sysctls.value[SYSCTL_extfrag_threshold])
			r = COMPACT_SKIPPED;
	}
	return r;
}

/* Would an allocation of the type find a block of @order now? */
static bool block_is_free(
	const struct machine *m, const struct zone *z, unsigned order, enum migratetype type)
{
	for (; order < m->nr_orders; order++) {
		if (!z->area[order].nr_free)
			continue;
		if (!free_list_empty(m, z, order, type))
			return true;
		if (type == MIGRATE_MOVABLE && !free_list_empty(m, z, order, MIGRATE_CMA))
			return true;
		if (fallback_is_stealable(m, z, order, type))
			return true;
	}
	return false;
}

void compact_reset_positions(const struct machine *m, struct zone *z)
{
	z->compact.migrate_pfn[0] = z->compact.migrate_pfn[1] = z->start_pfn;
	z->compact.free_pfn = pageblock_start(m, zone_end_pfn(z) - 1);
}

static enum compact_result finished(struct machine *m, struct compact_control *cc)
{
	struct zone *z = compact_zone_of(m, cc);

	if (compact_scanners_met(m, cc)) {
		compact_reset_positions(m, z);
		if (cc->direct)
			z->compact.blockskip_flush = true;
		return cc->whole_zone ? COMPACT_COMPLETE : COMPACT_PARTIAL_SKIPPED;
	}
	if (cc->proactive)
		return (unsigned)unusable_index(m, z, m->pageblock_order) / 10 >
				       fragmentation_score_wmark(m, true)
			       ? COMPACT_CONTINUE
			       : COMPACT_SUCCESS;
	/* Finish the pageblock, so as not to leave it half done. */
	if (cc->order < 0 || cc->migrate_pfn != pageblock_start(m, cc->migrate_pfn))
		return COMPACT_CONTINUE;
	if (block_is_free(m, z, (unsigned)cc->order, (enum migratetype)cc->migratetype))
		return COMPACT_SUCCESS;
	return COMPACT_CONTINUE;
}

/* ---- one zone ---- */

static void begin_scanners(struct machine *m, struct compact_control *cc)
{
	struct zone *z = compact_zone_of(m, cc);
	bool sync = cc->mode != MIGRATE_ASYNC;

	if (cc->whole_zone) {
		cc->migrate_pfn = z->start_pfn;
		cc->free_pfn = pageblock_start(m, zone_end_pfn(z) - 1);
		return;
	}
	cc->migrate_pfn = z->compact.migrate_pfn[sync];
	cc->free_pfn = z->compact.free_pfn;
	if (cc->free_pfn < z->start_pfn || cc->free_pfn >= zone_end_pfn(z))
		z->compact.free_pfn = cc->free_pfn = pageblock_start(m, zone_end_pfn(z) - 1);
	if (cc->migrate_pfn < z->start_pfn || cc->migrate_pfn >= zone_end_pfn(z))
		z->compact.migrate_pfn[0] = z->compact.migrate_pfn[1] = cc->migrate_pfn =
			z->start_pfn;
	if (cc->migrate_pfn <= z->start_pfn)
		cc->whole_zone = true;
}

enum compact_result compact_zone_begin(struct machine *m, struct compact_control *cc)
{
	struct zone *z = compact_zone_of(m, cc);

	cc->migratetype = gfp_migratetype(m, (gfp_t)cc->gfp);
	enum compact_result r = compaction_suitable(
		m, z, cc->order, cc->alloc_flags, (enum zone_type)cc->highest_zone);

	trace_zone(m, TRACE_mm_compaction_suitable, z, cc->order, r);
	if (r != COMPACT_CONTINUE)
		return r;
	if (restarting(z, cc->order))
		reset_isolation_suitable(m, z);
	cc->begun = true;
	begin_scanners(m, cc);
	cc->last_migrated_pfn = 0;
	cc->fast_start_pfn = 0;
	cc->search_order = cc->order;
	cc->update_cached =
		cc->mode == MIGRATE_ASYNC && z->compact.migrate_pfn[0] == z->compact.migrate_pfn[1];
	trace_ends(m, TRACE_mm_compaction_begin, cc, 0);
	return finished(m, cc);
}

/* Pages that were just freed may lie on this CPU's list, where they cannot merge. */
static void drain_behind(struct machine *m, struct compact_control *cc)
{
	uint64_t unit = cc->order > 0 ? (uint64_t)1 << cc->order : 1;

	if (cc->order <= 0 || cc->last_migrated_pfn >= cc->migrate_pfn / unit * unit ||
		!cc->last_migrated_pfn)
		return;
	drain_local_pages(m, cc->cpu, compact_zone_of(m, cc));
	cc->last_migrated_pfn = 0;
}

static void trace_moved(struct machine *m, unsigned cpu, uint64_t moved, uint64_t left)
{
	if (trace_wants(&m->trace, TRACE_mm_compaction_migratepages))
		trace_put(m, &(struct trace_record){.ns = m->clock.now_ns,
				     .pfn = moved,
				     .value = left,
				     .event = TRACE_mm_compaction_migratepages,
				     .cpu = (uint8_t)cpu});
}

/* Move what was isolated. False: there was nowhere to go. */
static bool move(struct machine *m, struct compact_control *cc)
{
	const struct migrate_target target = {compaction_alloc, compaction_free, cc};
	struct migrate_result result;
	int64_t err = migrate_pages(m, cc->cpu, &cc->pages, &target, (enum migrate_mode)cc->mode,
		MR_COMPACTION, &result);

	trace_moved(m, cc->cpu, result.nr_succeeded, cc->pages.nr);
	if (!err)
		return true;
	putback_movable_pages(m, cc->cpu, &cc->pages);
	if (err == -EDQUOT || (err == -ENOMEM && !compact_scanners_met(m, cc)))
		return false;
	/* The rest of this block of the order is of no use. */
	if (cc->direct && cc->mode == MIGRATE_ASYNC && cc->order > 0) {
		uint64_t unit = (uint64_t)1 << cc->order;

		cc->migrate_pfn = (cc->migrate_pfn + unit - 1) / unit * unit;
		cc->last_migrated_pfn = 0;
	}
	return true;
}

enum compact_result compact_zone_step(struct machine *m, struct compact_control *cc)
{
	struct zone *z = compact_zone_of(m, cc);
	uint64_t from = cc->migrate_pfn;

	cc->rescan = pageblock_start(m, cc->last_migrated_pfn) == pageblock_start(m, from);
	if (isolate_migratepages(m, cc) == ISOLATE_NONE) {
		if (cc->update_cached)
			z->compact.migrate_pfn[1] = z->compact.migrate_pfn[0];
	} else {
		cc->update_cached = false;
		cc->last_migrated_pfn = from;
		if (!move(m, cc))
			return COMPACT_CONTENDED;
	}
	drain_behind(m, cc);
	return finished(m, cc);
}

void compact_zone_pause(struct machine *m, struct compact_control *cc)
{
	uint64_t highest = release_freepages(m, cc);

	if (highest && pageblock_start(m, highest) > cc->free_pfn)
		cc->free_pfn = pageblock_start(m, highest);
}

void compact_zone_end(struct machine *m, struct compact_control *cc, enum compact_result result)
{
	struct zone *z = compact_zone_of(m, cc);
	uint64_t highest = release_freepages(m, cc);

	if (!cc->begun)
		return;
	cc->begun = false;
	if (highest && pageblock_start(m, highest) > z->compact.free_pfn)
		z->compact.free_pfn = pageblock_start(m, highest);
	count_event(m, EV_compact_migrate_scanned, cc->total_migrate_scanned);
	count_event(m, EV_compact_free_scanned, cc->total_free_scanned);
	trace_ends(m, TRACE_mm_compaction_end, cc, result);
	refusal_clear(&m->why);
}

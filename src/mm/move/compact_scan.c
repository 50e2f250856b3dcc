/* SPDX-License-Identifier: MIT
 *
 * The two scanners of compaction (see compaction.h).
 *
 * The migration scanner goes up, a pageblock at a time. In a block that may be worth it (not skipped, of the right
 * migratetype for an asynchronous direct compaction) it isolates up to 32 pages that can move, and remembers where it was.
 * A block that it has looked at gets its skip bit, so that the next compaction passes over it. When it comes to a block for the
 * second time it takes all that is left of it.
 *
 * The free scanner goes down from the zone's end. It takes free blocks out of movable pageblocks until it has as many
 * pages as are to be moved. Pageblocks that are free in one piece, as all memory is that was never used, stay so. The kernel
 * cuts a block into single pages at once, here a block is a range of which pages are taken.
 *
 * Invariant: what is isolated is in no free count; cc->nr_freepages is the sum of the ranges.
 * Both take shortcuts through the free lists (compact_fast.c). Left out: capturing a block while it merges, the strict ranges of
 * CMA (that is contig.c's own way). Follows mm/compaction.c of 6.1.
 */
#include "mm/move/compact_internal.h"

#include "mm/core/trace.h"
#include "mm/page/extent.h"
#include "mm/process/user_page.h"

#include <errno.h>

static void trace_isolate(struct machine *m, unsigned cpu, enum trace_event event,
	uint64_t start_pfn, uint64_t end_pfn, uint64_t scanned, uint64_t taken)
{
	if (!trace_wants(&m->trace, event))
		return;
	trace_put(m, &(struct trace_record){.ns = m->clock.now_ns,
			     .pfn = start_pfn,
			     .value = end_pfn,
			     .event = (uint16_t)event,
			     .cpu = (uint8_t)cpu,
			     .gfp = (uint32_t)(scanned << 16 | (taken & 0xffff))});
}

/* ---- what is known of pageblocks ---- */

static void set_skip(struct machine *m, uint64_t pfn)
{
	if (frame_is_live(m, pfn))
		pageblock_set_skip(m, pfn, true);
}

static bool isolation_suitable(
	const struct machine *m, const struct compact_control *cc, uint64_t pfn)
{
	return cc->ignore_skip_hint || !pageblock_skip(m, pfn);
}

static void update_cached_migrate(struct machine *m, const struct compact_control *cc, uint64_t pfn)
{
	struct zone *z = compact_zone_of(m, cc);

	pfn = pageblock_end(m, pfn);
	if (pfn > z->compact.migrate_pfn[0])
		z->compact.migrate_pfn[0] = pfn;
	if (cc->mode != MIGRATE_ASYNC && pfn > z->compact.migrate_pfn[1])
		z->compact.migrate_pfn[1] = pfn;
}

static void update_free_skip(struct machine *m, const struct compact_control *cc, uint64_t pfn)
{
	struct zone *z = compact_zone_of(m, cc);

	set_skip(m, pfn);
	if (pfn < z->compact.free_pfn)
		z->compact.free_pfn = pfn;
}

void reset_isolation_suitable(struct machine *m, struct zone *z)
{
	uint64_t step = (uint64_t)1 << m->pageblock_order;

	z->compact.blockskip_flush = false;
	for (uint64_t pfn = pageblock_start(m, z->start_pfn); pfn < zone_end_pfn(z);) {
		uint64_t block = (uint64_t)1 << (m->nr_orders - 1);

		if (pfn >= m->base_pfn && frame_is_live(m, pfn))
			pageblock_set_skip(m, pfn, false);
		else
			pfn |= block - step; /* what was never used has no skip bits */
		pfn += step;
	}
	compact_reset_positions(m, z);
	z->compact.init_free_pfn = z->compact.free_pfn;
}

/* The block at @pfn or the one that it is inside, in a live max-order block; its pages from @pfn on in *@left. NULL: never
 * used memory. */
static const struct frame *block_at(const struct machine *m, uint64_t pfn, uint64_t *left)
{
	const struct frame *f = frame_of(m, pfn);
	uint64_t head_pfn = pfn;

	if (!frame_is_head(f)) {
		head_pfn = frame_block_head(m, pfn);
		if (head_pfn == NO_PFN) {
			*left = (uint64_t)1 << (m->nr_orders - 1);
			*left -= (pfn - m->base_pfn) & (*left - 1);
			return NULL;
		}
		f = frame_of(m, head_pfn);
	}
	*left = head_pfn + ((uint64_t)1 << f->order) - pfn;
	return f;
}

/* ---- the migration scanner ---- */

static bool suitable_migration_source(
	const struct machine *m, const struct compact_control *cc, uint64_t pfn)
{
	if (!frame_is_live(m, pfn))
		return false;
	if (cc->mode != MIGRATE_ASYNC || !cc->direct)
		return true;
	enum migratetype type = pageblock_type(m, pfn);

	if (cc->migratetype == MIGRATE_MOVABLE)
		return type == MIGRATE_MOVABLE || type == MIGRATE_CMA;
	return type == cc->migratetype;
}

/* Can this page be taken at all? What is pinned is left alone from the start. */
static bool may_move(
	const struct machine *m, const struct compact_control *cc, const struct frame *f)
{
	if (f->order || !f->refcount)
		return false;
	if (f->flags & FRAME_UNEVICTABLE && !m->sysctls.value[SYSCTL_compact_unevictable_allowed])
		return false;
	if (f->flags & FRAME_ANON && f->refcount > f->mapcount)
		return false;
	if (cc->mode == MIGRATE_ASYNC && f->flags & (FRAME_WRITEBACK | FRAME_LOCKED))
		return false;
	return f->flags & (FRAME_LRU | FRAME_MOVABLE);
}

/* isolate_migratepages_block(): [@pfn, @end_pfn) of one pageblock. Returns where it stopped. */
static uint64_t isolate_block(
	struct machine *m, struct compact_control *cc, uint64_t pfn, uint64_t end_pfn)
{
	bool skip_on_failure = cc->direct && cc->mode == MIGRATE_ASYNC && cc->order > 0;
	uint64_t start_pfn = pfn, scanned = 0, left, taken = 0, unit_end = 0;
	uint64_t unit = skip_on_failure ? (uint64_t)1 << cc->order : 1;
	/* Of a pageblock that is entered in its midst the bit is not asked, nor set. */
	bool entered = pfn == pageblock_start(m, pfn), marked = false;

	if (entered && !isolation_suitable(m, cc, pfn)) {
		update_cached_migrate(m, cc, end_pfn);
		trace_isolate(
			m, cc->cpu, TRACE_mm_compaction_isolate_migratepages, pfn, end_pfn, 1, 0);
		cc->total_migrate_scanned++;
		return end_pfn;
	}
	while (pfn < end_pfn) {
		if (skip_on_failure && pfn >= unit_end) {
			/* A unit of the order is free now when these are moved. */
			if (taken)
				break;
			unit_end = (pfn / unit + 1) * unit;
		}
		const struct frame *f = block_at(m, pfn, &left);

		scanned++;
		if (f && may_move(m, cc, f) && !migrate_isolate(m, &cc->pages, pfn)) {
			taken++;
			pfn++;
			if (entered && !marked && !cc->ignore_skip_hint)
				set_skip(m, start_pfn);
			marked = true;
			if (taken >= COMPACT_CLUSTER_MAX && !cc->rescan)
				break;
			continue;
		}
		bool fails = f && !(f->flags & FRAME_BUDDY);

		pfn += left;
		if (!fails || !skip_on_failure)
			continue;
		/* One page that stays spoils the unit. */
		putback_movable_pages(m, cc->cpu, &cc->pages);
		taken = 0;
		if (pfn < unit_end)
			pfn = unit_end;
	}
	if (pfn > end_pfn)
		pfn = end_pfn;
	refusal_clear(&m->why);
	if (pfn == end_pfn && (!taken || cc->rescan)) {
		if (entered && !marked)
			set_skip(m, start_pfn);
		/* As 6.1 has it: behind the next one. */
		update_cached_migrate(m, cc, pfn);
	}
	trace_isolate(m, cc->cpu, TRACE_mm_compaction_isolate_migratepages, start_pfn, pfn, scanned,
		taken);
	cc->total_migrate_scanned += scanned;
	count_event(m, EV_compact_isolated, taken);
	return pfn;
}

enum isolate_result isolate_migratepages(struct machine *m, struct compact_control *cc)
{
	const struct zone *z = compact_zone_of(m, cc);
	uint64_t pfn = fast_find_migrateblock(m, cc), end_pfn = pageblock_end(m, pfn);
	bool found = pfn != cc->migrate_pfn && !cc->fast_search_fail;

	for (; end_pfn <= cc->free_pfn; found = false, cc->migrate_pfn = pfn = end_pfn,
					end_pfn += (uint64_t)1 << m->pageblock_order) {
		uint64_t whole = (uint64_t)1 << (m->nr_orders - 1);

		if (!frame_is_live(m, pfn)) {
			/* Nothing was ever used here. */
			uint64_t next = ((pfn - m->base_pfn) | (whole - 1)) + 1 + m->base_pfn;

			end_pfn = next <= cc->free_pfn ? next : pageblock_start(m, cc->free_pfn);
			if (end_pfn <= pfn)
				break;
			continue;
		}
		if (m->nr_nodes > 1 && pfn_zone(m, pfn) != z)
			continue;
		if ((pfn == pageblock_start(m, pfn) || pfn == z->start_pfn) && !found &&
			!isolation_suitable(m, cc, pfn))
			continue;
		if (!suitable_migration_source(m, cc, pfn)) {
			update_cached_migrate(m, cc, end_pfn);
			continue;
		}
		cc->migrate_pfn = isolate_block(m, cc, pfn, end_pfn);
		break;
	}
	cc->nr_migratepages = cc->pages.nr;
	return cc->pages.nr ? ISOLATE_SUCCESS : ISOLATE_NONE;
}

/* ---- the free scanner ---- */

static bool suitable_migration_target(
	const struct machine *m, const struct compact_control *cc, uint64_t pfn)
{
	const struct zone *z = compact_zone_of(m, cc);
	uint64_t largest_pages = (uint64_t)1 << (m->nr_orders - 1);
	enum migratetype type = pageblock_type(m, pfn);

	/* What is free in one piece already is better left so. Of a larger block's second pageblock it does not show. */
	if (frame_is_live(m, pfn)) {
		const struct frame *f = frame_of(m, pfn);

		if (f->flags & FRAME_BUDDY && f->order >= m->pageblock_order)
			return false;
	} else if (!(pfn & (largest_pages - 1)) && extent_find(z, m->nr_orders - 1, pfn)) {
		return false;
	}
	return cc->ignore_block_suitable || type == MIGRATE_MOVABLE || type == MIGRATE_CMA;
}

/* The pageblocks of a free block that is taken whole become Movable. */
static void make_movable(struct machine *m, uint64_t pfn, unsigned order)
{
	uint64_t end_pfn = pfn + ((uint64_t)1 << order);

	if (order + 1 < m->pageblock_order)
		return;
	for (; pfn < end_pfn; pfn += (uint64_t)1 << m->pageblock_order)
		if (migratetype_mergeable(pageblock_type(m, pfn)))
			(void)pageblock_set_type(m, pfn, MIGRATE_MOVABLE);
}

bool compact_isolate_free(struct machine *m, struct compact_control *cc, uint64_t pfn,
	unsigned order, enum migratetype list)
{
	struct zone *z = compact_zone_of(m, cc);
	uint64_t mark = wmark_pages(z, WMARK_MIN) + ((uint64_t)1 << order);

	if (!watermark_ok(m, z, 0, mark, ZONE_DMA, ALLOC_CMA) || buddy_take(m, z, pfn, order))
		return false;
	zone_count_free(z, -((int64_t)1 << order), list);
	make_movable(m, pfn, order);
	cc->range[cc->nr_ranges].pfn = pfn;
	cc->range[cc->nr_ranges++].pages = (uint64_t)1 << order;
	cc->nr_freepages += (uint64_t)1 << order;
	return true;
}

uint64_t compact_take_free(
	struct machine *m, struct compact_control *cc, uint64_t pfn, uint64_t end_pfn)
{
	uint64_t start_pfn = pfn, scanned = 0, left, before = cc->nr_freepages;

	while (pfn < end_pfn && !compact_has_enough(cc)) {
		const struct frame *f = NULL;

		left = end_pfn - pfn;
		if (frame_is_live(m, pfn))
			f = block_at(m, pfn, &left);
		scanned++;
		if (f && f->flags & FRAME_BUDDY && left == (uint64_t)1 << f->order) {
			if (!compact_isolate_free(
				    m, cc, pfn, (unsigned)f->order, (enum migratetype)f->index))
				break;
			pfn += left;
			continue;
		}
		/* Inside of a free block none of its pages looks free. */
		if (!f || !(f->flags & FRAME_HEAD))
			scanned += (left < end_pfn - pfn ? left : end_pfn - pfn) - 1;
		pfn += left;
	}
	refusal_clear(&m->why);
	if (pfn > end_pfn)
		pfn = end_pfn;
	trace_isolate(m, cc->cpu, TRACE_mm_compaction_isolate_freepages, start_pfn, pfn, scanned,
		cc->nr_freepages - before);
	cc->total_free_scanned += scanned;
	count_event(m, EV_compact_isolated, cc->nr_freepages - before);
	return pfn;
}

/* Is there something in this pageblock for the scanner to look at? */
static bool has_pages(struct machine *m, const struct zone *z, uint64_t pfn)
{
	if (pfn < m->base_pfn || pfn >= m->frames_end_pfn)
		return false;
	if (m->nr_nodes > 1 && pfn_zone(m, pfn) != z)
		return false;
	return frame_is_live(m, pfn) ||
	       extent_find(z, m->nr_orders - 1, pfn & ~(((uint64_t)1 << (m->nr_orders - 1)) - 1));
}

static void isolate_freepages(struct machine *m, struct compact_control *cc)
{
	fast_isolate_freepages(m, cc);
	if (cc->nr_freepages)
		return;
	const struct zone *z = compact_zone_of(m, cc);
	uint64_t step = (uint64_t)1 << m->pageblock_order;
	uint64_t at = cc->free_pfn, start_pfn = pageblock_start(m, at);
	uint64_t end_pfn = start_pfn + step, low_pfn = pageblock_end(m, cc->migrate_pfn);

	for (; start_pfn >= low_pfn && !compact_has_enough(cc);
		end_pfn = start_pfn, start_pfn -= step, at = start_pfn) {
		if (!has_pages(m, z, start_pfn) || !suitable_migration_target(m, cc, start_pfn) ||
			!isolation_suitable(m, cc, start_pfn))
			continue;
		uint64_t until = end_pfn < zone_end_pfn(z) ? end_pfn : zone_end_pfn(z);

		at = compact_take_free(m, cc, at > z->start_pfn ? at : z->start_pfn, until);
		if (at == until)
			update_free_skip(m, cc, start_pfn);
		if (at < until)
			break;
	}
	cc->free_pfn = at;
}

int compaction_alloc(
	struct machine *m, unsigned cpu, void *data, uint64_t old_pfn, uint64_t *new_pfn)
{
	struct compact_control *cc = data;

	(void)old_pfn;
	if (!cc->nr_freepages) {
		cc->nr_migratepages += !cc->nr_migratepages; /* a page that is tried again */
		isolate_freepages(m, cc);
	}
	if (!cc->nr_freepages)
		return refuse(&m->why, ENOMEM, "compaction found no free page to move to");
	/* From the last range, from its end down, as the scanner came. */
	uint64_t *pages = &cc->range[cc->nr_ranges - 1].pages;

	*new_pfn = cc->range[cc->nr_ranges - 1].pfn + --*pages;
	if (!*pages)
		cc->nr_ranges--;
	cc->nr_freepages--;
	cc->nr_migratepages -= cc->nr_migratepages != 0;
	struct frame *f = frame_of(m, *new_pfn);

	f->refcount = 1;
	f->flags = FRAME_MOVABLE;
	if (m->page_owners.inited)
		set_page_owner(m, cpu, *new_pfn, 0, __GFP_MOVABLE);
	return 0;
}

void compaction_free(struct machine *m, unsigned cpu, void *data, uint64_t new_pfn)
{
	struct compact_control *cc = data;

	if (cc->nr_ranges == COMPACT_RANGES_MAX) {
		free_pages_order(m, cpu, new_pfn, 0);
		return;
	}
	*frame_of(m, new_pfn) = (struct frame){0};
	if (m->page_owners.inited)
		reset_page_owner(m, new_pfn, 0);
	cc->range[cc->nr_ranges].pfn = new_pfn;
	cc->range[cc->nr_ranges++].pages = 1;
	cc->nr_freepages++;
	cc->nr_migratepages++;
}

/* The largest aligned block that begins at @pfn and is not larger than @pages. */
static unsigned largest_order(const struct machine *m, uint64_t pfn, uint64_t pages)
{
	unsigned order = 0;

	while (order + 1 < m->nr_orders && !(pfn >> order & 1) && (uint64_t)2 << order <= pages)
		order++;
	return order;
}

uint64_t release_freepages(struct machine *m, struct compact_control *cc)
{
	struct zone *z = compact_zone_of(m, cc);
	uint64_t highest = 0;

	while (cc->nr_ranges) {
		uint64_t pfn = cc->range[--cc->nr_ranges].pfn;
		uint64_t end_pfn = pfn + cc->range[cc->nr_ranges].pages;

		if (end_pfn - 1 > highest)
			highest = end_pfn - 1;
		while (pfn < end_pfn) {
			unsigned order = largest_order(m, pfn, end_pfn - pfn);
			enum migratetype type = pageblock_type(m, pfn);

			zone_count_free(z, (int64_t)1 << order, type);
			buddy_free(m, z, pfn, order, type, true);
			pfn += (uint64_t)1 << order;
		}
	}
	cc->nr_freepages = 0;
	return highest;
}

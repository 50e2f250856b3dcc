/* SPDX-License-Identifier: MIT
 *
 * alloc_contig_range(): a range of pages is emptied and taken (see contig.h).
 *
 * Before a pageblock is isolated it is searched for pages that cannot leave (has_unmovable_pages()): there is no sense in
 * moving the others then. Pageblocks of CMA are not searched, since only movable pages ever came in; a pin or a reference
 * held shows when such a page does not move.
 *
 * Tenants are gathered 32 at a time. Of those the clean pages of files are dropped (the disk has them), and the rest moves,
 * up to five times. What does not move then is not asked about: the test decides, since it may be free by now.
 *
 * Where they go is what alloc_migration_target() says: the same node, movable, HighMem when they came from there. That may
 * be another CMA pageblock, but never the range itself, whose free pages are set aside.
 *
 * Invariant: whatever the outcome, each pageblock that was isolated has its type again, and no page is lost.
 * Left out: huge pages of the pool and compound pages, which do not move here. Follows mm/page_alloc.c
 * (alloc_contig_range(), __alloc_contig_migrate_range()), mm/page_isolation.c, mm/vmscan.c
 * (reclaim_clean_pages_from_list()) of 6.1.
 */
#include "mm/move/contig.h"

#include "base/text.h"
#include "mm/move/internal.h"
#include "mm/page/buddy.h"
#include "mm/page/zone.h"
#include "mm/process/file.h"

#include <assert.h>
#include <errno.h>

typedef unsigned long long ull;

enum {
	TRIES = 5,
	STEPS_PER_PAGEBLOCK = 16, /* what isolating one counts as in a slice */
};

static uint64_t pageblock_pages(const struct machine *m)
{
	return (uint64_t)1 << m->pageblock_order;
}

static uint64_t first_pageblock(const struct machine *m, const struct contig_range *c)
{
	return c->start_pfn & ~(pageblock_pages(m) - 1);
}

int contig_begin(struct machine *m, struct contig_range *c, uint64_t start_pfn, uint64_t end_pfn,
	enum migratetype type, uint32_t frame_flags)
{
	if (start_pfn >= end_pfn)
		return refuse(&m->why, EINVAL, "the range [0x%llx, 0x%llx) has no page",
			(ull)start_pfn, (ull)end_pfn);
	const struct zone *z =
		start_pfn < m->base_pfn || end_pfn > m->frames_end_pfn || !pfn_valid(m, start_pfn)
			? NULL
			: pfn_zone(m, start_pfn);
	for (uint64_t pfn = start_pfn; z && pfn < end_pfn; pfn = (pfn | 1023) + 1)
		if (!pfn_valid(m, pfn) || pfn_zone(m, pfn) != z)
			z = NULL;
	if (!z || !pfn_valid(m, end_pfn - 1) || pfn_zone(m, end_pfn - 1) != z)
		return refuse(&m->why, EINVAL,
			"the pages [0x%llx, 0x%llx) do not all lie in one zone", (ull)start_pfn,
			(ull)end_pfn);
	*c = (struct contig_range){.start_pfn = start_pfn,
		.end_pfn = end_pfn,
		.type = type,
		.frame_flags = frame_flags,
		.at_pfn = start_pfn & ~(pageblock_pages(m) - 1)};
	return 0;
}

static void enter(struct contig_range *c, enum contig_phase phase, uint64_t at_pfn)
{
	c->phase = phase;
	c->at_pfn = at_pfn;
}

/* It will fail with @err, for the reason that m->why has: what is isolated comes back. */
static void fail(struct machine *m, struct contig_range *c, int err)
{
	c->err = err;
	c->why = m->why;
	enter(c, CONTIG_UNISOLATE, first_pageblock(m, c));
}

/* In a word why the page cannot leave. */
static int refuse_page(struct machine *m, uint64_t pfn)
{
	struct text why;

	text_init(&why);
	page_movable_reason(m, pfn, &why);
	int err = refuse(
		&m->why, EBUSY, "pfn 0x%llx cannot leave: it is %.180s", (ull)pfn, text_str(&why));
	text_finish(&why);
	return err;
}

/* ---- isolate ---- */

/* Is the page in use of a kind that never moves (who holds it is not asked)? @f is what frame_peek() says. */
static bool never_moves(const struct frame *f)
{
	if (f->flags & FRAME_RESERVED)
		return true;
	if (f->flags & (FRAME_BUDDY | FRAME_PCP))
		return false;
	return !(f->flags & FRAME_LRU) && (!(f->flags & FRAME_MOVABLE) || f->order);
}

/* has_unmovable_pages() for the part of the pageblock at @pfn that is wanted: the page, or NO_PFN. */
static uint64_t unmovable_page(const struct machine *m, const struct contig_range *c, uint64_t pfn)
{
	uint64_t at = pfn > c->start_pfn ? pfn : c->start_pfn;
	uint64_t end_pfn = pfn + pageblock_pages(m);

	if (pageblock_type(m, pfn) == MIGRATE_CMA)
		return c->type == MIGRATE_CMA ? NO_PFN : at;
	end_pfn = end_pfn < c->end_pfn ? end_pfn : c->end_pfn;
	while (at < end_pfn) {
		const struct frame f = frame_peek(m, at);

		if (never_moves(&f))
			return at;
		at = f.flags & FRAME_RESERVED || f.flags & FRAME_LRU
			     ? at + 1
			     : (at | (((uint64_t)1 << f.order) - 1)) + 1;
	}
	return NO_PFN;
}

static void isolate_slice(struct machine *m, struct contig_range *c, unsigned steps)
{
	for (unsigned done = 0; c->at_pfn < c->end_pfn && done < steps;
		done += STEPS_PER_PAGEBLOCK) {
		uint64_t pfn = unmovable_page(m, c, c->at_pfn);
		int err;

		if (pfn == NO_PFN)
			err = pageblock_isolate(m, c->at_pfn);
		else if (pageblock_type(m, pfn) == MIGRATE_CMA)
			err = refuse(&m->why, EBUSY,
				"pfn 0x%llx is of a contiguous memory area: only cma_alloc takes "
				"pages of it",
				(ull)pfn);
		else
			err = refuse_page(m, pfn);
		if (err) {
			fail(m, c, err);
			return;
		}
		clock_charge(m, ISOLATE_PAGEBLOCK);
		c->at_pfn += pageblock_pages(m);
		c->isolated_pfn = c->at_pfn;
	}
	if (c->at_pfn >= c->end_pfn)
		enter(c, CONTIG_DRAIN, c->start_pfn);
}

/* ---- migrate ---- */

/* alloc_migration_target() */
static int get_target(
	struct machine *m, unsigned cpu, void *data, uint64_t old_pfn, uint64_t *new_pfn)
{
	const struct zone *z = pfn_zone(m, old_pfn);
	gfp_t gfp = (gfp_t)GFP_USER | (gfp_t)__GFP_MOVABLE | (gfp_t)__GFP_RETRY_MAYFAIL;

	(void)data;
	if (z->type == ZONE_HIGHMEM || z->type == ZONE_MOVABLE)
		gfp |= (gfp_t)__GFP_HIGHMEM;
	callstack_push(&m->callstack, CALLER_contig_target);
	int err = alloc_pages_node(m, cpu, (int)z->nid, gfp, 0, new_pfn);
	callstack_pop(&m->callstack);
	return err;
}

/* Up to 32 pages of the range that can be taken off their lists, from at_pfn on. */
static void gather(struct machine *m, struct contig_range *c, struct migrate_list *list)
{
	while (c->at_pfn < c->end_pfn && list->nr < COMPACT_CLUSTER_MAX) {
		uint64_t head_pfn = frame_block_head(m, c->at_pfn);
		const struct frame *f = frame_of(m, head_pfn);
		uint64_t next_pfn = head_pfn + ((uint64_t)1 << f->order);

		if (f->refcount && (f->flags & (FRAME_LRU | FRAME_MOVABLE)))
			(void)migrate_isolate(m, list, head_pfn);
		c->at_pfn = next_pfn;
	}
}

/* reclaim_clean_pages_from_list() */
static uint64_t drop_clean(struct machine *m, unsigned cpu, struct migrate_list *list)
{
	struct migrate_list stay = {0};
	uint64_t dropped = 0, pfn;

	while ((pfn = migrate_list_take(m, list)) != NO_PFN) {
		bool held = migrate_is_held(frame_of(m, pfn));
		/* Before it is dropped, while it still says what it is. */
		if (!held)
			migrate_count_isolated(m, pfn, -1);
		if (!held && page_cache_reclaim_clean(m, cpu, pfn)) {
			dropped++;
			continue;
		}
		if (!held)
			migrate_count_isolated(m, pfn, 1);
		migrate_list_add(m, &stay, pfn);
	}
	*list = stay;
	return dropped;
}

/* One cluster, until it is empty or does not get smaller. 0, or -errno (ENOMEM, EDQUOT, EBUSY). */
static int move_cluster(
	struct machine *m, unsigned cpu, struct migrate_list *list, uint64_t *dropped)
{
	static const struct migrate_target target = {.get = get_target};
	int64_t left = 0;

	for (unsigned tries = 0; tries < TRIES && list->nr; tries++) {
		*dropped += drop_clean(m, cpu, list);
		left = list->nr ? migrate_pages(m, cpu, list, &target, MIGRATE_SYNC,
					  MR_CONTIG_RANGE, NULL)
				: 0;
		if (left < 0)
			break;
	}
	putback_movable_pages(m, cpu, list);
	return left < 0 ? (int)left : left ? -EBUSY : 0;
}

static void migrate_slice(struct machine *m, unsigned cpu, struct contig_range *c, unsigned steps)
{
	uint64_t dropped = 0, moved = 0;

	while (c->at_pfn < c->end_pfn && moved < steps) {
		struct migrate_list list = {0};

		gather(m, c, &list);
		if (!list.nr)
			continue;
		moved += list.nr;
		int err = move_cluster(m, cpu, &list, &dropped);
		if (err == -EBUSY) {
			/* Whoever stays makes it fail: the test will say who. */
			enter(c, CONTIG_TEST, c->start_pfn);
			return;
		}
		if (err) {
			fail(m, c, err);
			return;
		}
	}
	if (c->at_pfn >= c->end_pfn)
		enter(c, CONTIG_TEST, c->start_pfn);
}

/* ---- take ---- */

static void test_all(struct machine *m, struct contig_range *c)
{
	uint64_t pfn = isolated_busy_pfn(m, c->start_pfn, c->end_pfn);

	if (pfn == NO_PFN) {
		c->grabbed_pfn = c->start_pfn;
		enter(c, CONTIG_GRAB, c->start_pfn);
		return;
	}
	fail(m, c, refuse_page(m, pfn));
}

static void grab_slice(struct machine *m, unsigned cpu, struct contig_range *c, unsigned steps)
{
	uint64_t stop_pfn = c->at_pfn + (uint64_t)steps * CONTIG_PAGES_PER_STEP;

	stop_pfn = stop_pfn < c->end_pfn ? stop_pfn : c->end_pfn;
	callstack_push(&m->callstack, CALLER_contig_range);
	while (c->at_pfn < stop_pfn) {
		uint64_t end_pfn = isolated_take(m, cpu, c->at_pfn, stop_pfn, c->frame_flags);

		clock_charge_ns(m, (end_pfn - c->at_pfn) * COST_NS_CONTIG_PAGE);
		c->grabbed_pfn = c->at_pfn = end_pfn;
	}
	callstack_pop(&m->callstack);
	if (c->at_pfn == c->end_pfn)
		enter(c, CONTIG_UNISOLATE, first_pageblock(m, c));
}

/* After an interruption: what was grabbed is free again. */
static void give_back_slice(struct machine *m, unsigned cpu, struct contig_range *c, unsigned steps)
{
	uint64_t nr = c->grabbed_pfn - c->at_pfn, most = (uint64_t)steps * CONTIG_PAGES_PER_STEP;

	nr = nr < most ? nr : most;
	if (nr) {
		int err = free_contig_range(m, cpu, c->at_pfn, nr, c->frame_flags);

		/* Others can have freed some of them by their numbers meanwhile; they are theirs then. */
		(void)err;
	}
	c->at_pfn += nr;
	if (c->at_pfn == c->grabbed_pfn)
		enter(c, CONTIG_UNISOLATE, first_pageblock(m, c));
}

static void unisolate_slice(struct machine *m, struct contig_range *c, unsigned steps)
{
	for (unsigned done = 0; c->at_pfn < c->isolated_pfn && done < steps;
		done += STEPS_PER_PAGEBLOCK) {
		int err = pageblock_unisolate(m, c->at_pfn, c->type);

		/* Isolated free blocks are linked ones: to cut them takes no memory. */
		assert(!err);
		(void)err;
		c->at_pfn += pageblock_pages(m);
	}
	if (c->at_pfn >= c->isolated_pfn)
		c->phase = CONTIG_DONE;
}

/* ---- slices ---- */

int contig_step(struct machine *m, unsigned cpu, struct contig_range *c, unsigned steps)
{
	switch (c->phase) {
	case CONTIG_ISOLATE:
		isolate_slice(m, c, steps);
		break;
	case CONTIG_DRAIN:
		drain_all_pages(m, pfn_zone(m, c->start_pfn));
		enter(c, CONTIG_MIGRATE, c->start_pfn);
		break;
	case CONTIG_MIGRATE:
		migrate_slice(m, cpu, c, steps);
		break;
	case CONTIG_TEST:
		test_all(m, c);
		break;
	case CONTIG_GRAB:
		grab_slice(m, cpu, c, steps);
		break;
	case CONTIG_GIVE_BACK:
		give_back_slice(m, cpu, c, steps);
		break;
	case CONTIG_UNISOLATE:
		unisolate_slice(m, c, steps);
		break;
	case CONTIG_DONE:
		break;
	}
	if (c->phase != CONTIG_DONE)
		return 1;
	if (c->err)
		m->why = c->why;
	return c->err;
}

void contig_interrupt(struct machine *m, struct contig_range *c)
{
	if (c->err || c->phase >= CONTIG_GIVE_BACK)
		return;
	int err = refuse(&m->why, EINTR,
		"interrupted: what was done has been undone, but for the "
		"pages that have moved");

	if (c->phase != CONTIG_GRAB) {
		fail(m, c, err);
		return;
	}
	c->err = err;
	c->why = m->why;
	enter(c, CONTIG_GIVE_BACK, c->start_pfn);
}

/* ---- whole ranges ---- */

static int take_range(struct machine *m, unsigned cpu, struct contig_range *c)
{
	int ret;

	do
		ret = contig_step(m, cpu, c, UINT16_MAX);
	while (ret > 0);
	return ret;
}

int alloc_contig_range(struct machine *m, unsigned cpu, uint64_t start_pfn, uint64_t end_pfn,
	enum migratetype type)
{
	struct contig_range c;
	int err = contig_begin(m, &c, start_pfn, end_pfn, type, 0);

	return err ? err : take_range(m, cpu, &c);
}

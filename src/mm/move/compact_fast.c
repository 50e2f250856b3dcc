/* SPDX-License-Identifier: MIT
 *
 * The shortcuts of compaction's scanners through the lists of free blocks (mm/compaction.c of 6.1).
 *
 *	free scanner        a list of small free blocks, from its tail: one in the upper quarter of what lies between the scanners?
 *	                    Take it, and look around in its pageblock; else the highest in the upper half
 *	migration scanner   a list of larger ones, from its head: one in the lower half (later in the first eighth)? Its pageblock
 *	                    is half empty already, and cheap to clear
 *
 * Both look at a few blocks only, fewer after each search in vain, and turn the list, so that the next search begins with
 * others. A search has an order: compact_memory and proactive compaction go through the zone page by page.
 *
 * 6.1 marks the pageblock that the migration scanner's search finds as one to skip, and then skips it: what is left of the
 * search is that the scanner comes back to the lowest of these blocks when the search is over. So it is here.
 */
#include "mm/move/compact_internal.h"

#include "base/number.h"

/* freelist_scan_limit() */
static unsigned scan_limit(const struct compact_control *cc)
{
	return (cc->fast_search_fail > 31 ? 0 : COMPACT_CLUSTER_MAX >> cc->fast_search_fail) + 1;
}

/* ---- pages to move to ---- */

/* next_search_order(): the lists in turn. -1: all were looked at. */
static int next_order(struct compact_control *cc, int order)
{
	if (--order < 0)
		order = cc->order - 1;
	if (order != cc->search_order)
		return order;
	if (--cc->search_order < 0)
		cc->search_order = cc->order - 1;
	return -1;
}

/* One search through the lists. */
struct search {
	uint64_t low_pfn, min_pfn; /* wanted from here on; taken from here on */
	uint64_t highest_pfn;	   /* start of the highest pageblock seen */
	unsigned limit;
	uint64_t scanned;
};

/* A block of the list of @order that will do, NO_PFN: none. The list is turned. */
static uint64_t search_list(
	struct machine *m, struct compact_control *cc, struct search *s, int order)
{
	const struct zone *z = compact_zone_of(m, cc);
	struct frame_list *list = &compact_zone_of(m, cc)->area[order].list[MIGRATE_MOVABLE].frames;
	uint64_t found_pfn = NO_PFN, high_pfn = 0, pfn = NO_PFN;
	unsigned looked = 0;

	for (uint32_t at = list->tail; at; at = frame_of(m, pfn)->prev) {
		pfn = at - 1;
		looked++;
		s->scanned++;
		if (pfn >= s->highest_pfn)
			s->highest_pfn = max_u64(pageblock_start(m, pfn), z->start_pfn);
		if (pfn >= s->low_pfn) {
			cc->fast_search_fail = 0;
			cc->search_order = order;
			found_pfn = pfn;
			break;
		}
		if (pfn >= s->min_pfn && pfn > high_pfn) {
			high_pfn = pfn;
			s->limit >>= 1;
		}
		if (looked >= s->limit)
			break;
	}
	if (found_pfn == NO_PFN && high_pfn)
		found_pfn = pfn = high_pfn;
	/* Gone through to its end without a find it stays as it is. */
	if (pfn != NO_PFN && (found_pfn != NO_PFN || looked >= s->limit))
		frame_list_turn(m, list, frame_of(m, pfn), pfn);
	if (looked >= s->limit)
		s->limit = s->limit > 1 ? s->limit >> 1 : 1;
	return found_pfn;
}

/* fast_isolate_around() */
static void isolate_around(struct machine *m, struct compact_control *cc, uint64_t pfn)
{
	const struct zone *z = compact_zone_of(m, cc);
	uint64_t start_pfn = max_u64(pageblock_start(m, pfn), z->start_pfn);
	uint64_t end_pfn = pageblock_end(m, pfn);

	if (compact_has_enough(cc) || (cc->direct && cc->mode == MIGRATE_ASYNC))
		return;
	end_pfn = end_pfn < zone_end_pfn(z) ? end_pfn : zone_end_pfn(z);
	if (m->nr_nodes > 1 && pfn_zone(m, start_pfn) != z)
		return;
	if (compact_take_free(m, cc, start_pfn, end_pfn) == end_pfn && frame_is_live(m, pfn))
		pageblock_set_skip(m, pfn, true);
}

/* Nothing was found at the beginning of a scan: where the linear one should begin. NO_PFN: where it would. */
static uint64_t begin_lower(struct compact_control *cc, const struct search *s)
{
	if (s->highest_pfn >= s->min_pfn)
		return cc->free_pfn = s->highest_pfn;
	return cc->direct ? cc->free_pfn = s->min_pfn : NO_PFN;
}

void fast_isolate_freepages(struct machine *m, struct compact_control *cc)
{
	struct zone *z = compact_zone_of(m, cc);
	bool start = cc->free_pfn >= z->compact.init_free_pfn;
	uint64_t distance = cc->free_pfn - cc->migrate_pfn, found_pfn = NO_PFN;
	struct search s = {.low_pfn = pageblock_start(m, cc->free_pfn - (distance >> 2)),
		.min_pfn = pageblock_start(m, cc->free_pfn - (distance >> 1)),
		.limit = start ? 1u << (m->pageblock_order - 1) : scan_limit(cc) >> 1};

	if (cc->order <= 0 || cc->free_pfn < cc->migrate_pfn)
		return;
	s.limit += !s.limit;
	if (cc->search_order > cc->order - 1)
		cc->search_order = cc->order - 1;
	for (int order = cc->search_order; found_pfn == NO_PFN && order >= 0;
		order = next_order(cc, order)) {
		if (!z->area[order].nr_free)
			continue;
		found_pfn = search_list(m, cc, &s, order);
		if (found_pfn == NO_PFN)
			continue;
		if (!compact_isolate_free(m, cc, found_pfn, (unsigned)order, MIGRATE_MOVABLE)) {
			found_pfn = NO_PFN;
			break;
		}
		s.scanned += ((uint64_t)1 << order) - 1;
		count_event(m, EV_compact_isolated, (uint64_t)1 << order);
	}
	refusal_clear(&m->why);
	if (found_pfn == NO_PFN) {
		cc->fast_search_fail++;
		if (start)
			found_pfn = begin_lower(cc, &s);
	}
	if (s.highest_pfn && s.highest_pfn >= z->compact.free_pfn)
		z->compact.free_pfn = s.highest_pfn - ((uint64_t)1 << m->pageblock_order);
	cc->total_free_scanned += s.scanned;
	if (found_pfn != NO_PFN)
		isolate_around(m, cc, found_pfn);
}

/* ---- pages to move ---- */

/* reinit_migrate_pfn() */
static uint64_t come_back(struct compact_control *cc)
{
	if (!cc->fast_start_pfn || cc->fast_start_pfn == UINT64_MAX)
		return cc->migrate_pfn;
	cc->migrate_pfn = cc->fast_start_pfn;
	cc->fast_start_pfn = UINT64_MAX;
	return cc->migrate_pfn;
}

/* Is a search worth it, and allowed? */
static bool may_search(const struct machine *m, const struct compact_control *cc)
{
	uint64_t pfn = cc->migrate_pfn;

	return !cc->ignore_skip_hint &&
	       (pfn == compact_zone_of(m, cc)->start_pfn || pfn == pageblock_start(m, pfn)) &&
	       cc->order > (int)PCP_COSTLY_ORDER &&
	       (!cc->direct || cc->migratetype == MIGRATE_MOVABLE);
}

/* The first block of the list of @order below @high_pfn that is not to be skipped; NO_PFN: none. The list is turned. */
static uint64_t search_sources(struct machine *m, struct compact_control *cc, int order,
	uint64_t high_pfn, unsigned *scanned)
{
	struct frame_list *list = &compact_zone_of(m, cc)->area[order].list[MIGRATE_MOVABLE].frames;
	unsigned limit = scan_limit(cc);

	for (uint32_t at = list->head, next; at; at = next) {
		uint64_t pfn = at - 1;

		next = frame_of(m, pfn)->next;
		if ((*scanned)++ < limit && (pfn >= high_pfn || pageblock_skip(m, pfn)))
			continue;
		if (next)
			frame_list_turn(m, list, frame_of(m, next - 1), next - 1);
		return *scanned <= limit ? pfn : NO_PFN;
	}
	return NO_PFN;
}

uint64_t fast_find_migrateblock(struct machine *m, struct compact_control *cc)
{
	struct zone *z = compact_zone_of(m, cc);
	uint64_t distance = (cc->free_pfn - cc->migrate_pfn) >> 1, found_pfn = NO_PFN;
	unsigned scanned = 0, limit = scan_limit(cc);

	if (!may_search(m, cc) || cc->free_pfn < cc->migrate_pfn)
		return cc->migrate_pfn;
	/* At first anywhere in the lower half; later what is a target now must not become a source. */
	if (cc->migrate_pfn != z->start_pfn)
		distance >>= 2;
	uint64_t high_pfn = pageblock_start(m, cc->migrate_pfn + distance);

	for (int order = cc->order - 1;
		order >= (int)PCP_COSTLY_ORDER && found_pfn == NO_PFN && scanned < limit; order--)
		if (z->area[order].nr_free)
			found_pfn = search_sources(m, cc, order, high_pfn, &scanned);
	cc->total_migrate_scanned += scanned;
	if (found_pfn == NO_PFN) {
		cc->fast_search_fail++;
		return come_back(cc);
	}
	if (cc->fast_start_pfn != UINT64_MAX &&
		(!cc->fast_start_pfn || found_pfn < cc->fast_start_pfn))
		cc->fast_start_pfn = found_pfn;
	cc->fast_search_fail = 0;
	pageblock_set_skip(m, found_pfn, true);
	return max_u64(pageblock_start(m, found_pfn), z->start_pfn);
}

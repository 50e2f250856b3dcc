/* SPDX-License-Identifier: MIT
 *
 * The slow path of an allocation: no zone was above its low mark, or none had a block (__alloc_pages_slowpath()).
 *
 *	wake kswapd; min watermarks, and what the flags let it dip into
 *	a costly order, or not movable: compact without waiting            ──> a block? done
 *	__GFP_MEMALLOC: no watermarks
 *	may it wait? compact, harder each time; give HighAtomic blocks back ──> a block? done
 *	__GFP_NOFAIL: some of the reserve
 *
 * Compaction of a large machine can take seconds. So this is a machine of states: what it has come to lies in
 * m->page_alloc.slow, and who can be called again (a call, a recording's event, the pool of huge pages) lets it do some
 * clusters of pages at a time. Between them nothing is isolated, readers see a whole machine, and nobody else acts. Who cannot
 * (a page fault) goes through to the end; of its orders 0 and 1 hardly one compacts.
 *
 * Invariant: slow.compacting exactly while a compaction for it is under way.
 * Left out: reclaim and the OOM killer, which will be added in try_harder(). Follows mm/page_alloc.c of 6.1.176.
 */
#include "mm/page/above.h"

#include <errno.h>

/* How deep the slow path may dip (gfp_to_alloc_flags()). */
static unsigned slow_flags(const struct machine *m, const struct alloc_request *r)
{
	unsigned flags = WMARK_MIN | kswapd_flag(r->gfp) | cma_flag(m, r);

	if (r->gfp & __GFP_HIGH)
		flags |= ALLOC_MIN_RESERVE;
	if (!(r->gfp & __GFP_DIRECT_RECLAIM) && !(r->gfp & __GFP_NOMEMALLOC)) {
		flags |= ALLOC_NON_BLOCK;
		if (r->order && flags & ALLOC_MIN_RESERVE)
			flags |= ALLOC_HIGHATOMIC;
	}
	return flags;
}

static void wake_all_kswapds(struct machine *m, const struct alloc_request *r)
{
	unsigned last = MAX_NODES;
	struct zone *z;

	for (unsigned i = 0; (z = request_zone(m, r, &i)); i++) {
		if (!z->managed_pages || z->nid == last)
			continue;
		kswapd_wake(m, z, r->order, r->highest, r->gfp & __GFP_DIRECT_RECLAIM);
		last = z->nid;
	}
}

/* ---- compaction, and one more try ---- */

static void compact(struct machine *m, const struct alloc_request *r, int priority)
{
	struct alloc_slow *s = &m->page_alloc.slow;

	s->result = COMPACT_SKIPPED;
	s->compacting = r->order && machine_has(m, CONFIG_COMPACTION);
	if (s->compacting)
		page_alloc_above.compact_begin(m, r, s->flags, priority);
}

/* The rest of __alloc_pages_direct_compact(). */
static uint64_t take_compacted(struct machine *m, const struct alloc_request *r)
{
	const struct alloc_slow *s = &m->page_alloc.slow;

	if (s->result == COMPACT_SKIPPED)
		return NO_PFN;
	count_event(m, EV_compact_stall, 1);
	uint64_t pfn = take_page(m, r, s->flags);
	if (pfn == NO_PFN) {
		count_event(m, EV_compact_fail, 1);
		return NO_PFN;
	}
	page_alloc_above.compacted(m, pfn_zone(m, pfn), r->order);
	count_event(m, EV_compact_success, 1);
	return pfn;
}

/* May compacting harder help (should_compact_retry())? A costly order is not worth the last degree. */
static bool compact_harder(const struct alloc_request *r, struct alloc_slow *s)
{
	int hardest =
		r->order > PCP_COSTLY_ORDER ? COMPACT_PRIO_SYNC_LIGHT : COMPACT_PRIO_SYNC_FULL;

	if (!r->order || s->result == COMPACT_SKIPPED || s->priority <= hardest)
		return false;
	s->priority--;
	return true;
}

/* What the kernel does when nothing else made progress (should_reclaim_retry()). */
static uint64_t take_highatomic(struct machine *m, const struct alloc_request *r, unsigned flags)
{
	uint64_t pfn = NO_PFN;

	while (pfn == NO_PFN && m->why.err != EDQUOT && highatomic_unreserve(m, r, true))
		pfn = take_page(m, r, flags);
	return pfn;
}

/* ---- from one compaction to the next ---- */

/*
 * THE place where a request that may wait makes room. A compaction has brought nothing: true when another one was begun.
 * Direct reclaim and the OOM killer will be here.
 */
static bool try_harder(struct machine *m, const struct alloc_request *r, uint64_t *pfn)
{
	struct alloc_slow *s = &m->page_alloc.slow;
	bool costly = r->order > PCP_COSTLY_ORDER;

	if (s->first) {
		if (costly && r->gfp & __GFP_NORETRY) {
			if (s->result == COMPACT_SKIPPED || s->result == COMPACT_DEFERRED)
				return false;
			s->priority = COMPACT_PRIO_ASYNC;
		}
		s->first = false;
		compact(m, r, s->priority);
		return true;
	}
	if (r->gfp & __GFP_NORETRY || (costly && !(r->gfp & __GFP_RETRY_MAYFAIL)))
		return false;
	*pfn = take_highatomic(m, r, s->flags);
	if (*pfn != NO_PFN || m->why.err == EDQUOT || !compact_harder(r, s))
		return false;
	compact(m, r, s->priority);
	return true;
}

static uint64_t last_resort(struct machine *m, const struct alloc_request *r, unsigned flags)
{
	uint64_t pfn = take_highatomic(m, r, flags);

	/* One that must not fail gets some of the reserve before it, too, gives up. */
	if (pfn == NO_PFN && r->gfp & __GFP_NOFAIL)
		pfn = take_page(m, r, WMARK_MIN | ALLOC_MIN_RESERVE);
	return pfn;
}

bool slowpath_step(
	struct machine *m, const struct alloc_request *r, unsigned clusters, uint64_t *pfn)
{
	struct alloc_slow *s = &m->page_alloc.slow;

	do {
		if (s->compacting &&
			page_alloc_above.compact_step(m, r, clusters, s->interrupted, &s->result))
			return true;
		s->compacting = false;
		*pfn = take_compacted(m, r);
		if (*pfn != NO_PFN || m->why.err == EDQUOT || s->interrupted)
			return false;
	} while (try_harder(m, r, pfn));
	if (*pfn == NO_PFN && m->why.err != EDQUOT && !s->first)
		*pfn = last_resort(m, r, s->flags);
	return false;
}

bool slowpath_begin(struct machine *m, const struct alloc_request *r, int nid, uint64_t *pfn)
{
	bool can_wait = r->gfp & __GFP_DIRECT_RECLAIM;
	bool costly = r->order > PCP_COSTLY_ORDER;
	bool reserves = r->gfp & __GFP_MEMALLOC && !(r->gfp & __GFP_NOMEMALLOC);
	struct alloc_slow *s = &m->page_alloc.slow;

	assert(!s->compacting);
	*s = (struct alloc_slow){.cpu = r->cpu,
		.nid = nid,
		.nodes = r->nodes,
		.gfp = r->gfp,
		.order = r->order,
		.flags = slow_flags(m, r),
		.priority = COMPACT_PRIO_SYNC_LIGHT};
	clock_charge(m, ALLOC_SLOWPATH);
	if (s->flags & ALLOC_KSWAPD)
		wake_all_kswapds(m, r);
	*pfn = take_page(m, r, s->flags);
	/* __gfp_pfmemalloc_flags() */
	if (*pfn == NO_PFN && reserves) {
		s->flags = ALLOC_NO_WATERMARKS | cma_flag(m, r) | (s->flags & ALLOC_KSWAPD);
		*pfn = take_page(m, r, s->flags);
	}
	if (*pfn != NO_PFN || !can_wait)
		return false;
	/* Large blocks, and those that must not spoil movable pageblocks, are first looked for by compaction alone. */
	s->first = !reserves && (costly || (r->order && r->type != MIGRATE_MOVABLE));
	compact(m, r, s->first ? COMPACT_PRIO_ASYNC : s->priority);
	return s->compacting || slowpath_step(m, r, 0, pfn);
}

void alloc_pages_interrupt(struct machine *m)
{
	m->page_alloc.slow.interrupted = true;
}

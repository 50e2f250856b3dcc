/* SPDX-License-Identifier: MIT
 *
 * kswapd, as far as it exists: the step that takes the watermark boost back.
 *
 * One kswapd per node. It is woken by the slow path of an allocation, and by the first allocation from a zone
 * whose watermarks were just boosted by a theft; a node that is balanced and not boosted lets it sleep. Its work
 * (balance_pgdat()) is one event of the clock: reclaim, which comes with a later part, and at the end the
 * zones' boosts are lowered by what they were when it began. Since a step here is one piece, that is to 0.
 *
 * Invariant: kswapd_woken is true exactly while an event of the node is in the clock's queue.
 * Follows mm/vmscan.c of 6.1 (wakeup_kswapd(), pgdat_balanced(), balance_pgdat()).
 */
#include "mm/page/above.h"

static bool node_boosted(const struct machine *m, unsigned nid, enum zone_type highest)
{
	for (unsigned type = 0; type <= highest && type < MAX_NR_ZONES; type++)
		if (zone_at(m, nid, (enum zone_type)type)->watermark_boost)
			return true;
	return false;
}

/* One zone at its high watermark that could serve the request is enough. A node without zones is balanced. */
static bool node_balanced(
	const struct machine *m, unsigned nid, unsigned order, enum zone_type highest)
{
	bool any = false;

	for (unsigned type = 0; type <= highest && type < MAX_NR_ZONES; type++) {
		const struct zone *z = zone_at(m, nid, (enum zone_type)type);

		if (!z->managed_pages)
			continue;
		any = true;
		if (watermark_ok(m, z, order, wmark_pages(z, WMARK_HIGH), highest, 0))
			return true;
	}
	return !any;
}

void kswapd_wake(struct machine *m, const struct zone *z, unsigned order, enum zone_type highest,
	bool can_wait)
{
	struct node *n = zone_node(m, z);

	if (!z->managed_pages)
		return;
	if (!n->kswapd_woken || n->kswapd_highest_zone < highest)
		n->kswapd_highest_zone = (uint8_t)highest;
	if (!n->kswapd_woken || n->kswapd_order < order)
		n->kswapd_order = (uint8_t)order;
	if (n->kswapd_woken)
		return;
	if (node_balanced(m, z->nid, order, highest) && !node_boosted(m, z->nid, highest)) {
		/* Enough is free, and so it is fragmented. Who can wait compacts for itself. */
		if (!can_wait)
			page_alloc_above.wake_kcompactd(m, z->nid, order, highest);
		return;
	}
	n->kswapd_woken = true;
	clock_schedule(m, TASK_KSWAPD, z->nid, m->clock.now_ns);
}

void kswapd_step(struct machine *m, unsigned nid)
{
	struct node *n = node_at(m, nid);

	count_event(m, EV_pageoutrun, 1);
	/* Reclaim up to the high watermarks will come here, at n->kswapd_order. */
	for (unsigned type = 0; type <= n->kswapd_highest_zone && type < MAX_NR_ZONES; type++)
		zone_at(m, nid, (enum zone_type)type)->watermark_boost = 0;
	unsigned order = n->kswapd_order;
	enum zone_type highest = (enum zone_type)n->kswapd_highest_zone;

	n->kswapd_woken = false;
	n->kswapd_order = 0;
	n->kswapd_highest_zone = 0;
	/* Going to sleep, it leaves the order to kcompactd (kswapd_try_to_sleep()). */
	page_alloc_above.wake_kcompactd(m, nid, order, highest);
}

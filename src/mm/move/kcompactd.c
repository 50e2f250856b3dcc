/* SPDX-License-Identifier: MIT
 *
 * Compaction that nobody waits for: kcompactd, and what a user asks for by writing to compact_memory.
 *
 *	kswapd has done its step for an order    ──> wakeup_kcompactd() ──> kcompactd_step(): each zone, MIGRATE_SYNC_LIGHT
 *	every 500 ms                             ──> is the node's fragmentation score above the mark that
 *	                                             compaction_proactiveness sets? Then compact down to 10 below it
 *	compact_memory, node/compact             ──> every zone from end to end, MIGRATE_SYNC, in steps
 *
 * The score of a zone is the part of its free memory, in percent, that does not lie in free blocks of the huge page's
 * order; a node's is the mean of its zones' weighted by their size. When a proactive round did not lower it, the next look
 * is 64 times as far away.
 *
 * Left out: that kcompactd is frozen while kswapd runs. Follows kcompactd(), kcompactd_do_work(), proactive_compact_node(),
 * compact_node() of mm/compaction.c of 6.1.
 */
#include "mm/move/compact_internal.h"

#include "mm/core/trace.h"
#include "mm/page/lru.h"

#define CHECK_NS 500000000ull /* HPAGE_FRAG_CHECK_INTERVAL_MSEC */

/* ---- how fragmented ---- */

unsigned fragmentation_score_node(const struct machine *m, unsigned nid)
{
	const struct node *n = node_at(m, nid);
	uint64_t score = 0;

	for (unsigned type = 0; type < MAX_NR_ZONES; type++) {
		const struct zone *z = zone_at(m, nid, (enum zone_type)type);

		if (zone_populated(z) && z->free_pages)
			score += z->present_pages *
				 ((unsigned)unusable_index(m, z, m->pageblock_order) / 10) /
				 (n->present_pages + 1);
	}
	return (unsigned)score;
}

unsigned fragmentation_score_wmark(const struct machine *m, bool low)
{
	unsigned eager = (unsigned)m->sysctls.value[SYSCTL_compaction_proactiveness];
	unsigned mark = 100 - eager > 5 ? 100 - eager : 5;

	if (low)
		return mark;
	return mark + 10 < 100 ? mark + 10 : 100;
}

/* ---- in the background ---- */

static struct kcompactd *daemon_of(struct machine *m, unsigned nid)
{
	return &node_at(m, nid)->kcompactd;
}

static bool node_suitable(const struct machine *m, unsigned nid, const struct kcompactd *k)
{
	for (unsigned type = 0; type <= k->highest_zone; type++) {
		const struct zone *z = zone_at(m, nid, (enum zone_type)type);

		if (zone_populated(z) &&
			compaction_suitable(m, z, (int)k->max_order, 0,
				(enum zone_type)k->highest_zone) == COMPACT_CONTINUE)
			return true;
	}
	return false;
}

static void trace_daemon(
	struct machine *m, enum trace_event event, unsigned nid, const struct kcompactd *k)
{
	if (trace_wants(&m->trace, event))
		trace_put(m, &(struct trace_record){.ns = m->clock.now_ns,
				     .pfn = nid,
				     .value = k->highest_zone,
				     .event = (uint16_t)event,
				     .order = (uint8_t)k->max_order});
}

void wakeup_kcompactd(struct machine *m, unsigned nid, unsigned order, enum zone_type highest)
{
	struct kcompactd *k = daemon_of(m, nid);

	if (!order || !machine_has(m, CONFIG_COMPACTION))
		return;
	if (k->max_order < order)
		k->max_order = order;
	if (k->highest_zone < highest)
		k->highest_zone = highest;
	if (!node_suitable(m, nid, k))
		return;
	trace_daemon(m, TRACE_mm_compaction_wakeup_kcompactd, nid, k);
	clock_schedule(m, TASK_KCOMPACTD, nid, m->clock.now_ns);
}

static void daemon_zone(struct machine *m, const struct kcompactd *k, struct zone *z)
{
	struct compact_control cc = {.zone = zone_id(m, z),
		.cpu = 0,
		.order = (int32_t)k->max_order,
		.gfp = GFP_KERNEL,
		.highest_zone = k->highest_zone,
		.mode = MIGRATE_SYNC_LIGHT};

	if (!zone_populated(z) || compaction_deferred(m, z, k->max_order) ||
		compaction_suitable(m, z, cc.order, 0, (enum zone_type)k->highest_zone) !=
			COMPACT_CONTINUE)
		return;
	enum compact_result r = compact_zone(m, &cc);

	if (r == COMPACT_SUCCESS) {
		compaction_defer_reset(m, z, k->max_order, false);
	} else if (r == COMPACT_PARTIAL_SKIPPED || r == COMPACT_COMPLETE) {
		drain_all_pages(m, z);
		defer_compaction(m, z, k->max_order);
	}
	count_event(m, EV_compact_daemon_migrate_scanned, cc.total_migrate_scanned);
	count_event(m, EV_compact_daemon_free_scanned, cc.total_free_scanned);
}

static void do_work(struct machine *m, unsigned nid)
{
	struct kcompactd *k = daemon_of(m, nid);

	trace_daemon(m, TRACE_mm_compaction_kcompactd_wake, nid, k);
	count_event(m, EV_compact_daemon_wake, 1);
	for (unsigned type = 0; type <= k->highest_zone; type++)
		daemon_zone(m, k, zone_at(m, nid, (enum zone_type)type));
	k->max_order = 0;
	k->highest_zone = 0;
	trace_daemon(m, TRACE_mm_compaction_kcompactd_sleep, nid, k);
}

/* Returns whether the score has become lower. */
static bool compact_proactively(struct machine *m, unsigned nid)
{
	unsigned before = fragmentation_score_node(m, nid);

	for (unsigned type = 0; type < MAX_NR_ZONES; type++) {
		struct zone *z = zone_at(m, nid, (enum zone_type)type);
		struct compact_control cc = {.zone = zone_id(m, z),
			.order = -1,
			.gfp = GFP_KERNEL,
			.mode = MIGRATE_SYNC_LIGHT,
			.ignore_skip_hint = true,
			.whole_zone = true,
			.proactive = true};

		if (!zone_populated(z))
			continue;
		compact_zone(m, &cc);
		count_event(m, EV_compact_daemon_migrate_scanned, cc.total_migrate_scanned);
		count_event(m, EV_compact_daemon_free_scanned, cc.total_free_scanned);
	}
	return fragmentation_score_node(m, nid) < before;
}

void kcompactd_step(struct machine *m, unsigned nid)
{
	uint64_t wait_ns = CHECK_NS;

	if (daemon_of(m, nid)->max_order) {
		do_work(m, nid);
	} else if (m->sysctls.value[SYSCTL_compaction_proactiveness] &&
		   !node_at(m, nid)->kswapd_woken &&
		   fragmentation_score_node(m, nid) > fragmentation_score_wmark(m, false)) {
		if (!compact_proactively(m, nid))
			wait_ns <<= COMPACT_MAX_DEFER_SHIFT;
	}
	clock_schedule(m, TASK_KCOMPACTD, nid, m->clock.now_ns + wait_ns);
}

void kcompactd_init(struct machine *m)
{
	for (unsigned nid = 0; nid < m->nr_nodes && machine_has(m, CONFIG_COMPACTION); nid++)
		if (node_at(m, nid)->has_memory)
			clock_schedule(m, TASK_KCOMPACTD, nid, m->clock.now_ns + CHECK_NS);
}

/* ---- asked for by a user ---- */

void compact_job_begin(struct machine *m, int nid)
{
	m->compact_job = (struct compact_job){.active = true, .nid = nid};
}

/* The next zone of the job, begun. False: there is none. */
static bool next_zone(struct machine *m, struct compact_job *j)
{
	for (; j->next_zone < m->nr_nodes * MAX_NR_ZONES; j->next_zone++) {
		unsigned nid = j->next_zone / MAX_NR_ZONES;
		const struct zone *z =
			zone_at(m, nid, (enum zone_type)(j->next_zone % MAX_NR_ZONES));

		if (!zone_populated(z) || (j->nid >= 0 && nid != (unsigned)j->nid))
			continue;
		j->cc = (struct compact_control){.zone = j->next_zone++,
			.order = -1,
			.gfp = GFP_KERNEL,
			.mode = MIGRATE_SYNC,
			.ignore_skip_hint = true,
			.whole_zone = true};
		return true;
	}
	return false;
}

bool compact_job_step(struct machine *m, unsigned clusters)
{
	struct compact_job *j = &m->compact_job;

	while (j->active && clusters--) {
		enum compact_result r = COMPACT_CONTINUE;

		if (!j->begun) {
			if (!next_zone(m, j)) {
				*j = (struct compact_job){0};
				return false;
			}
			j->begun = true;
			r = compact_zone_begin(m, &j->cc);
		} else {
			r = compact_zone_step(m, &j->cc);
		}
		if (r == COMPACT_CONTINUE)
			continue;
		compact_zone_end(m, &j->cc, r);
		j->begun = false;
	}
	if (j->begun)
		compact_zone_pause(m, &j->cc);
	return j->active;
}

void compact_job_stop(struct machine *m)
{
	struct compact_job *j = &m->compact_job;

	if (j->begun)
		compact_zone_end(m, &j->cc, COMPACT_CONTENDED);
	*j = (struct compact_job){0};
}

void compact_nodes(struct machine *m)
{
	compact_job_begin(m, -1);
	while (compact_job_step(m, UINT32_MAX))
		;
}

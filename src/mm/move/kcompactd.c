/* SPDX-License-Identifier: MIT
 *
 * Compaction that nobody waits for: kcompactd, and what a user asks for by writing to compact_memory.
 *
 *	kswapd has done its step for an order    ──> wakeup_kcompactd() ──> kcompactd_step(): each zone, MIGRATE_SYNC_LIGHT
 *	every 500 ms, and when                   ──> is the node's fragmentation score above the mark that it
 *	compaction_proactiveness is written          sets? Then compact down to 10 below it
 *	compact_memory, node/compact             ──> every zone from end to end, MIGRATE_SYNC, in steps
 *
 * The score of a zone is the part of its free memory, in percent, that does not lie in free blocks of the huge page's
 * order; a node's is the mean of its zones' weighted by their size. When a proactive round did not lower it, the next look
 * is 64 times as far away.
 *
 * A round of kcompactd is cut into steps, too: after each it is due again at once, and the act that woke it goes on to run it,
 * slice after slice, until it sleeps. So what a machine looks like after an act does not depend on the slices.
 *
 * Left out: that kcompactd is frozen while kswapd runs. Follows kcompactd(), kcompactd_do_work(), proactive_compact_node(),
 * compact_node() of mm/compaction.c of 6.1.
 */
#include "mm/move/compact_internal.h"

#include "mm/core/trace.h"
#include "mm/page/lru.h"

#define CHECK_NS	  500000000ull /* HPAGE_FRAG_CHECK_INTERVAL_MSEC */
#define CLUSTERS_PER_STEP 4u /* of 32 pages, or what is left of a pageblock: half a millisecond */

/* ---- how fragmented ---- */

/* 0 to 100, weighted over the node's zones. */
static unsigned fragmentation_score_node(const struct machine *m, unsigned nid)
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
	if (k->highest_zone > highest)
		k->highest_zone = highest;
	if (!node_suitable(m, nid, k))
		return;
	trace_daemon(m, TRACE_mm_compaction_wakeup_kcompactd, nid, k);
	clock_schedule(m, TASK_KCOMPACTD, nid, m->clock.now_ns);
}

/* A round of kcompactd, cut into steps: it lies in a block of the heap. */
struct round {
	bool proactive;
	uint32_t next_zone;    /* enum zone_type */
	uint32_t order;	       /* not proactive: that it is for, in zones up to highest_zone */
	uint32_t highest_zone; /* enum zone_type */
	uint32_t score_before; /* proactive */
	struct compact_control cc;
};

static struct round *round_of(struct machine *m, unsigned nid)
{
	return machine_at(m, daemon_of(m, nid)->round_at);
}

/* Begin a round if there is something to do. False: there is not, or the host has no memory for it. */
static bool begin_round(struct machine *m, unsigned nid)
{
	struct kcompactd *k = daemon_of(m, nid);
	unsigned eager = (unsigned)m->sysctls.value[SYSCTL_compaction_proactiveness];
	bool work = k->max_order && !k->triggered;
	bool proactive = !work && eager && !node_at(m, nid)->kswapd_woken &&
			 fragmentation_score_node(m, nid) > fragmentation_score_wmark(m, false);

	k->triggered = false;
	if (!work && !proactive)
		return false;
	k->round_at = heap_alloc(m, sizeof(struct round));
	if (!k->round_at) {
		refusal_clear(&m->why);
		return false;
	}
	*round_of(m, nid) = (struct round){.proactive = proactive,
		.order = k->max_order,
		.highest_zone = proactive ? MAX_NR_ZONES - 1 : k->highest_zone,
		.score_before = fragmentation_score_node(m, nid)};
	if (proactive)
		return true;
	trace_daemon(m, TRACE_mm_compaction_kcompactd_wake, nid, k);
	count_event(m, EV_compact_daemon_wake, 1);
	return true;
}

/* The next zone of the round is worth it: begin. COMPACT_SKIPPED: it is not. */
static enum compact_result begin_zone(struct machine *m, struct round *r, struct zone *z)
{
	r->cc = (struct compact_control){.zone = zone_id(m, z),
		.order = r->proactive ? -1 : (int32_t)r->order,
		.gfp = GFP_KERNEL,
		.highest_zone = r->proactive ? 0 : r->highest_zone,
		.mode = MIGRATE_SYNC_LIGHT,
		.ignore_skip_hint = r->proactive,
		.whole_zone = r->proactive,
		.proactive = r->proactive};
	if (!zone_populated(z))
		return COMPACT_SKIPPED;
	if (!r->proactive &&
		(compaction_deferred(m, z, r->order) ||
			compaction_suitable(m, z, r->cc.order, 0, z->type) != COMPACT_CONTINUE))
		return COMPACT_SKIPPED;
	return compact_zone_begin(m, &r->cc);
}

static void end_zone(struct machine *m, struct round *r, struct zone *z, enum compact_result result)
{
	compact_zone_end(m, &r->cc, result);
	count_event(m, EV_compact_daemon_migrate_scanned, r->cc.total_migrate_scanned);
	count_event(m, EV_compact_daemon_free_scanned, r->cc.total_free_scanned);
	if (r->proactive)
		return;
	if (result == COMPACT_SUCCESS) {
		compaction_defer_reset(m, z, r->order, false);
	} else if (result == COMPACT_PARTIAL_SKIPPED || result == COMPACT_COMPLETE) {
		drain_all_pages(m, z);
		defer_compaction(m, z, r->order);
	}
}

/* Some clusters of pages. False: all zones are done. */
static bool round_step(struct machine *m, unsigned nid)
{
	struct round *r = round_of(m, nid);

	for (unsigned clusters = 0; clusters < CLUSTERS_PER_STEP; clusters++) {
		struct zone *z = zone_at(m, nid, (enum zone_type)r->next_zone);
		enum compact_result result =
			r->cc.begun ? compact_zone_step(m, &r->cc) : begin_zone(m, r, z);

		if (result == COMPACT_CONTINUE)
			continue;
		end_zone(m, r, z, result);
		if (++r->next_zone > r->highest_zone)
			return false;
	}
	if (r->cc.begun)
		compact_zone_pause(m, &r->cc);
	return true;
}

/* Returns how long it sleeps now: longer when a proactive round has not lowered the score. */
static uint64_t end_round(struct machine *m, unsigned nid)
{
	struct kcompactd *k = daemon_of(m, nid);
	const struct round r = *round_of(m, nid);

	heap_free(m, k->round_at, sizeof(struct round));
	k->round_at = 0;
	if (r.proactive)
		return fragmentation_score_node(m, nid) < r.score_before
			       ? CHECK_NS
			       : CHECK_NS << COMPACT_MAX_DEFER_SHIFT;
	if (k->max_order <= r.order)
		k->max_order = 0;
	if (k->highest_zone >= r.highest_zone)
		k->highest_zone = MAX_NR_ZONES - 1;
	trace_daemon(m, TRACE_mm_compaction_kcompactd_sleep, nid, k);
	return CHECK_NS;
}

void kcompactd_step(struct machine *m, unsigned nid)
{
	uint64_t wait_ns = CHECK_NS;

	if (daemon_of(m, nid)->round_at || begin_round(m, nid)) {
		clock_turn_counts(m, 16 * CLUSTERS_PER_STEP);
		wait_ns = round_step(m, nid) ? 0 : end_round(m, nid);
	}
	clock_schedule(m, TASK_KCOMPACTD, nid, m->clock.now_ns + wait_ns);
}

const struct compact_control *kcompactd_running(struct machine *m, unsigned nid)
{
	return daemon_of(m, nid)->round_at ? &round_of(m, nid)->cc : NULL;
}

void kcompactd_trigger(struct machine *m)
{
	for (unsigned nid = 0; nid < m->nr_nodes && machine_has(m, CONFIG_COMPACTION); nid++) {
		if (!node_at(m, nid)->has_memory)
			continue;
		daemon_of(m, nid)->triggered = true;
		clock_schedule(m, TASK_KCOMPACTD, nid, m->clock.now_ns);
	}
}

void kcompactd_init(struct machine *m)
{
	for (unsigned nid = 0; nid < m->nr_nodes && machine_has(m, CONFIG_COMPACTION); nid++) {
		if (!node_at(m, nid)->has_memory)
			continue;
		daemon_of(m, nid)->highest_zone = MAX_NR_ZONES - 1;
		clock_schedule(m, TASK_KCOMPACTD, nid, m->clock.now_ns + CHECK_NS);
	}
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
		bool begun = j->cc.begun;

		if (!begun && !next_zone(m, j)) {
			*j = (struct compact_job){0};
			return false;
		}
		enum compact_result r =
			begun ? compact_zone_step(m, &j->cc) : compact_zone_begin(m, &j->cc);

		if (r != COMPACT_CONTINUE)
			compact_zone_end(m, &j->cc, r);
	}
	if (j->cc.begun)
		compact_zone_pause(m, &j->cc);
	return j->active;
}

void compact_job_stop(struct machine *m)
{
	struct compact_job *j = &m->compact_job;

	compact_zone_end(m, &j->cc, COMPACT_CONTENDED);
	*j = (struct compact_job){0};
}

void compact_nodes(struct machine *m)
{
	compact_job_begin(m, -1);
	while (compact_job_step(m, UINT32_MAX))
		;
}

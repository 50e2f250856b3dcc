/* SPDX-License-Identifier: MIT
 *
 * A recording of kmem's page events and of cma's, replayed.
 *
 * A recorded pfn is an identity, not a place. The simulated allocator chooses the page, and a map from recorded
 * pfns to simulated blocks serves the frees:
 *
 *	mm_page_alloc: pfn=0x362458 order=0		alloc_pages() gives 0x7c13a	map[0x362458] = 0x7c13a
 *	mm_page_free:  pfn=0x362458 order=0		__free_pages(0x7c13a)		map[0x362458] = FREED
 *	mm_page_free_batched: pfn=0x362458		the same free told again	map[0x362458] gone
 *
 * Rules:
 *  1. The recorded CPU, modulo the machine's number of CPUs, acts; order and flags are honoured, and where the
 *     recorded migratetype is another than the flags say, it wins.
 *  2. Kernels tell a free in a batch twice, since 4.15 the single event first, before that the batched one. Each
 *     free is applied once: the second telling is that of the other kind, with no allocation between.
 *  3. A free of a pfn never seen is of a page allocated before the recording. pfn 0 without a page is an allocation
 *     that failed there. Both are counted, and nothing else.
 *  4. A pfn allocated while it is live has lost its free: the old block is freed first.
 *  5. A free of a part of a block (split_page(), a huge page broken up) breaks the block up here, too.
 *  6. A block that this machine refused stays known, so that its free is not taken for an old page's.
 *  7. Time passes as between the timestamps. Steps back are ignored (CPUs' buffers are merged by time, with jitter),
 *     but a step back of more than a second, or ahead of more than a day, is another recording: its time goes on
 *     from here.
 *
 * Invariant: the map's LIVE slots are exactly the blocks that this file allocated and did not free, and they do not
 * overlap, neither there nor here (unless others freed them through ctl, which a refused free will show).
 *
 * An event before which much falls due, whose allocation compacts, or for which an area is emptied takes several slices; what
 * it has come to lies in r->now. A signal leaves the line undone.
 *
 * Contiguous memory areas have rules of their own (cma_replay.c). Lines about processes (strace's calls, page faults,
 * RSS) are gathered here and replayed at the end (process_replay.c).
 *
 * Left out: reclaim that the recording's frees do not show.
 */
#include "replay/replay.h"

#include "replay/cma_replay.h"
#include "mm/core/clock.h"
#include "mm/move/holder.h"
#include "mm/page/frame.h"
#include "mm/page/page_alloc.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ANOTHER_RECORDING_NS UINT64_C(1000000000)

const char *const replay_count_names[NR_REPLAY_COUNTS] = {
#define REPLAY_COUNT(name, doc) #name,
#include "replay/replay_count.def"
};

struct replay *replay_new(void)
{
	return calloc(1, sizeof(struct replay));
}

void replay_free(struct replay *r)
{
	if (r)
		process_replay_finish(&r->process);
	free(r);
}

void replay_restart(struct replay *r)
{
	unsigned open = r->open;
	uint64_t host_since_ns = r->host_since_ns;

	process_replay_finish(&r->process);
	memset(r, 0, sizeof(*r));
	r->open = open;
	r->host_since_ns = host_since_ns;
}

const struct replay_state *replay_state(const struct machine *m)
{
	return m->replay_at ? machine_at(m, m->replay_at) : NULL;
}

uint64_t replay_live_pages(const struct machine *m)
{
	const struct replay_state *st = replay_state(m);
	uint64_t pages = 0;

	if (!st)
		return 0;
	const struct pfn_slot *slots = machine_at(m, m->replayed.slots_at);
	for (uint64_t i = 0; i < m->replayed.nr_slots; i++)
		if (slots[i].key && slots[i].state == PFN_LIVE)
			pages += (uint64_t)1 << slots[i].order;
	return pages;
}

static struct replay_state *state_of(struct machine *m)
{
	if (!m->replay_at)
		m->replay_at = heap_alloc(m, sizeof(struct replay_state));
	return m->replay_at ? machine_at(m, m->replay_at) : NULL;
}

/* One event of the kind @reason, which is part of the sum @sum. */
static void count(struct replay *r, enum replay_count sum, enum replay_count reason)
{
	r->count[sum]++;
	r->count[reason]++;
}

static bool is_held(const struct pfn_slot *slot)
{
	return slot && slot->state != PFN_FREED_SINGLE && slot->state != PFN_FREED_BATCHED;
}

/* ---- blocks ---- */

/* Forget the held block of @slot, and free it here if it is live. 0 or -errno (it is forgotten all the same). */
static int release(struct machine *m, struct replay_state *st, unsigned cpu, struct pfn_slot *slot)
{
	int err = 0;

	if (slot->state == PFN_LIVE)
		err = free_pages_order(m, cpu, slot->pfn, slot->order);
	assert(st->held[slot->order]);
	st->held[slot->order]--;
	pfn_map_remove(m, &m->replayed, slot);
	return err;
}

/* The held block that begins before @pfn and has @pfn in it. */
static struct pfn_slot *find_around(struct machine *m, struct replay_state *st, uint64_t pfn)
{
	for (unsigned order = 1; order <= FTRACE_MAX_ORDER; order++) {
		uint64_t head_pfn = pfn & ~(((uint64_t)1 << order) - 1);

		if (!st->held[order] || head_pfn == pfn)
			continue;
		struct pfn_slot *slot = pfn_map_find(m, &m->replayed, head_pfn);
		if (is_held(slot) && slot->order >= order)
			return slot;
	}
	return NULL;
}

static int split_block(struct machine *m, uint64_t pfn)
{
	return frame_of(m, pfn)->flags & FRAME_HEAD ? split_huge_page(m, pfn) : split_page(m, pfn);
}

/* Break the block of @slot into single pages, there and here. 0 or -errno (nothing changed). */
static int break_up(
	struct replay *r, struct machine *m, struct replay_state *st, struct pfn_slot *slot)
{
	struct pfn_slot whole = *slot;
	uint64_t recorded_pfn = pfn_slot_recorded(slot);
	uint64_t nr = (uint64_t)1 << whole.order;
	int err = pfn_map_reserve(m, &m->replayed, nr);

	if (!err && whole.state == PFN_LIVE)
		err = split_block(m, whole.pfn);
	if (err)
		return err;
	for (uint64_t i = 0; i < nr; i++) {
		struct pfn_slot *piece = pfn_map_put(m, &m->replayed, recorded_pfn + i);

		piece->pfn = whole.pfn + i;
		piece->order = 0;
		piece->state = whole.state;
		if (whole.state == PFN_LIVE)
			holder_set_recorded(m, piece->pfn, recorded_pfn + i);
	}
	st->held[whole.order]--;
	st->held[0] += nr;
	r->count[REPLAY_split_blocks]++;
	return 0;
}

/* Free every held block that has a page in [pfn, pfn + nr). Counts them in *@live and *@refused; 0 or the first
 * -errno. */
static int release_range(struct replay *r, struct machine *m, struct replay_state *st, unsigned cpu,
	uint64_t pfn, uint64_t nr, uint64_t *live, uint64_t *refused)
{
	struct pfn_slot *around = find_around(m, st, pfn);
	int err = around ? break_up(r, m, st, around) : 0;

	for (uint64_t at = pfn; at < pfn + nr;) {
		struct pfn_slot *slot = pfn_map_find(m, &m->replayed, at);
		uint64_t step = 1;

		if (is_held(slot)) {
			if ((uint64_t)1 << slot->order > pfn + nr - at) {
				int split = break_up(r, m, st, slot);

				if (split)
					return err ? err : split;
				continue;
			}
			step = (uint64_t)1 << slot->order;
			*(slot->state == PFN_LIVE ? live : refused) += 1;
			int freed = release(m, st, cpu, slot);
			err = err ? err : freed;
		}
		at += step;
	}
	return err;
}

/* ---- events ---- */

static gfp_t honour_migratetype(gfp_t gfp, int recorded)
{
	/* The kernel's numbers: 0 Unmovable, 1 Movable, 2 Reclaimable; the others are no request of anyone. */
	static const gfp_t bits[] = {0, __GFP_MOVABLE, __GFP_RECLAIMABLE};

	if (recorded < 0 || recorded > 2)
		return gfp;
	return (gfp & ~(gfp_t)(__GFP_MOVABLE | __GFP_RECLAIMABLE)) | bits[recorded];
}

static enum replay_count reason_of(int err)
{
	switch (-err) {
	case ENOMEM:
		return REPLAY_failures_no_memory;
	case EINVAL:
		return REPLAY_failures_flags;
	default:
		return REPLAY_failures_host;
	}
}

static void end_alloc(struct replay *r, struct machine *m, struct replay_state *st,
	const struct ftrace_line *l, int err, uint64_t pfn)
{
	struct pfn_slot *slot = pfn_map_put(m, &m->replayed, l->pfn);

	slot->order = l->order;
	slot->pfn = pfn;
	slot->state = err ? PFN_REFUSED : PFN_LIVE;
	st->held[l->order]++;
	if (!err) {
		holder_set_recorded(m, pfn, l->pfn);
		count(r, REPLAY_applied, REPLAY_applied_allocs);
		return;
	}
	count(r, REPLAY_failures, l->order < m->nr_orders ? reason_of(err) : REPLAY_failures_order);
}

/* True: it compacts. */
static bool alloc_event(struct replay *r, struct machine *m, struct replay_state *st,
	const struct ftrace_line *l, gfp_t gfp)
{
	unsigned cpu = l->cpu % m->nr_cpus;
	uint64_t nr = (uint64_t)1 << l->order, lost = 0, refused = 0, pfn = 0;

	if (l->no_page) {
		count(r, REPLAY_skipped, REPLAY_skipped_failed_there);
		return false;
	}
	/* Several live blocks in the way, or one around it, are as lost as one. A refusal leaves them in use. */
	(void)release_range(r, m, st, cpu, l->pfn, nr, &lost, &refused);
	r->count[REPLAY_lost_frees] += lost;
	if (pfn_map_reserve(m, &m->replayed, 1)) {
		count(r, REPLAY_failures, REPLAY_failures_host);
		return false;
	}
	int ret = -EINVAL;
	if (l->order < m->nr_orders)
		ret = alloc_pages_begin(
			m, cpu, -1, 0, honour_migratetype(gfp, l->migratetype), l->order, &pfn);
	if (ret <= 0)
		end_alloc(r, m, st, l, ret, pfn);
	return ret > 0;
}

static void free_event(
	struct replay *r, struct machine *m, struct replay_state *st, const struct ftrace_line *l)
{
	bool batched = l->kind == FTRACE_FREE_BATCHED;
	enum pfn_state told = batched ? PFN_FREED_BATCHED : PFN_FREED_SINGLE;
	struct pfn_slot *slot = pfn_map_find(m, &m->replayed, l->pfn);
	unsigned order = l->order, cpu = l->cpu % m->nr_cpus;
	uint64_t live = 0, refused = 0;
	int err;

	if (st->nr_runs && cma_replay_has(m, st, l->pfn)) {
		count(r, REPLAY_skipped, REPLAY_skipped_cma_page_frees);
		return;
	}
	if (slot && !is_held(slot) && slot->state != told) {
		pfn_map_remove(m, &m->replayed, slot);
		count(r, REPLAY_skipped, REPLAY_skipped_batched_repeat);
		return;
	}
	/* The batched event has no order of its own and prints 0. */
	if (batched && is_held(slot))
		order = slot->order;
	err = release_range(r, m, st, cpu, l->pfn, (uint64_t)1 << order, &live, &refused);
	if (err)
		count(r, REPLAY_failures, REPLAY_failures_free);
	else if (live)
		count(r, REPLAY_applied, REPLAY_applied_frees);
	else if (refused)
		count(r, REPLAY_skipped, REPLAY_skipped_refused_here);
	else
		count(r, REPLAY_skipped, REPLAY_skipped_before_recording);
	/* Its other telling may follow. Without room for the mark that one is counted as an old page's: no harm. */
	if (is_held(pfn_map_find(m, &m->replayed, l->pfn)) || pfn_map_reserve(m, &m->replayed, 1))
		return;
	pfn_map_put(m, &m->replayed, l->pfn)->state = told;
}

/* ---- time ---- */

/* The time until which it passes before the event at @time_ns. */
static uint64_t time_of(const struct machine *m, struct replay_state *st, uint64_t time_ns)
{
	uint64_t ns = 0;

	if (!st->has_time || time_ns + ANOTHER_RECORDING_NS < st->time_ns ||
		time_ns > st->time_ns + LONGEST_PAUSE_NS) {
		st->has_time = 1;
		st->time_ns = time_ns;
	} else if (time_ns > st->time_ns) {
		ns = time_ns - st->time_ns;
		st->time_ns = time_ns;
	}
	return m->clock.now_ns + ns;
}

/* ---- lines ---- */

static int bad_line(struct replay *r, struct machine *m, const char *s, size_t len, uint64_t number,
	const char *why)
{
	r->count[REPLAY_malformed]++;
	if (r->nr_bad < REPLAY_BAD_LINES) {
		struct replay_bad_line *bad = &r->bad[r->nr_bad++];

		bad->number = number;
		bad->why = why;
		bad->len = (uint32_t)(len < UINT32_MAX ? len : UINT32_MAX);
		memcpy(bad->text, s, len < REPLAY_BAD_BYTES ? len : REPLAY_BAD_BYTES);
	}
	return refuse(&m->why, EINVAL, "not a line of a recording: %s", why);
}

/* An event of the page allocator or of an area: what is still to be done for it. */
static enum replay_phase act(struct replay *r, struct machine *m, struct replay_state *st,
	const struct ftrace_line *l, gfp_t gfp)
{
	if (l->kind == FTRACE_ALLOC)
		return alloc_event(r, m, st, l, gfp) ? REPLAY_ALLOC : REPLAY_NOTHING;
	if (l->kind == FTRACE_INFORMATIONAL)
		count(r, REPLAY_skipped, REPLAY_skipped_informational);
	else if (l->kind == FTRACE_FREE || l->kind == FTRACE_FREE_BATCHED)
		free_event(r, m, st, l);
	else if (l->kind == FTRACE_CMA_ALLOC)
		return cma_alloc_event(r, m, st, l) ? REPLAY_CMA : REPLAY_NOTHING;
	else if (l->kind == FTRACE_CMA_RELEASE)
		cma_release_event(r, m, st, l);
	else
		count(r, REPLAY_skipped, REPLAY_skipped_foreign);
	return REPLAY_NOTHING;
}

static int go_on_later(
	struct replay *r, enum replay_phase phase, const struct ftrace_line *l, gfp_t gfp)
{
	r->now.phase = phase;
	r->now.line = *l;
	r->now.gfp = gfp;
	return 1;
}

/* Time passes, and it happens. 1: not all of it yet. */
static int begin_event(struct replay *r, struct machine *m, const struct ftrace_line *l, gfp_t gfp)
{
	struct replay_state *st = state_of(m);

	if (!st) {
		count(r, REPLAY_failures, REPLAY_failures_host);
		return 0;
	}
	if (l->has_time) {
		r->now.until_ns = time_of(m, st, l->time_ns);
		/* Also with no time between: what an act made due runs before the next one. */
		if (clock_advance_step(m, r->now.until_ns, TASK_STEPS))
			return go_on_later(r, REPLAY_TIME, l, gfp);
	}
	enum replay_phase phase = act(r, m, st, l, gfp);

	return phase == REPLAY_NOTHING ? 0 : go_on_later(r, phase, l, gfp);
}

/* Time is up to now only. */
static int stop_time(struct replay *r, struct machine *m, struct replay_state *st)
{
	if (r->now.until_ns > m->clock.now_ns)
		st->time_ns -= r->now.until_ns - m->clock.now_ns;
	return refuse(&m->why, EINTR, "interrupted before the event of this line");
}

static int step_alloc(struct replay *r, struct machine *m, struct replay_state *st, unsigned steps,
	bool interrupted)
{
	uint64_t pfn = 0;

	if (interrupted)
		alloc_pages_interrupt(m);
	int ret = alloc_pages_more(m, 1 + steps / 32, &pfn);

	if (ret <= 0 && ret != -EINTR)
		end_alloc(r, m, st, &r->now.line, ret, pfn);
	return ret < 0 && ret != -EINTR ? 0 : ret;
}

int replay_line_step(struct replay *r, struct machine *m, unsigned steps, bool interrupted)
{
	struct replay_under_way *now = &r->now;
	struct replay_state *st = state_of(m);
	int ret = 0;

	switch (now->phase) {
	case REPLAY_NOTHING:
		break;
	case REPLAY_TIME:
		if (interrupted) {
			ret = stop_time(r, m, st);
			break;
		}
		if (clock_advance_step(m, now->until_ns, TASK_STEPS))
			return 1;
		now->phase = act(r, m, st, &now->line, now->gfp);
		ret = now->phase != REPLAY_NOTHING;
		break;
	case REPLAY_ALLOC:
		ret = step_alloc(r, m, st, steps, interrupted);
		break;
	case REPLAY_CMA:
	case REPLAY_BACK:
		ret = cma_alloc_event_step(r, m, st, steps, interrupted);
		break;
	}
	if (ret > 0)
		return ret;
	now->phase = REPLAY_NOTHING;
	r->end_ns = m->clock.now_ns;
	if (ret == -EINTR) {
		r->count[REPLAY_lines]--;
		r->count[REPLAY_events]--;
	}
	return ret;
}

/* ---- processes ---- */

static int no_host_memory(struct replay *r, struct machine *m)
{
	count(r, REPLAY_failures, REPLAY_failures_host);
	return refuse(&m->why, ENOMEM, "the host has no memory for more of this recording");
}

static int strace_line(
	struct replay *r, struct machine *m, const char *s, size_t len, uint64_t number)
{
	const char *why = NULL;

	process_replay_expect(&r->process, true);
	switch (record_strace(&r->process.record, s, len, &why)) {
	case RECORD_MALFORMED:
		return bad_line(r, m, s, len, number, why);
	case RECORD_NO_MEMORY:
		r->count[REPLAY_events]++;
		return no_host_memory(r, m);
	case RECORD_TAKEN:
	case RECORD_SKIPPED:
		break;
	}
	r->count[REPLAY_calls]++;
	return 0;
}

static int process_event(struct replay *r, struct machine *m, const struct ftrace_line *l)
{
	r->count[REPLAY_events]++;
	process_replay_expect(&r->process, false);
	if (record_ftrace(&r->process.record, l) == RECORD_NO_MEMORY)
		return no_host_memory(r, m);
	count(r, REPLAY_skipped, REPLAY_skipped_gathered);
	return 0;
}

int replay_begin_processes(struct replay *r, struct machine *m)
{
	struct process_replay *pr = &r->process;

	if (pr->phase == PROCESS_ALIGN || pr->phase == PROCESS_RUN)
		return 1;
	if (!pr->fresh_lines || !pr->record.calls.nr)
		return 0;
	int err = process_replay_begin(pr, m);
	return err ? err : 1;
}

/* ---- all lines ---- */

int replay_line(struct replay *r, struct machine *m, const char *s, size_t len, uint64_t number)
{
	int ret = replay_line_begin(r, m, s, len, number);

	while (ret > 0)
		ret = replay_line_step(r, m, UINT16_MAX, false);
	return ret;
}

int replay_line_begin(
	struct replay *r, struct machine *m, const char *s, size_t len, uint64_t number)
{
	struct ftrace_line l;
	unsigned unknown = 0;
	gfp_t gfp = 0;

	r->count[REPLAY_lines]++;
	if (record_takes(s, len))
		return strace_line(r, m, s, len, number);
	ftrace_parse(s, len, &l);
	switch (l.kind) {
	case FTRACE_TOTAL:
		r->total_events += l.number;
		r->count[REPLAY_comments]++;
		return 0;
	case FTRACE_LOST:
		r->count[REPLAY_lost_events] += l.number;
		r->count[REPLAY_comments]++;
		return 0;
	case FTRACE_COMMENT:
		r->count[REPLAY_comments]++;
		return 0;
	case FTRACE_MALFORMED:
		return bad_line(r, m, s, len, number, l.why);
	case FTRACE_ALLOC:
		if (!gfp_cached(&r->gfp, l.gfp, l.gfp_len, &gfp, &unknown))
			return bad_line(r, m, s, len, number, "the event has no whole gfp_flags=");
		r->count[REPLAY_unknown_gfp_flags] += unknown;
		break;
	case FTRACE_FREE:
	case FTRACE_FREE_BATCHED:
	case FTRACE_INFORMATIONAL:
	case FTRACE_CMA_ALLOC:
	case FTRACE_CMA_RELEASE:
	case FTRACE_FOREIGN:
		break;
	case FTRACE_FAULT:
	case FTRACE_RSS:
	case FTRACE_FORK:
	case FTRACE_EXEC:
	case FTRACE_EXIT:
		return process_event(r, m, &l);
	}
	if (!r->count[REPLAY_events]++)
		r->start_ns = m->clock.now_ns;
	int ret = begin_event(r, m, &l, gfp);
	r->end_ns = m->clock.now_ns;
	return ret;
}

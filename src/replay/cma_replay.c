/* SPDX-License-Identifier: MIT
 *
 * cma_alloc() and cma_release() of a recording, on this machine's areas.
 *
 *	cma_alloc_finish: name=linux,cma pfn=0x3b400 ... count=256 align=8 errorno=0
 *		cma_alloc() of 256 pages of the area linux,cma		runs: 0x3b400 +256 -> 0x7c100
 *	cma_release: name=linux,cma pfn=0x3b400 ... count=256
 *		cma_release() of 0x7c100				runs: -
 *
 * Rules:
 *  1. The finish is what acts, since only then it is known how the request ended there; the start tells nothing more.
 *  2. The area is the one of that name; on a machine with one area, that one whatever its name was. Kernels before 5.12
 *     print no name: the first area.
 *  3. What failed there is tried here, too, to see whether this machine would have had it; if so it goes back at once.
 *  4. A run that this machine refused stays known, so that its release is not taken for an old run's.
 *  5. A release may be of a part, and a run that is allocated while another one is live there has lost its release.
 *
 * Invariant: the runs are sorted by recorded pfn and do not overlap. Each that is not refused was given out here and has not
 * come back (unless others released it through ctl, which a refused release will show).
 */
#include "replay/cma_replay.h"

#include "mm/move/cma.h"

#include <errno.h>
#include <string.h>

static struct replay_run *runs_of(const struct machine *m, const struct replay_state *st)
{
	return machine_at(m, st->runs_at);
}

static uint64_t run_end(const struct replay_run *run)
{
	return run->recorded_pfn + run->nr_pages;
}

/* The first run that ends behind @pfn. */
static uint32_t place_of(const struct machine *m, const struct replay_state *st, uint64_t pfn)
{
	uint32_t low = 0, high = st->nr_runs;

	while (low < high) {
		uint32_t mid = (low + high) / 2;

		if (run_end(&runs_of(m, st)[mid]) <= pfn)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool cma_replay_has(const struct machine *m, const struct replay_state *st, uint64_t recorded_pfn)
{
	uint32_t at = st->nr_runs ? place_of(m, st, recorded_pfn) : 0;

	return at < st->nr_runs && runs_of(m, st)[at].recorded_pfn <= recorded_pfn;
}

/* Room for two more: an allocation adds one, and a release from the middle of one makes two of it. */
static int reserve(struct machine *m, struct replay_state *st)
{
	if (st->nr_runs + 2 <= st->cap_runs)
		return 0;
	uint32_t cap = st->cap_runs ? st->cap_runs * 2 : 64;
	uint64_t at = st->cap_runs
			      ? heap_grow(m, st->runs_at, st->cap_runs * sizeof(struct replay_run),
					cap * sizeof(struct replay_run))
			      : heap_alloc(m, cap * sizeof(struct replay_run));

	if (!at)
		return -m->why.err;
	st->runs_at = at;
	st->cap_runs = cap;
	return 0;
}

static void insert(struct machine *m, struct replay_state *st, uint32_t at, struct replay_run run)
{
	struct replay_run *runs = runs_of(m, st);

	memmove(runs + at + 1, runs + at, (st->nr_runs - at) * sizeof(*runs));
	runs[at] = run;
	st->nr_runs++;
}

static void erase(struct machine *m, struct replay_state *st, uint32_t at)
{
	struct replay_run *runs = runs_of(m, st);

	memmove(runs + at, runs + at + 1, (st->nr_runs - at - 1) * sizeof(*runs));
	st->nr_runs--;
}

/* Cut [from, to), which lies in run @at, out of it. Room was reserved. */
static void cut(struct machine *m, struct replay_state *st, uint32_t at, uint64_t from, uint64_t to)
{
	struct replay_run *run = &runs_of(m, st)[at], whole = *run;
	uint64_t before = from - whole.recorded_pfn, skip = to - whole.recorded_pfn;
	struct replay_run rest = whole;

	rest.recorded_pfn += skip;
	rest.pfn += skip;
	rest.nr_pages -= skip;
	run->nr_pages = before;
	if (rest.nr_pages)
		insert(m, st, at + 1, rest);
	if (!before)
		erase(m, st, at);
}

/* Release what the runs have of [pfn, end_pfn); counts them in *@live and *@refused. 0 or the first -errno. */
static int release(struct machine *m, struct replay_state *st, unsigned cpu, uint64_t pfn,
	uint64_t end_pfn, uint64_t *live, uint64_t *refused)
{
	int err = reserve(m, st);

	while (!err && pfn < end_pfn) {
		uint32_t at = place_of(m, st, pfn);
		const struct replay_run run =
			at < st->nr_runs ? runs_of(m, st)[at] : (struct replay_run){UINT64_MAX};

		if (run.recorded_pfn >= end_pfn)
			break;
		uint64_t from = pfn > run.recorded_pfn ? pfn : run.recorded_pfn;
		uint64_t to = end_pfn < run_end(&run) ? end_pfn : run_end(&run);

		*(run.refused ? refused : live) += 1;
		if (!run.refused)
			err = cma_release(
				m, cpu, run.area, run.pfn + (from - run.recorded_pfn), to - from);
		cut(m, st, at, from, to);
		pfn = to;
	}
	return err;
}

/* -1: none. */
static int area_of(const struct machine *m, const struct ftrace_line *l)
{
	int area = l->area ? cma_find(m, l->area, l->area_len) : -1;

	if (area < 0 && (m->nr_cma == 1 || (m->nr_cma && !l->area)))
		return 0;
	return area;
}

static enum replay_count reason_of(int err)
{
	switch (-err) {
	case EBUSY:
		return REPLAY_failures_cma_busy;
	case ENOMEM:
		return REPLAY_failures_cma_no_range;
	default:
		return REPLAY_failures_host;
	}
}

static void count(struct replay *r, enum replay_count sum, enum replay_count reason)
{
	r->count[sum]++;
	r->count[reason]++;
}

/* The allocation has ended with @err. */
static void end_alloc(struct replay *r, struct machine *m, struct replay_state *st,
	const struct ftrace_line *l, int err, struct replay_run run)
{
	if (l->no_page) {
		count(r, REPLAY_skipped,
			err ? REPLAY_skipped_cma_failed_both : REPLAY_skipped_cma_failed_there);
		return;
	}
	run.refused = !!err;
	insert(m, st, place_of(m, st, l->pfn), run);
	if (!err)
		count(r, REPLAY_applied, REPLAY_applied_cma_allocs);
	else
		count(r, REPLAY_failures,
			err == -ENOENT ? REPLAY_failures_cma_area : reason_of(err));
}

bool cma_alloc_event(
	struct replay *r, struct machine *m, struct replay_state *st, const struct ftrace_line *l)
{
	unsigned cpu = l->cpu % m->nr_cpus;
	uint64_t lost = 0, refused = 0;
	int area = area_of(m, l), err = -ENOENT;

	if (!l->no_page)
		(void)release(m, st, cpu, l->pfn, l->pfn + l->nr_pages, &lost, &refused);
	r->count[REPLAY_lost_frees] += lost;
	if (reserve(m, st)) {
		count(r, REPLAY_failures, REPLAY_failures_host);
		return false;
	}
	if (area >= 0)
		err = cma_begin(m, cpu, &r->now.cma, (unsigned)area, l->nr_pages, l->align, false);
	if (!err)
		return true;
	end_alloc(r, m, st, l, err,
		(struct replay_run){l->pfn, 0, l->nr_pages, area < 0 ? 0 : (uint32_t)area, true});
	return false;
}

int cma_alloc_event_step(struct replay *r, struct machine *m, struct replay_state *st,
	unsigned steps, bool interrupted)
{
	struct replay_under_way *now = &r->now;
	const struct ftrace_line *l = &now->line;
	unsigned cpu = l->cpu % m->nr_cpus, area = now->cma.area;

	if (now->phase == REPLAY_BACK)
		return cma_release_step(m, cpu, &now->back, steps) > 0;
	if (interrupted)
		cma_interrupt(m, &now->cma);
	int ret = cma_step(m, cpu, &now->cma, steps);

	if (ret > 0 || ret == -EINTR)
		return ret;
	end_alloc(r, m, st, l, ret,
		(struct replay_run){l->pfn, now->cma.pfn, l->nr_pages, area, !!ret});
	if (ret || !l->no_page || cma_release_begin(m, &now->back, area, now->cma.pfn, l->nr_pages))
		return 0;
	now->phase = REPLAY_BACK;
	return 1;
}

void cma_release_event(
	struct replay *r, struct machine *m, struct replay_state *st, const struct ftrace_line *l)
{
	uint64_t live = 0, refused = 0;
	int err =
		release(m, st, l->cpu % m->nr_cpus, l->pfn, l->pfn + l->nr_pages, &live, &refused);

	if (err)
		count(r, REPLAY_failures, REPLAY_failures_free);
	else if (live)
		count(r, REPLAY_applied, REPLAY_applied_cma_releases);
	else if (refused)
		count(r, REPLAY_skipped, REPLAY_skipped_refused_here);
	else
		count(r, REPLAY_skipped, REPLAY_skipped_before_recording);
}

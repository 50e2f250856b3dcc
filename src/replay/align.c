/* SPDX-License-Identifier: MIT
 *
 * Putting faults between calls by what they say about the address space.
 *
 *	calls		1 mmap 0x1000	   2 mprotect r--   3 munmap 0x1000	4 mmap 0x5000
 *	faults	   (a)		   w 0x1000		  r 0x5000	 drop of RSS
 *			    =>	   between 1 and 2	  behind 4	 behind 3 at the latest ...
 *
 * The two recordings are often of two runs, and strace slows its run down a hundredfold, so that their clocks say
 * little. But a fault at an address means that something was mapped there which let it be, and a fall of RSS without
 * a fault means a call that unmapped. So each fault and each drop has a cost at each place between two calls:
 *
 *	20	the mapping there does not permit the access
 *	10	nothing is mapped there, but before or after, in the same program, something is
 *	 5	rss_stat tells of a page of another kind; a drop or a fork is not right behind a call that can
 *		cause it, with no fault between
 *	 3	the mapping is about to be overlaid: loaders lay segments over it before anyone touches it
 *	1024	another program of the process ran then, or it had ended
 *	 0	it fits, or nothing is known of the address (the program's own image, its stack)
 *
 * and the sequence of places with the least sum is found by dynamic programming: best[j] is the least cost with j calls
 * done, from fault to fault. Of equal ones the earliest places are taken, so that a call is done when it is needed.
 * Very long recordings are aligned in windows.
 *
 * Left out: the clocks, also where both recordings are of one run: what contradicts nothing is as good.
 */
#include "replay/align.h"

#include "mm/process/syscalls.h"

#include <stdlib.h>
#include <string.h>

#define WINDOW_CELLS ((size_t)1 << 24)
#define WINDOW_CALLS 4096u

enum { ERROR_PROT = 1, ERROR_WRITE = 2, ERROR_FETCH = 16 };

static bool permits(const struct layout_area *a, const struct rec_fault *f)
{
	if (f->error_code & ERROR_WRITE)
		return a->prot & PROT_WRITE_;
	if (f->error_code & ERROR_FETCH)
		return a->prot & PROT_EXEC_;
	return a->prot != 0;
}

/* The unit of the table above is 1024: what does not contradict, but is less likely, costs one or two. */
#define COST(n)	      ((uint32_t)(n) << 10)
#define COST_PROGRAM  ((uint32_t)1 << 20)
#define COST_UNLIKELY 1u

static uint32_t area_cost(const struct layout_area *a, const struct rec_fault *f, bool has_rss)
{
	uint32_t cost = 0;

	if (!permits(a, f))
		return COST(20);
	if (a->ended == LAYOUT_REPLACED)
		cost += COST(3);
	if (f->file_pages > 0 && a->kind == LAYOUT_ANON)
		cost += COST(5);
	if (f->file_pages <= 0 && f->anon_pages > 0 && a->kind == LAYOUT_FILE &&
		!(f->error_code & ERROR_WRITE))
		cost += COST(5);
	/* Its page would go with a later call, and rss_stat would tell: a drop keeps faults from moving beyond that call. */
	if (has_rss && a->ended == LAYOUT_UNMAPPED && (f->file_pages > 0 || f->anon_pages > 0))
		cost += COST_UNLIKELY;
	return cost;
}

/* What does not depend on the address. */
static uint32_t place_cost(const struct layout *l, const struct rec_fault *f, uint32_t at)
{
	uint32_t cost = 0;

	if (f->epoch >= 0 && l->epochs[at] != (uint32_t)f->epoch)
		cost += COST_PROGRAM;
	if (f->mark == REC_FAULT && at >= l->ended_at)
		cost += COST_PROGRAM;
	/* Nothing tells when execve() was: most of a program's first touches come after it. */
	if (f->mark == REC_FAULT && f->epoch < 0 && !(f->error_code & ERROR_PROT) &&
		l->epochs[at] < l->epochs[l->nr_calls])
		cost += COST_UNLIKELY;
	if ((f->mark == REC_DROP && !(l->causes[at] & LAYOUT_DROPS)) ||
		(f->mark == REC_FORKS && !(l->causes[at] & LAYOUT_FORKS)))
		cost += COST(5);
	return cost;
}

/* The cost of @f for each number of calls from..to. */
static void fault_costs(const struct layout *l, const struct rec_fault *f, bool has_rss,
	uint32_t from, uint32_t to, uint32_t *cost)
{
	const uint32_t place = ~(COST_PROGRAM - 1) | COST_UNLIKELY;

	for (uint32_t j = from; j <= to; j++)
		cost[j - from] = place_cost(l, f, j);
	if (f->mark != REC_FAULT)
		return;
	for (size_t i = 0; i < l->areas.nr; i++) {
		const struct layout_area *a = VEC_AT(struct layout_area, &l->areas, i);

		/* In its program the address is known: not being mapped means something. */
		if (f->addr < a->start || f->addr >= a->end || a->kind == LAYOUT_IMAGE)
			continue;
		for (uint32_t j = from; j <= to; j++)
			if (l->epochs[j] == l->epochs[a->from])
				cost[j - from] = (cost[j - from] & place) + COST(10);
	}
	for (size_t i = 0; i < l->areas.nr; i++) {
		const struct layout_area *a = VEC_AT(struct layout_area, &l->areas, i);

		if (f->addr < a->start || f->addr >= a->end)
			continue;
		uint32_t end = a->to == STILL ? to : a->to - 1;
		for (uint32_t j = a->from > from ? a->from : from; j <= end && j <= to; j++)
			cost[j - from] = (cost[j - from] & place) + area_cost(a, f, has_rss);
	}
}

/* Not beside a call, but within it. */
static bool within_call(const struct rec_fault *f)
{
	return f->mark == REC_DROP || f->mark == REC_FORKS;
}

struct window {
	uint32_t from, to;  /* numbers of calls done */
	size_t first, last; /* faults [first, last) */
};

/* Align the faults of a window, the first of which has at least @w->from calls before it. Returns the cost. */
static uint64_t align_window(struct rec_process *p, const struct layout *l, const struct window *w,
	uint32_t *cost, uint64_t *best, uint32_t *back)
{
	uint32_t width = w->to - w->from + 1;
	struct vec *faults = &p->faults;

	memset(best, 0, width * sizeof(*best));
	for (size_t i = w->first; i < w->last; i++) {
		uint32_t *from = back + (i - w->first) * width;
		uint64_t least = UINT64_MAX;
		uint32_t least_at = 0;

		const struct rec_fault *f = VEC_AT(struct rec_fault, faults, i);
		/* A drop and a fork happen within their call: no fault is between. A call may have two drops. */
		unsigned stay =
			within_call(f) && (i == w->first || f[-1].mark != f->mark) ? COST(5) : 0;

		fault_costs(l, f, p->has_rss, w->from, w->to, cost);
		for (uint32_t j = 0; j < width; j++) {
			uint64_t same = best[j];

			if (same + stay < least) {
				best[j] = same + stay + cost[j];
				from[j] = j;
			} else {
				best[j] = least + cost[j];
				from[j] = least_at;
			}
			if (same < least) {
				least = same;
				least_at = j;
			}
		}
	}
	uint32_t at = 0;
	for (uint32_t j = 1; j < width; j++)
		if (best[j] < best[at])
			at = j;
	uint64_t total = best[at];
	for (size_t i = w->last; i-- > w->first;) {
		VEC_AT(struct rec_fault, faults, i)->at = w->from + at;
		at = back[(i - w->first) * width + at];
	}
	return total;
}

bool align_faults(struct rec_process *p, const struct layout *l, uint64_t *cost)
{
	uint32_t width = l->nr_calls < WINDOW_CALLS ? l->nr_calls + 1 : WINDOW_CALLS;
	size_t per_window = WINDOW_CELLS / width;
	uint32_t *costs = malloc(width * sizeof(*costs));
	uint64_t *best = malloc(width * sizeof(*best));
	uint32_t *back;
	uint32_t from = 0;

	if (per_window > p->faults.nr)
		per_window = p->faults.nr + 1;
	back = malloc(per_window * width * sizeof(*back));
	*cost = 0;
	bool ok = costs && best && back;
	for (size_t first = 0; ok && first < p->faults.nr;) {
		size_t left = p->faults.nr - first;
		size_t nr = left < per_window ? left : per_window;
		struct window w = {from, from + width - 1, first, first + nr};

		if (w.to > l->nr_calls)
			w.to = l->nr_calls;
		*cost += align_window(p, l, &w, costs, best, back) >> 10;
		/* The end of a window does not know what follows: it is looked at again with the next one. */
		size_t keep = nr == left && w.to == l->nr_calls ? nr : (nr + 1) / 2;
		first += keep;
		from = VEC_AT(struct rec_fault, &p->faults, first - 1)->at;
	}
	free(costs);
	free(best);
	free(back);
	return ok;
}

/* SPDX-License-Identifier: MIT
 *
 * Fault injection: make allocations fail on purpose, as sys/kernel/debug/fail_page_alloc says.
 *
 * A request is looked at in this order, and the first "no" lets it pass:
 *   1. its order is at least min_order; it may fail (__GFP_NOFAIL); it is not of a kind that is left alone (HighMem,
 *      requests that can reclaim)
 *   2. probability is not 0, times is not used up
 *   3. `space` is used up: each request takes its size off it
 *   4. it is the n-th such request, n = interval
 *   5. the dice: a number below 100 is below probability
 * Then it fails, and times goes down. The dice are the machine's own, so a run with the same seed fails alike.
 *
 * Left out: filters by process and by stack (task-filter is kept, no request comes from a task that asked for it).
 * Follows lib/fault-inject.c and mm/page_alloc.c of 6.1 (should_fail_ex(), __should_fail_alloc_page()).
 */
#include "mm/page/fault_inject.h"

#include "base/text.h"
#include "mm/machine.h"
#include "mm/page/page_alloc.h"

void fault_inject_init(struct fault_inject *f)
{
	*f = (struct fault_inject){.interval = 1,
		.times = 1,
		.min_order = 1,
		.verbose = 2,
		.ratelimit_burst = 10,
		.ignore_gfp_wait = true,
		.ignore_gfp_highmem = true};
}

/* ___ratelimit(): at most `burst` reports in an interval; no interval, no limit. */
static bool report_allowed(struct machine *m)
{
	struct fault_inject *f = &m->fail_page_alloc;

	if (!f->ratelimit_interval_ms)
		return true;
	if (!f->reported || m->clock.now_ns - f->report_begin_ns >
				    f->ratelimit_interval_ms * UINT64_C(1000000)) {
		f->report_begin_ns = m->clock.now_ns;
		f->reported = 0;
	}
	if (f->reported >= f->ratelimit_burst)
		return false;
	f->reported++;
	return true;
}

static void report(struct machine *m)
{
	const struct fault_inject *f = &m->fail_page_alloc;

	if (!f->verbose || !report_allowed(m))
		return;
	log_printf(m, "FAULT_INJECTION: forcing a failure.");
	log_printf(m,
		"name fail_page_alloc, interval %llu, probability %llu, space %llu, times %lld",
		(unsigned long long)f->interval, (unsigned long long)f->probability,
		(unsigned long long)f->space, (long long)f->times);
}

/* should_fail() */
static bool should_fail(struct machine *m, uint64_t pages, bool quiet)
{
	struct fault_inject *f = &m->fail_page_alloc;

	if (f->task_filter || !f->probability || !f->times)
		return false;
	if (f->space > pages) {
		f->space -= pages;
		return false;
	}
	if (f->interval > 1 && ++f->count % f->interval)
		return false;
	if (f->probability <= rng_below(&m->rng, 100))
		return false;
	if (!quiet)
		report(m);
	if (f->times > 0)
		f->times--;
	return true;
}

bool fault_inject_page_alloc(struct machine *m, uint32_t gfp, unsigned order)
{
	const struct fault_inject *f = &m->fail_page_alloc;

	if (order < f->min_order || gfp & __GFP_NOFAIL)
		return false;
	if (f->ignore_gfp_highmem && gfp & __GFP_HIGHMEM)
		return false;
	if (f->ignore_gfp_wait && gfp & __GFP_DIRECT_RECLAIM)
		return false;
	return should_fail(m, (uint64_t)1 << order, gfp & __GFP_NOWARN);
}

/* SPDX-License-Identifier: MIT
 *
 * Claims about cma events of a recording, one rule a test (see src/replay/cma_replay.c): which area, what a finish and a release
 * do, what failed there, what is lost, and which spellings of older kernels are read.
 */
#include "support/booted.h"

#include "base/rng.h"
#include "base/text.h"
#include "mm/move/cma.h"
#include "mm/page/frame.h"
#include "replay/replay.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct machine *m;
static struct replay *r;
static uint64_t line_number;

static void begin(void)
{
	m = booted("arm64-virt", "ram", "128M", "cma", "16M", NULL);
	r = replay_new();
	line_number = 0;
}

static void end(void)
{
	booted_check(m);
	machine_destroy(m);
	replay_free(r);
}

static int feed(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static int feed(const char *fmt, ...)
{
	char line[512];
	va_list args;
	int len = snprintf(line, sizeof(line),
		"  cam-7   [000] .....  %llu.000000: ", (unsigned long long)++line_number);

	va_start(args, fmt);
	len += vsnprintf(line + len, sizeof(line) - (size_t)len, fmt, args);
	va_end(args);
	return replay_line(r, m, line, (size_t)len, line_number);
}

static int finish(uint64_t pfn, uint64_t pages)
{
	return feed("cma_alloc_finish: name=linux,cma pfn=0x%llx page=00000000abcdef01 count=%llu "
		    "align=0 errorno=0",
		(unsigned long long)pfn, (unsigned long long)pages);
}

static int back(uint64_t pfn, uint64_t pages)
{
	return feed("cma_release: name=linux,cma pfn=0x%llx page=00000000abcdef01 count=%llu",
		(unsigned long long)pfn, (unsigned long long)pages);
}

static uint64_t used(void)
{
	return cma_used(m, &m->cma[0]);
}

#define COUNT(name) r->count[REPLAY_##name]

Test(cma_replay, a_run_comes_and_goes, .init = begin, .fini = end)
{
	cr_expect_eq(feed("cma_alloc_start: name=linux,cma count=100 align=4"), 0);
	cr_expect_eq(used(), 0, "the start alone does nothing");
	cr_expect_eq(finish(0x12340, 100), 0);
	cr_expect_eq(used(), 100, "the only area, whatever its name was");
	cr_expect_eq(finish(0x20000, 50), 0);
	/* The pages of a run are freed one by one first, as the kernel traces it. */
	cr_expect_eq(feed("mm_page_free: page=00000000abcdef01 pfn=0x12341 order=0"), 0);
	cr_expect_eq(used(), 150);
	cr_expect_eq(back(0x12340, 100), 0);
	cr_expect_eq(used(), 50);
	cr_expect_eq(back(0x20000 + 10, 30), 0, "a part from the middle");
	cr_expect_eq(used(), 20);
	cr_expect_eq(back(0x20000, 50), 0, "and all that is left");
	cr_expect_eq(used(), 0);
	cr_expect_eq(COUNT(applied_cma_allocs), 2);
	cr_expect_eq(COUNT(applied_cma_releases), 3);
	cr_expect_eq(COUNT(skipped_cma_page_frees), 1);
	cr_expect_eq(COUNT(skipped_informational), 1);
}

Test(cma_replay, what_failed_there_or_here, .init = begin, .fini = end)
{
	cr_expect_eq(finish(0x1000, 4000), 0);
	cr_expect_eq(finish(0x3000, 200), 0, "there is no room for it here");
	cr_expect_eq(COUNT(failures_cma_no_range), 1);
	cr_expect_eq(back(0x3000, 200), 0);
	cr_expect_eq(COUNT(skipped_refused_here), 1);
	cr_expect_eq(back(0x7000, 1), 0);
	cr_expect_eq(COUNT(skipped_before_recording), 1);
	cr_expect_eq(feed("cma_alloc_finish: name=x pfn=0xffffffffffffffff page=0000000000000000 "
			  "count=99 align=0 "
			  "errorno=-12"),
		0);
	cr_expect_eq(COUNT(skipped_cma_failed_both), 1);
	cr_expect_eq(feed("cma_alloc_finish: name=x pfn=0x55 page=(null) count=9 align=0"), 0);
	cr_expect_eq(COUNT(skipped_cma_failed_there), 1);
	cr_expect_eq(used(), 4000, "it went back at once");
	cr_expect_eq(finish(0x1010, 4), 0, "a lost release");
	cr_expect_eq(COUNT(lost_frees), 1);
	cr_expect_eq(used(), 4000, "only the part that is in the way");
	cr_expect_eq(COUNT(events), COUNT(applied) + COUNT(skipped) + COUNT(failures));
}

Test(cma_replay, spellings, .init = begin, .fini = end)
{
	/* 4.x to 5.11; 5.12 and 5.13; perf script; ftrace without a head. */
	cr_expect_eq(feed("cma_alloc: pfn=3b400 page=00000000abcdef01 count=10 align=2"), 0);
	cr_expect_eq(
		feed("cma_alloc_finish: name=a pfn=3b500 page=00000000abcdef01 count=10 align=2"),
		0);
	static const char perf[] = "cam 7 [001]  1.5: cma:cma_alloc_finish: name=a pfn=0x3b600 "
				   "page=0xffffea0000ed8000 "
				   "count=10 align=2 errorno=0";
	cr_expect_eq(replay_line(r, m, perf, strlen(perf), 9), 0);
	static const char bare[] = "cma_release: pfn=3b400 page=00000000abcdef01 count=10";
	cr_expect_eq(replay_line(r, m, bare, strlen(bare), 10), 0);
	cr_expect_eq(COUNT(applied_cma_allocs), 3);
	cr_expect_eq(COUNT(applied_cma_releases), 1);
	cr_expect_eq(used(), 20);
	/* Torn ones. */
	cr_expect_eq(feed("cma_alloc_finish: name=a pfn=0x3b6"), -EINVAL);
	cr_expect_eq(feed("cma_alloc_finish: name=a page=00000000abcdef01 count=10"), -EINVAL);
	cr_expect_eq(feed("cma_alloc_finish: name=a pfn=0x3b600 page=00000000abcdef01 count=10 "
			  "align=99"),
		-EINVAL);
	cr_expect_eq(
		feed("cma_release: name=a pfn=0x3b600 page=00000000abcdef01 count=0"), -EINVAL);
	cr_expect_eq(feed("cma_alloc_fini"), -EINVAL);
	cr_expect_eq(COUNT(malformed), 5);
}

/* A plain list of which recorded pages are given out. */
Test(cma_replay, random_events_and_a_list, .init = begin, .fini = end)
{
	enum { SPAN = 3000 };
	static bool out[SPAN], refused[SPAN];
	struct rng rng = {7};

	for (unsigned i = 0; i < 3000; i++) {
		uint64_t at = rng_below(&rng, SPAN - 64), n = 1 + rng_below(&rng, 64);
		uint64_t failures = COUNT(failures), live = 0;

		if (rng_below(&rng, 2)) {
			cr_assert_eq(finish(0x5000 + at, n), 0);
			for (uint64_t k = at; k < at + n; k++) {
				refused[k] = COUNT(failures) > failures;
				out[k] = !refused[k];
			}
		} else {
			cr_assert_eq(back(0x5000 + at, n), 0);
			memset(out + at, 0, n);
			memset(refused + at, 0, n);
		}
		for (unsigned k = 0; k < SPAN; k++)
			live += out[k];
		cr_assert_eq(used(), live, "event %u: %llu pages, the list has %llu", i,
			(unsigned long long)used(), (unsigned long long)live);
	}
	cr_expect_gt(COUNT(applied_cma_allocs), 500);
	cr_expect_gt(COUNT(applied_cma_releases), 500);
	cr_expect_eq(COUNT(failures_free), 0);
}

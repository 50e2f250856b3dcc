/* SPDX-License-Identifier: MIT
 *
 * Claim: fail_page_alloc makes exactly those allocations fail that its switches say, and no others.
 */
#include "support/hand.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static struct machine *failing(void)
{
	struct hand h = {.nr_zones = 1, .zone = {{.type = ZONE_NORMAL, .pages = 4096}}};
	struct machine *m = hand_machine(&h);

	m->fail_page_alloc.probability = 100;
	m->fail_page_alloc.times = -1;
	return m;
}

static int try(struct machine *m, gfp_t gfp, unsigned order)
{
	uint64_t pfn;

	return alloc_pages_node(m, 0, -1, gfp, order, &pfn);
}

Test(fault_inject, defaults_leave_alone)
{
	struct machine *m = failing();

	cr_expect_eq(try(m, GFP_ATOMIC, 0), 0, "min-order is 1");
	cr_expect_eq(try(m, GFP_ATOMIC, 1), -ENOMEM);
	cr_expect(strstr(m->why.sentence, "fail_page_alloc"), "%s", m->why.sentence);
	cr_expect(strstr(hand_log(m), "FAULT_INJECTION: forcing a failure."));
	cr_expect(strstr(hand_log(m),
		"name fail_page_alloc, interval 1, probability 100, space 0, times -1"));
	cr_expect_eq(try(m, GFP_KERNEL, 1), 0, "ignore-gfp-wait");
	cr_expect_eq(try(m, GFP_NOWAIT | __GFP_HIGHMEM, 1), 0, "ignore-gfp-highmem");
	cr_expect_eq(try(m, GFP_NOWAIT | __GFP_NOFAIL, 1), 0);
	m->fail_page_alloc.ignore_gfp_wait = false;
	cr_expect_eq(try(m, GFP_KERNEL, 1), -ENOMEM);
	m->fail_page_alloc.task_filter = true;
	cr_expect_eq(try(m, GFP_KERNEL, 1), 0);
	hand_destroy(m);
}

Test(fault_inject, times_space_interval)
{
	struct machine *m = failing();
	struct fault_inject *f = &m->fail_page_alloc;

	f->min_order = 0;
	f->times = 2;
	cr_expect_eq(try(m, GFP_NOWAIT, 0), -ENOMEM);
	cr_expect_eq(try(m, GFP_NOWAIT, 0), -ENOMEM);
	cr_expect_eq(try(m, GFP_NOWAIT, 0), 0, "twice was enough");
	f->times = 1;
	f->space = 6;
	cr_expect_eq(try(m, GFP_NOWAIT, 2), 0, "4 of 6 pages");
	cr_expect_eq(f->space, 2);
	cr_expect_eq(try(m, GFP_NOWAIT, 2), -ENOMEM);
	f->times = -1;
	f->space = 0;
	f->interval = 3;
	f->count = 0;
	for (int i = 1; i <= 9; i++)
		cr_expect_eq(try(m, GFP_NOWAIT, 0), i % 3 ? 0 : -ENOMEM, "%d", i);
	hand_destroy(m);
}

/* The dice are the machine's: about half, and the same half for the same seed. */
Test(fault_inject, probability)
{
	unsigned failed[2] = {0};
	uint64_t pattern[2] = {0};

	for (int run = 0; run < 2; run++) {
		struct machine *m = failing();

		m->rng.state = 77;
		m->fail_page_alloc.probability = 50;
		m->fail_page_alloc.min_order = 0;
		for (int i = 0; i < 1000; i++) {
			bool fail = try(m, GFP_NOWAIT | __GFP_NOWARN, 0) != 0;

			failed[run] += fail;
			pattern[run] = pattern[run] * 31 + fail;
		}
		hand_destroy(m);
	}
	cr_expect(failed[0] > 400 && failed[0] < 600, "%u", failed[0]);
	cr_expect_eq(failed[0], failed[1]);
	cr_expect_eq(pattern[0], pattern[1]);
}

/* SPDX-License-Identifier: MIT
 *
 * Fail the n-th allocation, for n = 1, 2, ..., and look whether everything is whole afterwards.
 *
 * Two kinds of failure: fail_page_alloc lets the simulated kernel's n-th allocation fail (ENOMEM), and a budget of host
 * memory that ends after n more pages makes any act fail that would touch a fresh one (EDQUOT). In both cases the act that
 * failed changed nothing that page_alloc_check() could see, the others did their work, and all can be freed.
 */
#include "support/failing.h"
#include "support/hand.h"

#include <criterion/criterion.h>
#include <errno.h>

enum { MAX_BLOCKS = 256 };

struct program {
	struct machine *m;
	uint64_t pfn[MAX_BLOCKS];
	unsigned order[MAX_BLOCKS];
	unsigned nr, failures;
	int only; /* the errno that failures must have */
};

static void keep(struct program *p, int err, uint64_t pfn, unsigned order)
{
	if (failed(p, err))
		return;
	p->pfn[p->nr] = pfn;
	p->order[p->nr++] = order;
}

/* Each way to allocate, each type, many orders; single pages of a split block; something freed in between. */
static void play(struct program *p)
{
	static const gfp_t kinds[] = {
		GFP_KERNEL, GFP_HIGHUSER_MOVABLE, GFP_KERNEL | __GFP_RECLAIMABLE, GFP_ATOMIC};
	struct machine *m = p->m;
	uint64_t pfn, bulk[16];

	for (unsigned i = 0; i < 44; i++) {
		int err = alloc_pages_node(m, i % 2, -1, kinds[i % 4] | __GFP_NOWARN, i % 11, &pfn);

		keep(p, err, pfn, i % 11);
		hand_check(m);
	}
	int err = alloc_pages_exact(m, 0, GFP_KERNEL | __GFP_NOWARN, 5 * PAGE_BYTES, &pfn);
	for (uint64_t i = 0; i < (err ? 1 : 5); i++)
		keep(p, err, pfn + i, 0);
	uint64_t n = alloc_pages_bulk(m, 0, -1, GFP_KERNEL | __GFP_NOWARN, 16, bulk);
	if (!n)
		keep(p, -m->why.err, 0, 0);
	for (uint64_t i = 0; i < n; i++)
		keep(p, 0, bulk[i], 0);
	hand_check(m);
	drain_all_pages(m, NULL);
	hand_check(m);
}

static void undo(struct program *p)
{
	for (unsigned i = 0; i < p->nr; i++)
		cr_expect_eq(free_pages_order(p->m, i % 2, p->pfn[i], p->order[i]), 0, "%s",
			p->m->why.sentence);
	drain_all_pages(p->m, NULL);
	hand_check(p->m);
	const struct zone *z = zone_at(p->m, 0, ZONE_NORMAL);
	cr_expect_eq(z->free_pages, z->managed_pages, "all is free again");
}

static struct machine *machine(uint64_t budget_bytes)
{
	struct hand h = {.cpus = 2,
		.thp = true,
		.budget_bytes = budget_bytes,
		.nr_zones = 1,
		.zone = {{.type = ZONE_NORMAL,
			.pages = 65536,
			.min = 100,
			.pcp_high = 100,
			.pcp_batch = 7}}};

	return hand_machine(&h);
}

Test(page_alloc, the_nth_allocation_fails)
{
	unsigned n = 1;

	for (;; n++) {
		struct program p = {.m = machine(0), .only = ENOMEM};
		struct fault_inject *f = &p.m->fail_page_alloc;

		*f = (struct fault_inject){.probability = 100, .interval = n, .times = 1};
		play(&p);
		undo(&p);
		unsigned failures = p.failures;
		hand_destroy(p.m);
		if (!failures)
			break;
		/* A bulk of which nothing came tries a single page, so one failure may be healed, never multiplied. */
		cr_expect_eq(failures, 1, "n = %u", n);
	}
	cr_expect_gt(n, 44, "each allocation had its turn");
}

/* How many host pages does a machine touch before the program, and with it? */
Test(page_alloc, the_host_budget_ends)
{
	struct program whole = {.m = machine(0)};
	uint64_t before = whole.m->arena.touched_pages;

	play(&whole);
	cr_assert_eq(whole.failures, 0);
	uint64_t after = whole.m->arena.touched_pages;
	hand_destroy(whole.m);
	cr_assert_gt(after, before);
	for (uint64_t pages = before; pages < after; pages += 1 + (after - before) / 40) {
		struct program p = {.m = machine(pages * ARENA_PAGE_BYTES), .only = EDQUOT};

		play(&p);
		cr_expect_gt(p.failures, 0, "%llu pages", (unsigned long long)pages);
		undo(&p);
		hand_destroy(p.m);
	}
}

/* SPDX-License-Identifier: MIT
 *
 * Claims about the per-CPU lists. A zone of 16 MiB with high 40 and batch 8:
 *
 *	first request    8 pages leave the zone, one is given, 7 lie on the list in ascending order
 *	free             to the head: the next request gets the same page again
 *	40 on the lists  batches go back from the tails, doubling while only frees come
 */
#include "support/hand.h"

#include "mm/page/frame.h"

#include <criterion/criterion.h>

static struct machine *with(uint64_t high, uint64_t batch, bool thp)
{
	struct hand h = {.thp = thp,
		.cpus = 2,
		.nr_zones = 1,
		.zone = {{.type = ZONE_NORMAL,
			.pages = 4096,
			.pcp_high = high,
			.pcp_batch = batch}}};

	return hand_machine(&h);
}

Test(pcp, a_batch_in_ascending_order)
{
	struct machine *m = with(40, 8, false);
	struct zone *z = zone_at(m, 0, ZONE_NORMAL);
	struct pcp *pcp = zone_pcp(m, z, 0);

	for (uint64_t i = 0; i < 8; i++) {
		cr_expect_eq(hand_alloc(m, GFP_KERNEL, 0), i);
		cr_expect_eq(pcp->count, 7 - i);
		cr_expect_eq(z->free_pages, 4096 - 8, "in use or on the list, it is not free");
		hand_check(m);
	}
	cr_expect_eq(hand_alloc(m, GFP_KERNEL, 0), 8, "and the next batch");
	cr_expect_eq(pcp->count, 7);
	cr_expect_eq(zone_pcp(m, z, 1)->count, 0);
	hand_destroy(m);
}

Test(pcp, the_last_freed_is_the_next_given)
{
	struct machine *m = with(40, 8, false);
	uint64_t a = hand_alloc(m, GFP_KERNEL, 0), b = hand_alloc(m, GFP_KERNEL, 0);

	cr_expect_eq(free_pages_order(m, 0, a, 0), 0);
	cr_expect_eq(free_pages_order(m, 0, b, 0), 0);
	cr_expect_eq(hand_alloc(m, GFP_KERNEL, 0), b);
	cr_expect_eq(hand_alloc(m, GFP_KERNEL, 0), a);
	struct frame f = frame_peek(m, 7);
	cr_expect_eq(f.flags, FRAME_PCP);
	cr_expect_eq(f.index, MIGRATE_UNMOVABLE);
	hand_destroy(m);
}

/* Scaled by order, at least 2; observed with batch 63: 31, 15, 7 blocks of orders 1, 2, 3. */
Test(pcp, batches_of_larger_orders)
{
	struct machine *m = with(1000, 63, true);
	struct pcp *pcp = zone_pcp(m, zone_at(m, 0, ZONE_NORMAL), 0);
	static const struct {
		unsigned order, blocks;
	} rows[] = {{0, 63}, {1, 31}, {2, 15}, {3, 7}, {9, 2}};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t before = pcp->count;

		(void)hand_alloc(m, GFP_KERNEL, rows[i].order);
		cr_expect_eq(pcp->count - before, (rows[i].blocks - 1) << rows[i].order, "order %u",
			rows[i].order);
	}
	uint32_t before = pcp->count;
	(void)hand_alloc(m, GFP_KERNEL, 4);
	cr_expect_eq(pcp->count, before, "order 4 is not kept on CPUs' lists");
	hand_check(m);
	drain_all_pages(m, NULL);
	cr_expect_eq(pcp->count, 0);
	hand_check(m);
	hand_destroy(m);
}

/* high 40, batch 8: the 40th page on the lists sends 8 back, then 16, then high - batch at most. */
Test(pcp, batches_back_double)
{
	struct machine *m = with(40, 8, false);
	struct pcp *pcp = zone_pcp(m, zone_at(m, 0, ZONE_NORMAL), 0);
	uint64_t pfn[200];
	uint32_t sent[8];
	unsigned nr_sent = 0;

	for (unsigned i = 0; i < 200; i++)
		pfn[i] = hand_alloc(m, GFP_KERNEL, 0);
	drain_local_pages(m, 0, NULL);
	pcp->free_factor = 0;
	for (unsigned i = 0; i < 200; i++) {
		uint32_t before = pcp->count;

		cr_expect_eq(free_pages_order(m, 0, pfn[i], 0), 0);
		cr_expect_lt(pcp->count, 40);
		if (pcp->count != before + 1 && nr_sent < 8)
			sent[nr_sent++] = before + 1 - pcp->count;
	}
	cr_expect_geq(nr_sent, 4);
	cr_expect_eq(sent[0], 8);
	cr_expect_eq(sent[1], 16);
	cr_expect_eq(sent[2], 32);
	cr_expect_eq(sent[3], 32, "high - batch is the most");
	cr_expect_gt(pcp->free_factor, 0);
	uint32_t factor = pcp->free_factor;
	(void)hand_alloc(m, GFP_KERNEL, 0);
	cr_expect_eq(pcp->free_factor, factor / 2, "an allocation halves it");
	hand_check(m);
	hand_destroy(m);
}

/* The coldest page goes back first: the tail of the list. */
Test(pcp, the_coldest_goes_back)
{
	struct machine *m = with(16, 4, false);
	struct zone *z = zone_at(m, 0, ZONE_NORMAL);
	uint64_t pfn[20];

	for (unsigned i = 0; i < 20; i++)
		pfn[i] = hand_alloc(m, GFP_KERNEL, 0);
	drain_all_pages(m, NULL);
	for (unsigned i = 0; i < 16; i++)
		cr_expect_eq(free_pages_order(m, 0, pfn[i], 0), 0);
	for (unsigned i = 0; i < 4; i++)
		cr_expect_eq(
			frame_peek(m, pfn[i]).flags, FRAME_BUDDY, "page %u was freed first", i);
	cr_expect_eq(frame_peek(m, pfn[4]).flags, FRAME_PCP);
	cr_expect_eq(zone_pcp(m, z, 0)->count, 12);
	hand_check(m);
	hand_destroy(m);
}

/* Larger blocks freed in a row do not stay: they would keep memory from merging. */
Test(pcp, large_blocks_in_a_row_go_back_at_once)
{
	struct machine *m = with(64, 8, false);
	struct zone *z = zone_at(m, 0, ZONE_NORMAL);
	struct pcp *pcp = zone_pcp(m, z, 0);
	uint64_t pfn[16];

	for (unsigned i = 0; i < 16; i++)
		pfn[i] = hand_alloc(m, GFP_KERNEL, 3);
	for (unsigned i = 0; i < 16 && !pcp->free_factor; i++)
		cr_expect_eq(free_pages_order(m, 0, pfn[i], 3), 0);
	cr_expect_gt(pcp->free_factor, 0);
	cr_expect_eq(free_pages_order(m, 0, pfn[15], 3), 0);
	cr_expect_eq(pcp->count, 0, "all of them went back");
	hand_check(m);
	hand_destroy(m);
}

Test(pcp, draining_merges_all)
{
	struct machine *m = with(1000, 63, false);
	struct zone *z = zone_at(m, 0, ZONE_NORMAL);
	uint64_t pfn[300];

	for (unsigned i = 0; i < 300; i++)
		pfn[i] = hand_alloc(m, GFP_KERNEL, 0);
	for (unsigned i = 0; i < 300; i++)
		cr_expect_eq(free_pages_order(m, i % 2, pfn[i], 0), 0, "on either CPU");
	cr_expect_eq(zone_pcp(m, z, 0)->count, 150 + 15);
	cr_expect_eq(zone_pcp(m, z, 1)->count, 150);
	cr_expect_str_neq(hand_free(m, z), "0 0 0 0 0 0 0 0 0 0 4");
	drain_all_pages(m, z);
	cr_expect_str_eq(hand_free(m, z), "0 0 0 0 0 0 0 0 0 0 4");
	cr_expect_eq(z->free_pages, 4096);
	hand_check(m);
	hand_destroy(m);
}

/* CMA pages lie on the Movable list and go back to their own. */
Test(pcp, cma_pages_lie_on_the_movable_list)
{
	struct hand h = {.cma = true,
		.nr_zones = 1,
		.zone = {{.type = ZONE_NORMAL,
			.pages = 4096,
			.cma_pfn = 1024,
			.cma_pages = 3072,
			.pcp_high = 100,
			.pcp_batch = 8}}};
	struct machine *m = hand_machine(&h);
	struct zone *z = zone_at(m, 0, ZONE_NORMAL);
	uint64_t pfn = hand_alloc(m, GFP_HIGHUSER_MOVABLE, 0);

	cr_expect_eq(pageblock_type(m, pfn), MIGRATE_CMA, "most of the free pages are CMA");
	cr_expect_eq(z->free_cma_pages, 3072 - 8);
	cr_expect_eq(z->free_pages, 4096 - 8);
	cr_expect_lt(hand_alloc(m, GFP_KERNEL, 0), 1024, "an unmovable page never");
	cr_expect_eq(free_pages_order(m, 0, pfn, 0), 0);
	drain_all_pages(m, NULL);
	cr_expect_eq(z->free_cma_pages, 3072);
	hand_check(m);
	hand_destroy(m);
}

/* Blocks that went to the zone in runs have merged and lie on its lists as if they had come one by one. */
Test(pcp, runs_are_as_good_as_single_blocks)
{
	struct rng rng = {7};

	for (unsigned round = 0; round < 200; round++) {
		struct machine *m = with(4000, 63, true);
		uint64_t pfn[1024];
		unsigned order = round % 3, nr = 1024 >> order;

		for (unsigned i = 0; i < nr; i++)
			pfn[i] =
				hand_alloc(m, i / 100 % 2 ? GFP_USER : GFP_HIGHUSER_MOVABLE, order);
		struct machine *single = hand_copy(m);
		struct zone *z = zone_at(m, 0, ZONE_NORMAL), *zs = zone_at(single, 0, ZONE_NORMAL);

		drain_all_pages(m, NULL);
		drain_all_pages(single, NULL);
		zs->pcp_high = 0;
		/* Mostly neighbours one behind the other; some stay in use. */
		for (unsigned i = 0, at = 0; i < nr;
			i++, at = rng_below(&rng, 20) ? at + 1 : at + 7) {
			uint64_t *next = &pfn[at % nr];

			if (*next == NO_PFN)
				continue;
			cr_assert_eq(free_pages_order(m, 0, *next, order), 0);
			cr_assert_eq(free_pages_order(single, 0, *next, order), 0);
			*next = NO_PFN;
		}
		drain_all_pages(m, NULL);
		drain_all_pages(single, NULL);
		cr_expect_eq(z->free_pages, zs->free_pages);
		cr_expect_arr_eq(z->area, zs->area, sizeof(z->area));
		cr_expect_arr_eq(frame_of(m, 0), frame_of(single, 0), 4096 * sizeof(struct frame));
		hand_check(m);
		hand_destroy(single);
		hand_destroy(m);
	}
}

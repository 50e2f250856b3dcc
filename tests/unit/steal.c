/* SPDX-License-Identifier: MIT
 *
 * Claims about fallback: who takes from whom, how much goes with it, what it costs.
 *
 *	boot memory is all Movable, so the first Unmovable request takes over a whole block of order 10
 *	a Movable request that finds no Movable block takes the smallest of others, if it is small
 *	an Unmovable one takes the largest, and its pageblock when half of that is free or alike
 */
#include "support/hand.h"

#include "mm/page/frame.h"

#include <criterion/criterion.h>
#include <errno.h>

static struct machine *plain(uint64_t pages)
{
	struct hand h = {.nr_zones = 1, .zone = {{.type = ZONE_NORMAL, .pages = pages, .min = 8}}};

	return hand_machine(&h);
}

static uint64_t blocks(struct machine *m, enum migratetype type)
{
	return zone_type_blocks(m, zone_at(m, 0, ZONE_NORMAL), type);
}

static const struct trace_record *last_trace(struct machine *m, enum trace_event event)
{
	const struct trace_record *ring = machine_at(m, m->trace.at);

	for (uint64_t i = m->trace.written; i-- > 0;)
		if (ring[i % m->trace.capacity].event == event)
			return &ring[i % m->trace.capacity];
	return NULL;
}

Test(steal, the_first_unmovable_page_takes_a_whole_block)
{
	struct machine *m = plain(8192);

	m->trace.enabled = 1u << TRACE_mm_page_alloc_extfrag;
	uint64_t pfn = hand_alloc(m, GFP_KERNEL, 0);
	cr_expect_eq(pfn, 0, "the head of the list of order 10");
	cr_expect_eq(blocks(m, MIGRATE_UNMOVABLE), 2, "order 10 is two pageblocks");
	cr_expect_eq(blocks(m, MIGRATE_MOVABLE), 14);
	const struct trace_record *t = last_trace(m, TRACE_mm_page_alloc_extfrag);
	cr_assert(t);
	cr_expect_eq(t->pfn, 0);
	cr_expect_eq(t->order, 0);
	cr_expect_eq(t->migratetype, MIGRATE_UNMOVABLE);
	cr_expect_eq(t->extra[0], 10, "fallback order");
	cr_expect_eq(t->extra[1], MIGRATE_MOVABLE, "fallback type");
	cr_expect_eq(t->extra[2], 1, "the pageblock changed hands");
	cr_expect_eq(
		zone_at(m, 0, ZONE_NORMAL)->watermark_boost, 0, "no boost for whole pageblocks");
	cr_expect_eq(hand_alloc(m, GFP_KERNEL | __GFP_RECLAIMABLE, 0), 1024,
		"the largest order decides before the type does: Movable has order 10, Unmovable "
		"only 9");
	cr_expect_eq(blocks(m, MIGRATE_RECLAIMABLE), 2);
	hand_check(m);
	hand_destroy(m);
}

/* Unmovable and Reclaimable fall back to each other before Movable; Movable to Reclaimable before Unmovable. */
Test(steal, order_of_fallbacks)
{
	static const struct {
		gfp_t gfp;
		enum migratetype first, second;
	} rows[] = {{GFP_KERNEL, MIGRATE_RECLAIMABLE, MIGRATE_MOVABLE},
		{GFP_HIGHUSER_MOVABLE, MIGRATE_RECLAIMABLE, MIGRATE_UNMOVABLE},
		{GFP_KERNEL | __GFP_RECLAIMABLE, MIGRATE_UNMOVABLE, MIGRATE_MOVABLE}};

	for (unsigned i = 0; i < 3; i++) {
		for (unsigned skip = 0; skip < 2; skip++) {
			struct hand h = {.nr_zones = 1,
				.nothing_freed = true,
				.zone = {{.type = ZONE_NORMAL, .pages = 4096}}};
			struct machine *m = hand_machine(&h);

			/* One block of order 10 of each other type, all alike but for the type. */
			if (!skip)
				cr_assert_eq(free_boot_pages(m, 1024, 2048, rows[i].first), 0);
			cr_assert_eq(free_boot_pages(m, 2048, 3072, rows[i].second), 0);
			cr_expect_eq(
				hand_alloc(m, rows[i].gfp, 4), skip ? 2048 : 1024, "row %u", i);
			hand_check(m);
			hand_destroy(m);
		}
	}
}

/* All of a zone in single Movable pages, then every second one free: a block for the thief to look at. */
static void chequer(struct machine *m, gfp_t gfp, uint64_t pages, unsigned keep_every)
{
	static uint64_t pfn[8192];
	uint64_t n = 0;

	while (n < pages &&
		!alloc_pages_node(m, 0, -1, gfp | __GFP_MEMALLOC | __GFP_NOWARN, 0, &pfn[n]))
		n++;
	for (uint64_t i = 0; i < n; i++)
		if (pfn[i] % keep_every)
			cr_assert_eq(free_pages_order(m, 0, pfn[i], 0), 0);
}

/* In a movable pageblock with 3/4 in use by movable pages, an unmovable request takes the free pages of the
 * pageblock, but not the pageblock. */
Test(steal, free_pages_without_their_pageblock)
{
	struct machine *m = plain(4096);
	static uint64_t pfn[4096];
	uint64_t n = 0;

	while (n < 4096 &&
		!alloc_pages_node(
			m, 0, -1, GFP_HIGHUSER_MOVABLE | __GFP_MEMALLOC | __GFP_NOWARN, 0, &pfn[n]))
		n++;
	cr_assert_eq(n, 4096);
	for (uint64_t i = 0; i < 4096; i += 4)
		cr_assert_eq(free_pages_order(m, 0, pfn[i], 0), 0);
	struct zone *z = zone_at(m, 0, ZONE_NORMAL);
	m->trace.enabled = 1u << TRACE_mm_page_alloc_extfrag;
	uint64_t got = hand_alloc(m, GFP_KERNEL, 0);
	cr_expect_eq(pageblock_type(m, got), MIGRATE_MOVABLE);
	cr_expect_eq(blocks(m, MIGRATE_UNMOVABLE), 0);
	cr_expect_eq(zone_free_blocks(m, z, 0, MIGRATE_UNMOVABLE), 127,
		"the rest of the pageblock's free pages came along");
	cr_expect_eq(last_trace(m, TRACE_mm_page_alloc_extfrag)->extra[2], 0);
	cr_expect_eq(z->watermark_boost, 512,
		"a pageblock at least, though 150%% of the high mark is 18");
	hand_check(m);
	hand_destroy(m);
}

/* With 1/4 in use the thief takes the pageblock, too. */
Test(steal, the_pageblock_when_most_is_free)
{
	struct machine *m = plain(4096);

	chequer(m, GFP_HIGHUSER_MOVABLE, 4096, 4);
	uint64_t got = hand_alloc(m, GFP_KERNEL, 0);
	cr_expect_eq(pageblock_type(m, got), MIGRATE_UNMOVABLE);
	cr_expect_eq(blocks(m, MIGRATE_UNMOVABLE), 1);
	hand_check(m);
	hand_destroy(m);
}

/* Not only free pages count: what is not movable in a movable pageblock is like the thief. */
Test(steal, alike_pages_count)
{
	struct machine *m = plain(4096);

	/* Unmovable pages fill everything; the pageblocks are then said to be Movable. */
	chequer(m, GFP_KERNEL, 4096, 1);
	for (uint64_t pfn = 0; pfn < 4096; pfn += 512)
		cr_assert_eq(pageblock_set_type(m, pfn, MIGRATE_MOVABLE), 0);
	for (uint64_t pfn = 0; pfn < 4096; pfn += 4)
		cr_assert_eq(free_pages_order(m, 0, pfn, 0), 0);
	uint64_t got = hand_alloc(m, GFP_KERNEL, 0);
	cr_expect_eq(pageblock_type(m, got), MIGRATE_UNMOVABLE);
	hand_check(m);
	hand_destroy(m);
}

/* A movable request below half a pageblock's order takes the smallest block of another type, alone. */
Test(steal, movable_takes_the_smallest)
{
	struct hand h = {.nr_zones = 1,
		.nothing_freed = true,
		.zone = {{.type = ZONE_NORMAL, .pages = 4096}}};
	struct machine *m = hand_machine(&h);

	cr_assert_eq(free_boot_pages(m, 8, 16, MIGRATE_UNMOVABLE), 0);
	cr_assert_eq(free_boot_pages(m, 512, 514, MIGRATE_UNMOVABLE), 0);
	cr_expect_eq(hand_alloc(m, GFP_HIGHUSER_MOVABLE, 0), 512, "order 1, not order 3");
	cr_expect_eq(pageblock_type(m, 512), MIGRATE_UNMOVABLE);
	cr_expect_eq(zone_free_blocks(m, zone_at(m, 0, ZONE_NORMAL), 0, MIGRATE_MOVABLE), 1,
		"the other half is ours");
	hand_check(m);
	hand_destroy(m);
}

/* Theft below a pageblock raises the boost, which wakes kswapd, which takes it back. */
Test(steal, boost_and_kswapd)
{
	struct hand h = {
		.nr_zones = 1, .zone = {{.type = ZONE_NORMAL, .pages = 16384, .min = 800}}};
	struct machine *m = hand_machine(&h);
	struct zone *z = zone_at(m, 0, ZONE_NORMAL);
	static uint64_t pfn[16384];
	uint64_t n = 0;

	while (n < 16384 &&
		!alloc_pages_node(
			m, 0, -1, GFP_HIGHUSER_MOVABLE | __GFP_MEMALLOC | __GFP_NOWARN, 0, &pfn[n]))
		n++;
	for (uint64_t i = 0; i < n; i += 2)
		cr_assert_eq(free_pages_order(m, 0, pfn[i], 0), 0);
	while (m->clock.nr_tasks)
		clock_advance(m, 1000000);
	z->watermark_boost = 0;
	uint64_t runs = m->vm_event[EV_pageoutrun];
	(void)hand_alloc(m, GFP_KERNEL, 0);
	cr_expect_eq(z->watermark_boost, 512, "a pageblock");
	cr_expect(node_at(m, 0)->kswapd_woken);
	cr_expect(m->clock.nr_tasks);
	clock_advance(m, 1000000);
	cr_expect_eq(z->watermark_boost, 0);
	cr_expect_eq(m->vm_event[EV_pageoutrun], runs + 1);
	cr_expect(!m->clock.nr_tasks);
	m->sysctls.value[SYSCTL_watermark_boost_factor] = 0;
	for (int i = 0; i < 600; i++)
		(void)hand_alloc(m, GFP_KERNEL, 0);
	cr_expect_eq(z->watermark_boost, 0, "watermark_boost_factor 0 switches it off");
	hand_check(m);
	hand_destroy(m);
}

/* The boost stops at watermark_boost_factor of the high mark: 150% of 1200. */
Test(steal, the_boost_has_a_limit)
{
	struct hand h = {
		.nr_zones = 1, .zone = {{.type = ZONE_NORMAL, .pages = 16384, .min = 800}}};
	struct machine *m = hand_machine(&h);
	struct zone *z = zone_at(m, 0, ZONE_NORMAL);
	static uint64_t pfn[16384];
	uint64_t n = 0, most = 0;

	while (n < 16384 &&
		!alloc_pages_node(
			m, 0, -1, GFP_HIGHUSER_MOVABLE | __GFP_MEMALLOC | __GFP_NOWARN, 0, &pfn[n]))
		n++;
	for (uint64_t i = 0; i < n; i += 4)
		cr_assert_eq(free_pages_order(m, 0, pfn[i], 0), 0);
	for (int i = 0; i < 2000; i++) {
		uint64_t one;

		if (alloc_pages_node(m, 0, -1, GFP_KERNEL | __GFP_MEMALLOC | __GFP_NOWARN, 0, &one))
			break;
		most = z->watermark_boost > most ? z->watermark_boost : most;
	}
	cr_expect_eq(most, 1800);
	hand_destroy(m);
}

/* Normal above a DMA32: rather DMA32 than mixing types; only when both are mixed, mix. */
Test(steal, nofragment)
{
	struct hand h = {.nr_zones = 2,
		.zone = {{.type = ZONE_DMA32, .pages = 4096, .min = 8},
			{.type = ZONE_NORMAL, .start_pfn = 4096, .pages = 1024, .min = 8}}};
	struct machine *m = hand_machine(&h);
	struct zone *normal = zone_at(m, 0, ZONE_NORMAL);
	static uint64_t pfn[1024];
	uint64_t n = 0;

	/* All of Normal movable, every second page free. */
	while (n < 1024 &&
		!alloc_pages_node(m, 0, -1, GFP_HIGHUSER_MOVABLE | __GFP_MEMALLOC | __GFP_NOWARN, 0,
			&pfn[n]) &&
		pfn_zone(m, pfn[n]) == normal)
		n++;
	for (uint64_t i = 0; i < n; i += 2)
		cr_assert_eq(free_pages_order(m, 0, pfn[i], 0), 0);
	uint64_t got = hand_alloc(m, GFP_KERNEL, 0);
	cr_expect_eq(pfn_zone(m, got)->type, ZONE_DMA32);
	/* The same in a machine of one zone: mixing is all there is. */
	struct hand alone = {
		.nr_zones = 1, .zone = {{.type = ZONE_NORMAL, .pages = 1024, .min = 8}}};
	struct machine *m1 = hand_machine(&alone);
	n = 0;
	while (n < 1024 &&
		!alloc_pages_node(m1, 0, -1, GFP_HIGHUSER_MOVABLE | __GFP_MEMALLOC | __GFP_NOWARN,
			0, &pfn[n]))
		n++;
	for (uint64_t i = 0; i < n; i += 2)
		cr_assert_eq(free_pages_order(m1, 0, pfn[i], 0), 0);
	cr_expect_eq(alloc_pages_node(m1, 0, -1, GFP_KERNEL, 0, &got), 0);
	hand_destroy(m);
	hand_destroy(m1);
}

/* HighAtomic: 1% of a zone rounded up to a pageblock; given back when others would fail. */
Test(steal, highatomic)
{
	struct hand h = {
		.nr_zones = 1, .zone = {{.type = ZONE_NORMAL, .pages = 131072, .min = 800}}};
	struct machine *m = hand_machine(&h);
	struct zone *z = zone_at(m, 0, ZONE_NORMAL);
	uint64_t pfn;

	cr_expect_eq(alloc_pages_node(m, 0, -1, GFP_ATOMIC, 2, &pfn), 0);
	cr_expect_eq(z->nr_reserved_highatomic, 0, "only requests that needed the slow path");
	while (!alloc_pages_node(m, 0, -1, GFP_KERNEL | __GFP_NOWARN, 4, &pfn))
		;
	for (int i = 0; i < 3; i++)
		cr_expect_eq(
			alloc_pages_node(m, 0, -1, GFP_ATOMIC, 4, &pfn), 0, "%s", m->why.sentence);
	cr_expect_eq(z->nr_reserved_highatomic, 512, "the second and third came from the reserve");
	cr_expect_eq(blocks(m, MIGRATE_HIGHATOMIC), 1);
	hand_check(m);
	/* What a CPU's list serves does not look at the reserve, so it reserves anew: up to 1%, rounded up. */
	for (int i = 0; i < 20; i++)
		(void)alloc_pages_node(m, 0, -1, GFP_ATOMIC | __GFP_NOWARN, 2, &pfn);
	cr_expect_eq(z->nr_reserved_highatomic, 1536);
	hand_check(m);
	cr_expect_eq(alloc_pages_node(m, 0, -1, GFP_KERNEL | __GFP_NOWARN, 4, &pfn), -ENOMEM);
	for (unsigned order = 0; order < 11; order++)
		cr_expect_eq(zone_free_blocks(m, z, order, MIGRATE_HIGHATOMIC), 0,
			"before the failure every pageblock that had free pages was given back");
	cr_expect_lt(z->nr_reserved_highatomic, 1536);
	cr_expect_eq(z->nr_reserved_highatomic, 512 * blocks(m, MIGRATE_HIGHATOMIC));
	hand_check(m);
	hand_destroy(m);
	/* 1% of 4096 pages is less than a pageblock: none is kept. */
	m = plain(4096);
	while (!alloc_pages_node(m, 0, -1, GFP_KERNEL | __GFP_NOWARN, 4, &pfn))
		;
	(void)alloc_pages_node(m, 0, -1, GFP_ATOMIC, 1, &pfn);
	cr_expect_eq(zone_at(m, 0, ZONE_NORMAL)->nr_reserved_highatomic, 0);
	hand_destroy(m);
}

/* CMA first while it is more than half of what is free, then only when nothing else is left. */
Test(steal, cma_first_above_half)
{
	struct hand h = {.cma = true,
		.nr_zones = 1,
		.zone = {{.type = ZONE_NORMAL, .pages = 4096, .cma_pfn = 2048, .cma_pages = 2048}}};
	struct machine *m = hand_machine(&h);
	struct zone *z = zone_at(m, 0, ZONE_NORMAL);

	cr_expect_lt(hand_alloc(m, GFP_HIGHUSER_MOVABLE, 4), 2048, "half is not more than half");
	cr_expect_geq(hand_alloc(m, GFP_HIGHUSER_MOVABLE, 4), 2048);
	cr_expect_lt(hand_alloc(m, GFP_HIGHUSER_MOVABLE, 4), 2048);
	uint64_t pfn;
	while (!alloc_pages_node(m, 0, -1, GFP_HIGHUSER_MOVABLE | __GFP_NOWARN, 4, &pfn))
		;
	cr_expect_eq(z->free_pages, 0);
	hand_check(m);
	hand_destroy(m);
}

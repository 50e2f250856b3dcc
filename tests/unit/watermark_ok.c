/* SPDX-License-Identifier: MIT
 *
 * Claim: how far each kind of request may empty a zone. min is 400, low 500; 4096 pages, no per-CPU lists.
 *
 *	GFP_KERNEL      stops above min (it enters the slow path below low)          400
 *	__GFP_HIGH      half of min                                                  200
 *	GFP_ATOMIC      and a quarter off that                                       150
 *	GFP_NOWAIT      cannot wait, but is not important: min                       400
 *	__GFP_MEMALLOC  everything                                                   0
 */
#include "support/hand.h"

#include "mm/page/frame.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static struct machine *guarded(bool cma)
{
	struct hand h = {.nr_zones = 1,
		.cma = cma,
		.zone = {{.type = ZONE_NORMAL, .pages = 4096, .min = 400}}};

	if (cma) {
		h.zone[0].cma_pfn = 2048;
		h.zone[0].cma_pages = 1024;
	}
	return hand_machine(&h);
}

static uint64_t exhaust(struct machine *m, gfp_t gfp, unsigned order)
{
	uint64_t pfn, nr = 0;

	while (!alloc_pages_node(m, 0, -1, gfp, order, &pfn))
		nr++;
	return nr;
}

Test(watermark_ok, who_may_dip_how_deep)
{
	static const struct {
		gfp_t gfp;
		uint64_t left;
	} rows[] = {{GFP_KERNEL, 400}, {GFP_KERNEL | __GFP_HIGH, 200}, {GFP_ATOMIC, 150},
		{GFP_NOWAIT, 400}, {GFP_KERNEL | __GFP_MEMALLOC, 0},
		{GFP_KERNEL | __GFP_MEMALLOC | __GFP_NOMEMALLOC, 400},
		{GFP_ATOMIC | __GFP_NOMEMALLOC, 200}, {GFP_KERNEL | __GFP_NOFAIL, 200}};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct machine *m = guarded(false);
		struct zone *z = zone_at(m, 0, ZONE_NORMAL);

		(void)exhaust(m, rows[i].gfp | __GFP_NOWARN, 0);
		cr_expect_eq(z->free_pages, rows[i].left, "row %u: %llu left", i,
			(unsigned long long)z->free_pages);
		hand_check(m);
		hand_destroy(m);
	}
}

/* A request that prefers a higher zone must leave lowmem_reserve to those that cannot. */
Test(watermark_ok, lowmem_reserve)
{
	struct hand h = {.nr_zones = 2,
		.zone = {{.type = ZONE_DMA,
				 .pages = 1024,
				 .min = 16,
				 .lowmem_reserve = {[ZONE_NORMAL] = 300, [ZONE_MOVABLE] = 300}},
			{.type = ZONE_NORMAL, .start_pfn = 1024, .pages = 1024, .min = 16}}};
	struct machine *m = hand_machine(&h);
	struct zone *dma = zone_at(m, 0, ZONE_DMA);

	(void)exhaust(m, GFP_KERNEL | __GFP_NOWARN, 0);
	cr_expect_eq(zone_at(m, 0, ZONE_NORMAL)->free_pages, 16);
	cr_expect_eq(dma->free_pages, 316);
	(void)exhaust(m, GFP_KERNEL | __GFP_DMA | __GFP_NOWARN, 0);
	cr_expect_eq(dma->free_pages, 16, "requests for DMA itself have no reserve to respect");
	hand_check(m);
	hand_destroy(m);
}

/* Free CMA pages are no help to those who may not have them. */
Test(watermark_ok, cma)
{
	struct machine *m = guarded(true);
	struct zone *z = zone_at(m, 0, ZONE_NORMAL);

	(void)exhaust(m, GFP_KERNEL | __GFP_NOWARN, 0);
	cr_expect_eq(z->free_pages, 400 + 1024);
	cr_expect_eq(z->free_cma_pages, 1024);
	(void)exhaust(m, GFP_HIGHUSER_MOVABLE | __GFP_NOWARN, 0);
	cr_expect_eq(z->free_pages, 400);
	cr_expect_eq(z->free_cma_pages, 0);
	hand_check(m);
	hand_destroy(m);
}

/* Enough pages, but none of them side by side. */
Test(watermark_ok, order)
{
	struct machine *m = guarded(false);
	struct zone *z = zone_at(m, 0, ZONE_NORMAL);
	static uint64_t pfn[4097];
	uint64_t n = 0;

	while (!alloc_pages_node(m, 0, -1, GFP_KERNEL | __GFP_MEMALLOC | __GFP_NOWARN, 0, &pfn[n]))
		n++;
	for (uint64_t i = 0; i < n; i += 2)
		cr_assert_eq(free_pages_order(m, 0, pfn[i], 0), 0);
	cr_expect_eq(z->free_pages, 2048);
	uint64_t one;
	cr_expect_eq(alloc_pages_node(m, 0, -1, GFP_KERNEL, 0, &one), 0);
	cr_expect_eq(alloc_pages_node(m, 0, -1, GFP_KERNEL, 1, &one), -ENOMEM);
	cr_expect(strstr(m->why.sentence, "smaller blocks"), "%s", m->why.sentence);
	cr_expect_eq(extfrag_index(m, z, 0), -1000);
	cr_expect_gt(extfrag_index(m, z, 1), 0);
	cr_expect_eq(unusable_index(m, z, 1), 1000);
	cr_expect_eq(unusable_index(m, z, 0), 0);
	hand_destroy(m);
}

/* The boost raises every mark, except for atomic requests for one page. */
Test(watermark_ok, boost)
{
	struct machine *m = guarded(false);
	struct zone *z = zone_at(m, 0, ZONE_NORMAL);

	z->watermark_boost = 1000;
	(void)exhaust(m, (GFP_KERNEL & ~__GFP_KSWAPD_RECLAIM) | __GFP_NOWARN, 0);
	cr_expect_eq(z->free_pages, 1400);
	(void)exhaust(m, (GFP_ATOMIC & ~__GFP_KSWAPD_RECLAIM) | __GFP_NOWARN, 0);
	cr_expect_eq(z->free_pages, 150);
	hand_destroy(m);
}

/* The failure is in the log in the kernel's words, at most once in ten seconds. */
Test(watermark_ok, failure_report)
{
	struct machine *m = guarded(false);

	(void)exhaust(m, GFP_KERNEL | __GFP_ZERO, 0);
	const char *log = hand_log(m);
	cr_expect(strstr(log, "simmfs: page allocation failure: order:0, "
			      "mode:0xdc0(GFP_KERNEL|__GFP_ZERO), nodemask=(null)"),
		"%s", log);
	cr_expect(strstr(log, "Normal free:1600kB boost:0kB min:1600kB low:2000kB high:2400kB"),
		"%s", log);
	cr_expect(strstr(log, "= 1600kB"), "%s", log);
	uint64_t len = strlen(log), pfn;
	cr_expect_eq(alloc_pages_node(m, 0, -1, GFP_KERNEL, 0, &pfn), -ENOMEM);
	cr_expect_eq(strlen(hand_log(m)), len);
	clock_advance(m, UINT64_C(11000000000));
	cr_expect_eq(alloc_pages_node(m, 0, -1, GFP_KERNEL, 0, &pfn), -ENOMEM);
	cr_expect_gt(strlen(hand_log(m)), len);
	hand_destroy(m);
}

/* Nodes: the preferred one first, its zones from the highest; THISNODE means it. */
Test(watermark_ok, nodes)
{
	struct hand h = {.nodes = 2,
		.cpus = 2,
		.nr_zones = 3,
		.zone = {{.type = ZONE_DMA, .pages = 1024, .min = 8},
			{.type = ZONE_NORMAL, .start_pfn = 1024, .pages = 1024, .min = 8},
			{.nid = 1,
				.type = ZONE_NORMAL,
				.start_pfn = 2048,
				.pages = 1024,
				.min = 8}}};
	struct machine *m = hand_machine(&h);
	struct zone *n0 = zone_at(m, 0, ZONE_NORMAL), *n1 = zone_at(m, 1, ZONE_NORMAL),
		    *dma = zone_at(m, 0, ZONE_DMA);
	uint64_t pfn;

	cr_expect_eq(alloc_pages_node(m, 0, 1, GFP_KERNEL, 0, &pfn), 0);
	cr_expect_eq(pfn_zone(m, pfn), n1);
	cr_expect_eq(n1->numa_stat[NS_numa_hit], 1);
	cr_expect_eq(n1->numa_stat[NS_numa_other], 1, "CPU 0 is of node 0");
	cr_expect_eq(alloc_pages_node(m, 1, -1, GFP_KERNEL, 0, &pfn), 0);
	cr_expect_eq(pfn_zone(m, pfn), n1, "CPU 1's own node");
	cr_expect_eq(n1->numa_stat[NS_numa_local], 1);
	while (!alloc_pages_node(m, 1, 1, GFP_KERNEL | __GFP_THISNODE | __GFP_NOWARN, 0, &pfn))
		cr_assert_eq(pfn_zone(m, pfn), n1);
	cr_expect_eq(n1->free_pages, 8);
	cr_expect_eq(alloc_pages_node(m, 1, 1, GFP_KERNEL, 0, &pfn), 0);
	cr_expect_eq(pfn_zone(m, pfn), n0);
	cr_expect_eq(n0->numa_stat[NS_numa_miss], 1);
	cr_expect_eq(n1->numa_stat[NS_numa_foreign], 1);
	while (!alloc_pages_node(m, 1, 1, GFP_KERNEL | __GFP_NOWARN, 0, &pfn))
		;
	cr_expect_eq(dma->free_pages, 8);
	cr_expect_eq(alloc_pages_node(m, 0, 2, GFP_KERNEL, 0, &pfn), -EINVAL);
	hand_check(m);
	hand_destroy(m);
}

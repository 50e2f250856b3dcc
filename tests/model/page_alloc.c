/* SPDX-License-Identifier: MIT
 *
 * Seeded random programs against the page allocator and a dumb model of it.
 *
 * The model knows only who holds each page: one byte a page (0 free, else reserved or held) and a list of allocations. It
 * knows no orders, lists or types, so it cannot share a mistake with the allocator. After each act it asks:
 *
 *	were all pages of the allocation free, in a zone that the flags allow, aligned to their order?
 *	is the number of free pages (free, isolated, on CPUs' lists) what is not held?
 *	did a wrong free get EINVAL and change nothing?
 *
 * and now and then runs page_alloc_check() and looks at each frame. One act breaks the model on purpose; a program with it
 * must be noticed, which proves that the test can fail.
 */
#include "support/hand.h"
#include "support/model.h"

#include "base/text.h"
#include "mm/page/buddy.h"

#include <criterion/criterion.h>
#include <criterion/logging.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_HELD = 4096 };

struct held {
	uint64_t pfn;
	unsigned order, refs;
	bool compound;
};

struct model {
	struct machine *m;
	struct model_run run;
	uint64_t base_pfn, pages;
	uint8_t *taken;
	uint64_t nr_taken;
	struct held held[MAX_HELD];
	unsigned nr;
};

static void take(struct model *x, uint64_t pfn, uint64_t pages)
{
	for (uint64_t i = 0; i < pages; i++) {
		expect(x, !x->taken[pfn + i - x->base_pfn]);
		x->taken[pfn + i - x->base_pfn] = 1;
	}
	x->nr_taken += pages;
}

static void give(struct model *x, uint64_t pfn, uint64_t pages)
{
	for (uint64_t i = 0; i < pages; i++) {
		expect(x, x->taken[pfn + i - x->base_pfn]);
		x->taken[pfn + i - x->base_pfn] = 0;
	}
	x->nr_taken -= pages;
}

static gfp_t random_gfp(struct model *x)
{
	static const gfp_t base[] = {GFP_KERNEL, GFP_HIGHUSER_MOVABLE,
		GFP_KERNEL | __GFP_RECLAIMABLE, GFP_ATOMIC, GFP_NOWAIT, GFP_KERNEL | __GFP_DMA,
		GFP_HIGHUSER, GFP_USER | __GFP_DMA32, GFP_KERNEL | __GFP_MEMALLOC};
	gfp_t gfp = base[dice(x, sizeof(base) / sizeof(base[0]))] | __GFP_NOWARN;

	if (!dice(x, 4))
		gfp |= __GFP_COMP;
	if (!dice(x, 16))
		gfp |= __GFP_THISNODE;
	return gfp;
}

static void hold(struct model *x, uint64_t pfn, unsigned order, bool compound)
{
	take(x, pfn, (uint64_t)1 << order);
	x->held[x->nr++] =
		(struct held){.pfn = pfn, .order = order, .refs = 1, .compound = compound && order};
}

static void do_alloc(struct model *x)
{
	gfp_t gfp = random_gfp(x);
	unsigned order = dice(x, 3) ? dice(x, 4) : dice(x, x->m->nr_orders);
	int nid = (int)dice(x, x->m->nr_nodes + 1) - 1;
	uint64_t pfn;

	if (x->nr == MAX_HELD)
		return;
	int err = alloc_pages_node(x->m, dice(x, x->m->nr_cpus), nid, gfp, order, &pfn);
	if (err) {
		expect(x, err == -ENOMEM);
		return;
	}
	expect(x, !(pfn & (((uint64_t)1 << order) - 1)));
	const struct zone *z = pfn_zone(x->m, pfn);
	expect(x, z && z == pfn_zone(x->m, pfn + ((uint64_t)1 << order) - 1));
	expect(x, z && z->type <= gfp_zone(x->m, gfp));
	expect(x, z && (!(gfp & __GFP_THISNODE) || nid < 0 || z->nid == (unsigned)nid));
	hold(x, pfn, order, gfp & __GFP_COMP);
}

static void forget(struct model *x, unsigned i)
{
	x->held[i] = x->held[--x->nr];
}

static void do_free(struct model *x)
{
	if (!x->nr)
		return;
	unsigned i = dice(x, x->nr);
	struct held *h = &x->held[i];
	uint64_t pages = (uint64_t)1 << h->order;

	expect(x, !free_pages_order(x->m, dice(x, x->m->nr_cpus), h->pfn, h->order));
	if (--h->refs == 0) {
		give(x, h->pfn, pages);
		forget(x, i);
	} else if (!h->compound) {
		/* The other holders keep the first page. */
		give(x, h->pfn + 1, pages - 1);
		h->order = 0;
	}
}

static void do_get(struct model *x)
{
	if (!x->nr)
		return;
	struct held *h = &x->held[dice(x, x->nr)];
	uint64_t pfn = h->compound ? h->pfn + dice(x, 1u << h->order) : h->pfn;

	expect(x, !get_page(x->m, pfn));
	h->refs++;
}

static void do_put(struct model *x)
{
	if (!x->nr)
		return;
	unsigned i = dice(x, x->nr);
	struct held *h = &x->held[i];
	bool leak = h->refs == 1 && h->order && !h->compound;

	int err = put_page(x->m, 0, h->pfn);
	expect(x, err == (leak ? -EINVAL : 0));
	if (leak || --h->refs)
		return;
	give(x, h->pfn, (uint64_t)1 << h->order);
	forget(x, i);
}

/* Some free that is wrong: nothing may change. */
static void do_wrong(struct model *x)
{
	uint64_t at = dice(x, (unsigned)x->pages), pfn = x->base_pfn + at;

	if (!x->taken[at]) {
		expect(x, free_pages_order(x->m, 0, pfn, 0) == -EINVAL);
		expect(x, put_page(x->m, 0, pfn) == -EINVAL);
	}
	if (!x->nr)
		return;
	const struct held *h = &x->held[dice(x, x->nr)];
	expect(x, free_pages_order(x->m, 0, h->pfn, h->order + 1) == -EINVAL);
	if (h->order)
		expect(x, free_pages_order(x->m, 0, h->pfn + 1, 0) == -EINVAL);
}

static void do_split(struct model *x)
{
	if (!x->nr)
		return;
	unsigned i = dice(x, x->nr);
	struct held h = x->held[i];

	if (h.order > 4 || x->nr + (1u << h.order) > MAX_HELD)
		return;
	int err = split_page(x->m, h.pfn);
	expect(x, err == (h.compound ? -EINVAL : 0));
	if (err || !h.order)
		return;
	x->held[i].order = 0;
	for (uint64_t k = 1; k < (uint64_t)1 << h.order; k++)
		x->held[x->nr++] = (struct held){.pfn = h.pfn + k, .refs = 1};
}

static void do_exact(struct model *x)
{
	uint64_t pages = 1 + dice(x, 40), pfn;

	if (x->nr + pages > MAX_HELD ||
		alloc_pages_exact(x->m, 0, GFP_KERNEL | __GFP_NOWARN, pages * PAGE_BYTES, &pfn))
		return;
	for (uint64_t i = 0; i < pages; i++)
		hold(x, pfn + i, 0, false);
}

static void do_bulk(struct model *x)
{
	uint64_t pfn[64], n = 1 + dice(x, 64);

	if (x->nr + n > MAX_HELD)
		return;
	n = alloc_pages_bulk(
		x->m, dice(x, x->m->nr_cpus), -1, GFP_HIGHUSER_MOVABLE | __GFP_NOWARN, n, pfn);
	for (uint64_t i = 0; i < n; i++)
		hold(x, pfn[i], 0, false);
}

static void do_isolate(struct model *x)
{
	uint64_t pfn = x->base_pfn + dice(x, (unsigned)x->pages);
	enum migratetype type = pageblock_type(x->m, pfn);

	if (!pfn_zone(x->m, pfn))
		return;
	if (type == MIGRATE_ISOLATE)
		expect(x, !pageblock_unisolate(x->m, pfn, MIGRATE_MOVABLE));
	else if (type < MIGRATE_PCPTYPES) {
		uint64_t mask = (1u << x->m->pageblock_order) - 1;
		const struct zone *z = pfn_zone(x->m, pfn);
		struct frame f = frame_peek(x->m, pfn & ~mask);
		bool beyond = f.order > x->m->pageblock_order && !(f.flags & FRAME_BUDDY);
		bool inside = (pfn & ~mask) >= z->start_pfn && (pfn | mask) < zone_end_pfn(z);

		expect(x, pageblock_isolate(x->m, pfn) == (!inside	   ? -EINVAL
								  : beyond ? -EBUSY
									   : 0));
	}
}

/* Copies of a machine are the same machine: go on with one, after the other was asked the same. */
static void do_copy(struct model *x)
{
	struct machine *copy = hand_copy(x->m);
	uint64_t one = 0, two = 0;

	int first = alloc_pages_node(x->m, 0, -1, GFP_KERNEL | __GFP_NOWARN, 2, &one);
	int second = alloc_pages_node(copy, 0, -1, GFP_KERNEL | __GFP_NOWARN, 2, &two);
	expect(x, first == second && (first || one == two));
	if (!first)
		expect(x, !free_pages_order(x->m, 0, one, 2));
	if (!second)
		expect(x, !free_pages_order(copy, 0, two, 2));
	hand_destroy(x->m);
	x->m = copy;
}

static void compare(struct model *x, bool whole)
{
	struct machine *m = x->m;
	uint64_t free = 0;

	for (const struct zone *z = zone_next(m, NULL); z; z = zone_next(m, z)) {
		free += z->free_pages + z->nr_isolated_pages;
		for (unsigned cpu = 0; cpu < m->nr_cpus; cpu++)
			free += zone_pcp(m, z, cpu)->count;
	}
	expect(x, free == x->pages - x->nr_taken);
	if (!whole)
		return;
	for (uint64_t i = 0; i < x->pages; i++) {
		struct frame f = frame_peek(m, x->base_pfn + i);

		expect(x, x->taken[i] == !(f.flags & (FRAME_BUDDY | FRAME_PCP)));
	}
	struct text out;
	text_init(&out);
	unsigned found = page_alloc_check(m, &out);
	if (found)
		cr_log_error("%s", text_str(&out));
	expect(x, !found);
	text_finish(&out);
}

/* Returns the number of disagreements. @break_at: the step at which the model is broken, 0 for never. */
static unsigned run(const struct hand *h, uint64_t seed, unsigned steps, unsigned break_at)
{
	static struct model x;

	x = (struct model){.m = hand_machine(h), .run = {.rng = {seed}}};
	x.base_pfn = x.m->base_pfn;
	x.pages = x.m->frames_end_pfn - x.base_pfn;
	x.taken = calloc(x.pages, 1);
	for (uint64_t i = 0; i < x.pages; i++) {
		x.taken[i] = !!(frame_peek(x.m, x.base_pfn + i).flags & FRAME_RESERVED);
		x.nr_taken += x.taken[i];
	}
	for (unsigned step = 1; step <= steps; step++) {
		unsigned act = dice(&x, 100);

		if (act < 46)
			do_alloc(&x);
		else if (act < 82)
			do_free(&x);
		else if (act < 86)
			do_get(&x);
		else if (act < 90)
			do_put(&x);
		else if (act < 93)
			do_wrong(&x);
		else if (act < 95)
			do_split(&x);
		else if (act < 96)
			do_exact(&x);
		else if (act < 97)
			do_bulk(&x);
		else if (act < 98)
			do_isolate(&x);
		else if (act == 98)
			drain_all_pages(x.m, NULL);
		else if (!dice(&x, 8))
			do_copy(&x);
		if (step == break_at)
			x.nr_taken++;
		compare(&x, step % 500 == 0);
		clock_advance(x.m, 1000);
	}
	while (x.nr && !break_at)
		do_free(&x);
	compare(&x, true);
	free(x.taken);
	hand_destroy(x.m);
	if (x.run.wrong && !break_at)
		cr_log_error("line %d, %u disagreements", x.run.first_line, x.run.wrong);
	return x.run.wrong;
}

static const struct hand shapes[] = {
	{.nr_zones = 1,
		.zone = {{.type = ZONE_NORMAL,
			.pages = 8192,
			.min = 64,
			.pcp_high = 200,
			.pcp_batch = 15}}},
	{.cpus = 2,
		.thp = true,
		.cma = true,
		.nr_zones = 3,
		.zone = {{.type = ZONE_DMA,
				 .start_pfn = 1,
				 .pages = 4095,
				 .min = 16,
				 .lowmem_reserve = {[ZONE_NORMAL] = 64, [ZONE_HIGHMEM] = 64}},
			{.type = ZONE_NORMAL,
				.start_pfn = 4096,
				.pages = 0x17fe,
				.min = 64,
				.pcp_high = 120,
				.pcp_batch = 7,
				.reserved_pfn = 5000,
				.reserved_pages = 77},
			{.type = ZONE_HIGHMEM,
				.start_pfn = 0x27fe,
				.pages = 0x1802,
				.min = 32,
				.cma_pfn = 0x3000,
				.cma_pages = 2048,
				.pcp_high = 90,
				.pcp_batch = 3}}},
	{.cpus = 4,
		.nodes = 2,
		.nr_zones = 3,
		.zone = {{.type = ZONE_DMA32,
				 .pages = 4096,
				 .min = 32,
				 .pcp_high = 60,
				 .pcp_batch = 3},
			{.type = ZONE_NORMAL,
				.start_pfn = 4096,
				.pages = 4096,
				.min = 32,
				.hole_pfn = 6000,
				.hole_pages = 100,
				.pcp_high = 60,
				.pcp_batch = 3},
			{.nid = 1,
				.type = ZONE_NORMAL,
				.start_pfn = 8192,
				.pages = 4096,
				.min = 32,
				.pcp_high = 60,
				.pcp_batch = 3}}},
	{.orders = 12,
		.pageblock_order = 11,
		.nr_zones = 1,
		.zone = {{.type = ZONE_NORMAL, .pages = 16384, .min = 64, .pcp_batch = 1}}},
};

Test(page_alloc, agrees_with_the_model)
{
	for (unsigned i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		for (uint64_t seed = 1; seed <= 3; seed++)
			cr_expect_eq(run(&shapes[i], seed * 1000 + i, 6000, 0), 0,
				"shape %u seed %llu", i, (unsigned long long)seed);
}

Test(page_alloc, a_broken_model_is_noticed)
{
	for (unsigned i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		cr_expect_gt(run(&shapes[i], 5 + i, 300, 100), 0, "shape %u", i);
}

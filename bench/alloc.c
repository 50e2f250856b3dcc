/* SPDX-License-Identifier: MIT
 *
 * The page allocator against glibc's malloc, in one run: ratios, since machines differ.
 *
 *	random pair   200,000 blocks are held; free one of them, any alike, and allocate another
 *	hot pair      allocate and free the same one
 *
 *	boot          a PC with 1 TiB of RAM, from its description to a machine that can allocate
 *
 * The allocator does its whole work: zones, migratetypes, watermarks, counters, the clock. Each figure is the best of
 * several rounds that alternate between the two.
 */
#include "support/hand.h"

#include "base/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* malloc is measured with as many blocks live, and with a million: the figure that ratios to it were derived from. */
enum { LIVE = 200000, MANY = 1000000, PAIRS = 2000000, ROUNDS = 5 };

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* 8 GiB, two zones, as a PC has them. */
static struct machine *machine(void)
{
	struct hand h = {.nr_zones = 2,
		.thp = true,
		.zone = {{.type = ZONE_DMA32,
				 .start_pfn = 4096,
				 .pages = 1044480,
				 .min = 5632,
				 .lowmem_reserve = {[ZONE_NORMAL] = 4096, [ZONE_MOVABLE] = 4096},
				 .pcp_high = 7000,
				 .pcp_batch = 63},
			{.type = ZONE_NORMAL,
				.start_pfn = 1048576,
				.pages = 1048576,
				.min = 5632,
				.pcp_high = 7000,
				.pcp_batch = 63}}};

	return hand_machine(&h);
}

static double random_pair(struct machine *m, uint32_t *held, struct rng *rng)
{
	uint64_t start = now_ns();

	for (int i = 0; i < PAIRS; i++) {
		uint32_t *p = &held[rng_below(rng, LIVE)];
		uint64_t pfn;

		if (free_pages_order(m, 0, *p, 0) ||
			alloc_pages_node(m, 0, -1, GFP_KERNEL, 0, &pfn))
			abort();
		*p = (uint32_t)pfn;
	}
	return (double)(now_ns() - start) / PAIRS;
}

static double random_pair_malloc(void **block, uint32_t live, struct rng *rng)
{
	uint64_t start = now_ns();

	for (int i = 0; i < PAIRS; i++) {
		void **p = &block[rng_below(rng, live)];

		free(*p);
		*p = malloc(4096);
		if (!*p)
			abort();
	}
	return (double)(now_ns() - start) / PAIRS;
}

static double hot_pair(struct machine *m)
{
	uint64_t start = now_ns(), pfn;

	for (int i = 0; i < PAIRS; i++)
		if (alloc_pages_node(m, 0, -1, GFP_KERNEL, 0, &pfn) ||
			free_pages_order(m, 0, pfn, 0))
			abort();
	return (double)(now_ns() - start) / PAIRS;
}

/* Orders above the per-CPU lists' go through the free lists: split and merge each time. */
static double buddy_pair(struct machine *m)
{
	uint64_t start = now_ns(), pfn;

	for (int i = 0; i < PAIRS; i++)
		if (alloc_pages_node(m, 0, -1, GFP_KERNEL, 4, &pfn) ||
			free_pages_order(m, 0, pfn, 4))
			abort();
	return (double)(now_ns() - start) / PAIRS;
}

static void boot_a_tebibyte(void)
{
	static struct machine_desc desc;
	struct refusal why;
	struct machine *m;
	double best = 1e9;
	uint64_t touched = 0;

	if (describe_fdt(&desc, preset_find("pc-x86_64")->fdt, &why) ||
		describe_option(&desc, "ram", "1T", &why) || describe_finish(&desc, &why))
		abort();
	for (int round = 0; round < 2 * ROUNDS; round++) {
		uint64_t start = now_ns();

		if (machine_create(&desc, &m, &why))
			abort();
		double ms = (double)(now_ns() - start) / 1e6;
		best = ms < best ? ms : best;
		touched = m->arena.touched_pages;
		machine_destroy(m);
	}
	printf("boot of 1 TiB: %.2f ms (target 5), %.2f MiB (target 8)\n", best,
		(double)touched / 256);
}

int main(void)
{
	static uint32_t held[LIVE];
	static void *block[MANY];
	struct machine *m = machine();
	struct rng rng = {1};
	double ours = 1e9, peer = 1e9, many = 1e9, hot = 1e9, buddy = 1e9, t;

	for (int i = 0; i < LIVE; i++) {
		held[i] = (uint32_t)hand_alloc(m, GFP_KERNEL, 0);
		block[i] = malloc(4096);
	}
	for (int round = 0; round < ROUNDS; round++) {
		ours = (t = random_pair(m, held, &rng)) < ours ? t : ours;
		peer = (t = random_pair_malloc(block, LIVE, &rng)) < peer ? t : peer;
		hot = (t = hot_pair(m)) < hot ? t : hot;
		buddy = (t = buddy_pair(m)) < buddy ? t : buddy;
	}
	hand_check(m);
	for (int i = LIVE; i < MANY; i++)
		block[i] = malloc(4096);
	for (int round = 0; round < ROUNDS; round++) {
		many = (t = random_pair_malloc(block, MANY, &rng)) < many ? t : many;
		ours = (t = random_pair(m, held, &rng)) < ours ? t : ours;
	}
	printf("random pair, order 0, %d live: %.1f ns; glibc malloc(4096): %.1f ns, %d live: "
	       "%.1f ns; ratios %.3f, %.3f (target 0.13)\n",
		LIVE, ours, peer, MANY, many, ours / peer, ours / many);
	printf("hot pair, order 0: %.1f ns (target 30)\n", hot);
	printf("hot pair, order 4, split and merged: %.1f ns\n", buddy);
	hand_destroy(m);
	boot_a_tebibyte();
	return 0;
}

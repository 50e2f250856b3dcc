/* SPDX-License-Identifier: MIT
 *
 * Random programs over several caches, CPUs and nodes against a model that is only a list of what is held.
 *
 *	alloc, alloc on a node, bulk     the new object overlaps none that is held, is aligned, lies in RAM of one slab
 *	write                            its bytes are filled with a pattern of its own
 *	free, bulk, krealloc             from any CPU; the pattern must still be there
 *	shrink, create, destroy          nothing held is touched; a cache with objects is not destroyed
 *	page allocations fail            in one of eight acts: the act is refused and nothing held is touched
 *
 * After every 64 acts slab_check() and the page allocator's check run; at the end all is freed, shrunk, and the slab
 * counters are what they were.
 */
#include "support/hand.h"

#include "base/text.h"
#include "mm/page/contents.h"
#include "mm/slab/slab.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { CPUS = 4, NODES = 2, CACHES = 9, HELD = 3000, ACTS = 12000 };

struct held {
	uint64_t address, bytes;
	uint32_t cache; /* 0: kmalloc's */
	uint8_t pattern;
};

struct model {
	struct machine *m;
	struct rng rng;
	uint32_t cache[CACHES];
	struct held held[HELD];
	unsigned nr, failures, refused;
};

static unsigned dice(struct model *x, unsigned sides)
{
	return rng_below(&x->rng, sides);
}

static uint64_t pa_of(struct model *x, uint64_t address)
{
	struct slab_place p;

	cr_assert(
		slab_find(x->m, address, &p), "0x%llx is in no slab", (unsigned long long)address);
	cr_assert(p.holder != HOLDER_NONE && p.start == address, "0x%llx is no allocated object",
		(unsigned long long)address);
	return (p.pfn << PAGE_SHIFT) +
	       (p.cache ? p.cache->red_left_pad + (uint64_t)p.index * p.cache->size : 0);
}

static void fill(struct model *x, const struct held *h)
{
	struct dram d = machine_dram(x->m);
	char buf[16384];

	memset(buf, h->pattern, h->bytes);
	cr_assert_eq(dram_write(&d, pa_of(x, h->address), buf, h->bytes, &x->m->why), 0);
}

static void look(struct model *x, const struct held *h)
{
	struct dram d = machine_dram(x->m);
	char buf[16384];

	cr_assert_eq(dram_read(&d, pa_of(x, h->address), buf, h->bytes), 0);
	for (uint64_t i = 0; i < h->bytes; i++)
		cr_assert_eq((uint8_t)buf[i], h->pattern, "byte %llu of 0x%llx",
			(unsigned long long)i, (unsigned long long)h->address);
}

static void hold(struct model *x, uint64_t address, uint64_t bytes, uint32_t cache)
{
	for (unsigned i = 0; i < x->nr; i++)
		cr_assert(address + bytes <= x->held[i].address ||
				  x->held[i].address + x->held[i].bytes <= address,
			"0x%llx is given out twice", (unsigned long long)address);
	cr_assert_eq(address % 8, 0);
	x->held[x->nr] = (struct held){address, bytes, cache, (uint8_t)(1 + dice(x, 255))};
	fill(x, &x->held[x->nr++]);
}

static struct held drop(struct model *x, unsigned i)
{
	struct held h = x->held[i];

	look(x, &h);
	x->held[i] = x->held[--x->nr];
	return h;
}

static void arm(struct model *x)
{
	x->m->fail_page_alloc.probability = 0;
	if (!dice(x, 8))
		x->m->fail_page_alloc = (struct fault_inject){
			.probability = 100, .interval = 1, .times = -1, .space = dice(x, 3)};
}

/* Was the act refused for want of memory? */
static bool starved(struct model *x, int err)
{
	bool armed = x->m->fail_page_alloc.probability;

	x->m->fail_page_alloc.probability = 0;
	if (!err)
		return false;
	cr_assert_eq(err, -ENOMEM, "%d: %s", err, x->m->why.sentence);
	cr_assert(armed);
	x->failures++;
	return true;
}

static void act_alloc(struct model *x)
{
	uint32_t id = x->cache[dice(x, CACHES)];
	struct kmem_cache *s = kmem_cache_get(x->m, id);
	int nid = dice(x, 3) ? -1 : (int)dice(x, NODES);
	uint64_t address;

	if (!s || x->nr == HELD)
		return;
	arm(x);
	if (starved(x,
		    slab_alloc(x->m, dice(x, CPUS), s, GFP_KERNEL | __GFP_NOWARN, nid, &address)))
		return;
	cr_assert_eq((address % s->align), 0);
	hold(x, address, s->object_size, id);
}

static void act_bulk(struct model *x)
{
	uint32_t id = x->cache[dice(x, CACHES)];
	struct kmem_cache *s = kmem_cache_get(x->m, id);
	uint64_t address[40];
	unsigned n = 1 + dice(x, 40), cpu = dice(x, CPUS);

	if (!s || x->nr + n > HELD)
		return;
	arm(x);
	if (starved(x, slab_alloc_bulk(x->m, cpu, s, GFP_KERNEL | __GFP_NOWARN, n, address)))
		return;
	for (unsigned i = 0; i < n; i++)
		hold(x, address[i], s->object_size, id);
	if (dice(x, 2))
		return;
	for (unsigned i = 0; i < n; i++)
		drop(x, x->nr - 1);
	slab_free_bulk(x->m, dice(x, CPUS), s, n, address);
}

static void act_kmalloc(struct model *x)
{
	uint64_t bytes = 1 + dice(x, dice(x, 4) ? 300 : 16000), address;

	if (x->nr == HELD)
		return;
	arm(x);
	if (!starved(x,
		    kmalloc(x->m, dice(x, CPUS), bytes, GFP_KERNEL | __GFP_NOWARN, -1, &address)))
		hold(x, address, bytes, 0);
}

static void act_krealloc(struct model *x)
{
	uint64_t bytes = 1 + dice(x, 9000), address;

	if (!x->nr)
		return;
	unsigned i = dice(x, x->nr);
	struct held *h = &x->held[i];

	if (h->cache)
		return;
	arm(x);
	int err = krealloc(
		x->m, dice(x, CPUS), h->address, bytes, GFP_KERNEL | __GFP_NOWARN, &address);
	if (starved(x, err)) {
		look(x, h);
		return;
	}
	struct held now = *h;

	now.address = address;
	now.bytes = h->bytes < bytes ? h->bytes : bytes;
	x->held[i] = x->held[--x->nr];
	look(x, &now);
	hold(x, address, bytes, 0);
}

static void act_free(struct model *x)
{
	struct kmem_cache *from;

	if (!x->nr)
		return;
	struct held h = drop(x, dice(x, x->nr));
	unsigned cpu = dice(x, CPUS);

	if (h.cache && dice(x, 2))
		cr_assert_eq(kmem_cache_free_checked(
				     x->m, cpu, kmem_cache_get(x->m, h.cache), h.address, &from),
			0);
	else
		cr_assert_eq(kfree(x->m, cpu, h.address), 0, "%s", x->m->why.sentence);
	/* Once is enough. */
	if (!dice(x, 8)) {
		cr_assert_eq(kfree(x->m, cpu, h.address), -EINVAL);
		x->refused++;
	}
}

static void act_cache(struct model *x)
{
	unsigned i = dice(x, CACHES);
	struct kmem_cache *s = kmem_cache_get(x->m, x->cache[i]);
	bool used = false;

	if (!s)
		return;
	if (dice(x, 2)) {
		kmem_cache_shrink(x->m, dice(x, CPUS), s);
		return;
	}
	for (unsigned k = 0; k < x->nr; k++)
		used |= x->held[k].cache == x->cache[i];
	int err = kmem_cache_destroy(x->m, dice(x, CPUS), x->cache[i], NULL);

	cr_assert_eq(err, used ? -EBUSY : 0, "%s", x->m->why.sentence);
	if (err)
		return;
	char name[16];

	snprintf(name, sizeof(name), "again-%u", i);
	struct kmem_cache_args args = {.name = name, .size = 8 + dice(x, 5000), .ctor = "c"};

	cr_assert_eq(kmem_cache_create(x->m, 0, &args, &x->cache[i]), 0, "%s", x->m->why.sentence);
}

static void check(struct model *x)
{
	struct text out = {0};

	cr_assert_eq(slab_check(x->m, &out), 0, "%s", text_str(&out));
	text_finish(&out);
	hand_check(x->m);
}

static void setup(struct model *x, uint64_t seed)
{
	static const struct kmem_cache_args kinds[CACHES] = {{.name = "a", .size = 8, .ctor = "c"},
		{.name = "b", .size = 24, .flags = SLAB_TYPESAFE_BY_RCU},
		{.name = "c", .size = 100, .align = 64, .ctor = "c"},
		{.name = "d", .size = 152, .flags = SLAB_HWCACHE_ALIGN, .usersize = 8},
		{.name = "e", .size = 700, .ctor = "c"},
		{.name = "f", .size = 1500, .flags = SLAB_RED_ZONE},
		{.name = "g", .size = 4096, .ctor = "c"},
		{.name = "h", .size = 9000, .flags = SLAB_RECLAIM_ACCOUNT, .ctor = "c"},
		{.name = "i", .size = 40, .flags = SLAB_POISON | SLAB_STORE_USER}};
	struct hand h = {.nr_zones = 2,
		.cpus = CPUS,
		.nodes = NODES,
		.zone = {{.type = ZONE_NORMAL, .pages = 16384},
			{.type = ZONE_NORMAL, .nid = 1, .start_pfn = 16384, .pages = 16384}}};

	x->m = hand_machine(&h);
	x->rng.state = seed;
	config_put(&x->m->config, CONFIG_SLAB_FREELIST_RANDOM, true);
	config_put(&x->m->config, CONFIG_SLAB_FREELIST_HARDENED, seed & 1);
	config_put(&x->m->config, CONFIG_SLUB_CPU_PARTIAL, seed & 2);
	for (unsigned i = 0; i < CACHES; i++)
		cr_assert_eq(kmem_cache_create(x->m, 0, &kinds[i], &x->cache[i]), 0, "%s",
			x->m->why.sentence);
}

static void play(uint64_t seed)
{
	static struct model x;

	memset(&x, 0, sizeof(x));
	setup(&x, seed);
	for (unsigned i = 0; i < ACTS; i++) {
		unsigned what = dice(&x, 100);

		if (what < (i / 2000 % 2 ? 25u : 40u))
			act_alloc(&x);
		else if (what < 45)
			act_bulk(&x);
		else if (what < 55)
			act_kmalloc(&x);
		else if (what < 60)
			act_krealloc(&x);
		else if (what < 97)
			act_free(&x);
		else
			act_cache(&x);
		if (i % 64 == 0)
			check(&x);
	}
	cr_expect_gt(x.failures, 20);
	cr_expect_gt(x.refused, 20);
	while (x.nr)
		act_free(&x);
	for (unsigned i = 0; i < CACHES; i++)
		cr_assert_eq(
			kmem_cache_destroy(x.m, 0, x.cache[i], NULL), 0, "%s", x.m->why.sentence);
	check(&x);
	kmem_cache_shrink_all(x.m, 0);
	check(&x);
	cr_expect_eq(node_stat_total(x.m, ND_nr_slab_unreclaimable), 0);
	cr_expect_eq(node_stat_total(x.m, ND_nr_slab_reclaimable), 0);
	hand_destroy(x.m);
}

Test(slab, random_programs)
{
	for (uint64_t seed = 1; seed <= 4; seed++)
		play(seed);
}

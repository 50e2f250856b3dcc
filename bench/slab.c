/* SPDX-License-Identifier: MIT
 *
 * The slab allocator against glibc's malloc, in one run: ratios, since machines differ.
 *
 *	hot pair      take an object and give the same one back
 *	random pair   20,000 objects are held; give one of them back, any alike, and take another
 *
 * Objects of 64 and of 256 bytes, zeroed when they are taken (init_on_alloc) and not, on a booted PC with Debian's
 * options: free pointers are in simulated DRAM, disguised, in a random order. Each figure is the best of several rounds
 * that alternate between the two, in CPU time. Target: the hot pair in at most 40 ns and twice malloc's.
 */
#include "clock.h"

#include "mm/boot/describe.h"
#include "mm/slab/slab.h"

#include "base/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIVE = 20000, PAIRS = 1000000, ROUNDS = 5 };

static struct machine *boot(const char *config)
{
	struct machine_desc *d = calloc(1, sizeof(*d));
	struct refusal why;
	struct machine *m;

	if (!d || describe_fdt(d, preset_find("pc-x86_64")->fdt, &why) ||
		describe_option(d, "config", config, &why) || describe_finish(d, &why) ||
		machine_create(d, &m, &why)) {
		fprintf(stderr, "bench: %s\n", why.sentence);
		abort();
	}
	free(d);
	return m;
}

static double hot(struct machine *m, struct kmem_cache *s)
{
	double start = now_ns();

	for (unsigned i = 0; i < PAIRS; i++) {
		uint64_t address;

		if (slab_alloc(m, 0, s, GFP_KERNEL, -1, &address))
			abort();
		slab_free(m, 0, s, address);
	}
	return (now_ns() - start) / PAIRS;
}

static double hot_malloc(size_t bytes, bool zero)
{
	double start = now_ns();

	for (unsigned i = 0; i < PAIRS; i++) {
		void *volatile p = malloc(bytes);

		if (!p)
			abort();
		if (zero)
			memset(p, 0, bytes);
		free(p);
	}
	return (now_ns() - start) / PAIRS;
}

static double random_pairs(struct machine *m, struct kmem_cache *s, uint64_t *held, struct rng *rng)
{
	double start = now_ns();

	for (unsigned i = 0; i < PAIRS; i++) {
		uint64_t *p = &held[rng_below(rng, LIVE)];

		slab_free(m, 0, s, *p);
		if (slab_alloc(m, 0, s, GFP_KERNEL, -1, p))
			abort();
	}
	return (now_ns() - start) / PAIRS;
}

static double random_malloc(size_t bytes, void **held, struct rng *rng)
{
	double start = now_ns();

	for (unsigned i = 0; i < PAIRS; i++) {
		void **p = &held[rng_below(rng, LIVE)];

		free(*p);
		*p = malloc(bytes);
		if (!*p)
			abort();
	}
	return (now_ns() - start) / PAIRS;
}

static void best(double *least, double ns)
{
	if (!*least || ns < *least)
		*least = ns;
}

static void measure(const char *what, const char *config, uint64_t bytes)
{
	static uint64_t object[LIVE];
	static void *block[LIVE];
	double ns[4] = {0};
	struct machine *m = boot(config);
	struct kmem_cache *s = kmalloc_cache(m, bytes, GFP_KERNEL);
	struct rng rng = {.state = 1};

	for (unsigned i = 0; i < LIVE; i++) {
		block[i] = malloc(bytes);
		if (slab_alloc(m, 0, s, GFP_KERNEL, -1, &object[i]))
			abort();
	}
	for (unsigned round = 0; round < ROUNDS; round++) {
		best(&ns[0], hot(m, s));
		best(&ns[1], hot_malloc(bytes, s->zero_objects));
		best(&ns[2], random_pairs(m, s, object, &rng));
		best(&ns[3], random_malloc(bytes, block, &rng));
	}
	printf("%-14s %4llu bytes: hot pair %5.1f ns, malloc %5.1f ns, ratio %.2f; random pair "
	       "%5.1f ns, malloc %5.1f "
	       "ns, ratio %.2f\n",
		what, (unsigned long long)bytes, ns[0], ns[1], ns[0] / ns[1], ns[2], ns[3],
		ns[2] / ns[3]);
	for (unsigned i = 0; i < LIVE; i++)
		free(block[i]);
	machine_destroy(m);
}

/* kmalloc() and kfree() as a call makes them: kfree() is told nothing but the address, and looks whether the object is
 * allocated at all. */
static void measure_kmalloc(uint64_t bytes)
{
	struct machine *m = boot("debian");
	double ns = 0, ns_malloc = 0;

	for (unsigned round = 0; round < ROUNDS; round++) {
		double start = now_ns();

		for (unsigned i = 0; i < PAIRS; i++) {
			uint64_t address;

			if (kmalloc(m, 0, bytes, GFP_KERNEL, -1, &address) || kfree(m, 0, address))
				abort();
		}
		best(&ns, (now_ns() - start) / PAIRS);
		best(&ns_malloc, hot_malloc(bytes, true));
	}
	printf("kmalloc      %6llu bytes: hot pair %5.1f ns, malloc %5.1f ns, ratio %.2f\n",
		(unsigned long long)bytes, ns, ns_malloc, ns / ns_malloc);
	machine_destroy(m);
}

int main(void)
{
	measure("zeroed", "debian", 64);
	measure("zeroed", "debian", 256);
	measure("not zeroed", "debian,-INIT_ON_ALLOC_DEFAULT_ON", 64);
	measure("not zeroed", "debian,-INIT_ON_ALLOC_DEFAULT_ON", 256);
	measure_kmalloc(8);
	measure_kmalloc(64);
	measure_kmalloc(512);
	measure_kmalloc(4096);
	return 0;
}

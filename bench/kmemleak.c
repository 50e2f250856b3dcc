/* SPDX-License-Identifier: MIT
 *
 * The leak scanner beside memchr() over as many bytes, in one run: ratios, since machines differ.
 *
 * 8192 objects of 8 KiB, each with the address of the next one in its last word and other numbers before it: a chain of
 * 64 MiB that hangs by one name, so that each object is found only when the one before it was looked through to its end.
 * Target: at least 2 GB/s of touched memory.
 */
#include "clock.h"

#include "mm/boot/describe.h"
#include "mm/debug/kmemleak.h"
#include "mm/page/address.h"
#include "mm/page/contents.h"
#include "mm/slab/slab.h"

#include "base/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OBJECTS = 8192, BYTES = 8192, ROUNDS = 7 };

static struct machine *boot(void)
{
	struct machine_desc *d = calloc(1, sizeof(*d));
	struct refusal why;
	struct machine *m;

	if (!d || describe_fdt(d, preset_find("pc-x86_64")->fdt, &why) ||
		describe_option(d, "cmdline", "kmemleak=on", &why) || describe_finish(d, &why) ||
		machine_create(d, &m, &why)) {
		fprintf(stderr, "bench: %s\n", why.sentence);
		abort();
	}
	free(d);
	return m;
}

static void fill(struct machine *m, uint64_t object, uint64_t next, struct rng *rng)
{
	uint64_t word[BYTES / 8];
	struct dram d = machine_dram(m);

	for (unsigned i = 0; i < BYTES / 8; i++)
		word[i] = rng_next(rng) >> 8;
	word[BYTES / 8 - 1] = next;
	if (dram_write(&d, virt_to_pfn(m, object) << PAGE_SHIFT, word, BYTES, &m->why))
		abort();
}

/* The chain, from its end; the name `first` holds its begin. */
static void make_chain(struct machine *m)
{
	struct rng rng = {.state = 1};
	uint64_t next = 0;

	for (unsigned i = 0; i < OBJECTS; i++) {
		uint64_t object;

		if (kmalloc(m, 0, BYTES, GFP_KERNEL, -1, &object))
			abort();
		fill(m, object, next, &rng);
		next = object;
	}
	struct var v = {.kind = VAR_ADDRESS, .value = next, .bytes = BYTES};

	if (var_set(m, &m->vars, "first", 5, VAR_NO_INDEX, &v))
		abort();
	clock_charge_ns(m, 10000000000u);
}

static double best_of(double best, double ns)
{
	return !best || ns < best ? ns : best;
}

int main(void)
{
	struct machine *m = boot();
	char *bytes = malloc((size_t)OBJECTS * BYTES);
	double scan = 0, peer = 0, size = (double)OBJECTS * BYTES;

	if (!bytes)
		abort();
	memset(bytes, 1, (size_t)OBJECTS * BYTES);
	make_chain(m);
	for (unsigned i = 0; i < ROUNDS; i++) {
		double start = now_ns();

		kmemleak_scan(m);
		scan = best_of(scan, now_ns() - start);
		start = now_ns();
		if (memchr(bytes, 2, (size_t)OBJECTS * BYTES))
			abort();
		peer = best_of(peer, now_ns() - start);
	}
	if (kmemleak_next_leak(m, NULL))
		abort();
	printf("kmemleak: %.2f GB/s of objects, memchr %.2f GB/s: %.2f of its time\n", size / scan,
		size / peer, scan / peer);
	free(bytes);
	machine_destroy(m);
	return 0;
}

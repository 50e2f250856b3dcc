/* SPDX-License-Identifier: MIT
 *
 * The list of a fresh slab's objects.
 *
 *	CONFIG_SLAB_FREELIST_RANDOM: a cache has one random order of its objects; each slab begins somewhere in it
 *
 *	random_seq   3 0 2 1        slab A begins at 1:  0 -> 2 -> 1 -> 3 -> 0 (end)
 *	                            slab B begins at 3:  1 -> 3 -> 0 -> 2
 *
 * so an attacker does not know what lies behind an object. A slab smaller than usual leaves out the places that it has
 * not. Without the option, and in the caches made before the kernel can have random orders, objects follow by address.
 *
 * Follows mm/slub.c of 6.1 (shuffle_freelist(), init_cache_random_seq()), mm/slab_common.c (freelist_randomize()).
 */
#include "mm/slab/internal.h"

int slab_make_random_seq(struct machine *m, struct kmem_cache *s)
{
	unsigned n = s->oo.objects;

	if (!machine_has(m, CONFIG_SLAB_FREELIST_RANDOM) || n < 2)
		return 0;
	s->random_seq_at = heap_alloc(m, n * sizeof(uint32_t));
	if (!s->random_seq_at)
		return -m->why.err;
	uint32_t *seq = machine_at(m, s->random_seq_at);
	for (unsigned i = 0; i < n; i++)
		seq[i] = i;
	for (unsigned i = n - 1; i > 0; i--) {
		unsigned k = rng_below(&m->slab.rng, i + 1);
		uint32_t t = seq[i];

		seq[i] = seq[k];
		seq[k] = t;
	}
	return 0;
}

uint64_t slab_chain_objects(struct machine *m, struct kmem_cache *s, uint64_t pfn, unsigned objects)
{
	const uint32_t *seq = s->random_seq_at ? machine_at(m, s->random_seq_at) : NULL;
	uint64_t start = slab_base(m, s, pfn), first = 0, last = 0;
	unsigned n = seq ? s->oo.objects : objects, place = 0;

	if (seq && objects >= 2)
		place = rng_below(&m->slab.rng, n);
	for (unsigned i = 0; i < n; i++, place++) {
		uint64_t index = seq ? seq[place % n] : i, object = start + index * s->size;

		if (index >= objects)
			continue;
		if (last)
			slab_set_free_pointer(m, s, last, object);
		else
			first = object;
		last = object;
	}
	slab_set_free_pointer(m, s, last, 0);
	return first;
}

/* SPDX-License-Identifier: MIT
 *
 * Caches with debugging flags: F, Z, P, U or T of slub_debug, or SLAB_RED_ZONE and the like when they were made.
 *
 * Each allocation and each free is looked at, under the node's lock, so nothing is left with CPUs: an object comes straight
 * from the first slab of the node's partial list, and goes back to its slab. slabinfo of such a cache counts exactly.
 *
 *	alloc   the node's first partial slab, else other nodes', else a new one (to the head of the list)
 *	free    the slab was full: to the tail of the list; empty and min_partial are there already: its pages go back
 *
 * The room for red zones and tracks is accounted for in the objects' size (geometry.c); their contents, and the looking
 * (init_object(), check_object() in take_one() and slab_debug_free()), are not done yet.
 *
 * Left out: the list of full slabs (with U), which only sysfs' `validate` walks: slab_next() finds them.
 * Follows mm/slub.c of 6.1 (alloc_single_from_partial(), alloc_single_from_new_slab(), free_debug_processing()).
 */
#include "mm/slab/internal.h"

/* alloc_single_from_partial() */
static uint64_t take_one(struct machine *m, struct kmem_cache *s, struct frame *f, uint64_t pfn)
{
	struct slab_counts c = slab_counts(f);
	uint64_t base = slab_address(m, pfn) + s->red_left_pad,
		 object = base + (f->index - 1) * s->size;
	uint64_t next = slab_get_free_pointer(m, s, object);

	f->index = next ? (next - base) / s->size + 1 : 0;
	c.inuse++;
	slab_set_counts(f, c);
	return object;
}

static uint64_t from_node(struct machine *m, struct kmem_cache *s, unsigned nid)
{
	struct kmem_cache_node *n = kmem_cache_node(m, s, nid);

	if (!n->partial.head)
		return 0;
	uint64_t pfn = n->partial.head - 1;
	struct frame *f = frame_of(m, pfn);
	uint64_t object = take_one(m, s, f, pfn);

	if (!f->index)
		slab_remove_partial(m, s, f, pfn);
	return object;
}

int slab_debug_alloc(
	struct machine *m, unsigned cpu, struct kmem_cache *s, gfp_t gfp, int nid, uint64_t *object)
{
	const struct node *own = node_at(m, m->cpu_node[cpu]);
	uint64_t pfn;

	if (nid >= 0 && !node_at(m, (unsigned)nid)->has_memory)
		nid = -1;
	*object = nid >= 0 ? from_node(m, s, (unsigned)nid) : 0;
	for (unsigned i = 0; nid < 0 && i < own->nr_fallback && !*object; i++) {
		unsigned other = own->fallback[i].nid;

		/* Of other nodes only what they have too much. */
		if (!i || kmem_cache_node(m, s, other)->nr_partial > s->min_partial)
			*object = from_node(m, s, other);
	}
	if (*object)
		return 0;
	int err = slab_new(m, cpu, s, gfp, nid, &pfn);
	if (err)
		return err;
	struct frame *f = frame_of(m, pfn);

	*object = take_one(m, s, f, pfn);
	if (f->index)
		slab_add_partial(m, s, f, pfn, false);
	return 0;
}

void slab_debug_free(struct machine *m, unsigned cpu, struct kmem_cache *s, struct frame *f,
	uint64_t pfn, uint64_t head, uint64_t tail, unsigned n)
{
	uint64_t base = slab_address(m, pfn) + s->red_left_pad;
	struct slab_counts c = slab_counts(f);
	bool was_full = !f->index;

	assert(c.inuse >= n && !c.frozen);
	slab_set_free_pointer(m, s, tail, was_full ? 0 : base + (f->index - 1) * s->size);
	f->index = (head - base) / s->size + 1;
	c.inuse -= n;
	slab_set_counts(f, c);
	if (!c.inuse && kmem_cache_node(m, s, slab_nid(m, pfn))->nr_partial >= s->min_partial) {
		if (!was_full)
			slab_remove_partial(m, s, f, pfn);
		slab_discard(m, cpu, s, pfn);
	} else if (was_full) {
		slab_add_partial(m, s, f, pfn, true);
	}
}

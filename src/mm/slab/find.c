/* SPDX-License-Identifier: MIT
 *
 * From an address to its object, and over all slabs and objects: for kfree(), for slabinfo, for the leak scanner.
 *
 *	address ─> page ─> head of its block ─> frame: SLAB, cache, counts ─> object = (address - slab) / size
 *
 * Whether an object is allocated is said nowhere but by its absence from the free lists: the slab's, and, when a CPU takes
 * from the slab, that CPU's. So the answer costs a walk of at most all objects of one slab.
 */
#include "mm/slab/internal.h"

#include <string.h>

/* The CPU that takes from the slab at @pfn; NULL. */
static const struct kmem_cache_cpu *taker(
	const struct machine *m, const struct kmem_cache *s, uint64_t pfn)
{
	for (unsigned i = 0; i < m->nr_cpus; i++)
		if (kmem_cache_cpu(m, s, i)->slab == pfn + 1)
			return kmem_cache_cpu(m, s, i);
	return NULL;
}

/* Mark the objects of a list; false when it leads out of the slab or twice to one object. */
static bool mark_list(const struct machine *m, const struct kmem_cache *s, uint64_t base,
	unsigned objects, uint64_t object, uint64_t *map, unsigned *nr)
{
	while (object) {
		uint64_t offset = object - base, i = offset / s->size;

		if (i >= objects || offset % s->size || map[i / 64] >> i % 64 & 1)
			return false;
		map[i / 64] |= (uint64_t)1 << i % 64;
		++*nr;
		object = slab_get_free_pointer(m, s, object);
	}
	return true;
}

unsigned slab_free_map(const struct machine *m, uint64_t pfn, uint64_t *map)
{
	const struct frame *f = frame_of(m, pfn);
	const struct kmem_cache *s = kmem_cache_get(m, f->mapping);
	struct slab_counts c = slab_counts(f);
	uint64_t base = slab_address(m, pfn) + s->red_left_pad;
	const struct kmem_cache_cpu *cpu = c.frozen ? taker(m, s, pfn) : NULL;
	unsigned nr = 0;

	memset(map, 0, (c.objects / 64 + 1) * sizeof(*map));
	if (f->index &&
		!mark_list(m, s, base, c.objects, base + (f->index - 1) * s->size, map, &nr))
		return UINT32_MAX;
	if (cpu && !mark_list(m, s, base, c.objects, cpu->freelist, map, &nr))
		return UINT32_MAX;
	return nr;
}

/* Is @object on one of the lists? The same walk without a map; a broken list ends after as many steps as there are
 * objects. */
static bool is_free(
	const struct machine *m, const struct kmem_cache *s, uint64_t pfn, uint64_t object)
{
	const struct frame *f = frame_of(m, pfn);
	struct slab_counts c = slab_counts(f);
	uint64_t base = slab_address(m, pfn) + s->red_left_pad;
	const struct kmem_cache_cpu *cpu = c.frozen ? taker(m, s, pfn) : NULL;
	uint64_t list[2] = {
		f->index ? base + (f->index - 1) * s->size : 0, cpu ? cpu->freelist : 0};

	for (unsigned k = 0; k < 2; k++) {
		unsigned steps = 0;

		for (uint64_t at = list[k];
			at && at - base < PAGE_BYTES << f->order && steps++ < c.objects;
			at = slab_get_free_pointer(m, s, at))
			if (at == object)
				return true;
	}
	return false;
}

static void place_large(const struct machine *m, uint64_t pfn, struct slab_place *out)
{
	const struct frame *f = frame_of(m, pfn);

	*out = (struct slab_place){.pfn = pfn,
		.order = f->order,
		.objects = 1,
		.inuse = 1,
		.start = slab_address(m, pfn),
		.bytes = PAGE_BYTES << f->order,
		.allocated = true,
		.in_object = true};
}

/* The @index-th place of the slab at @pfn. */
static void place_object(const struct machine *m, const struct kmem_cache *s, uint64_t pfn,
	unsigned index, struct slab_place *out)
{
	const struct frame *f = frame_of(m, pfn);
	struct slab_counts c = slab_counts(f);

	*out = (struct slab_place){.cache = kmem_cache_get(m, s->id),
		.pfn = pfn,
		.order = f->order,
		.objects = c.objects,
		.inuse = c.inuse,
		.index = index,
		.start = slab_address(m, pfn) + s->red_left_pad + (uint64_t)index * s->size,
		.bytes = s->object_size};
}

bool slab_find(const struct machine *m, uint64_t address, struct slab_place *out)
{
	uint64_t pfn, head;

	if (address < slab_address(m, m->base_pfn) || address >= slab_end(m))
		return false;
	pfn = slab_pfn(m, address);
	if (!frame_is_live(m, pfn))
		return false;
	head = frame_block_head(m, pfn);
	if (head == NO_PFN)
		return false;
	const struct frame *f = frame_of(m, head);
	if (!(f->flags & FRAME_SLAB)) {
		if (f->mapping != SLAB_LARGE_MAPPING || !(f->flags & FRAME_HEAD))
			return false;
		place_large(m, head, out);
		return true;
	}
	const struct kmem_cache *s = kmem_cache_get(m, f->mapping);
	unsigned last = slab_counts(f).objects - 1;
	uint64_t index = (address - slab_address(m, head)) / s->size;
	bool rest = index > last;

	place_object(m, s, head, rest ? last : (unsigned)index, out);
	out->in_object = !rest && address >= out->start && address - out->start < s->object_size;
	out->allocated = !rest && !is_free(m, s, head, out->start);
	return true;
}

/* ---- over all ---- */

uint64_t slab_next(const struct machine *m, uint64_t pfn)
{
	uint64_t block_pages = (uint64_t)1 << (m->nr_orders - 1);

	if (pfn < m->base_pfn)
		pfn = m->base_pfn;
	while (pfn < m->frames_end_pfn) {
		if (!frame_is_live(m, pfn)) {
			pfn = (pfn | (block_pages - 1)) + 1;
			continue;
		}
		const struct frame *f = frame_of(m, pfn);

		if (f->flags & FRAME_SLAB ||
			(f->mapping == SLAB_LARGE_MAPPING && f->flags & FRAME_HEAD))
			return pfn;
		pfn += frame_is_head(f) ? (uint64_t)1 << f->order : 1;
	}
	return NO_PFN;
}

void slab_each_object(const struct machine *m, slab_visit_fn *visit, void *context)
{
	uint64_t map[SLAB_MAX_OBJECTS / 64 + 1];
	struct slab_place p;

	for (uint64_t pfn = slab_next(m, 0); pfn != NO_PFN;
		pfn = slab_next(m, pfn + ((uint64_t)1 << frame_of(m, pfn)->order))) {
		const struct frame *f = frame_of(m, pfn);

		if (!(f->flags & FRAME_SLAB)) {
			place_large(m, pfn, &p);
			if (!visit(m, &p, context))
				return;
			continue;
		}
		unsigned objects = slab_counts(f).objects;

		if (slab_free_map(m, pfn, map) == UINT32_MAX)
			continue;
		for (unsigned i = 0; i < objects; i++) {
			if (map[i / 64] >> i % 64 & 1)
				continue;
			place_object(m, kmem_cache_get(m, f->mapping), pfn, i, &p);
			p.allocated = p.in_object = true;
			if (!visit(m, &p, context))
				return;
		}
	}
}

/* ---- sums ---- */

void slab_frame_counts(const struct machine *m, uint64_t pfn, uint32_t *inuse, uint32_t *objects)
{
	struct slab_counts c = slab_counts(frame_of(m, pfn));

	*inuse = c.inuse;
	*objects = c.objects;
}

void slab_sums(const struct machine *m, const struct kmem_cache *s, struct slab_sums *out)
{
	*out = (struct slab_sums){0};
	for (unsigned nid = 0; nid < m->nr_nodes; nid++) {
		const struct kmem_cache_node *n = kmem_cache_node(m, s, nid);

		out->num_slabs += n->nr_slabs;
		out->num_objs += n->total_objects;
		out->nr_partial += n->nr_partial;
		for (uint32_t at = n->partial.head; at; at = frame_of(m, at - 1)->next) {
			struct slab_counts c = slab_counts(frame_of(m, at - 1));

			out->free_in_partial += c.objects - c.inuse;
		}
	}
	for (unsigned i = 0; i < m->nr_cpus; i++) {
		const struct kmem_cache_cpu *c = kmem_cache_cpu(m, s, i);

		out->cpu_slabs += c->slab != 0;
		out->cpu_partial_slabs += c->partial ? frame_of(m, c->partial - 1)->prev : 0;
	}
	out->active_slabs = out->num_slabs;
	out->active_objs = out->num_objs - out->free_in_partial;
}

uint64_t kmem_cache_objects(const struct machine *m, enum kmem_cache_id id)
{
	const struct kmem_cache *s = kmem_cache_own(m, id);
	struct slab_sums sums;
	uint64_t n;

	if (!s)
		return 0;
	slab_sums(m, s, &sums);
	n = sums.active_objs;
	/* Less what lies free with the CPUs. */
	for (unsigned i = 0; i < m->nr_cpus; i++) {
		const struct kmem_cache_cpu *c = kmem_cache_cpu(m, s, i);

		for (uint64_t at = c->freelist; at && slab_may_take(c, s, at);
			at = slab_get_free_pointer(m, s, at))
			n--;
		for (uint32_t at = c->slab; at; at = 0) {
			const struct frame *f = frame_of(m, at - 1);

			n -= slab_counts(f).objects - slab_counts(f).inuse;
		}
		for (uint32_t at = c->partial; at; at = frame_of(m, at - 1)->next)
			n -= slab_counts(frame_of(m, at - 1)).objects -
			     slab_counts(frame_of(m, at - 1)).inuse;
	}
	return n;
}

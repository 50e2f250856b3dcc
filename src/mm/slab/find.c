/* SPDX-License-Identifier: MIT
 *
 * From an address to its object, and over all slabs and objects: for kfree(), for slabinfo, for the leak scanner.
 *
 *	address ─> page ─> head of its block ─> frame: SLAB, cache, map ─> object = (address - slab) / size ─> who has it
 *
 * What the map says follows from the free lists, the slab's and, when a CPU takes from the slab, that CPU's: an object is
 * on one of them or somebody has it. Lists lie in simulated memory, where anybody can write: where one is found to be
 * broken it is cut, and what was behind is lost (HOLDER_LOST), as it is on Linux.
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

bool slab_mark_list(const struct machine *m, const struct kmem_cache *s, const struct frame *f,
	uint64_t pfn, uint64_t object, uint64_t *map, unsigned *nr, uint64_t *last)
{
	uint64_t base = slab_base(m, s, pfn);
	unsigned objects = slab_counts(f).objects;

	*last = 0;
	while (object) {
		uint64_t offset = object - base;
		uint32_t i = slab_object_index(s, offset);

		if (offset >= slab_bytes(f) || i >= objects || offset != (uint64_t)i * s->size ||
			map[i / 64] >> i % 64 & 1 || slab_holder(m, f, i) != HOLDER_NONE)
			return false;
		map[i / 64] |= (uint64_t)1 << i % 64;
		++*nr;
		*last = object;
		object = slab_get_free_pointer(m, s, object);
	}
	return true;
}

unsigned slab_free_map(const struct machine *m, uint64_t pfn, uint64_t *map)
{
	const struct frame *f = frame_of(m, pfn);
	const struct kmem_cache *s = kmem_cache_get(m, f->mapping);
	struct slab_counts c = slab_counts(f);
	const struct kmem_cache_cpu *cpu = c.frozen ? taker(m, s, pfn) : NULL;
	uint64_t last;
	unsigned nr = 0;

	memset(map, 0, (c.objects / 64 + 1) * sizeof(*map));
	bool good = slab_mark_list(m, s, f, pfn, slab_first_object(m, s, pfn), map, &nr, &last);
	if (cpu && !slab_mark_list(m, s, f, pfn, cpu->freelist, map, &nr, &last))
		good = false;
	return good ? nr : UINT32_MAX;
}

void slab_chain_is_free(const struct machine *m, const struct kmem_cache *s, const struct frame *f,
	uint64_t pfn, uint64_t head, unsigned n)
{
	uint64_t base = slab_base(m, s, pfn);

	for (uint64_t object = head; n-- && object - base < slab_bytes(f);) {
		slab_set_holder(
			m, slab_map_number(f), slab_object_index(s, object - base), HOLDER_NONE);
		if (n)
			object = slab_get_free_pointer(m, s, object);
	}
}

void slab_lose(struct machine *m, uint64_t pfn)
{
	uint64_t map[SLAB_MAX_OBJECTS / 64 + 1];
	const struct frame *f = frame_of(m, pfn);

	(void)slab_free_map(m, pfn, map);
	for (unsigned i = 0; i < slab_counts(f).objects; i++)
		if (!(map[i / 64] >> i % 64 & 1) && slab_holder(m, f, i) == HOLDER_NONE)
			slab_set_holder(m, slab_map_number(f), i, HOLDER_LOST);
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
		.holder = (enum slab_holder)frame_of(m, pfn)->index,
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
		.start = slab_base(m, s, pfn) + (uint64_t)index * s->size,
		.bytes = s->object_size,
		.holder = slab_holder(m, f, index)};
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
	uint32_t index = slab_object_index(s, address - slab_address(m, head));
	bool rest = index > last;

	place_object(m, s, head, rest ? last : index, out);
	out->in_object = !rest && address >= out->start && address - out->start < s->object_size;
	if (rest)
		out->holder = HOLDER_NONE;
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

		for (unsigned i = 0; i < objects; i++) {
			if (slab_holder(m, f, i) == HOLDER_NONE)
				continue;
			place_object(m, kmem_cache_get(m, f->mapping), pfn, i, &p);
			p.in_object = true;
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

		if (c->slab) {
			const struct frame *f = frame_of(m, c->slab - 1);

			for (unsigned k = 0; k < slab_counts(f).objects; k++)
				n -= slab_holder(m, f, k) == HOLDER_NONE;
		}
		for (uint32_t at = c->partial; at; at = frame_of(m, at - 1)->next)
			n -= slab_counts(frame_of(m, at - 1)).objects -
			     slab_counts(frame_of(m, at - 1)).inuse;
	}
	return n;
}

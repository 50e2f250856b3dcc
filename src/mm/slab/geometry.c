/* SPDX-License-Identifier: MIT
 *
 * The shape of a cache: from an object's size, alignment and flags to the slab's order.
 *
 *	red zones    | left pad |  object  | word | free ptr | tracks | word | to alignment |
 *	                        ^ address           ^ offset
 *	usual        |  object, free ptr in its middle while it is free | to alignment |
 *	ctor, RCU    |  object  | free ptr | to alignment |      the freed object must stay as it is
 *
 *	order of a slab     the smallest that holds min_objects and wastes at most 1/16, else 1/8, else 1/4 of it; then the
 *	                    same with ever fewer objects; min_objects = 4 * (fls(CPUs) + 1), so more CPUs have larger slabs
 *	min                 the order that is tried when memory is short: one object fits
 *	min_partial         log2(size) / 2, from 5 to 10: empty slabs kept on a node
 *	cpu_partial         objects that a CPU may keep on frozen slabs, counted as slabs that are half full
 *
 * Follows mm/slub.c of 6.1 (calculate_sizes(), calculate_order(), slub_set_cpu_partial()), mm/slab_common.c
 * (calculate_alignment()).
 */
#include "mm/slab/internal.h"

static uint64_t align_to(uint64_t n, uint64_t align)
{
	return (n + align - 1) / align * align;
}

static unsigned log2_of(uint64_t n)
{
	return 63u - (unsigned)__builtin_clzll(n);
}

/* get_order(): pages that hold @bytes. */
static unsigned order_of(uint64_t bytes)
{
	return bytes <= PAGE_BYTES ? 0 : log2_of((bytes - 1) >> PAGE_SHIFT) + 1;
}

static unsigned objects_in(unsigned order, uint64_t size)
{
	return (unsigned)((PAGE_BYTES << order) / size);
}

uint32_t slab_alignment(const struct machine *m, uint32_t flags, uint32_t align, uint64_t size)
{
	if (flags & SLAB_HWCACHE_ALIGN) {
		uint32_t line = m->slab.hw_align;

		while (size <= line / 2)
			line /= 2;
		align = align > line ? align : line;
	}
	/* ARCH_SLAB_MINALIGN: of an unsigned long long, everywhere. */
	return align > 8 ? (uint32_t)align_to(align, machine_word_bytes(m)) : 8;
}

/* The smallest order for @least objects whose rest is at most 1/@fraction of it; beyond @max_order: none. */
static unsigned order_with(const struct machine *m, uint64_t size, unsigned least,
	unsigned max_order, unsigned fraction)
{
	unsigned order = m->slab.min_order;

	if (objects_in(order, size) > SLAB_MAX_OBJECTS)
		return order_of(size * SLAB_MAX_OBJECTS) - 1;
	if (order < order_of(least * size))
		order = order_of(least * size);
	for (; order <= max_order; order++)
		if ((PAGE_BYTES << order) % size <= (PAGE_BYTES << order) / fraction)
			break;
	return order;
}

/* calculate_order(): m->nr_orders when no block is large enough. */
static unsigned slab_order(const struct machine *m, uint64_t size)
{
	unsigned least = m->slab.min_objects, most = objects_in(m->slab.max_order, size), order;

	if (!least)
		least = 4 * (log2_of(m->nr_cpus) + 2);
	for (least = least < most ? least : most; least > 1; least--)
		for (unsigned fraction = 16; fraction >= 4; fraction /= 2) {
			order = order_with(m, size, least, m->slab.max_order, fraction);
			if (order <= m->slab.max_order)
				return order;
		}
	order = order_with(m, size, 1, m->slab.max_order, 1);
	return order <= m->slab.max_order ? order : order_with(m, size, 1, m->nr_orders, 1);
}

void slab_set_cpu_partial(struct kmem_cache *s, uint32_t objects)
{
	uint64_t halves = (uint64_t)objects * 2;

	s->cpu_partial = objects;
	s->cpu_partial_slabs = (uint32_t)((halves + s->oo.objects - 1) / s->oo.objects);
}

static void set_partial(const struct machine *m, struct kmem_cache *s)
{
	unsigned objects = 0, keep = log2_of(s->size) / 2;

	s->min_partial = keep < 5 ? 5 : keep > 10 ? 10 : keep;
	if (machine_has(m, CONFIG_SLUB_CPU_PARTIAL) && !(s->flags & SLAB_DEBUG_FLAGS))
		objects = s->size >= PAGE_BYTES ? 6
			  : s->size >= 1024	? 24
			  : s->size >= 256	? 52
						: 120;
	slab_set_cpu_partial(s, objects);
}

static void set_allocflags(struct kmem_cache *s)
{
	s->allocflags = s->oo.order ? __GFP_COMP : 0;
	if (s->flags & SLAB_CACHE_DMA)
		s->allocflags |= GFP_DMA;
	if (s->flags & SLAB_CACHE_DMA32)
		s->allocflags |= GFP_DMA32;
	if (s->flags & SLAB_RECLAIM_ACCOUNT)
		s->allocflags |= __GFP_RECLAIMABLE;
}

/* Two records of who had the object: address, stack, CPU, pid, time. And for kmalloc, how much was asked for. */
static uint64_t track_bytes(const struct machine *m, uint32_t flags)
{
	uint64_t one = machine_word_bytes(m) == 8 ? 32 : 20;

	if (!(flags & SLAB_STORE_USER))
		return 0;
	return 2 * one + (flags & SLAB_KMALLOC ? 4 : 0);
}

/* Must the free pointer lie behind the object? */
static bool pointer_outside(const struct machine *m, const struct kmem_cache *s)
{
	if (s->has_ctor || s->flags & (SLAB_TYPESAFE_BY_RCU | SLAB_POISON))
		return true;
	if (s->flags & SLAB_RED_ZONE && s->object_size < machine_word_bytes(m))
		return true;
	return s->flags & SLAB_STORE_USER && s->flags & SLAB_KMALLOC;
}

bool slab_calculate_sizes(const struct machine *m, struct kmem_cache *s)
{
	uint64_t word = machine_word_bytes(m), size = align_to(s->object_size, word);

	s->poison_object =
		s->flags & SLAB_POISON && !(s->flags & SLAB_TYPESAFE_BY_RCU) && !s->has_ctor;
	if (s->flags & SLAB_RED_ZONE && size == s->object_size)
		size += word;
	s->inuse = (uint32_t)size;
	if (pointer_outside(m, s)) {
		s->offset = (uint32_t)size;
		size += word;
	} else {
		s->offset = (uint32_t)(s->object_size / 2 / word * word);
	}
	size += track_bytes(m, s->flags);
	s->red_left_pad = 0;
	if (s->flags & SLAB_RED_ZONE) {
		s->red_left_pad = (uint32_t)align_to(word, s->align);
		size += word + s->red_left_pad;
	}
	size = align_to(size, s->align);
	if (size > PAGE_BYTES << (m->nr_orders - 1))
		return false;
	s->size = (uint32_t)size;
	s->reciprocal = (((uint64_t)1 << SLAB_RECIPROCAL_SHIFT) - 1) / size + 1;
	s->oo.order = slab_order(m, size);
	s->min.order = order_of(size);
	if (s->oo.order >= m->nr_orders)
		return false;
	s->oo.objects = objects_in(s->oo.order, size);
	s->min.objects = objects_in(s->min.order, size);
	set_allocflags(s);
	set_partial(m, s);
	return true;
}

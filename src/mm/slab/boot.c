/* SPDX-License-Identifier: MIT
 *
 * The caches that are there after boot.
 *
 *	kmem_cache, kmem_cache_node      from which caches are made
 *	kmalloc-8 ... kmalloc-8k         then kmalloc-cg-*, kmalloc-rcl-*, dma-kmalloc-*
 *	caches.def                       the kernel's own, in their order; like ones merge
 *
 * They cost no simulated memory, as the rest of what the kernel allocates during boot does not (pid 1 takes nothing
 * either): a machine begins with all of its managed memory free. A cache made later does cost: see cache.c.
 *
 * kmalloc's sizes are powers of two from the architecture's least, and 96 and 192 where they differ from those.
 *
 * Follows mm/slub.c (kmem_cache_init()), mm/slab_common.c (create_kmalloc_caches(), setup_kmalloc_cache_index_table()) of
 * 6.1.
 */
#include "mm/slab/internal.h"

#include "mm/page/address.h"

#include <stdio.h>

/* Which of the four kernels in caches.def this machine runs. */
static unsigned column(const struct machine *m)
{
	switch (m->arch) {
	case ARCH_X86_64:
		return 0;
	case ARCH_I386:
		return 2;
	case ARCH_ARM:
		return 3;
	default:
		return 1;
	}
}

#define KMALLOC_MIN UINT32_MAX /* in caches.def: ARCH_KMALLOC_MINALIGN */

struct own_row {
	const char *name;
	uint32_t bytes[4];
	uint32_t align, flags;
	uint32_t user_bytes[4];
	const char *ctor;
};

#define LIST(...)                                                                                  \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}
#define NONE (0, 0, 0, 0)
#define H    SLAB_HWCACHE_ALIGN
#define T    SLAB_TYPESAFE_BY_RCU
#define R    SLAB_RECLAIM_ACCOUNT
#define A    SLAB_ACCOUNT
static const struct own_row rows[NR_KMEM_CACHES] = {
#define KMEM_CACHE(id, name, bytes, align, flags, user_bytes, ctor)                                \
	{name, LIST bytes, align, flags, LIST user_bytes, ctor},
#include "mm/slab/caches.def"
};
#undef H
#undef T
#undef R
#undef A

static int create(struct machine *m, const struct kmem_cache_args *a, uint64_t *at)
{
	uint32_t id;
	int err = kmem_cache_create(m, 0, a, &id);

	if (!err)
		*at = machine_ref(m, kmem_cache_get(m, id));
	return err;
}

/* create_boot_cache(): aligned as kmalloc's objects are, so that a power of two is aligned to itself. */
static int create_boot(struct machine *m, struct kmem_cache_args a, uint64_t *at)
{
	a.align = m->slab.kmalloc_min;
	if (!(a.size & (a.size - 1)) && a.size > a.align)
		a.align = (uint32_t)a.size;
	return create(m, &a, at);
}

/* offsetof(struct kmem_cache, node), a pointer for each node; struct kmem_cache_node. They are merged with none. */
static int create_first(struct machine *m)
{
	bool wide = machine_word_bytes(m) == 8;
	struct kmem_cache_args cache = {.name = "kmem_cache",
		.size = (wide ? 216 : 136) + (uint64_t)m->nr_nodes * machine_word_bytes(m),
		.flags = SLAB_HWCACHE_ALIGN};
	struct kmem_cache_args node = {
		.name = "kmem_cache_node", .size = wide ? 64 : 32, .flags = SLAB_HWCACHE_ALIGN};
	int err = create_boot(m, cache, &m->slab.kmem_cache_at);

	if (err)
		return err;
	((struct kmem_cache *)machine_at(m, m->slab.kmem_cache_at))->refcount = -1;
	err = create_boot(m, node, &m->slab.kmem_cache_node_at);
	if (!err)
		((struct kmem_cache *)machine_at(m, m->slab.kmem_cache_node_at))->refcount = -1;
	return err;
}

static int create_kmalloc(struct machine *m, enum kmalloc_type type, unsigned index, uint32_t bytes)
{
	static const char *const prefix[NR_KMALLOC_TYPES] = {
		"kmalloc-", "kmalloc-cg-", "kmalloc-rcl-", "dma-kmalloc-"};
	static const uint32_t flags[NR_KMALLOC_TYPES] = {
		0, SLAB_ACCOUNT, SLAB_RECLAIM_ACCOUNT, SLAB_CACHE_DMA};
	char name[SLAB_NAME_MAX];
	bool kib = bytes >= 1024;

	snprintf(name, sizeof(name), "%s%u%s", prefix[type], kib ? bytes / 1024 : bytes,
		kib ? "k" : "");
	struct kmem_cache_args a = {.name = name,
		.size = bytes,
		.flags = flags[type] | SLAB_KMALLOC,
		.usersize = bytes};
	return create_boot(m, a, &m->slab.kmalloc_at[type][index]);
}

static int create_kmalloc_caches(struct machine *m, enum kmalloc_type type)
{
	uint32_t least = m->slab.kmalloc_min;
	int err = 0;

	for (unsigned shift = 3; shift <= KMALLOC_SHIFT_HIGH && !err; shift++) {
		if (1u << shift < least)
			continue;
		err = create_kmalloc(m, type, shift, 1u << shift);
		if (!err && shift == 6 && least <= 32)
			err = create_kmalloc(m, type, 1, 96);
		if (!err && shift == 7 && least <= 64)
			err = create_kmalloc(m, type, 2, 192);
	}
	return err;
}

static int create_own(struct machine *m)
{
	unsigned kernel = column(m);
	int err = 0;

	for (unsigned id = 0; id < NR_KMEM_CACHES && !err; id++) {
		const struct own_row *r = &rows[id];
		struct kmem_cache_args a = {.name = r->name,
			.size = r->bytes[kernel],
			.align = r->align == KMALLOC_MIN ? m->slab.kmalloc_min : r->align,
			.flags = r->flags,
			.usersize = r->user_bytes[kernel],
			.ctor = r->ctor};

		if (a.size)
			err = create(m, &a, &m->slab.own_at[id]);
	}
	return err;
}

int kmem_cache_init(struct machine *m)
{
	struct slab_state *st = &m->slab;
	int err;

	slab_read_parameters(m);
	st->rng.state = m->seed ^ 0x51ab;
	st->linear = m->dram_at - page_offset(m) + phys_offset(m) - (m->base_pfn << PAGE_SHIFT);
	err = create_first(m);
	for (unsigned type = 0; type < NR_KMALLOC_TYPES && !err; type++) {
		if (type == KMALLOC_CGROUP && !machine_has(m, CONFIG_MEMCG))
			continue;
		if (type == KMALLOC_DMA && !machine_has(m, CONFIG_ZONE_DMA))
			continue;
		err = create_kmalloc_caches(m, type);
	}
	if (!err)
		log_printf(m, "SLUB: HWalign=%u, Order=%u-%u, MinObjects=%u, CPUs=%u, Nodes=%u",
			st->hw_align, st->min_order, st->max_order, st->min_objects, m->nr_cpus,
			m->nr_nodes);
	if (!err)
		err = create_own(m);
	st->ready = !err;
	return err;
}

/* SPDX-License-Identifier: MIT
 *
 * Kernel objects as a cost: which slabs they fill, and so which pages the zones have less.
 *
 *	kmem_cache.partial ──> slab ──> slab        each slab: address of its pages, a bit for each object in use
 *	kmem_cache.full    ──> slab                 frame.index of its first page leads back to it
 *
 *	slab of vm_area_struct (order 0)   | 0 | 1 | 2 | ... | 25 | rest |      object i at page_address + i * bytes
 *
 *   alloc   the lowest free object of the first partial slab; no such slab: a new one from the page allocator, of the
 *           cache's order, or when that cannot be had of the smallest order that holds an object
 *   free    the object's page leads to its slab; a slab without objects gives its pages back at once
 *
 * The objects have no contents here: what they stand for lies in the heap. So a page table's or a process's bytes and
 * a slab's never meet, and `kmem_cache_free` needs nothing but the address.
 *
 * Invariant: a slab is on `partial` while it has a free object, on `full` otherwise, and has at least one in use; the
 * nodes' nr_slab counters are the pages of all slabs.
 * Left out: per-CPU slabs and freelists, empty slabs kept for later, partial lists per node, merged caches, kmalloc.
 * Follows mm/slub.c of 6.1 (allocate_slab(), __slab_free()) as far as pages are concerned.
 */
#include "mm/kernel/kmem_cache.h"

#include "base/text.h"
#include "mm/core/link.h"
#include "mm/page/address.h"
#include "mm/page/frame.h"
#include "mm/page/page_alloc.h"
#include "mm/page/zone.h"

#include <assert.h>
#include <errno.h>

typedef unsigned long long ull;

#define SLAB_MAX_OBJECTS 128u /* of 32 bytes in a page */

struct slab {
	struct link list;
	uint64_t address;
	uint64_t pfn;
	uint32_t nr, used;
	uint64_t in_use[SLAB_MAX_OBJECTS / 64];
};

static const struct cache_row {
	const char *name;
	uint16_t bytes[2]; /* on a 64-bit machine, on a 32-bit one */
	uint8_t order[2];
} rows[NR_KMEM_CACHES] = {
#define KMEM_CACHE(name, bytes64, bytes32, order64, order32, doc)                                  \
	{#name, {bytes64, bytes32}, {order64, order32}},
#include "mm/kernel/kmem_cache.def"
};

static unsigned column(const struct machine *m)
{
	return m->arch == ARCH_I386 || m->arch == ARCH_ARM;
}

const char *kmem_cache_name(enum kmem_cache_id id)
{
	assert(id < NR_KMEM_CACHES);
	return rows[id].name;
}

unsigned kmem_cache_bytes(const struct machine *m, enum kmem_cache_id id)
{
	assert(id < NR_KMEM_CACHES);
	return rows[id].bytes[column(m)];
}

/* SLAB_RECLAIM_ACCOUNT: a shrinker can empty these. */
static bool reclaimable(enum kmem_cache_id id)
{
	return id == KMEM_inode_cache || id == KMEM_radix_tree_node;
}

static uint64_t *slab_counter(const struct machine *m, enum kmem_cache_id id, uint64_t pfn)
{
	struct node *n = node_at(m, pfn_zone(m, pfn)->nid);

	return &n->stat[reclaimable(id) ? ND_nr_slab_reclaimable : ND_nr_slab_unreclaimable];
}

static unsigned smallest_order(unsigned bytes)
{
	unsigned order = 0;

	while (PAGE_BYTES << order < bytes)
		order++;
	return order;
}

/* allocate_slab(): a large one is not worth any effort when a small one will do. */
static int slab_pages(struct machine *m, unsigned cpu, enum kmem_cache_id id, uint64_t *pfn)
{
	unsigned order = rows[id].order[column(m)], least = smallest_order(kmem_cache_bytes(m, id));
	gfp_t gfp = GFP_KERNEL | __GFP_COMP | (reclaimable(id) ? __GFP_RECLAIMABLE : 0);
	gfp_t easy = gfp | __GFP_NOWARN | __GFP_NORETRY;

	if (order > least)
		easy = (easy | __GFP_NOMEMALLOC) & ~(gfp_t)GFP_RECLAIM_BITS;
	int err = alloc_pages_node(m, cpu, -1, easy, order, pfn);
	if (err == -ENOMEM && order > least)
		err = alloc_pages_node(m, cpu, -1, gfp, least, pfn);
	return err;
}

static struct slab *slab_create(struct machine *m, unsigned cpu, enum kmem_cache_id id)
{
	uint64_t at = heap_alloc(m, sizeof(struct slab)), pfn;

	if (!at)
		return NULL;
	if (slab_pages(m, cpu, id, &pfn)) {
		heap_free(m, at, sizeof(struct slab));
		return NULL;
	}
	struct slab *s = machine_at(m, at);
	struct frame *f = frame_of(m, pfn);

	f->flags |= FRAME_SLAB;
	f->index = at >> 4;
	s->pfn = pfn;
	s->address = page_address(m, pfn);
	s->nr = (uint32_t)((PAGE_BYTES << f->order) / kmem_cache_bytes(m, id));
	assert(s->nr && s->nr <= SLAB_MAX_OBJECTS);
	*slab_counter(m, id, pfn) += (uint64_t)1 << f->order;
	m->kmem_cache[id].nr_slabs++;
	link_add(m, &m->kmem_cache[id].partial, &s->list);
	return s;
}

static void slab_destroy(struct machine *m, unsigned cpu, enum kmem_cache_id id, struct slab *s)
{
	struct frame *f = frame_of(m, s->pfn);
	unsigned order = f->order;

	link_del(m, &s->list);
	*slab_counter(m, id, s->pfn) -= (uint64_t)1 << order;
	m->kmem_cache[id].nr_slabs--;
	f->flags &= ~(uint32_t)FRAME_SLAB;
	f->index = 0;
	int err = free_pages_order(m, cpu, s->pfn, order);
	assert(!err);
	(void)err;
	heap_free(m, machine_ref(m, s), sizeof(*s));
}

/* The lowest free object of a slab that has one. */
static unsigned first_free(const struct slab *s)
{
	unsigned word = 0;

	while (s->in_use[word] == UINT64_MAX)
		word++;
	return word * 64 + (unsigned)__builtin_ctzll(~s->in_use[word]);
}

int kmem_cache_alloc(struct machine *m, unsigned cpu, enum kmem_cache_id id, uint64_t *address)
{
	struct kmem_cache *c = &m->kmem_cache[id];
	struct link *first = link_next(m, &c->partial, &c->partial);
	struct slab *s = first ? link_entry(first, struct slab, list) : slab_create(m, cpu, id);

	if (!s)
		return -m->why.err;
	unsigned i = first_free(s);

	assert(i < s->nr);
	s->in_use[i / 64] |= (uint64_t)1 << i % 64;
	if (++s->used == s->nr) {
		link_del(m, &s->list);
		link_add(m, &c->full, &s->list);
	}
	c->nr_objects++;
	*address = s->address + (uint64_t)i * kmem_cache_bytes(m, id);
	return 0;
}

/* The slab that holds the object at @address: its page's block begins where the cache's order says, but for slabs
 * that had to be smaller. */
static struct slab *slab_of(const struct machine *m, enum kmem_cache_id id, uint64_t address)
{
	uint64_t pfn = (address - page_offset(m) + phys_offset(m)) >> PAGE_SHIFT;
	unsigned order = rows[id].order[column(m)];
	uint64_t head = pfn & ~(((uint64_t)1 << order) - 1);

	assert(pfn_valid(m, pfn) && frame_is_live(m, pfn));
	if (!(frame_of(m, head)->flags & FRAME_SLAB) || frame_of(m, head)->order != order)
		head = frame_block_head(m, pfn);
	assert(head != NO_PFN && frame_of(m, head)->flags & FRAME_SLAB);
	return machine_at(m, (uint64_t)frame_of(m, head)->index << 4);
}

void kmem_cache_free(struct machine *m, unsigned cpu, enum kmem_cache_id id, uint64_t address)
{
	struct kmem_cache *c = &m->kmem_cache[id];

	if (!address)
		return;
	struct slab *s = slab_of(m, id, address);
	unsigned i = (unsigned)((address - s->address) / kmem_cache_bytes(m, id));

	assert(i < s->nr && address == s->address + (uint64_t)i * kmem_cache_bytes(m, id));
	assert(s->in_use[i / 64] >> i % 64 & 1);
	s->in_use[i / 64] &= ~((uint64_t)1 << i % 64);
	c->nr_objects--;
	if (s->used-- == s->nr && s->used) {
		link_del(m, &s->list);
		link_add(m, &c->partial, &s->list);
	}
	if (!s->used)
		slab_destroy(m, cpu, id, s);
}

struct slab_sums {
	uint64_t slabs, objects;
	unsigned bad;
};

static void check_slab(const struct machine *m, enum kmem_cache_id id, const struct slab *s,
	bool full, struct slab_sums *sum, struct text *out)
{
	const struct frame *f = frame_of(m, s->pfn);
	uint64_t bits = (uint64_t)__builtin_popcountll(s->in_use[0]) +
			(uint64_t)__builtin_popcountll(s->in_use[1]);

	sum->slabs++;
	sum->objects += s->used;
	if (f->flags & FRAME_SLAB && (uint64_t)f->index << 4 == machine_ref(m, s) &&
		bits == s->used && s->used && full == (s->used == s->nr) &&
		s->address == page_address(m, s->pfn))
		return;
	text_printf(out,
		"slab of %s at pfn 0x%llx: %u of %u objects in use, %llu bits, flags 0x%x, %s\n",
		rows[id].name, (ull)s->pfn, s->used, s->nr, (ull)bits, f->flags,
		full ? "among the full" : "among the partial");
	sum->bad++;
}

/* All slabs' pages by node are the nodes' counters. */
static unsigned check_counters(const struct machine *m, struct text *out)
{
	uint64_t pages[2] = {0};

	for (unsigned id = 0; id < NR_KMEM_CACHES; id++)
		for (unsigned full = 0; full < 2; full++) {
			const struct kmem_cache *c = &m->kmem_cache[id];

			link_for_each(m, full ? &c->full : &c->partial, l)
			{
				const struct slab *s = link_entry(l, struct slab, list);

				pages[reclaimable(id)] += (uint64_t)1 << frame_of(m, s->pfn)->order;
			}
		}
	uint64_t un = node_stat_total(m, ND_nr_slab_unreclaimable);
	uint64_t re = node_stat_total(m, ND_nr_slab_reclaimable);

	if (un == pages[0] && re == pages[1])
		return 0;
	text_printf(out,
		"nr_slab_unreclaimable %llu and nr_slab_reclaimable %llu, the slabs have %llu and "
		"%llu pages\n",
		(ull)un, (ull)re, (ull)pages[0], (ull)pages[1]);
	return 1;
}

unsigned kmem_cache_check(struct machine *m, struct text *out)
{
	unsigned bad = 0;

	for (unsigned id = 0; id < NR_KMEM_CACHES; id++) {
		const struct kmem_cache *c = &m->kmem_cache[id];
		struct slab_sums sum = {0};

		link_for_each(m, &c->partial, l)
			check_slab(m, id, link_entry(l, struct slab, list), false, &sum, out);
		link_for_each(m, &c->full, l)
			check_slab(m, id, link_entry(l, struct slab, list), true, &sum, out);
		bad += sum.bad;
		if (sum.slabs == c->nr_slabs && sum.objects == c->nr_objects)
			continue;
		text_printf(out,
			"%s: %llu slabs with %llu objects, the lists have %llu with %llu\n",
			rows[id].name, (ull)c->nr_slabs, (ull)c->nr_objects, (ull)sum.slabs,
			(ull)sum.objects);
		bad++;
	}
	return bad + check_counters(m, out);
}

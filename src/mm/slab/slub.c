/* SPDX-License-Identifier: MIT
 *
 * Taking objects and giving them back.
 *
 *	alloc   1. the CPU's freelist                                  the usual case: one load, one store
 *	        2. what others freed into the CPU's slab meanwhile
 *	        3. the CPU's chain of partial slabs
 *	        4. the node's partial list, then other nodes'
 *	        5. a new slab: of the cache's order without any effort, else of the smallest that holds an object
 *
 *	free    into the CPU's own slab: its freelist
 *	        into another slab:       that slab's list. Was it full, it becomes the first of this CPU's chain; is it
 *	                                 empty now and its node has min_partial slabs, its pages go back
 *
 * With init_on_alloc (Debian's default) an object's bytes are zero when it is given out, unless a constructor made
 * them.
 *
 * Invariant: each object is in use, or on exactly one list: a CPU's or its slab's, and the slab's map says which. inuse of a
 * slab counts a CPU's freelist as in use. Where somebody wrote over a free object's pointer, the list ends with a refusal,
 * and what was behind is lost; an object in use is never given out again.
 * Left out: charging objects to memory cgroups; pages from the reserves kept apart (pfmemalloc); SLUB_STATS.
 * Follows mm/slub.c of 6.1 (___slab_alloc(), allocate_slab(), __slab_free(), kmem_cache_alloc_bulk()).
 */
#include "mm/slab/internal.h"

#include "base/text.h"

#include <errno.h>

/* GFP_RECLAIM_MASK | GFP_CONSTRAINT_MASK: what of a caller's flags a slab's pages are taken with. */
#define SLAB_PAGE_GFP                                                                              \
	(GFP_RECLAIM_BITS | __GFP_HIGH | __GFP_IO | __GFP_FS | __GFP_NOWARN |                      \
		__GFP_RETRY_MAYFAIL | __GFP_NOFAIL | __GFP_NORETRY | __GFP_MEMALLOC |              \
		__GFP_NOMEMALLOC | __GFP_ATOMIC | __GFP_NOLOCKDEP | __GFP_HARDWALL |               \
		__GFP_THISNODE)
#define SLAB_BUG_GFP (__GFP_DMA32 | __GFP_HIGHMEM)

/* ---- a new slab ---- */

static int take_pages(struct machine *m, unsigned cpu, const struct kmem_cache *s, gfp_t gfp,
	int nid, uint64_t *pfn)
{
	gfp_t easy;

	gfp |= s->allocflags;
	easy = (gfp | __GFP_NOWARN | __GFP_NORETRY) & ~(gfp_t)__GFP_NOFAIL;
	if (easy & __GFP_DIRECT_RECLAIM && s->oo.order > s->min.order)
		easy = (easy | __GFP_NOMEMALLOC) & ~(gfp_t)GFP_RECLAIM_BITS;
	callstack_push(&m->callstack, CALLER_new_slab);
	int err = alloc_pages_node(m, cpu, nid, easy, s->oo.order, pfn);
	if (err == -ENOMEM)
		err = alloc_pages_node(m, cpu, nid, gfp, s->min.order, pfn);
	callstack_pop(&m->callstack);
	return err;
}

/* slab_out_of_memory() */
static void say_out_of_memory(struct machine *m, const struct kmem_cache *s, gfp_t gfp, int nid)
{
	struct text flags;

	if (gfp & __GFP_NOWARN || !machine_has(m, CONFIG_SLUB_DEBUG))
		return;
	text_init(&flags);
	gfp_print(gfp, &flags);
	log_printf(m, "SLUB: Unable to allocate memory on node %d, gfp=%#x(%s)", nid, gfp,
		text_str(&flags));
	text_finish(&flags);
	log_printf(m,
		"  cache: %s, object size: %u, buffer size: %u, default order: %u, min order: %u",
		s->name, s->object_size, s->size, s->oo.order, s->min.order);
	if (PAGE_BYTES << s->min.order > 2 * (uint64_t)s->object_size && s->min.order)
		log_printf(m, "  %s debugging increased min order, use slub_debug=O to disable.",
			s->name);
	for (unsigned i = 0; i < m->nr_nodes; i++) {
		const struct kmem_cache_node *n = kmem_cache_node(m, s, i);
		uint64_t free = 0;

		for (uint32_t at = n->partial.head; at; at = frame_of(m, at - 1)->next) {
			struct slab_counts c = slab_counts(frame_of(m, at - 1));

			free += c.objects - c.inuse;
		}
		log_printf(m, "  node %u: slabs: %llu, objs: %llu, free: %llu", i, (ull)n->nr_slabs,
			(ull)n->total_objects, (ull)free);
	}
}

int slab_new(
	struct machine *m, unsigned cpu, struct kmem_cache *s, gfp_t gfp, int nid, uint64_t *pfn)
{
	struct dram d = machine_dram(m);
	int err = take_pages(m, cpu, s, gfp & SLAB_PAGE_GFP, nid, pfn);

	if (err) {
		if (err == -ENOMEM)
			say_out_of_memory(m, s, gfp, nid);
		return err;
	}
	struct frame *f = frame_of(m, *pfn);
	unsigned order = f->order;
	unsigned objects = order == s->oo.order ? s->oo.objects : s->min.objects;

	for (uint64_t i = 0; i < (uint64_t)1 << order && !err; i++)
		err = dram_touch(&d, (*pfn + i) << PAGE_SHIFT, &m->why);
	uint64_t map_at = err ? 0 : heap_alloc(m, slab_map_bytes(objects));
	if (!err && !map_at)
		err = -m->why.err;
	if (err) {
		free_pages_order(m, cpu, *pfn, order);
		return err;
	}
	f->flags |= FRAME_SLAB;
	f->mapping = s->id;
	slab_set_map(m, f, map_at);
	slab_set_counts(f, (struct slab_counts){.objects = objects});
	*slab_page_counter(m, s->flags, *pfn) += (uint64_t)1 << order;
	struct kmem_cache_node *n = kmem_cache_node(m, s, slab_nid(m, *pfn));

	n->nr_slabs++;
	n->total_objects += objects;
	if (slab_is_debugged(s))
		slab_debug_setup(m, s, *pfn, objects);
	slab_set_first_object(m, s, *pfn, slab_chain_objects(m, s, *pfn, objects));
	return 0;
}

/* ---- alloc ---- */

static void set_cpu_slab(struct machine *m, const struct kmem_cache *s, struct kmem_cache_cpu *c,
	uint64_t pfn, uint64_t freelist)
{
	const struct frame *f = frame_of(m, pfn);

	c->slab = (uint32_t)(pfn + 1);
	c->start = slab_address(m, pfn);
	c->bytes = slab_counts(f).objects * s->size;
	c->map = slab_map_number(f);
	c->freelist = freelist;
}

static bool on_node(const struct machine *m, uint32_t slab, int nid)
{
	return nid < 0 || slab_nid(m, slab - 1) == (unsigned)nid;
}

/* Steps 2 to 5; afterwards the CPU's freelist has at least one object. */
static int refill(struct machine *m, unsigned cpu, struct kmem_cache *s, gfp_t gfp, int nid)
{
	struct kmem_cache_cpu *c = kmem_cache_cpu(m, s, cpu);
	uint64_t pfn, freelist;

	/* A node without memory has no slabs. */
	if (nid >= 0 && !node_at(m, (unsigned)nid)->has_memory)
		nid = -1;
	for (;;) {
		if (c->slab && !on_node(m, c->slab, nid))
			slab_deactivate(m, cpu, s);
		if (c->slab) {
			if (c->freelist)
				return 0;
			/* What others freed into it. */
			c->freelist = slab_get_freelist(m, s, c->slab - 1);
			if (c->freelist)
				return 0;
			*c = (struct kmem_cache_cpu){.partial = c->partial};
		}
		if (!c->partial)
			break;
		pfn = c->partial - 1;
		c->partial = frame_of(m, pfn)->next;
		frame_of(m, pfn)->next = frame_of(m, pfn)->prev = 0;
		set_cpu_slab(m, s, c, pfn, 0);
	}
	pfn = slab_get_partial(m, cpu, s, nid, &freelist);
	if (pfn == NO_PFN) {
		int err = slab_new(m, cpu, s, gfp, nid, &pfn);

		if (err)
			return err;
		freelist = slab_get_freelist(m, s, pfn);
	}
	set_cpu_slab(m, s, c, pfn, freelist);
	return 0;
}

/* kmalloc_fix_flags(): a cache's pages have their zone from the cache. */
static gfp_t fix_flags(struct machine *m, gfp_t gfp)
{
	struct text bad, good;
	gfp_t fixed = gfp & ~(gfp_t)SLAB_BUG_GFP;

	text_init(&bad);
	text_init(&good);
	gfp_print(gfp & SLAB_BUG_GFP, &bad);
	gfp_print(fixed, &good);
	log_printf(m, "Unexpected gfp: %#x (%s). Fixing up to gfp: %#x (%s). Fix your code!",
		gfp & SLAB_BUG_GFP, text_str(&bad), fixed, text_str(&good));
	text_finish(&bad);
	text_finish(&good);
	return fixed;
}

static void zero_object(struct machine *m, uint64_t address, uint64_t bytes)
{
	while (bytes) {
		uint64_t here = PAGE_BYTES - address % PAGE_BYTES;

		here = here < bytes ? here : bytes;
		if (slab_has_contents(m, address))
			memset(machine_at(m, address + m->slab.linear), 0, here);
		address += here;
		bytes -= here;
	}
}

void slab_say_oops(struct machine *m, uint64_t address)
{
	log_printf(m, "BUG: unable to handle page fault for address: %0*llx",
		machine_word_digits(m), (ull)address);
}

/* The CPU's free list leads astray: a kernel would read there, and die, or give out twice what is in use. Here the list ends,
 * and what was on it is lost. */
static int lose_freelist(struct machine *m, unsigned cpu, const struct kmem_cache *s)
{
	struct kmem_cache_cpu *c = kmem_cache_cpu(m, s, cpu);
	uint64_t astray = c->freelist;

	c->freelist = 0;
	slab_lose(m, c->slab - 1);
	slab_say_oops(m, astray + s->offset);
	return refuse(&m->why, EFAULT,
		"the free list of %s leads to 0x%llx, which is no free object: something was "
		"written "
		"to a free one (slub_debug=FZPU finds out what). A kernel would die here; the rest "
		"of "
		"that list is lost",
		s->name, (ull)astray);
}

static int take_slowly(struct machine *m, unsigned cpu, struct kmem_cache *s, gfp_t gfp, int nid,
	enum slab_holder holder, uint64_t *object)
{
	struct kmem_cache_cpu *c = kmem_cache_cpu(m, s, cpu);

	if (gfp & SLAB_BUG_GFP)
		gfp = fix_flags(m, gfp);
	if (slab_is_debugged(s))
		return slab_debug_alloc(m, cpu, s, gfp, nid, holder, object);
	int err = refill(m, cpu, s, gfp, nid);
	if (err)
		return err;
	*object = c->freelist;
	if (!slab_claim(m, c, s, *object, holder))
		return lose_freelist(m, cpu, s);
	c->freelist = slab_get_free_pointer(m, s, *object);
	return 0;
}

static inline int take(struct machine *m, unsigned cpu, struct kmem_cache *s, gfp_t gfp, int nid,
	enum slab_holder holder, uint64_t *address)
{
	struct kmem_cache_cpu *c = kmem_cache_cpu(m, s, cpu);
	uint64_t object = c->freelist;

	if (__builtin_expect(object && (nid < 0 || on_node(m, c->slab, nid)) &&
				     slab_claim(m, c, s, object, holder),
		    1)) {
		c->freelist = slab_get_free_pointer(m, s, object);
	} else {
		int err = take_slowly(m, cpu, s, gfp, nid, holder, &object);

		if (err)
			return err;
	}
	if (s->zero_objects || (gfp & __GFP_ZERO && !s->has_ctor))
		zero_object(m, object, s->object_size);
	clock_charge(m, SLAB_ALLOC);
	slab_post_alloc(m, cpu, s, object, s->object_size);
	*address = object;
	return 0;
}

int slab_alloc(struct machine *m, unsigned cpu, struct kmem_cache *s, gfp_t gfp, int nid,
	uint64_t *address)
{
	return take(m, cpu, s, gfp, nid, HOLDER_USER, address);
}

int slab_alloc_own(struct machine *m, unsigned cpu, struct kmem_cache *s, gfp_t gfp, int nid,
	uint64_t *address)
{
	return take(m, cpu, s, gfp, nid, HOLDER_KERNEL, address);
}

/* ---- free ---- */

/* __slab_free(): @n objects from @head to @tail, chained, into the slab at @pfn, which is not the CPU's. */
static void free_to_slab(struct machine *m, unsigned cpu, struct kmem_cache *s, struct frame *f,
	uint64_t pfn, uint64_t head, uint64_t tail, unsigned n)
{
	struct slab_counts c = slab_counts(f);
	unsigned prior = slab_first(f);
	bool was_frozen = c.frozen;

	if (slab_is_debugged(s)) {
		slab_debug_free(m, cpu, s, f, pfn, head, tail, n);
		return;
	}
	assert(c.inuse >= n);
	slab_chain_is_free(m, s, f, pfn, head, n);
	slab_set_free_pointer(m, s, tail, slab_first_object(m, s, pfn));
	slab_set_first_object(m, s, pfn, head);
	c.inuse -= n;
	if (!prior && !was_frozen && s->cpu_partial)
		c.frozen = true;
	slab_set_counts(f, c);
	if (was_frozen)
		return;
	if (c.frozen) {
		slab_put_cpu_partial(m, cpu, s, pfn, true);
		return;
	}
	if (!c.inuse && kmem_cache_node(m, s, slab_nid(m, pfn))->nr_partial >= s->min_partial) {
		if (prior)
			slab_remove_partial(m, s, f, pfn);
		slab_discard(m, cpu, s, pfn);
	} else if (!prior) {
		slab_add_partial(m, s, f, pfn, true);
	}
}

void slab_free(struct machine *m, unsigned cpu, struct kmem_cache *s, uint64_t address)
{
	struct kmem_cache_cpu *c = kmem_cache_cpu(m, s, cpu);

	slab_pre_free(m, s, address);
	clock_charge(m, SLAB_FREE);
	if (__builtin_expect(address - c->start < c->bytes, 1)) {
		uint32_t i = slab_object_index(s, address - c->start);

		if (__builtin_expect(slab_set_free_pointer(m, s, address, c->freelist), 1)) {
			c->freelist = address;
			slab_set_holder(m, c->map, i, HOLDER_NONE);
		} else {
			/* The host's budget ended, and the page's contents had been taken away. */
			slab_set_holder(m, c->map, i, HOLDER_LOST);
		}
		return;
	}
	uint64_t pfn;
	struct frame *f = slab_frame(m, s, address, &pfn);

	assert(f && f->flags & FRAME_SLAB && f->mapping == s->id);
	free_to_slab(m, cpu, s, f, pfn, address, address, 1);
}

/* ---- many at once ---- */

void slab_free_bulk(
	struct machine *m, unsigned cpu, struct kmem_cache *s, uint64_t n, const uint64_t *address)
{
	const struct kmem_cache_cpu *c = kmem_cache_cpu(m, s, cpu);

	/* build_detached_freelist(): from the end, neighbours of one slab go together. */
	while (n) {
		uint64_t tail = address[--n], head = tail, pfn;
		struct frame *f = slab_frame(m, s, tail, &pfn);
		uint64_t start = slab_address(m, pfn), bytes = slab_bytes(f);
		unsigned nr = 1;

		if (tail - c->start < c->bytes) {
			slab_free(m, cpu, s, tail);
			continue;
		}
		slab_pre_free(m, s, tail);
		while (n && address[n - 1] - start < bytes) {
			slab_pre_free(m, s, address[n - 1]);
			slab_set_free_pointer(m, s, address[--n], head);
			head = address[n];
			nr++;
		}
		clock_charge(m, SLAB_FREE);
		free_to_slab(m, cpu, s, f, pfn, head, tail, nr);
	}
}

int slab_alloc_bulk(struct machine *m, unsigned cpu, struct kmem_cache *s, gfp_t gfp, uint64_t n,
	uint64_t *address)
{
	for (uint64_t i = 0; i < n; i++) {
		int err = slab_alloc(m, cpu, s, gfp, -1, &address[i]);

		if (err) {
			slab_free_bulk(m, cpu, s, i, address);
			return err;
		}
	}
	return 0;
}

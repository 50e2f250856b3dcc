/* SPDX-License-Identifier: MIT
 *
 * kmalloc: the cache whose objects are just large enough; beyond the largest, pages.
 *
 *	bytes     1 .. 8  9 .. 16 ... 65 .. 96  97 .. 128  129 .. 192 ... 4097 .. 8192 | more: 2^order pages, compound
 *	gfp       __GFP_RECLAIMABLE kmalloc-rcl-*   __GFP_DMA dma-kmalloc-*   __GFP_ACCOUNT kmalloc-cg-*   kmalloc-*
 *	0         ZERO_SIZE_PTR (16): no memory, not to be used, may be freed
 *
 * kfree() finds everything from the address: the page's frame says which cache's slab it is, or that it is a block of
 * kmalloc's own. So it does with a wrong address, and a real kernel then corrupts a free list, or reports it, or dies,
 * depending on its debugging options. Here nothing is corrupted: the log has the line that the kernel prints where it
 * prints one, and the refusal says what would have happened where it does not.
 *
 *	no page there, or not a slab's               free_large_kmalloc()'s warning, or the oops
 *	inside an object, in the padding             silent corruption; "Invalid object pointer" with slub_debug=F
 *	free already, and it was freed last          BUG_ON() of CONFIG_SLAB_FREELIST_HARDENED
 *	free already                                 silent corruption; "Object already free" with slub_debug=F
 *	the kernel's own (a task_struct)             it is given out again under its user; with kfree() of what a cache has, too
 *	another cache's (kmem_cache_free)            "Wrong slab cache", and freed to its own
 *
 * Follows mm/slab_common.c of 6.1 (kmalloc_slab(), kfree(), __ksize(), __do_krealloc()), mm/slub.c (cache_from_obj()).
 */
#include "mm/slab/internal.h"

#include <errno.h>

/* ---- alloc ---- */

static enum kmalloc_type kmalloc_type(const struct machine *m, gfp_t gfp)
{
	if (!(gfp & (__GFP_DMA | __GFP_RECLAIMABLE | __GFP_ACCOUNT)))
		return KMALLOC_NORMAL;
	if (gfp & __GFP_DMA && machine_has(m, CONFIG_ZONE_DMA))
		return KMALLOC_DMA;
	if (gfp & __GFP_RECLAIMABLE)
		return KMALLOC_RECLAIM;
	return gfp & __GFP_ACCOUNT && machine_has(m, CONFIG_MEMCG) ? KMALLOC_CGROUP
								   : KMALLOC_NORMAL;
}

struct kmem_cache *kmalloc_cache(const struct machine *m, uint64_t size, gfp_t gfp)
{
	const uint64_t *row = m->slab.kmalloc_at[kmalloc_type(m, gfp)];
	unsigned shift = size <= 8 ? 3 : 64u - (unsigned)__builtin_clzll(size - 1);

	assert(size);
	if (shift > KMALLOC_SHIFT_HIGH)
		return NULL;
	if (size > 64 && size <= 96 && row[1])
		shift = 1;
	else if (size > 128 && size <= 192 && row[2])
		shift = 2;
	while (shift > 2 && !row[shift])
		shift++;
	return machine_at(m, row[shift]);
}

/* kmalloc_large_node() */
static int kmalloc_large(struct machine *m, unsigned cpu, uint64_t size, gfp_t gfp, int nid,
	enum slab_holder holder, uint64_t *address)
{
	unsigned order = 64u - (unsigned)__builtin_clzll((size - 1) >> PAGE_SHIFT);
	uint64_t pfn;

	if (gfp & (__GFP_HIGHMEM | __GFP_DMA32))
		gfp &= ~(gfp_t)(__GFP_HIGHMEM | __GFP_DMA32);
	if (order >= m->nr_orders)
		return refuse(&m->why, ENOMEM,
			"kmalloc: %llu bytes are more than the largest block has (%llu)", (ull)size,
			(ull)KMALLOC_MAX_BYTES(m));
	callstack_push(&m->callstack, CALLER_kmalloc_large);
	int err = alloc_pages_node(m, cpu, nid, gfp | __GFP_COMP, order, &pfn);
	callstack_pop(&m->callstack);
	if (err)
		return err;
	frame_of(m, pfn)->mapping = SLAB_LARGE_MAPPING;
	frame_of(m, pfn)->index = holder;
	frame_of(m, pfn)->own = 1;
	*slab_page_counter(m, 0, pfn) += (uint64_t)1 << order;
	m->slab.large_pages += (uint64_t)1 << order;
	*address = slab_address(m, pfn);
	slab_post_alloc(m, cpu, NULL, *address, size);
	return 0;
}

static int kmalloc_for(struct machine *m, unsigned cpu, uint64_t size, gfp_t gfp, int nid,
	enum slab_holder holder, uint64_t *address)
{
	*address = 0;
	if (!size) {
		*address = ZERO_SIZE_PTR;
		return 0;
	}
	struct kmem_cache *s = kmalloc_cache(m, size, gfp);

	if (!s)
		return kmalloc_large(m, cpu, size, gfp, nid, holder, address);
	/* Which zone is the cache's business. */
	gfp &= ~(gfp_t)(__GFP_DMA | __GFP_RECLAIMABLE);
	int err =
		(holder == HOLDER_USER ? slab_alloc : slab_alloc_own)(m, cpu, s, gfp, nid, address);
	if (!err && slab_is_debugged(s))
		slab_set_asked_bytes(m, s, *address, size);
	return err;
}

int kmalloc(struct machine *m, unsigned cpu, uint64_t size, gfp_t gfp, int nid, uint64_t *address)
{
	return kmalloc_for(m, cpu, size, gfp, nid, HOLDER_USER, address);
}

int kmalloc_own(
	struct machine *m, unsigned cpu, uint64_t size, gfp_t gfp, int nid, uint64_t *address)
{
	return kmalloc_for(m, cpu, size, gfp, nid, HOLDER_KERNEL, address);
}

/* ---- free ---- */

static void free_large(struct machine *m, unsigned cpu, const struct slab_place *p)
{
	slab_pre_free(m, NULL, p->start);
	*slab_page_counter(m, 0, p->pfn) -= (uint64_t)1 << p->order;
	m->slab.large_pages -= (uint64_t)1 << p->order;
	frame_of(m, p->pfn)->mapping = 0;
	frame_of(m, p->pfn)->index = 0;
	free_own_pages(m, cpu, p->pfn, p->order);
}

/* Nothing that kmalloc gave: where is it? */
static int refuse_foreign(struct machine *m, const char *verb, uint64_t address)
{
	uint64_t base = slab_address(m, m->base_pfn), end = slab_end(m);

	if (address < base || address >= end || !pfn_present(m, slab_pfn(m, address))) {
		log_printf(m, "BUG: unable to handle page fault for address: %0*llx",
			machine_word_digits(m), (ull)address);
		return refuse(&m->why, EINVAL,
			"%s: 0x%llx is no RAM in the kernel's direct map (0x%llx to 0x%llx): a "
			"kernel "
			"would take some other memory for the page's struct and die",
			verb, (ull)address, (ull)base, (ull)(end - 1));
	}
	log_printf(m, "WARNING: CPU: 0 PID: 0 at mm/slab_common.c free_large_kmalloc");
	log_printf(m, "object pointer: 0x%0*llx", machine_word_digits(m), (ull)address);
	return refuse(&m->why, EINVAL,
		"%s: 0x%llx is in page 0x%llx, which no cache has (sim/page/0x%llx says what it "
		"is): only what "
		"kmalloc or kmem_cache_alloc gave can be freed",
		verb, (ull)address, (ull)slab_pfn(m, address), (ull)slab_pfn(m, address));
}

/* An object that no user has. */
static int refuse_holder(
	struct machine *m, const char *verb, uint64_t address, const struct slab_place *p)
{
	const char *name = p->cache ? p->cache->name : "kmalloc's pages";

	if (p->holder == HOLDER_LOST)
		return refuse(&m->why, EINVAL,
			"%s: the object at 0x%llx of %s is lost since its free list was "
			"overwritten: nobody has it",
			verb, (ull)address, name);
	return refuse(&m->why, EINVAL,
		"%s: the object at 0x%llx of %s is the kernel's own: a kernel would give it out "
		"again while it still uses it",
		verb, (ull)address, name);
}

/* Is @p what a user can free: an object that begins at @address, and that a user has? */
static bool is_users(const struct slab_place *p, uint64_t address)
{
	return p->start == address && p->holder == HOLDER_USER;
}

/* A place in a slab that is no user's object's begin. */
static int refuse_place(
	struct machine *m, const char *verb, uint64_t address, const struct slab_place *p)
{
	const struct kmem_cache *s = p->cache;

	if (p->holder != HOLDER_NONE && p->start == address)
		return refuse_holder(m, verb, address, p);

	if (!s)
		return refuse(&m->why, EINVAL,
			"%s: 0x%llx is inside the block that kmalloc gave at 0x%llx: name that one",
			verb, (ull)address, (ull)p->start);
	if (s->flags & SLAB_CONSISTENCY_CHECKS)
		slab_debug_bad_free(m, p->cache, p->pfn, address,
			address == p->start && p->holder == HOLDER_NONE);
	if (s->flags & SLAB_CONSISTENCY_CHECKS)
		return address == p->start
			       ? refuse(&m->why, EINVAL,
					 "%s: the object at 0x%llx of %s is free already", verb,
					 (ull)address, s->name)
			       : refuse(&m->why, EINVAL,
					 "%s: 0x%llx is not the begin of an object of %s (0x%llx "
					 "is)",
					 verb, (ull)address, s->name, (ull)p->start);
	if (address != p->start)
		return refuse(&m->why, EINVAL,
			"%s: 0x%llx is not the begin of an object of %s; the nearest begins at "
			"0x%llx. A kernel without "
			"slub_debug=F would not notice and give it out again",
			verb, (ull)address, s->name, (ull)p->start);
	if (s->hardened && p->index + 1 == frame_of(m, p->pfn)->index) {
		log_printf(m, "kernel BUG at mm/slub.c!");
		return refuse(&m->why, EINVAL,
			"%s: the object at 0x%llx of %s is free already, and was freed last: the "
			"kernel stops at "
			"BUG_ON(object == fp)",
			verb, (ull)address, s->name);
	}
	return refuse(&m->why, EINVAL,
		"%s: the object at 0x%llx of %s is free already. A kernel without slub_debug=F may "
		"not notice and give it "
		"out twice",
		verb, (ull)address, s->name);
}

/* slab_free() of what a user wrote: a debugged cache may find that the object is not as it should be, and keeps it. */
static int free_object(struct machine *m, unsigned cpu, const char *verb, struct slab_place *p)
{
	struct kmem_cache *s = p->cache;
	uint64_t address = p->start;

	slab_free(m, cpu, s, address);
	if (slab_is_debugged(s) && slab_find(m, address, p) && p->cache == s &&
		p->holder != HOLDER_NONE)
		return refuse(&m->why, EINVAL,
			"%s: the object at 0x%llx of %s was not freed, because it or what lies "
			"around it was overwritten: sim/dmesg has the report",
			verb, (ull)address, s->name);
	return 0;
}

int kfree(struct machine *m, unsigned cpu, uint64_t address)
{
	struct slab_place p;

	if (address <= ZERO_SIZE_PTR)
		return 0;
	if (!slab_find(m, address, &p))
		return refuse_foreign(m, "kfree", address);
	if (!is_users(&p, address))
		return refuse_place(m, "kfree", address, &p);
	if (p.cache)
		return free_object(m, cpu, "kfree", &p);
	free_large(m, cpu, &p);
	return 0;
}

void kfree_own(struct machine *m, unsigned cpu, uint64_t address)
{
	struct slab_place p;

	if (!address)
		return;
	bool found = slab_find(m, address, &p);

	assert(found && p.start == address && p.holder == HOLDER_KERNEL);
	(void)found;
	if (p.cache)
		slab_free(m, cpu, p.cache, address);
	else
		free_large(m, cpu, &p);
}

int kmem_cache_free_checked(struct machine *m, unsigned cpu, struct kmem_cache *s, uint64_t address,
	struct kmem_cache **from)
{
	struct slab_place p;

	if (!slab_find(m, address, &p) || !p.cache) {
		log_printf(m, "cache_from_obj: Object is not a Slab page!");
		return refuse(&m->why, EINVAL,
			"kmem_cache_free: 0x%llx is in no slab: the kernel leaves it alone",
			(ull)address);
	}
	if (!is_users(&p, address))
		return refuse_place(m, "kmem_cache_free", address, &p);
	*from = p.cache;
	if (p.cache != s) {
		log_printf(m, "cache_from_obj: Wrong slab cache. %s but object is from %s", s->name,
			p.cache->name);
		slab_print_tracking(m, p.cache, address);
	}
	return free_object(m, cpu, "kmem_cache_free", &p);
}

/* ---- what it holds ---- */

static int usable(struct machine *m, const char *verb, uint64_t address, uint64_t *bytes)
{
	struct slab_place p;

	if (!slab_find(m, address, &p))
		return refuse_foreign(m, verb, address);
	if (p.holder == HOLDER_NONE || p.start != address)
		return refuse_place(m, verb, address, &p);
	*bytes = p.bytes;
	/* slab_ksize(): all of the place, but for what debugging or RCU needs. */
	if (p.cache && !(p.cache->flags & (SLAB_RED_ZONE | SLAB_POISON)))
		*bytes = p.cache->flags & (SLAB_TYPESAFE_BY_RCU | SLAB_STORE_USER) ? p.cache->inuse
										   : p.cache->size;
	return 0;
}

int ksize(struct machine *m, uint64_t address, uint64_t *bytes)
{
	*bytes = 0;
	return address <= ZERO_SIZE_PTR ? 0 : usable(m, "ksize", address, bytes);
}

/* Copy between two objects' bytes, which may lie across pages. */
static int copy_bytes(struct machine *m, uint64_t to, uint64_t from, uint64_t bytes)
{
	struct dram d = machine_dram(m);
	char buf[256];

	while (bytes) {
		uint64_t n = bytes < sizeof(buf) ? bytes : sizeof(buf);
		int err = dram_read(&d,
			from + m->slab.linear - m->dram_at + (m->base_pfn << PAGE_SHIFT), buf, n);

		if (!err)
			err = dram_write(&d,
				to + m->slab.linear - m->dram_at + (m->base_pfn << PAGE_SHIFT), buf,
				n, &m->why);
		if (err)
			return err;
		to += n;
		from += n;
		bytes -= n;
	}
	return 0;
}

int krealloc(
	struct machine *m, unsigned cpu, uint64_t old, uint64_t size, gfp_t gfp, uint64_t *address)
{
	uint64_t has = 0;
	struct slab_place p;
	int err = ksize(m, old, &has);

	*address = 0;
	if (err)
		return err;
	if (has && slab_find(m, old, &p) && p.holder != HOLDER_USER)
		return refuse_holder(m, "krealloc", old, &p);
	if (!size) {
		*address = ZERO_SIZE_PTR;
		return kfree(m, cpu, old);
	}
	*address = old;
	if (old > ZERO_SIZE_PTR && has >= size)
		return 0;
	err = kmalloc(m, cpu, size, gfp, -1, address);
	if (err)
		return err;
	err = copy_bytes(m, *address, old, has);
	if (err) {
		kfree(m, cpu, *address);
		*address = 0;
		return err;
	}
	return kfree(m, cpu, old);
}

/* ---- the kernel's own objects ---- */

int kmem_cache_alloc(struct machine *m, unsigned cpu, enum kmem_cache_id id, uint64_t *address)
{
	struct kmem_cache *s = machine_at(m, m->slab.own_at[id]);
	int err = slab_alloc_own(m, cpu, s, GFP_KERNEL, -1, address);

	if (!err)
		slab_own_object(m, *address);
	return err;
}

void kmem_cache_free(struct machine *m, unsigned cpu, enum kmem_cache_id id, uint64_t address)
{
	if (address)
		slab_free(m, cpu, machine_at(m, m->slab.own_at[id]), address);
}

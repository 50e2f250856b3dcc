/* SPDX-License-Identifier: MIT
 *
 * Where a slab is: with a CPU, on a CPU's chain, on a node's list, or nowhere because all of its objects are in use.
 *
 *	           takes from it                       keeps for later
 *	CPU 0      slab                                partial ─> slab ─> slab      frozen: the CPU's own
 *	node 0                                         partial <-> slab <-> slab    with free objects, empty ones among them
 *	full       no list; found again by its objects' address when one is freed
 *
 *	deactivate   slab and CPU freelist joined: empty and the node has min_partial already: its pages go back;
 *	             some free: to the node's list, at its end when others freed into it meanwhile; none: nowhere
 *	chain full   (cpu_partial_slabs) it moves whole to the nodes' lists; empty slabs beyond min_partial go back
 *	get_partial  the node's first slab for the CPU, and more for its chain up to half of what that may hold; then other
 *	             nodes that have more than min_partial, in 1000 of 1024 cases
 *
 * Follows mm/slub.c of 6.1 (deactivate_slab(), put_cpu_partial(), __unfreeze_partials(), get_partial_node()).
 */
#include "mm/slab/internal.h"

struct frame *slab_frame(
	const struct machine *m, const struct kmem_cache *s, uint64_t address, uint64_t *pfn)
{
	uint64_t at = slab_pfn(m, address);
	struct frame *f;

	*pfn = at & ~(((uint64_t)1 << s->oo.order) - 1);
	f = frame_of(m, *pfn);
	if (f->flags & FRAME_SLAB && f->order == s->oo.order)
		return f;
	*pfn = frame_block_head(m, at);
	return *pfn == NO_PFN ? NULL : frame_of(m, *pfn);
}

unsigned slab_nid(const struct machine *m, uint64_t pfn)
{
	return m->nr_nodes == 1 ? 0 : pfn_zone(m, pfn)->nid;
}

uint64_t *slab_page_counter(const struct machine *m, uint32_t flags, uint64_t pfn)
{
	return &node_at(m, pfn_zone(m, pfn)->nid)
			->stat[flags & SLAB_RECLAIM_ACCOUNT ? ND_nr_slab_reclaimable
							    : ND_nr_slab_unreclaimable];
}

void slab_add_partial(
	struct machine *m, struct kmem_cache *s, struct frame *f, uint64_t pfn, bool tail)
{
	struct kmem_cache_node *n = kmem_cache_node(m, s, slab_nid(m, pfn));

	n->nr_partial++;
	frame_list_add(m, &n->partial, f, pfn, tail);
}

void slab_remove_partial(struct machine *m, struct kmem_cache *s, struct frame *f, uint64_t pfn)
{
	struct kmem_cache_node *n = kmem_cache_node(m, s, slab_nid(m, pfn));

	n->nr_partial--;
	frame_list_del(m, &n->partial, f);
	f->next = f->prev = 0;
}

void slab_discard(struct machine *m, unsigned cpu, struct kmem_cache *s, uint64_t pfn)
{
	struct kmem_cache_node *n = kmem_cache_node(m, s, slab_nid(m, pfn));
	struct frame *f = frame_of(m, pfn);
	unsigned order = f->order;

	n->nr_slabs--;
	n->total_objects -= slab_counts(f).objects;
	*slab_page_counter(m, s->flags, pfn) -= (uint64_t)1 << order;
	f->flags &= ~(uint32_t)FRAME_SLAB;
	heap_free(m, machine_ref(m, slab_map(m, slab_map_number(f))),
		slab_map_bytes(slab_counts(f).objects));
	f->mapcount = f->mapping = f->next = f->prev = 0;
	f->index = 0;
	int err = free_pages_order(m, cpu, pfn, order);
	assert(!err);
	(void)err;
}

/* A slab that no CPU has any more. */
static void settle(struct machine *m, unsigned cpu, struct kmem_cache *s, uint64_t pfn, bool tail)
{
	struct frame *f = frame_of(m, pfn);
	struct slab_counts c = slab_counts(f);

	c.frozen = false;
	slab_set_counts(f, c);
	f->next = f->prev = 0;
	if (!c.inuse && kmem_cache_node(m, s, slab_nid(m, pfn))->nr_partial >= s->min_partial)
		slab_discard(m, cpu, s, pfn);
	else if (slab_first(f))
		slab_add_partial(m, s, f, pfn, tail);
}

/* __unfreeze_partials(): the chain that begins at @first (pfn + 1). */
static void unfreeze(struct machine *m, unsigned cpu, struct kmem_cache *s, uint32_t first)
{
	while (first) {
		uint64_t pfn = first - 1;

		first = frame_of(m, pfn)->next;
		settle(m, cpu, s, pfn, true);
	}
}

void slab_put_cpu_partial(
	struct machine *m, unsigned cpu, struct kmem_cache *s, uint64_t pfn, bool drain)
{
	struct kmem_cache_cpu *c = kmem_cache_cpu(m, s, cpu);
	struct frame *f = frame_of(m, pfn);
	uint32_t old = c->partial, full = 0;
	uint32_t slabs = old ? frame_of(m, old - 1)->prev : 0;

	if (old && drain && slabs >= s->cpu_partial_slabs) {
		full = old;
		old = 0;
		slabs = 0;
	}
	f->next = old;
	f->prev = slabs + 1;
	c->partial = (uint32_t)(pfn + 1);
	unfreeze(m, cpu, s, full);
}

void slab_deactivate(struct machine *m, unsigned cpu, struct kmem_cache *s)
{
	struct kmem_cache_cpu *c = kmem_cache_cpu(m, s, cpu);
	uint64_t map[SLAB_MAX_OBJECTS / 64 + 1];
	uint64_t pfn = c->slab - 1, freelist = c->freelist, last;
	struct frame *f = frame_of(m, pfn);
	bool remote = slab_first(f) != 0;
	struct slab_counts counts = slab_counts(f);
	unsigned back = 0;

	memset(map, 0, (counts.objects / 64 + 1) * sizeof(*map));
	bool whole = slab_mark_list(m, s, f, pfn, freelist, map, &back, &last);
	if (!whole)
		slab_say_oops(m, (last ? slab_get_free_pointer(m, s, last) : freelist) + s->offset);
	if (last) {
		slab_set_free_pointer(m, s, last, slab_first_object(m, s, pfn));
		slab_set_first_object(m, s, pfn, freelist);
	}
	assert(counts.inuse >= back);
	counts.inuse -= back;
	slab_set_counts(f, counts);
	*c = (struct kmem_cache_cpu){.partial = c->partial};
	if (!whole)
		slab_lose(m, pfn);
	settle(m, cpu, s, pfn, remote);
}

void slab_flush_all(struct machine *m, struct kmem_cache *s)
{
	for (unsigned i = 0; i < m->nr_cpus; i++) {
		struct kmem_cache_cpu *c = kmem_cache_cpu(m, s, i);
		uint32_t chain = c->partial;

		if (c->slab)
			slab_deactivate(m, i, s);
		c->partial = 0;
		/* Work for that CPU in the kernel; its pages go to that CPU's lists. */
		unfreeze(m, i, s, chain);
	}
}

/* acquire_slab(): off the node's list, frozen. */
static void acquire(struct machine *m, struct kmem_cache *s, struct frame *f, uint64_t pfn)
{
	struct slab_counts c = slab_counts(f);

	assert(!c.frozen && slab_first(f));
	c.frozen = true;
	slab_set_counts(f, c);
	slab_remove_partial(m, s, f, pfn);
}

uint64_t slab_get_freelist(struct machine *m, const struct kmem_cache *s, uint64_t pfn)
{
	struct frame *f = frame_of(m, pfn);
	struct slab_counts c = slab_counts(f);
	uint64_t first = slab_first_object(m, s, pfn);

	c.inuse = c.objects;
	c.frozen = first != 0;
	slab_set_counts(f, c);
	slab_set_first(f, 0);
	return first;
}

static uint64_t partial_of_node(
	struct machine *m, unsigned cpu, struct kmem_cache *s, unsigned nid, uint64_t *freelist)
{
	struct kmem_cache_node *n = kmem_cache_node(m, s, nid);
	uint64_t got = NO_PFN;
	unsigned more = 0;

	while (n->partial.head) {
		uint64_t pfn = n->partial.head - 1;
		struct frame *f = frame_of(m, pfn);

		acquire(m, s, f, pfn);
		if (got == NO_PFN) {
			got = pfn;
			*freelist = slab_get_freelist(m, s, pfn);
		} else {
			slab_put_cpu_partial(m, cpu, s, pfn, false);
			more++;
		}
		if (!s->cpu_partial || more > s->cpu_partial_slabs / 2)
			break;
	}
	return got;
}

/* get_any_partial(): not always, so that a node's own memory is not used up by others. */
static uint64_t partial_of_others(
	struct machine *m, unsigned cpu, struct kmem_cache *s, uint64_t *freelist)
{
	const struct node *own = node_at(m, m->cpu_node[cpu]);

	if (!s->remote_node_defrag_ratio ||
		m->clock.now_ns * CYCLES_PER_NS % 1024 > s->remote_node_defrag_ratio)
		return NO_PFN;
	for (unsigned i = 0; i < own->nr_fallback; i++) {
		unsigned nid = own->fallback[i].nid;

		if (kmem_cache_node(m, s, nid)->nr_partial <= s->min_partial)
			continue;
		uint64_t pfn = partial_of_node(m, cpu, s, nid, freelist);
		if (pfn != NO_PFN)
			return pfn;
	}
	return NO_PFN;
}

uint64_t slab_get_partial(
	struct machine *m, unsigned cpu, struct kmem_cache *s, int nid, uint64_t *freelist)
{
	const struct node *own = node_at(m, m->cpu_node[cpu]);
	unsigned search = nid >= 0	     ? (unsigned)nid
			  : own->nr_fallback ? own->fallback[0].nid
					     : own->nid;
	uint64_t pfn = partial_of_node(m, cpu, s, search, freelist);

	if (pfn != NO_PFN || nid >= 0)
		return pfn;
	return partial_of_others(m, cpu, s, freelist);
}

/* SPDX-License-Identifier: MIT
 *
 * The slab allocator's specification: what holds between any two acts.
 *
 *   1. A slab is a block of pages with flag SLAB, of a cache that exists, of its usual or its least order, with as many
 *      objects as that order holds.
 *   2. Its free lists lie in its objects: each leads to begins of objects of this slab, to none twice, and they have
 *      as many objects as are not in use; those of a CPU's freelist count as in use. They are exactly the objects that
 *      nobody has, as the slab's map says.
 *   3. Frozen slabs are exactly those that CPUs have: one to take from, the others on its chain, whose first one says how
 *      many there are.
 *   4. Slabs that are not frozen and have free objects are exactly those on the list of their node.
 *   5. nr_slabs, total_objects, nr_partial of a node and the nodes' nr_slab_* counters are what is found.
 */
#include "mm/slab/internal.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

struct found {
	uint64_t slabs, objects, listed, frozen, with_cpus;
};

struct checker {
	struct machine *m;
	struct text *out;
	struct found *found; /* [cache id - 1][node] */
	unsigned bad;
};

static struct found *found(const struct checker *c, uint32_t id, unsigned nid)
{
	return &c->found[(uint64_t)(id - 1) * c->m->nr_nodes + nid];
}

static void violation(struct checker *c, const struct kmem_cache *s, uint64_t pfn, const char *what)
{
	if (c->bad++ < 32)
		text_printf(
			c->out, "slab: %s, pfn 0x%llx: %s\n", s ? s->name : "?", (ull)pfn, what);
}

static void check_slab(struct checker *c, uint64_t pfn)
{
	uint64_t map[SLAB_MAX_OBJECTS / 64 + 1];
	const struct frame *f = frame_of(c->m, pfn);
	const struct kmem_cache *s = kmem_cache_get(c->m, f->mapping);
	struct slab_counts n = slab_counts(f);
	unsigned kept = 0;

	if (!s) {
		violation(c, NULL, pfn, "its cache does not exist");
		return;
	}
	if (!(f->order == s->oo.order && n.objects == s->oo.objects) &&
		!(f->order == s->min.order && n.objects == s->min.objects))
		violation(c, s, pfn, "its order or number of objects is not the cache's");
	if (!f->refcount || n.inuse > n.objects)
		violation(c, s, pfn, "no reference, or more objects in use than it has");
	unsigned free = slab_free_map(c->m, pfn, map);
	if (free == UINT32_MAX) {
		violation(
			c, s, pfn, "a free pointer leads out of the slab, or twice to one object");
		return;
	}
	for (unsigned i = 0; i < c->m->nr_cpus && n.frozen; i++) {
		const struct kmem_cache_cpu *cpu = kmem_cache_cpu(c->m, s, i);

		if (cpu->slab != pfn + 1)
			continue;
		for (uint64_t at = cpu->freelist; at; at = slab_get_free_pointer(c->m, s, at))
			kept++;
		if (cpu->start != slab_address(c->m, pfn) || cpu->bytes != n.objects * s->size ||
			cpu->map != slab_map_number(f))
			violation(
				c, s, pfn, "the CPU that takes from it remembers other addresses");
	}
	if (free != n.objects - n.inuse + kept)
		violation(c, s, pfn, "its free lists have not as many objects as are free");
	for (unsigned i = 0; i < n.objects; i++)
		if ((map[i / 64] >> i % 64 & 1) != (slab_holder(c->m, f, i) == HOLDER_NONE))
			violation(c, s, pfn, "its map and its free lists do not agree");
	struct found *sum = found(c, s->id, slab_nid(c->m, pfn));

	sum->slabs++;
	sum->objects += n.objects;
	sum->frozen += n.frozen;
	sum->listed += !n.frozen && slab_first(f);
}

static void check_node_list(struct checker *c, const struct kmem_cache *s, unsigned nid)
{
	const struct kmem_cache_node *n = kmem_cache_node(c->m, s, nid);
	uint64_t nr = 0;
	uint32_t prev = 0;

	for (uint32_t at = n->partial.head; at && nr <= n->nr_partial; nr++) {
		const struct frame *f = frame_of(c->m, at - 1);

		if (!(f->flags & FRAME_SLAB) || f->mapping != s->id || slab_counts(f).frozen ||
			!slab_first(f) || f->prev != prev || slab_nid(c->m, at - 1) != nid)
			violation(c, s, at - 1, "does not belong on its node's list");
		prev = at;
		at = f->next;
	}
	const struct found *sum = found(c, s->id, nid);

	if (nr == n->nr_partial && n->partial.tail == prev && sum->listed == nr &&
		sum->slabs == n->nr_slabs && sum->objects == n->total_objects)
		return;
	text_printf(c->out,
		"slab: %s node %u: %llu slabs, %llu objects, %llu partial; found %llu, %llu, %llu "
		"(%llu on the list)\n",
		s->name, nid, (ull)n->nr_slabs, (ull)n->total_objects, (ull)n->nr_partial,
		(ull)sum->slabs, (ull)sum->objects, (ull)sum->listed, (ull)nr);
	c->bad++;
}

static void check_cpu(struct checker *c, const struct kmem_cache *s, unsigned cpu)
{
	const struct kmem_cache_cpu *k = kmem_cache_cpu(c->m, s, cpu);
	uint32_t left = k->partial ? frame_of(c->m, k->partial - 1)->prev : 0;

	if (!k->slab && (k->freelist || k->start || k->bytes))
		violation(c, s, 0, "a CPU has a freelist but no slab");
	if (k->slab) {
		const struct frame *f = frame_of(c->m, k->slab - 1);

		if (!(f->flags & FRAME_SLAB) || f->mapping != s->id || !slab_counts(f).frozen)
			violation(c, s, k->slab - 1, "a CPU takes from it, but it is not frozen");
		found(c, s->id, slab_nid(c->m, k->slab - 1))->with_cpus++;
	}
	for (uint32_t at = k->partial; at; at = frame_of(c->m, at - 1)->next, left--) {
		const struct frame *f = frame_of(c->m, at - 1);

		if (!left || f->prev != left || !(f->flags & FRAME_SLAB) || f->mapping != s->id ||
			!slab_counts(f).frozen) {
			violation(c, s, at - 1, "does not belong on a CPU's chain");
			return;
		}
		found(c, s->id, slab_nid(c->m, at - 1))->with_cpus++;
	}
	if (left)
		violation(c, s, 0, "a CPU's chain is shorter than its first slab says");
}

static void check_pages(struct checker *c, const uint64_t pages[2], uint64_t large)
{
	uint64_t un = node_stat_total(c->m, ND_nr_slab_unreclaimable);
	uint64_t re = node_stat_total(c->m, ND_nr_slab_reclaimable);

	if (un == pages[0] + large && re == pages[1] && large == c->m->slab.large_pages)
		return;
	text_printf(c->out,
		"slab: nr_slab_unreclaimable %llu, nr_slab_reclaimable %llu, large blocks %llu "
		"pages; found %llu, %llu "
		"and %llu\n",
		(ull)un, (ull)re, (ull)c->m->slab.large_pages, (ull)(pages[0] + large),
		(ull)pages[1], (ull)large);
	c->bad++;
}

unsigned slab_check(struct machine *m, struct text *out)
{
	struct checker c = {.m = m, .out = out};
	uint64_t pages[2] = {0}, large = 0;

	if (!m->slab.nr)
		return 0;
	c.found = calloc((size_t)m->slab.nr * m->nr_nodes, sizeof(*c.found));
	if (!c.found)
		return 0;
	for (uint64_t pfn = slab_next(m, 0); pfn != NO_PFN;
		pfn = slab_next(m, pfn + ((uint64_t)1 << frame_of(m, pfn)->order))) {
		const struct frame *f = frame_of(m, pfn);
		const struct kmem_cache *s = kmem_cache_get(m, f->mapping);

		if (!(f->flags & FRAME_SLAB)) {
			large += (uint64_t)1 << f->order;
			continue;
		}
		pages[s && s->flags & SLAB_RECLAIM_ACCOUNT] += (uint64_t)1 << f->order;
		check_slab(&c, pfn);
	}
	for (struct kmem_cache *s = kmem_cache_next(m, NULL); s; s = kmem_cache_next(m, s)) {
		for (unsigned cpu = 0; cpu < m->nr_cpus; cpu++)
			check_cpu(&c, s, cpu);
		for (unsigned nid = 0; nid < m->nr_nodes; nid++) {
			check_node_list(&c, s, nid);
			if (found(&c, s->id, nid)->frozen != found(&c, s->id, nid)->with_cpus)
				violation(&c, s, 0, "a slab is frozen, but no CPU has it");
		}
	}
	check_pages(&c, pages, large);
	free(c.found);
	return c.bad;
}

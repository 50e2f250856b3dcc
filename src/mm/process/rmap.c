/* SPDX-License-Identifier: MIT
 *
 * Reverse mapping (see rmap.h).
 *
 *	frame.mapping ──> anon_vma A ──chains──> [A, parent's vma] [A, child's vma]
 *	                  anon_vma B ──chains──> [B, child's vma]                      parent of B: A
 *
 * A page that a process made before a fork belongs to A: both may still map it, so both mappings are on A's list. What
 * the child makes afterwards belongs to B, which only the child is on; so the search for a child's page never asks the
 * parent. anon_vma_clone() reuses an anon_vma that has one child and no mapping of its own left, as 6.1 does, or a chain
 * of forks in which each parent dies would grow for ever.
 *
 * A page's place in a mapping: addr = vma.start + (frame.index - vma.pgoff) pages, for files and anonymous memory alike.
 * Whether it really is mapped there the page tables say.
 *
 * Left out: interval trees (a list of mappings is searched from end to end), large pages.
 * Follows mm/rmap.c of 6.1.
 */
#include "mm/process/rmap.h"

#include "mm/core/link.h"
#include "mm/page/frame.h"
#include "mm/page/zone.h"
#include "mm/process/mempolicy.h"
#include "mm/process/pgtables.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"
#include "mm/slab/slab.h"

#include <assert.h>
#include <errno.h>

/* ---- ids ---- */

static uint64_t *slots(const struct machine *m)
{
	return machine_at(m, m->processes.mappings.at);
}

uint32_t mapping_id_alloc(struct machine *m, uint64_t object_at)
{
	struct mappings *t = &m->processes.mappings;
	uint32_t id = t->first_free;

	assert(object_at && !(object_at & 1));
	if (id) {
		t->first_free = (uint32_t)(slots(m)[id] >> 1);
		slots(m)[id] = object_at;
		return id;
	}
	if (t->nr + 1 >= t->cap) {
		uint32_t cap = t->cap ? t->cap * 2 : 64;
		uint64_t at = heap_grow(m, t->at, (uint64_t)t->cap * 8, (uint64_t)cap * 8);

		if (!at)
			return 0;
		t->at = at;
		t->cap = cap;
	}
	id = ++t->nr;
	slots(m)[id] = object_at;
	return id;
}

void mapping_id_free(struct machine *m, uint32_t id)
{
	struct mappings *t = &m->processes.mappings;

	assert(id && id <= t->nr);
	slots(m)[id] = (uint64_t)t->first_free << 1 | 1;
	t->first_free = id;
}

void *mapping_object(const struct machine *m, uint32_t id)
{
	if (!id || id > m->processes.mappings.nr || slots(m)[id] & 1)
		return NULL;
	return machine_at(m, slots(m)[id]);
}

/* ---- anon_vmas and chains ---- */

static struct anon_vma *anon_vma_alloc(struct machine *m, unsigned cpu)
{
	uint64_t object, at;

	if (kmem_cache_alloc(m, cpu, KMEM_anon_vma, &object))
		return NULL;
	at = heap_alloc(m, sizeof(struct anon_vma));
	uint32_t id = at ? mapping_id_alloc(m, at) : 0;

	if (!id) {
		heap_free(m, at, sizeof(struct anon_vma));
		kmem_cache_free(m, cpu, KMEM_anon_vma, object);
		return NULL;
	}
	struct anon_vma *av = machine_at(m, at);

	*av = (struct anon_vma){.id = id, .object = object};
	return av;
}

/* Freed when no chain and no child is left. */
static void anon_vma_put(struct machine *m, unsigned cpu, struct anon_vma *av)
{
	while (av && !av->refcount && !av->num_children) {
		struct anon_vma *parent = anon_vma_at(m, av->parent_at);

		assert(!av->num_active_vmas && link_list_empty(m, &av->chains));
		if (parent)
			parent->num_children--;
		mapping_id_free(m, av->id);
		kmem_cache_free(m, cpu, KMEM_anon_vma, av->object);
		heap_free(m, machine_ref(m, av), sizeof(*av));
		av = parent;
	}
}

static struct anon_vma_chain *chain_alloc(struct machine *m, unsigned cpu)
{
	uint64_t object, at;

	if (kmem_cache_alloc(m, cpu, KMEM_anon_vma_chain, &object))
		return NULL;
	at = heap_alloc(m, sizeof(struct anon_vma_chain));
	if (!at) {
		kmem_cache_free(m, cpu, KMEM_anon_vma_chain, object);
		return NULL;
	}
	struct anon_vma_chain *c = machine_at(m, at);

	*c = (struct anon_vma_chain){.object = object};
	return c;
}

static void chain_free(struct machine *m, unsigned cpu, struct anon_vma_chain *c)
{
	kmem_cache_free(m, cpu, KMEM_anon_vma_chain, c->object);
	heap_free(m, machine_ref(m, c), sizeof(*c));
}

static void chain_link(
	struct machine *m, struct anon_vma_chain *c, struct vma *v, struct anon_vma *av)
{
	c->vma_at = machine_ref(m, v);
	c->anon_vma_at = machine_ref(m, av);
	link_add(m, &v->anon_chain, &c->same_vma);
	link_add_tail(m, &av->chains, &c->same_anon_vma);
	av->refcount++;
}

bool anon_chain_singular(const struct machine *m, const struct vma *v)
{
	const struct link *first = link_next(m, &v->anon_chain, &v->anon_chain);

	return first && !link_next(m, &v->anon_chain, first);
}

/* A neighbour's anon_vma can serve if the two mappings could be merged but for it (reusable_anon_vma()). */
static struct anon_vma *reusable(
	const struct machine *m, const struct vma *old, const struct vma *a, const struct vma *b)
{
	const uint64_t ignored = VM_ACCESS_FLAGS | VM_SOFTDIRTY;

	if (!mpol_equal(&a->policy, &b->policy))
		return NULL;
	if (a->end != b->start || a->file_at != b->file_at || (a->flags ^ b->flags) & ~ignored ||
		b->pgoff != a->pgoff + vma_pages(a))
		return NULL;
	if (!old->anon_vma_at || !anon_chain_singular(m, old))
		return NULL;
	return anon_vma_at(m, old->anon_vma_at);
}

static struct anon_vma *find_mergeable(const struct machine *m, const struct vma *v)
{
	const struct vma_index *x = &vma_mm(m, v)->vmas;
	const struct vma *next = vma_next(m, x, v), *prev;
	struct anon_vma *av = next ? reusable(m, next, v, next) : NULL;

	if (av)
		return av;
	prev = vma_prev(m, x, v);
	return prev ? reusable(m, prev, prev, v) : NULL;
}

int anon_vma_prepare_slow(struct machine *m, unsigned cpu, struct vma *v)
{
	struct anon_vma_chain *c = chain_alloc(m, cpu);

	if (!c)
		return -m->why.err;
	struct anon_vma *av = find_mergeable(m, v);

	if (!av) {
		av = anon_vma_alloc(m, cpu);
		if (!av) {
			chain_free(m, cpu, c);
			return -m->why.err;
		}
	}
	v->anon_vma_at = machine_ref(m, av);
	av->num_active_vmas++;
	chain_link(m, c, v, av);
	return 0;
}

/* May @dst (of a fork: it has none yet) use this anon_vma of its parent's as its own? */
static bool can_reuse(const struct machine *m, const struct vma *dst, const struct vma *src,
	const struct anon_vma *av)
{
	return !dst->anon_vma_at && src->anon_vma_at && av->num_children < 2 &&
	       !av->num_active_vmas && machine_ref(m, av) != src->anon_vma_at;
}

int anon_vma_clone(struct machine *m, unsigned cpu, struct vma *dst, struct vma *src)
{
	bool fork = !dst->anon_vma_at;
	/* From the tail on, so that @dst's list gets the same order. */
	struct link *head = &src->anon_chain;

	for (uint64_t at = head->prev; at && at != machine_ref(m, head);) {
		struct anon_vma_chain *from =
			link_entry(link_at(m, at), struct anon_vma_chain, same_vma);
		struct anon_vma *av = anon_vma_at(m, from->anon_vma_at);
		struct anon_vma_chain *c = chain_alloc(m, cpu);

		if (!c) {
			int err = -m->why.err;

			/* The caller counts itself as a user only when all went well. */
			dst->anon_vma_at = 0;
			unlink_anon_vmas(m, cpu, dst);
			return err;
		}
		chain_link(m, c, dst, av);
		if (fork && can_reuse(m, dst, src, av))
			dst->anon_vma_at = machine_ref(m, av);
		at = from->same_vma.prev;
	}
	if (dst->anon_vma_at)
		anon_vma_at(m, dst->anon_vma_at)->num_active_vmas++;
	return 0;
}

int anon_vma_fork(struct machine *m, unsigned cpu, struct vma *child, struct vma *parent)
{
	if (!parent->anon_vma_at)
		return 0;
	child->anon_vma_at = 0;
	int err = anon_vma_clone(m, cpu, child, parent);

	if (err || child->anon_vma_at)
		return err;
	struct anon_vma *av = anon_vma_alloc(m, cpu);
	struct anon_vma_chain *c = av ? chain_alloc(m, cpu) : NULL;

	if (!c) {
		err = -m->why.err;
		if (av)
			anon_vma_put(m, cpu, av);
		unlink_anon_vmas(m, cpu, child);
		return err;
	}
	av->parent_at = parent->anon_vma_at;
	anon_vma_at(m, av->parent_at)->num_children++;
	av->num_active_vmas++;
	child->anon_vma_at = machine_ref(m, av);
	chain_link(m, c, child, av);
	return 0;
}

void unlink_anon_vmas(struct machine *m, unsigned cpu, struct vma *v)
{
	struct link *l;

	if (v->anon_vma_at)
		anon_vma_at(m, v->anon_vma_at)->num_active_vmas--;
	v->anon_vma_at = 0;
	while ((l = link_next(m, &v->anon_chain, &v->anon_chain))) {
		struct anon_vma_chain *c = link_entry(l, struct anon_vma_chain, same_vma);
		struct anon_vma *av = anon_vma_at(m, c->anon_vma_at);

		link_del(m, &c->same_vma);
		link_del(m, &c->same_anon_vma);
		chain_free(m, cpu, c);
		av->refcount--;
		anon_vma_put(m, cpu, av);
	}
}

/* ---- counting entries ---- */

void page_add_file_rmap(struct machine *m, uint64_t pfn)
{
	struct frame *f = frame_of(m, pfn);

	if (!f->mapcount++)
		++*rmap_node_stat(m, pfn, ND_nr_mapped);
}

void page_move_anon_rmap(struct machine *m, uint64_t pfn, struct vma *v)
{
	struct frame *f = frame_of(m, pfn);

	assert(v->anon_vma_at);
	f->mapping = anon_vma_at(m, v->anon_vma_at)->id;
	f->flags |= FRAME_ANON_EXCLUSIVE;
}

void page_add_anon_rmap(struct machine *m, uint64_t pfn, bool exclusive)
{
	struct frame *f = frame_of(m, pfn);

	assert(f->flags & FRAME_ANON);
	if (!f->mapcount++)
		++*rmap_node_stat(m, pfn, ND_nr_anon_pages);
	if (exclusive)
		f->flags |= FRAME_ANON_EXCLUSIVE;
}

/* ---- who maps it ---- */

/* Has @v a place for page @index? Then its address. */
static bool place_in(const struct vma *v, uint64_t index, uint64_t *addr)
{
	if (index < v->pgoff || index - v->pgoff >= vma_pages(v))
		return false;
	*addr = v->start + ((index - v->pgoff) << PAGE_SHIFT);
	return true;
}

void rmap_each_place(
	struct machine *m, uint64_t index, uint32_t mapping, bool anon, rmap_fn *fn, void *data)
{
	void *object = mapping_object(m, mapping);
	uint64_t addr;

	if (!object)
		return;
	if (anon) {
		struct anon_vma *av = object;

		link_for_each(m, &av->chains, l)
		{
			struct anon_vma_chain *c =
				link_entry(l, struct anon_vma_chain, same_anon_vma);
			struct vma *v = machine_at(m, c->vma_at);

			if (place_in(v, index, &addr) && !fn(m, data, v, addr))
				return;
		}
		return;
	}
	struct inode *inode = object;

	link_for_each(m, &inode->mappings, l)
	{
		struct vma *v = link_entry(l, struct vma, mapped);

		if (place_in(v, index, &addr) && !fn(m, data, v, addr))
			return;
	}
}

struct mapped_walk {
	uint64_t pfn;
	rmap_fn *fn;
	void *data;
	unsigned found;
};

static bool if_mapped(struct machine *m, void *data, struct vma *v, uint64_t addr)
{
	struct mapped_walk *w = data;
	pte_t pte = pte_of(m, vma_mm(m, v), addr);

	if (pte_none(pte) || !pte_present(m, pte) || pte_pfn(m, pte) != w->pfn)
		return true;
	w->found++;
	return w->fn(m, w->data, v, addr);
}

unsigned rmap_walk(struct machine *m, uint64_t pfn, rmap_fn *fn, void *data)
{
	const struct frame *f = frame_of(m, pfn);
	struct mapped_walk w = {.pfn = pfn, .fn = fn, .data = data};

	if (f->mapcount)
		rmap_each_place(m, f->index, f->mapping, f->flags & FRAME_ANON, if_mapped, &w);
	return w.found;
}

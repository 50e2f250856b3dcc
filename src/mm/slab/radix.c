/* SPDX-License-Identifier: MIT
 *
 * A radix tree of 64-bit indices, six bits a level (see radix.h).
 *
 *	height 2:	root slot[index >> 6 & 63] -> leaf slot[index & 63] = value
 *
 * Setting: count the nodes that are missing, allocate all of them, and only then change the tree, so a refusal leaves it
 * as it was. A tree that is too low for an index gets new roots above the old one, which becomes slot 0. Erasing frees
 * nodes that become empty from the leaf up; a root with slot 0 alone gives way to its child.
 *
 * Invariants: a node has at least one slot in use; the root of a tree of more than one level has a slot above 0 in use.
 * A slot of an inner node holds the child's place in the arena in units of 16 bytes.
 *
 * Left out: marks, multi-index entries. Follows lib/xarray.c of 6.1 in how many nodes there are.
 */
#include "mm/slab/radix.h"

#include "mm/slab/slab.h"
#include "mm/machine.h"

#include <assert.h>

enum { BITS = 6, SLOTS = 1 << BITS, MAX_HEIGHT = 11 };

struct radix_node {
	uint64_t object; /* kernel address of the radix_tree_node */
	uint32_t used;	 /* slots */
	uint32_t slot[SLOTS];
};

/* The nodes that a radix_set() is going to use. */
struct supply {
	uint64_t at[2 * MAX_HEIGHT];
	unsigned nr;
};

static struct radix_node *node_at_offset(const struct machine *m, uint64_t at)
{
	return machine_at(m, at);
}

static uint64_t child_at(const struct radix_node *n, unsigned i)
{
	return (uint64_t)n->slot[i] << 4;
}

static uint32_t child_slot(uint64_t at)
{
	assert(!(at & 15) && at >> 4 <= UINT32_MAX);
	return (uint32_t)(at >> 4);
}

static unsigned shift_of(unsigned height)
{
	return (height - 1) * BITS;
}

static unsigned digit(uint64_t index, unsigned shift)
{
	return index >> shift & (SLOTS - 1);
}

/* Can a tree of @height hold @index? */
static bool fits(unsigned height, uint64_t index)
{
	return height >= MAX_HEIGHT || !(index >> (height * BITS));
}

static void node_free(struct machine *m, struct radix *r, uint64_t at)
{
	kmem_cache_free(m, 0, KMEM_radix_tree_node, node_at_offset(m, at)->object);
	heap_free(m, at, sizeof(struct radix_node));
	r->nr_nodes--;
}

static int supply_fill(struct machine *m, struct radix *r, struct supply *s, unsigned nr)
{
	int err = 0;

	for (s->nr = 0; s->nr < nr && !err; s->nr++) {
		uint64_t object, at;

		err = kmem_cache_alloc(m, 0, KMEM_radix_tree_node, &object);
		if (err)
			break;
		at = heap_alloc(m, sizeof(struct radix_node));
		if (!at) {
			err = -m->why.err;
			kmem_cache_free(m, 0, KMEM_radix_tree_node, object);
			break;
		}
		node_at_offset(m, at)->object = object;
		s->at[s->nr] = at;
		r->nr_nodes++;
	}
	while (err && s->nr > 0)
		node_free(m, r, s->at[--s->nr]);
	return err;
}

static uint64_t supply_take(struct supply *s)
{
	assert(s->nr);
	return s->at[--s->nr];
}

uint32_t radix_get(const struct machine *m, const struct radix *r, uint64_t index)
{
	if (!fits(r->height, index))
		return 0;
	uint64_t at = r->root_at;
	for (unsigned h = r->height; h > 1 && at; h--)
		at = child_at(node_at_offset(m, at), digit(index, shift_of(h)));
	if (!r->height || !at)
		return (uint32_t)at;
	return node_at_offset(m, at)->slot[digit(index, 0)];
}

/* How many nodes @index lacks in a tree that is to be @height high. */
static unsigned nodes_missing(
	const struct machine *m, const struct radix *r, uint64_t index, unsigned height)
{
	if (!r->root_at)
		return height;
	/* New roots, and below the top one a branch of its own: the index did not fit the old tree. */
	if (height > r->height)
		return height - r->height + height - 1;
	uint64_t at = r->root_at;
	unsigned h = height;
	for (; h > 1 && at; h--)
		at = child_at(node_at_offset(m, at), digit(index, shift_of(h)));
	return at ? 0 : h;
}

static void grow(struct machine *m, struct radix *r, unsigned height, struct supply *s)
{
	if (!r->root_at) {
		r->root_at = supply_take(s);
		r->height = height;
	}
	for (; r->height < height; r->height++) {
		uint64_t at = supply_take(s);
		struct radix_node *n = node_at_offset(m, at);

		n->slot[0] = r->height ? child_slot(r->root_at) : (uint32_t)r->root_at;
		n->used = 1;
		r->root_at = at;
	}
}

int radix_set(struct machine *m, struct radix *r, uint64_t index, uint32_t value)
{
	struct supply s;
	unsigned height = r->height;

	assert(value);
	while (!fits(height, index))
		height++;
	if (!height) {
		r->root_at = value;
		return 0;
	}
	int err = supply_fill(m, r, &s, nodes_missing(m, r, index, height));
	if (err)
		return err;
	grow(m, r, height, &s);
	struct radix_node *n = node_at_offset(m, r->root_at);
	for (unsigned h = height; h > 1; h--) {
		uint32_t *slot = &n->slot[digit(index, shift_of(h))];

		if (!*slot) {
			*slot = child_slot(supply_take(&s));
			n->used++;
		}
		n = node_at_offset(m, (uint64_t)*slot << 4);
	}
	n->used += !n->slot[digit(index, 0)];
	n->slot[digit(index, 0)] = value;
	assert(!s.nr);
	return 0;
}

/* A root that only repeats its child gives way to it. */
static void shrink(struct machine *m, struct radix *r)
{
	while (r->height) {
		uint64_t at = r->root_at;
		const struct radix_node *n = node_at_offset(m, at);

		if (n->used != 1 || !n->slot[0])
			return;
		r->root_at = r->height > 1 ? child_at(n, 0) : n->slot[0];
		r->height--;
		node_free(m, r, at);
	}
}

uint32_t radix_erase(struct machine *m, struct radix *r, uint64_t index)
{
	uint64_t path[MAX_HEIGHT + 1];
	uint32_t old = radix_get(m, r, index);
	unsigned h;

	if (!old)
		return 0;
	if (!r->height) {
		r->root_at = 0;
		return old;
	}
	path[r->height] = r->root_at;
	for (h = r->height; h > 1; h--)
		path[h - 1] = child_at(node_at_offset(m, path[h]), digit(index, shift_of(h)));
	for (h = 1; h <= r->height; h++) {
		struct radix_node *n = node_at_offset(m, path[h]);

		n->slot[digit(index, shift_of(h))] = 0;
		if (--n->used)
			break;
		node_free(m, r, path[h]);
	}
	if (h > r->height)
		r->root_at = r->height = 0;
	else
		shrink(m, r);
	return old;
}

uint32_t radix_next(const struct machine *m, const struct radix *r, uint64_t *index)
{
	uint64_t at = r->root_at, i = *index;
	unsigned shift = r->height ? shift_of(r->height) : 0;

	if (!at || !fits(r->height, i))
		return 0;
	if (!r->height)
		return (uint32_t)at;
	for (;;) {
		const struct radix_node *n = node_at_offset(m, at);
		unsigned d = digit(i, shift), first = d;

		while (d < SLOTS && !n->slot[d])
			d++;
		if (d == SLOTS) {
			/* Nothing further in this node: go on behind it, from the root. */
			if (shift == shift_of(r->height))
				return 0;
			i = ((i >> (shift + BITS)) + 1) << (shift + BITS);
			if (!i || !fits(r->height, i))
				return 0;
			at = r->root_at;
			shift = shift_of(r->height);
			continue;
		}
		if (d != first)
			i = ((i >> shift & ~(uint64_t)(SLOTS - 1)) | d) << shift;
		if (!shift) {
			*index = i;
			return n->slot[d];
		}
		at = child_at(n, d);
		shift -= BITS;
	}
}

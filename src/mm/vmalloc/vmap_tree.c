/* SPDX-License-Identifier: MIT
 *
 * The trees of areas (see vmap_tree.h): treaps.
 *
 * A treap is a search tree by address that is at the same time a heap by priority; with priorities that look random it
 * is as flat as a shuffled tree, whatever the order of insertions. The priority is a hash of the node's place in the
 * arena, so that the same acts make the same tree. (Linux has red-black trees; which shape a tree has is not seen.)
 *
 *	        [5000-9000) max 4000                lowest place for 3000 bytes: left has at most 1000, so not there;
 *	       /                    \               this one has room: here
 *	[1000-2000) max 1000    [a000-b000)
 *
 * Each node knows the largest area of its subtree, so that a search enters no subtree in vain, unless the alignment or
 * the bounds spoil what it finds there.
 *
 * Where an area fits only because it happens to be aligned, 6.1 may pass it over: it asks for room for any alignment.
 * Here the lowest place that fits is taken.
 */
#include "mm/vmalloc/vmap_tree.h"

#include "mm/core/link.h"

#include <assert.h>

static struct vmap_area *node(const struct machine *m, uint64_t at)
{
	return at ? machine_at(m, at) : NULL;
}

static uint64_t priority(uint64_t at)
{
	uint64_t x = at * 0x9e3779b97f4a7c15ULL;

	x ^= x >> 29;
	return (x * 0xbf58476d1ce4e5b9ULL) ^ x >> 32;
}

static void update(const struct machine *m, struct vmap_area *a)
{
	const struct vmap_area *left = node(m, a->left), *right = node(m, a->right);

	a->max_bytes = a->end - a->start;
	if (left && left->max_bytes > a->max_bytes)
		a->max_bytes = left->max_bytes;
	if (right && right->max_bytes > a->max_bytes)
		a->max_bytes = right->max_bytes;
}

/* Of two trees, all of @left below all of @right. */
static uint64_t merge(struct machine *m, uint64_t left, uint64_t right)
{
	if (!left || !right)
		return left ? left : right;
	if (priority(left) > priority(right)) {
		struct vmap_area *a = node(m, left);

		a->right = merge(m, a->right, right);
		update(m, a);
		return left;
	}
	struct vmap_area *a = node(m, right);

	a->left = merge(m, left, a->left);
	update(m, a);
	return right;
}

/* *@low gets those that begin below @addr, *@high the others. */
static void split(struct machine *m, uint64_t root, uint64_t addr, uint64_t *low, uint64_t *high)
{
	struct vmap_area *a = node(m, root);

	if (!a) {
		*low = *high = 0;
		return;
	}
	if (a->start < addr) {
		split(m, a->right, addr, &a->right, high);
		*low = root;
	} else {
		split(m, a->left, addr, low, &a->left);
		*high = root;
	}
	update(m, a);
}

void vmap_tree_insert(struct machine *m, uint64_t *root, struct vmap_area *a)
{
	uint64_t low, high, at = machine_ref(m, a);

	assert(a->start < a->end && !a->left && !a->right);
	split(m, *root, a->start, &low, &high);
	update(m, a);
	*root = merge(m, merge(m, low, at), high);
}

void vmap_tree_remove(struct machine *m, uint64_t *root, struct vmap_area *a)
{
	uint64_t low, rest, found, high;

	split(m, *root, a->start, &low, &rest);
	split(m, rest, a->start + 1, &found, &high);
	assert(found == machine_ref(m, a));
	a->left = a->right = 0;
	*root = merge(m, low, high);
}

struct vmap_area *vmap_tree_find(const struct machine *m, uint64_t root, uint64_t addr)
{
	for (struct vmap_area *a = node(m, root); a;) {
		if (addr >= a->start && addr < a->end)
			return a;
		a = node(m, addr < a->start ? a->left : a->right);
	}
	return NULL;
}

struct vmap_area *vmap_tree_next(const struct machine *m, uint64_t root, uint64_t addr)
{
	struct vmap_area *found = NULL;

	for (struct vmap_area *a = node(m, root); a;) {
		if (a->start >= addr)
			found = a;
		a = node(m, a->start >= addr ? a->left : a->right);
	}
	return found;
}

struct vmap_area *vmap_tree_before(const struct machine *m, uint64_t root, uint64_t addr)
{
	struct vmap_area *found = NULL;

	for (struct vmap_area *a = node(m, root); a;) {
		if (a->start < addr)
			found = a;
		a = node(m, a->start < addr ? a->right : a->left);
	}
	return found;
}

struct vmap_area *vmap_tree_lowest(const struct machine *m, uint64_t root, uint64_t bytes,
	uint64_t align, uint64_t low, uint64_t high, uint64_t *at)
{
	struct vmap_area *a = node(m, root), *found;

	assert(bytes && align && !(align & (align - 1)));
	if (!a || a->max_bytes < bytes)
		return NULL;
	/* What lies to the left ends where this one begins, at the latest. */
	if (low < a->start) {
		found = vmap_tree_lowest(m, a->left, bytes, align, low, high, at);
		if (found)
			return found;
	}
	uint64_t start = a->start > low ? a->start : low;
	uint64_t aligned = (start + align - 1) & ~(align - 1);

	if (start >= high)
		return NULL;
	if (aligned >= start && aligned < a->end && a->end - aligned >= bytes && aligned < high &&
		high - aligned >= bytes) {
		*at = aligned;
		return a;
	}
	return vmap_tree_lowest(m, a->right, bytes, align, low, high, at);
}

/* ---- checking ---- */

const char *vmap_tree_wrong(const struct machine *m, uint64_t root)
{
	const struct vmap_area *a = node(m, root);

	if (!a)
		return NULL;
	uint64_t max = a->end - a->start;

	for (unsigned right = 0; right < 2; right++) {
		const struct vmap_area *child = node(m, right ? a->right : a->left);

		if (!child)
			continue;
		if (right ? child->start < a->end : child->end > a->start)
			return "a child lies on the wrong side of its parent";
		if (priority(machine_ref(m, child)) > priority(root))
			return "a child has the higher priority";
		max = child->max_bytes > max ? child->max_bytes : max;
	}
	if (max != a->max_bytes)
		return "a subtree's largest area is not what its root says";
	const char *wrong = vmap_tree_wrong(m, a->left);

	return wrong ? wrong : vmap_tree_wrong(m, a->right);
}

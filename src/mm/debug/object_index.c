/* SPDX-License-Identifier: MIT
 *
 * A sorted list in two levels (see object_index.h).
 *
 *	refs     [ 0x1000 | 0x9000 | 0xf000 ]                 first start of each leaf, in one block
 *	             │        └─> 0x9000+64 0x9040+64 ...
 *	             └─> 0x1000+32 0x1020+32 ...              up to LEAF_MOST ranges, in ascending order
 *
 * A search is two short binary ones; an insertion moves part of a leaf, and when that is full halves it. The leak scanner
 * asks for every word of memory that looks like an address, so few cache lines are touched.
 *
 * Invariant: no leaf is empty; the ranges ascend, over all leaves, and do not overlap.
 */
#include "mm/debug/object_index.h"

#include "mm/machine.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define LEAF_MOST  64u
#define REFS_LEAST 16u

struct index_entry {
	uint64_t start, bytes, value;
};

struct index_leaf {
	uint64_t nr;
	struct index_entry entry[LEAF_MOST];
};

struct index_leaf_ref {
	uint64_t first; /* start of its first range */
	uint64_t at;
};

static struct index_leaf_ref *refs(const struct machine *m, const struct object_index *x)
{
	return machine_at(m, x->leaves_at);
}

static struct index_leaf *leaf(const struct machine *m, const struct object_index *x, uint32_t i)
{
	return machine_at(m, refs(m, x)[i].at);
}

/* The last leaf that begins at or below @address; the first one when all begin above. */
static uint32_t leaf_of(const struct machine *m, const struct object_index *x, uint64_t address)
{
	const struct index_leaf_ref *r = refs(m, x);
	uint32_t low = 0, high = x->nr_leaves;

	while (high - low > 1) {
		uint32_t mid = (low + high) / 2;

		if (r[mid].first <= address)
			low = mid;
		else
			high = mid;
	}
	return low;
}

/* How many ranges of the leaf begin at or below @address. */
static unsigned up_to(const struct index_leaf *l, uint64_t address)
{
	unsigned low = 0, high = (unsigned)l->nr;

	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (l->entry[mid].start <= address)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

uint64_t object_index_find(const struct machine *m, const struct object_index *x, uint64_t address)
{
	if (!x->nr)
		return 0;
	const struct index_leaf *l = leaf(m, x, leaf_of(m, x, address));
	unsigned n = up_to(l, address);

	if (!n || address - l->entry[n - 1].start >= l->entry[n - 1].bytes)
		return 0;
	return l->entry[n - 1].value;
}

/* ---- changing it ---- */

static int room_for_ref(struct machine *m, struct object_index *x)
{
	uint32_t cap = x->cap ? 2 * x->cap : REFS_LEAST;

	if (x->nr_leaves < x->cap)
		return 0;
	uint64_t at = heap_grow(m, x->leaves_at, x->cap * sizeof(struct index_leaf_ref),
		cap * sizeof(struct index_leaf_ref));

	if (!at)
		return -m->why.err;
	x->leaves_at = at;
	x->cap = cap;
	return 0;
}

/* A new leaf at place @i, with nothing in it yet. */
static int add_leaf(struct machine *m, struct object_index *x, uint32_t i)
{
	int err = room_for_ref(m, x);
	uint64_t at = err ? 0 : heap_alloc(m, sizeof(struct index_leaf));

	if (!at)
		return -m->why.err;
	struct index_leaf_ref *r = refs(m, x);

	memmove(&r[i + 1], &r[i], (x->nr_leaves - i) * sizeof(*r));
	r[i] = (struct index_leaf_ref){.at = at};
	x->nr_leaves++;
	return 0;
}

/* The upper half of a full leaf goes into a new one behind it. */
static int split(struct machine *m, struct object_index *x, uint32_t i)
{
	int err = add_leaf(m, x, i + 1);

	if (err)
		return err;
	struct index_leaf *from = leaf(m, x, i), *to = leaf(m, x, i + 1);

	from->nr = LEAF_MOST / 2;
	to->nr = LEAF_MOST - from->nr;
	memcpy(to->entry, &from->entry[from->nr], to->nr * sizeof(to->entry[0]));
	memset(&from->entry[from->nr], 0, to->nr * sizeof(to->entry[0]));
	refs(m, x)[i + 1].first = to->entry[0].start;
	return 0;
}

/* The start of the first range behind place @n of leaf @i; all ones behind the last. */
static uint64_t start_behind(
	const struct machine *m, const struct object_index *x, uint32_t i, unsigned n)
{
	const struct index_leaf *l = leaf(m, x, i);

	if (n < l->nr)
		return l->entry[n].start;
	return i + 1 < x->nr_leaves ? refs(m, x)[i + 1].first : UINT64_MAX;
}

int object_index_insert(
	struct machine *m, struct object_index *x, uint64_t start, uint64_t bytes, uint64_t value)
{
	int err = x->nr_leaves ? 0 : add_leaf(m, x, 0);

	assert(bytes && start + bytes > start);
	if (err)
		return err;
	uint32_t i = leaf_of(m, x, start);
	unsigned n = up_to(leaf(m, x, i), start);
	const struct index_entry *below = n ? &leaf(m, x, i)->entry[n - 1] : NULL;

	if ((below && start - below->start < below->bytes) ||
		start_behind(m, x, i, n) - start < bytes)
		return refuse(&m->why, EEXIST, "an object overlaps [0x%llx, 0x%llx)",
			(unsigned long long)start, (unsigned long long)(start + bytes));
	if (leaf(m, x, i)->nr == LEAF_MOST) {
		err = split(m, x, i);
		if (err)
			return err;
		if (n > LEAF_MOST / 2) {
			n -= LEAF_MOST / 2;
			i++;
		}
	}
	struct index_leaf *l = leaf(m, x, i);

	memmove(&l->entry[n + 1], &l->entry[n], (l->nr - n) * sizeof(l->entry[0]));
	l->entry[n] = (struct index_entry){start, bytes, value};
	l->nr++;
	refs(m, x)[i].first = l->entry[0].start;
	x->nr++;
	return 0;
}

uint64_t object_index_remove(struct machine *m, struct object_index *x, uint64_t start)
{
	uint32_t i = x->nr ? leaf_of(m, x, start) : 0;
	struct index_leaf *l = x->nr ? leaf(m, x, i) : NULL;
	unsigned n = l ? up_to(l, start) : 0;

	if (!n || l->entry[n - 1].start != start)
		return 0;
	uint64_t value = l->entry[--n].value;

	l->nr--;
	memmove(&l->entry[n], &l->entry[n + 1], (l->nr - n) * sizeof(l->entry[0]));
	l->entry[l->nr] = (struct index_entry){0};
	x->nr--;
	if (l->nr) {
		refs(m, x)[i].first = l->entry[0].start;
		return value;
	}
	struct index_leaf_ref *r = refs(m, x);

	heap_free(m, r[i].at, sizeof(struct index_leaf));
	x->nr_leaves--;
	memmove(&r[i], &r[i + 1], (x->nr_leaves - i) * sizeof(*r));
	r[x->nr_leaves] = (struct index_leaf_ref){0};
	return value;
}

void object_index_finish(struct machine *m, struct object_index *x)
{
	for (uint32_t i = 0; i < x->nr_leaves; i++)
		heap_free(m, refs(m, x)[i].at, sizeof(struct index_leaf));
	heap_free(m, x->leaves_at, x->cap * sizeof(struct index_leaf_ref));
	*x = (struct object_index){0};
}

/* SPDX-License-Identifier: MIT
 *
 * The mappings of an address space in order of address (see vma_index.h): a tree of two levels.
 *
 *	x->leaves_at:  | low, last, gap, at | low, last, gap, at | ...   one ref a leaf, sorted
 *	                              |
 *	leaf:          low[] | end[] | at[]                              up to VMA_LEAF_MAX mappings
 *
 * `low` is where a mapping begins, less the gap that a stack keeps free below itself (vm_start_gap()), so a gap is
 * always low[i] - end[i - 1]. A ref's `gap` is the largest one between two mappings of its leaf; the gap between two
 * leaves is seen from their refs.
 *
 *	find    first ref with last > addr, then first slot with end > addr
 *	insert  before that slot; a full leaf is cut where the new mapping goes, so that mappings made from the top
 *		down (as mmap does) or from the bottom up leave full leaves behind
 *	remove  an empty leaf goes; one that fits into a neighbour with room to spare joins it
 *	gap     from the end that was asked for, over refs; into a leaf only when its `gap` is large enough. A search from
 *		above leaves where it ended: until a mapping above goes, one for as much or more need not look there again
 *
 * An insertion takes at most one leaf, and vma_index_reserve() puts them aside, so that nothing fails halfway.
 *
 * Left out: RCU, ranges that are locked one by one. Follows what mm/mmap.c of 6.1 asks of lib/maple_tree.c.
 */
#include "mm/process/vma_index.h"

#include "base/text.h"
#include "mm/core/heap.h"
#include "mm/core/link.h"

#include <assert.h>
#include <string.h>

enum {
	CUT_MARGIN = VMA_LEAF_MAX / 8, /* a cut leaves at least so many on each side */
	JOIN_MAX = VMA_LEAF_MAX * 3 / 4,
	SPARES_KEPT = 2,
	FIRST_CAP = 8,
};

struct place {
	uint32_t leaf, slot;
};

static struct vma_leaf_ref *refs(const struct machine *m, const struct vma_index *x)
{
	return machine_at(m, x->leaves_at);
}

static struct vma_leaf *leaf_at(const struct machine *m, uint64_t at)
{
	return machine_at(m, at);
}

static struct vma_leaf *leaf_of(const struct machine *m, const struct vma_index *x, uint32_t i)
{
	return leaf_at(m, refs(m, x)[i].at);
}

static struct vma *vma_in(const struct machine *m, const struct vma_leaf *l, uint32_t slot)
{
	return machine_at(m, l->at[slot]);
}

/* Where the first mapping that ends above @addr is: leaf nr_leaves when there is none. */
static struct place seek(const struct machine *m, const struct vma_index *x, uint64_t addr)
{
	const struct vma_leaf_ref *r = refs(m, x);
	uint32_t low = 0, high = x->nr_leaves;

	while (low < high) {
		uint32_t mid = (low + high) / 2;

		if (r[mid].last > addr)
			high = mid;
		else
			low = mid + 1;
	}
	struct place p = {low, 0};
	if (low == x->nr_leaves)
		return p;
	const struct vma_leaf *l = leaf_at(m, r[low].at);
	for (high = l->nr; p.slot < high;) {
		uint32_t mid = (p.slot + high) / 2;

		if (l->end[mid] > addr)
			high = mid;
		else
			p.slot = mid + 1;
	}
	return p;
}

static struct vma *vma_of(const struct machine *m, const struct vma_index *x, struct place p)
{
	return p.leaf < x->nr_leaves ? vma_in(m, leaf_of(m, x, p.leaf), p.slot) : NULL;
}

static struct vma *before(const struct machine *m, const struct vma_index *x, struct place p)
{
	if (p.slot)
		return vma_in(m, leaf_of(m, x, p.leaf), p.slot - 1);
	if (!p.leaf)
		return NULL;
	const struct vma_leaf *l = leaf_of(m, x, p.leaf - 1);
	return vma_in(m, l, l->nr - 1);
}

static struct place place_of(
	const struct machine *m, const struct vma_index *x, const struct vma *v)
{
	struct place p = seek(m, x, v->start);

	assert(vma_of(m, x, p) == v);
	return p;
}

/* ---- searches ---- */

struct vma *vma_find(const struct machine *m, const struct vma_index *x, uint64_t addr)
{
	if (x->cached_at) {
		struct vma *v = machine_at(m, x->cached_at);

		if (addr >= v->start && addr < v->end)
			return v;
	}
	return vma_of(m, x, seek(m, x, addr));
}

struct vma *vma_find_remember(const struct machine *m, struct vma_index *x, uint64_t addr)
{
	struct vma *v = vma_find(m, x, addr);

	if (v && addr >= v->start)
		x->cached_at = machine_ref(m, v);
	return v;
}

struct vma *vma_find_in(
	const struct machine *m, const struct vma_index *x, uint64_t addr, uint64_t end)
{
	struct vma *v = vma_find(m, x, addr);

	return v && v->start < end ? v : NULL;
}

struct vma *vma_find_prev(const struct machine *m, const struct vma_index *x, uint64_t addr)
{
	return before(m, x, seek(m, x, addr));
}

struct vma *vma_first(const struct machine *m, const struct vma_index *x)
{
	return x->nr ? vma_in(m, leaf_of(m, x, 0), 0) : NULL;
}

struct vma *vma_last(const struct machine *m, const struct vma_index *x)
{
	return before(m, x, (struct place){x->nr_leaves, 0});
}

struct vma *vma_next(const struct machine *m, const struct vma_index *x, const struct vma *v)
{
	return vma_of(m, x, seek(m, x, v->end));
}

struct vma *vma_prev(const struct machine *m, const struct vma_index *x, const struct vma *v)
{
	return before(m, x, place_of(m, x, v));
}

/* ---- gaps ---- */

/* Does [from, to) within [low, high) hold @bytes? Narrows it to that. */
static bool gap_fits(uint64_t *from, uint64_t *to, uint64_t low, uint64_t high, uint64_t bytes)
{
	if (*from < low)
		*from = low;
	if (*to > high)
		*to = high;
	return *to > *from && *to - *from >= bytes;
}

/* The gap below slot @p (leaf nr_leaves: above all). */
static void gap_at(const struct machine *m, const struct vma_index *x, struct place p,
	uint64_t *from, uint64_t *to)
{
	*to = p.leaf < x->nr_leaves ? leaf_of(m, x, p.leaf)->low[p.slot] : UINT64_MAX;
	*from = 0;
	if (p.slot)
		*from = leaf_of(m, x, p.leaf)->end[p.slot - 1];
	else if (p.leaf)
		*from = refs(m, x)[p.leaf - 1].last;
}

/* Where a search from above may begin: at @high, or lower where the last one has shown that nothing fits. */
static uint64_t gap_begin(const struct vma_index *x, uint64_t high, uint64_t bytes)
{
	return x->gap_bytes && x->gap_high == high && bytes >= x->gap_bytes ? x->gap_to : high;
}

/* A search for @bytes that began at @begin found the gap that ends at @to. What is known of a smaller size stays. */
static void gap_remember(
	struct vma_index *x, uint64_t high, uint64_t begin, uint64_t bytes, uint64_t to)
{
	if (begin != high && bytes > x->gap_bytes)
		return;
	x->gap_bytes = bytes;
	x->gap_to = to;
	x->gap_high = high;
}

/* A mapping that ends at @end comes, goes or changes (one that comes into the room below a stack leaves more to others
 * than the stack did). Below gap_to all may change, since a mapping begins there. */
static void gap_forget(struct vma_index *x, uint64_t end)
{
	if (end > x->gap_to)
		x->gap_bytes = 0;
}

static bool search_below(const struct machine *m, const struct vma_index *x, uint64_t begin,
	uint64_t low, uint64_t high, uint64_t bytes, uint64_t *end)
{
	const struct vma_leaf_ref *r = refs(m, x);
	struct place p = seek(m, x, begin - 1);

	for (;;) {
		uint64_t from, to;

		gap_at(m, x, p, &from, &to);
		if (gap_fits(&from, &to, low, high, bytes)) {
			*end = to;
			return true;
		}
		if (from <= low || (!p.leaf && !p.slot))
			return false;
		if (p.slot) {
			p.slot = r[p.leaf].gap < bytes ? 0 : p.slot - 1;
			continue;
		}
		p.leaf--;
		while (r[p.leaf].gap < bytes && p.leaf && r[p.leaf].low > low &&
			(int64_t)(r[p.leaf].low - r[p.leaf - 1].last) < (int64_t)bytes)
			p.leaf--;
		p.slot = r[p.leaf].gap < bytes ? 0 : leaf_at(m, r[p.leaf].at)->nr - 1;
	}
}

bool vma_gap_below(const struct machine *m, struct vma_index *x, uint64_t low, uint64_t high,
	uint64_t bytes, uint64_t *addr)
{
	uint64_t begin = gap_begin(x, high, bytes), end;

	if (high < low || high - low < bytes || !search_below(m, x, begin, low, high, bytes, &end))
		return false;
	gap_remember(x, high, begin, bytes, end);
	*addr = end - bytes;
	return true;
}

bool vma_gap_above(const struct machine *m, const struct vma_index *x, uint64_t low, uint64_t high,
	uint64_t bytes, uint64_t *addr)
{
	const struct vma_leaf_ref *r = refs(m, x);

	if (high < low || high - low < bytes)
		return false;
	struct place p = seek(m, x, low);
	for (;;) {
		uint64_t from, to;

		gap_at(m, x, p, &from, &to);
		if (gap_fits(&from, &to, low, high, bytes)) {
			*addr = from;
			return true;
		}
		if (p.leaf == x->nr_leaves || to >= high)
			return false;
		if (r[p.leaf].gap >= bytes && p.slot + 1 < leaf_at(m, r[p.leaf].at)->nr) {
			p.slot++;
			continue;
		}
		p = (struct place){p.leaf + 1, 0};
		while (p.leaf < x->nr_leaves && r[p.leaf].gap < bytes && r[p.leaf].low < high &&
			(int64_t)(r[p.leaf].low - r[p.leaf - 1].last) < (int64_t)bytes)
			p.leaf++;
	}
}

/* ---- changes ---- */

/* Make a leaf's ref agree with it. */
static void refresh(const struct machine *m, const struct vma_index *x, uint32_t i)
{
	struct vma_leaf_ref *r = &refs(m, x)[i];
	const struct vma_leaf *l = leaf_at(m, r->at);
	int64_t gap = 0;

	for (uint32_t k = 1; k < l->nr; k++) {
		int64_t here = (int64_t)(l->low[k] - l->end[k - 1]);

		gap = here > gap ? here : gap;
	}
	r->gap = (uint64_t)gap;
	r->low = l->low[0];
	r->last = l->end[l->nr - 1];
}

int vma_index_reserve(struct machine *m, struct vma_index *x, unsigned n)
{
	uint32_t want = x->nr_leaves + n, cap = x->cap_leaves ? x->cap_leaves : FIRST_CAP;

	while (cap < want)
		cap *= 2;
	if (cap != x->cap_leaves) {
		uint64_t at =
			heap_grow(m, x->leaves_at, x->cap_leaves * sizeof(struct vma_leaf_ref),
				cap * sizeof(struct vma_leaf_ref));

		if (!at)
			return -m->why.err;
		x->leaves_at = at;
		x->cap_leaves = cap;
	}
	while (x->nr_spare < n) {
		uint64_t at = heap_alloc(m, sizeof(struct vma_leaf));

		if (!at)
			return -m->why.err;
		leaf_at(m, at)->at[0] = x->spare_at;
		x->spare_at = at;
		x->nr_spare++;
	}
	return 0;
}

static void leaf_insert(struct machine *m, struct vma_index *x, uint32_t i)
{
	struct vma_leaf_ref *r = refs(m, x);

	assert(x->nr_spare && x->nr_leaves < x->cap_leaves);
	uint64_t at = x->spare_at;
	x->spare_at = leaf_at(m, at)->at[0];
	x->nr_spare--;
	memmove(r + i + 1, r + i, (x->nr_leaves - i) * sizeof(*r));
	r[i] = (struct vma_leaf_ref){.at = at};
	leaf_at(m, at)->nr = 0;
	x->nr_leaves++;
}

static void leaf_remove(struct machine *m, struct vma_index *x, uint32_t i)
{
	struct vma_leaf_ref *r = refs(m, x);
	uint64_t at = r[i].at;

	memmove(r + i, r + i + 1, (x->nr_leaves - i - 1) * sizeof(*r));
	x->nr_leaves--;
	if (x->nr_spare >= SPARES_KEPT) {
		heap_free(m, at, sizeof(struct vma_leaf));
		return;
	}
	leaf_at(m, at)->at[0] = x->spare_at;
	x->spare_at = at;
	x->nr_spare++;
}

/* Move @n mappings of @from, from slot @slot on, to the end of @to. */
static void move_slots(struct vma_leaf *to, const struct vma_leaf *from, uint32_t slot, uint32_t n)
{
	memcpy(to->low + to->nr, from->low + slot, n * sizeof(to->low[0]));
	memcpy(to->end + to->nr, from->end + slot, n * sizeof(to->end[0]));
	memcpy(to->at + to->nr, from->at + slot, n * sizeof(to->at[0]));
	to->nr += n;
}

/* Shift slots @slot.. by one: @by 1 makes room there, -1 removes it. */
static void shift_slots(struct vma_leaf *l, uint32_t slot, int by)
{
	uint32_t from = by > 0 ? slot : slot + 1, to = by > 0 ? slot + 1 : slot, n = l->nr - from;

	memmove(l->low + to, l->low + from, n * sizeof(l->low[0]));
	memmove(l->end + to, l->end + from, n * sizeof(l->end[0]));
	memmove(l->at + to, l->at + from, n * sizeof(l->at[0]));
	l->nr += (uint32_t)by;
}

/* Cut the full leaf in which @p lies, near it. Returns where that place is then. */
static struct place cut_leaf(struct machine *m, struct vma_index *x, struct place p)
{
	uint32_t cut = p.slot;

	if (p.leaf + 1 == x->nr_leaves && p.slot == VMA_LEAF_MAX)
		cut = VMA_LEAF_MAX;
	else if (cut < CUT_MARGIN)
		cut = CUT_MARGIN;
	else if (cut > VMA_LEAF_MAX - CUT_MARGIN)
		cut = VMA_LEAF_MAX - CUT_MARGIN;
	leaf_insert(m, x, p.leaf + 1);
	struct vma_leaf *l = leaf_of(m, x, p.leaf);
	move_slots(leaf_of(m, x, p.leaf + 1), l, cut, l->nr - cut);
	l->nr = cut;
	refresh(m, x, p.leaf);
	if (p.slot > cut || cut == VMA_LEAF_MAX)
		return (struct place){p.leaf + 1, p.slot - cut};
	if (leaf_of(m, x, p.leaf + 1)->nr)
		refresh(m, x, p.leaf + 1);
	return p;
}

void vma_index_insert(struct machine *m, struct vma_index *x, struct vma *v)
{
	struct place p = seek(m, x, v->start);

	gap_forget(x, v->end);
	if (!x->nr_leaves) {
		leaf_insert(m, x, 0);
	} else if (p.leaf == x->nr_leaves) {
		p.leaf--;
		p.slot = leaf_of(m, x, p.leaf)->nr;
	} else {
		assert(leaf_of(m, x, p.leaf)->end[p.slot] > v->start &&
			vma_of(m, x, p)->start >= v->end);
	}
	if (leaf_of(m, x, p.leaf)->nr == VMA_LEAF_MAX)
		p = cut_leaf(m, x, p);
	struct vma_leaf *l = leaf_of(m, x, p.leaf);
	shift_slots(l, p.slot, 1);
	l->low[p.slot] = vm_start_gap(v);
	l->end[p.slot] = v->end;
	l->at[p.slot] = machine_ref(m, v);
	refresh(m, x, p.leaf);
	x->nr++;
}

/* Let leaf @i and the one behind it be one when they leave room. */
static bool join(struct machine *m, struct vma_index *x, uint32_t i)
{
	if (i + 1 >= x->nr_leaves || leaf_of(m, x, i)->nr + leaf_of(m, x, i + 1)->nr > JOIN_MAX)
		return false;
	const struct vma_leaf *next = leaf_of(m, x, i + 1);
	move_slots(leaf_of(m, x, i), next, 0, next->nr);
	leaf_remove(m, x, i + 1);
	refresh(m, x, i);
	return true;
}

void vma_index_remove(struct machine *m, struct vma_index *x, struct vma *v)
{
	struct place p = place_of(m, x, v);
	struct vma_leaf *l = leaf_of(m, x, p.leaf);

	if (x->cached_at == l->at[p.slot])
		x->cached_at = 0;
	gap_forget(x, v->end);
	shift_slots(l, p.slot, -1);
	x->nr--;
	if (!l->nr) {
		leaf_remove(m, x, p.leaf);
		return;
	}
	refresh(m, x, p.leaf);
	if (!join(m, x, p.leaf) && p.leaf)
		join(m, x, p.leaf - 1);
}

void vma_index_resize(
	struct machine *m, struct vma_index *x, struct vma *v, uint64_t start, uint64_t end)
{
	struct place p = place_of(m, x, v);
	struct vma_leaf *l = leaf_of(m, x, p.leaf);

	assert(start < end);
	gap_forget(x, v->end > end ? v->end : end);
	v->start = start;
	v->end = end;
	l->low[p.slot] = vm_start_gap(v);
	l->end[p.slot] = end;
	refresh(m, x, p.leaf);
}

void vma_index_finish(struct machine *m, struct vma_index *x)
{
	for (uint32_t i = 0; i < x->nr_leaves; i++)
		heap_free(m, refs(m, x)[i].at, sizeof(struct vma_leaf));
	while (x->spare_at) {
		uint64_t at = x->spare_at;

		x->spare_at = leaf_at(m, at)->at[0];
		heap_free(m, at, sizeof(struct vma_leaf));
	}
	heap_free(m, x->leaves_at, x->cap_leaves * sizeof(struct vma_leaf_ref));
	*x = (struct vma_index){0};
}

/* ---- the specification ---- */

static unsigned check_leaf(const struct machine *m, const struct vma_index *x, uint32_t i,
	uint64_t *last, struct text *out)
{
	const struct vma_leaf_ref *r = &refs(m, x)[i];
	const struct vma_leaf *l = leaf_at(m, r->at);
	uint64_t gap = 0;
	unsigned bad = 0;

	for (uint32_t k = 0; k < l->nr; k++) {
		const struct vma *v = vma_in(m, l, k);

		if (v->start >= v->end || (v->start | v->end) & (PAGE_BYTES - 1) ||
			v->start < *last) {
			bad++;
			text_printf(out,
				"mappings: [%#llx, %#llx) is empty, not of whole pages, or begins "
				"below %#llx\n",
				(unsigned long long)v->start, (unsigned long long)v->end,
				(unsigned long long)*last);
		}
		if (l->low[k] != vm_start_gap(v) || l->end[k] != v->end) {
			bad++;
			text_printf(out,
				"mappings: the index has other bounds for [%#llx, %#llx)\n",
				(unsigned long long)v->start, (unsigned long long)v->end);
		}
		if (k && l->low[k] > *last && l->low[k] - *last > gap)
			gap = l->low[k] - *last;
		*last = v->end;
	}
	if (!l->nr || l->nr > VMA_LEAF_MAX || r->low != l->low[0] || r->last != *last ||
		r->gap != gap) {
		bad++;
		text_printf(out, "mappings: leaf %u of %u mappings does not agree with its ref\n",
			i, l->nr);
	}
	return bad;
}

unsigned vma_index_check(const struct machine *m, const struct vma_index *x, struct text *out)
{
	uint64_t last = 0, nr = 0, spares = 0, end;
	unsigned bad = 0;

	for (uint32_t i = 0; i < x->nr_leaves; i++) {
		bad += check_leaf(m, x, i, &last, out);
		nr += leaf_of(m, x, i)->nr;
	}
	for (uint64_t at = x->spare_at; at; at = leaf_at(m, at)->at[0])
		spares++;
	if (x->gap_bytes &&
		search_below(m, x, x->gap_high, x->gap_to, x->gap_high, x->gap_bytes, &end)) {
		bad++;
		text_printf(out, "mappings: the gap below %#llx was not to be there\n",
			(unsigned long long)end);
	}
	if (nr != x->nr || spares != x->nr_spare || x->nr_leaves > x->cap_leaves) {
		bad++;
		text_printf(out, "mappings: %llu in leaves, %u counted\n", (unsigned long long)nr,
			x->nr);
	}
	return bad;
}

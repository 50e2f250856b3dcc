/* SPDX-License-Identifier: MIT
 *
 * Claim: the index of mappings answers as an array of pages does, whatever was put in, taken out and moved:
 *
 *	pages:   . . A A A . . . B B C . . . . D D .      find(6) = B, prev(6) = A, gap of 4 below the end: at 11
 *
 * and stays small and quick with 60,000 mappings. The dumb model is one mapping's number a page.
 */
#include "support/bare.h"

#include "base/rng.h"
#include "base/text.h"
#include "mm/core/link.h"
#include "mm/process/vma_index.h"

#include <criterion/criterion.h>
#include <criterion/logging.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PAGES = 6000, MOST = 700 };

struct model {
	struct machine *m;
	struct vma_index x;
	struct rng rng;
	struct vma *vma[MOST + 1];
	uint16_t at[PAGES];  /* number of the mapping there, 0: none */
	uint8_t shut[PAGES]; /* a mapping, or the guard below a stack */
};

static unsigned dice(struct model *x, unsigned sides)
{
	return rng_below(&x->rng, sides);
}

static struct vma *new_vma(struct machine *m, uint64_t start, uint64_t end, uint64_t flags)
{
	struct vma *v = machine_at(m, heap_alloc(m, sizeof(*v)));

	*v = (struct vma){.start = start, .end = end, .flags = flags};
	return v;
}

static void paint(struct model *x, unsigned from, unsigned to, unsigned number)
{
	for (unsigned p = from; p < to; p++)
		x->at[p] = (uint16_t)number;
}

static void act_insert(struct model *x)
{
	unsigned number = 1 + dice(x, MOST), from = dice(x, PAGES), to = from;
	unsigned most = dice(x, 8) ? 6 : 60;

	if (x->vma[number] || x->at[from])
		return;
	while (to < PAGES && !x->at[to] && to - from < most)
		to++;
	cr_assert_eq(vma_index_reserve(x->m, &x->x, 1), 0);
	x->vma[number] =
		new_vma(x->m, from * PAGE_BYTES, to * PAGE_BYTES, dice(x, 20) ? 0 : VM_GROWSDOWN);
	vma_index_insert(x->m, &x->x, x->vma[number]);
	paint(x, from, to, number);
}

static void act_remove(struct model *x)
{
	unsigned number = 1 + dice(x, MOST);
	struct vma *v = x->vma[number];

	if (!v)
		return;
	vma_index_remove(x->m, &x->x, v);
	paint(x, (unsigned)(v->start / PAGE_BYTES), (unsigned)(v->end / PAGE_BYTES), 0);
	heap_free(x->m, machine_ref(x->m, v), sizeof(*v));
	x->vma[number] = NULL;
}

static void act_resize(struct model *x)
{
	unsigned number = 1 + dice(x, MOST);
	struct vma *v = x->vma[number];

	if (!v)
		return;
	unsigned from = (unsigned)(v->start / PAGE_BYTES), to = (unsigned)(v->end / PAGE_BYTES);
	paint(x, from, to, 0);
	for (unsigned n = dice(x, 5); n && from && !x->at[from - 1]; n--)
		from--;
	for (unsigned n = dice(x, 5); n && to < PAGES && !x->at[to]; n--)
		to++;
	from += dice(x, to - from);
	to -= dice(x, to - from);
	vma_index_resize(x->m, &x->x, v, from * PAGE_BYTES, to * PAGE_BYTES);
	paint(x, from, to, number);
}

static unsigned number_from(const struct model *x, unsigned page)
{
	while (page < PAGES && !x->at[page])
		page++;
	return page < PAGES ? x->at[page] : 0;
}

static unsigned number_below(const struct model *x, unsigned page)
{
	while (page && !x->at[page - 1])
		page--;
	return page ? x->at[page - 1] : 0;
}

static void look_around(struct model *x)
{
	unsigned page = dice(x, PAGES), end = page + dice(x, 30);
	struct vma *v = vma_find_remember(x->m, &x->x, page * PAGE_BYTES + dice(x, 4096));
	struct vma *want = x->vma[number_from(x, page)];

	cr_assert_eq(v, want);
	cr_assert_eq(vma_find(x->m, &x->x, page * PAGE_BYTES), want);
	cr_assert_eq(vma_find_in(x->m, &x->x, page * PAGE_BYTES, end * PAGE_BYTES),
		want && want->start < end * PAGE_BYTES ? want : NULL);
	cr_assert_eq(vma_first(x->m, &x->x), x->vma[number_from(x, 0)]);
	cr_assert_eq(vma_last(x->m, &x->x), x->vma[number_below(x, PAGES)]);
	if (!v) {
		cr_assert_eq(vma_find_prev(x->m, &x->x, page * PAGE_BYTES),
			x->vma[number_below(x, PAGES)]);
		return;
	}
	struct vma *below = x->vma[number_below(x, (unsigned)(v->start / PAGE_BYTES))];
	cr_assert_eq(vma_find_prev(x->m, &x->x, page * PAGE_BYTES), below);
	cr_assert_eq(vma_prev(x->m, &x->x, v), below);
	cr_assert_eq(
		vma_next(x->m, &x->x, v), x->vma[number_from(x, (unsigned)(v->end / PAGE_BYTES))]);
}

/* A stack's guard counts in the gap below it only: what lies behind a neighbour is not looked at. */
static void shut_guards(struct model *x)
{
	for (unsigned p = 0; p < PAGES; p++)
		x->shut[p] = x->at[p] != 0;
	for (unsigned i = 1; i <= MOST; i++) {
		if (!x->vma[i] || !(x->vma[i]->flags & VM_GROWSDOWN))
			continue;
		unsigned from = (unsigned)(x->vma[i]->start / PAGE_BYTES);
		for (unsigned n = 0; n < STACK_GUARD_GAP_PAGES && from > n && !x->at[from - 1 - n];
			n++)
			x->shut[from - 1 - n] = 1;
	}
}

static bool open_run(const struct model *x, unsigned from, unsigned pages)
{
	return !memchr(x->shut + from, 1, pages);
}

static void look_for_gaps(struct model *x)
{
	/* Mostly from the same place down, where the index remembers how far it came. */
	unsigned low = dice(x, PAGES), high = dice(x, 4) ? PAGES - 10 : low + dice(x, PAGES - low),
		 pages = 1 + dice(x, dice(x, 2) ? 8 : 100);
	uint64_t below = UINT64_MAX, above = UINT64_MAX, addr;

	shut_guards(x);
	for (unsigned p = low; p + pages <= high; p++) {
		if (!open_run(x, p, pages))
			continue;
		above = above == UINT64_MAX ? p * PAGE_BYTES : above;
		below = p * PAGE_BYTES;
	}
	bool found = vma_gap_below(
		x->m, &x->x, low * PAGE_BYTES, high * PAGE_BYTES, pages * PAGE_BYTES, &addr);
	cr_assert_eq(found, below != UINT64_MAX);
	cr_assert(!found || addr == below);
	found = vma_gap_above(
		x->m, &x->x, low * PAGE_BYTES, high * PAGE_BYTES, pages * PAGE_BYTES, &addr);
	cr_assert_eq(found, above != UINT64_MAX);
	cr_assert(!found || addr == above);
}

static void check(struct machine *m, const struct vma_index *x)
{
	struct text out;

	text_init(&out);
	cr_assert_eq(vma_index_check(m, x, &out), 0, "%s", text_str(&out));
	text_finish(&out);
}

/* Phases in which mappings come and in which they go, so that leaves fill, are cut, join and vanish. */
Test(vma_index, random_acts_against_an_array)
{
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct model *x = calloc(1, sizeof(*x));

		x->m = bare(16 << 20);
		x->rng.state = seed;
		uint64_t used = x->m->heap.used_bytes;
		for (unsigned i = 0; i < 12000; i++) {
			unsigned act = dice(x, 10), grow = i / 2000 % 2 ? 2 : 7;

			if (act < grow)
				act_insert(x);
			else if (act < 8)
				act_remove(x);
			else
				act_resize(x);
			look_around(x);
			if (i % 4 == 0)
				look_for_gaps(x);
			if (i % 50 == 0)
				check(x->m, &x->x);
		}
		check(x->m, &x->x);
		for (unsigned i = 1; i <= MOST; i++)
			if (x->vma[i])
				heap_free(x->m, machine_ref(x->m, x->vma[i]), sizeof(struct vma));
		vma_index_finish(x->m, &x->x);
		cr_assert_eq(x->m->heap.used_bytes, used, "every block is given back");
		bare_finish(x->m);
		free(x);
	}
}

static void put(struct machine *m, struct vma_index *x, uint64_t page)
{
	cr_assert_eq(vma_index_reserve(m, x, 1), 0);
	vma_index_insert(m, x, new_vma(m, page * PAGE_BYTES, (page + 1) * PAGE_BYTES, 0));
}

/* Upwards, downwards as mmap() does below a library, and so that each falls between two: leaves stay full enough. */
Test(vma_index, sixty_thousand)
{
	for (int way = 0; way < 3; way++) {
		struct machine *m = bare(64 << 20);
		struct vma_index x = {0};
		uint64_t addr;

		put(m, &x, 200000);
		put(m, &x, 1);
		for (uint64_t i = 0; i < 60000; i++)
			put(m, &x,
				way == 0   ? 10 + i
				: way == 1 ? 70000 - i
					   : 10 + (i % 2 ? 60000 - i : i));
		check(m, &x);
		cr_expect_eq(x.nr, 60002);
		cr_expect_lt(
			x.nr_leaves, way == 2 ? 3000 : 1800, "way %d: %u leaves", way, x.nr_leaves);
		for (uint64_t i = 10; i < 60000; i += 7)
			cr_assert_eq(vma_find(m, &x, i * PAGE_BYTES + 5)->start,
				i * PAGE_BYTES +
					(way == 1 && i < 10001 ? (10001 - i) * PAGE_BYTES : 0));
		cr_expect(vma_gap_below(m, &x, 0, 70001 * PAGE_BYTES, 8 * PAGE_BYTES, &addr));
		cr_expect_eq(addr, way == 1 ? (10001 - 8) * PAGE_BYTES : (70001 - 8) * PAGE_BYTES);
		bare_finish(m);
	}
}

/* With its room reserved an insertion needs nothing, even when the heap has ended meanwhile. */
Test(vma_index, reserved_means_it_fits)
{
	struct machine *m = bare(1 << 20);
	struct vma_index x = {0};

	for (uint64_t i = 0; i < 100; i++)
		put(m, &x, 2 * i);
	struct vma *v[40];
	for (uint64_t i = 0; i < 40; i++)
		v[i] = new_vma(m, (2 * i + 1) * PAGE_BYTES, (2 * i + 2) * PAGE_BYTES, 0);
	cr_assert_eq(vma_index_reserve(m, &x, 40), 0);
	m->heap.end = m->heap.frontier;
	memset(m->heap.free, 0, sizeof(m->heap.free));
	for (uint64_t i = 0; i < 40; i++)
		vma_index_insert(m, &x, v[i]);
	check(m, &x);
	cr_expect_eq(vma_index_reserve(m, &x, 5000), -ENOMEM);
	cr_expect_eq(x.nr, 140);
	check(m, &x);
	bare_finish(m);
}

/* The specification notices what it speaks of. */
Test(vma_index, check_can_fail)
{
	struct machine *m = bare(1 << 20);
	struct vma_index x = {0};
	struct text out;

	text_init(&out);
	for (uint64_t i = 0; i < 100; i++)
		put(m, &x, 3 * i);
	struct vma *v = vma_find(m, &x, 30 * PAGE_BYTES);
	v->end += PAGE_BYTES;
	cr_expect_gt(vma_index_check(m, &x, &out), 0);
	v->end -= PAGE_BYTES;
	cr_expect_eq(vma_index_check(m, &x, &out), 0);
	struct vma_leaf_ref *r = machine_at(m, x.leaves_at);
	r[1].gap++;
	cr_expect_gt(vma_index_check(m, &x, &out), 0);
	r[1].gap--;
	x.nr++;
	cr_expect_gt(vma_index_check(m, &x, &out), 0);
	text_finish(&out);
	bare_finish(m);
}

/* SPDX-License-Identifier: MIT
 *
 * Claim: the tree answers as a plain sorted array does, has as many nodes as an xarray would have, gives each back, and
 * a refused radix_set() changes nothing.
 *
 *	index 0 alone: no node		0 and 63: one		0 and 64: three		2^63: eleven
 */
#include "support/bare.h"

#include "base/rng.h"
#include "mm/slab/radix.h"
#include "mm/slab/slab.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

/* The kernel's cache, played: counts objects, and refuses when @left is used up. */
static int in_use, left = -1;

int kmem_cache_alloc(struct machine *m, unsigned cpu, enum kmem_cache_id id, uint64_t *address)
{
	cr_assert_eq(id, KMEM_radix_tree_node);
	if (left == 0)
		return refuse(&m->why, ENOMEM, "no object is left");
	left--;
	*address = (uint64_t)++in_use << 12;
	return 0;
}

void kmem_cache_free(struct machine *m, unsigned cpu, enum kmem_cache_id id, uint64_t address)
{
	cr_assert(address);
	in_use--;
}

Test(radix, nodes_are_those_of_an_xarray)
{
	static const struct {
		uint64_t index[3];
		unsigned nr, nodes;
	} row[] = {{{0}, 1, 0}, {{63}, 1, 1}, {{0, 63}, 2, 1}, {{64}, 1, 2}, {{0, 64}, 2, 3},
		{{0, 63, 64}, 3, 3}, {{4096}, 1, 3}, {{(uint64_t)1 << 63}, 1, 11},
		{{0, UINT64_MAX}, 2, 21}};

	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct machine *m = bare(1 << 20);
		struct radix r = {0};

		for (unsigned k = 0; k < row[i].nr; k++)
			cr_assert_eq(radix_set(m, &r, row[i].index[k], k + 1), 0);
		cr_expect_eq(r.nr_nodes, row[i].nodes, "row %u: %u", i, r.nr_nodes);
		cr_expect_eq(in_use, (int)row[i].nodes, "row %u", i);
		for (unsigned k = 0; k < row[i].nr; k++)
			cr_expect_eq(radix_get(m, &r, row[i].index[k]), k + 1);
		for (unsigned k = 0; k < row[i].nr; k++)
			cr_expect_eq(radix_erase(m, &r, row[i].index[k]), k + 1);
		cr_expect_eq(r.root_at | r.height | r.nr_nodes, 0, "row %u", i);
		cr_expect_eq(in_use, 0);
		cr_expect_eq(m->heap.used_bytes, 0);
		bare_finish(m);
	}
}

Test(radix, a_tree_sinks_when_only_index_0_is_left)
{
	struct machine *m = bare(1 << 20);
	struct radix r = {0};

	radix_set(m, &r, 0, 7);
	radix_set(m, &r, 1000000, 8);
	cr_expect_eq(radix_erase(m, &r, 1000000), 8);
	cr_expect_eq(r.nr_nodes, 0);
	cr_expect_eq(radix_get(m, &r, 0), 7);
	cr_expect_eq(radix_get(m, &r, 1000000), 0);
	cr_expect_eq(radix_erase(m, &r, 5), 0);
	bare_finish(m);
}

struct model {
	uint64_t index[512];
	uint32_t value[512];
	unsigned nr;
};

static unsigned place(const struct model *x, uint64_t index)
{
	unsigned i = 0;

	while (i < x->nr && x->index[i] < index)
		i++;
	return i;
}

static uint64_t random_index(struct rng *rng)
{
	/* Near each other, or of any size: the top bits are cut off at random. */
	uint64_t index = rng_next(rng) >> rng_below(rng, 64);

	return rng_below(rng, 2) ? index % 300 : index;
}

static void model_put(struct model *x, unsigned i, uint64_t index, uint32_t value)
{
	for (unsigned k = x->nr++; k > i; k--) {
		x->index[k] = x->index[k - 1];
		x->value[k] = x->value[k - 1];
	}
	x->index[i] = index;
	x->value[i] = value;
}

static void model_drop(struct model *x, unsigned i)
{
	x->nr--;
	for (unsigned k = i; k < x->nr; k++) {
		x->index[k] = x->index[k + 1];
		x->value[k] = x->value[k + 1];
	}
}

static void compare(struct machine *m, const struct radix *r, const struct model *x)
{
	uint64_t at = 0;

	for (unsigned i = 0; i < x->nr; i++) {
		uint32_t value = radix_next(m, r, &at);

		cr_assert_eq(at, x->index[i]);
		cr_assert_eq(value, x->value[i]);
		cr_assert_eq(radix_get(m, r, at), value);
		if (at++ == UINT64_MAX)
			return;
	}
	cr_assert_eq(radix_next(m, r, &at), 0);
}

Test(radix, answers_as_a_sorted_array)
{
	struct machine *m = bare(16 << 20);
	struct radix r = {0};
	struct model *x = calloc(1, sizeof(*x));
	struct rng rng = {5};

	for (unsigned step = 0; step < 30000; step++) {
		uint64_t index = random_index(&rng);
		unsigned i = place(x, index);
		bool there = i < x->nr && x->index[i] == index;
		uint32_t value = 1 + rng_below(&rng, 1u << 31);

		left = rng_below(&rng, 4) ? -1 : (int)rng_below(&rng, 4);
		if (x->nr < 512 && rng_below(&rng, 600) > x->nr) {
			uint32_t nodes = r.nr_nodes;
			int err = radix_set(m, &r, index, value);

			cr_assert(!err || err == -ENOMEM);
			if (err)
				cr_assert_eq(r.nr_nodes, nodes);
			else if (there)
				x->value[i] = value;
			else
				model_put(x, i, index, value);
		} else {
			if (x->nr && rng_below(&rng, 2)) {
				i = rng_below(&rng, x->nr);
				index = x->index[i];
				there = true;
			}
			cr_assert_eq(radix_erase(m, &r, index), there ? x->value[i] : 0);
			if (there)
				model_drop(x, i);
		}
		cr_assert_eq(in_use, (int)r.nr_nodes);
		if (step % 100 == 0)
			compare(m, &r, x);
	}
	while (x->nr)
		cr_assert(radix_erase(m, &r, x->index[--x->nr]));
	cr_expect_eq(in_use, 0);
	cr_expect_eq(m->heap.used_bytes, 0);
	free(x);
	bare_finish(m);
}

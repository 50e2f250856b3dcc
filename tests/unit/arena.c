/* SPDX-License-Identifier: MIT
 *
 * Claim: an arena knows exactly which pages were touched, and a copy of it has those and no others.
 *
 *	|..X.....XX......|	touched: 2, 8, 9
 *	 0       8
 */
#include "base/arena.h"
#include "base/rng.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#define PAGES 5000

static void random_touches(struct arena *a, bool *model)
{
	struct refusal why;
	struct rng rng = {7};

	for (int i = 0; i < 300; i++) {
		uint64_t first = rng_below(&rng, PAGES);
		uint64_t n = 1 + rng_below(&rng, 20);
		uint64_t at = first * ARENA_PAGE_BYTES;

		n = n < PAGES - first ? n : PAGES - first;
		if (i % 3)
			cr_assert_eq(arena_touch(a, at + 1, n * ARENA_PAGE_BYTES - 1, &why), 0);
		else
			arena_forget(a, at, n * ARENA_PAGE_BYTES);
		memset(model + first, i % 3 != 0, n);
	}
}

Test(arena, random_touches_against_a_bitmap)
{
	static bool model[PAGES];
	struct refusal why;
	struct arena a;

	cr_assert_eq(arena_init(&a, PAGES * ARENA_PAGE_BYTES, 0, &why), 0);
	random_touches(&a, model);
	uint64_t touched = 0, start, end = 0, walked = 0;
	for (uint64_t i = 0; i < PAGES; i++) {
		touched += model[i];
		cr_assert_eq(arena_is_touched(&a, i * ARENA_PAGE_BYTES), model[i]);
	}
	cr_assert_eq(a.touched_pages, touched);
	while (arena_next_touched(&a, end, &start, &end)) {
		cr_assert(start == 0 || !model[start / ARENA_PAGE_BYTES - 1]);
		for (uint64_t at = start; at < end; at += ARENA_PAGE_BYTES, walked++)
			cr_assert(model[at / ARENA_PAGE_BYTES]);
	}
	cr_assert_eq(walked, touched);
	arena_finish(&a);
}

Test(arena, copy_has_the_touched_bytes)
{
	const uint64_t size = (uint64_t)1 << 40, step = ((uint64_t)1 << 36) + 12345;
	struct refusal why;
	struct arena a, b;

	cr_assert_eq(arena_init(&a, size, 0, &why), 0);
	for (uint64_t at = 0; at < size; at += step) {
		cr_assert_eq(arena_touch(&a, at, 4, &why), 0);
		memcpy(a.base + at, &at, 4);
	}
	cr_assert_eq(arena_copy(&b, &a, &why), 0);
	cr_assert_eq(b.touched_pages, a.touched_pages);
	for (uint64_t at = 0; at < size; at += step)
		cr_assert_eq(memcmp(b.base + at, a.base + at, 4), 0);
	arena_finish(&a);
	arena_finish(&b);
}

Test(arena, budget_refuses_with_edquot_and_marks_nothing)
{
	struct refusal why;
	struct arena a;

	cr_assert_eq(arena_init(&a, (uint64_t)1 << 30, 10 * ARENA_PAGE_BYTES, &why), 0);
	cr_assert_eq(arena_touch(&a, 0, 8 * ARENA_PAGE_BYTES, &why), 0);
	cr_assert_eq(arena_touch(&a, 7 * ARENA_PAGE_BYTES, 4 * ARENA_PAGE_BYTES, &why), -EDQUOT);
	cr_assert_eq(a.touched_pages, 8);
	cr_assert_not_null(strstr(why.sentence, "host_max"));
	cr_assert_eq(arena_touch(&a, 7 * ARENA_PAGE_BYTES, 3 * ARENA_PAGE_BYTES, &why), 0);
	arena_finish(&a);
}

/* Touch @n pages from @page on, one by one. */
static void touch_pages(struct arena *a, uint64_t page, uint64_t n)
{
	struct refusal why;

	for (; n; n--, page++) {
		cr_assert_eq(arena_touch(a, page * ARENA_PAGE_BYTES, 1, &why), 0);
		a->base[page * ARENA_PAGE_BYTES] = (char)(1 + page % 100);
	}
}

static bool all_zero(const struct arena *a, uint64_t page, uint64_t n)
{
	const char *p = a->base + page * ARENA_PAGE_BYTES;

	return !*p && !memcmp(p, p + 1, n * ARENA_PAGE_BYTES - 1);
}

enum { REGION = ARENA_REGION_BYTES / ARENA_PAGE_BYTES };

static bool region_is_huge(const struct arena *a, unsigned region)
{
	return arena_is_huge(a, region * ARENA_REGION_BYTES);
}

Test(arena, huge_only_beside_what_is_full)
{
	struct refusal why;
	struct arena a;

	cr_assert_eq(arena_init(&a, 8 * ARENA_REGION_BYTES + ARENA_PAGE_BYTES, 0, &why), 0);
	cr_assert_eq((uintptr_t)a.base % ARENA_REGION_BYTES, 0);
	touch_pages(&a, 2 * REGION, REGION - 1);
	touch_pages(&a, 3 * REGION, 1);
	cr_assert(!region_is_huge(&a, 2) && !region_is_huge(&a, 3), "the neighbour was not full");
	touch_pages(&a, 3 * REGION - 1, 1);
	touch_pages(&a, 3 * REGION + 1, 1);
	cr_assert(!region_is_huge(&a, 3), "it has pages already");
	touch_pages(&a, REGION + 7, 1);
	cr_assert(region_is_huge(&a, 1));
	touch_pages(&a, REGION - 1, 1);
	cr_assert(!region_is_huge(&a, 0), "a huge region with one page is not full");
	cr_assert_eq(a.touched_pages, REGION + 2 + 1 + 1, "only what was touched counts");
	touch_pages(&a, 7 * REGION, REGION);
	touch_pages(&a, 8 * REGION, 1);
	cr_assert(!region_is_huge(&a, 8), "the arena ends in it");
	arena_finish(&a);
}

Test(arena, what_lies_in_a_huge_page_is_forgotten_too)
{
	struct refusal why;
	struct arena a;

	cr_assert_eq(arena_init(&a, 8 * ARENA_REGION_BYTES, 0, &why), 0);
	touch_pages(&a, 0, 2 * REGION + 10);
	cr_assert(region_is_huge(&a, 1) && region_is_huge(&a, 2));
	arena_forget(&a, (REGION + 1) * ARENA_PAGE_BYTES, 3 * ARENA_PAGE_BYTES);
	cr_assert(region_is_huge(&a, 1), "others of it are touched");
	cr_assert(all_zero(&a, REGION + 1, 3));
	cr_assert_eq(a.base[(REGION + 4) * ARENA_PAGE_BYTES], 1 + (REGION + 4) % 100);
	cr_assert_eq(a.touched_pages, 2 * REGION + 7);
	arena_forget(&a, REGION * ARENA_PAGE_BYTES, (REGION + 5) * ARENA_PAGE_BYTES);
	cr_assert(!region_is_huge(&a, 1) && region_is_huge(&a, 2));
	cr_assert(all_zero(&a, REGION, REGION + 5));
	arena_forget(&a, 0, 3 * ARENA_REGION_BYTES);
	cr_assert(!region_is_huge(&a, 2) && all_zero(&a, 0, 3 * REGION));
	cr_assert_eq(a.touched_pages, 0);
	cr_assert_eq(a.huge_runs, 0);
	arena_finish(&a);
}

Test(arena, no_huge_pages_that_the_budget_might_not_have)
{
	struct refusal why;
	struct arena a;

	cr_assert_eq(arena_init(&a, 8 * ARENA_REGION_BYTES, 5 * ARENA_REGION_BYTES, &why), 0);
	touch_pages(&a, 0, 3 * REGION);
	cr_assert(!region_is_huge(&a, 1) && !region_is_huge(&a, 2));
	arena_finish(&a);
}

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

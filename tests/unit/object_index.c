/* SPDX-License-Identifier: MIT
 *
 * Claim: an object is found by every address inside it and by no other; ranges never overlap.
 *
 *	[a.......)[b..)   [c....)      find(b) = find(b + 3) = b, find(between b and c) = none
 */
#include "support/hand.h"

#include "base/rng.h"
#include "mm/debug/object_index.h"

#include <criterion/criterion.h>
#include <errno.h>

#define UNITS 4096u /* of 16 bytes, from BASE on */
#define BASE  0xc0100000u

Test(object_index, neighbours_and_overlaps)
{
	struct hand h = {.nr_zones = 1, .zone = {{.type = ZONE_NORMAL, .pages = 4096}}};
	struct machine *m = hand_machine(&h);
	struct object_index x = {0};

	cr_assert_eq(object_index_insert(m, &x, 0x1000, 0x20, 1), 0);
	cr_assert_eq(object_index_insert(m, &x, 0x1020, 0x10, 2), 0);
	cr_assert_eq(object_index_insert(m, &x, 0x0fff, 1, 3), 0);
	cr_expect_eq(object_index_insert(m, &x, 0x1010, 0x10, 4), -EEXIST);
	cr_expect_eq(object_index_insert(m, &x, 0x0f00, 0x101, 4), -EEXIST);
	cr_expect_eq(object_index_insert(m, &x, 0x102f, 8, 4), -EEXIST);
	cr_expect_eq(object_index_find(m, &x, 0x101f), 1);
	cr_expect_eq(object_index_find(m, &x, 0x1020), 2);
	cr_expect_eq(object_index_find(m, &x, 0x1030), 0);
	cr_expect_eq(object_index_find(m, &x, 0x0fff), 3);
	cr_expect_eq(object_index_find(m, &x, 0), 0);
	cr_expect_eq(object_index_remove(m, &x, 0x1010), 0, "not its begin");
	cr_expect_eq(object_index_remove(m, &x, 0x1000), 1);
	cr_expect_eq(object_index_find(m, &x, 0x1000), 0);
	object_index_finish(m, &x);
	cr_expect_eq(x.nr, 0);
	hand_destroy(m);
}

/* Random insertions and removals against an array with an owner for each unit. */
Test(object_index, against_an_array)
{
	static uint32_t owner[UNITS];
	struct hand h = {.nr_zones = 1, .zone = {{.type = ZONE_NORMAL, .pages = 4096}}};
	struct machine *m = hand_machine(&h);
	struct object_index x = {0};
	struct rng rng = {.state = 7};

	for (uint32_t n = 1; n <= 30000; n++) {
		uint64_t dice = rng_next(&rng);
		uint32_t at = (uint32_t)(dice % UNITS), len = 1 + (uint32_t)(dice >> 32) % 4;
		bool room = at + len <= UNITS;

		for (uint32_t i = 0; room && i < len; i++)
			room = !owner[at + i];
		if (dice >> 60 < 9 && at + len <= UNITS) {
			int err = object_index_insert(m, &x, BASE + 16ull * at, 16ull * len, n);

			cr_assert_eq(err, room ? 0 : -EEXIST);
			for (uint32_t i = 0; !err && i < len; i++)
				owner[at + i] = n;
		} else if (owner[at]) {
			uint32_t value = owner[at], begin = at;

			while (begin && owner[begin - 1] == value)
				begin--;
			cr_assert_eq(object_index_remove(m, &x, BASE + 16ull * begin), value);
			for (; begin < UNITS && owner[begin] == value; begin++)
				owner[begin] = 0;
		}
		uint32_t ask = (uint32_t)(rng_next(&rng) % (16 * UNITS));

		cr_assert_eq(object_index_find(m, &x, BASE + ask), owner[ask / 16]);
	}
	uint64_t used = m->heap.used_bytes;

	cr_expect(x.nr > 100);
	object_index_finish(m, &x);
	cr_expect(m->heap.used_bytes < used);
	hand_destroy(m);
}

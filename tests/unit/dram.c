/* SPDX-License-Identifier: MIT
 *
 * Claim: DRAM keeps what was written, reads as zero elsewhere, answers nothing in holes, and costs
 * nothing untouched.
 */
#include "base/rng.h"
#include "hw/dram.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define BASE  0x40000000ULL
#define BYTES (1ULL << 24)

/* RAM in [BASE, BASE + 4 MiB) and in the last MiB. */
static bool two_banks(const void *owner, uint64_t pa)
{
	(void)owner;
	return pa - BASE < (4u << 20) || pa - BASE >= BYTES - (1u << 20);
}

static struct dram fresh(struct arena *a, uint64_t budget_bytes)
{
	cr_assert_eq(arena_init(a, BYTES + 65536, budget_bytes, NULL), 0);
	return (struct dram){.arena = a,
		.contents = a->base + 65536,
		.has = (uint64_t *)a->base,
		.base = BASE,
		.bytes = BYTES,
		.is_ram = two_banks};
}

Test(dram, random_writes_against_a_plain_array)
{
	enum { SPAN = 256 << 10 };
	struct arena a;
	struct dram d = fresh(&a, 0);
	char *model = calloc(1, SPAN), *got = malloc(SPAN), piece[9000];
	struct rng rng = {1};

	for (int i = 0; i < 3000; i++) {
		uint64_t bytes = rng_below(&rng, sizeof(piece)),
			 at = rng_below(&rng, (uint32_t)(SPAN - bytes));

		memset(piece, (int)rng_next(&rng), bytes);
		if (rng_below(&rng, 4)) {
			cr_assert_eq(dram_write(&d, BASE + at, piece, bytes, NULL), 0);
			memcpy(model + at, piece, bytes);
		} else {
			dram_zero(&d, BASE + at, bytes);
			memset(model + at, 0, bytes);
		}
		if (i % 100 == 0) {
			uint64_t frame = rng_below(&rng, SPAN >> 12) << 12,
				 to = rng_below(&rng, SPAN >> 12) << 12;

			cr_assert_eq(dram_copy_frame(&d, BASE + to, BASE + frame, NULL), 0);
			memmove(model + to, model + frame, 4096);
			cr_assert_eq(dram_read(&d, BASE, got, SPAN), 0);
			cr_assert_arr_eq(got, model, SPAN);
		}
	}
	free(model);
	free(got);
	arena_finish(&a);
}

Test(dram, words_of_every_size)
{
	struct arena a;
	struct dram d = fresh(&a, 0);
	uint64_t value;

	cr_assert_eq(dram_store(&d, BASE + 16, 8, 0x1122334455667788, NULL), 0);
	for (unsigned bytes = 1; bytes <= 8; bytes++) {
		cr_assert_eq(dram_load(&d, BASE + 16, bytes, &value), 0);
		cr_assert_eq(value, 0x1122334455667788 & (UINT64_MAX >> (64 - 8 * bytes)));
	}
	arena_finish(&a);
}

Test(dram, holes_and_the_end_answer_nothing)
{
	struct arena a;
	struct dram d = fresh(&a, 0);
	uint64_t value;
	char two[2] = "ab";

	cr_assert_eq(dram_load(&d, BASE + (4 << 20), 4, &value), -ENXIO);
	cr_assert_eq(dram_load(&d, BASE - 8, 4, &value), -ENXIO);
	cr_assert_eq(dram_load(&d, BASE + BYTES, 4, &value), -ENXIO);
	cr_assert_eq(dram_store(&d, BASE + (5 << 20), 4, 1, NULL), -ENXIO);
	cr_assert_eq(dram_read(&d, BASE + (4 << 20) - 1, two, 2), -ENXIO);
	cr_assert_eq(dram_read(&d, UINT64_MAX - 1, two, 2), -ENXIO);
	cr_assert_eq(dram_read(&d, BASE + 1, two, UINT64_MAX), -ENXIO);
	cr_assert_eq(dram_write(&d, BASE + (4 << 20) - 1, two, 2, NULL), -ENXIO);
	cr_assert_not(dram_has(&d, BASE + (4 << 20) - 1), "a refused write wrote something");
	cr_assert_eq(dram_load(&d, BASE + BYTES - 8, 8, &value), 0);
	cr_assert_eq(value, 0);
	arena_finish(&a);
}

Test(dram, zeroed_frames_cost_nothing_again)
{
	struct arena a;
	struct dram d = fresh(&a, 0);
	uint64_t before = a.touched_pages;

	for (uint64_t pa = BASE; pa < BASE + (1 << 20); pa += DRAM_FRAME_BYTES)
		cr_assert_eq(dram_store(&d, pa, 1, 1, NULL), 0);
	cr_assert_eq(a.touched_pages - before, 256 + 1, "256 frames and their bits");
	dram_zero(&d, BASE, 1 << 20);
	cr_assert_eq(a.touched_pages - before, 1);
	cr_assert_not(dram_has(&d, BASE));
	arena_finish(&a);
}

Test(dram, the_budget_is_a_sentence)
{
	struct arena a;
	struct dram d = fresh(&a, 3 * 4096);
	struct refusal why;

	cr_assert_eq(dram_store(&d, BASE, 1, 1, &why), 0);
	cr_assert_eq(dram_store(&d, BASE + 4096, 1, 1, &why), 0);
	cr_assert_eq(dram_store(&d, BASE + 8192, 1, 1, &why), -EDQUOT);
	cr_assert_not(dram_has(&d, BASE + 8192));
	cr_assert_eq(why.err, EDQUOT);
	arena_finish(&a);
}

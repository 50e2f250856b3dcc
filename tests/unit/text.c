/* SPDX-License-Identifier: MIT
 *
 * Claim: the hand-written number formatting equals printf's for every width and value.
 */
#include "base/rng.h"
#include "base/text.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>

Test(text, numbers_equal_printf)
{
	struct rng rng = {42};
	struct text t;

	text_init(&t);
	for (int i = 0; i < 5000; i++) {
		uint64_t value = rng_next(&rng) >> rng_below(&rng, 64);
		unsigned width = rng_below(&rng, 24);
		char want[64];

		text_clear(&t);
		text_dec(&t, value, width);
		snprintf(want, sizeof(want), "%*" PRIu64, (int)width, value);
		cr_assert_str_eq(text_str(&t), want);
		text_clear(&t);
		text_hex(&t, value, width);
		snprintf(want, sizeof(want), "%0*" PRIx64, (int)width, value);
		cr_assert_str_eq(text_str(&t), want);
		text_clear(&t);
		text_sdec(&t, (int64_t)value);
		snprintf(want, sizeof(want), "%" PRId64, (int64_t)value);
		cr_assert_str_eq(text_str(&t), want);
	}
	text_finish(&t);
}

Test(text, most_negative_number)
{
	struct text t;

	text_init(&t);
	text_sdec(&t, INT64_MIN);
	cr_assert_str_eq(text_str(&t), "-9223372036854775808");
	text_finish(&t);
}

Test(text, grows_and_keeps_bytes)
{
	struct text t;

	text_init(&t);
	for (int i = 0; i < 10000; i++)
		text_printf(&t, "%05d,", i);
	cr_assert_eq(t.len, 60000);
	cr_assert_not(t.failed);
	cr_assert_eq(memcmp(t.data + 6 * 9999, "09999,", 6), 0);
	text_fill(&t, 'x', 3);
	cr_assert_str_eq(text_str(&t) + 60000, "xxx");
	text_finish(&t);
}

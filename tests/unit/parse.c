/* SPDX-License-Identifier: MIT
 *
 * Claim: a number is a whole word or nothing; what does not fit 64 bits is refused, never wrapped.
 */
#include "base/parse.h"

#include <criterion/criterion.h>
#include <string.h>

struct row {
	const char *word;
	bool ok;
	uint64_t value;
};

typedef bool parse_fn(const char *s, size_t len, uint64_t *out);

static bool u64(const char *s, size_t len, uint64_t *out)
{
	return parse_u64(s, len, 0, out);
}

static void check_rows(parse_fn *parse, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t value = 77;

		cr_expect_eq(parse(rows[i].word, strlen(rows[i].word), &value), rows[i].ok, "%s",
			rows[i].word);
		cr_expect_eq(value, rows[i].ok ? rows[i].value : 77, "%s", rows[i].word);
	}
}

Test(parse, numbers)
{
	static const struct row rows[] = {
		{"0", true, 0},
		{"18446744073709551615", true, UINT64_MAX},
		{"18446744073709551616", false, 0},
		{"0xffffffffffffffff", true, UINT64_MAX},
		{"0x10000000000000000", false, 0},
		{"0x", false, 0},
		{"", false, 0},
		{"12a", false, 0},
		{"-1", false, 0},
		{" 1", false, 0},
		{"0X1f", true, 31},
	};

	check_rows(u64, rows, sizeof(rows) / sizeof(*rows));
}

Test(parse, size)
{
	static const struct row rows[] = {
		{"4096", true, 4096},
		{"4K", true, 4096},
		{"4k", true, 4096},
		{"2G", true, (uint64_t)2 << 30},
		{"1T", true, (uint64_t)1 << 40},
		{"64MiB", true, 64 << 20},
		{"64MB", true, 64 << 20},
		{"0x10", true, 16},
		{"16383P", true, (uint64_t)16383 << 50},
		{"16384P", false, 0},
		{"K", false, 0},
		{"1KK", false, 0},
		{"1.5G", false, 0},
		{"0xb", true, 11},
		{"", false, 0},
	};

	check_rows(parse_size, rows, sizeof(rows) / sizeof(*rows));
}

Test(parse, s64)
{
	int64_t value;

	cr_assert(parse_s64("-9223372036854775808", 20, &value));
	cr_assert_eq(value, INT64_MIN);
	cr_assert_not(parse_s64("9223372036854775808", 19, &value));
	cr_assert_not(parse_s64("-", 1, &value));
}

Test(parse, nearest)
{
	static const char *const names[] = {
		"alloc_pages", "free_pages", "__free_pages", "get_page"};

	cr_assert_str_eq(parse_nearest("aloc_page", 9, names, 4), "alloc_pages");
	cr_assert_str_eq(parse_nearest("FREE_PAGES", 10, names, 4), "free_pages");
	/* Any length of nonsense must be survived. */
	char noise[300];
	memset(noise, 'z', sizeof(noise));
	cr_assert_not_null(parse_nearest(noise, sizeof(noise), names, 4));
	cr_assert_not_null(parse_nearest("", 0, names, 4));
}

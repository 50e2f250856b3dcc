/* SPDX-License-Identifier: MIT
 *
 * Numbers, sizes, and the nearest name to a misspelt one.
 */
#include "base/parse.h"

#include <string.h>

bool parse_is(const char *s, size_t len, const char *word)
{
	return strlen(word) == len && !memcmp(s, word, len);
}

static unsigned digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	c = (char)(c | 32);
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	return 99;
}

bool parse_u64(const char *s, size_t len, unsigned base, uint64_t *out)
{
	uint64_t value = 0;

	if (base != 10 && len > 2 && s[0] == '0' && (s[1] | 32) == 'x') {
		base = 16;
		s += 2;
		len -= 2;
	}
	if (!base)
		base = 10;
	if (!len)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned digit = digit_of(s[i]);

		if (digit >= base || __builtin_mul_overflow(value, (uint64_t)base, &value) ||
			__builtin_add_overflow(value, (uint64_t)digit, &value))
			return false;
	}
	*out = value;
	return true;
}

bool parse_s64(const char *s, size_t len, int64_t *out)
{
	bool minus = len && *s == '-';
	uint64_t value;

	if (!parse_u64(s + minus, len - minus, 0, &value))
		return false;
	if (value > (uint64_t)INT64_MAX + minus)
		return false;
	*out = minus ? (int64_t)(0 - value) : (int64_t)value;
	return true;
}

bool parse_size(const char *s, size_t len, uint64_t *out)
{
	static const char units[] = "kmgtp";
	bool hex = len > 2 && s[0] == '0' && (s[1] | 32) == 'x';
	uint64_t value;
	unsigned shift = 0;

	if (len > 1 && !hex && (s[len - 1] | 32) == 'b')
		len--;
	if (len > 2 && (s[len - 1] | 32) == 'i' && strchr(units, s[len - 2] | 32))
		len--;
	if (len > 1) {
		const char *unit = strchr(units, s[len - 1] | 32);

		if (unit && *unit) {
			shift = 10 * (unsigned)(unit - units + 1);
			len--;
		}
	}
	if (!parse_u64(s, len, 0, &value) || (shift && value >> (64 - shift)))
		return false;
	*out = value << shift;
	return true;
}

/* Levenshtein distance of two short words, case ignored, computed row by row. */
static unsigned distance(const char *a, size_t alen, const char *b, size_t blen)
{
	unsigned row[65];

	alen = alen < 64 ? alen : 64;
	blen = blen < 64 ? blen : 64;
	for (size_t j = 0; j <= blen; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= alen; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= blen; j++) {
			unsigned swap = diagonal + ((a[i - 1] | 32) != (b[j - 1] | 32));
			unsigned best = row[j] + 1 < row[j - 1] + 1 ? row[j] + 1 : row[j - 1] + 1;

			diagonal = row[j];
			row[j] = swap < best ? swap : best;
		}
	}
	return row[blen];
}

const char *parse_nearest(const char *word, size_t len, const char *const *names, size_t n)
{
	const char *best = n ? names[0] : NULL;
	unsigned least = 1000;

	for (size_t i = 0; i < n; i++) {
		unsigned d = distance(word, len, names[i], strlen(names[i]));

		if (d < least) {
			least = d;
			best = names[i];
		}
	}
	return best;
}

bool parse_plain(const char *s, size_t len, uint64_t *out)
{
	return (len == 1 || (len && *s != '0')) && parse_u64(s, len, 10, out);
}

void parse_trim(const char **s, size_t *len)
{
	while (*len && ((*s)[*len - 1] == '\n' || (*s)[*len - 1] == ' '))
		--*len;
	for (; *len && **s == ' '; --*len)
		++*s;
}

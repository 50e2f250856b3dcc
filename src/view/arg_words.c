/* SPDX-License-Identifier: MIT
 *
 * Reading symbolic words: one table for all calls (arg_word.def), one reader.
 *
 *	PROT_READ|PROT_WRITE   MAP_PRIVATE+MAP_ANONYMOUS   IPC_CREAT|0600   0x22   rw-p
 *
 * A word that the type does not have is refused with the nearest one that it has. Numbers are C's: octal after 0,
 * which is how permission bits are written.
 */
#include "view/arg_words.h"

#include "base/parse.h"

#include <errno.h>
#include <string.h>

static const struct {
	uint8_t type;
	const char *word;
	uint64_t value;
} words[] = {
#define ARG_WORD(type, word, value) {ARG_##type, #word, value},
#include "view/arg_word.def"
};

enum { NR_WORDS = sizeof(words) / sizeof(words[0]) };

bool arg_has_words(enum arg_type type)
{
	switch (type) {
#define ARG_TYPE(name, doc)
#define ARG_WORDS(name, doc)                                                                       \
	case ARG_##name:                                                                           \
		return true;
#include "view/arg_type.def"
	default:
		return false;
	}
}

const char *arg_word_nth(enum arg_type type, unsigned i)
{
	for (unsigned w = 0; w < NR_WORDS; w++)
		if (words[w].type == type && !i--)
			return words[w].word;
	return NULL;
}

/* Four letters, or three without sharing. */
static bool parse_maps_prot(const char *s, size_t len, uint64_t *out)
{
	static const char letters[] = "rwx";

	if (len != 3 && len != 4)
		return false;
	*out = 0;
	for (unsigned i = 0; i < 3; i++) {
		if (s[i] != letters[i] && s[i] != '-')
			return false;
		*out |= s[i] == '-' ? 0 : (uint64_t)1 << i;
	}
	if (len == 4 && s[3] != 'p' && s[3] != 's')
		return false;
	*out |= len == 3 ? 0 : s[3] == 's' ? PROT_SAYS_SHARED : PROT_SAYS_PRIVATE;
	return true;
}

/* 0x1f, 0600, 12 */
static bool parse_c_number(const char *s, size_t len, uint64_t *out)
{
	if (len < 2 || s[0] != '0' || s[1] == 'x')
		return parse_u64(s, len, 0, out);
	*out = 0;
	for (size_t i = 1; i < len; i++) {
		if (s[i] < '0' || s[i] > '7' || *out >> 61)
			return false;
		*out = *out << 3 | (uint64_t)(s[i] - '0');
	}
	return true;
}

static bool find_word(enum arg_type type, const char *s, size_t len, uint64_t *out)
{
	for (unsigned w = 0; w < NR_WORDS; w++)
		if (words[w].type == type && parse_is(s, len, words[w].word)) {
			*out = words[w].value;
			return true;
		}
	return false;
}

static int refuse_word(
	enum arg_type type, const char *s, size_t len, uint32_t column, struct refusal *why)
{
	const char *known[NR_WORDS];
	unsigned n = 0;

	for (unsigned w = 0; w < NR_WORDS; w++)
		if (words[w].type == type)
			known[n++] = words[w].word;
	return refuse_at(why, EINVAL, column, (uint32_t)len,
		"`%.*s` is not %s; the nearest word is %s", (int)(len < 80 ? len : 80), s,
		arg_type_doc(type), parse_nearest(s, len, known, n));
}

int arg_words_parse(enum arg_type type, const char *s, size_t len, uint32_t column, uint64_t *out,
	struct refusal *why)
{
	size_t at = 0;

	if (type == ARG_prot && parse_maps_prot(s, len, out))
		return 0;
	*out = 0;
	do {
		size_t n = 0;
		uint64_t value;

		while (at + n < len && s[at + n] != '|' && s[at + n] != '+')
			n++;
		if (!find_word(type, s + at, n, &value) && !parse_c_number(s + at, n, &value))
			return refuse_word(type, s + at, n, column + (uint32_t)at, why);
		*out |= value;
		at += n + 1;
	} while (at <= len);
	return 0;
}

/* The character behind a backslash at @s; how many bytes of the escape were read in *@used. */
static char unescape(const char *s, const char *end, size_t *used)
{
	static const char from[] = "ntrvfab0e", to[] = "\n\t\r\v\f\a\b\0\033";
	unsigned value = 0, digits = 0;
	bool hex = s < end && *s == 'x';

	for (const char *d = s + hex; d < end && digits < (hex ? 2 : 3); d++, digits++) {
		char c = (char)(*d | 32);
		unsigned digit = *d >= '0' && *d <= '9' ? (unsigned)(*d - '0')
				 : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
							: 16;

		if (digit >= (hex ? 16u : 8u))
			break;
		value = value * (hex ? 16 : 8) + digit;
	}
	if (digits) {
		*used = digits + hex;
		return (char)value;
	}
	*used = s < end;
	const char *known = s < end && *s ? strchr(from, *s) : NULL;
	return known ? to[known - from] : s < end ? *s : '\\';
}

size_t arg_string(const char *word, size_t len, char *out, size_t cap)
{
	const char *s = word, *end = word + len;
	size_t n = 0;

	if (!len || *s != '"') {
		n = len < cap ? len : cap;
		memcpy(out, word, n);
		return n;
	}
	for (s++; s < end && *s != '"'; s++) {
		char c = *s;

		if (c == '\\') {
			size_t used;

			c = unescape(s + 1, end, &used);
			s += used;
		}
		if (n < cap)
			out[n++] = c;
	}
	return n;
}

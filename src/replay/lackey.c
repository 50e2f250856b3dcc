/* SPDX-License-Identifier: MIT
 *
 * The parser of lackey's references: tens of millions of lines a second come through here.
 *
 *	I  0401ab70,3
 *	 S 1fff0006d8,8
 *	`-'`---------' `
 *	kind  address   bytes
 *
 * Nearly all lines look the same: the first three bytes are compared as one number, the first eight digits are read as one
 * word, whose bytes are digits each by itself, and the size is one digit. What does not fit is read byte by byte; what does
 * not fit then either is a note of valgrind's, or malformed.
 *
 * Left out: sizes and addresses of other tools' forms (cachegrind, drcachesim have binary ones).
 * Format: lackey/lk_main.c of valgrind ("I  %08lx,%zu\n", " L %08lx,%zu\n" ...).
 */
#include "replay/lackey.h"

#include <stdbool.h>
#include <string.h>

/* "I  ", sixteen digits, ",8" and a newline */
#define USUAL_BYTES (3 + 16 + 3)

/* Sixteen characters a row. */
#define X4	16, 16, 16, 16
#define NONE	X4, X4, X4, X4
#define DIGITS	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 16, X4
#define LETTERS 16, 10, 11, 12, 13, 14, 15, 16, X4, X4
/* Value of a hex digit; 16: it is none. */
static const uint8_t hex_digit[256] = {NONE, NONE, NONE, DIGITS, LETTERS, NONE, LETTERS, NONE, NONE,
	NONE, NONE, NONE, NONE, NONE, NONE, NONE};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Not a reference: a note, or malformed. */
static const char *other(const char *s, const char *end, struct lackey_ref *out)
{
	const char *newline = memchr(s, '\n', (size_t)(end - s));
	const char *stop = newline ? newline : end;

	while (s < stop && is_space(*s))
		s++;
	bool note = s == stop || *s == '#' ||
		    (stop - s > 2 && (!memcmp(s, "==", 2) || !memcmp(s, "--", 2)));
	out->kind = note ? LACKEY_OTHER : LACKEY_MALFORMED;
	return newline ? newline + 1 : end;
}

/* The kinds, by the low bits of their second letters, beside their first three as a number. */
static const struct {
	uint32_t letters, kind;
} kinds[32] = {
	[' ' & 31] = {'I' | ' ' << 8 | ' ' << 16, LACKEY_FETCH},
	['L' & 31] = {' ' | 'L' << 8 | ' ' << 16, LACKEY_LOAD},
	['S' & 31] = {' ' | 'S' << 8 | ' ' << 16, LACKEY_STORE},
	['M' & 31] = {' ' | 'M' << 8 | ' ' << 16, LACKEY_MODIFY},
};

static inline bool kind_of(const char *s, uint32_t *kind)
{
	uint32_t letters;

	memcpy(&letters, s, 4);
	letters &= 0xffffff;
	*kind = kinds[letters >> 8 & 31].kind;
	return letters == kinds[letters >> 8 & 31].letters;
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Eight digits as valgrind prints them. False: others are among them. */
static inline bool eight_digits(const char *s, uint64_t *value)
{
	uint64_t text;

	memcpy(&text, s, 8);
	/* A letter's low bits count from 1. */
	uint64_t digits = (text & EACH(15)) + (text >> 6 & EACH(1)) * 9;
	uint64_t letters = (digits + EACH(6)) >> 4 & EACH(1);

	/* Written as digits again they must be what they were. */
	if (digits & EACH(0xf0) || digits + EACH('0') + letters * ('a' - 10 - '0') != text)
		return false;
	/* The first one is in the lowest byte. */
	digits = (digits << 4 | digits >> 8) & UINT64_C(0x00ff00ff00ff00ff);
	digits = (digits << 8 | digits >> 16) & UINT64_C(0x0000ffff0000ffff);
	*value = (digits << 16 | digits >> 32) & UINT32_MAX;
	return true;
}

/* Nearly all lines: eight digits or more, one digit of size. NULL: it is another. */
static inline const char *usual_line(const char *s, struct lackey_ref *out)
{
	const char *p = s + 3 + 8;

	if (!kind_of(s, &out->kind) || !eight_digits(s + 3, &out->addr))
		return NULL;
	for (; *p != ','; p++) {
		unsigned digit = hex_digit[(uint8_t)*p];

		if (digit > 15 || p == s + 3 + 16)
			return NULL;
		out->addr = out->addr << 4 | digit;
	}
	out->bytes = (uint32_t)(p[1] - '0');
	return out->bytes - 1 < 9 && p[2] == '\n' ? p + 3 : NULL;
}

static const char *any_line(const char *s, const char *end, struct lackey_ref *out)
{
	const char *p = s + 3, *digits;
	uint64_t addr = 0;
	uint32_t bytes = 0;
	unsigned digit;

	if (end - s < 6 || !kind_of(s, &out->kind))
		return other(s, end, out);
	for (digits = p; p < end && (digit = hex_digit[(uint8_t)*p]) < 16; p++)
		addr = addr << 4 | digit;
	if (p == digits || p - digits > 16 || p == end || *p != ',')
		return other(s, end, out);
	for (digits = ++p; p < end && *p >= '0' && *p <= '9' && p - digits < 6; p++)
		bytes = bytes * 10 + (uint32_t)(*p - '0');
	if (p < end && *p == '\r')
		p++;
	if ((p < end && *p != '\n') || !bytes || bytes > LACKEY_MAX_BYTES)
		return other(s, end, out);
	out->addr = addr;
	out->bytes = bytes;
	return p < end ? p + 1 : end;
}

const char *lackey_parse(const char *s, const char *end, struct lackey_ref *out)
{
	const char *next = end - s >= USUAL_BYTES ? usual_line(s, out) : NULL;

	return next ? next : any_line(s, end, out);
}

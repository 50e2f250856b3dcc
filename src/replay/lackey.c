/* SPDX-License-Identifier: MIT
 *
 * The parser of lackey's references: tens of millions of lines a second come through here.
 *
 *	I  0401ab70,3
 *	 S 1fff0006d8,8
 *	`-'`---------' `
 *	kind  address   bytes
 *
 * A line is read in one pass: its first three bytes are compared as one number, hex digits come out of a table, and
 * the size is one digit nearly always. What does not fit in any way goes the slow way, which finds the line's end and
 * says whether it is a note of valgrind's or malformed.
 *
 * Left out: sizes and addresses of other tools' forms (cachegrind, drcachesim have binary ones).
 * Format: lackey/lk_main.c of valgrind ("I  %08lx,%zu\n", " L %08lx,%zu\n" ...).
 */
#include "replay/lackey.h"

#include <stdbool.h>
#include <string.h>

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

/* "I  ", " L ", " S ", " M " as a number of three bytes. */
static uint32_t kind_of(const char *s)
{
	switch ((uint32_t)(uint8_t)s[0] << 16 | (uint32_t)(uint8_t)s[1] << 8 | (uint8_t)s[2]) {
	case (uint32_t)'I' << 16 | ' ' << 8 | ' ':
		return LACKEY_FETCH;
	case (uint32_t)' ' << 16 | 'L' << 8 | ' ':
		return LACKEY_LOAD;
	case (uint32_t)' ' << 16 | 'S' << 8 | ' ':
		return LACKEY_STORE;
	case (uint32_t)' ' << 16 | 'M' << 8 | ' ':
		return LACKEY_MODIFY;
	default:
		return LACKEY_MALFORMED;
	}
}

const char *lackey_parse(const char *s, const char *end, struct lackey_ref *out)
{
	const char *p = s + 3, *digits;
	uint64_t addr = 0;
	uint32_t bytes = 0;
	unsigned digit;

	if (end - s < 6)
		return other(s, end, out);
	out->kind = kind_of(s);
	if (out->kind == LACKEY_MALFORMED)
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

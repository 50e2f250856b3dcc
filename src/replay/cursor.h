/* SPDX-License-Identifier: MIT
 *
 * What the parsers of recorded lines share: what is left of a line, and small pieces taken off its front. All of it is
 * inline, since millions of lines a second come through here.
 */
#ifndef SIMM_REPLAY_CURSOR_H
#define SIMM_REPLAY_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* What is left of the line. */
struct cursor {
	const char *p;
	const char *end;
};

static inline bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline void skip_blanks(struct cursor *c)
{
	while (c->p < c->end && is_blank(*c->p))
		c->p++;
}

static inline bool starts(const struct cursor *c, const char *word, size_t len)
{
	return (size_t)(c->end - c->p) >= len && !memcmp(c->p, word, len);
}

/* Skip @word of @len bytes if it is next. */
static inline bool eat(struct cursor *c, const char *word, size_t len)
{
	if (!starts(c, word, len))
		return false;
	c->p += len;
	return true;
}

#define EAT(c, literal)	   eat((c), literal, sizeof(literal) - 1)
#define STARTS(c, literal) starts((c), literal, sizeof(literal) - 1)

/* Digits. False when there are none, or the number does not fit. */
static inline bool decimal(struct cursor *c, uint64_t *out)
{
	const char *from = c->p;
	uint64_t value = 0;

	while (c->p < c->end && is_digit(*c->p)) {
		if (value > (UINT64_MAX - 9) / 10)
			return false;
		value = value * 10 + (unsigned)(*c->p++ - '0');
	}
	*out = value;
	return c->p > from;
}

/* The same in hex, without 0x. */
static inline bool hex(struct cursor *c, uint64_t *out)
{
	const char *from = c->p;
	uint64_t value = 0;

	for (; c->p < c->end; c->p++) {
		unsigned char low = (unsigned char)*c->p | 32;
		unsigned digit;

		if (is_digit(*c->p))
			digit = (unsigned)(*c->p - '0');
		else if (low >= 'a' && low <= 'f')
			digit = low - 'a' + 10u;
		else
			break;
		if (value >> 60)
			return false;
		value = value << 4 | digit;
	}
	*out = value;
	return c->p > from;
}

/* Decimal, or hex after 0x. */
static inline bool number(struct cursor *c, uint64_t *out)
{
	return EAT(c, "0x") ? hex(c, out) : decimal(c, out);
}

#endif

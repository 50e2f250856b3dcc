/* SPDX-License-Identifier: MIT
 *
 * Reading numbers, sizes and words. All take (pointer, length), since lines are never NUL-terminated.
 */
#ifndef SIMM_BASE_PARSE_H
#define SIMM_BASE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A whole word as an unsigned number in @base (10, 16; 0: decimal, or hex after 0x). False when it is empty,
 * has another character, or does not fit 64 bits. */
bool parse_u64(const char *s, size_t len, unsigned base, uint64_t *out);
/* A decimal number in its one spelling, without leading zeros. */
bool parse_plain(const char *s, size_t len, uint64_t *out);
/* As parse_u64 with base 0, with an optional leading minus. */
bool parse_s64(const char *s, size_t len, int64_t *out);
/* A size: a number (base 0) with an optional suffix K, M, G, T, P (either case; powers of 1024), and an
 * optional B or iB after it. Kernel's memparse(), plus the overflow check. */
bool parse_size(const char *s, size_t len, uint64_t *out);

/* The entry of @names nearest to @word (fewest edits, case ignored): for "did you mean". Never NULL for n > 0. */
const char *parse_nearest(const char *word, size_t len, const char *const *names, size_t n);

/* True when @s (of @len) is exactly the C string @word. */
bool parse_is(const char *s, size_t len, const char *word);

/* How long it is without a newline at its end. */
static inline size_t parse_line_len(const char *s, size_t len)
{
	return len && s[len - 1] == '\n' ? len - 1 : len;
}
/* Take blanks off both ends, and newlines off the last. */
void parse_trim(const char **s, size_t *len);

/* FNV-1a of a name. */
static inline uint32_t parse_hash(const char *s, size_t len)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)s[i]) * 16777619u;
	return hash;
}

#endif

/* SPDX-License-Identifier: MIT
 *
 * Reading masks of nodes: as people write them, and as strace prints what a system call was given.
 *
 *	0-1   {0,1}   0+1		nodes by number
 *	[0x3]   [0000000000000003]	the mask itself, hexadecimal; of several words the first is the lowest
 *	NULL				none
 *
 * A comma parts words of a call, so a list with commas stands in braces.
 */
#include "view/arg_nodes.h"

#include "base/parse.h"

#define MOST_NODES 64

static bool is_separator(char c)
{
	return c == ',' || c == '+' || c == '|' || c == ' ';
}

/* "3" or "0-3" */
static bool add_range(const char *s, size_t len, uint64_t *nodes)
{
	uint64_t first, last;
	size_t dash = 0;

	while (dash < len && s[dash] != '-')
		dash++;
	if (!parse_u64(s, dash, 0, &first))
		return false;
	last = first;
	if (dash < len && !parse_u64(s + dash + 1, len - dash - 1, 0, &last))
		return false;
	if (first > last || last >= MOST_NODES)
		return false;
	for (; first <= last; first++)
		*nodes |= (uint64_t)1 << first;
	return true;
}

static bool add_words(const char *s, size_t len, uint64_t *nodes)
{
	uint64_t word;

	for (size_t at = 0, n; at < len; at += n + 1) {
		for (n = 0; at + n < len && !is_separator(s[at + n]);)
			n++;
		if (!n)
			continue;
		if (!parse_u64(s + at, n, 16, &word) || (at && word))
			return false;
		*nodes |= word;
	}
	return true;
}

bool arg_nodes_parse(const char *s, size_t len, uint64_t *nodes)
{
	*nodes = 0;
	if (parse_is(s, len, "NULL"))
		return true;
	if (len >= 2 && *s == '[' && s[len - 1] == ']')
		return add_words(s + 1, len - 2, nodes);
	if (len >= 2 && *s == '{' && s[len - 1] == '}') {
		s++;
		len -= 2;
	}
	if (!len)
		return false;
	for (size_t at = 0, n; at <= len; at += n + 1) {
		for (n = 0; at + n < len && !is_separator(s[at + n]);)
			n++;
		if (!add_range(s + at, n, nodes))
			return false;
	}
	return true;
}

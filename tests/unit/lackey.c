/* SPDX-License-Identifier: MIT
 *
 * Claim: a reference is read exactly or not at all.
 *
 *	I  0401ab70,3		a fetch of 3 bytes
 *	 M 1fff0006d8,8		a load and a store of 8
 */
#include "replay/lackey.h"

#include "base/rng.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct lackey_ref parse(const char *line)
{
	size_t len = strlen(line);
	char *copy = malloc(len ? len : 1);
	struct lackey_ref r = {0};

	memcpy(copy, line, len);
	cr_expect_eq(lackey_parse(copy, copy + len, &r), copy + len, "%s", line);
	free(copy);
	return r;
}

Test(lackey, lines)
{
	static const struct {
		const char *line;
		enum lackey_kind kind;
		uint64_t addr;
		uint32_t bytes;
	} rows[] = {
		{"I  0401ab70,3\n", LACKEY_FETCH, 0x401ab70, 3},
		{" L 1fff0006d8,8\n", LACKEY_LOAD, UINT64_C(0x1fff0006d8), 8},
		{" S 1FFF0006D8,16\r\n", LACKEY_STORE, UINT64_C(0x1fff0006d8), 16},
		{" M ffffffffffffffff,1", LACKEY_MODIFY, UINT64_MAX, 1},
		{" S 0,512\n", LACKEY_STORE, 0, 512},
		{"==123== Lackey, an example Valgrind tool\n", LACKEY_OTHER, 0, 0},
		{"--123-- warning\n", LACKEY_OTHER, 0, 0},
		{"\n", LACKEY_OTHER, 0, 0},
		{"# a comment\n", LACKEY_OTHER, 0, 0},
		{"I  0401ab70,\n", LACKEY_MALFORMED, 0, 0},
		{"I  0401ab70,0\n", LACKEY_MALFORMED, 0, 0},
		{"I  0401ab70,3x\n", LACKEY_MALFORMED, 0, 0},
		{"I  0401ab70,99999\n", LACKEY_MALFORMED, 0, 0},
		{"I  0401ab70,9999999\n", LACKEY_MALFORMED, 0, 0},
		{"I  0401ab70\n", LACKEY_MALFORMED, 0, 0},
		{"I  ,3\n", LACKEY_MALFORMED, 0, 0},
		{"I  00000000000000001,3\n", LACKEY_MALFORMED, 0, 0},
		{"I 0401ab70,3\n", LACKEY_MALFORMED, 0, 0},
		{" X 0401ab70,3\n", LACKEY_MALFORMED, 0, 0},
		{"I  04", LACKEY_MALFORMED, 0, 0},
		{"I", LACKEY_MALFORMED, 0, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lackey_ref r = parse(rows[i].line);

		cr_expect_eq(r.kind, rows[i].kind, "%s", rows[i].line);
		if (rows[i].kind < LACKEY_OTHER) {
			cr_expect_eq(r.addr, rows[i].addr, "%s", rows[i].line);
			cr_expect_eq(r.bytes, rows[i].bytes, "%s", rows[i].line);
		}
	}
}

/* Every line is left at its newline, whatever is in it. */
Test(lackey, noise)
{
	static const char alphabet[] = "I LSM,0123456789abcdef=\n\r #";
	struct rng rng;
	char block[64];

	rng.state = 3;
	for (unsigned i = 0; i < 300000; i++) {
		size_t len = 1 + rng_below(&rng, sizeof(block));
		char *copy = malloc(len);

		for (size_t at = 0; at < len; at++)
			copy[at] = alphabet[rng_below(&rng, sizeof(alphabet) - 1)];
		for (const char *p = copy; p < copy + len;) {
			struct lackey_ref r;
			const char *newline = memchr(p, '\n', (size_t)(copy + len - p));
			const char *next = lackey_parse(p, copy + len, &r);

			cr_assert_eq(next, newline ? newline + 1 : copy + len);
			p = next;
		}
		free(copy);
	}
}

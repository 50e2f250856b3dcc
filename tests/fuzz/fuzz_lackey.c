/* SPDX-License-Identifier: MIT
 *
 * Any bytes as lackey's references: every line is left at its newline, and a reference is one that printf gives back.
 */
#include "fuzz.h"

#include "replay/lackey.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data, *end = p + size;

	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		struct lackey_ref r;
		const char *next = lackey_parse(p, end, &r);

		assert(next == (newline ? newline + 1 : end));
		assert(r.kind <= LACKEY_MALFORMED);
		if (r.kind < LACKEY_OTHER) {
			char copy[64] = {0};
			size_t len = (size_t)(next - p) - 3;

			assert(len < sizeof(copy));
			memcpy(copy, p + 3, len);
			char *comma;
			assert(strtoull(copy, &comma, 16) == r.addr && *comma == ',');
			assert(strtoul(comma + 1, NULL, 10) == r.bytes);
		}
		p = next;
	}
	return 0;
}

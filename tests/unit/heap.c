/* SPDX-License-Identifier: MIT
 *
 * Claim: heap blocks never overlap, come zeroed, keep their bytes, and freed ones are used again.
 */
#include "support/bare.h"

#include "base/rng.h"
#include "mm/machine.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static bool all_bytes(const struct machine *m, uint64_t at, uint64_t bytes, unsigned char want)
{
	const unsigned char *p = machine_at(m, at);

	for (uint64_t i = 0; i < bytes; i++)
		if (p[i] != want)
			return false;
	return true;
}

Test(heap, random_blocks_keep_their_bytes)
{
	enum { SLOTS = 200 };
	struct machine *m = bare(64 << 20);
	struct rng rng = {3};
	uint64_t at[SLOTS] = {0}, bytes[SLOTS] = {0};

	for (int i = 0; i < 20000; i++) {
		unsigned slot = rng_below(&rng, SLOTS);

		if (at[slot]) {
			cr_assert(all_bytes(m, at[slot], bytes[slot], (unsigned char)slot));
			heap_free(m, at[slot], bytes[slot]);
			at[slot] = 0;
			continue;
		}
		bytes[slot] = 1 + rng_below(&rng, 5000);
		at[slot] = heap_alloc(m, bytes[slot]);
		cr_assert_neq(at[slot], 0);
		cr_assert(all_bytes(m, at[slot], bytes[slot], 0));
		memset(machine_at(m, at[slot]), (int)slot, bytes[slot]);
	}
	bare_finish(m);
}

Test(heap, grow_keeps_content)
{
	struct machine *m = bare(1 << 20);
	uint64_t at = heap_alloc(m, 100);

	memset(machine_at(m, at), 'a', 100);
	at = heap_grow(m, at, 100, 10000);
	cr_assert_neq(at, 0);
	cr_assert(all_bytes(m, at, 100, 'a'));
	cr_assert(all_bytes(m, at + 100, 9900, 0));
	bare_finish(m);
}

Test(heap, full_is_a_sentence)
{
	struct machine *m = bare(1 << 16);

	cr_assert_eq(heap_alloc(m, 1 << 17), 0);
	cr_assert_eq(m->why.err, ENOMEM);
	cr_assert_neq(heap_alloc(m, 1 << 10), 0);
	bare_finish(m);
}

/* SPDX-License-Identifier: MIT
 *
 * Claim: the map of recorded pfns answers as an array would, whatever comes and goes, and two maps with the same
 * history have the same bytes.
 */
#include "support/bare.h"

#include "mm/core/pfn_map.h"

#include "base/rng.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#define PFNS 3000

static void mix(struct machine *m, struct pfn_map *map, uint64_t *model, uint64_t seed)
{
	struct rng rng = {seed};

	for (int i = 0; i < 40000; i++) {
		/* Neighbours and far ones, so that chains form and wrap around the table's end. */
		uint32_t n = rng_below(&rng, PFNS);
		uint64_t pfn = n % 3 ? n : (uint64_t)n << 30;
		struct pfn_slot *slot = pfn_map_find(m, map, pfn);

		cr_assert_eq(slot ? slot->pfn : 0, model[n]);
		if (slot && rng_below(&rng, 2)) {
			cr_assert_eq(pfn_slot_recorded(slot), pfn);
			pfn_map_remove(m, map, slot);
			model[n] = 0;
		} else {
			cr_assert_eq(pfn_map_reserve(m, map, 1), 0);
			model[n] = 1 + rng_below(&rng, UINT32_MAX);
			pfn_map_put(m, map, pfn)->pfn = model[n];
		}
	}
	uint64_t used = 0;
	for (uint32_t n = 0; n < PFNS; n++)
		used += model[n] != 0;
	cr_assert_eq(map->nr_used, used);
}

Test(pfn_map, is_an_array)
{
	static uint64_t model[2][PFNS];
	struct pfn_map map[2] = {{0}, {0}};
	struct machine *m[2] = {bare(8 << 20), bare(8 << 20)};

	for (int i = 0; i < 2; i++)
		mix(m[i], &map[i], model[i], 5);
	cr_assert_eq(map[0].nr_slots, map[1].nr_slots);
	cr_assert_eq(memcmp(machine_at(m[0], map[0].slots_at), machine_at(m[1], map[1].slots_at),
			     map[0].nr_slots * sizeof(struct pfn_slot)),
		0);
	bare_finish(m[0]);
	bare_finish(m[1]);
}

Test(pfn_map, says_when_the_heap_ends)
{
	struct machine *m = bare(64 << 10);
	struct pfn_map map = {0};
	uint64_t pfn = 0;

	while (!pfn_map_reserve(m, &map, 1)) {
		pfn_map_put(m, &map, pfn)->pfn = pfn;
		pfn++;
		cr_assert_lt(pfn, 100000);
	}
	cr_assert_eq(m->why.err, ENOMEM);
	for (uint64_t i = 0; i < pfn; i++)
		cr_assert_eq(pfn_map_find(m, &map, i)->pfn, i);
	bare_finish(m);
}

/* SPDX-License-Identifier: MIT
 *
 * From the pfns of a recorded machine to the blocks that stand for them in this one. In the machine's heap: a copy
 * of the machine goes on with the same recording.
 */
#ifndef SIMM_MM_PFN_MAP_H
#define SIMM_MM_PFN_MAP_H

#include <stdbool.h>
#include <stdint.h>

struct machine;

enum pfn_state {
	PFN_LIVE,	  /* allocated there and here: @pfn, @order */
	PFN_REFUSED,	  /* allocated there, refused here: nothing to free */
	PFN_FREED_SINGLE, /* mm_page_free was seen: a batched one would repeat it */
	PFN_FREED_BATCHED /* mm_page_free_batched was seen: a single one would repeat it */
};

/* 16 bytes a recorded pfn. All zero: an empty slot. */
struct pfn_slot {
	uint64_t key : 56;  /* recorded pfn + 1 */
	uint64_t order : 8; /* of the block whose first pfn this is */
	uint64_t pfn : 56;  /* simulated */
	uint64_t state : 8; /* enum pfn_state */
};
_Static_assert(sizeof(struct pfn_slot) == 16, "a slot is two words");

struct pfn_map {
	uint64_t slots_at; /* heap block, 0: no slot yet */
	uint64_t nr_slots; /* power of two */
	uint64_t nr_used;
};

/* Make room for @more new keys. Errors: EDQUOT, ENOMEM with m->why. Slots move. */
int pfn_map_reserve(struct machine *m, struct pfn_map *map, uint64_t more);
/* NULL when there is none. Valid until the map changes. */
struct pfn_slot *pfn_map_find(
	const struct machine *m, const struct pfn_map *map, uint64_t recorded_pfn);
/* The slot of @recorded_pfn, made when there is none; room must have been reserved. */
struct pfn_slot *pfn_map_put(const struct machine *m, struct pfn_map *map, uint64_t recorded_pfn);
void pfn_map_remove(const struct machine *m, struct pfn_map *map, struct pfn_slot *slot);

static inline uint64_t pfn_slot_recorded(const struct pfn_slot *slot)
{
	return slot->key - 1;
}

#endif

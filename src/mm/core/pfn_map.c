/* SPDX-License-Identifier: MIT
 *
 * An open-addressing hash with linear probing, at most half full (Knuth, TAOCP 3, 6.4, algorithms L and R).
 *
 *	slot:   h(a)  h(b)=h(a)          h(c)
 *	         | a  |  b  |     |  ... | c  |		removing a moves b one to the left: no tombstones
 *
 * The invariant is that between a key's home and its slot no slot is empty. Slots hold numbers only and their
 * order follows from the keys alone and the order in which they came, so equal histories have equal bytes.
 */
#include "mm/core/pfn_map.h"

#include "mm/machine.h"

#include <assert.h>

#define FIRST_SLOTS 256

static struct pfn_slot *slots_of(const struct machine *m, const struct pfn_map *map)
{
	return machine_at(m, map->slots_at);
}

static uint64_t home_of(const struct pfn_map *map, uint64_t key)
{
	/* Fibonacci hashing: neighbours, which pfns mostly are, spread over the whole table. */
	return (key * 0x9e3779b97f4a7c15ULL) >> (64 - (unsigned)__builtin_ctzll(map->nr_slots));
}

static struct pfn_slot *probe(const struct machine *m, const struct pfn_map *map, uint64_t key)
{
	struct pfn_slot *slots = slots_of(m, map);
	uint64_t i = home_of(map, key);

	while (slots[i].key && slots[i].key != key)
		i = (i + 1) & (map->nr_slots - 1);
	return &slots[i];
}

int pfn_map_reserve(struct machine *m, struct pfn_map *map, uint64_t more)
{
	uint64_t nr = map->nr_slots ? map->nr_slots : FIRST_SLOTS;

	while (nr < (map->nr_used + more) * 2)
		nr *= 2;
	if (nr == map->nr_slots)
		return 0;
	struct pfn_map bigger = {.nr_slots = nr, .nr_used = map->nr_used};
	bigger.slots_at = heap_alloc(m, nr * sizeof(struct pfn_slot));
	if (!bigger.slots_at)
		return -m->why.err;
	for (uint64_t i = 0; i < map->nr_slots; i++) {
		const struct pfn_slot *slot = slots_of(m, map) + i;

		if (slot->key)
			*probe(m, &bigger, slot->key) = *slot;
	}
	heap_free(m, map->slots_at, map->nr_slots * sizeof(struct pfn_slot));
	*map = bigger;
	return 0;
}

struct pfn_slot *pfn_map_find(
	const struct machine *m, const struct pfn_map *map, uint64_t recorded_pfn)
{
	if (!map->nr_used)
		return NULL;
	struct pfn_slot *slot = probe(m, map, recorded_pfn + 1);

	return slot->key ? slot : NULL;
}

struct pfn_slot *pfn_map_put(const struct machine *m, struct pfn_map *map, uint64_t recorded_pfn)
{
	struct pfn_slot *slot = probe(m, map, recorded_pfn + 1);

	if (!slot->key) {
		map->nr_used++;
		assert(map->nr_used * 2 <= map->nr_slots);
		slot->key = recorded_pfn + 1;
	}
	return slot;
}

void pfn_map_remove(const struct machine *m, struct pfn_map *map, struct pfn_slot *slot)
{
	struct pfn_slot *slots = slots_of(m, map);
	uint64_t mask = map->nr_slots - 1;
	uint64_t hole = (uint64_t)(slot - slots);

	assert(slot->key && map->nr_used);
	for (uint64_t i = (hole + 1) & mask; slots[i].key; i = (i + 1) & mask) {
		uint64_t home = home_of(map, slots[i].key);

		/* It may move into the hole unless its home lies cyclically behind the hole. */
		if (((i - home) & mask) >= ((i - hole) & mask)) {
			slots[hole] = slots[i];
			hole = i;
		}
	}
	slots[hole] = (struct pfn_slot){0};
	map->nr_used--;
}

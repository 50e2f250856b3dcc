/* SPDX-License-Identifier: MIT
 *
 * TLBs: filling and forgetting (see tlb.h; finding is inline there).
 *
 * Invariant: in a set no two entries answer for the same address in the same address space, and empty entries stand
 * behind used ones. Forgetting closes the gaps, so eviction always takes the last way.
 */
#include "hw/tlb.h"

#include <assert.h>

void tlb_init(struct tlb *t, const struct tlb_desc *desc, uint32_t entries_at)
{
	assert(!(desc->sets & (desc->sets - 1)));
	memset(t, 0, sizeof(*t));
	t->sets = desc->ways ? desc->sets : 0;
	t->ways = desc->sets ? desc->ways : 0;
	t->entries_at = entries_at;
}

static unsigned key_shift(uint64_t key)
{
	return key & 63;
}

/* Take way @way out of @set; the later ones move up. */
static void remove_way(struct tlb *t, struct tlb_entry *set, unsigned way)
{
	t->changes++;
	memmove(set + way, set + way + 1, (t->ways - way - 1) * sizeof(*set));
	memset(set + t->ways - 1, 0, sizeof(*set));
}

/* Take the page out in all address spaces: a global entry will answer for all of them. */
static void remove_page(struct tlb *t, struct tlb_entry *set, uint64_t key)
{
	for (unsigned way = 0; way < t->ways;)
		if (set[way].key == key)
			remove_way(t, set, way);
		else
			way++;
}

/* Where @way is lost; @ways: the last one. */
static inline struct tlb_entry *put_first(struct tlb *t, struct tlb_entry *set, unsigned way,
	uint64_t key, const struct tlb_entry *like)
{
	if (way == t->ways)
		t->evictions += set[--way].key != 0;
	t->changes++;
	memmove(set + 1, set, way * sizeof(*set));
	set[0] = *like;
	set[0].key = key;
	t->shifts |= (uint64_t)1 << key_shift(key);
	return set;
}

struct tlb_entry *tlb_put(struct tlb *t, uint64_t va, unsigned shift, const struct tlb_entry *like)
{
	if (!t->sets)
		return NULL;
	assert(shift >= 12 && shift < 64);
	uint64_t page = va >> shift;
	struct tlb_entry *set = tlb_set(t, page);
	uint64_t key = page << shift | shift;

	if (like->flags & HW_GLOBAL)
		remove_page(t, set, key);
	unsigned way = tlb_way(set, t->ways, key, like->asid);

	return put_first(t, set, way, key, like);
}

struct tlb_entry *tlb_put_absent(
	struct tlb *t, uint64_t va, unsigned shift, const struct tlb_entry *like)
{
	/* It may stand there for other address spaces. */
	if (!t->sets || like->flags & HW_GLOBAL)
		return tlb_put(t, va, shift, like);
	uint64_t page = va >> shift;

	return put_first(t, tlb_set(t, page), t->ways, page << shift | shift, like);
}

unsigned tlb_invalidate_page(struct tlb *t, uint64_t va, uint16_t asid)
{
	unsigned gone = 0;

	for (uint64_t shifts = t->shifts; shifts; shifts &= shifts - 1) {
		unsigned shift = (unsigned)__builtin_ctzll(shifts);
		uint64_t page = va >> shift;
		struct tlb_entry *set = tlb_set(t, page);
		unsigned way = tlb_way(set, t->ways, page << shift | shift, asid);

		if (way == t->ways)
			continue;
		remove_way(t, set, way);
		gone++;
	}
	t->invalidations += gone;
	return gone;
}

/* Forget the entries for which @asid (negative: any) and globality say so; find out which sizes are left. */
static unsigned invalidate(struct tlb *t, int asid, bool keep_global)
{
	struct tlb_entry *entries = tlb_entries(t);
	uint64_t shifts = 0;
	unsigned gone = 0;

	for (unsigned set = 0; set < t->sets; set++)
		for (unsigned way = 0; way < t->ways;) {
			struct tlb_entry *e = &entries[(uint64_t)set * t->ways + way];
			bool other = asid >= 0 && e->asid != asid;

			if (!e->key)
				break;
			if (other || (keep_global && e->flags & HW_GLOBAL)) {
				shifts |= (uint64_t)1 << key_shift(e->key);
				way++;
			} else {
				remove_way(t, entries + (uint64_t)set * t->ways, way);
				gone++;
			}
		}
	t->shifts = shifts;
	t->invalidations += gone;
	return gone;
}

unsigned tlb_invalidate_range(struct tlb *t, uint64_t start, uint64_t end, uint16_t asid)
{
	unsigned gone = 0;

	for (unsigned set = 0; set < t->sets; set++)
		for (unsigned way = 0; way < t->ways;) {
			struct tlb_entry *first = tlb_entries(t) + (uint64_t)set * t->ways;
			const struct tlb_entry *e = &first[way];
			unsigned shift = key_shift(e->key);
			uint64_t va = e->key >> shift << shift;

			if (!e->key)
				break;
			if ((e->asid != asid && !(e->flags & HW_GLOBAL)) || va >= end ||
				va + (((uint64_t)1 << shift) - 1) < start) {
				way++;
			} else {
				remove_way(t, first, way);
				gone++;
			}
		}
	t->invalidations += gone;
	return gone;
}

unsigned tlb_invalidate_asid(struct tlb *t, uint16_t asid)
{
	return invalidate(t, asid, true);
}

unsigned tlb_flush(struct tlb *t, bool keep_global)
{
	return invalidate(t, -1, keep_global);
}

unsigned tlb_count(const struct tlb *t)
{
	unsigned n = 0;

	for (unsigned i = 0; i < t->sets * t->ways; i++)
		n += tlb_entries(t)[i].key != 0;
	return n;
}

const struct tlb_entry *tlb_next(const struct tlb *t, unsigned *i, uint64_t *va, unsigned *shift)
{
	for (; *i < t->sets * t->ways; ++*i) {
		const struct tlb_entry *e = &tlb_entries(t)[*i];

		if (e->key) {
			*shift = key_shift(e->key);
			*va = e->key >> *shift << *shift;
			++*i;
			return e;
		}
	}
	return NULL;
}

/* SPDX-License-Identifier: MIT
 *
 * The page-walk cache: filling, forgetting, checking (see walk_cache.h; finding is inline there).
 *
 * 1. A walk that found its page gives one entry for each table on its way. The walk has set the accessed flags of all
 *    of them by then: a mode whose tables have such a flag caches no entry without it.
 * 2. A walk that faulted gives none, so an entry that is not present is looked at anew each time.
 * 3. What software changes without telling stays as it was here, as in a TLB. That is worse than a stale page: the
 *    walker goes on reading what once was a table, whatever lies there now.
 *
 * Invariant: as in a TLB, a set has no two entries for the same prefix and address space, and no gap.
 *
 * Left out: PAE's PDPTE registers, which a write of cr3 loads; they are entries like others here. Tables' global bit
 * of Sv39 (entries are kept for each address space apart, which the manual allows).
 */
#include "hw/walk_cache.h"

#include <assert.h>

static bool power_of_two(uint32_t n)
{
	return n && !(n & (n - 1));
}

bool walk_cache_desc_ok(const struct walk_cache_desc *desc)
{
	enum { MOST_ENTRIES = 1024 };

	for (unsigned height = 0; height < WALK_CACHE_HEIGHTS; height++) {
		uint32_t n = desc->entries[height];

		if (n > MOST_ENTRIES || (n && !power_of_two(n)))
			return false;
	}
	return true;
}

static uint32_t nr_entries(const struct walk_cache_desc *desc)
{
	uint32_t n = 0;

	for (unsigned height = 0; height < WALK_CACHE_HEIGHTS; height++)
		n += desc->entries[height];
	return n;
}

/* Room for the entries of one height: whole sets, and one for a height without entries, so that it can be searched. */
static uint32_t nr_slots(uint32_t entries)
{
	return entries < WALK_CACHE_WAYS ? WALK_CACHE_WAYS : entries;
}

static uint32_t nr_all_slots(const struct walk_cache_desc *desc)
{
	uint32_t n = 0;

	for (unsigned height = 0; height < WALK_CACHE_HEIGHTS; height++)
		n += nr_slots(desc->entries[height]);
	return n;
}

uint64_t walk_cache_bytes(const struct walk_cache_desc *desc)
{
	return nr_all_slots(desc) * sizeof(struct walk_cache_entry);
}

void walk_cache_init(struct walk_cache *c, const struct walk_cache_desc *desc, uint32_t entries_at)
{
	uint32_t first = 0;

	assert(walk_cache_desc_ok(desc));
	memset(c, 0, sizeof(*c));
	c->desc = *desc;
	c->entries_at = entries_at;
	c->nr_entries = nr_entries(desc);
	c->nr_slots = nr_all_slots(desc);
	for (unsigned height = 0; height < WALK_CACHE_HEIGHTS; height++) {
		uint32_t n = desc->entries[height];

		c->first[height] = first;
		c->ways[height] = n < WALK_CACHE_WAYS ? n : WALK_CACHE_WAYS;
		c->set_mask[height] = nr_slots(n) / WALK_CACHE_WAYS - 1;
		first += nr_slots(n);
	}
}

static void remove_way(struct walk_cache_entry *set, unsigned way)
{
	_Static_assert(WALK_CACHE_WAYS == 4, "one for each");
	if (way < 1)
		set[0] = set[1];
	if (way < 2)
		set[1] = set[2];
	if (way < 3)
		set[2] = set[3];
	set[3] = (struct walk_cache_entry){0};
}

/* The set of @height for @prefix loses its last entry and has room for a new one in front. NULL: no such height. */
static struct walk_cache_entry *make_room(struct walk_cache *c, unsigned height, uint64_t prefix)
{
	if (!c->ways[height])
		return NULL;
	struct walk_cache_entry *set = walk_cache_set(c, height, prefix);
	unsigned last = c->ways[height] - 1;

	c->evictions += set[last].key != 0;
	walk_cache_to_front(set, last, set[0]);
	return set;
}

void walk_cache_fill(struct walk_cache *c, const struct hw_regime *r, const struct page_walk *w)
{
	const struct paging_mode *mode = &paging_modes[r->mode];

	assert(!w->fault && w->nr_steps <= mode->nr_levels);
	const struct paging_level *level = &mode->level[w->first];
	const struct walk_step *s = &w->step[w->first], *end = &w->step[w->nr_steps - 1];

	for (unsigned height = mode->nr_levels - 2u - w->first; s < end; s++, level++, height--) {
		uint64_t prefix = w->va >> level->shift;
		struct walk_cache_entry *e = make_room(c, height, prefix);

		assert(!s->form->leaf);
		if (e)
			*e = (struct walk_cache_entry){.key = prefix + 1,
				.table = s->next,
				.flags = s->flags,
				.asid = r->asid};
	}
}

unsigned walk_cache_invalidate_va(struct walk_cache *c, const struct hw_regime *r, uint64_t va)
{
	const struct paging_mode *mode = &paging_modes[r->mode];
	unsigned gone = 0;

	const struct paging_level *level = mode->level;

	for (unsigned height = mode->nr_levels - 1u; height-- > 0; level++) {
		uint64_t prefix = va >> level->shift;
		struct walk_cache_entry *set = walk_cache_set(c, height, prefix);
		unsigned way = walk_cache_way(set, prefix, r->asid);

		if (way == WALK_CACHE_WAYS)
			continue;
		remove_way(set, way);
		gone++;
	}
	c->invalidations += gone;
	return gone;
}

unsigned walk_cache_flush(struct walk_cache *c, int asid)
{
	unsigned gone = 0;

	for (uint32_t i = 0; i < c->nr_slots; i += WALK_CACHE_WAYS) {
		struct walk_cache_entry *set = walk_cache_entries(c) + i;

		for (unsigned way = 0; way < WALK_CACHE_WAYS && set[way].key;) {
			if (asid >= 0 && set[way].asid != asid) {
				way++;
				continue;
			}
			remove_way(set, way);
			gone++;
		}
	}
	c->invalidations += gone;
	return gone;
}

unsigned walk_cache_count(const struct walk_cache *c)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < c->nr_slots; i++)
		n += walk_cache_entries(c)[i].key != 0;
	return n;
}

static const char *check_height(const struct walk_cache *c, unsigned height)
{
	for (uint32_t i = 0; i < nr_slots(c->desc.entries[height]); i++) {
		const struct walk_cache_entry *e = walk_cache_entries(c) + c->first[height] + i;
		unsigned way = i % WALK_CACHE_WAYS;

		if (!e->key)
			continue;
		if (way >= c->ways[height])
			return "the page-walk cache has more entries than its size";
		if (way && !(e - 1)->key)
			return "a set of the page-walk cache has a gap before a used way";
		if (walk_cache_set(c, height, e->key - 1) != e - way)
			return "an entry of the page-walk cache lies in the wrong set";
		if (walk_cache_way(e - way, e->key - 1, e->asid) != way)
			return "the page-walk cache has two entries for one table";
	}
	return NULL;
}

const char *walk_cache_check(const struct walk_cache *c)
{
	const char *wrong = NULL;

	for (unsigned height = 0; !wrong && height < WALK_CACHE_HEIGHTS; height++)
		wrong = check_height(c, height);
	return wrong;
}

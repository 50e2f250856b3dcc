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
 * Invariant: as in a TLB, a set has no two entries for the same prefix and address space. Of the address that was forgotten
 * last no height knows anything until something is filled: a walk for it, which follows each fault, need not look.
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
	uint32_t at = entries_at;

	assert(walk_cache_desc_ok(desc));
	memset(c, 0, sizeof(*c));
	c->desc = *desc;
	c->entries_at = entries_at;
	c->nr_entries = nr_entries(desc);
	c->nr_slots = nr_all_slots(desc);
	for (unsigned height = 0; height < WALK_CACHE_HEIGHTS; height++) {
		uint32_t n = desc->entries[height];

		c->height[height] = (struct walk_cache_height){.sets_at = at,
			.set_mask = nr_slots(n) / WALK_CACHE_WAYS - 1,
			.ways = n < WALK_CACHE_WAYS ? n : WALK_CACHE_WAYS};
		at += nr_slots(n) * (uint32_t)sizeof(struct walk_cache_entry);
	}
}

/* Room in front of a set whose first entry is in use: the first gap, or else the last entry, is lost. */
static void make_room(struct walk_cache *c, struct walk_cache_entry *set, unsigned ways)
{
	unsigned way = 1;

	while (way < ways && set[way].key)
		way++;
	c->evictions += way == ways;
	walk_cache_to_front(set, way < ways ? way : ways - 1, set[0]);
}

void walk_cache_fill(struct walk_cache *c, const struct hw_regime *r, const struct page_walk *w)
{
	const struct paging_mode *mode = &paging_modes[r->mode];
	const struct paging_level *level = &mode->level[w->first];
	const struct walk_step *s = &w->step[w->first], *end = &w->step[w->nr_steps - 1];

	assert(!w->fault && w->nr_steps <= mode->nr_levels);
	c->absent = 0;
	for (unsigned height = mode->nr_levels - 2u - w->first; s < end; s++, level++, height--) {
		uint64_t prefix = w->va >> level->shift;
		struct walk_cache_entry *set = walk_cache_set(c, height, prefix);

		if (!c->height[height].ways)
			continue;
		if (set[0].key)
			make_room(c, set, c->height[height].ways);
		set[0].key = walk_cache_key(prefix, r->asid);
		set[0].table = s->next;
		set[0].flags = s->flags;
	}
}

unsigned walk_cache_invalidate_va(struct walk_cache *c, const struct hw_regime *r, uint64_t va)
{
	const struct paging_mode *mode = &paging_modes[r->mode];
	unsigned gone = 0;

	/* Without translation no address has a way. */
	if (r->mode == PAGING_NONE)
		return 0;
	const struct paging_level *level = &mode->level[mode->nr_levels - 1];

	c->absent = walk_cache_key(va >> level[-1].shift, r->asid);
	for (unsigned height = 0; height < mode->nr_levels - 1u; height++) {
		uint64_t prefix = va >> (--level)->shift;
		struct walk_cache_entry *set = walk_cache_set(c, height, prefix);
		unsigned way = walk_cache_way(set, walk_cache_key(prefix, r->asid));

		if (way == WALK_CACHE_WAYS)
			continue;
		set[way].key = 0;
		gone++;
	}
	c->invalidations += gone;
	return gone;
}

unsigned walk_cache_flush(struct walk_cache *c, int asid)
{
	unsigned gone = 0;

	for (uint32_t i = 0; i < c->nr_slots; i++) {
		struct walk_cache_entry *e = walk_cache_entries(c) + i;

		if (!e->key || (asid >= 0 && walk_cache_asid(e) != (unsigned)asid))
			continue;
		e->key = 0;
		gone++;
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
		const struct walk_cache_entry *e = walk_cache_set(c, height, 0) + i;
		unsigned way = i % WALK_CACHE_WAYS;

		if (!e->key)
			continue;
		if (way >= c->height[height].ways)
			return "the page-walk cache has more entries than its size";
		if (walk_cache_set(c, height, walk_cache_prefix(e)) != e - way)
			return "an entry of the page-walk cache lies in the wrong set";
		if (walk_cache_way(e - way, e->key) != way)
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

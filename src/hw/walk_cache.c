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
 * last no height knows anything until something is filled: a walk for it, which follows each fault, need not look, and puts
 * back what is remembered to have been there.
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

static inline void set_entry(
	struct walk_cache_entry *e, uint64_t key, const struct page_walk *w, unsigned depth)
{
	e->key = key;
	e->to.table = w->step[depth].next;
	e->to.flags = w->step[depth].flags;
	e->to.depth = depth + 1;
}

/* From the step at @depth on. */
static __attribute__((noinline)) void fill_from(
	struct walk_cache *c, const struct hw_regime *r, const struct page_walk *w, unsigned depth)
{
	const struct paging_mode *mode = &paging_modes[r->mode];

	for (; depth + 1 < w->nr_steps; depth++) {
		unsigned height = mode->nr_levels - 2u - depth, ways = c->height[height].ways;
		uint64_t prefix = w->va >> mode->level[depth].shift;
		struct walk_cache_entry *set = walk_cache_set(c, height, prefix);

		if (!ways)
			continue;
		if (set->key)
			make_room(c, set, ways);
		set_entry(set, walk_cache_key(prefix, r->asid), w, depth);
	}
}

void walk_cache_fill(struct walk_cache *c, const struct hw_regime *r, const struct page_walk *w)
{
	const struct walk_cache_place *place = &c->forgotten;
	unsigned depth = w->first, height = place->nr;

	assert(!w->fault);
	/* What was forgotten last comes back: the places are known, and mostly as it left them. */
	if (c->absent == walk_cache_lowest_key(r, w->va) && place->mode == r->mode && place->all)
		for (; depth + 1 < w->nr_steps; depth++) {
			struct walk_cache_entry *set = walk_cache_at(c, place->set_at[--height]);

			if (set->key)
				break;
			set_entry(set, place->key[height], w, depth);
		}
	c->absent = 0;
	if (depth + 1 < w->nr_steps)
		fill_from(c, r, w, depth);
}

static __attribute__((noinline)) void place_of(const struct walk_cache *c,
	const struct hw_regime *r, uint64_t va, struct walk_cache_place *p)
{
	const struct paging_mode *mode = &paging_modes[r->mode];
	const struct paging_level *level = &mode->level[mode->nr_levels - 1];

	p->mode = r->mode;
	p->nr = mode->nr_levels - 1u;
	p->all = true;
	for (unsigned height = 0; height < p->nr; height++) {
		uint64_t prefix = va >> (--level)->shift;

		p->all &= c->height[height].ways != 0;
		p->key[height] = walk_cache_key(prefix, r->asid);
		p->set_at[height] =
			(uint32_t)((char *)walk_cache_set(c, height, prefix) - (const char *)c);
	}
}

unsigned walk_cache_invalidate_va(struct walk_cache *c, const struct hw_regime *r, uint64_t va)
{
	struct walk_cache_place *place = &c->forgotten;
	unsigned gone = 0;

	/* Without translation no address has a way. */
	if (r->mode == PAGING_NONE)
		return 0;
	c->absent = walk_cache_lowest_key(r, va);
	if (place->mode != r->mode || place->key[0] != c->absent)
		place_of(c, r, va, place);
	for (unsigned height = 0; height < place->nr; height++) {
		struct walk_cache_entry *set = walk_cache_at(c, place->set_at[height]);
		unsigned way = walk_cache_way(set, place->key[height]);

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

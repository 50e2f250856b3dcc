/* SPDX-License-Identifier: MIT
 *
 * The page-walk cache: what the upper levels of the tables said, so that a walk begins near its end.
 *
 *      height 2 (PGD's entries)  [ va >> 39 | -> PUD table | permissions so far | asid ]
 *      height 1 (PUD's)          [ va >> 30 | -> PMD table | ...                      ]
 *      height 0 (PMD's)          [ va >> 21 | -> PTE table | ...                      ]  asked first
 *
 * A TLB keeps whole translations, this keeps the beginnings of many: neighbours of a page that was walked to need one
 * read of memory instead of four. An entry leads to a table, never to a page, and has the permissions of all levels
 * above taken away already. Height counts from the lowest table, so that the modes' depths need no tables of their own.
 * Entries carry the address space's number; none is global (Intel SDM volume 3, 4.10.3: paging-structure caches; Arm
 * ARM DDI 0487 D8.16: entries of intermediate levels).
 *
 * The entries lie behind the structure, as those of a TLB do. Each set has room for WALK_CACHE_WAYS of them, though
 * only the first `ways` of its height are used, so that a search has the same few steps whatever the height. They stand
 * in order of use; an entry that is forgotten leaves a gap, which the next new one of its set fills.
 */
#ifndef SIMM_HW_WALK_CACHE_H
#define SIMM_HW_WALK_CACHE_H

#include "hw/walk.h"

#define WALK_CACHE_HEIGHTS (PAGING_MAX_LEVELS - 1)
#define WALK_CACHE_WAYS	   4

struct walk_cache_desc {
	/* Entries at each height: 0, 1, 2, or a power of two of sets of WALK_CACHE_WAYS. */
	uint32_t entries[WALK_CACHE_HEIGHTS];
};

struct walk_cache_entry {
	uint64_t key;		/* (va >> the level's shift) + 1, the address space above it; 0: empty */
	struct walk_start to;	/* the table that it leads to */
};
_Static_assert(sizeof(struct walk_cache_entry) == 24, "packed for the host's cache");

struct walk_cache_height {
	uint32_t sets_at;	/* bytes from struct walk_cache */
	uint32_t set_mask;
	uint32_t ways;		/* 0: there are no entries of this height */
};

/* Where the entries for one address belong: the way there, which is the same for all addresses of one lowest table. */
struct walk_cache_place {
	uint32_t mode;		/* enum paging_mode_id; PAGING_NONE: of no address */
	uint32_t nr;		/* heights that the mode has */
	bool all;		/* of all of them there are entries */
	uint64_t key[WALK_CACHE_HEIGHTS];
	uint32_t set_at[WALK_CACHE_HEIGHTS];	/* bytes from struct walk_cache */
};

struct walk_cache {
	struct walk_cache_desc desc;
	struct walk_cache_height height[WALK_CACHE_HEIGHTS];
	uint32_t entries_at;	/* bytes from this structure to its entries */
	uint32_t nr_entries;	/* that are used */
	uint32_t nr_slots;	/* that have room */
	uint32_t unused;
	uint64_t absent;	/* the key at height 0 of an address of which no height knows the way; 0: of none */
	struct walk_cache_place forgotten;	/* of the address that was forgotten last: the same one's fault may follow */
	uint64_t hits[WALK_CACHE_HEIGHTS];	/* walks that began below the entry of this height */
	uint64_t misses;	/* walks that began at the root */
	uint64_t evictions, invalidations;
};

/* Is it one that walk_cache_init() takes? */
bool walk_cache_desc_ok(const struct walk_cache_desc *desc);
uint64_t walk_cache_bytes(const struct walk_cache_desc *desc);
/* @entries_at as in struct walk_cache; the entries must be zero. */
void walk_cache_init(struct walk_cache *c, const struct walk_cache_desc *desc, uint32_t entries_at);

/* @at: bytes from the structure. */
static inline struct walk_cache_entry *walk_cache_at(const struct walk_cache *c, uint32_t at)
{
	return (struct walk_cache_entry *)((char *)(uintptr_t)c + at);
}

static inline struct walk_cache_entry *walk_cache_entries(const struct walk_cache *c)
{
	return walk_cache_at(c, c->entries_at);
}

/* The set of @height for the table that maps @va >> the level's shift = @prefix. */
static inline struct walk_cache_entry *walk_cache_set(const struct walk_cache *c, unsigned height, uint64_t prefix)
{
	const struct walk_cache_height *h = &c->height[height];

	return walk_cache_at(c, h->sets_at) + (prefix & h->set_mask) * WALK_CACHE_WAYS;
}

#define WALK_CACHE_ASID_SHIFT 48

static inline uint64_t walk_cache_key(uint64_t prefix, uint16_t asid)
{
	return (prefix + 1) | (uint64_t)asid << WALK_CACHE_ASID_SHIFT;
}

static inline uint64_t walk_cache_prefix(const struct walk_cache_entry *e)
{
	return (e->key & (((uint64_t)1 << WALK_CACHE_ASID_SHIFT) - 1)) - 1;
}

static inline unsigned walk_cache_asid(const struct walk_cache_entry *e)
{
	return (unsigned)(e->key >> WALK_CACHE_ASID_SHIFT);
}

/* The key at height 0 of the way to @va. The regime's mode has levels. */
static inline uint64_t walk_cache_lowest_key(const struct hw_regime *r, uint64_t va)
{
	return walk_cache_key(va >> paging_modes[r->mode].table_shift, r->asid);
}

/* The way of @set that has it; WALK_CACHE_WAYS: none. */
static inline unsigned walk_cache_way(const struct walk_cache_entry *set, uint64_t key)
{
	_Static_assert(WALK_CACHE_WAYS == 4, "one for each");
	return set[0].key == key   ? 0
	       : set[1].key == key ? 1
	       : set[2].key == key ? 2
	       : set[3].key == key ? 3
				   : WALK_CACHE_WAYS;
}

/* Put @e first in its set, where @way is lost. */
static inline void walk_cache_to_front(struct walk_cache_entry *set, unsigned way, struct walk_cache_entry e)
{
	_Static_assert(WALK_CACHE_WAYS == 4, "one for each");
	if (way > 2)
		set[3] = set[2];
	if (way > 1)
		set[2] = set[1];
	if (way > 0)
		set[1] = set[0];
	set[0] = e;
}

/* The entry that spares most of the walk for @va, now the first of its set. NULL: the walk begins at the root. Counts. */
static inline const struct walk_cache_entry *walk_cache_find(
	struct walk_cache *c, const struct hw_regime *r, uint64_t va)
{
	const struct paging_mode *mode = &paging_modes[r->mode];
	unsigned heights = mode->nr_levels - 1u;
	const struct paging_level *level = &mode->level[heights];

	if (walk_cache_lowest_key(r, va) == c->absent)
		heights = 0;
	for (unsigned height = 0; height < heights; height++) {
		uint64_t prefix = va >> (--level)->shift;
		struct walk_cache_entry *set = walk_cache_set(c, height, prefix);
		unsigned way = walk_cache_way(set, walk_cache_key(prefix, r->asid));

		if (way == WALK_CACHE_WAYS)
			continue;
		if (way)
			walk_cache_to_front(set, way, set[way]);
		c->hits[height]++;
		return set;
	}
	c->misses++;
	return NULL;
}

/* Remember the tables that the walk @w, which has no fault and is marked, read its way through. It began where
 * walk_cache_find() said: the cache has none of them. */
void walk_cache_fill(struct walk_cache *c, const struct hw_regime *r, const struct page_walk *w);

/* Forget what leads to @va in the address space @asid. Returns how many entries went. */
unsigned walk_cache_invalidate_va(struct walk_cache *c, const struct hw_regime *r, uint64_t va);
/* Forget one address space; negative: all of them. */
unsigned walk_cache_flush(struct walk_cache *c, int asid);
unsigned walk_cache_count(const struct walk_cache *c);
/* NULL, or what is wrong. */
const char *walk_cache_check(const struct walk_cache *c);

#endif

/* SPDX-License-Identifier: MIT
 *
 * TLBs: set-associative, tagged with the address space, holding pages of several sizes.
 *
 *      va >> shift    set = low bits           way 0 (latest) ... way n-1 (oldest)
 *      +-----------+------+                   +------------------+-----+-----------+
 *      |    tag    | set  | -----------> set: | key pa flags asid|     |           |
 *      +-----------+------+                   +------------------+-----+-----------+
 *
 * A lookup probes once for each page size that the TLB holds now (one or two, mostly). Within a set the entries stand
 * in order of use: a hit moves to the front, a new entry goes there and the last one falls out (LRU). An entry keeps
 * all permissions, the user's too: the check is made on each access, not when the entry is made.
 *
 * The entries lie behind the structure (struct tlb says how far), so a CPU can be moved or copied as bytes.
 */
#ifndef SIMM_HW_TLB_H
#define SIMM_HW_TLB_H

#include "hw/paging.h"

#include <stddef.h>
#include <string.h>

struct tlb_desc {
	uint32_t sets;		/* a power of two; 0: there is no such TLB */
	uint32_t ways;
};

struct tlb_entry {
	uint64_t key;		/* page's address | its shift; 0: empty */
	uint64_t pa;		/* of the page */
	uint32_t flags;		/* enum hw_page_flags */
	uint16_t asid;
	uint8_t depth;		/* level of the leaf: fault codes need it */
	uint8_t unused;
};
_Static_assert(sizeof(struct tlb_entry) == 24, "TLB entries are packed for the host's cache");

struct tlb {
	uint32_t sets, ways;
	uint32_t entries_at;	/* bytes from this structure to its entries */
	uint32_t unused;
	uint64_t shifts;	/* bit s: some page of 1 << s bytes may be in it */
	uint64_t changes;	/* whenever an entry comes, goes, or moves within its set */
	uint64_t hits, misses, evictions, invalidations;
};

static inline uint64_t tlb_bytes(const struct tlb_desc *desc)
{
	return (uint64_t)desc->sets * desc->ways * sizeof(struct tlb_entry);
}

/* @entries_at as in struct tlb; the entries must be zero. */
void tlb_init(struct tlb *t, const struct tlb_desc *desc, uint32_t entries_at);

static inline struct tlb_entry *tlb_entries(const struct tlb *t)
{
	return (struct tlb_entry *)((char *)(uintptr_t)t + t->entries_at);
}

/* Does the entry translate the page of @key in the address space @asid? */
static inline bool tlb_is(const struct tlb_entry *e, uint64_t key, uint16_t asid)
{
	return e->key == key && (e->asid == asid || e->flags & HW_GLOBAL);
}

/* The way of @set that does; @ways: none. Four at a time, since most searches are for nothing. */
static inline unsigned tlb_way(const struct tlb_entry *set, unsigned ways, uint64_t key, uint16_t asid)
{
	unsigned way = 0;

	for (; ways - way >= 4; way += 4) {
		if (tlb_is(set + way, key, asid))
			return way;
		if (tlb_is(set + way + 1, key, asid))
			return way + 1;
		if (tlb_is(set + way + 2, key, asid))
			return way + 2;
		if (tlb_is(set + way + 3, key, asid))
			return way + 3;
	}
	while (way < ways && !tlb_is(set + way, key, asid))
		way++;
	return way;
}

static inline struct tlb_entry *tlb_set(const struct tlb *t, uint64_t page)
{
	return tlb_entries(t) + (page & (t->sets - 1)) * t->ways;
}

/* The entry that translates @va in the address space @asid, now the first of its set; NULL: a miss. Counts. */
static inline struct tlb_entry *tlb_find(struct tlb *t, uint64_t va, uint16_t asid)
{
	for (uint64_t shifts = t->shifts; shifts; shifts &= shifts - 1) {
		unsigned shift = (unsigned)__builtin_ctzll(shifts);
		uint64_t page = va >> shift;
		struct tlb_entry *set = tlb_set(t, page);
		unsigned way = tlb_way(set, t->ways, page << shift | shift, asid);

		if (way == t->ways)
			continue;
		t->hits++;
		if (way) {
			struct tlb_entry found = set[way];

			t->changes++;
			memmove(set + 1, set, way * sizeof(*set));
			set[0] = found;
		}
		return set;
	}
	t->misses++;
	return NULL;
}

/* Put an entry for the page of 1 << @shift bytes at @va first in its set; one for the same page is replaced. */
struct tlb_entry *tlb_put(struct tlb *t, uint64_t va, unsigned shift, const struct tlb_entry *like);
/* The same when tlb_find() has just missed at @va in the address space of @like: there is none to replace. */
struct tlb_entry *tlb_put_absent(struct tlb *t, uint64_t va, unsigned shift, const struct tlb_entry *like);

/* Forget the pages that contain @va: those of @asid and global ones. Returns how many entries went. */
unsigned tlb_invalidate_page(struct tlb *t, uint64_t va, uint16_t asid);
/* Forget the pages that lie in [start, end), in whole or in part: those of @asid and global ones. Looks at every entry,
 * however short the range is. */
unsigned tlb_invalidate_range(struct tlb *t, uint64_t start, uint64_t end, uint16_t asid);
/* Forget all entries of one address space, but not global ones. */
unsigned tlb_invalidate_asid(struct tlb *t, uint16_t asid);
/* Forget everything, or everything that is not global. */
unsigned tlb_flush(struct tlb *t, bool keep_global);
/* Entries in use. */
unsigned tlb_count(const struct tlb *t);
/* The next entry in use at or after *@i (which moves on), NULL at the end; *@va gets its page's address. */
const struct tlb_entry *tlb_next(const struct tlb *t, unsigned *i, uint64_t *va, unsigned *shift);

#endif

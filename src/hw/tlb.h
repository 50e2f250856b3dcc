/* SPDX-License-Identifier: MIT
 *
 * TLBs: set-associative, tagged with the address space, holding pages of several sizes.
 *
 *      va >> shift    set = low bits           front: the latest
 *      +-----------+------+                   +-------+-----+-----+-----+ +------------------+-----+-----+
 *      |    tag    | set  | -----------> set: | front | key | key | ... | | pa flags asid... |     | ... |
 *      +-----------+------+                   +-------+-----+-----+-----+ +------------------+-----+-----+
 *
 * A lookup probes once for each page size that the TLB holds now (one or two, mostly). Within a set the entries stand
 * in order of use: a hit moves to the front, a new entry goes there and the last one falls out (LRU). An entry keeps
 * all permissions, the user's too: the check is made on each access, not when the entry is made.
 *
 * A set is a ring: where its front is, is told, and going one place back in the ring makes the last way the first one. So
 * a new entry costs the same however many ways there are. The keys lie together: most searches look at nothing else.
 *
 * The sets lie behind the structure (struct tlb says how far), so a CPU can be moved or copied as bytes.
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

/* What an entry knows of its page. */
struct tlb_page {
	uint64_t pa;
	uint32_t flags;		/* enum hw_page_flags */
	uint16_t asid;
	uint8_t depth;		/* level of the leaf: fault codes need it */
	uint8_t shift;		/* of 1 << shift bytes */
};
_Static_assert(sizeof(struct tlb_page) == 16, "TLB entries are packed for the host's cache");

/* Behind it the keys of all ways, then their pages. A key is the page's address | its shift; 0: the way is empty. */
struct tlb_set {
	uint64_t front;		/* the way of the latest entry */
	uint64_t key[];
};

struct tlb {
	uint32_t sets, ways;
	uint32_t sets_at;	/* bytes from this structure to its sets */
	uint32_t set_bytes;
	uint64_t shifts;	/* bit s: some page of 1 << s bytes may be in it */
	uint64_t changes;	/* whenever an entry comes, goes, or moves within its set */
	uint64_t hits, misses, evictions, invalidations;
};

static inline uint64_t tlb_set_bytes(const struct tlb_desc *desc)
{
	return sizeof(struct tlb_set) + (uint64_t)desc->ways * (sizeof(uint64_t) + sizeof(struct tlb_page));
}

static inline uint64_t tlb_bytes(const struct tlb_desc *desc)
{
	return desc->ways ? desc->sets * tlb_set_bytes(desc) : 0;
}

/* @sets_at as in struct tlb; the sets must be zero. */
void tlb_init(struct tlb *t, const struct tlb_desc *desc, uint32_t sets_at);

static inline uint64_t tlb_key(uint64_t va, unsigned shift)
{
	return va >> shift << shift | shift;
}

/* The set of the page whose number is @number. There must be some. */
static inline struct tlb_set *tlb_set(const struct tlb *t, uint64_t number)
{
	return (struct tlb_set *)((char *)(uintptr_t)t + t->sets_at + (number & (t->sets - 1)) * t->set_bytes);
}

static inline struct tlb_page *tlb_page(const struct tlb *t, struct tlb_set *set, uint64_t way)
{
	return (struct tlb_page *)(set->key + t->ways) + way;
}

static inline bool tlb_answers(const struct tlb_page *p, uint16_t asid)
{
	return p->asid == asid || p->flags & HW_GLOBAL;
}

/* Does the latest entry of @set translate the page of @key in the address space @asid? */
static inline bool tlb_front_is(const struct tlb *t, struct tlb_set *set, uint64_t key, uint16_t asid)
{
	return set->key[set->front] == key && tlb_answers(tlb_page(t, set, set->front), asid);
}

/* The page that translates @va in the address space @asid, now the first of its set; NULL: a miss. Counts. */
const struct tlb_page *tlb_find(struct tlb *t, uint64_t va, uint16_t asid);

/* Put @page, which contains @va, first in its set; an entry for the same one is replaced. */
void tlb_put(struct tlb *t, uint64_t va, struct tlb_page page);

/* The same into a @set in which the last entry may fall out. */
static inline void tlb_push(struct tlb *t, struct tlb_set *set, uint64_t va, struct tlb_page page)
{
	/* The way before the front is the last one. */
	uint64_t way = (set->front ? set->front : t->ways) - 1;
	struct tlb_page *p = tlb_page(t, set, way);

	t->evictions += set->key[way] != 0;
	t->changes++;
	t->shifts |= (uint64_t)1 << page.shift;
	set->front = way;
	set->key[way] = tlb_key(va, page.shift);
	/* One by one: the host need not wait for these when it copies them. */
	p->pa = page.pa;
	p->flags = page.flags;
	p->asid = page.asid;
	p->depth = page.depth;
	p->shift = page.shift;
}

/* The same when tlb_find() has just missed at @va in the page's address space: there is none to replace. */
static inline __attribute__((always_inline)) void tlb_put_absent(struct tlb *t, uint64_t va, struct tlb_page page)
{
	/* It may stand there for other address spaces. */
	if (!t->sets || page.flags & HW_GLOBAL)
		tlb_put(t, va, page);
	else
		tlb_push(t, tlb_set(t, va >> page.shift), va, page);
}

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
const struct tlb_page *tlb_next(const struct tlb *t, unsigned *i, uint64_t *va);
/* Does any entry translate @va in this address space? Counts nothing. */
bool tlb_has(const struct tlb *t, uint64_t va, uint16_t asid);
/* Every set is one: for the machine's check. NULL, or what is wrong. */
const char *tlb_check(const struct tlb *t);

#endif

/* SPDX-License-Identifier: MIT
 *
 * Between the files of the page allocator; nobody else includes it.
 */
#ifndef SIMM_MM_PAGE_INTERNAL_H
#define SIMM_MM_PAGE_INTERNAL_H

#include "mm/page/buddy.h"
#include "mm/page/page_alloc.h"
#include "mm/page/zone.h"

#include <assert.h>

/* What one attempt may do (mm/internal.h of 6.1.176). The low bits are an enum watermark. */
enum {
	ALLOC_WMARK_MASK = 3,
	ALLOC_NO_WATERMARKS = 1 << 2, /* __GFP_MEMALLOC: everything */
	ALLOC_OOM = 1 << 3,	      /* a victim of the OOM killer */
	ALLOC_NON_BLOCK = 1 << 4,     /* cannot wait, so it may go deeper */
	ALLOC_MIN_RESERVE = 1 << 5,   /* __GFP_HIGH: half of the min watermark */
	ALLOC_CMA = 1 << 7,	      /* free pages of CMA areas will do */
	ALLOC_NOFRAGMENT = 1 << 8,    /* rather another zone than mixing types in a pageblock */
	ALLOC_HIGHATOMIC = 1 << 9,    /* may use the HighAtomic reserve */
	ALLOC_KSWAPD = 1 << 11,	      /* may wake kswapd */
	ALLOC_RESERVES = ALLOC_NON_BLOCK | ALLOC_MIN_RESERVE | ALLOC_HIGHATOMIC | ALLOC_OOM,
};

/* One request on its way through the zones (struct alloc_context). */
struct alloc_request {
	gfp_t gfp;
	unsigned order;
	unsigned cpu;
	unsigned nid;	/* preferred node */
	uint64_t nodes; /* no others may give (nodemask), 0: any may */
	enum zone_type highest;
	enum migratetype type;
	const struct node *node; /* whose list of zones is followed */
	unsigned first;		 /* index of the preferred zone in it */
	struct zone *preferred;	 /* NULL: no zone will do */
};

/* The next zone for @r at or after index *@i of the node's fallback list; NULL at the end. */
struct zone *request_zone(const struct machine *m, const struct alloc_request *r, unsigned *i);

/* What a request may do by its flags and type. */
static inline unsigned cma_flag(const struct machine *m, const struct alloc_request *r)
{
	return machine_has(m, CONFIG_CMA) && r->type == MIGRATE_MOVABLE ? ALLOC_CMA : 0;
}
static inline unsigned kswapd_flag(gfp_t gfp)
{
	return gfp & __GFP_KSWAPD_RECLAIM ? ALLOC_KSWAPD : 0;
}

/* One pass through the zones (get_page_from_freelist()); NO_PFN: none may give. */
uint64_t take_page(struct machine *m, const struct alloc_request *r, unsigned alloc_flags);
/* slowpath.c: __alloc_pages_slowpath(); @nid as it was given. True: it compacts, and slowpath_step() goes on with it; false: it is
 * over, *@pfn is the block or NO_PFN. */
bool slowpath_begin(struct machine *m, const struct alloc_request *r, int nid, uint64_t *pfn);
/* At most about @clusters times 32 pages are moved. */
bool slowpath_step(
	struct machine *m, const struct alloc_request *r, unsigned clusters, uint64_t *pfn);

/* page_alloc.c: a block taken from the lists, whose frame is zero, becomes one in use. */
void prep_new_page(struct machine *m, unsigned cpu, uint64_t pfn, unsigned order, gfp_t gfp);

/* watermark_ok.c */
bool watermark_ok(const struct machine *m, const struct zone *z, unsigned order, uint64_t mark,
	enum zone_type highest, unsigned alloc_flags);
bool watermark_slow(const struct machine *m, const struct zone *z, unsigned order, uint64_t mark,
	enum zone_type highest, unsigned alloc_flags, gfp_t gfp);
/* What is free and not to be had (__zone_watermark_unusable_free()). */
static inline int64_t unusable_free(const struct zone *z, unsigned order, unsigned alloc_flags)
{
	int64_t pages = ((int64_t)1 << order) - 1;

	if (!(alloc_flags & ALLOC_RESERVES))
		pages += (int64_t)z->nr_reserved_highatomic;
	if (!(alloc_flags & ALLOC_CMA))
		pages += (int64_t)z->free_cma_pages;
	return pages;
}
/* zone_watermark_fast(): one page is mostly told by what is free and not to be had at all. */
static inline bool watermark_fast(const struct machine *m, const struct zone *z, unsigned order,
	uint64_t mark, enum zone_type highest, unsigned alloc_flags, gfp_t gfp)
{
	int64_t free = (int64_t)z->free_pages - unusable_free(z, 0, alloc_flags);

	if (!order && (free > 0 ? free : 0) > (int64_t)mark + z->lowmem_reserve[highest])
		return true;
	return watermark_slow(m, z, order, mark, highest, alloc_flags, gfp);
}

/* steal.c: take a block from @z's free lists, falling back to other types; the block's frame is zero. *@list gets
 * the type of the list it came from, for the free counts. NO_PFN when there is none. */
uint64_t rmqueue_smallest(
	struct machine *m, struct zone *z, unsigned order, enum migratetype type, unsigned cpu);
uint64_t rmqueue_zone(struct machine *m, struct zone *z, unsigned order, enum migratetype type,
	unsigned alloc_flags, unsigned cpu, enum migratetype *list);
/* As often as *@nr says, as long as the blocks lie side by side: the first one's page, and *@nr gets how many. */
uint64_t rmqueue_some(struct machine *m, struct zone *z, unsigned order, enum migratetype type,
	unsigned alloc_flags, unsigned cpu, enum migratetype *list, uint64_t *nr);

/* Would a request of @type take a free block of @order from another type together with its pageblock
 * (find_suitable_fallback() with only_stealable)? */
bool fallback_is_stealable(
	const struct machine *m, const struct zone *z, unsigned order, enum migratetype type);

/* highatomic.c */
void highatomic_reserve(struct machine *m, struct zone *z, uint64_t pfn);
bool highatomic_unreserve(struct machine *m, const struct alloc_request *r, bool force);

/* kswapd.c */
void kswapd_wake(struct machine *m, const struct zone *z, unsigned order, enum zone_type highest,
	bool can_wait);

/* check.c: after a mutation with checks=full: any violation is a bug of ours. */
void page_alloc_verify(struct machine *m);

/* report.c */
/* "BUG: Bad page state" with the page's state, as the kernel prints it. */
void report_bad_page(struct machine *m, uint64_t pfn, const char *reason);
/* "page allocation failure" with the zones' state; at most one in ten seconds, as the kernel. */
void report_failure(struct machine *m, const struct alloc_request *r);

#endif

/* SPDX-License-Identifier: MIT
 *
 * The page allocator's interface: what alloc_pages() and friends of 6.1.176 promise.
 */
#ifndef SIMM_MM_PAGE_ALLOC_H
#define SIMM_MM_PAGE_ALLOC_H

#include "mm/page/zone.h"

/* The GFP flags, their composites and bits: gfp.def (include/linux/gfp_types.h of 6.1). */
typedef uint32_t gfp_t;

enum gfp_bit {
#define GFP_BIT(name, bit, doc) GFP_BIT_##name = (bit),
#include "mm/page/gfp.def"
};

enum {
#define GFP_BIT(name, bit, doc) name = 1u << (bit),
#include "mm/page/gfp.def"
};

enum {
#define GFP_MASK(name, value, doc) name = (value),
#include "mm/page/gfp.def"
};

/* Parse "GFP_KERNEL|__GFP_ZERO" (also joined by '+', or a number with 0x) of @len bytes. Errors: EINVAL with a
 * sentence that suggests the nearest flag; -EINVAL also for bits that 6.1 does not have. */
int gfp_parse(const char *s, size_t len, gfp_t *out, struct refusal *why);
/* The flags' names: bits first, then composites; false past the end. */
bool gfp_nth(unsigned i, const char **name, gfp_t *value, const char **doc);
/* Can one request have these flags: at most one zone modifier, one mobility? EINVAL with a sentence. */
int gfp_refuse(gfp_t gfp, struct refusal *why);
static inline int gfp_check(gfp_t gfp, struct refusal *why)
{
	gfp_t zone = gfp & (__GFP_DMA | __GFP_DMA32 | __GFP_HIGHMEM);
	const gfp_t both = __GFP_MOVABLE | __GFP_RECLAIMABLE;

	return zone & (zone - 1) || (gfp & both) == both ? gfp_refuse(gfp, why) : 0;
}
/* As the kernel's tracepoints print it (%pGg): the largest composites first. */
void gfp_print(gfp_t gfp, struct text *out);
/* The zone that @gfp prefers (gfp_zone()) among those that the machine has, and its migratetype. */
static inline enum zone_type gfp_zone(const struct machine *m, gfp_t gfp)
{
	enum zone_type type = ZONE_NORMAL;

	if (gfp & __GFP_DMA)
		type = ZONE_DMA;
	else if (gfp & __GFP_DMA32)
		type = ZONE_DMA32;
	else if (gfp & __GFP_HIGHMEM)
		type = gfp & __GFP_MOVABLE ? ZONE_MOVABLE : ZONE_HIGHMEM;
	/* A kernel built without the zone takes Normal; Movable exists in every kernel. */
	return zone_configured(m, type) || type == ZONE_MOVABLE ? type : ZONE_NORMAL;
}
static inline enum migratetype gfp_migratetype(const struct machine *m, gfp_t gfp)
{
	if (m->page_alloc.page_group_by_mobility_disabled)
		return MIGRATE_UNMOVABLE;
	if (gfp & __GFP_MOVABLE)
		return MIGRATE_MOVABLE;
	return gfp & __GFP_RECLAIMABLE ? MIGRATE_RECLAIMABLE : MIGRATE_UNMOVABLE;
}

/* Allocate 1 << @order pages on @cpu, preferring node @nid (the CPU's own node when negative), from nodes of the mask
 * @nodes alone (__alloc_pages() with a nodemask); 0: from any. In slices, since it may have to compact first.
 * Returns 0 and the first pfn in *@pfn. 1: alloc_pages_more() is to be called until it returns something else, and nothing
 * may be done to the machine between but reading. Errors (m->why has the sentence): ENOMEM when no zone may give it,
 * EINVAL for an order or flags that the kernel refuses with a warning, EDQUOT for the host's limit, EINTR. */
int alloc_pages_begin(struct machine *m, unsigned cpu, int nid, uint64_t nodes, gfp_t gfp, unsigned order,
	uint64_t *pfn);
/* alloc_pages_begin() of one page for the CPU's own node, of any; @gfp must be such that gfp_check() lets it pass. */
int alloc_page_begin(struct machine *m, unsigned cpu, gfp_t gfp, uint64_t *pfn);
/* About @clusters times 32 pages move. */
int alloc_pages_more(struct machine *m, unsigned clusters, uint64_t *pfn);
/* What began with @ret in one piece. */
static inline int alloc_pages_finish(struct machine *m, int ret, uint64_t *pfn)
{
	while (__builtin_expect(ret > 0, 0))
		ret = alloc_pages_more(m, UINT32_MAX, pfn);
	return ret;
}
static inline int alloc_pages_nodes(struct machine *m, unsigned cpu, int nid, uint64_t nodes, gfp_t gfp,
	unsigned order, uint64_t *pfn)
{
	return alloc_pages_finish(m, alloc_pages_begin(m, cpu, nid, nodes, gfp, order, pfn), pfn);
}
static inline int alloc_page(struct machine *m, unsigned cpu, gfp_t gfp, uint64_t *pfn)
{
	return alloc_pages_finish(m, alloc_page_begin(m, cpu, gfp, pfn), pfn);
}
/* From any node. */
static inline int alloc_pages_node(
	struct machine *m, unsigned cpu, int nid, gfp_t gfp, unsigned order, uint64_t *pfn)
{
	return alloc_pages_nodes(m, cpu, nid, 0, gfp, order, pfn);
}
/* A signal: the next slice ends it with EINTR, unless a block is free by then. */
void alloc_pages_interrupt(struct machine *m);
/* What a slice of an act that is cut into such moves. */
#define ALLOC_CLUSTERS_PER_SLICE 4u

/* __free_pages(): drop a reference; free when it was the last. @order must be the allocation's.
 * Errors: EINVAL for a page that is free, reserved, a tail or of another order (bad page report in the log). */
int free_pages_order(struct machine *m, unsigned cpu, uint64_t pfn, unsigned order);
/* The same of a block that was marked as the kernel's own (frame.own), which others are refused. */
void free_own_pages(struct machine *m, unsigned cpu, uint64_t pfn, unsigned order);
/* References of a page in use that its mappings, the page cache, DMA mappings and, of the kernel's own, the kernel have. */
uint32_t page_held_references(const struct machine *m, uint64_t pfn);
/* May who names a page in use drop a reference to it? Not those of page_held_references() and of pins (1024 each); and
 * the last one not while a flag forbids it. A real kernel takes the caller's word, and frees what others use. */
bool page_may_lose_reference(const struct machine *m, uint64_t pfn);

/* free_unref_page_list(): single pages that are known to be such, without references, mappings or flags left. */
void free_unref_page_list(struct machine *m, unsigned cpu, const uint64_t *pfns, unsigned nr);

/* get_page(), put_page(): put_page() of a compound page frees it whole. */
int get_page(struct machine *m, uint64_t pfn);
int put_page(struct machine *m, unsigned cpu, uint64_t pfn);

/* alloc_pages_bulk_array(): up to @n pages of order 0 into @pfns; returns how many. */
uint64_t alloc_pages_bulk(
	struct machine *m, unsigned cpu, int nid, gfp_t gfp, uint64_t n, uint64_t *pfns);

/* alloc_pages_exact(): @bytes rounded up to pages, the tail of the power of two given back. */
int alloc_pages_exact(struct machine *m, unsigned cpu, gfp_t gfp, uint64_t bytes, uint64_t *pfn);
int free_pages_exact(struct machine *m, unsigned cpu, uint64_t pfn, uint64_t bytes);

/* Empty the per-CPU lists: of every zone and CPU, or of one zone when @z. */
void drain_all_pages(struct machine *m, struct zone *z);

/* drain_local_pages(): the same for one CPU. */
void drain_local_pages(struct machine *m, unsigned cpu, struct zone *z);

/* split_page(): a block that is no compound page becomes 1 << order single pages, each freed by itself.
 * Errors: EINVAL. */
int split_page(struct machine *m, uint64_t pfn);
/* split_huge_page(): the same for a compound page that only its owner holds. Errors: EINVAL, EBUSY. */
int split_huge_page(struct machine *m, uint64_t pfn);

/* The pageblocks as memmap_init() leaves them: Movable, but Unmovable where the block's first page is no RAM.
 * Called once memblock's memory is final, before free_boot_pages(). Errors: EDQUOT. */
int pageblocks_init(struct machine *m);

/* Hand boot memory [start_pfn, end_pfn) to the allocator, at the tail of the free lists (memblock_free_all(),
 * __free_pages_core()): whole max-order blocks become extents, the rest frames. Counted here: the zone's managed, free
 * and (type CMA) cma pages, totalram, totalhigh, totalcma, pgfree. The zones' spans and memblock must be final.
 * Errors: EINVAL (a pfn in no zone), EDQUOT. */
int free_boot_pages(struct machine *m, uint64_t start_pfn, uint64_t end_pfn, enum migratetype type);

/* kswapd's step for one node: clear the watermark boost (and later: reclaim). */
void kswapd_step(struct machine *m, unsigned nid);

/* Fragmentation, in thousandths: sys/kernel/debug/extfrag (mm/vmstat.c). -1000 means "would succeed". */
int extfrag_index(const struct machine *m, const struct zone *z, unsigned order);
int unusable_index(const struct machine *m, const struct zone *z, unsigned order);

/* Free blocks of @order and @type in @z, extents included; the number of pageblocks of @type in @z
 * that have struct pages (pagetypeinfo_showblockcount(); holes with struct pages count as Unmovable). */
uint64_t zone_free_blocks(
	const struct machine *m, const struct zone *z, unsigned order, enum migratetype type);
uint64_t zone_type_blocks(const struct machine *m, const struct zone *z, enum migratetype type);

/* warn_alloc(): why a request of others failed, in the kernel's log, unless @gfp has __GFP_NOWARN. Without the dump of
 * memory that follows there. */
void warn_alloc(struct machine *m, gfp_t gfp, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Identities that hold at all times; returns violations, one line each in @out. */
unsigned page_alloc_check(struct machine *m, struct text *out);

#endif

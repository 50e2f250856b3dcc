/* SPDX-License-Identifier: MIT
 *
 * One zone's free lists (see buddy.c). Callers keep the free counts with zone_count_free().
 */
#ifndef SIMM_MM_BUDDY_H
#define SIMM_MM_BUDDY_H

#include "mm/page/frame.h"

/* Types whose free blocks may merge with each other's (migratetype_is_mergeable()). */
static inline bool migratetype_mergeable(enum migratetype type)
{
	return type < MIGRATE_PCPTYPES;
}

/* Is the free list of @order and @type of @z empty? */
static inline bool free_list_empty(
	const struct machine *m, const struct zone *z, unsigned order, enum migratetype type)
{
	return !z->area[order].list[type].nr &&
	       (order != m->nr_orders - 1 || !z->extent_blocks[type]);
}

/* Account @pages (negative: fewer) in free blocks of @type: free pages in isolated blocks are no
 * free pages. */
static inline void zone_count_free(struct zone *z, int64_t pages, enum migratetype type)
{
	if (type == MIGRATE_ISOLATE) {
		z->nr_isolated_pages += (uint64_t)pages;
		return;
	}
	z->free_pages += (uint64_t)pages;
	if (type == MIGRATE_CMA)
		z->free_cma_pages += (uint64_t)pages;
}

/* Make the zero frame at @pfn (live) a free block and put it on a list; take a linked free block
 * off its list. */
void buddy_link(struct machine *m, struct zone *z, uint64_t pfn, unsigned order,
	enum migratetype type, bool tail);
void buddy_unlink(struct machine *m, struct zone *z, uint64_t pfn);

/* The first block of a list, or NO_PFN; it may lie in an extent. */
uint64_t buddy_first(
	const struct machine *m, const struct zone *z, unsigned order, enum migratetype type);
/* Take the free block @pfn of @order off its list or extent; its frame is live and zero. Errors:
 * EDQUOT. */
int buddy_take(struct machine *m, struct zone *z, uint64_t pfn, unsigned order);
/* Move the free block @pfn of @order to the tail of another type's list (move_to_free_list()).
 * Errors: EDQUOT. */
int buddy_move(
	struct machine *m, struct zone *z, uint64_t pfn, unsigned order, enum migratetype type);
/* Cut a taken block of order @high down to its first @pages: the rest becomes free blocks of @type (expand()). */
void buddy_expand(struct machine *m, struct zone *z, uint64_t pfn, uint64_t pages, unsigned high,
	enum migratetype type);

/* __free_one_page(): free the block whose frame is zero and live, merging. */
void buddy_free(struct machine *m, struct zone *z, uint64_t pfn, unsigned order,
	enum migratetype type, bool tail);

/* move_freepages_block(): all free blocks of @pfn's pageblock to @type's lists; returns their
 * pages. *@movable (may be NULL) gets the allocated pages that migration could move. 0 when the
 * pageblock reaches out of the zone. */
uint64_t buddy_move_pageblock(
	struct machine *m, struct zone *z, uint64_t pfn, enum migratetype type, uint64_t *movable);

/* Set the pageblock of @pfn to Isolate and its free pages aside: they stay on lists but count as free nowhere
 * (set_migratetype_isolate() without the search for unmovable pages). A free block that reaches beyond the pageblock is
 * cut first. unisolate: back to @type. Errors: EINVAL (the pageblock is not all of one zone), EBUSY (already so, or part of
 * a larger block in use), EDQUOT. */
int pageblock_isolate(struct machine *m, uint64_t pfn);
int pageblock_unisolate(struct machine *m, uint64_t pfn, enum migratetype type);

/* The first page of [start_pfn, end_pfn), all of isolated pageblocks, that is not free; NO_PFN: all are (isolated.c). */
uint64_t isolated_busy_pfn(const struct machine *m, uint64_t start_pfn, uint64_t end_pfn);
/* Take the free page @pfn of an isolated pageblock and those behind it, up to @end_pfn and to the end of their free block: each
 * a single page in use with @frame_flags. Returns the end of what was taken. */
uint64_t isolated_take(struct machine *m, unsigned cpu, uint64_t pfn, uint64_t end_pfn, uint32_t frame_flags);

#endif

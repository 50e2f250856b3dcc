/* SPDX-License-Identifier: MIT
 *
 * The arena: all that a machine is, in one reserved mapping.
 *
 *      base                                                            base + size
 *      | struct machine | zones, pcp lists, ... | heap ... | frames ...... | DRAM ........ |
 *      +------X---------+----X------------------+---X------+--X-----X------+---------X-----+
 *             X = a host page that was ever written ("touched"); the rest is address space only
 *
 * The mapping is reserved with MAP_NORESERVE and costs nothing until touched. Inside it there are
 * offsets and ids, never host pointers, so the bytes are the state: destroying a machine is one
 * munmap, copying it is copying the touched pages, and a digest of them names the state.
 *
 * Which pages are touched is known from a two-level bitmap of our own (the kernel's view, mincore
 * or pagemap, is slow and not portable). So the rule for every writer: arena_touch() the range
 * first. Writers of hot structures do it once, when the structure is made.
 *
 * The host's memory is a budget of its own: beyond it arena_touch() refuses with EDQUOT, while
 * ENOMEM is kept for the simulated machine running out.
 *
 * A host fault for each page of 4 KiB would cost more than most of what is simulated, and a huge host page under one
 * lonely frame would cost 512 times what the machine uses. So the arena asks the host for a huge page (where the host
 * has them) when the first page of a region of 2 MiB is touched beside a region that is full:
 *
 *	|XXXXXXXXXX|X.........|..........|      the second is huge, the third is not when its first page is touched now
 *
 * At worst the host spends three times what was touched, and the arena does it only while that fits the budget.
 */
#ifndef SIMM_BASE_ARENA_H
#define SIMM_BASE_ARENA_H

#include "base/refuse.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARENA_PAGE_SHIFT   12
#define ARENA_PAGE_BYTES   ((uint64_t)1 << ARENA_PAGE_SHIFT)
#define ARENA_REGION_SHIFT 21 /* what a huge page of the host covers */
#define ARENA_REGION_BYTES ((uint64_t)1 << ARENA_REGION_SHIFT)

struct arena {
	char *base;	     /* start of the mapping, a multiple of ARENA_REGION_BYTES */
	uint64_t size_bytes; /* multiple of ARENA_PAGE_BYTES */
	uint64_t touched_pages;
	uint64_t budget_pages; /* arena_touch() refuses beyond it */
	uint64_t *touched;     /* one bit per page, its own sparse mapping */
	uint64_t *summary;     /* one bit per word of `touched` */
	uint64_t *huge;	       /* one bit per region: it may lie in one huge page */
	int huge_runs;	       /* mappings that the host has of such regions, at most */
};

/* Reserve @size_bytes. @budget_bytes bounds what may be touched (0: no bound).
 * Errors: ENOMEM with a sentence that names ulimit -v and overcommit_memory. */
int arena_init(struct arena *a, uint64_t size_bytes, uint64_t budget_bytes, struct refusal *why);
void arena_finish(struct arena *a);

/* Before the first write to [offset, offset + bytes): count and mark its pages.
 * Idempotent. Returns 0 or -EDQUOT (nothing marked then). */
int arena_touch(struct arena *a, uint64_t offset, uint64_t bytes, struct refusal *why);
bool arena_is_touched(const struct arena *a, uint64_t offset);
/* Has the region of @offset been asked to be one huge page? */
bool arena_is_huge(const struct arena *a, uint64_t offset);

/* The first touched page at or after @offset as [*start, *end), joined with its touched
 * neighbours; false when there is none. */
bool arena_next_touched(const struct arena *a, uint64_t offset, uint64_t *start, uint64_t *end);

/* Give [offset, offset + bytes), page-aligned, back to the host: reads as zero and is untouched. What lies in a huge page
 * is cleared, and given back when nothing of its region is touched any more. */
void arena_forget(struct arena *a, uint64_t offset, uint64_t bytes);

/* Make @to (not initialised) a copy of @from: same size and budget, touched pages copied. */
int arena_copy(struct arena *to, const struct arena *from, struct refusal *why);

#endif

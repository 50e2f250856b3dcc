/* SPDX-License-Identifier: MIT
 *
 * Per-CPU page lists: taking a page that is there (see pcp.c for the lists, and for all else).
 */
#ifndef SIMM_MM_PCP_H
#define SIMM_MM_PCP_H

#include "mm/page/frame_list.h"
#include "mm/page/page_alloc.h"
#include "mm/page/zone.h"

#include <assert.h>

#define PCP_LOW_LISTS (MIGRATE_PCPTYPES * (PCP_COSTLY_ORDER + 1))

static inline bool pcp_allowed_order(const struct machine *m, unsigned order)
{
	return order <= PCP_COSTLY_ORDER || (m->pcp_thp_order && order == m->pcp_thp_order);
}

/* The kernel's number of the list: types in the kernel's order, Unmovable before Movable. */
static inline unsigned pcp_list(const struct machine *m, unsigned order, enum migratetype type)
{
	static const uint8_t place[MIGRATE_PCPTYPES] = {
		[MIGRATE_UNMOVABLE] = 0, [MIGRATE_MOVABLE] = 1, [MIGRATE_RECLAIMABLE] = 2};

	assert(type < MIGRATE_PCPTYPES && pcp_allowed_order(m, order));
	if (order > PCP_COSTLY_ORDER)
		return PCP_LOW_LISTS + (type == MIGRATE_MOVABLE);
	return order * MIGRATE_PCPTYPES + place[type];
}

/* A block from a zone that is not asked: NO_PFN when it must be. The block's frame becomes zero. */
static inline uint64_t pcp_take(
	struct machine *m, const struct zone *z, unsigned cpu, unsigned order, enum migratetype type)
{
	struct pcp *pcp = zone_pcp(m, z, cpu);
	struct frame_list *list = &pcp->list[pcp_list(m, order, type)];

	if (__builtin_expect(!list->head, 0))
		return NO_PFN;
	uint64_t pfn = list->head - 1;
	struct frame *f = frame_of(m, pfn);

	assert(f->flags == FRAME_PCP && f->order == order && pcp->count >= 1u << order);
	pcp->free_factor >>= 1;
	pcp->count -= 1u << order;
	frame_list_del(m, list, f);
	*f = (struct frame){0};
	return pfn;
}

/* The same when there is none: the zone gives a batch first. */
uint64_t pcp_refill_and_take(struct machine *m, struct zone *z, unsigned cpu, unsigned order, enum migratetype type,
	unsigned alloc_flags);

static inline uint64_t pcp_alloc(struct machine *m, struct zone *z, unsigned cpu, unsigned order,
	enum migratetype type, unsigned alloc_flags)
{
	uint64_t pfn = pcp_take(m, z, cpu, order, type);

	return __builtin_expect(pfn != NO_PFN, 1) ? pfn
						  : pcp_refill_and_take(m, z, cpu, order, type, alloc_flags);
}

/* Free a block; @type is its pageblock's. */
void pcp_free(struct machine *m, struct zone *z, unsigned cpu, uint64_t pfn, unsigned order,
	enum migratetype type);
/* Free @nr single pages of one pageblock, one after the other. */
void pcp_free_list(struct machine *m, struct zone *z, unsigned cpu, const uint64_t *pfns,
	unsigned nr, enum migratetype type);

#endif

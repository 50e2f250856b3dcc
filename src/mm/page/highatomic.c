/* SPDX-License-Identifier: MIT
 *
 * HighAtomic: pageblocks kept for large requests that cannot wait.
 *
 * A request of more than one page that may neither wait nor fail lightly (GFP_ATOMIC) and that was served marks
 * the pageblock it was served from as HighAtomic, until about 1% of the zone, rounded up to a
 * pageblock, is kept so; zones of which 1% is less than a pageblock keep none. Ordinary requests do not see those
 * free lists, and the watermark check takes the reserve off for them. When a request is about to fail, one
 * pageblock is given back, to the type of that request.
 *
 * Invariant: nr_reserved_highatomic is at most the limit at the time of the last reservation.
 * Follows mm/page_alloc.c of 6.1.176 (reserve_highatomic_pageblock(), unreserve_highatomic_pageblock()).
 */
#include "mm/page/internal.h"

void highatomic_reserve(struct machine *m, struct zone *z, uint64_t pfn)
{
	uint64_t pageblock = (uint64_t)1 << m->pageblock_order;
	uint64_t percent = z->managed_pages / 100;
	uint64_t limit = (percent + pageblock - 1) & ~(pageblock - 1);

	if (percent < pageblock || z->nr_reserved_highatomic >= limit)
		return;
	if (!migratetype_mergeable(pageblock_type(m, pfn)))
		return;
	if (pageblock_set_type(m, pfn, MIGRATE_HIGHATOMIC))
		return;
	z->nr_reserved_highatomic += pageblock;
	(void)buddy_move_pageblock(m, z, pfn, MIGRATE_HIGHATOMIC, NULL);
}

/* Give back the pageblock of one free HighAtomic block of @z. */
static bool unreserve_one(struct machine *m, struct zone *z, enum migratetype type)
{
	uint64_t pageblock = (uint64_t)1 << m->pageblock_order;

	for (unsigned order = 0; order < m->nr_orders; order++) {
		uint64_t pfn = buddy_first(m, z, order, MIGRATE_HIGHATOMIC);

		if (pfn == NO_PFN)
			continue;
		if (pageblock_type(m, pfn) == MIGRATE_HIGHATOMIC)
			z->nr_reserved_highatomic -= z->nr_reserved_highatomic < pageblock
							     ? z->nr_reserved_highatomic
							     : pageblock;
		if (pageblock_set_type(m, pfn, type))
			return false;
		if (buddy_move_pageblock(m, z, pfn, type, NULL))
			return true;
	}
	return false;
}

bool highatomic_unreserve(struct machine *m, const struct alloc_request *r, bool force)
{
	uint64_t pageblock = (uint64_t)1 << m->pageblock_order;
	struct zone *z;

	for (unsigned i = 0; (z = request_zone(m, r, &i)); i++) {
		/* Keep the last one unless there is real need. */
		if (!z->nr_reserved_highatomic ||
			(!force && z->nr_reserved_highatomic <= pageblock))
			continue;
		if (unreserve_one(m, z, r->type))
			return true;
	}
	return false;
}

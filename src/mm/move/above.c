/* SPDX-License-Identifier: MIT
 *
 * The page allocator's table of what is above it (mm/page/above.h).
 */
#include "mm/page/above.h"

#include "mm/dma/coherence.h"
#include "mm/move/compaction.h"

#define ZONES_MOST (MAX_NODES * MAX_NR_ZONES)

static int compact(
	struct machine *m, const struct alloc_request *r, unsigned alloc_flags, int priority)
{
	uint32_t zones[ZONES_MOST];
	unsigned nr = 0;
	struct zone *z;

	for (unsigned i = r->first; (z = request_zone(m, r, &i)); i++)
		zones[nr++] = zone_id(m, z);
	return (int)try_to_compact_pages(m, r->cpu, r->gfp, r->order, alloc_flags, r->highest,
		zones, nr, (enum compact_priority)priority);
}

static void compacted(struct machine *m, struct zone *z, unsigned order)
{
	z->compact.blockskip_flush = false;
	compaction_defer_reset(m, z, order, true);
}

const struct page_alloc_above page_alloc_above = {
	.compact = compact,
	.compacted = compacted,
	.settle = stale_settle_slow,
	.wake_kcompactd = wakeup_kcompactd,
};

/* SPDX-License-Identifier: MIT
 *
 * The page allocator's table of what is above it (mm/page/above.h).
 */
#include "mm/page/above.h"

#include "mm/dma/coherence.h"
#include "mm/dma/mapping.h"
#include "mm/move/compaction.h"

static void compacted(struct machine *m, struct zone *z, unsigned order)
{
	z->compact.blockskip_flush = false;
	compaction_defer_reset(m, z, order, true);
}

const struct page_alloc_above page_alloc_above = {
	.compact_begin = compact_direct_begin,
	.compact_step = compact_direct_step,
	.compacted = compacted,
	.settle = stale_settle_slow,
	.dma_references = dma_mapping_references,
	.wake_kcompactd = wakeup_kcompactd,
};

/* SPDX-License-Identifier: MIT
 *
 * The core's table of what is above it (mm/core/above.h).
 */
#include "mm/core/above.h"

#include "mm/debug/kmemleak.h"
#include "mm/dma/engine.h"
#include "mm/dma/iommu.h"
#include "mm/machine.h"
#include "mm/move/compaction.h"
#include "mm/page/page_alloc.h"
#include "mm/sysctl_effect.h"

static void bus_task(struct machine *m, uint32_t arg)
{
	bus_step(m);
}

static void scan_for_leaks(struct machine *m, uint32_t arg)
{
	kmemleak_task(m);
}

static void flush_iommu(struct machine *m, uint32_t arg)
{
	iommu_flush_queues(m);
}

const struct core_above core_above = {
	.step =
		{
			[TASK_KSWAPD] = kswapd_step,
			[TASK_KCOMPACTD] = kcompactd_step,
			[TASK_BUS] = bus_task,
			[TASK_KMEMLEAK] = scan_for_leaks,
			[TASK_IOMMU_FQ] = flush_iommu,
		},
	.sysctl_written = sysctl_written,
};

/* SPDX-License-Identifier: MIT
 *
 * Mappings that nobody synced: what a kernel's dma-debug cannot see, since it does not see accesses.
 *
 *	device writes ──> DRAM       CPU loads ──> its cache's old line       dma_sync_single_for_cpu() was missing
 *	CPU stores ──> its cache     device reads ──> DRAM's old bytes        dma_sync_single_for_device() was missing
 *
 * hw/stale.c knows when somebody got bytes that are not the latest. Here the mapping is looked for that they belong to; its
 * device counts it (sim/devices/NAME/unsynced), and the log says it, once until the mapping is synced. Old bytes that lie in
 * no mapping are nobody's: what a stray device read, or a neighbour in the same line.
 *
 * Only real harm is seen: where a line happened to be in no cache, or the new bytes are like the old ones, all went well. Of a
 * segment that an IOMMU made of several pieces only the first piece's memory is known.
 */
#include "mm/dma/coherence.h"
#include "mm/dma/mapping.h"

typedef unsigned long long ull;

/* True when it has not been said since the last sync. */
static bool is_news(struct dma_mapping *x)
{
	bool news = !(x->flags & DMA_MAPPING_UNSYNCED);

	x->flags |= DMA_MAPPING_UNSYNCED;
	return news;
}

void dma_unsynced_load(struct machine *m, unsigned cpu)
{
	uint64_t pa = m->devices.stale.old_at;
	struct dma_mapping *x = dma_mapping_of_phys(m, 0, pa, DMA_TO_DEVICE);
	struct device *d = x ? device_find(m, x->device) : NULL;

	if (!d)
		return;
	d->unsynced_loads++;
	if (is_news(x))
		log_printf(m,
			"simmfs: %s %s: CPU %u loads old bytes at 0x%llx, which the device has "
			"written "
			"since: dma_sync_single_for_cpu is missing [device address=0x%016llx] "
			"[size=%llu bytes] [mapped with %s]",
			dev_driver_string(d), d->name, cpu, (ull)pa, (ull)x->dma, (ull)x->bytes,
			dma_direction_name(x->dir));
}

void dma_unsynced_read(struct machine *m, struct device *d)
{
	uint64_t pa = m->devices.stale.old_at;
	struct dma_mapping *x = dma_mapping_of_phys(m, d->id, pa, DMA_FROM_DEVICE);

	if (!x)
		return;
	d->unsynced_reads++;
	if (is_news(x))
		log_printf(m,
			"simmfs: %s %s: the device reads old bytes at 0x%llx, which a CPU has "
			"written "
			"since: dma_sync_single_for_device is missing [device address=0x%016llx] "
			"[size=%llu bytes] [mapped with %s]",
			dev_driver_string(d), d->name, (ull)pa, (ull)x->dma, (ull)x->bytes,
			dma_direction_name(x->dir));
}

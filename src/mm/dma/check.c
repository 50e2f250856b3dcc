/* SPDX-License-Identifier: MIT
 *
 * What holds of devices at all times: the numbers that are counted are those of what is there.
 *
 *	device: nr_mappings     its live records          busy    in the bus's list, exactly while it has transfers
 *	machine: noncoherent    devices that bypass caches
 *	records and bounce slots: see records.c and swiotlb.c
 */
#include "mm/dma/debug.h"
#include "mm/dma/direct.h"
#include "mm/dma/dma_buf.h"
#include "mm/dma/iommu.h"
#include "mm/dma/reserved_mem.h"

#include "base/text.h"

static unsigned check_device(struct machine *m, struct device *d, struct text *out)
{
	const struct hw_engine *e = device_engine_peek(m, d);
	uint32_t mappings = 0;
	unsigned bad = 0;

	for (const struct dma_mapping *x = dma_mapping_of_device(m, d->id, NULL); x;
		x = dma_mapping_of_device(m, d->id, x))
		mappings++;
	if (mappings != d->nr_mappings) {
		text_printf(out, "device %s: %u mappings are live, %u are counted\n", d->name,
			mappings, d->nr_mappings);
		bad++;
	}
	if (d->busy != (e && e->nr)) {
		text_printf(out, "device %s: %s the bus's list, with %u transfers\n", d->name,
			d->busy ? "in" : "not in", e ? e->nr : 0);
		bad++;
	}
	return bad;
}

/* The pages that are taken from the pools are those of live buffers. */
static unsigned check_pools(const struct machine *m, struct text *out)
{
	uint64_t bits = 0, pages = 0;

	for (unsigned kind = 0; kind < NR_DMA_POOLS; kind++)
		for (unsigned i = 0; i < DMA_POOL_MAX_PAGES / 64; i++)
			bits += (uint64_t)__builtin_popcountll(m->devices.pool[kind].used[i]);
	for (const struct dma_mapping *x = NULL; (x = dma_mapping_next(m, x));)
		if (x->flags & DMA_MAPPING_ATOMIC)
			pages += pfn_up(x->bytes);
	if (bits == pages)
		return 0;
	text_printf(out, "atomic pools: %llu pages are taken, buffers have %llu\n",
		(unsigned long long)bits, (unsigned long long)pages);
	return 1;
}

unsigned devices_check(struct machine *m, struct text *out)
{
	struct devices *s = &m->devices;
	uint32_t nr = 0, noncoherent = 0, busy = 0;
	unsigned bad = dma_mappings_check(m, out) + swiotlb_check(m, out) +
		       coherence_check(m, out) + check_pools(m, out) + iommu_check(m, out) +
		       dma_buf_check(m, out) + reserved_mem_check(m, out) + dma_debug_check(m, out);

	for (struct device *d = device_from(m, 1); d; d = device_from(m, d->id + 1)) {
		bad += check_device(m, d, out);
		nr++;
		noncoherent += !d->hw.coherent;
		busy += d->busy;
	}
	for (uint64_t at = s->busy; at; at = ((struct device *)machine_at(m, at))->next_busy)
		busy--;
	if (nr == s->nr && noncoherent == s->noncoherent && !busy)
		return bad;
	text_printf(out, "devices: %u of %u, %u of %u bypass caches, the bus's list is %s\n", nr,
		s->nr, noncoherent, s->noncoherent, busy ? "wrong" : "right");
	return bad + 1;
}

/* SPDX-License-Identifier: MIT
 *
 * The direct mapping (see direct.h), and what decides whether a device can reach a page at all.
 *
 *	mask 0xffffff (24 lines)           0       16M                         RAM's end
 *	                                   |=======|----------------------------|
 *	                                   direct   a bounce slot, if there are some, else an overflow
 *
 * A mapping of the direct kind takes nothing: it is an addition and a comparison. On machines whose devices bypass the
 * caches the buffer's lines are written back, so that the device finds what the CPU wrote.
 *
 * zone_dma_bits is what GFP_DMA is good for: 24 bits, but on arm64 as many as the lowest reach of all devices.
 *
 * Follows kernel/dma/direct.c, kernel/dma/direct.h of 6.1.
 */
#include "mm/dma/direct.h"
#include "mm/dma/iommu.h"

#include "mm/page/zone.h"

#include <errno.h>

typedef unsigned long long ull;

unsigned zone_dma_bits(const struct machine *m)
{
	uint64_t end = 0;

	if (m->arch != ARCH_ARM64)
		return 24;
	for (unsigned nid = 0; nid < m->nr_nodes; nid++) {
		const struct zone *z = zone_at(m, nid, ZONE_DMA);

		if (zone_populated(z) && zone_end_pfn(z) << PAGE_SHIFT > end)
			end = zone_end_pfn(z) << PAGE_SHIFT;
	}
	/* Never more than what 32 bits reach. */
	unsigned bits = end ? 64 - (unsigned)__builtin_clzll(end - 1) : 32;
	return bits < 32 ? bits : 32;
}

/* dma_direct_supported() */
static bool supported(const struct machine *m, const struct device *d, uint64_t mask)
{
	uint64_t low = (m->end_pfn - 1) << PAGE_SHIFT, bus;

	/* An IOMMU maps any memory to any address. */
	if (iommu_translates(m, d))
		return true;
	/* Masks of 32 bits are so common that every architecture has to have memory for them. */
	if (mask >= DMA_BIT_MASK(32))
		return true;
	if (machine_has(m, CONFIG_ZONE_DMA) && DMA_BIT_MASK(zone_dma_bits(m)) < low)
		low = DMA_BIT_MASK(zone_dma_bits(m));
	bus = phys_to_dma(d, low);
	return mask >= bus;
}

static int refuse_mask(struct machine *m, const struct device *d, uint64_t mask)
{
	return refuse(&m->why, EIO,
		"mask 0x%llx: no memory of this machine is in the reach of such a device%s%s",
		(ull)mask, machine_has(m, CONFIG_ZONE_DMA) ? "" : " (its kernel has no ZONE_DMA)",
		d->hw.windowed ? ", whose bus shifts addresses" : "");
}

int dma_set_mask(struct machine *m, struct device *d, uint64_t mask)
{
	if (!supported(m, d, mask))
		return refuse_mask(m, d, mask);
	d->dma_mask = mask;
	return 0;
}

int dma_set_coherent_mask(struct machine *m, struct device *d, uint64_t mask)
{
	if (!supported(m, d, mask))
		return refuse_mask(m, d, mask);
	d->coherent_dma_mask = mask;
	return 0;
}

int dma_set_mask_and_coherent(struct machine *m, struct device *d, uint64_t mask)
{
	int err = dma_set_mask(m, d, mask);

	return err ? err : dma_set_coherent_mask(m, d, mask);
}

uint64_t dma_get_required_mask(const struct machine *m, const struct device *d)
{
	uint64_t last = phys_to_dma(d, (m->end_pfn - 1) << PAGE_SHIFT);

	if (iommu_translates(m, d))
		return DMA_BIT_MASK(32);

	return last ? UINT64_MAX >> __builtin_clzll(last) : 0;
}

uint64_t dma_max_mapping_size(const struct machine *m, const struct device *d)
{
	const struct swiotlb *s = &m->devices.swiotlb;

	if (iommu_translates(m, d))
		return UINT64_MAX;
	/* Whoever may have to bounce is held to what a segment of slots holds. */
	if (s->end > s->start && (s->force || dma_get_required_mask(m, d) >
						      min_not_zero(d->dma_mask, d->bus_dma_limit)))
		return swiotlb_max_mapping_size(d);
	return UINT64_MAX;
}

int dma_overflow(struct machine *m, struct device *d, const char *what, uint64_t dma,
	uint64_t bytes, const char *advice)
{
	uint64_t most = DMA_BIT_MASK(8 * machine_phys_bytes(m)); /* dma_addr_t */

	if (!d->warned)
		dev_printk(m, d, "%s addr 0x%0*llx+%llu overflow (mask %llx, bus limit %llx).",
			what, machine_phys_digits(m), (ull)(dma & most), (ull)bytes,
			(ull)d->dma_mask, (ull)d->bus_dma_limit);
	d->warned = true;
	return refuse(&m->why, ENOMEM,
		"%s addr 0x%llx+%llu overflow (mask %llx, bus limit %llx): %s", what, (ull)dma,
		(ull)bytes, (ull)d->dma_mask, (ull)d->bus_dma_limit, advice);
}

/* swiotlb_map(), checked in its turn. */
static int bounce(struct machine *m, unsigned cpu, struct device *d, uint64_t phys, uint64_t bytes,
	enum dma_data_direction dir, unsigned attrs, uint64_t *dma)
{
	uint64_t slot;
	int err = swiotlb_map(m, cpu, d, phys, bytes, attrs, &slot);

	if (err)
		return err;
	*dma = phys_to_dma(d, slot);
	if (dma_capable(d, *dma, bytes)) {
		if (!d->hw.coherent && !(attrs & DMA_ATTR_SKIP_CPU_SYNC))
			arch_sync_dma_for_device(m, slot, bytes, dir);
		return 0;
	}
	swiotlb_unmap(m, d, slot, bytes);
	return dma_overflow(
		m, d, "swiotlb", *dma, bytes, "the bounce buffers lie too high for this device");
}

int dma_direct_map(struct machine *m, unsigned cpu, struct device *d, uint64_t phys, uint64_t bytes,
	enum dma_data_direction dir, unsigned attrs, uint64_t *dma, uint8_t *flags)
{
	const struct swiotlb *s = &m->devices.swiotlb;

	*dma = phys_to_dma(d, phys);
	if (__builtin_expect(!s->force && dma_capable(d, *dma, bytes), 1)) {
		if (!d->hw.coherent && !(attrs & DMA_ATTR_SKIP_CPU_SYNC))
			arch_sync_dma_for_device(m, phys, bytes, dir);
		return 0;
	}
	if (s->start == s->end)
		return dma_overflow(m, d, "DMA", *dma, bytes,
			"there are no bounce buffers, so take memory with GFP_DMA or GFP_DMA32, or "
			"dma_alloc_coherent");
	*flags |= DMA_MAPPING_BOUNCED;
	return bounce(m, cpu, d, phys, bytes, dir, attrs, dma);
}

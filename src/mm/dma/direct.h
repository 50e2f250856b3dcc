/* SPDX-License-Identifier: MIT
 *
 * The direct mapping: bus address = physical address, shifted by the bus's windows (kernel/dma/direct.c of 6.1).
 */
#ifndef SIMM_MM_DMA_DIRECT_H
#define SIMM_MM_DMA_DIRECT_H

#include "mm/dma/coherence.h"
#include "mm/dma/mapping.h"

/* DMA_MAPPING_ERROR when no window has it. */
static inline uint64_t phys_to_dma(const struct device *d, uint64_t phys)
{
	uint64_t bus;

	return hw_device_bus_of(&d->hw, phys, &bus) ? bus : DMA_MAPPING_ERROR;
}

/* UINT64_MAX when no window has it. */
static inline uint64_t dma_to_phys(const struct device *d, uint64_t dma)
{
	uint64_t pa, left;

	return hw_device_route(&d->hw, dma, &pa, &left) ? pa : UINT64_MAX;
}

static inline uint64_t min_not_zero(uint64_t a, uint64_t b)
{
	return !a ? b : !b ? a : a < b ? a : b;
}

/* Are these bus addresses in the reach of its mask and bus? */
static inline bool dma_capable(const struct device *d, uint64_t dma, uint64_t bytes)
{
	return dma != DMA_MAPPING_ERROR &&
	       dma + bytes - 1 <= min_not_zero(d->dma_mask, d->bus_dma_limit) &&
	       dma + bytes - 1 >= dma;
}

static inline bool is_swiotlb_buffer(const struct machine *m, uint64_t phys)
{
	const struct swiotlb *s = &m->devices.swiotlb;

	return phys - s->start < s->end - s->start;
}

/* swiotlb.c: the pool that boot reserved at @start, of @nslabs slots. */
void swiotlb_init(struct machine *m, uint64_t start, uint64_t nslabs);
/* Bounce slots. Errors: EINVAL (larger than a segment), ENOMEM (full), EDQUOT. */
int swiotlb_map(struct machine *m, unsigned cpu, struct device *d, uint64_t phys, uint64_t bytes,
	unsigned attrs, uint64_t *slot);
/* The slots are free; who wants what the device wrote has synced it. */
void swiotlb_unmap(struct machine *m, const struct device *d, uint64_t slot, uint64_t bytes);
/* Copy between slot and buffer: for the CPU, or for the device. */
void swiotlb_sync(struct machine *m, uint64_t slot, uint64_t bytes, bool for_cpu);
uint64_t swiotlb_max_mapping_size(const struct device *d);
unsigned swiotlb_check(const struct machine *m, struct text *out);

/* dev_WARN_ONCE() that @what ("DMA", "swiotlb") address is out of the device's reach; returns -ENOMEM. */
int dma_overflow(struct machine *m, struct device *d, const char *what, uint64_t dma, uint64_t bytes,
	const char *advice);

/* The direct mapping of streaming buffers; *@flags gets DMA_MAPPING_BOUNCED. */
int dma_direct_map(struct machine *m, unsigned cpu, struct device *d, uint64_t phys, uint64_t bytes,
	enum dma_data_direction dir, unsigned attrs, uint64_t *dma, uint8_t *flags);

/* ---- contiguous.c ---- */

/* get_order(): of the block that holds @bytes. */
unsigned dma_order(uint64_t bytes);
/* The pages of a pool, a bit of @map each: the first of @n free ones side by side, at a multiple of their order; UINT64_MAX: there
 * are none (gen_pool_first_fit_order_align(), bitmap_find_free_region()). */
uint64_t dma_pages_find(const uint64_t *map, uint64_t nr_pages, uint64_t n);
void dma_pages_mark(uint64_t *map, uint64_t first, uint64_t n, bool used);
/* dma_alloc_contiguous(): whole pages of the device's own area or of the default one, zeroed with __GFP_ZERO.
 * *@pfn is NO_PFN when neither gives any. Errors: EDQUOT. */
int dma_alloc_contiguous(struct machine *m, unsigned cpu, const struct device *d, uint64_t bytes, gfp_t gfp,
	uint64_t *pfn);
/* dma_free_contiguous(): those, or a block of the page allocator. */
int dma_free_contiguous(struct machine *m, unsigned cpu, uint64_t pfn, uint64_t bytes);
/* The block of a coherent buffer goes back: to the atomic pools, or as dma_free_contiguous() says. @va, @flags: of its
 * mapping. */
int dma_free_block(struct machine *m, unsigned cpu, uint64_t phys, uint64_t bytes, uint64_t va, unsigned flags);
/* Such a block gets an address of its own, uncached unless @cached; the mapping's @flags say so. Errors: ENOMEM, EDQUOT (the
 * block has gone back then). */
int dma_remap_block(struct machine *m, unsigned cpu, uint64_t phys, uint64_t bytes, bool cached, uint64_t *va,
	uint8_t *flags);

#endif

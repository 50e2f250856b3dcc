/* SPDX-License-Identifier: MIT
 *
 * Buffers that a driver gets from the DMA API: memory that the device reaches and that both see at once.
 *
 *	limit = min(coherent mask, bus limit) as a physical address
 *	limit <= ZONE_DMA's reach    GFP_DMA
 *	      <= 4 GiB               GFP_DMA32
 *	      else                   any zone; out of reach all the same? once more with GFP_DMA32, then with GFP_DMA
 *
 * The device's contiguous area is asked first, else, for more than a page, the default one, when the caller may wait; what
 * lies in high memory is not taken. A device with coherent memory of its own (reserved_mem.h) gets that and nothing else.
 * The block has 2^order pages, zeroed. dma_alloc_pages() gives ordinary pages in the same way, which are the driver's to
 * sync.
 *
 * On a device that bypasses the caches the CPU may not have the buffer in its cache: it gets an address of its own that is
 * mapped uncached (coherence.c).
 *
 * Follows kernel/dma/direct.c, kernel/dma/mapping.c of 6.1.
 */
#include "mm/dma/debug.h"
#include "mm/dma/direct.h"
#include "mm/dma/iommu.h"
#include "mm/dma/reserved_mem.h"

#include "mm/page/address.h"
#include "mm/page/frame.h"
#include "mm/vmalloc/vmalloc.h"

#include <assert.h>
#include <errno.h>

typedef unsigned long long ull;

/* dma_coherent_ok() */
static bool in_reach(const struct device *d, uint64_t phys, uint64_t bytes)
{
	uint64_t dma = phys_to_dma(d, phys);

	return dma != DMA_MAPPING_ERROR &&
	       dma + bytes - 1 <= min_not_zero(d->coherent_dma_mask, d->bus_dma_limit);
}

/* dma_direct_optimal_gfp_mask(): the zone that suits, and the physical limit. */
static gfp_t zone_for(const struct machine *m, const struct device *d, uint64_t *limit)
{
	uint64_t bus = min_not_zero(d->coherent_dma_mask, d->bus_dma_limit);

	*limit = dma_to_phys(d, bus);
	if (*limit <= DMA_BIT_MASK(zone_dma_bits(m)))
		return __GFP_DMA;
	return *limit <= DMA_BIT_MASK(32) ? __GFP_DMA32 : 0;
}

static int refuse_reach(struct machine *m, const struct device *d)
{
	return refuse(&m->why, ENOMEM,
		"no free memory is in the reach of %s (coherent mask 0x%llx, bus limit 0x%llx)",
		d->name, (ull)d->coherent_dma_mask, (ull)d->bus_dma_limit);
}

/* From a contiguous area, when that is in reach and the kernel has an address of it. *@pfn is NO_PFN when none of it will
 * do. Errors: EDQUOT. */
static int alloc_from_area(struct machine *m, unsigned cpu, const struct device *d, uint64_t bytes,
	gfp_t gfp, uint64_t *pfn)
{
	int err = dma_alloc_contiguous(m, cpu, d, bytes, gfp, pfn);

	if (err || *pfn == NO_PFN)
		return err;
	if (in_reach(d, *pfn << PAGE_SHIFT, bytes) && page_address(m, *pfn))
		return 0;
	err = dma_free_contiguous(m, cpu, *pfn, bytes);
	assert(!err);
	*pfn = NO_PFN;
	return err;
}

/* __dma_direct_alloc_pages() */
static int alloc_in_reach(struct machine *m, unsigned cpu, const struct device *d, uint64_t bytes,
	gfp_t gfp, uint64_t *pfn)
{
	unsigned order = dma_order(bytes);
	uint64_t limit;

	int err = alloc_from_area(m, cpu, d, bytes, gfp, pfn);

	if (err || *pfn != NO_PFN)
		return err;
	if (order >= m->nr_orders) {
		/* It warns of such an order. */
		(void)alloc_pages_node(m, cpu, -1, gfp, order, pfn);
		return refuse(&m->why, ENOMEM, "the largest block of this machine has %llu KiB",
			(ull)(PAGE_BYTES << (m->nr_orders - 1) >> 10));
	}
	gfp |= zone_for(m, d, &limit);
	for (;;) {
		err = alloc_pages_node(m, cpu, -1, gfp, order, pfn);

		if (err)
			return err;
		if (in_reach(d, *pfn << PAGE_SHIFT, bytes))
			return 0;
		(void)free_pages_order(m, cpu, *pfn, order);
		if (machine_has(m, CONFIG_ZONE_DMA32) && limit < UINT64_MAX &&
			!(gfp & (__GFP_DMA32 | __GFP_DMA)))
			gfp |= __GFP_DMA32;
		else if (machine_has(m, CONFIG_ZONE_DMA) && !(gfp & __GFP_DMA))
			gfp = (gfp & ~(gfp_t)__GFP_DMA32) | __GFP_DMA;
		else
			return refuse_reach(m, d);
	}
}

static int check_size(struct machine *m, uint64_t *bytes)
{
	if (!*bytes || *bytes > (uint64_t)1 << 40)
		return refuse(
			&m->why, EINVAL, "a buffer has 1 byte to 1 TiB, not %llu", (ull)*bytes);
	*bytes = page_align(*bytes);
	return 0;
}

/* dma_direct_alloc_from_pool() for those who may not wait. */
static int alloc_atomic(struct machine *m, unsigned cpu, struct device *d, uint64_t bytes,
	gfp_t gfp, uint64_t *phys, uint64_t *va)
{
	uint64_t limit;

	return dma_alloc_from_pool(
		m, cpu, d, bytes, gfp | zone_for(m, d, &limit), in_reach, phys, va);
}

int dma_remap_block(struct machine *m, unsigned cpu, uint64_t phys, uint64_t bytes, bool cached,
	uint64_t *va, uint8_t *flags)
{
	if (!cached)
		arch_dma_prep_coherent(m, phys, bytes);
	int err = dma_remap(m, cpu, phys, bytes, cached, va);
	if (err) {
		struct refusal why = m->why;

		(void)dma_free_contiguous(m, cpu, phys >> PAGE_SHIFT, bytes);
		m->why = why;
		return err;
	}
	*flags |= DMA_MAPPING_REMAPPED;
	return 0;
}

int dma_free_block(
	struct machine *m, unsigned cpu, uint64_t phys, uint64_t bytes, uint64_t va, unsigned flags)
{
	if (flags & DMA_MAPPING_ATOMIC) {
		dma_free_from_pool(m, phys, bytes);
		return 0;
	}
	if (flags & DMA_MAPPING_REMAPPED)
		dma_unmap(m, cpu, va);
	return dma_free_contiguous(m, cpu, phys >> PAGE_SHIFT, bytes);
}

/* Zeroed pages and the CPU's address of them. Where CPUs have no data cache there is nothing to go around. */
static int alloc_buffer(struct machine *m, unsigned cpu, struct device *d, uint64_t bytes,
	gfp_t gfp, uint64_t *phys, uint64_t *va, uint8_t *flags)
{
	bool uncached = !d->hw.coherent && m->cpus.desc.dcache.sets;
	uint64_t pfn = NO_PFN;

	if (uncached && !(gfp & __GFP_DIRECT_RECLAIM)) {
		*flags |= DMA_MAPPING_ATOMIC;
		return alloc_atomic(m, cpu, d, bytes, gfp, phys, va);
	}
	int err = alloc_in_reach(m, cpu, d, bytes, gfp | __GFP_ZERO, &pfn);
	if (err)
		return err;
	*phys = pfn << PAGE_SHIFT;
	*va = page_address(m, pfn);
	if (!uncached)
		return 0;
	return dma_remap_block(m, cpu, *phys, bytes, false, va, flags);
}

/* Without an address of the kernel's there is nothing that the kernel's dma-debug could note. */
static void note_buffer(
	struct machine *m, unsigned cpu, const struct device *d, const struct dma_mapping *x)
{
	if (!(x->attrs & DMA_ATTR_NO_KERNEL_MAPPING))
		debug_dma_map(m, cpu, d, x);
}

/* Behind an IOMMU: any pages will do. */
static int alloc_translated(struct machine *m, unsigned cpu, struct device *d, uint64_t bytes,
	uint64_t asked, gfp_t gfp, unsigned attrs, uint64_t *cpu_address, uint64_t *dma)
{
	uint64_t pages_at, left;
	uint8_t flags = 0;
	unsigned rights;
	int err = d->hw.coherent ? 0 : stale_begin(m);

	if (!err)
		err = iommu_dma_alloc(
			m, cpu, d, bytes, gfp, attrs, cpu_address, dma, &pages_at, &flags);
	if (err)
		return err;
	uint64_t phys = iommu_iova_to_phys(m, iommu_domain_of(m, d), *dma, &left, &rights);
	struct dma_mapping *x = dma_mapping_add(m, d, *dma, phys, asked);

	x->type = DMA_TYPE_COHERENT;
	x->cpu = *cpu_address;
	x->attrs = (uint16_t)attrs;
	x->flags = flags;
	x->pages_at = pages_at;
	note_buffer(m, cpu, d, x);
	clock_charge(m, DMA_MAP);
	return 0;
}

/* A device without an uncached mapping of ordinary pages, or with memory of its own. */
static int alloc_reserved(struct machine *m, struct device *d, struct reserved_mem *mem,
	uint64_t bytes, uint64_t *phys, uint64_t *va, uint8_t *flags)
{
	if (!mem)
		return refuse(&m->why, ENOMEM,
			"%s bypasses the caches, and a kernel without MMU cannot map memory "
			"uncached: a shared-dma-pool with linux,dma-default is for that",
			d->name);
	*flags |= DMA_MAPPING_RESERVED;
	return dma_alloc_from_coherent(m, d, mem, bytes, phys, va);
}

int dma_alloc_coherent(struct machine *m, unsigned cpu, struct device *d, uint64_t bytes, gfp_t gfp,
	unsigned attrs, uint64_t *cpu_address, uint64_t *dma)
{
	uint64_t asked = bytes, phys = 0, va = 0;
	struct reserved_mem *mem = dev_coherent_memory(m, d);
	bool reserved = mem || dev_needs_global_pool(m, d);
	uint8_t flags = 0;
	int err = check_size(m, &bytes);

	/* The zone is for the masks to say. */
	gfp &= ~(gfp_t)(__GFP_DMA | __GFP_DMA32 | __GFP_HIGHMEM);
	if (!err)
		err = dma_mappings_reserve(m, 1);
	if (!err && !reserved)
		err = iommu_prepare(m, cpu, d);
	if (!err && !reserved && iommu_translates(m, d))
		return alloc_translated(
			m, cpu, d, bytes, asked, gfp | __GFP_ZERO, attrs, cpu_address, dma);
	if (!err && !d->hw.coherent)
		err = stale_begin(m);
	if (!err)
		err = reserved ? alloc_reserved(m, d, mem, bytes, &phys, &va, &flags)
			       : alloc_buffer(m, cpu, d, bytes, gfp, &phys, &va, &flags);
	if (err)
		return err;
	*dma = phys_to_dma(d, phys);
	*cpu_address = va;
	struct dma_mapping *x = dma_mapping_add(m, d, *dma, phys, asked);
	x->type = DMA_TYPE_COHERENT;
	x->cpu = va;
	x->attrs = (uint16_t)attrs;
	x->flags = flags;
	note_buffer(m, cpu, d, x);
	clock_charge(m, DMA_MAP);
	return 0;
}

/* The page behind the CPU's address that a driver frees a buffer by. */
static uint64_t freed_phys(struct machine *m, const struct dma_mapping *x, uint64_t cpu_address)
{
	uint64_t pfn;

	if (x && x->cpu == cpu_address)
		return x->phys;
	pfn = is_vmalloc_addr(m, cpu_address) ? vmalloc_to_pfn(m, cpu_address)
					      : virt_to_pfn(m, cpu_address);
	return pfn == NO_PFN ? 0 : (pfn << PAGE_SHIFT) + cpu_address % PAGE_BYTES;
}

/* Is there a buffer like this? */
static int end_buffer(struct machine *m, const struct device *d, const struct dma_mapping *x,
	uint64_t dma, uint64_t bytes, uint64_t cpu_address)
{
	const struct dma_debug_entry ref = {.type = DMA_DEBUG_COHERENT,
		.dev_addr = dma,
		.size = bytes,
		.phys = freed_phys(m, x, cpu_address),
		.dir = DMA_BIDIRECTIONAL};
	int err = dma_check_unmap(m, d, x, dma, bytes, DMA_TYPE_COHERENT, DMA_BIDIRECTIONAL);

	if (!err && x->cpu != cpu_address)
		err = refuse(&m->why, EINVAL, "the buffer at 0x%llx has the CPU's address 0x%llx",
			(ull)dma, (ull)x->cpu);
	if (!x || !(x->attrs & DMA_ATTR_NO_KERNEL_MAPPING))
		debug_dma_unmap(m, d, &ref, !err);
	return err;
}

int dma_free_coherent(struct machine *m, unsigned cpu, struct device *d, uint64_t bytes,
	uint64_t cpu_address, uint64_t dma)
{
	struct dma_mapping *x =
		dma_mapping_match(m, d->id, dma, bytes, DMA_TYPE_COHERENT, DMA_BIDIRECTIONAL);
	int err = end_buffer(m, d, x, dma, bytes, cpu_address);

	if (err)
		return err;
	struct dma_mapping was = *x;

	dma_mapping_del(m, d, x);
	(void)check_size(m, &bytes);
	clock_charge(m, DMA_UNMAP);
	if (was.flags & DMA_MAPPING_RESERVED) {
		dma_release_from_coherent(m, was.phys, bytes);
		return 0;
	}
	if (iommu_translates(m, d)) {
		iommu_dma_free(m, cpu, d, &was, bytes);
		return 0;
	}
	return dma_free_block(m, cpu, was.phys, bytes, was.cpu, was.flags);
}

/* dma_common_alloc_pages() */
static int alloc_and_map(struct machine *m, unsigned cpu, struct device *d, uint64_t bytes,
	gfp_t gfp, enum dma_data_direction dir, uint64_t *pfn, uint64_t *dma)
{
	int err = alloc_pages_node(m, cpu, -1, gfp, dma_order(bytes), pfn);

	if (err)
		return err;
	err = iommu_dma_map(m, cpu, d, *pfn << PAGE_SHIFT, bytes, dir, DMA_ATTR_SKIP_CPU_SYNC, dma);
	if (err) {
		struct refusal why = m->why;

		(void)free_pages_order(m, cpu, *pfn, dma_order(bytes));
		m->why = why;
	}
	return err;
}

int dma_alloc_pages(struct machine *m, unsigned cpu, struct device *d, uint64_t bytes, gfp_t gfp,
	enum dma_data_direction dir, uint64_t *pfn, uint64_t *dma)
{
	uint64_t asked = bytes;
	int err = check_size(m, &bytes);

	if (!err && gfp & (__GFP_DMA | __GFP_DMA32 | __GFP_HIGHMEM | __GFP_COMP))
		err = refuse(&m->why, EINVAL,
			"dma_alloc_pages takes no zone and no __GFP_COMP: the masks say which "
			"memory it is");
	if (!err && dir >= DMA_NONE)
		err = refuse(&m->why, EINVAL, "this is no direction");
	if (!err)
		err = dma_mappings_reserve(m, 1);
	if (!err && !d->hw.coherent)
		err = stale_begin(m);
	if (!err)
		err = iommu_prepare(m, cpu, d);
	if (!err && iommu_translates(m, d))
		err = alloc_and_map(m, cpu, d, bytes, gfp | __GFP_ZERO, dir, pfn, dma);
	else if (!err)
		err = alloc_in_reach(m, cpu, d, bytes, gfp | __GFP_ZERO, pfn);
	if (err)
		return err;
	if (!iommu_translates(m, d))
		*dma = phys_to_dma(d, *pfn << PAGE_SHIFT);
	struct dma_mapping *x = dma_mapping_add(m, d, *dma, *pfn << PAGE_SHIFT, asked);
	x->type = DMA_TYPE_PAGES;
	x->dir = (uint8_t)dir;
	x->cpu = page_address(m, *pfn);
	debug_dma_map(m, cpu, d, x);
	clock_charge(m, DMA_MAP);
	return 0;
}

int dma_free_pages(struct machine *m, unsigned cpu, struct device *d, uint64_t bytes, uint64_t pfn,
	uint64_t dma, enum dma_data_direction dir)
{
	struct dma_mapping *x = dma_mapping_match(m, d->id, dma, bytes, DMA_TYPE_PAGES, dir);

	/* Nobody but the simulation knows, so it is asked first. */
	if (x && x->type == DMA_TYPE_PAGES && x->phys >> PAGE_SHIFT != pfn)
		return refuse(&m->why, EINVAL, "the pages at 0x%llx begin at pfn 0x%llx", (ull)dma,
			(ull)(x->phys >> PAGE_SHIFT));
	int err = dma_end_mapping(m, d, x, dma, bytes, DMA_TYPE_PAGES, dir);
	if (err)
		return err;
	dma_mapping_del(m, d, x);
	(void)check_size(m, &bytes);
	clock_charge(m, DMA_UNMAP);
	if (iommu_translates(m, d))
		iommu_dma_unmap(m, cpu, d, dma, bytes, dir, DMA_ATTR_SKIP_CPU_SYNC);
	return dma_free_contiguous(m, cpu, pfn, bytes);
}

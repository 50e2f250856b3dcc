/* SPDX-License-Identifier: MIT
 *
 * A device's own memory (see reserved_mem.h).
 *
 *	pool   |page|page|page|page|page|page|page|page|     a bit each; 3 pages take 4, at a multiple of 4
 *	        ====           =======
 *
 * The pool is mapped uncached when its first device gets it, and stays so for all who share it. It must not be memory that
 * the kernel has mapped already (no-map): two mappings of one page that differ in caching would quarrel.
 *
 * A bus address is the pool's physical one, through the windows of the device's bus: an IOMMU is not told, so a device
 * behind one faults, as it does under 6.1.
 *
 * Invariant: the bits that are set are the pages of live buffers.
 *
 * Left out: memory-region-names; dma_declare_coherent_memory() by code; restricted-dma-pool, which Debian's kernels are built
 * without. Follows drivers/of/of_reserved_mem.c, kernel/dma/coherent.c, kernel/dma/contiguous.c of 6.1.
 */
#include "mm/dma/reserved_mem.h"

#include "base/text.h"
#include "mm/boot/memblock.h"
#include "mm/dma/direct.h"
#include "mm/move/cma.h"
#include "mm/page/contents.h"
#include "mm/vmalloc/vmalloc.h"

#include <errno.h>
#include <string.h>

typedef unsigned long long ull;

static uint64_t pages_of(const struct reserved_mem *mem)
{
	return mem->bytes >> PAGE_SHIFT;
}

static uint64_t words_of(const struct reserved_mem *mem)
{
	return (pages_of(mem) + 63) / 64;
}

/* ---- the ranges ---- */

int reserved_mem_create(struct machine *m, unsigned nr)
{
	struct devices *s = &m->devices;

	if (!nr)
		return 0;
	s->reserved_at = heap_alloc(m, nr * sizeof(struct reserved_mem));
	s->nr_reserved = s->reserved_at ? nr : 0;
	return s->reserved_at ? 0 : -m->why.err;
}

struct reserved_mem *reserved_mem_nth(const struct machine *m, unsigned i)
{
	return (struct reserved_mem *)machine_at(m, m->devices.reserved_at) + i;
}

struct reserved_mem *reserved_mem_find(const struct machine *m, const char *name, size_t len)
{
	for (unsigned i = 0; i < m->devices.nr_reserved; i++) {
		struct reserved_mem *mem = reserved_mem_nth(m, i);

		if (strlen(mem->name) == len && !memcmp(mem->name, name, len))
			return mem;
	}
	return NULL;
}

uint64_t reserved_mem_used(const struct machine *m, const struct reserved_mem *mem)
{
	const uint64_t *map = mem->bitmap_at ? machine_at(m, mem->bitmap_at) : NULL;
	uint64_t used = 0;

	for (uint64_t i = 0; map && i < words_of(mem); i++)
		used += (unsigned)__builtin_popcountll(map[i]);
	return used;
}

/* ---- mapped once ---- */

/* memremap(MEMREMAP_WC) */
static int remap(struct machine *m, unsigned cpu, const struct reserved_mem *mem, uint64_t *va)
{
	if (memblock_is_map_memory(m, mem->base)) {
		log_printf(m,
			"WARNING: CPU: %u PID: 0 at kernel/iomem.c memremap: memremap attempted on "
			"ram 0x%016llx size: 0x%llx",
			cpu, (ull)mem->base, (ull)mem->bytes);
		return refuse(&m->why, EINVAL,
			"%s is mapped with the rest of RAM: coherent memory of devices needs "
			"no-map in its node",
			mem->name);
	}
	if (machine_has(m, CONFIG_MMU))
		return ioremap(m, cpu, mem->base, mem->bytes, va);
	*va = mem->base;
	return 0;
}

/* dma_init_coherent_memory() */
static int map_pool(struct machine *m, unsigned cpu, struct reserved_mem *mem)
{
	uint64_t va;

	if (mem->va)
		return 0;
	if (!pages_of(mem))
		return refuse(
			&m->why, EINVAL, "%s was not reserved: sim/dmesg says why", mem->name);
	int err = remap(m, cpu, mem, &va);
	if (err)
		return err == -EDQUOT ? err : -EINVAL;
	mem->bitmap_at = heap_alloc(m, words_of(mem) * sizeof(uint64_t));
	if (!mem->bitmap_at) {
		struct refusal why = m->why;

		if (machine_has(m, CONFIG_MMU))
			(void)iounmap(m, cpu, va);
		m->why = why;
		return -m->why.err;
	}
	mem->va = va;
	return 0;
}

/* ---- a device gets one ---- */

static int assign_pool(struct machine *m, unsigned cpu, struct device *d, struct reserved_mem *mem)
{
	int err = map_pool(m, cpu, mem);

	if (err)
		return err;
	if (mem->base + mem->bytes - 1 > min_not_zero(d->coherent_dma_mask, d->bus_dma_limit))
		dev_printk(m, d, "reserved memory is beyond device's set DMA address range");
	if (d->dma_mem)
		return refuse(&m->why, EBUSY, "%s has coherent memory of its own already: %s",
			d->name, reserved_mem_nth(m, d->dma_mem - 1u)->name);
	d->dma_mem = (uint16_t)(mem - reserved_mem_nth(m, 0) + 1);
	return 0;
}

int of_reserved_mem_device_init_by_idx(
	struct machine *m, unsigned cpu, struct device *d, uint64_t idx)
{
	if (idx >= d->nr_regions)
		return refuse(&m->why, ENODEV, "memory-region of %s has %u entries", d->name,
			d->nr_regions);
	if (d->region[idx] == REGION_DISABLED)
		return 0;
	struct reserved_mem *mem =
		d->region[idx] >= 0 ? reserved_mem_nth(m, (unsigned)d->region[idx]) : NULL;

	if (!mem || (!mem->cma && !mem->dma_pool))
		return refuse(&m->why, EINVAL,
			"entry %llu of %s's memory-region is no shared-dma-pool%s%s", (ull)idx,
			d->name, mem ? ": " : "", mem ? mem->name : "");
	int err = 0;
	if (mem->cma)
		d->cma_area = mem->cma;
	else
		err = assign_pool(m, cpu, d, mem);
	if (!err)
		dev_printk(m, d, "assigned reserved memory node %s", mem->name);
	return err;
}

/* A buffer that alloc.c took from the device's area. */
static bool is_of_area(const struct machine *m, const struct device *d, const struct dma_mapping *x)
{
	return (x->type == DMA_TYPE_COHERENT || x->type == DMA_TYPE_PAGES) && d->cma_area &&
	       cma_of_pfn(m, x->phys >> PAGE_SHIFT) + 1 == (int)d->cma_area;
}

int of_reserved_mem_device_release(struct machine *m, struct device *d)
{
	for (const struct dma_mapping *x = dma_mapping_of_device(m, d->id, NULL); x;
		x = dma_mapping_of_device(m, d->id, x))
		if (x->flags & DMA_MAPPING_RESERVED || is_of_area(m, d, x))
			return refuse(&m->why, EBUSY,
				"%s has buffers in its own memory (sim/devices/%s/mappings): "
				"dma_free_coherent comes first",
				d->name, d->name);
	d->cma_area = 0;
	d->dma_mem = 0;
	return 0;
}

void of_dma_set_restricted_buffer(struct machine *m, struct device *d)
{
	for (unsigned i = 0; i < d->nr_regions; i++) {
		if (d->region[i] < 0 || !reserved_mem_nth(m, (unsigned)d->region[i])->restricted)
			continue;
		dev_printk(m, d, "failed to initialise \"restricted-dma-pool\" memory node");
		return;
	}
}

/* ---- buffers ---- */

int dma_init_global_coherent(struct machine *m, struct reserved_mem *mem)
{
	int err = map_pool(m, 0, mem);

	if (err)
		return err;
	m->devices.global_pool = (uint32_t)(mem - reserved_mem_nth(m, 0)) + 1;
	log_printf(m, "DMA: default coherent area is set");
	return 0;
}

/* Only ARM without MMU has CONFIG_DMA_GLOBAL_POOL; there a device counts as coherent when CPUs have no data cache. */
bool dev_needs_global_pool(const struct machine *m, const struct device *d)
{
	return m->arch == ARCH_ARM && !machine_has(m, CONFIG_MMU) && !d->hw.coherent &&
	       m->cpus.desc.dcache.sets;
}

struct reserved_mem *dev_coherent_memory(const struct machine *m, const struct device *d)
{
	uint32_t i = d->dma_mem			   ? d->dma_mem
		     : dev_needs_global_pool(m, d) ? m->devices.global_pool
						   : 0;

	return i ? reserved_mem_nth(m, i - 1) : NULL;
}

int dma_alloc_from_coherent(struct machine *m, const struct device *d, struct reserved_mem *mem,
	uint64_t bytes, uint64_t *phys, uint64_t *va)
{
	uint64_t *map = machine_at(m, mem->bitmap_at);
	uint64_t n = (uint64_t)1 << dma_order(bytes), bit = dma_pages_find(map, pages_of(mem), n);
	struct dram dram = machine_dram(m);

	if (bit == UINT64_MAX)
		return refuse(&m->why, ENOMEM,
			"%s has no %llu KiB for %s: %llu of its %llu KiB are given out, and "
			"buffers begin at multiples of their size; no other memory is asked",
			mem->name, (ull)bytes >> 10, d->name,
			(ull)reserved_mem_used(m, mem) << (PAGE_SHIFT - 10), (ull)mem->bytes >> 10);
	if (phys_to_dma(d, mem->base) == DMA_MAPPING_ERROR)
		return refuse(&m->why, ENOMEM,
			"%s lies outside of the windows of %s's bus: it has no bus address",
			mem->name, d->name);
	dma_pages_mark(map, bit, n, true);
	*phys = mem->base + (bit << PAGE_SHIFT);
	*va = mem->va + (bit << PAGE_SHIFT);
	dram_zero(&dram, *phys, bytes);
	return 0;
}

void dma_release_from_coherent(struct machine *m, uint64_t phys, uint64_t bytes)
{
	for (unsigned i = 0; i < m->devices.nr_reserved; i++) {
		const struct reserved_mem *mem = reserved_mem_nth(m, i);

		if (mem->va && phys - mem->base < mem->bytes)
			dma_pages_mark(machine_at(m, mem->bitmap_at),
				(phys - mem->base) >> PAGE_SHIFT, (uint64_t)1 << dma_order(bytes),
				false);
	}
}

/* ---- the specification ---- */

unsigned reserved_mem_check(const struct machine *m, struct text *out)
{
	uint64_t used = 0, held = 0;

	for (unsigned i = 0; i < m->devices.nr_reserved; i++)
		used += reserved_mem_used(m, reserved_mem_nth(m, i));
	for (const struct dma_mapping *x = NULL; (x = dma_mapping_next(m, x));)
		if (x->flags & DMA_MAPPING_RESERVED)
			held += (uint64_t)1 << dma_order(x->bytes);
	if (used == held)
		return 0;
	text_printf(out,
		"coherent memory of devices: %llu pages are given out, buffers have %llu\n",
		(ull)used, (ull)held);
	return 1;
}

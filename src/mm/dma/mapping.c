/* SPDX-License-Identifier: MIT
 *
 * Streaming mappings: memory that a driver has already, made known to a device for a time (see mapping.h).
 *
 *	            map                 unmap
 *	CPU's  ------|                    |------ CPU's
 *	             |----- device's -----|
 *	                  |-- CPU --|              dma_sync_*_for_cpu ... dma_sync_*_for_device
 *
 * In between the buffer is the device's. On coherent machines without bounce buffers nothing happens at the borders; on
 * others caches are written back or thrown away there, or bytes are copied, and who reads on the wrong side of a border
 * reads what was before.
 *
 * Order of a mapping: what can fail first (room for the record, the slot), then the record.
 *
 * Follows kernel/dma/mapping.c, kernel/dma/direct.c, kernel/dma/debug.c of 6.1.
 */
#include "mm/dma/mapping.h"

#include "mm/dma/debug.h"
#include "mm/dma/direct.h"
#include "mm/dma/iommu.h"
#include "mm/page/frame.h"

#include <assert.h>
#include <errno.h>

typedef unsigned long long ull;

/* What the kernel would only warn of, or crash on. */
static int check_request(struct machine *m, const struct device *d, uint64_t phys, uint64_t bytes,
	enum dma_data_direction dir)
{
	if (dir >= DMA_NONE)
		return refuse(&m->why, EINVAL,
			"a direction is one of DMA_TO_DEVICE, DMA_FROM_DEVICE, "
			"DMA_BIDIRECTIONAL");
	if (!bytes || bytes > (uint64_t)1 << 40 || phys + bytes < phys)
		return refuse(
			&m->why, EINVAL, "a mapping has 1 byte to 1 TiB, not %llu", (ull)bytes);
	/* Pages of a mapping must be RAM with struct pages. */
	if (!pfn_valid(m, phys >> PAGE_SHIFT) || !pfn_valid(m, (phys + bytes - 1) >> PAGE_SHIFT))
		return refuse(&m->why, EINVAL,
			"0x%llx+%llu is not RAM: %s maps memory; dma_map_resource maps registers",
			(ull)phys, (ull)bytes, d->name);
	if (!d->dma_mask)
		return refuse(&m->why, EIO, "%s has no DMA mask", d->name);
	return 0;
}

static int map_one(struct machine *m, unsigned cpu, struct device *d, uint64_t phys, uint64_t bytes,
	enum dma_data_direction dir, unsigned attrs, uint64_t *dma, uint8_t *flags)
{
	int err = check_request(m, d, phys, bytes, dir);

	*flags = 0;
	if (!err && __builtin_expect(!d->hw.coherent, 0))
		err = stale_begin(m);
	if (!err)
		err = iommu_prepare(m, cpu, d);
	if (err)
		return err;
	return iommu_translates(m, d)
		       ? iommu_dma_map(m, cpu, d, phys, bytes, dir, attrs, dma)
		       : dma_direct_map(m, cpu, d, phys, bytes, dir, attrs, dma, flags);
}

static void sync_for_cpu(struct machine *m, struct device *d, uint64_t dma, uint64_t bytes,
	enum dma_data_direction dir)
{
	if (iommu_translates(m, d)) {
		iommu_dma_sync(m, d, dma, bytes, dir, true);
		return;
	}
	uint64_t phys = dma_to_phys(d, dma);

	if (!d->hw.coherent)
		arch_sync_dma_for_cpu(m, phys, bytes, dir);
	if (is_swiotlb_buffer(m, phys) && dir != DMA_TO_DEVICE)
		swiotlb_sync(m, phys, bytes, true);
}

static void sync_for_device(struct machine *m, struct device *d, uint64_t dma, uint64_t bytes,
	enum dma_data_direction dir)
{
	if (iommu_translates(m, d)) {
		iommu_dma_sync(m, d, dma, bytes, dir, false);
		return;
	}
	uint64_t phys = dma_to_phys(d, dma);

	if (is_swiotlb_buffer(m, phys) && dir != DMA_FROM_DEVICE)
		swiotlb_sync(m, phys, bytes, false);
	if (!d->hw.coherent)
		arch_sync_dma_for_device(m, phys, bytes, dir);
}

static void unmap_one(struct machine *m, unsigned cpu, struct device *d,
	const struct dma_mapping *x, unsigned attrs)
{
	if (iommu_translates(m, d)) {
		iommu_dma_unmap(m, cpu, d, x->dma, x->bytes, x->dir, attrs);
		return;
	}
	uint64_t phys = dma_to_phys(d, x->dma);

	if (!(attrs & DMA_ATTR_SKIP_CPU_SYNC))
		sync_for_cpu(m, d, x->dma, x->bytes, x->dir);
	if (x->flags & DMA_MAPPING_BOUNCED)
		swiotlb_unmap(m, d, phys, x->bytes);
}

int dma_map_phys(struct machine *m, unsigned cpu, struct device *d, uint64_t phys, uint64_t bytes,
	enum dma_data_direction dir, unsigned attrs, uint64_t *dma)
{
	uint8_t flags;
	int err = dma_mappings_reserve(m, 1);

	if (!err)
		err = map_one(m, cpu, d, phys, bytes, dir, attrs, dma, &flags);
	if (err) {
		*dma = DMA_MAPPING_ERROR;
		return err;
	}
	struct dma_mapping *x = dma_mapping_add(m, d, *dma, phys, bytes);

	x->type = DMA_TYPE_SINGLE;
	x->dir = (uint8_t)dir;
	x->attrs = (uint16_t)attrs;
	x->flags = flags;
	debug_dma_map(m, cpu, d, x);
	clock_charge(m, DMA_MAP);
	return 0;
}

void dma_reject_vmalloc(struct machine *m, const struct device *d)
{
	if (!m->devices.vmalloc_rejected)
		dev_printk(m, d, "rejecting DMA map of vmalloc memory");
	m->devices.vmalloc_rejected = true;
}

int dma_unmap_phys(struct machine *m, unsigned cpu, struct device *d, uint64_t dma, uint64_t bytes,
	enum dma_data_direction dir, unsigned attrs)
{
	struct dma_mapping *x = dma_mapping_match(m, d->id, dma, bytes, DMA_TYPE_SINGLE, dir);
	int err = dma_end_mapping(m, d, x, dma, bytes, DMA_TYPE_SINGLE, dir);

	if (err)
		return err;
	unmap_one(m, cpu, d, x, attrs);
	dma_mapping_del(m, d, x);
	clock_charge(m, DMA_UNMAP);
	return 0;
}

/* What a sync is refused for. */
static int check_sync(struct machine *m, const struct device *d, const struct dma_mapping *x,
	uint64_t dma, uint64_t bytes, enum dma_data_direction dir)
{
	const char *problem = NULL;

	if (!x)
		problem = "device driver tries to sync DMA memory it has not allocated";
	else if (bytes > x->dma + x->bytes - dma)
		problem = "device driver syncs DMA memory outside allocated range";
	else if (dir >= DMA_NONE || (x->dir != DMA_BIDIRECTIONAL && dir != x->dir))
		problem = "device driver syncs DMA memory with different direction";
	if (!problem)
		return 0;
	return refuse(&m->why, EINVAL, "%s: sim/devices/%s/mappings has what is mapped, and how",
		problem, d->name);
}

static void sync_one(struct machine *m, struct device *d, struct dma_mapping *x, uint64_t dma,
	uint64_t bytes, enum dma_data_direction dir, bool to_cpu)
{
	x->flags &= (uint8_t)~DMA_MAPPING_UNSYNCED;
	(to_cpu ? sync_for_cpu : sync_for_device)(m, d, dma, bytes, dir);
	clock_charge(m, DMA_SYNC);
}

int dma_sync_single(struct machine *m, struct device *d, uint64_t dma, uint64_t bytes,
	enum dma_data_direction dir, bool to_cpu)
{
	struct dma_mapping *x = dma_mapping_synced(m, d->id, dma, bytes, dir);
	int err = check_sync(m, d, x, dma, bytes, dir);

	debug_dma_sync(m, d, dma, bytes, dir, to_cpu);
	if (!err)
		sync_one(m, d, x, dma, bytes, dir, to_cpu);
	return err;
}

bool dma_need_sync(const struct machine *m, const struct device *d, uint64_t dma)
{
	return !d->hw.coherent ||
	       (!iommu_translates(m, d) && is_swiotlb_buffer(m, dma_to_phys(d, dma)));
}

int dma_mapping_error(struct machine *m, struct device *d, uint64_t dma)
{
	debug_dma_mapping_error(m, d, dma);
	return dma == DMA_MAPPING_ERROR ? -ENOMEM : 0;
}

/* ---- registers of others ---- */

static void add_resource(struct machine *m, struct device *d, uint64_t dma, uint64_t phys,
	uint64_t bytes, enum dma_data_direction dir)
{
	struct dma_mapping *x = dma_mapping_add(m, d, dma, phys, bytes);

	x->type = DMA_TYPE_RESOURCE;
	x->dir = (uint8_t)dir;
	debug_dma_map(m, 0, d, x);
}

int dma_map_resource(struct machine *m, struct device *d, uint64_t phys, uint64_t bytes,
	enum dma_data_direction dir, uint64_t *dma)
{
	*dma = DMA_MAPPING_ERROR;
	if (dir >= DMA_NONE || !bytes)
		return refuse(&m->why, EINVAL, "a mapping has a direction and at least one byte");
	if (pfn_valid(m, phys >> PAGE_SHIFT))
		return refuse(&m->why, EINVAL,
			"0x%llx is RAM: dma_map_resource is for registers, dma_map_single for "
			"memory",
			(ull)phys);
	int err = iommu_prepare(m, 0, d);
	if (!err)
		err = dma_mappings_reserve(m, 1);
	if (!err && iommu_translates(m, d))
		err = iommu_dma_map_resource(m, 0, d, phys, bytes, dir, dma);
	if (err)
		return err;
	if (iommu_translates(m, d)) {
		add_resource(m, d, *dma, phys, bytes, dir);
		return 0;
	}
	/* Windows are for memory: registers have the address that the CPU has for them. */
	if (!dma_capable(d, phys, bytes))
		return dma_overflow(
			m, d, "DMA", phys, bytes, "these registers are out of its reach");
	add_resource(m, d, phys, phys, bytes, dir);
	*dma = phys;
	return 0;
}

int dma_unmap_resource(struct machine *m, struct device *d, uint64_t dma, uint64_t bytes,
	enum dma_data_direction dir)
{
	struct dma_mapping *x = dma_mapping_match(m, d->id, dma, bytes, DMA_TYPE_RESOURCE, dir);
	int err = dma_end_mapping(m, d, x, dma, bytes, DMA_TYPE_RESOURCE, dir);

	if (err)
		return err;
	if (iommu_translates(m, d))
		iommu_dma_unmap(m, 0, d, dma, bytes, dir, DMA_ATTR_SKIP_CPU_SYNC);
	dma_mapping_del(m, d, x);
	return 0;
}

/* ---- scatterlists ---- */

static void add_piece(struct machine *m, struct device *d, const struct scatterlist *sg, uint32_t i,
	uint32_t nents, uint64_t phys, enum dma_data_direction dir, unsigned attrs, uint8_t flags)
{
	struct dma_mapping *x = dma_mapping_add(m, d, sg->dma, phys, sg->dma_bytes);

	x->type = DMA_TYPE_SG;
	x->dir = (uint8_t)dir;
	x->attrs = (uint16_t)attrs;
	x->flags = flags;
	x->sg_index = i;
	x->sg_nents = nents;
}

/* Behind an IOMMU: pieces become segments of one run. */
static int map_sg_run(struct machine *m, unsigned cpu, struct device *d, struct scatterlist *sg,
	uint32_t nents, enum dma_data_direction dir, unsigned attrs, uint32_t *mapped)
{
	int err = d->hw.coherent ? 0 : stale_begin(m);

	for (uint32_t i = 0; i < nents && !err; i++)
		err = check_request(m, d, sg[i].phys, sg[i].bytes, dir);
	if (!err)
		err = iommu_dma_map_sg(m, cpu, d, sg, nents, dir, attrs, mapped);
	for (uint32_t i = 0; i < *mapped && !err; i++) {
		uint64_t left;
		unsigned rights;

		add_piece(m, d, &sg[i], i, *mapped,
			iommu_iova_to_phys(m, iommu_domain_of(m, d), sg[i].dma, &left, &rights),
			dir, attrs, 0);
	}
	return err;
}

static void unmap_piece(struct machine *m, unsigned cpu, struct device *d,
	const struct scatterlist *sg, enum dma_data_direction dir, unsigned attrs)
{
	struct dma_mapping *x =
		dma_mapping_match(m, d->id, sg->dma, sg->dma_bytes, DMA_TYPE_SG, dir);

	/* The same piece twice in the list was one mapping's worth of checks. */
	if (!x)
		return;
	if (!iommu_translates(m, d))
		unmap_one(m, cpu, d, x, attrs);
	dma_mapping_del(m, d, x);
}

/* All or nothing. */
static int map_sg_direct(struct machine *m, unsigned cpu, struct device *d, struct scatterlist *sg,
	uint32_t nents, enum dma_data_direction dir, unsigned attrs, uint32_t *mapped)
{
	int err = 0;

	for (uint32_t i = 0; i < nents && !err; i++) {
		uint64_t dma;
		uint8_t flags;

		err = map_one(m, cpu, d, sg[i].phys, sg[i].bytes, dir, attrs, &dma, &flags);
		if (!err) {
			sg[i].dma = dma;
			sg[i].dma_bytes = sg[i].bytes;
			add_piece(m, d, &sg[i], i, nents, sg[i].phys, dir, attrs, flags);
			++*mapped;
		}
	}
	if (err) {
		struct refusal why = m->why;

		while (*mapped)
			unmap_piece(m, cpu, d, &sg[--*mapped], dir, attrs | DMA_ATTR_SKIP_CPU_SYNC);
		m->why = why;
		return err;
	}
	clock_charge_ns(m, (uint64_t)COST_NS_DMA_MAP * nents);
	return 0;
}

int dma_map_sg(struct machine *m, unsigned cpu, struct device *d, struct scatterlist *sg,
	uint32_t nents, enum dma_data_direction dir, unsigned attrs, uint32_t *mapped)
{
	int err = dma_mappings_reserve(m, nents);

	*mapped = 0;
	if (!nents)
		return refuse(&m->why, EINVAL, "a scatterlist has at least one piece");
	if (!err)
		err = iommu_prepare(m, cpu, d);
	if (err)
		return err;
	err = iommu_translates(m, d) ? map_sg_run(m, cpu, d, sg, nents, dir, attrs, mapped)
				     : map_sg_direct(m, cpu, d, sg, nents, dir, attrs, mapped);
	if (!err)
		debug_dma_map_sg(m, cpu, d, sg, nents, *mapped, dir, attrs);
	return err;
}

/* A run of addresses is unmapped as a whole. */
static int check_entry_count(struct machine *m, const struct device *d, const struct dma_mapping *x,
	const struct scatterlist *sg, uint32_t nents)
{
	if (!iommu_translates(m, d) || (x->sg_nents == nents && iommu_dma_is_run(m, d, sg, nents)))
		return 0;
	return refuse(&m->why, EINVAL,
		"these are not the %u segments of one list that were mapped together", x->sg_nents);
}

int dma_unmap_sg(struct machine *m, unsigned cpu, struct device *d, struct scatterlist *sg,
	uint32_t nents, enum dma_data_direction dir, unsigned attrs)
{
	int err = 0;

	for (uint32_t i = 0; i < nents && !err; i++) {
		const struct dma_mapping *x =
			dma_mapping_match(m, d->id, sg[i].dma, sg[i].dma_bytes, DMA_TYPE_SG, dir);

		err = dma_check_unmap(m, d, x, sg[i].dma, sg[i].dma_bytes, DMA_TYPE_SG, dir);
		if (!err)
			err = check_entry_count(m, d, x, sg, nents);
	}
	debug_dma_unmap_sg(m, d, sg, nents, dir, !err);
	if (err)
		return err;
	if (iommu_translates(m, d) && nents)
		iommu_dma_unmap_sg(m, cpu, d, sg, nents, dir, attrs);
	for (uint32_t i = 0; i < nents; i++)
		unmap_piece(m, cpu, d, &sg[i], dir, attrs);
	clock_charge_ns(m, (uint64_t)COST_NS_DMA_UNMAP * nents);
	return 0;
}

int dma_sync_sg(struct machine *m, struct device *d, const struct scatterlist *sg, uint32_t nents,
	enum dma_data_direction dir, bool to_cpu)
{
	int err = 0;

	for (uint32_t i = 0; i < nents && !err; i++)
		err = check_sync(m, d,
			dma_mapping_synced(m, d->id, sg[i].dma, sg[i].dma_bytes, dir), sg[i].dma,
			sg[i].dma_bytes, dir);
	debug_dma_sync_sg(m, d, sg, nents, dir, to_cpu);
	if (err)
		return err;
	for (uint32_t i = 0; i < nents; i++)
		sync_one(m, d, dma_mapping_synced(m, d->id, sg[i].dma, sg[i].dma_bytes, dir),
			sg[i].dma, sg[i].dma_bytes, dir, to_cpu);
	return 0;
}

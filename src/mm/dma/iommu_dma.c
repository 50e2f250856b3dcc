/* SPDX-License-Identifier: MIT
 *
 * The DMA API of a device whose addresses are translated (see iommu.h).
 *
 *	map    caches are written back; a run of addresses; entries in the tables
 *	unmap  caches are thrown away; entries are cleared; then
 *	         strict   the IOTLB is flushed, and the addresses are free
 *	         lazy     the addresses wait in a queue, and so do tables: until it is full, or 10 ms are over, the device
 *	                  still reaches what its IOTLB remembers
 *
 *	list of pieces   |p0....|   |p1..|      |p2......|        anywhere in memory
 *	addresses        |p0....|p1..|p2......|                   one run; told to the device as segments of at most
 *	                                                          max_segment_size, none across a segment boundary
 *
 * A piece must begin and end on pages to be joined with its neighbours.
 *
 * A coherent buffer is made of single pages wherever they lie, side by side for the device by its tables, and for the CPU
 * by vmap(), uncached when the device bypasses the caches. Who cannot sleep gets one block, from the atomic pool when it has
 * to be uncached; so does who asks for one (DMA_ATTR_FORCE_CONTIGUOUS), from a contiguous area when there is one.
 *
 * Follows drivers/iommu/dma-iommu.c of 6.1.
 */
#include "mm/dma/iommu.h"

#include "mm/dma/direct.h"
#include "mm/page/address.h"
#include "mm/vmalloc/vmalloc.h"

#include <errno.h>

/* dma_info_to_prot() */
static unsigned rights_of(const struct device *d, enum dma_data_direction dir)
{
	unsigned rights = d->hw.coherent ? IOMMU_CACHE : 0;

	return rights | (dir != DMA_FROM_DEVICE ? IOMMU_READ : 0) |
	       (dir != DMA_TO_DEVICE ? IOMMU_WRITE : 0);
}

/* iommu_dma_alloc_iova() */
static int alloc_iova(struct machine *m, const struct device *d, struct iommu_domain *x,
	uint64_t bytes, uint64_t mask, uint64_t *iova)
{
	uint64_t limit = min_not_zero(mask, d->bus_dma_limit), pfn;
	uint64_t top = ((uint64_t)1 << IOMMU_ADDRESS_BITS) - 1;

	limit = limit < top ? limit : top;
	int err = iova_alloc(m, &x->iova, bytes >> PAGE_SHIFT, limit >> PAGE_SHIFT, &pfn);
	if (!err)
		*iova = pfn << PAGE_SHIFT;
	return err;
}

/* ---- the end of a mapping ---- */

static void flush_domain(struct machine *m, struct iommu_domain *x)
{
	struct dram dram;
	struct iommu_unit u = iommu_unit(m, &dram);

	hw_iotlb_flush_domain(&u, x->id);
	clock_charge(m, IOTLB_FLUSH);
}

static struct iova_fq_entry *queue_of(const struct machine *m, const struct iommu_domain *x)
{
	return machine_at(m, x->fq_at);
}

static void drain_queue(struct machine *m, unsigned cpu, struct iommu_domain *x)
{
	const struct iova_fq_entry *e = queue_of(m, x);

	flush_domain(m, x);
	for (uint32_t i = 0; i < x->fq_nr; i++)
		iova_free(m, &x->iova, e[i].pfn, e[i].pages);
	x->fq_nr = 0;
	iommu_free_dead_tables(m, cpu, x);
}

/* Linux has a timer for each domain; here one event serves them all. */
void iommu_flush_queues(struct machine *m)
{
	uint64_t next = UINT64_MAX;

	for (const struct device *d = device_from(m, 1); d; d = device_from(m, d->id + 1)) {
		struct iommu_domain *x = iommu_domain_of(m, d);

		if (!x || !x->fq_nr)
			continue;
		if (x->fq_due_ns <= m->clock.now_ns)
			drain_queue(m, 0, x);
		else if (x->fq_due_ns < next)
			next = x->fq_due_ns;
	}
	if (next < UINT64_MAX)
		clock_schedule(m, TASK_IOMMU_FQ, 0, next);
}

static void queue_iova(
	struct machine *m, unsigned cpu, struct iommu_domain *x, uint64_t iova, uint64_t bytes)
{
	if (x->fq_nr == IOVA_FQ_ENTRIES)
		drain_queue(m, cpu, x);
	if (!x->fq_nr) {
		x->fq_due_ns = m->clock.now_ns + IOVA_FQ_TIMEOUT_NS;
		clock_schedule(m, TASK_IOMMU_FQ, 0, x->fq_due_ns);
	}
	queue_of(m, x)[x->fq_nr++] =
		(struct iova_fq_entry){.pfn = iova >> PAGE_SHIFT, .pages = bytes >> PAGE_SHIFT};
}

/* __iommu_dma_unmap(): whole pages. */
static void unmap_run(
	struct machine *m, unsigned cpu, struct iommu_domain *x, uint64_t iova, uint64_t bytes)
{
	iommu_unmap(m, x, iova, bytes);
	if (x->type == IOMMU_DOMAIN_DMA_FQ) {
		queue_iova(m, cpu, x, iova, bytes);
		return;
	}
	struct dram dram;
	struct iommu_unit u = iommu_unit(m, &dram);

	hw_iotlb_flush_range(&u, x->id, iova, bytes);
	clock_charge(m, IOTLB_FLUSH);
	iommu_free_dead_tables(m, cpu, x);
	iova_free(m, &x->iova, iova >> PAGE_SHIFT, bytes >> PAGE_SHIFT);
}

/* ---- single mappings ---- */

static int map_run(struct machine *m, unsigned cpu, struct device *d, uint64_t phys, uint64_t bytes,
	unsigned rights, uint64_t mask, uint64_t *dma)
{
	struct iommu_domain *x = iommu_domain_of(m, d);
	uint64_t offset = phys & (PAGE_BYTES - 1), run = page_align(bytes + offset), iova;
	int err = alloc_iova(m, d, x, run, mask, &iova);

	if (err)
		return err;
	err = iommu_map(m, cpu, x, iova, phys - offset, run, rights);
	if (err) {
		iova_free(m, &x->iova, iova >> PAGE_SHIFT, run >> PAGE_SHIFT);
		return err;
	}
	*dma = iova + offset;
	return 0;
}

int iommu_dma_map(struct machine *m, unsigned cpu, struct device *d, uint64_t phys, uint64_t bytes,
	enum dma_data_direction dir, unsigned attrs, uint64_t *dma)
{
	int err = map_run(m, cpu, d, phys, bytes, rights_of(d, dir), d->dma_mask, dma);

	if (!err && !d->hw.coherent && !(attrs & DMA_ATTR_SKIP_CPU_SYNC))
		arch_sync_dma_for_device(m, phys, bytes, dir);
	return err;
}

int iommu_dma_map_resource(struct machine *m, unsigned cpu, struct device *d, uint64_t phys,
	uint64_t bytes, enum dma_data_direction dir, uint64_t *dma)
{
	return map_run(m, cpu, d, phys, bytes, rights_of(d, dir) | IOMMU_MMIO, d->dma_mask, dma);
}

void iommu_dma_sync(struct machine *m, struct device *d, uint64_t dma, uint64_t bytes,
	enum dma_data_direction dir, bool for_cpu)
{
	const struct iommu_domain *x = iommu_domain_of(m, d);

	while (bytes && !d->hw.coherent) {
		uint64_t left, phys;
		unsigned rights;

		phys = iommu_iova_to_phys(m, x, dma, &left, &rights);
		if (phys == UINT64_MAX)
			return;
		left = left < bytes ? left : bytes;
		if (for_cpu)
			arch_sync_dma_for_cpu(m, phys, left, dir);
		else
			arch_sync_dma_for_device(m, phys, left, dir);
		dma += left;
		bytes -= left;
	}
}

void iommu_dma_unmap(struct machine *m, unsigned cpu, struct device *d, uint64_t dma,
	uint64_t bytes, enum dma_data_direction dir, unsigned attrs)
{
	uint64_t offset = dma & (PAGE_BYTES - 1);

	if (!(attrs & DMA_ATTR_SKIP_CPU_SYNC))
		iommu_dma_sync(m, d, dma, bytes, dir, true);
	unmap_run(m, cpu, iommu_domain_of(m, d), dma - offset, page_align(bytes + offset));
}

/* ---- scatterlists ---- */

/* How much of the run a piece takes: whole pages, and what keeps the next one from crossing a segment boundary. */
static uint64_t run_bytes(const struct device *d, const struct scatterlist *sg, uint32_t nents,
	uint32_t i, uint64_t before)
{
	uint64_t mask = d->segment_boundary_mask ? d->segment_boundary_mask : UINT64_MAX;
	uint64_t bytes = page_align(sg[i].bytes + (sg[i].phys & (PAGE_BYTES - 1)));

	if (i + 1 == nents)
		return bytes;
	uint64_t next = page_align(sg[i + 1].bytes + (sg[i + 1].phys & (PAGE_BYTES - 1)));
	uint64_t pad = (mask - (before + bytes) + 1) & mask;

	return pad && pad < next - 1 ? bytes + pad : bytes;
}

/* __finalise_sg(): what the device is told. */
static uint32_t make_segments(
	const struct device *d, struct scatterlist *sg, uint32_t nents, uint64_t iova)
{
	uint64_t mask = d->segment_boundary_mask ? d->segment_boundary_mask : UINT64_MAX;
	uint64_t most = d->max_segment_size ? d->max_segment_size : 65536, at = 0, held = 0;
	uint32_t nr = 0;

	for (uint32_t i = 0; i < nents; i++) {
		uint64_t offset = sg[i].phys & (PAGE_BYTES - 1), bytes = sg[i].bytes;
		uint64_t run = run_bytes(d, sg, nents, i, at);

		if (held && !offset && (iova + at) & mask && most - held >= bytes && held <= most) {
			sg[nr - 1].dma_bytes += bytes;
			held += bytes;
		} else {
			sg[nr].dma = iova + at + offset;
			sg[nr++].dma_bytes = held = bytes;
		}
		at += run;
		/* What ends inside a page, nothing can follow. */
		if (bytes + offset < run)
			held = 0;
	}
	return nr;
}

static int map_pieces(struct machine *m, unsigned cpu, const struct device *d,
	struct iommu_domain *x, const struct scatterlist *sg, uint32_t nents, uint64_t iova,
	unsigned rights)
{
	uint64_t at = 0;

	for (uint32_t i = 0; i < nents; i++) {
		uint64_t run = run_bytes(d, sg, nents, i, at);
		int err = iommu_map(
			m, cpu, x, iova + at, sg[i].phys & ~(PAGE_BYTES - 1), run, rights);

		if (err) {
			struct refusal why = m->why;

			iommu_unmap(m, x, iova, at);
			iommu_free_dead_tables(m, cpu, x);
			m->why = why;
			return err;
		}
		at += run;
	}
	return 0;
}

int iommu_dma_map_sg(struct machine *m, unsigned cpu, struct device *d, struct scatterlist *sg,
	uint32_t nents, enum dma_data_direction dir, unsigned attrs, uint32_t *nr)
{
	struct iommu_domain *x = iommu_domain_of(m, d);
	uint64_t total = 0, iova;

	for (uint32_t i = 0; i < nents; i++)
		total += run_bytes(d, sg, nents, i, total);
	int err = alloc_iova(m, d, x, total, d->dma_mask, &iova);
	if (err)
		return err;
	err = map_pieces(m, cpu, d, x, sg, nents, iova, rights_of(d, dir));
	if (err) {
		iova_free(m, &x->iova, iova >> PAGE_SHIFT, total >> PAGE_SHIFT);
		return err;
	}
	if (!d->hw.coherent && !(attrs & DMA_ATTR_SKIP_CPU_SYNC))
		for (uint32_t i = 0; i < nents; i++)
			arch_sync_dma_for_device(m, sg[i].phys, sg[i].bytes, dir);
	*nr = make_segments(d, sg, nents, iova);
	return 0;
}

bool iommu_dma_is_run(const struct machine *m, const struct device *d, const struct scatterlist *sg,
	uint32_t nents)
{
	uint64_t start = sg[0].dma >> PAGE_SHIFT;
	uint64_t end = page_align(sg[nents - 1].dma + sg[nents - 1].dma_bytes) >> PAGE_SHIFT;

	return end > start && iova_is_run(m, &iommu_domain_of(m, d)->iova, start, end - start);
}

void iommu_dma_unmap_sg(struct machine *m, unsigned cpu, struct device *d,
	const struct scatterlist *sg, uint32_t nents, enum dma_data_direction dir, unsigned attrs)
{
	uint64_t start = sg[0].dma & ~(PAGE_BYTES - 1);
	uint64_t end = page_align(sg[nents - 1].dma + sg[nents - 1].dma_bytes);

	if (!(attrs & DMA_ATTR_SKIP_CPU_SYNC))
		for (uint32_t i = 0; i < nents; i++)
			iommu_dma_sync(m, d, sg[i].dma, sg[i].dma_bytes, dir, true);
	unmap_run(m, cpu, iommu_domain_of(m, d), start, end - start);
}

/* ---- buffers ---- */

/* Pages that were allocated one by one, or split. */
static void free_scattered(struct machine *m, unsigned cpu, const uint32_t *pfns, uint64_t n)
{
	while (n--)
		(void)free_pages_order(m, cpu, pfns[n], 0);
}

/* __iommu_dma_alloc_pages(): 2 MiB at a time where there are such blocks, else single pages. */
static int alloc_scattered(struct machine *m, unsigned cpu, gfp_t gfp, uint64_t n, uint32_t *pfns)
{
	enum { LARGE = 9 };
	uint64_t i = 0;

	gfp = (gfp & ~(gfp_t)__GFP_COMP) | __GFP_NOWARN | __GFP_HIGHMEM;
	while (i < n) {
		unsigned order = n - i >= 1u << LARGE && LARGE < m->nr_orders ? LARGE : 0;
		uint64_t pfn;
		int err = alloc_pages_node(
			m, cpu, -1, order ? gfp | __GFP_NORETRY : gfp, order, &pfn);

		if (err && order)
			err = alloc_pages_node(m, cpu, -1, gfp, order = 0, &pfn);
		if (!err && order)
			err = split_page(m, pfn);
		if (err) {
			struct refusal why = m->why;

			free_scattered(m, cpu, pfns, i);
			m->why = why;
			return err;
		}
		for (uint64_t k = 0; k < 1u << order; k++)
			pfns[i + k] = (uint32_t)(pfn + k);
		i += 1u << order;
	}
	return 0;
}

static void unmap_and_keep_reason(
	struct machine *m, unsigned cpu, struct iommu_domain *x, uint64_t iova, uint64_t bytes)
{
	struct refusal why = m->why;

	unmap_run(m, cpu, x, iova, bytes);
	m->why = why;
}

static int map_scattered(struct machine *m, unsigned cpu, struct device *d, const uint32_t *pfns,
	uint64_t n, uint64_t *dma)
{
	struct iommu_domain *x = iommu_domain_of(m, d);
	uint64_t done = 0, run;
	int err = alloc_iova(m, d, x, n << PAGE_SHIFT, d->coherent_dma_mask, dma);

	if (err)
		return err;
	for (; done < n; done += run) {
		for (run = 1; done + run < n && pfns[done + run] == pfns[done] + run;)
			run++;
		err = iommu_map(m, cpu, x, *dma + (done << PAGE_SHIFT),
			(uint64_t)pfns[done] << PAGE_SHIFT, run << PAGE_SHIFT,
			rights_of(d, DMA_BIDIRECTIONAL));
		if (err) {
			unmap_and_keep_reason(m, cpu, x, *dma, n << PAGE_SHIFT);
			return err;
		}
	}
	return 0;
}

/* The CPU's address of pages that lie apart; without one when nobody wants it. */
static int map_for_cpu(struct machine *m, unsigned cpu, const struct device *d,
	const uint32_t *pfns, uint64_t n, unsigned attrs, uint64_t *cpu_address)
{
	*cpu_address = 0;
	if (attrs & DMA_ATTR_NO_KERNEL_MAPPING)
		return 0;
	return vmap_pages(m, cpu, pfns, (uint32_t)n, VM_DMA_COHERENT,
		d->hw.coherent ? PGTABLE_RW : PGTABLE_DEVICE, vmalloc_caller(m), cpu_address);
}

/* iommu_dma_alloc_remap() */
static int alloc_remapped(struct machine *m, unsigned cpu, struct device *d, uint64_t bytes,
	gfp_t gfp, unsigned attrs, uint64_t *cpu_address, uint64_t *dma, uint64_t *pages_at)
{
	uint64_t n = bytes >> PAGE_SHIFT, at = heap_alloc(m, n * sizeof(uint32_t));

	if (!at)
		return -m->why.err;
	uint32_t *pfns = machine_at(m, at);
	int err = alloc_scattered(m, cpu, gfp, n, pfns);

	if (err) {
		heap_free(m, at, n * sizeof(uint32_t));
		return err;
	}
	err = map_scattered(m, cpu, d, pfns, n, dma);
	if (!err) {
		if (!d->hw.coherent)
			for (uint64_t i = 0; i < n; i++)
				arch_dma_prep_coherent(
					m, (uint64_t)pfns[i] << PAGE_SHIFT, PAGE_BYTES);
		err = map_for_cpu(m, cpu, d, pfns, n, attrs, cpu_address);
		if (err)
			unmap_and_keep_reason(m, cpu, iommu_domain_of(m, d), *dma, bytes);
	}
	if (err) {
		struct refusal why = m->why;

		free_scattered(m, cpu, pfns, n);
		heap_free(m, at, n * sizeof(uint32_t));
		m->why = why;
		return err;
	}
	*pages_at = at;
	return 0;
}

/* iommu_dma_alloc_pages(): one block, of an area or of the page allocator, and the CPU's address of it. */
static int alloc_block(struct machine *m, unsigned cpu, struct device *d, uint64_t bytes, gfp_t gfp,
	uint64_t *phys, uint64_t *va, uint8_t *flags)
{
	uint64_t pfn;
	int err = dma_alloc_contiguous(m, cpu, d, bytes, gfp, &pfn);

	if (!err && pfn == NO_PFN && dma_order(bytes) >= m->nr_orders)
		return refuse(&m->why, ENOMEM,
			"the largest block of this machine has %llu KiB: only GFP_KERNEL without "
			"DMA_ATTR_FORCE_CONTIGUOUS takes pages wherever they lie",
			(unsigned long long)(PAGE_BYTES << (m->nr_orders - 1) >> 10));
	if (!err && pfn == NO_PFN)
		err = alloc_pages_node(m, cpu, -1, gfp, dma_order(bytes), &pfn);
	if (err)
		return err;
	*phys = pfn << PAGE_SHIFT;
	*va = page_address(m, pfn);
	if (d->hw.coherent && *va)
		return 0;
	return dma_remap_block(m, cpu, *phys, bytes, d->hw.coherent, va, flags);
}

int iommu_dma_alloc(struct machine *m, unsigned cpu, struct device *d, uint64_t bytes, gfp_t gfp,
	unsigned attrs, uint64_t *cpu_address, uint64_t *dma, uint64_t *pages_at, uint8_t *flags)
{
	bool blocking = gfp & __GFP_DIRECT_RECLAIM;
	uint64_t phys;
	int err;

	*pages_at = 0;
	if (blocking && !(attrs & DMA_ATTR_FORCE_CONTIGUOUS))
		return alloc_remapped(m, cpu, d, bytes, gfp, attrs, cpu_address, dma, pages_at);
	*flags |= !blocking && !d->hw.coherent ? DMA_MAPPING_ATOMIC : 0;
	err = *flags & DMA_MAPPING_ATOMIC
		      ? dma_alloc_from_pool(m, cpu, d, bytes, gfp, NULL, &phys, cpu_address)
		      : alloc_block(m, cpu, d, bytes, gfp, &phys, cpu_address, flags);
	if (err)
		return err;
	err = map_run(
		m, cpu, d, phys, bytes, rights_of(d, DMA_BIDIRECTIONAL), d->coherent_dma_mask, dma);
	if (err) {
		struct refusal why = m->why;

		(void)dma_free_block(m, cpu, phys, bytes, *cpu_address, *flags);
		m->why = why;
	}
	return err;
}

void iommu_dma_free(struct machine *m, unsigned cpu, struct device *d, const struct dma_mapping *x,
	uint64_t bytes)
{
	struct iommu_domain *domain = iommu_domain_of(m, d);
	uint64_t n = bytes >> PAGE_SHIFT;

	unmap_run(m, cpu, domain, x->dma, bytes);
	if (x->pages_at) {
		if (x->cpu)
			(void)vunmap(m, cpu, x->cpu);
		free_scattered(m, cpu, machine_at(m, x->pages_at), n);
		heap_free(m, x->pages_at, n * sizeof(uint32_t));
	} else {
		(void)dma_free_block(m, cpu, x->phys, bytes, x->cpu, x->flags);
	}
}

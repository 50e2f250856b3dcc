/* SPDX-License-Identifier: MIT
 *
 * The kernel's side of the IOMMU: domains, their tables in DRAM, and the DMA API on top.
 *
 *	dma_map_page() ──> iommu_dma_map() ──> iova_alloc(): a run of addresses
 *	                                   └──> iommu_map(): entries in the tables
 *	dma_unmap_page() ──> iommu_unmap() ──> the IOTLB is flushed, at once or later ──> iova_free()
 *
 *	the device ──> iommu_access() ──> hw_iommu_translate() ──> DRAM, or a fault that is logged
 */
#ifndef SIMM_MM_DMA_IOMMU_H
#define SIMM_MM_DMA_IOMMU_H

#include "mm/dma/memory.h"
#include "mm/dma/mapping.h"

/* ---- devices and their domains (iommu.c) ---- */

/* Does Linux 6.1 have a driver for an IOMMU of this machine? Errors: EOPNOTSUPP with a sentence. */
int iommu_supported(struct machine *m);
/* Put the device behind the IOMMU and give it a domain, or take it out. Errors: EOPNOTSUPP, EBUSY (something is mapped),
 * ENOMEM, EDQUOT, ENOSPC. */
int iommu_set(struct machine *m, unsigned cpu, struct device *d, bool on);
/* The device's domain, made when a driver needs it first. Errors: ENOMEM, EDQUOT, ENOSPC. */
int iommu_attach(struct machine *m, unsigned cpu, struct device *d);
/* The device is about to end. */
void iommu_detach(struct machine *m, unsigned cpu, struct device *d);

static inline struct iommu_domain *iommu_domain_of(const struct machine *m, const struct device *d)
{
	return d->iommu_at ? machine_at(m, d->iommu_at) : NULL;
}

/* Are its bus addresses translated? (A device without a domain is asked before it gets one: iommu_prepare().) */
static inline bool iommu_translates(const struct machine *m, const struct device *d)
{
	return d->iommu_at && iommu_domain_of(m, d)->type != IOMMU_DOMAIN_IDENTITY;
}

/* Before a mapping: the domain, if it is to have one. */
static inline int iommu_prepare(struct machine *m, unsigned cpu, struct device *d)
{
	return d->iommu && !d->iommu_at ? iommu_attach(m, cpu, d) : 0;
}

/* The device's access: where it goes. A fault is in the log. */
enum transfer_error iommu_access(struct machine *m, struct device *d, uint64_t iova, bool write,
	uint64_t *pa, uint64_t *left);
struct hw_iommu *iommu_hw(const struct machine *m);
struct iommu_unit iommu_unit(struct machine *m, struct dram *dram);
enum iommu_format iommu_format(const struct machine *m);
const char *iommu_domain_name(const struct iommu_domain *x);
unsigned iommu_check(struct machine *m, struct text *out);

/* ---- faults (iommu_fault.c) ---- */

/* Does a node of this kind describe an SMMU of Arm? */
bool iommu_is_smmu(const char *compatible);
void iommu_report(struct machine *m, const struct device *d, const struct iommu_fault *fault);

/* ---- tables (iommu_table.c) ---- */

/* A zeroed page for a table. Errors: ENOMEM, EDQUOT. */
int iommu_alloc_table(struct machine *m, unsigned cpu, uint64_t *pfn);
/* [iova, iova + bytes) leads to [pa, pa + bytes), whole pages that lead nowhere yet. All or nothing, but tables stay.
 * Errors: ENOMEM, EDQUOT. */
int iommu_map(struct machine *m, unsigned cpu, struct iommu_domain *x, uint64_t iova, uint64_t pa,
	uint64_t bytes, unsigned rights);
/* Take whole mappings away; tables that have nothing else wait for the flush. */
void iommu_unmap(struct machine *m, struct iommu_domain *x, uint64_t iova, uint64_t bytes);
/* Free what waits: after a flush. */
void iommu_free_dead_tables(struct machine *m, unsigned cpu, struct iommu_domain *x);
/* All tables of the domain. */
void iommu_free_tables(struct machine *m, unsigned cpu, struct iommu_domain *x);
/* The physical address behind @iova, UINT64_MAX: none; *@left bytes lie side by side there. */
uint64_t iommu_iova_to_phys(struct machine *m, const struct iommu_domain *x, uint64_t iova,
	uint64_t *left, unsigned *rights);
/* The first mapping at or after @iova: its address in *@at, its bytes side by side (in both spaces, with the same rights)
 * in *@bytes. False: none. */
bool iommu_next_mapping(struct machine *m, const struct iommu_domain *x, uint64_t iova,
	uint64_t *at, uint64_t *pa, uint64_t *bytes, unsigned *rights);
unsigned iommu_tables_check(struct machine *m, const struct iommu_domain *x, struct text *out);

/* ---- the DMA API (iommu_dma.c) ---- */

int iommu_dma_map(struct machine *m, unsigned cpu, struct device *d, uint64_t phys, uint64_t bytes,
	enum dma_data_direction dir, unsigned attrs, uint64_t *dma);
void iommu_dma_unmap(struct machine *m, unsigned cpu, struct device *d, uint64_t dma,
	uint64_t bytes, enum dma_data_direction dir, unsigned attrs);
void iommu_dma_sync(struct machine *m, struct device *d, uint64_t dma, uint64_t bytes,
	enum dma_data_direction dir, bool for_cpu);
/* Registers. */
int iommu_dma_map_resource(struct machine *m, unsigned cpu, struct device *d, uint64_t phys,
	uint64_t bytes, enum dma_data_direction dir, uint64_t *dma);
/* One run of addresses for all pieces, merged into segments: sg[0 .. *nr) have them afterwards, without records. */
int iommu_dma_map_sg(struct machine *m, unsigned cpu, struct device *d, struct scatterlist *sg,
	uint32_t nents, enum dma_data_direction dir, unsigned attrs, uint32_t *nr);
/* Are these all the segments of one mapping? */
bool iommu_dma_is_run(const struct machine *m, const struct device *d, const struct scatterlist *sg,
	uint32_t nents);
void iommu_dma_unmap_sg(struct machine *m, unsigned cpu, struct device *d,
	const struct scatterlist *sg, uint32_t nents, enum dma_data_direction dir, unsigned attrs);
/* A buffer of @bytes, whole pages, from pages wherever they lie (*@pages_at: heap block of their pfns), or one
 * block; *@flags gets DMA_MAPPING_ bits that tell whose. */
int iommu_dma_alloc(struct machine *m, unsigned cpu, struct device *d, uint64_t bytes, gfp_t gfp,
	unsigned attrs, uint64_t *cpu_address, uint64_t *dma, uint64_t *pages_at, uint8_t *flags);
void iommu_dma_free(struct machine *m, unsigned cpu, struct device *d, const struct dma_mapping *x,
	uint64_t bytes);
/* The flush queues' timer. */
void iommu_flush_queues(struct machine *m);

#endif

/* SPDX-License-Identifier: MIT
 *
 * The DMA API (Documentation/core-api/dma-api.rst): what a driver calls so that a device can use memory.
 *
 *	dma_map_page()  ──> IOMMU?  no ──> dma_direct_map_page() ──> in reach? ──> the bus address, caches written back
 *	                      │                                          └ no ──> swiotlb_map(): a bounce slot
 *	                      └ yes ──> iommu_dma_map_page()     (iommu.h)
 *
 * Every live mapping is a record (types.h): the device's `mappings` file, the refusal to unmap what is not mapped so, and
 * the refusal to end a device that has some, all read them. dma-debug (debug.h) keeps books of its own, as the kernel's does.
 *
 * Functions that give a bus address give it in *@dma; a failure is -errno with a sentence in m->why, where the kernel
 * gives DMA_MAPPING_ERROR, and the kernel's own line in the log.
 */
#ifndef SIMM_MM_DMA_MAPPING_H
#define SIMM_MM_DMA_MAPPING_H

#include "mm/dma/device.h"
#include "mm/page/page_alloc.h"

/* ---- masks ---- */

/* Errors: EIO: no memory of this machine is that low. */
int dma_set_mask(struct machine *m, struct device *d, uint64_t mask);
int dma_set_coherent_mask(struct machine *m, struct device *d, uint64_t mask);
int dma_set_mask_and_coherent(struct machine *m, struct device *d, uint64_t mask);
uint64_t dma_get_required_mask(const struct machine *m, const struct device *d);
/* The largest single mapping: bounce buffers have small segments. */
uint64_t dma_max_mapping_size(const struct machine *m, const struct device *d);
bool dma_need_sync(const struct machine *m, const struct device *d, uint64_t dma);
unsigned zone_dma_bits(const struct machine *m);

/* ---- streaming mappings ---- */

/* [@phys, @phys + @bytes) of RAM for @d. Errors: EINVAL (no RAM, no bytes, no direction), ENOMEM (out of reach, and no
 * bounce slot), EDQUOT. */
int dma_map_phys(struct machine *m, unsigned cpu, struct device *d, uint64_t phys, uint64_t bytes,
	enum dma_data_direction dir, unsigned attrs, uint64_t *dma);
/* dma_map_single() of an address of vmalloc's: the kernel's line, the first time. */
void dma_reject_vmalloc(struct machine *m, const struct device *d);
int dma_unmap_phys(struct machine *m, unsigned cpu, struct device *d, uint64_t dma, uint64_t bytes,
	enum dma_data_direction dir, unsigned attrs);
/* dma_sync_single_for_cpu(), dma_sync_single_for_device(). Errors: EINVAL. */
int dma_sync_single(struct machine *m, struct device *d, uint64_t dma, uint64_t bytes,
	enum dma_data_direction dir, bool to_cpu);
/* Registers of another device. Errors: as dma_map_phys(); EINVAL: it is RAM. */
int dma_map_resource(struct machine *m, struct device *d, uint64_t phys, uint64_t bytes,
	enum dma_data_direction dir, uint64_t *dma);
int dma_unmap_resource(struct machine *m, struct device *d, uint64_t dma, uint64_t bytes,
	enum dma_data_direction dir);
/* 0, or -ENOMEM: @dma is DMA_MAPPING_ERROR. Marks the mapping as asked about. */
int dma_mapping_error(struct machine *m, struct device *d, uint64_t dma);

/* A scatterlist: memory in pieces, and what it came to for the device (sg_dma_address(), sg_dma_len()). */
struct scatterlist {
	uint64_t phys, bytes;
	uint64_t dma, dma_bytes; /* of the first nents after mapping */
};
/* Map @nents pieces; *@mapped is how many the device has to be told (an IOMMU merges). All or nothing. */
int dma_map_sg(struct machine *m, unsigned cpu, struct device *d, struct scatterlist *sg,
	uint32_t nents, enum dma_data_direction dir, unsigned attrs, uint32_t *mapped);
int dma_unmap_sg(struct machine *m, unsigned cpu, struct device *d, struct scatterlist *sg,
	uint32_t nents, enum dma_data_direction dir, unsigned attrs);
/* dma_sync_sg_for_cpu(), dma_sync_sg_for_device(): the @nents segments that dma_map_sg() gave, all or none. */
int dma_sync_sg(struct machine *m, struct device *d, const struct scatterlist *sg, uint32_t nents,
	enum dma_data_direction dir, bool to_cpu);

/* ---- buffers (alloc.c) ---- */

/* dma_alloc_coherent(): *@cpu_address is the kernel's address. Errors: ENOMEM, EINVAL, EDQUOT. */
int dma_alloc_coherent(struct machine *m, unsigned cpu, struct device *d, uint64_t bytes, gfp_t gfp,
	unsigned attrs, uint64_t *cpu_address, uint64_t *dma);
/* Errors: EINVAL: @dma is no coherent buffer of that size of the device . */
int dma_free_coherent(struct machine *m, unsigned cpu, struct device *d, uint64_t bytes,
	uint64_t cpu_address, uint64_t dma);
/* dma_alloc_pages(): ordinary pages in the device's reach, to be synced. */
int dma_alloc_pages(struct machine *m, unsigned cpu, struct device *d, uint64_t bytes, gfp_t gfp,
	enum dma_data_direction dir, uint64_t *pfn, uint64_t *dma);
int dma_free_pages(struct machine *m, unsigned cpu, struct device *d, uint64_t bytes, uint64_t pfn,
	uint64_t dma, enum dma_data_direction dir);

/* ---- records (records.c) ---- */

/* How many references of the page are mappings'? */
uint32_t dma_mapping_references(const struct machine *m, uint64_t pfn);
/* A live mapping of any device, in the table's order, and one of the device; NULL before the first and after the last. */
const struct dma_mapping *dma_mapping_next(
	const struct machine *m, const struct dma_mapping *after);
const struct dma_mapping *dma_mapping_of_device(
	const struct machine *m, uint32_t device, const struct dma_mapping *after);
/* The mapping that begins at @dma; NULL: none. */
struct dma_mapping *dma_mapping_find(const struct machine *m, uint32_t device, uint64_t dma);
/* Of those that begin at @dma the one that is also like this, else any; NULL: none. */
struct dma_mapping *dma_mapping_match(const struct machine *m, uint32_t device, uint64_t dma,
	uint64_t bytes, unsigned type, unsigned dir);
/* The one that a sync of [dma, dma + bytes) means: memory may be mapped several times, and without an IOMMU all are alike but
 * for length and direction. NULL: none. */
struct dma_mapping *dma_mapping_synced(
	const struct machine *m, uint32_t device, uint64_t dma, uint64_t bytes, unsigned dir);
/* A mapping of the memory at @phys, of @device (0: of any that bypasses the caches), in another direction than @not; it looks at
 * all mappings. NULL: none. */
struct dma_mapping *dma_mapping_of_phys(
	const struct machine *m, uint32_t device, uint64_t phys, enum dma_data_direction not );
/* Room for @n more, so that recording cannot fail. Errors: EDQUOT, ENOMEM. */
int dma_mappings_reserve(struct machine *m, uint32_t n);
/* A record of a live mapping; there is room. Type, direction and the rest are 0, for the caller to fill. */
struct dma_mapping *dma_mapping_add(
	struct machine *m, struct device *d, uint64_t dma, uint64_t phys, uint64_t bytes);
void dma_mapping_del(struct machine *m, struct device *d, struct dma_mapping *x);
unsigned dma_mappings_check(const struct machine *m, struct text *out);
/* Is there a live mapping of exactly this? Else -EINVAL. */
int dma_check_unmap(struct machine *m, const struct device *d, const struct dma_mapping *x,
	uint64_t dma, uint64_t bytes, unsigned type, unsigned dir);
/* The same, and dma-debug is told that the mapping ends, or that somebody tried. */
int dma_end_mapping(struct machine *m, const struct device *d, const struct dma_mapping *x,
	uint64_t dma, uint64_t bytes, unsigned type, unsigned dir);
const char *dma_direction_name(unsigned dir);
/* enum dma_debug_type of an enum dma_type: to the kernel, memory of dma_alloc_pages() is a page that was mapped. */
unsigned dma_debug_type(unsigned type);

#endif

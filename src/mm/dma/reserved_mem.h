/* SPDX-License-Identifier: MIT
 *
 * A device's own memory: ranges of /reserved-memory that its node names by memory-region (drivers/of/of_reserved_mem.c,
 * kernel/dma/coherent.c of 6.1).
 *
 *	soc { codec { memory-region = <&pool>; }; };        reserved-memory { pool { compatible = "shared-dma-pool"; no-map; }; };
 *
 *	of_reserved_mem_device_init(), which the device's driver calls
 *	    reusable   the contiguous area is the device's: dma_alloc_contiguous() asks no other
 *	    else       coherent memory: dma_alloc_coherent() of this device gives pages of it, and of nothing else
 */
#ifndef SIMM_MM_DMA_RESERVED_MEM_H
#define SIMM_MM_DMA_RESERVED_MEM_H

#include "mm/dma/device.h"

/* Boot's: room for @nr ranges, all empty. Errors: EDQUOT. */
int reserved_mem_create(struct machine *m, unsigned nr);
/* @i < m->devices.nr_reserved */
struct reserved_mem *reserved_mem_nth(const struct machine *m, unsigned i);
/* By the node's name; NULL: there is none. */
struct reserved_mem *reserved_mem_find(const struct machine *m, const char *name, size_t len);
/* Pages of a pool that are given out. */
uint64_t reserved_mem_used(const struct machine *m, const struct reserved_mem *mem);

/* of_reserved_mem_device_init_by_idx(): entry @idx of the device's memory-region becomes the device's, with the kernel's line
 * in the log. Nothing happens when that node is disabled. Errors: ENODEV (no such entry), EINVAL (no driver took that range;
 * a pool that cannot be mapped uncached), EBUSY (a pool of another entry is the device's), EDQUOT. */
int of_reserved_mem_device_init_by_idx(struct machine *m, unsigned cpu, struct device *d, uint64_t idx);
/* It has none of them any more. Errors: EBUSY: buffers of it are live (on Linux they would be freed as other memory). */
int of_reserved_mem_device_release(struct machine *m, struct device *d);
/* Of a device that is not behind an IOMMU: 6.1's warning that its restricted-dma-pool is not used. */
void of_dma_set_restricted_buffer(struct machine *m, struct device *d);

/* linux,dma-default: @mem is the coherent memory of devices that bypass the caches. Errors: EINVAL, EDQUOT. */
int dma_init_global_coherent(struct machine *m, struct reserved_mem *mem);
/* Must its buffers come from there? */
bool dev_needs_global_pool(const struct machine *m, const struct device *d);
/* The coherent memory that @d's buffers have to come from; NULL: there is none, of its own or global. */
struct reserved_mem *dev_coherent_memory(const struct machine *m, const struct device *d);
/* __dma_alloc_from_coherent(): whole pages, zeroed, aligned to their order. Errors: ENOMEM. */
int dma_alloc_from_coherent(struct machine *m, const struct device *d, struct reserved_mem *mem, uint64_t bytes,
	uint64_t *phys, uint64_t *va);
void dma_release_from_coherent(struct machine *m, uint64_t phys, uint64_t bytes);

/* The invariants; returns violations, a line each in @out. */
unsigned reserved_mem_check(const struct machine *m, struct text *out);

#endif

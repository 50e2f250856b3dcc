/* SPDX-License-Identifier: MIT
 *
 * Devices that bypass the CPUs' caches, and what is done about it.
 */
#ifndef SIMM_MM_DMA_COHERENCE_H
#define SIMM_MM_DMA_COHERENCE_H

#include "mm/dma/types.h"

struct machine;
struct text;

/* From now on the caches' contents count: before a device that bypasses them gets its first buffer or moves its first byte.
 * Errors: EDQUOT, ENOMEM. */
int stale_begin(struct machine *m);
/* The view of the table and all caches; there is a table. */
struct stale *machine_stale(struct machine *m, struct stale *view);
/* A CPU, or a device that bypasses the caches, just got old bytes at devices.stale.old_at: a note in the log, and in the
 * counts of the device whose mapping that is (unsynced.c). */
void dma_unsynced_load(struct machine *m, unsigned cpu);
void dma_unsynced_read(struct machine *m, struct device *d);
/* Pages that are freed or get new contents by the kernel itself: caches and DRAM agree about them. */
void stale_settle_slow(struct machine *m, uint64_t pa, uint64_t bytes);

/* It is known now whether the device goes through the caches: RISC-V's warning that nothing can be done about one that does
 * not. */
void arch_setup_dma_ops(struct machine *m, const struct device *d);
/* What the architecture does to the caches at the borders of a mapping. */
void arch_sync_dma_for_device(
	struct machine *m, uint64_t phys, uint64_t bytes, enum dma_data_direction dir);
void arch_sync_dma_for_cpu(
	struct machine *m, uint64_t phys, uint64_t bytes, enum dma_data_direction dir);
/* A page is to be mapped uncached: nothing of it may be in a cache. */
void arch_dma_prep_coherent(struct machine *m, uint64_t phys, uint64_t bytes);

/* dma_common_contiguous_remap(): an address of the kernel's own for [@phys, @phys + bytes), whole pages, uncached unless
 * @cached. Errors: ENOMEM, EDQUOT. */
int dma_remap(
	struct machine *m, unsigned cpu, uint64_t phys, uint64_t bytes, bool cached, uint64_t *va);
void dma_unmap(struct machine *m, unsigned cpu, uint64_t va);

/* pool.c: whole pages, zeroed, of the atomic pool that @gfp's zone has, or of the next ones; of which @fits says that they
 * will do (NULL: any). Errors: ENOMEM, EDQUOT. */
typedef bool phys_addr_ok_fn(const struct device *d, uint64_t phys, uint64_t bytes);
int dma_alloc_from_pool(struct machine *m, unsigned cpu, struct device *d, uint64_t bytes,
	uint32_t gfp, phys_addr_ok_fn *fits, uint64_t *phys, uint64_t *va);
void dma_free_from_pool(struct machine *m, uint64_t phys, uint64_t bytes);

unsigned coherence_check(struct machine *m, struct text *out);

#endif

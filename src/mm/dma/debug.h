/* SPDX-License-Identifier: MIT
 *
 * dma-debug (CONFIG_DMA_API_DEBUG): the kernel's own books of what drivers map, kept beside the DMA API to find drivers
 * that use it wrongly. sys/kernel/debug/dma-api shows them, the log has what was found.
 *
 *	mapping.c, alloc.c ──> debug_dma_map_page() ...     an entry for each mapping        debug.c
 *	                   ──> debug_dma_unmap() ...        compared with its entry          debug_check.c
 *	                                                    what differs: DMA-API: ...       debug_report.c
 *
 * None of these functions refuses anything or fails: what the simulation refuses (because a kernel would corrupt memory, or
 * leak), the callers refuse, with or without this. Without the CONFIG, with dma_debug=off, or once switched off, they do nothing.
 */
#ifndef SIMM_MM_DMA_DEBUG_H
#define SIMM_MM_DMA_DEBUG_H

#include "mm/dma/mapping.h"

struct cmdline;

/* ---- boot ---- */

/* dma_debug=, dma_debug_driver=, dma_debug_entries= of the command line. */
void dma_debug_setup(struct machine *m, const struct cmdline *c);
/* The entries are there from now on. */
void dma_debug_init(struct machine *m);

/* ---- what the DMA API tells ---- */

static inline bool dma_debug_disabled(const struct machine *m)
{
	return m->devices.debug.global_disable || !m->devices.debug.initialized;
}

/* What is to be noted of a mapping by its record; of a scatterlist's segment it is not all. */
static inline struct dma_debug_entry dma_debug_entry_of(const struct dma_mapping *x)
{
	return (struct dma_debug_entry){.type = (uint8_t)dma_debug_type(x->type),
		.device = x->device,
		.dev_addr = x->dma,
		.size = x->bytes,
		.phys = x->phys,
		.dir = x->dir};
}

/* Room for @n entries, so that noting them cannot fail for the host. Errors: EDQUOT, ENOMEM. */
int debug_dma_reserve(struct machine *m, uint32_t n);

/* dma_map_single() of the kernel address @addr: it should be of the direct map. */
void debug_dma_map_single(struct machine *m, const struct device *d, uint64_t addr, uint64_t bytes);
/* The mapping is made: @x says which, with the number of the call's pieces for a scatterlist's; map_err is set here. Not to
 * be called while dma-debug does nothing. */
void debug_dma_note(struct machine *m, unsigned cpu, const struct device *d,
	struct dma_debug_entry x, unsigned attrs);
/* The mapping @x is made. */
static inline void debug_dma_map(struct machine *m, unsigned cpu, const struct device *d,
	const struct dma_mapping *x)
{
	if (!dma_debug_disabled(m))
		debug_dma_note(m, cpu, d, dma_debug_entry_of(x), x->attrs);
}
/* The pieces of a scatterlist, and the first @mapped of them as segments. */
void debug_dma_map_sg(struct machine *m, unsigned cpu, const struct device *d,
	const struct scatterlist *sg, uint32_t nents, uint32_t mapped, enum dma_data_direction dir,
	unsigned attrs);
/* A call that ends the mapping @ref. It is compared with what was noted; @ended: and that is struck out. A refused call
 * is compared only, since the mapping goes on. */
void debug_dma_unmap(
	struct machine *m, const struct device *d, const struct dma_debug_entry *ref, bool ended);
void debug_dma_unmap_sg(struct machine *m, const struct device *d, const struct scatterlist *sg,
	uint32_t nents, enum dma_data_direction dir, bool ended);
void debug_dma_sync(struct machine *m, const struct device *d, uint64_t dma, uint64_t bytes,
	enum dma_data_direction dir, bool to_cpu);
void debug_dma_sync_sg(struct machine *m, const struct device *d, const struct scatterlist *sg,
	uint32_t nents, enum dma_data_direction dir, bool to_cpu);
/* dma_mapping_error() was asked. */
void debug_dma_mapping_error(struct machine *m, const struct device *d, uint64_t dma);
/* The driver has let the device go: nothing of it should be mapped. */
void debug_dma_unbound(struct machine *m, const struct device *d);
/* The device itself goes. Only when dma-debug is switched off can it have entries still. */
void debug_dma_forget(struct machine *m, const struct device *d);

/* ---- the books ---- */

/* Entries in the order of the hash; NULL before the first and after the last. */
const struct dma_debug_entry *dma_debug_next(
	const struct machine *m, const struct dma_debug_entry *after);
/* The bucket of a bus address. */
static inline uint32_t dma_debug_bucket(uint64_t dev_addr)
{
	return dev_addr >> DMA_DEBUG_HASH_SHIFT & (DMA_DEBUG_HASH_SIZE - 1);
}
/* to_cacheline_number() of its first byte. */
uint64_t dma_debug_cacheline(const struct machine *m, const struct dma_debug_entry *x);
/* debug_hash.c. The entry of @ref's address and device (bucket_find_exact()), or one that holds all of @ref
 * (bucket_find_contain()); of several the one that is like @ref in size, type, direction and pieces. NULL: none, or several
 * and none is like it. */
struct dma_debug_entry *dma_debug_find(const struct machine *m, const struct dma_debug_entry *ref);
/* The oldest of @ref's address and device that nobody asked dma_mapping_error() about. */
struct dma_debug_entry *dma_debug_find_unasked(
	const struct machine *m, const struct dma_debug_entry *ref);
struct dma_debug_entry *dma_debug_find_contain(
	const struct machine *m, const struct dma_debug_entry *ref);
/* Put an entry into its rings, as the youngest; take it out. */
void dma_debug_hash_add(struct machine *m, struct dma_debug_entry *x);
void dma_debug_hash_del(struct machine *m, struct dma_debug_entry *x);
/* One of exactly this address, device, size, type and direction; NULL: none. */
struct dma_debug_entry *dma_debug_find_like(
	const struct machine *m, const struct dma_debug_entry *ref);
void dma_debug_del(struct machine *m, struct dma_debug_entry *x);
const char *dma_debug_type_name(unsigned type);

/* filter_write(): the first word is the driver whose errors are shown; what begins with no letter or digit: all. */
void dma_debug_set_filter(struct machine *m, const char *data, size_t len);
/* err_printk(): counted, and in the log with the stack that made @x (NULL: nobody) when the limits and the filter allow it. */
void dma_debug_err(struct machine *m, const struct device *d, const struct dma_debug_entry *x,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* Is a buffer in a place that no device should write or read: the stack of who runs on @cpu, the kernel's code? */
void dma_debug_check_area(
	struct machine *m, unsigned cpu, const struct device *d, uint64_t phys, uint64_t bytes);

/* The invariants; returns violations, a line each in @out. */
unsigned dma_debug_check(const struct machine *m, struct text *out);

#endif

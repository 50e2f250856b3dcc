/* SPDX-License-Identifier: MIT
 *
 * What dma-debug keeps (see debug.h).
 */
#ifndef SIMM_MM_DMA_DEBUG_TYPES_H
#define SIMM_MM_DMA_DEBUG_TYPES_H

#include "mm/core/callstack.h"
#include "mm/slab/radix.h"

#include <stdbool.h>
#include <stdint.h>

#define DMA_DEBUG_NAME_MAX   64 /* NAME_MAX_LEN, its zero included */
#define DMA_DEBUG_HASH_SIZE  16384u
#define DMA_DEBUG_HASH_SHIFT 13
#define DMA_DEBUG_PREALLOC   (1u << 16) /* entries, when nothing else was asked for */

enum dma_debug_type { DMA_DEBUG_SINGLE, DMA_DEBUG_SG, DMA_DEBUG_COHERENT, DMA_DEBUG_RESOURCE };

enum dma_map_err { MAP_ERR_CHECK_NOT_APPLICABLE, MAP_ERR_NOT_CHECKED, MAP_ERR_CHECKED };

/* A place in a ring: indices of entries. */
struct dma_debug_link {
	uint32_t next, prev;
};

enum dma_debug_ring { DMA_DEBUG_BY_BUCKET, DMA_DEBUG_BY_ADDRESS, NR_DMA_DEBUG_RINGS };

struct dma_debug_entry {
	uint64_t dev_addr, size;
	uint64_t phys;	 /* the CPU's side */
	uint32_t device; /* id; 0: a free entry */
	uint32_t sg_call_ents, sg_mapped_ents;
	depot_stack_handle_t stack;
	uint8_t type;	 /* enum dma_debug_type */
	uint8_t dir;	 /* enum dma_data_direction */
	uint8_t map_err; /* enum dma_map_err */
	uint8_t unused;
	/* Of free entries [0].next is the next one's index + 1. */
	struct dma_debug_link link[NR_DMA_DEBUG_RINGS];
};

struct dma_debug {
	uint64_t at; /* heap block of struct dma_debug_entry [cap]; 0: nothing was ever noted */
	/* Heap block of uint32_t [NR_DMA_DEBUG_RINGS][DMA_DEBUG_HASH_SIZE]: the last entry's index + 1; 0: the ring is empty. */
	uint64_t heads_at;
	uint32_t cap;  /* a power of two */
	uint32_t nr;   /* entries in buckets */
	uint32_t used; /* ever used: those behind are untouched */
	uint32_t free; /* index + 1 of the first free one */
	struct radix cachelines; /* dma_active_cacheline: number of the line to how many map it */
	bool initialized, global_disable;
	bool overlap_said; /* WARN_ONCE() of too many mappings of a line */
	/* debugfs's */
	uint32_t error_count, show_all_errors, show_num_errors;
	uint32_t num_free_entries, min_free_entries, nr_total_entries;
	uint32_t nr_prealloc_entries;	 /* asked for on the command line, or DMA_DEBUG_PREALLOC */
	char driver[DMA_DEBUG_NAME_MAX]; /* whose errors are shown; "": all */
};

#endif

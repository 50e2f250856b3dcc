/* SPDX-License-Identifier: MIT
 *
 * What the machine knows of its contiguous memory areas (see cma.h).
 */
#ifndef SIMM_MM_CMA_TYPES_H
#define SIMM_MM_CMA_TYPES_H

#include "mm/boot/describe.h"

#include <stdbool.h>
#include <stdint.h>

#define MAX_CMA_AREAS 20

/* [base_pfn, base_pfn + nr_pages), all of one zone. */
struct cma_area {
	char name[DESCRIBE_NAME_MAX];
	uint64_t base_pfn, nr_pages;
	unsigned order_per_bit; /* a bit of the bitmap stands for so many pages */
	uint64_t
		bitmap_at; /* heap block of uint64_t words: a bit is set while cma_alloc() gives its pages out */
	uint64_t pages_succeeded; /* of all successful allocations, ever */
	uint64_t pages_failed;
	uint64_t debug_at; /* heap block of cap_debug struct cma_mem, the first nr_debug in use */
	uint32_t nr_debug, cap_debug;
};

/* An allocation that debugfs made; it frees the latest first. */
struct cma_mem {
	uint64_t pfn, nr_pages;
};

struct cma_state {
	bool busy; /* an allocation is between two slices (cma_mutex) */
	uint64_t
		debug_at; /* debugfs's alloc or free is under way: heap block of struct debug_run, 0: none */
	uint64_t warn_begin_ns; /* its failure's line in the log: ten in five seconds */
	uint32_t warn_printed, warn_missed;
};

#endif

/* SPDX-License-Identifier: MIT
 *
 * memblock: the allocator of early boot, two sorted lists of ranges (mm/memblock.c). After boot
 * they stay as the record of what is RAM and what was never given to the page allocator.
 */
#ifndef SIMM_MM_MEMBLOCK_H
#define SIMM_MM_MEMBLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct machine;
struct text;

#define MEMBLOCK_MAX 512

struct memblock_region {
	uint64_t start, end; /* [start, end) bytes */
	uint32_t nid;
	uint32_t flags; /* MEMBLOCK_NOMAP, MEMBLOCK_HOTPLUG */
};

enum { MEMBLOCK_NOMAP = 1, MEMBLOCK_HOTPLUG = 2 };

struct memblock_type {
	uint32_t nr;
	struct memblock_region region[MEMBLOCK_MAX];
};

struct memblock {
	struct memblock_type memory;
	struct memblock_type reserved;
};

/* Errors: ENOSPC when a list is full (m->why). Overlaps are merged. */
int memblock_add(struct machine *m, uint64_t start, uint64_t bytes, unsigned nid);
int memblock_reserve(struct machine *m, uint64_t start, uint64_t bytes);
int memblock_free(struct machine *m, uint64_t start, uint64_t bytes);
int memblock_remove(struct machine *m, uint64_t start, uint64_t bytes);
/* Top-down (as x86 and arm64 allocate) within [min, max) on @nid (-1: any); 0 when nothing fits.
 * Reserves it. */
uint64_t memblock_alloc_range(
	struct machine *m, uint64_t bytes, uint64_t align, uint64_t min, uint64_t max, int nid);
/* Set or clear flags, or set the node, of the part of memory that lies in the range. */
int memblock_mark(struct machine *m, uint64_t start, uint64_t bytes, uint32_t flags);
int memblock_clear(struct machine *m, uint64_t start, uint64_t bytes, uint32_t flags);
int memblock_set_node(struct machine *m, uint64_t start, uint64_t bytes, unsigned nid);
/* The first range at or after @from that is memory, mapped and not reserved; false past the last. */
bool memblock_next_free(
	const struct machine *m, uint64_t from, uint64_t *start, uint64_t *end, unsigned *nid);
bool memblock_is_memory(const struct machine *m, uint64_t addr);
/* Memory that the kernel maps: not no-map. */
bool memblock_is_map_memory(const struct machine *m, uint64_t addr);
bool memblock_is_reserved(const struct machine *m, uint64_t addr);
/* Does any region overlap [start, end)? */
bool memblock_overlaps_reserved(const struct machine *m, uint64_t start, uint64_t end);
bool memblock_overlaps_memory(const struct machine *m, uint64_t start, uint64_t end);
/* Whole pages of memory in [start_pfn, end_pfn) of node @nid (-1: of all). */
uint64_t memblock_pages_in(const struct machine *m, uint64_t start_pfn, uint64_t end_pfn, int nid);
/* The invariants; returns violations, a line each in @out. */
unsigned memblock_check(const struct machine *m, struct text *out);

#endif

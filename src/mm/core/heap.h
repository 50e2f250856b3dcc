/* SPDX-License-Identifier: MIT
 *
 * The machine's heap: blocks of the arena for what has no fixed size (names, logs, lists, tables).
 *
 * Power-of-two classes with free lists of offsets, on top of a frontier that only grows. Offset 0 is
 * never a block. What lies here is bookkeeping of the simulation, not the simulated machine's RAM.
 */
#ifndef SIMM_MM_HEAP_H
#define SIMM_MM_HEAP_H

#include <stdint.h>

struct machine;

#define HEAP_CLASSES 40

struct heap {
	uint64_t start, end;	/* byte offsets in the arena */
	uint64_t frontier;	/* everything at or after it was never given out */
	uint64_t free[HEAP_CLASSES]; /* offset of the first free block of 1 << class bytes */
	uint64_t used_bytes;
};

/* Zeroed memory of at least @bytes. Returns its offset, or 0 with m->why (EDQUOT; ENOMEM: the heap's reservation
 * ended). */
uint64_t heap_alloc(struct machine *m, uint64_t bytes);
/* @bytes as given to heap_alloc(). Offset 0 is ignored. */
void heap_free(struct machine *m, uint64_t offset, uint64_t bytes);
/* A larger block with the first @old_bytes copied; the old one is freed. 0 on failure (the old one stays). */
uint64_t heap_grow(struct machine *m, uint64_t offset, uint64_t old_bytes, uint64_t bytes);

#endif

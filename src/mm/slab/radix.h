/* SPDX-License-Identifier: MIT
 *
 * A radix tree in the machine's heap: 64-bit index to a 32-bit value that is not 0 (a page cache: page to pfn + 1).
 * Nodes have 64 places, as the kernel's xa_node, and each costs an object of radix_tree_node in the simulated machine;
 * a node that becomes empty is freed. As in an xarray, a tree that has only index 0 needs no node.
 */
#ifndef SIMM_MM_RADIX_H
#define SIMM_MM_RADIX_H

#include <stdbool.h>
#include <stdint.h>

struct machine;

/* All zero: empty. */
struct radix {
	uint64_t root_at; /* height 0: the value of index 0, or 0 */
	uint32_t height;  /* levels of nodes; 0: none */
	uint32_t nr_nodes;
};

/* 0: there is none. */
uint32_t radix_get(const struct machine *m, const struct radix *r, uint64_t index);
/* Put @value (not 0) at @index, in place of what is there. Errors: ENOMEM, EDQUOT (m->why); the tree is as it was. */
int radix_set(struct machine *m, struct radix *r, uint64_t index, uint32_t value);
/* What was there, 0: nothing. */
uint32_t radix_erase(struct machine *m, struct radix *r, uint64_t index);
/* The first value at or after *@index, which gets its index; 0: none. */
uint32_t radix_next(const struct machine *m, const struct radix *r, uint64_t *index);

#endif

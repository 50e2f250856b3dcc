/* SPDX-License-Identifier: MIT
 *
 * Areas of addresses in order, with the largest of each subtree known, so that the lowest one with room is found on one
 * way down (the augmented trees of mm/vmalloc.c).
 */
#ifndef SIMM_MM_VMAP_TREE_H
#define SIMM_MM_VMAP_TREE_H

#include "mm/machine.h"

/* Trees are the offset of their root, 0: empty. Areas of one tree do not overlap. */
void vmap_tree_insert(struct machine *m, uint64_t *root, struct vmap_area *a);
void vmap_tree_remove(struct machine *m, uint64_t *root, struct vmap_area *a);
/* The area that has @addr in it; NULL: none. */
struct vmap_area *vmap_tree_find(const struct machine *m, uint64_t root, uint64_t addr);
/* The first area that begins at or above @addr; NULL: none. */
struct vmap_area *vmap_tree_next(const struct machine *m, uint64_t root, uint64_t addr);
/* The last one that begins below @addr. */
struct vmap_area *vmap_tree_before(const struct machine *m, uint64_t root, uint64_t addr);
/* The area with the lowest aligned place for @bytes in [low, high): *@at gets the place. NULL: there is none. @align is a
 * power of two. */
struct vmap_area *vmap_tree_lowest(const struct machine *m, uint64_t root, uint64_t bytes, uint64_t align,
	uint64_t low, uint64_t high, uint64_t *at);
/* Order, subtrees' sizes and heap order hold: NULL, or what does not. */
const char *vmap_tree_wrong(const struct machine *m, uint64_t root);

#endif

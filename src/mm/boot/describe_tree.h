/* SPDX-License-Identifier: MIT
 *
 * The devicetree's nodes on the way from the root to the one at hand, each as a bus for those below it.
 */
#ifndef SIMM_MM_DESCRIBE_TREE_H
#define SIMM_MM_DESCRIBE_TREE_H

#include "mm/boot/dt.h"

#define DT_MAX_DEPTH 16

struct dt_level {
	int node;
	unsigned address, size; /* cells of its children */
	bool is_bus;		/* its children with compatible are devices of the platform */
	bool visible;		/* its children's addresses are the CPU's */
	bool coherent, noncoherent;
};

struct dt_tree {
	struct machine_desc *d;
	const void *fdt;
	struct dt_level level[DT_MAX_DEPTH]; /* level[0]: the root */
	unsigned depth;			     /* of the node at hand: level[depth], at least 1 */
};

/* [*at, *at + bytes) of level @i's bus into the CPU's addresses, by `ranges` or `dma-ranges` of all levels on the way. A bus
 * without dma-ranges passes addresses of DMA on as they are; one without ranges has addresses of its own. False: a bus on
 * the way does not pass it on. */
bool dt_tree_to_cpu(
	const struct dt_tree *t, unsigned i, const char *property, uint64_t *at, uint64_t bytes);

/* What the node at hand says, into t->d: its ranges of the CPU's addresses; how far its children reach by DMA; the
 * device that it is. */
void describe_io(struct dt_tree *t);
void describe_dma_limit(struct dt_tree *t);
void describe_device(struct dt_tree *t);

#endif

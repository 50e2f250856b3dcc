/* SPDX-License-Identifier: MIT
 *
 * Memory blocks: the pieces in which memory comes and goes (drivers/base/memory.c).
 */
#ifndef SIMM_VIEW_MEMORY_BLOCK_H
#define SIMM_VIEW_MEMORY_BLOCK_H

#include "mm/machine.h"

/* One past the highest block of RAM. */
uint64_t memory_block_end(const struct machine *m);
bool memory_block_exists(const struct machine *m, uint64_t block);
bool memory_block_on_node(const struct machine *m, uint64_t block, unsigned nid);

#endif

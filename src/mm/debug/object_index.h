/* SPDX-License-Identifier: MIT
 *
 * Ranges of addresses that do not overlap, each with a value, found by any address inside (kmemleak's object tree).
 */
#ifndef SIMM_MM_OBJECT_INDEX_H
#define SIMM_MM_OBJECT_INDEX_H

#include <stdbool.h>
#include <stdint.h>

struct machine;

/* All zero: empty. */
struct object_index {
	uint64_t leaves_at; /* heap block: struct index_leaf_ref [cap] */
	uint32_t nr_leaves, cap;
	uint64_t nr;
};

/* Insert [@start, @start + @bytes), bytes > 0, with @value. Errors: EEXIST (it overlaps one that is there), ENOMEM, EDQUOT
 * (m->why); nothing has changed then. */
int object_index_insert(
	struct machine *m, struct object_index *x, uint64_t start, uint64_t bytes, uint64_t value);
/* Take out the range that begins at @start: its value, 0 when there is none. */
uint64_t object_index_remove(struct machine *m, struct object_index *x, uint64_t start);
/* The value of the range that holds @address, 0 when none does. */
uint64_t object_index_find(const struct machine *m, const struct object_index *x, uint64_t address);
void object_index_finish(struct machine *m, struct object_index *x);

#endif

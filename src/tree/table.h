/* SPDX-License-Identifier: MIT
 *
 * The trie of paths: the constant rows, linked for walking. Private to the tree.
 */
#ifndef SIMM_TREE_TABLE_H
#define SIMM_TREE_TABLE_H

#include "tree/row.h"

#define PLACE_ROOT 0u

/* Place i > 0 is rows[i - 1]; place 0 is the root. */
struct place {
	const struct row *row;	   /* NULL: the root */
	const struct arg_row *arg; /* the component's argument, NULL: a fixed name */
	const char *name;   /* last component of the path: the fixed name, or what precedes `{` */
	const char *suffix; /* what follows `}` */
	uint16_t name_len, suffix_len;
	uint16_t nr_args; /* of the whole path */
	uint16_t nr_children;
	uint32_t parent;
	uint32_t first_child; /* index in table.child */
	uint64_t path_hash;
};

struct table {
	unsigned nr_places;
	struct place *place;
	uint32_t *child; /* places, grouped by parent, in the order of rows */
};

/* Link the rows. Asserts what a row must have (a parent's row, functions that fit its kind, a line
 * of manual). Returns -ENOMEM when host memory ends. */
int table_init(struct table *t);
void table_finish(struct table *t);

static inline const struct place *table_child(
	const struct table *t, const struct place *dir, unsigned i)
{
	return &t->place[t->child[dir->first_child + i]];
}

#endif

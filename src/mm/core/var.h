/* SPDX-License-Identifier: MIT
 *
 * Names that a user gave to results: `buf = alloc_pages GFP_KERNEL 3`, `p.0-999 = ...`.
 *
 * They are state of the machine (copied with it, part of the digest) and lie in its heap: a table of bases
 * ("p"), each with one plain value and a sparse array of indexed ones ("p.17"). Values are typed: a struct page
 * is not an address.
 *
 * The machine has names (m->vars: sim/ctl's results), and so has each process (task.vars: those of PID/ctl): every
 * function is told in which struct vars to look. One that is all zero holds no name.
 */
#ifndef SIMM_MM_VAR_H
#define SIMM_MM_VAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct machine;

#define VAR_NAME_MAX 48
#define VAR_NO_INDEX UINT32_MAX

enum var_kind {
	VAR_NONE,	/* the slot is empty */
	VAR_PAGE,	/* struct page *: value is a pfn, order the allocation's */
	VAR_ADDRESS,	/* kernel virtual (logical) address: value is the address, order the allocation's */
	VAR_NUMBER,
	VAR_DMA,	/* bus address for a device: bytes the mapping's, order its direction */
	VAR_CACHE,	/* a kmem_cache: value is its id */
};

struct var {
	uint64_t value;
	uint32_t kind;		/* enum var_kind */
	uint32_t order;
	uint64_t bytes;		/* alloc_pages_exact and others whose free needs a size */
};

struct vars {
	uint64_t table_at;	/* heap block; layout private to var.c */
	uint32_t nr_bases;
	uint32_t cap_bases;
	uint64_t nr_values;
};

/* Letters, digits and '_', not beginning with a digit, at most VAR_NAME_MAX - 1 bytes. */
bool var_name_ok(const char *base, size_t len);
/* Take "p.17" or "buf" apart: the length of its base, and its index (VAR_NO_INDEX without one). False when it is not
 * the spelling of a name; whether that name holds something is var_get()'s to say. */
bool var_split(const char *name, size_t len, size_t *base_len, uint32_t *index);
/* NULL when unknown. The pointer is valid until the next var_set() or var_forget(). */
const struct var *var_get(const struct machine *m, const struct vars *vars, const char *base, size_t len,
	uint32_t index);
/* Errors: EDQUOT, ENOMEM (m->why). */
int var_set(struct machine *m, struct vars *vars, const char *base, size_t len, uint32_t index, const struct var *v);
/* Will a var_set() of this name find room after the act that makes its value? Changes nothing, since a refused act
 * must leave the state as it was. Errors: EDQUOT, ENOMEM, ENOSPC (m->why). */
int var_room(struct machine *m, const struct vars *vars, const char *base, size_t len, uint32_t index);
/* Returns -ENOENT when unknown. */
int var_forget(struct machine *m, struct vars *vars, const char *base, size_t len, uint32_t index);
/* Iterate in a stable order: *cookie starts at 0 and is then past the name given; false at the end. @name gets
 * "p.17" (VAR_NAME_MAX + 12 bytes). Names made meanwhile may or may not be seen; none is seen twice. */
bool var_next(const struct machine *m, const struct vars *vars, uint64_t *cookie, char *name, struct var *v);
/* Find the name that holds the page @pfn is part of, for page/PFN ("who has it"); @address is the page's kernel
 * address, 0 when it has none. False when no name does. */
bool var_of_page(const struct machine *m, const struct vars *vars, uint64_t pfn, uint64_t address, char *name);
/* The first index of @base in use at or above *index; false when there is none. */
bool var_next_index(const struct machine *m, const struct vars *vars, const char *base, size_t len, uint32_t *index);
/* The key under which var_next() finds a name (its cookie is key + 1 after it); false when the name is unknown. */
bool var_key(const struct machine *m, const struct vars *vars, const char *base, size_t len, uint32_t index,
	uint64_t *key);
/* The value of a key: NULL when no name has it any more (the table may have been squeezed: look at what it holds). */
struct var *var_at_key(const struct machine *m, const struct vars *vars, uint64_t key);
/* The first unused index of @base at or above @from. */
uint32_t var_next_free_index(const struct machine *m, const struct vars *vars, const char *base, size_t len,
	uint32_t from);

/* Forget all names and give their memory back. */
void vars_finish(struct machine *m, struct vars *vars);
/* Make @to, which holds nothing to be freed, a copy of @from. Errors: EDQUOT, ENOMEM (m->why); @to is empty then. */
int vars_copy(struct machine *m, struct vars *to, const struct vars *from);

#endif

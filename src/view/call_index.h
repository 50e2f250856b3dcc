/* SPDX-License-Identifier: MIT
 *
 * Calls, ready to be found and read: their names hashed, their argument strings cut. Private to the
 * ctl files.
 */
#ifndef SIMM_VIEW_CALL_INDEX_H
#define SIMM_VIEW_CALL_INDEX_H

#include "view/call.h"

enum arg_type {
#define ARG_TYPE(name, doc) ARG_##name,
#include "view/arg_type.def"
	NR_ARG_TYPES
};

struct call_arg {
	const char *name;     /* "order", @name_len bytes of the argument string */
	const char *fallback; /* the default's text, NULL: must be given */
	uint8_t name_len;
	uint8_t fallback_len;
	uint8_t type; /* enum arg_type */
};

struct call_spec {
	const struct call_row *row;
	uint32_t hash;
	uint8_t name_len;
	uint8_t nr_args;
	uint8_t nr_required;
	struct call_arg arg[CALL_MAX_ARGS];
};

#define GFP_CACHE_MAX 64

struct call_index {
	unsigned nr;
	struct call_spec *spec; /* in the order of rows */
	uint16_t *slot;		/* spec's number + 1, open addressing */
	uint32_t mask;
	const char **names; /* for suggestions */
	/* The last GFP word that was read: scripts say the same one a million times. */
	char gfp_word[GFP_CACHE_MAX];
	size_t gfp_len;
	uint32_t gfp;
};

/* NULL when there is none of that name. */
const struct call_spec *call_find(const struct call_index *index, const char *name, size_t len);
const char *arg_type_doc(enum arg_type type);
/* Cut @row's argument string. */
void call_spec_init(struct call_spec *spec, const struct call_row *row);

#endif

/* SPDX-License-Identifier: MIT
 *
 * A line of a ctl file, read. Private to the ctl files.
 */
#ifndef SIMM_VIEW_CALL_PARSE_H
#define SIMM_VIEW_CALL_PARSE_H

#include "view/call_index.h"

/* A word of the line, in place. */
struct word {
	const char *s;
	uint32_t len;
	uint32_t column; /* 1-based */
};

/* NAME, NAME.INDEX, NAME.A-B, NAME.A-B:USED/GROUP, NAME.A-, each with +OFFSET behind it. */
struct name_ref {
	const char *base;
	uint32_t len;
	uint32_t first; /* index, VAR_NO_INDEX for a plain name */
	uint32_t last;
	uint32_t used, group; /* the first @used of every @group indices */
	bool range;	      /* NAME.A-B: as many calls as it has indices */
	bool open;	      /* NAME.A-: until refused, or as far as there are names */
	const char *offset;   /* the text behind `+`, NULL: none */
	uint32_t offset_len;
	struct word word;
};

struct parsed_call {
	const struct call_spec *spec; /* NULL: the line was empty */
	bool has_target;
	struct name_ref target;
	struct call call; /* arguments that are not names are read already */
	struct name_ref ref[CALL_MAX_ARGS];
	bool is_ref[CALL_MAX_ARGS];
	bool bulk; /* a range somewhere */
};

/* Read @line for the ctl file that takes calls of @where. 0 or -errno with v->m->why. */
int call_parse(struct view *v, enum call_where where, const char *line, size_t len,
	struct parsed_call *out);
/* In which names a range of @base is looked for: @vars when it has one with an index there, else the machine's. */
const struct vars *name_scope(
	const struct machine *m, const struct vars *vars, const char *base, size_t len);
/* What a name holds in @vars, or else in the machine's names. NULL: nothing. */
const struct var *name_get(const struct machine *m, const struct vars *vars, const char *base,
	size_t len, uint32_t index);
/* Read @word as a name; -EINVAL with @why when its syntax is wrong. */
int name_parse(const struct word *word, struct name_ref *out, struct refusal *why);
/* The first index at or after @from that @ref means; VAR_NO_INDEX past its end. */
uint32_t name_next_index(const struct name_ref *ref, uint32_t from);
/* Give argument @i the value that its name has at @index. -ENOENT, -EINVAL with m->why. */
int call_resolve(struct parsed_call *p, unsigned i, uint32_t index);

#endif

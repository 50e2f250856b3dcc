/* SPDX-License-Identifier: MIT
 *
 * Finding a call by its name, and cutting its argument string once instead of at every line.
 *
 * "gfp:gfp=GFP_KERNEL order:order=0" is two arguments, both with a default. Arguments with a
 * default come last, and `rest` is the last of all: a row that breaks this is a bug of ours, found
 * at start.
 */
#include "view/call_index.h"

#include "base/parse.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name, *doc;
} arg_types[NR_ARG_TYPES] = {
#define ARG_TYPE(name, doc) {#name, doc},
#include "view/arg_type.def"
};

const char *arg_type_doc(enum arg_type type)
{
	return arg_types[type].doc;
}

static enum arg_type find_type(const char *s, size_t len)
{
	unsigned i = 0;

	while (i < NR_ARG_TYPES &&
		!(strlen(arg_types[i].name) == len && !memcmp(arg_types[i].name, s, len)))
		i++;
	/* A type that is not in arg_type.def. */
	assert(i < NR_ARG_TYPES);
	return (enum arg_type)i;
}

static const char *cut_arg(struct call_arg *arg, const char *s)
{
	size_t name_len = strcspn(s, ":");
	const char *type = s + name_len + 1;
	size_t type_len = strcspn(type, "= ");

	assert(s[name_len] == ':' && name_len && name_len < 32);
	arg->name = s;
	arg->name_len = (uint8_t)name_len;
	arg->type = (uint8_t)find_type(type, type_len);
	s = type + type_len;
	if (*s == '=') {
		arg->fallback = ++s;
		arg->fallback_len = (uint8_t)strcspn(s, " ");
		s += arg->fallback_len;
	}
	return s + strspn(s, " ");
}

void call_spec_init(struct call_spec *spec, const struct call_row *row)
{
	const char *s = row->args;

	*spec = (struct call_spec){
		.row = row,
		.hash = parse_hash(row->name, strlen(row->name)),
		.name_len = (uint8_t)strlen(row->name),
	};
	while (*s) {
		struct call_arg *arg = &spec->arg[spec->nr_args];

		assert(spec->nr_args < CALL_MAX_ARGS);
		assert(!spec->nr_args || arg[-1].type != ARG_rest);
		s = cut_arg(arg, s);
		/* Only the last ones may be left out. */
		assert(arg->fallback || spec->nr_required == spec->nr_args);
		spec->nr_args++;
		if (!arg->fallback)
			spec->nr_required++;
	}
}

int call_index_create(struct call_index **out)
{
	struct call_index *x = calloc(1, sizeof(*x));

	if (!x)
		return -ENOMEM;
	x->nr = nr_call_rows;
	x->mask = 15;
	while (x->mask < 2 * x->nr)
		x->mask = x->mask * 2 + 1;
	x->spec = calloc(x->nr + 1, sizeof(*x->spec));
	x->names = calloc(x->nr + 1, sizeof(*x->names));
	x->slot = calloc(x->mask + 1, sizeof(*x->slot));
	if (!x->spec || !x->names || !x->slot) {
		call_index_destroy(x);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < x->nr; i++) {
		call_spec_init(&x->spec[i], &call_rows[i]);
		x->names[i] = call_rows[i].name;
		assert(!call_find(x, call_rows[i].name, x->spec[i].name_len));
		uint32_t at = x->spec[i].hash & x->mask;
		while (x->slot[at])
			at = (at + 1) & x->mask;
		x->slot[at] = (uint16_t)(i + 1);
	}
	*out = x;
	return 0;
}

void call_index_destroy(struct call_index *x)
{
	if (!x)
		return;
	free(x->spec);
	free(x->names);
	free(x->slot);
	free(x);
}

const struct call_spec *call_find(const struct call_index *x, const char *name, size_t len)
{
	uint32_t hash = parse_hash(name, len);

	for (uint32_t i = hash & x->mask; x->slot[i]; i = (i + 1) & x->mask) {
		const struct call_spec *spec = &x->spec[x->slot[i] - 1];

		if (spec->hash == hash && spec->name_len == len &&
			!memcmp(spec->row->name, name, len))
			return spec;
	}
	return NULL;
}

void call_usage(const struct call_row *row, struct text *out)
{
	struct call_spec spec;

	call_spec_init(&spec, row);
	text_puts(out, row->name);
	for (unsigned i = 0; i < spec.nr_args; i++) {
		const struct call_arg *arg = &spec.arg[i];

		text_puts(out, arg->fallback ? " [" : " ");
		for (unsigned c = 0; c < arg->name_len; c++)
			text_putc(out, (char)toupper((unsigned char)arg->name[c]));
		if (!arg->fallback)
			continue;
		if (arg->fallback_len) {
			text_putc(out, '=');
			text_put(out, arg->fallback, arg->fallback_len);
		}
		text_putc(out, ']');
	}
}

/* SPDX-License-Identifier: MIT
 *
 * sim/help/CALL: a call's row as a page of help, so that `cat` is its manual and `grep -rl` finds it by what it does,
 * in English or by its Chinese term.
 */
#include "view/arg_words.h"

#include "view/files.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int call_parse_name(struct view *v, const char *name, size_t len, uint64_t *value)
{
	const struct call_spec *spec = call_find(v->s->calls, name, len);

	if (!spec || !machine_has(v->m, spec->row->need))
		return -ENOENT;
	*value = (uint64_t)(spec->row - call_rows);
	return 0;
}

static bool call_next(struct view *v, uint64_t *key, char *name, size_t cap)
{
	for (; *key < nr_call_rows; (*key)++)
		if (machine_has(v->m, call_rows[*key].need)) {
			snprintf(name, cap, "%s", call_rows[*key].name);
			return true;
		}
	return false;
}

const struct arg_ops call_arg = {.parse = call_parse_name, .next = call_next};

#define HELP_COLUMNS 100

/* The words that an argument's type has, in lines. */
static void put_words(enum arg_type type, struct text *out)
{
	size_t column = 0;
	const char *word;

	for (unsigned i = 0; arg_has_words(type) && (word = arg_word_nth(type, i)); i++) {
		if (!column || column + strlen(word) > HELP_COLUMNS) {
			text_puts(out, column ? "\n             " : "             ");
			column = 13;
		}
		text_printf(out, "%s%s", column == 13 ? "" : " ", word);
		column += strlen(word) + 1;
	}
	if (column)
		text_putc(out, '\n');
}

static void put_arguments(const struct call_row *row, struct text *out)
{
	struct call_spec spec;

	call_spec_init(&spec, row);
	for (unsigned i = 0; i < spec.nr_args; i++) {
		text_puts(out, "    ");
		for (unsigned c = 0; c < spec.arg[i].name_len; c++)
			text_putc(out, (char)toupper((unsigned char)spec.arg[i].name[c]));
		text_fill(out, ' ', spec.arg[i].name_len < 8 ? 8u - spec.arg[i].name_len : 1);
		text_printf(out, " %s\n", arg_type_doc((enum arg_type)spec.arg[i].type));
		put_words((enum arg_type)spec.arg[i].type, out);
	}
}

static void put_places(const struct call_row *row, struct text *out)
{
	static const struct {
		enum call_where where;
		const char *path;
	} places[] = {
		{CALL_SIM, "sim/ctl"},
		{CALL_CPU, "sim/cpuN/ctl"},
		{CALL_PROCESS, "sim/tasks/NAME/ctl"},
		{CALL_DEVICE, "sim/devices/NAME/ctl"},
	};
	const char *sep = "Written to ";

	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (row->where & places[i].where) {
			text_printf(out, "%s%s", sep, places[i].path);
			sep = " or ";
		}
	text_puts(out, ".\n");
}

int show_sim_help(struct view *v, struct text *out)
{
	const struct call_row *row = &call_rows[v->arg[0]];

	call_usage(row, out);
	text_printf(out, "\n    %s\n", row->doc);
	if (row->zh && *row->zh)
		text_printf(out, "    %s\n", row->zh);
	text_putc(out, '\n');
	put_arguments(row, out);
	put_places(row, out);
	if (row->more && *row->more)
		text_printf(out, "\n%s%s", row->more,
			row->more[strlen(row->more) - 1] == '\n' ? "" : "\n");
	return 0;
}

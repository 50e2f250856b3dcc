/* SPDX-License-Identifier: MIT
 *
 * The manual pages, made from the tables that the program itself uses: manual < PAGE.in > PAGE
 *
 * A page is a template in mdoc, written by hand, in which a line `@machines@`, `@options@`,
 * `@tree@`, `@calls@` or
 * `@gfp@` stands for a list made from the presets, the machine's options, the rows of fs-layout and
 * the GFP flags. So a file or a call that is added as a row is in the manual without another word.
 * A row without its line of manual, and a template with an unknown @word@, fail the build.
 */
#include "mm/page/page_alloc.h"
#include "simm/simm.h"
#include "tree/row.h"
#include "view/call.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned nr_undocumented;

static void put_letters(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '\\')
			fputs("\\e", stdout);
		else
			putchar(s[i]);
	}
}

/* Text as mdoc wants it: a backslash is an escape, a dot or quote at a line's start a macro, and a
 * sentence begins a line. Ends without newline. */
static void put_text(const char *s)
{
	for (;;) {
		const char *end = strstr(s, ". ");

		while (end && !isupper((unsigned char)end[2]))
			end = strstr(end + 1, ". ");
		if (*s == '.' || *s == '\'')
			fputs("\\&", stdout);
		if (!end) {
			put_letters(s, strlen(s));
			return;
		}
		put_letters(s, (size_t)(end + 1 - s));
		putchar('\n');
		s = end + 2;
	}
}

/* A line of an example, as it stands. */
static void put_literal(const char *s)
{
	if (*s == '.' || *s == '\'')
		fputs("\\&", stdout);
	put_letters(s, strlen(s));
}

/* Further lines of help: what is indented there is an example, to be shown as it stands. */
static void put_more(const char *more)
{
	bool literal = false;

	puts(".Pp");
	for (const char *line = more; *line;) {
		size_t len = strcspn(line, "\n");
		bool example = strncmp(line, "    ", 4) == 0;
		char text[512];

		if (example != literal)
			puts(example ? ".Bd -literal -offset indent -compact" : ".Ed");
		literal = example;
		snprintf(text, sizeof(text), "%.*s", (int)len - (example ? 4 : 0),
			line + (example ? 4 : 0));
		if (example)
			put_literal(text);
		else if (*text)
			put_text(text);
		else
			fputs(".Pp", stdout);
		putchar('\n');
		line += len + (line[len] == '\n');
	}
	if (literal)
		puts(".Ed");
}

/* An argument of a macro: quoted, so that blanks and names of macros in it mean themselves. */
static void put_argument(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		if (*s == '\\')
			fputs("\\e", stdout);
		else if (*s == '"')
			fputs("\\(dq", stdout);
		else
			putchar(*s);
	}
	putchar('"');
}

/* The line of manual as a sentence. */
static void put_doc(const char *what, const char *doc)
{
	size_t len = doc ? strlen(doc) : 0;

	if (len == 0) {
		fprintf(stderr, "manual: %s has no line of manual\n", what);
		nr_undocumented++;
		return;
	}
	if (islower((unsigned char)doc[0]) && !strchr("._/(", doc[strcspn(doc, " ._/(")])) {
		char first[2] = {(char)toupper((unsigned char)doc[0]), '\0'};

		put_text(first);
		put_text(doc + 1);
	} else {
		put_text(doc);
	}
	puts(strchr(".!?", doc[len - 1]) ? "" : ".");
}

static void put_machines(void)
{
	const char *name, *doc;

	puts(".Bl -tag -width Ds");
	for (unsigned i = 0; simm_machine_nth(i, &name, &doc); i++) {
		printf(".It Cm %s\n", name);
		put_doc(name, doc);
	}
	puts(".El");
}

static void put_options(void)
{
	const char *name, *argument, *doc;

	puts(".Bl -tag -width Ds");
	for (unsigned i = 0; simm_option_nth(i, &name, &argument, &doc); i++) {
		printf(".It Cm %s", name);
		if (argument && *argument) {
			fputs(" Ns = Ns Ar ", stdout);
			put_argument(argument);
		}
		putchar('\n');
		put_doc(name, doc);
	}
	puts(".El");
}

/* The files of a process are told once, of proc/{pid}: sim/tasks/{task} has the same. So has a thread. */
static bool is_copy(const char *path)
{
	static const char task[] = "sim/tasks/{task}/", thread[] = "proc/{pid}/task/{tid}/";

	if (strncmp(path, task, sizeof(task) - 1) == 0)
		return strcmp(path + sizeof(task) - 1, "pid") != 0;
	return strncmp(path, thread, sizeof(thread) - 1) == 0 &&
	       strcmp(path + sizeof(thread) - 1, "children") != 0;
}

static void put_tree(void)
{
	static const struct {
		const char *top, *title;
	} part[] = {
		{"proc", "The proc tree"},
		{"sys", "The sys tree"},
		{"dev", "The dev tree"},
		{"sim", "The sim tree"},
	};
	const char *path, *doc;
	unsigned mode;

	for (size_t p = 0; p < sizeof(part) / sizeof(part[0]); p++) {
		size_t len = strlen(part[p].top);

		printf(".Sh %s\n.Bl -tag -width Ds\n", part[p].title);
		for (unsigned i = 0; simm_row_nth(i, &path, &mode, &doc); i++) {
			if (strncmp(path, part[p].top, len) != 0 || (path[len] && path[len] != '/'))
				continue;
			if (is_copy(path))
				continue;
			fputs(".It Pa ", stdout);
			put_argument(path);
			printf(" Pq %04o\n", mode);
			put_doc(path, doc);
		}
		puts(".El");
	}
}

static void put_arguments(void)
{
	puts(".Bl -tag -width Ds");
	for (unsigned i = 0; i < nr_arg_rows; i++) {
		printf(".It Pa {%s}\n", arg_rows[i].name);
		put_doc(arg_rows[i].name, arg_rows[i].doc);
	}
	puts(".El");
}

static void put_calls(void)
{
	const char *name, *doc;
	char usage[256];

	puts(".Bl -tag -width Ds");
	for (unsigned i = 0; simm_call_nth(i, &name, usage, sizeof(usage), &doc); i++) {
		size_t len = strlen(name);

		printf(".It Ic %s", name);
		if (strncmp(usage, name, len) == 0 && usage[len] == ' ') {
			fputs(" Ar ", stdout);
			put_argument(usage + len + 1);
		}
		putchar('\n');
		put_doc(name, doc);
		for (unsigned k = 0; k < nr_call_rows; k++) {
			if (strcmp(call_rows[k].name, name) == 0 && call_rows[k].more[0])
				put_more(call_rows[k].more);
		}
	}
	puts(".El");
}

static void put_gfp(void)
{
	static const struct {
		const char *name, *doc;
	} flag[] = {
#define GFP_MASK(name, value, doc) {#name, doc},
#include "mm/page/gfp.def"
#define GFP_BIT(name, bit, doc) {#name, doc},
#include "mm/page/gfp.def"
	};

	puts(".Bl -tag -width Ds -compact");
	for (size_t i = 0; i < sizeof(flag) / sizeof(flag[0]); i++) {
		printf(".It Dv %s\n", flag[i].name);
		put_doc(flag[i].name, flag[i].doc);
	}
	puts(".El");
}

int main(void)
{
	static const struct {
		const char *word;
		void (*put)(void);
	} list[] = {
		{"@machines@\n", put_machines},
		{"@options@\n", put_options},
		{"@tree@\n", put_tree},
		{"@arguments@\n", put_arguments},
		{"@calls@\n", put_calls},
		{"@gfp@\n", put_gfp},
	};
	char line[1024];

	while (fgets(line, sizeof(line), stdin)) {
		size_t i = 0;

		while (i < sizeof(list) / sizeof(list[0]) && strcmp(line, list[i].word) != 0)
			i++;
		if (i < sizeof(list) / sizeof(list[0])) {
			list[i].put();
		} else if (line[0] == '@') {
			fprintf(stderr, "manual: the template has an unknown word: %s", line);
			return EXIT_FAILURE;
		} else {
			fputs(line, stdout);
		}
	}
	return nr_undocumented || ferror(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}

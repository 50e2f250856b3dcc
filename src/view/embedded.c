/* SPDX-License-Identifier: MIT
 *
 * sim/README, sim/README.zh, sim/bashrc, sim/lessons/: texts of the source, served as they are.
 */
#include "view/embedded.h"

#include "view/files.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LESSON "lesson/"

/* NULL when there is none. */
static const struct embedded *embedded_find(const char *name, size_t len)
{
	for (const struct embedded *e = embedded_files; e->name; e++)
		if (strlen(e->name) == len && !memcmp(e->name, name, len))
			return e;
	return NULL;
}

static int show(const char *name, struct text *out)
{
	const struct embedded *e = embedded_find(name, strlen(name));

	assert(e);
	text_put(out, e->data, e->len);
	return 0;
}

static uint64_t size(const char *name)
{
	return embedded_find(name, strlen(name))->len;
}

int show_sim_readme(struct view *v, struct text *out)
{
	return show("README", out);
}

uint64_t size_sim_readme(struct view *v)
{
	return size("README");
}

int show_sim_readme_zh(struct view *v, struct text *out)
{
	return show("README.zh", out);
}

uint64_t size_sim_readme_zh(struct view *v)
{
	return size("README.zh");
}

int show_sim_bashrc(struct view *v, struct text *out)
{
	return show("bashrc", out);
}

uint64_t size_sim_bashrc(struct view *v)
{
	return size("bashrc");
}

/* ---- {lesson}: the value is the row in the table of embedded files ---- */

static int lesson_parse(struct view *v, const char *name, size_t len, uint64_t *value)
{
	for (const struct embedded *e = embedded_files; e->name; e++) {
		if (strncmp(e->name, LESSON, strlen(LESSON)))
			continue;
		const char *lesson = e->name + strlen(LESSON);
		if (strlen(lesson) == len && !memcmp(lesson, name, len)) {
			*value = (uint64_t)(e - embedded_files);
			return 0;
		}
	}
	return -ENOENT;
}

static bool lesson_next(struct view *v, uint64_t *key, char *name, size_t cap)
{
	for (uint64_t i = 0; embedded_files[i].name; i++) {
		if (i < *key || strncmp(embedded_files[i].name, LESSON, strlen(LESSON)))
			continue;
		*key = i;
		snprintf(name, cap, "%s", embedded_files[i].name + strlen(LESSON));
		return true;
	}
	return false;
}

const struct arg_ops lesson_arg = {.parse = lesson_parse, .next = lesson_next};

int show_sim_lesson(struct view *v, struct text *out)
{
	const struct embedded *e = &embedded_files[v->arg[0]];

	text_put(out, e->data, e->len);
	return 0;
}

uint64_t size_sim_lesson(struct view *v)
{
	return embedded_files[v->arg[0]].len;
}

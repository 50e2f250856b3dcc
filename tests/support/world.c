/* SPDX-License-Identifier: MIT
 *
 * Whole machines for tests (see world.h).
 */
#include "support/world.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX (4u << 20)

static char text[TEXT_MAX];

struct simm *world(const char *preset, ...)
{
	char error[512] = "";
	struct simm_config *config = simm_config_new();
	const char *name;
	va_list options;

	cr_assert_eq(simm_config_machine(config, preset, error, sizeof(error)), 0, "%s", error);
	va_start(options, preset);
	while ((name = va_arg(options, const char *))) {
		const char *value = va_arg(options, const char *);

		cr_assert_eq(simm_config_option(config, name, value, error, sizeof(error)), 0, "%s",
			error);
	}
	va_end(options);
	struct simm *simm = simm_create(config, error, sizeof(error));
	cr_assert_not_null(simm, "%s", error);
	simm_config_free(config);
	return simm;
}

const char *world_cat(struct simm *simm, const char *path)
{
	ssize_t n = simm_file_read(simm, path, text, sizeof(text) - 1);

	cr_assert_geq(n, 0, "%s: %s", path, strerror((int)-n));
	text[n] = '\0';
	return text;
}

ssize_t world_write(struct simm *simm, const char *path, const char *data)
{
	return simm_file_write(simm, path, data, strlen(data));
}

struct simm_open *world_open(struct simm *simm, const char *path, unsigned flags)
{
	struct simm_node node;
	struct simm_open *open = NULL;

	cr_assert_eq(simm_resolve(simm, path, &node), 0, "%s", path);
	cr_assert_eq(simm_open(simm, &node, flags, &open), 0, "%s", path);
	return open;
}

static ssize_t to_end(struct simm_write *w)
{
	cr_assert_not_null(w);
	while (simm_write_step(w) == SIMM_MORE)
		;
	return simm_write_end(w);
}

ssize_t world_put(struct simm_open *open, const void *data, size_t len, uint64_t owner)
{
	return to_end(simm_write_begin(open, data, len, 0, owner));
}

ssize_t world_puts(struct simm_open *open, const char *data)
{
	return world_put(open, data, strlen(data), 1);
}

int world_flush(struct simm_open *open, uint64_t owner)
{
	return (int)to_end(simm_flush_begin(open, owner));
}

const char *world_get(struct simm_open *open, size_t len)
{
	cr_assert_lt(len, sizeof(text));
	ssize_t n = simm_read(open, text, len, 0);

	cr_assert_geq(n, 0, "%s", strerror((int)-n));
	text[n] = '\0';
	return text;
}

const char *world_call_at(struct simm *simm, const char *path, const char *line)
{
	struct simm_open *open = world_open(simm, path, SIMM_O_READ | SIMM_O_WRITE);
	char with_newline[4096];
	size_t len = strlen(line);

	cr_assert_lt(len + 1, sizeof(with_newline));
	memcpy(with_newline, line, len);
	with_newline[len] = '\n';
	ssize_t n = world_put(open, with_newline, len + 1, 1);
	if (n < 0) {
		simm_release(open);
		cr_assert_fail("%s: %s", line, world_cat(simm, "sim/errors"));
	}
	world_get(open, sizeof(text) - 1);
	text[strcspn(text, "\n")] = '\0';
	simm_release(open);
	return text;
}

const char *world_call(struct simm *simm, const char *line)
{
	return world_call_at(simm, "sim/ctl", line);
}

int world_refused_at(struct simm *simm, const char *path, const char *line)
{
	char with_newline[4096];
	size_t len = strlen(line);

	cr_assert_lt(len + 2, sizeof(with_newline));
	memcpy(with_newline, line, len);
	memcpy(with_newline + len, "\n", 2);
	ssize_t n = world_write(simm, path, with_newline);
	return n < 0 ? (int)-n : 0;
}

int world_refused(struct simm *simm, const char *line)
{
	return world_refused_at(simm, "sim/ctl", line);
}

int world_mkdir(struct simm *simm, const char *dir, const char *name)
{
	struct simm_node node;

	cr_assert_eq(simm_resolve(simm, dir, &node), 0, "%s", dir);
	return simm_mkdir(simm, &node, name);
}

int world_rmdir(struct simm *simm, const char *dir, const char *name)
{
	struct simm_node node;

	cr_assert_eq(simm_resolve(simm, dir, &node), 0, "%s", dir);
	return simm_rmdir(simm, &node, name);
}

struct simm *world_hog(const char *preset)
{
	struct simm *simm = world(preset, NULL);

	cr_assert_eq(world_mkdir(simm, "sim/tasks", "hog"), 0);
	return simm;
}

bool world_has(struct simm *simm, const char *path)
{
	struct simm_node node;
	struct simm_attr attr;

	return !simm_resolve(simm, path, &node) && !simm_getattr(simm, &node, &attr);
}

static bool note_name(void *data, const char *name, const struct simm_attr *attr, uint64_t cookie)
{
	size_t len = strlen(text);

	(void)data, (void)attr, (void)cookie;
	cr_assert_lt(len + strlen(name) + 2, sizeof(text));
	if (strcmp(name, ".") && strcmp(name, ".."))
		snprintf(text + len, sizeof(text) - len, "%s%s", len ? " " : "", name);
	return true;
}

const char *world_list(struct simm *simm, const char *dir)
{
	struct simm_node node;

	cr_assert_eq(simm_resolve(simm, dir, &node), 0, "%s", dir);
	text[0] = '\0';
	cr_assert_eq(simm_readdir(simm, &node, 0, note_name, NULL), 0);
	return text;
}

unsigned world_times_logged(struct simm *simm, const char *words)
{
	unsigned n = 0;

	for (const char *at = world_cat(simm, "sim/dmesg"); (at = strstr(at, words)); at++)
		n++;
	return n;
}

/* SPDX-License-Identifier: MIT
 *
 * Modes and presence of files against the oracle's find.txt.
 *
 * Every file that both have must have the same mode and kind. Directories whose content is complete (proc/sys/vm and
 * some of sys/kernel/mm) must hold exactly the oracle's files.
 */
#include "made.h"
#include "oracle.h"

#include "tree/row.h"
#include "view/hugepages.h"

/* Directories with all files of the oracle, and nothing else. */
static const char *const complete[] = {
	"proc/sys/vm/",
	"sys/kernel/mm/ksm/",
	"sys/kernel/mm/transparent_hugepage/",
	"sys/kernel/debug/extfrag/",
};

/* Not mounted on the oracle's machines, where its place is an empty directory. */
#define TRACEFS "sys/kernel/tracing"

/* The line of find.txt for @path ("-r--r--r-- 1 0 0 0 /proc/buddyinfo"), NULL without one. */
static const char *find_line(const char *find, const char *path)
{
	size_t len = strlen(path);

	for (const char *at = find; (at = strstr(at, path)); at += len)
		if (at > find + 1 && at[-1] == '/' && at[-2] == ' ' &&
			(at[len] == '\n' || at[len] == ' ')) {
			while (at > find && at[-1] != '\n')
				at--;
			return at;
		}
	return NULL;
}

static unsigned mode_of(const char *line)
{
	unsigned mode = 0;

	for (unsigned i = 1; i <= 9; i++)
		mode = mode << 1 | (line[i] != '-');
	return mode;
}

static char kind_of(const struct row *row)
{
	return row->kind == ROW_DIR ? 'd' : row->kind == ROW_LINK ? 'l' : '-';
}

/* A row's path with each argument's first value. */
static void example_path(const struct machine *m, const char *path, char *out, size_t cap)
{
	size_t n = 0;

	while (*path && n + 24 < cap) {
		if (*path != '{') {
			out[n++] = *path++;
			continue;
		}
		bool huge = !strncmp(path, "{hugepages}", 11),
		     pid = !strncmp(path, "{pid}", 5) || !strncmp(path, "{tid}", 5);
		if (!strncmp(path, "{slab}", 6))
			n += (size_t)sprintf(out + n, "dentry");
		else if (!strncmp(path, "{slab_link}", 11))
			n += (size_t)sprintf(out + n, "pid");
		else
			n += (size_t)sprintf(out + n, "%lu",
				huge  ? hugepages_kb(m, 0)
				: pid ? 1
				      : 0);
		path = strchr(path, '}') + 1;
	}
	out[n] = '\0';
}

static bool row_exists(const struct machine *m, const struct row *row)
{
	return machine_has(m, row->need) && (!row->when || row->when(m));
}

static unsigned check_rows(
	const struct oracle_machine *o, const struct machine *m, const char *find)
{
	unsigned compared = 0;
	char path[256];

	for (unsigned i = 0; i < nr_rows; i++) {
		if (!row_exists(m, &rows[i]))
			continue;
		example_path(m, rows[i].path, path, sizeof(path));
		const char *line = find_line(find, path);
		if (!line || !strcmp(path, TRACEFS))
			continue;
		compared++;
		cr_expect_eq(kind_of(&rows[i]), *line, "%s: %s is a %c", o->name, path, *line);
		cr_expect_eq(rows[i].mode, mode_of(line), "%s: %s has mode %o, not %o", o->name,
			path, mode_of(line), rows[i].mode);
	}
	return compared;
}

static bool has_row(const struct machine *m, const char *path, size_t len)
{
	for (unsigned i = 0; i < nr_rows; i++)
		if (strlen(rows[i].path) == len && !memcmp(rows[i].path, path, len) &&
			row_exists(m, &rows[i]))
			return true;
	return false;
}

static void check_complete(
	const struct oracle_machine *o, const struct machine *m, const char *find, const char *dir)
{
	char path[128];
	size_t dir_len = strlen(dir);

	for (unsigned i = 0; i < nr_rows; i++)
		if (!strncmp(rows[i].path, dir, dir_len) && row_exists(m, &rows[i]))
			cr_expect(find_line(find, rows[i].path), "%s has no %s", o->name,
				rows[i].path);
	snprintf(path, sizeof(path), " /%s", dir);
	for (const char *at = find; (at = strstr(at, path)); at++) {
		size_t len = strcspn(at + 2, " \n");

		cr_expect(has_row(m, at + 2, len), "%s has %.*s", o->name, (int)len, at + 2);
	}
}

Test(modes, as_in_find_txt)
{
	for (unsigned i = 0; i < NR_ORACLES; i++) {
		struct machine *m = made_machine(&oracles[i]);
		char path[64];

		if (!m)
			cr_skip_test("no ../shared/oracle here (SIMM_SHARED)");
		snprintf(path, sizeof(path), "%s/find.txt", oracles[i].name);
		char *find = oracle_need(path);
		cr_expect_gt(check_rows(&oracles[i], m, find), 120);
		for (unsigned d = 0; d < sizeof(complete) / sizeof(complete[0]); d++)
			check_complete(&oracles[i], m, find, complete[d]);
		free(find);
		made_destroy(m);
	}
}

/* SPDX-License-Identifier: MIT
 *
 * The list of all paths of each preset, with type, mode, size and links, is pinned in tests/golden/tree-MACHINE.txt, so
 * that a change of fs-layout shows in the diff as what users will see.
 *
 * Where a name has an argument (memory0, memory1, ...) the first is listed, with how many there are, and entered; but how many
 * calls and lessons there are says nothing of the machine.
 * To accept a change: `SIMM_UPDATE=1 meson test -C build listing`, then read the diff.
 */
#include "tree/tree.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct walk {
	struct simm *simm;
	struct text *out;
	struct simm_node dir;
	char path[512];
	const struct place *last; /* the argument whose values are being counted */
	unsigned count;
	char first[256]; /* its first value's name */
};

static void put_mode(struct text *out, const struct simm_attr *a)
{
	static const char bits[] = "rwxrwxrwx";

	text_putc(out, a->type == SIMM_DIR ? 'd' : a->type == SIMM_LINK ? 'l' : '-');
	for (unsigned i = 0; i < 9; i++)
		text_putc(out, a->mode >> (8 - i) & 1 ? bits[i] : '-');
}

static void list_dir(
	struct simm *simm, struct text *out, const struct simm_node *dir, const char *path);

static bool grows(const char *path)
{
	return !strncmp(path, "sim/help/", 9) || !strncmp(path, "sim/lessons/", 12);
}

static void put_entry(struct walk *w, const char *name, unsigned count)
{
	struct simm_node node;
	struct simm_attr attr;
	char path[512];

	cr_assert_eq(simm_lookup(w->simm, &w->dir, name, &node), 0, "%s/%s", w->path, name);
	cr_assert_eq(simm_getattr(w->simm, &node, &attr), 0, "%s/%s", w->path, name);
	snprintf(path, sizeof(path), "%.250s%s%s", w->path, *w->path ? "/" : "", name);
	put_mode(w->out, &attr);
	/* The sizes of our own texts change with their words. */
	if (!strncmp(path, "sim/", 4))
		text_printf(w->out, " - %s", path);
	else
		text_printf(w->out, " %llu %s", (unsigned long long)attr.size, path);
	if (attr.type == SIMM_LINK) {
		char target[256];
		ssize_t n = simm_readlink(w->simm, &node, target, sizeof(target) - 1);

		/* A process without memory runs no program: its exe leads nowhere. */
		cr_assert(n >= 0 || n == -ENOENT, "%s", path);
		if (n >= 0)
			text_printf(w->out, " -> %.*s", (int)n, target);
	}
	if (count > 1 && grows(path))
		text_puts(w->out, " (one of many)");
	else if (count > 1)
		text_printf(w->out, " (one of %u)", count);
	text_putc(w->out, '\n');
	if (attr.type == SIMM_DIR)
		list_dir(w->simm, w->out, &node, path);
}

/* The argument's values were all seen. */
static void end_of_values(struct walk *w)
{
	if (w->last)
		put_entry(w, w->first, w->count);
	w->last = NULL;
}

static bool on_entry(void *data, const char *name, const struct simm_attr *attr, uint64_t cookie)
{
	struct walk *w = data;
	struct simm_node node;

	(void)attr;
	(void)cookie;
	if (!strcmp(name, ".") || !strcmp(name, ".."))
		return true;
	cr_assert_eq(simm_lookup(w->simm, &w->dir, name, &node), 0, "%s/%s", w->path, name);
	const struct place *p = &w->simm->table.place[node.place];
	if (p == w->last) {
		w->count++;
		return true;
	}
	end_of_values(w);
	if (!p->arg) {
		put_entry(w, name, 1);
		return true;
	}
	w->last = p;
	w->count = 1;
	snprintf(w->first, sizeof(w->first), "%s", name);
	return true;
}

static void list_dir(
	struct simm *simm, struct text *out, const struct simm_node *dir, const char *path)
{
	struct walk w = {.simm = simm, .out = out, .dir = *dir};

	snprintf(w.path, sizeof(w.path), "%s", path);
	cr_assert_eq(simm_readdir(simm, dir, 0, on_entry, &w), 0, "%s", path);
	end_of_values(&w);
}

/* Lines sorted by path, so that the order of rows does not matter. */
static int by_path(const void *a, const void *b)
{
	const char *x = strchr(strchr(*(char *const *)a, ' ') + 1, ' ');
	const char *y = strchr(strchr(*(char *const *)b, ' ') + 1, ' ');

	return strcmp(x, y);
}

static void sort_lines(struct text *t)
{
	size_t nr = 0, cap = 65536;
	char **line = calloc(cap, sizeof(*line));
	char *copy = strdup(text_str(t));

	for (char *s = strtok(copy, "\n"); s; s = strtok(NULL, "\n")) {
		cr_assert_lt(nr, cap);
		line[nr++] = s;
	}
	qsort(line, nr, sizeof(*line), by_path);
	text_clear(t);
	for (size_t i = 0; i < nr; i++)
		text_printf(t, "%s\n", line[i]);
	free(copy);
	free(line);
}

static char *read_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	char *data = calloc(1, 1 << 20);

	if (f) {
		size_t n = fread(data, 1, (1 << 20) - 1, f);

		data[n] = '\0';
		fclose(f);
	}
	return data;
}

static void compare(const char *machine, const char *want, const char *got)
{
	for (unsigned line = 1; *want || *got; line++) {
		size_t n = strcspn(want, "\n"), k = strcspn(got, "\n");

		cr_assert(n == k && !memcmp(want, got, n),
			"tree-%s.txt:%u: pinned `%.*s`, now `%.*s`", machine, line, (int)n, want,
			(int)k, got);
		want += n + (want[n] == '\n');
		got += k + (got[k] == '\n');
	}
}

Test(listing, is_the_pinned_one)
{
	const char *source = getenv("SIMM_SOURCE"), *name, *doc;
	bool update = getenv("SIMM_UPDATE") != NULL;

	cr_assert_not_null(source, "SIMM_SOURCE is the folder of the sources");
	for (unsigned i = 0; simm_machine_nth(i, &name, &doc); i++) {
		struct simm_config *config = simm_config_new();
		struct simm_node root = {0};
		struct text out;
		char path[1024];

		cr_assert_eq(simm_config_machine(config, name, NULL, 0), 0);
		struct simm *simm = simm_create(config, path, sizeof(path));
		cr_assert_not_null(simm, "%s: %s", name, path);
		simm_set_caller(simm, &(struct simm_caller){.pid = 812, .tid = 812});
		text_init(&out);
		list_dir(simm, &out, &root, "");
		sort_lines(&out);
		snprintf(path, sizeof(path), "%s/tests/golden/tree-%s.txt", source, name);
		if (update) {
			FILE *f = fopen(path, "wb");

			cr_assert_not_null(f, "%s", path);
			fwrite(out.data, 1, out.len, f);
			fclose(f);
		}
		char *want = read_file(path);
		compare(name, want, text_str(&out));
		free(want);
		text_finish(&out);
		simm_destroy(simm);
		simm_config_free(config);
	}
}

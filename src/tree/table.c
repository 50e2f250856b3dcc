/* SPDX-License-Identifier: MIT
 *
 * The rows of fs-layout as one constant table, and the trie that makes paths of them.
 *
 * The table is read-only data. The trie is a struct place per row, made in well under a millisecond
 * for each struct simm (so that nothing global is ever written): every row finds the row of its
 * parent directory by a hash of its path, and a directory's children are then grouped by counting.
 *
 *	rows:	"proc"  "proc/meminfo"  "sim"  "sim/page"  "sim/page/{page}"
 *	trie:	root -> proc -> meminfo
 *	             -> sim  -> page -> {page}
 *
 * One component holds at most one argument, with text before and after it: node{node}, {zone}.svg.
 *
 * Invariant: every row but the four top directories has a parent row of kind DIR, and no two rows
 * share a path. A row that breaks it is a bug of ours and an assertion here, so no test program even
 * starts.
 */
#include "tree/table.h"

#include "view/call.h"
#include "view/files.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DIR(p, m, n, d) {.path = p, .kind = ROW_DIR, .mode = m, .need = CONFIG_##n, .doc = d},
#define TEXT(p, m, n, sh, st, d)                                                                   \
	{.path = p,                                                                                \
		.kind = ROW_TEXT,                                                                  \
		.mode = m,                                                                         \
		.need = CONFIG_##n,                                                                \
		.show = sh,                                                                        \
		.store = st,                                                                       \
		.doc = d},
#define BLOB(p, m, n, r, w, s, d)                                                                  \
	{.path = p,                                                                                \
		.kind = ROW_BLOB,                                                                  \
		.mode = m,                                                                         \
		.need = CONFIG_##n,                                                                \
		.read = r,                                                                         \
		.write = w,                                                                        \
		.size = s,                                                                         \
		.doc = d},
#define LINK(p, n, s, d)                                                                           \
	{.path = p, .kind = ROW_LINK, .mode = 0777, .need = CONFIG_##n, .show = s, .doc = d},
/* Rows of processes: only simulated ones have them. */
#define TASK_DIR(p, m, n, d)	      TASK_ROW(p, ROW_DIR, m, n, d, .aux = 0)
#define TASK_TEXT(p, m, n, sh, st, d) TASK_ROW(p, ROW_TEXT, m, n, d, .show = sh, .store = st)
#define TASK_BLOB(p, m, n, r, w, s, d)                                                             \
	TASK_ROW(p, ROW_BLOB, m, n, d, .read = r, .write = w, .size = s)
#define TASK_LINK(p, n, s, d)	     TASK_ROW(p, ROW_LINK, 0777, n, d, .show = s)
#define TASK_ROW(p, k, m, n, d, ...) ROW(p, k, m, n, d, .of = is_simulated, __VA_ARGS__)
#define ROW(p, k, m, n, d, ...)                                                                    \
	{.path = p, .kind = k, .mode = m, .need = CONFIG_##n, .doc = d, __VA_ARGS__},

const struct row rows[] = {
#include "proc.def"
#include "sys.def"
#include "dev.def"
#include "sim.def"
};
const unsigned nr_rows = sizeof(rows) / sizeof(rows[0]);

#define ARG(n, o, d) {.name = #n, .ops = &o, .doc = d},
const struct arg_row arg_rows[] = {
#include "args.def"
	{0}};
const unsigned nr_arg_rows = sizeof(arg_rows) / sizeof(arg_rows[0]) - 1;

static uint64_t hash_path(const char *path, size_t len)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)path[i]) * 0x100000001b3;
	return hash;
}

/* Open addressing over the places' paths, only while the trie is made. */
struct index {
	uint32_t *slot;
	uint32_t mask;
};

static uint32_t index_find(
	const struct index *x, const struct place *place, const char *path, size_t len)
{
	uint64_t hash = hash_path(path, len);

	for (uint32_t i = (uint32_t)hash & x->mask; x->slot[i]; i = (i + 1) & x->mask) {
		const struct row *row = place[x->slot[i]].row;

		if (strlen(row->path) == len && !memcmp(row->path, path, len))
			return x->slot[i];
	}
	return 0;
}

static void index_add(struct index *x, struct place *place, uint32_t id)
{
	uint32_t i = (uint32_t)place[id].path_hash & x->mask;

	assert(!index_find(x, place, place[id].row->path, strlen(place[id].row->path)));
	while (x->slot[i])
		i = (i + 1) & x->mask;
	x->slot[i] = id;
}

static const struct arg_row *find_arg(const char *name, size_t len)
{
	for (unsigned i = 0; i < nr_arg_rows; i++)
		if (strlen(arg_rows[i].name) == len && !memcmp(arg_rows[i].name, name, len))
			return &arg_rows[i];
	return NULL;
}

/* Cut the last component into what is before, in and after the braces. */
static void cut_component(struct place *p, const char *component)
{
	const char *open = strchr(component, '{');

	p->name = component;
	p->suffix = "";
	if (!open) {
		p->name_len = (uint16_t)strlen(component);
		assert(p->name_len);
		return;
	}
	const char *close = strchr(open, '}');
	assert(close && !strchr(close, '{'));
	p->name_len = (uint16_t)(open - component);
	p->suffix = close + 1;
	p->suffix_len = (uint16_t)strlen(p->suffix);
	p->arg = find_arg(open + 1, (size_t)(close - open - 1));
	/* An argument without a row in args.def. */
	assert(p->arg);
}

static void check_row(const struct row *row)
{
	assert(row->doc && *row->doc);
	assert(row->mode <= 07777);
	switch (row->kind) {
	case ROW_DIR:
		assert(!row->show && !row->store && !row->read && !row->write && !row->stream);
		break;
	case ROW_TEXT:
		assert(!row->read && !row->write && !row->stream);
		break;
	case ROW_BLOB:
		assert(!row->show && !row->store && !row->stream);
		break;
	case ROW_STREAM:
		assert(row->stream && row->stream->line && !row->read && !row->write);
		break;
	case ROW_LINK:
		assert(row->show && !row->store);
		break;
	}
}

static void link_place(struct table *t, struct index *x, uint32_t id)
{
	struct place *p = &t->place[id];
	const char *path = p->row->path;
	const char *slash = strrchr(path, '/');

	check_row(p->row);
	if (slash) {
		p->parent = index_find(x, t->place, path, (size_t)(slash - path));
		/* Every directory has a row of its own, with its line of manual. */
		assert(p->parent && t->place[p->parent].row->kind == ROW_DIR);
	}
	cut_component(p, slash ? slash + 1 : path);
	p->nr_args = (uint16_t)(t->place[p->parent].nr_args + (p->arg != NULL));
	assert(p->nr_args <= VIEW_MAX_ARGS);
	t->place[p->parent].nr_children++;
}

/* Group the children by parent: count, sum up, fill. */
static void group_children(struct table *t)
{
	uint32_t at = 0;

	for (unsigned i = 0; i < t->nr_places; i++) {
		t->place[i].first_child = at;
		at += t->place[i].nr_children;
		t->place[i].nr_children = 0;
	}
	for (unsigned i = 1; i < t->nr_places; i++) {
		struct place *parent = &t->place[t->place[i].parent];

		t->child[parent->first_child + parent->nr_children++] = i;
	}
}

/* Parents first: a row may stand before its parent's row, so the shorter paths are linked first. */
static void link_all(struct table *t, struct index *x)
{
	unsigned left = t->nr_places - 1;

	for (unsigned depth = 0; left; depth++) {
		assert(depth < 32);
		for (unsigned i = 1; i < t->nr_places; i++) {
			unsigned slashes = 0;

			for (const char *c = t->place[i].row->path; *c; c++)
				slashes += *c == '/';
			if (slashes == depth) {
				link_place(t, x, i);
				left--;
			}
		}
	}
}

int table_init(struct table *t)
{
	struct index x = {.mask = 1};

	t->nr_places = nr_rows + 1;
	while (x.mask < 2 * t->nr_places)
		x.mask = x.mask * 2 + 1;
	t->place = calloc(t->nr_places, sizeof(*t->place));
	t->child = calloc(t->nr_places, sizeof(*t->child));
	x.slot = calloc(x.mask + 1, sizeof(*x.slot));
	if (!t->place || !t->child || !x.slot) {
		free(x.slot);
		table_finish(t);
		return -ENOMEM;
	}
	t->place[0].name = t->place[0].suffix = "";
	for (unsigned i = 1; i < t->nr_places; i++) {
		t->place[i].row = &rows[i - 1];
		t->place[i].path_hash = hash_path(rows[i - 1].path, strlen(rows[i - 1].path));
		index_add(&x, t->place, i);
	}
	link_all(t, &x);
	group_children(t);
	free(x.slot);
	return 0;
}

void table_finish(struct table *t)
{
	free(t->place);
	free(t->child);
	t->place = NULL;
	t->child = NULL;
}

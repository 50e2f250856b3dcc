/* SPDX-License-Identifier: MIT
 *
 * Walking the tree: lookup, getattr, readdir, and the rare calls that make and remove entries.
 *
 * A node is a place of the trie and the values of its path's arguments, by value, so that nothing
 * here has a lifetime. A component with an argument answers any well-formed name
 * (`sim/page/0x1f400`) and lists only what is notable, through the argument's arg_ops.
 *
 * Fixed names win over arguments, and of two arguments the one with more fixed text wins:
 * `node0-Normal.svg` is tried as `{zone}.svg` before `{zone}`.
 *
 * readdir's cookies are keys: bits 52.. hold the child's number in its directory + 1, the bits
 * below the argument's key + 1 (0 for a fixed name). Entries that come and go therefore neither
 * repeat nor hide others.
 *
 * Left out: rename, link, chmod; the tree is Linux's, not the user's.
 */
#include "tree/tree.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define COOKIE_KEY_BITS 52
#define COOKIE_KEY_MASK (((uint64_t)1 << COOKIE_KEY_BITS) - 1)
#define COOKIE_DOTDOT	2

bool row_below(const struct row *row, const char *prefix)
{
	return !strncmp(row->path, prefix, strlen(prefix));
}

/* Does the machine at hand have this row? */
static bool place_exists(const struct simm *simm, const struct place *p)
{
	const struct machine *m = simm->session.m;

	return !p->row || (machine_has(m, p->row->need) && (!p->row->when || p->row->when(m)));
}

static const struct place *node_place(const struct simm *simm, const struct simm_node *node)
{
	assert(node->place < simm->table.nr_places);
	return &simm->table.place[node->place];
}

static uint32_t place_id(const struct simm *simm, const struct place *p)
{
	return (uint32_t)(p - simm->table.place);
}

void node_view(struct simm *simm, const struct simm_node *node, struct view *v)
{
	const struct place *p = node_place(simm, node);

	*v = (struct view){.s = &simm->session, .m = simm->session.m, .row = p->row};
	memcpy(v->arg, node->arg, sizeof(v->arg));
	if (p->row)
		v->aux = p->row->aux;
}

/* Is the row of @p there with the arguments of @node? */
static bool entry_exists(struct simm *simm, const struct place *p, const struct simm_node *node)
{
	struct simm_node entry = *node;
	struct view v;

	if (!place_exists(simm, p))
		return false;
	if (!p->row || !p->row->of)
		return true;
	entry.place = place_id(simm, p);
	node_view(simm, &entry, &v);
	return p->row->of(&v);
}

/* ---- lookup ---- */

/* @name as an entry of the place @p below @dir. */
static bool match(struct simm *simm, const struct simm_node *dir, const struct place *p,
	const char *name, size_t len, struct simm_node *out)
{
	if (!p->arg && (p->name_len != len || memcmp(p->name, name, len)))
		return false;
	if (p->arg &&
		(len <= (size_t)p->name_len + p->suffix_len || memcmp(p->name, name, p->name_len) ||
			memcmp(p->suffix, name + len - p->suffix_len, p->suffix_len)))
		return false;
	if (!entry_exists(simm, p, dir))
		return false;
	*out = *dir;
	out->place = place_id(simm, p);
	if (!p->arg)
		return true;
	struct view v;
	node_view(simm, out, &v);
	return !p->arg->ops->parse(&v, name + p->name_len, len - p->name_len - p->suffix_len,
		&out->arg[p->nr_args - 1]);
}

int simm_lookup(
	struct simm *simm, const struct simm_node *dir, const char *name, struct simm_node *out)
{
	const struct place *d = node_place(simm, dir);
	size_t len = strlen(name);
	int best = -1;

	if (d->row && d->row->kind != ROW_DIR)
		return -ENOTDIR;
	if (len > SIMM_NAME_MAX)
		return -ENAMETOOLONG;
	for (unsigned i = 0; i < d->nr_children; i++) {
		const struct place *p = table_child(&simm->table, d, i);
		int fixed = p->arg ? p->name_len + p->suffix_len : INT16_MAX;
		struct simm_node found;

		if (fixed > best && match(simm, dir, p, name, len, &found)) {
			*out = found;
			best = fixed;
		}
	}
	return best < 0 ? -ENOENT : 0;
}

int simm_resolve(struct simm *simm, const char *path, struct simm_node *out)
{
	*out = (struct simm_node){0};
	while (*path) {
		char name[SIMM_NAME_MAX + 1];
		size_t len = strcspn(path, "/");

		if (len > SIMM_NAME_MAX)
			return -ENAMETOOLONG;
		if (len) {
			struct simm_node dir = *out;

			memcpy(name, path, len);
			name[len] = '\0';
			int err = simm_lookup(simm, &dir, name, out);
			if (err)
				return err;
		}
		path += len + (path[len] == '/');
	}
	return 0;
}

/* ---- names of nodes ---- */

static void print_component(struct simm *simm, const struct place *p, const struct simm_node *node,
	char *out, size_t cap)
{
	char arg[SIMM_NAME_MAX + 1] = "?";
	struct view v;

	if (!p->arg) {
		snprintf(out, cap, "%.*s", p->name_len, p->name);
		return;
	}
	uint64_t key = node->arg[p->nr_args - 1];
	node_view(simm, node, &v);
	if (p->arg->ops->print)
		p->arg->ops->print(&v, key, arg, sizeof(arg));
	else if (p->arg->ops->next)
		(void)p->arg->ops->next(&v, &key, arg, sizeof(arg));
	snprintf(out, cap, "%.*s%s%.*s", p->name_len, p->name, arg, p->suffix_len, p->suffix);
}

/* The places from the root's child down to @p. */
static unsigned ancestry(
	const struct simm *simm, const struct place *p, const struct place **chain, unsigned cap)
{
	unsigned depth = 0;

	for (const struct place *a = p; a->row; a = &simm->table.place[a->parent])
		depth++;
	assert(depth <= cap);
	unsigned i = depth;
	for (const struct place *a = p; a->row; a = &simm->table.place[a->parent])
		chain[--i] = a;
	return depth;
}

void node_path(struct simm *simm, const struct simm_node *node, char *out, size_t cap)
{
	const struct place *chain[32];
	unsigned depth = ancestry(simm, node_place(simm, node), chain, 32);
	size_t at = 0;

	*out = '\0';
	for (unsigned i = 0; i < depth && at + 1 < cap; i++) {
		if (i)
			out[at++] = '/';
		print_component(simm, chain[i], node, out + at, cap - at);
		at += strlen(out + at);
	}
}

/* ---- attributes ---- */

static bool is_dir(const struct place *p)
{
	return !p->row || p->row->kind == ROW_DIR;
}

/* The first entry of the argument place @p at or after *@key: its spelling and node. */
static bool next_entry(struct simm *simm, const struct place *p, const struct simm_node *dir,
	uint64_t *key, char *name, size_t cap, struct simm_node *out)
{
	struct view v;
	char arg[SIMM_NAME_MAX + 1];

	*out = *dir;
	out->place = place_id(simm, p);
	for (;; (*key)++) {
		node_view(simm, out, &v);
		if (!p->arg->ops->next || !p->arg->ops->next(&v, key, arg, sizeof(arg)))
			return false;
		assert(*key < COOKIE_KEY_MASK);
		if (p->arg->ops->parse(&v, arg, strlen(arg), &out->arg[p->nr_args - 1]))
			continue;
		snprintf(name, cap, "%.*s%s%.*s", p->name_len, p->name, arg, p->suffix_len,
			p->suffix);
		return true;
	}
}

static uint64_t count_subdirs(struct simm *simm, const struct simm_node *node)
{
	const struct place *d = node_place(simm, node);
	uint64_t n = 0;

	for (unsigned i = 0; i < d->nr_children; i++) {
		const struct place *p = table_child(&simm->table, d, i);
		char name[SIMM_NAME_MAX + 1];
		struct simm_node child;

		if (!is_dir(p) || !entry_exists(simm, p, node))
			continue;
		if (!p->arg) {
			n++;
			continue;
		}
		for (uint64_t key = 0; next_entry(simm, p, node, &key, name, sizeof(name), &child);
			key++)
			n++;
	}
	return n;
}

static uint64_t mix64(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static uint64_t node_ino(const struct simm *simm, const struct simm_node *node)
{
	const struct place *p = node_place(simm, node);
	uint64_t hash = p->path_hash;

	if (!p->row)
		return 1;
	for (unsigned i = 0; i < p->nr_args; i++)
		hash = mix64(hash + node->arg[i] + 0x9e3779b97f4a7c15);
	/* Programs of 32-bit hosts are happier with small numbers; 0 and 1 are taken. */
	return (mix64(hash) >> 16) | 2;
}

/* sysfs says 4096 for every attribute, procfs, debugfs and tracefs 0. */
static uint64_t text_size(const struct row *row)
{
	return row_below(row, "sys/") && !row_below(row, "sys/kernel/debug/") &&
			       !row_below(row, "sys/kernel/tracing/") &&
			       !row_below(row, "sys/fs/cgroup/")
		       ? 4096
		       : 0;
}

/* procfs gives a fixed link its length, and 0 to those that depend on the reader; sysfs gives 0. */
static uint64_t link_size(struct view *v)
{
	struct text target;

	if (v->row->size)
		return v->row->size(v);
	if (!row_below(v->row, "proc/") || v->row->of || !strcmp(v->row->path, "proc/self") ||
		!strcmp(v->row->path, "proc/thread-self"))
		return 0;
	text_init(&target);
	uint64_t len = v->row->show(v, &target) ? 0 : target.len;
	text_finish(&target);
	return len;
}

/* Attributes of a node that is known to exist. */
static void fill_attr(
	struct simm *simm, const struct simm_node *node, bool count_links, struct simm_attr *out)
{
	const struct place *p = node_place(simm, node);
	const struct row *row = p->row;
	struct view v;

	*out = (struct simm_attr){.mode = 0555, .nlink = 1, .ino = node_ino(simm, node)};
	if (row) {
		out->mode = row->mode;
		out->fresh_nodeid = row->kind == ROW_STREAM || row->waits;
		out->changing = p->nr_args > 0;
	}
	node_view(simm, node, &v);
	if (is_dir(p)) {
		out->type = SIMM_DIR;
		/* Linux's proc/sys says 1: "not counted". */
		if (count_links && !(row && row_below(row, "proc/sys")))
			out->nlink = (uint32_t)(2 + count_subdirs(simm, node));
		return;
	}
	out->type = row->kind == ROW_LINK ? SIMM_LINK : SIMM_FILE;
	if (row->kind == ROW_LINK)
		out->size = link_size(&v);
	else if (row->kind == ROW_BLOB)
		out->size = row->size ? row->size(&v) : 0;
	else if (row->kind == ROW_TEXT)
		out->size = row->size ? row->size(&v) : text_size(row);
}

/* Does the argument of @p in @node still stand for something? Its spelling must still be read as
 * the same. */
static bool arg_holds(struct simm *simm, const struct place *p, const struct simm_node *node)
{
	const struct arg_ops *ops = p->arg->ops;
	uint64_t value = node->arg[p->nr_args - 1], key = value, again;
	char name[SIMM_NAME_MAX + 1] = "";
	struct view v;

	node_view(simm, node, &v);
	if (ops->print)
		ops->print(&v, value, name, sizeof(name));
	else if (!ops->next || !ops->next(&v, &key, name, sizeof(name)))
		return !ops->next;
	return !ops->parse(&v, name, strlen(name), &again) && again == value;
}

bool node_holds(struct simm *simm, const struct simm_node *node)
{
	const struct place *chain[32];
	unsigned depth = ancestry(simm, node_place(simm, node), chain, 32);

	for (unsigned i = 0; i < depth; i++)
		if (!entry_exists(simm, chain[i], node) ||
			(chain[i]->arg && !arg_holds(simm, chain[i], node)))
			return false;
	return true;
}

int simm_getattr(struct simm *simm, const struct simm_node *node, struct simm_attr *out)
{
	if (!node_holds(simm, node))
		return -ENOENT;
	fill_attr(simm, node, true, out);
	return 0;
}

ssize_t simm_readlink(struct simm *simm, const struct simm_node *node, char *buf, size_t cap)
{
	const struct place *p = node_place(simm, node);
	struct text target;
	struct view v;

	if (!p->row || p->row->kind != ROW_LINK)
		return -EINVAL;
	node_view(simm, node, &v);
	text_init(&target);
	int err = p->row->show(&v, &target);
	ssize_t ret = err ? err : target.failed ? -ENOMEM : (ssize_t)target.len;
	if (ret > (ssize_t)cap)
		ret = (ssize_t)cap;
	if (ret > 0)
		memcpy(buf, target.data, (size_t)ret);
	text_finish(&target);
	return ret;
}

/* ---- directories ---- */

static bool fill_one(struct simm *simm, const struct simm_node *node, const char *name,
	uint64_t cookie, simm_fill_fn *fill, void *data)
{
	struct simm_attr attr;

	/* A listing needs type and inode; counting the links of every subdirectory would list them
	 * all. */
	fill_attr(simm, node, false, &attr);
	return fill(data, name, &attr, cookie);
}

static struct simm_node parent_of(const struct simm *simm, const struct simm_node *node)
{
	const struct place *p = node_place(simm, node);
	struct simm_node up = *node;

	up.place = p->row ? p->parent : PLACE_ROOT;
	for (unsigned i = simm->table.place[up.place].nr_args; i < VIEW_MAX_ARGS; i++)
		up.arg[i] = 0;
	return up;
}

/* The entries of child number @i of @dir from @key on; false when @fill wants no more. */
static bool fill_child(struct simm *simm, const struct simm_node *dir, unsigned i, uint64_t key,
	simm_fill_fn *fill, void *data)
{
	const struct place *p = table_child(&simm->table, node_place(simm, dir), i);
	uint64_t high = (uint64_t)(i + 1) << COOKIE_KEY_BITS;
	char name[SIMM_NAME_MAX + 1];
	struct simm_node child = *dir;

	if (!entry_exists(simm, p, dir))
		return true;
	if (!p->arg) {
		child.place = place_id(simm, p);
		snprintf(name, sizeof(name), "%.*s", p->name_len, p->name);
		return fill_one(simm, &child, name, high, fill, data);
	}
	for (; next_entry(simm, p, dir, &key, name, sizeof(name), &child); key++)
		if (!fill_one(simm, &child, name, high | (key + 1), fill, data))
			return false;
	return true;
}

int simm_readdir(struct simm *simm, const struct simm_node *dir, uint64_t cookie,
	simm_fill_fn *fill, void *data)
{
	const struct place *d = node_place(simm, dir);
	struct simm_node up = parent_of(simm, dir);
	unsigned i = 0;
	uint64_t key = 0;

	if (!is_dir(d))
		return -ENOTDIR;
	assert(d->nr_children < 1u << (63 - COOKIE_KEY_BITS));
	if (cookie < 1 && !fill_one(simm, dir, ".", 1, fill, data))
		return 0;
	if (cookie < COOKIE_DOTDOT && !fill_one(simm, &up, "..", COOKIE_DOTDOT, fill, data))
		return 0;
	if (cookie > COOKIE_DOTDOT) {
		i = (unsigned)(cookie >> COOKIE_KEY_BITS) - 1;
		key = cookie & COOKIE_KEY_MASK;
		if (i >= d->nr_children)
			return 0;
		if (!table_child(&simm->table, d, i)->arg)
			i++;
	}
	for (; i < d->nr_children; i++, key = 0)
		if (!fill_child(simm, dir, i, key, fill, data))
			return 0;
	return 0;
}

int simm_mkdir(struct simm *simm, const struct simm_node *dir, const char *name)
{
	const struct place *d = node_place(simm, dir);
	struct simm_node there;
	struct view v;

	if (simm->acting)
		return -EBUSY;
	if (!simm_lookup(simm, dir, name, &there))
		return -EEXIST;
	if (!d->row || !d->row->mkdir)
		return -EPERM;
	node_view(simm, dir, &v);
	return d->row->mkdir(&v, name, strlen(name));
}

static int remove_node(
	struct simm *simm, const struct simm_node *dir, const char *name, bool want_dir)
{
	struct simm_node node;
	struct view v;
	int err = simm->acting ? -EBUSY : simm_lookup(simm, dir, name, &node);

	if (err)
		return err;
	const struct row *row = node_place(simm, &node)->row;
	if ((row->kind == ROW_DIR) != want_dir)
		return want_dir ? -ENOTDIR : -EISDIR;
	if (!row->remove)
		return -EPERM;
	node_view(simm, &node, &v);
	return row->remove(&v);
}

int simm_unlink(struct simm *simm, const struct simm_node *dir, const char *name)
{
	return remove_node(simm, dir, name, false);
}

int simm_rmdir(struct simm *simm, const struct simm_node *dir, const char *name)
{
	return remove_node(simm, dir, name, true);
}

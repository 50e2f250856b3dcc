/* SPDX-License-Identifier: MIT
 *
 * Names of results (see var.h), in the machine's heap.
 *
 *	table:     | base 0 | base 1 | ... cap | slot ... 2 * cap |    slots: hash of a base's name -> number + 1
 *
 *	base "p":  plain value ("p"),  root[2048] -> middle[2048] -> leaf of 1024 values ("p.0", "p.1", ...)
 *
 * Indices have 32 bits and are used densely (p.0-999) or hardly at all, so a radix tree of three
 * levels costs 24 bytes a value and never more than two blocks for a lone one. A leaf or middle that
 * becomes empty is freed.
 *
 * A base keeps its number while it lives; a base without values keeps its place until the table is
 * full, and then those are squeezed out before it grows. That is the only moment at which a listing
 * in progress may be confused.
 *
 * Each scope of names (the machine's, each process's) is a table of its own, in a struct vars.
 *
 * Invariant: nr_values is the number of values of a kind other than VAR_NONE, each base's `nr` its
 * share.
 */
#include "mm/core/var.h"

#include "base/parse.h"
#include "mm/machine.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LEAF_BITS 10
#define NODE_BITS 11
#define LEAF_LEN  (1u << LEAF_BITS)
#define NODE_LEN  (1u << NODE_BITS)
#define BASES_MIN 16
#define BASES_MAX (1u << 18) /* so that a key fits 51 bits */
#define KEY_SHIFT 33	     /* key: number of the base, then 0 for the plain value or index + 1 */

struct leaf {
	uint64_t nr;
	struct var var[LEAF_LEN];
};

struct middle {
	uint64_t nr;
	uint64_t leaf_at[NODE_LEN];
};

struct base {
	char name[VAR_NAME_MAX];
	uint32_t len;
	uint32_t hash;
	uint64_t nr;	  /* values, the plain one included */
	uint64_t root_at; /* uint64_t[NODE_LEN], offsets of middles; 0: no index was ever used */
	struct var plain;
};

bool var_name_ok(const char *base, size_t len)
{
	if (!len || len >= VAR_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = base[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';

		if (!letter && !(i && c >= '0' && c <= '9'))
			return false;
	}
	return true;
}

static struct base *bases(const struct machine *m, const struct vars *vars)
{
	return machine_at(m, vars->table_at);
}

static uint32_t *slots(const struct machine *m, const struct vars *vars)
{
	return (uint32_t *)(bases(m, vars) + vars->cap_bases);
}

static uint64_t table_bytes(uint32_t cap)
{
	return cap * (sizeof(struct base) + 2 * sizeof(uint32_t));
}

static struct base *find_base(
	const struct machine *m, const struct vars *vars, const char *name, size_t len)
{
	uint32_t hash = parse_hash(name, len);

	if (!vars->cap_bases)
		return NULL;
	uint32_t mask = 2 * vars->cap_bases - 1;
	const uint32_t *slot = slots(m, vars);
	for (uint32_t i = hash & mask; slot[i]; i = (i + 1) & mask) {
		struct base *b = bases(m, vars) + (slot[i] - 1);

		if (b->hash == hash && b->len == len && !memcmp(b->name, name, len))
			return b;
	}
	return NULL;
}

static void index_bases(struct machine *m, struct vars *vars)
{
	uint32_t mask = 2 * vars->cap_bases - 1;
	uint32_t *slot = slots(m, vars);

	memset(slot, 0, (mask + 1) * sizeof(*slot));
	for (uint32_t b = 0; b < vars->nr_bases; b++) {
		uint32_t i = bases(m, vars)[b].hash & mask;

		while (slot[i])
			i = (i + 1) & mask;
		slot[i] = b + 1;
	}
}

static void squeeze(struct machine *m, struct vars *vars)
{
	struct base *b = bases(m, vars);
	uint32_t kept = 0;

	for (uint32_t i = 0; i < vars->nr_bases; i++) {
		if (b[i].nr)
			b[kept++] = b[i];
		else
			heap_free(m, b[i].root_at, NODE_LEN * sizeof(uint64_t));
	}
	vars->nr_bases = kept;
}

static int refuse_full(struct machine *m, const struct vars *vars)
{
	return refuse(&m->why, ENOSPC, "there are %u names already: forget some (rm sim/vars/NAME)",
		vars->nr_bases);
}

static int refuse_name(struct machine *m)
{
	return refuse(&m->why, EINVAL,
		"a name is letters, digits and _, does not begin with a digit, and has at most %d "
		"characters",
		VAR_NAME_MAX - 1);
}

/* Room for one base more. */
static int make_room(struct machine *m, struct vars *vars)
{
	if (vars->nr_bases < vars->cap_bases)
		return 0;
	if (vars->cap_bases) {
		squeeze(m, vars);
		index_bases(m, vars);
	}
	/* Unless a quarter came free, the next squeeze would be near: grow. */
	if (vars->nr_bases < vars->cap_bases / 4 * 3)
		return 0;
	uint32_t cap = vars->cap_bases ? 2 * vars->cap_bases : BASES_MIN;
	if (cap > BASES_MAX)
		return refuse_full(m, vars);
	uint64_t at = heap_alloc(m, table_bytes(cap));
	if (!at)
		return vars->nr_bases < vars->cap_bases ? 0 : -m->why.err;
	if (vars->nr_bases)
		memcpy(machine_at(m, at), bases(m, vars), vars->nr_bases * sizeof(struct base));
	if (vars->cap_bases)
		heap_free(m, vars->table_at, table_bytes(vars->cap_bases));
	vars->table_at = at;
	vars->cap_bases = cap;
	index_bases(m, vars);
	return 0;
}

static int need_base(
	struct machine *m, struct vars *vars, const char *name, size_t len, struct base **out)
{
	*out = find_base(m, vars, name, len);
	if (*out)
		return 0;
	if (!var_name_ok(name, len))
		return refuse_name(m);
	int err = make_room(m, vars);
	if (err)
		return err;
	struct base *b = bases(m, vars) + vars->nr_bases++;
	*b = (struct base){.len = (uint32_t)len, .hash = parse_hash(name, len)};
	memcpy(b->name, name, len);
	uint32_t mask = 2 * vars->cap_bases - 1;
	uint32_t i = b->hash & mask;
	while (slots(m, vars)[i])
		i = (i + 1) & mask;
	slots(m, vars)[i] = vars->nr_bases;
	*out = b;
	return 0;
}

/* ---- the radix tree of a base ---- */

static uint64_t *root_slot(const struct machine *m, const struct base *b, uint32_t index)
{
	return (uint64_t *)machine_at(m, b->root_at) + (index >> (LEAF_BITS + NODE_BITS));
}

static struct leaf *find_leaf(const struct machine *m, const struct base *b, uint32_t index)
{
	if (!b->root_at || !*root_slot(m, b, index))
		return NULL;
	const struct middle *mid = machine_at(m, *root_slot(m, b, index));
	uint64_t at = mid->leaf_at[index >> LEAF_BITS & (NODE_LEN - 1)];
	return at ? machine_at(m, at) : NULL;
}

static struct leaf *need_leaf(struct machine *m, struct base *b, uint32_t index)
{
	struct leaf *leaf = find_leaf(m, b, index);

	if (leaf)
		return leaf;
	if (!b->root_at)
		b->root_at = heap_alloc(m, NODE_LEN * sizeof(uint64_t));
	if (!b->root_at)
		return NULL;
	uint64_t *slot = root_slot(m, b, index);
	if (!*slot)
		*slot = heap_alloc(m, sizeof(struct middle));
	if (!*slot)
		return NULL;
	uint64_t at = heap_alloc(m, sizeof(struct leaf));
	if (!at)
		return NULL;
	struct middle *mid = machine_at(m, *slot);
	mid->leaf_at[index >> LEAF_BITS & (NODE_LEN - 1)] = at;
	mid->nr++;
	return machine_at(m, at);
}

static void drop_leaf(struct machine *m, struct base *b, uint32_t index)
{
	uint64_t *slot = root_slot(m, b, index);
	struct middle *mid = machine_at(m, *slot);
	uint64_t *leaf_at = &mid->leaf_at[index >> LEAF_BITS & (NODE_LEN - 1)];

	heap_free(m, *leaf_at, sizeof(struct leaf));
	*leaf_at = 0;
	assert(mid->nr);
	if (--mid->nr)
		return;
	heap_free(m, *slot, sizeof(struct middle));
	*slot = 0;
}

/* The first value of @b at an index at or above *index. */
static struct var *next_indexed(const struct machine *m, const struct base *b, uint32_t *index)
{
	uint64_t i = *index;

	if (!b->root_at)
		return NULL;
	while (i < VAR_NO_INDEX) {
		const uint64_t *slot = root_slot(m, b, (uint32_t)i);
		struct leaf *leaf;

		if (!*slot) {
			i = ((i >> (LEAF_BITS + NODE_BITS)) + 1) << (LEAF_BITS + NODE_BITS);
		} else if (!(leaf = find_leaf(m, b, (uint32_t)i))) {
			i = ((i >> LEAF_BITS) + 1) << LEAF_BITS;
		} else if (leaf->var[i % LEAF_LEN].kind == VAR_NONE) {
			i++;
		} else {
			*index = (uint32_t)i;
			return &leaf->var[i % LEAF_LEN];
		}
	}
	return NULL;
}

/* ---- values ---- */

static struct var *find_var(const struct machine *m, struct base *b, uint32_t index)
{
	if (index == VAR_NO_INDEX)
		return b->plain.kind == VAR_NONE ? NULL : &b->plain;
	struct leaf *leaf = find_leaf(m, b, index);
	struct var *v = leaf ? &leaf->var[index % LEAF_LEN] : NULL;
	return v && v->kind != VAR_NONE ? v : NULL;
}

bool var_split(const char *name, size_t len, size_t *base_len, uint32_t *index)
{
	const char *dot = memchr(name, '.', len);
	uint64_t value = VAR_NO_INDEX;

	*base_len = dot ? (size_t)(dot - name) : len;
	if (!var_name_ok(name, *base_len))
		return false;
	if (dot && (!parse_u64(dot + 1, len - *base_len - 1, 10, &value) || value >= VAR_NO_INDEX))
		return false;
	*index = (uint32_t)value;
	return true;
}

const struct var *var_get(const struct machine *m, const struct vars *vars, const char *base,
	size_t len, uint32_t index)
{
	struct base *b = find_base(m, vars, base, len);

	return b ? find_var(m, b, index) : NULL;
}

/* The act that comes first may make frames live and draw on the host's budget as well. */
#define ROOM_FOR_THE_ACT ((uint64_t)1 << 20)

int var_room(
	struct machine *m, const struct vars *vars, const char *base, size_t len, uint32_t index)
{
	const struct base *b = find_base(m, vars, base, len);
	const struct heap *h = &m->heap;
	const struct arena *a = &m->arena;

	if (!b && !var_name_ok(base, len))
		return refuse_name(m);
	if (b && (index == VAR_NO_INDEX || find_leaf(m, b, index)))
		return 0;
	if (!b && vars->nr_bases >= BASES_MAX)
		return refuse_full(m, vars);
	uint64_t bytes =
		2 * (sizeof(struct leaf) + sizeof(struct middle) + NODE_LEN * sizeof(uint64_t));
	if (!b && vars->nr_bases == vars->cap_bases)
		bytes += 2 * table_bytes(2 * vars->cap_bases + BASES_MIN);
	if (h->end - h->frontier < bytes)
		return refuse(&m->why, ENOMEM,
			"there is no room for more names: forget some (rm sim/vars/NAME)");
	if (a->budget_pages - a->touched_pages < (bytes + ROOM_FOR_THE_ACT) >> ARENA_PAGE_SHIFT)
		return refuse(&m->why, EDQUOT,
			"the simulation has used the host memory that host_max allows, and has "
			"none left for a name");
	return 0;
}

int var_set(struct machine *m, struct vars *vars, const char *base, size_t len, uint32_t index,
	const struct var *v)
{
	struct base *b;
	struct leaf *leaf = NULL;
	int err = need_base(m, vars, base, len, &b);

	assert(v->kind != VAR_NONE);
	if (err)
		return err;
	if (index != VAR_NO_INDEX && !(leaf = need_leaf(m, b, index)))
		return -m->why.err;
	struct var *to = leaf ? &leaf->var[index % LEAF_LEN] : &b->plain;
	if (to->kind == VAR_NONE) {
		b->nr++;
		vars->nr_values++;
		if (leaf)
			leaf->nr++;
	}
	*to = *v;
	return 0;
}

int var_forget(struct machine *m, struct vars *vars, const char *base, size_t len, uint32_t index)
{
	struct base *b = find_base(m, vars, base, len);
	struct var *v = b ? find_var(m, b, index) : NULL;

	if (!v)
		return -ENOENT;
	*v = (struct var){0};
	assert(b->nr && vars->nr_values);
	b->nr--;
	vars->nr_values--;
	if (index != VAR_NO_INDEX && !--find_leaf(m, b, index)->nr)
		drop_leaf(m, b, index);
	return 0;
}

/* ---- walking ---- */

bool var_next(const struct machine *m, const struct vars *vars, uint64_t *cookie, char *name,
	struct var *v)
{
	uint64_t id = *cookie >> KEY_SHIFT;
	uint64_t at = *cookie & (((uint64_t)1 << KEY_SHIFT) - 1);

	for (; id < vars->nr_bases; id++, at = 0) {
		const struct base *b = bases(m, vars) + id;

		if (!at && b->plain.kind != VAR_NONE) {
			*cookie = (id << KEY_SHIFT) + 1;
			snprintf(name, VAR_NAME_MAX + 12, "%s", b->name);
			*v = b->plain;
			return true;
		}
		uint32_t index = at ? (uint32_t)(at - 1) : 0;
		if (at > VAR_NO_INDEX)
			continue;
		const struct var *found = next_indexed(m, b, &index);
		if (!found)
			continue;
		*cookie = (id << KEY_SHIFT) + index + 2;
		snprintf(name, VAR_NAME_MAX + 12, "%s.%u", b->name, index);
		*v = *found;
		return true;
	}
	return false;
}

bool var_key(const struct machine *m, const struct vars *vars, const char *base, size_t len,
	uint32_t index, uint64_t *key)
{
	struct base *b = find_base(m, vars, base, len);

	if (!b || !find_var(m, b, index))
		return false;
	*key = ((uint64_t)(b - bases(m, vars)) << KEY_SHIFT) +
	       (index == VAR_NO_INDEX ? 0 : (uint64_t)index + 1);
	return true;
}

struct var *var_at_key(const struct machine *m, const struct vars *vars, uint64_t key)
{
	uint64_t id = key >> KEY_SHIFT, at = key & (((uint64_t)1 << KEY_SHIFT) - 1);

	if (id >= vars->nr_bases || at > VAR_NO_INDEX)
		return NULL;
	return find_var(m, bases(m, vars) + id, at ? (uint32_t)(at - 1) : VAR_NO_INDEX);
}

bool var_next_index(const struct machine *m, const struct vars *vars, const char *base, size_t len,
	uint32_t *index)
{
	struct base *b = find_base(m, vars, base, len);

	return b && next_indexed(m, b, index);
}

uint32_t var_next_free_index(const struct machine *m, const struct vars *vars, const char *base,
	size_t len, uint32_t from)
{
	struct base *b = find_base(m, vars, base, len);

	if (!b)
		return from;
	for (uint64_t i = from; i < VAR_NO_INDEX; i++) {
		const struct leaf *leaf = find_leaf(m, b, (uint32_t)i);

		if (!leaf)
			return (uint32_t)i;
		if (leaf->nr == LEAF_LEN)
			i |= LEAF_LEN - 1;
		else if (leaf->var[i % LEAF_LEN].kind == VAR_NONE)
			return (uint32_t)i;
	}
	return VAR_NO_INDEX;
}

bool var_of_page(const struct machine *m, const struct vars *vars, uint64_t pfn, uint64_t address,
	char *name)
{
	uint64_t cookie = 0;
	struct var v;

	while (var_next(m, vars, &cookie, name, &v)) {
		uint64_t bytes = v.bytes ? v.bytes : PAGE_BYTES << v.order;

		if (v.kind == VAR_PAGE && pfn >= v.value && pfn - v.value < pfn_up(bytes))
			return true;
		if (v.kind == VAR_ADDRESS && address && address >= v.value &&
			address - v.value < bytes)
			return true;
	}
	return false;
}

/* ---- whole scopes ---- */

void vars_finish(struct machine *m, struct vars *vars)
{
	for (uint32_t id = 0; id < vars->nr_bases; id++) {
		struct base *b = bases(m, vars) + id;

		for (uint32_t i = 0; next_indexed(m, b, &i); i |= LEAF_LEN - 1, i++)
			drop_leaf(m, b, i);
		heap_free(m, b->root_at, NODE_LEN * sizeof(uint64_t));
	}
	if (vars->cap_bases)
		heap_free(m, vars->table_at, table_bytes(vars->cap_bases));
	*vars = (struct vars){0};
}

int vars_copy(struct machine *m, struct vars *to, const struct vars *from)
{
	char name[VAR_NAME_MAX + 12];
	uint64_t cookie = 0;
	struct var v;

	*to = (struct vars){0};
	while (var_next(m, from, &cookie, name, &v)) {
		size_t len;
		uint32_t index;
		bool is_name = var_split(name, strlen(name), &len, &index);

		assert(is_name);
		int err = var_set(m, to, name, len, index, &v);
		if (err) {
			vars_finish(m, to);
			return err;
		}
	}
	return 0;
}

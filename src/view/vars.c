/* SPDX-License-Identifier: MIT
 *
 * sim/vars/NAME and PID/vars/NAME: what a name holds, in words; removing the file forgets the name.
 *
 * The two folders are the same over two scopes: the machine's names, and those of one process.
 */
#include "view/files.h"
#include "view/task_view.h"

#include "mm/slab/slab.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct vars *machines(const struct view *v)
{
	return &v->m->vars;
}

/* NULL when the process is gone. */
static struct vars *of_task(const struct view *v)
{
	struct task *t = view_process(v);

	return t ? &t->vars : NULL;
}

/* BASE or BASE.INDEX, the index in plain decimal without leading zeroes: one spelling a name. */
static int parse(
	struct view *v, const struct vars *vars, const char *name, size_t len, uint64_t *value)
{
	size_t base_len;
	uint32_t index;

	if (!vars || !var_split(name, len, &base_len, &index))
		return -ENOENT;
	if (index != VAR_NO_INDEX && name[base_len + 1] == '0' && len - base_len > 2)
		return -ENOENT;
	return var_key(v->m, vars, name, base_len, index, value) ? 0 : -ENOENT;
}

static bool list(struct view *v, const struct vars *vars, uint64_t *key, char *name, size_t cap)
{
	char found[VAR_NAME_MAX + 12];
	uint64_t cookie = *key;
	struct var var;

	if (!vars || !var_next(v->m, vars, &cookie, found, &var))
		return false;
	*key = cookie - 1;
	snprintf(name, cap, "%s", found);
	return true;
}

/* The name behind a key; false when it is forgotten. */
static bool var_at(
	struct view *v, const struct vars *vars, uint64_t key, char *name, struct var *var)
{
	uint64_t cookie = key;

	return vars && var_next(v->m, vars, &cookie, name, var) && cookie == key + 1;
}

static void print(struct view *v, const struct vars *vars, uint64_t value, char *name, size_t cap)
{
	char found[VAR_NAME_MAX + 12];
	struct var var;

	snprintf(name, cap, "%s", var_at(v, vars, value, found, &var) ? found : "");
}

static void put_size(const struct var *var, struct text *out)
{
	if (var->bytes)
		text_printf(out, ", %llu bytes", (unsigned long long)var->bytes);
	else
		text_printf(out, ", order %u: %llu pages, %llu KiB", var->order, 1ULL << var->order,
			4ULL << var->order);
}

static int show(struct view *v, const struct vars *vars, uint64_t key, struct text *out)
{
	char name[VAR_NAME_MAX + 12];
	struct var var;

	if (!var_at(v, vars, key, name, &var))
		return -ENOENT;
	switch ((enum var_kind)var.kind) {
	case VAR_PAGE:
		text_printf(out, "struct page at pfn %#llx", (unsigned long long)var.value);
		put_size(&var, out);
		break;
	case VAR_ADDRESS:
		text_printf(out, "address %#llx", (unsigned long long)var.value);
		/* An address of a process is where something lies, not an allocation with an order. */
		if (vars == &v->m->vars || var.bytes)
			put_size(&var, out);
		break;
	case VAR_NUMBER:
		text_printf(out, "number %llu (%#llx)", (unsigned long long)var.value,
			(unsigned long long)var.value);
		break;
	case VAR_DMA:
		text_printf(out, "bus address %#llx, %llu bytes", (unsigned long long)var.value,
			(unsigned long long)var.bytes);
		break;
	case VAR_CACHE: {
		const struct kmem_cache *s = kmem_cache_get(v->m, (uint32_t)var.value);

		text_printf(out, "cache %s", s ? s->name : "destroyed");
		break;
	}
	case VAR_NONE:
		return -ENOENT;
	}
	text_putc(out, '\n');
	return 0;
}

static int forget(struct view *v, struct vars *vars, uint64_t key)
{
	char name[VAR_NAME_MAX + 12];
	struct var var;
	size_t len;
	uint32_t index;

	if (!var_at(v, vars, key, name, &var) || !var_split(name, strlen(name), &len, &index))
		return -ENOENT;
	v->s->acts++;
	return var_forget(v->m, vars, name, len, index);
}

#define VAR_FILES(ops, scope, at, shows, forgets)                                                  \
	static int parse_##ops(struct view *v, const char *name, size_t len, uint64_t *value)      \
	{                                                                                          \
		return parse(v, scope(v), name, len, value);                                       \
	}                                                                                          \
	static bool next_##ops(struct view *v, uint64_t *key, char *name, size_t cap)              \
	{                                                                                          \
		return list(v, scope(v), key, name, cap);                                          \
	}                                                                                          \
	static void print_##ops(struct view *v, uint64_t value, char *name, size_t cap)            \
	{                                                                                          \
		print(v, scope(v), value, name, cap);                                              \
	}                                                                                          \
	const struct arg_ops ops = {                                                               \
		.parse = parse_##ops, .next = next_##ops, .print = print_##ops};                   \
	int shows(struct view *v, struct text *out)                                                \
	{                                                                                          \
		return show(v, scope(v), v->arg[at], out);                                         \
	}                                                                                          \
	int forgets(struct view *v)                                                                \
	{                                                                                          \
		return forget(v, scope(v), v->arg[at]);                                            \
	}

VAR_FILES(var_arg, machines, 0, show_sim_var, forget_sim_var)
VAR_FILES(var_of_task_arg, of_task, 1, show_pid_var, forget_pid_var)

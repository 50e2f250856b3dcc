/* SPDX-License-Identifier: MIT
 *
 * sim/vars/NAME: what a name holds, in words; removing the file forgets the name.
 */
#include "view/files.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* BASE or BASE.INDEX, the index in plain decimal without leading zeroes: one spelling a name. */
static int var_parse(struct view *v, const char *name, size_t len, uint64_t *value)
{
	size_t base_len;
	uint32_t index;

	if (!var_split(name, len, &base_len, &index))
		return -ENOENT;
	if (index != VAR_NO_INDEX && name[base_len + 1] == '0' && len - base_len > 2)
		return -ENOENT;
	return var_key(v->m, &v->m->vars, name, base_len, index, value) ? 0 : -ENOENT;
}

static bool var_list(struct view *v, uint64_t *key, char *name, size_t cap)
{
	char found[VAR_NAME_MAX + 12];
	uint64_t cookie = *key;
	struct var var;

	if (!var_next(v->m, &v->m->vars, &cookie, found, &var))
		return false;
	*key = cookie - 1;
	snprintf(name, cap, "%s", found);
	return true;
}

/* The name behind a key; false when it is forgotten. */
static bool var_at(struct view *v, uint64_t key, char *name, struct var *var)
{
	uint64_t cookie = key;

	return var_next(v->m, &v->m->vars, &cookie, name, var) && cookie == key + 1;
}

static void var_print(struct view *v, uint64_t value, char *name, size_t cap)
{
	char found[VAR_NAME_MAX + 12];
	struct var var;

	snprintf(name, cap, "%s", var_at(v, value, found, &var) ? found : "");
}

const struct arg_ops var_arg = {.parse = var_parse, .next = var_list, .print = var_print};

static void put_size(const struct var *var, struct text *out)
{
	if (var->bytes)
		text_printf(out, ", %llu bytes", (unsigned long long)var->bytes);
	else
		text_printf(out, ", order %u: %llu pages, %llu KiB", var->order, 1ULL << var->order,
			4ULL << var->order);
}

int show_sim_var(struct view *v, struct text *out)
{
	char name[VAR_NAME_MAX + 12];
	struct var var;

	if (!var_at(v, v->arg[0], name, &var))
		return -ENOENT;
	switch ((enum var_kind)var.kind) {
	case VAR_PAGE:
		text_printf(out, "struct page at pfn %#llx", (unsigned long long)var.value);
		put_size(&var, out);
		break;
	case VAR_ADDRESS:
		text_printf(out, "address %#llx", (unsigned long long)var.value);
		put_size(&var, out);
		break;
	case VAR_NUMBER:
		text_printf(out, "number %llu (%#llx)", (unsigned long long)var.value,
			(unsigned long long)var.value);
		break;
	case VAR_NONE:
		return -ENOENT;
	}
	text_putc(out, '\n');
	return 0;
}

int forget_sim_var(struct view *v)
{
	char name[VAR_NAME_MAX + 12];
	struct var var;

	if (!var_at(v, v->arg[0], name, &var))
		return -ENOENT;
	size_t len;
	uint32_t index;
	if (!var_split(name, strlen(name), &len, &index))
		return -ENOENT;
	v->s->acts++;
	return var_forget(v->m, &v->m->vars, name, len, index);
}

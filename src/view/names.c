/* SPDX-License-Identifier: MIT
 *
 * Names in calls: their syntax, and what they stand for.
 *
 *	buf  p.17  p.0-999  p.0-999:1/2  p.0-  buf+4K
 *
 * Ranges are Linux's cpulist ranges (lib/bitmap.c): A-B:USED/GROUP is the first USED of every GROUP numbers. A range
 * without an end goes on until refused where names are made, and to the last name where they are used.
 *
 * Names are typed. A struct page is no address: the refusal names the call that takes what the name holds, which is
 * the one that differs in leading underscores only (free_pages, __free_pages).
 */
#include "view/call_parse.h"

#include "base/parse.h"
#include "mm/page/frame.h"

#include <errno.h>
#include <string.h>

static int refuse_word(struct refusal *why, int err, const struct word *word, const char *sentence)
{
	return refuse_at(why, err, word->column, word->len, "%.*s: %s",
		(int)(word->len < 100 ? word->len : 100), word->s, sentence);
}

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

/* Decimal digits at *at; false when there are none or too many. */
static bool take_index(const char *s, size_t len, size_t *at, uint32_t *out)
{
	uint64_t value = 0;
	size_t from = *at;

	while (*at < len && s[*at] >= '0' && s[*at] <= '9' && value < VAR_NO_INDEX)
		value = value * 10 + (uint64_t)(s[(*at)++] - '0');
	*out = (uint32_t)value;
	return *at > from && value < VAR_NO_INDEX;
}

static bool take_groups(const char *s, size_t len, size_t *at, struct name_ref *r)
{
	if (!take_index(s, len, at, &r->used) || *at >= len || s[*at] != '/')
		return false;
	(*at)++;
	return take_index(s, len, at, &r->group) && r->used && r->used <= r->group;
}

/* What follows the dot: INDEX, A-B, A-B:USED/GROUP, A-. */
static bool take_range(const char *s, size_t len, size_t *at, struct name_ref *r)
{
	if (!take_index(s, len, at, &r->first))
		return false;
	r->last = r->first;
	if (*at == len || s[*at] != '-')
		return true;
	(*at)++;
	r->range = true;
	r->open = *at == len || s[*at] == '+' || s[*at] == ':';
	if (r->open)
		r->last = VAR_NO_INDEX - 1;
	else if (!take_index(s, len, at, &r->last) || r->last < r->first)
		return false;
	if (*at == len || s[*at] != ':')
		return true;
	(*at)++;
	return take_groups(s, len, at, r);
}

int name_parse(const struct word *word, struct name_ref *r, struct refusal *why)
{
	const char *s = word->s;
	size_t len = word->len, at = 0;

	*r = (struct name_ref){
		.base = s,
		.first = VAR_NO_INDEX,
		.last = VAR_NO_INDEX,
		.used = 1,
		.group = 1,
		.word = *word,
	};
	while (at < len && is_name_char(s[at]))
		at++;
	r->len = (uint32_t)at;
	if (!var_name_ok(s, at))
		return refuse_word(why, EINVAL, word,
			"a name is letters, digits and _, does not begin with a digit, and is "
			"shorter than 48");
	if (at < len && s[at] == '.') {
		at++;
		if (!take_range(s, len, &at, r))
			return refuse_word(why, EINVAL, word,
				"behind the dot comes INDEX, FIRST-LAST, FIRST-LAST:USED/GROUP or "
				"FIRST-, in decimal, up to 4294967294, FIRST not above LAST");
	}
	if (at < len && s[at] == '+') {
		r->offset = s + at + 1;
		r->offset_len = (uint32_t)(len - at - 1);
		at = len;
	}
	if (at < len)
		return refuse_word(why, EINVAL, word,
			"write NAME, NAME.INDEX, NAME.FIRST-LAST or NAME+OFFSET");
	return 0;
}

uint32_t name_next_index(const struct name_ref *r, uint32_t from)
{
	if (from < r->first)
		from = r->first;
	uint32_t in_group = (from - r->first) % r->group;
	if (in_group >= r->used) {
		uint32_t skip = r->group - in_group;

		if (skip > VAR_NO_INDEX - from)
			return VAR_NO_INDEX;
		from += skip;
	}
	return from <= r->last && from != VAR_NO_INDEX ? from : VAR_NO_INDEX;
}

/* ---- what a name stands for ---- */

const struct var *name_get(const struct machine *m, const struct vars *vars, const char *base,
	size_t len, uint32_t index)
{
	const struct var *var = var_get(m, vars, base, len, index);

	return var || vars == &m->vars ? var : var_get(m, &m->vars, base, len, index);
}

const struct vars *name_scope(
	const struct machine *m, const struct vars *vars, const char *base, size_t len)
{
	uint32_t index = 0;

	return var_next_index(m, vars, base, len, &index) ? vars : &m->vars;
}

static const char *bare_name(const char *s)
{
	return s + strspn(s, "_");
}

/* The call that does to a @type what @spec's does to something else. */
static const char *counterpart(const struct call_spec *spec, unsigned arg, enum arg_type type)
{
	for (unsigned i = 0; i < nr_call_rows; i++) {
		struct call_spec other;

		if (strcmp(bare_name(call_rows[i].name), bare_name(spec->row->name)))
			continue;
		call_spec_init(&other, &call_rows[i]);
		if (arg < other.nr_args && other.arg[arg].type == type)
			return call_rows[i].name;
	}
	return NULL;
}

static int refuse_type(struct parsed_call *p, unsigned i, const struct var *var)
{
	static const char *const kinds[] = {
		[VAR_NONE] = "nothing",
		[VAR_PAGE] = "a struct page",
		[VAR_ADDRESS] = "an address",
		[VAR_NUMBER] = "a number",
		[VAR_DMA] = "a bus address",
		[VAR_CACHE] = "a cache",
	};
	const struct word *word = &p->ref[i].word;
	enum arg_type holds = var->kind == VAR_PAGE  ? ARG_page
			      : var->kind == VAR_DMA ? ARG_dma
						     : ARG_address;
	const char *other = counterpart(p->spec, i, holds);
	const char *takes = arg_type_doc((enum arg_type)p->spec->arg[i].type);

	return refuse_at(&p->call.m->why, EINVAL, word->column, word->len,
		"%.*s is %s, but %s takes %.*s%s%s", (int)word->len, word->s, kinds[var->kind],
		p->spec->row->name, (int)strcspn(takes, ":,"), takes,
		other ? "; the call for what it is: " : "", other ? other : "");
}

static bool type_takes(enum arg_type type, enum var_kind kind)
{
	switch (type) {
	case ARG_page:
		return kind == VAR_PAGE || kind == VAR_NUMBER;
	case ARG_address:
	case ARG_buffer:
	case ARG_number:
	case ARG_size:
		return kind == VAR_ADDRESS || kind == VAR_NUMBER;
	case ARG_dma:
		return kind == VAR_DMA || kind == VAR_NUMBER;
	default:
		return kind == VAR_NUMBER;
	}
}

static int add_offset(struct parsed_call *p, unsigned i, uint64_t *value)
{
	const struct name_ref *r = &p->ref[i];
	bool pages = p->spec->arg[i].type == ARG_page;
	uint64_t offset;

	if (!r->offset)
		return 0;
	if (!(pages ? parse_u64(r->offset, r->offset_len, 0, &offset)
		    : parse_size(r->offset, r->offset_len, &offset)) ||
		__builtin_add_overflow(*value, offset, value))
		return refuse_word(&p->call.m->why, EINVAL, &r->word,
			pages ? "behind + comes a number of pages"
			      : "behind + comes a number of bytes, as in +4K");
	return 0;
}

int call_resolve(struct parsed_call *p, unsigned i, uint32_t index)
{
	struct machine *m = p->call.m;
	const struct name_ref *r = &p->ref[i];
	struct call_value *a = &p->call.arg[i];
	const struct var *var = name_get(m, p->call.vars, r->base, r->len, index);

	enum arg_type type = (enum arg_type)p->spec->arg[i].type;
	if (!var && type != ARG_page && type != ARG_address && type != ARG_dma)
		return refuse_at(&m->why, EINVAL, r->word.column, r->word.len,
			"%.*s is neither %s, nor a name",
			(int)(r->word.len < 100 ? r->word.len : 100), r->word.s,
			arg_type_doc(type));
	if (!var)
		return refuse_word(&m->why, ENOENT, &r->word,
			"there is no such name: sim/vars/ has those there are");
	if (!type_takes(type, (enum var_kind)var->kind))
		return refuse_type(p, i, var);
	a->var = *var;
	a->number = var->value;
	a->index = index;
	int err = add_offset(p, i, &a->number);
	if (!err && type == ARG_page && !pfn_valid(m, a->number))
		err = refuse_word(&m->why, EINVAL, &r->word,
			"there is no struct page so far behind the name");
	if (!err && type == ARG_node && a->number >= m->nr_nodes && a->number != UINT64_MAX)
		err = refuse_at(&m->why, EINVAL, r->word.column, r->word.len,
			"it holds %llu, and this machine's nodes go from 0 to %u",
			(unsigned long long)a->number, m->nr_nodes - 1);
	return err;
}

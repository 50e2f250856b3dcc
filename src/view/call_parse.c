/* SPDX-License-Identifier: MIT
 *
 * A line to a call: the grammar of ctl files.
 *
 *	[NAME =] CALL ARGUMENT...  [= RESULT]  [# comment]
 *
 * 1. Words are what stands between blanks, commas and parentheses, so C's, strace's and a hand's spelling are one
 *    grammar; "strings", [arrays] and {structs} are one word each, and C's comments are blanks.
 * 2. The first word finds the row, whose argument string says how each of the rest is read; those left out at the
 *    end take their defaults. An argument may be given by name, as strace does: clone(child_stack=NULL, flags=...).
 * 3. A word that is a name is only noted here: what it stands for is looked up for each call of a range.
 *
 * Nothing is allocated and nothing changes while a line is read: a million lines a second come through here, and
 * a refused line must leave no trace but its sentence.
 */
#include "view/arg_nodes.h"
#include "view/arg_words.h"
#include "view/call_parse.h"
#include "view/task_view.h"

#include "base/parse.h"
#include "mm/dma/device.h"
#include "mm/move/cma.h"
#include "mm/page/frame.h"
#include "mm/page/page_alloc.h"
#include "mm/slab/slab.h"

#include <errno.h>
#include <string.h>

struct reader {
	const char *line, *at, *end;
	struct view *v;
	const struct vars *vars;
	struct refusal *why;
};

static bool is_gap(char c)
{
	return c == ' ' || c == '\t' || c == ',' || c == '(' || c == ')' || c == ';';
}

/* Past the bracket that closes the one at @s, or the end of the line. Quoted brackets do not count. */
static const char *skip_bracket(const char *s, const char *end);

static const char *skip_string(const char *s, const char *end)
{
	for (s++; s < end && *s != '"'; s++)
		if (*s == '\\' && s + 1 < end)
			s++;
	return s < end ? s + 1 : end;
}

static const char *skip_bracket(const char *s, const char *end)
{
	unsigned depth = 0;

	while (s < end) {
		if (*s == '"') {
			s = skip_string(s, end);
			continue;
		}
		if (*s == '[' || *s == '{')
			depth++;
		else if ((*s == ']' || *s == '}') && !--depth)
			return s + 1;
		s++;
	}
	return end;
}

/* Past blanks and C comments. */
static const char *skip_gap(const char *s, const char *end)
{
	for (;;) {
		while (s < end && is_gap(*s))
			s++;
		if (end - s < 4 || s[0] != '/' || s[1] != '*')
			return s;
		const char *comment = s;

		for (s += 2; end - s >= 2 && (s[0] != '*' || s[1] != '/'); s++)
			;
		if (end - s < 2)
			return comment;
		s += 2;
	}
}

static bool next_word(struct reader *r, struct word *w)
{
	const char *s = skip_gap(r->at, r->end);

	r->at = s;
	if (s == r->end || *s == '#')
		return false;
	w->s = s;
	w->column = (uint32_t)(s - r->line) + 1;
	while (s < r->end && !is_gap(*s)) {
		if (*s == '"')
			s = skip_string(s, r->end);
		else if (*s == '[' || *s == '{')
			s = skip_bracket(s, r->end);
		else
			s++;
	}
	w->len = (uint32_t)(s - w->s);
	r->at = s;
	return true;
}

static bool word_is(const struct word *w, const char *s)
{
	return parse_is(w->s, w->len, s);
}

/* How much of a word a sentence quotes. */
static int shown(const struct word *w)
{
	return (int)(w->len < 80 ? w->len : 80);
}

/* ---- which call ---- */

static int refuse_unknown(struct reader *r, const struct word *w)
{
	const struct call_index *x = r->v->s->calls;
	const char *nearest = parse_nearest(w->s, w->len, x->names, x->nr);

	return refuse_at(r->why, EINVAL, w->column, w->len,
		"there is no call `%.*s`; the nearest is %s (sim/help/ has a page for each)",
		shown(w), w->s, nearest ? nearest : "none");
}

static const char *place_of(unsigned where)
{
	return where & CALL_SIM	      ? "sim/ctl"
	       : where & CALL_CPU     ? "sim/cpuN/ctl"
	       : where & CALL_PROCESS ? "sim/tasks/NAME/ctl"
				      : "sim/devices/NAME/ctl";
}

static int check_call(
	struct reader *r, const struct word *w, const struct call_spec *spec, unsigned where)
{
	if (!(spec->row->where & where))
		return refuse_at(r->why, EINVAL, w->column, w->len, "%s goes to another file: %s",
			spec->row->name, place_of(spec->row->where));
	if (machine_has(r->v->m, spec->row->need))
		return 0;
	const char *config = config_name(spec->row->need), *name = spec->row->name;

	if (config_is_fixed(spec->row->need))
		return refuse_at(r->why, ENOSYS, w->column, w->len,
			"this machine's kernel is built without CONFIG_%s, which %s needs: take "
			"another machine (simmfs --list-machines)",
			config, name);
	return refuse_at(r->why, ENOSYS, w->column, w->len,
		"this machine's kernel is built without CONFIG_%s, which %s needs (reboot "
		"config=+%s)",
		config, name, config);
}

static int refuse_usage(struct reader *r, const struct call_spec *spec, const char *problem,
	uint32_t column, uint32_t span)
{
	struct text usage;

	text_init(&usage);
	call_usage(spec->row, &usage);
	int err = refuse_at(r->why, EINVAL, column, span, "%s %s: the usage is `%s`",
		spec->row->name, problem, text_str(&usage));
	text_finish(&usage);
	return err;
}

/* ---- arguments ---- */

/* A word that does not read as its argument's type. */
static int refuse_arg(
	struct reader *r, const struct call_spec *spec, unsigned i, const struct word *w)
{
	struct text usage;

	text_init(&usage);
	call_usage(spec->row, &usage);
	int err = refuse_at(r->why, EINVAL, w->column, w->len,
		"`%.*s` is not %s: the usage is `%s`", shown(w), w->s,
		arg_type_doc((enum arg_type)spec->arg[i].type), text_str(&usage));
	text_finish(&usage);
	return err;
}

static int refuse_range(struct reader *r, const struct word *w, const char *what, uint64_t last)
{
	return refuse_at(r->why, EINVAL, w->column, w->len,
		"this machine has no %s %.*s: they go from 0 to %llu", what, shown(w), w->s,
		(unsigned long long)last);
}

static int read_gfp(struct reader *r, const struct word *w, uint64_t *out)
{
	struct call_index *x = r->v->s->calls;
	gfp_t gfp;

	if (w->len == x->gfp_len && !memcmp(w->s, x->gfp_word, w->len)) {
		*out = x->gfp;
		return 0;
	}
	int err = gfp_parse(w->s, w->len, &gfp, r->why);
	if (err) {
		r->why->column = w->column;
		r->why->span = w->len;
		return err;
	}
	if (w->len <= GFP_CACHE_MAX) {
		memcpy(x->gfp_word, w->s, w->len);
		x->gfp_len = w->len;
		x->gfp = gfp;
	}
	*out = gfp;
	return 0;
}

static int read_page(struct reader *r, const struct word *w, uint64_t *out)
{
	const struct machine *m = r->v->m;
	uint64_t pfn;

	if (pfn_valid(m, *out))
		return 0;
	/* The address of a struct page, as pfn_to_page gives it. */
	pfn = page_to_pfn(m, *out);
	if (pfn != NO_PFN && pfn_to_page(m, pfn) == *out) {
		*out = pfn;
		return 0;
	}
	return refuse_at(r->why, EINVAL, w->column, w->len,
		"there is no struct page at pfn %.*s: this machine's lie between %#llx and %#llx",
		shown(w), w->s, (unsigned long long)m->base_pfn, (unsigned long long)m->end_pfn);
}

static int read_node(struct reader *r, const struct word *w, uint64_t *out)
{
	if (word_is(w, "-1") || word_is(w, "NUMA_NO_NODE")) {
		*out = UINT64_MAX;
		return 0;
	}
	if (!parse_u64(w->s, w->len, 0, out))
		return -EINVAL;
	return *out < r->v->m->nr_nodes ? 0 : refuse_range(r, w, "node", r->v->m->nr_nodes - 1);
}

/* A number, and what strace -y puts behind it: 3</etc/passwd>. */
static int read_fd(const struct word *w, uint64_t *out)
{
	const char *path = memchr(w->s, '<', w->len);
	size_t len = path ? (size_t)(path - w->s) : w->len;

	if (parse_is(w->s, len, "AT_FDCWD")) {
		*out = (uint64_t)-100;
		return 0;
	}
	return parse_s64(w->s, len, (int64_t *)out) ? 0 : -EINVAL;
}

/* Where to copy to or from; a string stands for its contents. */
static int read_buffer(const struct word *w, uint64_t *out)
{
	*out = 0;
	return *w->s == '"' || *w->s == '[' || *w->s == '{' || word_is(w, "NULL") ||
			       parse_u64(w->s, w->len, 16, out)
		       ? 0
		       : -EINVAL;
}

static int read_mode(const struct word *w, uint64_t *out)
{
	*out = 0;
	for (uint32_t i = 0; i < w->len; i++) {
		if (w->s[i] < '0' || w->s[i] > '7' || *out >> 20)
			return -EINVAL;
		*out = *out << 3 | (uint64_t)(w->s[i] - '0');
	}
	return w->len ? 0 : -EINVAL;
}

/* A name that holds a cache, else the cache of that name. */
static int read_cache(struct reader *r, const struct word *w, uint64_t *out)
{
	const struct machine *m = r->v->m;
	char name[SLAB_NAME_MAX];
	size_t base_len, len = arg_string(w->s, w->len, name, sizeof(name));
	uint32_t index;
	const struct var *var = NULL;

	if (var_split(w->s, w->len, &base_len, &index))
		var = name_get(m, r->vars, w->s, base_len, index);
	if (var && var->kind == VAR_CACHE) {
		*out = var->value;
		return 0;
	}
	const struct kmem_cache *s = kmem_cache_find(m, name, len);
	if (!s)
		return refuse_at(r->why, EINVAL, w->column, w->len,
			"there is no cache %.*s: kmem_cache_create makes one, and proc/slabinfo "
			"lists them",
			shown(w), w->s);
	*out = s->id;
	return 0;
}

static int read_area(struct reader *r, const struct word *w, uint64_t *out)
{
	int area = cma_find(r->v->m, w->s, w->len);

	if (area < 0) {
		int err = cma_refuse_name(r->v->m, w->s, w->len);

		r->why->column = w->column;
		r->why->span = w->len;
		return err;
	}
	*out = (uint64_t)area;
	return 0;
}

/* @w as a value of @type. -EINVAL with a sentence in why, or without one: the word is not of the type at all. */
static int read_value(struct reader *r, enum arg_type type, const struct word *w, uint64_t *out)
{
	const struct machine *m = r->v->m;

	switch (type) {
	case ARG_gfp:
		return read_gfp(r, w, out);
	case ARG_order:
		if (!parse_u64(w->s, w->len, 0, out))
			return -EINVAL;
		return *out < m->nr_orders ? 0 : refuse_range(r, w, "order", m->nr_orders - 1);
	case ARG_page:
		return parse_u64(w->s, w->len, 0, out) ? read_page(r, w, out) : -EINVAL;
	case ARG_address:
	case ARG_dma:
		return parse_u64(w->s, w->len, 16, out) ? 0
		       : word_is(w, "NULL")		? (int)(*out = 0)
							: -EINVAL;
	case ARG_number:
		return parse_s64(w->s, w->len, (int64_t *)out) || parse_u64(w->s, w->len, 0, out)
			       ? 0
			       : -EINVAL;
	case ARG_area:
		return read_area(r, w, out);
	case ARG_size:
		return parse_size(w->s, w->len, out) ? 0 : -EINVAL;
	case ARG_node:
		return read_node(r, w, out);
	case ARG_cpu:
		if (!parse_u64(w->s, w->len, 0, out))
			return -EINVAL;
		return *out < m->nr_cpus ? 0 : refuse_range(r, w, "CPU", m->nr_cpus - 1);
	case ARG_fd:
		return read_fd(w, out);
	case ARG_buffer:
		return read_buffer(w, out);
	case ARG_mode:
		return read_mode(w, out);
	case ARG_cache:
		return read_cache(r, w, out);
	case ARG_nodes:
		return arg_nodes_parse(w->s, w->len, out) ? 0 : -EINVAL;
	case ARG_word:
	case ARG_path:
	case ARG_rest:
	case NR_ARG_TYPES:
		*out = 0;
		return 0;
	default:
		return arg_words_parse(type, w->s, w->len, w->column, out, r->why);
	}
}

/* Is the word a name? Words that begin with a letter are, where names may stand; an address in bare hexadecimal
 * may begin with one too, and is a name only when there is such a name. */
static bool looks_like_name(struct reader *r, enum arg_type type, const struct word *w)
{
	uint64_t ignored;
	struct name_ref ref;
	struct refusal why;

	if (type == ARG_gfp || type == ARG_word || type == ARG_rest || type == ARG_path ||
		type == ARG_mode || type == ARG_cache || type == ARG_area || type == ARG_nodes ||
		arg_has_words(type))
		return false;
	if (!is_gap(*w->s) && ((*w->s | 32) < 'a' || (*w->s | 32) > 'z') && *w->s != '_')
		return false;
	if (word_is(w, "NULL") || (type == ARG_node && word_is(w, "NUMA_NO_NODE")) ||
		(type == ARG_fd && word_is(w, "AT_FDCWD")))
		return false;
	if ((type != ARG_address && type != ARG_buffer && type != ARG_dma) ||
		!parse_u64(w->s, w->len, 16, &ignored))
		return true;
	return !name_parse(w, &ref, &why) &&
	       name_get(r->v->m, r->vars, ref.base, ref.len, ref.first);
}

static int read_arg(struct reader *r, struct parsed_call *p, unsigned i, const struct word *w)
{
	enum arg_type type = (enum arg_type)p->spec->arg[i].type;
	struct call_value *a = &p->call.arg[i];

	a->word = w->s;
	a->len = w->len;
	a->column = w->column;
	p->is_ref[i] = looks_like_name(r, type, w);
	a->named = p->is_ref[i];
	if (!a->named) {
		r->why->err = 0;
		int err = read_value(r, type, w, &a->number);
		return err && !r->why->err ? refuse_arg(r, p->spec, i, w) : err;
	}
	struct name_ref *ref = &p->ref[i];
	int err = name_parse(w, ref, r->why);
	if (err)
		return err;
	memcpy(a->base, ref->base, ref->len);
	a->base[ref->len] = '\0';
	a->index = ref->first;
	p->bulk |= ref->range;
	return 0;
}

/* The rest of the line from @first on, without a comment or trailing blanks. */
static void widen_to_rest(struct reader *r, struct word *first)
{
	struct word w;
	const char *end = first->s + first->len;

	while (next_word(r, &w))
		end = w.s + w.len;
	first->len = (uint32_t)(end - first->s);
}

static int read_default(struct reader *r, struct parsed_call *p, unsigned i)
{
	const struct call_arg *arg = &p->spec->arg[i];
	struct word w = {.s = arg->fallback, .len = arg->fallback_len};
	struct call_value *a = &p->call.arg[i];

	a->index = VAR_NO_INDEX;
	if (!w.len)
		return 0;
	if (arg->type == ARG_word || arg->type == ARG_rest || arg->type == ARG_path) {
		a->word = w.s;
		a->len = w.len;
	}
	int err = read_value(r, (enum arg_type)arg->type, &w, &a->number);
	return err && !r->why->err ? refuse_arg(r, p->spec, i, &w) : err;
}

/* What strace printed behind the call. */
static void read_recorded(struct reader *r, struct call *c)
{
	struct word w;

	if (next_word(r, &w)) {
		int64_t value;

		c->recorded_given =
			parse_u64(w.s, w.len, 0, &c->recorded) || parse_s64(w.s, w.len, &value);
		if (c->recorded_given && *w.s == '-')
			c->recorded = (uint64_t)value;
	}
}

/* NAME=VALUE where NAME is one of the call's arguments: its number, and @w cut to the value. @n: it is none. */
static unsigned take_name(const struct call_spec *spec, struct word *w, unsigned n)
{
	const char *equals = memchr(w->s, '=', w->len);
	uint32_t len = equals ? (uint32_t)(equals - w->s) : 0;

	for (unsigned i = 0; len && i < spec->nr_args; i++)
		if (spec->arg[i].name_len == len && !memcmp(spec->arg[i].name, w->s, len) &&
			len + 1 < w->len) {
			w->s += len + 1;
			w->len -= len + 1;
			w->column += len + 1;
			return i;
		}
	return n;
}

/* An area's name is a devicetree's, often with a comma in it, which elsewhere is a blank: one that no blank follows belongs to
 * the word, unless the word is an area's name without. */
static void widen_to_area(struct reader *r, struct word *w)
{
	while (cma_find(r->v->m, w->s, w->len) < 0 && r->end - r->at > 1 && *r->at == ',' &&
		!is_gap(r->at[1])) {
		const char *s = r->at + 1;

		while (s < r->end && !is_gap(*s))
			s++;
		w->len = (uint32_t)(s - w->s);
		r->at = s;
	}
}

static int read_args(struct reader *r, struct parsed_call *p)
{
	const struct call_spec *spec = p->spec;
	unsigned n = 0;
	struct word w;
	int err = 0;

	while (!err && next_word(r, &w)) {
		if (word_is(&w, "=")) {
			read_recorded(r, &p->call);
			break;
		}
		unsigned i = take_name(spec, &w, n);
		if (i >= spec->nr_args || p->call.arg[i].given)
			return refuse_usage(r, spec, "has no argument here", w.column, w.len);
		if (spec->arg[i].type == ARG_rest)
			widen_to_rest(r, &w);
		if (spec->arg[i].type == ARG_area)
			widen_to_area(r, &w);
		p->call.arg[i].given = true;
		err = read_arg(r, p, i, &w);
		n = i + 1;
	}
	for (unsigned i = 0; !err && i < spec->nr_args; i++) {
		if (p->call.arg[i].given)
			continue;
		if (i < spec->nr_required)
			return refuse_usage(r, spec, "wants more arguments",
				(uint32_t)(r->at - r->line) + 1, 1);
		err = read_default(r, p, i);
	}
	return err;
}

/* ---- the line ---- */

/* `NAME =` in front of a call: also `NAME=call`. Moves the reader behind it. */
static int read_target(struct reader *r, struct word *first, struct parsed_call *p)
{
	struct reader after = *r;
	struct word w, name = *first;
	const char *equals = memchr(first->s, '=', first->len);
	const char *behind = first->s + first->len;

	/* A call without arguments, as strace prints it: `fork() = 123`. */
	if (!equals && behind < r->end && *behind == '(')
		return 0;
	if (equals) {
		/* NAME=call or NAME= call: cut the word. */
		name.len = (uint32_t)(equals - first->s);
		r->at = equals + 1;
	} else if (next_word(&after, &w) && *w.s == '=') {
		r->at = w.s + 1;
	} else {
		return 0;
	}
	p->has_target = true;
	if (!next_word(r, first))
		return refuse_at(r->why, EINVAL, name.column, name.len,
			"a call is to follow `%.*s =`", shown(&name), name.s);
	int err = name_parse(&name, &p->target, r->why);
	if (!err && p->target.offset)
		return refuse_at(r->why, EINVAL, name.column, name.len,
			"a result is kept under a NAME, without +OFFSET");
	p->bulk |= p->target.range;
	return err;
}

int call_parse(
	struct view *v, enum call_where where, const char *line, size_t len, struct parsed_call *p)
{
	struct reader r = {.line = line,
		.at = line,
		.end = line + len,
		.v = v,
		.vars = &v->m->vars,
		.why = &v->m->why};
	struct task *task = where == CALL_PROCESS ? view_process(v) : NULL;
	struct word first;

	if (task)
		r.vars = &task->vars;
	p->spec = NULL;
	p->has_target = false;
	p->bulk = false;
	memset(p->is_ref, 0, sizeof(p->is_ref));
	if (!next_word(&r, &first))
		return 0;
	int err = read_target(&r, &first, p);
	if (err)
		return err;
	p->spec = call_find(v->s->calls, first.s, first.len);
	if (!p->spec)
		return refuse_unknown(&r, &first);
	err = check_call(&r, &first, p->spec, where);
	if (err)
		return err;
	if (where == CALL_PROCESS && (!task || task->state == TASK_ZOMBIE))
		return refuse(&v->m->why, ESRCH, "the process has ended");
	if (where == CALL_DEVICE && !device_find(v->m, (uint32_t)v->arg[0]))
		return refuse(&v->m->why, ENODEV, "the device is gone");
	struct call *c = &p->call;
	c->v = v;
	c->m = v->m;
	c->task = task;
	c->vars = task ? &task->vars : &v->m->vars;
	c->row = p->spec->row;
	c->nr_args = p->spec->nr_args;
	c->made = (struct var){0};
	c->made_page = false;
	c->again = c->wait = c->recorded_given = false;
	memset(c->arg, 0, c->nr_args * sizeof(c->arg[0]));
	return read_args(&r, p);
}

/* SPDX-License-Identifier: MIT
 *
 * ctl files: a line is read (call_parse.c), its names are looked up, its handler acts, its result is kept.
 *
 * A call without ranges is one call of the handler. A call with ranges (p.0-999 = ..., __free_pages p.0-999) is as
 * many, one for each index, a few thousand a slice:
 *
 * 1. The next index of every range: of one that is used, the next name there is; of one that is made, the next
 *    number, or the next unused one where the range has no end.
 * 2. Look the names up, call the handler, keep what it made.
 * 3. A refusal ends it. Where the range that is made has no end that was the purpose, and the line succeeds if one
 *    call did; otherwise the line is refused, and what was done before stays done, as with lines.
 *
 * The result of a range is how many calls were made, then what the first and the last gave.
 *
 * Invariant: a refused line has changed nothing but what its handler changed, so room for a name is sought before
 * the act and the name is made after it.
 */
#include "view/call_parse.h"

#include "base/parse.h"
#include "mm/move/holder.h"
#include "mm/process/tlb_flush.h"
#include "view/ctl_strace.h"
#include "view/files.h"
#include "view/task_view.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALLS_PER_SLICE 2048
#define SHOWN_RESULT	64

/* What a line that takes several steps keeps in run->state. */
struct ctl_state {
	bool bulk;     /* a struct bulk, which begins with this */
	void *handler; /* what the handler of the call at hand keeps in its run->state */
};

/* ---- one call ---- */

static int resolve_all(struct parsed_call *p, const uint32_t *index)
{
	for (unsigned i = 0; i < p->call.nr_args; i++) {
		int err = p->is_ref[i] ? call_resolve(p, i, index[i]) : 0;

		if (err)
			return err;
	}
	return 0;
}

/* Keep what the call made under its name. A result that is no object but a number makes a number. */
static int keep_result(
	struct session *s, struct parsed_call *p, uint32_t index, struct text *result)
{
	struct machine *m = s->m;
	struct var made = p->call.made;
	const struct name_ref *t = &p->target;

	if (made.kind == VAR_NONE) {
		size_t len = 0;

		while (len < result->len && result->data[len] != ' ')
			len++;
		if (!parse_u64(result->data, len, 0, &made.value))
			return 0;
		made.kind = VAR_NUMBER;
	}
	p->call.made = made;
	int err = var_set(m, p->call.vars, t->base, t->len, index, &made);

	if (!err && p->call.made_page && p->call.vars == &m->vars)
		holder_set_name(m, made.value, t->base, t->len, index);
	return err;
}

/* Before the act of a process: does it have to wait? Its last refused access is forgotten. */
static int begin_act(struct call *c)
{
	uint32_t child = c->task->vfork_child;

	if (child && c->run->interrupted)
		return refuse(&c->m->why, EINTR,
			"interrupted by a signal while it waited for process %u", child);
	if (child) {
		c->wait = true;
		refuse(&c->m->why, EAGAIN,
			"process %u, its vfork child, to run a program or to exit", child);
		return 0;
	}
	if (c->run->fresh)
		c->task->signal = (struct siginfo){0};
	/* It runs now, in its own tables, to enter the kernel from there. */
	struct mm *mm = task_mm(c->m, c->task);
	c->m->processes.tasks.current_pid[c->task->cpu] = c->task->pid;
	if (!mm && c->row->where & CALL_HAS_MEMORY)
		return refuse(&c->m->why, ESRCH,
			"process %u has no memory: execve gives it a program's, "
			"mkdir sim/tasks/NAME makes one that has it",
			c->task->pid);
	return mm ? switch_mm(c->m, c->task->cpu, mm) : 0;
}

static int run_row(const struct call_row *row, struct call *c)
{
	struct callstack *s = &c->m->callstack;

	callstack_push(s, callstack_call((unsigned)(row - call_rows), c->task != NULL));
	int err = row->fn(c);
	/* `reboot` has another machine now. */
	if (c->v->s->m == c->m)
		callstack_pop(s);
	return err;
}

/* Names are looked up at @index[]; the result goes under @target. May set call->again or call->wait. */
static int do_call(struct parsed_call *p, const uint32_t *index, uint32_t target,
	struct line_run *run, struct text *result)
{
	struct session *s = run->v->s;
	struct call *c = &p->call;
	int err = resolve_all(p, index);

	if (!err && p->has_target)
		err = var_room(s->m, c->vars, p->target.base, p->target.len, target);
	if (err)
		return err;
	c->run = run;
	c->result = result;
	c->made.kind = VAR_NONE;
	c->again = c->wait = false;
	if (c->task)
		err = begin_act(c);
	if (!err && !c->wait)
		err = run_row(p->spec->row, c);
	assert(err <= 0);
	if (!err && p->has_target && !c->again && !c->wait)
		err = keep_result(s, p, target, result);
	return err;
}

static void plain_indices(const struct parsed_call *p, uint32_t *index)
{
	for (unsigned i = 0; i < CALL_MAX_ARGS; i++)
		index[i] = p->is_ref[i] ? p->ref[i].first : VAR_NO_INDEX;
}

static enum step run_single(struct line_run *run, struct parsed_call *p)
{
	uint32_t index[CALL_MAX_ARGS];
	struct ctl_state *st = run->state;
	struct line_run inner = *run;

	inner.state = st ? st->handler : NULL;
	plain_indices(p, index);
	int err = do_call(p, index, p->target.first, &inner, run->result);
	if (inner.state && !st) {
		st = calloc(1, sizeof(*st));
		if (!st) {
			free(inner.state);
			inner.state = NULL;
			err = refuse(
				&run->v->s->m->why, ENOMEM, "the host has no memory for this line");
		}
		run->state = st;
	}
	if (st)
		st->handler = inner.state;
	run->err = -err;
	if (!err && p->call.again)
		return STEP_MORE;
	if (!err && p->call.wait)
		return STEP_WAIT;
	if (!err && p->has_target && p->call.made.kind == VAR_NONE)
		text_printf(run->result, "%snamed=nothing", run->result->len ? " " : "");
	return STEP_DONE;
}

/* ---- ranges ---- */

struct bulk {
	struct ctl_state base;
	struct parsed_call p;
	uint32_t next[CALL_MAX_ARGS]; /* where the search for each argument's next name begins */
	uint32_t next_target;
	uint32_t first_name, last_name; /* indices of what was made */
	uint64_t done, made;
	char first[SHOWN_RESULT], last[SHOWN_RESULT];
	struct text result; /* of the call at hand */
	bool midway;	    /* the call at hand was begun, and waits or wants another slice */
};

/* The indices of the next call; false when a range has come to its end. */
static bool next_indices(struct bulk *b, uint32_t *index, uint32_t *target)
{
	const struct parsed_call *p = &b->p;
	const struct machine *m = p->call.m;

	plain_indices(p, index);
	for (unsigned i = 0; i < p->call.nr_args; i++) {
		const struct name_ref *r = &p->ref[i];
		uint32_t at = b->next[i];

		if (!p->is_ref[i] || !r->range)
			continue;
		const struct vars *vars = name_scope(m, p->call.vars, r->base, r->len);
		/* The next index of the range that has a name. */
		for (;;) {
			at = name_next_index(r, at);
			uint32_t used = at;
			if (at == VAR_NO_INDEX || !var_next_index(m, vars, r->base, r->len, &used))
				return false;
			if (used == at)
				break;
			at = used;
		}
		index[i] = at;
	}
	*target = p->target.first;
	if (!p->has_target || !p->target.range)
		return true;
	for (*target = b->next_target;;) {
		*target = name_next_index(&p->target, *target);
		if (!p->target.open || *target == VAR_NO_INDEX)
			break;
		uint32_t unused = var_next_free_index(
			m, p->call.vars, p->target.base, p->target.len, *target);
		if (unused == *target)
			break;
		*target = unused;
	}
	return *target != VAR_NO_INDEX;
}

static void advance(struct bulk *b, const uint32_t *index, uint32_t target)
{
	for (unsigned i = 0; i < b->p.call.nr_args; i++)
		if (b->p.is_ref[i] && b->p.ref[i].range)
			b->next[i] = index[i] + 1;
	if (b->p.has_target && b->p.target.range)
		b->next_target = target + 1;
	if (b->p.call.made.kind == VAR_NONE)
		return;
	if (!b->made++)
		b->first_name = target;
	b->last_name = target;
}

static void keep_shown(char *to, const struct text *result)
{
	size_t len = 0;

	while (len < result->len && result->data[len] != ' ' && len < SHOWN_RESULT - 1)
		len++;
	if (len)
		memcpy(to, result->data, len);
	to[len] = '\0';
}

/* "1000 first=0x1f400 last=0x1f7e7 names=p.0-999". @stop: why it ended before its time, NULL when it did not. */
static void put_bulk_result(const struct bulk *b, const struct refusal *stop, struct text *out)
{
	text_dec(out, b->done, 0);
	if (b->done && b->first[0])
		text_printf(out, " first=%s last=%s", b->first, b->last);
	if (b->made && b->p.has_target && b->p.target.range)
		text_printf(out, " names=%.*s.%u-%u", (int)b->p.target.len, b->p.target.base,
			b->first_name, b->last_name);
	if (stop)
		text_printf(out, " stopped=%s why=\"%s\"", errno_name(stop->err), stop->sentence);
}

/* A refusal in the middle: say at which name, and what has been done. */
static int refuse_midway(
	struct session *s, const struct bulk *b, const uint32_t *index, uint32_t target, int err)
{
	struct refusal why = s->m->why;
	const struct name_ref *r = &b->p.target;

	if (!b->p.has_target || !r->range)
		for (unsigned i = 0; i < b->p.call.nr_args; i++)
			if (b->p.is_ref[i] && b->p.ref[i].range) {
				r = &b->p.ref[i];
				target = index[i];
				break;
			}
	if (why.err != -err)
		refuse(&why, -err, "%s", strerror(-err));
	refuse_at(&s->m->why, -err, why.column, why.span, "%.*s.%u: %.400s", (int)r->len, r->base,
		target, why.sentence);
	if (b->done) {
		size_t len = strlen(s->m->why.sentence);

		snprintf(s->m->why.sentence + len, sizeof(s->m->why.sentence) - len,
			" (%llu done before it stay done)", (unsigned long long)b->done);
	}
	return err;
}

static enum step finish_bulk(struct line_run *run, struct bulk *b, const struct refusal *stop)
{
	put_bulk_result(b, stop, run->result);
	run->err = 0;
	return STEP_DONE;
}

static enum step refuse_bulk(struct line_run *run, int err)
{
	run->err = -err;
	return STEP_DONE;
}

/* One call of the range, or a slice of it. */
static int do_one(struct line_run *run, struct bulk *b, const uint32_t *index, uint32_t target)
{
	struct line_run inner = *run;

	inner.fresh = !b->midway;
	inner.state = b->base.handler;
	text_clear(&b->result);
	int err = do_call(&b->p, index, target, &inner, &b->result);

	b->midway = !err && (b->p.call.wait || b->p.call.again);
	if (!b->midway) {
		free(inner.state);
		inner.state = NULL;
	}
	b->base.handler = inner.state;
	return err;
}

/* Whose names the next call uses: a process may have ended by the one before, or while that waited. */
static int find_scope(const struct line_run *run, struct bulk *b)
{
	struct call *c = &b->p.call;

	c->vars = &c->m->vars;
	if (run->v->aux != CALL_PROCESS)
		return 0;
	c->task = view_process(run->v);
	if (!c->task || c->task->state == TASK_ZOMBIE)
		return refuse(&c->m->why, ESRCH, "the process has ended");
	c->vars = &c->task->vars;
	return 0;
}

static enum step run_bulk(struct line_run *run, struct bulk *b)
{
	struct session *s = run->v->s;
	const bool open = b->p.has_target && b->p.target.open;
	const unsigned slice = session_slice(s, CALLS_PER_SLICE);
	uint32_t index[CALL_MAX_ARGS], target;

	b->p.call.v = run->v;
	b->p.call.m = s->m;
	if (run->interrupted && !b->midway) {
		refuse(&s->m->why, EINTR, "interrupted by a signal");
		return b->done ? finish_bulk(run, b, &s->m->why) : refuse_bulk(run, -EINTR);
	}
	for (unsigned n = 0; n < slice; n++) {
		/* What the call before made due comes before the next one. */
		if (!b->midway && session_settle(s))
			return STEP_MORE;
		if (find_scope(run, b))
			return refuse_bulk(run, -ESRCH);
		if (!next_indices(b, index, &target)) {
			if (b->done)
				return finish_bulk(run, b, NULL);
			refuse(&s->m->why, ENOENT,
				"no name is in this range: sim/vars/ has those there are");
			return refuse_bulk(run, -ENOENT);
		}
		int err = do_one(run, b, index, target);
		if (b->midway)
			return b->p.call.wait ? STEP_WAIT : STEP_MORE;
		if (err && b->done && (open || err == -EINTR))
			return finish_bulk(run, b, &s->m->why);
		if (err)
			return refuse_bulk(run, refuse_midway(s, b, index, target, err));
		keep_shown(b->last, &b->result);
		if (!b->done)
			memcpy(b->first, b->last, sizeof(b->first));
		advance(b, index, target);
		b->done++;
		if (open && !b->made) {
			refuse(&s->m->why, EINVAL, "%s gives nothing that a name can hold",
				b->p.spec->row->name);
			return finish_bulk(run, b, &s->m->why);
		}
	}
	return STEP_MORE;
}

static enum step begin_bulk(struct line_run *run, const struct parsed_call *p)
{
	struct bulk *b = calloc(1, sizeof(*b));

	if (!b) {
		run->err = -refuse(&run->v->m->why, ENOMEM, "the host has no memory for this line");
		return STEP_DONE;
	}
	b->base.bulk = true;
	b->p = *p;
	run->state = b;
	return run_bulk(run, b);
}

/* ---- the stream's functions ---- */

static enum step ctl_line(struct line_run *run)
{
	struct parsed_call p;
	struct view *v = run->v;

	v->m = v->s->m;
	if (v->aux == CALL_PROCESS && ctl_is_strace(run))
		return ctl_strace_line(run);
	/* Reading it again at each slice is cheaper than keeping it for lines that need no second one. */
	run->err = -call_parse(v, (enum call_where)v->aux, run->line, run->len, &p);
	if (run->err || !p.spec)
		return STEP_DONE;
	p.call.cpu = v->aux == CALL_CPU ? (unsigned)v->arg[0] : p.call.task ? p.call.task->cpu : 0;
	if (!p.bulk)
		return run_single(run, &p);
	return run->fresh ? begin_bulk(run, &p) : run_bulk(run, run->state);
}

static void ctl_end(struct line_run *run)
{
	struct ctl_state *st = run->state;

	if (!st)
		return;
	if (st->bulk)
		text_finish(&((struct bulk *)(void *)st)->result);
	free(st->handler);
	free(st);
	run->state = NULL;
}

const struct stream_ops ctl_stream = {
	.line = ctl_line, .end = ctl_end, .close = ctl_strace_close, .keeps_errors = true};

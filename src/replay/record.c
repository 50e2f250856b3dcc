/* SPDX-License-Identifier: MIT
 *
 * Gathering a recording of processes, line by line.
 *
 * Calls are kept in numbers, in the order in which they acted: a call that was told in two halves acted somewhere
 * between them. What takes memory away, makes a process or ends one acts with its first half, for others build on it
 * before the second one (a child's own lines come before its parent's clone() returns); everything else acts with its
 * second half, where its result stands.
 *
 * Left out: calls that failed; a recording of more than 2^24 calls and 2^26 events.
 */
#include "replay/record.h"

#include <stdlib.h>
#include <string.h>

#define MAX_CALLS  ((size_t)1 << 24)
#define MAX_EVENTS ((size_t)1 << 26)

const char *const rec_count_names[NR_REC_COUNTS] = {
#define REC_COUNT(name, doc) #name,
#include "replay/record_count.def"
};

/* The order and time of a first half. */
struct rec_begun {
	uint32_t tid;
	uint64_t order;
};

void *vec_add(struct vec *v, size_t size)
{
	if (v->nr == v->cap) {
		size_t cap = v->cap ? v->cap * 2 : 64;
		void *more = realloc(v->at, cap * size);

		if (!more)
			return NULL;
		v->at = more;
		v->cap = cap;
	}
	void *element = (char *)v->at + v->nr++ * size;
	return memset(element, 0, size);
}

void record_finish(struct record *r)
{
	free(r->calls.at);
	free(r->events.at);
	free(r->comms.at);
	free(r->owners.at);
	free(r->halves.at);
	free(r->texts.at);
	strace_joiner_finish(&r->joiner);
	memset(r, 0, sizeof(*r));
}

bool record_takes(const char *s, size_t len)
{
	return strace_is_line(s, len);
}

static void begin_half(struct record *r, uint32_t tid)
{
	struct rec_begun *b;

	for (size_t i = 0; i < r->halves.nr; i++) {
		b = VEC_AT(struct rec_begun, &r->halves, i);
		if (b->tid == tid) {
			b->order = r->lines;
			return;
		}
	}
	b = vec_add(&r->halves, sizeof(*b));
	if (b)
		*b = (struct rec_begun){tid, r->lines};
}

static uint64_t half_order(struct record *r, uint32_t tid)
{
	for (size_t i = 0; i < r->halves.nr; i++) {
		struct rec_begun b = *VEC_AT(struct rec_begun, &r->halves, i);

		if (b.tid != tid)
			continue;
		*VEC_AT(struct rec_begun, &r->halves, i) =
			*VEC_AT(struct rec_begun, &r->halves, r->halves.nr - 1);
		r->halves.nr--;
		return b.order;
	}
	return r->lines;
}

static bool acts_at_once(enum rec_kind kind)
{
	return kind == REC_MUNMAP || kind == REC_FORK || kind == REC_EXIT || kind == REC_CLOSE;
}

static enum record_taken keep(struct record *r, const struct rec_call *call)
{
	struct rec_call *c = r->calls.nr < MAX_CALLS ? vec_add(&r->calls, sizeof(*c)) : NULL;

	if (!c)
		return RECORD_NO_MEMORY;
	*c = *call;
	r->count[REC_COUNT_calls_kept]++;
	if (c->kind == REC_MMAP && c->result + c->a[1] > r->highest_addr)
		r->highest_addr = c->result + c->a[1];
	if (c->kind == REC_BRK && c->result > r->highest_addr)
		r->highest_addr = c->result;
	return RECORD_TAKEN;
}

static enum record_taken skip(struct record *r, enum rec_count reason)
{
	r->count[reason]++;
	return RECORD_SKIPPED;
}

static enum record_taken whole_call(struct record *r, const struct strace_line *l, bool joined)
{
	uint64_t begun = joined ? half_order(r, l->pid) : r->lines;
	struct rec_call call = {
		.tid = l->pid, .time_ns = l->has_time && !l->relative ? l->time_ns : 0};

	call.kind = REC_NONE;
	if (!rec_call_read(r, l, &call))
		return skip(r, call.kind == REC_NONE ? REC_COUNT_calls_skipped_foreign
						     : REC_COUNT_calls_skipped_unread);
	if (l->result != STRACE_VALUE)
		return skip(r, REC_COUNT_calls_skipped_failed_there);
	call.order = acts_at_once(call.kind) ? begun : r->lines;
	return keep(r, &call);
}

static enum record_taken ended(struct record *r, const struct strace_line *l)
{
	struct rec_call call = {.order = r->lines, .tid = l->pid, .kind = REC_EXIT};

	call.time_ns = l->has_time && !l->relative ? l->time_ns : 0;
	/* A wait status: the code in the upper byte, or a signal's number. Which signal nobody asks: it is SIGKILL. */
	call.a[0] = l->kind == STRACE_EXITED ? (uint64_t)l->status << 8 : 9;
	return keep(r, &call);
}

enum record_taken record_strace(struct record *r, const char *s, size_t len, const char **why)
{
	struct strace_line l;
	enum strace_join how;

	strace_parse(s, len, &l);
	if (l.kind == STRACE_MALFORMED) {
		*why = l.why;
		return RECORD_MALFORMED;
	}
	r->lines++;
	if (l.kind == STRACE_COMMENT)
		return RECORD_SKIPPED;
	how = strace_join(&r->joiner, &l);
	if (how == STRACE_JOIN_HELD) {
		begin_half(r, l.pid);
		return RECORD_TAKEN;
	}
	r->count[REC_COUNT_calls]++;
	if (how == STRACE_JOIN_LOST)
		return skip(r, REC_COUNT_calls_skipped_half);
	if (l.kind == STRACE_CALL)
		return whole_call(r, &l, how == STRACE_JOIN_JOINED);
	if (l.kind == STRACE_EXITED || l.kind == STRACE_KILLED)
		return ended(r, &l);
	if (l.kind == STRACE_SIGNAL)
		return skip(r, REC_COUNT_calls_skipped_signals);
	*why = l.why ? l.why : "the halves of the call do not fit";
	r->count[REC_COUNT_calls]--;
	return RECORD_MALFORMED;
}

static struct rec_comm *find_comm(const struct record *r, uint32_t tid)
{
	/* The last one asked for is nearly always the one. */
	for (size_t i = r->comms.nr; i-- > 0;)
		if (VEC_AT(struct rec_comm, &r->comms, i)->tid == tid)
			return VEC_AT(struct rec_comm, &r->comms, i);
	return NULL;
}

static struct rec_comm *note_comm(struct record *r, const struct ftrace_line *l)
{
	struct rec_comm *c = find_comm(r, l->pid);

	if (!c)
		c = vec_add(&r->comms, sizeof(*c));
	if (!c)
		return NULL;
	c->tid = l->pid;
	c->len = (uint8_t)(l->comm_len < sizeof(c->name) ? l->comm_len : sizeof(c->name));
	if (c->len)
		memcpy(c->name, l->comm, c->len);
	return c;
}

/* sched_process_fork tells it outright. */
static void note_fork(struct record *r, const struct ftrace_line *l)
{
	struct rec_comm *child = find_comm(r, l->other_pid);

	child = child ? child : vec_add(&r->comms, sizeof(*child));
	if (child)
		*child = (struct rec_comm){.tid = l->other_pid, .parent = l->pid, .has_mm = true};
}

static struct rec_owner *owner_of(struct record *r, uint32_t mm_id)
{
	for (size_t i = r->owners.nr; i-- > 0;)
		if (VEC_AT(struct rec_owner, &r->owners, i)->mm_id == mm_id)
			return VEC_AT(struct rec_owner, &r->owners, i);
	return NULL;
}

/* Whose child the thread is, as its mm tells: the one that somebody else filled (fork) or runs in (vfork, threads). */
static void note_mm(struct record *r, struct rec_comm *c, const struct ftrace_line *l)
{
	struct rec_owner *o = owner_of(r, l->mm_id);
	bool empty = !o || (!o->bytes[0] && !o->bytes[1] && !o->bytes[2] && !o->bytes[3]);

	o = o ? o : vec_add(&r->owners, sizeof(*o));
	if (!o)
		return;
	if (empty && l->rss_bytes)
		*o = (struct rec_owner){.mm_id = l->mm_id, .tid = l->pid};
	o->bytes[l->member] = l->rss_bytes;
	if (!l->current_mm || c->has_mm)
		return;
	c->has_mm = true;
	c->parent = o->tid != l->pid ? o->tid : 0;
}

enum record_taken record_ftrace(struct record *r, const struct ftrace_line *l)
{
	struct rec_event *e;

	if (!l->pid)
		return RECORD_SKIPPED;
	e = r->events.nr < MAX_EVENTS ? vec_add(&r->events, sizeof(*e)) : NULL;
	if (!e)
		return RECORD_NO_MEMORY;
	struct rec_comm *c = note_comm(r, l);
	if (c && l->kind == FTRACE_RSS)
		note_mm(r, c, l);
	else if (l->kind == FTRACE_FORK)
		note_fork(r, l);
	e->time_ns = l->time_ns;
	e->tid = l->pid;
	e->cpu = (uint16_t)l->cpu;
	switch (l->kind) {
	case FTRACE_FAULT:
		e->kind = REC_EVENT_FAULT;
		e->addr = l->addr;
		e->error_code = (uint8_t)l->error_code;
		e->from_user = l->from_user;
		r->count[REC_COUNT_faults]++;
		break;
	case FTRACE_RSS:
		e->kind = REC_EVENT_RSS;
		e->mm_id = l->mm_id;
		e->current_mm = l->current_mm;
		e->member = (uint8_t)l->member;
		e->pages = l->rss_bytes / 4096;
		r->count[REC_COUNT_rss_stats]++;
		break;
	case FTRACE_FORK:
		e->kind = REC_EVENT_FORK;
		e->mm_id = l->other_pid;
		break;
	case FTRACE_EXEC:
		e->kind = REC_EVENT_EXEC;
		break;
	default:
		e->kind = REC_EVENT_EXIT;
	}
	return RECORD_TAKEN;
}

static int by_order(const void *a, const void *b)
{
	const struct rec_call *x = a, *y = b;

	return x->order < y->order ? -1 : x->order > y->order;
}

void record_sort(struct record *r)
{
	if (r->calls.nr)
		qsort(r->calls.at, r->calls.nr, sizeof(struct rec_call), by_order);
}

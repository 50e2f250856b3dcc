/* SPDX-License-Identifier: MIT
 *
 * The processes of a recording, and their names in the fault lines.
 *
 *	strace's run			ftrace's run
 *	18425 sh ---+			18435 time
 *	 18426 sh --+-- 18428 true	  18436 sh ---+	     matched by name, in order of appearance:
 *	 18427 sort			   18437 sh --+-- 18438 true	18425 = 18436, 18426 = 18437,
 *					   18439 sort			18428 = 18438, 18427 = 18439
 *
 * strace slows a program down, so that its faults are often recorded in another run of the same command, with other
 * numbers. In steps:
 *  1. Threads are the numbers of strace's lines, in order of appearance; whose child one is, clone's result tells.
 *  2. A thread has the name of the program that it began last, or its parent's.
 *  3. A thread of the fault lines with the same number and name is the same one: it was one run. Else each thread
 *     gets the first of its name that nobody has, in order: of its parent's children first, for rss_stat lines show
 *     who filled whose memory; then of those that came after its parent; then of all.
 *  4. Threads made with CLONE_THREAD make up one process, which has their calls and their faults, in order of time.
 *
 * Left out: names set by prctl(); numbers that were used twice within a recording.
 */
#include "replay/family.h"

#include "mm/process/task.h"

#include <stdlib.h>
#include <string.h>

static struct rec_thread *thread_at(const struct family *f, uint32_t i)
{
	return VEC_AT(struct rec_thread, &f->threads, i);
}

uint32_t family_thread(const struct family *f, uint32_t tid)
{
	for (uint32_t i = (uint32_t)f->threads.nr; i-- > 0;)
		if (thread_at(f, i)->tid == tid)
			return i;
	return NOBODY;
}

bool rec_moves_mappings(enum rec_kind kind)
{
	switch (kind) {
	case REC_EXEC:
	case REC_BRK:
	case REC_MMAP:
	case REC_MUNMAP:
	case REC_MPROTECT:
	case REC_MREMAP:
	case REC_MADVISE:
	case REC_FORK:
	case REC_EXIT:
		return true;
	default:
		return false;
	}
}

static uint32_t add_thread(struct family *f, uint32_t tid, uint32_t parent, uint32_t clone_flags)
{
	struct rec_thread *t = vec_add(&f->threads, sizeof(*t));

	if (!t)
		return NOBODY;
	t->tid = tid;
	t->parent = parent;
	t->clone_flags = clone_flags;
	t->process = NOBODY;
	if (parent != NOBODY) {
		t->comm_len = thread_at(f, parent)->comm_len;
		memcpy(t->comm, thread_at(f, parent)->comm, sizeof(t->comm));
	}
	return (uint32_t)f->threads.nr - 1;
}

static void set_comm(struct rec_thread *t, const char *path, size_t len)
{
	for (size_t i = len; i > 0; i--)
		if (path[i - 1] == '/') {
			path += i;
			len -= i;
			break;
		}
	t->comm_len = (uint8_t)(len < sizeof(t->comm) ? len : sizeof(t->comm));
	memcpy(t->comm, path, t->comm_len);
}

static uint32_t add_process(struct family *f, uint32_t leader)
{
	struct rec_process *p = vec_add(&f->processes, sizeof(*p));
	struct rec_thread *t = thread_at(f, leader);

	if (!p)
		return NOBODY;
	p->leader = leader;
	p->parent = t->parent == NOBODY ? NOBODY : thread_at(f, t->parent)->process;
	p->shares_parent = t->clone_flags & CLONE_VM_;
	if (p->parent != NOBODY)
		p->parent_at = (uint32_t)family_process(f, p->parent)->calls.nr;
	t->process = (uint32_t)f->processes.nr - 1;
	return t->process;
}

uint32_t family_meet(struct family *f, uint32_t tid, uint32_t parent, uint32_t clone_flags)
{
	uint32_t i = family_thread(f, tid);

	if (i != NOBODY)
		return i;
	i = add_thread(f, tid, parent, clone_flags);
	if (i == NOBODY)
		return NOBODY;
	if (parent != NOBODY && (clone_flags & CLONE_THREAD_))
		thread_at(f, i)->process = thread_at(f, parent)->process;
	else if (add_process(f, i) == NOBODY)
		return NOBODY;
	return i;
}

static bool take_call(struct family *f, const struct record *r, uint32_t index)
{
	const struct rec_call *c = VEC_AT(struct rec_call, &r->calls, index);
	uint32_t t = family_meet(f, c->tid, NOBODY, 0);

	if (t == NOBODY)
		return false;
	if (c->kind == REC_EXEC)
		set_comm(thread_at(f, t), rec_text(r, c->text), c->text.len);
	struct rec_process *p = family_process(f, thread_at(f, t)->process);
	if (rec_moves_mappings(c->kind)) {
		uint32_t *slot = vec_add(&p->calls, sizeof(*slot));

		if (!slot)
			return false;
		*slot = index;
		p->execs += c->kind == REC_EXEC;
	}
	if (c->kind != REC_FORK || !c->result || c->result > UINT32_MAX)
		return true;
	return family_meet(f, (uint32_t)c->result, t, (uint32_t)c->a[0]) != NOBODY;
}

/* ---- names of the fault lines ---- */

static bool same_comm(const struct rec_thread *t, const struct rec_comm *c)
{
	return t->comm_len == c->len && !memcmp(t->comm, c->name, c->len);
}

static bool is_taken(const struct family *f, uint32_t tid)
{
	for (uint32_t i = 0; i < f->threads.nr; i++)
		if (thread_at(f, i)->has_faults && thread_at(f, i)->fault_tid == tid)
			return true;
	return false;
}

/* How sure a match has to be. */
enum match {
	MATCH_NUMBER, /* the same number and name: one run */
	MATCH_CHILD,  /* the name, and the parent's child */
	MATCH_LATER,  /* the name, and not before its parent */
	MATCH_NAME,
};

/* Where the thread @tid of the fault lines is among comms. */
static size_t comm_index(const struct record *r, uint32_t tid)
{
	size_t i = 0;

	while (i < r->comms.nr && VEC_AT(struct rec_comm, &r->comms, i)->tid != tid)
		i++;
	return i;
}

static bool fits(const struct family *f, const struct record *r, const struct rec_thread *t,
	size_t index, enum match how)
{
	const struct rec_comm *c = VEC_AT(struct rec_comm, &r->comms, index);
	const struct rec_thread *parent = t->parent == NOBODY ? NULL : thread_at(f, t->parent);

	/* perf and trace-cmd have no names for who ended early: <...>. */
	if (!same_comm(t, c) && !(how == MATCH_NUMBER && c->len && c->name[0] == '<'))
		return false;
	switch (how) {
	case MATCH_NUMBER:
		return c->tid == t->tid;
	case MATCH_CHILD:
		return !parent || (parent->has_faults && c->parent == parent->fault_tid);
	case MATCH_LATER:
		return !parent || !parent->has_faults || index > comm_index(r, parent->fault_tid);
	case MATCH_NAME:
		break;
	}
	return true;
}

static void match(struct family *f, const struct record *r, enum match how)
{
	for (uint32_t i = 0; i < f->threads.nr; i++) {
		struct rec_thread *t = thread_at(f, i);

		for (size_t k = 0; k < r->comms.nr && !t->has_faults; k++) {
			uint32_t tid = VEC_AT(struct rec_comm, &r->comms, k)->tid;

			if (!fits(f, r, t, k, how) || is_taken(f, tid))
				continue;
			t->fault_tid = tid;
			t->has_faults = true;
		}
	}
}

bool family_build(struct family *f, const struct record *r)
{
	for (uint32_t i = 0; i < r->calls.nr; i++)
		if (!take_call(f, r, i))
			return false;
	for (enum match how = MATCH_NUMBER; how <= MATCH_NAME; how++)
		match(f, r, how);
	return family_take_faults(f, r);
}

void family_finish(struct family *f)
{
	for (uint32_t i = 0; i < f->processes.nr; i++) {
		free(family_process(f, i)->calls.at);
		free(family_process(f, i)->faults.at);
	}
	free(f->threads.at);
	free(f->processes.at);
	memset(f, 0, sizeof(*f));
}

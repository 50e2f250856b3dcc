/* SPDX-License-Identifier: MIT
 *
 * strace's lines, replayed as they come.
 *
 *	20 clone(child_stack=NULL, flags=SIGCHLD <unfinished ...>
 *	21 brk(NULL) = 0x5581000	a number never seen, and 20 waits for its clone(): this is its child, and begins now
 *	20 <... clone resumed>) = 21	nothing is left to do
 *
 * The same acts as for a whole recording (process_calls.c), but nothing of what follows is known: a program has the
 * layout that this kernel gives to one of its name, and a call acts when its result is told.
 *
 * In steps, for each line: gather it (record.c); find its thread, or make the child of whoever waits in fork, vfork,
 * clone or clone3; make the call.
 *
 * Left out: faults, which need the calls around them; a child of which a line comes before any of its parent's call.
 */
#include "replay/process_live.h"

#include "mm/process/task.h"
#include "replay/process_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void process_live_finish(struct process_live *live)
{
	process_replay_finish(&live->pr);
	memset(live, 0, sizeof(*live));
}

/* Room in an array of @size bytes each for @nr elements, the new ones zero. */
static bool grow(void **at, size_t *cap, size_t nr, size_t size)
{
	size_t more = *cap ? *cap * 2 : 8;

	if (nr <= *cap)
		return true;
	more = more < nr ? nr : more;
	void *bigger = realloc(*at, more * size);
	if (!bigger)
		return false;
	memset((char *)bigger + *cap * size, 0, (more - *cap) * size);
	*at = bigger;
	*cap = more;
	return true;
}

/* What there is one of for each thread and process. */
static bool make_room(struct process_live *live)
{
	struct process_replay *pr = &live->pr;
	void *replayed = pr->replayed, *pids = pr->pids;
	bool ok = grow(&replayed, &live->cap_replayed, pr->family.processes.nr,
			  sizeof(*pr->replayed)) &&
		  grow(&pids, &live->cap_pids, pr->family.threads.nr, sizeof(*pr->pids));

	pr->replayed = replayed;
	pr->pids = pids;
	return ok;
}

static bool make_actor(
	struct process_live *live, struct machine *m, uint32_t thread, struct actor *a)
{
	struct process_replay *pr = &live->pr;

	*a = (struct actor){.pr = pr, .m = m, .thread = thread};
	a->process = VEC_AT(struct rec_thread, &pr->family.threads, thread)->process;
	a->rec = family_process(&pr->family, a->process);
	a->r = &pr->replayed[a->process];
	a->t = pr->pids[thread] ? task_find(m, pr->pids[thread]) : NULL;
	return a->t && a->t->state == TASK_RUNNING;
}

/* The call in which somebody waits for the child @tid, as a call that has returned; false: nobody does. */
static bool waiting_fork(struct process_live *live, uint32_t tid, struct rec_call *c)
{
	static const char *const names[] = {"clone3", "clone", "vfork", "fork"};
	struct strace_line l;

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strace_waiting(&live->pr.record.joiner, names[i], &l))
			continue;
		*c = (struct rec_call){.tid = l.pid, .kind = REC_FORK};
		/* Its result is not told yet: read it as if it were. */
		l.kind = STRACE_CALL;
		l.result = STRACE_VALUE;
		l.value = tid;
		if (family_thread(&live->pr.family, l.pid) != NOBODY &&
			rec_call_read(&live->pr.record, &l, c))
			return true;
	}
	return false;
}

/* The new thread of a call that returned, or of one in which its parent waits. */
static int make_child(struct process_live *live, struct machine *m, const struct rec_call *c)
{
	uint32_t parent = family_thread(&live->pr.family, c->tid);
	struct actor a;
	bool elsewhere;

	if (family_meet(&live->pr.family, (uint32_t)c->result, parent, (uint32_t)c->a[0]) ==
			NOBODY ||
		!make_room(live))
		return refuse(&m->why, ENOMEM, "the host has no memory for more processes");
	if (!make_actor(live, m, parent, &a))
		return refuse(&m->why, ESRCH, "process %u, the parent of %llu, has ended", c->tid,
			(unsigned long long)c->result);
	return process_call_act(&a, c, &elsewhere);
}

/* The thread @tid of a line. 0 or -errno. */
static int find_thread(struct process_live *live, struct machine *m, struct task *self,
	uint32_t tid, uint32_t *thread)
{
	struct family *f = &live->pr.family;
	struct rec_call fork;

	*thread = family_thread(f, tid);
	if (*thread != NOBODY)
		return 0;
	if (f->threads.nr && waiting_fork(live, tid, &fork)) {
		int err = make_child(live, m, &fork);

		*thread = family_thread(f, tid);
		return err;
	}
	if (f->threads.nr)
		return refuse(&m->why, ESRCH,
			"process %u was made by no call of this file: the whole tree is to be "
			"traced from its beginning "
			"(strace -f)",
			tid);
	*thread = family_meet(f, tid, NOBODY, 0);
	if (*thread == NOBODY || !make_room(live))
		return refuse(&m->why, ENOMEM, "the host has no memory for more processes");
	live->pr.pids[*thread] = self->pid;
	live->pr.replayed[0].pid = self->pid;
	return 0;
}

static int act(struct process_live *live, struct machine *m, struct task *self,
	const struct rec_call *c, uint64_t *result)
{
	uint32_t thread;
	struct actor a;
	bool elsewhere = false;
	int err = find_thread(live, m, self, c->tid, &thread);

	if (err)
		return err;
	*result = c->result;
	if (c->kind == REC_FORK)
		return family_thread(&live->pr.family, (uint32_t)c->result) == NOBODY
			       ? make_child(live, m, c)
			       : 0;
	if (!make_actor(live, m, thread, &a))
		return refuse(&m->why, ESRCH, "process %u has ended", c->tid);
	err = process_call_act(&a, c, &elsewhere);
	if (!err && elsewhere)
		a.r->count[PROCESS_COUNT_elsewhere]++;
	return err;
}

enum live process_live_line(struct process_live *live, struct machine *m, struct task *self,
	const char *s, size_t len, uint64_t *result)
{
	struct record *r = &live->pr.record;
	const char *why = NULL;
	struct rec_call call;

	switch (record_strace(r, s, len, &why)) {
	case RECORD_MALFORMED:
		refuse(&m->why, EINVAL, "not a line of strace: %s", why);
		return LIVE_MALFORMED;
	case RECORD_NO_MEMORY:
		refuse(&m->why, ENOMEM, "the host has no memory for this line");
		return LIVE_REFUSED;
	case RECORD_TAKEN:
	case RECORD_SKIPPED:
		break;
	}
	if (!r->calls.nr)
		return LIVE_NOTHING;
	call = *VEC_AT(struct rec_call, &r->calls, 0);
	int err = act(live, m, self, &call, result);
	/* It was the only one. */
	r->calls.nr = 0;
	r->texts.nr = 0;
	return err ? LIVE_REFUSED : LIVE_DONE;
}

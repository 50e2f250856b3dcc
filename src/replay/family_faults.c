/* SPDX-License-Identifier: MIT
 *
 * The events of ftrace, given to the processes whose they are, and read as faults.
 *
 *	page_fault_user: address=0x555555577e80 error_code=0x7		a write to a page that is there, read-only
 *	rss_stat: curr=1 type=MM_FILEPAGES size=192512B	(-1 page)	its copy took the place
 *	rss_stat: curr=1 type=MM_ANONPAGES size=28672B	(+1 page)	of a page of the file
 *
 * rss_stat lines tell what a fault came to, and more:
 *  - Behind a fault they are its own: how many pages a fault-around mapped, and that a fault was major: the first
 *    line comes from looking into the page cache, the second one after the disk was read.
 *  - A fall of the task's own RSS without a fault is an unmapping call: a drop, which later finds its call.
 *  - Another mm that is filled while the task runs is its child's: it forks.
 *  - An mm that a task first speaks of as not its own (curr=0, one page: the arguments) and later as its own is a
 *    new program: execve came between them, behind the last word about the old mm.
 */
#include "replay/family.h"

#include "mm/process/task.h"

#include <stdlib.h>
#include <string.h>

#define MEMBERS 4
enum { MEMBER_FILE, MEMBER_ANON, MEMBER_SWAP, MEMBER_SHMEM };

/* What is known of an mm by its id. */
struct rec_mm {
	uint32_t id;
	int64_t pages[MEMBERS];
};

/* What a line about it says. */
struct rss_change {
	int64_t delta;
	bool first;	/* the mm was never heard of */
	bool was_empty; /* it had no page: perhaps another one with the same id */
};

/* What is known of a process while the events are read. */
struct reading {
	uint32_t mm, new_mm, forked_mm; /* ids, 0: none */
	bool has_mm, has_new, by_events;
	int32_t epoch;
	size_t old_until; /* faults before this one are of the program before */
	uint64_t peak;
};

static struct rec_mm *mm_of(struct vec *mms, uint32_t id, bool *made)
{
	struct rec_mm *mm;

	*made = false;
	for (size_t i = mms->nr; i-- > 0;) {
		mm = VEC_AT(struct rec_mm, mms, i);
		if (mm->id == id)
			return mm;
	}
	mm = vec_add(mms, sizeof(*mm));
	if (mm)
		mm->id = id;
	*made = true;
	return mm;
}

static struct rec_fault *last_fault(struct rec_process *p, uint32_t thread)
{
	for (size_t i = p->faults.nr; i-- > 0;) {
		struct rec_fault *f = VEC_AT(struct rec_fault, &p->faults, i);

		if (f->thread == thread)
			return f;
	}
	return NULL;
}

/* The process begins a new program somewhere before the present event. */
static void new_program(struct rec_process *p, struct reading *s)
{
	s->epoch++;
	for (size_t i = s->old_until; i < p->faults.nr; i++)
		VEC_AT(struct rec_fault, &p->faults, i)->epoch = s->epoch;
	/* Filling its stack looked like a fork. */
	for (size_t i = 0; i < p->faults.nr; i++) {
		struct rec_fault *f = VEC_AT(struct rec_fault, &p->faults, i);

		if (f->mark == REC_FORKS && f->addr == s->new_mm && s->has_new)
			f->mark = REC_NOTHING;
	}
	s->old_until = p->faults.nr;
}

static void count_peak(struct rec_process *p, const struct rec_mm *mm)
{
	int64_t sum = mm->pages[MEMBER_FILE] + mm->pages[MEMBER_ANON] + mm->pages[MEMBER_SHMEM];

	p->has_rss = true;
	p->rss_end = sum > 0 ? (uint64_t)sum : 0;
	if (p->rss_end > p->rss_peak)
		p->rss_peak = p->rss_end;
}

static bool add_mark(struct rec_process *p, struct reading *s, const struct rec_event *e,
	uint32_t thread, enum rec_mark mark)
{
	struct rec_fault *f = vec_add(&p->faults, sizeof(*f));

	if (f)
		*f = (struct rec_fault){.time_ns = e->time_ns,
			.thread = thread,
			.epoch = s->epoch,
			.mark = (uint8_t)mark,
			.addr = mark == REC_FORKS ? e->mm_id : 0,
			.file_pages = -1};
	return f != NULL;
}

/* A line about the task's own mm, @delta pages more than before. */
static bool own_rss(struct rec_process *p, struct reading *s, const struct rec_event *e,
	uint32_t thread, int64_t delta)
{
	struct rec_fault *f = last_fault(p, thread);
	/* A private copy takes the place of a page of the file. */
	bool is_copy = f && (f->error_code & 3) == 3 && e->member == MEMBER_FILE && delta == -1;

	if (f && f->mark == REC_FAULT && (delta >= 0 || is_copy)) {
		int16_t pages = (int16_t)(delta > INT16_MAX   ? INT16_MAX
					  : delta < INT16_MIN ? INT16_MIN
							      : delta);

		if (e->member == MEMBER_FILE) {
			f->file_pages = (int16_t)((f->file_pages < 0 ? 0 : f->file_pages) + pages);
			f->rss_lines++;
			if (f->rss_lines > 1 && delta >= 0 && !(f->error_code & 3))
				f->major = true;
		} else if (e->member == MEMBER_ANON) {
			f->anon_pages = (int16_t)(f->anon_pages + pages);
		}
		return true;
	}
	if (delta >= 0)
		return true;
	return add_mark(p, s, e, thread, REC_DROP);
}

/* A line about an mm that is not the task's own: a new program's, a child's that is being filled, or one that ends. */
static bool other_rss(struct rec_process *p, struct reading *s, struct rec_mm *mm,
	const struct rec_event *e, uint32_t thread, const struct rss_change *change)
{
	int64_t delta = change->delta;

	if (s->has_mm && e->mm_id == s->mm) {
		if (s->has_new)
			s->old_until = p->faults.nr;
		return true;
	}
	/* The first page of a new program's stack; an id is used again when its mm is gone. */
	if (e->pages == 1 && e->member == MEMBER_ANON && delta > 0) {
		memset(mm->pages, 0, sizeof(mm->pages));
		mm->pages[e->member] = e->pages;
		s->new_mm = e->mm_id;
		s->has_new = true;
		s->forked_mm = 0;
		s->old_until = p->faults.nr;
		return true;
	}
	if (delta <= 0 || (s->forked_mm == e->mm_id && !change->was_empty))
		return true;
	s->forked_mm = e->mm_id;
	return add_mark(p, s, e, thread, REC_FORKS);
}

static bool rss_event(struct rec_process *p, struct reading *s, const struct rec_event *e,
	uint32_t thread, struct rec_mm *mm, const struct rss_change *change)
{
	if (!e->current_mm)
		return other_rss(p, s, mm, e, thread, change);
	if (s->has_new && e->mm_id == s->new_mm) {
		new_program(p, s);
		s->has_new = false;
	} else if (s->has_mm && e->mm_id == s->mm) {
		if (s->has_new)
			s->old_until = p->faults.nr;
	}
	bool first = !s->has_mm || s->mm != e->mm_id;
	s->mm = e->mm_id;
	s->has_mm = true;
	count_peak(p, mm);
	/* Of an mm that was there before the recording the first line tells all, not what came. */
	if (first && change->first)
		return true;
	return own_rss(p, s, e, thread, change->delta);
}

static bool fault_event(
	struct rec_process *p, struct reading *s, const struct rec_event *e, uint32_t thread)
{
	struct rec_fault *f = vec_add(&p->faults, sizeof(*f));

	if (!f)
		return false;
	*f = (struct rec_fault){
		.time_ns = e->time_ns,
		.addr = e->addr,
		.thread = thread,
		.epoch = s->epoch,
		.file_pages = -1,
		.cpu = e->cpu,
		.error_code = e->error_code,
		.from_user = e->from_user,
	};
	return true;
}

static uint32_t thread_of_event(const struct family *f, uint32_t tid, uint32_t hint)
{
	const struct rec_thread *t;

	if (hint != NOBODY) {
		t = VEC_AT(struct rec_thread, &f->threads, hint);
		if (t->has_faults && t->fault_tid == tid)
			return hint;
	}
	for (uint32_t i = 0; i < f->threads.nr; i++) {
		t = VEC_AT(struct rec_thread, &f->threads, i);
		if (t->has_faults && t->fault_tid == tid)
			return i;
	}
	return NOBODY;
}

/* Keep what an rss_stat line says of its mm. NULL: host memory ended. */
static struct rec_mm *note_mm(struct vec *mms, const struct rec_event *e, struct rss_change *change)
{
	struct rec_mm *mm = mm_of(mms, e->mm_id, &change->first);

	if (!mm || e->member >= MEMBERS)
		return mm;
	change->was_empty =
		!mm->pages[MEMBER_FILE] && !mm->pages[MEMBER_ANON] && !mm->pages[MEMBER_SHMEM];
	change->delta = e->pages - mm->pages[e->member];
	mm->pages[e->member] = e->pages;
	return mm;
}

static bool one_event(struct family *f, struct reading *readings, struct vec *mms,
	const struct rec_event *e, uint32_t thread)
{
	struct rss_change change = {0};
	struct rec_mm *mm = NULL;

	/* Also of those who are no business of ours: their mms end, and the ids are used again. */
	if (e->kind == REC_EVENT_RSS) {
		mm = note_mm(mms, e, &change);
		if (!mm)
			return false;
	}
	if (thread == NOBODY) {
		f->strangers += e->kind == REC_EVENT_FAULT;
		return true;
	}
	uint32_t process = VEC_AT(struct rec_thread, &f->threads, thread)->process;
	struct rec_process *p = family_process(f, process);
	struct reading *s = &readings[process];

	switch ((enum rec_event_kind)e->kind) {
	case REC_EVENT_FAULT:
		return fault_event(p, s, e, thread);
	case REC_EVENT_RSS:
		return e->member >= MEMBERS || rss_event(p, s, e, thread, mm, &change);
	case REC_EVENT_EXEC:
		/* Told after the program was begun: what it copied and cleared came before. */
		if (!s->has_mm)
			new_program(p, s);
		return true;
	case REC_EVENT_FORK:
	case REC_EVENT_EXIT:
		break;
	}
	return true;
}

/* The kernel touched user memory with page faults disabled (a signal's frame), failed, and did it again in earnest: two
 * lines, of which the first was handled by nobody. */
static bool is_failed_try(const struct rec_process *p, size_t i)
{
	const struct rec_fault *f = VEC_AT(struct rec_fault, &p->faults, i), *next = f + 1;

	return !f->from_user && i + 1 < p->faults.nr && next->mark == REC_FAULT &&
	       !next->from_user && next->thread == f->thread &&
	       next->addr / 4096 == f->addr / 4096 && next->error_code == f->error_code &&
	       f->file_pages < 0 && !f->anon_pages;
}

/* Without rss_stat a fork shows all the same: a page that was written faults for writing again, though it is there. */
static bool infer_forks(struct rec_process *p)
{
	struct vec all = {0}, written = {0};
	bool ok = true;

	for (size_t i = 0; ok && i < p->faults.nr; i++) {
		const struct rec_fault *f = VEC_AT(struct rec_fault, &p->faults, i);
		uint64_t page = f->addr / 4096;
		bool again = false;

		for (size_t k = 0; k < written.nr && (f->error_code & 3) == 3 && !again; k++)
			again = *VEC_AT(uint64_t, &written, k) == page;
		struct rec_fault *copy = again ? vec_add(&all, sizeof(*copy)) : NULL;
		if (copy) {
			*copy = *f;
			copy->mark = REC_FORKS;
			copy->addr = 0;
			written.nr = 0;
		}
		ok = !again || copy;
		copy = ok ? vec_add(&all, sizeof(*copy)) : NULL;
		uint64_t *slot =
			copy && f->error_code & 2 ? vec_add(&written, sizeof(*slot)) : NULL;
		if (copy)
			*copy = *f;
		if (slot)
			*slot = page;
		ok = copy != NULL;
	}
	free(written.at);
	if (ok) {
		free(p->faults.at);
		p->faults = all;
	} else {
		free(all.at);
	}
	return ok;
}

static bool forks(const struct rec_process *p, const struct record *r)
{
	for (uint32_t i = 0; i < p->calls.nr; i++)
		if (process_call(r, p, i)->kind == REC_FORK &&
			!(process_call(r, p, i)->a[0] & CLONE_VM_))
			return true;
	return false;
}

/* What the recorded kernel counted: its lines, and one fault for the page of arguments of each execve. */
static void sum_up(struct rec_process *p, int32_t epochs)
{
	/* Recorded from the middle on: the last programs are the same. */
	int32_t before = (int32_t)p->execs > epochs ? (int32_t)p->execs - epochs : 0;

	for (size_t i = 0; i < p->faults.nr; i++) {
		struct rec_fault *f = VEC_AT(struct rec_fault, &p->faults, i);

		f->epoch = epochs ? f->epoch + before : -1;
		if (f->mark == REC_FAULT && is_failed_try(p, i))
			f->mark = REC_NOTHING;
		if (f->mark != REC_FAULT)
			continue;
		if (f->major)
			p->major++;
		else
			p->minor++;
	}
	if (p->faults.nr)
		p->minor += p->execs;
}

bool family_take_faults(struct family *f, const struct record *r)
{
	struct reading *readings = calloc(f->processes.nr + 1, sizeof(*readings));
	struct vec mms = {0};
	uint32_t thread = NOBODY;
	bool ok = readings != NULL;

	for (size_t i = 0; ok && i < r->events.nr; i++) {
		const struct rec_event *e = VEC_AT(struct rec_event, &r->events, i);
		uint32_t who = thread_of_event(f, e->tid, thread);

		ok = one_event(f, readings, &mms, e, who);
		thread = who == NOBODY ? thread : who;
	}
	for (uint32_t i = 0; ok && i < f->processes.nr; i++) {
		struct rec_process *p = family_process(f, i);

		sum_up(p, readings[i].epoch);
		ok = p->has_rss || !forks(p, r) || infer_forks(p);
	}
	free(mms.at);
	free(readings);
	return ok;
}

/* SPDX-License-Identifier: MIT
 *
 * A recorded process tree, run on the simulated machine.
 *
 *	strace lines ──┐                              ┌─ calls in their order, each with its recorded result
 *	               ├─ record ─ family ─ layout ───┤
 *	fault lines  ──┘            align, image      └─ before each call of a process: the faults that belong before it
 *
 * In steps:
 *  1. ALIGN: for each process its layout over time, the place of its faults between its calls, and the layouts of the
 *     programs that it began.
 *  2. RUN: the calls of all processes in the order in which strace told them. A recorded fault is an access of the same
 *     kind at the same address; whether it faults here, and what it maps, is this machine's affair.
 *  3. What is left of faults when the calls end.
 *
 * A process that was there when the recording began is forked from pid 1, empty. The child that a measuring program made
 * has faults before its execve, in memory of which nothing was recorded: there a page is put under each fault, so that it
 * is one. A recorded pid stays the process's number when no other has it.
 *
 * Whatever is replayed again (the calls came first, and now the faults) ends the processes of the run before: their numbers
 * become free, and the same machine sees the same acts. The page cache keeps what it has.
 *
 * Invariant: calls_done and faults_done only grow, and no fault is made before the calls that belong before it.
 *
 * Left out: the recorded clocks beside the order; signals; what a call does besides memory.
 */
#include "replay/process_replay.h"

#include "mm/core/clock.h"
#include "mm/process/access.h"
#include "mm/process/file.h"
#include "mm/process/mm.h"
#include "mm/process/syscalls.h"
#include "mm/process/vma_index.h"
#include "replay/align.h"
#include "replay/process_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

enum { ERROR_PROT = 1, ERROR_WRITE = 2, ERROR_FETCH = 16 };

typedef unsigned long long ull;

const char *const process_count_names[NR_PROCESS_COUNTS] = {
#define PROCESS_COUNT(name, doc) #name,
#include "replay/process_count.def"
};

static struct rec_thread *thread_of(const struct process_replay *pr, uint32_t i)
{
	return VEC_AT(struct rec_thread, &pr->family.threads, i);
}

static void forget_run(struct process_replay *pr)
{
	for (size_t i = 0; pr->replayed && i < pr->family.processes.nr; i++) {
		layout_finish(&pr->replayed[i].layout);
		free(pr->replayed[i].programs);
	}
	free(pr->replayed);
	free(pr->pids);
	pr->replayed = NULL;
	pr->pids = NULL;
	family_finish(&pr->family);
}

void process_replay_finish(struct process_replay *pr)
{
	forget_run(pr);
	record_finish(&pr->record);
	memset(pr, 0, sizeof(*pr));
}

void process_replay_expect(struct process_replay *pr, bool is_call)
{
	if (is_call ? pr->ran_calls : pr->ran_events)
		process_replay_finish(pr);
	pr->fresh_lines = true;
}

/* The processes of the run before end; who has none of them left was killed by others. */
static void end_run(struct process_replay *pr, struct machine *m)
{
	for (uint32_t i = 0; pr->pids && i < pr->family.threads.nr; i++) {
		struct task *t = pr->pids[i] ? task_find(m, pr->pids[i]) : NULL;

		if (t && t->pid == t->tgid)
			task_kill(m, t);
	}
	forget_run(pr);
}

static int refuse_beyond(struct process_replay *pr, struct machine *m)
{
	bool wide = machine_has(m, CONFIG_64BIT);

	refuse(&m->why, EOVERFLOW,
		"the recording%s: its addresses reach 0x%llx, and a process of this machine has "
		"0x%llx "
		"bytes; %s",
		wide ? " is not of a program of this machine" : " is of a 64-bit program",
		(ull)pr->record.highest_addr, (ull)mm_task_size(m),
		wide ? "is a line of it damaged?" : "mount pc-x86_64 for it");
	memcpy(pr->refused, m->why.sentence, sizeof(pr->refused) - 1);
	return -EOVERFLOW;
}

int process_replay_begin(struct process_replay *pr, struct machine *m)
{
	end_run(pr, m);
	pr->fresh_lines = false;
	pr->ran_calls = pr->record.calls.nr > 0;
	pr->ran_events = pr->record.events.nr > 0;
	pr->refused[0] = '\0';
	pr->phase = PROCESS_DONE;
	if (pr->record.highest_addr > mm_task_size(m))
		return refuse_beyond(pr, m);
	record_sort(&pr->record);
	bool ok = family_build(&pr->family, &pr->record);
	if (ok) {
		pr->replayed = calloc(pr->family.processes.nr + 1, sizeof(*pr->replayed));
		pr->pids = calloc(pr->family.threads.nr + 1, sizeof(*pr->pids));
		ok = pr->replayed && pr->pids;
	}
	if (!ok) {
		forget_run(pr);
		return refuse(&m->why, ENOMEM, "the host has no memory for this recording");
	}
	pr->at = 0;
	pr->phase = PROCESS_ALIGN;
	pr->until_ns = 0;
	return 0;
}

/* ---- step 1 ---- */

/* The run of faults of program @epoch of process @i, and those of its children that were forked in it. */
static size_t take_runs(const struct process_replay *pr, uint32_t i, uint32_t epoch,
	struct image_run *runs, size_t room)
{
	size_t nr = 0;

	runs[nr++] =
		(struct image_run){family_process(&pr->family, i), &pr->replayed[i].layout, epoch};
	for (uint32_t k = i + 1; k < pr->family.processes.nr && nr < room; k++) {
		const struct rec_process *child = family_process(&pr->family, k);

		if (child->parent == i && pr->replayed[i].layout.epochs[child->parent_at] == epoch)
			runs[nr++] = (struct image_run){child, &pr->replayed[k].layout, 0};
	}
	return nr;
}

static bool guess_programs(struct process_replay *pr)
{
	for (uint32_t i = 0; i < pr->family.processes.nr; i++) {
		const struct rec_process *p = family_process(&pr->family, i);
		struct replayed *r = &pr->replayed[i];

		r->programs = calloc(p->execs + 1, sizeof(*r->programs));
		if (!r->programs)
			return false;
		for (uint32_t epoch = 1; epoch <= p->execs; epoch++) {
			struct image_run runs[16];
			size_t nr = take_runs(pr, i, epoch, runs, 16);

			if (!program_guess(runs, nr, &r->programs[epoch - 1]))
				return false;
		}
	}
	return true;
}

static bool align_process(struct process_replay *pr, uint32_t i)
{
	struct rec_process *p = family_process(&pr->family, i);
	struct replayed *r = &pr->replayed[i];
	const struct layout *parent = p->parent == NOBODY ? NULL : &pr->replayed[p->parent].layout;

	return layout_build(&r->layout, &pr->record, p, parent) &&
	       align_faults(p, &r->layout, &r->align_cost);
}

/* ---- step 2 ---- */

void process_note(struct actor *a, unsigned cpu)
{
	const struct mm *mm = task_mm(a->m, a->t);
	uint64_t pages[RSS_MEMBERS];

	if (!mm)
		return;
	pages[0] = mm->rss[MM_FILEPAGES];
	pages[1] = mm->rss[MM_ANONPAGES];
	pages[2] = mm->rss[MM_SHMEMPAGES];
	rss_model_set(&a->r->rss, cpu, pages);
	a->r->rss_end = mm_rss(mm);
}

static void note_faults(struct actor *a, uint64_t minor, uint64_t major)
{
	a->r->minor += a->t->min_flt - minor;
	a->r->major += a->t->maj_flt - major;
}

/* The process that a thread which nobody made begins with: a child of pid 1. */
static void begin_root(struct actor *a)
{
	const struct rec_thread *rec = thread_of(a->pr, a->thread);
	struct task *init = task_find(a->m, 1);
	uint32_t wanted = rec->tid && !task_find(a->m, rec->tid) ? rec->tid : 0;

	if (!init || task_clone(a->m, init, 0, wanted, &a->t))
		return;
	a->pr->pids[a->thread] = a->r->pid = a->t->pid;
	if (process_begin_empty(a, rec->comm, rec->comm_len))
		a->r->count[PROCESS_COUNT_refused]++;
}

/* Who acts: false when the thread is gone, or never was here. */
static bool find_actor(
	struct process_replay *pr, struct machine *m, uint32_t thread, struct actor *a)
{
	uint32_t process = thread_of(pr, thread)->process;

	*a = (struct actor){.pr = pr, .m = m, .thread = thread, .process = process};
	a->rec = family_process(&pr->family, process);
	a->r = &pr->replayed[process];
	if (!pr->pids[thread] && a->rec->parent == NOBODY && a->rec->leader == thread) {
		begin_root(a);
	} else if (pr->pids[thread]) {
		a->t = task_find(m, pr->pids[thread]);
	}
	return a->t && a->t->state == TASK_RUNNING;
}

/* Is there a mapping, or a stack that may grow down to it? */
static bool is_mapped(const struct machine *m, const struct task *t, uint64_t addr)
{
	const struct mm *mm = task_mm(m, t);
	const struct vma *v = mm ? vma_find(m, &mm->vmas, addr) : NULL;

	return v && (v->start <= addr ||
			    (v->flags & VM_GROWSDOWN && v->start - addr <= (UINT64_C(8) << 20)));
}

/* Is nothing mapped there, and will no fault of the process bring it? */
static bool is_unused(const struct actor *a, uint64_t page)
{
	if (vma_find_in(a->m, &task_mm(a->m, a->t)->vmas, page, page + PAGE_BYTES))
		return false;
	for (size_t i = a->r->faults_done; i < a->rec->faults.nr; i++) {
		const struct rec_fault *f = VEC_AT(struct rec_fault, &a->rec->faults, i);

		if (f->mark == REC_FAULT && f->addr - page < PAGE_BYTES &&
			!(f->error_code & ERROR_PROT))
			return false;
	}
	return true;
}

/* Something was there, but nothing tells what: a page for the fault, or as many pages of a file as came with it. */
static int map_unknown(struct actor *a, const struct rec_fault *f)
{
	static const char name[] = "/unknown";
	const unsigned prot = PROT_READ_ | PROT_WRITE_ | PROT_EXEC_,
		       fixed = MAP_PRIVATE_ | MAP_FIXED_;
	uint64_t start = f->addr & ~(PAGE_BYTES - 1), end = start + PAGE_BYTES, out;

	a->r->count[PROCESS_COUNT_unmapped]++;
	if (f->file_pages <= 0 || !task_mm(a->m, a->t))
		return sys_mmap(a->m, a->t, start, PAGE_BYTES, prot, fixed | MAP_ANONYMOUS_, NULL,
			0, NULL, &out);
	/* Of the block that fault-around looks at, as far as nothing else is there or comes by a fault of its own. */
	const uint64_t block = 16 * PAGE_BYTES, first = start & ~(block - 1);
	const uint64_t bytes = (uint64_t)f->file_pages * PAGE_BYTES;
	while (end - start < bytes && end < first + block && is_unused(a, end))
		end += PAGE_BYTES;
	while (end - start < bytes && start > first && is_unused(a, start - PAGE_BYTES))
		start -= PAGE_BYTES;
	struct file *file = recorded_file(a, name, sizeof(name) - 1, FILE_RDONLY);
	uint64_t offset = start & UINT32_MAX;
	int err = file ? prepare_file(a, file, start, end - start, offset) : -a->m->why.err;
	if (!err)
		err = sys_mmap(
			a->m, a->t, start, end - start, prot, fixed, file, offset, NULL, &out);
	if (file)
		file_put(a->m, a->t->cpu, file);
	return err;
}

static void do_fault(struct actor *a, const struct rec_fault *f)
{
	uint64_t minor = a->t->min_flt, major = a->t->maj_flt;
	struct task_access x = {.a = {.va = f->addr, .bytes = 1, .kind = HW_LOAD, .no_data = true}};
	int err = 0;

	if (f->error_code & ERROR_WRITE)
		x.a.kind = HW_STORE;
	else if (f->error_code & ERROR_FETCH)
		x.a.kind = HW_FETCH;
	a->t->cpu = f->cpu % a->m->nr_cpus;
	if (!is_mapped(a->m, a->t, f->addr))
		err = map_unknown(a, f);
	if (!err) {
		hide_uncached(a, f);
		err = task_access(a->m, a->t, &x);
	}
	note_faults(a, minor, major);
	process_note(a, f->cpu);
	a->r->count[err ? PROCESS_COUNT_failed : PROCESS_COUNT_faults]++;
	if (!err && !x.minor && !x.major)
		a->r->count[PROCESS_COUNT_spared]++;
}

/* One fault of process @i that belongs before its next call. False: there is none. */
static bool next_fault(struct process_replay *pr, struct machine *m, uint32_t i)
{
	struct rec_process *p = family_process(&pr->family, i);
	struct replayed *r = &pr->replayed[i];
	struct actor a;

	while (r->faults_done < p->faults.nr) {
		const struct rec_fault *f = VEC_AT(struct rec_fault, &p->faults, r->faults_done);

		if (f->at > r->calls_done)
			return false;
		r->faults_done++;
		if (f->mark != REC_FAULT)
			continue;
		if (find_actor(pr, m, f->thread, &a) || find_actor(pr, m, p->leader, &a))
			do_fault(&a, f);
		else
			r->count[PROCESS_COUNT_failed]++;
		return true;
	}
	return false;
}

/* The time until the call. True: much falls due in it, and there is more to do. */
static bool time_passes(struct process_replay *pr, struct machine *m, const struct rec_call *c)
{
	if (!pr->until_ns) {
		uint64_t before =
			pr->at ? VEC_AT(struct rec_call, &pr->record.calls, pr->at - 1)->time_ns
			       : 0;
		uint64_t ns = before && c->time_ns > before ? c->time_ns - before : 0;

		pr->until_ns = m->clock.now_ns + (ns < LONGEST_PAUSE_NS ? ns : 0);
	}
	if (clock_advance_step(m, pr->until_ns, TASK_STEPS))
		return true;
	pr->until_ns = 0;
	return false;
}

static void do_call(
	struct process_replay *pr, struct machine *m, const struct rec_call *c, uint32_t thread)
{
	bool elsewhere = false;
	struct actor a;

	if (!find_actor(pr, m, thread, &a)) {
		a.r->count[PROCESS_COUNT_refused]++;
		return;
	}
	uint64_t minor = a.t->min_flt, major = a.t->maj_flt;
	rss_model_look(&a.r->rss);
	int err = process_call_act(&a, c, &elsewhere);
	a.r->count[err ? PROCESS_COUNT_refused : PROCESS_COUNT_calls]++;
	if (err && !a.r->refused_order) {
		a.r->refused_order = c->order;
		snprintf(a.r->refused, sizeof(a.r->refused), "%.*s", (int)sizeof(a.r->refused) - 1,
			m->why.sentence);
	}
	a.r->count[PROCESS_COUNT_elsewhere] += elsewhere;
	if (a.t) {
		note_faults(&a, minor, major);
		process_note(&a, a.t->cpu);
	}
}

/* One act: a fault, or a call. False: the calls are all done. */
static bool next_act(struct process_replay *pr, struct machine *m)
{
	if (pr->at == pr->record.calls.nr)
		return false;
	const struct rec_call *c = VEC_AT(struct rec_call, &pr->record.calls, pr->at);
	uint32_t thread = family_thread(&pr->family, c->tid);
	uint32_t process = thread_of(pr, thread)->process;
	bool moves = rec_moves_mappings(c->kind);

	if (moves && next_fault(pr, m, process))
		return true;
	if (time_passes(pr, m, c))
		return true;
	do_call(pr, m, c, thread);
	pr->replayed[process].calls_done += moves;
	pr->at++;
	return true;
}

static bool next_leftover(struct process_replay *pr, struct machine *m)
{
	for (uint32_t i = 0; i < pr->family.processes.nr; i++)
		if (next_fault(pr, m, i))
			return true;
	return false;
}

bool process_replay_step(struct process_replay *pr, struct machine *m, unsigned acts)
{
	if (pr->phase == PROCESS_ALIGN) {
		bool ok = true;

		if (pr->at < pr->family.processes.nr) {
			ok = align_process(pr, (uint32_t)pr->at++);
		} else {
			ok = guess_programs(pr);
			pr->phase = PROCESS_RUN;
			pr->at = 0;
		}
		if (!ok) {
			refuse(&m->why, ENOMEM, "the host has no memory for this recording");
			pr->phase = PROCESS_DONE;
		}
	}
	do {
		if (pr->phase == PROCESS_RUN && !next_act(pr, m) && !next_leftover(pr, m))
			pr->phase = PROCESS_DONE;
	} while (pr->phase == PROCESS_RUN && --acts && !pr->until_ns);
	return pr->phase == PROCESS_ALIGN || pr->phase == PROCESS_RUN;
}

/* SPDX-License-Identifier: MIT
 *
 * A task is made: fork, vfork, clone.
 *
 * In the kernel's order, since each step takes memory and the next may find none:
 *
 *	task_struct, kernel stack, open files, signal handlers, what threads share, address space, number
 *
 * What was taken is given back in one place (task_free()) when a step fails, so nothing has changed then but the order of
 * free pages. Only the last step is seen by others: the task gets into the table and the lists.
 *
 * Left out: credentials, namespaces, CLONE_FILES and CLONE_SIGHAND between
 * processes (each has its own then, equal at first). Follows kernel/fork.c of 6.1 (copy_process(), kernel_clone()).
 */
#include "mm/page/frame.h"
#include "mm/page/page_alloc.h"
#include "mm/page/zone.h"
#include "mm/process/mm.h"
#include "mm/process/task_internal.h"
#include "mm/process/tlb_flush.h"
#include "mm/slab/slab.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

typedef unsigned long long ull;

#define PID_MAX_LIMIT 4194304u

/* ---- address spaces ---- */

void task_attach_mm(struct machine *m, struct task *t, struct mm *mm)
{
	assert(!t->mm_at);
	t->mm_at = machine_ref(m, mm);
	link_add_tail(m, &mm->tasks, &t->in_mm);
}

struct mm *task_detach_mm(struct machine *m, struct task *t)
{
	struct mm *mm = task_mm(m, t);

	for (unsigned cpu = 0; cpu < m->nr_cpus; cpu++)
		if (m->processes.tasks.current_pid[cpu] == t->pid) {
			m->processes.tasks.current_pid[cpu] = 0;
			(void)switch_mm(m, cpu, NULL);
		}
	if (mm)
		link_del(m, &t->in_mm);
	t->mm_at = 0;
	return mm;
}

/* ---- objects ---- */

/* A block with the parts that any task has. NULL: m->why. */
static struct task *task_alloc(struct machine *m, unsigned cpu)
{
	uint64_t at = heap_alloc(m, sizeof(struct task));

	if (!at)
		return NULL;
	struct task *t = machine_at(m, at);

	if (!kmem_cache_alloc(m, cpu, KMEM_task_struct, &t->object) && !task_stack_alloc(m, cpu, t))
		return t;
	struct refusal why = m->why;

	task_free(m, cpu, t);
	m->why = why;
	return NULL;
}

void task_free(struct machine *m, unsigned cpu, struct task *t)
{
	assert(!t->mm_at);
	vars_finish(m, &t->vars);
	kmem_cache_free(m, cpu, KMEM_pid, t->pid_object);
	kmem_cache_free(m, cpu, KMEM_signal_cache, t->signal_object);
	kmem_cache_free(m, cpu, KMEM_sighand_cache, t->sighand_object);
	if (t->files_object)
		fds_finish(m, cpu, t);
	task_stack_free(m, cpu, t);
	kmem_cache_free(m, cpu, KMEM_task_struct, t->object);
	heap_free(m, machine_ref(m, t), sizeof(*t));
}

/* What a process has and its further threads share. */
static int copy_process_parts(
	struct machine *m, unsigned cpu, struct task *t, const struct task *parent)
{
	int err = fds_copy(m, cpu, t, parent);

	if (!err)
		err = kmem_cache_alloc(m, cpu, KMEM_sighand_cache, &t->sighand_object);
	if (!err)
		err = kmem_cache_alloc(m, cpu, KMEM_signal_cache, &t->signal_object);
	return err;
}

/* NULL with m->why.err 0: the parent has none, too. */
static struct mm *copy_mm(
	struct machine *m, unsigned cpu, const struct task *parent, unsigned clone_flags)
{
	struct mm *mm = task_mm(m, parent);

	refusal_clear(&m->why);
	if (!mm)
		return NULL;
	if (!(clone_flags & CLONE_VM_))
		return mm_dup(m, cpu, mm);
	mm->users++;
	return mm;
}

static void copy_fields(const struct machine *m, struct task *t, const struct task *parent)
{
	memcpy(t->comm, parent->comm, sizeof(t->comm));
	memcpy(t->rlim, parent->rlim, sizeof(t->rlim));
	t->uid = parent->uid;
	t->policy = parent->policy;
	t->il_prev = parent->il_prev;
	t->gid = parent->gid;
	t->oom_score_adj = parent->oom_score_adj;
	t->dumpable = parent->dumpable;
	t->ip = parent->ip;
	t->sp = parent->sp;
	t->start_ns = m->clock.now_ns;
}

/* The task is seen from now on. */
static void publish(struct machine *m, struct task *t, struct task *parent, unsigned clone_flags)
{
	struct task *leader = task_leader(m, parent);

	if (clone_flags & CLONE_THREAD_) {
		t->tgid = leader->pid;
		t->ppid = leader->ppid;
		t->fds_at = leader->fds_at;
		t->nr_fds = leader->nr_fds;
		link_add_tail(m, &leader->threads, &t->thread);
		leader->nr_live++;
	} else {
		struct task *real = clone_flags & CLONE_PARENT_ && leader->ppid
					    ? task_find(m, leader->ppid)
					    : leader;

		t->tgid = t->pid;
		t->ppid = real->pid;
		t->nr_live = 1;
		link_add_tail(m, &real->children, &t->sibling);
	}
	tasks_insert(m, t);
	if (clone_flags & CLONE_VFORK_) {
		t->vfork_waiter = parent->pid;
		parent->vfork_child = t->pid;
	}
	m->processes.tasks.forks++;
}

/* What copy_process() asks of the flags, in its order; the last is copy_namespaces()'s. */
static int may_combine(struct machine *m, unsigned clone_flags)
{
	static const struct {
		unsigned flag, needs, excludes;
		const char *sentence;
	} rules[] = {
		{CLONE_NEWNS_, 0, CLONE_FS_, "CLONE_NEWNS excludes CLONE_FS"},
		{CLONE_NEWUSER_, 0, CLONE_FS_, "CLONE_NEWUSER excludes CLONE_FS"},
		{CLONE_THREAD_, CLONE_SIGHAND_, 0, "CLONE_THREAD needs CLONE_SIGHAND"},
		{CLONE_SIGHAND_, CLONE_VM_, 0, "CLONE_SIGHAND needs CLONE_VM"},
		{CLONE_THREAD_, 0, CLONE_NEWUSER_ | CLONE_NEWPID_,
			"CLONE_THREAD excludes CLONE_NEWUSER and CLONE_NEWPID"},
		{CLONE_PIDFD_, 0, CLONE_DETACHED_ | CLONE_THREAD_,
			"CLONE_PIDFD excludes CLONE_DETACHED and CLONE_THREAD"},
		{CLONE_NEWIPC_, 0, CLONE_SYSVSEM_, "CLONE_NEWIPC excludes CLONE_SYSVSEM"},
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (clone_flags & rules[i].flag &&
			((clone_flags & rules[i].needs) != rules[i].needs ||
				clone_flags & rules[i].excludes))
			return refuse(&m->why, EINVAL, "%s", rules[i].sentence);
	return 0;
}

static int may_clone(
	struct machine *m, const struct task *parent, unsigned clone_flags, uint32_t pid)
{
	int64_t most = m->sysctls.value[SYSCTL_threads_max];

	if (parent->state == TASK_ZOMBIE)
		return refuse(&m->why, ESRCH, "process %u has ended", parent->pid);
	if (may_combine(m, clone_flags))
		return -m->why.err;
	if (m->processes.tasks.nr >= most)
		return refuse(&m->why, EAGAIN,
			"there are %u tasks, and kernel.threads-max allows %lld",
			m->processes.tasks.nr, (long long)most);
	if (pid >= PID_MAX_LIMIT)
		return refuse(&m->why, EINVAL, "a process's number is below %u", PID_MAX_LIMIT);
	if (pid && task_find(m, pid))
		return refuse(&m->why, EEXIST, "there is a task %u already", pid);
	return 0;
}

/* Everything but the number and the lists. */
static int make(struct machine *m, unsigned cpu, struct task *t, const struct task *parent,
	unsigned clone_flags, struct mm **mm)
{
	int err = 0;

	*mm = NULL;
	if (!(clone_flags & CLONE_THREAD_))
		err = copy_process_parts(m, cpu, t, parent);
	if (!err)
		err = kmem_cache_alloc(m, cpu, KMEM_pid, &t->pid_object);
	if (!err)
		err = tasks_reserve(m);
	/* Names of addresses are good in the copy, too. */
	if (!err)
		err = vars_copy(m, &t->vars, &parent->vars);
	if (err)
		return err;
	*mm = copy_mm(m, cpu, parent, clone_flags);
	return *mm ? 0 : -m->why.err;
}

int task_clone_on(struct machine *m, unsigned cpu, struct task *parent, unsigned clone_flags,
	uint32_t pid, struct task **out)
{
	bool chosen = pid != 0;
	int err = may_clone(m, parent, clone_flags, pid);
	struct mm *mm;

	*out = NULL;
	if (!err && !chosen)
		err = pid_next(m, &pid);
	if (err)
		return err;
	struct task *t = task_alloc(m, cpu);

	if (!t)
		return -m->why.err;
	err = make(m, cpu, t, parent, clone_flags, &mm);
	if (err) {
		struct refusal why = m->why;

		task_free(m, cpu, t);
		m->why = why;
		return err;
	}
	copy_fields(m, t, parent);
	t->pid = pid;
	t->cpu = cpu;
	t->clone_flags = clone_flags;
	if (!chosen)
		m->processes.tasks.last_pid = pid;
	publish(m, t, parent, clone_flags);
	if (mm)
		task_attach_mm(m, t, mm);
	*out = t;
	return 0;
}

int task_clone(struct machine *m, struct task *parent, unsigned clone_flags, uint32_t pid,
	struct task **out)
{
	return task_clone_on(m, parent->cpu, parent, clone_flags, pid, out);
}

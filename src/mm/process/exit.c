/* SPDX-License-Identifier: MIT
 *
 * A task ends, and someone hears of it.
 *
 *	exit of a thread          its stack and its place in the address space go; it is gone at once,
 *	                          unless it is the process's first one: that stays as a zombie
 *	of the last thread        files are closed, children get pid 1 as their parent; the process is dead
 *	dead process              a zombie until its parent waits; pid 1 waits at once
 *
 * When a parent reaps, what the child and the child's own reaped children had of faults is added to its c*_flt.
 *
 * Invariant: who has ended holds no page and no mapping, only its task_struct and what belongs to that.
 * Left out: signals to the parent, ptrace, reaping by threads' own choice (__WNOTHREAD), subreapers.
 * Follows kernel/exit.c of 6.1 (do_exit(), release_task(), wait_consider_task()) and fs/exec.c (de_thread()).
 */
#include "mm/process/mm.h"
#include "mm/process/task_internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define SIGKILL_STATUS 9

/* ---- vfork ---- */

void vfork_done(struct machine *m, struct task *t)
{
	struct task *waiter = task_find(m, t->vfork_waiter);

	if (waiter && waiter->vfork_child == t->pid)
		waiter->vfork_child = 0;
	t->vfork_waiter = 0;
}

/* Nobody waits for @t's child any more. */
static void stop_waiting(struct machine *m, struct task *t)
{
	struct task *child = task_find(m, t->vfork_child);

	if (child)
		child->vfork_waiter = 0;
	t->vfork_child = 0;
}

/* ---- reaping ---- */

/* release_task(): the dead process goes, and its parent has its faults. Returns nothing of it. */
static void reap(struct machine *m, struct task *leader)
{
	struct task *parent = task_find(m, leader->ppid);
	uint64_t min_flt, maj_flt;

	assert(parent && task_group_dead(leader));
	task_group_faults(m, leader, &min_flt, &maj_flt);
	parent->cmin_flt += min_flt + leader->cmin_flt;
	parent->cmaj_flt += maj_flt + leader->cmaj_flt;
	link_del(m, &leader->sibling);
	tasks_remove(m, leader);
	task_free(m, leader->cpu, leader);
}

/* The parent of a dead process is told: pid 1 waits for nothing else. */
static void notify_parent(struct machine *m, struct task *leader)
{
	if (leader->ppid == 1)
		reap(m, leader);
}

/* ---- ending ---- */

/* forget_original_parent(): the process's children are pid 1's now. */
static void forget_children(struct machine *m, struct task *leader)
{
	struct task *init = task_find(m, 1);
	struct link *l;

	while ((l = link_next(m, &leader->children, &leader->children))) {
		struct task *child = link_entry(l, struct task, sibling);

		link_del(m, l);
		child->ppid = 1;
		link_for_each(m, &child->threads, other) link_entry(other, struct task, thread)
			->ppid = 1;
		link_add_tail(m, &init->children, l);
		if (task_group_dead(child))
			reap(m, child);
	}
}

/* exit_mm(), and the stack of which the next task to run rids it. */
static void give_memory_back(struct machine *m, struct task *t)
{
	vfork_done(m, t);
	stop_waiting(m, t);
	struct mm *mm = task_detach_mm(m, t);

	if (mm)
		mm_put(m, t->cpu, mm);
	task_stack_free(m, t->cpu, t);
	vars_finish(m, &t->vars);
}

/* A thread that is not the process's first one is gone. */
static void release_thread(struct machine *m, struct task *leader, struct task *t)
{
	leader->group_min_flt += t->min_flt;
	leader->group_maj_flt += t->maj_flt;
	link_del(m, &t->thread);
	tasks_remove(m, t);
	task_free(m, t->cpu, t);
}

static void log_init_killed(struct machine *m, int status)
{
	log_printf(m, "Kernel panic - not syncing: Attempted to kill init! exitcode=0x%08x",
		(unsigned)status);
}

void task_exit(struct machine *m, struct task *t, int status)
{
	struct task *leader = task_leader(m, t);

	if (leader->pid == 1 && leader->nr_live == 1) {
		log_init_killed(m, status);
		return;
	}
	assert(t->state != TASK_ZOMBIE && leader->nr_live);
	give_memory_back(m, t);
	if (t != leader) {
		release_thread(m, leader, t);
	} else {
		t->state = TASK_ZOMBIE;
		t->exit_code = status;
		t->signal.signo = 0;
	}
	if (--leader->nr_live)
		return;
	fds_finish(m, leader->cpu, leader);
	forget_children(m, leader);
	notify_parent(m, leader);
}

/* All threads but @t. */
static void end_others(struct machine *m, struct task *leader, const struct task *t)
{
	struct link *l = &leader->threads, *next;

	for (l = link_next(m, &leader->threads, l); l; l = next) {
		struct task *other = link_entry(l, struct task, thread);

		next = link_next(m, &leader->threads, l);
		if (other == t)
			continue;
		give_memory_back(m, other);
		release_thread(m, leader, other);
		leader->nr_live--;
	}
}

void task_exit_group(struct machine *m, struct task *t, int status)
{
	struct task *leader = task_leader(m, t);

	if (leader->pid == 1) {
		/* Whichever thread it is: the kernel would not survive it. */
		log_init_killed(m, status);
		return;
	}
	end_others(m, leader, leader);
	/* A first thread that had ended before gets the process's status. */
	if (leader->state == TASK_ZOMBIE) {
		leader->exit_code = status;
		if (leader->nr_live)
			return;
		fds_finish(m, leader->cpu, leader);
		forget_children(m, leader);
		notify_parent(m, leader);
		return;
	}
	task_exit(m, leader, status);
}

void task_kill(struct machine *m, struct task *t)
{
	struct task *leader = task_leader(m, t);
	uint32_t pid = leader->pid;

	if (!task_group_dead(leader))
		task_exit_group(m, leader, SIGKILL_STATUS);
	leader = task_find(m, pid);
	if (leader && pid != 1)
		reap(m, leader);
}

/* ---- wait ---- */

int task_wait(struct machine *m, struct task *t, uint32_t pid, uint32_t *reaped, int *status)
{
	struct task *leader = task_leader(m, t);
	bool any = false;

	link_for_each(m, &leader->children, l)
	{
		struct task *child = link_entry(l, struct task, sibling);

		if (pid && child->pid != pid)
			continue;
		any = true;
		if (!task_group_dead(child))
			continue;
		*reaped = child->pid;
		*status = child->exit_code;
		reap(m, child);
		return 0;
	}
	if (!any && pid)
		return refuse(&m->why, ECHILD, "%u is no child of process %u", pid, leader->pid);
	if (!any)
		return refuse(&m->why, ECHILD, "process %u has no children", leader->pid);
	if (pid)
		return refuse(&m->why, EAGAIN, "child %u has not ended", pid);
	return refuse(&m->why, EAGAIN, "no child of process %u has ended", leader->pid);
}

/* ---- exec by one of several threads ---- */

void task_become_leader(struct machine *m, struct task *t)
{
	struct task *leader = task_leader(m, t);

	end_others(m, leader, t);
	if (t == leader)
		return;
	/* The thread takes over the number, the parent, the children and all that the process has. Who waits knows numbers. */
	vfork_done(m, t);
	stop_waiting(m, t);
	bool lived = leader->state != TASK_ZOMBIE;

	if (lived)
		give_memory_back(m, leader);
	link_del(m, &t->thread);
	tasks_remove(m, leader);
	tasks_remove(m, t);
	t->pid = leader->pid;
	for (unsigned cpu = 0; cpu < m->nr_cpus; cpu++)
		if (m->processes.tasks.current_pid[cpu] == t->tgid)
			m->processes.tasks.current_pid[cpu] = t->pid;
	t->start_ns = leader->start_ns;
	t->cmin_flt = leader->cmin_flt;
	t->cmaj_flt = leader->cmaj_flt;
	t->group_min_flt = leader->group_min_flt + leader->min_flt;
	t->group_maj_flt = leader->group_maj_flt + leader->maj_flt;
	t->nr_live = 1;
	t->signal_object = leader->signal_object;
	t->sighand_object = leader->sighand_object;
	t->files_object = leader->files_object;
	leader->signal_object = leader->sighand_object = leader->files_object = 0;
	leader->fds_at = 0;
	memcpy(t->name, leader->name, sizeof(t->name));
	link_insert(m, &leader->sibling, &t->sibling);
	link_del(m, &leader->sibling);
	struct link *l;
	while ((l = link_next(m, &leader->children, &leader->children))) {
		link_del(m, l);
		link_add_tail(m, &t->children, l);
	}
	task_free(m, leader->cpu, leader);
	tasks_insert(m, t);
}

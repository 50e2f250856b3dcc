/* SPDX-License-Identifier: MIT
 *
 * What task.c, fork.c, exit.c, exec.c and fd.c share.
 */
#ifndef SIMM_MM_TASK_INTERNAL_H
#define SIMM_MM_TASK_INTERNAL_H

#include "mm/core/link.h"
#include "mm/process/task.h"

/* ---- the table of all tasks (task.c) ---- */

/* Room for one more; after 0 tasks_insert() cannot fail. Errors: ENOMEM, EDQUOT. */
int tasks_reserve(struct machine *m);
void tasks_insert(struct machine *m, struct task *t);
void tasks_remove(struct machine *m, struct task *t);
/* The next free number behind last_pid (alloc_pid()). Errors: EAGAIN. */
int pid_next(struct machine *m, uint32_t *pid);

/* Does the process have a zombie and nothing else? */
static inline bool task_group_dead(const struct task *leader)
{
	return leader->state == TASK_ZOMBIE && !leader->nr_live;
}

/* ---- making and unmaking (fork.c) ---- */

/* Give back all that @t has (objects, stack, names, file table) and @t itself: it is in no list and in no mm. */
void task_free(struct machine *m, unsigned cpu, struct task *t);
/* A child of @parent made on CPU @cpu, which becomes its own. */
int task_clone_on(struct machine *m, unsigned cpu, struct task *parent, unsigned clone_flags,
	uint32_t pid, struct task **out);
/* Its kernel stack (kernel_stack.c). Errors: ENOMEM, EDQUOT. */
int task_stack_alloc(struct machine *m, unsigned cpu, struct task *t);
void task_stack_free(struct machine *m, unsigned cpu, struct task *t);
void task_attach_mm(struct machine *m, struct task *t, struct mm *mm);
/* It leaves its mm (if any) and the CPUs on which it is the current one; the mm's user is the caller's to put. */
struct mm *task_detach_mm(struct machine *m, struct task *t);

/* ---- ending (exit.c) ---- */

/* The parent of a vfork may go on. */
void vfork_done(struct machine *m, struct task *t);
/* All other threads of the process end, and @t becomes its first one: its number is the process's. */
void task_become_leader(struct machine *m, struct task *t);

/* ---- file descriptors (fd.c) ---- */

/* @to gets @from's open files. The same errors; @to is empty then. */
int fds_copy(struct machine *m, unsigned cpu, struct task *to, const struct task *from);
/* Close all and give the table back. */
void fds_finish(struct machine *m, unsigned cpu, struct task *t);
void fds_close_on_exec(struct machine *m, struct task *t);

#endif

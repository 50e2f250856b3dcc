/* SPDX-License-Identifier: MIT
 *
 * The process that a path names: proc/{pid}/FILE, proc/{pid}/task/{tid}/FILE, sim/tasks/{task}/FILE.
 *
 * Two kinds of processes are in /proc. Simulated ones have a struct task. The host's process that reads the mount has
 * none: it is a visitor, there because ps, top and their like look for themselves. A simulated one with the same
 * number wins.
 */
#ifndef SIMM_VIEW_TASK_VIEW_H
#define SIMM_VIEW_TASK_VIEW_H

#include "mm/process/task.h"
#include "view/view.h"

struct mm;

/* The task of a file that each thread has: the thread of the path, or the process. NULL: a visitor, or it is gone. */
struct task *view_task(const struct view *v);
/* The process of the path's first argument. */
struct task *view_process(const struct view *v);
/* Its address space; NULL: it has none (a zombie, a visitor, pid 1). */
struct mm *view_mm(const struct view *v);

/* 'R', 'S', 'Z', and "running", "sleeping", "zombie". */
const char *task_state_words(const struct machine *m, const struct task *t);
/* Pages of program text: between start_code and end_code (not more than what is mapped executable). */
uint64_t mm_text_pages(const struct mm *mm);
/* What the OOM killer would weigh (oom_badness()): false when it must not be killed. */
bool task_oom_badness(const struct machine *m, const struct task *t, int64_t *points);
/* How many tasks run on CPUs; how many there are. */
unsigned tasks_running(const struct machine *m);

#endif

/* SPDX-License-Identifier: MIT
 *
 * Which process a path means, and the arguments that name one: {pid}, {task}, {tid}, {fd}.
 *
 *	proc/100            {pid}   simulated ones, and who asks; processes are listed, threads are not
 *	proc/100/task/101   {tid}   threads of the process
 *	sim/tasks/hog       {task}  the value is the pid, the spelling its name; those with a name are listed
 *
 * mkdir of sim/tasks/NAME makes a process, rmdir ends it: they are acts like those of a ctl file.
 */
#include "view/task_view.h"

#include "view/files.h"

#include "base/parse.h"
#include "mm/process/mm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct task *view_process(const struct view *v)
{
	return task_find(v->m, (uint32_t)v->arg[0]);
}

struct task *view_task(const struct view *v)
{
	/* The second argument of a file of a thread; others that have a second one call view_process(). */
	return task_find(v->m, (uint32_t)(v->arg[1] ? v->arg[1] : v->arg[0]));
}

struct mm *view_mm(const struct view *v)
{
	const struct task *t = view_task(v);

	return t ? task_mm(v->m, t) : NULL;
}

/* Rows that only simulated processes have. */
bool is_simulated(const struct view *v)
{
	return view_process(v) != NULL;
}

/* ---- what several files tell of a task ---- */

/* Does it run now? One that is on a CPU does; all others sleep until they are written to. */
static bool task_runs(const struct machine *m, const struct task *t)
{
	return t->state == TASK_RUNNING && m->processes.tasks.current_pid[t->cpu] == t->pid;
}

const char *task_state_words(const struct machine *m, const struct task *t)
{
	return t->state == TASK_ZOMBIE ? "Z (zombie)"
	       : task_runs(m, t)       ? "R (running)"
				       : "S (sleeping)";
}

unsigned tasks_running(const struct machine *m)
{
	unsigned n = 0;

	for (unsigned cpu = 0; cpu < m->nr_cpus; cpu++)
		n += m->processes.tasks.current_pid[cpu] != 0;
	return n;
}

uint64_t mm_text_pages(const struct mm *mm)
{
	uint64_t end = pfn_up(mm->end_code);

	return end - (mm->start_code >> PAGE_SHIFT);
}

bool task_oom_badness(const struct machine *m, const struct task *t, int64_t *points)
{
	const struct mm *mm = task_mm(m, t);

	/* Neither init, nor who asked to be spared, nor what has no memory. */
	if (t->tgid == 1 || t->oom_score_adj == -1000 || !mm)
		return false;
	*points = (int64_t)(mm_rss(mm) + mm->rss[MM_SWAPENTS] + (mm->pgtables_bytes >> PAGE_SHIFT));
	*points += t->oom_score_adj * ((int64_t)m->totalram_pages / 1000);
	return true;
}

/* ---- {pid}, {tid} ---- */

static bool is_caller(const struct view *v, uint64_t pid)
{
	return v->s && pid && pid == v->s->caller.pid;
}

static int pid_parse(struct view *v, const char *name, size_t len, uint64_t *value)
{
	if (!parse_plain(name, len, value) || *value > UINT32_MAX)
		return -ENOENT;
	return task_find(v->m, (uint32_t)*value) || is_caller(v, *value) ? 0 : -ENOENT;
}

/* The first task from pid *@key on that is @wanted, whose pid is *@key then; NULL when none is left. */
static const struct task *next_task(
	const struct view *v, uint64_t *key, bool (*wanted)(const struct task *t))
{
	for (; *key <= UINT32_MAX; ++*key) {
		uint32_t pid = (uint32_t)*key;
		const struct task *t = task_next(v->m, &pid);

		if (!t)
			return NULL;
		*key = pid;
		if (wanted(t))
			return t;
	}
	return NULL;
}

static bool is_process(const struct task *t)
{
	return t->pid == t->tgid;
}

static bool pid_next(struct view *v, uint64_t *key, char *name, size_t cap)
{
	if (!next_task(v, key, is_process))
		return false;
	arg_print_number(v, *key, name, cap);
	return true;
}

const struct arg_ops arg_pid = {.parse = pid_parse, .next = pid_next, .print = arg_print_number};

static bool tid_exists(const struct view *v, uint64_t tid)
{
	const struct task *t = task_find(v->m, (uint32_t)tid);
	const struct task *p = view_process(v);

	if (p)
		return t && t->tgid == p->tgid;
	return is_caller(v, v->arg[0]) && (tid == v->s->caller.tid || tid == v->s->caller.pid);
}

static int tid_parse(struct view *v, const char *name, size_t len, uint64_t *value)
{
	if (!parse_plain(name, len, value) || !*value || *value > UINT32_MAX)
		return -ENOENT;
	return tid_exists(v, *value) ? 0 : -ENOENT;
}

/* A visitor's: the process and the thread that asks. */
static bool visitor_next(const struct view *v, uint64_t *key)
{
	uint64_t pid = v->s->caller.pid, tid = v->s->caller.tid;

	if (*key <= pid)
		*key = pid;
	else if (*key <= tid)
		*key = tid;
	else
		return false;
	return true;
}

static bool tid_next(struct view *v, uint64_t *key, char *name, size_t cap)
{
	const struct task *p = view_process(v);
	bool found = false;

	if (!p)
		found = v->s && visitor_next(v, key);
	for (uint64_t tid = *key; p && !found && tid <= UINT32_MAX; tid++) {
		uint32_t next = (uint32_t)tid;
		const struct task *t = task_next(v->m, &next);

		if (!t)
			return false;
		tid = next;
		found = t->tgid == p->tgid;
		*key = tid;
	}
	if (found)
		arg_print_number(v, *key, name, cap);
	return found;
}

const struct arg_ops arg_tid = {.parse = tid_parse, .next = tid_next, .print = arg_print_number};

/* ---- {task} ---- */

static int task_parse(struct view *v, const char *name, size_t len, uint64_t *value)
{
	const struct task *t = task_by_name(v->m, name, len);

	*value = t ? t->pid : 0;
	return t ? 0 : -ENOENT;
}

static void task_print(struct view *v, uint64_t value, char *name, size_t cap)
{
	const struct task *t = task_find(v->m, (uint32_t)value);

	snprintf(name, cap, "%s", t ? t->name : "");
}

static bool has_name(const struct task *t)
{
	return t->name[0] != '\0';
}

static bool task_list(struct view *v, uint64_t *key, char *name, size_t cap)
{
	const struct task *t = next_task(v, key, has_name);

	if (!t)
		return false;
	snprintf(name, cap, "%s", t->name);
	return true;
}

const struct arg_ops arg_task = {.parse = task_parse, .next = task_list, .print = task_print};

/* mkdir sim/tasks/NAME */
int mkdir_task(struct view *v, const char *name, size_t len)
{
	struct task *t;
	int err = task_spawn(v->m, 0, name, len, &t);

	if (err)
		session_error(v->s, "sim/tasks", 0, name, len, &v->m->why);
	v->s->acts++;
	session_settle(v->s);
	return err;
}

int rmdir_task(struct view *v)
{
	struct task *t = view_process(v);

	if (!t)
		return -ENOENT;
	task_kill(v->m, t);
	v->s->acts++;
	session_settle(v->s);
	return 0;
}

int show_task_pid(struct view *v, struct text *out)
{
	text_dec(out, v->arg[0], 0);
	text_putc(out, '\n');
	return 0;
}

/* ---- {fd} ---- */

static int fd_parse(struct view *v, const char *name, size_t len, uint64_t *value)
{
	const struct task *t = view_process(v);

	if (!t || !parse_plain(name, len, value))
		return -ENOENT;
	return *value < t->nr_fds && ((uint64_t *)machine_at(v->m, t->fds_at))[*value] ? 0
										       : -ENOENT;
}

static bool fd_next(struct view *v, uint64_t *key, char *name, size_t cap)
{
	const struct task *t = view_process(v);

	for (; t && *key < t->nr_fds; ++*key)
		if (((uint64_t *)machine_at(v->m, t->fds_at))[*key]) {
			arg_print_number(v, *key, name, cap);
			return true;
		}
	return false;
}

const struct arg_ops arg_fd = {.parse = fd_parse, .next = fd_next, .print = arg_print_number};

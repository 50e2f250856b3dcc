/* SPDX-License-Identifier: MIT
 *
 * Small files of PID/: name, arguments, links, limits (fs/proc/base.c of 6.1).
 */
#include "view/files.h"
#include "view/put.h"
#include "view/task_view.h"

#include "mm/process/access.h"
#include "mm/process/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define VISITOR "visitor"

/* ---- comm ---- */

int show_pid_comm(struct view *v, struct text *out)
{
	const struct task *t = view_task(v);

	text_puts(out, t ? t->comm : VISITOR);
	text_putc(out, '\n');
	return 0;
}

/* As much as fits is taken, a newline too; the rest counts as written. */
int64_t store_pid_comm(struct view *v, const char *data, size_t len)
{
	struct task *t = view_task(v);
	size_t kept = len < TASK_COMM_LEN - 1 ? len : TASK_COMM_LEN - 1;

	if (!t)
		return refuse(&v->m->why, EINVAL, "only a simulated process can be renamed");
	memset(t->comm, 0, sizeof(t->comm));
	memcpy(t->comm, data, kept);
	return (int64_t)len;
}

/* ---- cmdline, environ ---- */

/* The process's memory from @start to @end, as far as it can be read. */
static void put_memory(struct view *v, uint64_t start, uint64_t end, struct text *out)
{
	const struct task *t = view_task(v);
	struct mm *mm = view_mm(v);
	char page[PAGE_BYTES];

	while (start < end) {
		uint64_t bytes = end - start < sizeof(page) ? end - start : sizeof(page);
		int64_t got = access_process_vm(v->m, t->cpu, mm, start, page, bytes, false);

		if (got <= 0)
			return;
		text_put(out, page, (size_t)got);
		start += (uint64_t)got;
	}
}

int show_pid_cmdline(struct view *v, struct text *out)
{
	const struct mm *mm = view_mm(v);

	if (!view_task(v))
		text_put(out, VISITOR, sizeof(VISITOR));
	else if (mm)
		put_memory(v, mm->arg_start, mm->arg_end, out);
	return 0;
}

int show_pid_environ(struct view *v, struct text *out)
{
	const struct mm *mm = view_mm(v);

	if (mm)
		put_memory(v, mm->env_start, mm->env_end, out);
	return 0;
}

/* ---- links ---- */

int show_pid_exe(struct view *v, struct text *out)
{
	const struct mm *mm = view_mm(v);

	if (!mm || !mm->exe_file_at)
		return -ENOENT;
	const struct file *f = machine_at(v->m, mm->exe_file_at);
	inode_put_path(v->m, machine_at(v->m, f->inode_at), out);
	return 0;
}

int show_pid_root(struct view *v, struct text *out)
{
	text_putc(out, '/');
	return 0;
}

int show_pid_fd(struct view *v, struct text *out)
{
	const struct task *t = view_process(v);
	uint64_t fd = v->arg[1];

	if (!t || fd >= t->nr_fds || !((uint64_t *)machine_at(v->m, t->fds_at))[fd])
		return -ENOENT;
	const struct file *f = machine_at(v->m, ((uint64_t *)machine_at(v->m, t->fds_at))[fd]);
	inode_put_path(v->m, machine_at(v->m, f->inode_at), out);
	return 0;
}

/* procfs says 64 for the links in fd/, 0 for the others. */
uint64_t size_pid_fd(struct view *v)
{
	return 64;
}

/* ---- limits ---- */

static const struct {
	const char *name, *unit;
} limits[NR_RLIMITS] = {
	[RLIM_CPU] = {"Max cpu time", "seconds"},
	[RLIM_FSIZE] = {"Max file size", "bytes"},
	[RLIM_DATA] = {"Max data size", "bytes"},
	[RLIM_STACK] = {"Max stack size", "bytes"},
	[RLIM_CORE] = {"Max core file size", "bytes"},
	[RLIM_RSS] = {"Max resident set", "bytes"},
	[RLIM_NPROC] = {"Max processes", "processes"},
	[RLIM_NOFILE] = {"Max open files", "files"},
	[RLIM_MEMLOCK] = {"Max locked memory", "bytes"},
	[RLIM_AS] = {"Max address space", "bytes"},
	[RLIM_LOCKS] = {"Max file locks", "locks"},
	[RLIM_SIGPENDING] = {"Max pending signals", "signals"},
	[RLIM_MSGQUEUE] = {"Max msgqueue size", "bytes"},
	[RLIM_NICE] = {"Max nice priority", ""},
	[RLIM_RTPRIO] = {"Max realtime priority", ""},
	[RLIM_RTTIME] = {"Max realtime timeout", "us"},
};

static void put_limit(struct text *out, uint64_t value)
{
	char number[24] = "unlimited";

	if (value != RLIM_INFINITY)
		snprintf(number, sizeof(number), "%llu", (unsigned long long)value);
	put_left(out, number, 20);
	text_putc(out, ' ');
}

/* In the order of the constants that all these architectures share (asm-generic/resource.h). */
int show_pid_limits(struct view *v, struct text *out)
{
	const struct task *t = view_task(v);

	if (!t)
		return -ESRCH;
	text_puts(out,
		"Limit                     Soft Limit           Hard Limit           Units     \n");
	for (unsigned i = 0; i < NR_RLIMITS; i++) {
		put_left(out, limits[i].name, 25);
		text_putc(out, ' ');
		put_limit(out, t->rlim[i].soft);
		put_limit(out, t->rlim[i].hard);
		if (*limits[i].unit)
			put_left(out, limits[i].unit, 10);
		text_putc(out, '\n');
	}
	return 0;
}

/* ---- what the simulation does not count ---- */

int show_pid_io(struct view *v, struct text *out)
{
	text_puts(out, "rchar: 0\nwchar: 0\nsyscr: 0\nsyscw: 0\nread_bytes: 0\nwrite_bytes: 0\n"
		       "cancelled_write_bytes: 0\n");
	return 0;
}

int show_pid_schedstat(struct view *v, struct text *out)
{
	text_puts(out, "0 0 0\n");
	return 0;
}

/* A file of one 0 without a newline, as wchan's of a task that waits for nothing. */
int show_pid_wchan(struct view *v, struct text *out)
{
	text_putc(out, '0');
	return 0;
}

int show_pid_personality(struct view *v, struct text *out)
{
	text_puts(out, "00000000\n");
	return 0;
}

/* Children of the thread, each with a blank behind it. */
int show_pid_children(struct view *v, struct text *out)
{
	const struct task *parent = view_task(v);
	uint32_t pid = 0;

	for (const struct task *t; parent && (t = task_next(v->m, &pid)); pid++)
		if (t->pid == t->tgid && t->ppid == parent->pid && t != parent)
			text_printf(out, "%u ", t->pid);
	return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * execve(): another program in the same process.
 *
 *	1. the files: the program's, its loader's; made when no one has made them yet, with zeroes for code
 *	2. a new address space, of which nobody knows: stack and strings, segments, heap, vdso, tables
 *	3. the point of no return: other threads end, files marked for it are closed, the parent of a vfork goes on,
 *	   the process changes to the new address space and the old one loses a user
 *
 * Everything that can fail comes before step 3, and then the new address space is dropped like any other. (The kernel
 * reaches its point of no return earlier and kills the process when step 2 fails after it.)
 *
 * Pages that are in memory at the end came by a fault each: the strings' and the tables' on the stack, and the last page
 * of data, whose tail is cleared. The process has these faults.
 *
 * Left out: scripts (#!), set-user-id, core dumps, personalities. Follows fs/exec.c and fs/binfmt_elf.c of 6.1.
 */
#include "mm/page/page_alloc.h"
#include "mm/process/exec_internal.h"
#include "mm/process/file.h"
#include "mm/process/mm.h"
#include "mm/process/tlb_flush.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define HEADER_BYTES                                                                               \
	256 /* BINPRM_BUF_SIZE: what the kernel reads to see what kind of program it is */

static const struct exec_layout layouts[NR_ARCHS] = {
#define EXEC_LAYOUT(arch, ...) [ARCH_##arch] = {__VA_ARGS__},
#include "mm/process/exec_layout.def"
};

void program_default(const struct machine *m, const char *path, size_t len, struct program *out)
{
	static const struct program defaults[NR_ARCHS] = {
#define EXEC_DEFAULT(arch, headers_, text_, rodata_, data_at_, data_offset_, data_, bss_, entry_)  \
	[ARCH_##arch] = {.headers = headers_,                                                      \
		.text = text_,                                                                     \
		.rodata = rodata_,                                                                 \
		.data_at = data_at_,                                                               \
		.data_offset = data_offset_,                                                       \
		.data = data_,                                                                     \
		.bss = bss_,                                                                       \
		.entry = entry_},
#include "mm/process/exec_layout.def"
	};

	*out = defaults[m->arch];
	out->path = path;
	out->path_len = len;
}

/* ---- step 1 ---- */

static int check_file(struct machine *m, const struct inode *i, uint64_t bytes)
{
	if (i->kind != INODE_FILE && i->kind != INODE_SHMEM)
		return refuse(
			&m->why, EACCES, "%.200s is no program: it is a device", inode_path(m, i));
	if (inode_size_pages(i) >= pfn_up(bytes))
		return 0;
	return refuse(&m->why, ENOEXEC,
		"%.200s has %llu bytes, and the program's segments need %llu of the file",
		inode_path(m, i), (unsigned long long)i->bytes, (unsigned long long)bytes);
}

/* The file of @p, made when there is none. *@made: it was. NULL: m->why. */
static struct file *exec_open(struct machine *m, unsigned cpu, const struct exec_layout *l,
	const struct program *p, struct inode **made)
{
	uint64_t bytes = exec_file_bytes(l, p);
	struct file *f = file_open(m, cpu, p->path, p->path_len, FILE_RDONLY);
	struct inode *i = f ? machine_at(m, f->inode_at) : NULL;

	*made = NULL;
	if (!f && m->why.err == ENOENT) {
		i = inode_create(m, cpu, INODE_FILE, p->path, p->path_len, bytes, CONTENT_ZERO);
		*made = i;
		f = i ? file_open_inode(m, cpu, i, FILE_RDONLY) : NULL;
	}
	int err = f ? check_file(m, i, bytes) : -m->why.err;

	if (!err && file_read(m, cpu, i, 0, NULL, HEADER_BYTES) >= 0)
		return f;
	struct refusal why = m->why;

	if (f)
		file_put(m, cpu, f);
	if (*made)
		inode_unlink(m, cpu, *made);
	*made = NULL;
	m->why = why;
	return NULL;
}

/* ---- step 2 ---- */

static unsigned count_strings(const char *const *strings)
{
	unsigned nr = 0;

	while (strings && strings[nr])
		nr++;
	return nr;
}

/* Everything in x->mm. */
static int build(struct exec *x, struct file *interp)
{
	mm_pick_layout(x->m, x->mm, x->t->rlim[RLIM_STACK].soft);
	int err = exec_stack(x);

	if (!err)
		err = exec_load(x, interp);
	if (!err)
		err = exec_specials(x);
	return err ? err : exec_tables(x);
}

static int make_mm(struct exec *x)
{
	struct machine *m = x->m;
	struct inode *made = NULL, *made_interp = NULL;
	struct file *interp = NULL;
	int err = 0;

	x->file = exec_open(m, x->cpu, x->l, x->p, &made);
	if (!x->file)
		return -m->why.err;
	if (x->p->interp) {
		interp = exec_open(m, x->cpu, x->l, x->p->interp, &made_interp);
		err = interp ? 0 : -m->why.err;
	}
	x->mm = err ? NULL : mm_alloc(m, x->cpu);
	if (x->mm) {
		x->mm->exe_file_at = machine_ref(m, x->file);
		err = build(x, interp);
	} else if (!err) {
		err = -m->why.err;
	}
	struct refusal why = m->why;

	if (interp)
		file_put(m, x->cpu, interp);
	if (!err)
		return 0;
	if (x->mm)
		mm_put(m, x->cpu, x->mm);
	else
		file_put(m, x->cpu, x->file);
	if (made)
		inode_unlink(m, x->cpu, made);
	if (made_interp)
		inode_unlink(m, x->cpu, made_interp);
	m->why = why;
	return err;
}

/* ---- step 3 ---- */

static void set_comm(struct task *t, const struct program *p)
{
	const char *name = p->path + p->path_len;
	size_t len;

	while (name > p->path && name[-1] != '/')
		name--;
	len = (size_t)(p->path + p->path_len - name);
	if (len > TASK_COMM_LEN - 1)
		len = TASK_COMM_LEN - 1;
	memset(t->comm, 0, sizeof(t->comm));
	memcpy(t->comm, name, len);
}

static void change_mm(struct exec *x, struct task *t)
{
	struct machine *m = x->m;
	bool current = m->processes.tasks.current_pid[t->cpu] == t->pid;
	struct mm *old = task_detach_mm(m, t);

	task_attach_mm(m, t, x->mm);
	if (current) {
		m->processes.tasks.current_pid[t->cpu] = t->pid;
		(void)switch_mm(m, t->cpu, x->mm);
	}
	if (old)
		mm_put(m, t->cpu, old);
}

int task_exec(struct machine *m, struct task *t, const struct program *p)
{
	struct exec x = {.m = m, .cpu = t->cpu, .t = t, .p = p, .l = &layouts[m->arch]};
	const char *argv[] = {p->path, NULL};
	struct program with = *p;
	uint64_t major = m->vm_event[EV_pgmajfault];
	char path[4096];

	assert(t->state != TASK_ZOMBIE);
	if (!p->path_len || p->path_len >= sizeof(path))
		return refuse(&m->why, p->path_len ? ENAMETOOLONG : ENOENT,
			"a program's path has 1 to 4095 bytes");
	memcpy(path, p->path, p->path_len);
	path[p->path_len] = '\0';
	argv[0] = path;
	if (!p->argv)
		with.argv = argv;
	x.p = &with;
	x.argc = count_strings(with.argv);
	x.envc = count_strings(with.envp);
	int err = make_mm(&x);

	if (err)
		return err;
	uint64_t faults = mm_rss(x.mm);

	major = m->vm_event[EV_pgmajfault] - major;
	task_become_leader(m, t);
	fds_close_on_exec(m, t);
	vfork_done(m, t);
	change_mm(&x, t);
	set_comm(t, p);
	t->maj_flt += major < faults ? major : faults;
	t->min_flt += major < faults ? faults - major : 0;
	t->signal = (struct siginfo){0};
	t->ip = (x.interp_entry ? x.interp_entry : x.entry) & ~(uint64_t)1;
	t->sp = x.mm->start_stack;
	t->dumpable = true;
	return 0;
}

/* ---- a process of its own ---- */

static int check_name(struct machine *m, const char *name, size_t len)
{
	bool dots = len <= 2 && !memcmp(name, "..", len);

	if (!len || dots)
		return refuse(&m->why, EINVAL, "a process needs a name");
	if (len >= TASK_NAME_MAX)
		return refuse(&m->why, ENAMETOOLONG, "a process's name has at most %d bytes",
			TASK_NAME_MAX - 1);
	for (size_t i = 0; i < len; i++)
		if (name[i] == '/' || (unsigned char)name[i] <= ' ' || name[i] == 127)
			return refuse(&m->why, EINVAL,
				"a process's name has no blanks, no control characters, and no /");
	if (task_by_name(m, name, len))
		return refuse(&m->why, EEXIST, "there is a process %.*s already", (int)len, name);
	return 0;
}

int task_spawn(struct machine *m, unsigned cpu, const char *name, size_t len, struct task **out)
{
	char path[5 + TASK_NAME_MAX] = "/bin/";
	uint32_t last_pid = m->processes.tasks.last_pid;
	struct program p;
	struct task *t;
	int err = check_name(m, name, len);

	*out = NULL;
	if (!err)
		err = task_clone_on(m, cpu, task_find(m, 1), 0, 0, &t);
	if (err)
		return err;
	memcpy(path + 5, name, len);
	program_default(m, path, 5 + len, &p);
	err = task_exec(m, t, &p);
	if (err) {
		struct refusal why = m->why;

		task_kill(m, t);
		m->processes.tasks.last_pid = last_pid;
		m->processes.tasks.forks--;
		m->why = why;
		return err;
	}
	memcpy(t->name, name, len);
	*out = t;
	return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * Processes and threads: made, cloned, given a program, ended (kernel/fork.c, fs/exec.c, kernel/exit.c of 6.1).
 */
#ifndef SIMM_MM_TASK_H
#define SIMM_MM_TASK_H

#include "mm/machine.h"

struct text;

/* At the end of boot: the zero page and the vdso found in the kernel's image, pid 1 made. Errors: EDQUOT, ENOMEM. */
int processes_init(struct machine *m);

struct task *task_find(const struct machine *m, uint32_t pid);
/* Who runs on @cpu: its number, 0 for the idle task, with its name in @comm (TASK_COMM_LEN bytes) and, when @tgid is not
 * NULL, its process. */
uint32_t task_current_name(const struct machine *m, unsigned cpu, char *comm, uint32_t *tgid);
/* THREAD_SIZE: of every task's kernel stack. */
uint64_t kernel_stack_bytes(const struct machine *m);
/* Page @i of its kernel stack; NO_PFN: it has no such page. */
uint64_t task_stack_pfn(const struct machine *m, const struct task *t, uint64_t i);
/* By name of sim/tasks/; NULL: none. */
struct task *task_by_name(const struct machine *m, const char *name, size_t len);
/* The first task with a number of at least *@pid; NULL: none. *@pid gets its number. Threads (pid != tgid) included. */
struct task *task_next(const struct machine *m, uint32_t *pid);
static inline struct mm *task_mm(const struct machine *m, const struct task *t)
{
	return t->mm_at ? machine_at(m, t->mm_at) : NULL;
}
/* The process that a thread belongs to: the task with its tgid. It may be a zombie while other threads run. */
struct task *task_leader(const struct machine *m, const struct task *t);
/* Threads of its process that have not ended. */
unsigned task_nr_threads(const struct machine *m, const struct task *t);
/* Faults of all threads of the process, those included that have ended (fields 10 and 12 of stat). */
void task_group_faults(const struct machine *m, const struct task *t, uint64_t *min_flt, uint64_t *maj_flt);
/* setrlimit(2), for all its threads. Errors: EINVAL (soft above hard). */
int task_set_rlimit(struct machine *m, struct task *t, enum rlimit_id id, struct rlimit limit);

enum clone_flag {
	CLONE_VM_ = 0x100, CLONE_FS_ = 0x200, CLONE_FILES_ = 0x400, CLONE_SIGHAND_ = 0x800, CLONE_VFORK_ = 0x4000,
	CLONE_PARENT_ = 0x8000, CLONE_THREAD_ = 0x10000,
	/* Of these only what they exclude is known. */
	CLONE_PIDFD_ = 0x1000, CLONE_NEWNS_ = 0x20000, CLONE_SYSVSEM_ = 0x40000, CLONE_DETACHED_ = 0x400000,
	CLONE_NEWIPC_ = 0x8000000, CLONE_NEWUSER_ = 0x10000000, CLONE_NEWPID_ = 0x20000000,
};

/* A child of @parent, or another thread of it (CLONE_THREAD_, which needs CLONE_SIGHAND_ and CLONE_VM_). @pid: its number,
 * 0 for the next free one. Flags that exclude each other are EINVAL. With CLONE_VFORK_ the parent's vfork_child is set until
 * the child execs or exits: a caller lets it do nothing so long. On an error (EAGAIN: too many; EINVAL; ENOMEM, EDQUOT;
 * EEXIST: the number is taken) nothing has changed. */
int task_clone(struct machine *m, struct task *parent, unsigned clone_flags, uint32_t pid, struct task **out);

/* What a program is made of: bytes of its parts. Parts of zero bytes are left out. `data` includes what the program
 * itself makes read-only when it starts (relro). */
struct program {
	const char *path;		/* of path_len bytes */
	size_t path_len;
	const char *const *argv, *const *envp;	/* NULL-terminated; NULL: { path }, {} */
	uint64_t headers, text, rodata, data, bss;
	uint64_t data_at, data_offset;	/* where data begins, from base on, and in the file; 0: as the linker does */
	uint64_t base;			/* 0: as the architecture's linker and kernel do */
	uint64_t entry;			/* from base on; 0: the begin of text */
	bool pie;
	const struct program *interp;	/* the dynamic loader; NULL: static */
	/* From a recording; 0: by layout. */
	uint64_t brk;			/* where the heap begins */
	uint64_t stack_top;
	uint64_t vdso;			/* address of [vdso] */
};
/* A default for a program of which only the name is known. */
void program_default(const struct machine *m, const char *path, size_t len, struct program *out);
/* execve(): a new address space with text, data, bss, heap, stack (arguments written into it), vvar and vdso, laid out as
 * load_elf_binary() does for the architecture. The file is made when there is none of that name. Other threads end. On an
 * error all is as it was. Errors: ENOMEM, E2BIG, EACCES, ENOEXEC (the file is too short), EINVAL, EDQUOT. */
int task_exec(struct machine *m, struct task *t, const struct program *p);
/* exit(): memory and files given back with the last thread of the process; a zombie until its parent waits, gone at once
 * when that is pid 1 or when @t is not the process's first thread: @t may not be used afterwards. @status is a wait status
 * (code << 8, or a signal's number). The last thread of pid 1 stays: the log has the kernel's panic line. */
void task_exit(struct machine *m, struct task *t, int status);
/* exit_group(): all threads of the process. */
void task_exit_group(struct machine *m, struct task *t, int status);
/* wait4(): reap the zombie child @pid (0: any). Its number and status. Errors: ECHILD, EAGAIN (children, none is dead). */
int task_wait(struct machine *m, struct task *t, uint32_t pid, uint32_t *reaped, int *status);
/* mkdir sim/tasks/NAME, spawn NAME: a child of pid 1 that runs /bin/NAME. Errors: EEXIST, EINVAL, ENAMETOOLONG, and
 * those of task_clone() and task_exec(). */
int task_spawn(struct machine *m, unsigned cpu, const char *name, size_t len, struct task **out);
/* rmdir: kill (SIGKILL) and reap, with its threads. Pid 1 stays. */
void task_kill(struct machine *m, struct task *t);

/* ---- file descriptors ---- */
/* NULL with m->why EBADF. */
struct file *task_file(struct machine *m, const struct task *t, uint64_t fd);
/* The lowest free number (from 3 on: nothing is behind 0, 1 and 2), or @fd when that is not negative, which is closed
 * first (dup2(), or a recording's number). Takes over the reference, also on an error. Returns the number. Errors: EMFILE,
 * EBADF, ENOMEM, EDQUOT. */
int task_install_fd(struct machine *m, struct task *t, struct file *f, int fd);
/* Is the open file @fd closed at exec (O_CLOEXEC, FD_CLOEXEC)? Not unless this says so. */
void task_set_cloexec(struct machine *m, struct task *t, uint64_t fd, bool on);
int task_close(struct machine *m, struct task *t, uint64_t fd);

unsigned tasks_check(struct machine *m, struct text *out);

#endif

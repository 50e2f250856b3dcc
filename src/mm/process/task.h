/* SPDX-License-Identifier: MIT
 *
 * Processes and threads: made, cloned, given a program, ended (kernel/fork.c, fs/exec.c, kernel/exit.c of 6.1).
 */
#ifndef SIMM_MM_TASK_H
#define SIMM_MM_TASK_H

#include "mm/process/types.h"

struct text;

/* At the end of boot: the zero page and the vdso found in the kernel's image, pid 1 made. Errors: EDQUOT, ENOMEM. */
int processes_init(struct machine *m);

struct task *task_find(const struct machine *m, uint32_t pid);
/* By name of sim/tasks/; NULL: none. */
struct task *task_by_name(const struct machine *m, const char *name, size_t len);
/* The first task with a number of at least *@pid; NULL: none. *@pid gets its number. Threads (pid != tgid) included. */
struct task *task_next(const struct machine *m, uint32_t *pid);
struct mm *task_mm(const struct machine *m, const struct task *t);
unsigned task_nr_threads(const struct machine *m, const struct task *t);

enum clone_flag {
	CLONE_VM_ = 0x100, CLONE_FS_ = 0x200, CLONE_FILES_ = 0x400, CLONE_SIGHAND_ = 0x800, CLONE_VFORK_ = 0x4000,
	CLONE_PARENT_ = 0x8000, CLONE_THREAD_ = 0x10000,
};

/* A child of @parent. @pid: its number, 0 for the next free one. On an error (EAGAIN, ENOMEM, EDQUOT, EEXIST: the number
 * is taken) nothing has changed. */
int task_clone(struct machine *m, struct task *parent, unsigned clone_flags, uint32_t pid, struct task **out);

/* What a program is made of: bytes of its parts. Zero parts are left out. */
struct program {
	const char *path;		/* of len bytes */
	size_t path_len;
	const char *const *argv, *const *envp;	/* NULL-terminated; NULL: { path }, {} */
	uint64_t headers, text, rodata, data, bss;	/* rodata includes relro; file offsets follow each other */
	uint64_t entry, base;		/* 0: as the architecture's linker does (0x400000, 0x8048000, 0x10000, PIE ...) */
	uint64_t brk;			/* recorded: where the heap begins; 0: by layout */
	uint64_t stack_top;		/* recorded; 0: by layout */
	bool pie;
};
/* A default for a program of which only the name is known. */
void program_default(const struct machine *m, const char *path, size_t len, struct program *out);
/* execve(): a new address space with text, data, bss, heap, stack (arguments written into it), vvar and vdso, laid out as
 * load_elf_binary() does for the architecture. On an error the old one stays. Errors: ENOMEM, E2BIG, EDQUOT. */
int task_exec(struct machine *m, struct task *t, const struct program *p);
/* exit(): memory and files given back; a zombie until its parent waits, gone at once when that is pid 1. @status is a
 * wait status (code << 8, or a signal's number). */
void task_exit(struct machine *m, struct task *t, int status);
/* wait4(): reap the zombie child @pid (0: any). Its number and status. Errors: ECHILD, EAGAIN (children, none is dead). */
int task_wait(struct machine *m, struct task *t, uint32_t pid, uint32_t *reaped, int *status);
/* mkdir sim/tasks/NAME, spawn NAME: a child of pid 1 that runs /bin/NAME. Errors: EEXIST, EINVAL, and task_clone()'s. */
int task_spawn(struct machine *m, unsigned cpu, const char *name, size_t len, struct task **out);
/* rmdir: kill and reap, with its threads. */
void task_kill(struct machine *m, struct task *t);

/* ---- file descriptors ---- */
/* NULL with m->why EBADF. */
struct file *task_file(struct machine *m, const struct task *t, uint64_t fd);
/* The lowest free number, or @fd when that is not negative. Takes over the reference. Errors: EMFILE, ENOMEM. */
int task_install_fd(struct machine *m, struct task *t, struct file *f, int fd);
int task_close(struct machine *m, struct task *t, uint64_t fd);

unsigned tasks_check(struct machine *m, struct text *out);

#endif

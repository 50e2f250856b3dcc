/* SPDX-License-Identifier: MIT
 *
 * What exec.c, exec_image.c and exec_stack.c share: a program on its way into memory.
 */
#ifndef SIMM_MM_EXEC_INTERNAL_H
#define SIMM_MM_EXEC_INTERNAL_H

#include "mm/process/task_internal.h"

/* A row of exec_layout.def. */
struct exec_layout {
	bool separate_code;
	uint64_t base, pie_base;
	uint64_t gap;
	unsigned align_stack, brk_bits;
	bool above_stack;
	unsigned sigpage, vvar, vdso;
	uint64_t vvar_flags;
	unsigned phdr, phent, phnum;
	uint64_t hwcap;
	unsigned minsigstksz;
	const char *platform;
};

/* What execve() is making: nothing of this is state. */
struct exec {
	struct machine *m;
	unsigned cpu;
	const struct task *t;
	const struct program *p;
	const struct exec_layout *l;
	struct mm *mm;
	struct file *file;	/* its reference becomes the mm's */
	uint64_t base, entry;	/* of the program */
	uint64_t interp_base, interp_entry; /* 0: static */
	uint64_t p_at;		/* the kernel's bprm->p: below the strings, then the stack pointer */
	uint64_t execfn, platform, random;
	unsigned argc, envc;
};

/* A segment (PT_LOAD): bytes of the file at @offset come to @va, and zeroes behind them up to @mem_bytes. */
struct exec_segment {
	uint64_t va, offset, file_bytes, mem_bytes;
	uint64_t prot;		/* VM_READ ... */
};
#define EXEC_SEGMENTS 4

/* Bytes of the file that its segments need. */
uint64_t exec_file_bytes(const struct exec_layout *l, const struct program *p);
/* Map the program and its interpreter; the heap begins behind it. Errors: ENOMEM, EINVAL, EDQUOT. */
int exec_load(struct exec *x, struct file *interp);
/* Write into the new address space: 0, -ENOMEM, -EDQUOT. */
int exec_put(struct exec *x, uint64_t at, const void *data, uint64_t bytes);

/* The stack with the strings on it. Errors: E2BIG, ENOMEM, EDQUOT. */
int exec_stack(struct exec *x);
/* vvar, vdso and what else the kernel maps. */
int exec_specials(struct exec *x);
/* Pointers to the strings, the auxiliary vector; the stack pointer is final then. */
int exec_tables(struct exec *x);

#endif

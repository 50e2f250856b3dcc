/* SPDX-License-Identifier: MIT
 *
 * The system calls that change an address space (mm/mmap.c, mprotect.c, mremap.c, madvise.c, mlock.c, mincore.c of 6.1).
 *
 * Each acts for the task @t on its CPU, answers 0 or -errno as Linux does, with a sentence in m->why, and leaves the
 * address space as it was when it fails (madvise, mlock and munmap of several mappings: what came before the bad one is
 * done, as on Linux).
 */
#ifndef SIMM_MM_SYSCALLS_H
#define SIMM_MM_SYSCALLS_H

#include "mm/process/types.h"

/* Linux's constants (asm-generic): x86, ARM, AArch64, RISC-V share them. */
enum { PROT_NONE_ = 0, PROT_READ_ = 1, PROT_WRITE_ = 2, PROT_EXEC_ = 4, PROT_GROWSDOWN_ = 0x01000000 };
enum {
	MAP_SHARED_ = 1, MAP_PRIVATE_ = 2, MAP_SHARED_VALIDATE_ = 3, MAP_TYPE_ = 0xf, MAP_FIXED_ = 0x10,
	MAP_ANONYMOUS_ = 0x20, MAP_32BIT_ = 0x40, MAP_GROWSDOWN_ = 0x100, MAP_DENYWRITE_ = 0x800, MAP_EXECUTABLE_ = 0x1000,
	MAP_LOCKED_ = 0x2000, MAP_NORESERVE_ = 0x4000, MAP_POPULATE_ = 0x8000, MAP_NONBLOCK_ = 0x10000, MAP_STACK_ = 0x20000,
	MAP_HUGETLB_ = 0x40000, MAP_SYNC_ = 0x80000, MAP_FIXED_NOREPLACE_ = 0x100000,
};
enum { MREMAP_MAYMOVE_ = 1, MREMAP_FIXED_ = 2, MREMAP_DONTUNMAP_ = 4 };
enum { MCL_CURRENT_ = 1, MCL_FUTURE_ = 2, MCL_ONFAULT_ = 4, MLOCK_ONFAULT_ = 1 };
enum madvice {
	MADV_NORMAL_ = 0, MADV_RANDOM_ = 1, MADV_SEQUENTIAL_ = 2, MADV_WILLNEED_ = 3, MADV_DONTNEED_ = 4, MADV_FREE_ = 8,
	MADV_REMOVE_ = 9, MADV_DONTFORK_ = 10, MADV_DOFORK_ = 11, MADV_MERGEABLE_ = 12, MADV_UNMERGEABLE_ = 13,
	MADV_HUGEPAGE_ = 14, MADV_NOHUGEPAGE_ = 15, MADV_DONTDUMP_ = 16, MADV_DODUMP_ = 17, MADV_WIPEONFORK_ = 18,
	MADV_KEEPONFORK_ = 19, MADV_COLD_ = 20, MADV_PAGEOUT_ = 21, MADV_POPULATE_READ_ = 22, MADV_POPULATE_WRITE_ = 23,
	MADV_DONTNEED_LOCKED_ = 24,
};

/* mmap(2): @file NULL for MAP_ANONYMOUS; @offset in bytes. @at (may be NULL): where to put an unfixed mapping when that
 * place is free (a recording's result), else as usual. The address in *@out. */
int sys_mmap(struct machine *m, struct task *t, uint64_t addr, uint64_t bytes, unsigned prot, unsigned flags,
	struct file *file, uint64_t offset, const uint64_t *at, uint64_t *out);
int sys_munmap(struct machine *m, struct task *t, uint64_t addr, uint64_t bytes);
/* shmat(2), with @at as sys_mmap() has it. EINVAL, too, where something is mapped, without SHM_REMAP. */
int sys_shmat(struct machine *m, struct task *t, uint64_t shmid, uint64_t addr, unsigned flags, const uint64_t *at,
	uint64_t *out);
/* shmdt(2): all that is left of the segment attached at @addr. */
int sys_shmdt(struct machine *m, struct task *t, uint64_t addr);
int sys_mprotect(struct machine *m, struct task *t, uint64_t addr, uint64_t bytes, unsigned prot);
int sys_mremap(struct machine *m, struct task *t, uint64_t addr, uint64_t old_bytes, uint64_t new_bytes, unsigned flags,
	uint64_t new_addr, const uint64_t *at, uint64_t *out);
/* brk(2): *@out gets the break that holds then; never fails for a break that cannot be. */
int sys_brk(struct machine *m, struct task *t, uint64_t brk, uint64_t *out);
int sys_madvise(struct machine *m, struct task *t, uint64_t addr, uint64_t bytes, enum madvice advice);
int sys_mlock(struct machine *m, struct task *t, uint64_t addr, uint64_t bytes, unsigned flags);
int sys_munlock(struct machine *m, struct task *t, uint64_t addr, uint64_t bytes);
int sys_mlockall(struct machine *m, struct task *t, unsigned flags);
int sys_munlockall(struct machine *m, struct task *t);
/* mincore(2): one byte a page (@bytes / 4096 rounded up) into @vec, which has room for @room; ENOMEM, too, when that ends. */
int sys_mincore(struct machine *m, struct task *t, uint64_t addr, uint64_t bytes, uint8_t *vec, uint64_t room);
int sys_msync(struct machine *m, struct task *t, uint64_t addr, uint64_t bytes, unsigned flags);

/* ---- what they share (process/mmap.c) ---- */

/* do_mmap() for a new address space: no limits of the caller. */
int do_mmap(struct machine *m, unsigned cpu, struct mm *mm, uint64_t addr, uint64_t bytes, uint64_t vm_flags,
	struct file *file, uint64_t pgoff, enum vma_kind kind, struct vma **out);
/* do_munmap(). Errors: EINVAL, ENOMEM (a split fails). */
int do_munmap(struct machine *m, unsigned cpu, struct mm *mm, uint64_t addr, uint64_t bytes);
/* exit_mmap(): unmap everything. */
void exit_mmap(struct machine *m, unsigned cpu, struct mm *mm);
/* get_unmapped_area() of an unfixed request. Errors: ENOMEM. */
int get_unmapped_area(struct machine *m, struct mm *mm, uint64_t addr, uint64_t bytes, uint64_t *out);
/* The same, for page @pgoff of @file (may be NULL) on, with mmap's @flags (MAP_32BIT). @addr, the wish, is a page's. */
int get_unmapped_area_of(struct machine *m, struct mm *mm, const struct file *file, uint64_t pgoff, uint64_t addr,
	uint64_t bytes, unsigned flags, uint64_t *out);
/* acct_stack_growth() and expand_downwards(). Errors: ENOMEM with a sentence. */
int expand_downwards(struct machine *m, struct task *t, struct mm *mm, struct vma *v, uint64_t addr);

#endif

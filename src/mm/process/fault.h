/* SPDX-License-Identifier: MIT
 *
 * Page faults: what the kernel does when the MMU cannot make an access (arch/<arch>/mm/fault.c, mm/memory.c of 6.1).
 */
#ifndef SIMM_MM_FAULT_H
#define SIMM_MM_FAULT_H

#include "hw/cpu.h"
#include "mm/process/types.h"

enum vm_fault_result {
	VM_FAULT_OK = 0,
	VM_FAULT_OOM = 1,
	VM_FAULT_SIGBUS = 2,
	VM_FAULT_MAJOR = 4,
	VM_FAULT_SIGSEGV = 0x40,
	VM_FAULT_HOST = 0x10000, /* the host's budget ended: m->why is EDQUOT */
};

enum fault_flag {
	FAULT_FLAG_WRITE = 1,
	FAULT_FLAG_USER = 2,
	FAULT_FLAG_INSTRUCTION = 4,
	FAULT_FLAG_REMOTE = 8,	/* not the task itself: ptrace, PID/mem */
	FAULT_FLAG_UNSHARE = 16,
	FAULT_FLAG_FORCE = 32,	/* FOLL_FORCE: break copy-on-write in a read-only private mapping */
};

/* handle_mm_fault(): make the entry of @addr in @v fit for the access. enum vm_fault_result bits. Permissions of the
 * mapping were checked. Counts pgfault and pgmajfault, not the task's. */
unsigned handle_mm_fault(struct machine *m, unsigned cpu, struct vma *v, uint64_t addr, unsigned flags);

/* Which pages [*@from, *@to) a read fault at @addr in @v would map, were they cached (do_fault_around()): 16 from the start
 * of their aligned block on, or from the mapping's when that is later; not beyond the mapping, nor the table page. */
void fault_around_range(const struct machine *m, const struct vma *v, uint64_t addr, uint64_t *from, uint64_t *to);

/* The architecture's handler: @a faulted on the CPU of @t. 0: make the access again; -EFAULT: t->signal says why, and the
 * log has the kernel's line; -EDQUOT (m->why). Counts the task's faults. */
int do_user_fault(struct machine *m, struct task *t, const struct hw_access *a);
/* Numbers of signals and of who sent them, as struct siginfo has them. */
enum { SIGBUS_ = 7, SIGSEGV_ = 11 };
enum { SI_KERNEL_ = 128 };
/* The kernel's lines for t->signal, at the instruction @ip; @t has memory. None on ARM and AArch64. */
void log_signal(struct machine *m, const struct task *t, uint64_t ip);
/* "SIGSEGV (SEGV_MAPERR)" */
const char *siginfo_words(const struct siginfo *s);

/* expand_stack() when @addr is below a stack mapping: the mapping that holds it then. NULL: m->why.err is 0 (no mapping),
 * or ENOMEM (a limit). */
struct vma *find_extend_vma(struct machine *m, struct mm *mm, uint64_t addr);

struct tlb_gather;
/* Unmap and give back what lies in [start, end) of @v (zap_page_range_single()): counters, rmap, TLBs. @even_cows 0:
 * private copies stay (truncate). */
void zap_range(struct machine *m, unsigned cpu, struct vma *v, uint64_t start, uint64_t end, bool even_cows);
/* The same of one mapping among others whose TLB entries are forgotten together (unmap_single_vma()). */
void unmap_range(struct tlb_gather *g, struct vma *v, uint64_t start, uint64_t end, bool even_cows);
/* Fault in every page of [start, end) as populate_vma_page_range() does. Returns 0, or -ENOMEM, -EFAULT at the first that
 * cannot be. */
int populate_range(struct machine *m, unsigned cpu, struct vma *v, uint64_t start, uint64_t end, bool write);
/* Copy @src's entries into @dst's tables at a fork (copy_page_range()); the caller flushes the parent's TLB entries.
 * Errors: ENOMEM, EDQUOT. */
int copy_page_range(struct machine *m, unsigned cpu, struct vma *dst, struct vma *src);
/* change_protection(): entries of [start, end) follow v->flags, which are new already. */
void change_protection(struct machine *m, unsigned cpu, struct vma *v, uint64_t start, uint64_t end);
/* move_page_tables() of mremap, of [old_addr, old_addr + bytes) of @from to @new_addr. Errors: ENOMEM, EDQUOT with nothing
 * moved. */
int move_page_tables(struct machine *m, unsigned cpu, struct vma *from, uint64_t old_addr, uint64_t new_addr,
	uint64_t bytes);
/* Map device or kernel pages without counting them (remap_pfn_range(), vmf_insert_pfn()). */
int insert_pfn(struct machine *m, unsigned cpu, struct vma *v, uint64_t addr, uint64_t pfn);

#endif

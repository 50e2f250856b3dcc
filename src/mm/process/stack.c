/* SPDX-License-Identifier: MIT
 *
 * A stack grows downwards when an access falls below it.
 *
 *	| other | <- at least 256 pages (stack_guard_gap) -> | new | stack | stack |
 *	                                                     ^ page of the access
 *
 *	1. Not into the lowest addresses, and not near another mapping, unless that one cannot be accessed (a guard page of
 *	   the program's own) or is a stack, too.
 *	2. The limits: RLIMIT_AS, RLIMIT_STACK for the whole stack, RLIMIT_MEMLOCK, committed memory.
 *	3. The anon_vma that its pages will need; from here on nothing can fail.
 *
 * A stack that was mapped with MAP_NORESERVE commits nothing when it grows; Linux commits there and never takes it back.
 * Follows expand_downwards() and acct_stack_growth() in mm/mmap.c of 6.1.
 */
#include "mm/process/syscalls.h"

#include "mm/machine.h"
#include "mm/process/limits.h"
#include "mm/process/mm.h"
#include "mm/process/rmap.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"

#include <errno.h>

typedef unsigned long long ull;

/* Step 1. */
static int check_place(struct machine *m, const struct mm *mm, const struct vma *v, uint64_t addr)
{
	uint64_t lowest = (uint64_t)m->sysctls.value[SYSCTL_mmap_min_addr];
	const struct vma *prev = vma_prev(m, &mm->vmas, v);

	if (m->arch == ARCH_ARM && lowest < 2 * PAGE_BYTES)
		lowest = 2 * PAGE_BYTES;
	if (addr < lowest)
		return refuse(&m->why, EPERM, "the stack may not grow below 0x%llx", (ull)lowest);
	if (!prev || prev->flags & VM_GROWSDOWN || !(prev->flags & VM_ACCESS_FLAGS))
		return 0;
	if (addr - prev->end >= STACK_GUARD_GAP_PAGES * PAGE_BYTES)
		return 0;
	return refuse(&m->why, ENOMEM,
		"the stack may not come nearer than %u pages (the guard gap) to the mapping that "
		"ends at 0x%llx",
		STACK_GUARD_GAP_PAGES, (ull)prev->end);
}

/* Step 2, but for the committed memory. */
static int check_growth(struct machine *m, const struct task *t, const struct mm *mm,
	const struct vma *v, uint64_t addr)
{
	uint64_t grow = (v->start - addr) >> PAGE_SHIFT;

	if (!may_expand_vm(m, t, mm, v->flags, grow))
		return -m->why.err;
	if (v->end - addr > t->rlim[RLIM_STACK].soft)
		return refuse(&m->why, ENOMEM,
			"RLIMIT_STACK of process %u is %llu bytes; the stack were %llu", t->pid,
			(ull)t->rlim[RLIM_STACK].soft, (ull)(v->end - addr));
	if (mlock_future_check(m, t, mm, v->flags, grow << PAGE_SHIFT))
		return refuse(
			&m->why, ENOMEM, "RLIMIT_MEMLOCK: the stack is locked, and may not grow");
	return 0;
}

int expand_downwards(struct machine *m, struct task *t, struct mm *mm, struct vma *v, uint64_t addr)
{
	int err;

	addr &= ~(PAGE_BYTES - 1);
	if (!(v->flags & VM_GROWSDOWN))
		return refuse(&m->why, EFAULT, "the mapping is no stack");
	if (addr >= v->start)
		return 0;
	uint64_t grow = (v->start - addr) >> PAGE_SHIFT;
	err = check_place(m, mm, v, addr);
	if (!err && grow > v->pgoff)
		err = refuse(&m->why, ENOMEM, "the stack's pages have no numbers below 0");
	if (!err)
		err = check_growth(m, t, mm, v, addr);
	if (!err)
		err = anon_vma_prepare(m, t->cpu, v);
	if (!err && v->flags & VM_ACCOUNT)
		err = vm_commit(m, mm, grow);
	if (err)
		return err;
	if (v->flags & VM_LOCKED)
		mm->locked_vm += grow;
	vm_stat_account(mm, v->flags, (int64_t)grow);
	v->pgoff -= grow;
	vma_index_resize(m, &mm->vmas, v, addr, v->end);
	return 0;
}

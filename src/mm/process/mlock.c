/* SPDX-License-Identifier: MIT
 *
 * mlock: pages that stay in memory.
 *
 *	mlock	VM_LOCKED on the range's mappings -> pages that are there: MLOCKED, off the LRU -> fault in the others
 *	munlock	VM_LOCKED off -> pages back on the LRU, unless another locked mapping maps them
 *
 * A page is counted in nr_mlock once however many mappings lock it; mm.locked_vm counts pages of mappings, whether
 * there or not, against RLIMIT_MEMLOCK, which root does not have. mlockall sets the flag on all mappings and, with
 * MCL_FUTURE, on those to come (mm.def_flags). MLOCK_ONFAULT leaves out the faulting in.
 *
 * A hole in the range: what lies before it is locked, then ENOMEM. Mappings of devices are passed over.
 * Left out: huge pages, locked SysV segments (SHM_LOCK). Follows mm/mlock.c of 6.1.
 */
#include "mm/process/syscalls.h"

#include "mm/machine.h"
#include "mm/page/lru.h"
#include "mm/process/limits.h"
#include "mm/process/pgtables.h"
#include "mm/process/user_page.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"

#include <errno.h>

typedef unsigned long long ull;

void mlock_vma_pages_range(struct machine *m, const struct vma *v, uint64_t start, uint64_t end)
{
	const struct mm *mm = vma_mm(m, v);
	struct pte_range r = pte_range(start, end);

	while (pte_range_next(m, mm, &r))
		for (unsigned i = 0; i < r.nr; i++) {
			uint64_t pfn = mapped_pfn(m, v, pte_get(m, r.table, r.index + i));

			if (pfn == NO_PFN)
				continue;
			if (v->flags & VM_LOCKED)
				mlock_vma_page(m, pfn, v->flags);
			else
				munlock_vma_page(m, pfn, VM_LOCKED);
		}
}

static int mlock_fixup(struct machine *m, unsigned cpu, struct mm *mm, struct vma **at,
	uint64_t start, uint64_t end, uint64_t flags)
{
	uint64_t old_flags = (*at)->flags;
	uint64_t pages = (end - start) >> PAGE_SHIFT;

	if (flags == old_flags || old_flags & (VM_SPECIAL | VM_HUGETLB))
		return 0;
	int err = vma_modify_flags(m, cpu, mm, at, start, end, flags);
	if (err)
		return err;
	if (!(flags & VM_LOCKED))
		mm->locked_vm -= pages;
	else if (!(old_flags & VM_LOCKED))
		mm->locked_vm += pages;
	/* Locked before and after: only VM_LOCKONFAULT has changed. */
	if ((flags ^ old_flags) & VM_LOCKED)
		mlock_vma_pages_range(m, *at, start, end);
	return 0;
}

static int hole(struct machine *m, uint64_t addr)
{
	return refuse(&m->why, ENOMEM, "nothing is mapped at 0x%llx", (ull)addr);
}

/* Give the mappings of [start, end) the lock flags @lock: 0, VM_LOCKED, also with VM_LOCKONFAULT. */
static int apply_vma_lock_flags(
	struct machine *m, unsigned cpu, struct mm *mm, uint64_t start, uint64_t end, uint64_t lock)
{
	if (range_wraps(m, start, end - start))
		return refuse(&m->why, EINVAL,
			"the range from 0x%llx passes the end of all addresses", (ull)start);
	if (end == start)
		return 0;
	struct vma *v = vma_find(m, &mm->vmas, start);
	if (!v || v->start > start)
		return hole(m, start);
	for (;;) {
		uint64_t part = v->end < end ? v->end : end;
		uint64_t flags = (v->flags & ~(uint64_t)VM_LOCKED_MASK) | lock;
		int err = mlock_fixup(m, cpu, mm, &v, start, part, flags);

		if (err)
			return err;
		start = v->end > part ? v->end : part;
		if (start >= end)
			return 0;
		v = vma_next(m, &mm->vmas, v);
		if (!v || v->start != start)
			return hole(m, start);
	}
}

static int can_do_mlock(struct machine *m, const struct task *t)
{
	if (t->rlim[RLIM_MEMLOCK].soft || task_capable(t))
		return 0;
	return refuse(&m->why, EPERM, "RLIMIT_MEMLOCK of process %u is 0, and its user is not root",
		t->pid);
}

/* Pages of the range that are locked already: they do not count twice against the limit. */
static uint64_t locked_pages(
	const struct machine *m, const struct mm *mm, uint64_t start, uint64_t end)
{
	uint64_t pages = 0;

	for (const struct vma *v = vma_find_in(m, &mm->vmas, start, end); v;
		v = vma_find_in(m, &mm->vmas, v->end, end)) {
		uint64_t from = v->start > start ? v->start : start;
		uint64_t to = v->end < end ? v->end : end;

		if (v->flags & VM_LOCKED)
			pages += (to - from) >> PAGE_SHIFT;
		if (v->end >= end)
			break;
	}
	return pages;
}

static int check_limit(struct machine *m, const struct task *t, const struct mm *mm, uint64_t start,
	uint64_t bytes)
{
	uint64_t limit = rlimit_pages(t, RLIM_MEMLOCK);
	uint64_t locked = mm->locked_vm + (bytes >> PAGE_SHIFT);

	if (locked <= limit || task_capable(t))
		return 0;
	locked -= locked_pages(m, mm, start, start + bytes);
	if (locked <= limit)
		return 0;
	return refuse(&m->why, ENOMEM,
		"RLIMIT_MEMLOCK of process %u is %llu KiB; with this, %llu KiB were locked", t->pid,
		(ull)limit * 4, (ull)locked * 4);
}

/* mlock(2) has errors of its own for pages that cannot be had. */
static int posix_error(int err)
{
	if (err == -EFAULT)
		return -ENOMEM;
	return err == -ENOMEM ? -EAGAIN : err;
}

/* The range in whole pages: from the page of @addr to that of the last byte. */
static uint64_t pages_around(uint64_t *addr, uint64_t bytes)
{
	uint64_t offset = *addr & (PAGE_BYTES - 1);

	*addr -= offset;
	return page_align(bytes + offset);
}

int sys_mlock(struct machine *m, struct task *t, uint64_t addr, uint64_t bytes, unsigned flags)
{
	struct mm *mm = caller_mm(m, t);
	uint64_t lock = VM_LOCKED | (flags & MLOCK_ONFAULT_ ? VM_LOCKONFAULT : 0u);

	if (!mm)
		return -ESRCH;
	if (flags & ~(unsigned)MLOCK_ONFAULT_)
		return refuse(
			&m->why, EINVAL, "mlock knows the flag MLOCK_ONFAULT (1), not 0x%x", flags);
	int err = can_do_mlock(m, t);
	if (err)
		return err;
	bytes = pages_around(&addr, bytes);
	err = check_limit(m, t, mm, addr, bytes);
	if (!err)
		err = apply_vma_lock_flags(m, t->cpu, mm, addr, addr + bytes, lock);
	if (err)
		return err;
	err = posix_error(mm_populate(m, t->cpu, mm, addr, bytes, false));
	if (err)
		m->why.err = -err;
	return err;
}

int sys_munlock(struct machine *m, struct task *t, uint64_t addr, uint64_t bytes)
{
	struct mm *mm = caller_mm(m, t);

	bytes = pages_around(&addr, bytes);
	return mm ? apply_vma_lock_flags(m, t->cpu, mm, addr, addr + bytes, 0) : -ESRCH;
}

/* All mappings get the lock flags; one that cannot is passed over. */
static void apply_to_all(struct machine *m, unsigned cpu, struct mm *mm, uint64_t lock)
{
	for (struct vma *v = vma_first(m, &mm->vmas); v; v = vma_next(m, &mm->vmas, v))
		mlock_fixup(m, cpu, mm, &v, v->start, v->end,
			(v->flags & ~(uint64_t)VM_LOCKED_MASK) | lock);
}

int sys_mlockall(struct machine *m, struct task *t, unsigned flags)
{
	struct mm *mm = caller_mm(m, t);
	uint64_t lock = VM_LOCKED | (flags & MCL_ONFAULT_ ? VM_LOCKONFAULT : 0u);

	if (!mm)
		return -ESRCH;
	if (!flags || flags == MCL_ONFAULT_ ||
		flags & ~(unsigned)(MCL_CURRENT_ | MCL_FUTURE_ | MCL_ONFAULT_))
		return refuse(&m->why, EINVAL,
			"mlockall wants MCL_CURRENT (1) or MCL_FUTURE (2), MCL_ONFAULT (4) beside "
			"them");
	int err = can_do_mlock(m, t);
	if (err)
		return err;
	if (flags & MCL_CURRENT_ && mm->total_vm > rlimit_pages(t, RLIM_MEMLOCK) &&
		!task_capable(t))
		return refuse(&m->why, ENOMEM,
			"the process has %llu KiB mapped; its RLIMIT_MEMLOCK is %llu bytes",
			(ull)mm->total_vm * 4, (ull)t->rlim[RLIM_MEMLOCK].soft);
	mm->def_flags &= ~(uint64_t)VM_LOCKED_MASK;
	if (flags & MCL_FUTURE_)
		mm->def_flags |= lock;
	if (!(flags & MCL_CURRENT_))
		return 0;
	apply_to_all(m, t->cpu, mm, lock);
	mm_populate(m, t->cpu, mm, 0, mm->task_size, true);
	return 0;
}

int sys_munlockall(struct machine *m, struct task *t)
{
	struct mm *mm = caller_mm(m, t);

	if (!mm)
		return -ESRCH;
	mm->def_flags &= ~(uint64_t)VM_LOCKED_MASK;
	apply_to_all(m, t->cpu, mm, 0);
	return 0;
}

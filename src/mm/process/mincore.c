/* SPDX-License-Identifier: MIT
 *
 * mincore and msync: which pages of a range are in memory, and writing a range's pages to their file.
 *
 *	mincore, for each page:	mapped -> 1		not mapped, of a file -> is it in the page cache?
 *							not mapped, anonymous -> 0
 *	msync, for each mapping: MS_INVALIDATE of a locked one is EBUSY; MS_SYNC of a shared file's writes its pages
 *
 * A hole stops mincore (ENOMEM, with the bytes before it written); msync goes on behind it and says ENOMEM at the end,
 * except with MS_ASYNC alone. Wrong arguments change nothing.
 *
 * Left out: writing itself (files are not written back yet: MS_SYNC checks and does nothing), swap entries, what an
 * unprivileged process may not know of files that it cannot write. Follows mm/mincore.c and mm/msync.c of 6.1.
 */
#include "mm/process/syscalls.h"

#include "mm/machine.h"
#include "mm/process/file.h"
#include "mm/process/limits.h"
#include "mm/process/pgtables.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"

#include <errno.h>

typedef unsigned long long ull;

enum { MS_ASYNC_ = 1, MS_INVALIDATE_ = 2, MS_SYNC_ = 4 };

static int unaligned(struct machine *m, uint64_t addr)
{
	return refuse(&m->why, EINVAL, "0x%llx is not the address of a page", (ull)addr);
}

static uint8_t page_in_core(struct machine *m, const struct mm *mm, const struct vma *v,
	const struct inode *inode, uint64_t addr)
{
	/* Pages of the kernel's own (vdso) are always there. */
	if (!pte_none(pte_of(m, mm, addr)) || (!inode && !vma_is_anonymous(v)))
		return 1;
	return inode && page_cache_find(m, inode, linear_page_index(v, addr)) != NO_PFN;
}

int sys_mincore(struct machine *m, struct task *t, uint64_t addr, uint64_t bytes, uint8_t *vec,
	uint64_t room)
{
	struct mm *mm = caller_mm(m, t);
	uint64_t end = addr + page_align(bytes);

	if (!mm)
		return -ESRCH;
	if (addr & (PAGE_BYTES - 1))
		return unaligned(m, addr);
	if (addr > mm->task_size || bytes > mm->task_size - addr)
		return refuse(&m->why, ENOMEM,
			"the range from 0x%llx of 0x%llx bytes passes the end of user addresses",
			(ull)addr, (ull)bytes);
	while (addr < end) {
		const struct vma *v = vma_find(m, &mm->vmas, addr);

		if (!v || v->start > addr)
			return refuse(&m->why, ENOMEM, "nothing is mapped at 0x%llx", (ull)addr);
		const struct inode *inode = vma_inode(m, v);
		for (; addr < end && addr < v->end; addr += PAGE_BYTES) {
			if (!room--)
				return refuse(&m->why, ENOMEM,
					"the answer would be too long from 0x%llx on: ask for less",
					(ull)addr);
			*vec++ = page_in_core(m, mm, v, inode, addr);
		}
	}
	return 0;
}

/* 1: the arguments end the call with 0. */
static int check_msync(struct machine *m, uint64_t addr, uint64_t bytes, unsigned flags)
{
	uint64_t rounded = page_align(bytes);

	if (flags & ~(unsigned)(MS_ASYNC_ | MS_INVALIDATE_ | MS_SYNC_))
		return refuse(&m->why, EINVAL,
			"msync knows MS_ASYNC 1, MS_INVALIDATE 2, MS_SYNC 4, not 0x%x", flags);
	if (addr & (PAGE_BYTES - 1))
		return unaligned(m, addr);
	if (flags & MS_ASYNC_ && flags & MS_SYNC_)
		return refuse(&m->why, EINVAL, "MS_ASYNC and MS_SYNC exclude each other");
	if (rounded && range_wraps(m, addr, bytes))
		return refuse(&m->why, ENOMEM,
			"the range from 0x%llx of 0x%llx bytes passes the end of all addresses",
			(ull)addr, (ull)bytes);
	return !rounded;
}

int sys_msync(struct machine *m, struct task *t, uint64_t addr, uint64_t bytes, unsigned flags)
{
	struct mm *mm = caller_mm(m, t);
	int err = mm ? check_msync(m, addr, bytes, flags) : -ESRCH, hole = 0;

	if (err)
		return err < 0 ? err : 0;
	uint64_t end = addr + page_align(bytes);
	while (addr < end) {
		const struct vma *v = vma_find(m, &mm->vmas, addr);

		if (!v || v->start > addr) {
			hole = refuse(&m->why, ENOMEM, "nothing is mapped at 0x%llx", (ull)addr);
			if (!v || flags == MS_ASYNC_ || v->start >= end)
				return hole;
		}
		if (flags & MS_INVALIDATE_ && v->flags & VM_LOCKED)
			return refuse(&m->why, EBUSY,
				"the mapping at 0x%llx is locked: its pages cannot be dropped",
				(ull)v->start);
		addr = v->end;
	}
	return hole;
}

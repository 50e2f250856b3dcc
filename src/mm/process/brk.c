/* SPDX-License-Identifier: MIT
 *
 * brk(): the heap's end.
 *
 *	| bss | gap (random) | [heap] ......... | -> free, and a page and a stack's guard before the next mapping
 *	               start_brk             brk
 *
 *	1. Not below start_brk, and data and heap together within RLIMIT_DATA.
 *	2. The same page: only the number changes. Below: what lies between is unmapped.
 *	3. Above: the place is free, and the limits and the committed memory allow it. The heap's mapping is made longer, or
 *	   the first one is made; what lies below start_brk is never made longer, even if it is alike.
 *
 * The call answers with the break that holds then; it never fails, the caller compares.
 * Follows brk and do_brk_flags() in mm/mmap.c of 6.1.
 */
#include "mm/process/syscalls.h"

#include "mm/machine.h"
#include "mm/process/limits.h"
#include "mm/process/mm.h"
#include "mm/process/rmap.h"
#include "mm/process/task.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"

#include <errno.h>

typedef unsigned long long ull;

/* Step 1. */
static int check_break(struct machine *m, const struct task *t, const struct mm *mm, uint64_t brk)
{
	uint64_t limit = t->rlim[RLIM_DATA].soft;

	if (brk < mm->start_brk)
		return refuse(&m->why, EINVAL, "the heap begins at 0x%llx", (ull)mm->start_brk);
	if (limit != RLIM_INFINITY && brk - mm->start_brk + (mm->end_data - mm->start_data) > limit)
		return refuse(&m->why, ENOSPC,
			"RLIMIT_DATA of process %u is %llu bytes for data and heap", t->pid,
			(ull)limit);
	return 0;
}

/* Is [start, end) free, with a page and a guard to the next mapping? */
static int check_room(struct machine *m, const struct mm *mm, uint64_t start, uint64_t end)
{
	if (end > mm->task_size || end < start)
		return refuse(
			&m->why, ENOMEM, "the heap must end below 0x%llx", (ull)mm->task_size);
	const struct vma *next = vma_find(m, &mm->vmas, start);

	if (!next || end + PAGE_BYTES <= vm_start_gap(next))
		return 0;
	return refuse(&m->why, ENOMEM, "the heap would come too near to the mapping at 0x%llx",
		(ull)next->start);
}

static bool can_grow(const struct machine *m, const struct mm *mm, const struct vma *v,
	uint64_t start, uint64_t flags)
{
	if (!v || v->end != start || v->end <= mm->start_brk || v->file_at || v->kind != VMA_PLAIN)
		return false;
	if ((v->flags ^ flags) & ~(uint64_t)VM_SOFTDIRTY ||
		v->pgoff + vma_pages(v) != start >> PAGE_SHIFT)
		return false;
	return !v->anon_vma_at || anon_chain_singular(m, v);
}

/* do_brk_flags() */
static int grow_heap(
	struct machine *m, const struct task *t, struct mm *mm, uint64_t start, uint64_t end)
{
	uint64_t pages = (end - start) >> PAGE_SHIFT;
	uint64_t flags = VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | VM_ACCOUNT |
			 mm->def_flags;
	struct vma *v = vma_find_prev(m, &mm->vmas, start);

	if (!may_expand_vm(m, t, mm, flags, pages))
		return -m->why.err;
	int err = map_count_check(m, mm, 0);

	if (!err)
		err = vm_commit(m, mm, pages);
	if (err)
		return err;
	if (can_grow(m, mm, v, start, flags)) {
		vma_index_resize(m, &mm->vmas, v, v->start, end);
	} else {
		err = vma_index_reserve(m, &mm->vmas, 1);
		v = err ? NULL : vma_alloc(m, t->cpu, mm);
		if (!v) {
			vm_uncommit(m, pages);
			return -m->why.err;
		}
		v->start = start;
		v->end = end;
		v->pgoff = start >> PAGE_SHIFT;
		v->flags = flags;
		vma_link(m, mm, v);
	}
	v->flags |= vm_softdirty(m);
	vm_stat_account(mm, flags, (int64_t)pages);
	if (flags & VM_LOCKED)
		mm->locked_vm += pages;
	return 0;
}

static int shrink_heap(
	struct machine *m, const struct task *t, struct mm *mm, uint64_t start, uint64_t end)
{
	if (!vma_find_in(m, &mm->vmas, start, end))
		return refuse(&m->why, EINVAL, "no heap is mapped there any more");
	return do_munmap(m, t->cpu, mm, start, end - start);
}

int sys_brk(struct machine *m, struct task *t, uint64_t brk, uint64_t *out)
{
	struct mm *mm = task_mm(m, t);

	if (!mm)
		return refuse(&m->why, ESRCH, "process %u has no memory", t->pid);
	uint64_t from = page_align(mm->brk), to = page_align(brk);

	*out = mm->brk;
	if (check_break(m, t, mm, brk))
		return 0;
	if (to < from && brk <= mm->brk) {
		if (shrink_heap(m, t, mm, to, from))
			return 0;
	} else if (to != from) {
		if (check_room(m, mm, from, to) ||
			mlock_future_check(m, t, mm, mm->def_flags, to - from) ||
			grow_heap(m, t, mm, from, to))
			return 0;
	}
	*out = mm->brk = brk;
	refusal_clear(&m->why);
	if (to > from && mm->def_flags & VM_LOCKED)
		mm_populate(m, t->cpu, mm, from, to - from, true);
	return 0;
}

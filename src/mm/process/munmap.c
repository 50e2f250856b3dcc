/* SPDX-License-Identifier: MIT
 *
 * munmap(): cut the mappings at both ends of the range, take out what lies between, then the tables that nothing needs.
 *
 *	| a a a a | b b | c c c |          | a |             | c |
 *	      ^ - - - - - - ^       ->          (free tables)
 *
 * Whatever can fail comes first: the two cuts. When the second one finds no memory the first is joined again.
 *
 * Follows mm/mmap.c (do_mas_align_munmap(), unmap_region(), exit_mmap()) of 6.1.
 */
#include "mm/process/mm.h"
#include "mm/process/syscalls.h"

#include "mm/machine.h"
#include "mm/process/fault.h"
#include "mm/process/limits.h"
#include "mm/process/pgtables.h"
#include "mm/process/rmap.h"
#include "mm/process/task.h"
#include "mm/process/tlb_gather.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"

#include <errno.h>

typedef unsigned long long ull;

/* One whole mapping goes; its tables stay. */
static void remove_mapping(struct tlb_gather *g, struct vma *v)
{
	struct machine *m = g->m;
	struct mm *mm = g->mm;
	int64_t pages = (int64_t)vma_pages(v);

	unmap_range(g, v, v->start, v->end, true);
	if (v->flags & VM_LOCKED)
		mm->locked_vm -= (uint64_t)pages;
	if (v->flags & VM_ACCOUNT)
		vm_uncommit(m, (uint64_t)pages);
	vm_stat_account(mm, v->flags, -pages);
	vma_unlink(m, mm, v);
	unlink_anon_vmas(m, g->cpu, v);
	vma_free(m, g->cpu, v);
}

static int cut_ends(struct machine *m, unsigned cpu, struct mm *mm, uint64_t start, uint64_t end)
{
	struct vma *v = vma_find_in(m, &mm->vmas, start, end);
	bool cut = v && v->start < start;
	int err = 0;

	/* A hole in the middle makes one mapping more; otherwise their number does not grow. */
	if (cut && v->end > end)
		err = map_count_check(m, mm, 1);
	if (!err && cut)
		err = vma_cut(m, cpu, mm, v, start, true);
	if (err)
		return err;
	v = vma_find_in(m, &mm->vmas, end - 1, end);
	if (v && v->end > end)
		err = vma_cut(m, cpu, mm, v, end, true);
	if (err && cut)
		vma_uncut(m, cpu, mm, start);
	return err;
}

int do_munmap(struct machine *m, unsigned cpu, struct mm *mm, uint64_t addr, uint64_t bytes)
{
	uint64_t len = page_align(bytes), end = addr + len;

	if (addr % PAGE_BYTES)
		return refuse(&m->why, EINVAL, "0x%llx is not the begin of a page", (ull)addr);
	if (!len || addr > mm->task_size || len > mm->task_size - addr)
		return refuse(&m->why, EINVAL,
			"the range must have at least one byte and end below 0x%llx",
			(ull)mm->task_size);
	if (!vma_find_in(m, &mm->vmas, addr, end))
		return 0;
	int err = cut_ends(m, cpu, mm, addr, end);

	if (err)
		return err;
	struct tlb_gather g;

	mm_update_hiwater(mm);
	tlb_gather_begin(&g, m, cpu, mm, false);
	for (struct vma *v; (v = vma_find_in(m, &mm->vmas, addr, end));)
		remove_mapping(&g, v);
	const struct vma *prev = vma_find_prev(m, &mm->vmas, addr);
	const struct vma *next = vma_find(m, &mm->vmas, end);

	free_pgtables(&g, addr, end, prev ? prev->end : 0, next ? next->start : 0);
	tlb_gather_flush(&g);
	return 0;
}

int sys_munmap(struct machine *m, struct task *t, uint64_t addr, uint64_t bytes)
{
	struct mm *mm = task_mm(m, t);

	if (!mm)
		return refuse(&m->why, ESRCH, "process %u has no memory", t->pid);
	return do_munmap(m, t->cpu, mm, addr, bytes);
}

void exit_mmap(struct machine *m, unsigned cpu, struct mm *mm)
{
	struct tlb_gather g;

	mm_update_hiwater(mm);
	tlb_gather_begin(&g, m, cpu, mm, true);
	for (struct vma *v; (v = vma_first(m, &mm->vmas));)
		remove_mapping(&g, v);
	if (mm->pgd)
		free_pgtables(&g, 0, mm->task_size, 0, 0);
}

/* SPDX-License-Identifier: MIT
 *
 * An address space's life (see mm.h): made empty, copied by a fork, ended with its last user.
 *
 * The copy is made mapping by mapping, in order of address, as dup_mmap() does: first the mapping with what it commits,
 * its file, its anon_vmas, then its entries. When one of these fails the half that was made is unmapped like any address
 * space that ends, and the parent has lost nothing: entries that were write-protected get their right back by the next
 * write fault.
 *
 * Follows kernel/fork.c (mm_init(), dup_mmap(), mmput()) of 6.1.
 */
#include "mm/process/mm.h"

#include "mm/core/link.h"
#include "mm/process/fault.h"
#include "mm/process/file.h"
#include "mm/process/pgtables.h"
#include "mm/process/rmap.h"
#include "mm/process/syscalls.h"
#include "mm/process/tlb_flush.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"
#include "mm/slab/slab.h"

#include <assert.h>
#include <errno.h>

struct mm *mm_alloc(struct machine *m, unsigned cpu)
{
	uint64_t object, at;

	if (kmem_cache_alloc(m, cpu, KMEM_mm_struct, &object))
		return NULL;
	at = heap_alloc(m, sizeof(struct mm));
	struct mm *mm = at ? machine_at(m, at) : NULL;

	if (mm) {
		*mm = (struct mm){.users = 1, .object = object, .task_size = mm_task_size(m)};
		if (!pgd_alloc(m, cpu, mm)) {
			mm->id = ++m->processes.tasks.next_mm_id;
			return mm;
		}
	}
	struct refusal why = m->why;

	heap_free(m, at, sizeof(struct mm));
	kmem_cache_free(m, cpu, KMEM_mm_struct, object);
	m->why = why;
	return NULL;
}

void mm_put(struct machine *m, unsigned cpu, struct mm *mm)
{
	assert(mm->users);
	if (--mm->users)
		return;
	exit_mmap(m, cpu, mm);
	flush_tlb_mm(m, cpu, mm);
	pgd_free(m, cpu, mm);
	if (mm->exe_file_at)
		file_put(m, cpu, machine_at(m, mm->exe_file_at));
	vma_index_finish(m, &mm->vmas);
	kmem_cache_free(m, cpu, KMEM_mm_struct, mm->object);
	heap_free(m, machine_ref(m, mm), sizeof(*mm));
}

uint64_t mm_hiwater_rss(const struct mm *mm)
{
	uint64_t now = mm_rss(mm);

	return now > mm->hiwater_rss ? now : mm->hiwater_rss;
}

void mm_update_hiwater(struct mm *mm)
{
	mm->hiwater_rss = mm_hiwater_rss(mm);
	if (mm->total_vm > mm->hiwater_vm)
		mm->hiwater_vm = mm->total_vm;
}

/* ---- the copy of a fork ---- */

/* The mapping itself, outside the index. NULL: m->why. */
static struct vma *dup_vma(struct machine *m, unsigned cpu, struct mm *mm, struct vma *old)
{
	bool commits = old->flags & VM_ACCOUNT;

	if (commits && vm_commit(m, mm, vma_pages(old)))
		return NULL;
	struct vma *v = vma_alloc(m, cpu, mm);

	if (v) {
		v->start = old->start;
		v->end = old->end;
		v->pgoff = old->pgoff;
		v->kind = old->kind;
		v->policy = old->policy;
		/* Locks are not inherited. */
		v->flags = old->flags & ~(uint64_t)VM_LOCKED_MASK;
		if (v->flags & VM_WIPEONFORK || !anon_vma_fork(m, cpu, v, old)) {
			v->file_at = old->file_at;
			if (v->file_at)
				file_get(machine_at(m, v->file_at));
			return v;
		}
		struct refusal why = m->why;

		vma_free(m, cpu, v);
		m->why = why;
	}
	if (commits)
		vm_uncommit(m, vma_pages(old));
	return NULL;
}

static void copy_bounds(struct mm *mm, const struct mm *old)
{
	mm->mmap_base = old->mmap_base;
	mm->mmap_legacy = old->mmap_legacy;
	mm->bottom_up_base = old->bottom_up_base;
	mm->start_code = old->start_code;
	mm->end_code = old->end_code;
	mm->start_data = old->start_data;
	mm->end_data = old->end_data;
	mm->start_brk = old->start_brk;
	mm->brk = old->brk;
	mm->start_stack = old->start_stack;
	mm->arg_start = old->arg_start;
	mm->arg_end = old->arg_end;
	mm->env_start = old->env_start;
	mm->env_end = old->env_end;
	mm->vdso = old->vdso;
	mm->exe_file_at = old->exe_file_at;
	mm->total_vm = old->total_vm;
	mm->data_vm = old->data_vm;
	mm->exec_vm = old->exec_vm;
	mm->stack_vm = old->stack_vm;
}

static int dup_mappings(struct machine *m, unsigned cpu, struct mm *mm, struct mm *old)
{
	int err = 0;

	for (struct vma *from = vma_first(m, &old->vmas); from && !err;
		from = vma_next(m, &old->vmas, from)) {
		if (from->flags & VM_DONTCOPY) {
			vm_stat_account(mm, from->flags, -(int64_t)vma_pages(from));
			continue;
		}
		if (vma_index_reserve(m, &mm->vmas, 1))
			return -m->why.err;
		struct vma *v = dup_vma(m, cpu, mm, from);

		if (!v)
			return -m->why.err;
		vma_link(m, mm, v);
		if (!(v->flags & VM_WIPEONFORK))
			err = copy_page_range(m, cpu, v, from);
	}
	return err;
}

struct mm *mm_dup(struct machine *m, unsigned cpu, struct mm *old)
{
	struct mm *mm = mm_alloc(m, cpu);

	if (!mm)
		return NULL;
	copy_bounds(mm, old);
	if (mm->exe_file_at)
		file_get(machine_at(m, mm->exe_file_at));
	int err = dup_mappings(m, cpu, mm, old);

	/* The parent has lost the right to write to what it shares now. */
	flush_tlb_range(m, cpu, old, 0, UINT64_MAX);
	if (!err) {
		mm->hiwater_rss = mm_rss(mm);
		mm->hiwater_vm = mm->total_vm;
		return mm;
	}
	struct refusal why = m->why;

	mm_put(m, cpu, mm);
	m->why = why;
	return NULL;
}

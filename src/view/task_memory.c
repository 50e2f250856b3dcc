/* SPDX-License-Identifier: MIT
 *
 * PID/pagemap, PID/mem and PID/clear_refs: a process's memory by page, by byte, and forgetting that it was used
 * (fs/proc/task_mmu.c and base.c of 6.1).
 *
 *	pagemap, 64 bits a page:  present 63 | swapped 62 | file or shared 61 | exclusive 56 | soft-dirty 55 | pfn 54-0
 *
 * A page without an entry is 0, or soft-dirty where its mapping is newer than the last clear_refs. mem's offset is
 * the address; an access faults as ptrace's does, and writes also where the process itself may not.
 */
#include "view/files.h"
#include "view/task_view.h"

#include "mm/page/frame.h"
#include "mm/process/access.h"
#include "mm/process/clear_refs.h"
#include "mm/process/pgtables.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"

#include <errno.h>
#include <string.h>

enum { ENTRY_BYTES = 8, PM_SOFT_DIRTY = 55, PM_EXCLUSIVE = 56, PM_FILE = 61, PM_PRESENT = 63 };

static uint64_t bit(unsigned i)
{
	return (uint64_t)1 << i;
}

static uint64_t pagemap_entry(struct machine *m, const struct mm *mm, uint64_t va)
{
	const struct vma *v = vma_find(m, &mm->vmas, va);
	uint64_t entry = 0;

	if (!v || v->start > va)
		return 0;
	if (pte_has_soft_dirty(m) && v->flags & VM_SOFTDIRTY)
		entry |= bit(PM_SOFT_DIRTY);
	pte_t pte = pte_of(m, mm, va);
	if (pte_none(pte) || !pte_is(m, pte, PTE_PRESENT))
		return entry;
	uint64_t pfn = pte_pfn(m, pte);
	entry |= bit(PM_PRESENT) | (pfn & (bit(PM_SOFT_DIRTY) - 1));
	if (pte_has_soft_dirty(m) && pte_is(m, pte, PTE_SOFT_DIRTY))
		entry |= bit(PM_SOFT_DIRTY);
	if (pte_is(m, pte, PTE_SPECIAL) || v->flags & VM_PFNMAP || !pfn_valid(m, pfn))
		return entry;
	struct frame f = frame_peek(m, pfn);
	if (!(f.flags & FRAME_ANON))
		entry |= bit(PM_FILE);
	if (f.mapcount == 1)
		entry |= bit(PM_EXCLUSIVE);
	return entry;
}

/* Where the next page that may have an entry is: a table or a new mapping; @end when there is none. */
static uint64_t next_interesting(
	const struct machine *m, const struct mm *mm, uint64_t va, uint64_t end)
{
	const struct vma *v = vma_find(m, &mm->vmas, va);

	if (!v || v->start >= end)
		return end;
	return v->start > va ? v->start : va;
}

int64_t read_pid_pagemap(struct view *v, void *data, size_t len, uint64_t offset)
{
	struct mm *mm = view_mm(v);
	size_t done = 0;

	if (offset % ENTRY_BYTES || len % ENTRY_BYTES)
		return -EINVAL;
	if (!mm || offset / ENTRY_BYTES >= mm->task_size >> PAGE_SHIFT)
		return 0;
	uint64_t va = offset / ENTRY_BYTES << PAGE_SHIFT;
	while (done < len && va < mm->task_size) {
		uint64_t end = va + ((len - done) / ENTRY_BYTES << PAGE_SHIFT);
		uint64_t next =
			next_interesting(v->m, mm, va, end < mm->task_size ? end : mm->task_size);

		memset((char *)data + done, 0, (next - va) / PAGE_BYTES * ENTRY_BYTES);
		done += (next - va) / PAGE_BYTES * ENTRY_BYTES;
		va = next;
		if (done == len || va == mm->task_size)
			break;
		uint64_t entry = pagemap_entry(v->m, mm, va);
		memcpy((char *)data + done, &entry, ENTRY_BYTES);
		done += ENTRY_BYTES;
		va += PAGE_BYTES;
	}
	return (int64_t)done;
}

/* ---- mem ---- */

static int64_t transfer(struct view *v, void *data, size_t len, uint64_t offset, bool write)
{
	const struct task *t = view_task(v);
	struct mm *mm = view_mm(v);

	if (!mm)
		return 0;
	return access_process_vm(v->m, t->cpu, mm, offset, data, len, write);
}

int64_t read_pid_mem(struct view *v, void *data, size_t len, uint64_t offset)
{
	return transfer(v, data, len, offset, false);
}

int64_t write_pid_mem(struct view *v, const void *data, size_t len, uint64_t offset)
{
	char page[PAGE_BYTES];
	size_t done = 0;

	/* access_process_vm() reads and writes through one pointer. */
	while (done < len) {
		size_t n = len - done < sizeof(page) ? len - done : sizeof(page);

		memcpy(page, (const char *)data + done, n);
		int64_t got = transfer(v, page, n, offset + done, true);
		if (got <= 0)
			return done ? (int64_t)done : got;
		done += (size_t)got;
		if ((size_t)got < n)
			break;
	}
	return (int64_t)done;
}

/* ---- clear_refs ---- */

int64_t store_pid_clear_refs(struct view *v, const char *data, size_t len)
{
	struct task *t = view_task(v);
	struct mm *mm = view_mm(v);
	long kind;

	if (!parse_kernel_int(data, len, 10, &kind) || kind < CLEAR_REFS_ALL ||
		kind >= NR_CLEAR_REFS)
		return refuse(&v->m->why, EINVAL,
			"write 1 (all pages), 2 (anonymous), 3 (of files), 4 (soft-dirty bits) or "
			"5 (VmHWM)");
	if (!t)
		return refuse(&v->m->why, ESRCH, "the process has ended");
	if (mm)
		mm_clear_refs(v->m, t->cpu, mm, (enum clear_refs)kind);
	return (int64_t)len;
}

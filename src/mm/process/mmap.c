/* SPDX-License-Identifier: MIT
 *
 * mmap(): a new mapping.
 *
 *	1. What is asked: sizes, flags, rights of the file, limits of the process. Refused here, nothing has changed.
 *	2. Where: the fixed place, or get_unmapped_area().
 *	3. What it needs is taken while nothing has changed yet: the pages that it commits, the mapping itself, the file behind
 *	   shared anonymous memory. So a mapping that replaces another one fails before the other is gone.
 *	4. What lies at a fixed place is unmapped. The new mapping is merged with a neighbour, or put in.
 *	5. MAP_POPULATE and locked mappings are faulted in; what cannot be is left to later faults.
 *
 * Left out: hugetlb, file leases and seals, security modules other than mmap_min_addr for those who are not root.
 * Follows mm/mmap.c (ksys_mmap_pgoff(), do_mmap(), mmap_region()) of 6.1.
 */
#include "mm/process/syscalls.h"

#include "mm/core/link.h"
#include "mm/process/fault.h"
#include "mm/process/file.h"
#include "mm/process/limits.h"
#include "mm/process/mm.h"
#include "mm/process/task.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"

#include <assert.h>
#include <errno.h>

typedef unsigned long long ull;

enum { OVERCOMMIT_NEVER = 2 };
enum {
	LEGACY_FLAGS = MAP_SHARED_ | MAP_PRIVATE_ | MAP_FIXED_ | MAP_ANONYMOUS_ | MAP_32BIT_ |
		       MAP_GROWSDOWN_ | MAP_DENYWRITE_ | MAP_EXECUTABLE_ | MAP_LOCKED_ |
		       MAP_NORESERVE_ | MAP_POPULATE_ | MAP_NONBLOCK_ | MAP_STACK_ | MAP_HUGETLB_,
};

/* A mapping that is about to be. */
struct request {
	uint64_t addr, bytes, flags, pgoff;
	struct file *file; /* NULL: anonymous */
	uint32_t kind;
};

/* ---- step 3 and 4 ---- */

/* accountable_mapping(): private and writable memory is committed. */
static bool is_accountable(uint64_t flags)
{
	return (flags & (VM_NORESERVE | VM_SHARED | VM_WRITE)) == VM_WRITE;
}

/* A mapping of RAM or devices by physical address: every entry at once (remap_pfn_range()). */
static int map_device(struct machine *m, unsigned cpu, struct vma *v)
{
	for (uint64_t i = 0; i < vma_pages(v); i++) {
		int err = insert_pfn(m, cpu, v, v->start + (i << PAGE_SHIFT), v->pgoff + i);

		if (err)
			return err;
	}
	return 0;
}

/* The mapping, outside the index, with the file that it maps. NULL: m->why. */
static struct vma *make_vma(struct machine *m, unsigned cpu, struct mm *mm, const struct request *r)
{
	struct vma *v = vma_alloc(m, cpu, mm);

	if (!v)
		return NULL;
	v->start = r->addr;
	v->end = r->addr + r->bytes;
	v->flags = r->flags | VM_SOFTDIRTY;
	v->pgoff = r->pgoff;
	v->kind = r->kind;
	if (r->file) {
		v->file_at = machine_ref(m, r->file);
		file_get(r->file);
	} else if (r->flags & VM_SHARED) {
		struct inode *i =
			shmem_file_setup(m, cpu, NULL, 0, r->bytes, r->flags & VM_NORESERVE);
		struct file *f = i ? file_open_inode(m, cpu, i, FILE_RDWR) : NULL;

		if (!f) {
			struct refusal why = m->why;

			if (i) { /* nobody holds it: taking and dropping a reference frees it */
				inode_get(i);
				inode_put(m, cpu, i);
			}
			vma_free(m, cpu, v);
			m->why = why;
			return NULL;
		}
		v->file_at = machine_ref(m, f);
	}
	return v;
}

static void drop_vma(struct machine *m, unsigned cpu, struct vma *v)
{
	struct refusal why = m->why;

	vma_free(m, cpu, v);
	m->why = why;
}

/* Step 4. @v is ready; it is freed when a neighbour takes its place. */
static struct vma *put_in(struct machine *m, unsigned cpu, struct mm *mm, struct vma *v)
{
	struct vma_like like = {
		.flags = v->flags, .pgoff = v->pgoff, .file_at = v->file_at, .kind = v->kind};
	struct vma *merged = vma_merge(m, cpu, mm, v->start, v->end, &like);
	int64_t pages = (int64_t)vma_pages(v);

	if (merged)
		drop_vma(m, cpu, v);
	else
		vma_link(m, mm, v);
	v = merged ? merged : v;
	v->flags |= VM_SOFTDIRTY;
	vm_stat_account(mm, v->flags, pages);
	if (v->flags & VM_LOCKED)
		mm->locked_vm += (uint64_t)pages;
	return v;
}

/* mmap_region() */
static int map_region(struct machine *m, unsigned cpu, struct mm *mm, const struct request *asked,
	struct vma **out)
{
	struct request r = *asked;
	uint64_t pages = r.bytes >> PAGE_SHIFT;
	struct vma *v;
	int err;

	if (is_accountable(r.flags)) {
		err = vm_commit(m, mm, pages);
		if (err)
			return err;
		r.flags |= VM_ACCOUNT;
	}
	/* Locks on memory that has no pages mean nothing. */
	if (r.flags & VM_SPECIAL)
		r.flags &= ~(uint64_t)VM_LOCKED_MASK;
	v = make_vma(m, cpu, mm, &r);
	err = v ? vma_index_reserve(m, &mm->vmas, 3) : -m->why.err;
	if (!err && vma_find_in(m, &mm->vmas, r.addr, r.addr + r.bytes))
		err = do_munmap(m, cpu, mm, r.addr, r.bytes);
	if (err) {
		if (v)
			drop_vma(m, cpu, v);
		if (r.flags & VM_ACCOUNT)
			vm_uncommit(m, pages);
		return err;
	}
	v = put_in(m, cpu, mm, v);
	if (v->flags & VM_PFNMAP && v->kind == VMA_PLAIN) {
		err = map_device(m, cpu, v);
		if (err) {
			struct refusal why = m->why;

			do_munmap(m, cpu, mm, r.addr, r.bytes);
			m->why = why;
			return err;
		}
	}
	*out = v;
	return 0;
}

/* What the kind of file makes of a mapping (its mmap operation). */
static void file_kind(struct request *r, const struct inode *i)
{
	if (i->kind == INODE_MEM)
		r->flags |= VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP;
	if (i->kind == INODE_ZERO && !(r->flags & VM_MAYSHARE))
		r->kind = VMA_ZERO;
}

int do_mmap(struct machine *m, unsigned cpu, struct mm *mm, uint64_t addr, uint64_t bytes,
	uint64_t vm_flags, struct file *file, uint64_t pgoff, enum vma_kind kind, struct vma **out)
{
	struct request r = {
		addr, (bytes + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1), vm_flags, pgoff, file, kind};
	int err = addr ? 0 : get_unmapped_area(m, mm, 0, r.bytes, &r.addr);

	if (err)
		return err;
	if (!r.bytes || r.addr > mm->task_size || r.bytes > mm->task_size - r.addr)
		return refuse(&m->why, ENOMEM, "the mapping does not fit below 0x%llx",
			(ull)mm->task_size);
	if (!file && !(vm_flags & VM_SHARED) && kind == VMA_PLAIN)
		r.pgoff = r.addr >> PAGE_SHIFT;
	return map_region(m, cpu, mm, &r, out);
}

/* ---- step 1 ---- */

static uint64_t flag_bits(unsigned prot, unsigned flags)
{
	uint64_t bits = prot & (PROT_READ_ | PROT_WRITE_ | PROT_EXEC_);

	if (flags & MAP_GROWSDOWN_)
		bits |= VM_GROWSDOWN;
	if (flags & MAP_LOCKED_)
		bits |= VM_LOCKED;
	return bits | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC;
}

static int check_file(struct machine *m, struct request *r, unsigned prot, unsigned flags)
{
	unsigned mode = r->file->flags & FILE_ACCMODE, type = flags & MAP_TYPE_;

	if (type == MAP_SHARED_VALIDATE_ &&
		flags & ~(unsigned)(LEGACY_FLAGS | MAP_SHARED_VALIDATE_))
		return refuse(&m->why, EOPNOTSUPP,
			"MAP_SHARED_VALIDATE: this file knows no such flag (0x%x)",
			flags & ~(unsigned)(LEGACY_FLAGS | MAP_SHARED_VALIDATE_));
	if (type == MAP_SHARED_ || type == MAP_SHARED_VALIDATE_) {
		if (prot & PROT_WRITE_ && mode == FILE_RDONLY)
			return refuse(&m->why, EACCES,
				"a shared mapping that can be written needs a file opened for "
				"writing (O_RDWR)");
		r->flags |= VM_SHARED | VM_MAYSHARE;
		if (mode == FILE_RDONLY)
			r->flags &= ~(uint64_t)(VM_MAYWRITE | VM_SHARED);
	} else if (type != MAP_PRIVATE_) {
		return refuse(&m->why, EINVAL,
			"one of MAP_SHARED, MAP_PRIVATE, MAP_SHARED_VALIDATE is needed");
	}
	if (mode == FILE_WRONLY)
		return refuse(&m->why, EACCES, "a file that is mapped must be open for reading");
	if (r->flags & VM_GROWSDOWN)
		return refuse(&m->why, EINVAL, "MAP_GROWSDOWN is for private anonymous memory");
	return 0;
}

static int check_anonymous(struct machine *m, struct request *r, unsigned flags)
{
	if ((flags & MAP_TYPE_) == MAP_SHARED_) {
		if (r->flags & VM_GROWSDOWN)
			return refuse(&m->why, EINVAL, "MAP_GROWSDOWN is for private memory");
		r->pgoff = 0;
		r->flags |= VM_SHARED | VM_MAYSHARE;
		return 0;
	}
	if ((flags & MAP_TYPE_) != MAP_PRIVATE_)
		return refuse(&m->why, EINVAL, "one of MAP_SHARED and MAP_PRIVATE is needed");
	r->pgoff = r->addr >> PAGE_SHIFT;
	return 0;
}

/* Step 2. */
static int place(struct machine *m, struct task *t, struct mm *mm, struct request *r,
	unsigned flags, const uint64_t *at)
{
	uint64_t lowest = (uint64_t)m->sysctls.value[SYSCTL_mmap_min_addr];
	int err = 0;

	if (flags & MAP_FIXED_) {
		if (r->bytes > mm->task_size || r->addr > mm->task_size - r->bytes)
			return refuse(&m->why, ENOMEM, "a mapping must end below 0x%llx",
				(ull)mm->task_size);
		if (r->addr % PAGE_BYTES)
			return refuse(&m->why, EINVAL,
				"MAP_FIXED: 0x%llx is not the begin of a page", (ull)r->addr);
	} else {
		if (r->addr && r->addr < lowest)
			r->addr = (lowest + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
		if (at && !(*at % PAGE_BYTES) && r->bytes <= mm->task_size &&
			*at <= mm->task_size - r->bytes &&
			!vma_find_in(m, &mm->vmas, *at, *at + r->bytes))
			r->addr = *at;
		else
			err = get_unmapped_area(m, mm, r->addr, r->bytes, &r->addr);
	}
	if (!err && r->addr < lowest && !task_capable(t))
		return refuse(&m->why, EPERM, "only root may map below mmap_min_addr (%llu)",
			(ull)lowest);
	if (!err && flags & MAP_FIXED_NOREPLACE_ &&
		vma_find_in(m, &mm->vmas, r->addr, r->addr + r->bytes))
		return refuse(
			&m->why, EEXIST, "MAP_FIXED_NOREPLACE: something is mapped there already");
	return err;
}

/* Pages of mappings in the range: they go when the new one comes. */
static uint64_t pages_in(const struct machine *m, const struct mm *mm, uint64_t start, uint64_t end)
{
	uint64_t pages = 0;

	for (const struct vma *v = vma_find_in(m, &mm->vmas, start, end); v && v->start < end;
		v = vma_next(m, &mm->vmas, v))
		pages += ((v->end < end ? v->end : end) - (v->start > start ? v->start : start)) >>
			 PAGE_SHIFT;
	return pages;
}

static int check_limits(
	struct machine *m, const struct task *t, const struct mm *mm, const struct request *r)
{
	uint64_t pages = r->bytes >> PAGE_SHIFT;
	int err = mlock_future_check(m, t, mm, r->flags, r->bytes);

	if (err || may_expand_vm(m, t, mm, r->flags, pages))
		return err;
	uint64_t gone = pages_in(m, mm, r->addr, r->addr + r->bytes);

	return gone && may_expand_vm(m, t, mm, r->flags, pages - gone) ? 0 : -m->why.err;
}

int sys_mmap(struct machine *m, struct task *t, uint64_t addr, uint64_t bytes, unsigned prot,
	unsigned flags, struct file *file, uint64_t offset, const uint64_t *at, uint64_t *out)
{
	struct mm *mm = task_mm(m, t);
	struct request r = {.addr = addr,
		.bytes = (bytes + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1),
		.pgoff = offset >> PAGE_SHIFT,
		.file = flags & MAP_ANONYMOUS_ ? NULL : file};
	struct vma *v;

	if (!mm)
		return refuse(&m->why, ESRCH, "process %u has no memory", t->pid);
	if (offset % PAGE_BYTES)
		return refuse(
			&m->why, EINVAL, "the offset must be a multiple of %llu", (ull)PAGE_BYTES);
	if (!bytes)
		return refuse(&m->why, EINVAL, "a mapping has at least one byte");
	if (!r.bytes)
		return refuse(&m->why, ENOMEM, "the length is beyond every address space");
	if (r.pgoff + (r.bytes >> PAGE_SHIFT) < r.pgoff)
		return refuse(&m->why, EOVERFLOW, "offset and length together are beyond any file");
	if (flags & MAP_HUGETLB_)
		return refuse(&m->why, EINVAL,
			"MAP_HUGETLB: mappings of the huge page pool are not simulated");
	if (flags & MAP_FIXED_NOREPLACE_)
		flags |= MAP_FIXED_;
	r.flags = flag_bits(prot, flags) | mm->def_flags;
	int err = map_count_check(m, mm, 0);

	if (!err)
		err = place(m, t, mm, &r, flags, at);
	if (!err)
		err = r.file ? check_file(m, &r, prot, flags) : check_anonymous(m, &r, flags);
	if (err)
		return err;
	if (flags & MAP_NORESERVE_ &&
		m->sysctls.value[SYSCTL_overcommit_memory] != OVERCOMMIT_NEVER)
		r.flags |= VM_NORESERVE;
	if (r.file)
		file_kind(&r, machine_at(m, r.file->inode_at));
	err = check_limits(m, t, mm, &r);
	if (!err)
		err = map_region(m, t->cpu, mm, &r, &v);
	if (err)
		return err;
	*out = r.addr;
	if (v->flags & VM_LOCKED || (flags & (MAP_POPULATE_ | MAP_NONBLOCK_)) == MAP_POPULATE_)
		mm_populate(m, t->cpu, mm, r.addr, r.bytes, true);
	return 0;
}

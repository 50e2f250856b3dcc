/* SPDX-License-Identifier: MIT
 *
 * mmap(): a new mapping.
 *
 *	1. What is asked: sizes, flags, rights of the file, limits of the process. Refused here, nothing has changed.
 *	2. Where: the fixed place, or get_unmapped_area().
 *	3. What it needs is taken while nothing has changed yet: the pages that it commits, the mapping itself, the file behind
 *	   shared anonymous memory, the tables of a device's mapping, which gets its entries at once. So a mapping that replaces
 *	   another one fails before the other is gone.
 *	4. What lies at a fixed place is unmapped. The new mapping is merged with a neighbour, or put in.
 *	5. MAP_POPULATE and locked mappings are faulted in; what cannot be is left to later faults.
 *
 * Left out: hugetlb, file leases and seals, security modules other than mmap_min_addr for those who are not root.
 * Follows mm/mmap.c (ksys_mmap_pgoff(), do_mmap(), mmap_region()) of 6.1.
 */
#include "mm/process/syscalls.h"

#include "mm/core/link.h"
#include "mm/dma/dma_buf.h"
#include "mm/page/frame.h"
#include "mm/process/fault.h"
#include "mm/process/file.h"
#include "mm/process/limits.h"
#include "mm/process/mm.h"
#include "mm/process/pgtables.h"
#include "mm/process/task.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"

#include <assert.h>
#include <errno.h>

typedef unsigned long long ull;

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

/* Pages of mappings with @flags (0: any) in the range: they go when the new one comes. */
static uint64_t pages_in(
	const struct machine *m, const struct mm *mm, const struct request *r, uint64_t flags)
{
	uint64_t pages = 0, start = r->addr, end = start + r->bytes;

	for (const struct vma *v = vma_find_in(m, &mm->vmas, start, end); v && v->start < end;
		v = vma_next(m, &mm->vmas, v))
		if (!flags || v->flags & flags)
			pages += ((v->end < end ? v->end : end) -
					 (v->start > start ? v->start : start)) >>
				 PAGE_SHIFT;
	return pages;
}

/* Commit the mapping's pages as if those that it replaces were given back already. */
static int charge(struct machine *m, const struct mm *mm, const struct request *r, bool replaces)
{
	uint64_t gone = replaces ? pages_in(m, mm, r, VM_ACCOUNT) : 0;

	vm_uncommit(m, gone);
	int err = vm_commit(m, mm, r->bytes >> PAGE_SHIFT);

	m->processes.committed_pages += gone;
	return err;
}

/* A mapping of RAM or devices by physical address? */
static bool is_device(const struct request *r)
{
	return r->flags & VM_PFNMAP && r->kind == VMA_PLAIN;
}

/* The page that a device's mapping has at page @index of the file. */
static uint64_t device_pfn(const struct machine *m, const struct inode *i, uint64_t index)
{
	const struct dma_buf *b = dma_buf_of_inode(m, i);

	return b ? dma_buf_pfn(m, b, index) : index;
}

/* Every entry of it at once (remap_pfn_range()), with tables from the stock. */
static void map_device(struct machine *m, unsigned cpu, struct vma *v, const struct request *r)
{
	const struct inode *i = machine_at(m, r->file->inode_at);

	for (uint64_t at = 0; at < r->bytes; at += PAGE_BYTES) {
		uint64_t pfn = device_pfn(m, i, r->pgoff + (at >> PAGE_SHIFT));
		int err = insert_pfn(m, cpu, v, r->addr + at, pfn);

		assert(!err);
		(void)err;
	}
}

/* vma_free() of a mapping that did not come to be: the reason stays. */
static void drop_vma(struct machine *m, unsigned cpu, struct vma *v)
{
	struct refusal why = m->why;

	vma_free(m, cpu, v);
	m->why = why;
}

/* shmem_zero_setup(): the file behind shared anonymous memory. */
static struct file *zero_file(struct machine *m, unsigned cpu, const struct request *r)
{
	struct inode *i = shmem_file_setup(m, cpu, NULL, 0, r->bytes, r->flags & VM_NORESERVE);
	struct file *f = i ? file_open_inode(m, cpu, i, FILE_RDWR) : NULL;

	if (i && !f) { /* nobody holds it: taking and dropping a reference frees it */
		struct refusal why = m->why;

		inode_get(i);
		inode_put(m, cpu, i);
		m->why = why;
	}
	return f;
}

/* The mapping, outside the index, with the file that it maps. NULL: m->why. */
static struct vma *make_vma(struct machine *m, unsigned cpu, struct mm *mm, const struct request *r)
{
	struct vma *v = vma_index_reserve(m, &mm->vmas, 3) ? NULL : vma_alloc(m, cpu, mm);

	if (!v)
		return NULL;
	v->start = r->addr;
	v->end = r->addr + r->bytes;
	v->flags = r->flags;
	v->pgoff = r->pgoff;
	v->kind = r->kind;
	if (r->file) {
		v->file_at = machine_ref(m, r->file);
		file_get(r->file);
	} else if (r->flags & VM_SHARED) {
		struct file *f = zero_file(m, cpu, r);

		if (!f) {
			drop_vma(m, cpu, v);
			return NULL;
		}
		v->file_at = machine_ref(m, f);
	}
	return v;
}

/* A neighbour that takes the range in, NULL: none does. */
static struct vma *expand(struct machine *m, unsigned cpu, struct mm *mm, const struct request *r)
{
	struct vma_like like = {.flags = r->flags, .pgoff = r->pgoff, .kind = r->kind};

	if (!r->file && r->flags & VM_SHARED)
		return NULL;
	like.file_at = r->file ? machine_ref(m, r->file) : 0;
	return vma_expand(m, cpu, mm, r->addr, r->addr + r->bytes, &like);
}

/* All that can fail is behind us when this returns 0, and the range holds the mapping *@out. */
static int replace(struct machine *m, unsigned cpu, struct mm *mm, const struct request *r,
	bool replaces, struct vma **out)
{
	struct vma *merged = replaces ? NULL : expand(m, cpu, mm, r);

	*out = merged;
	if (merged)
		return 0;
	struct vma *v = make_vma(m, cpu, mm, r);

	if (!v)
		return -m->why.err;
	int err = replaces ? do_munmap(m, cpu, mm, r->addr, r->bytes) : 0;

	if (err) {
		drop_vma(m, cpu, v);
		return err;
	}
	merged = replaces ? expand(m, cpu, mm, r) : NULL;
	if (merged)
		drop_vma(m, cpu, v);
	else
		vma_link(m, mm, v);
	*out = merged ? merged : v;
	return 0;
}

/* mmap_region() */
static int map_region(
	struct machine *m, unsigned cpu, struct mm *mm, struct request *r, struct vma **out)
{
	bool replaces = vma_find_in(m, &mm->vmas, r->addr, r->addr + r->bytes);
	uint64_t pages = r->bytes >> PAGE_SHIFT;
	int err = 0;

	if (is_accountable(r->flags)) {
		err = charge(m, mm, r, replaces);
		if (err)
			return err;
		r->flags |= VM_ACCOUNT;
	}
	/* Locks on memory that has no pages mean nothing. */
	if (r->flags & VM_SPECIAL)
		r->flags &= ~(uint64_t)VM_LOCKED_MASK;
	struct vma *v;
	if (is_device(r))
		err = pgtables_stock(m, cpu, mm, r->addr, r->addr + r->bytes);
	if (!err)
		err = replace(m, cpu, mm, r, replaces, &v);
	if (err) {
		struct refusal why = m->why;

		pgtables_unstock(m, cpu, mm);
		m->why = why;
		if (r->flags & VM_ACCOUNT)
			vm_uncommit(m, pages);
		return err;
	}
	v->flags |= vm_softdirty(m);
	vm_stat_account(mm, r->flags, (int64_t)pages);
	if (r->flags & VM_LOCKED)
		mm->locked_vm += pages;
	if (is_device(r)) {
		map_device(m, cpu, v, r);
		pgtables_unstock(m, cpu, mm);
	}
	*out = v;
	return 0;
}

/* What the kind of file makes of a mapping (its mmap operation). */
static void file_kind(const struct machine *m, struct request *r, const struct inode *i)
{
	const struct dma_buf *b = dma_buf_of_inode(m, i);

	if (i->kind == INODE_MEM || (b && !dma_buf_faults(b)))
		r->flags |= VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP;
	if (i->kind == INODE_ZERO && !(r->flags & VM_MAYSHARE))
		r->kind = VMA_ZERO;
}

int do_mmap(struct machine *m, unsigned cpu, struct mm *mm, uint64_t addr, uint64_t bytes,
	uint64_t vm_flags, struct file *file, uint64_t pgoff, enum vma_kind kind, struct vma **out)
{
	struct request r = {addr, page_align(bytes), vm_flags, pgoff, file, kind};
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

/* mmap_mem(): which physical pages may be mapped. */
static int check_device(struct machine *m, const struct request *r)
{
	bool pc = arch_is_x86(m->arch);

	if (!machine_has(m, CONFIG_STRICT_DEVMEM))
		return 0;
	for (uint64_t pfn = r->pgoff; pfn < r->pgoff + (r->bytes >> PAGE_SHIFT) && pfn < m->end_pfn;
		pfn++)
		if (pfn_present(m, pfn) && !(pc && pfn < 256))
			return refuse(&m->why, EPERM,
				"STRICT_DEVMEM: 0x%llx is RAM (-o config=-STRICT_DEVMEM allows it)",
				(ull)pfn << PAGE_SHIFT);
	return 0;
}

/* dma_buf_mmap(), and what the heaps ask: cma_heap_mmap() sharing, remap_pfn_range() that its pages need not be copied on
 * write one by one. */
static int check_dmabuf(struct machine *m, const struct inode *i, const struct request *r)
{
	if (r->pgoff + (r->bytes >> PAGE_SHIFT) > inode_size_pages(i))
		return refuse(&m->why, EINVAL, "the buffer has %llu bytes", (ull)i->bytes);
	if (dma_buf_faults(dma_buf_of_inode(m, i))
			? !(r->flags & (VM_SHARED | VM_MAYSHARE))
			: (r->flags & (VM_SHARED | VM_MAYWRITE)) == VM_MAYWRITE)
		return refuse(&m->why, EINVAL, "a dma-buf is mapped with MAP_SHARED");
	return 0;
}

/* What a shared mapping of the file asks. */
static int check_shared(struct machine *m, struct request *r, unsigned prot, unsigned flags)
{
	const unsigned known = LEGACY_FLAGS | MAP_SHARED_VALIDATE_;
	bool read_only = (r->file->flags & FILE_ACCMODE) == FILE_RDONLY;

	if ((flags & MAP_TYPE_) == MAP_SHARED_VALIDATE_ && flags & ~known)
		return refuse(&m->why, EOPNOTSUPP,
			"MAP_SHARED_VALIDATE: this file knows no such flag (0x%x)", flags & ~known);
	if (prot & PROT_WRITE_ && read_only)
		return refuse(&m->why, EACCES,
			"a shared mapping that can be written needs a file opened for writing "
			"(O_RDWR)");
	r->flags |= VM_SHARED | VM_MAYSHARE;
	if (read_only)
		r->flags &= ~(uint64_t)(VM_MAYWRITE | VM_SHARED);
	return 0;
}

static int check_file(struct machine *m, struct request *r, unsigned prot, unsigned flags)
{
	const struct inode *i = machine_at(m, r->file->inode_at);
	unsigned type = flags & MAP_TYPE_;
	uint64_t most = arch_is_64bit(m->arch) ? INT64_MAX : 0xffffffffULL << PAGE_SHIFT;

	if (i->kind != INODE_MEM && (r->bytes > most || r->pgoff > (most - r->bytes) >> PAGE_SHIFT))
		return refuse(&m->why, EOVERFLOW, "offset and length together are beyond any file");
	if (type == MAP_SHARED_ || type == MAP_SHARED_VALIDATE_) {
		int err = check_shared(m, r, prot, flags);

		if (err)
			return err;
	} else if (type != MAP_PRIVATE_) {
		return refuse(&m->why, EINVAL,
			"one of MAP_SHARED, MAP_PRIVATE, MAP_SHARED_VALIDATE is needed");
	}
	if ((r->file->flags & FILE_ACCMODE) == FILE_WRONLY)
		return refuse(&m->why, EACCES, "a file that is mapped must be open for reading");
	if (r->flags & VM_GROWSDOWN)
		return refuse(&m->why, EINVAL, "MAP_GROWSDOWN is for private anonymous memory");
	if (i->kind == INODE_DMABUF)
		return check_dmabuf(m, i, r);
	return i->kind == INODE_MEM ? check_device(m, r) : 0;
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

/* Step 2 for MAP_FIXED. */
static int check_fixed(
	struct machine *m, const struct mm *mm, const struct request *r, unsigned flags)
{
	if (m->arch == ARCH_ARM && r->addr < 2 * PAGE_BYTES)
		return refuse(&m->why, EINVAL, "on ARM a process may map nothing below 0x2000");
	if (r->bytes > mm->task_size || r->addr > mm->task_size - r->bytes)
		return refuse(
			&m->why, ENOMEM, "a mapping must end below 0x%llx", (ull)mm->task_size);
	if (r->addr % PAGE_BYTES)
		return refuse(&m->why, EINVAL, "MAP_FIXED: 0x%llx is not the begin of a page",
			(ull)r->addr);
	if (flags & MAP_FIXED_NOREPLACE_ && vma_find_in(m, &mm->vmas, r->addr, r->addr + r->bytes))
		return refuse(
			&m->why, EEXIST, "MAP_FIXED_NOREPLACE: something is mapped there already");
	return 0;
}

/* Is the recorded place one, and free? */
static bool can_lie_at(const struct machine *m, const struct mm *mm, uint64_t at, uint64_t bytes)
{
	return !(at % PAGE_BYTES) && bytes <= mm->task_size && at <= mm->task_size - bytes &&
	       !vma_find_in(m, &mm->vmas, at, at + bytes);
}

/* Step 2. */
static int place(struct machine *m, struct task *t, struct mm *mm, struct request *r,
	unsigned flags, const uint64_t *at)
{
	uint64_t lowest = (uint64_t)m->sysctls.value[SYSCTL_mmap_min_addr];
	int err = 0;

	if (flags & MAP_FIXED_) {
		err = check_fixed(m, mm, r, flags);
	} else if (at && can_lie_at(m, mm, *at, r->bytes)) {
		r->addr = *at;
	} else {
		uint64_t wish = r->addr & ~(PAGE_BYTES - 1);

		if (wish && wish < lowest)
			wish = page_align(lowest);
		err = get_unmapped_area_of(
			m, mm, r->file, r->pgoff, wish, r->bytes, flags, &r->addr);
	}
	if (!err && r->addr < lowest && !task_capable(t))
		return refuse(&m->why, EPERM, "only root may map below mmap_min_addr (%llu)",
			(ull)lowest);
	return err;
}

static int check_locks(struct machine *m, const struct task *t, const struct mm *mm,
	const struct request *r, unsigned flags)
{
	if (flags & MAP_LOCKED_ && !rlimit_pages(t, RLIM_MEMLOCK) && !task_capable(t))
		return refuse(
			&m->why, EPERM, "MAP_LOCKED: RLIMIT_MEMLOCK of process %u is 0", t->pid);
	return mlock_future_check(m, t, mm, r->flags, r->bytes);
}

static int check_expansion(
	struct machine *m, const struct task *t, const struct mm *mm, const struct request *r)
{
	uint64_t pages = r->bytes >> PAGE_SHIFT;

	if (may_expand_vm(m, t, mm, r->flags, pages))
		return 0;
	uint64_t gone = pages_in(m, mm, r, 0);

	return gone && may_expand_vm(m, t, mm, r->flags, pages - gone) ? 0 : -m->why.err;
}

/* Sizes. */
static int check_numbers(
	struct machine *m, const struct request *r, uint64_t bytes, uint64_t offset, unsigned flags)
{
	uint64_t words = machine_word_max(m);

	if (offset % PAGE_BYTES)
		return refuse(
			&m->why, EINVAL, "the offset must be a multiple of %llu", (ull)PAGE_BYTES);
	if (flags & MAP_HUGETLB_)
		return refuse(&m->why, EINVAL,
			"MAP_HUGETLB: mappings of the huge page pool are not simulated");
	if (!bytes)
		return refuse(&m->why, EINVAL, "a mapping has at least one byte");
	if (!r->bytes || r->bytes > words)
		return refuse(&m->why, ENOMEM, "the length is beyond every address space");
	if (r->pgoff > words || (r->bytes >> PAGE_SHIFT) > words - r->pgoff)
		return refuse(&m->why, EOVERFLOW, "offset and length together are beyond any file");
	return 0;
}

/* Steps 1 and 2: *@r is what is to be mapped. */
static int prepare(struct machine *m, struct task *t, struct mm *mm, struct request *r,
	unsigned prot, unsigned flags, const uint64_t *at)
{
	int err = map_count_check(m, mm, 0);

	if (!err)
		err = place(m, t, mm, r, flags, at);
	r->flags = flag_bits(prot, flags) | mm->def_flags;
	if (!err)
		err = check_locks(m, t, mm, r, flags);
	if (!err)
		err = r->file ? check_file(m, r, prot, flags) : check_anonymous(m, r, flags);
	if (err)
		return err;
	if (flags & MAP_NORESERVE_ &&
		m->sysctls.value[SYSCTL_overcommit_memory] != OVERCOMMIT_NEVER)
		r->flags |= VM_NORESERVE;
	if (r->file)
		file_kind(m, r, machine_at(m, r->file->inode_at));
	return check_expansion(m, t, mm, r);
}

int sys_mmap(struct machine *m, struct task *t, uint64_t addr, uint64_t bytes, unsigned prot,
	unsigned flags, struct file *file, uint64_t offset, const uint64_t *at, uint64_t *out)
{
	struct mm *mm = task_mm(m, t);
	struct request r = {.addr = addr,
		.bytes = page_align(bytes),
		.pgoff = offset >> PAGE_SHIFT,
		.file = flags & MAP_ANONYMOUS_ ? NULL : file};
	struct vma *v;

	if (!mm)
		return refuse(&m->why, ESRCH, "process %u has no memory", t->pid);
	int err = check_numbers(m, &r, bytes, offset, flags);

	if (flags & MAP_FIXED_NOREPLACE_)
		flags |= MAP_FIXED_;
	if (!err)
		err = prepare(m, t, mm, &r, prot, flags, at);
	if (!err)
		err = map_region(m, t->cpu, mm, &r, &v);
	if (err)
		return err;
	*out = r.addr;
	if (r.flags & VM_LOCKED || (flags & (MAP_POPULATE_ | MAP_NONBLOCK_)) == MAP_POPULATE_)
		mm_populate(m, t->cpu, mm, r.addr, r.bytes, true);
	return 0;
}

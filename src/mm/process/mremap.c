/* SPDX-License-Identifier: MIT
 *
 * mremap: a mapping gets longer, shorter, or another address, and keeps its pages.
 *
 *	shorter			its end is unmapped
 *	longer, room behind it	its end moves (vma_merge() of the extension with it)
 *	longer, no room		a new mapping like it; its entries move there; the old place is unmapped
 *	MREMAP_FIXED		the same, to a given place, which is unmapped first
 *	MREMAP_DONTUNMAP	the same, but the old mapping stays, empty
 *	old length 0		a second mapping of the same shared pages
 *
 * Algorithm of the move: commit what it grows by; make the new mapping (it shares the old one's anon_vmas, so that rmap
 * finds the pages wherever they are); move_page_tables(); unmap the old place. When tables for the new place cannot be
 * had, nothing has moved, and the new place is unmapped instead.
 *
 * The unmapping would give back what the old place had committed, so VM_ACCOUNT is hidden from it: the new place has
 * taken that over.
 *
 * MREMAP_DONTUNMAP of a part of a locked mapping unlocks all of what stays, as in Linux; but Linux goes on counting the pages
 * beside the part as locked, which is not followed.
 *
 * Left out: huge pages, userfaultfd. Follows mm/mremap.c and copy_vma() of mm/mmap.c of 6.1.
 */
#include "mm/process/syscalls.h"

#include "mm/core/link.h"
#include "mm/machine.h"
#include "mm/process/fault.h"
#include "mm/process/file.h"
#include "mm/process/limits.h"
#include "mm/process/mm.h"
#include "mm/process/rmap.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"

#include <errno.h>

typedef unsigned long long ull;

/* One call. Lengths are whole pages. */
struct remap {
	struct machine *m;
	struct task *t;
	struct mm *mm;
	uint64_t addr, old_bytes, new_bytes, new_addr;
	unsigned flags;
	bool populate; /* the new end is locked: fault it in */
};

static int check_arguments(struct remap *r)
{
	struct refusal *why = &r->m->why;
	const unsigned known = MREMAP_MAYMOVE_ | MREMAP_FIXED_ | MREMAP_DONTUNMAP_;

	if (r->flags & ~known)
		return refuse(why, EINVAL,
			"mremap knows MREMAP_MAYMOVE 1, MREMAP_FIXED 2, MREMAP_DONTUNMAP 4, not "
			"0x%x",
			r->flags);
	if (r->flags & (MREMAP_FIXED_ | MREMAP_DONTUNMAP_) && !(r->flags & MREMAP_MAYMOVE_))
		return refuse(
			why, EINVAL, "MREMAP_FIXED and MREMAP_DONTUNMAP want MREMAP_MAYMOVE, too");
	if (r->flags & MREMAP_DONTUNMAP_ && r->old_bytes != r->new_bytes)
		return refuse(why, EINVAL, "MREMAP_DONTUNMAP moves without changing the length");
	if (r->addr & (PAGE_BYTES - 1))
		return refuse(why, EINVAL, "0x%llx is not the address of a page", (ull)r->addr);
	r->old_bytes = page_align(r->old_bytes);
	r->new_bytes = page_align(r->new_bytes);
	if (!r->new_bytes)
		return refuse(why, EINVAL, "the new length is 0: use munmap");
	return 0;
}

static struct vma *lookup(const struct remap *r)
{
	struct vma *v = vma_find(r->m, &r->mm->vmas, r->addr);

	if (v && v->start <= r->addr)
		return v;
	refuse(&r->m->why, EFAULT, "nothing is mapped at 0x%llx", (ull)r->addr);
	return NULL;
}

/* vma_to_resize(): may the mapping be moved, and grow that much? */
static int check_resize(const struct remap *r, const struct vma *v)
{
	struct refusal *why = &r->m->why;
	uint64_t pgoff = linear_page_index(v, r->addr), new_pages = r->new_bytes >> PAGE_SHIFT;

	if (!r->old_bytes && !(v->flags & (VM_SHARED | VM_MAYSHARE))) {
		if (!r->m->processes.warned_mremap_private)
			log_printf(r->m,
				"%s (%u): attempted to duplicate a private mapping with mremap.  "
				"This is not supported.",
				r->t->comm, r->t->pid);
		r->m->processes.warned_mremap_private = true;
		return refuse(why, EINVAL,
			"an old length of 0 duplicates shared mappings only; the one at 0x%llx is "
			"private",
			(ull)v->start);
	}
	if (r->flags & MREMAP_DONTUNMAP_ && v->flags & (VM_DONTEXPAND | VM_PFNMAP))
		return refuse(why, EINVAL, "the mapping at 0x%llx is the kernel's or a device's",
			(ull)v->start);
	if (r->old_bytes > v->end - r->addr)
		return refuse(why, EFAULT,
			"the old range passes the end of its mapping, 0x%llx: one mapping at a "
			"time",
			(ull)v->end);
	if (r->new_bytes == r->old_bytes)
		return 0;
	if (pgoff + new_pages < pgoff)
		return refuse(why, EINVAL, "no file is that long");
	if (v->flags & (VM_DONTEXPAND | VM_PFNMAP))
		return refuse(why, EFAULT,
			"the mapping at 0x%llx is the kernel's or a device's: it has its size",
			(ull)v->start);
	int err = mlock_future_check(r->m, r->t, r->mm, v->flags, r->new_bytes - r->old_bytes);
	if (err)
		return err;
	uint64_t more = (r->new_bytes - r->old_bytes) >> PAGE_SHIFT;
	return may_expand_vm(r->m, r->t, r->mm, v->flags, more) ? 0 : -ENOMEM;
}

/* ---- the move ---- */

static struct vma_like like_of(const struct vma *v, uint64_t pgoff)
{
	return (struct vma_like){.flags = v->flags,
		.pgoff = pgoff,
		.file_at = v->file_at,
		.anon_vma_at = v->anon_vma_at,
		.kind = v->kind,
		.policy = v->policy};
}

/* A mapping like @v at the new place, in no index. NULL: m->why. */
static struct vma *duplicate(const struct remap *r, struct vma *v, uint64_t pgoff)
{
	struct machine *m = r->m;
	struct vma *copy = vma_alloc(m, r->t->cpu, r->mm);

	if (!copy)
		return NULL;
	copy->start = r->new_addr;
	copy->end = r->new_addr + r->new_bytes;
	copy->pgoff = pgoff;
	copy->flags = v->flags;
	copy->kind = v->kind;
	copy->policy = v->policy;
	copy->anon_vma_at = v->anon_vma_at;
	if (vma_index_reserve(m, &r->mm->vmas, 1) || anon_vma_clone(m, r->t->cpu, copy, v)) {
		struct refusal why = m->why;

		copy->anon_vma_at = 0;
		vma_free(m, r->t->cpu, copy);
		m->why = why;
		return NULL;
	}
	copy->file_at = v->file_at;
	if (copy->file_at)
		file_get(vma_file(m, copy));
	return copy;
}

/* copy_vma(): the mapping at the new place, merged with a neighbour where that fits; *@at may become part of it, too. */
static struct vma *copy_vma(const struct remap *r, struct vma **at)
{
	struct machine *m = r->m;
	struct vma *v = *at;
	uint64_t start = v->start, pgoff = linear_page_index(v, r->addr);

	/* Nothing has been faulted in, so no page needs the old offset, and a new one makes merging likelier. */
	if (vma_is_anonymous(v) && !v->anon_vma_at)
		pgoff = r->new_addr >> PAGE_SHIFT;
	struct vma_like like = like_of(v, pgoff);
	struct vma *copy =
		vma_merge(m, r->t->cpu, r->mm, r->new_addr, r->new_addr + r->new_bytes, &like);
	if (copy) {
		if (start >= copy->start && start < copy->end)
			*at = copy;
		return copy;
	}
	copy = duplicate(r, v, pgoff);
	if (copy)
		vma_link(m, r->mm, copy);
	return copy;
}

/* Set VM_ACCOUNT on the mapping that holds @addr, if any. */
static void account_again(const struct remap *r, uint64_t addr)
{
	struct vma *v = vma_find(r->m, &r->mm->vmas, addr);

	if (v && v->start <= addr)
		v->flags |= VM_ACCOUNT;
}

/* Unmap [addr, addr + bytes), all or a part of @v, without giving back what it committed when @conceal. */
static void unmap_old(
	const struct remap *r, struct vma *v, uint64_t addr, uint64_t bytes, bool conceal)
{
	struct mm *mm = r->mm;
	uint64_t start = v->start, end = v->end, hiwater = mm->hiwater_vm;

	if (conceal)
		v->flags &= ~(uint64_t)VM_ACCOUNT;
	struct refusal why = r->m->why;
	if (do_munmap(r->m, r->t->cpu, mm, addr, bytes) && conceal) {
		/* No memory to cut it: an empty part stays mapped, and committed. */
		r->m->processes.committed_pages += bytes >> PAGE_SHIFT;
		account_again(r, addr);
	}
	r->m->why = why;
	/* total_vm was too high for a moment. */
	mm->hiwater_vm = hiwater;
	if (conceal && start < addr)
		account_again(r, start);
	if (conceal && end > addr + bytes)
		account_again(r, addr + bytes);
}

/* The mapping whose pages have moved away is locked no more, whatever of it lies beside the moved range included; and so
 * may be the moved range, when it was merged with it. */
static void unlock_old(const struct remap *r, struct vma *v)
{
	if (!(v->flags & VM_LOCKED))
		return;
	v->flags &= ~(uint64_t)VM_LOCKED_MASK;
	r->mm->locked_vm -= (v->end - v->start - r->old_bytes) >> PAGE_SHIFT;
	mlock_vma_pages_range(r->m, v, v->start, v->end);
}

static int move_vma(struct remap *r, struct vma *v)
{
	struct machine *m = r->m;
	bool keep = r->flags & MREMAP_DONTUNMAP_;
	uint64_t flags = v->flags, addr = r->addr, bytes = r->old_bytes;
	uint64_t more = (r->new_bytes - (keep ? 0 : r->old_bytes)) >> PAGE_SHIFT;
	int err = map_count_check(m, r->mm, 4);

	if (!err && flags & VM_ACCOUNT)
		err = vm_commit(m, r->mm, more);
	if (err)
		return err;
	struct vma *copy = copy_vma(r, &v);
	if (!copy) {
		err = -m->why.err;
		if (flags & VM_ACCOUNT)
			vm_uncommit(m, more);
		return err;
	}
	err = move_page_tables(m, r->t->cpu, v, addr, r->new_addr, bytes);
	vm_stat_account(r->mm, flags, (int64_t)(r->new_bytes >> PAGE_SHIFT));
	if (flags & VM_LOCKED && (err || !keep))
		r->mm->locked_vm += r->new_bytes >> PAGE_SHIFT;
	if (err) {
		/* The new place goes instead; what it had committed beyond the old one goes with it. */
		unmap_old(r, copy, r->new_addr, r->new_bytes, flags & VM_ACCOUNT);
		if (flags & VM_ACCOUNT)
			vm_uncommit(m, more);
		return err;
	}
	if (keep) {
		unlock_old(r, v);
		if (copy != v && v->start == addr && v->end == addr + bytes)
			unlink_anon_vmas(m, r->t->cpu, v);
		return 0;
	}
	/* Nothing is unmapped when shared pages were duplicated. */
	if (bytes)
		unmap_old(r, v, addr, bytes, flags & VM_ACCOUNT);
	r->populate = flags & VM_LOCKED;
	return 0;
}

/* ---- where to ---- */

static bool is_free(const struct remap *r, uint64_t addr)
{
	return !(addr & (PAGE_BYTES - 1)) && addr <= r->mm->task_size &&
	       r->new_bytes <= r->mm->task_size - addr &&
	       !vma_find_in(r->m, &r->mm->vmas, addr, addr + r->new_bytes);
}

/* Where a mapping without a place of its own goes, which its file may have a say in; @at: where a recording has seen it,
 * if that is free. */
static int find_place(struct remap *r, const struct vma *v, uint64_t hint, const uint64_t *at)
{
	if (!at || !is_free(r, *at))
		return get_unmapped_area_of(r->m, r->mm, vma_file(r->m, v),
			linear_page_index(v, r->addr), hint, r->new_bytes, 0, &r->new_addr);
	r->new_addr = *at;
	return 0;
}

static int mremap_to(struct remap *r, const uint64_t *at)
{
	struct machine *m = r->m;
	struct vma *v;

	if (r->new_addr & (PAGE_BYTES - 1))
		return refuse(&m->why, EINVAL, "the new address 0x%llx is not that of a page",
			(ull)r->new_addr);
	if (r->new_bytes > r->mm->task_size || r->new_addr > r->mm->task_size - r->new_bytes)
		return refuse(&m->why, EINVAL, "the new place passes the end of user addresses");
	if (r->addr + r->old_bytes > r->new_addr && r->new_addr + r->new_bytes > r->addr)
		return refuse(&m->why, EINVAL, "the new place overlaps the old one");
	if (r->flags & MREMAP_FIXED_ && !task_capable(r->t) &&
		r->new_addr < (uint64_t)m->sysctls.value[SYSCTL_mmap_min_addr])
		return refuse(&m->why, EPERM, "0x%llx is below vm.mmap_min_addr", (ull)r->new_addr);
	int err = map_count_check(m, r->mm, 6);
	if (!err && r->flags & MREMAP_FIXED_)
		err = do_munmap(m, r->t->cpu, r->mm, r->new_addr, r->new_bytes);
	if (!err && r->old_bytes > r->new_bytes) {
		err = do_munmap(
			m, r->t->cpu, r->mm, r->addr + r->new_bytes, r->old_bytes - r->new_bytes);
		r->old_bytes = r->new_bytes;
	}
	if (err)
		return err;
	v = lookup(r);
	err = v ? check_resize(r, v) : -EFAULT;
	if (err)
		return err;
	if (r->flags & MREMAP_DONTUNMAP_ &&
		!may_expand_vm(m, r->t, r->mm, v->flags, r->old_bytes >> PAGE_SHIFT))
		return -ENOMEM;
	if (!(r->flags & MREMAP_FIXED_))
		err = find_place(r, v, r->new_addr, at);
	return err ? err : move_vma(r, v);
}

/* vma_expandable(): is there room behind the mapping? */
static bool expandable(const struct remap *r, const struct vma *v)
{
	uint64_t end = v->end + (r->new_bytes - r->old_bytes);

	return end > v->end && end <= r->mm->task_size &&
	       !vma_find_in(r->m, &r->mm->vmas, v->end, end);
}

static int expand_in_place(struct remap *r, struct vma *v)
{
	struct machine *m = r->m;
	uint64_t pages = (r->new_bytes - r->old_bytes) >> PAGE_SHIFT, start = v->end;
	uint64_t flags = v->flags;
	struct vma_like like = like_of(v, linear_page_index(v, start));
	int err = flags & VM_ACCOUNT ? vm_commit(m, r->mm, pages) : 0;

	if (err)
		return err;
	if (!vma_merge(m, r->t->cpu, r->mm, start, r->addr + r->new_bytes, &like)) {
		if (flags & VM_ACCOUNT)
			vm_uncommit(m, pages);
		return refuse(&m->why, ENOMEM, "no memory to enlarge the mapping at 0x%llx",
			(ull)r->addr);
	}
	vm_stat_account(r->mm, flags, (int64_t)pages);
	if (flags & VM_LOCKED) {
		r->mm->locked_vm += pages;
		r->populate = true;
	}
	r->new_addr = r->addr;
	return 0;
}

/* Longer than before, wherever there is room. */
static int grow(struct remap *r, struct vma *v, const uint64_t *at)
{
	struct machine *m = r->m;
	bool moved = at && *at != r->addr && r->flags & MREMAP_MAYMOVE_ && is_free(r, *at);
	int err = check_resize(r, v);

	if (err)
		return err;
	if (!moved && r->old_bytes == v->end - r->addr && expandable(r, v))
		return expand_in_place(r, v);
	if (!(r->flags & MREMAP_MAYMOVE_))
		return refuse(&m->why, ENOMEM,
			"there is no room behind 0x%llx, and without MREMAP_MAYMOVE it cannot move",
			(ull)v->end);
	err = find_place(r, v, 0, at);
	return err ? err : move_vma(r, v);
}

/* munmap of nothing (equal lengths) is no error here. */
static int shrink(struct remap *r)
{
	r->new_addr = r->addr;
	if (r->old_bytes == r->new_bytes)
		return 0;
	return do_munmap(
		r->m, r->t->cpu, r->mm, r->addr + r->new_bytes, r->old_bytes - r->new_bytes);
}

int sys_mremap(struct machine *m, struct task *t, uint64_t addr, uint64_t old_bytes,
	uint64_t new_bytes, unsigned flags, uint64_t new_addr, const uint64_t *at, uint64_t *out)
{
	struct remap r = {.m = m,
		.t = t,
		.mm = caller_mm(m, t),
		.addr = addr,
		.old_bytes = old_bytes,
		.new_bytes = new_bytes,
		.new_addr = new_addr,
		.flags = flags};
	int err = r.mm ? check_arguments(&r) : -ESRCH;

	if (err)
		return err;
	struct vma *v = lookup(&r);
	if (!v)
		return -EFAULT;
	if (flags & (MREMAP_FIXED_ | MREMAP_DONTUNMAP_))
		err = mremap_to(&r, at);
	else if (r.old_bytes >= r.new_bytes)
		err = shrink(&r);
	else
		err = grow(&r, v, at);
	if (err)
		return err;
	*out = r.new_addr;
	if (r.populate && r.new_bytes > r.old_bytes)
		mm_populate(
			m, t->cpu, r.mm, r.new_addr + r.old_bytes, r.new_bytes - r.old_bytes, true);
	return 0;
}

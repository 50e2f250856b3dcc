/* SPDX-License-Identifier: MIT
 *
 * madvise: what a process says about a range of its memory.
 *
 *	kind		advice							acts on
 *	flags		NORMAL RANDOM SEQUENTIAL DONTFORK DOFORK WIPEONFORK	the mapping: split and merged as by
 *			KEEPONFORK DONTDUMP DODUMP HUGEPAGE NOHUGEPAGE		mprotect
 *			MERGEABLE UNMERGEABLE
 *	pages		DONTNEED DONTNEED_LOCKED FREE COLD PAGEOUT		entries and LRU (madvise_pages.c)
 *	contents	WILLNEED REMOVE POPULATE_READ POPULATE_WRITE		page cache; faults
 *
 * Algorithm: check the arguments; then for each mapping in the range, act on its part. What is not mapped is passed over
 * and answered with ENOMEM at the end, after all the rest is done; another error stops at once. ENOMEM for want of
 * memory becomes EAGAIN, so that the two can be told apart.
 *
 * HUGEPAGE and MERGEABLE are noted in the flags; nobody acts on them yet.
 * Left out: COLLAPSE, HWPOISON, SOFT_OFFLINE, names of anonymous mappings. Follows mm/madvise.c of 6.1.
 */
#include "mm/process/madvise.h"

#include "mm/machine.h"
#include "mm/process/fault.h"
#include "mm/process/file.h"
#include "mm/process/limits.h"
#include "mm/process/mm.h"
#include "mm/process/syscalls.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"

#include <errno.h>

typedef unsigned long long ull;

/* force_page_cache_ra() reads at most what one request to the disk can hold (max_sectors_kb 1280). */
#define WILLNEED_PAGES 320

struct advice {
	struct machine *m;
	struct task *t;
	struct mm *mm;
	enum madvice behavior;
};

static bool known(const struct machine *m, unsigned behavior)
{
	switch (behavior) {
	case MADV_MERGEABLE_:
	case MADV_UNMERGEABLE_:
		return machine_has(m, CONFIG_KSM);
	case MADV_HUGEPAGE_:
	case MADV_NOHUGEPAGE_:
		return machine_has(m, CONFIG_TRANSPARENT_HUGEPAGE);
	default:
		return behavior <= MADV_DONTNEED_ ||
		       (behavior >= MADV_FREE_ && behavior <= MADV_DONTNEED_LOCKED_);
	}
}

/* ---- flags ---- */

static int refuse_mapping(const struct advice *a, const struct vma *v, int err, const char *why)
{
	return refuse(&a->m->why, err, "the mapping at 0x%llx %s", (ull)v->start, why);
}

/* ksm_madvise(): what cannot be merged is left as it is. */
static uint64_t mergeable_flags(const struct vma *v, bool on)
{
	const uint64_t never = VM_MERGEABLE | VM_SHARED | VM_MAYSHARE | VM_SPECIAL | VM_HUGETLB;

	if (on)
		return v->flags & never ? v->flags : v->flags | VM_MERGEABLE;
	return v->flags & ~(uint64_t)VM_MERGEABLE;
}

static int new_flags(const struct advice *a, const struct vma *v, uint64_t *out)
{
	uint64_t set = 0, clear = 0;

	switch (a->behavior) {
	case MADV_NORMAL_:
		clear = VM_RAND_READ | VM_SEQ_READ;
		break;
	case MADV_SEQUENTIAL_:
		clear = VM_RAND_READ;
		set = VM_SEQ_READ;
		break;
	case MADV_RANDOM_:
		clear = VM_SEQ_READ;
		set = VM_RAND_READ;
		break;
	case MADV_DONTFORK_:
		set = VM_DONTCOPY;
		break;
	case MADV_DOFORK_:
		if (v->flags & VM_IO)
			return refuse_mapping(a, v, EINVAL, "is a device's: a fork cannot copy it");
		clear = VM_DONTCOPY;
		break;
	case MADV_WIPEONFORK_:
		if (v->file_at || v->flags & VM_SHARED)
			return refuse_mapping(a, v, EINVAL,
				"is not private and anonymous: a fork cannot empty it");
		set = VM_WIPEONFORK;
		break;
	case MADV_KEEPONFORK_:
		clear = VM_WIPEONFORK;
		break;
	case MADV_DONTDUMP_:
		set = VM_DONTDUMP;
		break;
	case MADV_DODUMP_:
		if (!(v->flags & VM_HUGETLB) && v->flags & VM_SPECIAL)
			return refuse_mapping(
				a, v, EINVAL, "is the kernel's or a device's: no dump holds it");
		clear = VM_DONTDUMP;
		break;
	case MADV_HUGEPAGE_:
		clear = VM_NOHUGEPAGE;
		set = VM_HUGEPAGE;
		break;
	case MADV_NOHUGEPAGE_:
		clear = VM_HUGEPAGE;
		set = VM_NOHUGEPAGE;
		break;
	default:
		*out = mergeable_flags(v, a->behavior == MADV_MERGEABLE_);
		return 0;
	}
	*out = (v->flags & ~clear) | set;
	return 0;
}

static int advise_flags(const struct advice *a, struct vma **v, uint64_t start, uint64_t end)
{
	uint64_t flags = (*v)->flags;
	int err = new_flags(a, *v, &flags);

	if (err || flags == (*v)->flags)
		return err;
	err = vma_modify_flags(a->m, a->t->cpu, a->mm, v, start, end, flags);
	if (err != -ENOMEM)
		return err;
	a->m->why.err = EAGAIN;
	return -EAGAIN;
}

/* ---- pages ---- */

static int advise_drop(const struct advice *a, struct vma *v, uint64_t start, uint64_t end)
{
	if (v->flags & VM_PFNMAP)
		return refuse_mapping(a, v, EINVAL, "is a device's: its pages are not its own");
	if (v->flags & VM_LOCKED && a->behavior != MADV_DONTNEED_LOCKED_)
		return refuse_mapping(a, v, EINVAL, "is locked: munlock it first");
	if (a->behavior == MADV_FREE_) {
		if (!vma_is_anonymous(v))
			return refuse_mapping(a, v, EINVAL,
				"is not private and anonymous, as MADV_FREE wants it");
		madvise_free(a->m, a->t->cpu, v, start, end);
		return 0;
	}
	mm_update_hiwater(a->mm);
	zap_range(a->m, a->t->cpu, v, start, end, true);
	return 0;
}

static int advise_cold(const struct advice *a, struct vma *v, uint64_t start, uint64_t end)
{
	if (v->flags & VM_LOCKED)
		return refuse_mapping(a, v, EINVAL, "is locked: munlock it first");
	if (v->flags & (VM_PFNMAP | VM_HUGETLB))
		return refuse_mapping(a, v, EINVAL, "has no pages that reclaim may take");
	madvise_cold(a->m, a->t->cpu, v, start, end, a->behavior == MADV_PAGEOUT_);
	return 0;
}

/* ---- contents ---- */

/* Read ahead; a page that cannot be had is nobody's trouble now. Anonymous memory has no swap to be read from. */
static int advise_willneed(const struct advice *a, struct vma *v, uint64_t start, uint64_t end)
{
	struct inode *inode = vma_inode(a->m, v);
	uint64_t pages = (end - start) >> PAGE_SHIFT, pfn;
	bool major;

	if (!inode || inode->kind != INODE_FILE)
		return 0;
	for (uint64_t i = 0; i < pages && i < WILLNEED_PAGES; i++) {
		int err = page_cache_get(a->m, a->t->cpu, inode, linear_page_index(v, start) + i,
			false, &major, &pfn);

		if (err)
			return err == -EDQUOT ? err : 0;
	}
	return 0;
}

static int advise_remove(const struct advice *a, struct vma *v, uint64_t start, uint64_t end)
{
	struct inode *inode = vma_inode(a->m, v);

	if (v->flags & VM_LOCKED)
		return refuse_mapping(a, v, EINVAL, "is locked: munlock it first");
	if (!inode)
		return refuse_mapping(a, v, EINVAL, "has no file to punch a hole into");
	if ((v->flags & (VM_SHARED | VM_WRITE)) != (VM_SHARED | VM_WRITE))
		return refuse_mapping(a, v, EACCES, "is not shared and writable");
	if (inode->kind != INODE_SHMEM)
		return refuse(&a->m->why, inode->kind == INODE_FILE ? EOPNOTSUPP : ENODEV,
			"holes can be punched into shared memory only, not into %s",
			inode_path(a->m, inode));
	uint64_t first = linear_page_index(v, start), pages = (end - start) >> PAGE_SHIFT;
	unmap_mapping_pages(a->m, a->t->cpu, inode, first, pages, false);
	truncate_inode_pages(a->m, a->t->cpu, inode, first, first + pages - 1);
	return 0;
}

static int advise_populate(const struct advice *a, struct vma *v, uint64_t start, uint64_t end)
{
	bool write = a->behavior == MADV_POPULATE_WRITE_;

	if (v->flags & (VM_IO | VM_PFNMAP))
		return refuse_mapping(a, v, EINVAL, "is a device's: its pages do not fault in");
	if (!(v->flags & (write ? VM_WRITE : VM_READ)))
		return refuse_mapping(a, v, EINVAL, write ? "cannot be written" : "cannot be read");
	return populate_range(a->m, a->t->cpu, v, start, end, write);
}

/* ---- the walk ---- */

static int advise(const struct advice *a, struct vma **v, uint64_t start, uint64_t end)
{
	switch (a->behavior) {
	case MADV_WILLNEED_:
		return advise_willneed(a, *v, start, end);
	case MADV_REMOVE_:
		return advise_remove(a, *v, start, end);
	case MADV_DONTNEED_:
	case MADV_DONTNEED_LOCKED_:
	case MADV_FREE_:
		return advise_drop(a, *v, start, end);
	case MADV_COLD_:
	case MADV_PAGEOUT_:
		return advise_cold(a, *v, start, end);
	case MADV_POPULATE_READ_:
	case MADV_POPULATE_WRITE_:
		return advise_populate(a, *v, start, end);
	default:
		return advise_flags(a, v, start, end);
	}
}

/* Each mapping in the range gets the advice for its part; holes are ENOMEM at the end. */
static int walk(const struct advice *a, uint64_t start, uint64_t end)
{
	struct machine *m = a->m;
	struct vma *v = vma_find(m, &a->mm->vmas, start);
	uint64_t hole = NO_PFN;

	for (; v && start < end; v = vma_next(m, &a->mm->vmas, v)) {
		if (start < v->start) {
			hole = hole == NO_PFN ? start : hole;
			start = v->start;
			if (start >= end)
				break;
		}
		uint64_t part = v->end < end ? v->end : end;
		int err = advise(a, &v, start, part);

		if (err)
			return err;
		/* A merge may have taken in what follows. */
		start = v->end > part ? v->end : part;
	}
	if (start < end && hole == NO_PFN)
		hole = start;
	if (hole == NO_PFN)
		return 0;
	return refuse(&m->why, ENOMEM, "nothing is mapped at 0x%llx; the advice holds for the rest",
		(ull)hole);
}

int sys_madvise(
	struct machine *m, struct task *t, uint64_t addr, uint64_t bytes, enum madvice behavior)
{
	struct advice a = {m, t, caller_mm(m, t), behavior};

	if (!a.mm)
		return -ESRCH;
	if (!known(m, behavior))
		return refuse(&m->why, EINVAL, "this kernel knows no advice %u", behavior);
	if (addr & (PAGE_BYTES - 1))
		return refuse(&m->why, EINVAL, "0x%llx is not the address of a page", (ull)addr);
	if (range_wraps(m, addr, bytes))
		return refuse(&m->why, EINVAL,
			"the range from 0x%llx of 0x%llx bytes passes the end of all addresses",
			(ull)addr, (ull)bytes);
	return walk(&a, addr, addr + page_align(bytes));
}

/* SPDX-License-Identifier: MIT
 *
 * mprotect: another protection for the pages of a range.
 *
 *	| a rw | b r | c r |	mprotect of b's upper and c's lower half to rw
 *	| a rw | b r | b' rw + c' rw | c r |	cut where the range ends, merged where equals meet
 *
 * Algorithm: check the arguments; then for each mapping in the range: its VM_MAY* bits must allow the new protection; what
 * becomes private and writable is committed; merge it with a neighbour that is so already, or cut it out; give it the
 * flags; rewrite its entries (change_protection()); move its pages between the counts of code, data and stack.
 * A hole or a refusal in the middle leaves what came before it changed, as on Linux; of one mapping nothing is half done.
 *
 * Left out: protection keys, READ_IMPLIES_EXEC. Follows mm/mprotect.c of 6.1.
 */
#include "mm/process/syscalls.h"

#include "mm/machine.h"
#include "mm/process/fault.h"
#include "mm/process/limits.h"
#include "mm/process/mm.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"

#include <errno.h>

typedef unsigned long long ull;

#define PROT_SEM_     0x8u
#define PROT_GROWSUP_ 0x02000000u
#define PROT_VALID    (PROT_READ_ | PROT_WRITE_ | PROT_EXEC_ | PROT_SEM_)

/* The range as a call gave it, rounded to pages. */
struct range {
	uint64_t start, end;
};

static int hole(struct machine *m, uint64_t addr)
{
	return refuse(&m->why, ENOMEM, "nothing is mapped at 0x%llx", (ull)addr);
}

/* 1: nothing to do. */
static int check_arguments(
	struct machine *m, uint64_t addr, uint64_t bytes, unsigned prot, struct range *r)
{
	const unsigned grows = PROT_GROWSDOWN_ | PROT_GROWSUP_;

	if ((prot & grows) == grows)
		return refuse(&m->why, EINVAL, "a mapping cannot grow both ways");
	if (addr & (PAGE_BYTES - 1))
		return refuse(&m->why, EINVAL, "0x%llx is not the address of a page", (ull)addr);
	if (!bytes)
		return 1;
	r->start = addr;
	r->end = addr + page_align(bytes);
	if (range_wraps(m, addr, bytes))
		return refuse(&m->why, ENOMEM,
			"the range from 0x%llx of 0x%llx bytes passes the end of all addresses",
			(ull)addr, (ull)bytes);
	if (prot & ~(grows | PROT_VALID))
		return refuse(&m->why, EINVAL,
			"0x%x is no protection: PROT_READ 1, PROT_WRITE 2, PROT_EXEC 4, PROT_NONE "
			"0",
			prot & ~grows);
	return 0;
}

/* The first mapping; with PROT_GROWSDOWN the range begins where it does. NULL: m->why. */
static struct vma *first_vma(struct machine *m, const struct mm *mm, unsigned prot, struct range *r)
{
	struct vma *v = vma_find(m, &mm->vmas, r->start);

	if (prot & PROT_GROWSDOWN_) {
		if (!v || v->start >= r->end) {
			hole(m, r->start);
			return NULL;
		}
		if (!(v->flags & VM_GROWSDOWN)) {
			refuse(&m->why, EINVAL, "the mapping at 0x%llx does not grow downwards",
				(ull)v->start);
			return NULL;
		}
		r->start = v->start;
		return v;
	}
	if (!v || v->start > r->start) {
		hole(m, r->start);
		return NULL;
	}
	if (prot & PROT_GROWSUP_) {
		refuse(&m->why, EINVAL, "no mapping grows upwards on this architecture");
		return NULL;
	}
	return v;
}

static uint64_t flags_of_prot(unsigned prot)
{
	return (prot & PROT_READ_ ? VM_READ : 0u) | (prot & PROT_WRITE_ ? VM_WRITE : 0u) |
	       (prot & PROT_EXEC_ ? VM_EXEC : 0u);
}

/* May the mapping have these flags at all, by the file and the flags that it was made with? */
static int check_may(struct machine *m, const struct vma *v, uint64_t flags)
{
	uint64_t refused = flags & VM_ACCESS_FLAGS & ~(flags >> 4);

	if (!refused)
		return 0;
	return refuse(&m->why, EACCES, "the mapping at 0x%llx may not become %s: %s", (ull)v->start,
		refused & VM_WRITE  ? "writable"
		: refused & VM_EXEC ? "executable"
				    : "readable",
		v->file_at ? "its file was not opened for that" : "it was made without that right");
}

/* What becomes private and writable counts as data and as committed; *@charged gets the pages. */
static int charge(struct machine *m, const struct task *t, struct mm *mm, const struct vma *v,
	uint64_t pages, uint64_t *flags, uint64_t *charged)
{
	const uint64_t counted = VM_ACCOUNT | VM_WRITE | VM_HUGETLB | VM_SHARED | VM_NORESERVE;

	*charged = 0;
	if (!(*flags & VM_WRITE))
		return 0;
	if (!may_expand_vm(m, t, mm, *flags, pages)) {
		struct refusal why = m->why;

		if (may_expand_vm(m, t, mm, v->flags, pages)) {
			m->why = why;
			return -ENOMEM;
		}
	}
	if (v->flags & counted)
		return 0;
	int err = vm_commit(m, mm, pages);
	if (err)
		return err;
	*charged = pages;
	*flags |= VM_ACCOUNT;
	return 0;
}

static int mprotect_fixup(struct machine *m, const struct task *t, struct mm *mm, struct vma **at,
	uint64_t start, uint64_t end, uint64_t flags)
{
	struct vma *v = *at;
	uint64_t old_flags = v->flags, pages = (end - start) >> PAGE_SHIFT, charged;

	if (flags == old_flags)
		return 0;
	int err = charge(m, t, mm, v, pages, &flags, &charged);
	if (err)
		return err;
	err = vma_modify_flags(m, t->cpu, mm, &v, start, end, flags);
	if (err) {
		vm_uncommit(m, charged);
		return err;
	}
	*at = v;
	change_protection(m, t->cpu, v, start, end);
	/* A locked private mapping that becomes writable is copied now, so that no write faults later; not one of
	 * MLOCK_ONFAULT. */
	if ((old_flags & (VM_WRITE | VM_SHARED | VM_LOCKED | VM_LOCKONFAULT)) == VM_LOCKED &&
		flags & VM_WRITE)
		populate_range(m, t->cpu, v, start, end, true);
	vm_stat_account(mm, old_flags, -(int64_t)pages);
	vm_stat_account(mm, flags, (int64_t)pages);
	return 0;
}

int sys_mprotect(struct machine *m, struct task *t, uint64_t addr, uint64_t bytes, unsigned prot)
{
	struct mm *mm = caller_mm(m, t);
	struct range r = {0};
	int err = mm ? check_arguments(m, addr, bytes, prot, &r) : -ESRCH;

	if (err)
		return err < 0 ? err : 0;
	struct vma *v = first_vma(m, mm, prot, &r);
	if (!v)
		return -m->why.err;
	for (uint64_t start = r.start;;) {
		uint64_t end = v->end < r.end ? v->end : r.end;
		uint64_t flags = (v->flags & ~(uint64_t)VM_ACCESS_FLAGS) | flags_of_prot(prot);

		err = check_may(m, v, flags);
		if (!err)
			err = mprotect_fixup(m, t, mm, &v, start, end, flags);
		if (err)
			return err;
		/* A merge may have taken in what follows. */
		start = v->end > end ? v->end : end;
		if (start >= r.end)
			return 0;
		v = vma_next(m, &mm->vmas, v);
		if (!v || v->start != start)
			return hole(m, start);
	}
}

/* SPDX-License-Identifier: MIT
 *
 * Memory that was promised: vm_committed_as, against what sysctl overcommit_memory allows.
 *
 *	0 (guess)	a single promise must not be more than all RAM and swap
 *	1 (always)	anything goes
 *	2 (never)	all promises together stay below CommitLimit, less what is kept for root (admin_reserve_kbytes, not
 *			for root itself) and for others than this process (1/32 of it, at most user_reserve_kbytes)
 *
 * CommitLimit is overcommit_ratio percent of RAM without huge pages, or overcommit_kbytes, and swap.
 *
 * Linux counts in per-CPU batches and may be some pages off in mode 2; here the sum is exact.
 * Follows __vm_enough_memory() in mm/util.c of 6.1.
 */
#include "mm/process/mm.h"

#include "mm/core/link.h"
#include "mm/page/hugetlb.h"
#include "mm/process/limits.h"
#include "mm/process/vma.h"

#include <assert.h>
#include <errno.h>

static int64_t value(const struct machine *m, enum sysctl_id id)
{
	return m->sysctls.value[id];
}

static uint64_t kib_pages(int64_t kib)
{
	return (uint64_t)kib >> (PAGE_SHIFT - 10);
}

uint64_t vm_commit_limit(const struct machine *m)
{
	uint64_t huge = hugetlb_pages(m) << hugetlb_order(m);

	if (value(m, SYSCTL_overcommit_kbytes))
		return kib_pages(value(m, SYSCTL_overcommit_kbytes));
	/* A negative ratio makes the kernel's unsigned arithmetic wrap in the same way. */
	return (m->totalram_pages - huge) * (uint64_t)value(m, SYSCTL_overcommit_ratio) / 100;
}

/* Who asks: the first task of @mm; NULL: the kernel, or a new address space. */
static const struct task *asker(const struct machine *m, const struct mm *mm)
{
	const struct link *l = mm ? link_next(m, &mm->tasks, &mm->tasks) : NULL;

	return l ? link_entry(l, struct task, in_mm) : NULL;
}

static int64_t allowed_pages(const struct machine *m, const struct mm *mm, const struct task *t)
{
	int64_t allowed = (int64_t)vm_commit_limit(m);

	if (t && !task_capable(t))
		allowed -= (int64_t)kib_pages(value(m, SYSCTL_admin_reserve_kbytes));
	if (mm) {
		int64_t reserve = (int64_t)kib_pages(value(m, SYSCTL_user_reserve_kbytes));
		int64_t share = (int64_t)(mm->total_vm / 32);

		allowed -= share < reserve ? share : reserve;
	}
	return allowed;
}

int vm_commit(struct machine *m, const struct mm *mm, uint64_t pages)
{
	const struct task *t = asker(m, mm);
	uint64_t *committed = &m->processes.committed_pages, most = m->totalram_pages;
	int64_t mode = value(m, SYSCTL_overcommit_memory);
	bool fits = true;

	if (mode == OVERCOMMIT_GUESS) {
		fits = pages <= most;
	} else if (mode == OVERCOMMIT_NEVER) {
		int64_t allowed = allowed_pages(m, mm, t);

		most = allowed > 0 ? (uint64_t)allowed : 0;
		fits = (int64_t)(*committed + pages) < allowed;
	}
	if (fits) {
		*committed += pages;
		return 0;
	}
	if (t)
		log_printf(m,
			"__vm_enough_memory: pid: %u, comm: %s, no enough memory for the "
			"allocation",
			t->pid, t->comm);
	if (mode == OVERCOMMIT_GUESS)
		return refuse(&m->why, ENOMEM,
			"%llu KiB are more than all memory has (%llu KiB); vm.overcommit_memory 1 "
			"would allow it",
			(unsigned long long)pages * 4, (unsigned long long)most * 4);
	return refuse(&m->why, ENOMEM,
		"%llu KiB are committed and %llu KiB more are not below the limit of %llu KiB "
		"(vm.overcommit_memory is 2)",
		(unsigned long long)*committed * 4, (unsigned long long)pages * 4,
		(unsigned long long)most * 4);
}

void vm_uncommit(struct machine *m, uint64_t pages)
{
	assert(m->processes.committed_pages >= pages);
	m->processes.committed_pages -= pages;
}

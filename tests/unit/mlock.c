/* SPDX-License-Identifier: MIT
 *
 * Claim: a locked page is counted once, is on no LRU list, and comes back when the last lock goes; limits are those of
 * the process; what cannot be locked is said, and what came before it is locked.
 *
 *	mlock 4 pages		VmLck 4, nr_mlock 4, nr_unevictable 4, inactive anon -4
 *	munlock 4 pages		all back
 */
#include "support/process.h"

#include "mm/page/zone.h"
#include "mm/process/file.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

static int lock(struct proc *p, uint64_t addr, uint64_t pages)
{
	return sys_mlock(p->m, p->t, addr, pages * P, 0);
}

static uint64_t nr_mlock(const struct proc *p)
{
	return zone_stat_total(p->m, ZS_nr_mlock);
}

Test(mlock, pages_that_are_there)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 8, RW, PRIVATE);
	const uint64_t *event = p.m->vm_event;

	proc_use(&p, HW_STORE, at, 8);
	uint64_t anon = proc_node_stat(&p, ND_nr_inactive_anon), mlock = nr_mlock(&p);
	uint64_t faults = event[EV_pgfault];
	cr_assert_eq(lock(&p, at + P, 4), 0, "%s", p.m->why.sentence);
	cr_expect_str_eq(proc_maps(&p, at, 8), "0-1 rw-p, 1-5 rw-p lo, 5-8 rw-p");
	cr_expect_eq(p.mm->locked_vm, 4);
	cr_expect_eq(nr_mlock(&p), mlock + 4);
	cr_expect_eq(proc_node_stat(&p, ND_nr_unevictable), mlock + 4);
	cr_expect_eq(proc_node_stat(&p, ND_nr_inactive_anon), anon - 4);
	cr_expect_eq(event[EV_unevictable_pgs_mlocked], 4);
	cr_expect_eq(event[EV_unevictable_pgs_culled], 4);
	cr_expect_eq(event[EV_pgfault], faults);
	proc_check(&p);
	cr_assert_eq(lock(&p, at, 8), 0);
	cr_expect_str_eq(proc_maps(&p, at, 8), "0-8 rw-p lo");
	cr_expect_eq(event[EV_unevictable_pgs_mlocked], 8, "none is locked twice");
	cr_assert_eq(sys_munlock(p.m, p.t, at, 8 * P), 0);
	cr_expect_str_eq(proc_maps(&p, at, 8), "0-8 rw-p");
	cr_expect_eq(p.mm->locked_vm, 0);
	cr_expect_eq(nr_mlock(&p), mlock);
	cr_expect_eq(proc_node_stat(&p, ND_nr_inactive_anon), anon);
	cr_expect_eq(event[EV_unevictable_pgs_munlocked], 8);
	cr_expect_eq(event[EV_unevictable_pgs_rescued], 8);
	proc_end(&p);
}

Test(mlock, pages_that_are_not_there_come)
{
	static const struct {
		unsigned prot, flags;
		enum mm_counter counter;
	} row[] = {{RW, PRIVATE, MM_ANONPAGES}, {RW, SHARED, MM_SHMEMPAGES}};
	struct proc p = proc_start("pc-x86_64");

	for (unsigned i = 0; i < 2; i++) {
		uint64_t at = proc_map(&p, 8, row[i].prot, row[i].flags);
		uint64_t rss = p.mm->rss[row[i].counter], mlock = nr_mlock(&p);

		cr_assert_eq(lock(&p, at, 8), 0, "%s", p.m->why.sentence);
		cr_expect_eq(p.mm->rss[row[i].counter], rss + 8, "row %u", i);
		cr_expect_eq(nr_mlock(&p), mlock + 8, "row %u", i);
		cr_expect_eq(proc_use(&p, HW_STORE, at, 8), 0, "row %u", i);
		cr_assert_eq(sys_munmap(p.m, p.t, at, 8 * P), 0);
		cr_expect_eq(nr_mlock(&p), mlock, "row %u", i);
	}
	cr_expect_eq(p.mm->locked_vm, 0);
	proc_end(&p);
}

/* Reading takes the page of zeroes, which no lock holds. */
Test(mlock, read_only_memory_has_nothing_to_lock)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 4, PROT_READ_, PRIVATE), mlock = nr_mlock(&p);

	cr_expect_eq(lock(&p, at, 4), 0);
	cr_expect_eq(p.mm->locked_vm, 4);
	cr_expect_eq(nr_mlock(&p), mlock);
	proc_end(&p);
}

Test(mlock, on_fault)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 4, RW, PRIVATE), mlock = nr_mlock(&p);

	cr_assert_eq(sys_mlock(p.m, p.t, at, 4 * P, MLOCK_ONFAULT_), 0);
	cr_expect_eq(p.mm->locked_vm, 4);
	cr_expect_eq(nr_mlock(&p), mlock);
	proc_use(&p, HW_STORE, at, 2);
	cr_expect_eq(nr_mlock(&p), mlock + 2);
	cr_assert_eq(lock(&p, at, 4), 0);
	cr_expect_eq(nr_mlock(&p), mlock + 4, "mlock without the flag brings the rest");
	cr_expect_eq(sys_mlock(p.m, p.t, at, P, 2), -EINVAL);
	proc_end(&p);
}

Test(mlock, a_hole_ends_it)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 6, RW, PRIVATE);

	cr_assert_eq(sys_munmap(p.m, p.t, at + 3 * P, P), 0);
	cr_expect_eq(lock(&p, at, 6), -ENOMEM);
	cr_expect_str_eq(proc_maps(&p, at, 6), "0-3 rw-p lo, 4-6 rw-p");
	cr_expect_eq(lock(&p, at + 3 * P, 1), -ENOMEM);
	cr_expect_eq(sys_munlock(p.m, p.t, at, 6 * P), -ENOMEM);
	cr_expect_str_eq(proc_maps(&p, at, 6), "0-3 rw-p, 4-6 rw-p");
	cr_expect_eq(lock(&p, at, UINT64_MAX / P), -EINVAL);
	cr_expect_eq(lock(&p, at, 0), 0);
	proc_end(&p);
}

Test(mlock, bytes_lock_their_pages)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 4, RW, PRIVATE);

	cr_assert_eq(sys_mlock(p.m, p.t, at + P + 4095, 2, 0), 0);
	cr_expect_str_eq(proc_maps(&p, at, 4), "0-1 rw-p, 1-3 rw-p lo, 3-4 rw-p");
	proc_end(&p);
}

Test(mlock, without_access_there_is_nothing_to_bring)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 2, PROT_NONE_, PRIVATE);

	cr_expect_eq(lock(&p, at, 2), -ENOMEM);
	cr_expect_str_eq(proc_maps(&p, at, 2), "0-2 ---p lo", "but it is locked");
	proc_end(&p);
}

Test(mlock, limits)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 32, RW, PRIVATE);

	p.t->rlim[RLIM_MEMLOCK] = (struct rlimit){8 * P, 8 * P};
	cr_expect_eq(lock(&p, at, 16), 0, "root has no limit");
	cr_assert_eq(sys_munlock(p.m, p.t, at, 16 * P), 0);
	p.t->uid = 1000;
	cr_expect_eq(lock(&p, at, 9), -ENOMEM);
	cr_expect_eq(p.mm->locked_vm, 0);
	cr_expect_eq(lock(&p, at, 8), 0);
	cr_expect_eq(lock(&p, at + 4 * P, 4), 0, "what is locked counts once");
	cr_expect_eq(lock(&p, at + 4 * P, 5), -ENOMEM);
	cr_expect_eq(sys_mlockall(p.m, p.t, MCL_CURRENT_), -ENOMEM);
	cr_expect_eq(sys_mlockall(p.m, p.t, MCL_FUTURE_), 0);
	uint64_t out;
	cr_expect_eq(
		sys_mmap(p.m, p.t, 0, P, RW, PRIVATE, NULL, 0, NULL, &out), -EAGAIN, "MCL_FUTURE");
	p.t->rlim[RLIM_MEMLOCK].soft = 0;
	cr_expect_eq(lock(&p, at, 1), -EPERM);
	cr_expect_eq(sys_mlockall(p.m, p.t, MCL_CURRENT_), -EPERM);
	cr_expect_eq(sys_munlock(p.m, p.t, at, 8 * P), 0);
	proc_end(&p);
}

Test(mlock, all_of_it)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 4, RW, PRIVATE), later;

	cr_expect_eq(sys_mlockall(p.m, p.t, 0), -EINVAL);
	cr_expect_eq(sys_mlockall(p.m, p.t, MCL_ONFAULT_), -EINVAL);
	cr_expect_eq(sys_mlockall(p.m, p.t, 8), -EINVAL);
	cr_assert_eq(sys_mlockall(p.m, p.t, MCL_CURRENT_ | MCL_FUTURE_), 0);
	cr_expect_str_eq(proc_maps(&p, at, 4), "0-4 rw-p lo");
	cr_expect_eq(proc_use(&p, HW_STORE, at, 4), 0);
	proc_check(&p);
	later = proc_map(&p, 4, RW, PRIVATE);
	cr_expect_str_eq(proc_maps(&p, later, 4), "0-4 rw-p lo");
	cr_expect_eq(proc_use(&p, HW_STORE, later, 4), 0);
	cr_assert_eq(sys_munlockall(p.m, p.t), 0);
	cr_expect_eq(p.mm->locked_vm, 0);
	cr_expect_eq(p.mm->def_flags, 0);
	cr_expect_eq(nr_mlock(&p), 0);
	cr_assert_eq(sys_mlockall(p.m, p.t, MCL_FUTURE_ | MCL_ONFAULT_), 0);
	later = proc_map(&p, 4, RW, PRIVATE);
	cr_expect_eq(nr_mlock(&p), 0);
	proc_end(&p);
}

/* A whole program, with the kernel's own pages in its address space, which no lock holds. */
Test(mlock, all_of_a_program)
{
	static const char *const presets[] = {
		"pc-x86_64", "pc-i386", "arm-virt", "arm64-virt", "riscv64-virt"};

	for (unsigned i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
		struct proc p = proc_start(presets[i]), program = {.m = p.m};

		cr_assert_eq(task_spawn(p.m, 0, "orc", 3, &program.t), 0, "%s", p.m->why.sentence);
		program.mm = task_mm(p.m, program.t);
		cr_assert_eq(sys_mlockall(p.m, program.t, MCL_CURRENT_), 0);
		cr_expect_gt(nr_mlock(&p), 33, "%s", presets[i]);
		const struct vma *vdso = proc_vma(&program, program.mm->vdso);
		cr_expect(!program.mm->vdso || !(vdso->flags & VM_LOCKED), "%s", presets[i]);
		proc_check(&p);
		cr_assert_eq(sys_munlockall(p.m, program.t), 0);
		cr_expect_eq(nr_mlock(&p), 0, "%s", presets[i]);
		task_kill(p.m, program.t);
		proc_end(&p);
	}
}

Test(mlock, a_fork_does_not_inherit_locks)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 4, RW, SHARED);

	cr_assert_eq(lock(&p, at, 4), 0);
	struct proc child = proc_fork(&p);
	cr_expect_eq(child.mm->locked_vm, 0);
	cr_expect_str_eq(proc_maps(&child, at, 4), "0-4 rw-s");
	/* Two locked mappings of the same pages: they stay locked until both are gone. */
	cr_assert_eq(lock(&child, at, 4), 0);
	cr_expect_eq(nr_mlock(&p), 4);
	cr_assert_eq(sys_munlock(p.m, p.t, at, 4 * P), 0);
	cr_expect_eq(nr_mlock(&p), 4);
	proc_check(&p);
	task_kill(p.m, child.t);
	cr_expect_eq(nr_mlock(&p), 0);
	proc_end(&p);
}

Test(mlock, without_memory)
{
	struct proc p = proc_start("pc-x86_64");
	unsigned refused = 0;

	for (unsigned n = 0; n < 12; n++) {
		uint64_t at = proc_map(&p, 8, RW, PRIVATE);

		proc_fail(&p, n);
		int err = lock(&p, at, 8);
		proc_fail_no_more(&p);
		/* The pages that were to come: the lock itself holds. */
		cr_assert(!err || err == -EAGAIN || err == -ENOMEM, "%d", err);
		refused += err != 0;
		proc_check(&p);
	}
	cr_expect_geq(refused, 8);
	proc_end(&p);
}

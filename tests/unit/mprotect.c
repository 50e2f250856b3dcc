/* SPDX-License-Identifier: MIT
 *
 * Claim: mprotect cuts mappings where its range ends and joins equals, refuses what the mapping may not become, counts what
 * becomes writable, and what it does is seen by the next access.
 *
 *	| 0 .. 8 rw |	mprotect 2..4 r		| 0-2 rw | 2-4 r | 4-8 rw |
 *			mprotect 2..4 rw	| 0-8 rw |
 */
#include "support/process.h"

#include "mm/process/file.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

static int protect(struct proc *p, uint64_t addr, uint64_t pages, unsigned prot)
{
	return sys_mprotect(p->m, p->t, addr, pages * P, prot);
}

Test(mprotect, cuts_and_joins)
{
	static const struct {
		unsigned from, to, prot;
		const char *maps;
	} step[] = {{2, 4, PROT_READ_, "0-2 rw-p, 2-4 r--p, 4-8 rw-p"},
		{4, 6, PROT_READ_, "0-2 rw-p, 2-6 r--p, 6-8 rw-p"},
		{3, 4, PROT_NONE_, "0-2 rw-p, 2-3 r--p, 3-4 ---p, 4-6 r--p, 6-8 rw-p"},
		{2, 6, RW, "0-8 rw-p"}, {0, 8, RX, "0-8 r-xp"}, {0, 1, RW, "0-1 rw-p, 1-8 r-xp"},
		{7, 8, RW, "0-1 rw-p, 1-7 r-xp, 7-8 rw-p"}, {0, 8, PROT_READ_, "0-8 r--p"}};
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 8, RW, PRIVATE);

	proc_use(&p, HW_STORE, at, 8);
	for (unsigned i = 0; i < sizeof(step) / sizeof(step[0]); i++) {
		int err =
			protect(&p, at + step[i].from * P, step[i].to - step[i].from, step[i].prot);

		cr_assert_eq(err, 0, "step %u: %s", i, p.m->why.sentence);
		cr_expect_str_eq(
			proc_maps(&p, at, 8), step[i].maps, "step %u: %s", i, proc_maps(&p, at, 8));
		proc_check(&p);
	}
	proc_end(&p);
}

Test(mprotect, errors)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 4, RW, PRIVATE);
	const struct {
		uint64_t addr, bytes;
		unsigned prot;
		int err;
	} row[] = {{at + 1, P, PROT_READ_, -EINVAL}, {at, 0, PROT_READ_, 0},
		{at, UINT64_MAX - P, PROT_READ_, -ENOMEM}, {at, UINT64_MAX, PROT_READ_, -ENOMEM},
		{at, P, 0x40, -EINVAL}, {at, P, PROT_READ_ | PROT_GROWSDOWN_, -EINVAL},
		{at, P, PROT_GROWSDOWN_ | 0x02000000, -EINVAL},
		{at, P, PROT_READ_ | 0x02000000, -EINVAL}, {at - P, P, PROT_READ_, -ENOMEM},
		{at - P, 2 * P, PROT_READ_, -ENOMEM}, {at, P, PROT_READ_ | 8, 0}};

	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		int err = sys_mprotect(p.m, p.t, row[i].addr, row[i].bytes, row[i].prot);

		cr_expect_eq(err, row[i].err, "row %u: %d %s", i, err, p.m->why.sentence);
		if (err)
			cr_expect_str_eq(proc_maps(&p, at, 4), "0-4 rw-p", "row %u", i);
	}
	proc_end(&p);
}

Test(mprotect, what_lies_before_a_hole_is_done)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 6, RW, PRIVATE);

	cr_assert_eq(sys_munmap(p.m, p.t, at + 3 * P, P), 0);
	cr_expect_eq(protect(&p, at + P, 5, PROT_READ_), -ENOMEM);
	cr_expect_str_eq(proc_maps(&p, at, 6), "0-1 rw-p, 1-3 r--p, 4-6 rw-p");
	proc_end(&p);
}

Test(mprotect, a_shared_file_opened_for_reading_stays_so)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t shared = proc_map_file(&p, 2, PROT_READ_, MAP_SHARED_, FILE_RDONLY);
	uint64_t private = proc_map_file(&p, 2, PROT_READ_, MAP_PRIVATE_, FILE_RDONLY);

	cr_expect_eq(protect(&p, shared, 2, RW), -EACCES);
	cr_expect_eq(protect(&p, private, 2, RW), 0);
	cr_expect_str_eq(proc_maps(&p, shared, 2), "0-2 r--s");
	cr_expect_str_eq(proc_maps(&p, private, 2), "0-2 rw-p");
	proc_end(&p);
}

Test(mprotect, what_becomes_writable_is_committed_once)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 16, PROT_READ_, PRIVATE);
	uint64_t committed = p.m->processes.committed_pages, data = p.mm->data_vm;

	cr_assert_eq(protect(&p, at, 4, RW), 0);
	cr_expect_eq(p.m->processes.committed_pages, committed + 4);
	cr_expect_eq(p.mm->data_vm, data + 4);
	/* Committed memory stays so when it cannot be written any more. */
	cr_assert_eq(protect(&p, at, 4, PROT_READ_), 0);
	cr_expect_eq(p.m->processes.committed_pages, committed + 4);
	cr_expect_eq(p.mm->data_vm, data);
	cr_assert_eq(protect(&p, at, 4, RW), 0);
	cr_expect_eq(p.m->processes.committed_pages, committed + 4);
	cr_assert_eq(sys_munmap(p.m, p.t, at, 16 * P), 0);
	cr_expect_eq(p.m->processes.committed_pages, committed);
	proc_end(&p);
}

Test(mprotect, limits_refuse_and_leave_all_as_it_was)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 64, PROT_READ_, PRIVATE);
	char *before = proc_state(&p), *after;

	p.t->rlim[RLIM_DATA] = (struct rlimit){(p.mm->data_vm + 8) * P, RLIM_INFINITY};
	cr_expect_eq(protect(&p, at, 9, RW), -ENOMEM);
	p.t->rlim[RLIM_DATA] = (struct rlimit){0, (p.mm->data_vm + 8) * P};
	cr_expect_eq(protect(&p, at, 9, RW), -ENOMEM);
	p.t->rlim[RLIM_DATA] = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
	p.m->sysctls.value[SYSCTL_overcommit_memory] = 2;
	p.m->sysctls.value[SYSCTL_overcommit_ratio] = 0;
	p.m->sysctls.value[SYSCTL_overcommit_kbytes] = 0;
	cr_expect_eq(protect(&p, at, 9, RW), -ENOMEM);
	after = proc_state(&p);
	cr_expect_str_eq(after, before);
	free(before);
	free(after);
	proc_end(&p);
}

Test(mprotect, the_next_access_sees_it)
{
	static const char *const presets[] = {
		"pc-x86_64", "pc-i386", "arm-virt", "arm64-virt", "riscv64-virt"};

	for (unsigned i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
		struct proc p = proc_start(presets[i]);
		uint64_t at = proc_map(&p, 2, RW, PRIVATE), value;

		cr_assert_eq(proc_store(&p, at, 0x1122334455667788), 0);
		cr_assert_eq(protect(&p, at, 2, PROT_READ_), 0);
		cr_expect_eq(proc_store(&p, at, 1), -EFAULT, "%s", presets[i]);
		cr_expect_eq(p.t->signal.code, 2, "%s: SEGV_ACCERR", presets[i]);
		cr_assert_eq(protect(&p, at, 2, PROT_NONE_), 0);
		cr_expect_eq(proc_load(&p, at, &value), -EFAULT, "%s", presets[i]);
		cr_assert_eq(protect(&p, at, 2, RW), 0);
		cr_expect_eq(proc_load(&p, at, &value), 0, "%s", presets[i]);
		cr_expect_eq(value, 0x1122334455667788, "%s", presets[i]);
		cr_expect_eq(proc_store(&p, at, 2), 0, "%s: %s", presets[i], p.m->why.sentence);
		proc_end(&p);
	}
}

Test(mprotect, a_locked_mapping_is_copied_when_it_becomes_writable)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map_file(&p, 8, PROT_READ_, MAP_PRIVATE_, FILE_RDONLY);

	cr_assert_eq(sys_mlock(p.m, p.t, at, 8 * P, 0), 0, "%s", p.m->why.sentence);
	uint64_t anon = p.mm->rss[MM_ANONPAGES], file = p.mm->rss[MM_FILEPAGES];
	cr_assert_eq(protect(&p, at, 8, RW), 0);
	cr_expect_eq(p.mm->rss[MM_ANONPAGES], anon + 8);
	cr_expect_eq(p.mm->rss[MM_FILEPAGES], file - 8);
	cr_expect_eq(proc_use(&p, HW_STORE, at, 8), 0, "no fault is left to be taken");
	proc_end(&p);
}

/* populate_vma_page_range() leaves alone what is locked when it comes. */
Test(mprotect, a_mapping_locked_on_fault_is_not)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 8, PROT_READ_, PRIVATE);

	cr_assert_eq(sys_mlock(p.m, p.t, at, 8 * P, MLOCK_ONFAULT_), 0);
	uint64_t anon = p.mm->rss[MM_ANONPAGES];
	cr_assert_eq(protect(&p, at, 8, RW), 0);
	cr_expect_eq(p.mm->rss[MM_ANONPAGES], anon);
	cr_expect_eq(proc_use(&p, HW_STORE, at, 8), 8);
	proc_end(&p);
}

Test(mprotect, growsdown_begins_where_the_stack_does)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t sp = p.t->sp & ~(P - 1);
	const struct vma *v = proc_vma(&p, sp);

	cr_assert(v && v->flags & VM_GROWSDOWN);
	cr_expect_eq(protect(&p, sp, 1, RW | PROT_EXEC_ | PROT_GROWSDOWN_), 0);
	v = proc_vma(&p, sp);
	cr_expect(v->flags & VM_EXEC);
	cr_expect_eq(proc_vma(&p, v->start)->start, v->start);
	proc_end(&p);
}

static int protect_two(struct proc *p, uint64_t at)
{
	return protect(p, at + 2 * P, 2, PROT_READ_);
}

/* Each allocation fails once: the call is refused as a whole, or works. */
Test(mprotect, without_memory_all_stays_as_it_was)
{
	struct proc p = proc_start("pc-x86_64");

	proc_refuse_some(&p, -ENOMEM, protect_two);
	proc_end(&p);
}

/* SPDX-License-Identifier: MIT
 *
 * Claims about committed memory: what each mode of overcommit_memory refuses (experiment 09c of the oracle's machines: in
 * mode 0 one mmap of 100% of MemTotal is taken and one of 110% refused), and that Committed_AS is the sum.
 */
#include "support/booted.h"
#include "support/naked.h"

#include "mm/process/vma_index.h"

#include <criterion/criterion.h>
#include <errno.h>

#define PAGE 4096ULL
#define MIB  (1ULL << 20)

static int commit(struct machine *m, struct task *t, uint64_t pages)
{
	uint64_t at;

	return sys_mmap(m, t, 0, pages * PAGE, NAKED_RW, NAKED_ANON, NULL, 0, NULL, &at);
}

static void set(struct machine *m, enum sysctl_id id, int64_t value)
{
	cr_assert_eq(sysctl_set(m, id, value), 0);
}

Test(commit, guess_refuses_what_is_more_than_all)
{
	struct machine *m = booted("pc-x86_64", "ram", "1G", NULL);
	struct task *t = naked(m);

	for (unsigned percent = 50; percent <= 150; percent += 10) {
		uint64_t pages = m->totalram_pages * percent / 100;

		cr_expect_eq(commit(m, t, pages), percent <= 100 ? 0 : -ENOMEM, "%u%%", percent);
		cr_expect_eq(m->processes.committed_pages, percent <= 100 ? pages : 0);
		cr_assert_eq(sys_munmap(m, t, 0, task_mm(m, t)->task_size), 0);
	}
	cr_expect(strstr(booted_log(m), "__vm_enough_memory: pid: "), "the log says so");
	cr_expect(strstr(booted_log(m), ", no enough memory for the allocation"));
	for (unsigned i = 0; i < 3; i++)
		cr_expect_eq(commit(m, t, m->totalram_pages), 0,
			"several that fit one by one are taken");
	set(m, SYSCTL_overcommit_memory, 1);
	cr_expect_eq(commit(m, t, 100 * m->totalram_pages), 0, "always");
	machine_destroy(m);
}

/* Below CommitLimit, less what is kept for root and 1/32 of the process. */
Test(commit, never)
{
	struct machine *m = booted("pc-x86_64", "ram", "1G", NULL);
	struct task *t = naked(m);
	struct mm *mm = task_mm(m, t);

	set(m, SYSCTL_overcommit_memory, 2);
	cr_expect_eq(vm_commit_limit(m), m->totalram_pages / 2);
	for (int root = 1; root >= 0; root--) {
		t->uid = root ? 0 : 1000;
		while (!commit(m, t, 256))
			;
		uint64_t reserve = mm->total_vm / 32 + (root ? 0 : 8192 / 4);
		uint64_t committed = m->processes.committed_pages;

		cr_expect_lt(committed, vm_commit_limit(m) - (reserve - 8));
		cr_expect_geq(committed + 256, vm_commit_limit(m) - reserve, "root %d: %llu", root,
			(unsigned long long)committed);
		cr_assert_eq(sys_munmap(m, t, 0, mm->task_size), 0);
	}
	set(m, SYSCTL_overcommit_ratio, 0);
	cr_expect_eq(vm_commit_limit(m), 0);
	cr_expect_eq(commit(m, t, 1), -ENOMEM);
	set(m, SYSCTL_overcommit_kbytes, 100000);
	cr_expect_eq(vm_commit_limit(m), 25000);
	cr_expect_eq(commit(m, t, 1), 0);
	machine_destroy(m);
}

/* Which mappings count: private and writable ones, and shared memory by its file. */
Test(commit, what_counts)
{
	struct machine *m = booted("pc-x86_64", "ram", "256M", NULL);
	struct task *t = naked(m);
	static const struct {
		unsigned prot, flags, pages;
	} rows[] = {{NAKED_RW, NAKED_ANON, 10}, {PROT_READ_, NAKED_ANON, 0},
		{NAKED_RW, NAKED_ANON | MAP_NORESERVE_, 0},
		{NAKED_RW, MAP_SHARED_ | MAP_ANONYMOUS_, 10},
		{PROT_READ_, MAP_SHARED_ | MAP_ANONYMOUS_, 10},
		{NAKED_RW, MAP_SHARED_ | MAP_ANONYMOUS_ | MAP_NORESERVE_, 0}};
	uint64_t at;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cr_assert_eq(sys_mmap(m, t, 0, 10 * PAGE, rows[i].prot, rows[i].flags, NULL, 0,
				     NULL, &at),
			0);
		cr_expect_eq(m->processes.committed_pages, rows[i].pages, "row %u", i);
		cr_assert_eq(sys_munmap(m, t, at, 10 * PAGE), 0);
		cr_expect_eq(m->processes.committed_pages, 0, "row %u", i);
	}
	set(m, SYSCTL_overcommit_memory, 2);
	cr_assert_eq(sys_mmap(m, t, 0, 10 * PAGE, NAKED_RW, NAKED_ANON | MAP_NORESERVE_, NULL, 0,
			     NULL, &at),
		0);
	cr_expect_eq(m->processes.committed_pages, 10, "mode 2 knows no MAP_NORESERVE");
	machine_destroy(m);
}

/* A mapping that replaces another one is charged as if that had gone before. */
Test(commit, replaced)
{
	struct machine *m = booted("pc-x86_64", "ram", "256M", NULL);
	struct task *t = naked(m);
	uint64_t at;

	set(m, SYSCTL_overcommit_memory, 2);
	set(m, SYSCTL_overcommit_kbytes, 8192);
	at = naked_map(m, t, 0x20000000, 6 * MIB, NAKED_RW);
	cr_expect_eq(sys_mmap(m, t, at, 6 * MIB, PROT_WRITE_, NAKED_ANON | MAP_FIXED_, NULL, 0,
			     NULL, &at),
		0);
	cr_expect_eq(
		sys_mmap(m, t, at, 9 * MIB, NAKED_RW, NAKED_ANON | MAP_FIXED_, NULL, 0, NULL, &at),
		-ENOMEM);
	cr_expect_eq(m->processes.committed_pages, 6 * 256);
	cr_expect_eq(task_mm(m, t)->total_vm, 6 * 256, "and what was there is there still");
	booted_check(m);
	machine_destroy(m);
}

/* SPDX-License-Identifier: MIT
 *
 * Claims about the heap's end:
 *
 *	20000000 (start_brk)   brk 20002800         brk 20001000        brk 1f000000
 *	nothing                20000000-20003000    20000000-20001000   refused: the old break is the answer
 */
#include "support/booted.h"
#include "support/naked.h"

#include "mm/process/access.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"

#include <criterion/criterion.h>

#define START 0x20000000ULL
#define PAGE  4096ULL
#define MIB   (1ULL << 20)

static struct task *with_heap(struct machine *m)
{
	struct task *t = naked(m);

	task_mm(m, t)->start_brk = task_mm(m, t)->brk = START;
	return t;
}

static uint64_t brk_to(struct machine *m, struct task *t, uint64_t brk)
{
	uint64_t out;

	cr_assert_eq(sys_brk(m, t, brk, &out), 0);
	cr_expect_eq(out, task_mm(m, t)->brk);
	return out;
}

Test(brk, grows_and_shrinks)
{
	struct machine *m = booted("pc-x86_64", "ram", "256M", NULL);
	struct task *t = with_heap(m);
	struct mm *mm = task_mm(m, t);

	cr_expect_eq(brk_to(m, t, 0), START, "how the C library asks");
	cr_expect_eq(brk_to(m, t, START + 0x2800), START + 0x2800);
	struct vma *v = vma_first(m, &mm->vmas);
	cr_expect(v->start == START && v->end == START + 3 * PAGE);
	cr_expect_eq(vma_name(m, v)[1], 'h');
	cr_expect_eq(mm->data_vm, 3);
	cr_expect_eq(m->processes.committed_pages, 3);
	cr_expect_eq(brk_to(m, t, START + 0x2900), START + 0x2900, "the same page");
	cr_expect_eq(brk_to(m, t, START + 10 * PAGE), START + 10 * PAGE);
	cr_expect_eq(mm->vmas.nr, 1);
	cr_expect_eq(brk_to(m, t, START + PAGE), START + PAGE);
	cr_expect_eq(mm->total_vm, 1);
	cr_expect_eq(brk_to(m, t, START - 1), START + PAGE, "not below its begin");
	cr_expect_eq(brk_to(m, t, START), START);
	cr_expect_eq(mm->vmas.nr, 0);
	cr_expect_eq(m->processes.committed_pages, 0);
	booted_check(m);
	machine_destroy(m);
}

/* bss that ends where the heap begins stays a mapping of its own, alike or not. */
Test(brk, is_not_joined_with_bss)
{
	struct machine *m = booted("pc-x86_64", "ram", "256M", NULL);
	struct task *t = with_heap(m);

	naked_map(m, t, START - 4 * PAGE, 4 * PAGE, NAKED_RW);
	brk_to(m, t, START + PAGE);
	cr_expect_eq(task_mm(m, t)->vmas.nr, 2);
	brk_to(m, t, START + 5 * PAGE);
	cr_expect_eq(task_mm(m, t)->vmas.nr, 2);
	machine_destroy(m);
}

/* A page, and in front of a stack its guard, stays free behind the heap. */
Test(brk, stays_away)
{
	struct machine *m = booted("pc-x86_64", "ram", "256M", NULL);
	struct task *t = with_heap(m);
	uint64_t at;

	naked_map(m, t, START + 100 * PAGE, PAGE, PROT_READ_);
	cr_expect_eq(brk_to(m, t, START + 100 * PAGE), START);
	cr_expect_eq(brk_to(m, t, START + 99 * PAGE), START + 99 * PAGE);
	brk_to(m, t, START);
	cr_assert_eq(sys_munmap(m, t, START + 100 * PAGE, PAGE), 0);
	cr_assert_eq(sys_mmap(m, t, START + 1000 * PAGE, PAGE, NAKED_RW,
			     NAKED_ANON | MAP_FIXED_ | MAP_GROWSDOWN_, NULL, 0, NULL, &at),
		0);
	cr_expect_eq(brk_to(m, t, START + 744 * PAGE), START);
	cr_expect_eq(brk_to(m, t, START + 743 * PAGE), START + 743 * PAGE);
	cr_expect_eq(brk_to(m, t, task_mm(m, t)->task_size + 1), START + 743 * PAGE);
	cr_expect_eq(brk_to(m, t, UINT64_MAX), START + 743 * PAGE);
	booted_check(m);
	machine_destroy(m);
}

Test(brk, limits)
{
	struct machine *m = booted("pc-x86_64", "ram", "256M", NULL);
	struct task *t = with_heap(m);
	struct mm *mm = task_mm(m, t);

	mm->start_data = START - MIB;
	mm->end_data = START - MIB + 5 * PAGE;
	t->rlim[RLIM_DATA].soft = MIB;
	cr_expect_eq(brk_to(m, t, START + MIB - 4 * PAGE), START, "data counts, too");
	cr_expect_eq(brk_to(m, t, START + MIB - 5 * PAGE), START + MIB - 5 * PAGE);
	t->rlim[RLIM_DATA].soft = RLIM_INFINITY;
	t->rlim[RLIM_AS].soft = 2 * MIB;
	cr_expect_eq(brk_to(m, t, START + 2 * MIB + 1), START + MIB - 5 * PAGE);
	cr_expect_eq(brk_to(m, t, START + 2 * MIB), START + 2 * MIB);
	brk_to(m, t, START);
	mm->def_flags = VM_LOCKED;
	t->uid = 1000;
	t->rlim[RLIM_MEMLOCK].soft = 64 * 1024;
	cr_expect_eq(brk_to(m, t, START + 17 * PAGE), START);
	cr_expect_eq(brk_to(m, t, START + 16 * PAGE), START + 16 * PAGE);
	cr_expect_eq(mm->locked_vm, 16);
	cr_expect_eq(mm->rss[MM_ANONPAGES], 16);
	booted_check(m);
	machine_destroy(m);
}

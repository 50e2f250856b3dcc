/* SPDX-License-Identifier: MIT
 *
 * Claims about stacks that grow by being touched:
 *
 *	| mapping |  256 pages at least  | <- grows | stack |
 */
#include "support/booted.h"
#include "support/naked.h"

#include "mm/process/access.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"

#include <criterion/criterion.h>
#include <errno.h>

#define TOP  0x40000000ULL
#define PAGE 4096ULL
#define MIB  (1ULL << 20)

static struct task *with_stack(struct machine *m)
{
	struct task *t = naked(m);
	uint64_t at;

	cr_assert_eq(sys_mmap(m, t, TOP - 4 * PAGE, 4 * PAGE, NAKED_RW,
			     NAKED_ANON | MAP_FIXED_ | MAP_GROWSDOWN_, NULL, 0, NULL, &at),
		0, "%s", m->why.sentence);
	return t;
}

static int store(struct machine *m, struct task *t, uint64_t va)
{
	struct task_access x = {.a = {.va = va, .bytes = 4, .kind = HW_STORE, .value = 7}};

	return task_access(m, t, &x);
}

static uint64_t pages_of(struct machine *m, struct task *t)
{
	return vma_pages(vma_find(m, &task_mm(m, t)->vmas, TOP - 1));
}

Test(stack, grows_to_what_is_touched)
{
	static const char *const presets[] = {
		"pc-x86_64", "pc-i386", "arm-virt", "arm64-virt", "riscv64-virt"};

	for (unsigned i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
		struct machine *m = booted(presets[i], "ram", "256M", NULL);
		struct task *t = with_stack(m);
		struct mm *mm = task_mm(m, t);

		cr_expect_eq(store(m, t, TOP - 100 * PAGE + 8), 0, "%s", m->why.sentence);
		cr_expect_eq(pages_of(m, t), 100);
		cr_expect_eq(mm->stack_vm, 100);
		cr_expect_eq(mm->total_vm, 100);
		cr_expect_eq(mm_rss(mm), 1);
		cr_expect_eq(m->processes.committed_pages, 100);
		cr_expect_eq(store(m, t, TOP - 5 * PAGE), 0);
		cr_expect_eq(pages_of(m, t), 100);
		booted_check(m);
		machine_destroy(m);
	}
}

Test(stack, keeps_its_distance)
{
	struct machine *m = booted("pc-x86_64", "ram", "256M", NULL);
	struct task *t = with_stack(m);
	uint64_t at = naked_map(m, t, TOP - 1000 * PAGE, PAGE, NAKED_RW);

	cr_expect_eq(store(m, t, TOP - 744 * PAGE), -EFAULT);
	cr_expect_eq(pages_of(m, t), 4);
	cr_expect_eq(store(m, t, TOP - 743 * PAGE), 0, "%s", m->why.sentence);
	cr_assert_eq(sys_mprotect(m, t, at, PAGE, PROT_NONE_), 0);
	cr_expect_eq(store(m, t, TOP - 999 * PAGE), 0,
		"a page that cannot be touched is the program's own guard");
	cr_expect_eq(pages_of(m, t), 999);
	booted_check(m);
	machine_destroy(m);
}

Test(stack, limits)
{
	struct machine *m = booted("pc-x86_64", "ram", "256M", NULL);
	struct task *t = with_stack(m);
	struct mm *mm = task_mm(m, t);
	struct vma *v = vma_first(m, &mm->vmas);

	t->rlim[RLIM_STACK].soft = MIB;
	cr_expect_eq(store(m, t, TOP - MIB - 1), -EFAULT);
	cr_expect_eq(store(m, t, TOP - MIB), 0);
	t->rlim[RLIM_STACK].soft = RLIM_INFINITY;
	t->rlim[RLIM_AS].soft = 2 * MIB;
	cr_expect_eq(expand_downwards(m, t, mm, v, TOP - 2 * MIB - PAGE), -ENOMEM);
	cr_expect_eq(expand_downwards(m, t, mm, v, TOP - 2 * MIB), 0);
	t->rlim[RLIM_AS].soft = RLIM_INFINITY;
	cr_expect_eq(expand_downwards(m, t, mm, v, 0x1000), -EPERM, "below mmap_min_addr");
	m->sysctls.value[SYSCTL_overcommit_memory] = 2;
	m->sysctls.value[SYSCTL_overcommit_kbytes] = 4096;
	cr_expect_eq(expand_downwards(m, t, mm, v, TOP - 8 * MIB), -ENOMEM);
	cr_expect_eq(v->start, TOP - 2 * MIB);
	cr_expect_eq(m->processes.committed_pages, 512);
	naked_map(m, t, 0x50000000, PAGE, NAKED_RW);
	cr_expect_eq(expand_downwards(m, t, mm, vma_last(m, &mm->vmas), 0x4f000000), -EFAULT,
		"no stack");
	booted_check(m);
	machine_destroy(m);
}

/* SPDX-License-Identifier: MIT
 *
 * A process without a program: a child of pid 1 with an address space in which nothing is mapped, for tests that put the
 * mappings there themselves.
 */
#ifndef SIMM_TESTS_NAKED_H
#define SIMM_TESTS_NAKED_H

#include "mm/core/link.h"
#include "mm/process/mm.h"
#include "mm/process/syscalls.h"
#include "mm/process/task.h"

#include <criterion/criterion.h>

enum { NAKED_RW = PROT_READ_ | PROT_WRITE_, NAKED_ANON = MAP_PRIVATE_ | MAP_ANONYMOUS_ };

static inline struct task *naked(struct machine *m)
{
	struct task *t;
	struct mm *mm;

	cr_assert_eq(task_clone(m, task_find(m, 1), 0, 0, &t), 0, "%s", m->why.sentence);
	cr_assert_eq(t->mm_at, 0);
	mm = mm_alloc(m, 0);
	cr_assert(mm, "%s", m->why.sentence);
	mm_pick_layout(m, mm, t->rlim[RLIM_STACK].soft);
	t->mm_at = machine_ref(m, mm);
	link_add_tail(m, &mm->tasks, &t->in_mm);
	return t;
}

/* mmap() of anonymous private memory at a fixed place, or anywhere (@addr 0); the test fails when it is refused. */
static inline uint64_t naked_map(struct machine *m, struct task *t, uint64_t addr, uint64_t bytes, unsigned prot)
{
	uint64_t at;

	cr_assert_eq(sys_mmap(m, t, addr, bytes, prot, NAKED_ANON | (addr ? MAP_FIXED_ : 0), NULL, 0, NULL, &at), 0,
		"%s", m->why.sentence);
	return at;
}

#endif

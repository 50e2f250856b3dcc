/* SPDX-License-Identifier: MIT
 *
 * Address spaces for tests of what lies below mappings: a top table, pages put into it by hand, accesses as a user.
 */
#ifndef TESTS_SUPPORT_USER_MM_H
#define TESTS_SUPPORT_USER_MM_H

#include "mm/kernel/cpus.h"
#include "mm/page/page_alloc.h"
#include "mm/process/pgtables.h"
#include "mm/process/tlb_flush.h"

#include <criterion/criterion.h>
#include <errno.h>

#define VA 0x10000000

static inline uint64_t page(struct machine *m)
{
	uint64_t pfn;

	cr_assert_eq(alloc_pages_node(m, 0, -1, GFP_KERNEL, 0, &pfn), 0);
	return pfn;
}

static inline struct mm *new_mm(struct machine *m)
{
	struct mm *mm = machine_at(m, heap_alloc(m, sizeof(*mm)));

	/* Never used again, as the kernel's are. */
	mm->id = ++m->processes.tasks.next_mm_id;
	cr_assert_eq(pgd_alloc(m, 0, mm), 0, "%s", m->why.sentence);
	return mm;
}

static inline struct pte_place place(struct machine *m, struct mm *mm, uint64_t va)
{
	struct pte_place at;

	cr_assert_eq(pte_alloc(m, 0, mm, va, &at), 0);
	return at;
}

/* A page that user mode may write, young and dirty, so that no mode faults for its flags. */
static inline uint64_t map(struct machine *m, struct mm *mm, uint64_t va)
{
	uint64_t pfn = page(m);
	pte_t pte = pte_make(m, pfn, VM_READ | VM_WRITE | VM_MAYWRITE | VM_SHARED);
	struct pte_place at = place(m, mm, va);

	for (enum pte_flag f = PTE_WRITE; f <= PTE_YOUNG; f++)
		pte = pte_with(m, pte, f, true);
	pte_set(m, at.table, at.index, pte);
	return pfn << PAGE_SHIFT;
}

static inline void unmap(struct machine *m, struct mm *mm, uint64_t va)
{
	struct pte_place at = place(m, mm, va);

	pte_set(m, at.table, at.index, 0);
}

static inline struct hw_access user(struct machine *m, unsigned cpu, struct mm *mm, uint64_t va)
{
	struct hw_access a = {.va = va, .bytes = 4, .kind = HW_LOAD, .user = true};

	cr_assert_eq(switch_mm(m, cpu, mm), 0);
	cr_assert_eq(machine_access(m, cpu, &a), a.fault.fault ? -EFAULT : 0);
	return a;
}

#endif

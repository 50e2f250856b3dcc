/* SPDX-License-Identifier: MIT
 *
 * Claim: what is mapped at a kernel address after boot is seen by every CPU in every process, whatever the top table of
 * that process had copied before; and is forgotten by all when it was unmapped and they were told.
 *
 *	CPU 0: in process A, made before      CPU 1: in the kernel's own tables       CPU 0: in B, made after
 */
#include "mm/kernel/cpus.h"
#include "mm/kernel/kernel_pte.h"
#include "mm/kernel/layout.h"
#include "mm/page/address.h"
#include "mm/page/zone.h"
#include "mm/process/tlb_flush.h"
#include "support/booted.h"
#include "support/process.h"

#include <criterion/criterion.h>
#include <errno.h>

static const char *const presets[] = {
	"pc-i386", "pc-i386-pae", "pc-x86_64", "arm-virt", "arm64-virt", "riscv64-virt"};
enum { NR_PRESETS = sizeof(presets) / sizeof(presets[0]), PAGES = 700 };

static int access_at(
	struct machine *m, unsigned cpu, enum hw_kind kind, uint64_t va, uint64_t *value)
{
	struct hw_access a = {.va = va, .value = *value, .kind = (uint8_t)kind, .bytes = 4};
	int err = machine_access(m, cpu, &a);

	*value = a.value;
	return err;
}

/* Somewhere in the area where no table is yet. */
static uint64_t somewhere(const struct machine *m)
{
	struct kernel_range r = kernel_area(m, AREA_VMALLOC);
	bool wide = machine_has(m, CONFIG_64BIT);

	return (r.start + (wide ? (uint64_t)5 << 30 : 48 << 20)) & ~(PAGE_BYTES - 1);
}

static void take(struct machine *m, uint32_t *pfns, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint64_t pfn;

		cr_assert_eq(alloc_pages_node(m, 0, -1, GFP_KERNEL, 0, &pfn), 0);
		pfns[i] = (uint32_t)pfn;
	}
}

static void expect_value(struct machine *m, unsigned cpu, uint64_t va, uint64_t want)
{
	uint64_t value = 0;

	cr_assert_eq(access_at(m, cpu, HW_LOAD, va, &value), 0, "%s: cpu%u cannot read 0x%llx",
		m->model, cpu, (unsigned long long)va);
	cr_assert_eq(value, want, "%s", m->model);
}

Test(kernel_pte, seen_by_every_process)
{
	for (unsigned i = 0; i < NR_PRESETS; i++) {
		struct proc p = proc_start(presets[i]);
		struct machine *m = p.m;
		uint64_t va = somewhere(m), user = proc_map(&p, 1, RW, PRIVATE), value = 0x1234;
		uint32_t pfns[PAGES];

		/* A runs on CPU 0 and has its copy of the kernel's half. */
		proc_use(&p, HW_STORE, user, 1);
		cr_assert_eq(current_mm(m, 0), p.mm);
		take(m, pfns, PAGES);
		cr_assert_eq(map_kernel_pages(m, 0, va, PAGES, pfns, PGTABLE_RW), 0, "%s",
			m->why.sentence);
		cr_assert_eq(access_at(m, 0, HW_STORE, va + 600 * P, &value), 0, "%s", m->model);
		/* The same bytes at the page's own address, and on the other CPU. */
		expect_value(m, 0, page_address(m, pfns[600]), 0x1234);
		expect_value(m, m->nr_cpus - 1, va + 600 * P, 0x1234);
		struct proc b = proc_fork(&p);

		proc_use(&b, HW_LOAD, user, 1);
		cr_assert_eq(current_mm(m, 0), b.mm);
		expect_value(m, 0, va + 600 * P, 0x1234);
		proc_check(&p);
		/* Not for user mode. */
		cr_assert_eq(proc_load(&b, va, &value), -EFAULT);

		unmap_kernel_range(m, va, PAGES * P);
		flush_tlb_kernel_range(m, 0, va, va + PAGES * P);
		for (unsigned cpu = 0; cpu < 2 && cpu < m->nr_cpus; cpu++)
			cr_assert_eq(access_at(m, cpu, HW_LOAD, va + 600 * P, &value), -EFAULT,
				"%s", m->model);
		proc_use(&p, HW_LOAD, user, 1);
		cr_assert_eq(
			access_at(m, 0, HW_LOAD, va + 600 * P, &value), -EFAULT, "%s", m->model);
		proc_end(&p);
	}
}

/* With PCIDs and isolation nothing of the kernel's is global: each number's entries must go. */
Test(kernel_pte, isolation_keeps_nothing_stale)
{
	struct proc p = proc_start_with("pc-x86_64", "pti=on");
	struct machine *m = p.m;

	cr_assert(m->kernel_map.pti && m->processes.asids.bits);
	uint64_t va = somewhere(m), user = proc_map(&p, 1, RW, PRIVATE), value = 0;
	uint32_t pfn;
	struct proc b = proc_fork(&p);

	take(m, &pfn, 1);
	cr_assert_eq(map_kernel_pages(m, 0, va, 1, &pfn, PGTABLE_RW), 0);
	proc_use(&p, HW_LOAD, user, 1);
	expect_value(m, 0, va, 0);
	proc_use(&b, HW_LOAD, user, 1);
	expect_value(m, 0, va, 0);
	unmap_kernel_range(m, va, P);
	/* Nobody was told yet: B's CPU still knows. */
	expect_value(m, 0, va, 0);
	flush_tlb_kernel_range(m, 0, va, va + P);
	cr_assert_eq(access_at(m, 0, HW_LOAD, va, &value), -EFAULT);
	proc_use(&p, HW_LOAD, user, 1);
	cr_assert_eq(access_at(m, 0, HW_LOAD, va, &value), -EFAULT);
	proc_end(&p);
}

/* Registers of a device by the largest pages; and who may not. */
Test(kernel_pte, device_ranges)
{
	for (unsigned i = 0; i < NR_PRESETS; i++) {
		struct machine *m = booted(presets[i], NULL);
		unsigned max = kernel_max_page_shift(m), shift;
		uint64_t unit = 1ULL << (max < 21 ? PAGE_SHIFT : max > 22 ? 21 : max), pa;
		uint64_t va = (somewhere(m) | (unit - 1)) + 1, at = 0xfe000000 | 0x1000;

		at &= ~(unit - 1);
		cr_assert_eq(map_kernel_phys(m, 0, va, at, unit + P, PGTABLE_DEVICE, max), 0, "%s",
			m->why.sentence);
		cr_assert(kernel_translate(m, va + 0x123, &pa, &shift));
		cr_assert_eq(pa, at + 0x123);
		cr_assert_eq(1ULL << shift, unit, "%s", m->model);
		cr_assert(kernel_translate(m, va + unit, &pa, &shift));
		cr_assert_eq(shift, PAGE_SHIFT);
		cr_assert_eq(map_kernel_phys(m, 0, va, at, P, PGTABLE_DEVICE, PAGE_SHIFT), -EBUSY);
		unmap_kernel_range(m, va, unit + P);
		cr_assert_not(kernel_translate(m, va, &pa, NULL));
		cr_assert_eq(kernel_pte_get(m, va + unit), 0);
		booted_check(m);
		machine_destroy(m);
	}
}

/* 6.1 counts middle tables in nr_page_table_pages, and not the last level's. */
Test(kernel_pte, tables_are_pages)
{
	struct machine *m = booted("pc-x86_64", NULL);
	uint64_t free_before = zone_stat_total(m, ZS_nr_free_pages), va = somewhere(m);

	drain_all_pages(m, NULL);
	free_before = zone_stat_total(m, ZS_nr_free_pages);
	cr_assert_eq(kernel_pte_alloc(m, 0, va), 0);
	drain_all_pages(m, NULL);
	cr_assert_eq(free_before - zone_stat_total(m, ZS_nr_free_pages), 2);
	cr_assert_eq(node_stat_total(m, ND_nr_page_table_pages), 1);
	cr_assert_eq(kernel_pte_get(m, va), 0);
	kernel_pte_set(m, va, kernel_pte_make(m, 0x1234, PGTABLE_RO));
	cr_assert_eq(pte_pfn(m, kernel_pte_get(m, va)), 0x1234);
	kernel_pte_set(m, va, 0);
	booted_check(m);
	machine_destroy(m);
}

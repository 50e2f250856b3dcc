/* SPDX-License-Identifier: MIT
 *
 * Claim: after boot the page tables in RAM map low memory for the kernel and for nobody else, in every preset, with
 * pages so large that a huge machine needs few tables; and a CPU that follows them reads what lies there.
 */
#include "base/text.h"
#include "mm/kernel/cpus.h"
#include "mm/machine.h"
#include "mm/page/address.h"
#include "mm/page/contents.h"
#include "mm/page/zone.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#define GB (1ULL << 30)

static struct machine *boot(const char *name, const char *ram)
{
	struct machine_desc *desc = calloc(1, sizeof(*desc));
	struct refusal why = {0};
	struct machine *m = NULL;

	cr_assert_eq(describe_fdt(desc, preset_find(name)->fdt, &why), 0, "%s", why.sentence);
	if (ram)
		cr_assert_eq(describe_option(desc, "ram", ram, &why), 0, "%s", why.sentence);
	cr_assert_eq(describe_finish(desc, &why), 0, "%s", why.sentence);
	cr_assert_eq(machine_create(desc, &m, &why), 0, "%s: %s", name, why.sentence);
	free(desc);
	return m;
}

static struct hw_access access_as(
	struct machine *m, unsigned cpu, enum hw_kind kind, uint64_t va, uint64_t value, bool user)
{
	struct hw_access a = {
		.va = va, .bytes = 4, .kind = (uint8_t)kind, .value = value, .user = user};
	int err = machine_access(m, cpu, &a);

	cr_assert_eq(err, a.fault.fault ? -EFAULT : 0);
	return a;
}

Test(kernel_map, every_preset_maps_its_low_memory)
{
	for (unsigned i = 0; preset_nth(i); i++) {
		struct machine *m = boot(preset_nth(i)->name, NULL);
		uint64_t pfn = (m->kernel_map.low_end >> PAGE_SHIFT) - 1, va = page_address(m, pfn);
		struct text out;

		text_init(&out);
		cr_assert_eq(kernel_map_check(m, &out), 0, "%s: %s", m->model, text_str(&out));
		cr_assert_eq(cpus_check(m, &out), 0);
		cr_assert_neq(va, 0, "%s: the last page of low memory has an address",
			preset_nth(i)->name);
		struct hw_access a = access_as(m, 0, HW_STORE, va + 8, 0x12345678, false);

		cr_assert_eq(a.fault.fault, HW_FAULT_NONE, "%s: %s", m->model,
			hw_fault_words(a.fault.fault));
		cr_assert_eq(a.tlb, HW_TLB_MISS);
		cr_assert_eq(a.pa, (pfn << PAGE_SHIFT) + 8);
		a = access_as(m, 0, HW_LOAD, va + 8, 0, false);
		cr_assert_eq(a.value, 0x12345678);
		cr_assert_eq(a.tlb, HW_TLB_HIT);
		a = access_as(m, 0, HW_LOAD, va + 8, 0, true);
		cr_assert_eq(
			a.fault.fault, HW_FAULT_USER, "%s: user mode read the kernel", m->model);
		cr_assert_eq(cpus_check(m, &out), 0);
		text_finish(&out);
		machine_destroy(m);
	}
}

Test(kernel_map, i386_by_the_book)
{
	struct machine *m = boot("pc-i386", "512M");
	struct hw_regime r = machine_cpu_regime(m, 0);
	struct dram d = machine_dram(m);
	struct page_walk w;

	cr_assert_eq(r.mode, PAGING_X86_32);
	walk_tables(&r, &d, 0xc0012345, &w);
	cr_assert_eq(w.pa, 0x12345);
	cr_assert_eq(w.page_shift, 12, "the first 4 MiB are mapped by small pages");
	cr_assert_eq(w.nr_steps, 2);
	cr_assert_eq(w.step[0].entry_at, m->kernel_map.root + 0x300 * 4);
	cr_assert_eq(w.step[1].entry, 0x12163);
	walk_tables(&r, &d, 0xd0012345, &w);
	cr_assert_eq(w.pa, 0x10012345);
	cr_assert_eq(w.page_shift, 22);
	cr_assert_eq(w.step[0].entry, 0x100001e3);
	walk_tables(&r, &d, 0x12345678, &w);
	cr_assert_eq(w.fault, HW_FAULT_NOT_PRESENT,
		"nothing is mapped for a process that does not exist");
	walk_tables(&r, &d, 0xe0000000, &w);
	cr_assert_eq(w.fault, HW_FAULT_NOT_PRESENT, "512 MiB end there");
	struct hw_access a = access_as(m, 0, HW_STORE, 0xc1000000, 1, false);

	cr_assert_eq(a.fault.fault, HW_FAULT_WRITE, "the kernel's code");
	cr_assert_eq(access_as(m, 0, HW_FETCH, 0xc1000000, 0, false).fault.fault, HW_FAULT_NONE);
	machine_destroy(m);
}

/* The identity map translates the image's addresses to themselves, and nothing else. */
Test(kernel_map, identity_map)
{
	struct machine *m = boot("pc-x86_64", NULL);
	struct hw_regime r = machine_cpu_regime(m, 0);
	struct dram d = machine_dram(m);
	struct page_walk w;

	r.root[0] = m->kernel_map.idmap_root;
	walk_tables(&r, &d, 0x1000000, &w);
	cr_assert_eq(w.fault, HW_FAULT_NONE);
	cr_assert_eq(w.pa, 0x1000000);
	walk_tables(&r, &d, 0x10000000, &w);
	cr_assert_eq(w.fault, HW_FAULT_NOT_PRESENT);
	r = machine_cpu_regime(m, 0);
	walk_tables(&r, &d, 0x1000000, &w);
	cr_assert_eq(w.fault, HW_FAULT_NOT_PRESENT, "afterwards it is not in use");
	walk_tables(&r, &d, 0xffffffff81000000, &w);
	cr_assert_eq(w.pa, 0x1000000);
	cr_assert_eq(w.flags & HW_ALL, HW_PR | HW_PX, "code");
	machine_destroy(m);
}

Test(kernel_map, high_memory_has_no_address)
{
	struct machine *m = boot("pc-i386", "2G");
	uint64_t end = page_offset(m) + m->kernel_map.low_end;

	cr_assert_eq(access_as(m, 0, HW_LOAD, end - 4, 0, false).fault.fault, HW_FAULT_NONE);
	cr_assert_eq(access_as(m, 0, HW_LOAD, end, 0, false).fault.fault, HW_FAULT_NOT_PRESENT);
	machine_destroy(m);
}

Test(kernel_map, a_tebibyte_needs_few_tables)
{
	struct machine *m = boot("pc-x86_64", "1T");
	struct text out;

	text_init(&out);
	cr_assert_leq(m->kernel_map.tables_bytes, 128 << 10);
	cr_assert_geq(m->kernel_map.leaves[1], 1000, "1 GiB pages");
	cr_assert_eq(kernel_map_check(m, &out), 0, "%s", text_str(&out));
	cr_assert_eq(m->cpus.at[0], 0, "a CPU that has done nothing costs nothing");
	text_finish(&out);
	machine_destroy(m);
}

Test(kernel_map, cpus_have_their_own_tlbs_and_are_copied)
{
	struct machine *m = boot("pc-x86_64", NULL), *copy;
	uint64_t va = page_offset(m) + (64 << 20);

	if (m->nr_cpus > 1) {
		access_as(m, 0, HW_LOAD, va, 0, false);
		cr_assert_eq(access_as(m, 1, HW_LOAD, va, 0, false).tlb, HW_TLB_MISS);
		cr_assert_eq(machine_flush_tlb_all(m), 2);
	}
	access_as(m, 0, HW_STORE, va, 0xbeef, false);
	cr_assert_eq(machine_copy(m, &copy, NULL), 0);
	cr_assert_eq(machine_digest(m), machine_digest(copy));
	struct hw_access a = access_as(copy, 0, HW_LOAD, va, 0, false);

	cr_assert_eq(a.value, 0xbeef);
	cr_assert_eq(a.tlb, HW_TLB_HIT, "the TLB is state");
	cr_assert_neq(machine_digest(m), machine_digest(copy));
	machine_destroy(m);
	machine_destroy(copy);
}

/* An entry that someone overwrites is found. */
Test(kernel_map, the_check_can_fail)
{
	struct machine *m = boot("pc-i386", "512M");
	struct dram d = machine_dram(m);
	struct text out;

	text_init(&out);
	cr_assert_eq(dram_store(&d, m->kernel_map.root + 0x340 * 4, 4, 0x200001e7, NULL), 0);
	cr_assert_gt(kernel_map_check(m, &out), 0);
	text_finish(&out);
	machine_destroy(m);
}

static struct machine *boot_with(struct cpu_desc cpu)
{
	struct machine_desc *desc = calloc(1, sizeof(*desc));
	struct machine *m = NULL;

	cr_assert_eq(describe_fdt(desc, preset_find("arm64-virt")->fdt, NULL), 0);
	desc->cpu = cpu;
	cr_assert_eq(describe_finish(desc, NULL), 0);
	cr_assert_eq(machine_create(desc, &m, NULL), 0);
	free(desc);
	return m;
}

/* A CPU's sizes are its devicetree node's; what makes no sense leaves the default. */
Test(kernel_map, sizes_of_tlbs_and_cache)
{
	struct machine *m = boot_with((struct cpu_desc){.dtlb_entries = 48,
		.stlb_entries = 1024,
		.stlb_sets = 256,
		.dcache_bytes = 32768,
		.dcache_sets = 256,
		.dcache_line_bytes = 64});

	cr_assert_eq(m->cpus.desc.dtlb.sets, 1);
	cr_assert_eq(m->cpus.desc.dtlb.ways, 48);
	cr_assert_eq(m->cpus.desc.stlb.ways, 4);
	cr_assert_eq(m->cpus.desc.dcache.ways, 2, "the Raspberry Pi 4's");
	cr_assert_eq(access_as(m, 0, HW_LOAD, page_offset(m) + (256 << 20), 0, false).fault.fault,
		HW_FAULT_NONE);
	machine_destroy(m);
	m = boot_with((struct cpu_desc){.dtlb_entries = 48,
		.dtlb_sets = 7,
		.stlb_entries = UINT32_MAX,
		.stlb_sets = 1,
		.dcache_bytes = UINT32_MAX,
		.dcache_sets = 1u << 31,
		.dcache_line_bytes = 1u << 31});
	cr_assert_eq(m->cpus.desc.dtlb.sets, 16);
	cr_assert_eq(m->cpus.desc.stlb.sets, 128);
	cr_assert_eq(m->cpus.desc.dcache.sets, 64);
	machine_destroy(m);
}

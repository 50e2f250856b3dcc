/* SPDX-License-Identifier: MIT
 *
 * Claim: after boot the page tables in RAM map low memory for the kernel and for nobody else, in every preset, with
 * pages so large that a huge machine needs few tables; and a CPU that follows them reads what lies there.
 */
#include "base/text.h"
#include "mm/kernel/cpus.h"
#include "mm/kernel/layout.h"
#include "mm/kernel/pgtable.h"
#include "mm/machine.h"
#include "mm/page/address.h"
#include "mm/page/contents.h"
#include "mm/page/zone.h"
#include "mm/process/pgtables.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
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

		if (!machine_has(m, CONFIG_MMU)) {
			machine_destroy(m);
			continue;
		}
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

/* ---- the rest of the kernel's half ---- */

/* Levels of tables that there are for @va; as many as the mode has: the next would be the page itself. */
static unsigned levels(struct machine *m, uint64_t va)
{
	struct hw_regime r = kernel_map_regime(m);
	struct dram d = machine_dram(m);
	struct page_walk w;

	walk_tables(&r, &d, va, &w);
	cr_assert(w.fault == HW_FAULT_NOT_PRESENT || w.fault == HW_FAULT_NONE);
	return w.nr_steps;
}

/* Tables that wait for their entries, by preset. */
Test(kernel_map, areas_have_tables)
{
	static const struct {
		const char *preset;
		uint64_t va;
		unsigned levels;
	} row[] = {
		{"pc-i386", 0xfffff000 - 4096, 2}, /* fixmap */
		{"pc-i386", 0xfec00000, 2},	   /* pkmap: 4 MiB of windows */
		{"pc-i386", 0xfefff000, 2},
		{"pc-i386", 0xfebfd000, 1}, /* vmalloc's end: tables come later */
		{"pc-i386-pae", 0xfffff000 - 4096, 3},
		{"pc-i386-pae", 0xff000000, 3},
		{"pc-x86_64", 0xffffffffff400000, 4},
		{"pc-x86_64", 0xffffffffff7fe000, 4},
		{"pc-x86_64", 0xffffc90000000000, 2}, /* vmalloc: shared tables below the top one */
		{"pc-x86_64", 0xffffe8ffffffffff, 2},
		{"pc-x86_64", 0xffffe90000000000, 1}, /* behind it */
		{"arm-virt", 0xffc80000, 2},
		{"arm-virt", 0xffeff000, 2},
		{"arm-virt", 0xbfe00000, 2}, /* pkmap, below the direct map */
		{"arm-virt", 0xbf000000, 1}, /* modules */
		{"arm64-virt", 0xfffffbfffda00000, 4},
		{"riscv64-virt", 0xffffffc6fea00000, 3},
	};

	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct machine *m = boot(row[i].preset, "2G");

		cr_assert_eq(levels(m, row[i].va), row[i].levels, "%s 0x%llx: %u levels",
			row[i].preset, (unsigned long long)row[i].va, levels(m, row[i].va));
		cr_assert(m->kernel_map.areas);
		machine_destroy(m);
	}
}

/* What boot saw through the fixmap: on some machines it stays. */
Test(kernel_map, early_fixmap)
{
	static const struct {
		const char *preset;
		uint64_t va;
		bool stays;
	} row[] = {
		{"pc-i386", 0xffa00000, false},
		{"pc-x86_64", 0xffffffffff200000, false},
		{"arm-virt", 0xff800000, true},
		{"arm64-virt", 0xfffffbfffdc00000, true},
		{"riscv64-virt", 0xffffffc6fec00000, false},
	};

	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct machine *m = boot(row[i].preset, NULL);
		struct hw_access a = access_as(m, 0, HW_LOAD, row[i].va, 0, false);
		struct text log;
		char words[32];

		text_init(&log);
		log_show(m, &log);
		snprintf(words, sizeof(words), "at 0x%llx, before", (unsigned long long)row[i].va);
		cr_assert_not_null(strstr(text_str(&log), words), "%s: %s", row[i].preset, words);
		cr_assert_eq(!a.fault.fault, row[i].stays, "%s", row[i].preset);
		if (row[i].stays)
			cr_assert_eq(access_as(m, 0, HW_STORE, row[i].va, 0, false).fault.fault,
				HW_FAULT_WRITE);
		text_finish(&log);
		machine_destroy(m);
	}
}

/* ARM's page of helpers: user mode reads and runs it, the stubs' page behind it is the kernel's. */
Test(kernel_map, arm_vectors)
{
	struct machine *m = boot("arm-virt", NULL);

	cr_assert_eq(access_as(m, 0, HW_FETCH, 0xffff0fe0, 0, true).fault.fault, HW_FAULT_NONE);
	cr_assert_eq(access_as(m, 0, HW_LOAD, 0xffff0ffc, 0, true).value, 5);
	cr_assert_eq(access_as(m, 0, HW_STORE, 0xffff0ffc, 0, true).fault.fault, HW_FAULT_WRITE);
	cr_assert_eq(access_as(m, 0, HW_STORE, 0xffff0ffc, 0, false).fault.fault, HW_FAULT_WRITE);
	cr_assert_eq(access_as(m, 0, HW_LOAD, 0xffff1000, 0, true).fault.fault, HW_FAULT_USER);
	cr_assert_eq(access_as(m, 0, HW_FETCH, 0xffff1000, 0, false).fault.fault, HW_FAULT_NONE);
	machine_destroy(m);
}

/* What the hardware tells the kernel of user accesses to its half. The oracle's derived/faults.tsv has what a handler
 * sees: the same on ARM; elsewhere the kernel makes it say less (x86: always present, AArch64: always level 0). */
Test(kernel_map, error_codes_of_the_kernel_half)
{
	static const struct {
		const char *preset;
		uint64_t va, code;
		unsigned vector;
	} row[] = {
		{"arm-virt", 0xc0100000, 0xd, 0},  /* armhf kernel_read: a section, permission */
		{"arm-virt", 0xfffff000, 0x37, 0}, /* armhf noncanon: a page of domain 3 */
		{"pc-x86_64", 0xffffffff81000000, 0x5, 14}, /* amd64 kernel_read */
		{"pc-x86_64", 0x800000000000, 0, 13},	    /* amd64 noncanon */
		{"pc-i386", 0xc0100000, 0x5, 14},	    /* i386 kernel_read */
		{"pc-i386", 0xfffff000, 0x4, 14},	    /* i386 noncanon, sanitized to 5 */
		{"arm64-virt", 0xffff800008000000, 0x9200000e,
			0x24}, /* a block of level 2, sanitized */
		{"arm64-virt", 0x900000000000, 0x92000004, 0x24}, /* arm64 noncanon */
		{"riscv64-virt", 0xffffffff80000000, 13, 13},
	};

	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct machine *m = boot(row[i].preset, NULL);
		struct hw_access a = access_as(m, 0, HW_LOAD, row[i].va, 0, true);

		cr_assert_neq(a.fault.fault, HW_FAULT_NONE);
		cr_assert_eq(a.code, row[i].code, "%s 0x%llx: code 0x%llx", row[i].preset,
			(unsigned long long)row[i].va, (unsigned long long)a.code);
		cr_assert_eq(a.vector, row[i].vector);
		machine_destroy(m);
	}
}

static struct machine *boot_cpu(const char *preset, struct cpu_desc cpu, const char *cmdline)
{
	struct machine_desc *d = calloc(1, sizeof(*d));
	struct machine *m = NULL;

	cr_assert_eq(describe_fdt(d, preset_find(preset)->fdt, NULL), 0);
	d->cpu = cpu;
	cr_assert_eq(describe_option(d, "cmdline", cmdline, NULL), 0);
	cr_assert_eq(describe_finish(d, NULL), 0);
	cr_assert_eq(machine_create(d, &m, NULL), 0);
	free(d);
	return m;
}

Test(kernel_map, five_levels)
{
	struct machine *m = boot_cpu("pc-x86_64", (struct cpu_desc){.la57 = true}, "");
	struct text out;

	text_init(&out);
	cr_assert_eq(m->kernel_map.mode, PAGING_X86_64_LA57);
	cr_assert_eq(page_offset(m), 0xff11000000000000);
	cr_assert_eq(m->cpus.reg[HW_CR4] >> 12 & 1, 1);
	cr_assert_eq(access_as(m, 0, HW_LOAD, 0xff11000004000000, 0, false).pa, 0x4000000);
	cr_assert_eq(access_as(m, 0, HW_FETCH, 0xffffffff81000000, 0, false).pa, 0x1000000);
	cr_assert_eq(levels(m, 0xffa0000000000000), 2, "vmalloc");
	cr_assert_eq(levels(m, 0xffd1ffffffffffff), 2);
	cr_assert_eq(levels(m, 0xffd2000000000000), 1);
	cr_assert_eq(kernel_map_check(m, &out), 0, "%s", text_str(&out));
	machine_destroy(m);
	m = boot_cpu("pc-x86_64", (struct cpu_desc){.la57 = true}, "no5lvl");
	cr_assert_eq(m->kernel_map.mode, PAGING_X86_64);
	cr_assert_eq(page_offset(m), 0xffff888000000000);
	machine_destroy(m);
	text_finish(&out);
}

/* Switches of the command line, as cr4 and the tables show them. */
Test(kernel_map, what_the_command_line_keeps_off)
{
	static const struct {
		const char *cmdline;
		uint64_t cr4;
	} row[] = {
		{"", 0x3200b0}, {"nopcid", 0x3000b0}, {"nosmep", 0x2200b0}, {"nosmap", 0x1200b0}};

	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct machine *m = boot_cpu("pc-x86_64", (struct cpu_desc){0}, row[i].cmdline);

		cr_assert_eq(m->cpus.reg[HW_CR4], row[i].cr4, "%s", row[i].cmdline);
		cr_assert_gt(m->kernel_map.leaves[1], 0);
		machine_destroy(m);
	}
	struct machine *m = boot_cpu("pc-x86_64", (struct cpu_desc){0}, "nogbpages");

	cr_assert_eq(m->kernel_map.leaves[1], 0);
	machine_destroy(m);
}

/* A table that someone took away, a helper page that someone opened: each is found. */
Test(kernel_map, the_check_of_areas_can_fail)
{
	static const struct {
		const char *preset;
		uint64_t va;
		unsigned depth;
	} row[] = {{"pc-x86_64", 0xffffc90000000000, 0}, {"pc-i386", 0xfec00000, 0},
		{"arm-virt", 0xffff0000, 0}, {"arm64-virt", 0xfffffbfffda00000, 1}};

	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct machine *m = boot(row[i].preset, "2G");
		struct pgtable t = pgtable_at(m, m->kernel_map.root, NULL);
		struct text out;

		text_init(&out);
		cr_assert_eq(kernel_map_check(m, &out), 0, "%s", text_str(&out));
		pgtable_clear(&t, row[i].va, PAGE_BYTES, row[i].depth);
		cr_assert_gt(kernel_map_check(m, &out), 0, "%s", row[i].preset);
		text_finish(&out);
		machine_destroy(m);
	}
}

/* A process's top table has the kernel's half, entry by entry, and nothing else. */
Test(kernel_map, copied_into_every_top_table)
{
	for (unsigned i = 0; preset_nth(i); i++) {
		struct machine *m = boot(preset_nth(i)->name, NULL);
		const struct paging_level *top = &paging_modes[m->kernel_map.mode].level[0];
		uint64_t entries = 1ULL << top->bits, kernels = 0;
		struct dram d = machine_dram(m);
		struct mm *mm = machine_at(m, heap_alloc(m, sizeof(*mm)));

		if (m->kernel_map.mode == PAGING_NONE) {
			machine_destroy(m);
			continue;
		}
		cr_assert_eq(pgd_alloc(m, 0, mm), 0);
		for (uint64_t n = 0; n < entries; n++) {
			uint64_t at = n * top->entry_bytes, mine, kernel;

			cr_assert_eq(dram_load(&d, mm->pgd + at, top->entry_bytes, &mine), 0);
			cr_assert_eq(
				dram_load(&d, m->kernel_map.root + at, top->entry_bytes, &kernel),
				0);
			kernels += kernel != 0;
			cr_assert_eq(mine, m->arch == ARCH_ARM64 ? 0 : kernel, "%s: entry %llu",
				m->model, (unsigned long long)n);
		}
		cr_assert_gt(kernels, 0);
		machine_destroy(m);
	}
}

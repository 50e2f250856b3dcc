/* SPDX-License-Identifier: MIT
 *
 * Claim: with page-table isolation user mode runs on tables in which the kernel is not, but for the way into it; without,
 * the whole kernel is in every table, closed by one bit of each entry.
 *
 *	                 kernel's top table            user mode's
 *	user's half      user pages (64 bits: NX)      the same tables
 *	kernel's half    everything                    CPU entry areas, entry code
 */
#include "base/text.h"
#include "mm/kernel/layout.h"
#include "mm/machine.h"
#include "mm/page/address.h"
#include "mm/page/contents.h"
#include "support/booted.h"
#include "support/user_mm.h"

static const struct {
	const char *preset, *cmdline;
} isolated[] = {{"pc-x86_64", "pti=on"}, {"pc-x86_64", "pti=on nopcid"}, {"pc-i386-pae", "pti=on"}};
enum { NR_ISOLATED = sizeof(isolated) / sizeof(isolated[0]) };

static struct machine *boot(const char *preset, const char *cmdline)
{
	return booted(preset, "cpus", "2", "cmdline", cmdline, NULL);
}

/* How the tables at @root translate, the user's half and the kernel's. */
static struct page_walk walk(struct machine *m, uint64_t root, uint64_t va)
{
	struct hw_regime r = kernel_map_regime(m);
	struct dram d = machine_dram(m);
	struct page_walk w;

	r.root[0] = root;
	walk_tables(&r, &d, va, &w);
	return w;
}

static uint64_t entry_text(const struct machine *m)
{
	return m->arch == ARCH_X86_64 ? 0xffffffff81c00000 : 0xc1600000;
}

static const char *log_has(const struct machine *m, const char *words)
{
	return strstr(booted_log(m), words);
}

Test(pti, the_command_line_decides)
{
	static const struct {
		const char *preset, *cmdline;
		bool meltdown, pti;
	} row[] = {
		{"pc-x86_64", "", false, false},
		{"pc-x86_64", "pti=auto", false, false},
		{"pc-x86_64", "pti=on", false, true},
		{"pc-x86_64", "", true, true},
		{"pc-x86_64", "nopti", true, false},
		{"pc-x86_64", "pti=off", true, false},
		{"pc-x86_64", "mitigations=off", true, false},
		{"pc-x86_64", "mitigations=off pti=on", true, true},
		{"pc-i386-pae", "pti=on", false, true},
		{"pc-i386", "pti=on", false,
			false}, /* two levels: CONFIG_PAGE_TABLE_ISOLATION needs PAE */
		{"arm64-virt", "pti=on", false, false},
	};

	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct machine_desc *d = described(row[i].preset);

		d->cpu.meltdown = row[i].meltdown;
		cr_assert_eq(describe_option(d, "cmdline", row[i].cmdline, NULL), 0);
		struct machine *m = boot_described(d);

		cr_assert_eq(m->kernel_map.pti, row[i].pti, "%s %s", row[i].preset, row[i].cmdline);
		cr_assert_eq(!!log_has(m, "isolation: enabled"), row[i].pti);
		machine_destroy(m);
	}
}

Test(pti, user_tables_have_only_the_trampoline)
{
	for (unsigned i = 0; i < NR_ISOLATED; i++) {
		struct machine *m = boot(isolated[i].preset, isolated[i].cmdline);
		struct mm *mm = new_mm(m);
		uint64_t pa = map(m, mm, VA), low = page_offset(m) + (64 << 20);
		struct kernel_range entry = kernel_area(m, AREA_CPU_ENTRY);

		cr_assert_neq(mm->user_pgd, 0);
		cr_assert_eq(walk(m, mm->pgd, VA).pa, pa);
		cr_assert_eq(walk(m, mm->user_pgd, VA).pa, pa, "user memory is in both");
		cr_assert_eq(walk(m, mm->pgd, low).pa, 64 << 20);
		cr_assert_eq(walk(m, mm->user_pgd, low).fault, HW_FAULT_NOT_PRESENT);
		cr_assert_eq(walk(m, mm->user_pgd, kernel_area(m, AREA_FIXMAP).start).fault,
			HW_FAULT_NOT_PRESENT);
		struct page_walk k = walk(m, mm->pgd, entry_text(m)),
				 u = walk(m, mm->user_pgd, entry_text(m));

		cr_assert_eq(k.pa, 0x1c00000 - (m->arch == ARCH_I386) * 0x600000);
		cr_assert_eq(u.pa, k.pa);
		cr_assert_eq(u.flags & HW_ALL, HW_PR | HW_PX);
		cr_assert_eq(walk(m, mm->user_pgd, entry_text(m) - 4).fault, HW_FAULT_NOT_PRESENT);
		for (unsigned cpu = 0; cpu < m->nr_cpus; cpu++) {
			uint64_t stack = entry.start + 2 * PAGE_BYTES + cpu * cpu_entry_stride(m);

			k = walk(m, mm->pgd, stack);
			u = walk(m, mm->user_pgd, stack);
			cr_assert_eq(k.fault, HW_FAULT_NONE);
			cr_assert_eq(u.pa, k.pa);
			cr_assert_eq(u.flags & HW_ALL, HW_PR | HW_PW);
		}
		cr_assert_eq(walk(m, mm->pgd, VA).step[0].entry >> 63, m->arch == ARCH_X86_64,
			"the kernel does not run user code");
		machine_destroy(m);
	}
}

/* Between user mode and kernel cr3 changes, and nothing is global but what both have. */
Test(pti, two_directories_and_two_pcids)
{
	for (unsigned i = 0; i < NR_ISOLATED; i++) {
		struct machine *m = boot(isolated[i].preset, isolated[i].cmdline);
		struct mm *mm = new_mm(m);
		bool pcid = m->processes.asids.bits;
		struct hw_access k = {
			.va = page_offset(m) + (64 << 20), .bytes = 4, .kind = HW_LOAD};

		map(m, mm, VA);
		cr_assert_eq(pcid, !i);
		cr_assert_eq(user(m, 0, mm, VA).tlb, HW_TLB_MISS);
		cr_assert_eq(
			machine_cpu_registers(m, 0)[HW_CR3], mm->user_pgd | (pcid ? 0x801 : 0));
		cr_assert_eq(user(m, 0, mm, VA).tlb, HW_TLB_HIT);
		cr_assert_eq(machine_access(m, 0, &k), 0);
		cr_assert_eq(k.tlb, HW_TLB_MISS);
		cr_assert_eq(machine_cpu_registers(m, 0)[HW_CR3], mm->pgd | (pcid ? 1 : 0));
		cr_assert_eq(user(m, 0, mm, VA).tlb, pcid ? HW_TLB_HIT : HW_TLB_MISS,
			"without PCIDs each way into the kernel empties the TLB");
		cr_assert_eq(machine_access(m, 0, &k), 0);
		cr_assert_eq(k.tlb, pcid ? HW_TLB_HIT : HW_TLB_MISS);
		cr_assert_eq(
			user(m, 0, mm, k.va).fault.fault, HW_FAULT_NOT_PRESENT, "not even present");
		machine_destroy(m);
	}
}

Test(pti, without_it_the_kernel_is_there_and_global)
{
	struct machine *m = booted("pc-x86_64", NULL);
	struct mm *a = new_mm(m), *b = new_mm(m);
	struct hw_access k = {.va = page_offset(m) + (64 << 20), .bytes = 4, .kind = HW_LOAD};

	cr_assert_eq(a->user_pgd, 0);
	cr_assert_eq(switch_mm(m, 0, a), 0);
	cr_assert_eq(machine_access(m, 0, &k), 0);
	cr_assert_eq(switch_mm(m, 0, b), 0);
	cr_assert_eq(machine_access(m, 0, &k), 0);
	cr_assert_eq(k.tlb, HW_TLB_HIT);
	cr_assert_eq(
		user(m, 0, b, k.va).fault.fault, HW_FAULT_USER, "there, but not for user mode");
	machine_destroy(m);
}

/* What is unmapped is forgotten under both numbers, in whichever mode the CPU is, and on the other CPU. */
Test(pti, shootdown_of_both_halves)
{
	struct text out;

	text_init(&out);
	for (unsigned i = 0; i < NR_ISOLATED; i++)
		for (unsigned pages = 1; pages < 100; pages += 60)
			for (unsigned in_kernel = 0; in_kernel < 2; in_kernel++) {
				struct machine *m = boot(isolated[i].preset, isolated[i].cmdline);
				struct mm *mm = new_mm(m);

				map(m, mm, VA);
				user(m, 0, mm, VA);
				user(m, 1, mm, VA);
				if (in_kernel) {
					enter_kernel(m, 0);
					enter_kernel(m, 1);
				}
				unmap(m, mm, VA);
				flush_tlb_range(m, 0, mm, VA, VA + pages * PAGE_BYTES);
				for (unsigned cpu = 0; cpu < 2; cpu++)
					cr_assert_eq(user(m, cpu, mm, VA).fault.fault,
						HW_FAULT_NOT_PRESENT);
				cr_assert_eq(m->processes.tlb_shootdown_ipis, 1);
				cr_assert_eq(tlbs_check(m, &out), 0, "%s", text_str(&out));
				machine_destroy(m);
			}
	text_finish(&out);
}

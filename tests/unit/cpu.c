/* SPDX-License-Identifier: MIT
 *
 * Claim: a CPU's accesses give what its registers and the tables in RAM say: bytes, time, where the translation came
 * from, and faults with the architecture's code in the architecture's registers.
 */
#include "base/rng.h"
#include "hw/cpu.h"
#include "support/lone_cpu.h"
#include "support/ram.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct hw_cpu *make(enum hw_family family)
{
	struct hw_cpu_desc desc = hw_cpu_default(family);

	return lone_cpu(&desc);
}

static struct hw_access act(struct hw_cpu *cpu, struct ram *ram, enum hw_kind kind, uint64_t va,
	unsigned bytes, uint64_t value, bool user)
{
	struct hw_access a = {.va = va,
		.bytes = (uint8_t)bytes,
		.kind = (uint8_t)kind,
		.value = value,
		.user = user};
	int err = hw_access(cpu, &ram->dram, &a, NULL);

	cr_assert_eq(err != 0, a.fault.fault != HW_FAULT_NONE);
	cr_assert(!err || err == -EFAULT);
	cr_assert_null(hw_cpu_check(cpu));
	return a;
}

static struct hw_access load(struct hw_cpu *cpu, struct ram *ram, uint64_t va, unsigned bytes)
{
	return act(cpu, ram, HW_LOAD, va, bytes, 0, false);
}

/* An i386 whose first 4 MiB are mapped at 0xc0000000 by one large page, and page 0x12345 by a table. */
static struct hw_cpu *i386(struct ram *ram)
{
	struct hw_cpu *cpu = make(HW_X86_32);

	put32(ram, 0x1000 + 0x300 * 4, 0x000001e3);
	put32(ram, 0x1000 + 0x48 * 4, 0x2007);
	put32(ram, 0x2000 + 0x345 * 4, 0x3007);
	put32(ram, 0x2000 + 0x346 * 4, 0x7007);
	set_reg(cpu, HW_CR3, 0x1000);
	set_reg(cpu, HW_CR4, 1 << 4 | 1 << 7);
	set_reg(cpu, HW_CR0, 0x80010001);
	return cpu;
}

Test(cpu, before_the_mmu_addresses_are_physical)
{
	struct ram ram;
	struct hw_cpu *cpu = make(HW_ARM64);

	ram_init(&ram, 1 << 20);
	put64(&ram, 0x8000, 0x1122334455667788);
	struct hw_access a = load(cpu, &ram, 0x8000, 8);

	cr_assert_eq(a.value, 0x1122334455667788);
	cr_assert_eq(a.tlb, HW_TLB_OFF);
	a = load(cpu, &ram, 0x200000, 4);
	cr_assert_eq(a.fault.fault, HW_FAULT_NO_RAM, "an external abort");
	cr_assert_eq(cpu->reg[HW_ESR_EL1], 0x96000010);
	free(cpu);
	ram_finish(&ram);
}

Test(cpu, first_a_walk_then_the_tlb)
{
	struct ram ram;

	ram_init(&ram, 16 << 20);
	struct hw_cpu *cpu = i386(&ram);

	put32(&ram, 0x3678, 0xcafe);
	struct hw_access a = load(cpu, &ram, 0x12345678, 4);

	cr_assert_eq(a.value, 0xcafe);
	cr_assert_eq(a.pa, 0x3678);
	cr_assert_eq(a.tlb, HW_TLB_MISS);
	/* two entries and one line of data from memory, two steps, two accessed flags */
	cr_assert_eq(a.cycles, 3 * 200 + 2 * HW_CYCLES_WALK_STEP + 2 * HW_CYCLES_SET_FLAG);
	a = load(cpu, &ram, 0x12345678, 4);
	cr_assert_eq(a.tlb, HW_TLB_HIT);
	cr_assert_eq(a.cycles, 4);
	cr_assert_eq(get(&ram, 0x2d14, 4), 0x3027, "accessed, not dirty");
	a = act(cpu, &ram, HW_STORE, 0x12345000, 1, 0xff, true);
	cr_assert_eq(a.tlb, HW_TLB_MISS, "the first store walks again, for the dirty flag");
	cr_assert_eq(get(&ram, 0x2d14, 4), 0x3067);
	cr_assert_eq(cpu->counters.walks, 2);
	cr_assert_eq(act(cpu, &ram, HW_FETCH, 0x12345000, 1, 0, true).tlb, HW_TLB_HIT2,
		"instructions have their own");
	/* The table changes: the TLB does not know, until it is told. */
	put32(&ram, 0x2d14, 0x5007);
	cr_assert_eq(load(cpu, &ram, 0x12345678, 4).pa, 0x3678);
	hw_invlpg(cpu, 0x12345000);
	cr_assert_eq(load(cpu, &ram, 0x12345678, 4).pa, 0x5678);
	cpu->count_cycles = false;
	cr_assert_eq(load(cpu, &ram, 0x12346000, 4).cycles, 0);
	free(cpu);
	ram_finish(&ram);
}

Test(cpu, x86_page_faults)
{
	struct ram ram;

	ram_init(&ram, 16 << 20);
	struct hw_cpu *cpu = i386(&ram);
	struct hw_access a = act(cpu, &ram, HW_STORE, 0x00000123, 4, 1, true);

	cr_assert_eq(a.fault.fault, HW_FAULT_NOT_PRESENT);
	cr_assert_eq(a.vector, 14);
	cr_assert_eq(a.code, 6);
	cr_assert_eq(cpu->reg[HW_CR2], 0x123);
	a = act(cpu, &ram, HW_LOAD, 0xc0001000, 4, 0, true);
	cr_assert_eq(a.fault.fault, HW_FAULT_USER);
	cr_assert_eq(a.code, 5);
	cr_assert_eq(load(cpu, &ram, 0xc0001000, 4).fault.fault, HW_FAULT_NONE);
	a = act(cpu, &ram, HW_LOAD, 0xc0001000, 4, 0, true);
	cr_assert_eq(a.code, 5, "the TLB keeps the user bit");
	cr_assert_eq(act(cpu, &ram, HW_FETCH, 0xc0002000, 1, 0, false).fault.fault, HW_FAULT_NONE,
		"no NX here");
	free(cpu);
	ram_finish(&ram);
}

/* A stale entry that forbids what the table allows makes one fault on x86, and then is gone. */
Test(cpu, a_stale_entry_faults_once)
{
	struct ram ram;

	ram_init(&ram, 16 << 20);
	struct hw_cpu *cpu = i386(&ram);

	put32(&ram, 0x2d14, 0x3005);
	cr_assert_eq(load(cpu, &ram, 0x12345678, 4).fault.fault, HW_FAULT_NONE);
	put32(&ram, 0x2d14, 0x3007);
	cr_assert_eq(act(cpu, &ram, HW_STORE, 0x12345678, 4, 1, true).code, 7);
	cr_assert_eq(act(cpu, &ram, HW_STORE, 0x12345678, 4, 1, true).fault.fault, HW_FAULT_NONE);
	free(cpu);
	ram_finish(&ram);
}

Test(cpu, an_access_over_two_pages_is_whole_or_not_at_all)
{
	struct ram ram;

	ram_init(&ram, 16 << 20);
	struct hw_cpu *cpu = i386(&ram);
	struct hw_access a = act(cpu, &ram, HW_STORE, 0x12345ffd, 8, 0x8877665544332211, true);

	cr_assert_eq(a.fault.fault, HW_FAULT_NONE);
	cr_assert_eq(get(&ram, 0x3ffd, 3), 0x332211);
	cr_assert_eq(get(&ram, 0x7000, 5), 0x8877665544);
	cr_assert_eq(load(cpu, &ram, 0x12345ffd, 8).value, 0x8877665544332211);
	a = act(cpu, &ram, HW_STORE, 0x12346ffe, 4, UINT32_MAX, true);
	cr_assert_eq(a.fault.fault, HW_FAULT_NOT_PRESENT);
	cr_assert_eq(a.fault.va, 0x12347000, "the byte that faulted");
	cr_assert_eq(get(&ram, 0x7ffe, 2), 0, "nothing was stored");
	free(cpu);
	ram_finish(&ram);
}

/* What no device answers: all ones on a PC, lost writes. */
Test(cpu, an_access_without_data_leaves_marks_and_no_contents)
{
	struct ram ram;

	ram_init(&ram, 1 << 20);
	struct hw_cpu *cpu = i386(&ram);
	struct hw_access a = {
		.va = 0x12345678, .bytes = 4, .kind = HW_STORE, .value = 7, .no_data = true};

	cr_assert_not(dram_has(&ram.dram, 0x3000));
	cr_assert_eq(hw_access(cpu, &ram.dram, &a, NULL), 0);
	cr_assert_eq(a.pa, 0x3678);
	cr_assert_eq(a.tlb, HW_TLB_MISS);
	cr_assert_gt(a.cycles, 0);
	cr_assert_eq(get(&ram, 0x2000 + 0x345 * 4, 4), 0x3067, "accessed and dirty");
	cr_assert_not(dram_has(&ram.dram, 0x3000), "the page itself has still nothing in it");
	a.va = 0x12345ffe;
	cr_assert_eq(hw_access(cpu, &ram.dram, &a, NULL), 0);
	cr_assert_eq(get(&ram, 0x2000 + 0x346 * 4, 4), 0x7067, "of both pages");
	cr_assert_not(dram_has(&ram.dram, 0x3000) || dram_has(&ram.dram, 0x7000));
	a.va = 0x12347000;
	cr_assert_eq(hw_access(cpu, &ram.dram, &a, NULL), -EFAULT);
	cr_assert_eq(a.fault.fault, HW_FAULT_NOT_PRESENT);
	cr_assert_eq(a.value, 7);
	free(cpu);
	ram_finish(&ram);
}

Test(cpu, holes_of_a_pc_read_as_ones)
{
	struct ram ram;

	ram_init(&ram, 2 << 20);
	struct hw_cpu *cpu = i386(&ram);

	cr_assert_eq(load(cpu, &ram, 0xc0300000, 4).value, UINT32_MAX);
	cr_assert_eq(act(cpu, &ram, HW_STORE, 0xc0300000, 4, 1, false).fault.fault, HW_FAULT_NONE);
	free(cpu);
	ram_finish(&ram);
}

Test(cpu, address_spaces_with_and_without_pcid)
{
	struct ram ram;
	struct hw_cpu *cpu = make(HW_X86_64);

	ram_init(&ram, 1 << 20);
	for (uint64_t space = 0; space < 2; space++) {
		uint64_t at = 0x10000 + space * 0x10000;

		put64(&ram, at, (at + 0x1000) | 7);
		put64(&ram, at + 0x1000, (at + 0x2000) | 7);
		put64(&ram, at + 0x2000, (at + 0x3000) | 7);
		put64(&ram, at + 0x3000 + 8, (at + 0x4000) | 7);
	}
	set_reg(cpu, HW_CR3, 0x10000);
	set_reg(cpu, HW_CR4, 1 << 5 | 1 << 7);
	set_reg(cpu, HW_EFER, 1 << 8 | 1 << 11);
	set_reg(cpu, HW_CR0, 0x80010001);
	cr_assert_eq(cpu->regime.mode, PAGING_X86_64);
	cr_assert_eq(load(cpu, &ram, 0x1000, 4).pa, 0x14000);
	set_reg(cpu, HW_CR3, 0x20000);
	cr_assert_eq(load(cpu, &ram, 0x1000, 4).pa, 0x24000, "without PCIDs cr3 forgets");
	set_reg(cpu, HW_CR3, 0x10000);
	set_reg(cpu, HW_CR4, 1 << 5 | 1 << 7 | 1 << 17);
	set_reg(cpu, HW_CR3, 0x10001);
	cr_assert_eq(load(cpu, &ram, 0x1000, 4).tlb, HW_TLB_MISS);
	set_reg(cpu, HW_CR3, 0x20002 | 1ULL << 63);
	cr_assert_eq(load(cpu, &ram, 0x1000, 4).pa, 0x24000);
	set_reg(cpu, HW_CR3, 0x10001 | 1ULL << 63);
	struct hw_access a = load(cpu, &ram, 0x1000, 4);

	cr_assert_eq(a.pa, 0x14000);
	cr_assert_eq(a.tlb, HW_TLB_HIT, "kept under its number");
	set_reg(cpu, HW_CR3, 0x10001);
	cr_assert_eq(load(cpu, &ram, 0x1000, 4).tlb, HW_TLB_MISS);
	a = act(cpu, &ram, HW_LOAD, 0x800000000000, 8, 0, true);
	cr_assert_eq(a.vector, 13);
	cr_assert_eq(cpu->reg[HW_CR2], 0, "a general protection fault leaves cr2 alone");
	free(cpu);
	ram_finish(&ram);
}

Test(cpu, registers_refuse_what_the_cpu_has_not)
{
	struct hw_cpu *cpu = make(HW_X86_32);
	struct refusal why = {0};

	cr_assert_eq(hw_reg_write(cpu, HW_SATP, 0, &why), -EINVAL);
	cr_assert_eq(hw_reg_write(cpu, HW_CR4, 1 << 21, &why), -EINVAL);
	cr_assert_str_eq(why.sentence, "this CPU has no SMAP: bit 21 of cr4 must be 0");
	cr_assert_eq(hw_reg_write(cpu, HW_EFER, 1 << 8, &why), -EINVAL);
	cr_assert_eq(hw_reg_write(cpu, HW_CR0, 1ULL << 31, &why), -EINVAL);
	cr_assert_eq(cpu->reg[HW_CR0], 0);
	cr_assert_eq(cpu->regime.mode, PAGING_NONE);
	free(cpu);
	cpu = make(HW_RISCV);
	cr_assert_eq(hw_reg_write(cpu, HW_SATP, 10ULL << 60, &why), -EINVAL);
	free(cpu);
}

Test(cpu, riscv_and_arm_registers_after_a_fault)
{
	struct ram ram;
	struct hw_cpu *cpu = make(HW_RISCV);

	ram_init(&ram, 1 << 20);
	put64(&ram, 0x3000, 0xcf | 0x10);
	set_reg(cpu, HW_SATP, 8ULL << 60 | 5ULL << 44 | 3);
	cr_assert_eq(cpu->regime.asid, 5);
	cr_assert_eq(load(cpu, &ram, 0x4000, 4).fault.fault, HW_FAULT_SMAP, "SUM is clear");
	set_reg(cpu, HW_SSTATUS, 1 << 18);
	cr_assert_eq(load(cpu, &ram, 0x4000, 4).fault.fault, HW_FAULT_NONE);
	cr_assert_eq(act(cpu, &ram, HW_FETCH, 0x4000, 4, 0, false).code, 12,
		"never executed by the kernel");
	cr_assert_eq(cpu->reg[HW_SCAUSE], 12);
	cr_assert_eq(cpu->reg[HW_STVAL], 0x4000);
	free(cpu);

	cpu = make(HW_ARM);
	put32(&ram, 0x4000, 0x00008831);
	put32(&ram, 0x8800, 0x0000903e);
	set_reg(cpu, HW_TTBR0, 0x4000 | 0x6a);
	set_reg(cpu, HW_DACR, 0x55);
	set_reg(cpu, HW_SCTLR, 1);
	cr_assert_eq(load(cpu, &ram, 0x123, 4).pa, 0x9123);
	cr_assert_eq(act(cpu, &ram, HW_STORE, 0x1004, 4, 1, true).code, 0x817);
	cr_assert_eq(cpu->reg[HW_DFSR], 0x817);
	cr_assert_eq(cpu->reg[HW_DFAR], 0x1004);
	set_reg(cpu, HW_DACR, 0x51);
	cr_assert_eq(
		load(cpu, &ram, 0x123, 4).code, 0x1b, "the domain is checked on a TLB hit, too");
	free(cpu);
	ram_finish(&ram);
}

Test(cpu, fewer_bits_of_address_space_numbers)
{
	for (unsigned bits = 0; bits <= 16; bits += 4) {
		struct hw_cpu_desc desc = hw_cpu_default(HW_RISCV);
		uint64_t reg[NR_HW_REGS] = {[HW_SATP] = 8ULL << 60 | 0xabcdULL << 44};
		struct hw_regime r;

		desc.asid_bits = (uint8_t)bits;
		cr_assert_eq(hw_regime_of(&desc, reg, &r, NULL), 0);
		cr_assert_eq(r.asid, 0xabcd & ((1u << bits) - 1));
		cr_assert_eq(!(r.has & HW_HAS_ASID), !bits);
	}
}

/* The shortest way, of the same page again, forgets whatever the longer one would. */
Test(cpu, the_same_page_again)
{
	struct ram ram;

	ram_init(&ram, 1 << 20);
	struct hw_cpu *cpu = i386(&ram);

	for (unsigned i = 0; i < 4; i++)
		cr_assert_eq(act(cpu, &ram, HW_STORE, 0x12345678 + i, 1, i, true).pa, 0x3678 + i);
	cr_assert_eq(cpu->dtlb.hits, 3, "each is a hit of the TLB");
	put32(&ram, 0x2000 + 0x345 * 4, 0x4007);
	cr_assert_eq(act(cpu, &ram, HW_LOAD, 0x12345678, 1, 0, true).pa, 0x3678, "stale, untold");
	hw_invlpg(cpu, 0x12345000);
	cr_assert_eq(act(cpu, &ram, HW_STORE, 0x12345678, 1, 0, true).pa, 0x4678);
	for (unsigned i = 0; i < 3; i++)
		act(cpu, &ram, HW_LOAD, 0x12345678, 1, 0, false);
	set_reg(cpu, HW_CR3, 0x1000);
	cr_assert_eq(load(cpu, &ram, 0x12345678, 1).tlb, HW_TLB_MISS);
	for (unsigned i = 0; i < 3; i++)
		load(cpu, &ram, 0x12345678, 1);
	set_reg(cpu, HW_CR0, 1);
	cr_assert_eq(load(cpu, &ram, 0x678, 1).tlb, HW_TLB_OFF);
	free(cpu);
	ram_finish(&ram);
}

/* What was found missing is remembered until a TLB changes; counters and marks are those of a search. */
Test(cpu, a_page_that_missed_again)
{
	struct ram ram;

	ram_init(&ram, 16 << 20);
	struct hw_cpu *cpu = i386(&ram);

	cr_assert_eq(load(cpu, &ram, 0x12347000, 4).fault.fault, HW_FAULT_NOT_PRESENT);
	uint64_t first = cpu->dtlb.misses, second = cpu->stlb.misses;

	cr_assert_eq(load(cpu, &ram, 0x12347004, 4).fault.fault, HW_FAULT_NOT_PRESENT);
	cr_assert_eq(cpu->dtlb.misses, first + 1);
	cr_assert_eq(cpu->stlb.misses, second + 1);
	put32(&ram, 0x2000 + 0x347 * 4, 0x4007);
	/* Instructions have a TLB of their own, and the second one knows the page afterwards. */
	cr_assert_eq(act(cpu, &ram, HW_FETCH, 0x12347000, 1, 0, true).tlb, HW_TLB_MISS);
	cr_assert_eq(load(cpu, &ram, 0x12347004, 4).tlb, HW_TLB_HIT2);
	cr_assert_eq(load(cpu, &ram, 0x12347004, 4).tlb, HW_TLB_HIT);
	free(cpu);
	ram_finish(&ram);
}

/* What the data's TLB has not may be in the other one. */
Test(cpu, a_page_that_missed_for_data_only)
{
	struct hw_cpu_desc desc = hw_cpu_default(HW_ARM64);
	struct ram ram;

	desc.stlb = (struct tlb_desc){0, 0};
	ram_init(&ram, 1 << 20);
	struct hw_cpu *cpu = lone_cpu(&desc);
	struct hw_access a = {.va = 0x1000, .bytes = 4, .kind = HW_FETCH};

	put64(&ram, 0x1000, 0x2003);
	put64(&ram, 0x2000, 0x3003);
	put64(&ram, 0x3000, 0x4003);
	put64(&ram, 0x4000, 0x10403);
	put64(&ram, 0x4008, 0x11403);
	set_reg(cpu, HW_TTBR0_EL1, 0x1000);
	set_reg(cpu, HW_SCTLR_EL1, 1);
	cr_assert_eq(hw_access(cpu, &ram.dram, &a, NULL), 0);
	load(cpu, &ram, 0, 4);
	put64(&ram, 0x4008, 0);
	a.kind = HW_LOAD;
	cr_assert_eq(hw_access(cpu, &ram.dram, &a, NULL), -EFAULT);
	cr_assert_eq(cpu->itlb.changes, cpu->dtlb.changes);
	a.kind = HW_FETCH;
	cr_assert_eq(hw_access(cpu, &ram.dram, &a, NULL), 0);
	cr_assert_eq(a.tlb, HW_TLB_HIT);
	free(cpu);
	ram_finish(&ram);
}

enum { PAGES = 8 };

/* An x86-64 with PCIDs, which maps the first @PAGES pages, as far as the entries at 0x4000 do. */
static struct hw_cpu *x86_64(struct ram *ram)
{
	struct hw_cpu *cpu = make(HW_X86_64);

	ram_init(ram, 1 << 20);
	put64(ram, 0x1000, 0x2007);
	put64(ram, 0x2000, 0x3007);
	put64(ram, 0x3000, 0x4007);
	set_reg(cpu, HW_CR3, 0x1000);
	set_reg(cpu, HW_CR4, 1 << 5 | 1 << 7 | 1 << 17);
	set_reg(cpu, HW_EFER, 0x900);
	set_reg(cpu, HW_CR0, 0x80010001);
	return cpu;
}

/* Who tries an access again says so by its struct, which has the fault. That spares searches of the TLBs and changes nothing:
 * another CPU gets each try as an access of its own. */
Test(cpu, a_try_after_a_fault_is_an_access_as_others)
{
	struct ram ram[2];
	struct hw_cpu *cpu[2] = {x86_64(&ram[0]), x86_64(&ram[1])};
	struct hw_access a[2] = {{.bytes = 1}};
	struct rng rng = {3};
	unsigned again = 0;

	for (unsigned step = 0; step < 8000; step++) {
		uint64_t page = rng_below(&rng, PAGES), entry = (0x10 + page) << 12 | 4, pcid;
		bool fresh = !rng_below(&rng, 3), flush = !rng_below(&rng, 8);

		entry |= rng_below(&rng, 3) ? 3 : rng_below(&rng, 4);
		pcid = rng_below(&rng, 12) ? cpu[0]->regime.asid : rng_below(&rng, 2);
		if (fresh || a[0].fault.fault == HW_FAULT_NONE)
			a[0] = (struct hw_access){.va = page << 12 | rng_below(&rng, 4096),
				.bytes = 1,
				.kind = (uint8_t)rng_below(&rng, 3),
				.user = rng_below(&rng, 2),
				.fault = a[0].fault};
		else
			again++;
		a[1] = a[0];
		a[1].fault = (struct hw_fault_record){.fault = HW_FAULT_NONE};
		for (unsigned i = 0; i < 2; i++) {
			put64(&ram[i], 0x4000 + page * 8, entry);
			if (flush)
				hw_invlpg(cpu[i], page << 12);
			if (pcid != cpu[i]->regime.asid)
				set_reg(cpu[i], HW_CR3, 0x1000 | pcid | 1ULL << 63);
			(void)hw_access(cpu[i], &ram[i].dram, &a[i], NULL);
			cr_assert_null(hw_cpu_check(cpu[i]));
		}
		cr_assert_eq(a[0].fault.fault, a[1].fault.fault);
		cr_assert_eq(a[0].cycles, a[1].cycles);
		cr_assert(a[0].fault.fault || (a[0].tlb == a[1].tlb && a[0].pa == a[1].pa));
		cr_assert_eq(
			memcmp(&cpu[0]->counters, &cpu[1]->counters, sizeof(cpu[0]->counters)), 0);
		cr_assert_eq(cpu[0]->dtlb.misses, cpu[1]->dtlb.misses);
		cr_assert_eq(cpu[0]->itlb.misses, cpu[1]->itlb.misses);
		cr_assert_eq(cpu[0]->stlb.misses, cpu[1]->stlb.misses);
		cr_assert_eq(cpu[0]->dtlb.hits, cpu[1]->dtlb.hits);
		cr_assert_eq(cpu[0]->stlb.hits, cpu[1]->stlb.hits);
	}
	cr_assert_gt(again, 200);
	for (unsigned i = 0; i < 2; i++) {
		free(cpu[i]);
		ram_finish(&ram[i]);
	}
}

/* SPDX-License-Identifier: MIT
 *
 * Claim: each paging mode reads its architecture's real bit patterns. The entries here are written by hand from the
 * manuals or have the shape that real kernels print in an oops ("*pgd=6000041e", "pte=00e8000089a21f53").
 */
#include "hw/walk.h"
#include "support/ram.h"

#define GB (1ULL << 30)

static struct page_walk walk(struct ram *ram, const struct hw_regime *r, uint64_t va)
{
	struct page_walk w;

	walk_tables(r, &ram->dram, va, &w);
	return w;
}

static void expect_page(struct ram *ram, const struct hw_regime *r, uint64_t va, uint64_t pa,
	unsigned shift, uint32_t permissions)
{
	struct page_walk w = walk(ram, r, va);

	cr_assert_eq(w.fault, HW_FAULT_NONE, "%#llx: %s", (unsigned long long)va,
		hw_fault_words(w.fault));
	cr_assert_eq(w.pa, pa, "%#llx: pa %#llx", (unsigned long long)va, (unsigned long long)w.pa);
	cr_assert_eq(w.page_shift, shift);
	cr_assert_eq(w.flags & HW_ALL, permissions, "%#llx: permissions %#x",
		(unsigned long long)va, w.flags & HW_ALL);
}

static void expect_fault(struct ram *ram, const struct hw_regime *r, uint64_t va,
	enum hw_fault fault, unsigned steps)
{
	struct page_walk w = walk(ram, r, va);

	cr_assert_eq(w.fault, fault, "%#llx: %s", (unsigned long long)va, hw_fault_words(w.fault));
	cr_assert_eq(w.nr_steps, steps);
}

/* 0x12345678 is index 0x48 of the directory, 0x345 of the table, byte 0x678 of the page. */
Test(walk, x86_two_level_by_hand)
{
	struct ram ram;
	struct hw_regime r = {.mode = PAGING_X86_32,
		.has = HW_HAS_PSE | HW_HAS_WP,
		.root = {0x1000},
		.pa_bits = 36};

	ram_init(&ram, 16 << 20);
	put32(&ram, 0x1000 + 0x48 * 4, 0x00002067);
	put32(&ram, 0x2000 + 0x345 * 4, 0x00abc067);
	put32(&ram, 0x2000 + 0x346 * 4, 0x00abd025);
	put32(&ram, 0x2000 + 0x347 * 4, 0x00abe163);
	expect_page(&ram, &r, 0x12345678, 0x00abc678, 12, HW_ALL);
	expect_page(&ram, &r, 0x12346678, 0x00abd678, 12, HW_ALL & ~(HW_PW | HW_UW));
	expect_page(&ram, &r, 0x12347000, 0x00abe000, 12, HW_P_ALL);
	struct page_walk w = walk(&ram, &r, 0x12345678);

	cr_assert_eq(w.nr_steps, 2);
	cr_assert_eq(w.step[0].entry_at, 0x1120);
	cr_assert_eq(w.step[0].entry, 0x2067);
	cr_assert_eq(w.step[0].next, 0x2000);
	cr_assert_eq(w.step[1].entry_at, 0x2d14);
	cr_assert_eq(w.step[1].next, 0xabc000);
	expect_fault(&ram, &r, 0x12344000, HW_FAULT_NOT_PRESENT, 2);
	expect_fault(&ram, &r, 0xc0000000, HW_FAULT_NOT_PRESENT, 1);
	expect_fault(&ram, &r, 0x112345678, HW_FAULT_TOO_LARGE, 0);
	ram_finish(&ram);
}

Test(walk, x86_4m_pages_reach_beyond_4g)
{
	struct ram ram;
	struct hw_regime r = {
		.mode = PAGING_X86_32, .has = HW_HAS_PSE, .root = {0x1000}, .pa_bits = 40};

	ram_init(&ram, 1 << 20);
	put32(&ram, 0x1000 + 0x300 * 4, 0x004001e3);
	put32(&ram, 0x1000 + 0x301 * 4, 0x004021e3); /* bit 13 is address bit 32 (PSE-36) */
	put32(&ram, 0x1000 + 0x302 * 4, 0x002001e3); /* bit 21 must be 0 */
	expect_page(&ram, &r, 0xc0123456, 0x00523456, 22, HW_P_ALL);
	expect_page(&ram, &r, 0xc0523456, 0x100523456, 22, HW_P_ALL);
	expect_fault(&ram, &r, 0xc0800000, HW_FAULT_RESERVED_BIT, 1);
	r.pa_bits = 32;
	expect_fault(&ram, &r, 0xc0523456, HW_FAULT_ADDRESS_SIZE, 1);
	r.has = 0; /* without CR4.PSE bit 7 is ignored: the entry leads to a table at 4 MiB, beyond this RAM */
	expect_fault(&ram, &r, 0xc0123456, HW_FAULT_NO_TABLE, 2);
	ram_finish(&ram);
}

Test(walk, x86_pae)
{
	struct ram ram;
	struct hw_regime r = {
		.mode = PAGING_X86_PAE, .has = HW_HAS_NX, .root = {0x1fe0}, .pa_bits = 36};

	ram_init(&ram, 1 << 20);
	put64(&ram, 0x1fe0 + 3 * 8,
		0x3001); /* the directory pointers lie on 32 bytes, not on a page */
	put64(&ram, 0x3000 + 1 * 8, 0x80000000002001e3);
	put64(&ram, 0x3000 + 2 * 8, 0x4067);
	put64(&ram, 0x4000 + 5 * 8, 0x8000000f12345027);
	put64(&ram, 0x4000 + 6 * 8, 0x0000001f12345027);
	put64(&ram, 0x1fe0 + 1 * 8, 0x3003); /* a PDPTE has no RW: bit 1 is reserved */
	expect_page(&ram, &r, 0xc0234567, 0x00234567, 21, HW_PR | HW_PW);
	expect_page(&ram, &r, 0xc0405abc, 0xf12345abc, 12, HW_PR | HW_PW | HW_UR | HW_UW);
	expect_fault(&ram, &r, 0xc0406abc, HW_FAULT_RESERVED_BIT, 3);
	expect_fault(&ram, &r, 0x40000000, HW_FAULT_RESERVED_BIT, 1);
	r.has = 0; /* EFER.NXE off: bit 63 is reserved */
	expect_fault(&ram, &r, 0xc0234567, HW_FAULT_RESERVED_BIT, 2);
	ram_finish(&ram);
}

/* "PGD 2a01067 P4D 2a01067 PUD 2a02063 PMD 80000000024001a1": the line of an oops at ffffffff82400000. */
Test(walk, x86_64_as_an_oops_prints_it)
{
	struct ram ram;
	struct hw_regime r = {.mode = PAGING_X86_64,
		.has = HW_HAS_NX | HW_HAS_1G | HW_HAS_GLOBAL,
		.root = {0x2a00000},
		.pa_bits = 46};

	ram_init(&ram, 64 << 20);
	put64(&ram, 0x2a00000 + 511 * 8, 0x2a01067);
	put64(&ram, 0x2a01000 + 510 * 8, 0x2a02063);
	put64(&ram, 0x2a02000 + 18 * 8, 0x80000000024001a1);
	expect_page(&ram, &r, 0xffffffff82412345, 0x2412345, 21, HW_PR);
	cr_assert(walk(&ram, &r, 0xffffffff82412345).flags & HW_GLOBAL);
	put64(&ram, 0x2a00000 + 273 * 8, 0x2a03067); /* the direct map at ffff888000000000 */
	put64(&ram, 0x2a03000 + 1 * 8, 0x80000000400001e3);
	expect_page(&ram, &r, 0xffff888040000000 + 0x2345678, GB + 0x2345678, 30, HW_PR | HW_PW);
	expect_fault(&ram, &r, 0x800000000000, HW_FAULT_NOT_CANONICAL, 0);
	expect_fault(&ram, &r, 0xfffe888040000000, HW_FAULT_NOT_CANONICAL, 0);
	put64(&ram, 0x2a03000 + 2 * 8, 0x80000000400021e3); /* bit 13 of a 1 GiB page */
	expect_fault(&ram, &r, 0xffff888080000000, HW_FAULT_RESERVED_BIT, 2);
	put64(&ram, 0x2a03000 + 3 * 8, 0x0000400000000063); /* address bit 46 of 46 */
	expect_fault(&ram, &r, 0xffff8880c0000000, HW_FAULT_RESERVED_BIT, 2);
	r.has &= ~(uint32_t)HW_HAS_1G; /* then bit 7 of a PDPTE is reserved */
	expect_fault(&ram, &r, 0xffff888040000000, HW_FAULT_RESERVED_BIT, 2);
	ram_finish(&ram);
}

Test(walk, x86_64_five_levels)
{
	struct ram ram;
	struct hw_regime r = {
		.mode = PAGING_X86_64_LA57, .has = HW_HAS_NX, .root = {0x1000}, .pa_bits = 52};
	uint64_t va = 0xff11000012345678; /* the direct map of five-level kernels */

	ram_init(&ram, 1 << 20);
	put64(&ram, 0x1000 + 273 * 8, 0x2067);
	put64(&ram, 0x2000, 0x3067);
	put64(&ram, 0x3000, 0x4067);
	put64(&ram, 0x4000 + 0x91 * 8, 0x5067);
	put64(&ram, 0x5000 + 0x145 * 8, 0x000123456789a063);
	expect_page(&ram, &r, va, 0x000123456789a678, 12, HW_P_ALL);
	expect_fault(&ram, &r, 0x0111000012345678, HW_FAULT_NOT_CANONICAL, 0);
	ram_finish(&ram);
}

/* 0x200000cf: the page at 0x80000000, V R W X A D, as every RISC-V kernel's direct map begins. */
Test(walk, sv39)
{
	struct ram ram;
	struct hw_regime r = {
		.mode = PAGING_SV39, .has = HW_HAS_GLOBAL, .root = {0x3000}, .pa_bits = 56};

	ram_init(&ram, 1 << 20);
	put64(&ram, 0x3000 + 2 * 8, 0x200000cf);
	put64(&ram, 0x3000 + 3 * 8, 0x4 << 10 | 1);
	put64(&ram, 0x4000, 0x20080cc7); /* 2 MiB, W and R: at 0x80203000, not aligned */
	put64(&ram, 0x4000 + 8, 0x20080000 | 0xe7);
	put64(&ram, 0x4000 + 16, 0x5 << 10 | 1);
	put64(&ram, 0x5000, 0x20001059); /* X only, USER, A */
	put64(&ram, 0x5008, 0x20001005); /* W without R */
	put64(&ram, 0x5010, 0x20001001); /* a table on the last level */
	put64(&ram, 0x5018, 0x8000000020001003);
	expect_page(&ram, &r, 0x80001234, 0x80001234, 30, HW_P_ALL);
	expect_fault(&ram, &r, 0xc0000000, HW_FAULT_RESERVED_BIT, 2);
	expect_page(&ram, &r, 0xc0212345, 0x80212345, 21, HW_PR | HW_PW);
	cr_assert(walk(&ram, &r, 0xc0212345).flags & HW_GLOBAL);
	expect_page(&ram, &r, 0xc0400010, 0x80004010, 12, HW_UX);
	for (unsigned page = 1; page <= 2; page++)
		expect_fault(&ram, &r, 0xc0400000 + page * 4096, HW_FAULT_NOT_PRESENT, 3);
	expect_fault(&ram, &r, 0xc0403000, HW_FAULT_RESERVED_BIT, 3);
	expect_fault(&ram, &r, 0x4000000000, HW_FAULT_NOT_CANONICAL, 0);
	ram_finish(&ram);
}

/* A user page of a real oops: "pte=00e8000089a21f53" (PXN, UXN, writable); a kernel block; attributes of tables. */
Test(walk, arm64)
{
	struct ram ram;
	struct hw_regime r = {.mode = PAGING_ARM64_4K,
		.root = {0x1000, 0x8000},
		.two_roots = true,
		.pa_bits = 48};

	ram_init(&ram, 1 << 20);
	put64(&ram, 0x1000, 0x2003);
	put64(&ram, 0x2000, 0x3003);
	put64(&ram, 0x3000, 0x4003);
	put64(&ram, 0x4000 + 7 * 8, 0x00e8000089a21f53);
	put64(&ram, 0x4000 + 8 * 8, 0x0020000089a22fd3); /* read-only, user executes */
	put64(&ram, 0x4000 + 9 * 8, 0x0000000089a23f51); /* 0b01 on the last level is nothing */
	put64(&ram, 0x8000, 0x9003);
	put64(&ram, 0x9000 + 1 * 8, 0x0060000040000711);
	put64(&ram, 0x9000 + 2 * 8, 0xa003 | 3ULL << 61); /* APTable: no user access, no writes */
	put64(&ram, 0xa000, 0x0000000080000751);
	expect_page(&ram, &r, 0x7123, 0x89a21123, 12, HW_PR | HW_PW | HW_UR | HW_UW);
	expect_page(&ram, &r, 0x8123, 0x89a22123, 12, HW_PR | HW_UR | HW_UX);
	expect_fault(&ram, &r, 0x9000, HW_FAULT_NOT_PRESENT, 4);
	expect_page(&ram, &r, 0xffff000040012345, 0x40012345, 30, HW_PR | HW_PW);
	expect_page(&ram, &r, 0xffff000080012345, 0x80012345, 21, HW_PR | HW_UX);
	expect_fault(&ram, &r, 0x0001000000007123, HW_FAULT_NOT_CANONICAL, 0);
	expect_fault(&ram, &r, 0xffff800000000000, HW_FAULT_NOT_PRESENT, 1);
	ram_finish(&ram);
}

/* "*pgd=6000041e(bad)": a section of kernel memory, no execution, as ARM's oops shows it. */
Test(walk, arm_short_descriptors)
{
	struct ram ram;
	struct hw_regime r = {.mode = PAGING_ARM_SHORT,
		.has = HW_HAS_DOMAINS | HW_HAS_GLOBAL,
		.root = {0x4000},
		.dacr = 0x55,
		.pa_bits = 40};

	ram_init(&ram, 1 << 20);
	put32(&ram, 0x4000 + 0xc00 * 4, 0x6000041e);
	put32(&ram, 0x4000 + 0xc01 * 4, 0x6011140e);
	put32(&ram, 0x4000 + 0xd00 * 4,
		0x61351402); /* supersection: address bits 35-32 are 3, 39-36 are 0 */
	put32(&ram, 0x4000 + 0x000 * 4, 0x00008831); /* table, domain 1 */
	put32(&ram, 0x8800 + 0x10 * 4,
		0x6b1a783f); /* user page, read and write, XN, nG clear: 0x03f */
	put32(&ram, 0x8800 + 0x11 * 4, 0x6b1a7a7e); /* APX: read-only */
	put32(&ram, 0x8800 + 0x20 * 4, 0x6b1f0031); /* large page: 64 KiB, repeated 16 times */
	put32(&ram, 0x8800 + 0x2f * 4, 0x6b1f0031);
	expect_page(&ram, &r, 0xc0012345, 0x60012345, 20, HW_PR | HW_PW);
	expect_page(&ram, &r, 0xc0112345, 0x60112345, 20, HW_P_ALL);
	expect_page(&ram, &r, 0xd0023456, 0x361023456, 24, HW_P_ALL);
	expect_page(&ram, &r, 0x00010123, 0x6b1a7123, 12, HW_PR | HW_PW | HW_UR | HW_UW);
	cr_assert_eq(walk(&ram, &r, 0x00010123).flags >> HW_DOMAIN_SHIFT, 1);
	expect_page(&ram, &r, 0x00011123, 0x6b1a7123, 12, HW_PR | HW_PX | HW_UR | HW_UX);
	expect_page(&ram, &r, 0x0002f123, 0x6b1ff123, 16, HW_ALL);
	expect_fault(&ram, &r, 0x00012000, HW_FAULT_NOT_PRESENT, 2);
	expect_fault(&ram, &r, 0x00100000, HW_FAULT_NOT_PRESENT, 1);
	ram_finish(&ram);
}

/* Tables that contain themselves end a walk like any others. */
Test(walk, loops_end)
{
	struct ram ram;
	struct hw_regime r = {.mode = PAGING_X86_64, .root = {0x1000}, .pa_bits = 46};

	ram_init(&ram, 1 << 20);
	put64(&ram, 0x1000, 0x1067);
	expect_page(&ram, &r, 0x123, 0x1123, 12, HW_ALL);
	cr_assert_eq(walk(&ram, &r, 0).nr_steps, 4);
	ram_finish(&ram);
}

Test(walk, switches_of_the_check)
{
	struct hw_regime r = {.has = HW_HAS_WP};
	uint32_t user_ro = HW_ALL & ~(HW_PW | HW_UW), kernel = HW_P_ALL;

	cr_assert_eq(hw_check(&r, kernel, HW_LOAD, true), HW_FAULT_USER);
	cr_assert_eq(hw_check(&r, kernel, HW_STORE, false), HW_FAULT_NONE);
	cr_assert_eq(hw_check(&r, user_ro, HW_STORE, true), HW_FAULT_WRITE);
	cr_assert_eq(hw_check(&r, user_ro, HW_STORE, false), HW_FAULT_WRITE);
	cr_assert_eq(hw_check(&r, user_ro & ~(HW_UX | HW_PX), HW_FETCH, true), HW_FAULT_EXEC);
	cr_assert_eq(hw_check(&r, HW_UX, HW_LOAD, true), HW_FAULT_READ);
	r.has = 0; /* CR0.WP clear */
	cr_assert_eq(hw_check(&r, user_ro, HW_STORE, false), HW_FAULT_NONE);
	cr_assert_eq(hw_check(&r, user_ro, HW_STORE, true), HW_FAULT_WRITE);
	r.has = HW_HAS_SMEP | HW_HAS_SMAP | HW_HAS_WP;
	cr_assert_eq(hw_check(&r, HW_ALL, HW_FETCH, false), HW_FAULT_SMEP);
	cr_assert_eq(hw_check(&r, HW_ALL, HW_LOAD, false), HW_FAULT_SMAP);
	cr_assert_eq(hw_check(&r, HW_ALL, HW_FETCH, true), HW_FAULT_NONE);
	r.has = HW_HAS_MXR;
	cr_assert_eq(hw_check(&r, HW_UX, HW_LOAD, true), HW_FAULT_NONE);
	r.has = HW_HAS_DOMAINS;
	r.dacr = 3 << 2; /* domain 1 manager, domain 0 without access */
	cr_assert_eq(hw_check(&r, HW_ALL, HW_LOAD, true), HW_FAULT_NO_DOMAIN);
	cr_assert_eq(hw_check(&r, 1u << HW_DOMAIN_SHIFT, HW_STORE, true), HW_FAULT_NONE);
}

/* x86 sets accessed on the way and dirty in the page's entry; Sv39 asks software unless it has Svadu; ARM has none. */
Test(walk, accessed_and_dirty)
{
	struct ram ram;
	struct hw_regime x86 = {.mode = PAGING_X86_32, .root = {0x1000}, .pa_bits = 36};
	struct hw_regime sv39 = {.mode = PAGING_SV39, .root = {0x3000}, .pa_bits = 56};
	struct page_walk w;

	ram_init(&ram, 1 << 20);
	put32(&ram, 0x1000, 0x2007);
	put32(&ram, 0x2000, 0x5007);
	w = walk(&ram, &x86, 0);
	cr_assert_eq(w.flags & (HW_ACCESSED | HW_DIRTY), 0);
	cr_assert_eq(walk_mark(&x86, &ram.dram, &w, HW_LOAD), 2);
	cr_assert_eq(get(&ram, 0x1000, 4), 0x2027);
	cr_assert_eq(get(&ram, 0x2000, 4), 0x5027);
	cr_assert_eq(walk_mark(&x86, &ram.dram, &w, HW_STORE), 1);
	cr_assert_eq(get(&ram, 0x1000, 4), 0x2027, "a table has no dirty bit");
	cr_assert_eq(get(&ram, 0x2000, 4), 0x5067);

	put64(&ram, 0x3000, 0x0000000f);
	w = walk(&ram, &sv39, 0);
	walk_mark(&sv39, &ram.dram, &w, HW_LOAD);
	cr_assert_eq(w.fault, HW_FAULT_ACCESS_FLAG);
	put64(&ram, 0x3000, 0x0000004f);
	w = walk(&ram, &sv39, 0);
	cr_assert_eq(walk_mark(&sv39, &ram.dram, &w, HW_LOAD), 0);
	cr_assert_eq(w.fault, HW_FAULT_NONE);
	walk_mark(&sv39, &ram.dram, &w, HW_STORE);
	cr_assert_eq(w.fault, HW_FAULT_DIRTY_FLAG);
	sv39.has = HW_HAS_AD;
	w = walk(&ram, &sv39, 0);
	cr_assert_eq(walk_mark(&sv39, &ram.dram, &w, HW_STORE), 1);
	cr_assert_eq(get(&ram, 0x3000, 8), 0xcf);
	ram_finish(&ram);
}

/* What a mode says of its last tables follows from its levels. */
Test(walk, last_tables)
{
	for (unsigned id = PAGING_NONE + 1; id < NR_PAGING_MODES; id++) {
		const struct paging_mode *mode = &paging_modes[id];

		cr_expect_eq(mode->table_shift, mode->level[mode->nr_levels - 2].shift, "%s",
			mode->name);
	}
}

static uint64_t code_of(enum hw_family family, const struct hw_fault_record *f, bool nx_or_smep)
{
	unsigned vector;
	uint64_t code;

	hw_fault_exception(family, f, nx_or_smep, &vector, &code);
	return code;
}

static unsigned vector_of(enum hw_family family, const struct hw_fault_record *f)
{
	unsigned vector;
	uint64_t code;

	hw_fault_exception(family, f, true, &vector, &code);
	return vector;
}

/* The codes that real kernels got: the oracle's derived/faults.tsv names them per machine. */
Test(walk, fault_codes)
{
	struct hw_fault_record f = {.fault = HW_FAULT_NOT_PRESENT, .kind = HW_LOAD, .user = true};

	cr_assert_eq(code_of(HW_X86_64, &f, true), 4);
	f.kind = HW_FETCH;
	cr_assert_eq(code_of(HW_X86_64, &f, true), 0x14);
	cr_assert_eq(
		code_of(HW_X86_32, &f, false), 0x4, "without NX nobody tells a fetch from a load");
	f.fault = HW_FAULT_EXEC;
	cr_assert_eq(code_of(HW_X86_64, &f, true), 0x15);
	f = (struct hw_fault_record){
		.fault = HW_FAULT_WRITE, .kind = HW_STORE, .user = true, .depth = 1, .domain = 1};
	cr_assert_eq(code_of(HW_X86_64, &f, true), 7);
	cr_assert_eq(code_of(HW_ARM, &f, true), 0x81f);
	f.fault = HW_FAULT_RESERVED_BIT;
	cr_assert_eq(code_of(HW_X86_64, &f, true), 0xf);
	f = (struct hw_fault_record){.fault = HW_FAULT_NOT_PRESENT,
		.kind = HW_LOAD,
		.user = true,
		.depth = 1,
		.domain = 1};
	cr_assert_eq(code_of(HW_ARM, &f, true), 0x17);
	f.depth = 0;
	cr_assert_eq(code_of(HW_ARM, &f, true), 0x05, "where no second-level table is");
	f.depth = 2;
	cr_assert_eq(code_of(HW_ARM64, &f, true), 0x92000006);
	cr_assert_eq(vector_of(HW_RISCV, &f), 13);
	f.fault = HW_FAULT_NOT_CANONICAL;
	cr_assert_eq(vector_of(HW_X86_64, &f), 13, "a general protection fault");
	cr_assert_eq(code_of(HW_X86_64, &f, true), 0);
	f.fault = HW_FAULT_NO_RAM;
	f.kind = HW_STORE;
	cr_assert_eq(code_of(HW_RISCV, &f, true), 7);
}

/* Every form of every mode: address to entry and back; the level's shift is the sum of what lies below it. */
Test(walk, descriptions_are_whole)
{
	for (unsigned id = PAGING_NONE + 1; id < NR_PAGING_MODES; id++) {
		const struct paging_mode *mode = &paging_modes[id];
		unsigned shift = 12;

		for (unsigned depth = mode->nr_levels; depth-- > 0;) {
			const struct paging_level *level = &mode->level[depth];

			cr_assert_eq(level->shift, shift, "%s %s", mode->name, level->name);
			shift += level->bits;
			for (unsigned n = 0; n < PAGING_MAX_FORMS && level->form[n].mask; n++) {
				const struct paging_form *form = &level->form[n];
				uint64_t pa = form->leaf ? 3ULL << 24 << (form->page_shift - 12)
							 : 0x12345000;

				pa &= level->entry_bytes == 4 && !form->address[1].mask
					      ? UINT32_MAX
					      : UINT64_MAX;
				cr_assert_eq(paging_address(form, paging_encode(form, pa)), pa);
				cr_assert_eq(form->value & ~form->mask, 0);
				cr_assert(form->leaf || depth + 1 < mode->nr_levels, "%s %s",
					mode->name, level->name);
				cr_assert(!form->leaf || form->page_shift >= level->shift);
			}
		}
		/* AArch64 has one more: a half of the addresses for each of its two tables. */
		cr_assert_eq(shift + (id == PAGING_ARM64_4K), mode->va_bits, "%s", mode->name);
	}
}

/* Could an entry of form @f be one of @g, by the bits that are no address of @f's? */
static bool could_be(const struct paging_form *f, uint64_t address, const struct paging_form *g)
{
	uint64_t both = f->mask & g->mask & ~address;

	return (f->value & both) == (g->value & both);
}

/* What the walker remembers of an entry it takes for true of all that differ in the address alone. */
Test(walk, an_address_says_nothing_but_where)
{
	unsigned n = 0;

	for (unsigned mode = PAGING_NONE + 1; mode < NR_PAGING_MODES; mode++)
		for (unsigned depth = 0; depth < paging_modes[mode].nr_levels; depth++)
			for (unsigned i = 0; i < PAGING_MAX_FORMS; i++) {
				const struct paging_form *first =
					paging_modes[mode].level[depth].form;
				const struct paging_form *f = &first[i];
				uint64_t address = f->address[0].mask;

				if (!f->mask || f->address[1].mask)
					continue;
				n++;
				cr_assert_eq(
					address & (f->mask | f->reserved | f->accessed | f->dirty),
					0);
				cr_assert_eq(address & paging_modes[mode].nx_bit, 0);
				for (const struct paging_bit *b = f->bits; b->clears | b->sets; b++)
					cr_assert_eq(address & b->mask, 0);
				for (unsigned k = 0; k < i; k++)
					cr_assert(!(first[k].mask & address) ||
						  !could_be(f, address, &first[k]));
			}
	cr_assert_gt(n, 25);
}

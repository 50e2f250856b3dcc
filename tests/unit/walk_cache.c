/* SPDX-License-Identifier: MIT
 *
 * Claim: the page-walk cache spares reads of tables and nothing else, forgets when it is told as the architecture
 * says, and otherwise goes on believing what the tables once said, as hardware does.
 *
 *	x86-64:  PML4 0x1000 -> PDPT 0x2000 -> PD 0x3000 -> PT 0x4000 -> pages 0x10000, 0x11000, ...
 *	                                          \-> PT 0x5000 (2 MiB further on)
 */
#include "hw/cpu.h"
#include "support/lone_cpu.h"
#include "support/ram.h"

#include <errno.h>
#include <stdlib.h>

enum { ROOT = 0x1000, PUD = 0x2000, PMD = 0x3000, PTE = 0x4000, PTE2 = 0x5000, PAGE = 0x10000 };
enum { ALL_MAY = 7, SEEN = 0x27 }; /* present, writable, user; and accessed */

static struct hw_cpu *make(enum hw_family family, struct walk_cache_desc walk_cache)
{
	struct hw_cpu_desc desc = hw_cpu_default(family);

	/* No TLBs: each access walks. */
	desc.itlb = desc.dtlb = desc.stlb = (struct tlb_desc){0, 0};
	desc.walk_cache = walk_cache;
	return lone_cpu(&desc);
}

static struct hw_cpu *x86_64(struct ram *ram)
{
	struct hw_cpu *cpu = make(HW_X86_64, (struct walk_cache_desc){{32, 4, 2, 1}});

	ram_init(ram, 1 << 20);
	put64(ram, ROOT, PUD | ALL_MAY);
	put64(ram, PUD, PMD | ALL_MAY);
	put64(ram, PMD, PTE | ALL_MAY);
	put64(ram, PMD + 8, PTE2 | ALL_MAY);
	for (uint64_t i = 0; i < 8; i++) {
		put64(ram, PTE + i * 8, (PAGE + i * 0x1000) | ALL_MAY);
		put64(ram, PTE2 + i * 8, (PAGE + 0x8000 + i * 0x1000) | ALL_MAY);
		put64(ram, PAGE + i * 0x1000, i);
		put64(ram, PAGE + 0x8000 + i * 0x1000, 0x100 + i);
	}
	set_reg(cpu, HW_CR3, ROOT);
	set_reg(cpu, HW_CR4, 1 << 5 | 1 << 7 | 1 << 17);
	set_reg(cpu, HW_EFER, 0x900);
	set_reg(cpu, HW_CR0, 0x80010001);
	return cpu;
}

/* Entries that the load of @va reads; the value goes to *@value. A fault: -1. */
static int steps(struct hw_cpu *cpu, struct ram *ram, uint64_t va, uint64_t *value)
{
	struct hw_access a = {.va = va, .bytes = 8, .kind = HW_LOAD, .user = true};
	uint64_t before = cpu->counters.walk_steps;
	int err = hw_access(cpu, &ram->dram, &a, NULL);

	cr_assert_null(hw_cpu_check(cpu));
	*value = a.value;
	return err ? -1 : (int)(cpu->counters.walk_steps - before);
}

static void finish(struct hw_cpu *cpu, struct ram *ram)
{
	free(cpu);
	ram_finish(ram);
}

Test(walk_cache, neighbours_need_one_step)
{
	struct ram ram;
	struct hw_cpu *cpu = x86_64(&ram);
	uint64_t value;

	cr_assert_eq(steps(cpu, &ram, 0x0000, &value), 4);
	cr_assert_eq(value, 0);
	cr_assert_eq(steps(cpu, &ram, 0x3000, &value), 1, "the same table of PTEs");
	cr_assert_eq(value, 3);
	cr_assert_eq(steps(cpu, &ram, 0x201000, &value), 2, "the same PMD");
	cr_assert_eq(value, 0x101);
	cr_assert_eq(walk_cache_count(&cpu->walk_cache), 4);
	cr_assert_eq(cpu->walk_cache.hits[0], 1);
	cr_assert_eq(cpu->walk_cache.hits[1], 1);
	cr_assert_eq(cpu->walk_cache.misses, 1);
	cr_assert_eq(cpu->counters.flags_set, 7, "each entry is marked once: 4 + 1 + 2");
	finish(cpu, &ram);
}

Test(walk_cache, fewer_cycles_too)
{
	struct ram ram;
	struct hw_cpu *cpu = x86_64(&ram);
	struct hw_access a = {.bytes = 8, .kind = HW_LOAD};
	uint32_t first;

	cr_assert_eq(hw_access(cpu, &ram.dram, &a, NULL), 0);
	hw_flush_tlb(cpu, false);
	cr_assert_eq(hw_access(cpu, &ram.dram, &a, NULL), 0);
	first = a.cycles;
	cr_assert_eq(hw_access(cpu, &ram.dram, &a, NULL), 0);
	cr_assert_eq(first - a.cycles, 3 * (HW_CYCLES_WALK_STEP + cpu->dcache.desc.hit_cycles));
	finish(cpu, &ram);
}

Test(walk_cache, an_edited_upper_entry_is_seen_when_told)
{
	struct ram ram;
	struct hw_cpu *cpu = x86_64(&ram);
	uint64_t value;

	steps(cpu, &ram, 0x1000, &value);
	put64(&ram, PMD, PTE2 | ALL_MAY);
	cr_assert_eq(steps(cpu, &ram, 0x1000, &value), 1);
	cr_assert_eq(value, 1, "still by way of the old table");
	hw_invlpg(cpu, 0x7654321000);
	cr_assert_eq(steps(cpu, &ram, 0x1000, &value), 4, "x86 forgets all tables with any page");
	cr_assert_eq(value, 0x101);
	put64(&ram, PMD, PTE | ALL_MAY);
	set_reg(cpu, HW_CR3, ROOT | 1ULL << 63);
	steps(cpu, &ram, 0x1000, &value);
	cr_assert_eq(value, 0x101, "bit 63 keeps what this PCID knows");
	set_reg(cpu, HW_CR3, ROOT);
	steps(cpu, &ram, 0x1000, &value);
	cr_assert_eq(value, 1);
	finish(cpu, &ram);
}

Test(walk_cache, a_freed_table_is_read_on)
{
	struct ram ram;
	struct hw_cpu *cpu = x86_64(&ram);
	uint64_t value;

	steps(cpu, &ram, 0x1000, &value);
	put64(&ram, PMD, 0);
	put64(&ram, PTE + 8, 0x20000 | SEEN); /* now somebody's data */
	put64(&ram, 0x20000, 0xbad);
	cr_assert_eq(steps(cpu, &ram, 0x1000, &value), 1);
	cr_assert_eq(value, 0xbad);
	put64(&ram, PTE + 8, 0);
	cr_assert_eq(steps(cpu, &ram, 0x1000, &value), -1, "a page fault forgets what led to it");
	put64(&ram, PMD, PTE2 | ALL_MAY);
	cr_assert_eq(steps(cpu, &ram, 0x1000, &value), 4);
	finish(cpu, &ram);
}

Test(walk_cache, permissions_of_the_tables_stay_with_it)
{
	struct ram ram;
	struct hw_cpu *cpu = x86_64(&ram);
	struct hw_access a = {.va = 0x1000, .bytes = 1, .kind = HW_STORE, .user = true};
	uint64_t value;

	put64(&ram, PMD, PTE | 5); /* read-only for all below */
	steps(cpu, &ram, 0x1000, &value);
	cr_assert_eq(hw_access(cpu, &ram.dram, &a, NULL), -EFAULT);
	cr_assert_eq(a.fault.fault, HW_FAULT_WRITE);
	cr_assert_eq(a.code, 7);
	finish(cpu, &ram);
}

Test(walk_cache, each_address_space_has_its_own)
{
	struct ram ram;
	struct hw_cpu *cpu = x86_64(&ram);
	uint64_t value;

	steps(cpu, &ram, 0x1000, &value);
	put64(&ram, 0x9000, PUD | ALL_MAY);
	set_reg(cpu, HW_CR3, 0x9000 | 5 | 1ULL << 63);
	cr_assert_eq(steps(cpu, &ram, 0x1000, &value), 4, "PCID 5 knows nothing yet");
	set_reg(cpu, HW_CR3, ROOT | 1ULL << 63);
	cr_assert_eq(steps(cpu, &ram, 0x1000, &value), 1, "PCID 0 has kept what it knew");
	finish(cpu, &ram);
}

Test(walk_cache, arm_forgets_what_leads_to_the_page)
{
	struct ram ram;
	struct hw_cpu *cpu = make(HW_ARM64, (struct walk_cache_desc){{32, 4, 2, 0}});
	uint64_t value;

	ram_init(&ram, 1 << 20);
	put64(&ram, ROOT, PUD | 3);
	put64(&ram, PUD, PMD | 3);
	put64(&ram, PMD, PTE | 3);
	put64(&ram, PMD + 8, PTE2 | 3);
	put64(&ram, PTE, PAGE | 0x443);
	put64(&ram, PTE2, (PAGE + 0x8000) | 0x443);
	set_reg(cpu, HW_TTBR0_EL1, ROOT);
	set_reg(cpu, HW_SCTLR_EL1, 1);
	cr_assert_eq(steps(cpu, &ram, 0, &value), 4);
	cr_assert_eq(steps(cpu, &ram, 0x200000, &value), 2);
	hw_invlpg(cpu, 0x1ff000);
	cr_assert_eq(steps(cpu, &ram, 0x200000, &value), 1, "another PMD entry: kept");
	cr_assert_eq(steps(cpu, &ram, 0, &value), 4, "the levels above went with it");
	hw_flush_asid(cpu, 1);
	cr_assert_eq(steps(cpu, &ram, 0, &value), 1);
	hw_flush_asid(cpu, 0);
	cr_assert_eq(steps(cpu, &ram, 0, &value), 4);
	finish(cpu, &ram);
}

Test(walk_cache, what_sizes_there_are)
{
	static const struct {
		struct walk_cache_desc desc;
		bool ok;
		int second; /* steps of a walk whose three upper entries were seen */
	} rows[] = {
		{{{32, 4, 2, 1}}, true, 1},
		{{{0, 4, 2, 1}}, true, 2},
		{{{0, 0, 2, 1}}, true, 3},
		{{{0, 0, 0, 1}}, true, 4},
		{{{0, 0, 0, 0}}, true, 4},
		{{{1, 0, 0, 0}}, true, 1},
		{{{1024, 1024, 1024, 1024}}, true, 1},
		{{{3, 4, 2, 1}}, false, 0},
		{{{32, 4, 2, 2048}}, false, 0},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ram ram;
		struct hw_cpu *cpu = x86_64(&ram), *other;
		unsigned kept = 0;
		uint64_t value;

		cr_assert_eq(walk_cache_desc_ok(&rows[i].desc), rows[i].ok, "row %u", i);
		if (!rows[i].ok) {
			finish(cpu, &ram);
			continue;
		}
		other = make(HW_X86_64, rows[i].desc);
		memcpy(other->reg, cpu->reg, sizeof(cpu->reg));
		other->regime = cpu->regime;
		cr_assert_eq(steps(other, &ram, 0x1000, &value), 4);
		cr_assert_eq(steps(other, &ram, 0x2000, &value), rows[i].second, "row %u", i);
		for (unsigned height = 0; height < 3; height++)
			kept += rows[i].desc.entries[height] != 0;
		cr_assert_eq(walk_cache_flush(&other->walk_cache, -1), kept, "row %u", i);
		cr_assert_eq(walk_cache_count(&other->walk_cache), 0);
		free(other);
		finish(cpu, &ram);
	}
}

/* More tables than entries: the oldest of a set goes. */
Test(walk_cache, least_recently_used_goes_first)
{
	struct walk_cache_desc desc = {{4, 0, 0, 0}};
	struct walk_cache *c = calloc(1, sizeof(*c) + walk_cache_bytes(&desc));
	struct hw_regime r = {.mode = PAGING_X86_32};

	walk_cache_init(c, &desc, sizeof(*c));
	for (uint64_t i = 0; i < 5; i++) {
		struct page_walk w = {.va = i << 22,
			.mode = PAGING_X86_32,
			.nr_steps = 2,
			.step = {{.next = i << 12, .form = 2}}};

		walk_cache_fill(c, &r, &w);
		if (i == 3)
			cr_assert_not_null(walk_cache_find(c, &r, 0));
	}
	cr_assert_eq(c->evictions, 1);
	cr_assert_null(walk_cache_find(c, &r, 1 << 22), "the second was the oldest");
	cr_assert_eq(walk_cache_find(c, &r, 4 << 22)->to.table, 4 << 12);
	cr_assert_eq(walk_cache_find(c, &r, 4 << 22)->to.depth, 1);
	cr_assert_null(walk_cache_check(c));
	free(c);
}

/* invlpg and its like before the MMU is on: there is nothing to forget, and no level to look at. */
Test(walk_cache, without_translation_there_is_no_way)
{
	static const enum hw_family family[] = {HW_ARM, HW_ARM64, HW_RISCV, HW_ARM_M, HW_X86_64};

	for (unsigned i = 0; i < sizeof(family) / sizeof(family[0]); i++) {
		struct hw_cpu *cpu = make(family[i], (struct walk_cache_desc){{32, 4, 2, 1}});

		hw_invlpg(cpu, 0x1000);
		cr_assert_eq(cpu->walk_cache.invalidations, 0);
		cr_assert_null(hw_cpu_check(cpu));
		free(cpu);
	}
}

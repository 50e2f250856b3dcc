/* SPDX-License-Identifier: MIT
 *
 * From physical addresses to virtual ones (see kernel_map.h).
 *
 *   1. swapper_pg_dir: a table of the top level, in RAM that was reserved for it; the fixmap's tables, and in them what
 *      boot must see at once
 *   2. the kernel's image, code read-only and executable, where the architecture gives it addresses of its own
 *      (i386 and ARM run it inside the direct map)
 *   3. the direct map: RAM that is low memory, at page_offset(), with the largest pages that fit. On x86 the first
 *      MiB is mapped whole, and the first large page's worth by small pages, for its memory types differ
 *   4. tables for what is mapped later, and what user mode needs to enter the kernel (kernel_areas.c)
 *   5. the identity map: a small tree of its own, in which the image's addresses are the physical ones. When the
 *      switch is thrown the next instruction is fetched by a virtual address, so its old address must be one, too
 *   6. the registers: table, switches, and last the bit that turns the MMU on
 *
 * User mode has no access to any of it but ARM's page of helpers. The tables' pages are those that boot reserves for
 * them. With page-table isolation none of it is global but what user mode's tables have, too.
 *
 * Invariant: every byte of low memory is mapped at page_address(), and nothing else is in the direct map but the
 * holes of a PC's first MiB.
 *
 * Left out: AArch64's isolation (kpti=), RISC-V with more than three levels. Where
 * arm64 and riscv64 map with pages of 4 KiB and 2 MiB so that permissions can change, 2 MiB and 1 GiB are used here;
 * the pages that the smaller ones would take are reserved all the same.
 *
 * Follows arch/x86/mm/init.c, arch/arm/mm/mmu.c and idmap.c, arch/arm64/mm/mmu.c, arch/riscv/mm/init.c of 6.1.
 */
#include "mm/kernel/kernel_map.h"

#include "base/number.h"
#include "base/text.h"
#include "mm/core/cmdline.h"
#include "mm/kernel/cpus.h"
#include "mm/kernel/kernel_areas.h"
#include "mm/kernel/kernel_pte.h"
#include "mm/kernel/pgtable.h"
#include "mm/machine.h"
#include "mm/page/address.h"
#include "mm/page/contents.h"
#include "mm/page/frame.h"
#include "mm/process/tlb_flush.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define BIT(n) (1ULL << (n))

typedef unsigned long long ull;

void kernel_map_choose_mode(struct machine *m, const struct cmdline *c)
{
	enum paging_mode_id mode = PAGING_SV39;

	switch (m->arch) {
	case ARCH_I386:
		mode = machine_has(m, CONFIG_X86_PAE) ? PAGING_X86_PAE : PAGING_X86_32;
		break;
	case ARCH_X86_64:
		mode = m->cpus.desc.la57 && !c->no5lvl ? PAGING_X86_64_LA57 : PAGING_X86_64;
		break;
	case ARCH_ARM:
		mode = PAGING_ARM_SHORT;
		break;
	case ARCH_ARM64:
		mode = PAGING_ARM64_4K;
		break;
	case ARCH_RISCV64:
	case NR_ARCHS:
		break;
	}
	m->kernel_map.mode = mode;
	pte_protections(m);
}

static enum paging_mode_id mode_of(const struct machine *m)
{
	return (enum paging_mode_id)m->kernel_map.mode;
}

/* Forms of entries that the kernel uses. */
static uint32_t usable(const struct machine *m, const struct cmdline *c)
{
	uint32_t has = m->cpus.desc.abilities;

	return c->nogbpages ? has & ~(uint32_t)HW_HAS_1G : has;
}

/* Where the image runs, when not in the direct map; 0: there. */
static uint64_t image_address(const struct machine *m, const struct kernel_map_bounds *b)
{
	switch (m->arch) {
	case ARCH_X86_64:
		return 0xffffffff80000000 + b->image_start;
	case ARCH_ARM64:
		return 0xffff800008000000;
	case ARCH_RISCV64:
		return 0xffffffff80000000;
	default:
		return 0;
	}
}

static void set_image(struct machine *m, const struct kernel_map_bounds *b)
{
	struct kernel_map *k = &m->kernel_map;

	k->image_pa = b->image_start;
	k->image_bytes = b->image_end - b->image_start;
	k->image_text_end = b->text_end;
	k->image_rodata_end = b->rodata_end;
	k->image_va = image_address(m, b);
	if (!k->image_va)
		k->image_va = b->image_start - phys_offset(m) + page_offset(m);
}

/* Bytes of addresses that the direct map may take. */
static uint64_t direct_map_bytes(const struct machine *m)
{
	switch (m->arch) {
	case ARCH_X86_64:
		return (mode_of(m) == PAGING_X86_64_LA57 ? 32 * 1024 : 64) * 1024 * GIB;
	case ARCH_ARM64:
		return 128 * 1024 * GIB;
	case ARCH_RISCV64:
		return 124 * GIB; /* up to the kernel's image and modules */
	default:
		return GIB;
	}
}

/* The shift of the page size with which the image's parts are told apart. */
static unsigned section_shift(const struct machine *m)
{
	return m->arch == ARCH_ARM					 ? 20
	       : m->arch == ARCH_I386 && !machine_has(m, CONFIG_X86_PAE) ? 22
									 : 21;
}

static uint64_t round_down(uint64_t n, unsigned shift)
{
	return n >> shift << shift;
}

static uint64_t round_up(uint64_t n, unsigned shift)
{
	return round_down(n + (1ULL << shift) - 1, shift);
}

/* Code, constants, data: cut where whole large pages end, so as to need no small ones. */
static int map_image(
	struct pgtable *t, const struct kernel_map_bounds *b, uint64_t va, bool code_only)
{
	unsigned shift = section_shift(t->m);
	uint64_t start = b->image_start;
	uint64_t text = round_down(b->text_end, shift), rodata = round_down(b->rodata_end, shift);
	uint64_t end = round_up(b->image_end, PAGE_SHIFT);
	int err = 0;

	if (text > start)
		err = pgtable_map(t, va, start, text - start, PGTABLE_RX, shift);
	if (!err && rodata > text && text > start)
		err = pgtable_map(t, va + (text - start), text, rodata - text, PGTABLE_RO, shift);
	rodata = rodata > text ? rodata : text;
	rodata = rodata > start ? rodata : start;
	if (!err && !code_only && end > rodata)
		err = pgtable_map(
			t, va + (rodata - start), rodata, end - rodata, PGTABLE_RW, shift);
	return err;
}

static int map_direct(struct pgtable *t, uint64_t start, uint64_t end, unsigned max_shift)
{
	uint64_t base = phys_offset(t->m), limit = direct_map_bytes(t->m);

	start = round_up(start > base ? start : base, PAGE_SHIFT);
	end = round_down(end - base < limit ? end : base + limit, PAGE_SHIFT);
	if (start >= end)
		return 0;
	return pgtable_map(
		t, start - base + page_offset(t->m), start, end - start, PGTABLE_RW, max_shift);
}

static int map_lowmem(struct pgtable *t, const struct kernel_map_bounds *b)
{
	const struct memblock_type *memory = &t->m->memblock.memory;
	bool x86 = t->m->arch == ARCH_I386 || t->m->arch == ARCH_X86_64;
	uint64_t small_end = x86 ? 1ULL << section_shift(t->m) : 0;
	int err = x86 ? map_direct(t, 0, MIB, PAGE_SHIFT) : 0;

	for (unsigned i = 0; i < memory->nr && !err; i++) {
		uint64_t start = memory->region[i].start, end = memory->region[i].end;

		end = end < b->low_end ? end : b->low_end;
		if (start < small_end && start < end)
			err = map_direct(t, start, end < small_end ? end : small_end, PAGE_SHIFT);
		start = start > small_end ? start : small_end;
		if (!err && start < end)
			err = map_direct(t, start, end, 63);
	}
	return err;
}

/* ---- the registers ---- */

/* Which of cr4's switches this CPU has and the command line allows. */
static uint64_t cr4_bits(const struct machine *m, const struct cmdline *c)
{
	uint32_t has = m->cpus.desc.abilities;
	uint64_t cr4 = 0;

	if (has & HW_HAS_PSE)
		cr4 |= BIT(4);
	if (has & HW_HAS_GLOBAL)
		cr4 |= BIT(7);
	if (m->arch == ARCH_I386)
		return cr4 | (m->kernel_map.mode == PAGING_X86_PAE ? BIT(5) : 0);
	if (m->kernel_map.mode == PAGING_X86_64_LA57)
		cr4 |= BIT(12);
	/* Numbers 1-6, and with isolation bit 11. */
	if (has & HW_HAS_ASID && !c->nopcid &&
		m->cpus.desc.asid_bits >= (m->kernel_map.pti ? 12 : 3))
		cr4 |= BIT(17);
	if (has & HW_HAS_SMEP && !c->nosmep)
		cr4 |= BIT(20);
	if (has & HW_HAS_SMAP && !c->nosmap)
		cr4 |= BIT(21);
	return cr4 | BIT(5);
}

/* pti_check_boottime_disable(). Without areas there is nothing for user mode's own tables. */
static void choose_pti(struct machine *m, const struct kernel_map_bounds *b)
{
	const struct cmdline *c = b->cmdline;
	bool able = mode_of(m) == PAGING_X86_64 || mode_of(m) == PAGING_X86_64_LA57 ||
		    mode_of(m) == PAGING_X86_PAE;
	bool needed = m->cpus.meltdown && !c->mitigations_off;

	if (!able || b->area_start == b->area_end || !b->percpu_at)
		return;
	if (c->pti_off && m->cpus.meltdown)
		log_printf(m, "Kernel/User page tables isolation: disabled on command line.");
	if (c->pti_on && !m->cpus.meltdown)
		log_printf(m, "Kernel/User page tables isolation: force enabled on command line.");
	m->kernel_map.pti = c->pti_on || (needed && !c->pti_off);
	if (m->kernel_map.pti)
		log_printf(m, "Kernel/User page tables isolation: enabled");
}

static void mmu_registers(struct machine *m, const struct cmdline *c)
{
	const struct kernel_map *k = &m->kernel_map;
	uint64_t *reg = m->cpus.reg;

	switch (m->arch) {
	case ARCH_I386:
		reg[HW_CR3] = k->root;
		reg[HW_CR4] = cr4_bits(m, c);
		reg[HW_EFER] = m->cpus.desc.abilities & HW_HAS_NX ? 0x800 : 0;
		reg[HW_CR0] = 0x80050033; /* PG AM WP NE ET MP PE */
		break;
	case ARCH_X86_64:
		reg[HW_CR3] = k->root;
		reg[HW_CR4] = cr4_bits(m, c);
		reg[HW_EFER] = 0xd01; /* SCE LME LMA NXE */
		reg[HW_CR0] = 0x80050033;
		break;
	case ARCH_ARM:
		reg[HW_TTBR0] = k->root | 0x6a; /* walks are cached and shared */
		reg[HW_DACR] =
			0x51; /* the kernel's and the devices' domains; no access to users' */
		reg[HW_SCTLR] = 0x10c5387d;
		break;
	case ARCH_ARM64:
		reg[HW_TTBR0_EL1] = k->empty_root;
		reg[HW_TTBR1_EL1] = k->root;
		reg[HW_TCR_EL1] = 0x15b5103510; /* 48 bits in each half, 4 KiB pages */
		reg[HW_PAN] = 1 << 22;
		reg[HW_SCTLR_EL1] = 0x34d5d91d;
		break;
	case ARCH_RISCV64:
	case NR_ARCHS:
		reg[HW_SATP] = 8ULL << 60 | k->root >> PAGE_SHIFT;
		break;
	}
}

/* ---- the log ---- */

static void say_pages(struct machine *m)
{
	const struct kernel_map *k = &m->kernel_map;
	const struct paging_mode *mode = &paging_modes[k->mode];
	struct text line;

	text_init(&line);
	for (unsigned depth = 0; depth < mode->nr_levels; depth++) {
		uint64_t kib = 1ULL << (mode->level[depth].shift - 10);
		bool mib = kib >= 1024, gib = kib >= 1024 * 1024;

		if (k->leaves[depth])
			text_printf(&line, "%s%llu of %llu%c", line.len ? ", " : "",
				(ull)k->leaves[depth],
				(ull)(gib     ? kib >> 20
					: mib ? kib >> 10
					      : kib),
				gib   ? 'G'
				: mib ? 'M'
				      : 'K');
	}
	log_printf(m,
		"Kernel page tables: %s, swapper_pg_dir at 0x%llx, %lluK of tables, pages: %s",
		mode->name, (ull)k->root, (ull)k->tables_bytes >> 10, text_str(&line));
	text_finish(&line);
}

static void say_mmu(struct machine *m, const struct kernel_map_bounds *b)
{
	const struct kernel_map *k = &m->kernel_map;
	uint64_t base = phys_offset(m), end = k->low_end;

	if (m->arch == ARCH_X86_64 && k->leaves[1])
		log_printf(m, "Using GB pages for direct mapping");
	say_pages(m);
	log_printf(m, "Direct map: [mem 0x%08llx-0x%08llx] at 0x%llx", (ull)base, (ull)end - 1,
		(ull)page_offset(m));
	if (k->idmap_root)
		log_printf(m, "Identity map at 0x%llx for [mem 0x%08llx-0x%08llx]",
			(ull)k->idmap_root, (ull)b->image_start, (ull)b->image_end - 1);
	log_printf(m, "MMU on: %s", paging_modes[k->mode].doc);
}

/* ---- all of it ---- */

/* The image at its physical addresses, by large pages: enough to throw the switch. */
static int build_idmap(
	struct machine *m, const struct kernel_map_bounds *b, struct pgtable_pool *pool)
{
	struct pgtable t;
	unsigned shift = section_shift(m);
	uint64_t start = round_down(b->image_start, shift), end = round_up(b->image_end, shift);
	int err = pgtable_init(&t, m, mode_of(m), usable(m, b->cmdline), pool);

	if (!err)
		err = pgtable_map(&t, start, start, end - start, PGTABLE_RX, shift);
	m->kernel_map.idmap_root = t.root;
	m->kernel_map.tables_bytes += t.tables_bytes;
	return err;
}

/* Steps 2 and 3. */
static int build_maps(struct pgtable *t, const struct kernel_map_bounds *b)
{
	uint64_t va = image_address(t->m, b);
	int err = 0;

	if (va && b->image_end)
		err = map_image(t, b, va, false);
	memset(t->leaves, 0, sizeof(t->leaves)); /* so far, no part of the direct map */
	if (!err && !va && b->image_end)
		err = map_image(t, b, b->image_start - phys_offset(t->m) + page_offset(t->m), true);
	return err ? err : map_lowmem(t, b);
}

static int build_swapper(
	struct machine *m, const struct kernel_map_bounds *b, struct pgtable_pool *pool)
{
	/* ARM's top-level table lies in the image, in front of the code. */
	struct pgtable_pool in_image = {.at = b->root, .end = b->root + 0x4000, .only = true};
	struct pgtable_pool area_pool = {.at = b->area_start, .only = true};
	struct kernel_map *k = &m->kernel_map;
	struct pgtable t;
	int err =
		pgtable_init(&t, m, mode_of(m), usable(m, b->cmdline), b->root ? &in_image : pool);
	uint64_t top_bytes = t.tables_bytes;

	k->root = t.root;
	k->areas = b->area_end > b->area_start;
	if (k->areas) /* its last page is not for tables */
		area_pool.end = b->area_end - PAGE_BYTES;
	if (k->pti)
		t.has &= ~(uint32_t)HW_HAS_GLOBAL;
	t.pool = &area_pool;
	if (!err && k->areas)
		err = kernel_areas_early(&t, b);
	k->area_bytes = t.tables_bytes - top_bytes;
	t.pool = pool;
	if (!err)
		err = build_maps(&t, b);
	k->tables_bytes = t.tables_bytes - k->area_bytes;
	memcpy(k->leaves, t.leaves, sizeof(t.leaves));
	t.pool = &area_pool;
	if (!err && k->areas) {
		kernel_areas_late(&t);
		err = kernel_areas_build(&t, b);
	}
	if (!err && k->areas)
		err = kernel_vmemmap_build(&t, b->pool_only);
	k->area_bytes = t.tables_bytes - k->tables_bytes;
	return !err && k->pti ? kernel_areas_trampoline(m, b, &area_pool) : err;
}

static int build_all(
	struct machine *m, const struct kernel_map_bounds *b, struct pgtable_pool *pool)
{
	struct pgtable empty;
	int err = build_swapper(m, b, pool);

	if (!err && b->image_end)
		err = build_idmap(m, b, pool);
	if (!err && m->arch == ARCH_ARM64) {
		err = pgtable_init(&empty, m, mode_of(m), usable(m, b->cmdline), pool);
		m->kernel_map.empty_root = empty.root;
		m->kernel_map.tables_bytes += empty.tables_bytes;
	}
	return err;
}

int kernel_map_init(struct machine *m, const struct kernel_map_bounds *b)
{
	struct kernel_map *k = &m->kernel_map;
	struct pgtable_pool pool = {.at = b->pool_start, .end = b->pool_end, .only = b->pool_only};
	uint64_t base = phys_offset(m), limit = direct_map_bytes(m);

	log_printf(m, "MMU off: addresses are physical");
	set_image(m, b);
	choose_pti(m, b);
	k->low_end = round_down(b->low_end - base < limit ? b->low_end : base + limit, PAGE_SHIFT);
	int err = build_all(m, b, &pool);

	if (err == -ENOMEM && b->pool_only) {
		struct dram d = machine_dram(m);

		dram_zero(&d, b->pool_start, pool.at - b->pool_start);
		*k = (struct kernel_map){.mode = k->mode};
		pte_protections(m);
		refusal_clear(&m->why);
		return 0;
	}
	if (err)
		return err;
	mmu_registers(m, b->cmdline);
	asids_init(m);
	say_mmu(m, b);
	assert(machine_cpu_regime(m, 0).mode == k->mode);
	return 0;
}

struct hw_regime kernel_map_regime(const struct machine *m)
{
	struct hw_regime r;
	int err = hw_regime_of(&m->cpus.desc, m->cpus.reg, &r, NULL);

	assert(!err && m->kernel_map.root);
	(void)err;
	r.root[0] = r.root[1] = m->kernel_map.root;
	return r;
}

static bool maps(const struct hw_regime *r, const struct dram *d, uint64_t va, uint64_t pa)
{
	struct page_walk w;

	walk_tables(r, d, va, &w);
	return !w.fault && w.pa == pa && !(w.flags & HW_U_ALL);
}

/* Both ends of each range of low memory, and places between them. */
unsigned kernel_map_check(struct machine *m, struct text *out)
{
	enum { PLACES = 16 };
	const struct memblock_type *memory = &m->memblock.memory;
	struct dram d = machine_dram(m);
	unsigned bad = 0;

	if (!m->kernel_map.root)
		return 0;
	struct hw_regime r = kernel_map_regime(m);

	for (unsigned i = 0; i < memory->nr; i++) {
		uint64_t start = round_up(memory->region[i].start, PAGE_SHIFT),
			 end = memory->region[i].end;

		end = round_down(
			end < m->kernel_map.low_end ? end : m->kernel_map.low_end, PAGE_SHIFT);
		for (uint64_t n = 0; start < end && n <= PLACES; n++) {
			uint64_t pa = start + round_down((end - start - PAGE_BYTES) / PLACES * n,
						      PAGE_SHIFT);
			uint64_t va = pa - phys_offset(m) + page_offset(m);

			if (maps(&r, &d, va, pa))
				continue;
			text_printf(out,
				"the direct map's tables do not map 0x%llx to 0x%llx for the "
				"kernel alone\n",
				(ull)va, (ull)pa);
			bad++;
		}
	}
	return bad + kernel_areas_check(m, out) + kernel_pgd_check(m, out);
}

/* SPDX-License-Identifier: MIT
 *
 * Claim: the walker driven by data and a dumb interpreter, written by hand for each architecture, agree on random
 * tables; and a CPU with TLBs and a page-walk cache and one without see and write the same memory.
 *
 *	[ 0 .. 3 GiB )			data, of which few pages are ever used
 *	[ 3 GiB .. + 32 frames )	tables, full of random entries that lead to each other or to data
 */
#include "base/rng.h"
#include "hw/cpu.h"
#include "support/lone_cpu.h"
#include "support/ram.h"

#include <errno.h>
#include <stdlib.h>

#define RAM_BYTES (4ULL << 30)
#define TABLES	  (3ULL << 30)
enum { NR_TABLES = 32, GUESSES = 3 };

/* What the dumb interpreter finds: six permissions as in enum hw_page_flags, or -1 for any fault. */
struct plain {
	uint64_t pa;
	int permissions;
};

static const struct plain nothing = {0, -1};

static uint64_t entry(struct ram *ram, uint64_t table, uint64_t index, unsigned bytes)
{
	return get(ram, table + index * bytes, bytes);
}

/* x86 with 8-byte entries: @shift of the top level, 9 bits a level (PAE's top has 2 and no permissions). */
static struct plain plain_x86_64(
	struct ram *ram, uint64_t table, uint64_t va, unsigned shift, bool pae)
{
	bool write = true, user = true, exec = true;

	for (;; shift -= 9) {
		uint64_t e = entry(ram, table, va >> shift & (pae && shift == 30 ? 3 : 511), 8);
		bool large = (e & 0x80) && (shift == 21 || (shift == 30 && !pae));

		if (!(e & 1))
			return nothing;
		if (pae && (e & 0x7ff0000000000000))
			return nothing;
		if (pae && shift == 30 && (e & 0x80000000000001e6))
			return nothing;
		if ((e & 0x80) && shift > 30)
			return nothing;
		if (large && (e & ((1ULL << shift) - 1) & ~0x1fffULL))
			return nothing;
		if (!pae || shift != 30) {
			write &= e >> 1 & 1;
			user &= e >> 2 & 1;
			exec &= !(e >> 63);
		}
		table = e & 0x000ffffffffff000;
		if (large || shift == 12) {
			uint64_t below = (1ULL << shift) - 1;
			int p = 1 + 2 * write + 4 * exec;

			return (struct plain){
				(table & ~below) | (va & below), user ? p + 8 * p : p};
		}
	}
}

static struct plain plain_x86_32(struct ram *ram, uint64_t table, uint64_t va)
{
	uint32_t e = (uint32_t)entry(ram, table, va >> 22, 4), t;
	int p;

	if (!(e & 1))
		return nothing;
	if (e & 0x80) {
		p = 1 + (e & 2) + 4;
		return e & 1 << 21 ? nothing
				   : (struct plain){
					     ((uint64_t)(e >> 13 & 0xff) << 32 | (e & 0xffc00000)) +
						     (va & 0x3fffff),
					     e & 4 ? p * 9 : p};
	}
	t = (uint32_t)entry(ram, e & ~4095u, va >> 12 & 1023, 4);
	if (!(t & 1))
		return nothing;
	p = 1 + (e & t & 2) + 4;
	return (struct plain){(t & ~4095u) + (va & 4095), e & t & 4 ? p * 9 : p};
}

static struct plain plain_sv39(struct ram *ram, uint64_t table, uint64_t va)
{
	for (unsigned shift = 30;; shift -= 9) {
		uint64_t e = entry(ram, table, va >> shift & 511, 8);
		unsigned rwx = e >> 1 & 7;

		if (!(e & 1) || (rwx & 3) == 2 || e >> 54)
			return nothing;
		table = (e >> 10 & 0xfffffffffff) << 12;
		if (rwx) {
			if (table & ((1ULL << shift) - 1))
				return nothing;
			return (struct plain){table + (va & ((1ULL << shift) - 1)),
				e & 0x10 ? (int)((rwx & 3) + 8 * rwx) : (int)rwx};
		}
		if (shift == 12 || e & 0xd0)
			return nothing;
	}
}

static struct plain plain_arm64(struct ram *ram, uint64_t table, uint64_t va)
{
	bool ro = false, kernel = false, uxn = false, pxn = false;

	for (unsigned shift = 39;; shift -= 9) {
		uint64_t e = entry(ram, table, va >> shift & 511, 8);
		bool leaf = shift == 12 || !(e & 2);

		if (!(e & 1) || (leaf && shift == 39) || (shift == 12 && !(e & 2)))
			return nothing;
		table = e & 0x0000fffffffff000;
		if (leaf) {
			uint64_t below = (1ULL << shift) - 1;
			bool user_writes = (e & 0xc0) == 0x40;

			ro |= e >> 7 & 1;
			kernel |= !(e & 0x40);
			pxn |= (e >> 53 & 1) | user_writes;
			uxn |= e >> 54 & 1;
			return (struct plain){(table & ~below) | (va & below),
				1 + 2 * !ro + 4 * !pxn + (kernel ? 0 : 8 + 16 * !ro) + 32 * !uxn};
		}
		pxn |= e >> 59 & 1;
		uxn |= e >> 60 & 1;
		kernel |= e >> 61 & 1;
		ro |= e >> 62 & 1;
	}
}

static int arm_permissions(unsigned ap, bool xn, bool pxn)
{
	static const int table[8] = {0, 3, 3 + 8, 3 + 24, 0, 1, 1 + 8, 1 + 8};
	int p = table[ap], read = p & 9;

	if (xn || !read)
		return p;
	return p + (pxn ? 0 : 4) + (read & 8 ? 32 : 0);
}

static struct plain plain_arm(struct ram *ram, uint64_t table, uint64_t va)
{
	uint32_t e = (uint32_t)entry(ram, table, va >> 20, 4), t;

	if (e & 2) {
		unsigned ap = (e >> 13 & 4) | (e >> 10 & 3);
		uint64_t pa = e & 0x40000 ? (uint64_t)(e & 0x1e0) << 31 |
						    (uint64_t)(e & 0xf00000) << 12 |
						    (e & 0xff000000) | (va & 0xffffff)
					  : (e & 0xfff00000) | (va & 0xfffff);

		return (struct plain){pa, arm_permissions(ap, e & 0x10, false)};
	}
	if (!(e & 1))
		return nothing;
	t = (uint32_t)entry(ram, e & ~0x3ffu, va >> 12 & 255, 4);
	if (!(t & 3))
		return nothing;
	unsigned ap = (t >> 7 & 4) | (t >> 4 & 3);

	if (t & 2)
		return (struct plain){
			(t & ~0xfffu) | (va & 0xfff), arm_permissions(ap, t & 1, e & 4)};
	return (struct plain){
		(t & 0xffff0000) | (va & 0xffff), arm_permissions(ap, t & 0x8000, e & 4)};
}

static struct plain plain_walk(struct ram *ram, enum paging_mode_id mode, uint64_t va)
{
	switch (mode) {
	case PAGING_X86_32:
		return plain_x86_32(ram, TABLES, va);
	case PAGING_X86_PAE:
		return plain_x86_64(ram, TABLES, va, 30, true);
	case PAGING_X86_64:
		return plain_x86_64(ram, TABLES, va, 39, false);
	case PAGING_X86_64_LA57:
		return plain_x86_64(ram, TABLES, va, 48, false);
	case PAGING_SV39:
		return plain_sv39(ram, TABLES, va);
	case PAGING_ARM64_4K:
		return plain_arm64(ram, TABLES, va);
	default:
		return plain_arm(ram, TABLES, va);
	}
}

/* Few different indexes on each level, so that tables are shared and translations repeat. */
static uint64_t random_va(struct rng *rng, enum paging_mode_id id)
{
	const struct paging_mode *mode = &paging_modes[id];
	uint64_t va = rng_below(rng, 3) * 0x7f8 + rng_below(rng, 8);

	for (unsigned depth = 0; depth < mode->nr_levels; depth++) {
		const struct paging_level *level = &mode->level[depth];

		va |= (uint64_t)rng_below(rng, GUESSES) % (1u << level->bits) << level->shift;
	}
	return va;
}

/* Table 0 is the root, the others are of the levels below it in turn: a table is not used on two levels. */
static unsigned depth_of_table(const struct paging_mode *mode, unsigned table)
{
	return table ? 1 + (table - 1) % (mode->nr_levels - 1u) : 0;
}

/* An entry of a random form of a level: flags at random, an address that keeps data and tables apart. */
static uint64_t random_entry(struct rng *rng, const struct paging_mode *mode, unsigned depth)
{
	const struct paging_level *level = &mode->level[depth];
	unsigned others = mode->nr_levels - 1u;
	unsigned nr = 0;

	while (nr < PAGING_MAX_FORMS && level->form[nr].mask)
		nr++;
	const struct paging_form *form = &level->form[rng_below(rng, nr)];
	uint64_t address =
		form->leaf ? (uint64_t)rng_below(rng, 3) << 30 | (uint64_t)rng_below(rng, 3) << 24 |
				     rng_below(rng, 16) << 12
			   : TABLES + (1 + depth +
					      others * rng_below(rng,
							       (NR_TABLES - 1 - depth) / others)) *
					      4096;
	uint64_t flags = rng_next(rng) & ~form->mask & ~form->reserved;

	if (!rng_below(rng, 12))
		return rng_next(rng) & 0xfff0; /* hardly ever present */
	if (form->leaf)
		address &= ~((1ULL << form->page_shift) - 1);
	for (unsigned i = 0; i < PAGING_MAX_PIECES; i++)
		flags &= ~form->address[i].mask;
	/* Addresses stay small, and rare bits rare, or nothing would ever translate. */
	if (level->entry_bytes == 8 && rng_below(rng, 4))
		flags &= 0xfff;
	if (!rng_below(rng, 24))
		flags |= form->reserved & rng_next(rng);
	uint64_t e = form->value | flags | paging_encode(form, address);

	/* A random bit may have made another form of it; data must not lie on the tables. */
	form = paging_form_of(level, e, UINT32_MAX);
	return form && form->leaf && paging_address(form, e) >= TABLES ? 0 : e;
}

/* ARM's large pages and supersections must stand in 16 equal entries; @alone: none of these, please. */
static void edit(struct ram *ram, struct rng *rng, enum paging_mode_id id, unsigned table,
	unsigned index, bool alone)
{
	const struct paging_mode *mode = &paging_modes[id];
	const struct paging_level *level = &mode->level[depth_of_table(mode, table)];
	uint64_t e = random_entry(rng, mode, depth_of_table(mode, table));
	const struct paging_form *form = paging_form_of(level, e, UINT32_MAX);

	if (alone && form && form->page_shift > level->shift)
		e = 0;
	if (level->entry_bytes == 4)
		put32(ram, TABLES + table * 4096 + index * 4, (uint32_t)e);
	else
		put64(ram, TABLES + table * 4096 + index * 8, e);
}

static void fill(struct ram *ram, struct rng *rng, enum paging_mode_id id, bool alone)
{
	for (unsigned table = 0; table < NR_TABLES; table++)
		for (unsigned index = 0; index < GUESSES; index++)
			edit(ram, rng, id, table, index, alone);
}

static struct hw_regime regime(enum paging_mode_id mode)
{
	return (struct hw_regime){.mode = mode,
		.has = HW_HAS_PSE | HW_HAS_1G | HW_HAS_NX | HW_HAS_WP | HW_HAS_GLOBAL,
		.root = {TABLES, TABLES},
		.pa_bits = mode == PAGING_ARM64_4K    ? 48
			   : mode == PAGING_SV39      ? 56
			   : mode == PAGING_ARM_SHORT ? 40
						      : 52};
}

/* Do two walks for the same address end in the same way? */
static bool same_walk(const struct page_walk *a, const struct page_walk *b)
{
	return a->pa == b->pa && a->fault == b->fault && a->nr_steps == b->nr_steps &&
	       a->page_shift == b->page_shift && a->flags == b->flags && a->unmarked == b->unmarked;
}

/* How many of @n walks differ from the dumb ones, and how many translated at all. A walker that remembers the walks before
 * comes to the same. */
static unsigned compare(enum paging_mode_id mode, unsigned n, bool broken, unsigned *translated)
{
	struct ram ram;
	struct rng rng = {(uint64_t)mode + 77};
	struct hw_regime r = regime(mode);
	struct walk_memory memory = {0};
	unsigned differences = 0;

	*translated = 0;
	ram_init(&ram, RAM_BYTES);
	for (unsigned i = 0; i < n; i++) {
		if (i % 100 == 0)
			fill(&ram, &rng, mode, false);
		uint64_t va = random_va(&rng, mode);
		struct plain want = plain_walk(&ram, mode, va);
		struct page_walk w;

		walk_tables(&r, &ram.dram, va, &w);
		walk_tables_with(&r, &ram.dram, &memory, va);
		differences += !same_walk(&w, &memory.walk);
		if (broken && want.permissions > 0)
			want.permissions ^= HW_PW;
		if (w.fault || want.permissions < 0) {
			differences += !w.fault != (want.permissions >= 0);
			continue;
		}
		++*translated;
		differences += w.pa != want.pa || (int)(w.flags & HW_ALL) != want.permissions;
	}
	ram_finish(&ram);
	return differences;
}

Test(mmu, the_walker_and_the_dumb_interpreters_agree)
{
	for (unsigned mode = PAGING_NONE + 1; mode < NR_PAGING_MODES; mode++) {
		unsigned translated;

		cr_assert_eq(
			compare(mode, 6000, false, &translated), 0, "%s", paging_modes[mode].name);
		cr_assert_gt(translated, 300, "%s: only %u translated", paging_modes[mode].name,
			translated);
		cr_assert_gt(compare(mode, 600, true, &translated), 0, "a broken model is noticed");
	}
}

enum caches { NOTHING, WALK_CACHE, ALL };

static struct hw_cpu *make(enum paging_mode_id mode, enum caches caches)
{
	static const enum hw_family family[NR_PAGING_MODES] = {[PAGING_X86_32] = HW_X86_32,
		[PAGING_X86_PAE] = HW_X86_32,
		[PAGING_X86_64] = HW_X86_64,
		[PAGING_X86_64_LA57] = HW_X86_64,
		[PAGING_SV39] = HW_RISCV,
		[PAGING_ARM64_4K] = HW_ARM64,
		[PAGING_ARM_SHORT] = HW_ARM};
	struct hw_cpu_desc desc = hw_cpu_default(family[mode]);

	if (caches != ALL)
		desc.itlb = desc.dtlb = desc.stlb = (struct tlb_desc){0, 0};
	if (caches == NOTHING)
		desc.walk_cache = (struct walk_cache_desc){{0}};
	else
		desc.walk_cache = (struct walk_cache_desc){{8, 4, 2, 1}};
	struct hw_cpu *cpu = lone_cpu(&desc);

	cpu->regime = regime(mode);
	return cpu;
}

/* One act on both CPUs; true when bytes, address, fault, code and fault address are the same. */
static bool same_act(
	struct hw_cpu *cpu[2], struct ram ram[2], struct rng *rng, enum paging_mode_id mode)
{
	struct hw_access a[2];
	int err[2];

	a[0] = (struct hw_access){.va = random_va(rng, mode),
		.value = rng_next(rng),
		.bytes = (uint8_t)(1 + rng_below(rng, 8)),
		.kind = (uint8_t)rng_below(rng, 3),
		.user = rng_below(rng, 2)};
	a[1] = a[0];
	for (int i = 0; i < 2; i++)
		err[i] = hw_access(cpu[i], &ram[i].dram, &a[i], NULL);
	if (err[0] != err[1] || a[0].fault.fault != a[1].fault.fault)
		return false;
	if (err[0])
		return a[0].code == a[1].code && a[0].fault.va == a[1].fault.va &&
		       a[0].fault.depth == a[1].fault.depth;
	return a[0].value == a[1].value && a[0].pa == a[1].pa;
}

/* How a kernel tells of an edited entry: not at all, or by one of the ways that there are. Which pages it leads to is not
 * known here, so by pages means by every page that an act may touch. */
static void tell(struct hw_cpu *cpu, struct rng *rng, enum paging_mode_id id)
{
	const struct paging_mode *mode = &paging_modes[id];

	if (!rng_below(rng, 3)) {
		hw_flush_tlb(cpu, false);
		return;
	}
	unsigned nr = 1;

	for (unsigned depth = 0; depth < mode->nr_levels; depth++)
		nr *= GUESSES;
	for (unsigned n = 0; n < nr; n++) {
		uint64_t va = 0;

		for (unsigned depth = 0, left = n; depth < mode->nr_levels;
			depth++, left /= GUESSES)
			va |= (uint64_t)(left % GUESSES) % (1u << mode->level[depth].bits)
			      << mode->level[depth].shift;
		hw_invlpg(cpu, va);
		hw_invlpg(cpu, va + 0x1000); /* of an access that crosses the page's end */
	}
}

/* @forgetful: the kernel edits tables and does not tell, which must be found. */
static unsigned with_and_without(
	enum paging_mode_id mode, enum caches caches, bool forgetful, uint64_t *hits)
{
	struct ram ram[2];
	struct hw_cpu *cpu[2];
	struct rng rng = {(uint64_t)mode + 5}, how = {3};
	unsigned differences = 0;

	for (int i = 0; i < 2; i++) {
		struct rng same = {9};

		ram_init(&ram[i], RAM_BYTES);
		cpu[i] = make(mode, i ? caches : NOTHING);
		fill(&ram[i], &same, mode, true);
	}
	for (unsigned step = 0; step < 20000; step++) {
		if (!rng_below(&rng, forgetful ? 10 : 300)) {
			unsigned table = rng_below(&rng, NR_TABLES),
				 index = rng_below(&rng, GUESSES);
			struct rng one = rng, other = rng;

			edit(&ram[0], &one, mode, table, index, true);
			edit(&ram[1], &other, mode, table, index, true);
			rng = one;
			if (!forgetful)
				tell(cpu[1], &how, mode);
		}
		differences += !same_act(cpu, ram, &rng, mode);
	}
	for (unsigned i = 0; i < NR_TABLES * 4096 && !forgetful; i += 8)
		differences += get(&ram[0], TABLES + i, 8) != get(&ram[1], TABLES + i, 8);
	*hits = cpu[1]->dtlb.hits + cpu[1]->itlb.hits;
	for (unsigned height = 0; height < WALK_CACHE_HEIGHTS && caches == WALK_CACHE; height++)
		*hits += cpu[1]->walk_cache.hits[height];
	cr_assert_null(hw_cpu_check(cpu[1]));
	for (int i = 0; i < 2; i++) {
		ram_finish(&ram[i]);
		free(cpu[i]);
	}
	return differences;
}

static void caches_change_only_time(enum caches caches)
{
	for (unsigned mode = PAGING_NONE + 1; mode < NR_PAGING_MODES; mode++) {
		uint64_t hits;

		cr_assert_eq(with_and_without(mode, caches, false, &hits), 0, "%s",
			paging_modes[mode].name);
		cr_assert_gt(hits, 100, "%s: only %llu hits", paging_modes[mode].name,
			(unsigned long long)hits);
		cr_assert_gt(with_and_without(mode, caches, true, &hits), 0,
			"a forgotten flush is noticed");
	}
}

Test(mmu, a_tlb_changes_time_and_nothing_else)
{
	caches_change_only_time(ALL);
}

Test(mmu, nor_does_a_page_walk_cache)
{
	caches_change_only_time(WALK_CACHE);
}

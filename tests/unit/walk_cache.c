/* SPDX-License-Identifier: MIT
 *
 * Claim: the page-walk cache spares reads of tables and nothing else, forgets when it is told as the architecture
 * says, and otherwise goes on believing what the tables once said, as hardware does.
 *
 *	x86-64:  PML4 0x1000 -> PDPT 0x2000 -> PD 0x3000 -> PT 0x4000 -> pages 0x10000, 0x11000, ...
 *	                                          \-> PT 0x5000 (2 MiB further on)
 */
#include "base/rng.h"
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

/* The dumb one: the slots of each set, of every height. It looks at all of them each time. */
enum { SETS_MOST = 16 };

struct slots {
	struct slot {
		bool used;
		uint64_t prefix, table;
		uint16_t asid;
	} slot[WALK_CACHE_HEIGHTS][SETS_MOST][WALK_CACHE_WAYS];
	uint32_t ways[WALK_CACHE_HEIGHTS], sets[WALK_CACHE_HEIGHTS];
	uint64_t evictions, gone;
};

static uint64_t prefix_of(const struct hw_regime *r, uint64_t va, unsigned height)
{
	const struct paging_mode *mode = &paging_modes[r->mode];

	return va >> mode->level[mode->nr_levels - 2u - height].shift;
}

/* The slot of the way to @va, and (@set) the set where it is or belongs. NULL: it is not there. */
static struct slot *slot_of(
	struct slots *x, const struct hw_regime *r, uint64_t va, unsigned height, struct slot **set)
{
	uint64_t prefix = prefix_of(r, va, height);

	*set = x->slot[height][prefix % x->sets[height]];
	for (unsigned way = 0; way < WALK_CACHE_WAYS; way++) {
		struct slot *s = *set + way;

		if (s->used && s->prefix == prefix && s->asid == r->asid)
			return s;
	}
	return NULL;
}

static void slot_first(struct slot *set, unsigned way, struct slot s)
{
	memmove(set + 1, set, way * sizeof(*set));
	set[0] = s;
}

static uint64_t slots_find(struct slots *x, const struct hw_regime *r, uint64_t va, unsigned *depth)
{
	unsigned levels = paging_modes[r->mode].nr_levels;

	for (unsigned height = 0; height + 1 < levels; height++) {
		struct slot *set, *s = slot_of(x, r, va, height, &set);

		if (!s)
			continue;
		slot_first(set, (unsigned)(s - set), *s);
		*depth = levels - 1 - height;
		return set->table;
	}
	*depth = 0;
	return 0;
}

static void slots_fill(struct slots *x, const struct hw_regime *r, const struct page_walk *w)
{
	for (unsigned depth = w->first; depth + 1 < w->nr_steps; depth++) {
		unsigned height = paging_modes[r->mode].nr_levels - 2u - depth, way = 1;
		struct slot *set;

		if (!x->ways[height])
			continue;
		(void)slot_of(x, r, w->va, height, &set);
		while (way < x->ways[height] && set[way].used)
			way++;
		x->evictions += set->used && way == x->ways[height];
		if (set->used)
			slot_first(set, way < x->ways[height] ? way : way - 1, *set);
		*set = (struct slot){
			true, prefix_of(r, w->va, height), w->step[depth].next, r->asid};
	}
}

static void slots_forget(struct slots *x, const struct hw_regime *r, uint64_t va)
{
	for (unsigned height = 0; height + 1u < paging_modes[r->mode].nr_levels; height++) {
		struct slot *set, *s = slot_of(x, r, va, height, &set);

		if (s)
			s->used = false;
		x->gone += s != NULL;
	}
}

static void slots_flush(struct slots *x, int asid)
{
	struct slot *s = &x->slot[0][0][0];

	for (unsigned i = 0; i < sizeof(x->slot) / sizeof(*s); i++, s++) {
		bool goes = s->used && (asid < 0 || s->asid == asid);

		x->gone += goes;
		s->used = s->used && !goes;
	}
}

static bool same_slots(const struct walk_cache *c, const struct slots *x)
{
	for (unsigned height = 0; height < WALK_CACHE_HEIGHTS; height++)
		for (unsigned i = 0; i < x->sets[height] * WALK_CACHE_WAYS; i++) {
			const struct walk_cache_entry *e = walk_cache_set(c, height, 0) + i;
			const struct slot *s = &x->slot[height][0][0] + i;

			if (s->used != (e->key != 0))
				return false;
			if (s->used && (walk_cache_prefix(e) != s->prefix ||
					       walk_cache_asid(e) != s->asid ||
					       e->to.table != s->table || e->to.flags != HW_ALL))
				return false;
		}
	return c->evictions == x->evictions && c->invalidations == x->gone && !walk_cache_check(c);
}

/* A walk as the hardware makes it: from where the cache knows the way to, down to a page, mostly a small one; or to a
 * @fault, of which nothing is kept. Does the cache say what the slots say? */
static bool walk_both(struct walk_cache *c, struct slots *x, const struct hw_regime *r, uint64_t va,
	bool large, bool fault)
{
	static uint64_t tables = 0x1000;
	struct page_walk w = {.va = va, .mode = r->mode};
	unsigned depth;
	uint64_t table = slots_find(x, r, va, &depth);
	const struct walk_cache_entry *e = walk_cache_find(c, r, va);

	if ((e != NULL) != (depth != 0) || (e && (e->to.table != table || e->to.depth != depth)))
		return false;
	w.first = depth;
	w.nr_steps = paging_modes[r->mode].nr_levels;
	if (large && w.nr_steps - 1u > depth)
		w.nr_steps--;
	for (unsigned i = 0; i < w.nr_steps; i++) {
		w.step[i].next = tables += 0x1000;
		w.step[i].flags = HW_ALL;
	}
	if (fault || w.first + 1 >= w.nr_steps)
		return true;
	walk_cache_fill(c, r, &w);
	slots_fill(x, r, &w);
	return true;
}

static uint64_t some_address(const struct hw_regime *r, struct rng *rng)
{
	const struct paging_mode *mode = &paging_modes[r->mode];
	uint64_t va = (uint64_t)rng_below(rng, 4) << 12;

	for (unsigned depth = 0; depth + 1u < mode->nr_levels; depth++)
		va |= (uint64_t)rng_below(rng, depth + 2u == mode->nr_levels ? 24 : 3)
		      << mode->level[depth].shift;
	return va;
}

static bool against_slots(struct walk_cache_desc desc, struct rng *rng)
{
	struct walk_cache *c = calloc(1, sizeof(*c) + walk_cache_bytes(&desc));
	struct slots *x = calloc(1, sizeof(*x));
	struct hw_regime r = {.mode = PAGING_X86_64};
	bool ok = true;

	walk_cache_init(c, &desc, sizeof(*c));
	for (unsigned height = 0; height < WALK_CACHE_HEIGHTS; height++) {
		x->ways[height] = c->height[height].ways;
		x->sets[height] = c->height[height].set_mask + 1;
	}
	for (unsigned step = 0; step < 20000 && ok; step++) {
		uint64_t va = some_address(&r, rng);
		bool fault = !rng_below(rng, 3), large = !rng_below(rng, 8);

		ok = walk_both(c, x, &r, va, large, fault);
		/* x86 forgets at a fault what led there; after it the same walk follows, mostly. */
		if (fault || !rng_below(rng, 8)) {
			walk_cache_invalidate_va(c, &r, va);
			slots_forget(x, &r, va);
		}
		if (!rng_below(rng, 8))
			r.asid = (uint16_t)rng_below(rng, 2);
		if (fault && rng_below(rng, 8))
			ok = ok && walk_both(c, x, &r, va ^ (uint64_t)rng_below(rng, 2) << 12,
					   large, false);
		if (!rng_below(rng, 64)) {
			int asid = (int)rng_below(rng, 3) - 1;

			walk_cache_flush(c, asid);
			slots_flush(x, asid);
		}
		/* Who changes the mode forgets all, but not which address was forgotten last. */
		if (!rng_below(rng, 32)) {
			r.mode = (enum paging_mode_id)(1 + rng_below(rng, NR_PAGING_MODES - 1));
			walk_cache_flush(c, -1);
			slots_flush(x, -1);
		}
		ok = ok && same_slots(c, x);
	}
	free(x);
	free(c);
	return ok;
}

Test(walk_cache, random_walks_against_slots)
{
	static const struct walk_cache_desc desc[] = {{{32, 4, 2, 1}}, {{1, 1, 1, 1}},
		{{4, 4, 4, 4}}, {{8, 0, 2, 0}}, {{0, 8, 0, 4}}, {{64, 16, 8, 4}}};
	struct rng rng = {11};

	for (unsigned i = 0; i < sizeof(desc) / sizeof(desc[0]); i++)
		cr_expect(against_slots(desc[i], &rng), "row %u", i);
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

/* SPDX-License-Identifier: MIT
 *
 * The page tables of an address space (see pgtables.h).
 *
 *	pgd ──> [pud] ──> [pmd] ──> table page of ptes ──> pages
 *
 * Going down is the same for all modes, since user tables hold no large pages yet: an entry of an upper level is 0 or
 * leads to a table. ARM differs in shape only: two entries of its first level, which lie side by side, lead to the two
 * halves of one table page, and the kernel treats the pair as one (2 MiB).
 *
 * A table page has contents from the moment it is taken, so that writing an entry cannot fail later; upper tables are
 * made top down, each linked as soon as it is there, so an allocation that fails leaves a shorter tree and nothing else.
 * Who must not fail half-way takes a stock of tables before it begins.
 * free_pgtables() frees a table when the whole of what it maps lies between the neighbouring mappings.
 *
 * Counted as 6.1 does: mm.pgtables_bytes (VmPTE) has all levels but the top one; nr_page_table_pages has the table pages
 * of ptes, and those of the middle level where that has split locks (64-bit kernels and PAE).
 *
 * Left out: large pages; PAE's preallocated middle tables. Follows mm/memory.c and arch/<arch>/mm/pgd.c of 6.1.
 */
#include "mm/process/pgtables.h"

#include "mm/kernel/kernel_map.h"
#include "mm/kernel/kernel_pte.h"
#include "mm/kernel/pgtable.h"
#include "mm/page/contents.h"
#include "mm/page/page_alloc.h"
#include "mm/page/zone.h"
#include "mm/process/mm.h"
#include "mm/process/tlb_gather.h"

#include <assert.h>
#include <errno.h>

typedef void table_fn(void *data, uint64_t table, unsigned depth);

static const struct paging_mode *mode_of(const struct machine *m)
{
	return &paging_modes[m->kernel_map.mode];
}

static bool is_arm(const struct machine *m)
{
	return m->kernel_map.mode == PAGING_ARM_SHORT;
}

/* Levels above the last one. */
static unsigned upper_levels(const struct machine *m)
{
	return mode_of(m)->nr_levels - 1u;
}

/* log2 of the addresses that one entry of @depth covers; ARM's pair counts as one. */
static unsigned shift_at(const struct machine *m, unsigned depth)
{
	return is_arm(m) && !depth ? 21 : mode_of(m)->level[depth].shift;
}

/* Where the entry of @va in the upper table @table lies. */
static uint64_t entry_at(const struct machine *m, uint64_t table, unsigned depth, uint64_t va)
{
	const struct paging_level *level = &mode_of(m)->level[depth];

	if (is_arm(m))
		return table + (va >> 21) * 8;
	return table + paging_index(level, va) * level->entry_bytes;
}

static uint64_t load_entry(struct machine *m, uint64_t at, unsigned depth)
{
	struct dram dram = machine_dram(m);
	uint64_t entry;
	int err = dram_load(&dram, at, mode_of(m)->level[depth].entry_bytes, &entry);

	assert(!err);
	(void)err;
	return entry;
}

/* The table that an upper entry leads to. */
static uint64_t table_of(const struct machine *m, uint64_t entry)
{
	switch (m->kernel_map.mode) {
	case PAGING_SV39:
		return (entry & 0x003ffffffffffc00) << 2;
	case PAGING_X86_32:
	case PAGING_ARM_SHORT:
		return entry & 0xfffff000;
	case PAGING_ARM64_4K:
		return entry & 0x0000fffffffff000;
	default:
		return entry & 0x000ffffffffff000;
	}
}

static const struct paging_form *table_form(const struct paging_level *level)
{
	const struct paging_form *form = level->form;

	while (form->leaf)
		form++;
	return form;
}

/* Write an upper entry of a table that has contents. */
static void store_entry(struct machine *m, uint64_t at, unsigned depth, uint64_t entry)
{
	struct dram dram = machine_dram(m);
	int err = dram_store(&dram, at, mode_of(m)->level[depth].entry_bytes, entry, &m->why);

	assert(!err);
	(void)err;
}

/* Link the table page at @table (0: none) under the entry at @at. */
static void link_table(
	struct machine *m, const struct mm *mm, uint64_t at, unsigned depth, uint64_t table)
{
	const struct paging_level *level = &mode_of(m)->level[depth];
	uint64_t entry = 0;

	if (is_arm(m)) {
		/* _PAGE_USER_TABLE with PXN: the user's domain; the hardware's halves lie behind Linux's. */
		store_entry(m, at, 0, table ? (table + 2048) | 0x35 : 0);
		store_entry(m, at + 4, 0, table ? (table + 3072) | 0x35 : 0);
		return;
	}
	if (table)
		entry = pgtable_table(
			(enum paging_mode_id)m->kernel_map.mode, depth, table_form(level), table);
	if (depth || !mm->user_pgd) {
		store_entry(m, at, depth, entry);
		return;
	}
	/* Page-table isolation: user mode has a top table of its own, and the kernel's may not execute user code. */
	store_entry(m, mm->user_pgd + (at - mm->pgd), depth, entry);
	store_entry(m, at, depth, entry && m->arch == ARCH_X86_64 ? entry | 1ULL << 63 : entry);
}

/* ---- pages for tables ---- */

/* Is a table of this level counted in nr_page_table_pages? */
static bool counted(const struct machine *m, unsigned depth)
{
	unsigned last = upper_levels(m);

	return depth == last || (depth + 1 == last && !is_arm(m) && last > 1);
}

static uint64_t counted_bytes(const struct machine *m, unsigned depth)
{
	/* ARM's table page counts as its Linux half: PTRS_PER_PTE * sizeof(pte_t). */
	return is_arm(m) && depth ? 2048 : PAGE_BYTES;
}

/* An empty page, as a table of @depth wants it; not counted as one yet. */
static uint64_t take_table(struct machine *m, unsigned cpu, unsigned depth)
{
	/* CONFIG_HIGHPTE of i386 */
	bool high = m->arch == ARCH_I386 && depth == upper_levels(m);
	gfp_t gfp = (gfp_t)GFP_KERNEL_ACCOUNT | (high ? (gfp_t)__GFP_HIGHMEM : 0);

	return table_pages_alloc(m, cpu, gfp, 0, CALLER_pte_alloc);
}

/* ---- the stock: each page of it holds the address of the next one ---- */

static uint64_t *stock_link(struct machine *m, uint64_t table)
{
	struct dram dram = machine_dram(m);

	return dram_at(&dram, table);
}

/* 0: there is none of this level. */
static uint64_t take_from_stock(struct machine *m, struct mm *mm, unsigned depth)
{
	uint64_t table = mm->table_stock[depth - 1];

	if (table) {
		uint64_t *next = stock_link(m, table);

		mm->table_stock[depth - 1] = *next;
		*next = 0;
	}
	return table;
}

void pgtables_unstock(struct machine *m, unsigned cpu, struct mm *mm)
{
	for (unsigned depth = 1; depth <= upper_levels(m); depth++)
		for (uint64_t table; (table = take_from_stock(m, mm, depth));)
			free_own_pages(m, cpu, table >> PAGE_SHIFT, 0);
}

int pgtables_stock(struct machine *m, unsigned cpu, struct mm *mm, uint64_t start, uint64_t end)
{
	for (unsigned depth = 1; depth <= upper_levels(m); depth++) {
		unsigned shift = shift_at(m, depth - 1);

		for (uint64_t at = start >> shift; at <= (end - 1) >> shift; at++) {
			uint64_t table = take_table(m, cpu, depth);

			if (!table) {
				struct refusal why = m->why;

				pgtables_unstock(m, cpu, mm);
				m->why = why;
				return -why.err;
			}
			*stock_link(m, table) = mm->table_stock[depth - 1];
			mm->table_stock[depth - 1] = table;
		}
	}
	return 0;
}

static uint64_t table_alloc(struct machine *m, unsigned cpu, struct mm *mm, unsigned depth)
{
	uint64_t table = take_from_stock(m, mm, depth);

	if (!table)
		table = take_table(m, cpu, depth);
	if (!table)
		return 0;
	mm->pgtables_bytes += counted_bytes(m, depth);
	if (counted(m, depth)) {
		frame_of(m, table >> PAGE_SHIFT)->flags |= FRAME_PGTABLE;
		node_at(m, pfn_zone(m, table >> PAGE_SHIFT)->nid)->stat[ND_nr_page_table_pages]++;
	}
	return table;
}

static void table_free(
	struct machine *m, unsigned cpu, struct mm *mm, unsigned depth, uint64_t table)
{
	uint64_t pfn = table >> PAGE_SHIFT;

	mm->pgtables_bytes -= counted_bytes(m, depth);
	if (counted(m, depth)) {
		frame_of(m, pfn)->flags &= ~(uint32_t)FRAME_PGTABLE;
		node_at(m, pfn_zone(m, pfn)->nid)->stat[ND_nr_page_table_pages]--;
	}
	free_own_pages(m, cpu, pfn, 0);
}

/* ---- the top table ---- */

static unsigned pgd_order(const struct machine *m)
{
	if (is_arm(m))
		return 2;
	return m->kernel_map.pti ? 1 : 0;
}

int pgd_alloc(struct machine *m, unsigned cpu, struct mm *mm)
{
	if (!m->kernel_map.root)
		return refuse(&m->why, ENOSYS,
			"this machine's MMU is off (its kernel has no page tables), so it has no "
			"processes with memory");
	mm->pgd = table_pages_alloc(m, cpu, GFP_KERNEL, pgd_order(m), CALLER_pgd_alloc);
	if (!mm->pgd)
		return -m->why.err;
	kernel_map_copy_pgd(m, mm->pgd);
	mm->vmalloc_seq = m->kernel_map.vmalloc_seq;
	mm->user_pgd = 0;
	if (m->kernel_map.pti) {
		mm->user_pgd = mm->pgd + PAGE_BYTES;
		int err = pti_user_pgd_init(m, mm->user_pgd);

		if (err) {
			pgd_free(m, cpu, mm);
			return err;
		}
	}
	return 0;
}

void pgd_free(struct machine *m, unsigned cpu, struct mm *mm)
{
	free_own_pages(m, cpu, mm->pgd >> PAGE_SHIFT, pgd_order(m));
	mm->pgd = mm->user_pgd = 0;
}

/* ---- going down ---- */

/* The table page of ptes for @va, 0 when there is none; *@depth gets the level where the way ends. */
static uint64_t find_table(struct machine *m, const struct mm *mm, uint64_t va, unsigned *depth)
{
	uint64_t table = mm->pgd;
	unsigned last = upper_levels(m);

	for (*depth = 0; *depth < last; ++*depth) {
		uint64_t entry = load_entry(m, entry_at(m, table, *depth, va), *depth);

		if (!entry)
			return 0;
		table = table_of(m, entry);
	}
	return table;
}

bool pte_find(struct machine *m, const struct mm *mm, uint64_t va, struct pte_place *out)
{
	unsigned depth;

	if (mm->last_base == pte_table_base(m, va))
		out->table = mm->last_table;
	else
		out->table = find_table(m, mm, va, &depth);
	out->index = pte_index(m, va);
	return out->table != 0;
}

int pte_alloc_slow(
	struct machine *m, unsigned cpu, struct mm *mm, uint64_t va, struct pte_place *out)
{
	uint64_t table = mm->pgd;
	unsigned last = upper_levels(m);

	for (unsigned depth = 0; depth < last; depth++) {
		uint64_t at = entry_at(m, table, depth, va);
		uint64_t entry = load_entry(m, at, depth);

		if (entry) {
			table = table_of(m, entry);
			continue;
		}
		table = table_alloc(m, cpu, mm, depth + 1);
		if (!table)
			return -m->why.err;
		link_table(m, mm, at, depth, table);
	}
	mm->last_base = pte_table_base(m, va);
	mm->last_table = table;
	*out = (struct pte_place){table, pte_index(m, va)};
	return 0;
}

pte_t pte_of(struct machine *m, const struct mm *mm, uint64_t va)
{
	struct pte_place at;

	return pte_find(m, mm, va, &at) ? pte_get(m, at.table, at.index) : 0;
}

struct pte_range pte_range(uint64_t start, uint64_t end)
{
	return (struct pte_range){.va = start, .end = end};
}

bool pte_range_next(struct machine *m, const struct mm *mm, struct pte_range *r)
{
	while (r->va < r->end) {
		unsigned depth, last = upper_levels(m);
		uint64_t table = find_table(m, mm, r->va, &depth);
		uint64_t bytes = 1ULL << shift_at(m, depth < last ? depth : last - 1);
		uint64_t next = (r->va | (bytes - 1)) + 1;

		if (!next || next > r->end)
			next = r->end;
		if (table) {
			r->start = r->va;
			r->table = table;
			r->index = pte_index(m, r->va);
			r->nr = (unsigned)((next - r->va) >> PAGE_SHIFT);
			r->va = next;
			return true;
		}
		r->va = next;
	}
	return false;
}

/* ---- freeing ---- */

struct freeing {
	struct tlb_gather *gather;
	uint64_t start, end, floor,
		ceiling; /* ceiling - 1 is the last address, so that 0 is the top */
};

/* Free what hangs below the table @table of @depth, whose first address is @base, in the range. */
static void free_below(struct freeing *f, uint64_t table, unsigned depth, uint64_t base)
{
	struct machine *m = f->gather->m;
	struct mm *mm = f->gather->mm;
	unsigned shift = shift_at(m, depth);
	uint64_t bytes = 1ULL << shift;
	uint64_t va = f->start > base ? f->start & ~(bytes - 1) : base;
	uint64_t span = depth ? 1ULL << shift_at(m, depth - 1) : 0;

	for (; va < f->end && (!depth || va - base < span); va += bytes) {
		uint64_t at = entry_at(m, table, depth, va);
		uint64_t entry = load_entry(m, at, depth);

		if (!entry)
			continue;
		if (depth + 1 < upper_levels(m))
			free_below(f, table_of(m, entry), depth + 1, va);
		if (va < f->floor || va + bytes - 1 > f->ceiling - 1)
			continue;
		/* Not only pages, also the way to them is remembered by CPUs (page-walk caches). */
		uint64_t first = f->start & ~(pte_table_bytes(m) - 1);

		first = va > first ? va : first;
		tlb_gather_range(f->gather, first, first + PAGE_BYTES);
		link_table(m, mm, at, depth, 0);
		table_free(m, f->gather->cpu, mm, depth + 1, table_of(m, entry));
	}
}

void free_pgtables(
	struct tlb_gather *g, uint64_t start, uint64_t end, uint64_t floor, uint64_t ceiling)
{
	struct mm *mm = g->mm;
	unsigned shift = shift_at(g->m, 0);
	struct freeing f = {
		.gather = g, .start = start, .end = end, .floor = floor, .ceiling = ceiling};

	mm->last_base = 0;
	/* Up to the end of the last top entry that the user has any part of. */
	if (!ceiling)
		f.ceiling = ((mm->task_size - 1) | ((1ULL << shift) - 1)) + 1;
	free_below(&f, mm->pgd, 0, 0);
}

/* ---- all of them ---- */

static void each_below(struct machine *m, uint64_t table, unsigned depth, uint64_t base,
	uint64_t end, table_fn *fn, void *data)
{
	uint64_t bytes = 1ULL << shift_at(m, depth);
	uint64_t span = depth ? 1ULL << shift_at(m, depth - 1) : end;

	fn(data, table, depth);
	if (depth == upper_levels(m))
		return;
	for (uint64_t va = base; va - base < span && va < end; va += bytes) {
		uint64_t entry = load_entry(m, entry_at(m, table, depth, va), depth);

		if (entry)
			each_below(m, table_of(m, entry), depth + 1, va, end, fn, data);
	}
}

void pgtables_each(struct machine *m, const struct mm *mm, table_fn *fn, void *data)
{
	if (mm->pgd)
		each_below(m, mm->pgd, 0, 0, mm->task_size, fn, data);
}

struct search {
	uint64_t table;
	bool found;
};

static void compare(void *data, uint64_t table, unsigned depth)
{
	struct search *s = data;

	s->found |= s->table == table;
}

struct mm *pgtable_owner(struct machine *m, uint64_t pfn)
{
	const struct tasks *tasks = &m->processes.tasks;
	const uint64_t *at = tasks->at ? machine_at(m, tasks->at) : NULL;

	for (uint32_t i = 0; i < tasks->nr; i++) {
		const struct task *t = machine_at(m, at[i]);
		struct search s = {.table = pfn << PAGE_SHIFT};

		if (!t->mm_at)
			continue;
		pgtables_each(m, machine_at(m, t->mm_at), compare, &s);
		if (s.found)
			return machine_at(m, t->mm_at);
	}
	return NULL;
}

/* SPDX-License-Identifier: MIT
 *
 * Entries of the kernel's own tables while the machine runs (see kernel_pte.h).
 *
 * Going down from swapper_pg_dir, level by level, by the forms of paging.def; what is missing on the way is a page of the
 * zone allocator (GFP_PGTABLE_KERNEL). Such tables are never given back, as on Linux, but when a larger page takes the
 * place of an empty one (x86-64 and AArch64; a table of tables stays, and the range goes by smaller pages). 6.1 counts the
 * middle ones in nr_page_table_pages (pgtable_pmd_page_ctor()) and not the last ones (pte_alloc_one_kernel()).
 *
 *	x86, AArch64, RISC-V   entry ──> table page
 *	ARM                    two entries ──> | Linux 0 | Linux 1 | hardware 0 | hardware 1 |   one page for 2 MiB
 *
 * Tables are read through dram_load(), which answers for any address: somebody who writes nonsense over a table, through
 * dev/mem or a stray store, gets translations to nowhere, not a crash of the simulation.
 *
 * Left out: changing protections (set_memory_*()), freeing whole trees, memory types beyond cached and device.
 * Follows mm/vmalloc.c (vmap_range_noflush(), vunmap_range_noflush()), include/linux/mm.h and asm-generic/pgalloc.h of 6.1.
 */
#include "mm/kernel/kernel_pte.h"

#include "base/text.h"
#include "mm/kernel/kernel_map.h"
#include "mm/page/contents.h"
#include "mm/page/frame.h"
#include "mm/page/zone.h"
#include "mm/process/tlb_flush.h"

#include <assert.h>
#include <errno.h>

typedef unsigned long long ull;

static enum paging_mode_id mode_of(const struct machine *m)
{
	return (enum paging_mode_id)m->kernel_map.mode;
}

static bool is_arm(const struct machine *m)
{
	return mode_of(m) == PAGING_ARM_SHORT;
}

static unsigned last_depth(const struct machine *m)
{
	return paging_modes[mode_of(m)].nr_levels - 1u;
}

static const struct paging_level *level_at(const struct machine *m, unsigned depth)
{
	return &paging_modes[mode_of(m)].level[depth];
}

/* What the kernel's entries may use: with page-table isolation nothing of it is global. */
static uint32_t usable(const struct machine *m)
{
	uint32_t has = m->cpus.desc.abilities;

	return m->kernel_map.pti ? has & ~(uint32_t)HW_HAS_GLOBAL : has;
}

static const struct paging_form *leaf_form(const struct machine *m, unsigned depth)
{
	const struct paging_level *level = level_at(m, depth);

	for (unsigned i = 0; i < PAGING_MAX_FORMS && level->form[i].mask; i++) {
		const struct paging_form *form = &level->form[i];

		if (form->leaf && form->page_shift == level->shift &&
			(form->need & usable(m)) == form->need)
			return form;
	}
	return NULL;
}

static const struct paging_form *table_form(const struct machine *m, unsigned depth)
{
	const struct paging_form *form = level_at(m, depth)->form;

	while (form->leaf)
		form++;
	return form;
}

pte_t kernel_pte_make(const struct machine *m, uint64_t pfn, enum pgtable_prot prot)
{
	uint64_t pa = pfn << PAGE_SHIFT;

	if (is_arm(m))
		return pgtable_arm_linux(pa, prot);
	return pgtable_leaf(mode_of(m), leaf_form(m, last_depth(m)), pa, usable(m), prot);
}

/* ---- going down ---- */

/* An entry on the way to an address. */
struct place {
	uint64_t at;	/* physical address of the entry */
	unsigned depth; /* its level */
	uint64_t entry;
	const struct paging_form *form; /* NULL: nothing there */
};

static struct place top_of(struct machine *m, uint64_t va)
{
	return (struct place){.at = m->kernel_map.root +
				    paging_index(level_at(m, 0), va) * level_at(m, 0)->entry_bytes};
}

static void load(struct machine *m, struct place *p)
{
	struct dram dram = machine_dram(m);
	const struct paging_level *level = level_at(m, p->depth);

	(void)dram_load(&dram, p->at, level->entry_bytes, &p->entry);
	p->form = paging_form_of(level, p->entry, m->cpus.desc.abilities);
}

/* From an entry that leads to a table to that table's entry of @va. */
static void step_down(struct machine *m, struct place *p, uint64_t va)
{
	uint64_t table = paging_address(p->form, p->entry);

	p->depth++;
	p->at = table +
		paging_index(level_at(m, p->depth), va) * level_at(m, p->depth)->entry_bytes;
	load(m, p);
}

/* As far as tables lead: to the last level, to a larger page, or to where nothing is. */
static struct place find(struct machine *m, uint64_t va)
{
	struct place p = top_of(m, va);

	load(m, &p);
	while (p.depth < last_depth(m) && p.form && !p.form->leaf)
		step_down(m, &p, va);
	return p;
}

/* The table of the entry gets contents, if it has none yet: boot's empty ones. From then on writing to it cannot fail. */
static int make_writable(struct machine *m, const struct place *p)
{
	struct dram dram = machine_dram(m);
	int err = dram_touch(&dram, p->at, &m->why);

	if (err == -ENXIO)
		return refuse(&m->why, EFAULT,
			"a page table of the kernel would lie at 0x%llx, where no RAM is: somebody "
			"has "
			"overwritten its tables",
			(ull)p->at);
	return err;
}

/* An entry that nonsense led to is not written. */
static void put(struct machine *m, uint64_t at, unsigned bytes, uint64_t entry)
{
	struct dram dram = machine_dram(m);

	if (dram_has(&dram, at))
		(void)dram_store(&dram, at, bytes, entry, NULL);
}

/* Write the last-level entry at @at. On ARM that is where the hardware's lies, 2 KiB behind Linux's. */
static void put_pte(struct machine *m, uint64_t at, pte_t pte)
{
	enum { HARDWARE_AT = 2048, NOT_GLOBAL = 0x800 };

	if (!is_arm(m)) {
		put(m, at, level_at(m, last_depth(m))->entry_bytes, pte);
		return;
	}
	put(m, at - HARDWARE_AT, 4, pte);
	put(m, at, 4, pte_arm_hardware(pte) & ~(uint32_t)NOT_GLOBAL);
}

pte_t kernel_pte_get(struct machine *m, uint64_t va)
{
	struct dram dram = machine_dram(m);
	uint64_t pte = 0;

	if (!m->kernel_map.root)
		return 0;
	struct place p = find(m, va);

	if (p.depth != last_depth(m))
		return 0;
	if (!is_arm(m))
		return p.entry;
	(void)dram_load(&dram, p.at - 2048, 4, &pte);
	return pte;
}

void kernel_pte_set(struct machine *m, uint64_t va, pte_t pte)
{
	struct place p = find(m, va);

	/* Elsewhere only when somebody has overwritten the tables. */
	if (p.depth == last_depth(m))
		put_pte(m, p.at, pte);
}

/* ---- tables ---- */

uint64_t table_pages_alloc(
	struct machine *m, unsigned cpu, gfp_t gfp, unsigned order, enum caller_id caller)
{
	struct dram dram = machine_dram(m);
	uint64_t pfn;

	callstack_push(&m->callstack, caller);
	int err = alloc_pages_node(m, cpu, -1, gfp, order, &pfn);
	callstack_pop(&m->callstack);
	if (err)
		return 0;
	for (uint64_t i = 0; i < 1ULL << order; i++) {
		uint64_t pa = (pfn + i) << PAGE_SHIFT;

		if (dram_has(&dram, pa)) {
			memset(dram_at(&dram, pa), 0, PAGE_BYTES);
		} else if (dram_touch(&dram, pa, &m->why)) {
			struct refusal why = m->why;

			free_pages_order(m, cpu, pfn, order);
			m->why = why;
			return 0;
		}
	}
	clock_charge(m, ZERO_PAGE);
	frame_of(m, pfn)->own = 1;
	return pfn << PAGE_SHIFT;
}

/* Is a table of this level counted in nr_page_table_pages? The middle ones that lead to the last. */
static bool counted(const struct machine *m, unsigned depth)
{
	unsigned last = last_depth(m);

	return last > 1 && depth + 1 == last;
}

/* ARM: a page serves two entries of the first level, of which one may be a section already. */
static void link_pair(struct machine *m, uint64_t at, uint64_t table)
{
	for (unsigned half = 0; half < 2; half++) {
		struct place p = {.at = at + 4 * half};

		load(m, &p);
		if (!p.form)
			put(m, p.at, 4,
				pgtable_table(mode_of(m), 0, table_form(m, 0),
					table + 2048 + 1024 * half));
	}
}

static int link_table(struct machine *m, unsigned cpu, struct place *p, uint64_t va)
{
	const struct paging_form *form = table_form(m, p->depth);
	int err = make_writable(m, p);

	if (err)
		return err;
	uint64_t table = table_pages_alloc(m, cpu, GFP_KERNEL, 0, CALLER_pte_alloc_kernel);

	if (!table)
		return -m->why.err;
	m->kernel_map.zone_tables++;
	if (counted(m, p->depth + 1)) {
		frame_of(m, table >> PAGE_SHIFT)->flags |= FRAME_PGTABLE;
		node_at(m, pfn_zone(m, table >> PAGE_SHIFT)->nid)->stat[ND_nr_page_table_pages]++;
		m->kernel_map.counted_tables++;
	}
	if (is_arm(m))
		link_pair(m, p->at & ~7ULL, table);
	else
		put(m, p->at, level_at(m, p->depth)->entry_bytes,
			pgtable_table(mode_of(m), p->depth, form, table));
	if (!p->depth)
		kernel_pgd_changed(m, va);
	load(m, p);
	return 0;
}

/* Go down to level @depth, making the tables that are missing. */
static int find_or_make(
	struct machine *m, unsigned cpu, uint64_t va, unsigned depth, struct place *p)
{
	*p = top_of(m, va);
	load(m, p);
	while (p->depth < depth) {
		int err = p->form ? 0 : link_table(m, cpu, p, va);

		if (err)
			return err;
		if (p->form->leaf)
			return refuse(&m->why, EBUSY, "a page of %llu KiB maps 0x%llx already",
				(ull)1 << (p->form->page_shift - 10), (ull)va);
		step_down(m, p, va);
	}
	return make_writable(m, p);
}

int kernel_pte_alloc(struct machine *m, unsigned cpu, uint64_t va)
{
	struct place p;

	return find_or_make(m, cpu, va, last_depth(m), &p);
}

/* ---- ranges ---- */

static int busy(struct machine *m, uint64_t va)
{
	log_printf(m, "WARNING: mm/vmalloc.c: vmap_pages_pte_range: an entry is there already");
	return refuse(&m->why, EBUSY, "0x%llx is mapped already", (ull)va);
}

/* Entries of the last-level table from @va on, at most @nr. */
static uint64_t rest_of_table(const struct machine *m, uint64_t va, uint64_t nr)
{
	uint64_t left = ptes_per_table(m) - (va >> PAGE_SHIFT & (ptes_per_table(m) - 1));

	/* ARM's pair of tables: the hardware's halves lie side by side. */
	return nr < left ? nr : left;
}

int map_kernel_pages(struct machine *m, unsigned cpu, uint64_t va, uint64_t nr,
	const uint32_t *pfns, enum pgtable_prot prot)
{
	unsigned bytes = level_at(m, last_depth(m))->entry_bytes;

	assert(!(va & (PAGE_BYTES - 1)));
	for (uint64_t done = 0, n; done < nr; done += n) {
		uint64_t at = va + (done << PAGE_SHIFT);
		struct dram dram = machine_dram(m);
		struct place p;
		int err = find_or_make(m, cpu, at, last_depth(m), &p);

		if (err)
			return err;
		n = rest_of_table(m, at, nr - done);
		for (uint64_t i = 0; i < n; i++) {
			uint64_t entry;

			(void)dram_load(&dram, p.at + i * bytes, bytes, &entry);
			if (entry)
				return busy(m, at + (i << PAGE_SHIFT));
			put_pte(m, p.at + i * bytes, kernel_pte_make(m, pfns[done + i], prot));
		}
	}
	return 0;
}

/* pmd_free_pte_page(): what is at @p is a table of the last level without entries, and everybody forgets the way through it. So
 * a larger page can take its place. */
static bool free_empty_table(struct machine *m, unsigned cpu, struct place *p, uint64_t va)
{
	struct dram dram = machine_dram(m);
	uint64_t unit = 1ULL << level_at(m, p->depth)->shift,
		 table = paging_address(p->form, p->entry);

	if ((m->arch != ARCH_X86_64 && m->arch != ARCH_ARM64) || p->form->leaf ||
		p->depth + 1 != last_depth(m) || !dram_has(&dram, table) ||
		frame_peek(m, table >> PAGE_SHIFT).flags & FRAME_RESERVED)
		return false;
	const uint64_t *entry = dram_at(&dram, table);

	for (unsigned i = 0; i < PAGE_BYTES / sizeof(*entry); i++)
		if (entry[i])
			return false;
	put(m, p->at, level_at(m, p->depth)->entry_bytes, 0);
	flush_tlb_kernel_range(m, cpu, va, va + unit);
	m->kernel_map.zone_tables--;
	free_own_pages(m, cpu, table >> PAGE_SHIFT, 0);
	load(m, p);
	return true;
}

/* Map what one entry can at @va; *@done gets how many bytes that is. */
static int map_step(struct machine *m, unsigned cpu, uint64_t va, uint64_t pa, uint64_t bytes,
	enum pgtable_prot prot, unsigned max_shift, uint64_t *done)
{
	unsigned last = last_depth(m);
	struct place p;

	for (unsigned depth = 0; depth <= last; depth++) {
		const struct paging_form *form = leaf_form(m, depth);
		uint64_t unit = 1ULL << level_at(m, depth)->shift;
		bool fits = form && level_at(m, depth)->shift <= max_shift && bytes >= unit &&
			    !((va | pa) & (unit - 1));

		if (!fits)
			continue;
		int err = find_or_make(m, cpu, va, depth, &p);

		if (err)
			return err;
		if (depth < last && p.form && !free_empty_table(m, cpu, &p, va))
			continue;
		if (p.form)
			return busy(m, va);
		*done = unit;
		if (depth == last) {
			put_pte(m, p.at, kernel_pte_make(m, pa >> PAGE_SHIFT, prot));
			return 0;
		}
		put(m, p.at, level_at(m, depth)->entry_bytes,
			pgtable_leaf(mode_of(m), form, pa, usable(m), prot));
		if (!depth)
			kernel_pgd_changed(m, va);
		return 0;
	}
	assert(!"pages of the last level fit everything");
	return -EINVAL;
}

int map_kernel_phys(struct machine *m, unsigned cpu, uint64_t va, uint64_t pa, uint64_t bytes,
	enum pgtable_prot prot, unsigned max_shift)
{
	assert(!((va | pa | bytes) & (PAGE_BYTES - 1)));
	for (uint64_t done = 0; bytes; va += done, pa += done, bytes -= done) {
		int err = map_step(m, cpu, va, pa, bytes, prot, max_shift, &done);

		if (err)
			return err;
	}
	return 0;
}

void unmap_kernel_range(struct machine *m, uint64_t va, uint64_t bytes)
{
	uint64_t end = va + bytes, next;

	assert(!((va | bytes) & (PAGE_BYTES - 1)) && va <= end);
	for (; va < end; va = next) {
		struct place p = find(m, va);
		unsigned entry_bytes = level_at(m, p.depth)->entry_bytes;
		uint64_t unit = 1ULL << level_at(m, p.depth)->shift;

		if (p.depth == last_depth(m)) {
			uint64_t n = rest_of_table(m, va, (end - va) >> PAGE_SHIFT);

			for (uint64_t i = 0; i < n; i++)
				put_pte(m, p.at + i * entry_bytes, 0);
			next = va + (n << PAGE_SHIFT);
			continue;
		}
		if (p.form && !(va & (unit - 1)) && end - va >= unit)
			put(m, p.at, entry_bytes, 0);
		next = (va | (unit - 1)) + 1;
		if (!next)
			return;
	}
}

bool kernel_translate(struct machine *m, uint64_t va, uint64_t *pa, unsigned *shift)
{
	if (!m->kernel_map.root)
		return false;
	struct place p = find(m, va);

	if (!p.form || !p.form->leaf)
		return false;
	*pa = paging_address(p.form, p.entry) + (va & ((1ULL << p.form->page_shift) - 1));
	if (shift)
		*shift = p.form->page_shift;
	return true;
}

unsigned kernel_max_page_shift(const struct machine *m)
{
	unsigned shift = PAGE_SHIFT;

	/* HAVE_ARCH_HUGE_VMAP: on i386 with PAE only. */
	if (m->arch != ARCH_X86_64 && m->arch != ARCH_ARM64 && m->kernel_map.mode != PAGING_X86_PAE)
		return PAGE_SHIFT;
	for (unsigned depth = 0; depth < last_depth(m); depth++)
		if (leaf_form(m, depth)) {
			shift = level_at(m, depth)->shift;
			break;
		}
	return shift;
}

/* SPDX-License-Identifier: MIT
 *
 * Fixed addresses as data (see fixmap.h): one table an architecture, in the order of its enum.
 *
 *	i386     fffff000  FIX_HOLE                 0        arm      ffeff000  FIX_EARLYCON_MEM_BASE  0
 *	         ffffe000  FIX_DBGP_BASE            1                 ffefe000  FIX_KMAP_BEGIN         1
 *	         ...                                                  ...       16 slots x 8 CPUs
 *	         fffbb000  FIX_KMAP_BEGIN          68                 ffe7f000  FIX_KMAP_END         128
 *	         ...       16 slots x 32 CPUs                         ffe7e000  FIX_TEXT_POKE0       129
 *	         ffdbc000  FIX_KMAP_END           579
 *
 * A row says how many pages a name has; its index is the end of the row before it, but for three kinds of rows:
 * one that says where it begins (x86-64's vsyscall page; ARM's early_ioremap(), which shares its place with the kmap
 * slots, since one ends before the other begins); the kmap slots, KM_MAX_IDX for each of NR_CPUS; and x86's
 * early_ioremap(), which begins at a multiple of 512 where it would not lie in one page table otherwise.
 *
 * Left out: Xen's, and rows that Debian's kernels are not configured for (FireWire debugging, Intel MID's clock).
 * Follows the enum of arch/<arch>/include/asm/fixmap.h and asm-generic/kmap_size.h of 6.1.
 */
#include "mm/kernel/fixmap.h"

#include "mm/boot/arch.h"
#include "mm/machine.h"

#include <assert.h>

#define BTMAPS_X86 512u

enum row_pages { KMAP_PAGES = INT32_MAX, BTMAP_PAGES_X86 = INT32_MAX - 1 };

struct row {
	const char *name, *doc;
	enum config need;
	uint32_t pages; /* or enum row_pages */
	uint32_t at;	/* where it begins, 0: behind the row before it */
	enum fixmap_kind kind;
};

#define KMAP_ROW(need)                                                                             \
	{                                                                                          \
		"FIX_KMAP_BEGIN", "kmap_local_page() and kmap_atomic()", need, KMAP_PAGES, 0,      \
			FIXMAP_KMAP                                                                \
	}
#define EARLYCON_ROW                                                                               \
	{                                                                                          \
		"FIX_EARLYCON_MEM_BASE", "the console before there are drivers", CONFIG_ALWAYS, 1, \
			0, FIXMAP_ONE                                                              \
	}
#define ONE(name, doc)                                                                             \
	{                                                                                          \
		name, doc, CONFIG_ALWAYS, 1, 0, FIXMAP_ONE                                         \
	}
#define MANY(name, pages, doc)                                                                     \
	{                                                                                          \
		name, doc, CONFIG_ALWAYS, pages, 0, FIXMAP_ONE                                     \
	}
#define BTMAP(pages, at)                                                                           \
	{                                                                                          \
		"FIX_BTMAP_END", "early_ioremap(), before there is vmalloc's area", CONFIG_ALWAYS, \
			pages, at, FIXMAP_BTMAP                                                    \
	}

static const struct row i386_rows[] = {
	ONE("FIX_HOLE", "nothing: the last page of all"),
	ONE("FIX_DBGP_BASE", "a debug port of USB"),
	EARLYCON_ROW,
	ONE("FIX_APIC_BASE", "this CPU's interrupt controller"),
	MANY("FIX_IO_APIC_BASE_0", 64, "interrupt controllers of devices"),
	KMAP_ROW(CONFIG_ALWAYS),
	ONE("FIX_PCIE_MCFG", "PCI configuration space, a page at a time"),
	ONE("FIX_APEI_GHES_IRQ", "the firmware's reports of hardware errors"),
	ONE("FIX_APEI_GHES_NMI", "the same, in an NMI"),
	BTMAP(BTMAP_PAGES_X86, 0),
	ONE("FIX_WP_TEST", "whether the CPU heeds write protection"),
};

static const struct row x86_64_rows[] = {
	{"VSYSCALL_PAGE", "old programs' time and getcpu", CONFIG_ALWAYS, 1, 511, FIXMAP_ONE},
	ONE("FIX_DBGP_BASE", "a debug port of USB"),
	EARLYCON_ROW,
	ONE("FIX_APIC_BASE", "this CPU's interrupt controller"),
	MANY("FIX_IO_APIC_BASE_0", 128, "interrupt controllers of devices"),
	ONE("FIX_PARAVIRT_BOOTMAP", "tables of a guest that knows that it is one"),
	ONE("FIX_APEI_GHES_IRQ", "the firmware's reports of hardware errors"),
	ONE("FIX_APEI_GHES_NMI", "the same, in an NMI"),
	BTMAP(BTMAP_PAGES_X86, 0),
	ONE("FIX_TBOOT_BASE", "trusted boot's page"),
};

static const struct row arm_rows[] = {
	EARLYCON_ROW,
	KMAP_ROW(CONFIG_HIGHMEM),
	ONE("FIX_TEXT_POKE0", "changing the kernel's code"),
	ONE("FIX_TEXT_POKE1", "the page behind it"),
	BTMAP(224, 1),
};

static const struct row arm64_rows[] = {
	ONE("FIX_HOLE", "nothing"),
	MANY("FIX_FDT_END", 1024, "the devicetree"),
	EARLYCON_ROW,
	ONE("FIX_TEXT_POKE0", "changing the kernel's code"),
	ONE("FIX_APEI_GHES_IRQ", "the firmware's reports of hardware errors"),
	ONE("FIX_APEI_GHES_SEA", "the same, at a synchronous abort"),
	ONE("FIX_APEI_GHES_SDEI_NORMAL", "the same, told by the firmware"),
	ONE("FIX_APEI_GHES_SDEI_CRITICAL", "the same, when it is urgent"),
	MANY("FIX_ENTRY_TRAMP_TEXT4", 4, "the way into the kernel, with page-table isolation"),
	BTMAP(448, 0),
	ONE("FIX_PTE", "a table of the last level, while the kernel's tables are made"),
	ONE("FIX_PMD", "a table of the third level"),
	ONE("FIX_PUD", "a table of the second level"),
	ONE("FIX_PGD", "the top table"),
};

static const struct row riscv64_rows[] = {
	ONE("FIX_HOLE", "nothing"),
	MANY("FIX_FDT_END", 1024, "the devicetree"),
	ONE("FIX_PTE", "a table of the last level, while the kernel's tables are made"),
	ONE("FIX_PMD", "a table above it"),
	ONE("FIX_PUD", "a table above that"),
	ONE("FIX_P4D", "a table above that"),
	ONE("FIX_TEXT_POKE1", "changing the kernel's code"),
	ONE("FIX_TEXT_POKE0", "the page before it"),
	EARLYCON_ROW,
	BTMAP(448, 0),
};

struct table {
	const struct row *row;
	unsigned nr_rows;
	uint64_t top; /* FIXADDR_TOP: of index 0 */
};

static struct table table_of(const struct machine *m)
{
	static const struct table tables[NR_ARCHS] = {
#define TABLE(rows, top) {rows, sizeof(rows) / sizeof((rows)[0]), top}
		[ARCH_I386] = TABLE(i386_rows, 0xfffff000),
		[ARCH_X86_64] = TABLE(x86_64_rows, 0xffffffffff7ff000),
		[ARCH_ARM] = TABLE(arm_rows, 0xffeff000),
		[ARCH_ARM64] = TABLE(arm64_rows, 0xfffffbfffe000000),
		[ARCH_RISCV64] = TABLE(riscv64_rows, 0xffffffc6ff000000),
#undef TABLE
	};

	return tables[m->arch];
}

unsigned nr_cpus_configured(const struct machine *m)
{
	unsigned most = arch_facts(m->arch, arch_variant(m->arch, m->config))->nr_cpus_max;

	return machine_has(m, CONFIG_SMP) ? most : 1;
}

/* All of early_ioremap()'s in one page table: it has 512 entries, or 1024 without PAE. */
static uint32_t x86_btmap_first(const struct machine *m, uint32_t end)
{
	uint32_t per_table = m->arch == ARCH_I386 && !machine_has(m, CONFIG_X86_PAE) ? 1024 : 512;

	if ((end ^ (end + BTMAPS_X86 - 1)) & ~(per_table - 1))
		return end + BTMAPS_X86 - (end & (BTMAPS_X86 - 1));
	return end;
}

/* Where the row lies that comes behind @end; @r gets it. */
static void place(
	const struct machine *m, const struct row *row, uint32_t end, struct fixmap_range *r)
{
	*r = (struct fixmap_range){.name = row->name,
		.doc = row->doc,
		.kind = row->kind,
		.first = row->at ? row->at : end,
		.pages = row->pages};
	if (row->pages == KMAP_PAGES)
		r->pages = kmap_slots_per_cpu(m) * nr_cpus_configured(m);
	if (row->pages == BTMAP_PAGES_X86) {
		r->pages = BTMAPS_X86;
		r->first = x86_btmap_first(m, end);
	}
}

bool fixmap_next(const struct machine *m, unsigned *i, struct fixmap_range *r)
{
	struct table t = table_of(m);
	uint32_t end = 0;

	if (!machine_has(m, CONFIG_MMU))
		return false;
	for (unsigned k = 0; k < t.nr_rows; k++) {
		if (!machine_has(m, t.row[k].need))
			continue;
		place(m, &t.row[k], end, r);
		end = r->first + r->pages;
		if (k < *i)
			continue;
		*i = k + 1;
		return true;
	}
	return false;
}

uint64_t fix_to_virt(const struct machine *m, uint32_t index)
{
	return table_of(m).top - ((uint64_t)index << PAGE_SHIFT);
}

static bool find_kind(const struct machine *m, enum fixmap_kind kind, struct fixmap_range *r)
{
	for (unsigned i = 0; fixmap_next(m, &i, r);)
		if (r->kind == kind)
			return true;
	return false;
}

uint32_t fixmap_end(const struct machine *m)
{
	struct fixmap_range r;
	uint32_t end = 0;

	for (unsigned i = 0; fixmap_next(m, &i, &r);)
		end = r.first + r.pages > end ? r.first + r.pages : end;
	return end;
}

uint64_t fixmap_btmap(const struct machine *m)
{
	struct fixmap_range r;
	bool found = find_kind(m, FIXMAP_BTMAP, &r);

	assert(found);
	(void)found;
	return fix_to_virt(m, r.first + r.pages - 1);
}

/* ---- slots of kmap_local_page() ---- */

unsigned kmap_slots_per_cpu(const struct machine *m)
{
	bool has = m->arch == ARCH_I386 || (m->arch == ARCH_ARM && machine_has(m, CONFIG_HIGHMEM));

	if (!has)
		return 0;
	return machine_has(m, CONFIG_DEBUG_HIGHMEM) ? 33 : 16; /* KM_MAX_IDX */
}

unsigned kmap_slot_step(const struct machine *m)
{
	return machine_has(m, CONFIG_DEBUG_HIGHMEM) ? 2 : 1; /* KM_INCR */
}

uint64_t kmap_slot_address(const struct machine *m, unsigned cpu, unsigned slot)
{
	struct fixmap_range r;
	bool found = find_kind(m, FIXMAP_KMAP, &r);

	assert(found && slot < kmap_slots_per_cpu(m) && cpu < nr_cpus_configured(m));
	(void)found;
	return fix_to_virt(m, r.first + cpu * kmap_slots_per_cpu(m) + slot);
}

bool kmap_slot_at(const struct machine *m, uint64_t address, unsigned *cpu, unsigned *slot)
{
	struct fixmap_range r;
	unsigned per_cpu = kmap_slots_per_cpu(m);

	if (!per_cpu || !find_kind(m, FIXMAP_KMAP, &r))
		return false;
	address &= ~(PAGE_BYTES - 1);
	if (address > fix_to_virt(m, r.first) || address < fix_to_virt(m, r.first + r.pages - 1))
		return false;
	uint32_t i = (uint32_t)((fix_to_virt(m, r.first) - address) >> PAGE_SHIFT);

	*cpu = i / per_cpu;
	*slot = i % per_cpu;
	return true;
}

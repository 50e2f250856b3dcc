/* SPDX-License-Identifier: MIT
 *
 * The kernel's half beside direct map and image: tables for what is mapped later (see layout.h for the addresses).
 *
 *	fixmap      all its last-level tables. Boot maps through them what it must see before the direct map: x86 the
 *	            BIOS's tables at 0xf0000, by early_ioremap(); the others the devicetree (ARM by a section). x86 and
 *	            RISC-V forget that mapping later, ARM and AArch64 keep it
 *	pkmap       its one last-level table
 *	vmalloc     x86-64: the table below each entry of the top table, so that processes, whose top tables have copies
 *	            of those entries, see what comes later (preallocate_vmalloc_pages()). Elsewhere none; see kernel_pgd.c
 *	vmemmap     the struct pages of all present sections, by 2 MiB pages; tables that find no room in the image come from
 *	            memblock
 *	vectors     ARM: two pages, in a domain of their own; user mode may run the first one's helpers
 *	CPU entry   x86: the interrupt table, and of each CPU the GDT, the entry stack and the TSS, which lie in its
 *	            per-CPU area
 *
 *	user mode's own tree with page-table isolation:   CPU entry areas, and the image's entry code. Nothing else.
 *
 * These tables are in the kernel's image, in bss. That is where 6.1 has the fixmap's, too; vmalloc's and pkmap's it takes
 * from its allocators, with all else that a kernel allocates before it runs a program, which is not simulated.
 *
 * Left out: exception stacks and debug stores of the CPU entry areas; memory types.
 * Follows arch/x86/mm/ioremap.c, init_64.c, init_32.c, cpu_entry_area.c, pti.c; arch/arm/mm/mmu.c
 * (devicemaps_init(), kmap_init()); arch/arm64/mm/mmu.c (early_fixmap_init()); arch/riscv/mm/init.c of 6.1.
 */
#include "mm/kernel/kernel_areas.h"

#include "base/number.h"
#include "base/text.h"
#include "mm/kernel/layout.h"
#include "mm/machine.h"
#include "mm/page/address.h"
#include "mm/page/contents.h"
#include "mm/page/mem_map.h"

#include <assert.h>
#include <errno.h>

/* What dmi_setup() looks through. */
enum { BIOS_START = 0xf0000, BIOS_BYTES = 0x10000 };
/* Of a CPU entry area: GDT, entry stack, and the TSS with its I/O bitmaps. */
enum { ENTRY_GDT_PAGES = 1, ENTRY_STACK_PAGES = 1, ENTRY_TSS_PAGES = 5 };
enum { ARM_DOMAIN_KERNEL = 0, ARM_DOMAIN_VECTORS = 3 };

typedef unsigned long long ull;

static unsigned last_depth(const struct pgtable *t)
{
	return paging_modes[t->mode].nr_levels - 1u;
}

static int reserve(struct pgtable *t, enum kernel_area area, unsigned depth)
{
	struct kernel_range r = kernel_area(t->m, area);

	return r.start == r.end ? 0 : pgtable_reserve(t, r.start, r.end - r.start, depth);
}

/* ---- before the direct map ---- */

static int map_early(struct pgtable *t, const struct kernel_map_bounds *b)
{
	struct kernel_map *k = &t->m->kernel_map;
	bool x86 = t->m->arch == ARCH_I386 || t->m->arch == ARCH_X86_64;
	/* The devicetree is mapped by one or two of the pages of the level above. */
	unsigned shift = t->m->arch == ARCH_ARM ? 20 : 21;
	uint64_t unit = 1ULL << shift;
	uint64_t start = x86 ? BIOS_START : b->fdt_start & ~(unit - 1);
	uint64_t end = x86 ? BIOS_START + BIOS_BYTES : (b->fdt_end + unit - 1) & ~(unit - 1);

	if (start >= end)
		return 0;
	k->early_va = kernel_early_map(t->m);
	k->early_bytes = end - start;
	log_printf(t->m, "Fixmap: [mem 0x%08llx-0x%08llx] at 0x%llx, before the direct map (%s)",
		(ull)start, (ull)end - 1, (ull)k->early_va,
		x86 ? "the BIOS's tables" : "devicetree");
	return pgtable_map(t, k->early_va, start, end - start, x86 ? PGTABLE_RW : PGTABLE_RO,
		x86 ? PAGE_SHIFT : shift);
}

int kernel_areas_early(struct pgtable *t, const struct kernel_map_bounds *b)
{
	struct kernel_range fixmap = kernel_area(t->m, AREA_FIXMAP);
	uint64_t end = fixmap.end;
	int err = 0;

	/* Where the devicetree goes by larger pages, no tables of the last level. */
	if (t->m->arch == ARCH_ARM64 || t->m->arch == ARCH_RISCV64)
		end = kernel_early_map(t->m);
	/* The vectors' table, which has the fixmap's upper end, too, is in their domain. */
	if (t->m->arch == ARCH_ARM) {
		end = kernel_area(t->m, AREA_VECTORS).start & ~(2 * MIB - 1);
		t->domain = ARM_DOMAIN_VECTORS;
		err = pgtable_reserve(t, end, fixmap.end - end, last_depth(t));
		t->domain = ARM_DOMAIN_KERNEL;
	}
	if (!err)
		err = pgtable_reserve(t, fixmap.start, end - fixmap.start, last_depth(t));
	return err ? err : map_early(t, b);
}

void kernel_areas_late(struct pgtable *t)
{
	struct kernel_map *k = &t->m->kernel_map;

	if (t->m->arch == ARCH_ARM || t->m->arch == ARCH_ARM64 || !k->early_bytes)
		return;
	pgtable_clear(
		t, k->early_va, k->early_bytes, t->m->arch == ARCH_RISCV64 ? 1 : last_depth(t));
	k->early_bytes = 0;
}

/* ---- areas that are filled later ---- */

/* The handlers' page, which user mode may run for its helpers (their number, __kuser_helper_version, is its last word),
 * and the page of stubs. */
static int build_vectors(struct pgtable *t)
{
	enum { KUSER_VERSION = 5 };
	struct kernel_range r = kernel_area(t->m, AREA_VECTORS);
	uint64_t pa = page_align(t->pool->at);

	if (r.start == r.end)
		return 0;
	if (pa + 2 * PAGE_BYTES > t->pool->end)
		return refuse(&t->m->why, ENOMEM, "there is no RAM left for the exception vectors");
	t->pool->at = pa + 2 * PAGE_BYTES;
	t->domain = ARM_DOMAIN_VECTORS;
	int err = pgtable_map(t, r.start, pa, PAGE_BYTES, PGTABLE_USER_RX, PAGE_SHIFT);

	if (!err)
		err = pgtable_map(t, r.start + PAGE_BYTES, pa + PAGE_BYTES, PAGE_BYTES, PGTABLE_RX,
			PAGE_SHIFT);
	t->domain = ARM_DOMAIN_KERNEL;
	if (err)
		return err;
	return dram_store(&t->dram, pa + PAGE_BYTES - 4, 4, KUSER_VERSION, &t->m->why);
}

static int build_cpu_entry(struct pgtable *t, const struct kernel_map_bounds *b)
{
	struct kernel_range r = kernel_area(t->m, AREA_CPU_ENTRY);
	bool wide = t->m->arch == ARCH_X86_64;
	uint32_t has = t->has;

	if (r.start == r.end || !b->percpu_at)
		return 0;
	/* Seen alike by the kernel and by user mode's tree. */
	t->has |= t->m->cpus.desc.abilities & HW_HAS_GLOBAL;
	/* idt_table is page-aligned in the image; the last page of the areas' pool stands for it. */
	int err = pgtable_map(
		t, r.start, b->area_end - PAGE_BYTES, PAGE_BYTES, PGTABLE_RO, PAGE_SHIFT);

	for (unsigned cpu = 0; cpu < t->m->nr_cpus && !err; cpu++) {
		uint64_t va = r.start + PAGE_BYTES + cpu * cpu_entry_stride(t->m);
		uint64_t pa = b->percpu_at[cpu];
		uint64_t gdt = ENTRY_GDT_PAGES * PAGE_BYTES, stack = ENTRY_STACK_PAGES * PAGE_BYTES;

		/* On 32 bits the processor writes into GDT and TSS when it switches tasks. */
		err = pgtable_map(t, va, pa, gdt, wide ? PGTABLE_RO : PGTABLE_RW, PAGE_SHIFT);
		if (!err)
			err = pgtable_map(t, va + gdt, pa + gdt, stack, PGTABLE_RW, PAGE_SHIFT);
		if (!err)
			err = pgtable_map(t, va + gdt + stack, pa + gdt + stack,
				ENTRY_TSS_PAGES * PAGE_BYTES, wide ? PGTABLE_RO : PGTABLE_RW,
				PAGE_SHIFT);
	}
	t->has = has;
	t->m->kernel_map.cpu_entry = !err;
	return err;
}

int kernel_areas_build(struct pgtable *t, const struct kernel_map_bounds *b)
{
	int err = reserve(t, AREA_PKMAP, last_depth(t));

	if (!err && t->m->arch == ARCH_X86_64)
		err = reserve(t, AREA_VMALLOC, 1);
	if (!err)
		err = build_vectors(t);
	return err ? err : build_cpu_entry(t, b);
}

/* ---- vmemmap ---- */

/* Pages of tables that the struct pages need at most: one of the last but one level for each GiB of them that is touched,
 * one of the level above for each 512 GiB. */
static uint64_t vmemmap_tables(const struct machine *m)
{
	uint64_t pages = 0, seen[2] = {UINT64_MAX, UINT64_MAX};
	const struct mem_map_run *run;

	for (unsigned i = 0; (run = mem_map_run(m, i)); i++) {
		uint64_t start = mem_map_run_address(m, run),
			 end = start + mem_map_run_bytes(m, run) - 1;

		for (unsigned level = 0; level < 2; level++) {
			unsigned shift = 30 + 9 * level;

			pages +=
				(end >> shift) - (start >> shift) + (seen[level] != start >> shift);
			seen[level] = end >> shift;
		}
	}
	return pages;
}

int kernel_vmemmap_build(struct pgtable *t, bool no_more_tables)
{
	enum { IN_IMAGE_MOST = 16 };
	uint64_t low_end = t->m->kernel_map.low_end;
	struct pgtable_pool memblock = {.at = low_end, .end = low_end, .only = no_more_tables};
	struct pgtable map = *t;
	uint64_t tables = vmemmap_tables(t->m);
	const struct mem_map_run *run;
	int err = 0;

	if (mem_model(t->m) != MEM_MODEL_SPARSE_VMEMMAP)
		return 0;
	if (tables > IN_IMAGE_MOST || tables * PAGE_BYTES > t->pool->end - t->pool->at)
		map.pool = &memblock;
	if (map.pool == &memblock && no_more_tables)
		return 0;
	for (unsigned i = 0; !err && (run = mem_map_run(t->m, i)); i++) {
		if (!run->pa)
			err = -ENOENT;
		else
			err = pgtable_map(&map, mem_map_run_address(t->m, run), run->pa,
				mem_map_run_bytes(t->m, run), PGTABLE_RW, 21);
	}
	t->tables_bytes = map.tables_bytes;
	t->m->kernel_map.vmemmap = !err;
	return err == -ENOENT ? 0 : err;
}

/* ---- page-table isolation ---- */

/* The last large page of the kernel's code stands for .entry.text, which 6.1 puts into one of its own. */
static int map_entry_text(struct pgtable *t, const struct kernel_map_bounds *b)
{
	uint64_t bytes = 2 * MIB, end = b->text_end & ~(bytes - 1);
	uint64_t start = end - bytes, va = t->m->arch == ARCH_X86_64 ? 0xffffffff80000000 + start
								     : page_offset(t->m) + start;

	if (end < b->image_start + bytes)
		return 0;
	return pgtable_map(t, va, start, bytes, PGTABLE_RX, 21);
}

int kernel_areas_trampoline(
	struct machine *m, const struct kernel_map_bounds *b, struct pgtable_pool *pool)
{
	struct pgtable t;
	int err = pgtable_init(
		&t, m, (enum paging_mode_id)m->kernel_map.mode, m->cpus.desc.abilities, pool);

	if (!err)
		err = map_entry_text(&t, b);
	if (!err)
		err = build_cpu_entry(&t, b);
	m->kernel_map.user_root = t.root;
	m->kernel_map.area_bytes += t.tables_bytes;
	return err;
}

/* ---- checking ---- */

static unsigned missing(
	const struct pgtable *t, enum kernel_area area, unsigned depth, struct text *out)
{
	struct kernel_range r = kernel_area(t->m, area);
	unsigned shift = paging_modes[t->mode].level[depth - 1].shift, bad = 0;

	for (uint64_t va = r.start; va - r.start < r.end - r.start;
		va = ((va >> shift) + 1) << shift) {
		const struct paging_level *above = &paging_modes[t->mode].level[depth - 1];
		const struct paging_form *form =
			paging_form_of(above, pgtable_entry(t, va, depth - 1), t->has);

		if (form)
			continue;
		text_printf(out, "the kernel's tables have none for 0x%llx in the %s area\n",
			(ull)va, kernel_area_name(area));
		bad++;
	}
	return bad;
}

/* Not for user mode, but for the page that ARM's kernel has there for it. */
static unsigned wrong_rights(struct machine *m, struct text *out)
{
	static const struct {
		enum kernel_area area;
		uint32_t user;
	} first[] = {{AREA_VECTORS, HW_UR | HW_UX}, {AREA_CPU_ENTRY, 0}};
	struct hw_regime r = kernel_map_regime(m);
	struct dram d = machine_dram(m);
	unsigned bad = 0;

	for (unsigned i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		struct kernel_range range = kernel_area(m, first[i].area);
		struct page_walk w;

		if (range.start == range.end ||
			(first[i].area == AREA_CPU_ENTRY && !m->kernel_map.cpu_entry))
			continue;
		walk_tables(&r, &d, range.start, &w);
		if (!w.fault && (w.flags & HW_U_ALL) == first[i].user)
			continue;
		text_printf(out, "the first page of the %s at 0x%llx %s\n",
			kernel_area_name(first[i].area), (ull)range.start,
			w.fault ? "is not mapped" : "gives user mode other rights than it should");
		bad++;
	}
	return bad;
}

/* The first and the last struct page of each run are where mem_map says. */
static unsigned wrong_vmemmap(struct machine *m, struct text *out)
{
	struct hw_regime r = kernel_map_regime(m);
	struct dram d = machine_dram(m);
	const struct mem_map_run *run;
	unsigned bad = 0;

	for (unsigned i = 0; m->kernel_map.vmemmap && (run = mem_map_run(m, i)); i++) {
		uint64_t offset[2] = {0, mem_map_run_bytes(m, run) - m->struct_page_bytes};

		for (unsigned k = 0; k < 2; k++) {
			uint64_t va = mem_map_run_address(m, run) + offset[k];
			struct page_walk w;

			walk_tables(&r, &d, va, &w);
			if (!w.fault && w.pa == run->pa + offset[k])
				continue;
			text_printf(out, "the struct page at 0x%llx is not mapped to 0x%llx\n",
				(ull)va, (ull)(run->pa + offset[k]));
			bad++;
		}
	}
	return bad;
}

unsigned kernel_areas_check(struct machine *m, struct text *out)
{
	const struct kernel_map *k = &m->kernel_map;
	unsigned last = paging_modes[k->mode].nr_levels - 1u, bad = 0;

	if (!k->root || !k->areas)
		return 0;
	struct pgtable t = pgtable_at(m, k->root, NULL);

	bad = missing(&t, AREA_PKMAP, last, out) + wrong_rights(m, out);
	if (m->arch == ARCH_X86_64)
		bad += missing(&t, AREA_VMALLOC, 1, out);
	bad += wrong_vmemmap(m, out);
	if (m->arch == ARCH_ARM64 || m->arch == ARCH_RISCV64)
		last--;
	return bad + missing(&t, AREA_FIXMAP, last, out);
}

/* SPDX-License-Identifier: MIT
 *
 * The kernel's addresses (see layout.h).
 *
 *	x86-64                              5 levels             arm64                        riscv64 (Sv39)
 *	ffff888000000000 direct map         ff11000000000000     ffff000000000000 direct map  ffffffc6fea00000 fixmap
 *	ffffc90000000000 vmalloc            ffa0000000000000     ffff800000000000 modules     ffffffc700000000 vmemmap
 *	ffffea0000000000 vmemmap            ffd4000000000000     ffff800008000000 image,      ffffffc800000000 vmalloc
 *	fffffe0000000000 CPU entry areas                                          vmalloc     ffffffd800000000 direct map
 *	ffffffff80000000 image                                   fffffbfffda00000 fixmap      ffffffff00000000 modules
 *	ffffffffa0000000 modules                                 fffffc0000000000 vmemmap     ffffffff80000000 image
 *	ffffffffff200000 fixmap
 *
 *	arm: bf000000 modules, bfe00000 pkmap, c0000000 direct map, ... ff800000 end of vmalloc, ffc80000 fixmap,
 *	ffff0000 vectors. i386: layout_686().
 *
 * Left out: KASLR, KASAN's shadow, the LDT's remapping, x86-64's vsyscall page (vsyscall=xonly maps none).
 * Follows Documentation/x86/x86_64/mm.rst, Documentation/arm/memory.rst, arm64/memory.rst, riscv/vm-layout.rst,
 * arch/x86/include/asm/pgtable_32_areas.h and the fixmap.h of each architecture of 6.1.
 */
#include "mm/kernel/layout.h"

#include "base/number.h"
#include "mm/kernel/fixmap.h"
#include "mm/machine.h"
#include "mm/page/address.h"

#include <assert.h>

#define CPU_ENTRY_PAGES_686 39u
#define CPU_ENTRY_PAGES_64  59u
#define VMALLOC_OFFSET	    (8 * MIB)

static uint64_t down(uint64_t n, uint64_t unit)
{
	return n & ~(unit - 1);
}

struct layout_686 layout_686(const struct machine *m)
{
	uint64_t unit = machine_has(m, CONFIG_X86_PAE) ? 2 * MIB : 4 * MIB;
	struct layout_686 l = {.fixmap = fix_to_virt(m, fixmap_end(m))}; /* FIXADDR_TOT_START */

	l.cpu_entry = down(
		l.fixmap - PAGE_BYTES * (nr_cpus_configured(m) * CPU_ENTRY_PAGES_686 + 1), unit);
	l.ldt = down(l.cpu_entry - PAGE_BYTES, unit);
	l.pkmap = down(l.ldt - PAGE_BYTES, unit);
	l.vmalloc_end = l.pkmap - 2 * PAGE_BYTES;
	return l;
}

uint64_t cpu_entry_stride(const struct machine *m)
{
	return (m->arch == ARCH_I386 ? CPU_ENTRY_PAGES_686 : CPU_ENTRY_PAGES_64) * PAGE_BYTES;
}

/* The interrupt table's read-only page, then the CPUs. */
static uint64_t cpu_entry_bytes(const struct machine *m)
{
	return PAGE_BYTES + m->nr_cpus * cpu_entry_stride(m);
}

/* 8 MiB behind the direct map, so that an access beyond its end faults. */
static uint64_t vmalloc_start(const struct machine *m)
{
	uint64_t high_memory = m->kernel_map.low_end - phys_offset(m) + page_offset(m);

	return down(high_memory + VMALLOC_OFFSET, m->arch == ARCH_ARM ? VMALLOC_OFFSET : 1);
}

static struct kernel_range area_i386(const struct machine *m, enum kernel_area area)
{
	bool pae = m->kernel_map.mode == PAGING_X86_PAE, high = machine_has(m, CONFIG_HIGHMEM);
	struct layout_686 l = layout_686(m);
	uint64_t pkmap_bytes = high ? (pae ? 512 : 1024) * PAGE_BYTES : 0;

	switch (area) {
	case AREA_VMALLOC:
		return (struct kernel_range){
			vmalloc_start(m), high ? l.vmalloc_end : l.ldt - 2 * PAGE_BYTES};
	case AREA_FIXMAP:
		return (struct kernel_range){l.fixmap, 0xfffff000};
	case AREA_PKMAP:
		return (struct kernel_range){l.pkmap, l.pkmap + pkmap_bytes};
	case AREA_CPU_ENTRY:
		return (struct kernel_range){l.cpu_entry, l.cpu_entry + cpu_entry_bytes(m)};
	default:
		return (struct kernel_range){0};
	}
}

static struct kernel_range area_x86_64(const struct machine *m, enum kernel_area area)
{
	bool five = m->kernel_map.mode == PAGING_X86_64_LA57;
	uint64_t vmalloc = five ? 0xffa0000000000000 : 0xffffc90000000000;
	uint64_t vmemmap = five ? 0xffd4000000000000 : 0xffffea0000000000;

	switch (area) {
	case AREA_VMALLOC:
		return (struct kernel_range){vmalloc, vmalloc + (five ? 12800 : 32) * TIB};
	case AREA_VMEMMAP:
		return (struct kernel_range){vmemmap, vmemmap + (five ? 512 : 1) * TIB};
	case AREA_MODULES:
		return (struct kernel_range){0xffffffffa0000000, 0xffffffffff000000};
	case AREA_FIXMAP:
		return (struct kernel_range){0xffffffffff200000, 0xffffffffff7ff000};
	case AREA_CPU_ENTRY:
		return (struct kernel_range){
			0xfffffe0000000000, 0xfffffe0000000000 + cpu_entry_bytes(m)};
	default:
		return (struct kernel_range){0};
	}
}

static struct kernel_range area_arm(const struct machine *m, enum kernel_area area)
{
	bool high = machine_has(m, CONFIG_HIGHMEM);

	switch (area) {
	case AREA_VMALLOC:
		return (struct kernel_range){vmalloc_start(m), 0xff800000};
	case AREA_MODULES:
		return (struct kernel_range){0xbf000000, high ? 0xbfe00000 : 0xc0000000};
	case AREA_FIXMAP:
		return (struct kernel_range){0xffc80000, 0xfff00000};
	case AREA_PKMAP:
		return (struct kernel_range){0xbfe00000, high ? 0xc0000000 : 0xbfe00000};
	case AREA_VECTORS:
		return (struct kernel_range){0xffff0000, 0xffff2000};
	default:
		return (struct kernel_range){0};
	}
}

static struct kernel_range area_arm64(enum kernel_area area)
{
	switch (area) {
	case AREA_VMALLOC:
		return (struct kernel_range){0xffff800008000000, 0xfffffbfff0000000};
	case AREA_VMEMMAP:
		return (struct kernel_range){0xfffffc0000000000, 0xfffffe0000000000};
	case AREA_MODULES:
		return (struct kernel_range){0xffff800000000000, 0xffff800008000000};
	case AREA_FIXMAP:
		return (struct kernel_range){0xfffffbfffda00000, 0xfffffbfffe000000};
	default:
		return (struct kernel_range){0};
	}
}

static struct kernel_range area_riscv64(enum kernel_area area)
{
	switch (area) {
	case AREA_VMALLOC:
		return (struct kernel_range){0xffffffc800000000, 0xffffffd800000000};
	case AREA_VMEMMAP:
		return (struct kernel_range){0xffffffc700000000, 0xffffffc800000000};
	case AREA_MODULES:
		return (struct kernel_range){0xffffffff00000000, 0xffffffff80000000};
	case AREA_FIXMAP:
		return (struct kernel_range){0xffffffc6fea00000, 0xffffffc6ff000000};
	default:
		return (struct kernel_range){0};
	}
}

struct kernel_range kernel_area(const struct machine *m, enum kernel_area area)
{
	switch (m->arch) {
	case ARCH_I386:
		return area_i386(m, area);
	case ARCH_X86_64:
		return area_x86_64(m, area);
	case ARCH_ARM:
		return area_arm(m, area);
	case ARCH_ARM64:
		return area_arm64(area);
	case ARCH_RISCV64:
	case NR_ARCHS:
		break;
	}
	return area_riscv64(area);
}

const char *kernel_area_name(enum kernel_area area)
{
	static const char *const name[NR_KERNEL_AREAS] = {
		"vmalloc", "vmemmap", "modules", "fixmap", "pkmap", "CPU entry areas", "vectors"};

	assert(area < NR_KERNEL_AREAS);
	return name[area];
}

uint64_t kernel_early_map(const struct machine *m)
{
	switch (m->arch) {
	case ARCH_I386:
	case ARCH_X86_64:
		return fixmap_btmap(m);
	case ARCH_ARM:
		return 0xff800000; /* FDT_FIXED_BASE */
	case ARCH_ARM64:
		return 0xfffffbfffdc00000; /* FIX_FDT */
	case ARCH_RISCV64:
	case NR_ARCHS:
		break;
	}
	return 0xffffffc6fec00000; /* FIX_FDT */
}

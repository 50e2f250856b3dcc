/* SPDX-License-Identifier: MIT
 *
 * Where the kernel's half of the addresses has what: the map of Documentation/<arch>/.../mm.rst as data.
 */
#ifndef SIMM_MM_LAYOUT_H
#define SIMM_MM_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

struct machine;

enum kernel_area {
	AREA_VMALLOC,	/* vmalloc(), ioremap() */
	AREA_VMEMMAP,	/* struct pages */
	AREA_MODULES,
	AREA_FIXMAP,	/* addresses that are known when the kernel is compiled */
	AREA_PKMAP,	/* kmap()'s windows to high memory */
	AREA_CPU_ENTRY,	/* x86: what a CPU needs on its way from user mode into the kernel */
	AREA_VECTORS,	/* ARM: exception vectors and the kernel's helpers for user mode */
	NR_KERNEL_AREAS
};

struct kernel_range {
	uint64_t start, end;	/* [start, end); equal: this machine has none */
};

/* Of a booting or running machine whose kernel_map.mode (and, on 32 bits, low_end) is known. */
struct kernel_range kernel_area(const struct machine *m, enum kernel_area area);
/* "vmalloc" */
const char *kernel_area_name(enum kernel_area area);
/* Where boot maps what it must see before the direct map: the fixmap's slots for it (x86: early_ioremap()'s first; the
 * devicetree's elsewhere). */
uint64_t kernel_early_map(const struct machine *m);

/* A 686 kernel's parts from the top down, each beginning where a page-table page does. */
struct layout_686 {
	uint64_t fixmap, cpu_entry, ldt, pkmap, vmalloc_end;
};
struct layout_686 layout_686(const struct machine *m);

/* Bytes between one CPU's entry area and the next one's. */
uint64_t cpu_entry_stride(const struct machine *m);

#endif

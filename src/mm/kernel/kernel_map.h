/* SPDX-License-Identifier: MIT
 *
 * The kernel's own page tables, made at boot: the direct map of low memory, the kernel's image where it has addresses
 * of its own, tables for what is mapped later, and the identity map through which the MMU is switched on.
 */
#ifndef SIMM_MM_KERNEL_MAP_H
#define SIMM_MM_KERNEL_MAP_H

#include "hw/walk.h"

#include <stdbool.h>
#include <stdint.h>

struct cmdline;
struct machine;
struct text;

struct kernel_map {
	uint64_t root;		/* physical address of swapper_pg_dir; 0: no tables */
	uint64_t idmap_root;	/* of the identity map's */
	uint64_t empty_root;	/* AArch64: reserved_pg_dir, the user half without a process */
	uint64_t user_root;	/* page-table isolation: what user mode has of the kernel */
	uint64_t tables_bytes;	/* of image, direct map and identity map */
	uint64_t area_bytes;	/* of the other areas (kernel_areas.c) */
	uint64_t early_va, early_bytes; /* mapped before the direct map was; 0 bytes: not any more */
	uint64_t low_end;	/* physical end of the direct map */
	uint64_t image_text_end, image_rodata_end; /* physical: code begins at image_pa, constants and data follow */
	uint64_t zone_tables;	/* tables made since boot, pages of the zone allocator (kernel_pte.c) */
	uint64_t counted_tables; /* those among them that are in nr_page_table_pages */
	uint64_t vmalloc_seq;	/* ARM: how often the kernel's top table has changed */
	uint64_t leaves[PAGING_MAX_LEVELS]; /* of the direct map: entries that map pages, by level */
	uint64_t image_va, image_pa, image_bytes; /* the kernel's image; 0 bytes: it is not known where it lies */
	uint64_t protection_map[16]; /* of user pages, by VM_READ, VM_WRITE, VM_EXEC and VM_SHARED: pte_protections() */
	uint64_t protection_map_dirty[16]; /* the same of pages that the mapping may write to and that are dirty */
	uint32_t mode;		/* enum paging_mode_id */
	bool areas;		/* the tables of the areas are there */
	bool cpu_entry;		/* x86: and the CPU entry areas are mapped */
	bool vmemmap;		/* struct pages are mapped in the vmemmap area */
	bool pti;		/* page-table isolation: user mode runs on tables of its own */
};

/* What boot knows and the maps need: physical bytes. */
struct kernel_map_bounds {
	const struct cmdline *cmdline;
	uint64_t pool_start, pool_end;	/* pages reserved for tables; what they cannot hold, memblock gives */
	bool pool_only;			/* too small a pool: no tables, and the MMU stays off */
	uint64_t area_start, area_end;	/* the same for the areas' tables, in the image; equal: there is no room for any */
	uint64_t fdt_start, fdt_end;	/* the devicetree; equal: none */
	const uint64_t *percpu_at;	/* of each CPU; NULL: not known, so no CPU entry areas and no isolation */
	uint64_t root;			/* ARM: where swapper_pg_dir lies; 0: in the pool */
	uint64_t low_end;		/* end of what the kernel maps for good */
	uint64_t image_start, image_end; /* equal: it is not known where it lies */
	uint64_t text_end;		/* the image begins with code up to here */
	uint64_t rodata_end;		/* and goes on with constants up to here; text_end: none are known */
};

/* Which paging mode the kernel uses on this machine, and so where its addresses are. Before anything else of boot. */
void kernel_map_choose_mode(struct machine *m, const struct cmdline *c);

/* Build the tables in RAM and switch the MMU on. To be called while memblock
 * gives memory. Errors: ENOMEM, EDQUOT. */
int kernel_map_init(struct machine *m, const struct kernel_map_bounds *b);

/* How the kernel translates by its own tables, whatever the CPUs do now. There are tables. */
struct hw_regime kernel_map_regime(const struct machine *m);

/* Write the kernel's half of a new process's top table at physical address @pgd, whose frames have contents (pgd_ctor());
 * nothing where the kernel has a table register of its own. */
void kernel_map_copy_pgd(struct machine *m, uint64_t pgd);
/* With page-table isolation: what user mode's own top table at @user_pgd has of the kernel. Errors: EDQUOT. */
int pti_user_pgd_init(struct machine *m, uint64_t user_pgd);

/* The tables still map what the kernel believes: violations, one line each in @out. */
unsigned kernel_map_check(struct machine *m, struct text *out);

#endif

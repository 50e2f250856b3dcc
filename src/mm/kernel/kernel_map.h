/* SPDX-License-Identifier: MIT
 *
 * The kernel's own page tables, made at boot: the direct map of low memory, the kernel's image where it has addresses
 * of its own, and the identity map through which the MMU is switched on.
 */
#ifndef SIMM_MM_KERNEL_MAP_H
#define SIMM_MM_KERNEL_MAP_H

#include "hw/paging.h"

#include <stdbool.h>
#include <stdint.h>

struct cmdline;
struct machine;
struct text;

struct kernel_map {
	uint64_t root;		/* physical address of swapper_pg_dir; 0: no tables */
	uint64_t idmap_root;	/* of the identity map's */
	uint64_t empty_root;	/* AArch64: reserved_pg_dir, the user half without a process */
	uint64_t tables_bytes;
	uint64_t low_end;	/* physical end of the direct map */
	uint64_t leaves[PAGING_MAX_LEVELS]; /* of the direct map: entries that map pages, by level */
	uint32_t mode;		/* enum paging_mode_id */
	bool pti;		/* page-table isolation: user mode runs on tables of its own */
};

/* What boot knows and the maps need: physical bytes. */
struct kernel_map_bounds {
	const struct cmdline *cmdline;
	uint64_t pool_start, pool_end;	/* pages reserved for tables; what they cannot hold, memblock gives */
	bool pool_only;			/* too small a pool: no tables, and the MMU stays off */
	uint64_t root;			/* ARM: where swapper_pg_dir lies; 0: in the pool */
	uint64_t low_end;		/* end of what the kernel maps for good */
	uint64_t image_start, image_end; /* equal: it is not known where it lies */
	uint64_t text_end;		/* the image begins with code up to here */
	uint64_t rodata_end;		/* and goes on with constants up to here; text_end: none are known */
};

/* Build the tables in RAM and switch the MMU on. To be called while memblock
 * gives memory. Errors: ENOMEM, EDQUOT. */
int kernel_map_init(struct machine *m, const struct kernel_map_bounds *b);

/* Write the kernel's half of a new process's top table at physical address @pgd, whose frames have contents (pgd_ctor());
 * nothing where the kernel has a table register of its own. */
void kernel_map_copy_pgd(struct machine *m, uint64_t pgd);
/* With page-table isolation: what user mode's own top table at @user_pgd has of the kernel. Errors: EDQUOT. */
int pti_user_pgd_init(struct machine *m, uint64_t user_pgd);

/* The tables still map what the kernel believes: violations, one line each in @out. */
unsigned kernel_map_check(struct machine *m, struct text *out);

#endif

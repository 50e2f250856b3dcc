/* SPDX-License-Identifier: MIT
 *
 * The steps by which kernel_map_init() makes the kernel's half beside the direct map and the image.
 */
#ifndef SIMM_MM_KERNEL_AREAS_H
#define SIMM_MM_KERNEL_AREAS_H

#include "mm/kernel/kernel_map.h"
#include "mm/kernel/pgtable.h"

/* The fixmap's tables, and through them what boot must see before there is a direct map. Errors: ENOMEM, EDQUOT. */
int kernel_areas_early(struct pgtable *t, const struct kernel_map_bounds *b);
/* The tables of the other areas, ARM's vectors, x86's CPU entry areas. Errors: ENOMEM, EDQUOT. */
int kernel_areas_build(struct pgtable *t, const struct kernel_map_bounds *b);
/* The struct pages in the vmemmap area, where the memory model has it. With @no_more_tables only when the tables that it
 * needs, few, are left. Errors: ENOMEM, EDQUOT. */
int kernel_vmemmap_build(struct pgtable *t, bool no_more_tables);
/* The early mapping goes, where the kernel does without it from here on. */
void kernel_areas_late(struct pgtable *t);
/* Page-table isolation: user mode's own tree, with what it takes to enter the kernel. Errors: ENOMEM, EDQUOT. */
int kernel_areas_trampoline(struct machine *m, const struct kernel_map_bounds *b, struct pgtable_pool *pool);

/* The tables of the areas are there, and map what they should: violations, one line each in @out. */
unsigned kernel_areas_check(struct machine *m, struct text *out);

#endif

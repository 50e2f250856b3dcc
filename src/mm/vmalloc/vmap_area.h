/* SPDX-License-Identifier: MIT
 *
 * Giving out kernel addresses for mappings, and taking them back lazily (alloc_vmap_area(), free_vmap_area_noflush()).
 */
#ifndef SIMM_MM_VMAP_AREA_H
#define SIMM_MM_VMAP_AREA_H

#include "mm/machine.h"
#include "mm/page/page_alloc.h"

/* At boot, when the kernel's tables are there: all areas' addresses become free ones. Errors: EDQUOT. */
int vmap_areas_init(struct machine *m);

/* The lowest free @bytes of [start, end), aligned to @align (powers of two). When there are none the lazily freed ones are
 * purged first. *@out: the area, busy, with no vm. Errors: ENOMEM (the log has the kernel's line unless @gfp has
 * __GFP_NOWARN), EDQUOT. */
int alloc_vmap_area(struct machine *m, unsigned cpu, uint64_t bytes, uint64_t align, uint64_t start, uint64_t end,
	gfp_t gfp, struct vmap_area **out);
/* A busy area becomes a lazily freed one; above lazy_max_pages() all of them are purged. Its entries are cleared. */
void free_vmap_area_noflush(struct machine *m, unsigned cpu, struct vmap_area *a);
/* Every CPU forgets what lay in lazily freed areas, and they are free. */
void purge_vmap_area_lazy(struct machine *m, unsigned cpu);
/* How many pages may be lazily freed before somebody purges. */
uint64_t lazy_max_pages(const struct machine *m);

/* The busy area that has @addr in it; NULL: none. */
struct vmap_area *find_vmap_area(const struct machine *m, uint64_t addr);
/* Is @addr in a lazily freed area, so that TLBs may still know it? */
bool vmap_area_is_lazy(const struct machine *m, uint64_t addr);

#endif

/* SPDX-License-Identifier: MIT
 *
 * A process's mappings as text: what maps, smaps, smaps_rollup and numa_maps have in common.
 */
#ifndef SIMM_VIEW_TASK_MAPS_H
#define SIMM_VIEW_TASK_MAPS_H

#include "mm/kernel/pte.h"
#include "mm/page/frame.h"
#include "mm/process/types.h"
#include "view/view.h"

/* The mapping after @v (NULL: the first), the kernel's own last (ARM's [vectors]); NULL at the end. */
const struct vma *maps_next(const struct machine *m, const struct mm *mm, const struct vma *v);
/* "00400000-00401000 r--p 00000000 00:02 84 ", without a name. */
void put_map_prefix(struct text *out, uint64_t start, uint64_t end, const char *perms, uint64_t offset,
	uint32_t major, uint32_t minor, uint64_t ino);
/* Blanks up to the column of the names, for the line that begins at @from. */
void put_map_pad(const struct machine *m, struct text *out, size_t from);
/* The line of maps. */
void put_map(const struct machine *m, const struct vma *v, struct text *out);

/* Each present page of @v that has a struct page and is not the zero page, in order of address. */
typedef void vma_page_fn(void *data, pte_t pte, uint64_t pfn, const struct frame *f);
void vma_each_page(struct machine *m, const struct mm *mm, const struct vma *v, vma_page_fn *fn, void *data);

#endif

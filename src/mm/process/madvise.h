/* SPDX-License-Identifier: MIT
 *
 * The advice of madvise that acts on pages of one mapping; which ranges and flags are allowed is madvise.c's to say.
 */
#ifndef SIMM_MM_MADVISE_H
#define SIMM_MM_MADVISE_H

#include "mm/process/types.h"

struct machine;

/* MADV_COLD, MADV_PAGEOUT on [start, end) of @v. */
void madvise_cold(struct machine *m, unsigned cpu, struct vma *v, uint64_t start, uint64_t end, bool pageout);
/* MADV_FREE on [start, end) of @v, which is anonymous and private. */
void madvise_free(struct machine *m, unsigned cpu, struct vma *v, uint64_t start, uint64_t end);

#endif

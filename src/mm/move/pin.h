/* SPDX-License-Identifier: MIT
 *
 * Pinned pages: memory of a process that a device, or whoever knows its physical address, reads and writes (mm/gup.c of
 * 6.1). A pin counts 1024 references, so that it can be told from others; while it lasts the page does not move, and a
 * fork gives the child a copy at once instead of sharing it.
 */
#ifndef SIMM_MM_PIN_H
#define SIMM_MM_PIN_H

#include "mm/move/migrate.h"
#include "mm/process/types.h"

enum { FOLL_WRITE_ = 0x01, FOLL_LONGTERM_ = 0x10000 };

/* pin_user_pages(): pages [addr, addr + nr pages) of @t, brought in as its own reads or writes would, each pinned; their pfns
 * in @pfns. FOLL_LONGTERM: those that lie where only movable memory may (CMA, zone Movable) move out first. How many were
 * pinned: fewer than @nr when a later one could not be; or -errno for the first: EFAULT, ENOMEM, EDQUOT, EINVAL. */
int64_t pin_user_pages(struct machine *m, struct task *t, uint64_t addr, uint64_t nr, unsigned flags, uint64_t *pfns);
/* unpin_user_page(). Errors: EINVAL for a page that is not pinned, for which Linux drops whoever's references. */
int unpin_user_page(struct machine *m, unsigned cpu, uint64_t pfn);
/* is_longterm_pinnable_page() */
bool page_longterm_pinnable(const struct machine *m, uint64_t pfn);

#endif

/* SPDX-License-Identifier: MIT
 *
 * Between the files of migration; nobody else includes it.
 */
#ifndef SIMM_MM_MOVE_INTERNAL_H
#define SIMM_MM_MOVE_INTERNAL_H

#include "mm/move/migrate.h"

/* isolate.c */
void migrate_count_isolated(struct machine *m, uint64_t pfn, int64_t n);
void migrate_list_add(struct machine *m, struct migrate_list *list, uint64_t pfn);
/* The first of @list, off it; NO_PFN: it is empty. */
uint64_t migrate_list_take(struct machine *m, struct migrate_list *list);
/* Is the isolated page one that a name or a recording holds (holder.h), not one of processes or files? */
static inline bool migrate_is_held(const struct frame *f)
{
	return !f->mapping && f->index;
}
/* Does somebody look at a page of high memory through a window? */
bool migrate_has_window(struct machine *m, uint64_t pfn);

#endif

/* SPDX-License-Identifier: MIT
 *
 * The LRU lists of pages that processes and files use, one set a node (classic lists; no memory cgroups yet).
 * Linux adds pages by way of per-CPU batches (folio_batch); here they are on the list at once.
 */
#ifndef SIMM_MM_LRU_H
#define SIMM_MM_LRU_H

#include "mm/machine.h"

enum lru_list { LRU_INACTIVE_ANON, LRU_ACTIVE_ANON, LRU_INACTIVE_FILE, LRU_ACTIVE_FILE, LRU_UNEVICTABLE, NR_LRU_LISTS };

/* On the list that its flags say (SWAPBACKED, ACTIVE, UNEVICTABLE), at the head. The page is in use and on none. */
void lru_add(struct machine *m, uint64_t pfn);
/* Off its list, if it is on one. */
void lru_del(struct machine *m, uint64_t pfn);
/* Off, flags changed, on again. */
void lru_move(struct machine *m, uint64_t pfn, uint32_t clear, uint32_t set);
/* mark_page_accessed(): inactive and unreferenced, referenced, active. */
void mark_page_accessed(struct machine *m, uint64_t pfn);
/* Lists against flags and counters: violations, one line each in @out. */
unsigned lru_check(struct machine *m, struct text *out);

#endif

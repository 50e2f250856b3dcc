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
/* Off, flags changed, on again. */
void lru_move(struct machine *m, uint64_t pfn, uint32_t clear, uint32_t set);
/* mark_page_accessed(): inactive and unreferenced, referenced, active. */
void mark_page_accessed(struct machine *m, uint64_t pfn);
/* deactivate_page() of MADV_COLD: an active page goes to the inactive list, forgotten to be referenced. */
void deactivate_page(struct machine *m, uint64_t pfn);
/* mark_page_lazyfree() of MADV_FREE: a clean anonymous page goes to the inactive file list without SWAPBACKED. */
void mark_page_lazyfree(struct machine *m, uint64_t pfn);

/* A new page that a mapping with @vm_flags has got: mlocked or on its list (lru_cache_add_inactive_or_unevictable()). */
void lru_add_vma(struct machine *m, uint64_t pfn, uint64_t vm_flags);
/* A mapping with @vm_flags maps the page, or has ceased to: what VM_LOCKED means for it (mlock_vma_page(),
 * munlock_vma_page()). A page that several locked mappings map stays until the last of them. */
void mlock_vma_page(struct machine *m, uint64_t pfn, uint64_t vm_flags);
void munlock_vma_page(struct machine *m, uint64_t pfn, uint64_t vm_flags);
/* Before the last reference of @nr pages goes: off their lists, if they are on one, not mlocked any more, and without the
 * flags that no page may have when it is freed (__page_cache_release()). */
void lru_release(struct machine *m, const uint64_t *pfns, unsigned nr);

/* folio_isolate_lru(): off its list and out of the counts, its other flags kept; its links are the caller's then. False
 * when it is on none. */
bool lru_isolate(struct machine *m, uint64_t pfn);
/* folio_add_lru() of a page that was isolated, or of its copy: on the list that its flags say. @nr_locked: how many locked
 * mappings map it, when it is mlocked; one that is unevictable and not mlocked is rescued. */
void lru_putback(struct machine *m, uint64_t pfn, unsigned nr_locked);

/* Lists against flags and counters: violations, one line each in @out. */
unsigned lru_check(struct machine *m, struct text *out);

#endif

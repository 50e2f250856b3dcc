/* SPDX-License-Identifier: MIT
 *
 * Entries of user tables that map no page but say where it is: swap-type entries, a type and an offset.
 *
 * The hardware sees "not present" and ignores the rest; each architecture's kernel puts type and offset where its
 * hardware and pte_present() allow it. The highest types are not swap devices: among them are those of pages that are
 * being migrated (migration entries), whose offset is the page's number and, where there is room, whether the entry was
 * young and dirty.
 */
#ifndef SIMM_MM_SWP_ENTRY_H
#define SIMM_MM_SWP_ENTRY_H

#include "mm/kernel/pte.h"

struct swp_entry {
	uint32_t type;	 /* 0-31 */
	uint64_t offset; /* of a migration entry: pfn, then young and dirty */
};

/* pte_swp_mksoft_dirty(): kept over the time in which the page is away. */
pte_t swp_pte_mksoft_dirty(const struct machine *m, pte_t pte);
bool swp_pte_soft_dirty(const struct machine *m, pte_t pte);

/* What a migration entry's page was before, as far as entries tell. */
enum migration_kind { MIGRATION_READ, MIGRATION_READ_EXCLUSIVE, MIGRATION_WRITE };

struct migration_entry {
	uint64_t pfn;
	enum migration_kind kind;
	bool young, dirty; /* false where the entry has no room for them (migration_entry_supports_ad()) */
};

/* The first type that is none of a swap device's: MAX_SWAPFILES. */
unsigned swp_max_swapfiles(const struct machine *m);
bool migration_entry_supports_ad(const struct machine *m);
pte_t migration_pte(const struct machine *m, const struct migration_entry *e);
/* False when @pte is no migration entry. */
bool migration_entry_of(const struct machine *m, pte_t pte, struct migration_entry *e);

#endif

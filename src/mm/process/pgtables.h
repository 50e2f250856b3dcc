/* SPDX-License-Identifier: MIT
 *
 * The page tables of an address space: made as faults need them, freed with the mappings, walked by everyone who
 * changes more than one entry. Tables are pages of the zone allocator, with contents in DRAM that the MMU reads.
 */
#ifndef SIMM_MM_PGTABLES_H
#define SIMM_MM_PGTABLES_H

#include "mm/kernel/pte.h"
#include "mm/process/types.h"

/* Take the top table(s), with the kernel's half in them where the architecture shares it. Errors: ENOMEM, EDQUOT. */
int pgd_alloc(struct machine *m, unsigned cpu, struct mm *mm);
/* Give them back; no table may be below them any more. */
void pgd_free(struct machine *m, unsigned cpu, struct mm *mm);

/* Where the last-level entry of an address lies. */
struct pte_place {
	uint64_t table;		/* physical address of the table page */
	unsigned index;		/* of the entry in it */
};

static inline unsigned pte_index(const struct machine *m, uint64_t va)
{
	return (unsigned)(va >> PAGE_SHIFT) & (ptes_per_table(m) - 1);
}
/* The first address that the table page of @va maps, marked as one. */
static inline uint64_t pte_table_base(const struct machine *m, uint64_t va)
{
	return (va & ~(pte_table_bytes(m) - 1)) | 1;
}

/* Find it: false when a table is missing on the way. */
bool pte_find(struct machine *m, const struct mm *mm, uint64_t va, struct pte_place *out);
/* Find it, making the tables that are missing (pte_alloc()). Errors: ENOMEM, EDQUOT; tables made before stay. */
int pte_alloc_slow(struct machine *m, unsigned cpu, struct mm *mm, uint64_t va, struct pte_place *out);
static inline int pte_alloc(
	struct machine *m, unsigned cpu, struct mm *mm, uint64_t va, struct pte_place *out)
{
	/* Faults mostly come side by side. */
	if (mm->last_base != pte_table_base(m, va))
		return pte_alloc_slow(m, cpu, mm, va, out);
	*out = (struct pte_place){mm->last_table, pte_index(m, va)};
	return 0;
}
/* Take all the tables that [start, end) can need, for pte_alloc() to use: it cannot fail in that range until
 * pgtables_unstock() gives back what was not used. Errors: ENOMEM, EDQUOT; then nothing is in stock. */
int pgtables_stock(struct machine *m, unsigned cpu, struct mm *mm, uint64_t start, uint64_t end);
void pgtables_unstock(struct machine *m, unsigned cpu, struct mm *mm);
/* The entry of @va, 0 when there is none. */
pte_t pte_of(struct machine *m, const struct mm *mm, uint64_t va);

/* Step through the table pages that exist in [va, end): the part of each that lies in the range. Skips what has no
 * tables without looking at it entry by entry. */
struct pte_range {
	uint64_t va, end;	/* what is left */
	uint64_t start;		/* of the present part: address of entry @index */
	uint64_t table;
	unsigned index, nr;	/* entries index .. index + nr - 1 */
};
/* Begin at [start, end). */
struct pte_range pte_range(uint64_t start, uint64_t end);
/* The next part; false at the end. */
bool pte_range_next(struct machine *m, const struct mm *mm, struct pte_range *r);

struct tlb_gather;
/* Free the tables that map nothing but [start, end), given that the neighbouring mappings end at @floor and begin at
 * @ceiling (free_pgd_range(); ceiling 0: there is none above). All entries in the range must be empty. */
void free_pgtables(struct tlb_gather *g, uint64_t start, uint64_t end, uint64_t floor, uint64_t ceiling);
/* Call @fn for each table page of @mm, top tables included (for checks and sim/page). */
void pgtables_each(struct machine *m, const struct mm *mm, void (*fn)(void *data, uint64_t table, unsigned depth),
	void *data);
/* The mm of which @pfn is a table page, NULL when it is none: for page/PFN (walks all tables). */
struct mm *pgtable_owner(struct machine *m, uint64_t pfn);

#endif

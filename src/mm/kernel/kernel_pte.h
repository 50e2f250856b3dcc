/* SPDX-License-Identifier: MIT
 *
 * Mapping pages at kernel addresses while the machine runs: what vmalloc(), ioremap(), kmap() and the DMA API do to the
 * kernel's own tables. Boot's mappings are pgtable.h's.
 *
 *	va ──> init_mm's tables (swapper_pg_dir) ──> last-level table ──> entry = pte
 *
 * A pte is the word that the kernel keeps (pte.h): on ARM Linux's own entry, with the hardware's written beside it.
 * Nobody's TLB hears of what is changed here: flush_tlb_kernel_range() of tlb_flush.h is the caller's, when it is due.
 */
#ifndef SIMM_MM_KERNEL_PTE_H
#define SIMM_MM_KERNEL_PTE_H

#include "mm/kernel/pgtable.h"
#include "mm/kernel/pte.h"
#include "mm/page/page_alloc.h"

/* ---- one page ---- */

/* mk_pte(): the entry that maps @pfn (RAM or not) for the kernel. */
pte_t kernel_pte_make(const struct machine *m, uint64_t pfn, enum pgtable_prot prot);
/* The entry of @va; 0 when there is none, also when its last-level table is missing or a larger page is there. */
pte_t kernel_pte_get(struct machine *m, uint64_t va);
/* Set the entry of @va; 0 clears it. Its last-level table must be there and have contents, by kernel_pte_alloc(), which
 * those need, too, that are there since boot (pkmap, fixmap). Cannot fail then. */
void kernel_pte_set(struct machine *m, uint64_t va, pte_t pte);
/* pte_alloc_kernel(): make the tables of @va that are missing, from the page allocator. They stay for good. Errors: ENOMEM,
 * EDQUOT; tables made before stay. EBUSY: a larger page maps @va. */
int kernel_pte_alloc(struct machine *m, unsigned cpu, uint64_t va);

/* ---- ranges: whole pages ---- */

/* vmap_pages_range(): page i at @va + i pages. Errors: as kernel_pte_alloc(); EBUSY also when an entry is there already
 * (a warning in the log). What was mapped before the error stays: the caller unmaps the range. */
int map_kernel_pages(struct machine *m, unsigned cpu, uint64_t va, uint64_t nr, const uint32_t *pfns,
	enum pgtable_prot prot);
/* vmap_range(), ioremap_page_range(): [pa, pa + bytes) with the largest pages that fit and are not larger than
 * 1 << @max_shift. The same errors. */
int map_kernel_phys(struct machine *m, unsigned cpu, uint64_t va, uint64_t pa, uint64_t bytes, enum pgtable_prot prot,
	unsigned max_shift);
/* vunmap_range_noflush(): clear the entries, also those of larger pages that lie whole in the range; tables stay. */
void unmap_kernel_range(struct machine *m, uint64_t va, uint64_t bytes);

/* What the kernel's own tables, not any CPU's TLB, translate @va to: false when nothing is mapped. *@shift (may be NULL)
 * gets the size of the page. */
bool kernel_translate(struct machine *m, uint64_t va, uint64_t *pa, unsigned *shift);
/* log2 of the largest pages that the kernel may map vmalloc() and ioremap() with (arch_vmap_pud_supported() ...). */
unsigned kernel_max_page_shift(const struct machine *m);

/* ---- pages for tables ---- */

/* 1 << @order pages of zeroes that have contents, for tables that @caller makes: their physical address; 0 with m->why
 * (ENOMEM, EDQUOT). */
uint64_t table_pages_alloc(
	struct machine *m, unsigned cpu, gfp_t gfp, unsigned order, enum caller_id caller);

/* ---- the kernel's half in processes' top tables (kernel_pgd.c) ---- */

/* arch_sync_kernel_mappings(): the kernel's top table has a new entry for @va. */
void kernel_pgd_changed(struct machine *m, uint64_t va);
/* vmalloc_fault(): the kernel faulted at @va on @cpu: true when the tables that the CPU runs in lacked a top entry that the
 * kernel's own have, and have it now, so that the access is to be made again. */
bool vmalloc_fault(struct machine *m, unsigned cpu, uint64_t va);
/* check_vmalloc_seq(): ARM, before @mm is run: bring its copy of the kernel's half up to date. */
struct mm;
void check_vmalloc_seq(struct machine *m, struct mm *mm);
/* No process's top table has other kernel entries than the kernel's own: violations, one line each in @out. */
unsigned kernel_pgd_check(struct machine *m, struct text *out);

#endif

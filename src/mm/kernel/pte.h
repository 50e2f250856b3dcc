/* SPDX-License-Identifier: MIT
 *
 * The kernel's view of a last-level entry of a user page table.
 *
 * A pte is the raw word that the kernel keeps: on x86, AArch64 and RISC-V it is the hardware's own entry with some
 * software bits in it; on ARM (short descriptors, which have no accessed and no dirty bit) it is Linux's software
 * entry, and pte_set() writes the hardware's beside it, absent while the page is old, read-only while it is clean.
 *
 *	one table page on ARM:   | Linux 0 | Linux 1 | hardware 0 | hardware 1 |    1 KiB each
 *
 * Which bits mean what is pte_bits (pte.c), one row per mode. Follows arch/<arch>/include/asm/pgtable*.h and
 * arch/arm/mm/proc-v7-2level.S of 6.1.
 */
#ifndef SIMM_MM_PTE_H
#define SIMM_MM_PTE_H

#include "hw/paging.h"

struct machine;

typedef uint64_t pte_t;

enum pte_flag {
	PTE_PRESENT,	/* maps a page, though the hardware may not be let at it (PROT_NONE) */
	PTE_WRITE,	/* pte_write() */
	PTE_DIRTY,	/* pte_dirty() */
	PTE_YOUNG,	/* pte_young(): accessed */
	PTE_EXEC,	/* the user may execute it */
	PTE_USER,	/* the user may touch it: clear for PROT_NONE */
	PTE_SPECIAL,	/* no struct page behind it: zero page, devices */
	PTE_SOFT_DIRTY,	/* written since clear_refs; only where the kernel has CONFIG_MEM_SOFT_DIRTY */
	NR_PTE_FLAGS
};

/* The entry for @pfn with the protection that vm_get_page_prot(@vm_flags) gives: not dirty, young where 6.1's
 * protections include it, never writable for a private mapping. */
pte_t pte_make(const struct machine *m, uint64_t pfn, uint64_t vm_flags);
bool pte_is(const struct machine *m, pte_t pte, enum pte_flag flag);
/* The entry with @flag set or cleared. Setting DIRTY also sets SOFT_DIRTY, as pte_mkdirty() does. */
pte_t pte_with(const struct machine *m, pte_t pte, enum pte_flag flag, bool on);
uint64_t pte_pfn(const struct machine *m, pte_t pte);
/* pte_modify(): another protection, the page and its dirty, young, special and soft-dirty bits kept. */
pte_t pte_modify(const struct machine *m, pte_t pte, uint64_t vm_flags);
static inline bool pte_none(pte_t pte)
{
	return pte == 0;
}
/* Does the kernel keep soft-dirty bits (CONFIG_MEM_SOFT_DIRTY: x86-64 only)? */
bool pte_has_soft_dirty(const struct machine *m);

/* Where entries lie: a table page, and how many entries it has for the kernel. */
unsigned ptes_per_table(const struct machine *m);	/* 1024, 512; ARM 512 */
uint64_t pte_table_bytes(const struct machine *m);	/* of addresses that one table page maps */
/* Read and write entry @i of the table page at physical address @table. A store may fail with -EDQUOT; a table page
 * that pgtables.c made writable (has contents) cannot fail. */
pte_t pte_get(struct machine *m, uint64_t table, unsigned i);
int pte_set(struct machine *m, uint64_t table, unsigned i, pte_t pte);

#endif

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
#include "mm/machine.h"

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

/* Holds when (pte & mask) == on; written as on or off. mask 0: the mode has no such bit. */
struct pte_rule {
	uint64_t mask, on, off;
};

struct pte_row {
	uint64_t pfn_mask;
	unsigned pfn_shift;	/* to the right, down to the page number */
	bool inverts;		/* page numbers that the hardware does not see are inverted */
	bool wide;		/* entries of 8 bytes, else 4 */
	uint64_t present;	/* any of these bits: it maps a page */
	uint64_t base;		/* of an accessible entry, before its permissions */
	uint64_t none;		/* the whole of a PROT_NONE entry beside its page */
	uint64_t hw_present;	/* clear: the hardware sees nothing */
	struct pte_rule rule[NR_PTE_FLAGS];
};
extern const struct pte_row pte_rows[NR_PAGING_MODES];

static inline const struct pte_row *pte_row(const struct machine *m)
{
	return &pte_rows[m->kernel_map.mode];
}

#define PTE_ARM64_DBM	 (1ULL << 51)
#define PTE_ARM64_RDONLY 0x80ULL

/* pfn_pte() */
static inline pte_t pte_of_page(const struct machine *m, uint64_t pfn, uint64_t prot)
{
	const struct pte_row *row = pte_row(m);
	uint64_t bits = pfn << row->pfn_shift & row->pfn_mask;

	return row->inverts && !(prot & row->hw_present) ? prot | (bits ^ row->pfn_mask) : prot | bits;
}

/* At boot, when the mode is known: what vm_get_page_prot() gives for each protection (protection_map[] of mm/mmap.c). */
void pte_protections(struct machine *m);

/* The entry for @pfn with the protection that vm_get_page_prot(@vm_flags) gives: not dirty, young where 6.1's
 * protections include it, never writable for a private mapping. */
static inline pte_t pte_make(const struct machine *m, uint64_t pfn, uint64_t vm_flags)
{
	return pte_of_page(m, pfn, m->kernel_map.protection_map[vm_flags & (VM_ACCESS_FLAGS | VM_SHARED)]);
}
/* pte_mkdirty_write() of it. */
static inline pte_t pte_make_dirty(const struct machine *m, uint64_t pfn, uint64_t vm_flags)
{
	return pte_of_page(m, pfn, m->kernel_map.protection_map_dirty[vm_flags & (VM_ACCESS_FLAGS | VM_SHARED)]);
}
/* pte_modify(): another protection, the page and its dirty, young, special and soft-dirty bits kept. */
pte_t pte_modify(const struct machine *m, pte_t pte, uint64_t vm_flags);

static inline bool pte_none(pte_t pte)
{
	return pte == 0;
}

static inline bool pte_present(const struct machine *m, pte_t pte)
{
	return pte & pte_row(m)->present;
}

/* Does the kernel keep soft-dirty bits (CONFIG_MEM_SOFT_DIRTY: x86-64 only)? */
static inline bool pte_has_soft_dirty(const struct machine *m)
{
	return m->arch == ARCH_X86_64;
}

/* AArch64: what else follows when writable or dirty change. */
pte_t pte_arm64_follow(pte_t pte, enum pte_flag flag, bool on);
/* The entry with @flag set or cleared. Setting DIRTY also sets SOFT_DIRTY, as pte_mkdirty() does. */
static inline pte_t pte_with(const struct machine *m, pte_t pte, enum pte_flag flag, bool on)
{
	const struct pte_rule *rule = &pte_row(m)->rule[flag];

	if (flag == PTE_DIRTY && on && pte_has_soft_dirty(m))
		pte |= pte_row(m)->rule[PTE_SOFT_DIRTY].on;
	if (m->kernel_map.mode == PAGING_ARM64_4K && (flag == PTE_WRITE || flag == PTE_DIRTY))
		return pte_arm64_follow(pte, flag, on);
	if (flag == PTE_SOFT_DIRTY && !pte_has_soft_dirty(m))
		return pte;
	return (pte & ~rule->mask) | (on ? rule->on : rule->off);
}

/* maybe_mkwrite(pte_mkdirty()): @vm_flags are the mapping's. */
static inline pte_t pte_mkdirty_write(const struct machine *m, pte_t pte, uint64_t vm_flags)
{
	pte = pte_with(m, pte, PTE_DIRTY, true);
	return vm_flags & VM_WRITE ? pte_with(m, pte, PTE_WRITE, true) : pte;
}

static inline bool pte_is(const struct machine *m, pte_t pte, enum pte_flag flag)
{
	const struct pte_rule *rule = &pte_row(m)->rule[flag];

	if (flag == PTE_PRESENT)
		return pte_present(m, pte);
	if (!rule->mask)
		return flag == PTE_EXEC;
	if (flag == PTE_DIRTY && m->kernel_map.mode == PAGING_ARM64_4K &&
		(pte & (PTE_ARM64_DBM | PTE_ARM64_RDONLY)) == PTE_ARM64_DBM)
		return true;
	if (flag == PTE_SOFT_DIRTY && !pte_has_soft_dirty(m))
		return false;
	return (pte & rule->mask) == rule->on;
}

static inline uint64_t pte_pfn(const struct machine *m, pte_t pte)
{
	const struct pte_row *row = pte_row(m);

	if (row->inverts && !(pte & row->hw_present))
		pte ^= row->pfn_mask;
	return (pte & row->pfn_mask) >> row->pfn_shift;
}

/* Where entries lie: a table page, and how many entries it has for the kernel. */
static inline unsigned ptes_per_table(const struct machine *m)
{
	return m->kernel_map.mode == PAGING_X86_32 ? 1024 : 512; /* ARM's pair of tables: 512 */
}

/* Bytes of addresses that one table page maps. */
static inline uint64_t pte_table_bytes(const struct machine *m)
{
	return (uint64_t)ptes_per_table(m) << PAGE_SHIFT;
}

/* The entries of a table page on the host. Table pages have contents from the moment they are taken, so writing to one
 * cannot fail. */
static inline void *pte_table(struct machine *m, uint64_t table)
{
	return machine_at(m, m->dram_at + (table - (m->base_pfn << PAGE_SHIFT)));
}

/* ARM: the hardware's entry for Linux's. */
uint32_t pte_arm_hardware(pte_t pte);

static inline pte_t pte_get(struct machine *m, uint64_t table, unsigned i)
{
	void *at = pte_table(m, table);

	return pte_row(m)->wide ? ((uint64_t *)at)[i] : ((uint32_t *)at)[i];
}

static inline void pte_set(struct machine *m, uint64_t table, unsigned i, pte_t pte)
{
	void *at = pte_table(m, table);

	if (pte_row(m)->wide) {
		((uint64_t *)at)[i] = pte;
		return;
	}
	((uint32_t *)at)[i] = (uint32_t)pte;
	if (m->kernel_map.mode == PAGING_ARM_SHORT)
		((uint32_t *)at)[512 + i] = pte_arm_hardware(pte);
}

#endif

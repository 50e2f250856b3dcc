/* SPDX-License-Identifier: MIT
 *
 * Swap-type entries in each architecture's bits (see swp_entry.h).
 *
 *	i386, two levels     | offset 31..9           | 0 | . . type 5..1 | 0 |
 *	PAE, x86-64          | type 63..59 | offset, inverted 58..9 | 0 | . | soft dirty | 0 |
 *	AArch64              | . | offset 57..8 | type 7..3 | exclusive | 0 0 |
 *	RISC-V Sv39          | offset 63..11 | type 10..6 | 0 | . | 0 0 0 | 0 |
 *	ARM, short           | offset 31..7  | type 6..2 | 0 0 |
 *
 * x86 inverts offsets of wide entries for the reason for which it inverts page numbers of PROT_NONE: so that a
 * speculating CPU finds no cached address there (L1TF).
 *
 * Types are 32. From the top: the marker of a page table entry without a page, device memory (not configured here),
 * three kinds of migration, broken memory; what is left are swap devices. Young and dirty of a migration entry lie above
 * the page number when the offset has room for both above the largest page number that the kernel was built for: all but
 * PAE, whose entry as the kernel holds it (swp_entry_t) has 32 bits.
 *
 * Left out: uffd-wp's bit; MAX_PHYSMEM_BITS of kernels configured otherwise than Debian's.
 * Follows arch/<arch>/include/asm/pgtable*.h, include/linux/swap.h and swapops.h of 6.1.
 */
#include "mm/kernel/swp_entry.h"

#include <assert.h>

#define SWP_TYPES 32u

/* Where type and offset lie in an entry. */
struct swp_row {
	uint8_t type_shift;
	uint8_t offset_shift;
	uint8_t offset_bits; /* in the entry */
	bool inverts;
	uint8_t held_bits; /* of the offset in swp_entry_t */
	uint8_t pfn_bits;  /* SWP_PFN_BITS */
};

static const struct swp_row rows[NR_PAGING_MODES] = {
	[PAGING_X86_32] = {1, 9, 23, false, 23, 20},
	[PAGING_X86_PAE] = {59, 9, 50, true, 27, 52},
	[PAGING_X86_64] = {59, 9, 50, true, 50, 34},
	[PAGING_X86_64_LA57] = {59, 9, 50, true, 50, 40},
	[PAGING_SV39] = {6, 11, 53, false, 53, 44},
	[PAGING_ARM64_4K] = {3, 8, 50, false, 50, 36},
	[PAGING_ARM_SHORT] = {2, 7, 25, false, 25, 20},
};

static const struct swp_row *row_of(const struct machine *m)
{
	const struct swp_row *row = &rows[m->kernel_map.mode];

	assert(row->offset_bits);
	return row;
}

static uint64_t offset_mask(const struct swp_row *row)
{
	return ((uint64_t)1 << row->offset_bits) - 1;
}

/* The entry as its kernel writes it, and back. @pte: not none, not present. */
static pte_t swp_pte(const struct machine *m, struct swp_entry e)
{
	const struct swp_row *row = row_of(m);
	uint64_t offset = row->inverts ? ~e.offset : e.offset;

	assert(e.type < SWP_TYPES && e.offset <= offset_mask(row));
	return (uint64_t)e.type << row->type_shift | (offset & offset_mask(row))
							     << row->offset_shift;
}

static struct swp_entry swp_of(const struct machine *m, pte_t pte)
{
	const struct swp_row *row = row_of(m);
	uint64_t offset = pte >> row->offset_shift;

	assert(!pte_none(pte) && !pte_present(m, pte));
	return (struct swp_entry){.type = (uint32_t)(pte >> row->type_shift) & (SWP_TYPES - 1),
		.offset = (row->inverts ? ~offset : offset) & offset_mask(row)};
}

#define X86_SWP_SOFT_DIRTY 0x2u

pte_t swp_pte_mksoft_dirty(const struct machine *m, pte_t pte)
{
	return pte_has_soft_dirty(m) ? pte | X86_SWP_SOFT_DIRTY : pte;
}

bool swp_pte_soft_dirty(const struct machine *m, pte_t pte)
{
	return pte_has_soft_dirty(m) && pte & X86_SWP_SOFT_DIRTY;
}

/* ---- migration entries ---- */

enum { SWP_HWPOISON_NUM = 1, SWP_MIGRATION_NUM = 3, SWP_DEVICE_NUM = 0, SWP_PTE_MARKER_NUM = 1 };

/* Debian's 6.1 has CONFIG_PTE_MARKER and CONFIG_MEMORY_FAILURE where the architecture can. */
static unsigned nr_markers(const struct machine *m)
{
	return m->arch == ARCH_X86_64 ? SWP_PTE_MARKER_NUM : 0;
}

static unsigned nr_hwpoison(const struct machine *m)
{
	return m->arch == ARCH_ARM || m->arch == ARCH_RISCV64 ? 0 : SWP_HWPOISON_NUM;
}

unsigned swp_max_swapfiles(const struct machine *m)
{
	return SWP_TYPES - SWP_DEVICE_NUM - SWP_MIGRATION_NUM - nr_hwpoison(m) - nr_markers(m);
}

static unsigned first_migration_type(const struct machine *m)
{
	return swp_max_swapfiles(m) + nr_hwpoison(m);
}

bool migration_entry_supports_ad(const struct machine *m)
{
	const struct swp_row *row = row_of(m);

	return machine_has(m, CONFIG_SWAP) && row->held_bits >= row->pfn_bits + 2;
}

pte_t migration_pte(const struct machine *m, const struct migration_entry *e)
{
	unsigned pfn_bits = row_of(m)->pfn_bits;
	struct swp_entry swp = {first_migration_type(m) + e->kind, e->pfn};

	if (migration_entry_supports_ad(m))
		swp.offset |= (uint64_t)e->young << pfn_bits | (uint64_t)e->dirty << (pfn_bits + 1);
	return swp_pte(m, swp);
}

bool migration_entry_of(const struct machine *m, pte_t pte, struct migration_entry *e)
{
	unsigned first = first_migration_type(m), pfn_bits = row_of(m)->pfn_bits;

	if (pte_none(pte) || pte_present(m, pte))
		return false;
	struct swp_entry swp = swp_of(m, pte);

	if (swp.type < first || swp.type >= first + SWP_MIGRATION_NUM)
		return false;
	*e = (struct migration_entry){
		.pfn = swp.offset, .kind = (enum migration_kind)(swp.type - first)};
	if (!migration_entry_supports_ad(m))
		return true;
	e->pfn = swp.offset & (((uint64_t)1 << pfn_bits) - 1);
	e->young = swp.offset >> pfn_bits & 1;
	e->dirty = swp.offset >> (pfn_bits + 1) & 1;
	return true;
}

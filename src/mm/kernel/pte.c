/* SPDX-License-Identifier: MIT
 *
 * Entries of user page tables, as each architecture's kernel writes them (see pte.h).
 *
 * One row of `pte_rows` a paging mode says which bits mean what. Most facts are "these bits have this value"; three are
 * not, and are written out:
 *
 *  - AArch64 keeps dirty in two places: a bit of software's, and "writable and not read-only", which is how hardware
 *    with dirty-bit management would report it.
 *  - On x86 with PAE or 64 bits an entry that is not present to the hardware (PROT_NONE) holds its page number
 *    inverted, so that a speculating CPU finds no cached address there (L1TF).
 *  - ARM's hardware entry is made from Linux's (cpu_v7_set_pte_ext()): none at all while the page is old or PROT_NONE,
 *    read-only while it is clean, so that the first use and the first write fault and set the software's bits.
 *
 * Left out: protection keys, memory types other than normal memory, contiguous bits, MTE and BTI.
 * Follows arch/x86/include/asm/pgtable*.h, arch/arm/include/asm/pgtable-2level.h, arch/arm/mm/proc-v7-2level.S,
 * arch/arm64/include/asm/pgtable*.h, arch/riscv/include/asm/pgtable*.h of 6.1.
 */
#include "mm/kernel/pte.h"

#include "mm/machine.h"
#include "mm/process/types.h"

#include <assert.h>

#define BIT(n) (1ULL << (n))

#define X86_ROW(pfn, nx, w)                                                                        \
	{                                                                                          \
		.pfn_mask = (pfn), .inverts = (w), .wide = (w), .pfn_shift = 12, .present = 0x101, \
		.base = 0x25,		      /* PRESENT USER ACCESSED */                          \
			.none = 0x120 | (nx), /* PROTNONE ACCESSED */                              \
			.hw_present = 0x1, .rule = {                                               \
				[PTE_WRITE] = {0x2, 0x2, 0},                                       \
				[PTE_DIRTY] = {0x40, 0x40, 0},                                     \
				[PTE_YOUNG] = {0x20, 0x20, 0},                                     \
				[PTE_EXEC] = {(nx), 0, (nx)},                                      \
				[PTE_USER] = {0x4, 0x4, 0},                                        \
				[PTE_SPECIAL] = {0x200, 0x200, 0},                                 \
				[PTE_SOFT_DIRTY] = {0x800, 0x800, 0}                               \
			}                                                                          \
	}

const struct pte_row pte_rows[NR_PAGING_MODES] = {
	[PAGING_X86_32] = X86_ROW(0xfffff000, 0, false),
	[PAGING_X86_PAE] = X86_ROW(0x000ffffffffff000, BIT(63), true),
	[PAGING_X86_64] = X86_ROW(0x000ffffffffff000, BIT(63), true),
	[PAGING_X86_64_LA57] = X86_ROW(0x000ffffffffff000, BIT(63), true),
	[PAGING_SV39] = {.pfn_mask = 0x003ffffffffffc00,
		.pfn_shift = 10,
		.wide = true,
		.present = 0x21,
		.base = 0x51,	     /* V U A */
		.none = 0x22 | 0x40, /* PROT_NONE READ, and A as mk_pte() users have it */
		.hw_present = 0x1,
		.rule = {[PTE_WRITE] = {0x4, 0x4, 0},
			[PTE_DIRTY] = {0x80, 0x80, 0},
			[PTE_YOUNG] = {0x40, 0x40, 0},
			[PTE_EXEC] = {0x8, 0x8, 0},
			[PTE_USER] = {0x10, 0x10, 0},
			[PTE_SPECIAL] = {0x100, 0x100, 0}}},
	[PAGING_ARM64_4K] = {.pfn_mask = 0x0000fffffffff000,
		.pfn_shift = 12,
		.wide = true,
		.present = 0x1 | BIT(58),
		/* PAGE AF SHARED USER RDONLY NG PXN */
		.base = 0xfc3 | BIT(53),
		.none = 0xf82 | BIT(58) | BIT(53) | BIT(54),
		.hw_present = 0x1,
		.rule = {[PTE_WRITE] = {PTE_ARM64_DBM, PTE_ARM64_DBM, 0},
			[PTE_DIRTY] = {BIT(55), BIT(55), 0},
			[PTE_YOUNG] = {0x400, 0x400, 0},
			[PTE_EXEC] = {BIT(54), 0, BIT(54)},
			[PTE_USER] = {0x40, 0x40, 0},
			[PTE_SPECIAL] = {BIT(56), BIT(56), 0}}},
	/* Linux's own entry: VALID 1, YOUNG 2, memory type 0x1c, DIRTY 40, RDONLY 80, USER 100, XN 200, SHARED 400, NONE 800. */
	[PAGING_ARM_SHORT] = {.pfn_mask = 0xfffff000,
		.pfn_shift = 12,
		.present = 0x1,
		.base = 0x51f,
		.none = 0xe9f,
		.hw_present = 0x1,
		.rule = {[PTE_WRITE] = {0x80, 0, 0x80},
			[PTE_DIRTY] = {0x40, 0x40, 0},
			[PTE_YOUNG] = {0x2, 0x2, 0},
			[PTE_EXEC] = {0x200, 0, 0x200},
			[PTE_USER] = {0x100, 0x100, 0}}},
};

static bool has_nx(const struct machine *m)
{
	return m->cpus.desc.abilities & HW_HAS_NX;
}

/* What vm_get_page_prot() gives for the flags: everything but the page. */
static uint64_t protection(const struct machine *m, const struct pte_row *row, uint64_t vm_flags)
{
	uint64_t bits = row->base;
	bool write = vm_flags & VM_WRITE && vm_flags & VM_SHARED;

	if (!(vm_flags & VM_ACCESS_FLAGS)) {
		bits = row->none;
		return has_nx(m) ? bits : bits & ~row->rule[PTE_EXEC].off;
	}
	if (m->kernel_map.mode == PAGING_SV39) {
		if (vm_flags & (VM_READ | VM_WRITE))
			bits |= 0x2;
		if (vm_flags & VM_EXEC)
			bits |= 0x8;
		return write ? bits | 0x4 : bits;
	}
	bits |= write ? row->rule[PTE_WRITE].on : row->rule[PTE_WRITE].off;
	if (!(vm_flags & VM_EXEC) && (has_nx(m) || m->arch == ARCH_ARM || m->arch == ARCH_ARM64))
		bits |= row->rule[PTE_EXEC].off;
	return bits;
}

void pte_protections(struct machine *m)
{
	enum { ALL = VM_ACCESS_FLAGS | VM_SHARED };

	_Static_assert(sizeof(m->kernel_map.protection_map) == (ALL + 1) * sizeof(uint64_t),
		"one for each");
	for (unsigned vm_flags = 0; vm_flags <= ALL; vm_flags++) {
		pte_t pte = protection(m, pte_row(m), vm_flags);

		m->kernel_map.protection_map[vm_flags] = pte;
		m->kernel_map.protection_map_dirty[vm_flags] = pte_mkdirty_write(m, pte, vm_flags);
	}
}

pte_t pte_arm64_follow(pte_t pte, enum pte_flag flag, bool on)
{
	bool hw_dirty = (pte & (PTE_ARM64_DBM | PTE_ARM64_RDONLY)) == PTE_ARM64_DBM;

	if (flag == PTE_WRITE && on)
		return (pte | PTE_ARM64_DBM) & ~PTE_ARM64_RDONLY;
	if (flag == PTE_WRITE)
		return (pte & ~PTE_ARM64_DBM) | PTE_ARM64_RDONLY | (hw_dirty ? BIT(55) : 0);
	if (on)
		return pte & PTE_ARM64_DBM ? (pte | BIT(55)) & ~PTE_ARM64_RDONLY : pte | BIT(55);
	return (pte & ~BIT(55)) | PTE_ARM64_RDONLY;
}

pte_t pte_modify(const struct machine *m, pte_t pte, uint64_t vm_flags)
{
	static const enum pte_flag kept[] = {PTE_YOUNG, PTE_SPECIAL, PTE_SOFT_DIRTY, PTE_DIRTY};
	pte_t out = pte_make(m, pte_pfn(m, pte), vm_flags);

	for (unsigned i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		bool on = pte_is(m, pte, kept[i]);

		if (kept[i] == PTE_DIRTY && !on)
			continue;
		out = pte_with(m, out, kept[i], on);
		/* Keeping dirty is no new write. */
		if (kept[i] == PTE_DIRTY && !pte_is(m, pte, PTE_SOFT_DIRTY))
			out = pte_with(m, out, PTE_SOFT_DIRTY, false);
	}
	return out;
}

uint32_t pte_arm_hardware(pte_t pte)
{
	uint32_t hw = (uint32_t)pte & ~0x3f3u;

	if (!(pte & 0x1) || !(pte & 0x2) || pte & 0x800)
		return 0;
	hw |= 0x12 | 0x800; /* a small page, AP[0], not global */
	if (pte & 0x10)
		hw |= 0x40; /* TEX[0] */
	if (pte & 0x80 || !(pte & 0x40))
		hw |= 0x200; /* APX: read-only, or clean */
	if (pte & 0x100)
		hw |= 0x20; /* AP[1]: the user's */
	if (pte & 0x200)
		hw |= 0x1; /* XN */
	return hw;
}

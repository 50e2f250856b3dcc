/* SPDX-License-Identifier: MIT
 *
 * Paging modes as data: how each architecture writes a page-table entry.
 *
 * Every architecture spells the same few facts differently: is there an entry, does it lead to a table or to a page,
 * where, who may do what. paging.def holds the spellings. Decoded they become one word of flags: a matrix of six
 * permissions, {privileged, user} x {read, write, execute}, and attributes. Walking starts with all six permissions;
 * each entry on the way may take some away, never give one. That is x86's rule (the bits of all levels are ANDed)
 * and that of AArch64's hierarchical attributes; where a mode has permissions only in the leaf, the tables' entries
 * take nothing.
 */
#ifndef SIMM_HW_PAGING_H
#define SIMM_HW_PAGING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGING_MAX_LEVELS 5
#define PAGING_MAX_FORMS  3
#define PAGING_MAX_PIECES 3

/* What an entry, and at the end the whole translation, allows and says. */
enum hw_page_flags {
	HW_PR = 1 << 0, /* privileged read, write, execute */
	HW_PW = 1 << 1,
	HW_PX = 1 << 2,
	HW_UR = 1 << 3, /* user read, write, execute */
	HW_UW = 1 << 4,
	HW_UX = 1 << 5,
	HW_P_ALL = HW_PR | HW_PW | HW_PX,
	HW_U_ALL = HW_UR | HW_UW | HW_UX,
	HW_ALL = HW_P_ALL | HW_U_ALL,
	HW_GLOBAL = 1 << 6,
	HW_ACCESSED = 1 << 7,
	HW_DIRTY = 1 << 8,	/* or the mode keeps no dirty bit */
	HW_UNCACHED = 1 << 9,
	HW_DOMAIN_SHIFT = 28,	/* ARM: the domain's number, 4 bits */
};

/* What a CPU has beyond the mode: which forms of entries it knows, and switches of the moment. */
enum hw_has {
	HW_HAS_PSE = 1 << 0,	/* x86: 4 MiB pages (CR4.PSE) */
	HW_HAS_1G = 1 << 1,	/* x86: 1 GiB pages */
	HW_HAS_NX = 1 << 2,	/* x86: EFER.NXE */
	HW_HAS_WP = 1 << 3,	/* privileged writes obey read-only pages */
	HW_HAS_SMEP = 1 << 4,	/* the kernel may not execute user pages */
	HW_HAS_SMAP = 1 << 5,	/* the kernel may not read or write user pages (PAN, !SUM) */
	HW_HAS_GLOBAL = 1 << 6,	/* global entries survive address-space switches (CR4.PGE) */
	HW_HAS_ASID = 1 << 7,	/* TLB entries carry the address space's number */
	HW_HAS_AD = 1 << 8,	/* hardware sets accessed and dirty where the mode leaves it open (Svadu) */
	HW_HAS_MXR = 1 << 9,	/* executable pages can be read */
	HW_HAS_DOMAINS = 1 << 10, /* ARM: the regime's dacr decides before the permissions do */
	HW_HAS_PBMT = 1 << 11,	/* RISC-V: entries say how the page is cached (Svpbmt) */
};

enum paging_ad {
	AD_NONE,	/* the mode has no such bits */
	AD_FAULT,	/* a clear bit faults (unless HW_HAS_AD) */
	AD_HARDWARE,	/* the walker sets them */
};

/* One fact of an entry: holds when (entry & mask) == value. */
struct paging_bit {
	uint64_t mask, value;
	uint32_t clears;	/* permissions that it takes away */
	uint32_t sets;		/* attributes that it gives */
	const char *word;	/* printed when it holds; NULL: silent */
};

struct paging_piece {
	uint64_t mask;
	int shift;		/* to the left */
};

struct paging_form {
	bool leaf;
	uint8_t page_shift;	/* leaf: log2 of the bytes it maps */
	uint8_t domain_bit;	/* lowest bit of the domain's number, 0: none */
	uint32_t need;		/* enum hw_has bits */
	uint64_t mask, value;
	struct paging_piece address[PAGING_MAX_PIECES];	/* mask 0 ends it */
	uint64_t reserved;	/* must be zero */
	uint64_t accessed, dirty;
	/* First those that clear or set something, then those that are words only; mask 0 ends it. */
	const struct paging_bit *bits;
};

struct paging_level {
	const char *name;	/* Linux's */
	const char *manual;	/* the architecture's */
	uint8_t shift, bits, entry_bytes;
	struct paging_form form[PAGING_MAX_FORMS];
};

struct paging_mode {
	const char *name, *doc;
	uint8_t va_bits, nr_levels, table_shift;
	bool signed_va;
	enum paging_ad ad;
	uint64_t nx_bit, pbmt_bits;
	struct paging_level level[PAGING_MAX_LEVELS];
};

enum paging_mode_id {
#define MODE(id, ...) PAGING_##id,
#include "hw/paging.def"
	NR_PAGING_MODES
};

extern const struct paging_mode paging_modes[NR_PAGING_MODES];

/* Has @entry this form on a CPU that @has? An unused form has no bits, and nothing has it. */
static inline bool paging_fits(const struct paging_form *form, uint64_t entry, uint32_t has)
{
	return form->mask && (entry & form->mask) == form->value && (form->need & has) == form->need;
}

/* Which form @entry has at @level on a CPU that @has; NULL: not present. */
static inline const struct paging_form *paging_form_of(const struct paging_level *level, uint64_t entry, uint32_t has)
{
	for (unsigned i = 0; i < PAGING_MAX_FORMS; i++)
		if (paging_fits(&level->form[i], entry, has))
			return &level->form[i];
	return NULL;
}

/* The address that an entry of this form leads to. */
static inline uint64_t paging_address(const struct paging_form *form, uint64_t entry)
{
	uint64_t pa = (entry & form->address[0].mask) << form->address[0].shift;

	for (unsigned i = 1; i < PAGING_MAX_PIECES && form->address[i].mask; i++)
		pa |= (entry & form->address[i].mask) << form->address[i].shift;
	return pa;
}

/* The other way: @pa in an entry of this form, without its other bits. @pa must be aligned for it. */
uint64_t paging_encode(const struct paging_form *form, uint64_t pa);

static inline uint64_t paging_index(const struct paging_level *level, uint64_t va)
{
	return va >> level->shift & (((uint64_t)1 << level->bits) - 1);
}

/* Do the bits above the mode's addresses have the values that they must have? */
static inline bool paging_va_ok(const struct paging_mode *mode, uint64_t va)
{
	if (mode->va_bits == 64)
		return true;
	if (!mode->signed_va)
		return !(va >> mode->va_bits);
	return (uint64_t)((int64_t)(va << (64 - mode->va_bits)) >> (64 - mode->va_bits)) == va;
}

#endif

/* SPDX-License-Identifier: MIT
 *
 * The paging modes' tables, made from paging.def, the arrays that decode the bits of entries, and the one walker for
 * all modes (see walk.h), which reads the modes as data and entries out of DRAM.
 *
 * The walker stands beside the tables so that the compiler sees both: walk_mode() is made once for each mode, each of
 * its levels, forms and rules a constant. That is why its loops are written out.
 *
 * Order of checks at each entry, as the manuals have it: is there RAM for the table, is the entry present, are its
 * reserved bits clear, does the address fit the CPU. Permissions come after all of them.
 *
 * The words are Linux's (_PAGE_*, PTE_*, L_PTE_*) where it has some. An array begins with the rules
 * (what an entry takes away and what it says); the walker stops at the first row that has neither.
 * The rest is for people.
 *
 * Left out: PAE's PDPTE registers (they are entries like others), memory types other than "uncached", protection keys,
 * nested paging.
 */
#include "hw/walk.h"

#include <assert.h>
#include <stddef.h>

/* clang-format off */
#define X86_COMMON \
	{0x2, 0x0, HW_PW | HW_UW, 0, NULL}, \
	{0x4, 0x0, HW_U_ALL, 0, NULL}, \
	{1ULL << 63, 1ULL << 63, HW_PX | HW_UX, 0, "NX"}
#define X86_WORDS \
	{0x1, 0x1, 0, 0, "PRESENT"}, {0x2, 0x2, 0, 0, "RW"}, {0x2, 0x0, 0, 0, "RO"}, {0x4, 0x4, 0, 0, "USER"}, \
	{0x4, 0x0, 0, 0, "KERNEL"}, {0x8, 0x8, 0, 0, "PWT"}, {0x20, 0x20, 0, 0, "ACCESSED"}

static const struct paging_bit x86_table[] = {X86_COMMON, X86_WORDS, {0x10, 0x10, 0, 0, "PCD"}, {0}};
static const struct paging_bit x86_pdpte[] = {
	{0x1, 0x1, 0, 0, "PRESENT"}, {0x8, 0x8, 0, 0, "PWT"}, {0x10, 0x10, 0, 0, "PCD"}, {0}};
#define X86_LEAF \
	X86_COMMON, {0x100, 0x100, 0, HW_GLOBAL, "GLOBAL"}, {0x20, 0x20, 0, HW_ACCESSED, NULL}, \
	{0x40, 0x40, 0, HW_DIRTY, "DIRTY"}, {0x10, 0x10, 0, HW_UNCACHED, "PCD"}, X86_WORDS
static const struct paging_bit x86_large[] = {X86_LEAF, {0x80, 0x80, 0, 0, "PSE"}, {0x1000, 0x1000, 0, 0, "PAT"}, {0}};
static const struct paging_bit x86_small[] = {X86_LEAF, {0x80, 0x80, 0, 0, "PAT"}, {0}};

/* The supervisor never executes a user page; whether it may read one is the regime's matter (SUM). */
static const struct paging_bit sv39_leaf[] = {
	{0x2, 0x0, HW_PR | HW_UR, 0, NULL},
	{0x4, 0x0, HW_PW | HW_UW, 0, NULL},
	{0x8, 0x0, HW_PX | HW_UX, 0, NULL},
	{0x10, 0x0, HW_U_ALL, 0, NULL},
	{0x10, 0x10, HW_PX, 0, "USER"},
	{0x20, 0x20, 0, HW_GLOBAL, "GLOBAL"},
	{0x40, 0x40, 0, HW_ACCESSED, "ACCESSED"},
	{0x80, 0x80, 0, HW_DIRTY, "DIRTY"},
	{0x1, 0x1, 0, 0, "PRESENT"}, {0x2, 0x2, 0, 0, "READ"}, {0x4, 0x4, 0, 0, "WRITE"}, {0x8, 0x8, 0, 0, "EXEC"},
	{0x10, 0x0, 0, 0, "KERNEL"}, {0}};
static const struct paging_bit sv39_table[] = {
	{0x20, 0x20, 0, HW_GLOBAL, "GLOBAL"}, {0x1, 0x1, 0, 0, "PRESENT"}, {0}};

/* AP[2] 0x80 read-only, AP[1] 0x40 user; execution has bits of its own, so a user page can be execute-only. */
static const struct paging_bit arm64_leaf[] = {
	{0x80, 0x80, HW_PW | HW_UW, 0, "RDONLY"},
	{0x40, 0x0, HW_UR | HW_UW, 0, NULL},
	{0xc0, 0x40, HW_PX, 0, NULL}, /* what the user can write the kernel cannot execute */
	{1ULL << 53, 1ULL << 53, HW_PX, 0, "PXN"},
	{1ULL << 54, 1ULL << 54, HW_UX, 0, "UXN"},
	{0x800, 0x0, 0, HW_GLOBAL, NULL},
	{0x1c, 0x10, 0, HW_UNCACHED, "DEVICE_nGnRE"},
	{0x400, 0x400, 0, HW_ACCESSED, "AF"},
	{0x1, 0x1, 0, 0, "VALID"}, {0x2, 0x0, 0, 0, "BLOCK"}, {0x40, 0x40, 0, 0, "USER"}, {0x40, 0x0, 0, 0, "KERNEL"},
	{0x800, 0x800, 0, 0, "NG"}, {0x300, 0x300, 0, 0, "SHARED"}, {1ULL << 52, 1ULL << 52, 0, 0, "CONT"},
	{1ULL << 51, 1ULL << 51, 0, 0, "DBM"}, {0}};
static const struct paging_bit arm64_table[] = {
	{1ULL << 62, 1ULL << 62, HW_PW | HW_UW, 0, "APTABLE_RDONLY"},
	{1ULL << 61, 1ULL << 61, HW_UR | HW_UW, 0, "APTABLE_KERNEL"},
	{1ULL << 60, 1ULL << 60, HW_UX, 0, "UXNTABLE"},
	{1ULL << 59, 1ULL << 59, HW_PX, 0, "PXNTABLE"},
	{0x1, 0x1, 0, 0, "VALID"}, {0x2, 0x2, 0, 0, "TABLE"}, {0}};

/* AP[2:0] with the bits at (apx, ap): 0 none, 1 kernel, 2 user reads, 3 all; 5 kernel reads, 6 and 7 all read. */
#define ARM_AP(apx, ap, v) ((v) & 4 ? (apx) : 0) | (uint64_t)((v) & 3) * (ap)
#define ARM_RULES(apx, ap, xn, ng) \
	{(apx) | 3 * (ap), ARM_AP(apx, ap, 0), HW_ALL, 0, "NOACCESS"}, \
	{(apx) | 3 * (ap), ARM_AP(apx, ap, 1), HW_U_ALL, 0, "KERNEL"}, \
	{(apx) | 3 * (ap), ARM_AP(apx, ap, 2), HW_UW, 0, "USER_RDONLY"}, \
	{(apx) | 3 * (ap), ARM_AP(apx, ap, 4), HW_ALL, 0, "AP_RESERVED"}, \
	{(apx) | 3 * (ap), ARM_AP(apx, ap, 5), HW_U_ALL | HW_PW, 0, "KERNEL RDONLY"}, \
	{(apx) | 3 * (ap), ARM_AP(apx, ap, 6), HW_PW | HW_UW, 0, "USER RDONLY"}, \
	{(apx) | 3 * (ap), ARM_AP(apx, ap, 7), HW_PW | HW_UW, 0, "USER RDONLY"}, \
	{xn, xn, HW_PX | HW_UX, 0, "XN"}, {ng, 0, 0, HW_GLOBAL, NULL}, \
	{(apx) | 3 * (ap), ARM_AP(apx, ap, 3), 0, 0, "USER"}, {ng, ng, 0, 0, "NG"}, \
	{0x4, 0x4, 0, 0, "BUFFERABLE"}, {0x8, 0x8, 0, 0, "CACHEABLE"}
static const struct paging_bit arm_section[] = {
	ARM_RULES(0x8000, 0x400, 0x10, 0x20000), {0x40000, 0x40000, 0, 0, "SUPERSECTION"},
	{0x40000, 0, 0, 0, "SECTION"},
	{0x10000, 0x10000, 0, 0, "SHARED"}, {0}};
static const struct paging_bit arm_small[] = {
	{0x4c, 0x40, 0, HW_UNCACHED, "DEVICE"}, /* by the kernel's remapping of TEX, C and B */
	ARM_RULES(0x200, 0x10, 0x1, 0x800), {0x2, 0x2, 0, 0, "SMALL"}, {0x400, 0x400, 0, 0, "SHARED"}, {0}};
static const struct paging_bit arm_large[] = {
	ARM_RULES(0x200, 0x10, 0x8000, 0x800), {0x3, 0x1, 0, 0, "LARGE"}, {0x400, 0x400, 0, 0, "SHARED"}, {0}};
static const struct paging_bit arm_table[] = {{0x4, 0x4, HW_PX, 0, "PXN"}, {0x3, 0x1, 0, 0, "TABLE"}, {0}};

#define ADDRESS(...) {__VA_ARGS__}

const struct paging_mode paging_modes[NR_PAGING_MODES] = {
#define MODE(id, mode_name, mode_doc, bits_of_va, sign, levels, who, nx) \
	[PAGING_##id].name = mode_name, [PAGING_##id].doc = mode_doc, [PAGING_##id].va_bits = bits_of_va, \
	[PAGING_##id].signed_va = sign, [PAGING_##id].nr_levels = levels, [PAGING_##id].ad = who, \
	[PAGING_##id].nx_bit = nx,
#define LEVEL(id, depth, linux_name, manual_name, index_shift, index_bits, bytes) \
	[PAGING_##id].level[depth].name = linux_name, [PAGING_##id].level[depth].manual = manual_name, \
	[PAGING_##id].level[depth].shift = index_shift, [PAGING_##id].level[depth].bits = index_bits, \
	[PAGING_##id].level[depth].entry_bytes = bytes,
#define TABLE(id, depth, n, form_mask, form_value, table, zero, a, names, dom) \
	[PAGING_##id].level[depth].form[n] = {false, 0, dom, 0, form_mask, form_value, \
		{{table, (PAGING_##id == PAGING_SV39) * 2}}, zero, a, 0, names},
#define LEAF(id, depth, n, form_mask, form_value, needs, page, pieces, zero, a, d, names, dom) \
	[PAGING_##id].level[depth].form[n] = {true, page, dom, needs, form_mask, form_value, pieces, zero, a, d, names},
#include "hw/paging.def"
};
/* clang-format on */

uint64_t paging_encode(const struct paging_form *form, uint64_t pa)
{
	uint64_t entry = 0;

	for (unsigned i = 0; i < PAGING_MAX_PIECES && form->address[i].mask; i++)
		entry |= pa >> form->address[i].shift & form->address[i].mask;
	assert(paging_address(form, entry) == pa);
	return entry;
}

/* ---- the walker ---- */

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* What does an entry of this form take away, and what does it say? */
ALWAYS_INLINE uint32_t decode(const struct paging_form *form, uint64_t entry, uint32_t flags)
{
	const struct paging_bit *b = form->bits;

	/* One rule of the form; the first row without one ends them. */
#define RULE                                                                                       \
	if (!(b->clears | b->sets))                                                                \
		return flags;                                                                      \
	flags = (entry & b->mask) == b->value ? (flags & ~b->clears) | b->sets : flags;            \
	b++;

	RULE RULE RULE RULE RULE RULE RULE RULE RULE RULE
#undef RULE
		assert(!(b->clears | b->sets));
	return flags;
}

ALWAYS_INLINE uint32_t decode_domain(const struct paging_form *form, uint64_t entry, uint32_t flags)
{
	if (!form->domain_bit)
		return flags;
	return (flags & ~(15u << HW_DOMAIN_SHIFT)) | (uint32_t)(entry >> form->domain_bit & 15)
							     << HW_DOMAIN_SHIFT;
}

ALWAYS_INLINE enum hw_fault entry_fault(const struct hw_regime *r, const struct paging_mode *mode,
	const struct paging_form *form, uint64_t entry, uint64_t next)
{
	uint64_t reserved = form->reserved | (r->has & HW_HAS_NX ? 0 : mode->nx_bit);

	if (entry & reserved)
		return HW_FAULT_RESERVED_BIT;
	if (next >> r->pa_bits)
		return mode->nx_bit ? HW_FAULT_RESERVED_BIT : HW_FAULT_ADDRESS_SIZE;
	return HW_FAULT_NONE;
}

/* The page is found: what the flags of the whole way come to. */
ALWAYS_INLINE void finish(
	const struct hw_regime *r, const struct paging_form *form, struct page_walk *w)
{
	uint64_t offset_mask = ((uint64_t)1 << form->page_shift) - 1;

	if (!form->accessed)
		w->flags |= HW_ACCESSED;
	if (!form->dirty)
		w->flags |= HW_DIRTY;
	if (!(r->has & HW_HAS_GLOBAL))
		w->flags &= ~(uint32_t)HW_GLOBAL;
	w->page_shift = form->page_shift;
	w->pa = (w->step[w->nr_steps - 1].next & ~offset_mask) | (w->va & offset_mask);
}

/* The entry of step @s has this form. Does the walk go on? */
ALWAYS_INLINE bool follow(const struct hw_regime *r, const struct paging_mode *mode,
	const struct paging_form *form, struct page_walk *w, struct walk_step *s)
{
	s->form = form;
	s->next = paging_address(form, s->entry);
	w->fault = entry_fault(r, mode, form, s->entry, s->next);
	if (w->fault)
		return false;
	w->flags = s->flags = decode_domain(form, s->entry, decode(form, s->entry, w->flags));
	if (form->leaf)
		finish(r, form, w);
	return !form->leaf;
}

/* Read the entry in @table and go by its form. Does the walk go on? */
ALWAYS_INLINE bool step(const struct hw_regime *r, const struct dram *d,
	const struct paging_mode *mode, unsigned depth, uint64_t table, struct page_walk *w)
{
	const struct paging_level *level = &mode->level[depth];
	struct walk_step *s = &w->step[depth];

	_Static_assert(PAGING_MAX_FORMS == 3, "one line below for each");
	w->nr_steps = depth + 1;
	s->entry_at = table + paging_index(level, w->va) * level->entry_bytes;
	if (dram_load(d, s->entry_at, level->entry_bytes, &s->entry)) {
		w->fault = HW_FAULT_NO_TABLE;
	} else {
		if (paging_fits(&level->form[0], s->entry, r->has))
			return follow(r, mode, &level->form[0], w, s);
		if (paging_fits(&level->form[1], s->entry, r->has))
			return follow(r, mode, &level->form[1], w, s);
		if (paging_fits(&level->form[2], s->entry, r->has))
			return follow(r, mode, &level->form[2], w, s);
		w->fault = HW_FAULT_NOT_PRESENT;
	}
	s->form = NULL;
	s->next = 0;
	return false;
}

ALWAYS_INLINE void walk_mode(const struct hw_regime *r, const struct dram *d,
	const struct paging_mode *mode, uint64_t table, struct page_walk *w)
{
	unsigned depth = w->first;

	/* One level, unless the walk begins below it. */
#define LEVEL_STEP(n)                                                                              \
	if ((n) < mode->nr_levels && depth <= (n)) {                                               \
		if (!step(r, d, mode, n, table, w))                                                \
			return;                                                                    \
		table = w->step[n].next;                                                           \
	}

	_Static_assert(PAGING_MAX_LEVELS == 5, "one line below for each");
	LEVEL_STEP(0)
	LEVEL_STEP(1)
	LEVEL_STEP(2)
	LEVEL_STEP(3)
	LEVEL_STEP(4)
#undef LEVEL_STEP
	assert(!"the last level of a mode has leaves only");
}

void walk_tables_from(const struct hw_regime *r, const struct dram *d, uint64_t va,
	struct page_walk *w, unsigned depth, uint64_t table, uint32_t flags)
{
	w->va = va;
	w->pa = 0;
	w->first = depth;
	w->page_shift = 0;
	w->fault = HW_FAULT_NONE;
	w->flags = flags;
	switch (r->mode) {
#define MODE(id, ...)                                                                              \
	case PAGING_##id:                                                                          \
		walk_mode(r, d, &paging_modes[PAGING_##id], table, w);                             \
		break;
#include "hw/paging.def"
	}
}

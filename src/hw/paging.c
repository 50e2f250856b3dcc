/* SPDX-License-Identifier: MIT
 *
 * The paging modes' tables, made from paging.def, the arrays that decode the bits of entries, and the one walker for
 * all modes (see walk.h), which reads the modes as data and entries out of DRAM.
 *
 * Entries of one level mostly differ in nothing but the address: what the last one came to is remembered, and holds for
 * all that have the same other bits. An entry that has not is decoded by recognize(), which stands beside the tables
 * so that the compiler sees both: it is made once for each mode, each of its levels, forms and rules a constant. That is
 * why its loops are written out.
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
	{1ULL << 62, 1ULL << 62, 0, HW_UNCACHED, "IO"}, /* both of these are a reserved value, which is no fault here */
	{1ULL << 61, 1ULL << 61, 0, HW_UNCACHED, "NOCACHE"},
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
#define MODE(id, mode_name, mode_doc, bits_of_va, sign, levels, lowest, who, nx, pbmt) \
	[PAGING_##id].name = mode_name, [PAGING_##id].doc = mode_doc, [PAGING_##id].va_bits = bits_of_va, \
	[PAGING_##id].signed_va = sign, [PAGING_##id].nr_levels = levels, \
	[PAGING_##id].table_shift = lowest, [PAGING_##id].ad = who, \
	[PAGING_##id].nx_bit = nx, [PAGING_##id].pbmt_bits = pbmt,
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
#define BEYOND                                                                                     \
	(1ULL << 63) /* no CPU has such an address: an entry whose reserved bits are not zero */

/* What does an entry of this form take away, and what does it say? */
ALWAYS_INLINE uint32_t decode(const struct paging_form *form, uint64_t entry, uint32_t flags)
{
	const struct paging_bit *b = form->bits;

	if (form->domain_bit)
		flags = (flags & ~(15u << HW_DOMAIN_SHIFT)) |
			(uint32_t)(entry >> form->domain_bit & 15) << HW_DOMAIN_SHIFT;
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

/* The same with what follows at the page: the flags of the whole way. */
ALWAYS_INLINE uint32_t decode_all(
	const struct hw_regime *r, const struct paging_form *form, uint64_t entry, uint32_t flags)
{
	flags = decode(form, entry, flags);
	if (!form->leaf)
		return flags;
	if (!form->accessed)
		flags |= HW_ACCESSED;
	if (!form->dirty)
		flags |= HW_DIRTY;
	return r->has & HW_HAS_GLOBAL ? flags : flags & ~(uint32_t)HW_GLOBAL;
}

/* Is it an entry of the @n-th form? Then @k is what it comes to. */
ALWAYS_INLINE bool learn(const struct hw_regime *r, const struct paging_mode *mode, unsigned depth,
	unsigned n, uint64_t entry, struct walk_known *k)
{
	const struct paging_form *form = &mode->level[depth].form[n];
	uint64_t reserved = form->reserved | (r->has & HW_HAS_NX ? 0 : mode->nx_bit) |
			    (r->has & HW_HAS_PBMT || !form->leaf ? 0 : mode->pbmt_bits);

	if (!paging_fits(form, entry, r->has))
		return false;
	/* An address in pieces is not taken apart here: then only the same entry is alike. */
	k->mask = form->address[1].mask ? UINT64_MAX : ~form->address[0].mask;
	k->value = entry & k->mask;
	k->shift = (uint8_t)form->address[0].shift;
	k->next = entry & reserved ? BEYOND : paging_address(form, k->value);
	k->page_shift = form->leaf ? form->page_shift : 0;
	/* Each flag is kept, set or cleared: what becomes of all and of none of them says which. */
	k->keeps = decode_all(r, form, entry, UINT32_MAX);
	k->sets = decode_all(r, form, entry, 0);
	k->unmarked = (uint16_t)((form->accessed & ~entry ? HW_ACCESSED : 0) |
				 (form->dirty & ~entry ? HW_DIRTY : 0));
	k->form = (uint8_t)(n + 1);
	return true;
}

ALWAYS_INLINE bool learn_level(const struct hw_regime *r, const struct paging_mode *mode,
	unsigned depth, uint64_t entry, struct walk_known *k)
{
	_Static_assert(PAGING_MAX_FORMS == 3, "one for each");
	return depth < mode->nr_levels &&
	       (learn(r, mode, depth, 0, entry, k) || learn(r, mode, depth, 1, entry, k) ||
		       learn(r, mode, depth, 2, entry, k));
}

ALWAYS_INLINE bool learn_mode(const struct hw_regime *r, const struct paging_mode *mode,
	unsigned depth, uint64_t entry, struct walk_known *k)
{
	_Static_assert(PAGING_MAX_LEVELS == 5, "one for each");
	switch (depth) {
	case 0:
		return learn_level(r, mode, 0, entry, k);
	case 1:
		return learn_level(r, mode, 1, entry, k);
	case 2:
		return learn_level(r, mode, 2, entry, k);
	case 3:
		return learn_level(r, mode, 3, entry, k);
	default:
		return learn_level(r, mode, 4, entry, k);
	}
}

/* An entry that differs from the last one of its level: false when nothing is present. */
static __attribute__((noinline)) bool recognize(
	const struct hw_regime *r, unsigned depth, uint64_t entry, struct walk_known *k)
{
	switch (r->mode) {
#define MODE(id, ...)                                                                              \
	case PAGING_##id:                                                                          \
		return learn_mode(r, &paging_modes[PAGING_##id], depth, entry, k);
#include "hw/paging.def"
	}
	return false;
}

/* Nothing is known yet of entries in this regime: no entry has this value. */
static void forget(const struct hw_regime *r, struct walk_memory *memory)
{
	*memory = (struct walk_memory){.has = r->has, .walk.mode = r->mode};
	for (unsigned depth = 0; depth < PAGING_MAX_LEVELS; depth++)
		memory->level[depth].value = 1;
}

/* The walk ends at step @s without a page. */
static void stop(struct page_walk *w, struct walk_step *s, enum hw_fault fault)
{
	w->fault = fault;
	s->form = 0;
	s->next = 0;
}

/* Did the last walk from the root come by the same entry, which is as it was? It was RAM then. */
ALWAYS_INLINE bool same_entry(
	const struct dram *d, const struct walk_step *s, uint64_t entry_at, unsigned bytes)
{
	const void *now = dram_at(d, entry_at);

	return s->entry_at == entry_at &&
	       s->entry == (bytes == 8 ? *(const uint64_t *)now : *(const uint32_t *)now);
}

/* Read the entry in @table and go by it. Does the walk go on? */
ALWAYS_INLINE bool step(const struct hw_regime *r, const struct dram *d,
	const struct paging_mode *mode, unsigned depth, uint64_t table, struct walk_known *k,
	struct page_walk *w)
{
	const struct paging_level *level = &mode->level[depth];
	uint64_t at = table + paging_index(level, w->va) * level->entry_bytes;
	struct walk_step *s = &w->step[depth];

	if (depth < w->rooted) {
		if (same_entry(d, s, at, level->entry_bytes)) {
			w->flags = s->flags;
			w->unmarked |= s->unmarked;
			return true;
		}
		w->rooted = depth;
	}
	w->nr_steps = depth + 1;
	s->entry_at = at;
	if (dram_load(d, at, level->entry_bytes, &s->entry)) {
		stop(w, s, HW_FAULT_NO_TABLE);
		return false;
	}
	/* Zeroes are no entry in any mode. */
	if (!s->entry || ((s->entry & k->mask) != k->value && !recognize(r, depth, s->entry, k))) {
		stop(w, s, HW_FAULT_NOT_PRESENT);
		return false;
	}
	s->next = k->next + ((s->entry & ~k->mask) << k->shift);
	if (__builtin_expect(s->next >> r->pa_bits != 0, 0)) {
		bool reserved = k->next == BEYOND || mode->nx_bit;

		stop(w, s, reserved ? HW_FAULT_RESERVED_BIT : HW_FAULT_ADDRESS_SIZE);
		return false;
	}
	w->flags = s->flags = (w->flags & k->keeps) | k->sets;
	s->unmarked = k->unmarked;
	w->unmarked |= k->unmarked;
	s->form = k->form;
	if (!k->page_shift) {
		w->rooted += depth == w->rooted && !w->first;
		return true;
	}
	uint64_t offset_mask = ((uint64_t)1 << k->page_shift) - 1;

	w->page_shift = k->page_shift;
	w->pa = (s->next & ~offset_mask) | (w->va & offset_mask);
	return false;
}

ALWAYS_INLINE void walk_mode(const struct hw_regime *r, const struct dram *d,
	const struct paging_mode *mode, uint64_t table, struct walk_memory *memory)
{
	struct page_walk *w = &memory->walk;
	unsigned depth = w->first;

	/* One level, unless the walk begins below it. */
#define LEVEL_STEP(n)                                                                              \
	if ((n) < mode->nr_levels && depth <= (n)) {                                               \
		if (!step(r, d, mode, n, table, &memory->level[n], w))                             \
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

void walk_tables_from(const struct hw_regime *r, const struct dram *d, struct walk_memory *memory,
	uint64_t va, struct walk_start start)
{
	struct page_walk *w = &memory->walk;

	if (__builtin_expect(w->mode != r->mode || memory->has != r->has, 0))
		forget(r, memory);
	w->va = va;
	w->pa = 0;
	w->first = start.depth;
	w->page_shift = 0;
	w->fault = HW_FAULT_NONE;
	w->flags = start.flags;
	w->unmarked = 0;
	/* What is read from here on is no way from the root. */
	if (start.depth && w->rooted > start.depth)
		w->rooted = start.depth;
	switch (r->mode) {
#define MODE(id, ...)                                                                              \
	case PAGING_##id:                                                                          \
		walk_mode(r, d, &paging_modes[PAGING_##id], start.table, memory);                  \
		break;
#include "hw/paging.def"
	}
}

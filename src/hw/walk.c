/* SPDX-License-Identifier: MIT
 *
 * The one walker for all paging modes (see walk.h). It reads modes as data (paging.def) and entries
 * out of DRAM.
 *
 * Order of checks at each entry, as the manuals have it: is there RAM for the table, is the entry
 * present, are its reserved bits clear, does the address fit the CPU. Permissions come after all of
 * them.
 *
 * Left out: PAE's PDPTE registers (they are entries like others), memory types other than "uncached",
 * protection keys, nested paging.
 */
#include "hw/walk.h"

#include <assert.h>

/* What does an entry of this form take away, and what does it say? */
static inline uint32_t decode(const struct paging_form *form, uint64_t entry, uint32_t flags)
{
	for (const struct paging_bit *b = form->bits; b->clears | b->sets; b++)
		if ((entry & b->mask) == b->value)
			flags = (flags & ~b->clears) | b->sets;
	if (form->domain_bit)
		flags = (flags & ~(15u << HW_DOMAIN_SHIFT)) |
			(uint32_t)(entry >> form->domain_bit & 15) << HW_DOMAIN_SHIFT;
	return flags;
}

static inline enum hw_fault entry_fault(const struct hw_regime *r, const struct paging_mode *mode,
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
static void finish(const struct hw_regime *r, const struct paging_level *level,
	const struct paging_form *form, struct page_walk *w, uint32_t flags)
{
	uint64_t offset_mask = ((uint64_t)1 << form->page_shift) - 1;

	assert(form->page_shift >= level->shift);
	if (!form->accessed)
		flags |= HW_ACCESSED;
	if (!form->dirty)
		flags |= HW_DIRTY;
	if (!(r->has & HW_HAS_GLOBAL))
		flags &= ~(uint32_t)HW_GLOBAL;
	w->flags = flags;
	w->page_shift = form->page_shift;
	w->pa = (w->step[w->nr_steps - 1].next & ~offset_mask) | (w->va & offset_mask);
}

void walk_tables_from(const struct hw_regime *r, const struct dram *d, uint64_t va,
	struct page_walk *w, unsigned depth, uint64_t table, uint32_t flags)
{
	const struct paging_mode *mode = &paging_modes[r->mode];

	w->va = va;
	w->pa = 0;
	w->first = depth;
	w->page_shift = 0;
	w->fault = HW_FAULT_NONE;
	for (; depth < mode->nr_levels; depth++) {
		const struct paging_level *level = &mode->level[depth];
		struct walk_step *s = &w->step[depth];

		w->nr_steps = depth + 1;
		w->flags = flags;
		s->form = NULL;
		s->next = 0;
		s->entry_at = table + paging_index(level, va) * level->entry_bytes;
		if (dram_load(d, s->entry_at, level->entry_bytes, &s->entry)) {
			w->fault = HW_FAULT_NO_TABLE;
			return;
		}
		const struct paging_form *form = s->form = paging_form_of(level, s->entry, r->has);
		if (!form) {
			w->fault = HW_FAULT_NOT_PRESENT;
			return;
		}
		table = s->next = paging_address(form, s->entry);
		w->fault = entry_fault(r, mode, form, s->entry, table);
		if (w->fault)
			return;
		flags = s->flags = decode(form, s->entry, flags);
		if (form->leaf) {
			finish(r, level, form, w, flags);
			return;
		}
	}
	assert(!"the last level of a mode has leaves only");
}

void walk_tables(const struct hw_regime *r, const struct dram *d, uint64_t va, struct page_walk *w)
{
	const struct paging_mode *mode = &paging_modes[r->mode];

	assert(r->mode != PAGING_NONE && r->mode < NR_PAGING_MODES);
	if (paging_va_ok(mode, va)) {
		walk_tables_from(r, d, va, w, 0, r->root[r->two_roots && va >> 63], HW_ALL);
		return;
	}
	*w = (struct page_walk){
		.va = va, .fault = mode->signed_va ? HW_FAULT_NOT_CANONICAL : HW_FAULT_TOO_LARGE};
}

/* ARM: 0 no access, 1 client (permissions count), 3 manager (they do not). */
static unsigned domain_of(const struct hw_regime *r, uint32_t flags)
{
	return r->dacr >> (flags >> HW_DOMAIN_SHIFT & 15) * 2 & 3;
}

static enum hw_fault denial(uint32_t flags, enum hw_kind kind, bool user)
{
	if (user && !(flags & HW_U_ALL))
		return HW_FAULT_USER;
	return kind == HW_STORE ? HW_FAULT_WRITE : kind == HW_FETCH ? HW_FAULT_EXEC : HW_FAULT_READ;
}

enum hw_fault hw_check(const struct hw_regime *r, uint32_t flags, enum hw_kind kind, bool user)
{
	if (__builtin_expect(r->has & HW_HAS_DOMAINS, 0)) {
		unsigned access = domain_of(r, flags);

		if (access != 1)
			return access == 3 ? HW_FAULT_NONE : HW_FAULT_NO_DOMAIN;
	}
	uint32_t want = (uint32_t)(user ? HW_UR : HW_PR) << kind;

	if (!user && (flags & HW_U_ALL)) {
		if (kind == HW_FETCH && (r->has & HW_HAS_SMEP))
			return HW_FAULT_SMEP;
		if (kind != HW_FETCH && (r->has & HW_HAS_SMAP))
			return HW_FAULT_SMAP;
	}
	if (__builtin_expect(flags & want, 1))
		return HW_FAULT_NONE;
	if (!user && kind == HW_STORE && !(r->has & HW_HAS_WP) && (flags & HW_PR))
		return HW_FAULT_NONE;
	if (kind == HW_LOAD && (r->has & HW_HAS_MXR) && (flags & (user ? HW_UX : HW_PX)))
		return HW_FAULT_NONE;
	return denial(flags, kind, user);
}

static bool set_bits(const struct hw_regime *r, const struct dram *d, struct walk_step *s,
	unsigned depth, uint64_t bits)
{
	unsigned bytes = paging_modes[r->mode].level[depth].entry_bytes;

	if ((s->entry & bits) == bits)
		return false;
	s->entry |= bits;
	int err = dram_store(d, s->entry_at, bytes, s->entry, NULL);

	/* It was read as present, so its frame has contents and the store needs nothing. */
	assert(!err);
	(void)err;
	return true;
}

unsigned walk_mark(
	const struct hw_regime *r, const struct dram *d, struct page_walk *w, enum hw_kind kind)
{
	const struct paging_mode *mode = &paging_modes[r->mode];
	uint32_t want = HW_ACCESSED | (kind == HW_STORE ? HW_DIRTY : 0);
	unsigned written = 0;

	assert(!w->fault && w->nr_steps);
	if (mode->ad == AD_NONE || (mode->ad == AD_FAULT && (w->flags & want) == want))
		return 0;
	if (mode->ad == AD_FAULT && !(r->has & HW_HAS_AD)) {
		w->fault = w->flags & HW_ACCESSED ? HW_FAULT_DIRTY_FLAG : HW_FAULT_ACCESS_FLAG;
		return 0;
	}
	for (unsigned depth = w->first; depth < w->nr_steps; depth++) {
		struct walk_step *s = &w->step[depth];
		uint64_t bits = s->form->accessed | (kind == HW_STORE ? s->form->dirty : 0);

		written += set_bits(r, d, s, depth, bits);
	}
	w->flags |= want;
	return written;
}

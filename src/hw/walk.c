/* SPDX-License-Identifier: MIT
 *
 * What comes before and after the way through the tables (see walk.h; the way itself is in paging.c): addresses that
 * are none, permissions, accessed and dirty.
 */
#include "hw/walk.h"

#include <assert.h>

void walk_no_address(const struct hw_regime *r, struct walk_memory *memory, uint64_t va)
{
	struct page_walk *w = &memory->walk;

	w->va = va;
	w->pa = 0;
	w->fault = paging_modes[r->mode].signed_va ? HW_FAULT_NOT_CANONICAL : HW_FAULT_TOO_LARGE;
	w->nr_steps = w->first = w->flags = w->unmarked = w->page_shift = 0;
}

void walk_tables(const struct hw_regime *r, const struct dram *d, uint64_t va, struct page_walk *w)
{
	struct walk_memory memory = {0};

	walk_tables_with(r, d, &memory, va);
	*w = memory.walk;
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

static void set_bits(const struct hw_regime *r, const struct dram *d, struct walk_step *s,
	unsigned depth, uint64_t bits, uint32_t marks)
{
	unsigned bytes = paging_modes[r->mode].level[depth].entry_bytes;

	s->entry |= bits;
	s->unmarked &= (uint16_t)~marks;
	int err = dram_store(d, s->entry_at, bytes, s->entry, NULL);

	/* It was read as present, so its frame has contents and the store needs nothing. */
	assert(!err);
	(void)err;
}

unsigned walk_set_marks(
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
	uint64_t dirty = kind == HW_STORE ? UINT64_MAX : 0;

	w->unmarked &= (uint16_t)~want;
	for (unsigned depth = w->first; depth < w->nr_steps; depth++) {
		struct walk_step *s = &w->step[depth];
		const struct paging_form *form = walk_form(w, depth);
		uint64_t bits = form->accessed | (form->dirty & dirty);

		if (!(bits & ~s->entry))
			continue;
		set_bits(r, d, s, depth, bits, want);
		written++;
	}
	w->flags |= want;
	return written;
}

/* SPDX-License-Identifier: MIT
 *
 * The walker: from a virtual address through tables in DRAM to a physical one.
 *
 *      root ----> [ PGD ]     index = bits 47-39        each step: read the entry at table + index * size,
 *                    |                                  find its form, take away permissions,
 *                    +------> [ PUD ]   38-30           and go to the next table or end at a page
 *                                |
 *                                +----> ...
 *
 * walk_tables() only looks: it answers address, attributes and fault together and changes nothing. Whether the
 * access may be made is hw_check()'s question, asked of the flags alone, so the TLB can ask it without a walk.
 * walk_mark() then sets accessed and dirty where the mode's hardware does that.
 *
 * A walk has at most as many steps as the mode has levels, whatever the tables hold: also loops in them end.
 */
#ifndef SIMM_HW_WALK_H
#define SIMM_HW_WALK_H

#include "hw/dram.h"
#include "hw/fault.h"
#include "hw/paging.h"

/* How addresses are translated now: what the CPU's registers come to. */
struct hw_regime {
	uint32_t mode;		/* enum paging_mode_id */
	uint32_t has;		/* enum hw_has bits */
	uint64_t root[2];	/* physical; [1]: of addresses with the highest bit set (AArch64) */
	uint32_t dacr;		/* ARM: two bits a domain */
	uint16_t asid;		/* address space's number in the TLB */
	uint8_t pa_bits;	/* physical addresses that the CPU has */
	bool two_roots;
};

struct walk_step {
	uint64_t entry_at;	/* physical address of the entry */
	uint64_t entry;		/* raw */
	uint64_t next;		/* the table or page it leads to */
	uint32_t flags;		/* enum hw_page_flags after this entry */
	uint16_t unmarked;	/* HW_ACCESSED, HW_DIRTY: the entry has such a bit, and it is clear */
	uint8_t form;		/* the number of its form at this level, from 1 on; 0: not present */
};

struct page_walk {
	uint64_t va, pa;
	uint32_t mode;		/* of the regime */
	enum hw_fault fault;	/* of the translation; permissions are hw_check()'s */
	unsigned nr_steps;	/* levels passed; the last one's entry stopped or ended it */
	unsigned first;		/* the first level whose entry was read: step[] holds from here on */
	unsigned rooted;	/* so many steps are a way from the root on, of this walk or one before it */
	uint32_t flags;		/* enum hw_page_flags; with a fault those of the levels above it */
	uint16_t unmarked;	/* of any entry that was read */
	uint8_t page_shift;	/* of the page, when there is one */
	struct walk_step step[PAGING_MAX_LEVELS];
};

static inline const struct paging_form *walk_form(const struct page_walk *w, unsigned depth)
{
	unsigned form = w->step[depth].form;

	return form ? &paging_modes[w->mode].level[depth].form[form - 1] : NULL;
}

/* What the last entry of a level came to, as do all entries that have @value in the bits of @mask. */
struct walk_known {
	uint64_t mask, value;
	uint64_t next;		/* where they lead, but for the other bits << @shift */
	uint32_t keeps, sets;	/* of the flags on the way */
	uint16_t unmarked;	/* as in struct walk_step */
	uint8_t shift;
	uint8_t form;
	uint8_t page_shift;	/* 0: they lead to a table */
};

/* Who walks often keeps the last walk, and what its entries came to: a walk with it comes to the same as one without.
 * Zero: there was none yet. */
struct walk_memory {
	uint32_t has;		/* of the regime */
	struct walk_known level[PAGING_MAX_LEVELS];
	struct page_walk walk;
};

/* Where a walk begins. */
struct walk_start {
	uint64_t table;		/* physical address */
	uint32_t flags;		/* enum hw_page_flags that the way there has left */
	uint32_t depth;		/* the table's level */
};

/* Fills memory->walk as far as it came; its fault says whether its pa holds. */
void walk_tables_from(const struct hw_regime *r, const struct dram *d, struct walk_memory *memory, uint64_t va,
	struct walk_start start);
/* The walk of what is no address of the mode. */
void walk_no_address(const struct hw_regime *r, struct walk_memory *memory, uint64_t va);
/* From the root. */
static inline void walk_tables_with(
	const struct hw_regime *r, const struct dram *d, struct walk_memory *memory, uint64_t va)
{
	if (__builtin_expect(paging_va_ok(&paging_modes[r->mode], va), 1))
		walk_tables_from(r, d, memory, va, (struct walk_start){r->root[r->two_roots & va >> 63], HW_ALL, 0});
	else
		walk_no_address(r, memory, va);
}
/* The same, by one who does not walk often. */
void walk_tables(const struct hw_regime *r, const struct dram *d, uint64_t va, struct page_walk *w);

/* Does a page with these flags allow this access? */
enum hw_fault hw_check(const struct hw_regime *r, uint32_t flags, enum hw_kind kind, bool user);

/* Accessed and dirty for an access that is allowed: set in the entries by hardware, or the fault that asks software
 * to. w->flags follow. Returns how many entries were written. */
unsigned walk_set_marks(const struct hw_regime *r, const struct dram *d, struct page_walk *w, enum hw_kind kind);
static inline unsigned walk_mark(
	const struct hw_regime *r, const struct dram *d, struct page_walk *w, enum hw_kind kind)
{
	uint32_t want = HW_ACCESSED | (kind == HW_STORE ? HW_DIRTY : 0);

	return __builtin_expect(w->unmarked & want, 0) ? walk_set_marks(r, d, w, kind) : 0;
}

#endif

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
	const struct paging_form *form; /* NULL: not present */
	uint32_t flags;		/* enum hw_page_flags after this entry */
};

struct page_walk {
	uint64_t va, pa;
	enum hw_fault fault;	/* of the translation; permissions are hw_check()'s */
	unsigned nr_steps;	/* levels passed; the last one's entry stopped or ended it */
	unsigned first;		/* the first level whose entry was read: step[] holds from here on */
	uint8_t page_shift;	/* of the page, when there is one */
	uint32_t flags;		/* enum hw_page_flags; with a fault those of the levels above it */
	struct walk_step step[PAGING_MAX_LEVELS];
};

/* @w is filled as far as the walk came; w->fault says whether w->pa holds. */
void walk_tables(const struct hw_regime *r, const struct dram *d, uint64_t va, struct page_walk *w);
/* The same from level @depth on, whose table is at @table and whose way there has left @flags. */
void walk_tables_from(const struct hw_regime *r, const struct dram *d, uint64_t va, struct page_walk *w,
	unsigned depth, uint64_t table, uint32_t flags);

/* Does a page with these flags allow this access? */
enum hw_fault hw_check(const struct hw_regime *r, uint32_t flags, enum hw_kind kind, bool user);

/* Accessed and dirty for an access that is allowed: set in the entries by hardware, or the fault that asks software
 * to. w->flags follow. Returns how many entries were written. */
unsigned walk_mark(const struct hw_regime *r, const struct dram *d, struct page_walk *w, enum hw_kind kind);

#endif

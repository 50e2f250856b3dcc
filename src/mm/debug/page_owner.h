/* SPDX-License-Identifier: MIT
 *
 * page_owner: who allocated each page, when, with which flags, from where (mm/page_owner.c; page_owner=on).
 */
#ifndef SIMM_MM_PAGE_OWNER_H
#define SIMM_MM_PAGE_OWNER_H

#include "mm/core/callstack.h"

#include <stdbool.h>
#include <stdint.h>

struct machine;
struct text;

/* Of one page frame. All zero: never allocated since it was switched on. */
struct page_owner {
	uint64_t ts_ns;	     /* simulated time of the allocation */
	uint64_t free_ts_ns; /* and of the last free, 0: none */
	uint32_t gfp;
	depot_stack_handle_t handle, free_handle;
	uint32_t pid, tgid;
	uint8_t order;
	bool allocated;	       /* PAGE_EXT_OWNER_ALLOCATED: not freed since */
	int8_t migrate_reason; /* enum migrate_reason of Linux, -1: never moved */
	char comm[16];
};

/* Where the records lie, one a frame; valid in live max-order blocks. */
struct page_owners {
	uint64_t at; /* arena offset, by pfn - base_pfn */
	bool inited; /* page_owner=on and CONFIG_PAGE_OWNER */
};

/* Bytes of the record that the simulated kernel keeps for each page (struct page_ext with what follows it). */
unsigned page_ext_bytes(const struct machine *m);

/* The page allocator's hooks; nothing to do unless m->page_owners.inited. The frames' records have been touched. */
void set_page_owner(struct machine *m, unsigned cpu, uint64_t pfn, unsigned order, uint32_t gfp);
void reset_page_owner(struct machine *m, uint64_t pfn, unsigned order);
/* The block becomes single pages, each its owner's. */
void split_page_owner(struct machine *m, uint64_t pfn, unsigned order);
/* Migration: @to_pfn has the contents of @from_pfn now. */
void copy_page_owner(struct machine *m, uint64_t from_pfn, uint64_t to_pfn);
void set_page_owner_migrate_reason(struct machine *m, uint64_t pfn, int reason);

const struct page_owner *page_owner_of(const struct machine *m, uint64_t pfn);
/* The first page at or after *@pfn that begins an allocation with a record; false: there is none. */
bool page_owner_next(const struct machine *m, uint64_t *pfn);

unsigned page_owner_check(struct machine *m, struct text *out);

#endif

/* SPDX-License-Identifier: MIT
 *
 * Who a page in use belongs to: for sim/page/PFN.
 */
#ifndef SIMM_VIEW_PAGE_USERS_H
#define SIMM_VIEW_PAGE_USERS_H

#include "base/text.h"
#include "mm/machine.h"

/* "anonymous memory", "the page cache", "page tables" ...; NULL: the page allocator knows no more than its flags. */
const char *page_owner_kind(const struct machine *m, uint64_t pfn, const struct frame *f);
/* The thread group of an address space by its first task: "42 (hog)". */
void put_mm_name(const struct machine *m, const struct mm *mm, struct text *out);
/* "free, in the buddy list of order 3, ..." or "in use ..."; the flags' words with blanks between. @f as above. */
void put_page_state(const struct machine *m, uint64_t pfn, const struct frame *f, struct text *out);
void put_page_flags(const struct frame *f, struct text *out);
/* The line `mapping` and a line `mapped by PID (comm) at 0xADDR` for each page-table entry, at most @most of them. @f is
 * what frame_peek() says of @pfn. */
void put_page_users(struct machine *m, uint64_t pfn, const struct frame *f, unsigned most, struct text *out);

#endif

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
/* The line `mapping` and a line `mapped by PID (comm) at 0xADDR` for each page-table entry, at most @most of them. @f is
 * what frame_peek() says of @pfn. */
void put_page_users(struct machine *m, uint64_t pfn, const struct frame *f, unsigned most, struct text *out);

#endif

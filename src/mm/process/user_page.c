/* SPDX-License-Identifier: MIT
 *
 * Pages of processes (see user_page.h).
 *
 * Their life: one reference for each page-table entry that maps them, and one for the page cache where it has them. The
 * last one to go takes the page off its LRU list; the frame is all zero again when it is given back.
 */
#include "mm/process/user_page.h"

#include "mm/page/lru.h"
#include "mm/page/page_alloc.h"

#include <assert.h>

void user_page_put(struct machine *m, unsigned cpu, uint64_t pfn)
{
	struct frame *f = frame_of(m, pfn);

	assert(f->refcount);
	if (!--f->refcount)
		user_pages_release(m, cpu, &pfn, 1);
}

void user_pages_release(struct machine *m, unsigned cpu, const uint64_t *pfns, unsigned nr)
{
	lru_release(m, pfns, nr);
	free_unref_page_list(m, cpu, pfns, nr);
}

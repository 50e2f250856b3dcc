/* SPDX-License-Identifier: MIT
 *
 * Breaking up a compound page, as split_huge_page() does (mm/huge_memory.c): the pages behind the head become blocks
 * of their own with a reference each. Only the head's owner may hold it: a further reference makes it EBUSY.
 *
 * Invariant: pages in use before are in use after. Left out: the LRU, mappings and memcg, which no compound page has
 * yet.
 */
#include "mm/page/frame.h"
#include "mm/page/page_alloc.h"

#include <errno.h>

int split_huge_page(struct machine *m, uint64_t pfn)
{
	struct frame *f = pfn_valid(m, pfn) && frame_is_live(m, pfn) ? frame_of(m, pfn) : NULL;

	if (!f || !f->refcount || !(f->flags & FRAME_HEAD))
		return refuse(&m->why, EINVAL,
			"split_huge_page: pfn 0x%llx is no head of a compound page",
			(unsigned long long)pfn);
	if (f->refcount > 1)
		return refuse(&m->why, EBUSY,
			"split_huge_page: pfn 0x%llx has %u references; only its owner may hold it",
			(unsigned long long)pfn, f->refcount);
	f->flags &= ~(uint32_t)FRAME_HEAD;
	return split_page(m, pfn);
}

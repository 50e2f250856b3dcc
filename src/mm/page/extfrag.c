/* SPDX-License-Identifier: MIT
 *
 * How fragmented is a zone for a request of 2^order pages?
 *
 *   extfrag_index   only meaningful when no block suffices: 0 means the failure is due to a lack of memory,
 *                   1000 that it is due to fragmentation; -1000 when a block is there.
 *   unusable_index  the part of the free memory that lies in blocks too small for the request.
 *
 * Both in thousandths. Invariant: pure functions of the zone's nr_free. Follows mm/vmstat.c of 6.1
 * (fill_contig_page_info(), __fragmentation_index(), unusable_free_index()).
 */
#include "mm/page/internal.h"

struct contig {
	uint64_t free_pages;
	uint64_t blocks;   /* of any order */
	uint64_t suitable; /* in units of the wanted order */
};

static struct contig contig_info(const struct machine *m, const struct zone *z, unsigned wanted)
{
	struct contig c = {0};

	for (unsigned order = 0; order < m->nr_orders; order++) {
		uint64_t nr = z->area[order].nr_free;

		c.free_pages += nr << order;
		c.blocks += nr;
		if (order >= wanted)
			c.suitable += nr << (order - wanted);
	}
	return c;
}

int extfrag_index(const struct machine *m, const struct zone *z, unsigned order)
{
	struct contig c = contig_info(m, z, order);

	if (order >= m->nr_orders || !c.blocks)
		return 0;
	if (c.suitable)
		return -1000;
	uint64_t need = c.free_pages * 1000 >> order;
	return 1000 - (int)((1000 + need) / c.blocks);
}

int unusable_index(const struct machine *m, const struct zone *z, unsigned order)
{
	struct contig c = contig_info(m, z, order);

	if (!c.free_pages)
		return 1000;
	return (int)((c.free_pages - (c.suitable << order)) * 1000 / c.free_pages);
}

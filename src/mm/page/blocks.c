/* SPDX-License-Identifier: MIT
 *
 * Pageblocks of a whole zone: their first types, and how many there are of each.
 *
 * At boot memmap_init() makes a pageblock Movable when it comes to the block's first page. A block whose first page
 * is no RAM (on PCs the very first: page 0 belongs to the firmware) is never come to and keeps the
 * value of zeroed memory, which is Unmovable in the kernel's numbers. The same holds for blocks in holes that
 * have struct pages. Holes are not written into our bytes, which stay untouched: they are recognised when counting.
 *
 * Invariant: the counts of a zone sum up to its pageblocks that have struct pages, counted from its first page.
 * Follows mm/page_alloc.c (memmap_init_range(), init_unavailable_range()) and mm/vmstat.c
 * (pagetypeinfo_showblockcount_print()) of 6.1.
 */
#include "mm/page/internal.h"

int pageblocks_init(struct machine *m)
{
	const struct memblock_type *memory = &m->memblock.memory;
	uint64_t mask = ((uint64_t)1 << m->pageblock_order) - 1;

	for (unsigned i = 0; i < memory->nr; i++) {
		uint64_t first_pfn = pfn_up(memory->region[i].start);
		uint64_t block_pfn = first_pfn & ~mask;

		if (block_pfn >= m->base_pfn && pfn_present(m, block_pfn))
			continue;
		int err = pageblock_set_type(m, first_pfn, MIGRATE_UNMOVABLE);
		if (err)
			return err;
	}
	return 0;
}

/* Is any of [start_pfn, end_pfn) RAM? *@i is a cursor into memblock's memory, for ascending calls. */
static bool range_has_ram(
	const struct machine *m, unsigned *i, uint64_t start_pfn, uint64_t end_pfn)
{
	const struct memblock_type *memory = &m->memblock.memory;

	while (*i < memory->nr && memory->region[*i].end <= start_pfn << PAGE_SHIFT)
		++*i;
	return *i < memory->nr && memory->region[*i].start < end_pfn << PAGE_SHIFT;
}

uint64_t zone_type_blocks(const struct machine *m, const struct zone *z, enum migratetype type)
{
	uint64_t pages = (uint64_t)1 << m->pageblock_order;
	uint64_t end_pfn =
		zone_end_pfn(z) < m->frames_end_pfn ? zone_end_pfn(z) : m->frames_end_pfn;
	uint64_t count = 0;
	unsigned cursor = 0;

	assert(type < MIGRATE_TYPES);
	if (!zone_populated(z))
		return 0;
	for (uint64_t pfn = z->start_pfn; pfn < end_pfn; pfn += pages) {
		uint64_t block_pfn = pfn & ~(pages - 1);

		if (range_has_ram(m, &cursor, block_pfn, block_pfn + pages)) {
			/* Interleaved nodes: the block may be another zone's. */
			if (m->nr_nodes == 1 || pfn_zone(m, pfn) == z)
				count += pageblock_type(m, pfn) == type;
			continue;
		}
		if (type == MIGRATE_UNMOVABLE && pfn_valid(m, pfn))
			count += m->nr_nodes == 1 || pfn_zone(m, pfn) == z;
	}
	return count;
}

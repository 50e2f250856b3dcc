/* SPDX-License-Identifier: MIT
 *
 * A domain's tables: pages of the page allocator with entries in the hardware's format (see iommu.h).
 *
 *	iova  47      38      29      20      11     0
 *	      | root   | 1      | 2      | last   |offset
 *	        entry -> entry -> entry -> entry -> page
 *	                 1 GiB    2 MiB    4 KiB       sizes of leaves
 *
 * A run is mapped with the largest leaves that its addresses allow, of both spaces. Tables come when an entry is needed
 * below them, and go when all that they stand for is unmapped in one act; until the IOTLB has been told they are kept in
 * a chain through their own first entries, whose values are not present, so that a walk that still meets them ends.
 *
 * The DMA API unmaps exactly what it mapped, so a leaf is never split.
 *
 * Invariant: nr_tables is the number of pages that are reached from the root; mapped_pages that of pages in leaves.
 *
 * Follows drivers/iommu/iommu.c, intel/iommu.c, io-pgtable-arm.c of 6.1.
 */
#include "mm/dma/iommu.h"

#include "base/number.h"
#include "base/text.h"
#include "mm/page/contents.h"
#include "mm/page/frame.h"

#include <errno.h>

typedef unsigned long long ull;

enum { LAST = IOMMU_LEVELS - 1 };

/* Devices without an IOMMU can write anything anywhere, tables included: so what an entry says is never trusted to be RAM. */
static uint64_t load(const struct dram *dram, uint64_t table_pfn, unsigned i)
{
	uint64_t entry;

	return dram_load(dram, (table_pfn << PAGE_SHIFT) + i * 8, 8, &entry) ? 0 : entry;
}

static void store(const struct dram *dram, uint64_t table_pfn, unsigned i, uint64_t entry)
{
	uint64_t at = (table_pfn << PAGE_SHIFT) + i * 8;

	if (dram_has(dram, at))
		memcpy(dram_at(dram, at), &entry, 8);
}

static uint64_t level_bytes(unsigned level)
{
	return (uint64_t)1 << iommu_level_shift(level);
}

int iommu_alloc_table(struct machine *m, unsigned cpu, uint64_t *pfn)
{
	/* VT-d's and io-pgtable's atomic allocations: __GFP_ZERO. */
	int err = alloc_pages_node(m, cpu, -1, GFP_ATOMIC | __GFP_ZERO | __GFP_NOWARN, 0, pfn);

	if (err)
		return err;
	struct dram dram = machine_dram(m);

	err = dram_touch(&dram, *pfn << PAGE_SHIFT, &m->why);
	if (!err) {
		frame_of(m, *pfn)->own = 1;
		return 0;
	}
	struct refusal why = m->why;

	(void)free_pages_order(m, cpu, *pfn, 0);
	*pfn = NO_PFN;
	m->why = why;
	return err;
}

static void iommu_free_table(struct machine *m, unsigned cpu, uint64_t pfn)
{
	if (pfn_valid(m, pfn))
		free_own_pages(m, cpu, pfn, 0);
}

/* ---- mapping ---- */

/* The table of @level that @iova's entry is in, made as needed. */
static int make_path(struct machine *m, unsigned cpu, struct iommu_domain *x, uint64_t iova,
	unsigned level, uint64_t *table)
{
	enum iommu_format f = iommu_format(m);
	struct dram dram = machine_dram(m);

	*table = x->root_pfn;
	for (unsigned l = 0; l < level; l++) {
		uint64_t entry = load(&dram, *table, iommu_index(iova, l)), pfn;

		if (!iommu_entry_present(f, entry)) {
			int err = iommu_alloc_table(m, cpu, &pfn);

			if (err)
				return err;
			entry = iommu_make_table(f, pfn << PAGE_SHIFT);
			store(&dram, *table, iommu_index(iova, l), entry);
			x->nr_tables++;
		} else if (iommu_entry_is_leaf(f, entry, l)) {
			return refuse(&m->why, EEXIST,
				"the IOMMU's tables already lead somewhere from 0x%llx on",
				(ull)iova);
		}
		*table = iommu_entry_pa(entry) >> PAGE_SHIFT;
	}
	return 0;
}

/* iommu_pgsize(): the highest level whose leaf fits. */
static unsigned leaf_level(uint64_t iova, uint64_t pa, uint64_t bytes)
{
	for (unsigned level = 1; level < LAST; level++)
		if (bytes >= level_bytes(level) && !((iova | pa) & (level_bytes(level) - 1)))
			return level;
	return LAST;
}

/* As many leaves of one table as there are bytes for. */
static uint64_t fill_table(struct machine *m, struct iommu_domain *x, uint64_t table,
	unsigned level, uint64_t iova, uint64_t pa, uint64_t bytes, unsigned rights)
{
	enum iommu_format f = iommu_format(m);
	struct dram dram = machine_dram(m);
	uint64_t size = level_bytes(level), done = 0;
	unsigned i = iommu_index(iova, level);

	for (; i < IOMMU_ENTRIES && bytes - done >= size; i++, done += size) {
		/* A table that is left from smaller mappings: go on below it. */
		if (level < LAST && iommu_entry_present(f, load(&dram, table, i)))
			break;
		store(&dram, table, i, iommu_make_leaf(f, pa + done, level, rights));
	}
	x->mapped_pages += done >> PAGE_SHIFT;
	return done;
}

static int map_some(struct machine *m, unsigned cpu, struct iommu_domain *x, uint64_t iova,
	uint64_t pa, uint64_t bytes, unsigned rights, uint64_t *done)
{
	unsigned level = leaf_level(iova, pa, bytes);
	uint64_t table;

	if (level == LAST && iova - x->leaf_iova < level_bytes(LAST - 1)) {
		*done = fill_table(m, x, x->leaf_pfn, LAST, iova, pa, bytes, rights);
		return 0;
	}
	int err = make_path(m, cpu, x, iova, level, &table);

	if (err)
		return err;
	*done = fill_table(m, x, table, level, iova, pa, bytes, rights);
	while (!*done) {
		err = make_path(m, cpu, x, iova, ++level, &table);
		if (err)
			return err;
		*done = fill_table(m, x, table, level, iova, pa, bytes, rights);
	}
	if (level == LAST) {
		x->leaf_pfn = table;
		x->leaf_iova = iova & ~(level_bytes(LAST - 1) - 1);
	}
	return 0;
}

int iommu_map(struct machine *m, unsigned cpu, struct iommu_domain *x, uint64_t iova, uint64_t pa,
	uint64_t bytes, unsigned rights)
{
	for (uint64_t at = 0, done = 0; at < bytes; at += done) {
		int err = map_some(m, cpu, x, iova + at, pa + at, bytes - at, rights, &done);

		if (err) {
			struct refusal why = m->why;

			iommu_unmap(m, x, iova, at);
			iommu_free_dead_tables(m, cpu, x);
			m->why = why;
			return err;
		}
	}
	clock_charge_ns(m, COST_NS_IOMMU_PAGE * (bytes >> PAGE_SHIFT));
	return 0;
}

/* ---- unmapping ---- */

/* The table and all below it wait for the flush. */
static void bury(struct machine *m, struct iommu_domain *x, uint64_t pfn, unsigned level)
{
	enum iommu_format f = iommu_format(m);
	struct dram dram = machine_dram(m);

	for (unsigned i = 0; i < IOMMU_ENTRIES; i++) {
		uint64_t entry = load(&dram, pfn, i);

		if (!iommu_entry_present(f, entry))
			continue;
		if (iommu_entry_is_leaf(f, entry, level))
			x->mapped_pages -= level_bytes(level) >> PAGE_SHIFT;
		else
			bury(m, x, iommu_entry_pa(entry) >> PAGE_SHIFT, level + 1);
		store(&dram, pfn, i, 0);
	}
	store(&dram, pfn, 0, x->dead_table << PAGE_SHIFT);
	x->dead_table = pfn;
	x->nr_tables--;
	x->leaf_iova = UINT64_MAX;
}

static void clear(struct machine *m, struct iommu_domain *x, uint64_t table, unsigned level,
	uint64_t iova, uint64_t bytes)
{
	enum iommu_format f = iommu_format(m);
	struct dram dram = machine_dram(m);
	uint64_t size = level_bytes(level), end = iova + bytes;

	while (iova < end) {
		uint64_t next = min_u64((iova | (size - 1)) + 1, end), n = next - iova;
		unsigned i = iommu_index(iova, level);
		uint64_t entry = load(&dram, table, i), below = iommu_entry_pa(entry) >> PAGE_SHIFT;

		if (!iommu_entry_present(f, entry)) {
			/* Nothing here: a mapping that failed half way. */
		} else if (iommu_entry_is_leaf(f, entry, level)) {
			x->mapped_pages -= size >> PAGE_SHIFT;
			store(&dram, table, i, 0);
		} else if (n == size) {
			store(&dram, table, i, 0);
			bury(m, x, below, level + 1);
		} else {
			clear(m, x, below, level + 1, iova, n);
		}
		iova = next;
	}
}

void iommu_unmap(struct machine *m, struct iommu_domain *x, uint64_t iova, uint64_t bytes)
{
	if (!bytes)
		return;
	if (iova - x->leaf_iova < level_bytes(LAST - 1) &&
		iova + bytes - x->leaf_iova < level_bytes(LAST - 1))
		clear(m, x, x->leaf_pfn, LAST, iova, bytes);
	else
		clear(m, x, x->root_pfn, 0, iova, bytes);
	clock_charge_ns(m, COST_NS_IOMMU_PAGE * (bytes >> PAGE_SHIFT));
}

void iommu_free_dead_tables(struct machine *m, unsigned cpu, struct iommu_domain *x)
{
	while (x->dead_table) {
		struct dram dram = machine_dram(m);
		uint64_t pfn = x->dead_table;

		x->dead_table = load(&dram, pfn, 0) >> PAGE_SHIFT;
		iommu_free_table(m, cpu, pfn);
	}
}

void iommu_free_tables(struct machine *m, unsigned cpu, struct iommu_domain *x)
{
	bury(m, x, x->root_pfn, 0);
	iommu_free_dead_tables(m, cpu, x);
	x->root_pfn = NO_PFN;
}

/* ---- reading ---- */

/* The entry that decides about @iova, and its level. */
static uint64_t lookup(
	struct machine *m, const struct iommu_domain *x, uint64_t iova, unsigned *level)
{
	enum iommu_format f = iommu_format(m);
	struct dram dram = machine_dram(m);
	uint64_t table = x->root_pfn;

	for (*level = 0;; ++*level) {
		uint64_t entry = load(&dram, table, iommu_index(iova, *level));

		if (!iommu_entry_present(f, entry))
			return 0;
		if (iommu_entry_is_leaf(f, entry, *level))
			return entry;
		table = iommu_entry_pa(entry) >> PAGE_SHIFT;
	}
}

uint64_t iommu_iova_to_phys(struct machine *m, const struct iommu_domain *x, uint64_t iova,
	uint64_t *left, unsigned *rights)
{
	unsigned level;
	uint64_t entry = iova >> IOMMU_ADDRESS_BITS ? 0 : lookup(m, x, iova, &level);

	if (!entry)
		return UINT64_MAX;
	uint64_t offset = iova & (level_bytes(level) - 1);

	*left = level_bytes(level) - offset;
	*rights = iommu_entry_rights(iommu_format(m), entry);
	return iommu_entry_pa(entry) + offset;
}

bool iommu_next_mapping(struct machine *m, const struct iommu_domain *x, uint64_t iova,
	uint64_t *at, uint64_t *pa, uint64_t *bytes, unsigned *rights)
{
	const uint64_t end = (uint64_t)1 << IOMMU_ADDRESS_BITS;
	bool found = false;

	while (iova < end) {
		unsigned level;
		uint64_t entry = lookup(m, x, iova, &level), size = level_bytes(level);
		uint64_t offset = iova & (size - 1), to = iommu_entry_pa(entry) + offset;
		unsigned may = entry ? iommu_entry_rights(iommu_format(m), entry) : 0;

		if (found && (!entry || to != *pa + *bytes || may != *rights))
			break;
		if (entry && !found) {
			*at = iova;
			*pa = to;
			*bytes = 0;
			*rights = may;
			found = true;
		}
		if (entry)
			*bytes += size - offset;
		iova += size - offset;
	}
	return found;
}

static unsigned check_table(struct machine *m, uint64_t pfn, unsigned level, uint64_t *tables,
	uint64_t *pages, struct text *out)
{
	enum iommu_format f = iommu_format(m);
	struct dram dram = machine_dram(m);
	unsigned bad = 0;

	if (!dram_has(&dram, pfn << PAGE_SHIFT)) {
		text_printf(out, "iommu: a table at pfn 0x%llx has no contents\n", (ull)pfn);
		return 1;
	}
	++*tables;
	for (unsigned i = 0; i < IOMMU_ENTRIES; i++) {
		uint64_t entry = load(&dram, pfn, i);

		if (!iommu_entry_present(f, entry))
			continue;
		if (iommu_entry_is_leaf(f, entry, level))
			*pages += level_bytes(level) >> PAGE_SHIFT;
		else
			bad += check_table(m, iommu_entry_pa(entry) >> PAGE_SHIFT, level + 1,
				tables, pages, out);
	}
	return bad;
}

unsigned iommu_tables_check(struct machine *m, const struct iommu_domain *x, struct text *out)
{
	uint64_t tables = 0, pages = 0;
	unsigned bad = check_table(m, x->root_pfn, 0, &tables, &pages, out);

	if (bad || (tables == x->nr_tables && pages == x->mapped_pages))
		return bad;
	text_printf(out,
		"iommu domain %u: %llu tables and %llu pages are there, %llu and %llu are "
		"counted\n",
		x->id, (ull)tables, (ull)pages, (ull)x->nr_tables, (ull)x->mapped_pages);
	return 1;
}

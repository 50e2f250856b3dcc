/* SPDX-License-Identifier: MIT
 *
 * The zones and their free lists: proc/buddyinfo, pagetypeinfo, zoneinfo, and debugfs's extfrag.
 *
 * Every number is a counter that the page allocator keeps; nothing here walks pages. buddyinfo is read often by
 * monitors, so it is rendered without printf. The columns are those of mm/vmstat.c of Linux 6.1, where zoneinfo
 * shows also the zones without pages, up to their protection, and the others do not.
 */
#include "view/files.h"
#include "view/put.h"

#include "mm/page/frame.h"
#include "mm/page/page_alloc.h"

#define STAT_THRESHOLD_MOST 125
#define FREE_COUNT_MOST	    100000

int show_buddyinfo(struct view *v, struct text *out)
{
	const struct machine *m = v->m;

	for (const struct zone *z = zone_next(m, NULL); z; z = zone_next(m, z)) {
		if (!zone_populated(z))
			continue;
		put_zone(out, z);
		text_putc(out, ' ');
		for (unsigned order = 0; order < m->nr_orders; order++) {
			text_dec(out, z->area[order].nr_free, 6);
			text_putc(out, ' ');
		}
		text_putc(out, '\n');
	}
	return 0;
}

/* ---- pagetypeinfo ---- */

static void put_type_free(const struct machine *m, struct text *out, const struct zone *z)
{
	for (unsigned i = 0; i < m->nr_migratetypes; i++) {
		enum migratetype type = migratetype_nth(m, i);

		text_puts(out, "Node ");
		text_dec(out, z->nid, 4);
		text_puts(out, ", zone ");
		put_right(out, zone_name(z->type), 8);
		text_puts(out, ", type ");
		put_right(out, migratetype_name(type), 12);
		text_putc(out, ' ');
		for (unsigned order = 0; order < m->nr_orders; order++) {
			uint64_t blocks = zone_free_blocks(m, z, order, type);

			/* The kernel stops counting there, since it walks the list. */
			if (blocks >= FREE_COUNT_MOST) {
				text_putc(out, '>');
				blocks = FREE_COUNT_MOST;
			}
			text_dec(out, blocks, 6);
			text_putc(out, ' ');
		}
		text_putc(out, '\n');
	}
}

static void put_type_blocks(const struct machine *m, struct text *out, const struct zone *z)
{
	put_zone(out, z);
	text_putc(out, ' ');
	for (unsigned i = 0; i < m->nr_migratetypes; i++) {
		text_dec(out, zone_type_blocks(m, z, migratetype_nth(m, i)), 12);
		text_putc(out, ' ');
	}
	text_putc(out, '\n');
}

/* @title and a column for each type. */
static void put_type_names(const struct machine *m, struct text *out, const char *title)
{
	put_left(out, title, 23);
	for (unsigned i = 0; i < m->nr_migratetypes; i++) {
		put_right(out, migratetype_name(migratetype_nth(m, i)), 12);
		text_putc(out, ' ');
	}
	text_putc(out, '\n');
}

static void put_node_types(const struct machine *m, struct text *out, unsigned nid)
{
	text_printf(out, "Page block order: %u\nPages per block:  %llu\n\n", m->pageblock_order,
		1ULL << m->pageblock_order);
	put_left(out, "Free pages count per migrate type at order", 44);
	for (unsigned order = 0; order < m->nr_orders; order++) {
		text_dec(out, order, 6);
		text_putc(out, ' ');
	}
	text_putc(out, '\n');
	for (unsigned type = 0; type < MAX_NR_ZONES; type++)
		if (zone_configured(m, type) && zone_populated(zone_at(m, nid, type)))
			put_type_free(m, out, zone_at(m, nid, type));
	text_putc(out, '\n');
	put_type_names(m, out, "Number of blocks type ");
	for (unsigned type = 0; type < MAX_NR_ZONES; type++)
		if (zone_configured(m, type) && zone_populated(zone_at(m, nid, type)))
			put_type_blocks(m, out, zone_at(m, nid, type));
}

/* Pageblocks in which some page was taken for another type than the block's (pagetypeinfo_showmixedcount_print()). */
static void put_mixed_blocks(const struct machine *m, struct text *out, const struct zone *z)
{
	uint64_t nr[MIGRATE_TYPES] = {0}, pfn = z->start_pfn;

	while (page_owner_next(m, &pfn) && pfn < zone_end_pfn(z)) {
		enum migratetype block = pageblock_type(m, pfn);
		const struct page_owner *o = page_owner_of(m, pfn);

		if (gfp_migratetype(m, o->gfp) == block) {
			pfn += (uint64_t)1 << o->order;
			continue;
		}
		nr[block == MIGRATE_CMA ? MIGRATE_MOVABLE : block]++;
		pfn = ((pfn >> m->pageblock_order) + 1) << m->pageblock_order;
	}
	put_zone(out, z);
	text_putc(out, ' ');
	for (unsigned i = 0; i < m->nr_migratetypes; i++) {
		text_dec(out, nr[migratetype_nth(m, i)], 12);
		text_putc(out, ' ');
	}
	text_putc(out, '\n');
}

static void put_node_mixed(const struct machine *m, struct text *out, unsigned nid)
{
	text_putc(out, '\n');
	put_type_names(m, out, "Number of mixed blocks ");
	for (unsigned type = 0; type < MAX_NR_ZONES; type++)
		if (zone_configured(m, type) && zone_populated(zone_at(m, nid, type)))
			put_mixed_blocks(m, out, zone_at(m, nid, type));
}

int show_pagetypeinfo(struct view *v, struct text *out)
{
	for (unsigned nid = 0; nid < v->m->nr_nodes; nid++) {
		if (!node_at(v->m, nid)->has_memory)
			continue;
		put_node_types(v->m, out, nid);
		if (v->m->page_owners.inited)
			put_node_mixed(v->m, out, nid);
	}
	return 0;
}

/* ---- zoneinfo ---- */

static void put_stat(struct text *out, const char *name, uint64_t value)
{
	text_put(out, "\n      ", 7);
	put_left(out, name, 12);
	text_putc(out, ' ');
	text_dec(out, value, 0);
}

static void put_field(struct text *out, const char *label, uint64_t value)
{
	text_puts(out, label);
	text_dec(out, value, 0);
}

static unsigned fls_u64(uint64_t value)
{
	return value ? 64 - (unsigned)__builtin_clzll(value) : 0;
}

/* calculate_normal_threshold(): how far a CPU's part of a counter may run ahead of the whole. */
static uint64_t stat_threshold(const struct machine *m, const struct zone *z)
{
	uint64_t threshold =
		2ULL * fls_u64(m->nr_cpus) * (1 + fls_u64(z->managed_pages >> (27 - PAGE_SHIFT)));

	return threshold < STAT_THRESHOLD_MOST ? threshold : STAT_THRESHOLD_MOST;
}

static bool first_populated(const struct machine *m, const struct zone *z)
{
	for (unsigned type = 0; type < z->type; type++)
		if (zone_configured(m, type) && zone_populated(zone_at(m, z->nid, type)))
			return false;
	return zone_populated(z);
}

static void put_marks(const struct machine *m, struct text *out, const struct zone *z)
{
	const char *separator = "(";

	put_field(out, "\n  pages free     ", zone_stat(z, ZS_nr_free_pages));
	put_field(out, "\n        boost    ", z->watermark_boost);
	put_field(out, "\n        min      ", wmark_pages(z, WMARK_MIN));
	put_field(out, "\n        low      ", wmark_pages(z, WMARK_LOW));
	put_field(out, "\n        high     ", wmark_pages(z, WMARK_HIGH));
	put_field(out, "\n        spanned  ", z->spanned_pages);
	put_field(out, "\n        present  ", z->present_pages);
	put_field(out, "\n        managed  ", z->managed_pages);
	put_field(out, "\n        cma      ", z->cma_pages);
	text_puts(out, "\n        protection: ");
	for (unsigned type = 0; type < MAX_NR_ZONES; type++) {
		if (!zone_configured(m, type))
			continue;
		text_puts(out, separator);
		text_sdec(out, z->lowmem_reserve[type]);
		separator = ", ";
	}
	text_putc(out, ')');
}

static void put_pagesets(const struct machine *m, struct text *out, const struct zone *z)
{
	text_puts(out, "\n  pagesets");
	for (unsigned cpu = 0; cpu < m->nr_cpus; cpu++) {
		put_field(out, "\n    cpu: ", cpu);
		put_field(out, "\n              count: ", zone_pcp(m, z, cpu)->count);
		put_field(out, "\n              high:  ", z->pcp_high);
		put_field(out, "\n              batch: ", z->pcp_batch);
		if (machine_has(m, CONFIG_SMP))
			put_field(out, "\n  vm stats threshold: ", stat_threshold(m, z));
	}
	/* Unreclaimable after sixteen fruitless runs of kswapd; it cannot fail yet. */
	text_puts(out, "\n  node_unreclaimable:  0");
	put_field(out, "\n  start_pfn:           ", z->start_pfn);
}

static void put_zoneinfo(const struct machine *m, struct text *out, const struct zone *z)
{
	put_zone(out, z);
	if (first_populated(m, z)) {
		text_puts(out, "\n  per-node stats");
		for (unsigned i = 0; i < NR_NODE_STATS; i++)
			if (machine_has(m, node_stat_rows[i].need))
				put_stat(out, node_stat_rows[i].name,
					node_stat_shown(m, i, node_at(m, z->nid)->stat[i]));
	}
	put_marks(m, out, z);
	if (zone_populated(z)) {
		for (unsigned i = 0; i < NR_ZONE_STATS; i++)
			if (machine_has(m, zone_stat_rows[i].need))
				put_stat(out, zone_stat_rows[i].name, zone_stat(z, i));
		for (unsigned i = 0; i < NR_NUMA_STATS; i++)
			if (machine_has(m, numa_stat_rows[i].need))
				put_stat(out, numa_stat_rows[i].name, z->numa_stat[i]);
		put_pagesets(m, out, z);
	}
	text_putc(out, '\n');
}

int show_zoneinfo(struct view *v, struct text *out)
{
	for (const struct zone *z = zone_next(v->m, NULL); z; z = zone_next(v->m, z))
		put_zoneinfo(v->m, out, z);
	return 0;
}

/* ---- sys/kernel/debug/extfrag ---- */

static void put_thousandths(struct text *out, int index)
{
	unsigned size = (unsigned)(index < 0 ? -index : index);

	if (index < 0)
		text_putc(out, '-');
	text_dec(out, size / 1000, 0);
	text_putc(out, '.');
	text_putc(out, (char)('0' + size / 100 % 10));
	text_putc(out, (char)('0' + size / 10 % 10));
	text_putc(out, (char)('0' + size % 10));
	text_putc(out, ' ');
}

typedef int index_fn(const struct machine *m, const struct zone *z, unsigned order);

static void put_indexes(const struct machine *m, struct text *out, index_fn *index)
{
	for (const struct zone *z = zone_next(m, NULL); z; z = zone_next(m, z)) {
		if (!zone_populated(z))
			continue;
		put_zone(out, z);
		text_putc(out, ' ');
		for (unsigned order = 0; order < m->nr_orders; order++)
			put_thousandths(out, index(m, z, order));
		text_putc(out, '\n');
	}
}

int show_extfrag_index(struct view *v, struct text *out)
{
	put_indexes(v->m, out, extfrag_index);
	return 0;
}

int show_unusable_index(struct view *v, struct text *out)
{
	put_indexes(v->m, out, unusable_index);
	return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * Zones: their names, their order, their counters (the formulas are in watermark.c, the geometry is
 * boot's).
 *
 * A zone's place in memory follows from (node, type), so a zone needs no link to the next one. The
 * free counts are fields of their own, since every allocation changes them; zone_stat() puts them
 * in their place among the other counters.
 */
#include "mm/page/zone.h"

#include <assert.h>

void zones_number(struct machine *m)
{
	unsigned nr = m->nr_nodes * MAX_NR_ZONES;

	m->pcps_bytes = (uint32_t)(nr * sizeof(struct pcp));
	for (unsigned i = 0; i < nr; i++) {
		struct zone *z = zone_at(m, 0, 0) + i;

		z->nid = i / MAX_NR_ZONES;
		z->type = (enum zone_type)(i % MAX_NR_ZONES);
		z->node_at = m->nodes_at + z->nid * sizeof(struct node);
		z->pcps_at = m->pcps_at + i * sizeof(struct pcp);
	}
}

const char *zone_name(enum zone_type type)
{
	static const char *const names[MAX_NR_ZONES] = {
		"DMA", "DMA32", "Normal", "HighMem", "Movable", "Device"};

	assert(type < MAX_NR_ZONES);
	return names[type];
}

const char *migratetype_name(enum migratetype type)
{
	static const char *const names[MIGRATE_TYPES] = {
		[MIGRATE_UNMOVABLE] = "Unmovable",
		[MIGRATE_MOVABLE] = "Movable",
		[MIGRATE_RECLAIMABLE] = "Reclaimable",
		[MIGRATE_HIGHATOMIC] = "HighAtomic",
		[MIGRATE_CMA] = "CMA",
		[MIGRATE_ISOLATE] = "Isolate",
	};

	assert(type < MIGRATE_TYPES);
	return names[type];
}

enum migratetype migratetype_nth(const struct machine *m, unsigned i)
{
	static const enum migratetype order[MIGRATE_TYPES] = {MIGRATE_UNMOVABLE, MIGRATE_MOVABLE,
		MIGRATE_RECLAIMABLE, MIGRATE_HIGHATOMIC, MIGRATE_CMA, MIGRATE_ISOLATE};

	assert(i < m->nr_migratetypes);
	/* Without CMA the kernel has no such type at all, and Isolate moves up. */
	if (i >= MIGRATE_CMA && !machine_has(m, CONFIG_CMA))
		i++;
	assert(i < MIGRATE_TYPES);
	return order[i];
}

struct zone *zone_next(const struct machine *m, const struct zone *z)
{
	unsigned id = z ? zone_id(m, z) + 1 : 0;

	for (; id < m->nr_nodes * MAX_NR_ZONES; id++)
		if (zone_configured(m, (enum zone_type)(id % MAX_NR_ZONES)))
			return zone_at(m, id / MAX_NR_ZONES, (enum zone_type)(id % MAX_NR_ZONES));
	return NULL;
}

uint64_t zone_stat(const struct zone *z, enum zone_stat_item item)
{
	assert(item < NR_ZONE_STATS);
	if (item == ZS_nr_free_pages)
		return z->free_pages;
	if (item == ZS_nr_free_cma)
		return z->free_cma_pages;
	return z->stat[item];
}

uint64_t zone_stat_total(const struct machine *m, enum zone_stat_item item)
{
	uint64_t sum = 0;

	for (const struct zone *z = zone_next(m, NULL); z; z = zone_next(m, z))
		sum += zone_stat(z, item);
	return sum;
}

uint64_t node_stat_total(const struct machine *m, enum node_stat_item item)
{
	uint64_t sum = 0;

	assert(item < NR_NODE_STATS);
	for (unsigned nid = 0; nid < m->nr_nodes; nid++)
		sum += node_at(m, nid)->stat[item];
	return sum;
}

uint64_t node_zone_stat(const struct machine *m, unsigned nid, enum zone_stat_item item)
{
	uint64_t sum = 0;

	for (unsigned type = 0; type < MAX_NR_ZONES; type++)
		if (zone_configured(m, type))
			sum += zone_stat(zone_at(m, nid, type), item);
	return sum;
}

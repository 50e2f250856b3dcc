/* SPDX-License-Identifier: MIT
 *
 * Zones and nodes: places, names, watermarks, reserves, sizes of the per-CPU lists.
 */
#ifndef SIMM_MM_ZONE_H
#define SIMM_MM_ZONE_H

#include "mm/machine.h"

static inline struct zone *zone_at(const struct machine *m, unsigned nid, enum zone_type type)
{
	return (struct zone *)machine_at(m, m->zones_at) + nid * MAX_NR_ZONES + type;
}

static inline struct node *node_at(const struct machine *m, unsigned nid)
{
	return (struct node *)machine_at(m, m->nodes_at) + nid;
}

static inline unsigned zone_id(const struct machine *m, const struct zone *z)
{
	(void)m;
	return z->nid * MAX_NR_ZONES + z->type;
}

static inline struct node *zone_node(const struct machine *m, const struct zone *z)
{
	return machine_at(m, z->node_at);
}

static inline struct pcp *zone_pcp(const struct machine *m, const struct zone *z, unsigned cpu)
{
	return machine_at(m, z->pcps_at + (uint64_t)cpu * m->pcps_bytes);
}

/* At boot: every zone learns which it is, and where its node and its CPUs' pages are. */
void zones_number(struct machine *m);

static inline bool zone_configured(const struct machine *m, enum zone_type type)
{
	return m->zone_mask >> type & 1;
}

/* The kernel's own number of a zone: its place among those that the configuration has. */
static inline unsigned zone_to_index(const struct machine *m, enum zone_type type)
{
	return (unsigned)__builtin_popcount(m->zone_mask & ((1u << type) - 1));
}

static inline bool zone_populated(const struct zone *z)
{
	return z->present_pages != 0;
}

static inline uint64_t zone_end_pfn(const struct zone *z)
{
	return z->start_pfn + z->spanned_pages;
}

/* "DMA", "DMA32", "Normal", "HighMem", "Movable", "Device". */
const char *zone_name(enum zone_type type);
/* "Unmovable", "Movable", "Reclaimable", "HighAtomic", "CMA", "Isolate". */
const char *migratetype_name(enum migratetype type);
/* The types in printing order (those the machine has, in the kernel's order): i < m->nr_migratetypes. */
enum migratetype migratetype_nth(const struct machine *m, unsigned i);

/* Iterate the machine's configured zones in the kernel's order (node by node, lowest type first), populated or
 * not: for (z = zone_next(m, NULL); z; z = zone_next(m, z)). */
struct zone *zone_next(const struct machine *m, const struct zone *z);

/* A zone counter (the free counts included), summed over all zones by zone_stat_total(). */
uint64_t zone_stat(const struct zone *z, enum zone_stat_item item);
uint64_t zone_stat_total(const struct machine *m, enum zone_stat_item item);
uint64_t node_stat_total(const struct machine *m, enum node_stat_item item);
/* A zone counter, summed over the node's zones. */
uint64_t node_zone_stat(const struct machine *m, unsigned nid, enum zone_stat_item item);

static inline uint64_t wmark_pages(const struct zone *z, enum watermark w)
{
	return z->watermark[w] + z->watermark_boost;
}

/* mm/page_alloc.c of 6.1.176; formulas in the oracle's README. */
void zones_setup_watermarks(struct machine *m);	    /* setup_per_zone_wmarks() */
void zones_setup_lowmem_reserve(struct machine *m); /* setup_per_zone_lowmem_reserve() */
void zones_setup_totalreserve(
	struct machine *m);		 /* calculate_totalreserve_pages(), part of the two above */
void zones_setup_pcp(struct machine *m); /* zone_set_pageset_high_and_batch() of all zones */
void zones_init_min_free(struct machine *
		m); /* init_per_zone_wmark_min(): sysctls' defaults and all of the above, at boot */
void zones_thp_changed(
	struct machine *m); /* start_stop_khugepaged(): min_free_kbytes for huge pages, or back */
void zones_build_zonelists(struct machine *m); /* node and zone fallback order */

#endif

/* SPDX-License-Identifier: MIT
 *
 * Between the files of compaction; nobody else includes it.
 */
#ifndef SIMM_MM_COMPACT_INTERNAL_H
#define SIMM_MM_COMPACT_INTERNAL_H

#include "mm/move/compaction.h"
#include "mm/page/internal.h"

static inline struct zone *compact_zone_of(
	const struct machine *m, const struct compact_control *cc)
{
	return zone_at(m, cc->zone / MAX_NR_ZONES, (enum zone_type)(cc->zone % MAX_NR_ZONES));
}

static inline uint64_t pageblock_start(const struct machine *m, uint64_t pfn)
{
	return pfn >> m->pageblock_order << m->pageblock_order;
}
static inline uint64_t pageblock_end(const struct machine *m, uint64_t pfn)
{
	return ((pfn >> m->pageblock_order) + 1) << m->pageblock_order;
}

static inline bool compact_scanners_met(const struct machine *m, const struct compact_control *cc)
{
	return cc->free_pfn >> m->pageblock_order <= cc->migrate_pfn >> m->pageblock_order;
}

/* compact_scan.c: the scanners. */
enum isolate_result { ISOLATE_NONE, ISOLATE_SUCCESS };
/* Fill cc->pages from the next pageblock that is worth it. */
enum isolate_result isolate_migratepages(struct machine *m, struct compact_control *cc);
/* A target for migrate_pages(): @data is the compact_control. */
int compaction_alloc(
	struct machine *m, unsigned cpu, void *data, uint64_t old_pfn, uint64_t *new_pfn);
void compaction_free(struct machine *m, unsigned cpu, void *data, uint64_t new_pfn);
/* Give back what was not used; the highest page of it, 0: nothing. */
uint64_t release_freepages(struct machine *m, struct compact_control *cc);
/* __isolate_free_page(): the free block at @pfn, off its list; false when the zone has too little left. */
bool compact_isolate_free(struct machine *m, struct compact_control *cc, uint64_t pfn,
	unsigned order, enum migratetype list);
/* Has the free scanner what it needs? */
static inline bool compact_has_enough(const struct compact_control *cc)
{
	return cc->nr_freepages >= cc->nr_migratepages || cc->nr_ranges == COMPACT_RANGES_MAX;
}
/* isolate_freepages_block(): up from @pfn. Returns where it stopped. */
uint64_t compact_take_free(
	struct machine *m, struct compact_control *cc, uint64_t pfn, uint64_t end_pfn);

/* compact_fast.c: what the lists of free blocks tell the scanners. */
/* Where the migration scanner should go on: in the block at hand, or in one that has free pages already. */
uint64_t fast_find_migrateblock(struct machine *m, struct compact_control *cc);
/* Some free pages high up in the zone, perhaps. */
void fast_isolate_freepages(struct machine *m, struct compact_control *cc);
/* Forget what was learnt of the zone's pageblocks (__reset_isolation_suitable()). */
void reset_isolation_suitable(struct machine *m, struct zone *z);

/* compaction.c: one zone. */
/* The scanners will begin at the zone's ends. */
void compact_reset_positions(const struct machine *m, struct zone *z);
enum compact_result compact_zone_begin(struct machine *m, struct compact_control *cc);
/* One cluster of pages. COMPACT_CONTINUE: there is more to do. */
enum compact_result compact_zone_step(struct machine *m, struct compact_control *cc);
/* Nothing is isolated after this; the zone can be gone on with later by further steps. */
void compact_zone_pause(struct machine *m, struct compact_control *cc);
void compact_zone_end(struct machine *m, struct compact_control *cc, enum compact_result result);
bool compaction_deferred(struct machine *m, struct zone *z, unsigned order);
void defer_compaction(struct machine *m, struct zone *z, unsigned order);

#endif

/* SPDX-License-Identifier: MIT
 *
 * What compaction and migration keep in the machine.
 */
#ifndef SIMM_MM_MOVE_TYPES_H
#define SIMM_MM_MOVE_TYPES_H

#include "mm/page/types.h"

/* Pages taken off their lists, one reference each. */
struct migrate_list {
	struct frame_list pages;
	uint64_t nr;
};

#define COMPACT_CLUSTER_MAX	32u /* pages isolated at a time */
#define COMPACT_MAX_DEFER_SHIFT 6u
#define COMPACT_RANGES_MAX	64u

/* One compaction of a zone while it runs. It may rest between steps: then nothing is isolated. */
struct compact_control {
	uint32_t zone; /* zone_id() */
	uint32_t cpu;
	int32_t order; /* -1: as far as it goes (compact_memory) */
	uint32_t gfp;
	uint32_t alloc_flags;
	uint32_t migratetype;  /* of the request */
	uint32_t highest_zone; /* enum zone_type */
	uint32_t mode;	       /* enum migrate_mode */
	bool ignore_skip_hint, ignore_block_suitable;
	bool direct, proactive, whole_zone;
	bool update_cached;
	bool begun; /* in the midst of its zone: until compact_zone_end() */
	uint64_t migrate_pfn, free_pfn; /* the scanners */
	uint64_t last_migrated_pfn;
	bool rescan; /* of the pageblock of which some pages have moved: take all the rest */
	uint64_t
		fast_start_pfn; /* the lowest block that a list of free blocks led to; UINT64_MAX: that is over */
	uint32_t
		fast_search_fail; /* searches in vain, one after the other: each halves the next one */
	int32_t search_order;	  /* of the list that had a page to move to */
	uint64_t total_migrate_scanned, total_free_scanned;
	/* What the free scanner has taken, and how many of these pages. */
	struct {
		uint64_t pfn, pages;
	} range[COMPACT_RANGES_MAX];
	uint32_t nr_ranges;
	uint64_t nr_freepages;
	uint64_t nr_migratepages;  /* that still need one of them */
	struct migrate_list pages; /* what the migration scanner has taken */
};

/* For an allocation, cut into steps. */
struct compact_direct {
	uint32_t zone;	      /* in the request's list of zones */
	uint32_t alloc_flags; /* of the request's attempts */
	int32_t priority;     /* enum compact_priority */
	int32_t best;	      /* enum compact_result so far */
	struct compact_control cc;
};

/* compact_memory and node/compact, cut into steps. */
struct compact_job {
	bool active;
	uint32_t next_zone; /* zone_id() of the zone at hand */
	int32_t nid;	    /* -1: all nodes */
	struct compact_control cc;
};

#endif

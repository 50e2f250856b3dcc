/* SPDX-License-Identifier: MIT
 *
 * The types of the page allocator: frames, free lists, per-CPU lists, zones, nodes.
 *
 * Sizes are part of the design: a frame in use costs 32 bytes; a machine of 1 TiB that is not used
 * costs nothing per page, because memory never used is a set of extents.
 */
#ifndef SIMM_MM_PAGE_TYPES_H
#define SIMM_MM_PAGE_TYPES_H

#include "mm/core/count.h"

#include <stdbool.h>
#include <stdint.h>

#define MAX_NODES	 64
#define MAX_CPUS	 256
#define MAX_ORDERS	 12 /* the largest MAX_ORDER of the machines (armhf) */
#define PCP_COSTLY_ORDER 3  /* PAGE_ALLOC_COSTLY_ORDER: the lists hold orders 0 .. 3 */
#define PCP_MAX_LISTS	 14 /* three types for each of orders 0-3; the THP order's: others, Movable */
#define ZONE_MAX_EXTENTS 128

/* In the kernel's order; a machine has those in its zone_mask (zone_to_index() gives the kernel's own index). */
enum zone_type {
	ZONE_DMA,
	ZONE_DMA32,
	ZONE_NORMAL,
	ZONE_HIGHMEM,
	ZONE_MOVABLE,
	ZONE_DEVICE,
	MAX_NR_ZONES
};

/* Our encoding: 0 is Movable, as boot memory is, so that an untouched pageblock byte is right.
 * Printing order (/proc/pagetypeinfo) is the kernel's: Unmovable, Movable, Reclaimable, HighAtomic, CMA, Isolate. */
enum migratetype {
	MIGRATE_MOVABLE,
	MIGRATE_UNMOVABLE,
	MIGRATE_RECLAIMABLE,
	MIGRATE_HIGHATOMIC,
	MIGRATE_CMA,
	MIGRATE_ISOLATE,
	MIGRATE_TYPES,
	MIGRATE_PCPTYPES = 3
};

/* A physical page. Only the first frame of a block (free, on a CPU's list, allocated, reserved) says what
 * the block is; the frames inside it are all zero, and so are those of memory never used: what such a
 * frame *is* follows from its block, from extents and from memblock (frame_peek()). Lists hold pfn + 1, 0 is none. */
struct frame {
	uint32_t flags;	   /* FRAME_* of frame_flags.def */
	uint32_t refcount; /* pins add 1024 each */
	uint32_t mapcount; /* number of page-table entries; not biased by -1 as in the kernel */
	uint32_t next;	   /* list of which the frame is a member: free list, pcp list, LRU */
	uint32_t prev;
	uint32_t mapping; /* id of its anon_vma or file, 0: none; compound tail: head's pfn + 1 */
	uint64_t
		index : 44; /* offset within the mapping, in pages; free/pcp page: its migratetype */
	uint64_t memcg : 15;
	uint64_t
		own : 1; /* a page table, a large block of kmalloc's ...: only who made it frees it */
	uint64_t order : 4; /* of the block that begins here: free, on a CPU's list or allocated */
};
_Static_assert(sizeof(struct frame) == 32, "a frame in use costs 32 bytes");

/* The ends of a list of frames, as pfn + 1; 0 is none (frame_list.h). */
struct frame_list {
	uint32_t head;
	uint32_t tail;
};

struct free_list {
	struct frame_list frames;
	uint64_t nr; /* blocks in the list; extents are not counted here */
};

struct free_area {
	struct free_list list[MIGRATE_TYPES];
	uint64_t nr_free; /* blocks of this order in all lists, extents included */
};

/* Memory never used: @nr_blocks aligned blocks of the largest order, free, of type @migratetype,
 * standing at the tail of that free list in ascending order. */
struct extent {
	uint64_t start_pfn;
	uint64_t nr_blocks : 56;
	uint64_t migratetype : 8;
};

enum watermark { WMARK_MIN, WMARK_LOW, WMARK_HIGH, WMARK_PROMO, NR_WMARK };

/* What came of a compaction. */
enum compact_result {
	COMPACT_NOT_SUITABLE_ZONE,
	COMPACT_SKIPPED,  /* it would not help: too few pages are free */
	COMPACT_DEFERRED, /* it failed a short while ago */
	COMPACT_NO_SUITABLE_PAGE,
	COMPACT_CONTINUE,
	COMPACT_COMPLETE,	 /* the whole zone was looked through */
	COMPACT_PARTIAL_SKIPPED, /* from the cached positions on */
	COMPACT_CONTENDED,	 /* stopped: no page to move to, or interrupted */
	COMPACT_SUCCESS,	 /* a block of the order is free */
};

/* How hard direct compaction tries; lower is harder. */
enum compact_priority { COMPACT_PRIO_SYNC_FULL, COMPACT_PRIO_SYNC_LIGHT, COMPACT_PRIO_ASYNC };

/* What compaction knows of a zone. */
struct zone_compact {
	uint64_t migrate_pfn[2],
		free_pfn; /* where the scanners go on: [0] asynchronous, [1] synchronous; 0: at the ends */
	uint64_t
		init_free_pfn; /* where the free scanner began when the skip bits were cleared last; 0: never */
	uint32_t considered, defer_shift; /* of 1 << defer_shift attempts, how many were put off */
	uint32_t order_failed;		  /* orders from here on are put off */
	bool blockskip_flush;		  /* the skip bits are stale */
};

/* A node's kcompactd. */
struct kcompactd {
	uint32_t max_order;    /* what it was woken for; 0: nothing */
	uint32_t highest_zone; /* enum zone_type: the lowest that wakers could use */
	bool triggered;	       /* to look for fragmentation before anything else */
	uint64_t round_at;     /* heap block of the round under way; 0: it sleeps */
};

struct zone {
	enum zone_type type;
	unsigned nid;
	uint64_t node_at;   /* arena offset of its node */
	uint64_t pcps_at;   /* and of CPU 0's pages of it */
	uint64_t start_pfn; /* zone_start_pfn */
	uint64_t spanned_pages;
	uint64_t present_pages;
	uint64_t managed_pages;
	uint64_t cma_pages;
	uint64_t watermark[NR_WMARK]; /* without boost */
	uint64_t watermark_boost;
	uint64_t nr_reserved_highatomic;
	int64_t lowmem_reserve[MAX_NR_ZONES]; /* by enum zone_type */
	uint64_t pcp_high;		      /* of each CPU's lists */
	uint64_t pcp_batch;
	struct zone_compact compact;
	bool boosted; /* ZONE_BOOSTED_WATERMARK: kswapd is to be woken */
	struct free_area area[MAX_ORDERS];
	struct extent extent[ZONE_MAX_EXTENTS]; /* sorted by start_pfn */
	unsigned nr_extents;
	uint64_t extent_blocks[MIGRATE_TYPES]; /* sum of nr_blocks by type */
	uint64_t free_pages;		       /* NR_FREE_PAGES */
	uint64_t free_cma_pages;	       /* NR_FREE_CMA_PAGES */
	uint64_t
		nr_isolated_pages; /* free pages in isolated pageblocks: on lists, in no free count */
	uint64_t nr_isolate_pageblock; /* pageblocks of type Isolate */
	uint64_t stat[NR_ZONE_STATS];  /* the two above are filled in when read: zone_stat() */
	uint64_t numa_stat[NR_NUMA_STATS];
};

/* The pages that one CPU keeps of one zone: in no free count. */
struct pcp {
	uint32_t count;	      /* pages, not blocks */
	uint32_t free_factor; /* batch scaling while freeing in a row */
	struct frame_list list[PCP_MAX_LISTS];
};

struct zoneref {
	uint16_t nid;
	uint8_t type;
};

struct node {
	unsigned nid;
	bool has_memory;
	bool has_cpu;
	uint64_t start_pfn;
	uint64_t spanned_pages;
	uint64_t present_pages;
	uint64_t stat[NR_NODE_STATS];
	struct frame_list lru[5]; /* by enum lru_list (page/lru.h) */
	struct kcompactd kcompactd;
	bool kswapd_woken;
	uint8_t kswapd_order;
	uint8_t kswapd_highest_zone;
	unsigned nr_fallback; /* ZONELIST_FALLBACK, populated zones in order of preference */
	struct zoneref fallback[MAX_NODES * MAX_NR_ZONES];
};

/* The pool of huge pages (hugetlb.h). */
struct hugetlb {
	uint64_t at; /* heap block of @cap pfns, the first @nr in use */
	uint64_t cap, nr;
	uint64_t nr_on_node[MAX_NODES];
	unsigned next_nid; /* whose turn it is */
	/* What is being done, in slices. */
	uint64_t wanted; /* pages, on node @on (-1: on all) */
	int32_t on;
	uint32_t nid;	/* that the page at hand is for */
	uint32_t tried; /* nodes that had none, one after the other */
	bool resizing, allocating;
};

/* An allocation on its slow path (slowpath.c), and what it was asked for. */
struct alloc_slow {
	uint32_t cpu;
	int32_t nid;
	uint64_t nodes;
	uint32_t gfp, order;
	uint32_t flags;	  /* of its attempts */
	int32_t priority; /* enum compact_priority */
	int32_t result;	  /* enum compact_result of the latest compaction */
	bool first;	  /* that one is the one before all else */
	bool compacting, interrupted;
};

/* What the page allocator keeps for the whole machine. */
struct page_alloc_state {
	struct alloc_slow slow;
	bool page_group_by_mobility_disabled;
	bool warned_order;	/* WARN_ON_ONCE() of an order beyond the largest */
	uint64_t warn_begin_ns; /* failure reports: at most one in 10 s (___ratelimit()) */
	uint32_t warn_printed;
	uint32_t warn_missed;
};

#endif

/* SPDX-License-Identifier: MIT
 *
 * Machines laid out by hand, for tests that want a zone to be exactly so: no firmware map, no boot.
 *
 *	struct hand h = {.orders = 11, .pageblock_order = 9, .cpus = 1, .nr_zones = 1,
 *		.zone = {{.type = ZONE_NORMAL, .start_pfn = 0, .pages = 4096, .min = 16}}};
 *	struct machine *m = hand_machine(&h);
 */
#ifndef TESTS_SUPPORT_HAND_H
#define TESTS_SUPPORT_HAND_H

#include "mm/page/page_alloc.h"
#include "mm/page/zone.h"

struct hand_zone {
	unsigned nid;
	enum zone_type type;
	uint64_t start_pfn, pages;
	uint64_t hole_pfn, hole_pages;	       /* no RAM there */
	uint64_t reserved_pfn, reserved_pages; /* RAM that boot keeps */
	uint64_t cma_pfn, cma_pages;	       /* a CMA area */
	uint64_t min;			       /* watermark; low and high are 5/4 and 6/4 of it */
	int64_t lowmem_reserve[MAX_NR_ZONES];
	uint64_t pcp_high, pcp_batch; /* 0: a batch of 1, the lists are always drained */
};

struct hand {
	unsigned orders, pageblock_order, cpus, nodes; /* 0: 11, 9, 1, 1 */
	bool thp, cma, sparse, nothing_freed;
	uint64_t budget_bytes;
	unsigned nr_zones;
	struct hand_zone zone[8];
};

/* Boot it: memblock, zones, zonelists (own node first, then ascending), all RAM that is not reserved freed. */
struct machine *hand_machine(const struct hand *h);
struct machine *hand_copy(const struct machine *m);
void hand_destroy(struct machine *m);

/* Run page_alloc_check() and fail the test with what it says. */
void hand_check(struct machine *m);
/* "0 0 1 2 ...": free blocks by order of @z, all types. */
const char *hand_free(const struct machine *m, const struct zone *z);
/* The log as a string, valid until the next call. */
const char *hand_log(const struct machine *m);
/* Allocate or fail the test. */
uint64_t hand_alloc(struct machine *m, gfp_t gfp, unsigned order);

/* The same touched pages with the same bytes, the host's page aside? */
bool hand_same_state(const struct machine *a, const struct machine *b);

#endif

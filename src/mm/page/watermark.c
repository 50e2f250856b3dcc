/* SPDX-License-Identifier: MIT
 *
 * Watermarks, reserves, and the sizes of the per-CPU lists: how much each zone keeps back, and for
 * whom.
 *
 *	free pages of a zone
 *	  |  ........ plenty: kswapd sleeps
 *	 high ------- kswapd stops here
 *	  |  ........ kswapd works
 *	 low -------- kswapd is woken
 *	  |  ........ only allocations that may dip into the reserve
 *	 min -------- the emergency reserve: min_free_kbytes, shared out by the zones' sizes
 *
 * 1. min_free_kbytes is the root of the low memory's size: 4 * sqrt(kilobytes), between 128 and
 * 262144. With transparent huge pages it is raised to eleven pageblocks a zone, at most a twentieth
 * of the low memory.
 * 2. Each zone below HighMem gets its share by managed pages. HighMem needs little (the kernel
 * never waits for it). low and high lie above min by a quarter of the share, or by
 * watermark_scale_factor ten-thousandths of the zone.
 * 3. lowmem_reserve[j] of zone i is what an allocation that would rather have zone j must leave
 * there: the pages of the zones i + 1 .. j divided by the ratio of zone i.
 * 4. A per-CPU list may hold the low mark divided among the node's CPUs, or the fraction that the
 * user wants.
 *
 * Invariant: min <= low <= high <= promo in every zone; totalreserve_pages is what all zones keep
 * back together. The marks are what the last recomputation found: pages that become managed later do
 * not move them. Follows mm/page_alloc.c and mm/khugepaged.c of Linux 6.1.176.
 */
#include "mm/page/zone.h"

#include "base/number.h"

#include <assert.h>

#define SWAP_CLUSTER_MAX	32
#define HIGHMEM_MIN_MAX		128
#define MIN_FREE_KBYTES_LEAST	128
#define MIN_FREE_KBYTES_MOST	262144
#define BATCH_PAGES_MAX		(((uint64_t)1 << 20) / PAGE_BYTES)
#define THP_BLOCKS_PER_ZONE	(2 + MIGRATE_PCPTYPES * MIGRATE_PCPTYPES)
#define PAGES_TO_KBYTES(pages)	((pages) << (PAGE_SHIFT - 10))
#define KBYTES_TO_PAGES(kbytes) ((kbytes) >> (PAGE_SHIFT - 10))

static uint64_t isqrt(uint64_t value)
{
	uint64_t root = 0;

	for (uint64_t bit = (uint64_t)1 << 31; bit; bit >>= 1)
		if ((root + bit) * (root + bit) <= value)
			root += bit;
	return root;
}

/* Movable is made of HighMem's pages where there is a HighMem. */
static bool highmem_has_pages(const struct machine *m)
{
	for (unsigned nid = 0; nid < m->nr_nodes; nid++)
		if (zone_at(m, nid, ZONE_HIGHMEM)->spanned_pages)
			return true;
	return false;
}

static bool zone_is_highmem(const struct zone *z, bool movable_is_highmem)
{
	return z->type == ZONE_HIGHMEM || (z->type == ZONE_MOVABLE && movable_is_highmem);
}

/* nr_free_buffer_pages(): what lies above the high marks where GFP_USER may allocate. */
static uint64_t free_buffer_pages(const struct machine *m)
{
	uint64_t sum = 0;

	for (struct zone *z = zone_next(m, NULL); z; z = zone_next(m, z)) {
		uint64_t high = wmark_pages(z, WMARK_HIGH);

		if (z->type <= ZONE_NORMAL && z->managed_pages > high)
			sum += z->managed_pages - high;
	}
	return sum;
}

/* What min_free_kbytes would be without transparent huge pages and without the user. */
static uint64_t plain_min_free_kbytes(const struct machine *m)
{
	uint64_t kbytes = isqrt(PAGES_TO_KBYTES(free_buffer_pages(m)) * 16);

	return min_u64(max_u64(kbytes, MIN_FREE_KBYTES_LEAST), MIN_FREE_KBYTES_MOST);
}

/* What khugepaged wants, so that a huge page can be found: set_recommended_min_free_kbytes(). */
static uint64_t thp_min_free_kbytes(const struct machine *m)
{
	uint64_t nr_zones = 0;

	for (struct zone *z = zone_next(m, NULL); z; z = zone_next(m, z))
		nr_zones += zone_populated(z) && z->type <= ZONE_NORMAL;
	return PAGES_TO_KBYTES(min_u64(
		(nr_zones * THP_BLOCKS_PER_ZONE) << m->pageblock_order, free_buffer_pages(m) / 20));
}

static void zone_setup_watermarks(struct machine *m, struct zone *z, uint64_t share, bool highmem)
{
	uint64_t scale = (uint64_t)m->sysctls.value[SYSCTL_watermark_scale_factor];
	uint64_t gap = max_u64(share / 4, z->managed_pages * scale / 10000);
	uint64_t least = share;

	if (highmem)
		least = min_u64(
			max_u64(z->managed_pages / 1024, SWAP_CLUSTER_MAX), HIGHMEM_MIN_MAX);
	z->watermark_boost = 0;
	for (unsigned w = WMARK_MIN; w < NR_WMARK; w++)
		z->watermark[w] = least + w * gap;
	assert(z->watermark[WMARK_MIN] <= z->watermark[WMARK_LOW]);
	assert(z->watermark[WMARK_LOW] <= z->watermark[WMARK_HIGH]);
}

void zones_setup_totalreserve(struct machine *m)
{
	m->totalreserve_pages = 0;
	for (struct zone *z = zone_next(m, NULL); z; z = zone_next(m, z)) {
		uint64_t most = 0;

		for (unsigned j = z->type; j < MAX_NR_ZONES; j++)
			most = max_u64(most, (uint64_t)z->lowmem_reserve[j]);
		m->totalreserve_pages +=
			min_u64(most + wmark_pages(z, WMARK_HIGH), z->managed_pages);
	}
}

void zones_setup_watermarks(struct machine *m)
{
	uint64_t min_pages = KBYTES_TO_PAGES((uint64_t)m->sysctls.value[SYSCTL_min_free_kbytes]);
	bool movable_is_highmem = highmem_has_pages(m);
	uint64_t low_pages = 0;

	for (struct zone *z = zone_next(m, NULL); z; z = zone_next(m, z))
		if (!zone_is_highmem(z, movable_is_highmem))
			low_pages += z->managed_pages;
	for (struct zone *z = zone_next(m, NULL); z; z = zone_next(m, z))
		zone_setup_watermarks(m, z,
			low_pages ? min_pages * z->managed_pages / low_pages : 0,
			zone_is_highmem(z, movable_is_highmem));
	zones_setup_pcp(m);
	zones_setup_totalreserve(m);
}

void zones_setup_lowmem_reserve(struct machine *m)
{
	for (struct zone *z = zone_next(m, NULL); z; z = zone_next(m, z)) {
		int64_t ratio = m->sysctls.lowmem_reserve_ratio[z->type];
		uint64_t above = 0;

		for (unsigned j = 0; j <= z->type; j++)
			z->lowmem_reserve[j] = 0;
		for (unsigned j = z->type + 1; j < MAX_NR_ZONES; j++) {
			above += zone_at(m, z->nid, j)->managed_pages;
			z->lowmem_reserve[j] = ratio > 0 && z->managed_pages
						       ? (int64_t)(above / (uint64_t)ratio)
						       : 0;
		}
	}
	zones_setup_totalreserve(m);
}

/* zone_batchsize(): a thousandth of the zone, at most 1 MiB, a quarter of that, one less than a
 * power of two. */
static uint64_t zone_batch(const struct zone *z)
{
	uint64_t pages = max_u64(min_u64(z->managed_pages / 1024, BATCH_PAGES_MAX) / 4, 1);
	uint64_t power = 1;

	while (power * 2 <= pages + pages / 2)
		power *= 2;
	return max_u64(power - 1, 1);
}

void zones_setup_pcp(struct machine *m)
{
	uint64_t fraction = (uint64_t)m->sysctls.value[SYSCTL_percpu_pagelist_high_fraction];

	for (struct zone *z = zone_next(m, NULL); z; z = zone_next(m, z)) {
		unsigned nr_cpus = 0;

		for (unsigned cpu = 0; cpu < m->nr_cpus; cpu++)
			nr_cpus += m->cpu_node[cpu] == z->nid;
		if (!nr_cpus)
			nr_cpus = m->nr_cpus;
		uint64_t total = fraction ? z->managed_pages / fraction : wmark_pages(z, WMARK_LOW);
		z->pcp_batch = zone_batch(z);
		z->pcp_high = max_u64(nr_cpus ? total / nr_cpus : total, z->pcp_batch * 4);
	}
}

/* calculate_min_free_kbytes(): a larger value of the user stays. */
static void calculate_min_free(struct machine *m)
{
	struct sysctls *s = &m->sysctls;
	uint64_t kbytes = plain_min_free_kbytes(m);

	if ((int64_t)isqrt(PAGES_TO_KBYTES(free_buffer_pages(m)) * 16) > s->user_min_free_kbytes)
		s->value[SYSCTL_min_free_kbytes] = (int64_t)kbytes;
	else
		log_printf(m,
			"min_free_kbytes is not updated to %llu because user defined value %lld is "
			"preferred",
			(unsigned long long)kbytes, (long long)s->user_min_free_kbytes);
}

void zones_thp_changed(struct machine *m)
{
	struct sysctls *s = &m->sysctls;

	if (!sysctl_thp_wanted(m)) {
		calculate_min_free(m);
	} else {
		int64_t wanted = (int64_t)thp_min_free_kbytes(m);

		if (wanted > s->value[SYSCTL_min_free_kbytes]) {
			if (s->user_min_free_kbytes >= 0)
				log_printf(m,
					"raising min_free_kbytes from %lld to %lld to help "
					"transparent hugepage allocations",
					(long long)s->value[SYSCTL_min_free_kbytes],
					(long long)wanted);
			s->value[SYSCTL_min_free_kbytes] = wanted;
		}
	}
	zones_setup_watermarks(m);
}

void zones_init_min_free(struct machine *m)
{
	uint64_t free_kbytes = 0, managed_pages = 0;

	for (struct zone *z = zone_next(m, NULL); z; z = zone_next(m, z)) {
		free_kbytes += z->free_pages << (PAGE_SHIFT - 10);
		managed_pages += z->managed_pages;
	}
	sysctls_init(m);
	sysctls_size(m, free_kbytes, managed_pages);
	calculate_min_free(m);
	zones_setup_watermarks(m);
	zones_setup_lowmem_reserve(m);
	if (sysctl_thp_wanted(m))
		zones_thp_changed(m);
}

/* SPDX-License-Identifier: MIT
 *
 * I/O virtual addresses are given from above (see iova.h).
 *
 *	start                                              limit
 *	  |        [taken]      [taken] |new|[taken][taken]  |
 *	                                ^ found from where the last search ended, downwards
 *
 *	1. a cached run of this size (powers of two up to 32 pages), the latest first
 *	2. downwards from the cached place: the first gap that holds the size, aligned to the next power of two
 *	3. once more from the limit down to the cached place
 *	4. once more without the caches, whose runs count as taken
 *
 * A run that is given back goes to the cache of its size, and so the next mapping gets the same address: what a device
 * still knows of it is wrong then in the worst way, which is why it must be told first.
 *
 * Linux has a red-black tree of taken runs. Here they are a list by address, with a hash to find one that is given back:
 * the search walks neighbours, and that is all that it needs. The addresses that come out are the same.
 *
 * Invariant: runs are apart and in order; `cached` is what lies just above the latest run, or that run.
 *
 * Left out: the caches belong to the domain, not to each CPU of it. Follows drivers/iommu/iova.c of 6.1.
 */
#include "mm/dma/iova.h"

#include "base/text.h"
#include "mm/machine.h"

#include <assert.h>
#include <errno.h>

typedef unsigned long long ull;

#define DMA_32BIT_PFN ((uint64_t)1 << (32 - PAGE_SHIFT))

static struct iova *entries(const struct machine *m, const struct iova_domain *d)
{
	return machine_at(m, d->at);
}

static uint32_t *bucket_of(const struct machine *m, const struct iova_domain *d, uint64_t lo)
{
	uint32_t *buckets = machine_at(m, d->buckets_at);

	return &buckets[lo * 0x9e3779b97f4a7c15u >> 32 & (d->cap - 1)];
}

/* ---- entries ---- */

static int grow(struct machine *m, struct iova_domain *d, uint32_t cap)
{
	uint64_t buckets = heap_alloc(m, cap * sizeof(uint32_t));

	if (!buckets)
		return -m->why.err;
	uint64_t at = heap_grow(m, d->at, d->cap * sizeof(struct iova), cap * sizeof(struct iova));
	if (!at) {
		heap_free(m, buckets, cap * sizeof(uint32_t));
		return -m->why.err;
	}
	heap_free(m, d->buckets_at, d->cap * sizeof(uint32_t));
	d->at = at;
	d->buckets_at = buckets;
	d->cap = cap;
	memset(machine_at(m, buckets), 0xff, cap * sizeof(uint32_t));
	/* All that are taken are in the list. */
	struct iova *e = entries(m, d);
	for (uint32_t i = d->used ? e[0].prev : IOVA_NONE; i != IOVA_NONE; i = e[i].prev) {
		uint32_t *head = bucket_of(m, d, e[i].lo);

		e[i].chain = *head;
		*head = i;
	}
	return 0;
}

/* Room for one more. */
static int reserve(struct machine *m, struct iova_domain *d)
{
	return d->free != IOVA_NONE || d->used < d->cap ? 0 : grow(m, d, 2 * d->cap);
}

/* Put [lo, hi] just below entry @above; there is room. */
static uint32_t insert(
	struct machine *m, struct iova_domain *d, uint32_t above, uint64_t lo, uint64_t hi)
{
	struct iova *e = entries(m, d);
	uint32_t i = d->free, *head = bucket_of(m, d, lo);

	if (i != IOVA_NONE)
		d->free = e[i].chain;
	else
		i = d->used++;
	e[i] = (struct iova){
		.lo = lo, .hi = hi, .prev = e[above].prev, .next = above, .chain = *head};
	*head = i;
	e[above].prev = i;
	if (e[i].prev != IOVA_NONE)
		e[e[i].prev].next = i;
	d->nr++;
	return i;
}

static uint32_t find(const struct machine *m, const struct iova_domain *d, uint64_t lo)
{
	const struct iova *e = entries(m, d);
	uint32_t i = *bucket_of(m, d, lo);

	while (i != IOVA_NONE && e[i].lo != lo)
		i = e[i].chain;
	return i;
}

/* __cached_rbnode_delete_update(), and out of list and hash. */
static void erase(struct machine *m, struct iova_domain *d, uint32_t i)
{
	struct iova *e = entries(m, d);
	uint32_t *link = bucket_of(m, d, e[i].lo);

	if (e[i].hi < DMA_32BIT_PFN && e[i].lo >= e[d->cached32].lo)
		d->cached32 = e[i].next;
	if (e[i].lo < DMA_32BIT_PFN)
		d->max32_alloc_pages = DMA_32BIT_PFN;
	if (e[i].lo >= e[d->cached].lo)
		d->cached = e[i].next;
	while (*link != i)
		link = &e[*link].chain;
	*link = e[i].chain;
	e[e[i].next].prev = e[i].prev;
	if (e[i].prev != IOVA_NONE)
		e[e[i].prev].next = e[i].next;
	e[i].chain = d->free;
	d->free = i;
	d->nr--;
}

int iova_init(struct machine *m, struct iova_domain *d, uint64_t start_pfn)
{
	*d = (struct iova_domain){
		.start_pfn = start_pfn, .free = IOVA_NONE, .max32_alloc_pages = DMA_32BIT_PFN};
	int err = grow(m, d, 16);

	if (err)
		return err;
	*entries(m, d) = (struct iova){
		.lo = UINT64_MAX, .hi = UINT64_MAX, .prev = IOVA_NONE, .next = IOVA_NONE};
	d->used = 1;
	return 0;
}

void iova_end(struct machine *m, struct iova_domain *d)
{
	for (unsigned i = 0; i < IOVA_CACHED_SIZES; i++)
		heap_free(m, d->cache[i].at, IOVA_CACHE_CAP * sizeof(uint64_t));
	heap_free(m, d->at, d->cap * sizeof(struct iova));
	heap_free(m, d->buckets_at, d->cap * sizeof(uint32_t));
}

int iova_reserve(struct machine *m, struct iova_domain *d, uint64_t lo, uint64_t hi)
{
	int err = reserve(m, d);
	uint32_t above = 0;

	if (err)
		return err;
	for (const struct iova *e = entries(m, d);
		e[above].prev != IOVA_NONE && e[e[above].prev].lo > hi;)
		above = e[above].prev;
	uint32_t i = insert(m, d, above, lo, hi);

	entries(m, d)[i].reserved = 1;
	return 0;
}

/* ---- the search ---- */

static uint64_t aligned_below(uint64_t high, uint64_t pages)
{
	uint64_t mask = pages > 1 ? UINT64_MAX << (64 - __builtin_clzll(pages - 1)) : UINT64_MAX;

	return (high - pages) & mask;
}

/* From just below @high and entry @*above downwards; *@above is then the entry above the gap. UINT64_MAX: none. */
static uint64_t search(const struct machine *m, const struct iova_domain *d, uint32_t *above,
	uint64_t high, uint64_t low, uint64_t pages)
{
	const struct iova *e = entries(m, d);
	uint32_t curr = *above;
	uint64_t pfn;

	do {
		high = high < e[curr].lo ? high : e[curr].lo;
		if (high < pages)
			return UINT64_MAX;
		pfn = aligned_below(high, pages);
		*above = curr;
		curr = e[curr].prev;
	} while (curr != IOVA_NONE && pfn <= e[curr].hi && pfn >= low);
	return pfn >= low ? pfn : UINT64_MAX;
}

/* __alloc_and_insert_iova_range() */
static int alloc_run(
	struct machine *m, struct iova_domain *d, uint64_t pages, uint64_t limit_pfn, uint64_t *pfn)
{
	uint64_t limit = limit_pfn + 1;
	bool low = limit <= DMA_32BIT_PFN;
	int err = reserve(m, d);

	if (err)
		return err;
	if (limit < DMA_32BIT_PFN && pages >= d->max32_alloc_pages)
		return -ENOMEM;
	uint32_t above = low ? d->cached32 : d->cached;
	uint64_t retry = entries(m, d)[above].hi;

	*pfn = search(m, d, &above, limit, d->start_pfn, pages);
	if (*pfn == UINT64_MAX && retry < limit) {
		above = 0;
		*pfn = search(m, d, &above, limit, retry + 1, pages);
	}
	if (*pfn == UINT64_MAX) {
		d->max32_alloc_pages = pages;
		return -ENOMEM;
	}
	uint32_t i = insert(m, d, above, *pfn, *pfn + pages - 1);

	if (*pfn + pages - 1 < DMA_32BIT_PFN)
		d->cached32 = i;
	else
		d->cached = i;
	return 0;
}

/* ---- caches ---- */

/* The cache for runs of so many pages; NULL: none. */
static struct iova_cache *cache_of(struct iova_domain *d, uint64_t pages)
{
	unsigned order = 63 - (unsigned)__builtin_clzll(pages);

	return order < IOVA_CACHED_SIZES && !(pages & (pages - 1)) ? &d->cache[order] : NULL;
}

static bool cache_get(
	struct machine *m, struct iova_cache *c, uint64_t pages, uint64_t limit_pfn, uint64_t *pfn)
{
	uint64_t *stack = c->at ? machine_at(m, c->at) : NULL;

	for (uint32_t i = c->nr; i--;)
		if (stack[i] + pages - 1 <= limit_pfn) {
			*pfn = stack[i];
			stack[i] = stack[--c->nr];
			return true;
		}
	return false;
}

static bool cache_put(struct machine *m, struct iova_cache *c, uint64_t pfn)
{
	if (!c->at)
		c->at = heap_alloc(m, IOVA_CACHE_CAP * sizeof(uint64_t));
	if (!c->at || c->nr == IOVA_CACHE_CAP)
		return false;
	((uint64_t *)machine_at(m, c->at))[c->nr++] = pfn;
	return true;
}

void iova_flush_caches(struct machine *m, struct iova_domain *d)
{
	for (unsigned i = 0; i < IOVA_CACHED_SIZES; i++)
		while (d->cache[i].nr)
			erase(m, d,
				find(m, d,
					((uint64_t *)machine_at(
						m, d->cache[i].at))[--d->cache[i].nr]));
}

int iova_alloc(
	struct machine *m, struct iova_domain *d, uint64_t pages, uint64_t limit_pfn, uint64_t *pfn)
{
	pages = iova_rounded(pages);
	struct iova_cache *c = cache_of(d, pages);

	if (c && cache_get(m, c, pages, limit_pfn, pfn))
		return 0;
	int err = alloc_run(m, d, pages, limit_pfn, pfn);

	if (err == -ENOMEM) {
		iova_flush_caches(m, d);
		err = alloc_run(m, d, pages, limit_pfn, pfn);
	}
	return err == -ENOMEM ? refuse(&m->why, ENOMEM,
					"no gap of %llu pages is left among the device's addresses "
					"up to 0x%llx",
					(ull)pages, (ull)((limit_pfn + 1) << PAGE_SHIFT) - 1)
			      : err;
}

void iova_free(struct machine *m, struct iova_domain *d, uint64_t pfn, uint64_t pages)
{
	pages = iova_rounded(pages);
	struct iova_cache *c = cache_of(d, pages);

	if (c && cache_put(m, c, pfn))
		return;
	uint32_t i = find(m, d, pfn);

	assert(i != IOVA_NONE && entries(m, d)[i].hi == pfn + pages - 1);
	erase(m, d, i);
}

bool iova_is_run(const struct machine *m, const struct iova_domain *d, uint64_t pfn, uint64_t pages)
{
	uint32_t i = find(m, d, pfn);

	return i != IOVA_NONE && entries(m, d)[i].hi == pfn + iova_rounded(pages) - 1;
}

unsigned iova_check(const struct machine *m, const struct iova_domain *d, struct text *out)
{
	const struct iova *e = entries(m, d);
	uint64_t above = UINT64_MAX;
	uint32_t nr = 0;
	unsigned bad = 0;

	for (uint32_t i = e[0].prev; i != IOVA_NONE; i = e[i].prev, nr++) {
		if (e[i].hi >= above || e[i].lo > e[i].hi || find(m, d, e[i].lo) != i) {
			text_printf(out, "iova 0x%llx-0x%llx is out of order, or in no chain\n",
				(ull)e[i].lo, (ull)e[i].hi);
			bad++;
		}
		above = e[i].lo;
	}
	for (unsigned i = 0; i < IOVA_CACHED_SIZES; i++)
		for (uint32_t k = 0; k < d->cache[i].nr; k++) {
			uint64_t pfn = ((uint64_t *)machine_at(m, d->cache[i].at))[k];
			uint32_t x = find(m, d, pfn);

			bad += x == IOVA_NONE || e[x].hi - e[x].lo + 1 != (uint64_t)1 << i;
		}
	if (nr == d->nr && !bad)
		return 0;
	text_printf(out, "iova: %u runs in the list, %u are counted; a cache may have others\n", nr,
		d->nr);
	return bad + 1;
}

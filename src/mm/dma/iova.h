/* SPDX-License-Identifier: MIT
 *
 * I/O virtual addresses: who has which page numbers of a domain's address space (drivers/iommu/iova.c of 6.1).
 */
#ifndef SIMM_MM_DMA_IOVA_H
#define SIMM_MM_DMA_IOVA_H

#include <stdbool.h>
#include <stdint.h>

struct machine;
struct text;

/* Runs of up to 2^(IOVA_CACHED_SIZES - 1) pages come from and go to a cache. */
#define IOVA_CACHED_SIZES 6
/* Two magazines of a CPU and the depot's 32, of 128 addresses each. */
#define IOVA_CACHE_CAP ((2 + 32) * 128)

/* Pages lo .. hi are taken. */
struct iova {
	uint64_t lo, hi;
	uint32_t prev, next; /* by address; IOVA_NONE: no lower one */
	uint32_t chain;	     /* of its hash, or of free entries: index, IOVA_NONE ends it */
	uint32_t reserved;   /* for nobody: the window of interrupts */
};

#define IOVA_NONE UINT32_MAX

struct iova_cache {
	uint64_t at; /* heap block of uint64_t [IOVA_CACHE_CAP]; 0: never used */
	uint32_t nr;
	uint32_t unused;
};

struct iova_domain {
	uint64_t at, buckets_at; /* heap blocks of struct iova [cap], uint32_t [cap] */
	uint32_t cap, used;	 /* entry 0 is the anchor, above all addresses */
	uint32_t nr;		 /* taken runs, those in caches included */
	uint32_t free;
	uint32_t cached,
		cached32; /* where the last search ended, for all addresses and for those below 4 GiB */
	uint64_t start_pfn;	    /* nothing below is given */
	uint64_t max32_alloc_pages; /* so many pages, or more, are not to be had below 4 GiB */
	struct iova_cache cache[IOVA_CACHED_SIZES];
};

/* Errors: EDQUOT, ENOMEM. */
int iova_init(struct machine *m, struct iova_domain *d, uint64_t start_pfn);
void iova_end(struct machine *m, struct iova_domain *d);
/* [lo, hi] is never given. Called before the first allocation, with ranges apart. */
int iova_reserve(struct machine *m, struct iova_domain *d, uint64_t lo, uint64_t hi);

/* @pages page numbers, none above @limit_pfn. Errors: ENOMEM (no such gap), EDQUOT. */
int iova_alloc(struct machine *m, struct iova_domain *d, uint64_t pages, uint64_t limit_pfn,
	uint64_t *pfn);
void iova_free(struct machine *m, struct iova_domain *d, uint64_t pfn, uint64_t pages);
/* Is this what one iova_alloc() gave? */
bool iova_is_run(
	const struct machine *m, const struct iova_domain *d, uint64_t pfn, uint64_t pages);
/* Give the caches' addresses back to the list. */
void iova_flush_caches(struct machine *m, struct iova_domain *d);

/* Pages that a request for @pages takes. */
static inline uint64_t iova_rounded(uint64_t pages)
{
	if (pages < 1u << (IOVA_CACHED_SIZES - 1))
		while (pages & (pages - 1))
			pages += pages & -pages;
	return pages;
}

unsigned iova_check(const struct machine *m, const struct iova_domain *d, struct text *out);

#endif

/* SPDX-License-Identifier: MIT
 *
 * The DMA API against glibc's malloc, in one run: ratios, since machines differ.
 *
 *	direct pair   map a page for a device that reaches it, and unmap it, with 1000 other mappings live
 *	iommu pair    the same behind an IOMMU that is told of each unmapping; lazy pair: told of many at once
 *	bounce pair   the same for one that does not: two copies of the page, out and back
 *	scatterlist   100,000 pages mapped and unmapped in one call each, for each page; the same behind an IOMMU
 *	transfer      a megabyte that the device writes, in virtual time, for each burst of 64 bytes
 *
 * CPU time; each figure is the best of several rounds.
 */
#include "support/booted.h"

#include "mm/dma/engine.h"
#include "mm/dma/iommu.h"
#include "mm/dma/mapping.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LIVE = 1000, PAIRS = 1000000, BOUNCES = 50000, NENTS = 100000, ROUNDS = 5 };

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void must(int err, struct machine *m)
{
	if (!err)
		return;
	fprintf(stderr, "%s\n", m->why.sentence);
	exit(1);
}

static double pairs(struct machine *m, struct device *d, uint64_t phys, int n)
{
	uint64_t begun = now_ns(), dma;

	for (int i = 0; i < n; i++) {
		must(dma_map_phys(m, 0, d, phys + (uint64_t)(i % 64) * PAGE_BYTES, PAGE_BYTES,
			     DMA_TO_DEVICE, 0, &dma),
			m);
		must(dma_unmap_phys(m, 0, d, dma, PAGE_BYTES, DMA_TO_DEVICE, 0), m);
	}
	return (double)(now_ns() - begun) / n;
}

static double list(struct machine *m, struct device *d, struct scatterlist *sg)
{
	uint64_t begun = now_ns();
	uint32_t mapped;

	must(dma_map_sg(m, 0, d, sg, NENTS, DMA_FROM_DEVICE, 0, &mapped), m);
	must(dma_unmap_sg(m, 0, d, sg, mapped, DMA_FROM_DEVICE, 0), m);
	return (double)(now_ns() - begun) / NENTS;
}

static double transfer(struct machine *m, struct device *d, uint64_t phys)
{
	enum { BYTES = 1 << 18 };
	uint64_t begun = now_ns();

	for (int i = 0; i < 4; i++) {
		must(device_start(m, d, TRANSFER_WRITE, 0, phys, BYTES, NULL), m);
		while (m->devices.nr_busy)
			clock_advance(m, 1000000);
	}
	return (double)(now_ns() - begun) / (4 * BYTES / d->hw.burst_bytes);
}

static double mallocs(void **held)
{
	uint64_t begun = now_ns();

	for (int i = 0; i < PAIRS; i++) {
		void **p = &held[(unsigned)i * 7919u % LIVE];

		free(*p);
		*p = malloc(56);
		__asm__ volatile("" : : "r"(*p) : "memory");
	}
	return (double)(now_ns() - begun) / PAIRS;
}

static double least(double a, double b)
{
	return a < b ? a : b;
}

static struct device *make(struct machine *m, const char *name, uint64_t mask)
{
	struct device *d;

	must(device_make(m, name, strlen(name), &d), m);
	d->dma_mask = mask;
	return d;
}

/* A device behind the IOMMU, strict or lazy. */
static struct device *behind_iommu(struct machine *m, const char *name, bool strict)
{
	struct device *d = make(m, name, UINT64_MAX);

	m->devices.iommus.strict = strict;
	must(iommu_set(m, 0, d, true), m);
	return d;
}

int main(void)
{
	struct machine *m = booted("pc-x86_64", "ram", "4G", NULL);
	struct device *wide = make(m, "wide", UINT64_MAX), *narrow = make(m, "narrow", 0xffffffff);
	struct device *strict = behind_iommu(m, "strict", true);
	struct device *lazy = behind_iommu(m, "lazy", false);
	struct scatterlist *sg = calloc(NENTS, sizeof(*sg));
	void *held[LIVE] = {0};
	uint64_t pfn, high, dma;
	double translated = 1e9, gathered = 1e9, run = 1e9;
	double direct = 1e9, bounced = 1e9, each = 1e9, burst = 1e9, peer = 1e9;

	must(alloc_pages_node(m, 0, -1, GFP_KERNEL | __GFP_DMA32, 6, &pfn), m);
	must(alloc_pages_node(m, 0, -1, GFP_KERNEL, 6, &high), m);
	for (int i = 0; i < LIVE; i++)
		must(dma_map_phys(m, 0, wide, (pfn << PAGE_SHIFT) + (uint64_t)i * 64, 64,
			     DMA_TO_DEVICE, 0, &dma),
			m);
	for (int i = 0; i < NENTS; i++)
		sg[i] = (struct scatterlist){
			.phys = (pfn + (uint64_t)i % 64) << PAGE_SHIFT, .bytes = PAGE_BYTES};
	for (int round = 0; round < ROUNDS; round++) {
		direct = least(direct, pairs(m, wide, pfn << PAGE_SHIFT, PAIRS));
		peer = least(peer, mallocs(held));
		bounced = least(bounced, pairs(m, narrow, high << PAGE_SHIFT, BOUNCES));
		translated = least(translated, pairs(m, strict, pfn << PAGE_SHIFT, PAIRS));
		gathered = least(gathered, pairs(m, lazy, pfn << PAGE_SHIFT, PAIRS));
		run = least(run, list(m, strict, sg));
		each = least(each, list(m, wide, sg));
		burst = least(burst, transfer(m, wide, pfn << PAGE_SHIFT));
	}
	printf("malloc pair      %8.1f ns\n", peer);
	printf("direct pair      %8.1f ns  %6.2f of malloc's\n", direct, direct / peer);
	printf("iommu pair       %8.1f ns  %6.2f\n", translated, translated / peer);
	printf("lazy pair        %8.1f ns  %6.2f\n", gathered, gathered / peer);
	printf("bounce pair      %8.1f ns  %6.2f\n", bounced, bounced / peer);
	printf("scatterlist page %8.1f ns  %6.2f\n", each, each / peer);
	printf("iommu list page  %8.1f ns  %6.2f\n", run, run / peer);
	printf("burst            %8.1f ns  %6.2f\n", burst, burst / peer);
	free(sg);
	machine_destroy(m);
	return 0;
}

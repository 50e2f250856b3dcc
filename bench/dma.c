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
 * The kernel's checks of its drivers (dma-debug) cost as much as the rest, so all is measured without them, as
 * distributions build their kernels, and with them. CPU time; each figure is the best of several rounds.
 */
#include "clock.h"

#include "support/booted.h"

#include "mm/dma/engine.h"
#include "mm/dma/iommu.h"
#include "mm/dma/mapping.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIVE = 1000, PAIRS = 1000000, BOUNCES = 50000, NENTS = 100000, ROUNDS = 5 };

static void must(int err, struct machine *m)
{
	if (!err)
		return;
	fprintf(stderr, "%s\n", m->why.sentence);
	exit(1);
}

static double pairs(struct machine *m, struct device *d, uint64_t phys, int n)
{
	double begun = now_ns();
	uint64_t dma;

	for (int i = 0; i < n; i++) {
		must(dma_map_phys(m, 0, d, phys + (uint64_t)(i % 64) * PAGE_BYTES, PAGE_BYTES,
			     DMA_TO_DEVICE, 0, &dma),
			m);
		must(dma_unmap_phys(m, 0, d, dma, PAGE_BYTES, DMA_TO_DEVICE, 0), m);
	}
	return (now_ns() - begun) / n;
}

static double list(struct machine *m, struct device *d, struct scatterlist *sg)
{
	double begun = now_ns();
	uint32_t mapped;

	must(dma_map_sg(m, 0, d, sg, NENTS, DMA_FROM_DEVICE, 0, &mapped), m);
	must(dma_unmap_sg(m, 0, d, sg, mapped, DMA_FROM_DEVICE, 0), m);
	return (now_ns() - begun) / NENTS;
}

static double transfer(struct machine *m, struct device *d, uint64_t phys)
{
	enum { BYTES = 1 << 18 };
	double begun = now_ns();

	for (int i = 0; i < 4; i++) {
		must(device_start(m, d, TRANSFER_WRITE, 0, phys, BYTES, NULL), m);
		while (m->devices.nr_busy)
			clock_advance(m, 1000000);
	}
	return (now_ns() - begun) / (4 * BYTES / d->hw.burst_bytes);
}

static double mallocs(void **held)
{
	double begun = now_ns();

	for (int i = 0; i < PAIRS; i++) {
		void **p = &held[(unsigned)i * 7919u % LIVE];

		free(*p);
		*p = malloc(56);
		__asm__ volatile("" : : "r"(*p) : "memory");
	}
	return (now_ns() - begun) / PAIRS;
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

enum what { DIRECT, IOMMU, LAZY, BOUNCE, PAGE, IOMMU_PAGE, BURST, NR_WHATS };

static void round_of(struct machine *m, struct device *const *d, const uint64_t *phys,
	struct scatterlist *sg, double *best)
{
	best[DIRECT] = least(best[DIRECT], pairs(m, d[DIRECT], phys[0], PAIRS));
	best[IOMMU] = least(best[IOMMU], pairs(m, d[IOMMU], phys[0], PAIRS));
	best[LAZY] = least(best[LAZY], pairs(m, d[LAZY], phys[0], PAIRS));
	best[BOUNCE] = least(best[BOUNCE], pairs(m, d[BOUNCE], phys[1], BOUNCES));
	best[PAGE] = least(best[PAGE], list(m, d[DIRECT], sg));
	best[IOMMU_PAGE] = least(best[IOMMU_PAGE], list(m, d[IOMMU], sg));
	best[BURST] = least(best[BURST], transfer(m, d[DIRECT], phys[0]));
}

static void measure(const char *cmdline, double *best)
{
	struct machine *m = booted("pc-x86_64", "ram", "4G", "cmdline", cmdline, NULL);
	struct device *const d[] = {[DIRECT] = make(m, "wide", UINT64_MAX),
		[IOMMU] = behind_iommu(m, "strict", true),
		[LAZY] = behind_iommu(m, "lazy", false),
		[BOUNCE] = make(m, "narrow", 0xffffffff)};
	struct scatterlist *sg = calloc(NENTS, sizeof(*sg));
	uint64_t pfn, high, dma;

	must(alloc_pages_node(m, 0, -1, GFP_KERNEL | __GFP_DMA32, 6, &pfn), m);
	must(alloc_pages_node(m, 0, -1, GFP_KERNEL, 6, &high), m);
	for (int i = 0; i < LIVE; i++)
		must(dma_map_phys(m, 0, d[DIRECT], (pfn << PAGE_SHIFT) + (uint64_t)i * 64, 64,
			     DMA_TO_DEVICE, 0, &dma),
			m);
	for (int i = 0; i < NENTS; i++)
		sg[i] = (struct scatterlist){
			.phys = (pfn + (uint64_t)i % 64) << PAGE_SHIFT, .bytes = PAGE_BYTES};
	for (int i = 0; i < NR_WHATS; i++)
		best[i] = 1e9;
	for (int round = 0; round < ROUNDS; round++)
		round_of(m, d, (uint64_t[]){pfn << PAGE_SHIFT, high << PAGE_SHIFT}, sg, best);
	free(sg);
	machine_destroy(m);
}

int main(void)
{
	static const char *const names[NR_WHATS] = {"direct pair", "iommu pair", "lazy pair",
		"bounce pair", "scatterlist page", "iommu list page", "burst"};
	static const unsigned wanted[NR_WHATS] = {[DIRECT] = 60, [IOMMU] = 400};
	double without[NR_WHATS], with[NR_WHATS], peer = 1e9;
	void *held[LIVE] = {0};

	for (int round = 0; round < ROUNDS; round++)
		peer = least(peer, mallocs(held));
	measure("dma_debug=off", without);
	measure("", with);
	printf("%-17s %10s %12s %15s\n", "ns", "", "of malloc's", "with dma-debug");
	printf("%-17s %10.1f\n", "malloc pair", peer);
	for (int i = 0; i < NR_WHATS; i++) {
		printf("%-17s %10.1f %11.2fx %15.1f", names[i], without[i], without[i] / peer,
			with[i]);
		printf(wanted[i] ? "   (wanted: %u)\n" : "\n", wanted[i]);
	}
	return 0;
}

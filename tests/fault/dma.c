/* SPDX-License-Identifier: MIT
 *
 * Fail the n-th allocation under the DMA API, for n = 1, 2, ...: of the simulated kernel's pages (ENOMEM), and of the host's
 * memory (EDQUOT). What failed left nothing mapped and nothing allocated; the rest did its work and can be undone.
 */
#include "support/booted.h"
#include "support/failing.h"

#include "mm/dma/dma_buf.h"
#include "mm/dma/engine.h"
#include "mm/dma/iommu.h"
#include "mm/dma/mapping.h"
#include "mm/dma/reserved_mem.h"
#include "mm/page/address.h"
#include "mm/process/file.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { PIECES = 40 };

struct program {
	struct machine *m;
	struct device *d;
	unsigned failures;
	int only;
	bool iommu;
};

static void coherent(struct program *p)
{
	uint64_t va, dma;

	for (unsigned i = 0; i < 4; i++) {
		uint64_t bytes = PAGE_BYTES << i;

		if (!failed(p, dma_alloc_coherent(p->m, 0, p->d, bytes, GFP_KERNEL | __GFP_NOWARN,
				       0, &va, &dma)))
			cr_expect_eq(dma_free_coherent(p->m, 0, p->d, bytes, va, dma), 0);
		if (!failed(p, dma_alloc_coherent(p->m, 0, p->d, bytes, GFP_KERNEL | __GFP_NOWARN,
				       DMA_ATTR_FORCE_CONTIGUOUS, &va, &dma)))
			cr_expect_eq(dma_free_coherent(p->m, 0, p->d, bytes, va, dma), 0);
		if (!failed(p, dma_alloc_coherent(p->m, 0, p->d, bytes, GFP_ATOMIC | __GFP_NOWARN,
				       0, &va, &dma)))
			cr_expect_eq(dma_free_coherent(p->m, 0, p->d, bytes, va, dma), 0);
	}
}

static void scattered(struct program *p)
{
	struct scatterlist sg[PIECES] = {0};
	uint32_t n, mapped, before = p->m->devices.mappings.nr;

	for (n = 0; n < PIECES; n++) {
		uint64_t pfn;

		if (failed(p, alloc_pages_node(p->m, 0, -1, GFP_KERNEL | __GFP_NOWARN, 0, &pfn)))
			break;
		sg[n].phys = pfn << PAGE_SHIFT;
		sg[n].bytes = PAGE_BYTES;
	}
	if (n && !failed(p, dma_map_sg(p->m, 0, p->d, sg, n, DMA_BIDIRECTIONAL, 0, &mapped)))
		cr_expect_eq(dma_unmap_sg(p->m, 0, p->d, sg, mapped, DMA_BIDIRECTIONAL, 0), 0);
	cr_expect_eq(p->m->devices.mappings.nr, before);
	while (n--)
		cr_expect_eq(free_pages_order(p->m, 0, sg[n].phys >> PAGE_SHIFT, 0), 0);
}

static void transfer(struct program *p)
{
	uint64_t pfn, dma;

	if (failed(p, dma_alloc_pages(p->m, 0, p->d, 4 * PAGE_BYTES, GFP_KERNEL | __GFP_NOWARN,
			      DMA_FROM_DEVICE, &pfn, &dma)))
		return;
	(void)failed(p, device_start(p->m, p->d, TRANSFER_WRITE, 0, dma, 4 * PAGE_BYTES, NULL));
	while (p->m->devices.nr_busy)
		clock_advance(p->m, 10000);
	cr_expect_eq(dma_free_pages(p->m, 0, p->d, 4 * PAGE_BYTES, pfn, dma, DMA_FROM_DEVICE), 0);
}

/* A buffer of each heap, which the device uses and gives back. */
static void shared(struct program *p)
{
	const char *heap;

	for (unsigned i = 0; (heap = dma_heap_nth(p->m, i)); i++) {
		struct dma_buf_attachment *a;
		const struct scatterlist *sg;
		struct file *f;
		uint32_t nr;

		if (failed(p, dma_heap_alloc(
				      p->m, 0, heap, strlen(heap), 5 * PAGE_BYTES, FILE_RDWR, &f)))
			continue;
		struct dma_buf *b = dma_buf_next(p->m, NULL);

		if (!failed(p, dma_buf_attach(p->m, b, p->d, &a))) {
			if (!failed(p, dma_buf_map_attachment(
					       p->m, 0, b, a, DMA_BIDIRECTIONAL, &sg, &nr)))
				cr_expect_eq(dma_buf_unmap_attachment(p->m, 0, b, a), 0);
			cr_expect_eq(dma_buf_detach(p->m, 0, b, a), 0);
		}
		file_put(p->m, 0, f);
		cr_expect_null(dma_buf_next(p->m, NULL));
	}
}

static void play(struct program *p)
{
	if (p->iommu && !p->d->iommu && failed(p, iommu_set(p->m, 0, p->d, true))) {
		cr_expect(!p->d->iommu_at);
		cr_expect_eq(p->m->devices.iommus.nr_domains, 0);
	}
	coherent(p);
	booted_check(p->m);
	scattered(p);
	booted_check(p->m);
	transfer(p);
	booted_check(p->m);
	shared(p);
	booted_check(p->m);
	cr_expect_eq(p->d->nr_mappings, 0);
}

static void begin(struct program *p, const char *preset, const char *cmdline, int only, bool iommu)
{
	memset(p, 0, sizeof(*p));
	p->iommu = iommu;
	p->m = booted(preset, "cmdline", cmdline, NULL);
	p->only = only;
	cr_assert_eq(device_make(p->m, "nic", 3, &p->d), 0);
	p->d->made = true;
}

/* How often it was an allocation of dma-debug that failed, which nobody but dma-debug minds. */
static unsigned fail_each_page(const char *preset, const char *cmdline, bool iommu)
{
	unsigned switched_off = 0;

	for (unsigned n = 1; n < 300; n++) {
		struct program p;

		begin(&p, preset, cmdline, ENOMEM, iommu);
		p.m->fail_page_alloc.probability = 100;
		p.m->fail_page_alloc.min_order = 0;
		p.m->fail_page_alloc.space = n - 1;
		p.m->fail_page_alloc.times = 1;
		p.m->fail_page_alloc.ignore_gfp_wait = p.m->fail_page_alloc.ignore_gfp_highmem =
			false;
		play(&p);
		/* A cache that got no large slab may have taken a small one: that is no failure, and not the end. */
		bool fewer = p.m->fail_page_alloc.times;

		switched_off += p.m->devices.debug.global_disable;
		cr_expect_eq(device_remove(p.m, p.d), 0);
		machine_destroy(p.m);
		if (fewer)
			break;
		cr_assert_lt(n, 299, "the last one comes to its end");
	}
	return switched_off;
}

Test(dma, nth_allocation_of_pages_fails, .timeout = 60)
{
	fail_each_page("pc-x86_64", "", false);
	/* Its devices bypass the caches: coherent buffers have addresses of their own. */
	fail_each_page("arm64-virt", "", false);
}

/* A pool of entries that has to grow on the way. */
Test(dma, dma_debug_switches_itself_off)
{
	unsigned tree = fail_each_page("pc-x86_64", "", false);

	cr_expect_gt(fail_each_page("pc-x86_64", "dma_debug_entries=1", false), tree);
}

Test(dma, nth_allocation_of_pages_fails_behind_iommu, .timeout = 60)
{
	fail_each_page("pc-x86_64", "", true);
	fail_each_page("pc-x86_64", "iommu.strict=1", true);
	fail_each_page("arm64-virt", "", true);
}

static void end_hosts_memory(const char *preset, const char *cmdline, bool iommu)
{
	for (unsigned n = 0; n < 400; n += 1 + n / 16) {
		struct program p;

		begin(&p, preset, cmdline, EDQUOT, iommu);
		uint64_t budget = p.m->arena.budget_pages;
		p.m->arena.budget_pages = p.m->arena.touched_pages + n;
		play(&p);
		p.m->arena.budget_pages = budget;
		cr_expect_eq(p.m->devices.swiotlb.used, 0);
		unsigned failures = p.failures;
		play(&p);
		cr_expect_eq(p.failures, failures, "with enough memory all goes well");
		machine_destroy(p.m);
		if (!failures)
			break;
	}
}

Test(dma, hosts_memory_ends)
{
	end_hosts_memory("pc-x86_64", "swiotlb=512,force", false);
	end_hosts_memory("arm64-virt", "", false);
}

Test(dma, hosts_memory_ends_behind_iommu, .timeout = 60)
{
	end_hosts_memory("pc-x86_64", "", true);
	end_hosts_memory("arm64-virt", "", true);
}

/* ---- a device's own memory ---- */

static void begin_with_pool(struct program *p)
{
	struct machine_desc *d = described("arm64-virt");
	struct reserved_range *r = &d->reserved[d->nr_reserved];

	*r = (struct reserved_range){
		.start = 0x48000000, .end = 0x48010000, .no_map = true, .dma_pool = true};
	d->nr_reserved++;
	snprintf(r->name, sizeof(r->name), "pool");
	memset(p, 0, sizeof(*p));
	p->m = boot_described(d);
	cr_assert(p->m, "%s", refused_why());
	cr_assert_eq(device_make(p->m, "codec", 5, &p->d), 0);
	p->d->made = true;
	p->d->region[p->d->nr_regions++] = (int16_t)(p->m->devices.nr_reserved - 1);
}

/* The driver's probe: 0, or what it failed with and left no trace of. */
static int probe(struct program *p)
{
	uint64_t va, dma;
	int err = of_reserved_mem_device_init_by_idx(p->m, 0, p->d, 0);

	booted_check(p->m);
	cr_expect_eq(p->d->dma_mem != 0, err == 0);
	if (err)
		return err;
	err = dma_alloc_coherent(p->m, 0, p->d, 5 * PAGE_BYTES, GFP_KERNEL, 0, &va, &dma);
	booted_check(p->m);
	if (!err) {
		cr_expect_eq(dma, 0x48000000);
		cr_expect_eq(dma_free_coherent(p->m, 0, p->d, 5 * PAGE_BYTES, va, dma), 0);
	}
	cr_expect_eq(of_reserved_mem_device_release(p->m, p->d), 0);
	return err;
}

Test(dma, hosts_memory_ends_at_a_devices_pool, .timeout = 60)
{
	unsigned failures = 0;

	for (unsigned n = 0; n < 400; n += 1 + n / 4) {
		struct program p;

		begin_with_pool(&p);
		uint64_t budget = p.m->arena.budget_pages;
		p.m->arena.budget_pages = p.m->arena.touched_pages + n;
		int err = probe(&p);

		cr_expect(!err || err == -EDQUOT, "%d: %s", err, p.m->why.sentence);
		p.m->arena.budget_pages = budget;
		cr_expect_eq(probe(&p), 0, "%s", p.m->why.sentence);
		machine_destroy(p.m);
		failures += err != 0;
		if (!err)
			break;
	}
	cr_expect_gt(failures, 2);
}

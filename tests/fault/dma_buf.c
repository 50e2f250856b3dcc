/* SPDX-License-Identifier: MIT
 *
 * Fail the n-th allocation under dma-buf, for n = 1, 2, ...: a buffer of each heap is made, attached to two devices, mapped for
 * both, given a kernel address, mapped into a process that forks, and all is given back in the wrong order. What was refused has
 * changed nothing, what was done can be undone, and at the end there are as many free pages and as much of the heap as before.
 */
#include "support/booted.h"
#include "support/failing.h"
#include "support/naked.h"

#include "mm/dma/dma_buf.h"
#include "mm/dma/iommu.h"
#include "mm/page/page_alloc.h"
#include "mm/page/zone.h"
#include "mm/process/access.h"
#include "mm/process/file.h"
#include "mm/slab/slab.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

enum { DEVICES = 2, BYTES = 37 * 4096 };

struct attempt {
	struct machine *m;
	struct device *d[DEVICES];
	uint32_t pid;
	unsigned failures;
	int only;
};

/* The process's mapping; its child has one, too, and reads what the process wrote. */
static void in_processes(struct attempt *p, struct file *f)
{
	struct task *t = task_find(p->m, p->pid), *child;
	struct task_access a = {.a = {.bytes = 4, .kind = HW_STORE, .value = 0x12345678}};
	uint64_t va;

	if (failed(p, sys_mmap(p->m, t, 0, BYTES, PROT_READ_ | PROT_WRITE_, MAP_SHARED_, f, 0, NULL,
			      &va)))
		return;
	a.a.va = va + BYTES - 4;
	if (!failed(p, task_access(p->m, t, &a)) && !failed(p, task_clone(p->m, t, 0, 0, &child))) {
		a.a.kind = HW_LOAD;
		a.a.value = 0;
		if (!failed(p, task_access(p->m, child, &a)))
			cr_expect_eq(a.a.value, 0x12345678);
		task_kill(p->m, child);
	}
	cr_expect_eq(sys_munmap(p->m, t, va, BYTES), 0);
}

static void for_devices(struct attempt *p, struct dma_buf *b)
{
	struct dma_buf_attachment *a[DEVICES] = {NULL};
	bool mapped[DEVICES] = {false};
	const struct scatterlist *sg;
	uint64_t va;
	uint32_t nr;

	for (unsigned i = 0; i < DEVICES; i++) {
		if (failed(p, dma_buf_attach(p->m, b, p->d[i], &a[i]))) {
			a[i] = NULL;
			continue;
		}
		mapped[i] = !failed(p, dma_buf_map_attachment(p->m, 0, b, a[i],
					       i ? DMA_TO_DEVICE : DMA_BIDIRECTIONAL, &sg, &nr));
	}
	bool has_va = !failed(p, dma_buf_vmap(p->m, 0, b, &va));

	cr_expect_eq(dma_buf_begin_cpu_access(p->m, b), 0);
	cr_expect_eq(dma_buf_end_cpu_access(p->m, b), 0);
	booted_check(p->m);
	for (unsigned i = 0; i < DEVICES; i++) {
		if (mapped[i])
			cr_expect_eq(dma_buf_unmap_attachment(p->m, 0, b, a[i]), 0);
		if (a[i])
			cr_expect_eq(dma_buf_detach(p->m, 0, b, a[i]), 0);
	}
	if (has_va)
		cr_expect_eq(dma_buf_vunmap(p->m, 0, b), 0);
}

static void play(struct attempt *p)
{
	const char *heap;

	for (unsigned i = 0; (heap = dma_heap_nth(p->m, i)); i++) {
		struct file *f;

		if (failed(p, dma_heap_alloc(p->m, 0, heap, strlen(heap), BYTES, FILE_RDWR, &f))) {
			cr_expect_null(dma_buf_next(p->m, NULL));
			continue;
		}
		for_devices(p, dma_buf_next(p->m, NULL));
		in_processes(p, f);
		booted_check(p->m);
		file_put(p->m, 0, f);
		cr_expect_null(dma_buf_next(p->m, NULL));
		booted_check(p->m);
	}
}

static void begin(struct attempt *p, const char *preset, int only, bool iommu)
{
	static const char *const names[] = {"camera", "display"};

	memset(p, 0, sizeof(*p));
	/* Within reach of every device: no bounce buffers. */
	p->m = booted(preset, "ram", "512M", "cma", "16M", NULL);
	p->only = only;
	/* With smaller blocks there are more pieces to remember. */
	cr_assert_eq(dma_mappings_reserve(p->m, 200), 0);
	for (unsigned i = 0; i < DEVICES; i++) {
		cr_assert_eq(device_make(p->m, names[i], strlen(names[i]), &p->d[i]), 0);
		p->d[i]->made = true;
		p->d[i]->max_segment_size = 1u << 22;
	}
	if (iommu)
		cr_assert_eq(iommu_set(p->m, 0, p->d[0], true), 0);
	p->pid = naked(p->m)->pid;
}

struct level {
	uint64_t free, heap;
};

/* Without what is only kept for later. */
static struct level level_of(struct machine *m)
{
	clock_advance(m, 20000000);
	kmem_cache_shrink_all(m, 0);
	drain_all_pages(m, NULL);
	return (struct level){zone_stat_total(m, ZS_nr_free_pages), m->heap.used_bytes};
}

static void fail_each_page(const char *preset, bool iommu)
{
	unsigned n = 0, refused = 0;
	bool reached;

	do {
		struct attempt p;

		begin(&p, preset, ENOMEM, iommu);
		/* What is left for good (tables, indexes, stacks that were met) is there before counting. */
		play(&p);
		cr_assert_eq(p.failures, 0, "%s", p.m->why.sentence);
		struct level before = level_of(p.m), after;

		p.m->fail_page_alloc = (struct fault_inject){
			.probability = 100, .interval = 1, .times = 1, .space = n++};
		play(&p);
		reached = !p.m->fail_page_alloc.times;
		fault_inject_init(&p.m->fail_page_alloc);
		refused += p.failures;
		p.failures = 0;
		play(&p);
		cr_expect_eq(p.failures, 0, "with enough memory all goes well");
		after = level_of(p.m);
		cr_expect_eq(after.free, before.free, "%s n %u: %lld more", preset, n,
			(long long)(after.free - before.free));
		cr_expect_eq(after.heap, before.heap, "%s n %u: %llu more", preset, n,
			(unsigned long long)(after.heap - before.heap));
		machine_destroy(p.m);
	} while (reached && n < 400);
	cr_expect(n < 400 && refused > 10, "%u %u", n, refused);
}

Test(dma_buf, nth_allocation_of_pages_fails, .timeout = 120)
{
	fail_each_page("pc-x86_64", false);
}

Test(dma_buf, nth_allocation_of_pages_fails_behind_iommu, .timeout = 120)
{
	fail_each_page("arm64-virt", true);
}

Test(dma_buf, hosts_memory_ends, .timeout = 120)
{
	for (unsigned n = 0;; n += 1 + n / 16) {
		struct attempt p;

		begin(&p, "arm64-virt", EDQUOT, true);
		uint64_t budget = p.m->arena.budget_pages;

		p.m->arena.budget_pages = p.m->arena.touched_pages + n;
		play(&p);
		p.m->arena.budget_pages = budget;
		unsigned failures = p.failures;
		play(&p);
		cr_expect_eq(p.failures, failures, "with enough memory all goes well");
		machine_destroy(p.m);
		if (!failures)
			break;
		cr_assert_lt(n, 2000u);
	}
}

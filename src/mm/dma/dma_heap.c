/* SPDX-License-Identifier: MIT
 *
 * Heaps for dma-bufs: who asks a heap for memory needs no driver of a device.
 *
 *	system     blocks of 1 MiB, 64 KiB and a page, the largest that is to be had and fits, never larger than the one before
 *	reserved   one run of the default contiguous area, whose name the heap has: tenants leave for it
 *
 * The system heap's blocks are compound pages, zeroed; they are not movable and are charged to nobody. Pages of an area are
 * single ones, zeroed, too, so that a process's mapping faults them in and counts them as a file's.
 *
 * Follows drivers/dma-buf/dma-heap.c, heaps/system_heap.c, heaps/cma_heap.c of 6.1.
 */
#include "mm/dma/dma_buf.h"
#include "mm/dma/direct.h"

#include "mm/move/cma.h"
#include "mm/page/contents.h"
#include "mm/process/file.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef unsigned long long ull;

static const uint8_t orders[] = {8, 4, 0};

/* The area of cma_heap.c, when it has a heap: one whose name is taken has none. NULL: there is no such heap. */
static const struct cma_area *cma_heap(const struct machine *m)
{
	const struct cma_area *c = m->cma_default ? &m->cma[m->cma_default - 1] : NULL;

	return c && strcmp(c->name, "system") ? c : NULL;
}

const char *dma_heap_nth(const struct machine *m, unsigned i)
{
	const struct cma_area *c = cma_heap(m);

	return i == 0 ? "system" : i == 1 && c ? c->name : NULL;
}

/* ---- the system heap ---- */

/* alloc_largest_available() */
static int alloc_block(
	struct machine *m, unsigned cpu, uint64_t bytes, unsigned most, struct dma_buf_block *x)
{
	const gfp_t low = GFP_HIGHUSER | __GFP_ZERO | __GFP_COMP;
	const gfp_t high = (low | __GFP_NOWARN | __GFP_NORETRY) & ~(gfp_t)__GFP_RECLAIM;
	int err = -ENOMEM;

	for (unsigned i = 0; i < sizeof(orders); i++) {
		unsigned order = orders[i];

		if (bytes < PAGE_BYTES << order || order > most || order >= m->nr_orders)
			continue;
		err = alloc_pages_node(m, cpu, -1, i ? low : high, order, &x->pfn);
		if (!err || err == -EDQUOT) {
			x->pages = 1u << order;
			return err;
		}
	}
	return err;
}

/* Room for one more block. */
static int reserve(struct machine *m, struct dma_buf *b)
{
	uint32_t cap = b->cap_blocks ? 2 * b->cap_blocks : 16;

	if (b->nr_blocks < b->cap_blocks)
		return 0;
	uint64_t at = heap_grow(m, b->blocks_at, b->cap_blocks * sizeof(struct dma_buf_block),
		cap * sizeof(struct dma_buf_block));
	if (!at)
		return -m->why.err;
	b->blocks_at = at;
	b->cap_blocks = cap;
	return 0;
}

static int fill_from_system(struct machine *m, unsigned cpu, struct dma_buf *b)
{
	unsigned most = orders[0];
	int err = 0;

	for (uint64_t page = 0, pages = b->bytes >> PAGE_SHIFT; page < pages && !err;) {
		err = reserve(m, b);
		if (err)
			break;
		struct dma_buf_block *x =
			(struct dma_buf_block *)machine_at(m, b->blocks_at) + b->nr_blocks;

		err = alloc_block(m, cpu, (pages - page) << PAGE_SHIFT, most, x);
		if (err)
			break;
		x->first = (uint32_t)page;
		most = dma_order((uint64_t)x->pages << PAGE_SHIFT);
		page += x->pages;
		b->nr_blocks++;
	}
	return err;
}

/* ---- the heap of the default contiguous area ---- */

/* A process's mapping faults these pages in later: nobody else frees them meanwhile. */
static void mark_own(struct machine *m, uint64_t pfn, uint64_t pages, bool own)
{
	for (uint64_t i = 0; i < pages; i++)
		frame_of(m, pfn + i)->own = own;
}

static int fill_from_cma(struct machine *m, unsigned cpu, struct dma_buf *b)
{
	uint64_t pages = b->bytes >> PAGE_SHIFT, pfn;
	unsigned order = dma_order(b->bytes);
	struct dram dram = machine_dram(m);
	int err = reserve(m, b);

	if (!err)
		err = cma_alloc(m, cpu, b->cma - 1, pages,
			order < CMA_ALIGNMENT ? order : CMA_ALIGNMENT, false, &pfn);
	/* The kernel's only answer; why is in the log and in the sentence. */
	if (err)
		return err == -EDQUOT ? err : -ENOMEM;
	dram_zero(&dram, pfn << PAGE_SHIFT, b->bytes);
	mark_own(m, pfn, pages, true);
	((struct dma_buf_block *)machine_at(m, b->blocks_at))[b->nr_blocks++] =
		(struct dma_buf_block){.pfn = pfn, .pages = (uint32_t)pages};
	return 0;
}

/* ---- all heaps ---- */

void dma_heap_free(struct machine *m, unsigned cpu, struct dma_buf *b)
{
	const struct dma_buf_block *x = b->blocks_at ? machine_at(m, b->blocks_at) : NULL;

	for (uint32_t i = 0; i < b->nr_blocks; i++) {
		if (b->cma)
			mark_own(m, x[i].pfn, x[i].pages, false);
		(void)dma_free_contiguous(m, cpu, x[i].pfn, (uint64_t)x[i].pages << PAGE_SHIFT);
	}
	heap_free(m, b->blocks_at, b->cap_blocks * sizeof(*x));
	b->blocks_at = 0;
	b->nr_blocks = b->cap_blocks = 0;
}

static int check_request(
	struct machine *m, const char *heap, size_t len, uint64_t bytes, unsigned *nth)
{
	const char *name;

	for (*nth = 0; (name = dma_heap_nth(m, *nth)); ++*nth)
		if (strlen(name) == len && !memcmp(name, heap, len))
			break;
	if (!name)
		return refuse(&m->why, ENODEV,
			"there is no heap %.*s: dev/dma_heap has their names",
			(int)(len < 60 ? len : 60), heap);
	if (!bytes)
		return refuse(&m->why, EINVAL, "a buffer has at least one byte");
	if (bytes > m->totalram_pages << PAGE_SHIFT)
		return refuse(&m->why, ENOMEM, "the machine has %llu bytes of memory in all",
			(ull)m->totalram_pages << PAGE_SHIFT);
	return 0;
}

int dma_heap_alloc(struct machine *m, unsigned cpu, const char *heap, size_t len, uint64_t bytes,
	uint32_t flags, struct file **out)
{
	unsigned nth;
	int err = check_request(m, heap, len, bytes, &nth);

	if (!err && flags & ~(uint32_t)(FILE_ACCMODE | FILE_CLOEXEC))
		err = refuse(&m->why, EINVAL,
			"DMA_HEAP_IOCTL_ALLOC takes O_CLOEXEC and the access mode, and no other "
			"flags");
	if (err)
		return err;
	uint64_t at = heap_alloc(m, sizeof(struct dma_buf));
	if (!at)
		return -m->why.err;
	struct dma_buf *b = machine_at(m, at);

	snprintf(b->exporter, sizeof(b->exporter), "%.*s", (int)len, heap);
	b->bytes = page_align(bytes);
	b->cma = nth ? m->cma_default : 0;
	err = b->cma ? fill_from_cma(m, cpu, b) : fill_from_system(m, cpu, b);
	if (!err)
		err = dma_buf_export(m, cpu, b, flags & FILE_ACCMODE, out);
	if (err) {
		struct refusal why = m->why;

		dma_heap_free(m, cpu, b);
		heap_free(m, at, sizeof(*b));
		m->why = why;
	}
	return err;
}

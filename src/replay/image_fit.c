/* SPDX-License-Identifier: MIT
 *
 * The inner bounds of an image, fitted to its faults.
 *
 * A page fault in a mapped file maps the pages around it, too: up to 16, in a window that is aligned to 64 KiB, begins
 * no lower than the mapping, and ends no higher. So how many pages came with a fault (rss_stat tells it) says where the
 * mapping's bounds are, to the page:
 *
 *	window of 0x555555554040:  0x550 ............ 0x55f	4 pages came: the segment is 0x554-0x557, for the
 *					  [554 555 556 557]		next one begins at 0x558
 *
 * In steps:
 *  1. Each bound has limits: text begins at or before the first fetch, rodata after the last one, data at or before the
 *     first write of user mode ...
 *  2. A candidate's cost is found by playing the faults through: a page that would be there already cannot have
 *     faulted, a page of the wrong protection neither, and each page more or less than came costs one.
 *  3. One bound after the other is put where the cost is least, twice over.
 *
 * Only places inside of some fault's window make a difference, so only those are tried.
 *
 * Left out: pages that were not in the page cache around a fault (one page of cost each, which moves no bound).
 */
#include "replay/image_internal.h"

#include <stdlib.h>
#include <string.h>

#define PAGE	  4096u
#define AROUND	  16u /* pages: fault_around_bytes */
#define MAX_PAGES ((uint64_t)1 << 20)

enum { BOUND_TEXT, BOUND_RODATA, BOUND_DATA, BOUND_BSS, NR_BOUNDS };

enum { PAGE_FILE = 1, PAGE_ANON = 2, PAGE_COLD = 4 };

struct fitting {
	const struct image_fault *faults;
	size_t nr;
	uint64_t base, pages;	   /* first page number, number of pages */
	uint64_t bound[NR_BOUNDS]; /* pages from base */
	uint64_t low[NR_BOUNDS], high[NR_BOUNDS];
	uint8_t *there; /* [pages]: PAGE_* */
};

static uint64_t page_index(const struct fitting *t, const struct image_fault *f)
{
	uint64_t page = f->addr / PAGE - t->base;

	return page < t->pages ? page : t->pages - 1;
}

/* The segment of page @i: its ends, and what it permits. */
static unsigned segment(const struct fitting *t, uint64_t i, uint64_t *from, uint64_t *to)
{
	static const uint8_t permits[] = {1, 5, 1, 3, 3}; /* r-- r-x r-- rw- rw- as PROT_ bits */
	unsigned s = 0;

	while (s < NR_BOUNDS && i >= t->bound[s])
		s++;
	*from = s ? t->bound[s - 1] : 0;
	*to = s < NR_BOUNDS ? t->bound[s] : t->pages;
	return permits[s] | (s == NR_BOUNDS ? 8u : 0);
}

/* do_fault_around(): returns how many pages came. */
static unsigned map_around(struct fitting *t, uint64_t i, uint64_t from, uint64_t to)
{
	uint64_t vpn = t->base + i, start = (vpn & ~(uint64_t)(AROUND - 1));
	uint64_t table_end = (vpn | 511) + 1;
	unsigned nr = 0;

	if (start < t->base + from)
		start = t->base + from;
	uint64_t end = start + AROUND;
	if (end > t->base + to)
		end = t->base + to;
	if (end > table_end)
		end = table_end;
	for (uint64_t p = start - t->base; p < end - t->base; p++)
		if (!(t->there[p] & (PAGE_FILE | PAGE_ANON)) &&
			(!(t->there[p] & PAGE_COLD) || p == i)) {
			t->there[p] |= PAGE_FILE;
			nr++;
		}
	return nr;
}

static uint64_t fault_cost(struct fitting *t, const struct image_fault *f)
{
	uint64_t i = page_index(t, f), from, to;
	unsigned permits = segment(t, i, &from, &to);
	bool anon = permits & 8;
	uint8_t *there = &t->there[i];

	if (f->access == IMAGE_WRITE) {
		uint64_t cost = (permits & 2 ? 0 : 50) + (f->clears && anon ? 8 : 0);

		/* Of a child pages came along that were not seen. */
		if (!f->run &&
			f->protection != ((*there & PAGE_FILE) != 0 && !(*there & PAGE_ANON)) &&
			!anon)
			cost += 3;
		*there = (uint8_t)(*there | PAGE_FILE | PAGE_ANON);
		return cost;
	}
	if (f->access == IMAGE_FETCH && !(permits & 4))
		return 50;
	if (*there & (PAGE_FILE | PAGE_ANON))
		return !f->run || !(permits & 2) ? 10 : 0;
	if (anon) {
		*there |= PAGE_FILE;
		return f->file_pages > 0 ? 8 : 0;
	}
	int came = (int)map_around(t, i, from, to);
	if (f->file_pages < 0)
		return 0;
	return (uint64_t)(came > f->file_pages ? came - f->file_pages : f->file_pages - came);
}

static uint64_t total_cost(struct fitting *t, uint64_t limit)
{
	uint64_t cost = 0;
	uint32_t run = UINT32_MAX;

	for (size_t i = 0; i < t->nr && cost <= limit; i++) {
		if (t->faults[i].run != run) {
			run = t->faults[i].run;
			memset(t->there, 0, t->pages);
			for (size_t k = i; k < t->nr && t->faults[k].run == run; k++)
				if (t->faults[k].major)
					t->there[page_index(t, &t->faults[k])] |= PAGE_COLD;
		}
		cost += fault_cost(t, &t->faults[i]);
	}
	return cost;
}

/* Step 1. */
static void set_limits(struct fitting *t, bool data_known)
{
	uint64_t first_fetch = UINT64_MAX, last_fetch = 0, first_write = t->pages, clear = 0;
	bool clears = false;

	for (size_t i = 0; i < t->nr; i++) {
		const struct image_fault *f = &t->faults[i];
		uint64_t page = page_index(t, f);

		if (f->access == IMAGE_FETCH) {
			first_fetch = page < first_fetch ? page : first_fetch;
			last_fetch = page + 1 > last_fetch ? page + 1 : last_fetch;
		} else if (f->access == IMAGE_WRITE) {
			first_write = page < first_write ? page : first_write;
			if (f->clears && !clears) {
				clears = true;
				clear = page + 1;
			}
		}
	}
	if (!data_known)
		t->bound[BOUND_DATA] = first_write;
	t->high[BOUND_DATA] = t->bound[BOUND_DATA];
	t->low[BOUND_DATA] = data_known ? t->bound[BOUND_DATA] : last_fetch;
	if (t->low[BOUND_DATA] > t->high[BOUND_DATA])
		t->low[BOUND_DATA] = t->high[BOUND_DATA];
	t->low[BOUND_RODATA] = last_fetch;
	t->high[BOUND_RODATA] = t->bound[BOUND_DATA];
	if (t->low[BOUND_RODATA] > t->high[BOUND_RODATA])
		t->low[BOUND_RODATA] = t->high[BOUND_RODATA];
	t->low[BOUND_TEXT] = 0;
	t->high[BOUND_TEXT] =
		first_fetch < t->high[BOUND_RODATA] ? first_fetch : t->high[BOUND_RODATA];
	t->low[BOUND_BSS] = clears ? clear : t->bound[BOUND_DATA];
	t->high[BOUND_BSS] = clears ? clear : t->pages;
	t->bound[BOUND_TEXT] = t->high[BOUND_TEXT];
	t->bound[BOUND_RODATA] = t->low[BOUND_RODATA];
	t->bound[BOUND_BSS] = t->high[BOUND_BSS];
	/* Faults of a torn recording may contradict each other. */
	for (unsigned b = 1; b < NR_BOUNDS; b++)
		if (t->bound[b] < t->bound[b - 1])
			t->bound[b] = t->bound[b - 1];
}

/* Does the place @at of a bound matter to any fault? */
static bool matters(const struct fitting *t, uint64_t at)
{
	for (size_t i = 0; i < t->nr; i++) {
		uint64_t page = page_index(t, &t->faults[i]);

		if (at + AROUND >= page && at <= page + AROUND)
			return true;
	}
	return false;
}

/* Step 3 for one bound. Bounds stay in order. */
static uint64_t fit_bound(struct fitting *t, unsigned b, uint64_t least)
{
	uint64_t best = t->bound[b], low = t->low[b], high = t->high[b];

	if (b && low < t->bound[b - 1])
		low = t->bound[b - 1];
	if (b + 1 < NR_BOUNDS && high > t->bound[b + 1])
		high = t->bound[b + 1];
	for (uint64_t at = low; at <= high && low < high; at++) {
		if (at != low && at != high && !matters(t, at))
			continue;
		t->bound[b] = at;
		uint64_t cost = total_cost(t, least);
		if (cost < least) {
			least = cost;
			best = at;
		}
	}
	t->bound[b] = best;
	return least;
}

bool image_fit(struct image *img, bool data_known, const struct image_fault *faults, size_t nr)
{
	static const uint8_t order[] = {BOUND_DATA, BOUND_RODATA, BOUND_TEXT, BOUND_BSS};
	struct fitting t = {.faults = faults, .nr = nr, .base = img->base / PAGE};

	t.pages = (img->end - img->base) / PAGE;
	if (!t.pages || t.pages > MAX_PAGES)
		return true;
	t.bound[BOUND_DATA] = (img->data - img->base) / PAGE;
	t.there = malloc(t.pages);
	if (!t.there)
		return false;
	set_limits(&t, data_known);
	uint64_t least = total_cost(&t, UINT64_MAX);
	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < sizeof(order) && least; i++)
			least = fit_bound(&t, order[i], least);
	img->text = img->base + t.bound[BOUND_TEXT] * PAGE;
	img->rodata = img->base + t.bound[BOUND_RODATA] * PAGE;
	img->data = img->base + t.bound[BOUND_DATA] * PAGE;
	img->bss = img->base + t.bound[BOUND_BSS] * PAGE;
	free(t.there);
	return true;
}

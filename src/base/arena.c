/* SPDX-License-Identifier: MIT
 *
 * The arena (see arena.h). The bitmap has one bit per page and is itself a sparse mapping: a 1 TiB
 * machine has 32 MiB of it, of which a few pages are ever touched. The summary has one bit per
 * 64-bit word of the bitmap, so walking the touched pages of a huge arena reads 512 KiB, not 32
 * MiB.
 */
#include "base/arena.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

enum {
	PAGES_PER_REGION = ARENA_REGION_BYTES / ARENA_PAGE_BYTES,
	WORDS_PER_REGION = PAGES_PER_REGION / 64,
	/* Each may cost the host two mappings more; a process has 65530 (vm.max_map_count) for everything. */
	MAX_HUGE_RUNS = 8192
};

/* @bytes at a multiple of @align, both multiples of the host's page. */
static void *reserve(uint64_t bytes, uint64_t align)
{
	char *p = mmap(NULL, bytes + align, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	uint64_t before = -(uintptr_t)p % align;

	if (before)
		munmap(p, before);
	munmap(p + before + bytes, align - before);
	p += before;
	/* A crash must not write the whole reservation into a core file, and huge pages are for
	 * where they pay (see arena.h). Both are hints. */
	(void)madvise(p, bytes, MADV_DONTDUMP);
	(void)madvise(p, bytes, MADV_NOHUGEPAGE);
	return p;
}

static uint64_t round_up_page(uint64_t bytes)
{
	return (bytes + ARENA_PAGE_BYTES - 1) & ~(ARENA_PAGE_BYTES - 1);
}

static uint64_t bitmap_bytes(const struct arena *a)
{
	return round_up_page((a->size_bytes >> ARENA_PAGE_SHIFT) / 8 + 8);
}

static uint64_t summary_bytes(const struct arena *a)
{
	return round_up_page((a->size_bytes >> ARENA_PAGE_SHIFT) / 512 + 8);
}

static uint64_t regions(const struct arena *a)
{
	return (a->size_bytes + ARENA_REGION_BYTES - 1) >> ARENA_REGION_SHIFT;
}

static uint64_t huge_bytes(const struct arena *a)
{
	return round_up_page(regions(a) / 8 + 8);
}

int arena_init(struct arena *a, uint64_t size_bytes, uint64_t budget_bytes, struct refusal *why)
{
	memset(a, 0, sizeof(*a));
	a->size_bytes = round_up_page(size_bytes);
	a->budget_pages = budget_bytes ? budget_bytes >> ARENA_PAGE_SHIFT : UINT64_MAX;
	a->base = reserve(a->size_bytes, ARENA_REGION_BYTES);
	if (a->base)
		a->touched = reserve(bitmap_bytes(a), ARENA_PAGE_BYTES);
	if (a->touched)
		a->summary = reserve(summary_bytes(a), ARENA_PAGE_BYTES);
	if (a->summary)
		a->huge = reserve(huge_bytes(a), ARENA_PAGE_BYTES);
	if (!a->huge) {
		arena_finish(a);
		return refuse(why, ENOMEM,
			"this host does not let one process reserve %llu MiB of address space: "
			"check `ulimit -v`, "
			"`ulimit -d` and /proc/sys/vm/overcommit_memory (2 forbids it), or "
			"simulate less RAM",
			(unsigned long long)(size_bytes >> 20));
	}
	return 0;
}

void arena_finish(struct arena *a)
{
	if (a->huge)
		munmap(a->huge, huge_bytes(a));
	if (a->summary)
		munmap(a->summary, summary_bytes(a));
	if (a->touched)
		munmap(a->touched, bitmap_bytes(a));
	if (a->base)
		munmap(a->base, a->size_bytes);
	memset(a, 0, sizeof(*a));
}

bool arena_is_touched(const struct arena *a, uint64_t offset)
{
	uint64_t page = offset >> ARENA_PAGE_SHIFT;

	assert(offset < a->size_bytes);
	return a->touched[page / 64] >> (page % 64) & 1;
}

bool arena_is_huge(const struct arena *a, uint64_t offset)
{
	uint64_t region = offset >> ARENA_REGION_SHIFT;

	return a->huge[region / 64] >> (region % 64) & 1;
}

/* Are all of @region's pages touched (@all ~0), or none (0)? A region that the arena ends in, or before, is neither. */
static bool region_is(const struct arena *a, uint64_t region, uint64_t all)
{
	if (region >= a->size_bytes >> ARENA_REGION_SHIFT)
		return false;
	for (unsigned i = 0; i < WORDS_PER_REGION; i++)
		if (a->touched[region * WORDS_PER_REGION + i] != all)
			return false;
	return true;
}

static unsigned huge_neighbours(const struct arena *a, uint64_t region)
{
	return (region && arena_is_huge(a, (region - 1) << ARENA_REGION_SHIFT)) +
	       arena_is_huge(a, (region + 1) << ARENA_REGION_SHIFT);
}

static void set_huge(struct arena *a, uint64_t region, bool huge)
{
	int runs = 1 - (int)huge_neighbours(a, region);

	/* A hint: a host without huge pages does not know it. */
	(void)madvise(a->base + (region << ARENA_REGION_SHIFT), ARENA_REGION_BYTES,
		huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	a->huge[region / 64] ^= (uint64_t)1 << (region % 64);
	a->huge_runs += huge ? runs : -runs;
}

/* @region's first page is about to be touched: shall a huge page back it? */
static void consider_huge(struct arena *a, uint64_t region)
{
	bool beside_full = (region && region_is(a, region - 1, ~(uint64_t)0)) ||
			   region_is(a, region + 1, ~(uint64_t)0);
	bool in_budget = a->touched_pages + PAGES_PER_REGION <= a->budget_pages / 3;

	if (beside_full && in_budget && a->huge_runs < MAX_HUGE_RUNS && region_is(a, region, 0))
		set_huge(a, region, true);
}

int arena_touch(struct arena *a, uint64_t offset, uint64_t bytes, struct refusal *why)
{
	if (!bytes)
		return 0;
	assert(offset < a->size_bytes && bytes <= a->size_bytes - offset);
	uint64_t first = offset >> ARENA_PAGE_SHIFT;
	uint64_t last = (offset + bytes - 1) >> ARENA_PAGE_SHIFT;
	uint64_t fresh = 0;

	for (uint64_t page = first; page <= last; page++)
		fresh += !(a->touched[page / 64] >> (page % 64) & 1);
	if (!fresh)
		return 0;
	if (fresh > a->budget_pages - a->touched_pages)
		return refuse(why, EDQUOT,
			"the simulation would need more than the %llu MiB of host memory that "
			"host_max allows",
			(unsigned long long)(a->budget_pages >> (20 - ARENA_PAGE_SHIFT)));
	for (uint64_t page = first; page <= last; page++) {
		uint64_t word = page / 64;

		if (!a->touched[word])
			consider_huge(a, page / PAGES_PER_REGION);
		a->touched[word] |= (uint64_t)1 << (page % 64);
		a->summary[word / 64] |= (uint64_t)1 << (word % 64);
	}
	a->touched_pages += fresh;
	return 0;
}

/* The first set bit at or after @page, or UINT64_MAX. */
static uint64_t next_page(const struct arena *a, uint64_t page)
{
	uint64_t pages = a->size_bytes >> ARENA_PAGE_SHIFT;
	uint64_t words = (pages + 63) / 64;
	uint64_t word = page / 64;

	if (page >= pages)
		return UINT64_MAX;
	uint64_t bits = a->touched[word] & (~(uint64_t)0 << (page % 64));
	while (!bits) {
		if (++word >= words)
			return UINT64_MAX;
		uint64_t group = a->summary[word / 64] & (~(uint64_t)0 << (word % 64));
		while (!group) {
			word = (word / 64 + 1) * 64;
			if (word >= words)
				return UINT64_MAX;
			group = a->summary[word / 64];
		}
		word = word / 64 * 64 + (unsigned)__builtin_ctzll(group);
		bits = a->touched[word];
	}
	return word * 64 + (unsigned)__builtin_ctzll(bits);
}

bool arena_next_touched(const struct arena *a, uint64_t offset, uint64_t *start, uint64_t *end)
{
	uint64_t pages = a->size_bytes >> ARENA_PAGE_SHIFT;
	uint64_t page = next_page(a, (offset + ARENA_PAGE_BYTES - 1) >> ARENA_PAGE_SHIFT);

	if (page == UINT64_MAX)
		return false;
	*start = page << ARENA_PAGE_SHIFT;
	while (page < pages && (a->touched[page / 64] >> (page % 64) & 1))
		page++;
	*end = page << ARENA_PAGE_SHIFT;
	return true;
}

static void give_back(struct arena *a, uint64_t start, uint64_t end)
{
	if (madvise(a->base + start, end - start, MADV_DONTNEED))
		memset(a->base + start, 0, end - start);
}

/* [start, end) lies in one region; its pages are untouched now. */
static void forget_contents(struct arena *a, uint64_t start, uint64_t end)
{
	uint64_t region = start >> ARENA_REGION_SHIFT;

	if (!arena_is_huge(a, start)) {
		give_back(a, start, end);
	} else if (region_is(a, region, 0)) {
		give_back(a, region << ARENA_REGION_SHIFT, (region + 1) << ARENA_REGION_SHIFT);
		set_huge(a, region, false);
	} else {
		memset(a->base + start, 0, end - start);
	}
}

void arena_forget(struct arena *a, uint64_t offset, uint64_t bytes)
{
	assert(!(offset % ARENA_PAGE_BYTES) && !(bytes % ARENA_PAGE_BYTES));
	uint64_t stop = (offset + bytes) >> ARENA_PAGE_SHIFT;

	for (uint64_t first = next_page(a, offset >> ARENA_PAGE_SHIFT); first < stop;) {
		uint64_t region_end = (first | (PAGES_PER_REGION - 1)) + 1;
		uint64_t end = region_end < stop ? region_end : stop, page = first;

		for (; page < end && (a->touched[page / 64] >> (page % 64) & 1); page++) {
			uint64_t word = page / 64;

			a->touched[word] &= ~((uint64_t)1 << (page % 64));
			if (!a->touched[word])
				a->summary[word / 64] &= ~((uint64_t)1 << (word % 64));
			a->touched_pages--;
		}
		forget_contents(a, first << ARENA_PAGE_SHIFT, page << ARENA_PAGE_SHIFT);
		first = next_page(a, page);
	}
}

int arena_copy(struct arena *to, const struct arena *from, struct refusal *why)
{
	int err = arena_init(to, from->size_bytes, 0, why);

	if (err)
		return err;
	to->budget_pages = from->budget_pages;
	uint64_t start, end = 0;
	while (arena_next_touched(from, end, &start, &end)) {
		err = arena_touch(to, start, end - start, why);
		assert(!err);
		memcpy(to->base + start, from->base + start, end - start);
	}
	return 0;
}

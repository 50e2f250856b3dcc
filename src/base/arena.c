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

static void *reserve(uint64_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	/* A crash must not write the whole reservation into a core file, and a huge host page under
	 * one touched frame would cost 512 times what the machine uses. Both are hints. */
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

int arena_init(struct arena *a, uint64_t size_bytes, uint64_t budget_bytes, struct refusal *why)
{
	memset(a, 0, sizeof(*a));
	a->size_bytes = round_up_page(size_bytes);
	a->budget_pages = budget_bytes ? budget_bytes >> ARENA_PAGE_SHIFT : UINT64_MAX;
	a->base = reserve(a->size_bytes);
	if (a->base)
		a->touched = reserve(bitmap_bytes(a));
	if (a->touched)
		a->summary = reserve(summary_bytes(a));
	if (!a->summary) {
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

void arena_forget(struct arena *a, uint64_t offset, uint64_t bytes)
{
	assert(!(offset % ARENA_PAGE_BYTES) && !(bytes % ARENA_PAGE_BYTES));
	uint64_t start, end, at = offset, stop = offset + bytes;

	while (at < stop && arena_next_touched(a, at, &start, &end) && start < stop) {
		end = end < stop ? end : stop;
		for (uint64_t page = start >> ARENA_PAGE_SHIFT; page < end >> ARENA_PAGE_SHIFT;
			page++) {
			uint64_t word = page / 64;

			a->touched[word] &= ~((uint64_t)1 << (page % 64));
			if (!a->touched[word])
				a->summary[word / 64] &= ~((uint64_t)1 << (word % 64));
			a->touched_pages--;
		}
		if (madvise(a->base + start, end - start, MADV_DONTNEED))
			memset(a->base + start, 0, end - start);
		at = end;
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

/* SPDX-License-Identifier: MIT
 *
 * memblock: what is RAM, what of it is taken, before there is a page allocator.
 *
 *	memory    |######## node 0 ########|      |######## node 1 ########|
 *	reserved  |##|   |#|       |####|            |#|              |####|
 *	free          ---   -------                ---   ------------
 *
 * Two sorted lists of disjoint ranges. Adding merges with neighbours that have the same node and
 * flags, removing cuts. Allocating walks the free ranges from the top down and reserves the highest
 * fit, as on x86 and arm64. After boot the lists stay: pages that are memory and were never
 * handed over are reserved for ever, addresses that are no memory are holes.
 *
 * Invariant: regions are sorted, disjoint, not empty; neighbours that touch differ in node or
 * flags.
 *
 * Left out: growing the arrays (they are of fixed size, as memblock's first ones), mirrored memory.
 * Follows mm/memblock.c of 6.1.
 */
#include "mm/boot/memblock.h"

#include "base/text.h"
#include "mm/machine.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static int full(struct machine *m)
{
	return refuse(
		&m->why, ENOSPC, "the machine's memory map has more than %d ranges", MEMBLOCK_MAX);
}

static int insert_at(
	struct machine *m, struct memblock_type *t, unsigned i, struct memblock_region r)
{
	assert(r.start < r.end && i <= t->nr);
	if (t->nr == MEMBLOCK_MAX)
		return full(m);
	memmove(&t->region[i + 1], &t->region[i], (t->nr - i) * sizeof(r));
	t->region[i] = r;
	t->nr++;
	return 0;
}

static void remove_at(struct memblock_type *t, unsigned i)
{
	t->nr--;
	memmove(&t->region[i], &t->region[i + 1], (t->nr - i) * sizeof(t->region[0]));
	memset(&t->region[t->nr], 0, sizeof(t->region[0]));
}

/* The first region that ends after @addr, or nr. */
static unsigned region_after(const struct memblock_type *t, uint64_t addr)
{
	unsigned low = 0, high = t->nr;

	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (t->region[mid].end <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void merge(struct memblock_type *t)
{
	for (unsigned i = 0; i + 1 < t->nr;) {
		struct memblock_region *a = &t->region[i], *b = a + 1;

		if (a->end == b->start && a->nid == b->nid && a->flags == b->flags) {
			a->end = b->end;
			remove_at(t, i + 1);
		} else {
			i++;
		}
	}
}

/* Fill the gaps of [start, end); what is there already stays as it is. */
static int add(struct machine *m, struct memblock_type *t, uint64_t start, uint64_t end,
	unsigned nid, uint32_t flags)
{
	int err = 0;

	for (unsigned i = region_after(t, start); start < end && !err; i++) {
		uint64_t stop = i < t->nr && t->region[i].start < end ? t->region[i].start : end;

		if (start < stop) {
			err = insert_at(m, t, i,
				(struct memblock_region){
					.start = start, .end = stop, .nid = nid, .flags = flags});
			i++;
		}
		start = stop == end ? end : t->region[i].end;
	}
	merge(t);
	return err;
}

static int cut(struct machine *m, struct memblock_type *t, uint64_t start, uint64_t end)
{
	for (unsigned i = region_after(t, start); i < t->nr && t->region[i].start < end;) {
		struct memblock_region *r = &t->region[i];

		if (r->start < start && r->end > end) {
			struct memblock_region upper = *r;

			upper.start = end;
			int err = insert_at(m, t, i + 1, upper);
			if (err)
				return err;
			t->region[i].end = start;
			return 0;
		}
		if (r->start >= start && r->end <= end) {
			remove_at(t, i);
			continue;
		}
		if (r->start < start)
			r->end = start;
		else
			r->start = end;
		i++;
	}
	return 0;
}

static uint64_t end_of(uint64_t start, uint64_t bytes)
{
	return bytes > UINT64_MAX - start ? UINT64_MAX : start + bytes;
}

int memblock_add(struct machine *m, uint64_t start, uint64_t bytes, unsigned nid)
{
	return add(m, &m->memblock.memory, start, end_of(start, bytes), nid, 0);
}

int memblock_reserve(struct machine *m, uint64_t start, uint64_t bytes)
{
	return add(m, &m->memblock.reserved, start, end_of(start, bytes), 0, 0);
}

int memblock_free(struct machine *m, uint64_t start, uint64_t bytes)
{
	return cut(m, &m->memblock.reserved, start, end_of(start, bytes));
}

int memblock_remove(struct machine *m, uint64_t start, uint64_t bytes)
{
	return cut(m, &m->memblock.memory, start, end_of(start, bytes));
}

/* Split the regions at @addr, so that none reaches across it. */
static int split_at(struct machine *m, struct memblock_type *t, uint64_t addr)
{
	unsigned i = region_after(t, addr);

	if (i == t->nr || t->region[i].start >= addr)
		return 0;
	struct memblock_region upper = t->region[i];
	upper.start = addr;
	int err = insert_at(m, t, i + 1, upper);
	if (!err)
		t->region[i].end = addr;
	return err;
}

/* Of the memory in the range: its flags, and (not -1) its node. */
static int change(
	struct machine *m, uint64_t start, uint64_t bytes, uint32_t set, uint32_t clear, int nid)
{
	struct memblock_type *t = &m->memblock.memory;
	uint64_t end = end_of(start, bytes);
	int err = split_at(m, t, start);

	if (!err)
		err = split_at(m, t, end);
	for (unsigned i = region_after(t, start); !err && i < t->nr && t->region[i].start < end;
		i++) {
		t->region[i].flags = (t->region[i].flags | set) & ~clear;
		t->region[i].nid = nid >= 0 ? (unsigned)nid : t->region[i].nid;
	}
	merge(t);
	return err;
}

int memblock_mark(struct machine *m, uint64_t start, uint64_t bytes, uint32_t flags)
{
	return change(m, start, bytes, flags, 0, -1);
}

int memblock_clear(struct machine *m, uint64_t start, uint64_t bytes, uint32_t flags)
{
	return change(m, start, bytes, 0, flags, -1);
}

int memblock_set_node(struct machine *m, uint64_t start, uint64_t bytes, unsigned nid)
{
	return change(m, start, bytes, 0, 0, (int)nid);
}

bool memblock_next_free(
	const struct machine *m, uint64_t from, uint64_t *start, uint64_t *end, unsigned *nid)
{
	const struct memblock_type *memory = &m->memblock.memory, *reserved = &m->memblock.reserved;

	for (unsigned i = region_after(memory, from); i < memory->nr; i++) {
		const struct memblock_region *r = &memory->region[i];
		uint64_t at = from > r->start ? from : r->start;

		if (r->flags & MEMBLOCK_NOMAP)
			continue;
		unsigned j = region_after(reserved, at);
		for (; j < reserved->nr && reserved->region[j].start <= at; j++)
			at = reserved->region[j].end;
		if (at >= r->end)
			continue;
		*start = at;
		*end = j < reserved->nr && reserved->region[j].start < r->end
			       ? reserved->region[j].start
			       : r->end;
		*nid = r->nid;
		return true;
	}
	return false;
}

uint64_t memblock_alloc_range(
	struct machine *m, uint64_t bytes, uint64_t align, uint64_t min, uint64_t max, int nid)
{
	const struct memblock_type *memory = &m->memblock.memory, *reserved = &m->memblock.reserved;

	assert(bytes && align && !(align & (align - 1)));
	/* Address 0 means failure, so the first page is never given (as in the kernel). */
	if (min < PAGE_BYTES)
		min = PAGE_BYTES;
	for (unsigned i = memory->nr; i-- > 0;) {
		const struct memblock_region *r = &memory->region[i];
		uint64_t low = r->start > min ? r->start : min;
		uint64_t high = r->end < max ? r->end : max;

		if (r->flags & MEMBLOCK_NOMAP || (nid >= 0 && r->nid != (unsigned)nid))
			continue;
		while (high > low && high - low >= bytes) {
			uint64_t at = (high - bytes) & ~(align - 1);
			unsigned j = region_after(reserved, at);

			if (at < low)
				break;
			if (j == reserved->nr || reserved->region[j].start >= at + bytes)
				return memblock_reserve(m, at, bytes) ? 0 : at;
			high = reserved->region[j].start;
		}
	}
	return 0;
}

/* The first region that overlaps [start, end); NULL: none. */
static const struct memblock_region *region_in(
	const struct memblock_type *t, uint64_t start, uint64_t end)
{
	unsigned i = region_after(t, start);

	return i < t->nr && t->region[i].start < end ? &t->region[i] : NULL;
}

bool memblock_is_memory(const struct machine *m, uint64_t addr)
{
	return region_in(&m->memblock.memory, addr, addr + 1);
}

bool memblock_is_map_memory(const struct machine *m, uint64_t addr)
{
	const struct memblock_region *r = region_in(&m->memblock.memory, addr, addr + 1);

	return r && !(r->flags & MEMBLOCK_NOMAP);
}

bool memblock_is_reserved(const struct machine *m, uint64_t addr)
{
	return region_in(&m->memblock.reserved, addr, addr + 1);
}

bool memblock_overlaps_reserved(const struct machine *m, uint64_t start, uint64_t end)
{
	return region_in(&m->memblock.reserved, start, end);
}

bool memblock_overlaps_memory(const struct machine *m, uint64_t start, uint64_t end)
{
	return region_in(&m->memblock.memory, start, end);
}

uint64_t memblock_pages_in(const struct machine *m, uint64_t start_pfn, uint64_t end_pfn, int nid)
{
	uint64_t pages = 0;

	for (unsigned i = 0; i < m->memblock.memory.nr; i++) {
		const struct memblock_region *r = &m->memblock.memory.region[i];
		uint64_t start = pfn_up(r->start), end = r->end >> PAGE_SHIFT;

		if (nid >= 0 && r->nid != (unsigned)nid)
			continue;
		start = start > start_pfn ? start : start_pfn;
		end = end < end_pfn ? end : end_pfn;
		pages += end > start ? end - start : 0;
	}
	return pages;
}

static unsigned check_type(const struct memblock_type *t, const char *name, struct text *out)
{
	unsigned bad = 0;

	for (unsigned i = 0; i < t->nr; i++) {
		const struct memblock_region *r = &t->region[i];

		if (r->start < r->end && (!i || r[-1].end <= r->start))
			continue;
		text_printf(out,
			"memblock.%s[%u] 0x%llx-0x%llx is empty or not behind the one before\n",
			name, i, (unsigned long long)r->start, (unsigned long long)r->end);
		bad++;
	}
	return bad;
}

unsigned memblock_check(const struct machine *m, struct text *out)
{
	return check_type(&m->memblock.memory, "memory", out) +
	       check_type(&m->memblock.reserved, "reserved", out);
}

/* SPDX-License-Identifier: MIT
 *
 * The page allocator's specification: what holds between any two acts.
 *
 *   1. Lists: forward and backward links agree, each member is a free block of that order and type (a PCP block on the
 *      per-CPU lists), its zone is the list's, and nr and nr_free count them.
 *   2. Extents: sorted, disjoint, aligned, inside the zone, merged; their frames are zero; sums by type.
 *   3. Frames: in a live max-order block that is in no extent, blocks follow each other without gap or overlap, each begins
 *      at a head that is exactly one of free, on a CPU's list, allocated, reserved; everything inside is zero.
 *   4. Buddies: no two free buddies of one order below the pageblock order.
 *   5. Counts: free_pages, free_cma_pages, isolated pages, pcp counts are what the lists hold;
 *      free + isolated + on CPUs' lists <= managed; each free block is found on a list exactly once.
 *
 * It reads everything and changes nothing, so its cost is that of the touched memory.
 */
#include "mm/page/extent.h"
#include "mm/page/internal.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MAX_VIOLATIONS 64

struct checker {
	struct machine *m;
	struct text *out;
	unsigned nr;
};

static void violation(struct checker *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void violation(struct checker *c, const char *fmt, ...)
{
	char line[256];
	va_list args;

	if (++c->nr > MAX_VIOLATIONS)
		return;
	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	text_printf(c->out, "page_alloc: %s\n", line);
}

static unsigned long long ull(uint64_t n)
{
	return n;
}

static bool pfn_in_machine(const struct machine *m, uint64_t pfn)
{
	return pfn >= m->base_pfn && pfn < m->frames_end_pfn;
}

/* Walk a list of blocks of @order, of migratetype @type (-1: any), whose flags are @kind; returns how many there are. */
static uint64_t check_list(struct checker *c, const struct zone *z, uint32_t head, uint32_t tail,
	unsigned order, uint32_t kind, int type, const char *what)
{
	struct machine *m = c->m;
	uint64_t nr = 0, limit = m->frames_end_pfn - m->base_pfn;
	uint32_t prev = 0;

	for (uint32_t at = head; at; nr++) {
		uint64_t pfn = at - 1;

		if (nr > limit || !pfn_in_machine(m, pfn) || !frame_is_live(m, pfn)) {
			violation(c, "%s: order %u: the list leads to pfn 0x%llx", what, order,
				ull(pfn));
			return nr;
		}
		const struct frame *f = frame_of(m, pfn);
		if (f->flags != kind || f->order != order || f->refcount)
			violation(c,
				"%s: pfn 0x%llx on the list of order %u has flags 0x%x, order %u, "
				"refcount %u",
				what, ull(pfn), order, f->flags, f->order, f->refcount);
		if (type >= 0 && f->index != (unsigned)type)
			violation(c, "%s: pfn 0x%llx of type %u on the list of type %d", what,
				ull(pfn), (unsigned)f->index, type);
		if (f->prev != prev)
			violation(c, "%s: pfn 0x%llx: the backward link does not agree", what,
				ull(pfn));
		if (pfn_zone(m, pfn) != z)
			violation(c, "%s: pfn 0x%llx is of another zone", what, ull(pfn));
		prev = at;
		at = f->next;
	}
	if (prev != tail)
		violation(c, "%s: order %u: the tail is not the last", what, order);
	return nr;
}

static void check_areas(struct checker *c, const struct zone *z)
{
	struct machine *m = c->m;
	uint64_t free = 0, cma = 0, isolated = 0;

	for (unsigned order = 0; order < m->nr_orders; order++) {
		uint64_t sum = 0;

		for (unsigned type = 0; type < MIGRATE_TYPES; type++) {
			const struct free_list *list = &z->area[order].list[type];
			uint64_t nr = check_list(c, z, list->frames.head, list->frames.tail, order,
				FRAME_BUDDY, (int)type, zone_name(z->type));

			if (nr != list->nr)
				violation(c, "%s: order %u type %u: nr is %llu, the list has %llu",
					zone_name(z->type), order, type, ull(list->nr), ull(nr));
			nr = zone_free_blocks(m, z, order, (enum migratetype)type);
			sum += nr;
			if (type == MIGRATE_ISOLATE)
				isolated += nr << order;
			else
				free += nr << order;
			if (type == MIGRATE_CMA)
				cma += nr << order;
		}
		if (sum != z->area[order].nr_free)
			violation(c, "%s: order %u: nr_free is %llu, the lists have %llu",
				zone_name(z->type), order, ull(z->area[order].nr_free), ull(sum));
	}
	if (free != z->free_pages || cma != z->free_cma_pages || isolated != z->nr_isolated_pages)
		violation(c,
			"%s: free %llu, cma %llu, isolated %llu; the lists have %llu, %llu, %llu",
			zone_name(z->type), ull(z->free_pages), ull(z->free_cma_pages),
			ull(z->nr_isolated_pages), ull(free), ull(cma), ull(isolated));
}

static void check_extents(struct checker *c, const struct zone *z)
{
	struct machine *m = c->m;
	unsigned order = m->nr_orders - 1;
	uint64_t sum[MIGRATE_TYPES] = {0};
	uint64_t end_pfn = z->start_pfn;

	if (z->nr_extents > ZONE_MAX_EXTENTS) {
		violation(c, "%s: %u extents", zone_name(z->type), z->nr_extents);
		return;
	}
	for (unsigned i = 0; i < z->nr_extents; i++) {
		const struct extent *e = &z->extent[i];
		uint64_t stop_pfn = e->start_pfn + ((uint64_t)e->nr_blocks << order);

		if (e->start_pfn < end_pfn || !e->nr_blocks || stop_pfn > zone_end_pfn(z) ||
			e->start_pfn & (((uint64_t)1 << order) - 1) ||
			e->migratetype >= MIGRATE_TYPES)
			violation(c, "%s: extent %u at pfn 0x%llx of %llu blocks is out of place",
				zone_name(z->type), i, ull(e->start_pfn), ull(e->nr_blocks));
		else
			sum[e->migratetype] += e->nr_blocks;
		if (i && e->start_pfn == end_pfn && e[-1].migratetype == e->migratetype)
			violation(c, "%s: extents %u and %u are one", zone_name(z->type), i - 1, i);
		end_pfn = stop_pfn;
	}
	if (memcmp(sum, z->extent_blocks, sizeof(sum)) != 0)
		violation(c, "%s: extent_blocks does not sum up", zone_name(z->type));
}

static uint64_t check_pcps(struct checker *c, const struct zone *z)
{
	struct machine *m = c->m;
	uint64_t all = 0;

	for (unsigned cpu = 0; cpu < m->nr_cpus; cpu++) {
		const struct pcp *pcp = zone_pcp(m, z, cpu);
		uint64_t pages = 0;

		for (unsigned i = 0; i < PCP_MAX_LISTS; i++) {
			unsigned order =
				i < PCP_MAX_LISTS - 2 ? i / MIGRATE_PCPTYPES : m->pcp_thp_order;

			pages += check_list(c, z, pcp->list[i].head, pcp->list[i].tail, order,
					 FRAME_PCP, -1, "pcp")
				 << order;
		}
		if (pages != pcp->count)
			violation(c, "%s: CPU %u: count is %u, its lists have %llu pages",
				zone_name(z->type), cpu, pcp->count, ull(pages));
		all += pages;
	}
	if (all + z->free_pages + z->nr_isolated_pages > z->managed_pages)
		violation(c,
			"%s: %llu free, %llu isolated and %llu pages of CPUs' lists are more than "
			"%llu managed",
			zone_name(z->type), ull(z->free_pages), ull(z->nr_isolated_pages), ull(all),
			ull(z->managed_pages));
	return all;
}

static void check_isolate(struct checker *c, const struct zone *z)
{
	if (!z->nr_isolate_pageblock && !z->nr_isolated_pages)
		return;
	uint64_t nr = zone_type_blocks(c->m, z, MIGRATE_ISOLATE);
	if (nr != z->nr_isolate_pageblock)
		violation(c, "%s: %llu isolated pageblocks, counted %llu", zone_name(z->type),
			ull(nr), ull(z->nr_isolate_pageblock));
}

/* Two free buddies that the last free of either must have merged. From the pageblock order on they may stay apart: a pageblock
 * that was isolated or HighAtomic gets its type back without being freed. */
static bool unmerged_pair(
	const struct machine *m, const struct zone *z, uint64_t pfn, unsigned order)
{
	uint64_t buddy_pfn = pfn ^ ((uint64_t)1 << order);

	if (order >= m->pageblock_order || !pfn_in_machine(m, buddy_pfn) ||
		pfn_zone(m, buddy_pfn) != z)
		return false;
	const struct frame *b = frame_of(m, buddy_pfn);
	return b->flags & FRAME_BUDDY && b->order == order;
}

struct frame_sums {
	uint64_t free_blocks, pcp_pages;
};

/* One frame that begins a block. */
static void check_head(struct checker *c, uint64_t pfn, struct frame_sums *sums)
{
	struct machine *m = c->m;
	const struct frame *f = frame_of(m, pfn);
	const struct zone *z = pfn_zone(m, pfn);
	unsigned kinds =
		!!(f->flags & FRAME_BUDDY) + !!(f->flags & FRAME_PCP) + !!(f->refcount != 0);

	if (kinds != 1)
		violation(c, "pfn 0x%llx is %u things at once (flags 0x%x, refcount %u)", ull(pfn),
			kinds, f->flags, f->refcount);
	if (pfn & (((uint64_t)1 << f->order) - 1) || f->order >= m->nr_orders)
		violation(c, "pfn 0x%llx cannot begin a block of order %u", ull(pfn), f->order);
	if (f->flags & FRAME_RESERVED)
		return;
	if (!z)
		violation(c, "pfn 0x%llx is in no zone", ull(pfn));
	if (f->flags & FRAME_BUDDY) {
		sums->free_blocks++;
		if (z && unmerged_pair(m, z, pfn, f->order))
			violation(c, "pfn 0x%llx and its buddy of order %u are both free", ull(pfn),
				f->order);
	}
	if (f->flags & FRAME_PCP)
		sums->pcp_pages += (uint64_t)1 << f->order;
}

static bool is_zero(const struct frame *f)
{
	static const struct frame zero;

	return !memcmp(f, &zero, sizeof(zero));
}

static void check_live_block(
	struct checker *c, uint64_t start_pfn, uint64_t end_pfn, struct frame_sums *sums)
{
	struct machine *m = c->m;
	const struct zone *z = pfn_zone(m, start_pfn);
	bool never_used = z && extent_find(z, m->nr_orders - 1, start_pfn);

	for (uint64_t pfn = start_pfn; pfn < end_pfn;) {
		const struct frame *f = frame_of(m, pfn);

		if (never_used ? !is_zero(f) : !frame_is_head(f)) {
			violation(c, "pfn 0x%llx: %s", ull(pfn),
				never_used ? "in an extent, but its frame is not zero"
					   : "part of no block");
			return;
		}
		if (never_used) {
			pfn++;
			continue;
		}
		check_head(c, pfn, sums);
		uint64_t next_pfn = pfn + ((uint64_t)1 << f->order);
		for (pfn++; pfn < next_pfn && pfn < end_pfn; pfn++)
			if (!is_zero(frame_of(m, pfn)))
				violation(c,
					"pfn 0x%llx is inside a block, but its frame is not zero",
					ull(pfn));
	}
}

/* Every live max-order block; the bitmap's untouched words are zero and are skipped by the arena. */
static void check_frames(struct checker *c, struct frame_sums *sums)
{
	struct machine *m = c->m;
	unsigned order = m->nr_orders - 1;
	uint64_t blocks = (m->frames_end_pfn - m->base_pfn + ((uint64_t)1 << order) - 1) >> order;
	const uint64_t *live = machine_at(m, m->live_at);

	for (uint64_t block = 0; block < blocks; block++) {
		if (!live[block / 64]) {
			block |= 63;
			continue;
		}
		if (!(live[block / 64] >> (block % 64) & 1))
			continue;
		uint64_t start_pfn = m->base_pfn + (block << order);
		uint64_t end_pfn = start_pfn + ((uint64_t)1 << order);
		check_live_block(c, start_pfn,
			end_pfn < m->frames_end_pfn ? end_pfn : m->frames_end_pfn, sums);
	}
}

unsigned page_alloc_check(struct machine *m, struct text *out)
{
	struct checker c = {.m = m, .out = out};
	struct frame_sums sums = {0};
	uint64_t linked = 0, in_pcps = 0, managed = 0;

	for (struct zone *z = zone_next(m, NULL); z; z = zone_next(m, z)) {
		check_extents(&c, z);
		check_areas(&c, z);
		in_pcps += check_pcps(&c, z);
		check_isolate(&c, z);
		managed += z->managed_pages;
		for (unsigned order = 0; order < m->nr_orders; order++)
			for (unsigned type = 0; type < MIGRATE_TYPES; type++)
				linked += z->area[order].list[type].nr;
	}
	check_frames(&c, &sums);
	if (sums.free_blocks != linked)
		violation(&c, "%llu free blocks by frames, %llu on lists", ull(sums.free_blocks),
			ull(linked));
	if (sums.pcp_pages != in_pcps)
		violation(&c, "%llu pages of CPUs' lists by frames, %llu by lists",
			ull(sums.pcp_pages), ull(in_pcps));
	if (managed != m->totalram_pages)
		violation(&c, "totalram is %llu, the zones manage %llu", ull(m->totalram_pages),
			ull(managed));
	return c.nr;
}

void page_alloc_verify(struct machine *m)
{
	struct text out;

	text_init(&out);
	unsigned nr = page_alloc_check(m, &out);
	assert(!nr && "page_alloc_check() finds nothing");
	(void)nr;
	text_finish(&out);
}

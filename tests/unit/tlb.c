/* SPDX-License-Identifier: MIT
 *
 * Claim: a TLB answers exactly as a list of (page, address space) kept in order of use, cut to the set's ways, would;
 * and so does the data cache with lines.
 */
#include "base/rng.h"
#include "hw/cache.h"
#include "hw/tlb.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct tlb *make(uint32_t sets, uint32_t ways)
{
	struct tlb_desc desc = {sets, ways};
	struct tlb *t = calloc(1, sizeof(*t) + tlb_bytes(&desc));

	tlb_init(t, &desc, sizeof(*t));
	return t;
}

static void put(
	struct tlb *t, uint64_t va, unsigned shift, uint64_t pa, uint16_t asid, uint32_t flags)
{
	tlb_put(t, va,
		(struct tlb_page){.pa = pa,
			.flags = flags,
			.asid = asid,
			.depth = pa >> 22 & 3,
			.shift = (uint8_t)shift});
}

static uint64_t find(struct tlb *t, uint64_t va, uint16_t asid)
{
	const struct tlb_page *e = tlb_find(t, va, asid);

	return e ? e->pa : UINT64_MAX;
}

Test(tlb, least_recently_used_goes_first)
{
	struct tlb *t = make(1, 4);

	for (uint64_t page = 0; page < 4; page++)
		put(t, page << 12, 12, page << 20, 1, HW_ALL);
	cr_assert_eq(find(t, 0x0abc, 1), 0);
	put(t, 9 << 12, 12, 9 << 20, 1, HW_ALL);
	cr_assert_eq(find(t, 0x1000, 1), UINT64_MAX, "page 1 was the oldest");
	cr_assert_eq(find(t, 0x0000, 1), 0);
	cr_assert_eq(find(t, 0x9fff, 1), 9 << 20);
	cr_assert_eq(t->hits, 3);
	cr_assert_eq(t->misses, 1);
	cr_assert_eq(t->evictions, 1);
	free(t);
}

Test(tlb, sets_are_chosen_by_the_page_number)
{
	struct tlb *t = make(4, 1);

	for (uint64_t page = 0; page < 4; page++)
		put(t, page << 12, 12, page << 20, 1, HW_ALL);
	cr_assert_eq(tlb_count(t), 4);
	put(t, 4 << 12, 12, 4 << 20, 1, HW_ALL);
	cr_assert_eq(find(t, 0, 1), UINT64_MAX);
	cr_assert_eq(find(t, 1 << 12, 1), 1 << 20);
	free(t);
}

Test(tlb, sizes_spaces_and_globals)
{
	struct tlb *t = make(16, 4);

	put(t, 0xc0000000, 22, 0x00000000, 0, HW_ALL | HW_GLOBAL);
	put(t, 0x12345000, 12, 0x00abc000, 1, HW_ALL);
	put(t, 0x12345000, 12, 0x00def000, 2, HW_ALL);
	put(t, 0xffff888040000000, 30, 0x40000000, 1, HW_ALL);
	cr_assert_eq(find(t, 0xc03fffff, 7), 0);
	cr_assert_eq(find(t, 0xc0400000, 7), UINT64_MAX);
	cr_assert_eq(find(t, 0x12345678, 1), 0xabc000);
	cr_assert_eq(find(t, 0x12345678, 2), 0xdef000);
	cr_assert_eq(find(t, 0x12345678, 3), UINT64_MAX);
	cr_assert_eq(find(t, 0xffff88807fffffff, 1), 0x40000000);
	cr_assert_eq(tlb_invalidate_page(t, 0x12345fff, 1), 1);
	cr_assert_eq(find(t, 0x12345678, 1), UINT64_MAX);
	cr_assert_eq(find(t, 0x12345678, 2), 0xdef000, "another address space keeps its own");
	cr_assert_eq(tlb_invalidate_asid(t, 2), 1);
	cr_assert_eq(tlb_flush(t, true), 1, "the 1 GiB page");
	cr_assert_eq(find(t, 0xc0001000, 9), 0, "a global page stays");
	cr_assert_eq(t->shifts, 1ULL << 22);
	cr_assert_eq(tlb_invalidate_page(t, 0xc0001000, 9), 1, "but not when it is named");
	cr_assert_eq(tlb_count(t), 0);
	free(t);
}

Test(tlb, none_at_all)
{
	struct tlb *t = make(0, 4);

	put(t, 0x1000, 12, 0x2000, 1, HW_ALL);
	tlb_put_absent(t, 0x1000, (struct tlb_page){.pa = 0x2000, .flags = HW_ALL, .shift = 12});
	cr_assert_eq(find(t, 0x1000, 1), UINT64_MAX);
	cr_assert_eq(tlb_flush(t, false), 0);
	cr_assert_eq(t->changes, 0);
	cr_assert_eq(tlb_bytes(&(struct tlb_desc){0, 4}), 0);
	cr_assert_eq(tlb_bytes(&(struct tlb_desc){4, 0}), 0);
	free(t);
}

/* The dumb one: all entries in order of use; a set is those whose page number has the set's bits. */
enum { MAX = 256 };

struct model {
	uint32_t sets, ways;
	struct {
		uint64_t page;
		unsigned shift;
		uint16_t asid;
		bool global;
		uint64_t pa; /* and its depth are the step's that put it */
	} e[MAX];
	unsigned n;
	uint64_t evictions, gone;
};

static const unsigned sizes[] = {12, 16, 22};

static bool same(
	const struct model *m, unsigned i, uint64_t va, unsigned shift, uint16_t asid, bool global)
{
	return m->e[i].shift == shift && m->e[i].page == va >> shift &&
	       (m->e[i].asid == asid || m->e[i].global || global);
}

static void model_remove(struct model *m, unsigned i)
{
	memmove(&m->e[i], &m->e[i + 1], (--m->n - i) * sizeof(m->e[0]));
}

static void model_put(
	struct model *m, uint64_t va, unsigned shift, uint16_t asid, bool global, uint64_t pa)
{
	unsigned in_set = 0;

	for (unsigned i = 0; i < m->n;)
		if (same(m, i, va, shift, asid, global))
			model_remove(m, i);
		else
			i++;
	for (unsigned i = 0; i < m->n;)
		if (m->e[i].page % m->sets == (va >> shift) % m->sets && ++in_set == m->ways) {
			model_remove(m, i);
			m->evictions++;
		} else {
			i++;
		}
	memmove(&m->e[1], &m->e[0], m->n++ * sizeof(m->e[0]));
	m->e[0].page = va >> shift;
	m->e[0].shift = shift;
	m->e[0].asid = asid;
	m->e[0].global = global;
	m->e[0].pa = pa;
}

/* The smallest page first, as the hardware's probe goes. */
static uint64_t model_find(struct model *m, uint64_t va, uint16_t asid, bool broken)
{
	for (unsigned k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++)
		for (unsigned i = 0; i < m->n; i++)
			if (same(m, i, va, sizes[k], asid, false)) {
				uint64_t pa = m->e[i].pa;
				struct model old = *m;

				if (!broken) {
					memmove(&m->e[1], &old.e[0], i * sizeof(old.e[0]));
					m->e[0] = old.e[i];
				}
				return pa;
			}
	return UINT64_MAX;
}

/* Forget the entries of which @goes says so. */
typedef bool goes_fn(
	const struct model *m, unsigned i, uint64_t start, uint64_t end, uint16_t asid);

static unsigned model_forget(
	struct model *m, goes_fn *goes, uint64_t start, uint64_t end, uint16_t asid)
{
	unsigned n = m->n;

	for (unsigned i = 0; i < m->n;)
		if (goes(m, i, start, end, asid))
			model_remove(m, i);
		else
			i++;
	m->gone += n - m->n;
	return n - m->n;
}

static bool in_range(const struct model *m, unsigned i, uint64_t start, uint64_t end, uint16_t asid)
{
	uint64_t va = m->e[i].page << m->e[i].shift;

	return (m->e[i].asid == asid || m->e[i].global) && va < end &&
	       va + ((uint64_t)1 << m->e[i].shift) > start;
}

static bool of_asid(const struct model *m, unsigned i, uint64_t start, uint64_t end, uint16_t asid)
{
	return m->e[i].asid == asid && !m->e[i].global;
}

static bool any(const struct model *m, unsigned i, uint64_t start, uint64_t end, uint16_t asid)
{
	return true;
}

static bool not_global(
	const struct model *m, unsigned i, uint64_t start, uint64_t end, uint16_t asid)
{
	return !m->e[i].global;
}

/* Forget something, in both; do they say that as many went? */
static bool forget(struct tlb *t, struct model *m, struct rng *rng, uint64_t va, uint16_t asid)
{
	uint64_t start = va & ~(uint64_t)4095, end = start + ((uint64_t)rng_below(rng, 20) << 12);

	switch (rng_below(rng, 16)) {
	case 0:
		return tlb_invalidate_asid(t, asid) == model_forget(m, of_asid, 0, 0, asid);
	case 1:
		return tlb_flush(t, true) == model_forget(m, not_global, 0, 0, 0);
	case 2:
		return tlb_flush(t, false) == model_forget(m, any, 0, 0, 0);
	case 3:
	case 4:
		return tlb_invalidate_range(t, start, end, asid) ==
		       model_forget(m, in_range, start, end, asid);
	default:
		return tlb_invalidate_page(t, va, asid) ==
		       model_forget(m, in_range, va, va + 1, asid);
	}
}

static uint8_t depth_of(uint64_t pa)
{
	return pa >> 22 & 3;
}

/* Do the sets have the model's entries, each set's in order of use? */
static bool equal(const struct tlb *t, const struct model *m)
{
	unsigned n = 0;

	for (unsigned i = 0; i < t->sets * t->ways; i++) {
		unsigned set = i / t->ways, nth = i % t->ways, k = 0, at = i;
		uint64_t va;
		const struct tlb_page *p = tlb_next(t, &at, &va);

		for (unsigned of_set = 0; k < m->n; k++)
			if (m->e[k].page % m->sets == set && of_set++ == nth)
				break;
		if (k == m->n)
			continue;
		if (!p || at != i + 1 || p->pa != m->e[k].pa || p->depth != depth_of(p->pa) ||
			va != m->e[k].page << p->shift)
			return false;
		n++;
	}
	return n == m->n && tlb_count(t) == n && t->evictions == m->evictions &&
	       t->invalidations == m->gone && !tlb_check(t);
}

/* Returns how many answers differ. @broken: the model forgets to note uses, which must be found. */
static unsigned against_model(uint32_t sets, uint32_t ways, bool broken)
{
	struct tlb *t = make(sets, ways);
	struct model *m = calloc(1, sizeof(*m));
	struct rng rng = {5};
	uint64_t pages = 3ULL * sets * ways + 8, misses = 0;
	unsigned differences = 0;

	m->sets = sets;
	m->ways = ways;
	for (int step = 0; step < 6000; step++) {
		unsigned shift = rng_below(&rng, 4) ? 12 : sizes[rng_below(&rng, 3)];
		uint64_t va = rng_below(&rng, pages) << (rng_below(&rng, 4) ? 12 : 22) |
			      (rng_below(&rng, 2) ? 0xabc : 0);
		uint16_t asid = (uint16_t)rng_below(&rng, 2);
		bool global = !rng_below(&rng, 8);
		uint32_t flags = HW_ALL | (global ? HW_GLOBAL : 0);
		uint64_t pa = (uint64_t)step << 22, changes = t->changes;
		unsigned what = rng_below(&rng, 16);

		if (what < 4) {
			put(t, va, shift, pa, asid, flags);
			model_put(m, va, shift, asid, global, pa);
			differences += t->changes == changes;
		} else if (what == 4) {
			differences += !forget(t, m, &rng, va, asid);
		} else {
			bool there = tlb_has(t, va, asid);
			uint64_t found = find(t, va, asid);

			differences += found != model_find(m, va, asid, broken);
			differences += there != (found != UINT64_MAX);
			misses += !there;
			if (!there && what > 11) {
				tlb_put_absent(t, va,
					(struct tlb_page){
						pa, flags, asid, depth_of(pa), (uint8_t)shift});
				model_put(m, va, shift, asid, global, pa);
			}
		}
		differences += !equal(t, m);
	}
	differences += t->misses != misses;
	free(m);
	free(t);
	return differences;
}

Test(tlb, random_acts_against_a_list)
{
	/* One way, where the front is always the last one; ways that are searched four at a time, and with some left over. */
	static const struct tlb_desc desc[] = {{1, 1}, {8, 1}, {1, 2}, {2, 2}, {4, 3}, {1, 4},
		{2, 5}, {1, 7}, {16, 8}, {1, 32}, {4, 32}};

	for (unsigned i = 0; i < sizeof(desc) / sizeof(desc[0]); i++) {
		uint32_t sets = desc[i].sets, ways = desc[i].ways;

		cr_expect_eq(against_model(sets, ways, false), 0, "%u sets of %u ways", sets, ways);
		cr_expect(ways == 1 || against_model(sets, ways, true) > 0,
			"a broken model is noticed: %u sets of %u ways", sets, ways);
	}
}

Test(tlb, data_cache_counts_time)
{
	struct cache_desc desc = {.sets = 2,
		.ways = 2,
		.line_shift = 6,
		.hit_cycles = 4,
		.miss_cycles = 200,
		.writeback_cycles = 40};
	struct cache *c = calloc(1, sizeof(*c) + cache_bytes(&desc));

	cache_init(c, &desc, sizeof(*c));
	cr_assert_eq(cache_access(c, 0x1000, true), 200);
	cr_assert_eq(cache_access(c, 0x103f, false), 4);
	cr_assert_eq(cache_access(c, 0x1080, false), 200, "the same set");
	cr_assert_eq(cache_access(c, 0x1040, false), 200, "the other set");
	cr_assert_eq(cache_access(c, 0x1100, false), 240, "the dirty line was the oldest");
	cr_assert_eq(cache_access(c, 0x1000, false), 200);
	cr_assert_eq(c->hits, 1);
	cr_assert_eq(c->misses, 5);
	cr_assert_eq(c->writebacks, 1);
	free(c);
}

Test(tlb, without_a_data_cache_all_is_a_miss)
{
	struct cache_desc desc = {
		.line_shift = 6, .hit_cycles = 4, .miss_cycles = 200, .writeback_cycles = 40};
	struct cache *c = calloc(1, sizeof(*c) + cache_bytes(&desc) + 64);

	cache_init(c, &desc, sizeof(*c));
	for (unsigned i = 0; i < 3; i++)
		cr_assert_eq(cache_access(c, 0, true), 200);
	cr_assert_eq(c->misses, 3);
	cr_assert_eq(c->writebacks, 0);
	free(c);
}

enum { LISTED = 4 };

/* An access to a set that is a list of lines, the latest first: its cycles. */
static uint32_t list_access(uint64_t *list, bool *dirty, uint64_t line, bool write)
{
	unsigned at = 0;

	while (at < LISTED - 1 && list[at] != line)
		at++;
	bool hit = list[at] == line, was_dirty = dirty[at];

	memmove(list + 1, list, at * sizeof(*list));
	memmove(dirty + 1, dirty, at * sizeof(*dirty));
	list[0] = line;
	dirty[0] = write || (hit && was_dirty);
	return hit ? 4 : was_dirty ? 240 : 200;
}

/* @forgetful: what stands in front is not marked when it is written. How often do cache and list differ? */
static unsigned cache_against_list(bool forgetful)
{
	struct cache_desc desc = {.sets = 8,
		.ways = LISTED,
		.line_shift = 5,
		.hit_cycles = 4,
		.miss_cycles = 200,
		.writeback_cycles = 40};
	struct cache *c = calloc(1, sizeof(*c) + cache_bytes(&desc));
	uint64_t list[8][LISTED];
	bool dirty[8][LISTED] = {{false}};
	struct rng rng = {4};
	unsigned differences = 0, fronts = 0;

	memset(list, 0xff, sizeof(list));
	cache_init(c, &desc, sizeof(*c));
	for (unsigned i = 0; i < 100000; i++) {
		uint64_t line = rng_below(&rng, 3) ? rng_below(&rng, 12) : rng_below(&rng, 80);
		bool write = rng_below(&rng, 2), front = list[line % 8][0] == line;
		uint64_t pa = line * 32 + rng_below(&rng, 32);
		struct cache_view v = cache_view(c);

		differences += cache_view_front(&v, pa) != front;

		if (rng_below(&rng, 2)) {
			bool had = cache_front(c, pa, write && !forgetful);

			fronts += had;
			differences += had != front;
			if (had)
				list_access(list[line % 8], dirty[line % 8], line, write);
			continue;
		}
		differences += cache_access(c, pa, write) !=
			       list_access(list[line % 8], dirty[line % 8], line, write);
	}
	cr_assert_gt(fronts, 1000);
	free(c);
	return differences;
}

Test(tlb, data_cache_against_a_list)
{
	cr_assert_eq(cache_against_list(false), 0);
	cr_assert_gt(cache_against_list(true), 0, "a broken cache is noticed");
}

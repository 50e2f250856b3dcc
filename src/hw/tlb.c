/* SPDX-License-Identifier: MIT
 *
 * TLBs: finding, filling and forgetting (see tlb.h; what needs no search is inline there).
 *
 * Invariant: in a set no two entries answer for the same address in the same address space, and from the front on empty
 * entries stand behind used ones. Forgetting closes the gaps, so a new entry always takes the place of the last way.
 */
#include "hw/tlb.h"

#include <assert.h>

void tlb_init(struct tlb *t, const struct tlb_desc *desc, uint32_t sets_at)
{
	assert(!(desc->sets & (desc->sets - 1)));
	memset(t, 0, sizeof(*t));
	t->sets = desc->ways ? desc->sets : 0;
	t->ways = desc->sets ? desc->ways : 0;
	t->sets_at = sets_at;
	t->set_bytes = (uint32_t)tlb_set_bytes(desc);
}

/* The way of the @nth entry in order of use. */
static unsigned nth_way(const struct tlb *t, const struct tlb_set *set, unsigned nth)
{
	unsigned way = (unsigned)set->front + nth;

	return way < t->ways ? way : way - t->ways;
}

/* The next way from @way on that has @key; the number of ways: none. Four at a time, since most searches are for nothing. */
static inline size_t next_way(
	const struct tlb *t, const struct tlb_set *set, size_t way, uint64_t key)
{
	size_t ways = t->ways;

	for (; way + 4 <= ways; way += 4) {
		if (set->key[way] == key)
			return way;
		if (set->key[way + 1] == key)
			return way + 1;
		if (set->key[way + 2] == key)
			return way + 2;
		if (set->key[way + 3] == key)
			return way + 3;
	}
	while (way < ways && set->key[way] != key)
		way++;
	return way;
}

/* The way of the entry that translates the page of @key in the address space @asid; the number of ways: none. */
static inline size_t find_way(const struct tlb *t, struct tlb_set *set, uint64_t key, uint16_t asid)
{
	size_t way = next_way(t, set, 0, key);

	while (way < t->ways && !tlb_answers(tlb_page(t, set, way), asid))
		way = next_way(t, set, way + 1, key);
	return way;
}

/* The entry in @way becomes the latest of @set: those that were used later move back by one. */
static void to_front(struct tlb *t, struct tlb_set *set, size_t way)
{
	uint64_t key = set->key[way];
	struct tlb_page page = *tlb_page(t, set, way);

	t->changes++;
	while (way != set->front) {
		size_t before = (way ? way : t->ways) - 1;

		set->key[way] = set->key[before];
		*tlb_page(t, set, way) = *tlb_page(t, set, before);
		way = before;
	}
	set->key[way] = key;
	*tlb_page(t, set, way) = page;
}

static __attribute__((noinline)) const struct tlb_page *hit(
	struct tlb *t, struct tlb_set *set, size_t way)
{
	t->hits++;
	if (way != set->front)
		to_front(t, set, way);
	return tlb_page(t, set, set->front);
}

/* Among the sizes of @shifts. */
static __attribute__((noinline)) const struct tlb_page *find_among(
	struct tlb *t, uint64_t va, uint16_t asid, uint64_t shifts)
{
	for (; shifts; shifts &= shifts - 1) {
		unsigned shift = (unsigned)__builtin_ctzll(shifts);
		struct tlb_set *set = tlb_set(t, va >> shift);
		size_t way = find_way(t, set, tlb_key(va, shift), asid);

		if (way < t->ways)
			return hit(t, set, way);
	}
	t->misses++;
	return NULL;
}

/* Mostly there are pages of one size, and it is asked of one that is not there: a search of keys and nothing else. */
const struct tlb_page *tlb_find(struct tlb *t, uint64_t va, uint16_t asid)
{
	uint64_t shifts = t->shifts;

	if (shifts) {
		unsigned shift = (unsigned)__builtin_ctzll(shifts);
		struct tlb_set *set = tlb_set(t, va >> shift);
		size_t way = next_way(t, set, 0, tlb_key(va, shift));

		if (way < t->ways)
			return tlb_answers(tlb_page(t, set, way), asid)
				       ? hit(t, set, way)
				       : find_among(t, va, asid, shifts);
		shifts &= shifts - 1;
		if (shifts)
			return find_among(t, va, asid, shifts);
	}
	t->misses++;
	return NULL;
}

/* Take the entry in @way out of @set; the later ones move up. */
static void take_out(struct tlb *t, struct tlb_set *set, size_t way)
{
	to_front(t, set, way);
	set->key[set->front] = 0;
	set->front = nth_way(t, set, 1);
}

void tlb_put(struct tlb *t, uint64_t va, struct tlb_page page)
{
	uint64_t key = tlb_key(va, page.shift);

	if (!t->sets)
		return;
	assert(page.shift >= 12);
	struct tlb_set *set = tlb_set(t, va >> page.shift);

	if (page.flags & HW_GLOBAL) { /* It will answer for all address spaces. */
		for (unsigned nth = 0; nth < t->ways;)
			if (set->key[nth_way(t, set, nth)] == key)
				take_out(t, set, nth_way(t, set, nth));
			else
				nth++;
	} else {
		size_t way = find_way(t, set, key, page.asid);

		if (way < t->ways)
			take_out(t, set, way);
	}
	tlb_push(t, set, va, page);
}

unsigned tlb_invalidate_page(struct tlb *t, uint64_t va, uint16_t asid)
{
	unsigned gone = 0;

	for (uint64_t shifts = t->shifts; shifts; shifts &= shifts - 1) {
		unsigned shift = (unsigned)__builtin_ctzll(shifts);
		struct tlb_set *set = tlb_set(t, va >> shift);
		size_t way = find_way(t, set, tlb_key(va, shift), asid);

		if (way == t->ways)
			continue;
		take_out(t, set, way);
		gone++;
	}
	t->invalidations += gone;
	return gone;
}

/* Forget the entries for which @asid (negative: any) and globality say so; find out which sizes are left. */
static unsigned invalidate(struct tlb *t, int asid, bool keep_global)
{
	uint64_t shifts = 0;
	unsigned gone = 0;

	for (unsigned i = 0; i < t->sets; i++)
		for (unsigned nth = 0; nth < t->ways;) {
			struct tlb_set *set = tlb_set(t, i);
			unsigned way = nth_way(t, set, nth);
			const struct tlb_page *p = tlb_page(t, set, way);
			bool other = asid >= 0 && p->asid != asid;

			if (!set->key[way])
				break;
			if (other || (keep_global && p->flags & HW_GLOBAL)) {
				shifts |= (uint64_t)1 << p->shift;
				nth++;
			} else {
				take_out(t, set, way);
				gone++;
			}
		}
	t->shifts = shifts;
	t->invalidations += gone;
	return gone;
}

unsigned tlb_invalidate_range(struct tlb *t, uint64_t start, uint64_t end, uint16_t asid)
{
	unsigned gone = 0;

	for (unsigned i = 0; i < t->sets; i++)
		for (unsigned nth = 0; nth < t->ways;) {
			struct tlb_set *set = tlb_set(t, i);
			unsigned way = nth_way(t, set, nth);
			const struct tlb_page *p = tlb_page(t, set, way);
			uint64_t va = set->key[way] >> p->shift << p->shift;

			if (!set->key[way])
				break;
			if (!tlb_answers(p, asid) || va >= end ||
				va + (((uint64_t)1 << p->shift) - 1) < start) {
				nth++;
			} else {
				take_out(t, set, way);
				gone++;
			}
		}
	t->invalidations += gone;
	return gone;
}

unsigned tlb_invalidate_asid(struct tlb *t, uint16_t asid)
{
	return invalidate(t, asid, true);
}

unsigned tlb_flush(struct tlb *t, bool keep_global)
{
	return invalidate(t, -1, keep_global);
}

unsigned tlb_count(const struct tlb *t)
{
	unsigned n = 0, i = 0;
	uint64_t va;

	while (tlb_next(t, &i, &va))
		n++;
	return n;
}

const struct tlb_page *tlb_next(const struct tlb *t, unsigned *i, uint64_t *va)
{
	while (*i < t->sets * t->ways) {
		struct tlb_set *set = tlb_set(t, *i / t->ways);
		unsigned way = nth_way(t, set, *i % t->ways);
		const struct tlb_page *p = tlb_page(t, set, way);

		++*i;
		if (!set->key[way])
			continue;
		*va = set->key[way] >> p->shift << p->shift;
		return p;
	}
	return NULL;
}

bool tlb_has(const struct tlb *t, uint64_t va, uint16_t asid)
{
	const struct tlb_page *p;
	unsigned i = 0;
	uint64_t at;

	while ((p = tlb_next(t, &i, &at)))
		if (va >> p->shift == at >> p->shift && tlb_answers(p, asid))
			return true;
	return false;
}

static const char *check_way(const struct tlb *t, struct tlb_set *set, unsigned nth)
{
	unsigned way = nth_way(t, set, nth);
	const struct tlb_page *p = tlb_page(t, set, way);

	if (!set->key[way])
		return NULL;
	if (nth && !set->key[nth_way(t, set, nth - 1)])
		return "a TLB's set has a gap before a used way";
	if (set->key[way] != tlb_key(set->key[way], p->shift))
		return "a TLB entry's key is of another size";
	if (!(t->shifts >> p->shift & 1))
		return "a TLB holds a page size that it does not know of";
	if (tlb_set(t, set->key[way] >> p->shift) != set)
		return "a TLB entry lies in the wrong set";
	if (p->pa & (((uint64_t)1 << p->shift) - 1))
		return "a TLB entry's page is not aligned";
	return NULL;
}

const char *tlb_check(const struct tlb *t)
{
	const char *wrong = NULL;

	for (unsigned i = 0; !wrong && i < t->sets * t->ways; i++) {
		struct tlb_set *set = tlb_set(t, i / t->ways);

		wrong = set->front < t->ways ? check_way(t, set, i % t->ways)
					     : "the front of a TLB's set is none of its ways";
	}
	return wrong;
}

/* SPDX-License-Identifier: MIT
 *
 * The data cache's accesses and flush (see cache.h; the most frequent hits are inline there).
 *
 * Left out: more levels, prefetching, coherence traffic between CPUs (each CPU has its own cache and pays only for
 * its own misses).
 */
#include "hw/cache.h"

#include <assert.h>

void cache_init(struct cache *c, const struct cache_desc *desc, uint32_t lines_at)
{
	assert(!(desc->sets & (desc->sets - 1)) && desc->line_shift < 64);
	memset(c, 0, sizeof(*c));
	c->desc = *desc;
	if (!desc->sets)
		c->desc.ways = 0;
	c->lines_at = lines_at;
}

/* The way of @set that has the line; @ways: none. Four at a time, since most searches are for nothing. */
static inline size_t find_way(const uint64_t *set, size_t ways, uint64_t line)
{
	size_t way = 0;

	for (; way + 4 <= ways; way += 4) {
		if (cache_is(set[way], line))
			return way;
		if (cache_is(set[way + 1], line))
			return way + 1;
		if (cache_is(set[way + 2], line))
			return way + 2;
		if (cache_is(set[way + 3], line))
			return way + 3;
	}
	while (way < ways && !cache_is(set[way], line))
		way++;
	return way;
}

uint64_t *cache_find(const struct cache *c, uint64_t number)
{
	uint64_t *set = cache_set(c, number);
	size_t way = find_way(set, c->desc.ways, number);

	return way < c->desc.ways ? set + way : NULL;
}

static __attribute__((noinline)) uint32_t hit(
	struct cache *c, uint64_t *set, size_t way, bool write)
{
	uint64_t tag = set[way];

	memmove(set + 1, set, way * sizeof(*set));
	set[0] = tag | write;
	c->hits++;
	return c->desc.hit_cycles;
}

uint32_t cache_access(struct cache *c, uint64_t pa, bool write)
{
	uint64_t line = pa >> c->desc.line_shift;
	uint64_t *set = cache_set(c, line), last;
	size_t ways = c->desc.ways, way = find_way(set, ways, line);

	if (way < ways)
		return hit(c, set, way, write);
	c->misses++;
	if (!ways)
		return c->desc.miss_cycles;
	last = set[ways - 1];
	memmove(set + 1, set, (ways - 1) * sizeof(*set));
	set[0] = (line + 1) << 1 | write;
	if (!(last & 1))
		return c->desc.miss_cycles;
	c->writebacks++;
	return c->desc.miss_cycles + c->desc.writeback_cycles;
}

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

uint32_t cache_access(struct cache *c, uint64_t pa, bool write)
{
	uint64_t line = pa >> c->desc.line_shift;
	uint64_t *set = cache_set(c, line), last = 0;

	/* All lines move back by one place, up to where this one was. */
	for (unsigned way = 0; way < c->desc.ways; way++) {
		uint64_t tag = set[way];

		set[way] = last;
		if (tag >> 1 == line + 1) {
			set[0] = tag | write;
			c->hits++;
			return c->desc.hit_cycles;
		}
		last = tag;
	}
	c->misses++;
	if (c->desc.ways)
		set[0] = (line + 1) << 1 | write;
	c->writebacks += last & 1;
	return c->desc.miss_cycles + (last & 1 ? c->desc.writeback_cycles : 0);
}

unsigned cache_flush(struct cache *c)
{
	uint64_t *lines = cache_lines(c);
	unsigned dirty = 0;

	for (uint64_t i = 0; i < (uint64_t)c->desc.sets * c->desc.ways; i++)
		dirty += lines[i] & 1;
	memset(lines, 0, cache_bytes(&c->desc));
	c->writebacks += dirty;
	return dirty;
}

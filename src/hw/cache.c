/* SPDX-License-Identifier: MIT
 *
 * The data cache's misses and flush (see cache.h; hits are inline there).
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

uint32_t cache_fill(struct cache *c, uint64_t *set, uint64_t line, bool write)
{
	uint32_t cycles = c->desc.miss_cycles;

	c->misses++;
	if (!c->desc.ways)
		return cycles;
	if (set[c->desc.ways - 1] & 1) {
		c->writebacks++;
		cycles += c->desc.writeback_cycles;
	}
	memmove(set + 1, set, (c->desc.ways - 1) * sizeof(*set));
	set[0] = (line + 1) << 1 | write;
	return cycles;
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

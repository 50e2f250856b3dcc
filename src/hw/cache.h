/* SPDX-License-Identifier: MIT
 *
 * One level of data cache: physically indexed and tagged, write-back, write-allocate, LRU within a set.
 *
 * It holds tags only. The bytes are in DRAM at once, which no program on one coherent machine can tell from a real
 * cache; what can be told is time: a hit costs hit_cycles, a miss miss_cycles, throwing out a dirty line
 * writeback_cycles more. The page walker's reads go through it too, as on real CPUs.
 */
#ifndef SIMM_HW_CACHE_H
#define SIMM_HW_CACHE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct cache_desc {
	uint32_t sets;		/* a power of two; 0: no cache, each access costs miss_cycles */
	uint32_t ways;
	uint32_t line_shift;
	uint32_t hit_cycles, miss_cycles, writeback_cycles;
};

struct cache {
	struct cache_desc desc;
	uint32_t lines_at;	/* bytes from this structure to its lines */
	uint32_t unused;
	uint64_t hits, misses, writebacks;
};

static inline uint64_t cache_bytes(const struct cache_desc *desc)
{
	return (uint64_t)desc->sets * desc->ways * 8;
}

/* The lines at @lines_at must be zero. */
void cache_init(struct cache *c, const struct cache_desc *desc, uint32_t lines_at);

static inline uint64_t *cache_lines(const struct cache *c)
{
	return (uint64_t *)((char *)(uintptr_t)c + c->lines_at);
}

static inline uint64_t *cache_set(const struct cache *c, uint64_t line)
{
	return cache_lines(c) + (line & (c->desc.sets - 1)) * c->desc.ways;
}

/* Is it the line of that number? A line in a set is (number + 1) << 1 | dirty; 0 is empty. */
static inline bool cache_is(uint64_t line, uint64_t number)
{
	return line >> 1 == number + 1;
}

/* Where the line of that number stands in its set; NULL: it is not there. */
uint64_t *cache_find(const struct cache *c, uint64_t number);

/* An access to the line of @pa; returns its cycles. */
uint32_t cache_access(struct cache *c, uint64_t pa, bool write);

/* The same when the line stands in front of its set: a hit. False: it does not, and nothing was done. */
static inline bool cache_front(struct cache *c, uint64_t pa, bool write)
{
	uint64_t line = pa >> c->desc.line_shift;
	uint64_t *front = cache_set(c, line);

	if (!c->desc.ways || !cache_is(*front, line))
		return false;
	*front |= write;
	c->hits++;
	return true;
}

/* For many questions in a row about the first lines of sets, which nothing moves meanwhile. */
struct cache_view {
	const uint64_t *lines;
	uint64_t mask, ways;
	uint32_t line_shift;
};

static inline struct cache_view cache_view(const struct cache *c)
{
	return (struct cache_view){cache_lines(c), c->desc.sets - 1, c->desc.ways, c->desc.line_shift};
}

/* Does the line of @pa stand in front of its set? There must be sets. */
static inline bool cache_view_front(const struct cache_view *v, uint64_t pa)
{
	uint64_t line = pa >> v->line_shift;

	return cache_is(v->lines[(line & v->mask) * v->ways], line);
}

#endif

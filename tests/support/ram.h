/* SPDX-License-Identifier: MIT
 *
 * RAM for tests of the hardware layer: an arena with nothing but DRAM in it, from physical address 0.
 */
#ifndef SIMM_TESTS_RAM_H
#define SIMM_TESTS_RAM_H

#include "hw/dram.h"

#include <criterion/criterion.h>

struct ram {
	struct arena arena;
	struct dram dram;
};

static inline void ram_init(struct ram *r, uint64_t bytes)
{
	uint64_t bitmap = (bytes / DRAM_FRAME_BYTES / 8 + ARENA_PAGE_BYTES) & ~(ARENA_PAGE_BYTES - 1);

	cr_assert_eq(arena_init(&r->arena, bytes + bitmap, 0, NULL), 0);
	r->dram = (struct dram){.arena = &r->arena,
		.contents = r->arena.base + bitmap,
		.has = (uint64_t *)r->arena.base,
		.bytes = bytes};
}

static inline void ram_finish(struct ram *r)
{
	arena_finish(&r->arena);
}

static inline void put32(struct ram *r, uint64_t pa, uint32_t value)
{
	cr_assert_eq(dram_store(&r->dram, pa, 4, value, NULL), 0);
}

static inline void put64(struct ram *r, uint64_t pa, uint64_t value)
{
	cr_assert_eq(dram_store(&r->dram, pa, 8, value, NULL), 0);
}

static inline uint64_t get(struct ram *r, uint64_t pa, unsigned bytes)
{
	uint64_t value;

	cr_assert_eq(dram_load(&r->dram, pa, bytes, &value), 0);
	return value;
}

#endif

/* SPDX-License-Identifier: MIT
 *
 * A machine that has only a heap: enough for the modules that keep tables in it.
 */
#ifndef SIMM_TESTS_BARE_H
#define SIMM_TESTS_BARE_H

#include "mm/machine.h"

#include <criterion/criterion.h>

static inline struct machine *bare(uint64_t heap_bytes)
{
	struct arena arena;
	struct refusal why;
	uint64_t start = (sizeof(struct machine) + ARENA_PAGE_BYTES) & ~(ARENA_PAGE_BYTES - 1);

	cr_assert_eq(arena_init(&arena, start + heap_bytes, 0, &why), 0);
	cr_assert_eq(arena_touch(&arena, 0, sizeof(struct machine), &why), 0);
	struct machine *m = (struct machine *)arena.base;
	m->arena = arena;
	m->heap = (struct heap){.start = start, .end = start + heap_bytes, .frontier = start};
	return m;
}

static inline void bare_finish(struct machine *m)
{
	struct arena arena = m->arena;

	arena_finish(&arena);
}

#endif

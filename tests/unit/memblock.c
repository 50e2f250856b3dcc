/* SPDX-License-Identifier: MIT
 *
 * Claims about memblock's two lists of ranges:
 *
 *	add      [1,3) [3,5)        -> [1,5)           neighbours of one node join
 *	cut      [1,9) less [4,6)   -> [1,4) [6,9)
 *	alloc    from the top down, aligned, around what is reserved
 *
 * and a random program against a dumb model: an array of bytes.
 */
#include "mm/boot/memblock.h"

#include "base/rng.h"
#include "base/text.h"
#include "support/hand.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct machine *empty(void)
{
	struct machine *m = hand_machine(
		&(struct hand){.nr_zones = 1, .zone = {{.type = ZONE_NORMAL, .pages = 4096}}});

	memset(&m->memblock, 0, sizeof(m->memblock));
	return m;
}

static const char *ranges(const struct memblock_type *t)
{
	static char line[512];
	size_t len = 0;

	line[0] = '\0';
	for (unsigned i = 0; i < t->nr; i++)
		len += (size_t)snprintf(line + len, sizeof(line) - len, "%s%llx-%llx@%u",
			i ? " " : "", (unsigned long long)t->region[i].start,
			(unsigned long long)t->region[i].end, t->region[i].nid);
	return line;
}

Test(memblock, neighbours_of_one_node_join)
{
	struct machine *m = empty();

	memblock_add(m, 0x3000, 0x2000, 0);
	memblock_add(m, 0x1000, 0x2000, 0);
	cr_expect_str_eq(ranges(&m->memblock.memory), "1000-5000@0");
	memblock_add(m, 0x5000, 0x1000, 1);
	cr_expect_str_eq(ranges(&m->memblock.memory), "1000-5000@0 5000-6000@1");
	/* What is there stays whose it is; only gaps are filled. */
	memblock_add(m, 0, 0x8000, 2);
	cr_expect_str_eq(
		ranges(&m->memblock.memory), "0-1000@2 1000-5000@0 5000-6000@1 6000-8000@2");
	hand_destroy(m);
}

Test(memblock, removing_cuts)
{
	struct machine *m = empty();

	memblock_add(m, 0x1000, 0x8000, 0);
	memblock_remove(m, 0x4000, 0x2000);
	cr_expect_str_eq(ranges(&m->memblock.memory), "1000-4000@0 6000-9000@0");
	memblock_remove(m, 0x3000, 0x4000);
	cr_expect_str_eq(ranges(&m->memblock.memory), "1000-3000@0 7000-9000@0");
	memblock_remove(m, 0, UINT64_MAX);
	cr_expect_str_eq(ranges(&m->memblock.memory), "");
	hand_destroy(m);
}

Test(memblock, allocates_from_the_top_down)
{
	struct machine *m = empty();

	memblock_add(m, 0x10000, 0x10000, 0);
	memblock_add(m, 0x20000, 0x10000, 1);
	memblock_reserve(m, 0x2e000, 0x1000);
	cr_expect_eq(memblock_alloc_range(m, 0x1000, 0x1000, 0, UINT64_MAX, -1), 0x2f000);
	cr_expect_eq(memblock_alloc_range(m, 0x1000, 0x1000, 0, UINT64_MAX, -1), 0x2d000);
	cr_expect_eq(memblock_alloc_range(m, 0x4000, 0x4000, 0, UINT64_MAX, -1), 0x28000);
	cr_expect_eq(memblock_alloc_range(m, 0x1000, 0x1000, 0, UINT64_MAX, 0), 0x1f000);
	cr_expect_eq(memblock_alloc_range(m, 0x1000, 0x1000, 0, 0x18000, -1), 0x17000);
	cr_expect_eq(memblock_alloc_range(m, 0x100000, 0x1000, 0, UINT64_MAX, -1), 0,
		"more than there is");
	memblock_mark(m, 0x20000, 0x10000, MEMBLOCK_NOMAP);
	cr_expect_eq(
		memblock_alloc_range(m, 0x1000, 0x1000, 0x20000, UINT64_MAX, -1), 0, "not mapped");
	hand_destroy(m);
}

Test(memblock, counts_whole_pages)
{
	struct machine *m = empty();

	memblock_add(m, 0x1800, 0x3000, 0);
	cr_expect_eq(memblock_pages_in(m, 0, 100, -1), 2);
	cr_expect_eq(memblock_pages_in(m, 3, 100, 0), 1);
	cr_expect_eq(memblock_pages_in(m, 0, 100, 1), 0);
	hand_destroy(m);
}

Test(memblock, a_full_list_is_refused)
{
	struct machine *m = empty();
	int err = 0;

	for (unsigned i = 0; i <= MEMBLOCK_MAX && !err; i++)
		err = memblock_reserve(m, i * 0x2000, 0x1000);
	cr_expect_eq(err, -ENOSPC);
	cr_expect_eq(m->memblock.reserved.nr, MEMBLOCK_MAX);
	hand_destroy(m);
}

#define CELLS 256

static void model_step(struct machine *m, struct rng *r, char *memory, char *reserved)
{
	unsigned start = rng_below(r, CELLS), n = 1 + rng_below(r, 20), act = rng_below(r, 4);

	n = start + n > CELLS ? CELLS - start : n;
	uint64_t at = start * PAGE_BYTES, bytes = n * PAGE_BYTES;
	switch (act) {
	case 0:
		memblock_add(m, at, bytes, 0);
		memset(memory + start, 1, n);
		break;
	case 1:
		memblock_reserve(m, at, bytes);
		memset(reserved + start, 1, n);
		break;
	case 2:
		memblock_free(m, at, bytes);
		memset(reserved + start, 0, n);
		break;
	default:
		memblock_remove(m, at, bytes);
		memset(memory + start, 0, n);
	}
}

Test(memblock, a_random_program_agrees_with_an_array)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct machine *m = empty();
		struct rng r = {seed};
		char memory[CELLS] = {0}, reserved[CELLS] = {0}, seen[CELLS] = {0};
		uint64_t from = 0, start, end;
		unsigned nid;
		struct text t;

		for (unsigned i = 0; i < 300; i++)
			model_step(m, &r, memory, reserved);
		while (memblock_next_free(m, from, &start, &end, &nid)) {
			memset(seen + start / PAGE_BYTES, 1, (end - start) / PAGE_BYTES);
			from = end;
		}
		for (unsigned i = 0; i < CELLS; i++) {
			cr_expect_eq(memblock_is_memory(m, i * PAGE_BYTES), memory[i]);
			cr_expect_eq(memblock_is_reserved(m, i * PAGE_BYTES), reserved[i]);
			cr_expect_eq(seen[i], memory[i] && !reserved[i], "seed %u, page %u",
				(unsigned)seed, i);
		}
		text_init(&t);
		cr_expect_eq(memblock_check(m, &t), 0, "%s", text_str(&t));
		text_finish(&t);
		hand_destroy(m);
	}
}

Test(memblock, its_check_can_fail)
{
	struct machine *m = empty();
	struct text t;

	text_init(&t);
	memblock_add(m, 0x1000, 0x1000, 0);
	memblock_add(m, 0x4000, 0x1000, 0);
	m->memblock.memory.region[1].start = 0x1800;
	cr_expect_eq(memblock_check(m, &t), 1);
	text_finish(&t);
	hand_destroy(m);
}

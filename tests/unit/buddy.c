/* SPDX-License-Identifier: MIT
 *
 * Claims about splitting and merging, on a zone of 16 MiB (4 blocks of order 10), watermarks 0:
 *
 *	order 4 from order 10:   [16][16][32][64][128][256][512]      one block of each order 4..9 stays
 *	freed again:             [ 1024                        ]      and all is as before
 */
#include "support/hand.h"

#include "mm/page/buddy.h"
#include "mm/page/extent.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static struct machine *small(void)
{
	struct hand h = {.nr_zones = 1, .zone = {{.type = ZONE_NORMAL, .pages = 4096}}};

	return hand_machine(&h);
}

Test(buddy, boot_memory_is_one_extent)
{
	struct machine *m = small();
	struct zone *z = zone_at(m, 0, ZONE_NORMAL);

	cr_expect_str_eq(hand_free(m, z), "0 0 0 0 0 0 0 0 0 0 4");
	cr_expect_eq(z->nr_extents, 1);
	cr_expect_eq(z->free_pages, 4096);
	cr_expect_eq(z->managed_pages, 4096);
	cr_expect(!frame_is_live(m, 0), "nothing was touched");
	struct frame f = frame_peek(m, 1024);
	cr_expect_eq(f.flags, FRAME_BUDDY);
	cr_expect_eq(f.order, 10);
	cr_expect_eq(f.mapping, 0);
	f = frame_peek(m, 1025);
	cr_expect_eq(f.flags, FRAME_BUDDY);
	cr_expect_eq(f.mapping, 1025, "its head is 1024");
	hand_check(m);
	hand_destroy(m);
}

Test(buddy, a_block_is_split_and_merges_back)
{
	struct machine *m = small();
	struct zone *z = zone_at(m, 0, ZONE_NORMAL);
	uint64_t pfn = hand_alloc(m, GFP_KERNEL, 4);

	cr_expect_eq(pfn, 0, "the first block of boot memory");
	cr_expect_str_eq(hand_free(m, z), "0 0 0 0 1 1 1 1 1 1 3");
	cr_expect_eq(z->free_pages, 4096 - 16);
	hand_check(m);
	cr_expect_eq(free_pages_order(m, 0, pfn, 4), 0);
	cr_expect_str_eq(hand_free(m, z), "0 0 0 0 0 0 0 0 0 0 4");
	cr_expect_eq(z->free_pages, 4096);
	hand_check(m);
	hand_destroy(m);
}

Test(buddy, blocks_come_in_ascending_order_and_are_aligned)
{
	struct machine *m = small();

	for (unsigned i = 0; i < 64; i++)
		cr_expect_eq(hand_alloc(m, GFP_KERNEL, 6), i * 64);
	hand_check(m);
	uint64_t pfn;
	cr_expect_eq(alloc_pages_node(m, 0, -1, GFP_KERNEL, 0, &pfn), -ENOMEM);
	hand_destroy(m);
}

/* Freed in any order, all merges back, and no block merges with a neighbour that is not its buddy. */
Test(buddy, every_order_of_frees_merges_back)
{
	for (unsigned order = 4; order < 11; order++) {
		struct machine *m = small();
		struct zone *z = zone_at(m, 0, ZONE_NORMAL);
		unsigned nr = 4096u >> order;
		uint64_t pfn[256];

		for (unsigned i = 0; i < nr; i++)
			pfn[i] = hand_alloc(m, GFP_KERNEL, order);
		cr_expect_eq(z->free_pages, 0);
		for (unsigned i = 0; i < nr; i += 2)
			cr_expect_eq(free_pages_order(m, 0, pfn[i], order), 0);
		cr_expect_eq(z->area[order].nr_free, order == 10 ? 2 : nr / 2,
			"buddies of held blocks stay single");
		hand_check(m);
		for (unsigned i = nr; i-- > 0;)
			if (i % 2)
				cr_expect_eq(free_pages_order(m, 0, pfn[i], order), 0);
		cr_expect_str_eq(hand_free(m, z), "0 0 0 0 0 0 0 0 0 0 4");
		hand_check(m);
		hand_destroy(m);
	}
}

/*
 *	[ A | B ][ C | D ]   all of order 5, all allocated from one block of order 7.
 * D is freed, then A: A's pair could become whole only if B came, and C is still held, so A goes to the head.
 * With [C D] free, a freed A goes to the tail: when B comes, all four merge.
 */
Test(buddy, likely_merges_wait_at_the_tail)
{
	struct machine *m = small();
	struct zone *z = zone_at(m, 0, ZONE_NORMAL);
	uint64_t a = hand_alloc(m, GFP_KERNEL, 5), b = hand_alloc(m, GFP_KERNEL, 5);
	uint64_t c = hand_alloc(m, GFP_KERNEL, 5), d = hand_alloc(m, GFP_KERNEL, 5);
	uint64_t e = hand_alloc(m, GFP_KERNEL, 5); /* leaves one free block of order 5 */
	struct free_list *list = &z->area[5].list[MIGRATE_UNMOVABLE];
	uint64_t rest = list->frames.head - 1;

	cr_expect_eq(free_pages_order(m, 0, c, 5), 0);
	cr_expect_eq(free_pages_order(m, 0, d, 5), 0);
	cr_expect_eq(free_pages_order(m, 0, a, 5), 0);
	cr_expect_eq(list->frames.head - 1, rest);
	cr_expect_eq(list->frames.tail - 1, a, "a waits at the tail");
	cr_expect_eq(free_pages_order(m, 0, e, 5), 0, "and with its buddy e becomes order 6");
	cr_expect_eq(free_pages_order(m, 0, b, 5), 0);
	cr_expect_str_eq(hand_free(m, z), "0 0 0 0 0 0 0 0 0 0 4");
	hand_check(m);
	hand_destroy(m);
}

/* A zone that ends inside a max-order block: i386's Normal ends at 0x36bfe. Frames beyond it are not ours. */
Test(buddy, a_zone_that_ends_inside_a_block)
{
	struct hand h = {.nr_zones = 2,
		.zone = {{.type = ZONE_NORMAL, .pages = 0x7fe},
			{.type = ZONE_HIGHMEM, .start_pfn = 0x7fe, .pages = 0x802}}};
	struct machine *m = hand_machine(&h);
	struct zone *low = zone_at(m, 0, ZONE_NORMAL), *high = zone_at(m, 0, ZONE_HIGHMEM);

	cr_expect_str_eq(hand_free(m, low), "0 1 1 1 1 1 1 1 1 1 1");
	cr_expect_str_eq(hand_free(m, high), "0 1 0 0 0 0 0 0 0 0 2");
	hand_check(m);
	uint64_t pfn = hand_alloc(m, GFP_HIGHUSER_MOVABLE, 1);
	cr_expect_eq(pfn, 0x7fe);
	cr_expect_eq(free_pages_order(m, 0, pfn, 1), 0);
	cr_expect_str_eq(hand_free(m, high), "0 1 0 0 0 0 0 0 0 0 2", "no merging across zones");
	hand_check(m);
	hand_destroy(m);
}

Test(buddy, boot_frees_what_is_neither_hole_nor_reserved)
{
	struct hand h = {.nr_zones = 1,
		.zone = {{.type = ZONE_NORMAL,
			.pages = 4096,
			.hole_pfn = 100,
			.hole_pages = 28,
			.reserved_pfn = 1500,
			.reserved_pages = 36}}};
	struct machine *m = hand_machine(&h);
	struct zone *z = zone_at(m, 0, ZONE_NORMAL);

	cr_expect_eq(z->managed_pages, 4096 - 28 - 36);
	cr_expect_eq(z->free_pages, z->managed_pages);
	cr_expect_eq(m->totalram_pages, z->managed_pages);
	cr_expect_eq(frame_peek(m, 110).flags, FRAME_RESERVED | FRAME_HOLE);
	cr_expect_eq(frame_peek(m, 1510).flags, FRAME_RESERVED);
	cr_expect_eq(frame_peek(m, 99).flags, FRAME_BUDDY);
	cr_expect(pfn_valid(m, 110) && !pfn_present(m, 110));
	hand_check(m);
	hand_destroy(m);
}

/* Taking a block out of the middle cuts the extent; the array's end turns extents into links, in order. */
Test(buddy, extents_are_cut_and_materialised)
{
	struct hand h = {.nr_zones = 1, .zone = {{.type = ZONE_NORMAL, .pages = 1024 * 600}}};
	struct machine *m = hand_machine(&h);
	struct zone *z = zone_at(m, 0, ZONE_NORMAL);

	for (unsigned i = 1; i < 600; i += 2) {
		uint64_t pfn = (uint64_t)i * 1024;

		cr_assert_eq(buddy_take(m, z, pfn, 10), 0);
		frame_of(m, pfn)->refcount = 1;
		frame_of(m, pfn)->order = 10;
		zone_count_free(z, -1024, MIGRATE_MOVABLE);
		if (i % 50 == 1)
			hand_check(m);
	}
	cr_expect_leq(z->nr_extents, ZONE_MAX_EXTENTS);
	cr_expect_eq(z->area[10].nr_free, 300);
	hand_check(m);
	uint64_t last = 0;
	for (unsigned i = 0; i < 300; i++) {
		uint64_t pfn = hand_alloc(m, GFP_HIGHUSER_MOVABLE, 10);

		cr_expect(!i || pfn > last, "0x%llx after 0x%llx", (unsigned long long)pfn,
			(unsigned long long)last);
		last = pfn;
	}
	hand_check(m);
	hand_destroy(m);
}

/* An isolated pageblock's free pages are on lists and in no free count; put back, they merge. */
Test(buddy, isolation)
{
	struct hand h = {
		.cma = true, .nr_zones = 1, .zone = {{.type = ZONE_NORMAL, .pages = 4096}}};
	struct machine *m = hand_machine(&h);
	struct zone *z = zone_at(m, 0, ZONE_NORMAL);
	uint64_t held = hand_alloc(m, GFP_HIGHUSER_MOVABLE, 5);

	cr_expect_eq(pageblock_isolate(m, 512), 0);
	cr_expect_eq(pageblock_isolate(m, 2048), 0, "in an extent");
	cr_expect_eq(pageblock_isolate(m, 512), -EBUSY);
	cr_expect_eq(z->nr_isolated_pages, 1024);
	cr_expect_eq(z->free_pages, 4096 - 32 - 1024);
	hand_check(m);
	cr_expect_eq(free_pages_order(m, 0, held, 5), 0);
	cr_expect_eq(z->area[9].nr_free, 4, "0 and 2560 free, 512 and 2048 isolated: none merges");
	hand_check(m);
	cr_expect_eq(pageblock_unisolate(m, 512, MIGRATE_MOVABLE), 0);
	cr_expect_eq(pageblock_unisolate(m, 2048, MIGRATE_CMA), 0);
	cr_expect_eq(pageblock_unisolate(m, 2048, MIGRATE_CMA), -EINVAL);
	cr_expect_eq(z->nr_isolated_pages, 0);
	cr_expect_eq(z->free_pages, 4096);
	cr_expect_eq(z->free_cma_pages, 512);
	cr_expect_str_eq(hand_free(m, z), "0 0 0 0 0 0 0 0 0 2 3");
	hand_check(m);
	hand_destroy(m);
}

/* Pages freed into an isolated pageblock bypass the CPU's list and stay out of the count. */
Test(buddy, frees_into_an_isolated_block)
{
	struct hand h = {.nr_zones = 1,
		.zone = {{.type = ZONE_NORMAL, .pages = 4096, .pcp_high = 100, .pcp_batch = 7}}};
	struct machine *m = hand_machine(&h);
	struct zone *z = zone_at(m, 0, ZONE_NORMAL);
	uint64_t pfn = hand_alloc(m, GFP_KERNEL, 0);

	drain_all_pages(m, NULL);
	uint64_t free = z->free_pages;
	cr_expect_eq(free, 4095);
	cr_expect_eq(pageblock_isolate(m, pfn), 0);
	uint64_t after = z->free_pages;
	cr_expect_eq(free_pages_order(m, 0, pfn, 0), 0);
	cr_expect_eq(z->free_pages, after);
	cr_expect_eq(z->nr_isolated_pages, 512);
	cr_expect_eq(zone_pcp(m, z, 0)->count, 0);
	hand_check(m);
	hand_destroy(m);
}

/* The first pageblock of a PC: page 0 is no RAM, so memmap_init() never makes the block Movable. */
Test(buddy, first_types_of_pageblocks)
{
	struct hand h = {.nr_zones = 1,
		.nothing_freed = true,
		.zone = {{.type = ZONE_NORMAL,
			.start_pfn = 1,
			.pages = 4095,
			.hole_pfn = 1024,
			.hole_pages = 512}}};
	struct machine *m = hand_machine(&h);
	struct zone *z = zone_at(m, 0, ZONE_NORMAL);

	cr_expect_eq(pageblocks_init(m), 0);
	cr_expect_eq(zone_type_blocks(m, z, MIGRATE_UNMOVABLE), 2, "the first one, and the hole");
	cr_expect_eq(zone_type_blocks(m, z, MIGRATE_MOVABLE), 6);
	hand_destroy(m);
}

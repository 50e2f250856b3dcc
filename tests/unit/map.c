/* SPDX-License-Identifier: MIT
 *
 * Claim: sim/map shows each page of a zone as what it is, or each group of them as how full it is, and looks at no
 * page of memory never used.
 *
 *	0x00000040 |#######+...
 */
#include "support/hand.h"

#include "mm/page/frame.h"
#include "view/files.h"
#include "view/zone_map.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* sim/map/node@nid-@type, or its svg. To be freed. */
static char *picture(struct machine *m, unsigned nid, enum zone_type type, show_fn *show)
{
	struct session s = {.m = m};
	struct view v = {.s = &s, .m = m, .arg = {nid * MAX_NR_ZONES + type}};
	struct text out;

	text_init(&out);
	cr_assert_eq(show(&v, &out), 0);
	char *copy = strdup(text_str(&out));
	text_finish(&out);
	return copy;
}

/* The cells of line @n, after "0x... |". */
static const char *cells(const char *map, unsigned n)
{
	const char *at = strstr(map, "\n0x");

	while (at && n--)
		at = strstr(at + 1, "\n0x");
	cr_assert(at);
	return strchr(at, '|') + 1;
}

static unsigned count_lines(const char *map)
{
	unsigned n = 0;

	for (const char *at = strstr(map, "\n0x"); at; at = strstr(at + 1, "\n0x"))
		n++;
	return n;
}

static void expect_cells(const char *map, unsigned line, const char *want)
{
	cr_expect(!strncmp(cells(map, line), want, strlen(want)), "line %u is %.64s", line,
		cells(map, line));
}

/* 16 MiB: a hole, then reserved, free from page 32 on, a CMA area at the end. */
static struct machine *small(void)
{
	struct hand h = {.cma = true,
		.nr_zones = 1,
		.zone = {{.type = ZONE_NORMAL,
			.pages = 4096,
			.hole_pages = 16,
			.reserved_pfn = 16,
			.reserved_pages = 16,
			.cma_pfn = 3072,
			.cma_pages = 1024,
			.pcp_high = 64,
			.pcp_batch = 4}}};

	return hand_machine(&h);
}

Test(map, a_page_a_character)
{
	struct machine *m = small();
	char *map = picture(m, 0, ZONE_NORMAL, show_map);

	cr_expect_eq(count_lines(map), 64);
	/* Holes, reserved, and what is left of the first block as boot freed it: 5 6 7 8 9. */
	expect_cells(map, 0, "                RRRRRRRRRRRRRRRR55555555555555555555555555555555|");
	expect_cells(map, 1, "66666666");
	expect_cells(map, 8, "99999999");
	expect_cells(map, 16,
		"................................................................| Movable\n");
	expect_cells(
		map, 63, "................................................................| CMA\n");
	free(map);

	/* An order-2 block splits the smallest; single pages come through the CPU's list, four at a time. */
	uint64_t block_pfn = hand_alloc(m, GFP_KERNEL | __GFP_MOVABLE, 4);
	map = picture(m, 0, ZONE_NORMAL, show_map);
	cr_assert_eq(block_pfn, 32);
	expect_cells(map, 0, "                RRRRRRRRRRRRRRRR################4444444444444444|");
	free(map);
	hand_alloc(m, GFP_KERNEL | __GFP_MOVABLE, 0);
	map = picture(m, 0, ZONE_NORMAL, show_map);
	expect_cells(map, 0, "                RRRRRRRRRRRRRRRR#################+++222233333333|");
	free(map);
	hand_destroy(m);
}

/* Each character of a small zone is what frame_peek() says of the page. */
Test(map, agrees_with_the_frames)
{
	struct machine *m = small();
	uint64_t held[600];

	for (unsigned i = 0; i < 600; i++)
		held[i] = hand_alloc(m, i % 3 ? GFP_KERNEL : GFP_HIGHUSER_MOVABLE, 0);
	for (unsigned i = 0; i < 600; i += 2 + i % 3)
		cr_assert_eq(free_pages_order(m, 0, held[i], 0), 0);
	char *map = picture(m, 0, ZONE_NORMAL, show_map);
	for (uint64_t pfn = 0; pfn < 4096; pfn++) {
		char c = cells(map, (unsigned)(pfn / 64))[pfn % 64];
		struct frame f = frame_peek(m, pfn);
		char want = f.flags & FRAME_HOLE       ? ' '
			    : f.flags & FRAME_RESERVED ? 'R'
			    : f.flags & FRAME_PCP      ? '+'
			    : f.flags & FRAME_BUDDY    ? "0123456789a"[f.order]
						       : '#';
		/* What was never used stands in blocks of the largest order, but not every such block was. */
		cr_expect(c == want || (c == '.' && want == 'a'), "pfn %#llx is '%c', not '%c'",
			(unsigned long long)pfn, c, want);
	}
	free(map);
	hand_destroy(m);
}

Test(map, shares_of_a_big_zone)
{
	/* 256 MiB: four pages a character. */
	struct hand h = {
		.nr_zones = 1, .zone = {{.type = ZONE_NORMAL, .start_pfn = 1024, .pages = 65536}}};
	struct machine *m = hand_machine(&h);
	uint64_t pfn = hand_alloc(m, GFP_KERNEL, 1);
	char *map;

	cr_assert_eq(pfn, 1024);
	hand_alloc(m, GFP_KERNEL, 3);
	map = picture(m, 0, ZONE_NORMAL, show_map);
	/* Two of the first four, none of the next, then eight: [##..][....][####][####][.... */
	cr_expect_leq(count_lines(map), MAP_MAX_LINES);
	expect_cells(map, 0, "40##0000");
	cr_expect(strstr(map, "one character is 4 pages"));
	free(map);
	hand_destroy(m);
}

Test(map, a_tebibyte_never_used)
{
	struct hand h = {.nothing_freed = true,
		.nr_zones = 1,
		.zone = {{.type = ZONE_NORMAL, .start_pfn = 1 << 20, .pages = 1ULL << 28}}};
	struct machine *m = hand_machine(&h);

	cr_assert_eq(free_boot_pages(m, 1 << 20, (1 << 20) + (1ULL << 28), MIGRATE_MOVABLE), 0);
	uint64_t touched = m->arena.touched_pages;
	char *map = picture(m, 0, ZONE_NORMAL, show_map);
	cr_expect_leq(count_lines(map), MAP_MAX_LINES);
	cr_expect_geq(count_lines(map), MAP_MAX_LINES / 2);
	expect_cells(map, 100,
		"................................................................| Movable\n");
	cr_expect_eq(m->arena.touched_pages, touched, "looking touches nothing");
	free(map);
	hand_destroy(m);
}

/* Two nodes, interleaved: what is the other's is none of this one's. */
Test(map, pages_of_another_node)
{
	struct hand h = {.nodes = 2,
		.nothing_freed = true,
		.nr_zones = 2,
		.zone = {{.nid = 0,
				 .type = ZONE_NORMAL,
				 .pages = 8192,
				 .hole_pfn = 2048,
				 .hole_pages = 2048},
			{.nid = 1, .type = ZONE_NORMAL, .start_pfn = 2048, .pages = 2048}}};
	struct machine *m = hand_machine(&h);
	struct memblock_region *region = m->memblock.memory.region;

	/* memblock is sorted by address, the zones above are not. */
	cr_assert_eq(m->memblock.memory.nr, 3);
	struct memblock_region last = region[1];
	region[1] = region[2];
	region[2] = last;
	cr_assert_eq(free_boot_pages(m, 0, 2048, MIGRATE_MOVABLE), 0);
	cr_assert_eq(free_boot_pages(m, 2048, 4096, MIGRATE_MOVABLE), 0);
	cr_assert_eq(free_boot_pages(m, 4096, 8192, MIGRATE_MOVABLE), 0);
	char *map = picture(m, 0, ZONE_NORMAL, show_map);

	expect_cells(map, 31, "................................................................|");
	expect_cells(map, 32, "                                                                |");
	expect_cells(map, 63, "                                                                |");
	expect_cells(map, 64, "................................................................|");
	free(map);
	map = picture(m, 1, ZONE_NORMAL, show_map);
	cr_expect_eq(count_lines(map), 32);
	expect_cells(map, 0, "................................................................|");
	free(map);
	hand_destroy(m);
}

/* Every cell is in exactly one rectangle or blank, tags are closed. */
Test(map, svg)
{
	struct machine *m = small();
	char *svg = picture(m, 0, ZONE_NORMAL, show_map_svg);
	unsigned width = 0, opened = 0, closed = 0;

	for (const char *at = strstr(svg, "<rect x=\""); at; at = strstr(at + 1, "<rect x=\"")) {
		unsigned x, y, w;

		cr_assert_eq(sscanf(at, "<rect x=\"%u\" y=\"%u\" width=\"%u\"", &x, &y, &w), 3);
		if (x >= 90 && y >= 28 && y < 28 + 64 * 10 && w <= 640 && w % 10 == 0 &&
			strncmp(strstr(at, "fill="), "fill=\"url", 9))
			width += w / 10;
	}
	cr_expect_eq(width, 4096 - 16, "%u cells are drawn", width);
	for (const char *at = svg; (at = strchr(at, '<')) != NULL; at++)
		opened++;
	for (const char *at = svg; (at = strchr(at, '>')) != NULL; at++)
		closed++;
	cr_expect_eq(opened, closed);
	cr_expect(!strncmp(svg, "<svg xmlns=", 11));
	cr_expect(strstr(svg, "</svg>\n"));
	free(svg);
	hand_destroy(m);
}

Test(map, names_of_zones)
{
	struct machine *m = small();
	struct session s = {.m = m};
	struct view v = {.s = &s, .m = m};
	uint64_t value, key = 0;
	char name[64];
	static const char *const bad[] = {"", "node0", "node0-", "node0-normal", "node00-Normal",
		"node1-Normal", "node0-HighMem", "node0-Movable", "node0-Normal ", "Normal"};

	cr_expect_eq(zone_arg.parse(&v, "node0-Normal", 12, &value), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_eq(
			zone_arg.parse(&v, bad[i], strlen(bad[i]), &value), -ENOENT, "%s", bad[i]);
	cr_expect(zone_arg.next(&v, &key, name, sizeof(name)));
	cr_expect_str_eq(name, "node0-Normal");
	key++;
	cr_expect_not(zone_arg.next(&v, &key, name, sizeof(name)));
	hand_destroy(m);
}

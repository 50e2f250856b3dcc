/* SPDX-License-Identifier: MIT
 *
 * sim/map/nodeN-ZONE and sim/map/nodeN-ZONE.svg: a zone as a picture, 64 cells to a line.
 *
 *	node0-DMA: 4095 pages from 0x1, one character is one page
 *	0x00000000                |RRRR....#0#1133##++                                     | Unmovable
 *
 * In a small zone a cell is one page, and a free page shows the order of its block, so what splits and merges can be
 * watched. In a big one a cell is a power of two of pages and shows how full it is. A line carries the migratetypes of
 * its pageblocks; a line of single pages never has two.
 */
#include "view/files.h"
#include "view/zone_map.h"

#include "mm/page/frame.h"
#include "mm/page/zone.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What a cell is drawn as. */
enum look {
	LOOK_UNTOUCHED,
	LOOK_FREE, /* + order for single pages */
	LOOK_PCP,
	LOOK_USED,
	LOOK_CMA_USED,
	LOOK_RESERVED,
	LOOK_HOLE,
	LOOK_PART /* + eighths in use, 1 .. 7 */
};

struct drawn {
	enum look look;
	unsigned detail;
};

static bool all(const struct map_cell *c, enum page_kind kind, uint64_t pages)
{
	return c->pages[kind] && c->pages[kind] + c->pages[KIND_HOLE] == pages;
}

static struct drawn draw(const struct zone_map *map, const struct map_cell *c)
{
	static const enum look whole[] = {
		[KIND_UNTOUCHED] = LOOK_UNTOUCHED,
		[KIND_FREE] = LOOK_FREE,
		[KIND_PCP] = LOOK_PCP,
		[KIND_USED] = LOOK_USED,
		[KIND_CMA_USED] = LOOK_CMA_USED,
		[KIND_RESERVED] = LOOK_RESERVED,
	};
	uint64_t ram = map->cell_pages - c->pages[KIND_HOLE];
	uint64_t used = ram - c->pages[KIND_UNTOUCHED] - c->pages[KIND_FREE];

	if (!ram)
		return (struct drawn){LOOK_HOLE, 0};
	for (unsigned kind = 0; kind < KIND_HOLE; kind++)
		if (all(c, (enum page_kind)kind, map->cell_pages))
			return (struct drawn){whole[kind], map->cell_pages == 1 ? c->order : 0};
	if (!used)
		return (struct drawn){LOOK_FREE, 0};
	if (used == ram)
		return (struct drawn){LOOK_USED, 0};
	uint64_t eighths = used * 8 / ram;
	return (struct drawn){LOOK_PART, (unsigned)(eighths ? eighths : 1)};
}

static const char order_digits[] = "0123456789ab";
_Static_assert(sizeof(order_digits) > MAX_ORDERS, "a character for each order");

static char character(const struct zone_map *map, struct drawn d)
{
	switch (d.look) {
	case LOOK_UNTOUCHED:
		return '.';
	case LOOK_FREE:
		return map->cell_pages == 1 ? order_digits[d.detail] : '0';
	case LOOK_PCP:
		return '+';
	case LOOK_USED:
		return '#';
	case LOOK_CMA_USED:
		return 'C';
	case LOOK_RESERVED:
		return 'R';
	case LOOK_PART:
		return (char)('0' + d.detail);
	case LOOK_HOLE:
		break;
	}
	return ' ';
}

/* "Movable", or "Unmovable 2, Movable 62" for a line over several pageblocks; "" over holes only. */
static void put_types(const struct zone_map *map, uint64_t line_pfn, struct text *out)
{
	const struct machine *m = map->m;
	uint64_t block_pages = (uint64_t)1 << m->pageblock_order;
	uint64_t end_pfn = line_pfn + map->cell_pages * MAP_CELLS_PER_LINE;
	uint64_t nr[MIGRATE_TYPES] = {0};
	unsigned kinds = 0;

	if (end_pfn > zone_end_pfn(map->z))
		end_pfn = zone_end_pfn(map->z);
	for (uint64_t pfn = line_pfn, next; pfn < end_pfn; pfn = next) {
		uint64_t from = pfn < map->z->start_pfn ? map->z->start_pfn : pfn;

		next = (pfn / block_pages + 1) * block_pages;
		if (from < next && pages_have_ram(m, from, next < end_pfn ? next : end_pfn))
			kinds += !nr[pageblock_type(m, from)]++;
	}
	const char *comma = "";
	for (unsigned i = 0; i < m->nr_migratetypes; i++) {
		enum migratetype type = migratetype_nth(m, i);

		if (!nr[type])
			continue;
		text_printf(out, "%s%s", comma, migratetype_name(type));
		if (kinds > 1)
			text_printf(out, " %llu", (unsigned long long)nr[type]);
		comma = ", ";
	}
}

static void put_pages(uint64_t pages, struct text *out)
{
	if (pages == 1)
		text_puts(out, "one page");
	else if (pages < 256)
		text_printf(out, "%llu pages", (unsigned long long)pages);
	else
		text_printf(out, "%llu pages (%llu MiB)", (unsigned long long)pages,
			(unsigned long long)(pages >> (20 - PAGE_SHIFT)));
}

static void put_title(const struct zone_map *map, struct text *out)
{
	text_printf(out, "node%u-%s: %llu pages from 0x%llx, %llu present, %llu managed, ",
		map->z->nid, zone_name(map->z->type), (unsigned long long)map->z->spanned_pages,
		(unsigned long long)map->z->start_pfn, (unsigned long long)map->z->present_pages,
		(unsigned long long)map->z->managed_pages);
}

static void put_legend(const struct zone_map *map, struct text *out)
{
	if (map->cell_pages == 1)
		text_printf(out,
			"# 0-%c free, in a block of that order   . free, never used   + free, on a "
			"CPU's list\n",
			order_digits[map->m->nr_orders - 1]);
	else
		text_puts(out, "# 0 free   1-7 eighths in use   . free, never used   + free, on a "
			       "CPU's list\n");
	text_puts(out,
		"# # in use   R reserved since boot   C given out by cma_alloc   blank: no RAM\n");
	text_puts(out, "# behind a line: the migratetypes of its pageblocks\n");
}

/* The zone that the path names; NULL when the machine has changed since. */
static const struct zone *zone_of_arg(const struct view *v)
{
	uint64_t nid = v->arg[0] / MAX_NR_ZONES;
	enum zone_type type = (enum zone_type)(v->arg[0] % MAX_NR_ZONES);

	if (nid >= v->m->nr_nodes || !zone_configured(v->m, type))
		return NULL;
	return zone_at(v->m, (unsigned)nid, type);
}

int show_map(struct view *v, struct text *out)
{
	const struct zone *z = zone_of_arg(v);
	struct zone_map map;

	if (!z)
		return refuse(&v->m->why, ENOENT, "this machine has no such zone");
	zone_map_init(&map, v->m, z);
	text_puts(out, "# ");
	put_title(&map, out);
	text_puts(out, "one character is ");
	put_pages(map.cell_pages, out);
	text_putc(out, '\n');
	put_legend(&map, out);
	for (uint64_t line = 0; line < map.nr_lines; line++) {
		uint64_t line_pfn = map.pfn;

		text_printf(out, "0x%08llx |", (unsigned long long)line_pfn);
		for (unsigned i = 0; i < MAP_CELLS_PER_LINE; i++) {
			struct map_cell cell;

			zone_map_next(&map, &cell);
			text_putc(out, character(&map, draw(&map, &cell)));
		}
		text_puts(out, "| ");
		put_types(&map, line_pfn, out);
		text_putc(out, '\n');
	}
	return 0;
}

/* ---- svg ---- */

#define SQUARE	 10
#define MARGIN	 4
#define LABEL	 90
#define LINE_TOP 28
#define LEGEND_H 22

static const struct {
	enum look look;
	const char *colour;
	const char *word;
} looks[] = {
	{LOOK_UNTOUCHED, "#eef3ee", "free, never used"},
	{LOOK_FREE, "#9fd39f", "free"},
	{LOOK_PCP, "#f2d16b", "on a CPU's list"},
	{LOOK_PART, "#7fa6d6", "in part in use"},
	{LOOK_USED, "#2f5f9f", "in use"},
	{LOOK_CMA_USED, "#8e5aa8", "given out by cma_alloc"},
	{LOOK_RESERVED, "#777777", "reserved since boot"},
	{LOOK_HOLE, "#ffffff", "no RAM"},
};

/* Darker with the eighths in use; lighter green with the order of the free block. */
static void put_colour(struct drawn d, struct text *out)
{
	if (d.look == LOOK_PART)
		text_printf(out, "#%02x%02x%02x", 0xc8 - d.detail * 19, 0xdd - d.detail * 16,
			0xf2 - d.detail * 10);
	else if (d.look == LOOK_FREE)
		text_printf(out, "#%02x%02x%02x", 0x68 + d.detail * 9, 0xc0 + d.detail * 4,
			0x68 + d.detail * 9);
	else
		for (unsigned i = 0; i < sizeof(looks) / sizeof(looks[0]); i++)
			if (looks[i].look == d.look)
				text_puts(out, looks[i].colour);
}

static void put_rect(unsigned x, uint64_t y, unsigned cells, struct drawn d, struct text *out)
{
	text_printf(out, "<rect x=\"%u\" y=\"%llu\" width=\"%u\" height=\"%u\" fill=\"", x,
		(unsigned long long)y, cells * SQUARE, SQUARE - 1);
	put_colour(d, out);
	text_puts(out, "\"/>\n");
}

/* Neighbours that look alike are one rectangle; the thin grid over all makes squares of them again. */
static void put_svg_line(struct zone_map *map, uint64_t y, struct text *out)
{
	struct drawn last = {LOOK_HOLE, 0};
	unsigned from = 0;

	text_printf(out, "<text x=\"%d\" y=\"%llu\">0x%llx</text>\n", MARGIN,
		(unsigned long long)(y + SQUARE - 2), (unsigned long long)map->pfn);
	for (unsigned i = 0; i <= MAP_CELLS_PER_LINE; i++) {
		struct drawn d = {LOOK_HOLE, 0};
		struct map_cell cell;

		if (i < MAP_CELLS_PER_LINE) {
			zone_map_next(map, &cell);
			d = draw(map, &cell);
		}
		bool same = i && i < MAP_CELLS_PER_LINE && d.look == last.look &&
			    d.detail == last.detail;
		if (same)
			continue;
		if (i && last.look != LOOK_HOLE)
			put_rect(LABEL + from * SQUARE, y, i - from, last, out);
		from = i;
		last = d;
	}
}

static void put_svg_legend(uint64_t y, struct text *out)
{
	unsigned x = MARGIN;

	for (unsigned i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
		put_rect(x, y + 4, 1,
			(struct drawn){looks[i].look, looks[i].look == LOOK_PART ? 4 : 0}, out);
		text_printf(out, "<text x=\"%u\" y=\"%llu\">%s</text>\n", x + SQUARE + 3,
			(unsigned long long)(y + 4 + SQUARE - 2), looks[i].word);
		x += SQUARE + 14 + (unsigned)strlen(looks[i].word) * 5;
	}
}

int show_map_svg(struct view *v, struct text *out)
{
	const struct zone *z = zone_of_arg(v);
	struct zone_map map;

	if (!z)
		return refuse(&v->m->why, ENOENT, "this machine has no such zone");
	zone_map_init(&map, v->m, z);
	unsigned width = LABEL + MAP_CELLS_PER_LINE * SQUARE + MARGIN;
	uint64_t legend_y = LINE_TOP + map.nr_lines * SQUARE;
	text_printf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%llu\" "
		"font-family=\"monospace\" font-size=\"9\">\n",
		width, (unsigned long long)(legend_y + LEGEND_H));
	text_puts(out,
		"<defs><pattern id=\"grid\" width=\"10\" height=\"10\" "
		"patternUnits=\"userSpaceOnUse\">"
		"<path d=\"M10 0V10\" stroke=\"#ffffff\" stroke-width=\"1\"/></pattern></defs>\n");
	text_puts(out, "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n");
	text_printf(out, "<text x=\"%d\" y=\"16\" font-size=\"11\">", MARGIN);
	put_title(&map, out);
	text_puts(out, "one square is ");
	put_pages(map.cell_pages, out);
	text_puts(out, "</text>\n");
	for (uint64_t line = 0; line < map.nr_lines; line++)
		put_svg_line(&map, LINE_TOP + line * SQUARE, out);
	text_printf(out,
		"<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%llu\" fill=\"url(#grid)\"/>\n",
		LABEL - 1, LINE_TOP, MAP_CELLS_PER_LINE * SQUARE,
		(unsigned long long)(map.nr_lines * SQUARE));
	put_svg_legend(legend_y, out);
	text_puts(out, "</svg>\n");
	return 0;
}

/* ---- {zone}: node0-Normal ---- */

static void zone_print(struct view *v, uint64_t value, char *name, size_t cap)
{
	(void)v;
	snprintf(name, cap, "node%llu-%s", (unsigned long long)(value / MAX_NR_ZONES),
		zone_name((enum zone_type)(value % MAX_NR_ZONES)));
}

/* Zones of the configuration that have pages; an empty Movable is nothing to draw. */
static bool zone_exists(const struct machine *m, uint64_t value)
{
	uint64_t nid = value / MAX_NR_ZONES;
	enum zone_type type = (enum zone_type)(value % MAX_NR_ZONES);

	return nid < m->nr_nodes && zone_configured(m, type) &&
	       zone_populated(zone_at(m, (unsigned)nid, type));
}

static int zone_parse(struct view *v, const char *name, size_t len, uint64_t *value)
{
	for (uint64_t id = 0; id < (uint64_t)v->m->nr_nodes * MAX_NR_ZONES; id++) {
		char spelling[32];

		if (!zone_exists(v->m, id))
			continue;
		zone_print(v, id, spelling, sizeof(spelling));
		if (strlen(spelling) == len && !memcmp(spelling, name, len)) {
			*value = id;
			return 0;
		}
	}
	return -ENOENT;
}

static bool zone_list(struct view *v, uint64_t *key, char *name, size_t cap)
{
	for (uint64_t id = *key; id < (uint64_t)v->m->nr_nodes * MAX_NR_ZONES; id++) {
		if (!zone_exists(v->m, id))
			continue;
		*key = id;
		zone_print(v, id, name, cap);
		return true;
	}
	return false;
}

const struct arg_ops zone_arg = {.parse = zone_parse, .next = zone_list, .print = zone_print};

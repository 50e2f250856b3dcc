/* SPDX-License-Identifier: MIT
 *
 * Small pieces that several files of /proc and /sys share.
 */
#ifndef SIMM_VIEW_PUT_H
#define SIMM_VIEW_PUT_H

#include "base/text.h"
#include "mm/page/zone.h"

#include <string.h>

#define PAGES_TO_KB(pages) ((pages) << (PAGE_SHIFT - 10))

/* A string at the right of at least @width columns (printf's %8s). */
static inline void put_right(struct text *out, const char *s, unsigned width)
{
	size_t len = strlen(s);

	if (len < width)
		text_fill(out, ' ', width - len);
	text_put(out, s, len);
}

/* A string at the left of at least @width columns (printf's %-12s). */
static inline void put_left(struct text *out, const char *s, unsigned width)
{
	size_t len = strlen(s);

	text_put(out, s, len);
	if (len < width)
		text_fill(out, ' ', width - len);
}

/* "Node 0, zone   Normal" */
static inline void put_zone(struct text *out, const struct zone *z)
{
	text_put(out, "Node ", 5);
	text_dec(out, z->nid, 0);
	text_put(out, ", zone ", 7);
	put_right(out, zone_name(z->type), 8);
}

/* @name, a blank and @value on a line, as /proc/vmstat has it. */
static inline void put_count(struct text *out, const char *name, uint64_t value)
{
	text_puts(out, name);
	text_putc(out, ' ');
	text_dec(out, value, 0);
	text_putc(out, '\n');
}

/* Counters that are kept in pages and that vmstat prints in huge pages. */
uint64_t node_stat_shown(const struct machine *m, enum node_stat_item item, uint64_t pages);

/* "0-3,8": the numbers whose bit @has says yes to, below @n. */
typedef bool has_fn(const struct machine *m, unsigned i, const void *data);
void put_list(struct text *out, const struct machine *m, unsigned n, has_fn *has, const void *data);
/* "3,ffffffff": the same as a mask of hex words, the highest first, as wide as @n. */
void put_mask(struct text *out, const struct machine *m, unsigned n, has_fn *has, const void *data);

#endif

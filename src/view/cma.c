/* SPDX-License-Identifier: MIT
 *
 * Contiguous memory areas as sysfs and debugfs show them.
 *
 *	sys/kernel/mm/cma/NAME/		what was given out and refused, in pages, ever
 *	sys/kernel/debug/cma/NAME/	where the area is, its bitmap, and two files that allocate and free
 *
 * What is written to `alloc` is a number of pages; the allocations are a stack that `free` takes from. Both are cut into
 * slices as cma_alloc of sim/ctl is; a signal between two of them undoes an allocation.
 * Formats of mm/cma_sysfs.c, mm/cma_debug.c and of debugfs_create_u32_array() of 6.1.
 */
#include "view/files.h"

#include "mm/move/cma.h"
#include "view/debugfs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PAGES_PER_SLICE 512u

typedef unsigned long long ull;

static const struct cma_area *area_of(const struct view *v)
{
	return &v->m->cma[v->arg[0]];
}

static int put_number(struct text *out, uint64_t value)
{
	text_printf(out, "%llu\n", (ull)value);
	return 0;
}

int show_cma_success(struct view *v, struct text *out)
{
	return put_number(out, area_of(v)->pages_succeeded);
}

int show_cma_fail(struct view *v, struct text *out)
{
	return put_number(out, area_of(v)->pages_failed);
}

int show_cma_base_pfn(struct view *v, struct text *out)
{
	return put_number(out, area_of(v)->base_pfn);
}

int show_cma_count(struct view *v, struct text *out)
{
	return put_number(out, area_of(v)->nr_pages);
}

int show_cma_order_per_bit(struct view *v, struct text *out)
{
	return put_number(out, area_of(v)->order_per_bit);
}

int show_cma_used(struct view *v, struct text *out)
{
	return put_number(out, cma_used(v->m, area_of(v)));
}

int show_cma_maxchunk(struct view *v, struct text *out)
{
	return put_number(out, cma_maxchunk(v->m, area_of(v)));
}

/* Words of 32 bits as decimal numbers, the last one followed by a newline. */
int show_cma_bitmap(struct view *v, struct text *out)
{
	const struct cma_area *c = area_of(v);
	const uint32_t *word = machine_at(v->m, c->bitmap_at);
	uint64_t nr = (cma_nr_bits(c) + 31) / 32;

	for (uint64_t i = 0; i < nr; i++) {
		text_dec(out, word[i], 0);
		text_putc(out, i + 1 < nr ? ' ' : '\n');
	}
	return 0;
}

/* simple_attr_write(): a number of any base; the functions behind it take an int. */
static int parse_pages(struct view *v, const char *data, size_t len, uint32_t *pages)
{
	int err = debugfs_u32(data, len, pages);

	return err ? refuse(&v->m->why, -err, "a number of pages") : 0;
}

int64_t store_cma_alloc(struct view *v, const char *data, size_t len)
{
	uint32_t pages;
	int err = parse_pages(v, data, len, &pages);

	if (!err)
		err = cma_debug_alloc_begin(v->m, 0, (unsigned)v->arg[0], pages);
	v->again = !err;
	return err ? err : (int64_t)len;
}

int slice_cma_alloc(struct view *v, bool interrupted)
{
	if (interrupted)
		cma_debug_alloc_interrupt(v->m);
	return cma_debug_alloc_step(v->m, 0, session_slice(v->s, PAGES_PER_SLICE));
}

int64_t store_cma_free(struct view *v, const char *data, size_t len)
{
	uint32_t pages;
	int err = parse_pages(v, data, len, &pages);

	if (!err)
		err = cma_debug_free_begin(v->m, (unsigned)v->arg[0], pages);
	v->again = !err;
	return err ? err : (int64_t)len;
}

/* What comes back comes back whole: a signal changes nothing. */
int slice_cma_free(struct view *v, bool interrupted)
{
	(void)interrupted;
	return cma_debug_free_step(v->m, 0, session_slice(v->s, PAGES_PER_SLICE));
}

/* ---- {cma} ---- */

static int area_parse(struct view *v, const char *name, size_t len, uint64_t *value)
{
	int area = cma_find(v->m, name, len);

	*value = area < 0 ? 0 : (uint64_t)area;
	return area < 0 ? -ENOENT : 0;
}

static bool area_next(struct view *v, uint64_t *key, char *name, size_t cap)
{
	if (*key >= v->m->nr_cma)
		return false;
	snprintf(name, cap, "%s", v->m->cma[*key].name);
	return true;
}

static void area_print(struct view *v, uint64_t value, char *name, size_t cap)
{
	snprintf(name, cap, "%s", v->m->cma[value].name);
}

const struct arg_ops arg_cma = {.parse = area_parse, .next = area_next, .print = area_print};

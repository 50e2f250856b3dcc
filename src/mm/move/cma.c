/* SPDX-License-Identifier: MIT
 *
 * cma_alloc() and cma_release() (see cma.h).
 *
 *	look in the bitmap for so many clear bits, aligned     none: end with the last error, ENOMEM at first
 *	    set them                                           nobody else gets this range
 *	    empty the range and take it (contig.c)             done: the pages are the caller's
 *	    it is busy: clear the bits, look further on        the next start: behind this one, at the next aligned place
 *	    it failed otherwise: clear the bits, end
 *
 * The alignment is that of pfns, as devices see them, so the area's own place counts. The bitmap says only what this file
 * gave out; tenants show in the frames.
 *
 * Invariant: a page with FRAME_CMA_INUSE has its bit set; a set bit is a page given out, or of a range being tried. (The
 * reverse is the caller's promise: who frees such a page by other means leaves its bit set, as on Linux.)
 *
 * Left out: areas made by code at run time, which Linux has not either; per-NUMA default areas; hugetlb_cma. Order_per_bit
 * is 0 for all areas, as for those of devices. Follows mm/cma.c of 6.1.
 */
#include "mm/move/cma.h"

#include "mm/page/frame.h"

#include "base/parse.h"
#include "base/text.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef unsigned long long ull;

#define WARN_INTERVAL_NS UINT64_C(5000000000)
#define WARN_BURST	 10u

/* ---- areas ---- */

int cma_find(const struct machine *m, const char *name, size_t len)
{
	for (unsigned i = 0; i < m->nr_cma; i++)
		if (parse_is(name, len, m->cma[i].name))
			return (int)i;
	return -1;
}

int cma_refuse_name(struct machine *m, const char *name, size_t len)
{
	char names[160] = "";
	size_t at = 0;

	for (unsigned i = 0; i < m->nr_cma && at < sizeof(names) - 1; i++) {
		int n = snprintf(
			names + at, sizeof(names) - at, "%s%s", i ? ", " : "", m->cma[i].name);

		at += (size_t)n;
	}
	if (!m->nr_cma)
		return refuse(&m->why, EINVAL,
			"this machine has no contiguous memory area: boot with cma=SIZE");
	return refuse(&m->why, EINVAL, "no contiguous memory area is called %.*s: there is %s",
		(int)(len < 48 ? len : 48), name, names);
}

int cma_add_area(struct machine *m, const char *name, uint64_t base_pfn, uint64_t nr_pages)
{
	struct cma_area *c = &m->cma[m->nr_cma];

	assert(m->nr_cma < MAX_CMA_AREAS);
	*c = (struct cma_area){.base_pfn = base_pfn, .nr_pages = nr_pages};
	if (cma_find(m, name, strlen(name)) < 0)
		snprintf(c->name, sizeof(c->name), "%s", name);
	else
		snprintf(c->name, sizeof(c->name), "%.40s-%u", name, m->nr_cma);
	c->bitmap_at = heap_alloc(m, (cma_nr_bits(c) + 63) / 64 * sizeof(uint64_t));
	if (!c->bitmap_at)
		return -m->why.err;
	m->nr_cma++;
	return 0;
}

int cma_of_pfn(const struct machine *m, uint64_t pfn)
{
	for (unsigned i = 0; i < m->nr_cma; i++)
		if (pfn - m->cma[i].base_pfn < m->cma[i].nr_pages)
			return (int)i;
	return -1;
}

/* ---- the bitmap ---- */

static uint64_t *bitmap_of(const struct machine *m, const struct cma_area *c)
{
	return machine_at(m, c->bitmap_at);
}

/* The first bit at or after @bit, before @end, that is @value; @end: none. */
static uint64_t find_bit(const uint64_t *map, uint64_t bit, uint64_t end, bool value)
{
	while (bit < end) {
		uint64_t word = (value ? map[bit / 64] : ~map[bit / 64]) >> (bit % 64);

		if (word) {
			bit += (unsigned)__builtin_ctzll(word);
			return bit < end ? bit : end;
		}
		bit = (bit | 63) + 1;
	}
	return end;
}

static void put_bits(
	struct machine *m, const struct cma_area *c, uint64_t pfn, uint64_t nr_pages, bool value)
{
	uint64_t *map = bitmap_of(m, c);
	uint64_t bit = (pfn - c->base_pfn) >> c->order_per_bit;
	uint64_t end =
		bit + ((nr_pages + (((uint64_t)1 << c->order_per_bit) - 1)) >> c->order_per_bit);

	for (; bit < end; bit++) {
		if (value)
			map[bit / 64] |= (uint64_t)1 << (bit % 64);
		else
			map[bit / 64] &= ~((uint64_t)1 << (bit % 64));
	}
}

/* The first run of equal bits at or after @bit: its value; *@end is where it ends. @bit < cma_nr_bits(). */
static bool cma_run(const struct machine *m, const struct cma_area *c, uint64_t bit, uint64_t *end)
{
	const uint64_t *map = bitmap_of(m, c);
	bool value = map[bit / 64] >> (bit % 64) & 1;

	*end = find_bit(map, bit, cma_nr_bits(c), !value);
	return value;
}

uint64_t cma_used(const struct machine *m, const struct cma_area *c)
{
	uint64_t used = 0, end;

	for (uint64_t bit = 0; bit < cma_nr_bits(c); bit = end)
		if (cma_run(m, c, bit, &end))
			used += end - bit;
	return used << c->order_per_bit;
}

uint64_t cma_maxchunk(const struct machine *m, const struct cma_area *c)
{
	uint64_t longest = 0, end;

	for (uint64_t bit = 0; bit < cma_nr_bits(c); bit = end)
		if (!cma_run(m, c, bit, &end) && end - bit > longest)
			longest = end - bit;
	return longest << c->order_per_bit;
}

static uint64_t align_mask(const struct cma_area *c, unsigned align)
{
	return align <= c->order_per_bit ? 0 : ((uint64_t)1 << (align - c->order_per_bit)) - 1;
}

/* bitmap_find_next_zero_area_off(): the bit, or cma_nr_bits() and beyond when there is no place. */
static uint64_t find_place(const struct machine *m, const struct cma_request *q)
{
	const struct cma_area *c = &m->cma[q->area];
	const uint64_t *map = bitmap_of(m, c);
	uint64_t nr_bits = cma_nr_bits(c), mask = align_mask(c, q->align);
	uint64_t want = (q->nr_pages + (((uint64_t)1 << c->order_per_bit) - 1)) >> c->order_per_bit;
	uint64_t offset = (c->base_pfn & (((uint64_t)1 << q->align) - 1)) >> c->order_per_bit;
	uint64_t from = q->from_bit;

	for (;;) {
		uint64_t bit = find_bit(map, from, nr_bits, false);

		bit = ((bit + offset + mask) & ~mask) - offset;
		if (bit + want > nr_bits)
			return nr_bits;
		uint64_t set = find_bit(map, bit, bit + want, true);
		if (set == bit + want)
			return bit;
		from = set + 1;
	}
}

/* ---- what is told of it ---- */

static void trace(struct machine *m, unsigned cpu, const struct cma_request *q,
	enum trace_event event, uint64_t pfn, int err)
{
	if (trace_wants(&m->trace, event))
		trace_put(m, &(struct trace_record){.ns = m->clock.now_ns,
				     .event = (uint16_t)event,
				     .cpu = (uint8_t)cpu,
				     .pfn = pfn,
				     .value = q->nr_pages,
				     .gfp = q->area,
				     .order = (uint8_t)q->align,
				     .extra = {(uint8_t)-err}});
}

/* pr_err_ratelimited() */
static bool warn_allowed(struct machine *m)
{
	struct cma_state *s = &m->cma_state;

	if (!s->warn_printed || m->clock.now_ns - s->warn_begin_ns > WARN_INTERVAL_NS) {
		if (s->warn_missed)
			log_printf(m, "cma_alloc: %u callbacks suppressed", s->warn_missed);
		s->warn_begin_ns = m->clock.now_ns;
		s->warn_printed = s->warn_missed = 0;
	}
	if (s->warn_printed >= WARN_BURST) {
		s->warn_missed++;
		return false;
	}
	s->warn_printed++;
	return true;
}

/* cma_debug_show_areas() */
static void show_areas(struct machine *m, const struct cma_area *c)
{
	uint64_t total = 0, end;
	struct text line;

	text_init(&line);
	text_puts(&line, "cma: number of available pages: ");
	for (uint64_t bit = 0; bit < cma_nr_bits(c); bit = end) {
		if (cma_run(m, c, bit, &end))
			continue;
		uint64_t pages = (end - bit) << c->order_per_bit;

		text_printf(&line, "%s%llu@%llu", total ? "+" : "", (ull)pages, (ull)bit);
		total += pages;
	}
	text_printf(&line, "=> %llu free of %llu total pages", (ull)total, (ull)c->nr_pages);
	log_printf(m, "%s", text_str(&line));
	text_finish(&line);
}

static int count_failure(struct machine *m, const struct cma_request *q, int err)
{
	count_event(m, EV_cma_alloc_fail, 1);
	m->cma[q->area].pages_failed += q->nr_pages;
	return err;
}

/* ---- one allocation ---- */

int cma_begin(struct machine *m, unsigned cpu, struct cma_request *q, unsigned area,
	uint64_t nr_pages, unsigned align, bool no_warn)
{
	const struct cma_area *c = &m->cma[area];

	assert(area < m->nr_cma);
	*q = (struct cma_request){.area = area,
		.nr_pages = nr_pages,
		.align = align,
		.no_warn = no_warn,
		.pfn = NO_PFN,
		.ret = -ENOMEM};
	if (align > CMA_MAX_ALIGN)
		return refuse(&m->why, EINVAL,
			"an alignment of 2^%u pages: it is an order, at most %u", align,
			CMA_MAX_ALIGN);
	if (m->cma_state.busy)
		return refuse(&m->why, EAGAIN, "another allocation from an area is under way");
	if (!nr_pages)
		return count_failure(m, q, refuse(&m->why, ENOMEM, "cma_alloc: at least one page"));
	trace(m, cpu, q, TRACE_cma_alloc_start, NO_PFN, 0);
	if (nr_pages > c->nr_pages)
		return count_failure(m, q,
			refuse(&m->why, ENOMEM,
				"%llu pages: the whole area %s has %llu (%llu MiB); boot with a "
				"larger cma=",
				(ull)nr_pages, c->name, (ull)c->nr_pages, (ull)c->nr_pages >> 8));
	m->cma_state.busy = true;
	return 0;
}

static int finish(struct machine *m, unsigned cpu, struct cma_request *q)
{
	struct cma_area *c = &m->cma[q->area];

	m->cma_state.busy = false;
	trace(m, cpu, q, TRACE_cma_alloc_finish, q->pfn, q->ret);
	if (!q->ret) {
		count_event(m, EV_cma_alloc_success, 1);
		c->pages_succeeded += q->nr_pages;
		return 0;
	}
	if (!q->no_warn && warn_allowed(m)) {
		log_printf(m, "cma: cma_alloc: %s: alloc failed, req-size: %llu pages, ret: %d",
			c->name, (ull)q->nr_pages, q->ret);
		if (machine_has(m, CONFIG_CMA_DEBUG))
			show_areas(m, c);
	}
	return count_failure(m, q, q->ret);
}

/* No clear bits for it: if a range was tried before, the reason is why that one was busy. */
static int no_place(struct machine *m, unsigned cpu, struct cma_request *q)
{
	const struct cma_area *c = &m->cma[q->area];

	if (q->ret == -EINTR)
		refuse(&m->why, EINTR, "interrupted: no page was taken");
	else if (q->ret == -EBUSY)
		m->why = q->range.why;
	else
		refuse(&m->why, ENOMEM,
			"no %llu pages side by side%s are free in the area %s: %llu of its %llu "
			"are given "
			"out, the longest run that is not has %llu",
			(ull)q->nr_pages, q->align ? " at that alignment" : "", c->name,
			(ull)cma_used(m, c), (ull)c->nr_pages, (ull)cma_maxchunk(m, c));
	return finish(m, cpu, q);
}

static int try_next(struct machine *m, unsigned cpu, struct cma_request *q)
{
	const struct cma_area *c = &m->cma[q->area];
	uint64_t bit = find_place(m, q);

	if (bit >= cma_nr_bits(c))
		return no_place(m, cpu, q);
	q->pfn = c->base_pfn + (bit << c->order_per_bit);
	q->from_bit = bit + align_mask(c, q->align) + 1;
	put_bits(m, c, q->pfn, q->nr_pages, true);
	q->trying = true;
	int err = contig_begin(
		m, &q->range, q->pfn, q->pfn + q->nr_pages, MIGRATE_CMA, FRAME_CMA_INUSE);
	/* Boot saw to it that an area is RAM of one zone. */
	assert(!err);
	(void)err;
	return 1;
}

int cma_step(struct machine *m, unsigned cpu, struct cma_request *q, unsigned steps)
{
	if (!q->trying)
		return try_next(m, cpu, q);
	int ret = contig_step(m, cpu, &q->range, steps);

	if (ret > 0)
		return ret;
	q->ret = ret;
	q->trying = false;
	if (!ret)
		return finish(m, cpu, q);
	put_bits(m, &m->cma[q->area], q->pfn, q->nr_pages, false);
	if (ret != -EBUSY)
		return finish(m, cpu, q);
	trace(m, cpu, q, TRACE_cma_alloc_busy_retry, q->pfn, 0);
	return 1;
}

void cma_interrupt(struct machine *m, struct cma_request *q)
{
	if (q->trying) {
		contig_interrupt(m, &q->range);
		return;
	}
	/* Between two ranges: the search finds no further one. */
	q->from_bit = cma_nr_bits(&m->cma[q->area]);
	q->ret = -EINTR;
}

int cma_alloc(struct machine *m, unsigned cpu, unsigned area, uint64_t nr_pages, unsigned align,
	bool no_warn, uint64_t *pfn)
{
	struct cma_request q;
	int ret = cma_begin(m, cpu, &q, area, nr_pages, align, no_warn);

	if (ret)
		return ret == -EAGAIN ? refuse(&m->why, EBUSY, "%s",
						"another allocation from an "
						"area is under way")
				      : ret;
	do
		ret = cma_step(m, cpu, &q, UINT16_MAX);
	while (ret > 0);
	*pfn = q.pfn;
	return ret;
}

/* ---- and back ---- */

int cma_release_begin(
	struct machine *m, struct cma_return *q, unsigned area, uint64_t pfn, uint64_t nr_pages)
{
	const struct cma_area *c = &m->cma[area];
	uint64_t first = pfn - c->base_pfn;

	if (first >= c->nr_pages || nr_pages > c->nr_pages - first)
		return refuse(&m->why, EINVAL,
			"%llu pages at 0x%llx are not all of the area %s, which is [0x%llx, "
			"0x%llx)",
			(ull)nr_pages, (ull)pfn, c->name, (ull)c->base_pfn,
			(ull)(c->base_pfn + c->nr_pages));
	if (!nr_pages)
		return refuse(&m->why, EINVAL, "cma_release: at least one page");
	if (m->cma_state.busy)
		return refuse(&m->why, EBUSY,
			"an allocation from an area is between two slices: release after it");
	q->area = area;
	contig_free_begin(&q->free, pfn, nr_pages, FRAME_CMA_INUSE);
	return 0;
}

int cma_release_step(struct machine *m, unsigned cpu, struct cma_return *q, unsigned steps)
{
	struct cma_request told = {.area = q->area, .nr_pages = q->free.nr};
	int ret = contig_free_step(m, cpu, &q->free, steps);

	if (ret)
		return ret;
	put_bits(m, &m->cma[q->area], q->free.pfn, q->free.nr, false);
	trace(m, cpu, &told, TRACE_cma_release, q->free.pfn, 0);
	return 0;
}

int cma_release(struct machine *m, unsigned cpu, unsigned area, uint64_t pfn, uint64_t nr_pages)
{
	struct cma_return q;
	int ret = cma_release_begin(m, &q, area, pfn, nr_pages);

	if (ret)
		return ret;
	do
		ret = cma_release_step(m, cpu, &q, UINT16_MAX);
	while (ret > 0);
	return ret;
}

/* ---- check ---- */

static unsigned check_area(struct machine *m, const struct cma_area *c, struct text *out)
{
	const uint64_t *map = bitmap_of(m, c);
	uint64_t nr_bits = cma_nr_bits(c);
	unsigned bad = 0;

	for (uint64_t i = 0; i < c->nr_pages; i++) {
		uint64_t bit = i >> c->order_per_bit, pfn = c->base_pfn + i;

		if (!frame_is_live(m, pfn)) {
			i |= ((uint64_t)1 << (m->nr_orders - 1)) - 1;
			continue;
		}
		if (!(frame_of(m, pfn)->flags & FRAME_CMA_INUSE) || map[bit / 64] >> (bit % 64) & 1)
			continue;
		text_printf(out, "cma %s: pfn 0x%llx is given out, but its bit is clear\n", c->name,
			(ull)pfn);
		if (++bad == 8)
			return bad;
	}
	if (nr_bits % 64 && map[nr_bits / 64] >> (nr_bits % 64)) {
		text_printf(out, "cma %s: bits behind its end are set\n", c->name);
		bad++;
	}
	return bad;
}

unsigned cma_check(struct machine *m, struct text *out)
{
	unsigned bad = 0;

	for (unsigned i = 0; i < m->nr_cma; i++)
		bad += check_area(m, &m->cma[i], out);
	return bad;
}

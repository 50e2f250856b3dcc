/* SPDX-License-Identifier: MIT
 *
 * What the page allocator says in the log: a bad page, a failed allocation.
 *
 * The words are the kernel's (mm/page_alloc.c bad_page(), warn_alloc(), mm/debug.c __dump_page()), so that what
 * is read here can be searched for. The name before "page allocation failure" is the process's; requests that
 * are written to a ctl file come from no simulated process and are called "simmfs". A failure is
 * reported at most once in ten seconds of simulated time, as the kernel's rate limit has it.
 */
#include "mm/page/internal.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WARN_INTERVAL_NS UINT64_C(10000000000)

static unsigned long long ull(uint64_t n)
{
	return n;
}

static void put_flags(struct text *out, uint32_t flags)
{
	const char *joint = "";

	for (unsigned bit = 0; bit < NR_FRAME_FLAGS; bit++) {
		if (!(flags >> bit & 1))
			continue;
		text_puts(out, joint);
		text_puts(out, frame_flag_rows[bit].word);
		joint = "|";
	}
}

void report_bad_page(struct machine *m, uint64_t pfn, const char *reason)
{
	struct frame f = frame_peek(m, pfn);
	struct text flags;

	text_init(&flags);
	put_flags(&flags, f.flags);
	log_printf(m, "BUG: Bad page state in process simmfs  pfn:%05llx", ull(pfn));
	log_printf(m,
		"page:(____ptrval____) refcount:%u mapcount:%d mapping:%08x index:0x%llx "
		"pfn:0x%llx",
		f.refcount, (int)f.mapcount, f.flags & FRAME_TAIL ? 0 : f.mapping, ull(f.index),
		ull(pfn));
	log_printf(m, "flags: 0x%x(%s)", f.flags, text_str(&flags));
	log_printf(m, "page dumped because: %s", reason);
	text_finish(&flags);
}

static bool warn_allowed(struct machine *m)
{
	struct page_alloc_state *s = &m->page_alloc;

	if (s->warn_printed && m->clock.now_ns - s->warn_begin_ns < WARN_INTERVAL_NS) {
		s->warn_missed++;
		return false;
	}
	if (s->warn_missed)
		log_printf(m, "warn_alloc: %u callbacks suppressed", s->warn_missed);
	s->warn_missed = 0;
	s->warn_printed++;
	s->warn_begin_ns = m->clock.now_ns;
	return true;
}

static uint64_t kib(uint64_t pages)
{
	return pages << (PAGE_SHIFT - 10);
}

static void zone_prefix(const struct machine *m, const struct zone *z, char *s, size_t cap)
{
	if (machine_has(m, CONFIG_NUMA))
		snprintf(s, cap, "Node %u %s", z->nid, zone_name(z->type));
	else
		snprintf(s, cap, "%s", zone_name(z->type));
}

static void log_zone_state(struct machine *m, const struct zone *z, unsigned this_cpu)
{
	char name[32];
	struct text reserve;
	uint64_t in_pcp = 0;

	zone_prefix(m, z, name, sizeof(name));
	for (unsigned cpu = 0; cpu < m->nr_cpus; cpu++)
		in_pcp += zone_pcp(m, z, cpu)->count;
	log_printf(m,
		"%s free:%llukB boost:%llukB min:%llukB low:%llukB high:%llukB "
		"reserved_highatomic:%lluKB "
		"present:%llukB managed:%llukB free_pcp:%llukB local_pcp:%llukB free_cma:%llukB",
		name, ull(kib(z->free_pages)), ull(kib(z->watermark_boost)),
		ull(kib(wmark_pages(z, WMARK_MIN))), ull(kib(wmark_pages(z, WMARK_LOW))),
		ull(kib(wmark_pages(z, WMARK_HIGH))), ull(kib(z->nr_reserved_highatomic)),
		ull(kib(z->present_pages)), ull(kib(z->managed_pages)), ull(kib(in_pcp)),
		ull(kib(zone_pcp(m, z, this_cpu)->count)), ull(kib(z->free_cma_pages)));
	text_init(&reserve);
	for (unsigned type = 0; type < MAX_NR_ZONES; type++)
		if (zone_configured(m, (enum zone_type)type))
			text_printf(&reserve, " %lld", (long long)z->lowmem_reserve[type]);
	log_printf(m, "lowmem_reserve[]:%s", text_str(&reserve));
	text_finish(&reserve);
}

/* "Node 0 Normal: 3*4kB (UM) 1*8kB (E) ... = 1234kB" */
static void log_zone_blocks(struct machine *m, const struct zone *z)
{
	static const char letters[MIGRATE_TYPES] = {[MIGRATE_UNMOVABLE] = 'U',
		[MIGRATE_MOVABLE] = 'M',
		[MIGRATE_RECLAIMABLE] = 'E',
		[MIGRATE_HIGHATOMIC] = 'H',
		[MIGRATE_CMA] = 'C',
		[MIGRATE_ISOLATE] = 'I'};
	char name[32];
	struct text line;
	uint64_t total = 0;

	zone_prefix(m, z, name, sizeof(name));
	text_init(&line);
	for (unsigned order = 0; order < m->nr_orders; order++) {
		uint64_t nr = z->area[order].nr_free;

		total += nr << order;
		text_printf(&line, "%llu*%llukB ", ull(nr), ull(kib(1) << order));
		if (!nr)
			continue;
		text_putc(&line, '(');
		for (unsigned i = 0; i < m->nr_migratetypes; i++) {
			enum migratetype type = migratetype_nth(m, i);

			if (!free_list_empty(m, z, order, type))
				text_putc(&line, letters[type]);
		}
		text_puts(&line, ") ");
	}
	log_printf(m, "%s: %s= %llukB", name, text_str(&line), ull(kib(total)));
	text_finish(&line);
}

/* The first line of warn_alloc(); false: it is not to be said, or not so soon again. */
static bool log_first_line(struct machine *m, gfp_t gfp, const char *what)
{
	struct text flags;

	if (gfp & __GFP_NOWARN || !warn_allowed(m))
		return false;
	text_init(&flags);
	gfp_print(gfp, &flags);
	log_printf(m, "simmfs: %s, mode:%#x(%s), nodemask=(null),cpuset=/,mems_allowed=0%s", what,
		gfp, text_str(&flags), m->nr_nodes > 1 ? "-" : "");
	text_finish(&flags);
	return true;
}

void warn_alloc(struct machine *m, gfp_t gfp, const char *format, ...)
{
	va_list args;
	char what[160];

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	(void)log_first_line(m, gfp, what);
}

void report_failure(struct machine *m, const struct alloc_request *r)
{
	char what[64];

	snprintf(what, sizeof(what), "page allocation failure: order:%u", r->order);
	if (!log_first_line(m, r->gfp, what))
		return;
	log_printf(m, "Mem-Info:");
	for (const struct zone *z = zone_next(m, NULL); z; z = zone_next(m, z))
		if (zone_populated(z) && z->type <= r->highest)
			log_zone_state(m, z, r->cpu);
	for (const struct zone *z = zone_next(m, NULL); z; z = zone_next(m, z))
		if (zone_populated(z) && z->type <= r->highest)
			log_zone_blocks(m, z);
}

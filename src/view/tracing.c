/* SPDX-License-Identifier: MIT
 *
 * sys/kernel/tracing: the machine's tracepoints as tracefs shows them.
 *
 *	# echo 1 > events/kmem/enable
 *	# cat trace
 *	             sim-0       [000] .....     0.001234: mm_page_alloc: page=000000008d3f1c02 pfn=0x7c13a order=0 ...
 *
 * Lines are those of 6.1's ftrace, so trace-cmd's and perf's users, and sim/replay, read them. Everything acts as
 * task `sim` (there are no simulated processes yet); page= is a hash of the pfn, as the kernel hashes the pointer.
 * `trace` shows the ring and clears it when it is opened with O_TRUNC (echo > trace); `trace_pipe` consumes it and
 * waits when it is empty.
 *
 * Left out: tracers other than nop, filters, triggers, per_cpu/, instances, options.
 * Follows kernel/trace/trace.c, trace_output.c and include/trace/events/kmem.h of 6.1.
 */
#include "view/files.h"

#include "base/parse.h"
#include "mm/core/trace.h"
#include "mm/move/compaction.h"
#include "mm/page/page_alloc.h"
#include "mm/page/zone.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef unsigned long long ull;

static const struct {
	enum trace_system system;
	const char *name;
} events[NR_TRACE_EVENTS] = {
#define TRACE_EVENT(system, name, doc) {TRACE_SYSTEM_##system, #name},
#include "mm/core/trace.def"
};

static const struct {
	const char *name;
	enum config need;
} systems[NR_TRACE_SYSTEMS] = {
#define TRACE_SYSTEM(name, need, doc) {#name, CONFIG_##need},
#include "mm/core/trace.def"
};

static bool has_system(const struct machine *m, unsigned system)
{
	enum config need = systems[system].need;

	return need == CONFIG_ALWAYS || machine_has(m, need);
}

/* The events of a system. */
static uint64_t system_mask(unsigned system)
{
	uint64_t mask = 0;

	for (unsigned e = 0; e < NR_TRACE_EVENTS; e++)
		if (events[e].system == (enum trace_system)system)
			mask |= (uint64_t)1 << e;
	return mask;
}

/* All that the machine has. */
static uint64_t all_events(const struct machine *m)
{
	uint64_t mask = 0;

	for (unsigned s = 0; s < NR_TRACE_SYSTEMS; s++)
		mask |= has_system(m, s) ? system_mask(s) : 0;
	return mask;
}

/* ---- records as text ---- */

/* The number that the machine's kernel has for the type. */
static unsigned kernel_type(const struct machine *m, unsigned type)
{
	for (unsigned i = 0; i < m->nr_migratetypes; i++)
		if (migratetype_nth(m, i) == (enum migratetype)type)
			return i;
	return m->nr_migratetypes;
}

static void put_page_hash(const struct machine *m, uint64_t pfn, struct text *out)
{
	uint64_t hash = (pfn + 1) * 0x9e3779b97f4a7c15ULL ^ m->seed;

	text_puts(out, "page=");
	/* %p gives 32 bits that tell nothing about the address; of no page, zero. */
	text_hex(out, pfn == NO_PFN ? 0 : (hash >> 32) | 1, (unsigned)machine_word_digits(m));
}

static void put_page_and_pfn(const struct machine *m, uint64_t pfn, struct text *out)
{
	put_page_hash(m, pfn, out);
	text_puts(out, " pfn=0x");
	text_hex(out, pfn == NO_PFN ? 0 : pfn, 0);
}

static void put_order(const char *name, unsigned order, struct text *out)
{
	text_puts(out, name);
	text_dec(out, order, 0);
}

static void put_extfrag(const struct machine *m, const struct trace_record *r, struct text *out)
{
	unsigned fallback_order = r->extra[0];

	text_printf(out,
		" alloc_order=%u fallback_order=%u pageblock_order=%u alloc_migratetype=%u "
		"fallback_migratetype=%u "
		"fragmenting=%d change_ownership=%u",
		r->order, fallback_order, m->pageblock_order, kernel_type(m, r->migratetype),
		kernel_type(m, r->extra[1]), fallback_order < m->pageblock_order, r->extra[2]);
}

static void put_mode(const struct trace_record *r, struct text *out)
{
	text_printf(out, "mode=%s reason=%s", migrate_mode_name((enum migrate_mode)r->order),
		migrate_reason_name((enum migrate_reason)r->migratetype));
}

static void put_migrate(const struct trace_record *r, struct text *out)
{
	switch (r->event) {
	case TRACE_mm_migrate_pages:
		text_printf(out,
			"nr_succeeded=%llu nr_failed=%llu nr_thp_succeeded=0 nr_thp_failed=0 "
			"nr_thp_split=0 ",
			(ull)r->pfn, (ull)r->value);
		put_mode(r, out);
		return;
	case TRACE_mm_migrate_pages_start:
		put_mode(r, out);
		return;
	default:
		text_printf(
			out, "addr=%llx, pte=%llx order=%u", (ull)r->pfn, (ull)r->value, r->order);
	}
}

static void put_kmem(const struct machine *m, const struct trace_record *r, struct text *out)
{
	put_page_and_pfn(m, r->pfn, out);
	if (r->event == TRACE_mm_page_alloc_extfrag) {
		put_extfrag(m, r, out);
		return;
	}
	put_order(" order=", r->order, out);
	if (r->event == TRACE_mm_page_free || r->event == TRACE_mm_page_free_batched)
		return;
	put_order(" migratetype=", kernel_type(m, r->migratetype), out);
	if (r->event == TRACE_mm_page_alloc_zone_locked)
		put_order(" percpu_refill=", r->extra[0], out);
	if (r->event != TRACE_mm_page_alloc)
		return;
	text_puts(out, " gfp_flags=");
	gfp_print(r->gfp, out);
}

static void put_zone_of(const struct machine *m, uint64_t id, struct text *out)
{
	const struct zone *z =
		zone_at(m, (unsigned)(id / MAX_NR_ZONES), (enum zone_type)(id % MAX_NR_ZONES));

	text_printf(out, "node=%u zone=%-8s", z->nid, zone_name(z->type));
}

/* begin and end: the zone's ends, and where the scanners stand. */
static void put_compaction_ends(
	const struct machine *m, const struct trace_record *r, struct text *out)
{
	const struct zone *z =
		zone_at(m, r->gfp / MAX_NR_ZONES, (enum zone_type)(r->gfp % MAX_NR_ZONES));

	text_printf(out,
		"zone_start=0x%llx migrate_pfn=0x%llx free_pfn=0x%llx zone_end=0x%llx, mode=%s",
		(ull)z->start_pfn, (ull)r->pfn, (ull)r->value, (ull)zone_end_pfn(z),
		r->extra[0] ? "sync" : "async");
	if (r->event == TRACE_mm_compaction_end)
		text_printf(
			out, " status=%s", compact_result_name((enum compact_result)r->extra[1]));
}

static void put_compaction(const struct machine *m, const struct trace_record *r, struct text *out)
{
	static const char *const priorities[] = {
		"COMPACT_PRIO_SYNC_FULL", "COMPACT_PRIO_SYNC_LIGHT", "COMPACT_PRIO_ASYNC"};
	const struct zone *z;

	switch (r->event) {
	case TRACE_mm_compaction_isolate_migratepages:
	case TRACE_mm_compaction_isolate_freepages:
		text_printf(out, "range=(0x%llx ~ 0x%llx) nr_scanned=%u nr_taken=%u", (ull)r->pfn,
			(ull)r->value, r->gfp >> 16, r->gfp & 0xffff);
		return;
	case TRACE_mm_compaction_migratepages:
		text_printf(out, "nr_migrated=%llu nr_failed=%llu", (ull)r->pfn, (ull)r->value);
		return;
	case TRACE_mm_compaction_begin:
	case TRACE_mm_compaction_end:
		put_compaction_ends(m, r, out);
		return;
	case TRACE_mm_compaction_try_to_compact_pages:
		text_printf(out, "order=%d gfp_mask=", (int8_t)r->order);
		gfp_print((gfp_t)r->gfp, out);
		text_printf(out, " priority=%d (%s)", r->extra[0], priorities[r->extra[0]]);
		return;
	case TRACE_mm_compaction_suitable:
		put_zone_of(m, r->pfn, out);
		text_printf(out, " order=%d ret=%s", (int8_t)r->order,
			compact_result_name((enum compact_result)r->value));
		return;
	case TRACE_mm_compaction_deferred:
	case TRACE_mm_compaction_defer_compaction:
	case TRACE_mm_compaction_defer_reset:
		z = zone_at(m, (unsigned)(r->pfn / MAX_NR_ZONES),
			(enum zone_type)(r->pfn % MAX_NR_ZONES));
		put_zone_of(m, r->pfn, out);
		text_printf(out, " order=%d order_failed=%u consider=%u limit=%u", (int8_t)r->order,
			z->compact.order_failed, z->compact.considered,
			1u << z->compact.defer_shift);
		return;
	case TRACE_mm_compaction_kcompactd_sleep:
		text_printf(out, "nid=%llu", (ull)r->pfn);
		return;
	default:
		text_printf(out, "nid=%llu order=%d classzone_idx=%-8s", (ull)r->pfn,
			(int8_t)r->order, zone_name((enum zone_type)r->value));
	}
}

/* A failed allocation has the pfn that was tried last, -1UL when none was, and no page. */
static void put_cma(const struct machine *m, const struct trace_record *r, struct text *out)
{
	bool start = r->event == TRACE_cma_alloc_start, finish = r->event == TRACE_cma_alloc_finish;
	int err = r->extra[0];

	text_printf(out, "name=%s ", m->cma[r->gfp].name);
	if (!start) {
		uint64_t pfn = machine_has(m, CONFIG_64BIT) ? r->pfn : (uint32_t)r->pfn;

		text_printf(out, "pfn=0x%llx ", (ull)pfn);
		put_page_hash(m, err ? NO_PFN : r->pfn, out);
		text_putc(out, ' ');
	}
	text_printf(out, "count=%llu", (ull)r->value);
	if (r->event != TRACE_cma_release)
		put_order(" align=", r->order, out);
	if (finish)
		text_printf(out, " errorno=%d", -err);
}

static void put_fields(const struct machine *m, const struct trace_record *r, struct text *out)
{
	switch (events[r->event].system) {
	case TRACE_SYSTEM_migrate:
		put_migrate(r, out);
		return;
	case TRACE_SYSTEM_compaction:
		put_compaction(m, r, out);
		return;
	case TRACE_SYSTEM_cma:
		put_cma(m, r, out);
		return;
	default:
		put_kmem(m, r, out);
	}
}

/* Interrupts and preemption: off under the zone's lock, and under a page table's preemption alone. */
static const char *context_of(unsigned event)
{
	switch (event) {
	case TRACE_mm_page_alloc:
	case TRACE_mm_page_free:
	case TRACE_mm_migrate_pages:
	case TRACE_mm_migrate_pages_start:
	case TRACE_cma_release:
	case TRACE_cma_alloc_start:
	case TRACE_cma_alloc_finish:
	case TRACE_cma_alloc_busy_retry:
		return ".....";
	case TRACE_set_migration_pte:
	case TRACE_remove_migration_pte:
		return "...1.";
	default:
		return "d..2.";
	}
}

static void put_record(const struct machine *m, const struct trace_record *r, struct text *out)
{
	uint64_t us = r->ns / 1000;

	text_printf(out, "             sim-0       [%03u] %s %5llu.%06llu: ", r->cpu,
		context_of(r->event), (ull)(us / 1000000), (ull)(us % 1000000));
	text_puts(out, events[r->event].name);
	text_puts(out, ": ");
	put_fields(m, r, out);
	text_putc(out, '\n');
}

/* ---- trace, trace_pipe ---- */

int show_trace(struct view *v, struct text *out)
{
	const struct trace *t = &v->m->trace;
	uint64_t entries = t->written - t->first;

	text_printf(out,
		"# tracer: nop\n#\n# entries-in-buffer/entries-written: %llu/%llu   #P:%u\n#\n",
		(ull)entries, (ull)(entries + t->overrun), v->m->nr_cpus);
	text_puts(out, "#                                _-----=> irqs-off/BH-disabled\n"
		       "#                               / _----=> need-resched\n"
		       "#                              | / _---=> hardirq/softirq\n"
		       "#                              || / _--=> preempt-depth\n"
		       "#                              ||| / _-=> migrate-disable\n"
		       "#                              |||| /     delay\n"
		       "#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION\n"
		       "#              | |         |   |||||     |         |\n");
	for (uint64_t i = t->first; i < t->written; i++)
		put_record(v->m, trace_record_at(v->m, i), out);
	return 0;
}

/* What is written to `trace` is nothing; that it was opened with O_TRUNC cleared it. */
int64_t store_trace(struct view *v, const char *data, size_t len)
{
	(void)v;
	(void)data;
	return (int64_t)len;
}

void truncate_trace(struct view *v)
{
	trace_clear(v->m);
}

/* Whole lines while they fit; a line longer than the reader's buffer goes in pieces. */
int64_t read_trace_pipe(struct view *v, void *data, size_t len, uint64_t offset)
{
	struct trace *t = &v->m->trace;
	char *to = data;
	size_t given = 0;
	struct text line;

	(void)offset;
	if (t->first == t->written)
		return -EAGAIN;
	text_init(&line);
	while (given < len && t->first < t->written) {
		text_clear(&line);
		if (t->untold && !t->pipe_bytes)
			text_printf(&line, "CPU:0 [LOST %llu EVENTS]\n", (ull)t->untold);
		put_record(v->m, trace_record_at(v->m, t->first), &line);
		if (line.failed)
			break;
		size_t left = line.len - t->pipe_bytes;
		if (left > len - given && given)
			break;
		size_t piece = left < len - given ? left : len - given;
		memcpy(to + given, line.data + t->pipe_bytes, piece);
		given += piece;
		t->pipe_bytes += piece;
		if (piece == left) {
			t->untold = 0;
			trace_consume(v->m);
		}
	}
	text_finish(&line);
	return given ? (int64_t)given : -ENOMEM;
}

/* ---- switches ---- */

/* A number alone, as kstrtoul() reads it. */
static bool parse_value(const char *data, size_t len, uint64_t *value)
{
	parse_trim(&data, &len);
	return parse_u64(data, len, 0, value);
}

int show_tracing_on(struct view *v, struct text *out)
{
	text_puts(out, v->m->trace.off ? "0\n" : "1\n");
	return 0;
}

int64_t store_tracing_on(struct view *v, const char *data, size_t len)
{
	uint64_t value;

	if (!parse_value(data, len, &value))
		return refuse(&v->m->why, EINVAL, "1 lets events be recorded, 0 stops them");
	v->m->trace.off = !value;
	return (int64_t)len;
}

int show_buffer_size(struct view *v, struct text *out)
{
	const struct trace *t = &v->m->trace;

	if (t->at || t->buffer_kb)
		text_printf(out, "%llu\n", (ull)(t->buffer_kb ? t->buffer_kb : TRACE_DEFAULT_KB));
	else
		text_printf(out, "7 (expanded: %u)\n", TRACE_DEFAULT_KB);
	return 0;
}

int64_t store_buffer_size(struct view *v, const char *data, size_t len)
{
	uint64_t kb;

	if (!parse_value(data, len, &kb))
		return refuse(&v->m->why, EINVAL, "the size of the ring in KiB");
	int err = trace_resize(v->m, kb);
	return err ? err : (int64_t)len;
}

/* '0', '1', or 'X' when some are on. */
static void put_switch(const struct trace *t, uint64_t mask, struct text *out)
{
	uint64_t on = t->enabled & mask;

	text_puts(out, !on ? "0\n" : on == mask ? "1\n" : "X\n");
}

static int64_t store_switch(struct view *v, const char *data, size_t len, uint64_t mask)
{
	uint64_t value;

	if (!parse_value(data, len, &value) || value > 1)
		return refuse(&v->m->why, EINVAL, "1 enables, 0 disables");
	v->m->trace.enabled = value ? v->m->trace.enabled | mask : v->m->trace.enabled & ~mask;
	return (int64_t)len;
}

int show_all_events(struct view *v, struct text *out)
{
	put_switch(&v->m->trace, all_events(v->m), out);
	return 0;
}

int64_t store_all_events(struct view *v, const char *data, size_t len)
{
	return store_switch(v, data, len, all_events(v->m));
}

int show_system_enable(struct view *v, struct text *out)
{
	put_switch(&v->m->trace, system_mask((unsigned)v->arg[0]), out);
	return 0;
}

int64_t store_system_enable(struct view *v, const char *data, size_t len)
{
	return store_switch(v, data, len, system_mask((unsigned)v->arg[0]));
}

static uint64_t event_mask(const struct view *v)
{
	return (uint64_t)1 << v->arg[1];
}

int show_event_enable(struct view *v, struct text *out)
{
	put_switch(&v->m->trace, event_mask(v), out);
	return 0;
}

int64_t store_event_enable(struct view *v, const char *data, size_t len)
{
	return store_switch(v, data, len, event_mask(v));
}

/* ---- set_event, available_events ---- */

static void put_events(uint64_t mask, struct text *out)
{
	for (unsigned e = 0; e < NR_TRACE_EVENTS; e++)
		if (mask >> e & 1)
			text_printf(out, "%s:%s\n", systems[events[e].system].name, events[e].name);
}

int show_available_events(struct view *v, struct text *out)
{
	put_events(all_events(v->m), out);
	return 0;
}

int show_set_event(struct view *v, struct text *out)
{
	put_events(v->m->trace.enabled, out);
	return 0;
}

void truncate_set_event(struct view *v)
{
	v->m->trace.enabled = 0;
}

/* A name, or a beginning with a star. */
static bool matches(const char *pattern, size_t len, const char *name)
{
	if (len && pattern[len - 1] == '*')
		return !strncmp(pattern, name, len - 1);
	return parse_is(pattern, len, name);
}

/* "kmem:mm_page_alloc", "kmem:*", "kmem:", "kmem", "mm_page_alloc": the events meant. */
static uint64_t find_events(const struct machine *m, const char *word, size_t len)
{
	const char *colon = memchr(word, ':', len);
	size_t system_len = colon ? (size_t)(colon - word) : len;
	size_t name_len = colon ? len - system_len - 1 : 0;
	uint64_t mask = 0;

	for (unsigned e = 0; e < NR_TRACE_EVENTS; e++) {
		const char *system = systems[events[e].system].name, *name = events[e].name;
		bool hit = colon ? (!system_len || matches(word, system_len, system)) &&
					   (!name_len || matches(colon + 1, name_len, name))
				 : matches(word, len, system) || matches(word, len, name);

		if (hit)
			mask |= (uint64_t)1 << e;
	}
	return mask & all_events(m);
}

int64_t store_set_event(struct view *v, const char *data, size_t len)
{
	const char *p = data, *end = data + len;

	while (p < end) {
		while (p < end && memchr(" \t\r\n", *p, 4))
			p++;
		const char *word = p;
		while (p < end && !memchr(" \t\r\n", *p, 4))
			p++;
		bool off = p > word && *word == '!';
		size_t n = (size_t)(p - word) - off;
		if (p == word)
			break;
		uint64_t mask = find_events(v->m, word + off, n);
		if (!mask)
			return refuse(&v->m->why, EINVAL,
				"no event is called %.*s: see available_events",
				(int)(n < 60 ? n : 60), word + off);
		v->m->trace.enabled =
			off ? v->m->trace.enabled & ~mask : v->m->trace.enabled | mask;
	}
	return (int64_t)len;
}

/* ---- constants ---- */

int show_current_tracer(struct view *v, struct text *out)
{
	(void)v;
	text_puts(out, "nop\n");
	return 0;
}

int show_trace_clock(struct view *v, struct text *out)
{
	(void)v;
	text_puts(out, "[local]\n");
	return 0;
}

/* ---- {events}: kmem; {event}: mm_page_alloc ---- */

static int system_parse(struct view *v, const char *name, size_t len, uint64_t *value)
{
	for (unsigned s = 0; s < NR_TRACE_SYSTEMS; s++) {
		if (has_system(v->m, s) && parse_is(name, len, systems[s].name)) {
			*value = s;
			return 0;
		}
	}
	return -ENOENT;
}

static void system_print(struct view *v, uint64_t value, char *name, size_t cap)
{
	(void)v;
	snprintf(name, cap, "%s", systems[value].name);
}

static bool system_list(struct view *v, uint64_t *key, char *name, size_t cap)
{
	while (*key < NR_TRACE_SYSTEMS && !has_system(v->m, (unsigned)*key))
		++*key;
	if (*key >= NR_TRACE_SYSTEMS)
		return false;
	system_print(v, *key, name, cap);
	return true;
}

const struct arg_ops event_system_arg = {
	.parse = system_parse, .next = system_list, .print = system_print};

static int event_parse(struct view *v, const char *name, size_t len, uint64_t *value)
{
	for (unsigned e = 0; e < NR_TRACE_EVENTS; e++) {
		if (events[e].system == v->arg[0] && parse_is(name, len, events[e].name)) {
			*value = e;
			return 0;
		}
	}
	return -ENOENT;
}

static void event_print(struct view *v, uint64_t value, char *name, size_t cap)
{
	(void)v;
	snprintf(name, cap, "%s", events[value].name);
}

static bool event_list(struct view *v, uint64_t *key, char *name, size_t cap)
{
	while (*key < NR_TRACE_EVENTS && events[*key].system != v->arg[0])
		++*key;
	if (*key >= NR_TRACE_EVENTS)
		return false;
	event_print(v, *key, name, cap);
	return true;
}

const struct arg_ops event_arg = {.parse = event_parse, .next = event_list, .print = event_print};

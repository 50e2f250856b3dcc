/* SPDX-License-Identifier: MIT
 *
 * Claim: what sys/kernel/tracing prints of one machine, another replays with the same counts; trace_pipe gives each
 * line once, in any pieces; the switches take what tracefs takes.
 */
#include "support/hand.h"

#include "base/rng.h"
#include "mm/core/trace.h"
#include "replay/replay.h"
#include "view/files.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct machine *machine(void)
{
	struct hand h = {.cpus = 2,
		.nr_zones = 1,
		.zone = {{.type = ZONE_NORMAL,
			.pages = 16384,
			.min = 32,
			.pcp_high = 200,
			.pcp_batch = 31}}};

	return hand_machine(&h);
}

static char *show(struct machine *m, show_fn *fn, uint64_t arg)
{
	struct session s = {.m = m};
	struct view v = {.s = &s, .m = m, .arg = {arg, arg}};
	struct text out;

	text_init(&out);
	cr_assert_eq(fn(&v, &out), 0);
	char *copy = strdup(text_str(&out));
	text_finish(&out);
	return copy;
}

static void expect_shown(struct machine *m, show_fn *fn, uint64_t arg, const char *want)
{
	char *got = show(m, fn, arg);

	cr_expect_str_eq(got, want);
	free(got);
}

static int64_t store(struct machine *m, store_fn *fn, uint64_t arg, const char *value)
{
	struct session s = {.m = m};
	struct view v = {.s = &s, .m = m, .arg = {arg, arg}};

	refusal_clear(&m->why);
	return fn(&v, value, strlen(value));
}

#define MIX_BLOCKS 400

/* Random allocations and frees of several orders, types and CPUs. */
static void mix(struct machine *m, unsigned steps)
{
	static uint64_t pfn[MIX_BLOCKS];
	static unsigned order[MIX_BLOCKS];
	static bool live[MIX_BLOCKS];
	static const gfp_t flags[] = {GFP_KERNEL, GFP_HIGHUSER_MOVABLE | __GFP_COMP,
		GFP_KERNEL | __GFP_RECLAIMABLE, GFP_ATOMIC | __GFP_NOWARN};
	struct rng rng = {9};

	memset(live, 0, sizeof(live));
	for (unsigned i = 0; i < steps; i++) {
		unsigned slot = rng_below(&rng, MIX_BLOCKS);
		unsigned cpu = rng_below(&rng, m->nr_cpus);

		clock_advance(m, rng_below(&rng, 5000));
		if (live[slot]) {
			cr_assert_eq(free_pages_order(m, cpu, pfn[slot], order[slot]), 0);
			live[slot] = false;
			continue;
		}
		order[slot] = rng_below(&rng, 8) ? rng_below(&rng, 3) : 5;
		live[slot] = !alloc_pages_node(
			m, cpu, -1, flags[rng_below(&rng, 4)], order[slot], &pfn[slot]);
	}
	/* A request that nobody can serve is an event, too. */
	uint64_t none;
	while (!alloc_pages_node(m, 0, -1, GFP_KERNEL | __GFP_NOWARN, 10, &none))
		;
}

static uint64_t recorded(const struct machine *m, enum trace_event e, bool no_page)
{
	uint64_t n = 0;

	for (uint64_t i = m->trace.first; i < m->trace.written; i++) {
		const struct trace_record *t = trace_record_at(m, i);

		n += t->event == e && (t->pfn == NO_PFN) == no_page;
	}
	return n;
}

Test(tracing, what_is_printed_can_be_replayed)
{
	struct machine *m = machine(), *other = machine();
	struct replay *r = replay_new();

	cr_assert_gt(store(m, store_all_events, 0, "1\n"), 0);
	mix(m, 5000);
	cr_expect_eq(m->trace.overrun, 0);
	char *text = show(m, show_trace, 0), *save = NULL;
	uint64_t number = 0;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		cr_expect_eq(replay_line(r, other, line, strlen(line), ++number), 0, "%s", line);
	uint64_t allocs = recorded(m, TRACE_mm_page_alloc, false),
		 frees = recorded(m, TRACE_mm_page_free, false);
	cr_assert_gt(allocs, 1000);
	cr_expect_eq(r->count[REPLAY_events], m->trace.written);
	cr_expect_eq(r->total_events, m->trace.written);
	cr_expect_eq(r->count[REPLAY_applied_allocs], allocs);
	cr_expect_eq(r->count[REPLAY_applied_frees], frees);
	cr_expect_eq(r->count[REPLAY_skipped_failed_there], recorded(m, TRACE_mm_page_alloc, true));
	cr_expect_geq(r->count[REPLAY_skipped_failed_there], 1);
	cr_expect_eq(r->count[REPLAY_skipped_informational],
		m->trace.written - allocs - frees - r->count[REPLAY_skipped_failed_there]);
	cr_expect_eq(r->count[REPLAY_failures], 0);
	cr_expect_eq(r->count[REPLAY_unknown_gfp_flags], 0);
	/* The same requests in the same order on an equal machine: the same lists. */
	char lists[200];
	snprintf(lists, sizeof(lists), "%s", hand_free(m, zone_at(m, 0, ZONE_NORMAL)));
	cr_expect_str_eq(hand_free(other, zone_at(other, 0, ZONE_NORMAL)), lists);
	free(text);
	replay_free(r);
	hand_destroy(other);
	hand_destroy(m);
}

Test(tracing, the_pipe_gives_each_line_once_in_any_pieces)
{
	struct machine *m = machine();
	struct session s = {.m = m};
	struct view v = {.s = &s, .m = m};
	char *whole, *piped, buf[700];
	size_t len = 0;
	int64_t got;
	struct rng rng = {2};

	cr_expect_eq(read_trace_pipe(&v, buf, sizeof(buf), 0), -EAGAIN);
	store(m, store_all_events, 0, "1");
	mix(m, 300);
	whole = show(m, show_trace, 0);
	piped = malloc(strlen(whole) + 1);
	while ((got = read_trace_pipe(&v, buf, 1 + rng_below(&rng, sizeof(buf)), len)) > 0) {
		memcpy(piped + len, buf, (size_t)got);
		len += (size_t)got;
	}
	piped[len] = '\0';
	cr_expect_eq(got, -EAGAIN);
	cr_expect_str_eq(piped, strchr(strstr(whole, "|     |         |"), '\n') + 1);
	free(whole);
	whole = show(m, show_trace, 0);
	cr_expect(strstr(whole, "# entries-in-buffer/entries-written: 0/0   #P:2\n"));
	free(whole);
	free(piped);
	hand_destroy(m);
}

Test(tracing, a_full_ring_loses_the_oldest)
{
	struct machine *m = machine();
	struct session s = {.m = m};
	struct view v = {.s = &s, .m = m};
	char buf[200];

	expect_shown(m, show_buffer_size, 0, "7 (expanded: 1408)\n");
	cr_expect_gt(store(m, store_buffer_size, 0, "1\n"), 0);
	expect_shown(m, show_buffer_size, 0, "1\n");
	store(m, store_all_events, 0, "1");
	mix(m, 100);
	uint64_t capacity = 1024 / sizeof(struct trace_record);
	cr_expect_eq(m->trace.written - m->trace.first, capacity);
	cr_expect_eq(m->trace.overrun, m->trace.written - capacity);
	int64_t got = read_trace_pipe(&v, buf, sizeof(buf) - 1, 0);
	cr_assert_gt(got, 0);
	buf[got] = '\0';
	cr_expect(!strncmp(buf, "CPU:0 [LOST ", 12), "%s", buf);
	/* A larger ring keeps what is there, a smaller one the newest. */
	uint64_t first = m->trace.first;
	cr_expect_gt(store(m, store_buffer_size, 0, "64"), 0);
	cr_expect_eq(m->trace.first, first);
	const struct trace_record newest = *trace_record_at(m, m->trace.written - 1);
	cr_expect_gt(store(m, store_buffer_size, 0, "1"), 0);
	cr_expect_eq(memcmp(&newest, trace_record_at(m, m->trace.written - 1), sizeof(newest)), 0);
	cr_expect_eq(store(m, store_buffer_size, 0, "0"), -EINVAL);
	cr_expect_eq(store(m, store_buffer_size, 0, "x"), -EINVAL);
	cr_expect_eq(store(m, store_buffer_size, 0, "99999999999"), -EINVAL);
	truncate_trace(&v);
	cr_expect_eq(m->trace.written, m->trace.first);
	cr_expect_eq(m->trace.overrun, 0);
	hand_destroy(m);
}

Test(tracing, switches)
{
	struct machine *m = machine();
	struct session s = {.m = m};
	struct view v = {.s = &s, .m = m};

	expect_shown(m, show_all_events, 0, "0\n");
	expect_shown(m, show_tracing_on, 0, "1\n");
	cr_expect_gt(store(m, store_event_enable, TRACE_mm_page_free, "1\n"), 0);
	expect_shown(m, show_event_enable, TRACE_mm_page_free, "1\n");
	expect_shown(m, show_event_enable, TRACE_mm_page_alloc, "0\n");
	expect_shown(m, show_all_events, 0, "X\n");
	expect_shown(m, show_set_event, 0, "kmem:mm_page_free\n");
	cr_expect_gt(
		store(m, store_set_event, 0, "kmem:mm_page_alloc* !mm_page_alloc_extfrag\n"), 0);
	expect_shown(m, show_set_event, 0,
		"kmem:mm_page_alloc\nkmem:mm_page_free\nkmem:mm_page_alloc_zone_locked\n");
	cr_expect_eq(store(m, store_set_event, 0, "sched:sched_switch\n"), -EINVAL);
	cr_expect_gt(store(m, store_set_event, 0, "kmem:\n"), 0);
	expect_shown(m, show_system_enable, TRACE_SYSTEM_kmem, "1\n");
	expect_shown(m, show_system_enable, TRACE_SYSTEM_migrate, "0\n");
	expect_shown(m, show_all_events, 0, "X\n");
	truncate_set_event(&v);
	expect_shown(m, show_all_events, 0, "0\n");
	cr_expect_eq(store(m, store_all_events, 0, "2"), -EINVAL);
	cr_expect_eq(store(m, store_all_events, 0, ""), -EINVAL);
	/* Off is off, whatever is enabled. */
	store(m, store_all_events, 0, "1");
	cr_expect_gt(store(m, store_tracing_on, 0, "0"), 0);
	mix(m, 50);
	cr_expect_eq(m->trace.written, 0);
	hand_destroy(m);
}

Test(tracing, formats_describe_their_lines)
{
	struct machine *m = machine();

	for (uint64_t e = 0; e < NR_TRACE_EVENTS; e++) {
		char *format = show(m, show_event_format, e);
		char *id = show(m, show_event_id, e);
		char want[128];
		char name[64];

		event_arg.print(NULL, e, name, sizeof(name));
		snprintf(want, sizeof(want), "name: %s\nID: %sformat:\n", name, id);
		cr_expect(!strncmp(format, want, strlen(want)), "%s", format);
		bool kmem = e <= TRACE_mm_page_alloc_extfrag;

		cr_expect(!kmem || strstr(format, "\tfield:unsigned long pfn;\toffset:8;"));
		cr_expect(strstr(
			format, kmem ? "\nprint fmt: \"page=%p pfn=0x%lx" : "\nprint fmt: \""));
		cr_expect(strstr(format, "=%"), "%s", format);
		free(format);
		free(id);
	}
	hand_destroy(m);
}

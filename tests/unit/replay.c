/* SPDX-License-Identifier: MIT
 *
 * Claims about replaying, one rule a test (see src/replay/replay.c), and one about all of them: whatever the
 * recording says, the machine holds exactly the pages that a plain list of the recorded blocks holds.
 */
#include "support/hand.h"

#include "base/rng.h"
#include "mm/page/frame.h"
#include "replay/replay.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* 64 MiB, four CPUs with lists. */
static struct machine *roomy(void)
{
	struct hand h = {.cpus = 4,
		.nr_zones = 1,
		.zone = {{.type = ZONE_NORMAL, .pages = 16384, .pcp_high = 512, .pcp_batch = 31}}};

	return hand_machine(&h);
}

static struct replay *r;
static uint64_t line_number;

static void begin(void)
{
	r = replay_new();
	line_number = 0;
}

static void end(struct machine *m)
{
	hand_check(m);
	hand_destroy(m);
	replay_free(r);
}

/* One line with a head made up: CPU and microseconds, then the event. */
static int feed(struct machine *m, unsigned cpu, uint64_t us, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static int feed(struct machine *m, unsigned cpu, uint64_t us, const char *fmt, ...)
{
	char line[512];
	va_list args;
	int len = snprintf(line, sizeof(line), "  cc1-7   [%03u] .....  %llu.%06llu: ", cpu,
		(unsigned long long)(us / 1000000), (unsigned long long)(us % 1000000));

	va_start(args, fmt);
	len += vsnprintf(line + len, sizeof(line) - (size_t)len, fmt, args);
	va_end(args);
	return replay_line(r, m, line, (size_t)len, ++line_number);
}

#define ALLOC(m, pfn, order)                                                                       \
	feed(m, 0, 1,                                                                              \
		"mm_page_alloc: page=0c pfn=0x%x order=%u migratetype=0 gfp_flags=GFP_KERNEL",     \
		pfn, order)
#define ALLOC_COMP(m, pfn, order)                                                                  \
	feed(m, 0, 1,                                                                              \
		"mm_page_alloc: page=0c pfn=0x%x order=%u migratetype=1 "                          \
		"gfp_flags=GFP_HIGHUSER_MOVABLE|__GFP_COMP",                                       \
		pfn, order)
#define FREE(m, pfn, order) feed(m, 0, 1, "mm_page_free: page=0c pfn=0x%x order=%u", pfn, order)
#define BATCHED(m, pfn)	    feed(m, 0, 1, "mm_page_free_batched: page=0c pfn=0x%x order=0", pfn)
#define COUNT(name)	    (r->count[REPLAY_##name])

/* The sums that replay_count.def promises. */
static void check_sums(void)
{
	cr_expect_eq(COUNT(lines), COUNT(comments) + COUNT(events) + COUNT(malformed));
	cr_expect_eq(COUNT(events), COUNT(applied) + COUNT(skipped) + COUNT(failures));
	cr_expect_eq(COUNT(applied), COUNT(applied_allocs) + COUNT(applied_frees));
	cr_expect_eq(
		COUNT(skipped), COUNT(skipped_batched_repeat) + COUNT(skipped_before_recording) +
					COUNT(skipped_failed_there) + COUNT(skipped_refused_here) +
					COUNT(skipped_informational) + COUNT(skipped_foreign));
	cr_expect_eq(COUNT(failures), COUNT(failures_no_memory) + COUNT(failures_order) +
					      COUNT(failures_flags) + COUNT(failures_host) +
					      COUNT(failures_free));
}

static uint64_t used_pages(struct machine *m)
{
	drain_all_pages(m, NULL);
	uint64_t used = 0;
	for (const struct zone *z = zone_next(m, NULL); z; z = zone_next(m, z))
		used += z->managed_pages - z->free_pages;
	return used;
}

Test(replay, a_pfn_is_an_identity)
{
	struct machine *m = roomy();

	begin();
	/* A pfn far beyond this machine's RAM stands for a page of it. */
	ALLOC(m, 0x362458, 0);
	ALLOC(m, 0x362460, 3);
	cr_expect_eq(used_pages(m), 9);
	cr_expect_eq(replay_live_pages(m), 9);
	FREE(m, 0x362460, 3);
	cr_expect_eq(used_pages(m), 1);
	FREE(m, 0x362458, 0);
	cr_expect_eq(used_pages(m), 0);
	cr_expect_eq(COUNT(applied_allocs), 2);
	cr_expect_eq(COUNT(applied_frees), 2);
	check_sums();
	end(m);
}

Test(replay, the_recorded_cpu_acts)
{
	struct machine *m = roomy();
	const struct zone *z = zone_at(m, 0, ZONE_NORMAL);

	begin();
	/* CPU 6 of the recording is CPU 2 of four. */
	feed(m, 6, 1, "mm_page_alloc: page=0c pfn=0x10 order=0 migratetype=0 gfp_flags=GFP_KERNEL");
	cr_expect_eq(zone_pcp(m, z, 2)->count, 30, "a batch of 31 was fetched, one is out");
	cr_expect_eq(zone_pcp(m, z, 0)->count, 0);
	feed(m, 3, 1, "mm_page_free: page=0c pfn=0x10 order=0");
	cr_expect_eq(zone_pcp(m, z, 3)->count, 1);
	end(m);
}

Test(replay, a_batched_free_repeats_the_single_one)
{
	struct machine *m = roomy();

	begin();
	ALLOC(m, 0x10, 0);
	FREE(m, 0x10, 0);
	BATCHED(m, 0x10);
	/* Kernels before 4.15 tell the batched one first. */
	ALLOC(m, 0x10, 0);
	BATCHED(m, 0x10);
	FREE(m, 0x10, 0);
	/* Of a page from before the recording both are told, too. */
	FREE(m, 0x20, 0);
	BATCHED(m, 0x20);
	cr_expect_eq(COUNT(applied_frees), 2);
	cr_expect_eq(COUNT(skipped_batched_repeat), 3);
	cr_expect_eq(COUNT(skipped_before_recording), 1);
	/* Freed, allocated unseen, freed again: that is no repeat. */
	FREE(m, 0x30, 0);
	FREE(m, 0x30, 0);
	cr_expect_eq(COUNT(skipped_before_recording), 3);
	/* A recording of the batched events alone. */
	ALLOC(m, 0x40, 0);
	BATCHED(m, 0x40);
	ALLOC(m, 0x40, 0);
	BATCHED(m, 0x40);
	cr_expect_eq(COUNT(applied_frees), 4);
	cr_expect_eq(used_pages(m), 0);
	check_sums();
	end(m);
}

Test(replay, what_failed_there_is_only_counted)
{
	struct machine *m = roomy();

	begin();
	feed(m, 0, 1,
		"mm_page_alloc: page=(null) pfn=0x0 order=9 migratetype=1 "
		"gfp_flags=GFP_TRANSHUGE_LIGHT");
	cr_expect_eq(COUNT(skipped_failed_there), 1);
	cr_expect_eq(used_pages(m), 0);
	end(m);
}

Test(replay, a_lost_free_is_made_up_for)
{
	struct machine *m = roomy();

	begin();
	ALLOC(m, 0x10, 0);
	ALLOC(m, 0x10, 0);
	cr_expect_eq(COUNT(lost_frees), 1);
	cr_expect_eq(used_pages(m), 1);
	/* A block over live pages, and a page inside a live block. */
	ALLOC(m, 0x12, 1);
	ALLOC(m, 0x10, 3);
	cr_expect_eq(COUNT(lost_frees), 3);
	cr_expect_eq(used_pages(m), 8);
	ALLOC(m, 0x15, 0);
	cr_expect_eq(used_pages(m), 8, "0x15 changed hands, the other seven stay");
	cr_expect_eq(COUNT(split_blocks), 1);
	for (unsigned i = 0; i < 8; i++)
		FREE(m, 0x10 + i, 0);
	cr_expect_eq(used_pages(m), 0);
	check_sums();
	end(m);
}

Test(replay, parts_of_a_block)
{
	struct machine *m = roomy();

	for (int compound = 0; compound < 2; compound++) {
		begin();
		if (compound)
			ALLOC_COMP(m, 0x40, 4);
		else
			ALLOC(m, 0x40, 4);
		FREE(m, 0x45, 0);
		cr_expect_eq(used_pages(m), 15);
		BATCHED(m, 0x45);
		cr_expect_eq(COUNT(skipped_batched_repeat), 1);
		FREE(m, 0x40, 0);
		FREE(m, 0x48, 3);
		cr_expect_eq(used_pages(m), 6);
		for (unsigned i = 0; i < 8; i++)
			FREE(m, 0x40 + i, 0);
		cr_expect_eq(used_pages(m), 0);
		cr_expect_eq(COUNT(split_blocks), 1);
		cr_expect_eq(COUNT(skipped_before_recording), 2, "0x40 and 0x45 were free already");
		check_sums();
		replay_free(r);
	}
	r = NULL;
	end(m);
}

Test(replay, what_is_refused_here_is_not_freed_later)
{
	/* 1 MiB, of which nothing may be taken below 64 pages. */
	struct hand h = {.nr_zones = 1, .zone = {{.type = ZONE_NORMAL, .pages = 1024, .min = 64}}};
	struct machine *m = hand_machine(&h);
	unsigned n = 0;

	begin();
	while (!COUNT(failures_no_memory)) {
		ALLOC(m, n, 0);
		cr_assert_lt(++n, 2000);
	}
	uint64_t used = used_pages(m);
	cr_expect_eq(used, n - 1);
	FREE(m, n - 1, 0);
	BATCHED(m, n - 1);
	cr_expect_eq(COUNT(skipped_refused_here), 1);
	cr_expect_eq(COUNT(skipped_batched_repeat), 1);
	cr_expect_eq(used_pages(m), used);
	/* An order that no zone of this kernel has, and its parts. */
	ALLOC(m, 0x4000, 12);
	cr_expect_eq(COUNT(failures_order), 1);
	FREE(m, 0x4001, 0);
	cr_expect_eq(COUNT(skipped_refused_here), 2);
	cr_expect_eq(used_pages(m), used);
	check_sums();
	end(m);
}

Test(replay, freed_by_other_means)
{
	struct machine *m = roomy();

	begin();
	ALLOC(m, 0x10, 2);
	const struct pfn_slot *slot = pfn_map_find(m, &m->replayed, 0x10);
	cr_assert_eq(free_pages_order(m, 0, slot->pfn, 2), 0);
	FREE(m, 0x10, 2);
	cr_expect_eq(COUNT(failures_free), 1);
	cr_expect_eq(used_pages(m), 0);
	check_sums();
	end(m);
}

Test(replay, migratetype_and_flags)
{
	struct machine *m = roomy();
	static const struct {
		const char *fields;
		enum migratetype type;
	} rows[] = {
		{"migratetype=0 gfp_flags=GFP_KERNEL", MIGRATE_UNMOVABLE},
		{"migratetype=1 gfp_flags=GFP_HIGHUSER_MOVABLE", MIGRATE_MOVABLE},
		{"migratetype=2 gfp_flags=GFP_KERNEL|__GFP_RECLAIMABLE", MIGRATE_RECLAIMABLE},
		/* the number wins */
		{"migratetype=1 gfp_flags=GFP_KERNEL", MIGRATE_MOVABLE},
		{"migratetype=2 gfp_flags=none", MIGRATE_RECLAIMABLE},
		{"migratetype=0 gfp_flags=GFP_KERNEL|__GFP_RECLAIMABLE", MIGRATE_UNMOVABLE},
	};

	begin();
	m->trace.enabled = 1u << TRACE_mm_page_alloc;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		feed(m, 0, 1, "mm_page_alloc: page=0c pfn=0x%x order=0 %s", 0x100 + i,
			rows[i].fields);
		const struct trace_record *t = trace_record_at(m, m->trace.written - 1);
		cr_expect_eq(t->migratetype, rows[i].type, "%s: type %u", rows[i].fields,
			t->migratetype);
	}
	feed(m, 0, 1,
		"mm_page_alloc: page=0c pfn=0x200 order=0 migratetype=0 "
		"gfp_flags=GFP_KERNEL|__GFP_LATER|0x40000000");
	cr_expect_eq(COUNT(unknown_gfp_flags), 2);
	cr_expect_eq(COUNT(failures), 0);
	end(m);
}

Test(replay, time_passes_as_recorded)
{
	struct machine *m = roomy();
	uint64_t start;

	begin();
	feed(m, 0, 5000000, "sched_switch: x");
	start = m->clock.now_ns;
	feed(m, 0, 7500000, "sched_switch: x");
	cr_expect_eq(m->clock.now_ns - start, 2500000000);
	/* Jitter between the CPUs' buffers. */
	feed(m, 1, 7499990, "sched_switch: x");
	feed(m, 0, 7500001, "sched_switch: x");
	cr_expect_eq(m->clock.now_ns - start, 2500001000);
	/* Another recording. */
	feed(m, 0, 1000000, "sched_switch: x");
	feed(m, 0, 1000005, "sched_switch: x");
	cr_expect_eq(m->clock.now_ns - start, 2500006000);
	/* A machine that was taken up again years later. */
	feed(m, 0, 4000000000000000, "sched_switch: x");
	cr_expect_eq(m->clock.now_ns - start, 2500006000);
	cr_expect_eq(r->end_ns - r->start_ns, 2500006000);
	cr_expect_eq(COUNT(skipped_foreign), 7);
	end(m);
}

Test(replay, a_bad_line_changes_nothing)
{
	struct machine *m = roomy();

	begin();
	ALLOC(m, 0x10, 0);
	struct machine *before = hand_copy(m);
	for (unsigned i = 0; i < REPLAY_BAD_LINES + 5; i++)
		cr_expect_eq(feed(m, 0, 99000000, "mm_page_free: page=0c pfn=0x1"), -EINVAL);
	cr_expect_eq(m->why.err, EINVAL);
	cr_expect(hand_same_state(m, before));
	cr_expect_eq(COUNT(malformed), REPLAY_BAD_LINES + 5);
	cr_expect_eq(r->nr_bad, REPLAY_BAD_LINES);
	cr_expect_eq(r->bad[0].number, 2);
	cr_expect_arr_eq(r->bad[0].text, "  cc1-7   [000]", 15);
	cr_expect_eq(
		feed(m, 0, 1,
			"mm_page_alloc: page=0c pfn=0x4 order=0 migratetype=0 gfp_flags=GFP_KERN"),
		-EINVAL);
	check_sums();
	hand_destroy(before);
	end(m);
}

/* ---- the model: a list of blocks ---- */

#define MODEL_PFNS 2048

struct model {
	uint8_t order[MODEL_PFNS];  /* of the live block that begins here, + 1 */
	uint32_t block[MODEL_PFNS]; /* first pfn + 1 of the live block around */
};

static void model_free(struct model *b, uint32_t pfn)
{
	unsigned order = b->order[pfn] - 1u;

	b->order[pfn] = 0;
	for (uint32_t i = 0; i < 1u << order; i++)
		b->block[pfn + i] = 0;
}

/* Make every page of the block around @pfn a block. */
static void model_split(struct model *b, uint32_t pfn)
{
	uint32_t head = b->block[pfn] - 1;
	unsigned order = b->order[head] - 1u;

	for (uint32_t i = 0; i < 1u << order; i++) {
		b->order[head + i] = 1;
		b->block[head + i] = head + i + 1;
	}
}

static void model_free_range(struct model *b, uint32_t pfn, unsigned order)
{
	for (uint32_t i = pfn; i < pfn + (1u << order); i++) {
		if (!b->block[i])
			continue;
		uint32_t head = b->block[i] - 1;
		if (head < pfn || head + (1u << (b->order[head] - 1)) > pfn + (1u << order))
			model_split(b, i);
		model_free(b, b->block[i] - 1);
	}
}

static uint64_t model_pages(const struct model *b)
{
	uint64_t pages = 0;

	for (uint32_t i = 0; i < MODEL_PFNS; i++)
		pages += b->block[i] != 0;
	return pages;
}

/* One random event, told to both. */
static void model_step(struct machine *m, struct model *b, struct rng *rng, uint64_t us)
{
	unsigned order = rng_below(rng, 4) ? 0 : rng_below(rng, 7);
	uint32_t pfn = rng_below(rng, MODEL_PFNS) >> order << order;
	unsigned cpu = rng_below(rng, 9);

	switch (rng_below(rng, 8)) {
	case 0:
	case 1:
	case 2:
		model_free_range(b, pfn, order);
		b->order[pfn] = (uint8_t)(order + 1);
		for (uint32_t i = 0; i < 1u << order; i++)
			b->block[pfn + i] = pfn + 1;
		feed(m, cpu, us,
			"mm_page_alloc: page=0c pfn=0x%x order=%u migratetype=%u "
			"gfp_flags=GFP_KERNEL%s",
			pfn, order, rng_below(rng, 3), rng_below(rng, 2) ? "|__GFP_COMP" : "");
		break;
	case 3:
		feed(m, cpu, us, "mm_page_pcpu_drain: page=0c pfn=0x%x order=0 migratetype=1", pfn);
		break;
	case 4:
		feed(m, cpu, us, "mm_page_free: page=0c pfn=0x%x", pfn);
		break;
	default:
		model_free_range(b, pfn, order);
		feed(m, cpu, us, "mm_page_free: page=0c pfn=0x%x order=%u", pfn, order);
		if (rng_below(rng, 2))
			feed(m, cpu, us, "mm_page_free_batched: page=0c pfn=0x%x order=0", pfn);
	}
}

Test(replay, holds_what_a_list_of_blocks_holds)
{
	static struct model b;

	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct machine *m = roomy();
		struct rng rng = {seed};

		memset(&b, 0, sizeof(b));
		begin();
		for (uint64_t i = 0; i < 6000; i++) {
			model_step(m, &b, &rng, i);
			if (i % 500)
				continue;
			cr_assert_eq(replay_live_pages(m), model_pages(&b),
				"step %llu of seed %llu", (unsigned long long)i,
				(unsigned long long)seed);
			hand_check(m);
		}
		cr_expect_eq(COUNT(failures), 0);
		cr_expect_eq(used_pages(m), model_pages(&b));
		check_sums();
		end(m);
	}
}

/* The script may be the machine's whole life or go on in a copy: the state is the same. */
Test(replay, a_copy_goes_on_alike)
{
	static struct model b;
	struct machine *m = roomy(), *copy = NULL;
	struct rng rng = {4}, rng_copy = {0};
	struct model *b_copy = NULL;
	static struct model kept;

	begin();
	for (uint64_t i = 0; i < 4000; i++) {
		if (i == 2000) {
			copy = hand_copy(m);
			kept = b;
			b_copy = &kept;
			rng_copy = rng;
			cr_assert(hand_same_state(m, copy));
		}
		model_step(m, &b, &rng, i);
	}
	cr_expect_not(hand_same_state(m, copy));
	for (uint64_t i = 2000; i < 4000; i++)
		model_step(copy, b_copy, &rng_copy, i);
	cr_expect(hand_same_state(m, copy));
	hand_destroy(copy);
	end(m);
}

/* SPDX-License-Identifier: MIT
 *
 * Recordings of a real machine, replayed whole: every event of event-counts.txt is accounted for, each free goes
 * where a plain array of the recorded pages says, and twice the same is the same, digest for digest.
 *
 * The expectation is made by a second reader, which knows one form of line only and is as slow as it is simple.
 */
#include "support/booted.h"
#include "support/hand.h"

#include "base/text.h"
#include "mm/boot/describe.h"
#include "mm/page/frame.h"
#include "replay/replay.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PFN (1u << 23) /* of the recorded machine: 24 GiB and holes */

struct recording {
	char *text;
	size_t len;
};

/* Skips the test when there is no such recording. */
static struct recording need(const char *format, const char *dir)
{
	struct recording rec;
	char path[512];

	snprintf(path, sizeof(path), format, dir);
	rec.text = need_recording(path, &rec.len);
	return rec;
}

/* ---- the second reader ---- */

struct expected {
	uint64_t lines, allocs, frees, repeats, before, informational, foreign, lost, live;
};

enum { UNKNOWN, LIVE, FREED };

static struct expected expect(const struct recording *rec)
{
	unsigned char *state = calloc(MAX_PFN, 1);
	struct expected e = {0};
	char *copy = strndup(rec->text, rec->len);
	char *save = NULL;

	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		const char *event = strstr(line, ": ");
		unsigned pfn = 0, order = 0;

		e.lines++;
		if (*line == '#')
			continue;
		cr_assert(event);
		event += 2;
		const char *page = strstr(event, "pfn=0x");
		if (page)
			sscanf(page, "pfn=%x order=%u", &pfn, &order);
		cr_assert_lt(pfn, MAX_PFN);
		if (!strncmp(event, "mm_page_alloc: ", 15)) {
			/* Freed by a task that was not recorded. (In pages, here; the few blocks are not among
			 * them.) */
			for (unsigned i = 0; i < 1u << order; i++) {
				e.lost += state[pfn + i] == LIVE;
				e.live += state[pfn + i] != LIVE;
				state[pfn + i] = LIVE;
			}
			e.allocs++;
		} else if (!strncmp(event, "mm_page_free: ", 14)) {
			bool live = state[pfn] == LIVE;

			for (unsigned i = 0; i < 1u << order; i++) {
				e.live -= state[pfn + i] == LIVE;
				state[pfn + i] = UNKNOWN;
			}
			state[pfn] = FREED;
			*(live ? &e.frees : &e.before) += 1;
		} else if (!strncmp(event, "mm_page_free_batched: ", 22)) {
			cr_expect_eq(state[pfn], FREED, "%s", line);
			state[pfn] = UNKNOWN;
			e.repeats++;
		} else if (!strncmp(event, "mm_page_", 8)) {
			e.informational++;
		} else {
			e.foreign++;
		}
	}
	free(copy);
	free(state);
	return e;
}

/* ---- replaying ---- */

static void replay_lines(struct replay *r, struct machine *m, const struct recording *rec,
	uint64_t from, uint64_t to)
{
	const char *p = rec->text, *end = rec->text + rec->len;

	for (uint64_t n = 1; p < end && n <= to; n++) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		const char *stop = newline ? newline : end;

		if (n > from)
			(void)replay_line(r, m, p, (size_t)(stop - p), n);
		p = stop + 1;
	}
}

/* 4 GiB in two zones, two CPUs as on the recorded machine. */
static struct machine *machine(void)
{
	struct hand h = {.cpus = 2,
		.thp = true,
		.nr_zones = 2,
		.zone = {{.type = ZONE_DMA32,
				 .pages = 1 << 18,
				 .min = 4096,
				 .pcp_high = 800,
				 .pcp_batch = 63},
			{.type = ZONE_NORMAL,
				.start_pfn = 1 << 18,
				.pages = 3 << 18,
				.min = 12288,
				.pcp_high = 2000,
				.pcp_batch = 63}}};

	return hand_machine(&h);
}

/* "   42962 mm_page_alloc" of event-counts.txt. */
static uint64_t counted(const char *counts, const char *event)
{
	char word[64];
	const char *at;

	snprintf(word, sizeof(word), " %s\n", event);
	at = strstr(counts, word);
	if (!at)
		return 0;
	while (at > counts && at[-1] != '\n')
		at--;
	return strtoull(at, NULL, 10);
}

/* event-counts.txt was made by uniq -c from the same recording. */
static void check_against_counts(const struct replay *r, const char *dir)
{
	struct recording counts = need("%s/event-counts.txt", dir);
	const uint64_t *count = r->count;

	counts.text[counts.len] = '\0';
	cr_expect_eq(count[REPLAY_applied_allocs] + count[REPLAY_skipped_failed_there],
		counted(counts.text, "mm_page_alloc"));
	cr_expect_eq(count[REPLAY_applied_frees] + count[REPLAY_skipped_before_recording],
		counted(counts.text, "mm_page_free"));
	cr_expect_eq(
		count[REPLAY_skipped_batched_repeat], counted(counts.text, "mm_page_free_batched"));
	cr_expect_eq(count[REPLAY_skipped_informational],
		counted(counts.text, "mm_page_alloc_extfrag") +
			counted(counts.text, "mm_page_alloc_zone_locked") +
			counted(counts.text, "mm_page_pcpu_drain"));
	cr_expect_eq(count[REPLAY_skipped_gathered] + count[REPLAY_skipped_foreign],
		counted(counts.text, "page_fault_user") +
			counted(counts.text, "page_fault_kernel") +
			counted(counts.text, "tracing_mark_write"));
	free(counts.text);
}

static void whole(const struct recording *rec, const char *counts_dir)
{
	struct expected e = expect(rec);
	struct replay *r = replay_new();
	struct machine *m = machine();

	replay_lines(r, m, rec, 0, UINT64_MAX);
	cr_expect_eq(r->count[REPLAY_lines], e.lines);
	cr_expect_eq(r->count[REPLAY_events], r->total_events, "as the recording's header says");
	cr_expect_eq(r->count[REPLAY_malformed], 0);
	cr_expect_eq(r->count[REPLAY_failures], 0);
	cr_expect_eq(r->count[REPLAY_lost_frees], e.lost);
	cr_expect_eq(r->count[REPLAY_unknown_gfp_flags], 0);
	cr_expect_eq(r->count[REPLAY_applied_allocs], e.allocs);
	cr_expect_eq(r->count[REPLAY_applied_frees], e.frees);
	cr_expect_eq(r->count[REPLAY_skipped_batched_repeat], e.repeats);
	cr_expect_eq(r->count[REPLAY_skipped_before_recording], e.before);
	cr_expect_eq(r->count[REPLAY_skipped_informational], e.informational);
	cr_expect_eq(
		r->count[REPLAY_skipped_foreign] + r->count[REPLAY_skipped_gathered], e.foreign);
	cr_expect_eq(replay_live_pages(m), e.live);
	if (counts_dir) {
		cr_expect_eq(e.lost, 0, "the whole system was recorded");
		check_against_counts(r, counts_dir);
	}
	hand_check(m);
	replay_free(r);
	hand_destroy(m);
}

/* Twice from the start, and once in a copy made in mid-script: one state. */
static void alike(const struct recording *rec)
{
	struct replay *r = replay_new();
	struct machine *m = machine(), *again = machine();

	replay_lines(r, m, rec, 0, 10000);
	struct machine *copy = hand_copy(m);
	replay_lines(r, m, rec, 10000, UINT64_MAX);
	cr_expect_not(hand_same_state(m, copy));
	replay_lines(r, copy, rec, 10000, UINT64_MAX);
	cr_expect(hand_same_state(m, copy), "the copy went another way");
	replay_lines(r, again, rec, 0, UINT64_MAX);
	cr_expect(hand_same_state(m, again), "the second time was not the first");
	replay_free(r);
	hand_destroy(copy);
	hand_destroy(again);
	hand_destroy(m);
}

/* ---- a machine that booted ---- */

/* Digest for digest, every 500 lines: the machine, its copy made in mid-script, and one that starts from the
 * beginning. The copy takes the touched memory and nothing else. */
static void digests(const struct recording *rec, const char *preset)
{
	struct machine *m = booted(preset, NULL), *again = booted(preset, NULL), *copy = NULL;
	struct replay *r = replay_new();
	struct refusal why;
	uint64_t before = 0;

	cr_assert_eq(machine_digest(m), machine_digest(again));
	for (uint64_t line = 0; line < 6000; line += 500) {
		if (line == 2500) {
			cr_assert_eq(machine_copy(m, &copy, &why), 0, "%s", why.sentence);
			cr_expect_eq(copy->arena.touched_pages, m->arena.touched_pages);
			cr_expect_eq(machine_digest(copy), machine_digest(m));
		}
		replay_lines(r, m, rec, line, line + 500);
		replay_lines(r, again, rec, line, line + 500);
		if (copy)
			replay_lines(r, copy, rec, line, line + 500);
		uint64_t digest = machine_digest(m);
		cr_expect_neq(digest, before, "the digest tells one state from another");
		before = digest;
		cr_expect_eq(machine_digest(again), digest, "%s, line %llu", preset,
			(unsigned long long)line);
		cr_expect(!copy || machine_digest(copy) == digest, "the copy of %s, line %llu",
			preset, (unsigned long long)line);
	}
	struct text wrong;
	text_init(&wrong);
	cr_expect_eq(machine_check(m, &wrong), 0, "%s", text_str(&wrong));
	cr_expect_eq(machine_check(copy, &wrong), 0, "%s", text_str(&wrong));
	text_finish(&wrong);
	machine_destroy(copy);
	machine_destroy(again);
	machine_destroy(m);
	replay_free(r);
}

static const char *shared(const char *name)
{
	static char path[512];
	const char *dir = getenv("SIMM_SHARED");

	snprintf(path, sizeof(path), "%s/traces/%s", dir ? dir : "/nonexistent", name);
	return path;
}

Test(replay, gcc_compile)
{
	struct recording rec = need("%s/trace.txt.gz", shared("gcc-compile"));

	whole(&rec, shared("gcc-compile"));
	free(rec.text);
}

Test(replay, find_cat)
{
	struct recording rec = need("%s/trace.txt.gz", shared("find-cat"));

	whole(&rec, shared("find-cat"));
	alike(&rec);
	free(rec.text);
}

/* The repository's own: always here. */
Test(replay, gcc_compile_short)
{
	struct recording rec = need(
		"%s/examples/recordings/gcc-compile-short.trace.txt.gz", getenv("SIMM_SOURCE"));

	whole(&rec, NULL);
	alike(&rec);
	free(rec.text);
}

Test(replay, digest_for_digest_on_every_preset)
{
	struct recording rec = need(
		"%s/examples/recordings/gcc-compile-short.trace.txt.gz", getenv("SIMM_SOURCE"));

	for (unsigned i = 0; preset_nth(i); i++)
		digests(&rec, preset_nth(i)->name);
	free(rec.text);
}

/* SPDX-License-Identifier: MIT
 *
 * Claim: sim/clock lets exactly the written time pass and runs what is due meanwhile; anything else it refuses with a
 * sentence, and the time stays.
 */
#include "support/hand.h"

#include "mm/core/clock.h"
#include "view/files.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static struct machine *machine(void)
{
	struct hand h = {.nr_zones = 1, .zone = {{.type = ZONE_NORMAL, .pages = 1024}}};

	return hand_machine(&h);
}

static int64_t store(struct machine *m, const char *value)
{
	struct session s = {.m = m};
	struct view v = {.s = &s, .m = m};

	refusal_clear(&m->why);
	int64_t ret = store_clock(&v, value, strlen(value));

	while (v.again && slice_clock(&v, false))
		;
	return ret;
}

static const struct {
	const char *value;
	uint64_t ns;
} good[] = {
	{"+5s\n", 5000000000},
	{"+100ms\n", 100000000},
	{"+3us", 3000},
	{"+7ns\n", 7},
	{"+1.5ms\n", 1500000},
	{"+0.000000001s\n", 1},
	{"+0.5ns", 0},
	{"+2min", 120000000000},
	{"+1.25h\r\n", 4500000000000},
	{" +1s ", 1000000000},
	{"+0s", 0},
};

Test(clock_file, time_passes)
{
	struct machine *m = machine();

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		uint64_t before = m->clock.now_ns;

		cr_expect_eq(store(m, good[i].value), (int64_t)strlen(good[i].value), "%s",
			good[i].value);
		cr_expect_eq(m->clock.now_ns - before, good[i].ns, "%s: %llu", good[i].value,
			(unsigned long long)(m->clock.now_ns - before));
	}
	hand_destroy(m);
}

Test(clock_file, other_values_are_refused)
{
	static const char *const bad[] = {"", "\n", "5s", "-5s", "+", "+s", "+5", "+5 s", "+5sec",
		"+5S", "+.s", "+.5s", "+5.s", "+1..5s", "+1.5.5s", "+0x5s",
		"+99999999999999999999s", "+18446744073709551615s", "+367h+", "+8785h", "now",
		"++5s"};
	struct machine *m = machine();

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_expect_lt(store(m, bad[i]), 0, "%s", bad[i]);
		cr_expect_gt(strlen(m->why.sentence), 20, "%s", bad[i]);
	}
	cr_expect_eq(m->clock.now_ns, 0);
	/* However often, the clock does not wrap. */
	for (int i = 0; i < 400; i++)
		(void)store(m, "+8784h");
	cr_expect_lt(m->clock.now_ns, INT64_MAX);
	cr_expect_eq(store(m, "+8784h"), -ERANGE);
	hand_destroy(m);
}

Test(clock_file, shows_what_is_due_in_order)
{
	struct machine *m = machine();
	struct session s = {.m = m};
	struct view v = {.s = &s, .m = m};
	struct text out;

	clock_schedule(m, TASK_KSWAPD, 0, 2000000001);
	store(m, "+1s");
	text_init(&out);
	cr_assert_eq(show_clock(&v, &out), 0);
	cr_expect_str_eq(text_str(&out), "now 1.000000000\ntask 2.000000001 kswapd node 0\n");
	store(m, "+2s");
	text_clear(&out);
	cr_assert_eq(show_clock(&v, &out), 0);
	cr_expect_str_eq(text_str(&out), "now 3.000000000\n", "it ran");
	text_finish(&out);
	hand_destroy(m);
}

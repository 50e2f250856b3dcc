/* SPDX-License-Identifier: MIT
 *
 * Claim: events wait in order of (time, sequence), one (kind, arg) is one event, and time only goes
 * forward.
 */
#include "mm/machine.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* Only the clock of this machine is set up. */
static struct machine *bare(void)
{
	struct machine *m = aligned_alloc(ARENA_PAGE_BYTES, sizeof(struct machine));

	cr_assert_not_null(m);
	m->clock = (struct clock){0};
	return m;
}

Test(clock, the_heap_is_ordered)
{
	struct machine *m = bare();

	for (uint32_t i = 0; i < 60; i++)
		clock_schedule(m, TASK_KSWAPD, i, (i * 7919u) % 101);
	cr_assert_eq(m->clock.nr_tasks, 60);
	for (unsigned i = 1; i < m->clock.nr_tasks; i++)
		cr_assert_leq(m->clock.task[(i - 1) / 2].at_ns, m->clock.task[i].at_ns);
	free(m);
}

Test(clock, the_same_task_is_one_event_at_the_earlier_time)
{
	struct machine *m = bare();

	clock_schedule(m, TASK_KSWAPD, 1, 500);
	clock_schedule(m, TASK_KSWAPD, 1, 900);
	cr_assert_eq(m->clock.nr_tasks, 1);
	cr_assert_eq(m->clock.task[0].at_ns, 500);
	clock_schedule(m, TASK_KSWAPD, 1, 100);
	cr_assert_eq(m->clock.task[0].at_ns, 100);
	free(m);
}

Test(clock, nothing_due_nothing_runs)
{
	struct machine *m = bare();

	clock_charge_ns(m, 1000);
	cr_assert_eq(clock_run(m, 10), 0);
	clock_schedule(m, TASK_KSWAPD, 0, 2000);
	cr_assert_eq(clock_run(m, 10), 0);
	cr_assert(m->clock.nr_tasks);
	clock_advance(m, 500);
	cr_assert_eq(m->clock.now_ns, 1500);
	cr_assert(m->clock.nr_tasks);
	free(m);
}

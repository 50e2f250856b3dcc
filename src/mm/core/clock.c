/* SPDX-License-Identifier: MIT
 *
 * Virtual time (see clock.h): a binary heap of events ordered by (time, sequence).
 */
#include "mm/core/clock.h"

#include "base/text.h"
#include "mm/core/above.h"
#include "mm/machine.h"

#include <assert.h>

static const struct {
	const char *name;
	uint64_t ns;
	const char *doc;
} costs[NR_COSTS] = {
#define COST(name, ns, doc) {#name, ns, doc},
#include "mm/core/cost.def"
};

static bool before(const struct task_event *a, const struct task_event *b)
{
	return a->at_ns < b->at_ns || (a->at_ns == b->at_ns && a->sequence < b->sequence);
}

static void swap(struct task_event *a, struct task_event *b)
{
	struct task_event t = *a;

	*a = *b;
	*b = t;
}

static void sift_up(struct clock *c, unsigned i)
{
	while (i && before(&c->task[i], &c->task[(i - 1) / 2])) {
		swap(&c->task[i], &c->task[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
}

static void sift_down(struct clock *c, unsigned i)
{
	for (;;) {
		unsigned least = i;

		for (unsigned child = 2 * i + 1; child <= 2 * i + 2 && child < c->nr_tasks; child++)
			if (before(&c->task[child], &c->task[least]))
				least = child;
		if (least == i)
			return;
		swap(&c->task[i], &c->task[least]);
		i = least;
	}
}

void clock_schedule(struct machine *m, enum task_kind kind, uint32_t arg, uint64_t at_ns)
{
	struct clock *c = &m->clock;

	if (at_ns < c->now_ns)
		at_ns = c->now_ns;
	for (unsigned i = 0; i < c->nr_tasks; i++) {
		if (c->task[i].kind != kind || c->task[i].arg != arg)
			continue;
		if (at_ns < c->task[i].at_ns) {
			c->task[i].at_ns = at_ns;
			sift_up(c, i);
		}
		return;
	}
	/* One event per (kind, arg), and the args are nodes: it cannot overflow. */
	assert(c->nr_tasks < CLOCK_MAX_TASKS);
	c->task[c->nr_tasks] = (struct task_event){
		.at_ns = at_ns, .sequence = ++c->sequence, .kind = kind, .arg = arg};
	sift_up(c, c->nr_tasks++);
}

/* Returns how many steps it counts as. */
static unsigned run_first(struct machine *m)
{
	struct clock *c = &m->clock;
	struct task_event e = c->task[0];

	c->task[0] = c->task[--c->nr_tasks];
	sift_down(c, 0);
	c->turn_steps = 1;
	core_above.step[e.kind](m, e.arg);
	return c->turn_steps;
}

void clock_turn_counts(struct machine *m, unsigned steps)
{
	m->clock.turn_steps = steps;
}

bool clock_due(const struct machine *m)
{
	return m->clock.nr_tasks && m->clock.task[0].at_ns <= m->clock.now_ns;
}

unsigned clock_run(struct machine *m, unsigned steps)
{
	unsigned ran = 0;

	while (ran < steps && clock_due(m))
		ran += run_first(m);
	return ran;
}

bool clock_advance_step(struct machine *m, uint64_t until_ns, unsigned steps)
{
	struct clock *c = &m->clock;

	for (unsigned ran = 0; c->nr_tasks && c->task[0].at_ns <= until_ns;) {
		if (ran >= steps)
			return true;
		if (c->task[0].at_ns > c->now_ns)
			c->now_ns = c->task[0].at_ns;
		ran += run_first(m);
	}
	if (until_ns > c->now_ns)
		c->now_ns = until_ns;
	return false;
}

void clock_advance(struct machine *m, uint64_t ns)
{
	uint64_t until_ns = m->clock.now_ns + ns;

	while (clock_advance_step(m, until_ns, UINT32_MAX))
		;
}

void clock_show_costs(struct text *out)
{
	for (unsigned i = 0; i < NR_COSTS; i++)
		text_printf(out, "%-16s %6llu  %s\n", costs[i].name,
			(unsigned long long)costs[i].ns, costs[i].doc);
}

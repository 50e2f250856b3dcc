/* SPDX-License-Identifier: MIT
 *
 * Virtual time and the tasks that run in it.
 *
 * The clock counts simulated nanoseconds since boot. Acts cost what cost.def says; nothing reads
 * the host's clock. Background work (kswapd, vmstat's and the pcp lists' periodic drains, kcompactd,
 * transfers) is a set of tasks ordered by (time, sequence); clock_advance_step() runs those that fall due,
 * one bounded step each. A task is an id and an argument, never a pointer: tasks are state.
 */
#ifndef SIMM_MM_CLOCK_H
#define SIMM_MM_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct machine;
struct text;

enum cost {
#define COST(name, ns, doc) COST_##name,
#include "mm/core/cost.def"
	NR_COSTS
};

enum task_kind {
	TASK_KSWAPD,	/* arg: node */
	TASK_KCOMPACTD, /* arg: node */
	TASK_BUS,	/* the next transaction of a device on the memory bus */
	TASK_KMEMLEAK,
	TASK_IOMMU_FQ, /* unmappings that wait for an IOTLB */
	NR_TASK_KINDS
};

struct task_event {
	uint64_t at_ns;
	uint64_t sequence;
	uint32_t kind; /* enum task_kind */
	uint32_t arg;
};

#define CLOCK_MAX_TASKS 256

struct clock {
	uint64_t now_ns;
	uint64_t sequence;
	unsigned turn_steps; /* what the turn at hand counts as in a slice */
	unsigned nr_tasks;
	struct task_event task[CLOCK_MAX_TASKS]; /* binary heap by (at_ns, sequence) */
};

/* The costs as constants, for clock_charge() of mm/machine.h. */
enum cost_ns {
#define COST(name, ns, doc) COST_NS_##name = (ns),
#include "mm/core/cost.def"
};

/* Schedule @kind for @at_ns (clamped to now). The same (kind, arg) twice is one event, at the earlier time. */
void clock_schedule(struct machine *m, enum task_kind kind, uint32_t arg, uint64_t at_ns);
/* A task's turn that took long counts as so many, not as one. */
void clock_turn_counts(struct machine *m, unsigned steps);
/* Run the tasks due at or before now: called between acts. About @steps steps; returns how many ran. */
unsigned clock_run(struct machine *m, unsigned steps);
/* Let @ns pass, running what falls due at its own time. */
void clock_advance(struct machine *m, uint64_t ns);
/* A slice of it: as clock_run(), until it is @until_ns. True: call again. */
bool clock_advance_step(struct machine *m, uint64_t until_ns, unsigned steps);
/* True when some task is due now. */
bool clock_due(const struct machine *m);
/* One line per cost: "name ns  meaning". */
void clock_show_costs(struct text *out);

#endif

/* SPDX-License-Identifier: MIT
 *
 * What the core asks of those who are built on it: a task's step when it falls due, and what follows from a value that was
 * set. The one table of such calls; src/mm/above.c fills it.
 */
#ifndef SIMM_MM_CORE_ABOVE_H
#define SIMM_MM_CORE_ABOVE_H

#include "mm/core/clock.h"
#include "mm/core/sysctl.h"

struct core_above {
	/* One bounded step of each kind of task. */
	void (*step[NR_TASK_KINDS])(struct machine *m, uint32_t arg);
	/* @id was set, and was @old before. 0, or -EINVAL with m->why and the old value put back. */
	int (*sysctl_written)(struct machine *m, enum sysctl_id id, int64_t old);
};
extern const struct core_above core_above;

#endif

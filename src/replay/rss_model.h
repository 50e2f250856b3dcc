/* SPDX-License-Identifier: MIT
 *
 * What a kernel since 6.2 calls the maximum RSS of a process: counted in batches on each CPU.
 */
#ifndef SIMM_REPLAY_RSS_MODEL_H
#define SIMM_REPLAY_RSS_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#define RSS_MEMBERS 3 /* file, anonymous, shared memory */
#define RSS_CPUS    64u

struct rss_model {
	int64_t pages[RSS_MEMBERS];  /* as they are */
	int64_t folded[RSS_MEMBERS]; /* as that kernel reads them */
	int16_t local[RSS_CPUS][RSS_MEMBERS];
	uint64_t peak;	 /* of pages */
	uint64_t maxrss; /* of folded, in the moments at which that kernel looks */
};

/* Another address space: counters begin at 0, what was reached stays. */
void rss_model_exec(struct rss_model *r);
/* The counters are @pages now, changed on CPU @cpu. */
void rss_model_set(struct rss_model *r, unsigned cpu, const uint64_t pages[RSS_MEMBERS]);
/* The process ends, or gives memory back: that kernel looks. */
void rss_model_look(struct rss_model *r);

#endif

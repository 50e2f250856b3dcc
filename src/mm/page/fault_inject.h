/* SPDX-License-Identifier: MIT
 *
 * Fault injection as Linux has it (lib/fault-inject.c, mm/fail_page_alloc.c): sys/kernel/debug/fail_page_alloc.
 */
#ifndef SIMM_MM_FAULT_INJECT_H
#define SIMM_MM_FAULT_INJECT_H

#include <stdbool.h>
#include <stdint.h>

struct machine;

struct fault_inject {
	uint64_t probability; /* percent */
	uint64_t interval;    /* default 1 */
	int64_t times;	      /* default 1; -1: no limit */
	uint64_t space;	      /* allocations (in pages) that pass before the first failure */
	uint64_t verbose;
	uint64_t count;		 /* calls seen */
	uint32_t min_order;	 /* default 1 */
	bool ignore_gfp_wait;	 /* default true: only allocations that cannot reclaim fail */
	bool ignore_gfp_highmem; /* default true */
	bool task_filter;
	uint32_t ratelimit_interval_ms; /* of the reports in the log; 0: no limit */
	uint32_t ratelimit_burst;	/* default 10 */
	uint32_t reported;		/* since report_begin_ns */
	uint64_t report_begin_ns;
};

void fault_inject_init(struct fault_inject *f);
/* should_fail(): shall this allocation of 2^@order pages fail now? Changes the counters. */
bool fault_inject_page_alloc(struct machine *m, uint32_t gfp, unsigned order);

#endif

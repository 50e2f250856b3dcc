/* SPDX-License-Identifier: MIT
 *
 * The clock of the benchmarks: CPU time of this process in nanoseconds, so that other programs on the host disturb little.
 */
#ifndef SIMM_BENCH_CLOCK_H
#define SIMM_BENCH_CLOCK_H

#include <time.h>

static inline double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

#endif

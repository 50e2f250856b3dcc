/* SPDX-License-Identifier: MIT
 *
 * RSS counters as percpu_counter keeps them.
 *
 *	CPU 0   +31 pages ─┐ (less than 32: they stay there)
 *	CPU 1   +32 pages ─┴──> folded += 32
 *
 * Since 6.2 the RSS of a process is counted in percpu_counters: a CPU keeps up to 31 pages of each kind to itself, and
 * ru_maxrss (GNU time's "Maximum resident set size") is made of what was folded into the sum at the moments at which the
 * kernel looks: before memory is given back, and at the end. So it is below the real peak by up to 31 pages for each
 * kind and CPU, and recordings of such kernels cannot be compared with the true peak, which 6.1 tells.
 *
 * Follows percpu_counter_add_batch() of lib/percpu_counter.c (percpu_counter_batch is 32 up to 16 CPUs).
 */
#include "replay/rss_model.h"

#include <string.h>

#define BATCH 32

void rss_model_exec(struct rss_model *r)
{
	rss_model_look(r);
	memset(r->pages, 0, sizeof(r->pages));
	memset(r->folded, 0, sizeof(r->folded));
	memset(r->local, 0, sizeof(r->local));
}

static uint64_t sum(const int64_t pages[RSS_MEMBERS])
{
	uint64_t all = 0;

	/* percpu_counter_read_positive() */
	for (unsigned i = 0; i < RSS_MEMBERS; i++)
		all += pages[i] > 0 ? (uint64_t)pages[i] : 0;
	return all;
}

void rss_model_look(struct rss_model *r)
{
	uint64_t now = sum(r->folded);

	if (now > r->maxrss)
		r->maxrss = now;
}

void rss_model_set(struct rss_model *r, unsigned cpu, const uint64_t pages[RSS_MEMBERS])
{
	for (unsigned i = 0; i < RSS_MEMBERS; i++)
		if ((int64_t)pages[i] < r->pages[i]) {
			rss_model_look(r);
			break;
		}
	for (unsigned i = 0; i < RSS_MEMBERS; i++) {
		int16_t *local = &r->local[cpu % RSS_CPUS][i];
		int64_t count = *local + ((int64_t)pages[i] - r->pages[i]);

		r->pages[i] = (int64_t)pages[i];
		if (count >= BATCH || count <= -BATCH) {
			r->folded[i] += count;
			count = 0;
		}
		*local = (int16_t)count;
	}
	if (sum(r->pages) > r->peak)
		r->peak = sum(r->pages);
}

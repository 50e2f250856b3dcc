/* SPDX-License-Identifier: MIT
 *
 * Tracepoints at the decisions, with Linux's names and fields (include/trace/events/kmem.h). Events go into a
 * ring of fixed-size records in the heap, made when the first event is enabled; sys/kernel/tracing prints it in
 * ftrace's format, which sim/replay can read back. An event that is off costs one test of a bit.
 */
#ifndef SIMM_MM_TRACE_H
#define SIMM_MM_TRACE_H

#include <stdbool.h>
#include <stdint.h>

struct machine;
struct text;

enum trace_event {
#define TRACE_EVENT(system, name, doc) TRACE_##name,
#include "mm/core/trace.def"
	NR_TRACE_EVENTS
};

struct trace_record {
	uint64_t ns;
	uint64_t pfn;		/* UINT64_MAX: no page */
	uint32_t gfp;
	uint16_t event;
	uint8_t cpu;
	uint8_t order;
	uint8_t migratetype;	/* kernel's own number is made when printing */
	uint8_t extra[7];	/* extfrag: fallback order, type, change ownership; zone_locked: percpu refill */
};

struct trace {
	uint64_t enabled;	/* bit per event */
	bool off;		/* tracing_on is 0 */
	uint64_t at;		/* heap block of capacity records */
	uint64_t capacity;
	uint64_t written;	/* records ever written */
};

void trace_put(struct machine *m, const struct trace_record *record);

static inline bool trace_wants(const struct trace *t, enum trace_event e)
{
	return __builtin_expect(t->enabled >> e & 1, 0) && !t->off;
}

#endif

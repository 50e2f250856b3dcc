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

enum trace_system {
#define TRACE_SYSTEM(name, need, doc) TRACE_SYSTEM_##name,
#include "mm/core/trace.def"
	NR_TRACE_SYSTEMS
};

struct trace_record {
	uint64_t ns;
	uint64_t pfn;		/* UINT64_MAX: no page; what it is of events that are not of pages: the view's */
	uint64_t value;		/* of those a second number */
	uint32_t gfp;
	uint16_t event;
	uint8_t cpu;
	uint8_t order;
	uint8_t migratetype;	/* kernel's own number is made when printing */
	uint8_t extra[7];	/* extfrag: fallback order, type, change ownership; zone_locked: percpu refill */
};

/* Record number i is at i % capacity of the ring; [first, written) are there to be read. */
struct trace {
	uint64_t enabled;	/* bit per event */
	bool off;		/* tracing_on is 0 */
	uint64_t at;		/* heap block of capacity records, 0 before the first */
	uint64_t capacity;
	uint64_t buffer_kb;	/* what was asked for, 0: TRACE_DEFAULT_KB */
	uint64_t first;		/* the oldest record that was neither overwritten nor consumed */
	uint64_t written;	/* records ever written */
	uint64_t overrun;	/* records overwritten since the last trace_clear() */
	uint64_t untold;	/* of these, those of which trace_pipe's readers have not been told */
	uint64_t pipe_bytes;	/* bytes of record @first's line that trace_pipe has given already */
};

#define TRACE_DEFAULT_KB 1408u

void trace_put(struct machine *m, const struct trace_record *record);
/* Record number @i, first <= @i < written. */
const struct trace_record *trace_record_at(const struct machine *m, uint64_t i);
/* Empty the ring. */
void trace_clear(struct machine *m);
/* The oldest record was read by a consumer. */
void trace_consume(struct machine *m);
/* Give the ring @kb KiB, for all CPUs together; the newest records stay. Errors: EINVAL for 0, ENOMEM, EDQUOT. */
int trace_resize(struct machine *m, uint64_t kb);

static inline bool trace_wants(const struct trace *t, enum trace_event e)
{
	return __builtin_expect(t->enabled >> e & 1, 0) && !t->off;
}

#endif

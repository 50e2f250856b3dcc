/* SPDX-License-Identifier: MIT
 *
 * The trace ring: fixed-size records, the newest TRACE_RECORDS of them.
 *
 * The ring is made when the first record comes. If the host's budget does not allow it, records are
 * counted and lost, which is what a full ring does with the oldest ones anyway: tracing never fails an act. Printing is
 * the view's work. Invariant: records [max(0, written - capacity), written) are in the ring, number i at i % capacity.
 * Follows include/trace/events/kmem.h of 6.1 for what is recorded.
 */
#include "mm/core/trace.h"

#include "mm/machine.h"

#define TRACE_RECORDS 32768u

void trace_put(struct machine *m, const struct trace_record *record)
{
	struct trace *t = &m->trace;

	if (!t->capacity) {
		struct refusal keep = m->why;

		t->at = heap_alloc(m, TRACE_RECORDS * sizeof(*record));
		m->why = keep;
		if (t->at)
			t->capacity = TRACE_RECORDS;
	}
	if (t->capacity) {
		struct trace_record *ring = machine_at(m, t->at);

		ring[t->written % t->capacity] = *record;
	}
	t->written++;
}

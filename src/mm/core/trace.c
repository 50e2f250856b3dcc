/* SPDX-License-Identifier: MIT
 *
 * The trace ring: fixed-size records, the newest of them.
 *
 *	        first                written
 *	..consumed|  to be read         |		number i lies at i % capacity
 *
 * The ring is made when the first record comes. If the host's budget does not allow it, records are lost, which is
 * what a full ring does with the oldest ones anyway: tracing never fails an act. Printing is the view's work.
 * Linux has a ring per CPU; here one serves all, so its order is the order of the acts.
 *
 * Invariant: written - first <= capacity, and records [first, written) are in the ring.
 * Follows include/trace/events/kmem.h of 6.1 for what is recorded.
 */
#include "mm/core/trace.h"

#include "mm/machine.h"

#include <assert.h>
#include <errno.h>

#define MAX_KB ((uint64_t)1 << 20)

static uint64_t records_of(uint64_t kb)
{
	return (kb ? kb : TRACE_DEFAULT_KB) * 1024 / sizeof(struct trace_record);
}

static bool make_ring(struct machine *m)
{
	struct trace *t = &m->trace;
	struct refusal keep = m->why;
	uint64_t capacity = records_of(t->buffer_kb);

	t->at = heap_alloc(m, capacity * sizeof(struct trace_record));
	m->why = keep;
	if (!t->at)
		return false;
	t->capacity = capacity;
	return true;
}

void trace_put(struct machine *m, const struct trace_record *record)
{
	struct trace *t = &m->trace;

	if (!t->at && !make_ring(m)) {
		t->overrun++;
		t->untold++;
		return;
	}
	if (t->written - t->first == t->capacity) {
		t->first++;
		t->overrun++;
		t->untold++;
		t->pipe_bytes = 0;
	}
	struct trace_record *ring = machine_at(m, t->at);
	ring[t->written++ % t->capacity] = *record;
}

const struct trace_record *trace_record_at(const struct machine *m, uint64_t i)
{
	const struct trace *t = &m->trace;

	assert(i >= t->first && i < t->written);
	return (const struct trace_record *)machine_at(m, t->at) + i % t->capacity;
}

void trace_clear(struct machine *m)
{
	struct trace *t = &m->trace;

	t->first = t->written;
	t->overrun = 0;
	t->untold = 0;
	t->pipe_bytes = 0;
}

void trace_consume(struct machine *m)
{
	struct trace *t = &m->trace;

	assert(t->first < t->written);
	t->first++;
	t->pipe_bytes = 0;
}

int trace_resize(struct machine *m, uint64_t kb)
{
	struct trace *t = &m->trace;
	uint64_t capacity = records_of(kb);

	if (!kb || kb > MAX_KB)
		return refuse(&m->why, EINVAL,
			"the buffer has 1 KiB at least and %llu (1 GiB) at most",
			(unsigned long long)MAX_KB);
	if (t->at) {
		uint64_t at = heap_alloc(m, capacity * sizeof(struct trace_record));

		if (!at)
			return -m->why.err;
		if (t->written - t->first > capacity) {
			t->overrun += t->written - t->first - capacity;
			t->first = t->written - capacity;
			t->pipe_bytes = 0;
		}
		struct trace_record *ring = machine_at(m, at);
		for (uint64_t i = t->first; i < t->written; i++)
			ring[i % capacity] = *trace_record_at(m, i);
		heap_free(m, t->at, t->capacity * sizeof(struct trace_record));
		t->at = at;
		t->capacity = capacity;
	}
	t->buffer_kb = kb;
	return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * The arbiter of the memory bus (see bus.h).
 *
 *	asked:      A(t=0)  B(t=3)  C(t=4)             A first: nobody else had asked
 *	bus:        [---- A ----][-- B or C --]         then both have, and the arbiter chooses
 *
 * Invariant: transactions do not overlap, so busy_ns is at most the time that has passed; a master's waited_ns is the
 * sum over its transactions of begin minus request.
 *
 * Left out: split transactions, several banks at once, refresh.
 */
#include "hw/bus.h"

#include <assert.h>
#include <stdbool.h>

uint64_t bus_next_ns(const struct bus *b, struct bus_master *const *masters, unsigned nr)
{
	uint64_t first = BUS_NEVER;

	for (unsigned i = 0; i < nr; i++)
		if (masters[i]->request_ns < first)
			first = masters[i]->request_ns;
	return first == BUS_NEVER || first > b->free_ns ? first : b->free_ns;
}

/* How far @id is behind the last one in the round: 0 is the next. */
static uint32_t turn(const struct bus *b, uint32_t id)
{
	return id - b->last - 1;
}

static bool goes_before(const struct bus *b, const struct bus_master *x, const struct bus_master *y)
{
	if (b->arbiter == BUS_ROUND_ROBIN)
		return turn(b, x->id) < turn(b, y->id);
	if (x->priority != y->priority)
		return x->priority > y->priority;
	if (x->request_ns != y->request_ns)
		return x->request_ns < y->request_ns;
	return turn(b, x->id) < turn(b, y->id);
}

unsigned bus_grant(struct bus *b, struct bus_master *const *masters, unsigned nr)
{
	uint64_t begin = bus_next_ns(b, masters, nr);
	unsigned best = nr;

	assert(begin != BUS_NEVER);
	for (unsigned i = 0; i < nr; i++)
		if (masters[i]->request_ns <= begin &&
			(best == nr || goes_before(b, masters[i], masters[best])))
			best = i;
	assert(best < nr);
	struct bus_master *m = masters[best];
	uint64_t cycles = bus_cycles(m->request_bytes);

	m->transactions++;
	m->bytes += m->request_bytes;
	m->busy_ns += cycles;
	m->waited_ns += begin - m->request_ns;
	m->request_ns = BUS_NEVER;
	b->last = m->id;
	b->free_ns = begin + cycles;
	b->transactions++;
	b->busy_ns += cycles;
	return best;
}

/* SPDX-License-Identifier: MIT
 *
 * Direct compaction: for an allocation that found no block of its order (try_to_compact_pages() of mm/compaction.c of 6.1).
 *
 *	each zone that the request may use:  put off after a failure?  ──> the next zone
 *	                                     compact, until a block is free, or the scanners have met
 *
 * It is cut into steps as the others are; what it has come to lies in m->compact_direct, the request with the allocation
 * (mm/page/slowpath.c). There is one at a time, since no compaction allocates.
 */
#include "mm/move/compact_internal.h"

#include "mm/core/trace.h"

void compact_direct_begin(
	struct machine *m, const struct alloc_request *r, unsigned alloc_flags, int priority)
{
	assert(!m->compact_direct.cc.begun);
	m->compact_direct = (struct compact_direct){.zone = r->first,
		.alloc_flags = alloc_flags,
		.priority = priority,
		.best = COMPACT_SKIPPED};
	/* Moving pages may need I/O. */
	if (!(r->gfp & __GFP_IO))
		m->compact_direct.zone = UINT32_MAX;
	else if (trace_wants(&m->trace, TRACE_mm_compaction_try_to_compact_pages))
		trace_put(m, &(struct trace_record){.ns = m->clock.now_ns,
				     .event = TRACE_mm_compaction_try_to_compact_pages,
				     .cpu = (uint8_t)r->cpu,
				     .gfp = r->gfp,
				     .order = (uint8_t)r->order,
				     .extra = {(uint8_t)priority}});
}

static enum compact_result begin_zone(
	struct machine *m, const struct alloc_request *r, struct compact_direct *d, struct zone *z)
{
	bool full = d->priority == COMPACT_PRIO_SYNC_FULL;

	d->cc = (struct compact_control){.zone = zone_id(m, z),
		.cpu = r->cpu,
		.order = (int32_t)r->order,
		.gfp = r->gfp,
		.alloc_flags = d->alloc_flags,
		.highest_zone = r->highest,
		.mode = d->priority == COMPACT_PRIO_ASYNC ? MIGRATE_ASYNC : MIGRATE_SYNC_LIGHT,
		.direct = true,
		.whole_zone = full,
		.ignore_skip_hint = full,
		.ignore_block_suitable = full};
	if (!full && compaction_deferred(m, z, r->order))
		return COMPACT_DEFERRED;
	return compact_zone_begin(m, &d->cc);
}

/* One zone is done. True: a block should be free now. */
static bool end_zone(struct machine *m, const struct alloc_request *r, struct compact_direct *d,
	struct zone *z, enum compact_result result)
{
	compact_zone_end(m, &d->cc, result);
	if ((int32_t)result > d->best)
		d->best = (int32_t)result;
	if (result == COMPACT_SUCCESS) {
		compaction_defer_reset(m, z, r->order, false);
		return true;
	}
	if (d->priority != COMPACT_PRIO_ASYNC &&
		(result == COMPACT_COMPLETE || result == COMPACT_PARTIAL_SKIPPED))
		defer_compaction(m, z, r->order);
	return false;
}

bool compact_direct_step(struct machine *m, const struct alloc_request *r, unsigned clusters,
	bool interrupted, int32_t *result)
{
	struct compact_direct *d = &m->compact_direct;
	struct zone *z = NULL;
	bool found = false;

	for (; clusters && !interrupted && !found; clusters--) {
		unsigned i = d->zone;

		z = request_zone(m, r, &i);
		d->zone = i;
		if (!z)
			break;
		enum compact_result one =
			d->cc.begun ? compact_zone_step(m, &d->cc) : begin_zone(m, r, d, z);

		if (one == COMPACT_CONTINUE)
			continue;
		found = end_zone(m, r, d, z, one);
		d->zone++;
	}
	if (!clusters && !found && !interrupted) {
		if (d->cc.begun)
			compact_zone_pause(m, &d->cc);
		return true;
	}
	if (d->cc.begun) {
		compact_zone_end(m, &d->cc, COMPACT_CONTENDED);
		d->best = d->best > COMPACT_CONTENDED ? d->best : COMPACT_CONTENDED;
	}
	*result = d->best;
	return false;
}

/* SPDX-License-Identifier: MIT
 *
 * Compaction: free memory in one piece, by moving the pages that lie between (mm/compaction.c of 6.1).
 *
 *	zone   | m . m m . m | . m . . m . | m . . m . . | . . m . . . |        m: a page that can move
 *	         ──> migration scanner                  free scanner <──
 *	       | . . . . . . | . . . . . . | . . . m m m | m m m m m m |        when they have met
 *
 * Who asks: an allocation that found no block of its order (direct), kcompactd after kswapd or because the machine has
 * become too fragmented (proactive), a user (compact_memory, node/compact).
 */
#ifndef SIMM_MM_COMPACTION_H
#define SIMM_MM_COMPACTION_H

#include "mm/move/migrate.h"

struct alloc_request;

const char *compact_result_name(enum compact_result r);

/* try_to_compact_pages(): compact the zones that the request may use, until a block of its order is free in one; in steps
 * (mm/page/above.h). */
void compact_direct_begin(
	struct machine *m, const struct alloc_request *r, unsigned alloc_flags, int priority);
bool compact_direct_step(struct machine *m, const struct alloc_request *r, unsigned clusters, bool interrupted,
	int32_t *result);
/* compaction_suitable(): would compacting @z make sense for @order? */
enum compact_result compaction_suitable(const struct machine *m, const struct zone *z, int order,
	unsigned alloc_flags, enum zone_type highest);
/* The allocation after a direct compaction went well (compaction_defer_reset()). */
void compaction_defer_reset(struct machine *m, struct zone *z, unsigned order, bool alloc_success);

/* Begin to compact node @nid, or all (-1): compact_job_step() does it. One runs at a time. */
void compact_job_begin(struct machine *m, int nid);
/* At most @clusters times 32 pages. False: it is done. */
bool compact_job_step(struct machine *m, unsigned clusters);
/* Leave it as it is. */
void compact_job_stop(struct machine *m);
/* compact_nodes(), in one go. */
void compact_nodes(struct machine *m);

/* wakeup_kcompactd(). */
void wakeup_kcompactd(struct machine *m, unsigned nid, unsigned order, enum zone_type highest);
/* kcompactd's turn: some clusters of pages; with more to do it is due again at once. */
void kcompactd_step(struct machine *m, unsigned nid);
/* What it is at (cc->begun: in the midst of that zone); NULL: it sleeps. */
const struct compact_control *kcompactd_running(struct machine *m, unsigned nid);
/* compaction_proactiveness was written: it looks for fragmentation now. */
void kcompactd_trigger(struct machine *m);
/* At the end of boot: its periodic look for fragmentation. */
void kcompactd_init(struct machine *m);
/* The score of a node at which proactive compaction begins, and (@low) down to which it goes on. */
unsigned fragmentation_score_wmark(const struct machine *m, bool low);

#endif

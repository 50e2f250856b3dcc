/* SPDX-License-Identifier: MIT
 *
 * What a recording tells of contiguous memory areas, done on this machine's areas (see cma_replay.c). Between the files of
 * src/replay.
 */
#ifndef SIMM_REPLAY_CMA_REPLAY_H
#define SIMM_REPLAY_CMA_REPLAY_H

#include "replay/replay.h"

/* cma_alloc_finish, cma_release: one event that is applied, skipped or a failure. The first in slices: true when
 * cma_alloc_event_step() is to go on with it; that gives 1 again, 0, or -EINTR. */
bool cma_alloc_event(struct replay *r, struct machine *m, struct replay_state *st, const struct ftrace_line *l);
int cma_alloc_event_step(struct replay *r, struct machine *m, struct replay_state *st, unsigned steps, bool interrupted);
void cma_release_event(struct replay *r, struct machine *m, struct replay_state *st, const struct ftrace_line *l);
/* Is the recorded page one that an area gave out? Its free is then told again by cma_release. */
bool cma_replay_has(const struct machine *m, const struct replay_state *st, uint64_t recorded_pfn);

#endif

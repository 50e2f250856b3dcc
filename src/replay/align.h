/* SPDX-License-Identifier: MIT
 *
 * Which calls came before which fault, when both were recorded apart.
 */
#ifndef SIMM_REPLAY_ALIGN_H
#define SIMM_REPLAY_ALIGN_H

#include "replay/layout.h"

/* Set rec_fault.at of all faults of @p: never falling, and such that as few as possible contradict @l. *@cost gets how
 * much contradicts. False: host memory ended. */
bool align_faults(struct rec_process *p, const struct layout *l, uint64_t *cost);

#endif

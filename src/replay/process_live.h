/* SPDX-License-Identifier: MIT
 *
 * strace's lines replayed one by one, as they come, for a process that is there already.
 */
#ifndef SIMM_REPLAY_PROCESS_LIVE_H
#define SIMM_REPLAY_PROCESS_LIVE_H

#include "replay/process_replay.h"

/* Of one stream of lines. All zero: new. */
struct process_live {
	struct process_replay pr; /* the family so far, and what became of it */
	size_t cap_replayed, cap_pids;
};

enum live {
	LIVE_DONE,	/* the call was made: *@result is its result here */
	LIVE_NOTHING,	/* nothing to do: the half of a call, another call, one that failed there */
	LIVE_MALFORMED, /* m->why: the line is torn (EINVAL) */
	LIVE_REFUSED,	/* m->why: this machine refuses the call */
};

/* What the line (no newline) says. The first process that the lines name is @self, as are lines that name none. */
enum live process_live_line(struct process_live *live, struct machine *m, struct task *self,
	const char *s, size_t len, uint64_t *result);
void process_live_finish(struct process_live *live);

#endif

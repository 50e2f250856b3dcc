/* SPDX-License-Identifier: MIT
 *
 * Replaying a recording of page allocations on a machine, line by line.
 *
 * struct replay is about the reading: counts, first bad lines, times for the report. What decides how the machine
 * goes on, the map from recorded to simulated pages and the recording's clock, lies in the machine (m->replay_at),
 * so it is copied with it and part of its digest.
 */
#ifndef SIMM_REPLAY_REPLAY_H
#define SIMM_REPLAY_REPLAY_H

#include "replay/ftrace.h"
#include "replay/gfp_names.h"
#include "mm/core/pfn_map.h"
#include "mm/move/cma.h"
#include "replay/process_replay.h"

enum replay_count {
#define REPLAY_COUNT(name, doc) REPLAY_##name,
#include "replay/replay_count.def"
	NR_REPLAY_COUNTS
};

extern const char *const replay_count_names[NR_REPLAY_COUNTS];

#define REPLAY_BAD_LINES 8
#define REPLAY_BAD_BYTES 80

struct replay_bad_line {
	uint64_t number;
	const char *why;
	uint32_t len; /* of the whole line; the first REPLAY_BAD_BYTES are kept */
	char text[REPLAY_BAD_BYTES];
};

/* An event that takes several slices. */
enum replay_phase {
	REPLAY_NOTHING,
	REPLAY_TIME,  /* until it happens, much falls due */
	REPLAY_ALLOC, /* the allocation compacts */
	REPLAY_CMA,   /* an area is being emptied */
	REPLAY_BACK,  /* what it gave goes back at once: it had failed there */
};

struct replay_under_way {
	enum replay_phase phase;
	struct ftrace_line line; /* whose text is the writer's still */
	gfp_t gfp;
	uint64_t until_ns;
	struct cma_request cma;
	struct cma_return back;
};

struct replay {
	uint64_t count[NR_REPLAY_COUNTS];
	uint64_t total_events; /* as the recording's header says, 0: unknown */
	struct replay_bad_line bad[REPLAY_BAD_LINES];
	unsigned nr_bad;
	uint64_t start_ns;	/* simulated time at the first event */
	uint64_t end_ns;	/* and after the last */
	unsigned open;		/* open files that have written */
	uint64_t host_since_ns; /* while open: when the first of them began */
	uint64_t host_ns;	/* and what earlier ones took */
	uint64_t boots;		/* the session's, when it began: a reboot begins anew */
	struct gfp_cache gfp;
	uint64_t ctl_count[NR_REC_COUNTS]; /* of strace's lines written to PID/ctl */
	struct process_replay process;	   /* what strace and page faults told */
	struct replay_under_way now;
};

/* What a machine remembers of the recording (in its heap, at m->replay_at), beside m->replayed: which page
 * stands for which of the recording's, which memory management knows so that a page may move. */
struct replay_state {
	uint64_t held[FTRACE_MAX_ORDER + 1]; /* slots LIVE or REFUSED, by order */
	uint64_t time_ns;		     /* of the latest event with a timestamp */
	uint64_t has_time;
	uint64_t runs_at; /* heap block of cap_runs struct replay_run (cma_replay.c) */
	uint32_t nr_runs, cap_runs;
};

/* Pages that an area gave out there. */
struct replay_run {
	uint64_t recorded_pfn;
	uint64_t pfn; /* where they are here */
	uint64_t nr_pages;
	uint32_t area;
	uint32_t refused; /* this machine refused them */
};

/* NULL: host memory ended. */
struct replay *replay_new(void);
void replay_free(struct replay *r);
/* Forget the counts, not which files are open: another machine begins. */
void replay_restart(struct replay *r);

/* Do what the line (no newline) says. 0, or -EINVAL with m->why for a malformed line, which changes nothing but
 * the counts. @number is the line's, for the list of bad lines. 1: replay_line_step() goes on, and the line stays where it is
 * until that gives something else. */
int replay_line_begin(struct replay *r, struct machine *m, const char *s, size_t len, uint64_t number);
/* A slice of about @steps pages moved. @interrupted: it ends with -EINTR, as if the line had not been read but for the time that
 * has passed. */
int replay_line_step(struct replay *r, struct machine *m, unsigned steps, bool interrupted);
/* All slices at once. */
int replay_line(struct replay *r, struct machine *m, const char *s, size_t len, uint64_t number);

/* Lines about processes only gather until this: 0 when there is nothing new; 1: process_replay_step() is to be called
 * until it has no more to do; or -errno with m->why. */
int replay_begin_processes(struct replay *r, struct machine *m);

/* NULL before the first event. */
const struct replay_state *replay_state(const struct machine *m);
/* Pages that the recording holds at this moment on @m, and blocks (0 before the first event). */
uint64_t replay_live_pages(const struct machine *m);

#endif

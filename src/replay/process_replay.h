/* SPDX-License-Identifier: MIT
 *
 * Replaying a recording of processes on a machine: a whole tree of them, with their calls and their faults.
 *
 * Lines are gathered first (record.h), for calls and faults of one program may come one after the other; then
 * process_replay_begin() looks at all of them, and process_replay_step() acts.
 */
#ifndef SIMM_REPLAY_PROCESS_REPLAY_H
#define SIMM_REPLAY_PROCESS_REPLAY_H

#include "mm/machine.h"
#include "replay/family.h"
#include "replay/image.h"
#include "replay/rss_model.h"

/* Of a recording: longer pauses are none; and of what falls due before an event or a call, how much is done in a slice. */
#define LONGEST_PAUSE_NS (UINT64_C(86400) * 1000000000)
#define TASK_STEPS	 64u

enum process_count {
#define PROCESS_COUNT(name, doc) PROCESS_COUNT_##name,
#include "replay/process_count.def"
	NR_PROCESS_COUNTS
};
extern const char *const process_count_names[NR_PROCESS_COUNTS];

/* A process as it went here, beside what was recorded of it (struct rec_process of the same index). */
struct replayed {
	uint32_t pid; /* here; 0: not begun */
	bool ended;
	uint32_t calls_done; /* of rec_process.calls */
	size_t faults_done;  /* of rec_process.faults */
	uint32_t epoch;
	bool brk_known; /* where the heap begins was told */
	uint64_t minor, major;
	struct rss_model rss;
	uint64_t rss_end; /* pages, when it ended, or now */
	uint64_t align_cost;
	struct layout layout;
	struct program_layout *programs; /* [execs]: of each program it began */
	uint64_t count[NR_PROCESS_COUNTS];
	uint64_t refused_order; /* line of the first call that was refused; 0: none was */
	char refused[200];	/* and why */
};

enum process_phase { PROCESS_GATHER, PROCESS_ALIGN, PROCESS_RUN, PROCESS_DONE };

struct process_replay {
	struct record record;
	struct family family;
	struct replayed *replayed; /* [family.processes.nr] */
	uint32_t *pids;		   /* [family.threads.nr]: here, 0: none */
	enum process_phase phase;
	size_t at;		    /* ALIGN: the next process; RUN: the next call */
	uint64_t until_ns;	    /* RUN: time passes until then before the next call; 0: none */
	bool fresh_lines;	    /* gathered since it ran last */
	bool ran_calls, ran_events; /* what the last run had of each */
	char refused[256];	    /* why nothing was replayed, "" when it was */
};

void process_replay_finish(struct process_replay *pr);

/* A line of strace is to be gathered (@is_call), or a fault. What ran already and has some of that kind is another
 * recording: it is forgotten, and its processes stay as they are. */
void process_replay_expect(struct process_replay *pr, bool is_call);

/* Make ready for what was gathered, also what ran before: the processes of an earlier run end. 0 or -errno with m->why:
 * ENOMEM (of the host), EOVERFLOW (a 64-bit program on a 32-bit machine). */
int process_replay_begin(struct process_replay *pr, struct machine *m);
/* At most @acts calls and faults. True: there is more to do. */
bool process_replay_step(struct process_replay *pr, struct machine *m, unsigned acts);

#endif

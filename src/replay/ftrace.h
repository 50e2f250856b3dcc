/* SPDX-License-Identifier: MIT
 *
 * One line of an ftrace recording, read: which event of the page allocator, or of a process's memory, it tells, or why
 * it tells none.
 */
#ifndef SIMM_REPLAY_FTRACE_H
#define SIMM_REPLAY_FTRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ftrace_kind {
	FTRACE_MALFORMED, /* torn or no line of a recording: `why` says what is missing */
	FTRACE_COMMENT,	  /* blank, `#`, or a header of trace-cmd */
	FTRACE_TOTAL,	  /* the header that tells how many entries follow: `number` */
	FTRACE_LOST, /* the recorder's own note that it lost `number` events (0: unknown how many) */
	FTRACE_ALLOC,
	FTRACE_FREE,
	FTRACE_FREE_BATCHED,
	FTRACE_INFORMATIONAL, /* mm_page_alloc_extfrag, _zone_locked, mm_page_pcpu_drain, cma_alloc_start, _busy_retry:
			       * consequences or announcements, not acts */
	FTRACE_CMA_ALLOC,   /* cma_alloc_finish: @area, @pfn, @no_page, @nr_pages, @align */
	FTRACE_CMA_RELEASE, /* cma_release: @area, @pfn, @nr_pages */
	FTRACE_FAULT,  /* page_fault_user, page_fault_kernel: @from_user, @addr, @ip, @error_code */
	FTRACE_RSS,    /* rss_stat: @mm_id, @current_mm, @member, @rss_bytes */
	FTRACE_FORK,   /* sched_process_fork: @other_pid is the child */
	FTRACE_EXEC,   /* sched_process_exec */
	FTRACE_EXIT,   /* sched_process_exit */
	FTRACE_FOREIGN /* any other event, or a line of its stack trace */
};

struct ftrace_line {
	enum ftrace_kind kind;
	uint32_t cpu;
	bool has_time; /* false: no timestamp, or one of a clock that does not count seconds */
	uint64_t time_ns;
	uint64_t pfn; /* of the recorded machine */
	bool no_page; /* an allocation that failed there */
	unsigned order;
	int migratetype; /* the kernel's own number, -1: the line has none */
	const char *gfp; /* flag words joined by '|', into the line; @gfp_len bytes */
	size_t gfp_len;
	uint64_t number;  /* FTRACE_TOTAL, FTRACE_LOST */
	const char *area; /* of @area_len bytes; NULL: kernels before 5.12 do not print it */
	size_t area_len;
	uint64_t nr_pages;
	unsigned align; /* an order */
	/* ---- of events of processes: FTRACE_FAULT to FTRACE_EXIT ---- */
	uint32_t pid; /* of the thread whose event it is, as the head says (0: the head has none) */
	const char *comm; /* its name there, which is the one that it had last; @comm_len bytes */
	size_t comm_len;
	uint32_t other_pid;
	bool from_user;
	uint64_t addr;
	uint64_t ip; /* 0: a function's name stands there */
	uint64_t error_code;
	uint32_t mm_id;
	bool current_mm; /* the event is about the mm of the task itself */
	unsigned member; /* 0 file, 1 anonymous, 2 swap entries, 3 shared memory */
	int64_t rss_bytes;
	const char *why; /* FTRACE_MALFORMED: half a sentence */
};

#define FTRACE_MAX_ORDER 20 /* no kernel has a larger block; beyond it a line is malformed */

/* Read the line @s of @len bytes, without its newline (a CR at its end is ignored). Fills all of *@out; never
 * refuses, and looks at nothing but those bytes. */
void ftrace_parse(const char *s, size_t len, struct ftrace_line *out);

#endif

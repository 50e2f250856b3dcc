/* SPDX-License-Identifier: MIT
 *
 * Who is who in a recording: threads of strace's lines, processes that they make up, and which thread of the fault lines
 * is which of theirs.
 */
#ifndef SIMM_REPLAY_FAMILY_H
#define SIMM_REPLAY_FAMILY_H

#include "replay/record.h"

#define NOBODY UINT32_MAX

struct rec_thread {
	uint32_t tid;
	uint32_t parent;  /* thread, NOBODY: it was there when the recording began */
	uint32_t process; /* index of struct rec_process */
	uint32_t clone_flags;
	uint32_t fault_tid; /* its number in the fault lines */
	bool has_faults;    /* fault_tid is known */
	uint8_t comm_len;
	char comm[15];
};

enum rec_mark {
	REC_FAULT,
	REC_DROP,  /* no fault: RSS fell */
	REC_FORKS, /* no fault: another mm was filled: the process forks. addr is that mm's id */
	REC_NOTHING,
};

/* A fault, or another moment that belongs to a call. */
struct rec_fault {
	uint64_t time_ns;
	uint64_t addr;
	uint32_t thread;
	uint32_t at;	    /* how many of the process's memory calls had been done (align.h) */
	int32_t epoch;	    /* how many programs the process had begun by execve, -1: unknown */
	int16_t file_pages; /* pages of files that came with it, -1: not recorded */
	int16_t anon_pages;
	uint16_t cpu;
	uint8_t error_code;
	uint8_t rss_lines; /* of files, for telling a major fault */
	bool from_user;
	uint8_t mark; /* enum rec_mark */
	bool major;
};

struct rec_process {
	uint32_t leader; /* thread */
	uint32_t parent; /* process, NOBODY */
	uint32_t
		parent_at; /* how many of its memory calls had been done when this one was forked */
	bool shares_parent; /* vfork(): the parent's memory until it execs */
	struct vec calls;   /* uint32_t: record.calls that change its mappings, in order */
	struct vec faults;  /* struct rec_fault, in order of time */
	/* ---- recorded by rss_stat, in pages ---- */
	bool has_rss;
	uint64_t rss_peak, rss_end;
	uint32_t execs;
	uint64_t minor, major; /* page_fault lines, and what execve itself touches */
};

struct family {
	struct vec threads;   /* struct rec_thread, by first appearance */
	struct vec processes; /* struct rec_process, by first appearance */
	uint64_t strangers;   /* faults of threads that no call names */
};

/* From a sorted record. False: host memory ended (what there is must be finished all the same). */
bool family_build(struct family *f, const struct record *r);
void family_finish(struct family *f);

/* The thread @tid, made when it is new: a child of thread @parent (NOBODY: nobody's), in its process when @clone_flags say
 * that it is a thread of it. NOBODY: host memory ended. */
uint32_t family_meet(struct family *f, uint32_t tid, uint32_t parent, uint32_t clone_flags);

/* The thread with number @tid; NOBODY. */
uint32_t family_thread(const struct family *f, uint32_t tid);

static inline struct rec_process *family_process(const struct family *f, uint32_t i)
{
	return VEC_AT(struct rec_process, &f->processes, i);
}
static inline const struct rec_call *process_call(
	const struct record *r, const struct rec_process *p, uint32_t i)
{
	return VEC_AT(struct rec_call, &r->calls, *VEC_AT(uint32_t, &p->calls, i));
}

/* Changes it the mappings? */
bool rec_moves_mappings(enum rec_kind kind);

/* Faults of each process out of the events (family_faults.c). */
bool family_take_faults(struct family *f, const struct record *r);

#endif

/* SPDX-License-Identifier: MIT
 *
 * A recording of processes, gathered: the calls that strace told, and the faults and RSS changes that ftrace told.
 *
 * It lies in host memory, for it is about the recording and no part of a machine: nothing here touches one.
 */
#ifndef SIMM_REPLAY_RECORD_H
#define SIMM_REPLAY_RECORD_H

#include "replay/ftrace.h"
#include "replay/strace.h"

/* A growing array: @at has room for @cap elements, the first @nr are in use. */
struct vec {
	void *at;
	size_t nr, cap;
};

/* One more element of @size bytes, zeroed. NULL: host memory ended. */
void *vec_add(struct vec *v, size_t size);
#define VEC_AT(type, v, i) (&((type *)(v)->at)[i])

enum rec_kind {
#define REC_CALL(kind, names) REC_##kind,
#include "replay/record_call.def"
	REC_NONE /* a call that changes neither memory nor what mappings need */
};

/* A text of the recording: in record.texts. */
struct rec_text {
	uint32_t at, len;
};

/* One call that succeeded, in numbers. What a[] holds is told in record_call.def. */
struct rec_call {
	uint64_t order;	  /* of the line with which it acts */
	uint64_t time_ns; /* when it began, 0: unknown */
	uint32_t tid;
	uint32_t kind; /* enum rec_kind */
	uint64_t a[6];
	uint64_t result;
	struct rec_text text;
};

enum rec_event_kind {
	REC_EVENT_FAULT,
	REC_EVENT_RSS,
	REC_EVENT_FORK,
	REC_EVENT_EXEC,
	REC_EVENT_EXIT
};

struct rec_event {
	uint64_t time_ns;
	uint64_t addr; /* FAULT */
	uint32_t tid;
	uint32_t mm_id; /* RSS */
	int64_t pages;	/* RSS: how many there are now */
	uint16_t cpu;
	uint8_t kind;	    /* enum rec_event_kind */
	uint8_t member;	    /* RSS */
	uint8_t error_code; /* FAULT: its low bits: 1 protection, 2 write, 4 user, 16 fetch */
	bool current_mm;    /* RSS */
	bool from_user;	    /* FAULT */
};

/* A thread of the fault lines. */
struct rec_comm {
	uint32_t tid;
	uint32_t parent; /* tid of who made its memory, or has the same: 0: not known */
	bool has_mm;
	uint8_t len;
	char name[15]; /* that it had last */
};

/* Who first spoke of an mm: it filled it for a child or a new program, or runs in it. */
struct rec_owner {
	uint32_t mm_id;
	uint32_t tid;
	int64_t bytes[4]; /* by member; all 0: it ended, and the id may be another's */
};

enum rec_count {
#define REC_COUNT(name, doc) REC_COUNT_##name,
#include "replay/record_count.def"
	NR_REC_COUNTS
};
extern const char *const rec_count_names[NR_REC_COUNTS];

struct record {
	struct vec calls;  /* struct rec_call, by order after record_sort() */
	struct vec events; /* struct rec_event, as they came */
	struct vec comms;  /* struct rec_comm, by first appearance */
	struct vec owners; /* struct rec_owner */
	struct vec halves; /* struct rec_begun: first halves that wait */
	struct vec texts;  /* char */
	struct strace_joiner joiner;
	uint64_t lines;
	uint64_t count[NR_REC_COUNTS];
	uint64_t highest_addr; /* of any mapping: tells a 64-bit program */
};

void record_finish(struct record *r);
/* Does the line belong to a recording of processes? */
bool record_takes(const char *s, size_t len);

enum record_taken {
	RECORD_TAKEN,
	RECORD_SKIPPED,	  /* counted: nothing in it that concerns memory */
	RECORD_MALFORMED, /* *@why is half a sentence */
	RECORD_NO_MEMORY, /* of the host */
};
/* One line of strace, without its newline. */
enum record_taken record_strace(struct record *r, const char *s, size_t len, const char **why);
/* One event of ftrace of the kinds FTRACE_FAULT .. FTRACE_EXIT. */
enum record_taken record_ftrace(struct record *r, const struct ftrace_line *l);

/* Bring the calls into the order in which they acted. */
void record_sort(struct record *r);

static inline const char *rec_text(const struct record *r, struct rec_text t)
{
	return (const char *)r->texts.at + t.at;
}

/* Fill *@out from a whole call. False: it is none that is kept (REC_NONE), or its arguments cannot be read. */
bool rec_call_read(struct record *r, const struct strace_line *l, struct rec_call *out);

#endif

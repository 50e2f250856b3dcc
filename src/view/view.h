/* SPDX-License-Identifier: MIT
 *
 * The view: one show or store function per file of the mount. Only this layer formats or parses a file's text.
 *
 * Every file is a row of fs-layout/ and its functions have the types below. A row's path may have
 * arguments ("sys/devices/system/node/node{node}/meminfo"): their values arrive in view.arg[], in order,
 * already checked by the argument's own functions (fs-layout/args.def).
 */
#ifndef SIMM_VIEW_VIEW_H
#define SIMM_VIEW_VIEW_H

#include "base/text.h"
#include "mm/machine.h"

#include <sys/types.h>

#define VIEW_MAX_ARGS 3
#define ERRORS_MAX    (64u << 10)

/* Who asks: from fuse_req_ctx, already mapped to the process (not the thread). 0 when unknown. */
struct caller {
	uint32_t pid, tid, uid, gid;
};

/* A write that cannot go on now, for sim/waiting. */
struct waiting {
	struct waiting *next, *prev;
	const char *line;
	size_t len;
	uint32_t pid;
	uint64_t since_ns; /* simulated time */
	char what[160];	   /* what it waits for */
	char path[160];
};

/* One simulated machine being looked at: the machine, and what is about the looking rather than the machine. */
struct session {
	struct machine *m;
	struct machine_desc desc; /* what m was booted from; `reboot` edits a copy */
	struct text errors;	  /* sim/errors: the latest refusals, at most ERRORS_MAX bytes */
	struct text last;	  /* sim/last */
	struct replay *replay;	  /* state of sim/replay, NULL before its first use */
	void (*replay_free)(
		struct session *s);    /* set together with replay; called at the session's end */
	struct access_reports *access; /* of PID/access (access_stream.c) */
	void (*access_free)(struct session *s);
	uint64_t acts;	/* lines run, values written */
	uint64_t boots; /* machines booted: who keeps pfns of a machine compares it (reboot) */
	uint64_t advance_until_ns; /* sim/clock: the time until which time passes, in slices */
	struct waiting *waiting;  /* in the order in which they began to wait */
	struct call_index *calls; /* names of calls, hashed (call_index.c) */
	uint64_t host_ns; /* monotonic time, told by the daemon at each request; for reports only */
	uint64_t wall_s;  /* wall clock at the mount, told once by the daemon (btime) */
	struct caller caller; /* of the request being served */
};

/* A file being read or written: a row and its arguments. */
struct view {
	struct session *s;
	struct machine *m; /* s->m */
	const struct row *row;
	uint64_t arg[VIEW_MAX_ARGS];
	int64_t aux; /* the row's own constant (SYSCTL id ...) */
	bool again; /* set by a store function whose act goes on: the row's slice function does it */
};

/* Append the whole text. 0 or -errno. */
typedef int show_fn(struct view *v, struct text *out);
/* One whole value in one write(2), with the kernel's parsing of that file. Bytes consumed or -errno. */
typedef int64_t store_fn(struct view *v, const char *data, size_t len);
/* A slice of the act that a store function began. 1: there is more of it; 0: it is done; -errno. @interrupted: the writer
 * got a signal; the act ends where it is, and nothing is half done. */
typedef int slice_fn(struct view *v, bool interrupted);
/* Large binary files by offset. Bytes (0 at the end) or -errno. */
typedef int64_t read_fn(struct view *v, void *data, size_t len, uint64_t offset);
typedef int64_t write_fn(struct view *v, const void *data, size_t len, uint64_t offset);

/* A stream of lines (ctl.md): the runner of one complete line, without newline. It may need many steps. */
enum step {
	STEP_DONE, /* run->err and run->result are final */
	STEP_MORE, /* call again: one bounded slice was done */
	STEP_WAIT  /* parked until another act may have made it possible */
};

struct line_run {
	struct view *v;
	struct stream_state *stream; /* of the open file: strict and the like */
	const char *line;
	size_t len;
	uint64_t number;  /* of the line in this stream, from 1 */
	bool fresh;	  /* first step of this line */
	bool interrupted; /* the writer got a signal: end with -EINTR, undone or completed */
	bool nonblock;
	int err;	     /* 0 or positive errno */
	struct text *result; /* what a read of the stream gives, no newline; empty: no line */
	void *state; /* of a long call, owned by the runner, NULL at first; freed by run_end */
};
typedef enum step line_fn(struct line_run *run);
/* Called after the last step (or when the stream goes away): frees run->state. */
typedef void line_end_fn(struct line_run *run);
/* Many whole lines at once, for streams whose lines are too many to be run one by one: @data of @len bytes ends with a
 * newline. Runs as many as make a slice, counts them in run->stream->lines, and returns the bytes that they had; 0: the
 * first one is a line for the line runner. */
typedef size_t block_fn(struct line_run *run, const char *data, size_t len);

/* Per open file of a stream. */
struct stream_state {
	bool strict;
	bool failed; /* a line was refused (for strict) */
	bool told_malformed; /* the first line that is only counted was told in sim/errors (PID/access) */
	uint64_t lines;
	void *data; /* the runner's own per-open data (replay's parser), freed by stream_close */
};

struct stream_ops {
	line_fn *line;
	line_end_fn *end;
	void (*close)(struct session *s, struct stream_state *st);
	block_fn *block; /* may be NULL; not asked after `strict` */
	/* The last writer closed the file, and its lines have run: what they are for can be done now. Its errno is what
	 * close(2) returns. May be NULL. */
	line_fn *flush;
	/* A refused line gives errno (ctl). False (replay): the runner counts it, and its errno reaches the writer only
	 * after `strict`; blank lines, # lines and lines with a NUL come to the runner too. */
	bool keeps_errors;
};

/* An argument of paths: its spelling, and the notable ones that readdir lists. */
struct arg_ops {
	/* The value of a spelling, -ENOENT when it is not one (one spelling per object). */
	int (*parse)(struct view *v, const char *name, size_t len, uint64_t *value);
	/* The first notable value with key >= *key, its key in *key and its spelling in @name; false at the end. */
	bool (*next)(struct view *v, uint64_t *key, char *name, size_t cap);
	/* The spelling of @value (for paths in messages); may be NULL when next() suffices. */
	void (*print)(struct view *v, uint64_t value, char *name, size_t cap);
};
/* Values that are spelt as numbers (args.c). */
void arg_print_number(struct view *v, uint64_t value, char *name, size_t cap);
void arg_print_hex(struct view *v, uint64_t value, char *name, size_t cap);

/* sim/errors: "file:line:column: ERRNO: sentence", the line, and a caret under the word. @line_number 0: a value,
 * not a line of a stream. */
void session_error(struct session *s, const char *path, uint64_t line_number, const char *line,
	size_t len, const struct refusal *why);

/* A write begins to wait (again: @w is kept in its place) and goes on. */
void session_wait(struct session *s, struct waiting *w);
void session_wait_end(struct session *s, struct waiting *w);

/* 0 or 1, as the file of a switch of the simulation takes it. Errors: EINVAL; the sentence has @means. */
int parse_switch(struct view *v, const char *data, size_t len, const char *means, bool *on);

/* How many of @steps fit into a slice, so that readers are served within milliseconds. With checks=full each step
 * looks at the whole machine. */
static inline unsigned session_slice(const struct session *s, unsigned steps)
{
	return s->m->checks_full ? 1 + steps / 256 : steps;
}

/* clock_run()'s steps in a slice. */
#define SESSION_TASK_STEPS 64u
/* A slice of what is due by the machine's clock (of kcompactd's work above all). True: more is. */
bool session_settle(struct session *s);

/* Boot from @desc (describe_finish() is done here). 0 or -errno; nothing is to be finished then. */
int session_init(struct session *s, const struct machine_desc *desc, struct refusal *why);
void session_finish(struct session *s);
/* Boot a machine from @desc in place of the present one, which stays when that is refused. */
int session_reboot(struct session *s, const struct machine_desc *desc, struct refusal *why);

#endif

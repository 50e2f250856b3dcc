/* SPDX-License-Identifier: MIT
 *
 * One line of strace's text, read: which call of which process, its arguments as they stand, and what came of it.
 */
#ifndef SIMM_REPLAY_STRACE_H
#define SIMM_REPLAY_STRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A piece of the line, not NUL-terminated. */
struct span {
	const char *s;
	size_t len;
};

enum strace_kind {
	STRACE_MALFORMED,  /* torn, or no line of strace: `why` says what is missing */
	STRACE_COMMENT,	   /* blank, `#`, or strace's own notes ("strace: Process 12 attached") */
	STRACE_CALL,	   /* a whole call with its result */
	STRACE_UNFINISHED, /* the first half of a call, up to "<unfinished ...>" */
	STRACE_RESUMED,	   /* its second half, behind "<... NAME resumed>" */
	STRACE_SIGNAL,	   /* "--- SIGSEGV {...} ---": `name` is the signal */
	STRACE_EXITED,	   /* "+++ exited with 3 +++": `status` */
	STRACE_KILLED,	   /* "+++ killed by SIGKILL +++": `name` is the signal */
};

enum strace_result {
	STRACE_VALUE,	/* `value` */
	STRACE_ERROR,	/* " = -1 ENOENT (...)": `error` is the errno's name */
	STRACE_UNKNOWN, /* " = ?": the call did not return, or was interrupted */
};

#define STRACE_MAX_ARGS 8

struct strace_line {
	enum strace_kind kind;
	uint32_t pid; /* 0: the line names none (one process was traced) */
	bool has_time;
	bool relative;	  /* -r: nanoseconds since the line before */
	uint64_t time_ns; /* -ttt: since 1970; -t, -tt: since midnight */
	struct span name;
	unsigned nr_args; /* at most STRACE_MAX_ARGS; further ones are left out */
	struct span arg[STRACE_MAX_ARGS];
	struct span rest; /* RESUMED: what stands behind "resumed>"; UNFINISHED: the call so far */
	enum strace_result result;
	uint64_t value;
	struct span error;
	uint32_t status;
	const char *why; /* half a sentence */
};

/* Read the line @s of @len bytes, without its newline. Fills all of *@out; looks at nothing but those bytes. */
void strace_parse(const char *s, size_t len, struct strace_line *out);

/* Has the line the shape of strace's (whole or torn), so that it is no other recorder's? */
bool strace_is_line(const char *s, size_t len);
/* Is it more than a call's own text: has it a process's number or a time, is it a half, a signal, an exit, or strace's
 * note? (A line without any of them may be a call that somebody wrote.) */
bool strace_has_marks(const char *s, size_t len);

/* Is the word at @a a string, "..." with quotes? Its text between them then, escapes as they are; else false. */
bool strace_string(struct span a, struct span *text);
/* A number as strace prints one: decimal (negative: two's complement), hex after 0x, octal after 0, NULL; a path in <>
 * (-y) or a comment behind it is left out. */
bool strace_number(struct span a, uint64_t *out);
/* The value behind "KEY=" in a {struct}: "st_size" of {st_mode=S_IFREG|0644, st_size=47519, ...}. */
bool strace_field(struct span a, const char *key, struct span *value);

struct strace_word {
	const char *name;
	uint64_t value;
};
/* Words joined by '|', numbers among them. False when a word is in no row of @words (which ends with a NULL name). */
bool strace_flags(struct span a, const struct strace_word *words, uint64_t *out);

/* ---- halves of calls ---- */

struct strace_half;

/* First halves that wait for their second ones, one for each process. */
struct strace_joiner {
	struct strace_half *halves;
	unsigned nr, cap;
	char *joined; /* the text of the call joined last */
	size_t joined_cap;
};

#define STRACE_MAX_HALVES 4096

enum strace_join {
	STRACE_JOIN_WHOLE, /* nothing to join: the line as it was */
	STRACE_JOIN_HELD,  /* a first half, kept */
	STRACE_JOIN_JOINED, /* *@line is the whole call now, with the time and the process of its first half */
	STRACE_JOIN_LOST, /* a second half without a first one, or no memory for it */
};

/* Take @line as it was read. Spans of a joined line are good until the next call of this. */
enum strace_join strace_join(struct strace_joiner *j, struct strace_line *line);
/* The oldest first half that is a call named @name, as it was told; false: none waits. */
bool strace_waiting(const struct strace_joiner *j, const char *name, struct strace_line *out);
void strace_joiner_finish(struct strace_joiner *j);

#endif

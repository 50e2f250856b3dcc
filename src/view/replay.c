/* SPDX-License-Identifier: MIT
 *
 * sim/replay: recordings in, a report out.
 *
 *	$ zcat trace.txt.gz > sim/replay
 *	$ cat sim/replay
 *	state done
 *	lines 263326
 *	...
 *
 * A stream of lines like ctl, but a line that is no part of a recording is counted, and the rest goes on; after
 * `strict` on a line of its own it stops the stream. Reading gives the report as `key value` lines at any time, also
 * while a recording is being written: it is about everything replayed since the machine booted, of all open files.
 *
 * `percent` is there when the recording says how many events it has (ftrace's own header does, trace_pipe, trace-cmd
 * and perf do not); host times are the daemon's, and no part of the machine.
 */
#include "view/files.h"

#include "replay/replay.h"

#include <errno.h>

typedef unsigned long long ull;

static void free_replay(struct session *s)
{
	replay_free(s->replay);
	s->replay = NULL;
}

static struct replay *replay_of(struct session *s)
{
	if (!s->replay) {
		s->replay = replay_new();
		s->replay_free = free_replay;
	}
	return s->replay;
}

/* A machine that was booted since has seen nothing of the old report. */
static void follow_reboot(struct session *s)
{
	struct replay *r = s->replay;

	if (r->boots != s->boots) {
		replay_restart(r);
		r->boots = s->boots;
	}
}

static enum step run_replay_line(struct line_run *run)
{
	struct session *s = run->v->s;
	struct replay *r = replay_of(s);

	if (!r) {
		run->err = ENOMEM;
		return STEP_DONE;
	}
	follow_reboot(s);
	if (!run->stream->data) {
		run->stream->data = r;
		if (!r->open++)
			r->host_since_ns = s->host_ns;
	}
	run->err = -replay_line(r, s->m, run->line, run->len, run->number);
	return STEP_DONE;
}

static void close_replay(struct session *s, struct stream_state *st)
{
	struct replay *r = s->replay;

	if (!st->data || --r->open)
		return;
	r->host_ns += s->host_ns - r->host_since_ns;
}

const struct stream_ops replay_stream = {.line = run_replay_line, .close = close_replay};

/* ---- the report ---- */

static void put_seconds(struct text *out, const char *name, uint64_t ns)
{
	text_printf(out, "%s %llu.%06llu\n", name, (ull)(ns / 1000000000),
		(ull)(ns % 1000000000 / 1000));
}

static void put_bad_lines(const struct replay *r, struct text *out)
{
	for (unsigned i = 0; i < r->nr_bad; i++) {
		const struct replay_bad_line *bad = &r->bad[i];
		uint32_t kept = bad->len < REPLAY_BAD_BYTES ? bad->len : REPLAY_BAD_BYTES;

		text_printf(out, "malformed_line %llu %s: ", (ull)bad->number, bad->why);
		for (uint32_t at = 0; at < kept; at++) {
			unsigned char c = (unsigned char)bad->text[at];

			/* Of UTF-8 the bytes pass; what could move a terminal's cursor does not. */
			text_putc(out, c < ' ' || c == 127 ? '?' : (char)c);
		}
		text_puts(out, bad->len > kept ? "...\n" : "\n");
	}
}

static const char *state_word(const struct replay *r)
{
	if (r->open)
		return "running";
	return r->count[REPLAY_lines] ? "done" : "idle";
}

int show_replay(struct view *v, struct text *out)
{
	struct session *s = v->s;
	struct replay *r = replay_of(s);

	if (!r)
		return -ENOMEM;
	follow_reboot(s);
	uint64_t events = r->count[REPLAY_events];
	uint64_t host_ns = r->host_ns + (r->open ? s->host_ns - r->host_since_ns : 0);

	text_printf(out, "state %s\n", state_word(r));
	for (unsigned i = 0; i < NR_REPLAY_COUNTS; i++) {
		text_printf(out, "%s ", replay_count_names[i]);
		text_dec(out, r->count[i], 0);
		text_putc(out, '\n');
	}
	text_printf(out, "live_pages %llu\n", (ull)replay_live_pages(v->m));
	put_seconds(out, "simulated_seconds", r->end_ns - r->start_ns);
	put_seconds(out, "host_seconds", host_ns);
	if (host_ns)
		text_printf(
			out, "events_per_second %.0f\n", (double)events * 1e9 / (double)host_ns);
	if (r->total_events)
		text_printf(out, "percent %llu\n",
			(ull)(events >= r->total_events
					? 100
					: (double)events * 100 / (double)r->total_events));
	put_bad_lines(r, out);
	return 0;
}

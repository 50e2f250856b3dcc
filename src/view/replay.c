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

/* Calls and faults of processes. */
#define ACTS_PER_SLICE 512
/* Moved for one event. */
#define PAGES_PER_SLICE 256

static void free_replay(struct session *s)
{
	replay_free(s->replay);
	s->replay = NULL;
}

struct replay *session_replay(struct session *s)
{
	if (!s->replay) {
		s->replay = replay_new();
		if (s->replay)
			s->replay->boots = s->boots;
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
	struct replay *r = session_replay(s);

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
	int ret = run->fresh ? replay_line_begin(r, s->m, run->line, run->len, run->number)
			     : replay_line_step(r, s->m, session_slice(s, PAGES_PER_SLICE),
				       run->interrupted);
	if (ret > 0)
		return STEP_MORE;
	run->err = -ret;
	return STEP_DONE;
}

static void close_replay(struct session *s, struct stream_state *st)
{
	struct replay *r = s->replay;

	if (!st->data || --r->open)
		return;
	r->host_ns += s->host_ns - r->host_since_ns;
}

/* The file is closed: now the calls and faults are all there, or the half of them that can be replayed by itself. */
static enum step flush_replay(struct line_run *run)
{
	struct session *s = run->v->s;
	struct replay *r = session_replay(s);
	int begun;

	if (!r) {
		run->err = ENOMEM;
		return STEP_DONE;
	}
	follow_reboot(s);
	begun = replay_begin_processes(r, s->m);
	if (begun <= 0 || run->interrupted) {
		run->err = begun < 0 ? -begun : begun ? EINTR : 0;
		return STEP_DONE;
	}
	return process_replay_step(&r->process, s->m, session_slice(s, ACTS_PER_SLICE)) ? STEP_MORE
											: STEP_DONE;
}

const struct stream_ops replay_stream = {
	.line = run_replay_line, .flush = flush_replay, .close = close_replay};

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

/* Pages as kB; a dash for what was not recorded. */
static void put_pair(
	struct text *out, const char *name, uint64_t here, uint64_t there, bool recorded)
{
	text_printf(out, " %s=%llu recorded_%s=", name, (ull)here, name);
	if (recorded)
		text_dec(out, there, 0);
	else
		text_putc(out, '-');
}

static void put_process(const struct process_replay *pr, uint32_t i, struct text *out)
{
	const struct rec_process *p = family_process(&pr->family, i);
	const struct replayed *r = &pr->replayed[i];
	const struct rec_thread *t = VEC_AT(struct rec_thread, &pr->family.threads, p->leader);
	bool faults = p->faults.nr > 0;

	text_printf(out, "process %u pid=%u name=", t->tid, r->pid);
	for (unsigned k = 0; k < t->comm_len; k++)
		text_putc(out, t->comm[k] > ' ' && t->comm[k] < 127 ? t->comm[k] : '?');
	text_puts(out, r->ended ? " state=ended" : r->pid ? " state=lives" : " state=-");
	put_pair(out, "minor", r->minor, p->minor, faults);
	put_pair(out, "major", r->major, p->major, faults);
	put_pair(out, "rss_peak_kB", r->rss.peak * 4, p->rss_peak * 4, p->has_rss);
	put_pair(out, "rss_end_kB", r->rss_end * 4, p->rss_end * 4, p->has_rss);
	text_printf(out, " maxrss_kB=%llu", (ull)r->rss.maxrss * 4);
	for (unsigned k = 0; k < NR_PROCESS_COUNTS; k++)
		text_printf(out, " %s=%llu", process_count_names[k], (ull)r->count[k]);
	text_putc(out, '\n');
	if (r->refused_order)
		text_printf(out, "process_refused %u line=%llu %s\n", t->tid, (ull)r->refused_order,
			r->refused);
}

/* What GNU time would say of the whole tree. */
static void put_all_processes(const struct process_replay *pr, struct text *out)
{
	uint64_t minor = 0, major = 0, recorded_minor = 0, recorded_major = 0, maxrss = 0;
	bool faults = false;

	for (uint32_t i = 0; i < pr->family.processes.nr; i++) {
		const struct rec_process *p = family_process(&pr->family, i);

		minor += pr->replayed[i].minor;
		major += pr->replayed[i].major;
		recorded_minor += p->minor;
		recorded_major += p->major;
		faults |= p->faults.nr > 0;
		if (pr->replayed[i].rss.maxrss > maxrss)
			maxrss = pr->replayed[i].rss.maxrss;
	}
	text_puts(out, "all_processes");
	put_pair(out, "minor", minor, recorded_minor, faults);
	put_pair(out, "major", major, recorded_major, faults);
	text_printf(out, " maxrss_kB=%llu\n", (ull)maxrss * 4);
}

static void put_processes(const struct process_replay *pr, struct text *out)
{
	static const char *const phases[] = {"gathering", "aligning", "running", "done"};

	if (!pr->record.calls.nr && !pr->record.lines)
		return;
	text_printf(out, "processes_state %s\n", pr->refused[0] ? "refused" : phases[pr->phase]);
	if (pr->refused[0])
		text_printf(out, "processes_refused %s\n", pr->refused);
	for (unsigned i = 0; i < NR_REC_COUNTS; i++)
		text_printf(
			out, "recorded_%s %llu\n", rec_count_names[i], (ull)pr->record.count[i]);
	text_printf(out, "recorded_faults_of_others %llu\n", (ull)pr->family.strangers);
	if (!pr->replayed)
		return;
	text_printf(out, "processes %zu\n", pr->family.processes.nr);
	for (uint32_t i = 0; i < pr->family.processes.nr; i++)
		put_process(pr, i, out);
	put_all_processes(pr, out);
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
	struct replay *r = session_replay(s);

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
	for (unsigned i = 0; i <= REC_COUNT_calls_skipped_signals && r->ctl_count[REC_COUNT_calls];
		i++)
		text_printf(out, "ctl_%s %llu\n", rec_count_names[i], (ull)r->ctl_count[i]);
	put_processes(&r->process, out);
	put_bad_lines(r, out);
	return 0;
}

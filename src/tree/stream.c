/* SPDX-License-Identifier: MIT
 *
 * Streams of lines: how ctl files and recordings take their writes, and how results are read back.
 *
 * The rules (their numbers are those of the project's design, "ctl files, exactly"):
 *
 *  2  An open file has a head (an incomplete line of at most 1 MiB), results, and the record of a
 * refused line. 3  A write runs its whole lines in order; what remains joins the head and counts as
 * written. 4  A refused line that is not the first of its write: the bytes before it were written;
 * the refusal is recorded. 5  A refused first line: its errno; the head is dropped; the refusal is
 * recorded. 6  A write that begins with the recorded bytes gets the errno and is not run. Any other
 * clears the record. 8  close by the last writer runs the head, or tells an errno of rule 4 that
 * nobody was told. 9  The last close drops the head, and says so in sim/errors. 10  A signal ends a
 * write at the next slice: with the bytes of its finished lines, else EINTR. 11  Reads take results
 * and never wait.      12  Of more than 1 MiB of results the oldest lines go. 13  Whole lines
 * interleave; during a long act the lines of others wait. 14  CR before LF is ignored, NUL is
 * EINVAL, blank and # lines are nothing, `strict` stops after a refusal.
 *
 * A record of rule 4 is over once its errno was told. Some clients (python's buffered files) then
 * write the same bytes again when they close: as long as nothing else happened in between, that is
 * the same attempt and gets the same answer without being run.
 *
 * A line is a small machine: begin_line() finds it, its runner takes one or many steps,
 * finish_line() keeps the result or the refusal. stream_step() drives it for a counted number of
 * lines, so that readers and other writers have their turn.
 */
#include "tree/tree.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES	((size_t)1 << 20)
#define LINES_PER_SLICE 2048

int stream_open(struct simm_open *open)
{
	open->stream = calloc(1, sizeof(*open->stream));
	return open->stream ? 0 : -ENOMEM;
}

static const struct stream_ops *ops_of(const struct simm_open *open)
{
	return open->row->stream;
}

void stream_release(struct simm_open *open)
{
	struct stream *st = open->stream;
	struct session *s = &open->simm->session;

	assert(!st->writer);
	if (st->head.len) {
		struct refusal why;
		char path[PATH_TEXT_MAX];

		node_path(open->simm, &open->node, path, sizeof(path));
		refuse(&why, ECANCELED,
			"the file was closed in the middle of this line, which was not run: end "
			"lines with a newline");
		session_error(s, path, st->state.lines + 1, st->head.data, st->head.len, &why);
	}
	if (ops_of(open)->close)
		ops_of(open)->close(s, &st->state);
	text_finish(&st->head);
	text_finish(&st->refused.bytes);
	results_finish(&st->results);
	free(st);
	open->stream = NULL;
}

ssize_t stream_read(struct simm_open *open, void *buf, size_t len)
{
	return (ssize_t)results_read(&open->stream->results, buf, len);
}

/* ---- the end of a write ---- */

static enum simm_step finish(struct simm_write *w, int64_t ret)
{
	w->done = true;
	w->ret = ret;
	return SIMM_DONE;
}

/* Rule 10: a write that cannot go on now. */
static enum simm_step finish_early(struct simm_write *w, int err)
{
	return finish(w, w->finished ? (int64_t)w->finished : -err);
}

static void line_is_over(struct simm_write *w)
{
	struct simm *simm = w->open->simm;

	if (ops_of(w->open)->end)
		ops_of(w->open)->end(&w->run);
	w->run.state = NULL;
	w->running = false;
	if (simm->acting == w)
		simm->acting = NULL;
}

void stream_write_end(struct simm_write *w)
{
	struct stream *st = w->open->stream;

	/* Ended from outside (the daemon's own end): the act is left as far as it came. */
	if (w->running) {
		line_is_over(w);
		st->head.len = w->head_before;
	}
	if (st->writer == w)
		st->writer = NULL;
}

/* ---- refusals ---- */

static void record_refusal(struct simm_write *w, int err)
{
	struct stream *st = w->open->stream;
	struct refused *r = &st->refused;

	text_clear(&r->bytes);
	r->err = err;
	r->told = false;
	r->mid_write = w->finished > 0;
	text_put(&r->bytes, w->data + w->finished, w->line_bytes);
	if (r->bytes.failed)
		r->err = 0;
}

static void tell_errors(struct simm_write *w, int err, const char *line, size_t len)
{
	struct session *s = &w->open->simm->session;
	char path[PATH_TEXT_MAX];

	if (s->m->why.err != err)
		refuse(&s->m->why, err, "refused: %s", strerror(err));
	node_path(w->open->simm, &w->open->node, path, sizeof(path));
	session_error(s, path, w->open->stream->state.lines, line, len, &s->m->why);
}

/* Rules 4 and 5. */
static enum simm_step refuse_line(struct simm_write *w, int err)
{
	struct stream *st = w->open->stream;

	st->state.failed = true;
	text_clear(&st->head);
	if (w->is_flush)
		return finish(w, -err);
	record_refusal(w, err);
	return finish(w, w->finished ? (int64_t)w->finished : -err);
}

/* Rule 6: is this write a refused one again? */
static bool is_retry(struct simm_write *w)
{
	struct session *s = &w->open->simm->session;
	struct refused *r = &w->open->stream->refused;

	if (!r->err)
		return false;
	bool same = w->len >= r->bytes.len && !memcmp(w->data, r->bytes.data, r->bytes.len);
	if (same && r->mid_write && r->told && r->acts != s->acts)
		same = false;
	if (!same) {
		r->err = 0;
		return false;
	}
	r->told = true;
	r->acts = s->acts;
	return true;
}

/* ---- a line ---- */

static bool is_blank(const char *s, size_t len)
{
	while (len && (*s == ' ' || *s == '\t'))
		s++, len--;
	return !len || *s == '#';
}

static bool is_strict(const char *s, size_t len)
{
	while (len && (*s == ' ' || *s == '\t'))
		s++, len--;
	while (len && (s[len - 1] == ' ' || s[len - 1] == '\t'))
		len--;
	return len == 6 && !memcmp(s, "strict", 6);
}

/* The line is done, well or not. Sets w->done when the write must end here. */
static void finish_line(struct simm_write *w, int err)
{
	struct simm *simm = w->open->simm;
	struct session *s = &simm->session;
	struct stream *st = w->open->stream;

	s->acts++;
	if (err && (err == EINTR || err == EAGAIN) && w->run.interrupted) {
		/* Undone: as if it had not been written. */
		st->head.len = w->head_before;
		st->state.lines -= !w->closing;
		finish_early(w, err);
		return;
	}
	if (err && (ops_of(w->open)->keeps_errors || st->state.strict || w->closing)) {
		tell_errors(w, err, w->run.line, w->run.len);
		refuse_line(w, err);
	} else {
		if (w->result.len) {
			results_put(&st->results, w->result.data, w->result.len);
			text_clear(&s->last);
			text_put(&s->last, w->result.data, w->result.len);
			text_putc(&s->last, '\n');
		}
		text_clear(&st->head);
		w->finished += w->line_bytes;
		if (w->is_flush && (w->closing || !ops_of(w->open)->flush))
			finish(w, 0);
	}
}

/* Lines that never reach a runner: true when this was one. */
static bool finish_plain_line(struct simm_write *w)
{
	struct session *s = &w->open->simm->session;
	struct stream *st = w->open->stream;
	const char *line = w->run.line;
	size_t len = w->run.len;
	bool calls = ops_of(w->open)->keeps_errors;
	int err = 0;

	if (!node_holds(w->open->simm, &w->open->node)) {
		/* A process that has ended is no such process; other files went with a reboot. */
		bool of = w->open->row->of;

		err = -refuse(&s->m->why, of ? ESRCH : ENODEV,
			of ? "the process has ended since this file was opened"
			   : "the machine was rebooted since this file was opened, and has no such "
			     "file now");
	} else if (is_strict(line, len) && !(st->state.strict && st->state.failed)) {
		st->state.strict = true;
		st->state.failed = false;
	} else if (calls && memchr(line, '\0', len)) {
		const char *nul = memchr(line, '\0', len);

		err = -refuse_at(&s->m->why, EINVAL, (uint32_t)(nul - line) + 1, 1,
			"the line has a NUL byte: calls are text");
	} else if (calls && is_blank(line, len)) {
		err = 0;
	} else if (st->state.strict && st->state.failed) {
		err = -refuse(&s->m->why, ECANCELED,
			"an earlier line was refused and `strict` was written to this open file: "
			"it takes no more");
	} else {
		return false;
	}
	finish_line(w, err);
	return true;
}

static void start_run(struct simm_write *w, const char *line, size_t len)
{
	struct simm *simm = w->open->simm;
	struct stream *st = w->open->stream;

	if (len && line[len - 1] == '\r')
		len--;
	st->state.lines++;
	text_clear(&w->result);
	refusal_clear(&simm->session.m->why);
	node_view(simm, &w->open->node, &w->view);
	w->generation = simm->session.boots;
	w->run = (struct line_run){
		.v = &w->view,
		.stream = &st->state,
		.line = line,
		.len = len,
		.number = st->state.lines,
		.fresh = true,
		.nonblock = w->open->flags & SIMM_O_NONBLOCK,
		.result = &w->result,
	};
}

/* What a flush does after the head: the stream's own end, which runs as a line without text. */
static void begin_end(struct simm_write *w)
{
	start_run(w, "", 0);
	w->open->stream->state.lines--;
	w->closing = true;
	w->running = true;
}

/* Lines of a stream that takes many at once. False: there are none, or they are to be run one by one. */
static bool run_block(struct simm_write *w)
{
	struct stream *st = w->open->stream;
	const char *start = w->data + w->finished;
	size_t left = w->len - w->finished;
	const char *newline = left ? memrchr(start, '\n', left) : NULL;

	if (!ops_of(w->open)->block || w->is_flush || st->head.len || st->state.strict ||
		!newline || !node_holds(w->open->simm, &w->open->node))
		return false;
	uint64_t lines = st->state.lines;
	start_run(w, start, 0);
	st->state.lines = lines;
	size_t done = ops_of(w->open)->block(&w->run, start, (size_t)(newline + 1 - start));
	if (!done)
		return false;
	w->open->simm->session.acts++;
	w->finished += done;
	return true;
}

static void refuse_too_long(struct simm_write *w, int err)
{
	struct session *s = &w->open->simm->session;
	struct stream *st = w->open->stream;

	st->state.lines++;
	refuse(&s->m->why, err,
		err == E2BIG ? "a line has at most 1 MiB: end lines with a newline"
			     : "the host has no memory for this line");
	tell_errors(w, err, w->data + w->finished, w->line_bytes);
	refuse_line(w, err);
}

/* Find the next line of the write (or the head, at a flush) and make it ready to run. False: there
 * is none, and the write is done. */
static bool begin_line(struct simm_write *w)
{
	struct stream *st = w->open->stream;
	const char *start = w->data + w->finished;
	size_t left = w->len - w->finished;
	const char *newline = left ? memchr(start, '\n', left) : NULL;
	size_t piece = newline ? (size_t)(newline - start) : left;

	w->head_before = st->head.len;
	w->line_bytes = piece + (newline != NULL);
	if (st->head.len + piece > LINE_MAX_BYTES) {
		refuse_too_long(w, E2BIG);
		return false;
	}
	if (newline && !st->head.len) {
		start_run(w, start, piece);
		return true;
	}
	if (!w->is_flush)
		text_put(&st->head, start, piece);
	if (st->head.failed) {
		refuse_too_long(w, ENOMEM);
		return false;
	}
	if (!newline && !w->is_flush) {
		w->finished = w->len;
		finish(w, (int64_t)w->len);
		return false;
	}
	start_run(w, st->head.data, st->head.len);
	return true;
}

/* One step of the runner. */
static enum simm_step step_line(struct simm_write *w)
{
	struct simm *simm = w->open->simm;
	struct session *s = &simm->session;

	if (w->generation != s->boots) {
		/* It was parked on a machine that is gone. */
		line_is_over(w);
		w->run.interrupted = true;
		finish_line(w, EINTR);
		return SIMM_DONE;
	}
	w->run.interrupted = w->interrupted;
	line_fn *run = w->closing ? ops_of(w->open)->flush : ops_of(w->open)->line;
	enum step step = run(&w->run);
	w->run.fresh = false;
	if (step == STEP_WAIT && (w->run.nonblock || w->interrupted)) {
		w->run.interrupted = true;
		while (step != STEP_DONE)
			step = run(&w->run);
		if (w->run.err == EINTR && !w->interrupted)
			w->run.err = EAGAIN;
	}
	if (step == STEP_DONE) {
		line_is_over(w);
		finish_line(w, w->run.err);
		return SIMM_DONE;
	}
	/* While it waits others may act, or it would wait for ever. */
	simm->acting = step == STEP_MORE ? w : NULL;
	if (step == STEP_MORE)
		return SIMM_MORE;
	return write_waits(w, s->m->why.err ? s->m->why.sentence : "another act");
}

/* ---- a write ---- */

/* The turn: of the stream, and of the machine. */
static bool may_go(const struct simm_write *w)
{
	const struct stream *st = w->open->stream;
	const struct simm *simm = w->open->simm;

	return (!st->writer || st->writer == w) && (!simm->acting || simm->acting == w);
}

/* The first step that has the turn. True: the write is done already. */
static bool start(struct simm_write *w)
{
	struct stream *st = w->open->stream;

	w->started = true;
	st->writer = w;
	if (w->is_flush) {
		if (st->head.len || (ops_of(w->open)->flush && !st->refused.err))
			return false;
		struct refused *r = &st->refused;
		bool tell = r->err && r->mid_write && !r->told;
		finish(w, tell ? -r->err : 0);
		if (tell)
			r->err = 0;
		return true;
	}
	st->last_owner = w->owner;
	st->written = true;
	if (!is_retry(w))
		return false;
	finish(w, -st->refused.err);
	return true;
}

enum simm_step stream_step(struct simm_write *w)
{
	struct stream *st = w->open->stream;

	/* Rule 8: the close of somebody else is nobody's business, and never waits. */
	if (w->is_flush && !w->started && !(st->written && st->last_owner == w->owner))
		return finish(w, 0);
	if (!w->is_flush && !(w->open->flags & SIMM_O_WRITE))
		return finish(w, -EBADF);
	if (!may_go(w)) {
		/* A line that was parked must end in its runner's hands; one that only waits for
		 * its turn ends here. */
		if (w->interrupted && !w->running)
			return finish_early(w, EINTR);
		if ((w->open->flags & SIMM_O_NONBLOCK) && !w->running)
			return finish_early(w, EAGAIN);
		if (!w->interrupted)
			return write_waits(w, "its turn");
	}
	if (!w->started && start(w))
		return SIMM_DONE;
	const unsigned slice = session_slice(&w->open->simm->session, LINES_PER_SLICE);
	for (unsigned n = 0; n < slice; n++) {
		if (!w->running) {
			if (w->interrupted)
				return finish_early(w, EINTR);
			/* What the line before made due comes before the next one. */
			if (write_settles(w))
				return SIMM_MORE;
			if (run_block(w))
				return SIMM_MORE;
			if (w->is_flush && !st->head.len && ops_of(w->open)->flush) {
				begin_end(w);
				continue;
			}
			if (!begin_line(w))
				return SIMM_DONE;
			if (finish_plain_line(w)) {
				if (w->done)
					return SIMM_DONE;
				continue;
			}
			w->running = true;
		}
		enum simm_step step = step_line(w);
		if (step != SIMM_DONE || w->done)
			return step;
	}
	return SIMM_MORE;
}

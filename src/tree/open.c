/* SPDX-License-Identifier: MIT
 *
 * Open files: text snapshots, blobs by offset, and the way of a write to its file.
 *
 * A text is rendered whole at open, so a reader sees one moment however small its reads; a read at
 * offset 0 that is not the first renders it afresh, because free, vmstat and top keep files open
 * and seek back. That rendering was refused is told by read, as Linux does, not by open.
 *
 * A write is an act. Streams cut it into lines (stream.c); every other file takes one write(2) as
 * one whole value. While a long act of somebody else is half done, a write waits for its end: the
 * machine's state is a function of the order of acts, never of host time. So does a read that faults
 * pages in (PID/mem, cmdline, environ): such a text is rendered at its first read then.
 */
#include "tree/tree.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SYSFS_VALUE_MAX 4096

static void render(struct simm_open *open)
{
	struct view v;

	text_clear(&open->text);
	if (!node_holds(open->simm, &open->node)) {
		open->text_err = -ENODEV;
		return;
	}
	node_view(open->simm, &open->node, &v);
	open->text_err = open->row->show(&v, &open->text);
	if (!open->text_err && open->text.failed)
		open->text_err = -ENOMEM;
	assert(open->text_err <= 0);
}

static bool has_reader(const struct row *row)
{
	return row->show || row->read || row->kind == ROW_STREAM;
}

static bool has_writer(const struct row *row)
{
	return row->store || row->write || row->kind == ROW_STREAM;
}

/* What read(2) or write(2) says of a file that cannot do it: a process's files have no such method, the others of procfs have one
 * that says EIO. */
static int no_method(const struct row *row)
{
	return row_below(row, "proc/{") ? -EINVAL : -EIO;
}

/* What open(2) refuses to root, too. procfs proper lets a file be opened for what it cannot do and
 * says so later (no_method()); sysctl and sysfs look at the mode. */
static int may_open(const struct row *row, unsigned flags)
{
	bool late = row_below(row, "proc/") && !row_below(row, "proc/sys/");

	if ((flags & SIMM_O_READ) && !has_reader(row) && !late)
		return -EACCES;
	if ((flags & SIMM_O_WRITE) && !has_writer(row) && !late)
		return -EACCES;
	return 0;
}

static bool must_wait(const struct simm *simm, const struct row *row)
{
	return row->read_acts && simm->acting;
}

int simm_open(
	struct simm *simm, const struct simm_node *node, unsigned flags, struct simm_open **out)
{
	struct view v;

	node_view(simm, node, &v);
	if (!v.row || v.row->kind == ROW_DIR)
		return -EISDIR;
	if (v.row->kind == ROW_LINK)
		return -ELOOP;
	if (!node_holds(simm, node))
		return -ENOENT;
	int err = may_open(v.row, flags);
	if (err)
		return err;
	struct simm_open *open = calloc(1, sizeof(*open));
	if (!open)
		return -ENOMEM;
	open->simm = simm;
	open->node = *node;
	open->row = v.row;
	open->flags = flags;
	text_init(&open->text);
	if (v.row->kind == ROW_STREAM && stream_open(open)) {
		free(open);
		return -ENOMEM;
	}
	if (v.row->truncated && (flags & SIMM_O_WRITE) && (flags & SIMM_O_TRUNC))
		v.row->truncated(&v);
	if (v.row->kind == ROW_TEXT && v.row->show && (flags & SIMM_O_READ)) {
		open->owed = must_wait(simm, v.row);
		open->rendered = !open->owed;
		if (open->rendered)
			render(open);
	}
	*out = open;
	return 0;
}

bool simm_open_nonseekable(const struct simm_open *open)
{
	return open->row->kind == ROW_STREAM;
}

bool simm_open_wants_flush(const struct simm_open *open)
{
	return open->row->kind == ROW_STREAM && (open->flags & SIMM_O_WRITE);
}

static ssize_t copy_text(const struct text *t, void *buf, size_t len, uint64_t offset)
{
	if (offset >= t->len)
		return 0;
	size_t n = t->len - (size_t)offset;
	n = n < len ? n : len;
	memcpy(buf, t->data + offset, n);
	return (ssize_t)n;
}

static ssize_t read_text(struct simm_open *open, void *buf, size_t len, uint64_t offset)
{
	if (open->owed || (!offset && !open->rendered))
		render(open);
	open->rendered = open->owed = false;
	return open->text_err ? open->text_err : copy_text(&open->text, buf, len, offset);
}

/* A stream that has a text of its own to show (sim/replay's report): its reader has a place, not an
 * offset, since the file is not seekable and the offset moves with writes. After the end of file
 * comes a fresh text. */
static ssize_t read_report(struct simm_open *open, void *buf, size_t len)
{
	if (!open->text_at) {
		render(open);
		if (open->text_err)
			return open->text_err;
	}
	ssize_t n = copy_text(&open->text, buf, len, open->text_at);
	open->text_at = n ? open->text_at + (size_t)n : 0;
	return n;
}

ssize_t simm_read(struct simm_open *open, void *buf, size_t len, uint64_t offset)
{
	const struct row *row = open->row;
	struct view v;

	if (!(open->flags & SIMM_O_READ))
		return -EBADF;
	if (!has_reader(row))
		return no_method(row);
	if (!len)
		return 0;
	if (must_wait(open->simm, row))
		return -EAGAIN;
	switch (row->kind) {
	case ROW_TEXT:
		return read_text(open, buf, len, offset);
	case ROW_STREAM:
		return row->show ? read_report(open, buf, len) : stream_read(open, buf, len);
	case ROW_BLOB:
		if (!node_holds(open->simm, &open->node))
			return -ENODEV;
		node_view(open->simm, &open->node, &v);
		return (ssize_t)row->read(&v, buf, len, offset);
	case ROW_DIR:
	case ROW_LINK:
		break;
	}
	return -EISDIR;
}

void simm_release(struct simm_open *open)
{
	if (!open)
		return;
	if (open->stream)
		stream_release(open);
	text_finish(&open->text);
	free(open);
}

/* ---- writes ---- */

static struct simm_write *begin(struct simm_open *open, uint64_t owner)
{
	struct simm_write *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->open = open;
	w->owner = owner;
	text_init(&w->result);
	return w;
}

struct simm_write *simm_write_begin(
	struct simm_open *open, const void *data, size_t len, uint64_t offset, uint64_t lock_owner)
{
	struct simm_write *w = begin(open, lock_owner);

	if (w) {
		w->data = data;
		w->len = len;
		w->offset = offset;
	}
	return w;
}

struct simm_write *simm_flush_begin(struct simm_open *open, uint64_t lock_owner)
{
	struct simm_write *w = begin(open, lock_owner);

	if (w) {
		w->is_flush = true;
		w->data = "";
	}
	return w;
}

static void tell_value_refused(struct simm_write *w)
{
	struct session *s = &w->open->simm->session;
	char path[PATH_TEXT_MAX];

	if (!s->m->why.err)
		return;
	node_path(w->open->simm, &w->open->node, path, sizeof(path));
	session_error(s, path, 0, w->data, w->len, &s->m->why);
}

/* One whole value. */
static int64_t store_value(struct simm_write *w)
{
	struct simm *simm = w->open->simm;
	struct session *s = &simm->session;
	const struct row *row = w->open->row;
	size_t len = w->len;
	struct view v;

	if (!(w->open->flags & SIMM_O_WRITE))
		return -EBADF;
	if (!has_writer(row))
		return no_method(row);
	if (!node_holds(simm, &w->open->node))
		return -ENODEV;
	/* kernel.sysctl_writes_strict = 1: a value is written at the beginning of the file or not
	 * at all. */
	if (w->offset && row_below(row, "proc/sys/"))
		return (int64_t)len;
	if (row->kind == ROW_TEXT && row_below(row, "sys/") && len > SYSFS_VALUE_MAX)
		len = SYSFS_VALUE_MAX;
	refusal_clear(&s->m->why);
	node_view(simm, &w->open->node, &v);
	int64_t ret =
		row->store ? row->store(&v, w->data, len) : row->write(&v, w->data, len, w->offset);
	assert(ret <= (int64_t)len);
	s->acts++;
	if (v.again && ret >= 0) {
		assert(row->slice);
		simm->acting = w;
		return ret;
	}
	if (ret < 0)
		tell_value_refused(w);
	return ret;
}

/* One more slice of what store_value() began; false: it was the last. */
static bool slice_value(struct simm_write *w)
{
	struct simm *simm = w->open->simm;
	struct view v;

	node_view(simm, &w->open->node, &v);
	int more = w->open->row->slice(&v, w->interrupted);

	if (more > 0)
		return true;
	if (more < 0) {
		w->ret = more;
		tell_value_refused(w);
	}
	simm->acting = NULL;
	return false;
}

enum simm_step write_waits(struct simm_write *w, const char *what)
{
	struct waiting *waiting = &w->waiting;

	snprintf(waiting->what, sizeof(waiting->what), "%s", what);
	node_path(w->open->simm, &w->open->node, waiting->path, sizeof(waiting->path));
	waiting->line = w->running ? w->run.line : w->data;
	waiting->len = w->running ? w->run.len : w->len;
	session_wait(&w->open->simm->session, waiting);
	return SIMM_WAIT;
}

/* A slice of a write to a file that is no stream. */
static enum simm_step value_step(struct simm_write *w)
{
	struct simm *simm = w->open->simm;

	if (simm->acting == w) {
		w->done = !slice_value(w);
		return w->done ? SIMM_DONE : SIMM_MORE;
	}
	w->done = true;
	if (w->is_flush) {
		w->ret = 0;
	} else if (!simm->acting) {
		w->ret = store_value(w);
		w->done = simm->acting != w;
		if (!w->done)
			return SIMM_MORE;
	} else if (w->interrupted) {
		w->ret = -EINTR;
	} else if (w->open->flags & SIMM_O_NONBLOCK) {
		w->ret = -EAGAIN;
	} else {
		w->done = false;
		return write_waits(w, "its turn");
	}
	return SIMM_DONE;
}

bool write_settles(struct simm_write *w)
{
	struct simm *simm = w->open->simm;
	bool mine = !simm->acting || simm->acting == w;

	if (!mine)
		return false;
	bool more = session_settle(&simm->session) && !w->interrupted;

	simm->acting = more ? w : NULL;
	return more;
}

enum simm_step simm_write_step(struct simm_write *w)
{
	session_wait_end(&w->open->simm->session, &w->waiting);
	if (!w->done) {
		enum simm_step step = w->open->stream ? stream_step(w) : value_step(w);

		if (step != SIMM_DONE)
			return step;
	}
	return write_settles(w) ? SIMM_MORE : SIMM_DONE;
}

void simm_write_interrupt(struct simm_write *w)
{
	w->interrupted = true;
}

ssize_t simm_write_end(struct simm_write *w)
{
	ssize_t ret = w->done ? (ssize_t)w->ret : -EINTR;

	session_wait_end(&w->open->simm->session, &w->waiting);
	/* The writer is gone in the midst of its act. */
	if (w->open->simm->acting == w && !w->open->stream && !w->done) {
		w->interrupted = true;
		while (slice_value(w))
			;
	}
	if (w->open->stream)
		stream_write_end(w);
	if (w->open->simm->acting == w)
		w->open->simm->acting = NULL;
	text_finish(&w->result);
	free(w);
	return ret;
}

/* SPDX-License-Identifier: MIT
 *
 * What the files of the tree share: struct simm, places with arguments, open files. Private to the
 * tree.
 */
#ifndef SIMM_TREE_TREE_H
#define SIMM_TREE_TREE_H

#include "simm/simm.h"
#include "tree/table.h"

#define PATH_TEXT_MAX 512

struct simm {
	struct session session;
	struct table table;
	struct simm_write *acting; /* whose line is half done: acts of others wait for its end */
};

/* The view of a node: its row and arguments. */
void node_view(struct simm *simm, const struct simm_node *node, struct view *v);
/* "sim/page/buf": for messages. */
void node_path(struct simm *simm, const struct simm_node *node, char *out, size_t cap);
/* Is the node still there: does the machine have its rows, and do its arguments stand for
 * something? */
bool node_holds(struct simm *simm, const struct simm_node *node);
/* Is the path below @prefix ("proc/sys/")? */
bool row_below(const struct row *row, const char *prefix);

/* ---- open files (open.c), streams (stream.c) ---- */

/* Result lines that wait for their reader. */
struct results {
	struct text line; /* whole lines; what lies before @at was read */
	size_t at;
	struct text begun; /* the rest of a line that was read in part */
	size_t begun_at;
	uint64_t dropped; /* lines since the last notice */
};

/* A line that was refused and that clients may write again (rule 6 of ctl.md). */
struct refused {
	int err; /* positive; 0: none */
	struct text bytes;
	bool mid_write; /* rule 4: bytes before it counted as written, so its errno is still to be
	                   told */
	bool told;	/* it was told: the record is over with the next act */
	uint64_t acts;	/* session's count of acts when it was told */
};

struct stream {
	struct stream_state state;
	struct text head; /* an incomplete line */
	struct results results;
	struct refused refused;
	uint64_t last_owner;	   /* lock_owner of the last write */
	bool written;		   /* last_owner is one */
	struct simm_write *writer; /* whose turn it is; others that share this open file wait */
};

struct simm_open {
	struct simm *simm;
	struct simm_node node;
	const struct row *row;
	unsigned flags;
	struct text text; /* TEXT: the snapshot; STREAM with a show: what is being read */
	int text_err;	  /* negative: rendering it was refused; a read says so, as on Linux */
	bool rendered;	  /* and not yet read from its beginning */
	bool owed;	  /* TEXT: open could not render it, the first read must, wherever it reads */
	size_t text_at;	  /* STREAM with a show: the reader's place */
	struct stream *stream;
};

struct simm_write {
	struct simm_open *open;
	const char *data;
	size_t len;
	uint64_t offset;
	uint64_t owner;
	bool is_flush;
	bool interrupted;
	bool started; /* it has the stream's turn */
	bool running; /* a line has begun and is not done */
	bool closing; /* at a flush: what runs is not a line but the stream's own end */
	bool done;
	int64_t ret;	     /* when done */
	size_t finished;     /* bytes whose lines are done */
	size_t line_bytes;   /* of the present line, in @data, with its newline */
	size_t head_before;  /* bytes of head before the present line's were joined to it */
	uint64_t generation; /* of the machine on which the present line began */
	struct view view;
	struct line_run run;
	struct text result;
	struct waiting waiting;
};

/* Note in sim/waiting that @w waits for @what. */
enum simm_step write_waits(struct simm_write *w, const char *what);

int stream_open(struct simm_open *open);
void stream_release(struct simm_open *open);
ssize_t stream_read(struct simm_open *open, void *buf, size_t len);
/* What an act made due (kswapd's and kcompactd's work, a transfer) is a part of it: whoever acts next finds what comes of
 * that. A slice of it; true: there is more. A signal leaves the rest to the next act. */
bool write_settles(struct simm_write *w);
/* One slice of a write or flush of a stream; sets write->done and write->ret. */
enum simm_step stream_step(struct simm_write *write);
/* Give up the turn. */
void stream_write_end(struct simm_write *write);

void results_put(struct results *r, const char *line, size_t len);
size_t results_read(struct results *r, char *buf, size_t len);
void results_finish(struct results *r);

#endif

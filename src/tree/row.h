/* SPDX-License-Identifier: MIT
 *
 * A row: one declared file of the mount (a row of fs-layout), as data.
 */
#ifndef SIMM_TREE_ROW_H
#define SIMM_TREE_ROW_H

#include "view/view.h"

enum row_kind {
	ROW_DIR,    /* fixed directory, or one per argument */
	ROW_TEXT,   /* rendered at open */
	ROW_BLOB,   /* binary, by offset */
	ROW_STREAM, /* lines (ctl, replay) */
	ROW_LINK    /* symbolic link; show gives its target */
};

struct row {
	const char *path; /* "sim/page/{page}" */
	enum row_kind kind;
	uint16_t mode;			       /* permission bits */
	enum config need;		       /* exists only where the machine's kernel has it */
	bool (*when)(const struct machine *m); /* and where this holds; NULL: always */
	bool (*of)(const struct view *v); /* and for these arguments of its path; NULL: for all */
	show_fn *show;
	store_fn *store;
	slice_fn *slice; /* of a file whose store function may set view.again */
	read_fn *read;
	write_fn *write;
	/* st_size; NULL: as Linux shows it (0, sysfs 4096). Scripts need the true one: bash's `.` trusts it. */
	uint64_t (*size)(struct view *v);
	const struct stream_ops *stream;
	void (*truncated)(
		struct view *v); /* opened for writing with O_TRUNC: tracefs acts on that alone */
	int (*mkdir)(struct view *v, const char *name,
		size_t len);	       /* of a DIR whose children are made by mkdir */
	int (*remove)(struct view *v); /* unlink or rmdir of this node */
	bool waits;		       /* a write may wait: fresh nodeid per lookup */
	bool read_acts; /* a read may fault pages in: it waits for the end of an act that is half done */
	int64_t aux;
	const char *doc; /* its line of manual */
};

extern const struct row rows[];
extern const unsigned nr_rows;

/* Names of path arguments and their functions (fs-layout/args.def). */
struct arg_row {
	const char *name; /* "node" */
	const struct arg_ops *ops;
	const char *doc;
};
extern const struct arg_row arg_rows[];
extern const unsigned nr_arg_rows;

#endif

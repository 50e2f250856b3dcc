/* SPDX-License-Identifier: MIT
 *
 * Acts: what changes the machine, one at a time, in the order of arrival, in slices.
 */
#ifndef SIMM_DAEMON_ACTS_H
#define SIMM_DAEMON_ACTS_H

#include "daemon/fuse_api.h"

#include <simm/simm.h>

/* An open file. It lives until it was released and no request of its own is under way. */
struct file {
	struct file *next, *prev; /* in the ring of all */
	struct simm_open *open;
	struct act *writer;  /* the act that is inside this file's stream, perhaps parked */
	uint64_t last_owner; /* who wrote last: only his close may mean something */
	bool written;
	unsigned users; /* acts and parked reads that refer to it */
	bool released;
};

enum act_kind { ACT_WRITE, ACT_FLUSH, ACT_MKDIR, ACT_UNLINK, ACT_RMDIR };

/* Everything about one act, kept until it is answered. */
struct act {
	struct act *next;
	struct acts *acts;
	enum act_kind kind;
	fuse_req_t req;
	struct simm_caller caller;
	struct file *file;	  /* writes and flushes */
	struct simm_write *write; /* NULL: not begun */
	const void *data;
	size_t len;
	uint64_t offset;
	uint64_t lock_owner;
	void *buffer;	   /* holds @data; freed with the act */
	fuse_ino_t parent; /* mkdir, unlink, rmdir: the directory, its place, the name in it */
	struct simm_node dir;
	char *name;
	uint64_t arrival; /* their order */
	uint64_t tried;	  /* parked: the count of acts when it was tried last */
	bool nonblock;	  /* a wait is answered with EAGAIN */
	bool would_block; /* it waited, and is being ended because of nonblock */
	bool interrupted; /* its client got a signal */
};

/* A read that waits for something to come (trace_pipe). */
struct parked_read {
	struct parked_read *next;
	struct acts *acts;
	fuse_req_t req;
	struct simm_caller caller;
	struct file *file;
	size_t len;
	uint64_t offset;
	bool interrupted;
};

struct act_list {
	struct act *first, *last;
};

struct acts {
	struct simm *simm;
	struct act *current;	/* between two of its slices */
	struct act_list queue;	/* not begun, by arrival */
	struct act_list parked; /* waiting, by arrival */
	struct parked_read *reads;
	struct file files; /* head of the ring of open files */
	uint64_t arrivals;
	uint64_t done;	  /* moves when parked acts are worth another try */
	uint64_t boot_ns; /* host's monotonic time at the mount */
	uint64_t wall_s;
	char *read_buffer;
	size_t read_buffer_bytes;
	/* Answers a mkdir that went well, with an entry. */
	void (*made)(void *data, const struct act *act);
	void *data;
};

void acts_init(struct acts *acts, struct simm *simm);
void acts_finish(struct acts *acts);

/* Takes over @open. NULL: host memory ended. */
struct file *file_new(struct acts *acts, struct simm_open *open);
void file_release(struct file *file);

/* Tell the machine who asks, and what time it is. */
void acts_enter(struct acts *acts, const struct simm_caller *caller);
/* A new act without its particulars. NULL: host memory ended. */
struct act *act_new(
	struct acts *acts, enum act_kind kind, fuse_req_t req, const struct simm_caller *caller);
/* Queue it; when nothing else is under way its first slice runs at once. */
void acts_submit(struct acts *acts, struct act *act);
/* One slice of what is next. True: there is more that can run now. */
bool acts_work(struct acts *acts);
/* Simulated time passes (-o realtime). Returns what of it could not yet: an act is under way, or much fell due. */
uint64_t acts_advance(struct acts *acts, uint64_t ns);
/* Read and answer, or park. */
void acts_read(struct acts *acts, fuse_req_t req, const struct simm_caller *caller,
	struct file *file, size_t len, uint64_t offset, bool nonblock);
/* The end: everything that is under way, queued or parked is answered with what it did, or EINTR.
 */
void acts_interrupt_all(struct acts *acts);

#endif

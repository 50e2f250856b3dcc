/* SPDX-License-Identifier: MIT
 *
 * The daemon: a machine, a mount of it, and the loop between them.
 */
#ifndef SIMM_DAEMON_DAEMON_H
#define SIMM_DAEMON_DAEMON_H

#include "daemon/acts.h"
#include "daemon/inode.h"
#include "daemon/loop.h"

struct daemon {
	struct simm *simm;
	struct fuse_session *session;
	struct inode_table inodes;
	struct acts acts;
	struct loop loop;
	uid_t uid; /* who mounted: the machine's root */
	gid_t gid;
	struct timespec mounted; /* the time that all files show */
	uint64_t owed_ns;	 /* realtime: not yet told to the machine */
	int ready_fd;		 /* who waits for the mount to answer, or -1 */
	char *dir_buffer;
	size_t dir_buffer_bytes;
};

extern const struct fuse_lowlevel_ops daemon_ops;

/* Answer a mkdir that went well (acts.made; @data is the daemon). */
void daemon_made(void *data, const struct act *act);

/* The mount answered: say so to the process that waits for it. */
void daemon_ready(struct daemon *daemon);

#endif

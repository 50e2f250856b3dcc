/* SPDX-License-Identifier: MIT
 *
 * Node ids: what the kernel calls the places of the tree that it has looked up.
 */
#ifndef SIMM_DAEMON_INODE_H
#define SIMM_DAEMON_INODE_H

#include "daemon/fuse_api.h"

#include <simm/simm.h>

struct inode {
	struct simm_node node;
	uint64_t lookups;   /* that the kernel has not forgotten yet */
	bool fresh;	    /* in no chain of the table: every lookup makes another one */
	bool of_caller;	    /* at or below a directory named for a process: who asks matters */
	bool in_sys;	    /* below sys: refuses as sysfs does */
	struct inode *next; /* in its chain */
	struct inode *all_next, *all_prev;
};

struct inode_table {
	struct inode root;
	struct inode **chains;
	size_t nr_chains;
	size_t nr_inodes; /* without the root */
};

/* 0 or -ENOMEM. */
int inode_table_init(struct inode_table *table);
void inode_table_finish(struct inode_table *table);

struct inode *inode_of(struct inode_table *table, fuse_ino_t ino);
fuse_ino_t inode_id(const struct inode_table *table, const struct inode *inode);
/* One lookup of @node: the inode it has, or a new one; always a new one when @fresh. NULL: host
 * memory ended. */
struct inode *inode_for(struct inode_table *table, const struct simm_node *node, bool fresh);
/* Take back @nr lookups; the last one frees the inode. */
void inode_forget(struct inode_table *table, struct inode *inode, uint64_t nr);

#endif

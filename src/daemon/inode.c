// SPDX-License-Identifier: MIT
/*
 * Node ids.
 *
 * The kernel names a looked-up place by a 64-bit number of our choice until it forgets it. That
 * number is the address of a struct inode, so finding the place of a request costs nothing; the
 * root is number 1.
 *
 *	lookup  a place that the kernel knows already gets the same inode, found through a hash of
 *	        the place
 *	fresh   a file whose writes may wait gets a new inode each time, in no chain: the kernel
 *	        locks an inode during a write, and the write that would end the wait must not stand
 *	        behind that lock
 *	forget  counts lookups down; at zero the inode goes
 *
 * Invariant: the sum of `lookups` is what the kernel holds; every inode is in the list of all, and
 * those that are not fresh are in exactly one chain.
 */
#include "daemon/inode.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CHAINS 256

static uint64_t node_hash(const struct simm_node *node)
{
	uint64_t hash = node->place * 0x9e3779b97f4a7c15u;

	for (unsigned i = 0; i < sizeof(node->arg) / sizeof(node->arg[0]); i++)
		hash = (hash ^ node->arg[i]) * 0xff51afd7ed558ccdu + (hash >> 29);
	return hash ^ hash >> 32;
}

static bool node_equal(const struct simm_node *a, const struct simm_node *b)
{
	return a->place == b->place && !memcmp(a->arg, b->arg, sizeof(a->arg));
}

int inode_table_init(struct inode_table *table)
{
	*table = (struct inode_table){.nr_chains = FIRST_CHAINS};
	table->root.all_next = table->root.all_prev = &table->root;
	table->root.lookups = 1;
	table->chains = calloc(table->nr_chains, sizeof(*table->chains));
	return table->chains ? 0 : -ENOMEM;
}

void inode_table_finish(struct inode_table *table)
{
	struct inode *inode = table->root.all_next;

	/* At an unmount the kernel need not send what it still holds. */
	while (table->chains && inode != &table->root) {
		struct inode *next = inode->all_next;

		free(inode);
		inode = next;
	}
	free(table->chains);
	*table = (struct inode_table){0};
}

struct inode *inode_of(struct inode_table *table, fuse_ino_t ino)
{
	return ino == FUSE_ROOT_ID ? &table->root : (struct inode *)(uintptr_t)ino;
}

fuse_ino_t inode_id(const struct inode_table *table, const struct inode *inode)
{
	return inode == &table->root ? FUSE_ROOT_ID : (fuse_ino_t)(uintptr_t)inode;
}

/* Twice the chains. Without memory for it they only grow longer. */
static void grow(struct inode_table *table)
{
	size_t nr = table->nr_chains * 2;
	struct inode **chains = calloc(nr, sizeof(*chains));

	if (!chains)
		return;
	for (size_t i = 0; i < table->nr_chains; i++) {
		struct inode *inode = table->chains[i];

		while (inode) {
			struct inode *next = inode->next;
			struct inode **chain = &chains[node_hash(&inode->node) & (nr - 1)];

			inode->next = *chain;
			*chain = inode;
			inode = next;
		}
	}
	free(table->chains);
	table->chains = chains;
	table->nr_chains = nr;
}

static struct inode *inode_new(struct inode_table *table, const struct simm_node *node)
{
	struct inode *inode = calloc(1, sizeof(*inode));

	if (!inode)
		return NULL;
	inode->node = *node;
	inode->lookups = 1;
	inode->all_prev = &table->root;
	inode->all_next = table->root.all_next;
	inode->all_next->all_prev = inode;
	table->root.all_next = inode;
	table->nr_inodes++;
	return inode;
}

struct inode *inode_for(struct inode_table *table, const struct simm_node *node, bool fresh)
{
	size_t at = node_hash(node) & (table->nr_chains - 1);
	struct inode *inode;

	if (fresh) {
		inode = inode_new(table, node);
		if (inode)
			inode->fresh = true;
		return inode;
	}
	if (node_equal(node, &table->root.node))
		return &table->root;
	for (inode = table->chains[at]; inode; inode = inode->next) {
		if (node_equal(&inode->node, node)) {
			inode->lookups++;
			return inode;
		}
	}
	inode = inode_new(table, node);
	if (!inode)
		return NULL;
	inode->next = table->chains[at];
	table->chains[at] = inode;
	if (table->nr_inodes > 2 * table->nr_chains)
		grow(table);
	return inode;
}

static void unchain(struct inode_table *table, struct inode *inode)
{
	struct inode **at = &table->chains[node_hash(&inode->node) & (table->nr_chains - 1)];

	while (*at != inode) {
		assert(*at);
		at = &(*at)->next;
	}
	*at = inode->next;
}

void inode_forget(struct inode_table *table, struct inode *inode, uint64_t nr)
{
	if (inode == &table->root)
		return;
	assert(nr <= inode->lookups);
	inode->lookups -= nr;
	if (inode->lookups)
		return;
	if (!inode->fresh)
		unchain(table, inode);
	inode->all_prev->all_next = inode->all_next;
	inode->all_next->all_prev = inode->all_prev;
	table->nr_inodes--;
	free(inode);
}

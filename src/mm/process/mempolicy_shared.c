/* SPDX-License-Identifier: MIT
 *
 * Policies of shared memory: they belong to the object, so that it does not matter who touches a page first.
 *
 *	object   |  -  | bind:0 |  interleave:0-1  |  -  |		sorted ranges of pages that do not overlap
 *
 * Setting a range cuts what was there at its ends and replaces what lies between. The array is made anew each time: nobody
 * has many of them. (Linux has a tree, struct shared_policy.) Follows mm/mempolicy.c (mpol_set_shared_policy()) of 6.1.
 */
#include "mm/process/mempolicy.h"

#include "mm/machine.h"

#include <assert.h>
#include <string.h>

static struct shared_policy *ranges_of(const struct machine *m, const struct inode *i)
{
	return i->policies_at ? machine_at(m, i->policies_at) : NULL;
}

const struct mempolicy *shared_policy_at(
	const struct machine *m, const struct inode *i, uint64_t index)
{
	const struct shared_policy *r = ranges_of(m, i);

	for (uint32_t k = 0; k < i->nr_policies; k++)
		if (index >= r[k].start && index < r[k].end)
			return &r[k].policy;
	return NULL;
}

void shared_policies_free(struct machine *m, struct inode *i)
{
	heap_free(m, i->policies_at, i->nr_policies * sizeof(struct shared_policy));
	i->policies_at = 0;
	i->nr_policies = 0;
}

/* What is left of the ranges outside [start, end), with the new one in its place; how many. */
static uint32_t put_ranges(struct shared_policy *to, const struct shared_policy *r, uint32_t nr,
	const struct shared_policy *new)
{
	bool put = !new->policy.mode;
	uint32_t n = 0;

	for (uint32_t k = 0; k < nr; k++) {
		struct shared_policy below = r[k], above = r[k];

		below.end = below.end < new->start ? below.end : new->start;
		above.start = above.start > new->end ? above.start : new->end;
		if (below.start < below.end)
			to[n++] = below;
		if (!put && r[k].end > new->start) {
			to[n++] = *new;
			put = true;
		}
		if (above.start < above.end)
			to[n++] = above;
	}
	if (!put)
		to[n++] = *new;
	return n;
}

int shared_policy_set(struct machine *m, struct inode *i, uint64_t start, uint64_t end,
	const struct mempolicy *policy)
{
	struct shared_policy new = {start, end, *policy};
	/* A range in the middle of another makes two more. */
	uint32_t most = i->nr_policies + 2;
	uint64_t scratch = heap_alloc(m, most * sizeof(new));

	assert(start < end);
	if (!scratch)
		return -m->why.err;
	uint32_t nr = put_ranges(machine_at(m, scratch), ranges_of(m, i), i->nr_policies, &new);
	uint64_t at = nr ? heap_alloc(m, nr * sizeof(new)) : 0;
	int err = nr && !at ? -m->why.err : 0;

	if (!err) {
		if (nr)
			memcpy(machine_at(m, at), machine_at(m, scratch), nr * sizeof(new));
		shared_policies_free(m, i);
		i->policies_at = at;
		i->nr_policies = nr;
	}
	heap_free(m, scratch, most * sizeof(new));
	return err;
}

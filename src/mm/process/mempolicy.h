/* SPDX-License-Identifier: MIT
 *
 * Memory policies: from which nodes a process's memory comes (mm/mempolicy.c of 6.1).
 *
 *	where a policy is set		by			what it is for
 *	a part of an address space	mbind()			its anonymous pages
 *	a part of shared memory		mbind()			the object's pages, whoever touches them
 *	a thread			set_mempolicy()		all else that it touches
 *
 * The first of these that has one decides, when a page is taken; pages that are there already stay where they are. Policies
 * are values here: a mapping, a thread, a piece of an object has its own copy.
 */
#ifndef SIMM_MM_MEMPOLICY_H
#define SIMM_MM_MEMPOLICY_H

#include "mm/page/page_alloc.h"

struct text;

enum mpol_mode {
	MPOL_DEFAULT_,		/* no policy: the next one that applies, in the end the CPU's own node first */
	MPOL_PREFERRED_,	/* one node first, then others */
	MPOL_BIND_,		/* these nodes and no others */
	MPOL_INTERLEAVE_,	/* page by page from each in turn */
	MPOL_LOCAL_,		/* the CPU's own node first, whatever the thread's policy says */
	MPOL_PREFERRED_MANY_,	/* these nodes first, then others */
	NR_MPOL_MODES
};
enum { MPOL_F_NUMA_BALANCING_ = 1 << 13, MPOL_F_RELATIVE_NODES_ = 1 << 14, MPOL_F_STATIC_NODES_ = 1 << 15 };

/* mpol_new() and mpol_set_nodemask(): @mode with its flags, for the machine's nodes with memory. Errors: EINVAL. */
int mpol_new(struct machine *m, unsigned mode, uint64_t nodes, struct mempolicy *out);
bool mpol_equal_slow(const struct mempolicy *a, const struct mempolicy *b);
static inline bool mpol_equal(const struct mempolicy *a, const struct mempolicy *b)
{
	return (!a->mode && !b->mode) || mpol_equal_slow(a, b);
}
/* As numa_maps writes it: "default", "bind=static:0-1" (mpol_to_str()). */
void mpol_print(const struct mempolicy *p, struct text *out);
/* Nodes as "0-1,3" (%*pbl). */
void mpol_print_nodes(uint64_t nodes, struct text *out);
/* Nodes that have memory: N_MEMORY. */
uint64_t nodes_with_memory(const struct machine *m);

/* __get_vma_policy(): of the object behind @v, or of @v; NULL: none, and the thread's applies. */
const struct mempolicy *vma_policy_at(const struct machine *m, const struct vma *v, uint64_t addr);

/* Single pages by policy, for @addr of @v (vma_alloc_folio()) and for page @index of @i. Errors: as alloc_pages_node(). */
int alloc_page_vma_policy(struct machine *m, unsigned cpu, const struct vma *v, uint64_t addr, uint32_t gfp,
	uint64_t *pfn);
static inline int alloc_page_vma(
	struct machine *m, unsigned cpu, const struct vma *v, uint64_t addr, uint32_t gfp, uint64_t *pfn)
{
	if (m->processes.policies)
		return alloc_page_vma_policy(m, cpu, v, addr, gfp, pfn);
	return alloc_page(m, cpu, gfp, pfn);
}
int alloc_page_cache(struct machine *m, unsigned cpu, const struct inode *i, uint64_t index, uint32_t gfp, uint64_t *pfn);

/* ---- of shared memory (mempolicy_shared.c) ---- */

/* Pages [start, end) of the object. */
struct shared_policy {
	uint64_t start, end;
	struct mempolicy policy;
};
/* mpol_set_shared_policy(): @policy without a mode takes away what was there. Errors: ENOMEM, EDQUOT. */
int shared_policy_set(struct machine *m, struct inode *i, uint64_t start, uint64_t end, const struct mempolicy *policy);
/* NULL: none. */
const struct mempolicy *shared_policy_at(const struct machine *m, const struct inode *i, uint64_t index);
void shared_policies_free(struct machine *m, struct inode *i);

#endif

/* SPDX-License-Identifier: MIT
 *
 * Memory policies: made, compared, printed, obeyed (see mempolicy.h).
 *
 *	mode		nodes tried, in order
 *	default, local	the CPU's own, then by distance
 *	preferred	that node, then by distance from it
 *	preferred many	the CPU's own if it is among them, by distance among them; then all by distance
 *	bind		by distance among them; no others
 *	interleave	page n of the mapping or object: node n modulo their number; then by distance from it
 *
 * A home node takes the CPU's place for bind and preferred many. Static nodes are those that were named; relative ones count
 * among the nodes that there are. A bind whose zones cannot serve a request for low memory does not apply to it.
 *
 * Left out: cpusets, NUMA balancing, policies of the kernel's own pages (tables, slabs), which come from the CPU's node;
 * objects of their own for policies. Follows mm/mempolicy.c of 6.1.
 */
#include "mm/process/mempolicy.h"

#include "base/text.h"
#include "mm/page/frame.h"
#include "mm/page/page_alloc.h"
#include "mm/page/zone.h"
#include "mm/process/task.h"
#include "mm/process/vma.h"

#include <assert.h>
#include <errno.h>

#define MODE_FLAGS (MPOL_F_STATIC_NODES_ | MPOL_F_RELATIVE_NODES_ | MPOL_F_NUMA_BALANCING_)

uint64_t nodes_with_memory(const struct machine *m)
{
	uint64_t nodes = 0;

	for (unsigned nid = 0; nid < m->nr_nodes; nid++)
		nodes |= (uint64_t)node_at(m, nid)->has_memory << nid;
	return nodes;
}

static unsigned weight(uint64_t nodes)
{
	return (unsigned)__builtin_popcountll(nodes);
}

/* The @n-th node of a mask, from 0 on. */
static unsigned nth_node(uint64_t nodes, unsigned n)
{
	while (n--)
		nodes &= nodes - 1;
	return (unsigned)__builtin_ctzll(nodes);
}

/* ---- made ---- */

/* Bit b of what is asked for is the (b modulo n)-th node that there is (mpol_relative_nodemask()). */
static uint64_t relative(uint64_t asked, uint64_t there)
{
	uint64_t out = 0;

	for (unsigned b = 0; b < MAX_NODES && there; b++)
		if (asked >> b & 1)
			out |= (uint64_t)1 << nth_node(there, b % weight(there));
	return out;
}

/* Modes that take no nodes. */
static int without_nodes(struct machine *m, unsigned mode, unsigned flags, uint64_t nodes)
{
	if (nodes)
		return refuse(&m->why, EINVAL, "%s takes no nodes",
			mode == MPOL_LOCAL_ ? "MPOL_LOCAL" : "MPOL_DEFAULT");
	if (flags & (MPOL_F_STATIC_NODES_ | MPOL_F_RELATIVE_NODES_) && mode != MPOL_DEFAULT_)
		return refuse(&m->why, EINVAL, "static or relative nodes, but no nodes");
	return 0;
}

static int check_mode(struct machine *m, unsigned mode, unsigned flags)
{
	if (mode >= NR_MPOL_MODES)
		return refuse(&m->why, EINVAL, "no memory policy has the number %u: they are 0-%u",
			mode, NR_MPOL_MODES - 1);
	if (flags & MPOL_F_STATIC_NODES_ && flags & MPOL_F_RELATIVE_NODES_)
		return refuse(&m->why, EINVAL, "nodes are static or relative, not both");
	if (flags & MPOL_F_NUMA_BALANCING_ && mode != MPOL_BIND_)
		return refuse(&m->why, EINVAL, "MPOL_F_NUMA_BALANCING goes with MPOL_BIND only");
	return 0;
}

int mpol_new(struct machine *m, unsigned mode, uint64_t nodes, struct mempolicy *out)
{
	unsigned flags = mode & MODE_FLAGS;
	uint64_t there = nodes_with_memory(m);
	bool user = flags & (MPOL_F_STATIC_NODES_ | MPOL_F_RELATIVE_NODES_);

	mode &= ~(unsigned)MODE_FLAGS;
	*out = (struct mempolicy){0};
	int err = check_mode(m, mode, flags);

	if (!err && mode == MPOL_PREFERRED_ && !nodes)
		mode = MPOL_LOCAL_;
	if (!err && (mode == MPOL_DEFAULT_ || mode == MPOL_LOCAL_)) {
		err = without_nodes(m, mode, flags, nodes);
		out->mode = err ? 0 : (uint16_t)mode;
		return err;
	}
	if (err)
		return err;
	uint64_t real = flags & MPOL_F_RELATIVE_NODES_ ? relative(nodes, there) : nodes & there;

	if (!real)
		return refuse(&m->why, EINVAL, "%s: the nodes with memory are 0x%llx",
			nodes ? "none of these nodes has memory" : "this policy needs nodes",
			(unsigned long long)there);
	*out = (struct mempolicy){.mode = (uint16_t)mode,
		.flags = (uint16_t)flags,
		.nodes = mode == MPOL_PREFERRED_ ? real & -real : real,
		.user_nodes = user ? nodes : 0};
	return 0;
}

bool mpol_equal_slow(const struct mempolicy *a, const struct mempolicy *b)
{
	if (a->mode != b->mode || a->flags != b->flags || a->home != b->home)
		return false;
	return a->nodes == b->nodes && a->user_nodes == b->user_nodes;
}

/* ---- printed ---- */

void mpol_print_nodes(uint64_t nodes, struct text *out)
{
	const char *comma = "";

	for (unsigned nid = 0; nid < MAX_NODES; nid++) {
		unsigned last = nid;

		if (!(nodes >> nid & 1))
			continue;
		while (last + 1 < MAX_NODES && nodes >> (last + 1) & 1)
			last++;
		text_printf(out, "%s%u", comma, nid);
		if (last > nid)
			text_printf(out, "-%u", last);
		comma = ",";
		nid = last;
	}
}

void mpol_print(const struct mempolicy *p, struct text *out)
{
	static const char *const modes[NR_MPOL_MODES] = {
		"default", "prefer", "bind", "interleave", "local", "prefer (many)"};

	text_puts(out, modes[p->mode]);
	if (p->flags & MPOL_F_STATIC_NODES_)
		text_puts(out, "=static");
	else if (p->flags & MPOL_F_RELATIVE_NODES_)
		text_puts(out, "=relative");
	if (!p->nodes)
		return;
	text_putc(out, ':');
	mpol_print_nodes(p->nodes, out);
}

/* ---- obeyed ---- */

/* The thread that acts on the CPU; NULL: the kernel alone. */
static struct task *policy_task(const struct machine *m, unsigned cpu)
{
	uint32_t pid = m->processes.tasks.current_pid[cpu];

	return pid ? task_find(m, pid) : NULL;
}

static const struct mempolicy *task_policy(const struct machine *m, unsigned cpu)
{
	const struct task *t = policy_task(m, cpu);

	return t && t->policy.mode ? &t->policy : NULL;
}

const struct mempolicy *vma_policy_at(const struct machine *m, const struct vma *v, uint64_t addr)
{
	const struct inode *i = v->file_at ? vma_inode(m, v) : NULL;

	if (i && i->kind == INODE_SHMEM)
		return shared_policy_at(m, i, linear_page_index(v, addr));
	return v->policy.mode ? &v->policy : NULL;
}

/* alloc_page_interleave() */
static int take_interleaved(struct machine *m, unsigned cpu, gfp_t gfp, unsigned nid, uint64_t *pfn)
{
	int err = alloc_pages_node(m, cpu, (int)nid, gfp, 0, pfn);

	if (!err && pfn_zone(m, *pfn)->nid == nid)
		pfn_zone(m, *pfn)->numa_stat[NS_numa_interleave]++;
	return err;
}

/* apply_policy_zone(): a bind may not take the zones away that a request for low memory needs. */
static bool binds(const struct machine *m, const struct mempolicy *p, gfp_t gfp)
{
	enum zone_type need = gfp_zone(m, gfp);

	for (unsigned nid = 0; nid < m->nr_nodes; nid++)
		for (unsigned type = 0; type <= need; type++)
			if (p->nodes >> nid & 1 &&
				zone_populated(zone_at(m, nid, (enum zone_type)type)))
				return true;
	return false;
}

static int preferred_node(const struct machine *m, unsigned cpu, const struct mempolicy *p)
{
	if (p->mode == MPOL_PREFERRED_)
		return __builtin_ctzll(p->nodes);
	if (p->home && (p->mode == MPOL_BIND_ || p->mode == MPOL_PREFERRED_MANY_))
		return p->home - 1;
	return m->cpu_node[cpu];
}

/* @n: the page's number for interleaving; UINT64_MAX: the thread's turn. */
static int take_by_policy(struct machine *m, unsigned cpu, const struct mempolicy *p, uint64_t n,
	gfp_t gfp, uint64_t *pfn)
{
	if (!p)
		return alloc_pages_node(m, cpu, -1, gfp, 0, pfn);
	int nid = preferred_node(m, cpu, p);

	switch (p->mode) {
	case MPOL_INTERLEAVE_:
		if (n != UINT64_MAX)
			return take_interleaved(m, cpu, gfp,
				nth_node(p->nodes, (unsigned)(n % weight(p->nodes))), pfn);
		struct task *t = policy_task(m, cpu);
		uint64_t behind = p->nodes & ~((2ULL << t->il_prev) - 1);

		t->il_prev = (unsigned)__builtin_ctzll(behind ? behind : p->nodes);
		return take_interleaved(m, cpu, gfp, t->il_prev, pfn);
	case MPOL_PREFERRED_MANY_:
		if (!alloc_pages_nodes(m, cpu, nid, p->nodes,
			    (gfp | __GFP_NOWARN) & ~(gfp_t)__GFP_DIRECT_RECLAIM, 0, pfn))
			return 0;
		return alloc_pages_node(m, cpu, nid, gfp, 0, pfn);
	case MPOL_BIND_:
		return alloc_pages_nodes(m, cpu, nid, binds(m, p, gfp) ? p->nodes : 0, gfp, 0, pfn);
	default:
		return alloc_pages_node(m, cpu, nid, gfp, 0, pfn);
	}
}

int alloc_page_vma_policy(struct machine *m, unsigned cpu, const struct vma *v, uint64_t addr,
	uint32_t gfp, uint64_t *pfn)
{
	const struct mempolicy *p = vma_policy_at(m, v, addr);

	return take_by_policy(
		m, cpu, p ? p : task_policy(m, cpu), linear_page_index(v, addr), gfp, pfn);
}

int alloc_page_cache(struct machine *m, unsigned cpu, const struct inode *i, uint64_t index,
	uint32_t gfp, uint64_t *pfn)
{
	if (!m->processes.policies)
		return alloc_pages_node(m, cpu, -1, gfp, 0, pfn);
	if (i->kind != INODE_SHMEM)
		return take_by_policy(m, cpu, task_policy(m, cpu), UINT64_MAX, gfp, pfn);
	const struct mempolicy *p = shared_policy_at(m, i, index);

	/* Objects begin their interleaving at different nodes. */
	return take_by_policy(m, cpu, p ? p : task_policy(m, cpu), index + i->ino, gfp, pfn);
}

/* SPDX-License-Identifier: MIT
 *
 * mbind(), set_mempolicy(), get_mempolicy(), set_mempolicy_home_node() (see numa.h).
 *
 * mbind() in steps: 1. the policy is made, and refused if it cannot be; 2. pages that do not follow it are isolated, if they
 * are to move, or found, if that is an error; 3. each mapping of the range gets the policy, cut and merged as need be (of
 * shared memory the object gets it); 4. the isolated pages move to where the new policy puts them; 5. what stayed is EIO, if
 * that was asked for.
 *
 * Follows do_mbind(), mbind_range(), do_get_mempolicy() of mm/mempolicy.c of 6.1.
 */
#include "mm/move/numa.h"

#include "mm/page/page_alloc.h"
#include "mm/page/zone.h"
#include "mm/process/fault.h"
#include "mm/process/pgtables.h"
#include "mm/process/rmap.h"
#include "mm/process/task.h"
#include "mm/process/user_page.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"

#include <errno.h>

int sys_set_mempolicy(struct machine *m, struct task *t, unsigned mode, uint64_t nodes)
{
	struct mempolicy p;
	int err = mpol_new(m, mode, nodes, &p);

	if (err)
		return err;
	t->policy = p;
	t->il_prev = p.mode == MPOL_INTERLEAVE_ ? MAX_NODES - 1 : t->il_prev;
	m->processes.policies = true;
	return 0;
}

/* ---- mbind ---- */

/* vma_replace_policy() of the part [start, end) of *@v. */
static int bind_mapping(struct machine *m, struct task *t, struct mm *mm, struct vma **v,
	uint64_t start, uint64_t end, const struct mempolicy *p)
{
	struct inode *i = (*v)->file_at ? vma_inode(m, *v) : NULL;
	uint64_t first = (*v)->pgoff + ((start - (*v)->start) >> PAGE_SHIFT);
	int err = 0;

	if (mpol_equal(&(*v)->policy, p))
		return 0;
	err = vma_modify_policy(m, t->cpu, mm, v, start, end, p);
	if (!err && i && i->kind == INODE_SHMEM)
		err = shared_policy_set(m, i, first, first + ((end - start) >> PAGE_SHIFT), p);
	return err;
}

static int bind_range(struct machine *m, struct task *t, struct mm *mm, uint64_t start,
	uint64_t end, const struct mempolicy *p)
{
	struct vma *v = vma_find(m, &mm->vmas, start);
	int err = 0;

	for (; !err && v && v->start < end; v = vma_next(m, &mm->vmas, v)) {
		uint64_t from = v->start > start ? v->start : start;
		uint64_t to = v->end < end ? v->end : end;

		err = bind_mapping(m, t, mm, &v, from, to, p);
	}
	return err;
}

/* Where a page that mbind() moves goes: where a fault at its place would take one now (new_page()). */
struct mbind_target {
	struct mm *mm;
	struct vma *v;
	uint64_t addr;
};

static bool in_this_mm(struct machine *m, void *data, struct vma *v, uint64_t addr)
{
	struct mbind_target *to = data;

	if (vma_mm(m, v) != to->mm)
		return true;
	to->v = v;
	to->addr = addr;
	return false;
}

static int new_page(
	struct machine *m, unsigned cpu, void *data, uint64_t old_pfn, uint64_t *new_pfn)
{
	struct mbind_target *to = data;
	gfp_t gfp = (gfp_t)GFP_HIGHUSER_MOVABLE | (gfp_t)__GFP_RETRY_MAYFAIL;

	to->v = NULL;
	rmap_walk(m, old_pfn, in_this_mm, to);
	return to->v ? alloc_page_vma(m, cpu, to->v, to->addr, gfp, new_pfn)
		     : alloc_pages_node(m, cpu, -1, gfp, 0, new_pfn);
}

static int64_t move_queued(struct machine *m, struct task *t, struct mm *mm, struct queue_pages *q)
{
	struct mbind_target to = {.mm = mm};
	struct migrate_target target = {.get = new_page, .data = &to};
	int64_t left = 0;

	if (q->list.nr)
		left = migrate_pages(
			m, t->cpu, &q->list, &target, MIGRATE_SYNC, MR_MEMPOLICY_MBIND, NULL);
	putback_movable_pages(m, t->cpu, &q->list);
	return left;
}

static int mbind_check(struct machine *m, uint64_t addr, uint64_t end, unsigned flags)
{
	if (flags & ~(unsigned)(MPOL_MF_STRICT_ | MPOL_MF_MOVE_ | MPOL_MF_MOVE_ALL_))
		return refuse(&m->why, EINVAL,
			"mbind's flags are MPOL_MF_STRICT, MPOL_MF_MOVE, MPOL_MF_MOVE_ALL");
	if (addr & (PAGE_BYTES - 1))
		return refuse(&m->why, EINVAL, "mbind begins at a page's first byte");
	if (end < addr)
		return refuse(&m->why, EINVAL, "the range goes beyond the last address");
	return 0;
}

int sys_mbind(struct machine *m, struct task *t, uint64_t addr, uint64_t bytes, unsigned mode,
	uint64_t nodes, unsigned flags)
{
	uint64_t end = addr + page_align(bytes);
	struct mm *mm = task_mm(m, t);
	struct mempolicy p;
	int err = mbind_check(m, addr, end, flags);

	if (mode == MPOL_DEFAULT_)
		flags &= ~(unsigned)MPOL_MF_STRICT_;
	if (err || end == addr)
		return err;
	err = mpol_new(m, mode, nodes, &p);
	if (err)
		return err;
	struct queue_pages q = {.start = addr,
		.end = end,
		.nodes = nodes,
		.invert = true,
		.holes = !p.mode,
		.flags = flags};
	int stay = queue_pages_range(m, mm, &q);

	err = stay < 0 ? stay : bind_range(m, t, mm, addr, end, &p);
	if (err) {
		putback_movable_pages(m, t->cpu, &q.list);
		return err;
	}
	m->processes.policies = true;
	int64_t left = move_queued(m, t, mm, &q);

	if (stay > 0 || (left && flags & MPOL_MF_STRICT_))
		return refuse(&m->why, EIO, "some pages of the range stay where they are");
	return 0;
}

/* ---- get_mempolicy ---- */

/* lookup_node(): the page is brought in, as a read would. */
static int node_of_address(
	struct machine *m, struct task *t, struct vma *v, uint64_t addr, unsigned *nid)
{
	uint64_t page = addr & ~(PAGE_BYTES - 1);
	struct mm *mm = task_mm(m, t);

	if (!(v->flags & VM_READ))
		return refuse(&m->why, EFAULT, "the mapping at 0x%llx may not be read",
			(unsigned long long)addr);
	int err = populate_range(m, t->cpu, v, page, page + PAGE_BYTES, false);
	pte_t pte = pte_of(m, mm, page);

	if (err)
		return err;
	if (!pte_present(m, pte))
		return refuse(
			&m->why, EFAULT, "there is no page at 0x%llx", (unsigned long long)addr);
	*nid = pfn_zone(m, pte_pfn(m, pte))->nid;
	return 0;
}

static int get_mode(struct machine *m, struct task *t, const struct mempolicy *p, struct vma *v,
	uint64_t addr, unsigned flags, unsigned *mode)
{
	*mode = (unsigned)p->mode | p->flags;
	if (!(flags & MPOL_F_NODE_))
		return 0;
	if (flags & MPOL_F_ADDR_)
		return node_of_address(m, t, v, addr, mode);
	if (p != &t->policy || p->mode != MPOL_INTERLEAVE_)
		return refuse(&m->why, EINVAL,
			"MPOL_F_NODE without MPOL_F_ADDR tells where an interleaving thread goes "
			"on: this one does not interleave");
	uint64_t behind = p->nodes & ~((2ULL << t->il_prev) - 1);

	*mode = (unsigned)__builtin_ctzll(behind ? behind : p->nodes);
	return 0;
}

int sys_get_mempolicy(struct machine *m, struct task *t, uint64_t addr, unsigned flags,
	unsigned *mode, uint64_t *nodes)
{
	const struct mempolicy none = {0}, *p = t->policy.mode ? &t->policy : &none;
	struct vma *v = NULL;

	if (flags & ~(unsigned)(MPOL_F_NODE_ | MPOL_F_ADDR_ | MPOL_F_MEMS_ALLOWED_))
		return refuse(&m->why, EINVAL, "get_mempolicy has no such flag");
	if (flags & MPOL_F_MEMS_ALLOWED_) {
		*mode = 0;
		*nodes = nodes_with_memory(m);
		return flags == MPOL_F_MEMS_ALLOWED_
			       ? 0
			       : refuse(&m->why, EINVAL, "MPOL_F_MEMS_ALLOWED stands alone");
	}
	if (flags & MPOL_F_ADDR_) {
		v = vma_find(m, &task_mm(m, t)->vmas, addr);
		if (!v || v->start > addr)
			return refuse(&m->why, EFAULT, "nothing is mapped at 0x%llx",
				(unsigned long long)addr);
		p = vma_policy_at(m, v, addr);
		p = p ? p : &none;
	} else if (addr) {
		return refuse(&m->why, EINVAL, "an address goes with MPOL_F_ADDR");
	}
	int err = get_mode(m, t, p, v, addr, flags, mode);

	*nodes = p->user_nodes ? p->user_nodes : p->nodes;
	return err;
}

/* ---- the home node ---- */

static bool has_home(const struct mempolicy *p)
{
	return p->mode == MPOL_BIND_ || p->mode == MPOL_PREFERRED_MANY_;
}

int sys_set_mempolicy_home_node(struct machine *m, struct task *t, uint64_t addr, uint64_t bytes,
	uint64_t nid, uint64_t flags)
{
	uint64_t end = addr + page_align(bytes);
	struct mm *mm = task_mm(m, t);
	int err = mbind_check(m, addr, end, 0);

	if (flags || nid >= m->nr_nodes)
		return refuse(&m->why, EINVAL, "flags are 0, and nodes 0-%u", m->nr_nodes - 1);
	if (err || end == addr)
		return err;
	struct vma *v = vma_find(m, &mm->vmas, addr);

	err = -ENOENT;
	for (; v && v->start < end; v = vma_next(m, &mm->vmas, v)) {
		struct mempolicy p = v->policy;
		uint64_t from = v->start > addr ? v->start : addr;
		uint64_t to = v->end < end ? v->end : end;

		if (!p.mode)
			continue;
		if (!has_home(&p))
			return refuse(&m->why, EOPNOTSUPP,
				"only MPOL_BIND and MPOL_PREFERRED_MANY have a home node");
		p.home = (uint16_t)(nid + 1);
		err = bind_mapping(m, t, mm, &v, from, to, &p);
		if (err)
			return err;
	}
	return err ? refuse(&m->why, ENOENT, "nothing in the range has a policy") : 0;
}

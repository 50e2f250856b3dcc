/* SPDX-License-Identifier: MIT
 *
 * move_pages() and migrate_pages() (see numa.h).
 *
 *	move_pages	pages   A B C | D | E F		nodes 1 1 1 | 0 | 1 1	    each run of one node moves at once
 *	migrate_pages	from 0,1 to 1,2: first 1 -> 2, then 0 -> 1		    so that no page moves twice
 *
 * move_pages() never fails because of one page: its status says what became of it. -ENOENT: there is none; -EFAULT: nothing
 * is mapped, or the page of zeroes; -EACCES: others map it, too, and MPOL_MF_MOVE_ALL was not given; -EBUSY: it is on no LRU
 * list. A page that was queued and did not move ends the call: it returns how many did not, those behind included, and
 * their statuses stay as they were.
 *
 * Left out: huge pages, a task's cpuset. Follows do_pages_move(), do_pages_stat() of mm/migrate.c and do_migrate_pages() of
 * mm/mempolicy.c of 6.1.
 */
#include "mm/move/numa.h"

#include "mm/page/page_alloc.h"
#include "mm/page/zone.h"
#include "mm/process/pgtables.h"
#include "mm/process/task.h"
#include "mm/process/user_page.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"

#include <errno.h>

static int64_t move_to_node(
	struct machine *m, unsigned cpu, struct migrate_list *list, unsigned nid)
{
	struct migrate_node_target to = {.nid = (int)nid, .gfp = __GFP_THISNODE};
	struct migrate_target target = {.get = migrate_get_on_node, .data = &to};
	int64_t left = 0;

	if (list->nr)
		left = migrate_pages(m, cpu, list, &target, MIGRATE_SYNC, MR_SYSCALL, NULL);
	putback_movable_pages(m, cpu, list);
	return left;
}

/* ---- move_pages ---- */

/* follow_page(FOLL_DUMP): the page at @addr, or why there is none. */
static int find_page(struct machine *m, struct mm *mm, uint64_t addr, struct vma **v, uint64_t *pfn)
{
	*v = addr < mm->task_size ? vma_find(m, &mm->vmas, addr) : NULL;
	if (!*v || (*v)->start > addr)
		return -EFAULT;
	pte_t pte = pte_of(m, mm, addr & ~(PAGE_BYTES - 1));

	if (!pte_present(m, pte))
		return vma_is_anonymous(*v) ? -EFAULT : -ENOENT;
	*pfn = vm_normal_pfn(m, *v, pte);
	if (*pfn == NO_PFN || frame_of(m, *pfn)->flags & FRAME_RESERVED)
		return -EFAULT;
	return 0;
}

/* add_page_for_migration(): 1 when it is queued, 0 when it is on the node already. */
static int queue_one(struct machine *m, struct mm *mm, uint64_t addr, unsigned nid, bool all,
	struct migrate_list *list)
{
	struct vma *v;
	uint64_t pfn;
	int err = find_page(m, mm, addr, &v, &pfn);

	if (!err && !vma_migratable(v))
		return -EFAULT;
	if (err || pfn_zone(m, pfn)->nid == nid)
		return err;
	if (frame_of(m, pfn)->mapcount > 1 && !all)
		return -EACCES;
	return migrate_isolate(m, list, pfn) ? -EBUSY : 1;
}

/* A run of pages for one node. */
struct run {
	struct migrate_list list;
	int64_t nid; /* -1: none */
	uint64_t first;
};

/* Move the run that ends before page @i: 0, or what the call returns. */
static int64_t end_run(
	struct machine *m, unsigned cpu, struct run *r, uint64_t i, uint64_t nr, int64_t *status)
{
	if (!r->list.nr)
		return 0;
	int64_t left = move_to_node(m, cpu, &r->list, (unsigned)r->nid);

	/* A positive one also counts the pages that were not tried. */
	if (left)
		return left > 0 ? left + (int64_t)(nr - i) : left;
	for (uint64_t k = r->first; k < i; k++)
		status[k] = r->nid;
	return 0;
}

static int64_t do_pages_move(struct machine *m, unsigned cpu, struct mm *mm, uint64_t nr,
	const uint64_t *pages, const int64_t *nodes, int64_t *status, bool all)
{
	uint64_t there = nodes_with_memory(m), i;
	struct run r = {.nid = -1};
	int64_t err = 0;

	for (i = 0; i < nr; i++) {
		if (nodes[i] < 0 || nodes[i] >= MAX_NODES || !(there >> nodes[i] & 1)) {
			err = refuse(
				&m->why, ENODEV, "node %lld has no memory", (long long)nodes[i]);
			break;
		}
		if (r.nid >= 0 && nodes[i] != r.nid) {
			err = end_run(m, cpu, &r, i, nr, status);
			if (err)
				return err;
			r.nid = -1;
		}
		if (r.nid < 0) {
			r.nid = nodes[i];
			r.first = i;
		}
		int queued = queue_one(m, mm, pages[i], (unsigned)r.nid, all, &r.list);

		if (queued > 0)
			continue;
		status[i] = queued ? queued : r.nid;
		err = end_run(m, cpu, &r, i, nr, status);
		if (err)
			return err > 0 ? err - 1 : err;
		r.nid = -1;
	}
	int64_t last = end_run(m, cpu, &r, i, nr, status);

	return err < 0 ? err : last;
}

int64_t sys_move_pages(struct machine *m, unsigned cpu, struct task *t, uint64_t nr,
	const uint64_t *pages, const int64_t *nodes, int64_t *status, unsigned flags)
{
	struct mm *mm = task_mm(m, t);

	if (flags & ~(unsigned)(MPOL_MF_MOVE_ | MPOL_MF_MOVE_ALL_))
		return refuse(&m->why, EINVAL,
			"move_pages's flags are MPOL_MF_MOVE and MPOL_MF_MOVE_ALL");
	if (!mm)
		return refuse(&m->why, EINVAL, "process %u has no memory", t->pid);
	if (nodes)
		return do_pages_move(
			m, cpu, mm, nr, pages, nodes, status, flags & MPOL_MF_MOVE_ALL_);
	for (uint64_t i = 0; i < nr; i++) {
		struct vma *v;
		uint64_t pfn;
		int err = find_page(m, mm, pages[i], &v, &pfn);

		status[i] = err ? err : (int64_t)pfn_zone(m, pfn)->nid;
	}
	return 0;
}

/* ---- migrate_pages ---- */

static unsigned rank(uint64_t mask, unsigned nid)
{
	return (unsigned)__builtin_popcountll(mask & (((uint64_t)1 << nid) - 1));
}

/* node_remap(): the node of @to with the rank that @nid has in @from. */
static unsigned remap(uint64_t from, uint64_t to, unsigned nid)
{
	unsigned n;

	if (!(from >> nid & 1))
		return nid;
	n = rank(from, nid) % (unsigned)__builtin_popcountll(to);
	while (n--)
		to &= to - 1;
	return (unsigned)__builtin_ctzll(to);
}

/* The next pair to move: best one whose destination has nothing left to move. False: no more. */
static bool next_pair(uint64_t left, uint64_t from, uint64_t to, unsigned *source, unsigned *dest)
{
	bool found = false;

	for (unsigned s = 0; s < MAX_NODES; s++) {
		if (!(left >> s & 1))
			continue;
		if (__builtin_popcountll(from) != __builtin_popcountll(to) && to >> s & 1)
			continue;
		unsigned d = remap(from, to, s);

		if (s == d)
			continue;
		found = true;
		*source = s;
		*dest = d;
		if (!(left >> d & 1))
			break;
	}
	return found;
}

static int64_t migrate_to_node(
	struct machine *m, unsigned cpu, struct mm *mm, unsigned source, unsigned dest)
{
	struct queue_pages q = {.start = 0,
		.end = mm->task_size,
		.nodes = (uint64_t)1 << source,
		.holes = true,
		.flags = MPOL_MF_MOVE_ALL_};

	if (queue_pages_range(m, mm, &q) < 0)
		return 0; /* it has no mapping at all */
	return move_to_node(m, cpu, &q.list, dest);
}

int64_t sys_migrate_pages(
	struct machine *m, unsigned cpu, struct task *t, uint64_t from, uint64_t to)
{
	struct mm *mm = task_mm(m, t);
	unsigned source, dest;
	uint64_t left = from;
	int64_t busy = 0;

	to &= nodes_with_memory(m);
	if (!to)
		return refuse(&m->why, EINVAL, "none of the new nodes has memory");
	if (!mm)
		return refuse(&m->why, EINVAL, "process %u has no memory", t->pid);
	while (left && next_pair(left, from, to, &source, &dest)) {
		left &= ~((uint64_t)1 << source);
		int64_t n = migrate_to_node(m, cpu, mm, source, dest);

		if (n < 0)
			return n;
		busy += n;
	}
	return busy;
}

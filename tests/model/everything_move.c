/* SPDX-License-Identifier: MIT
 *
 * The model of everything: pages move, and the model does not know it.
 *
 *	migrate      what a mapping has on the LRU lists, of whatever process
 *	move_pages   a process's pages to other nodes
 *	policy       set_mempolicy and mbind, which moves what lies elsewhere
 *	compact      all nodes, some steps of a job that is then stopped, or kcompactd in its own time
 *
 * Direct compaction comes from blocks of high orders (everything_kernel.c).
 */
#include "model/everything.h"

#include "mm/move/compaction.h"
#include "mm/move/migrate.h"
#include "mm/move/numa.h"
#include "mm/page/frame.h"
#include "mm/process/mm.h"
#include "mm/process/pgtables.h"
#include "mm/process/task.h"

#include <errno.h>

static void act_migrate(struct everything *x)
{
	struct migrate_node_target there = {.nid = -1};
	struct migrate_target target = {.get = migrate_get_on_node, .data = &there};
	struct process *p = any_process(x);
	struct task *t = task_of(x, p);
	struct migrate_list list = {0};
	struct migrate_result r;
	unsigned k = full_slot(x, p);

	for (unsigned i = 0; k < SLOTS && i < p->slot[k].pages; i++) {
		pte_t pte = pte_of(x->m, task_mm(x->m, t), va_of(k, i));

		if (pte_present(x->m, pte) && pfn_valid(x->m, pte_pfn(x->m, pte)))
			(void)migrate_isolate(x->m, &list, pte_pfn(x->m, pte));
	}
	arm(x);
	int64_t left = migrate_pages(
		x->m, t->cpu, &list, &target, (enum migrate_mode)dice(x, 3), MR_COMPACTION, &r);

	if (!starved(x, left < 0 ? (int)left : 0, false))
		expect(x, left >= 0);
	putback_movable_pages(x->m, t->cpu, &list);
	x->moved += r.nr_succeeded;
}

/* All pages of a process to another node, or a slot's. */
static void act_move_pages(struct everything *x)
{
	struct process *p = any_process(x);
	struct task *t = task_of(x, p);
	unsigned k = full_slot(x, p), nr = x->m->nr_nodes;
	uint64_t moved = x->m->vm_event[EV_pgmigrate_success], page[SLOT_PAGES];
	int64_t node[SLOT_PAGES], status[SLOT_PAGES];

	if (nr < 2 || k == SLOTS)
		return;
	arm(x);
	if (dice(x, 2)) {
		uint64_t from = dice(x, nr), to = dice(x, nr);
		int64_t left =
			sys_migrate_pages(x->m, t->cpu, t, (uint64_t)1 << from, (uint64_t)1 << to);

		if (!starved(x, left < 0 ? (int)left : 0, false))
			expect(x, left >= 0);
	} else {
		for (unsigned i = 0; i < p->slot[k].pages; i++) {
			page[i] = va_of(k, i);
			node[i] = dice(x, nr);
		}
		int64_t left = sys_move_pages(
			x->m, t->cpu, t, p->slot[k].pages, page, node, status, MPOL_MF_MOVE_ALL_);

		if (!starved(x, left < 0 ? (int)left : 0, false))
			expect(x, left >= 0);
	}
	x->moved += x->m->vm_event[EV_pgmigrate_success] - moved;
}

/* A policy for a process, or for a slot of it, whose pages may have to move. */
static void act_policy(struct everything *x)
{
	static const unsigned flags[] = {0, MPOL_MF_MOVE_, MPOL_MF_MOVE_ALL_,
		MPOL_MF_STRICT_ | MPOL_MF_MOVE_, MPOL_MF_STRICT_};
	struct process *p = any_process(x);
	struct task *t = task_of(x, p);
	unsigned k = full_slot(x, p), mode = dice(x, NR_MPOL_MODES);
	uint64_t nodes = 1 + dice(x, (1u << x->m->nr_nodes) - 1);
	uint64_t moved = x->m->vm_event[EV_pgmigrate_success];

	if (x->m->nr_nodes < 2 || k == SLOTS)
		return;
	nodes = mode == MPOL_DEFAULT_ || mode == MPOL_LOCAL_ ? 0 : nodes;
	arm(x);
	int err = dice(x, 3) ? sys_mbind(x->m, t, va_of(k, 0), p->slot[k].pages * (uint64_t)PAGE,
				       mode, nodes, flags[dice(x, 5)])
			     : sys_set_mempolicy(x->m, t, mode, nodes);

	if (!starved(x, err, false))
		expect(x, !err || err == -EIO);
	x->moved += x->m->vm_event[EV_pgmigrate_success] - moved;
}

static void act_compact(struct everything *x)
{
	uint64_t moved = x->m->vm_event[EV_pgmigrate_success];
	unsigned node = dice(x, x->m->nr_nodes);

	arm(x);
	switch (dice(x, 4)) {
	case 0:
		compact_nodes(x->m);
		break;
	case 1:
		compact_job_begin(x->m, (int)node);
		for (unsigned i = 0; i < 3 && compact_job_step(x->m, 2); i++)
			;
		compact_job_stop(x->m);
		break;
	default:
		wakeup_kcompactd(x->m, node, 4 + dice(x, 6), ZONE_NORMAL);
		clock_advance(x->m, 2000000);
	}
	x->moved += x->m->vm_event[EV_pgmigrate_success] - moved;
}

const struct act move_acts[] = {{"migrate", act_migrate, 2}, {"move_pages", act_move_pages, 2},
	{"policy", act_policy, 2}, {"compact", act_compact, 3}, {NULL, NULL, 0}};

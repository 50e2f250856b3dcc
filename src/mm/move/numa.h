/* SPDX-License-Identifier: MIT
 *
 * System calls about nodes: where memory comes from, where pages are, and moving them (mm/mempolicy.c, mm/migrate.c of
 * 6.1). Masks of nodes have a bit a node. The machine's user is root, so whatever needs CAP_SYS_NICE is allowed.
 */
#ifndef SIMM_MM_NUMA_H
#define SIMM_MM_NUMA_H

#include "mm/move/migrate.h"
#include "mm/process/mempolicy.h"

enum { MPOL_MF_STRICT_ = 1, MPOL_MF_MOVE_ = 2, MPOL_MF_MOVE_ALL_ = 4 };
enum { MPOL_F_NODE_ = 1, MPOL_F_ADDR_ = 2, MPOL_F_MEMS_ALLOWED_ = 4 };

/* ---- policies (mbind.c) ---- */

/* set_mempolicy(2): @mode with its MPOL_F_ flags. Errors: EINVAL. */
int sys_set_mempolicy(struct machine *m, struct task *t, unsigned mode, uint64_t nodes);
/* mbind(2). Errors: EINVAL, EFAULT (a hole in the range), EIO (pages elsewhere that do not move: MPOL_MF_STRICT), ENOMEM. */
int sys_mbind(struct machine *m, struct task *t, uint64_t addr, uint64_t bytes, unsigned mode, uint64_t nodes,
	unsigned flags);
/* get_mempolicy(2): what it writes, in *@mode and *@nodes. Errors: EINVAL, EFAULT. */
int sys_get_mempolicy(struct machine *m, struct task *t, uint64_t addr, unsigned flags, unsigned *mode, uint64_t *nodes);
/* set_mempolicy_home_node(2). Errors: EINVAL, EOPNOTSUPP (a policy that has no use for one), ENOENT (none in the range). */
int sys_set_mempolicy_home_node(struct machine *m, struct task *t, uint64_t addr, uint64_t bytes, uint64_t nid,
	uint64_t flags);

/* ---- pages (move_pages.c) ---- */

/* move_pages(2) of the process @t: @nodes NULL only asks. @status gets a node or -errno for each page. Returns 0, how many
 * did not move, or -errno (ENODEV, EINVAL). */
int64_t sys_move_pages(struct machine *m, unsigned cpu, struct task *t, uint64_t nr, const uint64_t *pages,
	const int64_t *nodes, int64_t *status, unsigned flags);
/* migrate_pages(2): all pages of @t that are on nodes of @from go to those of @to, each to the one of the same rank. How
 * many did not move, or -errno (EINVAL). */
int64_t sys_migrate_pages(struct machine *m, unsigned cpu, struct task *t, uint64_t from, uint64_t to);

/* ---- what they share (queue.c) ---- */

/* vma_migratable() */
bool vma_migratable(const struct vma *v);

/* Isolate the pages of [start, end) that are on a node of @nodes (@invert: on no node of them). MOVE: those that this
 * process alone maps, MOVE_ALL: all; STRICT: say so if some stay. @holes: parts without mapping are no error. 0; 1: some
 * pages could not be taken; -EFAULT; -EIO (STRICT without MOVE: a page is elsewhere). */
struct queue_pages {
	uint64_t start, end;
	uint64_t nodes;
	bool invert, holes;
	unsigned flags;
	struct migrate_list list;
};
int queue_pages_range(struct machine *m, struct mm *mm, struct queue_pages *q);

#endif

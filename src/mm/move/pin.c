/* SPDX-License-Identifier: MIT
 *
 * Pinning pages of a process (see pin.h).
 *
 *	1. fault each page in, for writing with FOLL_WRITE; an anonymous page that others share becomes the process's own
 *	   first, so that what the device writes is what the process sees
 *	2. add 1024 references each
 *	3. FOLL_LONGTERM: if a page lies in a CMA area, an isolated pageblock or zone Movable, unpin all of them, migrate those
 *	   (GFP_USER: to where memory may stay), and begin anew; if they cannot move, nothing is pinned
 *
 * The page of zeroes is not counted: it never goes. Left out: FOLL_FORCE, RLIMIT_MEMLOCK (which is the drivers' to ask),
 * huge pages; a read-only pin of a shared page marks its copy dirty, which Linux's unshare fault does not. Follows mm/gup.c
 * of 6.1.
 */
#include "mm/move/pin.h"

#include "mm/page/page_alloc.h"
#include "mm/page/zone.h"
#include "mm/process/fault.h"
#include "mm/process/pgtables.h"
#include "mm/process/task.h"
#include "mm/process/user_page.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"

#include <errno.h>

typedef unsigned long long ull;

bool page_longterm_pinnable(const struct machine *m, uint64_t pfn)
{
	enum migratetype type = pageblock_type(m, pfn);

	if (pfn == m->processes.zero_pfn)
		return true;
	return type != MIGRATE_CMA && type != MIGRATE_ISOLATE &&
	       pfn_zone(m, pfn)->type != ZONE_MOVABLE;
}

static void count_pin(struct machine *m, uint64_t pfn, enum node_stat_item item)
{
	node_at(m, pfn_zone(m, pfn)->nid)->stat[item]++;
}

/* check_vma_flags() */
static int may_pin(struct machine *m, const struct vma *v, uint64_t addr, unsigned flags)
{
	if (!v || v->start > addr)
		return refuse(&m->why, EFAULT, "nothing is mapped at 0x%llx", (ull)addr);
	if (v->flags & (VM_IO | VM_PFNMAP))
		return refuse(
			&m->why, EFAULT, "the mapping at 0x%llx has no pages to pin", (ull)addr);
	if (!(v->flags & (flags & FOLL_WRITE_ ? VM_WRITE : VM_READ)))
		return refuse(&m->why, EFAULT, "the mapping at 0x%llx may not be %s", (ull)addr,
			flags & FOLL_WRITE_ ? "written" : "read");
	return 0;
}

static int pin_one(struct machine *m, struct task *t, uint64_t addr, unsigned flags, uint64_t *pfn)
{
	struct mm *mm = task_mm(m, t);
	struct vma *v = vma_find(m, &mm->vmas, addr);
	bool write = flags & FOLL_WRITE_;
	int err = may_pin(m, v, addr, flags);

	if (!err)
		err = populate_range(m, t->cpu, v, addr, addr + PAGE_BYTES, write);
	if (err)
		return err;
	*pfn = pte_pfn(m, pte_of(m, mm, addr));
	if (*pfn == m->processes.zero_pfn || frame_of(m, *pfn)->flags & FRAME_RESERVED)
		return 0;
	struct frame *f = frame_of(m, *pfn);

	/* gup_must_unshare() */
	if (!write && f->flags & FRAME_ANON && !(f->flags & FRAME_ANON_EXCLUSIVE)) {
		unsigned ret = handle_mm_fault(m, t->cpu, v, addr, FAULT_FLAG_WRITE);

		if (ret & (VM_FAULT_OOM | VM_FAULT_HOST))
			return ret & VM_FAULT_HOST ? -EDQUOT : -ENOMEM;
		*pfn = pte_pfn(m, pte_of(m, mm, addr));
		f = frame_of(m, *pfn);
	}
	if (f->refcount > UINT32_MAX - 2 * GUP_PIN_BIAS)
		return refuse(&m->why, ENOMEM,
			"pfn 0x%llx has as many references as the counter holds", (ull)*pfn);
	f->refcount += GUP_PIN_BIAS;
	count_pin(m, *pfn, ND_nr_foll_pin_acquired);
	return 0;
}

/* Has the page 1024 references beside those that others have and, when it is nobody's but a caller's, beside the caller's? */
static bool has_pin(const struct machine *m, uint64_t pfn)
{
	const struct frame *f = frame_of(m, pfn);
	uint32_t held = page_held_references(m, pfn) + (!(f->flags & FRAME_LRU) && !f->own);

	return f->refcount >= held && f->refcount - held >= GUP_PIN_BIAS;
}

int unpin_user_page(struct machine *m, unsigned cpu, uint64_t pfn)
{
	if (pfn == m->processes.zero_pfn)
		return 0;
	if (!pfn_valid(m, pfn) || !frame_is_live(m, pfn) || !has_pin(m, pfn))
		return refuse(&m->why, EINVAL, "pfn 0x%llx is not pinned", (ull)pfn);
	struct frame *f = frame_of(m, pfn);

	if (f->flags & FRAME_RESERVED)
		return 0;
	count_pin(m, pfn, ND_nr_foll_pin_released);
	f->refcount -= GUP_PIN_BIAS - 1;
	user_page_put(m, cpu, pfn);
	return 0;
}

static void unpin_all(struct machine *m, unsigned cpu, const uint64_t *pfns, uint64_t nr)
{
	for (uint64_t i = 0; i < nr; i++)
		if (!(frame_of(m, pfns[i])->flags & FRAME_RESERVED))
			(void)unpin_user_page(m, cpu, pfns[i]);
}

/* Pin as many as can be; how many, or why not even the first. */
static int64_t pin_some(struct machine *m, struct task *t, uint64_t addr, uint64_t nr,
	unsigned flags, uint64_t *pfns)
{
	for (uint64_t i = 0; i < nr; i++) {
		int err = pin_one(m, t, addr + (i << PAGE_SHIFT), flags, &pfns[i]);

		if (err)
			return i ? (int64_t)i : err;
	}
	return (int64_t)nr;
}

/* migrate_longterm_unpinnable_pages(), the pins having been dropped. 0, or -errno when some stay. */
static int move_out(struct machine *m, unsigned cpu, const uint64_t *pfns, uint64_t nr)
{
	struct migrate_node_target to = {.nid = -1, .gfp_without = __GFP_MOVABLE | __GFP_HIGHMEM};
	struct migrate_target target = {.get = migrate_get_on_node, .data = &to};
	struct migrate_list list = {0};
	int err = 0;

	for (uint64_t i = 0; i < nr && !err; i++)
		if (!page_longterm_pinnable(m, pfns[i]) && (!i || pfns[i] != pfns[i - 1]) &&
			migrate_isolate(m, &list, pfns[i]))
			err = -m->why.err;
	if (!err && list.nr &&
		migrate_pages(m, cpu, &list, &target, MIGRATE_SYNC, MR_LONGTERM_PIN, NULL))
		err = refuse(&m->why, ENOMEM,
			"%llu pages cannot leave memory that is lent (CMA, zone Movable), where a "
			"long-term pin may not be",
			(ull)list.nr);
	putback_movable_pages(m, cpu, &list);
	return err;
}

static bool all_pinnable(const struct machine *m, const uint64_t *pfns, int64_t nr)
{
	for (int64_t i = 0; i < nr; i++)
		if (!page_longterm_pinnable(m, pfns[i]))
			return false;
	return true;
}

int64_t pin_user_pages(struct machine *m, struct task *t, uint64_t addr, uint64_t nr,
	unsigned flags, uint64_t *pfns)
{
	if (flags & ~(unsigned)(FOLL_WRITE_ | FOLL_LONGTERM_))
		return refuse(&m->why, EINVAL, "pin_user_pages knows FOLL_WRITE and FOLL_LONGTERM");
	if (!task_mm(m, t))
		return refuse(&m->why, EINVAL, "process %u has no memory", t->pid);
	addr &= ~(PAGE_BYTES - 1);
	int64_t got = pin_some(m, t, addr, nr, flags, pfns);

	while (got > 0 && flags & FOLL_LONGTERM_ && !all_pinnable(m, pfns, got)) {
		unpin_all(m, t->cpu, pfns, (uint64_t)got);
		int err = move_out(m, t->cpu, pfns, (uint64_t)got);

		if (err)
			return err;
		got = pin_some(m, t, addr, (uint64_t)got, flags, pfns);
	}
	return got;
}

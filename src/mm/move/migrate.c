/* SPDX-License-Identifier: MIT
 *
 * Moving isolated pages (see migrate.h).
 *
 *	for up to ten passes, each page that is left:
 *	    nobody has it any more?             freed: done
 *	    a new page from the target          none: stop, -ENOMEM
 *	    locked, or being written back?      next pass (written back and not SYNC: given up)
 *	    try_to_migrate()                    entries -> migration entries, TLBs
 *	    references as expected?             else next pass
 *	    copy the contents; move_state()     the frame's mapping, index, flags, counters, cache slot, memcg
 *	    new page on the LRU; remove_migration_ptes(); the old page is freed
 *
 * What comes after ten passes is failed. Since nobody lets go of a page within an act of this machine, the nine further
 * passes find what the first one found; they are made all the same, as they cost time and show in traces.
 *
 * Invariant: at the end of each page's turn no migration entry is left, and it is mapped by whom it was mapped before.
 *
 * Left out: huge pages and their splitting, buffers of file pages, swap cache, the memory policy of file systems' own
 * migrate_folio(). Follows migrate_pages(), __unmap_and_move(), folio_migrate_mapping(), folio_migrate_flags() of 6.1.
 */
#include "mm/move/internal.h"

#include "mm/slab/radix.h"
#include "mm/core/trace.h"
#include "mm/debug/page_owner.h"
#include "mm/move/holder.h"
#include "mm/page/contents.h"
#include "mm/page/lru.h"
#include "mm/page/page_alloc.h"
#include "mm/page/zone.h"
#include "mm/process/rmap.h"
#include "mm/process/user_page.h"

#include <assert.h>
#include <errno.h>

enum { PASSES = 10, FORCE_AFTER = 2 };

const char *migrate_mode_name(enum migrate_mode mode)
{
	static const char *const names[] = {"MIGRATE_ASYNC", "MIGRATE_SYNC_LIGHT", "MIGRATE_SYNC"};

	return names[mode];
}

const char *migrate_reason_name(enum migrate_reason reason)
{
	static const char *const names[NR_MIGRATE_REASONS] = {"compaction", "memory_failure",
		"memory_hotplug", "syscall_or_cpuset", "mempolicy_mbind", "numa_misplaced",
		"contig_range", "longterm_pin", "demotion"};

	return names[reason];
}

struct migration {
	struct machine *m;
	unsigned cpu;
	const struct migrate_target *target;
	enum migrate_mode mode;
	enum migrate_reason reason;
	unsigned pass;
};

int migrate_get_on_node(
	struct machine *m, unsigned cpu, void *data, uint64_t old_pfn, uint64_t *new_pfn)
{
	const struct migrate_node_target *t = data;
	int nid = t->nid < 0 ? (int)pfn_zone(m, old_pfn)->nid : t->nid;
	gfp_t gfp = ((gfp_t)GFP_HIGHUSER_MOVABLE | (gfp_t)__GFP_NOWARN | t->gfp) & ~t->gfp_without;

	return alloc_pages_node(m, cpu, nid, gfp, 0, new_pfn);
}

/* ---- what the frame knows ---- */

static const uint32_t copied_flags = FRAME_ERROR | FRAME_REFERENCED | FRAME_UPTODATE | FRAME_DIRTY |
				     FRAME_SWAPBACKED | FRAME_ANON | FRAME_WORKINGSET |
				     FRAME_RECLAIM | FRAME_OWNER_PRIVATE;

/* Counters of a page in the page cache go with it to another zone or node. */
static void move_counters(
	struct machine *m, const struct frame *f, const struct inode *i, uint64_t from, uint64_t to)
{
	struct zone *old = pfn_zone(m, from), *new = pfn_zone(m, to);
	uint64_t *was = node_at(m, old->nid)->stat, *is = node_at(m, new->nid)->stat;

	if (old == new)
		return;
	was[ND_nr_file_pages]--;
	is[ND_nr_file_pages]++;
	if (f->flags & FRAME_SWAPBACKED) {
		was[ND_nr_shmem]--;
		is[ND_nr_shmem]++;
	}
	if (!(f->flags & FRAME_DIRTY) || i->kind != INODE_FILE)
		return;
	was[ND_nr_dirty]--;
	is[ND_nr_dirty]++;
	old->stat[ZS_nr_zone_write_pending]--;
	new->stat[ZS_nr_zone_write_pending]++;
}

/* The page cache has the new page in its slot. */
static void move_cache_slot(struct machine *m, uint64_t from, uint64_t to)
{
	struct frame *old = frame_of(m, from), *new = frame_of(m, to);
	struct inode *i = mapping_object(m, old->mapping);
	int err = radix_set(m, &i->pages, old->index, (uint32_t)(to + 1));

	/* The slot is there, so nothing was to be allocated. */
	assert(!err);
	(void)err;
	move_counters(m, old, i, from, to);
	new->refcount++;
	old->refcount--;
}

static void move_state(struct machine *m, uint64_t from, uint64_t to)
{
	struct frame *old = frame_of(m, from), *new = frame_of(m, to);

	if (old->mapping && !(old->flags & FRAME_ANON))
		move_cache_slot(m, from, to);
	new->flags |= old->flags &copied_flags;
	new->flags |= old->flags &(FRAME_ACTIVE | FRAME_UNEVICTABLE);
	if (!(old->flags & FRAME_ANON))
		new->flags |= old->flags &FRAME_MAPPEDTODISK;
	new->mapping = old->mapping;
	new->index = old->index;
	new->memcg = old->memcg;
	copy_page_owner(m, from, to);
	old->flags &= FRAME_MOVABLE;
	old->mapping = 0;
	old->index = 0;
}

/* ---- one page ---- */

/* Nobody maps it any more: contents and state change over. */
static int move_to_new(struct machine *m, uint64_t from, uint64_t to)
{
	const struct frame *f = frame_of(m, from);
	struct dram dram = machine_dram(m);

	if (f->refcount != migrate_expected_refs(f) || migrate_has_window(m, from))
		return -EAGAIN;
	int err = dram_copy_frame(&dram, to << PAGE_SHIFT, from << PAGE_SHIFT, &m->why);

	if (err)
		return err;
	clock_charge(m, COPY_PAGE);
	move_state(m, from, to);
	return 0;
}

/* May it be tried in this pass? */
static int ready(const struct migration *g, const struct frame *f)
{
	if (f->flags & FRAME_LOCKED)
		return -EAGAIN;
	if (f->flags & FRAME_WRITEBACK)
		return g->mode == MIGRATE_SYNC ? -EAGAIN : -EBUSY;
	return 0;
}

static int move_user_page(struct migration *g, uint64_t from, uint64_t to)
{
	struct machine *m = g->m;
	struct frame *old = frame_of(m, from);
	int err = ready(g, old);
	bool mapped = old->mapcount;

	if (err)
		return err;
	clock_charge(m, MIGRATE_PAGE);
	if (mapped)
		try_to_migrate(m, g->cpu, from);
	err = old->mapcount ? -EAGAIN : move_to_new(m, from, to);
	if (!err)
		lru_putback(m, to, 0);
	if (mapped)
		remove_migration_ptes(m, g->cpu, from, err ? from : to);
	return err;
}

/* A page of the kernel that a name or a recording holds: its reference and the isolation's. */
static int move_held_page(struct migration *g, uint64_t from, uint64_t to)
{
	struct machine *m = g->m;
	struct frame *old = frame_of(m, from), *new = frame_of(m, to);
	struct dram dram = machine_dram(m);

	if (old->refcount != 2)
		return -EAGAIN;
	int err = dram_copy_frame(&dram, to << PAGE_SHIFT, from << PAGE_SHIFT, &m->why);
	if (err)
		return err;
	clock_charge(m, COPY_PAGE);
	clock_charge(m, MIGRATE_PAGE);
	new->refcount++;
	old->refcount--;
	holder_follow(m, from, to);
	copy_page_owner(m, from, to);
	return 0;
}

static void give_back(struct migration *g, uint64_t pfn)
{
	const struct migrate_target *t = g->target;

	if (t->put)
		t->put(g->m, g->cpu, t->data, pfn);
	else
		user_page_put(g->m, g->cpu, pfn);
}

/* 0: it has moved (or nobody had it any more) and the old page is free; -EAGAIN: try again; another errno: it stays. */
static int unmap_and_move(struct migration *g, uint64_t pfn)
{
	struct machine *m = g->m;
	struct frame *f = frame_of(m, pfn);
	bool held = migrate_is_held(f);
	enum node_stat_item stat =
		f->flags & FRAME_SWAPBACKED ? ND_nr_isolated_anon : ND_nr_isolated_file;
	uint64_t to;

	if (f->refcount == 1) {
		migrate_count_isolated(m, pfn, -1);
		f->flags &= ~(uint32_t)(FRAME_ACTIVE | FRAME_UNEVICTABLE);
		user_page_put(m, g->cpu, pfn);
		return 0;
	}
	int err = g->target->get(m, g->cpu, g->target->data, pfn, &to);

	if (err)
		return err == -EDQUOT ? err : -ENOMEM;
	assert(to != pfn && frame_of(m, to)->refcount == 1);
	err = held ? move_held_page(g, pfn, to) : move_user_page(g, pfn, to);
	if (err) {
		give_back(g, to);
		return err;
	}
	if (!held)
		node_at(m, pfn_zone(m, pfn)->nid)->stat[stat]--;
	user_page_put(m, g->cpu, pfn);
	/* The LRU's or the holder's page keeps the references of its users alone. */
	user_page_put(m, g->cpu, to);
	set_page_owner_migrate_reason(m, to, (int)g->reason);
	return 0;
}

/* ---- the list ---- */

static void trace_end(const struct migration *g, const struct migrate_result *r)
{
	struct machine *m = g->m;

	if (trace_wants(&m->trace, TRACE_mm_migrate_pages))
		trace_put(m, &(struct trace_record){.ns = m->clock.now_ns,
				     .event = TRACE_mm_migrate_pages,
				     .cpu = (uint8_t)g->cpu,
				     .pfn = r->nr_succeeded,
				     .value = r->nr_failed,
				     .order = (uint8_t)g->mode,
				     .migratetype = (uint8_t)g->reason});
}

static void trace_begin(const struct migration *g)
{
	struct machine *m = g->m;

	if (trace_wants(&m->trace, TRACE_mm_migrate_pages_start))
		trace_put(m, &(struct trace_record){.ns = m->clock.now_ns,
				     .event = TRACE_mm_migrate_pages_start,
				     .cpu = (uint8_t)g->cpu,
				     .order = (uint8_t)g->mode,
				     .migratetype = (uint8_t)g->reason});
}

/* All of @from behind those of @to. */
static void splice(struct machine *m, struct migrate_list *to, struct migrate_list *from)
{
	uint64_t pfn;

	while ((pfn = migrate_list_take(m, from)) != NO_PFN)
		migrate_list_add(m, to, pfn);
}

/* One pass over @list, which is empty afterwards but when there was no memory. */
static int one_pass(struct migration *g, struct migrate_list *list, struct migrate_list *again,
	struct migrate_list *failed, struct migrate_result *r)
{
	struct machine *m = g->m;
	uint64_t pfn;

	while ((pfn = migrate_list_take(m, list)) != NO_PFN) {
		int err = unmap_and_move(g, pfn);

		if (!err) {
			r->nr_succeeded++;
			continue;
		}
		migrate_list_add(m, err == -EAGAIN ? again : failed, pfn);
		if (err == -EAGAIN)
			continue;
		r->nr_failed++;
		if (err == -ENOMEM || err == -EDQUOT)
			return err;
	}
	return 0;
}

int64_t migrate_pages(struct machine *m, unsigned cpu, struct migrate_list *list,
	const struct migrate_target *target, enum migrate_mode mode, enum migrate_reason reason,
	struct migrate_result *result)
{
	struct migration g = {m, cpu, target, mode, reason, 0};
	struct migrate_list again = {0}, failed = {0};
	struct migrate_result r = {0};
	int err = 0;

	trace_begin(&g);
	for (; g.pass < PASSES && list->nr && !err; g.pass++) {
		err = one_pass(&g, list, &again, &failed, &r);
		splice(m, list, &again);
	}
	/* What is left after the passes has failed; without memory the rest was not tried to its end. */
	r.nr_failed += err ? 0 : list->nr;
	splice(m, list, &failed);
	r.passes = g.pass;
	count_event(m, EV_pgmigrate_success, r.nr_succeeded);
	count_event(m, EV_pgmigrate_fail, r.nr_failed);
	trace_end(&g, &r);
	if (result)
		*result = r;
	return err ? err : (int64_t)r.nr_failed;
}

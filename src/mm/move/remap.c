/* SPDX-License-Identifier: MIT
 *
 * Migration entries: a page leaves all page tables without being forgotten there, and comes back (see migrate.h).
 *
 *	entry that maps the page                         migration entry
 *	------------------------------------------------------------------------------
 *	writable                                         WRITE
 *	read-only, the page belongs to one alone         READ_EXCLUSIVE
 *	read-only, shared                                READ
 *	young, dirty                                     young, dirty, where there is room
 *	soft-dirty                                       soft-dirty
 *
 * On the way out each CPU that may know the old entry is told (flush_tlb_range()), and a dirty entry makes the page dirty.
 * RSS stays as it is: a migration entry still counts as the page. On the way back a page whose entries have no room for
 * young is old, as 6.1 has it.
 *
 * An anonymous page that belongs to one process alone and is pinned must stay: whoever pinned it writes to it through its
 * physical address, and a copy would miss that. Its entries are left.
 *
 * Left out: huge pages, userfaultfd, hwpoison. Follows try_to_migrate_one() of mm/rmap.c and remove_migration_pte() of
 * mm/migrate.c of 6.1.
 */
#include "mm/move/migrate.h"

#include "mm/core/trace.h"
#include "mm/kernel/swp_entry.h"
#include "mm/page/lru.h"
#include "mm/process/file.h"
#include "mm/process/pgtables.h"
#include "mm/process/rmap.h"
#include "mm/process/tlb_flush.h"
#include "mm/process/user_page.h"
#include "mm/process/vma.h"

#include <assert.h>

static void trace_pte(
	struct machine *m, unsigned cpu, enum trace_event event, uint64_t addr, pte_t pte)
{
	if (trace_wants(&m->trace, event))
		trace_put(m, &(struct trace_record){.ns = m->clock.now_ns,
				     .event = (uint16_t)event,
				     .cpu = (uint8_t)cpu,
				     .pfn = addr,
				     .value = pte});
}

struct unmapping {
	unsigned cpu;
	uint64_t pfn;
};

static enum migration_kind kind_of(const struct machine *m, const struct frame *f, pte_t pte)
{
	bool exclusive = f->flags & FRAME_ANON && f->flags & FRAME_ANON_EXCLUSIVE;

	if (pte_is(m, pte, PTE_WRITE))
		return MIGRATION_WRITE;
	return exclusive ? MIGRATION_READ_EXCLUSIVE : MIGRATION_READ;
}

static bool unmap_one(struct machine *m, void *data, struct vma *v, uint64_t addr)
{
	const struct unmapping *u = data;
	struct frame *f = frame_of(m, u->pfn);
	struct mm *mm = vma_mm(m, v);
	struct pte_place at;
	bool found = pte_find(m, mm, addr, &at);

	assert(found);
	(void)found;
	pte_t pte = pte_get(m, at.table, at.index);
	struct migration_entry e = {.pfn = u->pfn,
		.kind = kind_of(m, f, pte),
		.young = pte_is(m, pte, PTE_YOUNG),
		.dirty = pte_is(m, pte, PTE_DIRTY)};

	if (f->flags & FRAME_ANON && f->flags & FRAME_ANON_EXCLUSIVE) {
		/* page_try_share_anon_rmap() */
		if (page_maybe_pinned(f)) {
			flush_tlb_range(m, u->cpu, mm, addr, addr + PAGE_BYTES);
			return false;
		}
		f->flags &= ~(uint32_t)FRAME_ANON_EXCLUSIVE;
	}
	if (e.dirty)
		set_page_dirty(m, u->pfn);
	pte_t away = migration_pte(m, &e);

	if (pte_is(m, pte, PTE_SOFT_DIRTY))
		away = swp_pte_mksoft_dirty(m, away);
	pte_set(m, at.table, at.index, away);
	flush_tlb_range(m, u->cpu, mm, addr, addr + PAGE_BYTES);
	trace_pte(m, u->cpu, TRACE_set_migration_pte, addr, away);
	page_remove_rmap(m, u->pfn);
	munlock_vma_page(m, u->pfn, v->flags);
	assert(f->refcount > 1);
	f->refcount--;
	return true;
}

void try_to_migrate(struct machine *m, unsigned cpu, uint64_t pfn)
{
	struct unmapping u = {cpu, pfn};

	rmap_walk(m, pfn, unmap_one, &u);
}

struct remapping {
	unsigned cpu;
	uint64_t old_pfn, new_pfn;
};

static pte_t restored(struct machine *m, const struct vma *v, const struct migration_entry *e,
	bool soft_dirty, uint64_t pfn)
{
	pte_t pte = pte_make(m, pfn, vma_page_prot(m, v));

	pte = pte_with(m, pte, PTE_SOFT_DIRTY, soft_dirty);
	pte = pte_with(m, pte, PTE_YOUNG, e->young);
	if (frame_of(m, pfn)->flags & FRAME_DIRTY && e->dirty) {
		pte = pte_with(m, pte, PTE_DIRTY, true);
		pte = pte_with(m, pte, PTE_SOFT_DIRTY, soft_dirty);
	}
	if (e->kind == MIGRATION_WRITE && v->flags & VM_WRITE)
		pte = pte_with(m, pte, PTE_WRITE, true);
	return pte;
}

static bool remap_one(struct machine *m, void *data, struct vma *v, uint64_t addr)
{
	const struct remapping *r = data;
	struct frame *f = frame_of(m, r->new_pfn);
	struct migration_entry e;
	struct pte_place at;

	if (!pte_find(m, vma_mm(m, v), addr, &at))
		return true;
	pte_t away = pte_get(m, at.table, at.index);

	if (!migration_entry_of(m, away, &e) || e.pfn != r->old_pfn)
		return true;
	pte_t pte = restored(m, v, &e, swp_pte_soft_dirty(m, away), r->new_pfn);

	f->refcount++;
	if (f->flags & FRAME_ANON)
		page_add_anon_rmap(m, r->new_pfn, e.kind != MIGRATION_READ);
	else
		page_add_file_rmap(m, r->new_pfn);
	mlock_vma_page(m, r->new_pfn, v->flags);
	pte_set(m, at.table, at.index, pte);
	trace_pte(m, r->cpu, TRACE_remove_migration_pte, addr, pte);
	return true;
}

void remove_migration_ptes(struct machine *m, unsigned cpu, uint64_t old_pfn, uint64_t new_pfn)
{
	struct remapping r = {cpu, old_pfn, new_pfn};
	const struct frame *f = frame_of(m, new_pfn);

	rmap_each_place(m, f->index, f->mapping, f->flags & FRAME_ANON, remap_one, &r);
}

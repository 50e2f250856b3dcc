/* SPDX-License-Identifier: MIT
 *
 * Taking pages off their lists before they move, and the answer to "why can this one not leave?" (see migrate.h).
 *
 * page_movable_reason() asks in this order, since the first answer is the one that explains most: is it the allocator's
 * (free, reserved, a hole)? Is it a kind that never moves (slab, page tables, CMA's, huge)? Is it of a kind that moves,
 * and does somebody hold it beside those who would be told? migrate_isolate() takes any page of the LRU lists, as Linux
 * does, so that one that is held fails later and is counted; of the kernel's pages only those that can move.
 *
 * Isolated pages are linked through their frames, as LRU pages are; a page on such a list has a reference of the list's.
 * An mlocked page counts its locked mappings in its links, so the count is made anew, by asking the mappings, when it goes
 * back. (Linux starts again from zero there and lets reclaim put it right.)
 *
 * Follows mm/vmscan.c (folio_isolate_lru()), mm/migrate.c and mm/page_isolation.c of 6.1.
 */
#include "mm/move/internal.h"

#include "base/text.h"
#include "mm/kernel/highmem.h"
#include "mm/move/holder.h"
#include "mm/page/lru.h"
#include "mm/page/page_alloc.h"
#include "mm/page/zone.h"
#include "mm/process/rmap.h"
#include "mm/process/user_page.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

typedef unsigned long long ull;

static __attribute__((format(printf, 3, 4))) enum page_movable because(
	enum page_movable answer, struct text *out, const char *format, ...)
{
	char sentence[256];
	va_list args;

	if (!out)
		return answer;
	va_start(args, format);
	vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	text_puts(out, sentence);
	return answer;
}

unsigned migrate_expected_refs(const struct frame *f)
{
	bool cached = f->mapping && !(f->flags & FRAME_ANON);

	return 1 + cached;
}

bool migrate_has_window(struct machine *m, uint64_t pfn)
{
	struct highmem_window w;

	if (!page_is_high(m, pfn))
		return false;
	uint64_t address = highmem_page_address(m, pfn);

	/* A window of pkmap without users stays for a while, but nobody may look through it. */
	if (address && highmem_find(m, address, &w) && w.count > 1)
		return true;
	for (unsigned cpu = 0; m->highmem.local_at && cpu < m->nr_cpus; cpu++)
		for (unsigned slot = 0; slot < kmap_local_depth(m, cpu); slot++) {
			kmap_slot(m, cpu, slot, &w);
			if (w.pfn == pfn)
				return true;
		}
	return false;
}

/* An allocated block that is on no LRU list. */
static enum page_movable why_kernel(
	struct machine *m, uint64_t pfn, const struct frame *f, struct text *out)
{
	if (f->flags & FRAME_SLAB)
		return because(PAGE_UNMOVABLE, out, "a slab: objects in it are known by address");
	if (f->flags & FRAME_PGTABLE)
		return because(PAGE_UNMOVABLE, out, "a page table: entries point to it by address");
	if (f->flags & FRAME_HUGE)
		return because(PAGE_UNMOVABLE, out, "a huge page of the pool, which stays here");
	if (f->flags & FRAME_CMA_INUSE)
		return because(PAGE_UNMOVABLE, out, "given out by cma_alloc");
	if (!(f->flags & FRAME_MOVABLE))
		return because(PAGE_UNMOVABLE, out,
			"the kernel's, allocated as unmovable: pointers lead to it");
	if (f->order)
		return because(PAGE_UNMOVABLE, out,
			"part of a block of order %u: only single pages move", f->order);
	if (f->mapping || f->mapcount)
		return because(PAGE_UNMOVABLE, out, "isolated from the LRU lists by another");
	if (page_maybe_pinned(f))
		return because(PAGE_UNMOVABLE, out, "pinned: %u references, a pin counts 1024",
			f->refcount);
	if (f->refcount > 1)
		return because(PAGE_UNMOVABLE, out,
			"held by %u references, and only one would be told", f->refcount);
	if (migrate_has_window(m, pfn))
		return because(PAGE_UNMOVABLE, out, "in a window of kmap: an address leads to it");
	if (!holder_known(m, pfn))
		return because(PAGE_UNMOVABLE, out,
			"allocated as movable, but no name or recording holds it alone");
	return because(PAGE_MOVABLE, out, "allocated as movable: its name follows it");
}

/* A page of the LRU lists. */
static enum page_movable why_user(
	struct machine *m, uint64_t pfn, const struct frame *f, struct text *out)
{
	unsigned expected = f->mapcount + migrate_expected_refs(f) - 1;
	const char *kind = f->flags & FRAME_ANON	 ? "a page of a process"
			   : f->flags & FRAME_SWAPBACKED ? "a page of shared memory"
							 : "a page of a file";

	if (f->flags & FRAME_LOCKED)
		return because(PAGE_UNMOVABLE, out, "%s, locked: input or output goes on", kind);
	if (f->flags & FRAME_WRITEBACK)
		return because(PAGE_UNMOVABLE, out, "%s that is being written to its disk", kind);
	if (page_maybe_pinned(f))
		return because(PAGE_UNMOVABLE, out,
			"%s, pinned: %u references, of which %u are explained (a pin counts 1024)",
			kind, f->refcount, expected);
	if (f->refcount > expected)
		return because(PAGE_UNMOVABLE, out,
			"%s, held by %u more than the %u who would be told", kind,
			f->refcount - expected, expected);
	if (migrate_has_window(m, pfn))
		return because(PAGE_UNMOVABLE, out, "%s, in a window of kmap", kind);
	return because(PAGE_MOVABLE, out, "%s, mapped %u times%s", kind, f->mapcount,
		f->flags & FRAME_MLOCKED ? ", locked by mlock, which does not keep it here" : "");
}

enum page_movable page_movable_reason(struct machine *m, uint64_t pfn, struct text *out)
{
	if (!pfn_valid(m, pfn))
		return because(PAGE_UNMOVABLE, out, "no page: there is no memory");
	struct frame f = frame_peek(m, pfn);

	if (f.flags & FRAME_RESERVED)
		return because(PAGE_UNMOVABLE, out,
			f.flags & FRAME_HOLE ? "a hole: no RAM is there"
					     : "reserved: the page allocator never had it");
	if (f.flags & (FRAME_BUDDY | FRAME_PCP))
		return because(
			PAGE_FREE, out, f.flags & FRAME_BUDDY ? "free" : "free, on a CPU's list");
	if (!f.refcount && f.mapping) {
		pfn = f.mapping - 1;
		f = frame_peek(m, pfn);
	}
	return f.flags & FRAME_LRU ? why_user(m, pfn, &f, out) : why_kernel(m, pfn, &f, out);
}

static int refuse_reason(struct machine *m, uint64_t pfn)
{
	struct text why;

	text_init(&why);
	page_movable_reason(m, pfn, &why);
	refuse(&m->why, EBUSY, "pfn 0x%llx cannot move: it is %.*s", (ull)pfn, (int)why.len,
		why.len ? why.data : "");
	text_finish(&why);
	return -EBUSY;
}

/* ---- single pages ---- */

static bool count_locked(struct machine *m, void *data, struct vma *v, uint64_t addr)
{
	unsigned *nr = data;

	(void)m;
	(void)addr;
	*nr += (v->flags & (VM_LOCKED | VM_SPECIAL)) == VM_LOCKED;
	return true;
}

/* How many locked mappings map it. */
static unsigned migrate_locked_mappings(struct machine *m, uint64_t pfn)
{
	unsigned nr = 0;

	if (frame_of(m, pfn)->flags & FRAME_MLOCKED)
		rmap_walk(m, pfn, count_locked, &nr);
	return nr;
}

/* Back on its list, and the reference dropped (putback_lru_page()). */
static void putback_lru_page(struct machine *m, unsigned cpu, uint64_t pfn)
{
	lru_putback(m, pfn, migrate_locked_mappings(m, pfn));
	user_page_put(m, cpu, pfn);
}

/* ---- lists ---- */

static enum node_stat_item isolated_stat(const struct frame *f)
{
	return f->flags & FRAME_SWAPBACKED ? ND_nr_isolated_anon : ND_nr_isolated_file;
}

void migrate_count_isolated(struct machine *m, uint64_t pfn, int64_t n)
{
	node_at(m, pfn_zone(m, pfn)->nid)->stat[isolated_stat(frame_of(m, pfn))] += (uint64_t)n;
}

void migrate_list_add(struct machine *m, struct migrate_list *list, uint64_t pfn)
{
	frame_list_add(m, &list->pages, frame_of(m, pfn), pfn, true);
	list->nr++;
}

uint64_t migrate_list_take(struct machine *m, struct migrate_list *list)
{
	if (!list->pages.head)
		return NO_PFN;
	uint64_t pfn = list->pages.head - 1;
	struct frame *f = frame_of(m, pfn);

	frame_list_del(m, &list->pages, f);
	f->next = f->prev = 0;
	list->nr--;
	return pfn;
}

int migrate_isolate(struct machine *m, struct migrate_list *list, uint64_t pfn)
{
	bool user = pfn_valid(m, pfn) && frame_is_live(m, pfn) && lru_isolate(m, pfn);

	if (!user && page_movable_reason(m, pfn, NULL) != PAGE_MOVABLE)
		return refuse_reason(m, pfn);
	frame_of(m, pfn)->refcount++;
	if (user)
		migrate_count_isolated(m, pfn, 1);
	migrate_list_add(m, list, pfn);
	return 0;
}

void putback_movable_pages(struct machine *m, unsigned cpu, struct migrate_list *list)
{
	uint64_t pfn;

	while ((pfn = migrate_list_take(m, list)) != NO_PFN) {
		if (migrate_is_held(frame_of(m, pfn))) {
			frame_of(m, pfn)->refcount--;
			continue;
		}
		migrate_count_isolated(m, pfn, -1);
		putback_lru_page(m, cpu, pfn);
	}
}

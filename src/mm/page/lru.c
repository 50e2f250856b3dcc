/* SPDX-License-Identifier: MIT
 *
 * The LRU lists: which page was used last, and which cannot be reclaimed at all.
 *
 *	flags of a page on the LRU		list		counted as
 *	SWAPBACKED				inactive anon	nr_inactive_anon, nr_zone_inactive_anon
 *	SWAPBACKED, ACTIVE			active anon	...
 *	-					inactive file	also lazily freed anonymous pages
 *	ACTIVE					active file
 *	UNEVICTABLE				none		nr_unevictable
 *
 * A list's head is the page added last. Unevictable pages are on no list, since nobody looks for them: the links of
 * such a page are free, and `next` counts the locked mappings that map it, as Linux's mlock_count lies in its links.
 *
 * Algorithm of mlock: the first locked mapping takes the page off its list (MLOCKED, UNEVICTABLE); each further one
 * counts; the last that goes puts it on the inactive list again.
 * Pages that are freed together mostly leave one list: they are counted together, too.
 * Invariant: FRAME_LRU says that the page is counted; its list follows from its flags alone; MLOCKED pages are nr_mlock.
 *
 * Left out: per-CPU batches, memory cgroups, multi-generational LRU, the idle flag. Follows mm/swap.c, mm/mlock.c and
 * include/linux/mm_inline.h of 6.1.
 */
#include "mm/page/lru.h"

#include "base/text.h"
#include "mm/page/frame_list.h"
#include "mm/page/zone.h"

#include <assert.h>

static enum lru_list list_of(const struct frame *f)
{
	if (f->flags & FRAME_UNEVICTABLE)
		return LRU_UNEVICTABLE;
	bool active = f->flags & FRAME_ACTIVE;

	return f->flags & FRAME_SWAPBACKED ? LRU_INACTIVE_ANON + active
					   : LRU_INACTIVE_FILE + active;
}

static uint64_t pages_of(const struct frame *f)
{
	return (uint64_t)1 << f->order;
}

_Static_assert(ND_nr_unevictable - ND_nr_inactive_anon == LRU_UNEVICTABLE &&
		       ZS_nr_zone_unevictable - ZS_nr_zone_inactive_anon == LRU_UNEVICTABLE,
	"counters are in the order of the lists");

static void count(struct machine *m, struct zone *z, enum lru_list list, uint64_t pages)
{
	z->stat[ZS_nr_zone_inactive_anon + list] += pages;
	zone_node(m, z)->stat[ND_nr_inactive_anon + list] += pages;
}

static inline void add(struct machine *m, uint64_t pfn, struct frame *f)
{
	struct zone *z = pfn_zone(m, pfn);
	enum lru_list list = list_of(f);

	assert(f->refcount && !(f->flags & FRAME_LRU));
	f->flags |= FRAME_LRU;
	f->next = f->prev = 0;
	if (list != LRU_UNEVICTABLE)
		frame_list_add(m, &zone_node(m, z)->lru[list], f, pfn, false);
	count(m, z, list, pages_of(f));
}

void lru_add(struct machine *m, uint64_t pfn)
{
	add(m, pfn, frame_of(m, pfn));
}

/* Pages that have left the same list one after the other, and are not uncounted yet. */
struct leaving {
	struct zone *zone; /* NULL: none */
	enum lru_list list;
	uint64_t pages;
};

static void uncount(struct machine *m, const struct leaving *l)
{
	if (l->zone)
		count(m, l->zone, l->list, -l->pages);
}

/* Off its list; its other flags stay. */
static inline void unlink_one(struct machine *m, uint64_t pfn, struct frame *f, struct leaving *l)
{
	struct zone *z = pfn_zone_near(m, l->zone, pfn);
	enum lru_list list = list_of(f);

	assert(f->flags & FRAME_LRU);
	if (z != l->zone || list != l->list) {
		uncount(m, l);
		*l = (struct leaving){z, list, 0};
	}
	if (list != LRU_UNEVICTABLE)
		frame_list_del(m, &zone_node(m, z)->lru[list], f);
	l->pages += pages_of(f);
	f->next = f->prev = 0;
	f->flags &= ~(uint32_t)FRAME_LRU;
}

static void unlink_page(struct machine *m, uint64_t pfn, struct frame *f)
{
	struct leaving l = {0};

	unlink_one(m, pfn, f, &l);
	uncount(m, &l);
}

void lru_move(struct machine *m, uint64_t pfn, uint32_t clear, uint32_t set)
{
	struct frame *f = frame_of(m, pfn);

	unlink_page(m, pfn, f);
	f->flags = (f->flags & ~clear) | set;
	lru_add(m, pfn);
}

void mark_page_accessed(struct machine *m, uint64_t pfn)
{
	struct frame *f = frame_of(m, pfn);

	if (!(f->flags & FRAME_REFERENCED)) {
		f->flags |= FRAME_REFERENCED;
		return;
	}
	if (f->flags & (FRAME_UNEVICTABLE | FRAME_ACTIVE))
		return;
	if (f->flags & FRAME_LRU) {
		lru_move(m, pfn, FRAME_REFERENCED, FRAME_ACTIVE);
		count_event(m, EV_pgactivate, pages_of(f));
	}
}

static bool on_evictable_list(const struct frame *f)
{
	return f->flags & FRAME_LRU && !(f->flags & FRAME_UNEVICTABLE);
}

void deactivate_page(struct machine *m, uint64_t pfn)
{
	struct frame *f = frame_of(m, pfn);

	if (!on_evictable_list(f) || !(f->flags & FRAME_ACTIVE))
		return;
	lru_move(m, pfn, FRAME_ACTIVE | FRAME_REFERENCED, 0);
	count_event(m, EV_pgdeactivate, pages_of(f));
}

void mark_page_lazyfree(struct machine *m, uint64_t pfn)
{
	struct frame *f = frame_of(m, pfn);
	uint32_t anon = FRAME_ANON | FRAME_SWAPBACKED;

	if (!on_evictable_list(f) || (f->flags & anon) != anon || f->flags & FRAME_SWAPCACHE)
		return;
	lru_move(m, pfn, FRAME_ACTIVE | FRAME_REFERENCED | FRAME_SWAPBACKED, 0);
	count_event(m, EV_pglazyfree, pages_of(f));
}

/* ---- mlock ---- */

static bool locks(uint64_t vm_flags)
{
	return (vm_flags & (VM_LOCKED | VM_SPECIAL)) == VM_LOCKED;
}

static void set_mlocked(struct machine *m, uint64_t pfn, struct frame *f)
{
	if (f->flags & FRAME_MLOCKED)
		return;
	f->flags |= FRAME_MLOCKED;
	pfn_zone(m, pfn)->stat[ZS_nr_mlock] += pages_of(f);
	count_event(m, EV_unevictable_pgs_mlocked, pages_of(f));
}

static bool clear_mlocked(struct machine *m, uint64_t pfn, struct frame *f)
{
	if (!(f->flags & FRAME_MLOCKED))
		return false;
	f->flags &= ~(uint32_t)FRAME_MLOCKED;
	pfn_zone(m, pfn)->stat[ZS_nr_mlock] -= pages_of(f);
	return true;
}

static void cull(struct machine *m, uint64_t pfn, struct frame *f)
{
	f->flags = (f->flags & ~(uint32_t)FRAME_ACTIVE) | FRAME_UNEVICTABLE;
	lru_add(m, pfn);
	f->next = 1;
	count_event(m, EV_unevictable_pgs_culled, pages_of(f));
}

void lru_add_vma(struct machine *m, uint64_t pfn, uint64_t vm_flags)
{
	struct frame *f = frame_of(m, pfn);

	if (!locks(vm_flags)) {
		add(m, pfn, f);
		return;
	}
	set_mlocked(m, pfn, f);
	cull(m, pfn, f);
}

void mlock_vma_page(struct machine *m, uint64_t pfn, uint64_t vm_flags)
{
	struct frame *f = frame_of(m, pfn);

	if (!locks(vm_flags))
		return;
	set_mlocked(m, pfn, f);
	if (!(f->flags & FRAME_LRU))
		return;
	if (f->flags & FRAME_UNEVICTABLE) {
		f->next++;
		return;
	}
	unlink_page(m, pfn, f);
	cull(m, pfn, f);
}

void munlock_vma_page(struct machine *m, uint64_t pfn, uint64_t vm_flags)
{
	struct frame *f = frame_of(m, pfn);
	bool unevictable = f->flags & FRAME_UNEVICTABLE, listed = f->flags & FRAME_LRU;

	if (!locks(vm_flags))
		return;
	/* Of an isolated page nobody counts: its links are in use. */
	if (listed && unevictable && f->next && --f->next)
		return;
	if (clear_mlocked(m, pfn, f))
		count_event(m,
			listed || !unevictable ? EV_unevictable_pgs_munlocked
					       : EV_unevictable_pgs_stranded,
			pages_of(f));
	if (listed && unevictable) {
		lru_move(m, pfn, FRAME_UNEVICTABLE, 0);
		count_event(m, EV_unevictable_pgs_rescued, pages_of(f));
	}
}

void lru_release(struct machine *m, const uint64_t *pfns, unsigned nr)
{
	struct leaving l = {0};

	for (unsigned i = 0; i < nr; i++) {
		struct frame *f = frame_of(m, pfns[i]);

		if (f->flags & FRAME_LRU)
			unlink_one(m, pfns[i], f, &l);
		if (clear_mlocked(m, pfns[i], f))
			count_event(m, EV_unevictable_pgs_cleared, pages_of(f));
		f->flags &= ~(uint32_t)(FRAME_ACTIVE | FRAME_UNEVICTABLE);
	}
	uncount(m, &l);
}

/* ---- isolation ---- */

bool lru_isolate(struct machine *m, uint64_t pfn)
{
	struct frame *f = frame_of(m, pfn);

	if (!(f->flags & FRAME_LRU))
		return false;
	unlink_page(m, pfn, f);
	return true;
}

void lru_putback(struct machine *m, uint64_t pfn, unsigned nr_locked)
{
	struct frame *f = frame_of(m, pfn);

	if (f->flags & FRAME_MLOCKED) {
		if (!(f->flags & FRAME_UNEVICTABLE))
			count_event(m, EV_unevictable_pgs_culled, pages_of(f));
		f->flags = (f->flags & ~(uint32_t)FRAME_ACTIVE) | FRAME_UNEVICTABLE;
		lru_add(m, pfn);
		f->next = nr_locked;
		return;
	}
	if (f->flags & FRAME_UNEVICTABLE) {
		f->flags &= ~(uint32_t)FRAME_UNEVICTABLE;
		count_event(m, EV_unevictable_pgs_rescued, pages_of(f));
	}
	lru_add(m, pfn);
}

/* ---- checks ---- */

struct sums {
	uint64_t linked;			/* pages on lists */
	uint64_t node[MAX_NODES][NR_LRU_LISTS]; /* pages by frames' flags */
	uint64_t zone[MAX_NODES * MAX_NR_ZONES][NR_LRU_LISTS];
	uint64_t mlocked[MAX_NODES * MAX_NR_ZONES];
	uint64_t listed; /* pages that ought to be on lists */
};

typedef unsigned long long ull;

/* Links of one list: forward and backward agree, and each member's flags say that it belongs here. */
static unsigned check_list(struct machine *m, const struct node *n, enum lru_list list,
	struct sums *s, struct text *out)
{
	uint32_t prev = 0;
	unsigned bad = 0;

	for (uint32_t at = n->lru[list].head; at && bad < 8; at = frame_of(m, at - 1)->next) {
		const struct frame *f = frame_of(m, at - 1);

		if (!(f->flags & FRAME_LRU) || !f->refcount || list_of(f) != list ||
			f->prev != prev || pfn_zone(m, at - 1)->nid != n->nid) {
			text_printf(out,
				"lru: pfn 0x%llx on list %u of node %u: flags 0x%x, refcount %u, "
				"prev %u after %u\n",
				(ull)at - 1, list, n->nid, f->flags, f->refcount, f->prev, prev);
			bad++;
		}
		s->linked += pages_of(f);
		prev = at;
	}
	if (!bad && n->lru[list].tail != prev) {
		text_printf(out, "lru: list %u of node %u ends at %u, not %u\n", list, n->nid, prev,
			n->lru[list].tail);
		bad++;
	}
	return bad;
}

static void add_frame(struct machine *m, uint64_t pfn, struct sums *s)
{
	const struct frame *f = frame_of(m, pfn);

	if (!(f->flags & (FRAME_LRU | FRAME_MLOCKED)))
		return;
	const struct zone *z = pfn_zone(m, pfn);
	unsigned id = zone_id(m, z);

	if (f->flags & FRAME_MLOCKED)
		s->mlocked[id] += pages_of(f);
	if (!(f->flags & FRAME_LRU))
		return;
	enum lru_list list = list_of(f);
	s->node[z->nid][list] += pages_of(f);
	s->zone[id][list] += pages_of(f);
	s->listed += list == LRU_UNEVICTABLE ? 0 : pages_of(f);
}

static void add_frames(struct machine *m, struct sums *s)
{
	uint64_t block = (uint64_t)1 << (m->nr_orders - 1);
	const uint64_t *live = machine_at(m, m->live_at);

	for (uint64_t pfn = m->base_pfn; pfn < m->frames_end_pfn; pfn += block) {
		uint64_t i = (pfn - m->base_pfn) / block;

		if (!live[i / 64]) {
			pfn += (63 - i % 64) * block;
			continue;
		}
		if (!frame_is_live(m, pfn))
			continue;
		for (uint64_t k = pfn; k < pfn + block && k < m->frames_end_pfn; k++)
			add_frame(m, k, s);
	}
}

static unsigned check_count(struct text *out, const char *name, uint64_t counted, uint64_t found)
{
	if (counted == found)
		return 0;
	text_printf(out, "lru: %s is %llu, %llu pages are so\n", name, (ull)counted, (ull)found);
	return 1;
}

static unsigned check_counts(struct machine *m, const struct sums *s, struct text *out)
{
	unsigned bad = check_count(out, "the number of pages on lists", s->linked, s->listed);

	for (const struct zone *z = zone_next(m, NULL); z; z = zone_next(m, z)) {
		unsigned id = zone_id(m, z);

		bad += check_count(out, "nr_mlock", z->stat[ZS_nr_mlock], s->mlocked[id]);
		for (unsigned i = 0; i < NR_LRU_LISTS; i++)
			bad += check_count(out, zone_stat_rows[ZS_nr_zone_inactive_anon + i].name,
				z->stat[ZS_nr_zone_inactive_anon + i], s->zone[id][i]);
	}
	for (unsigned nid = 0; nid < m->nr_nodes; nid++)
		for (unsigned i = 0; i < NR_LRU_LISTS; i++)
			bad += check_count(out, node_stat_rows[ND_nr_inactive_anon + i].name,
				node_at(m, nid)->stat[ND_nr_inactive_anon + i], s->node[nid][i]);
	return bad;
}

unsigned lru_check(struct machine *m, struct text *out)
{
	struct sums s = {0};
	unsigned bad = 0;

	for (unsigned nid = 0; nid < m->nr_nodes; nid++)
		for (unsigned i = 0; i < LRU_UNEVICTABLE; i++)
			bad += check_list(m, node_at(m, nid), (enum lru_list)i, &s, out);
	if (bad)
		return bad;
	add_frames(m, &s);
	return check_counts(m, &s, out);
}

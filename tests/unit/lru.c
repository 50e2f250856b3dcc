/* SPDX-License-Identifier: MIT
 *
 * Claim: a page is on the list that its flags say, newest first, and counted there once.
 *
 *	fault		mark_page_accessed() x 2	mlock		munlock		MADV_FREE
 *	inactive anon	active anon			unevictable	inactive anon	inactive file
 */
#include "support/hand.h"

#include "base/rng.h"
#include "base/text.h"
#include "mm/page/frame.h"
#include "mm/page/lru.h"

#include <criterion/criterion.h>

static struct machine *two_nodes(void)
{
	struct hand h = {.cpus = 2,
		.nodes = 2,
		.nr_zones = 3,
		.zone = {{.nid = 0, .type = ZONE_DMA32, .start_pfn = 0, .pages = 1024},
			{.nid = 0, .type = ZONE_NORMAL, .start_pfn = 1024, .pages = 1024},
			{.nid = 1, .type = ZONE_NORMAL, .start_pfn = 2048, .pages = 1024}}};

	return hand_machine(&h);
}

static uint64_t page(struct machine *m, uint32_t flags)
{
	uint64_t pfn = hand_alloc(m, GFP_HIGHUSER_MOVABLE, 0);

	frame_of(m, pfn)->flags |= flags;
	return pfn;
}

static unsigned check(struct machine *m)
{
	struct text out;

	text_init(&out);
	unsigned bad = lru_check(m, &out);
	text_finish(&out);
	return bad;
}

static uint64_t nth(const struct machine *m, enum lru_list list, unsigned n)
{
	uint32_t at = node_at(m, 0)->lru[list].head;

	while (n-- && at)
		at = frame_of(m, at - 1)->next;
	return at ? at - 1 : NO_PFN;
}

#define node_count(m, name) node_stat_total(m, ND_##name)

Test(lru, flags_decide_the_list)
{
	static const struct {
		uint32_t flags;
		enum lru_list list;
	} row[] = {{FRAME_SWAPBACKED, LRU_INACTIVE_ANON},
		{FRAME_SWAPBACKED | FRAME_ACTIVE, LRU_ACTIVE_ANON}, {0, LRU_INACTIVE_FILE},
		{FRAME_ANON, LRU_INACTIVE_FILE}, {FRAME_ACTIVE, LRU_ACTIVE_FILE},
		{FRAME_UNEVICTABLE | FRAME_SWAPBACKED, LRU_UNEVICTABLE}};
	struct machine *m = two_nodes();

	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		uint64_t pfn = page(m, row[i].flags);
		const struct zone *z = pfn_zone(m, pfn);
		unsigned node_item = ND_nr_inactive_anon + row[i].list;
		unsigned zone_item = ZS_nr_zone_inactive_anon + row[i].list;

		lru_add(m, pfn);
		cr_expect_eq(node_at(m, z->nid)->stat[node_item], 1, "row %u", i);
		cr_expect_eq(z->stat[zone_item], 1, "row %u", i);
		cr_expect_eq(check(m), 0);
		lru_release(m, &pfn, 1);
		lru_release(m, &pfn, 1);
		cr_expect_eq(node_at(m, z->nid)->stat[node_item], 0, "row %u", i);
		cr_expect_eq(z->stat[zone_item], 0, "row %u", i);
		cr_expect_eq(free_pages_order(m, 0, pfn, 0), 0, "%s", m->why.sentence);
	}
	hand_destroy(m);
}

Test(lru, newest_first)
{
	struct machine *m = two_nodes();
	uint64_t a = page(m, FRAME_SWAPBACKED), b = page(m, FRAME_SWAPBACKED);

	lru_add(m, a);
	lru_add(m, b);
	cr_expect_eq(nth(m, LRU_INACTIVE_ANON, 0), b);
	cr_expect_eq(nth(m, LRU_INACTIVE_ANON, 1), a);
	lru_move(m, a, 0, 0);
	cr_expect_eq(nth(m, LRU_INACTIVE_ANON, 0), a);
	cr_expect_eq(nth(m, LRU_INACTIVE_ANON, 2), NO_PFN);
	cr_expect_eq(check(m), 0);
	hand_destroy(m);
}

Test(lru, accessed_twice_is_active_and_can_be_cooled)
{
	struct machine *m = two_nodes();
	uint64_t pfn = page(m, 0);

	lru_add(m, pfn);
	mark_page_accessed(m, pfn);
	cr_expect_eq(node_count(m, nr_inactive_file), 1);
	mark_page_accessed(m, pfn);
	cr_expect_eq(node_count(m, nr_active_file), 1);
	cr_expect_eq(m->vm_event[EV_pgactivate], 1);
	cr_expect(!(frame_of(m, pfn)->flags & FRAME_REFERENCED));
	mark_page_accessed(m, pfn);
	mark_page_accessed(m, pfn);
	cr_expect_eq(m->vm_event[EV_pgactivate], 1);
	deactivate_page(m, pfn);
	deactivate_page(m, pfn);
	cr_expect_eq(m->vm_event[EV_pgdeactivate], 1);
	cr_expect_eq(node_count(m, nr_inactive_file), 1);
	cr_expect_eq(check(m), 0);
	hand_destroy(m);
}

Test(lru, lazily_freed_pages_are_inactive_file_pages)
{
	struct machine *m = two_nodes();
	uint64_t pfn = page(m, FRAME_ANON | FRAME_SWAPBACKED), file = page(m, 0);

	lru_add(m, pfn);
	lru_add(m, file);
	mark_page_lazyfree(m, pfn);
	mark_page_lazyfree(m, pfn);
	mark_page_lazyfree(m, file);
	cr_expect_eq(m->vm_event[EV_pglazyfree], 1);
	cr_expect_eq(node_count(m, nr_inactive_anon), 0);
	cr_expect_eq(node_count(m, nr_inactive_file), 2);
	cr_expect_eq(nth(m, LRU_INACTIVE_FILE, 0), pfn);
	mlock_vma_page(m, pfn, VM_LOCKED);
	frame_of(m, pfn)->flags |= FRAME_SWAPBACKED;
	mark_page_lazyfree(m, pfn);
	cr_expect_eq(m->vm_event[EV_pglazyfree], 1, "a locked page stays");
	hand_destroy(m);
}

Test(lru, two_locked_mappings_hold_a_page)
{
	struct machine *m = two_nodes();
	uint64_t pfn = page(m, FRAME_SWAPBACKED | FRAME_ACTIVE);
	const struct zone *z = pfn_zone(m, pfn);

	lru_add(m, pfn);
	mlock_vma_page(m, pfn, VM_READ);
	mlock_vma_page(m, pfn, VM_LOCKED | VM_PFNMAP);
	cr_expect_eq(z->stat[ZS_nr_mlock], 0, "no locked mapping of pages");
	mlock_vma_page(m, pfn, VM_LOCKED);
	mlock_vma_page(m, pfn, VM_LOCKED);
	cr_expect_eq(z->stat[ZS_nr_mlock], 1);
	cr_expect_eq(node_count(m, nr_unevictable), 1);
	cr_expect_eq(m->vm_event[EV_unevictable_pgs_mlocked], 1);
	cr_expect_eq(m->vm_event[EV_unevictable_pgs_culled], 1);
	munlock_vma_page(m, pfn, VM_LOCKED);
	cr_expect_eq(node_count(m, nr_unevictable), 1);
	munlock_vma_page(m, pfn, VM_LOCKED);
	cr_expect_eq(z->stat[ZS_nr_mlock], 0);
	cr_expect_eq(node_count(m, nr_inactive_anon), 1, "not active any more");
	cr_expect_eq(m->vm_event[EV_unevictable_pgs_munlocked], 1);
	cr_expect_eq(m->vm_event[EV_unevictable_pgs_rescued], 1);
	cr_expect_eq(check(m), 0);
	hand_destroy(m);
}

Test(lru, a_new_page_of_a_locked_mapping_and_its_end)
{
	struct machine *m = two_nodes();
	uint64_t pfn = page(m, FRAME_SWAPBACKED), plain = page(m, FRAME_SWAPBACKED);

	lru_add_vma(m, pfn, VM_READ | VM_LOCKED);
	lru_add_vma(m, plain, VM_READ);
	cr_expect_eq(node_count(m, nr_unevictable), 1);
	cr_expect_eq(node_count(m, nr_inactive_anon), 1);
	cr_expect_eq(check(m), 0);
	lru_release(m, &pfn, 1);
	lru_release(m, &plain, 1);
	cr_expect_eq(m->vm_event[EV_unevictable_pgs_cleared], 1);
	cr_expect_eq(zone_stat_total(m, ZS_nr_mlock), 0);
	cr_expect_eq(free_pages_order(m, 0, pfn, 0), 0, "%s", m->why.sentence);
	cr_expect_eq(free_pages_order(m, 0, plain, 0), 0);
	cr_expect_eq(check(m), 0);
	hand_check(m);
	hand_destroy(m);
}

static uint32_t random_flags(struct rng *rng)
{
	return (rng_below(rng, 2) ? FRAME_SWAPBACKED | FRAME_ANON : 0) |
	       (rng_below(rng, 2) ? FRAME_ACTIVE : 0);
}

/* Locked mappings of each page are the model; lru_check() says the rest. */
Test(lru, random_acts_keep_the_lists_whole)
{
	enum { PAGES = 300 };
	struct machine *m = two_nodes();
	struct rng rng = {11};
	uint64_t pfn[PAGES];
	unsigned locks[PAGES] = {0}, locked = 0;

	for (unsigned i = 0; i < PAGES; i++) {
		cr_assert_eq(
			alloc_pages_node(m, 0, (int)i % 2, GFP_HIGHUSER_MOVABLE, 0, &pfn[i]), 0);
		frame_of(m, pfn[i])->flags |= random_flags(&rng);
		lru_add(m, pfn[i]);
	}
	for (unsigned step = 0; step < 20000; step++) {
		unsigned i = rng_below(&rng, PAGES);

		switch (rng_below(&rng, 6)) {
		case 0:
			mark_page_accessed(m, pfn[i]);
			break;
		case 1:
			deactivate_page(m, pfn[i]);
			break;
		case 2:
			mark_page_lazyfree(m, pfn[i]);
			break;
		case 3:
			mlock_vma_page(m, pfn[i], VM_LOCKED);
			locked += !locks[i]++;
			break;
		case 4:
			if (locks[i]) {
				munlock_vma_page(m, pfn[i], VM_LOCKED);
				locked -= !--locks[i];
			}
			break;
		default:
			if (!locks[i]) {
				lru_release(m, &pfn[i], 1);
				frame_of(m, pfn[i])->flags |= random_flags(&rng);
				lru_add(m, pfn[i]);
			}
		}
		cr_assert_eq(zone_stat_total(m, ZS_nr_mlock), locked, "step %u", step);
		cr_assert_eq(node_count(m, nr_unevictable), locked, "step %u", step);
		if (step % 500 == 0)
			cr_assert_eq(check(m), 0, "step %u", step);
	}
	hand_check(m);
	hand_destroy(m);
}

Test(lru, the_check_sees_what_is_wrong)
{
	struct machine *m = two_nodes();
	uint64_t pfn = page(m, 0), other = page(m, 0);
	uint64_t *counter = &pfn_zone(m, pfn)->stat[ZS_nr_zone_inactive_file];
	struct frame *f = frame_of(m, pfn);

	lru_add(m, pfn);
	lru_add(m, other);
	cr_assert_eq(check(m), 0);
	++*counter;
	cr_expect_eq(check(m), 1);
	--*counter;
	f->flags |= FRAME_ACTIVE;
	cr_expect_geq(check(m), 1);
	f->flags &= ~(uint32_t)FRAME_ACTIVE;
	f->flags |= FRAME_MLOCKED;
	cr_expect_eq(check(m), 1);
	f->flags &= ~(uint32_t)FRAME_MLOCKED;
	f->prev = 0;
	cr_expect_geq(check(m), 1);
	hand_destroy(m);
}

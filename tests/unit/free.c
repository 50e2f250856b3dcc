/* SPDX-License-Identifier: MIT
 *
 * Claims about references and frees, right and wrong ones.
 *
 *	a block of order 2 held by two:   __free_pages ──> [held][free][free free]   then put_page frees the first
 *	a compound page held by two:      __free_pages ──> all stays                 then put_page frees all
 */
#include "support/hand.h"
#include "support/process.h"

#include "mm/move/pin.h"
#include "mm/page/address.h"
#include "mm/page/buddy.h"
#include "mm/page/contents.h"
#include "mm/page/frame.h"
#include "mm/page/page_alloc.h"
#include "mm/process/pgtables.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static struct machine *plain(void)
{
	struct hand h = {.nr_zones = 1,
		.zone = {{.type = ZONE_NORMAL,
			.pages = 8192,
			.reserved_pfn = 4096,
			.reserved_pages = 16,
			.hole_pfn = 5000,
			.hole_pages = 8}}};

	return hand_machine(&h);
}

Test(free, wrong_frees_change_nothing)
{
	struct machine *m = plain();
	uint64_t pfn = hand_alloc(m, GFP_KERNEL, 3),
		 comp = hand_alloc(m, GFP_KERNEL | __GFP_COMP, 3);
	uint64_t held = hand_alloc(m, GFP_KERNEL, 0);

	cr_assert_eq(free_pages_order(m, 0, held, 0), 0);
	struct {
		uint64_t pfn;
		unsigned order;
		const char *says;
	} rows[] = {{pfn, 2, "order 3, not 2"}, {pfn, 0, "order 3, not 0"},
		{pfn + 1, 0, "inside the block of order 3"}, {comp + 2, 0, "inside the block"},
		{held, 0, "free already"}, {7000, 0, "free already"}, {4100, 0, "reserved"},
		{5001, 0, "hole"}, {8192, 0, "no page"}, {UINT64_MAX / 4096, 3, "no page"}};
	uint64_t free = m->vm_event[EV_pgfree];

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cr_expect_eq(
			free_pages_order(m, 0, rows[i].pfn, rows[i].order), -EINVAL, "row %u", i);
		cr_expect(strstr(m->why.sentence, rows[i].says), "row %u: %s", i, m->why.sentence);
		hand_check(m);
	}
	cr_expect_eq(m->vm_event[EV_pgfree], free);
	const char *log = hand_log(m);
	cr_expect(strstr(log, "BUG: Bad page state in process simmfs  pfn:01004"), "%s", log);
	cr_expect(strstr(log, "page dumped because: PAGE_FLAGS_CHECK_AT_FREE flag(s) set"), "%s",
		log);
	cr_expect(strstr(log, "VM_BUG_ON_PAGE(page_ref_count(page) == 0)"), "%s", log);
	cr_expect_eq(free_pages_order(m, 0, pfn, 3), 0);
	cr_expect_eq(free_pages_order(m, 0, pfn, 3), -EINVAL, "a double free");
	cr_expect_eq(free_pages_order(m, 0, comp, 3), 0);
	hand_check(m);
	hand_destroy(m);
}

Test(free, a_second_holder_of_a_block_keeps_its_first_page)
{
	struct machine *m = plain();
	struct zone *z = zone_at(m, 0, ZONE_NORMAL);
	uint64_t free = z->free_pages, pfn = hand_alloc(m, GFP_KERNEL, 4);

	cr_expect_eq(get_page(m, pfn), 0);
	cr_expect_eq(frame_peek(m, pfn).refcount, 2);
	cr_expect_eq(
		get_page(m, pfn + 1), -EINVAL, "it is no compound page, so its pages have no head");
	cr_expect_eq(free_pages_order(m, 0, pfn, 4), 0);
	cr_expect_eq(z->free_pages, free - 1);
	cr_expect_eq(frame_peek(m, pfn).refcount, 1);
	cr_expect_eq(frame_peek(m, pfn).order, 0);
	hand_check(m);
	cr_expect_eq(put_page(m, 0, pfn), 0);
	cr_expect_eq(z->free_pages, free);
	cr_expect_eq(put_page(m, 0, pfn), -EINVAL);
	hand_check(m);
	hand_destroy(m);
}

Test(free, a_compound_page_goes_whole)
{
	struct machine *m = plain();
	struct zone *z = zone_at(m, 0, ZONE_NORMAL);
	uint64_t free = z->free_pages, pfn = hand_alloc(m, GFP_KERNEL | __GFP_COMP, 4);

	cr_expect_eq(frame_peek(m, pfn).flags, FRAME_HEAD);
	cr_expect_eq(frame_peek(m, pfn + 5).flags, FRAME_TAIL);
	cr_expect_eq(frame_peek(m, pfn + 5).mapping, pfn + 1, "the head's pfn + 1");
	cr_expect_eq(get_page(m, pfn + 5), 0, "a reference to a tail is one to the head");
	cr_expect_eq(frame_peek(m, pfn).refcount, 2);
	cr_expect_eq(split_page(m, pfn), -EINVAL);
	cr_expect_eq(free_pages_order(m, 0, pfn, 4), 0);
	cr_expect_eq(z->free_pages, free - 16, "the other holder keeps all of it");
	cr_expect_eq(put_page(m, 0, pfn + 7), 0);
	cr_expect_eq(z->free_pages, free);
	hand_check(m);
	hand_destroy(m);
}

Test(free, put_page_does_not_leak)
{
	struct machine *m = plain();
	uint64_t pfn = hand_alloc(m, GFP_KERNEL, 2);

	cr_expect_eq(put_page(m, 0, pfn), -EINVAL);
	cr_expect(strstr(m->why.sentence, "__GFP_COMP"), "%s", m->why.sentence);
	cr_expect_eq(free_pages_order(m, 0, pfn, 2), 0);
	hand_check(m);
	hand_destroy(m);
}

Test(free, split_pages_are_freed_one_by_one)
{
	struct machine *m = plain();
	struct zone *z = zone_at(m, 0, ZONE_NORMAL);
	uint64_t free = z->free_pages, pfn = hand_alloc(m, GFP_HIGHUSER_MOVABLE, 5);

	cr_expect_eq(split_page(m, pfn), 0);
	for (unsigned i = 0; i < 32; i++) {
		hand_check(m);
		cr_expect(frame_peek(m, pfn + i).flags & FRAME_MOVABLE);
		cr_expect_eq(free_pages_order(m, 0, pfn + i, 0), 0);
	}
	cr_expect_eq(z->free_pages, free);
	hand_destroy(m);
}

Test(free, exact)
{
	struct machine *m = plain();
	struct zone *z = zone_at(m, 0, ZONE_NORMAL);
	uint64_t free = z->free_pages, pfn;

	cr_expect_eq(alloc_pages_exact(m, 0, GFP_KERNEL, 5 * PAGE_BYTES - 1, &pfn), 0);
	cr_expect_eq(z->free_pages, free - 5);
	cr_expect_eq(frame_peek(m, pfn + 5).flags, FRAME_BUDDY);
	hand_check(m);
	cr_expect_eq(free_pages_exact(m, 0, pfn, 6 * PAGE_BYTES), -EINVAL);
	cr_expect_eq(z->free_pages, free - 5, "all or nothing");
	cr_expect_eq(free_pages_exact(m, 0, pfn, 5 * PAGE_BYTES), 0);
	cr_expect_eq(z->free_pages, free);
	cr_expect_eq(alloc_pages_exact(m, 0, GFP_KERNEL, 0, &pfn), -EINVAL);
	cr_expect_eq(alloc_pages_exact(m, 0, GFP_KERNEL, (uint64_t)8 << 20, &pfn), -EINVAL);
	cr_expect_eq(alloc_pages_exact(m, 0, GFP_KERNEL | __GFP_COMP, 3 * PAGE_BYTES, &pfn), 0,
		"warned of, and masked");
	cr_expect(strstr(hand_log(m), "WARNING"));
	hand_check(m);
	hand_destroy(m);
}

Test(free, bulk)
{
	struct hand h = {.nr_zones = 1,
		.zone = {{.type = ZONE_NORMAL,
			.pages = 4096,
			.min = 100,
			.pcp_high = 300,
			.pcp_batch = 31}}};
	struct machine *m = hand_machine(&h);
	static uint64_t pfn[5000];

	cr_expect_eq(alloc_pages_bulk(m, 0, -1, GFP_KERNEL, 100, pfn), 100);
	for (unsigned i = 0; i < 100; i++)
		cr_expect_eq(pfn[i], i);
	cr_expect_eq(m->vm_event[EV_pgalloc_normal], 100);
	cr_expect_eq(alloc_pages_bulk(m, 0, -1, GFP_KERNEL, 5000, pfn), 1,
		"not above the mark: one page by all means");
	cr_expect_eq(alloc_pages_bulk(m, 0, -1, GFP_KERNEL, 0, pfn), 0);
	hand_check(m);
	hand_destroy(m);
}

/* Pages of zeroes: what was there is gone; what was never written costs nothing. */
Test(free, zeroed_pages)
{
	struct machine *m = plain();
	struct dram dram = machine_dram(m);
	uint64_t pfn = hand_alloc(m, GFP_KERNEL, 0), word = 0x1234;

	cr_expect_eq(dram_write(&dram, pfn << PAGE_SHIFT, &word, 8, &m->why), 0);
	cr_expect_eq(free_pages_order(m, 0, pfn, 0), 0);
	cr_expect_eq(hand_alloc(m, GFP_KERNEL, 0), pfn);
	cr_expect_eq(dram_read(&dram, pfn << PAGE_SHIFT, &word, 8), 0);
	cr_expect_eq(word, 0x1234, "without __GFP_ZERO the old contents show");
	cr_expect_eq(free_pages_order(m, 0, pfn, 0), 0);
	uint64_t before = m->clock.now_ns;
	cr_expect_eq(hand_alloc(m, GFP_KERNEL | __GFP_ZERO, 0), pfn);
	cr_expect_geq(m->clock.now_ns - before, 100, "zeroing takes simulated time");
	cr_expect_eq(dram_read(&dram, pfn << PAGE_SHIFT, &word, 8), 0);
	cr_expect_eq(word, 0);
	/* A block is cleared by forgetting what it had; a single page is wiped in place, for it will be used soon. */
	pfn = hand_alloc(m, GFP_KERNEL, 4);
	cr_expect_eq(dram_write(&dram, pfn << PAGE_SHIFT, &word, 8, &m->why), 0);
	cr_expect_eq(free_pages_order(m, 0, pfn, 4), 0);
	cr_expect_eq(hand_alloc(m, GFP_KERNEL | __GFP_ZERO, 4), pfn);
	cr_expect(!dram_has(&dram, pfn << PAGE_SHIFT));
	hand_destroy(m);
}

Test(free, orders_out_of_range)
{
	struct machine *m = plain();
	uint64_t pfn;

	cr_expect_eq(alloc_pages_node(m, 0, -1, GFP_KERNEL, 11, &pfn), -EINVAL);
	cr_expect_eq(alloc_pages_node(m, 0, -1, GFP_KERNEL, 4000000000u, &pfn), -EINVAL);
	cr_expect(strstr(hand_log(m), "MAX_ORDER"));
	size_t len = strlen(hand_log(m));
	cr_expect_eq(alloc_pages_node(m, 0, -1, GFP_KERNEL, 11, &pfn), -EINVAL);
	cr_expect_eq(strlen(hand_log(m)), len, "WARN_ON_ONCE");
	hand_destroy(m);
}

/* Many pages freed by one call, or each by its own: all that is left is the same. */
static void free_list(bool noted)
{
	struct hand h = {.nr_zones = 2,
		.cma = true,
		.zone = {{.type = ZONE_DMA32, .pages = 2048, .pcp_high = 60, .pcp_batch = 15},
			{.type = ZONE_NORMAL,
				.start_pfn = 2048,
				.pages = 4096,
				.cma_pfn = 4096,
				.cma_pages = 1024,
				.pcp_high = 200,
				.pcp_batch = 31}}};
	struct machine *m = hand_machine(&h);
	struct rng rng = {3};
	uint64_t pfn[4000];
	unsigned nr = 4000;

	for (unsigned i = 0; i < nr; i++)
		pfn[i] = hand_alloc(m, i % 1000 ? GFP_HIGHUSER_MOVABLE : GFP_DMA32, 0);
	for (unsigned i = 0; i < nr; i += 1 + rng_below(&rng, 30)) {
		unsigned other = rng_below(&rng, nr);
		uint64_t swap = pfn[i];

		pfn[i] = pfn[other];
		pfn[other] = swap;
	}
	cr_assert_eq(pageblock_isolate(m, 2048), 0, "%s", m->why.sentence);
	if (noted) {
		cr_assert_eq(trace_resize(m, 1024), 0);
		m->trace.enabled = 1ULL << TRACE_mm_page_free | 1ULL << TRACE_mm_page_pcpu_drain;
	}
	struct machine *single = hand_copy(m);

	for (unsigned i = 0; i < nr; i++) {
		cr_assert_eq(free_pages_order(single, 0, pfn[i], 0), 0);
		*frame_of(m, pfn[i]) = (struct frame){0};
	}
	for (unsigned i = 0, n; i < nr; i += n) {
		n = 1 + rng_below(&rng, 300);
		n = n < nr - i ? n : nr - i;
		free_unref_page_list(m, 0, &pfn[i], n);
	}
	cr_expect_eq(machine_digest(m), machine_digest(single));
	cr_expect_eq(m->vm_event[EV_pgfree], single->vm_event[EV_pgfree]);
	cr_expect_gt(zone_at(m, 0, ZONE_NORMAL)->nr_isolated_pages, 0);
	cr_expect_gt(zone_pcp(m, zone_at(m, 0, ZONE_DMA32), 0)->count, 0);
	hand_check(m);
	hand_destroy(single);
	hand_destroy(m);
}

Test(free, many_at_once)
{
	free_list(false);
	free_list(true);
}

static uint64_t pfn_at(struct proc *p, uint64_t at)
{
	return pte_pfn(p->m, pte_of(p->m, p->mm, at));
}

/* Of a block that is the kernel's own nothing goes, not even behind a first page that somebody else holds. */
Test(free, the_kernels_own_blocks)
{
	struct proc p = proc_start("pc-i386");
	const uint64_t pfn = virt_to_pfn(p.m, p.t->stack);
	const unsigned order = frame_of(p.m, pfn)->order;

	cr_assert_gt(order, 0);
	cr_expect_eq(get_page(p.m, pfn), 0);
	cr_expect_eq(free_pages_order(p.m, 0, pfn, order), -EINVAL);
	cr_expect(strstr(p.m->why.sentence, "kernel's own"), "%s", p.m->why.sentence);
	cr_expect_eq(frame_of(p.m, pfn)->order, order);
	proc_check(&p);
	cr_expect_eq(put_page(p.m, 0, pfn), 0);
	cr_expect_eq(put_page(p.m, 0, pfn), -EINVAL);
	proc_end(&p);
}

/* Pins are who made them's; with mappings, or in the page cache and mapped by nobody. */
Test(free, pages_that_are_pinned)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t own = proc_map(&p, 1, RW, PRIVATE), shared = proc_map(&p, 1, RW, SHARED), pfn[2];

	cr_assert_eq(pin_user_pages(p.m, p.t, own, 1, FOLL_WRITE_, &pfn[0]), 1);
	cr_assert_eq(pin_user_pages(p.m, p.t, shared, 1, FOLL_WRITE_, &pfn[1]), 1);
	cr_assert_eq(sys_madvise(p.m, p.t, shared, PAGE_BYTES, MADV_DONTNEED_), 0);
	cr_expect_eq(frame_of(p.m, pfn[1])->mapcount, 0);
	for (unsigned i = 0; i < 2; i++) {
		uint32_t held = frame_of(p.m, pfn[i])->refcount;

		cr_expect_gt(held, 1024);
		cr_expect_eq(put_page(p.m, 0, pfn[i]), -EINVAL);
		cr_expect_eq(free_pages_order(p.m, 0, pfn[i], 0), -EINVAL);
		cr_expect_eq(get_page(p.m, pfn[i]), 0);
		cr_expect_eq(put_page(p.m, 0, pfn[i]), 0, "this one is nobody else's");
		cr_expect_eq(frame_of(p.m, pfn[i])->refcount, held);
		cr_expect_eq(unpin_user_page(p.m, 0, pfn[i]), 0);
	}
	proc_check(&p);
	proc_end(&p);
}

/* Who holds a page that its process has left frees it. */
Test(free, held_longer_than_it_was_mapped)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t own = proc_map(&p, 2, RW, PRIVATE);

	cr_assert_eq(proc_store(&p, own, 1), 0);
	cr_assert_eq(proc_store(&p, own + P, 1), 0);
	const uint64_t pfn = pfn_at(&p, own), locked = pfn_at(&p, own + P);

	cr_assert_eq(sys_mlock(p.m, p.t, own + P, P, 0), 0);
	cr_expect_eq(get_page(p.m, pfn), 0);
	cr_expect_eq(get_page(p.m, locked), 0);
	cr_assert_eq(sys_munmap(p.m, p.t, own, 2 * P), 0);
	proc_check(&p);
	cr_expect_eq(free_pages_order(p.m, 0, pfn, 0), -EINVAL, "it is on a list");
	cr_expect_eq(put_page(p.m, 0, pfn), 0, "%s", p.m->why.sentence);
	cr_expect_eq(put_page(p.m, 0, locked), 0, "%s", p.m->why.sentence);
	cr_expect_eq(put_page(p.m, 0, pfn), -EINVAL);
	cr_expect(strstr(p.m->why.sentence, "free already"), "%s", p.m->why.sentence);
	proc_end(&p);
}

/* References of mappings and of the page cache are theirs; one that was taken by name can be dropped by name. */
Test(free, pages_that_others_hold)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t own = proc_map(&p, 1, RW, PRIVATE), shared = proc_map(&p, 1, RW, SHARED);

	cr_assert_eq(proc_store(&p, own, 1), 0);
	cr_assert_eq(proc_store(&p, shared, 1), 0);
	struct proc child = proc_fork(&p);
	uint64_t pfn[] = {pfn_at(&p, own), pfn_at(&p, shared)};

	cr_assert_eq(pfn_at(&child, own), pfn[0], "mapped by both");
	for (unsigned i = 0; i < 2; i++) {
		uint32_t held = frame_of(p.m, pfn[i])->refcount;

		cr_expect_geq(held, 2);
		cr_expect_eq(free_pages_order(p.m, 0, pfn[i], 0), -EINVAL);
		cr_expect(strstr(p.m->why.sentence, "mapped"), "%s", p.m->why.sentence);
		cr_expect_eq(put_page(p.m, 0, pfn[i]), -EINVAL);
		cr_expect_eq(free_pages_exact(p.m, 0, pfn[i], PAGE_BYTES), -EINVAL);
		cr_expect_eq(get_page(p.m, pfn[i]), 0);
		cr_expect_eq(put_page(p.m, 0, pfn[i]), 0);
		cr_expect_eq(get_page(p.m, pfn[i]), 0);
		cr_expect_eq(free_pages_order(p.m, 0, pfn[i], 0), 0);
		cr_expect_eq(put_page(p.m, 0, pfn[i]), -EINVAL);
		cr_expect_eq(frame_of(p.m, pfn[i])->refcount, held);
	}
	proc_check(&p);
	task_kill(p.m, child.t);
	proc_end(&p);
}

/* SPDX-License-Identifier: MIT
 *
 * Claim: a contiguous memory area is lent to tenants who can move, and comes back whole when its landlord asks.
 *
 *	area	[tenants of processes, files, names ...]   cma_alloc(n)   [n pages of the caller's][tenants ...]
 *
 * Whoever moved has its contents and its entries; whoever cannot leave makes it try the next range, and when there is none
 * the state is what it was. What is asked of alloc_contig_range() holds for any memory.
 */
#include "support/booted.h"
#include "support/process.h"

#include "base/text.h"
#include "mm/move/cma.h"
#include "mm/move/holder.h"
#include "mm/move/migrate.h"
#include "mm/page/buddy.h"
#include "mm/page/zone.h"
#include "mm/process/file.h"
#include "mm/process/pgtables.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

enum { AREA = 0, NO_WARN = 1 };

static uint64_t pfn_at(const struct proc *p, uint64_t addr)
{
	return pte_pfn(p->m, pte_of(p->m, p->mm, addr));
}

static bool in_area(const struct machine *m, uint64_t pfn)
{
	return cma_of_pfn(m, pfn) == AREA;
}

static uint64_t cma_free(const struct machine *m)
{
	return zone_stat_total(m, ZS_nr_free_cma);
}

/* Give the process memory, each page with its own word, until the area is all but full of tenants; returns how many pages
 * that are. */
static uint64_t fill(struct proc *p, uint64_t *at)
{
	uint64_t pages = zone_stat_total(p->m, ZS_nr_free_pages), i = 0;

	*at = proc_map(p, pages, RW, PRIVATE);
	for (; cma_free(p->m) > p->m->cma[AREA].nr_pages / 32; i++)
		cr_assert_eq(proc_store(p, *at + i * P, 0x1234567800000000 + i), 0, "%s",
			p->m->why.sentence);
	return i;
}

static void expect_filled(struct proc *p, uint64_t at, uint64_t pages)
{
	uint64_t value, wrong = 0;

	for (uint64_t i = 0; i < pages; i++)
		wrong += proc_load(p, at + i * P, &value) || value != 0x1234567800000000 + i;
	cr_expect_eq(wrong, 0, "%llu pages have other contents", (unsigned long long)wrong);
}

static struct proc small_machine(void)
{
	return proc_in(booted("arm64-virt", "ram", "128M", "cma", "16M", NULL));
}

/* ---- an area of its own ---- */

Test(cma, an_empty_area_gives_what_is_asked)
{
	struct proc p = small_machine();
	struct machine *m = p.m;
	const struct cma_area *c = &m->cma[AREA];
	uint64_t free_pages = cma_free(m), a, b;

	cr_assert_eq(m->nr_cma, 1);
	cr_expect_str_eq(c->name, "reserved");
	cr_expect_eq(c->nr_pages, 4096);
	cr_assert_eq(cma_alloc(m, 0, AREA, 100, 0, false, &a), 0, "%s", m->why.sentence);
	cr_expect_eq(a, c->base_pfn);
	cr_expect(frame_of(m, a + 99)->flags == FRAME_CMA_INUSE &&
		  frame_of(m, a + 99)->refcount == 1);
	cr_expect_eq(cma_free(m), free_pages - 100, "what a pageblock has too much is free again");
	cr_expect_eq(cma_used(m, c), 100);
	cr_expect_eq(cma_maxchunk(m, c), 4096 - 100);
	cr_assert_eq(cma_alloc(m, 0, AREA, 64, 6, false, &b), 0);
	cr_expect_eq(b, c->base_pfn + 128, "aligned, so behind the hole of 28");
	proc_check(&p);
	cr_expect_eq(c->pages_succeeded, 164);
	cr_expect_eq(m->vm_event[EV_cma_alloc_success], 2);
	cr_expect_eq(cma_release(m, 0, AREA, a, 50), 0);
	cr_expect_eq(cma_release(m, 0, AREA, a, 50), -EINVAL, "they are back already");
	cr_expect_eq(cma_release(m, 0, AREA, a + 40, 20), -EINVAL, "some of them are");
	cr_expect_eq(cma_used(m, c), 114, "a refusal gives nothing back");
	cr_expect_eq(cma_release(m, 0, AREA, a + 50, 50), 0);
	cr_expect_eq(cma_release(m, 0, AREA, b, 64), 0);
	drain_all_pages(m, NULL);
	cr_expect_eq(cma_free(m), free_pages);
	proc_end(&p);
}

Test(cma, sizes_and_alignments_that_cannot_be)
{
	struct proc p = small_machine();
	struct machine *m = p.m;
	uint64_t a;

	cr_expect_eq(cma_alloc(m, 0, AREA, 0, 0, false, &a), -ENOMEM);
	cr_expect_eq(cma_alloc(m, 0, AREA, 4097, 0, false, &a), -ENOMEM);
	cr_expect(strstr(m->why.sentence, "has 4096"), "%s", m->why.sentence);
	cr_expect_eq(cma_alloc(m, 0, AREA, UINT64_MAX, 0, false, &a), -ENOMEM);
	cr_expect_not(strstr(booted_log(m), "alloc failed"), "the kernel says nothing of these");
	cr_expect_eq(cma_alloc(m, 0, AREA, 1, 40, false, &a), -ENOMEM);
	cr_expect(strstr(booted_log(m),
		"cma: cma_alloc: reserved: alloc failed, req-size: 1 pages, ret: -12"));
	cr_expect(strstr(booted_log(m),
		"cma: number of available pages: 4096@0=> 4096 free of 4096 total pages"));
	cr_expect_eq(cma_alloc(m, 0, AREA, 1, 60, false, &a), -EINVAL);
	cr_expect_eq(m->vm_event[EV_cma_alloc_fail], 4);
	cr_expect_eq(cma_alloc(m, 0, AREA, 4096, 9, false, &a), 0, "all of it");
	cr_expect_eq(cma_alloc(m, 0, AREA, 1, 0, true, &a), -ENOMEM);
	cr_expect_eq(cma_free(m), 0);
	proc_end(&p);
}

Test(cma, nobody_but_movable_pages_moves_in)
{
	struct proc p = small_machine();
	struct machine *m = p.m;
	uint64_t pfn, all = 0;

	while (!alloc_pages_node(m, 0, -1, GFP_KERNEL | __GFP_NOWARN, 0, &pfn)) {
		cr_assert_not(in_area(m, pfn));
		all++;
	}
	cr_expect(all > 10000);
	cr_expect_eq(cma_free(m), m->cma[AREA].nr_pages);
	proc_end(&p);
}

/* ---- tenants ---- */

Test(cma, tenants_move_out)
{
	struct proc p = small_machine();
	struct machine *m = p.m;
	uint64_t ballast[2], at, a;

	/* Kept for where they go. */
	for (unsigned i = 0; i < 2; i++)
		cr_assert_eq(alloc_pages_node(m, 0, -1, GFP_KERNEL, 10, &ballast[i]), 0);
	uint64_t pages = fill(&p, &at), moved = m->vm_event[EV_pgmigrate_success];
	for (unsigned i = 0; i < 2; i++)
		cr_assert_eq(free_pages_order(m, 0, ballast[i], 10), 0);
	cr_assert_eq(cma_alloc(m, 0, AREA, 1000, 0, false, &a), 0, "%s", m->why.sentence);
	cr_expect(m->vm_event[EV_pgmigrate_success] - moved > 800);
	proc_check(&p);
	expect_filled(&p, at, pages);
	cr_expect_eq(cma_release(m, 0, AREA, a, 1000), 0);
	proc_end(&p);
}

Test(cma, who_cannot_leave_is_passed_over)
{
	struct proc p = small_machine();
	struct machine *m = p.m;
	const struct cma_area *c = &m->cma[AREA];
	uint64_t at, pages = fill(&p, &at), pinned = NO_PFN, a, b;

	for (uint64_t i = 0; i < pages && pinned == NO_PFN; i++)
		if (pfn_at(&p, at + i * P) - c->base_pfn < 200)
			pinned = pfn_at(&p, at + i * P);
	cr_assert_neq(pinned, NO_PFN);
	frame_of(m, pinned)->refcount += GUP_PIN_BIAS;
	cr_assert_eq(cma_alloc(m, 0, AREA, 256, 8, false, &a), 0, "%s", m->why.sentence);
	cr_expect_eq(a, c->base_pfn + 256, "the first range is busy");
	cr_expect(m->vm_event[EV_pgmigrate_fail] >= 5, "five tries");
	cr_expect_eq(cma_used(m, c), 256);
	/* All of it: no other range is left. */
	cr_expect_eq(cma_release(m, 0, AREA, a, 256), 0);
	cr_expect_eq(cma_alloc(m, 0, AREA, c->nr_pages, 0, false, &b), -EBUSY);
	cr_expect(strstr(m->why.sentence, "pinned"), "%s", m->why.sentence);
	cr_expect(strstr(booted_log(m), "req-size: 4096 pages, ret: -16"));
	cr_expect_eq(cma_used(m, c), 0);
	cr_expect_eq(c->pages_failed, 4096);
	proc_check(&p);
	expect_filled(&p, at, pages);
	frame_of(m, pinned)->refcount -= GUP_PIN_BIAS;
	proc_end(&p);
}

Test(cma, no_place_for_tenants)
{
	struct proc p = small_machine();
	struct machine *m = p.m;
	uint64_t at, pages = fill(&p, &at), pfn, a;

	while (!alloc_pages_node(m, 0, -1, GFP_HIGHUSER_MOVABLE | __GFP_NOWARN, 0, &pfn))
		;
	cr_expect_eq(cma_alloc(m, 0, AREA, 2048, 0, false, &a), -ENOMEM);
	cr_expect_eq(cma_used(m, &m->cma[AREA]), 0);
	proc_check(&p);
	expect_filled(&p, at, pages);
	proc_end(&p);
}

Test(cma, clean_pages_of_files_are_dropped)
{
	struct proc p = small_machine();
	struct machine *m = p.m;
	uint64_t pages = zone_stat_total(m, ZS_nr_free_pages) - 3000;
	uint64_t at = proc_map_file(&p, pages, RW, MAP_SHARED_, FILE_RDWR), a, value;
	uint64_t moved = m->vm_event[EV_pgmigrate_success], dirty;

	proc_use(&p, HW_LOAD, at, pages);
	/* One in eight is dirty, and must move. */
	for (uint64_t i = 0; i < pages; i += 8)
		cr_assert_eq(proc_store(&p, at + i * P, i), 0);
	uint64_t cached = node_stat_total(m, ND_nr_file_pages), clean = 0;
	dirty = 0;
	for (uint64_t i = 0; i < pages; i++) {
		uint64_t pfn = pfn_at(&p, at + i * P);

		if (pfn - m->cma[AREA].base_pfn < 2048)
			*(i % 8 ? &clean : &dirty) += 1;
	}
	cr_assert(clean > 1000 && dirty > 100);
	cr_assert_eq(cma_alloc(m, 0, AREA, 2048, 0, false, &a), 0, "%s", m->why.sentence);
	cr_expect_eq(m->vm_event[EV_pgmigrate_success] - moved, dirty);
	cr_expect_eq(node_stat_total(m, ND_nr_file_pages), cached - clean);
	proc_check(&p);
	for (uint64_t i = 0; i < pages; i++) {
		cr_assert_eq(proc_load(&p, at + i * P, &value), 0);
		if (i % 8 == 0)
			cr_expect_eq(value, i);
	}
	proc_end(&p);
}

/* ---- slices ---- */

Test(cma, an_interruption_undoes_it)
{
	for (unsigned steps = 0; steps < 12; steps += 1) {
		struct proc p = small_machine();
		struct machine *m = p.m;
		struct cma_request q;
		uint64_t at = proc_map(&p, 2000, RW, PRIVATE);
		int ret;

		proc_use(&p, HW_STORE, at, 2000);
		drain_all_pages(m, NULL);
		cr_assert_eq(cma_begin(m, 0, &q, AREA, 2000, 0, false), 0);
		for (unsigned i = 0; i < steps; i++)
			cr_assert_eq(cma_step(m, 0, &q, 16), 1);
		booted_check(m);
		uint64_t a;
		cr_expect_eq(cma_alloc(m, 0, AREA, 1, 0, true, &a), -EBUSY, "one at a time");
		cma_interrupt(m, &q);
		while ((ret = cma_step(m, 0, &q, 32)) > 0)
			;
		cr_expect_eq(ret, -EINTR);
		drain_all_pages(m, NULL);
		cr_expect_eq(cma_free(m), m->cma[AREA].nr_pages);
		cr_expect_eq(cma_used(m, &m->cma[AREA]), 0);
		proc_end(&p);
	}
}

/* ---- any memory ---- */

Test(contig, a_range_is_emptied)
{
	static const char *const presets[] = {"pc-x86_64", "pc-i386", "arm-virt"};

	for (unsigned i = 0; i < 3; i++) {
		struct proc p = proc_in(booted(presets[i], "ram", "512M", NULL));
		struct machine *m = p.m;
		uint64_t at = proc_map(&p, 3000, RW, PRIVATE);

		proc_use(&p, HW_STORE, at, 3000);
		uint64_t block = (uint64_t)1 << m->pageblock_order;
		uint64_t pfn = pfn_at(&p, at + 1000 * P) & ~(block - 1);
		uint64_t free_pages = zone_stat_total(m, ZS_nr_free_pages);

		cr_assert_eq(alloc_contig_range(m, 0, pfn + 7, pfn + 300, MIGRATE_MOVABLE), 0, "%s",
			m->why.sentence);
		for (uint64_t k = pfn + 7; k < pfn + 300; k++)
			cr_assert_eq(frame_of(m, k)->refcount, 1);
		proc_check(&p);
		cr_expect_eq(free_contig_range(m, 0, pfn + 7, 293, 0), 0);
		drain_all_pages(m, NULL);
		cr_expect(zone_stat_total(m, ZS_nr_free_pages) >= free_pages);
		proc_end(&p);
	}
}

Test(contig, what_never_moves_is_refused_at_once)
{
	struct proc p = proc_in(booted("arm64-virt", "ram", "512M", NULL));
	struct machine *m = p.m;
	uint64_t pfn, moved = m->vm_event[EV_pgmigrate_success];

	cr_assert_eq(alloc_pages_node(m, 0, -1, GFP_KERNEL, 2, &pfn), 0);
	cr_expect_eq(alloc_contig_range(m, 0, pfn - 8, pfn + 8, MIGRATE_MOVABLE), -EBUSY);
	cr_expect(strstr(m->why.sentence, "cannot leave"), "%s", m->why.sentence);
	cr_expect_eq(alloc_contig_range(m, 0, m->cma[AREA].base_pfn, m->cma[AREA].base_pfn + 1,
			     MIGRATE_MOVABLE),
		-EBUSY);
	cr_expect(strstr(m->why.sentence, "cma_alloc"), "%s", m->why.sentence);
	cr_expect_eq(m->vm_event[EV_pgmigrate_success], moved);
	cr_expect_eq(alloc_contig_range(m, 0, 5, 5, MIGRATE_MOVABLE), -EINVAL);
	cr_expect_eq(alloc_contig_range(m, 0, m->base_pfn, UINT64_MAX, MIGRATE_MOVABLE), -EINVAL);
	cr_expect_eq(
		alloc_contig_range(m, 0, m->end_pfn - 1, m->end_pfn + 1, MIGRATE_MOVABLE), -EINVAL);
	cr_expect_eq(free_contig_range(m, 0, pfn, 4, 0), -EINVAL, "a block of order 2");
	proc_end(&p);
}

Test(contig, somewhere)
{
	struct proc p = proc_in(booted("pc-x86_64", "ram", "512M", NULL));
	struct machine *m = p.m;
	uint64_t pfn;

	cr_assert_eq(
		alloc_contig_pages(m, 0, 3000, GFP_KERNEL, -1, &pfn), 0, "%s", m->why.sentence);
	cr_expect_eq(pfn % 4096, 0);
	proc_check(&p);
	cr_expect_eq(free_contig_range(m, 0, pfn, 3000, 0), 0);
	cr_expect_eq(alloc_contig_pages(m, 0, 1 << 20, GFP_KERNEL, -1, &pfn), -ENOMEM);
	cr_expect_eq(alloc_contig_pages(m, 0, 0, GFP_KERNEL, -1, &pfn), -EINVAL);
	proc_end(&p);
}

/* SPDX-License-Identifier: MIT
 *
 * Fail the n-th page allocation of a cma_alloc() that has to move tenants, for n = 1, 2, ... until it no longer notices.
 *
 *	cma_alloc  ENOMEM ... ENOMEM  done
 *	n          1  2  3  ...   k   k + 1
 *
 * After each failure nothing is given out and nobody lost a byte; machine_check() finds nothing; no pageblock is isolated;
 * and the same call goes through at once when allocations work again. The same for alloc_contig_range().
 */
#include "support/booted.h"
#include "support/process.h"

#include "mm/move/cma.h"
#include "mm/page/zone.h"
#include "mm/process/pgtables.h"

#include <criterion/criterion.h>
#include <errno.h>

enum { AREA = 0, PAGES = 150 };

static uint64_t isolated(const struct machine *m)
{
	uint64_t n = 0;

	for (const struct zone *z = zone_next(m, NULL); z; z = zone_next(m, z))
		n += z->nr_isolate_pageblock + z->nr_isolated_pages;
	return n;
}

/* A process of which some pages are tenants: more than half of what is free is the area's. */
static struct proc tenants(uint64_t *at)
{
	struct proc p = proc_in(booted("arm64-virt", "ram", "128M", "cma", "80M", NULL));

	*at = proc_map(&p, PAGES, RW, PRIVATE);
	for (uint64_t i = 0; i < PAGES; i++)
		cr_assert_eq(proc_store(&p, *at + i * P, i + 1), 0);
	return p;
}

static void expect_whole(struct proc *p, uint64_t at)
{
	uint64_t value;

	proc_fail_no_more(p);
	proc_check(p);
	cr_expect_eq(isolated(p->m), 0);
	for (uint64_t i = 0; i < PAGES; i++)
		cr_expect(!proc_load(p, at + i * P, &value) && value == i + 1);
}

Test(cma, each_allocation_of_a_target_fails)
{
	unsigned failed = 0;

	for (uint64_t n = 0;; n += n < 40 ? 1 : 7) {
		uint64_t at, pfn;
		struct proc p = tenants(&at);
		const struct cma_area *c = &p.m->cma[AREA];

		proc_fail(&p, n);
		p.m->fail_page_alloc.ignore_gfp_wait = false;
		int err = cma_alloc(p.m, 0, AREA, c->nr_pages, 0, false, &pfn);
		expect_whole(&p, at);
		cr_expect_eq(cma_used(p.m, c), err ? 0 : c->nr_pages);
		if (err) {
			cr_expect_eq(err, -ENOMEM);
			cr_expect_eq(cma_alloc(p.m, 0, AREA, c->nr_pages, 0, false, &pfn), 0, "%s",
				p.m->why.sentence);
		}
		cr_expect_eq(cma_release(p.m, 0, AREA, pfn, c->nr_pages), 0);
		proc_end(&p);
		if (!err)
			break;
		failed++;
	}
	cr_expect_gt(failed, 40);
}

Test(contig, each_allocation_of_a_target_fails)
{
	unsigned failed = 0;

	for (uint64_t n = 0;; n++) {
		struct proc p = proc_start("pc-x86_64");
		uint64_t at = proc_map(&p, PAGES, RW, PRIVATE);

		for (uint64_t i = 0; i < PAGES; i++)
			cr_assert_eq(proc_store(&p, at + i * P, i + 1), 0);
		uint64_t pfn = pte_pfn(p.m, pte_of(p.m, p.mm, at + 20 * P)) & ~(uint64_t)15;
		proc_fail(&p, n);
		int err = alloc_contig_range(p.m, 0, pfn, pfn + 16, MIGRATE_MOVABLE);
		expect_whole(&p, at);
		cr_expect(!err || err == -ENOMEM, "%s", p.m->why.sentence);
		if (!err)
			cr_expect_eq(free_contig_range(p.m, 0, pfn, 16, 0), 0);
		proc_end(&p);
		if (!err)
			break;
		failed++;
	}
	cr_expect_gt(failed, 5);
}

/* SPDX-License-Identifier: MIT
 *
 * The pool of huge pages: what is written is what is had, as far as memory goes; all of it comes back.
 */
#include "mm/page/hugetlb.h"

#include "mm/page/frame.h"
#include "support/hand.h"

#include <criterion/criterion.h>
#include <string.h>

#define BLOCK_PAGES ((uint64_t)512)

static struct machine *two_nodes(void)
{
	struct hand h = {.nodes = 2,
		.cpus = 2,
		.nr_zones = 2,
		.zone = {{.type = ZONE_NORMAL, .pages = 64 * BLOCK_PAGES},
			{.nid = 1,
				.type = ZONE_NORMAL,
				.start_pfn = 64 * BLOCK_PAGES,
				.pages = 32 * BLOCK_PAGES}}};
	struct machine *m = hand_machine(&h);

	config_put(&m->config, CONFIG_HUGETLB_PAGE, true);
	config_put(&m->config, CONFIG_64BIT, true);
	return m;
}

Test(hugetlb, nodes_take_turns)
{
	struct machine *m = two_nodes();
	uint64_t free_pages = zone_stat_total(m, ZS_nr_free_pages);

	hugetlb_resize(m, 10, -1);
	cr_expect_eq(hugetlb_pages(m), 10);
	cr_expect_eq(hugetlb_node_pages(m, 0), 5);
	cr_expect_eq(hugetlb_node_pages(m, 1), 5);
	cr_expect_eq(zone_stat_total(m, ZS_nr_free_pages), free_pages - 10 * BLOCK_PAGES);
	cr_expect_eq(m->vm_event[EV_htlb_buddy_alloc_success], 10);
	hugetlb_resize(m, 3, 1);
	cr_expect_eq(hugetlb_pages(m), 8);
	cr_expect_eq(hugetlb_node_pages(m, 1), 3);
	hugetlb_resize(m, 0, -1);
	cr_expect_eq(hugetlb_pages(m), 0);
	drain_all_pages(m, NULL);
	cr_expect_eq(zone_stat_total(m, ZS_nr_free_pages), free_pages);
	hand_check(m);
	hand_destroy(m);
}

/* The writer of a million gets what there is, and no error. */
Test(hugetlb, what_fits)
{
	struct machine *m = two_nodes();

	hugetlb_resize(m, 1000000, -1);
	cr_expect_gt(hugetlb_pages(m), 80);
	cr_expect_leq(hugetlb_pages(m), 96);
	cr_expect_gt(
		hugetlb_node_pages(m, 0), hugetlb_node_pages(m, 1), "the larger node gives more");
	cr_expect_gt(m->vm_event[EV_htlb_buddy_alloc_fail], 0);
	cr_expect_eq(m->why.err, 0);
	hand_check(m);
	hugetlb_resize(m, 1, -1);
	cr_expect_eq(hugetlb_pages(m), 1);
	hand_check(m);
	hand_destroy(m);
}

Test(hugetlb, command_line)
{
	struct machine *m = two_nodes();

	strcpy(m->cmdline, "quiet hugepages=7 nohugepages=3");
	hugetlb_init(m);
	cr_expect_eq(hugetlb_pages(m), 7);
	cr_expect(strstr(
		hand_log(m), "HugeTLB: registered 2.00 MiB page size, pre-allocated 7 pages"));
	hand_destroy(m);
}

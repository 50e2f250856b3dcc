/* SPDX-License-Identifier: MIT
 *
 * Claim: with page_owner=on each page in use tells who took it, when and from where, and costs what it costs on Linux.
 */
#include "support/booted.h"
#include "support/world.h"

#include "base/text.h"
#include "mm/debug/page_owner.h"
#include "mm/page/frame.h"
#include "mm/page/page_alloc.h"
#include "mm/page/zone.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *stack_of(const struct machine *m, uint64_t pfn)
{
	static struct text out;

	text_finish(&out);
	text_init(&out);
	stack_depot_print(m, page_owner_of(m, pfn)->handle, 1, &out);
	return text_str(&out);
}

static uint64_t take(struct machine *m, gfp_t gfp, unsigned order)
{
	uint64_t pfn;

	callstack_push(&m->callstack, CALLER_new_slab);
	cr_assert_eq(alloc_pages_node(m, 0, -1, gfp, order, &pfn), 0);
	callstack_pop(&m->callstack);
	return pfn;
}

Test(page_owner, off_by_default)
{
	struct machine *m = booted("pc-i386", NULL);

	take(m, GFP_KERNEL, 0);
	cr_expect_not(m->page_owners.inited);
	cr_expect_not(strstr(booted_log(m), "page_ext"));
	machine_destroy(m);
}

/*	alloc order 2 ── split ──> [0][0][0][0]  ── free the second ──> free_ts, not allocated
 */
Test(page_owner, alloc_split_free)
{
	struct machine *m = booted("pc-i386", "cmdline", "page_owner=on", NULL);
	uint64_t pfn = take(m, GFP_KERNEL, 2), first = pfn;
	const struct page_owner *o = page_owner_of(m, pfn);

	cr_assert(o && o->allocated);
	cr_expect_eq(o->order, 2);
	cr_expect_eq(o->gfp, (uint32_t)GFP_KERNEL);
	cr_expect_str_eq(o->comm, "swapper/0");
	cr_expect_str_eq(stack_of(m, pfn),
		" allocate_slab+0x0/0x0\n ___slab_alloc+0x0/0x0\n kmem_cache_alloc+0x0/0x0\n");
	cr_expect(page_owner_next(m, &first) && first <= pfn);
	booted_check(m);

	cr_assert_eq(split_page(m, pfn), 0);
	cr_expect_eq(page_owner_of(m, pfn + 3)->order, 0);
	booted_check(m);
	clock_charge_ns(m, 1000);
	cr_assert_eq(free_pages_order(m, 0, pfn + 1, 0), 0);
	cr_expect_not(page_owner_of(m, pfn + 1)->allocated);
	cr_expect_eq(page_owner_of(m, pfn + 1)->free_ts_ns, m->clock.now_ns - COST_NS_PCP_FREE);
	booted_check(m);
	machine_destroy(m);
}

Test(page_owner, each_stack_is_kept_once)
{
	struct machine *m = booted("pc-i386", "cmdline", "page_owner=on", NULL);
	uint64_t a = take(m, GFP_KERNEL, 0), b = take(m, GFP_KERNEL, 0);
	uint32_t nr = m->stack_depot.nr;

	cr_expect_eq(page_owner_of(m, a)->handle, page_owner_of(m, b)->handle);
	for (unsigned i = 0; i < 100; i++) {
		callstack_push(&m->callstack, callstack_call(i, i & 1));
		take(m, GFP_KERNEL, 0);
		callstack_pop(&m->callstack);
	}
	cr_expect_eq(m->stack_depot.nr, nr + 100);
	cr_expect_eq(m->callstack.depth, 0);
	booted_check(m);
	machine_destroy(m);
}

/* A struct page_ext and a struct page_owner for each page of the sections with RAM, or of the span. */
Test(page_owner, costs_memory)
{
	static const struct {
		const char *preset;
		uint64_t bytes; /* each page's */
	} rows[] = {{"pc-x86_64", 64}, {"arm64-virt", 64}, {"pc-i386", 60}, {"arm-virt", 64}};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct machine *without = booted(rows[i].preset, NULL);
		struct machine *with = booted(rows[i].preset, "cmdline", "page_owner=1", NULL);
		uint64_t all = zone_stat_total(without, ZS_nr_free_pages);
		uint64_t less = all - zone_stat_total(with, ZS_nr_free_pages);
		uint64_t pages = 0;

		for (unsigned nid = 0; nid < with->nr_nodes; nid++)
			pages += node_at(with, nid)->present_pages;
		cr_expect_eq(page_ext_bytes(with), rows[i].bytes, "%s", rows[i].preset);
		cr_expect(less * PAGE_BYTES * 100 > pages * rows[i].bytes * 90,
			"%s: %lu pages less", rows[i].preset, less);
		cr_expect(strstr(booted_log(with), " bytes of page_ext"), "%s", rows[i].preset);
		machine_destroy(without);
		machine_destroy(with);
	}
}

Test(page_owner, words_of_the_switch)
{
	static const struct {
		const char *cmdline;
		bool on;
	} rows[] = {{"page_owner=on", true}, {"page_owner=Y", true}, {"page_owner=1", true},
		{"page_owner=off", false}, {"page_owner=0", false}};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct machine *m = booted("pc-i386", "cmdline", rows[i].cmdline, NULL);

		cr_expect_eq(m->page_owners.inited, rows[i].on, "%s", rows[i].cmdline);
		machine_destroy(m);
	}
	cr_expect(
		strstr(boot_refused("pc-i386", "cmdline", "page_owner=maybe", NULL), "page_owner"));
	cr_expect(strstr(boot_refused("pc-i386", "cmdline", "page_owner", NULL), "page_owner"));
}

static unsigned lines_with(const char *text, const char *word)
{
	unsigned nr = 0;

	for (const char *at = text; (at = strstr(at, word)); at++)
		nr++;
	return nr;
}

/* The whole file, longer than what world_cat() takes. */
static const char *owners(struct simm *simm)
{
	static char text[4 << 20];
	ssize_t n = simm_file_read(simm, "sys/kernel/debug/page_owner", text, sizeof(text) - 1);

	cr_assert(n > 0 && n < (ssize_t)sizeof(text) - 1);
	text[n] = 0;
	return text;
}

/* The file, through the tree: a call of sim/ctl and a page fault, told apart. */
Test(page_owner, file)
{
	struct simm *simm = world("pc-x86_64", "ram", "256M", "cmdline", "page_owner=on", NULL);
	const char *path = "sys/kernel/debug/page_owner";

	cr_assert_eq(world_mkdir(simm, "sim/tasks", "hog"), 0);
	world_call_at(simm, "sim/tasks/hog/ctl", "buf = mmap NULL 64K");
	world_call_at(simm, "sim/tasks/hog/ctl", "touch buf 64K");
	const char *text = owners(simm);
	cr_expect_geq(lines_with(text, " do_anonymous_page+0x0/0x0\n handle_mm_fault+0x0/0x0\n"
				       " do_user_addr_fault+0x0/0x0\n exc_page_fault+0x0/0x0\n"
				       " asm_exc_page_fault+0x0/0x0\n"),
		16);
	cr_expect_geq(lines_with(text, " (hog), ts "), 16);
	world_call(simm, "p = alloc_pages GFP_KERNEL|__GFP_COMP 3");
	unsigned long pfn =
		strtoul(world_call(simm, "q = alloc_pages GFP_KERNEL|__GFP_COMP 3"), NULL, 16);
	text = owners(simm);
	char line[64];
	snprintf(line, sizeof(line), "\nPFN %lu type Unmovable Block %lu type ", pfn, pfn >> 9);
	const char *at = strstr(text, line);
	cr_assert(at, "%s", line);
	cr_expect(strstr(at, "(head|node=0|zone=1|lastcpupid=0x1fffff)\n alloc_pages+0x0/0x0\n\n"));
	cr_expect_eq(lines_with(text,
			     "allocated via order 3, mask 0x40cc0(GFP_KERNEL|__GFP_COMP), pid "),
		2);
	cr_expect(strstr(world_cat(simm, "proc/pagetypeinfo"), "\nNumber of mixed blocks "));
	world_call(simm, "__free_pages q");
	cr_expect_not(strstr(owners(simm), line));
	world_call(simm, "mix 1 5000 4");
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
	simm_destroy(simm);

	simm = world("pc-x86_64", NULL);
	cr_expect_not(world_has(simm, path));
	cr_expect_not(strstr(world_cat(simm, "proc/pagetypeinfo"), "mixed"));
	simm_destroy(simm);
}

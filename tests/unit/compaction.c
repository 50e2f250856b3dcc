/* SPDX-License-Identifier: MIT
 *
 * Claim: compaction moves what can move towards the zone's end, until a block of the order is free; it tries no longer than
 * it makes sense, and loses nothing.
 *
 *	before   | m . m . m . m . | m . m . m . m . | . . . . . . . . |      every second page is in use
 *	after    | . . . . . . . . | . . . . . . . . | m m m m m m m m |
 */
#include "support/booted.h"
#include "support/world.h"

#include "mm/move/compaction.h"
#include "mm/move/holder.h"
#include "mm/page/contents.h"
#include "mm/page/page_alloc.h"
#include "mm/page/zone.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Movable pages until memory is nearly full, then every second one goes. The names p.0, p.2, ... hold the rest. */
static void fragment(struct simm *simm, unsigned one_of)
{
	char line[64];

	world_call(simm, "p.0- = alloc_pages GFP_HIGHUSER_MOVABLE 0");
	for (unsigned i = 1; i < one_of; i++) {
		snprintf(line, sizeof(line), "__free_pages p.%u-:1/%u 0", i, one_of);
		world_call(simm, line);
	}
	world_call(simm, "drain_all_pages");
}

static uint64_t vmstat(struct simm *simm, const char *name)
{
	char key[64];

	snprintf(key, sizeof(key), "\n%s ", name);
	const char *at = strstr(world_cat(simm, "proc/vmstat"), key);
	cr_assert(at, "%s", name);
	return strtoull(at + strlen(key), NULL, 10);
}

static unsigned fragmented(struct simm *simm, unsigned order)
{
	const char *at =
		strstr(world_cat(simm, "sys/kernel/debug/extfrag/unusable_index"), "Normal");

	cr_assert(at);
	at += strlen("Normal");
	double value = 0;
	for (unsigned i = 0; i <= order; i++)
		value = strtod(at, (char **)&at);
	return (unsigned)(value * 1000 + 0.5);
}

Test(compaction, compact_memory)
{
	struct simm *simm = world("pc-i386", "ram", "128M", NULL);

	fragment(simm, 2);
	cr_expect_gt(fragmented(simm, 9), 900);
	uint64_t pfn = strtoull(world_call(simm, "page_to_pfn p.10000"), NULL, 0);
	cr_assert_eq(world_write(simm, "proc/sys/vm/compact_memory", "1\n"), 2);
	cr_expect_lt(fragmented(simm, 9), 200);
	cr_expect_gt(vmstat(simm, "pgmigrate_success"), 1000);
	cr_expect_gt(vmstat(simm, "compact_migrate_scanned"), 10000);
	cr_expect_gt(vmstat(simm, "compact_free_scanned"), 1000);
	cr_expect_eq(vmstat(simm, "compact_stall"), 0);
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
	cr_expect_neq(strtoull(world_call(simm, "page_to_pfn p.10000"), NULL, 0), pfn,
		"the name follows");
	world_call(simm, "__free_pages p.0-:1/2 0");
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
	simm_destroy(simm);
}

Test(compaction, an_allocation_compacts_for_itself)
{
	struct simm *simm = world("pc-i386", "ram", "128M", NULL);

	fragment(simm, 2);
	world_call(simm, "big = alloc_pages GFP_HIGHUSER_MOVABLE 9");
	cr_expect_gt(vmstat(simm, "compact_stall"), 0);
	cr_expect_eq(vmstat(simm, "compact_success"), 1);
	cr_expect_lt(
		vmstat(simm, "compact_migrate_scanned"), 20000, "it stops when a block is free");
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
	simm_destroy(simm);
}

/* Who cannot wait leaves it to kcompactd, and finds a block the next time. */
Test(compaction, kcompactd_for_those_who_cannot_wait)
{
	struct simm *simm = world("pc-i386", "ram", "128M", NULL);

	world_write(simm, "proc/sys/vm/compaction_proactiveness", "0\n");
	fragment(simm, 2);
	cr_expect_eq(world_refused(simm, "q = alloc_pages GFP_NOWAIT 9"), ENOMEM);
	cr_expect_eq(vmstat(simm, "compact_stall"), 0);
	cr_expect_eq(vmstat(simm, "compact_daemon_wake"), 1);
	cr_expect_gt(vmstat(simm, "compact_daemon_migrate_scanned"), 0);
	world_call(simm, "q = alloc_pages GFP_NOWAIT 9");
	simm_destroy(simm);
}

/* A page in each hundred that cannot move spoils nearly every block of 512. */
Test(compaction, pinned_pages_spoil_it)
{
	struct simm *simm = world("pc-i386", "ram", "128M", NULL);

	fragment(simm, 2);
	world_call(simm, "get_page p.0-:1/100");
	cr_expect_eq(world_refused(simm, "big = alloc_pages GFP_HIGHUSER_MOVABLE 9"), ENOMEM);
	cr_expect_gt(vmstat(simm, "compact_fail"), 0);
	world_write(simm, "proc/sys/vm/compact_memory", "1\n");
	cr_expect_gt(fragmented(simm, 9), 500);
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
	simm_destroy(simm);
}

/* After a failure 1, 2, 4, ... attempts are put off; a success ends that. */
Test(compaction, deferral)
{
	struct machine *m = booted("pc-i386", NULL);
	struct zone *z = zone_at(m, 0, ZONE_NORMAL);

	z->compact = (struct zone_compact){.order_failed = 20};
	for (unsigned i = 0; i < 3; i++)
		cr_expect_eq(z->compact.defer_shift, 0);
	compaction_defer_reset(m, z, 5, false);
	cr_expect_eq(z->compact.order_failed, 20);
	compaction_defer_reset(m, z, 25, false);
	cr_expect_eq(z->compact.order_failed, 26);
	compaction_defer_reset(m, z, 26, true);
	cr_expect_eq(z->compact.order_failed, 27);
	machine_destroy(m);
}

Test(compaction, suitable)
{
	struct machine *m = booted("pc-i386", NULL);
	struct zone *z = zone_at(m, 0, ZONE_NORMAL);

	cr_expect_eq(compaction_suitable(m, z, 9, WMARK_MIN, ZONE_NORMAL), COMPACT_SUCCESS,
		"there is a block");
	cr_expect_eq(compaction_suitable(m, z, -1, WMARK_MIN, ZONE_NORMAL), COMPACT_CONTINUE);
	uint64_t pfn;
	while (!alloc_pages_node(m, 0, -1, GFP_NOWAIT | __GFP_NOWARN, 0, &pfn))
		;
	cr_expect_eq(compaction_suitable(m, z, 9, WMARK_MIN, ZONE_NORMAL), COMPACT_SKIPPED,
		"no room for copies");
	machine_destroy(m);
}

/* kcompactd looks every half second whether the machine has become too fragmented. */
Test(compaction, proactive)
{
	struct simm *simm = world("pc-i386", "ram", "128M", NULL);

	fragment(simm, 2);
	cr_expect_gt(fragmented(simm, 9), 900);
	world_write(simm, "sim/clock", "+2s\n");
	cr_expect_lt(fragmented(simm, 9), 850);
	cr_expect_gt(vmstat(simm, "compact_daemon_migrate_scanned"), 0);
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
	simm_destroy(simm);

	simm = world("pc-i386", "ram", "128M", NULL);
	world_write(simm, "proc/sys/vm/compaction_proactiveness", "0\n");
	fragment(simm, 2);
	world_write(simm, "sim/clock", "+2s\n");
	cr_expect_gt(fragmented(simm, 9), 900);
	simm_destroy(simm);
}

/* What is moved keeps its bytes, whoever has it. */
Test(compaction, contents)
{
	struct simm *simm = world("pc-x86_64", "ram", "256M", NULL);
	char line[96];

	cr_assert_eq(world_mkdir(simm, "sim/tasks", "hog"), 0);
	world_call_at(simm, "sim/tasks/hog/ctl", "buf = mmap NULL 32M");
	for (unsigned i = 0; i < 64; i++) {
		snprintf(line, sizeof(line), "store buf+%uK 0x%x", i * 512, 0x1000 + i);
		world_call_at(simm, "sim/tasks/hog/ctl", line);
	}
	fragment(simm, 3);
	world_write(simm, "proc/sys/vm/compact_memory", "1\n");
	for (unsigned i = 0; i < 64; i++) {
		snprintf(line, sizeof(line), "load buf+%uK", i * 512);
		cr_expect_eq(strtoull(world_call_at(simm, "sim/tasks/hog/ctl", line), NULL, 0),
			0x1000 + i);
	}
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
	simm_destroy(simm);
}

/* compact_memory is done in slices: readers in between see a whole machine; an interrupted one stops where it is. */
Test(compaction, slices)
{
	struct simm *simm = world("pc-i386", "ram", "256M", NULL);

	fragment(simm, 2);
	struct simm_open *open = world_open(simm, "proc/sys/vm/compact_memory", SIMM_O_WRITE);
	struct simm_write *w = simm_write_begin(open, "1\n", 2, 0, 1);
	unsigned steps = 0;
	while (simm_write_step(w) == SIMM_MORE && ++steps < 4)
		cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
	cr_expect_eq(steps, 4, "there is more to do");
	cr_expect(strstr(world_cat(simm, "sim/compaction"), "\nrunning: by hand: node 0 zone "));
	simm_write_interrupt(w);
	while (simm_write_step(w) == SIMM_MORE)
		;
	cr_expect_eq(simm_write_end(w), -EINTR);
	simm_release(open);
	cr_expect_not(strstr(world_cat(simm, "sim/compaction"), "running"));
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
	world_call(simm, "alloc_pages GFP_KERNEL 0");
	simm_destroy(simm);
}

Test(compaction, trace)
{
	struct simm *simm = world("pc-i386", "ram", "128M", NULL);

	fragment(simm, 2);
	world_write(simm, "sys/kernel/tracing/set_event", "compaction:*\n");
	world_call(simm, "big = alloc_pages GFP_HIGHUSER_MOVABLE 9");
	const char *trace = world_cat(simm, "sys/kernel/tracing/trace");
	cr_expect(strstr(trace, "mm_compaction_try_to_compact_pages: order=9 "
				"gfp_mask=GFP_HIGHUSER_MOVABLE priority=2 (COMPACT_PRIO_ASYNC)"),
		"%s", trace);
	cr_expect(strstr(trace, "mm_compaction_begin: zone_start=0x"));
	cr_expect(strstr(trace, " nr_taken=32"));
	cr_expect(strstr(trace, " status=success"));
	simm_destroy(simm);
}

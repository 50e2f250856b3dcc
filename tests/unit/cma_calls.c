/* SPDX-License-Identifier: MIT
 *
 * Claims about contiguous memory areas as a user sees them: calls and their mistakes, files in Linux's formats, who lives in
 * an area and who would not leave, tracepoints.
 */
#include "support/world.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEBUG "sys/kernel/debug/cma/reserved/"
#define SYSFS "sys/kernel/mm/cma/reserved/"
#define SIM   "sim/cma/reserved/"

static bool cat_is(struct simm *simm, const char *path, const char *text)
{
	bool same = !strcmp(world_cat(simm, path), text);

	if (!same)
		cr_log_error("%s: %s", path, world_cat(simm, path));
	return same;
}

static bool cat_has(struct simm *simm, const char *path, const char *text)
{
	bool has = strstr(world_cat(simm, path), text);

	if (!has)
		cr_log_error("%s lacks \"%s\": %s", path, text, world_cat(simm, path));
	return has;
}

static struct simm *board(void)
{
	return world("arm64-virt", "ram", "256M", "cma", "16M", NULL);
}

Test(cma_calls, answers)
{
	struct simm *simm = board();
	unsigned long pfn = strtoul(world_cat(simm, DEBUG "base_pfn"), NULL, 10);
	char expected[120];

	snprintf(expected, sizeof(expected), "0x%lx zone=DMA node=0 pages=256 area=reserved", pfn);
	cr_expect_str_eq(world_call(simm, "buf = cma_alloc reserved 256"), expected);
	cr_expect(cat_has(simm, "sim/page/buf+255", "given out by cma_alloc"));
	cr_expect(cat_is(simm, DEBUG "used", "256\n"));
	cr_expect(cat_is(simm, DEBUG "count", "4096\n"));
	cr_expect(cat_is(simm, DEBUG "maxchunk", "3840\n"));
	cr_expect(cat_is(simm, DEBUG "order_per_bit", "0\n"));
	world_call(simm, "cma_release reserved buf+8 8");
	cr_expect(cat_is(simm, DEBUG "used", "248\n"));
	cr_expect_eq(
		strncmp(world_cat(simm, DEBUG "bitmap"), "4294902015 4294967295 4294967295 ", 33),
		0, "%s", world_cat(simm, DEBUG "bitmap"));
	cr_expect_eq(world_refused(simm, "cma_release reserved buf"), EINVAL);
	world_call(simm, "cma_release reserved buf 8");
	world_call(simm, "cma_release reserved buf+16 240");
	cr_expect(cat_is(simm, SYSFS "alloc_pages_success", "256\n"));
	cr_expect(cat_is(simm, SYSFS "alloc_pages_fail", "0\n"));
	world_call(simm, "c = cma_alloc reserved 3 4 1");
	world_call(simm, "r = alloc_contig_pages 300");
	world_call(simm, "free_contig_range r");
	cr_expect(cat_is(simm, "sim/check", "ok\n"));
	simm_destroy(simm);
}

Test(cma_calls, mistakes)
{
	static const struct {
		const char *line;
		int err;
		const char *words;
	} row[] = {
		{"cma_alloc linux,cma 1", EINVAL, "is called linux,cma: there is reserved"},
		{"cma_alloc(reserved,5000)", ENOMEM, "has 4096"},
		{"cma_alloc reserved 5000", ENOMEM, "has 4096 (16 MiB)"},
		{"cma_alloc reserved 1 77", EINVAL, "at most 51"},
		{"cma_alloc reserved 1 30", ENOMEM, "at that alignment"},
		{"cma_alloc reserved 0", ENOMEM, "at least one"},
		{"cma_alloc reserved", EINVAL, "cma_alloc"},
		{"cma_release reserved p 1", EINVAL, "not all of the area"},
		{"cma_release reserved p", EINVAL, "how many pages"},
		{"cma_release reserved b+4 1", EINVAL, "not given out"},
		{"cma_release nowhere b 4", EINVAL, "there is reserved"},
		{"free_contig_range b", EINVAL, "cma_release takes it back"},
		{"free_contig_range p 1", EINVAL, "no single page"},
		{"alloc_contig_range 0x9999999 0x999999a", EINVAL, "one zone"},
		{"alloc_contig_range 0x40000 0x40010 MIGRATE_CMA", EINVAL, "cma_alloc's"},
	};
	struct simm *simm = board();

	world_call(simm, "p = alloc_pages GFP_KERNEL 1");
	world_call(simm, "b = cma_alloc reserved 4");
	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		cr_expect_eq(world_refused(simm, row[i].line), row[i].err, "%s", row[i].line);
		cr_expect(strstr(world_cat(simm, "sim/errors"), row[i].words), "%s: %s",
			row[i].line, world_cat(simm, "sim/errors"));
	}
	cr_expect(cat_is(simm, "sim/check", "ok\n"));
	simm_destroy(simm);
}

Test(cma_calls, debugfs_allocates_and_frees)
{
	struct simm *simm = board();

	cr_expect_eq(world_write(simm, DEBUG "alloc", "100\n"), 4);
	cr_expect_eq(world_write(simm, DEBUG "alloc", "0x40"), 4);
	cr_expect_eq(world_write(simm, DEBUG "alloc", "4096\n"), -ENOMEM);
	cr_expect_eq(world_write(simm, DEBUG "alloc", "many\n"), -EINVAL);
	cr_expect_eq(world_write(simm, DEBUG "alloc", "-1\n"), -EINVAL);
	cr_expect_eq(world_write(simm, DEBUG "alloc", "18446744073709551616\n"), -ERANGE);
	cr_expect(cat_is(simm, DEBUG "used", "164\n"));
	/* The latest first, and the beginning of a part. */
	cr_expect_eq(world_write(simm, DEBUG "free", "70\n"), 3);
	cr_expect(cat_is(simm, DEBUG "used", "94\n"));
	cr_expect_eq(strncmp(world_cat(simm, DEBUG "bitmap"), "4294967232 ", 11), 0);
	cr_expect_eq(world_write(simm, DEBUG "free", "1000\n"), 5);
	cr_expect(cat_is(simm, DEBUG "used", "0\n"));
	cr_expect(cat_is(simm, "sim/check", "ok\n"));
	simm_destroy(simm);
}

Test(cma_calls, tenants_and_blockers)
{
	/* More than half of what is free is the area's, so movable pages go there first. */
	struct simm *simm = world("arm64-virt", "ram", "128M", "cma", "80M", NULL);

	world_call(simm, "p.0-499 = alloc_page GFP_HIGHUSER_MOVABLE");
	world_call(simm, "get_page p.3");
	cr_expect(cat_has(simm, SIM "tenants",
		"20480 pages: 0 given out, 19980 free, 500 tenants, of whom 1 cannot leave\n"));
	cr_expect(cat_has(simm, SIM "tenants", " kernel  yes     p.0  "));
	cr_expect(cat_has(simm, SIM "tenants", "and 100 more kernel that can leave\n"));
	cr_expect(cat_has(simm, SIM "blockers", " kernel  no      p.3  "));
	cr_expect_null(strstr(world_cat(simm, SIM "blockers"), "p.4"));
	cr_expect_eq(world_refused(simm, "all = cma_alloc reserved 20480"), EBUSY);
	cr_expect(cat_has(simm, "sim/errors", "cannot leave: it is held by 2 references"));
	world_call(simm, "put_page p.3");
	world_call(simm, "all = cma_alloc reserved 20480");
	cr_expect(cat_has(simm, SIM "tenants", "20480 given out, 0 free, 0 tenants"));
	cr_expect(cat_has(simm, "proc/meminfo", "CmaFree:               0 kB\n"));
	cr_expect(cat_has(simm, "sim/page/p.3", "in use"));
	cr_expect(cat_is(simm, "sim/check", "ok\n"));
	simm_destroy(simm);
}

Test(cma_calls, tracepoints)
{
	struct simm *simm = board();

	cr_expect_eq(world_write(simm, "sys/kernel/tracing/events/cma/enable", "1"), 1);
	world_call(simm, "b = cma_alloc reserved 4 2");
	world_refused(simm, "cma_alloc reserved 4096");
	world_call(simm, "cma_release reserved b");
	cr_expect(cat_has(simm, "sys/kernel/tracing/trace",
		"cma_alloc_start: name=reserved count=4 align=2\n"));
	cr_expect(cat_has(simm, "sys/kernel/tracing/trace", " count=4 align=2 errorno=0\n"));
	cr_expect(cat_has(simm, "sys/kernel/tracing/trace",
		"pfn=0xffffffffffffffff page=0000000000000000 count=4096 align=0 errorno=-12\n"));
	cr_expect(cat_has(simm, "sys/kernel/tracing/trace", "cma_release: name=reserved pfn=0x"));
	cr_expect(cat_has(simm, "sys/kernel/tracing/events/cma/cma_alloc_finish/format",
		"\tfield:const struct page * page;\toffset:24;\tsize:8;\tsigned:0;\n"));
	simm_destroy(simm);
}

/* A large one is cut into slices; readers in between see a whole machine, another one waits, a signal undoes it. */
Test(cma_calls, slices_and_an_interruption)
{
	static const char line[] = "big = cma_alloc reserved 65000\n";
	struct simm *simm = world("arm64-virt", "ram", "512M", "cma", "256M", NULL);
	struct simm_open *open = world_open(simm, "sim/ctl", SIMM_O_READ | SIMM_O_WRITE);
	struct simm_open *other = world_open(simm, "sim/cpu1/ctl", SIMM_O_READ | SIMM_O_WRITE);
	struct simm_write *w, *second;
	unsigned slices = 0;

	world_call(simm, "p.0-19999 = alloc_page GFP_HIGHUSER_MOVABLE");
	for (unsigned round = 0; round < 6; round++) {
		w = simm_write_begin(open, line, sizeof(line) - 1, 0, 1);
		for (unsigned i = 0; i < 3 + round * 3; i++)
			cr_assert_eq(simm_write_step(w), SIMM_MORE, "round %u slice %u", round, i);
		cr_expect(cat_is(simm, DEBUG "used", "65000\n"));
		cr_expect(cat_is(simm, "sim/check", "ok\n"));
		simm_write_interrupt(w);
		while (simm_write_step(w) == SIMM_MORE)
			;
		/* Once all pages are taken it is done. */
		ssize_t end = simm_write_end(w);
		cr_expect(end == -EINTR || (round > 3 && end > 0), "round %u: %zd", round, end);
		if (end > 0)
			world_call(simm, "cma_release reserved big");
		cr_expect(cat_is(simm, DEBUG "used", "0\n"));
		cr_expect(cat_is(simm, "sim/check", "ok\n"));
	}
	w = simm_write_begin(open, line, sizeof(line) - 1, 0, 1);
	cr_assert_eq(simm_write_step(w), SIMM_MORE);
	second = simm_write_begin(other, "small = cma_alloc reserved 3\n", 29, 0, 2);
	cr_expect_eq(simm_write_step(second), SIMM_WAIT, "one allocation at a time");
	while (simm_write_step(w) == SIMM_MORE)
		slices++;
	cr_expect_gt(slices, 8, "%u slices", slices);
	cr_expect_eq(simm_write_end(w), (ssize_t)sizeof(line) - 1);
	while (simm_write_step(second) != SIMM_DONE)
		;
	cr_expect_eq(simm_write_end(second), 29);
	cr_expect(cat_is(simm, DEBUG "used", "65003\n"));
	simm_release(open);
	simm_release(other);
	cr_expect(cat_is(simm, "sim/check", "ok\n"));
	simm_destroy(simm);
}

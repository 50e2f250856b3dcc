/* SPDX-License-Identifier: MIT
 *
 * Claim: an act that moves many pages is cut into slices, whoever asks for it. Between two of them a reader finds a whole
 * machine; whether somebody looks changes nothing of what comes of it; a signal ends it with nothing half done, and the machine
 * goes on.
 *
 *	write  ──[slice]──[slice]──[slice]──...──[slice]──> answer          sim/check is ok at each ──
 *	                 signal ──> [undo]──> EINTR
 */
#include "support/world.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MOVABLE "GFP_HIGHUSER_MOVABLE"
/* Memory in single pages, every second one free, and no large block left; some pages are held, so that none comes to be. */
#define CRUMBS                                                                                     \
	"p.0- = alloc_pages " MOVABLE " 0\n__free_pages p.1-:1/2 0\ndrain_all_pages\n"             \
	"x.0- = alloc_pages __GFP_MOVABLE 9\n"
#define HELD "get_page p.0-:1/200\n"
/* Memory full of movable pages, of which two of three go. */
#define TENANTS                                                                                    \
	"p.0- = alloc_pages " MOVABLE " 0\n__free_pages p.0-:1/3 0\n__free_pages p.1-:1/3 0\n"

static const struct act {
	const char *name, *preset, *ram, *cma;
	const char *setup; /* lines of sim/ctl */
	const char *path, *text;
	int whole;	 /* what it gives; 0: the text's length */
	int interrupted; /* and after a signal */
	unsigned slices; /* at least so many */
} acts[] = {
	{"a large block", "pc-x86_64", "256M", "0", CRUMBS HELD, "sim/ctl",
		"big = alloc_pages " MOVABLE " 9\n", -ENOMEM, -EINTR, 5},
	{"large blocks", "pc-x86_64", "256M", "0", CRUMBS, "sim/ctl",
		"big.0-19 = alloc_pages " MOVABLE " 9\n", 0, -EINTR, 5},
	{"huge pages", "pc-x86_64", "256M", "0", CRUMBS, "proc/sys/vm/nr_hugepages", "20\n", 0, 0,
		5},
	{"more huge pages than fit", "pc-x86_64-numa", "512M", "0", CRUMBS,
		"proc/sys/vm/nr_hugepages", "1000\n", 0, 0, 5},
	{"kcompactd", "pc-x86_64", "256M", "0", CRUMBS HELD, "sim/ctl",
		"q = alloc_pages GFP_NOWAIT 9\n", -ENOMEM, -ENOMEM, 5},
	{"kcompactd by itself", "pc-x86_64", "256M", "0", CRUMBS, "sim/clock", "+1s\n", 0, -EINTR,
		5},
	{"an area by debugfs", "arm64-virt", "512M", "256M", TENANTS,
		"sys/kernel/debug/cma/reserved/alloc", "65000\n", 0, -EINTR, 20},
	{"an area's release by debugfs", "arm64-virt", "512M", "256M", "",
		"sys/kernel/debug/cma/reserved/free", "65536\n", 0, 0, 5},
	{"an area's release", "arm64-virt", "512M", "256M", "a = cma_alloc reserved 65536\n",
		"sim/ctl", "cma_release reserved a\n", 0, 0, 5},
	{"an area by a recording", "arm64-virt", "512M", "256M", TENANTS, "sim/replay",
		" a-1 [000] ..... 1.0: cma_alloc_finish: name=reserved pfn=0x3b400 page=0000000012 "
		"count=65000 align=0 errorno=0\n",
		0, -EINTR, 20},
	{"a large block by a recording", "pc-x86_64", "256M", "0", CRUMBS HELD, "sim/replay",
		" a-1 [000] ..... 1.0: mm_page_alloc: page=0000000012 pfn=0x3b400 order=9 "
		"migratetype=1 gfp_flags=" MOVABLE "\n",
		0, -EINTR, 5},
	{"pages side by side", "arm64-virt", "512M", "16M", TENANTS, "sim/ctl",
		"alloc_contig_pages 30000 GFP_KERNEL\n", 0, -EINTR, 20},
};

static struct simm *machine_for(const struct act *a)
{
	struct simm *simm = world(a->preset, "ram", a->ram, "cma", a->cma, NULL);

	if (strcmp(a->path, "sim/clock"))
		world_write(simm, "proc/sys/vm/compaction_proactiveness", "0\n");
	else
		world_write(simm, "proc/sys/vm/compaction_proactiveness", "90\n");
	if (strstr(a->path, "/free"))
		world_write(simm, "sys/kernel/debug/cma/reserved/alloc", "65536\n");
	struct simm_open *ctl = world_open(simm, "sim/ctl", SIMM_O_WRITE);

	for (const char *line = a->setup; *line; line = strchr(line, '\n') + 1) {
		size_t len = (size_t)(strchr(line, '\n') + 1 - line);

		ssize_t ret = world_put(ctl, line, len, 1);

		/* There may be no large block. */
		cr_assert(ret == (ssize_t)len || *line == 'x', "%s", line);
	}
	simm_release(ctl);
	return simm;
}

/* Its answer. *@slices: in, after how many a signal comes (0: none); out, how many there were. */
static ssize_t run(struct simm *simm, const struct act *a, bool look, unsigned *slices)
{
	struct simm_open *open = world_open(simm, a->path, SIMM_O_WRITE);
	struct simm_write *w = simm_write_begin(open, a->text, strlen(a->text), 0, 1);
	unsigned done = 0;

	while (simm_write_step(w) == SIMM_MORE) {
		/* The beginning is where most changes; a look takes longer than a slice. */
		if (look && (done < 4 || done % 16 == 0))
			cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n", "%s", a->name);
		if (++done == *slices)
			simm_write_interrupt(w);
		cr_assert_lt(done, 1000000, "%s", a->name);
	}
	*slices = done;
	ssize_t ret = simm_write_end(w);

	simm_release(open);
	return ret;
}

static void whole(const struct act *a)
{
	struct simm *simm = machine_for(a), *watched = machine_for(a);
	ssize_t expected = a->whole ? a->whole : (ssize_t)strlen(a->text);
	unsigned slices = 0, same = 0;
	char digest[128];

	cr_expect_eq(run(simm, a, false, &slices), expected, "%s: %s", a->name,
		world_cat(simm, "sim/errors"));
	cr_expect_geq(slices, a->slices, "%s: %u", a->name, slices);
	cr_expect_eq(run(watched, a, true, &same), expected);
	cr_expect_eq(same, slices, "%s", a->name);
	snprintf(digest, sizeof(digest), "%s", world_cat(simm, "sim/digest"));
	cr_expect_str_eq(world_cat(watched, "sim/digest"), digest, "%s", a->name);
	simm_destroy(simm);
	simm_destroy(watched);
}

static void interrupted(const struct act *a, unsigned after)
{
	struct simm *simm = machine_for(a);
	ssize_t expected = a->interrupted ? a->interrupted : (ssize_t)strlen(a->text);
	unsigned slices = after;
	ssize_t ret = run(simm, a, true, &slices);

	/* Blocks that were had by then stay, and are the answer. */
	if (strstr(a->text, "big.0-19") && ret > 0)
		cr_expect(strstr(world_cat(simm, "sim/last"), "stopped=EINTR"), "%s",
			world_cat(simm, "sim/last"));
	else
		cr_expect_eq(ret, expected, "%s after %u: %zd", a->name, after, ret);
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n", "%s", a->name);
	cr_expect_not(strstr(world_cat(simm, "sim/compaction"), "running: by hand") ||
			      strstr(world_cat(simm, "sim/compaction"), "running: for"),
		"%s", a->name);
	/* Others can act, and the same act goes through. */
	world_call(simm, "alloc_pages GFP_KERNEL 0");
	if (a->interrupted == -EINTR && !a->whole) {
		slices = 0;
		cr_expect_eq(run(simm, a, false, &slices), (ssize_t)strlen(a->text), "%s", a->name);
	}
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n", "%s", a->name);
	simm_destroy(simm);
}

Test(slices, what_comes_of_it, .timeout = 600)
{
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
		whole(&acts[i]);
}

Test(slices, a_signal, .timeout = 600)
{
	static const unsigned after[] = {1, 2, 5};

	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
		for (size_t k = 0; k < sizeof(after) / sizeof(after[0]); k++)
			if (after[k] < acts[i].slices)
				interrupted(&acts[i], after[k]);
}

/* Who makes or ends something acts, too, and would meet the machine in the midst of another's. */
Test(slices, nothing_is_made_or_ended_meanwhile)
{
	const struct act *a = &acts[0];
	struct simm *simm = machine_for(a);
	struct simm_node tasks, names;

	cr_assert_eq(simm_resolve(simm, "sim/tasks", &tasks), 0);
	cr_assert_eq(simm_resolve(simm, "sim/vars", &names), 0);
	world_call(simm, "__free_pages p.0");
	cr_assert_eq(simm_mkdir(simm, &tasks, "first"), 0);
	world_call(simm, "n = page_to_pfn 0x100");
	struct simm_open *open = world_open(simm, a->path, SIMM_O_WRITE);
	struct simm_write *w = simm_write_begin(open, a->text, strlen(a->text), 0, 1);

	cr_assert_eq(simm_write_step(w), SIMM_MORE);
	cr_expect_eq(simm_mkdir(simm, &tasks, "second"), -EBUSY);
	cr_expect_eq(simm_rmdir(simm, &tasks, "first"), -EBUSY);
	cr_expect_eq(simm_unlink(simm, &names, "n"), -EBUSY);
	while (simm_write_step(w) == SIMM_MORE)
		;
	simm_write_end(w);
	simm_release(open);
	cr_expect_eq(simm_unlink(simm, &names, "n"), 0);
	cr_expect_eq(simm_rmdir(simm, &tasks, "first"), 0);
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
	simm_destroy(simm);
}

/* What faults pages in acts, too, though it is a read: it waits. Others do not. */
Test(slices, who_reads_memory_waits)
{
	const struct act *a = &acts[0];
	struct simm *simm = machine_for(a);
	struct simm_node tasks;
	char byte, second;

	cr_assert_eq(simm_resolve(simm, "sim/tasks", &tasks), 0);
	world_call(simm, "__free_pages p.0-:1/100");
	cr_assert_eq(simm_mkdir(simm, &tasks, "hog"), 0);
	world_call_at(simm, "sim/tasks/hog/ctl",
		"mmap 20000000 64K rw-p MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED");
	struct simm_open *mem = world_open(simm, "sim/tasks/hog/mem", SIMM_O_READ);
	struct simm_open *open = world_open(simm, a->path, SIMM_O_WRITE);
	struct simm_write *w = simm_write_begin(open, a->text, strlen(a->text), 0, 1);

	cr_assert_eq(simm_write_step(w), SIMM_MORE);
	cr_expect_eq(simm_read(mem, &byte, 1, 0x20000000), -EAGAIN);
	struct simm_open *cmdline = world_open(simm, "sim/tasks/hog/cmdline", SIMM_O_READ);
	struct simm_open *behind = world_open(simm, "sim/tasks/hog/cmdline", SIMM_O_READ);
	cr_expect_eq(simm_read(cmdline, &byte, 1, 0), -EAGAIN);
	cr_expect(strstr(world_cat(simm, "sim/tasks/hog/maps"), "20000000-20010000"));
	while (simm_write_step(w) == SIMM_MORE)
		;
	simm_write_end(w);
	cr_expect_eq(simm_read(mem, &byte, 1, 0x20000000), 1);
	cr_expect_eq(simm_read(cmdline, &byte, 1, 0), 1);
	cr_expect_eq(byte, '/');
	cr_expect_eq(simm_read(cmdline, &byte, 1, 1), 1);
	cr_expect_eq(
		simm_read(behind, &second, 1, 1), 1, "also when it is not read from its beginning");
	cr_expect_eq(second, byte);
	simm_release(behind);
	simm_release(cmdline);
	simm_release(open);
	simm_release(mem);
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
	simm_destroy(simm);
}

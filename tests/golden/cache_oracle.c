/* SPDX-License-Identifier: MIT
 *
 * The oracle's experiment 05: a file of 48 MiB is read once and dropped, on machines that are like the real ones.
 *
 *	00-clean ── read 50331648 bytes ──> 01-read ── drop_caches=1 ──> 02-dropped1
 *
 * Real kernels keep some counters per CPU and late (up to 63 each), batches of the LRU and of frees (15), and read the file
 * system's own blocks besides; so much may differ. What is dropped goes to the CPU's list first: where its limit is high
 * enough, MemFree does not move, as README point 4 says.
 */
#include "oracle.h"
#include "support/booted.h"

#include "mm/page/page_alloc.h"
#include "mm/page/zone.h"
#include "mm/process/file.h"
#include "mm/slab/slab.h"

enum { FILE_BYTES = 50331648, FILE_PAGES = FILE_BYTES / 4096, SLACK = 80 };

struct state {
	int64_t free_pages, pcp, file_pages, inactive_file, active_file, pgpgin, radix;
};

static int64_t line(const char *text, const char *name)
{
	for (const char *s = text; s; s = strchr(s, '\n'), s += s ? 1 : 0)
		if (!strncmp(s, name, strlen(name)))
			return strtoll(s + strlen(name), NULL, 10);
	cr_assert_fail("no %s", name);
	return 0;
}

static char *step_file(const char *machine, const char *step, const char *file)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/experiments/05-drop-caches/%s/proc/%s", machine, step,
		file);
	return oracle_need(path);
}

static struct state real_state(const char *machine, const char *step)
{
	char *vmstat = step_file(machine, step, "vmstat"),
	     *zoneinfo = step_file(machine, step, "zoneinfo");
	char *slabs = step_file(machine, step, "slabinfo");
	struct state s = {.free_pages = line(vmstat, "nr_free_pages "),
		.file_pages = line(vmstat, "nr_file_pages "),
		.inactive_file = line(vmstat, "nr_inactive_file "),
		.active_file = line(vmstat, "nr_active_file "),
		.pgpgin = line(vmstat, "pgpgin "),
		.radix = line(slabs, "radix_tree_node ")};

	for (const char *at = zoneinfo; (at = strstr(at, "count: ")); at++)
		s.pcp += strtoll(at + 7, NULL, 10);
	free(vmstat);
	free(zoneinfo);
	free(slabs);
	return s;
}

static struct state our_state(const struct machine *m)
{
	struct state s = {.free_pages = (int64_t)zone_stat_total(m, ZS_nr_free_pages),
		.file_pages = (int64_t)node_stat_total(m, ND_nr_file_pages),
		.inactive_file = (int64_t)node_stat_total(m, ND_nr_inactive_file),
		.active_file = (int64_t)node_stat_total(m, ND_nr_active_file),
		.pgpgin = (int64_t)m->vm_event[EV_pgpgin] / 2,
		.radix = (int64_t)kmem_cache_objects(m, KMEM_radix_tree_node)};

	for (const struct zone *z = zone_next(m, NULL); z; z = zone_next(m, z))
		for (unsigned cpu = 0; cpu < m->nr_cpus; cpu++)
			s.pcp += zone_pcp(m, z, cpu)->count;
	return s;
}

static void near(const char *machine, const char *what, int64_t real, int64_t ours, int64_t slack)
{
	cr_expect(llabs(real - ours) <= slack, "%s, %s: really %lld, here %lld", machine, what,
		(long long)real, (long long)ours);
}

static struct machine *like(const char *machine)
{
	char dir[512];

	snprintf(dir, sizeof(dir), "%s/oracle/%s", shared_dir(), machine);
	return boot_described(like_dump(dir));
}

static void read_all(struct machine *m, struct inode *i)
{
	struct file *f = file_open_inode(m, 0, i, FILE_RDONLY);

	for (uint64_t at = 0; at < FILE_BYTES; at += 65536)
		cr_assert_eq(vfs_read(m, 0, f, at, NULL, 65536), 65536);
	file_put(m, 0, f);
}

static void run(const char *machine)
{
	struct state real[3] = {real_state(machine, "00-clean"), real_state(machine, "01-read"),
		real_state(machine, "02-dropped1")};
	struct machine *m = like(machine);
	struct inode *i =
		inode_create(m, 0, INODE_FILE, "/mnt/big.bin", 12, FILE_BYTES, CONTENT_ZERO);
	struct state ours[3] = {our_state(m)};

	read_all(m, i);
	ours[1] = our_state(m);
	cr_assert_eq(sysctl_set(m, SYSCTL_drop_caches, 1), 0);
	ours[2] = our_state(m);
#define DELTA(s, field, to) ((s)[to].field - (s)[(to)-1].field)
	near(machine, "pages read", DELTA(real, file_pages, 1), DELTA(ours, file_pages, 1), SLACK);
	near(machine, "inactive", DELTA(real, inactive_file, 1), DELTA(ours, inactive_file, 1),
		SLACK);
	near(machine, "active", DELTA(real, active_file, 1), DELTA(ours, active_file, 1), SLACK);
	near(machine, "pgpgin in KiB", DELTA(real, pgpgin, 1), DELTA(ours, pgpgin, 1), SLACK);
	near(machine, "dropped", DELTA(real, file_pages, 2), DELTA(ours, file_pages, 2), SLACK);
	/* A kernel that has run for a while has free objects in its slabs: 192 leaves and what is above them. */
	cr_expect_eq(DELTA(ours, radix, 1), FILE_PAGES / 64 + 4);
	cr_expect_eq(ours[2].radix, 0);
	near(machine, "free and on CPUs' lists",
		real[2].free_pages + real[2].pcp - real[1].free_pages - real[1].pcp,
		ours[2].free_pages + ours[2].pcp - ours[1].free_pages - ours[1].pcp, SLACK);
	if (!DELTA(real, free_pages, 2))
		near(machine, "MemFree", 0, DELTA(ours, free_pages, 2), SLACK);
	else
		cr_expect_gt(DELTA(ours, free_pages, 2), FILE_PAGES / 2);
	booted_check(m);
	machine_destroy(m);
}

Test(cache_oracle, a_file_is_read_and_dropped)
{
	static const char *const machines[] = {"amd64-1g", "amd64-numa-4g", "arm64-1g", "armhf-2g",
		"i386-686-256m", "i386-686-2g"};

	free(oracle_need("README.md"));
	for (unsigned k = 0; k < sizeof(machines) / sizeof(machines[0]); k++)
		run(machines[k]);
}

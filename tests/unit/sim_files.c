/* SPDX-License-Identifier: MIT
 *
 * Claim: simulated files are seen where Linux shows them: what is cached, dirty and dropped in meminfo and vmstat, each
 * page in kpageflags and sim/page, the files themselves in sim/files.
 */
#include "support/booted.h"
#include "support/world.h"

#include "base/text.h"
#include "mm/page/frame.h"
#include "mm/page/page_alloc.h"
#include "mm/process/file.h"
#include "mm/process/task.h"
#include "view/files.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *shown(struct machine *m, show_fn *show, uint64_t arg)
{
	static char s[1 << 16];
	struct session session = {.m = m};
	struct view v = {.s = &session, .m = m, .arg = {arg}};
	struct text out;

	text_init(&out);
	cr_assert_eq(show(&v, &out), 0);
	snprintf(s, sizeof(s), "%s", text_str(&out));
	text_finish(&out);
	return s;
}

/* The number behind @name at the beginning of a line. */
static uint64_t number(const char *text, const char *name)
{
	char want[64];

	snprintf(want, sizeof(want), "\n%s", name);
	const char *at = strstr(text, want);
	cr_assert(at, "%s", name);
	return strtoull(at + strlen(want), NULL, 10);
}

static uint64_t kpageflags(struct machine *m, uint64_t pfn)
{
	struct session session = {.m = m};
	struct view v = {.s = &session, .m = m};
	uint64_t word = 0;

	cr_assert_eq(read_kpageflags(&v, &word, 8, pfn * 8), 8);
	return word;
}

Test(sim_files, counters)
{
	struct machine *m = booted("pc-x86_64", "ram", "256M", NULL);
	uint64_t before = number(shown(m, show_meminfo, 0), "Cached:");
	struct inode *i = inode_create(m, 0, INODE_FILE, "/d", 2, 400 * 4096, CONTENT_ZERO);

	file_read(m, 0, i, 0, NULL, 300 * 4096);
	file_read(m, 0, i, 0, NULL, 100 * 4096);
	file_write(m, 0, i, 0, NULL, 50 * 4096);
	const char *s = shown(m, show_meminfo, 0);
	cr_expect_eq(number(s, "Cached:") - before, i->nr_pages * 4);
	cr_expect_eq(number(s, "Active(file):"), 400);
	cr_expect_eq(number(s, "Inactive(file):"), i->nr_pages * 4 - 400);
	cr_expect_eq(number(s, "Dirty:"), 200);
	cr_expect_eq(number(s, "Shmem:"), 0);
	s = shown(m, show_vmstat, 0);
	cr_expect_eq(number(s, "nr_dirtied "), 50);
	cr_expect_eq(number(s, "nr_zone_write_pending "), 50);
	cr_expect_eq(number(s, "pgpgin "), i->nr_pages * 4);
	cr_expect_eq(number(s, "pgactivate "), 100);
	cr_expect_eq(sysctl_set(m, SYSCTL_drop_caches, 1), 0);
	cr_expect_eq(number(shown(m, show_vmstat, 0), "nr_file_pages ") * 4, before + 200);
	cr_expect_eq(number(shown(m, show_vmstat, 0), "drop_pagecache "), 1);
	cr_expect_eq(number(shown(m, show_vmstat, 0), "drop_slab "), 0);
	booted_check(m);
	machine_destroy(m);
}

/* kpageflags as real machines have it: experiments 11-shmem-touched and 31-file-read of 15. */
Test(sim_files, flags_of_pages)
{
	struct machine *m = booted("pc-x86_64", "ram", "256M", NULL);
	struct inode *file = inode_create(m, 0, INODE_FILE, "/d", 2, 4096, CONTENT_ZERO);
	struct inode *shm = inode_create(m, 0, INODE_SHMEM, "/s", 2, 4096, CONTENT_ZERO);
	uint64_t pfn;
	bool major;
	char want[80];

	cr_assert_eq(page_cache_get(m, 0, file, 0, false, &major, &pfn), 0);
	cr_expect_eq(kpageflags(m, pfn), 0x400000028);
	frame_of(m, pfn)->mapcount = 1;
	cr_expect_eq(kpageflags(m, pfn), 0x400000828);
	frame_of(m, pfn)->mapcount = 0;
	const char *s = shown(m, show_page, pfn);
	snprintf(
		want, sizeof(want), "\nmapping        /d, page 0, inode %u\n", (unsigned)file->ino);
	cr_expect(strstr(s, want), "%s", s);
	cr_expect(strstr(s, "\nowner          the page cache\n"), "%s", s);
	cr_expect(strstr(s, " mappedtodisk"), "%s", s);
	cr_assert_eq(page_cache_get(m, 0, shm, 0, false, &major, &pfn), 0);
	set_page_dirty(m, pfn);
	cr_expect_eq(kpageflags(m, pfn), 0x4038);
	booted_check(m);
	machine_destroy(m);
}

Test(sim_files, the_zero_page)
{
	struct machine *m = booted("pc-x86_64", "ram", "256M", NULL);

	if (m->processes.zero_pfn) {
		cr_expect_eq(kpageflags(m, m->processes.zero_pfn), 0x101000000);
		cr_expect(strstr(shown(m, show_page, m->processes.zero_pfn), "page of zeroes"));
	}
	machine_destroy(m);
}

Test(sim_files, a_table_of_files)
{
	struct simm *simm = world("pc-i386", "ram", "64M", NULL);
	static const struct {
		const char *line;
		int err;
	} rows[] = {
		{"create /data 8M pattern", 0},
		{"create \"/a file\" 10K", 0},
		{"create /data 1", EEXIST},
		{"create /huge 17T", EFBIG},
		{"create /x 1 random", EINVAL},
		{"create \"\" 1", ENOENT},
		{"create /x", EINVAL},
		{"create /gone 5000", 0},
		{"truncate /gone 4K", 0},
		{"truncate /nosuch 4K", ENOENT},
		{"unlink \"/gone\"", 0},
		{"unlink /gone", ENOENT},
	};

	for (unsigned r = 0; r < sizeof(rows) / sizeof(rows[0]); r++)
		cr_expect_eq(world_refused(simm, rows[r].line), rows[r].err, "%s", rows[r].line);
	const char *s = world_cat(simm, "sim/files");
	cr_expect(!strstr(s, "/gone"), "%s", s);
	cr_expect(strstr(s, "file       8388608        0        0        0    0 /data\n"), "%s", s);
	cr_expect(
		strstr(s, "file         10240        0        0        0    0 /a file\n"), "%s", s);
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
	simm_destroy(simm);
}

/* ---- through the mount: a file that two processes map ---- */

static uint64_t word_at(struct simm *simm, const char *path, uint64_t index)
{
	struct simm_open *open = world_open(simm, path, SIMM_O_READ);
	uint64_t word = 0;

	cr_assert_eq(simm_read(open, &word, sizeof(word), index * sizeof(word)), 8, "%s", path);
	simm_release(open);
	return word;
}

static uint64_t pfn_of(struct simm *simm, const char *pagemap, uint64_t addr)
{
	return word_at(simm, pagemap, addr / 4096) & (((uint64_t)1 << 55) - 1);
}

static uint64_t vmstat(struct simm *simm, const char *name)
{
	return number(world_cat(simm, "proc/vmstat"), name);
}

Test(sim_files, two_processes_map_a_file)
{
	static const char *const names[] = {"one", "two"};
	struct simm *simm = world("pc-x86_64", "ram", "256M", NULL);
	uint64_t addr[2];
	char path[80], want[120];

	world_call(simm, "create /data 8M pattern");
	for (int k = 0; k < 2; k++) {
		cr_assert_eq(world_mkdir(simm, "sim/tasks", names[k]), 0);
		snprintf(path, sizeof(path), "sim/tasks/%s/ctl", names[k]);
		world_call_at(simm, path, "fd = open /data O_RDWR");
		addr[k] = strtoull(
			world_call_at(simm, path, "m = mmap NULL 8M rw-s MAP_SHARED fd"), NULL, 16);
		const char *result = world_call_at(simm, path, "load m+4104 8");
		cr_expect(strstr(result, k ? "fault=minor" : "fault=major"), "%s", result);
	}
	uint64_t pfn = pfn_of(simm, "sim/tasks/one/pagemap", addr[0] + 4096);
	cr_assert_eq(pfn_of(simm, "sim/tasks/two/pagemap", addr[1] + 4096), pfn);
	cr_expect_eq(word_at(simm, "proc/kpagecount", pfn), 2);
	cr_expect_eq(word_at(simm, "proc/kpageflags", pfn), 0x400000828);
	snprintf(path, sizeof(path), "sim/page/0x%llx", (unsigned long long)pfn);
	const char *page = world_cat(simm, path);
	for (int k = 0; k < 2; k++) {
		snprintf(want, sizeof(want), " (%s) at 0x%llx\n", names[k],
			(unsigned long long)addr[k] + 4096);
		cr_expect(strstr(page, want), "%s in %s", want, page);
	}
	cr_expect(strstr(page, "\nmapping        /data, page 1, "), "%s", page);
	/* A pass over all of it by a third who has nothing mapped yet would cost 64 and 65 faults; of the first, who has
	 * 16 pages, one less that reads. */
	uint64_t pgmajfault = vmstat(simm, "pgmajfault ");
	world_call_at(simm, "sim/tasks/one/ctl", "touch m 8M r");
	cr_expect_eq(
		vmstat(simm, "pgmajfault "), pgmajfault, "the marks are found, nothing is missed");
	cr_expect_eq(vmstat(simm, "nr_mapped ") - 2048, vmstat(simm, "nr_mapped ") % 2048);
	world_call_at(simm, "sim/tasks/two/ctl", "store m 1");
	cr_expect_eq(vmstat(simm, "nr_dirty "), 1);
	/* What is cut off is unmapped; drop_caches spares what is mapped, and what is dirty. */
	world_call(simm, "truncate /data 64K");
	cr_expect_eq(world_refused_at(simm, "sim/tasks/one/ctl", "load m+64K"), EFAULT);
	cr_expect(strstr(world_cat(simm, "sim/errors"), "SIGBUS"));
	world_call_at(simm, "sim/tasks/one/ctl", "munmap m 8M");
	world_call_at(simm, "sim/tasks/two/ctl", "munmap m 8M");
	cr_expect_eq(world_write(simm, "proc/sys/vm/drop_caches", "1\n"), 2);
	cr_expect_eq(vmstat(simm, "nr_dirty "), 1);
	const char *files = world_cat(simm, "sim/files");
	cr_expect(strstr(files, "file         65536        1        1        0    2 /data\n"), "%s",
		files);
	world_call(simm, "unlink /data");
	cr_expect_eq(world_rmdir(simm, "sim/tasks", "one"), 0);
	cr_expect(strstr(world_cat(simm, "sim/files"), " 1 /data (deleted)\n"));
	cr_expect_eq(world_rmdir(simm, "sim/tasks", "two"), 0);
	cr_expect(!strstr(world_cat(simm, "sim/files"), "/data"));
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
	simm_destroy(simm);
}

/* A slab's frame keeps its cache's number where others keep their mapping's. */
Test(sim_files, no_slab_names_a_file)
{
	struct simm *simm = world("pc-i386", "ram", "64M", NULL);
	unsigned slabs = 0;
	char path[80];

	/* Mappings of all low numbers: files', and anonymous memory's. */
	for (unsigned i = 0; i < 40; i++) {
		snprintf(path, sizeof(path), "create /data%u 4K", i);
		world_call(simm, path);
		snprintf(path, sizeof(path), "spawn p%u", i);
		world_call(simm, path);
	}
	for (unsigned pfn = 0; pfn < 48 << 20 >> 12; pfn++) {
		if (!(word_at(simm, "proc/kpageflags", pfn) >> 7 & 1))
			continue;
		slabs++;
		snprintf(path, sizeof(path), "sim/page/0x%x", pfn);
		cr_expect(
			!strstr(world_cat(simm, path), "\nmapping "), "%s", world_cat(simm, path));
	}
	cr_expect_gt(slabs, 20);
	/* Nor does a large block of kmalloc's. */
	uint64_t pfn = (strtoull(world_call(simm, "kmalloc 16K"), NULL, 16) - 0xc0000000) >> 12;

	snprintf(path, sizeof(path), "sim/page/0x%llx", (unsigned long long)pfn);
	cr_expect(!strstr(world_cat(simm, path), "\nmapping "), "%s", world_cat(simm, path));
	cr_expect(!strstr(world_cat(simm, path), "page cache"), "%s", world_cat(simm, path));
	simm_destroy(simm);
}

Test(sim_files, anonymous_pages_and_tables_name_their_process)
{
	struct simm *simm = world("pc-i386", "ram", "256M", NULL);

	cr_assert_eq(world_mkdir(simm, "sim/tasks", "hog"), 0);
	uint64_t addr = strtoull(
		world_call_at(simm, "sim/tasks/hog/ctl", "m = mmap NULL 64K rw-p"), NULL, 16);
	world_call_at(simm, "sim/tasks/hog/ctl", "touch m 64K w");
	uint64_t pfn = pfn_of(simm, "sim/tasks/hog/pagemap", addr), table_pfn;
	char path[80], want[120];

	cr_expect_eq(word_at(simm, "proc/kpageflags", pfn), 0x400005828, "as in experiment 01b");
	snprintf(path, sizeof(path), "sim/page/0x%llx", (unsigned long long)pfn);
	snprintf(want, sizeof(want), " (hog) at 0x%llx\n", (unsigned long long)addr);
	cr_expect(strstr(world_cat(simm, path), want), "%s", world_cat(simm, path));
	cr_expect(strstr(world_cat(simm, path), "\nowner          anonymous memory\n"));
	for (table_pfn = 0; !(word_at(simm, "proc/kpageflags", table_pfn) >> 26 & 1);)
		table_pfn++;
	snprintf(path, sizeof(path), "sim/page/0x%llx", (unsigned long long)table_pfn);
	cr_expect(strstr(world_cat(simm, path), "\ntable of       "), "%s", world_cat(simm, path));
	world_call_at(simm, "sim/tasks/hog/ctl", "z = mmap NULL 4K rw-p");
	addr = strtoull(
		world_call_at(simm, "sim/tasks/hog/ctl", "z2 = mmap NULL 4K rw-p"), NULL, 16);
	world_call_at(simm, "sim/tasks/hog/ctl", "load z2 1");
	pfn = pfn_of(simm, "sim/tasks/hog/pagemap", addr);
	cr_expect_eq(word_at(simm, "proc/kpageflags", pfn), 0x101000000, "as in experiment 15");
	cr_expect_eq(word_at(simm, "proc/kpagecount", pfn), 0);
	simm_destroy(simm);
}

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
	};

	for (unsigned r = 0; r < sizeof(rows) / sizeof(rows[0]); r++)
		cr_expect_eq(world_refused(simm, rows[r].line), rows[r].err, "%s", rows[r].line);
	const char *s = world_cat(simm, "sim/files");
	cr_expect(strstr(s, "file       8388608        0        0        0    0 /data\n"), "%s", s);
	cr_expect(
		strstr(s, "file         10240        0        0        0    0 /a file\n"), "%s", s);
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
	simm_destroy(simm);
}

/* SPDX-License-Identifier: MIT
 *
 * Claims about like=: dumps of old and new kernels, in any order, with unknown fields; and dumps
 * that lie.
 */
#include "mm/boot/describe.h"

#include "mm/page/zone.h"
#include "support/booted.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int feed(struct machine_desc *d, const char *path, const char *text)
{
	return describe_like_file(d, path, text, strlen(text), NULL);
}

/* As 4.19 prints it on an arm64 server of two nodes, 0 and 2. */
static const char zones_4_19[] = "Node 0, zone    DMA32\n"
				 "  per-node stats\n"
				 "      nr_inactive_anon 12\n"
				 "  pages free     500000\n"
				 "        min      2000\n"
				 "        low      2500\n"
				 "        high     3000\n"
				 "        spanned  524288\n"
				 "        present  520000\n"
				 "        managed  510000\n"
				 "        protection: (0, 100, 100)\n"
				 "      nr_free_cma  16384\n"
				 "  pagesets\n"
				 "    cpu: 0\n"
				 "              count: 10\n"
				 "              high:  186\n"
				 "  node_unreclaimable:  0\n"
				 "  start_pfn:           524288\n"
				 "Node 0, zone   Normal\n"
				 "  pages free     500000\n"
				 "        spanned  1048576\n"
				 "        present  1048576\n"
				 "        managed  1030000\n"
				 "  start_pfn:           1048576\n"
				 "Node 2, zone   Normal\n"
				 "        spanned  1048576\n"
				 "        present  1000000\n"
				 "        managed  990000\n"
				 "        future_field 7\n"
				 "  start_pfn:           33554432\n";

Test(like, a_dump_of_4_19)
{
	struct machine_desc *d = calloc(1, sizeof(*d));

	feed(d, "sys/devices/system/node/node2/distance", "25 10\n");
	feed(d, "sys/devices/system/node/node0/distance", "10 25\n");
	feed(d, "sys/devices/system/node/node0/cpulist", "0-1\n");
	feed(d, "sys/devices/system/node/node2/cpulist", "2-3\n");
	feed(d, "sys/devices/system/cpu/online", "0-3\n");
	feed(d, "proc/cpuinfo",
		"processor\t: 0\nCPU architecture: 8\n\nprocessor\t: 1\nCPU architecture: 8\n");
	feed(d, "proc/meminfo",
		"MemTotal:       10120000 kB\nCmaTotal:          65536 kB\nNewThing: 1 kB\n");
	feed(d, "proc/pagetypeinfo", "Page block order: 9\nPages per block:  512\n");
	feed(d, "proc/buddyinfo",
		"Node 0, zone    DMA32      1      2      3      4      5      6      7      8     "
		" 9     10     11 \n");
	feed(d, "proc/sys/vm/swappiness", "35\n");
	feed(d, "proc/sys/vm/no_such_setting", "1\n");
	cr_assert_eq(feed(d, "proc/zoneinfo", zones_4_19), 0);
	struct machine *m = boot_described(d);
	cr_assert(m, "%s", refused_why());
	booted_check(m);
	cr_expect(m->arch == ARCH_ARM64 && m->nr_nodes == 2 && m->nr_cpus == 4 &&
		  m->cpu_node[3] == 1);
	cr_expect(m->node_distance[0][1] == 25 && m->node_distance[1][0] == 25);
	const struct zone *z = zone_at(m, 1, ZONE_NORMAL);
	cr_expect(z->start_pfn == 33554432 && z->spanned_pages == 1048576 &&
		  z->present_pages == 1000000 && z->managed_pages == 990000);
	/* That kernel names no zone for its CMA: the largest has it. */
	cr_expect_eq(m->totalcma_pages, 16384);
	cr_expect_eq(m->sysctls.value[SYSCTL_swappiness], 35);
	machine_destroy(m);
}

Test(like, settings_of_the_options_still_apply)
{
	struct machine_desc *d = calloc(1, sizeof(*d));

	feed(d, "proc/zoneinfo", zones_4_19);
	feed(d, "proc/cpuinfo", "CPU architecture: 8\n");
	cr_assert_eq(describe_option(d, "cpus", "6", NULL), 0);
	struct machine *m = boot_described(d);
	cr_assert(m);
	cr_expect_eq(m->nr_cpus, 6);
	machine_destroy(m);

	d = calloc(1, sizeof(*d));
	feed(d, "proc/zoneinfo", zones_4_19);
	cr_assert_eq(describe_option(d, "ram", "1G", NULL), 0);
	cr_expect_null(boot_described(d));
	cr_expect(strstr(refused_why(), "like="));
}

#define ZONE(name, start, spanned, present, managed)                                               \
	"Node 0, zone " name "\n spanned " spanned "\n present " present "\n managed " managed     \
	"\n start_pfn: " start "\n"

Test(like, dumps_that_make_no_sense)
{
	static const char *const bad[] = {
		ZONE("Normal", "0", "100", "200", "50"),	   /* more present than spanned */
		ZONE("Normal", "0", "100000", "1000", "2000"),	   /* more managed than present */
		ZONE("Normal", "4294967290", "100", "100", "100"), /* beyond 16 TiB */
		ZONE("Normal", "18446744073709551615", "100", "100", "100"),
		ZONE("Normal", "0", "0", "0", "0"), /* nothing at all */
		ZONE("Normal", "0", "4096", "4096", "4096")
			ZONE("Normal", "8192", "4096", "4096", "4096"),
		ZONE("DMA32", "0", "4096", "4096", "4096")
			ZONE("Normal", "1", "4096", "4096", "4096"),
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct machine_desc *d = calloc(1, sizeof(*d));

		cr_assert_eq(feed(d, "proc/zoneinfo", bad[i]), 0);
		cr_expect_null(boot_described(d), "%u", i);
		cr_expect_gt(strlen(refused_why()), 20);
	}
	struct machine_desc *d = calloc(1, sizeof(*d));
	cr_expect_eq(feed(d, "proc/zoneinfo", "hello\n"), -EINVAL);
	cr_expect_eq(feed(d, "proc/zoneinfo", ""), -EINVAL);
	cr_expect_eq(feed(d, "proc/zoneinfo", "Node 0, zone Purple\n"), -EINVAL);
	free(d);
}

Test(like, large_pages_are_refused)
{
	struct machine_desc *d = calloc(1, sizeof(*d));

	feed(d, "proc/zoneinfo", ZONE("Normal", "8192", "65536", "65536", "65000"));
	feed(d, "proc/meminfo", "MemTotal: 4160000 kB\n");
	cr_expect_null(boot_described(d));
	cr_expect(strstr(refused_why(), "64 KiB") || strstr(refused_why(), "63 KiB"), "%s",
		refused_why());
}

/* iomem shows less RAM inside the zone than `present`, or more: `present` rules. */
Test(like, present_rules_over_iomem)
{
	static const char *const maps[] = {"80000000-8fffffff : System RAM\n",
		"80000000-ffffffff : System RAM\n", "00000000-00000000 : System RAM\n",
		("80000000-80ffffff : System RAM\n  80000000-8000ffff : Kernel code\n"
		 "82000000-bfffffff : System RAM\n")};

	for (unsigned i = 0; i < 4; i++) {
		struct machine_desc *d = calloc(1, sizeof(*d));

		feed(d, "proc/iomem", maps[i]);
		feed(d, "proc/cpuinfo", "CPU architecture: 8\n");
		feed(d, "proc/zoneinfo", ZONE("DMA", "524288", "262144", "200000", "190000"));
		struct machine *m = boot_described(d);
		cr_assert(m, "%u: %s", i, refused_why());
		booted_check(m);
		cr_expect_eq(m->totalram_pages, 190000);
		machine_destroy(m);
	}
}

Test(like, long_and_torn_files)
{
	struct machine_desc *d = calloc(1, sizeof(*d));
	size_t len = 1 << 20;
	char *junk = malloc(len);

	memset(junk, 'x', len);
	for (unsigned i = 0; describe_like_paths[i]; i++) {
		char path[128];
		size_t n = 0;

		for (const char *p = describe_like_paths[i]; *p && n < sizeof(path) - 1; p++)
			path[n++] = *p == '*' ? '3' : *p;
		path[n] = '\0';
		describe_like_file(d, path, junk, len, NULL);
		describe_like_file(d, path, junk, 0, NULL);
		describe_like_file(d, path, "\n\n\n:::\n  -\n", 11, NULL);
	}
	for (size_t cut = 0; cut < sizeof(zones_4_19); cut++)
		describe_like_file(d, "proc/zoneinfo", zones_4_19, cut, NULL);
	free(junk);
	free(d);
}

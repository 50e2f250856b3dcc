/* SPDX-License-Identifier: MIT
 *
 * like=: a machine of the shape of each oracle machine has its zones, CPUs, nodes, settings, and
 * this host's, too.
 */
#include "support/booted.h"

#include "mm/page/zone.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long long ull;

static const char *const machines[] = {
	"amd64-1g", "amd64-numa-4g", "arm64-1g", "armhf-2g", "i386-686-256m", "i386-686-2g", NULL};

/* Every figure of zoneinfo that says where a zone is: the file is walked beside the zones. */
static void compare(const char *dir, struct machine *m)
{
	char path[512], name[16];
	ull value;
	unsigned nid;
	struct zone *z = NULL;

	snprintf(path, sizeof(path), "%s/proc/zoneinfo", dir);
	char *text = slurp(path, NULL), *save = NULL;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (sscanf(line, "Node %u, zone %15s", &nid, name) == 2) {
			z = zone_next(m, z);
			cr_assert(z, "%s: too few zones", dir);
			cr_expect_str_eq(zone_name(z->type), name, "%s", dir);
			cr_expect_eq(z->nid, nid);
		} else if (sscanf(line, " spanned %llu", &value) == 1) {
			cr_expect_eq(z->spanned_pages, value, "%s %s spanned", dir, name);
		} else if (sscanf(line, " present %llu", &value) == 1) {
			cr_expect_eq(z->present_pages, value, "%s %s present", dir, name);
		} else if (sscanf(line, " managed %llu", &value) == 1) {
			cr_expect_eq(z->managed_pages, value, "%s %s managed", dir, name);
		} else if (sscanf(line, " cma %llu", &value) == 1) {
			cr_expect_eq(z->cma_pages, value, "%s %s cma", dir, name);
		} else if (sscanf(line, " start_pfn: %llu", &value) == 1) {
			cr_expect(!z->present_pages || z->start_pfn == value, "%s %s start_pfn",
				dir, name);
		}
	}
	cr_expect_null(zone_next(m, z), "%s: too many zones", dir);
	free(text);
}

static int64_t setting(const char *dir, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/proc/sys/vm/%s", dir, name);
	char *text = slurp(path, NULL);
	int64_t value = text ? atoll(text) : -1;
	free(text);
	return value;
}

Test(like, every_oracle_machine)
{
	if (!shared_dir())
		cr_skip_test("no ../shared here (SIMM_SHARED)");
	for (const char *const *name = machines; *name; name++) {
		char dir[400];

		snprintf(dir, sizeof(dir), "%s/oracle/%s", shared_dir(), *name);
		struct machine_desc *d = like_dump(dir);
		if (!d)
			cr_skip_test("no %s here", dir);
		struct machine *m = boot_described(d);
		cr_assert(m, "%s: %s", *name, refused_why());
		booted_check(m);
		compare(dir, m);
		cr_expect(m->kernel_map.areas, "%s: room for all tables of the kernel", *name);
		cr_expect_eq(m->sysctls.value[SYSCTL_min_free_kbytes],
			setting(dir, "min_free_kbytes"), "%s", *name);
		cr_expect_eq(m->sysctls.value[SYSCTL_swappiness], setting(dir, "swappiness"), "%s",
			*name);
		machine_destroy(m);
	}
}

Test(like, shapes)
{
	static const struct {
		const char *name;
		enum arch arch;
		unsigned cpus, nodes, orders, pageblock;
	} shapes[] = {{"amd64-1g", ARCH_X86_64, 1, 1, 11, 9},
		{"amd64-numa-4g", ARCH_X86_64, 2, 2, 11, 9}, {"arm64-1g", ARCH_ARM64, 2, 1, 11, 9},
		{"armhf-2g", ARCH_ARM, 1, 1, 12, 11}, {"i386-686-256m", ARCH_I386, 1, 1, 11, 10},
		{"i386-686-2g", ARCH_I386, 2, 1, 11, 10}};

	if (!shared_dir())
		cr_skip_test("no ../shared here (SIMM_SHARED)");
	for (unsigned i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		char dir[400];

		snprintf(dir, sizeof(dir), "%s/oracle/%s", shared_dir(), shapes[i].name);
		struct machine_desc *d = like_dump(dir);
		if (!d)
			cr_skip_test("no %s here", dir);
		struct machine *m = boot_described(d);
		cr_assert(m);
		cr_expect(m->arch == shapes[i].arch && m->nr_cpus == shapes[i].cpus &&
				  m->nr_nodes == shapes[i].nodes &&
				  m->nr_orders == shapes[i].orders &&
				  m->pageblock_order == shapes[i].pageblock,
			"%s: arch %d, %u CPUs, %u nodes, %u orders, pageblock %u", shapes[i].name,
			m->arch, m->nr_cpus, m->nr_nodes, m->nr_orders, m->pageblock_order);
		machine_destroy(m);
	}
}

/* Who may not read addresses sees zeroes in iomem: RAM then comes from the zones alone. */
Test(like, without_addresses)
{
	if (!shared_dir())
		cr_skip_test("no ../shared here (SIMM_SHARED)");
	for (const char *const *name = machines; *name; name++) {
		char dir[400];

		snprintf(dir, sizeof(dir), "%s/oracle/%s", shared_dir(), *name);
		struct machine_desc *d = like_dump(dir);
		if (!d)
			cr_skip_test("no %s here", dir);
		static const char zeroes[] =
			"00000000-00000000 : System RAM\n  00000000-00000000 : Kernel code\n";
		cr_assert_eq(
			describe_like_file(d, "proc/iomem", zeroes, sizeof(zeroes) - 1, NULL), 0);
		memset(d->like.memmap_seen, 0, sizeof(d->like.memmap_seen));
		struct machine *m = boot_described(d);
		cr_assert(m, "%s: %s", *name, refused_why());
		booted_check(m);
		compare(dir, m);
		machine_destroy(m);
	}
}

/* This host, whatever it is. Its balloon may move `managed` between two readings, so only the rest
 * is compared. */
Test(like, this_host)
{
	struct machine_desc *d = like_dump("");

	if (!d)
		cr_skip_test("no /proc/zoneinfo here");
	struct machine *m = boot_described(d);
	if (!m)
		cr_skip_test("this host cannot be simulated: %s", refused_why());
	booted_check(m);
	cr_expect_gt(m->totalram_pages, 0);
	machine_destroy(m);
}

/* SPDX-License-Identifier: MIT
 *
 * Memory models against real kernels: which page frame numbers have a struct page, which of those are holes or RAM (the
 * complete kpageflags of each machine), how large a struct page is and where the direct map begins (experiment 00's
 * module printed both).
 *
 * A machine of the real one's shape is booted from its dump. What must agree for each pfn is NOPAGE, which is pfn_valid(), and
 * that a page without RAM is RESERVED there; which pages of RAM are reserved differs from build to build.
 */
#include "oracle.h"

#include "support/booted.h"

#include "mm/page/address.h"
#include "mm/page/frame.h"

#include <stdio.h>

#define KPF_NOPAGE   (1ULL << 20)
#define KPF_RESERVED (1ULL << 32)

static const char *const machines[] = {
	"amd64-1g", "amd64-numa-4g", "arm64-1g", "armhf-2g", "i386-686-256m", "i386-686-2g"};
enum { NR_MACHINES = sizeof(machines) / sizeof(machines[0]) };

static struct machine *like(const char *name)
{
	char path[512];

	if (!shared_dir())
		cr_skip_test("no ../shared here (SIMM_SHARED)");
	snprintf(path, sizeof(path), "%s/oracle/%s", shared_dir(), name);
	struct machine_desc *d = like_dump(path);
	cr_assert(d, "%s", path);
	struct machine *m = boot_described(d);
	cr_assert(m, "%s: %s", name, refused_why());
	return m;
}

static FILE *kpageflags(const char *name)
{
	char command[600];

	snprintf(command, sizeof(command), "gzip -dc '%s/oracle/%s/proc/kpageflags.gz'",
		shared_dir(), name);
	return popen(command, "r");
}

Test(mem_map_oracle, pages_without_a_struct_page_and_holes)
{
	for (unsigned i = 0; i < NR_MACHINES; i++) {
		struct machine *m = like(machines[i]);
		uint64_t word, pfn = 0, wrong_page = 0, holes = 0, not_reserved = 0;
		FILE *f = kpageflags(machines[i]);

		cr_assert(f);
		for (; fread(&word, sizeof(word), 1, f) == 1; pfn++) {
			bool valid = pfn_valid(m, pfn);

			wrong_page += valid == !!(word & KPF_NOPAGE);
			if (!valid || pfn_present(m, pfn))
				continue;
			holes++;
			not_reserved += !(word & KPF_RESERVED);
		}
		cr_assert_eq(pclose(f), 0);
		cr_expect_eq(wrong_page, 0, "%s: %llu pfns of %llu", machines[i],
			(unsigned long long)wrong_page, (unsigned long long)pfn);
		cr_expect_eq(not_reserved, 0, "%s: %llu of %llu holes", machines[i],
			(unsigned long long)not_reserved, (unsigned long long)holes);
		machine_destroy(m);
	}
}

/* "sizeof(struct page) 64 PAGE_SIZE 4096 PAGE_OFFSET ffff000000000000". amd64's PAGE_OFFSET is moved by KASLR there. */
Test(mem_map_oracle, struct_page_and_page_offset)
{
	for (unsigned i = 0; i < NR_MACHINES; i++) {
		char path[128];
		unsigned bytes;
		unsigned long long offset;

		snprintf(
			path, sizeof(path), "%s/experiments/00-buddy-module/info.txt", machines[i]);
		char *info = oracle_need(path);
		struct machine *m = like(machines[i]);
		const char *at = strstr(info, "sizeof(struct page)");

		cr_assert(at && sscanf(at, "sizeof(struct page) %u PAGE_SIZE 4096 PAGE_OFFSET %llx",
					&bytes, &offset) == 2);
		cr_expect_eq(m->struct_page_bytes, bytes, "%s", machines[i]);
		if (m->arch != ARCH_X86_64)
			cr_expect_eq(page_offset(m), offset, "%s: %llx", machines[i], offset);
		machine_destroy(m);
		free(info);
	}
}

/* The model that the kernel was built with, from its configuration. */
Test(mem_map_oracle, the_model_of_the_configuration)
{
	static const struct {
		const char *config, *machine;
	} row[] = {{"amd64", "amd64-1g"}, {"arm64", "arm64-1g"}, {"armhf", "armhf-2g"},
		{"i386-686", "i386-686-2g"}};

	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		char path[128], want[64];

		snprintf(path, sizeof(path), "kernel-configs/%s.config", row[i].config);
		char *config = oracle_need(path);
		struct machine *m = like(row[i].machine);

		snprintf(want, sizeof(want), "\nCONFIG_%s=y", mem_model_name(mem_model(m)));
		cr_expect(strstr(config, want), "%s: %s", row[i].config, want + 1);
		cr_expect_eq(strstr(config, "\nCONFIG_SPARSEMEM=y") != NULL, m->section_shift != 0);
		machine_destroy(m);
		free(config);
	}
}

/* SPDX-License-Identifier: MIT
 *
 * Real boards' devicetrees boot as they are: RAM, reserved ranges and CMA are what the tree says.
 *
 * What each tree says was read with `dtc -I dtb -O dts`; those without RAM of their own say so
 * and take ram=.
 */
#include "support/booted.h"

#include "mm/move/cma.h"
#include "mm/page/frame.h"
#include "mm/page/zone.h"

#include <criterion/criterion.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long long ull;

static const struct board {
	const char *name;
	const char *ram; /* option, where the tree has none */
	uint64_t present_mib;
	unsigned cpus, cma_mib;
	uint64_t reserved[4]; /* addresses that the page allocator must not have */
	const char *area;     /* of the tree; NULL: the kernel's own default */
} boards[] = {
	/* dma-ranges end at 1 GiB: ZONE_DMA; the tree's pool must lie there. */
	{"bcm2711-rpi-4-b", "4G", 4096, 4, 64, {0}, "linux,cma"},
	{"hi6220-hikey", NULL, 989, 8, 128, {0x21f00000, 0x21ffffff, 0x0740f000}, "linux,cma"},
	{"imx8mq-evk", NULL, 3072, 4, 64, {0}},
	{"juno", NULL, 8176, 6, 64, {0}},
	{"k3-am654-base-board", NULL, 4096, 4, 64, {0x9e800000, 0x9fffffff, 0xa0000000}},
	{"meson-gxl-s905x-libretech-cc", NULL, 2048, 4, 256, {0x10000000, 0x10100000, 0x05000000},
		"linux,cma"},
	{"rk3399-rockpro64", "4G", 4096, 6, 64, {0}},
	{"sdm845-db845c", "4G", 4096, 8, 64, {0x85700000, 0x85fc0000, 0x8ab00000}},
	{"sun50i-a64-pine64", "1G", 1024, 4, 64, {0}},
	{"tegra210-p2371-2180", NULL, 4096, 4, 64, {0}},
};

/* The area has the name of its node, or that of the kernel's default, and all of its pages can be had. */
static void expect_area(struct machine *m, const struct board *b)
{
	const char *name = b->area ? b->area : "reserved";
	uint64_t pfn;

	cr_assert_eq(m->nr_cma, 1, "%s: %u areas", b->name, m->nr_cma);
	cr_expect_eq(
		cma_find(m, name, strlen(name)), 0, "%s: the area is %s", b->name, m->cma[0].name);
	cr_expect_eq(cma_alloc(m, 0, 0, m->cma[0].nr_pages, 0, false, &pfn), 0, "%s: %s", b->name,
		m->why.sentence);
	cr_expect_eq(pfn, m->cma[0].base_pfn);
	cr_expect_eq(cma_release(m, 0, 0, pfn, m->cma[0].nr_pages), 0);
}

Test(boards, boot_with_what_their_trees_say)
{
	for (unsigned i = 0; i < sizeof(boards) / sizeof(boards[0]); i++) {
		const struct board *b = &boards[i];
		struct machine *m = booted_board(b->name, b->ram);
		uint64_t present = 0;

		cr_assert(m, "%s: %s", b->name, refused_why());
		booted_check(m);
		for (const struct zone *z = zone_next(m, NULL); z; z = zone_next(m, z))
			present += z->present_pages;
		cr_expect_eq(
			present >> 8, b->present_mib, "%s: %llu MiB", b->name, (ull)(present >> 8));
		cr_expect_eq(m->nr_cpus, b->cpus, "%s: %u CPUs", b->name, m->nr_cpus);
		cr_expect_eq(m->totalcma_pages >> 8, b->cma_mib, "%s: %llu MiB of CMA", b->name,
			(ull)(m->totalcma_pages >> 8));
		expect_area(m, b);
		for (unsigned k = 0; k < 4 && b->reserved[k]; k++) {
			struct frame f = frame_peek(m, b->reserved[k] >> PAGE_SHIFT);

			cr_expect(f.flags & FRAME_RESERVED, "%s: 0x%llx is not reserved", b->name,
				(ull)b->reserved[k]);
		}
		machine_destroy(m);
	}
}

/* What the boot loader would fill in is assumed, and the log says so. */
Test(boards, empty_memory_nodes)
{
	for (unsigned i = 0; i < sizeof(boards) / sizeof(boards[0]); i++) {
		if (!boards[i].ram)
			continue;
		struct machine *m = booted_board(boards[i].name, NULL);

		cr_assert(m, "%s: %s", boards[i].name, refused_why());
		cr_expect(strstr(booted_log(m), "2 GiB are assumed"), "%s", boards[i].name);
		machine_destroy(m);
	}
}

/* The Raspberry Pi's devices reach one GiB; its RAM goes around them. */
Test(boards, raspberry_pi)
{
	struct machine *m = booted_board(boards[0].name, "8G");
	const struct zone *dma = zone_at(m, 0, ZONE_DMA);

	cr_assert(m);
	cr_expect_eq(zone_end_pfn(dma), 0x40000);
	cr_expect_eq(dma->cma_pages, 64 << 8);
	cr_expect_eq(m->nr_cma, 1);
	cr_expect(m->cma[0].base_pfn + m->cma[0].nr_pages <= 0x40000);
	cr_expect(!pfn_present(m, 0xfe201), "the serial port is RAM");
	cr_expect(strstr(
		booted_resources(m, false), "fe201000-fe2011ff : fe201000.serial serial@7e201000"));
	machine_destroy(m);
}

/* Whatever lies in the folder must boot, or say why not. */
Test(boards, all_of_them)
{
	glob_t found;
	char pattern[512];

	if (!shared_dir())
		cr_skip_test("no ../shared here (SIMM_SHARED)");
	snprintf(pattern, sizeof(pattern), "%s/boards/*.dtb", shared_dir());
	if (glob(pattern, 0, NULL, &found))
		cr_skip_test("no boards here");
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct machine_desc *d = described(found.gl_pathv[i]);

		if (!d->nr_fw)
			cr_assert_eq(describe_option(d, "ram", "2G", NULL), 0);
		struct machine *m = boot_described(d);
		cr_expect(m, "%s: %s", found.gl_pathv[i], refused_why());
		if (m)
			booted_check(m);
		machine_destroy(m);
	}
	globfree(&found);
}

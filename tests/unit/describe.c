/* SPDX-License-Identifier: MIT
 *
 * Claims about descriptions: devicetrees made here with libfdt's writer, options, and what is
 * hostile.
 */
#include "mm/boot/describe.h"

#include "base/rng.h"
#include "mm/page/frame.h"
#include "support/booted.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <libfdt.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

static char blob[1 << 16];

static void open_tree(unsigned address, unsigned size)
{
	cr_assert_eq(fdt_create(blob, sizeof(blob)), 0);
	fdt_finish_reservemap(blob);
	fdt_begin_node(blob, "");
	fdt_property_u32(blob, "#address-cells", address);
	fdt_property_u32(blob, "#size-cells", size);
	fdt_property_string(blob, "model", "made by a test");
}

static void cells(const char *name, unsigned n, const uint32_t *values)
{
	uint32_t big[32];

	for (unsigned i = 0; i < n; i++)
		big[i] = cpu_to_fdt32(values[i]);
	fdt_property(blob, name, big, (int)(n * 4));
}

#define CELLS(name, ...)                                                                           \
	cells(name, sizeof((uint32_t[]){__VA_ARGS__}) / 4, (const uint32_t[]){__VA_ARGS__})

static void memory(const char *name, unsigned n, const uint32_t *reg)
{
	fdt_begin_node(blob, name);
	fdt_property_string(blob, "device_type", "memory");
	cells("reg", n, reg);
	fdt_end_node(blob);
}

#define MEMORY(name, ...)                                                                          \
	memory(name, sizeof((uint32_t[]){__VA_ARGS__}) / 4, (const uint32_t[]){__VA_ARGS__})

static struct machine_desc *close_tree(void)
{
	struct machine_desc *d = calloc(1, sizeof(*d));
	struct refusal why;

	fdt_end_node(blob);
	cr_assert_eq(fdt_finish(blob), 0);
	int err = describe_fdt(d, (struct blob){blob, fdt_totalsize(blob)}, &why);
	cr_assert_eq(err, 0, "%s", why.sentence);
	return d;
}

Test(describe, memory_of_one_and_two_cells)
{
	open_tree(1, 1);
	MEMORY("memory@80000000", 0x80000000, 0x10000000, 0xa0000000, 0x10000000);
	struct machine_desc *d = close_tree();
	cr_expect(d->nr_fw == 2 && d->fw[1].start == 0xa0000000 && d->fw[1].end == 0xb0000000);
	free(d);

	open_tree(2, 2);
	MEMORY("memory@0", 0x8, 0x80000000, 0x1, 0);
	d = close_tree();
	cr_expect(d->nr_fw == 1 && d->fw[0].start == 0x880000000 && d->fw[0].end == 0x980000000);
	struct machine *m = boot_described(d);
	cr_assert(m);
	booted_check(m);
	machine_destroy(m);
}

Test(describe, an_empty_memory_node_says_where_ram_begins)
{
	open_tree(2, 2);
	MEMORY("memory@40000000", 0, 0x40000000, 0, 0);
	struct machine_desc *d = close_tree();
	struct machine_desc *copy = malloc(sizeof(*d));
	*copy = *d;
	struct machine *m = boot_described(copy);
	cr_assert(m, "%s", refused_why());
	cr_expect_eq(m->memblock.memory.region[0].start, 0x40000000);
	cr_expect_eq(m->memblock.memory.region[0].end, 0xc0000000, "2 GiB are assumed");
	cr_expect(strstr(booted_log(m), "-o ram="));
	machine_destroy(m);
	cr_assert_eq(describe_option(d, "ram", "512M", NULL), 0);
	m = boot_described(d);
	cr_assert(m);
	cr_expect_null(strstr(booted_log(m), "assumed"));
	cr_expect_eq(m->memblock.memory.region[0].start, 0x40000000);
	machine_destroy(m);
}

Test(describe, cpus_that_are_available)
{
	open_tree(1, 1);
	MEMORY("memory", 0x80000000, 0x20000000);
	fdt_begin_node(blob, "cpus");
	static const char *const status[] = {"okay", "disabled", NULL, "fail", "ok"};
	for (unsigned i = 0; i < 5; i++) {
		char name[16];

		snprintf(name, sizeof(name), "cpu@%u", i);
		fdt_begin_node(blob, name);
		fdt_property_string(blob, "device_type", "cpu");
		fdt_property_string(blob, "compatible", "arm,cortex-a7");
		if (status[i])
			fdt_property_string(blob, "status", status[i]);
		fdt_end_node(blob);
	}
	fdt_end_node(blob);
	struct machine_desc *d = close_tree();
	cr_expect_eq(d->nr_fw_cpus, 3);
	cr_expect_eq(d->arch, ARCH_ARM);
	free(d);
}

static void reserved(const char *name, const char *flags, const char *status)
{
	fdt_begin_node(blob, name);
	for (const char *f = flags; *f; f += strlen(f) + 1)
		fdt_property(blob, f, NULL, 0);
	if (strstr(name, "pool"))
		fdt_property_string(blob, "compatible", "shared-dma-pool");
	if (status)
		fdt_property_string(blob, "status", status);
}

Test(describe, reserved_memory)
{
	cr_assert_eq(fdt_create(blob, sizeof(blob)), 0);
	fdt_add_reservemap_entry(blob, 0x50000000, 0x100000);
	fdt_finish_reservemap(blob);
	fdt_begin_node(blob, "");
	fdt_property_u32(blob, "#address-cells", 1);
	fdt_property_u32(blob, "#size-cells", 1);
	MEMORY("memory@40000000", 0x40000000, 0x40000000);
	fdt_begin_node(blob, "reserved-memory");
	fdt_property_u32(blob, "#address-cells", 1);
	fdt_property_u32(blob, "#size-cells", 1);
	fdt_property(blob, "ranges", NULL, 0);
	reserved("fixed", "\0", NULL);
	CELLS("reg", 0x60000000, 0x100000);
	fdt_end_node(blob);
	reserved("secure", "no-map\0", NULL);
	CELLS("reg", 0x61000000, 0x100000);
	fdt_end_node(blob);
	reserved("off", "\0", "disabled");
	CELLS("reg", 0x62000000, 0x100000);
	fdt_end_node(blob);
	reserved("pool-a", "reusable\0linux,cma-default\0", NULL);
	CELLS("size", 0x2000000);
	CELLS("alignment", 0x400000);
	CELLS("alloc-ranges", 0x40000000, 0x10000000);
	fdt_end_node(blob);
	reserved("pool-b", "no-map\0", NULL);
	CELLS("size", 0x100000);
	fdt_end_node(blob);
	fdt_end_node(blob);

	struct machine *m = boot_described(close_tree());
	cr_assert(m, "%s", refused_why());
	booted_check(m);
	cr_expect(frame_peek(m, 0x50000).flags & FRAME_RESERVED, "/memreserve/");
	cr_expect(frame_peek(m, 0x60000).flags & FRAME_RESERVED);
	cr_expect(frame_peek(m, 0x61000).flags & FRAME_RESERVED);
	cr_expect(frame_peek(m, 0x62000).flags & FRAME_BUDDY, "a disabled node reserves nothing");
	cr_expect_eq(m->nr_cma, 1);
	cr_expect_str_eq(m->cma[0].name, "pool-a");
	cr_expect(m->cma[0].base_pfn == 0x4e000 && m->cma[0].nr_pages == 0x2000, "%llx",
		(unsigned long long)m->cma[0].base_pfn);
	cr_expect(strstr(booted_log(m),
		"Reserved memory: created CMA memory pool at 0x000000004e000000, size 32 MiB"));
	cr_expect(strstr(booted_resources(m, false), "61000000-610fffff : reserved"));
	cr_expect_eq(m->totalcma_pages, 0x2000, "the tree's default area is the only one");
	machine_destroy(m);
}

static void open_reserved(unsigned cells_of_it, bool ranges)
{
	fdt_begin_node(blob, "reserved-memory");
	fdt_property_u32(blob, "#address-cells", cells_of_it);
	fdt_property_u32(blob, "#size-cells", cells_of_it);
	if (ranges)
		fdt_property(blob, "ranges", NULL, 0);
}

Test(describe, reserved_memory_written_otherwise_than_the_root_is_ignored)
{
	for (unsigned way = 0; way < 3; way++) {
		open_tree(1, 1);
		MEMORY("memory@40000000", 0x40000000, 0x10000000);
		open_reserved(way == 1 ? 2 : 1, way != 2);
		reserved("fixed", "\0", NULL);
		CELLS("reg", 0x48000000, 0x100000, 0x49000000, 0x100000);
		fdt_end_node(blob);
		fdt_end_node(blob);
		struct machine_desc *d = close_tree();
		cr_expect_eq(d->nr_reserved, way ? 0 : 2, "way %u", way);
		free(d);
	}
}

Test(describe, a_pool_that_cannot_be_set_up_is_free_memory)
{
	open_tree(1, 1);
	MEMORY("memory@40000000", 0x40000000, 0x20000000);
	open_reserved(1, true);
	reserved("pool-askew", "reusable\0linux,cma-default\0", NULL);
	CELLS("reg", 0x48100000, 0x1000000);
	fdt_end_node(blob);
	/* Its end is in the memory, its start below. */
	reserved("below", "\0", NULL);
	CELLS("reg", 0x3ff00000, 0x180000);
	fdt_end_node(blob);
	fdt_end_node(blob);
	struct machine *m = boot_described(close_tree());
	cr_assert(m, "%s", refused_why());
	booted_check(m);
	cr_expect(frame_peek(m, 0x48200).flags & FRAME_BUDDY);
	cr_expect(strstr(booted_log(m), "node pool-askew compatible matching fail"));
	cr_expect(strstr(booted_resources(m, false), "  40000000-4007ffff : reserved"));
	cr_expect_eq(m->totalcma_pages, 64 * 256, "the configuration's area instead");
	machine_destroy(m);
}

/* A board whose loader fills the memory node in: a device claims an address among reservations. */
static struct machine_desc *empty_board(const char *node, uint32_t base)
{
	open_tree(1, 1);
	MEMORY(node, base, 0);
	open_reserved(1, true);
	reserved("sram", "no-map\0", NULL);
	CELLS("reg", 0x60000, 0x6000);
	fdt_end_node(blob);
	reserved("firmware", "no-map\0", NULL);
	CELLS("reg", 0x81000000, 0x100000);
	fdt_end_node(blob);
	reserved("modem", "no-map\0", NULL);
	CELLS("reg", 0x9a000000, 0x2000000);
	fdt_end_node(blob);
	fdt_end_node(blob);
	fdt_begin_node(blob, "clock@70000");
	CELLS("reg", 0x70000, 0x1000);
	fdt_end_node(blob);
	fdt_begin_node(blob, "remoteproc@98900000");
	CELLS("reg", 0x98900000, 0x1400000);
	fdt_end_node(blob);
	fdt_begin_node(blob, "pcie@f0000000");
	CELLS("reg", 0xf0000000, 0x1000000);
	fdt_end_node(blob);
	return close_tree();
}

Test(describe, ram_reaches_as_far_as_its_reservations)
{
	static const char *const node[] = {"memory@80000000", "memory"};
	static const uint32_t base[] = {0x80000000, 0};

	for (unsigned i = 0; i < 2; i++) {
		struct machine_desc *d = empty_board(node[i], base[i]);

		cr_assert_eq(describe_option(d, "ram", "2G", NULL), 0);
		struct machine *m = boot_described(d);
		cr_assert(m, "%s", refused_why());
		booted_check(m);
		cr_expect_eq(m->memblock.memory.region[0].start, 0x80000000, "%s", node[i]);
		const char *iomem = booted_resources(m, false);
		cr_expect(strstr(iomem,
				  "\n9a000000-9bffffff : reserved\n9c000000-efffffff : System RAM"),
			"%s", iomem);
		cr_expect(strstr(iomem, "\n100000000-10fffffff : System RAM"), "%s", iomem);
		machine_destroy(m);
	}
}

Test(describe, the_interrupt_controller_of_a_cpu_without_mmu)
{
	open_tree(1, 1);
	MEMORY("memory@c0000000", 0xc0000000, 0x800000);
	fdt_begin_node(blob, "interrupt-controller@e000e100");
	fdt_property_string(blob, "compatible", "arm,armv7m-nvic");
	fdt_end_node(blob);
	struct machine *m = boot_described(close_tree());

	cr_assert(m);
	cr_expect(machine_has(m, CONFIG_ARM) && !machine_has(m, CONFIG_MMU));
	cr_expect_eq(m->cpus.desc.family, HW_ARM_M);
	machine_destroy(m);
}

Test(describe, numa)
{
	open_tree(1, 1);
	for (unsigned i = 0; i < 2; i++) {
		fdt_begin_node(blob, i ? "memory@80000000" : "memory@40000000");
		fdt_property_string(blob, "device_type", "memory");
		CELLS("reg", i ? 0x80000000 : 0x40000000, 0x40000000);
		fdt_property_u32(blob, "numa-node-id", i ? 7 : 2);
		fdt_end_node(blob);
	}
	fdt_begin_node(blob, "distance-map");
	fdt_property_string(blob, "compatible", "numa-distance-map-v1");
	CELLS("distance-matrix", 2, 2, 10, 2, 7, 31, 7, 7, 10, 9, 9, 10, 2, 7, 5);
	fdt_end_node(blob);
	struct machine *m = boot_described(close_tree());
	cr_assert(m);
	booted_check(m);
	/* Nodes 2 and 7 become 0 and 1; what makes no sense is passed over. */
	cr_expect(m->nr_nodes == 2 && m->node_distance[0][1] == 31 && m->node_distance[1][0] == 31);
	machine_destroy(m);
}

Test(describe, addresses_go_through_every_bus)
{
	open_tree(2, 1);
	MEMORY("memory@80000000", 0, 0x80000000, 0x20000000);
	fdt_begin_node(blob, "soc");
	fdt_property_u32(blob, "#address-cells", 1);
	fdt_property_u32(blob, "#size-cells", 1);
	CELLS("ranges", 0x7e000000, 0x1, 0xfe000000, 0x1000000);
	CELLS("dma-ranges", 0, 0, 0x40000000, 0x60000000);
	fdt_begin_node(blob, "bus@100");
	fdt_property_u32(blob, "#address-cells", 1);
	fdt_property_u32(blob, "#size-cells", 1);
	CELLS("ranges", 0, 0x7e200000, 0x10000);
	fdt_begin_node(blob, "uart@40");
	CELLS("reg", 0x40, 0x10);
	fdt_end_node(blob);
	fdt_begin_node(blob, "beyond@20000");
	CELLS("reg", 0x20000, 0x10);
	fdt_end_node(blob);
	fdt_end_node(blob);
	fdt_begin_node(blob, "i2c@200");
	fdt_property_u32(blob, "#address-cells", 1);
	fdt_property_u32(blob, "#size-cells", 0);
	fdt_begin_node(blob, "clock@50");
	CELLS("reg", 0x50);
	fdt_end_node(blob);
	fdt_end_node(blob);
	fdt_end_node(blob);
	struct machine_desc *d = close_tree();
	cr_expect_eq(d->nr_io, 1);
	cr_expect_eq(d->io[0].start, 0x1fe200040);
	cr_expect_str_eq(d->io[0].name, "1fe200040.uart uart@40");
	cr_expect_eq(d->dma_limit, 0x9fffffff);
	free(d);
}

Test(describe, truncated_and_damaged_blobs)
{
	static struct machine_desc d;
	struct refusal why;
	struct blob whole = preset_find("riscv64-virt")->fdt;
	char *copy = malloc(whole.bytes);
	struct rng r = {7};

	for (uint64_t len = 0; len < whole.bytes; len += 3) {
		memcpy(copy, whole.data, whole.bytes);
		char *exact = malloc(len ? len : 1); /* so that the sanitizer sees a read beyond */
		memcpy(exact, copy, len);
		cr_expect_eq(describe_fdt(&d, (struct blob){exact, len}, &why), -EINVAL);
		cr_expect_gt(strlen(why.sentence), 20);
		free(exact);
	}
	for (unsigned i = 0; i < 1500; i++) {
		struct machine *m = NULL;

		memcpy(copy, whole.data, whole.bytes);
		for (unsigned k = 0; k < 1 + i % 4; k++)
			copy[rng_below(&r, (uint32_t)whole.bytes)] ^= (char)(1 << rng_below(&r, 8));
		memset(&d, 0, sizeof(d));
		if (describe_fdt(&d, (struct blob){copy, whole.bytes}, &why) ||
			describe_finish(&d, &why) || machine_create(&d, &m, &why))
			cr_expect_gt(strlen(why.sentence), 10);
		machine_destroy(m);
	}
	free(copy);
}

Test(describe, huge_numbers_and_many_nodes)
{
	static struct machine_desc d;
	struct refusal why;

	open_tree(2, 2);
	MEMORY("memory@0", 0xffffffff, 0xfffff000, 0xffffffff, 0xffffffff);
	fdt_end_node(blob);
	fdt_finish(blob);
	cr_expect_eq(describe_fdt(&d, (struct blob){blob, fdt_totalsize(blob)}, &why), -EINVAL);

	open_tree(1, 1);
	for (unsigned i = 0; i < 1000; i++) {
		char name[32];

		snprintf(name, sizeof(name), "memory@%x", i << 20);
		MEMORY(name, i << 20, 0x1000);
	}
	fdt_end_node(blob);
	cr_assert_eq(fdt_finish(blob), 0);
	cr_expect_eq(describe_fdt(&d, (struct blob){blob, fdt_totalsize(blob)}, &why), -EINVAL);
	cr_expect(strstr(why.sentence, "128"), "%s", why.sentence);

	open_tree(1, 1);
	MEMORY("memory@0", 0, 0x40000000);
	MEMORY("memory@1", 0x20000000, 0x40000000);
	struct machine *m = boot_described(close_tree());
	cr_assert(m, "overlapping nodes are one: %s", refused_why());
	booted_check(m);
	cr_expect_eq(m->end_pfn, 0x60000);
	machine_destroy(m);
}

Test(describe, options_and_their_sentences)
{
	static const char *const bad[][2] = {{"ram", "lots"}, {"ram", "0"}, {"ram", "1G@x"},
		{"maxram", "-1"}, {"cpus", "0"}, {"cpus", "many"}, {"nodes", "0"}, {"cma", "x"},
		{"cma", "1M 2M"}, {"config", "+CMAA"}, {"config", "CMA"}, {"seed", "x"},
		{"host_max", "0"}, {"checks", "some"}, {"cmdline", "kernelcore=mirror"}};
	struct machine_desc *d = described("pc-x86_64");
	struct refusal why;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_expect_eq(describe_option(d, bad[i][0], bad[i][1], &why), -EINVAL, "%s=%s",
			bad[i][0], bad[i][1]);
		cr_expect(why.err == EINVAL && strlen(why.sentence) > 10);
	}
	cr_expect_eq(describe_option(d, "rom", "1G", &why), -ENOENT);
	cr_expect_eq(describe_option(d, "ram", NULL, &why), -EINVAL);
	char *huge = malloc(100000);
	memset(huge, '1', 99999);
	huge[99999] = '\0';
	const char *name, *argument, *doc;
	for (unsigned i = 0; describe_option_nth(i, &name, &argument, &doc); i++) {
		cr_expect_eq(describe_option(d, name, huge, &why), -EINVAL, "%s", name);
		cr_expect(*argument && strlen(doc) > 10);
	}
	free(huge);
	free(d);
	boot_refused("pc-x86_64", "nodes", "65", NULL);
	boot_refused("pc-x86_64", "cpus", "300", NULL);
	boot_refused("pc-i386", "config", "+NUMA", NULL);
	boot_refused("pc-i386", "config", "-FLATMEM", NULL);
	boot_refused("pc-i386", "config", "-X86", NULL);
}

Test(describe, options_can_be_given_again)
{
	struct machine_desc *d = described("pc-x86_64");

	describe_option(d, "ram", "64M", NULL);
	describe_option(d, "cmdline", "quiet,x=\"a\" mem=4G", NULL);
	cr_assert_eq(describe_finish(d, NULL), 0);
	describe_option(d, "ram", "8G", NULL);
	cr_assert_eq(describe_finish(d, NULL), 0);
	cr_expect_str_eq(d->options, "ram=8G,cmdline=quiet\\,x=\"a\" mem=4G");
	cr_expect_eq(d->ram[d->nr_ram - 2].end, 9ull << 30);
	/* An empty value takes it back. */
	describe_option(d, "ram", "", NULL);
	describe_option(d, "cmdline", "", NULL);
	cr_assert_eq(describe_finish(d, NULL), 0);
	cr_expect_str_eq(d->options, "");
	free(d);
}

Test(describe, ram_goes_around_the_hole_of_a_pc)
{
	static const struct {
		const char *ram;
		uint64_t low_end, high_end;
	} rows[] = {{"512M", 0x1ffda000, 0}, {"3G", 0xbffda000, 0}, {"4G", 0xbffda000, 0x140000000},
		{"16G", 0xbffda000, 0x440000000}};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct machine_desc *d = described("pc-x86_64");
		uint64_t low = 0, high = 0;

		describe_option(d, "ram", rows[i].ram, NULL);
		cr_assert_eq(describe_finish(d, NULL), 0);
		for (unsigned k = 0; k < d->nr_ram; k++) {
			if (d->ram[k].type != FIRMWARE_USABLE)
				continue;
			if (d->ram[k].end <= 0x100000000)
				low = d->ram[k].end;
			else
				high = d->ram[k].end;
		}
		cr_expect(low == rows[i].low_end && high == rows[i].high_end, "%s: %llx %llx",
			rows[i].ram, (unsigned long long)low, (unsigned long long)high);
		free(d);
	}
}

/* The machine of a tree whose one CPU has @n cells of page-walk cache, and these bits of ASIDs (negative: unsaid). */
static struct machine *one_cpu(
	unsigned n, const uint32_t *walk_cache, int asid_bits, bool la57, bool meltdown)
{
	open_tree(1, 1);
	fdt_property_string(blob, "simmfs,arch", "x86_64");
	MEMORY("memory", 0, 0x20000000);
	fdt_begin_node(blob, "cpus");
	fdt_begin_node(blob, "cpu@0");
	fdt_property_string(blob, "device_type", "cpu");
	if (n)
		cells("simmfs,walk-cache-entries", n, walk_cache);
	if (asid_bits >= 0)
		fdt_property_u32(blob, "simmfs,asid-bits", (uint32_t)asid_bits);
	if (la57)
		fdt_property(blob, "simmfs,la57", NULL, 0);
	if (meltdown)
		fdt_property(blob, "simmfs,meltdown", NULL, 0);
	fdt_end_node(blob);
	fdt_end_node(blob);
	struct machine *m = boot_described(close_tree());

	cr_assert(m);
	return m;
}

Test(describe, what_a_cpu_is_made_of)
{
	static const struct {
		unsigned n;
		uint32_t given[5], got[4];
		int asid_given;
		unsigned asid_got;
		bool la57;
	} rows[] = {
		{0, {0}, {32, 4, 2, 1}, -1, 12, false},
		{4, {64, 16, 8, 4}, {64, 16, 8, 4}, 0, 0, true},
		{1, {16}, {16, 0, 0, 0}, 6, 6, false},
		{1, {0}, {0, 0, 0, 0}, 13, 12, false},
		{2, {24, 4}, {32, 4, 2, 1}, 12, 12, true},
		{2, {4, 4096}, {32, 4, 2, 1}, -1, 12, false},
		{5, {8, 4, 2, 1, 77}, {8, 4, 2, 1}, -1, 12, false},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct machine *m =
			one_cpu(rows[i].n, rows[i].given, rows[i].asid_given, rows[i].la57, i % 2);
		const struct hw_cpu_desc *desc = &m->cpus.desc;

		cr_expect_arr_eq(
			desc->walk_cache.entries, rows[i].got, sizeof(rows[i].got), "%u", i);
		cr_expect_eq(desc->asid_bits, rows[i].asid_got, "%u", i);
		cr_expect_eq(!(desc->abilities & HW_HAS_ASID), !rows[i].asid_got, "%u", i);
		cr_expect_eq(desc->la57, rows[i].la57, "%u", i);
		cr_expect_eq(m->cpus.meltdown, i % 2, "%u", i);
		cr_expect_eq(m->kernel_map.pti, i % 2, "%u", i);
		/* Six address spaces need three bits, user mode's halves of them the twelfth. */
		cr_expect_eq(m->processes.asids.bits,
			desc->asid_bits < (i % 2 ? 12 : 3) ? 0 : desc->asid_bits, "%u", i);
		machine_destroy(m);
	}
}

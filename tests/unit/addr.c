/* SPDX-License-Identifier: MIT
 *
 * Claim: sim/addr tells of every kind of address what it is, and under each of a byte's names all its other names.
 */
#include "support/world.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The line of sim/addr/@name that begins with @key, without the key; "" when there is none. */
static const char *line_of(struct simm *simm, const char *name, const char *key)
{
	static char value[300];
	char path[128], want[32];

	snprintf(path, sizeof(path), "sim/addr/%s", name);
	snprintf(want, sizeof(want), "%-10s ", key);
	const char *at = world_cat(simm, path);

	while (at && strncmp(at, want, strlen(want)))
		at = (at = strchr(at, '\n')) ? at + 1 : NULL;
	snprintf(value, sizeof(value), "%s", at ? at + strlen(want) : "");
	value[strcspn(value, "\n")] = '\0';
	return value;
}

#define EXPECT_LINE(simm, name, key, begin)                                                        \
	cr_expect(!strncmp(line_of(simm, name, key), begin, strlen(begin)), "%s %s: %s", name,     \
		key, line_of(simm, name, key))

/* One byte of a process: by each name the same page and the same names. */
static void byte_of_a_process(const char *preset, const char *ram, bool high)
{
	struct simm *simm = world(preset, "ram", ram, NULL);
	static const char *const same[] = {
		"physical", "bus", "logical", "user", "page", "state", "use", "resource"};
	char physical[64], logical[64], name[128], by_user[300];

	cr_assert_eq(world_mkdir(simm, "sim/tasks", "hog"), 0);
	world_call_at(simm, "sim/tasks/hog/ctl",
		"mmap 0x20000000 4K rw-p MAP_PRIVATE+MAP_ANONYMOUS+MAP_FIXED");
	world_call_at(simm, "sim/tasks/hog/ctl", "store 20000010 0x2a 1");
	EXPECT_LINE(simm, "20000010", "kind", "user virtual");
	EXPECT_LINE(simm, "20000010", "seen by", "the process that CPU 0 runs: 100 (hog)");
	EXPECT_LINE(simm, "20000010", "mapping", "0x20000000-0x20001000");
	EXPECT_LINE(simm, "20000010", "user", "0x20000010 of 100 (hog)");
	EXPECT_LINE(simm, "20000010", "use", "anonymous memory");
	EXPECT_LINE(simm, "20001010", "mapping", "none");
	EXPECT_LINE(simm, "20001010", "mapped", "no");
	snprintf(physical, sizeof(physical), "%s", line_of(simm, "20000010", "physical"));
	snprintf(logical, sizeof(logical), "%s", line_of(simm, "20000010", "logical"));
	cr_expect_eq(!strncmp(logical, "none", 4), high, "%s: %s", preset, logical);
	snprintf(name, sizeof(name), "phys:%s", physical);
	for (unsigned i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		snprintf(by_user, sizeof(by_user), "%s", line_of(simm, "20000010", same[i]));
		cr_expect_str_eq(line_of(simm, name, same[i]), by_user, "%s", same[i]);
		if (!high)
			cr_expect_str_eq(line_of(simm, logical, same[i]), by_user, "%s", same[i]);
	}
	cr_assert_eq(world_rmdir(simm, "sim/tasks", "hog"), 0);
	EXPECT_LINE(simm, "20000010", "seen by", "nobody");
	cr_expect_str_eq(line_of(simm, name, "user"), "");
	simm_destroy(simm);
}

Test(addr, byte_of_a_process)
{
	byte_of_a_process("pc-i386", "512M", false);
	byte_of_a_process("pc-i386", "2G", true);
	byte_of_a_process("pc-i386-pae", "6G", true);
	byte_of_a_process("arm-virt", "2G", true);
	byte_of_a_process("pc-x86_64", "2G", false);
	byte_of_a_process("arm64-virt", "2G", false);
	byte_of_a_process("riscv64-virt", "2G", false);
}

Test(addr, kinds)
{
	static const struct {
		const char *preset, *name, *key, *begin;
	} row[] = {
		{"pc-i386", "c0012345", "kind", "kernel logical"},
		{"pc-i386", "c0012345", "physical", "0x12345"},
		{"pc-i386", "c1000000", "resource", "System RAM / Kernel code"},
		{"pc-i386", "f8801000", "kind", "kernel virtual: the vmalloc area"},
		{"pc-i386", "fec00000", "area", "pkmap 0xfec00000-0xfeffffff"},
		{"pc-i386", "ffffe000", "area", "fixmap"},
		{"pc-i386", "ffffffff", "kind", "in none"},
		{"pc-i386", "f8801000", "vm_area", "none: 0xf73fe000-0xfebfe000 is free"},
		{"pc-i386", "ffffd000", "fixed", "FIX_"},
		{"arm-virt", "bf000000", "vm_area", "none: 0xbf000000-"},
		{"pc-x86_64", "ffffffffa0000000", "kind", "kernel virtual: the area of modules"},
		{"pc-i386", "phys:0xfee00000", "resource", "Local APIC"},
		{"pc-i386", "phys:0xfee00000", "page", "none"},
		{"pc-i386", "phys:0xa0000", "state", "a hole"},
		{"pc-i386", "bus:0x1000000", "logical", "0xc1000000"},
		{"arm-virt", "bf000000", "kind", "kernel virtual: the area of modules"},
		{"arm-virt", "ffff0000", "mapped", "by a page of 4K, kernel r-x, user r-x"},
		{"pc-x86_64", "ffffffff81000010", "physical", "0x1000010"},
		{"pc-x86_64", "ffffffff81000010", "logical", "0xffff888001000010"},
		{"pc-x86_64", "ffff888001000010", "image", "0xffffffff81000010"},
		{"pc-x86_64", "ffffea0000040001", "inside",
			"in the struct page of pfn 0x1000, at byte 1"},
		{"pc-x86_64", "8000000000000000", "kind", "no address of this machine"},
		{"pc-x86_64", "8000000000000000", "mapped", "no: the address is not canonical"},
		{"arm64-virt", "ffff800008001000", "kind", "kernel virtual: the kernel's image"},
		{"riscv64-virt", "ffffffc700000000", "mapped", "by a page of 2M"},
		{"cortex-m", "c0000000", "mapped", "not at all"},
		{"cortex-m", "c0000000", "logical", "0xc0000000"},
	};

	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct simm *simm = world(row[i].preset, NULL);

		cr_expect(!strncmp(line_of(simm, row[i].name, row[i].key), row[i].begin,
				  strlen(row[i].begin)),
			"%s %s: %s is %s, not %s", row[i].preset, row[i].name, row[i].key,
			line_of(simm, row[i].name, row[i].key), row[i].begin);
		simm_destroy(simm);
	}
}

/* Names of calls' results, and one spelling for each physical address. */
Test(addr, spellings)
{
	struct simm *simm = world("pc-i386", "ram", "2G", NULL);
	static const char *const none[] = {"sim/addr/phys:0x0100", "sim/addr/phys:100",
		"sim/addr/phys:0xA0", "sim/addr/phys:", "sim/addr/phys:a", "sim/addr/phys:nosuch",
		"sim/addr/nosuch", "sim/addr/bus:", "sim/addr/phys:0x10000000000000000"};

	world_call(simm, "a = __get_free_page GFP_KERNEL");
	world_call(simm, "pa = virt_to_phys a");
	world_call(simm, "h = alloc_pages GFP_HIGHUSER");
	char pa[64];
	snprintf(pa, sizeof(pa), "%s", line_of(simm, "a", "physical"));
	cr_expect_str_eq(line_of(simm, "phys:pa", "physical"), pa);
	cr_expect_str_eq(line_of(simm, "phys:pa", "held by"), "a (sim/vars/a)");
	EXPECT_LINE(simm, "phys:h", "logical", "none: high memory");
	snprintf(pa, sizeof(pa), "%s", line_of(simm, "a+16", "address"));
	cr_expect_str_eq(line_of(simm, "a+16", "logical"), pa);
	for (unsigned i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		cr_expect(!world_has(simm, none[i]), "%s", none[i]);
	simm_destroy(simm);
}

/* A page of high memory has the addresses of its windows, for as long as they last. */
Test(addr, windows_onto_high_memory)
{
	struct simm *simm = world("pc-i386", "ram", "2G", NULL);
	char window[32], slot[32];

	world_call(simm, "h = alloc_pages GFP_HIGHUSER");
	cr_expect(!strncmp(world_call(simm, "page_address h"), "NULL", 4));
	snprintf(window, sizeof(window), "%.10s", world_call(simm, "k = kmap h"));
	cr_expect(!strncmp(world_call(simm, "page_address h"), window, strlen(window)));
	EXPECT_LINE(simm, "phys:h", "kmap", window);
	EXPECT_LINE(simm, "k", "window", "kmap's window");
	char physical[32];
	snprintf(physical, sizeof(physical), "%s", line_of(simm, "phys:h", "physical"));
	EXPECT_LINE(simm, "k", "physical", physical);
	cr_expect_eq(world_refused(simm, "virt_to_phys k"), EINVAL);
	world_call(simm, "s = kmap_local_page h");
	EXPECT_LINE(simm, "s", "window", "CPU 0's slot 0, in use");
	world_call(simm, "kunmap_local s");
	world_call(simm, "kunmap h");
	world_call(simm, "kmap_flush_unused");
	world_call(simm, "s = kmap_local_page h");
	EXPECT_LINE(simm, "s", "window", "CPU 0's slot 0, in use");
	snprintf(slot, sizeof(slot), "%s", line_of(simm, "s", "address"));
	EXPECT_LINE(simm, "s", "kmap", slot);
	simm_destroy(simm);
}

static const char *const mapped[] = {
	"pc-i386", "pc-i386-pae", "pc-x86_64", "arm-virt", "arm64-virt", "riscv64-virt"};
enum { NR_MAPPED = sizeof(mapped) / sizeof(mapped[0]) };

/* A word of a file, from the begin of a line with @key on. */
static bool says(struct simm *simm, const char *path, const char *words)
{
	return strstr(world_cat(simm, path), words);
}

/* vmalloc's pages: the area from each of its addresses, the address from each of its pages, until the purge. */
Test(addr, areas_of_vmalloc)
{
	for (unsigned i = 0; i < NR_MAPPED; i++) {
		struct simm *simm = world(mapped[i], NULL);
		char area[64], at[64], of_page[160];

		world_call(simm, "v = vmalloc 12K");
		world_call(simm, "p = vmalloc_to_page v+4K");
		snprintf(area, sizeof(area), "%s", line_of(simm, "v", "address"));
		EXPECT_LINE(simm, "v+4100", "vm_area", area);
		cr_expect(
			strstr(line_of(simm, "v+4100", "vm_area"), " by vmalloc: vmalloc pages=3"),
			"%s", line_of(simm, "v+4100", "vm_area"));
		EXPECT_LINE(simm, "v+4100", "inside", "page 1 of 3");
		EXPECT_LINE(simm, "v+12K", "inside", "its guard page, which nothing maps");
		EXPECT_LINE(simm, "v+12K", "mapped", "no");
		EXPECT_LINE(simm, "v+16K", "vm_area", "none: ");
		/* The same byte by its page. */
		snprintf(at, sizeof(at), "%s", line_of(simm, "v+4100", "address"));
		EXPECT_LINE(simm, "v+4100", "virtual", at);
		snprintf(at, sizeof(at), "%s", line_of(simm, "v+4K", "address"));
		EXPECT_LINE(simm, "phys:p", "virtual", at);
		snprintf(of_page, sizeof(of_page), "owner          page 1 of 3 of the area %s",
			area);
		cr_expect(says(simm, "sim/page/p", of_page), "%s: %s", mapped[i],
			world_cat(simm, "sim/page/p"));
		snprintf(
			of_page, sizeof(of_page), "vm_area        %s, page 1 of 3 of %s", at, area);
		cr_expect(says(simm, "sim/page/p", of_page), "%s", world_cat(simm, "sim/page/p"));
		world_call(simm, "vfree v");
		EXPECT_LINE(simm, "v+4100", "vm_area", "none any more: ");
		cr_expect_str_eq(line_of(simm, "phys:p", "virtual"), "");
		world_call(simm, "vm_unmap_aliases");
		EXPECT_LINE(simm, "v+4100", "vm_area", "none: ");
		simm_destroy(simm);
	}
}

/* A page that is mapped twice has both names beside its own; who maps it does not own it. Registers have one. */
Test(addr, names_that_vmap_gives)
{
	for (unsigned i = 0; i < NR_MAPPED; i++) {
		struct simm *simm = world(mapped[i], NULL);
		char first[64], second[64], page[200];
		const char *device =
			strncmp(mapped[i], "pc", 2) ? "ioremap 8000000 4K" : "ioremap fed00000 4K";

		world_call(simm, "a = __get_free_page GFP_KERNEL");
		world_call(simm, "pa = virt_to_phys a");
		world_call(simm, "p = virt_to_page a");
		snprintf(page, sizeof(page), "%s", world_call(simm, "q = virt_to_page a"));
		world_call(simm, "m = vmap p p");
		cr_expect_str_eq(world_call(simm, "vmalloc_to_page m+4K"), page, "%s", mapped[i]);
		snprintf(first, sizeof(first), "%s, page 0 of 2", line_of(simm, "m", "address"));
		snprintf(second, sizeof(second), "%s, page 1 of 2",
			line_of(simm, "m+4K", "address"));
		EXPECT_LINE(simm, "phys:pa", "virtual", first);
		cr_expect(says(simm, "sim/addr/phys:pa", second), "%s", mapped[i]);
		cr_expect(says(simm, "sim/addr/a", second), "%s", mapped[i]);
		EXPECT_LINE(simm, "m+4K", "logical", line_of(simm, "a", "logical"));
		cr_expect(says(simm, "sim/page/p", "owner          name "), "%s",
			world_cat(simm, "sim/page/p"));
		snprintf(page, sizeof(page), "r = %s", device);
		world_call(simm, page);
		cr_expect(strstr(line_of(simm, "r", "virtual"), "ioremap"), "%s: %s", mapped[i],
			world_cat(simm, "sim/addr/r"));
		simm_destroy(simm);
	}
}

/* Of the blocks that were free before a task was made, the address of the one that is its stack; "" when none is. */
static const char *find_block_stack(struct simm *simm, const char *preset)
{
	static char name[32];

	world_call(simm, "b.0-7 = __get_free_pages GFP_KERNEL 1");
	world_call(simm, "c.0-7 = virt_to_phys b.0-7");
	world_call(simm, "free_pages b.0-7");
	cr_assert_eq(world_mkdir(simm, "sim/tasks", "hog"), 0, "%s", preset);
	for (unsigned i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "phys:c.%u", i);
		if (*line_of(simm, name, "stack"))
			return name;
	}
	return "";
}

/* Kernel stacks: an area, or on i386 a block of the direct map. The stack's page says whose it is. */
Test(addr, stacks_of_tasks)
{
	for (unsigned i = 0; i < NR_MAPPED; i++) {
		struct simm *simm = world(mapped[i], NULL);
		bool area = strncmp(mapped[i], "pc-i386", 7);
		char name[64];

		if (area) {
			cr_assert_eq(world_mkdir(simm, "sim/tasks", "hog"), 0);
			const char *info = world_cat(simm, "proc/vmallocinfo");
			const char *line = strstr(info, " kernel_clone");

			cr_assert(line, "%s", mapped[i]);
			while (line > info && line[-1] != '\n')
				line--;
			snprintf(name, sizeof(name), "%.*s", (int)strcspn(line + 2, "-"), line + 2);
			EXPECT_LINE(simm, name, "inside", "page 0 of ");
			snprintf(name, sizeof(name), "phys:%s", line_of(simm, name, "physical"));
		} else {
			snprintf(name, sizeof(name), "%s", find_block_stack(simm, mapped[i]));
			cr_assert(*name, "%s", mapped[i]);
		}
		EXPECT_LINE(simm, name, "stack", "of 100 (hog): ");
		cr_expect(strstr(line_of(simm, name, "stack"),
				  strstr(mapped[i], "64") ? "16384 bytes below its top"
							  : "8192 bytes below its top"),
			"%s: %s", mapped[i], line_of(simm, name, "stack"));
		cr_assert_eq(world_rmdir(simm, "sim/tasks", "hog"), 0);
		EXPECT_LINE(simm, name, "stack", area ? "of nobody, CPU " : "");
		if (!area)
			cr_expect_str_eq(line_of(simm, name, "stack"), "");
		simm_destroy(simm);
	}
}

/* An object of a slab cache, by the address of one of its bytes. */
Test(addr, objects_of_slab_caches)
{
	struct simm *simm = world("pc-x86_64", NULL);

	world_call(simm, "o = kmalloc 50 GFP_KERNEL");
	EXPECT_LINE(simm, "o+3", "object", "kmalloc-64, number ");
	cr_expect(strstr(line_of(simm, "o+3", "object"), ", allocated, byte 3 of its 64"), "%s",
		line_of(simm, "o+3", "object"));
	cr_expect(strstr(line_of(simm, "o", "state"), "1 reference, 0 mappings; flags slab"), "%s",
		line_of(simm, "o", "state"));
	simm_destroy(simm);
}

/* Looking changes nothing. */
Test(addr, asking_changes_nothing)
{
	struct simm *simm = world("pc-x86_64", NULL);
	char before[64];

	snprintf(before, sizeof(before), "%s", world_cat(simm, "sim/digest"));
	world_cat(simm, "sim/addr/ffff888001000010");
	world_cat(simm, "sim/addr/7fff00000000");
	world_cat(simm, "sim/addr/phys:0x40000000");
	world_cat(simm, "sim/mem_map");
	cr_expect_str_eq(world_cat(simm, "sim/digest"), before);
	simm_destroy(simm);
}

/* The lines of @key in sim/addr/@name, each followed by a semicolon. */
static const char *lines_of(struct simm *simm, const char *name, const char *key)
{
	static char lines[1000];
	char path[128], want[32];

	snprintf(path, sizeof(path), "sim/addr/%s", name);
	snprintf(want, sizeof(want), "%-10s ", key);
	lines[0] = '\0';
	for (const char *at = world_cat(simm, path); at; at = (at = strchr(at, '\n')) ? at + 1 : at)
		if (!strncmp(at, want, strlen(want))) {
			size_t used = strlen(lines);

			at += strlen(want);
			snprintf(lines + used, sizeof(lines) - used, "%.*s;",
				(int)strcspn(at, "\n"), at);
		}
	return lines;
}

/* The same number leads elsewhere for each device; a byte has a bus address of its own for each. */
Test(addr, bus_addresses_of_devices)
{
	struct simm *simm = world("arm64-virt", "ram", "1G", NULL);
	static const char *const names[] = {"shifted", "camera", "small"};
	char name[64], want[200], pa[32];
	unsigned long long phys, iova;

	for (unsigned i = 0; i < 3; i++)
		cr_assert_eq(world_mkdir(simm, "sim/devices", names[i]), 0);
	cr_assert_gt(world_write(simm, "sim/devices/shifted/bus_offset", "0x10000000\n"), 0);
	cr_assert_gt(world_write(simm, "sim/devices/camera/iommu", "1\n"), 0);
	cr_assert_gt(world_write(simm, "sim/devices/small/address_lines", "24\n"), 0);
	world_call(simm, "p = alloc_pages GFP_KERNEL 0");
	snprintf(pa, sizeof(pa), "%s", line_of(simm, "phys:p", "physical"));
	phys = strtoull(pa, NULL, 16);
	iova = strtoull(world_call_at(simm, "sim/devices/camera/ctl",
				"d = dma_map_page p 0 4096 DMA_TO_DEVICE"),
		NULL, 16);
	snprintf(want, sizeof(want),
		"%s;0x%llx for b000000.ethernet;0x%llx for shifted;0x%llx for camera, by its "
		"IOMMU;",
		pa, phys + 0x80000000, phys + 0x10000000, iova);
	cr_expect_str_eq(lines_of(simm, "phys:p", "bus"), want);
	/* Back again: by the name of the mapping, by the windows, one to one. */
	cr_expect(strstr(lines_of(simm, "bus:d", "way"), "the IOMMU's tables, r-;"));
	cr_expect(strstr(lines_of(simm, "bus:d", "physical"), pa), "%s",
		world_cat(simm, "sim/addr/bus:d"));
	snprintf(name, sizeof(name), "bus:0x%llx", phys + 0x10000000);
	cr_expect(strstr(lines_of(simm, name, "physical"), pa));
	/* Two buses of the board have windows, too. */
	cr_expect_str_eq(lines_of(simm, name, "way"),
		"one to one: the bus has no windows;a window of the bus (dma-ranges);"
		"a window of the bus (dma-ranges);"
		"none: no window of the bus has it, and the bus aborts;"
		"none: the IOMMU has no mapping of it, which is a fault;"
		"none: the device drives fewer address lines;");
	cr_expect(strstr(lines_of(simm, name, "for"), ";shifted;"), "%s",
		lines_of(simm, name, "for"));
	cr_expect(strstr(lines_of(simm, name, "for"), ";camera;small;"));
	cr_expect(strstr(lines_of(simm, "bus:0x1000", "way"),
		"none: no window of the bus has it, and the bus aborts;"));
	world_call_at(simm, "sim/devices/camera/ctl", "dma_unmap_page d");
	cr_expect(!strstr(lines_of(simm, "phys:p", "bus"), "camera"));
	simm_destroy(simm);
	/* Without devices: as one on a plain bus would see it. */
	simm = world("pc-i386", NULL);
	cr_expect_str_eq(line_of(simm, "bus:0x1000000", "for"), "devices of a bus without windows");
	EXPECT_LINE(simm, "bus:0x1000000", "way", "one to one");
	simm_destroy(simm);
}

/* SPDX-License-Identifier: MIT
 *
 * A device's own memory: presets with a /reserved-memory that a test adds, and devices that name it.
 *
 *	pool     shared-dma-pool, no-map      coherent memory; 64 KiB
 *	mapped   shared-dma-pool              the same without no-map, which cannot be mapped uncached
 *	area     shared-dma-pool, reusable    a contiguous area
 *	plain, secret (restricted-dma-pool), off (disabled)
 */
#include "base/rng.h"
#include "mm/boot/preset.h"
#include "support/world.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long long ull;

enum { POOL = 0x101, MAPPED, AREA, PLAIN, SECRET, OFF, BUS };

#define CODEC "sim/devices/codec/ctl"
#define OTHER "sim/devices/other/ctl"

static char blob[1 << 18];

static void add_cells(int node, const char *name, unsigned n, const uint32_t *values)
{
	uint32_t big[16];

	for (unsigned i = 0; i < n; i++)
		big[i] = cpu_to_fdt32(values[i]);
	cr_assert_eq(fdt_setprop(blob, node, name, big, (int)(4 * n)), 0);
}

/* An address or a size in the root's cells. */
static unsigned wide(uint32_t *cells, unsigned n, uint64_t value)
{
	if (n == 2)
		*cells++ = (uint32_t)(value >> 32);
	*cells = (uint32_t)value;
	return n;
}

static int root_cells(const char *name)
{
	const uint32_t *cell = fdt_getprop(blob, 0, name, NULL);

	return cell ? (int)fdt32_to_cpu(*cell) : 1;
}

/* A range of /reserved-memory with these empty properties, blank between. */
static void add_range(const char *name, uint32_t phandle, uint64_t at, uint64_t bytes,
	const char *compatible, const char *flags)
{
	int parent = fdt_path_offset(blob, "/reserved-memory");
	int node = fdt_add_subnode(blob, parent, name);
	uint32_t reg[4];
	unsigned n = wide(reg, (unsigned)root_cells("#address-cells"), at);
	char words[128], *word;

	cr_assert_geq(node, 0, "%s: %s", name, fdt_strerror(node));
	n += wide(reg + n, (unsigned)root_cells("#size-cells"), bytes);
	add_cells(node, "reg", n, reg);
	add_cells(node, "phandle", 1, &phandle);
	if (compatible)
		fdt_setprop_string(blob, node, "compatible", compatible);
	snprintf(words, sizeof(words), "%s", flags);
	for (word = strtok(words, " "); word; word = strtok(NULL, " "))
		fdt_setprop(blob, node, word, NULL, 0);
}

static void add_device(const char *name, unsigned n, const uint32_t *regions)
{
	int node = fdt_add_subnode(blob, 0, name);

	cr_assert_geq(node, 0);
	fdt_setprop_string(blob, node, "compatible", "test,device");
	add_cells(node, "memory-region", n, regions);
}

#define DEVICE(name, ...)                                                                          \
	add_device(name, sizeof((uint32_t[]){__VA_ARGS__}) / 4, (const uint32_t[]){__VA_ARGS__})

/* The preset's tree, open for more. */
static void open_tree(const char *preset)
{
	int node;

	cr_assert_eq(fdt_open_into(preset_find(preset)->fdt.data, blob, sizeof(blob)), 0);
	node = fdt_add_subnode(blob, 0, "reserved-memory");
	fdt_setprop_u32(blob, node, "#address-cells", (uint32_t)root_cells("#address-cells"));
	fdt_setprop_u32(blob, node, "#size-cells", (uint32_t)root_cells("#size-cells"));
	fdt_setprop(blob, node, "ranges", NULL, 0);
}

static struct simm *boot_tree(const char *cmdline)
{
	char error[512] = "";
	struct simm_config *config = simm_config_new();

	cr_assert_eq(
		simm_config_fdt(config, blob, sizeof(blob), error, sizeof(error)), 0, "%s", error);
	cr_assert_eq(simm_config_option(config, "cmdline", cmdline, error, sizeof(error)), 0);
	struct simm *s = simm_create(config, error, sizeof(error));
	cr_assert_not_null(s, "%s", error);
	simm_config_free(config);
	return s;
}

/* @base: where RAM begins. */
static struct simm *boot_with_ranges(const char *preset, uint64_t base, const char *cmdline)
{
	open_tree(preset);
	add_range("pool", POOL, base + 0x8000000, 0x10000, "shared-dma-pool", "no-map");
	add_range("mapped", MAPPED, base + 0x8100000, 0x10000, "shared-dma-pool", "");
	add_range("area", AREA, base + 0xa000000, 0x1000000, "shared-dma-pool", "reusable");
	add_range("plain", PLAIN, base + 0x8200000, 0x10000, NULL, "");
	add_range("secret", SECRET, base + 0x8300000, 0x100000, "restricted-dma-pool", "");
	add_range("off", OFF, base + 0x8400000, 0x10000, "shared-dma-pool", "no-map");
	fdt_setprop_string(
		blob, fdt_path_offset(blob, "/reserved-memory/off"), "status", "disabled");
	DEVICE("codec", POOL, AREA, PLAIN, MAPPED, OFF, BUS);
	DEVICE("other", POOL);
	DEVICE("isp", AREA);
	DEVICE("vault", PLAIN, SECRET);
	fdt_setprop_u32(blob, fdt_path_offset(blob, "/codec"), "phandle", BUS);
	return boot_tree(cmdline);
}

static bool has(struct simm *s, const char *path, const char *words)
{
	return strstr(world_cat(s, path), words) != NULL;
}

#define EXPECT_HAS(s, path, words)                                                                 \
	cr_expect(has(s, path, words), "%s: %s", words, world_cat(s, path))

static void check(struct simm *s)
{
	cr_assert_str_eq(world_cat(s, "sim/check"), "ok\n");
}

/* The address behind @word in a device's `mappings`, of its last line. */
static ull mapping_value(struct simm *s, const char *device, const char *word)
{
	char path[80];

	snprintf(path, sizeof(path), "sim/devices/%s/mappings", device);
	const char *text = world_cat(s, path), *line = text, *next;

	while ((next = strchr(line, '\n')) && next[1])
		line = next + 1;
	const char *at = strstr(line, word);
	return at ? strtoull(at + strlen(word), NULL, 16) : 0;
}

/* kernel/dma/coherent.c: pages at multiples of the buffer's order, for all devices that name the pool; nothing else. */
Test(reserved_mem, coherent_memory_of_its_own, .timeout = 60)
{
	static const struct {
		const char *preset, *log;
		ull base;
	} rows[] = {{"arm64-virt", "0x0000000048000000", 0x40000000},
		{"arm-virt", "0x48000000", 0x40000000},
		{"riscv64-virt", "0x0000000088000000", 0x80000000}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct simm *s = boot_with_ranges(rows[i].preset, rows[i].base, "");
		ull pool = rows[i].base + 0x8000000;
		char line[160];

		snprintf(line, sizeof(line),
			"Reserved memory: created DMA memory pool at %s, size 0 MiB", rows[i].log);
		EXPECT_HAS(s, "sim/dmesg", line);
		EXPECT_HAS(s, "sim/dmesg",
			"OF: reserved mem: initialized node pool, compatible id shared-dma-pool");
		snprintf(line, sizeof(line), "%llx-%llx : reserved\n", pool, pool + 0xffff);
		EXPECT_HAS(s, "proc/iomem", line);
		world_call_at(s, CODEC, "of_reserved_mem_device_init");
		EXPECT_HAS(s, "sim/dmesg", "platform codec: assigned reserved memory node pool\n");
		world_call_at(s, CODEC, "a = dma_alloc_coherent 12K");
		cr_expect_eq(mapping_value(s, "codec", "phys="), pool);
		world_call_at(s, OTHER, "of_reserved_mem_device_init");
		world_call_at(s, OTHER, "b = dma_alloc_coherent 4K GFP_ATOMIC");
		cr_expect_eq(mapping_value(s, "other", "phys="), pool + 0x4000);
		EXPECT_HAS(s, "sim/devices/codec/mappings", "uncached reserved");
		EXPECT_HAS(s, "sim/devices/codec/memory_region", " dma assigned 20480\n");
		/* Both see each other's bytes at once. */
		snprintf(line, sizeof(line), "store 0x%llx 0x11223344 4",
			mapping_value(s, "codec", "cpu="));
		world_call(s, line);
		world_call_at(s, CODEC, "dma_read a 64");
		world_call_at(s, CODEC, "wait_for_completion");
		EXPECT_HAS(s, "sim/devices/codec/registers", "seen 44 33 22 11");
		cr_expect_eq(world_refused_at(s, CODEC, "dma_alloc_coherent 64K"), ENOMEM);
		cr_expect_eq(world_refused_at(s, CODEC, "dma_alloc_coherent 68K"), ENOMEM);
		cr_expect_eq(world_refused_at(s, CODEC, "of_reserved_mem_device_release"), EBUSY);
		check(s);
		world_call_at(s, CODEC, "dma_free_coherent a");
		world_call_at(s, CODEC, "of_reserved_mem_device_release");
		world_call_at(s, CODEC, "c = dma_alloc_coherent 12K");
		cr_expect_lt(mapping_value(s, "codec", "phys=") - rows[i].base, 1ULL << 32);
		cr_expect_neq(mapping_value(s, "codec", "phys="), pool);
		world_call_at(s, CODEC, "dma_free_coherent c");
		world_call_at(s, OTHER, "dma_free_coherent b");
		check(s);
		simm_destroy(s);
	}
}

Test(reserved_mem, what_is_refused, .timeout = 60)
{
	struct simm *s = boot_with_ranges("arm64-virt", 0x40000000, "");

	cr_expect_eq(world_refused_at(s, CODEC, "of_reserved_mem_device_init_by_idx 6"), ENODEV);
	cr_expect_eq(world_refused_at(s, CODEC, "of_reserved_mem_device_init_by_idx 2"), EINVAL);
	cr_expect_eq(world_refused_at(s, CODEC, "of_reserved_mem_device_init_by_idx 5"), EINVAL);
	/* Two mappings of a page must not differ in caching. */
	EXPECT_HAS(s, "sim/dmesg",
		"Reserved memory: created DMA memory pool at 0x0000000048100000, size 0 MiB");
	cr_expect_eq(world_refused_at(s, CODEC, "of_reserved_mem_device_init_by_idx 3"), EINVAL);
	EXPECT_HAS(s, "sim/dmesg", "memremap attempted on ram 0x0000000048100000 size: 0x10000");
	cr_expect(!has(s, "sim/dmesg", "platform codec: assigned"));
	/* Of a disabled node nobody hears. */
	world_call_at(s, CODEC, "of_reserved_mem_device_init_by_idx 4");
	cr_expect(!has(s, "sim/dmesg", "platform codec: assigned"));
	cr_expect_str_eq(world_cat(s, "sim/devices/codec/memory_region"),
		"pool 0x48000000 65536 dma 0\narea 0x4a000000 16777216 cma\n"
		"plain 0x48200000 65536 reserved\nmapped 0x48100000 65536 dma 0\n(disabled)\n"
		"(no reserved memory)\n");
	/* One pool a device. */
	world_call_at(s, CODEC, "of_reserved_mem_device_init");
	cr_expect_eq(world_refused_at(s, CODEC, "of_reserved_mem_device_init"), EBUSY);
	/* Debian's kernels have no CONFIG_DMA_RESTRICTED_POOL. */
	EXPECT_HAS(s, "sim/dmesg",
		"platform vault: failed to initialise \"restricted-dma-pool\" memory node");
	cr_expect_eq(world_refused_at(
			     s, "sim/devices/vault/ctl", "of_reserved_mem_device_init_by_idx 1"),
		EINVAL);
	cr_expect_eq(world_write(s, "sim/devices/codec/memory_region", "pool\n"), -EPERM);
	check(s);
	simm_destroy(s);
}

/* kernel/dma/contiguous.c: a device with an area of its own takes single pages from it, too. */
Test(reserved_mem, contiguous_area_of_its_own, .timeout = 60)
{
	struct simm *s = boot_with_ranges("arm64-virt", 0x40000000, "");
	const char *isp = "sim/devices/isp/ctl", *used = "sys/kernel/debug/cma/area/used";

	EXPECT_HAS(s, "sim/dmesg",
		"Reserved memory: created CMA memory pool at 0x000000004a000000, size 16 MiB");
	cr_expect_str_eq(world_list(s, "sim/cma"), "area reserved");
	world_call_at(s, isp, "a = dma_alloc_coherent 4K");
	cr_expect_str_eq(world_cat(s, used), "0\n");
	world_call_at(s, isp, "of_reserved_mem_device_init");
	EXPECT_HAS(s, "sim/dmesg", "platform isp: assigned reserved memory node area\n");
	world_call_at(s, isp, "b = dma_alloc_coherent 4K");
	world_call_at(s, isp, "c = dma_alloc_coherent 80K");
	world_call_at(s, isp, "d = dma_alloc_pages 8K DMA_FROM_DEVICE");
	cr_expect_str_eq(world_cat(s, used), "23\n");
	/* Who may not wait gets pages elsewhere. */
	world_call_at(s, isp, "e = dma_alloc_coherent 4K GFP_ATOMIC");
	cr_expect_str_eq(world_cat(s, used), "23\n");
	cr_expect_eq(world_refused_at(s, isp, "of_reserved_mem_device_release"), EBUSY);
	check(s);
	world_call_at(s, isp, "dma_free_pages d 8K DMA_FROM_DEVICE");
	world_call_at(s, isp, "dma_free_coherent c");
	world_call_at(s, isp, "dma_free_coherent b");
	cr_expect_str_eq(world_cat(s, used), "0\n");
	world_call_at(s, isp, "of_reserved_mem_device_release");
	world_call_at(s, isp, "dma_free_coherent e");
	world_call_at(s, isp, "dma_free_coherent a");
	check(s);
	simm_destroy(s);
}

/* 32-bit ARM cannot map a page in two ways: without no-map there is no pool, and the memory is given back. */
Test(reserved_mem, arm_asks_for_no_map, .timeout = 60)
{
	struct simm *s = boot_with_ranges("arm-virt", 0x40000000, "");

	EXPECT_HAS(s, "sim/dmesg", "Reserved memory: regions without no-map are not yet supported");
	EXPECT_HAS(s, "sim/dmesg", "OF: reserved mem: node mapped compatible matching fail");
	EXPECT_HAS(s, "sim/page/0x48100", "free");
	check(s);
	simm_destroy(s);
}

/* rmem_cma_setup(): the command line's area comes before the tree's default one. */
Test(reserved_mem, the_command_line_wins, .timeout = 60)
{
	open_tree("arm64-virt");
	add_range("area", AREA, 0x4a000000, 0x1000000, "shared-dma-pool",
		"reusable linux,cma-default");
	struct simm *s = boot_tree("");
	cr_expect_str_eq(world_list(s, "sim/cma"), "area");
	cr_expect_str_eq(world_list(s, "dev/dma_heap"), "system area");
	simm_destroy(s);
	s = boot_tree("cma=32M");
	EXPECT_HAS(s, "sim/dmesg",
		"Reserved memory: bypass area node, using cmdline CMA params instead");
	cr_expect_str_eq(world_list(s, "sim/cma"), "reserved");
	check(s);
	simm_destroy(s);
}

/* The bus address is the physical one through the bus's windows; an IOMMU is not told. */
Test(reserved_mem, bus_addresses, .timeout = 60)
{
	struct simm *s = boot_with_ranges("arm64-virt", 0x40000000, "");
	const char *nic = "sim/devices/nic/ctl";

	cr_assert_eq(world_mkdir(s, "sim/devices", "nic"), 0);
	cr_expect_eq(world_write(s, "sim/devices/nic/memory_region", "none\n"), -ENOENT);
	cr_assert_gt(world_write(s, "sim/devices/nic/memory_region", "plain pool\n"), 0);
	/* A bus that has no window onto the pool. */
	cr_assert_gt(
		world_write(s, "sim/devices/nic/dma_ranges", "0x10000000 0x40000000 16M\n"), 0);
	world_call_at(s, nic, "of_reserved_mem_device_init_by_idx 1");
	EXPECT_HAS(s, "sim/dmesg",
		"platform nic: reserved memory is beyond device's set DMA address range");
	cr_expect_eq(world_refused_at(s, nic, "dma_alloc_coherent 4K"), ENOMEM);
	cr_assert_gt(world_write(s, "sim/devices/nic/dma_ranges", "\n"), 0);
	cr_assert_gt(world_write(s, "sim/devices/nic/bus_offset", "0x10000000\n"), 0);
	cr_expect_eq(
		strncmp(world_call_at(s, nic, "a = dma_alloc_coherent 4K"), "0x58000000", 10), 0);
	world_call_at(s, nic, "dma_free_coherent a");
	cr_expect_eq(world_write(s, "sim/devices/nic/memory_region", "\n"), -EBUSY);
	world_call_at(s, nic, "of_reserved_mem_device_release");
	cr_assert_gt(world_write(s, "sim/devices/nic/bus_offset", "0\n"), 0);
	cr_assert_gt(world_write(s, "sim/devices/nic/iommu", "1\n"), 0);
	world_call_at(s, nic, "of_reserved_mem_device_init_by_idx 1");
	world_call_at(s, nic, "a = dma_alloc_coherent 4K");
	world_call_at(s, nic, "dma_read a 64");
	world_call_at(s, nic, "wait_for_completion");
	EXPECT_HAS(s, "sim/dmesg", "Unhandled context fault");
	world_call_at(s, nic, "dma_free_coherent a");
	check(s);
	cr_expect_eq(world_rmdir(s, "sim/devices", "nic"), 0);
	simm_destroy(s);
}

/* ARM without MMU: what devices that bypass the caches get has to be set aside (CONFIG_DMA_GLOBAL_POOL). */
Test(reserved_mem, default_pool_without_mmu, .timeout = 60)
{
	for (unsigned pool = 0; pool < 2; pool++) {
		open_tree("cortex-m");
		int cpu = fdt_node_offset_by_prop_value(
			blob, -1, "device_type", "cpu", sizeof("cpu"));

		cr_assert_geq(cpu, 0);
		fdt_setprop_u32(blob, cpu, "d-cache-size", 16384);
		fdt_setprop_u32(blob, cpu, "d-cache-sets", 128);
		fdt_setprop_u32(blob, cpu, "d-cache-line-size", 32);
		if (pool)
			add_range("pool", POOL, 0xc0700000, 0x10000, "shared-dma-pool",
				"no-map linux,dma-default");
		DEVICE("codec", POOL);
		struct simm *s = boot_tree("");
		cr_expect_eq(has(s, "sim/dmesg", "DMA: default coherent area is set"), pool == 1);
		if (!pool) {
			cr_expect_eq(world_refused_at(s, CODEC, "dma_alloc_coherent 4K"), ENOMEM);
		} else {
			world_call_at(s, CODEC, "a = dma_alloc_coherent 4K");
			cr_expect_eq(mapping_value(s, "codec", "phys="), 0xc0700000);
			cr_expect_eq(mapping_value(s, "codec", "cpu="), 0xc0700000);
			check(s);
			world_call_at(s, CODEC, "dma_free_coherent a");
		}
		check(s);
		simm_destroy(s);
	}
}

/* __rmem_check_for_overlap(): neighbours by address, also those that could not be had. Of areas the first one stays. */
Test(reserved_mem, ranges_that_overlap)
{
	static const struct {
		const char *preset, *log;
	} rows[] = {
		{"arm64-virt", "two (0x0000000050800000--0x0000000051800000) overlaps with "
			       "hole (0x0000000051000000--0x0000000051100000)\n"},
		{"arm-virt", "two (0x50800000--0x51800000) overlaps with "
			     "hole (0x51000000--0x51100000)\n"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		open_tree(rows[i].preset);
		/* A tree's first node is the one that was added last. */
		add_range("hole", 1, 0x51000000, 0x100000, NULL, "no-map");
		add_range("two", 2, 0x50800000, 0x1000000, "shared-dma-pool", "reusable");
		add_range("one", 3, 0x50000000, 0x1000000, "shared-dma-pool", "reusable");
		add_range("far", 4, 0x5a000000, 0x100000, NULL, "");
		struct simm *s = boot_tree("cma=0");

		EXPECT_HAS(s, "sim/dmesg", "OF: reserved mem: OVERLAP DETECTED!\n");
		EXPECT_HAS(s, "sim/dmesg", "] one (0x");
		EXPECT_HAS(s, "sim/dmesg", rows[i].log);
		EXPECT_HAS(s, "sim/dmesg", "failed to reserve memory for node 'hole'");
		EXPECT_HAS(s, "sim/dmesg", "node two compatible matching fail\n");
		cr_expect_not(has(s, "sim/dmesg", "far (0x"));
		cr_expect_str_eq(world_cat(s, "sys/kernel/debug/cma/one/count"), "4096\n");
		world_call(s, "a = cma_alloc one 4096");
		check(s);
		simm_destroy(s);
	}
}

/* Whatever overlaps: it boots, and nothing is there twice. */
Test(reserved_mem, any_ranges)
{
	static const char *const compatible[] = {NULL, "shared-dma-pool", "restricted-dma-pool"};
	static const char *const flags[] = {"", "no-map", "reusable"};
	struct rng rng = {.state = 7};

	for (unsigned round = 0; round < 60; round++) {
		open_tree(round % 2 ? "arm64-virt" : "riscv64-virt");
		uint64_t base = round % 2 ? 0x40000000 : 0x80000000;

		for (unsigned i = 0; i < 6; i++) {
			char name[16];

			snprintf(name, sizeof(name), "r%u", i);
			add_range(name, i + 1,
				base + 0x8000000 + (uint64_t)rng_below(&rng, 16) * 0x200000,
				(uint64_t)(1 + rng_below(&rng, 8)) * 0x200000,
				compatible[rng_below(&rng, 3)], flags[rng_below(&rng, 3)]);
		}
		struct simm *s = boot_tree("cma=16M");

		world_call(s, "p.0-99 = alloc_pages GFP_HIGHUSER_MOVABLE 3");
		check(s);
		simm_destroy(s);
	}
}

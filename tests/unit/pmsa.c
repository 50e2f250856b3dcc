/* SPDX-License-Identifier: MIT
 *
 * Claim: a kernel without MMU boots, as boards' real logs have it; what needs an MMU is not there; its regions cover RAM
 * and nothing else, and can be set as the kernel's function and as the registers do it.
 */
#include "mm/kernel/pmsa.h"

#include "base/rng.h"
#include "mm/kernel/cpus.h"
#include "mm/page/address.h"
#include "simm/simm.h"
#include "support/booted.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Test(pmsa, a_range_becomes_regions)
{
	static const struct {
		uint64_t start, bytes;
		unsigned n;
		struct pmsa_piece piece[4];
	} rows[] = {
		{0xc0000000, 16 << 20, 1, {{0xc0000000, 16 << 20, 0}}},
		{0xc0000000, 12 << 20, 1, {{0xc0000000, 16 << 20, 0xc0}}},
		{0x90100000, 3 << 20, 1, {{0x90000000, 4 << 20, 0x03}}},
		{0xc0000000, 13 << 20, 2, {{0xc0000000, 8 << 20, 0}, {0xc0800000, 8 << 20, 0xe0}}},
		{0x90000000, 0x2d0000, 3,
			{{0x90000000, 2 << 20, 0}, {0x90200000, 512 << 10, 0},
				{0x90280000, 512 << 10, 0xe0}}},
		{0x20000000, 96, 2, {{0x20000000, 64, 0}, {0x20000040, 32, 0}}},
		{0, 1ULL << 32, 1, {{0, 1ULL << 32, 0}}},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pmsa_piece got[MPU_MAX_REGIONS];

		cr_assert_eq(pmsa_cover(rows[i].start, rows[i].bytes, MPU_MAX_REGIONS, got),
			rows[i].n, "row %u", i);
		for (unsigned k = 0; k < rows[i].n; k++)
			cr_assert(got[k].base == rows[i].piece[k].base &&
					  got[k].bytes == rows[i].piece[k].bytes &&
					  got[k].off == rows[i].piece[k].off,
				"row %u, piece %u: 0x%llx 0x%llx 0x%x", i, k,
				(unsigned long long)got[k].base, (unsigned long long)got[k].bytes,
				got[k].off);
	}
}

/* Every piece is what hardware can do, they follow one another, and are all of what was asked when there are enough. */
Test(pmsa, any_range_is_covered_from_its_beginning)
{
	struct rng rng = {3};

	for (unsigned i = 0; i < 20000; i++) {
		uint64_t start = (uint64_t)rng_below(&rng, 1 << 20) << 12;
		uint64_t bytes = (uint64_t)(1 + rng_below(&rng, 1 << rng_below(&rng, 16))) << 12;
		unsigned most = 1 + rng_below(&rng, 16);
		struct pmsa_piece got[MPU_MAX_REGIONS];
		uint64_t at = start;
		unsigned n = pmsa_cover(start, bytes, most, got);

		cr_assert_leq(n, most);
		for (unsigned k = 0; k < n; k++) {
			cr_assert(!(got[k].bytes & (got[k].bytes - 1)) && got[k].bytes >= 32);
			cr_assert(!(got[k].base & (got[k].bytes - 1)));
			for (unsigned e = 0; e < 8; e++) {
				uint64_t from = got[k].base + got[k].bytes / 8 * e;

				if (got[k].off >> e & 1)
					continue;
				cr_assert_eq(from, at, "no hole, no overlap");
				at += got[k].bytes / 8;
			}
		}
		cr_assert_leq(at, start + bytes);
		cr_assert(at == start + bytes || n == most);
	}
}

/* The lines of an STM32F469-DISCO's log (5.9.16), but for the words that newer kernels have. */
Test(pmsa, the_log_is_a_boards)
{
	static const char *const lines[] = {
		"  Normal   [mem 0x00000000c0000000-0x00000000c0ffffff]\n",
		"Initmem setup node 0 [mem 0x00000000c0000000-0x00000000c0ffffff]\n",
		"Using ARMv7 PMSA Compliant MPU. Region independence: No, Used 5 of 8 regions\n",
		"Built 1 zonelists, mobility grouping off.  Total pages: 4064\n",
		"Dentry cache hash table entries: 2048 (order: 1, 8192 bytes, linear)\n",
		"Inode-cache hash table entries: 1024 (order: 0, 4096 bytes, linear)\n",
		("Memory: 15840K/16384K available (1959K kernel code, 163K rwdata, 856K rodata, "
		 "92K "
		 "init, 119K bss, 544K reserved, 0K cma-reserved)\n"),
		"SLUB: HWalign=32, Order=0-3, MinObjects=0, CPUs=1, Nodes=1\n",
	};
	struct machine *m = booted("cortex-m", NULL);

	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		cr_assert(strstr(booted_log(m), lines[i]), "the log has no\n%s:\n%s", lines[i],
			booted_log(m));
	cr_assert_eq(page_address(m, 0xc0400), 0xc0400000, "addresses are physical");
	cr_assert_eq(virt_to_pfn(m, 0xc0400123), 0xc0400);
	cr_assert_eq(virt_to_pfn(m, 0xbffff000), NO_PFN);
	machine_destroy(m);
}

Test(pmsa, ram_of_other_sizes)
{
	static const char *const sizes[] = {"4M", "8M", "12M", "13M", "24M", "64M", "100M"};

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct machine *m = booted("cortex-m", "ram", sizes[i], NULL);
		const struct mpu *mpu = &machine_cpu_peek(m, 0)->mpu;
		const struct memblock_region *ram = &m->memblock.memory.region[0];

		for (uint64_t at = ram->start; at < ram->end; at += PAGE_BYTES)
			cr_assert_eq(mpu_lookup(mpu, (uint32_t)at).flags, HW_ALL, "%s", sizes[i]);
		cr_assert_eq(mpu_lookup(mpu, (uint32_t)ram->end).region, 0, "the background");
		machine_destroy(m);
	}
	struct machine *m = booted("cortex-m", "ram", "17748K", NULL);

	cr_assert(strstr(booted_log(m), "Truncating memory from 0x"), "%s", booted_log(m));
	machine_destroy(m);
}

Test(pmsa, what_needs_an_mmu_is_refused)
{
	static const char *const edits[] = {"+HIGHMEM", "+CMA", "+COMPACTION", "+SWAP", "+KSM",
		"+TRANSPARENT_HUGEPAGE", "+HUGETLB_PAGE", "+SMP", "+MMU", "-ARM_MPU"};

	for (unsigned i = 0; i < sizeof(edits) / sizeof(edits[0]); i++)
		cr_assert(strstr(boot_refused("cortex-m", "config", edits[i], NULL), edits[i] + 1),
			"%s: %s", edits[i], refused_why());
	cr_assert(strstr(boot_refused("pc-i386", "config", "-MMU", NULL), "MMU"));
	cr_assert(strstr(boot_refused("cortex-m", "cpus", "2", NULL), "1"));
}

/* ---- through files ---- */

static char answer[1 << 14];

static struct simm *mount(void)
{
	struct simm_config *config = simm_config_new();

	cr_assert_eq(simm_config_machine(config, "cortex-m", answer, sizeof(answer)), 0);
	struct simm *simm = simm_create(config, answer, sizeof(answer));

	cr_assert_not_null(simm, "%s", answer);
	simm_config_free(config);
	return simm;
}

static void has(struct simm *simm, const char *path, const char *want)
{
	ssize_t n = simm_file_read(simm, path, answer, sizeof(answer) - 1);

	cr_assert_geq(n, 0, "%s", path);
	answer[n] = '\0';
	cr_assert(strstr(answer, want), "%s has no \"%s\":\n%s", path, want, answer);
}

static ssize_t line(struct simm *simm, const char *call)
{
	return simm_file_write(simm, "sim/cpu0/ctl", call, strlen(call));
}

Test(pmsa, what_is_there_and_what_is_not)
{
	static const char *const absent[] = {"sim/cpu0/tlb", "sim/cpu0/mmu", "sim/walk",
		"sim/tasks", "proc/kpageflags", "proc/swaps", "proc/sys/vm/max_map_count",
		"proc/sys/vm/compact_memory", "proc/sys/vm/stat_interval", "proc/1",
		"sys/kernel/mm/lru_gen"};
	static const char *const present[] = {"sim/cpu0/mpu", "proc/maps", "proc/buddyinfo",
		"proc/sys/vm/nr_trim_pages", "proc/sys/vm/min_free_kbytes", "proc/pagetypeinfo"};
	struct simm *simm = mount();
	struct simm_node node;

	for (unsigned i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
		cr_assert_eq(simm_resolve(simm, absent[i], &node), -ENOENT, "%s", absent[i]);
	for (unsigned i = 0; i < sizeof(present) / sizeof(present[0]); i++)
		cr_assert_eq(simm_resolve(simm, present[i], &node), 0, "%s", present[i]);
	has(simm, "proc/meminfo", "MmapCopy:              0 kB\nSwapTotal:             0 kB\n");
	has(simm, "proc/meminfo", "VmallocTotal:    4194303 kB\n");
	has(simm, "proc/cpuinfo", "CPU architecture: 7M\n");
	has(simm, "sim/check", "ok");
	cr_assert_lt(line(simm, "spawn hog\n"), 0, "there are no processes");
	cr_assert_lt(line(simm, "invlpg 0\n"), 0);
	simm_destroy(simm);
}

Test(pmsa, regions_are_set_and_their_faults_told)
{
	struct simm *simm = mount();

	cr_assert_gt(
		line(simm, "mpu_setup_region 5 c0400000 12 PMSAv7_AP_PL1RW_PL0NA|PMSAv7_ACR_XN\n"),
		0);
	has(simm, "sim/cpu0/mpu",
		"region 5     0xc0400000-0xc0400fff 4K  kernel rw-, user ---, strongly ordered\n");
	cr_assert_gt(line(simm, "store c0400000 0x2a\n"), 0);
	has(simm, "sim/last", "0x2a cycles=10 region=5");
	cr_assert_eq(line(simm, "load c0400000 4 user\n"), -EFAULT);
	has(simm, "sim/errors",
		"read of 0xc0400000 in user mode faults (region 5, MemManage, cfsr 0x82): user "
		"mode has no "
		"access to the region");
	has(simm, "sim/dmesg", "Unhandled exception: IPSR = 00000004 LR = fffffffd");
	has(simm, "sim/cpu0/registers", "mmfar       0x00000000c0400000");
	cr_assert_eq(line(simm, "fetch 90000000\n"), -EFAULT);
	has(simm, "sim/errors", "(region 1, BusFault, cfsr 0x100): nothing answers");
	cr_assert_eq(line(simm, "load e000ed94 4 user\n"), -EFAULT);
	has(simm, "sim/errors", "region default, BusFault");
	cr_assert_gt(line(simm, "store e000ed94 0\n"), 0);
	has(simm, "sim/cpu0/mpu", "off: the default memory map is everybody's");
	has(simm, "sim/check", "ok");
	simm_destroy(simm);
}

Test(pmsa, what_is_no_region)
{
	static const struct {
		const char *call;
		int err;
		const char *why;
	} rows[] = {
		{"mpu_setup_region 8 c0000000 12 0\n", -ENOENT, "the MPU has 8 of them"},
		{"mpu_setup_region 18446744073709551615 c0000000 12 0\n", -ENOENT, "no region"},
		{"mpu_setup_region 5 c0000000 4 0\n", -ENOMEM, "from 5 to 32"},
		{"mpu_setup_region 5 c0000000 33 0\n", -ENOMEM, "from 5 to 32"},
		{"mpu_setup_region 5 100000000 12 0\n", -EINVAL, "32 bits"},
		{"mpu_setup_region 5 c0000000 12 RGN_NORMAL|AP_X\n", -EINVAL,
			"AP_X is no property"},
		{"mpu_setup_region 5 c0000000 12 RGN_NORMAL||AP_PL1RW_PL0NA\n", -EINVAL,
			"is no property"},
		{"mpu_setup_region 5 c0000000 12 0 256\n", -EINVAL, "8 bits"},
	};
	struct simm *simm = mount();

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cr_assert_eq(line(simm, rows[i].call), rows[i].err, "%s", rows[i].call);
		has(simm, "sim/errors", rows[i].why);
		has(simm, "sim/cpu0/mpu", "region 5     off\n");
	}
	simm_destroy(simm);
}

/* Any properties, any words: refused or taken, and the machine stays whole. */
Test(pmsa, any_store_to_the_system_control_space)
{
	struct simm *simm = mount();
	struct rng rng = {7};
	char call[128];

	for (unsigned i = 0; i < 3000; i++) {
		uint32_t at = 0xe000ed00 + rng_below(&rng, 64) * 4;

		if (rng_below(&rng, 3))
			snprintf(call, sizeof(call), "store %x 0x%x\n", at,
				(uint32_t)rng_next(&rng));
		else
			snprintf(call, sizeof(call), "load %x 4 %s\n", at,
				rng_below(&rng, 2) ? "user" : "kernel");
		line(simm, call);
		snprintf(call, sizeof(call), "mpu_setup_region %u %x %u 0x%x %u\n",
			rng_below(&rng, 9), (uint32_t)rng_next(&rng), rng_below(&rng, 34),
			(uint32_t)rng_next(&rng) & 0xffff, rng_below(&rng, 256));
		line(simm, call);
		snprintf(call, sizeof(call), "load %x\n", (uint32_t)rng_next(&rng));
		line(simm, call);
	}
	has(simm, "sim/check", "ok");
	simm_destroy(simm);
}

/* SPDX-License-Identifier: MIT
 *
 * Devices behind the IOMMU, through the files: mapped memory is reached by addresses that are nobody else's, strays are
 * faults in the log, and what was unmapped is forgotten, at once or a little later.
 */
#include "base/text.h"
#include "support/world.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NIC "sim/devices/nic"
#define CTL NIC "/ctl"

static struct simm *behind_iommu(const char *preset, const char *cmdline)
{
	struct simm *s = world(preset, "cmdline", cmdline, "ram", "1G", NULL);

	cr_assert_eq(world_mkdir(s, "sim/devices", "nic"), 0);
	cr_assert_gt(world_write(s, NIC "/iommu", "1\n"), 0);
	return s;
}

static bool file_has(struct simm *s, const char *path, const char *words)
{
	return strstr(world_cat(s, path), words) != NULL;
}

static unsigned long long number_after(struct simm *s, const char *path, const char *words)
{
	const char *at = strstr(world_cat(s, path), words);

	cr_assert_not_null(at, "%s has no %s", path, words);
	return strtoull(at + strlen(words), NULL, 0);
}

static void check(struct simm *s)
{
	cr_assert_str_eq(world_cat(s, "sim/check"), "ok\n");
}

static const char *const presets[] = {"pc-x86_64", "arm64-virt", "pc-i386"};

Test(iommu, device_writes_and_the_cpu_reads, .timeout = 60)
{
	for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
		struct simm *s = behind_iommu(presets[i], "iommu.strict=1");

		world_call(s, "b = __get_free_pages GFP_KERNEL+__GFP_ZERO 1");
		/* From above: the last page below 4 GiB, the mask's end. */
		const char *got =
			world_call_at(s, CTL, "d = dma_map_single b 4096 DMA_FROM_DEVICE");
		cr_assert_eq(strncmp(got, "0xfffff000", 10), 0, "%s: %s", presets[i], got);
		cr_assert(file_has(s, NIC "/iova", "0xfffff000 4096 "));
		world_call_at(s, CTL, "dma_write d 4096 0x2a2b2c2d");
		world_call_at(s, CTL, "wait_for_completion");
		cr_assert(file_has(s, NIC "/log", ": done in"), "%s", world_cat(s, NIC "/log"));
		world_call_at(s, CTL, "dma_unmap_single d");
		cr_assert_str_eq(world_cat(s, NIC "/iova"), "");
		cr_assert_eq(strncmp(world_call(s, "load b+4092 4"), "0x2a2b2c2d", 10), 0);
		/* And nothing beside it. */
		cr_assert_eq(strncmp(world_call(s, "load b+4096 4"), "0x0", 3), 0);
		check(s);
		cr_assert_eq(world_rmdir(s, "sim/devices", "nic"), 0);
		check(s);
		simm_destroy(s);
	}
}

/* The kernel's own lines: drivers/iommu/intel/dmar.c, arm/arm-smmu/arm-smmu.c. */
Test(iommu, strays_are_faults, .timeout = 60)
{
	static const struct {
		const char *preset, *line, *words;
	} row[] = {
		{"pc-x86_64", "dma_write 0x1234567 64 0x66",
			"DMAR: [DMA Write NO_PASID] Request device [00:00.1] fault addr 0x1234000 "
			"[fault reason 0x05] PTE Write access is not set"},
		{"pc-x86_64", "dma_read 0x1234567 64",
			"DMAR: [DMA Read NO_PASID] Request device [00:00.1] fault addr 0x1234000 "
			"[fault reason 0x06] PTE Read access is not set"},
		/* Mapped, but for the other direction. */
		{"pc-x86_64", "dma_write d 64 1",
			"fault addr 0xfffff000 [fault reason 0x05] PTE Write access is not set"},
		{"arm64-virt", "dma_write 0x1234567 64 0x66",
			": Unhandled context fault: fsr=0x402, iova=0x01234567, fsynr=0x1"},
		{"arm64-virt", "dma_write d 64 1", "fsr=0x408, iova=0xfffff000, fsynr=0x13, "},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct simm *s = behind_iommu(row[i].preset, "");
		static const char *const victims[] = {"v", "b"};

		world_call(s, "b = __get_free_pages GFP_KERNEL+__GFP_ZERO 0");
		world_call(s, "v = __get_free_pages GFP_KERNEL+__GFP_ZERO 0");
		world_call_at(s, CTL, "d = dma_map_single b 4096 DMA_TO_DEVICE");
		world_call_at(s, CTL, row[i].line);
		world_call_at(s, CTL, "wait_for_completion");
		cr_assert(file_has(s, NIC "/log", "IOMMU fault at"), "%s", row[i].line);
		cr_assert(file_has(s, "sim/dmesg", row[i].words), "%s\n%s", row[i].words,
			world_cat(s, "sim/dmesg"));
		for (unsigned k = 0; k < 2; k++) {
			char line[40];

			snprintf(line, sizeof(line), "load %s 4", victims[k]);
			cr_assert_eq(strncmp(world_call(s, line), "0x0", 3), 0);
		}
		cr_assert(file_has(s, NIC "/iommu", " faults=1\n"));
		check(s);
		simm_destroy(s);
	}
}

/* Lazy: for up to 10 ms, or 255 unmappings, the IOTLB's memory outlives the mapping. */
Test(iommu, lazy_flushes_leave_a_window, .timeout = 60)
{
	struct simm *s = behind_iommu("pc-x86_64", "");

	cr_assert(file_has(s, "sim/iommu", "policy lazy\n"));
	cr_assert_str_eq(world_cat(s, "sys/kernel/iommu_groups/0/type"), "DMA-FQ\n");
	world_call(s, "b = __get_free_pages GFP_KERNEL+__GFP_ZERO 0");
	world_call_at(s, CTL, "d = dma_map_single b 4096 DMA_FROM_DEVICE");
	world_call_at(s, CTL, "dma_write d 4 1");
	world_call_at(s, CTL, "wait_for_completion");
	world_call_at(s, CTL, "dma_unmap_single d");
	cr_assert_str_eq(world_cat(s, NIC "/iova"), "");
	cr_assert(file_has(s, NIC "/iommu", " waiting=1 "));
	/* The tables lead nowhere, the device writes all the same. */
	world_call_at(s, CTL, "dma_write d 4 0x77777777");
	world_call_at(s, CTL, "wait_for_completion");
	cr_assert_eq(strncmp(world_call(s, "load b 4"), "0x77777777", 10), 0);
	world_write(s, "sim/clock", "+20ms\n");
	cr_assert(file_has(s, NIC "/iommu", " waiting=0 "), "%s", world_cat(s, NIC "/iommu"));
	world_call_at(s, CTL, "dma_write d 4 0x55555555");
	world_call_at(s, CTL, "wait_for_completion");
	cr_assert_eq(strncmp(world_call(s, "load b 4"), "0x77777777", 10), 0);
	cr_assert_eq(number_after(s, NIC "/iommu", "faults="), 1);
	check(s);
	simm_destroy(s);
}

Test(iommu, strict_flushes_leave_none, .timeout = 60)
{
	struct simm *s = behind_iommu("arm64-virt", "");

	cr_assert_str_eq(world_cat(s, "sys/kernel/iommu_groups/0/type"), "DMA\n");
	world_call(s, "b = __get_free_pages GFP_KERNEL+__GFP_ZERO 0");
	world_call_at(s, CTL, "d = dma_map_single b 4096 DMA_FROM_DEVICE");
	world_call_at(s, CTL, "dma_write d 4 1");
	world_call_at(s, CTL, "wait_for_completion");
	cr_assert(file_has(s, "sim/iommu", "iotlb domain=1 0xfffff000 4096 rw"));
	world_call_at(s, CTL, "dma_unmap_single d");
	cr_assert(!file_has(s, "sim/iommu", "iotlb domain="));
	world_call_at(s, CTL, "dma_write d 4 0x77777777");
	world_call_at(s, CTL, "wait_for_completion");
	cr_assert_eq(strncmp(world_call(s, "load b 4"), "0x1", 3), 0);
	check(s);
	simm_destroy(s);
}

/* Pages anywhere are one run for the device, told in segments. */
Test(iommu, scatterlists_become_one_run, .timeout = 60)
{
	static const struct {
		const char *before;
		const char *segments;
	} row[] = {
		{"dma_set_max_seg_size 64K", "3"}, /* 40 pages: 16 + 16 + 8 */
		{"dma_set_max_seg_size 1M", "1"}, {"dma_set_max_seg_size 4K", "40"},
		{"dma_set_seg_boundary 0x7fff",
			"5"}, /* no more than 8 pages lie between boundaries */
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct simm *s = behind_iommu("pc-x86_64", "");

		world_call(s, "p.0-39 = alloc_pages GFP_KERNEL");
		world_call_at(s, CTL, row[i].before);
		const char *got = world_call_at(s, CTL, "dma_map_sg p 40 DMA_FROM_DEVICE s");
		cr_assert_str_eq(got, row[i].segments, "%s: %s", row[i].before, got);
		world_call_at(s, CTL, "dma_write s.0 163840 0x12345678");
		world_call_at(s, CTL, "wait_for_completion");
		cr_assert(file_has(s, NIC "/log", ": done in"));
		world_call(s, "a = page_address p.39");
		cr_assert_eq(strncmp(world_call(s, "load a 4"), "0x12345678", 10), 0);
		if (atoi(row[i].segments) > 1)
			cr_assert_eq(world_refused_at(s, CTL, "dma_unmap_sg s 1 DMA_FROM_DEVICE"),
				EINVAL);
		char line[60];
		snprintf(line, sizeof(line), "dma_unmap_sg s %s DMA_FROM_DEVICE", row[i].segments);
		world_call_at(s, CTL, line);
		cr_assert_str_eq(world_cat(s, NIC "/mappings"), "");
		check(s);
		simm_destroy(s);
	}
}

static void store_and_let_the_device_read(struct simm *s, const char *name, unsigned word)
{
	char line[120];

	snprintf(line, sizeof(line), "store 0x%llx 0x%x 4",
		number_after(s, NIC "/mappings", "cpu="), word);
	world_call(s, line);
	snprintf(line, sizeof(line), "dma_read %s 4", name);
	world_call_at(s, CTL, line);
	world_call_at(s, CTL, "wait_for_completion");
	snprintf(line, sizeof(line), "seen %02x %02x %02x %02x\n", word & 255, word >> 8 & 255,
		word >> 16 & 255, word >> 24);
	cr_expect(file_has(s, NIC "/registers", line), "%s", world_cat(s, NIC "/registers"));
}

/* drivers/iommu/iommu.c: what the kernel says of it, and what a device's domain comes to be. */
Test(iommu, the_command_line_decides, .timeout = 60)
{
	static const struct {
		const char *preset, *cmdline, *type, *domain, *flush;
	} row[] = {
		{"pc-x86_64", "", "DMA-FQ", "Translated ", "lazy mode "},
		{"arm64-virt", "", "DMA", "Translated ", "strict mode "},
		{"pc-x86_64", "iommu.strict=1", "DMA", "Translated ",
			"strict mode (set via kernel command line)"},
		{"arm64-virt", "iommu.strict=0", "DMA-FQ", "Translated ",
			"lazy mode (set via kernel command line)"},
		{"pc-x86_64", "iommu=soft,pt", "identity",
			"Passthrough (set via kernel command line)", NULL},
		{"arm64-virt", "iommu.passthrough=1", "identity",
			"Passthrough (set via kernel command line)", NULL},
		{"pc-x86_64", "iommu=pt iommu=nopt", "DMA-FQ",
			"Translated (set via kernel command line)", "lazy mode "},
		{"pc-x86_64", "iommu.passthrough=0 intel_iommu=on,strict", "DMA",
			"Translated (set via kernel command line)", "strict mode "},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct simm *s = behind_iommu(row[i].preset, row[i].cmdline);
		char line[160];

		snprintf(line, sizeof(line), "%s\n", row[i].type);
		cr_expect_str_eq(
			world_cat(s, "sys/kernel/iommu_groups/0/type"), line, "%s", row[i].cmdline);
		snprintf(line, sizeof(line), "iommu: Default domain type: %s\n", row[i].domain);
		cr_expect(file_has(s, "sim/dmesg", line), "%s: %s", row[i].cmdline, line);
		snprintf(line, sizeof(line), "iommu: DMA domain TLB invalidation policy: %s\n",
			row[i].flush ? row[i].flush : "");
		cr_expect_eq(file_has(s, "sim/dmesg", row[i].flush ? line : "TLB invalidation"),
			row[i].flush != NULL, "%s: %s", row[i].cmdline, line);
		simm_destroy(s);
	}
	struct simm *s = world("pc-x86_64", "cmdline", "intel_iommu=strict,off,x", NULL);
	cr_expect(file_has(s, "sim/dmesg",
		"DMAR: intel_iommu=strict deprecated; use iommu.strict=1 instead\n"));
	cr_expect(file_has(s, "sim/dmesg", "DMAR: IOMMU disabled\n"));
	cr_expect(file_has(s, "sim/dmesg", "DMAR: Unknown option - 'x'\n"));
	cr_assert_eq(world_mkdir(s, "sim/devices", "nic"), 0);
	cr_expect_eq(world_write(s, NIC "/iommu", "1\n"), -EOPNOTSUPP);
	simm_destroy(s);
	s = world("riscv64-virt", NULL);
	cr_expect(!file_has(s, "sim/dmesg", "iommu: "));
	simm_destroy(s);
}

/* iommu_dma_alloc() of 6.1: to map pages uncached may sleep, so who cannot gets what was mapped before, of any zone. */
Test(iommu, who_cannot_sleep_gets_pages_of_the_pools, .timeout = 60)
{
	static const char *const names[] = {"b", "c", "d"};
	struct simm *s = behind_iommu("arm64-virt", "");
	char line[80];

	world_call_at(s, CTL, "a = dma_alloc_coherent 8K GFP_ATOMIC");
	cr_expect(file_has(s, "sim/dmesg",
		"DMA: preallocated 128 KiB GFP_KERNEL pool for atomic allocations"));
	cr_expect(file_has(s, NIC "/mappings", "0xffffe000 8192 DMA_BIDIRECTIONAL coherent"));
	cr_expect(file_has(s, NIC "/mappings", " uncached pool\n"));
	cr_expect(file_has(s, NIC "/iova", "0xffffe000 8192 "));
	store_and_let_the_device_read(s, "a", 0x11223344);
	check(s);
	/* The others are asked when one has no room. */
	for (size_t i = 0; i < 2; i++) {
		snprintf(line, sizeof(line), "%s = dma_alloc_coherent 128K GFP_ATOMIC", names[i]);
		world_call_at(s, CTL, line);
	}
	cr_expect(file_has(s, "sim/dmesg", "GFP_KERNEL|GFP_DMA32 pool"));
	cr_expect_eq(world_refused_at(s, CTL, "dma_alloc_coherent 128K GFP_ATOMIC|__GFP_NOWARN"),
		ENOMEM);
	cr_expect(!file_has(s, "sim/dmesg", "exhausted"));
	cr_expect_eq(world_refused_at(s, CTL, "dma_alloc_coherent 128K GFP_ATOMIC"), ENOMEM);
	cr_expect(file_has(s, "sim/dmesg", "dma_alloc_from_pool: DMA pool exhausted for nic\n"));
	check(s);
	for (size_t i = 0; i < 2; i++) {
		snprintf(line, sizeof(line), "dma_free_coherent %s", names[i]);
		world_call_at(s, CTL, line);
	}
	world_call_at(s, CTL, "dma_free_coherent a");
	cr_expect_str_eq(world_cat(s, NIC "/iova"), "");
	check(s);
	simm_destroy(s);
}

/* DMA_ATTR_FORCE_CONTIGUOUS: one block, of the contiguous area when there is one, uncached where that is asked. */
Test(iommu, one_block_when_it_is_asked_for, .timeout = 60)
{
	for (size_t i = 0; i < 2; i++) {
		struct simm *s = behind_iommu(presets[i], i ? "" : "cma=16M");

		world_call_at(
			s, CTL, "a = dma_alloc_coherent 80K GFP_KERNEL DMA_ATTR_FORCE_CONTIGUOUS");
		cr_expect_str_eq(world_cat(s, "sys/kernel/debug/cma/reserved/used"), "20\n");
		cr_expect_eq(file_has(s, NIC "/mappings", " uncached\n"), i == 1);
		store_and_let_the_device_read(s, "a", 0x55667788);
		check(s);
		world_call_at(s, CTL, "dma_free_coherent a");
		cr_expect_str_eq(world_cat(s, "sys/kernel/debug/cma/reserved/used"), "0\n");
		check(s);
		simm_destroy(s);
	}
}

Test(iommu, coherent_buffers_are_made_of_pages, .timeout = 60)
{
	for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
		struct simm *s = behind_iommu(presets[i], "");
		char line[80];

		/* Larger than any block. */
		const char *got = world_call_at(s, CTL, "r = dma_alloc_coherent 6M");
		const char *cpu = strstr(got, "cpu=");
		cr_assert_not_null(cpu, "%s", got);
		snprintf(line, sizeof(line), "store 0x%llx 0x51525354 4",
			strtoull(cpu + 4, NULL, 16) + 0x500000);
		world_call(s, line);
		world_call_at(s, CTL, "dma_read r+0x500000 4");
		world_call_at(s, CTL, "wait_for_completion");
		cr_assert(file_has(s, NIC "/registers", "seen 54 53 52 51"), "%s",
			world_cat(s, NIC "/registers"));
		check(s);
		world_call_at(s, CTL, "dma_free_coherent r");
		check(s);
		simm_destroy(s);
	}
}

Test(iommu, passthrough_is_no_protection, .timeout = 60)
{
	struct simm *s = behind_iommu("pc-x86_64", "iommu=pt");

	cr_assert_str_eq(world_cat(s, "sys/kernel/iommu_groups/0/type"), "identity\n");
	world_call(s, "b = __get_free_pages GFP_KERNEL+__GFP_ZERO 0");
	world_call_at(s, CTL, "d = dma_map_single b 64 DMA_TO_DEVICE");
	world_call_at(s, CTL, "dma_write d 64 0x99999999");
	world_call_at(s, CTL, "wait_for_completion");
	cr_assert_eq(strncmp(world_call(s, "load b 4"), "0x99999999", 10), 0);
	check(s);
	simm_destroy(s);
}

Test(iommu, what_is_refused, .timeout = 60)
{
	struct simm *s = world("riscv64-virt", NULL);

	cr_assert_eq(world_mkdir(s, "sim/devices", "nic"), 0);
	cr_assert_eq(world_write(s, NIC "/iommu", "1\n"), -EOPNOTSUPP);
	cr_assert_str_eq(world_cat(s, NIC "/iommu"), "0\n");
	simm_destroy(s);
	s = behind_iommu("pc-x86_64", "");
	world_call(s, "b = __get_free_pages GFP_KERNEL 0");
	world_call_at(s, CTL, "d = dma_map_single b 64 DMA_TO_DEVICE");
	cr_assert_eq(world_write(s, NIC "/iommu", "0\n"), -EBUSY);
	cr_assert_eq(world_rmdir(s, "sim/devices", "nic"), -EBUSY);
	world_call_at(s, CTL, "dma_unmap_single d");
	/* A mask in whose reach no address is. */
	world_call_at(s, CTL, "dma_set_mask 0xfff");
	cr_assert_eq(world_refused_at(s, CTL, "dma_map_single b 64 DMA_TO_DEVICE"), ENOMEM);
	cr_assert_gt(world_write(s, NIC "/iommu", "0\n"), 0);
	cr_assert_str_eq(world_cat(s, NIC "/iommu"), "0\n");
	check(s);
	simm_destroy(s);
}

/* A device without an IOMMU can write the tables of one that has: nothing here may fall over it. */
Test(iommu, overwritten_tables, .timeout = 60)
{
	struct simm *s = behind_iommu("pc-x86_64", "");
	char line[80];

	cr_assert_eq(world_mkdir(s, "sim/devices", "rogue"), 0);
	world_call(s, "b = __get_free_pages GFP_KERNEL 4");
	world_call_at(s, CTL, "d = dma_map_single b 65536 DMA_TO_DEVICE");
	snprintf(line, sizeof(line), "dma_write 0x%llx 4096 0xffffffff",
		number_after(s, "sim/iommu", "root_table ") + 4096);
	for (unsigned i = 0; i < 8; i++) {
		world_call_at(s, "sim/devices/rogue/ctl", line);
		snprintf(line, sizeof(line), "dma_write 0x%llx 4096 0x%x",
			number_after(s, "sim/iommu", "root_table ") + 4096 * (i + 2) - 16384,
			0x01234567 * i);
	}
	world_call_at(s, "sim/devices/rogue/ctl", "wait_for_completion");
	world_call_at(s, CTL, "dma_read d 65536");
	world_call_at(s, CTL, "wait_for_completion");
	world_cat(s, NIC "/iova");
	world_refused_at(s, CTL, "dma_map_single b 4096 DMA_FROM_DEVICE");
	world_refused_at(s, CTL, "dma_unmap_single d");
	world_cat(s, "sim/check");
	simm_destroy(s);
}

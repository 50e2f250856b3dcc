/* SPDX-License-Identifier: MIT
 *
 * Devices of real boards' devicetrees: which windows onto memory they have is what the tree's dma-ranges say.
 *
 * The rows were read with `dtc -I dtb -O dts`. A device whose bus has no dma-ranges has none; one below an empty
 * dma-ranges, or below one bus without any, has those of the next bus above. Which are behind an SMMU is what their `iommus` say.
 */
#include "support/booted.h"

#include "mm/dma/device.h"
#include "mm/dma/engine.h"
#include "mm/dma/iommu.h"
#include "mm/dma/mapping.h"
#include "mm/page/contents.h"
#include "mm/dma/reserved_mem.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *board, *ram, *device;
	uint64_t bus, cpu, bytes; /* of the first window; 0 bytes: none */
	uint64_t mask, limit;
	bool coherent;
} rows[] = {
	{"bcm2711-rpi-4-b", "4G", "fe201000.serial", 0xc0000000, 0, 0x40000000, 0xffffffff,
		0xffffffff, false},
	{"bcm2711-rpi-4-b", "4G", "soc:firmware", 0xc0000000, 0, 0x40000000, 0xffffffff, 0xffffffff,
		false},
	{"bcm2711-rpi-4-b", "4G", "soc:firmware:clocks", 0xc0000000, 0, 0x40000000, 0xffffffff,
		0xffffffff, false},
	{"bcm2711-rpi-4-b", "4G", "fe340000.mmc", 0xc0000000, 0, 0x40000000, 0xffffffff, 0xffffffff,
		false},
	{"bcm2711-rpi-4-b", "4G", "fd580000.ethernet", 0, 0, 0, 0xffffffff, 0, false},
	{"imx8mq-evk", NULL, "30000000.bus", 0x40000000, 0x40000000, 0xc0000000, 0xffffffff,
		0xffffffff, false},
	{"imx8mq-evk", NULL, "30be0000.ethernet", 0x40000000, 0x40000000, 0xc0000000, 0xffffffff,
		0xffffffff, false},
	{"sdm845-db845c", "4G", "a6f8800.usb", 0, 0, 0x1000000000, 0xffffffff, 0xfffffffff, false},
	{"sdm845-db845c", "4G", "a600000.usb", 0, 0, 0x1000000000, 0xffffffff, 0xfffffffff, false},
	{"juno", NULL, "2b600000.iommu", 0, 0, 0, 0xffffffff, 0, true},
	{"juno", NULL, "7ff60000.hdlcd", 0, 0, 0, 0xffffffff, 0, false},
};

Test(board_devices, windows_are_what_the_tree_says)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct machine *m = booted_board(rows[i].board, rows[i].ram);

		cr_assert(m, "%s", refused_why());
		const struct device *d = device_by_name(m, rows[i].device, strlen(rows[i].device));
		cr_expect(d, "%s has no %s", rows[i].board, rows[i].device);
		if (d) {
			const struct bus_window *w = &d->hw.window[0];

			cr_expect_eq(d->hw.windowed, rows[i].bytes != 0, "%s", d->name);
			cr_expect(
				!rows[i].bytes || (w->bus == rows[i].bus && w->cpu == rows[i].cpu &&
							  w->bytes == rows[i].bytes),
				"%s: 0x%llx 0x%llx 0x%llx", d->name, (unsigned long long)w->bus,
				(unsigned long long)w->cpu, (unsigned long long)w->bytes);
			cr_expect_eq(d->dma_mask, rows[i].mask, "%s", d->name);
			cr_expect_eq(d->bus_dma_limit, rows[i].limit, "%s: 0x%llx", d->name,
				(unsigned long long)d->bus_dma_limit);
			cr_expect_eq(d->hw.coherent, rows[i].coherent, "%s", d->name);
		}
		machine_destroy(m);
	}
}

/* What the windows hold, a coherent buffer lies in, and the device's writes arrive where the CPU looks. */
Test(board_devices, buffers_lie_in_the_windows)
{
	struct machine *m = booted_board("bcm2711-rpi-4-b", "8G");

	cr_assert(m);
	for (struct device *d = device_from(m, 1); d; d = device_from(m, d->id + 1)) {
		uint64_t pfn, dma;

		if (!d->hw.windowed)
			continue;
		cr_assert_eq(
			dma_alloc_pages(m, 0, d, 4096, GFP_KERNEL, DMA_FROM_DEVICE, &pfn, &dma), 0,
			"%s: %s", d->name, m->why.sentence);
		cr_expect_lt(pfn << 12, 0x40000000, "%s", d->name);
		cr_expect_eq(dma, (pfn << 12) + 0xc0000000, "%s", d->name);
		cr_assert_eq(dma_free_pages(m, 0, d, 4096, pfn, dma, DMA_FROM_DEVICE), 0);
	}
	booted_check(m);
	machine_destroy(m);
}

/* The R5F cores of an AM65x: memory-region names a pool for their driver's buffers, then memory for their firmware. */
Test(board_devices, memory_of_their_own)
{
	struct machine *m = booted_board("k3-am654-base-board", "2G");
	static const struct {
		const char *device;
		uint64_t base;
	} cores[] = {{"41000000.r5f", 0xa0000000}, {"41400000.r5f", 0xa1000000}};

	cr_assert(m);
	for (size_t i = 0; i < sizeof(cores) / sizeof(cores[0]); i++) {
		struct device *d = device_by_name(m, cores[i].device, strlen(cores[i].device));
		uint64_t va, dma;
		char line[160];

		cr_assert(d, "%s", cores[i].device);
		cr_expect_eq(d->nr_regions, 2);
		cr_assert_eq(
			of_reserved_mem_device_init_by_idx(m, 0, d, 0), 0, "%s", m->why.sentence);
		snprintf(line, sizeof(line),
			"platform %s: assigned reserved memory node r5f-dma-memory@%llx\n", d->name,
			(unsigned long long)cores[i].base);
		cr_expect(strstr(booted_log(m), line), "%s", line);
		cr_assert_eq(dma_alloc_coherent(m, 0, d, 0x100000, GFP_KERNEL, 0, &va, &dma), 0,
			"%s", m->why.sentence);
		cr_expect_eq(dma, cores[i].base);
		booted_check(m);
		cr_expect_eq(dma_free_coherent(m, 0, d, 0x100000, va, dma), 0);
	}
	booted_check(m);
	machine_destroy(m);
}

/* Devices whose `iommus` names an SMMU of Arm (or one that says it is like Arm's), with its stream; other vendors' IOMMUs are not
 * simulated. */
static const struct {
	const char *board, *ram, *device;
	bool behind;
	uint32_t stream;
	const char *smmu; /* in the kernel's messages */
} iommu_rows[] = {
	{"juno", NULL, "7ff50000.hdlcd", true, 0, "arm-smmu"},
	{"juno", NULL, "7ff60000.hdlcd", true, 0, "arm-smmu"},
	{"juno", NULL, "7ffb0000.usb", true, 0, "arm-smmu"},
	{"juno", NULL, "20070000.etr", true, 0, "arm-smmu"},
	{"sdm845-db845c", "4G", "8804000.mmc", true, 0xa0, "arm-smmu"},
	{"sdm845-db845c", "4G", "1d84000.ufshc", true, 0x100, "arm-smmu"},
	{"sdm845-db845c", "4G", "a600000.usb", true, 0x740, "arm-smmu"},
	{"sdm845-db845c", "4G", "5000000.gpu", true, 0, "arm-smmu"},
	{"sdm845-db845c", "4G", "c440000.spmi", false, 0, NULL},
	{"rk3399-rockpro64", "4G", "ff900000.vop", false, 0, NULL},
	{"tegra210-p2371-2180", "4G", "54200000.dc", false, 0, NULL},
};

/* A board's device behind an SMMU gets its domain with its first mapping; then it sees that mapping and nothing else. */
static void map_and_stray(struct machine *m, struct device *d, uint32_t stream, const char *smmu)
{
	struct dram dram = machine_dram(m);
	char words[64];
	uint64_t pfn, dma, got, faults;
	struct bus_transfer *t;

	cr_assert_eq(alloc_pages_node(m, 0, -1, GFP_KERNEL | __GFP_ZERO, 0, &pfn), 0);
	cr_assert_eq(dma_map_phys(m, 0, d, pfn << PAGE_SHIFT, 4096, DMA_FROM_DEVICE, 0, &dma), 0,
		"%s: %s", d->name, m->why.sentence);
	cr_assert(iommu_translates(m, d), "%s", d->name);
	cr_expect_neq(dma, pfn << PAGE_SHIFT, "%s", d->name);
	cr_assert_eq(device_start(m, d, TRANSFER_WRITE, 0, dma, 64, &t), 0);
	t->pattern = 0x11223344;
	while (m->devices.nr_busy)
		clock_advance(m, 1000);
	cr_assert_eq(dma_unmap_phys(m, 0, d, dma, 4096, DMA_FROM_DEVICE, 0), 0);
	cr_assert_eq(dram_load(&dram, pfn << PAGE_SHIFT, 4, &got), 0);
	cr_expect_eq(got, 0x11223344, "%s", d->name);
	faults = iommu_domain_of(m, d)->faults;
	/* By its physical address it finds nothing. */
	cr_assert_eq(device_start(m, d, TRANSFER_WRITE, 0, pfn << PAGE_SHIFT, 64, &t), 0);
	t->pattern = 0x55667788;
	while (m->devices.nr_busy)
		clock_advance(m, 1000);
	cr_assert_eq(dram_load(&dram, pfn << PAGE_SHIFT, 4, &got), 0);
	cr_expect_eq(got, 0x11223344, "%s", d->name);
	cr_expect_eq(iommu_domain_of(m, d)->faults, faults + 1, "%s", d->name);
	snprintf(words, sizeof(words), "cbfrsynra=0x%x,", stream);
	cr_expect(strstr(booted_log(m), words), "%s: no %s", d->name, words);
	cr_expect(strstr(booted_log(m), smmu), "%s", d->name);
	cr_assert_eq(free_pages_order(m, 0, pfn, 0), 0);
}

Test(board_devices, who_is_behind_an_smmu)
{
	for (size_t i = 0; i < sizeof(iommu_rows) / sizeof(iommu_rows[0]); i++) {
		struct machine *m = booted_board(iommu_rows[i].board, iommu_rows[i].ram);

		cr_assert(m, "%s", refused_why());
		struct device *d =
			device_by_name(m, iommu_rows[i].device, strlen(iommu_rows[i].device));
		cr_assert(d, "%s has no %s", iommu_rows[i].board, iommu_rows[i].device);
		cr_expect_eq(d->iommu, iommu_rows[i].behind, "%s", d->name);
		if (d->iommu) {
			cr_expect_eq(d->iommu_stream, iommu_rows[i].stream, "%s: 0x%x", d->name,
				d->iommu_stream);
			map_and_stray(m, d, iommu_rows[i].stream, iommu_rows[i].smmu);
		}
		booted_check(m);
		machine_destroy(m);
	}
}

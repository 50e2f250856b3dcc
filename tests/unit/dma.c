/* SPDX-License-Identifier: MIT
 *
 * Devices and the DMA API, through the files: a buffer is mapped, the device works on it, the CPU looks.
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

static struct simm *with_device(const char *preset, const char *name)
{
	struct simm *s = world(preset, NULL);

	cr_assert_eq(world_mkdir(s, "sim/devices", name), 0);
	return s;
}

static void check(struct simm *s)
{
	cr_assert_str_eq(world_cat(s, "sim/check"), "ok\n");
}

static bool file_has(struct simm *s, const char *path, const char *words)
{
	return strstr(world_cat(s, path), words) != NULL;
}

Test(dma, device_writes_and_the_cpu_reads)
{
	struct simm *s = with_device("pc-x86_64", "nic");

	world_call(s, "b = __get_free_pages GFP_KERNEL 0");
	world_call_at(s, CTL, "d = dma_map_single b 4096 DMA_FROM_DEVICE");
	cr_assert(file_has(s, NIC "/mappings", " 4096 DMA_FROM_DEVICE single phys="));
	world_call_at(s, CTL, "dma_write d 4096 0x2a2b2c2d");
	cr_assert(file_has(s, "sim/clock", " bus\n"));
	world_call_at(s, CTL, "wait_for_completion");
	cr_assert(file_has(s, NIC "/log", "interrupt: dma_write 0x"));
	world_call_at(s, CTL, "dma_unmap_single d");
	cr_assert_str_eq(world_cat(s, NIC "/mappings"), "");
	cr_assert_eq(strncmp(world_call(s, "load b+4092 4"), "0x2a2b2c2d", 10), 0);
	check(s);
	simm_destroy(s);
}

static unsigned long bus_transactions(struct simm *s, const char *master)
{
	const char *row = strstr(world_cat(s, "sim/bus/masters"), master);
	unsigned long priority, transactions;

	cr_assert(row && sscanf(row + strlen(master), "%lu %lu", &priority, &transactions) == 2);
	return transactions;
}

/* What a CPU misses in its cache comes by the bus, for which it waits while a device uses it. */
Test(dma, a_cpu_and_a_device_share_the_bus)
{
	struct simm *s = with_device("pc-x86_64", "nic");

	world_call(s, "b = __get_free_pages GFP_KERNEL 4");
	world_call(s, "other = __get_free_pages GFP_KERNEL+__GFP_ZERO 0");
	world_call_at(s, CTL, "d = dma_map_single b 65536 DMA_FROM_DEVICE");
	world_call(s, "load other 4");
	cr_expect_eq(bus_transactions(s, "cpu0"), 0, "alone it is not in anybody's way");
	world_call_at(s, CTL, "dma_write d 65536 1");
	cr_assert(file_has(s, "sim/clock", " bus\n"));
	world_call(s, "load other+2048 4");
	unsigned long missed = bus_transactions(s, "cpu0");

	cr_expect_gt(missed, 0);
	world_call(s, "load other+2048 4");
	cr_expect_eq(bus_transactions(s, "cpu0"), missed, "the cache has it");
	world_call_at(s, CTL, "wait_for_completion");
	check(s);
	simm_destroy(s);
}

Test(dma, device_reads_what_the_cpu_wrote)
{
	struct simm *s = with_device("pc-x86_64", "nic");

	world_call(s, "b = __get_free_pages GFP_KERNEL+__GFP_ZERO 0");
	world_call(s, "store b 0x44332211 4");
	world_call_at(s, CTL, "d = dma_map_single b 256 DMA_TO_DEVICE");
	world_call_at(s, CTL, "dma_read d 256");
	world_call_at(s, CTL, "wait_for_completion");
	cr_assert(file_has(s, NIC "/registers", "seen 11 22 33 44 00"));
	cr_assert(file_has(s, NIC "/registers", "sum    0xaa\n"));
	check(s);
	simm_destroy(s);
}

Test(dma, directory_stays_while_something_is_mapped)
{
	struct simm *s = with_device("pc-x86_64", "nic");

	cr_assert_eq(world_mkdir(s, "sim/devices", "nic"), -EEXIST);
	world_call(s, "b = __get_free_pages GFP_KERNEL 0");
	world_call_at(s, CTL, "d = dma_map_single b 100 DMA_TO_DEVICE");
	cr_assert_eq(world_rmdir(s, "sim/devices", "nic"), -EBUSY);
	cr_assert(file_has(s, "sim/dmesg",
		"DMA-API: platform nic: device driver has pending DMA allocations while released "
		"from device "
		"[count=1]"));
	world_call_at(s, CTL, "dma_unmap_single d");
	cr_assert_eq(world_rmdir(s, "sim/devices", "nic"), 0);
	cr_assert(!world_has(s, NIC));
	check(s);
	simm_destroy(s);
}

Test(dma, wrong_unmaps_are_refused_in_the_words_of_dma_debug)
{
	static const struct {
		const char *line, *words;
	} row[] = {
		{"dma_unmap_single 12345000 4096 DMA_TO_DEVICE",
			"tries to free DMA memory it has not allocated [device "
			"address=0x0000000012345000] "
			"[size=4096 bytes]"},
		{"dma_unmap_single d 2048", "frees DMA memory with different size"},
		{"dma_unmap_single d 4096 DMA_FROM_DEVICE",
			"frees DMA memory with different direction"},
		{"dma_free_coherent d 4096", "frees DMA memory with wrong function"},
		{"dma_sync_single_for_cpu d 8192",
			"tries to sync DMA memory it has not allocated [device address=0x"},
		{"dma_sync_single_for_device 1000 1 DMA_TO_DEVICE",
			"tries to sync DMA memory it has not allocated"},
	};
	struct simm *s = with_device("pc-x86_64", "nic");

	cr_assert_eq(world_write(s, "sys/kernel/debug/dma-api/all_errors", "1"), 1);
	world_call(s, "b = __get_free_pages GFP_KERNEL 0");
	world_call_at(s, CTL, "d = dma_map_single b 4096 DMA_TO_DEVICE");
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		cr_assert_eq(world_refused_at(s, CTL, row[i].line), EINVAL, "%s", row[i].line);
		cr_assert(file_has(s, "sim/dmesg", row[i].words), "%s", row[i].line);
	}
	/* All attributes at once, known ones and others. */
	world_call_at(s, CTL, "e = dma_map_single b+128 16 DMA_TO_DEVICE 0xffff");
	check(s);
	world_call_at(s, CTL, "dma_unmap_single e");
	/* So long that the end comes before the begin; a direction that is none. */
	cr_expect_eq(world_refused_at(
			     s, CTL, "dma_sync_single_for_cpu d 0xffffffffffffffff DMA_TO_DEVICE"),
		EINVAL);
	cr_expect_eq(world_refused_at(s, CTL, "dma_sync_single_for_cpu d 16 9"), EINVAL);
	world_call_at(s, CTL, "dma_unmap_single d");
	check(s);
	simm_destroy(s);
}

/* The reference that a mapping has of a page that could move is dropped by no name. */
Test(dma, a_mapped_page_is_not_freed)
{
	struct simm *s = with_device("pc-x86_64", "nic");
	char pfn[20], line[60];

	snprintf(pfn, sizeof(pfn), "%s", world_call(s, "b = alloc_page GFP_HIGHUSER_MOVABLE"));
	pfn[strcspn(pfn, " \n")] = '\0';
	world_call_at(s, CTL, "d = dma_map_page b 0 4K DMA_FROM_DEVICE");
	world_call(s, "__free_page b");
	snprintf(line, sizeof(line), "put_page %s", pfn);
	cr_expect_eq(world_refused(s, line), EINVAL);
	cr_expect(file_has(s, "sim/errors", "held by what maps it for a device"));
	snprintf(line, sizeof(line), "__free_page %s", pfn);
	cr_expect_eq(world_refused(s, line), EINVAL);
	check(s);
	world_call_at(s, CTL, "dma_unmap_page d");
	snprintf(line, sizeof(line), "get_page %s", pfn);
	cr_expect_eq(world_refused(s, line), EINVAL, "it is free now");
	check(s);
	simm_destroy(s);
}

Test(dma, bad_requests_change_nothing)
{
	static const char *const lines[] = {"dma_map_single b 0 DMA_TO_DEVICE",
		"dma_map_single b 10 DMA_NONE", "dma_map_single 1000 10 DMA_TO_DEVICE",
		"dma_alloc_coherent 0", "dma_read d 0", "dma_map_sg p 3 DMA_TO_DEVICE s",
		"dma_unmap_sg s 3 DMA_TO_DEVICE", "dma_unmap_sg s 0 DMA_TO_DEVICE",
		"dma_unmap_sg ) 9 DMA_TO_DEVICE", "dma_unmap_sg 1x 9999999999 DMA_TO_DEVICE",
		"dma_map_single b 10 9", "dma_alloc_pages 4096 9", "dma_map_sg p 1 9 s",
		"readl 0x100", "dmaengine_submit 5 1", "dma_alloc_pages 4096 DMA_NONE",
		"dma_map_resource 0x1000000 4 DMA_TO_DEVICE", "alloc_pages GFP_KERNEL"};
	struct simm *s = with_device("pc-x86_64", "nic");

	world_call(s, "b = __get_free_pages GFP_KERNEL 0");
	world_call(s, "p.0 = alloc_pages GFP_KERNEL");
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		cr_assert_neq(world_refused_at(s, CTL, lines[i]), 0, "%s", lines[i]);
		cr_assert_str_eq(world_cat(s, NIC "/mappings"), "", "%s", lines[i]);
	}
	check(s);
	simm_destroy(s);
}

/* More than a page comes from the default CMA area, also what is larger than any block. */
Test(dma, coherent_memory_from_the_default_area)
{
	struct simm *s = world("pc-x86_64", "ram", "1G", "cma", "64M", NULL);
	const char *used = "sys/kernel/debug/cma/reserved/used";

	cr_assert_eq(world_mkdir(s, "sim/devices", "nic"), 0);
	world_call_at(s, CTL, "r = dma_alloc_coherent 64K");
	cr_expect_str_eq(world_cat(s, used), "16\n");
	world_call_at(s, CTL, "big = dma_alloc_coherent 16M");
	cr_expect_str_eq(world_cat(s, used), "4112\n");
	world_call_at(s, CTL, "one = dma_alloc_coherent 4096");
	cr_expect_str_eq(world_cat(s, used), "4112\n", "a page is not worth it");
	world_call_at(s, CTL, "atomic = dma_alloc_coherent 64K GFP_ATOMIC");
	cr_expect_str_eq(world_cat(s, used), "4112\n", "who cannot wait does not move tenants");
	cr_expect_str_eq(world_cat(s, "sim/check"), "ok\n");
	world_call_at(s, CTL, "dma_free_coherent r");
	world_call_at(s, CTL, "dma_free_coherent big");
	cr_expect_str_eq(world_cat(s, used), "0\n");
	world_call_at(s, CTL, "dma_set_coherent_mask 0xffffff");
	world_call_at(s, CTL, "r = dma_alloc_coherent 64K");
	cr_expect_str_eq(world_cat(s, used), "0\n", "the area is out of its reach");
	cr_expect_str_eq(world_cat(s, "sim/check"), "ok\n");
	simm_destroy(s);
}

Test(dma, mask_decides_where_coherent_memory_lies)
{
	struct simm *s = with_device("pc-x86_64", "nic");

	world_call_at(s, CTL, "dma_set_coherent_mask 0xffffff");
	world_call_at(s, CTL, "r = dma_alloc_coherent 64K");
	const char *got = strstr(world_cat(s, NIC "/mappings"), "phys=0x");
	cr_assert(got && strtoull(got + 5, NULL, 16) + 0x10000 <= 0x1000000, "%s", got);
	cr_assert_eq(world_refused_at(s, CTL, "dma_set_mask 0xfff"), EIO);
	world_call_at(s, CTL, "dma_free_coherent r");
	check(s);
	simm_destroy(s);
}

/* 24 lines, and a mapping above them that nobody made for it: the address wraps, and a stranger's page is written. */
Test(dma, address_lines_cut_the_address)
{
	struct simm *s = with_device("pc-x86_64", "nic");

	world_write(s, NIC "/address_lines", "24\n");
	world_call(s, "v = __get_free_pages GFP_DMA+__GFP_ZERO 0");
	unsigned long long low =
		strtoull(world_cat(s, "sim/vars/v") + strlen("address "), NULL, 16);
	char line[80];

	snprintf(line, sizeof(line), "dma_write %llx 64 0x66666666",
		(low - 0xffff888000000000) + 0x5000000);
	world_call_at(s, CTL, line);
	world_call_at(s, CTL, "wait_for_completion");
	cr_assert_eq(strncmp(world_call(s, "load v 4"), "0x66666666", 10), 0);
	simm_destroy(s);
}

Test(dma, out_of_reach_without_bounce_buffers)
{
	struct simm *s = world("pc-x86_64", "cmdline", "swiotlb=noforce", NULL);

	cr_assert_eq(world_mkdir(s, "sim/devices", "nic"), 0);

	world_call_at(s, CTL, "dma_set_mask 0xffffff");
	world_call(s, "b = __get_free_pages GFP_KERNEL 0");
	cr_assert_eq(world_refused_at(s, CTL, "dma_map_single b 4096 DMA_TO_DEVICE"), ENOMEM);
	cr_assert(file_has(s, "sim/dmesg", "overflow (mask ffffff, bus limit 0)."));
	check(s);
	simm_destroy(s);
}

Test(dma, windows_shift_addresses)
{
	struct simm *s = with_device("pc-x86_64", "nic");

	cr_assert_gt(world_write(s, NIC "/dma_ranges", "0xc0000000 0 256M\n"), 0);
	cr_assert_str_eq(world_cat(s, NIC "/bus_offset"), "0xc0000000\n");
	cr_assert_str_eq(world_cat(s, NIC "/bus_limit"), "0xcfffffff\n");
	world_call(s, "b = __get_free_pages GFP_DMA32 0");
	world_call_at(s, CTL, "r = dma_alloc_coherent 4096");
	cr_assert(file_has(s, NIC "/mappings", "0xc"));
	world_call_at(s, CTL, "dma_write r 16 0x77777777");
	world_call_at(s, CTL, "dma_write 0x1000 16 1");
	world_call_at(s, CTL, "wait_for_completion");
	cr_assert(file_has(s, NIC "/log", "bus abort at 0x1000 after 0 bytes"));
	check(s);
	simm_destroy(s);
}

Test(dma, channel_moves_for_a_device)
{
	struct simm *s = with_device("pc-x86_64", "nic");

	cr_assert_eq(world_refused_at(s, CTL, "dma_request_chan rx"), ENODEV);
	cr_assert_eq(world_mkdir(s, "sim/devices", "dma0"), 0);
	cr_assert_gt(world_write(s, "sim/devices/dma0/channels", "2\n"), 0);
	world_call(s, "b = __get_free_pages GFP_KERNEL 0");
	world_call_at(s, "sim/devices/dma0/ctl", "d = dma_map_single b 64 DMA_BIDIRECTIONAL");
	world_call_at(s, CTL, "writel 0x04030201 0xc");
	world_call_at(s, CTL, "c = dma_request_chan rx");
	cr_assert_eq(world_rmdir(s, "sim/devices", "dma0"), -EBUSY);
	world_call_at(s, CTL, "t = dmaengine_prep_slave_single c d 32 DMA_DEV_TO_MEM");
	world_call_at(s, CTL, "u = dmaengine_prep_dma_memcpy c d+32 d 32");
	world_call_at(s, CTL, "k = dmaengine_submit c t");
	world_call_at(s, CTL, "l = dmaengine_submit c u");
	cr_assert_str_eq(world_call_at(s, CTL, "dma_async_is_tx_complete c l"), "DMA_IN_PROGRESS");
	world_call_at(s, CTL, "dma_async_issue_pending c");
	world_call_at(s, CTL, "wait_for_completion");
	cr_assert_str_eq(world_call_at(s, CTL, "dma_async_is_tx_complete c l"), "DMA_COMPLETE");
	/* The buffer is out of the controller's reach: what it wrote is in a bounce buffer. */
	cr_assert_neq(strncmp(world_call(s, "load b+60 4"), "0x4030201", 9), 0);
	world_call_at(s, "sim/devices/dma0/ctl", "dma_unmap_single d");
	cr_assert_eq(strncmp(world_call(s, "load b+60 4"), "0x4030201", 9), 0);
	world_call_at(s, CTL, "dma_release_channel c");
	cr_assert_eq(world_rmdir(s, "sim/devices", "dma0"), 0);
	check(s);
	simm_destroy(s);
}

Test(dma, scatterlist)
{
	struct simm *s = with_device("pc-x86_64", "nic");

	world_call(s, "p.0-99 = alloc_pages GFP_KERNEL");
	cr_assert_str_eq(world_call_at(s, CTL, "dma_map_sg p 100 DMA_TO_DEVICE s"), "100");
	cr_assert(file_has(s, NIC "/mappings", "scather-gather"));
	world_call_at(s, CTL, "dma_unmap_sg s 100 DMA_TO_DEVICE");
	cr_assert_str_eq(world_cat(s, NIC "/mappings"), "");
	check(s);
	simm_destroy(s);
}

Test(dma, programmed_io_costs_the_cpu_its_time)
{
	struct simm *s = with_device("pc-x86_64", "nic");

	world_call(s, "b = __get_free_pages GFP_KERNEL 0");
	world_call_at(s, CTL, "writel 0x5a5a5a5a 0xc");
	const char *result = world_call_at(s, CTL, "ioread32_rep 0 b 1024");
	cr_assert_eq(strncmp(result, "1024 ns=", 8), 0);
	cr_assert_gt(atoi(result + 8), 100000);
	cr_assert_eq(strncmp(world_call(s, "load b+4092 4"), "0x5a5a5a5a", 10), 0);
	simm_destroy(s);
}

Test(dma, registers_lie_in_iomem)
{
	struct simm *s = with_device("pc-x86_64", "nic");

	cr_assert_gt(world_write(s, NIC "/reg", "0xfd000000 0x2000\n"), 0);
	cr_expect_str_eq(world_cat(s, NIC "/reg"), "0xfd000000 0x2000\n");
	cr_expect(file_has(s, "proc/iomem", "fd000000-fd001fff : nic\n"));
	cr_expect_eq(world_write(s, NIC "/reg", "0x100000 0x2000\n"), -EINVAL, "RAM");
	cr_expect_eq(world_write(s, NIC "/reg", "0xfd000000\n"), -EINVAL);
	cr_expect_eq(world_write(s, NIC "/reg", "1 2 3\n"), -EINVAL);
	cr_assert_eq(world_mkdir(s, "sim/devices", "part"), 0);
	cr_expect_eq(world_write(s, "sim/devices/part/reg", "0xfd001000 0x2000\n"), -EBUSY);
	cr_assert_gt(world_write(s, "sim/devices/part/reg", "0xfd001000 0x100\n"), 0);
	cr_expect(file_has(s, "proc/iomem", "  fd001000-fd0010ff : part\n"));
	world_call(s, "b = __get_free_pages GFP_KERNEL 0");
	world_call_at(s, CTL, "r = dma_map_resource fd001000 0x100 DMA_TO_DEVICE");
	world_call_at(s, CTL, "dma_unmap_resource r");
	check(s);
	cr_assert_eq(world_rmdir(s, "sim/devices", "nic"), 0);
	cr_expect(!file_has(s, "proc/iomem", ": nic\n"));
	cr_expect(file_has(s, "proc/iomem", "fd001000-fd0010ff : part\n"),
		"what lay inside moves up");
	check(s);
	cr_assert_eq(world_mkdir(s, "sim/devices", "nic"), 0);
	cr_assert_gt(world_write(s, NIC "/reg", "0xfd000000 0x2000\n"), 0);
	cr_assert_gt(world_write(s, NIC "/reg", "0\n"), 0);
	check(s);
	simm_destroy(s);
}

Test(dma, isa_channels)
{
	struct simm *s = world("pc-i386", NULL);

	cr_expect_str_eq(world_cat(s, "proc/dma"), " 4: cascade\n");
	world_call(s, "request_dma 2 floppy");
	cr_expect_eq(world_refused(s, "request_dma 2 other"), EBUSY);
	cr_expect_eq(world_refused(s, "request_dma 4 other"), EBUSY);
	cr_expect_eq(world_refused(s, "request_dma 8 other"), EINVAL);
	cr_expect_str_eq(world_cat(s, "proc/dma"), " 2: floppy\n 4: cascade\n");
	world_call(s, "free_dma 2");
	cr_expect_eq(world_refused(s, "free_dma 2"), EINVAL);
	cr_expect(file_has(s, "sim/dmesg", "Trying to free free DMA2"));
	simm_destroy(s);
}

Test(dma, scatterlist_of_a_hundred_thousand)
{
	struct simm *s = with_device("pc-x86_64", "nic");

	world_call_at(s, CTL, "dma_set_mask 0xffffffffffffffff");
	world_call(s, "p.0-99999 = alloc_pages GFP_KERNEL");
	cr_assert_str_eq(world_call_at(s, CTL, "dma_map_sg p 100000 DMA_TO_DEVICE s"), "100000");
	world_call_at(s, CTL, "dma_unmap_sg s 100000 DMA_TO_DEVICE");
	cr_assert_str_eq(world_cat(s, NIC "/mappings"), "");
	simm_destroy(s);
}

/* ---- bounce buffers ---- */

static bool says(struct simm *s, const char *words)
{
	return file_has(s, "sim/dmesg", words);
}

Test(swiotlb, pool_by_the_kernels_rules)
{
	static const struct {
		const char *preset, *ram, *cmdline, *nslabs; /* NULL: none */
	} row[] = {
		{"pc-x86_64", "2G", "", NULL},
		{"pc-x86_64", "6G", "", "32768\n"},
		{"pc-x86_64", "6G", "swiotlb=noforce", NULL},
		{"pc-x86_64", "6G", "swiotlb=1000", "1024\n"},
		{"pc-x86_64", "2G", "swiotlb=force", "32768\n"},
		{"pc-i386", "2G", "", NULL},
		{"arm64-virt", "1G", "", NULL},
		{"arm64-virt", "8G", "", "32768\n"},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct simm *s =
			world(row[i].preset, "ram", row[i].ram, "cmdline", row[i].cmdline, NULL);

		cr_expect_eq(world_has(s, "sys/kernel/debug/swiotlb/io_tlb_nslabs"),
			row[i].nslabs != NULL, "%s %s %s", row[i].preset, row[i].ram,
			row[i].cmdline);
		if (row[i].nslabs)
			cr_expect_str_eq(world_cat(s, "sys/kernel/debug/swiotlb/io_tlb_nslabs"),
				row[i].nslabs);
		cr_expect_eq(says(s, "software IO TLB: mapped [mem"), row[i].nslabs != NULL);
		simm_destroy(s);
	}
}

Test(swiotlb, slots_and_alignment)
{
	struct simm *s =
		world("pc-x86_64", "ram", "2G", "cmdline", "swiotlb=256,force", "cpus", "1", NULL);

	cr_assert_eq(world_mkdir(s, "sim/devices", "nic"), 0);
	world_call(s, "b = __get_free_pages GFP_KERNEL 6");
	world_call_at(s, CTL, "d = dma_map_single b+100 1 DMA_TO_DEVICE");
	cr_expect_str_eq(world_cat(s, "sys/kernel/debug/swiotlb/io_tlb_used"), "1\n");
	/* A page's worth begins at a page: the slot between is skipped. */
	const char *got = world_call_at(s, CTL, "e = dma_map_single b+100 4096 DMA_TO_DEVICE");
	cr_expect_eq(strtoull(got, NULL, 16) % 4096, 0, "%s", got);
	cr_expect_str_eq(world_cat(s, "sys/kernel/debug/swiotlb/io_tlb_used"), "3\n");
	world_call_at(s, CTL, "dma_set_min_align_mask 0xfff");
	got = world_call_at(s, CTL, "f = dma_map_single b+100 4096 DMA_TO_DEVICE");
	cr_expect_eq(strtoull(got, NULL, 16) % 4096, 100, "%s", got);
	cr_expect_str_eq(world_cat(s, "sys/kernel/debug/swiotlb/io_tlb_used"), "6\n");
	check(s);
	world_call_at(s, CTL, "dma_unmap_single d");
	world_call_at(s, CTL, "dma_unmap_single e");
	world_call_at(s, CTL, "dma_unmap_single f");
	cr_expect_str_eq(world_cat(s, "sys/kernel/debug/swiotlb/io_tlb_used"), "0\n");
	check(s);
	simm_destroy(s);
}

Test(swiotlb, full_pool_and_a_mapping_that_is_too_large)
{
	struct simm *s =
		world("pc-x86_64", "ram", "2G", "cmdline", "swiotlb=256,force", "cpus", "1", NULL);
	char line[64];
	unsigned n;

	cr_assert_eq(world_mkdir(s, "sim/devices", "nic"), 0);
	world_call(s, "b = __get_free_pages GFP_KERNEL 8");
	cr_expect_eq(world_refused_at(s, CTL, "dma_map_single b 262145 DMA_TO_DEVICE"), ENOMEM);
	for (n = 0; n < 200; n++) {
		snprintf(line, sizeof(line), "d.%u = dma_map_single b 2048 DMA_BIDIRECTIONAL", n);
		if (world_refused_at(s, CTL, line))
			break;
	}
	cr_expect_str_eq(world_cat(s, "sys/kernel/debug/swiotlb/io_tlb_nslabs"), "256\n");
	cr_expect_eq(n, 200);
	cr_expect_eq(world_refused_at(s, CTL, "dma_map_single b 256K DMA_TO_DEVICE"), ENOMEM);
	cr_expect(says(s, "platform nic: swiotlb buffer is full (sz: 262144 bytes), total 256 "
			  "(slots), used 200 (slots)"));
	check(s);
	simm_destroy(s);
}

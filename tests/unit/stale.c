/* SPDX-License-Identifier: MIT
 *
 * Devices that bypass the caches: who does not sync sees what was before.
 *
 *	CPU: load        device: writes        CPU: load -> old        sync        CPU: load -> new
 */
#include "base/text.h"
#include "hw/stale.h"
#include "support/world.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CTL "sim/devices/nic/ctl"

static struct simm *with_buffer(const char *preset)
{
	struct simm *s = world(preset, NULL);

	cr_assert_eq(world_mkdir(s, "sim/devices", "nic"), 0);
	cr_assert_str_eq(world_cat(s, "sim/devices/nic/coherent"), "0\n");
	world_call(s, "b = __get_free_pages GFP_DMA+__GFP_ZERO 0");
	return s;
}

static void call(struct simm *s, const char *line)
{
	world_call_at(s, CTL, line);
}

static unsigned long long load(struct simm *s, const char *where)
{
	char line[64];

	snprintf(line, sizeof(line), "load %s 4", where);
	return strtoull(world_call(s, line), NULL, 16);
}

static bool seen(struct simm *s, const char *bytes)
{
	return strstr(world_cat(s, "sim/devices/nic/registers"), bytes) != NULL;
}

static void check(struct simm *s)
{
	cr_assert_str_eq(world_cat(s, "sim/check"), "ok\n");
}

Test(stale, cpu_reads_its_old_line_until_the_sync)
{
	static const char *const presets[] = {"arm64-virt", "arm-virt"};

	for (size_t i = 0; i < 2; i++) {
		struct simm *s = with_buffer(presets[i]);

		world_call(s, "store b 0x11111111 4");
		call(s, "d = dma_map_single b 4096 DMA_FROM_DEVICE");
		cr_expect_eq(load(s, "b"), 0x11111111);
		call(s, "dma_write d 4096 0x22222222");
		call(s, "wait_for_completion");
		cr_expect_eq(load(s, "b"), 0x11111111, "%s: the line was in the cache", presets[i]);
		cr_expect_eq(load(s, "b+2K"), 0x22222222, "%s: that one was not", presets[i]);
		check(s);
		call(s, "dma_sync_single_for_cpu d");
		cr_expect_eq(load(s, "b"), 0x22222222, "%s", presets[i]);
		check(s);
		call(s, "dma_unmap_single d");
		simm_destroy(s);
	}
}

Test(stale, device_reads_the_old_bytes_until_the_line_is_written_back)
{
	struct simm *s = with_buffer("arm64-virt");

	call(s, "d = dma_map_single b 256 DMA_TO_DEVICE");
	world_call(s, "store b 0x44332211 4");
	call(s, "dma_read d 64");
	call(s, "wait_for_completion");
	cr_expect(seen(s, "seen 00 00 00 00"));
	call(s, "dma_sync_single_for_device d");
	call(s, "dma_read d 64");
	call(s, "wait_for_completion");
	cr_expect(seen(s, "seen 11 22 33 44"));
	check(s);
	simm_destroy(s);
}

/* A dirty line that is thrown out later overwrites what the device wrote meanwhile. */
Test(stale, eviction_of_a_dirty_line_loses_the_devices_bytes)
{
	struct simm *s = with_buffer("arm64-virt");

	world_call(s, "big = __get_free_pages GFP_DMA 6");
	call(s, "d = dma_map_single b 64 DMA_FROM_DEVICE");
	world_call(s, "store b 0x11111111 4");
	call(s, "dma_write d 64 0x22222222");
	call(s, "wait_for_completion");
	/* More lines than the cache has. */
	for (unsigned at = 0; at < 1u << 18; at += 64) {
		char line[64];

		snprintf(line, sizeof(line), "load big+%u 4", at);
		world_call(s, line);
	}
	call(s, "dma_sync_single_for_cpu d");
	cr_expect_eq(load(s, "b"), 0x11111111);
	check(s);
	simm_destroy(s);
}

/* A buffer that ends in the middle of a line shares it with a neighbour. */
Test(stale, line_at_the_edge_is_written_back_first)
{
	struct simm *s = with_buffer("arm64-virt");

	call(s, "d = dma_map_single b 32 DMA_FROM_DEVICE");
	world_call(s, "store b+32 0x33333333 4");
	call(s, "dma_write d 32 0x22222222");
	call(s, "wait_for_completion");
	call(s, "dma_unmap_single d");
	cr_expect_eq(load(s, "b+32"), 0x33333333, "the neighbour's bytes are kept");
	cr_expect_eq(load(s, "b"), 0, "and the device's are lost");
	check(s);
	simm_destroy(s);
}

Test(stale, cycles_off_changes_no_bytes)
{
	struct simm *s = with_buffer("arm64-virt");

	cr_assert_gt(world_write(s, "sim/cpu0/cycles", "0\n"), 0);
	call(s, "d = dma_map_single b 64 DMA_BIDIRECTIONAL");
	world_call(s, "store b+6 0x55667788 4");
	call(s, "dma_read d 64");
	call(s, "wait_for_completion");
	cr_expect(seen(s, "seen 00 00 00 00 00 00 00 00"));
	call(s, "dma_sync_single_for_device d");
	call(s, "dma_read d 64");
	call(s, "wait_for_completion");
	cr_expect(seen(s, "seen 00 00 00 00 00 00 88 77 66 55"));
	check(s);
	simm_destroy(s);
}

Test(stale, freed_pages_have_no_two_contents)
{
	struct simm *s = with_buffer("arm64-virt");

	call(s, "d = dma_map_single b 4096 DMA_TO_DEVICE");
	world_call(s, "store b 0x11111111 4");
	call(s, "dma_unmap_single d");
	world_call(s, "free_pages b 0");
	world_call(s, "c = __get_free_pages GFP_DMA+__GFP_ZERO 0");
	call(s, "e = dma_map_single c 64 DMA_TO_DEVICE");
	call(s, "dma_read e 64");
	call(s, "wait_for_completion");
	cr_expect(seen(s, "seen 00 00 00 00"));
	check(s);
	simm_destroy(s);
}

/* The kernel writes to a page whose line is stale: what it wrote is not lost when the line goes. */
Test(stale, what_the_kernel_writes_is_the_cpus)
{
	struct simm *s = world("arm64-virt", NULL);

	cr_assert_eq(world_mkdir(s, "sim/devices", "nic"), 0);
	cr_assert_eq(world_mkdir(s, "sim/tasks", "t"), 0);
	world_call_at(s, "sim/tasks/t/ctl", "a = mmap NULL 4K rw-p");
	world_call_at(s, "sim/tasks/t/ctl", "store a 0x11111111");
	char line[80];
	const char *page = strstr(world_cat(s, "sim/tasks/t/walk/a"), "physical ");
	cr_assert(page);
	unsigned long long phys = strtoull(page + strlen("physical "), NULL, 16);
	snprintf(line, sizeof(line), "dma_write %llx 64 0x22222222", phys);
	call(s, line);
	call(s, "wait_for_completion");
	world_call_at(s, "sim/tasks/t/ctl", "b = mmap NULL 4K rw-p");
	world_call_at(s, "sim/tasks/t/ctl", "pipe_is_not_there_so_use_a_file = memfd_create x 0");
	world_call_at(
		s, "sim/tasks/t/ctl", "pwrite64 pipe_is_not_there_so_use_a_file \"abcd\" 4 0");
	world_call_at(s, "sim/tasks/t/ctl", "pread64 pipe_is_not_there_so_use_a_file a 4 0");
	cr_expect_eq(strncmp(world_call_at(s, "sim/tasks/t/ctl", "load a 4"), "0x64636261", 10), 0);
	call(s, line);
	call(s, "wait_for_completion");
	cr_expect_eq(strncmp(world_call_at(s, "sim/tasks/t/ctl", "load a 4"), "0x64636261", 10), 0);
	check(s);
	simm_destroy(s);
}

/* A coherent buffer has an uncached address: both see everything at once. */
Test(stale, coherent_buffer_is_uncached)
{
	static const char *const lines[] = {
		"r = dma_alloc_coherent 4096", "r = dma_alloc_coherent 8K GFP_ATOMIC"};

	for (size_t i = 0; i < 4; i++) {
		struct simm *s = with_buffer(i < 2 ? "arm64-virt" : "arm-virt");
		char line[80], cpu[32];

		call(s, lines[i % 2]);
		const char *mapping = world_cat(s, "sim/devices/nic/mappings");
		cr_assert(strstr(mapping, " uncached"), "%s", mapping);
		snprintf(cpu, sizeof(cpu), "%llx", strtoull(strstr(mapping, "cpu=") + 4, NULL, 16));
		cr_expect_eq(load(s, cpu), 0);
		call(s, "dma_write r 64 0x22222222");
		call(s, "wait_for_completion");
		cr_expect_eq(load(s, cpu), 0x22222222);
		snprintf(line, sizeof(line), "store %s 0x44332211 4", cpu);
		world_call(s, line);
		call(s, "dma_read r 64");
		call(s, "wait_for_completion");
		cr_expect(seen(s, "seen 11 22 33 44"));
		check(s);
		call(s, "dma_free_coherent r");
		check(s);
		simm_destroy(s);
	}
}

Test(stale, atomic_pool_runs_out)
{
	struct simm *s = with_buffer("arm64-virt");
	char line[64];
	unsigned n;

	for (n = 0; n < 2000; n++) {
		snprintf(line, sizeof(line), "r.%u = dma_alloc_coherent 64K GFP_ATOMIC", n);
		if (world_refused_at(s, CTL, line))
			break;
	}
	cr_expect(n >= 2 && n <= 64, "%u", n);
	cr_expect(strstr(world_cat(s, "sim/dmesg"), "DMA: preallocated "));
	call(s, "dma_free_coherent r.0");
	call(s, "again = dma_alloc_coherent 64K GFP_ATOMIC");
	check(s);
	simm_destroy(s);
}

Test(stale, x86_has_no_such_devices)
{
	struct simm *s = world("pc-x86_64", NULL);

	cr_assert_eq(world_mkdir(s, "sim/devices", "nic"), 0);
	cr_assert_eq(world_write(s, "sim/devices/nic/coherent", "0\n"), -EINVAL);
	simm_destroy(s);
}

/* Old bytes are counted, and the log names the mapping, once until it is synced. */
Test(stale, who_gets_old_bytes_is_named)
{
	struct simm *s = with_buffer("arm64-virt");
	const char *file = "sim/devices/nic/unsynced";

	call(s, "d = dma_map_single b 4096 DMA_FROM_DEVICE");
	load(s, "b");
	cr_expect_str_eq(world_cat(s, file), "cpu_loads 0\ndevice_reads 0\n");
	call(s, "dma_write d 4096 0x22222222");
	call(s, "wait_for_completion");
	/* A line that was in no cache comes new. */
	cr_expect_eq(load(s, "b+1024"), 0x22222222);
	cr_expect_str_eq(world_cat(s, file), "cpu_loads 0\ndevice_reads 0\n");
	cr_expect_eq(load(s, "b"), 0);
	load(s, "b+32");
	cr_expect_str_eq(world_cat(s, file), "cpu_loads 2\ndevice_reads 0\n");
	cr_expect(strstr(
		world_cat(s, "sim/dmesg"), "simmfs: platform nic: CPU 0 loads old bytes at 0x"));
	cr_expect_eq(
		world_times_logged(s, "dma_sync_single_for_cpu is missing [device address=0x"), 1);
	call(s, "dma_sync_single_for_cpu d");
	cr_expect_eq(load(s, "b"), 0x22222222);
	cr_expect_str_eq(world_cat(s, file), "cpu_loads 2\ndevice_reads 0\n");
	call(s, "dma_write d 64 0x33333333");
	call(s, "wait_for_completion");
	load(s, "b");
	cr_expect_eq(
		world_times_logged(s, "dma_sync_single_for_cpu is missing [device address=0x"), 2);
	call(s, "dma_unmap_single d");

	/* The other way round. */
	call(s, "d = dma_map_single b 64 DMA_TO_DEVICE");
	world_call(s, "store b 0x44444444 4");
	call(s, "dma_read d 64");
	call(s, "wait_for_completion");
	cr_expect_str_eq(world_cat(s, file), "cpu_loads 3\ndevice_reads 1\n");
	cr_expect_eq(world_times_logged(s, "the device reads old bytes at 0x"), 1);
	call(s, "dma_sync_single_for_device d");
	call(s, "dma_read d 64");
	call(s, "wait_for_completion");
	cr_expect_str_eq(world_cat(s, file), "cpu_loads 3\ndevice_reads 1\n");
	call(s, "dma_unmap_single d");
	check(s);
	simm_destroy(s);
}

/* Old bytes that are in no mapping are nobody's mistake with the API: a device that strays. */
Test(stale, strays_are_not_counted)
{
	struct simm *s = with_buffer("arm64-virt");

	world_call(s, "store b 0x44444444 4");
	unsigned long d = strtoul(
		world_call_at(s, CTL, "d = dma_map_single b+2048 64 DMA_TO_DEVICE"), NULL, 16);
	char line[64];

	world_call(s, "store b 0x55555555 4");
	snprintf(line, sizeof(line), "dma_read %lx 64", d - 2048);
	call(s, line);
	call(s, "wait_for_completion");
	cr_expect_str_eq(world_cat(s, "sim/devices/nic/unsynced"), "cpu_loads 0\ndevice_reads 0\n");
	call(s, "dma_unmap_single d");
	check(s);
	simm_destroy(s);
}

/* SPDX-License-Identifier: MIT
 *
 * dma-debug, through the files: a driver that does something wrong with the DMA API is named in the log, in the words of
 * 6.1's kernel/dma/debug.c, once for each mistake.
 */
#include "base/text.h"
#include "mm/dma/mapping.h"
#include "mm/process/task.h"
#include "support/booted.h"
#include "support/world.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NIC "sim/devices/nic"
#define CTL NIC "/ctl"
#define API "sys/kernel/debug/dma-api/"

static void add_device(struct simm *s)
{
	cr_assert_eq(world_mkdir(s, "sim/devices", "nic"), 0);
}

/* A machine with a device whose errors are all shown. */
static struct simm *begin(const char *preset)
{
	struct simm *s = world(preset, "ram", "256M", NULL);

	add_device(s);
	cr_assert_eq(world_write(s, API "all_errors", "1\n"), 2);
	world_call(s, "b = __get_free_pages GFP_KERNEL 2");
	return s;
}

static void end(struct simm *s)
{
	cr_assert_str_eq(world_cat(s, "sim/check"), "ok\n");
	simm_destroy(s);
}

static bool logged(struct simm *s, const char *words)
{
	return strstr(world_cat(s, "sim/dmesg"), words) != NULL;
}

static int number(struct simm *s, const char *file)
{
	char path[96];

	snprintf(path, sizeof(path), API "%s", file);
	return atoi(world_cat(s, path));
}

static void is(struct simm *s, const char *file, int want)
{
	cr_expect_eq(number(s, file), want, "%s is %d, not %d", file, number(s, file), want);
}

Test(dma_debug, entries_of_boot)
{
	struct simm *s = world("pc-x86_64", NULL);

	cr_expect(logged(s, "DMA-API: preallocated 65536 debug entries\n"));
	cr_expect(logged(s, "DMA-API: debugging enabled by kernel config\n"));
	is(s, "nr_total_entries", 65536);
	is(s, "num_free_entries", 65536);
	is(s, "min_free_entries", 65536);
	is(s, "num_errors", 1);
	is(s, "all_errors", 0);
	is(s, "error_count", 0);
	cr_expect_str_eq(world_cat(s, API "disabled"), "N\n");
	cr_expect_str_eq(world_cat(s, API "driver_filter"), "");
	cr_expect_str_eq(world_cat(s, API "dump"), "");
	end(s);
}

/* get_option() reads as far as it can; whole pages are taken, and no more than there are. */
Test(dma_debug, dma_debug_entries)
{
	static const struct {
		const char *word;
		int total;
		const char *line;
	} row[] = {
		{"dma_debug_entries=1", 32, "preallocated 32 debug entries"},
		{"dma_debug_entries=0x21z", 64, "preallocated 64 debug entries"},
		{"dma_debug_entries=0", 0, "preallocated 0 debug entries"},
		{"dma_debug_entries=many", 65536, "preallocated 65536 debug entries"},
		{"dma_debug_entries=-", 65536, "preallocated 65536 debug entries"},
		{"dma_debug_entries=2000000000", -1,
			"2000000000 debug entries requested but only "},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct simm *s = world("pc-x86_64", "ram", "256M", "cmdline", row[i].word, NULL);

		cr_expect(logged(s, row[i].line), "%s", row[i].word);
		if (row[i].total >= 0)
			is(s, "nr_total_entries", row[i].total);
		end(s);
	}
}

Test(dma_debug, switched_off)
{
	struct simm *off = world("pc-x86_64", "cmdline", "dma_debug=off", NULL);
	struct simm *debian = world("pc-x86_64", "config", "debian", NULL);

	cr_expect(logged(off, "DMA-API: debugging disabled on kernel command line\n"));
	cr_expect(!logged(off, "preallocated"));
	cr_expect_str_eq(world_cat(off, API "disabled"), "Y\n");
	is(off, "nr_total_entries", 0);
	cr_expect(!world_has(debian, "sys/kernel/debug/dma-api"));
	for (struct simm *s = off; s; s = s == off ? debian : NULL) {
		add_device(s);
		world_call(s, "b = __get_free_pages GFP_KERNEL 0");
		world_call_at(s, CTL, "d = dma_map_single b 4096 DMA_TO_DEVICE");
		cr_expect_eq(world_refused_at(s, CTL, "dma_unmap_single d 1"), EINVAL);
		world_call_at(s, CTL, "dma_unmap_single d");
		cr_expect(!logged(s, "DMA-API: platform"));
		end(s);
	}
}

/* One driver's mistake after the other: what is called, what is in the log, whether the call was refused. */
static const struct mistake {
	const char *line, *words;
	bool refused;
} mistakes[] = {
	{"dma_unmap_single 12345000 4096 DMA_TO_DEVICE",
		"device driver tries to free DMA memory it has not allocated [device "
		"address=0x0000000012345000] [size=4096 bytes]\n",
		true},
	{"dma_unmap_single ffffffffffffffff 4096 DMA_TO_DEVICE",
		"device driver tries to free an invalid DMA memory address\n", true},
	{"dma_unmap_single d 2048",
		"device driver frees DMA memory with different size [device address=0x00000000"
		"XXXXXXXX] [map size=4096 bytes] [unmap size=2048 bytes]\n",
		true},
	{"dma_unmap_single d 4096 DMA_FROM_DEVICE",
		"device driver frees DMA memory with different direction [device "
		"address=0x00000000XXXXXXXX] [size=4096 bytes] [mapped with DMA_TO_DEVICE] "
		"[unmapped with DMA_FROM_DEVICE]\n",
		true},
	{"dma_free_coherent d 4096",
		"device driver frees DMA memory with wrong function [device "
		"address=0x00000000XXXXXXXX] [size=4096 bytes] [mapped as single] [unmapped as "
		"coherent]\n",
		true},
	{"dma_sync_single_for_cpu d 8192 DMA_TO_DEVICE",
		"device driver tries to sync DMA memory it has not allocated [device "
		"address=0x00000000XXXXXXXX] [size=8192 bytes]\n",
		true},
	{"dma_sync_single_for_cpu d 64 DMA_FROM_DEVICE",
		"device driver syncs DMA memory with different direction [device "
		"address=0x00000000XXXXXXXX] [size=4096 bytes] [mapped with DMA_TO_DEVICE] [synced "
		"with DMA_FROM_DEVICE]\n",
		true},
	{"dma_sync_single_for_cpu d 64 DMA_BIDIRECTIONAL",
		"device driver syncs device read-only DMA memory for cpu [device "
		"address=0x00000000XXXXXXXX] [size=4096 bytes] [mapped with DMA_TO_DEVICE] [synced "
		"with DMA_BIDIRECTIONAL]\n",
		true},
	{"dma_sync_single_for_device in 64 DMA_TO_DEVICE",
		"device driver syncs device write-only DMA memory to device", true},
	{"dma_unmap_single d",
		"device driver failed to check map error[device address=0x00000000XXXXXXXX] "
		"[size=4096 bytes] [mapped as single]\n",
		false},
	{"dma_unmap_single d",
		"device driver tries to free DMA memory it has not allocated [device "
		"address=0x00000000XXXXXXXX] [size=4096 bytes]\n",
		true},
};

/* The words with the device's address in the place of XXXXXXXX. */
static void put_address(char *out, size_t cap, const char *words, const char *address)
{
	const char *x = strstr(words, "XXXXXXXX");

	if (x)
		snprintf(out, cap, "%.*s%08lx%s", (int)(x - words), words,
			strtoul(address, NULL, 16), x + 8);
	else
		snprintf(out, cap, "%s", words);
}

Test(dma_debug, each_mistake_in_the_kernels_words)
{
	struct simm *s = begin("pc-x86_64");
	char address[40], words[400];

	snprintf(address, sizeof(address), "%s",
		world_call_at(s, CTL, "d = dma_map_single b 4096 DMA_TO_DEVICE"));
	world_call_at(s, CTL, "in = dma_map_single b+4096 4096 DMA_FROM_DEVICE");
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		const struct mistake *x = &mistakes[i];
		unsigned before;

		put_address(words, sizeof(words), x->words, address);
		before = world_times_logged(s, words);
		if (x->refused)
			cr_expect_eq(world_refused_at(s, CTL, x->line), EINVAL, "%s", x->line);
		else
			world_call_at(s, CTL, x->line);
		cr_expect_eq(world_times_logged(s, words), before + 1, "%s: %s", x->line, words);
	}
	cr_expect(logged(s, "DMA-API: platform nic: device driver "));
	/* Four of the lines are of no mapping; a wrong unmap also forgot to ask for errors. */
	cr_expect_eq(world_times_logged(s, "DMA-API: Mapped at:\n"), 14);
	cr_expect(logged(s, " debug_dma_map_page+0x0/0x0\n"));
	cr_expect(logged(s, " dma_map_single+0x0/0x0\n"));
	is(s, "error_count", 18);
	end(s);
}

Test(dma_debug, who_asks_for_errors_is_not_blamed)
{
	struct simm *s = begin("pc-x86_64");

	world_call_at(s, CTL, "d = dma_map_single b 4096 DMA_TO_DEVICE");
	cr_expect_str_eq(world_call_at(s, CTL, "dma_mapping_error d"), "0");
	cr_expect(strstr(world_cat(s, API "dump"), "DMA_TO_DEVICE dma map error checked\n"));
	world_call_at(s, CTL, "dma_unmap_single d");
	/* Of two mappings of the same memory one is asked about. */
	world_call_at(s, CTL, "d = dma_map_single b 4096 DMA_TO_DEVICE");
	world_call_at(s, CTL, "e = dma_map_single b 4096 DMA_TO_DEVICE");
	world_call_at(s, CTL, "dma_mapping_error e");
	cr_expect(strstr(world_cat(s, API "dump"), "DMA_TO_DEVICE dma map error not checked\n"));
	world_call_at(s, CTL, "dma_mapping_error e");
	world_call_at(s, CTL, "dma_unmap_single d");
	world_call_at(s, CTL, "dma_unmap_single e");
	is(s, "error_count", 0);
	end(s);
}

/* By bucket (bits 13-26 of the bus address), the oldest first. */
Test(dma_debug, dump_is_in_the_order_of_the_hash)
{
	struct simm *s = begin("pc-x86_64");
	unsigned long d = strtoul(
		world_call_at(s, CTL, "d = dma_map_single b+64 100 DMA_FROM_DEVICE"), NULL, 16);
	char want[600];

	world_call_at(s, CTL, "low = dma_map_resource f0000004 8 DMA_BIDIRECTIONAL");
	world_call_at(s, CTL, "e = dma_map_single b+64 50 DMA_TO_DEVICE");
	world_call_at(s, CTL, "dma_mapping_error low");
	cr_assert_gt(d >> 13 & 16383, 0);
	snprintf(want, sizeof(want),
		"platform nic resource idx 0 P=f0000004 N=f0000 D=f0000004 L=8 "
		"cln=0x0000000003c00000 DMA_BIDIRECTIONAL dma map error checked\n"
		"platform nic single idx %lu P=%lx N=%lx D=%lx L=64 cln=0x%016lx DMA_FROM_DEVICE "
		"dma map error not checked\n"
		"platform nic single idx %lu P=%lx N=%lx D=%lx L=32 cln=0x%016lx DMA_TO_DEVICE dma "
		"map error not checked\n",
		d >> 13 & 16383, d, d >> 12, d, d >> 6, d >> 13 & 16383, d, d >> 12, d, d >> 6);
	cr_expect_str_eq(world_cat(s, API "dump"), want);
	is(s, "num_free_entries", 65533);
	world_call_at(s, CTL, "dma_unmap_single d");
	world_call_at(s, CTL, "c = dma_alloc_coherent 8192");
	cr_expect(strstr(world_cat(s, API "dump"), "platform nic coherent idx "));
	cr_expect(strstr(world_cat(s, API "dump"), " L=2000 cln=0x"));
	cr_expect(strstr(world_cat(s, API "dump"),
		" DMA_BIDIRECTIONAL dma map error check not applicable\n"));
	is(s, "num_free_entries", 65533);
	is(s, "min_free_entries", 65533);
	end(s);
}

Test(dma_debug, the_log_has_one_error_by_default)
{
	struct simm *s = world("pc-x86_64", NULL);
	static const char wrong[] = "dma_unmap_single 5000 1 DMA_TO_DEVICE";

	add_device(s);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(world_refused_at(s, CTL, wrong), EINVAL);
	cr_expect_eq(world_times_logged(s, "it has not allocated"), 1);
	is(s, "error_count", 3);
	is(s, "num_errors", 0);
	/* Of a number too large the low 32 bits; what is none is refused. */
	cr_expect_eq(world_write(s, API "num_errors", "0x100000002"), 11);
	is(s, "num_errors", 2);
	cr_expect_eq(world_write(s, API "num_errors", "-1"), -EINVAL);
	cr_expect_eq(world_write(s, API "num_errors", "2 errors"), -EINVAL);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(world_refused_at(s, CTL, wrong), EINVAL);
	cr_expect_eq(world_times_logged(s, "it has not allocated"), 3);
	cr_expect_eq(world_write(s, API "all_errors", "7"), 1);
	cr_assert_eq(world_refused_at(s, CTL, wrong), EINVAL);
	cr_expect_eq(world_times_logged(s, "it has not allocated"), 4);
	end(s);
}

Test(dma_debug, filter_by_driver)
{
	struct simm *s = begin("pc-x86_64");
	static const char wrong[] = "dma_unmap_single 5000 1 DMA_TO_DEVICE";
	char longest[80];

	cr_assert_eq(world_write(s, NIC "/driver", "e1000\n"), 6);
	cr_expect_str_eq(world_cat(s, NIC "/driver"), "e1000\n");
	cr_assert_eq(world_write(s, API "driver_filter", "ahci and others\n"), 16);
	cr_expect_str_eq(world_cat(s, API "driver_filter"), "ahci\n");
	cr_expect(logged(s, "DMA-API: enable driver filter for driver [ahci]\n"));
	cr_assert_eq(world_refused_at(s, CTL, wrong), EINVAL);
	cr_expect(!logged(s, "it has not allocated"));
	is(s, "error_count", 1);
	world_write(s, API "driver_filter", "e1000");
	cr_assert_eq(world_refused_at(s, CTL, wrong), EINVAL);
	cr_expect(logged(s, "DMA-API: e1000 nic: device driver tries to free DMA memory it has "
			    "not allocated"));
	world_write(s, API "driver_filter", "\n");
	cr_expect(logged(s, "DMA-API: switching off dma-debug driver filter\n"));
	cr_expect_str_eq(world_cat(s, API "driver_filter"), "");
	memset(longest, 'x', sizeof(longest));
	longest[79] = '\0';
	cr_expect_eq(world_write(s, API "driver_filter", longest), 79);
	cr_expect_eq(strlen(world_cat(s, API "driver_filter")), 63 + 1);
	end(s);
}

Test(dma_debug, filter_on_the_command_line)
{
	struct simm *s = world("pc-x86_64", "cmdline", "dma_debug_driver=ahci", NULL);

	cr_expect(logged(s, "DMA-API: enable driver filter for driver [ahci]\n"));
	cr_expect_str_eq(world_cat(s, API "driver_filter"), "ahci\n");
	add_device(s);
	cr_assert_eq(world_refused_at(s, CTL, "dma_unmap_single 5000 1 DMA_TO_DEVICE"), EINVAL);
	cr_expect(!logged(s, "it has not allocated"));
	/* An error that is filtered out is one less to be shown, too. */
	is(s, "num_errors", 0);
	end(s);
}

/* The driver is gone when the bus is told, so the bus's name stands for it. */
Test(dma_debug, leaks_when_the_driver_goes)
{
	struct simm *s = begin("pc-x86_64");
	unsigned long d;
	char want[400];

	cr_assert_eq(world_write(s, NIC "/driver", "e1000"), 5);
	cr_expect(strstr(world_cat(s, "sys/devices/platform/nic/uevent"), "DRIVER=e1000\n"));
	world_call_at(s, CTL, "c = dma_alloc_coherent 4096");
	d = strtoul(world_call_at(s, CTL, "d = dma_map_single b 100 DMA_TO_DEVICE"), NULL, 16);
	world_call_at(s, CTL, "r = dma_map_resource f0000000 8 DMA_FROM_DEVICE");
	world_call_at(s, CTL, "dma_free_coherent c");
	cr_assert_eq(world_write(s, NIC "/driver", "\n"), 1);
	snprintf(want, sizeof(want),
		"DMA-API: platform nic: device driver has pending DMA allocations while released "
		"from device [count=2]\n");
	cr_expect(logged(s, want));
	snprintf(want, sizeof(want),
		"One of leaked entries details: [device address=0x%016lx] [size=100 bytes] [mapped "
		"with DMA_TO_DEVICE] [mapped as single]\n",
		d);
	cr_expect(logged(s, want));
	is(s, "error_count", 1);
	/* What is leaked stays mapped, and the device cannot go. */
	cr_expect_eq(world_rmdir(s, "sim/devices", "nic"), -EBUSY);
	is(s, "error_count", 2);
	world_call_at(s, CTL, "dma_unmap_single d");
	world_call_at(s, CTL, "dma_unmap_resource r");
	cr_expect_eq(world_rmdir(s, "sim/devices", "nic"), 0);
	end(s);
}

Test(dma_debug, lines_that_are_mapped_twice)
{
	struct simm *s = begin("pc-x86_64");
	static const char words[] = "DMA-API: platform nic: cacheline tracking EEXIST, "
				    "overlapping mappings aren't supported\n";

	/* A device that only reads throws nothing away. */
	world_call_at(s, CTL, "a = dma_map_single b 64 DMA_TO_DEVICE");
	world_call_at(s, CTL, "c = dma_map_single b+8 8 DMA_FROM_DEVICE");
	cr_expect(!logged(s, words));
	world_call_at(s, CTL, "e = dma_map_single b+16 8 DMA_BIDIRECTIONAL DMA_ATTR_SKIP_CPU_SYNC");
	cr_expect(!logged(s, words));
	world_call_at(s, CTL, "f = dma_map_single b+24 8 DMA_BIDIRECTIONAL");
	cr_expect(logged(s, words));
	is(s, "error_count", 1);
	for (int i = 0; i < 6; i++)
		world_call_at(s, CTL, "dma_map_single b+24 8 DMA_FROM_DEVICE");
	cr_expect(logged(s, "DMA-API: exceeded 7 overlapping mappings of cacheline 0x0000"));
	end(s);
}

Test(dma_debug, segments_of_scatterlists)
{
	struct simm *s = begin("pc-x86_64");

	world_call(s, "p.0-1 = alloc_pages GFP_KERNEL 5");
	world_call_at(s, CTL, "dma_map_sg p 2 DMA_TO_DEVICE s");
	cr_expect(logged(s, "mapping sg segment longer than device claims to support [len=131072] "
			    "[max=65536]\n"));
	world_call_at(s, CTL, "dma_sync_sg_for_device s 2 DMA_TO_DEVICE");
	is(s, "error_count", 2);
	world_call_at(s, CTL, "dma_sync_sg_for_device s 1 DMA_TO_DEVICE");
	cr_expect(logged(s, "device driver syncs DMA sg list with different entry count [map "
			    "count=2] [sync count=1]\n"));
	is(s, "error_count", 3);
	/* Of a list of two, one: warned of, and done. */
	world_call_at(s, CTL, "dma_unmap_sg s 1 DMA_TO_DEVICE");
	cr_expect(logged(s, "device driver frees DMA sg list with different entry count [map "
			    "count=2] [unmap count=1]\n"));
	cr_expect(strstr(world_cat(s, API "dump"), "platform nic scather-gather idx "));
	world_call_at(s, CTL, "dma_set_max_seg_size 1M");
	world_call_at(s, CTL, "dma_set_seg_boundary 0xffff");
	is(s, "error_count", 4);
	world_call_at(s, CTL, "dma_map_sg p 1 DMA_TO_DEVICE t");
	cr_expect(logged(s, "mapping sg segment across boundary [start=0x"));
	cr_expect(logged(s, "] [boundary=0x000000000000ffff]\n"));
	is(s, "error_count", 5);
	end(s);
}

Test(dma_debug, memory_that_no_device_should_touch)
{
	struct simm *s = begin("pc-i386");
	const char *code;
	char line[80];

	/* The kernel's code is in the direct map on i386, so it is noticed. */
	code = strstr(world_cat(s, "proc/iomem"), " : Kernel code");
	cr_assert(code);
	while (code[-1] != '\n')
		code--;
	snprintf(line, sizeof(line), "t = dma_map_single %lx 64 DMA_TO_DEVICE",
		strtoul(code, NULL, 16) + 0xc0000000);
	world_call_at(s, CTL, line);
	cr_expect(logged(s, "device driver maps memory from kernel text or rodata [addr=c"));
	/* No address of the direct map, and not vmalloc's either. */
	cr_expect_eq(world_refused_at(s, CTL, "dma_map_single 0x1000 64 DMA_TO_DEVICE"), EINVAL);
	cr_expect(logged(s, "device driver maps memory from invalid area [addr=00001000] "
			    "[len=64]\n"));
	world_call(s, "v = vmalloc 4096");
	for (int i = 0; i < 2; i++)
		cr_expect_eq(world_refused_at(s, CTL, "dma_map_single v 64 DMA_TO_DEVICE"), EINVAL);
	cr_expect_eq(
		world_times_logged(s, "platform nic: rejecting DMA map of vmalloc memory\n"), 1);
	is(s, "error_count", 2);
	end(s);
}

/* Where stacks are mapped page by page, the kernel knows the page and can only guess the address. */
Test(dma_debug, buffers_on_the_stack)
{
	static const char *const presets[][2] = {
		{"pc-x86_64", "device driver maps memory from stack [probable addr=ffff"},
		{"pc-i386", "device driver maps memory from stack [addr=c"}};

	for (size_t i = 0; i < 2; i++) {
		struct machine *m = booted(presets[i][0], NULL);
		struct device *d;
		struct task *t;
		uint64_t dma;

		cr_assert_eq(task_clone(m, task_find(m, 1), 0, 0, &t), 0);
		uint64_t page = task_stack_pfn(m, t, 1) << PAGE_SHIFT;
		cr_assert_eq(device_make(m, "nic", 3, &d), 0);
		/* Nobody runs: whose stack it is does not matter. */
		m->processes.tasks.current_pid[0] = 0;
		cr_assert_eq(dma_map_phys(m, 0, d, page + 64, 64, DMA_TO_DEVICE, 0, &dma), 0);
		cr_expect(!strstr(booted_log(m), "maps memory from stack"));
		m->processes.tasks.current_pid[0] = t->pid;
		cr_assert_eq(dma_map_phys(m, 0, d, page + 64, 64, DMA_TO_DEVICE, 0, &dma), 0);
		cr_expect(strstr(booted_log(m), presets[i][1]), "%s", booted_log(m));
		machine_destroy(m);
	}
}

/* The pool grows by a page at a time; without a page dma-debug gives up, for good. */
Test(dma_debug, entries_run_out)
{
	struct simm *s = world("pc-x86_64", "ram", "256M", "cmdline", "dma_debug_entries=64", NULL);
	const char *fail = "sys/kernel/debug/fail_page_alloc/";
	char path[96];

	add_device(s);
	world_call(s, "b = __get_free_pages GFP_KERNEL 2");
	for (int i = 0; i < 65; i++)
		world_call_at(s, CTL, "dma_map_single b 64 DMA_TO_DEVICE");
	is(s, "nr_total_entries", 96);
	is(s, "num_free_entries", 31);
	is(s, "min_free_entries", 0);
	cr_expect(!logged(s, "pool grown"));
	for (int i = 65; i < 128; i++)
		world_call_at(s, CTL, "dma_map_single b 64 DMA_TO_DEVICE");
	cr_expect(logged(s, "DMA-API: dma_debug_entry pool grown to 128 (200%)\n"));
	snprintf(path, sizeof(path), "%sprobability", fail);
	world_write(s, path, "100");
	snprintf(path, sizeof(path), "%stimes", fail);
	world_write(s, path, "-1");
	snprintf(path, sizeof(path), "%signore-gfp-wait", fail);
	world_write(s, path, "N");
	snprintf(path, sizeof(path), "%smin-order", fail);
	world_write(s, path, "0");
	world_call_at(s, CTL, "last = dma_map_single b 64 DMA_TO_DEVICE");
	cr_expect(logged(s, "DMA-API: debugging out of memory - disabling\n"));
	cr_expect_str_eq(world_cat(s, API "disabled"), "Y\n");
	/* The mapping itself is there, and what was noted before stays. */
	world_call_at(s, CTL, "dma_unmap_single last");
	is(s, "error_count", 0);
	is(s, "num_free_entries", 0);
	end(s);
}

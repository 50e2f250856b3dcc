/* SPDX-License-Identifier: MIT
 *
 * dma-buf through the files: one buffer, two devices, a process and the kernel see the same bytes; it lives as long as
 * somebody holds it.
 */
#include "base/text.h"
#include "support/world.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOG	"sim/tasks/hog/ctl"
#define CAMERA	"sim/devices/camera/ctl"
#define DISPLAY "sim/devices/display/ctl"
#define BUFINFO "sys/kernel/debug/dma_buf/bufinfo"

static struct simm *with_devices(const char *preset)
{
	struct simm *s = world_hog(preset);

	cr_assert_eq(world_mkdir(s, "sim/devices", "camera"), 0);
	cr_assert_eq(world_mkdir(s, "sim/devices", "display"), 0);
	return s;
}

static bool file_has(struct simm *s, const char *path, const char *words)
{
	return strstr(world_cat(s, path), words) != NULL;
}

static void check(struct simm *s)
{
	cr_assert_str_eq(world_cat(s, "sim/check"), "ok\n");
}

static const char empty[] = "\nDma-buf Objects:\n"
			    "size    \tflags   \tmode    \tcount   \texp_name\tino     \tname\n"
			    "\nTotal 0 objects, 0 bytes\n";

static unsigned long long free_pages(struct simm *s)
{
	const char *at = strstr(world_cat(s, "proc/vmstat"), "nr_free_pages ");

	return strtoull(at + strlen("nr_free_pages "), NULL, 10);
}

Test(dma_buf, two_devices_and_a_process, .timeout = 60)
{
	static const char *const presets[] = {"pc-x86_64", "arm64-virt", "pc-i386"};

	for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
		struct simm *s = with_devices(presets[i]);
		char line[80];

		/* The one reaches all of memory, the other sees it through an IOMMU, as one run. */
		cr_assert_gt(world_write(s, "sim/devices/display/address_lines", "64\n"), 0);
		world_call_at(s, DISPLAY, "dma_set_mask 0xffffffffffffffff");
		cr_assert_gt(world_write(s, "sim/devices/camera/iommu", "1\n"), 0);
		world_call_at(s, HOG, "fd = dma_heap_alloc system 1200K");
		world_call_at(s, HOG, "dma_buf_set_name fd frame");
		world_call_at(s, HOG, "a = mmap NULL 1200K PROT_READ|PROT_WRITE MAP_SHARED fd 0");
		cr_assert(file_has(s, "sim/tasks/hog/maps", "/dmabuf:frame\n"), "%s",
			world_cat(s, "sim/tasks/hog/maps"));
		world_call_at(s, CAMERA, "dma_buf_attach frame");
		world_call_at(s, DISPLAY, "dma_buf_attach frame");
		world_call_at(s, CAMERA, "dma_set_max_seg_size 4M");
		cr_assert_str_eq(
			world_call_at(s, CAMERA, "dma_buf_map_attachment frame DMA_FROM_DEVICE s"),
			"1");
		world_call_at(s, DISPLAY, "dma_buf_map_attachment frame DMA_TO_DEVICE t");
		world_call_at(s, CAMERA, "dma_write s.0 1228800 0x44332211");
		world_call_at(s, CAMERA, "wait_for_completion");
		world_call_at(s, HOG, "dma_buf_sync fd DMA_BUF_SYNC_START|DMA_BUF_SYNC_RW");
		cr_assert_eq(
			strncmp(world_call_at(s, HOG, "load a+1228796 4"), "0x44332211", 10), 0);
		world_call_at(s, HOG, "store a 0x88776655 4");
		world_call_at(s, HOG, "dma_buf_sync fd DMA_BUF_SYNC_END|DMA_BUF_SYNC_RW");
		world_call_at(s, DISPLAY, "dma_read t.0 8");
		world_call_at(s, DISPLAY, "wait_for_completion");
		cr_assert(file_has(s, "sim/devices/display/registers",
				  "seen 55 66 77 88 11 22 33 44"),
			"%s", world_cat(s, "sim/devices/display/registers"));
		const char *got = world_call_at(s, DISPLAY, "v = dma_buf_vmap frame");
		snprintf(line, sizeof(line), "load 0x%llx 4", strtoull(got, NULL, 16));
		cr_assert_eq(strncmp(world_call(s, line), "0x88776655", 10), 0);
		check(s);
		world_call_at(s, DISPLAY, "dma_buf_vunmap frame");
		world_call_at(s, CAMERA, "dma_buf_unmap_attachment frame");
		world_call_at(s, DISPLAY, "dma_buf_unmap_attachment frame");
		check(s);
		simm_destroy(s);
	}
}

/* drivers/dma-buf/dma-buf.c: what bufinfo prints. */
Test(dma_buf, lives_until_the_last_holder_is_gone, .timeout = 60)
{
	struct simm *s = with_devices("pc-x86_64");

	cr_assert_str_eq(world_cat(s, BUFINFO), empty);
	/* What a first use leaves behind (slabs, tables) is there before counting. */
	world_call_at(s, HOG, "fd = dma_heap_alloc system 64K");
	world_call_at(s, HOG, "a = mmap NULL 64K PROT_READ|PROT_WRITE MAP_SHARED fd 0");
	world_call_at(s, HOG, "munmap a 64K");
	world_call_at(s, HOG, "close fd");
	cr_assert_str_eq(world_cat(s, BUFINFO), empty);
	unsigned long long before = free_pages(s);

	world_call_at(s, HOG, "fd = dma_heap_alloc system 64K");
	cr_assert(file_has(s, BUFINFO,
			  "\n00065536\t00000002\t00080007\t00000001\tsystem\t00000002\t<none>\n"
			  "\tAttached Devices:\nTotal 0 devices attached\n\n"
			  "\nTotal 1 objects, 65536 bytes\n"),
		"%s", world_cat(s, BUFINFO));
	world_call_at(s, HOG, "dma_buf_set_name fd frame");
	world_call_at(s, HOG, "a = mmap NULL 64K PROT_READ|PROT_WRITE MAP_SHARED fd 0");
	world_call_at(s, CAMERA, "dma_buf_attach hog:3");
	cr_assert(file_has(s, BUFINFO,
			  "\t00000003\tsystem\t00000002\tframe\n\tAttached Devices:\n\tcamera\n"),
		"%s", world_cat(s, BUFINFO));
	world_call_at(s, HOG, "close fd");
	world_call_at(s, HOG, "munmap a 64K");
	/* The device still has it. */
	cr_assert(file_has(s, BUFINFO, "\t00000001\tsystem\t00000002\tframe\n"));
	cr_assert_eq(world_rmdir(s, "sim/devices", "camera"), -EBUSY);
	world_call_at(s, CAMERA, "dma_buf_detach frame");
	cr_assert_str_eq(world_cat(s, BUFINFO), empty);
	cr_assert_eq(free_pages(s), before);
	check(s);
	cr_assert_eq(world_rmdir(s, "sim/devices", "camera"), 0);
	simm_destroy(s);
}

/* ---- the heap of the contiguous area ---- */

static unsigned long long number_behind(struct simm *s, const char *path, const char *word)
{
	const char *text = world_cat(s, path), *at = strstr(text, word);

	cr_assert_not_null(at, "%s is not in %s", word, text);
	return strtoull(at + strlen(word), NULL, 10);
}

static struct simm *with_area(const char *preset, const char *ram)
{
	struct simm *s = world(preset, "ram", ram, "cma", "16M", NULL);

	cr_assert_eq(world_mkdir(s, "sim/tasks", "hog"), 0);
	cr_assert_eq(world_mkdir(s, "sim/devices", "camera"), 0);
	cr_assert_eq(world_mkdir(s, "sim/devices", "display"), 0);
	return s;
}

/* drivers/dma-buf/heaps/cma_heap.c: one run, aligned to its order, at most to 2^CONFIG_CMA_ALIGNMENT pages. On arm-virt the
 * area lies in high memory. */
Test(dma_buf, one_run_of_the_area, .timeout = 60)
{
	static const char *const presets[] = {
		"arm64-virt", "arm-virt", "pc-x86_64", "riscv64-virt"};

	for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
		struct simm *s = with_area(presets[i], "1G");

		cr_expect_str_eq(world_list(s, "dev/dma_heap"), "system reserved");
		cr_expect(file_has(s, "sys/class/dma_heap/reserved/uevent",
			"MINOR=1\nDEVNAME=dma_heap/reserved\n"));
		unsigned long long before = number_behind(s, "proc/vmstat", "nr_free_cma ");
		world_call_at(s, HOG, "fd = dma_heap_alloc reserved 1200K");
		cr_expect_eq(number_behind(s, "proc/vmstat", "nr_free_cma "), before - 300);
		cr_expect(
			file_has(s, BUFINFO, "01228800\t00000002\t00080007\t00000001\treserved\t"));
		world_call_at(s, HOG, "dma_buf_set_name fd frame");
		world_call_at(s, CAMERA, "dma_buf_attach frame");
		cr_expect_str_eq(
			world_call_at(s, CAMERA, "dma_buf_map_attachment frame DMA_TO_DEVICE s"),
			"1", "%s: %s", presets[i], world_cat(s, "sim/devices/camera/mappings"));
		world_call_at(s, CAMERA, "dma_read s.0 1228800");
		world_call_at(s, CAMERA, "wait_for_completion");
		cr_expect(file_has(s, "sim/devices/camera/registers", "seen 00 00 00 00"));
		world_call_at(s, CAMERA, "dma_buf_unmap_attachment frame");
		world_call_at(s, CAMERA, "dma_buf_detach frame");
		check(s);
		world_call_at(s, HOG, "close fd");
		world_call(s, "drain_all_pages");
		cr_expect_eq(number_behind(s, "proc/vmstat", "nr_free_cma "), before);
		check(s);
		simm_destroy(s);
	}
}

/* Its mapping takes each page at its first access, counted as a file's; the page stays one of the area. */
Test(dma_buf, pages_of_the_area_are_faulted_in, .timeout = 60)
{
	struct simm *s = with_area("arm64-virt", "512M");
	unsigned long long mapped = number_behind(s, "proc/vmstat", "nr_mapped ");

	world_call_at(s, HOG, "fd = dma_heap_alloc reserved 64K");
	world_call_at(s, HOG, "a = mmap NULL 64K PROT_READ|PROT_WRITE MAP_SHARED fd 0");
	unsigned long long rss = number_behind(s, "sim/tasks/hog/status", "RssFile:");

	cr_expect(!file_has(s, "sim/tasks/hog/smaps", "VmFlags: rd wr sh mr mw me ms pf io"));
	cr_expect_eq(number_behind(s, "proc/vmstat", "nr_mapped "), mapped);
	world_call_at(s, HOG, "store a+4096 0x12345678 4");
	world_call_at(s, HOG, "load a+8192 4");
	cr_expect_eq(number_behind(s, "proc/vmstat", "nr_mapped "), mapped + 2);
	cr_expect_eq(number_behind(s, "sim/tasks/hog/status", "RssFile:"), rss + 8);
	check(s);
	/* A child faults for itself, and sees the same. */
	world_call_at(s, HOG, "child = fork");
	cr_expect_eq(
		strncmp(world_call_at(s, "proc/101/ctl", "load a+4096 4"), "0x12345678", 10), 0);
	cr_expect_eq(number_behind(s, "proc/vmstat", "nr_mapped "), mapped + 2);
	world_call_at(s, HOG, "mlock a 64K");
	world_call_at(s, "proc/101/ctl", "mlock a 64K");
	check(s);
	/* By name nobody frees what a process may still fault in. */
	static const char *const frees[] = {"cma_release reserved 0x%llx 1", "__free_page 0x%llx"};
	const char *pa = strstr(world_cat(s, "sim/tasks/hog/walk/a+4096"), "physical   ");
	cr_assert_not_null(pa);
	unsigned long long pfn = strtoull(pa + 11, NULL, 16) >> 12;
	char line[60];

	for (unsigned i = 0; i < 4; i++) {
		snprintf(line, sizeof(line), frees[i % 2], pfn + i / 2 * 9);
		cr_expect_eq(world_refused(s, line), EINVAL, "%s", line);
	}
	check(s);
	world_call_at(s, HOG, "munlock a 64K");
	check(s);
	world_call_at(s, "proc/101/ctl", "exit_group");
	check(s);
	/* Nothing keeps it from growing, but behind its end there is no page. */
	world_call_at(s, HOG, "a = mremap a 64K 128K MREMAP_MAYMOVE");
	cr_expect_eq(world_refused_at(s, HOG, "load a+65536 4"), EFAULT);
	world_call_at(s, HOG, "munmap a 128K");
	cr_expect_eq(number_behind(s, "proc/vmstat", "nr_mapped "), mapped);
	world_call_at(s, HOG, "close fd");
	cr_assert_str_eq(world_cat(s, BUFINFO), empty);
	check(s);
	simm_destroy(s);
}

/* The kernel has one answer for whatever kept cma_alloc() from it; nothing is left behind. */
Test(dma_buf, the_area_is_too_small, .timeout = 60)
{
	struct simm *s = with_area("pc-x86_64", "512M");
	unsigned long long before = number_behind(s, "proc/vmstat", "nr_free_cma ");

	cr_expect_eq(world_refused_at(s, HOG, "dma_heap_alloc reserved 17M"), ENOMEM);
	world_call_at(s, HOG, "a = dma_heap_alloc reserved 15M");
	cr_expect_eq(world_refused_at(s, HOG, "dma_heap_alloc reserved 2M"), ENOMEM);
	cr_expect(file_has(s, "sim/dmesg",
			  "cma: cma_alloc: reserved: alloc failed, req-size: 512 pages, ret: -12"),
		"%s", world_cat(s, "sim/dmesg"));
	cr_expect(file_has(s, BUFINFO, "Total 1 objects"));
	cr_expect_eq(world_refused_at(s, HOG, "mmap NULL 8K rw-p MAP_PRIVATE a 0"), EINVAL);
	world_call_at(s, HOG, "close a");
	world_call(s, "drain_all_pages");
	cr_expect_eq(number_behind(s, "proc/vmstat", "nr_free_cma "), before);
	check(s);
	simm_destroy(s);
	/* Without an area there is no such heap. */
	s = world("pc-x86_64", "config", "-CMA", NULL);
	cr_expect_str_eq(world_list(s, "dev/dma_heap"), "system");
	simm_destroy(s);
}

/* dma_buf_attach() of 6.1 knows of no device that has attached already: each attachment has a mapping of its own. */
Test(dma_buf, a_device_attaches_twice, .timeout = 60)
{
	struct simm *s = with_devices("arm64-virt");

	cr_assert_gt(world_write(s, "sim/devices/camera/iommu", "1\n"), 0);
	world_call_at(s, HOG, "fd = dma_heap_alloc system 64K");
	world_call_at(s, HOG, "dma_buf_set_name fd frame");
	cr_expect_str_eq(world_call_at(s, CAMERA, "a = dma_buf_attach frame"), "1");
	cr_expect_str_eq(world_call_at(s, CAMERA, "b = dma_buf_attach frame"), "2");
	world_call_at(s, DISPLAY, "dma_buf_attach frame");
	cr_expect(file_has(s, BUFINFO,
			  "\t00000004\tsystem\t00000001\tframe\n\tAttached "
			  "Devices:\n\tcamera\n\tcamera\n"
			  "\tdisplay\nTotal 3 devices attached\n"),
		"%s", world_cat(s, BUFINFO));
	world_call_at(s, CAMERA, "dma_buf_map_attachment frame DMA_FROM_DEVICE s a");
	cr_expect_eq(world_refused_at(s, CAMERA, "dma_buf_map_attachment frame DMA_FROM_DEVICE t"),
		EBUSY);
	world_call_at(s, CAMERA, "dma_buf_map_attachment frame DMA_TO_DEVICE t b");
	/* The same bytes at two addresses. */
	world_call_at(s, CAMERA, "dma_write s.0 4096 0x11223344");
	world_call_at(s, CAMERA, "wait_for_completion");
	world_call_at(s, CAMERA, "dma_read t.0 64");
	world_call_at(s, CAMERA, "wait_for_completion");
	cr_expect(file_has(s, "sim/devices/camera/registers", "seen 44 33 22 11"));
	char first[40];
	snprintf(first, sizeof(first), "%s", world_cat(s, "sim/vars/s.0"));
	cr_expect_str_neq(first, world_cat(s, "sim/vars/t.0"));
	cr_expect_eq(world_refused_at(s, DISPLAY, "dma_buf_detach frame 2"), ENOENT);
	cr_expect_eq(world_refused_at(s, CAMERA, "dma_buf_detach frame 2"), EBUSY);
	world_call_at(s, CAMERA, "dma_buf_unmap_attachment frame b");
	world_call_at(s, CAMERA, "dma_buf_detach frame b");
	check(s);
	world_call_at(s, CAMERA, "dma_buf_unmap_attachment frame");
	world_call_at(s, CAMERA, "dma_buf_detach frame");
	cr_expect_eq(world_refused_at(s, CAMERA, "dma_buf_detach frame"), ENOENT);
	world_call_at(s, DISPLAY, "dma_buf_detach frame");
	check(s);
	simm_destroy(s);
}

/* Without an IOMMU both mappings of a device have the same address: a sync means the one of its direction. */
Test(dma_buf, mapped_twice_at_one_address, .timeout = 60)
{
	static const char *const first[] = {"DMA_TO_DEVICE", "DMA_BIDIRECTIONAL"};

	for (unsigned i = 0; i < 2; i++) {
		struct simm *s = with_devices("pc-i386");
		char line[80], dma[40];

		world_call_at(s, HOG, "fd = dma_heap_alloc system 4K");
		world_call_at(s, HOG, "dma_buf_set_name fd frame");
		world_call_at(s, CAMERA, "a = dma_buf_attach frame");
		world_call_at(s, CAMERA, "b = dma_buf_attach frame");
		snprintf(line, sizeof(line), "dma_buf_map_attachment frame %s s a", first[i]);
		world_call_at(s, CAMERA, line);
		snprintf(line, sizeof(line), "dma_buf_map_attachment frame %s t b", first[!i]);
		world_call_at(s, CAMERA, line);
		snprintf(dma, sizeof(dma), "%s", world_cat(s, "sim/vars/s.0"));
		cr_assert_str_eq(dma, world_cat(s, "sim/vars/t.0"));
		world_call_at(s, CAMERA, "dma_buf_begin_cpu_access frame DMA_BIDIRECTIONAL");
		world_call_at(s, CAMERA, "dma_buf_end_cpu_access frame DMA_BIDIRECTIONAL");
		world_call_at(s, HOG, "dma_buf_sync fd DMA_BUF_SYNC_START|DMA_BUF_SYNC_RW");
		world_call_at(s, CAMERA, "dma_buf_unmap_attachment frame a");
		world_call_at(s, CAMERA, "dma_buf_unmap_attachment frame b");
		check(s);
		simm_destroy(s);
	}
}

/* A process that ends gives its file and its mapping up; a child keeps both. */
Test(dma_buf, forked_and_ended, .timeout = 60)
{
	struct simm *s = with_devices("pc-x86_64");

	world_call_at(s, HOG, "fd = dma_heap_alloc system 8K");
	world_call_at(s, HOG, "a = mmap NULL 8K PROT_READ|PROT_WRITE MAP_SHARED fd 0");
	world_call_at(s, HOG, "store a+4096 0x12345678 4");
	world_call_at(s, HOG, "fork");
	check(s);
	cr_assert_eq(world_rmdir(s, "sim/tasks", "hog"), 0);
	cr_assert(file_has(s, BUFINFO, "Total 1 objects, 8192 bytes\n"));
	check(s);
	simm_destroy(s);
}

Test(dma_buf, what_is_refused, .timeout = 60)
{
	static const struct {
		const char *ctl, *line;
		int err;
	} row[] = {
		{HOG, "dma_heap_alloc nothing 4096", ENODEV},
		{HOG, "dma_heap_alloc system 0", EINVAL},
		{HOG, "dma_heap_alloc system 900G", ENOMEM},
		{HOG, "dma_heap_alloc system 4096 O_RDWR|O_CREAT", EINVAL},
		{HOG, "mmap NULL 1M PROT_READ MAP_SHARED fd 0", EINVAL},
		{HOG, "mmap NULL 8K PROT_READ|PROT_WRITE MAP_PRIVATE fd 0", EINVAL},
		{HOG, "dma_buf_sync fd DMA_BUF_SYNC_START", EINVAL},
		{HOG, "dma_buf_sync z DMA_BUF_SYNC_RW", EINVAL},
		{HOG, "read fd NULL 10", EINVAL},
		{CAMERA, "dma_buf_attach frame", ENOENT},
		{CAMERA, "dma_buf_attach 77", ENOENT},
		{CAMERA, "dma_buf_attach hog:99", EBADF},
		{CAMERA, "dma_buf_detach 1", ENOENT},
		{CAMERA, "dma_buf_map_attachment 1 DMA_TO_DEVICE s", ENOENT},
		{CAMERA, "dma_buf_unmap_attachment 1", ENOENT},
		{CAMERA, "dma_buf_vunmap 1", EINVAL},
	};
	struct simm *s = with_devices("pc-x86_64");

	world_call_at(s, HOG, "fd = dma_heap_alloc system 8K");
	world_call_at(s, HOG, "z = open \"/dev/zero\" O_RDWR");
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		cr_expect_eq(world_refused_at(s, row[i].ctl, row[i].line), row[i].err,
			"%s gives %d", row[i].line, world_refused_at(s, row[i].ctl, row[i].line));
		cr_assert(file_has(s, BUFINFO, "Total 1 objects, 8192 bytes\n"), "%s", row[i].line);
	}
	check(s);
	simm_destroy(s);
}

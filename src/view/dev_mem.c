/* SPDX-License-Identifier: MIT
 *
 * dev/mem: physical memory by offset, as drivers/char/mem.c of 6.1 gives it.
 *
 * What may be asked for ends where the kernel's permanent mapping ends (high_memory): a read or write of which any
 * byte lies beyond is EFAULT. On a PC holes below it answer all ones; elsewhere they are EFAULT, too.
 * With STRICT_DEVMEM RAM is EPERM, but on a PC the RAM of the first MiB reads as zero and takes writes without effect.
 *
 * A write changes RAM and nothing else: a TLB that remembers the old page table goes on doing so.
 *
 * Left out: devices' registers.
 */
#include "view/files.h"

#include "mm/page/contents.h"

#include <errno.h>
#include <string.h>

enum { FIRST_MIB = 1 << 20 };

static bool is_pc(const struct machine *m)
{
	return m->arch == ARCH_I386 || m->arch == ARCH_X86_64;
}

static uint64_t end_of_mem(const struct machine *m)
{
	return m->kernel_map.low_end ? m->kernel_map.low_end : m->end_pfn << PAGE_SHIFT;
}

/* May these bytes of one page be given, and do they answer? 1: yes; 0: as zeroes; -EPERM. */
static int allowed(const struct machine *m, uint64_t pa, bool ram)
{
	if (!machine_has(m, CONFIG_STRICT_DEVMEM) || !ram)
		return 1;
	return is_pc(m) && pa < FIRST_MIB ? 0 : -EPERM;
}

/* The whole range is refused before anything of it is done. */
static int check_range(struct machine *m, const struct dram *d, uint64_t pa, uint64_t bytes)
{
	uint64_t end = end_of_mem(m);

	if (pa >= end || bytes > end - pa)
		return refuse(&m->why, EFAULT,
			"dev/mem ends at 0x%llx, the end of the memory that the kernel maps for "
			"good",
			(unsigned long long)end);
	for (uint64_t at = pa; at < pa + bytes; at = (at | (PAGE_BYTES - 1)) + 1) {
		bool ram = dram_is_ram(d, at);

		if (!ram && !is_pc(m))
			return refuse(&m->why, EFAULT, "there is no RAM at 0x%llx",
				(unsigned long long)at);
		if (allowed(m, at, ram) < 0)
			return refuse(&m->why, EPERM,
				"STRICT_DEVMEM: 0x%llx is RAM (-o config=-STRICT_DEVMEM allows it)",
				(unsigned long long)at);
	}
	return 0;
}

static uint64_t in_page(uint64_t pa, uint64_t bytes)
{
	uint64_t left = PAGE_BYTES - pa % PAGE_BYTES;

	return bytes < left ? bytes : left;
}

int64_t read_dev_mem(struct view *v, void *data, size_t len, uint64_t offset)
{
	struct dram d = machine_dram(v->m);
	char *to = data;
	int err = check_range(v->m, &d, offset, len);

	if (err)
		return err;
	for (uint64_t n, done = 0; done < len; done += n) {
		uint64_t pa = offset + done;

		n = in_page(pa, len - done);
		if (!allowed(v->m, pa, dram_is_ram(&d, pa)))
			memset(to + done, 0, n);
		else if (dram_read(&d, pa, to + done, n))
			memset(to + done, 0xff, n);
	}
	return (int64_t)len;
}

int64_t write_dev_mem(struct view *v, const void *data, size_t len, uint64_t offset)
{
	struct dram d = machine_dram(v->m);
	const char *from = data;
	int err = check_range(v->m, &d, offset, len);

	for (uint64_t n, done = 0; done < len && !err; done += n) {
		uint64_t pa = offset + done;

		n = in_page(pa, len - done);
		if (allowed(v->m, pa, dram_is_ram(&d, pa)))
			err = dram_write(&d, pa, from + done, n, &v->m->why);
		err = err == -ENXIO ? 0 : err;
	}
	return err ? err : (int64_t)len;
}

/* SPDX-License-Identifier: MIT
 *
 * What is taken before any table is made: the kernel itself, what the boot loader left,
 * /reserved-memory, CMA.
 *
 *   1. PC: the first MiB; all: the kernel's image, the initial ram disk, the devicetree blob
 *   2. /memreserve/ and the fixed ranges of /reserved-memory; no-map ranges lose their mapping
 *   3. the ranges to be placed: the highest fit in each of their alloc-ranges
 *   4. the default CMA area (later on some architectures): cma=, or the configuration's size, unless the devicetree
 *      has a default area
 *
 * What a node of /reserved-memory becomes is boot_reserved_mem.c's.
 *
 * Follows drivers/of/fdt.c and of_reserved_mem.c, kernel/dma/contiguous.c, mm/cma.c of 6.1.
 */
#include "mm/boot/boot.h"

#include <errno.h>

static uint64_t ram_bytes(const struct boot *b)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < b->m->memblock.memory.nr; i++)
		bytes +=
			b->m->memblock.memory.region[i].end - b->m->memblock.memory.region[i].start;
	return bytes;
}

/* Refuse a machine that has no room for @what. */
static int boot_too_small(struct boot *b, const char *what, uint64_t bytes)
{
	const struct memblock_type *reserved = &b->m->memblock.reserved;
	uint64_t taken = 0;

	for (unsigned i = 0; i < reserved->nr; i++)
		taken += reserved->region[i].end - reserved->region[i].start;
	return refuse(&b->m->why, EINVAL,
		"this machine's %llu MiB of RAM are too few, or too far from where its kernel "
		"needs them: %llu MiB were "
		"taken when %s of %llu KiB found no place; a %s kernel needs about %llu MiB",
		(ull)(ram_bytes(b) / MIB), (ull)(taken / MIB), what, (ull)(bytes >> 10), b->a->name,
		(ull)((b->a->image_offset + b->a->image_bytes) / MIB + 16));
}

uint64_t boot_alloc(struct boot *b, const char *what, uint64_t bytes, uint64_t align, int nid)
{
	uint64_t max = b->max_low_pfn << PAGE_SHIFT;
	uint64_t at;

	bytes = align_up(bytes, PAGE_BYTES);
	/* Above the DMA zone first, as memblock_alloc_try_nid() is asked to; then anywhere, then
	 * from any node. */
	at = memblock_alloc_range(
		b->m, bytes, align, arch_is_x86(b->m->arch) ? 16 * MIB : 0, max, nid);
	if (!at)
		at = memblock_alloc_range(b->m, bytes, align, 0, max, nid);
	if (!at && nid >= 0)
		at = memblock_alloc_range(b->m, bytes, align, 0, max, -1);
	if (!at)
		boot_too_small(b, what, bytes);
	return at;
}

/* The lowest aligned place in [min, max) that is RAM and free; 0 for none. Reserves it. */
static uint64_t boot_alloc_low(
	struct boot *b, uint64_t bytes, uint64_t align, uint64_t min, uint64_t max)
{
	uint64_t from = min, start, end;
	unsigned nid;

	while (memblock_next_free(b->m, from, &start, &end, &nid) && start < max) {
		uint64_t at = align_up(start, align);

		if (at < min_u64(end, max) && min_u64(end, max) - at >= bytes)
			return memblock_reserve(b->m, at, bytes) ? 0 : at;
		from = end;
	}
	return 0;
}

static void keep_late(struct boot *b, uint64_t start, uint64_t end, const char *name, bool early)
{
	if (start < end && b->nr_late < BOOT_MAX_LATE)
		b->late[b->nr_late++] = (struct boot_range){start, end, name, early};
}

static int place_image(struct boot *b)
{
	const struct arch_facts *a = b->a;
	uint64_t ram = arch_is_x86(b->m->arch) ? 0 : b->m->memblock.memory.region[0].start;
	uint64_t max = b->max_low_pfn << PAGE_SHIFT;
	uint64_t min = align_up(ram, a->image_align) + a->image_offset;

	b->image = boot_alloc_low(b, a->image_bytes, a->image_align, min, max);
	if (!b->image)
		b->image = boot_alloc_low(b, a->image_bytes, a->image_align, ram, max);
	if (!b->image)
		return boot_too_small(b, "the kernel's image", a->image_bytes);
	for (unsigned i = 0; i < IMAGE_PARTS && a->late[i].name; i++)
		keep_late(b, b->image + a->late[i].start, b->image + a->late[i].end,
			a->late[i].name,
			a->late[i].name[0] ==
				'S'); /* SMP alternatives: patched and freed before the initcalls */
	return memblock_free(b->m, b->image, a->reserve_start);
}

/* 686: head_32.S maps up to a MiB behind the image with 4 KiB pages, from tables in brk. */
static int brk_686(struct boot *b)
{
	uint64_t unit = machine_has(b->m, CONFIG_X86_PAE) ? 2 * MIB : 4 * MIB;
	uint64_t end = b->image + b->a->image_bytes;
	uint64_t mapped = align_up(end + MIB + (PAGE_BYTES << 8), unit);
	uint64_t pages = mapped / unit + b->a->other_pages;

	log_printf(b->m, "initial memory mapped: [mem 0x00000000-0x%08llx]", (ull)mapped - 1);
	bool taken = memblock_overlaps_reserved(b->m, end, end + pages * PAGE_BYTES);
	b->tables =
		taken ? boot_alloc(b, "the page tables", pages * PAGE_BYTES, PAGE_BYTES, -1) : end;
	b->tables_end = b->tables + pages * PAGE_BYTES;
	if (!b->tables)
		return -b->m->why.err;
	return taken ? 0 : memblock_reserve(b->m, end, pages * PAGE_BYTES);
}

static int reserve_initrd(struct boot *b)
{
	uint64_t start = align_down(b->d->initrd_start, PAGE_BYTES),
		 end = align_up(b->d->initrd_end, PAGE_BYTES);

	if (start >= end)
		return 0;
	if (!memblock_is_memory(b->m, start) || !memblock_is_memory(b->m, end - 1) ||
		memblock_overlaps_reserved(b->m, start, end)) {
		log_printf(b->m,
			"INITRD: 0x%08llx+0x%08llx overlaps in-use memory region - disabling "
			"initrd",
			(ull)start, (ull)(end - start));
		return 0;
	}
	if (arch_is_x86(b->m->arch))
		log_printf(b->m, "RAMDISK: [mem 0x%08llx-0x%08llx]", (ull)start, (ull)end - 1);
	keep_late(b, start, end, "initrd memory", false);
	return memblock_reserve(b->m, start, end - start);
}

/* 1: it is not to be had. */
static int reserve_fixed(struct boot *b, const struct reserved_range *r)
{
	uint64_t start = align_down(r->start, PAGE_BYTES), end = align_up(r->end, PAGE_BYTES);
	bool taken = memblock_overlaps_reserved(b->m, start, end);
	int err;

	if (r->no_map) {
		if (taken && memblock_overlaps_memory(b->m, start, end)) {
			log_printf(b->m,
				"OF: fdt: Reserved memory: failed to reserve memory for node '%s': "
				"base 0x%016llx, size "
				"%llu MiB",
				r->name, (ull)r->start, (ull)((r->end - r->start) / MIB));
			return 1;
		}
		err = memblock_mark(b->m, start, end - start, MEMBLOCK_NOMAP);
	} else {
		err = memblock_reserve(b->m, start, end - start);
	}
	return err;
}

/* First all places, then a word about those that overlap, then what they are for. */
static int reserve_all_fixed(struct boot *b)
{
	bool had[DESCRIBE_MAX_RESERVED] = {false};
	int err = 0;

	for (unsigned i = 0; i < b->d->nr_reserved && err >= 0; i++) {
		const struct reserved_range *r = &b->d->reserved[i];

		err = r->start < r->end ? reserve_fixed(b, r) : 1;
		had[i] = !err;
	}
	boot_reserved_overlaps(b);
	for (unsigned i = 0; i < b->d->nr_reserved && err >= 0; i++) {
		const struct reserved_range *r = &b->d->reserved[i];

		err = had[i] ? boot_reserved_mem_init(b, r, r->start, r->end) : 0;
	}
	return err < 0 ? err : 0;
}

static int reserve_placed(struct boot *b, const struct reserved_range *r)
{
	uint64_t align = max_u64(r->align_bytes, r->reusable ? boot_cma_align(b) : PAGE_BYTES);
	uint64_t max = r->alloc_end ? r->alloc_end : UINT64_MAX;
	uint64_t bytes = align_up(r->size_bytes, PAGE_BYTES);

	if (align & (align - 1) || bytes < r->size_bytes) {
		log_printf(
			b->m, "OF: reserved mem: invalid alignment or size of node '%s'", r->name);
		return 0;
	}
	uint64_t at = memblock_alloc_range(b->m, bytes, align, r->alloc_start, max, -1);
	if (!at) {
		log_printf(b->m,
			"OF: reserved mem: failed to allocate memory for node '%s': size %llu MiB",
			r->name, (ull)(bytes / MIB));
		return 0;
	}
	int err = 0;
	if (r->no_map) {
		err = memblock_free(b->m, at, bytes);
		if (!err)
			err = memblock_mark(b->m, at, bytes, MEMBLOCK_NOMAP);
	}
	return err ? err : boot_reserved_mem_init(b, r, at, at + bytes);
}

int boot_reserve(struct boot *b)
{
	int err = 0;

	if (arch_is_x86(b->m->arch))
		err = memblock_reserve(b->m, 0, MIB);
	/* A boot loader looks for room among what the tree reserves. */
	if (!err)
		err = reserve_all_fixed(b);
	if (!err)
		err = place_image(b);
	if (!err && b->m->arch == ARCH_I386)
		err = brk_686(b);
	if (!err)
		err = reserve_initrd(b);
	if (!err && !arch_is_x86(b->m->arch) && b->d->fdt_bytes) {
		uint64_t bytes = align_up(b->d->fdt_bytes, PAGE_BYTES);

		b->fdt = boot_alloc_low(b, bytes, 2 * MIB, b->image + b->a->image_bytes,
			b->max_low_pfn << PAGE_SHIFT);
		b->fdt_end = b->fdt + bytes;
		if (!b->fdt)
			err = boot_too_small(b, "the devicetree", bytes);
	}
	for (unsigned i = 0; i < b->d->nr_reserved && !err; i++)
		if (b->d->reserved[i].start >= b->d->reserved[i].end)
			err = reserve_placed(b, &b->d->reserved[i]);
	return err;
}

/* Where devices must be able to reach: dma_contiguous_reserve()'s limit. */
static uint64_t cma_limit(const struct boot *b)
{
	switch (b->m->arch) {
	case ARCH_ARM64:
	case ARCH_RISCV64:
		return b->dma_limit;
	case ARCH_ARM:
		return UINT32_MAX;
	case ARCH_I386:
		return b->max_low_pfn << PAGE_SHIFT;
	case ARCH_X86_64:
	case NR_ARCHS:
		break;
	}
	return b->max_pfn << PAGE_SHIFT;
}

/* cma_declare_contiguous(): above low memory when the limit allows it, then below; never across. */
static uint64_t place_cma(struct boot *b, uint64_t bytes, uint64_t start, uint64_t limit)
{
	uint64_t align = boot_cma_align(b), high = b->max_low_pfn << PAGE_SHIFT;
	uint64_t end = b->max_pfn << PAGE_SHIFT, at = 0;

	if (!limit || limit > end)
		limit = end;
	if (start < high && limit > high) {
		at = memblock_alloc_range(b->m, bytes, align, high, limit, -1);
		limit = high;
	}
	/* A 64-bit kernel tries above 4 GiB, from below, so as not to use up what weak devices
	 * need. */
	if (!at && arch_is_64bit(b->m->arch) && end >= 4096 * MIB + bytes && limit > 4096 * MIB)
		at = boot_alloc_low(b, bytes, align, max_u64(start, 4096 * MIB), limit);
	return at ? at : memblock_alloc_range(b->m, bytes, align, start, limit, -1);
}

int boot_cma_default(struct boot *b)
{
	const struct cmdline *c = &b->c;
	uint64_t bytes = c->cma_given ? c->cma_bytes : (uint64_t)b->a->cma_mbytes * MIB;
	uint64_t limit =
		c->cma_given && c->cma_end ? min_u64(c->cma_end, cma_limit(b)) : cma_limit(b);
	uint64_t at;

	if (!machine_has(b->m, CONFIG_CMA) || b->cma_default || !bytes)
		return 0;
	bytes = align_up(bytes, boot_cma_align(b));
	/* cma=nn@ss without an end is a fixed place. */
	bool fixed = c->cma_given && c->cma_end && c->cma_end == c->cma_start + c->cma_bytes;
	if (fixed) {
		at = align_up(c->cma_start, boot_cma_align(b));
		bool free = memblock_pages_in(b->m, at >> PAGE_SHIFT, (at + bytes) >> PAGE_SHIFT,
				    -1) == bytes >> PAGE_SHIFT &&
			    !memblock_overlaps_reserved(b->m, at, at + bytes);
		int err = free ? memblock_reserve(b->m, at, bytes) : 0;

		if (err)
			return err;
		at = free ? at : 0;
	} else {
		at = place_cma(b, bytes, c->cma_given ? c->cma_start : 0, limit);
	}
	if (!at) {
		log_printf(b->m, "cma: Failed to reserve %llu MiB", (ull)(bytes / MIB));
		return 0;
	}
	boot_add_cma(b, at, at + bytes, "reserved");
	b->cma[b->nr_cma - 1].is_default = true;
	log_printf(b->m,
		arch_is_64bit(b->m->arch) ? "cma: Reserved %llu MiB at 0x%016llx"
					  : "cma: Reserved %llu MiB at 0x%08llx",
		(ull)(bytes / MIB), (ull)at);
	return 0;
}

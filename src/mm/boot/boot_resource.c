/* SPDX-License-Identifier: MIT
 *
 * proc/iomem and proc/ioports at boot: RAM and the kernel in it, what firmware reserved, buses
 * and devices.
 *
 * A PC shows its e820 table to the byte; a board shows memblock's ranges of RAM. The devices come
 * from the description. A device that overlaps RAM partly, as firmware's tables sometimes say, is
 * passed over: the kernel could not insert it either.
 *
 * Left out: drivers' own requests below their bus's ranges. Follows arch/x86/kernel/e820.c
 * (e820__reserve_resources()), arch/arm64/kernel/setup.c, arch/arm/kernel/setup.c
 * (request_standard_resources()) of 6.1.
 */
#include "mm/boot/boot.h"

#include <errno.h>
#include <string.h>

/* The last address that a resource_size_t holds. What ends beyond is passed over. */
static uint64_t last_address(const struct boot *b)
{
	bool narrow = b->m->arch == ARCH_ARM ||
		      (b->m->arch == ARCH_I386 && !machine_has(b->m, CONFIG_X86_PAE));

	return narrow && !b->d->like.set ? UINT32_MAX : UINT64_MAX;
}

static int insert(struct boot *b, bool port, uint64_t start, uint64_t end, const char *name)
{
	if (end > last_address(b))
		return 0;
	int err = resource_insert(b->m, port, start, end, name);

	return err == -EBUSY ? 0 : err;
}

static const char *e820_name(enum firmware_type type)
{
	switch (type) {
	case FIRMWARE_USABLE:
		return "System RAM";
	case FIRMWARE_RESERVED:
		return "Reserved";
	case FIRMWARE_ACPI:
		return "ACPI Tables";
	case FIRMWARE_NVS:
		return "ACPI Non-volatile Storage";
	case FIRMWARE_PERSISTENT:
		return "Persistent Memory";
	}
	return "Reserved";
}

static int insert_map(struct boot *b)
{
	for (unsigned i = 0; i < b->nr_map; i++) {
		int err = insert(
			b, false, b->map[i].start, b->map[i].end - 1, e820_name(b->map[i].type));

		if (err)
			return err;
	}
	return 0;
}

/* RAM as memblock has it; what is not mapped is "reserved" and no System RAM. */
static int insert_memory(struct boot *b)
{
	for (unsigned i = 0; i < b->m->memblock.memory.nr; i++) {
		const struct memblock_region *r = &b->m->memblock.memory.region[i];
		int err = insert(b, false, r->start, r->end - 1,
			r->flags & MEMBLOCK_NOMAP ? "reserved" : "System RAM");

		if (err)
			return err;
	}
	return 0;
}

static int insert_image(struct boot *b)
{
	for (unsigned i = 0; i < IMAGE_PARTS && b->a->show[i].name; i++) {
		int err = insert(b, false, b->image + b->a->show[i].start,
			b->image + b->a->show[i].end - 1, b->a->show[i].name);

		if (err)
			return err;
	}
	return 0;
}

/* [start, end) inside one range of RAM, around the image. */
static int insert_reserved_part(struct boot *b, uint64_t start, uint64_t end)
{
	int err = 0;

	for (unsigned p = 0; p < IMAGE_PARTS && b->a->show[p].name && !err; p++) {
		uint64_t lo = b->image + b->a->show[p].start, hi = b->image + b->a->show[p].end;

		if (lo >= end || hi <= start)
			continue;
		if (start < lo)
			err = insert(b, false, start, lo - 1, "reserved");
		start = hi;
	}
	if (!err && start < end)
		err = insert(b, false, start, end - 1, "reserved");
	return err;
}

/* arm64 shows memblock's reservations cut to each range of RAM
 * (reserve_memblock_reserved_regions()). */
static int insert_reserved(struct boot *b)
{
	const struct memblock_type *reserved = &b->m->memblock.reserved;
	const struct memblock_type *memory = &b->m->memblock.memory;
	int err = 0;

	for (unsigned i = 0; i < reserved->nr; i++) {
		uint64_t start = align_down(reserved->region[i].start, PAGE_BYTES);
		uint64_t end = align_up(reserved->region[i].end, PAGE_BYTES);

		for (unsigned k = 0; k < memory->nr && !err; k++) {
			uint64_t lo = max_u64(start, memory->region[k].start);
			uint64_t hi = min_u64(end, memory->region[k].end);

			if (lo < hi && !(memory->region[k].flags & MEMBLOCK_NOMAP))
				err = insert_reserved_part(b, lo, hi);
		}
	}
	return err;
}

static int insert_devices(struct boot *b)
{
	for (unsigned i = 0; i < b->d->nr_io; i++) {
		const struct io_range *r = &b->d->io[i];

		/* "PCI hole" entries that RAM has eaten up. */
		if (r->start > r->end)
			continue;
		if (!r->port && !b->d->like.set &&
			memblock_overlaps_memory(
				b->m, r->start, r->end == UINT64_MAX ? r->end : r->end + 1))
			continue;
		int err = insert(b, r->port, r->start, r->end, r->name);
		if (err)
			return err;
	}
	return 0;
}

int boot_resources(struct boot *b)
{
	bool map = arch_is_x86(b->m->arch) || b->d->like.set;
	int err = map ? insert_map(b) : insert_memory(b);

	/* A dump has the kernel's lines of its own. */
	if (!err && !b->d->like.set)
		err = insert_image(b);
	if (!err && b->m->arch == ARCH_ARM64 && !b->d->like.set)
		err = insert_reserved(b);
	return err ? err : insert_devices(b);
}

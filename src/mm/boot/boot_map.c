/* SPDX-License-Identifier: MIT
 *
 * The firmware's map becomes memblock's memory.
 *
 * On a PC: the e820 table is printed, the command line's mem= and memmap= edit it ("user-defined
 * physical RAM map"), page 0 and the legacy hole from 640 KiB to 1 MiB are taken out, and what is
 * usable, cut to whole pages, is memory. Elsewhere the devicetree's memory nodes are memory, cut
 * at what the architecture can address.
 *
 * Follows arch/x86/kernel/e820.c, drivers/of/fdt.c (early_init_dt_add_memory_arch()),
 * arch/arm/kernel/setup.c (arm_add_memory()), arch/arm64/mm/init.c (mem=) of 6.1.
 */
#include "mm/boot/boot.h"
#include "mm/boot/ranges.h"

#include <errno.h>
#include <string.h>

/* pfn + 1 must fit 32 bits in the frames' lists. */
#define HIGHEST_BYTES ((uint64_t)16 << 40)

static uint64_t arch_limit(const struct machine_desc *d)
{
	if (d->arch == ARCH_I386)
		return config_has(d->config, CONFIG_X86_PAE) ? 64 * GIB : 4 * GIB;
	return d->arch == ARCH_ARM ? 4 * GIB : HIGHEST_BYTES;
}

int boot_bounds(
	const struct machine_desc *d, uint64_t *lowest, uint64_t *highest, struct refusal *why)
{
	struct cmdline c;
	uint64_t limit = arch_limit(d), low = UINT64_MAX, high = 0;
	int err = cmdline_parse(&c, d->cmdline, d->arch, why);

	if (err)
		return err;
	for (unsigned i = 0; i < d->nr_ram && !d->like.set; i++) {
		if (d->ram[i].type != FIRMWARE_USABLE)
			continue;
		low = min_u64(low, d->ram[i].start);
		high = max_u64(high, d->ram[i].end);
	}
	/* A dump's zones are where its RAM is, whatever else it shows. */
	for (unsigned i = 0; i < d->like.nr_zones && d->like.set; i++) {
		const struct like_zone *z = &d->like.zone[i];

		if (!z->present)
			continue;
		low = min_u64(low, z->start_pfn << PAGE_SHIFT);
		high = max_u64(high, (z->start_pfn + z->spanned) << PAGE_SHIFT);
	}
	for (unsigned i = 0; i < c.nr_memmap; i++) {
		if (c.memmap[i].kind != '@')
			continue;
		low = min_u64(low, c.memmap[i].start);
		high = max_u64(high, c.memmap[i].start + c.memmap[i].bytes);
	}
	if (arch_is_x86(d->arch))
		low = 0;
	if (low >= min_u64(high, limit))
		return refuse(why, EINVAL,
			"all of this machine's RAM lies beyond the %llu GiB that its kernel can "
			"address",
			(ull)(limit / GIB));
	if (high > limit && limit == HIGHEST_BYTES)
		return refuse(why, EINVAL,
			"this machine has RAM up to 0x%llx; at most 16 TiB of addresses are "
			"simulated",
			(ull)high);
	*lowest = low;
	*highest = min_u64(high, limit);
	return 0;
}

static const char *type_word(enum firmware_type type)
{
	switch (type) {
	case FIRMWARE_USABLE:
		return "usable";
	case FIRMWARE_RESERVED:
		return "reserved";
	case FIRMWARE_ACPI:
		return "ACPI data";
	case FIRMWARE_NVS:
		return "ACPI NVS";
	case FIRMWARE_PERSISTENT:
		return "persistent (type 7)";
	}
	return "?";
}

static void print_map(struct boot *b, const char *who)
{
	for (unsigned i = 0; i < b->nr_map; i++)
		log_printf(b->m, "%s: [mem 0x%016llx-0x%016llx] %s", who, (ull)b->map[i].start,
			(ull)b->map[i].end - 1, type_word(b->map[i].type));
}

/* What of [start, end) is of type @from, or @any, becomes @to, or with @remove nothing. */
static void retype(struct boot *b, uint64_t start, uint64_t end, bool any, enum firmware_type from,
	bool remove, enum firmware_type to)
{
	struct firmware_range out[2 * DESCRIBE_MAX_RANGES];
	unsigned n = 0, cap = 2 * DESCRIBE_MAX_RANGES;

	for (unsigned i = 0; i < b->nr_map; i++) {
		struct firmware_range r = b->map[i];
		uint64_t lo = max_u64(r.start, start), hi = min_u64(r.end, end);

		if (lo >= hi || (!any && r.type != from)) {
			if (n < cap)
				out[n++] = r;
			continue;
		}
		struct firmware_range part[3] = {r, r, r};
		part[0].end = lo;
		part[1].start = lo;
		part[1].end = hi;
		part[1].type = to;
		part[2].start = hi;
		for (unsigned k = 0; k < 3; k++)
			if (part[k].start < part[k].end && !(k == 1 && remove) && n < cap)
				out[n++] = part[k];
	}
	memcpy(b->map, out, n * sizeof(out[0]));
	b->nr_map = n;
}

static void add_range(struct boot *b, uint64_t start, uint64_t end, enum firmware_type type)
{
	if (start < end && b->nr_map < DESCRIBE_MAX_RANGES)
		b->map[b->nr_map++] =
			(struct firmware_range){.start = start, .end = end, .type = type};
	b->nr_map = ranges_normalise(b->map, b->nr_map, 2 * DESCRIBE_MAX_RANGES);
}

static void limit_usable(struct boot *b, uint64_t bytes)
{
	log_printf(b->m, "e820: remove [mem 0x%08llx-0x%08llx] usable", (ull)bytes,
		(ull)UINT64_MAX - 1);
	retype(b, bytes, UINT64_MAX, false, FIRMWARE_USABLE, true, FIRMWARE_USABLE);
}

/* One item of memmap=: nn@ss is RAM, nn#ss ACPI data, nn$ss reserved, nn!ss persistent, nn a
 * limit. */
static void memmap_item(struct boot *b, const struct cmdline_memmap *item)
{
	uint64_t start = item->start, end = start + item->bytes;
	enum firmware_type type = item->kind == '#'   ? FIRMWARE_ACPI
				  : item->kind == '$' ? FIRMWARE_RESERVED
				  : item->kind == '!' ? FIRMWARE_PERSISTENT
						      : FIRMWARE_USABLE;

	if (!item->kind) {
		limit_usable(b, item->bytes);
		return;
	}
	/* RAM only fills gaps: e820's other types win over it. */
	add_range(b, start, end, type);
}

static void edit_e820(struct boot *b)
{
	bool edited = false;

	if (b->c.exactmap) {
		retype(b, 0, UINT64_MAX, false, FIRMWARE_USABLE, true, FIRMWARE_USABLE);
		edited = true;
	}
	for (unsigned i = 0; i < b->c.nr_memmap; i++, edited = true)
		memmap_item(b, &b->c.memmap[i]);
	if (b->c.mem_bytes) {
		limit_usable(b, b->c.mem_bytes);
		edited = true;
	}
	if (!edited)
		return;
	log_printf(b->m, "user-defined physical RAM map:");
	print_map(b, "user");
}

static uint64_t last_pfn(const struct boot *b, uint64_t limit_pfn)
{
	uint64_t last = 0;

	for (unsigned i = 0; i < b->nr_map; i++) {
		uint64_t end_pfn = b->map[i].end >> PAGE_SHIFT;

		if (b->map[i].type != FIRMWARE_USABLE || b->map[i].start >> PAGE_SHIFT >= limit_pfn)
			continue;
		last = max_u64(last, min_u64(end_pfn, limit_pfn));
	}
	return last;
}

static int add_memory(struct boot *b)
{
	uint64_t end = b->max_pfn << PAGE_SHIFT;

	for (unsigned i = 0; i < b->nr_map; i++) {
		const struct firmware_range *r = &b->map[i];
		uint64_t start = align_up(r->start, PAGE_BYTES),
			 stop = min_u64(align_down(r->end, PAGE_BYTES), end);

		if (r->type != FIRMWARE_USABLE || start >= stop)
			continue;
		int err = memblock_add(b->m, start, stop - start, 0);
		if (!err && r->hotplug)
			err = memblock_mark(b->m, start, stop - start, MEMBLOCK_HOTPLUG);
		if (err)
			return err;
	}
	return 0;
}

static int map_pc(struct boot *b)
{
	bool wide = b->m->arch == ARCH_X86_64;
	uint64_t max_arch_pfn = wide ? (uint64_t)1 << 34 : arch_limit(b->d) >> PAGE_SHIFT;

	log_printf(b->m, "BIOS-provided physical RAM map:");
	print_map(b, "BIOS-e820");
	edit_e820(b);
	log_printf(b->m, "e820: update [mem 0x00000000-0x00000fff] usable ==> reserved");
	retype(b, 0, PAGE_BYTES, false, FIRMWARE_USABLE, false, FIRMWARE_RESERVED);
	log_printf(b->m, "e820: remove [mem 0x000a0000-0x000fffff] usable");
	retype(b, 0xa0000, 0x100000, false, FIRMWARE_USABLE, true, FIRMWARE_USABLE);
	b->nr_map = ranges_normalise(b->map, b->nr_map, 2 * DESCRIBE_MAX_RANGES);
	b->max_pfn = last_pfn(b, max_arch_pfn);
	log_printf(
		b->m, "last_pfn = %#llx max_arch_pfn = %#llx", (ull)b->max_pfn, (ull)max_arch_pfn);
	if (wide && b->max_pfn > 4 * GIB >> PAGE_SHIFT)
		log_printf(b->m, "last_pfn = %#llx max_arch_pfn = %#llx",
			(ull)last_pfn(b, 4 * GIB >> PAGE_SHIFT), (ull)max_arch_pfn);
	return 0;
}

static void map_board(struct boot *b)
{
	uint64_t limit = arch_limit(b->d);

	if (*b->m->model)
		log_printf(b->m, "%s: %s",
			b->m->arch == ARCH_ARM64 ? "Machine model" : "OF: fdt: Machine model",
			b->m->model);
	for (unsigned i = 0; i < b->nr_map; i++) {
		struct firmware_range *r = &b->map[i];

		if (r->end <= limit)
			continue;
		log_printf(b->m, "%s memory at 0x%08llx %s",
			r->start < limit ? "Truncating" : "Ignoring", (ull)r->start,
			r->start < limit ? "to fit in 32-bit physical address space"
					 : "outside 32-bit physical address space");
		r->end = max_u64(limit, r->start);
	}
	for (unsigned i = 0; i < b->c.nr_memmap;
		i++) /* mem=nn@ss of ARM: the first replaces what the tree says */
	{
		if (!i)
			b->nr_map = 0;
		add_range(b, b->c.memmap[i].start,
			min_u64(b->c.memmap[i].start + b->c.memmap[i].bytes, limit),
			FIRMWARE_USABLE);
	}
}

/* mem=nn where it is an amount of RAM, not an address: drop what is beyond, from the top. */
static int limit_amount(struct boot *b)
{
	struct memblock_type *memory = &b->m->memblock.memory;
	uint64_t left = align_down(b->c.mem_bytes, PAGE_BYTES);

	if (!left)
		return 0;
	for (unsigned i = 0; i < memory->nr; i++) {
		uint64_t bytes = memory->region[i].end - memory->region[i].start;

		if (bytes > left)
			return memblock_remove(b->m, memory->region[i].start + left, UINT64_MAX);
		left -= bytes;
	}
	return 0;
}

int boot_map(struct boot *b)
{
	bool pc = arch_is_x86(b->m->arch);
	int err = 0;

	b->nr_map = b->d->nr_ram;
	memcpy(b->map, b->d->ram, b->nr_map * sizeof(b->map[0]));
	if (pc) {
		err = map_pc(b);
	} else {
		map_board(b);
		b->max_pfn = last_pfn(b, UINT64_MAX >> PAGE_SHIFT);
	}
	if (!err)
		err = add_memory(b);
	if (!err && !pc)
		err = limit_amount(b);
	if (err)
		return err;
	if (!b->m->memblock.memory.nr)
		return refuse(&b->m->why, EINVAL, "the command line leaves this machine no RAM");
	b->max_pfn = b->m->memblock.memory.region[b->m->memblock.memory.nr - 1].end >> PAGE_SHIFT;
	return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * Where RAM lies, and whose it is.
 *
 * Without `ram=` it lies where the firmware says. With it, the machine keeps its kind:
 *
 *	PC (e820):   | low | reserved |   RAM up to low-ram-max   | ACPI tail |  hole  | 4 GiB: the rest |
 *	board:       | from where RAM begins, up to the first device above it |  devices  | 4 GiB: the rest |
 *
 * A PC's entries below 1 MiB stay, those that directly follow the top of low RAM (the BIOS's
 * tables) move with it. A board's RAM begins where its memory node, even an empty one, says; a
 * board that says nothing gets the first of 0, 1 GiB, 2 GiB, 4 GiB where no device is near.
 *
 * With `nodes=`, RAM is cut into equal shares at section boundaries, or at max-order blocks when
 * shares are small.
 */
#include "mm/boot/ranges.h"

#include "base/number.h"
#include "base/parse.h"

#include <errno.h>
#include <string.h>

#define ASSUMED_RAM	(2 * GIB) /* of a board that says nothing */
#define PAGE_MASK_BYTES ((uint64_t)4095)

static bool covers(const struct firmware_range *r, uint64_t start, uint64_t end)
{
	return r->start <= start && r->end >= end;
}

/* Insert @value into the ascending list, once. */
static unsigned insert_sorted(uint64_t *list, unsigned nr, uint64_t value)
{
	unsigned i = nr;

	while (i && list[i - 1] > value)
		i--;
	if (i && list[i - 1] == value)
		return nr;
	memmove(&list[i + 1], &list[i], (nr - i) * sizeof(*list));
	list[i] = value;
	return nr + 1;
}

unsigned ranges_normalise(struct firmware_range *list, unsigned nr, unsigned cap)
{
	uint64_t edge[2 * DESCRIBE_MAX_RANGES];
	struct firmware_range out[2 * DESCRIBE_MAX_RANGES];
	unsigned edges = 0, n = 0;

	for (unsigned i = 0; i < nr; i++) {
		edges = insert_sorted(edge, edges, list[i].start);
		edges = insert_sorted(edge, edges, list[i].end);
	}
	for (unsigned e = 0; e + 1 < edges; e++) {
		const struct firmware_range *best = NULL;

		for (unsigned i = 0; i < nr; i++)
			if (covers(&list[i], edge[e], edge[e + 1]) &&
				(!best || list[i].type > best->type))
				best = &list[i];
		if (!best)
			continue;
		struct firmware_range *last = n ? &out[n - 1] : NULL;
		if (last && last->end == edge[e] && last->type == best->type &&
			last->nid == best->nid && last->hotplug == best->hotplug) {
			last->end = edge[e + 1];
			continue;
		}
		out[n] = *best;
		out[n].start = edge[e];
		out[n].end = edge[e + 1];
		n++;
	}
	if (n > cap)
		return 0;
	memcpy(list, out, n * sizeof(*list));
	return n;
}

static void add(struct machine_desc *d, uint64_t start, uint64_t end, enum firmware_type type)
{
	if (start < end && d->nr_ram < DESCRIBE_MAX_RANGES)
		d->ram[d->nr_ram++] =
			(struct firmware_range){.start = start, .end = end, .type = type};
}

/* The end of the firmware's usable memory below 4 GiB, before any option. */
static uint64_t low_top(const struct machine_desc *d)
{
	uint64_t top = 0;

	for (unsigned i = 0; i < d->nr_fw; i++)
		if (d->fw[i].type == FIRMWARE_USABLE && d->fw[i].end <= 4 * GIB &&
			d->fw[i].end > top)
			top = d->fw[i].end;
	return top;
}

/* The last byte + 1 of the non-RAM entries that follow @top without a gap. */
static uint64_t tail_end(const struct machine_desc *d, uint64_t top)
{
	uint64_t end = top;

	for (bool more = true; more;) {
		more = false;
		for (unsigned i = 0; i < d->nr_fw; i++)
			if (d->fw[i].type != FIRMWARE_USABLE && d->fw[i].start == end &&
				d->fw[i].end < 4 * GIB) {
				end = d->fw[i].end;
				more = true;
			}
	}
	return end;
}

static int resize_pc(struct machine_desc *d, uint64_t bytes, struct refusal *why)
{
	uint64_t top = low_top(d), tail = tail_end(d, top);
	uint64_t low = bytes < d->low_ram_max ? bytes : d->low_ram_max;

	low &= ~PAGE_MASK_BYTES;
	if (low < 2 * MIB + (tail - top))
		return refuse(why, EINVAL, "ram=%s: a PC has at least a few MiB", d->opt.ram);
	uint64_t new_top = low - (tail - top);
	for (unsigned i = 0; i < d->nr_fw; i++) {
		const struct firmware_range *r = &d->fw[i];
		bool in_tail = r->type != FIRMWARE_USABLE && r->start >= top && r->end <= tail;

		if (in_tail)
			add(d, r->start - top + new_top, r->end - top + new_top, r->type);
		else if (r->start < MIB)
			add(d, r->start, r->end < MIB ? r->end : MIB, r->type);
		else if (r->type != FIRMWARE_USABLE &&
			 (r->start >= low || r->start >= d->low_ram_max))
			add(d, r->start, r->end, r->type);
	}
	add(d, MIB, new_top, FIRMWARE_USABLE);
	add(d, 4 * GIB, 4 * GIB + ((bytes - low) & ~PAGE_MASK_BYTES), FIRMWARE_USABLE);
	return 0;
}

/* The lowest device address at or above @from; UINT64_MAX for none. */
static uint64_t first_device(const struct machine_desc *d, uint64_t from)
{
	uint64_t first = UINT64_MAX;

	for (unsigned i = 0; i < d->nr_io; i++)
		if (!d->io[i].port && d->io[i].end >= from && d->io[i].start < first)
			first = d->io[i].start > from ? d->io[i].start : from;
	return first;
}

static uint64_t guess_base(const struct machine_desc *d)
{
	static const uint64_t bases[] = {0, GIB, 2 * GIB, 4 * GIB};
	uint64_t lowest = UINT64_MAX, quiet = UINT64_MAX;

	/* What the tree reserves is RAM, unless it is a device's own (SRAM among registers). */
	for (unsigned i = 0; i < d->nr_reserved; i++) {
		uint64_t start = d->reserved[i].start & ~(GIB / 2 - 1);

		if (d->reserved[i].end <= d->reserved[i].start)
			continue;
		lowest = start < lowest ? start : lowest;
		if (start < quiet && first_device(d, start) >= start + GIB / 4)
			quiet = start;
	}
	if (lowest != UINT64_MAX)
		return quiet != UINT64_MAX ? quiet : lowest;
	for (unsigned i = 0; i < sizeof(bases) / sizeof(bases[0]); i++)
		if (first_device(d, bases[i]) >= bases[i] + GIB / 4)
			return bases[i];
	return 4 * GIB;
}

static uint64_t board_base(const struct machine_desc *d)
{
	uint64_t base = UINT64_MAX;

	for (unsigned i = 0; i < d->nr_fw; i++)
		if (d->fw[i].start < base)
			base = d->fw[i].start;
	if (base != UINT64_MAX)
		return base;
	return d->ram_base_known ? d->ram_base : guess_base(d);
}

/* The end of what the tree itself takes from RAM at @base, before the next 4 GiB. */
static uint64_t reserved_top(const struct machine_desc *d, uint64_t base, uint64_t limit)
{
	uint64_t top = base;

	for (unsigned i = 0; i < d->nr_reserved; i++) {
		const struct reserved_range *r = &d->reserved[i];

		if (r->start >= base && r->end > top && r->end <= limit)
			top = r->end;
	}
	return top;
}

static int resize_board(struct machine_desc *d, uint64_t bytes, uint64_t base)
{
	bytes = (bytes + PAGE_MASK_BYTES) & ~PAGE_MASK_BYTES;
	uint64_t next = (base & ~(4 * GIB - 1)) + 4 * GIB;
	uint64_t limit = next < base + bytes ? next : base + bytes;
	/* RAM goes at least as far as its reservations, whatever address some node claims there. */
	uint64_t room = first_device(d, reserved_top(d, base, limit));

	room = room > base ? (room & ~(16 * MIB - 1)) - base : 0;
	/* A device at RAM's own place is a part of RAM (frame buffers, firmware's windows). */
	if (first_device(d, base) < base + 16 * MIB || room > bytes)
		room = bytes;
	add(d, base, base + room, FIRMWARE_USABLE);
	next = (base + room + 4 * GIB - 1) & ~(4 * GIB - 1);
	add(d, next, next + bytes - room, FIRMWARE_USABLE);
	return 0;
}

static int resize(struct machine_desc *d, struct refusal *why)
{
	size_t n = strcspn(d->opt.ram, "@");
	uint64_t bytes, base = 0;

	if (!parse_size(d->opt.ram, n, &bytes) || bytes > (uint64_t)1 << 52)
		return refuse(why, EINVAL, "ram=%s: it is a size like 512M or 2G", d->opt.ram);
	if (d->e820 && d->opt.ram[n])
		return refuse(why, EINVAL, "ram=%s: a PC's RAM begins at 0; give a size only",
			d->opt.ram);
	if (d->e820)
		return resize_pc(d, bytes, why);
	if (d->opt.ram[n])
		parse_size(d->opt.ram + n + 1, strlen(d->opt.ram + n + 1), &base);
	else
		base = board_base(d);
	if (base > (uint64_t)1 << 52)
		return refuse(why, EINVAL, "ram=%s: that address is beyond what any machine has",
			d->opt.ram);
	return resize_board(d, bytes, base & ~PAGE_MASK_BYTES);
}

/* The PCI hole begins where low RAM, its tail included, ends. */
static void move_holes(struct machine_desc *d)
{
	uint64_t top = 0;

	for (unsigned i = 0; i < d->nr_ram; i++)
		if (d->ram[i].type == FIRMWARE_USABLE && d->ram[i].end <= 4 * GIB &&
			d->ram[i].end > top)
			top = d->ram[i].end;
	for (unsigned i = 0; i < d->nr_ram; i++)
		if (d->ram[i].type != FIRMWARE_USABLE && d->ram[i].start == top &&
			d->ram[i].end < 4 * GIB)
			top = d->ram[i].end;
	for (unsigned i = 0; i < d->nr_io; i++)
		if (d->io[i].after_ram && top <= d->io[i].end)
			d->io[i].start = top;
}

static uint64_t usable_bytes(const struct firmware_range *range, unsigned nr)
{
	uint64_t usable = 0;

	for (unsigned i = 0; i < nr; i++)
		usable += range[i].type == FIRMWARE_USABLE ? range[i].end - range[i].start : 0;
	return usable;
}

int ranges_ram(struct machine_desc *d, struct refusal *why)
{
	int err = 0;

	d->nr_ram = 0;
	/* Many boards' trees leave it to the boot loader to fill in how much there is. */
	d->ram_assumed = !*d->opt.ram && !d->e820 && !usable_bytes(d->fw, d->nr_fw);
	if (d->ram_assumed) {
		err = resize_board(d, ASSUMED_RAM, board_base(d) & ~PAGE_MASK_BYTES);
	} else if (*d->opt.ram) {
		err = resize(d, why);
	} else {
		memcpy(d->ram, d->fw, sizeof(d->ram));
		d->nr_ram = d->nr_fw;
	}
	if (err)
		return err;
	unsigned had = d->nr_ram;
	d->nr_ram = ranges_normalise(d->ram, had, DESCRIBE_MAX_RANGES);
	if (had && !d->nr_ram)
		return refuse(why, EINVAL, "the memory map falls into more than %d ranges",
			DESCRIBE_MAX_RANGES);
	if (!usable_bytes(d->ram, d->nr_ram))
		return refuse(why, EINVAL, "%s has no RAM: say how much there is with -o ram=2G",
			*d->name ? d->name : "this description");
	move_holes(d);
	return 0;
}

int ranges_spread(struct machine_desc *d, struct refusal *why)
{
	uint64_t total = 0, seen = 0;
	unsigned nid = 0;

	for (unsigned i = 0; i < d->nr_ram; i++)
		total += d->ram[i].type == FIRMWARE_USABLE ? d->ram[i].end - d->ram[i].start : 0;
	uint64_t share = total / d->nr_nodes;
	uint64_t align = share >= 256 * MIB ? 128 * MIB : 4 * MIB;
	if (share < 16 * MIB)
		return refuse(why, EINVAL, "%u nodes would have less than 16 MiB of RAM each",
			d->nr_nodes);
	d->nr_node = 0;
	uint64_t start = 0;
	for (unsigned i = 0; i < d->nr_ram && nid + 1 < d->nr_nodes; i++) {
		const struct firmware_range *r = &d->ram[i];

		if (r->type != FIRMWARE_USABLE)
			continue;
		while (nid + 1 < d->nr_nodes && seen + (r->end - r->start) > share * (nid + 1)) {
			uint64_t end =
				(r->start + share * (nid + 1) - seen + align / 2) & ~(align - 1);

			if (end <= start)
				end = start + align;
			d->node[d->nr_node++] = (struct node_range){start, end, nid++};
			start = end;
		}
		seen += r->end - r->start;
	}
	d->node[d->nr_node++] = (struct node_range){start, UINT64_MAX, nid};
	d->nr_nodes = nid + 1;
	return 0;
}

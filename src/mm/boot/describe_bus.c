/* SPDX-License-Identifier: MIT
 *
 * Devices' addresses: `reg` in the units of the device's bus, translated through `ranges` of
 * every bus above it up to the CPU's addresses, for proc/iomem; and `dma-ranges`, which say what
 * devices can reach.
 *
 *	/ { soc { ranges = <0x7e000000  0 0xfe000000  0x1800000>;        child, parent, size
 *		serial@7e201000 { reg = <0x7e201000 0x200>; }; }; };      -> fe201000-fe2011ff
 *
 * A bus without `ranges` has addresses of its own (i2c, spi): nothing below it is the CPU's. A
 * range that leaves its bus's windows is passed over. The lowest end of all dma-ranges bounds
 * ZONE_DMA on arm64 (of_dma_get_max_cpu_address()).
 *
 * Left out: PCI's three-cell addresses beyond the windows themselves.
 * Follows drivers/of/address.c of 6.1.
 */
#include "mm/boot/dt.h"

#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#define MAX_DEPTH 16

/* A bus on the way from the root: how its children write addresses. */
struct bus {
	int node;
	unsigned address, size;
	bool available, cpu_visible;
};

struct path {
	struct bus bus[MAX_DEPTH];
	unsigned depth; /* bus[0] is the root; bus[depth] the innermost */
};

/* Up to the root. */
static bool translate(const void *fdt, const struct path *p, unsigned depth, const char *property,
	uint64_t *start, uint64_t bytes)
{
	for (; depth; depth--)
		if (!dt_translate(fdt, p->bus[depth].node, p->bus[depth].address,
			    p->bus[depth].size, p->bus[depth - 1].address, property, start, bytes))
			return false;
	return bytes - 1 <= UINT64_MAX - *start;
}

static void add_device(struct machine_desc *d, const void *fdt, const struct path *p, int node)
{
	const struct bus *b = &p->bus[p->depth];
	struct cells c = dt_cells(fdt, node, "reg");
	const char *full = fdt_get_name(fdt, node, NULL);
	uint64_t start, bytes, first = 0;
	bool any = false;

	while (c.left && b->size && d->nr_io < DESCRIBE_MAX_IO &&
		cells_take(&c, b->address, &start) && cells_take(&c, b->size, &bytes)) {
		struct io_range *r = &d->io[d->nr_io];

		if (!bytes || !translate(fdt, p, p->depth, "ranges", &start, bytes))
			continue;
		if (!any)
			first = start;
		any = true;
		/* As the kernel names a platform device: 9000000.pl011, then the node. */
		snprintf(r->name, sizeof(r->name), "%llx.%.*s %.*s", (unsigned long long)first,
			(int)(strcspn(full, "@") < 20 ? strcspn(full, "@") : 20), full, 24, full);
		r->start = start;
		r->end = start + bytes - 1;
		r->port = false;
		r->after_ram = false;
		d->nr_io++;
	}
}

/* The highest address that all of @node's children reach by DMA. */
static void dma_limit(
	struct machine_desc *d, const void *fdt, const struct path *p, const struct bus *b)
{
	const struct bus *parent = &p->bus[p->depth];
	struct cells c = dt_cells(fdt, b->node, "dma-ranges");
	unsigned kind = b->address == 3 ? 1 : 0;
	uint64_t ignored, child, up, length, end = 0;

	while (c.left && b->size && cells_take(&c, kind, &ignored) &&
		cells_take(&c, b->address - kind, &child) && cells_take(&c, parent->address, &up) &&
		cells_take(&c, b->size, &length)) {
		if (!length || !translate(fdt, p, p->depth, "dma-ranges", &up, length))
			continue;
		if (up + length - 1 > end)
			end = up + length - 1;
	}
	if (end && (!d->dma_limit || end < d->dma_limit))
		d->dma_limit = end;
}

static bool not_a_device(const char *name)
{
	static const char *const names[] = {"memory", "cpus", "reserved-memory", "chosen",
		"aliases", "e820", "iomem", "ioports", "distance-map", NULL};

	for (const char *const *n = names; *n; n++)
		if (!strncmp(name, *n, strlen(*n)) &&
			(!name[strlen(*n)] || name[strlen(*n)] == '@'))
			return true;
	return false;
}

void describe_buses(struct machine_desc *d, const void *fdt)
{
	struct path p = {.bus = {{.available = true, .cpu_visible = true}}};
	int depth = 0, skip_below = MAX_DEPTH;

	p.bus[0].address = dt_u32(fdt, 0, "#address-cells", 1);
	p.bus[0].size = dt_u32(fdt, 0, "#size-cells", 1);
	for (int node = fdt_next_node(fdt, 0, &depth); node >= 0 && depth > 0;
		node = fdt_next_node(fdt, node, &depth)) {
		if (depth >= MAX_DEPTH || depth > skip_below)
			continue;
		skip_below = MAX_DEPTH;
		if (!dt_available(fdt, node) ||
			(depth == 1 && not_a_device(fdt_get_name(fdt, node, NULL)))) {
			skip_below = depth;
			continue;
		}
		p.depth = (unsigned)depth - 1;
		if (p.bus[p.depth].cpu_visible)
			add_device(d, fdt, &p, node);
		struct bus *b = &p.bus[depth];
		*b = (struct bus){.node = node};
		dt_bus_cells(fdt, node, &b->address, &b->size);
		b->cpu_visible = p.bus[p.depth].cpu_visible && dt_has(fdt, node, "ranges");
		dma_limit(d, fdt, &p, b);
	}
}

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
#include "mm/boot/describe_tree.h"

#include <libfdt.h>
#include <stdio.h>
#include <string.h>

void describe_io(struct dt_tree *t)
{
	const struct dt_level *bus = &t->level[t->depth - 1];
	int node = t->level[t->depth].node;
	struct cells c = dt_cells(t->fdt, node, "reg");
	const char *full = fdt_get_name(t->fdt, node, NULL);
	struct machine_desc *d = t->d;
	uint64_t start, bytes, first = 0;
	bool any = false;

	while (bus->visible && c.left && bus->size && d->nr_io < DESCRIBE_MAX_IO &&
		cells_take(&c, bus->address, &start) && cells_take(&c, bus->size, &bytes)) {
		struct io_range *r = &d->io[d->nr_io];

		if (!bytes || !dt_tree_to_cpu(t, t->depth - 1, "ranges", &start, bytes))
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

void describe_dma_limit(struct dt_tree *t)
{
	const struct dt_level *b = &t->level[t->depth], *up = &t->level[t->depth - 1];
	struct cells c = dt_cells(t->fdt, b->node, "dma-ranges");
	unsigned kind = b->address == 3 ? 1 : 0;
	struct machine_desc *d = t->d;
	uint64_t ignored, child, at, length, end = 0;

	while (c.left && b->size && cells_take(&c, kind, &ignored) &&
		cells_take(&c, b->address - kind, &child) && cells_take(&c, up->address, &at) &&
		cells_take(&c, b->size, &length)) {
		if (!length || !dt_tree_to_cpu(t, t->depth - 1, "dma-ranges", &at, length))
			continue;
		if (at + length - 1 > end)
			end = at + length - 1;
	}
	if (end && (!d->dma_limit || end < d->dma_limit))
		d->dma_limit = end;
}

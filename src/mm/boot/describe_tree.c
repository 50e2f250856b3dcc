/* SPDX-License-Identifier: MIT
 *
 * From node to node: what each says of its addresses, of DMA below it, and which device it is.
 *
 *	/ { soc { compatible = "simple-bus"; ranges; ...		a bus: simple-bus and its like, and others with `ranges`,
 *		serial@7e201000 { compatible = ...; }; }; };		whose drivers make devices of their children
 *
 * PCI's children are no devices of the platform, nor are those of other nodes without `ranges` (i2c, spi), whose addresses
 * are not the CPU's either. What is not available says nothing, nor does what lies below it.
 *
 * Follows drivers/of/platform.c and address.c of 6.1.
 */
#include "mm/boot/describe_tree.h"

#include <libfdt.h>
#include <string.h>

static bool matches(const void *fdt, int node, const char *const *list)
{
	for (; *list; list++)
		if (!fdt_node_check_compatible(fdt, node, *list))
			return true;
	return false;
}

static bool is_pci(const void *fdt, int node)
{
	const char *type = dt_string(fdt, node, "device_type");

	return type && (!strcmp(type, "pci") || !strcmp(type, "pciex"));
}

static bool is_bus(const void *fdt, int node)
{
	static const char *const buses[] = {
		"simple-bus", "simple-mfd", "isa", "arm,amba-bus", "simple-pm-bus", NULL};

	return matches(fdt, node, buses) || (dt_has(fdt, node, "ranges") && !is_pci(fdt, node));
}

bool dt_tree_to_cpu(
	const struct dt_tree *t, unsigned i, const char *property, uint64_t *at, uint64_t bytes)
{
	bool dma = !strcmp(property, "dma-ranges");

	for (; i; i--) {
		const struct dt_level *l = &t->level[i];

		if (dma && !dt_has(t->fdt, l->node, property))
			continue;
		if (!dt_translate(t->fdt, l->node, l->address, l->size, t->level[i - 1].address,
			    property, at, bytes))
			return false;
	}
	return bytes - 1 <= UINT64_MAX - *at;
}

/* Children of the root that are no hardware on a bus. */
static bool says_nothing(const char *name)
{
	static const char *const names[] = {"memory", "cpus", "reserved-memory", "chosen",
		"aliases", "e820", "iomem", "ioports", "firmware-map", "distance-map", NULL};

	for (const char *const *n = names; *n; n++)
		if (!strncmp(name, *n, strlen(*n)) &&
			(!name[strlen(*n)] || name[strlen(*n)] == '@'))
			return true;
	return false;
}

static void enter(struct dt_tree *t, int node, unsigned depth)
{
	struct dt_level *l = &t->level[depth];
	const struct dt_level *up = &t->level[depth - 1];

	*l = (struct dt_level){.node = node, .is_bus = up->is_bus && is_bus(t->fdt, node)};
	dt_bus_cells(t->fdt, node, &l->address, &l->size);
	l->visible = up->visible && dt_has(t->fdt, node, "ranges");
	l->coherent = !dt_has(t->fdt, node, "dma-noncoherent") &&
		      (up->coherent || dt_has(t->fdt, node, "dma-coherent"));
	l->noncoherent =
		!l->coherent && (up->noncoherent || dt_has(t->fdt, node, "dma-noncoherent"));
	t->depth = depth;
}

void describe_tree(struct machine_desc *d, const void *fdt)
{
	struct dt_tree t = {.d = d, .fdt = fdt, .level = {{.is_bus = true, .visible = true}}};
	int depth = 0, skip_below = DT_MAX_DEPTH;

	t.level[0].address = dt_u32(fdt, 0, "#address-cells", 1);
	t.level[0].size = dt_u32(fdt, 0, "#size-cells", 1);
	t.level[0].coherent = dt_has(fdt, 0, "dma-coherent");
	for (int node = fdt_next_node(fdt, 0, &depth); node >= 0 && depth > 0;
		node = fdt_next_node(fdt, node, &depth)) {
		if (depth >= DT_MAX_DEPTH || depth > skip_below)
			continue;
		skip_below = DT_MAX_DEPTH;
		if (!dt_available(fdt, node) ||
			(depth == 1 && says_nothing(fdt_get_name(fdt, node, NULL)))) {
			skip_below = depth;
			continue;
		}
		enter(&t, node, (unsigned)depth);
		describe_io(&t);
		describe_dma_limit(&t);
		if (t.level[depth - 1].is_bus)
			describe_device(&t);
	}
}

/* SPDX-License-Identifier: MIT
 *
 * Nodes that become platform devices, and how each reaches memory by DMA.
 *
 *	/ { soc { compatible = "simple-bus";
 *	          dma-ranges = <0xc0000000 0 0 0x40000000>;       bus address, physical address, size
 *	          serial@7e201000 { compatible = "arm,pl011"; }; }; };       fe201000.serial: bus 0xc0000000 + physical
 *
 * A node with `compatible` is a device when it is the root's child, or that of a bus (describe_tree.c).
 *
 * Windows: the nearest bus above that has entries in `dma-ranges` gives them; empty ones on the way mean one to one, a
 * missing one above the first means none are known (of_dma_get_range()). An entry's other side is an address of the bus's
 * parent, translated further up by its dma-ranges where it has some.
 *
 * Left out: interconnects "dma-mem", ACPI. Follows drivers/of/platform.c, address.c, device.c of 6.1.
 */
#include "mm/boot/describe_tree.h"

#include <libfdt.h>
#include <stdio.h>
#include <string.h>

/* ---- windows ---- */

static void add_window(struct machine_desc *d, struct dma_window_set *set, uint64_t bus,
	uint64_t cpu, uint64_t bytes)
{
	struct dma_window *last = set->nr ? &d->dma_window[set->first + set->nr - 1] : NULL;

	/* What goes on where the last one ended is one with it. */
	if (last && last->bus + last->bytes == bus && last->cpu + last->bytes == cpu &&
		last->bytes + bytes > bytes) {
		last->bytes += bytes;
		return;
	}
	if (set->first + set->nr == DESCRIBE_MAX_DMA_WINDOWS)
		return;
	d->dma_window[set->first + set->nr++] = (struct dma_window){bus, cpu, bytes};
}

/* The windows of level @i's dma-ranges, read once. The set's index + 1. */
static uint8_t window_set(struct dt_tree *t, unsigned i)
{
	const struct dt_level *l = &t->level[i];
	struct cells c = dt_cells(t->fdt, l->node, "dma-ranges");
	unsigned kind = l->address == 3 ? 1 : 0;
	uint64_t ignored, bus, cpu, bytes;
	struct machine_desc *d = t->d;

	for (unsigned k = 0; k < d->nr_dma_sets; k++)
		if (d->dma_set[k].node == l->node)
			return (uint8_t)(k + 1);
	if (d->nr_dma_sets == DESCRIBE_MAX_DMA_SETS || !(l->address + l->size))
		return 0;
	struct dma_window_set *set = &d->dma_set[d->nr_dma_sets++];

	*set = (struct dma_window_set){.node = l->node};
	if (d->nr_dma_sets > 1)
		set->first = set[-1].first + set[-1].nr;
	while (cells_take(&c, kind, &ignored) && cells_take(&c, l->address - kind, &bus) &&
		cells_take(&c, t->level[i - 1].address, &cpu) && cells_take(&c, l->size, &bytes)) {
		if (bytes && bytes - 1 <= UINT64_MAX - bus &&
			dt_tree_to_cpu(t, i - 1, "dma-ranges", &cpu, bytes))
			add_window(d, set, bus, cpu, bytes);
		if (!c.left)
			break;
	}
	return (uint8_t)d->nr_dma_sets;
}

/* of_dma_get_range(): the set for devices whose bus is level @i; 0: none. */
static uint8_t find_windows(struct dt_tree *t, unsigned i)
{
	for (bool found = false;; i--) {
		bool has = dt_has(t->fdt, t->level[i].node, "dma-ranges");

		if (i && has && dt_cells(t->fdt, t->level[i].node, "dma-ranges").left)
			return window_set(t, i);
		if (!i || (found && !has))
			return 0;
		found = true;
	}
}

/* ---- a device ---- */

/* The first `reg` as an address of the CPU. */
static bool first_reg(const struct dt_tree *t, uint64_t *start, uint64_t *bytes)
{
	const struct dt_level *bus = &t->level[t->depth - 1];
	struct cells c = dt_cells(t->fdt, t->level[t->depth].node, "reg");

	if (!bus->visible || !cells_take(&c, bus->address, start) ||
		!cells_take(&c, bus->size, bytes) || !bus->address)
		return false;
	return dt_tree_to_cpu(t, t->depth - 1, "ranges", start, *bytes ? *bytes : 1);
}

/* of_device_make_bus_id() */
static void name_device(struct dt_tree *t, struct device_desc *x)
{
	const char *name = fdt_get_name(t->fdt, t->level[t->depth].node, NULL);
	int len = (int)strcspn(name, "@");
	char longer[DESCRIBE_NAME_MAX];

	if (first_reg(t, &x->reg_start, &x->reg_bytes)) {
		snprintf(x->name, sizeof(x->name), "%llx.%.*s", (unsigned long long)x->reg_start,
			len < 40 ? len : 40, name);
		return;
	}
	x->reg_bytes = 0;
	snprintf(x->name, sizeof(x->name), "%s", name);
	for (unsigned i = t->depth - 1; i; i--) {
		snprintf(longer, sizeof(longer), "%.30s:%.32s",
			fdt_get_name(t->fdt, t->level[i].node, NULL), x->name);
		memcpy(x->name, longer, sizeof(x->name));
	}
}

/* The reserved range of a node of /reserved-memory, by its name; several ranges: the first. */
static int16_t region_of(const struct dt_tree *t, int target)
{
	const char *name = fdt_get_name(t->fdt, target, NULL);

	if (!dt_available(t->fdt, target))
		return REGION_DISABLED;
	for (unsigned i = 0; name && i < t->d->nr_reserved; i++)
		if (!strncmp(t->d->reserved[i].name, name, DESCRIBE_NAME_MAX - 1))
			return (int16_t)i;
	return REGION_OTHER;
}

/* memory-region, up to the first entry that leads nowhere. */
static void read_regions(const struct dt_tree *t, int node, struct device_desc *x)
{
	struct cells c = dt_cells(t->fdt, node, "memory-region");
	uint64_t phandle;

	while (x->nr_regions < DESCRIBE_MAX_REGIONS && cells_take(&c, 1, &phandle)) {
		int target = phandle ? fdt_node_offset_by_phandle(t->fdt, (uint32_t)phandle) : -1;

		if (target < 0)
			return;
		x->region[x->nr_regions++] = region_of(t, target);
	}
}

static void read_iommus(const struct dt_tree *t, int node, struct device_desc *x)
{
	struct cells c = dt_cells(t->fdt, node, "iommus");
	uint64_t phandle, id;

	if (!cells_take(&c, 1, &phandle))
		return;
	x->iommu_phandle = (uint32_t)phandle;
	x->iommu_id = cells_take(&c, 1, &id) ? (uint32_t)id : 0;
}

void describe_device(struct dt_tree *t)
{
	struct machine_desc *d = t->d;
	const struct dt_level *l = &t->level[t->depth];
	const char *compatible = dt_string(t->fdt, l->node, "compatible");

	if (!compatible || d->nr_devices == DESCRIBE_MAX_DEVICES ||
		!strncmp(compatible, "simmfs,", 7) ||
		!fdt_node_check_compatible(t->fdt, l->node, "operating-points-v2"))
		return;
	struct device_desc *x = &d->device[d->nr_devices++];

	memset(x, 0, sizeof(*x));
	name_device(t, x);
	for (unsigned i = 1, at = 0; i <= t->depth && at < sizeof(x->path) - 1; i++)
		at += (unsigned)snprintf(x->path + at, sizeof(x->path) - at, "/%s",
			fdt_get_name(t->fdt, t->level[i].node, NULL));
	snprintf(x->compatible, sizeof(x->compatible), "%s", compatible);
	x->windows = find_windows(t, t->depth - 1);
	x->coherent = l->coherent;
	x->noncoherent = l->noncoherent;
	read_regions(t, l->node, x);
	x->phandle = fdt_get_phandle(t->fdt, l->node);
	read_iommus(t, l->node, x);
	if (dt_has(t->fdt, l->node, "#dma-cells"))
		x->dma_channels = dt_u32(t->fdt, l->node, "dma-channels", 8);
}

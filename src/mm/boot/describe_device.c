/* SPDX-License-Identifier: MIT
 *
 * Nodes that become platform devices, and how each reaches memory by DMA.
 *
 *	/ { soc { compatible = "simple-bus";
 *	          dma-ranges = <0xc0000000 0 0 0x40000000>;       bus address, physical address, size
 *	          serial@7e201000 { compatible = "arm,pl011"; }; }; };       fe201000.serial: bus 0xc0000000 + physical
 *
 * A node with `compatible` is a device when it is the root's child, or that of a bus: simple-bus and its like, and other
 * nodes with `ranges`, whose drivers make devices of their children. PCI's children are not.
 *
 * Windows: the nearest bus above that has entries in `dma-ranges` gives them; empty ones on the way mean one to one, a
 * missing one above the first means none are known (of_dma_get_range()). An entry's other side is an address of the bus's
 * parent, translated further up by its dma-ranges where it has some.
 *
 * Left out: interconnects "dma-mem", ACPI. Follows drivers/of/platform.c, address.c, device.c of 6.1.
 */
#include "mm/boot/dt.h"

#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#define MAX_DEPTH 16

struct level {
	int node;
	unsigned address, size; /* cells of its children */
	bool is_bus;		/* its children with compatible are devices */
	bool visible;		/* its children's addresses are the CPU's */
	bool coherent, noncoherent;
};

struct tree {
	struct machine_desc *d;
	const void *fdt;
	struct level level[MAX_DEPTH];
	unsigned depth; /* of the node at hand: level[depth] */
};

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

/* ---- windows ---- */

/* From an address of level @i's bus to the CPU's. A bus without dma-ranges passes addresses of DMA on as they are; one
 * without ranges has addresses of its own. False: a bus on the way does not pass it on. */
static bool to_cpu(
	const struct tree *t, unsigned i, const char *property, uint64_t *at, uint64_t bytes)
{
	bool dma = !strcmp(property, "dma-ranges");

	for (; i; i--) {
		const struct level *l = &t->level[i];

		if (dma && !dt_has(t->fdt, l->node, property))
			continue;
		if (!dt_translate(t->fdt, l->node, l->address, l->size, t->level[i - 1].address,
			    property, at, bytes))
			return false;
	}
	return bytes - 1 <= UINT64_MAX - *at;
}

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
static uint8_t window_set(struct tree *t, unsigned i)
{
	const struct level *l = &t->level[i];
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
			to_cpu(t, i - 1, "dma-ranges", &cpu, bytes))
			add_window(d, set, bus, cpu, bytes);
		if (!c.left)
			break;
	}
	return (uint8_t)d->nr_dma_sets;
}

/* of_dma_get_range(): the set for devices whose bus is level @i; 0: none. */
static uint8_t find_windows(struct tree *t, unsigned i)
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
static bool first_reg(const struct tree *t, uint64_t *start, uint64_t *bytes)
{
	const struct level *bus = &t->level[t->depth - 1];
	struct cells c = dt_cells(t->fdt, t->level[t->depth].node, "reg");

	if (!bus->visible || !cells_take(&c, bus->address, start) ||
		!cells_take(&c, bus->size, bytes) || !bus->address)
		return false;
	return to_cpu(t, t->depth - 1, "ranges", start, *bytes ? *bytes : 1);
}

/* of_device_make_bus_id() */
static void name_device(struct tree *t, struct device_desc *x)
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
static int16_t region_of(const struct tree *t, int target)
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
static void read_regions(const struct tree *t, int node, struct device_desc *x)
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

static void read_iommus(const struct tree *t, int node, struct device_desc *x)
{
	struct cells c = dt_cells(t->fdt, node, "iommus");
	uint64_t phandle, id;

	if (!cells_take(&c, 1, &phandle))
		return;
	x->iommu_phandle = (uint32_t)phandle;
	x->iommu_id = cells_take(&c, 1, &id) ? (uint32_t)id : 0;
}

static void add_device(struct tree *t)
{
	struct machine_desc *d = t->d;
	const struct level *l = &t->level[t->depth];
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

static bool no_devices_below(const char *name)
{
	static const char *const names[] = {"memory", "cpus", "reserved-memory", "chosen",
		"aliases", "firmware-map", "distance-map", NULL};

	for (const char *const *n = names; *n; n++)
		if (!strncmp(name, *n, strlen(*n)) &&
			(!name[strlen(*n)] || name[strlen(*n)] == '@'))
			return true;
	return false;
}

static void enter(struct tree *t, int node, unsigned depth)
{
	struct level *l = &t->level[depth];
	const struct level *up = &t->level[depth - 1];

	*l = (struct level){.node = node, .is_bus = is_bus(t->fdt, node)};
	dt_bus_cells(t->fdt, node, &l->address, &l->size);
	l->visible = up->visible && dt_has(t->fdt, node, "ranges");
	l->coherent = !dt_has(t->fdt, node, "dma-noncoherent") &&
		      (up->coherent || dt_has(t->fdt, node, "dma-coherent"));
	l->noncoherent =
		!l->coherent && (up->noncoherent || dt_has(t->fdt, node, "dma-noncoherent"));
	t->depth = depth;
}

void describe_devices(struct machine_desc *d, const void *fdt)
{
	struct tree t = {.d = d, .fdt = fdt, .level = {{.is_bus = true, .visible = true}}};
	int depth = 0, skip_below = MAX_DEPTH;

	t.level[0].address = dt_u32(fdt, 0, "#address-cells", 1);
	t.level[0].size = dt_u32(fdt, 0, "#size-cells", 1);
	t.level[0].coherent = dt_has(fdt, 0, "dma-coherent");
	for (int node = fdt_next_node(fdt, 0, &depth); node >= 0 && depth > 0;
		node = fdt_next_node(fdt, node, &depth)) {
		if (depth >= MAX_DEPTH || depth > skip_below)
			continue;
		skip_below = MAX_DEPTH;
		if (!dt_available(fdt, node) ||
			(depth == 1 && no_devices_below(fdt_get_name(fdt, node, NULL)))) {
			skip_below = depth;
			continue;
		}
		enter(&t, node, (unsigned)depth);
		add_device(&t);
		/* Only buses have devices of the platform below them. */
		if (!t.level[depth].is_bus)
			skip_below = depth;
	}
}

/* SPDX-License-Identifier: MIT
 *
 * The facts of a dump (like.c) become a description.
 *
 *   1. the architecture, from cpuinfo and the zones' names
 *   2. node numbers made dense; CPUs to nodes; distances
 *   3. RAM: iomem's ranges, or firmware/memmap's, or none, when neither was readable: then boot takes the
 *      zones' own numbers (boot_like.c)
 *   4. what the zones say is checked, since boot will believe it
 */
#include "mm/boot/arch.h"
#include "mm/boot/ranges.h"

#include <errno.h>
#include <string.h>

typedef unsigned long long ull;

#define HIGHEST_PFN ((uint64_t)1 << 32)

static int find_arch(struct machine_desc *d, struct refusal *why)
{
	uint32_t mask = d->like.zone_mask;
	bool high = d->like.high || mask >> ZONE_HIGHMEM & 1;

	d->variant = false;
	if (d->like.x86 && high) {
		d->arch = ARCH_I386;
		/* 2 MiB huge pages are PAE's. */
		d->variant = d->like.pageblock_order == 9;
	} else if (d->like.x86) {
		d->arch = ARCH_X86_64;
	} else if (d->like.arm) {
		d->arch = high || (d->like.arm_architecture && d->like.arm_architecture < 8)
				  ? ARCH_ARM
				  : ARCH_ARM64;
	} else if (d->like.riscv) {
		d->arch = ARCH_RISCV64;
	} else if (d->like.other) {
		return refuse(why, EINVAL,
			"the dump is of a machine that is neither x86, ARM nor RISC-V");
	} else {
		/* Without a cpuinfo: what the zones suggest. RAM of a PC begins at page 1. */
		bool pc = d->like.zone[0].start_pfn <= 1;

		d->arch = high			 ? (pc ? ARCH_I386 : ARCH_ARM)
			  : mask >> ZONE_DMA & 1 ? (pc ? ARCH_X86_64 : ARCH_ARM64)
						 : ARCH_RISCV64;
	}
	return 0;
}

static int check_zone(const struct like_zone *z, struct refusal *why)
{
	static const char *const names[] = {
		"DMA", "DMA32", "Normal", "HighMem", "Movable", "Device"};

	if (z->start_pfn < HIGHEST_PFN && z->spanned < HIGHEST_PFN - z->start_pfn &&
		z->present <= z->spanned && z->managed <= z->present && z->cma <= z->managed)
		return 0;
	return refuse(why, EINVAL,
		"the dump's node %u, zone %s makes no sense: spanned %llu, present %llu, managed "
		"%llu, cma %llu should fall "
		"in this order, and end below 16 TiB",
		z->nid, names[z->type], (ull)z->spanned, (ull)z->present, (ull)z->managed,
		(ull)z->cma);
}

static int check_zones(const struct machine_desc *d, struct refusal *why)
{
	uint64_t managed = 0, present = 0;

	for (unsigned i = 0; i < d->like.nr_zones; i++) {
		const struct like_zone *a = &d->like.zone[i];
		int err = check_zone(a, why);

		if (err)
			return err;
		managed += a->managed;
		present += a->present;
		for (unsigned k = 0; k < i; k++) {
			const struct like_zone *b = &d->like.zone[k];

			if (a->nid == b->nid && a->type == b->type)
				return refuse(why, EINVAL, "the dump has a zone of node %u twice",
					a->nid);
			if (a->nid == b->nid && a->spanned && b->spanned &&
				a->start_pfn < b->start_pfn + b->spanned &&
				b->start_pfn < a->start_pfn + a->spanned)
				return refuse(why, EINVAL,
					"two zones of node %u in the dump overlap", a->nid);
		}
	}
	if (!managed)
		return refuse(why, EINVAL, "the dump's zones have no pages");
	/* MemTotal says how large a page is. (Not by managed, which balloons make smaller.) */
	uint64_t page_kib = (d->like.mem_total_kib + present / 2) / present;
	if (d->like.mem_total_kib && page_kib > 6)
		return refuse(why, EINVAL,
			"the dump is of a kernel with pages of %llu KiB; only 4 KiB are simulated",
			(ull)page_kib);
	if (d->like.nr_orders > MAX_ORDERS || (d->like.nr_orders && d->like.nr_orders < 4))
		return refuse(why, EINVAL, "the dump has %u orders; 4 to %d are simulated",
			d->like.nr_orders, MAX_ORDERS);
	return 0;
}

struct ids {
	unsigned id[MAX_NODES], nr;
};

static bool note_id(struct ids *ids, unsigned id)
{
	unsigned i = 0;

	while (i < ids->nr && ids->id[i] < id)
		i++;
	if (i < ids->nr && ids->id[i] == id)
		return true;
	if (ids->nr == MAX_NODES)
		return false;
	memmove(&ids->id[i + 1], &ids->id[i], (ids->nr - i) * sizeof(ids->id[0]));
	ids->id[i] = id;
	ids->nr++;
	return true;
}

static unsigned rank_of(const struct ids *ids, unsigned id)
{
	unsigned i = 0;

	while (i + 1 < ids->nr && ids->id[i] != id)
		i++;
	return i;
}

static bool has_cpus(const struct like_node *n)
{
	for (unsigned w = 0; w < MAX_CPUS / 64; w++)
		if (n->cpus[w])
			return true;
	return false;
}

/* CPUs get the numbers 0 .. n-1 in the order of their own; a CPU of no node goes to the first. */
static void find_cpus(struct machine_desc *d, const struct ids *ids)
{
	unsigned nr = d->like.online_cpus ? d->like.online_cpus : d->like.cpuinfo_cpus, next = 0;

	memset(d->fw_cpu_node, 0, sizeof(d->fw_cpu_node));
	for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++)
		for (unsigned i = 0; i < d->like.nr_nodes; i++)
			if (d->like.node[i].cpus[cpu / 64] >> (cpu % 64) & 1 && next < MAX_CPUS)
				d->fw_cpu_node[next++] = (uint8_t)rank_of(ids, d->like.node[i].id);
	if (!nr)
		nr = next ? next : 1;
	d->nr_fw_cpus = nr < MAX_CPUS ? nr : MAX_CPUS;
}

static void find_distances(struct machine_desc *d, const struct ids *ids)
{
	struct ids all = {{0}, 0};

	/* The columns of `distance` are the nodes that exist, in ascending order. */
	for (unsigned i = 0; i < d->like.nr_nodes; i++)
		note_id(&all, d->like.node[i].id);
	memset(d->fw_distance, 0, sizeof(d->fw_distance));
	for (unsigned i = 0; i < d->like.nr_nodes; i++) {
		const struct like_node *n = &d->like.node[i];

		for (unsigned k = 0; k < n->nr_distances && k < all.nr; k++) {
			unsigned from = rank_of(ids, n->id), to = rank_of(ids, all.id[k]);

			if (ids->id[from] == n->id && ids->id[to] == all.id[k])
				d->fw_distance[from][to] = n->distance[k];
		}
	}
}

static int find_nodes(struct machine_desc *d, struct refusal *why)
{
	struct ids ids = {{0}, 0};
	bool fits = true;

	for (unsigned i = 0; i < d->like.nr_zones; i++)
		if (d->like.zone[i].present)
			fits &= note_id(&ids, d->like.zone[i].nid);
	for (unsigned i = 0; i < d->like.nr_nodes; i++)
		if (has_cpus(&d->like.node[i]))
			fits &= note_id(&ids, d->like.node[i].id);
	if (!fits)
		return refuse(why, EINVAL, "the dump has more than %d nodes", MAX_NODES);
	find_cpus(d, &ids);
	find_distances(d, &ids);
	d->nr_fw_nodes = ids.nr;
	/* Zones of nodes that have neither memory nor CPUs are empty: they go. */
	unsigned kept = 0;
	for (unsigned i = 0; i < d->like.nr_zones; i++) {
		struct like_zone z = d->like.zone[i];
		unsigned rank = rank_of(&ids, z.nid);

		if (ids.id[rank] != z.nid)
			continue;
		z.nid = rank;
		d->like.zone[kept++] = z;
	}
	d->like.nr_zones = kept;
	for (unsigned i = 0; i < d->like.nr_nodes; i++)
		d->like.node[i].id = rank_of(&ids, d->like.node[i].id);
	return 0;
}

/* Older kernels say only in meminfo how much CMA there is: it is where movable pages that devices
 * reach are. */
static void find_cma(struct machine_desc *d)
{
	uint64_t pages = d->like.cma_total_kib / 4;
	struct like_zone *largest = NULL;

	for (unsigned i = 0; i < d->like.nr_zones; i++) {
		struct like_zone *z = &d->like.zone[i];

		if (z->cma)
			return;
		if (!largest || z->managed > largest->managed)
			largest = z;
	}
	if (largest && pages <= largest->managed)
		largest->cma = pages;
}

/* RAM where nothing but the zones says it: each zone's present pages, from its start on. */
static void ram_from_zones(struct machine_desc *d)
{
	d->nr_fw = 0;
	for (unsigned i = 0; i < d->like.nr_zones && d->nr_fw < DESCRIBE_MAX_RANGES; i++) {
		const struct like_zone *z = &d->like.zone[i];

		if (z->present)
			d->fw[d->nr_fw++] = (struct firmware_range){.start = z->start_pfn << 12,
				.end = (z->start_pfn + z->present) << 12,
				.nid = z->nid};
	}
}

static bool any_usable(const struct machine_desc *d)
{
	for (unsigned i = 0; i < d->nr_fw; i++)
		if (d->fw[i].type == FIRMWARE_USABLE)
			return true;
	return false;
}

static void find_ram(struct machine_desc *d)
{
	if (any_usable(d))
		return;
	d->nr_fw = 0;
	for (unsigned i = 0; i < DESCRIBE_MAX_RANGES; i++)
		if (d->like.memmap_seen[i] == 7 && d->like.memmap[i].start < d->like.memmap[i].end)
			d->fw[d->nr_fw++] = d->like.memmap[i];
	if (!any_usable(d))
		ram_from_zones(d);
}

static void assign_nodes(struct machine_desc *d)
{
	d->nr_fw_node = 0;
	for (unsigned i = 0; i < d->like.nr_zones && d->nr_fw_node < DESCRIBE_MAX_RANGES; i++) {
		const struct like_zone *z = &d->like.zone[i];

		if (z->present && d->nr_fw_nodes > 1)
			d->fw_node[d->nr_fw_node++] = (struct node_range){
				z->start_pfn << 12, (z->start_pfn + z->spanned) << 12, z->nid};
	}
}

int describe_like(struct machine_desc *d, struct refusal *why)
{
	int err = check_zones(d, why);

	if (!err)
		err = find_arch(d, why);
	if (!err && !d->like.ranked)
		err = find_nodes(d, why);
	if (err)
		return err;
	d->like.ranked = true;
	find_cma(d);
	find_ram(d);
	assign_nodes(d);
	d->e820 = true; /* nodes are ranges of addresses, RAM is a map with types */
	if (!*d->model)
		memcpy(d->model, "like", sizeof("like"));
	return 0;
}

void describe_like_config(const struct machine_desc *d, struct config_set *set)
{
	config_put(set, CONFIG_ZONE_DMA, d->like.zone_mask >> ZONE_DMA & 1);
	config_put(set, CONFIG_ZONE_DMA32, d->like.zone_mask >> ZONE_DMA32 & 1);
	config_put(set, CONFIG_HIGHMEM, d->like.zone_mask >> ZONE_HIGHMEM & 1);
	config_put(set, CONFIG_ZONE_DEVICE, d->like.zone_mask >> ZONE_DEVICE & 1);
	if (d->nr_fw_nodes > 1)
		config_put(set, CONFIG_NUMA, true);
}

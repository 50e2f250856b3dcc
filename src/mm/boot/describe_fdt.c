/* SPDX-License-Identifier: MIT
 *
 * A devicetree becomes a machine's description.
 *
 * Read here, as early_init_dt_scan() and of_numa_init() do:
 *   1. /memory nodes (device_type "memory"): RAM, and where it would begin when the boot loader is to fill it in
 *   2. /cpus: those that are available; their compatible strings tell the architecture
 *   3. numa-node-id of both, /distance-map
 *   4. /chosen: bootargs, the initial ram disk
 *   5. /reserved-memory and /memreserve/ (describe_reserved.c), devices' addresses (describe_bus.c)
 *   6. our own nodes of PCs (describe_e820.c)
 *
 * The blob comes from anywhere: fdt_check_full() proves its structure, then every number is
 * checked before use. What a real kernel would warn about and survive is survived here.
 *
 * Left out: CPU topology and caches, idle states; overlays.
 * Follows drivers/of/fdt.c, drivers/of/of_numa.c of 6.1 and the Devicetree Specification.
 */
#include "mm/boot/dt.h"

#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* While reading, node numbers are the tree's own; they are made dense at the end. */
struct scan {
	struct machine_desc *d;
	const void *fdt;
	uint32_t cpu_nid[MAX_CPUS];
	bool numa;
};

static int check_blob(struct blob blob, struct refusal *why)
{
	if (!blob.data || blob.bytes < sizeof(struct fdt_header) ||
		fdt_magic(blob.data) != FDT_MAGIC)
		return refuse(why, EINVAL,
			"this is no devicetree blob: it should begin with the bytes d0 0d fe ed "
			"(compile a .dts with "
			"`dtc -O dtb`)");
	int err = fdt_check_full(blob.data, blob.bytes);
	if (err)
		return refuse(why, EINVAL, "the devicetree blob is damaged: %s", fdt_strerror(err));
	return 0;
}

/* CPUs that only ever ran 32-bit kernels. */
static const char *const arm32[] = {"arm,cortex-a5", "arm,cortex-a7", "arm,cortex-a8",
	"arm,cortex-a9", "arm,cortex-a12", "arm,cortex-a15", "arm,cortex-a17", "arm,arm11",
	"arm,arm9", "arm,armv7", "marvell,pj4", "marvell,sheeva", "qcom,krait", "qcom,scorpion",
	"brcm,brahma-b15", "intel,sa1", "faraday,", NULL};

static bool begins_with_one_of(const char *s, const char *const *list)
{
	for (; *list; list++) {
		size_t len = strlen(*list);

		/* "arm,cortex-a7" is no prefix of "arm,cortex-a72"; families end in a comma or a
		 * digit. */
		if (!strncmp(s, *list, len) &&
			(!s[len] || (*list)[len - 1] == ',' || strncmp(*list, "arm,cortex", 10)))
			return true;
	}
	return false;
}

static void find_arch(struct scan *s, int cpu)
{
	const char *compatible = dt_string(s->fdt, cpu, "compatible");

	if (dt_has(s->fdt, cpu, "riscv,isa") || (compatible && !strcmp(compatible, "riscv")))
		s->d->arch = ARCH_RISCV64;
	else if (compatible && begins_with_one_of(compatible, arm32))
		s->d->arch = ARCH_ARM;
	else if (compatible && !strncmp(compatible, "intel,", 6) && !strstr(compatible, "sa1"))
		s->d->arch = ARCH_I386;
}

/* Cortex-M, which has no MMU: often no CPU node says so, but their interrupt controller does. */
static void find_cortex_m(struct scan *s)
{
	if (fdt_node_offset_by_compatible(s->fdt, -1, "arm,armv7m-nvic") < 0 &&
		fdt_node_offset_by_compatible(s->fdt, -1, "arm,v7m-nvic") < 0)
		return;
	s->d->arch = ARCH_ARM;
	s->d->variant = true;
}

static void scan_walk_cache(const void *fdt, int cpu, struct cpu_desc *d)
{
	struct cells c = dt_cells(fdt, cpu, "simmfs,walk-cache-entries");
	uint64_t entries;

	d->walk_cache_given = c.left > 0;
	for (unsigned i = 0; i < 4 && cells_take(&c, 1, &entries); i++)
		d->walk_cache_entries[i] = (uint32_t)entries;
}

/* Is the extension one of riscv,isa's? Those of several letters follow the others, with an underscore before each. */
static bool has_extension(const char *isa, const char *name)
{
	size_t len = strlen(name);

	while (isa && (isa = strchr(isa, '_'))) {
		isa++;
		if (!strncasecmp(isa, name, len) && (!isa[len] || isa[len] == '_'))
			return true;
	}
	return false;
}

static void scan_cpu_sizes(const void *fdt, int cpu, struct cpu_desc *d)
{
	d->itlb_entries = dt_u32(fdt, cpu, "i-tlb-size", 0);
	d->itlb_sets = dt_u32(fdt, cpu, "i-tlb-sets", 0);
	d->dtlb_entries = dt_u32(fdt, cpu, "d-tlb-size", 0);
	d->dtlb_sets = dt_u32(fdt, cpu, "d-tlb-sets", 0);
	d->stlb_entries = dt_u32(fdt, cpu, "tlb-size", 0);
	d->stlb_sets = dt_u32(fdt, cpu, "tlb-sets", 0);
	d->dcache_bytes = dt_u32(fdt, cpu, "d-cache-size", 0);
	d->dcache_sets = dt_u32(fdt, cpu, "d-cache-sets", 0);
	d->dcache_line_bytes = dt_u32(fdt, cpu, "d-cache-line-size", 0);
	scan_walk_cache(fdt, cpu, d);
	d->zicbom = has_extension(dt_string(fdt, cpu, "riscv,isa"), "zicbom") &&
		    dt_u32(fdt, cpu, "riscv,cbom-block-size", 0);
	d->svpbmt = has_extension(dt_string(fdt, cpu, "riscv,isa"), "svpbmt");
	d->la57 = dt_has(fdt, cpu, "simmfs,la57");
	d->mpu_given = dt_has(fdt, cpu, "simmfs,mpu-regions");
	d->mpu_regions = dt_u32(fdt, cpu, "simmfs,mpu-regions", 0);
	d->asid_given = dt_has(fdt, cpu, "simmfs,asid-bits");
	d->asid_bits = dt_u32(fdt, cpu, "simmfs,asid-bits", 0);
	d->meltdown = dt_has(fdt, cpu, "simmfs,meltdown");
}

static void scan_cpus(struct scan *s)
{
	int cpus = fdt_path_offset(s->fdt, "/cpus"), cpu;
	struct machine_desc *d = s->d;
	bool first = true;

	if (cpus < 0)
		return;
	fdt_for_each_subnode(cpu, s->fdt, cpus)
	{
		const char *type = dt_string(s->fdt, cpu, "device_type");
		const char *name = fdt_get_name(s->fdt, cpu, NULL);

		if (!(type && !strcmp(type, "cpu")) && !(name && !strncmp(name, "cpu@", 4)))
			continue;
		if (first)
			find_arch(s, cpu);
		first = false;
		if (!dt_available(s->fdt, cpu) || d->nr_fw_cpus == MAX_CPUS)
			continue;
		if (dt_has(s->fdt, cpu, "numa-node-id"))
			s->numa = true;
		if (!d->nr_fw_cpus)
			scan_cpu_sizes(s->fdt, cpu, &d->cpu);
		s->cpu_nid[d->nr_fw_cpus++] = dt_u32(s->fdt, cpu, "numa-node-id", 0);
	}
}

static void note_base(struct scan *s, const char *name, uint64_t start)
{
	const char *unit = strchr(name, '@');

	/* "memory { reg = <0 0>; }" is only a place to fill in. */
	if (s->d->ram_base_known || (!start && !unit))
		return;
	s->d->ram_base = start ? start : unit ? strtoull(unit + 1, NULL, 16) : 0;
	s->d->ram_base_known = true;
}

static int scan_memory_node(
	struct scan *s, int node, unsigned address, unsigned size, struct refusal *why)
{
	struct machine_desc *d = s->d;
	const char *name = fdt_get_name(s->fdt, node, NULL);
	bool usable = dt_has(s->fdt, node, "linux,usable-memory");
	struct cells c = dt_cells(s->fdt, node, usable ? "linux,usable-memory" : "reg");
	uint32_t nid = dt_u32(s->fdt, node, "numa-node-id", 0);
	uint64_t start, bytes;

	s->numa |= dt_has(s->fdt, node, "numa-node-id");
	if (!c.left)
		note_base(s, name, 0);
	while (c.left && address + size) {
		if (!cells_take(&c, address, &start) || !cells_take(&c, size, &bytes))
			return refuse(why, EINVAL,
				"/%s: reg must be pairs of an address of %u cells and a size of "
				"%u, and "
				"fit 64 bits",
				name, address, size);
		if (!bytes) {
			note_base(s, name, start);
			continue;
		}
		if (bytes > UINT64_MAX - start)
			return refuse(why, EINVAL,
				"/%s: 0x%llx + 0x%llx is beyond 64 bits of address", name,
				(unsigned long long)start, (unsigned long long)bytes);
		if (d->e820 && d->nr_fw_node < DESCRIBE_MAX_RANGES)
			d->fw_node[d->nr_fw_node++] =
				(struct node_range){start, start + bytes, nid};
		if (d->e820)
			continue;
		if (d->nr_fw == DESCRIBE_MAX_RANGES)
			return refuse(
				why, EINVAL, "more than %d ranges of memory", DESCRIBE_MAX_RANGES);
		d->fw[d->nr_fw++] = (struct firmware_range){.start = start,
			.end = start + bytes,
			.nid = nid,
			.hotplug = dt_has(s->fdt, node, "hotpluggable")};
	}
	return 0;
}

static int scan_memory(struct scan *s, struct refusal *why)
{
	unsigned address, size;
	int node, err = 0;

	/* The kernel's own default, where the standard says 2 and 1. */
	address = dt_u32(s->fdt, 0, "#address-cells", 1);
	size = dt_u32(s->fdt, 0, "#size-cells", 1);
	fdt_for_each_subnode(node, s->fdt, 0)
	{
		const char *type = dt_string(s->fdt, node, "device_type");

		if (type && !strcmp(type, "memory") && dt_available(s->fdt, node)) {
			err = scan_memory_node(s, node, address, size, why);
			if (err)
				return err;
		}
	}
	return 0;
}

static void scan_chosen(struct scan *s)
{
	struct machine_desc *d = s->d;
	int node = fdt_path_offset(s->fdt, "/chosen");
	const char *args = node < 0 ? NULL : dt_string(s->fdt, node, "bootargs");

	if (args)
		snprintf(d->bootargs, sizeof(d->bootargs), "%s", args);
	if (node < 0 || !dt_u64(s->fdt, node, "linux,initrd-start", &d->initrd_start) ||
		!dt_u64(s->fdt, node, "linux,initrd-end", &d->initrd_end) ||
		d->initrd_end <= d->initrd_start)
		d->initrd_start = d->initrd_end = 0;
}

/* The tree's node numbers, ascending. */
struct numbers {
	uint32_t id[MAX_NODES];
	unsigned nr;
};

static bool number_add(struct numbers *n, uint32_t id)
{
	unsigned i = 0;

	while (i < n->nr && n->id[i] < id)
		i++;
	if (i < n->nr && n->id[i] == id)
		return true;
	if (n->nr == MAX_NODES)
		return false;
	memmove(&n->id[i + 1], &n->id[i], (n->nr - i) * sizeof(n->id[0]));
	n->id[i] = id;
	n->nr++;
	return true;
}

static unsigned number_of(const struct numbers *n, uint32_t id)
{
	unsigned i = 0;

	while (i < n->nr && n->id[i] != id)
		i++;
	return i;
}

static void scan_distances(struct scan *s, const struct numbers *n)
{
	int node = fdt_path_offset(s->fdt, "/distance-map");

	if (node < 0)
		node = fdt_node_offset_by_compatible(s->fdt, -1, "numa-distance-map-v1");
	if (node < 0)
		return;
	struct cells c = dt_cells(s->fdt, node, "distance-matrix");
	uint64_t from, to, distance;
	while (cells_take(&c, 1, &from) && cells_take(&c, 1, &to) && cells_take(&c, 1, &distance)) {
		unsigned a = number_of(n, (uint32_t)from), b = number_of(n, (uint32_t)to);

		/* As of_numa: a pair that makes no sense is passed over; the way back is the same
		 * unless said. */
		if (a == n->nr || b == n->nr || distance < 10 || distance > 254 ||
			(a == b) != (distance == 10))
			continue;
		s->d->fw_distance[a][b] = (uint8_t)distance;
		if (!s->d->fw_distance[b][a])
			s->d->fw_distance[b][a] = (uint8_t)distance;
	}
}

static int finish_numa(struct scan *s, struct refusal *why)
{
	struct machine_desc *d = s->d;
	struct numbers n = {0};
	bool fits = true;

	for (unsigned i = 0; i < d->nr_fw; i++)
		fits &= number_add(&n, d->fw[i].nid);
	for (unsigned i = 0; i < d->nr_fw_node; i++)
		fits &= number_add(&n, d->fw_node[i].nid);
	for (unsigned i = 0; i < d->nr_fw_cpus; i++)
		fits &= number_add(&n, s->cpu_nid[i]);
	if (!fits)
		return refuse(why, EINVAL, "more than %d NUMA nodes", MAX_NODES);
	for (unsigned i = 0; i < d->nr_fw; i++)
		d->fw[i].nid = number_of(&n, d->fw[i].nid);
	for (unsigned i = 0; i < d->nr_fw_node; i++)
		d->fw_node[i].nid = number_of(&n, d->fw_node[i].nid);
	for (unsigned i = 0; i < d->nr_fw_cpus; i++)
		d->fw_cpu_node[i] = (uint8_t)number_of(&n, s->cpu_nid[i]);
	d->nr_fw_nodes = n.nr ? n.nr : 1;
	if (s->numa)
		scan_distances(s, &n);
	return 0;
}

static int scan_own(struct scan *s, struct refusal *why)
{
	static const struct {
		const char *name;
		enum arch arch;
		bool variant;
	} archs[] = {{"i386", ARCH_I386, false}, {"i386-pae", ARCH_I386, true},
		{"x86_64", ARCH_X86_64, false}, {"arm", ARCH_ARM, false},
		{"armv7-m", ARCH_ARM, true}, {"arm64", ARCH_ARM64, false},
		{"riscv64", ARCH_RISCV64, false}};
	const char *arch = dt_string(s->fdt, 0, "simmfs,arch");
	int node;

	fdt_for_each_subnode(node, s->fdt, 0)
	{
		const char *compatible = dt_string(s->fdt, node, "compatible");
		int err = 0;

		if (compatible && !strcmp(compatible, "simmfs,e820"))
			err = describe_e820(s->d, s->fdt, node, why);
		else if (compatible && !strcmp(compatible, "simmfs,iomem"))
			describe_io_names(s->d, s->fdt, node, false);
		else if (compatible && !strcmp(compatible, "simmfs,ioports"))
			describe_io_names(s->d, s->fdt, node, true);
		if (err)
			return err;
	}
	if (!arch)
		return 0;
	for (unsigned i = 0; i < sizeof(archs) / sizeof(archs[0]); i++) {
		if (strcmp(archs[i].name, arch))
			continue;
		s->d->arch = archs[i].arch;
		s->d->variant = archs[i].variant;
		return 0;
	}
	return refuse(why, EINVAL,
		"simmfs,arch = \"%.32s\" is unknown: it is one of i386, i386-pae, x86_64, arm, "
		"armv7-m, arm64, riscv64",
		arch);
}

int describe_fdt(struct machine_desc *d, struct blob blob, struct refusal *why)
{
	int err = check_blob(blob, why);

	if (err)
		return err;
	memset(d, 0, sizeof(*d));
	struct scan s = {.d = d, .fdt = blob.data};
	const char *model = dt_string(blob.data, 0, "model");
	snprintf(d->model, sizeof(d->model), "%s", model ? model : "");
	d->arch = ARCH_ARM64;
	d->fdt_bytes = fdt_totalsize(blob.data);
	scan_cpus(&s);
	find_cortex_m(&s);
	err = scan_own(&s, why);
	if (!err)
		err = scan_memory(&s, why);
	if (!err)
		err = finish_numa(&s, why);
	if (err)
		return err;
	scan_chosen(&s);
	if (!d->nr_fw_cpus)
		d->nr_fw_cpus = 1;
	err = describe_reserved(d, blob.data, why);
	if (!err)
		describe_tree(d, blob.data);
	return err;
}

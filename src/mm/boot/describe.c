/* SPDX-License-Identifier: MIT
 *
 * From what the firmware says and what the options ask for to the machine that boots.
 *
 *   1. the kernel's configuration: Debian's of the architecture, ours added, `config=` applied
 *   2. the command line: the description's bootargs, then `cmdline=`, then `cma=`
 *   3. RAM: the firmware's map, or one of the same kind with `ram=` bytes (describe_ram.c)
 *   4. nodes and CPUs: the firmware's, or spread evenly when options ask for other numbers
 *
 * The firmware's part and the options' part stay as they are, so that this can be done again
 * after a further option. Everything here is arithmetic on the description; what a real kernel
 * does with it is boot's.
 */
#include "mm/boot/describe.h"

#include "base/parse.h"
#include "mm/boot/arch.h"
#include "mm/core/cmdline.h"
#include "mm/boot/ranges.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What moves pages behind their addresses, or lends them, needs addresses that are not physical. */
static int check_nommu(struct config_set config, struct refusal *why)
{
	static const enum config need_mmu[] = {CONFIG_HIGHMEM, CONFIG_CMA, CONFIG_COMPACTION,
		CONFIG_MEMORY_HOTPLUG, CONFIG_MEMORY_HOTREMOVE, CONFIG_TRANSPARENT_HUGEPAGE,
		CONFIG_HUGETLB_PAGE, CONFIG_KSM, CONFIG_SWAP, CONFIG_ZSWAP, CONFIG_NUMA,
		CONFIG_SPARSEMEM, CONFIG_ZONE_DEVICE, CONFIG_SMP};

	for (unsigned i = 0; i < sizeof(need_mmu) / sizeof(need_mmu[0]); i++)
		if (config_has(config, need_mmu[i]))
			return refuse(why, EINVAL, "config=: %s is not for a kernel without an MMU",
				config_name(need_mmu[i]));
	return 0;
}

/* The memory model is a choice: one is chosen by naming it, and takes the place of the architecture's own. What depends
 * on SPARSEMEM goes with it. */
static int choose_mem_model(struct machine_desc *d, struct config_set base, struct refusal *why)
{
	static const enum config models[] = {CONFIG_FLATMEM, CONFIG_DISCONTIGMEM, CONFIG_SPARSEMEM};
	static const enum config of_sparse[] = {CONFIG_SPARSEMEM_VMEMMAP, CONFIG_MEMORY_HOTPLUG,
		CONFIG_MEMORY_HOTREMOVE, CONFIG_ZONE_DEVICE, CONFIG_DEFERRED_STRUCT_PAGE_INIT,
		CONFIG_HUGETLB_PAGE_OPTIMIZE_VMEMMAP};
	enum { NR_MODELS = sizeof(models) / sizeof(models[0]) };
	unsigned named = 0, nr = 0;

	for (unsigned i = 0; i < NR_MODELS; i++)
		named += config_has(d->config, models[i]) && !config_has(base, models[i]);
	for (unsigned i = 0; i < NR_MODELS; i++) {
		if (named && config_has(base, models[i]))
			config_put(&d->config, models[i], false);
		nr += config_has(d->config, models[i]);
	}
	if (nr != 1)
		return refuse(why, EINVAL,
			"config=: a kernel has exactly one memory model: name one of +FLATMEM, "
			"+DISCONTIGMEM, +SPARSEMEM (it takes the place of this machine's own)");
	if (config_has(d->config, CONFIG_SPARSEMEM))
		return config_has(d->config, CONFIG_SPARSEMEM_VMEMMAP) && !arch_is_64bit(d->arch)
			       ? refuse(why, EINVAL,
					 "config=: SPARSEMEM_VMEMMAP is for 64-bit machines: 32 "
					 "bits "
					 "have no addresses left for it")
			       : 0;
	if (config_has(d->config, CONFIG_FLATMEM) && config_has(d->config, CONFIG_NUMA))
		return refuse(why, EINVAL,
			"config=: FLATMEM has one array for one node, and this kernel has NUMA: "
			"add "
			"-NUMA, or choose DISCONTIGMEM or SPARSEMEM");
	for (unsigned i = 0; i < sizeof(of_sparse) / sizeof(of_sparse[0]); i++)
		config_put(&d->config, of_sparse[i], false);
	return 0;
}

static int finish_config(struct machine_desc *d, struct refusal *why)
{
	struct config_set base = arch_config_default(d->arch, d->variant);

	if (d->like.set)
		describe_like_config(d, &base);
	d->config = base;
	int err = config_edit(
		&d->config, arch_config_debian(d->arch, d->variant), d->opt.config, why);
	if (err)
		return err;
	for (enum config c = 0; c < NR_CONFIGS; c++)
		if (config_is_fixed(c) && config_has(d->config, c) != config_has(base, c))
			return refuse(why, EINVAL,
				"config=: %s follows from the machine's architecture and cannot be "
				"changed",
				config_name(c));
	if (config_has(d->config, CONFIG_X86_PAE) && d->arch != ARCH_I386)
		return refuse(why, EINVAL, "config=: X86_PAE is for 32-bit x86 only");
	if (config_has(d->config, CONFIG_HIGHMEM) && arch_is_64bit(d->arch))
		return refuse(why, EINVAL, "config=: HIGHMEM is for 32-bit machines only");
	err = choose_mem_model(d, base, why);
	if (err)
		return err;
	return config_has(d->config, CONFIG_MMU) ? 0 : check_nommu(d->config, why);
}

static int finish_cmdline(struct machine_desc *d, struct cmdline *c, struct refusal *why)
{
	int len = snprintf(d->cmdline, sizeof(d->cmdline), "%s%s%s%s%s", d->bootargs,
		*d->bootargs && *d->opt.cmdline ? " " : "", d->opt.cmdline,
		*d->opt.cma ? (*d->bootargs || *d->opt.cmdline ? " cma=" : "cma=") : "",
		d->opt.cma);

	if (len >= (int)sizeof(d->cmdline))
		return refuse(why, EINVAL, "the kernel's command line is longer than %zu bytes",
			sizeof(d->cmdline) - 1);
	if (*d->opt.cma && !config_has(d->config, CONFIG_CMA))
		return refuse(why, EINVAL, "cma= needs a kernel with CMA: add config=+CMA");
	return cmdline_parse(c, d->cmdline, d->arch, why);
}

static uint64_t opt_number(const char *text)
{
	uint64_t n = 0;

	parse_u64(text, strlen(text), 0, &n);
	return n;
}

static uint64_t opt_size(const char *text)
{
	uint64_t n = 0;

	parse_size(text, strlen(text), &n);
	return n;
}

/* Nodes and CPUs in equal shares: node i has CPUs i*C/N and on. */
static void spread_cpus(struct machine_desc *d)
{
	for (unsigned i = 0; i < d->nr_cpus; i++)
		d->cpu_node[i] =
			(uint8_t)(d->nr_cpus >= d->nr_nodes ? i * d->nr_nodes / d->nr_cpus : i);
}

static int finish_cpus(
	struct machine_desc *d, const struct cmdline *c, bool spread, struct refusal *why)
{
	unsigned limit = arch_facts(d->arch, d->variant)->nr_cpus_max;

	d->nr_cpus = *d->opt.cpus ? (unsigned)opt_number(d->opt.cpus) : d->nr_fw_cpus;
	if (limit > MAX_CPUS)
		limit = MAX_CPUS;
	if (*d->opt.cpus && d->nr_cpus > limit)
		return refuse(why, EINVAL, "cpus=%u: this kernel can use at most %u CPUs",
			d->nr_cpus, limit);
	if (d->nr_cpus > limit)
		d->nr_cpus = limit;
	if (c->max_cpus && d->nr_cpus > c->max_cpus)
		d->nr_cpus = c->max_cpus;
	if (!config_has(d->config, CONFIG_SMP))
		d->nr_cpus = 1;
	memset(d->cpu_node, 0, sizeof(d->cpu_node));
	if (spread || d->nr_cpus > d->nr_fw_cpus)
		spread_cpus(d);
	else if (d->nr_nodes > 1)
		memcpy(d->cpu_node, d->fw_cpu_node, d->nr_cpus);
	return 0;
}

unsigned renumber_nodes(const bool *used, unsigned nr, unsigned *fresh, uint8_t *cpu_node,
	unsigned nr_cpus, uint8_t (*distance)[MAX_NODES])
{
	unsigned left = 0;

	for (unsigned nid = 0; nid < nr; nid++) {
		fresh[nid] = left;
		left += used[nid];
	}
	if (left == nr)
		return nr;
	for (unsigned cpu = 0; cpu < nr_cpus; cpu++)
		cpu_node[cpu] = (uint8_t)fresh[cpu_node[cpu]];
	/* Downwards only, so nothing is overwritten that is still to be read. */
	for (unsigned from = 0; from < nr; from++)
		for (unsigned to = 0; used[from] && to < nr; to++)
			if (used[to])
				distance[fresh[from]][fresh[to]] = distance[from][to];
	return left;
}

/* A node whose CPUs were taken away and that never had RAM is no node; its number must not be
 * left. */
static void drop_empty_nodes(struct machine_desc *d)
{
	bool used[MAX_NODES] = {false};
	unsigned fresh[MAX_NODES];

	for (unsigned i = 0; i < d->nr_node; i++)
		used[d->node[i].nid] = true;
	for (unsigned i = 0; i < d->nr_cpus; i++)
		used[d->cpu_node[i]] = true;
	d->nr_nodes =
		renumber_nodes(used, d->nr_nodes, fresh, d->cpu_node, d->nr_cpus, d->distance);
	for (unsigned i = 0; i < d->nr_node; i++)
		d->node[i].nid = fresh[d->node[i].nid];
}

static void finish_distances(struct machine_desc *d, bool faked)
{
	memset(d->distance, 0, sizeof(d->distance));
	for (unsigned a = 0; a < d->nr_nodes; a++)
		for (unsigned b = 0; b < d->nr_nodes; b++) {
			uint8_t said =
				a < d->nr_fw_nodes && b < d->nr_fw_nodes ? d->fw_distance[a][b] : 0;

			/* Fake nodes are parts of one real node. */
			d->distance[a][b] = a == b || faked ? 10 : said > 10 ? said : 20;
		}
}

static unsigned wanted_nodes(const struct machine_desc *d, const struct cmdline *c)
{
	uint64_t bytes = 0;

	if (*d->opt.nodes)
		return (unsigned)opt_number(d->opt.nodes);
	if (c->numa_fake)
		return c->numa_fake;
	if (!c->numa_fake_bytes)
		return 0;
	for (unsigned i = 0; i < d->nr_ram; i++)
		bytes += d->ram[i].type == FIRMWARE_USABLE ? d->ram[i].end - d->ram[i].start : 0;
	uint64_t n = bytes / c->numa_fake_bytes;
	return n < 1 ? 1 : n > MAX_NODES ? MAX_NODES : (unsigned)n;
}

static int finish_nodes(struct machine_desc *d, const struct cmdline *c, struct refusal *why)
{
	unsigned wanted = wanted_nodes(d, c);
	bool numa = config_has(d->config, CONFIG_NUMA) && !c->numa_off;
	bool spread = wanted != 0;

	if (*d->opt.nodes && !config_has(d->config, CONFIG_NUMA) && wanted > 1)
		return refuse(why, EINVAL,
			"nodes=%u: this kernel has no NUMA (only x86_64's and arm64's do)", wanted);
	if (wanted > MAX_NODES)
		return refuse(why, EINVAL, "nodes=%u: at most %d", wanted, MAX_NODES);
	d->nr_node = 0;
	d->nr_nodes = numa ? (wanted ? wanted : d->nr_fw_nodes) : 1;
	if (!d->nr_nodes)
		d->nr_nodes = 1;
	if (d->nr_nodes > 1 && (spread || *d->opt.ram)) {
		int err = ranges_spread(d, why);
		if (err)
			return err;
	} else if (d->nr_nodes > 1 && d->e820) {
		memcpy(d->node, d->fw_node, sizeof(d->node));
		d->nr_node = d->nr_fw_node;
	} else if (d->nr_nodes > 1) {
		for (unsigned i = 0; i < d->nr_ram; i++)
			d->node[d->nr_node++] =
				(struct node_range){d->ram[i].start, d->ram[i].end, d->ram[i].nid};
	}
	int err = finish_cpus(d, c, spread, why);
	if (err)
		return err;
	finish_distances(d, spread && !*d->opt.nodes);
	if (d->nr_nodes > 1)
		drop_empty_nodes(d);
	return 0;
}

int describe_finish(struct machine_desc *d, struct refusal *why)
{
	struct cmdline c;
	int err = d->like.set ? describe_like(d, why) : 0;

	if (d->like.set && (*d->opt.ram || *d->opt.nodes))
		return refuse(why, EINVAL,
			"like= says how much RAM and how many nodes there are: leave out ram= and "
			"nodes=");
	if (!err)
		err = finish_config(d, why);
	if (!err)
		err = finish_cmdline(d, &c, why);
	if (!err)
		err = ranges_ram(d, why);
	if (!err)
		err = finish_nodes(d, &c, why);
	if (err)
		return err;
	d->maxram_bytes = opt_size(d->opt.maxram);
	d->host_max_bytes = opt_size(d->opt.host_max);
	d->seed = opt_number(d->opt.seed);
	d->checks_full = !strcmp(d->opt.checks, "full");
	describe_options_line(d);
	return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * Machines made by hand from the oracle's files (made.h).
 */
#include "made.h"

#include "oracle.h"

#include "mm/page/zone.h"

const struct oracle_machine oracles[NR_ORACLES] = {
	{"amd64-1g", "amd64", ARCH_X86_64, 11, 9, 27},
	{"amd64-numa-4g", "amd64", ARCH_X86_64, 11, 9, 27},
	{"arm64-1g", "arm64", ARCH_ARM64, 11, 9, 27},
	{"armhf-2g", "armhf", ARCH_ARM, 12, 11, 0},
	{"i386-686-2g", "i386-686", ARCH_I386, 11, 10, 0},
	{"i386-686-256m", "i386-686", ARCH_I386, 11, 10, 0},
};

static void set_config(struct machine *m, const char *text)
{
	char line[96];

	for (unsigned c = 0; c < NR_CONFIGS; c++) {
		snprintf(line, sizeof(line), "\nCONFIG_%s=y\n", config_name(c));
		config_put(&m->config, c, strstr(text, line) != NULL);
	}
	config_put(&m->config, CONFIG_ALWAYS, true);
	config_put(&m->config, CONFIG_TRANSPARENT_HUGEPAGE_PUD,
		machine_has(m, CONFIG_TRANSPARENT_HUGEPAGE) &&
			strstr(text, "\nCONFIG_HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD=y\n"));
}

static enum zone_type zone_type_of(const char *name)
{
	unsigned type = 0;

	while (type < MAX_NR_ZONES && strcmp(zone_name(type), name))
		type++;
	cr_assert_lt(type, MAX_NR_ZONES, "zone %s", name);
	return type;
}

/* Zones of a zoneinfo; how many CPUs have lists. */
static void set_zones(struct machine *m, char *text)
{
	struct zone *z = NULL;
	unsigned nid, cpu;
	char name[16], *save = NULL;
	unsigned long value;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (sscanf(line, "Node %u, zone %15s", &nid, name) == 2) {
			z = zone_at(m, nid, zone_type_of(name));
			m->zone_mask |= 1u << zone_type_of(name);
			m->nr_nodes = nid + 1 > m->nr_nodes ? nid + 1 : m->nr_nodes;
		}
		cr_assert(z);
		if (sscanf(line, " spanned %lu", &value) == 1)
			z->spanned_pages = value;
		if (sscanf(line, " present %lu", &value) == 1)
			z->present_pages = value;
		if (sscanf(line, " managed %lu", &value) == 1)
			z->managed_pages = value;
		if (sscanf(line, " cma %lu", &value) == 1)
			z->cma_pages = value;
		if (sscanf(line, " start_pfn: %lu", &value) == 1)
			z->start_pfn = value;
		if (sscanf(line, " cpu: %u", &cpu) == 1 && cpu >= m->nr_cpus)
			m->nr_cpus = cpu + 1;
	}
}

static void set_sums(struct machine *m)
{
	m->base_pfn = UINT64_MAX;
	for (struct zone *z = zone_next(m, NULL); z; z = zone_next(m, z)) {
		struct node *n = node_at(m, z->nid);

		n->nid = z->nid;
		n->has_memory |= zone_populated(z);
		m->totalram_pages += z->managed_pages;
		m->totalcma_pages += z->cma_pages;
		if (z->type == ZONE_HIGHMEM)
			m->totalhigh_pages += z->managed_pages;
		if (!zone_populated(z))
			continue;
		m->end_pfn = zone_end_pfn(z) > m->end_pfn ? zone_end_pfn(z) : m->end_pfn;
		m->base_pfn = z->start_pfn < m->base_pfn ? z->start_pfn : m->base_pfn;
		m->memblock.memory.region[m->memblock.memory.nr++] =
			(struct memblock_region){.start = z->start_pfn << PAGE_SHIFT,
				.end = zone_end_pfn(z) << PAGE_SHIFT,
				.nid = z->nid};
	}
	m->base_pfn &= ~(((uint64_t)1 << (m->nr_orders - 1)) - 1);
	for (unsigned cpu = 0; cpu < m->nr_cpus; cpu++) {
		m->cpu_node[cpu] = (uint8_t)(cpu % m->nr_nodes);
		node_at(m, m->cpu_node[cpu])->has_cpu = true;
	}
	for (unsigned i = 0; i < m->nr_nodes; i++)
		for (unsigned k = 0; k < m->nr_nodes; k++)
			m->node_distance[i][k] = i == k ? 10 : 20;
}

struct machine *made_machine(const struct oracle_machine *o)
{
	char path[128];
	struct refusal why = {0};
	struct arena arena;

	snprintf(path, sizeof(path), "%s/proc/zoneinfo", o->name);
	char *zoneinfo = oracle_read(path);
	snprintf(path, sizeof(path), "kernel-configs/%s.config", o->config);
	char *config = oracle_read(path);
	if (!zoneinfo || !config) {
		free(zoneinfo);
		free(config);
		return NULL;
	}
	cr_assert_eq(arena_init(&arena, (uint64_t)64 << 20, 0, &why), 0, "%s", why.sentence);
	cr_assert_eq(arena_touch(&arena, 0, (uint64_t)64 << 20, &why), 0, "%s", why.sentence);
	struct machine *m = (struct machine *)arena.base;
	m->arena = arena;
	m->arch = o->arch;
	m->nr_orders = o->nr_orders;
	m->pageblock_order = o->pageblock_order;
	m->section_shift = o->section_shift;
	m->zones_at = (uint64_t)16 << 20;
	m->nodes_at = (uint64_t)24 << 20;
	m->pcps_at = (uint64_t)32 << 20;
	m->live_at = (uint64_t)40 << 20;
	m->pageblocks_at = (uint64_t)44 << 20;
	m->heap.start = m->heap.frontier = (uint64_t)48 << 20;
	m->heap.end = (uint64_t)64 << 20;
	set_config(m, config);
	m->nr_migratetypes = machine_has(m, CONFIG_CMA) ? 6 : 5;
	m->pcp_thp_order = machine_has(m, CONFIG_TRANSPARENT_HUGEPAGE) ? m->pageblock_order : 0;
	set_zones(m, zoneinfo);
	zones_number(m);
	set_sums(m);
	free(zoneinfo);
	free(config);
	zones_init_min_free(m);
	return m;
}

void made_destroy(struct machine *m)
{
	struct arena arena = m->arena;

	arena_finish(&arena);
}

/* SPDX-License-Identifier: MIT
 *
 * The life of a machine: laid out in an arena, booted, copied, named by a digest, checked (see
 * machine.h).
 *
 * Every region has its place before boot begins, from the description's bounds alone, and only
 * the hot ones (the machine itself, zones, nodes, per-CPU lists) are touched: the rest is touched
 * as it is used.
 *
 * Equal states have equal digests: the digest is over (offset, content) of the touched pages that
 * are not all zero, so a page that was touched and is zero counts as untouched. The first page is
 * the host's and is left out. A copy is the arena's touched pages with the host's page made anew.
 *
 * Invariant: no host pointer outside the first page.
 */
#include "mm/machine.h"

#include "base/text.h"
#include "mm/boot/arch.h"
#include "mm/boot/boot.h"
#include "mm/dma/device.h"
#include "mm/move/cma.h"
#include "mm/page/lru.h"
#include "mm/page/page_alloc.h"
#include "mm/page/zone.h"
#include "mm/process/file.h"
#include "mm/process/mm.h"
#include "mm/process/task.h"
#include "mm/process/tlb_flush.h"
#include "mm/slab/slab.h"
#include "mm/vmalloc/vmalloc.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(offsetof(struct machine, arch) == ARENA_PAGE_BYTES, "the first page is the host's");

#define HEAP_BYTES ((uint64_t)8 << 30)

struct layout {
	uint64_t base_pfn, frames_end_pfn;
	uint64_t zones_at, nodes_at, pcps_at, heap_at, live_at, pageblocks_at, dram_has_at,
		frames_at, owners_at, dram_at;
	uint64_t bytes;
};

static uint64_t put(struct layout *l, uint64_t bytes)
{
	uint64_t at = l->bytes;

	l->bytes += align_up(bytes, ARENA_PAGE_BYTES);
	return at;
}

/* Where everything lies, for the frames that @l says and blocks of these orders. */
static void lay_out(struct layout *l, const struct machine_desc *d, unsigned nr_orders,
	unsigned pageblock_order)
{
	uint64_t zones = (uint64_t)d->nr_nodes * MAX_NR_ZONES;
	uint64_t frames = l->frames_end_pfn - l->base_pfn;

	put(l, sizeof(struct machine));
	l->zones_at = put(l, zones * sizeof(struct zone));
	l->nodes_at = put(l, d->nr_nodes * sizeof(struct node));
	l->pcps_at = put(l, d->nr_cpus * zones * sizeof(struct pcp));
	l->heap_at = put(l, HEAP_BYTES);
	l->live_at = put(l, ((frames >> (nr_orders - 1)) + 64) / 8 + 8);
	l->pageblocks_at = put(l, (frames >> pageblock_order) + 1);
	l->dram_has_at = put(l, frames / 8 + 8);
	l->frames_at = put(l, frames * sizeof(struct frame));
	l->owners_at = put(l, frames * sizeof(struct page_owner));
	l->dram_at = put(l, frames << PAGE_SHIFT);
}

static uint32_t zone_mask_of(struct config_set config)
{
	return (uint32_t)config_has(config, CONFIG_ZONE_DMA) << ZONE_DMA |
	       (uint32_t)config_has(config, CONFIG_ZONE_DMA32) << ZONE_DMA32 | 1u << ZONE_NORMAL |
	       (uint32_t)config_has(config, CONFIG_HIGHMEM) << ZONE_HIGHMEM | 1u << ZONE_MOVABLE |
	       (uint32_t)config_has(config, CONFIG_ZONE_DEVICE) << ZONE_DEVICE;
}

static unsigned orders_of(const struct machine_desc *d, const struct arch_facts *a)
{
	return d->like.set && d->like.nr_orders ? d->like.nr_orders : a->nr_orders;
}

/* Without huge pages of hugetlb's, the largest block is the unit of grouping. */
static unsigned pageblock_of(const struct machine_desc *d, const struct arch_facts *a)
{
	unsigned largest = orders_of(d, a) - 1;

	if (d->like.set && d->like.pageblock_order)
		return (unsigned)min_u64(d->like.pageblock_order, largest);
	if (!config_has(d->config, CONFIG_HUGETLB_PAGE))
		return largest;
	return (unsigned)min_u64(a->pageblock_order, largest);
}

static int find_bounds(struct layout *l, const struct machine_desc *d, const struct arch_facts *a,
	struct refusal *why)
{
	uint64_t lowest, highest, used = 0, unit = PAGE_BYTES << (orders_of(d, a) - 1);
	int err = boot_bounds(d, &lowest, &highest, why);

	if (err)
		return err;
	for (unsigned i = 0; i < d->nr_ram; i++)
		used += d->ram[i].type == FIRMWARE_USABLE ? d->ram[i].end - d->ram[i].start : 0;
	/* What may be plugged in lies behind the last RAM. */
	if (d->maxram_bytes > used)
		highest += d->maxram_bytes - used;
	if (highest > (uint64_t)16 << 40)
		return refuse(why, EINVAL,
			"this machine has or may get RAM up to 0x%llx; at most 16 TiB of addresses "
			"are "
			"simulated",
			(ull)highest);
	if (config_has(d->config, CONFIG_SPARSEMEM))
		unit = max_u64(unit, (uint64_t)1 << a->section_shift);
	l->base_pfn = align_down(lowest, unit) >> PAGE_SHIFT;
	/* The last pfn + 1 must fit 32 bits. */
	l->frames_end_pfn = min_u64(align_up(highest, unit) >> PAGE_SHIFT, UINT32_MAX - 1);
	return 0;
}

static void set_shape(struct machine *m, const struct machine_desc *d, const struct arch_facts *a,
	const struct layout *l)
{
	m->arch = d->arch;
	m->config = d->config;
	memcpy(m->model, d->model, sizeof(m->model));
	memcpy(m->cmdline, d->cmdline, sizeof(m->cmdline));
	m->seed = d->seed;
	m->rng.state = d->seed;
	m->checks_full = d->checks_full;
	m->nr_orders = orders_of(d, a);
	m->pageblock_order = pageblock_of(d, a);
	m->pcp_thp_order =
		config_has(d->config, CONFIG_TRANSPARENT_HUGEPAGE) ? m->pageblock_order : 0;
	m->nr_migratetypes = config_has(d->config, CONFIG_CMA) ? 6 : 5;
	m->struct_page_bytes = a->struct_page_bytes;
	m->section_shift = config_has(d->config, CONFIG_SPARSEMEM) ? a->section_shift : 0;
	m->zone_mask = d->like.set ? d->like.zone_mask | 1u << ZONE_NORMAL | 1u << ZONE_MOVABLE
				   : zone_mask_of(d->config);
	m->nr_nodes = d->nr_nodes;
	m->nr_cpus = d->nr_cpus;
	memcpy(m->cpu_node, d->cpu_node, sizeof(m->cpu_node));
	memcpy(m->node_distance, d->distance, sizeof(m->node_distance));
	m->base_pfn = l->base_pfn;
	m->frames_end_pfn = l->frames_end_pfn;
	m->zones_at = l->zones_at;
	m->nodes_at = l->nodes_at;
	m->pcps_at = l->pcps_at;
	m->live_at = l->live_at;
	m->pageblocks_at = l->pageblocks_at;
	m->dram_has_at = l->dram_has_at;
	m->frames_at = l->frames_at;
	m->page_owners.at = l->owners_at;
	m->dram_at = l->dram_at;
	m->heap.start = m->heap.frontier = l->heap_at;
	m->heap.end = l->heap_at + HEAP_BYTES;
	fault_inject_init(&m->fail_page_alloc);
	cpus_init(m, &d->cpu);
}

int machine_create(const struct machine_desc *d, struct machine **out, struct refusal *why)
{
	const struct arch_facts *a = arch_facts(d->arch, arch_variant(d->arch, d->config));
	struct layout l = {0};
	struct arena arena;

	*out = NULL;
	assert(d->nr_ram && d->nr_cpus && d->nr_nodes && d->nr_nodes <= MAX_NODES);
	int err = find_bounds(&l, d, a, why);
	if (err)
		return err;
	lay_out(&l, d, orders_of(d, a), pageblock_of(d, a));
	err = arena_init(&arena, l.bytes, d->host_max_bytes, why);
	if (err)
		return err;
	/* All that lies before the heap is hot. */
	err = arena_touch(&arena, 0, l.heap_at, why);
	if (err) {
		arena_finish(&arena);
		return err;
	}
	struct machine *m = (struct machine *)arena.base;
	m->arena = arena;
	set_shape(m, d, a, &l);
	zones_number(m);
	err = boot_machine(m, d);
	if (err) {
		if (why)
			*why = m->why;
		machine_destroy(m);
		return err;
	}
	refusal_clear(&m->why);
	*out = m;
	return 0;
}

void machine_destroy(struct machine *m)
{
	if (!m)
		return;
	struct arena arena = m->arena;
	arena_finish(&arena);
}

int machine_copy(const struct machine *from, struct machine **out, struct refusal *why)
{
	struct arena arena;

	*out = NULL;
	int err = arena_copy(&arena, &from->arena, why);
	if (err)
		return err;
	struct machine *m = (struct machine *)arena.base;
	m->arena = arena;
	refusal_clear(&m->why);
	*out = m;
	return 0;
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0x9fb21c651e98df25ULL;
	return hash ^ (hash >> 29);
}

/* The page's hash, or @hash as it was for a page of zeroes. */
static uint64_t hash_page(uint64_t hash, uint64_t offset, const uint64_t *word)
{
	uint64_t lane[4] = {mix(hash, offset), 1, 2, 3}, any = 0;

	for (unsigned i = 0; i < ARENA_PAGE_BYTES / 8; i += 4)
		for (unsigned k = 0; k < 4; k++) {
			any |= word[i + k];
			lane[k] = mix(lane[k], word[i + k]);
		}
	if (!any)
		return hash;
	return mix(mix(mix(lane[0], lane[1]), lane[2]), lane[3]);
}

uint64_t machine_digest(const struct machine *m)
{
	uint64_t hash = 0x51dd5, start, end = ARENA_PAGE_BYTES;

	while (arena_next_touched(&m->arena, end, &start, &end))
		for (uint64_t at = start; at < end; at += ARENA_PAGE_BYTES)
			hash = hash_page(hash, at, machine_at(m, at));
	return hash;
}

/* The zones hold all RAM, and the totals are their sums. */
static unsigned check_zones(const struct machine *m, struct text *out)
{
	uint64_t managed = 0, high = 0, cma = 0;
	unsigned bad = 0;

	for (const struct zone *z = zone_next(m, NULL); z; z = zone_next(m, z)) {
		uint64_t present = memblock_pages_in(m, z->start_pfn, zone_end_pfn(z), (int)z->nid);

		managed += z->managed_pages;
		high += z->type == ZONE_HIGHMEM ? z->managed_pages : 0;
		cma += z->cma_pages;
		if (present == z->present_pages && z->managed_pages <= present &&
			present <= z->spanned_pages)
			continue;
		text_printf(out,
			"node %u zone %s: spanned %llu, present %llu (memblock has %llu), managed "
			"%llu\n",
			z->nid, zone_name(z->type), (ull)z->spanned_pages, (ull)z->present_pages,
			(ull)present, (ull)z->managed_pages);
		bad++;
	}
	if (managed != m->totalram_pages || high != m->totalhigh_pages ||
		cma != m->totalcma_pages) {
		text_printf(out,
			"totals of managed, HighMem's and CMA pages %llu %llu %llu are not the "
			"zones' %llu %llu %llu\n",
			(ull)m->totalram_pages, (ull)m->totalhigh_pages, (ull)m->totalcma_pages,
			(ull)managed, (ull)high, (ull)cma);
		bad++;
	}
	return bad;
}

static unsigned check_nodes(const struct machine *m, struct text *out)
{
	unsigned bad = 0;

	for (unsigned nid = 0; nid < m->nr_nodes; nid++) {
		const struct node *n = node_at(m, nid);
		uint64_t present = memblock_pages_in(m, 0, m->frames_end_pfn, (int)nid);

		if (n->nid == nid && n->present_pages == present && (n->has_memory || n->has_cpu))
			continue;
		text_printf(out, "node %u: present %llu, memblock has %llu%s\n", nid,
			(ull)n->present_pages, (ull)present,
			n->has_memory || n->has_cpu ? "" : "; it has neither memory nor CPUs");
		bad++;
	}
	return bad;
}

unsigned machine_check(struct machine *m, struct text *out)
{
	unsigned bad = 0;

	bad += memblock_check(m, out);
	bad += mem_map_check(m, out);
	bad += resource_check(m, out);
	bad += devices_check(m, out);
	bad += check_zones(m, out);
	bad += check_nodes(m, out);
	bad += page_alloc_check(m, out);
	bad += page_owner_check(m, out);
	bad += kmemleak_check(m, out);
	bad += cma_check(m, out);
	bad += lru_check(m, out);
	bad += cpus_check(m, out);
	bad += kernel_map_check(m, out);
	bad += highmem_check(m, out);
	bad += tlbs_check(m, out);
	bad += slab_check(m, out);
	bad += tasks_check(m, out);
	bad += files_check(m, out);
	bad += processes_check(m, out);
	bad += vmalloc_check(m, out);
	return bad;
}

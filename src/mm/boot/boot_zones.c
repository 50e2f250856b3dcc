/* SPDX-License-Identifier: MIT
 *
 * Nodes and zones get their places and sizes.
 *
 *	physical   |--- DMA ---|------- Normal -------|------- HighMem ------|     zones are ranges of addresses
 *	node 0     |==================|.......|======|
 *	spanned    |----------- from the first to the last page ------------|
 *	present     only what is RAM (=), not the holes (.)
 *
 * 1. Each zone's range: from what devices reach and what the kernel maps (boot_limits.c).
 * 2. Each node's zones: the zone's range cut to the node's span; present is the RAM in it.
 * 3. Pages of struct page that are no RAM ("unavailable ranges") are counted as the kernel does: holes inside
 *    FLATMEM, or inside sections that have some RAM.
 * 4. nr_kernel_pages, nr_all_pages: RAM without its mem_map; hash tables are scaled by them.
 *
 * Invariant: zones of a node are disjoint; the sum of present is memblock's memory.
 *
 * Follows mm/page_alloc.c of 6.1 (free_area_init(), calculate_node_totalpages(), memmap_init()).
 */
#include "mm/boot/boot.h"
#include "mm/page/zone.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define DMA_END_PFN_X86 ((uint64_t)16 << 20 >> PAGE_SHIFT)
#define DMA32_END_PFN	((uint64_t)4 << 30 >> PAGE_SHIFT)

/* Blocks of one node with none of another between them become one (numa_cleanup_meminfo()). */
static void say_joined(struct boot *b)
{
	struct node_range r[DESCRIBE_MAX_RANGES];
	unsigned nr = b->d->nr_node;

	memcpy(r, b->d->node, nr * sizeof(r[0]));
	for (unsigned i = 0; i < nr; i++)
		r[i].end = min_u64(r[i].end, b->max_pfn << PAGE_SHIFT);
	for (unsigned i = 0; i < nr; i++)
		for (unsigned j = i + 1; j < nr; j++) {
			uint64_t start = min_u64(r[i].start, r[j].start),
				 end = max_u64(r[i].end, r[j].end);
			bool between = r[i].nid != r[j].nid;

			for (unsigned k = 0; k < nr && !between; k++)
				between = r[k].nid != r[i].nid && r[k].start < end &&
					  r[k].end > start;
			if (between)
				continue;
			log_printf(b->m,
				"NUMA: Node %u [mem 0x%08llx-0x%08llx] + [mem 0x%08llx-0x%08llx] "
				"-> [mem 0x%08llx-0x%08llx]",
				r[i].nid, (ull)r[i].start, (ull)r[i].end - 1, (ull)r[j].start,
				(ull)r[j].end - 1, (ull)start, (ull)end - 1);
			r[i].start = start;
			r[i].end = end;
			memmove(&r[j], &r[j + 1], (--nr - j) * sizeof(r[0]));
			j--;
		}
}

/* Nodes that neither RAM nor a CPU is left of (mem= and memmap= took it) never come online. Linux leaves their numbers
 * out, here the later ones move down, as describe_finish() has it. */
static void drop_empty_nodes(struct machine *m)
{
	bool used[MAX_NODES] = {false};
	unsigned fresh[MAX_NODES];

	for (unsigned i = 0; i < m->memblock.memory.nr; i++)
		used[m->memblock.memory.region[i].nid] = true;
	for (unsigned cpu = 0; cpu < m->nr_cpus; cpu++)
		used[m->cpu_node[cpu]] = true;
	m->nr_nodes =
		renumber_nodes(used, m->nr_nodes, fresh, m->cpu_node, m->nr_cpus, m->node_distance);
	for (unsigned i = 0; i < m->memblock.memory.nr; i++)
		m->memblock.memory.region[i].nid = fresh[m->memblock.memory.region[i].nid];
}

int boot_nodes(struct boot *b)
{
	struct machine *m = b->m;
	uint64_t end = b->max_pfn << PAGE_SHIFT;
	bool x86 = arch_is_x86(m->arch);

	for (unsigned i = 0; i < b->d->nr_node; i++) {
		const struct node_range *r = &b->d->node[i];
		uint64_t stop = min_u64(r->end, end);

		if (r->start >= stop)
			continue;
		if (x86)
			log_printf(m, "ACPI: SRAT: Node %u PXM %u [mem 0x%08llx-0x%08llx]", r->nid,
				r->nid, (ull)r->start, (ull)stop - 1);
		int err = memblock_set_node(m, r->start, stop - r->start, r->nid);
		if (err)
			return err;
	}
	if (x86)
		say_joined(b);
	drop_empty_nodes(m);
	boot_say_limits(b);
	if (!machine_has(m, CONFIG_NUMA) || b->d->nr_node)
		return 0;
	log_printf(m, "%sNo NUMA configuration found", x86 ? "" : "NUMA: ");
	log_printf(m, "%sFaking a node at [mem 0x%016llx-0x%016llx]",
		x86 ? "" : "NUMA: ", (ull)(x86 ? 0 : m->memblock.memory.region[0].start),
		(ull)end - 1);
	return 0;
}

/* The pfn behind each zone's last, before it is cut to RAM. */
static void zone_ends(const struct boot *b, uint64_t end_pfn[MAX_NR_ZONES])
{
	uint64_t low = b->max_low_pfn;

	end_pfn[ZONE_NORMAL] = low;
	end_pfn[ZONE_HIGHMEM] = b->max_pfn;
	switch (b->m->arch) {
	case ARCH_I386:
	case ARCH_X86_64:
		end_pfn[ZONE_DMA] = min_u64(DMA_END_PFN_X86, low);
		end_pfn[ZONE_DMA32] = min_u64(DMA32_END_PFN, low);
		break;
	case ARCH_ARM:
		end_pfn[ZONE_DMA] = low;
		break;
	case ARCH_ARM64: {
		uint64_t start = b->m->memblock.memory.region[0].start;

		end_pfn[ZONE_DMA] = b->dma_limit >> PAGE_SHIFT;
		end_pfn[ZONE_DMA32] =
			start > UINT32_MAX ? b->max_pfn : min_u64(DMA32_END_PFN, b->max_pfn);
		break;
	}
	case ARCH_RISCV64:
		end_pfn[ZONE_DMA32] = min_u64(DMA32_END_PFN, low);
		break;
	case NR_ARCHS:
		assert(!"an architecture");
	}
}

static void say_ranges(struct boot *b)
{
	log_printf(b->m, "Zone ranges:");
	for (unsigned z = 0; z < MAX_NR_ZONES; z++) {
		if (!zone_configured(b->m, z) || z == ZONE_MOVABLE)
			continue;
		if (b->zone_start[z] == b->zone_end[z])
			log_printf(b->m, "  %-8s empty", zone_name(z));
		else
			log_printf(b->m, "  %-8s [mem 0x%016llx-0x%016llx]", zone_name(z),
				(ull)b->zone_start[z] << PAGE_SHIFT,
				((ull)b->zone_end[z] << PAGE_SHIFT) - 1);
	}
	log_printf(b->m, "Movable zone start for each node");
	for (unsigned nid = 0; nid < b->m->nr_nodes; nid++)
		if (b->movable_pfn[nid])
			log_printf(b->m, "  Node %u: 0x%016llx", nid,
				(ull)b->movable_pfn[nid] << PAGE_SHIFT);
	log_printf(b->m, "Early memory node ranges");
	for (unsigned i = 0; i < b->m->memblock.memory.nr; i++) {
		const struct memblock_region *r = &b->m->memblock.memory.region[i];

		log_printf(b->m, "  node %3u: [mem 0x%016llx-0x%016llx]", r->nid, (ull)r->start,
			(ull)r->end - 1);
	}
}

static void set_ranges(struct boot *b)
{
	uint64_t end_pfn[MAX_NR_ZONES] = {0};
	uint64_t at = b->m->memblock.memory.region[0].start >> PAGE_SHIFT;

	zone_ends(b, end_pfn);
	for (unsigned z = 0; z < MAX_NR_ZONES; z++) {
		if (!zone_configured(b->m, z) || z == ZONE_MOVABLE)
			continue;
		b->zone_start[z] = at;
		at = b->zone_end[z] = max_u64(end_pfn[z], at);
	}
}

/* The highest zone that has any range: the one that ZONE_MOVABLE takes its pages from. */
static enum zone_type movable_zone(const struct boot *b)
{
	for (unsigned z = MAX_NR_ZONES; z-- > 0;)
		if (z != ZONE_MOVABLE && b->zone_end[z] > b->zone_start[z])
			return (enum zone_type)z;
	return ZONE_NORMAL;
}

/* [*start, *end) of zone @z, without regard to nodes' RAM, after ZONE_MOVABLE took its part. */
static void adjust_for_movable(const struct boot *b, unsigned nid, enum zone_type z,
	uint64_t node_end, uint64_t *start, uint64_t *end)
{
	uint64_t movable = b->movable_pfn[nid];

	if (!movable) {
		if (z == ZONE_MOVABLE)
			*end = *start;
		return;
	}
	if (z == ZONE_MOVABLE) {
		*start = movable;
		*end = min_u64(node_end, b->zone_end[movable_zone(b)]);
	} else if (*start<movable && * end> movable) {
		*end = movable;
	} else if (*start >= movable) {
		*start = *end;
	}
}

static void init_zone(struct boot *b, struct node *n, enum zone_type type)
{
	struct zone *z = zone_at(b->m, n->nid, type);
	uint64_t node_end = n->start_pfn + n->spanned_pages;
	uint64_t lo = type == ZONE_MOVABLE ? 0 : b->zone_start[type];
	uint64_t hi = type == ZONE_MOVABLE ? UINT64_MAX : b->zone_end[type];
	uint64_t start = max_u64(n->start_pfn, lo), end = min_u64(node_end, hi);

	adjust_for_movable(b, n->nid, type, node_end, &start, &end);
	start = max_u64(start, n->start_pfn);
	end = min_u64(end, node_end);
	if (!zone_configured(b->m, type) || start >= end)
		return;
	z->start_pfn = start;
	z->spanned_pages = end - start;
	z->present_pages = memblock_pages_in(b->m, start, end, (int)n->nid);
	n->present_pages += z->present_pages;
	b->physical_pages += z->present_pages;
}

/* set_dma_reserve() of x86_64: what memblock took of the DMA zone. */
static uint64_t dma_reserve(const struct boot *b)
{
	uint64_t free = 0, from = 0, start, end, limit = DMA_END_PFN_X86 << PAGE_SHIFT;
	unsigned nid;

	if (b->m->arch != ARCH_X86_64)
		return 0;
	while (memblock_next_free(b->m, from, &start, &end, &nid) && start < limit) {
		uint64_t first = align_up(start, PAGE_BYTES),
			 last = align_down(min_u64(end, limit), PAGE_BYTES);

		free += last > first ? (last - first) >> PAGE_SHIFT : 0;
		from = end;
	}
	return memblock_pages_in(b->m, 0, DMA_END_PFN_X86, -1) - free;
}

/* free_area_init_core(): what each zone will have without its mem_map. */
static void count_kernel_pages(struct boot *b)
{
	uint64_t reserve = dma_reserve(b);
	enum zone_type lowest = MAX_NR_ZONES;

	for (const struct zone *z = zone_next(b->m, NULL); z; z = zone_next(b->m, z)) {
		bool high = z->type == ZONE_HIGHMEM ||
			    (z->type == ZONE_MOVABLE && movable_zone(b) == ZONE_HIGHMEM);
		uint64_t pages = z->spanned_pages, size = z->present_pages;

		if (lowest == MAX_NR_ZONES)
			lowest = z->type;
		if (z->spanned_pages > size + (size >> 4) && b->m->section_shift)
			pages = size;
		uint64_t memmap =
			align_up(pages * b->m->struct_page_bytes, PAGE_BYTES) >> PAGE_SHIFT;
		if (!high && size >= memmap)
			size -= memmap;
		if (z->type == lowest && size > reserve)
			size -= reserve;
		if (!high)
			b->kernel_pages += size;
		else if (b->kernel_pages > memmap * 2)
			b->kernel_pages -= memmap;
		b->all_pages += size;
	}
}

/* Struct pages in [start, end) that stand for no RAM. */
static uint64_t unavailable(const struct boot *b, uint64_t start_pfn, uint64_t end_pfn)
{
	const struct memblock_type *memory = &b->m->memblock.memory;
	uint64_t block = (uint64_t)1 << b->m->pageblock_order, pages = 0;

	if (start_pfn >= end_pfn)
		return 0;
	if (!b->m->section_shift && b->m->arch != ARCH_ARM)
		return end_pfn - start_pfn;
	/* The granule that is whole when any part of it is RAM: a section, on ARM a pageblock. */
	uint64_t granule =
		b->m->section_shift ? (uint64_t)1 << (b->m->section_shift - PAGE_SHIFT) : block;
	for (unsigned i = 0; i < memory->nr; i++) {
		uint64_t lo = align_down(memory->region[i].start >> PAGE_SHIFT, granule);
		uint64_t hi = align_up(pfn_up(memory->region[i].end), granule);

		lo = max_u64(lo, start_pfn);
		hi = min_u64(hi, end_pfn);
		if (lo < hi) {
			pages += hi - lo;
			start_pfn = hi;
		}
	}
	return pages;
}

static void say_unavailable(
	struct boot *b, const struct zone *z, uint64_t start_pfn, uint64_t end_pfn)
{
	uint64_t pages = unavailable(b, start_pfn, end_pfn);

	if (pages)
		log_printf(b->m, "On node %u, zone %s: %llu pages in unavailable ranges", z->nid,
			zone_name(z->type), (ull)pages);
}

/* memmap_init(): ranges of RAM in ascending order, each cut by the zones of its node. */
static void init_memmap(struct boot *b)
{
	const struct zone *last = NULL;
	uint64_t hole = 0;

	/* Below the first struct page there is nothing to be unavailable. */
	if (b->m->arch == ARCH_ARM)
		hole = b->m->memblock.memory.region[0].start >> PAGE_SHIFT;
	for (unsigned i = 0; i < b->m->memblock.memory.nr; i++) {
		const struct memblock_region *r = &b->m->memblock.memory.region[i];

		for (unsigned type = 0; type < MAX_NR_ZONES; type++) {
			const struct zone *z = zone_at(b->m, r->nid, type);
			uint64_t start = max_u64(r->start >> PAGE_SHIFT, z->start_pfn);
			uint64_t end = min_u64(r->end >> PAGE_SHIFT, zone_end_pfn(z));

			if (!zone_populated(z) || start >= end)
				continue;
			if (hole < start)
				say_unavailable(b, z, hole, start);
			hole = end;
			last = z;
		}
	}
	if (b->m->section_shift && last)
		say_unavailable(b, last, hole,
			align_up(hole, (uint64_t)1 << (b->m->section_shift - PAGE_SHIFT)));
}

static void init_node(struct boot *b, unsigned nid)
{
	const struct memblock_type *memory = &b->m->memblock.memory;
	struct node *n = node_at(b->m, nid);
	uint64_t start = UINT64_MAX, end = 0;

	n->nid = nid;
	for (unsigned cpu = 0; cpu < b->m->nr_cpus; cpu++)
		n->has_cpu |= b->m->cpu_node[cpu] == nid;
	for (unsigned i = 0; i < memory->nr; i++) {
		if (memory->region[i].nid != nid)
			continue;
		start = min_u64(start, memory->region[i].start >> PAGE_SHIFT);
		end = max_u64(end, memory->region[i].end >> PAGE_SHIFT);
	}
	n->has_memory = start < end;
	if (n->has_memory) {
		n->start_pfn = start;
		n->spanned_pages = end - start;
	}
	for (unsigned type = 0; type < MAX_NR_ZONES; type++)
		init_zone(b, n, (enum zone_type)type);
}

void boot_say_zones(struct boot *b)
{
	say_ranges(b);
	for (unsigned nid = 0; nid < b->m->nr_nodes; nid++) {
		const struct node *n = node_at(b->m, nid);

		if (n->has_memory)
			log_printf(b->m, "Initmem setup node %u [mem 0x%016llx-0x%016llx]", nid,
				(ull)n->start_pfn << PAGE_SHIFT,
				((ull)(n->start_pfn + n->spanned_pages) << PAGE_SHIFT) - 1);
		else
			log_printf(b->m, "Initmem setup node %u as memoryless", nid);
	}
	init_memmap(b);
	count_kernel_pages(b);
}

int boot_zones(struct boot *b)
{
	set_ranges(b);
	int err = boot_find_movable(b);
	if (err)
		return err;
	for (unsigned nid = 0; nid < b->m->nr_nodes; nid++)
		init_node(b, nid);
	boot_say_zones(b);
	return 0;
}

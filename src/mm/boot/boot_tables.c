/* SPDX-License-Identifier: MIT
 *
 * The tables that a kernel makes before it has a page allocator, in the order in which they are
 * made:
 *
 *   1. page tables of the direct map. x86 maps with the largest pages that fit; arm64 with 4 KiB pages
 *      throughout (rodata=full), a table for each 2 MiB; 686 kernels had them in brk already
 *   2. each node's pg_data_t, and mem_map (boot_memmap.c)
 *   3. the per-CPU areas
 *   4. dentry and inode hash tables, scaled with low memory; on several nodes they are made later,
 *      with vmalloc
 *   5. swiotlb: bounce buffers below 4 GiB where RAM reaches beyond
 *
 * The sizes are the kernel's formulas, the places memblock's: top down.
 *
 * Left out: sections' usage maps and other small things (arch_facts.other_pages has their sum).
 * Follows mm/sparse.c, mm/page_alloc.c (alloc_node_mem_map(), alloc_large_system_hash()),
 * mm/percpu.c, kernel/dma/swiotlb.c, arch/x86/kernel/head_32.S of 6.1.
 */
#include "mm/boot/boot.h"
#include "mm/dma/direct.h"
#include "mm/page/zone.h"

#include <errno.h>
#include <string.h>

/* Room for the tables of the kernel's areas: 64 of vmalloc's, a few for each CPU's entry area. */
#define AREA_TABLES_BYTES (512 << 10)

/* Tables for [start, end): one page for each partly covered unit at its ends, of 2 MiB and of 1
 * GiB. */
static uint64_t ragged_tables(uint64_t start, uint64_t end)
{
	uint64_t pages = 0;

	for (uint64_t unit = 2 * MIB; unit <= GIB; unit *= 512) {
		uint64_t first = align_down(start, unit), last = align_down(end - 1, unit);

		pages += start % unit != 0 || (first == last && end % unit);
		pages += last != first && end % unit != 0;
	}
	return pages;
}

static uint64_t direct_map_pages(const struct boot *b)
{
	const struct memblock_type *memory = &b->m->memblock.memory;
	uint64_t pages = 0, pmd = 0, seen = UINT64_MAX;

	for (unsigned i = 0; i < memory->nr; i++) {
		uint64_t start = memory->region[i].start, end = memory->region[i].end;

		if (b->m->arch != ARCH_ARM64) {
			pages += ragged_tables(start, end);
			continue;
		}
		pages += (align_up(end, 2 * MIB) - align_down(start, 2 * MIB)) / (2 * MIB);
		uint64_t first = align_down(start, GIB);
		pmd += (align_up(end, GIB) - first) / GIB - (seen == first);
		seen = align_down(end - 1, GIB);
	}
	/* One table of the third level for each 512 GiB. */
	return pages + pmd + (b->max_pfn << PAGE_SHIFT) / (512 * GIB) + 1;
}

static int tables_anywhere(struct boot *b, uint64_t pages)
{
	b->tables = boot_alloc(
		b, "the page tables of the direct map", pages * PAGE_BYTES, PAGE_BYTES, -1);
	b->tables_end = b->tables + pages * PAGE_BYTES;
	return b->tables ? 0 : -b->m->why.err;
}

int boot_page_tables(struct boot *b)
{
	uint64_t pages = b->a->other_pages;

	/* 686 kernels have theirs in brk, behind the image. */
	if (b->m->arch == ARCH_I386)
		return 0;
	if (b->m->arch != ARCH_ARM) /* theirs is in the image, or there is none */
		pages += direct_map_pages(b);
	return tables_anywhere(b, pages);
}

static uint64_t end_of_low_memory(const struct boot *b)
{
	uint64_t end_pfn = 0;

	if (!b->d->like.set)
		return b->max_low_pfn << PAGE_SHIFT;
	for (const struct zone *z = zone_next(b->m, NULL); z; z = zone_next(b->m, z))
		if (zone_populated(z) &&
			(z->type < ZONE_HIGHMEM || !machine_has(b->m, CONFIG_HIGHMEM)))
			end_pfn = max_u64(end_pfn, zone_end_pfn(z));
	return end_pfn << PAGE_SHIFT;
}

/* The end of the image's data and bss that no one gets later: room for tables. */
static void tables_in_image(const struct boot *b, struct kernel_map_bounds *bounds)
{
	const struct image_part *last = b->a->show;
	uint64_t start, end;

	for (unsigned i = 1; i < IMAGE_PARTS && b->a->show[i].name; i++)
		last = &b->a->show[i];
	start = last->start;
	end = last->end;
	for (unsigned i = 0; i < IMAGE_PARTS && b->a->late[i].name; i++)
		if (b->a->late[i].start < end && b->a->late[i].end >= end)
			end = b->a->late[i].start;
	start = max_u64(start, end - min_u64(end, AREA_TABLES_BYTES));
	bounds->area_start = align_up(b->image + start, PAGE_BYTES);
	bounds->area_end = align_down(b->image + end, PAGE_BYTES);
}

/* Code comes first in the image, then constants; ARM's top-level table lies in front of the code. */
int boot_kernel_map(struct boot *b)
{
	const struct image_part *code = &b->a->show[0], *next = &b->a->show[1];
	struct kernel_map_bounds bounds = {.cmdline = &b->c, .low_end = end_of_low_memory(b)};

	if (b->d->like.set) {
		int err = boot_memmap_like(b, bounds.low_end);
		if (err)
			return err;
		bounds.pool_only = true;
		/* Some of it for the areas' tables, when there is much. */
		if (b->tables_end - b->tables >= 4 * AREA_TABLES_BYTES) {
			bounds.area_end = b->tables_end;
			bounds.area_start = b->tables_end -= AREA_TABLES_BYTES;
		}
	} else {
		bounds.root = b->m->arch == ARCH_ARM ? b->image + b->a->reserve_start : 0;
		bounds.fdt_start = b->fdt;
		bounds.fdt_end = b->fdt_end;
		bounds.percpu_at = b->percpu;
		tables_in_image(b, &bounds);
		bounds.image_start = b->image;
		bounds.image_end = b->image + b->a->image_bytes;
		bounds.text_end = b->image + code->end;
		bounds.rodata_end = strcmp(next->name, "Kernel rodata") ? bounds.text_end
									: b->image + next->end;
	}
	bounds.pool_start = b->tables;
	bounds.pool_end = b->tables_end;
	return kernel_map_init(b->m, &bounds);
}

/* Units in one allocation of the atom's size (pcpu_build_alloc_info()): as many as waste little. */
static unsigned percpu_units(const struct boot *b)
{
	unsigned count[MAX_NODES] = {0}, best = 1, last_allocs = ~0u;
	unsigned atom = 2 * MIB, least_unit = b->a->percpu_pages * (unsigned)PAGE_BYTES;

	for (unsigned cpu = 0; cpu < b->m->nr_cpus; cpu++)
		count[b->m->cpu_node[cpu]]++;
	for (unsigned upa = atom / least_unit; upa; upa--) {
		unsigned allocs = 0, wasted = 0;

		if (atom % upa || (atom / upa) % PAGE_BYTES)
			continue;
		for (unsigned nid = 0; nid < b->m->nr_nodes; nid++) {
			unsigned here = (count[nid] + upa - 1) / upa;

			allocs += here;
			wasted += here * upa - count[nid];
		}
		if (wasted > b->m->nr_cpus / 3)
			continue;
		if (allocs > last_allocs)
			break;
		last_allocs = allocs;
		best = upa;
	}
	return best;
}

int boot_percpu(struct boot *b)
{
	const struct arch_facts *a = b->a;
	unsigned unit = a->percpu_unit;

	if (b->m->arch == ARCH_X86_64)
		unit = (unsigned)(2 * MIB) / percpu_units(b);
	if (arch_is_x86(b->m->arch))
		log_printf(b->m,
			"setup_percpu: NR_CPUS:%u nr_cpumask_bits:%u nr_cpu_ids:%u nr_node_ids:%u",
			a->nr_cpus_max, b->m->nr_cpus, b->m->nr_cpus, b->m->nr_nodes);
	for (unsigned cpu = 0; cpu < b->m->nr_cpus; cpu++) {
		b->percpu[cpu] = boot_alloc(b, "a CPU's area", a->percpu_pages * PAGE_BYTES,
			PAGE_BYTES, b->m->cpu_node[cpu]);
		if (!b->percpu[cpu])
			return -b->m->why.err;
	}
	if (machine_has(b->m, CONFIG_SMP) || machine_has(b->m, CONFIG_MMU))
		log_printf(b->m, "percpu: Embedded %u pages/cpu s%u r%u d%u u%u", a->percpu_pages,
			a->percpu_static, a->percpu_reserved, a->percpu_dynamic, unit);
	return 0;
}

static unsigned log2_up(uint64_t n)
{
	unsigned shift = 0;

	while (((uint64_t)1 << shift) < n)
		shift++;
	return shift;
}

static unsigned log2_down(uint64_t n)
{
	return 63 - (unsigned)__builtin_clzll(n | 1);
}

/* alloc_large_system_hash(): one entry for each 2^scale bytes of low memory. */
static unsigned hash_shift(const struct boot *b, unsigned scale, uint64_t asked)
{
	uint64_t entries = align_up(b->kernel_pages, MIB / PAGE_BYTES);
	uint64_t max = (b->all_pages << PAGE_SHIFT) / 16 / b->a->hash_entry_bytes;

	/* On large machines of 64 bits tables grow half as fast from 64 GiB on, again from 256 GiB
	 * on ... */
	if (arch_is_64bit(b->m->arch))
		for (uint64_t adapt = 64 * GIB / PAGE_BYTES; adapt < entries; adapt <<= 2)
			scale++;
	entries = scale > PAGE_SHIFT ? entries >> (scale - PAGE_SHIFT)
				     : entries << (PAGE_SHIFT - scale);
	if (asked)
		entries = asked;
	entries = (uint64_t)1 << log2_up(entries ? entries : 1);
	return log2_down(min_u64(entries, min_u64(max ? max : 1, 0x80000000)));
}

static int hash_table(struct boot *b, const char *name, unsigned scale, uint64_t asked)
{
	unsigned shift = hash_shift(b, scale, asked), order;
	uint64_t bytes = (uint64_t)b->a->hash_entry_bytes << shift;

	while (bytes > PAGE_BYTES && !memblock_alloc_range(b->m, align_up(bytes, PAGE_BYTES),
					     PAGE_BYTES, 0, b->max_low_pfn << PAGE_SHIFT, -1)) {
		shift--;
		bytes /= 2;
	}
	order = bytes > PAGE_BYTES ? log2_down(bytes) - PAGE_SHIFT : 0;
	log_printf(b->m, "%s hash table entries: %llu (order: %u, %llu bytes, linear)", name,
		(ull)1 << shift, order, (ull)bytes);
	return 0;
}

static unsigned nodes_with_memory(const struct boot *b)
{
	uint64_t start, end;
	unsigned nr = 0;

	for (unsigned nid = 0; nid < b->m->nr_nodes; nid++)
		nr += boot_node_span(b, nid, &start, &end);
	return nr;
}

static int hash_tables(struct boot *b)
{
	if (arch_is_64bit(b->m->arch) && machine_has(b->m, CONFIG_NUMA) && nodes_with_memory(b) > 1)
		return 0;
	int err = hash_table(b, "Dentry cache", 13, b->c.dhash_entries);
	return err ? err : hash_table(b, "Inode-cache", 14, b->c.ihash_entries);
}

/* Bounce buffers of 2 KiB slabs, 64 MiB of them, and a record of 24 bytes for each. */
static int swiotlb(struct boot *b)
{
	uint64_t reach = b->m->arch == ARCH_X86_64 ? 4 * GIB : b->dma_limit;
	uint64_t slabs = b->c.swiotlb_given ? align_up(b->c.swiotlb_slabs, 128) : 32768;
	bool wanted = arch_is_64bit(b->m->arch) &&
		      (b->max_pfn << PAGE_SHIFT > reach || b->c.swiotlb_force);

	if (!wanted || b->c.swiotlb_off || !slabs)
		return 0;
	/* Each CPU's area has a segment at least, and the pool is a power of two. */
	slabs = max_u64(slabs, (uint64_t)128 << log2_up(b->m->nr_cpus));
	slabs = (uint64_t)1 << log2_up(slabs);
	uint64_t at;
	/* Half as many as long as they find no place, but not fewer than a MiB. */
	while (!(at = memblock_alloc_range(
			 b->m, slabs * 2048, PAGE_BYTES, 0, min_u64(reach, 4 * GIB), -1)) &&
		slabs * 2048 > MIB)
		slabs /= 2;
	if (!at) {
		log_printf(b->m, "software IO TLB: Cannot allocate buffer");
		return 0;
	}
	if (!boot_alloc(b, "swiotlb's records", slabs * 24, PAGE_BYTES, -1))
		return -b->m->why.err;
	b->m->devices.swiotlb.force = b->c.swiotlb_force;
	swiotlb_init(b->m, at, slabs);
	log_printf(b->m, "software IO TLB: area num %llu.", (ull)1 << log2_up(b->m->nr_cpus));
	log_printf(b->m, "software IO TLB: mapped [mem 0x%016llx-0x%016llx] (%lluMB)", (ull)at,
		(ull)(at + slabs * 2048), (ull)(slabs * 2048 / MIB));
	return 0;
}

int boot_tables(struct boot *b)
{
	int err = hash_tables(b);

	if (!err)
		err = boot_page_ext_flatmem(b);
	return err ? err : swiotlb(b);
}

/* SPDX-License-Identifier: MIT
 *
 * The hand-over: everything that memblock did not reserve goes to the page allocator.
 *
 *   1. all free ranges, in ascending order ("Memory: ...K/...K available")
 *   2. what is freed before the watermarks are worked out: the SMP alternatives, the CMA areas
 *   3. watermarks, reserves, per-CPU lists: init_per_zone_wmark_min() and khugepaged
 *   4. the initial ram disk and the kernel's init sections: the watermarks of a fresh machine do not know them,
 *      so that they change with the next write to any sysctl that recomputes them
 *
 * With DEFERRED_STRUCT_PAGE_INIT the line "Memory:" comes while most pages of each node's last
 * zone are not yet free; that is a matter of this line only.
 *
 * Machines made with like= have their zones' managed pages prescribed; see boot_like.c.
 *
 * Follows mm/memblock.c (memblock_free_all()), mm/page_alloc.c (mem_init_print_info(),
 * defer_init()), mm/cma.c of
 * 6.1.
 */
#include "mm/boot/boot.h"
#include "mm/move/cma.h"
#include "mm/page/hugetlb.h"
#include "mm/page/frame.h"
#include "mm/page/page_alloc.h"
#include "mm/page/zone.h"

#include <stdio.h>

static int free_bytes(struct boot *b, uint64_t start, uint64_t end, enum migratetype type)
{
	uint64_t start_pfn = align_up(start, PAGE_BYTES) >> PAGE_SHIFT, end_pfn = end >> PAGE_SHIFT;

	return start_pfn < end_pfn ? free_boot_pages(b->m, start_pfn, end_pfn, type) : 0;
}

static int free_all(struct boot *b)
{
	uint64_t from = 0, start, end;
	unsigned nid;

	while (memblock_next_free(b->m, from, &start, &end, &nid)) {
		int err = free_bytes(b, start, end, MIGRATE_MOVABLE);

		if (err)
			return err;
		from = end;
	}
	return 0;
}

/* From where on node @nid's struct pages are left for later; UINT64_MAX when none are. */
static uint64_t first_deferred(const struct boot *b, unsigned nid)
{
	const struct node *n = node_at(b->m, nid);
	uint64_t end = n->start_pfn + n->spanned_pages, start = UINT64_MAX;
	uint64_t section = (uint64_t)1 << (b->m->section_shift - PAGE_SHIFT);

	/* Only the zone that ends the node is deferred, after a section of it. */
	for (unsigned type = 0; type < MAX_NR_ZONES; type++) {
		const struct zone *z = zone_at(b->m, nid, type);

		if (zone_populated(z) && zone_end_pfn(z) == end)
			start = z->start_pfn;
	}
	if (start == UINT64_MAX)
		return start;
	uint64_t first = align_up(start + section + 1, section);
	return first < end ? first : UINT64_MAX;
}

static uint64_t deferred_pages(const struct boot *b)
{
	uint64_t pages = 0, from = 0, start, end;
	uint64_t first[MAX_NODES];
	unsigned nid;

	if (!machine_has(b->m, CONFIG_DEFERRED_STRUCT_PAGE_INIT) || !b->m->section_shift)
		return 0;
	for (nid = 0; nid < b->m->nr_nodes; nid++)
		first[nid] = first_deferred(b, nid);
	while (memblock_next_free(b->m, from, &start, &end, &nid)) {
		uint64_t lo = max_u64(start >> PAGE_SHIFT, first[nid]), hi = end >> PAGE_SHIFT;

		pages += hi > lo ? hi - lo : 0;
		from = end;
	}
	return pages;
}

static uint64_t cma_pages(const struct boot *b)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < b->nr_cma; i++)
		bytes += b->cma[i].end - b->cma[i].start;
	return bytes >> PAGE_SHIFT;
}

static void say_memory(struct boot *b, uint64_t deferred)
{
	const struct arch_facts *a = b->a;
	struct machine *m = b->m;
	uint64_t free = zone_stat_total(m, ZS_nr_free_pages), cma = cma_pages(b);
	char high[40] = "";

	free -= min_u64(free, deferred);
	if (machine_has(m, CONFIG_HIGHMEM))
		snprintf(high, sizeof(high), ", %lluK highmem", (ull)m->totalhigh_pages << 2);
	log_printf(m,
		"Memory: %lluK/%lluK available (%uK kernel code, %uK rwdata, %uK rodata, %uK init, "
		"%uK bss, %lluK reserved, "
		"%lluK cma-reserved%s)",
		(ull)free << 2, (ull)b->physical_pages << 2, a->code_kib, a->rwdata_kib,
		a->rodata_kib, a->init_kib, a->bss_kib,
		(ull)(b->physical_pages - m->totalram_pages - cma) << 2, (ull)cma << 2, high);
	log_printf(m, "SLUB: HWalign=%u, Order=0-3, MinObjects=0, CPUs=%u, Nodes=%u",
		m->arch == ARCH_I386 || !machine_has(m, CONFIG_MMU) ? 32 : 64, m->nr_cpus,
		m->nr_nodes);
}

static int free_late(struct boot *b, bool early)
{
	for (unsigned i = 0; i < b->nr_late; i++) {
		const struct boot_range *r = &b->late[i];
		uint64_t start = align_up(r->start, PAGE_BYTES),
			 end = align_down(r->end, PAGE_BYTES);

		if (r->early != early || start >= end)
			continue;
		if (r->name)
			log_printf(b->m, "Freeing %s: %lluK", r->name, (ull)(end - start) >> 10);
		int err = memblock_free(b->m, start, end - start);
		if (!err)
			err = free_bytes(b, start, end, MIGRATE_MOVABLE);
		if (err)
			return err;
	}
	return 0;
}

/* An area must be RAM of one zone throughout (cma_activate_area()); otherwise its pages are
 * ordinary ones. */
static bool cma_fits(const struct boot *b, const struct boot_cma *c)
{
	uint64_t start = c->start >> PAGE_SHIFT, end = c->end >> PAGE_SHIFT;
	const struct zone *z = pfn_zone(b->m, start);

	return z && z == pfn_zone(b->m, end - 1) &&
	       memblock_pages_in(b->m, start, end, (int)z->nid) == end - start;
}

static int activate_cma(struct boot *b)
{
	for (unsigned i = 0; i < b->nr_cma; i++) {
		const struct boot_cma *c = &b->cma[i];
		bool fits = cma_fits(b, c);
		int err = 0;

		if (!fits)
			log_printf(b->m, "cma: CMA area %s could not be activated", c->name);
		err = memblock_free(b->m, c->start, c->end - c->start);
		for (uint64_t at = c->start; at < c->end && !err && !fits; at += PAGE_BYTES)
			if (memblock_is_memory(b->m, at) && pfn_zone(b->m, at >> PAGE_SHIFT))
				err = free_bytes(b, at, at + PAGE_BYTES, MIGRATE_MOVABLE);
		if (!err && fits) {
			err = cma_add_area(b->m, c->name, c->start >> PAGE_SHIFT,
				(c->end - c->start) >> PAGE_SHIFT);
			if (!err && c->is_default)
				b->m->cma_default = b->m->nr_cma;
			if (!err)
				err = free_bytes(b, c->start, c->end, MIGRATE_CMA);
		}
		if (err)
			return err;
	}
	return 0;
}

static void say_highmem(struct boot *b)
{
	if (b->m->arch != ARCH_I386 || !machine_has(b->m, CONFIG_HIGHMEM))
		return;
	const struct zone *z = zone_at(b->m, 0, ZONE_HIGHMEM),
			  *movable = zone_at(b->m, 0, ZONE_MOVABLE);
	log_printf(b->m, "Initializing HighMem for node 0 (%08llx:%08llx)", (ull)z->start_pfn,
		(ull)zone_end_pfn(z));
	if (b->max_pfn > b->max_low_pfn)
		log_printf(b->m, "Initializing Movable for node 0 (%08llx:%08llx)",
			(ull)movable->start_pfn, (ull)zone_end_pfn(movable));
}

int boot_free(struct boot *b)
{
	int err;

	say_highmem(b);
	uint64_t deferred = deferred_pages(b);
	err = boot_unused_memmap(b);
	if (!err)
		err = pageblocks_init(b->m);
	if (!err)
		err = free_all(b);
	if (err)
		return err;
	say_memory(b, deferred);
	err = free_late(b, true);
	if (!err)
		err = activate_cma(b);
	if (err)
		return err;
	zones_init_min_free(b->m);
	boot_iommu(b);
	err = free_late(b, false);
	if (!err)
		hugetlb_init(b->m);
	return err;
}

/* SPDX-License-Identifier: MIT
 *
 * Each node's pg_data_t and its part of mem_map, taken from memblock.
 *
 *   FLATMEM, DISCONTIGMEM    one array over the node's span, holes included, from and up to a multiple of the largest block.
 *                            With FLATMEM there is one node, and so one array
 *   SPARSEMEM                an array for each section that has RAM, on the node that first has RAM in it; one allocation
 *                            for all of a node, as long as there is one range of RAM that is large enough
 *
 * ARM then gives back what describes holes only, a pageblock and more of them (boot_unused_memmap()), and its pfn_valid()
 * knows that. With vmemmap the kernel maps the arrays side by side (kernel_areas.c).
 *
 * A machine like another has its reserved pages prescribed: its mem_map gets a place in the largest range of them.
 *
 * Left out: sections' usage maps and mem_section itself (arch_facts.other_pages has their sum).
 * Follows mm/sparse.c, mm/page_alloc.c (alloc_node_mem_map()), mm/memblock.c (free_unused_memmap()) of 6.1.
 */
#include "mm/boot/boot.h"
#include "mm/page/mem_map.h"

bool boot_node_span(const struct boot *b, unsigned nid, uint64_t *start, uint64_t *end)
{
	const struct memblock_type *memory = &b->m->memblock.memory;

	*start = UINT64_MAX;
	*end = 0;
	for (unsigned i = 0; i < memory->nr; i++) {
		if (memory->region[i].nid != nid)
			continue;
		*start = min_u64(*start, memory->region[i].start);
		*end = max_u64(*end, memory->region[i].end);
	}
	return *start < *end;
}

static int node_data(struct boot *b, unsigned nid)
{
	uint64_t start, end, bytes = b->a->node_data_bytes;
	bool x86 = arch_is_x86(b->m->arch);

	if (!bytes || !machine_has(b->m, CONFIG_NUMA))
		return 0;
	uint64_t at = boot_alloc(b, "a node's data", bytes, PAGE_BYTES, (int)nid);
	if (!at)
		return -b->m->why.err;
	end = at + align_up(bytes, PAGE_BYTES);
	start = x86 ? at : end - bytes;
	if (x86)
		log_printf(b->m, "NODE_DATA(%u) allocated [mem 0x%08llx-0x%08llx]", nid, (ull)start,
			(ull)end - 1);
	else
		log_printf(
			b->m, "NUMA: NODE_DATA [mem 0x%08llx-0x%08llx]", (ull)start, (ull)end - 1);
	return 0;
}

/* ---- sections ---- */

/* Goes through the sections that node @nid is the first to have RAM in. */
struct section_walk {
	const struct boot *b;
	unsigned nid, i; /* of memory's regions, the one to look at */
	uint64_t next,
		last;  /* sections of that region that were not given yet; none when next > last */
	uint64_t seen; /* all sections below it belong to somebody */
};

static struct section_walk sections_of(const struct boot *b, unsigned nid)
{
	return (struct section_walk){.b = b, .nid = nid, .next = 1};
}

static bool next_section(struct section_walk *w, uint64_t *section)
{
	const struct memblock_type *memory = &w->b->m->memblock.memory;
	unsigned shift = w->b->m->section_shift;

	while (w->next > w->last) {
		if (w->i == memory->nr)
			return false;
		const struct memblock_region *r = &memory->region[w->i++];
		uint64_t first = max_u64(r->start >> shift, w->seen), last = (r->end - 1) >> shift;

		if (first > last)
			continue;
		w->seen = last + 1;
		if (r->nid == w->nid) {
			w->next = first;
			w->last = last;
		}
	}
	*section = w->next++;
	return true;
}

static uint64_t section_pages(const struct boot *b)
{
	return (uint64_t)1 << (b->m->section_shift - PAGE_SHIFT);
}

/* Bytes of one section's struct pages. With vmemmap they are mapped by whole 2 MiB pages. */
static uint64_t section_bytes(const struct boot *b, uint64_t *align)
{
	uint64_t bytes = section_pages(b) * b->m->struct_page_bytes;

	*align = machine_has(b->m, CONFIG_SPARSEMEM_VMEMMAP) ? 2 * MIB : PAGE_BYTES;
	return align_up(bytes, *align);
}

/* The sections of @nid lie one behind the other from @at on; 0: boot finds each one a place of its own, or, when @given,
 * nobody knows where they lie. */
static int add_sections(struct boot *b, unsigned nid, uint64_t at, bool given)
{
	struct section_walk w = sections_of(b, nid);
	uint64_t section, align, bytes = section_bytes(b, &align), pages = section_pages(b);

	while (next_section(&w, &section)) {
		uint64_t here = at;

		if (!at && !given) {
			here = boot_alloc(b, "mem_map", bytes, align, (int)nid);
			if (!here)
				return -b->m->why.err;
		}
		int err = mem_map_add(b->m, section * pages, (section + 1) * pages, here, nid);
		if (err)
			return err;
		at += at ? bytes : 0;
	}
	return 0;
}

/* ---- a node's part ---- */

/* Its size, and what its place is a multiple of; for a node without memory 0. */
static uint64_t node_bytes(
	const struct boot *b, unsigned nid, uint64_t *start_pfn, uint64_t *end_pfn, uint64_t *align)
{
	uint64_t block = PAGE_BYTES << (b->m->nr_orders - 1), start, end, section, nr = 0;

	*align = PAGE_BYTES;
	if (!boot_node_span(b, nid, &start, &end))
		return 0;
	*start_pfn = align_down(start, block) >> PAGE_SHIFT;
	*end_pfn = align_up(end, block) >> PAGE_SHIFT;
	if (!b->m->section_shift)
		return (*end_pfn - *start_pfn) * b->m->struct_page_bytes;
	for (struct section_walk w = sections_of(b, nid); next_section(&w, &section);)
		nr++;
	return nr * section_bytes(b, align);
}

static int node_memmap(struct boot *b, unsigned nid)
{
	uint64_t start_pfn, end_pfn, align;
	uint64_t bytes = node_bytes(b, nid, &start_pfn, &end_pfn, &align);

	if (!bytes)
		return 0;
	uint64_t at = boot_alloc(b, "mem_map", bytes, align, (int)nid);
	if (!b->m->section_shift)
		return at ? mem_map_add(b->m, start_pfn, end_pfn, at, nid) : -b->m->why.err;
	/* In pieces when no range of RAM is large enough for all: a section at a time. */
	if (!at)
		refusal_clear(&b->m->why);
	return add_sections(b, nid, at, false);
}

int boot_memmap(struct boot *b)
{
	int err = boot_page_tables(b);

	for (unsigned nid = 0; nid < b->m->nr_nodes && !err; nid++)
		err = node_data(b, nid);
	for (unsigned nid = 0; nid < b->m->nr_nodes && !err; nid++)
		err = node_memmap(b, nid);
	return err;
}

/* ---- a machine like another ---- */

/* What of [*start, *end) is not in a CMA area, which will be freed: the larger side of one. */
static void leave_out_cma(const struct boot *b, uint64_t *start, uint64_t *end)
{
	for (unsigned i = 0; i < b->nr_cma; i++) {
		uint64_t from = b->cma[i].start, to = b->cma[i].end;

		if (from >= *end || to <= *start)
			continue;
		if (from > *start && from - *start >= *end - min_u64(to, *end))
			*end = from;
		else
			*start = min_u64(to, *end);
	}
}

/* The widest reserved range of node @nid (-1: of any) below @limit, behind the first MiB: [*start, *end), empty when there
 * is none. */
static void widest_reserved(
	const struct boot *b, int nid, uint64_t limit, uint64_t *start, uint64_t *end)
{
	const struct memblock_type *memory = &b->m->memblock.memory,
				   *reserved = &b->m->memblock.reserved;

	*start = *end = 0;
	for (unsigned i = 0; i < reserved->nr; i++)
		for (unsigned k = 0; k < memory->nr; k++) {
			uint64_t from = max_u64(reserved->region[i].start, memory->region[k].start);
			uint64_t to = min_u64(reserved->region[i].end, memory->region[k].end);

			from = align_up(max_u64(from, MIB), PAGE_BYTES);
			to = align_down(min_u64(to, limit), PAGE_BYTES);
			if (from >= to || (nid >= 0 && memory->region[k].nid != (unsigned)nid))
				continue;
			leave_out_cma(b, &from, &to);
			if (to > from && to - from > *end - *start) {
				*start = from;
				*end = to;
			}
		}
}

int boot_memmap_like(struct boot *b, uint64_t low_end)
{
	int err = 0;

	widest_reserved(b, -1, low_end, &b->tables, &b->tables_end);
	for (unsigned nid = 0; nid < b->m->nr_nodes && !err; nid++) {
		uint64_t start_pfn, end_pfn, align, start, end, at = 0;
		uint64_t bytes = node_bytes(b, nid, &start_pfn, &end_pfn, &align);

		if (!bytes)
			continue;
		widest_reserved(b, (int)nid, low_end, &start, &end);
		bool shared = start < b->tables_end && end > b->tables;
		/* A quarter is left for page tables. */
		if (shared)
			start = b->tables + (b->tables_end - b->tables) / 4;
		if (end > start && end - start >= bytes + align)
			at = align_down(end - bytes, align);
		if (at && shared)
			b->tables_end = at;
		err = b->m->section_shift ? add_sections(b, nid, at, true)
					  : mem_map_add(b->m, start_pfn, end_pfn, at, nid);
	}
	return err;
}

int boot_unused_memmap(struct boot *b)
{
	const struct memblock_type *memory = &b->m->memblock.memory;
	uint64_t block = (uint64_t)1 << b->m->pageblock_order, behind_pfn = 0;
	int err = 0;

	if (b->m->arch != ARCH_ARM || b->m->section_shift || b->d->like.set)
		return 0;
	for (unsigned i = 0; i < memory->nr && !err; i++) {
		uint64_t start_pfn = align_down(memory->region[i].start >> PAGE_SHIFT, block);
		uint64_t start, end;
		bool any = false;

		for (unsigned r = 0; behind_pfn && r < b->m->mem_map.nr && !any; r++)
			any = mem_map_unused(
				b->m, mem_map_run(b->m, r), behind_pfn, start_pfn, &start, &end);
		if (any) {
			err = memblock_free(b->m, start, end - start);
			b->m->mem_map.unused_bytes += end - start;
		}
		behind_pfn = align_up(pfn_up(memory->region[i].end), block);
	}
	return err;
}

/* SPDX-License-Identifier: MIT
 *
 * mem_map: for each page of RAM a struct page, and four ways to find it.
 *
 *	RAM               |####|        hole        |####|      |####|
 *	                   node 0                    node 0      node 1
 *
 *	FLATMEM           |ssss....................ssss......ssss|          one array: holes have struct pages, too
 *	                  pfn_to_page(pfn) = mem_map + (pfn - first)
 *	DISCONTIGMEM      |ssss....................ssss| |ssss|             an array for each node, over its span
 *	                  NODE_DATA(pfn_to_nid(pfn))->node_mem_map + (pfn - first of the node)
 *	SPARSEMEM         |ssss|                   |ssss| |ssss|            an array for each section that has RAM
 *	                  mem_section[pfn >> n].section_mem_map + pfn
 *	SPARSEMEM_VMEMMAP the same pages of RAM, mapped at vmemmap + pfn: arithmetic as with FLATMEM, holes without RAM
 *
 * Which pages have a struct page is pfn_valid()'s to say (frame.c). The table here is what boot placed: runs of struct pages
 * that lie side by side, few even on huge machines. With vmemmap their addresses are in the vmemmap area (boot makes
 * its page tables), in the other models in the direct map.
 *
 * Invariant (mem_map_check()): each page of RAM is in a run of its node's, each run lies in reserved RAM, runs do not overlap
 * (but those of nodes whose spans do), and page_to_pfn() undoes pfn_to_page().
 *
 * Left out: what a struct page contains. The simulation keeps that in its own frames (frame.h); the simulated mem_map
 * has the real one's size and place, and reads as zeroes.
 * Follows include/asm-generic/memory_model.h, mm/sparse.c, mm/page_alloc.c (alloc_node_mem_map()) of 6.1; for DISCONTIGMEM
 * those of 5.12, the last version with it.
 */
#include "mm/page/mem_map.h"

#include "base/text.h"
#include "mm/kernel/layout.h"
#include "mm/machine.h"
#include "mm/page/address.h"
#include "mm/page/frame.h"
#include "mm/page/zone.h"

#include <assert.h>

typedef unsigned long long ull;

enum mem_model mem_model(const struct machine *m)
{
	if (m->section_shift)
		return machine_has(m, CONFIG_SPARSEMEM_VMEMMAP) ? MEM_MODEL_SPARSE_VMEMMAP
								: MEM_MODEL_SPARSE;
	return machine_has(m, CONFIG_DISCONTIGMEM) ? MEM_MODEL_DISCONTIG : MEM_MODEL_FLAT;
}

const char *mem_model_name(enum mem_model model)
{
	static const char *const names[] = {
		[MEM_MODEL_FLAT] = "FLATMEM",
		[MEM_MODEL_DISCONTIG] = "DISCONTIGMEM",
		[MEM_MODEL_SPARSE] = "SPARSEMEM",
		[MEM_MODEL_SPARSE_VMEMMAP] = "SPARSEMEM_VMEMMAP",
	};

	assert(model < sizeof(names) / sizeof(names[0]));
	return names[model];
}

/* ---- the runs ---- */

static struct mem_map_run *runs(const struct machine *m)
{
	return machine_at(m, m->mem_map.at);
}

const struct mem_map_run *mem_map_run(const struct machine *m, unsigned i)
{
	return i < m->mem_map.nr ? &runs(m)[i] : NULL;
}

uint64_t mem_map_run_bytes(const struct machine *m, const struct mem_map_run *run)
{
	return (run->end_pfn - run->start_pfn) * m->struct_page_bytes;
}

uint64_t mem_map_bytes(const struct machine *m)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < m->mem_map.nr; i++)
		bytes += mem_map_run_bytes(m, &runs(m)[i]);
	return bytes;
}

/* The first run that begins behind @pfn, or the number of runs. */
static unsigned run_behind(const struct machine *m, uint64_t pfn)
{
	unsigned low = 0, high = m->mem_map.nr;

	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (runs(m)[mid].start_pfn <= pfn)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool joins(const struct machine *m, const struct mem_map_run *a, uint64_t start_pfn,
	uint64_t pa, unsigned nid)
{
	return a->nid == nid && a->end_pfn == start_pfn &&
	       (a->pa ? pa == a->pa + mem_map_run_bytes(m, a) : !pa);
}

int mem_map_add(struct machine *m, uint64_t start_pfn, uint64_t end_pfn, uint64_t pa, unsigned nid)
{
	struct mem_map *map = &m->mem_map;
	unsigned at = run_behind(m, start_pfn);

	assert(start_pfn < end_pfn);
	if (at && joins(m, &runs(m)[at - 1], start_pfn, pa, nid)) {
		runs(m)[at - 1].end_pfn = end_pfn;
		return 0;
	}
	if (map->nr == map->cap) {
		uint32_t cap = map->cap ? map->cap * 2 : 16;
		uint64_t grown = heap_grow(m, map->at, map->cap * sizeof(struct mem_map_run),
			cap * sizeof(struct mem_map_run));

		if (!grown)
			return -m->why.err;
		map->at = grown;
		map->cap = cap;
	}
	for (unsigned i = map->nr++; i > at; i--)
		runs(m)[i] = runs(m)[i - 1];
	runs(m)[at] = (struct mem_map_run){start_pfn, end_pfn, pa, nid, 0};
	return 0;
}

/* The run of @pfn: the one of its node where spans of nodes overlap. NULL: it is in none. */
static const struct mem_map_run *run_of(const struct machine *m, uint64_t pfn)
{
	const struct mem_map_run *found = NULL;
	unsigned i = run_behind(m, pfn);

	if (mem_model(m) != MEM_MODEL_DISCONTIG)
		return i && pfn < runs(m)[i - 1].end_pfn ? &runs(m)[i - 1] : NULL;
	const struct zone *z = pfn_zone(m, pfn);
	while (i-- > 0) {
		if (pfn >= runs(m)[i].end_pfn)
			continue;
		if (!found || (z && runs(m)[i].nid == z->nid))
			found = &runs(m)[i];
	}
	return found;
}

/* ---- addresses ---- */

uint64_t vmemmap_base(const struct machine *m)
{
	uint64_t first = phys_offset(m);

	if (m->arch == ARCH_RISCV64)
		first = first >> m->section_shift << m->section_shift;
	return kernel_area(m, AREA_VMEMMAP).start - (first >> PAGE_SHIFT) * m->struct_page_bytes;
}

static uint64_t word_of(const struct machine *m, uint64_t address)
{
	return machine_has(m, CONFIG_64BIT) ? address : (uint32_t)address;
}

static uint64_t in_direct_map(const struct machine *m, uint64_t pa)
{
	return word_of(m, pa - phys_offset(m) + page_offset(m));
}

/* The address that pfn 0 would have by the run's own arithmetic; false when its place is not known. */
static bool base_of_run(const struct machine *m, const struct mem_map_run *run, uint64_t *base)
{
	if (mem_model(m) == MEM_MODEL_SPARSE_VMEMMAP)
		*base = vmemmap_base(m);
	else if (run && run->pa)
		*base = in_direct_map(m, run->pa) - run->start_pfn * m->struct_page_bytes;
	else
		return false;
	return true;
}

uint64_t mem_map_run_address(const struct machine *m, const struct mem_map_run *run)
{
	uint64_t base;

	return base_of_run(m, run, &base) ? word_of(m, base + run->start_pfn * m->struct_page_bytes)
					  : 0;
}

uint64_t pfn_to_page_unchecked(const struct machine *m, uint64_t pfn)
{
	const struct mem_map_run *run = run_of(m, pfn);
	uint64_t base;

	/* FLATMEM knows one array and goes beyond its ends. */
	if (!run && mem_model(m) == MEM_MODEL_FLAT)
		run = mem_map_run(m, 0);
	return base_of_run(m, run, &base) ? word_of(m, base + pfn * m->struct_page_bytes) : 0;
}

uint64_t pfn_to_page(const struct machine *m, uint64_t pfn)
{
	assert(pfn_valid(m, pfn));
	return pfn_to_page_unchecked(m, pfn);
}

uint64_t page_to_pfn(const struct machine *m, uint64_t address)
{
	for (unsigned i = 0; i < m->mem_map.nr; i++) {
		const struct mem_map_run *run = &runs(m)[i];
		uint64_t start = mem_map_run_address(m, run);

		if (!start || address < start || address - start >= mem_map_run_bytes(m, run))
			continue;
		uint64_t pfn = run->start_pfn + (address - start) / m->struct_page_bytes;

		/* In DISCONTIGMEM's overlaps one of two struct pages is nobody's. */
		return pfn_valid(m, pfn) && run_of(m, pfn) == run ? pfn : NO_PFN;
	}
	return NO_PFN;
}

struct zone *page_zone(const struct machine *m, uint64_t pfn)
{
	const struct memblock_type *memory = &m->memblock.memory;
	unsigned i = 0;

	while (i < memory->nr && memory->region[i].end <= pfn << PAGE_SHIFT)
		i++;
	if (i < memory->nr && memory->region[i].start > pfn << PAGE_SHIFT)
		pfn = pfn_up(memory->region[i].start);
	else if (i == memory->nr)
		pfn = (memory->region[i - 1].end >> PAGE_SHIFT) - 1;
	return pfn_zone(m, pfn);
}

bool mem_map_unused(const struct machine *m, const struct mem_map_run *run, uint64_t start_pfn,
	uint64_t end_pfn, uint64_t *start, uint64_t *end)
{
	uint64_t at = run->pa - run->start_pfn * m->struct_page_bytes;

	if (!run->pa || start_pfn < run->start_pfn || end_pfn > run->end_pfn ||
		start_pfn >= end_pfn)
		return false;
	*start = page_align(at + start_pfn * m->struct_page_bytes);
	*end = (at + end_pfn * m->struct_page_bytes) & ~(PAGE_BYTES - 1);
	return *start < *end;
}

/* ---- checking ---- */

static unsigned check_run(const struct machine *m, const struct mem_map_run *run, struct text *out)
{
	uint64_t last = run->pa + mem_map_run_bytes(m, run) - 1;
	uint64_t pfn = run->start_pfn;
	unsigned bad = 0;

	if (run->pa && (!memblock_is_reserved(m, run->pa) || !memblock_is_reserved(m, last))) {
		text_printf(out, "mem_map of pfns 0x%llx-0x%llx is not in reserved RAM\n",
			(ull)run->start_pfn, (ull)run->end_pfn - 1);
		bad++;
	}
	while (pfn < run->end_pfn && !pfn_valid(m, pfn))
		pfn++;
	if (run->pa && pfn < run->end_pfn && run_of(m, pfn) == run &&
		page_to_pfn(m, pfn_to_page(m, pfn)) != pfn) {
		text_printf(out, "the struct page of pfn 0x%llx leads to pfn 0x%llx\n", (ull)pfn,
			(ull)page_to_pfn(m, pfn_to_page(m, pfn)));
		bad++;
	}
	return bad;
}

unsigned mem_map_check(const struct machine *m, struct text *out)
{
	const struct memblock_type *memory = &m->memblock.memory;
	unsigned bad = 0;

	/* Machines that tests make by hand have none. */
	if (!m->mem_map.nr)
		return 0;
	for (unsigned i = 0; i < m->mem_map.nr; i++)
		bad += check_run(m, &runs(m)[i], out);
	for (unsigned i = 0; i < memory->nr; i++) {
		uint64_t pfn[2] = {
			pfn_up(memory->region[i].start), (memory->region[i].end - 1) >> PAGE_SHIFT};

		for (unsigned k = 0; k < 2; k++) {
			if (pfn_valid(m, pfn[k]) && run_of(m, pfn[k]))
				continue;
			text_printf(out, "pfn 0x%llx is RAM and has no struct page\n", (ull)pfn[k]);
			bad++;
		}
	}
	return bad;
}

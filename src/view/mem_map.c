/* SPDX-License-Identifier: MIT
 *
 * sim/mem_map: the memory model, and where each part of mem_map lies: for which pages, at which address, in which RAM.
 *
 *	model         FLATMEM: one array of struct pages, holes of RAM included
 *	struct page   40 bytes
 *	mem_map       5 MiB in 1 part, 0.98% of RAM; 0 of 131072 struct pages describe no RAM
 *	pfns                    pages  virtual             physical                 size node RAM
 *	0x0-0x1ffff            131072  0xdf...             0x1f...-0x1f...        5120 K    0 98%
 *
 * SPARSEMEM's parts are runs of sections that lie side by side.
 */
#include "view/files.h"

#include "mm/page/mem_map.h"

typedef unsigned long long ull;

static const char *model_words(enum mem_model model)
{
	static const char *const words[] = {
		[MEM_MODEL_FLAT] = "one array of struct pages, holes of RAM included",
		[MEM_MODEL_DISCONTIG] =
			"an array of struct pages for each node, holes inside nodes included",
		[MEM_MODEL_SPARSE] = "an array of struct pages for each section that has RAM",
		[MEM_MODEL_SPARSE_VMEMMAP] = ("an array of struct pages for each section that has "
					      "RAM, mapped side by side at vmemmap"),
	};

	return words[model];
}

static uint64_t ram_pages(const struct machine *m, const struct mem_map_run *run)
{
	/* With DISCONTIGMEM another node's RAM in the span is described elsewhere. */
	bool own = mem_model(m) == MEM_MODEL_DISCONTIG;

	return memblock_pages_in(m, run->start_pfn, run->end_pfn, own ? (int)run->nid : -1);
}

/* "0.98%" */
static void put_percent(struct text *out, uint64_t part, uint64_t whole)
{
	uint64_t basis_points = whole ? part * 10000 / whole : 0;

	text_printf(out, "%llu.%02llu%%", (ull)(basis_points / 100), (ull)(basis_points % 100));
}

static void put_summary(const struct machine *m, struct text *out)
{
	const struct mem_map_run *run;
	uint64_t described = 0, ram = memblock_pages_in(m, 0, m->frames_end_pfn, -1), holes = 0;

	for (unsigned i = 0; (run = mem_map_run(m, i)); i++) {
		described += run->end_pfn - run->start_pfn;
		holes += run->end_pfn - run->start_pfn - ram_pages(m, run);
	}
	text_printf(out, "%-13s %s: %s\n", "model", mem_model_name(mem_model(m)),
		model_words(mem_model(m)));
	text_printf(out, "%-13s %u bytes\n", "struct page", m->struct_page_bytes);
	if (m->section_shift)
		text_printf(
			out, "%-13s %llu MiB each\n", "sections", 1ULL << (m->section_shift - 20));
	text_printf(out, "%-13s %llu KiB in %u part%s, ", "mem_map", (ull)mem_map_bytes(m) >> 10,
		m->mem_map.nr, m->mem_map.nr == 1 ? "" : "s");
	put_percent(out, mem_map_bytes(m), ram << PAGE_SHIFT);
	text_printf(out, " of RAM; %llu of its %llu struct pages describe no RAM (%llu KiB)\n",
		(ull)holes, (ull)described, (ull)(holes * m->struct_page_bytes) >> 10);
	if (m->mem_map.unused_bytes)
		text_printf(out,
			"%-13s %llu KiB of it describe holes only and were given back at boot\n",
			"unused", (ull)m->mem_map.unused_bytes >> 10);
	if (mem_model(m) == MEM_MODEL_SPARSE_VMEMMAP)
		text_printf(out, "%-13s pfn 0 would be at 0x%llx%s\n", "vmemmap",
			(ull)vmemmap_base(m),
			m->kernel_map.vmemmap ? "" : "; not in the page tables");
}

static void put_run(const struct machine *m, const struct mem_map_run *run, struct text *out)
{
	uint64_t pages = run->end_pfn - run->start_pfn, bytes = mem_map_run_bytes(m, run);
	uint64_t address = mem_map_run_address(m, run);
	size_t line = out->len;

	text_printf(out, "0x%llx-0x%llx", (ull)run->start_pfn, (ull)run->end_pfn - 1);
	text_fill(out, ' ', 25 > out->len - line ? 25 - (out->len - line) : 1);
	text_printf(out, "%10llu  ", (ull)pages);
	size_t column = out->len;
	if (address)
		text_printf(out, "0x%llx", (ull)address);
	else
		text_puts(out, "?");
	text_fill(out, ' ', 20 > out->len - column ? 20 - (out->len - column) : 1);
	column = out->len;
	if (run->pa)
		text_printf(out, "0x%llx-0x%llx", (ull)run->pa, (ull)(run->pa + bytes - 1));
	else
		text_puts(out, "?");
	text_fill(out, ' ', 26 > out->len - column ? 26 - (out->len - column) : 1);
	text_printf(out, "%8llu %4u ", (ull)bytes >> 10, run->nid);
	put_percent(out, ram_pages(m, run), pages);
	if (m->section_shift)
		text_printf(out, "  sections %llu-%llu",
			(ull)(run->start_pfn << PAGE_SHIFT >> m->section_shift),
			(ull)(((run->end_pfn << PAGE_SHIFT) - 1) >> m->section_shift));
	text_putc(out, '\n');
}

int show_mem_map(struct view *v, struct text *out)
{
	const struct mem_map_run *run;

	put_summary(v->m, out);
	text_printf(out, "%-25s%10s  %-20s%-26s%8s %4s %s\n", "pfns", "pages", "virtual",
		"physical", "KiB", "node", "RAM");
	for (unsigned i = 0; (run = mem_map_run(v->m, i)); i++)
		put_run(v->m, run, out);
	return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * Claim: each memory model places the struct pages as Linux does, knows which pages have one, pays for those of holes
 * or does not, and finds each by its own arithmetic.
 */
#include "support/booted.h"
#include "support/world.h"

#include "base/text.h"
#include "mm/page/address.h"
#include "mm/page/contents.h"
#include "mm/page/frame.h"
#include "mm/page/zone.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GB (1ULL << 30)

static uint64_t managed(const struct machine *m)
{
	return m->totalram_pages;
}

/* 8 GiB of a PC leave a hole from 3 to 4 GiB. */
#define IN_HOLE ((3 * GB + GB / 2) >> PAGE_SHIFT)

/* There and back for pages in all places, and the struct page's RAM is really there under its address. */
static void round_trips(struct machine *m)
{
	struct hw_regime r = kernel_map_regime(m);
	struct dram d = machine_dram(m);
	uint64_t step = (m->end_pfn - m->base_pfn) / 97 + 1;

	for (uint64_t pfn = m->base_pfn; pfn < m->end_pfn; pfn += step) {
		struct page_walk w;

		if (!pfn_valid(m, pfn)) {
			cr_assert_neq(page_to_pfn(m, pfn_to_page_unchecked(m, pfn)), pfn);
			continue;
		}
		uint64_t page = pfn_to_page(m, pfn);

		cr_assert_neq(page, 0);
		cr_assert_eq(page_to_pfn(m, page), pfn, "%s: pfn 0x%llx", m->model,
			(unsigned long long)pfn);
		cr_assert_eq(page_to_pfn(m, page + m->struct_page_bytes - 1), pfn);
		walk_tables(&r, &d, page, &w);
		cr_assert_eq(w.fault, HW_FAULT_NONE, "%s: struct page at 0x%llx", m->model,
			(unsigned long long)page);
		cr_assert(memblock_is_reserved(m, w.pa));
	}
	cr_assert_eq(page_to_pfn(m, page_offset(m) + (1 << 20)), NO_PFN);
	cr_assert_eq(page_to_pfn(m, 0), NO_PFN);
}

Test(mem_map, one_machine_with_each_model)
{
	static const struct {
		const char *config;
		enum mem_model model;
		bool hole_valid;
	} row[] = {
		{"", MEM_MODEL_SPARSE_VMEMMAP, false},
		{"-SPARSEMEM_VMEMMAP", MEM_MODEL_SPARSE, false},
		{"+FLATMEM,-NUMA", MEM_MODEL_FLAT, true},
		{"+DISCONTIGMEM", MEM_MODEL_DISCONTIG, true},
	};
	uint64_t hole_bytes = (GB >> PAGE_SHIFT) * 64, sparse = 0;

	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct machine *m = booted("pc-x86_64", "ram", "8G", "config", row[i].config, NULL);
		uint64_t bytes = mem_map_bytes(m);

		cr_expect_eq(mem_model(m), row[i].model);
		cr_expect_eq(pfn_valid(m, IN_HOLE), row[i].hole_valid, "%s", row[i].config);
		cr_expect(!pfn_valid(m, m->end_pfn));
		cr_expect_eq(bytes,
			(8 * GB >> PAGE_SHIFT) * 64 + (row[i].hole_valid ? hole_bytes : 0),
			"%s: %llu", row[i].config, (unsigned long long)bytes);
		if (!i)
			sparse = managed(m);
		/* What the hole costs is missing, to some pages of nodes' data. */
		if (row[i].hole_valid)
			cr_expect_lt(managed(m), sparse - (hole_bytes >> PAGE_SHIFT) + 100);
		if (row[i].hole_valid)
			cr_expect(frame_peek(m, IN_HOLE).flags & FRAME_HOLE);
		round_trips(m);
		machine_destroy(m);
	}
}

/* The page allocator works on each of them: the machine boots anew, and is used. */
Test(mem_map, the_page_allocator_with_each_model)
{
	static const char *const config[] = {
		"", "+DISCONTIGMEM", "-SPARSEMEM_VMEMMAP", "+FLATMEM,-NUMA"};
	struct simm *simm = world("pc-x86_64-numa", "cmdline", "memmap=512M$1536M", NULL);
	char line[128], mix[64];

	for (unsigned i = 0; i < sizeof(config) / sizeof(config[0]); i++) {
		snprintf(line, sizeof(line), "reboot config=%s", config[i]);
		cr_assert_eq(world_refused(simm, line), 0, "%s", line);
		snprintf(mix, sizeof(mix), "mix %u 20000", i + 1);
		world_call(simm, mix);
		cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n", "%s", config[i]);
		world_call(simm, "__free_pages mix.0-");
		world_call(simm, "drain_all_pages");
		cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n", "%s", config[i]);
	}
	simm_destroy(simm);
}

/* Between nodes there is nothing; inside one a hole is paid for. */
Test(mem_map, discontigmem_by_nodes)
{
	struct machine *m = booted(
		"pc-x86_64-numa", "config", "+DISCONTIGMEM", "cmdline", "memmap=512M$1536M", NULL);

	cr_assert_eq(m->mem_map.nr, 2);
	cr_expect_eq(mem_map_run(m, 0)->nid, 0);
	cr_expect_eq(mem_map_run(m, 0)->end_pfn, (GB + GB / 2) >> PAGE_SHIFT);
	cr_expect_eq(mem_map_run(m, 1)->start_pfn, 2 * GB >> PAGE_SHIFT);
	cr_expect(!pfn_valid(m, (GB + 3 * (GB / 4)) >> PAGE_SHIFT), "between the nodes");
	cr_expect(pfn_valid(m, IN_HOLE), "inside node 1");
	cr_expect_eq(pfn_zone(m, IN_HOLE)->nid, 1);
	round_trips(m);
	machine_destroy(m);
}

/* What books print: i386's array in low memory, vmemmap's base. */
Test(mem_map, addresses)
{
	struct machine *m = booted("pc-i386", "ram", "512M", NULL);
	const struct mem_map_run *run = mem_map_run(m, 0);

	cr_assert_eq(m->mem_map.nr, 1);
	cr_expect_eq(pfn_to_page(m, 0), page_offset(m) + run->pa);
	cr_expect_eq(pfn_to_page(m, 0x1000), pfn_to_page(m, 0) + 0x1000 * 40);
	cr_expect_eq(mem_map_run_bytes(m, run), (512ULL << 8) * 40);
	machine_destroy(m);

	m = booted("pc-x86_64", NULL);
	cr_expect_eq(pfn_to_page(m, 0x12345), 0xffffea0000000000 + 0x12345 * 64);
	machine_destroy(m);

	m = booted("arm64-virt", NULL);
	cr_expect_eq(pfn_to_page(m, m->base_pfn), 0xfffffc0000000000);
	round_trips(m);
	machine_destroy(m);

	m = booted("riscv64-virt", NULL);
	cr_expect_eq(pfn_to_page(m, m->base_pfn), 0xffffffc700000000);
	round_trips(m);
	machine_destroy(m);
}

/* Sections beyond one allocation's reach, and tables for more struct pages than the image has room for. */
Test(mem_map, huge_machines)
{
	struct machine *m = booted("pc-x86_64", "ram", "4T", NULL);

	cr_expect(m->kernel_map.vmemmap);
	cr_expect_leq(m->mem_map.nr, 4);
	round_trips(m);
	machine_destroy(m);
	m = booted("pc-x86_64", "ram", "1T", "config", "-SPARSEMEM_VMEMMAP", NULL);
	round_trips(m);
	machine_destroy(m);
}

/* Two banks with a hole between them: ARM gives the struct pages of the hole back and knows pfns by pageblocks. */
Test(mem_map, arm_gives_back_what_describes_holes)
{
	struct machine_desc *d = described("arm-virt");

	cr_assert_eq(d->nr_fw, 1);
	d->fw[0].end = d->fw[0].start + (256 << 20) + (1 << 20);
	d->fw[1] = d->fw[0];
	d->fw[1].start = d->fw[0].start + (512 << 20);
	d->fw[1].end = d->fw[1].start + (256 << 20);
	d->nr_fw = 2;
	uint64_t hole_pfn = (d->fw[0].start + (300 << 20)) >> PAGE_SHIFT;
	uint64_t edge_pfn = (d->fw[0].start + (260 << 20)) >> PAGE_SHIFT;
	struct machine *m = boot_described(d);

	cr_assert(m, "%s", refused_why());
	booted_check(m);
	cr_expect(!pfn_valid(m, hole_pfn));
	cr_expect(pfn_valid(m, edge_pfn), "in a pageblock with RAM");
	/* 248 MiB from the pageblock's end on, by whole pages. */
	cr_expect_leq(m->mem_map.unused_bytes, (248ULL << 8) * 36);
	cr_expect_geq(m->mem_map.unused_bytes, (248ULL << 8) * 36 - 2 * PAGE_BYTES);
	machine_destroy(m);
}

Test(mem_map, the_model_is_a_choice)
{
	static const struct {
		const char *preset, *config, *says;
	} row[] = {
		{"pc-i386", "-FLATMEM", "exactly one memory model"},
		{"pc-i386", "+SPARSEMEM,+DISCONTIGMEM", "exactly one memory model"},
		{"pc-i386", "+SPARSEMEM,+SPARSEMEM_VMEMMAP", "64-bit"},
		{"pc-x86_64", "+FLATMEM", "-NUMA"},
		{"pc-i386", "+NUMA", "FLATMEM"},
	};

	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		const char *why = boot_refused(row[i].preset, "config", row[i].config, NULL);

		cr_expect(strstr(why, row[i].says), "%s %s: %s", row[i].preset, row[i].config, why);
	}
	/* What needs sections goes with them. */
	struct machine *m = booted("pc-x86_64", "config", "+DISCONTIGMEM", NULL);
	cr_expect(!machine_has(m, CONFIG_SPARSEMEM));
	cr_expect(!machine_has(m, CONFIG_MEMORY_HOTPLUG));
	cr_expect(!zone_configured(m, ZONE_DEVICE));
	machine_destroy(m);
}

/* A run that is moved is found. */
Test(mem_map, the_check_can_fail)
{
	struct machine *m = booted("pc-i386", "ram", "512M", NULL);
	struct mem_map_run *run = machine_at(m, m->mem_map.at);
	struct text out;

	text_init(&out);
	cr_assert_eq(mem_map_check(m, &out), 0);
	run->pa = 64 << 20;
	cr_expect_gt(mem_map_check(m, &out), 0);
	run->pa = 0;
	run->end_pfn -= 0x1000;
	cr_expect_gt(mem_map_check(m, &out), 0);
	text_finish(&out);
	machine_destroy(m);
}

/* SPDX-License-Identifier: MIT
 *
 * Claims about booting: where the presets' zones lie, and what the command line's memory
 * parameters change.
 *
 *	i386   |DMA 16 MiB|------ Normal, up to 0x36bfe000 ------|-- HighMem --|
 */
#include "mm/machine.h"

#include "base/text.h"
#include "mm/page/frame.h"
#include "mm/page/zone.h"
#include "support/booted.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

typedef unsigned long long ull;

#define MIB_PAGES 256u

static uint64_t end_of(const struct machine *m, enum zone_type type)
{
	return zone_end_pfn(zone_at(m, 0, type));
}

static uint64_t managed(const struct machine *m, enum zone_type type)
{
	return zone_at(m, 0, type)->managed_pages;
}

Test(boot, every_preset_boots_and_frees_all_that_it_manages)
{
	const struct preset *p;

	for (unsigned i = 0; (p = preset_nth(i)); i++) {
		struct machine *m = booted(p->name, NULL);
		uint64_t total = 0;

		for (const struct zone *z = zone_next(m, NULL); z; z = zone_next(m, z)) {
			cr_expect_eq(z->managed_pages, z->free_pages, "%s", p->name);
			total += z->managed_pages;
		}
		cr_expect_eq(total, m->totalram_pages);
		cr_expect_gt(strlen(p->doc), 10);
		machine_destroy(m);
	}
	cr_expect_eq(preset_find("pc-i386"), preset_nth(0), "the default");
	cr_expect_null(preset_find("pc-i3866"));
}

Test(boot, shapes_of_the_presets)
{
	static const struct {
		const char *name;
		unsigned orders, pageblock, thp, page_bytes, nodes;
		const char *zones;
		uint64_t cma_mib;
	} shapes[] = {
		{"pc-i386", 11, 10, 10, 40, 1, "DMA Normal HighMem ", 0},
		{"pc-i386-pae", 11, 9, 9, 40, 1, "DMA Normal HighMem ", 0},
		{"arm-virt", 12, 11, 0, 36, 1, "DMA HighMem ", 64},
		{"pc-x86_64", 11, 9, 9, 64, 1, "DMA DMA32 Normal ", 0},
		{"pc-x86_64-numa", 11, 9, 9, 64, 2, "DMA DMA32 DMA32 Normal ", 0},
		{"arm64-virt", 11, 9, 9, 64, 1, "DMA DMA32 Normal ", 64},
		{"riscv64-virt", 11, 9, 9, 64, 1, "DMA32 Normal ", 16},
	};

	for (unsigned i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct machine *m = booted(shapes[i].name, NULL);
		char zones[128] = "";

		for (const struct zone *z = zone_next(m, NULL); z; z = zone_next(m, z))
			if (z->present_pages)
				strcat(strcat(zones, zone_name(z->type)), " ");
		cr_expect_str_eq(zones, shapes[i].zones, "%s: %s", shapes[i].name, zones);
		cr_expect(m->nr_orders == shapes[i].orders &&
				  m->pageblock_order == shapes[i].pageblock &&
				  m->pcp_thp_order == shapes[i].thp &&
				  m->struct_page_bytes == shapes[i].page_bytes &&
				  m->nr_nodes == shapes[i].nodes,
			"%s", shapes[i].name);
		cr_expect_eq(
			m->totalcma_pages / MIB_PAGES, shapes[i].cma_mib, "%s", shapes[i].name);
		machine_destroy(m);
	}
}

Test(boot, low_memory_of_i386)
{
	struct machine *m = booted("pc-i386", NULL);
	cr_expect_eq(end_of(m, ZONE_NORMAL), 0x36bfe);
	machine_destroy(m);

	/* vmalloc= has a guard of 8 MiB more than it says. */
	m = booted("pc-i386", "cmdline", "vmalloc=256M", NULL);
	cr_expect_eq(end_of(m, ZONE_NORMAL), 0x36bfe - (256 + 8 - 128) * MIB_PAGES);
	machine_destroy(m);

	m = booted("pc-i386-pae", NULL);
	cr_expect_eq(end_of(m, ZONE_NORMAL), 0x36ffe);
	machine_destroy(m);

	m = booted("pc-i386", "config", "-HIGHMEM", NULL);
	cr_expect_eq(m->end_pfn, 0x36bfe);
	cr_expect(strstr(booted_log(m), "Use a HIGHMEM enabled kernel."));
	machine_destroy(m);
}

Test(boot, highmem_takes_low_memory_away)
{
	struct machine *m = booted("pc-i386", "ram", "512M", "cmdline", "highmem=128M", NULL);
	cr_expect_eq(managed(m, ZONE_HIGHMEM), 128 * MIB_PAGES);
	machine_destroy(m);

	m = booted("pc-i386", "ram", "256M", "cmdline", "highmem=224M", NULL);
	cr_expect_eq(managed(m, ZONE_HIGHMEM), 0);
	cr_expect(strstr(booted_log(m), "results in <64MB lowmem"));
	machine_destroy(m);

	/* On a large machine it limits the high memory. */
	m = booted("pc-i386", "cmdline", "highmem=100M", NULL);
	cr_expect_eq(managed(m, ZONE_HIGHMEM), 100 * MIB_PAGES);
	machine_destroy(m);
}

Test(boot, mem_limits)
{
	struct machine *m = booted("pc-x86_64", "cmdline", "mem=1G", NULL);
	cr_expect_eq(m->end_pfn, 1024 * MIB_PAGES);
	cr_expect(strstr(booted_log(m), "user-defined physical RAM map:"));
	machine_destroy(m);

	m = booted("arm64-virt", "cmdline", "mem=1G", NULL);
	cr_expect_eq(m->end_pfn, (1024 + 1024) * MIB_PAGES, "RAM begins at 1 GiB");
	machine_destroy(m);

	m = booted("arm-virt", "cmdline", "mem=256M@0x50000000", NULL);
	cr_expect_eq(m->memblock.memory.region[0].start, 0x50000000);
	cr_expect_eq(m->end_pfn, 0x60000);
	machine_destroy(m);
}

Test(boot, resources_end_where_the_kernel_s_addresses_do)
{
	struct machine *m = booted("pc-i386", "ram", "4G", NULL);
	cr_expect(!strstr(booted_resources(m, false), "100000000-"));
	machine_destroy(m);

	m = booted("pc-i386-pae", "ram", "4G", NULL);
	cr_expect(strstr(booted_resources(m, false), "100000000-13fffffff : System RAM"));
	machine_destroy(m);
}

Test(boot, memmap_edits_the_firmware_s_map)
{
	struct machine *m = booted("pc-x86_64", "cmdline", "memmap=64M$1G", NULL);
	cr_expect(!pfn_present(m, 0x40000) && pfn_present(m, 0x3ffff) && pfn_present(m, 0x44000));
	cr_expect(strstr(booted_resources(m, false), "40000000-43ffffff : Reserved"));
	machine_destroy(m);

	m = booted("pc-x86_64", "cmdline", "memmap=exactmap memmap=640K@0 memmap=511M@1M", NULL);
	cr_expect_eq(m->end_pfn, 512 * MIB_PAGES);
	machine_destroy(m);

	m = booted("pc-i386", "ram", "1G", "cmdline", "memmap=256M@1G", NULL);
	cr_expect_eq(m->end_pfn, 1280 * MIB_PAGES);
	machine_destroy(m);

	m = booted("pc-x86_64", "cmdline", "memmap=1G!4G", NULL);
	cr_expect(!pfn_present(m, 0x100000));
	cr_expect(strstr(booted_resources(m, false), "100000000-13fffffff : Persistent Memory"));
	machine_destroy(m);
}

Test(boot, cma_on_the_command_line)
{
	struct machine *m = booted("arm64-virt", "cmdline", "cma=128M", NULL);
	cr_expect_eq(m->totalcma_pages, 128 * MIB_PAGES);
	machine_destroy(m);

	m = booted("arm64-virt", "cma", "0", NULL);
	cr_expect_eq(m->totalcma_pages, 0);
	machine_destroy(m);

	m = booted("pc-x86_64", "cma", "32M@0x20000000-0x30000000", NULL);
	cr_expect_eq(m->cma[0].base_pfn, 0x2e000);
	machine_destroy(m);

	m = booted("pc-x86_64", "cma", "16M@0x20000000", NULL);
	cr_expect(m->cma[0].base_pfn == 0x20000 && pageblock_type(m, 0x20000) == MIGRATE_CMA);
	machine_destroy(m);

	m = booted("pc-i386", "cma", "4G", NULL);
	cr_expect_eq(m->totalcma_pages, 0);
	cr_expect(strstr(booted_log(m), "cma: Failed to reserve 4096 MiB"));
	machine_destroy(m);

	cr_expect(strstr(boot_refused("pc-i386", "config", "debian", "cma", "16M", NULL), "CMA"));
}

Test(boot, turning_cma_on_changes_no_zone)
{
	struct machine *a = booted("pc-x86_64", NULL),
		       *b = booted("pc-x86_64", "config", "debian", NULL);

	for (const struct zone *z = zone_next(a, NULL); z; z = zone_next(a, z)) {
		const struct zone *other = zone_at(b, z->nid, z->type);

		cr_expect(z->managed_pages == other->managed_pages &&
			  z->watermark[WMARK_MIN] == other->watermark[WMARK_MIN]);
	}
	machine_destroy(a);
	machine_destroy(b);
}

Test(boot, kernelcore_and_movablecore)
{
	struct machine *m = booted("pc-x86_64", "cmdline", "kernelcore=4G", NULL);
	uint64_t movable = zone_at(m, 0, ZONE_MOVABLE)->present_pages, all = 8 * 1024 * MIB_PAGES;

	cr_expect(movable > all / 2 - 2048 && movable < all / 2 + 2048, "%llu", (ull)movable);
	cr_expect_eq(end_of(m, ZONE_NORMAL), zone_at(m, 0, ZONE_MOVABLE)->start_pfn);
	cr_expect(strstr(booted_log(m), "  Node 0: 0x"));
	machine_destroy(m);

	m = booted("pc-x86_64", "cmdline", "movablecore=1G", NULL);
	cr_expect_eq(zone_at(m, 0, ZONE_MOVABLE)->present_pages / MIB_PAGES / 8, 128);
	machine_destroy(m);

	m = booted("pc-x86_64", "cmdline", "kernelcore=50%", NULL);
	cr_expect_gt(zone_at(m, 0, ZONE_MOVABLE)->present_pages, all / 2 - 4096);
	machine_destroy(m);

	/* Evenly over the nodes. */
	m = booted("pc-x86_64-numa", "cmdline", "kernelcore=2G", NULL);
	cr_expect_gt(zone_at(m, 1, ZONE_MOVABLE)->present_pages, 900 * MIB_PAGES);
	machine_destroy(m);

	/* On i386 only HighMem can be movable. */
	m = booted("pc-i386", "cmdline", "kernelcore=1G", NULL);
	cr_expect_eq(end_of(m, ZONE_NORMAL), 0x36bfe);
	cr_expect_eq(zone_end_pfn(zone_at(m, 0, ZONE_MOVABLE)), 0x7ffdd);
	machine_destroy(m);
	cr_expect(
		strstr(boot_refused("pc-x86_64", "cmdline", "kernelcore=mirror", NULL), "mirror"));
}

Test(boot, fake_nodes)
{
	struct machine *m = booted("pc-x86_64", "cmdline", "numa=fake=4", NULL);

	cr_expect_eq(m->nr_nodes, 4);
	cr_expect_eq(m->node_distance[0][3], 10);
	cr_expect(strstr(booted_log(m), "Built 4 zonelists"));
	machine_destroy(m);
	m = booted("pc-x86_64", "nodes", "8", "ram", "16G", "cpus", "16", NULL);
	cr_expect_eq(m->nr_nodes, 8);
	cr_expect_eq(m->cpu_node[15], 7);
	cr_expect_eq(m->node_distance[0][7], 20);
	machine_destroy(m);
	cr_expect(strstr(boot_refused("pc-i386", "nodes", "2", NULL), "NUMA"));
}

Test(boot, nodes_of_which_nothing_is_left_do_not_come_online)
{
	struct text t;
	/* 8 GiB in 30 shares; persistent memory takes some of them whole, mem= all behind its limit. */
	struct machine *m = booted("pc-x86_64", "cmdline", "memmap=1G!5G numa=fake=30", NULL);

	cr_expect(m->nr_nodes > 20 && m->nr_nodes < 30, "%u", m->nr_nodes);
	text_init(&t);
	cr_expect_eq(machine_check(m, &t), 0, "%s", text_str(&t));
	machine_destroy(m);
	m = booted("pc-x86_64", "nodes", "8", "cpus", "2", "cmdline", "mem=2G", NULL);
	/* Two with memory, and that of the second CPU. */
	cr_expect(node_at(m, 0)->has_memory && node_at(m, 0)->has_cpu);
	cr_expect(m->nr_nodes < 8 && m->node_distance[0][m->nr_nodes - 1] == 20, "%u", m->nr_nodes);
	text_clear(&t);
	cr_expect_eq(machine_check(m, &t), 0, "%s", text_str(&t));
	text_finish(&t);
	machine_destroy(m);
}

Test(boot, zonelists_begin_at_home_and_go_by_distance)
{
	struct machine *m = booted("pc-x86_64-numa", NULL);
	const struct node *n = node_at(m, 1);

	cr_assert_eq(n->nr_fallback, 4);
	cr_expect(n->fallback[0].nid == 1 && n->fallback[0].type == ZONE_NORMAL);
	cr_expect(n->fallback[1].nid == 1 && n->fallback[1].type == ZONE_DMA32);
	cr_expect(n->fallback[2].nid == 0 && n->fallback[2].type == ZONE_DMA32);
	cr_expect(n->fallback[3].nid == 0 && n->fallback[3].type == ZONE_DMA);
	machine_destroy(m);
}

Test(boot, what_the_kernel_does_not_understand)
{
	struct machine_desc *d = described("pc-x86_64");

	/* A board's own parameters are not refused: the kernel only complains. */
	snprintf(d->bootargs, sizeof(d->bootargs), "mem=lots quiet hog=1");
	struct machine *m = boot_described(d);
	cr_assert(m);
	cr_expect(strstr(booted_log(m), "Malformed early option 'mem'"));
	cr_expect(strstr(booted_log(m),
		"Unknown kernel command line parameters \"hog=1\", will be passed to user space."));
	machine_destroy(m);
	boot_refused("pc-x86_64", "cmdline", "mem=lots", NULL);
}

Test(boot, room_for_hotplug)
{
	struct machine *m = booted("pc-x86_64", "ram", "4G", "maxram", "16G", NULL);

	cr_expect_eq(m->end_pfn, 5 * 1024 * MIB_PAGES);
	cr_expect_geq(m->frames_end_pfn, 17 * 1024 * MIB_PAGES);
	machine_destroy(m);
}

Test(boot, the_first_mib_of_a_pc)
{
	struct machine *m = booted("pc-i386", NULL);

	cr_expect(frame_peek(m, 0).flags & FRAME_RESERVED &&
		  frame_peek(m, 0x50).flags & FRAME_RESERVED);
	cr_expect(!pfn_present(m, 0) && pfn_present(m, 1) && !pfn_present(m, 0xa0) &&
		  pfn_present(m, 0x100));
	cr_expect(frame_peek(m, 0x100).flags & FRAME_BUDDY);
	machine_destroy(m);
}

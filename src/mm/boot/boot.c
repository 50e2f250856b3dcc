/* SPDX-License-Identifier: MIT
 *
 * A machine boots: from the firmware's map to a page allocator that has all free memory.
 *
 *	firmware map -> memblock: memory        what is RAM
 *	             -> memblock: reserved      image, ram disk, reserved-memory, CMA, tables, mem_map, hash tables
 *	             -> nodes and zones         spanned, present
 *	             -> zonelists
 *	             -> the buddy allocator     managed
 *	             -> slab caches, pid 1      take nothing of it
 *
 * Each step is a file boot_*.c; the order is the kernel's (start_kernel(), setup_arch() of the
 * architecture), for memblock gives from the top down, and so the order decides what lies where.
 * The log has the kernel's lines for what is simulated, and none for what is not.
 *
 * Invariant at the end: managed = present - reserved in every zone, and all of managed is free.
 */
#include "mm/boot/boot.h"

#include "base/text.h"
#include "mm/dma/debug.h"
#include "mm/kernel/pmsa.h"
#include "mm/move/compaction.h"
#include "mm/page/zone.h"
#include "mm/process/task.h"
#include "mm/slab/slab.h"
#include "mm/vmalloc/vmap_area.h"

#include <errno.h>

static void say_kernel(struct boot *b)
{
	if (machine_has(b->m, CONFIG_MMU))
		log_printf(b->m,
			"Linux version %s (debian-kernel@lists.debian.org) #1 SMP%s Debian "
			"6.1.176-1",
			b->a->kernel,
			machine_has(b->m, CONFIG_PREEMPT_DYNAMIC) ? " PREEMPT_DYNAMIC" : "");
	else
		log_printf(b->m, "Linux version %s #1 PREEMPT", b->a->kernel);
	if (b->d->ram_assumed)
		log_printf(b->m, "simmfs: the devicetree says of no RAM, which its boot loader "
				 "fills in: 2 GiB "
				 "are assumed (-o ram= says otherwise)");
	if (b->m->arch == ARCH_X86_64)
		log_printf(b->m, "Command line: %s", b->m->cmdline);
	boot_say_intel_iommu(b);
	const char *word = b->c.malformed;
	while (*word == ' ') {
		size_t len = 1;

		while (word[len] && word[len] != ' ')
			len++;
		log_printf(b->m, "Malformed early option '%.*s'", (int)len - 1, word + 1);
		word += len;
	}
}

/* RAM that hibernation must not save: what lies between the ranges of RAM. */
static void say_nosave(struct boot *b)
{
	uint64_t last = 0;

	for (unsigned i = 0; i < b->nr_map; i++) {
		if (b->map[i].type != FIRMWARE_USABLE)
			continue;
		if (last < b->map[i].start)
			log_printf(b->m,
				"PM: hibernation: Registered nosave memory: [mem "
				"0x%08llx-0x%08llx]",
				(ull)align_down(last, PAGE_BYTES),
				(ull)align_up(b->map[i].start, PAGE_BYTES) - 1);
		last = b->map[i].end;
	}
}

/* The largest gap below 4 GiB, for the addresses of devices (e820__setup_pci_gap()). */
static void say_pci_gap(struct boot *b)
{
	uint64_t last = (uint64_t)4 << 30, start = 0, bytes = 4 << 20;

	for (unsigned i = b->nr_map; i-- > 0;) {
		if (b->map[i].end <= last && last - b->map[i].end >= bytes) {
			bytes = last - b->map[i].end;
			start = b->map[i].end;
		}
		last = min_u64(last, b->map[i].start);
	}
	if (start)
		log_printf(b->m, "[mem 0x%08llx-0x%08llx] available for PCI devices", (ull)start,
			(ull)(start + bytes - 1));
}

static int say_gaps(struct boot *b)
{
	if (arch_is_x86(b->m->arch)) {
		say_nosave(b);
		say_pci_gap(b);
	}
	return 0;
}

static void say_fallback(struct boot *b)
{
	for (unsigned nid = 0; nid < b->m->nr_nodes; nid++) {
		const struct node *n = node_at(b->m, nid);
		struct text line;
		int last = -1;

		text_init(&line);
		for (unsigned i = 0; i < n->nr_fallback; i++) {
			if (n->fallback[i].nid == last)
				continue;
			last = n->fallback[i].nid;
			text_printf(&line, "%d ", last);
		}
		log_printf(b->m, "Fallback order for Node %u: %s", nid, text_str(&line));
		text_finish(&line);
	}
}

/* The highest zone with pages below the two that policies leave alone. */
static const char *policy_zone(const struct boot *b)
{
	enum zone_type highest = ZONE_DMA;

	for (const struct zone *z = zone_next(b->m, NULL); z; z = zone_next(b->m, z))
		if (zone_populated(z) && z->type < ZONE_MOVABLE && z->type > highest)
			highest = z->type;
	return zone_name(highest);
}

static void build_zonelists(struct boot *b)
{
	struct machine *m = b->m;

	zones_build_zonelists(m);
	m->page_alloc.page_group_by_mobility_disabled =
		b->all_pages < ((uint64_t)m->nr_migratetypes << m->pageblock_order);
	if (machine_has(m, CONFIG_NUMA))
		say_fallback(b);
	log_printf(m, "Built %u zonelists, mobility grouping %s.  Total pages: %llu", m->nr_nodes,
		m->page_alloc.page_group_by_mobility_disabled ? "off" : "on", (ull)b->all_pages);
	if (machine_has(m, CONFIG_NUMA))
		log_printf(m, "Policy zone: %s", policy_zone(b));
	log_printf(m, "Kernel command line: %s", m->cmdline);
	dma_debug_setup(m, &b->c);
	if (*b->c.unknown)
		log_printf(m,
			"Unknown kernel command line parameters \"%s\", will be passed to user "
			"space.",
			b->c.unknown + 1);
}

static void set_shape(struct boot *b)
{
	struct machine *m = b->m;
	uint64_t unit = PAGE_BYTES << (m->nr_orders - 1);

	if (m->section_shift)
		unit = max_u64(unit, (uint64_t)1 << m->section_shift);
	m->end_pfn = b->max_pfn;
	/* The layout of the arena allows for more than mem= left. */
	uint64_t first = align_down(m->memblock.memory.region[0].start, unit) >> PAGE_SHIFT;
	if (!arch_is_x86(m->arch) && first > m->base_pfn)
		m->base_pfn = first;
}

typedef int step_fn(struct boot *b);

static int run(struct boot *b, step_fn *const *steps)
{
	int err = 0;

	while (*steps && !err)
		err = (*steps++)(b);
	return err;
}

int boot_machine(struct machine *m, const struct machine_desc *d)
{
	static step_fn *const usual[] = {boot_map, boot_limits, boot_reserve, boot_cma_default,
		boot_nodes, boot_memmap, boot_zones, say_gaps, boot_percpu, NULL};
	/* arm64 takes its CMA area after mem_map, the others before. */
	static step_fn *const arm64[] = {boot_map, boot_limits, boot_reserve, boot_nodes,
		boot_memmap, boot_zones, boot_cma_default, say_gaps, boot_percpu, NULL};
	static step_fn *const tables[] = {
		boot_tables, boot_resources, boot_free, boot_page_ext, NULL};
	static step_fn *const like[] = {boot_map, boot_like, say_gaps, NULL};
	static step_fn *const like_rest[] = {
		boot_resources, boot_free, boot_page_ext, boot_like_settings, NULL};
	struct boot b = {
		.m = m, .d = d, .a = arch_facts(m->arch, arch_variant(m->arch, m->config))};

	int err = cmdline_parse(&b.c, m->cmdline, m->arch, &m->why);
	if (err)
		return err;
	if (machine_has(m, CONFIG_MMU))
		kernel_map_choose_mode(m, &b.c);
	say_kernel(&b);
	err = run(&b, d->like.set ? like : m->arch == ARCH_ARM64 ? arm64 : usual);
	if (err)
		return err;
	set_shape(&b);
	err = machine_has(m, CONFIG_MMU) ? boot_kernel_map(&b) : pmsa_setup(m);
	if (err)
		return err;
	build_zonelists(&b);
	err = run(&b, d->like.set ? like_rest : tables);
	if (!err && machine_has(m, CONFIG_MMU))
		err = vmap_areas_init(m);
	m->vmalloc.no_huge = b.c.nohugevmalloc;
	m->vmalloc.no_huge_ioremap = b.c.nohugeiomap;
	if (!err)
		err = kmem_cache_init(m);
	if (!err)
		dma_debug_init(m);
	if (!err)
		err = boot_reserved_mem(&b);
	if (!err)
		err = boot_devices(&b);
	if (!err && machine_has(m, CONFIG_DEBUG_KMEMLEAK))
		kmemleak_init(m, b.c.kmemleak);
	if (!err)
		kcompactd_init(m);
	return err || !machine_has(m, CONFIG_MMU) ? err : processes_init(m);
}

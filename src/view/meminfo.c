/* SPDX-License-Identifier: MIT
 *
 * proc/meminfo and each node's meminfo: the machine's memory in one page of text.
 *
 * All of it is derived from the same counters as vmstat and zoneinfo, by the formulas of fs/proc/meminfo.c,
 * mm/page_alloc.c (MemAvailable) and mm/util.c (CommitLimit) of Linux 6.1. Fields whose part of memory management is
 * not here yet are there and zero. Hot: every monitor reads it once a second.
 */
#include "view/files.h"
#include "view/put.h"

#include "base/number.h"
#include "mm/page/hugetlb.h"
#include "mm/process/mm.h"
#include "view/memory_size.h"

#define LABEL_COLUMNS 16
#define ISA_END	      ((uint64_t)1 << 20)
/* Offsets from PAGE_OFFSET (0xc0000000). */
#define VMALLOC_OFFSET	 ((uint64_t)8 << 20)
#define I386_VMALLOC_END 0x3ebfe000u
#define PAE_VMALLOC_END	 0x3effe000u
#define ARM_VMALLOC_END	 0x3f800000u
/* 48-bit addresses; Sv39. */
#define ARM64_VMALLOC_KB   133143592960u
#define RISCV64_VMALLOC_KB ((uint64_t)64 << 20)

/* "MemTotal:       " has 16 columns, then the number 8. Node files have "Node 0 " before it.
 * A label that has its blanks already is put as it is. */
static void put_kb(struct text *out, const char *prefix, const char *label, uint64_t kb)
{
	text_puts(out, prefix);
	put_left(out, label, strchr(label, ' ') ? 0 : LABEL_COLUMNS);
	text_dec(out, kb, 8);
	text_put(out, " kB\n", 4);
}

static void put_pages(struct text *out, const char *label, uint64_t pages)
{
	put_kb(out, "", label, PAGES_TO_KB(pages));
}

/* si_mem_available(): what programs could still get without swapping. */
uint64_t memory_available_pages(const struct machine *m)
{
	uint64_t low = 0;

	for (const struct zone *z = zone_next(m, NULL); z; z = zone_next(m, z))
		low += wmark_pages(z, WMARK_LOW);
	uint64_t files =
		node_stat_total(m, ND_nr_active_file) + node_stat_total(m, ND_nr_inactive_file);
	uint64_t reclaimable = node_stat_total(m, ND_nr_slab_reclaimable) +
			       node_stat_total(m, ND_nr_kernel_misc_reclaimable);
	int64_t pages =
		(int64_t)zone_stat_total(m, ZS_nr_free_pages) - (int64_t)m->totalreserve_pages;
	pages += (int64_t)(files - min_u64(files / 2, low));
	pages += (int64_t)(reclaimable - min_u64(reclaimable / 2, low));
	return pages > 0 ? (uint64_t)pages : 0;
}

/* HighMem's pages that are dirtyable only when highmem_is_dirtyable says so. */
static uint64_t highmem_dirtyable_pages(const struct machine *m, uint64_t most)
{
	uint64_t pages = 0;

	for (const struct zone *z = zone_next(m, NULL); z; z = zone_next(m, z)) {
		/* Movable is HighMem's where there is one. */
		if (z->type != ZONE_HIGHMEM && z->type != ZONE_MOVABLE)
			continue;
		uint64_t free_pages = zone_stat(z, ZS_nr_free_pages);
		pages += free_pages - min_u64(free_pages, wmark_pages(z, WMARK_HIGH));
		pages += zone_stat(z, ZS_nr_zone_inactive_file) +
			 zone_stat(z, ZS_nr_zone_active_file);
	}
	return min_u64(pages, most);
}

/* global_dirtyable_memory() */
static uint64_t dirtyable_pages(const struct machine *m)
{
	uint64_t pages = zone_stat_total(m, ZS_nr_free_pages);

	pages -= min_u64(pages, m->totalreserve_pages);
	pages += node_stat_total(m, ND_nr_inactive_file) + node_stat_total(m, ND_nr_active_file);
	if (machine_has(m, CONFIG_HIGHMEM) && !m->sysctls.value[SYSCTL_highmem_is_dirtyable])
		pages -= highmem_dirtyable_pages(m, pages);
	return pages + 1;
}

static uint64_t dirty_limit(uint64_t bytes, uint64_t ratio, uint64_t pages)
{
	if (bytes)
		return pfn_up(bytes);
	return ratio * PAGE_BYTES / 100 * pages / PAGE_BYTES;
}

void memory_dirty_limits(const struct machine *m, uint64_t *background, uint64_t *limit)
{
	const int64_t *value = m->sysctls.value;
	uint64_t pages = dirtyable_pages(m);

	*limit = dirty_limit(
		(uint64_t)value[SYSCTL_dirty_bytes], (uint64_t)value[SYSCTL_dirty_ratio], pages);
	*background = dirty_limit((uint64_t)value[SYSCTL_dirty_background_bytes],
		(uint64_t)value[SYSCTL_dirty_background_ratio], pages);
	if (*background >= *limit)
		*background = *limit / 2;
}

/* The end of what the kernel maps directly: of the last zone below HighMem. */
static uint64_t memory_lowmem_end_pfn(const struct machine *m)
{
	uint64_t end = 0;

	for (const struct zone *z = zone_next(m, NULL); z; z = zone_next(m, z))
		if (z->type != ZONE_HIGHMEM && zone_populated(z) && zone_end_pfn(z) > end &&
			!(z->type == ZONE_MOVABLE && m->totalhigh_pages))
			end = zone_end_pfn(z);
	return end;
}

/* Kilobytes of the window for vmalloc(): fixed by the architecture; on 32 bits what low memory leaves, from 8 MiB
 * above it to below the fixed mappings. */
static uint64_t vmalloc_kb(const struct machine *m)
{
	uint64_t lowmem_bytes = (memory_lowmem_end_pfn(m) - m->base_pfn) << PAGE_SHIFT;
	uint64_t start = 0, end = 0;

	if (!machine_has(m, CONFIG_MMU))
		return UINT32_MAX >> 10; /* all addresses alike */
	switch (m->arch) {
	case ARCH_X86_64:
		/* 32 TiB, with five levels 12800 TiB. */
		return (((uint64_t)(m->kernel_map.mode == PAGING_X86_64_LA57 ? 12800 : 32) << 40) -
			       1) >>
		       10;
	case ARCH_ARM64:
		return ARM64_VMALLOC_KB;
	case ARCH_RISCV64:
		return RISCV64_VMALLOC_KB;
	case ARCH_ARM:
		start = (lowmem_bytes + VMALLOC_OFFSET) & ~(VMALLOC_OFFSET - 1);
		end = ARM_VMALLOC_END;
		break;
	case ARCH_I386:
		start = lowmem_bytes + VMALLOC_OFFSET;
		end = machine_has(m, CONFIG_X86_PAE) ? PAE_VMALLOC_END : I386_VMALLOC_END;
		break;
	case NR_ARCHS:
		break;
	}
	return end > start ? (end - start) >> 10 : 0;
}

/* For a machine without tables, made from a dump: huge pages, but for the first one and the end of what does not fill
 * one. The first MiB is mapped whole. */
static void guess_direct_map(const struct machine *m, uint64_t *small_bytes, uint64_t *large_bytes)
{
	uint64_t huge = PAGE_BYTES << hugetlb_order(m), mapped = 0;
	uint64_t lowmem_end = memory_lowmem_end_pfn(m) << PAGE_SHIFT;

	for (unsigned i = 0; i < m->memblock.memory.nr; i++) {
		uint64_t start = m->memblock.memory.region[i].start;
		uint64_t end = min_u64(m->memblock.memory.region[i].end, lowmem_end);

		if (start <= ISA_END)
			start = mapped;
		if (start >= end)
			continue;
		mapped = end;
		uint64_t first = (start + huge - 1) & ~(huge - 1), last = end & ~(huge - 1);
		if (!first)
			first = huge;
		if (first >= last) {
			*small_bytes += end - start;
			continue;
		}
		*small_bytes += first - start + end - last;
		*large_bytes += last - first;
	}
}

/* x86's direct map, by the sizes of the pages that boot mapped it with. */
static void put_direct_map(const struct machine *m, struct text *out)
{
	const struct kernel_map *k = &m->kernel_map;
	const struct paging_mode *mode = &paging_modes[k->mode];
	uint64_t small_bytes = 0, large_bytes = 0, giant_bytes = 0;

	for (unsigned depth = 0; k->root && depth < mode->nr_levels; depth++) {
		unsigned shift = mode->level[depth].shift;
		uint64_t bytes = k->leaves[depth] << shift;

		if (shift == PAGE_SHIFT)
			small_bytes = bytes;
		else if (shift < 30)
			large_bytes = bytes;
		else
			giant_bytes += bytes;
	}
	if (!k->root)
		guess_direct_map(m, &small_bytes, &large_bytes);
	put_kb(out, "", "DirectMap4k:", small_bytes >> 10);
	put_kb(out, "", hugetlb_order(m) > 9 ? "DirectMap4M:" : "DirectMap2M:", large_bytes >> 10);
	if (m->cpus.desc.abilities & HW_HAS_1G)
		put_kb(out, "", "DirectMap1G:", giant_bytes >> 10);
}

/* ---- proc/meminfo ---- */

static void put_lru(const struct machine *m, struct text *out)
{
	uint64_t active_anon = node_stat_total(m, ND_nr_active_anon);
	uint64_t inactive_anon = node_stat_total(m, ND_nr_inactive_anon);
	uint64_t active_file = node_stat_total(m, ND_nr_active_file);
	uint64_t inactive_file = node_stat_total(m, ND_nr_inactive_file);

	put_pages(out, "Active:", active_anon + active_file);
	put_pages(out, "Inactive:", inactive_anon + inactive_file);
	put_pages(out, "Active(anon):", active_anon);
	put_pages(out, "Inactive(anon):", inactive_anon);
	put_pages(out, "Active(file):", active_file);
	put_pages(out, "Inactive(file):", inactive_file);
	put_pages(out, "Unevictable:", node_stat_total(m, ND_nr_unevictable));
	put_pages(out, "Mlocked:", zone_stat_total(m, ZS_nr_mlock));
}

static void put_highmem(const struct machine *m, struct text *out)
{
	uint64_t high_free = 0, all_free = zone_stat_total(m, ZS_nr_free_pages);

	for (const struct zone *z = zone_next(m, NULL); z; z = zone_next(m, z))
		if (z->type == ZONE_HIGHMEM || (z->type == ZONE_MOVABLE && m->totalhigh_pages))
			high_free += zone_stat(z, ZS_nr_free_pages);
	put_pages(out, "HighTotal:", m->totalhigh_pages);
	put_pages(out, "HighFree:", high_free);
	put_pages(out, "LowTotal:", m->totalram_pages - m->totalhigh_pages);
	put_pages(out, "LowFree:", all_free - high_free);
}

static void put_kernel_use(const struct machine *m, struct text *out)
{
	uint64_t reclaimable = node_stat_total(m, ND_nr_slab_reclaimable);
	uint64_t unreclaimable = node_stat_total(m, ND_nr_slab_unreclaimable);

	put_pages(out, "Dirty:", node_stat_total(m, ND_nr_dirty));
	put_pages(out, "Writeback:", node_stat_total(m, ND_nr_writeback));
	put_pages(out, "AnonPages:", node_stat_total(m, ND_nr_anon_pages));
	put_pages(out, "Mapped:", node_stat_total(m, ND_nr_mapped));
	put_pages(out, "Shmem:", node_stat_total(m, ND_nr_shmem));
	put_pages(out,
		"KReclaimable:", reclaimable + node_stat_total(m, ND_nr_kernel_misc_reclaimable));
	put_pages(out, "Slab:", reclaimable + unreclaimable);
	put_pages(out, "SReclaimable:", reclaimable);
	put_pages(out, "SUnreclaim:", unreclaimable);
	put_kb(out, "", "KernelStack:", node_stat_total(m, ND_nr_kernel_stack));
	put_pages(out, "PageTables:", node_stat_total(m, ND_nr_page_table_pages));
	put_pages(out, "SecPageTables:", node_stat_total(m, ND_nr_sec_page_table_pages));
	put_pages(out, "NFS_Unstable:", 0);
	put_pages(out, "Bounce:", zone_stat_total(m, ZS_nr_bounce));
	put_pages(out, "WritebackTmp:", node_stat_total(m, ND_nr_writeback_temp));
	put_pages(out, "CommitLimit:", vm_commit_limit(m));
	put_pages(out, "Committed_AS:", m->processes.committed_pages);
	put_kb(out, "", "VmallocTotal:", vmalloc_kb(m));
	put_pages(out, "VmallocUsed:", m->vmalloc.nr_pages);
	put_kb(out, "", "VmallocChunk:", 0);
	put_kb(out, "", "Percpu:", 0);
}

static void put_huge(const struct machine *m, struct text *out)
{
	if (memory_failure_known(m))
		text_puts(out, "HardwareCorrupted:     0 kB\n");
	if (machine_has(m, CONFIG_TRANSPARENT_HUGEPAGE)) {
		put_pages(out,
			"AnonHugePages:", node_stat_total(m, ND_nr_anon_transparent_hugepages));
		put_pages(out, "ShmemHugePages:", node_stat_total(m, ND_nr_shmem_hugepages));
		put_pages(out, "ShmemPmdMapped:", node_stat_total(m, ND_nr_shmem_pmdmapped));
		put_pages(out, "FileHugePages:", node_stat_total(m, ND_nr_file_hugepages));
		put_pages(out, "FilePmdMapped:", node_stat_total(m, ND_nr_file_pmdmapped));
	}
	if (machine_has(m, CONFIG_CMA)) {
		put_pages(out, "CmaTotal:", m->totalcma_pages);
		put_pages(out, "CmaFree:", zone_stat_total(m, ZS_nr_free_cma));
	}
	if (machine_has(m, CONFIG_HUGETLB_PAGE)) {
		uint64_t huge_kb = PAGES_TO_KB((uint64_t)1 << hugetlb_order(m));
		static const char *const fields[] = {"HugePages_Total:   ", "HugePages_Free:    ",
			"HugePages_Rsvd:    ", "HugePages_Surp:    "};

		for (unsigned i = 0; i < 4; i++) {
			text_puts(out, fields[i]);
			text_dec(out, i < 2 ? hugetlb_pages(m) : 0, 5);
			text_putc(out, '\n');
		}
		put_kb(out, "", "Hugepagesize:", huge_kb);
		put_kb(out, "", "Hugetlb:", hugetlb_pages(m) * huge_kb);
	}
	if (machine_has(m, CONFIG_X86))
		put_direct_map(m, out);
}

int show_meminfo(struct view *v, struct text *out)
{
	const struct machine *m = v->m;
	uint64_t swap_cached = node_stat_total(m, ND_nr_swapcached);

	put_pages(out, "MemTotal:", m->totalram_pages);
	put_pages(out, "MemFree:", zone_stat_total(m, ZS_nr_free_pages));
	put_pages(out, "MemAvailable:", memory_available_pages(m));
	put_pages(out, "Buffers:", 0);
	put_pages(out, "Cached:", node_stat_total(m, ND_nr_file_pages) - swap_cached);
	put_pages(out, "SwapCached:", swap_cached);
	put_lru(m, out);
	if (machine_has(m, CONFIG_HIGHMEM))
		put_highmem(m, out);
	if (!machine_has(m, CONFIG_MMU))
		put_pages(out, "MmapCopy:", 0);
	put_pages(out, "SwapTotal:", 0);
	put_pages(out, "SwapFree:", 0);
	if (machine_has(m, CONFIG_ZSWAP)) {
		put_kb(out, "", "Zswap:", 0);
		put_kb(out, "", "Zswapped:", 0);
	}
	put_kernel_use(m, out);
	put_huge(m, out);
	return 0;
}

/* ---- sys/devices/system/node/nodeN/meminfo ---- */

struct node_field {
	const char *label;
	int item[2]; /* summed; -1: none */
};

/* After MemTotal, MemFree and MemUsed; a prefix of zone counters follows where nothing is kept per node. */
static const struct node_field node_fields[] = {
	{"SwapCached:", {ND_nr_swapcached, -1}},
	{"Active:", {ND_nr_active_anon, ND_nr_active_file}},
	{"Inactive:", {ND_nr_inactive_anon, ND_nr_inactive_file}},
	{"Active(anon):", {ND_nr_active_anon, -1}},
	{"Inactive(anon):", {ND_nr_inactive_anon, -1}},
	{"Active(file):", {ND_nr_active_file, -1}},
	{"Inactive(file):", {ND_nr_inactive_file, -1}},
	{"Unevictable:", {ND_nr_unevictable, -1}},
	{"Mlocked:", {-1, -1}},
	{"Dirty:", {ND_nr_dirty, -1}},
	{"Writeback:", {ND_nr_writeback, -1}},
	{"FilePages:", {ND_nr_file_pages, -1}},
	{"Mapped:", {ND_nr_mapped, -1}},
	{"AnonPages:", {ND_nr_anon_pages, -1}},
	{"Shmem:", {ND_nr_shmem, -1}},
	{"KernelStack:", {ND_nr_kernel_stack, -1}},
	{"PageTables:", {ND_nr_page_table_pages, -1}},
	{"SecPageTables:", {ND_nr_sec_page_table_pages, -1}},
	{"NFS_Unstable:", {-1, -1}},
	{"Bounce:", {-1, -1}},
	{"WritebackTmp:", {ND_nr_writeback_temp, -1}},
	{"KReclaimable:", {ND_nr_slab_reclaimable, ND_nr_kernel_misc_reclaimable}},
	{"Slab:", {ND_nr_slab_reclaimable, ND_nr_slab_unreclaimable}},
	{"SReclaimable:", {ND_nr_slab_reclaimable, -1}},
	{"SUnreclaim:", {ND_nr_slab_unreclaimable, -1}},
};

static const struct node_field node_thp_fields[] = {
	{"AnonHugePages:", {ND_nr_anon_transparent_hugepages, -1}},
	{"ShmemHugePages:", {ND_nr_shmem_hugepages, -1}},
	{"ShmemPmdMapped:", {ND_nr_shmem_pmdmapped, -1}},
	{"FileHugePages: ", {ND_nr_file_hugepages, -1}},
	{"FilePmdMapped: ", {ND_nr_file_pmdmapped, -1}},
};

static void put_node_fields(const struct machine *m, struct text *out, unsigned nid,
	const char *prefix, const struct node_field *field, unsigned n)
{
	const struct node *node = node_at(m, nid);

	for (unsigned i = 0; i < n; i++, field++) {
		uint64_t pages = 0;

		for (unsigned k = 0; k < 2; k++)
			if (field->item[k] >= 0)
				pages += node->stat[field->item[k]];
		if (!strcmp(field->label, "Mlocked:"))
			pages = node_zone_stat(m, nid, ZS_nr_mlock);
		else if (!strcmp(field->label, "Bounce:"))
			pages = node_zone_stat(m, nid, ZS_nr_bounce);
		/* Stacks are counted in KiB. */
		put_kb(out, prefix, field->label,
			field->item[0] == ND_nr_kernel_stack ? pages : PAGES_TO_KB(pages));
	}
}

int show_node_meminfo(struct view *v, struct text *out)
{
	const struct machine *m = v->m;
	unsigned nid = (unsigned)v->arg[0];
	uint64_t total = 0, free_pages = node_zone_stat(m, nid, ZS_nr_free_pages);
	char prefix[24] = "Node ";
	struct text number = {0};

	text_dec(&number, nid, 0);
	text_putc(&number, ' ');
	strcat(prefix, text_str(&number));
	text_finish(&number);
	for (unsigned type = 0; type < MAX_NR_ZONES; type++)
		if (zone_configured(m, type))
			total += zone_at(m, nid, type)->managed_pages;
	put_kb(out, prefix, "MemTotal:", PAGES_TO_KB(total));
	put_kb(out, prefix, "MemFree:", PAGES_TO_KB(free_pages));
	put_kb(out, prefix, "MemUsed:", PAGES_TO_KB(total - free_pages));
	put_node_fields(
		m, out, nid, prefix, node_fields, sizeof(node_fields) / sizeof(*node_fields));
	if (machine_has(m, CONFIG_TRANSPARENT_HUGEPAGE))
		put_node_fields(m, out, nid, prefix, node_thp_fields,
			sizeof(node_thp_fields) / sizeof(*node_thp_fields));
	unsigned huge = (unsigned)hugetlb_node_pages(m, nid);
	if (machine_has(m, CONFIG_HUGETLB_PAGE))
		text_printf(out,
			"%sHugePages_Total: %5u\n%sHugePages_Free:  %5u\n%sHugePages_Surp:  %5u\n",
			prefix, huge, prefix, huge, prefix, 0u);
	return 0;
}

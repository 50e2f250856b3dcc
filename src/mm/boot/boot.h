/* SPDX-License-Identifier: MIT
 *
 * Boot: what its steps share while they run. Nothing of this outlives machine_create().
 */
#ifndef SIMM_MM_BOOT_H
#define SIMM_MM_BOOT_H

#include "base/number.h"
#include "mm/boot/arch.h"
#include "mm/core/cmdline.h"
#include "mm/machine.h"

#define BOOT_MAX_LATE 16

/* Reserved now, given to the page allocator later: [start, end) bytes. */
struct boot_range {
	uint64_t start, end;
	const char *name; /* "Freeing NAME: 36K"; NULL: say nothing */
	bool early;	  /* before the watermarks are worked out */
};

struct boot_cma {
	uint64_t start, end;
	const char *name;
	bool is_default; /* dma_contiguous_default_area */
};

/* What became of a reserved range: [start, end), empty: it was not reserved. */
struct boot_reserved {
	uint64_t start, end;
	bool dma_pool; /* coherent memory of devices */
};

struct boot {
	struct machine *m;
	const struct machine_desc *d;
	const struct arch_facts *a;
	struct cmdline c;

	/* The firmware's map as the command line left it. */
	struct firmware_range map[2 * DESCRIBE_MAX_RANGES];
	unsigned nr_map;

	uint64_t max_pfn;	     /* end of RAM */
	uint64_t max_low_pfn;	     /* end of what the kernel maps for good */
	uint64_t dma_limit;	     /* arm64: end of ZONE_DMA in bytes */
	uint64_t image;		     /* where the kernel lies */
	uint64_t fdt, fdt_end;	     /* the devicetree in RAM */
	uint64_t percpu[MAX_CPUS];   /* the CPUs' areas */
	uint64_t tables, tables_end; /* pages reserved for the kernel's page tables */
	uint64_t zone_start[MAX_NR_ZONES], zone_end[MAX_NR_ZONES]; /* pfns, before nodes cut them */
	uint64_t movable_pfn[MAX_NODES]; /* where ZONE_MOVABLE begins; 0: none */
	uint64_t kernel_pages;		 /* nr_kernel_pages: low memory without mem_map */
	uint64_t all_pages;		 /* with high memory: "Total pages" */
	uint64_t physical_pages;

	struct boot_range late[BOOT_MAX_LATE];
	unsigned nr_late;
	struct boot_cma cma[MAX_CMA_AREAS];
	unsigned nr_cma;
	bool cma_default; /* the devicetree has one */
	struct boot_reserved reserved[DESCRIBE_MAX_RESERVED];
};

/* [lowest, highest) bytes where RAM may lie, for the layout of the arena. Errors: EINVAL. */
int boot_bounds(
	const struct machine_desc *d, uint64_t *lowest, uint64_t *highest, struct refusal *why);
/* The whole of it: @m has its shape, lists and numbers empty. */
int boot_machine(struct machine *m, const struct machine_desc *d);

/* The steps, each in a file of its own. */
int boot_map(struct boot *b);		   /* boot_map.c: firmware map to memblock */
int boot_limits(struct boot *b);	   /* boot_limits.c: low and high memory, end of DMA */
int boot_reserve(struct boot *b);	   /* boot_reserve.c: image, initrd, reserved-memory */
int boot_cma_default(struct boot *b);	   /* boot_reserve.c: cma= or the configuration's area */
/* boot_reserved_mem.c: [start, end) is reserved for @r, a node of the devicetree: what it becomes. */
int boot_reserved_mem_init(struct boot *b, const struct reserved_range *r, uint64_t start, uint64_t end);
/* boot_reserved_mem.c: what the log says of those that overlap (__rmem_check_for_overlap()). */
void boot_reserved_overlaps(struct boot *b);
/* boot_reserved_mem.c: an area of [start, end), made later. */
void boot_add_cma(struct boot *b, uint64_t start, uint64_t end, const char *name);
uint64_t boot_cma_align(const struct boot *b);
int boot_reserved_mem(struct boot *b);	   /* boot_reserved_mem.c: the table of them that stays */
int boot_nodes(struct boot *b);		   /* boot_zones.c: NUMA */
int boot_page_tables(struct boot *b);	   /* boot_tables.c: room for the direct map's tables */
int boot_memmap(struct boot *b);	   /* boot_memmap.c: that, nodes' data, mem_map */
/* boot_memmap.c: what a dump reserves below @low_end becomes room for page tables, and mem_map's place. */
int boot_memmap_like(struct boot *b, uint64_t low_end);
int boot_unused_memmap(struct boot *b);	   /* boot_memmap.c: ARM's struct pages of holes */
int boot_kernel_map(struct boot *b);	   /* boot_tables.c: what the page tables say; MMU on */
int boot_percpu(struct boot *b);	   /* boot_tables.c: per-CPU areas */
int boot_tables(struct boot *b);	   /* boot_tables.c: hash tables, swiotlb */
int boot_zones(struct boot *b);		   /* boot_zones.c: zone ranges, zones, nodes */
/* [*start, *end) bytes from the first to the last RAM of a node; false: it has none. */
bool boot_node_span(const struct boot *b, unsigned nid, uint64_t *start, uint64_t *end);
int boot_find_movable(struct boot *b);	   /* boot_movable.c: kernelcore=, movablecore= */
int boot_like(struct boot *b);		   /* boot_like.c: zones as a dump has them */
int boot_like_settings(struct boot *b);	   /* boot_like.c: its /proc/sys/vm */
void boot_say_limits(struct boot *b);	   /* boot_limits.c: i386's lines of the log */
void boot_say_zones(struct boot *b);	   /* boot_zones.c: the zones' lines of the log */
int boot_free(struct boot *b);		   /* boot_free.c: hand-over */
int boot_page_ext_flatmem(struct boot *b); /* boot_page_ext.c: its memory, where it is one array */
int boot_page_ext(struct boot *b);	   /* boot_page_ext.c: page_owner= */
void boot_say_intel_iommu(struct boot *b); /* boot_iommu.c: about the words of intel_iommu= */
void boot_iommu(struct boot *b);	   /* boot_iommu.c: translated or not, flushed at once or not */
int boot_devices(struct boot *b);	   /* boot_device.c: the board's devices */
int boot_resources(struct boot *b);	   /* boot_resource.c: proc/iomem, proc/ioports */

/* Reserve @bytes of low memory from the top down; 0 and the sentence when there is no room. */
uint64_t boot_alloc(struct boot *b, const char *what, uint64_t bytes, uint64_t align, int nid);

typedef unsigned long long ull;

#endif

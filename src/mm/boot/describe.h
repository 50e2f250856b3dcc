/* SPDX-License-Identifier: MIT
 *
 * A machine's description: what a devicetree, a preset, -o options or a dump of a real machine
 * say, in one plain struct. Reading it is describe_*'s work; booting from it is boot's. It is the
 * only input of machine_create().
 */
#ifndef SIMM_MM_DESCRIBE_H
#define SIMM_MM_DESCRIBE_H

#include "base/refuse.h"
#include "mm/core/arch.h"
#include "mm/core/cmdline.h"
#include "mm/core/config.h"
#include "mm/page/types.h"

#include <stdbool.h>
#include <stdint.h>

#define DESCRIBE_NAME_MAX     64
#define DESCRIBE_MODEL_MAX    128
#define DESCRIBE_MAX_RANGES   128
#define DESCRIBE_MAX_RESERVED 128
#define DESCRIBE_MAX_IO	      512
#define DESCRIBE_MAX_DEVICES  1024
#define DESCRIBE_PATH_MAX     128
#define DESCRIBE_MAX_REGIONS  8
#define DESCRIBE_MAX_DMA_SETS 64
#define DESCRIBE_MAX_DMA_WINDOWS 256

enum firmware_type {
	FIRMWARE_USABLE, /* System RAM */
	FIRMWARE_RESERVED,
	FIRMWARE_ACPI, /* ACPI Tables */
	FIRMWARE_NVS,  /* ACPI Non-volatile Storage */
	FIRMWARE_PERSISTENT,
};

/* [start, end) in bytes. On x86 these are the e820 table; elsewhere the memory nodes. Not normalised: ranges may
 * overlap, as firmware's tables do. */
struct firmware_range {
	uint64_t start, end;
	enum firmware_type type;
	unsigned nid;
	bool hotplug;
};

struct reserved_range {
	char name[DESCRIBE_NAME_MAX];
	uint64_t start,
		end; /* [start, end); start == end: to be placed (size_bytes, align_bytes, alloc_*) */
	uint64_t size_bytes, align_bytes;
	uint64_t alloc_start, alloc_end; /* alloc-ranges; 0, 0: anywhere */
	bool no_map;			 /* not even a struct page in the memory map's RAM */
	bool reusable;			 /* shared-dma-pool: becomes a CMA area */
	bool cma_default;		 /* linux,cma-default */
	bool dma_pool;			 /* shared-dma-pool that is not reusable: coherent memory for its devices */
	bool misfit;			 /* shared-dma-pool that is neither: no driver takes it */
	bool dma_default;		 /* linux,dma-default */
	bool restricted;		 /* restricted-dma-pool */
	bool not_first;			 /* the node has one before it, which is what its devices get */
};

/* A device's or bus's range in proc/iomem. */
struct io_range {
	char name[DESCRIBE_NAME_MAX];
	uint64_t start, end; /* inclusive end, as printed */
	bool port;	     /* I/O port space (proc/ioports) */
	bool after_ram;	     /* begins where RAM below 4 GiB ends (the PCI hole) */
};

/* An entry of dma-ranges: [cpu, cpu + bytes) is at [bus, bus + bytes) for the devices of a bus. */
struct dma_window {
	uint64_t bus, cpu, bytes;
};

/* The entries of one bus: dma_window[first .. first + nr). */
struct dma_window_set {
	int node; /* its offset in the tree */
	unsigned first, nr;
};

/* What an entry of memory-region leads to, when it is no index of reserved[]. */
enum { REGION_DISABLED = -1, REGION_OTHER = -2 };

/* A node that is a platform device. */
struct device_desc {
	char name[DESCRIBE_NAME_MAX];	/* as the kernel names it: "fe201000.serial" */
	char path[DESCRIBE_PATH_MAX];	/* of its node */
	char compatible[DESCRIBE_NAME_MAX]; /* the first */
	uint64_t reg_start, reg_bytes;	/* 0 bytes: none that the CPU reaches */
	uint8_t windows;		/* dma_set[windows - 1]; 0: nothing is known, so one to one */
	bool coherent, noncoherent;	/* dma-coherent, dma-noncoherent, its own or a bus's; neither: the architecture's */
	int16_t region[DESCRIBE_MAX_REGIONS]; /* memory-region: of reserved[], or REGION_ */
	uint8_t nr_regions;
	uint32_t phandle;		/* 0: nobody refers to it */
	uint32_t iommu_phandle, iommu_id; /* the first of `iommus`; 0: none */
	uint32_t dma_channels;		/* of a DMA controller */
};

/* Physical addresses that belong to a node (x86: SRAT), [start, end). */
struct node_range {
	uint64_t start, end;
	unsigned nid;
};

/* What a cpu node says of its TLBs and data cache (Devicetree Specification 3.8); 0: nothing, so a default. The
 * properties with a comma are ours. */
struct cpu_desc {
	uint32_t itlb_entries, itlb_sets; /* i-tlb-size, i-tlb-sets */
	uint32_t dtlb_entries, dtlb_sets; /* d-tlb-size, d-tlb-sets */
	uint32_t stlb_entries, stlb_sets; /* tlb-size, tlb-sets: unified, behind the two */
	uint32_t dcache_bytes, dcache_sets, dcache_line_bytes; /* d-cache-size, -sets, -line-size */
	uint32_t walk_cache_entries[4]; /* simmfs,walk-cache-entries: of the lowest tables first */
	bool walk_cache_given;		/* then a 0 means none of these */
	bool la57;			/* simmfs,la57: x86-64 with five levels */
	bool asid_given;		/* simmfs,asid-bits */
	uint32_t asid_bits;		/* 0: address spaces have no numbers in the TLB */
	bool meltdown;			/* simmfs,meltdown: user mode's speculation reads what only the kernel may */
	bool zicbom, svpbmt;		/* riscv,isa: instructions for the data cache, entries that say how a page is cached */
	bool mpu_given;			/* simmfs,mpu-regions */
	uint32_t mpu_regions;
};

struct machine_desc {
	struct cpu_desc cpu;		/* of the first available CPU */
	char name[DESCRIBE_NAME_MAX];	/* preset's or file's */
	char model[DESCRIBE_MODEL_MAX]; /* devicetree's /model */
	enum arch arch;
	bool variant; /* i386: X86_PAE; arm: no MMU */
	bool e820; /* the firmware's map is an e820 table */

	/* What the firmware says. */
	struct firmware_range fw[DESCRIBE_MAX_RANGES];
	unsigned nr_fw;
	struct node_range fw_node[DESCRIBE_MAX_RANGES]; /* x86: SRAT; elsewhere fw[].nid says it */
	unsigned nr_fw_node;
	uint64_t ram_base; /* where RAM begins when the memory node is empty */
	bool ram_base_known;
	bool ram_assumed; /* the tree says of no RAM, nor does -o ram= */
	uint64_t low_ram_max; /* x86: RAM from here on lies above 4 GiB */
	unsigned nr_fw_cpus, nr_fw_nodes;
	uint8_t fw_cpu_node[MAX_CPUS];
	char bootargs[CMDLINE_BYTES_MAX];

	/* What it comes to with the options: made by describe_finish(). */
	struct firmware_range ram[DESCRIBE_MAX_RANGES];
	unsigned nr_ram;
	unsigned nr_cpus;
	unsigned nr_nodes;
	uint8_t cpu_node[MAX_CPUS];
	struct node_range node[DESCRIBE_MAX_RANGES]; /* none: all of RAM is node 0's */
	unsigned nr_node;
	uint8_t distance[MAX_NODES][MAX_NODES]; /* 10 local; never 0 within nr_nodes */
	char cmdline[CMDLINE_BYTES_MAX];	/* Linux's own parameters */
	struct config_set config;

	struct reserved_range reserved[DESCRIBE_MAX_RESERVED];
	unsigned nr_reserved;
	struct io_range io[DESCRIBE_MAX_IO];
	unsigned nr_io;
	struct device_desc device[DESCRIBE_MAX_DEVICES];
	unsigned nr_devices;
	struct dma_window_set dma_set[DESCRIBE_MAX_DMA_SETS];
	unsigned nr_dma_sets;
	struct dma_window dma_window[DESCRIBE_MAX_DMA_WINDOWS];
	uint64_t dma_limit; /* highest CPU address that every device reaches; 0: no limit known */
	uint64_t initrd_start, initrd_end;
	uint64_t fdt_bytes;			   /* of the blob, which the kernel keeps */
	uint8_t fw_distance[MAX_NODES][MAX_NODES]; /* 10 local; 0: not said (20) */

	/* The options as given, "" when not. */
	struct {
		char ram[48], maxram[32], cpus[16], nodes[16], cma[64], seed[32], host_max[32],
			checks[16];
		char config[256];
		char cmdline[CMDLINE_BYTES_MAX];
	} opt;
	bool checks_full;
	uint64_t maxram_bytes;	 /* reserve for hotplug; 0: none */
	uint64_t host_max_bytes; /* budget of host memory; 0: none */
	uint64_t seed;
	/* like=DIR: what a real machine showed, honoured exactly where a zone is named. */
	struct {
		bool set;
		unsigned pageblock_order; /* 0: the architecture's */
		unsigned nr_orders;	  /* 0: the architecture's */
		unsigned nr_zones;
		struct like_zone {
			unsigned nid;
			enum zone_type type;
			uint64_t start_pfn, spanned, present, managed, cma;
		} zone[MAX_NODES * MAX_NR_ZONES];
		uint32_t zone_mask; /* zones that it lists, empty ones too */
		unsigned nr_sysctls;
		struct {
			char name[40];
			char value[64];
		} sysctl[96];
		/* How the rest was found, until describe_finish() has made the fields above of it. */
		bool x86, arm, riscv, other, lm, high, ranked;
		unsigned arm_architecture;
		unsigned cpuinfo_cpus, online_cpus;
		uint64_t mem_total_kib, cma_total_kib;
		unsigned nr_nodes;
		struct like_node {
			unsigned id;
			unsigned nr_distances;
			uint8_t distance[MAX_NODES];
			uint64_t cpus[MAX_CPUS / 64];
		} node[MAX_NODES];
		struct firmware_range memmap[DESCRIBE_MAX_RANGES]; /* sys/firmware/memmap */
		uint8_t memmap_seen[DESCRIBE_MAX_RANGES];
	} like;
	/* The options as a line for -o: made by describe_finish() (sim/machine). */
	char options[CMDLINE_BYTES_MAX + 1024];
};

/* What the host gives to the pure describe layer: a preset's or a file's devicetree blob. */
struct blob {
	const void *data;
	uint64_t bytes;
};

/* Fill @desc from a flattened devicetree. Errors: EINVAL with a sentence (hostile or truncated
 * blobs included). */
int describe_fdt(struct machine_desc *desc, struct blob fdt, struct refusal *why);
/* Keep one option, e.g. ("ram", "2G"); the same name again replaces it. See describe_option_nth().
 * Errors: EINVAL, ERANGE with a sentence that says what is right. -ENOENT: no such option here. */
int describe_option(
	struct machine_desc *desc, const char *name, const char *value, struct refusal *why);
/* The options' names, arguments and lines of manual; false past the end. */
bool describe_option_nth(unsigned i, const char **name, const char **argument, const char **doc);
/* Numbers without gaps for those of @nr nodes that are @used: nid becomes fresh[nid], in the nodes of CPUs and the distances
 * here, elsewhere by the caller. Returns how many are left. */
unsigned renumber_nodes(const bool *used, unsigned nr, unsigned *fresh, uint8_t *cpu_node, unsigned nr_cpus,
	uint8_t (*distance)[MAX_NODES]);
/* After all options: work out `ram`, `cmdline`, nodes and CPUs, and check them. May be called again after further
 * options. The memory parameters of the command line are checked here and obeyed at boot, as on a
 * real machine. */
int describe_finish(struct machine_desc *desc, struct refusal *why);

/* like=DIR: feed the files of a dump one by one (the daemon reads them), then finish.
 * @path is relative to the dump ("proc/zoneinfo"). Unknown files and fields are ignored. */
int describe_like_file(struct machine_desc *desc, const char *path, const char *data,
	uint64_t bytes, struct refusal *why);
/* The paths that describe_like_file() knows, NULL-terminated; `*` stands for a number. */
extern const char *const describe_like_paths[];

/* Presets: examples/machines/NAME.dts, compiled into the binary. NULL past the end. */
struct preset {
	const char *name;
	const char *doc;
	struct blob fdt;
};
const struct preset *preset_nth(unsigned i);
const struct preset *preset_find(const char *name);

#endif

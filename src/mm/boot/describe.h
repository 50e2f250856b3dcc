/* SPDX-License-Identifier: MIT
 *
 * A machine's description: what a devicetree, a preset, -o options or a dump of a real machine say, in one plain
 * struct. Reading it is describe_*'s work; booting from it is boot's. It is the only input of machine_create().
 */
#ifndef SIMM_MM_DESCRIBE_H
#define SIMM_MM_DESCRIBE_H

#include "base/refuse.h"
#include "mm/core/config.h"
#include "mm/page/types.h"

#include <stdbool.h>
#include <stdint.h>

#define DESCRIBE_NAME_MAX     64
#define DESCRIBE_CMDLINE_MAX  2048
#define DESCRIBE_MAX_RANGES   128
#define DESCRIBE_MAX_RESERVED 128

enum arch { ARCH_I386, ARCH_X86_64, ARCH_ARM, ARCH_ARM64, ARCH_RISCV64, NR_ARCHS };

enum firmware_type {
	FIRMWARE_USABLE,	/* System RAM */
	FIRMWARE_RESERVED,
	FIRMWARE_ACPI,		/* ACPI Tables */
	FIRMWARE_NVS,		/* ACPI Non-volatile Storage */
	FIRMWARE_PERSISTENT,
};

/* [start, end) in bytes. On x86 these are the e820 table; elsewhere the memory nodes. */
struct firmware_range {
	uint64_t start, end;
	enum firmware_type type;
	unsigned nid;
	bool hotplug;
};

struct reserved_range {
	char name[DESCRIBE_NAME_MAX];
	uint64_t start, end;	/* [start, end); start == end: to be placed (size_bytes, align_bytes, alloc_*) */
	uint64_t size_bytes, align_bytes;
	uint64_t alloc_start, alloc_end;	/* alloc-ranges; 0, 0: anywhere */
	bool no_map;		/* not even a struct page in the memory map's RAM */
	bool reusable;		/* shared-dma-pool: becomes a CMA area */
	bool cma_default;	/* linux,cma-default */
};

/* A device's or bus's range in proc/iomem. */
struct io_range {
	char name[DESCRIBE_NAME_MAX];
	uint64_t start, end;	/* inclusive end, as printed */
	bool port;		/* I/O port space (proc/ioports) */
};

struct machine_desc {
	char name[DESCRIBE_NAME_MAX];	/* preset's or file's */
	char model[DESCRIBE_NAME_MAX];	/* devicetree's /model */
	enum arch arch;
	bool pae;			/* i386: X86_PAE */
	struct firmware_range ram[DESCRIBE_MAX_RANGES];
	unsigned nr_ram;
	struct reserved_range reserved[DESCRIBE_MAX_RESERVED];
	unsigned nr_reserved;
	struct io_range io[DESCRIBE_MAX_RANGES];
	unsigned nr_io;
	unsigned nr_cpus;
	uint8_t cpu_node[MAX_CPUS];
	unsigned nr_nodes;
	uint8_t distance[MAX_NODES][MAX_NODES];	/* 10 local; 0: default (20) */
	char cmdline[DESCRIBE_CMDLINE_MAX];	/* Linux's own parameters */
	bool config_given;
	struct config_set config;	/* final set */
	uint64_t maxram_bytes;		/* reserve for hotplug; 0: none */
	uint64_t host_max_bytes;	/* budget of host memory; 0: none */
	uint64_t seed;
	/* like=DIR: what a real machine showed, honoured exactly where a zone is named. */
	struct {
		bool set;
		unsigned pageblock_order;	/* 0: the architecture's */
		unsigned nr_zones;
		struct {
			unsigned nid;
			enum zone_type type;
			uint64_t start_pfn, spanned, present, managed, cma;
		} zone[MAX_NODES * 4];
		unsigned nr_sysctls;
		struct {
			char name[40];
			char value[64];
		} sysctl[96];
	} like;
	/* as -o gave them, for sim/machine and `reboot` */
	char options[DESCRIBE_CMDLINE_MAX];
};

/* What the host gives to the pure describe layer: a preset's or a file's devicetree blob. */
struct blob {
	const void *data;
	uint64_t bytes;
};

/* Fill @desc from a flattened devicetree. Errors: EINVAL with a sentence (hostile or truncated blobs included). */
int describe_fdt(struct machine_desc *desc, struct blob fdt, struct refusal *why);
/* Apply one option, e.g. ("ram", "2G"): ram, maxram, cpus, nodes, cma, cmdline, config, seed, host_max.
 * Errors: EINVAL, ERANGE with a sentence that says what is right. -ENOENT: no such option here. */
int describe_option(struct machine_desc *desc, const char *name, const char *value, struct refusal *why);
/* After all options: check, sort, fill in defaults, apply memory parameters of the command line. */
int describe_finish(struct machine_desc *desc, struct refusal *why);

/* like=DIR: feed the files of a dump one by one (the daemon reads them), then finish.
 * @path is relative to the dump ("proc/zoneinfo"). Unknown files and fields are ignored. */
int describe_like_file(struct machine_desc *desc, const char *path, const char *data, uint64_t bytes,
	struct refusal *why);
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

/* SPDX-License-Identifier: MIT
 *
 * What differs between the kernels of the architectures: sizes of tables, of the image, of early
 * allocations.
 */
#ifndef SIMM_MM_ARCH_H
#define SIMM_MM_ARCH_H

#include "mm/boot/describe.h"
#include "mm/page/types.h"

#include <stdbool.h>
#include <stdint.h>

/* A part of the kernel's image, [start, end) in bytes from where the image begins. */
struct image_part {
	uint32_t start, end;
	const char *name; /* in proc/iomem, or in the log when it is freed */
};

#define IMAGE_PARTS 5

struct arch_facts {
	const char *name;   /* as uname -m says it */
	const char *kernel; /* Debian 12's release */
	unsigned nr_orders, pageblock_order, struct_page_bytes;
	unsigned section_shift;	   /* log2 of a section's bytes, with SPARSEMEM */
	unsigned hash_entry_bytes; /* of the dentry and inode tables: a pointer */
	unsigned nr_cpus_max;	   /* CONFIG_NR_CPUS */
	unsigned cma_mbytes;	   /* CONFIG_CMA_SIZE_MBYTES */

	uint64_t image_bytes; /* from the image's begin to _end */
	uint64_t image_align;
	uint64_t
		image_offset; /* of the image in RAM: physical address on x86, else from RAM's start */
	uint32_t reserve_start;		     /* what lies below it in the image is not kept */
	struct image_part show[IMAGE_PARTS]; /* in proc/iomem */
	struct image_part late[IMAGE_PARTS]; /* given back at the end of boot */
	unsigned code_kib, rwdata_kib, rodata_kib, init_kib, bss_kib;

	unsigned percpu_pages; /* of each CPU's area */
	unsigned percpu_static, percpu_reserved, percpu_dynamic,
		percpu_unit;	  /* as the log shows them */
	unsigned node_data_bytes; /* pg_data_t on NUMA; 0: static */
	unsigned other_pages;	  /* small early allocations: a measured remainder */
};

/* @variant: i386 with three-level page tables, arm without an MMU. */
const struct arch_facts *arch_facts(enum arch arch, bool variant);
/* Debian 12's configuration for it (a Cortex-M's is that of its board), and ours: with what makes the mount worth mounting. */
struct config_set arch_config_debian(enum arch arch, bool variant);
struct config_set arch_config_default(enum arch arch, bool variant);
/* Which one a configuration is. */
bool arch_variant(enum arch arch, struct config_set config);

#endif

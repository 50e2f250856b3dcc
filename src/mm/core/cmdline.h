/* SPDX-License-Identifier: MIT
 *
 * The kernel command line's parameters that concern memory, parsed.
 */
#ifndef SIMM_MM_CMDLINE_H
#define SIMM_MM_CMDLINE_H

#include "base/refuse.h"
#include "mm/core/arch.h"

#include <stdbool.h>
#include <stdint.h>

#define CMDLINE_BYTES_MAX  2048
#define CMDLINE_MAX_MEMMAP 64

struct cmdline_memmap {
	uint64_t start, bytes;
	char kind; /* '@' RAM, '#' ACPI, '$' reserved, '!' persistent, 0: a limit (memmap=nn) */
};

struct cmdline {
	uint64_t mem_bytes; /* mem=: RAM above is not used; 0: none */
	bool exactmap;	    /* memmap=exactmap: forget the firmware's RAM */
	unsigned nr_memmap; /* in order, mem=nn@ss of ARM among them */
	struct cmdline_memmap memmap[CMDLINE_MAX_MEMMAP];
	bool cma_given;
	uint64_t cma_bytes, cma_start, cma_end;
	bool highmem_given;
	uint64_t highmem_bytes;
	uint64_t vmalloc_bytes; /* 0: the architecture's */
	uint64_t kernelcore_bytes, movablecore_bytes;
	unsigned kernelcore_percent, movablecore_percent;
	bool numa_off;
	unsigned numa_fake;	  /* nodes; 0: none */
	uint64_t numa_fake_bytes; /* of each node, instead */
	unsigned max_cpus;	  /* maxcpus=, nr_cpus=, nosmp; 0: all */
	bool swiotlb_given, swiotlb_force, swiotlb_off;
	uint64_t swiotlb_slabs; /* of 2 KiB */
	uint64_t dhash_entries, ihash_entries;
	/* x86: what of the CPU is not to be used. */
	bool nopcid, no5lvl, nosmep, nosmap, nogbpages;
	bool pti_off, pti_on, mitigations_off; /* neither pti=on nor off: as the CPU needs */
	bool iommu_off;			       /* iommu=off, intel_iommu=off */
	bool iommu_type_given, iommu_passthrough; /* iommu.passthrough=, iommu=pt, nopt */
	bool iommu_strict_given, iommu_strict; /* iommu.strict= */
	bool iommu_set_strict;		       /* intel_iommu=strict, which overrides it */
	char intel_iommu[128];		       /* its words, "": not given */
	bool page_owner;		       /* page_owner= */
	bool kmemleak;			       /* kmemleak=on */
	bool dma_debug_off;		       /* dma_debug=off */
	bool dma_debug_entries_given;	       /* with a number */
	uint32_t dma_debug_entries;	       /* dma_debug_entries= */
	char dma_debug_driver[64];	       /* dma_debug_driver=, cut at 63; "" */
	bool nohugevmalloc, nohugeiomap;
	char thp[16];			       /* transparent_hugepage=, "" */
	char malformed[256]; /* names whose values made no sense, blank before each */
	char unknown[CMDLINE_BYTES_MAX]; /* for user space, blank before each */
};

/* Errors: EINVAL for what cannot be simulated (the sentence says why). What the kernel would only complain about is
 * in malformed. */
int cmdline_parse(struct cmdline *c, const char *text, enum arch arch, struct refusal *why);

#endif

/* SPDX-License-Identifier: MIT
 *
 * The state behind mm/dma/iommu.h: a device's domain with its tables, its addresses and the unmappings that wait for a
 * flush; the machine's one IOMMU and its policy. Plain numbers and heap offsets.
 */
#ifndef SIMM_MM_DMA_IOMMU_TYPES_H
#define SIMM_MM_DMA_IOMMU_TYPES_H

#include "hw/iommu.h"
#include "mm/dma/iova.h"

enum iommu_domain_type {
	IOMMU_DOMAIN_IDENTITY, /* passed through: bus addresses are physical ones */
	IOMMU_DOMAIN_DMA,      /* translated, and each unmapping waits for the IOTLB */
	IOMMU_DOMAIN_DMA_FQ,   /* translated; unmappings are gathered and flushed together */
};

/* Unmappings that wait for a flush: IOVA_FQ_SIZE of 6.1 is a ring of 256, and one place of it stays empty. */
#define IOVA_FQ_ENTRIES	   255
#define IOVA_FQ_TIMEOUT_NS 10000000

struct iova_fq_entry {
	uint64_t pfn, pages;
};

/* A device's address space. It is a heap block of the device's. */
struct iommu_domain {
	uint32_t
		id; /* from 1: VT-d's domain number and the device's place in the context tables; SMMU's ASID */
	uint32_t type;	    /* enum iommu_domain_type */
	uint64_t root_pfn;  /* of the table of level 0; NO_PFN with IDENTITY */
	uint64_t nr_tables; /* the root included, those that wait for a flush not */
	uint64_t mapped_pages;
	uint64_t
		leaf_pfn; /* the table of the last level that was used last, for addresses from leaf_iova on */
	uint64_t leaf_iova; /* UINT64_MAX: none */
	struct iova_domain iova;
	uint64_t fq_at; /* heap block of struct iova_fq_entry [IOVA_FQ_ENTRIES]; 0: none */
	uint32_t fq_nr;
	uint32_t unused;
	uint64_t fq_due_ns;
	uint64_t
		dead_table; /* pfn of the first table that waits for a flush, chained by their first entries; 0: none */
	uint64_t faults;
};

#define IOMMU_MAX_DOMAINS 4096

/* The machine's IOMMU, which all devices that have one share. */
struct iommus {
	bool passthrough; /* iommu=pt, iommu.passthrough=1 */
	bool strict;	  /* each unmapping is flushed at once */
	bool off;	  /* iommu=off, intel_iommu=off */
	uint64_t hw_at;	  /* heap block of struct hw_iommu and its IOTLB; 0: never used */
	uint32_t nr_domains;
	uint64_t nr_context_tables;
	uint64_t used[IOMMU_MAX_DOMAINS / 64]; /* domains' numbers */
	uint64_t said_since_ns;		       /* rate limit of fault messages */
	uint32_t said, missed;
};

#endif

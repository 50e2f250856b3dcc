/* SPDX-License-Identifier: MIT
 *
 * An IOMMU: between devices and DRAM, it gives each device an address space of its own.
 *
 *	device's address (IOVA)
 *	   | IOTLB: sets of a few entries, each tagged with its domain's number
 *	   v miss
 *	tables in DRAM, four levels of 512 entries, 48 bits ---> physical address, and what the device may do there
 *	   | none, or not this
 *	   v
 *	a fault: a record for the kernel, and the access does not happen
 *
 *	format          who a device is                                     entries of the tables
 *	IOMMU_VTD       root table and context tables in DRAM, by bus and   Intel VT-d's second level: R and W in each,
 *	                device number; a context entry has domain and root  at every level; 2 MiB and 1 GiB leaves (SP)
 *	IOMMU_AARCH64   a stream is mapped to a context bank, whose         VMSAv8-64 with 4 KiB granules, stage 1: valid,
 *	                registers have domain (ASID) and root (TTBR0)       table or block, AP, AF
 *
 * An entry that the kernel takes away stays known to the IOTLB until it is told.
 *
 * Left out: caches of context entries and of upper tables; PASIDs, nested stages, interrupt remapping, page requests,
 * queues of commands. Sources: Intel VT-d specification (chapters 3, 7, 9), Arm SMMU v2 architecture, Arm ARM D5.
 */
#ifndef SIMM_HW_IOMMU_H
#define SIMM_HW_IOMMU_H

#include "hw/dram.h"

#include <stdbool.h>
#include <stdint.h>

enum iommu_format { IOMMU_VTD, IOMMU_AARCH64 };

enum {
	IOMMU_LEVELS = 4,
	IOMMU_LEVEL_BITS = 9,
	IOMMU_ENTRIES = 1 << IOMMU_LEVEL_BITS,
	IOMMU_ADDRESS_BITS = 48,
	IOMMU_PAGE_SHIFT = 12,
};

/* What a device may do with a page. */
enum iommu_rights {
	IOMMU_READ = 1,
	IOMMU_WRITE = 2,
	IOMMU_CACHE = 4, /* accesses are coherent with the CPUs' caches */
	IOMMU_MMIO = 8,	 /* registers, not memory */
};

enum iommu_fault_kind {
	IOMMU_FAULT_NONE,
	IOMMU_FAULT_ROOT,	/* no root entry for the device's bus */
	IOMMU_FAULT_CONTEXT,	/* no context entry; SMMU: a stream that no bank is for */
	IOMMU_FAULT_RANGE,	/* more address bits than the tables have */
	IOMMU_FAULT_NOT_MAPPED, /* no entry */
	IOMMU_FAULT_RIGHTS,	/* an entry that does not allow this */
	IOMMU_FAULT_TABLE,	/* a table lies where no RAM is */
};

struct iommu_fault {
	uint64_t iova;
	uint32_t stream;
	uint8_t kind;  /* enum iommu_fault_kind */
	uint8_t level; /* of the table that had no entry: 0 is the root */
	bool write;
};

struct iotlb_entry {
	uint64_t iova, pa; /* of the page or block's begin */
	uint64_t used;	   /* when it was of use last */
	uint32_t tag;	   /* domain + 1; 0: empty */
	uint8_t shift;	   /* log2 of the bytes that it is for */
	uint8_t rights;
	uint16_t unused;
};

/* The unit's registers and counters. */
struct hw_iommu {
	uint32_t format;     /* enum iommu_format */
	uint32_t sets, ways; /* of the IOTLB; sets is a power of two */
	uint64_t root_pa;    /* VT-d: of the root table; 0: none */
	uint64_t time;	     /* translations so far */
	uint64_t hits, misses, walk_loads, faults;
	uint64_t flushes_page, flushes_domain,
		flushed; /* invalidations, and entries that they found */
};

/* Who accesses. On VT-d only @stream counts: the rest is found in memory. */
struct iommu_stream {
	uint32_t stream;  /* VT-d: bus << 8 | device number; SMMU: StreamID */
	uint32_t domain;  /* ASID */
	uint64_t root_pa; /* TTBR0; 0: no context bank */
	bool bypass;
};

/* Views, made for each use. */
struct iommu_unit {
	struct hw_iommu *hw;
	struct iotlb_entry *iotlb; /* [sets * ways] */
	const struct dram *dram;
};

/* Where the device's access at @iova goes, and how many bytes from there on are translated alike. False: *@fault. */
bool hw_iommu_translate(const struct iommu_unit *u, const struct iommu_stream *s, uint64_t iova,
	bool write, uint64_t *pa, uint64_t *left, struct iommu_fault *fault);

/* Invalidations. */
void hw_iotlb_flush_domain(const struct iommu_unit *u, uint32_t domain);
void hw_iotlb_flush_range(
	const struct iommu_unit *u, uint32_t domain, uint64_t iova, uint64_t bytes);

/* ---- entries, as data ---- */

static inline unsigned iommu_level_shift(unsigned level)
{
	return IOMMU_PAGE_SHIFT + (IOMMU_LEVELS - 1 - level) * IOMMU_LEVEL_BITS;
}

static inline unsigned iommu_index(uint64_t iova, unsigned level)
{
	return (unsigned)(iova >> iommu_level_shift(level)) % IOMMU_ENTRIES;
}

static inline uint64_t iommu_entry_pa(uint64_t entry)
{
	return entry & 0x0000fffffffff000;
}

bool iommu_entry_present(enum iommu_format f, uint64_t entry);
/* Of a present entry: does it map memory, or lead to a table? */
bool iommu_entry_is_leaf(enum iommu_format f, uint64_t entry, unsigned level);
unsigned iommu_entry_rights(enum iommu_format f, uint64_t entry);
uint64_t iommu_make_table(enum iommu_format f, uint64_t pa);
uint64_t iommu_make_leaf(enum iommu_format f, uint64_t pa, unsigned level, unsigned rights);

/* VT-d's root and context entries, 16 bytes each. */
static inline uint64_t vtd_root_entry(uint64_t context_table_pa)
{
	return context_table_pa | 1;
}
/* Low and high half of a context entry with four levels of tables; bypass: translation type 2. */
static inline uint64_t vtd_context_low(uint64_t root_pa, bool bypass)
{
	return root_pa | (bypass ? 2u << 2 : 0) | 1;
}
static inline uint64_t vtd_context_high(uint32_t domain)
{
	return (uint64_t)domain << 8 | 2;
}

#endif

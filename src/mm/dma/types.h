/* SPDX-License-Identifier: MIT
 *
 * Devices as the kernel sees them, and what is mapped for them: the state behind mm/dma (see device.h, mapping.h).
 */
#ifndef SIMM_MM_DMA_TYPES_H
#define SIMM_MM_DMA_TYPES_H

#include "hw/bus.h"
#include "hw/device.h"
#include "hw/stale.h"
#include "mm/boot/describe.h"
#include "mm/dma/debug_types.h"
#include "mm/dma/isa.h"
#include "mm/dma/iommu_types.h"
#include "mm/page/types.h"

#include <stdbool.h>
#include <stdint.h>

#define DEVICE_NAME_MAX 64
#define DEVICE_PATH_MAX 128
#define DRIVER_NAME_MAX 64
#define DMA_MAX_CHANNELS 32

/* ~0 of dma_addr_t: what dma_map_*() gives when it cannot. */
#define DMA_MAPPING_ERROR UINT64_MAX

#define DMA_BIT_MASK(n) ((n) >= 64 ? UINT64_MAX : ((uint64_t)1 << (n)) - 1)

enum dma_data_direction {
	DMA_BIDIRECTIONAL,
	DMA_TO_DEVICE,
	DMA_FROM_DEVICE,
	DMA_NONE,
};

enum dma_attr {
	DMA_ATTR_WEAK_ORDERING = 1 << 1,
	DMA_ATTR_WRITE_COMBINE = 1 << 2,
	DMA_ATTR_NO_KERNEL_MAPPING = 1 << 4,
	DMA_ATTR_SKIP_CPU_SYNC = 1 << 5,
	DMA_ATTR_FORCE_CONTIGUOUS = 1 << 6,
	DMA_ATTR_ALLOC_SINGLE_PAGES = 1 << 7,
	DMA_ATTR_NO_WARN = 1 << 8,
	DMA_ATTR_PRIVILEGED = 1 << 9,
};

#define DMA_CHAN_DESCRIPTORS 16

/* A transfer that a channel was given, and when it is told to begin. */
struct dma_descriptor {
	uint64_t source, target, bytes;
	uint8_t kind;			/* enum transfer_kind */
	uint8_t state;			/* enum dma_descriptor_state */
	bool slave;			/* its other end is the client's FIFO */
	uint8_t unused;
	uint32_t cookie;
};

enum dma_descriptor_state { DMA_DESC_FREE, DMA_DESC_PREPARED, DMA_DESC_SUBMITTED, DMA_DESC_ISSUED };

/* A channel of a DMA controller. */
struct dma_chan {
	uint32_t client;	/* id of the device that has it; 0: free */
	uint32_t cookie;	/* the latest that was given */
	uint32_t completed;	/* the latest that is done */
	uint32_t failed;	/* the latest that failed */
	char name[24];		/* that the client asked for: "rx" */
	struct dma_descriptor descriptor[DMA_CHAN_DESCRIPTORS];
};

struct device {
	char name[DEVICE_NAME_MAX];	/* "fe201000.serial", or what mkdir said */
	char of_path[DEVICE_PATH_MAX];	/* of its node; "": none */
	char compatible[DEVICE_NAME_MAX];
	char driver[DRIVER_NAME_MAX];	/* that it is bound to; "": none */
	uint32_t id;			/* from 1, never used again; 0 is no device */
	bool made;			/* by mkdir: its attributes can be written, rmdir ends it */
	bool iommu;			/* its bus addresses go through an IOMMU */
	bool busy;			/* in the list of those that want the bus */
	uint8_t nr_channels;		/* a DMA controller's */
	uint64_t dma_mask, coherent_dma_mask, bus_dma_limit;
	uint64_t min_align_mask;	/* dma_set_min_align_mask() */
	uint64_t reg_start, reg_bytes;	/* its registers; 0 bytes: none */
	int16_t region[DESCRIBE_MAX_REGIONS]; /* memory-region: indexes of the machine's reserved ranges, or REGION_ */
	uint8_t nr_regions;
	uint16_t dma_mem;		/* its own coherent memory: index of the reserved range + 1; 0: none */
	uint32_t cma_area;		/* its own contiguous area: number + 1; 0: none */
	uint32_t nr_mappings;		/* live */
	struct hw_device hw;
	uint64_t engine_at;		/* heap block of struct hw_engine; 0: it has moved nothing yet */
	uint64_t channels_at;		/* heap block of struct dma_chan [nr_channels] */
	uint64_t log_at;		/* heap block of DEVICE_LOG_BYTES; 0: nothing was logged */
	uint64_t log_written;		/* bytes ever written to it */
	uint64_t next_busy;		/* offset of the next device in the list of those */
	uint64_t iommu_at;		/* heap block of its struct iommu_domain; 0: it has none yet */
	uint32_t iommu_stream;		/* StreamID: of its node, or its own number */
	uint32_t max_segment_size;	/* dma_set_max_seg_size(); 0: 64 KiB */
	uint64_t segment_boundary_mask; /* dma_set_seg_boundary(); 0: none */
	bool warned;			/* WARN_ONCE() of an overflow was said */
	uint64_t unsynced_loads, unsynced_reads; /* that got old bytes of its mappings: the CPUs', its own */
};

#define DEVICE_LOG_BYTES 16384

enum dma_type { DMA_TYPE_SINGLE, DMA_TYPE_SG, DMA_TYPE_COHERENT, DMA_TYPE_RESOURCE, DMA_TYPE_PAGES };

/* One live mapping, whether the kernel would know of it or not. */
struct dma_mapping {
	uint64_t dma;		/* bus address */
	uint64_t phys;		/* what it is for: the CPU's side, not a bounce slot */
	uint64_t bytes;
	uint64_t cpu;		/* the CPU's address of a coherent buffer */
	uint32_t device;	/* id */
	uint32_t next;		/* in its hash chain, or of free ones: index + 1 */
	uint8_t type;		/* enum dma_type */
	uint8_t dir;		/* enum dma_data_direction */
	uint8_t flags;
	uint8_t unused;
	uint16_t attrs;		/* enum dma_attr bits */
	uint16_t held;		/* 1: it has a reference of each of its pages, which could move */
	uint32_t sg_index, sg_nents; /* of a scatterlist's segment */
	uint64_t pages_at;	/* heap block of the pfns of a buffer whose pages lie apart; 0: it is one block */
};

#define DMA_MAPPING_BOUNCED 1	/* dma is a bounce slot's */
#define DMA_MAPPING_ATOMIC  4	/* from the atomic pool */
#define DMA_MAPPING_REMAPPED 8	/* cpu is an uncached address of its own */
#define DMA_MAPPING_RESERVED 16 /* from coherent memory that was reserved for devices */
#define DMA_MAPPING_UNSYNCED 32 /* somebody got old bytes of it since the last sync, and the log says so */

/* All live mappings: entries in one table, chained by hash of device and bus address. */
struct dma_mappings {
	uint64_t at;		/* heap block of struct dma_mapping [cap] */
	uint64_t buckets_at;	/* heap block of uint32_t [cap] */
	uint32_t cap;		/* a power of two */
	uint32_t nr;		/* live */
	uint32_t used;		/* ever used: those behind are untouched */
	uint32_t free;		/* index + 1 of the first free one */
};

struct io_tlb_slot {
	uint64_t orig_addr;	/* UINT64_MAX: none */
	uint64_t alloc_bytes;
	uint32_t list;		/* free slots from here to the segment's end; 0: in use */
	uint32_t unused;
};

struct io_tlb_area {
	uint32_t used, index;
};

#define IO_TLB_SHIFT   11
#define IO_TLB_SIZE    ((uint64_t)1 << IO_TLB_SHIFT)
#define IO_TLB_SEGSIZE 128

/* Bounce buffers: io_tlb_default_mem. */
struct swiotlb {
	uint64_t start, end;	/* physical; equal: there are none */
	uint64_t nslabs, used;
	uint32_t nareas, area_nslabs;
	bool force;
	uint64_t slots_at;	/* heap block of struct io_tlb_slot [nslabs]; 0: never used */
	uint64_t areas_at;	/* heap block of struct io_tlb_area [nareas] */
	uint64_t full_said_ns;	/* rate limit of "buffer is full" */
	uint32_t full_said;
};

#define NR_DMA_POOLS	   3
#define DMA_POOL_MAX_PAGES 1024

/* An atomic pool: 0 pages: not made yet. */
struct dma_pool {
	uint64_t phys, va;
	uint32_t nr_pages;
	uint32_t unused;
	uint64_t used[DMA_POOL_MAX_PAGES / 64]; /* a bit for each page */
};

/* A range of /reserved-memory: reserved_mem.h. */
struct reserved_mem {
	char name[DESCRIBE_NAME_MAX];
	uint64_t base, bytes;	/* 0 bytes: it could not be reserved */
	uint32_t cma;		/* the contiguous area that it is: number + 1; 0: none */
	bool dma_pool;		/* coherent memory of the devices that name it */
	bool restricted;	/* restricted-dma-pool */
	uint64_t va;		/* of a pool: the kernel's uncached address; 0: not mapped yet */
	uint64_t bitmap_at;	/* heap block of uint64_t words, a bit for each page that is given out */
};

/* Buffers that devices and processes share: dma_buf.h. */
struct dma_bufs {
	uint64_t first;		/* offset of the oldest; 0: none */
	uint64_t last_ino;
	uint64_t last_attachment;
	uint32_t nr;
	uint32_t unused;
};

struct devices {
	uint64_t at;		/* heap block of uint64_t [cap]: offsets of struct device, ordered by id */
	uint32_t nr, cap;
	uint32_t last_id;
	uint64_t busy;		/* offset of the first device that wants the bus; 0: none */
	uint32_t nr_busy;
	uint32_t noncoherent;	/* devices that bypass the caches */
	uint32_t cpu_priority;
	bool vmalloc_rejected;	/* WARN_ONCE() of dma_map_single() of vmalloc memory was said */
	struct bus bus;
	struct bus_master cpu_master[MAX_CPUS];
	struct dma_mappings mappings;
	struct swiotlb swiotlb;
	struct stale_table stale;
	struct isa_dma isa;
	uint64_t reserved_at;	/* heap block of struct reserved_mem [nr_reserved] */
	uint32_t nr_reserved;
	uint32_t global_pool;	/* linux,dma-default of ARM without MMU: index + 1; 0: none */
	struct dma_pool pool[NR_DMA_POOLS]; /* GFP_KERNEL, GFP_DMA, GFP_DMA32 */
	struct iommus iommus;
	struct dma_bufs dma_bufs;
	struct dma_debug debug;
};

#endif

/* SPDX-License-Identifier: MIT
 *
 * A machine: all of one simulated computer's memory and memory management, as a value.
 *
 * struct machine lies at the start of its arena. Its first page is the host's bookkeeping (not
 * state); all the rest, and everything else in the arena, is the machine's state: plain numbers,
 * offsets into the arena, pfns, ids. No host pointer, no host time. machine_copy() therefore copies the
 * touched pages and nothing else, and machine_digest() hashes them.
 *
 *      arena:  | host | struct machine | zones, nodes, pcp lists | heap | frames | pageblocks | DRAM |
 *
 * Frames, pageblocks and DRAM are indexed by pfn - base_pfn. They are touched lazily: see frame.h.
 */
#ifndef SIMM_MM_MACHINE_H
#define SIMM_MM_MACHINE_H

#include "base/arena.h"
#include "base/refuse.h"
#include "base/rng.h"
#include "mm/boot/describe.h"
#include "mm/boot/memblock.h"
#include "mm/core/arch.h"
#include "mm/core/callstack.h"
#include "mm/core/clock.h"
#include "mm/core/config.h"
#include "mm/core/count.h"
#include "mm/core/heap.h"
#include "mm/core/log.h"
#include "mm/core/pfn_map.h"
#include "mm/core/resource.h"
#include "mm/core/sysctl.h"
#include "mm/core/trace.h"
#include "mm/core/var.h"
#include "mm/debug/kmemleak.h"
#include "mm/debug/page_owner.h"
#include "mm/dma/types.h"
#include "mm/kernel/cpus.h"
#include "mm/kernel/highmem.h"
#include "mm/kernel/kernel_map.h"
#include "mm/move/cma_types.h"
#include "mm/move/types.h"
#include "mm/page/fault_inject.h"
#include "mm/page/mem_map.h"
#include "mm/page/types.h"
#include "mm/process/types.h"
#include "mm/slab/types.h"
#include "mm/vmalloc/types.h"

#define PAGE_SHIFT 12
#define PAGE_BYTES ((uint64_t)1 << PAGE_SHIFT)
#define NO_PFN	   UINT64_MAX

/* PAGE_ALIGN(), PAGE_ALIGN_DOWN(), PFN_UP(): of a number of bytes or an address. */
static inline uint64_t page_align(uint64_t n)
{
	return (n + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
}
static inline uint64_t page_align_down(uint64_t n)
{
	return n & ~(PAGE_BYTES - 1);
}
static inline uint64_t pfn_up(uint64_t n)
{
	return (n + PAGE_BYTES - 1) >> PAGE_SHIFT;
}

struct machine {
	/* The host's side: never state, never in a digest, not copied. */
	struct arena arena;
	struct refusal why; /* why the last act was refused */
	bool checks_full;   /* run the *_check() after each mutation (-o checks=full) */

	/* The state. */
	_Alignas(ARENA_PAGE_BYTES) enum arch arch;
	struct config_set config;
	char model[DESCRIBE_MODEL_MAX];
	char cmdline[CMDLINE_BYTES_MAX];
	uint64_t seed;
	struct rng rng;

	/* Shape: fixed at boot (hotplug may move end_pfn up to its reservation). */
	unsigned nr_orders; /* MAX_ORDER of 6.1: orders 0 .. nr_orders-1 */
	unsigned pageblock_order;
	unsigned pcp_thp_order;	    /* the one high order that pcp lists hold; 0: none (no THP) */
	unsigned nr_migratetypes;   /* with CMA 6, else 5 */
	unsigned struct_page_bytes; /* of the simulated kernel */
	unsigned section_shift;	    /* SPARSEMEM: log2 of bytes per section; 0 with FLATMEM */
	uint32_t zone_mask;	    /* bit z: the kernel has enum zone_type z */
	unsigned nr_nodes;	    /* nodes 0 .. nr_nodes-1, each with memory or CPUs */
	unsigned nr_cpus;	    /* online, 0 .. nr_cpus-1 */
	uint8_t cpu_node[MAX_CPUS];
	uint8_t node_distance[MAX_NODES][MAX_NODES];
	uint64_t
		base_pfn; /* the lowest pfn that has a frame (0 on x86; aligned to a max-order block) */
	uint64_t end_pfn;	 /* max_pfn: one past the last page of RAM */
	uint64_t frames_end_pfn; /* one past the last frame reserved in the arena */

	/* Where things lie in the arena (byte offsets). */
	uint64_t zones_at;	/* struct zone [nr_nodes][MAX_NR_ZONES] */
	uint64_t nodes_at;	/* struct node [nr_nodes] */
	uint64_t pcps_at;	/* struct pcp [nr_cpus][nr_nodes * MAX_NR_ZONES] */
	uint32_t pcps_bytes;	/* of one CPU's */
	uint64_t live_at;	/* bitmap: the max-order block's frames are live */
	uint64_t frames_at;	/* struct frame [frames_end_pfn - base_pfn] */
	uint64_t pageblocks_at; /* uint8_t [pageblocks]: migratetype and skip bits */
	uint64_t dram_at;	/* contents, PAGE_BYTES per frame */
	uint64_t dram_has_at;	/* bitmap: the frame has contents */
	struct heap heap;

	struct memblock memblock;
	struct mem_map mem_map;
	struct resources resources;
	struct log log;
	struct clock clock;
	struct cpus cpus;
	struct kernel_map kernel_map;
	struct highmem highmem;
	struct trace trace;
	struct sysctls sysctls;
	struct hugetlb hugetlb;
	struct fault_inject fail_page_alloc;
	struct vars vars;
	struct page_alloc_state page_alloc;
	struct callstack callstack;
	struct stack_depot stack_depot;
	struct page_owners page_owners;
	struct kmemleak kmemleak;
	struct slab_state slab;
	struct compact_job compact_job;
	struct compact_direct compact_direct;
	struct processes processes;
	struct pfn_map replayed; /* pages of a recording: see replay.h */
	struct devices devices;
	struct vmalloc vmalloc;
	uint64_t replay_at; /* heap block of src/replay, 0: nothing was replayed */
	uint64_t vm_event[NR_VM_EVENTS];
	uint64_t totalreserve_pages;
	uint64_t totalram_pages;  /* sum of managed */
	uint64_t totalhigh_pages; /* managed of HighMem */
	uint64_t totalcma_pages;
	struct cma_area cma[MAX_CMA_AREAS];
	unsigned nr_cma;
	unsigned cma_default; /* the one that dma_alloc_coherent() takes from: its number + 1, 0: none */
	struct cma_state cma_state;
};

/* Boot the machine that @desc describes. On success *@out is owned by the caller.
 * Errors: EINVAL (a machine that cannot boot; the sentence says what is missing), ENOMEM, EDQUOT. */
int machine_create(const struct machine_desc *desc, struct machine **out, struct refusal *why);
void machine_destroy(struct machine *m);
/* A second machine in the same state. Errors: ENOMEM, EDQUOT. */
int machine_copy(const struct machine *from, struct machine **out, struct refusal *why);
/* 64-bit name of the state: equal states have equal digests. */
uint64_t machine_digest(const struct machine *m);
/* Run every *_check(). Returns the number of violations and appends a line for each to @out. */
unsigned machine_check(struct machine *m, struct text *out);

static inline bool machine_has(const struct machine *m, enum config c)
{
	return config_has(m->config, c);
}

/* sizeof(unsigned long), which is a pointer's, and sizeof(phys_addr_t) in the simulated kernel; how many hexadecimal digits %px
 * and %pa print of them; ULONG_MAX. */
static inline unsigned machine_word_bytes(const struct machine *m)
{
	return machine_has(m, CONFIG_64BIT) ? 8 : 4;
}
static inline unsigned machine_phys_bytes(const struct machine *m)
{
	return machine_has(m, CONFIG_64BIT) || machine_has(m, CONFIG_X86_PAE) ? 8 : 4;
}
static inline int machine_word_digits(const struct machine *m)
{
	return 2 * (int)machine_word_bytes(m);
}
static inline int machine_phys_digits(const struct machine *m)
{
	return 2 * (int)machine_phys_bytes(m);
}
static inline uint64_t machine_word_max(const struct machine *m)
{
	return machine_has(m, CONFIG_64BIT) ? UINT64_MAX : UINT32_MAX;
}

static inline void *machine_at(const struct machine *m, uint64_t offset)
{
	return (char *)(uintptr_t)m + offset;
}

/* Charge an act's cost, @ns of it or one of cost.def: clock_charge(m, PCP_ALLOC). Due tasks run at the next
 * clock_run(). Inline and constant, since every page that is allocated pays. */
static inline void clock_charge_ns(struct machine *m, uint64_t ns)
{
	m->clock.now_ns += ns;
}
static inline void machine_charge_cycles(struct machine *m, uint64_t cycles)
{
	clock_charge_ns(m, (cycles + CYCLES_PER_NS - 1) / CYCLES_PER_NS);
}
#define clock_charge(m, name) clock_charge_ns(m, COST_NS_##name)

/* The kernel's ticks at @ns (CONFIG_HZ=250): they begin five minutes before 32 bits of them wrap. */
static inline uint64_t machine_jiffies(const struct machine *m, uint64_t ns)
{
	uint64_t ticks = ns / 4000000u + 4294892296u;

	return machine_has(m, CONFIG_64BIT) ? ticks : (uint32_t)ticks;
}

static inline void count_event(struct machine *m, enum vm_event_item item, uint64_t n)
{
	m->vm_event[item] += n;
}

/* Hooks of the allocators (mm/debug/kmemleak.h). */
static inline void kmemleak_alloc(
	struct machine *m, unsigned cpu, uint64_t address, uint64_t bytes, int min_count)
{
	if (__builtin_expect(m->kmemleak.enabled, 0))
		kmemleak_alloc_slow(m, cpu, address, bytes, min_count);
}
static inline void kmemleak_free(struct machine *m, uint64_t address)
{
	if (__builtin_expect(m->kmemleak.enabled, 0))
		kmemleak_free_slow(m, address);
}

#endif

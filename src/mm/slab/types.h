/* SPDX-License-Identifier: MIT
 *
 * The state of the slab allocator: caches in the machine's heap, slabs in the frames of their pages.
 *
 *	machine.slab ─> table ─> struct kmem_cache, its nodes, its CPUs      (one block of the heap)
 *	                              │ cpu[i].slab, cpu[i].partial, node[n].partial: pfn + 1
 *	                              ▼
 *	frame of a slab's first page  flags SLAB   mapping: the cache's id
 *	(as struct slab overlays      index: the first free object, counted from 1 (15 bits), the slab's map (29)
 *	 struct page)                 mapcount: objects in use (16 bits), objects (15), frozen (1)
 *	                              next, prev: a node's partial list; on a CPU's chain: the next slab, slabs from here on
 *	map of a slab                 a block of the heap: two bits for each object, who has it (enum slab_holder)
 *
 * The objects, with the pointers that chain the free ones, lie in the machine's DRAM. Linux has no such map: it finds out
 * from the lists, or does not; here whoever frees something is told exactly.
 */
#ifndef SIMM_MM_SLAB_TYPES_H
#define SIMM_MM_SLAB_TYPES_H

#include "base/rng.h"
#include "mm/core/link_type.h"
#include "mm/page/types.h"

#include <stdbool.h>
#include <stdint.h>

enum {
#define SLAB_FLAG(name, value, letter, doc) SLAB_##name = (value),
#include "mm/slab/slab_flags.def"
};

enum kmem_cache_id {
#define KMEM_CACHE(id, ...) KMEM_##id,
#include "mm/slab/caches.def"
	NR_KMEM_CACHES
};

enum kmalloc_type {
	KMALLOC_NORMAL,
	KMALLOC_CGROUP,
	KMALLOC_RECLAIM,
	KMALLOC_DMA,
	NR_KMALLOC_TYPES
};

#define KMALLOC_SHIFT_HIGH   13			      /* the largest cache: two pages */
#define NR_KMALLOC_SIZES     (KMALLOC_SHIFT_HIGH + 1) /* by log2; 1 is 96 bytes, 2 is 192 */
#define KMALLOC_MAX_BYTES(m) (PAGE_BYTES << ((m)->nr_orders - 1))
#define ZERO_SIZE_PTR	     ((uint64_t)16) /* what kmalloc(0) gives */
#define SLAB_NAME_MAX	     64
#define SLAB_MAX_ORDER	     3	    /* PAGE_ALLOC_COSTLY_ORDER: slub_max_order's default */
#define SLAB_MAX_OBJECTS     32767u /* MAX_OBJS_PER_PAGE */

/* The two records that an object has of who had it last (SLAB_STORE_USER). */
enum track_item { TRACK_ALLOC, TRACK_FREE };

/* Who has an object: two bits of its slab's map. */
enum slab_holder {
	HOLDER_NONE,   /* it is on a free list */
	HOLDER_USER,   /* whoever called kmalloc() and the like; may call kfree() */
	HOLDER_KERNEL, /* the simulated kernel itself: only it can free it */
	HOLDER_LOST,   /* nobody: its free list was overwritten */
};

/* Pages of a slab and how many objects they hold (struct kmem_cache_order_objects). */
struct slab_shape {
	uint32_t order, objects;
};

/* What one CPU has of a cache. Addresses are the kernel's; 0: none. */
struct kmem_cache_cpu {
	uint64_t freelist;   /* the next object to give out */
	uint64_t start;	     /* of the slab that it takes from; 0: none */
	uint32_t bytes, map; /* of that slab: of its objects, slab_map_number() */
	uint32_t slab;	     /* that slab's pfn + 1 */
	uint32_t partial;    /* the first of its other frozen slabs, pfn + 1 */
};

struct kmem_cache_node {
	struct frame_list partial;
	uint64_t nr_partial;
	uint64_t nr_slabs;
	uint64_t total_objects;
	uint64_t object; /* of cache kmem_cache_node; 0: a cache of boot */
};

/* Another name of a merged cache. */
struct kmem_cache_alias {
	uint64_t next; /* heap offset, 0: the last */
	char name[SLAB_NAME_MAX];
};

struct kmem_cache {
	struct link list; /* in machine.slab.caches: newest first */
	uint32_t id;	  /* from 1; frame.mapping of its slabs */
	int32_t refcount; /* names that it has; below 0: never merged */
	uint32_t flags;	  /* SLAB_* */
	uint32_t object_size;
	uint32_t size;	     /* from one object to the next */
	uint64_t reciprocal; /* of size: slab_object_index() */
	uint32_t inuse;	     /* the object's own bytes, free pointer inside excluded */
	uint32_t align;
	uint32_t offset; /* of the free pointer in a free object */
	uint32_t red_left_pad;
	uint32_t useroffset, usersize;
	uint32_t allocflags; /* gfp of its pages */
	uint32_t min_partial;
	uint32_t cpu_partial, cpu_partial_slabs;
	uint32_t remote_node_defrag_ratio; /* of 1024 */
	bool poison_object;		   /* __OBJECT_POISON: the object itself is filled, too */
	bool has_ctor;
	bool zero_objects; /* init_on_alloc */
	bool hardened;	   /* CONFIG_SLAB_FREELIST_HARDENED */
	struct slab_shape oo, min;
	uint64_t random; /* of hardened free pointers */
	uint64_t
		random_seq_at; /* heap block of oo.objects uint32_t: where the n-th object of a fresh list lies; 0: in order */
	uint64_t aliases_at; /* struct kmem_cache_alias */
	uint64_t object, name_object,
		seq_object; /* what it costs itself; 0: a cache of boot, or the name is a constant */
	uint64_t bytes;	    /* of the heap block that begins here */
	uint64_t cpus_at, nodes_at; /* inside that block */
	char name[SLAB_NAME_MAX];
	char ctor[SLAB_NAME_MAX]; /* "" without */
};

struct slab_state {
	struct rng rng; /* its own, so that who allocates what moves no other choice of chance */
	uint64_t
		linear; /* arena offset of what lies at kernel address 0 of the direct map, modulo 2^64 */
	uint64_t table_at; /* heap block of @cap uint64_t: id - 1 to the cache; 0: destroyed */
	uint32_t nr, cap;
	struct link caches;		 /* slab_caches */
	uint64_t own_at[NR_KMEM_CACHES]; /* 0: this kernel has no such cache */
	uint64_t kmalloc_at[NR_KMALLOC_TYPES][NR_KMALLOC_SIZES];
	uint64_t kmem_cache_at, kmem_cache_node_at;
	uint64_t large_pages; /* of kmalloc beyond the caches */
	uint32_t hw_align;    /* cache_line_size() */
	uint32_t kmalloc_min; /* ARCH_KMALLOC_MINALIGN */
	uint32_t min_order, max_order,
		min_objects; /* slub_min_order= ...; min_objects 0: by the number of CPUs */
	bool ready;	     /* boot is over: a new cache costs memory */
	bool keep_orders;    /* slub_debug=O: no debugging where it would make larger slabs */
	bool nomerge;	     /* slab_nomerge, slub_nomerge */
	char debug[128];     /* slub_debug='s value, "-" without the parameter */
};

#endif

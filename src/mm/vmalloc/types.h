/* SPDX-License-Identifier: MIT
 *
 * vmalloc's state: areas of kernel addresses, as data.
 *
 *	free   addresses that can be given out
 *	busy   given out: each with what is mapped there
 *	lazy   given back, their entries cleared, but TLBs may still know them: nobody gets them before the next purge
 *
 * An area is in one of the three trees; together they are all of the kernel's areas for such mappings.
 */
#ifndef SIMM_MM_VMALLOC_TYPES_H
#define SIMM_MM_VMALLOC_TYPES_H

#include "mm/page/types.h"

#include <stdbool.h>
#include <stdint.h>

/* include/linux/vmalloc.h */
enum vm_struct_flags {
	VM_IOREMAP = 0x1,
	VM_ALLOC = 0x2,
	VM_MAP = 0x4,
	VM_USERMAP = 0x8, /* may be mapped into a process */
	VM_DMA_COHERENT = 0x10,
	VM_UNINITIALIZED = 0x20,
	VM_NO_GUARD = 0x40,
	VM_MAP_PUT_PAGES = 0x200, /* vfree() also gives vmap()'s pages back */
	VM_ALLOW_HUGE_VMAP = 0x400,
	VM_KERNEL_STACK = 0x10000, /* ours, of a task: nobody else ends it */
	VM_PAGES_ARRAY = 0x20000,  /* ours, of a large area's pages: neither */
};

/* What a busy area has (struct vm_struct). */
struct vm_struct {
	uint64_t addr;
	uint64_t size;		/* bytes, with the guard page */
	uint32_t flags;		/* enum vm_struct_flags */
	uint32_t nr_pages;	/* of pages_at */
	uint32_t pages_cap;
	uint64_t pages_at;	/* heap block: uint32_t [pages_cap], the pages that vfree() gives back */
	uint64_t pages_address; /* of the array of struct page pointers: kmalloc'ed, or when it is large vmalloc'ed; 0: none */
	uint64_t object;	/* struct vm_struct itself, kmalloc'ed (vm_struct.c); 0: made at boot */
	uint64_t phys_addr;	/* VM_IOREMAP */
	uint32_t caller;	/* depot_stack_handle_t: where the kernel was; 0: nobody knows */
	uint8_t page_order;	/* of the mappings that were tried: pages have come in such blocks */
};

struct vmap_area {
	uint64_t start, end;
	uint64_t left, right;	/* in its tree: arena offsets of struct vmap_area */
	uint64_t max_bytes;	/* the largest of its subtree */
	uint64_t object;	/* what it costs: an object of vmap_area; 0: made at boot */
	struct vm_struct vm;	/* while it is busy */
};

#define NR_CACHED_STACKS 2

struct vmalloc {
	uint64_t free_root, busy_root, lazy_root;
	uint64_t nr_free, nr_busy, nr_lazy;	/* areas */
	uint64_t lazy_pages;	/* vmap_lazy_nr */
	uint64_t nr_pages;	/* nr_vmalloc_pages: mapped by VM_ALLOC areas, */
	uint64_t lost_pages;	/* or by one once, whose pages vunmap() and iounmap() have not given back */
	uint64_t purges;
	bool ready;		/* boot is over: areas cost objects */
	bool no_huge;		/* nohugevmalloc: vmalloc_huge() takes single pages */
	bool no_huge_ioremap;	/* nohugeiomap: ioremap() maps by single pages */
	uint64_t cached_stack[MAX_CPUS][NR_CACHED_STACKS]; /* addresses of kernel stacks that wait for a task; 0: none */
};

#endif

/* SPDX-License-Identifier: MIT
 *
 * Memory that lies side by side in kernel addresses and anywhere in RAM: vmalloc(), vmap(), ioremap() of 6.1.
 *
 * Areas are found by any address in them. Who is named as the caller is the innermost function of a stack in the depot.
 */
#ifndef SIMM_MM_VMALLOC_H
#define SIMM_MM_VMALLOC_H

#include "mm/core/callstack.h"
#include "mm/kernel/pgtable.h"
#include "mm/machine.h"
#include "mm/page/page_alloc.h"
#include "mm/vmalloc/vmap_area.h"

/* ---- for others: what is mapped where ---- */

/* find_vm_area(): the busy area that has @addr in it, guard page included; NULL: none. */
const struct vm_struct *find_vm_area(const struct machine *m, uint64_t addr);
/* Of all busy areas in ascending order the first that begins at or above @addr; NULL: there are no more. */
const struct vm_struct *next_vm_area(const struct machine *m, uint64_t addr);
/* Page @i of those that vfree() gives back. */
uint64_t vm_area_pfn(const struct machine *m, const struct vm_struct *vm, uint32_t i);
/* The next address at or above *@addr at which a busy area maps @pfn: the area, and *@addr is that address; NULL: there is
 * none, or *@budget entries have been looked at (0 then). */
const struct vm_struct *next_vm_area_of_page(
	struct machine *m, uint64_t pfn, uint64_t *addr, uint64_t *budget);
/* Bytes that are mapped: without the guard page. */
uint64_t vm_mapped_bytes(const struct vm_struct *vm);
/* is_vmalloc_addr(): in the range for such areas, mapped or not. */
bool is_vmalloc_addr(const struct machine *m, uint64_t addr);
/* vmalloc_to_pfn(): what the kernel's tables have there; NO_PFN: nothing. */
uint64_t vmalloc_to_pfn(struct machine *m, uint64_t addr);
/* Who calls now, for vm_struct.caller. */
depot_stack_handle_t vmalloc_caller(struct machine *m);

/* ---- vmalloc() ---- */

struct vmalloc_request {
	uint64_t bytes; /* rounded up to pages */
	uint64_t align; /* a power of two; 0: a page */
	gfp_t gfp;
	uint32_t
		vm_flags; /* VM_USERMAP, VM_NO_GUARD, VM_ALLOW_HUGE_VMAP, VM_PAGES_ARRAY, VM_KERNEL_STACK */
	int nid;	  /* -1: any */
	depot_stack_handle_t caller;
};

/* __vmalloc_node_range() in the vmalloc area. *@addr: the address. Errors (m->why): EINVAL (0 bytes), ENOMEM, EDQUOT. A refusal may
 * leave a lazily freed area behind, and tables. */
int vmalloc_node_range(
	struct machine *m, unsigned cpu, const struct vmalloc_request *r, uint64_t *addr);
/* vmalloc(), vzalloc() ... : GFP_KERNEL with @gfp's other flags. */
int vmalloc(struct machine *m, unsigned cpu, uint64_t bytes, gfp_t gfp, uint64_t *addr);
/* vfree(): unmap the area that has @addr in it and give its pages back. Errors: EINVAL, with the kernel's warning in the
 * log (not aligned to a page, no area). 0 is ignored. */
int vfree(struct machine *m, unsigned cpu, uint64_t addr);

/* vfree() of an area with VM_KERNEL_STACK. */
void end_kernel_stack(struct machine *m, unsigned cpu, uint64_t addr);

/* ---- vmap(), ioremap() ---- */

/* vmap(): the pages side by side; nobody takes references. @flags: 0 or VM_MAP_PUT_PAGES. Errors: EINVAL (a pfn that is none, no
 * pages), ENOMEM, EBUSY, EDQUOT. */
int vmap(struct machine *m, unsigned cpu, const uint32_t *pfns, uint32_t nr, uint32_t flags,
	uint64_t *addr);
/* vunmap(): the same as vfree(), but pages stay. */
int vunmap(struct machine *m, unsigned cpu, uint64_t addr);
/* ioremap(): [phys, phys + bytes) as a device's registers; *@addr is that of @phys itself. Errors: EINVAL with the kernel's warning
 * (RAM, nothing, wrapping, beyond the CPU's addresses), ENOMEM, EDQUOT. */
int ioremap(struct machine *m, unsigned cpu, uint64_t phys, uint64_t bytes, uint64_t *addr);
int iounmap(struct machine *m, unsigned cpu, uint64_t addr);
/* dma_common_pages_remap() and the like: pages that somebody else keeps, with @flags (VM_DMA_COHERENT). */
int vmap_pages(struct machine *m, unsigned cpu, const uint32_t *pfns, uint32_t nr, uint32_t flags,
	enum pgtable_prot prot, depot_stack_handle_t caller, uint64_t *addr);

/* Trees, tables, pages and counters agree: violations, one line each in @out. */
unsigned vmalloc_check(struct machine *m, struct text *out);

#endif

/* SPDX-License-Identifier: MIT
 *
 * Areas of kernel addresses (vmalloc, vmap, ioremap, kernel stacks) in words: what sim/addr and sim/page say of them.
 */
#ifndef SIMM_VIEW_VM_AREA_WORDS_H
#define SIMM_VIEW_VM_AREA_WORDS_H

#include "base/text.h"
#include "mm/vmalloc/vmalloc.h"

/* How many entries one question may look at before it gives up and says so. */
#define VM_AREA_BUDGET ((uint64_t)1 << 20)

/* The function that made the area, "(unknown)" when nobody noted it. @name: 64 bytes. */
void vm_area_caller(const struct machine *m, const struct vm_struct *vm, char *name);
/* " ioremap vmalloc vmap user dma-coherent": those of its flags that proc/vmallocinfo shows, each with a blank before. */
void put_vm_flags(const struct vm_struct *vm, struct text *out);
/* "0xf8000000-0xf8005000 by vmalloc: vmalloc pages=4" */
void put_vm_area(const struct machine *m, const struct vm_struct *vm, struct text *out);
/* "page 2 of 4", or "its guard page, which nothing maps". @addr is in the area. */
void put_vm_page(const struct vm_struct *vm, uint64_t addr, struct text *out);
/* What the stack is that begins at @stack: "100 (hog)", or whom it waits for. False: no kernel stack begins there. */
bool put_stack_owner(const struct machine *m, uint64_t stack, struct text *out);
/* The area to which the page belongs (vfree() of it frees the page): area, which page of it, whose stack. False: none. */
bool put_vm_owner(struct machine *m, uint64_t pfn, struct text *out);

#endif

/* SPDX-License-Identifier: MIT
 *
 * What the files of this folder share: making an area, ending one, its pages and the bytes of it that are mapped.
 */
#ifndef SIMM_MM_VMALLOC_INTERNAL_H
#define SIMM_MM_VMALLOC_INTERNAL_H

#include "mm/vmalloc/vmalloc.h"

struct vm_request {
	uint64_t bytes;		/* whole pages, without the guard */
	uint64_t align;
	uint32_t flags;
	gfp_t gfp;
	depot_stack_handle_t caller;
};

/* __get_vm_area_node() in the vmalloc area, with a guard page unless VM_NO_GUARD. Errors: ENOMEM, EDQUOT, ENOSYS. */
int get_vm_area(struct machine *m, unsigned cpu, const struct vm_request *r, struct vmap_area **out);
/* The area ends, lazily; with its pages when @free_pages. */
void end_vm_area(struct machine *m, unsigned cpu, struct vmap_area *a, bool free_pages);

/* kzalloc() of a struct vm_struct. Errors: ENOMEM, EDQUOT. */
int vm_struct_alloc(struct machine *m, unsigned cpu, gfp_t gfp, uint64_t *object);
/* Its bytes in simulated memory become what @vm says. */
void vm_struct_write(struct machine *m, const struct vm_struct *vm);

static inline uint32_t *vm_pages(const struct machine *m, const struct vm_struct *vm)
{
	return vm->pages_at ? machine_at(m, vm->pages_at) : NULL;
}

#endif

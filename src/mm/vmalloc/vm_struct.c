/* SPDX-License-Identifier: MIT
 *
 * What an area costs besides its addresses: its struct vm_struct, as bytes of a kmalloc'ed object.
 *
 *	bytes, 64 bits        0 next   8 addr   16 size   24 flags   32 pages   40 page_order, nr_pages   48 phys_addr   56 caller
 *	bytes, 32 bits        0 next   4 addr    8 size   12 flags   16 pages   20 nr_pages   24 phys_addr, 4 or 8   then caller
 *
 * So the leak scanner finds in it one of the two pointers that a vmalloc'ed block is to have (the other one is its
 * user's), and the one to the array of the area's pages. The order of pages is there where they may be large ones.
 *
 * Left out: next and caller are 0, since the kernel has no code and the list is used at boot only; areas of boot have none.
 * Follows include/linux/vmalloc.h of 6.1.
 */
#include "mm/debug/kmemleak.h"
#include "mm/page/address.h"
#include "mm/page/contents.h"
#include "mm/slab/slab.h"
#include "mm/vmalloc/internal.h"

#include <string.h>

enum { VM_STRUCT_MOST_BYTES = 64 };

static uint64_t object_pa(const struct machine *m, uint64_t object)
{
	return (virt_to_pfn(m, object) << PAGE_SHIFT) + object % PAGE_BYTES;
}

static unsigned vm_struct_bytes(const struct machine *m)
{
	return machine_has(m, CONFIG_64BIT) ? 64 : 28 + machine_phys_bytes(m);
}

int vm_struct_alloc(struct machine *m, unsigned cpu, gfp_t gfp, uint64_t *object)
{
	gfp_t zones = __GFP_HIGHMEM | __GFP_DMA | __GFP_DMA32 | __GFP_MOVABLE;
	struct dram dram = machine_dram(m);
	int err = kmalloc_own(m, cpu, vm_struct_bytes(m), (gfp & ~zones) | __GFP_ZERO, -1, object);

	if (err)
		return err;
	/* Now, so that writing to it cannot fail later. */
	err = dram_touch(&dram, object_pa(m, *object), &m->why);
	if (!err)
		err = dram_touch(&dram, object_pa(m, *object + vm_struct_bytes(m) - 1), &m->why);
	if (err) {
		kfree_own(m, cpu, *object);
		return err;
	}
	if (m->kmemleak.enabled)
		kmemleak_not_leak(m,
			*object); /* found through vmap_area, whose pointers are not in simulated memory */
	return 0;
}

void vm_struct_write(struct machine *m, const struct vm_struct *vm)
{
	bool wide = machine_has(m, CONFIG_64BIT),
	     order = m->arch == ARCH_X86_64 || m->arch == ARCH_ARM64;
	const uint64_t word[] = {0, vm->addr, vm->size,
		vm->flags & ~(uint32_t)(VM_KERNEL_STACK | VM_PAGES_ARRAY), vm->pages_address};
	const uint32_t page_order = vm->page_order;
	uint8_t bytes[VM_STRUCT_MOST_BYTES] = {0};
	struct dram dram = machine_dram(m);
	size_t word_bytes = machine_word_bytes(m);

	if (!vm->object)
		return;
	for (unsigned i = 0; i < 5; i++)
		memcpy(bytes + i * word_bytes, &word[i], word_bytes);
	if (order)
		memcpy(bytes + 40, &page_order, 4);
	memcpy(bytes + (order ? 44 : 5 * word_bytes), &vm->nr_pages, 4);
	memcpy(bytes + (wide ? 48 : 24), &vm->phys_addr, machine_phys_bytes(m));
	(void)dram_write(&dram, object_pa(m, vm->object), bytes, vm_struct_bytes(m), &m->why);
}

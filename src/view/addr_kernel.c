/* SPDX-License-Identifier: MIT
 *
 * What sim/addr says of the kernel's own addresses: which area, window or fixed address one is, and through which of them
 * a page is seen.
 *
 *	vm_area    0xf8000000-0xf8005000 by vmalloc: vmalloc pages=4
 *	inside     page 2 of 4
 *	fixed      FIX_BTMAP, index 12 of the fixed addresses: ...
 *	virtual    0xf8002010, page 2 of 4 of 0xf8000000-0xf8005000 by vmalloc: vmalloc pages=4
 *	stack      of 100 (hog): 2048 bytes below its top
 *
 * Which areas map a page is not noted anywhere: they are searched, up to a budget (vm_area_words.h).
 */
#include "view/addr.h"

#include "mm/kernel/fixmap.h"
#include "mm/kernel/highmem.h"
#include "mm/kernel/layout.h"
#include "mm/page/address.h"
#include "mm/page/frame.h"
#include "mm/process/task.h"
#include "mm/vmalloc/vmap_tree.h"
#include "view/vm_area_words.h"

typedef unsigned long long ull;

/* ---- from the virtual address ---- */

void addr_put_area(struct addr *a, struct text *out)
{
	uint64_t first = page_offset(a->m), low_end = a->m->kernel_map.low_end;

	if (a->kind == ADDRESS_LOGICAL && low_end)
		text_printf(out, ADDR_KEY "direct map 0x%llx-0x%llx\n", "area", (ull)first,
			(ull)(linux_va(a->m, low_end - 1)));
	for (unsigned i = 0; i < NR_KERNEL_AREAS && a->m->kernel_map.root; i++) {
		struct kernel_range r = kernel_area(a->m, (enum kernel_area)i);

		if (a->va >= r.start && a->va < r.end && a->kind != ADDRESS_IMAGE)
			text_printf(out, ADDR_KEY "%s 0x%llx-0x%llx\n", "area",
				kernel_area_name((enum kernel_area)i), (ull)r.start,
				(ull)r.end - 1);
	}
}

/* "window 3 of kmap", "slot 1 of CPU 0". */
static void put_window_name(const struct highmem_window *w, struct text *out)
{
	if (w->kind == HIGHMEM_PKMAP)
		text_printf(out, "kmap's window %u", w->slot);
	else
		text_printf(out, "CPU %u's slot %u", w->cpu, w->slot);
}

void addr_put_window(struct addr *a, struct text *out)
{
	struct highmem_window w;

	if (!highmem_find(a->m, a->va, &w))
		return;
	text_printf(out, ADDR_KEY, "window");
	put_window_name(&w, out);
	if (w.kind == HIGHMEM_PKMAP && w.count > 1)
		text_printf(out, ", with %u user%s", w.count - 1, w.count == 2 ? "" : "s");
	else if (w.kind == HIGHMEM_PKMAP)
		text_puts(out, w.count ? ", without users, not flushed yet" : ", free");
	else
		text_puts(out, w.stale	 ? ", given back, and still mapped"
			       : w.count ? ", in use"
					 : ", free");
	text_putc(out, '\n');
}

/* The area of vmalloc() and its like; or why there is none. */
void addr_put_vm(struct addr *a, struct text *out)
{
	const struct vm_struct *vm = find_vm_area(a->m, a->va);
	const struct vmalloc *all = &a->m->vmalloc;
	const struct vmap_area *lazy = vmap_tree_find(a->m, all->lazy_root, a->va);
	const struct vmap_area *none = vmap_tree_find(a->m, all->free_root, a->va);

	if (!vm && !lazy && !none)
		return;
	text_printf(out, ADDR_KEY, "vm_area");
	if (vm) {
		put_vm_area(a->m, vm, out);
		text_printf(out, "\n" ADDR_KEY, "inside");
		put_vm_page(vm, a->va, out);
	} else if (lazy) {
		text_printf(out,
			"none any more: 0x%llx-0x%llx was freed lazily, and TLBs may know it until "
			"the next purge (vm_unmap_aliases)",
			(ull)lazy->start, (ull)lazy->end);
	} else {
		text_printf(out, "none: 0x%llx-0x%llx is free", (ull)none->start, (ull)none->end);
	}
	text_putc(out, '\n');
}

void addr_put_fixed(struct addr *a, struct text *out)
{
	struct fixmap_range r;

	for (unsigned i = 0; a->kind == ADDRESS_FIXMAP && fixmap_next(a->m, &i, &r);) {
		uint64_t low = fix_to_virt(a->m, r.first + r.pages - 1);

		if (a->va >= low && a->va - low < r.pages * PAGE_BYTES)
			text_printf(out, ADDR_KEY "%s, index %llu of the fixed addresses: %s\n",
				"fixed", r.name,
				(ull)(r.first + r.pages - 1 - ((a->va - low) >> PAGE_SHIFT)),
				r.doc);
	}
}

/* In mem_map every byte stands for a page. */
void addr_put_described(struct addr *a, struct text *out)
{
	uint64_t pfn = page_to_pfn(a->m, a->va);

	if (pfn != NO_PFN)
		text_printf(out,
			ADDR_KEY "in the struct page of pfn 0x%llx, at byte %llu of its %u\n",
			"inside", (ull)pfn, (ull)(a->va - pfn_to_page(a->m, pfn)),
			a->m->struct_page_bytes);
}

/* ---- from the page ---- */

/* The windows through which the kernel sees it now. */
void addr_put_kmaps(struct addr *a, struct text *out)
{
	struct highmem_window w;
	unsigned cookie = 0;

	while (a->has_page && highmem_next_of_page(a->m, a->pfn, &cookie, &w)) {
		text_printf(
			out, ADDR_KEY "0x%llx, ", "kmap", (ull)(w.address + a->pa % PAGE_BYTES));
		put_window_name(&w, out);
		text_putc(out, '\n');
	}
}

/* The areas of kernel addresses through which it is seen. */
void addr_put_vm_names(struct addr *a, struct text *out)
{
	uint64_t addr = 0, budget = VM_AREA_BUDGET, offset = a->pa % PAGE_BYTES;
	const struct vm_struct *vm;

	for (unsigned n = 0; n < ADDR_USERS_MOST; n++, addr += PAGE_BYTES) {
		vm = next_vm_area_of_page(a->m, a->pa >> PAGE_SHIFT, &addr, &budget);
		if (!vm)
			break;
		text_printf(out, ADDR_KEY "0x%llx, ", "virtual", (ull)(addr + offset));
		put_vm_page(vm, addr, out);
		text_puts(out, " of ");
		put_vm_area(a->m, vm, out);
		text_putc(out, '\n');
	}
	if (!budget)
		text_printf(out, ADDR_KEY "perhaps more: the search ended after %llu entries\n",
			"virtual", (ull)VM_AREA_BUDGET);
}

/* Where the byte is in the kernel stack that begins at @stack, if one does. */
static void put_in_stack(struct addr *a, uint64_t stack, uint64_t offset, struct text *out)
{
	struct text whose;

	text_init(&whose);
	if (put_stack_owner(a->m, stack, &whose))
		text_printf(out, ADDR_KEY "of %s: %llu bytes below its top\n", "stack",
			text_str(&whose), (ull)(kernel_stack_bytes(a->m) - offset));
	text_finish(&whose);
}

/* Areas have stacks where they are mapped, else they are blocks of the direct map. */
void addr_put_stack(struct addr *a, struct text *out)
{
	uint64_t addr = 0, budget = VM_AREA_BUDGET, bytes = kernel_stack_bytes(a->m);
	const struct vm_struct *vm;

	if (!a->has_page || a->frame.flags & (FRAME_BUDDY | FRAME_PCP))
		return;
	while ((vm = next_vm_area_of_page(a->m, a->pfn, &addr, &budget))) {
		if (vm->flags & VM_KERNEL_STACK)
			put_in_stack(a, vm->addr, addr - vm->addr + a->pa % PAGE_BYTES, out);
		addr += PAGE_BYTES;
	}
	if (linux_va_valid(a->m, a->pa)) {
		uint64_t va = linux_va(a->m, a->pa), stack = va & ~(bytes - 1);

		put_in_stack(a, stack, va - stack, out);
	}
}

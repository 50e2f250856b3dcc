/* SPDX-License-Identifier: MIT
 *
 * A task's kernel stack.
 *
 *	CONFIG_VMAP_STACK (all but i386)            i386
 *	| page | page | page | page | guard |       | page | page |       a block of the direct map
 *	an area of vmalloc's: whoever runs over     whoever runs over the end writes into what lies
 *	its end faults                              before it
 *
 * The area is aligned so that the stack's begin is found in any address in it (THREAD_ALIGN: on x86 the stack's size, twice
 * that elsewhere, so that one bit tells an overflow). Since making one is dear, each CPU keeps two of ended tasks for the
 * next ones (cached_stacks); they are areas in proc/vmallocinfo, but not in KernelStack.
 *
 * 6.1 gives an area back to the cache when the task ends, before it is reaped; a block of pages at the same moment.
 * Follows kernel/fork.c of 6.1 (alloc_thread_stack_node(), free_thread_stack(), account_kernel_stack()).
 */
#include "mm/debug/kmemleak.h"
#include "mm/page/address.h"
#include "mm/page/contents.h"
#include "mm/page/frame.h"
#include "mm/page/page_alloc.h"
#include "mm/page/zone.h"
#include "mm/process/task_internal.h"
#include "mm/vmalloc/vmalloc.h"

#include <assert.h>
#include <errno.h>

uint64_t kernel_stack_bytes(const struct machine *m)
{
	return PAGE_BYTES * (m->arch == ARCH_I386 || m->arch == ARCH_ARM ? 2 : 4);
}

/* A machine like another may have no tables to map anything. */
static bool is_vmapped(const struct machine *m)
{
	return m->arch != ARCH_I386 && m->kernel_map.root;
}

static unsigned block_order(const struct machine *m)
{
	return kernel_stack_bytes(m) == 2 * PAGE_BYTES ? 1 : 2;
}

uint64_t task_stack_pfn(const struct machine *m, const struct task *t, uint64_t i)
{
	if (!t->stack || i >= kernel_stack_bytes(m) >> PAGE_SHIFT)
		return NO_PFN;
	return is_vmapped(m) ? vm_area_pfn(m, find_vm_area(m, t->stack), (uint32_t)i)
			     : virt_to_pfn(m, t->stack) + i;
}

/* account_kernel_stack(): in KiB, on the node of each page. */
static void account(struct machine *m, uint64_t stack, bool on)
{
	const uint64_t kib = PAGE_BYTES >> 10;

	for (uint64_t at = 0; at < kernel_stack_bytes(m); at += PAGE_BYTES) {
		uint64_t pfn = is_vmapped(m) ? vm_area_pfn(m, find_vm_area(m, stack),
						       (uint32_t)(at >> PAGE_SHIFT))
					     : virt_to_pfn(m, stack + at);

		node_at(m, pfn_zone(m, pfn)->nid)->stat[ND_nr_kernel_stack] += on ? kib : -kib;
	}
}

/* ---- areas ---- */

/* Clear what the last task left. */
static void clear(struct machine *m, uint64_t stack)
{
	const struct vm_struct *vm = find_vm_area(m, stack);
	struct dram dram = machine_dram(m);

	for (uint32_t i = 0; i < vm->nr_pages; i++) {
		dram_zero(&dram, vm_area_pfn(m, vm, i) << PAGE_SHIFT, PAGE_BYTES);
		clock_charge(m, ZERO_PAGE);
	}
}

static int vmap_stack_alloc(struct machine *m, unsigned cpu, uint64_t *stack)
{
	uint64_t *cached = m->vmalloc.cached_stack[cpu], bytes = kernel_stack_bytes(m);
	bool x86 = m->arch == ARCH_X86_64;
	struct vmalloc_request r = {.bytes = bytes,
		.align = x86 ? bytes : 2 * bytes,
		.gfp = GFP_KERNEL | __GFP_ZERO,
		.vm_flags = VM_KERNEL_STACK,
		.nid = -1};

	for (unsigned i = 0; i < NR_CACHED_STACKS; i++) {
		if (!cached[i])
			continue;
		*stack = cached[i];
		cached[i] = 0;
		clear(m, *stack);
		return 0;
	}
	callstack_push(&m->callstack, CALLER_kernel_clone);
	r.caller = vmalloc_caller(m);
	int err = vmalloc_node_range(m, cpu, &r, stack);
	callstack_pop(&m->callstack);
	/* task_struct.stack points to it, which is not in simulated memory. */
	if (!err && m->kmemleak.enabled)
		kmemleak_not_leak(m, *stack);
	return err;
}

static void vmap_stack_free(struct machine *m, unsigned cpu, uint64_t stack)
{
	uint64_t *cached = m->vmalloc.cached_stack[cpu];

	for (unsigned i = 0; i < NR_CACHED_STACKS; i++)
		if (!cached[i]) {
			cached[i] = stack;
			return;
		}
	end_kernel_stack(m, cpu, stack);
}

/* ---- both kinds ---- */

int task_stack_alloc(struct machine *m, unsigned cpu, struct task *t)
{
	uint64_t pfn;
	int err;

	assert(!t->stack);
	if (is_vmapped(m)) {
		err = vmap_stack_alloc(m, cpu, &t->stack);
	} else {
		callstack_push(&m->callstack, CALLER_stack);
		err = alloc_pages_node(
			m, cpu, -1, GFP_KERNEL_ACCOUNT | __GFP_ZERO, block_order(m), &pfn);
		callstack_pop(&m->callstack);
		t->stack = err ? 0 : page_address(m, pfn);
		if (!err)
			frame_of(m, pfn)->own = 1;
	}
	if (!err)
		account(m, t->stack, true);
	return err;
}

void task_stack_free(struct machine *m, unsigned cpu, struct task *t)
{
	uint64_t stack = t->stack;

	if (!stack)
		return;
	t->stack = 0;
	account(m, stack, false);
	if (is_vmapped(m)) {
		vmap_stack_free(m, cpu, stack);
		return;
	}
	free_own_pages(m, cpu, virt_to_pfn(m, stack), block_order(m));
}

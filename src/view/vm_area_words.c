/* SPDX-License-Identifier: MIT
 *
 * Areas of kernel addresses in words (see vm_area_words.h).
 *
 * Who has a page is not noted in its frame, in Linux neither: the areas are searched for it, in the order of their
 * addresses, up to a budget of entries.
 */
#include "view/vm_area_words.h"

#include "mm/core/callstack.h"
#include "mm/process/task.h"

#include <string.h>

typedef unsigned long long ull;

void vm_area_caller(const struct machine *m, const struct vm_struct *vm, char *name)
{
	stack_depot_innermost(m, vm->caller, name);
	if (!*name)
		strcpy(name, "(unknown)");
}

void put_vm_flags(const struct vm_struct *vm, struct text *out)
{
	static const struct {
		uint32_t flag;
		const char *word;
	} words[] = {{VM_IOREMAP, " ioremap"}, {VM_ALLOC, " vmalloc"}, {VM_MAP, " vmap"},
		{VM_USERMAP, " user"}, {VM_DMA_COHERENT, " dma-coherent"}};

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (vm->flags & words[i].flag)
			text_puts(out, words[i].word);
}

void put_vm_area(const struct machine *m, const struct vm_struct *vm, struct text *out)
{
	char caller[64];

	vm_area_caller(m, vm, caller);
	text_printf(out, "0x%llx-0x%llx by %s:", (ull)vm->addr, (ull)(vm->addr + vm->size), caller);
	put_vm_flags(vm, out);
	if (vm->nr_pages)
		text_printf(out, " pages=%u", vm->nr_pages);
	if (vm->phys_addr)
		text_printf(out, " phys=0x%llx", (ull)vm->phys_addr);
}

void put_vm_page(const struct vm_struct *vm, uint64_t addr, struct text *out)
{
	uint64_t mapped = vm_mapped_bytes(vm);

	if (addr - vm->addr >= mapped)
		text_puts(out, "its guard page, which nothing maps");
	else
		text_printf(out, "page %llu of %llu", (ull)((addr - vm->addr) >> PAGE_SHIFT),
			(ull)(mapped >> PAGE_SHIFT));
}

bool put_stack_owner(const struct machine *m, uint64_t stack, struct text *out)
{
	uint32_t pid = 0;

	for (const struct task *t; (t = task_next(m, &pid)); pid++)
		if (t->stack == stack) {
			text_printf(out, "%u (%s)", t->pid, t->comm);
			return true;
		}
	for (unsigned cpu = 0; cpu < m->nr_cpus; cpu++)
		for (unsigned i = 0; i < NR_CACHED_STACKS; i++)
			if (m->vmalloc.cached_stack[cpu][i] == stack) {
				text_printf(out, "nobody, CPU %u keeps it for its next task", cpu);
				return true;
			}
	return false;
}

static bool owns_pages(const struct vm_struct *vm)
{
	return vm->flags & (VM_ALLOC | VM_MAP_PUT_PAGES);
}

bool put_vm_owner(struct machine *m, uint64_t pfn, struct text *out)
{
	uint64_t addr = 0, budget = VM_AREA_BUDGET;
	const struct vm_struct *vm;

	while ((vm = next_vm_area_of_page(m, pfn, &addr, &budget)) && !owns_pages(vm))
		addr += PAGE_BYTES;
	if (!vm)
		return false;
	put_vm_page(vm, addr, out);
	text_puts(out, " of the area ");
	put_vm_area(m, vm, out);
	if (vm->flags & VM_KERNEL_STACK) {
		text_puts(out, ", the kernel stack of ");
		put_stack_owner(m, vm->addr, out);
	}
	return true;
}

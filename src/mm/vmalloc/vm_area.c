/* SPDX-License-Identifier: MIT
 *
 * Asking what is mapped where, and the specification of it all.
 *
 *	1. free, busy and lazily freed areas are the kernel's ranges for such mappings, each address once; of the free and
 *	   of the lazily freed ones no two touch
 *	2. a busy area's entries are those of its pages (VM_ALLOC, VM_MAP_PUT_PAGES) or of its physical range; its guard
 *	   page has none; free and lazily freed addresses have none
 *	3. nr_vmalloc_pages are the VM_ALLOC areas' pages, vmap_lazy_nr the lazily freed ones'
 *
 * Of a long free area only some places are looked at; whether tables there are empty all through is left to those who
 * clear them.
 */
#include "mm/vmalloc/vmalloc.h"

#include "base/text.h"
#include "mm/kernel/kernel_pte.h"
#include "mm/kernel/layout.h"
#include "mm/vmalloc/internal.h"
#include "mm/vmalloc/vmap_tree.h"

#include <assert.h>

typedef unsigned long long ull;

const struct vm_struct *find_vm_area(const struct machine *m, uint64_t addr)
{
	const struct vmap_area *a = find_vmap_area(m, addr);

	return a ? &a->vm : NULL;
}

const struct vm_struct *next_vm_area(const struct machine *m, uint64_t addr)
{
	const struct vmap_area *a = vmap_tree_next(m, m->vmalloc.busy_root, addr);

	return a ? &a->vm : NULL;
}

uint64_t vm_area_pfn(const struct machine *m, const struct vm_struct *vm, uint32_t i)
{
	assert(i < vm->nr_pages);
	return vm_pages(m, vm)[i];
}

uint64_t vm_mapped_bytes(const struct vm_struct *vm)
{
	return vm->size - (vm->flags & VM_NO_GUARD ? 0 : PAGE_BYTES);
}

/* What page @i of an area is: from its list where it has one, else from the tables. */
static uint64_t mapped_pfn(struct machine *m, const struct vm_struct *vm, uint64_t i)
{
	return i < vm->nr_pages ? vm_pages(m, vm)[i]
				: vmalloc_to_pfn(m, vm->addr + (i << PAGE_SHIFT));
}

/* The first page of @vm from page @i on that is @pfn; how many it has, when none is. */
static uint64_t find_in_area(
	struct machine *m, const struct vm_struct *vm, uint64_t i, uint64_t pfn, uint64_t *budget)
{
	uint64_t nr = vm_mapped_bytes(vm) >> PAGE_SHIFT;

	if (vm->phys_addr) {
		uint64_t at = pfn - (vm->phys_addr >> PAGE_SHIFT);

		return at >= i && at < nr ? at : nr;
	}
	for (; i < nr && *budget; i++, --*budget)
		if (mapped_pfn(m, vm, i) == pfn)
			return i;
	return nr;
}

const struct vm_struct *next_vm_area_of_page(
	struct machine *m, uint64_t pfn, uint64_t *addr, uint64_t *budget)
{
	const struct vm_struct *vm = find_vm_area(m, *addr);

	for (vm = vm ? vm : next_vm_area(m, *addr); vm && *budget;
		vm = next_vm_area(m, vm->addr + 1)) {
		uint64_t first = *addr > vm->addr ? (*addr - vm->addr) >> PAGE_SHIFT : 0;
		uint64_t i = find_in_area(m, vm, first, pfn, budget);

		if (i == vm_mapped_bytes(vm) >> PAGE_SHIFT)
			continue;
		*addr = vm->addr + (i << PAGE_SHIFT);
		return vm;
	}
	return NULL;
}

bool is_vmalloc_addr(const struct machine *m, uint64_t addr)
{
	struct kernel_range r = kernel_area(m, AREA_VMALLOC);

	return addr >= r.start && addr < r.end;
}

uint64_t vmalloc_to_pfn(struct machine *m, uint64_t addr)
{
	uint64_t pa;

	return kernel_translate(m, addr, &pa, NULL) ? pa >> PAGE_SHIFT : NO_PFN;
}

depot_stack_handle_t vmalloc_caller(struct machine *m)
{
	return stack_depot_save(m);
}

/* ---- checking ---- */

struct sums {
	uint64_t areas, bytes, pages;
	unsigned bad;
};

static void fault_at(struct sums *s, struct text *out, const char *what, uint64_t va)
{
	text_printf(out, "vmalloc: at 0x%llx: %s\n", (ull)va, what);
	s->bad++;
}

/* Rule 2, of a busy area. */
static void check_entries(
	struct machine *m, const struct vmap_area *a, struct sums *s, struct text *out)
{
	const struct vm_struct *vm = &a->vm;
	uint64_t mapped = vm_mapped_bytes(vm), pa, step;
	unsigned before = s->bad, shift;

	if (vm->addr != a->start || vm->size != a->end - a->start)
		fault_at(s, out, "an area is not where it says", a->start);
	if (mapped < vm->size && kernel_translate(m, a->start + mapped, &pa, NULL))
		fault_at(s, out, "the guard page is mapped", a->start + mapped);
	for (uint64_t at = 0; at < mapped && s->bad == before; at += step) {
		bool there = kernel_translate(m, a->start + at, &pa, &shift);

		/* Registers may be terabytes of large pages. */
		step = there && at >> PAGE_SHIFT >= vm->nr_pages
			       ? ((uint64_t)1 << shift) -
					 ((a->start + at) & (((uint64_t)1 << shift) - 1))
			       : PAGE_BYTES;

		if (!there)
			fault_at(s, out, "a page of an area is not mapped", a->start + at);
		else if (vm->phys_addr
				 ? pa != vm->phys_addr + at
				 : at >> PAGE_SHIFT < vm->nr_pages &&
					   pa >> PAGE_SHIFT != vm_pages(m, vm)[at >> PAGE_SHIFT])
			fault_at(s, out, "an entry leads to another page than its area has",
				a->start + at);
	}
}

/* Areas of which nothing may be mapped: their beginning, end, and places between. */
static void check_unmapped(
	struct machine *m, const struct vmap_area *a, struct sums *s, struct text *out)
{
	enum { PLACES = 16 };
	uint64_t pages = (a->end - a->start) >> PAGE_SHIFT, pa;

	for (uint64_t n = 0; n <= PLACES; n++) {
		uint64_t va = a->start + (((pages - 1) * n / PLACES) << PAGE_SHIFT);

		if (kernel_translate(m, va, &pa, NULL))
			fault_at(s, out, "something is mapped where no area is", va);
	}
}

static struct sums check_tree(
	struct machine *m, uint64_t root, bool busy, uint64_t nr, struct text *out)
{
	struct sums s = {0};
	const char *wrong = vmap_tree_wrong(m, root);
	uint64_t last_end = 0;

	if (wrong)
		fault_at(&s, out, wrong, 0);
	for (const struct vmap_area *a = NULL;
		(a = vmap_tree_next(m, root, a ? a->start + 1 : 0));) {
		s.areas++;
		s.bytes += a->end - a->start;
		if (busy) {
			s.pages += a->vm.flags & VM_ALLOC ? a->vm.nr_pages : 0;
			check_entries(m, a, &s, out);
		} else {
			check_unmapped(m, a, &s, out);
			if (a->start == last_end)
				fault_at(&s, out, "two areas touch and are not joined", a->start);
		}
		last_end = a->end;
	}
	if (s.areas != nr)
		fault_at(&s, out, "there are more or fewer areas than were counted", 0);
	return s;
}

static uint64_t range_bytes(struct kernel_range r)
{
	return r.start < r.end ? r.end - r.start : 0;
}

unsigned vmalloc_check(struct machine *m, struct text *out)
{
	const struct vmalloc *v = &m->vmalloc;
	struct kernel_range all = kernel_area(m, AREA_VMALLOC),
			    modules = kernel_area(m, AREA_MODULES);

	if (!m->kernel_map.root)
		return 0;
	struct sums f = check_tree(m, v->free_root, false, v->nr_free, out);
	struct sums l = check_tree(m, v->lazy_root, false, v->nr_lazy, out);
	struct sums b = check_tree(m, v->busy_root, true, v->nr_busy, out);
	unsigned bad = f.bad + l.bad + b.bad;

	if (f.bytes + l.bytes + b.bytes != range_bytes(all) + range_bytes(modules)) {
		text_printf(out,
			"vmalloc: %llu bytes are free, %llu lazily freed, %llu in use: not all of "
			"the areas\n",
			(ull)f.bytes, (ull)l.bytes, (ull)b.bytes);
		bad++;
	}
	if (b.pages + v->lost_pages != v->nr_pages || l.bytes >> PAGE_SHIFT != v->lazy_pages) {
		text_printf(out,
			"vmalloc: %llu pages and %llu lazily freed ones are counted, the areas "
			"have "
			"%llu and %llu\n",
			(ull)v->nr_pages, (ull)v->lazy_pages, (ull)b.pages,
			(ull)l.bytes >> PAGE_SHIFT);
		bad++;
	}
	return bad;
}

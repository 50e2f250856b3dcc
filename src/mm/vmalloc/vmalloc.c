/* SPDX-License-Identifier: MIT
 *
 * vmalloc(): many pages that look like one piece (see vmalloc.h).
 *
 *	address   | page 0 | page 1 | page 2 | guard |       an area, and behind it a page that nothing maps
 *	              │        │        └────────────────> pfn 0x1c3
 *	              │        └──────> pfn 0x7ff
 *	              └───────────────────> pfn 0x1234       (HighMem's, where there is any: no other address needed)
 *
 *   1. an area of addresses, a page larger than asked (vmap_area.c)
 *   2. the array of its pages' struct page pointers: small by kmalloc(), larger than a page by vmalloc() itself, so that a
 *      large area has a small one for company in proc/vmallocinfo ("vpages")
 *   3. the pages: one by one, a hundred at a time; for a caller that lets them be large (VM_ALLOW_HUGE_VMAP: hash
 *      tables) in blocks of the middle level's size, on architectures that map such (HAVE_ARCH_HUGE_VMALLOC), and if there
 *      are not enough of those, one by one after all
 *   4. the entries in the kernel's tables; no CPU need be told, since what was mapped there before is forgotten
 *
 * A failure in 3 or 4 ends in vfree(), as in the kernel: the area is lazily freed then.
 *
 * The list that is used is kept in the heap; the array in simulated memory has the same pages as pointers, where the place
 * of mem_map is known, and struct vm_struct (vm_struct.c) the pointer to it.
 *
 * Left out: memory policies (pages come from the CPU's node, in blocks as they are); cgroups' charge; warn_alloc()'s dump
 * of memory.
 * Follows mm/vmalloc.c of 6.1 (__vmalloc_node_range(), __vmalloc_area_node(), __vunmap()).
 */
#include "mm/vmalloc/vmalloc.h"

#include "base/text.h"
#include "mm/core/link.h"
#include "mm/kernel/kernel_pte.h"
#include "mm/kernel/layout.h"
#include "mm/page/contents.h"
#include "mm/page/mem_map.h"
#include "mm/slab/slab.h"
#include "mm/vmalloc/internal.h"

#include <assert.h>
#include <errno.h>

typedef unsigned long long ull;

enum { BULK_PAGES = 100 };

/* ---- areas ---- */

int get_vm_area(struct machine *m, unsigned cpu, const struct vm_request *r, struct vmap_area **out)
{
	struct kernel_range range = kernel_area(m, AREA_VMALLOC);
	uint64_t bytes = r->bytes + (r->flags & VM_NO_GUARD ? 0 : PAGE_BYTES);

	*out = NULL;
	if (!m->kernel_map.root)
		return refuse(&m->why, ENOSYS,
			"this machine's MMU is off (its kernel has no page tables), so it has no "
			"addresses to map pages at");
	uint64_t object;
	int err = vm_struct_alloc(m, cpu, r->gfp, &object);

	if (err)
		return err;
	err = alloc_vmap_area(m, cpu, bytes, r->align, range.start, range.end, r->gfp, out);
	if (err) {
		kfree_own(m, cpu, object);
		return err;
	}
	(*out)->vm = (struct vm_struct){.addr = (*out)->start,
		.size = bytes,
		.flags = r->flags,
		.object = object,
		.caller = r->caller};
	vm_struct_write(m, &(*out)->vm);
	return 0;
}

/* __vunmap(): the area ends. */
static void remove_vm_area(struct machine *m, unsigned cpu, struct vmap_area *a)
{
	struct vm_struct *vm = &a->vm;

	unmap_kernel_range(m, a->start, vm_mapped_bytes(vm));
	clock_charge_ns(m, COST_NS_VMAP_PAGE * (vm_mapped_bytes(vm) >> PAGE_SHIFT));
	free_vmap_area_noflush(m, cpu, a);
}

/* ---- pages ---- */

/* vm_area_alloc_pages(): how many came. */
static uint32_t alloc_area_pages(struct machine *m, unsigned cpu, const struct vmalloc_request *r,
	gfp_t gfp, unsigned order, uint32_t *pages, uint32_t nr)
{
	uint64_t got[BULK_PAGES], pfn;
	uint32_t done = 0;

	callstack_push(&m->callstack, CALLER_vmalloc);
	while (!order && done < nr) {
		uint32_t want = nr - done < BULK_PAGES ? nr - done : BULK_PAGES;
		uint32_t n = (uint32_t)alloc_pages_bulk(m, cpu, r->nid, gfp, want, got);

		for (uint32_t i = 0; i < n; i++)
			pages[done++] = (uint32_t)got[i];
		if (n != want)
			break;
	}
	/* Blocks; or what the bulk allocation, which makes no great effort, did not find. */
	while (done < nr) {
		if (alloc_pages_node(m, cpu, r->nid, gfp, order, &pfn))
			break;
		if (order && split_page(m, pfn)) {
			assert(!"a fresh block can be split");
			break;
		}
		for (uint32_t i = 0; i < 1u << order; i++)
			pages[done++] = (uint32_t)(pfn + i);
	}
	callstack_pop(&m->callstack);
	return done;
}

/* Pointers to struct pages: the array's real contents, as far as mem_map's place is known. */
static int fill_array(struct machine *m, const struct vm_struct *vm)
{
	unsigned word = machine_word_bytes(m);
	const uint32_t *pages = vm_pages(m, vm);
	struct dram dram = machine_dram(m);

	for (uint32_t i = 0; i < vm->nr_pages; i++) {
		uint64_t pa, page = pfn_to_page(m, pages[i]);

		if (!page ||
			!kernel_translate(m, vm->pages_address + (uint64_t)i * word, &pa, NULL))
			return 0;
		int err = dram_store(&dram, pa, word, page, &m->why);

		if (err)
			return err;
	}
	return 0;
}

/* Step 2. */
static int alloc_array(struct machine *m, unsigned cpu, struct vmap_area *a,
	const struct vmalloc_request *r, uint32_t nr)
{
	uint64_t bytes = (uint64_t)nr * machine_word_bytes(m);
	struct vmalloc_request array = {.bytes = bytes,
		.gfp = GFP_KERNEL | __GFP_ZERO | __GFP_HIGHMEM,
		.vm_flags = VM_PAGES_ARRAY,
		.nid = r->nid,
		.caller = r->caller};

	int err = bytes > PAGE_BYTES ? vmalloc_node_range(m, cpu, &array, &a->vm.pages_address)
				     : kmalloc_own(m, cpu, bytes, GFP_KERNEL | __GFP_ZERO, r->nid,
					       &a->vm.pages_address);

	if (err) {
		warn_alloc(m, r->gfp,
			"vmalloc error: size %llu, failed to allocated page array size %llu",
			(ull)nr << PAGE_SHIFT, (ull)bytes);
		return err;
	}
	a->vm.pages_at = heap_alloc(m, nr * sizeof(uint32_t));
	if (!a->vm.pages_at)
		return -m->why.err;
	a->vm.pages_cap = nr;
	return 0;
}

/* Step 4: entries of 1 << @shift bytes. */
static int map_area_pages(
	struct machine *m, unsigned cpu, const struct vmap_area *a, unsigned shift)
{
	const struct vm_struct *vm = &a->vm;
	const uint32_t *pages = vm_pages(m, vm);
	uint32_t step = 1u << (shift - PAGE_SHIFT);

	clock_charge_ns(m, COST_NS_VMAP_PAGE * (vm->nr_pages / step));
	if (shift == PAGE_SHIFT)
		return map_kernel_pages(m, cpu, a->start, vm->nr_pages, pages, PGTABLE_RW);
	for (uint32_t i = 0; i < vm->nr_pages; i += step) {
		int err = map_kernel_phys(m, cpu, a->start + ((uint64_t)i << PAGE_SHIFT),
			(uint64_t)pages[i] << PAGE_SHIFT, 1ULL << shift, PGTABLE_RW, shift);

		if (err)
			return err;
	}
	return 0;
}

/* __vmalloc_area_node(): on failure the area is gone. */
static int fill_area(struct machine *m, unsigned cpu, struct vmap_area *a,
	const struct vmalloc_request *r, uint64_t bytes, unsigned shift)
{
	uint32_t nr = (uint32_t)(bytes >> PAGE_SHIFT);
	gfp_t gfp = r->gfp;
	int err = alloc_array(m, cpu, a, r, nr);

	if (!(gfp & (__GFP_DMA | __GFP_DMA32)))
		gfp |= __GFP_HIGHMEM;
	if (!err) {
		a->vm.page_order = (uint8_t)(shift - PAGE_SHIFT);
		a->vm.nr_pages = alloc_area_pages(
			m, cpu, r, gfp | __GFP_NOWARN, shift - PAGE_SHIFT, vm_pages(m, &a->vm), nr);
		m->vmalloc.nr_pages += a->vm.nr_pages;
		if (a->vm.nr_pages != nr) {
			err = m->why.err ? -m->why.err : -ENOMEM;
			if (shift == PAGE_SHIFT)
				warn_alloc(m, gfp,
					"vmalloc error: size %llu, page order %u, failed to "
					"allocate pages",
					(ull)a->vm.nr_pages << PAGE_SHIFT, 0u);
		}
	}
	if (!err)
		err = map_area_pages(m, cpu, a, shift);
	if (!err)
		err = fill_array(m, &a->vm);
	if (!err)
		return 0;
	struct refusal why = m->why;

	end_vm_area(m, cpu, a, true);
	m->why = why;
	return err;
}

/* ---- vmalloc() ---- */

/* Pages of which size does this request try first? */
static unsigned first_shift(const struct machine *m, const struct vmalloc_request *r)
{
	uint64_t per_node = r->nid < 0 ? r->bytes / m->nr_nodes : r->bytes;
	enum { PMD_SHIFT = 21 };

	if (!(r->vm_flags & VM_ALLOW_HUGE_VMAP) || m->vmalloc.no_huge ||
		(m->arch != ARCH_X86_64 && m->arch != ARCH_ARM64))
		return PAGE_SHIFT;
	return per_node >= 1ULL << PMD_SHIFT ? PMD_SHIFT : PAGE_SHIFT;
}

/* One try with pages of 1 << @shift bytes. */
static int try_vmalloc(struct machine *m, unsigned cpu, const struct vmalloc_request *r,
	unsigned shift, uint64_t *addr)
{
	uint64_t unit = 1ULL << shift, bytes = (r->bytes + unit - 1) & ~(unit - 1);
	struct vm_request request = {.bytes = bytes,
		.align = r->align > unit ? r->align : unit,
		.flags = VM_ALLOC | VM_UNINITIALIZED | r->vm_flags,
		.gfp = r->gfp,
		.caller = r->caller};
	struct vmap_area *a;
	int err = get_vm_area(m, cpu, &request, &a);

	if (err) {
		if (err == -ENOMEM)
			warn_alloc(m, r->gfp,
				"vmalloc error: size %llu, vm_struct allocation failed",
				(ull)r->bytes);
		return err;
	}
	err = fill_area(m, cpu, a, r, bytes, shift);
	if (err)
		return err;
	a->vm.flags &= ~(uint32_t)VM_UNINITIALIZED;
	vm_struct_write(m, &a->vm);
	/* kmemleak_vmalloc(): vm_struct has one pointer to it, another is to be found. */
	kmemleak_alloc(m, cpu, a->start, bytes, 2);
	*addr = a->start;
	return 0;
}

int vmalloc_node_range(
	struct machine *m, unsigned cpu, const struct vmalloc_request *r, uint64_t *addr)
{
	unsigned shift = first_shift(m, r);

	*addr = 0;
	if (!r->bytes)
		return refuse(&m->why, EINVAL, "vmalloc of 0 bytes: there must be some");
	if (r->gfp & __GFP_COMP)
		return refuse(&m->why, EINVAL,
			"vmalloc takes its blocks apart, and a compound page (__GFP_COMP) is one: "
			"split_page() would be a BUG");
	if (r->bytes >> PAGE_SHIFT > m->totalram_pages) {
		warn_alloc(
			m, r->gfp, "vmalloc error: size %llu, exceeds total pages", (ull)r->bytes);
		return refuse(&m->why, ENOMEM, "%llu bytes are more than all of the machine's RAM",
			(ull)r->bytes);
	}
	struct vmalloc_request aligned = *r;

	aligned.bytes = page_align(r->bytes);
	refusal_clear(&m->why);
	int err = try_vmalloc(m, cpu, &aligned, shift, addr);

	if (err != -ENOMEM || shift == PAGE_SHIFT)
		return err;
	return try_vmalloc(m, cpu, &aligned, PAGE_SHIFT, addr);
}

int vmalloc(struct machine *m, unsigned cpu, uint64_t bytes, gfp_t gfp, uint64_t *addr)
{
	struct vmalloc_request r = {
		.bytes = bytes, .gfp = GFP_KERNEL | gfp, .nid = -1, .caller = vmalloc_caller(m)};

	return vmalloc_node_range(m, cpu, &r, addr);
}

/* ---- vfree() ---- */

void end_vm_area(struct machine *m, unsigned cpu, struct vmap_area *a, bool free_pages)
{
	/* The area is another's as soon as it is freed. */
	struct vm_struct vm = a->vm;
	const uint32_t *pages = vm_pages(m, &vm);

	kmemleak_free(m, vm.addr);
	remove_vm_area(m, cpu, a);
	for (uint32_t i = 0; free_pages && i < vm.nr_pages; i++)
		/* Somebody may have freed one by its number: a bad page, which the log has. */
		(void)free_pages_order(m, cpu, pages[i], 0);
	if (free_pages && !(vm.flags & VM_MAP_PUT_PAGES))
		m->vmalloc.nr_pages -= vm.nr_pages;
	else if (vm.flags & VM_ALLOC)
		m->vmalloc.lost_pages += vm.nr_pages;
	if (is_vmalloc_addr(m, vm.pages_address))
		end_vm_area(m, cpu, find_vmap_area(m, vm.pages_address), true);
	else
		kfree_own(m, cpu, vm.pages_address);
	kfree_own(m, cpu, vm.object);
	heap_free(m, vm.pages_at, vm.pages_cap * sizeof(uint32_t));
}

/* __vunmap() */
static int vunmap_area(struct machine *m, unsigned cpu, uint64_t addr, bool free_pages)
{
	int digits = machine_word_digits(m);

	if (!addr)
		return 0;
	if (addr & (PAGE_BYTES - 1)) {
		log_printf(m, "Trying to vfree() bad address (%0*llx)", digits, (ull)addr);
		return refuse(&m->why, EINVAL,
			"0x%llx is no multiple of a page, so no area begins there", (ull)addr);
	}
	struct vmap_area *a = find_vmap_area(m, addr);

	if (!a) {
		log_printf(m, "Trying to vfree() nonexistent vm area (%0*llx)", digits, (ull)addr);
		return refuse(&m->why, EINVAL,
			"no area has 0x%llx in it%s: proc/vmallocinfo has those there are",
			(ull)addr, vmap_area_is_lazy(m, addr) ? " any more" : "");
	}
	if (a->vm.flags & VM_KERNEL_STACK)
		return refuse(&m->why, EBUSY,
			"0x%llx is in the kernel stack of a task, or in one that waits for a task",
			(ull)addr);
	if (a->vm.flags & VM_PAGES_ARRAY)
		return refuse(&m->why, EBUSY,
			"at 0x%llx is the kernel's own array of another area's pages, which it "
			"still needs",
			(ull)addr);
	if (a->vm.flags & VM_MAP && a->vm.phys_addr)
		return refuse(&m->why, EBUSY,
			"at 0x%llx is the kernel's image: a kernel that unmaps itself does not "
			"come back",
			(ull)addr);
	end_vm_area(m, cpu, a, free_pages);
	return 0;
}

int vfree(struct machine *m, unsigned cpu, uint64_t addr)
{
	return vunmap_area(m, cpu, addr, true);
}

void end_kernel_stack(struct machine *m, unsigned cpu, uint64_t addr)
{
	struct vmap_area *a = find_vmap_area(m, addr);

	assert(a && a->start == addr && a->vm.flags & VM_KERNEL_STACK);
	end_vm_area(m, cpu, a, true);
}

int vunmap(struct machine *m, unsigned cpu, uint64_t addr)
{
	return vunmap_area(m, cpu, addr, false);
}

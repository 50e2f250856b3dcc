/* SPDX-License-Identifier: MIT
 *
 * Mapping pages that somebody has, and registers of devices (see vmalloc.h).
 *
 *	vmap()      pages, in any order, each as often as one likes; who has them keeps them
 *	ioremap()   physical addresses as they are, uncached, by the largest pages that fit: its areas are aligned to
 *	            their size for that, up to IOREMAP_MAX_ORDER
 *
 * What 6.1 refuses is refused with its own words: a struct page that is none, an empty range, one that wraps, one beyond
 * what the CPU can address. RAM is refused where the two mappings' memory types would quarrel: on x86 any page in use, on
 * ARM any RAM, on AArch64 when the range begins in RAM; RAM that the kernel has not mapped (no-map) is like a device's.
 * RISC-V has no such check, and maps it.
 *
 * Left out: memtypes of ranges (PAT), ioremap_wc() and its like, memremap(), early and static mappings, sections of ARM.
 * Follows mm/vmalloc.c, mm/ioremap.c, arch/x86/mm/ioremap.c, arch/arm/mm/ioremap.c, arch/arm64/mm/ioremap.c of 6.1.
 */
#include "mm/vmalloc/vmalloc.h"

#include "base/text.h"
#include "mm/boot/memblock.h"
#include "mm/kernel/kernel_pte.h"
#include "mm/page/frame.h"
#include "mm/vmalloc/internal.h"

#include <assert.h>
#include <errno.h>

typedef unsigned long long ull;

/* ---- vmap() ---- */

int vmap_pages(struct machine *m, unsigned cpu, const uint32_t *pfns, uint32_t nr, uint32_t flags,
	enum pgtable_prot prot, depot_stack_handle_t caller, uint64_t *addr)
{
	struct vm_request r = {.bytes = (uint64_t)nr << PAGE_SHIFT,
		.align = PAGE_BYTES,
		.flags = flags,
		.gfp = GFP_KERNEL,
		.caller = caller};
	struct vmap_area *a;
	int err = get_vm_area(m, cpu, &r, &a);

	*addr = 0;
	if (err)
		return err;
	clock_charge_ns(m, COST_NS_VMAP_PAGE * nr);
	err = map_kernel_pages(m, cpu, a->start, nr, pfns, prot);
	if (err) {
		struct refusal why = m->why;

		end_vm_area(m, cpu, a, false);
		m->why = why;
		return err;
	}
	*addr = a->start;
	return 0;
}

/* The pages become the area's, to be freed by vfree(). */
static int keep_pages(
	struct machine *m, unsigned cpu, uint64_t addr, const uint32_t *pfns, uint32_t nr)
{
	struct vmap_area *a = find_vmap_area(m, addr);

	a->vm.pages_at = heap_alloc(m, nr * sizeof(*pfns));
	if (!a->vm.pages_at) {
		struct refusal why = m->why;

		end_vm_area(m, cpu, a, false);
		m->why = why;
		return -why.err;
	}
	memcpy(vm_pages(m, &a->vm), pfns, nr * sizeof(*pfns));
	a->vm.pages_cap = a->vm.nr_pages = nr;
	vm_struct_write(m, &a->vm);
	return 0;
}

int vmap(struct machine *m, unsigned cpu, const uint32_t *pfns, uint32_t nr, uint32_t flags,
	uint64_t *addr)
{
	*addr = 0;
	if (!nr)
		return refuse(&m->why, EINVAL, "vmap of no pages: there must be some");
	if (nr > m->totalram_pages)
		return refuse(
			&m->why, ENOMEM, "%u pages are more than all of the machine's RAM", nr);
	for (uint32_t i = 0; i < nr; i++)
		if (!pfn_valid(m, pfns[i])) {
			log_printf(
				m, "WARNING: mm/vmalloc.c: vmap_pages_pte_range: no struct page");
			return refuse(&m->why, EINVAL,
				"pfn 0x%x has no struct page, so it is no page to be mapped",
				pfns[i]);
		}
	int err = vmap_pages(m, cpu, pfns, nr, VM_MAP | flags, PGTABLE_RW, vmalloc_caller(m), addr);

	if (!err && flags & VM_MAP_PUT_PAGES) {
		err = keep_pages(m, cpu, *addr, pfns, nr);
		*addr = err ? 0 : *addr;
	}
	return err;
}

/* ---- ioremap() ---- */

static unsigned ioremap_max_order(const struct machine *m)
{
	switch (m->arch) {
	case ARCH_X86_64:
	case ARCH_ARM64:
		return 30;
	case ARCH_I386:
		return m->kernel_map.mode == PAGING_X86_PAE ? 21 : 22;
	case ARCH_ARM:
		return 24;
	default:
		return PAGE_SHIFT + 7;
	}
}

/* RAM of which the page allocator has the page. */
static bool is_used_ram(const struct machine *m, uint64_t pfn)
{
	return pfn_present(m, pfn) && !(frame_peek(m, pfn).flags & FRAME_RESERVED);
}

/* The first address of [start, end) that may not be mapped as a device's; @end: all may. */
static uint64_t first_ram(const struct machine *m, uint64_t start, uint64_t end)
{
	uint64_t last = m->frames_end_pfn << PAGE_SHIFT;

	if (m->arch == ARCH_RISCV64)
		return end;
	if (m->arch == ARCH_ARM64 || m->arch == ARCH_ARM)
		return memblock_is_map_memory(m, start) ? start : end;
	for (uint64_t pa = start; pa < end && pa < last; pa += PAGE_BYTES)
		if (is_used_ram(m, pa >> PAGE_SHIFT))
			return pa;
	return end;
}

static int refuse_ram(struct machine *m, uint64_t phys, uint64_t last, uint64_t ram)
{
	int digits = machine_phys_digits(m);

	if (m->arch == ARCH_ARM)
		log_printf(m, "WARNING: arch/arm/mm/ioremap.c: __arm_ioremap_pfn_caller");
	else if (m->arch == ARCH_ARM64)
		log_printf(m, "WARNING: arch/arm64/mm/ioremap.c: ioremap_allowed");
	else
		log_printf(m, "ioremap on RAM at 0x%0*llx - 0x%0*llx", digits, (ull)phys, digits,
			(ull)last);
	return refuse(&m->why, EINVAL,
		"0x%llx is RAM that the kernel uses and has mapped already: ioremap is for devices "
		"(proc/iomem)",
		(ull)ram);
}

static int check_range(struct machine *m, uint64_t phys, uint64_t bytes)
{
	uint64_t last = phys + bytes - 1;
	/* A phys_addr_t of 32 bits holds no more, whatever the CPU has (PSE-36, supersections). */
	unsigned bits = m->cpus.desc.pa_bits, type_bits = 8 * machine_phys_bytes(m);

	if (!bytes || last < phys)
		return refuse(&m->why, EINVAL, "a range of %llu bytes from 0x%llx on %s",
			(ull)bytes, (ull)phys, bytes ? "wraps around" : "is empty");
	if (type_bits < 64 && last >> type_bits)
		return refuse(&m->why, EINVAL,
			"0x%llx is beyond the %u bits of this kernel's phys_addr_t", (ull)last,
			type_bits);
	if (bits < 64 && (phys >> bits || last >> bits)) {
		if (m->arch == ARCH_X86_64 || m->arch == ARCH_I386)
			log_printf(m, "ioremap: invalid physical address %llx", (ull)phys);
		return refuse(&m->why, EINVAL, "0x%llx is beyond the %u bits of physical addresses",
			(ull)(phys >> bits ? phys : last), bits);
	}
	uint64_t end = (last | (PAGE_BYTES - 1)) + 1,
		 ram = first_ram(m, phys & ~(PAGE_BYTES - 1), end);

	return ram == end ? 0 : refuse_ram(m, phys, last, ram);
}

int ioremap(struct machine *m, unsigned cpu, uint64_t phys, uint64_t bytes, uint64_t *addr)
{
	uint64_t offset = phys & (PAGE_BYTES - 1);
	int err = check_range(m, phys, bytes);

	*addr = 0;
	if (err)
		return err;
	struct vm_request r = {.bytes = page_align(offset + bytes),
		.flags = VM_IOREMAP,
		.gfp = GFP_KERNEL,
		.caller = vmalloc_caller(m)};
	unsigned order = PAGE_SHIFT;
	struct vmap_area *a;

	/* get_count_order_long(), within limits. */
	while (order < ioremap_max_order(m) && 1ULL << order < r.bytes)
		order++;
	r.align = 1ULL << order;
	err = get_vm_area(m, cpu, &r, &a);
	if (err)
		return err;
	a->vm.phys_addr = phys - offset;
	vm_struct_write(m, &a->vm);
	clock_charge_ns(m, COST_NS_VMAP_PAGE * (r.bytes >> PAGE_SHIFT));
	err = map_kernel_phys(m, cpu, a->start, phys - offset, r.bytes, PGTABLE_DEVICE,
		m->vmalloc.no_huge_ioremap ? PAGE_SHIFT : kernel_max_page_shift(m));
	if (err) {
		struct refusal why = m->why;

		end_vm_area(m, cpu, a, false);
		m->why = why;
		return err;
	}
	*addr = a->start + offset;
	return 0;
}

int iounmap(struct machine *m, unsigned cpu, uint64_t addr)
{
	uint64_t page = addr & ~(PAGE_BYTES - 1);
	bool x86 = m->arch == ARCH_X86_64 || m->arch == ARCH_I386;

	if (!x86)
		return is_vmalloc_addr(m, page)
			       ? vunmap(m, cpu, page)
			       : refuse(&m->why, EINVAL, "0x%llx is not where ioremap maps",
					 (ull)addr);
	if (!find_vm_area(m, page)) {
		log_printf(m, "iounmap: bad address %0*llx", machine_word_digits(m), (ull)page);
		return refuse(&m->why, EINVAL,
			"no area has 0x%llx in it: proc/vmallocinfo has those there are",
			(ull)addr);
	}
	return vunmap(m, cpu, page);
}

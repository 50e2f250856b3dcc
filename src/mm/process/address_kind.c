/* SPDX-License-Identifier: MIT
 *
 * Kinds of addresses, and the kernel's arithmetic on them.
 *
 * __pa() and __va() look nothing up: they subtract and add a constant. So they are right for the direct map, and for the
 * kernel's image where the architecture thinks of it, and garbage for all else:
 *
 *	i386, arm     pa = va - PAGE_OFFSET + PHYS_OFFSET
 *	x86-64        pa = va - __START_KERNEL_map for the upper 2 GiB, where the image is; else va - PAGE_OFFSET
 *	arm64         pa = va - PAGE_OFFSET + PHYS_OFFSET for the lower half of the kernel's addresses; else
 *	              va - (where the image runs - where it lies)
 *	riscv64       the same, with PAGE_OFFSET as the boundary
 *
 * virt_to_page() is pfn_to_page(__pa() >> 12), but on arm64, where it always counts from PAGE_OFFSET: the image has no
 * struct pages by it, and lm_alias() has to be asked first.
 *
 * The same word of 64 bits (32 on 32-bit machines) comes out here as there. Whether it means anything is another question:
 * linux_pa_valid(), linux_va_valid().
 *
 * Left out: KASLR (phys_base is 0), memory tags.
 * Follows arch/x86/include/asm/page.h, page_32.h, page_64.h; arch/arm/include/asm/memory.h; arch/arm64/include/asm/memory.h;
 * arch/riscv/include/asm/page.h of 6.1.
 */
#include "mm/process/address_kind.h"

#include "base/number.h"
#include "mm/kernel/layout.h"
#include "mm/machine.h"
#include "mm/page/address.h"
#include "mm/page/frame.h"
#include "mm/process/mm.h"

#include <assert.h>

#define START_KERNEL_MAP 0xffffffff80000000

static uint64_t word_of(const struct machine *m, uint64_t value)
{
	return machine_has(m, CONFIG_64BIT) ? value : (uint32_t)value;
}

static uint64_t direct_end(const struct machine *m)
{
	uint64_t low_end = m->kernel_map.low_end;

	return low_end ? low_end : m->end_pfn << PAGE_SHIFT;
}

static bool in_image(const struct machine *m, uint64_t va)
{
	return va - m->kernel_map.image_va < m->kernel_map.image_bytes;
}

/* Do the bits above the highest in use repeat it? */
static bool canonical(const struct machine *m, uint64_t va)
{
	unsigned bits = 48;

	if (!machine_has(m, CONFIG_64BIT))
		return va <= UINT32_MAX;
	if (m->kernel_map.mode == PAGING_X86_64_LA57)
		bits = 57;
	else if (m->kernel_map.mode == PAGING_SV39)
		bits = 39;
	/* AArch64 has all 48 bits for each half. */
	else if (m->arch == ARCH_ARM64)
		return va >> 48 == 0 || va >> 48 == 0xffff;
	return (uint64_t)((int64_t)(va << (64 - bits)) >> (64 - bits)) == va;
}

enum address_kind address_kind(const struct machine *m, uint64_t va)
{
	static const enum address_kind of_area[NR_KERNEL_AREAS] = {
		[AREA_VMALLOC] = ADDRESS_VMALLOC,
		[AREA_VMEMMAP] = ADDRESS_VMEMMAP,
		[AREA_MODULES] = ADDRESS_MODULES,
		[AREA_FIXMAP] = ADDRESS_FIXMAP,
		[AREA_PKMAP] = ADDRESS_PKMAP,
		[AREA_CPU_ENTRY] = ADDRESS_CPU_ENTRY,
		[AREA_VECTORS] = ADDRESS_VECTORS,
	};

	if (!canonical(m, va))
		return ADDRESS_IMPOSSIBLE;
	if (va - page_offset(m) < direct_end(m) - phys_offset(m))
		return ADDRESS_LOGICAL;
	if (!machine_has(m, CONFIG_MMU))
		return ADDRESS_NOTHING;
	if (in_image(m, va))
		return ADDRESS_IMAGE;
	if (va - m->kernel_map.early_va < m->kernel_map.early_bytes)
		return ADDRESS_FIXMAP;
	if (va < mm_task_size(m))
		return ADDRESS_USER;
	for (unsigned area = 0; area < NR_KERNEL_AREAS; area++) {
		struct kernel_range r = kernel_area(m, (enum kernel_area)area);

		if (va >= r.start && va < r.end)
			return of_area[area];
	}
	return ADDRESS_NOTHING;
}

static const struct {
	const char *name, *words;
} kinds[NR_ADDRESS_KINDS] = {
	[ADDRESS_USER] = {"user", "user virtual: what it means depends on the process"},
	[ADDRESS_LOGICAL] = {"logical",
		"kernel logical: in the direct map, a physical address plus a constant"},
	[ADDRESS_IMAGE] = {"image",
		"kernel virtual: the kernel's image, mapped where it was linked"},
	[ADDRESS_VMALLOC] = {"vmalloc",
		"kernel virtual: the vmalloc area, mapped page by page (vmalloc, vmap, ioremap)"},
	[ADDRESS_VMEMMAP] = {"vmemmap", "kernel virtual: the struct pages of all RAM side by side"},
	[ADDRESS_MODULES] = {"modules", "kernel virtual: the area of modules, mapped page by page"},
	[ADDRESS_FIXMAP] = {"fixmap", "kernel virtual: the fixmap, whose addresses were fixed when "
				      "the kernel was compiled"},
	[ADDRESS_PKMAP] = {"pkmap", "kernel virtual: kmap()'s windows to high memory"},
	[ADDRESS_CPU_ENTRY] = {"cpu_entry",
		"kernel virtual: a CPU's entry area, what it needs on its way into the kernel"},
	[ADDRESS_VECTORS] = {"vectors", "kernel virtual: the exception vectors"},
	[ADDRESS_NOTHING] = {"nothing", "in none of the kernel's areas"},
	[ADDRESS_IMPOSSIBLE] = {"impossible", "no address of this machine: too many bits"},
};

const char *address_kind_name(enum address_kind kind)
{
	assert(kind < NR_ADDRESS_KINDS);
	return kinds[kind].name;
}

const char *address_kind_words(enum address_kind kind)
{
	assert(kind < NR_ADDRESS_KINDS);
	return kinds[kind].words;
}

/* ---- arithmetic ---- */

uint64_t linux_pa(const struct machine *m, uint64_t va)
{
	const struct kernel_map *k = &m->kernel_map;
	uint64_t linear = va - page_offset(m) + phys_offset(m);

	switch (m->arch) {
	case ARCH_X86_64:
		return va >= START_KERNEL_MAP ? va - START_KERNEL_MAP : linear;
	case ARCH_ARM64:
		/* The lower half of the kernel's addresses, up to PAGE_END. */
		return va - page_offset(m) < (uint64_t)1 << 47 ? linear
							       : va - (k->image_va - k->image_pa);
	case ARCH_RISCV64:
		return va - page_offset(m) < (uint64_t)1 << 37 ? linear
							       : va - (k->image_va - k->image_pa);
	default:
		return word_of(m, linear);
	}
}

uint64_t linux_va(const struct machine *m, uint64_t pa)
{
	return word_of(m, pa - phys_offset(m) + page_offset(m));
}

bool linux_va_valid(const struct machine *m, uint64_t pa)
{
	bool x86 = m->arch == ARCH_I386 || m->arch == ARCH_X86_64;

	/* A PC's first MiB is mapped with its holes. */
	return pa < direct_end(m) && (pfn_present(m, pa >> PAGE_SHIFT) || (x86 && pa < MIB));
}

bool linux_pa_valid(const struct machine *m, uint64_t va)
{
	switch (address_kind(m, va)) {
	case ADDRESS_LOGICAL:
		return linux_va_valid(m, linux_pa(m, va));
	case ADDRESS_IMAGE:
		return true;
	default:
		return false;
	}
}

uint64_t linux_virt_to_pfn(const struct machine *m, uint64_t va)
{
	uint64_t pa =
		m->arch == ARCH_ARM64 ? va - page_offset(m) + phys_offset(m) : linux_pa(m, va);

	return pa >> PAGE_SHIFT;
}

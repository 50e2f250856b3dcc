/* SPDX-License-Identifier: MIT
 *
 * Logical addresses: physical address plus a constant.
 *
 *	               direct map begins at    maps physical
 *	i386           c0000000                0
 *	arm            c0000000                begin of RAM (2 MiB aligned)
 *	x86-64         ffff888000000000        0
 *	  5 levels     ff11000000000000        0
 *	arm64          ffff000000000000        begin of RAM (1 GiB aligned), 48 bits of virtual address
 *	riscv64        ffffffd800000000        begin of RAM (2 MiB aligned), Sv39
 *
 * Without address randomisation (nokaslr), so that lessons print what books print. HighMem has no logical
 * address: its pages must be mapped before the kernel can read them.
 *
 * Left out: KASLR. The kernel's other addresses are in kernel/layout.c.
 * Follows Documentation/ of 6.1: x86/x86_64/mm.rst, arm64/memory.rst, riscv/vm-layout.rst.
 */
#include "mm/page/address.h"

#include "mm/page/frame.h"

#include <assert.h>

uint64_t page_offset(const struct machine *m)
{
	/* Addresses are physical. */
	if (!machine_has(m, CONFIG_MMU))
		return phys_offset(m);
	switch (m->arch) {
	case ARCH_I386:
	case ARCH_ARM:
		return 0xc0000000;
	case ARCH_X86_64:
		return m->kernel_map.mode == PAGING_X86_64_LA57 ? 0xff11000000000000
								: 0xffff888000000000;
	case ARCH_ARM64:
		return 0xffff000000000000;
	case ARCH_RISCV64:
		return 0xffffffd800000000; /* Sv39 */
	case NR_ARCHS:
		break;
	}
	assert(!"an architecture");
	return 0;
}

uint64_t phys_offset(const struct machine *m)
{
	uint64_t align;

	switch (m->arch) {
	case ARCH_ARM:
	case ARCH_RISCV64:
		align = (uint64_t)2 << 20;
		break;
	case ARCH_ARM64:
		align = (uint64_t)1 << 30;
		break;
	default:
		return 0;
	}
	uint64_t first = m->memblock.memory.nr ? m->memblock.memory.region[0].start
					       : m->base_pfn << PAGE_SHIFT;
	return first & ~(align - 1);
}

uint64_t page_address(const struct machine *m, uint64_t pfn)
{
	const struct zone *z = pfn_zone(m, pfn);

	if (z && z->type == ZONE_HIGHMEM)
		return 0;
	/* The high end of Movable is HighMem, too, where there is any. */
	if (z && z->type == ZONE_MOVABLE && m->totalhigh_pages)
		return 0;
	return (pfn << PAGE_SHIFT) - phys_offset(m) + page_offset(m);
}

uint64_t virt_to_pfn(const struct machine *m, uint64_t address)
{
	if (address < page_offset(m))
		return NO_PFN;
	uint64_t pfn = (address - page_offset(m) + phys_offset(m)) >> PAGE_SHIFT;
	if (!pfn_valid(m, pfn) || page_address(m, pfn) != (address & ~(PAGE_BYTES - 1)))
		return NO_PFN;
	return pfn;
}

/* SPDX-License-Identifier: MIT
 *
 * The kernel's half in the top tables of processes.
 *
 * Where one register leads to the tables of both halves (x86, ARM, RISC-V), each process's top table has the kernel's
 * entries copied into it when it is made. The tables below them are shared, so what the kernel maps later through an
 * entry that exists is seen by every process at once. AArch64 has a register for each half, and nothing is copied.
 *
 * An entry of the top table that the kernel makes later (by vmalloc(), for a part of its area that has no table yet):
 *
 *	x86-64    cannot happen: all of the area's entries were made at boot
 *	i386      is copied into every process's top table at once (arch_sync_kernel_mappings()); with PAE it is an
 *	          entry of a middle table, which all share
 *	ARM       is copied when a process is switched to whose copy is older (check_vmalloc_seq()), or by the fault
 *	RISC-V    by the fault (vmalloc_fault())
 *
 * Nothing here makes such entries yet: who does must also do that.
 *
 * With page-table isolation a process's second top table gets the entries of user mode's tree (kernel_areas.c).
 *
 * Follows pgd_ctor() of arch/x86/mm/pgtable.c, pgd_alloc() of arch/arm/mm/pgd.c and of arch/riscv of 6.1.
 */
#include "mm/kernel/kernel_map.h"

#include "mm/machine.h"
#include "mm/page/address.h"
#include "mm/page/contents.h"

#include <assert.h>

/* The first entry of the kernel's half: ARM's includes the modules below the direct map. */
static uint64_t first_entry(const struct machine *m, const struct paging_level *top)
{
	if (machine_has(m, CONFIG_64BIT))
		return (uint64_t)1 << (top->bits - 1);
	return paging_index(top, page_offset(m) - (m->arch == ARCH_ARM ? 16u << 20 : 0));
}

/* A fork's work, so frame by frame and not entry by entry. */
static void copy_kernel_half(struct machine *m, uint64_t from, uint64_t to)
{
	const struct paging_level *top = &paging_modes[m->kernel_map.mode].level[0];
	struct dram dram = machine_dram(m);
	uint64_t at = first_entry(m, top) * top->entry_bytes;
	uint64_t end = (uint64_t)top->entry_bytes << top->bits;

	while (at < end) {
		uint64_t frame_end = (at | (PAGE_BYTES - 1)) + 1;
		uint64_t bytes = (frame_end < end ? frame_end : end) - at;

		assert(dram_has(&dram, to + at));
		if (dram_has(&dram, from + at))
			memcpy(dram_at(&dram, to + at), dram_at(&dram, from + at), bytes);
		at += bytes;
	}
}

void kernel_map_copy_pgd(struct machine *m, uint64_t pgd)
{
	if (m->kernel_map.mode != PAGING_ARM64_4K)
		copy_kernel_half(m, m->kernel_map.root, pgd);
}

int pti_user_pgd_init(struct machine *m, uint64_t user_pgd)
{
	copy_kernel_half(m, m->kernel_map.user_root, user_pgd);
	return 0;
}

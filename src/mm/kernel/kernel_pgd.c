/* SPDX-License-Identifier: MIT
 *
 * The kernel's half in the top tables of processes.
 *
 * Where one register leads to the tables of both halves (x86, ARM, RISC-V), each process's top table has the kernel's
 * entries copied into it when it is made. The tables below them are shared, so what the kernel maps later through an
 * entry that exists is seen by every process at once. AArch64 has a register for each half, and nothing is copied.
 *
 * Follows pgd_ctor() of arch/x86/mm/pgtable.c, pgd_alloc() of arch/arm/mm/pgd.c and of arch/riscv of 6.1.
 */
#include "mm/kernel/kernel_map.h"

#include "mm/machine.h"
#include "mm/page/address.h"
#include "mm/page/contents.h"

#include <assert.h>

/* The first address of the kernel's half: ARM's includes the modules below the direct map. */
static uint64_t kernel_start(const struct machine *m)
{
	if (m->arch == ARCH_ARM)
		return page_offset(m) - (16u << 20);
	return machine_has(m, CONFIG_64BIT) ? (uint64_t)1 << 63 : page_offset(m);
}

void kernel_map_copy_pgd(struct machine *m, uint64_t pgd)
{
	const struct paging_level *top = &paging_modes[m->kernel_map.mode].level[0];
	struct dram dram = machine_dram(m);
	uint64_t entries = (uint64_t)1 << top->bits;
	uint64_t first = paging_index(top, kernel_start(m));

	if (m->kernel_map.mode == PAGING_ARM64_4K)
		return;
	for (uint64_t i = first; i < entries; i++) {
		uint64_t entry, at = i * top->entry_bytes;
		int err = dram_load(&dram, m->kernel_map.root + at, top->entry_bytes, &entry);

		if (!err && entry)
			err = dram_store(&dram, pgd + at, top->entry_bytes, entry, &m->why);
		assert(!err);
		(void)err;
	}
}

int pti_user_pgd_init(struct machine *m, uint64_t user_pgd)
{
	return 0;
}

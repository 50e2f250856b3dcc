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
 * kernel_pte.c makes such entries, and calls here.
 *
 * With page-table isolation a process's second top table gets the entries of user mode's tree (kernel_areas.c).
 *
 * Follows pgd_ctor() of arch/x86/mm/pgtable.c, pgd_alloc() of arch/arm/mm/pgd.c and of arch/riscv of 6.1.
 */
#include "mm/kernel/kernel_map.h"

#include "base/text.h"
#include "mm/kernel/kernel_pte.h"
#include "mm/kernel/layout.h"
#include "mm/machine.h"
#include "mm/page/address.h"
#include "mm/page/contents.h"
#include "mm/process/tlb_flush.h"

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

/* ---- entries that come later ---- */

/* Entries of the top table go in pairs on ARM. */
static uint64_t unit_bytes(const struct machine *m, const struct paging_level *top)
{
	return m->arch == ARCH_ARM ? 8 : top->entry_bytes;
}

/* Where the entry of @va lies, as an offset in a top table. */
static uint64_t offset_of(const struct machine *m, uint64_t va)
{
	const struct paging_level *top = &paging_modes[m->kernel_map.mode].level[0];

	return paging_index(top, va) * top->entry_bytes & ~(unit_bytes(m, top) - 1);
}

/* Copy the kernel's entry of @va into the top table @pgd; false: it was the same already, or the kernel has none. */
static bool copy_entry(struct machine *m, uint64_t pgd, uint64_t va)
{
	const struct paging_level *top = &paging_modes[m->kernel_map.mode].level[0];
	uint64_t at = offset_of(m, va), bytes = unit_bytes(m, top), kernel, own;
	struct dram dram = machine_dram(m);

	(void)dram_load(&dram, m->kernel_map.root + at, (unsigned)bytes, &kernel);
	(void)dram_load(&dram, pgd + at, (unsigned)bytes, &own);
	if (!kernel || own == kernel || !dram_has(&dram, pgd + at))
		return false;
	(void)dram_store(&dram, pgd + at, (unsigned)bytes, kernel, NULL);
	return true;
}

/* Each address space once or more often: threads share theirs. */
static struct mm *next_mm(const struct machine *m, uint32_t *i)
{
	const struct tasks *tasks = &m->processes.tasks;
	const uint64_t *at = tasks->at ? machine_at(m, tasks->at) : NULL;

	while (*i < tasks->nr) {
		const struct task *t = machine_at(m, at[(*i)++]);

		if (t->mm_at)
			return machine_at(m, t->mm_at);
	}
	return NULL;
}

void kernel_pgd_changed(struct machine *m, uint64_t va)
{
	uint32_t i = 0;

	m->kernel_map.vmalloc_seq++;
	if (m->kernel_map.mode != PAGING_X86_32)
		return;
	for (const struct mm *mm; (mm = next_mm(m, &i));)
		if (mm->pgd)
			copy_entry(m, mm->pgd, va);
}

void check_vmalloc_seq(struct machine *m, struct mm *mm)
{
	if (m->arch != ARCH_ARM || mm->vmalloc_seq == m->kernel_map.vmalloc_seq)
		return;
	kernel_map_copy_pgd(m, mm->pgd);
	mm->vmalloc_seq = m->kernel_map.vmalloc_seq;
}

bool vmalloc_fault(struct machine *m, unsigned cpu, uint64_t va)
{
	const struct paging_level *top = &paging_modes[m->kernel_map.mode].level[0];
	const struct mm *mm = current_mm(m, cpu);

	if (!mm || (m->arch != ARCH_ARM && m->arch != ARCH_RISCV64))
		return false;
	if (!paging_va_ok(&paging_modes[m->kernel_map.mode], va) ||
		paging_index(top, va) < first_entry(m, top))
		return false;
	return copy_entry(m, mm->pgd, va);
}

/* Entries of @pgd that the kernel's table has otherwise; where they come late, those that are missing are no fault. */
static unsigned other_entries(struct machine *m, uint64_t pgd, struct text *out)
{
	const struct paging_level *top = &paging_modes[m->kernel_map.mode].level[0];
	bool late = m->arch == ARCH_ARM || m->arch == ARCH_RISCV64;
	struct dram dram = machine_dram(m);
	unsigned bad = 0;

	for (uint64_t i = first_entry(m, top); i < (uint64_t)1 << top->bits; i++) {
		uint64_t at = i * top->entry_bytes, kernel, own;

		(void)dram_load(&dram, m->kernel_map.root + at, top->entry_bytes, &kernel);
		(void)dram_load(&dram, pgd + at, top->entry_bytes, &own);
		if (own == kernel || (late && !own))
			continue;
		text_printf(out,
			"the top table at 0x%llx has 0x%llx as entry %llu, the kernel's own has "
			"0x%llx\n",
			(unsigned long long)pgd, (unsigned long long)own, (unsigned long long)i,
			(unsigned long long)kernel);
		bad++;
	}
	return bad;
}

unsigned kernel_pgd_check(struct machine *m, struct text *out)
{
	unsigned bad = 0;
	uint32_t i = 0;

	if (!m->kernel_map.root || m->kernel_map.mode == PAGING_ARM64_4K)
		return 0;
	for (const struct mm *mm; (mm = next_mm(m, &i));)
		bad += mm->pgd ? other_entries(m, mm->pgd, out) : 0;
	return bad;
}

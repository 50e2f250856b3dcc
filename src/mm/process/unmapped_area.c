/* SPDX-License-Identifier: MIT
 *
 * Where a mapping goes that may lie anywhere.
 *
 *	top-down	|text|heap|        ...        | new | older | oldest |<- mmap_base     gap   |stack|
 *	bottom-up	|text|heap|   ...   mmap_base ->| oldest | older | new |   ...               |stack|
 *
 *	1. The place that the caller wishes for, if it is free and above mmap_min_addr.
 *	2. Top-down: the highest gap below mmap_base that is large enough. A stack above a gap keeps its guard pages.
 *	3. None there, or bottom-up: the lowest gap above the base of bottom-up mappings, a third of the address space.
 *
 * Left out: alignment for huge pages and cache colours. Follows arch_get_unmapped_area_topdown() and
 * vm_unmapped_area() of 6.1.
 */
#include "mm/process/mm.h"
#include "mm/process/syscalls.h"

#include "mm/machine.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"

#include <errno.h>

static bool is_free(const struct machine *m, const struct mm *mm, uint64_t addr, uint64_t bytes)
{
	uint64_t gap = (uint64_t)STACK_GUARD_GAP_PAGES << PAGE_SHIFT;
	const struct vma *next = vma_find(m, &mm->vmas, addr);

	if (!next)
		return true;
	uint64_t start = next->start;

	if (next->flags & VM_GROWSDOWN)
		start = start > gap ? start - gap : 0;
	return addr + bytes <= start;
}

int get_unmapped_area(
	struct machine *m, struct mm *mm, uint64_t addr, uint64_t bytes, uint64_t *out)
{
	uint64_t lowest = (uint64_t)m->sysctls.value[SYSCTL_mmap_min_addr];
	uint64_t bottom = mm->task_size / 3 & ~(PAGE_BYTES - 1);

	if (lowest < PAGE_BYTES)
		lowest = PAGE_BYTES;
	if (bytes > mm->task_size)
		return refuse(&m->why, ENOMEM,
			"%llu KiB are more than the address space has: it ends at 0x%llx",
			(unsigned long long)bytes >> 10, (unsigned long long)mm->task_size);
	addr = (addr + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
	if (addr && addr >= lowest && addr <= mm->task_size - bytes &&
		is_free(m, mm, addr, bytes)) {
		*out = addr;
		return 0;
	}
	if (!mm->mmap_legacy && vma_gap_below(m, &mm->vmas, lowest, mm->mmap_base, bytes, out))
		return 0;
	if (mm->mmap_legacy)
		bottom = mm->mmap_base;
	if (vma_gap_above(m, &mm->vmas, bottom, mm->task_size, bytes, out))
		return 0;
	return refuse(&m->why, ENOMEM, "no gap of %llu KiB is left between the mappings",
		(unsigned long long)bytes >> 10);
}

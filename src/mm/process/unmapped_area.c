/* SPDX-License-Identifier: MIT
 *
 * Where a mapping goes that may lie anywhere.
 *
 *	top-down	|text|heap|        ...        | new | older | oldest |<- mmap_base     gap   |stack|
 *	bottom-up	|text|heap|   ...   mmap_base ->| oldest | older | new |   ...               |stack|
 *
 *	1. The place that the caller wishes for, if it is free. A stack above it keeps its guard pages.
 *	2. Top-down: the highest gap below mmap_base that is large enough.
 *	3. None there, or bottom-up: the lowest gap above the base of bottom-up mappings.
 *
 * x86-64 has rules of its own: MAP_32BIT searches upwards in the second GiB; with five levels of tables a wish above 47
 * bits opens the upper part; the lowest page is the only one that a search avoids, where others avoid mmap_min_addr.
 *
 * A file on a disk of which the mapping holds a whole huge page gets an address that is as far into a huge page as its
 * offset in the file (64-bit kernels with transparent huge pages).
 *
 * Left out: cache colours. Follows arch_get_unmapped_area_topdown() of each architecture, vm_unmapped_area(), and
 * thp_get_unmapped_area() of 6.1.
 */
#include "mm/process/mm.h"
#include "mm/process/syscalls.h"

#include "mm/machine.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"

#include <errno.h>

typedef unsigned long long ull;

#define HUGE_BYTES (2ULL << 20)

static bool is_free(const struct machine *m, const struct mm *mm, uint64_t addr, uint64_t bytes)
{
	const struct vma *next = vma_find(m, &mm->vmas, addr);

	return !next || addr + bytes <= vm_start_gap(next);
}

/* Step 1: may the mapping lie where it was wished? */
static bool wish_fits(const struct machine *m, const struct mm *mm, uint64_t addr, uint64_t bytes)
{
	uint64_t window = mm_map_window(m);

	if (!addr || mm->task_size - bytes < addr || !is_free(m, mm, addr, bytes))
		return false;
	if (m->arch == ARCH_X86_64)
		return mm->mmap_legacy || (addr > window) == (addr + bytes > window);
	return m->arch == ARCH_ARM || addr >= (uint64_t)m->sysctls.value[SYSCTL_mmap_min_addr];
}

static uint64_t search_low(const struct machine *m)
{
	uint64_t lowest = (uint64_t)m->sysctls.value[SYSCTL_mmap_min_addr];

	if (m->arch == ARCH_ARM)
		return 2 * PAGE_BYTES; /* FIRST_USER_ADDRESS: below are the vectors of old */
	return m->arch == ARCH_X86_64 || lowest < PAGE_BYTES ? PAGE_BYTES : lowest;
}

/* Steps 2 and 3. */
static bool search(struct machine *m, struct mm *mm, uint64_t addr, uint64_t bytes, unsigned flags,
	uint64_t *out)
{
	uint64_t window = mm_map_window(m), low = mm->bottom_up_base;
	uint64_t beyond = addr > window ? mm->task_size - window : 0, high = window + beyond;

	if (m->arch == ARCH_X86_64 && flags & MAP_32BIT_) {
		uint64_t second = 0x40000000 + mm_random(m, 1, 13);

		return vma_gap_above(m, &mm->vmas, second, 0x80000000, bytes, out);
	}
	if (!mm->mmap_legacy &&
		vma_gap_below(m, &mm->vmas, search_low(m), mm->mmap_base + beyond, bytes, out))
		return true;
	return vma_gap_above(m, &mm->vmas, low, high, bytes, out);
}

static int find_place(struct machine *m, struct mm *mm, uint64_t addr, uint64_t bytes,
	unsigned flags, uint64_t *out)
{
	if (bytes > mm->task_size)
		return refuse(&m->why, ENOMEM,
			"%llu KiB are more than the address space has: it ends at 0x%llx",
			(ull)bytes >> 10, (ull)mm->task_size);
	if (!(m->arch == ARCH_X86_64 && flags & MAP_32BIT_) && wish_fits(m, mm, addr, bytes)) {
		*out = addr;
		return 0;
	}
	if (search(m, mm, addr, bytes, flags, out))
		return 0;
	return refuse(&m->why, ENOMEM, "no gap of %llu KiB is left between the mappings",
		(ull)bytes >> 10);
}

/* Is a whole huge page of the file in the mapping, and would huge pages be of use? */
static bool wants_huge(
	const struct machine *m, const struct file *file, uint64_t offset, uint64_t bytes)
{
	uint64_t first = (offset + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1), end = offset + bytes;

	if (!file || !arch_is_64bit(m->arch) || !machine_has(m, CONFIG_TRANSPARENT_HUGEPAGE))
		return false;
	const struct inode *i = machine_at(m, file->inode_at);

	return i->kind == INODE_FILE && end > first && end - first >= HUGE_BYTES;
}

int get_unmapped_area_of(struct machine *m, struct mm *mm, const struct file *file, uint64_t pgoff,
	uint64_t addr, uint64_t bytes, unsigned flags, uint64_t *out)
{
	uint64_t offset = pgoff << PAGE_SHIFT;

	if (wants_huge(m, file, offset, bytes) &&
		!find_place(m, mm, addr, bytes + HUGE_BYTES, flags, out)) {
		if (*out != addr)
			*out += (offset - *out) & (HUGE_BYTES - 1);
		return 0;
	}
	return find_place(m, mm, addr, bytes, flags, out);
}

int get_unmapped_area(
	struct machine *m, struct mm *mm, uint64_t addr, uint64_t bytes, uint64_t *out)
{
	return get_unmapped_area_of(m, mm, NULL, 0, addr, bytes, 0, out);
}

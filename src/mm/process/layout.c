/* SPDX-License-Identifier: MIT
 *
 * Where the parts of an address space lie.
 *
 *	0                                             mmap_base                    STACK_TOP   task size
 *	|  program, heap ->        <- mappings            |      gap      |<- stack |          |
 *
 *	gap = the stack's limit + guard + how far randomization can move the stack, at least 128 MiB, at most 5/6 of all
 *	mmap_base = STACK_TOP - gap - random bits
 *
 * The legacy layout puts mappings upwards from a third of the address space (a quarter on AArch64). It is chosen by
 * sysctl legacy_va_layout, and (not on x86, which dropped that) by an unlimited stack.
 *
 * With five levels of tables the address space ends at 56 bits, but nothing goes above 47 unless a hint asks for it.
 *
 * Left out: 32-bit programs on 64-bit kernels, personalities. Follows arch/x86/mm/mmap.c and mm/util.c of 6.1.
 */
#include "mm/process/mm.h"

#include "base/number.h"
#include "mm/machine.h"
#include "mm/process/vma_index.h"

uint64_t mm_task_size(const struct machine *m)
{
	switch (m->arch) {
	case ARCH_X86_64:
		return (1ULL << (m->kernel_map.mode == PAGING_X86_64_LA57 ? 56 : 47)) - PAGE_BYTES;
	case ARCH_ARM64:
		return 1ULL << 48;
	case ARCH_RISCV64:
		return 1ULL << 38;
	case ARCH_ARM:
		return 0xbf000000; /* PAGE_OFFSET less 16 MiB of modules */
	default:
		return 0xc0000000;
	}
}

uint64_t mm_map_window(const struct machine *m)
{
	return m->arch == ARCH_X86_64 ? (1ULL << 47) - PAGE_BYTES : mm_task_size(m);
}

uint64_t mm_stack_top(const struct machine *m)
{
	return mm_map_window(m);
}

unsigned mm_stack_rnd_bits(const struct machine *m)
{
	switch (m->arch) {
	case ARCH_X86_64:
		return 22;
	case ARCH_ARM64:
	case ARCH_RISCV64:
		return 18;
	default:
		return 11;
	}
}

uint64_t mm_random(struct machine *m, unsigned level, unsigned bits)
{
	if (m->sysctls.value[SYSCTL_randomize_va_space] < (int64_t)level)
		return 0;
	return (rng_next(&m->rng) & ((1ULL << bits) - 1)) << PAGE_SHIFT;
}

/* TASK_UNMAPPED_BASE: where the legacy layout, and the search that a full top-down one falls back to, begin. */
static uint64_t unmapped_base(const struct machine *m)
{
	uint64_t window = mm_map_window(m);

	if (m->arch == ARCH_ARM64)
		return window / 4;
	if (m->arch == ARCH_ARM)
		return (window / 3 + 16 * MIB - 1) & ~(16 * MIB - 1);
	return page_align(window / 3);
}

static uint64_t top_down_base(const struct machine *m, uint64_t stack_rlim_bytes, uint64_t random)
{
	uint64_t top = mm_stack_top(m), gap = stack_rlim_bytes, most = top / 6 * 5;
	uint64_t pad = STACK_GUARD_GAP_PAGES * PAGE_BYTES;

	if (m->sysctls.value[SYSCTL_randomize_va_space] > 0)
		pad += ((1ULL << mm_stack_rnd_bits(m)) - 1) << PAGE_SHIFT;
	if (gap + pad > gap)
		gap += pad;
	if (gap < 128 * MIB)
		gap = 128 * MIB;
	if (gap > most)
		gap = most;
	return page_align(top - gap - random);
}

void mm_pick_layout(struct machine *m, struct mm *mm, uint64_t stack_rlim_bytes)
{
	uint64_t random = mm_random(m, 1, (unsigned)m->sysctls.value[SYSCTL_mmap_rnd_bits]);
	bool x86 = arch_is_x86(m->arch);

	mm->task_size = mm_task_size(m);
	mm->mmap_legacy = m->sysctls.value[SYSCTL_legacy_va_layout] ||
			  (!x86 && stack_rlim_bytes == RLIM_INFINITY);
	/* x86-64 keeps both bases, and the bottom-up one is random as well; the others use the fixed one. */
	mm->bottom_up_base = unmapped_base(m);
	if (m->arch == ARCH_X86_64 || mm->mmap_legacy)
		mm->bottom_up_base += random;
	mm->mmap_base =
		mm->mmap_legacy ? mm->bottom_up_base : top_down_base(m, stack_rlim_bytes, random);
	if (!mm->mmap_legacy && m->arch == ARCH_ARM)
		mm->bottom_up_base = mm->mmap_base;
}

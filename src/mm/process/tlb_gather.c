/* SPDX-License-Identifier: MIT
 *
 * Gathering what was unmapped (see tlb_gather.h).
 *
 * The range that is flushed is that of the entries that were there, not that of the call. Linux holds pages back in an
 * array on its stack and in up to 10,000 / (entries of a page) pages of pointers, until the TLBs were told; here they go
 * back before, some at a time, as nothing runs in between, but flushes come after as many.
 *
 * Between two mappings x86 goes on (CONFIG_MMU_GATHER_MERGE_VMAS), except behind one of devices, whose pages nobody
 * counts. RISC-V forgets the whole address space whatever was gathered. An address space that ends is flushed once, by
 * mm_put().
 *
 * Left out: freeing tables after a grace period, flushes that go by the size of large pages.
 * Follows mm/mmu_gather.c, include/asm-generic/tlb.h and arch/riscv/include/asm/tlb.h of 6.1.
 */
#include "mm/process/tlb_gather.h"

#include "mm/machine.h"
#include "mm/process/tlb_flush.h"
#include "mm/process/user_page.h"
#include "mm/process/vma.h"

/* Pages that are held back at most: MMU_GATHER_BUNDLE, and MAX_GATHER_BATCH_COUNT pages of MAX_GATHER_BATCH pointers. */
static unsigned most_pages(const struct machine *m)
{
	return arch_is_64bit(m->arch) ? 8 + 19 * 510 : 8 + 9 * 1021;
}

static void reset(struct tlb_gather *g)
{
	g->force = false;
	g->room = most_pages(g->m);
	g->start = UINT64_MAX;
	g->end = 0;
}

void tlb_gather_begin(
	struct tlb_gather *g, struct machine *m, unsigned cpu, struct mm *mm, bool whole_mm)
{
	g->m = m;
	g->cpu = cpu;
	g->mm = mm;
	g->whole_mm = whole_mm;
	g->nr = 0;
	reset(g);
}

void tlb_gather_free(struct tlb_gather *g)
{
	user_pages_release(g->m, g->cpu, g->pfn, g->nr);
	g->nr = 0;
}

void tlb_gather_flush(struct tlb_gather *g)
{
	tlb_gather_free(g);
	if (g->start < g->end && !g->whole_mm) {
		if (g->m->arch == ARCH_RISCV64)
			flush_tlb_range(g->m, g->cpu, g->mm, 0, UINT64_MAX);
		else
			flush_tlb_range(g->m, g->cpu, g->mm, g->start, g->end);
	}
	reset(g);
}

void tlb_gather_end_vma(struct tlb_gather *g, const struct vma *v)
{
	if (!arch_is_x86(g->m->arch) || v->flags & (VM_PFNMAP | VM_MIXEDMAP))
		tlb_gather_flush(g);
}

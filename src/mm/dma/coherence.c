/* SPDX-License-Identifier: MIT
 *
 * Devices that bypass the CPUs' caches: which lines are written back or thrown away when (see hw/stale.h for the bytes).
 *
 *	                  for the device (map, sync)     for the CPU (unmap, sync)
 *	arm64   all       write back                     throw away, but not TO_DEVICE
 *	arm     TO_DEVICE, BIDIRECTIONAL  write back     throw away, but not TO_DEVICE
 *	        FROM_DEVICE               throw away
 *	riscv   TO_DEVICE, FROM_DEVICE    write back     write back and throw away, but not TO_DEVICE
 *	        BIDIRECTIONAL  write back and throw away
 *
 * A RISC-V CPU without Zicbom has no such instructions: 6.1 warns when it meets a device that bypasses the caches, and then
 * does nothing. One without Svpbmt has no entries that say "uncached", so what is mapped so is cached all the same.
 *
 * Who does not sync reads what was before: the CPU its own old lines, the device what DRAM had before the CPU's stores.
 *
 * The table begins with the first use of such a device, since before it nobody can tell caches from DRAM. A machine whose
 * CPUs have no data cache, or lines larger than the table holds, has none: then caches are never stale.
 *
 * Follows arch/arm64/mm/dma-mapping.c, arch/arm/mm/dma-mapping.c, arch/riscv/mm/dma-noncoherent.c of 6.1.
 */
#include "mm/dma/coherence.h"

#include "base/text.h"
#include "mm/page/contents.h"
#include "mm/vmalloc/vmalloc.h"

#include <assert.h>
#include <errno.h>

static struct stale_line *lines(const struct machine *m)
{
	return machine_at(m, m->devices.stale.at);
}

int stale_begin(struct machine *m)
{
	const struct cache_desc *c = &m->cpus.desc.dcache;
	struct stale_table *t = &m->devices.stale;
	uint64_t most = (uint64_t)c->sets * c->ways * m->nr_cpus, places = 64;

	if (t->at || !most || (uint64_t)1 << c->line_shift > STALE_MAX_LINE)
		return 0;
	while (places < 2 * most)
		places *= 2;
	uint64_t at = heap_alloc(m, places * sizeof(struct stale_line));
	if (!at)
		return -m->why.err;
	*t = (struct stale_table){
		.at = at, .places = (uint32_t)places, .line_shift = c->line_shift};
	return 0;
}

struct stale *machine_stale(struct machine *m, struct stale *view)
{
	view->table = &m->devices.stale;
	view->line = lines(m);
	view->nr_caches = 0;
	for (unsigned cpu = 0; cpu < m->nr_cpus; cpu++)
		if (m->cpus.at[cpu])
			view->cache[view->nr_caches++] =
				&((struct hw_cpu *)machine_at(m, m->cpus.at[cpu]))->dcache;
	return view;
}

void stale_settle_slow(struct machine *m, uint64_t pa, uint64_t bytes)
{
	stale_settle(&m->devices.stale, lines(m), pa, bytes);
}

enum cache_act { CACHE_KEEP, CACHE_CLEAN, CACHE_THROW, CACHE_CLEAN_AND_THROW };

static enum cache_act act_for_device(const struct machine *m, enum dma_data_direction dir)
{
	if (m->arch == ARCH_ARM && dir == DMA_FROM_DEVICE)
		return CACHE_THROW;
	if (m->arch == ARCH_RISCV64 && dir == DMA_BIDIRECTIONAL)
		return CACHE_CLEAN_AND_THROW;
	return CACHE_CLEAN;
}

static enum cache_act act_for_cpu(const struct machine *m, enum dma_data_direction dir)
{
	if (dir == DMA_TO_DEVICE)
		return CACHE_KEEP;
	return m->arch == ARCH_RISCV64 ? CACHE_CLEAN_AND_THROW : CACHE_THROW;
}

static bool has_cache_ops(const struct machine *m)
{
	return m->arch != ARCH_RISCV64 || m->cpus.zicbom;
}

void arch_setup_dma_ops(struct machine *m, const struct device *d)
{
	if (!d->hw.coherent && !has_cache_ops(m))
		log_printf(m,
			"WARNING: CPU: 0 PID: 1 at arch/riscv/mm/dma-noncoherent.c "
			"arch_setup_dma_ops: platform %s: device non-coherent but no non-coherent "
			"operations supported",
			d->name);
}

/* Each line of the range costs, whether a cache has it or not: the instruction goes by address. */
static void do_act(struct machine *m, enum cache_act act, uint64_t phys, uint64_t bytes)
{
	unsigned shift = m->devices.stale.at ? m->devices.stale.line_shift : 6;
	struct dram dram = machine_dram(m);
	struct stale stale;

	if (act == CACHE_KEEP || !bytes || !has_cache_ops(m))
		return;
	clock_charge_ns(
		m, COST_NS_CACHE_LINE * (((phys + bytes - 1) >> shift) - (phys >> shift) + 1));
	if (!m->devices.stale.at)
		return;
	machine_stale(m, &stale);
	if (act != CACHE_THROW)
		stale_clean(&stale, phys, bytes);
	if (act != CACHE_CLEAN)
		stale_invalidate(&stale, &dram, phys, bytes);
}

void arch_sync_dma_for_device(
	struct machine *m, uint64_t phys, uint64_t bytes, enum dma_data_direction dir)
{
	do_act(m, act_for_device(m, dir), phys, bytes);
}

void arch_sync_dma_for_cpu(
	struct machine *m, uint64_t phys, uint64_t bytes, enum dma_data_direction dir)
{
	do_act(m, act_for_cpu(m, dir), phys, bytes);
}

void arch_dma_prep_coherent(struct machine *m, uint64_t phys, uint64_t bytes)
{
	do_act(m, CACHE_CLEAN_AND_THROW, phys, bytes);
}

int dma_remap(
	struct machine *m, unsigned cpu, uint64_t phys, uint64_t bytes, bool cached, uint64_t *va)
{
	enum { MOST_PAGES = 4096 };
	uint32_t pfns[MOST_PAGES], nr = (uint32_t)(bytes >> PAGE_SHIFT);

	if (bytes >> PAGE_SHIFT > MOST_PAGES)
		return refuse(&m->why, ENOMEM, "at most %d pages get an address of their own",
			MOST_PAGES);
	for (uint32_t i = 0; i < nr; i++)
		pfns[i] = (uint32_t)(phys >> PAGE_SHIFT) + i;
	return vmap_pages(m, cpu, pfns, nr, VM_DMA_COHERENT, cached ? PGTABLE_RW : PGTABLE_DEVICE,
		vmalloc_caller(m), va);
}

void dma_unmap(struct machine *m, unsigned cpu, uint64_t va)
{
	int err = vunmap(m, cpu, va);

	assert(!err);
	(void)err;
}

unsigned coherence_check(struct machine *m, struct text *out)
{
	struct stale stale;
	const char *wrong = m->devices.stale.at ? stale_check(machine_stale(m, &stale)) : NULL;

	if (!wrong)
		return 0;
	text_printf(out, "caches: %s\n", wrong);
	return 1;
}

/* SPDX-License-Identifier: MIT
 *
 * What nodes of /reserved-memory are for: their drivers take them.
 *
 *	shared-dma-pool, reusable              a CMA area, when it is aligned to a pageblock, in RAM and mapped; the default
 *	                                       one (linux,cma-default) unless cma= was given
 *	shared-dma-pool otherwise              coherent memory for the devices that name it (mm/dma/reserved_mem.h); 32-bit ARM
 *	                                       asks for no-map, since it cannot map a page in two ways
 *	a shared-dma-pool that is neither      given back to the free memory
 *	a reusable one inside another          stays reserved
 *	other nodes, restricted-dma-pool       taken away, and that is all: Debian's kernels have no CONFIG_DMA_RESTRICTED_POOL
 *
 * linux,dma-default makes a pool the one of all devices that bypass the caches, where nothing can be mapped uncached: on
 * ARM without an MMU (CONFIG_DMA_GLOBAL_POOL).
 *
 * Follows drivers/of/of_reserved_mem.c, kernel/dma/contiguous.c, kernel/dma/coherent.c of 6.1.
 */
#include "mm/boot/boot.h"
#include "mm/dma/reserved_mem.h"

#include <stdio.h>

uint64_t boot_cma_align(const struct boot *b)
{
	return PAGE_BYTES << b->m->pageblock_order;
}

void boot_add_cma(struct boot *b, uint64_t start, uint64_t end, const char *name)
{
	if (b->nr_cma < MAX_CMA_AREAS)
		b->cma[b->nr_cma++] = (struct boot_cma){start, end, name};
}

/* "%pa" */
static const char *phys(const struct boot *b, uint64_t at, char *text, size_t cap)
{
	snprintf(text, cap, "0x%0*llx", machine_phys_digits(b->m), (ull)at);
	return text;
}

/* What nobody can set up goes back to the free memory. */
static int drop_pool(struct boot *b, const struct reserved_range *r, uint64_t start, uint64_t end)
{
	log_printf(b->m, "OF: reserved mem: node %s compatible matching fail", r->name);
	return r->no_map ? memblock_clear(b->m, start, end - start, MEMBLOCK_NOMAP)
			 : memblock_free(b->m, start, end - start);
}

static void say_ready(struct boot *b, const struct reserved_range *r, const char *kind,
	uint64_t start, uint64_t end)
{
	char at[24];

	log_printf(b->m, "Reserved memory: created %s memory pool at %s, size %llu MiB", kind,
		phys(b, start, at, sizeof(at)), (ull)((end - start) / MIB));
	log_printf(b->m, "OF: reserved mem: initialized node %s, compatible id shared-dma-pool",
		r->name);
}

static bool in_another_area(const struct boot *b, uint64_t start, uint64_t end)
{
	for (unsigned i = 0; i < b->nr_cma; i++)
		if (start < b->cma[i].end && b->cma[i].start < end)
			return true;
	return false;
}

/* A reusable pool: rmem_cma_setup(). */
static int setup_cma(struct boot *b, const struct reserved_range *r, uint64_t start, uint64_t end)
{
	if (!machine_has(b->m, CONFIG_CMA))
		return drop_pool(b, r, start, end);
	if (b->c.cma_given && r->cma_default) {
		log_printf(b->m,
			"Reserved memory: bypass %s node, using cmdline CMA params instead",
			r->name);
		return drop_pool(b, r, start, end);
	}
	if ((start | end) & (boot_cma_align(b) - 1)) {
		log_printf(b->m, "Reserved memory: incorrect alignment of CMA region");
		return drop_pool(b, r, start, end);
	}
	if (b->nr_cma == MAX_CMA_AREAS) {
		log_printf(b->m, "Not enough slots for CMA reserved regions!");
		log_printf(b->m, "Reserved memory: unable to setup CMA region");
		return drop_pool(b, r, start, end);
	}
	/* Linux makes an area of it, too, and frees what both have twice, which ends in bad pages. Here it stays reserved. */
	if (in_another_area(b, start, end)) {
		log_printf(b->m, "Reserved memory: unable to setup CMA region");
		log_printf(b->m, "OF: reserved mem: node %s compatible matching fail", r->name);
		return 0;
	}
	boot_add_cma(b, start, end, r->name);
	b->cma[b->nr_cma - 1].is_default = r->cma_default && !b->cma_default;
	b->cma_default |= r->cma_default;
	say_ready(b, r, "CMA", start, end);
	return 0;
}

/* rmem_dma_setup() */
static int setup_dma(struct boot *b, const struct reserved_range *r, uint64_t start, uint64_t end)
{
	if (b->m->arch == ARCH_ARM && !r->no_map) {
		log_printf(b->m, "Reserved memory: regions without no-map are not yet supported");
		return drop_pool(b, r, start, end);
	}
	b->reserved[r - b->d->reserved].dma_pool = true;
	say_ready(b, r, "DMA", start, end);
	return 0;
}

int boot_reserved_mem_init(
	struct boot *b, const struct reserved_range *r, uint64_t start, uint64_t end)
{
	b->reserved[r - b->d->reserved] = (struct boot_reserved){.start = start, .end = end};
	if (r->not_first)
		return 0;
	if (r->reusable)
		return setup_cma(b, r, start, end);
	if (r->misfit)
		return drop_pool(b, r, start, end);
	/* A PC's kernel has no such pools (CONFIG_OF). */
	return r->dma_pool && !arch_is_x86(b->m->arch) ? setup_dma(b, r, start, end) : 0;
}

/* __rmem_cmp() */
static bool comes_before(const struct reserved_range *a, const struct reserved_range *b)
{
	uint64_t bytes_a = a->end - a->start, bytes_b = b->end - b->start;

	return a->start != b->start ? a->start < b->start
	       : bytes_a != bytes_b ? bytes_a < bytes_b
				    : a < b;
}

/* The node of a fixed place that follows @after by address, of equal ones by size and then as in the tree; NULL: none. */
static const struct reserved_range *next_fixed(
	const struct boot *b, const struct reserved_range *after)
{
	const struct reserved_range *best = NULL;

	for (unsigned i = 0; i < b->d->nr_reserved; i++) {
		const struct reserved_range *r = &b->d->reserved[i];

		if (r->not_first || r->start >= r->end || (after && !comes_before(after, r)))
			continue;
		if (!best || comes_before(r, best))
			best = r;
	}
	return best;
}

void boot_reserved_overlaps(struct boot *b)
{
	const struct reserved_range *r = next_fixed(b, NULL), *next;
	char at[4][24];

	for (; r && (next = next_fixed(b, r)); r = next) {
		if (r->end <= next->start)
			continue;
		log_printf(b->m, "OF: reserved mem: OVERLAP DETECTED!");
		log_printf(b->m, "%s (%s--%s) overlaps with %s (%s--%s)", r->name,
			phys(b, r->start, at[0], sizeof(at[0])),
			phys(b, r->end, at[1], sizeof(at[1])), next->name,
			phys(b, next->start, at[2], sizeof(at[2])),
			phys(b, next->end, at[3], sizeof(at[3])));
	}
}

/* ---- what stays ---- */

/* The area that was made of it, its number + 1; 0: none. */
static uint32_t area_at(const struct machine *m, const struct boot_reserved *r)
{
	for (unsigned i = 0; i < m->nr_cma; i++)
		if (m->cma[i].base_pfn == r->start >> PAGE_SHIFT &&
			m->cma[i].nr_pages == (r->end - r->start) >> PAGE_SHIFT)
			return i + 1;
	return 0;
}

int boot_reserved_mem(struct boot *b)
{
	struct machine *m = b->m;
	bool global = m->arch == ARCH_ARM && !machine_has(m, CONFIG_MMU);
	int err = reserved_mem_create(m, b->d->nr_reserved);

	for (unsigned i = 0; i < b->d->nr_reserved && !err; i++) {
		const struct reserved_range *r = &b->d->reserved[i];
		struct reserved_mem *mem = reserved_mem_nth(m, i);

		snprintf(mem->name, sizeof(mem->name), "%s", r->name);
		mem->base = b->reserved[i].start;
		mem->bytes = b->reserved[i].end - b->reserved[i].start;
		mem->dma_pool = b->reserved[i].dma_pool;
		mem->cma = r->reusable && !r->not_first ? area_at(m, &b->reserved[i]) : 0;
		mem->restricted = r->restricted;
		if (global && r->dma_default && mem->dma_pool)
			err = dma_init_global_coherent(m, mem);
	}
	return err;
}

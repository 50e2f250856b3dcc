/* SPDX-License-Identifier: MIT
 *
 * What pkmap's windows and the CPUs' slots share (see highmem.h): entries of the kernel's tables, and finding them.
 *
 * A window is mapped by one entry of a last-level table that boot made, in RAM, so that every access through it is the
 * MMU's work: nothing here copies a page's bytes.
 *
 * Invariant: highmem_check().
 */
#include "mm/kernel/highmem.h"

#include "mm/kernel/fixmap.h"
#include "mm/kernel/kernel_pte.h"
#include "mm/kernel/layout.h"
#include "mm/machine.h"
#include "mm/page/address.h"

#include <errno.h>

bool page_is_high(const struct machine *m, uint64_t pfn)
{
	return machine_has(m, CONFIG_HIGHMEM) && !page_address(m, pfn);
}

/* ---- entries ---- */

int highmem_need_tables(struct machine *m)
{
	if (m->kernel_map.root && m->kernel_map.areas)
		return 0;
	return refuse(&m->why, EINVAL,
		"this machine's kernel has no page tables for windows onto high memory");
}

uint64_t highmem_mapped_pfn(struct machine *m, uint64_t address)
{
	pte_t pte = kernel_pte_get(m, address);

	return pte ? pte_pfn(m, pte) : NO_PFN;
}

int highmem_map(struct machine *m, uint64_t address, uint64_t pfn)
{
	/* The table is there since boot; now it gets contents. */
	int err = kernel_pte_alloc(m, 0, address);

	if (!err)
		kernel_pte_set(m, address, kernel_pte_make(m, pfn, PGTABLE_RW));
	return err;
}

void highmem_unmap(struct machine *m, uint64_t address)
{
	kernel_pte_set(m, address, 0);
}

/* ---- finding ---- */

bool highmem_find(struct machine *m, uint64_t address, struct highmem_window *w)
{
	struct kernel_range r = kernel_area(m, AREA_PKMAP);
	unsigned cpu, slot;

	*w = (struct highmem_window){.kind = HIGHMEM_NONE, .pfn = NO_PFN};
	if (pkmap_windows(m) && address >= r.start && address < r.end) {
		pkmap_window(m, (unsigned)((address - r.start) >> PAGE_SHIFT), w);
		return true;
	}
	if (!kmap_slot_at(m, address, &cpu, &slot) || cpu >= m->nr_cpus)
		return false;
	kmap_slot(m, cpu, slot, w);
	return true;
}

bool highmem_next_of_page(
	struct machine *m, uint64_t pfn, unsigned *cookie, struct highmem_window *w)
{
	unsigned per_cpu = kmap_slots_per_cpu(m),
		 slots = m->highmem.local_at ? m->nr_cpus * per_cpu : 0;

	if (!*cookie) {
		uint64_t address = page_is_high(m, pfn) ? highmem_page_address(m, pfn) : 0;

		++*cookie;
		if (address)
			return highmem_find(m, address, w);
	}
	/* Cookie n + 2 comes behind slot n, of all CPUs. */
	while (*cookie - 1 < slots) {
		unsigned n = (*cookie)++ - 1;

		kmap_slot(m, n / per_cpu, n % per_cpu, w);
		if (w->pfn == pfn)
			return true;
	}
	return false;
}

unsigned highmem_check(struct machine *m, struct text *out)
{
	return pkmap_check(m, out) + kmap_local_check(m, out);
}

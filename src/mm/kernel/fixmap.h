/* SPDX-License-Identifier: MIT
 *
 * Fixed addresses: pages of virtual address space whose place is known when the kernel is compiled, numbered from the
 * top downwards (enum fixed_addresses).
 */
#ifndef SIMM_MM_FIXMAP_H
#define SIMM_MM_FIXMAP_H

#include <stdbool.h>
#include <stdint.h>

struct machine;

enum fixmap_kind {
	FIXMAP_ONE,	/* one thing, of one or more pages */
	FIXMAP_KMAP,	/* kmap_local_page()'s slots, of each CPU after the other */
	FIXMAP_BTMAP,	/* early_ioremap()'s */
};

/* Fixed addresses with one name. */
struct fixmap_range {
	const char *name, *doc;
	enum fixmap_kind kind;
	uint32_t first, pages;	/* index of the first, which has the highest address */
};

/* The range at *@i (0 at first), which moves on; false at the end. */
bool fixmap_next(const struct machine *m, unsigned *i, struct fixmap_range *r);
/* The address of a fixed address's page. */
uint64_t fix_to_virt(const struct machine *m, uint32_t index);
/* One past the last index. */
uint32_t fixmap_end(const struct machine *m);
/* Where early_ioremap()'s pages begin, which have a row everywhere (FIX_BTMAP_BEGIN). */
uint64_t fixmap_btmap(const struct machine *m);

/* CONFIG_NR_CPUS. */
unsigned nr_cpus_configured(const struct machine *m);
/* kmap_local_page()'s slots: how many each CPU has, 0 where the kernel has none; the next mapping takes the slot that
 * many places further (2 with a guard page between). */
unsigned kmap_slots_per_cpu(const struct machine *m);
unsigned kmap_slot_step(const struct machine *m);
/* The address of slot @slot of CPU @cpu. */
uint64_t kmap_slot_address(const struct machine *m, unsigned cpu, unsigned slot);
/* The slot whose page has @address; false: it is none of theirs. */
bool kmap_slot_at(const struct machine *m, uint64_t address, unsigned *cpu, unsigned *slot);

#endif

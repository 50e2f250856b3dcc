/* SPDX-License-Identifier: MIT
 *
 * High memory: RAM beyond the direct map, which the kernel sees through windows.
 *
 *	kernel addresses:   | direct map of low memory | ... | pkmap | ... | fixmap: slots of CPU 0, 1, ... |
 *	                      |  |  |  |                        \              /
 *	RAM:                  low memory (Normal, DMA)           high memory (HighMem)
 *
 * kmap() gives a page one of the pkmap windows, which everybody may use until kunmap(); there are few, and who finds none
 * waits (pkmap.c). kmap_local_page() and kmap_atomic() give it a slot of the CPU, last in, first out, and never wait
 * (kmap_local.c). A page of low memory has an address already, and all of them answer with that.
 */
#ifndef SIMM_MM_HIGHMEM_H
#define SIMM_MM_HIGHMEM_H

#include <stdbool.h>
#include <stdint.h>

struct machine;
struct text;

struct highmem {
	uint64_t pkmap_at;	/* heap block: struct pkmap, 0: no window was ever asked for */
	uint64_t local_at;	/* heap block: struct kmap_ctrl [nr_cpus], 0: no slot was */
	uint64_t flushes;	/* of the windows, by flush_all_zero_pkmaps() */
	uint32_t last_pkmap_nr; /* the window that was taken last */
	bool stale;		/* kunmap_local() leaves the entry in the table, as kernels of old did */
};

/* A window onto one page. */
enum highmem_kind { HIGHMEM_NONE, HIGHMEM_PKMAP, HIGHMEM_LOCAL };
struct highmem_window {
	enum highmem_kind kind;
	uint64_t address;	/* of the window's first byte */
	uint64_t pfn;		/* what its entry maps; NO_PFN: nothing */
	unsigned slot;		/* number of the window or of the CPU's slot */
	unsigned cpu;		/* of a slot */
	unsigned count;		/* pkmap_count[]: 0 free, 1 used since the last flush, n + 1 for n users; of a slot 1 or 0 */
	bool stale;		/* a slot that was given back, and still maps */
};

/* PageHighMem(): the page has no address of its own. */
bool page_is_high(const struct machine *m, uint64_t pfn);
/* page_address() of 6.1: the direct map's address, or the pkmap window that the page has; 0: neither. */
uint64_t highmem_page_address(const struct machine *m, uint64_t pfn);
/* Which window or slot @address lies in; false: in none. */
bool highmem_find(struct machine *m, uint64_t address, struct highmem_window *w);
/* The windows and slots that map @pfn, one after the other: *@cookie is 0 at first; false at the end. */
bool highmem_next_of_page(struct machine *m, uint64_t pfn, unsigned *cookie, struct highmem_window *w);

/* ---- pkmap ---- */

/* LAST_PKMAP, 0: the kernel has no pkmap. */
unsigned pkmap_windows(const struct machine *m);
/* Window @nr. */
void pkmap_window(struct machine *m, unsigned nr, struct highmem_window *w);
/* kmap(): *@address gets the page's address. Errors: EAGAIN: all windows have users, ask again after a kunmap(); EDEADLK:
 * the same, while kmap_atomic() forbids to wait; EINVAL: the kernel has no page tables; EDQUOT. */
int kmap(struct machine *m, unsigned cpu, uint64_t pfn, uint64_t *address);
/* kunmap(). Errors: EINVAL: the page is in no window, or has no user (the kernel would die: BUG). */
int kunmap(struct machine *m, uint64_t pfn);
/* kmap_high_get(): one more user of the window that the page has; 0: it has none. */
uint64_t kmap_high_get(struct machine *m, uint64_t pfn);
/* kmap_flush_unused(): give the windows without users back. How many there were. */
unsigned kmap_flush_unused(struct machine *m, unsigned cpu);

/* ---- slots of a CPU ---- */

/* kmap_local_page(); with @atomic kmap_atomic(), which also switches preemption and page faults off. Errors: ENOSPC: too
 * deep (BUG); EINVAL: the kernel has no page tables; EDQUOT. */
int kmap_local_page(struct machine *m, unsigned cpu, uint64_t pfn, bool atomic, uint64_t *address);
/* kunmap_local(), kunmap_atomic(): of the latest mapping. Errors: EINVAL: it is not that (WARN), or no such mapping. */
int kunmap_local(struct machine *m, unsigned cpu, uint64_t address, bool atomic);
/* How many mappings the CPU has, and how many kmap_atomic() it is in. */
unsigned kmap_local_depth(const struct machine *m, unsigned cpu);
unsigned kmap_atomic_depth(const struct machine *m, unsigned cpu);
/* Slot @slot of CPU @cpu. */
void kmap_slot(struct machine *m, unsigned cpu, unsigned slot, struct highmem_window *w);
/* Whether kunmap_local() leaves entries; what is left is cleared when it is switched off. */
void kmap_set_stale(struct machine *m, bool stale);

/* ---- for pkmap.c and kmap_local.c ---- */

/* Refuses when the tables of the windows are not there. */
int highmem_need_tables(struct machine *m);
/* What the entry of a window maps; NO_PFN: nothing. */
uint64_t highmem_mapped_pfn(struct machine *m, uint64_t address);
/* Errors: EDQUOT, at the first entry of a table. */
int highmem_map(struct machine *m, uint64_t address, uint64_t pfn);
void highmem_unmap(struct machine *m, uint64_t address);
unsigned pkmap_check(struct machine *m, struct text *out);
unsigned kmap_local_check(struct machine *m, struct text *out);
/* Windows and slots map what they say, and nothing else: violations, one line each in @out. */
unsigned highmem_check(struct machine *m, struct text *out);

#endif

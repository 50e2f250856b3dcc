/* SPDX-License-Identifier: MIT
 *
 * Which kind an address is, and what the kernel's conversions compute for it, rightly or not (see address_kind.c).
 */
#ifndef SIMM_MM_ADDRESS_KIND_H
#define SIMM_MM_ADDRESS_KIND_H

#include <stdbool.h>
#include <stdint.h>

struct machine;

enum address_kind {
	ADDRESS_USER,	   /* below the end of user mode's addresses: what it means depends on the process */
	ADDRESS_LOGICAL,   /* in the direct map: a physical address plus a constant */
	ADDRESS_IMAGE,	   /* of the kernel's image, where it is mapped apart from the direct map */
	ADDRESS_VMALLOC,
	ADDRESS_VMEMMAP,
	ADDRESS_MODULES,
	ADDRESS_FIXMAP,
	ADDRESS_PKMAP,
	ADDRESS_CPU_ENTRY,
	ADDRESS_VECTORS,
	ADDRESS_NOTHING,   /* in none of the kernel's areas */
	ADDRESS_IMPOSSIBLE, /* no address of this paging mode */
	NR_ADDRESS_KINDS
};

enum address_kind address_kind(const struct machine *m, uint64_t va);
/* "logical": a word for results. "kernel logical: in the direct map of low memory": for people. */
const char *address_kind_name(enum address_kind kind);
const char *address_kind_words(enum address_kind kind);

/* What __pa() and virt_to_phys() compute for any @va, right or wrong: arithmetic without a look at the tables. */
uint64_t linux_pa(const struct machine *m, uint64_t va);
/* Is that right, by what the kernel has mapped there for good? */
bool linux_pa_valid(const struct machine *m, uint64_t va);
/* What __va() and phys_to_virt() compute for any @pa. */
uint64_t linux_va(const struct machine *m, uint64_t pa);
/* Does the direct map have @pa? */
bool linux_va_valid(const struct machine *m, uint64_t pa);
/* The pfn whose struct page virt_to_page() computes. The same as that of __pa(), but on arm64. */
uint64_t linux_virt_to_pfn(const struct machine *m, uint64_t va);

#endif

/* SPDX-License-Identifier: MIT
 *
 * Logical addresses: the kernel's permanent mapping of its RAM (page_address(), virt_to_page(); see address.c).
 */
#ifndef SIMM_MM_ADDRESS_H
#define SIMM_MM_ADDRESS_H

#include "mm/machine.h"

/* The kernel address at which the direct map begins, and the physical address that is mapped there. */
uint64_t page_offset(const struct machine *m);
uint64_t phys_offset(const struct machine *m);
/* The kernel's permanent address of @pfn; 0 for HighMem, which has none. */
uint64_t page_address(const struct machine *m, uint64_t pfn);
/* The page at a logical address; NO_PFN when the direct map does not have it. */
uint64_t virt_to_pfn(const struct machine *m, uint64_t address);

#endif

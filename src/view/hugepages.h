/* SPDX-License-Identifier: MIT
 *
 * The sizes of huge pages that the machine's kernel has pools for.
 */
#ifndef SIMM_VIEW_HUGEPAGES_H
#define SIMM_VIEW_HUGEPAGES_H

#include "mm/machine.h"

#define HUGEPAGE_SIZES 4

/* KiB of size number @i, 0 past the end; number 0 is the default size. */
uint64_t hugepages_kb(const struct machine *m, unsigned i);

#endif

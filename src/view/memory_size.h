/* SPDX-License-Identifier: MIT
 *
 * Amounts that several files derive from the counters (meminfo.c).
 */
#ifndef SIMM_VIEW_MEMORY_SIZE_H
#define SIMM_VIEW_MEMORY_SIZE_H

#include "mm/machine.h"

uint64_t memory_available_pages(const struct machine *m);
/* Dirty pages at which writeback starts, and at which writers wait. */
void memory_dirty_limits(const struct machine *m, uint64_t *background, uint64_t *limit);

/* Machines whose kernel can handle broken pages (ARCH_SUPPORTS_MEMORY_FAILURE). */
static inline bool memory_failure_known(const struct machine *m)
{
	return machine_has(m, CONFIG_X86) || machine_has(m, CONFIG_ARM64);
}

#endif

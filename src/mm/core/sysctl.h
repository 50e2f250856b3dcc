/* SPDX-License-Identifier: MIT
 *
 * The values of /proc/sys/vm. Which exist, their ranges, defaults and what a write does after storing is one row
 * each in fs-layout/sysctl.def; parsing and printing is the view's.
 */
#ifndef SIMM_MM_SYSCTL_H
#define SIMM_MM_SYSCTL_H

#include <stdint.h>

enum sysctl_id {
#define SYSCTL(name, ...) SYSCTL_##name,
#include "sysctl.def"
	NR_SYSCTLS
};

#define SYSCTL_RESERVE_ZONES 6

struct sysctls {
	int64_t value[NR_SYSCTLS];
	int64_t lowmem_reserve_ratio[SYSCTL_RESERVE_ZONES]; /* by enum zone_type */
	int64_t user_min_free_kbytes;	/* what was written, -1: never */
};

#endif

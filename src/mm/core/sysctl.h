/* SPDX-License-Identifier: MIT
 *
 * The values that can be set: /proc/sys and the switches under /sys. Which exist, their ranges,
 * defaults and what a write does after storing is one row each in fs-layout/sysctl.def; parsing and
 * printing is the view's.
 */
#ifndef SIMM_MM_SYSCTL_H
#define SIMM_MM_SYSCTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct machine;

enum sysctl_id {
#define SYSCTL(name, ...) SYSCTL_##name,
#include "sysctl.def"
	NR_SYSCTLS
};

#define SYSCTL_RESERVE_ZONES 6
#define SYSCTL_HOST_MAX	     65

struct sysctls {
	int64_t value[NR_SYSCTLS]; /* an unsigned long is kept as its bits */
	int64_t lowmem_reserve_ratio[SYSCTL_RESERVE_ZONES]; /* by enum zone_type */
	int64_t user_min_free_kbytes;			    /* what was written, -1: never */
	char hostname[SYSCTL_HOST_MAX], domainname[SYSCTL_HOST_MAX];
};

/* Words of transparent_hugepage/enabled, in printing order. */
enum { THP_ALWAYS, THP_MADVISE, THP_NEVER };

/* Where its file lies, relative to the mount. */
const char *sysctl_path(enum sysctl_id id);
/* Does anyone get huge pages without asking, or by madvise? */
bool sysctl_thp_wanted(const struct machine *m);
/* Every value as the kernel has it at boot, for the machine's architecture and command line. */
void sysctls_init(struct machine *m);
/* What depends on the amount of memory: threads-max, the reserves for users, THP of small machines. */
void sysctls_size(struct machine *m, uint64_t free_kbytes, uint64_t managed_pages);
/* The limits of @id on this machine, both inclusive; as bits of an unsigned long where the type is
 * one. */
void sysctl_range(const struct machine *m, enum sysctl_id id, int64_t *min, int64_t *max);
/* Store @value, which lies in the range, and do what the kernel does then.
 * Errors: EINVAL (the old value stays). */
int sysctl_set(struct machine *m, enum sysctl_id id, int64_t value);

#endif

/* SPDX-License-Identifier: MIT
 *
 * What follows from setting a value, and taking over the values of another machine.
 */
#ifndef SIMM_MM_SYSCTL_EFFECT_H
#define SIMM_MM_SYSCTL_EFFECT_H

#include "mm/core/sysctl.h"

/* @id was set, and was @old before: do what the kernel does then. 0, or -EINVAL with m->why and the old value put back. */
int sysctl_written(struct machine *m, enum sysctl_id id, int64_t old);

/* Set by the name of the file, e.g. ("min_free_kbytes", "4096"), as another machine printed it (like=). Several numbers are
 * lowmem_reserve_ratio's. Unknown names and bad values are ignored: false. */
bool sysctl_adopt(struct machine *m, const char *name, const char *text, size_t len);

#endif

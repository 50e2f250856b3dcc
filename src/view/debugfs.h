/* SPDX-License-Identifier: MIT
 *
 * What files of debugfs have in common: numbers that are written to them.
 */
#ifndef SIMM_VIEW_DEBUGFS_H
#define SIMM_VIEW_DEBUGFS_H

#include <stddef.h>
#include <stdint.h>

/* kstrtoull() or, after a minus, kstrtoll(), of any base. Errors: -EINVAL, -ERANGE. */
int debugfs_number(const char *s, size_t len, int64_t *value);
/* Without the minus, and of what is too large the low 32 bits. */
int debugfs_u32(const char *s, size_t len, uint32_t *value);

#endif

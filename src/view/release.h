/* SPDX-License-Identifier: MIT
 *
 * The name of the kernel that is simulated.
 */
#ifndef SIMM_VIEW_RELEASE_H
#define SIMM_VIEW_RELEASE_H

#include "base/text.h"
#include "mm/machine.h"

/* "6.1.0-50-amd64" */
void put_release(const struct machine *m, struct text *out);
/* "#1 SMP PREEMPT_DYNAMIC Debian 6.1.176-1 (2026-07-02)" */
void put_version(const struct machine *m, struct text *out);

#endif

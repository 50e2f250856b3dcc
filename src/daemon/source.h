/* SPDX-License-Identifier: MIT
 *
 * Where a machine's description comes from: a preset, a .dtb file, a dump of /proc and /sys; and
 * its options.
 */
#ifndef SIMM_DAEMON_SOURCE_H
#define SIMM_DAEMON_SOURCE_H

#include "daemon/options.h"

#include <simm/simm.h>

/* A booted machine, or NULL after a sentence on stderr. */
struct simm *source_boot(const struct options *options);

/* The preset that is mounted when none is named. */
const char *default_machine(void);

#endif

/* SPDX-License-Identifier: MIT
 *
 * The mountpoint: what can be wrong with it, said in a sentence that tells what to do.
 */
#ifndef SIMM_DAEMON_MOUNTPOINT_H
#define SIMM_DAEMON_MOUNTPOINT_H

#include <stdbool.h>
#include <stddef.h>

struct options;

/* Look before mounting. 0, or -1 after a sentence on stderr. *absolute: the mountpoint's real path,
 * to be freed. */
int mountpoint_check(const struct options *options, char **absolute);
/* After libfuse's mount failed; @said: what libfuse printed. */
void mountpoint_explain_failure(const char *mountpoint, int err, const char *said);

#endif

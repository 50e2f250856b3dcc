/* SPDX-License-Identifier: MIT
 *
 * The one place that says which version of libfuse's interface is spoken (3.14 is Debian 12's, 3.16
 * the wrap's).
 */
#ifndef SIMM_DAEMON_FUSE_API_H
#define SIMM_DAEMON_FUSE_API_H

#define FUSE_USE_VERSION 35
#include <fuse_lowlevel.h>

#endif

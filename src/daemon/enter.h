/* SPDX-License-Identifier: MIT
 *
 * simmfs --enter: a command in a namespace where /proc and /sys are the machine's.
 */
#ifndef SIMM_DAEMON_ENTER_H
#define SIMM_DAEMON_ENTER_H

/* Does not return when the command could be started; an exit status after a sentence otherwise.
 * @command NULL: the user's shell. */
int enter(const char *mountpoint, char **command);

#endif

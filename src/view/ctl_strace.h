/* SPDX-License-Identifier: MIT
 *
 * strace's output written to PID/ctl: which lines of a ctl file are strace's, and running them on the process, for
 * ctl.c, which runs all other lines.
 */
#ifndef SIMM_VIEW_CTL_STRACE_H
#define SIMM_VIEW_CTL_STRACE_H

#include "view/view.h"

/* Is the line for ctl_strace_line()? */
bool ctl_is_strace(const struct line_run *run);
/* Run it: one step. */
enum step ctl_strace_line(struct line_run *run);
/* The open file ends. */
void ctl_strace_close(struct session *s, struct stream_state *st);

#endif

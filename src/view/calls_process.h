/* SPDX-License-Identifier: MIT
 *
 * What the calls of PID/ctl share. Private to them.
 */
#ifndef SIMM_VIEW_CALLS_PROCESS_H
#define SIMM_VIEW_CALLS_PROCESS_H

#include "hw/fault.h"
#include "view/call.h"

struct task;

/* The result of a system call that answers a number, or an address; it can be named. */
int answer_number(struct call *c, uint64_t value);
int answer_address(struct call *c, uint64_t address, uint64_t bytes);
/* The result of one that answers 0: @err as it is, or 0 is printed. */
int answer_zero(struct call *c, int err);
/* Mark the word of argument @i in the sentence of a refusal that marks none. */
int refused_arg(struct call *c, int err, unsigned i);
/* What the real system returned, when it is an address; NULL: nothing, or an errno. */
const uint64_t *recorded_address(const struct call *c);
/* One access of the process, for load, store and fetch. */
int call_task_access(struct call *c, enum hw_kind kind, uint64_t value, unsigned bytes);
/* Copy between @data and the memory of @t as a system call does (copy_from_user(), copy_to_user()): faulting, without a
 * signal. Bytes, or -EFAULT when not even the first could be. */
int64_t copy_user(struct call *c, struct task *t, uint64_t addr, void *data, uint64_t bytes, bool write);

#endif

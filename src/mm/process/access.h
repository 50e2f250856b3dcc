/* SPDX-License-Identifier: MIT
 *
 * Accesses of a process: the CPU tries, the kernel handles the fault, the CPU tries again.
 */
#ifndef SIMM_MM_ACCESS_H
#define SIMM_MM_ACCESS_H

#include "hw/cpu.h"
#include "mm/process/types.h"

struct task_access {
	struct hw_access a;	/* asked and answered; a.user is set here */
	uint32_t minor, major;	/* faults that it took */
	uint32_t cycles;	/* of all tries */
	uint8_t tlb;		/* of the first try */
};

/* One access in user mode. 0; -EFAULT: refused, t->signal says why (m->why, too); -EDQUOT; -ESRCH: it has no memory. */
int task_access(struct machine *m, struct task *t, struct task_access *x);

/* touch: an access to each page of [addr, addr + bytes) without moving any bytes; stops at the first refusal.
 * *@done gets the bytes up to there. At most @max_pages; call again with what is left. */
int task_touch(struct machine *m, struct task *t, uint64_t addr, uint64_t bytes, enum hw_kind kind, uint64_t max_pages,
	struct task_access *sum, uint64_t *done);

/* access_process_vm() of PID/mem: through the tables, faulting as FOLL_FORCE does, not through the task's CPU. Bytes done,
 * or -EIO when not even the first could be. */
int64_t access_process_vm(struct machine *m, unsigned cpu, struct mm *mm, uint64_t addr, void *data, uint64_t bytes,
	bool write);

#endif

/* SPDX-License-Identifier: MIT
 *
 * Forgetting that pages were used or written: /proc/PID/clear_refs (fs/proc/task_mmu.c of 6.1).
 */
#ifndef SIMM_MM_CLEAR_REFS_H
#define SIMM_MM_CLEAR_REFS_H

#include "mm/process/types.h"

/* What is written to the file. */
enum clear_refs {
	CLEAR_REFS_ALL = 1,
	CLEAR_REFS_ANON,	/* mappings without a file */
	CLEAR_REFS_MAPPED,	/* mappings of files */
	CLEAR_REFS_SOFT_DIRTY,
	CLEAR_REFS_MM_HIWATER_RSS,
	NR_CLEAR_REFS
};

void mm_clear_refs(struct machine *m, unsigned cpu, struct mm *mm, enum clear_refs kind);

#endif

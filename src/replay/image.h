/* SPDX-License-Identifier: MIT
 *
 * Where the parts of a program lie that execve mapped, guessed from the faults in them.
 */
#ifndef SIMM_REPLAY_IMAGE_H
#define SIMM_REPLAY_IMAGE_H

#include "replay/layout.h"

/* A loaded ELF file, as addresses: segments follow each other, an empty one has two equal bounds.
 *
 *	base     text      rodata    data        bss      end
 *	 |  r--   |   r-x    |  r--    |   rw-     |  rw-   |
 *	 |        file, offset 0 on    |           | anonymous
 */
struct image {
	uint64_t base, text, rodata, data, bss, end;
};

static inline bool image_is_there(const struct image *i)
{
	return i->end > i->base;
}

/* Everything of one program that no call tells of. */
struct program_layout {
	struct image exe, interp; /* interp: the dynamic loader, not there for static programs */
	uint64_t vvar, vdso;	  /* first addresses; vvar ends at vdso. 0: not seen */
	uint64_t stack_top;	  /* 0: not seen */
	uint64_t brk;		  /* where the heap begins, 0: not known */
};

/* What is known of one run of faults in one address space (a process from execve on, or its child from fork on). */
struct image_run {
	const struct rec_process *process;
	const struct layout *layout;
	uint32_t epoch; /* of the process: the faults of this program in it */
};

/* Guess the layout of the program that @runs have in common; the first is that of the process that called execve. False:
 * host memory ended. */
bool program_guess(const struct image_run *runs, size_t nr, struct program_layout *out);

#endif

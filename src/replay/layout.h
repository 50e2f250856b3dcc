/* SPDX-License-Identifier: MIT
 *
 * An address space over time, as its recorded calls tell it: what was mapped where, from which call to which.
 */
#ifndef SIMM_REPLAY_LAYOUT_H
#define SIMM_REPLAY_LAYOUT_H

#include "replay/family.h"

#define STILL UINT32_MAX

enum { LAYOUT_DROPS = 1, LAYOUT_FORKS = 2 };

enum layout_end {
	LAYOUT_LIVES,
	LAYOUT_UNMAPPED,
	LAYOUT_REPLACED, /* by a mapping with MAP_FIXED: as loaders lay segments over the first one */
	LAYOUT_CHANGED, /* the protection is another from then on */
	LAYOUT_EXEC,
};

enum layout_kind {
	LAYOUT_ANON,
	LAYOUT_FILE,
	LAYOUT_IMAGE, /* no call made it: a part of the program that execve mapped, seen by an mprotect */
};

/* [start, end) was mapped from after call @from (counted from 1; 0: from the beginning) to call @to. */
struct layout_area {
	uint64_t start, end;
	uint32_t from, to; /* STILL: it is there at the end */
	uint8_t prot;	   /* PROT_* */
	uint8_t kind;	   /* enum layout_kind */
	uint8_t ended;	   /* enum layout_end */
};

struct layout {
	struct vec areas; /* struct layout_area */
	struct vec live;  /* uint32_t: areas that are there now */
	uint32_t nr_calls;
	uint32_t ended_at; /* that many calls, and the process had ended: STILL: it did not */
	uint8_t *
		causes; /* [nr_calls + 1]: what that call may have caused: LAYOUT_DROPS, LAYOUT_FORKS */
	uint32_t *epochs;      /* [nr_calls + 1]: execve calls among the first i */
	uint64_t *brks;	       /* [nr_calls + 1]: the end of the heap, 0: not known yet */
	struct vec brk_starts; /* struct layout_brk: where heaps began */
};

/* The heap of a program: begun in @epoch at @start. */
struct layout_brk {
	uint32_t epoch;
	uint64_t start;
};

/* From the calls of @p. @parent: the layout of its parent process, NULL for none. False: host memory ended (finish it
 * all the same). */
bool layout_build(struct layout *l, const struct record *r, const struct rec_process *p,
	const struct layout *parent);
void layout_finish(struct layout *l);

/* The area that holds @addr after @at calls; NULL: none that the calls tell of. */
const struct layout_area *layout_find(const struct layout *l, uint64_t addr, uint32_t at);

#endif

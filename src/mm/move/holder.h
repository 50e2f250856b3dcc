/* SPDX-License-Identifier: MIT
 *
 * Movable pages of the kernel: who holds one, so that its name can follow it when it moves.
 *
 * A page that sim/ctl allocated with __GFP_MOVABLE is held by a name (m->vars), one that a replay allocated by a pfn of
 * the recording (m->replayed). On Linux such pages belong to processes and files, or to drivers with movable_operations;
 * here they stand for them, so that memory filled by hand or by a recording fragments and compacts as theirs would.
 */
#ifndef SIMM_MM_HOLDER_H
#define SIMM_MM_HOLDER_H

#include "mm/machine.h"

struct text;

/* The single page at @pfn has just got this name, or was allocated for that pfn of the recording. Does nothing when it was
 * not allocated as movable. */
void holder_set_name(struct machine *m, uint64_t pfn, const char *base, size_t len, uint32_t index);
void holder_set_recorded(struct machine *m, uint64_t pfn, uint64_t recorded_pfn);

/* Is the page one that a name or a recording holds, alone? */
bool holder_known(const struct machine *m, uint64_t pfn);
/* "p.17", or "recorded pfn 0x3f210"; false when nobody is known to hold it alone. */
bool holder_print(const struct machine *m, uint64_t pfn, struct text *out);
/* The contents of @old_pfn are in @new_pfn now: let the holder know. */
void holder_follow(struct machine *m, uint64_t old_pfn, uint64_t new_pfn);

#endif

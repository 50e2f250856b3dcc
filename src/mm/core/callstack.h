/* SPDX-License-Identifier: MIT
 *
 * The kernel's call stack, as far as those want to know it who note down who took memory (page_owner, kmemleak, slab's
 * user tracking), and the depot that keeps each different stack once (lib/stackdepot.c).
 */
#ifndef SIMM_MM_CALLSTACK_H
#define SIMM_MM_CALLSTACK_H

#include <stdbool.h>
#include <stdint.h>

struct machine;
struct text;

enum caller_id {
#define CALLER(id, entry, functions) CALLER_##id,
#include "mm/core/callstack.def"
	NR_CALLERS
};

#define CALLSTACK_MOST 8

/* Callers from the outermost on. Empty between acts, all zero then. */
struct callstack {
	uint32_t depth;		     /* those beyond CALLSTACK_MOST are counted, not kept */
	uint16_t at[CALLSTACK_MOST]; /* enum caller_id + 1, or a call's number behind them */
};

/* A stack that was saved; 0: none. */
typedef uint32_t depot_stack_handle_t;

struct stack_depot {
	uint64_t at;	   /* heap block: struct callstack [cap], [0] unused */
	uint64_t index_at; /* heap block: handle by hash, uint32_t [2 * cap] */
	uint32_t nr, cap;
};

/* The number under which call @index of calls.def is a caller; @syscall: it was made by a process. */
static inline unsigned callstack_call(unsigned index, bool syscall)
{
	return NR_CALLERS + 2 * index + syscall;
}

static inline void callstack_push(struct callstack *s, unsigned caller)
{
	if (s->depth < CALLSTACK_MOST)
		s->at[s->depth] = (uint16_t)(caller + 1);
	s->depth++;
}

static inline void callstack_pop(struct callstack *s)
{
	s->depth--;
	if (s->depth < CALLSTACK_MOST)
		s->at[s->depth] = 0;
}

/* stack_depot_save(): the handle of where the kernel is now, 0 when there is no room to note it (as in Linux, who wants
 * to know goes without then). */
depot_stack_handle_t stack_depot_save(struct machine *m);
/* stack_depot_snprint(): a line for each function, innermost first, @indent blanks before it. Offsets are 0, since the
 * simulated kernel has no code. */
void stack_depot_print(
	const struct machine *m, depot_stack_handle_t handle, unsigned indent, struct text *out);
/* The innermost function of a stack, without its line; "" for none. @name holds 64 bytes. */
void stack_depot_innermost(const struct machine *m, depot_stack_handle_t handle, char *name);

#endif

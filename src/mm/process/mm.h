/* SPDX-License-Identifier: MIT
 *
 * An address space: made, shared, copied, ended; and the memory that it may commit.
 */
#ifndef SIMM_MM_MM_H
#define SIMM_MM_MM_H

#include "mm/process/types.h"

struct text;

/* An empty address space with its top table, one user. NULL: m->why (ENOMEM, EDQUOT). */
struct mm *mm_alloc(struct machine *m, unsigned cpu);
/* Drop a user; the last one unmaps everything (exit_mmap()) and frees it. */
void mm_put(struct machine *m, unsigned cpu, struct mm *mm);
/* dup_mmap() of a fork: a copy in which anonymous pages are shared, to be copied on write. NULL: m->why (ENOMEM, EDQUOT),
 * and @old is as it was (but for pages that are write-protected now). */
struct mm *mm_dup(struct machine *m, unsigned cpu, struct mm *old);

/* Task size, mmap_base (top-down below the stack's limit @stack_rlim_bytes, with the seed's randomization unless
 * randomize_va_space is 0) and layout, as arch_pick_mmap_layout() chooses. */
void mm_pick_layout(struct machine *m, struct mm *mm, uint64_t stack_rlim_bytes);
uint64_t mm_task_size(const struct machine *m);
/* @bits random bits of pages as bytes: 0 when randomize_va_space is below @level. */
uint64_t mm_random(struct machine *m, unsigned level, unsigned bits);
uint64_t mm_stack_top(const struct machine *m);
/* Random bits (of pages) by which the kernel moves the stack down from there: stack_rnd_mask. */
unsigned mm_stack_rnd_bits(const struct machine *m);
/* Where mappings end that did not ask for more by their hint: DEFAULT_MAP_WINDOW. */
uint64_t mm_map_window(const struct machine *m);

static inline uint64_t mm_rss(const struct mm *mm)
{
	return mm->rss[MM_FILEPAGES] + mm->rss[MM_ANONPAGES] + mm->rss[MM_SHMEMPAGES];
}
static inline void mm_count(struct mm *mm, enum mm_counter counter, int64_t pages)
{
	mm->rss[counter] += (uint64_t)pages;
}
/* The highest RSS so far, the present one included (get_mm_hiwater_rss()). */
uint64_t mm_hiwater_rss(const struct mm *mm);
/* Before RSS or total_vm shrinks (update_hiwater_rss()). */
void mm_update_hiwater(struct mm *mm);

/* sysctl overcommit_memory */
enum { OVERCOMMIT_GUESS, OVERCOMMIT_ALWAYS, OVERCOMMIT_NEVER };

/* __vm_enough_memory(): commit @pages more, as sysctl overcommit_memory says. Errors: ENOMEM with a sentence. */
int vm_commit(struct machine *m, const struct mm *mm, uint64_t pages);
void vm_uncommit(struct machine *m, uint64_t pages);
/* vm_commit_limit() in pages. */
uint64_t vm_commit_limit(const struct machine *m);

/* Tables, mappings, rmap, counters and RSS agree: violations, one line each in @out. */
unsigned mm_check(struct machine *m, struct mm *mm, struct text *out);
unsigned processes_check(struct machine *m, struct text *out);

#endif

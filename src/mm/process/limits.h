/* SPDX-License-Identifier: MIT
 *
 * What limits the memory of a process besides memory itself: RLIMIT_AS, RLIMIT_DATA, RLIMIT_MEMLOCK, max_map_count; and
 * populating a range, which follows wherever a locked mapping grows.
 */
#ifndef SIMM_MM_LIMITS_H
#define SIMM_MM_LIMITS_H

#include "mm/machine.h"

/* A soft limit in pages, UINT64_MAX: none. */
static inline uint64_t rlimit_pages(const struct task *t, enum rlimit_id id)
{
	return t->rlim[id].soft == RLIM_INFINITY ? UINT64_MAX : t->rlim[id].soft >> 12;
}
/* capable(): root has every capability here, others have none. */
static inline bool task_capable(const struct task *t)
{
	return t->uid == 0;
}
/* is_data_mapping(), is_exec_mapping(), is_stack_mapping(): what a mapping with @flags counts as. */
static inline bool is_data_mapping(uint64_t flags)
{
	return (flags & (VM_WRITE | VM_SHARED | VM_STACK_FLAGS)) == VM_WRITE;
}

/* The address space of a system call's task. NULL: it has none (a kernel thread, a zombie), m->why is ESRCH. */
struct mm *caller_mm(struct machine *m, const struct task *t);
/* Does [addr, addr + bytes), in whole pages, pass the end of an unsigned long of the machine's? */
static inline bool range_wraps(const struct machine *m, uint64_t addr, uint64_t bytes)
{
	uint64_t most = machine_word_max(m);

	return bytes && (addr > most || bytes > most - addr || page_align(bytes) < bytes ||
				addr + page_align(bytes) - 1 >= most);
}

/* may_expand_vm(): may @mm, which @t runs in, have @pages more with @flags? False: m->why says ENOMEM and which limit. */
bool may_expand_vm(struct machine *m, const struct task *t, const struct mm *mm, uint64_t flags, uint64_t pages);
/* mlock_future_check(): may @bytes more with @flags be, when they are VM_LOCKED? Errors: EAGAIN. */
int mlock_future_check(struct machine *m, const struct task *t, const struct mm *mm, uint64_t flags, uint64_t bytes);
/* Pages of [start, end) of the mapping that are there become locked, or are no more, as its flags say now. */
void mlock_vma_pages_range(struct machine *m, const struct vma *v, uint64_t start, uint64_t end);
/* map_count against sysctl max_map_count: are @n mappings more too many? Errors: ENOMEM. */
int map_count_check(struct machine *m, const struct mm *mm, unsigned n);
/* mm_populate(): fault in what is mapped of [start, start + bytes) as each mapping says; holes are passed over. With
 * @ignore_errors it goes on behind what cannot be. Errors: ENOMEM, EFAULT, EDQUOT. */
int mm_populate(struct machine *m, unsigned cpu, struct mm *mm, uint64_t start, uint64_t bytes, bool ignore_errors);

#endif

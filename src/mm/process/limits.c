/* SPDX-License-Identifier: MIT
 *
 * Limits of an address space, and faulting in a range (see limits.h).
 *
 *	RLIMIT_AS	all mappings together			ENOMEM
 *	RLIMIT_DATA	private writable ones			ENOMEM, and once a line in the log
 *	RLIMIT_MEMLOCK	locked ones; root has no such limit	EAGAIN for new ones, ENOMEM from mlock itself
 *	max_map_count	their number				ENOMEM
 *
 * A soft limit of 0 for RLIMIT_DATA means the hard one, as valgrind needs it.
 * Left out: capabilities other than "is root". Follows mm/mmap.c and mm/gup.c (__mm_populate()) of 6.1.
 */
#include "mm/process/limits.h"

#include "mm/process/fault.h"
#include "mm/process/task.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"

#include <errno.h>

typedef unsigned long long ull;

struct mm *caller_mm(struct machine *m, const struct task *t)
{
	struct mm *mm = task_mm(m, t);

	if (!mm)
		refuse(&m->why, ESRCH, "process %u has no memory", t->pid);
	return mm;
}

static bool data_fits(struct machine *m, const struct task *t, const struct mm *mm, uint64_t pages)
{
	const struct rlimit *r = &t->rlim[RLIM_DATA];
	uint64_t wanted = mm->data_vm + pages;

	if (wanted <= rlimit_pages(t, RLIM_DATA))
		return true;
	if (!r->soft && (r->hard == RLIM_INFINITY || wanted <= r->hard >> PAGE_SHIFT))
		return true;
	if (!m->processes.warned_rlimit_data)
		log_printf(m,
			"%s (%u): VmData %llu exceed data ulimit %llu. Update limits or use boot "
			"option ignore_rlimit_data.",
			t->comm, t->pid, (ull)wanted << PAGE_SHIFT, (ull)r->soft);
	m->processes.warned_rlimit_data = true;
	refuse(&m->why, ENOMEM,
		"RLIMIT_DATA of process %u is %llu bytes; with this, its private writable mappings "
		"were %llu KiB",
		t->pid, (ull)r->soft, (ull)wanted * 4);
	return false;
}

bool may_expand_vm(struct machine *m, const struct task *t, const struct mm *mm, uint64_t flags,
	uint64_t pages)
{
	if (mm->total_vm + pages > rlimit_pages(t, RLIM_AS)) {
		refuse(&m->why, ENOMEM,
			"RLIMIT_AS of process %u is %llu bytes; with this, its mappings were %llu "
			"KiB",
			t->pid, (ull)t->rlim[RLIM_AS].soft, (ull)(mm->total_vm + pages) * 4);
		return false;
	}
	return !is_data_mapping(flags) || data_fits(m, t, mm, pages);
}

int mlock_future_check(struct machine *m, const struct task *t, const struct mm *mm, uint64_t flags,
	uint64_t bytes)
{
	uint64_t locked = mm->locked_vm + (bytes >> PAGE_SHIFT);

	if (!(flags & VM_LOCKED) || locked <= rlimit_pages(t, RLIM_MEMLOCK) || task_capable(t))
		return 0;
	return refuse(&m->why, EAGAIN,
		"RLIMIT_MEMLOCK of process %u is %llu bytes; with this, %llu KiB were locked",
		t->pid, (ull)t->rlim[RLIM_MEMLOCK].soft, (ull)locked * 4);
}

int map_count_check(struct machine *m, const struct mm *mm, unsigned n)
{
	int64_t limit = m->sysctls.value[SYSCTL_max_map_count];

	if (mm->vmas.nr + (int64_t)n <= limit)
		return 0;
	return refuse(&m->why, ENOMEM,
		"the process has %u mappings, and vm.max_map_count allows it %lld", mm->vmas.nr,
		(long long)limit);
}

int mm_populate(struct machine *m, unsigned cpu, struct mm *mm, uint64_t start, uint64_t bytes,
	bool ignore_errors)
{
	uint64_t end = start + bytes;
	struct vma *v;

	for (uint64_t at = start; at < end; at = v->end) {
		v = vma_find_in(m, &mm->vmas, at, end);
		if (!v)
			break;
		if (v->flags & (VM_IO | VM_PFNMAP | VM_LOCKONFAULT))
			continue;
		if (!(v->flags & VM_ACCESS_FLAGS)) {
			int err = refuse(&m->why, EFAULT,
				"the mapping at 0x%llx has PROT_NONE: its pages cannot be touched",
				(ull)v->start);

			if (ignore_errors)
				continue;
			return err;
		}
		/* Private pages are copied at once, so that no write faults later. */
		bool write = (v->flags & (VM_WRITE | VM_SHARED)) == VM_WRITE;
		int err = populate_range(m, cpu, v, v->start > at ? v->start : at,
			v->end < end ? v->end : end, write);

		if (err && (!ignore_errors || err == -EDQUOT))
			return err;
	}
	return 0;
}

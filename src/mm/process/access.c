/* SPDX-License-Identifier: MIT
 *
 * Accesses of a process (see access.h).
 *
 *	hw_access() ──ok──> done
 *	    │ fault              ^
 *	    v                    │
 *	do_user_fault() ──ok─────┘      at most a few times: each try that fails has changed something, or it is the last
 *	    │ refused
 *	    v
 *	the signal, in t->signal
 *
 * A process runs on its task's CPU, which switches to its tables when another's are loaded. PID/mem does not go through a
 * CPU: it asks the mapping for each page as ptrace does, forced where only the page's own right is missing.
 *
 * Follows mm/gup.c and __access_remote_vm() of mm/memory.c of 6.1.
 */
#include "mm/process/access.h"

#include "mm/page/contents.h"
#include "mm/process/fault.h"
#include "mm/process/file.h"
#include "mm/process/pgtables.h"
#include "mm/process/task.h"
#include "mm/process/tlb_flush.h"
#include "mm/process/user_page.h"
#include "mm/process/vma.h"

#include <assert.h>
#include <errno.h>

/* First the mapping, then the entry, then accessed, then dirty, twice for an access that crosses a page, once more for a
 * stale entry of the TLB. */
#define MOST_TRIES 16

static int prepare(struct machine *m, struct task *t, struct cpu_view *v)
{
	struct mm *mm = task_mm(m, t);

	if (!mm)
		return refuse(&m->why, ESRCH, "process %u has no memory: it %s", t->pid,
			t->state == TASK_ZOMBIE ? "has ended" : "is the kernel's");
	t->signal.signo = 0;
	m->processes.tasks.current_pid[t->cpu] = t->pid;
	int err = current_mm(m, t->cpu) == mm ? 0 : switch_mm(m, t->cpu, mm);

	return err ? err : cpu_view(m, t->cpu, v);
}

/* The first try has faulted: handle it and try again, until it goes through or is refused. */
static int try_again(struct machine *m, struct task *t, struct cpu_view *v, struct task_access *x)
{
	uint64_t minor = t->min_flt, major = t->maj_flt;
	unsigned tries = 1;
	int err;

	do {
		assert(tries < MOST_TRIES);
		tries++;
		err = do_user_fault(m, t, &x->a);
		if (err)
			break;
		err = cpu_view_access(v, &x->a);
		x->cycles += x->a.cycles;
	} while (err == -EFAULT);
	x->minor = (uint32_t)(t->min_flt - minor);
	x->major = (uint32_t)(t->maj_flt - major);
	return err;
}

/* prepare() was done. */
static int try_access(struct machine *m, struct task *t, struct cpu_view *v, struct task_access *x)
{
	x->a.user = true;
	int err = cpu_view_access(v, &x->a);

	x->minor = x->major = 0;
	x->cycles = x->a.cycles;
	x->tlb = x->a.tlb;
	if (err == -EFAULT)
		err = try_again(m, t, v, x);
	if (!err && x->a.kind == HW_FETCH)
		t->ip = x->a.va;
	return err;
}

int task_access(struct machine *m, struct task *t, struct task_access *x)
{
	struct cpu_view v;
	int err = prepare(m, t, &v);

	return err ? err : try_access(m, t, &v, x);
}

int task_touch(struct machine *m, struct task *t, uint64_t addr, uint64_t bytes, enum hw_kind kind,
	uint64_t max_pages, struct task_access *sum, uint64_t *done)
{
	uint64_t end = addr + bytes;
	struct task_access x = {.a = {.bytes = 1, .kind = (uint8_t)kind, .no_data = true}};
	struct cpu_view v;
	int err = prepare(m, t, &v);

	*done = 0;
	for (uint64_t at = addr; !err && at < end && max_pages--;) {
		uint64_t next = (at | (PAGE_BYTES - 1)) + 1;

		x.a.va = at;
		err = try_access(m, t, &v, &x);
		sum->minor += x.minor;
		sum->major += x.major;
		sum->cycles += x.cycles;
		if (err)
			break;
		at = next && next < end ? next : end;
		*done = at - addr;
	}
	sum->a = x.a;
	return err;
}

/* ---- from outside ---- */

/* A file's page has the same bit when it came from the disk. */
static bool is_own(const struct frame *f)
{
	const uint32_t own = FRAME_ANON | FRAME_ANON_EXCLUSIVE;

	return (f->flags & own) == own;
}

/* The page at @addr for reading or writing; 0 with its pfn, or -EFAULT and others. */
static int remote_page(
	struct machine *m, unsigned cpu, struct mm *mm, uint64_t addr, bool write, uint64_t *pfn)
{
	struct vma *v = addr < mm->task_size ? find_extend_vma(m, mm, addr) : NULL;
	unsigned flags =
		FAULT_FLAG_REMOTE | FAULT_FLAG_FORCE | (write ? (unsigned)FAULT_FLAG_WRITE : 0);

	if (!v || v->flags & (VM_IO | VM_PFNMAP))
		return -EFAULT;
	/* FOLL_FORCE: a private mapping that could become writable is copied, a readable-to-be one read. */
	if (write && !(v->flags & VM_WRITE) && !is_cow_mapping(v->flags))
		return -EFAULT;
	if (!write && !(v->flags & (VM_READ | VM_MAYREAD)))
		return -EFAULT;
	for (unsigned tries = 0; tries < 4; tries++) {
		pte_t pte = pte_of(m, mm, addr);
		bool own = pte_present(m, pte) && vm_normal_pfn(m, v, pte) != NO_PFN &&
			   (v->flags & VM_SHARED || is_own(frame_of(m, pte_pfn(m, pte))));

		if (pte_present(m, pte) && (!write || pte_is(m, pte, PTE_WRITE) || own)) {
			*pfn = pte_pfn(m, pte);
			return 0;
		}
		callstack_push(&m->callstack, CALLER_remote_access);
		unsigned ret = handle_mm_fault(m, cpu, v, addr, flags);
		callstack_pop(&m->callstack);

		if (ret & VM_FAULT_HOST)
			return -EDQUOT;
		if (ret & (VM_FAULT_OOM | VM_FAULT_SIGBUS | VM_FAULT_SIGSEGV))
			return -EFAULT;
	}
	return -EFAULT;
}

int64_t access_process_vm(struct machine *m, unsigned cpu, struct mm *mm, uint64_t addr, void *data,
	uint64_t bytes, bool write)
{
	struct dram dram = machine_dram(m);
	uint64_t done = 0;
	int err = 0;

	while (done < bytes && !err) {
		uint64_t at = addr + done, left = PAGE_BYTES - at % PAGE_BYTES, pfn;
		uint64_t n = bytes - done < left ? bytes - done : left;

		err = remote_page(m, cpu, mm, at, write, &pfn);
		if (err)
			break;
		uint64_t pa = (pfn << PAGE_SHIFT) + at % PAGE_BYTES;

		err = write ? dram_write(&dram, pa, (char *)data + done, n, &m->why)
			    : dram_read(&dram, pa, (char *)data + done, n);
		/* No entry of a table says so: a clean page of a file could be dropped. */
		if (!err && write)
			set_page_dirty(m, pfn);
		if (!err)
			done += n;
	}
	if (done)
		return (int64_t)done;
	return err == -EDQUOT ? err : err ? -EIO : 0;
}

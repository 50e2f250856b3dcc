/* SPDX-License-Identifier: MIT
 *
 * The exception handler: a process's access faulted; is it the process's right, and if not, which signal?
 *
 *	1. Not an address of the user's: SIGSEGV, MAPERR (a general protection fault on x86-64 when it is no address at
 *	   all). The handler never learns whether the kernel has something there: x86 always tells "present", AArch64
 *	   always "level 0 translation".
 *	2. No mapping holds it, and none above it is a stack that may grow down to it: SIGSEGV, MAPERR.
 *	3. The mapping does not allow the access: SIGSEGV, ACCERR. What counts as "not allowed" differs in one thing: x86
 *	   lets a fetch from a page that is not there through to step 4 and finds out on the second try.
 *	4. handle_mm_fault() makes the entry, and the access is made again; or it answers SIGBUS, or that there is no memory.
 *
 * min_flt and maj_flt count only faults that ended well; pgfault counts all that came to step 4.
 *
 * Left out: the OOM killer (a fault that finds no memory is refused with ENOMEM), vsyscall emulation, fixups of the kernel.
 * Follows arch/x86/mm/fault.c, arch/arm/mm/fault.c, arch/arm64/mm/fault.c, arch/riscv/mm/fault.c of 6.1.
 */
#include "mm/process/fault.h"

#include "mm/core/link.h"
#include "mm/process/mm.h"
#include "mm/process/syscalls.h"
#include "mm/process/task.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"

#include <assert.h>
#include <errno.h>

typedef unsigned long long ull;

enum { MAPERR = 1, ACCERR = 2, ADRERR = 2 };
enum { X86_TRAP_GP = 13, X86_TRAP_PF = 14 };
enum { X86_PF_PROT = 1, X86_PF_WRITE = 2, X86_PF_INSTR = 16 };
#define ARM_FSR_LNX_PF 0x80000000u

const char *siginfo_words(const struct siginfo *s)
{
	if (s->signo == SIGBUS_)
		return "SIGBUS (BUS_ADRERR)";
	if (s->code == SI_KERNEL_)
		return "SIGSEGV (SI_KERNEL)";
	return s->code == ACCERR ? "SIGSEGV (SEGV_ACCERR)" : "SIGSEGV (SEGV_MAPERR)";
}

/* The code as a handler sees it: nothing of the kernel's half shows. */
static uint64_t sanitized(const struct machine *m, const struct hw_access *a)
{
	uint64_t code = a->code;

	if (arch_is_x86(m->arch))
		return a->fault.va >= mm_task_size(m) ? code | X86_PF_PROT : code;
	if (m->arch == ARCH_ARM)
		return a->kind == HW_FETCH ? code | ARM_FSR_LNX_PF : code;
	/* ESR: exception class, IL, WnR; the status becomes "translation fault, level 0". */
	if (m->arch == ARCH_ARM64 && a->fault.va >> 63)
		return (code & (0xfe000000u | 1u << 6)) | 0x04;
	return code;
}

static uint64_t trap_number(const struct machine *m, const struct hw_access *a)
{
	if (arch_is_x86(m->arch))
		return a->vector;
	return m->arch == ARCH_ARM ? X86_TRAP_PF : a->vector;
}

static int send_signal(struct machine *m, struct task *t, const struct hw_access *a, unsigned signo,
	unsigned code, const char *why)
{
	bool gp = arch_is_x86(m->arch) && a->vector == X86_TRAP_GP;
	struct siginfo *s = &t->signal;

	*s = (struct siginfo){.signo = signo,
		.code = gp ? SI_KERNEL_ : code,
		.addr = gp ? 0 : a->fault.va,
		.error_code = gp ? 0 : sanitized(m, a),
		.trapno = trap_number(m, a)};
	s->cr2 = s->addr;
	/* Where it jumped to is where it is. */
	log_signal(m, t, a->kind == HW_FETCH ? a->va : t->ip);
	return refuse(&m->why, EFAULT, "%s at 0x%llx, error code 0x%llx: %s", siginfo_words(s),
		(ull)a->fault.va, (ull)s->error_code, why);
}

/* ---- step 2 ---- */

struct vma *find_extend_vma(struct machine *m, struct mm *mm, uint64_t addr)
{
	struct vma *v = vma_find(m, &mm->vmas, addr);

	m->why.err = 0;
	if (!v || v->start <= addr)
		return v;
	if (!(v->flags & VM_GROWSDOWN) || link_list_empty(m, &mm->tasks))
		return NULL;
	struct task *t = link_entry(link_next(m, &mm->tasks, &mm->tasks), struct task, in_mm);

	return expand_downwards(m, t, mm, v, addr) ? NULL : v;
}

/* ---- step 3: NULL, or why not ---- */

static const char *x86_refusal(const struct vma *v, const struct hw_access *a)
{
	if (a->kind == HW_STORE)
		return v->flags & VM_WRITE ? NULL : "the mapping is not writable";
	if (a->code & X86_PF_PROT)
		return a->kind == HW_FETCH ? "the mapping is not executable"
					   : "the mapping is not readable";
	return v->flags & VM_ACCESS_FLAGS ? NULL : "the mapping allows no access (PROT_NONE)";
}

static const char *other_refusal(
	const struct machine *m, const struct vma *v, const struct hw_access *a)
{
	if (a->kind == HW_STORE)
		return v->flags & VM_WRITE ? NULL : "the mapping is not writable";
	if (a->kind == HW_FETCH)
		return v->flags & VM_EXEC ? NULL : "the mapping is not executable";
	if (m->arch == ARCH_RISCV64 && !(v->flags & (VM_READ | VM_WRITE)))
		return "the mapping is not readable";
	return v->flags & VM_ACCESS_FLAGS ? NULL : "the mapping allows no access (PROT_NONE)";
}

static const char *refusal_of(
	const struct machine *m, const struct vma *v, const struct hw_access *a)
{
	return arch_is_x86(m->arch) ? x86_refusal(v, a) : other_refusal(m, v, a);
}

/* ---- step 4 ---- */

static int handle(struct machine *m, struct task *t, struct vma *v, const struct hw_access *a)
{
	unsigned flags = FAULT_FLAG_USER | (a->kind == HW_STORE ? (unsigned)FAULT_FLAG_WRITE : 0) |
			 (a->kind == HW_FETCH ? (unsigned)FAULT_FLAG_INSTRUCTION : 0);
	callstack_push(&m->callstack, CALLER_page_fault);
	unsigned ret = handle_mm_fault(m, t->cpu, v, a->fault.va, flags);
	callstack_pop(&m->callstack);

	if (ret & VM_FAULT_HOST)
		return -EDQUOT;
	if (ret & VM_FAULT_OOM)
		return -ENOMEM;
	if (ret & VM_FAULT_SIGBUS)
		return send_signal(m, t, a, SIGBUS_, ADRERR,
			"the page lies behind the end of the mapped file");
	if (ret & VM_FAULT_SIGSEGV)
		return send_signal(m, t, a, SIGSEGV_, MAPERR, "nothing can be mapped there");
	if (ret & VM_FAULT_MAJOR)
		t->maj_flt++;
	else
		t->min_flt++;
	return 0;
}

int do_user_fault(struct machine *m, struct task *t, const struct hw_access *a)
{
	struct mm *mm = task_mm(m, t);
	struct vma *v;

	assert(mm && a->fault.fault != HW_FAULT_NONE);
	if (a->fault.va >= mm->task_size || hw_fault_class(a->fault.fault) == HW_CLASS_CANONICAL)
		return send_signal(
			m, t, a, SIGSEGV_, MAPERR, "the address is not in the user's half");
	v = vma_find_remember(m, &mm->vmas, a->fault.va);
	if (v && v->start > a->fault.va)
		v = find_extend_vma(m, mm, a->fault.va);
	if (!v) {
		/* refuse() must not read what it writes. */
		struct refusal stack = m->why;

		return send_signal(m, t, a, SIGSEGV_, MAPERR,
			stack.err == ENOMEM ? stack.sentence : "no mapping is there");
	}
	if (hw_fault_class(a->fault.fault) == HW_CLASS_BUS)
		return send_signal(m, t, a, SIGBUS_, ADRERR, hw_fault_words(a->fault.fault));
	const char *why = refusal_of(m, v, a);

	if (why)
		return send_signal(m, t, a, SIGSEGV_, ACCERR, why);
	return handle(m, t, v, a);
}

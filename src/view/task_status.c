/* SPDX-License-Identifier: MIT
 *
 * PID/status, PID/stat and PID/statm: a process in words and in numbers (fs/proc/array.c, task_mmu.c of 6.1).
 *
 * Lines, order and widths are the kernel's, for a task as for a visitor (task_view.h), whose figures are zero. What
 * the simulation has no notion of (CPU time, context switches, signal masks, sessions) is as on a process that has
 * just begun.
 *
 * Linux counts RSS for these files in per-thread counters that are folded in late; here they are exact, as smaps is.
 */
#include "view/task_view.h"

#include "base/number.h"
#include "view/files.h"
#include "view/put.h"

#include "mm/process/mm.h"

#include <errno.h>

#define VISITOR	     "visitor"
#define MEMS_64BIT   1024
#define MEMS_DEFAULT 16
#define NS_PER_TICK  10000000u

enum { PF_EXITING = 4, PF_KTHREAD = 0x200000, PF_RANDOMIZE = 0x400000 };

/* What the files tell of, task or visitor. */
struct who {
	const struct task *t; /* NULL: a visitor */
	const struct mm *mm;
	uint64_t pid, tgid, ppid;
	uint32_t uid, gid;
	const char *comm, *state;
};

static struct who who_of(const struct view *v)
{
	const struct task *t = view_task(v);

	if (!t)
		return (struct who){.pid = v->arg[1] ? v->arg[1] : v->arg[0],
			.tgid = v->arg[0],
			.uid = v->s ? v->s->caller.uid : 0,
			.gid = v->s ? v->s->caller.gid : 0,
			.comm = VISITOR,
			.state = "R (running)"};
	return (struct who){.t = t,
		.mm = task_mm(v->m, t),
		.pid = t->pid,
		.tgid = t->tgid,
		.ppid = t->ppid,
		.uid = t->uid,
		.gid = t->gid,
		.comm = t->comm,
		.state = task_state_words(v->m, t)};
}

/* ---- status ---- */

static bool any(const struct machine *m, unsigned i, const void *data)
{
	return true;
}

static bool node_with_memory(const struct machine *m, unsigned nid, const void *data)
{
	return nid < m->nr_nodes && node_at(m, nid)->has_memory;
}

/* The kernel escapes newlines and backslashes here, and here only. */
static void put_name(struct text *out, const char *comm)
{
	text_puts(out, "Name:\t");
	for (; *comm; comm++) {
		if (*comm == '\n' || *comm == '\\')
			text_putc(out, '\\');
		text_putc(out, *comm == '\n' ? 'n' : *comm);
	}
	text_putc(out, '\n');
}

static void put_label(struct text *out, const char *label, uint64_t value)
{
	text_puts(out, label);
	text_dec(out, value, 0);
	text_putc(out, '\n');
}

static void put_ids(struct text *out, const char *label, uint32_t id)
{
	text_puts(out, label);
	for (unsigned i = 0; i < 4; i++) {
		text_putc(out, '\t');
		text_dec(out, id, 0);
	}
	text_putc(out, '\n');
}

/* The table of file descriptors begins with a word's bits and grows to powers of two of 1 KiB. */
static uint64_t fd_table_size(const struct machine *m, const struct task *t)
{
	bool wide = machine_has(m, CONFIG_64BIT);
	uint64_t first = wide ? 64 : 32, size = wide ? 128 : 256;

	if (!t || t->nr_fds <= first)
		return first;
	while (size < t->nr_fds)
		size *= 2;
	return size;
}

/* The only pid namespace; a visitor leads its group and session, a task is its init's. */
static void put_namespaces(struct text *out, const struct who *w)
{
	put_label(out, "NStgid:\t", w->tgid);
	put_label(out, "NSpid:\t", w->pid);
	put_label(out, "NSpgid:\t", w->t ? 0 : w->tgid);
	put_label(out, "NSsid:\t", w->t ? 0 : w->tgid);
}

static void put_kb(struct text *out, const char *label, uint64_t kb)
{
	text_puts(out, label);
	text_putc(out, '\t');
	text_dec(out, kb, 8);
	text_puts(out, " kB\n");
}

static void put_memory(const struct machine *m, const struct mm *mm, struct text *out)
{
	uint64_t text = mm_text_pages(mm);

	if (text > mm->exec_vm)
		text = mm->exec_vm;
	put_kb(out, "VmPeak:", PAGES_TO_KB(max_u64(mm->hiwater_vm, mm->total_vm)));
	put_kb(out, "VmSize:", PAGES_TO_KB(mm->total_vm));
	put_kb(out, "VmLck:", PAGES_TO_KB(mm->locked_vm));
	put_kb(out, "VmPin:", 0); /* what drivers count of their own */
	put_kb(out, "VmHWM:", PAGES_TO_KB(max_u64(mm->hiwater_rss, mm_rss(mm))));
	put_kb(out, "VmRSS:", PAGES_TO_KB(mm_rss(mm)));
	put_kb(out, "RssAnon:", PAGES_TO_KB(mm->rss[MM_ANONPAGES]));
	put_kb(out, "RssFile:", PAGES_TO_KB(mm->rss[MM_FILEPAGES]));
	put_kb(out, "RssShmem:", PAGES_TO_KB(mm->rss[MM_SHMEMPAGES]));
	put_kb(out, "VmData:", PAGES_TO_KB(mm->data_vm));
	put_kb(out, "VmStk:", PAGES_TO_KB(mm->stack_vm));
	put_kb(out, "VmExe:", PAGES_TO_KB(text));
	put_kb(out, "VmLib:", PAGES_TO_KB(mm->exec_vm - text));
	put_kb(out, "VmPTE:", mm->pgtables_bytes >> 10);
	put_kb(out, "VmSwap:", PAGES_TO_KB(mm->rss[MM_SWAPENTS]));
	if (machine_has(m, CONFIG_HUGETLB_PAGE))
		put_kb(out, "HugetlbPages:", 0);
	text_puts(out, "CoreDumping:\t0\n");
	text_puts(out, machine_has(m, CONFIG_TRANSPARENT_HUGEPAGE) ? "THP_enabled:\t1\n"
								   : "THP_enabled:\t0\n");
}

static void put_hex16(struct text *out, const char *label, uint64_t mask)
{
	text_puts(out, label);
	text_putc(out, '\t');
	text_hex(out, mask, 16);
	text_putc(out, '\n');
}

/* The signal of a refused access is delivered to nobody: it stays pending until the next act. */
static uint64_t pending_signals(const struct who *w)
{
	return w->t && w->t->signal.signo ? (uint64_t)1 << (w->t->signal.signo - 1) : 0;
}

static void put_signals(const struct machine *m, const struct who *w, struct text *out)
{
	/* All 41 capabilities of 6.1, for root. */
	const uint64_t all = ((uint64_t)1 << 41) - 1, mine = w->t && !w->uid ? all : 0;

	put_label(out, "Threads:\t", w->t ? task_nr_threads(m, w->t) : 1);
	text_puts(out, "SigQ:\t0/");
	text_dec(out,
		w->t ? w->t->rlim[RLIM_SIGPENDING].soft
		     : (uint64_t)m->sysctls.value[SYSCTL_threads_max] / 2,
		0);
	text_putc(out, '\n');
	put_hex16(out, "SigPnd:", pending_signals(w));
	put_hex16(out, "ShdPnd:", 0);
	put_hex16(out, "SigBlk:", 0);
	put_hex16(out, "SigIgn:", 0);
	put_hex16(out, "SigCgt:", 0);
	put_hex16(out, "CapInh:", 0);
	put_hex16(out, "CapPrm:", mine);
	put_hex16(out, "CapEff:", mine);
	put_hex16(out, "CapBnd:", w->t ? all : 0);
	put_hex16(out, "CapAmb:", 0);
}

static void put_allowed(const struct machine *m, struct text *out)
{
	unsigned mems = m->arch == ARCH_X86_64	      ? MEMS_64BIT
			: machine_has(m, CONFIG_NUMA) ? MEMS_DEFAULT
						      : 1;

	text_puts(out, "Cpus_allowed:\t");
	put_mask(out, m, m->nr_cpus, any, NULL);
	text_puts(out, "\nCpus_allowed_list:\t");
	put_list(out, m, m->nr_cpus, any, NULL);
	text_puts(out, "\nMems_allowed:\t");
	put_mask(out, m, mems, node_with_memory, NULL);
	text_puts(out, "\nMems_allowed_list:\t");
	put_list(out, m, m->nr_nodes, node_with_memory, NULL);
	text_putc(out, '\n');
}

int show_pid_status(struct view *v, struct text *out)
{
	static const char *const store_bypass[NR_ARCHS] = {[ARCH_I386] = "vulnerable\n",
		[ARCH_X86_64] = "not vulnerable\n",
		[ARCH_ARM] = "unknown\n",
		[ARCH_ARM64] = "vulnerable\n",
		[ARCH_RISCV64] = "unknown\n"};
	static const struct mm none;
	const struct machine *m = v->m;
	struct who w = who_of(v);

	put_name(out, w.comm);
	text_puts(out, "Umask:\t0022\nState:\t");
	text_puts(out, w.state);
	put_label(out, "\nTgid:\t", w.tgid);
	put_label(out, "Ngid:\t", 0);
	put_label(out, "Pid:\t", w.pid);
	put_label(out, "PPid:\t", w.ppid);
	put_label(out, "TracerPid:\t", 0);
	put_ids(out, "Uid:", w.uid);
	put_ids(out, "Gid:", w.gid);
	put_label(out, "FDSize:\t", w.t && w.t->state == TASK_ZOMBIE ? 0 : fd_table_size(m, w.t));
	text_puts(out, "Groups:\t \n");
	put_namespaces(out, &w);
	if (w.mm || !w.t)
		put_memory(m, w.mm ? w.mm : &none, out);
	put_signals(m, &w, out);
	text_puts(out, "NoNewPrivs:\t0\nSeccomp:\t0\nSeccomp_filters:\t0\n");
	text_puts(out, "Speculation_Store_Bypass:\t");
	text_puts(out, store_bypass[m->arch]);
	text_puts(out, "SpeculationIndirectBranch:\t");
	text_puts(out, machine_has(m, CONFIG_X86) ? "always enabled\n"
		       : m->arch == ARCH_ARM64	  ? "unknown\n"
						  : "unsupported\n");
	put_allowed(m, out);
	text_puts(out, "voluntary_ctxt_switches:\t0\nnonvoluntary_ctxt_switches:\t0\n");
	return 0;
}

/* ---- stat ---- */

static void put_field(struct text *out, uint64_t value)
{
	text_putc(out, ' ');
	text_dec(out, value, 0);
}

static void put_zeroes(struct text *out, unsigned n)
{
	while (n--)
		text_puts(out, " 0");
}

static uint64_t process_flags(const struct who *w)
{
	if (!w->t)
		return 0;
	if (w->t->state == TASK_ZOMBIE)
		return PF_RANDOMIZE | PF_EXITING;
	return w->mm ? PF_RANDOMIZE : 0;
}

/* Fields 10 to 13 are of the process; those of one thread are its own. */
static void put_faults(struct view *v, const struct who *w, struct text *out)
{
	uint64_t minor = 0, major = 0;
	uint32_t tid = 0;

	if (!w->t) {
		put_zeroes(out, 4);
		return;
	}
	for (const struct task *t; !v->arg[1] && (t = task_next(v->m, &tid)); tid++)
		if (t->tgid == w->t->tgid) {
			minor += t->min_flt;
			major += t->maj_flt;
		}
	put_field(out, v->arg[1] ? w->t->min_flt : minor);
	put_field(out, w->t->cmin_flt);
	put_field(out, v->arg[1] ? w->t->maj_flt : major);
	put_field(out, w->t->cmaj_flt);
}

/* 52 fields, see proc(5); numbers of the kernel's `unsigned long` are as wide as its. */
int show_pid_stat(struct view *v, struct text *out)
{
	static const struct mm none;
	struct who w = who_of(v);
	const struct mm *mm = w.mm ? w.mm : &none;
	uint64_t rss_limit = w.t ? w.t->rlim[RLIM_RSS].soft : RLIM_INFINITY;
	bool thread = w.pid != w.tgid;

	text_dec(out, w.pid, 0);
	text_puts(out, " (");
	text_puts(out, w.comm);
	text_puts(out, ") ");
	text_putc(out, w.state[0]);
	put_field(out, w.ppid);
	put_field(out, w.t ? 0 : w.tgid);
	put_field(out, w.t ? 0 : w.tgid);
	text_puts(out, " 0 -1");
	put_field(out, process_flags(&w));
	put_faults(v, &w, out);
	text_puts(out, " 0 0 0 0 20 0");
	put_field(out, w.t ? task_nr_threads(v->m, w.t) : 1);
	put_field(out, 0);
	put_field(out, w.t ? w.t->start_ns / NS_PER_TICK : 0);
	put_field(out, mm->total_vm << PAGE_SHIFT);
	put_field(out, mm_rss(mm));
	put_field(out, machine_has(v->m, CONFIG_64BIT) ? rss_limit : (uint32_t)rss_limit);
	put_field(out, mm->start_code);
	put_field(out, mm->end_code);
	put_field(out, mm->start_stack);
	put_zeroes(out, 2);
	put_field(out, pending_signals(&w) & 0x7fffffff);
	put_zeroes(out, 6);
	text_puts(out, thread ? " -1" : " 17");
	put_field(out, w.t ? w.t->cpu : 0);
	put_zeroes(out, 5);
	put_field(out, mm->start_data);
	put_field(out, mm->end_data);
	put_field(out, mm->start_brk);
	put_field(out, mm->arg_start);
	put_field(out, mm->arg_end);
	put_field(out, mm->env_start);
	put_field(out, mm->env_end);
	put_field(out, w.t ? (uint64_t)(uint32_t)w.t->exit_code : 0);
	text_putc(out, '\n');
	return 0;
}

/* size resident shared text lib data dt, in pages; lib and dt are no longer counted. */
int show_pid_statm(struct view *v, struct text *out)
{
	const struct mm *mm = view_mm(v);

	if (!mm) {
		text_puts(out, "0 0 0 0 0 0 0\n");
		return 0;
	}
	text_dec(out, mm->total_vm, 0);
	put_field(out, mm_rss(mm));
	put_field(out, mm->rss[MM_FILEPAGES] + mm->rss[MM_SHMEMPAGES]);
	put_field(out, mm_text_pages(mm));
	put_field(out, 0);
	put_field(out, mm->data_vm + mm->stack_vm);
	put_field(out, 0);
	text_putc(out, '\n');
	return 0;
}

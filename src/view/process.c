/* SPDX-License-Identifier: MIT
 *
 * proc/PID, proc/self, proc/thread-self: who asks.
 *
 * Processes of the simulated machine come in a later part. Until then the one process in /proc is the host's that
 * is reading, without memory of the simulated machine: ps, top and their like look for themselves and
 * give up when they are not there. All figures are zero; the fields and their order are Linux 6.1's (fs/proc/array.c).
 */
#include "view/files.h"
#include "view/put.h"

#define COMM	     "visitor"
#define MEMS_64BIT   1024
#define MEMS_DEFAULT 16

static uint64_t pid_of(const struct view *v)
{
	return v->arg[0];
}

int show_self(struct view *v, struct text *out)
{
	text_dec(out, v->s->caller.pid, 0);
	return 0;
}

int show_thread_self(struct view *v, struct text *out)
{
	uint32_t tid = v->s->caller.tid ? v->s->caller.tid : v->s->caller.pid;

	text_dec(out, v->s->caller.pid, 0);
	text_puts(out, "/task/");
	text_dec(out, tid, 0);
	return 0;
}

int show_self_mounts(struct view *v, struct text *out)
{
	text_puts(out, "self/mounts");
	return 0;
}

int show_self_net(struct view *v, struct text *out)
{
	text_puts(out, "self/net");
	return 0;
}

/* ---- proc/PID ---- */

int show_pid_comm(struct view *v, struct text *out)
{
	text_puts(out, COMM "\n");
	return 0;
}

int show_pid_cmdline(struct view *v, struct text *out)
{
	text_put(out, COMM, sizeof(COMM));
	return 0;
}

/* 52 fields: pid, comm, state, then numbers; priority 20, one thread, RLIM_INFINITY, exit signal 17. */
int show_pid_stat(struct view *v, struct text *out)
{
	static const char top64[] = "18446744073709551615", top32[] = "4294967295";

	text_dec(out, pid_of(v), 0);
	text_puts(out, " (" COMM ") R 0 ");
	text_dec(out, pid_of(v), 0);
	text_putc(out, ' ');
	text_dec(out, pid_of(v), 0);
	text_puts(out, " 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 0 0 0 ");
	text_puts(out, machine_has(v->m, CONFIG_64BIT) ? top64 : top32);
	text_puts(out, " 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n");
	return 0;
}

int show_pid_statm(struct view *v, struct text *out)
{
	text_puts(out, "0 0 0 0 0 0 0\n");
	return 0;
}

static bool any(const struct machine *m, unsigned i, const void *data)
{
	return true;
}

static bool node_with_memory(const struct machine *m, unsigned nid, const void *data)
{
	return nid < m->nr_nodes && node_at(m, nid)->has_memory;
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

/* Its ids in its own pid namespace: the only one. */
static void put_namespaces(struct text *out, uint64_t pid)
{
	static const char *const labels[] = {"NStgid:\t", "NSpid:\t", "NSpgid:\t", "NSsid:\t"};

	for (unsigned i = 0; i < 4; i++) {
		text_puts(out, labels[i]);
		text_dec(out, pid, 0);
		text_putc(out, '\n');
	}
}

static void put_memory(struct view *v, struct text *out)
{
	static const char *const labels[] = {"VmPeak:", "VmSize:", "VmLck:", "VmPin:", "VmHWM:",
		"VmRSS:", "RssAnon:", "RssFile:", "RssShmem:", "VmData:", "VmStk:", "VmExe:",
		"VmLib:", "VmPTE:", "VmSwap:"};

	for (unsigned i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		text_puts(out, labels[i]);
		text_puts(out, "\t       0 kB\n");
	}
	if (machine_has(v->m, CONFIG_HUGETLB_PAGE))
		text_puts(out, "HugetlbPages:\t       0 kB\n");
	text_puts(out, "CoreDumping:\t0\n");
	text_puts(out, machine_has(v->m, CONFIG_TRANSPARENT_HUGEPAGE) ? "THP_enabled:\t1\n"
								      : "THP_enabled:\t0\n");
}

static void put_signals(struct view *v, struct text *out)
{
	static const char *const labels[] = {"SigPnd:", "ShdPnd:", "SigBlk:", "SigIgn:", "SigCgt:",
		"CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"};

	text_puts(out, "Threads:\t1\nSigQ:\t0/");
	text_dec(out, (uint64_t)v->m->sysctls.value[SYSCTL_threads_max] / 2, 0);
	text_putc(out, '\n');
	for (unsigned i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		text_puts(out, labels[i]);
		text_puts(out, "\t0000000000000000\n");
	}
}

static void put_allowed(struct view *v, struct text *out)
{
	const struct machine *m = v->m;
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
	text_puts(out, "Name:\t" COMM "\nUmask:\t0022\nState:\tR (running)\nTgid:\t");
	text_dec(out, pid_of(v), 0);
	text_puts(out, "\nNgid:\t0\nPid:\t");
	text_dec(out, pid_of(v), 0);
	text_puts(out, "\nPPid:\t0\nTracerPid:\t0\n");
	put_ids(out, "Uid:", v->s->caller.uid);
	put_ids(out, "Gid:", v->s->caller.gid);
	text_puts(out, "FDSize:\t64\nGroups:\t \n");
	put_namespaces(out, pid_of(v));
	put_memory(v, out);
	put_signals(v, out);
	text_puts(out, "NoNewPrivs:\t0\nSeccomp:\t0\nSeccomp_filters:\t0\n");
	text_puts(out, "Speculation_Store_Bypass:\t");
	text_puts(out, v->m->arch == ARCH_ARM || v->m->arch == ARCH_RISCV64 ? "unknown\n"
									    : "not vulnerable\n");
	text_puts(out, "SpeculationIndirectBranch:\t");
	text_puts(out, machine_has(v->m, CONFIG_X86) ? "always enabled\n"
		       : v->m->arch == ARCH_ARM64    ? "unknown\n"
						     : "unsupported\n");
	put_allowed(v, out);
	text_puts(out, "voluntary_ctxt_switches:\t0\nnonvoluntary_ctxt_switches:\t0\n");
	return 0;
}

/* What a machine of this kind has mounted: the mount itself shows the first four. */
int show_pid_mounts(struct view *v, struct text *out)
{
	text_puts(out, "rootfs / rootfs rw 0 0\nproc /proc proc rw,relatime 0 0\nsysfs /sys sysfs "
		       "rw,relatime 0 0\n"
		       "debugfs /sys/kernel/debug debugfs rw,relatime 0 0\n"
		       "tracefs /sys/kernel/tracing tracefs rw,relatime 0 0\n");
	return 0;
}

int show_pid_mountinfo(struct view *v, struct text *out)
{
	text_puts(out,
		"1 1 0:2 / / rw - rootfs rootfs rw\n21 1 0:19 / /proc rw,relatime - proc proc rw\n"
		"22 1 0:20 / /sys rw,relatime - sysfs sysfs rw\n"
		"23 22 0:7 / /sys/kernel/debug rw,relatime - debugfs debugfs rw\n"
		"24 22 0:12 / /sys/kernel/tracing rw,relatime - tracefs tracefs rw\n");
	return 0;
}

int show_pid_cgroup(struct view *v, struct text *out)
{
	text_puts(out, "0::/\n");
	return 0;
}

/* Columns of net/core/net-procfs.c. There is only the loopback device, and nobody has used it. */
int show_pid_net_dev(struct view *v, struct text *out)
{
	text_puts(out,
		"Inter-|   Receive                                                |  Transmit\n"
		" face |bytes    packets errs drop fifo frame compressed multicast|"
		"bytes    packets errs drop fifo colls carrier compressed\n"
		"    lo:       0       0    0    0    0     0          0         0"
		"        0       0    0    0    0     0       0          0\n");
	return 0;
}

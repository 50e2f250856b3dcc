/* SPDX-License-Identifier: MIT
 *
 * proc/self, proc/thread-self, and what each process has alike: mounts, its control group, the network.
 *
 * Who asks is a process of the host. It is no part of the simulated machine, but ps, top and their like look for
 * themselves and give up when they are not there: /proc has it as a visitor without memory (task_status.c).
 */
#include "view/files.h"

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

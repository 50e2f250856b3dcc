/* SPDX-License-Identifier: MIT
 *
 * Files of /proc that describe the system as a whole: version, stat, uptime, loadavg and their like.
 *
 * The simulated machine has time (its own), CPUs that idle, and no devices, disks or modules: what would be listed
 * there is not, in the form that Linux gives to an empty list. The kernel is the one that the oracle ran.
 */
#include "view/files.h"
#include "view/put.h"

#include "view/task_view.h"

#include "base/parse.h"

#include <errno.h>
#include <string.h>

#define NS_PER_TICK 10000000u /* USER_HZ is 100 */
#define BUILD	    "Debian 6.1.176-1 (2026-07-02)"

/* "6.1.0-50-amd64" */
static void put_release(const struct machine *m, struct text *out)
{
	static const char *const flavours[NR_ARCHS] = {[ARCH_I386] = "686",
		[ARCH_X86_64] = "amd64",
		[ARCH_ARM] = "armmp",
		[ARCH_ARM64] = "arm64",
		[ARCH_RISCV64] = "riscv64"};

	if (!machine_has(m, CONFIG_MMU)) {
		text_puts(out, "6.1.176");
		return;
	}
	text_puts(out, "6.1.0-50-");
	text_puts(out, flavours[m->arch]);
	if (m->arch == ARCH_I386 && machine_has(m, CONFIG_X86_PAE))
		text_puts(out, "-pae");
}

/* "#1 SMP PREEMPT_DYNAMIC Debian 6.1.176-1 (2026-07-02)" */
static void put_version(const struct machine *m, struct text *out)
{
	text_puts(out, "#1 ");
	if (machine_has(m, CONFIG_SMP))
		text_puts(out, "SMP ");
	if (machine_has(m, CONFIG_PREEMPT_DYNAMIC))
		text_puts(out, "PREEMPT_DYNAMIC ");
	text_puts(out, machine_has(m, CONFIG_MMU) ? BUILD : "PREEMPT");
}

int show_version(struct view *v, struct text *out)
{
	text_puts(out, "Linux version ");
	put_release(v->m, out);
	if (machine_has(v->m, CONFIG_MMU))
		text_puts(out, " (debian-kernel@lists.debian.org)");
	text_puts(out, " (gcc-12 (Debian 12.2.0-14+deb12u1) "
		       "12.2.0, GNU ld (GNU "
		       "Binutils for Debian) 2.40) ");
	put_version(v->m, out);
	text_putc(out, '\n');
	return 0;
}

int show_osrelease(struct view *v, struct text *out)
{
	put_release(v->m, out);
	text_putc(out, '\n');
	return 0;
}

int show_ostype(struct view *v, struct text *out)
{
	text_puts(out, "Linux\n");
	return 0;
}

int show_kernel_version(struct view *v, struct text *out)
{
	put_version(v->m, out);
	text_putc(out, '\n');
	return 0;
}

/* hostname, domainname: aux says which. */
static char *host_name(struct view *v)
{
	return v->aux ? v->m->sysctls.domainname : v->m->sysctls.hostname;
}

int show_hostname(struct view *v, struct text *out)
{
	text_puts(out, host_name(v));
	text_putc(out, '\n');
	return 0;
}

/* proc_dostring(): up to the first newline, cut at what fits. */
int64_t store_hostname(struct view *v, const char *data, size_t len)
{
	char *name = host_name(v);
	size_t n = 0;

	while (n < len && n < SYSCTL_HOST_MAX - 1 && data[n] && data[n] != '\n')
		n++;
	memset(name, 0, SYSCTL_HOST_MAX);
	memcpy(name, data, n);
	return (int64_t)len;
}

int show_file_nr(struct view *v, struct text *out)
{
	text_puts(out, "0\t0\t");
	text_dec(out, (uint64_t)v->m->sysctls.value[SYSCTL_file_max], 0);
	text_putc(out, '\n');
	return 0;
}

int show_cmdline(struct view *v, struct text *out)
{
	text_puts(out, v->m->cmdline);
	text_putc(out, '\n');
	return 0;
}

/* ---- time ---- */

static void put_centiseconds(struct text *out, uint64_t ticks)
{
	text_dec(out, ticks / 100, 0);
	text_putc(out, '.');
	text_putc(out, (char)('0' + ticks / 10 % 10));
	text_putc(out, (char)('0' + ticks % 10));
}

/* All CPUs idle all the time: acts cost time, but nobody is charged with it. */
int show_uptime(struct view *v, struct text *out)
{
	uint64_t ticks = v->m->clock.now_ns / NS_PER_TICK;

	put_centiseconds(out, ticks);
	text_putc(out, ' ');
	put_centiseconds(out, ticks * v->m->nr_cpus);
	text_putc(out, '\n');
	return 0;
}

/* Who reads this runs, too: Linux never says 0. */
static unsigned running(const struct machine *m)
{
	unsigned n = tasks_running(m);

	return n ? n : 1;
}

int show_loadavg(struct view *v, struct text *out)
{
	const struct tasks *tasks = &v->m->processes.tasks;

	/* Nothing is averaged: the simulation has no time slices. */
	text_printf(out, "0.00 0.00 0.00 %u/%u %u\n", running(v->m), tasks->nr, tasks->last_pid);
	return 0;
}

static void put_cpu_times(struct text *out, uint64_t idle_ticks)
{
	text_puts(out, " 0 0 0 ");
	text_dec(out, idle_ticks, 0);
	text_puts(out, " 0 0 0 0 0 0\n");
}

int show_stat(struct view *v, struct text *out)
{
	uint64_t ticks = v->m->clock.now_ns / NS_PER_TICK;

	text_puts(out, "cpu ");
	put_cpu_times(out, ticks * v->m->nr_cpus);
	for (unsigned cpu = 0; cpu < v->m->nr_cpus; cpu++) {
		text_puts(out, "cpu");
		text_dec(out, cpu, 0);
		put_cpu_times(out, ticks);
	}
	put_count(out, "intr", 0);
	put_count(out, "ctxt", 0);
	put_count(out, "btime", v->s ? v->s->wall_s : 0);
	put_count(out, "processes", v->m->processes.tasks.forks);
	put_count(out, "procs_running", running(v->m));
	put_count(out, "procs_blocked", 0);
	text_puts(out, "softirq 0 0 0 0 0 0 0 0 0 0 0\n");
	return 0;
}

int show_schedstat(struct view *v, struct text *out)
{
	text_puts(out, "version 15\n");
	put_count(out, "timestamp", v->m->clock.now_ns / 4000000);
	for (unsigned cpu = 0; cpu < v->m->nr_cpus; cpu++) {
		text_puts(out, "cpu");
		text_dec(out, cpu, 0);
		text_puts(out, " 0 0 0 0 0 0 0 0 0\n");
	}
	return 0;
}

/* ---- interrupts ---- */

static void put_cpu_header(const struct machine *m, struct text *out, unsigned margin)
{
	text_fill(out, ' ', margin);
	for (unsigned cpu = 0; cpu < m->nr_cpus; cpu++)
		text_printf(out, "CPU%-8u", cpu);
	text_putc(out, '\n');
}

int show_interrupts(struct view *v, struct text *out)
{
	put_cpu_header(v->m, out, 11);
	return 0;
}

int show_softirqs(struct view *v, struct text *out)
{
	static const char *const names[] = {"HI", "TIMER", "NET_TX", "NET_RX", "BLOCK", "IRQ_POLL",
		"TASKLET", "SCHED", "HRTIMER", "RCU"};

	put_cpu_header(v->m, out, 20);
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		put_right(out, names[i], 12);
		text_putc(out, ':');
		for (unsigned cpu = 0; cpu < v->m->nr_cpus; cpu++)
			text_puts(out, "          0");
		text_putc(out, '\n');
	}
	return 0;
}

/* ---- lists ---- */

int show_filesystems(struct view *v, struct text *out)
{
	text_puts(out, "nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tcgroup2\nnodev\tdevtmpfs\nn"
		       "odev\tdebugfs\n"
		       "nodev\ttracefs\nnodev\tramfs\n");
	if (machine_has(v->m, CONFIG_HUGETLB_PAGE))
		text_puts(out, "nodev\thugetlbfs\n");
	return 0;
}

int show_swaps(struct view *v, struct text *out)
{
	text_puts(out, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
	return 0;
}

int show_devices(struct view *v, struct text *out)
{
	text_puts(out, "Character devices:\n  1 mem\n 10 misc\n\nBlock devices:\n");
	return 0;
}

int show_cgroups(struct view *v, struct text *out)
{
	text_puts(out, "#subsys_name\thierarchy\tnum_cgroups\tenabled\n");
	if (machine_has(v->m, CONFIG_MEMCG))
		text_puts(out, "memory\t0\t1\t1\n");
	return 0;
}

int show_execdomains(struct view *v, struct text *out)
{
	text_puts(out, "0-0\tLinux           \t[kernel]\n");
	return 0;
}

/* A list with nothing in it: modules, diskstats, partitions, misc, locks, consoles, crypto. */
int show_nothing(struct view *v, struct text *out)
{
	return 0;
}

int show_zero(struct view *v, struct text *out)
{
	text_puts(out, "0\n");
	return 0;
}

/* Capabilities of files are honoured. */
int show_fscaps(struct view *v, struct text *out)
{
	text_puts(out, "1\n");
	return 0;
}

int show_iomem(struct view *v, struct text *out)
{
	resource_show(v->m, false, out);
	return 0;
}

int show_ioports(struct view *v, struct text *out)
{
	resource_show(v->m, true, out);
	return 0;
}

/* ---- proc/pressure ---- */

#define WINDOW_LEAST_US 500000u
#define WINDOW_MOST_US	10000000u

/* Nothing waits for memory yet, so nothing is stalled. */
int show_pressure(struct view *v, struct text *out)
{
	text_puts(out, "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
		       "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
	return 0;
}

static bool next_word(const char **at, size_t *left, const char **word, size_t *len)
{
	while (*left && (**at == ' ' || **at == '\n' || !**at)) {
		++*at;
		--*left;
	}
	*word = *at;
	while (*left && **at != ' ' && **at != '\n' && **at) {
		++*at;
		--*left;
	}
	*len = (size_t)(*at - *word);
	return *len > 0;
}

/* A trigger, "some 150000 1000000": it is checked as Linux does, and would never fire. */
int64_t store_pressure(struct view *v, const char *data, size_t len)
{
	size_t left = len, word_len;
	uint64_t us[2];
	const char *word;
	bool ok = next_word(&data, &left, &word, &word_len) &&
		  (parse_is(word, word_len, "some") || parse_is(word, word_len, "full"));

	for (unsigned i = 0; ok && i < 2; i++)
		ok = next_word(&data, &left, &word, &word_len) &&
		     parse_u64(word, word_len, 10, &us[i]);
	if (!ok || us[1] < WINDOW_LEAST_US || us[1] > WINDOW_MOST_US || !us[0] || us[0] > us[1])
		return refuse(&v->m->why, EINVAL,
			"a trigger is `some STALL_US WINDOW_US` (or full), the window 500000 to "
			"10000000");
	return (int64_t)len;
}

/* ---- sys/firmware/memmap ---- */

static const struct firmware_range *memmap_entry(const struct view *v)
{
	return &v->s->desc.ram[v->arg[0]];
}

int show_memmap_start(struct view *v, struct text *out)
{
	text_puts(out, "0x");
	text_hex(out, memmap_entry(v)->start, 0);
	text_putc(out, '\n');
	return 0;
}

int show_memmap_end(struct view *v, struct text *out)
{
	text_puts(out, "0x");
	text_hex(out, memmap_entry(v)->end - 1, 0);
	text_putc(out, '\n');
	return 0;
}

int show_memmap_type(struct view *v, struct text *out)
{
	switch (memmap_entry(v)->type) {
	case FIRMWARE_USABLE:
		text_puts(out, "System RAM\n");
		break;
	case FIRMWARE_RESERVED:
		text_puts(out, "Reserved\n");
		break;
	case FIRMWARE_ACPI:
		text_puts(out, "ACPI Tables\n");
		break;
	case FIRMWARE_NVS:
		text_puts(out, "ACPI Non-volatile Storage\n");
		break;
	case FIRMWARE_PERSISTENT:
		text_puts(out, "Persistent Memory\n");
		break;
	}
	return 0;
}

/* ---- sysfs ---- */

/* A write of `add` and its like makes a device announce itself: there is nobody who listens. */
int64_t store_uevent(struct view *v, const char *data, size_t len)
{
	return (int64_t)len;
}

int show_hpage_pmd_size(struct view *v, struct text *out)
{
	bool large = v->m->arch == ARCH_I386 && !machine_has(v->m, CONFIG_X86_PAE);

	text_dec(out, (uint64_t)1 << (large ? 22 : 21), 0);
	text_putc(out, '\n');
	return 0;
}

/* Multi-generational LRU: built in, switched off. */
int show_lru_gen_enabled(struct view *v, struct text *out)
{
	text_puts(out, "0x0000\n");
	return 0;
}

int show_shuffle(struct view *v, struct text *out)
{
	text_puts(out, "N\n");
	return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * Compaction: pages moved in a second, with contents and without, beside memcpy() of as many pages in the same run.
 *
 * A process of half the machine gives back every other page, then all zones are compacted. CPU time of this process.
 * As much of the host's memory is touched and given back just before. "host" is what the host's kernel took of it,
 * for the memory that pages are moved to: where the host is itself a virtual machine, a page that it never touched, or had
 * given back, costs up to 10 us more, now and then.
 */
#include "clock.h"

#include "mm/move/compaction.h"
#include "mm/process/access.h"
#include "mm/process/madvise.h"
#include "mm/process/syscalls.h"
#include "mm/process/task.h"
#include "support/booted.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/times.h>
#include <unistd.h>

#define MIB   (1ULL << 20)
#define BYTES (2048 * MIB)

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

static void fragment(struct machine *m, bool contents)
{
	struct task_access x = {
		.a = {.bytes = 8, .kind = HW_STORE, .value = 1, .no_data = !contents}};
	struct task *t;
	uint64_t at;

	need(!task_spawn(m, 0, "bench", 5, &t), m->why.sentence);
	need(!sys_mmap(m, t, 0, BYTES, PROT_READ_ | PROT_WRITE_, MAP_PRIVATE_ | MAP_ANONYMOUS_,
		     NULL, 0, NULL, &at),
		m->why.sentence);
	for (uint64_t page = 0; page < BYTES; page += PAGE_BYTES) {
		x.a.va = at + page;
		need(!task_access(m, t, &x), m->why.sentence);
	}
	for (uint64_t page = 0; page < BYTES; page += 2 * PAGE_BYTES)
		need(!sys_madvise(m, t, at + page, PAGE_BYTES, MADV_DONTNEED_), m->why.sentence);
}

static void touch_host(void)
{
	char *p = aligned_alloc(PAGE_BYTES, BYTES);

	need(p, "aligned_alloc");
	memset(p, 1, BYTES);
	free(p);
}

struct figures {
	double ns, host_ns; /* a page */
	uint64_t moved;
};

static double kernel_ns(void)
{
	struct tms t;

	need(times(&t) != (clock_t)-1, "times");
	return (double)t.tms_stime * 1e9 / (double)sysconf(_SC_CLK_TCK);
}

static struct figures compact(bool contents)
{
	struct machine *m = booted("pc-x86_64", "ram", "3G", NULL);

	fragment(m, contents);
	touch_host();
	double start = now_ns(), kernel_start = kernel_ns();

	compact_nodes(m);
	double ns = now_ns() - start, host_ns = kernel_ns() - kernel_start;
	uint64_t moved = m->vm_event[EV_pgmigrate_success];

	booted_check(m);
	machine_destroy(m);
	return (struct figures){ns / (double)moved, host_ns / (double)moved, moved};
}

/* As compaction copies: page by page. */
static double memcpy_ns(void)
{
	char *from = aligned_alloc(PAGE_BYTES, 256 * MIB),
	     *to = aligned_alloc(PAGE_BYTES, 256 * MIB);

	need(from && to, "aligned_alloc");
	memset(from, 1, 256 * MIB);
	memset(to, 2, 256 * MIB);
	double start = now_ns();

	for (uint64_t at = 0; at < 256 * MIB; at += PAGE_BYTES)
		memcpy(to + at, from + at, PAGE_BYTES);
	double ns = (now_ns() - start) / (256 * MIB / PAGE_BYTES);

	need(!memcmp(to, from, 256 * MIB), "memcpy");
	free(from);
	free(to);
	return ns;
}

static void print(const char *what, struct figures f, unsigned wanted)
{
	printf("%-20s %10.0f %10.0f %12.0f %10llu   (wanted: %u)\n", what, f.ns, f.host_ns,
		1e9 / f.ns, (unsigned long long)f.moved, wanted);
}

int main(void)
{
	struct figures without = compact(false), with = compact(true);
	double copy = memcpy_ns();

	printf("%-20s %10s %10s %12s %10s\n", "compaction", "ns a page", "host", "pages a s",
		"moved");
	print("without contents", without, 1000000);
	print("with contents", with, 300000);
	printf("%-20s %10.0f   (with contents %.1fx of it)\n", "memcpy() of a page", copy,
		with.ns / copy);
	return 0;
}

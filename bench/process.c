/* SPDX-License-Identifier: MIT
 *
 * Faults, unmapping and forks of the simulated machine beside the host's own, in the same run and on one CPU.
 *
 *	first touch   mmap an anonymous range, touch each page once (without contents: nothing is written into them; and with)
 *	unmap         munmap of touched pages, per page
 *	fork          a process of 1 GiB, per page; on the host the child exits at once and is waited for outside the time
 *	mappings      60,000 mappings in a process of 1 TiB of addresses: mmap, a fault in each, munmap
 *
 * Each figure is the best of some rounds, in the CPU time of this process, so that other programs on the host disturb
 * little.
 */
#include "clock.h"

#include "mm/boot/describe.h"
#include "mm/boot/preset.h"
#include "mm/process/access.h"
#include "mm/process/mm.h"
#include "mm/process/syscalls.h"
#include "mm/process/task.h"
#include "support/booted.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 7, MAPPINGS = 60000 };
#define PAGE  4096ULL
#define MIB   (1ULL << 20)
#define TOUCH (256 * MIB)
#define FORK  (1024 * MIB)

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

struct figures {
	double touch, touch_contents, unmap, fork;
};

static void better(double *best, double ns)
{
	if (!*best || ns < *best)
		*best = ns;
}

/* ---- the host ---- */

static char *host_map(uint64_t bytes)
{
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	need(p != MAP_FAILED, "mmap");
	need(!madvise(p, bytes, MADV_NOHUGEPAGE), "madvise");
	return p;
}

static void host_touch(char *p, uint64_t bytes)
{
	for (uint64_t at = 0; at < bytes; at += PAGE)
		((volatile char *)p)[at] = 1;
}

static void host_touch_round(struct figures *f)
{
	char *p = host_map(TOUCH);
	double start = now_ns();

	host_touch(p, TOUCH);
	better(&f->touch, (now_ns() - start) / (TOUCH / PAGE));
	start = now_ns();
	munmap(p, TOUCH);
	better(&f->unmap, (now_ns() - start) / (TOUCH / PAGE));
	f->touch_contents = f->touch;
}

static void host_fork(struct figures *f)
{
	char *p = host_map(FORK);

	host_touch(p, FORK);
	for (int round = 0; round < ROUNDS; round++) {
		double start = now_ns();
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		double ns = now_ns() - start;

		need(pid > 0 && waitpid(pid, NULL, 0) == pid, "fork");
		better(&f->fork, ns / (FORK / PAGE));
	}
	munmap(p, FORK);
}

/* ---- the simulated machine ---- */

static uint64_t sim_map(struct machine *m, struct task *t, uint64_t bytes)
{
	uint64_t at;

	need(!sys_mmap(m, t, 0, bytes, PROT_READ_ | PROT_WRITE_, MAP_PRIVATE_ | MAP_ANONYMOUS_,
		     NULL, 0, NULL, &at),
		m->why.sentence);
	return at;
}

static void sim_touch(struct machine *m, struct task *t, uint64_t va, uint64_t bytes, bool contents)
{
	struct task_access x = {
		.a = {.bytes = 8, .kind = HW_STORE, .value = 1, .no_data = !contents}};

	for (uint64_t at = 0; at < bytes; at += PAGE) {
		x.a.va = va + at;
		need(!task_access(m, t, &x), m->why.sentence);
	}
}

static void sim_touch_round(struct machine *m, struct task *t, struct figures *f)
{
	uint64_t va = sim_map(m, t, TOUCH);
	double start = now_ns();

	sim_touch(m, t, va, TOUCH, false);
	better(&f->touch, (now_ns() - start) / (TOUCH / PAGE));
	start = now_ns();
	need(!sys_munmap(m, t, va, TOUCH), m->why.sentence);
	better(&f->unmap, (now_ns() - start) / (TOUCH / PAGE));
}

static void sim_fork(struct machine *m, struct task *t, struct figures *f)
{
	uint64_t va = sim_map(m, t, FORK);
	struct task *child;

	sim_touch(m, t, va, FORK, false);
	for (int round = 0; round < ROUNDS; round++) {
		double start = now_ns();

		need(!task_clone(m, t, 0, 0, &child), m->why.sentence);
		better(&f->fork, (now_ns() - start) / (FORK / PAGE));
		task_kill(m, child);
	}
	need(!sys_munmap(m, t, va, FORK), m->why.sentence);
}

static void sim_contents_round(struct machine *m, struct task *t, struct figures *f)
{
	uint64_t va = sim_map(m, t, TOUCH);
	double start = now_ns();

	sim_touch(m, t, va, TOUCH, true);
	better(&f->touch_contents, (now_ns() - start) / (TOUCH / PAGE));
	need(!sys_munmap(m, t, va, TOUCH), m->why.sentence);
}

/* Turn and turn about, so that what disturbs the host disturbs both sides. Contents come last: frames keep theirs. */
static void both(struct machine *m, struct figures *host, struct figures *sim)
{
	struct task *t;

	need(!task_spawn(m, 0, "bench", 5, &t), m->why.sentence);
	for (int round = 0; round < ROUNDS; round++) {
		host_touch_round(host);
		sim_touch_round(m, t, sim);
	}
	host_fork(host);
	sim_fork(m, t, sim);
	for (int round = 0; round < ROUNDS; round++)
		sim_contents_round(m, t, sim);
	task_kill(m, t);
}

/* A mapping every 16 MiB, each of another protection than the one before. */
static void many_mappings(struct machine *m)
{
	static uint64_t at[MAPPINGS];
	struct task *t;
	uint64_t base = 0x100000000000;

	need(!task_spawn(m, 0, "many", 4, &t), m->why.sentence);
	double start = now_ns();

	for (unsigned i = 0; i < MAPPINGS; i++)
		need(!sys_mmap(m, t, base + i * 16 * MIB, PAGE, PROT_READ_ | PROT_WRITE_,
			     MAP_PRIVATE_ | MAP_ANONYMOUS_ | MAP_FIXED_ | MAP_NORESERVE_, NULL, 0,
			     NULL, &at[i]),
			m->why.sentence);
	double mapped = now_ns();

	for (unsigned i = 0; i < MAPPINGS; i++)
		sim_touch(m, t, at[i * 7919ULL % MAPPINGS], PAGE, false);
	double touched = now_ns();

	task_kill(m, t);
	printf("%u mappings over 1 TiB: %.0f ns an mmap, %.0f ns a fault with its own table, %.0f "
	       "ns a mapping at exit\n",
		(unsigned)MAPPINGS, (mapped - start) / MAPPINGS, (touched - mapped) / MAPPINGS,
		(now_ns() - touched) / MAPPINGS);
}

static void row(const char *name, double host_ns, double sim_ns, double wanted)
{
	printf("%-28s %10.1f %10.1f %8.3fx   (wanted: %.2fx)\n", name, host_ns, sim_ns,
		sim_ns / host_ns, wanted);
}

int main(void)
{
	struct figures h = {0}, s = {0};
	struct machine *m = booted("pc-x86_64", "ram", "8G", NULL);

	both(m, &h, &s);
	printf("%-28s %10s %10s %9s\n", "ns a page", "host", "simulated", "ratio");
	row("first touch", h.touch, s.touch, 0.10);
	row("first touch with contents", h.touch_contents, s.touch_contents, 0.10);
	row("munmap", h.unmap, s.unmap, 0.15);
	row("fork of 1 GiB", h.fork, s.fork, 0.30);
	many_mappings(m);
	booted_check(m);
	machine_destroy(m);
	return 0;
}

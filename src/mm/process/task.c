/* SPDX-License-Identifier: MIT
 *
 * All tasks, by number; and how they come to be at boot.
 *
 *	tasks.at:   | pid 1 | pid 100 | pid 101 | pid 104 | ...      offsets of struct task, in ascending order
 *	              │ children: 100, 104    │
 *	              └ tgid 1                └ tgid 100: a thread of 100, in 100's threads
 *
 * Numbers are given out one after the other from 100 on (below are the kernel's own threads, which are not simulated) and
 * begin again at 300 when pid_max is reached, so a new task nearly always comes to the end of the table.
 *
 * Pid 1 is made at boot as a kernel thread is: it has no memory, since what a real init would take depends on the init.
 * Its objects and its stack are part of what boot took. So boot leaves the zones as they are, and what is seen to change
 * afterwards is what the user's processes did.
 *
 * Boot also says which pages of the kernel's image are the page of zeroes and those of the vdso: reserved pages inside
 * the image, where it is known (as in proc/iomem), else reserved pages without contents, from the top of RAM down.
 *
 * Invariant: the table is sorted; each process is in exactly one list of children, each other thread in one of threads.
 * Left out: pid namespaces, sessions and process groups, kernel threads. Follows kernel/pid.c and init/main.c of 6.1.
 */
#include "base/text.h"
#include "mm/page/contents.h"
#include "mm/page/zone.h"
#include "mm/process/mm.h"
#include "mm/process/task_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef unsigned long long ull;

#define FIRST_PID     100u
#define RESERVED_PIDS 300u /* not given out again when the numbers wrap */

/* ---- the table ---- */

static uint64_t *table(const struct machine *m)
{
	return machine_at(m, m->processes.tasks.at);
}

static struct task *nth(const struct machine *m, uint32_t i)
{
	return machine_at(m, table(m)[i]);
}

/* The first place whose task's number is at least @pid. */
static uint32_t place_of(const struct machine *m, uint32_t pid)
{
	uint32_t low = 0, high = m->processes.tasks.nr;

	if (high && nth(m, high - 1)->pid < pid)
		return high;
	while (low < high) {
		uint32_t mid = (low + high) / 2;

		if (nth(m, mid)->pid < pid)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct task *task_find(const struct machine *m, uint32_t pid)
{
	uint32_t i = place_of(m, pid);

	return i < m->processes.tasks.nr && nth(m, i)->pid == pid ? nth(m, i) : NULL;
}

uint32_t task_current_name(const struct machine *m, unsigned cpu, char *comm, uint32_t *tgid)
{
	const struct task *t = task_find(m, m->processes.tasks.current_pid[cpu]);

	if (tgid)
		*tgid = t ? t->tgid : 0;
	if (t)
		memcpy(comm, t->comm, TASK_COMM_LEN);
	else
		snprintf(comm, TASK_COMM_LEN, "swapper/%u", cpu % 1000);
	return t ? t->pid : 0;
}

struct task *task_next(const struct machine *m, uint32_t *pid)
{
	uint32_t i = place_of(m, *pid);

	if (i >= m->processes.tasks.nr)
		return NULL;
	*pid = nth(m, i)->pid;
	return nth(m, i);
}

struct task *task_by_name(const struct machine *m, const char *name, size_t len)
{
	if (!len || len >= TASK_NAME_MAX)
		return NULL;
	for (uint32_t i = 0; i < m->processes.tasks.nr; i++) {
		struct task *t = nth(m, i);

		/* Names that are counted up differ at their ends. */
		if (t->name[len - 1] == name[len - 1] && !t->name[len] &&
			!memcmp(t->name, name, len))
			return t;
	}
	return NULL;
}

int tasks_reserve(struct machine *m)
{
	struct tasks *s = &m->processes.tasks;
	uint32_t cap = s->cap ? 2 * s->cap : 16;

	if (s->nr < s->cap)
		return 0;
	uint64_t at = heap_grow(m, s->at, s->cap * sizeof(uint64_t), cap * sizeof(uint64_t));
	if (!at)
		return -m->why.err;
	s->at = at;
	s->cap = cap;
	return 0;
}

void tasks_insert(struct machine *m, struct task *t)
{
	struct tasks *s = &m->processes.tasks;
	uint32_t i = place_of(m, t->pid);

	assert(s->nr < s->cap && (i == s->nr || nth(m, i)->pid != t->pid));
	memmove(table(m) + i + 1, table(m) + i, (s->nr - i) * sizeof(uint64_t));
	table(m)[i] = machine_ref(m, t);
	s->nr++;
}

void tasks_remove(struct machine *m, struct task *t)
{
	struct tasks *s = &m->processes.tasks;
	uint32_t i = place_of(m, t->pid);

	assert(i < s->nr && nth(m, i) == t);
	s->nr--;
	memmove(table(m) + i, table(m) + i + 1, (s->nr - i) * sizeof(uint64_t));
}

int pid_next(struct machine *m, uint32_t *pid)
{
	struct tasks *s = &m->processes.tasks;
	uint32_t max = (uint32_t)m->sysctls.value[SYSCTL_pid_max];
	uint32_t next = s->last_pid + 1 < FIRST_PID ? FIRST_PID : s->last_pid + 1;

	for (unsigned rounds = 0; rounds < 2; rounds++) {
		/* Numbers in use lie side by side in the table. */
		uint32_t i = place_of(m, next);

		while (next < max && i < s->nr && nth(m, i)->pid == next)
			next++, i++;
		if (next < max) {
			*pid = next;
			return 0;
		}
		next = RESERVED_PIDS;
	}
	return refuse(&m->why, EAGAIN, "all numbers up to pid_max (%u) are in use", max);
}

/* ---- what a task says of itself ---- */

struct task *task_leader(const struct machine *m, const struct task *t)
{
	struct task *leader =
		t->pid == t->tgid ? machine_at(m, machine_ref(m, t)) : task_find(m, t->tgid);

	assert(leader);
	return leader;
}

unsigned task_nr_threads(const struct machine *m, const struct task *t)
{
	return task_leader(m, t)->nr_live;
}

void task_group_faults(
	const struct machine *m, const struct task *t, uint64_t *min_flt, uint64_t *maj_flt)
{
	const struct task *leader = task_leader(m, t);

	*min_flt = leader->min_flt + leader->group_min_flt;
	*maj_flt = leader->maj_flt + leader->group_maj_flt;
	link_for_each(m, &leader->threads, l)
	{
		const struct task *other = link_entry(l, struct task, thread);

		*min_flt += other->min_flt;
		*maj_flt += other->maj_flt;
	}
}

int task_set_rlimit(struct machine *m, struct task *t, enum rlimit_id id, struct rlimit limit)
{
	struct task *leader = task_leader(m, t);

	assert(id < NR_RLIMITS);
	if (limit.soft > limit.hard)
		return refuse(&m->why, EINVAL, "the soft limit %llu is above the hard limit %llu",
			(ull)limit.soft, (ull)limit.hard);
	leader->rlim[id] = limit;
	link_for_each(m, &leader->threads, l) link_entry(l, struct task, thread)->rlim[id] = limit;
	return 0;
}

/* INIT_RLIMITS, and fork_init()'s. */
static void rlimits_init(const struct machine *m, struct rlimit *rlim)
{
	uint64_t processes = (uint64_t)m->sysctls.value[SYSCTL_threads_max] / 2;

	for (unsigned i = 0; i < NR_RLIMITS; i++)
		rlim[i] = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
	rlim[RLIM_STACK].soft = 8 << 20;
	rlim[RLIM_CORE].soft = 0;
	rlim[RLIM_NPROC] = rlim[RLIM_SIGPENDING] = (struct rlimit){processes, processes};
	rlim[RLIM_NOFILE] = (struct rlimit){1024, 4096};
	rlim[RLIM_MEMLOCK] = (struct rlimit){8 << 20, 8 << 20};
	rlim[RLIM_MSGQUEUE] = (struct rlimit){819200, 819200};
	rlim[RLIM_NICE] = rlim[RLIM_RTPRIO] = (struct rlimit){0, 0};
}

/* ---- boot ---- */

/* Is [pfn, pfn + nr) RAM that boot keeps, with nothing in it that anyone wrote? */
static bool unused_by_us(struct machine *m, uint64_t pfn, uint64_t nr)
{
	const struct dram dram = machine_dram(m);

	for (uint64_t i = 0; i < nr; i++) {
		uint64_t at = (pfn + i) << PAGE_SHIFT;

		if (!memblock_is_memory(m, at) || !memblock_is_reserved(m, at) ||
			!memblock_is_reserved(m, at + PAGE_BYTES - 1) || dram_has(&dram, at))
			return false;
	}
	return true;
}

/* The first such run at or above @start_pfn, NO_PFN when there is none below @end_pfn. */
static uint64_t find_up(struct machine *m, uint64_t start_pfn, uint64_t end_pfn, uint64_t nr)
{
	for (uint64_t pfn = start_pfn; pfn + nr <= end_pfn; pfn++)
		if (unused_by_us(m, pfn, nr))
			return pfn;
	return NO_PFN;
}

/* The last such run, from the top of low memory down. */
static uint64_t find_down(struct machine *m, uint64_t nr)
{
	const struct memblock_type *r = &m->memblock.reserved;

	for (unsigned i = r->nr; i-- > 0;) {
		uint64_t start = pfn_up(r->region[i].start);
		uint64_t end = r->region[i].end >> PAGE_SHIFT;

		for (uint64_t pfn = end; pfn >= start + nr; pfn--)
			if (unused_by_us(m, pfn - nr, nr))
				return pfn - nr;
	}
	return NO_PFN;
}

/* In the first resource of that name. */
static uint64_t in_image(struct machine *m, const char *part, uint64_t nr)
{
	const struct resource *r = machine_at(m, m->resources.at);

	for (uint32_t i = 0; m->resources.at && i < m->resources.nr; i++)
		if (!strcmp(r[i].name, part))
			return find_up(m, pfn_up(r[i].start), (r[i].end + 1) >> PAGE_SHIFT, nr);
	return NO_PFN;
}

static void find_image_pages(struct machine *m)
{
	struct processes *p = &m->processes;
	uint64_t pfn = in_image(m, "Kernel data", VDSO_PAGES + 1);

	if (pfn == NO_PFN)
		pfn = find_down(m, VDSO_PAGES + 1);
	p->vdso_pfn = pfn;
	p->zero_pfn = in_image(m, "Kernel bss", 1);
	if (p->zero_pfn == NO_PFN)
		p->zero_pfn = pfn == NO_PFN ? find_down(m, 1) : pfn + VDSO_PAGES;
}

int processes_init(struct machine *m)
{
	uint64_t at;
	int err = tasks_reserve(m);

	if (err)
		return err;
	at = heap_alloc(m, sizeof(struct task));
	if (!at)
		return -m->why.err;
	struct task *init = machine_at(m, at);

	*init = (struct task){.pid = 1, .tgid = 1, .comm = "init", .nr_live = 1, .dumpable = true};
	rlimits_init(m, init->rlim);
	tasks_insert(m, init);
	m->processes.tasks.last_pid = FIRST_PID - 1;
	find_image_pages(m);
	return 0;
}

/* ---- the specification ---- */

static unsigned check_one(const struct machine *m, const struct task *t, struct text *out)
{
	unsigned bad = 0, live = t->state != TASK_ZOMBIE;
	const struct task *leader = task_find(m, t->tgid), *parent = task_find(m, t->ppid);

	if (!leader || leader->tgid != leader->pid || (t->tgid != 1 && !parent)) {
		text_printf(out, "task %u: its process %u or its parent %u is not there\n", t->pid,
			t->tgid, t->ppid);
		return 1;
	}
	if (t->state == TASK_ZOMBIE && (t->mm_at || t->stack)) {
		text_printf(out, "task %u: a zombie with memory\n", t->pid);
		bad++;
	}
	const struct task *awaited = task_find(m, t->vfork_child);
	if (t->vfork_child && (!awaited || awaited->vfork_waiter != t->pid)) {
		text_printf(out, "task %u: waits for task %u, which does not know\n", t->pid,
			t->vfork_child);
		bad++;
	}
	if (t != leader)
		return bad;
	link_for_each(m, &t->threads, l)
	{
		const struct task *other = link_entry(l, struct task, thread);

		live++;
		if (other->tgid == t->pid && other->fds_at == t->fds_at && other->ppid == t->ppid)
			continue;
		text_printf(
			out, "task %u: thread %u of process %u\n", t->pid, other->pid, other->tgid);
		bad++;
	}
	link_for_each(m, &t->children, l)
	{
		const struct task *child = link_entry(l, struct task, sibling);

		if (child->ppid == t->pid && child->pid == child->tgid)
			continue;
		text_printf(
			out, "task %u: child %u has parent %u\n", t->pid, child->pid, child->ppid);
		bad++;
	}
	if (live != t->nr_live) {
		text_printf(out, "task %u: %u threads, counted %u\n", t->pid, live, t->nr_live);
		bad++;
	}
	return bad;
}

/* Stacks, and users of address spaces. */
static unsigned check_sums(const struct machine *m, struct text *out)
{
	uint64_t kib = 0, per_task = kernel_stack_bytes(m) >> 10;
	unsigned bad = 0;

	for (uint32_t i = 0; i < m->processes.tasks.nr; i++) {
		const struct task *t = nth(m, i);
		const struct mm *mm = task_mm(m, t);
		uint32_t users = 0;

		kib += t->stack ? per_task : 0;
		if (!mm)
			continue;
		link_for_each(m, &mm->tasks, l) users++;
		if (users == mm->users)
			continue;
		text_printf(out, "task %u: %u tasks are in its address space, %u users\n", t->pid,
			users, mm->users);
		bad++;
	}
	if (kib == node_stat_total(m, ND_nr_kernel_stack))
		return bad;
	text_printf(out, "nr_kernel_stack is %llu KiB, the tasks have %llu\n",
		(ull)node_stat_total(m, ND_nr_kernel_stack), (ull)kib);
	return bad + 1;
}

unsigned tasks_check(struct machine *m, struct text *out)
{
	unsigned bad = 0;

	for (uint32_t i = 0; i < m->processes.tasks.nr; i++) {
		bad += check_one(m, nth(m, i), out);
		if (i && nth(m, i - 1)->pid >= nth(m, i)->pid) {
			text_printf(out, "task %u does not follow task %u\n", nth(m, i)->pid,
				nth(m, i - 1)->pid);
			bad++;
		}
	}
	return bad + check_sums(m, out);
}

/* SPDX-License-Identifier: MIT
 *
 * Claims about processes and threads, on a machine that has just booted:
 *
 *	pid 1 ── 100 ── 103         fork gives the next number; the parent must wait for its zombies
 *	  │       ├ 101, 102        threads share the memory, the files and the parent
 *	  └ 104 (was 102's child)   who loses its parent is pid 1's, and gone as soon as it ends
 */
#include "mm/vmalloc/vmap_area.h"
#include "support/booted.h"
#include "support/process.h"

#include "base/text.h"
#include "mm/page/frame.h"
#include "mm/page/page_alloc.h"
#include "mm/page/zone.h"
#include "mm/process/access.h"
#include "mm/process/file.h"
#include "mm/process/mm.h"
#include "mm/process/task.h"
#include "mm/slab/slab.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static const char *const presets[] = {
	"pc-x86_64", "pc-i386", "pc-i386-pae", "arm-virt", "arm64-virt", "riscv64-virt"};
#define NR_PRESETS (sizeof(presets) / sizeof(presets[0]))

static struct task *clone_of(struct machine *m, struct task *parent, unsigned flags)
{
	struct task *t;

	cr_assert_eq(task_clone(m, parent, flags, 0, &t), 0, "%s", m->why.sentence);
	return t;
}

static struct task *thread_of(struct machine *m, struct task *t)
{
	return clone_of(m, t, CLONE_VM_ | CLONE_SIGHAND_ | CLONE_THREAD_);
}

/* With nothing put aside: neither on CPUs' lists nor lazily freed addresses. */
static uint64_t free_pages_now(struct machine *m)
{
	purge_vmap_area_lazy(m, 0);
	kmem_cache_shrink_all(m, 0);
	drain_all_pages(m, NULL);
	return zone_stat_total(m, ZS_nr_free_pages);
}

Test(task, boot_makes_pid_1_and_takes_no_page)
{
	for (unsigned i = 0; i < NR_PRESETS; i++) {
		struct machine *m = booted(presets[i], NULL);
		const struct task *init = task_find(m, 1);
		uint32_t pid = 2;

		cr_assert(init);
		cr_expect_str_eq(init->comm, "init");
		cr_expect_eq(init->mm_at, 0);
		cr_expect_null(task_next(m, &pid));
		cr_expect_eq(
			zone_stat_total(m, ZS_nr_free_pages), m->totalram_pages, "%s", presets[i]);
		for (unsigned id = 0; id < NR_KMEM_CACHES; id++)
			cr_expect_eq(kmem_cache_objects(m, id), 0);
		machine_destroy(m);
	}
}

/* Reserved pages of the image, which read as zeroes. */
Test(task, boot_finds_the_page_of_zeroes_and_the_vdso)
{
	for (unsigned i = 0; i < NR_PRESETS; i++) {
		struct machine *m = booted(presets[i], NULL);
		const struct processes *p = &m->processes;

		cr_assert_neq(p->zero_pfn, NO_PFN, "%s", presets[i]);
		cr_assert_neq(p->vdso_pfn, NO_PFN, "%s", presets[i]);
		cr_expect(p->zero_pfn < p->vdso_pfn || p->zero_pfn >= p->vdso_pfn + 4);
		cr_expect(frame_peek(m, p->zero_pfn).flags & FRAME_RESERVED, "%s", presets[i]);
		cr_expect(frame_peek(m, p->vdso_pfn + 3).flags & FRAME_RESERVED);
		cr_expect(pfn_present(m, p->zero_pfn) && pfn_present(m, p->vdso_pfn + 3));
		machine_destroy(m);
	}
}

/* proc/1/limits of the oracle's machines. */
Test(task, limits_of_pid_1)
{
	struct machine *m = booted("pc-x86_64", NULL);
	const struct rlimit *r = task_find(m, 1)->rlim;
	uint64_t half = (uint64_t)m->sysctls.value[SYSCTL_threads_max] / 2;

	cr_expect_eq(r[RLIM_CPU].soft, RLIM_INFINITY);
	cr_expect_eq(r[RLIM_STACK].soft, 8388608);
	cr_expect_eq(r[RLIM_STACK].hard, RLIM_INFINITY);
	cr_expect_eq(r[RLIM_CORE].soft, 0);
	cr_expect_eq(r[RLIM_NPROC].soft, half);
	cr_expect_eq(r[RLIM_NOFILE].soft, 1024);
	cr_expect_eq(r[RLIM_NOFILE].hard, 4096);
	cr_expect_eq(r[RLIM_MEMLOCK].hard, 8388608);
	cr_expect_eq(r[RLIM_SIGPENDING].hard, half);
	cr_expect_eq(r[RLIM_MSGQUEUE].soft, 819200);
	cr_expect_eq(r[RLIM_NICE].hard, 0);
	machine_destroy(m);
}

Test(task, numbers_follow_each_other_and_wrap)
{
	struct machine *m = booted("pc-x86_64", NULL);
	struct task *init = task_find(m, 1), *t;

	for (uint32_t pid = 100; pid < 110; pid++)
		cr_expect_eq(clone_of(m, init, 0)->pid, pid);
	cr_expect_eq(task_clone(m, init, 0, 105, &t), -EEXIST);
	cr_expect_eq(task_clone(m, init, 0, 4194304, &t), -EINVAL);
	cr_assert_eq(task_clone(m, init, 0, 21334, &t), 0);
	cr_expect_eq(t->pid, 21334);
	cr_expect_eq(clone_of(m, init, 0)->pid, 110, "a chosen number moves nothing");
	m->sysctls.value[SYSCTL_pid_max] = 302;
	m->processes.tasks.last_pid = 300;
	cr_expect_eq(clone_of(m, init, 0)->pid, 301);
	cr_expect_eq(clone_of(m, init, 0)->pid, 300, "behind pid_max it goes on at 300");
	cr_expect_eq(task_clone(m, init, 0, 0, &t), -EAGAIN);
	m->sysctls.value[SYSCTL_pid_max] = 32768;
	m->sysctls.value[SYSCTL_threads_max] = 14;
	cr_expect_eq(task_clone(m, init, 0, 0, &t), -EAGAIN);
	uint32_t pid = 0, n = 0, last = 0;
	for (; task_next(m, &pid); pid++, n++) {
		cr_expect_gt(pid, last);
		last = pid;
	}
	cr_expect_eq(n, 15);
	booted_check(m);
	machine_destroy(m);
}

/* THREAD_SIZE: 16 KiB; 8 on 32-bit machines. */
Test(task, a_kernel_stack_each)
{
	for (unsigned i = 0; i < NR_PRESETS; i++) {
		struct machine *m = booted(presets[i], NULL);
		uint64_t kib = m->arch == ARCH_I386 || m->arch == ARCH_ARM ? 8 : 16;
		struct task *t = clone_of(m, task_find(m, 1), 0);

		cr_expect_eq(node_stat_total(m, ND_nr_kernel_stack), kib, "%s", presets[i]);
		booted_check(m);
		task_exit(m, t, 0);
		cr_expect_eq(node_stat_total(m, ND_nr_kernel_stack), 0);
		booted_check(m);
		machine_destroy(m);
	}
}

Test(task, all_comes_back)
{
	for (unsigned i = 0; i < NR_PRESETS; i++) {
		struct machine *m = booted(presets[i], NULL);
		uint64_t before = free_pages_now(m), heap = 0;
		uint32_t pid;

		/* The first time two stacks stay for the next tasks, and the kernel's tables for stacks. */
		for (unsigned round = 0; round < 3; round++) {
			struct task *init = task_find(m, 1), *t = clone_of(m, init, 0);

			for (unsigned k = 0; k < 40; k++)
				clone_of(m, t, 0);
			pid = t->pid;
			thread_of(m, t);
			booted_check(m);
			cr_expect_lt(free_pages_now(m), before);
			for (uint32_t other = pid + 1; other <= pid + 40; other++)
				task_exit(m, task_find(m, other), 0);
			task_kill(m, task_find(m, pid));
			if (round)
				cr_expect_eq(free_pages_now(m), before, "%s", presets[i]);
			before = free_pages_now(m);
			pid = 2;
			cr_expect_null(task_next(m, &pid));
			booted_check(m);
			if (round > 1)
				cr_expect_eq(m->heap.used_bytes, heap);
			heap = m->heap.used_bytes;
		}
		machine_destroy(m);
	}
}

Test(task, a_zombie_waits_for_its_parent)
{
	struct machine *m = booted("pc-x86_64", NULL);
	struct task *parent = clone_of(m, task_find(m, 1), 0), *child = clone_of(m, parent, 0);
	uint32_t pid = child->pid, reaped;
	int status;

	cr_expect_eq(child->ppid, parent->pid);
	cr_expect_eq(task_wait(m, parent, 0, &reaped, &status), -EAGAIN);
	cr_expect_eq(task_wait(m, parent, 4711, &reaped, &status), -ECHILD);
	cr_expect_eq(task_wait(m, child, 0, &reaped, &status), -ECHILD);
	child->min_flt = 7;
	child->maj_flt = 2;
	child->cmin_flt = 30;
	task_exit(m, child, 3 << 8);
	cr_assert_eq(task_find(m, pid), child);
	cr_expect_eq(child->state, TASK_ZOMBIE);
	cr_expect_eq(child->stack, 0);
	booted_check(m);
	cr_assert_eq(task_wait(m, parent, pid, &reaped, &status), 0, "%s", m->why.sentence);
	cr_expect_eq(reaped, pid);
	cr_expect_eq(status, 3 << 8);
	cr_expect_eq(parent->cmin_flt, 37);
	cr_expect_eq(parent->cmaj_flt, 2);
	cr_expect_null(task_find(m, pid));
	cr_expect_eq(task_wait(m, parent, 0, &reaped, &status), -ECHILD);
	booted_check(m);
	machine_destroy(m);
}

Test(task, orphans_are_pid_1_s)
{
	struct machine *m = booted("pc-x86_64", NULL);
	struct task *init = task_find(m, 1);
	struct task *a = clone_of(m, init, 0), *b = clone_of(m, a, 0), *c = clone_of(m, b, 0);
	struct task *dead = clone_of(m, b, 0), *thread = thread_of(m, c);
	uint32_t b_pid = b->pid, dead_pid = dead->pid;

	task_exit(m, dead, 0);
	cr_expect_not_null(task_find(m, dead_pid));
	task_exit(m, b, 0);
	cr_expect_null(task_find(m, dead_pid), "pid 1 reaps what it inherits");
	cr_expect_not_null(task_find(m, b_pid), "a zombie: a has not waited");
	cr_expect_eq(c->ppid, 1);
	cr_expect_eq(thread->ppid, 1);
	booted_check(m);
	task_exit(m, a, 0);
	cr_expect_null(task_find(m, b_pid));
	booted_check(m);
	machine_destroy(m);
}

/* Claim: flags that copy_process() does not take together are EINVAL, and each of them alone is taken. */
Test(task, clone_flags_that_exclude_each_other)
{
	enum { THREAD = CLONE_THREAD_ | CLONE_SIGHAND_ | CLONE_VM_ };
	static const unsigned pairs[][2] = {{CLONE_NEWNS_, CLONE_FS_}, {CLONE_NEWUSER_, CLONE_FS_},
		{CLONE_NEWUSER_, THREAD}, {CLONE_NEWPID_, THREAD}, {CLONE_PIDFD_, THREAD},
		{CLONE_PIDFD_, CLONE_DETACHED_}, {CLONE_NEWIPC_, CLONE_SYSVSEM_}};
	struct machine *m = booted("pc-x86_64", NULL);
	struct task *t = clone_of(m, task_find(m, 1), 0), *other;

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		unsigned one = pairs[i][0], two = pairs[i][1], nr = m->processes.tasks.nr;

		cr_expect_eq(task_clone(m, t, one | two, 0, &other), -EINVAL, "%zu", i);
		cr_expect(strstr(m->why.sentence, "excludes"), "%s", m->why.sentence);
		cr_expect_eq(m->processes.tasks.nr, nr);
		cr_expect_eq(task_clone(m, t, one, 0, &other), 0, "%zu", i);
		cr_expect_eq(task_clone(m, t, two, 0, &other), 0, "%zu", i);
	}
	machine_destroy(m);
}

Test(task, threads)
{
	struct machine *m = booted("pc-x86_64", NULL);
	struct task *t = clone_of(m, task_find(m, 1), 0), *other;
	struct task *a = thread_of(m, t), *b = thread_of(m, a);
	uint32_t pid = t->pid, a_pid = a->pid;
	uint64_t min_flt, maj_flt;

	cr_expect_eq(task_clone(m, t, CLONE_THREAD_, 0, &other), -EINVAL);
	cr_expect_eq(task_clone(m, t, CLONE_SIGHAND_, 0, &other), -EINVAL);
	cr_expect_eq(b->tgid, pid);
	cr_expect_eq(b->ppid, 1);
	cr_expect_eq(task_nr_threads(m, b), 3);
	t->min_flt = 1;
	a->min_flt = 20;
	b->min_flt = 300;
	task_group_faults(m, b, &min_flt, &maj_flt);
	cr_expect_eq(min_flt, 321);
	task_exit(m, a, 0);
	cr_expect_null(task_find(m, a_pid));
	task_group_faults(m, b, &min_flt, &maj_flt);
	cr_expect_eq(min_flt, 321, "faults of threads that have ended are not forgotten");
	struct task *child = clone_of(m, b, 0);
	cr_expect_eq(child->ppid, pid, "a thread's child is its process's");
	task_exit(m, t, 1 << 8);
	cr_expect_eq(task_find(m, pid), t, "the first thread stays until the others end");
	cr_expect_eq(task_nr_threads(m, b), 1);
	booted_check(m);
	task_exit(m, b, 0);
	cr_expect_null(task_find(m, pid));
	cr_expect_eq(child->ppid, 1);
	booted_check(m);
	machine_destroy(m);
}

Test(task, exit_group_and_kill_end_all_threads)
{
	struct machine *m = booted("pc-x86_64", NULL);
	struct task *parent = clone_of(m, task_find(m, 1), 0), *t = clone_of(m, parent, 0);
	uint32_t pid = t->pid, reaped;
	int status;

	thread_of(m, t);
	struct task *b = thread_of(m, t);
	task_exit(m, t, 0);
	task_exit_group(m, b, 5 << 8);
	cr_assert_eq(task_wait(m, parent, 0, &reaped, &status), 0);
	cr_expect_eq(reaped, pid);
	cr_expect_eq(status, 5 << 8);
	t = clone_of(m, parent, 0);
	b = thread_of(m, t);
	pid = t->pid;
	task_kill(m, b);
	cr_expect_null(task_find(m, pid));
	cr_expect_eq(task_wait(m, parent, 0, &reaped, &status), -ECHILD);
	booted_check(m);
	task_kill(m, task_find(m, 1));
	cr_expect_not_null(task_find(m, 1));
	cr_expect_not_null(strstr(booted_log(m), "Attempted to kill init!"));
	machine_destroy(m);
}

Test(task, a_vfork_holds_its_parent)
{
	struct machine *m = booted("pc-x86_64", NULL);
	struct task *t = clone_of(m, task_find(m, 1), 0);
	struct task *child = clone_of(m, t, CLONE_VM_ | CLONE_VFORK_);

	cr_expect_eq(t->vfork_child, child->pid);
	task_exit(m, child, 0);
	cr_expect_eq(t->vfork_child, 0);
	struct task *thread = thread_of(m, t);
	child = clone_of(m, thread, CLONE_VM_ | CLONE_VFORK_);
	cr_expect_eq(thread->vfork_child, child->pid);
	cr_expect_eq(t->vfork_child, 0, "only the thread that called waits");
	task_exit(m, child, 0);
	cr_expect_eq(thread->vfork_child, 0);
	booted_check(m);
	machine_destroy(m);
}

/* Who waits is the one that called, whoever the parent is. */
Test(task, a_vfork_of_a_thread_or_a_sibling_holds_the_caller)
{
	struct machine *m = booted("pc-x86_64", NULL);
	struct task *t = clone_of(m, task_find(m, 1), 0);
	struct task *thread =
		clone_of(m, t, CLONE_VM_ | CLONE_SIGHAND_ | CLONE_THREAD_ | CLONE_VFORK_);

	cr_expect_eq(t->vfork_child, thread->pid);
	task_exit(m, thread, 0);
	cr_expect_eq(t->vfork_child, 0);
	struct task *sibling = clone_of(m, t, CLONE_VM_ | CLONE_PARENT_ | CLONE_VFORK_);
	cr_expect_eq(sibling->ppid, 1);
	cr_expect_eq(t->vfork_child, sibling->pid);
	task_exit(m, sibling, 0);
	cr_expect_eq(t->vfork_child, 0);
	/* A caller that ends while it waits is forgotten, though its number comes back. */
	uint32_t pid = t->pid;
	struct task *child = clone_of(m, t, CLONE_VM_ | CLONE_PARENT_ | CLONE_VFORK_);
	task_kill(m, t);
	cr_assert_eq(task_clone(m, task_find(m, 1), 0, pid, &t), 0);
	struct task *other = clone_of(m, t, CLONE_VM_ | CLONE_VFORK_);
	task_exit(m, child, 0);
	cr_expect_eq(t->vfork_child, other->pid);
	booted_check(m);
	machine_destroy(m);
}

Test(task, pid_1_has_threads)
{
	struct machine *m = booted("pc-x86_64", NULL);
	struct task *init = task_find(m, 1), *thread = thread_of(m, init);

	cr_expect_eq(thread->tgid, 1);
	cr_expect_eq(thread->ppid, 0);
	booted_check(m);
	task_exit(m, thread, 0);
	cr_expect_eq(init->nr_live, 1);
	booted_check(m);
	machine_destroy(m);
}

Test(task, limits_are_inherited_and_shared_by_threads)
{
	struct machine *m = booted("pc-x86_64", NULL);
	struct task *t = clone_of(m, task_find(m, 1), 0), *thread = thread_of(m, t);
	struct rlimit bad = {2, 1}, small = {4096, 8192};

	cr_expect_eq(task_set_rlimit(m, thread, RLIM_AS, bad), -EINVAL);
	cr_expect_eq(task_set_rlimit(m, thread, RLIM_AS, small), 0);
	cr_expect_eq(t->rlim[RLIM_AS].soft, 4096);
	cr_expect_eq(thread->rlim[RLIM_AS].hard, 8192);
	cr_expect_eq(clone_of(m, t, 0)->rlim[RLIM_AS].soft, 4096);
	machine_destroy(m);
}

/* ---- files ---- */

static struct file *opened(struct machine *m, const char *path)
{
	struct file *f = file_open(m, 0, path, strlen(path), FILE_CREAT | FILE_RDWR);

	cr_assert(f, "%s", m->why.sentence);
	return f;
}

Test(task, file_numbers)
{
	struct machine *m = booted("pc-x86_64", NULL);
	struct task *t = clone_of(m, task_find(m, 1), 0);
	struct file *f = opened(m, "/a");

	cr_expect_eq(t->nr_fds, 64);
	cr_expect_eq(task_install_fd(m, t, f, -1), 3);
	cr_expect_eq(task_install_fd(m, t, opened(m, "/b"), -1), 4);
	cr_expect_eq(task_file(m, t, 3), f);
	cr_expect_null(task_file(m, t, 0));
	cr_expect_eq(m->why.err, EBADF);
	cr_expect_eq(task_close(m, t, 3), 0);
	cr_expect_eq(task_close(m, t, 3), -EBADF);
	cr_expect_eq(task_install_fd(m, t, opened(m, "/c"), -1), 3, "the lowest free one");
	cr_expect_eq(task_install_fd(m, t, opened(m, "/a"), 3), 3, "as dup2() does");
	cr_expect_eq(task_install_fd(m, t, opened(m, "/a"), 1), 1);
	struct task *thread = thread_of(m, t);
	cr_expect_eq(task_install_fd(m, thread, opened(m, "/a"), 200), 200);
	cr_expect_eq(t->nr_fds, 256, "threads have one table");
	struct task *child = clone_of(m, t, 0);
	cr_expect_eq(child->nr_fds, 256);
	cr_expect_eq(task_file(m, child, 200), task_file(m, t, 200));
	cr_expect_eq(task_file(m, t, 200)->refcount, 2);
	cr_expect_eq(task_install_fd(m, t, opened(m, "/a"), 1024), -EBADF);
	for (int fd = 5; fd < 1024; fd++)
		if (fd != 200)
			cr_expect_eq(task_install_fd(m, t, opened(m, "/a"), -1), fd);
	cr_expect_eq(task_install_fd(m, t, opened(m, "/a"), -1), -EMFILE);
	booted_check(m);
	task_exit_group(m, thread, 0);
	cr_expect_eq(task_file(m, child, 200)->refcount, 1);
	task_exit(m, child, 0);
	cr_expect_eq(kmem_cache_objects(m, KMEM_filp), 0, "all are closed");
	booted_check(m);
	machine_destroy(m);
}

/* ---- failures ---- */

/* Each allocation of the first clone fails once: nothing has changed, and then it works. */
Test(task, a_failed_clone_takes_nothing)
{
	for (unsigned i = 0; i < NR_PRESETS; i++) {
		struct machine *m = booted(presets[i], NULL);
		struct task *init = task_find(m, 1), *child;

		warm_stacks(m);
		uint64_t before = free_pages_now(m), heap = m->heap.used_bytes;
		unsigned failures = 0;

		for (int err = -ENOMEM; err; failures += err != 0) {
			cr_assert_lt(failures, 1000);
			/* `space` is counted in pages. */
			m->fail_page_alloc = (struct fault_inject){.probability = 100,
				.times = -1,
				.interval = 1,
				.space = failures + 1};
			err = task_clone(m, init, 0, 0, &child);
			m->fail_page_alloc.probability = 0;
			if (!err)
				break;
			cr_expect_eq(err, -ENOMEM, "%s", m->why.sentence);
			cr_expect_eq(free_pages_now(m), before, "%s", presets[i]);
			cr_expect_eq(m->heap.used_bytes, heap);
			cr_expect_eq(m->processes.tasks.nr, 1);
			booted_check(m);
		}
		cr_expect_gt(failures, 3, "%s: %u", presets[i], failures);
		cr_expect_eq(child->pid, 102);
		machine_destroy(m);
	}
}

/* An access that faults is made again: its cycles are those of all tries, its TLB's answer that of the first. */
Test(task, an_access_costs_all_its_tries)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 2, RW, PRIVATE);
	struct task_access x = {.a = {.va = at, .bytes = 4, .kind = HW_STORE, .value = 1}};

	/* The CPU enters the address space, which costs, too. */
	cr_assert_eq(proc_store(&p, at + PAGE_BYTES, 1), 0);
	const struct hw_cpu *cpu = machine_cpu(p.m, p.t->cpu);
	uint64_t before = cpu->counters.cycles, accesses = cpu->counters.accesses[HW_STORE];

	cr_assert_eq(task_access(p.m, p.t, &x), 0);
	cr_expect_eq(x.minor, 1);
	cr_expect_eq(x.major, 0);
	cr_expect_eq(x.tlb, HW_TLB_MISS);
	cr_expect_eq(cpu->counters.accesses[HW_STORE], accesses + 2);
	cr_expect_eq(x.cycles, cpu->counters.cycles - before);
	cr_assert_eq(task_access(p.m, p.t, &x), 0);
	cr_expect_eq(x.minor, 0);
	cr_expect_eq(x.tlb, HW_TLB_HIT);
	proc_end(&p);
}

/* SPDX-License-Identifier: MIT
 *
 * A process on a booted machine, for tests of the system calls that change its memory.
 *
 *	struct proc p = proc_start("pc-x86_64");
 *	uint64_t at = proc_map(&p, 8, RW, PRIVATE);
 *	proc_use(&p, HW_STORE, at, 8);
 *	cr_expect_str_eq(proc_maps(&p, at, 8), "0-8 rw-p");
 *	proc_end(&p);
 */
#ifndef TESTS_SUPPORT_PROCESS_H
#define TESTS_SUPPORT_PROCESS_H

#include "hw/cpu.h"
#include "mm/machine.h"
#include "mm/process/syscalls.h"
#include "mm/process/task.h"

#define P PAGE_BYTES

enum { RW = PROT_READ_ | PROT_WRITE_, RX = PROT_READ_ | PROT_EXEC_ };
enum { PRIVATE = MAP_PRIVATE_ | MAP_ANONYMOUS_, SHARED = MAP_SHARED_ | MAP_ANONYMOUS_ };

struct proc {
	struct machine *m;
	struct task *t;
	struct mm *mm;
};

/* Boot the preset and make a process of root's that has a stack and nothing else. */
struct proc proc_start(const char *preset);
/* The same with that kernel command line. */
struct proc proc_start_with(const char *preset, const char *cmdline);
/* Let two processes come and go on CPU 0, so that its cached kernel stacks are there, and what fork takes goes back as it came. */
void warm_stacks(struct machine *m);
/* The same on a machine that is booted already. */
struct proc proc_in(struct machine *m);
/* Kill it, check the machine, destroy it. */
void proc_end(struct proc *p);
/* Fail the test when machine_check() finds anything. */
void proc_check(struct proc *p);
/* A fork of it, with the machine's other fields. */
struct proc proc_fork(struct proc *p);

/* mmap() of that many pages, with a hole of a page on both sides; fails the test when refused. */
uint64_t proc_map(struct proc *p, uint64_t pages, unsigned prot, unsigned flags);
/* A page's worth of file: a mapping of the first @pages pages of a new file that has them. */
uint64_t proc_map_file(struct proc *p, uint64_t pages, unsigned prot, unsigned flags, unsigned open_flags);
/* An access to each page; fails the test when one is refused. Returns the minor faults that it took. */
unsigned proc_use(struct proc *p, enum hw_kind kind, uint64_t addr, uint64_t pages);
/* One access of 8 bytes: 0 or -EFAULT. */
int proc_load(struct proc *p, uint64_t addr, uint64_t *value);
int proc_store(struct proc *p, uint64_t addr, uint64_t value);

/* The mappings in @pages pages from @addr on, in pages from there: "0-2 rw-p, 2-4 r--p lo". Valid until the next call. Flags
 * shown besides the protection: lo ac dc wf dd hg nh mg sr rr. */
const char *proc_maps(const struct proc *p, uint64_t addr, uint64_t pages);
/* All mappings with all flags, and the counters of the address space and what is committed: equal strings, equal state.
 * To be freed. */
char *proc_state(const struct proc *p);
struct vma *proc_vma(const struct proc *p, uint64_t addr);

/* The (@n + 1)-th page allocation from now on fails, and the next: a slab is tried twice. */
void proc_fail(struct proc *p, uint64_t n);
void proc_fail_no_more(struct proc *p);
/* Has it failed? */
bool proc_failed(const struct proc *p);

/* @call on one new mapping of 8 used pages after another, with the first page allocation of each failing: it is refused as a
 * whole, with @err, or done. Sooner or later every kind of slab is full, so some are refused. */
void proc_refuse_some(struct proc *p, int err, int (*call)(struct proc *p, uint64_t at));

uint64_t proc_node_stat(const struct proc *p, enum node_stat_item item);

#endif

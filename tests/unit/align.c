/* SPDX-License-Identifier: MIT
 *
 * Claim: calls and faults that were recorded in two runs, under two sets of numbers, come into an order that could have
 * been, and the layout over time is what the calls say.
 *
 *	calls  1 execve   2 brk   3 mmap 0x7000000 r--   4 mmap 0x7001000 rw- over it   5 mprotect r--   6 munmap
 */
#include "replay/align.h"

#include <criterion/criterion.h>
#include <string.h>

static void strace(struct record *r, const char *line)
{
	const char *why = NULL;

	cr_assert_neq(
		record_strace(r, line, strlen(line), &why), RECORD_MALFORMED, "%s: %s", line, why);
}

static void event(struct record *r, const char *line)
{
	struct ftrace_line l;

	ftrace_parse(line, strlen(line), &l);
	cr_assert(l.kind >= FTRACE_FAULT && l.kind <= FTRACE_EXIT, "%s: %s", line, l.why);
	cr_assert_eq(record_ftrace(r, &l), RECORD_TAKEN);
}

static const char *const calls[] = {
	"20 1.0 execve(\"/bin/prog\", [\"prog\"], 0x7ffe /* 0 vars */) = 0",
	"20 1.1 brk(NULL) = 0x600000",
	"20 1.2 mmap(NULL, 12288, PROT_READ, MAP_PRIVATE, 3, 0) = 0x7000000",
	("20 1.3 mmap(0x7001000, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_FIXED, 3, 0x1000) = "
	 "0x7001000"),
	"20 1.4 mprotect(0x7001000, 4096, PROT_READ) = 0",
	"20 1.5 munmap(0x7000000, 12288) = 0",
	"20 1.6 brk(0x601000) = 0x601000",
	"20 1.7 +++ exited with 0 +++",
};

#define FAULT "prog-31 [001] d.... "
#define AT(time, addr, code)                                                                       \
	FAULT time ": page_fault_user: address=" addr " ip=0x1 error_code=" code
#define RSS(time, mm, own, type, size)                                                             \
	FAULT time ": rss_stat: mm_id=" mm " curr=" own " type=MM_" type "PAGES size=" size "B"

struct world {
	struct record r;
	struct family f;
	struct layout l;
	struct rec_process *p;
};

static void build(struct world *w)
{
	uint64_t cost;

	record_sort(&w->r);
	cr_assert(family_build(&w->f, &w->r));
	cr_assert_eq(w->f.processes.nr, 1);
	w->p = family_process(&w->f, 0);
	cr_assert(layout_build(&w->l, &w->r, w->p, NULL));
	cr_assert(align_faults(w->p, &w->l, &cost));
	cr_expect_eq(cost, 0);
}

static void finish(struct world *w)
{
	layout_finish(&w->l);
	family_finish(&w->f);
	record_finish(&w->r);
}

static const struct rec_fault *fault(const struct world *w, size_t i)
{
	return VEC_AT(struct rec_fault, &w->p->faults, i);
}

Test(align, places_follow_from_the_mappings)
{
	struct world w = {0};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		strace(&w.r, calls[i]);
	event(&w.r, AT("9.1", "0x550000", "0x14")); /* unknown: any place */
	event(&w.r, RSS("9.11", "5", "0", "ANON", "4096"));
	event(&w.r, AT("9.2", "0x7fffe000", "0x6"));	    /* the new program's stack */
	event(&w.r, RSS("9.21", "5", "1", "ANON", "8192")); /* ... execve was before it */
	event(&w.r, AT("9.3", "0x7002000", "0x4"));	    /* 4: the loader is done */
	event(&w.r, AT("9.4", "0x7001000", "0x6"));	    /* 4: writable now */
	event(&w.r, RSS("9.41", "5", "1", "ANON", "12288"));
	event(&w.r, RSS("9.5", "5", "1", "ANON", "8192")); /* 6: unmapped */
	event(&w.r, AT("9.6", "0x600010", "0x6"));	   /* 7: the heap has grown */
	build(&w);
	static const uint32_t at[] = {0, 1, 4, 4, 6, 7};
	cr_assert_eq(w.p->faults.nr, 6);
	for (size_t i = 0; i < 6; i++)
		cr_expect_eq(fault(&w, i)->at, at[i], "fault %zu is at %u", i, fault(&w, i)->at);
	cr_expect_eq(fault(&w, 0)->epoch, 0);
	cr_expect_eq(fault(&w, 1)->epoch, 1);
	cr_expect_eq(fault(&w, 4)->mark, REC_DROP);
	/* Five lines, and execve's own fault. */
	cr_expect_eq(w.p->minor, 6);
	cr_expect_eq(w.p->rss_peak, 3);
	cr_expect_eq(w.p->rss_end, 2);
	finish(&w);
}

Test(align, a_read_does_not_go_into_a_mapping_that_is_about_to_be_overlaid)
{
	struct world w = {0};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		strace(&w.r, calls[i]);
	event(&w.r, AT("9.3", "0x7001000", "0x4"));
	build(&w);
	cr_expect_eq(fault(&w, 0)->at, 4, "execve is taken to be before it");
	finish(&w);
	memset(&w, 0, sizeof(w));
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		strace(&w.r, calls[i]);
	event(&w.r, RSS("9.11", "5", "0", "ANON", "4096"));
	event(&w.r, RSS("9.21", "5", "1", "ANON", "8192"));
	event(&w.r, AT("9.3", "0x7001000", "0x4"));
	build(&w);
	cr_expect_eq(fault(&w, 0)->at, 4);
	finish(&w);
}

Test(align, layout_over_time)
{
	struct world w = {0};
	const struct layout_area *a;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		strace(&w.r, calls[i]);
	build(&w);
	cr_expect_null(layout_find(&w.l, 0x7001000, 2));
	a = layout_find(&w.l, 0x7001000, 3);
	cr_expect(a && a->prot == 1 && a->ended == LAYOUT_REPLACED);
	a = layout_find(&w.l, 0x7001fff, 4);
	cr_expect(a && a->prot == 3 && a->ended == LAYOUT_CHANGED && a->kind == LAYOUT_FILE);
	a = layout_find(&w.l, 0x7001000, 5);
	cr_expect(a && a->prot == 1 && a->ended == LAYOUT_UNMAPPED);
	a = layout_find(&w.l, 0x7000000, 5);
	cr_expect(a && a->start == 0x7000000 && a->end == 0x7001000);
	cr_expect_null(layout_find(&w.l, 0x7000000, 6));
	cr_expect_null(layout_find(&w.l, 0x600000, 6));
	a = layout_find(&w.l, 0x600000, 7);
	cr_expect(a && a->kind == LAYOUT_ANON && a->to == STILL);
	finish(&w);
}

/* A shell that forks: the child has its parent's memory until it begins a program; threads are one process. */
Test(align, families)
{
	static const char *const lines[] = {
		"20 execve(\"/bin/sh\", [\"sh\"], 0x1 /* 0 vars */) = 0",
		"20 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7000000",
		("20 clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLD, child_tidptr=0x1 "
		 "<unfinished ...>"),
		"21 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7100000",
		"20 <... clone resumed>) = 21",
		"21 execve(\"/bin/cat\", [\"cat\"], 0x1 /* 0 vars */ <unfinished ...>",
		"20 clone3({flags=CLONE_VM|CLONE_THREAD|CLONE_SIGHAND, child_tid=0x1}, 88) = 22",
		"21 <... execve resumed>) = 0",
		"22 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7200000",
		"20 vfork( <unfinished ...>",
		"23 execve(\"/bin/true\", [\"true\"], 0x1 /* 0 vars */) = 0",
		"20 <... vfork resumed>) = 23",
	};
	struct record r = {0};
	struct family f = {0};
	struct layout parent = {0}, child = {0};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		strace(&r, lines[i]);
	event(&r, "sh-50 [000] 1.1: page_fault_user: address=0x1 ip=0x1 error_code=0x4");
	event(&r, "cat-51 [000] 1.1: page_fault_user: address=0x1 ip=0x1 error_code=0x4");
	event(&r, "sh-52 [000] 1.1: page_fault_user: address=0x1 ip=0x1 error_code=0x4");
	event(&r, "cat-53 [000] 1.1: page_fault_user: address=0x1 ip=0x1 error_code=0x4");
	record_sort(&r);
	cr_assert(family_build(&f, &r));
	cr_expect_eq(f.threads.nr, 4);
	cr_expect_eq(f.processes.nr, 3, "the thread has no process of its own");
	static const uint32_t fault_tids[] = {50, 51, 52, 0};
	for (size_t i = 0; i < 4; i++)
		cr_expect_eq(VEC_AT(struct rec_thread, &f.threads, i)->fault_tid, fault_tids[i]);
	cr_expect_eq(f.strangers, 1);
	struct rec_process *p = family_process(&f, 1);
	cr_expect(p->parent == 0 && !p->shares_parent);
	cr_expect(family_process(&f, 2)->shares_parent);
	cr_assert(layout_build(&parent, &r, family_process(&f, 0), NULL));
	cr_assert(layout_build(&child, &r, p, &parent));
	cr_expect_not_null(layout_find(&child, 0x7000000, 0), "inherited");
	cr_expect_not_null(layout_find(&child, 0x7100000, 1));
	cr_expect_null(layout_find(&child, 0x7000000, 2), "execve began another program");
	cr_expect_null(layout_find(&parent, 0x7100000, 9));
	cr_expect_not_null(layout_find(&parent, 0x7200000, parent.nr_calls), "the thread's call");
	layout_finish(&child);
	layout_finish(&parent);
	family_finish(&f);
	record_finish(&r);
}

/* The same number and name: one run, whatever the order. */
Test(align, one_run)
{
	struct record r = {0};
	struct family f = {0};

	strace(&r, "20 execve(\"/bin/a\", [\"a\"], 0x1 /* 0 vars */) = 0");
	strace(&r, "20 fork() = 21");
	strace(&r, "21 getpid() = 21");
	strace(&r, "21 +++ exited with 0 +++");
	event(&r, "a-21 [000] 1.1: page_fault_user: address=0x1 ip=0x1 error_code=0x4");
	event(&r, "a-20 [000] 1.1: page_fault_user: address=0x1 ip=0x1 error_code=0x4");
	record_sort(&r);
	cr_assert(family_build(&f, &r));
	cr_expect_eq(VEC_AT(struct rec_thread, &f.threads, 0)->fault_tid, 20);
	cr_expect_eq(VEC_AT(struct rec_thread, &f.threads, 1)->fault_tid, 21);
	family_finish(&f);
	record_finish(&r);
}

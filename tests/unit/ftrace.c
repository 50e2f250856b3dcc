/* SPDX-License-Identifier: MIT
 *
 * Claim: an event line is read alike whichever tool wrote its head, a torn one is never taken for a whole one, and
 * no bytes at all make the parser read beyond them.
 */
#include "replay/ftrace.h"
#include "replay/gfp_names.h"

#include "base/rng.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FREE_TEXT "page=00000000cc94282e pfn=0x362458 order=0"
#define ALLOC_TEXT                                                                                 \
	"page=00000000cc94282e pfn=0x362458 order=3 migratetype=1 gfp_flags=GFP_KERNEL|__GFP_ZERO"

static struct ftrace_line parse(const char *line)
{
	/* A copy of the exact size, so that the sanitizer sees a read beyond it. */
	size_t len = strlen(line);
	char *copy = malloc(len ? len : 1);
	struct ftrace_line l;

	memcpy(copy, line, len);
	ftrace_parse(copy, len, &l);
	/* What points into the copy goes with it. */
	l.gfp = l.gfp ? line + (l.gfp - copy) : NULL;
	free(copy);
	return l;
}

static const struct {
	const char *line;
	uint32_t cpu;
	uint64_t time_ns;
} heads[] = {
	/* trace, trace_pipe: with and without thread group; with and without irq-info; nanoseconds */
	{"        record.sh-26763   (  26763) [001] .n...  3142.309711: mm_page_free: " FREE_TEXT,
		1, 3142309711000},
	{"           <...>-1234    [013] d..1.  3142.309711: mm_page_free: " FREE_TEXT, 13,
		3142309711000},
	{"          <idle>-0     [000] ..s.     0.000001: mm_page_free: " FREE_TEXT, 0, 1000},
	{"             cat-26788 [001]  3142.310565: mm_page_free: " FREE_TEXT, 1, 3142310565000},
	{"             cat-26788 [255] dN.1  3142.310565123: mm_page_free: " FREE_TEXT, 255,
		3142310565123},
	{"     kworker/0:1-24      (    24) [000] d..1. 99.5: mm_page_free: " FREE_TEXT, 0,
		99500000000},
	/* trace-cmd report: the event padded, the pointer whole; delays and latency marks as further words */
	{"             cat-26788 [001]  3142.310565: mm_page_free:         page=0xffffea000d891600 "
	 "pfn=0x362458 order=0",
		1, 3142310565000},
	{"             cat-26788 [001] d..1  3142.310565: mm_page_free:         "
	 "page=0xffffea000d891600 pfn=3548248 order=0",
		1, 3142310565000},
	/* perf script: the event's system, names with blanks, pid or pid/tid */
	{"cat 26788 [001]  3142.310565:            kmem:mm_page_free: page=0xffffea000d891600 "
	 "pfn=0x362458 order=0",
		1, 3142310565000},
	{"Web Content 26788/26790 [003]  3142.310565: kmem:mm_page_free: " FREE_TEXT, 3,
		3142310565000},
	{"cat 26788  3142.310565: kmem:mm_page_free: " FREE_TEXT, 0, 3142310565000},
	{"  3142.310565: kmem:mm_page_free: " FREE_TEXT, 0, 3142310565000},
	/* a task may call itself anything */
	{"        [002] x:-17    [001] .....  1.000000: mm_page_free: " FREE_TEXT, 1, 1000000000},
	/* latency-format */
	{"     cat-26788     1dn.1. 3142310us : mm_page_free: " FREE_TEXT, 1, 3142310000},
	{"   <...>-4154     12d..3    51us+: mm_page_free: " FREE_TEXT, 12, 51000},
	/* nocontext-info */
	{"mm_page_free: " FREE_TEXT, 0, 0},
	/* a clock that counts something else */
	{"             cat-26788   [001] d....  987654321: mm_page_free: " FREE_TEXT, 1, 0},
	/* DOS line ends, blanks at the end */
	{"             cat-26788   [001] d....  1.5: mm_page_free: " FREE_TEXT "\r", 1, 1500000000},
	{"\t   cat-26788   [001] d....  1.5: mm_page_free: " FREE_TEXT "  ", 1, 1500000000},
};

Test(ftrace, heads_of_every_tool)
{
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		struct ftrace_line l = parse(heads[i].line);

		cr_assert_eq(l.kind, FTRACE_FREE, "%s: kind %d (%s)", heads[i].line, l.kind,
			l.why ? l.why : "");
		cr_expect_eq(l.cpu, heads[i].cpu, "%s: cpu %u", heads[i].line, l.cpu);
		cr_expect_eq(l.has_time, heads[i].time_ns != 0, "%s", heads[i].line);
		cr_expect_eq(l.time_ns, heads[i].time_ns, "%s: %llu ns", heads[i].line,
			(unsigned long long)l.time_ns);
		cr_expect_eq(l.pfn, 0x362458);
		cr_expect_eq(l.order, 0);
	}
}

#define HEAD " cat-1 [000] ..... 1.0: "

Test(ftrace, events_and_their_fields)
{
	struct ftrace_line l = parse(HEAD "mm_page_alloc: " ALLOC_TEXT);

	cr_assert_eq(l.kind, FTRACE_ALLOC);
	cr_expect_eq(l.pfn, 0x362458);
	cr_expect_eq(l.order, 3);
	cr_expect_eq(l.migratetype, 1);
	cr_expect_eq(l.gfp_len, strlen("GFP_KERNEL|__GFP_ZERO"));
	cr_expect_arr_eq(l.gfp, "GFP_KERNEL|__GFP_ZERO", l.gfp_len);
	cr_expect_not(l.no_page);

	l = parse(HEAD "mm_page_free_batched: page=00000000cc94282e pfn=3548248 order=0 cold=0");
	cr_expect_eq(l.kind, FTRACE_FREE_BATCHED);
	cr_expect_eq(l.pfn, 0x362458);

	static const char *const none[] = {
		"(null)", "          (null)", "0000000000000000", "(nil)", "0x0", "0"};
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		char line[200];

		snprintf(line, sizeof(line),
			HEAD "mm_page_alloc: page=%s pfn=0 order=9 migratetype=1 gfp_flags=none",
			none[i]);
		l = parse(line);
		cr_expect_eq(l.kind, FTRACE_ALLOC, "%s", line);
		cr_expect(l.no_page, "%s", line);
	}
	/* Page 0 itself has a struct page somewhere. */
	l = parse(HEAD "mm_page_alloc: page=00000000cc94282e pfn=0x0 order=0 migratetype=1 "
		       "gfp_flags=none");
	cr_expect_not(l.no_page);
}

static const struct {
	enum ftrace_kind kind;
	const char *line;
	uint64_t number;
} others[] = {
	{FTRACE_COMMENT, ""},
	{FTRACE_COMMENT, "   \r"},
	{FTRACE_COMMENT, "# tracer: nop"},
	{FTRACE_COMMENT, "#           TASK-PID       TGID    CPU#  |||||  TIMESTAMP  FUNCTION"},
	{FTRACE_COMMENT, "##### CPU 1 buffer started ####"},
	{FTRACE_COMMENT, "version = 7"},
	{FTRACE_COMMENT, "cpus=2"},
	{FTRACE_COMMENT, "CPU 1 is empty"},
	{FTRACE_TOTAL, "# entries-in-buffer/entries-written: 263314/263314   #P:2", 263314},
	{FTRACE_LOST, "CPU:1 [LOST 20 EVENTS]", 20},
	{FTRACE_LOST, "CPU:0 [7 EVENTS DROPPED]", 7},
	{FTRACE_LOST, "CPU:0 [EVENTS DROPPED]", 0},
	{FTRACE_INFORMATIONAL, HEAD
		"mm_page_alloc_zone_locked: page=00 pfn=0x1 order=0 migratetype=1 percpu_refill=1"},
	{FTRACE_INFORMATIONAL, HEAD "mm_page_pcpu_drain: page=00 pfn=0x1 order=0 migratetype=1"},
	{FTRACE_INFORMATIONAL,
		HEAD "mm_page_alloc_extfrag: page=00 pfn=0x497000 alloc_order=0 fallback_order=10"},
	{FTRACE_FAULT,
		HEAD "page_fault_user: address=0x55d453d21e9c ip=0x55d4389ff2c3 error_code=0x7"},
	{FTRACE_FOREIGN, HEAD "tracing_mark_write: orc-begin realtime=1795331076.488302433"},
	{FTRACE_FOREIGN, HEAD "sched:sched_switch: prev_comm=[001] mm_page_alloc: x"},
	{FTRACE_FOREIGN, HEAD "mm_page_frozen: something later kernels may have"},
	{FTRACE_FOREIGN,
		HEAD "mm_filemap_add_to_page_cache: dev 254:1 ino 3a pfn=0x1 ofs=0 order=0"},
	{FTRACE_FOREIGN, HEAD "vfs_read <-ksys_read"},
	{FTRACE_FOREIGN, HEAD "<stack trace>"},
	{FTRACE_FOREIGN, " => __alloc_pages"},
	{FTRACE_FOREIGN, "\t    ffffffff8132c1d5 __alloc_pages+0x1d5 ([kernel.kallsyms])"},
	{FTRACE_FOREIGN, " 1)   0.123 us    |  foo();"},
	{FTRACE_FOREIGN, "cat 26788  3142.310565: sched:sched_switch: prev_comm=cat"},
	{FTRACE_MALFORMED, "hello"},
	{FTRACE_MALFORMED, "order=0"},
	{FTRACE_MALFORMED, "0x362458 order=0 migratetype=1 gfp_flags=GFP_KERNEL"},
	{FTRACE_MALFORMED, "42.310565: mm_page_free: " FREE_TEXT},
	{FTRACE_MALFORMED, "             cat-26788   (  26788) [001] d..3."},
	{FTRACE_MALFORMED, "             cat-26788   (  26788) [001] d..3.  3142.310565:"},
	{FTRACE_MALFORMED, HEAD "mm_pa"},
	{FTRACE_MALFORMED, HEAD "mm_page_free"},
	{FTRACE_MALFORMED, HEAD "kmem:mm_page_fr"},
	{FTRACE_MALFORMED, HEAD "mm_page_free:"},
	{FTRACE_MALFORMED, HEAD "mm_page_free: page=00 pfn=0x order=0"},
	{FTRACE_MALFORMED, HEAD "mm_page_free: page=00 pfn=0x12 orde"},
	{FTRACE_MALFORMED, HEAD "mm_page_free: page=00 pfn=0x12 order=0cat-26788 [001] d..3. "
				"3142.3: mm_page_free:"},
	{FTRACE_MALFORMED, HEAD "mm_page_free: page=00 pfn=0x12zz order=0"},
	{FTRACE_MALFORMED, HEAD "mm_page_free: page=00 pfn=-1 order=0"},
	{FTRACE_MALFORMED, HEAD "mm_page_free: page=00 pfn=0xfffffffffffffffff order=0"},
	{FTRACE_MALFORMED, HEAD "mm_page_free: page=00 pfn=99999999999999999999 order=0"},
	{FTRACE_MALFORMED, HEAD "mm_page_free: page=0c pfn=0x10000000000000 order=0"},
	{FTRACE_MALFORMED, HEAD "mm_page_free: page=0c pfn=0x362458 order=64"},
	{FTRACE_MALFORMED, HEAD "mm_page_free: page=0c pfn=0x362458 order=4"},
	{FTRACE_MALFORMED, HEAD "mm_page_free: page=(null) pfn=0x0 order=0"},
	{FTRACE_MALFORMED, HEAD "mm_page_alloc: page=0c pfn=0x362458 order=0 migratetype=1"},
	{FTRACE_MALFORMED,
		HEAD "mm_page_alloc: page=0c pfn=0x362458 order=0 migratetype=1 gfp_flags="},
	{FTRACE_MALFORMED,
		HEAD "mm_page_alloc: page=0c pfn=0x362458 order=0 migratetype=99 gfp_flags=none"},
	{FTRACE_MALFORMED, " cat-1 [000] ..... 99999999999.0: mm_page_free: " FREE_TEXT},
	{FTRACE_MALFORMED, " cat-1 [000] ..... 1.0000000001: mm_page_free: " FREE_TEXT},
};

Test(ftrace, what_is_no_event_of_the_allocator)
{
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct ftrace_line l = parse(others[i].line);

		cr_expect_eq(l.kind, others[i].kind, "%s: kind %d (%s)", others[i].line, l.kind,
			l.why ? l.why : "");
		cr_expect_eq(l.number, others[i].number, "%s", others[i].line);
		cr_expect_eq(l.why != NULL, l.kind == FTRACE_MALFORMED, "%s", others[i].line);
	}
}

/* Cut anywhere, a line is an event only when all of the event is there. */
Test(ftrace, torn_anywhere)
{
	static const char *const line =
		"   cat-26788   (  26788) [001] d..3.  3142.310565: mm_page_alloc: " ALLOC_TEXT;
	size_t len = strlen(line);
	const char *first_flag_end = strstr(line, "|__GFP_ZERO");

	for (size_t from = 0; from < len; from++) {
		struct ftrace_line l = parse(line + from);

		if (l.kind != FTRACE_ALLOC)
			continue;
		cr_expect_eq(l.pfn, 0x362458, "from %zu", from);
		cr_expect_eq(l.order, 3);
		cr_expect(!l.has_time || l.time_ns == 3142310565000, "from %zu: %llu ns", from,
			(unsigned long long)l.time_ns);
	}
	for (size_t n = 0; n < len; n++) {
		char *cut = strndup(line, n);
		struct ftrace_line l = parse(cut);
		unsigned unknown;
		gfp_t gfp;

		/* Within the flags the words decide; a whole first word cannot be told from a whole line. */
		if (l.kind == FTRACE_ALLOC)
			cr_expect(!gfp_from_any_kernel(l.gfp, l.gfp_len, &gfp, &unknown) ||
					  cut + n == cut + (first_flag_end - line),
				"cut at %zu: %s", n, cut);
		else
			cr_expect(l.kind == FTRACE_MALFORMED || l.kind == FTRACE_COMMENT,
				"cut at %zu: kind %d", n, l.kind);
		free(cut);
	}
}

Test(ftrace, random_bytes)
{
	struct rng rng = {11};

	for (int i = 0; i < 20000; i++) {
		char line[256];
		size_t base = rng_below(&rng, sizeof(heads) / sizeof(heads[0]));
		size_t len = strlen(heads[base].line);

		/* Some bytes of a good line replaced by others of it, or by any. */
		memcpy(line, heads[base].line, len + 1);
		for (unsigned n = rng_below(&rng, 8); n; n--)
			line[rng_below(&rng, (uint32_t)len)] =
				(char)(rng_below(&rng, 2) ? line[rng_below(&rng, (uint32_t)len)]
							  : 1 + (int)rng_below(&rng, 255));
		struct ftrace_line l = parse(line);
		cr_assert(l.kind <= FTRACE_FOREIGN);
		cr_assert(l.order <= FTRACE_MAX_ORDER);
		cr_assert(l.pfn >> 52 == 0 || l.kind == FTRACE_MALFORMED);
	}
}

static const struct {
	const char *text;
	gfp_t gfp;
	unsigned unknown;
} flags[] = {
	{"none", 0, 0},
	{"0", 0, 0},
	{"GFP_KERNEL", GFP_KERNEL, 0},
	{"GFP_HIGHUSER_MOVABLE|__GFP_ZERO|__GFP_COMP",
		GFP_HIGHUSER_MOVABLE | __GFP_ZERO | __GFP_COMP, 0},
	/* 6.18 has no __GFP_ATOMIC; the name means the same */
	{"GFP_ATOMIC|__GFP_NOWARN", GFP_ATOMIC | __GFP_NOWARN, 0},
	{"GFP_NOWAIT|__GFP_NO_OBJ_EXT", GFP_NOWAIT, 0},
	{"GFP_TRANSHUGE_LIGHT",
		(GFP_HIGHUSER_MOVABLE | __GFP_COMP | __GFP_NOMEMALLOC | __GFP_NOWARN) &
			~(__GFP_DIRECT_RECLAIM | __GFP_KSWAPD_RECLAIM),
		0},
	/* 4.x and older */
	{"GFP_KERNEL|__GFP_REPEAT|__GFP_NOTRACK", GFP_KERNEL | __GFP_RETRY_MAYFAIL, 0},
	{"GFP_KERNEL|GFP_ZERO|GFP_COLD", GFP_KERNEL | __GFP_ZERO, 0},
	{"GFP_TEMPORARY", GFP_KERNEL | __GFP_RECLAIMABLE, 0},
	/* later than anyone knows */
	{"GFP_KERNEL|__GFP_TELEPATHY|0x8000000", GFP_KERNEL, 2},
};

Test(ftrace, flags_of_any_kernel)
{
	static struct gfp_cache cache;

	for (size_t i = 0; i < 2 * sizeof(flags) / sizeof(flags[0]); i++) {
		size_t row = i / 2; /* each twice: the second time from the cache */
		unsigned unknown;
		gfp_t gfp;

		cr_expect(gfp_cached(
				  &cache, flags[row].text, strlen(flags[row].text), &gfp, &unknown),
			"%s", flags[row].text);
		cr_expect_eq(gfp, flags[row].gfp, "%s: %#x", flags[row].text, gfp);
		cr_expect_eq(unknown, flags[row].unknown, "%s", flags[row].text);
	}
	static const char *const torn[] = {"", "|", "GFP_KERNEL|", "|GFP_KERNEL", "GFP_KERN",
		"GFP_KERNEL|__GFP_ZER", "GFP-KERNEL", "GFP_KERNEL||__GFP_ZERO"};
	for (size_t i = 0; i < sizeof(torn) / sizeof(torn[0]); i++) {
		unsigned unknown;
		gfp_t gfp;

		cr_expect_not(gfp_cached(&cache, torn[i], strlen(torn[i]), &gfp, &unknown), "%s",
			torn[i]);
	}
}

/* ---- processes ---- */

static struct ftrace_line parse_in_place(const char *line)
{
	struct ftrace_line l;

	ftrace_parse(line, strlen(line), &l);
	return l;
}

Test(ftrace, page_faults)
{
	static const char *const lines[] = {
		"              ls-25846   [001] d....  7013.945948: page_fault_user: "
		"address=0x7ffff7dcfa10 ip=0x7ffff7ea6353 "
		"error_code=0x7",
		"              ls-25846   (  25846) [001] d....  7013.945948: page_fault_user: "
		"address=0x7ffff7dcfa10 "
		"ip=0x7ffff7ea6353 error_code=0x7",
		"ls 25846 [001]  7013.945948: exceptions:page_fault_user: address=0x7ffff7dcfa10 "
		"ip=0x7ffff7ea6353 "
		"error_code=0x7",
		"ls 1/25846 [001]  7013.945948: exceptions:page_fault_user: address=0x7ffff7dcfa10 "
		"ip=0x7ffff7ea6353 "
		"error_code=0x7",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct ftrace_line l = parse_in_place(lines[i]);

		cr_assert_eq(l.kind, FTRACE_FAULT, "%s: %s", lines[i], l.why);
		cr_expect_eq(l.pid, 25846, "%s: %u", lines[i], l.pid);
		cr_expect(l.comm_len == 2 && !memcmp(l.comm, "ls", 2), "%.*s", (int)l.comm_len,
			l.comm);
		cr_expect(l.from_user);
		cr_expect_eq(l.addr, UINT64_C(0x7ffff7dcfa10));
		cr_expect_eq(l.ip, UINT64_C(0x7ffff7ea6353));
		cr_expect_eq(l.error_code, 7);
		cr_expect_eq(l.time_ns, UINT64_C(7013945948000));
	}
	struct ftrace_line l = parse_in_place("a b-c-9 [000] d.... 1.5: page_fault_kernel: "
					      "address=0x5555555785c0 ip=elf_load error_code=0x2");
	cr_expect_eq(l.kind, FTRACE_FAULT);
	cr_expect_not(l.from_user);
	cr_expect_eq(l.pid, 9);
	cr_expect(l.comm_len == 5 && !memcmp(l.comm, "a b-c", 5));
	cr_expect_eq(l.ip, 0);
	l = parse_in_place("x-9 [000] d.... 1.5: page_fault_kernel: address=init_task+0x8 ip=foo "
			   "error_code=0x0");
	cr_expect_eq(l.kind, FTRACE_FOREIGN, "of the kernel's own memory");
	l = parse_in_place("x-9 [000] d.... 1.5: page_fault_user: address=0x1 ip=0x2 error_c");
	cr_expect_eq(l.kind, FTRACE_MALFORMED);
}

Test(ftrace, rss_and_processes)
{
	struct ftrace_line l = parse_in_place("ls-9 [001] ...1. 7013.9: rss_stat: mm_id=286042170 "
					      "curr=0 type=MM_ANONPAGES size=266240B");

	cr_expect_eq(l.kind, FTRACE_RSS, "%s", l.why);
	cr_expect_eq(l.mm_id, 286042170);
	cr_expect_not(l.current_mm);
	cr_expect_eq(l.member, 1);
	cr_expect_eq(l.rss_bytes, 266240);
	l = parse_in_place(
		"ls-9 [001] ...1. 7013.9: kmem:rss_stat: mm_id=2 curr=1 member=0 size=-4096B");
	cr_expect_eq(l.kind, FTRACE_RSS, "%s", l.why);
	cr_expect_eq(l.rss_bytes, -4096);
	cr_expect_eq(
		parse_in_place("x-9 [0] 1.5: rss_stat: mm_id=2 curr=1 type=MM_ANONPAGES size=26")
			.kind,
		FTRACE_MALFORMED);
	l = parse_in_place(
		"sh-9 [0] 1.5: sched_process_fork: comm=sh pid=9 child_comm=sh child_pid=10");
	cr_expect(l.kind == FTRACE_FORK && l.other_pid == 10);
	l = parse_in_place("sh-9 [0] 1.5: sched_process_exec: filename=/bin/ls pid=9 old_pid=9");
	cr_expect(l.kind == FTRACE_EXEC && l.other_pid == 9);
	l = parse_in_place("sh-9 [0] 1.5: sched_process_exit: comm=ls pid=9 prio=120");
	cr_expect(l.kind == FTRACE_EXIT && l.other_pid == 9);
	cr_expect_eq(
		parse_in_place("sh-9 [0] 1.5: sched_process_wait: comm=ls pid=9 prio=120").kind,
		FTRACE_FOREIGN);
}

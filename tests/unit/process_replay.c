/* SPDX-License-Identifier: MIT
 *
 * Claim: a recorded family of processes runs here under its own numbers, with its own layout, and what it did not have it
 * does not get; whichever of calls and faults comes first.
 *
 *	20 sh ── fork ── 21 (writes to what it shares) ── execve cat ── exit
 */
#include "support/world.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char family[] =
	"20 1500000001.0 execve(\"/bin/sh\", [\"sh\"], 0x1 /* 0 vars */) = 0\n"
	"20 1500000001.1 brk(NULL) = 0x600000\n"
	"20 1500000001.2 brk(0x604000) = 0x604000\n"
	"20 1500000001.2 openat(AT_FDCWD, \"/lib/x.so\", O_RDONLY|O_CLOEXEC) = 3\n"
	"20 1500000001.2 newfstatat(3, \"\", {st_mode=S_IFREG|0755, st_size=20000, ...}, "
	"AT_EMPTY_PATH) = 0\n"
	"20 1500000001.2 mmap(NULL, 16384, PROT_READ, MAP_PRIVATE, 3, 0) = 0x7ffff7000000\n"
	"20 1500000001.2 mprotect(0x7ffff7001000, 4096, PROT_READ|PROT_WRITE) = 0\n"
	"20 1500000001.3 clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLD, "
	"child_tidptr=0x1 <unfinished ...>\n"
	"21 1500000001.4 mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) "
	"= 0x7ffff6000000\n"
	"20 1500000001.5 <... clone resumed>) = 21\n"
	"20 1500000001.5 wait4(21,  <unfinished ...>\n"
	"21 1500000001.6 --- SIGCHLD {si_signo=SIGCHLD} ---\n"
	"21 1500000001.7 open(\"/nothing\", O_RDONLY) = -1 ENOENT (No such file or directory)\n"
	"21 1500000001.7 getpid() = 21\n"
	"21 1500000001.8 execve(\"/bin/cat\", [\"cat\"], 0x1 /* 0 vars */) = 0\n"
	"21 1500000001.9 brk(NULL) = 0x700000\n";

static const char ends[] = "21 1500000002.0 +++ exited with 3 +++\n"
			   "20 1500000002.0 <... wait4 resumed>[{WIFEXITED(s) && WEXITSTATUS(s) == "
			   "3}], 0, NULL) = 21\n"
			   "20 1500000002.1 +++ exited with 0 +++\n";

static const char faults[] =
	"# tracer: nop\n"
	"sh-50 [000] d.... 1.00: rss_stat: mm_id=7 curr=0 type=MM_ANONPAGES size=4096B\n"
	"sh-50 [000] d.... 1.01: page_fault_user: address=0x7fffffffd008 ip=0x1 error_code=0x6\n"
	"sh-50 [000] d.... 1.02: rss_stat: mm_id=7 curr=1 type=MM_ANONPAGES size=8192B\n"
	"sh-50 [000] d.... 1.03: page_fault_user: address=0x601008 ip=0x1 error_code=0x6\n"
	"sh-50 [000] d.... 1.04: rss_stat: mm_id=7 curr=1 type=MM_ANONPAGES size=12288B\n"
	"sh-50 [000] d.... 1.05: page_fault_user: address=0x7ffff7000008 ip=0x1 error_code=0x4\n"
	"sh-50 [000] d.... 1.06: rss_stat: mm_id=7 curr=1 type=MM_FILEPAGES size=4096B\n"
	"sh-50 [000] d.... 1.07: rss_stat: mm_id=8 curr=0 type=MM_ANONPAGES size=8192B\n"
	"sh-50 [000] d.... 1.08: rss_stat: mm_id=8 curr=0 type=MM_ANONPAGES size=12288B\n"
	"cat-51 [001] d.... 1.10: page_fault_user: address=0x601010 ip=0x1 error_code=0x7\n"
	"cat-51 [001] d.... 1.11: page_fault_user: address=0x7ffff6000000 ip=0x1 error_code=0x6\n"
	"cat-51 [001] d.... 1.12: rss_stat: mm_id=8 curr=1 type=MM_ANONPAGES size=16384B\n"
	"sh-50 [000] d.... 1.13: page_fault_user: address=0x601018 ip=0x1 error_code=0x7\n";

static unsigned long long value(const char *report, unsigned pid, const char *key)
{
	char head[32], word[40];

	snprintf(head, sizeof(head), "process %u ", pid);
	snprintf(word, sizeof(word), " %s=", key);
	const char *line = strstr(report, head);
	cr_assert_not_null(line, "%s in %s", head, report);
	const char *at = strstr(line, word);
	cr_assert(at && at < strchr(line, '\n'), "%s in %s", word, line);
	return strtoull(at + strlen(word), NULL, 10);
}

static void check(struct simm *simm)
{
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
	simm_destroy(simm);
}

Test(process_replay, a_family_as_it_was_recorded)
{
	struct simm *simm = world("pc-x86_64", NULL);

	cr_assert_gt(world_write(simm, "sim/replay", family), 0);
	cr_expect(strstr(world_cat(simm, "sim/replay"), "\nprocesses 2\n"));
	cr_expect_str_eq(world_cat(simm, "proc/20/comm"), "sh\n");
	cr_expect_str_eq(world_cat(simm, "proc/21/comm"), "cat\n");
	const char *maps = world_cat(simm, "proc/20/maps");
	cr_expect(strstr(maps, "00600000-00604000 rw-p"), "%s", maps);
	cr_expect(strstr(maps, "7ffff7000000-7ffff7001000 r--p 00000000"), "%s", maps);
	cr_expect(strstr(maps, "7ffff7001000-7ffff7002000 rw-p 00001000"), "%s", maps);
	cr_expect(strstr(maps, "7ffff7002000-7ffff7004000 r--p 00002000"), "%s", maps);
	cr_expect(strstr(maps, "/lib/x.so\n"), "%s", maps);
	cr_expect(strstr(world_cat(simm, "proc/21/status"), "PPid:\t20\n"));
	maps = world_cat(simm, "proc/21/maps");
	cr_expect_null(strstr(maps, "x.so"), "another program: %s", maps);
	cr_expect_null(strstr(maps, "7ffff6000000"), "%s", maps);
	check(simm);
}

Test(process_replay, faults_come_later_and_both_run_again)
{
	struct simm *simm = world("pc-x86_64", NULL);

	cr_assert_gt(world_write(simm, "sim/replay", family), 0);
	cr_assert_gt(world_write(simm, "sim/replay", faults), 0);
	const char *report = world_cat(simm, "sim/replay");
	/* Its three lines, the fault of copying behind the fork, and execve's. */
	cr_expect_eq(value(report, 20, "recorded_minor"), 5, "%s", report);
	cr_expect_eq(value(report, 20, "minor"), 5, "%s", report);
	cr_expect_eq(value(report, 21, "recorded_minor"), 3);
	cr_expect_eq(value(report, 21, "minor"), 3, "%s", report);
	cr_expect_eq(value(report, 20, "spared"), 0);
	cr_expect_eq(value(report, 20, "failed"), 0);
	cr_expect(strstr(world_cat(simm, "proc/20/stat"), "20 (sh) "));
	/* The same again is another recording: the processes of the last one stay, so the numbers are taken. */
	cr_assert_gt(world_write(simm, "sim/replay", family), 0);
	report = world_cat(simm, "sim/replay");
	cr_expect_neq(value(report, 20, "pid"), 20, "%s", report);
	check(simm);
}

Test(process_replay, ends)
{
	struct simm *simm = world("pc-x86_64", NULL);
	struct simm_open *file = world_open(simm, "sim/replay", SIMM_O_WRITE);

	cr_assert_gt(world_puts(file, faults), 0);
	cr_assert_gt(world_puts(file, family), 0);
	cr_assert_gt(world_puts(file, ends), 0);
	/* Nothing runs before the file is closed. */
	cr_expect_not(world_has(simm, "proc/20/maps"));
	cr_expect_eq(world_flush(file, 1), 0);
	simm_release(file);
	cr_expect_not(world_has(simm, "proc/20/maps"));
	const char *report = world_cat(simm, "sim/replay");
	cr_expect_eq(value(report, 20, "minor"), 5, "%s", report);
	cr_expect(strstr(report, "recorded_calls_skipped_failed_there 1\n"));
	cr_expect(strstr(report, "recorded_calls_skipped_foreign 1\n"));
	cr_expect(strstr(report, "recorded_calls_skipped_signals 1\n"));
	cr_expect(strstr(report, "state=ended"));
	check(simm);
}

/* Threads share what they map; remap, advice and locks go through. */
Test(process_replay, threads_and_other_calls)
{
	struct simm *simm = world("pc-x86_64", NULL);
	static const char lines[] =
		"30 execve(\"/bin/a\", [\"a\"], 0x1 /* 0 vars */) = 0\n"
		"30 clone3({flags=CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD, "
		"exit_signal=0}, 88) = 31\n"
		"31 mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = "
		"0x7ffff6000000\n"
		"30 mremap(0x7ffff6000000, 8192, 16384, MREMAP_MAYMOVE) = 0x7ffff5000000\n"
		"31 madvise(0x7ffff5000000, 4096, MADV_DONTNEED) = 0\n"
		"31 mlock(0x7ffff5000000, 4096) = 0\n"
		"31 madvise(0x7ffff5000000, 4096, MADV_SOMETHING_NEW) = 0\n"
		"30 memfd_create(\"shared\", MFD_CLOEXEC) = 5\n"
		"30 ftruncate(5, 8192) = 0\n"
		"30 mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_SHARED, 5, 0) = 0x7ffff4000000\n"
		"30 dup(5) = 9\n"
		"30 close(5) = 0\n"
		"30 mmap(NULL, 4096, PROT_READ, MAP_SHARED, 9, 0x1000) = 0x7ffff3000000\n"
		"31 +++ exited with 0 +++\n";

	cr_assert_gt(world_write(simm, "sim/replay", lines), 0);
	const char *report = world_cat(simm, "sim/replay");
	cr_expect(strstr(report, "recorded_calls_skipped_unread 1\n"), "%s", report);
	cr_expect_eq(value(report, 30, "refused"), 0, "%s", report);
	cr_expect_eq(value(report, 30, "elsewhere"), 0);
	const char *maps = world_cat(simm, "proc/30/maps");
	cr_expect(strstr(maps, "7ffff5000000-7ffff5001000 rw-p"), "%s", maps);
	cr_expect_null(strstr(maps, "7ffff6000000"), "%s", maps);
	cr_expect(strstr(maps, "7ffff4000000-7ffff4002000 rw-s 00000000"), "%s", maps);
	cr_expect(strstr(maps, "/memfd:shared"), "%s", maps);
	cr_expect(strstr(maps, "7ffff3000000-7ffff3001000 r--s 00001000"), "%s", maps);
	cr_expect(strstr(world_cat(simm, "proc/30/status"), "VmLck:\t       4 kB"));
	check(simm);
}

Test(process_replay, torn_and_too_large)
{
	struct simm *simm = world("pc-i386", NULL);

	cr_expect_eq(world_write(simm, "sim/replay",
			     "20 execve(\"/bin/a\", [\"a\"], 0x1 /* 0 vars */) = 0\n"
			     "20 mmap(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = "
			     "0x7ffff6000000\n"),
		-EOVERFLOW);
	cr_expect(strstr(world_cat(simm, "sim/errors"), "64-bit program"));
	cr_expect(strstr(world_cat(simm, "sim/replay"), "processes_state refused\n"));
	cr_expect_not(world_has(simm, "proc/20/maps"));
	/* Another recording is another matter; its torn line is counted. */
	cr_expect_gt(world_write(simm, "sim/replay",
			     "20 execve(\"/bin/a\", [\"a\"], 0x1 /* 0 vars */) = 0\n"
			     "20 mmap(NULL, 8192, PROT_REA\n"
			     "20 mmap(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = "
			     "0xb0000000\n"),
		0);
	cr_expect(strstr(world_cat(simm, "sim/replay"), "malformed 1\n"));
	cr_expect(strstr(world_cat(simm, "proc/20/maps"), "b0000000-b0002000 r--p"));
	check(simm);
}

Test(process_replay, a_kernels_address_is_no_programs)
{
	struct simm *simm = world("pc-x86_64", NULL);

	cr_expect_eq(world_write(simm, "sim/replay",
			     "20 mmap(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = "
			     "0xffff800000000000\n"),
		-EOVERFLOW);
	cr_expect(strstr(world_cat(simm, "sim/errors"), "is a line of it damaged?"));
	check(simm);
}

/* strace's output as it is into the ctl of a process: it, its child, and what is skipped. */
Test(process_replay, through_ctl)
{
	struct simm *simm = world("pc-x86_64", NULL);

	cr_assert_eq(world_mkdir(simm, "sim/tasks", "hog"), 0);
	cr_assert_eq(world_write(simm, "sim/tasks/hog/ctl", family), (ssize_t)strlen(family), "%s",
		world_cat(simm, "sim/errors"));
	const char *maps = world_cat(simm, "sim/tasks/hog/maps");
	cr_expect(strstr(maps, "00600000-00604000 rw-p"), "%s", maps);
	cr_expect(strstr(maps, "7ffff7001000-7ffff7002000 rw-p 00001000"), "%s", maps);
	cr_expect(strstr(maps, "/lib/x.so\n"), "%s", maps);
	cr_expect_str_eq(world_cat(simm, "proc/21/comm"), "cat\n");
	const char *report = world_cat(simm, "sim/replay");
	cr_expect(strstr(report, "ctl_calls_skipped_failed_there 1\n"), "%s", report);
	cr_expect(strstr(report, "ctl_calls_skipped_foreign 1\n"));
	/* Without heads: what the ctl grammar knows it does, the rest is skipped. */
	cr_expect_gt(
		world_write(simm, "sim/tasks/hog/ctl",
			"ioctl(1, TCGETS, 0x7ffee) = -1 ENOTTY (Inappropriate ioctl for device)\n"
			"getpid() = 12\n"
			"openat(AT_FDCWD, \"/etc/new\", O_RDONLY) = 7\n"
			"mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 7, 0) = 0x7ffff2000000\n"
			"exit_group(0) = ?\n"),
		0);
	cr_expect(strstr(world_cat(simm, "sim/tasks/hog/maps"), "7ffff2000000-7ffff2001000 r--p"));
	/* Torn lines are told, a number of nobody's, too. */
	cr_expect_eq(world_write(simm, "sim/tasks/hog/ctl", "20 mmap(NULL, 81\n"), -EINVAL);
	cr_expect_eq(world_write(simm, "sim/tasks/hog/ctl",
			     "20 brk(NULL) = 0x600000\n99 brk(NULL) = 0x1000\n"),
		-ESRCH);
	cr_expect(strstr(world_cat(simm, "sim/errors"), "process 99 was made by no call"));
	check(simm);
}

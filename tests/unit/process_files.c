/* SPDX-License-Identifier: MIT
 *
 * A process as files: made by mkdir, seen in proc/ and sim/tasks/, ended by rmdir; its memory by page, by byte and in
 * sums tells one story.
 *
 *	mkdir sim/tasks/hog  ──>  proc/100/{maps,smaps,pagemap,mem,status ...}  =  sim/tasks/hog/...
 */
#include "support/world.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOG "sim/tasks/hog/"

static const char *call(struct simm *simm, const char *line)
{
	return world_call_at(simm, HOG "ctl", line);
}

static unsigned long long number(const char *text, const char *label)
{
	const char *at = strstr(text, label);

	cr_assert_not_null(at, "%s in %s", label, text);
	return strtoull(at + strlen(label), NULL, 10);
}

/* The sum of a label's figures over the whole text. */
static unsigned long long sum(const char *text, const char *label)
{
	unsigned long long total = 0;

	for (const char *at = text; (at = strstr(at, label)); at += strlen(label))
		total += strtoull(at + strlen(label), NULL, 10);
	return total;
}

Test(process_files, made_by_mkdir_ended_by_rmdir)
{
	struct simm *simm = world_hog("pc-i386");
	char path[64];

	cr_expect_str_eq(world_list(simm, "sim/tasks"), "hog");
	cr_expect_eq(world_mkdir(simm, "sim/tasks", "hog"), -EEXIST);
	cr_expect_lt(world_mkdir(simm, "sim/tasks", "no blanks"), 0);
	unsigned pid = (unsigned)atoi(world_cat(simm, HOG "pid"));
	cr_expect_eq(pid, 100);
	snprintf(path, sizeof(path), "proc/%u/comm", pid);
	cr_expect_str_eq(world_cat(simm, path), "hog\n");
	cr_expect(strstr(world_list(simm, "proc"), " 100"));
	cr_expect_str_eq(world_cat(simm, "proc/1/comm"), "init\n");
	cr_expect(strstr(world_cat(simm, "proc/loadavg"), " 1/2 100\n"));
	call(simm, "brk");
	cr_expect(strstr(world_cat(simm, path), "hog\n"));
	cr_expect(strstr(world_cat(simm, HOG "status"), "State:\tR (running)\n"));
	cr_expect(strstr(world_cat(simm, "proc/1/status"), "State:\tS (sleeping)\n"));
	cr_expect(strstr(world_cat(simm, "proc/stat"), "procs_running 1\n"));

	cr_expect_eq(world_rmdir(simm, "sim/tasks", "hog"), 0);
	cr_expect_not(world_has(simm, path));
	cr_expect_not(world_has(simm, "sim/tasks/hog"));
	cr_expect_str_eq(world_list(simm, "sim/tasks"), "");
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
	simm_destroy(simm);
}

/* Who asks is a visitor: found, not listed, and without what only simulated processes have. */
Test(process_files, the_caller_is_a_visitor)
{
	struct simm *simm = world("pc-x86_64", NULL);
	const struct simm_caller caller = {.pid = 4242, .tid = 4243, .uid = 1000};

	simm_set_caller(simm, &caller);
	cr_expect_str_eq(world_cat(simm, "proc/4242/comm"), "visitor\n");
	cr_expect(strstr(world_cat(simm, "proc/4242/status"), "VmRSS:\t       0 kB\n"));
	cr_expect_str_eq(world_cat(simm, "proc/4242/smaps"), "");
	cr_expect_null(strstr(world_list(simm, "proc"), "4242"));
	cr_expect_str_eq(world_list(simm, "proc/4242/task"), "4242 4243");
	static const char *const none[] = {"ctl", "mem", "pagemap", "walk", "vars", "exe"};
	for (unsigned i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		char path[64];

		snprintf(path, sizeof(path), "proc/4242/%s", none[i]);
		cr_expect_not(world_has(simm, path), "%s", path);
		snprintf(path, sizeof(path), "proc/1/%s", none[i]);
		cr_expect(world_has(simm, path), "%s", path);
	}
	/* A simulated process with the caller's number wins. */
	const struct simm_caller init = {.pid = 1, .tid = 1};
	simm_set_caller(simm, &init);
	cr_expect_str_eq(world_cat(simm, "proc/1/comm"), "init\n");
	simm_destroy(simm);
}

Test(process_files, comm_is_written_as_linux_takes_it)
{
	struct simm *simm = world_hog("pc-i386");

	cr_expect_eq(world_write(simm, HOG "comm", "a\\b\n"), 4);
	cr_expect_str_eq(world_cat(simm, HOG "comm"), "a\\b\n\n");
	cr_expect(!strncmp(world_cat(simm, HOG "status"), "Name:\ta\\\\b\\n\n", 13));
	cr_expect_eq(world_write(simm, HOG "comm", "0123456789abcdefghij"), 20);
	cr_expect_str_eq(world_cat(simm, HOG "comm"), "0123456789abcde\n");
	simm_destroy(simm);
}

Test(process_files, oom_score_adj_is_parsed_as_the_kernel_does)
{
	static const struct {
		const char *write;
		int ret;
		const char *then, *old;
	} rows[] = {
		{"500\n", 4, "500\n", "8\n"},
		{" -17 \n", 6, "-17\n", "0\n"},
		{"0x10", 4, "16\n", "0\n"},
		{"010", 3, "8\n", "0\n"},
		{"1001", -EINVAL, "8\n", "0\n"},
		{"-1001", -EINVAL, "8\n", "0\n"},
		{"1 2", -EINVAL, "8\n", "0\n"},
		{"x", -EINVAL, "8\n", "0\n"},
		{"", 0, "8\n", "0\n"},
		{"1000", 4, "1000\n", "15\n"},
		{"-1000", 5, "-1000\n", "-17\n"},
	};
	struct simm *simm = world_hog("pc-i386");

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (*rows[i].write)
			cr_expect_eq(world_write(simm, HOG "oom_score_adj", rows[i].write),
				rows[i].ret, "%s", rows[i].write);
		cr_expect_str_eq(
			world_cat(simm, HOG "oom_score_adj"), rows[i].then, "%s", rows[i].write);
		cr_expect_str_eq(world_cat(simm, HOG "oom_adj"), rows[i].old, "%s", rows[i].write);
	}
	cr_expect_str_eq(world_cat(simm, HOG "oom_score"), "0\n");
	cr_expect_eq(world_write(simm, HOG "oom_adj", "15\n"), 3);
	cr_expect_str_eq(world_cat(simm, HOG "oom_score_adj"), "1000\n");
	cr_expect_gt(atoi(world_cat(simm, HOG "oom_score")), 1300);
	simm_destroy(simm);
}

static uint64_t pagemap(struct simm *simm, uint64_t va)
{
	struct simm_open *open = world_open(simm, HOG "pagemap", SIMM_O_READ);
	uint64_t entry;

	cr_assert_eq(simm_read(open, &entry, 8, va / 4096 * 8), 8);
	cr_expect_eq(simm_read(open, &entry, 7, va / 4096 * 8), -EINVAL);
	cr_assert_eq(simm_read(open, &entry, 8, va / 4096 * 8), 8);
	simm_release(open);
	return entry;
}

/* One word stored by the process: mem has it, pagemap and walk name the same frame. */
Test(process_files, pagemap_mem_and_walk_agree)
{
	static const char *const presets[] = {
		"pc-i386", "pc-i386-pae", "pc-x86_64", "arm-virt", "arm64-virt", "riscv64-virt"};

	for (unsigned i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
		struct simm *simm = world_hog(presets[i]);
		uint64_t va = strtoull(call(simm, "buf = mmap NULL 1M rw-p"), NULL, 0);
		uint32_t word = 0;

		cr_expect_eq(pagemap(simm, va) >> 63, 0, "%s", presets[i]);
		call(simm, "store buf+8 0x12345678 4");
		uint64_t entry = pagemap(simm, va);
		cr_expect_eq(entry >> 63, 1, "%s", presets[i]);
		cr_expect_eq(entry >> 61 & 1, 0, "%s", presets[i]);
		cr_expect_eq(entry >> 56 & 1, 1, "%s", presets[i]);
		cr_expect_eq(pagemap(simm, va + 4096) >> 63, 0, "%s", presets[i]);

		struct simm_open *mem = world_open(simm, HOG "mem", SIMM_O_READ | SIMM_O_WRITE);
		cr_expect_eq(simm_read(mem, &word, 4, va + 8), 4);
		cr_expect_eq(word, 0x12345678);
		simm_release(mem);

		char want[64];
		snprintf(want, sizeof(want), "physical   0x%llx\n",
			(unsigned long long)((entry & 0x7fffffffffffff) << 12 | 8));
		const char *walk = world_cat(simm, HOG "walk/buf+8");
		cr_expect(strstr(walk, want), "%s: %s in\n%s", presets[i], want, walk);
		cr_expect(strstr(world_cat(simm, HOG "walk/buf+64K"), "fault"), "%s", presets[i]);
		cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
		simm_destroy(simm);
	}
}

Test(process_files, smaps_rollup_status_and_statm_are_one_sum)
{
	struct simm *simm = world_hog("pc-x86_64");

	call(simm, "buf = mmap NULL 10M rw-p");
	call(simm, "touch buf 3M");
	call(simm, "shared = mmap NULL 1M rw-s");
	call(simm, "touch shared 64K");
	call(simm, "fork");
	call(simm, "touch buf 1M");
	char *smaps = strdup(world_cat(simm, HOG "smaps"));
	char *rollup = strdup(world_cat(simm, HOG "smaps_rollup"));
	char *status = strdup(world_cat(simm, HOG "status"));
	static const char *const labels[] = {"\nRss:", "\nShared_Clean:", "\nShared_Dirty:",
		"\nPrivate_Clean:", "\nPrivate_Dirty:", "\nReferenced:", "\nAnonymous:"};
	for (unsigned i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
		cr_expect_eq(sum(smaps, labels[i]), number(rollup, labels[i]), "%s", labels[i]);
	cr_expect_eq(number(rollup, "\nRss:"), number(status, "\nVmRSS:"));
	cr_expect_eq(sum(smaps, "\nSize:"), number(status, "\nVmSize:"));
	cr_expect_eq(number(status, "\nRssShmem:"), 64);
	/* 2 MiB of the anonymous memory are the child's, too; so is the shared memory's first part, which only the parent
	 * has mapped so far. */
	cr_expect_geq(number(rollup, "\nShared_Dirty:"), 2048);
	cr_expect_geq(number(rollup, "\nPrivate_Dirty:"), 1024 + 64);
	cr_expect_lt(number(rollup, "\nPss:"), number(rollup, "\nRss:") - 1000);
	const char *statm = world_cat(simm, HOG "statm");
	cr_expect_eq(strtoull(strchr(statm, ' '), NULL, 10) * 4, number(status, "\nVmRSS:"));
	free(smaps);
	free(rollup);
	free(status);
	simm_destroy(simm);
}

/* Also where an old page has no entry that the hardware would take: the TLB goes on with the one that it has. */
Test(process_files, clear_refs_leaves_tlbs_alone)
{
	static const char *const presets[] = {
		"pc-x86_64", "arm-virt", "arm64-virt", "riscv64-virt"};

	for (unsigned i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
		struct simm *simm = world_hog(presets[i]);

		call(simm, "buf = mmap NULL 64K rw-p");
		call(simm, "touch buf");
		cr_expect_eq(world_write(simm, HOG "clear_refs", "1"), 1);
		cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n", "%s", presets[i]);
		cr_expect(strstr(call(simm, "load buf"), "tlb=hit"));
		cr_expect_eq(number(world_cat(simm, HOG "smaps_rollup"), "\nReferenced:"), 0);
		call(simm, "mprotect buf 64K ---");
		cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n", "%s", presets[i]);
		simm_destroy(simm);
	}
}

Test(process_files, clear_refs_forgets_what_was_used)
{
	struct simm *simm = world_hog("pc-x86_64");
	uint64_t va = strtoull(call(simm, "buf = mmap NULL 64K rw-p"), NULL, 0);

	call(simm, "touch buf");
	cr_expect_eq(pagemap(simm, va) >> 55 & 1, 1);
	cr_expect_geq(number(world_cat(simm, HOG "smaps_rollup"), "\nReferenced:"), 64);
	cr_expect_eq(world_write(simm, HOG "clear_refs", "1\n"), 2);
	cr_expect_eq(number(world_cat(simm, HOG "smaps_rollup"), "\nReferenced:"), 0);

	cr_expect_eq(world_write(simm, HOG "clear_refs", "4"), 1);
	cr_expect_eq(pagemap(simm, va) >> 55 & 1, 0);
	call(simm, "store buf 1 1");
	cr_expect_eq(pagemap(simm, va) >> 55 & 1, 1);
	cr_expect_eq(pagemap(simm, va + 4096) >> 55 & 1, 0);

	static const char *const bad[] = {"0", "6", "x", "0x1", "-1", "1 2"};
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_eq(world_write(simm, HOG "clear_refs", bad[i]), -EINVAL, "%s", bad[i]);

	call(simm, "munmap buf");
	cr_expect_gt(number(world_cat(simm, HOG "status"), "\nVmHWM:"),
		number(world_cat(simm, HOG "status"), "\nVmRSS:"));
	cr_expect_eq(world_write(simm, HOG "clear_refs", "5"), 1);
	cr_expect_eq(number(world_cat(simm, HOG "status"), "\nVmHWM:"),
		number(world_cat(simm, HOG "status"), "\nVmRSS:"));
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
	simm_destroy(simm);
}

/* Names are the process's; one that it does not have is looked up in the machine's. */
Test(process_files, names_have_scopes)
{
	struct simm *simm = world_hog("pc-i386");

	world_call(simm, "page = alloc_page GFP_KERNEL");
	world_call(simm, "buf = __get_free_page GFP_KERNEL");
	call(simm, "buf = mmap NULL 64K rw-p");
	cr_expect_str_eq(world_list(simm, HOG "vars"), "buf");
	cr_expect_str_eq(world_list(simm, "sim/vars"), "page buf");
	cr_expect(strstr(world_cat(simm, HOG "vars/buf"), ", 65536 bytes\n"));
	cr_expect_eq(world_refused_at(simm, HOG "ctl", "munmap page 4K"), EINVAL);
	cr_expect_eq(world_refused_at(simm, HOG "ctl", "munmap nothing 4K"), ENOENT);

	struct simm_node dir;
	cr_assert_eq(simm_resolve(simm, HOG "vars", &dir), 0);
	cr_expect_eq(simm_unlink(simm, &dir, "buf"), 0);
	cr_expect_str_eq(world_list(simm, HOG "vars"), "");
	cr_expect_str_eq(world_list(simm, "sim/vars"), "page buf");
	/* Now buf is the machine's: a kernel address, which user mode may not touch. */
	cr_expect_eq(world_refused_at(simm, HOG "ctl", "load buf"), EFAULT);
	cr_expect(strstr(world_cat(simm, HOG "status"), "SigPnd:\t0000000000000400\n"));
	call(simm, "brk");
	cr_expect(strstr(world_cat(simm, HOG "status"), "SigPnd:\t0000000000000000\n"));
	simm_destroy(simm);
}

Test(process_files, a_zombie_has_no_memory)
{
	struct simm *simm = world_hog("pc-x86_64");

	call(simm, "child = fork");
	cr_expect_str_eq(world_cat(simm, "proc/101/comm"), "hog\n");
	world_call_at(simm, "proc/101/ctl", "exit 3");
	cr_expect(strstr(world_cat(simm, "proc/101/status"), "State:\tZ (zombie)\n"));
	cr_expect_null(strstr(world_cat(simm, "proc/101/status"), "VmRSS"));
	cr_expect_str_eq(world_cat(simm, "proc/101/maps"), "");
	cr_expect_str_eq(world_cat(simm, "proc/101/statm"), "0 0 0 0 0 0 0\n");
	cr_expect_str_eq(world_cat(simm, "proc/101/cmdline"), "");
	cr_expect_eq(world_refused_at(simm, "proc/101/ctl", "brk"), ESRCH);
	char buf[8];
	cr_expect_eq(simm_file_read(simm, "proc/101/smaps_rollup", buf, sizeof(buf)), -ESRCH);
	cr_expect_str_eq(call(simm, "wait4 -1"), "101 status=3");
	cr_expect_not(world_has(simm, "proc/101"));
	simm_destroy(simm);
}

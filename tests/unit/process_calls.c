/* SPDX-License-Identifier: MIT
 *
 * Calls of PID/ctl: strace's spelling and a hand's are one grammar; what they answer, how they are refused, how they wait.
 */
#include "support/world.h"

#include "mm/machine.h"
#include "tree/tree.h"

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

static int refused(struct simm *simm, const char *line)
{
	return world_refused_at(simm, HOG "ctl", line);
}

static bool said(struct simm *simm, const char *words)
{
	return strstr(world_cat(simm, "sim/errors"), words);
}

/* Where the line is in maps. */
static bool maps(struct simm *simm, const char *line)
{
	return strstr(world_cat(simm, HOG "maps"), line);
}

Test(process_calls, straces_spelling_and_a_hands)
{
	struct simm *simm = world_hog("pc-x86_64");

	cr_expect_str_eq(call(simm, "mmap(NULL, 8192, PROT_READ|PROT_WRITE, "
				    "MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = "
				    "0x7f0000200000"),
		"0x7f0000200000");
	cr_expect(maps(simm, "7f0000200000-7f0000202000 rw-p 00000000 00:00 0 \n"));
	cr_expect_str_eq(call(simm, "mmap(0x7f0000300000, 4096, PROT_NONE, "
				    "MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS /* comment */, -1, 0)"),
		"0x7f0000300000");
	cr_expect(maps(simm, "7f0000300000-7f0000301000 ---p 00000000 00:00 0 \n"));
	call(simm, "a = mmap 7f0000400000 8K r-xp MAP_FIXED+MAP_ANONYMOUS");
	cr_expect(maps(simm, "7f0000400000-7f0000402000 r-xp"));
	call(simm, "s = mmap 7f0000500000 4K rw-s");
	call(simm, "n = mmap addr=NULL length=4K prot=r--");
	cr_expect_str_eq(call(simm, "mprotect(0x7f0000200000, 4096, PROT_READ) = 0"), "0");
	cr_expect(maps(simm, "7f0000200000-7f0000201000 r--p"));
	cr_expect_str_eq(call(simm, "munmap a"), "0");
	cr_expect_not(maps(simm, "7f0000400000"));
	cr_expect_str_eq(call(simm, "madvise(0x7f0000201000, 4096, MADV_DONTNEED)"), "0");
	cr_expect_str_eq(call(simm, "munmap(0x7f0000200000, 8192)            = 0"), "0");
	simm_destroy(simm);
}

Test(process_calls, bad_words_are_refused_with_what_is_right)
{
	static const struct {
		const char *line;
		int err;
		const char *sentence;
	} cases[] = {
		{"mmap NULL 4K PROT_RAED", EINVAL, "PROT_READ"},
		{"mmap NULL 4K rw-q", EINVAL, "protection"},
		{"mmap NULL 4K rw-p MAP_PRIVATE|MAP_ANON|MAP_FIXED_", EINVAL, "MAP_FIXED"},
		{"mmap NULL", EINVAL, "LENGTH"},
		{"mmap NULL 4K rw-p MAP_PRIVATE 7", EBADF, ""},
		{"mmap NULL 4K rw-p MAP_PRIVATE|MAP_ANONYMOUS -1 0 9", EINVAL,
			"has no argument here"},
		{"madvise 0 4K MADV_DONTNEDE", EINVAL, "MADV_DONTNEED"},
		{"load 0", EFAULT, "SIGSEGV"},
		{"load 0 3", EINVAL, "1, 2, 4 or 8"},
		{"load 0 4 kernel", EINVAL, "user mode"},
		{"touch 1000 0", EINVAL, "empty"},
		{"touch 1000 4K z", EINVAL, "writes (w)"},
		{"alloc_pages GFP_KERNEL", EINVAL, "sim/ctl"},
		{"prlimit64 0 RLIMIT_STACK 8M:4M", EINVAL, "above the hard"},
		{"prlimit64 4711 RLIMIT_STACK 8M", ESRCH, "no such process"},
		{"execve \"\"", ENOENT, "1 to 4095"},
		{"open \"/nowhere\"", ENOENT, ""},
		{"close 99", EBADF, ""},
		{"mmap NULL 4K rw- MAP_PRIVATE|MAP_SHARED", EBADF, "no open file -1"},
		{"shmat 99", EINVAL, "no such segment"},
		{"wait4 -1", ECHILD, ": ECHILD: "},
	};
	struct simm *simm = world_hog("pc-x86_64");

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cr_expect_eq(refused(simm, cases[i].line), cases[i].err, "%s", cases[i].line);
		cr_expect(said(simm, cases[i].sentence), "%s: %s", cases[i].line,
			world_cat(simm, "sim/errors"));
	}
	cr_expect_eq(world_refused(simm, "mmap NULL 4K"), EINVAL);
	cr_expect(said(simm, "sim/tasks/NAME/ctl"));
	simm_destroy(simm);
	simm = world("cortex-m", NULL);
	cr_expect_eq(world_refused(simm, "spawn hog"), ENOSYS);
	cr_expect(said(simm, "another machine"), "an MMU is not a matter of config=");
	simm_destroy(simm);
}

Test(process_calls, an_access_tells_value_cycles_and_faults)
{
	struct simm *simm = world_hog("pc-i386");

	call(simm, "buf = mmap NULL 64K rw-p");
	const char *r = call(simm, "load buf 4");
	cr_expect(!strncmp(r, "0x0 cycles=", 11) && strstr(r, " tlb=miss fault=minor"), "%s", r);
	call(simm, "store buf+4 0x2a 1");
	r = call(simm, "x = load buf+4 1");
	cr_expect(!strncmp(r, "0x2a cycles=", 12) && strstr(r, " tlb=hit") && !strstr(r, "fault"),
		"%s", r);
	cr_expect(strstr(world_cat(simm, HOG "vars/x"), "number 42"));
	call(simm, "mprotect buf 64K r--");
	cr_expect_eq(refused(simm, "store buf 1 1"), EFAULT);
	cr_expect(said(simm, "SIGSEGV (SEGV_ACCERR)"));
	simm_destroy(simm);
}

Test(process_calls, touch_counts_pages_and_faults_in_slices)
{
	struct simm *simm = world_hog("pc-x86_64");

	call(simm, "buf = mmap NULL 64M rw-p");
	const char *r = call(simm, "touch buf 10M r");
	cr_expect(!strncmp(r, "2560 minor=2560 major=0 ", 24), "%s", r);
	r = call(simm, "n = touch buf");
	cr_expect(!strncmp(r, "16384 minor=16384 major=0 ", 26), "%s", r);
	cr_expect(strstr(world_cat(simm, HOG "vars/n"), "number 16384"));
	r = call(simm, "touch buf+100 4096");
	cr_expect(!strncmp(r, "2 minor=0 ", 10), "%s", r);
	/* A hole: refused at the address, what came before is done. */
	call(simm, "munmap buf+1M 4K");
	cr_expect_eq(refused(simm, "touch buf 2M"), EFAULT);

	/* In slices, between which others are served, and a signal ends it. */
	struct simm_open *open = world_open(simm, HOG "ctl", SIMM_O_READ | SIMM_O_WRITE);
	world_puts(open, "big = mmap NULL 512M rw-p\n");
	struct simm_write *w = simm_write_begin(open, "touch big\n", 10, 0, 1);
	cr_assert_eq(simm_write_step(w), SIMM_MORE);
	simm_write_interrupt(w);
	while (simm_write_step(w) == SIMM_MORE)
		;
	cr_expect_eq(simm_write_end(w), 10);
	r = strchr(world_get(open, 4096), '\n') + 1;
	cr_expect(strstr(r, " stopped=EINTR"), "%s", r);
	simm_release(open);
	simm_destroy(simm);
}

/* The child's memory is the parent's until one writes. */
Test(process_calls, fork_and_copy_on_write)
{
	struct simm *simm = world_hog("pc-x86_64");

	call(simm, "buf = mmap NULL 64K rw-p");
	call(simm, "store buf 0x11 1");
	cr_expect_str_eq(call(simm, "child = fork"), "101");
	world_call_at(simm, "proc/101/ctl", "store buf 0x22 1");
	cr_expect(!strncmp(call(simm, "load buf 1"), "0x11 ", 5));
	cr_expect(!strncmp(world_call_at(simm, "proc/101/ctl", "load buf 1"), "0x22 ", 5));
	cr_expect_str_eq(call(simm, "fork() = 777"), "777");
	cr_expect(world_has(simm, "proc/777/maps"));
	cr_expect_str_eq(
		call(simm,
			"clone(child_stack=NULL, flags=CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|"
			"CLONE_THREAD|CLONE_SYSVSEM, parent_tid=[778]) = 778"),
		"778");
	cr_expect_str_eq(world_list(simm, HOG "task"), "100 778");
	cr_expect_null(strstr(world_list(simm, "proc"), "778"));
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
	simm_destroy(simm);
}

static const char *child_call(struct simm *simm, const char *pid, const char *line)
{
	char path[64];

	snprintf(path, sizeof(path), "proc/%s/ctl", pid);
	return world_call_at(simm, path, line);
}

/* A process, its children and its thread, with names, files and memory of all kinds; then all of them end. */
static void live_and_die(struct simm *simm)
{
	static const char *const lines[] = {"a = mmap NULL 256K rw-p", "touch a",
		"mprotect a 4K r--", "x.0-70 = mmap NULL 8K rw-p", "fd = open /data O_RDWR|O_CREAT",
		"ftruncate fd 64K", "f = mmap NULL 64K rw-p MAP_PRIVATE fd", "touch f",
		"mf = memfd_create shared", "ftruncate mf 64K",
		"s = mmap NULL 64K rw-s MAP_SHARED mf", "touch s", "id = shmget 0 64K",
		"at = shmat id", "touch at", "shmctl id IPC_RMID", "mlock a 16K",
		"b = mremap a+64K 64K 512K MREMAP_MAYMOVE", "pins = pin_user_pages b 8K FOLL_WRITE",
		"unpin_user_page pins", "mbind b 64K MPOL_BIND 0", "munmap x.0-30"};
	char pid[16], thread[16];

	cr_assert_eq(world_mkdir(simm, "sim/tasks", "p"), 0);
	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		world_call_at(simm, "sim/tasks/p/ctl", lines[i]);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(
			pid, sizeof(pid), "%s", world_call_at(simm, "sim/tasks/p/ctl", "c = fork"));
		child_call(simm, pid, "touch b");
		snprintf(thread, sizeof(thread), "%s",
			child_call(simm, pid, "t = clone CLONE_VM|CLONE_SIGHAND|CLONE_THREAD"));
		child_call(simm, thread, "y = mmap NULL 8K rw-p");
		if (i)
			child_call(simm, i == 1 ? pid : thread, "execve /bin/true");
		if (i < 2)
			child_call(simm, pid, "exit_group 0");
	}
	child_call(simm, pid, "exit 0");
	world_call_at(simm, "sim/tasks/p/ctl", "wait4 -1");
	snprintf(pid, sizeof(pid), "%s", world_call_at(simm, "sim/tasks/p/ctl", "v = vfork"));
	child_call(simm, pid, "exit 0");
	cr_assert_eq(world_rmdir(simm, "sim/tasks", "p"), 0);
	world_call(simm, "unlink /data");
}

Test(process_calls, nothing_is_left_of_who_has_ended)
{
	struct simm *simm = world("pc-x86_64-numa", "ram", "512M", NULL);
	const struct machine *m = simm->session.m;
	uint64_t used = 0;

	/* The first times tables grow, and stacks and empty slabs stay for the next ones. */
	for (unsigned round = 0; round < 16; round++) {
		live_and_die(simm);
		/* Kernel stacks' addresses are freed lazily. */
		world_call(simm, "vm_unmap_aliases");
		if (round == 3)
			used = m->heap.used_bytes;
	}
	/* One more or less of the stacks' areas is kept; of the smallest block a round it would be more. */
	cr_expect_lt(m->heap.used_bytes, used + 12 * 16);
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
	simm_destroy(simm);
}

Test(process_calls, a_parent_waits_for_its_vfork_child)
{
	struct simm *simm = world_hog("pc-x86_64");

	cr_expect_str_eq(call(simm, "vfork"), "101");
	cr_expect_eq(refused(simm, "brk"), EAGAIN);
	struct simm_open *open = world_open(simm, HOG "ctl", SIMM_O_READ | SIMM_O_WRITE);
	struct simm_write *w = simm_write_begin(open, "buf = mmap NULL 4K\n", 19, 0, 1);
	cr_assert_eq(simm_write_step(w), SIMM_WAIT);
	cr_expect(strstr(world_cat(simm, "sim/waiting"), "101"));
	cr_expect_str_eq(world_call_at(simm, "proc/101/ctl", "execve \"/bin/true\""), "0");
	cr_assert_eq(simm_write_step(w), SIMM_DONE);
	cr_expect_eq(simm_write_end(w), 19);
	simm_release(open);

	call(simm, "vfork");
	world_call_at(simm, "proc/102/ctl", "exit 1");
	call(simm, "munmap buf");
	simm_destroy(simm);
}

Test(process_calls, wait4_waits)
{
	struct simm *simm = world_hog("pc-x86_64");
	struct simm_open *open = world_open(simm, HOG "ctl", SIMM_O_READ | SIMM_O_WRITE);

	call(simm, "fork");
	cr_expect_str_eq(call(simm, "wait4(-1, NULL, WNOHANG, NULL)"), "0");
	struct simm_write *w = simm_write_begin(open, "wait4 101\n", 10, 0, 1);
	cr_assert_eq(simm_write_step(w), SIMM_WAIT);
	world_call_at(simm, "proc/101/ctl", "exit_group(2)");
	cr_assert_eq(simm_write_step(w), SIMM_DONE);
	cr_expect_eq(simm_write_end(w), 10);
	cr_expect_str_eq(world_get(open, 64), "101 status=2\n");
	w = simm_write_begin(open, "fork\nwait4 -1\n", 14, 0, 1);
	cr_assert_eq(simm_write_step(w), SIMM_WAIT);
	simm_write_interrupt(w);
	cr_assert_eq(simm_write_step(w), SIMM_DONE);
	cr_expect_eq(simm_write_end(w), 5);
	simm_release(open);
	simm_destroy(simm);
}

Test(process_calls, limits_are_set_and_told)
{
	struct simm *simm = world_hog("pc-x86_64");

	cr_expect_str_eq(call(simm, "getrlimit RLIMIT_STACK"), "0 soft=8388608 hard=unlimited");
	cr_expect_str_eq(
		call(simm, "setrlimit RLIMIT_AS 64M:128M"), "0 soft=unlimited hard=unlimited");
	cr_expect_eq(refused(simm, "mmap NULL 128M"), ENOMEM);
	call(simm, "prlimit64(0, RLIMIT_AS, {rlim_cur=8192*1024*1024, rlim_max=RLIM64_INFINITY}, "
		   "NULL) = 0");
	cr_expect_eq(refused(simm, "prlimit64 0 RLIMIT_AS lots"), EINVAL);
	call(simm, "mmap NULL 128M");
	simm_destroy(simm);
}

Test(process_calls, files_are_read_written_and_mapped)
{
	struct simm *simm = world_hog("pc-x86_64");

	cr_expect_eq(refused(simm, "open \"/data\" O_RDWR"), ENOENT);
	call(simm, "fd = open \"/data\" O_RDWR+O_CREAT 0644");
	cr_expect_str_eq(call(simm, "write fd \"hello\\n\" 6"), "6");
	call(simm, "buf = mmap NULL 64K rw-p");
	call(simm, "lseek fd 0");
	cr_expect_str_eq(call(simm, "read fd buf 64K"), "6");
	cr_expect(!strncmp(call(simm, "load buf 1"), "0x68 ", 5));
	call(simm, "store buf 0x48 1");
	cr_expect_str_eq(call(simm, "pwrite64 fd buf 1 0"), "1");
	call(simm, "m = mmap NULL 4K r--s MAP_SHARED fd");
	cr_expect(!strncmp(call(simm, "load m 1"), "0x48 ", 5));
	cr_expect(maps(simm, " /data\n"));
	call(simm, "ftruncate fd 0");
	cr_expect_eq(refused(simm, "load m 1"), EFAULT);
	cr_expect(said(simm, "SIGBUS"));
	call(simm, "unlink \"/data\"");
	cr_expect(maps(simm, " /data (deleted)\n"));

	call(simm, "id = shmget(IPC_PRIVATE, 65536, IPC_CREAT|0600)");
	call(simm, "a = shmat id");
	call(simm, "store a 7 1");
	call(simm, "shmctl id IPC_RMID");
	cr_expect(!strncmp(call(simm, "load a 1"), "0x7 ", 4));
	call(simm, "shmdt a");
	call(simm, "mfd = memfd_create \"x y\"");
	cr_expect(strstr(world_list(simm, HOG "fd"), ""));
	call(simm, "close mfd");
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
	simm_destroy(simm);
}

Test(process_calls, a_segment_is_detached_whatever_became_of_its_mapping)
{
	struct simm *simm = world_hog("pc-x86_64");

	call(simm, "id = shmget 0 40K");
	call(simm, "a = shmat id 500000000000");
	call(simm, "b = shmat id 600000000123 SHM_RND");
	cr_expect(maps(simm, "600000000000-60000000a000 rw-s"));
	call(simm, "mprotect 500000003000 8K r--");
	call(simm, "munmap 500000000000 4K");
	cr_expect_eq(refused(simm, "shmdt 500000003000"), EINVAL);
	cr_expect_eq(refused(simm, "shmdt 500000001000"), EINVAL);
	cr_expect_eq(refused(simm, "shmdt 500000000001"), EINVAL);
	cr_expect_str_eq(call(simm, "shmdt 500000000000"), "0");
	cr_expect(!maps(simm, "500000"));
	cr_expect(maps(simm, "600000000000-60000000a000 rw-s"), "another one stays");
	cr_expect_eq(refused(simm, "shmdt 500000000000"), EINVAL);

	/* What is there is replaced with SHM_REMAP only, which needs an address. */
	cr_expect_eq(refused(simm, "shmat id 600000001000"), EINVAL);
	cr_expect_eq(refused(simm, "shmat id NULL SHM_REMAP"), EINVAL);
	cr_expect_eq(refused(simm, "shmat id 123 SHM_RND+SHM_REMAP"), EINVAL, "it is rounded to 0");
	cr_expect_eq(refused(simm, "shmat id 600000000123"), EINVAL);
	cr_expect_str_eq(call(simm, "shmat id 123 SHM_RND"), "0x0");
	cr_expect(maps(simm, "00000000-0000a000 rw-s"), "0 was asked for, not no address");
	call(simm, "munmap 0 40K");
	call(simm, "shmat id 600000001000 SHM_REMAP");
	cr_expect(maps(simm, "600000000000-600000001000 rw-s"));

	/* Removed and attached: the id is good until the last one goes. */
	call(simm, "shmctl id IPC_RMID");
	call(simm, "c = shmat id 700000000000");
	call(simm, "shmctl id IPC_RMID");
	call(simm, "store b 7");
	cr_expect(!strncmp(call(simm, "load c"), "0x7 ", 4));
	call(simm, "shmdt c");
	call(simm, "shmdt 600000001000");
	call(simm, "shmdt 600000000000");
	cr_expect_eq(refused(simm, "shmat id"), EINVAL);
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
	simm_destroy(simm);
	simm = world_hog("arm-virt");
	call(simm, "id = shmget 0 40K");
	cr_expect_eq(refused(simm, "shmat id 50001000"), EINVAL, "SHMLBA has 16 KiB there");
	cr_expect_str_eq(call(simm, "shmat id 50001000 SHM_RND"), "0x50000000");
	simm_destroy(simm);
}

Test(process_calls, spawn_and_switch_mm)
{
	struct simm *simm = world_hog("pc-x86_64");

	cr_expect_str_eq(world_call(simm, "p = spawn cat"), "101");
	cr_expect(world_has(simm, "sim/tasks/cat/ctl"));
	uint64_t va = strtoull(call(simm, "buf = mmap NULL 4K rw-p"), NULL, 0);
	char line[64];
	call(simm, "store buf 0x5a 1");
	world_call_at(simm, "sim/cpu0/ctl", "switch_mm 100");
	snprintf(line, sizeof(line), "load %llx 1 user", (unsigned long long)va);
	cr_expect(!strncmp(world_call_at(simm, "sim/cpu0/ctl", line), "0x5a ", 5));
	world_call_at(simm, "sim/cpu0/ctl", "switch_mm 0");
	cr_expect_eq(world_refused_at(simm, "sim/cpu0/ctl", line), EFAULT);
	cr_expect_eq(world_refused_at(simm, "sim/cpu0/ctl", "switch_mm 1"), ESRCH);
	simm_destroy(simm);
}

/* Lines after the process has ended. */
Test(process_calls, mincore_looks_at_the_address_first)
{
	struct simm *simm = world_hog("pc-x86_64");

	cr_expect_eq(refused(simm, "mincore 1 1T"), EINVAL);
	cr_expect_eq(refused(simm, "mincore 0 1P"), ENOMEM);
	cr_expect(said(simm, "passes the end of user addresses"));
	cr_expect_eq(refused(simm, "mincore 0 1T"), ENOMEM);
	cr_expect(said(simm, "nothing is mapped at 0x0"));
	call(simm, "big = mmap NULL 1T rw-p MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE");
	cr_expect_eq(refused(simm, "mincore big 1T"), ENOMEM);
	cr_expect(said(simm, "too long from 0x"));
	cr_expect(strstr(call(simm, "mincore big 64G"), "resident=0 pages=16777216"));
	simm_destroy(simm);
}

Test(process_calls, an_ended_process_takes_no_calls)
{
	struct simm *simm = world_hog("pc-x86_64");
	struct simm_open *open = world_open(simm, HOG "ctl", SIMM_O_READ | SIMM_O_WRITE);

	cr_expect_eq(world_puts(open, "brk\nexit 0\nbrk\n"), 11);
	cr_expect_eq(world_puts(open, "mmap NULL 4K\n"), -ESRCH);
	simm_release(open);
	cr_expect_not(world_has(simm, "sim/tasks/hog"));
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
	simm_destroy(simm);
}

/* Pid 1 is as a kernel thread is until it runs a program: calls that need memory say so, the others are done. */
Test(process_calls, init_without_memory)
{
	static const struct {
		const char *line;
		int err;
	} cases[] = {
		{"mmap NULL 4K", ESRCH},
		{"mprotect 1000 4K r--", ESRCH},
		{"brk", ESRCH},
		{"mlockall MCL_CURRENT", ESRCH},
		{"mincore 1000 4K", ESRCH},
		{"load 1000", ESRCH},
		{"touch 1000 4K", ESRCH},
		{"fd = open /x O_RDWR+O_CREAT", 0},
		{"close 0", EBADF},
		{"id = shmget 0 4K", 0},
		{"shmat id", ESRCH},
		{"m = memfd_create x", 0},
		{"wait4", ECHILD},
		{"prlimit64 1 RLIMIT_NPROC 100", 0},
		{"exit 0", EPERM},
		{"exit_group 0", EPERM},
		{"execve /bin/init", 0},
		{"brk", 0},
		{"exit 0", EPERM},
	};
	struct simm *simm = world("pc-i386", NULL);

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_eq(world_refused_at(simm, "proc/1/ctl", cases[i].line), cases[i].err,
			"%s: %s", cases[i].line, world_cat(simm, "sim/errors"));
	cr_expect_str_eq(world_cat(simm, "proc/1/comm"), "init\n");
	cr_expect(strstr(world_cat(simm, "proc/1/maps"), "/bin/init\n"));
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
	simm_destroy(simm);
}

/* The tables of a process can be named, but not freed: neither those that are counted, nor those above them. */
Test(process_calls, page_tables_are_the_kernels_own)
{
	static const char *const presets[] = {"pc-x86_64", "pc-i386", "arm64-virt", "arm-virt"};

	for (unsigned i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
		struct simm *s = world_hog(presets[i]);
		char walk[2000], line[80];
		unsigned tables = 0;

		world_call_at(s, "sim/tasks/hog/ctl", "a = mmap 10000000 64K");
		world_call_at(s, "sim/tasks/hog/ctl", "touch a 64K w");
		snprintf(walk, sizeof(walk), "%s", world_cat(s, "sim/tasks/hog/walk/0x10000000"));
		for (const char *at = walk; (at = strstr(at, "table")); at += 5) {
			unsigned long long pa = strtoull(at + 5, NULL, 0);

			if (!pa)
				continue;
			snprintf(line, sizeof(line), "t = pfn_to_page 0x%llx", pa >> 12);
			world_call(s, line);
			for (unsigned order = 0; order < 3; order++) {
				snprintf(line, sizeof(line), "__free_pages t %u", order);
				cr_expect_eq(world_refused(s, line), EINVAL, "%s", line);
			}
			cr_expect_eq(world_refused(s, "free_contig_range t 1"), EINVAL);
			(void)world_refused(s, "split_page t");
			tables++;
		}
		cr_expect_geq(tables, 2u, "%s", walk);
		cr_expect_str_eq(world_cat(s, "sim/check"), "ok\n", "%s", presets[i]);
		cr_expect_eq(world_rmdir(s, "sim/tasks", "hog"), 0);
		cr_expect_str_eq(world_cat(s, "sim/check"), "ok\n", "%s", presets[i]);
		simm_destroy(s);
	}
}

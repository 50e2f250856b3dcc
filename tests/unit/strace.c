/* SPDX-License-Identifier: MIT
 *
 * Claim: a call is read alike whatever head strace's options gave it, the two halves of one make one, a torn line is
 * never taken for a whole one, and no bytes at all make the parser read beyond them.
 */
#include "replay/strace.h"

#include "base/rng.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MMAP                                                                                       \
	"mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = "              \
	"0x7ffff7fc0000"

static bool is(struct span a, const char *text)
{
	return a.len == strlen(text) && !memcmp(a.s, text, a.len);
}

static struct strace_line parse(const char *line)
{
	struct strace_line l;

	strace_parse(line, strlen(line), &l);
	return l;
}

static const struct {
	const char *head;
	uint32_t pid;
	uint64_t time_ns;
	bool relative;
} heads[] = {
	{"", 0, 0, false},
	{"25852 ", 25852, 0, false},
	{"25852  ", 25852, 0, false},
	{"25852 1795334948.132281 ", 25852, UINT64_C(1795334948132281000), false},
	{"25852 1795334948.132281123 ", 25852, UINT64_C(1795334948132281123), false},
	{"1795334948.132281 ", 0, UINT64_C(1795334948132281000), false},
	{"25852 12:34:56 ", 25852, UINT64_C(45296000000000), false},
	{"12:34:56.000007 ", 0, UINT64_C(45296000007000), false},
	{"     0.000123 ", 0, 123000, true},
	{"25852      0.000123 ", 25852, 123000, true},
	{"[pid 25852] ", 25852, 0, false},
	{"[pid   852] 12:34:56 ", 852, UINT64_C(45296000000000), false},
	{"25852 [00007ffff7fd1234] ", 25852, 0, false},
	{"[pid 7] 1795334948.000000 [????????????????] ", 7, UINT64_C(1795334948000000000), false},
};

Test(strace, heads)
{
	static const char *const tails[] = {"", " <0.000012>", "\r"};

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		for (size_t t = 0; t < 3; t++) {
			char line[256];

			snprintf(line, sizeof(line), "%s%s%s", heads[i].head, MMAP, tails[t]);
			struct strace_line l = parse(line);
			cr_assert_eq(l.kind, STRACE_CALL, "%s: %s", line, l.why);
			cr_expect_eq(l.pid, heads[i].pid, "%s", line);
			cr_expect_eq(l.has_time, heads[i].time_ns != 0, "%s", line);
			cr_expect_eq(l.time_ns, heads[i].time_ns, "%s", line);
			cr_expect_eq(l.relative, heads[i].relative, "%s", line);
			cr_expect(is(l.name, "mmap"));
			cr_expect_eq(l.nr_args, 6);
			cr_expect(is(l.arg[2], "PROT_READ|PROT_WRITE"));
			cr_expect_eq(l.result, STRACE_VALUE);
			cr_expect_eq(l.value, UINT64_C(0x7ffff7fc0000), "%s", line);
			cr_expect(strace_is_line(line, strlen(line)), "%s", line);
		}
}

Test(strace, arguments_are_cut_outside_of_strings_and_brackets)
{
	struct strace_line l = parse(
		"9 execve(\"/bin/a,b\\\")\", [\"a\", \"b)\"...], 0x7ffe /* 2 vars, (x) */) = 0");

	cr_assert_eq(l.kind, STRACE_CALL, "%s", l.why);
	cr_expect_eq(l.nr_args, 3);
	cr_expect(is(l.arg[0], "\"/bin/a,b\\\")\""));
	cr_expect(is(l.arg[1], "[\"a\", \"b)\"...]"));
	cr_expect(is(l.arg[2], "0x7ffe /* 2 vars, (x) */"));
	l = parse("newfstatat(3, \"\", {st_mode=S_IFREG|0644, st_rdev=makedev(0x1, 0x3), "
		  "st_size=47519, ...}, 0) = 0");
	cr_expect_eq(l.nr_args, 4);
	struct span size;
	cr_expect(strace_field(l.arg[2], "st_size", &size) && is(size, "47519"));
	cr_expect(strace_field(l.arg[2], "st_rdev", &size) && is(size, "makedev(0x1, 0x3)"));
	cr_expect_not(strace_field(l.arg[2], "st_siz", &size));
	cr_expect_not(strace_field(l.arg[0], "st_size", &size));
	l = parse("getpid() = 12");
	cr_expect_eq(l.nr_args, 0);
	l = parse("f(1, 2, 3, 4, 5, 6, 7, 8, 9, 10) = 0");
	cr_expect_eq(l.nr_args, STRACE_MAX_ARGS);
}

Test(strace, results)
{
	struct strace_line l =
		parse("1 open(\"x\", O_RDONLY) = -1 ENOENT (No such file or directory)");

	cr_expect_eq(l.result, STRACE_ERROR);
	cr_expect(is(l.error, "ENOENT"));
	l = parse("exit_group(0)   = ?");
	cr_expect_eq(l.result, STRACE_UNKNOWN);
	l = parse("wait4(-1, 0x0, 0, NULL) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)");
	cr_expect_eq(l.result, STRACE_UNKNOWN);
	l = parse("openat(AT_FDCWD, \"/lib/x\", O_RDONLY) = 3</lib/x>");
	cr_expect_eq(l.value, 3);
	l = parse("fcntl(3, F_GETFD) = 0x1 (flags FD_CLOEXEC)");
	cr_expect_eq(l.value, 1);
	l = parse("lseek(3, -5, SEEK_END) = -22");
	cr_expect_eq(l.value, (uint64_t)-22);
	cr_expect_eq(l.result, STRACE_VALUE);
}

Test(strace, signals_and_ends)
{
	struct strace_line l =
		parse("7 --- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=NULL} ---");

	cr_expect_eq(l.kind, STRACE_SIGNAL);
	cr_expect(is(l.name, "SIGSEGV"));
	l = parse("7 1795334948.1 +++ exited with 3 +++");
	cr_expect_eq(l.kind, STRACE_EXITED);
	cr_expect_eq(l.status, 3);
	l = parse("[pid 7] +++ killed by SIGKILL (core dumped) +++");
	cr_expect_eq(l.kind, STRACE_KILLED);
	cr_expect(is(l.name, "SIGKILL"));
	cr_expect_eq(parse("7 +++ superseded by execve in pid 8 +++").kind, STRACE_COMMENT);
	cr_expect_eq(parse("strace: Process 8 attached").kind, STRACE_COMMENT);
	cr_expect_eq(parse("[pid 7] strace: Process 8 attached").kind, STRACE_COMMENT);
	cr_expect_eq(parse("# a comment").kind, STRACE_COMMENT);
	cr_expect_eq(parse("  ").kind, STRACE_COMMENT);
}

static void expect_joined(struct strace_joiner *j, const char *line, enum strace_join how,
	const char *name, unsigned args, uint64_t value)
{
	struct strace_line l = parse(line);

	cr_assert_eq(strace_join(j, &l), how, "%s", line);
	if (how != STRACE_JOIN_JOINED)
		return;
	cr_expect_eq(l.kind, STRACE_CALL, "%s: %s", line, l.why);
	cr_expect(is(l.name, name));
	cr_expect_eq(l.nr_args, args, "%s", line);
	cr_expect_eq(l.value, value);
}

Test(strace, halves_are_joined)
{
	struct strace_joiner j = {0};

	expect_joined(&j, "1 5000000000.0 vfork( <unfinished ...>", STRACE_JOIN_WHOLE, "", 0, 0);
	expect_joined(&j, "1 vfork( <unfinished ...>", STRACE_JOIN_HELD, "", 0, 0);
	expect_joined(&j, "2 brk(NULL <unfinished ...>", STRACE_JOIN_HELD, "", 0, 0);
	expect_joined(&j, "3 getpid() = 3", STRACE_JOIN_WHOLE, "", 0, 0);
	expect_joined(&j, "1 <... vfork resumed>) = 2", STRACE_JOIN_JOINED, "vfork", 0, 2);
	expect_joined(&j, "1 wait4(2,  <unfinished ...>", STRACE_JOIN_HELD, "", 0, 0);
	expect_joined(&j, "2 <... brk resumed>) = 0x1000", STRACE_JOIN_JOINED, "brk", 1, 0x1000);
	expect_joined(&j,
		"1 <... wait4 resumed>[{WIFEXITED(s) && WEXITSTATUS(s) == 0}], 0, NULL) = 2",
		STRACE_JOIN_JOINED, "wait4", 4, 2);
	expect_joined(&j, "1 <... wait4 resumed>) = 2", STRACE_JOIN_LOST, "", 0, 0);
	expect_joined(&j, "1 mmap(NULL, 4096 <unfinished ...>", STRACE_JOIN_HELD, "", 0, 0);
	expect_joined(&j, "1 <... munmap resumed>) = 0", STRACE_JOIN_LOST, "", 0, 0);
	strace_joiner_finish(&j);
}

/* What is whole of a first half is known at once: a child begins before its clone() returns. */
Test(strace, arguments_of_a_first_half)
{
	struct strace_line l =
		parse("1 clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLD, "
		      "child_tidptr=0x7f <unfinished ...>");

	cr_expect_eq(l.kind, STRACE_UNFINISHED);
	cr_expect(is(l.name, "clone"));
	cr_expect_eq(l.nr_args, 2);
	cr_expect(is(l.arg[1], "flags=CLONE_CHILD_CLEARTID|SIGCHLD"));
}

Test(strace, torn_lines)
{
	static const char whole[] = "25852 1795334948.132779 " MMAP;

	/* Up to the space behind "=" nothing is whole; then the number could be a shorter one. */
	const char *sign = strstr(whole, " = ");
	for (size_t len = 1; whole + len <= sign + 3; len++) {
		struct strace_line l;
		char *copy = malloc(len);

		memcpy(copy, whole, len);
		strace_parse(copy, len, &l);
		cr_expect_neq(l.kind, STRACE_CALL, "%.*s", (int)len, whole);
		cr_expect(l.kind != STRACE_MALFORMED || l.why, "%.*s", (int)len, whole);
		free(copy);
	}
	cr_expect_eq(parse("25852 +++ exited with 0 ++").kind, STRACE_MALFORMED);
	cr_expect_eq(parse("25852 <... mmap resum").kind, STRACE_MALFORMED);
	cr_expect_eq(parse("ls-25846 [001] d.... 7013.1: page_fault_user: address=0x1 ip=0x2 "
			   "error_code=0x4")
			     .kind,
		STRACE_MALFORMED);
	static const char *const others[] = {
		"ls-25846 [001] d.... 7013.1: page_fault_user: address=0x1", "# comment", "", "123",
		"12 ", "x", "CPU:1 [LOST 20 EVENTS]", "=> foo(bar)"};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		cr_expect_not(strace_is_line(others[i], strlen(others[i])), "%s", others[i]);
}

Test(strace, values)
{
	static const struct strace_word words[] = {
		{"PROT_NONE", 0}, {"PROT_READ", 1}, {"PROT_WRITE", 2}, {NULL, 0}};
	static const struct {
		const char *text;
		bool ok;
		uint64_t value;
	} rows[] = {
		{"12", true, 12},
		{"-1", true, UINT64_MAX},
		{"0x7f", true, 0x7f},
		{"0644", true, 0644},
		{"0", true, 0},
		{"NULL", true, 0},
		{"3</lib/x>", true, 3},
		{"0x800000 /* MAP_??? */", true, 0x800000},
		{"", false, 0},
		{"x", false, 0},
		{"12abc", false, 0},
		{"0x", false, 0},
		{"99999999999999999999999", false, 0},
	};
	uint64_t value;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct span a = {rows[i].text, strlen(rows[i].text)};

		cr_expect_eq(strace_number(a, &value), rows[i].ok, "%s", rows[i].text);
		cr_expect(!rows[i].ok || value == rows[i].value, "%s", rows[i].text);
	}
	struct span flags = {"PROT_READ|PROT_WRITE|0x10", 25};
	cr_expect(strace_flags(flags, words, &value) && value == 0x13);
	flags.len = 12;
	cr_expect_not(strace_flags(flags, words, &value));
	struct span quoted = {"\"a\\\"b\"...", 9}, text;
	cr_expect(strace_string(quoted, &text) && is(text, "a\\\"b"));
}

Test(strace, noise)
{
	static const char alphabet[] = "0123456789abcdef(){}[]<>\"\\,.=-+|?/* \t\rEmapx_";
	struct strace_joiner j = {0};
	struct rng rng;

	rng.state = 7;
	for (unsigned i = 0; i < 200000; i++) {
		size_t len = rng_below(&rng, 60);
		char *line = malloc(len ? len : 1);
		struct strace_line l;

		for (size_t at = 0; at < len; at++)
			line[at] = alphabet[rng_below(&rng, sizeof(alphabet) - 1)];
		strace_parse(line, len, &l);
		(void)strace_join(&j, &l);
		(void)strace_is_line(line, len);
		free(line);
	}
	strace_joiner_finish(&j);
}

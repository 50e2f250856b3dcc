/* SPDX-License-Identifier: MIT
 *
 * Claim: a ctl file's stream of lines keeps rules 2 to 14 of "ctl files, exactly"; a Test for each.
 *
 *	write "a = ...\nbad\nb"     a has happened; bad gives its errno, once; b waits for its newline
 */
#include "support/world.h"

#include "tree/tree.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOOD  "alloc_pages GFP_KERNEL 0\n"
#define RW    (SIMM_O_READ | SIMM_O_WRITE)
#define PIECE ((size_t)128 << 10)
#define MIB   ((size_t)1 << 20)

static struct simm *machine(void)
{
	return world("pc-i386", "ram", "64M", NULL);
}

static bool has(struct simm *simm, const char *name)
{
	char path[64];
	struct simm_node node;

	snprintf(path, sizeof(path), "sim/vars/%s", name);
	return simm_resolve(simm, path, &node) == 0;
}

/* How many refusals sim/errors holds. */
static unsigned errors(struct simm *simm)
{
	unsigned n = 0;

	for (const char *s = world_cat(simm, "sim/errors"); *s; s = strchr(s, '\n') + 1)
		n += *s != ' ';
	return n;
}

Test(stream, rule_2_a_line_has_at_most_1_mib)
{
	struct simm *simm = machine();
	struct simm_open *ctl = world_open(simm, "sim/ctl", RW);
	char *line = malloc(2 * MIB);

	/* Exactly 1 MiB, in pieces as a client writes it: a comment, so it is taken. */
	memset(line, 'x', 2 * MIB);
	line[0] = '#';
	for (size_t at = 0; at < MIB; at += PIECE)
		cr_assert_eq(world_put(ctl, line + at, PIECE, 1), PIECE);
	cr_assert_eq(world_puts(ctl, "\n"), 1);
	/* One byte more is refused, the head is dropped, and the next line is a fresh one. */
	for (size_t at = 0; at < MIB; at += PIECE)
		cr_assert_eq(world_put(ctl, line + at, PIECE, 1), PIECE);
	cr_assert_eq(world_puts(ctl, "y\n"), -E2BIG);
	cr_assert_eq(world_puts(ctl, GOOD), strlen(GOOD));
	/* In one write, with and without its newline. */
	cr_assert_eq(world_put(ctl, line, MIB + 1, 1), -E2BIG);
	line[MIB + 1] = '\n';
	cr_assert_eq(world_put(ctl, line, MIB + 2, 1), -E2BIG);
	line[MIB] = '\n';
	cr_assert_eq(world_put(ctl, line, MIB + 1, 1), MIB + 1);
	free(line);
	simm_release(ctl);
	simm_destroy(simm);
}

Test(stream, rule_3_lines_in_order_and_a_trailing_piece_is_written)
{
	struct simm *simm = machine();
	struct simm_open *ctl = world_open(simm, "sim/ctl", RW);
	static const char all[] = "a = alloc_pages GFP_KERNEL 1\nb = alloc_pages GFP_KERNEL 2\nc = "
				  "alloc_pages GFP_KERNEL 3\n";

	/* Cut at every byte, the same three things happen. */
	for (size_t cut = 1; cut < sizeof(all) - 1; cut++) {
		cr_assert_eq(world_put(ctl, all, cut, 1), (ssize_t)cut);
		cr_assert_eq(world_put(ctl, all + cut, sizeof(all) - 1 - cut, 1),
			(ssize_t)(sizeof(all) - 1 - cut));
		const char *results = world_get(ctl, 4096);
		unsigned lines = 0;
		for (; *results; results++)
			lines += *results == '\n';
		cr_assert_eq(lines, 3, "cut at %zu", cut);
		cr_assert_eq(
			world_puts(ctl, "__free_pages a\n__free_pages b\n__free_pages c\n"), 45);
		world_get(ctl, 4096);
	}
	cr_assert_eq(world_puts(ctl, "d = alloc_pages GFP"), 19);
	cr_assert_not(has(simm, "d"));
	cr_assert_eq(world_puts(ctl, "_KERNEL 0\ne = alloc"), 19);
	cr_assert(has(simm, "d"));
	cr_assert_not(has(simm, "e"));
	simm_release(ctl);
	simm_destroy(simm);
}

Test(stream, rule_4_a_later_bad_line_ends_the_write_before_it)
{
	struct simm *simm = machine();
	struct simm_open *ctl = world_open(simm, "sim/ctl", RW);
	static const char write[] = "a = " GOOD "nonsense\nb = " GOOD;

	cr_assert_eq(world_puts(ctl, write), strlen("a = " GOOD));
	cr_assert(has(simm, "a"));
	cr_assert_not(has(simm, "b"));
	cr_assert_eq(errors(simm), 1);
	/* What a client does then: it writes the rest, and gets the errno without the line being run again. */
	cr_assert_eq(world_puts(ctl, write + strlen("a = " GOOD)), -EINVAL);
	cr_assert_eq(errors(simm), 1);
	cr_assert_not(has(simm, "b"));
	cr_assert_eq(world_flush(ctl, 1), 0);
	simm_release(ctl);
	simm_destroy(simm);
}

Test(stream, rule_5_a_bad_first_line_gives_its_errno_and_drops_the_head)
{
	struct simm *simm = machine();
	struct simm_open *ctl = world_open(simm, "sim/ctl", RW);

	cr_assert_eq(world_puts(ctl, "nonsense\na = " GOOD), -EINVAL);
	cr_assert_not(has(simm, "a"));
	/* The head is part of the bad line, and is gone with it. */
	cr_assert_eq(world_puts(ctl, "non"), 3);
	cr_assert_eq(world_puts(ctl, "sense\nb = " GOOD), -EINVAL);
	cr_assert_eq(world_puts(ctl, "c = " GOOD), strlen("c = " GOOD));
	cr_assert(has(simm, "c"));
	cr_assert_not(has(simm, "b"));
	simm_release(ctl);
	simm_destroy(simm);
}

Test(stream, rule_6_a_retry_is_not_run)
{
	struct simm *simm = machine();
	struct simm_open *ctl = world_open(simm, "sim/ctl", RW);

	/* Python's buffered file tries up to four times. */
	for (unsigned i = 0; i < 4; i++)
		cr_assert_eq(world_puts(ctl, "free_pages later\n"), -ENOENT);
	cr_assert_eq(errors(simm), 1);
	/* Also with more behind it. */
	cr_assert_eq(world_puts(ctl, "free_pages later\na = " GOOD), -ENOENT);
	cr_assert_eq(errors(simm), 1);
	/* The record of a first line stays, even when the line would be right by now ... */
	cr_assert_eq(world_write(simm, "sim/ctl", "later = __get_free_page GFP_KERNEL\n"), 35);
	cr_assert_eq(world_puts(ctl, "free_pages later\n"), -ENOENT);
	/* ... until another write. */
	cr_assert_eq(world_puts(ctl, "#\n"), 2);
	cr_assert_eq(world_puts(ctl, "free_pages later\n"), 17);
	simm_release(ctl);
	simm_destroy(simm);
}

Test(stream, rule_6_the_record_of_a_later_line_ends_when_it_was_told)
{
	struct simm *simm = machine();
	struct simm_open *ctl = world_open(simm, "sim/ctl", RW);

	cr_assert_eq(world_puts(ctl, GOOD "free_pages later\n"), strlen(GOOD));
	cr_assert_eq(world_puts(ctl, "free_pages later\n"), -ENOENT);
	/* The same attempt once more (a buffer flushed again at close): nothing else happened, nothing is run. */
	cr_assert_eq(world_puts(ctl, "free_pages later\n"), -ENOENT);
	cr_assert_eq(errors(simm), 1);
	/* After another act it is a new attempt. */
	cr_assert_eq(world_write(simm, "sim/ctl", "later = __get_free_page GFP_KERNEL\n"), 35);
	cr_assert_eq(world_puts(ctl, "free_pages later\n"), 17);
	cr_assert_eq(errors(simm), 1);
	simm_release(ctl);
	simm_destroy(simm);
}

Test(stream, rule_7_a_refused_line_changes_nothing)
{
	struct simm *simm = machine();
	static const char *const bad[] = {
		"alloc_pages GFP_KERNEL 99",
		"new = alloc_pages GFP_KERNEL 99",
		"p.0-9 = alloc_pages GFP_NONE 0",
		"__free_pages 0xffffffff",
		"nonsense",
		"x = y = z",
		"n.99999999999 = alloc_page GFP_KERNEL",
		"__free_pages gone.0-99",
		"reboot ram=1",
		"reboot rom=1G",
		"alloc_pages",
		"alloc_pages GFP_KERNEL 0 0 0",
	};
	char before[64];

	snprintf(before, sizeof(before), "%s", world_cat(simm, "sim/digest"));
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_assert_neq(world_refused(simm, bad[i]), 0, "%s", bad[i]);
		cr_assert_str_eq(world_cat(simm, "sim/digest"), before, "%s", bad[i]);
	}
	simm_destroy(simm);
}

Test(stream, rule_8_flush_by_the_last_writer_runs_the_head)
{
	struct simm *simm = machine();
	struct simm_open *ctl = world_open(simm, "sim/ctl", RW);

	/* A close before any write, and one by another owner: nothing. */
	cr_assert_eq(world_flush(ctl, 7), 0);
	cr_assert_eq(world_put(ctl, "a = alloc_page GFP_KERNEL", 25, 1), 25);
	cr_assert_eq(world_flush(ctl, 2), 0);
	cr_assert_not(has(simm, "a"));
	cr_assert_eq(world_flush(ctl, 1), 0);
	cr_assert(has(simm, "a"));
	/* Its errno is close's. */
	cr_assert_eq(world_put(ctl, "nonsense", 8, 1), 8);
	cr_assert_eq(world_flush(ctl, 1), -EINVAL);
	cr_assert_eq(world_flush(ctl, 1), 0);
	/* An errno of rule 4 that no write was told is told once. */
	cr_assert_eq(world_puts(ctl, GOOD "nonsense\n"), strlen(GOOD));
	cr_assert_eq(world_flush(ctl, 3), 0);
	cr_assert_eq(world_flush(ctl, 1), -EINVAL);
	cr_assert_eq(world_flush(ctl, 1), 0);
	/* One of rule 5 was told by the write. */
	cr_assert_eq(world_puts(ctl, "nonsense\n"), -EINVAL);
	cr_assert_eq(world_flush(ctl, 1), 0);
	simm_release(ctl);
	simm_destroy(simm);
}

Test(stream, rule_9_release_drops_the_head_and_says_so)
{
	struct simm *simm = machine();
	struct simm_open *ctl = world_open(simm, "sim/ctl", RW);

	cr_assert_eq(world_puts(ctl, "a = alloc_page GFP_KERNEL"), 25);
	simm_release(ctl);
	cr_assert_not(has(simm, "a"));
	cr_assert_not_null(strstr(world_cat(simm, "sim/errors"), "a = alloc_page GFP_KERNEL"));
	simm_destroy(simm);
}

Test(stream, rule_10_a_signal_ends_the_write_after_what_is_done)
{
	struct simm *simm = machine();
	struct simm_open *ctl = world_open(simm, "sim/ctl", RW);
	static const char line[] = "p.0- = alloc_pages GFP_KERNEL 0\n";

	/* Before anything was done. */
	struct simm_write *w = simm_write_begin(ctl, line, strlen(line), 0, 1);
	simm_write_interrupt(w);
	cr_assert_eq(simm_write_step(w), SIMM_DONE);
	cr_assert_eq(simm_write_end(w), -EINTR);
	cr_assert_not(has(simm, "p.0"));
	/* In the middle of a range: it ends with what it has, and the line counts as written. */
	w = simm_write_begin(ctl, line, strlen(line), 0, 1);
	cr_assert_eq(simm_write_step(w), SIMM_MORE);
	simm_write_interrupt(w);
	cr_assert_eq(simm_write_step(w), SIMM_DONE);
	cr_assert_eq(simm_write_end(w), (ssize_t)strlen(line));
	cr_assert(has(simm, "p.0"));
	cr_assert_not_null(strstr(world_get(ctl, 4096), "stopped=EINTR"));
	cr_assert_str_eq(world_cat(simm, "sim/check"), "ok\n");
	simm_release(ctl);
	simm_destroy(simm);
}

Test(stream, rule_11_reads_take_results_and_never_wait)
{
	struct simm *simm = machine();
	struct simm_open *ctl = world_open(simm, "sim/ctl", RW);
	struct simm_open *reader = world_open(simm, "sim/ctl", SIMM_O_READ);

	cr_assert_str_eq(world_get(ctl, 100), "");
	cr_assert_eq(world_puts(ctl, "a = " GOOD "b = " GOOD), 2 * (4 + strlen(GOOD)));
	char whole[512] = "";
	/* A byte at a time, as bash's read does on what is not seekable. */
	for (;;) {
		const char *byte = world_get(ctl, 1);

		if (!*byte)
			break;
		strcat(whole, byte);
	}
	cr_assert_eq(strncmp(whole, "0x", 2), 0);
	cr_assert_not_null(strstr(whole, "\n0x"));
	cr_assert_eq(whole[strlen(whole) - 1], '\n');
	cr_assert_str_eq(world_get(reader, 100), "");
	cr_assert_eq(world_puts(reader, GOOD), -EBADF);
	/* A failed line queues no result. */
	cr_assert_eq(world_puts(ctl, "nonsense\n"), -EINVAL);
	cr_assert_str_eq(world_get(ctl, 100), "");
	simm_release(reader);
	simm_release(ctl);
	simm_destroy(simm);
}

Test(stream, rule_12_of_more_than_1_mib_the_oldest_results_go)
{
	struct simm *simm = machine();
	struct simm_open *ctl = world_open(simm, "sim/ctl", RW);
	static const char pair[] = "a = " GOOD "__free_pages a\n";
	unsigned pairs = 0, lines = 0;

	cr_assert_eq(world_puts(ctl, pair), (ssize_t)strlen(pair));
	char begun[3];
	strcpy(begun, world_get(ctl, 2));
	for (; pairs < 40000; pairs++)
		cr_assert_eq(world_puts(ctl, pair), (ssize_t)strlen(pair));
	/* What was read in part comes to its end, then the notice, then whole lines of 1 MiB at most. */
	const char *text = world_get(ctl, 2 * MIB);
	cr_assert_str_eq(begun, "0x");
	const char *notice = strchr(text, '\n') + 1;
	unsigned long long dropped = 0;
	cr_assert_eq(sscanf(notice, "# %llu results dropped\n", &dropped), 1);
	cr_assert_gt(dropped, 0);
	const char *rest = strchr(notice, '\n') + 1;
	cr_assert_leq(strlen(rest), MIB);
	cr_assert_gt(strlen(rest), MIB - 256);
	cr_assert_null(strchr(rest, '#'));
	for (; *rest; rest = strchr(rest, '\n') + 1)
		lines++;
	cr_assert_eq(dropped + lines, pairs);
	simm_release(ctl);
	simm_destroy(simm);
}

Test(stream, rule_13_writers_interleave_by_lines_and_wait_for_long_acts)
{
	struct simm *simm = machine();
	struct simm_open *one = world_open(simm, "sim/ctl", RW);
	struct simm_open *two = world_open(simm, "sim/ctl", RW);
	struct simm_open *busy = world_open(simm, "sim/ctl", RW | SIMM_O_NONBLOCK);
	static const char many[] = "p.0- = alloc_pages GFP_KERNEL 0\n";

	/* Halves of lines on separate opens do not mix. */
	cr_assert_eq(world_puts(one, "a = alloc_page"), 14);
	cr_assert_eq(world_puts(two, "b = alloc_page GFP_KERNEL\n"), 26);
	cr_assert_eq(world_puts(one, " GFP_KERNEL\n"), 12);
	cr_assert(has(simm, "a") && has(simm, "b"));
	/* During a long act the lines of others wait and readers are served. */
	struct simm_write *longer = simm_write_begin(one, many, strlen(many), 0, 1);
	cr_assert_eq(simm_write_step(longer), SIMM_MORE);
	struct simm_write *other = simm_write_begin(two, GOOD, strlen(GOOD), 0, 1);
	cr_assert_eq(simm_write_step(other), SIMM_WAIT);
	cr_assert_not_null(strstr(world_cat(simm, "sim/waiting"), "alloc_pages GFP_KERNEL 0"));
	cr_assert_eq(world_put(busy, GOOD, strlen(GOOD), 1), -EAGAIN);
	/* So do two writes on one open file, and a value written to another file. */
	struct simm_write *same = simm_write_begin(one, GOOD, strlen(GOOD), 0, 2);
	cr_assert_eq(simm_write_step(same), SIMM_WAIT);
	simm_write_interrupt(same);
	cr_assert_eq(simm_write_step(same), SIMM_DONE);
	cr_assert_eq(simm_write_end(same), -EINTR);
	struct simm_open *sysctl = world_open(simm, "proc/sys/vm/swappiness", SIMM_O_WRITE);
	struct simm_write *value = simm_write_begin(sysctl, "70\n", 3, 0, 1);
	cr_assert_eq(simm_write_step(value), SIMM_WAIT);
	while (simm_write_step(longer) == SIMM_MORE)
		cr_assert_eq(simm_write_step(other), SIMM_WAIT);
	cr_assert_eq(simm_write_end(longer), (ssize_t)strlen(many));
	cr_assert_eq(simm_write_step(value), SIMM_DONE);
	cr_assert_eq(simm_write_end(value), 3);
	cr_assert_eq(simm_write_step(other), SIMM_DONE);
	cr_assert_eq(simm_write_end(other), -ENOMEM); /* the long act took all there was */
	cr_assert_str_eq(world_cat(simm, "sim/waiting"), "");
	simm_release(sysctl);
	simm_release(busy);
	simm_release(two);
	simm_release(one);
	simm_destroy(simm);
}

Test(stream, rule_14_cr_nul_blank_comment_strict)
{
	struct simm *simm = machine();
	struct simm_open *ctl = world_open(simm, "sim/ctl", RW);
	static const char quiet[] = "\n   \n\t\n# a remark\n  # another\r\n\r\n";

	cr_assert_eq(world_puts(ctl, quiet), (ssize_t)strlen(quiet));
	cr_assert_str_eq(world_get(ctl, 100), "");
	cr_assert_eq(world_puts(ctl, "a = alloc_page GFP_KERNEL\r\n"), 27);
	cr_assert_eq(strncmp(world_get(ctl, 100), "0x", 2), 0);
	cr_assert_eq(world_put(ctl, "# \0 \n", 5, 1), -EINVAL);
	cr_assert_eq(world_put(ctl, "alloc_page\0 GFP_KERNEL\n", 23, 1), -EINVAL);
	/* Without strict the lines after a refused one run. */
	cr_assert_eq(world_puts(ctl, "nonsense\n"), -EINVAL);
	cr_assert_eq(world_puts(ctl, "b = " GOOD), strlen("b = " GOOD));
	cr_assert_eq(world_puts(ctl, "strict\nc = " GOOD), strlen("strict\nc = " GOOD));
	cr_assert_eq(world_puts(ctl, "nonsense\n"), -EINVAL);
	cr_assert_lt(world_puts(ctl, "d = " GOOD), 0);
	cr_assert_lt(world_puts(ctl, "strict\n"), 0);
	cr_assert(has(simm, "b") && has(simm, "c"));
	cr_assert_not(has(simm, "d"));
	/* It is this open file's. */
	cr_assert_eq(world_write(simm, "sim/ctl", "d = " GOOD), (ssize_t)strlen("d = " GOOD));
	simm_release(ctl);
	simm_destroy(simm);
}

Test(stream, a_refusal_says_where_and_what_would_be_right)
{
	struct simm *simm = machine();

	cr_assert_eq(
		world_write(simm, "sim/ctl", GOOD "\tb = alloc_pages GFP_KERNAL 3\n"), -EINVAL);
	const char *text = world_cat(simm, "sim/errors");
	cr_assert_eq(strncmp(text, "sim/ctl:2:18: EINVAL: ", 22), 0, "%s", text);
	cr_assert_not_null(strstr(text, "GFP_KERNEL"));
	cr_assert_not_null(
		strstr(text,
			"\n     b = alloc_pages GFP_KERNAL 3\n                     ^^^^^^^^^^\n"),
		"%s", text);
	/* The latest 64 KiB, whole entries. */
	struct simm_open *ctl = world_open(simm, "sim/ctl", RW);
	char line[64];
	for (unsigned i = 0; i < 2000; i++) {
		snprintf(line, sizeof(line), "nonsense_%u\n", i);
		cr_assert_eq(world_puts(ctl, line), -EINVAL);
	}
	text = world_cat(simm, "sim/errors");
	cr_assert_leq(strlen(text), 65536);
	cr_assert_gt(strlen(text), 60000);
	cr_assert_eq(strncmp(text, "sim/ctl:", 8), 0);
	cr_assert_not_null(strstr(text, "nonsense_1999"));
	simm_release(ctl);
	simm_destroy(simm);
}

/* ---- rule 10 with a runner that waits: no call of the kernel does yet ---- */

static bool may_pass;
static unsigned ends;

static enum step wait_line(struct line_run *run)
{
	run->err = 0;
	if (run->interrupted) {
		run->err = EINTR;
		return STEP_DONE;
	}
	if (!may_pass && run->len && run->line[0] == 'w') {
		refuse(&run->v->m->why, EAGAIN, "a gate");
		return STEP_WAIT;
	}
	text_put(run->result, run->line, run->len);
	return STEP_DONE;
}

static void wait_end(struct line_run *run)
{
	(void)run;
	ends++;
}

static const struct stream_ops wait_ops = {
	.line = wait_line, .end = wait_end, .keeps_errors = true};
static const struct row wait_row = {
	.path = "sim/ctl", .kind = ROW_STREAM, .stream = &wait_ops, .doc = "x"};

static struct simm_open *open_waiting(struct simm *simm, unsigned flags)
{
	struct simm_open *open = world_open(simm, "sim/ctl", flags);

	open->row = &wait_row;
	return open;
}

Test(stream, rule_10_a_parked_line_lets_others_act_and_goes_on_later)
{
	struct simm *simm = machine();
	struct simm_open *gate = open_waiting(simm, RW);
	struct simm_open *ctl = world_open(simm, "sim/ctl", RW);

	struct simm_write *w = simm_write_begin(gate, "a\nwait\nb\n", 9, 0, 1);
	cr_assert_eq(simm_write_step(w), SIMM_WAIT);
	cr_assert_not_null(strstr(world_cat(simm, "sim/waiting"), "for=a gate: wait"));
	/* Others act; who shares the open file waits behind. */
	cr_assert_eq(world_puts(ctl, GOOD), strlen(GOOD));
	struct simm_write *behind = simm_write_begin(gate, "c\n", 2, 0, 1);
	cr_assert_eq(simm_write_step(behind), SIMM_WAIT);
	cr_assert_eq(simm_write_step(w), SIMM_WAIT);
	may_pass = true;
	cr_assert_eq(simm_write_step(w), SIMM_DONE);
	cr_assert_eq(simm_write_end(w), 9);
	cr_assert_eq(simm_write_step(behind), SIMM_DONE);
	cr_assert_eq(simm_write_end(behind), 2);
	cr_assert_str_eq(world_get(gate, 100), "a\nwait\nb\nc\n");
	cr_assert_eq(ends, 4);
	simm_release(ctl);
	simm_release(gate);
	simm_destroy(simm);
}

Test(stream, rule_10_a_parked_line_is_interrupted_and_undone)
{
	struct simm *simm = machine();
	struct simm_open *gate = open_waiting(simm, RW);
	struct simm_open *busy = open_waiting(simm, RW | SIMM_O_NONBLOCK);

	/* With finished lines before it: their bytes. Alone: EINTR. Neither is a refusal that is remembered. */
	struct simm_write *w = simm_write_begin(gate, "a\nwait\nb\n", 9, 0, 1);
	cr_assert_eq(simm_write_step(w), SIMM_WAIT);
	simm_write_interrupt(w);
	cr_assert_eq(simm_write_step(w), SIMM_DONE);
	cr_assert_eq(simm_write_end(w), 2);
	cr_assert_eq(world_puts(gate, "wa"), 2);
	w = simm_write_begin(gate, "it\nb\n", 5, 0, 1);
	cr_assert_eq(simm_write_step(w), SIMM_WAIT);
	simm_write_interrupt(w);
	cr_assert_eq(simm_write_step(w), SIMM_DONE);
	cr_assert_eq(simm_write_end(w), -EINTR);
	cr_assert_eq(world_flush(gate, 2), 0);
	/* The head is as it was: written again, the line is whole. */
	may_pass = true;
	cr_assert_eq(world_puts(gate, "it\nb\n"), 5);
	cr_assert_str_eq(world_get(gate, 100), "a\nwait\nb\n");
	/* O_NONBLOCK. */
	may_pass = false;
	cr_assert_eq(world_puts(busy, "a\nwait\n"), 2);
	cr_assert_eq(world_puts(busy, "wait\n"), -EAGAIN);
	cr_assert_eq(errors(simm), 0);
	/* A reboot ends what was parked on the old machine. */
	w = simm_write_begin(gate, "wait\n", 5, 0, 1);
	cr_assert_eq(simm_write_step(w), SIMM_WAIT);
	world_call(simm, "reboot");
	cr_assert_eq(simm_write_step(w), SIMM_DONE);
	cr_assert_eq(simm_write_end(w), -EINTR);
	/* The daemon's end: a write that is ended in the middle. */
	w = simm_write_begin(gate, "wait\n", 5, 0, 1);
	cr_assert_eq(simm_write_step(w), SIMM_WAIT);
	cr_assert_eq(simm_write_end(w), -EINTR);
	cr_assert_str_eq(world_cat(simm, "sim/waiting"), "");
	simm_release(busy);
	simm_release(gate);
	simm_destroy(simm);
}

/* SPDX-License-Identifier: MIT
 *
 * Recordings of real processes, replayed: what the recorded calls imply is mapped at the end, and nothing else of theirs;
 * ls has the faults and the RSS that it had on the recorded machine.
 *
 * What the calls imply is found by a second reader, which knows one form of line only: it keeps every call as a range of
 * pages with what holds there from then on, and the last one that covers a page decides.
 */
#include "support/booted.h"

#include "base/text.h"
#include "mm/process/mm.h"
#include "mm/process/task.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"
#include "replay/process_live.h"
#include "replay/replay.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The text of a recording; skips the test when there is none. The caller frees it. */
static char *need(const char *name)
{
	const char *dir = shared_dir();
	char path[512];

	snprintf(path, sizeof(path), "%s/traces/%s", dir ? dir : "/nonexistent", name);
	return need_recording(path, NULL);
}

/* Feed @text, without the lines that have @without in them. */
static void feed(struct replay *r, struct machine *m, const char *text, const char *without)
{
	uint64_t number = 0;

	for (const char *p = text; *p;) {
		const char *end = strchrnul(p, '\n');
		char *line = strndup(p, (size_t)(end - p));

		number++;
		if (!without || !strstr(line, without))
			cr_expect_eq(replay_line(r, m, line, strlen(line), number), 0, "%s", line);
		free(line);
		p = *end ? end + 1 : end;
	}
}

static void run(struct replay *r, struct machine *m)
{
	cr_assert_eq(replay_begin_processes(r, m), 1, "%s", m->why.sentence);
	while (process_replay_step(&r->process, m, 64))
		;
	cr_expect_eq(r->process.phase, PROCESS_DONE);
	booted_check(m);
}

static bool near(uint64_t here, uint64_t there)
{
	uint64_t off = here > there ? here - there : there - here;

	return off * 50 <= there;
}

/* ---- ls, calls and faults of two runs ---- */

enum { LS_MINOR = 239, LS_MAJOR = 2, LS_MAXRSS_KB = 2656, LS_PEAK_KB = 2832 };

static void check_ls(const struct replay *r)
{
	const struct process_replay *pr = &r->process;

	cr_assert_eq(pr->family.processes.nr, 1);
	const struct replayed *ls = &pr->replayed[0];
	cr_expect(near(ls->minor, LS_MINOR), "%" PRIu64 " minor faults", ls->minor);
	cr_expect_eq(ls->major, LS_MAJOR);
	cr_expect(near(ls->rss.peak * 4, LS_PEAK_KB), "peak of %" PRIu64 " kB", ls->rss.peak * 4);
	cr_expect(near(ls->rss.maxrss * 4, LS_MAXRSS_KB), "maximum RSS of %" PRIu64 " kB",
		ls->rss.maxrss * 4);
	cr_expect_eq(ls->count[PROCESS_COUNT_refused], 0, "%s", ls->refused);
	cr_expect_eq(ls->count[PROCESS_COUNT_elsewhere], 0);
	cr_expect_eq(ls->count[PROCESS_COUNT_failed], 0);
	/* GNU time's numbers are those of the fault lines, so these were understood. */
	cr_expect_eq(family_process(&pr->family, 0)->minor, LS_MINOR);
	cr_expect_eq(family_process(&pr->family, 0)->major, LS_MAJOR);
	cr_expect_eq(family_process(&pr->family, 0)->rss_peak * 4, LS_PEAK_KB);
}

Test(process_replay, ls_calls_and_faults_in_any_order)
{
	char *calls = need("ls-process/strace.txt.gz"), *faults = need("ls-process/faults.txt.gz");

	for (unsigned order = 0; order < 3; order++) {
		struct machine *m = booted("pc-x86_64", "ram", "1G", NULL);
		struct replay *r = replay_new();

		feed(r, m, order == 1 ? faults : calls, NULL);
		/* As two files, closed one after the other: the calls run alone first. */
		if (order == 2)
			run(r, m);
		feed(r, m, order == 1 ? calls : faults, NULL);
		run(r, m);
		check_ls(r);
		cr_expect_null(task_find(m, r->process.replayed[0].pid), "it ended");
		replay_free(r);
		machine_destroy(m);
	}
	free(calls);
	free(faults);
}

/* Bounds of ls's segments, as readelf tells them of Debian 12's. */
Test(process_replay, ls_image_is_found_to_the_page)
{
	char *calls = need("ls-process/strace.txt.gz"), *faults = need("ls-process/faults.txt.gz");
	struct machine *m = booted("pc-x86_64", "ram", "1G", NULL);
	struct replay *r = replay_new();

	feed(r, m, calls, NULL);
	feed(r, m, faults, NULL);
	run(r, m);
	const struct image *exe = &r->process.replayed[0].programs[0].exe;
	const struct image *interp = &r->process.replayed[0].programs[0].interp;
	const uint64_t base = 0x555555554000;
	cr_expect_eq(exe->base, base);
	cr_expect_eq(exe->text, base + 0x4000);
	cr_expect_eq(exe->rodata, base + 0x1a000);
	cr_expect_eq(exe->data, base + 0x23000);
	cr_expect_eq(exe->bss, base + 0x25000);
	cr_expect_eq(exe->end, base + 0x26000);
	cr_expect_eq(interp->base, 0x7ffff7fca000);
	cr_expect_eq(interp->text, 0x7ffff7fcb000);
	cr_expect_eq(interp->rodata, 0x7ffff7ff1000);
	cr_expect_eq(interp->data, 0x7ffff7ffb000);
	replay_free(r);
	machine_destroy(m);
	free(calls);
	free(faults);
}

Test(process_replay, a_32_bit_machine_refuses_with_a_sentence)
{
	char *calls = need("ls-process/strace.txt.gz");
	struct machine *m = booted("pc-i386", NULL);
	struct replay *r = replay_new();

	feed(r, m, calls, NULL);
	uint32_t tasks = m->processes.tasks.nr;
	cr_expect_eq(replay_begin_processes(r, m), -EOVERFLOW);
	cr_expect(strstr(m->why.sentence, "64-bit"), "%s", m->why.sentence);
	cr_expect_eq(m->processes.tasks.nr, tasks, "nothing began");
	replay_free(r);
	machine_destroy(m);
	free(calls);
}

/* ---- gcc: the second reader ---- */

#define MAX_RANGES 4096

struct range {
	uint64_t start, end;
	bool mapped, file;
	bool image; /* of the program itself: whether of a file is a guess */
	unsigned prot;
};

struct process {
	unsigned pid;
	uint64_t brk;
	size_t nr;
	struct range range[MAX_RANGES];
};

static void put(struct process *p, struct range r)
{
	cr_assert_lt(p->nr, MAX_RANGES);
	r.end = (r.end + 4095) & ~UINT64_C(4095);
	p->range[p->nr++] = r;
}

static unsigned prot_of(const char *words)
{
	return (strstr(words, "PROT_READ") ? 1u : 0) | (strstr(words, "PROT_WRITE") ? 2u : 0) |
	       (strstr(words, "PROT_EXEC") ? 4u : 0);
}

static void read_brk(struct process *p, uint64_t brk)
{
	if (p->brk && brk > p->brk)
		put(p, (struct range){p->brk, brk, true, false, false, 3});
	else if (brk < p->brk)
		put(p, (struct range){brk, p->brk, false, false, false, 0});
	p->brk = brk;
}

static void read_line(struct process *p, const char *call)
{
	char prot[128], flags[128], address[32];
	uint64_t start, bytes, result;
	const char *equals = strrchr(call, '=');

	if (!strncmp(call, "execve(", 7) || !strncmp(call, "<... execve resumed>", 20)) {
		if (equals && !strncmp(equals, "= 0", 3)) {
			p->nr = 0;
			p->brk = 0;
		}
	} else if (sscanf(call, "mmap(%31[^,], %" SCNu64 ", %127[^,], %127[^,],", address, &bytes,
			   prot, flags) == 4 &&
		   sscanf(equals, "= 0x%" SCNx64, &result) == 1) {
		put(p, (struct range){result, result + bytes, true, !strstr(flags, "MAP_ANONYMOUS"),
			       false, prot_of(prot)});
	} else if (sscanf(call, "munmap(0x%" SCNx64 ", %" SCNu64 ")", &start, &bytes) == 2) {
		put(p, (struct range){start, start + bytes, false, false, false, 0});
	} else if (sscanf(call, "mprotect(0x%" SCNx64 ", %" SCNu64 ", %127[^)])", &start, &bytes,
			   prot) == 3) {
		struct range r = {start, start + bytes, true, false, true, prot_of(prot)};

		/* What it was before decides what it is; one range covers it all in this recording, or none does. */
		for (size_t i = 0; i < p->nr; i++)
			if (p->range[i].start <= start && p->range[i].end > start) {
				r.file = p->range[i].file;
				r.image = p->range[i].image;
			}
		put(p, r);
	} else if (!strncmp(call, "brk(", 4) || !strncmp(call, "<... brk resumed>", 17)) {
		if (equals && sscanf(equals, "= 0x%" SCNx64, &result) == 1)
			read_brk(p, result);
	} else {
		cr_assert(strncmp(call, "<... mmap", 9) && strncmp(call, "<... munmap", 11) &&
			  strncmp(call, "mremap", 6));
	}
}

static size_t read_all(const char *text, struct process *processes, size_t max)
{
	size_t nr = 0;

	for (const char *line = text; *line;
		line = *strchrnul(line, '\n') ? strchrnul(line, '\n') + 1 : "") {
		unsigned pid;
		int at = 0;
		char *one = strndup(line, (size_t)(strchrnul(line, '\n') - line));

		cr_assert(sscanf(one, "%u %*f %n", &pid, &at) == 1 && at, "%s", one);
		size_t i = 0;
		while (i < nr && processes[i].pid != pid)
			i++;
		if (i == nr) {
			cr_assert_lt(nr, max);
			processes[nr++].pid = pid;
		}
		read_line(&processes[i], one + at);
		free(one);
	}
	return nr;
}

static const struct range *last_of(const struct process *p, uint64_t addr)
{
	for (size_t i = p->nr; i-- > 0;)
		if (p->range[i].start <= addr && addr < p->range[i].end)
			return &p->range[i];
	return NULL;
}

static void compare(struct machine *m, const struct process *p)
{
	const struct task *t = task_find(m, p->pid);
	uint64_t pages = 0;

	cr_assert(t, "process %u is there", p->pid);
	const struct mm *mm = task_mm(m, t);
	cr_assert(mm);
	for (size_t i = 0; i < p->nr; i++)
		for (uint64_t addr = p->range[i].start; addr < p->range[i].end; addr += 4096) {
			const struct range *want = last_of(p, addr);
			const struct vma *v = vma_find(m, &mm->vmas, addr);
			bool mapped = v && v->start <= addr;

			cr_assert_eq(mapped, want->mapped, "%u: 0x%" PRIx64 " is %smapped", p->pid,
				addr, mapped ? "" : "not ");
			if (!mapped)
				continue;
			cr_assert_eq(v->flags & 7, want->prot, "%u: 0x%" PRIx64, p->pid, addr);
			cr_assert(want->image || (v->file_at != 0) == want->file, "%u: 0x%" PRIx64,
				p->pid, addr);
			pages++;
		}
	cr_expect_gt(pages, 200);
	/* And nothing else but the program's own parts: image, stack, vdso. */
	uint64_t others = 0;
	for (const struct vma *v = vma_first(m, &mm->vmas); v; v = vma_next(m, &mm->vmas, v))
		others += !last_of(p, v->start);
	cr_expect_leq(others, 10, "%u: %" PRIu64 " mappings that no call made", p->pid, others);
	cr_expect_eq(mm->brk, p->brk);
}

Test(process_replay, gcc_final_maps_are_what_the_results_imply)
{
	char *calls = need("gcc-compile/strace.txt.gz");
	struct process *processes = calloc(8, sizeof(*processes));
	struct machine *m = booted("pc-x86_64", "ram", "1G", NULL);
	struct replay *r = replay_new();

	/* Without the exits, or there would be no maps. */
	feed(r, m, calls, "+++ exited with");
	run(r, m);
	size_t nr = read_all(calls, processes, 8);
	cr_expect_eq(nr, 3);
	cr_expect_eq(r->process.family.processes.nr, 3);
	for (size_t i = 0; i < nr; i++) {
		compare(m, &processes[i]);
		cr_expect_eq(r->process.replayed[i].count[PROCESS_COUNT_refused], 0, "%s",
			r->process.replayed[i].refused);
		cr_expect_eq(r->process.replayed[i].count[PROCESS_COUNT_elsewhere], 0);
	}
	replay_free(r);
	machine_destroy(m);
	free(processes);
	free(calls);
}

/* The same through the ctl of a process that takes strace's lines one by one. */
Test(process_replay, gcc_through_ctl)
{
	char *calls = need("gcc-compile/strace.txt.gz");
	struct process *processes = calloc(8, sizeof(*processes));
	struct machine *m = booted("pc-x86_64", "ram", "1G", NULL);
	struct process_live live = {0};
	struct task *t;
	uint64_t result;

	cr_assert_eq(task_spawn(m, 0, "gcc", 3, &t), 0);
	for (const char *p = calls; *p;) {
		size_t len = (size_t)(strchrnul(p, '\n') - p);

		if (!memmem(p, len, "+++ exited with", 15)) {
			enum live how = process_live_line(&live, m, t, p, len, &result);

			cr_expect(how == LIVE_DONE || how == LIVE_NOTHING, "%.*s: %s", (int)len, p,
				m->why.sentence);
		}
		p += len + (p[len] == '\n');
	}
	size_t nr = read_all(calls, processes, 8);
	cr_assert_eq(nr, 3);
	processes[0].pid = t->pid;
	for (size_t i = 0; i < nr; i++)
		compare(m, &processes[i]);
	booted_check(m);
	process_live_finish(&live);
	machine_destroy(m);
	free(processes);
	free(calls);
}

/* Twice the same is the same, digest for digest, also when the first run's processes end for the second. */
Test(process_replay, digests)
{
	char *calls = need("ls-process/strace.txt.gz"), *faults = need("ls-process/faults.txt.gz");
	uint64_t digest[2];

	for (unsigned i = 0; i < 2; i++) {
		struct machine *m = booted("pc-x86_64", "ram", "1G", NULL);
		struct replay *r = replay_new();

		feed(r, m, calls, "+++ exited with");
		run(r, m);
		feed(r, m, faults, NULL);
		run(r, m);
		digest[i] = machine_digest(m);
		replay_free(r);
		machine_destroy(m);
	}
	cr_expect_eq(digest[0], digest[1]);
	free(calls);
	free(faults);
}

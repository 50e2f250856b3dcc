/* SPDX-License-Identifier: MIT
 *
 * PID/access: the memory references of a real program, run on the simulated MMU as the process's own.
 *
 *	$ echo automap > proc/100/access
 *	$ valgrind --tool=lackey --trace-mem=yes --log-file=proc/100/access /bin/true
 *	$ cat proc/100/access
 *	references 168710
 *	...
 *
 * Takes lackey's text (src/replay/lackey.c): a fetch, a load, a store, or both of a modification, in user mode, without
 * data: the TLBs, tables, faults and counters are as for any access, but no bytes are moved. An access outside of every
 * mapping is SIGSEGV, which is counted and goes on; after `automap` on a line of its own (for the process, until
 * `automap off`) a page is mapped there first. References that a 32-bit machine's process cannot have are counted and
 * told once in sim/errors; so is the first malformed line of each open file.
 *
 * Tens of millions of lines a second come in, so a block of them is run at once: one search for the process, one switch
 * of its CPU, and then line by line the parser and the access. What is due in virtual time runs between two lines, as it
 * does when they are written one by one.
 *
 * The report is about the process, of all that was written so far; it goes with the process.
 *
 * Left out: references of several threads (lackey does not tell which); widths above 8 bytes beside the pages that
 * they touch.
 */
#include "view/files.h"
#include "view/task_view.h"

#include "base/parse.h"
#include "hw/front.h"
#include "mm/kernel/cpus.h"
#include "mm/process/access.h"
#include "mm/process/fault.h"
#include "mm/process/mm.h"
#include "mm/process/syscalls.h"
#include "mm/process/tlb_flush.h"
#include "mm/process/vma_index.h"
#include "replay/lackey.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long long ull;

/* A slice: about a millisecond of host time. */
#define LINES_PER_BLOCK 16384u

enum access_count {
	ACCESS_references,
	ACCESS_fetches,
	ACCESS_loads,
	ACCESS_stores,
	ACCESS_modifies,
	ACCESS_tlb_hits,
	ACCESS_tlb_second_hits,
	ACCESS_tlb_misses,
	ACCESS_minor_faults,
	ACCESS_major_faults,
	ACCESS_automapped_pages,
	ACCESS_refused,
	ACCESS_beyond,
	ACCESS_malformed,
	ACCESS_other_lines,
	ACCESS_cycles,
	NR_ACCESS_COUNTS
};

static const char *const count_names[NR_ACCESS_COUNTS] = {
	[ACCESS_references] = "references",
	[ACCESS_fetches] = "fetches",
	[ACCESS_loads] = "loads",
	[ACCESS_stores] = "stores",
	[ACCESS_modifies] = "modifies",
	[ACCESS_tlb_hits] = "tlb_hits",
	[ACCESS_tlb_second_hits] = "tlb_second_hits",
	[ACCESS_tlb_misses] = "tlb_misses",
	[ACCESS_minor_faults] = "minor_faults",
	[ACCESS_major_faults] = "major_faults",
	[ACCESS_automapped_pages] = "automapped_pages",
	[ACCESS_refused] = "refused",
	[ACCESS_beyond] = "beyond_the_address_space",
	[ACCESS_malformed] = "malformed_lines",
	[ACCESS_other_lines] = "other_lines",
	[ACCESS_cycles] = "cycles",
};

/* What was written for one process. */
struct access_report {
	uint32_t pid;
	uint64_t start_ns, boots; /* a later process with the same number has another */
	bool automap, told_beyond;
	uint64_t count[NR_ACCESS_COUNTS];
};

struct access_reports {
	size_t nr, cap;
	struct access_report *at;
};

static void free_reports(struct session *s)
{
	if (s->access)
		free(s->access->at);
	free(s->access);
	s->access = NULL;
}

static struct access_report *find_report(const struct session *s, const struct task *t)
{
	for (size_t i = 0; s->access && i < s->access->nr; i++)
		if (s->access->at[i].pid == t->pid)
			return &s->access->at[i];
	return NULL;
}

/* NULL: host memory ended. Valid until the next process gets one. */
static struct access_report *report_of(struct session *s, const struct task *t)
{
	struct access_report *r = find_report(s, t);

	if (!s->access) {
		s->access = calloc(1, sizeof(*s->access));
		s->access_free = free_reports;
	}
	struct access_reports *all = s->access;
	if (!r && all && all->nr == all->cap) {
		size_t cap = all->cap ? all->cap * 2 : 8;
		struct access_report *more = realloc(all->at, cap * sizeof(*more));

		if (!more)
			return NULL;
		all->at = more;
		all->cap = cap;
	}
	if (!r && all)
		r = memset(&all->at[all->nr++], 0, sizeof(*r));
	if (r && (r->pid != t->pid || r->start_ns != t->start_ns || r->boots != s->boots)) {
		memset(r, 0, sizeof(*r));
		r->pid = t->pid;
		r->start_ns = t->start_ns;
		r->boots = s->boots;
	}
	return r;
}

/* ---- an access ---- */

struct runner {
	struct machine *m;
	struct task *t;
	struct mm *mm;
	struct access_report *r;
	struct task_access x;
	bool narrow; /* addresses have 32 bits */
	struct cpu_view cpu;
};

static void count_tlb(struct runner *u, uint8_t tlb)
{
	static const uint8_t counts[] = {
		[HW_TLB_OFF] = ACCESS_tlb_misses,
		[HW_TLB_HIT] = ACCESS_tlb_hits,
		[HW_TLB_HIT2] = ACCESS_tlb_second_hits,
		[HW_TLB_MISS] = ACCESS_tlb_misses,
	};

	u->r->count[counts[tlb]]++;
}

static bool is_mapped(const struct runner *u, uint64_t addr)
{
	const struct vma *v = vma_find(u->m, &u->mm->vmas, addr);

	return v && v->start <= addr;
}

static int map_page(struct runner *u, uint64_t addr)
{
	uint64_t out;
	int err = sys_mmap(u->m, u->t, addr & ~(PAGE_BYTES - 1), PAGE_BYTES,
		PROT_READ_ | PROT_WRITE_ | PROT_EXEC_,
		MAP_PRIVATE_ | MAP_ANONYMOUS_ | MAP_FIXED_NOREPLACE_, NULL, 0, NULL, &out);

	u->r->count[ACCESS_automapped_pages] += !err;
	return err;
}

/* The first try faulted: the kernel's part, and the tries after it. */
static void handle_fault(struct runner *u)
{
	uint64_t minor = u->t->min_flt, major = u->t->maj_flt, addr = u->x.a.fault.va;
	int err = 0;

	if (u->r->automap && addr < u->mm->task_size && !is_mapped(u, addr))
		err = map_page(u, addr);
	if (!err)
		err = do_user_fault(u->m, u->t, &u->x.a);
	if (!err)
		err = task_access(u->m, u->t, &u->x);
	u->r->count[ACCESS_cycles] += u->x.cycles;
	u->r->count[ACCESS_minor_faults] += u->t->min_flt - minor;
	u->r->count[ACCESS_major_faults] += u->t->maj_flt - major;
	u->r->count[ACCESS_refused] += err != 0;
	/* The kernel may have changed to its own tables. */
	(void)switch_mm(u->m, u->t->cpu, u->mm);
}

static void access_any(struct runner *u, uint64_t addr, unsigned bytes, enum hw_kind kind)
{
	u->x.cycles = 0;
	u->x.a.va = addr;
	u->x.a.bytes = (uint8_t)bytes;
	u->x.a.kind = (uint8_t)kind;
	int err = cpu_view_access(&u->cpu, &u->x.a);
	count_tlb(u, u->x.a.tlb);
	u->r->count[ACCESS_cycles] += u->x.a.cycles;
	if (__builtin_expect(err, 0))
		handle_fault(u);
}

static inline void access_once(struct runner *u, uint64_t addr, unsigned bytes, enum hw_kind kind)
{
	uint32_t cycles;
	uint64_t pa;

	if (__builtin_expect(
		    u->cpu.beside_devices || !hw_front_access(u->cpu.hw, &u->cpu.dram, addr, bytes,
						     kind, true, false, &pa, &cycles),
		    0)) {
		access_any(u, addr, bytes, kind);
		return;
	}
	machine_charge_cycles(u->m, cycles);
	u->r->count[ACCESS_tlb_hits]++;
	u->r->count[ACCESS_cycles] += cycles;
}

/* What is wider than a word touches its first and its last page, and those between. */
static void access_wide(struct runner *u, const struct lackey_ref *ref, enum hw_kind kind)
{
	uint64_t last = (ref->addr + ref->bytes - 1) & ~(PAGE_BYTES - 1);

	access_any(u, ref->addr, 8, kind);
	for (uint64_t at = (ref->addr & ~(PAGE_BYTES - 1)) + PAGE_BYTES; at <= last;
		at += PAGE_BYTES)
		access_any(u, at, 8, kind);
}

/* sim/errors gets m->why for a line that the writer is told nothing of. */
static void tell(const struct line_run *run, struct runner *u)
{
	char path[64];

	snprintf(path, sizeof(path), "proc/%u/access", u->t->pid);
	session_error(run->v->s, path, run->number, run->line, run->len, &u->m->why);
	refusal_clear(&u->m->why);
}

static void count_beyond(const struct line_run *run, struct runner *u)
{
	u->r->count[ACCESS_beyond]++;
	if (u->r->told_beyond)
		return;
	u->r->told_beyond = true;
	refuse(&u->m->why, EOVERFLOW,
		"this is a reference of a 64-bit program, and a process of this machine has 32-bit "
		"addresses: it was not "
		"run, nor will others be; mount pc-x86_64 for it");
	tell(run, u);
}

/* 0, or a positive errno when a strict writer is to know. */
static int count_malformed(const struct line_run *run, struct runner *u)
{
	u->r->count[ACCESS_malformed]++;
	if (!run->stream->strict && run->stream->told_malformed)
		return 0;
	int err = -refuse(&u->m->why, EINVAL,
		"a reference of lackey's is \"I  ADDR,SIZE\", or \" L\", \" S\", "
		"\" M\" with one blank, "
		"the address in hex; or `automap`");

	if (run->stream->strict)
		return err;
	run->stream->told_malformed = true;
	tell(run, u);
	return 0;
}

static inline void run_ref(struct runner *u, const struct lackey_ref *ref)
{
	static const uint8_t counts[] = {
		ACCESS_fetches, ACCESS_loads, ACCESS_stores, ACCESS_modifies};
	static const uint8_t kinds[] = {HW_FETCH, HW_LOAD, HW_STORE, HW_LOAD};

	u->r->count[ACCESS_references]++;
	u->r->count[counts[ref->kind]]++;
	if (__builtin_expect(ref->bytes <= 8, 1))
		access_once(u, ref->addr, ref->bytes, kinds[ref->kind]);
	else
		access_wide(u, ref, kinds[ref->kind]);
	if (__builtin_expect(ref->kind != LACKEY_MODIFY, 1))
		return;
	if (ref->bytes <= 8)
		access_any(u, ref->addr, ref->bytes, HW_STORE);
	else
		access_wide(u, ref, HW_STORE);
}

/* ---- lines ---- */

/* The process and its report. 0 or a positive errno with m->why. */
static int begin(struct line_run *run, struct runner *u)
{
	struct machine *m = run->v->m;
	struct task *t = view_task(run->v);
	struct mm *mm = t ? task_mm(m, t) : NULL;

	if (!mm)
		return -refuse(&m->why, ESRCH, "the process %s", t ? "has no memory" : "has ended");
	*u = (struct runner){.m = m, .t = t, .mm = mm, .r = report_of(run->v->s, t)};
	if (!u->r)
		return -refuse(&m->why, ENOMEM, "the host has no memory for a report");
	u->x.a = (struct hw_access){.user = true, .no_data = true};
	u->narrow = mm_task_size(m) <= UINT64_C(1) << 32;
	int err = cpu_view(m, t->cpu, &u->cpu);

	return -(err ? err : switch_mm(m, t->cpu, mm));
}

static bool starts_word(const char *s, size_t len)
{
	while (len && (*s == ' ' || *s == '\t'))
		s++, len--;
	return len && *s >= 'a' && *s <= 'z';
}

/* A line that is no reference. 0, or a positive errno when a strict writer is to know. */
static int other_line(struct line_run *run, struct runner *u, const struct lackey_ref *ref)
{
	const char *s = run->line;
	size_t len = run->len;

	while (len && (*s == ' ' || *s == '\t'))
		s++, len--;
	if (parse_is(s, len, "automap") || parse_is(s, len, "automap on")) {
		u->r->automap = true;
	} else if (parse_is(s, len, "automap off")) {
		u->r->automap = false;
	} else if (ref->kind == LACKEY_OTHER) {
		u->r->count[ACCESS_other_lines]++;
	} else {
		return count_malformed(run, u);
	}
	return 0;
}

static enum step run_access_line(struct line_run *run)
{
	struct lackey_ref ref;
	struct runner u;

	run->err = begin(run, &u);
	if (run->err)
		return STEP_DONE;
	(void)lackey_parse(run->line, run->line + run->len, &ref);
	if (ref.kind >= LACKEY_OTHER) {
		run->err = other_line(run, &u, &ref);
	} else if (u.narrow && ref.addr >> 32) {
		count_beyond(run, &u);
	} else {
		run_ref(&u, &ref);
	}
	if (!run->err)
		refusal_clear(&run->v->m->why);
	return STEP_DONE;
}

static size_t run_access_block(struct line_run *run, const char *data, size_t len)
{
	const char *p = data, *end = data + len;
	const struct clock *clock = &run->v->m->clock;
	struct runner u;

	/* The line runner tells what is wrong. */
	if (begin(run, &u))
		return 0;
	for (unsigned lines = 0; p < end && lines < LINES_PER_BLOCK; lines++) {
		struct lackey_ref ref;
		const char *next = lackey_parse(p, end, &ref);

		if (ref.kind >= LACKEY_OTHER) {
			bool malformed = ref.kind != LACKEY_OTHER;

			/* `automap`, `strict`, what is told */
			if (starts_word(p, (size_t)(next - p)) ||
				(malformed && !run->stream->told_malformed))
				break;
			u.r->count[malformed ? ACCESS_malformed : ACCESS_other_lines]++;
		} else if (u.narrow && ref.addr >> 32) {
			if (!u.r->told_beyond)
				break;
			u.r->count[ACCESS_beyond]++;
		} else {
			run_ref(&u, &ref);
			/* What is due runs before the next block. */
			if (clock->nr_tasks && clock->task[0].at_ns <= clock->now_ns)
				lines = LINES_PER_BLOCK;
		}
		p = next;
		run->stream->lines++;
	}
	refusal_clear(&run->v->m->why);
	return (size_t)(p - data);
}

const struct stream_ops access_stream = {
	.line = run_access_line, .block = run_access_block, .keeps_errors = true};

int show_access(struct view *v, struct text *out)
{
	static const struct access_report nothing;
	const struct task *t = view_task(v);
	const struct access_report *r = t ? find_report(v->s, t) : NULL;

	if (!r || r->start_ns != t->start_ns || r->boots != v->s->boots)
		r = &nothing;
	text_printf(out, "automap %s\n", r->automap ? "on" : "off");
	for (unsigned i = 0; i < NR_ACCESS_COUNTS; i++)
		text_printf(out, "%s %llu\n", count_names[i], (ull)r->count[i]);
	return 0;
}

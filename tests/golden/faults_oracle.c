/* SPDX-License-Identifier: MIT
 *
 * Which access gives which signal, code, address, error code and how many faults: derived/faults.tsv of the oracle, row by
 * row, on the machines of all four architectures.
 *
 *	machine   case       sig  code  address     error code   minor faults
 *	amd64-1g  ro_write   11   2     the page    0x7          +0
 *	armhf-2g  ro_write   11   2     the page    0x81f        +0
 *
 * The real program mapped one page (or sixteen), used it as the case's name says, and looked at what its signal handler
 * got. Addresses of mappings are not compared, since a real kernel randomizes them; fixed ones are. RSS is compared where
 * the real figure is exact: by how many pages it grew when every page was written. Rows with transparent huge pages
 * (ok_thp_write4m) are left out: this kernel has none yet.
 *
 * The lines of the log are compared with the dmesg of the same experiment, without who, where the program and its stack
 * were, and on which CPU it ran.
 */
#include "oracle_machines.h"
#include "support/booted.h"

#include "base/text.h"
#include "mm/core/link.h"
#include "mm/core/log.h"
#include "mm/process/access.h"
#include "mm/process/file.h"
#include "mm/process/mm.h"
#include "mm/process/syscalls.h"
#include "mm/process/task.h"

#define P ((uint64_t)4096)

enum { RW = PROT_READ_ | PROT_WRITE_, RX = PROT_READ_ | PROT_EXEC_ };
enum { PRIVATE = MAP_PRIVATE_ | MAP_ANONYMOUS_, SHARED = MAP_SHARED_ | MAP_ANONYMOUS_ };

struct run {
	struct machine *m;
	struct task *t;
	struct mm *mm;
	uint64_t page;		  /* the mapping of the case */
	uint64_t minflt, pgfault; /* when the measured part began */
};

/* One access; 0 or the signal's number. */
static unsigned try_one(struct run *r, enum hw_kind kind, uint64_t va)
{
	struct task_access x = {.a = {.va = va, .kind = (uint8_t)kind, .bytes = 1, .value = 1}};
	int err = task_access(r->m, r->t, &x);

	cr_assert(!err || err == -EFAULT, "%d: %s", err, r->m->why.sentence);
	return err ? r->t->signal.signo : 0;
}

static void use(struct run *r, enum hw_kind kind, uint64_t va, unsigned pages)
{
	for (unsigned i = 0; i < pages; i++)
		cr_assert_eq(try_one(r, kind, va + i * P), 0, "%s", r->m->why.sentence);
}

static void map(struct run *r, unsigned pages, unsigned prot, unsigned flags)
{
	int err = sys_mmap(r->m, r->t, 0, pages * P, prot, flags, NULL, 0, NULL, &r->page);

	cr_assert_eq(err, 0, "mmap: %s", r->m->why.sentence);
}

static void map_file(struct run *r, unsigned file_pages, unsigned pages, unsigned prot)
{
	struct inode *i = inode_create(r->m, 0, INODE_FILE, NULL, 0, file_pages * P, CONTENT_ZERO);
	struct file *f = file_open_inode(r->m, 0, i, FILE_RDWR);

	i->warm = true;
	cr_assert_eq(
		sys_mmap(r->m, r->t, 0, pages * P, prot, MAP_PRIVATE_, f, 0, NULL, &r->page), 0);
	file_put(r->m, 0, f);
}

static void protect(struct run *r, unsigned prot)
{
	cr_assert_eq(sys_mprotect(r->m, r->t, r->page, P, prot), 0);
}

static void begin(struct run *r)
{
	r->minflt = r->t->min_flt;
	r->pgfault = r->m->vm_event[EV_pgfault];
}

/* ---- the cases: what is done before, and the access that is looked at ---- */

static void at(struct run *r, enum hw_kind kind, uint64_t va)
{
	begin(r);
	try_one(r, kind, va);
}

static void null_read(struct run *r)
{
	at(r, HW_LOAD, 0);
}
static void null_write(struct run *r)
{
	at(r, HW_STORE, 0);
}
static void null_exec(struct run *r)
{
	at(r, HW_FETCH, 0);
}
static void ro_write(struct run *r)
{
	map(r, 1, RW, PRIVATE);
	use(r, HW_STORE, r->page, 1);
	protect(r, PROT_READ_);
	at(r, HW_STORE, r->page);
}
static void ro_write_untouched(struct run *r)
{
	map(r, 1, PROT_READ_, PRIVATE);
	at(r, HW_STORE, r->page);
}
static void none_read(struct run *r)
{
	map(r, 1, RW, PRIVATE);
	use(r, HW_STORE, r->page, 1);
	protect(r, PROT_NONE_);
	at(r, HW_LOAD, r->page);
}
static void nx_exec(struct run *r)
{
	map(r, 1, RW, PRIVATE);
	use(r, HW_STORE, r->page, 1);
	at(r, HW_FETCH, r->page);
}
static void x_exec(struct run *r)
{
	map(r, 1, RW | PROT_EXEC_, PRIVATE);
	use(r, HW_STORE, r->page, 1);
	at(r, HW_FETCH, r->page);
}
static void text_write(struct run *r)
{
	uint64_t va = r->mm->start_code;

	use(r, HW_FETCH, va, 1);
	at(r, HW_STORE, va);
}
static void kernel_read(struct run *r)
{
	static const uint64_t addresses[NR_ARCHS] = {[ARCH_I386] = 0xc0100000,
		[ARCH_ARM] = 0xc0100000,
		[ARCH_X86_64] = 0xffffffff81000000,
		[ARCH_ARM64] = 0xffff800008000000};

	at(r, HW_LOAD, addresses[r->m->arch]);
}
static void noncanon(struct run *r)
{
	static const uint64_t addresses[NR_ARCHS] = {[ARCH_I386] = 0xfffff000,
		[ARCH_ARM] = 0xfffff000,
		[ARCH_X86_64] = 0x0000900000000000,
		[ARCH_ARM64] = 0x0000900000000000};

	at(r, HW_LOAD, addresses[r->m->arch]);
}
static void wild(struct run *r)
{
	at(r, HW_LOAD, 0x12345000);
}
static void munmapped(struct run *r)
{
	map(r, 1, RW, PRIVATE);
	use(r, HW_STORE, r->page, 1);
	cr_assert_eq(sys_munmap(r->m, r->t, r->page, P), 0);
	at(r, HW_LOAD, r->page);
}
/* 256 KiB of stack: down to its end, and one page further. */
static void stackovf(struct run *r)
{
	uint64_t sp = r->t->sp;

	r->t->rlim[RLIM_STACK].soft = 256 << 10;
	begin(r);
	while (!try_one(r, HW_STORE, sp))
		sp -= 1024;
}
static void bus_eof(struct run *r)
{
	map_file(r, 1, 2, PROT_READ_);
	at(r, HW_LOAD, r->page + P);
}
static void ok_anon_read(struct run *r)
{
	map(r, 1, RW, PRIVATE);
	at(r, HW_LOAD, r->page);
}
static void ok_anon_write(struct run *r)
{
	map(r, 1, RW, PRIVATE);
	at(r, HW_STORE, r->page);
}
static void ok_anon_read_write(struct run *r)
{
	map(r, 1, RW, PRIVATE);
	at(r, HW_LOAD, r->page);
	try_one(r, HW_STORE, r->page);
}
static void sixteen(struct run *r, enum hw_kind kind)
{
	begin(r);
	use(r, kind, r->page, 16);
}
static void ok_anon_write16(struct run *r)
{
	map(r, 16, RW, PRIVATE);
	sixteen(r, HW_STORE);
}
static void ok_anon_read16(struct run *r)
{
	map(r, 16, RW, PRIVATE);
	sixteen(r, HW_LOAD);
}
static void ok_shared_write16(struct run *r)
{
	map(r, 16, RW, SHARED);
	sixteen(r, HW_STORE);
}
/* Written through another mapping: fault-around finds all sixteen. */
static void ok_shared_read16_written(struct run *r)
{
	struct task *child;
	uint64_t page;

	map(r, 16, RW, SHARED);
	page = r->page;
	cr_assert_eq(task_clone(r->m, r->t, 0, 0, &child), 0);
	struct run other = {.m = r->m, .t = child, .page = page};

	use(&other, HW_STORE, page, 16);
	sixteen(r, HW_LOAD);
}
static void ok_populate16(struct run *r)
{
	begin(r);
	map(r, 16, RW, PRIVATE | MAP_POPULATE_);
	cr_assert_eq(r->t->min_flt, r->minflt, "populating is no fault of the task's");
}
static void ok_file_private16(struct run *r)
{
	map_file(r, 16, 16, RW);
	sixteen(r, HW_LOAD);
}
static void ok_file_private16_write(struct run *r)
{
	map_file(r, 16, 16, RW);
	sixteen(r, HW_STORE);
}
static void ok_stack64k(struct run *r)
{
	uint64_t below = (r->t->sp & ~(P - 1)) - P;

	begin(r);
	for (unsigned i = 0; i < 15; i++)
		cr_assert_eq(try_one(r, HW_STORE, below - i * P), 0);
}

#define CASE(name)                                                                                 \
	{                                                                                          \
#name, name                                                                        \
	}
static const struct {
	const char *name;
	void (*fn)(struct run *r);
} cases[] = {CASE(null_read), CASE(null_write), CASE(null_exec), CASE(ro_write),
	CASE(ro_write_untouched), CASE(none_read), CASE(nx_exec), CASE(x_exec), CASE(text_write),
	CASE(kernel_read), CASE(noncanon), CASE(wild), CASE(munmapped), CASE(stackovf),
	CASE(bus_eof), CASE(ok_anon_read), CASE(ok_anon_write), CASE(ok_anon_read_write),
	CASE(ok_anon_write16), CASE(ok_anon_read16), CASE(ok_shared_write16),
	CASE(ok_shared_read16_written), CASE(ok_populate16), CASE(ok_file_private16),
	CASE(ok_file_private16_write), CASE(ok_stack64k)};

/* A process with 3 MiB in use just above where new mappings go, as the measured program had. */
static void start(struct run *r)
{
	uint64_t buffer;

	cr_assert_eq(task_spawn(r->m, 0, "orc", 3, &r->t), 0, "%s", r->m->why.sentence);
	r->mm = task_mm(r->m, r->t);
	cr_assert_eq(sys_mmap(r->m, r->t, 0, 3 << 20, RW, PRIVATE, NULL, 0, NULL, &buffer), 0);
	use(r, HW_STORE, buffer, 768);
	/* Another protection, so that the case's mapping is one of its own. */
	cr_assert_eq(sys_mmap(r->m, r->t, 0, P, PROT_READ_, PRIVATE, NULL, 0, NULL, &buffer), 0);
	use(r, HW_STORE, r->t->sp, 1);
	use(r, HW_LOAD, r->mm->start_code, 1);
}

static bool fixed_address(const char *name)
{
	static const char *const fixed[] = {
		"null_read", "null_write", "null_exec", "kernel_read", "noncanon", "wild"};

	for (unsigned i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (!strcmp(name, fixed[i]))
			return true;
	return false;
}

/* fields: machine case sig si_code si_addr err_code trapno cr2 minflt majflt pgfault ... */
static void compare(const struct run *r, const char **f)
{
	const struct siginfo *s = &r->t->signal;
	long minflt = (long)(r->t->min_flt - r->minflt), want = strtol(f[8], NULL, 10);
	long pgfault = (long)(r->m->vm_event[EV_pgfault] - r->pgfault);
	bool stack = !strcmp(f[1], "stackovf") || !strcmp(f[1], "ok_stack64k"),
	     populate = !strcmp(f[1], "ok_populate16");

	cr_expect_eq(s->signo, strtoul(f[2], NULL, 10), "%s %s: signal %u, not %s", f[0], f[1],
		s->signo, f[2]);
	if (s->signo) {
		cr_expect_eq(s->code, strtoul(f[3], NULL, 10), "%s %s: si_code %u, not %s", f[0],
			f[1], s->code, f[3]);
		cr_expect_eq(s->error_code, strtoull(f[5], NULL, 16),
			"%s %s: error code 0x%llx, not %s", f[0], f[1],
			(unsigned long long)s->error_code, f[5]);
		cr_expect_eq(s->trapno, strtoul(f[6], NULL, 10), "%s %s: trap %llu, not %s", f[0],
			f[1], (unsigned long long)s->trapno, f[6]);
	}
	if (s->signo && fixed_address(f[1]))
		cr_expect_eq(s->addr, strtoull(f[4], NULL, 16), "%s %s: si_addr 0x%llx, not %s",
			f[0], f[1], (unsigned long long)s->addr, f[4]);
	else if (s->signo && !stack && strcmp(f[1], "text_write") && strcmp(f[1], "bus_eof"))
		cr_expect_eq(s->addr, r->page, "%s %s: si_addr", f[0], f[1]);
	/* The stack that main() had used already differs by a page or two. */
	if (stack)
		cr_expect(minflt >= want - 3 && minflt <= want + 3,
			"%s %s: %ld minor faults, not %ld", f[0], f[1], minflt, want);
	else if (!populate)
		cr_expect_eq(
			minflt, want, "%s %s: %ld minor faults, not %ld", f[0], f[1], minflt, want);
	if (!stack)
		cr_expect_eq(pgfault, strtol(f[10], NULL, 10), "%s %s: pgfault %ld, not %s", f[0],
			f[1], pgfault, f[10]);
}

static void run_row(struct machine *m, const char **f)
{
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct run r = {.m = m};

		if (strcmp(cases[i].name, f[1]))
			continue;
		start(&r);
		cases[i].fn(&r);
		compare(&r, f);
		task_kill(m, r.t);
		return;
	}
	cr_assert_str_eq(f[1], "ok_thp_write4m", "no case of the name %s", f[1]);
}

Test(faults_oracle, every_row)
{
	char *tsv = oracle_need("derived/faults.tsv"), *save = NULL;
	struct machine *m = NULL;
	const char *name = "", *f[16];
	unsigned rows = 0;

	strtok_r(tsv, "\n", &save);
	for (char *line; (line = strtok_r(NULL, "\n", &save));) {
		cr_assert_geq(tsv_fields(line, f, 16), 11);
		if (strcmp(name, f[0])) {
			if (m)
				booted_check(m);
			machine_destroy(m);
			m = NULL;
			for (unsigned i = 0; i < NR_MACHINES; i++)
				if (!strcmp(machines[i].oracle, f[0]))
					m = booted(machines[i].preset, NULL);
			cr_assert(m, "no machine like %s", f[0]);
			name = f[0];
		}
		run_row(m, f);
		rows++;
	}
	booted_check(m);
	machine_destroy(m);
	free(tsv);
	cr_assert_geq(rows, 150);
}

/* ---- the log ---- */

/* What follows "]: " or "traps: comm[pid] ", without sp and CPU; the address is told when it is @fixed, ip when the program @jumped
 * there. */
static void plain_line(const char *line, bool fixed, bool jumped, char *out, size_t cap)
{
	unsigned long long addr, ip, sp, code;
	unsigned cpu, core, socket;
	int n = 0, end = 0;
	const char *what = strchr(line, ']');

	*out = '\0';
	what = what ? strpbrk(what + 1, "sg") : NULL;
	if (!what)
		return;
	if (sscanf(what, "segfault at %llx ip %llx sp %llx error %llx%n", &addr, &ip, &sp, &code,
		    &n) == 4) {
		const char *likely = strstr(what, " likely on CPU "), *rest = what + n;

		cr_assert(likely, "%s", line);
		cr_expect_eq(sscanf(likely, " likely on CPU %u (core %u, socket %u)%n", &cpu, &core,
				     &socket, &end),
			3, "%s", line);
		cr_expect_eq(likely[end], '\0', "%s", line);
		cr_expect(core == cpu && !socket, "%s", line);
		snprintf(out, cap, "segfault at %llx ip %llx error %llx%.*s", fixed ? addr : 1,
			jumped && ip == addr ? 1ull : 0, code, (int)(likely - rest), rest);
	} else if (sscanf(what, "general protection fault ip:%llx sp:%llx %n", &ip, &sp, &n) == 2) {
		snprintf(out, cap, "general protection fault %s", what + n);
	}
}

/* The last line of the log that says of a fault, and the one behind it. */
static void last_lines(const struct machine *m, char *line, char *code, size_t cap)
{
	struct text text;
	char *log, *save = NULL;

	text_init(&text);
	log_show(m, &text);
	log = strdup(text_str(&text));
	*line = *code = '\0';
	for (char *l = strtok_r(log, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		if (strstr(l, "segfault at ") || strstr(l, " protection fault "))
			snprintf(line, cap, "%s", l);
		if (strstr(l, "] Code: "))
			snprintf(code, cap, "%s", strstr(l, "] Code: ") + 2);
	}
	free(log);
	text_finish(&text);
}

/* @line of the real log is of the case that it names first. */
static bool compare_log(struct machine *m, const char *line, const char *next)
{
	char ours[512], code[512], want[512], is[512];

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct run r = {.m = m};
		char head[32];

		snprintf(head, sizeof(head), " %.15s[", cases[i].name);
		if (!strstr(line, head))
			continue;
		start(&r);
		cases[i].fn(&r);
		last_lines(m, ours, code, sizeof(ours));
		bool fixed = fixed_address(cases[i].name), jumped = strstr(cases[i].name, "exec");
		plain_line(line, fixed, jumped, want, sizeof(want));
		plain_line(ours, fixed, jumped, is, sizeof(is));
		cr_expect_str_eq(is, want, "%s:\n%s\n%s", cases[i].name, ours, line);
		if (!strcmp(cases[i].name, "null_exec"))
			cr_expect(
				!strncmp(code, strstr(next, "] Code: ") + 2, strlen(code)) && *code,
				"%s: %s", cases[i].name, code);
		task_kill(m, r.t);
		return true;
	}
	return false;
}

Test(faults_oracle, log_of_every_signal)
{
	static const struct {
		const char *oracle, *preset;
	} x86[] = {{"amd64-1g", "pc-x86_64"}, {"i386-686-2g", "pc-i386"}};
	unsigned lines = 0;

	for (unsigned i = 0; i < 2; i++) {
		char path[128], *save = NULL;

		snprintf(path, sizeof(path), "%s/experiments/03-faults/dmesg.txt", x86[i].oracle);
		char *log = oracle_need(path);
		struct machine *m = booted(x86[i].preset, NULL);

		for (char *l = strtok_r(log, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
			lines += compare_log(m, l, l + strlen(l) + 1);
		booted_check(m);
		machine_destroy(m);
		free(log);
	}
	cr_assert_geq(lines, 20);
}

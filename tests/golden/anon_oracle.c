/* SPDX-License-Identifier: MIT
 *
 * The oracle's experiments 01, 01b and 02, act by act, as the files of /proc tell them.
 *
 *	01, 01b	00-start		beside 3 MiB in use
 *		01-mmapped		mmap 10 MiB (01b: and MADV_NOHUGEPAGE)
 *		02-touched		write each page
 *		03-unmapped		munmap
 *	02	00-parent-touched	13 MiB in use
 *		01-parent-after-fork, 01c-child-after-fork
 *		02c-child-wrote-half	the child writes the first 5 MiB: 1280 copies
 *		02-parent-child-wrote-half
 *		03-parent-child-exited
 *		04-parent-rewrote-all	2560 faults, and no copy
 *
 * 01 is compared where large pages were never on (the others are made of them). The mappings are put where they were. After
 * each act, real text and ours are read by the same code:
 *
 *	smaps		every line of the mappings of 1 MiB and more, in order, VmFlags included
 *	status		VmSize, VmData, VmPTE, RssAnon ...: changes since the step before
 *	stat		minor faults of each act, as result.txt counts them
 *	meminfo, vmstat	changes
 *	pagemap.txt	each of the 2560 pages: the entry without its pfn, kpageflags and kpagecount of the frame
 *
 * The real program wrote its snapshots itself, into the 3 MiB: up to DUMP_KIB of those lost their sharing (a page a file, and
 * some) with a fault each. vmstat's numbers wait in each CPU up to 63 at a time, and a thread's RSS up to 64 faults.
 */
#include "oracle.h"
#include "support/world.h"

#define MIB   0x100000ull
#define PAGES 2560u

enum {
	DUMP_KIB = 160,
	RSS_LAG_KIB = 256,
	STAT_PAGES = 64,
	MAX_LARGE = 3,
	MAX_LINES = 32,
	BATCHED_PAGES = 15
};

struct experiment {
	const char *machine, *dir;
	struct simm *simm;
	bool no_huge; /* MADV_NOHUGEPAGE is said of the 10 MiB, too */
	unsigned long long start, end;
	char child[64]; /* its directory */
};

/* ---- text of both sides: to be freed ---- */

static char *real_text(const struct experiment *e, const char *step, const char *file)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/experiments/%s/%s/%s", e->machine, e->dir, step, file);
	return oracle_need(path);
}

/* A step with a c in its number is told by the child. */
static bool by_child(const char *step)
{
	return step[2] == 'c';
}

static const char *process_dir(const struct experiment *e, const char *step)
{
	return by_child(step) ? e->child : "sim/tasks/orc";
}

static char *our_text(const struct experiment *e, const char *step, const char *file)
{
	char path[256];

	if (!strncmp(file, "proc/self/", 10))
		snprintf(path, sizeof(path), "%s/%s", process_dir(e, step), file + 10);
	else
		snprintf(path, sizeof(path), "%s", file);
	return strdup(world_cat(e->simm, path));
}

/* ---- smaps ---- */

struct large {
	unsigned long long start, end;
	char perms[5];
	char *line[MAX_LINES];
	unsigned lines;
};

/* Cuts @text into lines; returns how many mappings of 1 MiB and more it has. */
static unsigned find_large(char *text, struct large *out)
{
	unsigned nr = 0;
	bool on = false;

	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		struct large l = {0};

		if (sscanf(line, "%llx-%llx %4s", &l.start, &l.end, l.perms) == 3) {
			on = l.end - l.start >= MIB;
			if (on) {
				cr_assert_lt(nr, MAX_LARGE);
				out[nr++] = l;
			}
		} else if (on) {
			struct large *at = &out[nr - 1];

			cr_assert_lt(at->lines, MAX_LINES);
			at->line[at->lines++] = line;
		}
	}
	return nr;
}

/* What the snapshots changed: who shares the pages, and which of them were used. */
static bool depends_on_dump(const char *line)
{
	static const char *const names[] = {
		"Pss:", "Pss_Dirty:", "Shared_Dirty:", "Private_Dirty:", "Referenced:"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strncmp(line, names[i], strlen(names[i])))
			return true;
	return false;
}

static void compare_line(const char *where, bool shared, const char *ours, const char *real)
{
	size_t name = strcspn(real, ":");
	long long difference = llabs(atoll(ours + name + 1) - atoll(real + name + 1));

	if (!shared || !depends_on_dump(real) || strncmp(ours, real, name + 1) != 0)
		cr_expect_str_eq(ours, real, "%s: `%s`, was `%s`", where, ours, real);
	else
		cr_expect_leq(difference, DUMP_KIB, "%s: `%s`, was `%s`", where, ours, real);
}

static void compare_smaps(const struct experiment *e, const char *step, bool shared)
{
	char *real = real_text(e, step, "proc/self/smaps");
	char *ours = our_text(e, step, "proc/self/smaps");
	struct large a[MAX_LARGE], b[MAX_LARGE];
	unsigned nr = find_large(ours, a), want = find_large(real, b);
	char where[128];

	snprintf(where, sizeof(where), "%s %s/%s", e->machine, e->dir, step);
	cr_assert_eq(nr, want, "%s: %u large mappings, not %u", where, nr, want);
	for (unsigned i = 0; i < nr; i++) {
		cr_expect_eq(a[i].start, b[i].start, "%s: from 0x%llx", where, a[i].start);
		cr_expect_eq(a[i].end, b[i].end, "%s: to 0x%llx", where, a[i].end);
		cr_expect_str_eq(a[i].perms, b[i].perms, "%s: %s", where, a[i].perms);
		cr_assert_eq(a[i].lines, b[i].lines, "%s: %u lines", where, a[i].lines);
		for (unsigned k = 0; k < a[i].lines; k++)
			compare_line(where, shared, a[i].line[k], b[i].line[k]);
	}
	free(real);
	free(ours);
}

/* ---- numbers that change ---- */

static const struct changing {
	const char *file, *name;
	long long slack; /* either way */
	bool of_process;
} changing[] = {
	{"proc/self/status", "VmSize", 0, true},
	{"proc/self/status", "VmData", 0, true},
	{"proc/self/status", "VmStk", 0, true},
	{"proc/self/status", "VmExe", 0, true},
	{"proc/self/status", "VmLck", 0, true},
	{"proc/self/status", "VmPTE", 0, true},
	{"proc/self/status", "VmSwap", 0, true},
	{"proc/self/status", "RssAnon", RSS_LAG_KIB, true},
	{"proc/meminfo", "Committed_AS", 0, false},
	{"proc/meminfo", "Shmem", 0, false},
	{"proc/meminfo", "Mlocked", 0, false},
	{"proc/meminfo", "AnonPages", STAT_PAGES * 4 + DUMP_KIB, false},
	{"proc/meminfo", "Inactive(anon)", STAT_PAGES * 4 + DUMP_KIB, false},
	{"proc/meminfo", "PageTables", STAT_PAGES * 4, false},
	{"proc/vmstat", "nr_anon_pages", STAT_PAGES + DUMP_KIB / 4, false},
	{"proc/vmstat", "nr_page_table_pages", STAT_PAGES, false},
	{"proc/vmstat", "pgfault", STAT_PAGES, false},
	{"proc/vmstat", "pgmajfault", 0, false},
	{"proc/vmstat", "pgreuse", DUMP_KIB / 4, false},
	{"proc/vmstat", "pgactivate", BATCHED_PAGES * 2, false},
	{"proc/vmstat", "pswpout", 0, false},
};
#define NR_CHANGING (sizeof(changing) / sizeof(changing[0]))

struct numbers {
	long long real[NR_CHANGING], ours[NR_CHANGING];
};

static void read_numbers(const struct experiment *e, const char *step, struct numbers *n)
{
	char *real = NULL, *ours = NULL;

	for (unsigned i = 0; i < NR_CHANGING; i++) {
		const struct changing *c = &changing[i];

		if (!i || strcmp(c->file, c[-1].file) != 0) {
			free(real);
			free(ours);
			real = real_text(e, step, c->file);
			ours = our_text(e, step, c->file);
		}
		n->real[i] = named_number(real, c->name);
		n->ours[i] = named_number(ours, c->name);
	}
	free(real);
	free(ours);
}

/* @of_process: the step before was told by the same process. */
static void compare_changes(const struct experiment *e, const char *step,
	const struct numbers *before, const struct numbers *now, bool of_process)
{
	for (unsigned i = 0; i < NR_CHANGING; i++) {
		const struct changing *c = &changing[i];
		long long ours = now->ours[i] - before->ours[i];
		long long real = now->real[i] - before->real[i];

		if (!c->of_process || of_process)
			cr_expect_leq(llabs(ours - real), c->slack,
				"%s %s/%s: %s changed by %lld, not by %lld", e->machine, e->dir,
				step, c->name, ours, real);
	}
}

/* ---- pages ---- */

static uint64_t word(struct simm_open *file, uint64_t index)
{
	uint64_t value = 0;

	cr_assert_eq(simm_read(file, &value, 8, index * 8), 8);
	return value;
}

static void compare_pages(const struct experiment *e, const char *step)
{
	const uint64_t no_pfn = ~((UINT64_C(1) << 55) - 1), lru = 1 << 5;
	char *text = real_text(e, step, "pagemap.txt"), *save = NULL, path[128];
	struct simm_open *flags_file = world_open(e->simm, "proc/kpageflags", SIMM_O_READ);
	struct simm_open *count_file = world_open(e->simm, "proc/kpagecount", SIMM_O_READ);
	unsigned other = 0, seen = 0;

	snprintf(path, sizeof(path), "%s/pagemap", process_dir(e, step));
	struct simm_open *pagemap = world_open(e->simm, path, SIMM_O_READ);
	strtok_r(text, "\n", &save);
	for (char *line; (line = strtok_r(NULL, "\n", &save)); seen++) {
		unsigned long long va, entry, flags;
		unsigned count;

		cr_assert_eq(
			sscanf(line, "%*u %llx %llx %*u %llx %u", &va, &entry, &flags, &count), 4);
		uint64_t ours = word(pagemap, va >> 12), pfn = ours & ~no_pfn;

		cr_expect_eq(ours & no_pfn, entry & no_pfn, "%s %s/%s: 0x%llx: %llx, was %llx",
			e->machine, e->dir, step, va, (unsigned long long)ours, entry);
		cr_expect_eq(pfn != 0, (entry & ~no_pfn) != 0, "%s: 0x%llx", step, va);
		if (!pfn)
			continue;
		cr_expect_eq(word(count_file, pfn), count, "%s: 0x%llx", step, va);
		if ((word(flags_file, pfn) ^ flags) & ~lru && !other++)
			cr_log_info("%s %s/%s: 0x%llx: %llx, was %llx", e->machine, e->dir, step,
				va, (unsigned long long)word(flags_file, pfn), flags);
	}
	cr_expect_eq(seen, PAGES, "%s %s: %u pages", e->machine, step, seen);
	/* What waits in a batch for its list has not all of its flags. */
	cr_expect_leq(other, BATCHED_PAGES, "%s %s/%s: %u pages have other flags", e->machine,
		e->dir, step, other);
	simm_release(pagemap);
	simm_release(flags_file);
	simm_release(count_file);
	free(text);
}

/* ---- acts ---- */

/* One line to the ctl of the process, and its minor faults that this took. */
__attribute__((format(printf, 3, 4))) static long long act(
	const struct experiment *e, const char *dir, const char *format, ...)
{
	char path[128], line[256], stat[128];
	long long before = 0, after = 0;
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	snprintf(path, sizeof(path), "%s/ctl", dir);
	snprintf(stat, sizeof(stat), "%s/stat", dir);
	sscanf(strrchr(world_cat(e->simm, stat), ')'), ") %*c %*d %*d %*d %*d %*d %*u %lld",
		&before);
	world_call_at(e->simm, path, line);
	if (world_has(e->simm, stat))
		sscanf(strrchr(world_cat(e->simm, stat), ')'), ") %*c %*d %*d %*d %*d %*d %*u %lld",
			&after);
	return after - before;
}

static void map(
	const struct experiment *e, unsigned long long start, unsigned long long end, bool no_huge)
{
	act(e, "sim/tasks/orc",
		"mmap 0x%llx %llu rw-p MAP_PRIVATE+MAP_ANONYMOUS+MAP_FIXED_NOREPLACE", start,
		end - start);
	if (no_huge && world_has(e->simm, "sys/kernel/mm/transparent_hugepage/enabled"))
		act(e, "sim/tasks/orc", "madvise 0x%llx %llu MADV_NOHUGEPAGE", start, end - start);
}

/* The n-th "minflt" of result.txt. */
static long long told_faults(const struct experiment *e, unsigned n)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/experiments/%s/result.txt", e->machine, e->dir);
	char *text = oracle_need(path), *at = text;

	do
		at = strstr(at, "minflt ") + 7;
	while (n--);
	long long faults = strtoll(at, NULL, 10);

	free(text);
	return faults;
}

/* Where the 10 MiB and, behind them, the 3 MiB lay. */
static void find_region(struct experiment *e, const char *step)
{
	char *smaps = real_text(e, step, "proc/self/smaps");
	struct large l[MAX_LARGE];
	unsigned nr = find_large(smaps, l);

	cr_assert_gt(nr, 0);
	e->start = l[0].start;
	e->end = l[nr - 1].end;
	cr_assert_eq(e->end - e->start, 13 * MIB);
	free(smaps);
}

/* The program's start: a heap of 136 KiB, and 3 MiB in use. */
static void start(struct experiment *e, const char *mapped_step)
{
	find_region(e, mapped_step);
	cr_assert_eq(world_mkdir(e->simm, "sim/tasks", "orc"), 0);
	act(e, "sim/tasks/orc", "end = brk");
	act(e, "sim/tasks/orc", "brk end+136K");
	/* The page of the kernel's calls may lie there in our process. */
	act(e, "sim/tasks/orc", "munmap 0x%llx 13M", e->start);
	map(e, e->end - 3 * MIB, e->end, true);
	act(e, "sim/tasks/orc", "touch 0x%llx 3M w", e->end - 3 * MIB);
}

static void run_01(struct experiment *e)
{
	static const char *const steps[] = {"00-start", "01-mmapped", "02-touched", "03-unmapped"};
	const char *dir = "sim/tasks/orc";
	struct numbers last, now;

	start(e, "01-mmapped");
	for (unsigned i = 0; i < 4; i++) {
		if (i == 1)
			map(e, e->start, e->start + 10 * MIB, e->no_huge);
		if (i == 2)
			cr_expect_eq(
				act(e, dir, "touch 0x%llx 10M w", e->start), told_faults(e, 0));
		if (i == 3)
			act(e, dir, "munmap 0x%llx 10M", e->start);
		read_numbers(e, steps[i], &now);
		if (i)
			compare_changes(e, steps[i], &last, &now, true);
		last = now;
		compare_smaps(e, steps[i], false);
		if (i == 1 || i == 2)
			compare_pages(e, steps[i]);
	}
	cr_expect_str_eq(world_cat(e->simm, "sim/check"), "ok\n");
	simm_destroy(e->simm);
}

static void run_02(struct experiment *e)
{
	static const char *const steps[] = {"00-parent-touched", "01-parent-after-fork",
		"01c-child-after-fork", "02c-child-wrote-half", "02-parent-child-wrote-half",
		"03-parent-child-exited", "04-parent-rewrote-all"};
	const char *dir = "sim/tasks/orc";
	struct numbers last, now;

	start(e, steps[0]);
	map(e, e->start, e->start + 10 * MIB, true);
	act(e, dir, "touch 0x%llx 10M w", e->start);
	for (unsigned i = 0; i < 7; i++) {
		if (i == 1) {
			act(e, dir, "child = fork");
			snprintf(e->child, sizeof(e->child), "proc/%d",
				atoi(world_cat(e->simm, "sim/tasks/orc/pid")) + 1);
		}
		if (i == 3)
			cr_expect_eq(
				act(e, e->child, "touch 0x%llx 5M w", e->start), told_faults(e, 0));
		if (i == 5) {
			act(e, e->child, "exit 0");
			act(e, dir, "wait4 -1");
		}
		if (i == 6)
			cr_expect_eq(
				act(e, dir, "touch 0x%llx 10M w", e->start), told_faults(e, 1));
		read_numbers(e, steps[i], &now);
		if (i)
			compare_changes(e, steps[i], &last, &now,
				by_child(steps[i]) == by_child(steps[i - 1]));
		last = now;
		compare_smaps(e, steps[i], true);
		compare_pages(e, steps[i]);
	}
	cr_expect_str_eq(world_cat(e->simm, "sim/check"), "ok\n");
	simm_destroy(e->simm);
}

/* ---- machines ---- */

static const struct {
	const char *machine, *preset, *ram;
	bool never_huge;
} machines[] = {
	{"amd64-1g", "pc-x86_64", "1G", false},
	{"amd64-numa-4g", "pc-x86_64-numa", "4G", false},
	{"i386-686-256m", "pc-i386", "256M", true},
	{"i386-686-2g", "pc-i386", "2G", false},
	{"armhf-2g", "arm-virt", "2G", true},
	{"arm64-1g", "arm64-virt", "1G", false},
};
#define NR_MACHINES (sizeof(machines) / sizeof(machines[0]))

static void begin(struct experiment *e, unsigned i, const char *dir, bool no_huge)
{
	*e = (struct experiment){.machine = machines[i].machine, .dir = dir, .no_huge = no_huge};
	free(oracle_need("README.md"));
	e->simm = world(machines[i].preset, "ram", machines[i].ram, NULL);
}

Test(anon_oracle, ten_mib)
{
	struct experiment e;

	for (unsigned i = 0; i < NR_MACHINES; i++)
		if (machines[i].never_huge) {
			begin(&e, i, "01-anon10m", false);
			run_01(&e);
		}
}

Test(anon_oracle, ten_mib_of_small_pages)
{
	struct experiment e;

	for (unsigned i = 0; i < NR_MACHINES; i++) {
		begin(&e, i, "01b-anon10m-nothp", true);
		run_01(&e);
	}
}

Test(anon_oracle, fork_and_copy_on_write)
{
	struct experiment e;

	for (unsigned i = 0; i < NR_MACHINES; i++) {
		begin(&e, i, "02-fork-cow", true);
		run_02(&e);
	}
}

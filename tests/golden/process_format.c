/* SPDX-License-Identifier: MIT
 *
 * The form of a process's files against the oracle's: lines, their order, widths and columns, machine by machine.
 *
 *	00400000-00401000 r--p 00000000 00:02 84                                 /bin/orc
 *	`------- numbers' values are forgotten, blanks before them not ------'   `name: its column
 *
 * What the kernel decides and not the program is compared as it is: protections and flags of [heap], [stack], [vvar],
 * [vdso] and their like, the limits.
 */
#include "oracle.h"
#include "support/world.h"

#include <ctype.h>

static const struct {
	const char *oracle, *preset;
} machines[] = {
	{"amd64-1g", "pc-x86_64"},
	{"amd64-numa-4g", "pc-x86_64-numa"},
	{"arm64-1g", "arm64-virt"},
	{"armhf-2g", "arm-virt"},
	{"i386-686-2g", "pc-i386"},
};
#define NR_MACHINES (sizeof(machines) / sizeof(machines[0]))

static struct simm *with_process(const char *preset)
{
	struct simm *simm = world(preset, "config", "debian", NULL);

	cr_assert_eq(world_mkdir(simm, "sim/tasks", "orc"), 0);
	world_call_at(simm, "sim/tasks/orc/ctl", "b = brk");
	world_call_at(simm, "sim/tasks/orc/ctl", "brk b+128K");
	world_call_at(simm, "sim/tasks/orc/ctl", "buf = mmap NULL 10M rw-p");
	world_call_at(simm, "sim/tasks/orc/ctl", "touch buf 1M");
	return simm;
}

/* A file of the measured process, in the experiment that mapped and touched 10 MiB. */
static char *theirs(const char *machine, const char *file)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/experiments/01b-anon10m-nothp/02-touched/proc/self/%s",
		machine, file);
	return oracle_need(path);
}

static char *ours(struct simm *simm, const char *file)
{
	char path[256];

	snprintf(path, sizeof(path), "sim/tasks/orc/%s", file);
	char *text = strdup(world_cat(simm, path));
	cr_assert_not_null(text);
	return text;
}

/* Blanks and the number behind them as one run of marks, so that a wrong width shows. */
static void shape(const char *line, char *out, size_t cap)
{
	size_t n = 0;

	while (*line && n + 1 < cap) {
		size_t blanks = strspn(line, " "), digits = strspn(line + blanks, "0123456789");

		if (!digits) {
			out[n++] = *line++;
			continue;
		}
		for (size_t i = 0; i < blanks + digits && n + 1 < cap; i++)
			out[n++] = '#';
		line += blanks + digits;
	}
	out[n] = '\0';
}

static bool is_map_line(const char *line)
{
	return isxdigit((unsigned char)*line) && strchr(line, '-') && strchr(line, ':');
}

static void compare_shapes(const char *machine, const char *file, char *a, char *b)
{
	char *save_a = NULL, *save_b = NULL, shape_a[512], shape_b[512];
	char *la = strtok_r(a, "\n", &save_a), *lb = strtok_r(b, "\n", &save_b);
	unsigned lines = 0;

	for (; la && lb; la = strtok_r(NULL, "\n", &save_a), lb = strtok_r(NULL, "\n", &save_b)) {
		lines++;
		if (is_map_line(lb)) {
			const char *na = strchr(la, '['), *nb = strchr(lb, '[');

			cr_expect(na && nb && na - la == nb - lb, "%s %s:\n%s\n%s", machine, file,
				la, lb);
			continue;
		}
		shape(la, shape_a, sizeof(shape_a));
		shape(lb, shape_b, sizeof(shape_b));
		cr_expect_str_eq(
			shape_a, shape_b, "%s %s line %u:\n%s\n%s", machine, file, lines, la, lb);
	}
	cr_expect(!la && !lb, "%s %s: one has a line more: %s%s", machine, file, la ? la : "",
		lb ? lb : "");
	cr_expect_gt(lines, 15);
}

Test(process_format, rollup_has_the_kernels_lines_and_widths)
{
	for (unsigned i = 0; i < NR_MACHINES; i++) {
		struct simm *simm = with_process(machines[i].preset);
		char *a = ours(simm, "smaps_rollup"),
		     *b = theirs(machines[i].oracle, "smaps_rollup");

		compare_shapes(machines[i].oracle, "smaps_rollup", a, b);
		free(a);
		free(b);
		simm_destroy(simm);
	}
}

/* Limits are the kernel's and init's: equal to the last figure, but for those that depend on the machine's size. */
Test(process_format, limits)
{
	for (unsigned i = 0; i < NR_MACHINES; i++) {
		struct simm *simm = with_process(machines[i].preset);
		char path[128], *save_a = NULL, *save_b = NULL;

		snprintf(path, sizeof(path), "%s/proc/self/limits", machines[i].oracle);
		char *a = ours(simm, "limits"), *b = oracle_need(path);
		char *la = strtok_r(a, "\n", &save_a), *lb = strtok_r(b, "\n", &save_b);
		for (; la && lb;
			la = strtok_r(NULL, "\n", &save_a), lb = strtok_r(NULL, "\n", &save_b)) {
			bool sized =
				strstr(lb, "Max processes") || strstr(lb, "Max pending signals");

			cr_expect_eq(
				strlen(la), strlen(lb), "%s\n%s\n%s", machines[i].oracle, la, lb);
			cr_expect_arr_eq(la, lb, sized ? 26 : strlen(lb), "%s\n%s\n%s",
				machines[i].oracle, la, lb);
		}
		cr_expect(!la && !lb);
		free(a);
		free(b);
		simm_destroy(simm);
	}
}

static const char *find_label(const char *text, const char *line)
{
	size_t len = strcspn(line, ":\n");

	for (const char *s = text; s && *s; s = strchr(s, '\n') ? strchr(s, '\n') + 1 : NULL)
		if (!strncmp(s, line, len) && s[len] == ':')
			return s;
	return NULL;
}

Test(process_format, status_has_the_kernels_names_in_order)
{
	for (unsigned i = 0; i < NR_MACHINES; i++) {
		struct simm *simm = with_process(machines[i].preset);
		char *a = ours(simm, "status"), *b = theirs(machines[i].oracle, "status");
		const char *sa = a, *sb = b;

		while (*sa && *sb) {
			size_t len = strcspn(sb, "\n"), name = strcspn(sb, ":");

			cr_expect(!strncmp(sa, sb, name + 1), "%s: %.*s\n%.*s", machines[i].oracle,
				(int)strcspn(sa, "\n"), sa, (int)len, sb);
			/* Sizes have their width. */
			if (!strncmp(sb + len - 3, " kB", 3))
				cr_expect_eq(strcspn(sa, "\n"), len, "%s: %.*s", machines[i].oracle,
					(int)len, sb);
			sa += strcspn(sa, "\n") + 1;
			sb += len + 1;
		}
		cr_expect(!*sa && !*sb, "%s: one has more: %s%s", machines[i].oracle, sa, sb);
		static const char *const same[] = {"Umask:", "CapInh:", "CapPrm:", "CapEff:",
			"CapBnd:", "CapAmb:", "SigBlk:", "FDSize:", "Groups:", "THP_enabled:",
			"CoreDumping:", "Speculation_Store_Bypass:", "SpeculationIndirectBranch:",
			"Mems_allowed:", "Seccomp:", "NSpgid:"};
		for (unsigned s = 0; s < sizeof(same) / sizeof(same[0]); s++) {
			const char *la = find_label(a, same[s]), *lb = find_label(b, same[s]);

			cr_expect(la && lb && !strncmp(la, lb, strcspn(lb, "\n") + 1), "%s %s",
				machines[i].oracle, same[s]);
		}
		free(a);
		free(b);
		simm_destroy(simm);
	}
}

static unsigned fields(const char *text)
{
	unsigned n = 1;

	for (; *text; text++)
		n += *text == ' ';
	return n;
}

Test(process_format, stat_and_statm_have_the_kernels_fields)
{
	static const char *const files[] = {"stat", "statm"};

	for (unsigned i = 0; i < NR_MACHINES; i++) {
		struct simm *simm = with_process(machines[i].preset);

		for (unsigned f = 0; f < 2; f++) {
			char *a = ours(simm, files[f]), *b = theirs(machines[i].oracle, files[f]);

			cr_expect_eq(fields(a), fields(b), "%s %s\n%s%s", machines[i].oracle,
				files[f], a, b);
			free(a);
			free(b);
		}
		simm_destroy(simm);
	}
}

/* The line of @text (of maps) that ends in @name, and what stands before the name. */
static const char *named(const char *text, const char *name, size_t *len)
{
	const char *at = strstr(text, name);

	if (!at)
		return NULL;
	const char *line = at;
	while (line > text && line[-1] != '\n')
		line--;
	*len = (size_t)(at - line);
	return line;
}

static const char *const special[] = {
	"[heap]", "[stack]", "[vvar]", "[vdso]", "[sigpage]", "[vectors]"};

/* Each mapping that is the kernel's doing: there or not, its protection, the column of its name. */
Test(process_format, maps_of_the_kernels_mappings)
{
	for (unsigned i = 0; i < NR_MACHINES; i++) {
		struct simm *simm = with_process(machines[i].preset);
		char *a = ours(simm, "maps"), *b = theirs(machines[i].oracle, "maps");

		for (unsigned s = 0; s < sizeof(special) / sizeof(special[0]); s++) {
			size_t na = 0, nb = 0;
			const char *la = named(a, special[s], &na), *lb = named(b, special[s], &nb);

			cr_expect_eq(
				!la, !lb, "%s: %s in one only", machines[i].oracle, special[s]);
			if (!la || !lb)
				continue;
			cr_expect_eq(na, nb, "%s: column of %s", machines[i].oracle, special[s]);
			cr_expect(!strncmp(strchr(la, ' '), strchr(lb, ' '),
					  sizeof(" rw-p 00000000 00:00 0 ") - 1),
				"%s:\n%.60s\n%.60s", machines[i].oracle, la, lb);
		}
		/* A line without a name ends in a blank. */
		cr_expect(strstr(a, " 00:00 0 \n"), "%s", machines[i].oracle);
		cr_expect(strstr(b, " 00:00 0 \n"), "%s", machines[i].oracle);
		free(a);
		free(b);
		simm_destroy(simm);
	}
}

/* smaps: the lines below each of them, with widths; their VmFlags word by word. */
Test(process_format, smaps_of_the_kernels_mappings)
{
	for (unsigned i = 0; i < NR_MACHINES; i++) {
		struct simm *simm = with_process(machines[i].preset);
		char *a = ours(simm, "smaps"), *b = theirs(machines[i].oracle, "smaps");

		for (unsigned s = 0; s < sizeof(special) / sizeof(special[0]); s++) {
			const char *la = strstr(a, special[s]), *lb = strstr(b, special[s]);

			if (!la || !lb)
				continue;
			for (unsigned line = 0; line < 23; line++) {
				char sa[256], sb[256], da[256], db[256];

				la = strchr(la, '\n') + 1;
				lb = strchr(lb, '\n') + 1;
				snprintf(sa, sizeof(sa), "%.*s", (int)strcspn(la, "\n"), la);
				snprintf(sb, sizeof(sb), "%.*s", (int)strcspn(lb, "\n"), lb);
				shape(sa, da, sizeof(da));
				shape(sb, db, sizeof(db));
				cr_expect_str_eq(da, db, "%s %s:\n%s\n%s", machines[i].oracle,
					special[s], sa, sb);
				if (!strncmp(sb, "VmFlags:", 8) || !strncmp(sb, "KernelPage", 10))
					cr_expect_str_eq(
						sa, sb, "%s %s", machines[i].oracle, special[s]);
			}
		}
		free(a);
		free(b);
		simm_destroy(simm);
	}
}

/* SPDX-License-Identifier: MIT
 *
 * The form of each file against the oracle's six machines: names, their order, their columns.
 *
 * Both texts are brought to a common form, in which only numbers' values are forgotten: in files with columns a
 * number and the blanks before it become as many marks (so a wrong width shows), in the others one mark. Then they
 * are compared line by line.
 */
#include "made.h"
#include "oracle.h"

#include "tree/row.h"

#include <ctype.h>
#include <errno.h>

enum form {
	COLUMNS, /* numbers are right-aligned in columns */
	VALUES,	 /* numbers stand behind their names */
	NAMES	 /* only what stands before the first colon */
};

struct golden_file {
	const char *path;
	enum form form;
	const char *ignore; /* lines that begin so are left out on both sides */
};

static const struct golden_file files[] = {
	{"proc/meminfo", COLUMNS, "DirectMap1G"}, /* needs a CPU with pages of 1 GiB */
	{"proc/zoneinfo", VALUES, NULL},
	{"proc/vmstat", VALUES, NULL},
	{"proc/buddyinfo", COLUMNS, NULL},
	{"proc/pagetypeinfo", COLUMNS, NULL},
	{"proc/version", VALUES, NULL},
	{"proc/cpuinfo", NAMES, NULL},
	{"proc/uptime", VALUES, NULL},
	{"proc/swaps", VALUES, NULL},
	{"proc/pressure/memory", VALUES, NULL},
	{"proc/pressure/io", VALUES, NULL},
	{"proc/pressure/cpu", VALUES, NULL},
	{"proc/self/status", NAMES, NULL},
	{"proc/sys/kernel/osrelease", VALUES, NULL},
	{"proc/sys/kernel/version", VALUES, NULL},
	{"sys/kernel/debug/extfrag/unusable_index", VALUES, NULL},
	{"sys/kernel/fscaps", VALUES, NULL},
	{"sys/kernel/mm/transparent_hugepage/shmem_enabled", VALUES, NULL},
	{"sys/kernel/mm/transparent_hugepage/khugepaged/pages_to_scan", VALUES, NULL},
	{"sys/devices/system/node/node0/meminfo", COLUMNS, NULL},
	{"sys/devices/system/node/node0/numastat", VALUES, NULL},
	{"sys/devices/system/node/node0/vmstat", VALUES, NULL},
	{"sys/devices/system/node/node0/distance", VALUES, NULL},
	{"sys/devices/system/node/node0/cpumap", VALUES, NULL},
	{"sys/devices/system/node/node1/cpulist", VALUES, NULL},
	{"sys/devices/system/node/online", VALUES, NULL},
	{"sys/devices/system/node/possible", VALUES, NULL},
	{"sys/devices/system/node/has_normal_memory", VALUES, NULL},
	{"sys/devices/system/memory/block_size_bytes", VALUES, NULL},
	{"sys/devices/system/memory/auto_online_blocks", VALUES, NULL},
	{"sys/devices/system/memory/memory1/valid_zones", VALUES, NULL},
	{"sys/devices/system/memory/memory0/valid_zones", VALUES, NULL},
	{"sys/devices/system/memory/memory1/phys_index", VALUES, NULL},
	{"sys/devices/system/memory/memory1/state", VALUES, NULL},
};

static void normalise(const char *line, enum form form, char *out, size_t cap)
{
	size_t n = 0;

	for (const char *s = line; *s && n + 1 < cap;) {
		size_t blanks = form == COLUMNS ? strspn(s, " ") : 0,
		       digits = strspn(s + blanks, "0123456789");

		if (form == NAMES && *s == ':')
			break;
		if (!digits) {
			out[n++] = *s++;
			continue;
		}
		for (size_t i = 0; i < (form == COLUMNS ? blanks + digits : 1) && n + 1 < cap; i++)
			out[n++] = '#';
		s += blanks + digits;
	}
	out[n] = '\0';
}

#define NOBODYS_PID 4194303u

/* The row of @path with its arguments in @v, NULL when the machine has no such file. */
static const struct row *find_row(struct view *v, const char *path)
{
	for (unsigned i = 0; i < nr_rows; i++) {
		const char *p = path, *r = rows[i].path;
		unsigned n = 0;
		bool same = true;

		while (same && *r) {
			if (*r != '{') {
				same = *p == *r++;
				p += same;
				continue;
			}
			/* proc/self stands for who asks, no process of the machine. */
			same = isdigit((unsigned char)*p) || !strncmp(p, "self", 4);
			if (same)
				v->arg[n++] = isdigit((unsigned char)*p) ? strtoull(p, NULL, 10)
									 : NOBODYS_PID;
			p += !strncmp(p, "self", 4) ? 4 : strspn(p, "0123456789");
			r = strchr(r, '}') + 1;
		}
		if (same && !*p && rows[i].show && machine_has(v->m, rows[i].need) &&
			(!rows[i].when || rows[i].when(v->m))) {
			v->row = &rows[i];
			v->aux = rows[i].aux;
			return &rows[i];
		}
	}
	return NULL;
}

static char *next_line(char **text, const char *ignore)
{
	do {
		char *line = *text, *end = strchr(line, '\n');

		if (!*line)
			return NULL;
		*text = end ? end + 1 : line + strlen(line);
		if (end)
			*end = '\0';
		if (!ignore || strncmp(line, ignore, strlen(ignore)))
			return line;
	} while (true);
}

static unsigned compare(const char *machine, const struct golden_file *f, char *ours, char *theirs)
{
	char a[4096], b[4096];

	for (unsigned line = 1;; line++) {
		char *our = next_line(&ours, f->ignore), *their = next_line(&theirs, f->ignore);

		if (!our && !their)
			return line - 1;
		normalise(our ? our : "(no line)", f->form, a, sizeof(a));
		normalise(their ? their : "(no line)", f->form, b, sizeof(b));
		cr_expect_str_eq(a, b, "%s %s:%u: `%s` is not like `%s`", machine, f->path, line,
			our ? our : "", their ? their : "");
		if (strcmp(a, b))
			return line;
	}
}

static unsigned check_file(
	const struct oracle_machine *o, struct machine *m, const struct golden_file *f)
{
	struct session session = {.m = m, .caller = {.pid = 1, .tid = 1}};
	struct view v = {.s = &session, .m = m};
	struct text text;
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", o->name, f->path);
	char *theirs = oracle_read(path);
	const struct row *row = find_row(&v, f->path);
	/* The oracle lacks what its kernel lacks; of memory blocks it holds the first ones only. */
	if (!theirs)
		return 0;
	cr_expect(row, "%s has %s", o->name, f->path);
	unsigned lines = 0;
	text_init(&text);
	if (row) {
		cr_expect_eq(row->show(&v, &text), 0);
		char *ours = strdup(text_str(&text));
		lines = compare(o->name, f, ours, theirs);
		free(ours);
	}
	text_finish(&text);
	free(theirs);
	return lines;
}

Test(format, every_file_of_every_machine)
{
	unsigned lines = 0;

	for (unsigned i = 0; i < NR_ORACLES; i++) {
		struct machine *m = made_machine(&oracles[i]);

		if (!m)
			cr_skip_test("no ../shared/oracle here (SIMM_SHARED)");
		for (unsigned f = 0; f < sizeof(files) / sizeof(files[0]); f++)
			lines += check_file(&oracles[i], m, &files[f]);
		made_destroy(m);
	}
	cr_expect_gt(lines, 2500, "%u lines compared", lines);
}

/* procps reads these with one read of 8191 bytes. */
Test(format, one_read_is_enough)
{
	static const char *const paths[] = {"proc/meminfo", "proc/vmstat"};

	for (unsigned i = 0; i < NR_ORACLES; i++) {
		struct machine *m = made_machine(&oracles[i]);

		if (!m)
			cr_skip_test("no ../shared/oracle here (SIMM_SHARED)");
		for (unsigned f = 0; f < 2; f++) {
			struct view v = {.m = m};
			struct text text;

			text_init(&text);
			cr_assert(find_row(&v, paths[f]));
			v.row->show(&v, &text);
			cr_expect_leq(text.len, 8191);
			text_finish(&text);
		}
		made_destroy(m);
	}
}

/* The uncompressed length of a file of the oracle, from the end of its .gz. */
static uint64_t gz_bytes(const char *machine, const char *file)
{
	const char *shared = getenv("SIMM_SHARED");
	unsigned char end[4];
	char name[512];

	snprintf(name, sizeof(name), "%s/oracle/%s/%s.gz", shared, machine, file);
	FILE *f = fopen(name, "r");
	cr_assert(f, "%s", name);
	cr_assert_eq(fseek(f, -4, SEEK_END), 0);
	cr_assert_eq(fread(end, 1, 4, f), 4);
	fclose(f);
	return (uint64_t)end[3] << 24 | (uint64_t)end[2] << 16 | (uint64_t)end[1] << 8 | end[0];
}

/* The maps of pages end at the last page with FLATMEM, at the end of the last section with SPARSEMEM. */
Test(format, maps_of_pages_end_where_linux_ends_them)
{
	static const char *const paths[] = {"proc/kpageflags", "proc/kpagecount"};

	for (unsigned i = 0; i < NR_ORACLES; i++) {
		struct machine *m = made_machine(&oracles[i]);

		if (!m)
			cr_skip_test("no ../shared/oracle here (SIMM_SHARED)");
		for (unsigned f = 0; f < 2; f++) {
			uint64_t end = gz_bytes(oracles[i].name, paths[f]), word[2];

			for (unsigned r = 0; r < nr_rows; r++) {
				struct view v = {.m = m, .row = &rows[r]};

				if (strcmp(rows[r].path, paths[f]))
					continue;
				cr_expect_eq(rows[r].read(&v, word, 8, end), 0, "%s %s",
					oracles[i].name, paths[f]);
				cr_expect_eq(rows[r].read(&v, word, 16, end - 8), 8, "%s %s",
					oracles[i].name, paths[f]);
				cr_expect_eq(rows[r].read(&v, word, 7, 0), -EINVAL);
				cr_expect_eq(rows[r].read(&v, word, 8, 4), -EINVAL);
			}
		}
		made_destroy(m);
	}
}

/* SPDX-License-Identifier: MIT
 *
 * proc/vmallocinfo of six real machines, made again: each line's area is asked for anew on the same kind of machine, by the
 * call that such a line comes from, and what is then printed of it has to be the line.
 *
 *	0xd1743338-0xa2ea25e0   20480 load_module+0xa90/0x21c8 pages=4 vmalloc
 *	`------ not compared ------' | `---- not compared ---' `-- compared --'
 *	                        compared
 *
 * "pages=N vmalloc" comes from vmalloc(), with "vpages" when the array of its pages is an area, too (that one has a line of
 * its own, which is not asked for); "phys=0x... ioremap" from ioremap(); "vmap" from vmap(); "dma-coherent" from the DMA
 * API; kernel_clone from a new task. Which node pages lie on (N0=, N1=) is compared where there is one node only. In
 * the end VmallocUsed has grown by the oracle's.
 *
 * Not made again: registers that are RAM on the simulated machine (ACPI's tables), per-CPU chunks without pages,
 * arm64's image, ARM's I/O ports without an address, and areas that wait to be purged.
 */
#include "oracle.h"
#include "support/booted.h"
#include "support/world.h"

#include "mm/kernel/layout.h"

#include <stdlib.h>

typedef unsigned long long ull;

enum { MOST_LINES = 200, LINE_BYTES = 200 };

/* A line, of ours or of the oracle's, taken apart. */
struct line {
	ull bytes;
	char caller[80];       /* up to the '+', "" without */
	char rest[LINE_BYTES]; /* behind the caller, without nodes when there are several */
	ull pages, phys;
};

/* False: the line is none of vmallocinfo's. */
static bool take_apart(const char *text, bool nodes, struct line *l)
{
	const char *at = strstr(text, "-0x");
	int used = 0;

	memset(l, 0, sizeof(*l));
	if (strncmp(text, "0x", 2) || !at ||
		sscanf(at + strcspn(at, " "), "%llu%n", &l->bytes, &used) != 1)
		return false;
	/* The size is in a column of at least seven, behind one blank. */
	if (used < 8)
		return false;
	at += strcspn(at, " ") + (size_t)used;
	if (*at != ' ')
		return false;
	size_t caller = strcspn(++at, "+ ");

	if (at[caller] == '+') {
		snprintf(l->caller, sizeof(l->caller), "%.*s", (int)caller, at);
		at += strcspn(at, " ");
		if (!strncmp(at, " [", 2))
			at += 1 + strcspn(at + 1, " ");
		at += *at == ' ';
	}
	snprintf(l->rest, sizeof(l->rest), "%s", at);
	char *n = strstr(l->rest, " N0=");

	n = n ? n : strstr(l->rest, " N1=");
	if (n && !nodes)
		*n = '\0';
	at = strstr(l->rest, "pages=");
	l->pages = at ? strtoull(at + 6, NULL, 10) : 0;
	at = strstr(l->rest, "phys=0x");
	l->phys = at ? strtoull(at + 7, NULL, 16) : 0;
	return true;
}

/* The call that makes such an area; false: it is not made again. */
static bool call_for(const struct line *l, char *call, size_t cap)
{
	ull mapped = l->bytes - 4096;

	if (!strcmp(l->rest, "unpurged vm_area"))
		return false;
	if (strstr(l->rest, " ioremap") && l->phys)
		return snprintf(call, cap, "r = ioremap %llx %llu", l->phys, mapped) > 0;
	if (strstr(l->rest, "pages="))
		return snprintf(call, cap, "v = vmalloc %llu", l->pages << 12) > 0;
	if (!strcmp(l->rest, "vmap"))
		return snprintf(call, cap, "m = vmap p.0-%llu", (mapped >> 12) - 1) > 0;
	return false;
}

/* The line of the area that @call made, by the address that its result begins with. */
static bool line_of(struct simm *simm, const char *result, bool nodes, struct line *l)
{
	char start[40];

	snprintf(start, sizeof(start), "%.*s-", (int)strcspn(result, " \n"), result);
	const char *at = strstr(world_cat(simm, "proc/vmallocinfo"), start);

	if (!at)
		return false;
	char line[LINE_BYTES];
	snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, "\n"), at);
	return take_apart(line, nodes, l);
}

static ull kb(const char *meminfo, const char *field)
{
	const char *at = strstr(meminfo, field);

	cr_assert(at, "%s", field);
	return strtoull(at + strlen(field), NULL, 10);
}

struct machine_of {
	const char *oracle, *preset, *ram;
	bool one_node;
	unsigned least; /* lines that are made again */
};

struct sums {
	ull pages,
		arrays; /* of the oracle's; of our arrays of pages, whose lines come with another's */
	unsigned made, skipped;
};

/* Is what was made the line? */
static void compare(struct simm *simm, const struct machine_of *mo, const struct line *want,
	const char *result, struct sums *s)
{
	struct line got;

	cr_assert(line_of(simm, result, mo->one_node, &got), "%s: no line for %s", mo->oracle,
		result);
	cr_expect_eq(got.bytes, want->bytes, "%s %s", mo->oracle, want->rest);
	cr_expect_str_eq(got.rest, want->rest, "%s: %s", mo->oracle, want->caller);
	s->made++;
}

/* A line of a kernel stack: the one that a new task has. */
static void compare_stack(
	struct simm *simm, const struct machine_of *mo, const struct line *want, struct sums *s)
{
	char name[16], line[LINE_BYTES];
	struct line got = {0};

	snprintf(name, sizeof(name), "t%u", s->made);
	cr_assert_eq(world_mkdir(simm, "sim/tasks", name), 0);
	for (const char *at = world_cat(simm, "proc/vmallocinfo"); *at;
		at += strcspn(at, "\n") + 1) {
		snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, "\n"), at);
		if (!strstr(line, " kernel_clone+"))
			continue;
		cr_assert(take_apart(line, mo->one_node, &got), "%s", line);
		cr_expect_eq(got.bytes, want->bytes, "%s", mo->oracle);
		cr_expect_str_eq(got.rest, want->rest, "%s", mo->oracle);
	}
	cr_expect_str_eq(got.caller, want->caller, "%s: a task without such a stack", mo->oracle);
	s->made++;
}

static void make_again(
	struct simm *simm, const struct machine_of *mo, const char *text, struct sums *s)
{
	char line[LINE_BYTES], call[120];
	struct line want;

	snprintf(line, sizeof(line), "%.*s", (int)strcspn(text, "\n"), text);
	cr_assert(take_apart(line, mo->one_node, &want), "%s: %s", mo->oracle, line);
	s->pages += want.pages;
	if (!strcmp(want.caller, "kernel_clone")) {
		compare_stack(simm, mo, &want, s);
		return;
	}
	if (!call_for(&want, call, sizeof(call))) {
		s->skipped++;
		return;
	}
	/* What is RAM here is refused; anything else has to be taken. */
	if (want.phys && world_refused(simm, call)) {
		cr_expect(strstr(world_cat(simm, "sim/errors"), "is RAM"), "%s: %s: %s", mo->oracle,
			call, world_cat(simm, "sim/errors"));
		s->skipped++;
		return;
	}
	if (want.phys)
		world_call(simm, "iounmap r");
	compare(simm, mo, &want, world_call(simm, call), s);
	if (strstr(want.rest, " vpages"))
		s->arrays += (want.pages * (strchr(mo->preset, '6') ? 8 : 4) + 4095) >> 12;
}

static void same_lines(const struct machine_of *mo)
{
	char path[128];
	struct sums s = {0};

	snprintf(path, sizeof(path), "%s/proc/vmallocinfo", mo->oracle);
	char *info = oracle_need(path);
	snprintf(path, sizeof(path), "%s/proc/meminfo", mo->oracle);
	char *meminfo = oracle_need(path);
	struct simm *simm = world(mo->preset, "ram", mo->ram, NULL);
	ull before = kb(world_cat(simm, "proc/meminfo"), "VmallocUsed:");

	world_call(simm, "p.0-99 = alloc_pages GFP_KERNEL");
	for (const char *at = info; *at; at += strcspn(at, "\n") + 1)
		make_again(simm, mo, at, &s);
	cr_expect_geq(s.made, mo->least, "%s: %u made, %u not", mo->oracle, s.made, s.skipped);
	/* The oracle's own sum, and ours. */
	cr_expect_eq(kb(meminfo, "VmallocUsed:"), s.pages * 4, "%s", mo->oracle);
	cr_expect_eq(kb(world_cat(simm, "proc/meminfo"), "VmallocUsed:") - before,
		(s.pages + s.arrays) * 4, "%s", mo->oracle);
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
	simm_destroy(simm);
	free(info);
	free(meminfo);
}

Test(vmalloc_oracle, every_line_made_again)
{
	static const struct machine_of machines[] = {
		{"amd64-1g", "pc-x86_64", "1G", true, 85},
		{"amd64-numa-4g", "pc-x86_64-numa", "4G", false, 110},
		{"arm64-1g", "arm64-virt", "1G", true, 90},
		{"armhf-2g", "arm-virt", "2G", true, 78},
		{"i386-686-256m", "pc-i386", "256M", true, 30},
		{"i386-686-2g", "pc-i386", "2G", true, 32},
	};

	for (unsigned i = 0; i < sizeof(machines) / sizeof(machines[0]); i++)
		same_lines(&machines[i]);
}

/* VmallocTotal is what lies between low memory (with its gap) and kmap's windows on i386, or 0xff800000 on ARM: so where the
 * windows and the fixed addresses are follows from it. */
Test(vmalloc_oracle, windows_behind_the_area)
{
	static const struct {
		const char *oracle, *preset, *ram;
		uint64_t pkmap, pkmap_end, fixmap_end;
		uint64_t behind; /* bytes from the area's end to what comes next */
		bool below;	 /* the windows are below PAGE_OFFSET */
	} row[] = {
		{"i386-686-256m", "pc-i386", "256M", 0xfec00000, 0xff000000, 0xfffff000,
			2 * PAGE_BYTES, false},
		{"i386-686-2g", "pc-i386", "2G", 0xfec00000, 0xff000000, 0xfffff000, 2 * PAGE_BYTES,
			false},
		{"armhf-2g", "arm-virt", "2G", 0xbfe00000, 0xc0000000, 0xfff00000, 0, true},
	};

	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		char path[128];
		snprintf(path, sizeof(path), "%s/proc/meminfo", row[i].oracle);
		char *meminfo = oracle_need(path);
		struct machine *m = booted(row[i].preset, "ram", row[i].ram, NULL);
		struct kernel_range vmalloc = kernel_area(m, AREA_VMALLOC);
		struct kernel_range pkmap = kernel_area(m, AREA_PKMAP);
		struct kernel_range fixmap = kernel_area(m, AREA_FIXMAP);

		cr_expect_eq(pkmap.start, row[i].pkmap, "%s", row[i].oracle);
		cr_expect_eq(pkmap.end, row[i].pkmap_end, "%s", row[i].oracle);
		cr_expect_eq(
			fixmap.end, row[i].fixmap_end, "%s: %llx", row[i].oracle, (ull)fixmap.end);
		/* The end from kmap's side, the begin from the oracle's size. */
		uint64_t end = row[i].below ? 0xff800000 : pkmap.start - row[i].behind;

		cr_expect_eq(vmalloc.end, end, "%s", row[i].oracle);
		cr_expect_eq(vmalloc.start, end - (kb(meminfo, "VmallocTotal:") << 10), "%s: %llx",
			row[i].oracle, (ull)vmalloc.start);
		free(meminfo);
		machine_destroy(m);
	}
}

/* The reader of lines can fail. */
Test(vmalloc_oracle, what_is_no_line)
{
	struct line l;

	cr_expect_not(
		take_apart("0x1000-0x2000 4096 f+0x0/0x0 vmap", true, &l), "no column of seven");
	cr_expect_not(take_apart("1000-2000    4096 f+0x0/0x0 vmap", true, &l));
	cr_expect_not(take_apart("", true, &l));
	cr_assert(
		take_apart("0x1000-0x3000    8192 f+0x0/0x0 [m] pages=1 vmalloc N0=1", false, &l));
	cr_expect_str_eq(l.rest, "pages=1 vmalloc");
	cr_expect_str_eq(l.caller, "f");
	cr_expect_eq(l.pages, 1);
}

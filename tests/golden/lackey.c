/* SPDX-License-Identifier: MIT
 *
 * The whole of a recorded program (every reference of /bin/true, as lackey told them) through PID/access, beside a second
 * reader of the same text, which knows nothing of tables, TLBs or mappings but a set of pages:
 *
 *	a page that nobody touched		the first access faults; a load or a fetch gives the zero page
 *	a page that was only read		the first store faults once more, and makes the page the process's own
 *	a page that was written			never faults again
 *
 * So the counts of references by kind, of pages mapped, of faults, the change of RSS, the tables that the pages need, and
 * the pagemap entry of each page are known beforehand; of the TLBs only the sum is, and that a page nobody had touched misses.
 */
#include "support/booted.h"
#include "support/world.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROCESS "sim/tasks/true"
#define PAGE	4096ull

typedef unsigned long long ull;

/* ---- the second reader ---- */

enum { READ_ONLY = 1, WRITTEN = 2 };

struct page {
	ull number;
	unsigned state;
};

struct expected {
	ull kind[4]; /* I, L, S, M */
	ull beyond, accesses, faults;
	ull cold;	   /* accesses that began in a page that nobody had touched */
	struct page *page; /* sorted */
	size_t nr;
};

static struct page *page_of(struct expected *e, ull number)
{
	size_t low = 0, high = e->nr;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (e->page[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == e->nr || e->page[low].number != number) {
		e->page = realloc(e->page, (e->nr + 1) * sizeof(*e->page));
		memmove(&e->page[low + 1], &e->page[low], (e->nr - low) * sizeof(*e->page));
		e->page[low] = (struct page){number, 0};
		e->nr++;
	}
	return &e->page[low];
}

static void touch(struct expected *e, ull addr, ull bytes, unsigned state)
{
	ull first = addr / PAGE, last = (addr + bytes - 1) / PAGE;

	/* A word that crosses is one access; what is wider is one for each page. */
	e->accesses += bytes > 8 ? last - first + 1 : 1;
	for (ull number = first; number <= last; number++) {
		struct page *p = page_of(e, number);

		/* Its first word is made first, and may cross itself. */
		e->cold += !p->state && (number == first || number > (addr + 7) / PAGE);
		if (p->state < state) {
			p->state = state;
			e->faults++;
		}
	}
}

/* One line, which ends with its NUL. */
static void expect_line(struct expected *e, const char *line, unsigned address_bits)
{
	char kind = line[0] == 'I' ? 'I' : line[1], *comma;
	ull addr, bytes;

	if (line[0] != 'I' && (line[0] != ' ' || !strchr("LSM", kind)))
		return;
	addr = strtoull(line + 3, &comma, 16);
	bytes = strtoull(comma + 1, NULL, 10);
	if (addr >> address_bits) {
		e->beyond++;
		return;
	}
	e->kind[strchr("ILSM", kind) - "ILSM"]++;
	if (kind != 'S')
		touch(e, addr, bytes, READ_ONLY);
	if (kind == 'S' || kind == 'M')
		touch(e, addr, bytes, WRITTEN);
}

/* Line by line, each in a buffer of its own: a sanitizer looks through all of a string that is read from. */
static struct expected expect(const char *text, size_t bytes, unsigned address_bits)
{
	struct expected e = {0};
	const char *end = text + bytes, *newline;

	for (const char *line = text; line < end; line = newline + 1) {
		char copy[128];
		size_t len;

		newline = memchr(line, '\n', (size_t)(end - line));
		cr_assert(newline, "the last line ends");
		len = (size_t)(newline - line);
		/* Longer ones are valgrind's remarks. */
		if (len >= sizeof(copy))
			continue;
		memcpy(copy, line, len);
		copy[len] = '\0';
		expect_line(&e, copy, address_bits);
	}
	return e;
}

static size_t pages_in_state(const struct expected *e, unsigned state)
{
	size_t nr = 0;

	for (size_t i = 0; i < e->nr; i++)
		nr += e->page[i].state == state;
	return nr;
}

/* How many different areas of 2^shift bytes have a page: a table each. */
static size_t areas(const struct expected *e, unsigned shift)
{
	size_t nr = 0;

	for (size_t i = 0; i < e->nr; i++)
		nr += !i ||
		      e->page[i].number >> (shift - 12) != e->page[i - 1].number >> (shift - 12);
	return nr;
}

/* ---- the machine ---- */

/* The number behind @name at the beginning of a line of @file. */
static ull number(struct simm *simm, const char *file, const char *name)
{
	size_t len = strlen(name);

	for (const char *line = world_cat(simm, file); line;
		line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		if (!strncmp(line, name, len))
			return strtoull(line + len, NULL, 10);
	cr_assert_fail("no %s in %s", name, file);
	return 0;
}

static ull counted(struct simm *simm, const char *name)
{
	char with_blank[64];

	snprintf(with_blank, sizeof(with_blank), "%s ", name);
	return number(simm, PROCESS "/access", with_blank);
}

static void compare_pagemap(struct simm *simm, const struct expected *e)
{
	struct simm_open *pagemap = world_open(simm, PROCESS "/pagemap", SIMM_O_READ);
	struct simm_open *kpagecount = world_open(simm, "proc/kpagecount", SIMM_O_READ);

	for (size_t i = 0; i < e->nr; i++) {
		uint64_t entry = 0, count = 0, pfn;

		cr_assert_eq(simm_read(pagemap, &entry, 8, e->page[i].number * 8), 8);
		pfn = entry & ((UINT64_C(1) << 55) - 1);
		cr_expect_eq(entry >> 63, 1, "page 0x%llx is present", e->page[i].number);
		cr_assert_eq(simm_read(kpagecount, &count, 8, pfn * 8), 8);
		/* The zero page counts nobody. */
		cr_expect_eq(count, e->page[i].state == WRITTEN, "page 0x%llx: count %llu",
			e->page[i].number, (ull)count);
	}
	simm_release(pagemap);
	simm_release(kpagecount);
}

static void compare(struct simm *simm, const struct expected *e)
{
	static const char *const kinds[] = {"fetches", "loads", "stores", "modifies"};
	ull references = 0;

	for (unsigned i = 0; i < 4; i++) {
		cr_expect_eq(counted(simm, kinds[i]), e->kind[i], "%s", kinds[i]);
		references += e->kind[i];
	}
	cr_expect_eq(counted(simm, "references"), references);
	cr_expect_eq(counted(simm, "beyond_the_address_space"), e->beyond);
	cr_expect_eq(counted(simm, "malformed_lines"), 0);
	cr_expect_eq(counted(simm, "refused"), 0);
	cr_expect_eq(counted(simm, "automapped_pages"), e->nr);
	cr_expect_eq(counted(simm, "minor_faults"), e->faults, "%llu faults, not %llu",
		counted(simm, "minor_faults"), e->faults);
	cr_expect_eq(counted(simm, "major_faults"), 0);
	/* The try after a fault is no access of its own. */
	cr_expect_eq(counted(simm, "tlb_hits") + counted(simm, "tlb_second_hits") +
			     counted(simm, "tlb_misses"),
		e->accesses);
	cr_expect_geq(counted(simm, "tlb_misses"), e->cold, "%llu misses, not %llu",
		counted(simm, "tlb_misses"), e->cold);
	cr_expect_geq(counted(simm, "cycles"), e->accesses);
	compare_pagemap(simm, e);
}

/* @levels of tables with 512 entries each; 0: others, and nothing is said about their number. */
static void run(const char *preset, unsigned address_bits, unsigned levels)
{
	char path[512];
	size_t bytes;

	snprintf(path, sizeof(path), "%s/traces/true-lackey/true.lackey.gz",
		shared_dir() ? shared_dir() : "/nonexistent");
	char *text = need_recording(path, &bytes);
	struct expected e = expect(text, bytes, address_bits);
	struct simm *simm = world(preset, "ram", "512M", NULL);

	cr_assert_gt(e.nr, 100);
	cr_assert_eq(world_mkdir(simm, "sim/tasks", "true"), 0);
	/* The program that each process is born with makes room. */
	world_call_at(simm, PROCESS "/ctl", "munmap 0 1G");
	ull rss = number(simm, PROCESS "/status", "RssAnon:");
	ull tables = number(simm, PROCESS "/status", "VmPTE:");

	cr_assert_gt(world_write(simm, PROCESS "/access", "automap\n"), 0);
	cr_assert_eq(world_write(simm, PROCESS "/access", text), (ssize_t)bytes);
	compare(simm, &e);
	cr_expect_eq(number(simm, PROCESS "/status", "RssAnon:") - rss,
		pages_in_state(&e, WRITTEN) * PAGE / 1024);
	for (unsigned level = 1, shift = 21; level < levels; level++, shift += 9)
		tables += areas(&e, shift) * 4;
	if (levels)
		cr_expect_eq(number(simm, PROCESS "/status", "VmPTE:"), tables, "%llu kB, not %llu",
			number(simm, PROCESS "/status", "VmPTE:"), tables);
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");

	/* Once more: all that is there stays there. */
	cr_assert_eq(world_write(simm, PROCESS "/access", text), (ssize_t)bytes);
	cr_expect_eq(counted(simm, "minor_faults"), e.faults);
	cr_expect_eq(counted(simm, "automapped_pages"), e.nr);
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
	simm_destroy(simm);
	free(e.page);
	free(text);
}

Test(lackey, true_on_x86_64)
{
	run("pc-x86_64", 47, 4);
}

Test(lackey, true_on_aarch64)
{
	run("arm64-virt", 48, 4);
}

Test(lackey, true_on_riscv64)
{
	run("riscv64-virt", 38, 3);
}

/* A 32-bit machine runs what has 32 bits, and counts the rest. */
Test(lackey, true_on_i386)
{
	run("pc-i386", 32, 0);
}

Test(lackey, true_on_arm)
{
	run("arm-virt", 32, 0);
}

/* SPDX-License-Identifier: MIT
 *
 * Claim: references written to PID/access are the process's own accesses, however they are cut into writes; what cannot
 * be run is counted, and nothing of it stops the rest.
 *
 *	I  08048000,4		a fetch		 M 0804a000,4	a load and a store
 */
#include "support/world.h"

#include "base/text.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACCESS "sim/tasks/hog/access"

static unsigned long long count(struct simm *simm, const char *name)
{
	const char *text = world_cat(simm, ACCESS), *at = text;
	size_t len = strlen(name);

	while (at && (strncmp(at, name, len) != 0 || at[len] != ' ')) {
		at = strchr(at, '\n');
		at += at != NULL;
	}
	cr_assert_not_null(at, "%s in %s", name, text);
	return strtoull(at + len, NULL, 10);
}

static void check(struct simm *simm)
{
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
	simm_destroy(simm);
}

Test(access_stream, kinds)
{
	struct simm *simm = world_hog("pc-x86_64");

	cr_assert_gt(world_write(simm, ACCESS,
			     "==7== Lackey, an example Valgrind tool\n"
			     "automap\n"
			     "I  10000000,4\n"
			     " L 10000ffe,4\n"
			     " S 20000000,8\n"
			     " M 20000ff8,8\n"
			     " S 20000ff0,64\n"
			     "\n"
			     "I  1000x000,4\n"),
		0);
	cr_expect_eq(count(simm, "references"), 5);
	cr_expect_eq(count(simm, "fetches"), 1);
	cr_expect_eq(count(simm, "loads"), 1);
	cr_expect_eq(count(simm, "stores"), 2);
	cr_expect_eq(count(simm, "modifies"), 1);
	/* 0x10000, 0x10001 (the load crosses), 0x20000, 0x20001 (the wide store). */
	cr_expect_eq(count(simm, "automapped_pages"), 4);
	cr_expect_eq(count(simm, "minor_faults"), 4);
	cr_expect_eq(count(simm, "refused"), 0);
	cr_expect_eq(count(simm, "malformed_lines"), 1);
	cr_expect_eq(count(simm, "tlb_hits") + count(simm, "tlb_misses") +
			     count(simm, "tlb_second_hits"),
		7);
	cr_expect_gt(count(simm, "cycles"), 0);
	cr_expect(strstr(world_cat(simm, "sim/tasks/hog/maps"), "10000000-10002000 rwxp"));
	/* Reading pages give the zero page; writing ones are the process's own. */
	cr_expect(strstr(world_cat(simm, "sim/tasks/hog/status"), "RssAnon:\t"));
	check(simm);
}

Test(access_stream, what_is_not_mapped_is_refused_and_counted)
{
	struct simm *simm = world_hog("pc-x86_64");
	char line[64];

	cr_assert_gt(world_write(simm, ACCESS, " L 10000000,4\n S 10000000,4\n"), 0);
	cr_expect_eq(count(simm, "refused"), 2);
	cr_expect_eq(count(simm, "automapped_pages"), 0);
	cr_expect(strstr(world_cat(simm, "sim/tasks/hog/status"), "SigPnd:\t0000000000000400"));
	/* What is mapped read-only stays so. */
	const char *addr = world_call_at(simm, "sim/tasks/hog/ctl", "mmap NULL 8K r--p");
	snprintf(line, sizeof(line), "automap\n S %llx,4\n L %llx,4\n", strtoull(addr, NULL, 0),
		strtoull(addr, NULL, 0));
	cr_assert_gt(world_write(simm, ACCESS, line), 0);
	cr_expect_eq(count(simm, "refused"), 3);
	cr_expect_eq(count(simm, "automapped_pages"), 0);
	cr_assert_gt(world_write(simm, ACCESS, "automap off\n L 30000000,1\n"), 0);
	cr_expect_eq(count(simm, "refused"), 4);
	check(simm);
}

/* A program that walks over some pages, as text. */
static void program(struct text *out)
{
	static const char kinds[] = "I LSM";

	text_init(out);
	for (unsigned i = 0; i < 4000; i++) {
		unsigned addr = 0x10000000u + i * 2654435761u % 200 * 4096 + i % 512 * 8;

		text_printf(out, "%s%08x,%u\n",
			(const char *const[]){"I  ", " L ", " S ", " M "}[i % 4], addr,
			1u << i % 4);
		if (i % 700 == 699)
			text_puts(out, "==1== a note\nno reference\n");
	}
	(void)kinds;
}

Test(access_stream, however_it_is_cut)
{
	static const size_t pieces[] = {1 << 20, 1, 7, 4096};
	char digests[4][64];
	struct text all;

	program(&all);
	for (unsigned n = 0; n < 4; n++) {
		struct simm *simm = world_hog("pc-x86_64");

		cr_assert_gt(world_write(simm, ACCESS, "automap\n"), 0);
		struct simm_open *file = world_open(simm, ACCESS, SIMM_O_WRITE);
		for (size_t at = 0; at < all.len;) {
			size_t len = all.len - at < pieces[n] ? all.len - at : pieces[n];
			ssize_t done = world_put(file, all.data + at, len, 1);

			cr_assert_eq(done, (ssize_t)len);
			at += len;
		}
		cr_expect_eq(world_flush(file, 1), 0);
		simm_release(file);
		cr_expect_eq(count(simm, "references"), 4000);
		cr_expect_eq(count(simm, "malformed_lines"), 5);
		cr_expect_eq(count(simm, "other_lines"), 5);
		snprintf(digests[n], sizeof(digests[n]), "%s", world_cat(simm, "sim/digest"));
		cr_expect_str_eq(digests[n], digests[0], "pieces of %zu", pieces[n]);
		check(simm);
	}
	text_finish(&all);
}

Test(access_stream, strict_stops_at_a_malformed_line)
{
	struct simm *simm = world_hog("pc-x86_64");
	struct simm_open *file = world_open(simm, ACCESS, SIMM_O_WRITE);

	cr_expect_eq(world_puts(file, "automap\nstrict\n L 10000000,4\n"), 29);
	cr_expect_eq(world_puts(file, " X 10000000,4\n"), -EINVAL);
	cr_expect_eq(world_puts(file, " L 10000000,4\n"), -ECANCELED);
	simm_release(file);
	cr_expect_eq(count(simm, "loads"), 1);
	cr_expect(strstr(world_cat(simm, "sim/errors"), "lackey"));
	check(simm);
}

Test(access_stream, a_64_bit_program_on_a_32_bit_machine)
{
	struct simm *simm = world_hog("pc-i386");

	cr_assert_gt(world_write(simm, ACCESS,
			     "automap\n S 1fff0006d8,8\n S 1fff0006e8,8\n S 10000000,4\n"),
		0);
	cr_expect_eq(count(simm, "beyond_the_address_space"), 2);
	cr_expect_eq(count(simm, "references"), 1, "the others are run");
	const char *told = strstr(world_cat(simm, "sim/errors"), "64-bit program");
	cr_assert(told);
	cr_expect_null(strstr(told + 1, "64-bit program"), "once is enough");
	check(simm);
}

Test(access_stream, a_process_that_ended)
{
	struct simm *simm = world_hog("pc-x86_64");
	struct simm_open *file = world_open(simm, ACCESS, SIMM_O_WRITE);

	cr_assert_eq(world_rmdir(simm, "sim/tasks", "hog"), 0);
	cr_expect_lt(world_puts(file, " L 10000000,4\n"), 0);
	simm_release(file);
	check(simm);
}

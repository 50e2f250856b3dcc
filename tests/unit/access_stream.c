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

/* A device that bypasses the caches is told what a program throws out of them, as by any other access. */
Test(access_stream, beside_a_device_that_bypasses_the_caches)
{
	struct simm *simm = world_hog("arm64-virt");
	struct simm_open *file = world_open(simm, ACCESS, SIMM_O_WRITE);
	char line[64];

	cr_assert_eq(world_mkdir(simm, "sim/devices", "nic"), 0);
	cr_assert_gt(world_write(simm, "sim/devices/nic/coherent", "0\n"), 0);
	world_call(simm, "b = __get_free_pages GFP_KERNEL 0");
	world_call_at(simm, "sim/devices/nic/ctl", "dma_map_single b 4096 DMA_TO_DEVICE");
	/* Where a page begins is what a fault's second try brings into the cache. */
	world_call(simm, "store b+320 1");
	cr_expect_eq(world_puts(file, "automap\n"), 8);
	for (unsigned at = 0; at < 1 << 20; at += 64) {
		snprintf(line, sizeof(line), " S %08x,4\n", 0x10000000 + at);
		cr_assert_eq(world_puts(file, line), (ssize_t)strlen(line));
	}
	simm_release(file);
	check(simm);
}

Test(access_stream, the_first_malformed_line_of_a_file_is_told)
{
	struct simm *simm = world_hog("pc-x86_64");
	struct simm_open *file = world_open(simm, ACCESS, SIMM_O_WRITE);
	static const char lines[] = "automap\n L 10000000,4\n X 10000000,4\n L 1000z000,4\n";

	cr_expect_eq(world_puts(file, lines), (ssize_t)strlen(lines));
	cr_expect_eq(world_puts(file, " Y 10000000,4\n L 10000000,4\n"), 28);
	cr_expect_eq(count(simm, "malformed_lines"), 3);
	cr_expect_eq(count(simm, "loads"), 2);
	const char *errors = world_cat(simm, "sim/errors");
	const char *told = strstr(errors, "/access:3: ");
	cr_assert(told, "%s", errors);
	cr_expect(strstr(told, " X 10000000,4"), "%s", errors);
	cr_expect_null(strstr(errors, "1000z000"), "%s", errors);
	cr_expect_null(strstr(errors, " Y "), "%s", errors);
	simm_release(file);
	file = world_open(simm, ACCESS, SIMM_O_WRITE);
	cr_expect_eq(world_puts(file, " Z 10000000,4\n"), 14);
	cr_expect(strstr(world_cat(simm, "sim/errors"), " Z 10000000,4"),
		"another file is told, too");
	simm_release(file);
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

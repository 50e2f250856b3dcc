/* SPDX-License-Identifier: MIT
 *
 * Claims about the calls for windows onto high memory, as they are written to ctl files: what is answered, what a wait looks
 * like from outside, and which sentence a mistake gets.
 */
#include "support/world.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *errors(struct simm *simm)
{
	return world_cat(simm, "sim/errors");
}

Test(highmem_calls, answers)
{
	struct simm *simm = world("pc-i386", "ram", "2G", "cpus", "2", NULL);

	world_call(simm, "p = alloc_page GFP_HIGHUSER");
	cr_expect(strstr(world_cat(simm, "sim/page/p"), "none: HighMem is mapped when needed"));
	cr_expect_str_eq(world_call(simm, "a = kmap p"), "0xfec01000 window=1 users=1");
	cr_expect(strstr(world_cat(simm, "sim/page/p"), "0xfec01000 (a window of kmap)"));
	cr_expect_str_eq(world_call(simm, "kmap p"), "0xfec01000 window=1 users=2");
	cr_expect_str_eq(world_call(simm, "kunmap p"), "window=1 users=1");
	world_call(simm, "store a 0x1234");
	cr_expect_str_eq(world_call(simm, "b = kmap_atomic(p, KM_BOUNCE_READ)"),
		"0xfffbb000 slot=0 depth=1 type=ignored");
	cr_expect_str_eq(world_call(simm, "c = kmap_local_page p"), "0xfffba000 slot=1 depth=2");
	cr_expect_str_eq(world_call_at(simm, "sim/cpu1/ctl", "d = kmap_local_page p"),
		"0xfffab000 slot=0 depth=1");
	cr_expect_eq(strncmp(world_call(simm, "load c"), "0x1234 ", 7), 0);
	cr_expect(strstr(world_cat(simm, "sim/page/p"), "0xfffab000, slot 0 of cpu1\n"));
	cr_expect(strstr(world_cat(simm, "sim/walk/p"), "-> page 0x"),
		"a page's name is its address");
	cr_expect(strstr(world_cat(simm, "sim/pkmap"),
		"1024 at 0xfec00000-0xfeffffff: 1 with users, 0 to be flushed, 1023 free"));
	cr_expect(strstr(world_cat(simm, "sim/fixmap"),
		"cpu0: kmap slots 0xfffac000-0xfffbbfff, 2 of 15 in use, inside 1 kmap_atomic"));
	cr_expect_str_eq(world_call(simm, "kunmap_local c+17"), "depth=1");
	cr_expect_str_eq(world_call(simm, "kunmap_atomic b KM_USER1"), "depth=0");
	cr_expect_str_eq(world_call_at(simm, "sim/cpu1/ctl", "kunmap_local d"), "depth=0");
	cr_expect_str_eq(world_call(simm, "kunmap p"), "window=1 users=0");
	cr_expect_str_eq(world_call(simm, "kmap_flush_unused"), "1");
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
	simm_destroy(simm);
}

Test(highmem_calls, mistakes)
{
	static const struct {
		const char *line;
		int err;
		const char *words;
	} row[] = {
		{"kunmap p", EINVAL, "is not mapped by kmap"},
		{"kunmap a", EINVAL, "takes a struct page"},
		{"kunmap_local p", EINVAL, "takes an address"},
		{"kunmap_local a", EINVAL, "kunmap PAGE ends that"},
		{"kunmap_local b", EINVAL, "was mapped later"},
		{"kunmap_atomic c", EINVAL, "in no kmap_atomic"},
		{"kunmap_local 1000", EINVAL, "no address that kmap_local_page"},
		{"kmap 0xffffff", EINVAL, "no struct page"},
		{"kmap_atomic q KM_USER2", EINVAL, "KM_USER"},
		{"kmap_local_page", EINVAL, "kmap_local_page"},
	};
	struct simm *simm = world("pc-i386", "ram", "2G", NULL);

	world_call(simm, "p = alloc_page GFP_HIGHUSER");
	world_call(simm, "q = alloc_page GFP_HIGHUSER");
	world_call(simm, "a = kmap q");
	world_call(simm, "b = kmap_local_page p");
	world_call(simm, "c = kmap_local_page q");
	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		char before[64];

		snprintf(before, sizeof(before), "%s", world_cat(simm, "sim/pkmap"));
		cr_expect_eq(world_refused(simm, row[i].line), row[i].err, "%s", row[i].line);
		cr_expect(strstr(errors(simm), row[i].words), "%s: %s", row[i].line, errors(simm));
		cr_expect_eq(
			strncmp(before, world_cat(simm, "sim/pkmap"), 63), 0, "%s", row[i].line);
	}
	cr_expect_eq(world_write(simm, "sim/kmap_stale", "2\n"), -EINVAL);
	cr_expect_eq(world_write(simm, "sim/kmap_stale", "1\n"), 2);
	cr_expect_str_eq(world_cat(simm, "sim/kmap_stale"), "1\n");
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
	simm_destroy(simm);
}

/* A kernel without high memory has no windows, and the calls answer with the direct map's address. */
Test(highmem_calls, without_high_memory)
{
	static const char *const preset[] = {"pc-x86_64", "arm64-virt", "cortex-m"};

	for (unsigned i = 0; i < 3; i++) {
		struct simm *simm = world(preset[i], NULL);
		char direct[128];

		cr_expect_not(world_has(simm, "sim/pkmap") || world_has(simm, "sim/kmap_stale"));
		cr_expect_eq(world_has(simm, "sim/fixmap"), i < 2);
		world_call(simm, "p = alloc_page GFP_KERNEL");
		world_call(simm, "a = kmap p");
		cr_expect(strstr(world_cat(simm, "sim/last"), " direct_map"));
		world_call(simm, "b = kmap_atomic p");
		snprintf(direct, sizeof(direct), "%s", world_cat(simm, "sim/vars/a"));
		cr_expect_str_eq(world_cat(simm, "sim/vars/b"), direct);
		world_call(simm, "kunmap_atomic b");
		world_call(simm, "kunmap p");
		cr_expect_str_eq(world_call(simm, "kmap_flush_unused"), "0");
		cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
		simm_destroy(simm);
	}
}

/* Fill the windows of a machine with PAE, by p.0-511. */
static struct simm *full(void)
{
	struct simm *simm = world("pc-i386-pae", "ram", "2G", NULL);

	world_call(simm, "p.0-520 = alloc_page GFP_HIGHUSER");
	world_call(simm, "w.0-511 = kmap p.0-511");
	return simm;
}

Test(highmem_calls, a_write_waits)
{
	struct simm *simm = full();
	struct simm_open *open = world_open(simm, "sim/ctl", SIMM_O_READ | SIMM_O_WRITE);
	struct simm_write *w = simm_write_begin(open, "x = kmap p.512\n", 15, 0, 1);

	cr_assert_eq(simm_write_step(w), SIMM_WAIT);
	cr_expect(strstr(
		world_cat(simm, "sim/waiting"), "a kunmap: all 512 windows of kmap are in use"));
	world_call(simm, "drain_all_pages");
	cr_assert_eq(simm_write_step(w), SIMM_WAIT);
	cr_expect_not(world_has(simm, "sim/vars/x"));
	world_call(simm, "kunmap p.99");
	cr_assert_eq(simm_write_step(w), SIMM_DONE);
	cr_expect_eq(simm_write_end(w), 15);
	cr_expect_str_eq(world_get(open, 64), "0xff064000 window=100 users=1\n");
	simm_release(open);
	simm_destroy(simm);
}

/* Two wait, for the same page: the first gets a window, the second then needs none. */
Test(highmem_calls, somebody_else_mapped_it)
{
	struct simm *simm = full();
	struct simm_open *open[2];
	struct simm_write *w[2];

	for (unsigned i = 0; i < 2; i++) {
		open[i] = world_open(
			simm, i ? "sim/cpu1/ctl" : "sim/ctl", SIMM_O_READ | SIMM_O_WRITE);
		w[i] = simm_write_begin(open[i], "kmap p.512\n", 11, 0, 1);
		cr_assert_eq(simm_write_step(w[i]), SIMM_WAIT);
	}
	world_call(simm, "kunmap p.0");
	for (unsigned i = 2; i--;) {
		cr_assert_eq(simm_write_step(w[i]), SIMM_DONE);
		cr_expect_eq(simm_write_end(w[i]), 11);
		cr_expect(strstr(
			world_get(open[i], 64), i ? "window=1 users=1" : "window=1 users=2"));
		simm_release(open[i]);
	}
	simm_destroy(simm);
}

/* Ended by a signal, or not begun (O_NONBLOCK): nothing has changed but where the search goes on. */
Test(highmem_calls, a_wait_that_ends_without_a_window)
{
	struct simm *simm = full();
	struct simm_open *open =
		world_open(simm, "sim/ctl", SIMM_O_READ | SIMM_O_WRITE | SIMM_O_NONBLOCK);
	char digest[64];

	cr_expect_eq(world_puts(open, "kmap p.512\n"), -EAGAIN);
	snprintf(digest, sizeof(digest), "%s", world_cat(simm, "sim/digest"));
	cr_expect_eq(world_puts(open, "kmap p.512\n"), -EAGAIN);
	simm_release(open);
	open = world_open(simm, "sim/ctl", SIMM_O_READ | SIMM_O_WRITE);
	struct simm_write *w = simm_write_begin(open, "# one\nkmap p.512\n", 17, 0, 1);
	cr_assert_eq(simm_write_step(w), SIMM_WAIT);
	simm_write_interrupt(w);
	cr_assert_eq(simm_write_step(w), SIMM_DONE);
	cr_expect_eq(simm_write_end(w), 6);
	simm_release(open);
	cr_expect_str_eq(world_cat(simm, "sim/digest"), digest);
	cr_expect_str_eq(world_cat(simm, "sim/waiting"), "");
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
	simm_destroy(simm);
}

/* Inside kmap_atomic a CPU may not wait: the line is refused at once. */
Test(highmem_calls, no_waiting_inside_kmap_atomic)
{
	struct simm *simm = full();

	world_call(simm, "a = kmap_atomic p.512");
	cr_expect_eq(world_refused(simm, "kmap p.513"), EDEADLK);
	cr_expect(strstr(errors(simm), "kunmap_atomic first"), "%s", errors(simm));
	cr_expect(strstr(world_cat(simm, "sim/dmesg"), "BUG: scheduling while atomic"));
	simm_destroy(simm);
}

/* SPDX-License-Identifier: MIT
 *
 * Claim: an object is a leak when nothing in memory points to it or into it, and only then.
 *
 *	sim/vars: a ──> [A]──>[B]      drop a: A and B leak
 *	                 [C]<─>[D]     a ring that nobody holds leaks, too
 */
#include "support/booted.h"
#include "support/world.h"

#include "base/text.h"
#include "mm/debug/kmemleak.h"
#include "mm/page/address.h"
#include "mm/page/contents.h"
#include "mm/page/page_alloc.h"
#include "mm/process/task.h"
#include "mm/slab/slab.h"
#include "mm/vmalloc/vmalloc.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SECOND 1000000000ull

static unsigned pointer_bytes(const struct machine *m)
{
	return machine_has(m, CONFIG_64BIT) ? 8 : 4;
}

/* A page that kmemleak takes for an object of 64 bytes at its begin. */
static uint64_t object(struct machine *m)
{
	uint64_t pfn;

	cr_assert_eq(alloc_pages_node(m, 0, -1, GFP_KERNEL, 0, &pfn), 0);
	kmemleak_alloc(m, 0, page_address(m, pfn), 64, 1);
	return page_address(m, pfn);
}

static void point(struct machine *m, uint64_t from, uint64_t to)
{
	struct dram dram = machine_dram(m);
	uint64_t pa = (virt_to_pfn(m, from) << PAGE_SHIFT) + from % PAGE_BYTES;

	cr_assert_eq(dram_store(&dram, pa, pointer_bytes(m), to, &m->why), 0);
}

static void hold(struct machine *m, const char *name, uint64_t address)
{
	struct var var = {.kind = VAR_ADDRESS, .value = address};

	cr_assert_eq(var_set(m, &m->vars, name, strlen(name), VAR_NO_INDEX, &var), 0);
}

static unsigned leaks(struct machine *m)
{
	unsigned nr = 0;

	kmemleak_scan(m);
	for (const struct kmemleak_object *o = NULL; (o = kmemleak_next_leak(m, o));)
		nr++;
	return nr;
}

static void on_machines(void (*test)(struct machine *m))
{
	static const char *const presets[] = {
		"pc-i386", "pc-x86_64", "arm-virt", "arm64-virt", "riscv64-virt", "cortex-m"};

	for (unsigned i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
		struct machine *m = booted(presets[i], "cmdline", "kmemleak=on", NULL);

		test(m);
		booted_check(m);
		machine_destroy(m);
	}
}

static void chain(struct machine *m)
{
	uint64_t a = object(m), b = object(m), c = object(m);

	hold(m, "a", a);
	point(m, a + 16, b + 40); /* into it is as good as to its begin */
	point(m, b + 8, c);
	clock_charge_ns(m, 10 * SECOND);
	cr_expect_eq(leaks(m), 0);
	point(m, b + 8, 0);
	cr_expect_eq(leaks(m), 1);
	cr_expect_eq(kmemleak_next_leak(m, NULL)->start, c);
	point(m, a + 8, c);
	cr_expect_eq(leaks(m), 0, "found again");
	var_forget(m, &m->vars, "a", 1, VAR_NO_INDEX);
	leaks(m); /* one more chance, since the contents have changed */
	cr_expect_eq(leaks(m), 3);
	kmemleak_free(m, b);
	cr_expect_eq(leaks(m), 2);
	kmemleak_clear(m);
	cr_expect_eq(leaks(m), 0, "cleared: grey from now on");
}

Test(kmemleak, chain)
{
	on_machines(chain);
}

static void rings_and_colours(struct machine *m)
{
	uint64_t c = object(m), d = object(m), e = object(m), f = object(m);

	point(m, c, d);
	point(m, d, c);
	point(m, e, e + 8); /* itself */
	kmemleak_not_leak(m, f);
	clock_charge_ns(m, 10 * SECOND);
	leaks(m);
	cr_expect_eq(leaks(m), 3, "a ring, and one that points to itself");
	point(m, f, e);
	cr_expect_eq(leaks(m), 2, "what a grey one points to is reachable");
	kmemleak_no_scan(m, f);
	cr_expect_eq(leaks(m), 3);
	kmemleak_ignore(m, e);
	cr_expect_eq(leaks(m), 2);
}

Test(kmemleak, rings_and_colours)
{
	on_machines(rings_and_colours);
}

Test(kmemleak, vmalloc)
{
	struct machine *m = booted("pc-x86_64", "cmdline", "kmemleak=on", NULL);
	uint64_t v, big, k;

	cr_assert_eq(vmalloc(m, 0, 3 * PAGE_BYTES, 0, &v), 0);
	cr_assert_eq(vmalloc(m, 0, 1024 * PAGE_BYTES, 0, &big), 0);
	cr_assert_eq(kmalloc(m, 0, 64, GFP_KERNEL, -1, &k), 0);
	hold(m, "v", v);
	hold(m, "big", big);
	hold(m, "k", k);
	clock_charge_ns(m, 10 * SECOND);
	leaks(m);
	cr_expect_eq(leaks(m), 0, "the array of big's pages is no leak, either");
	var_forget(m, &m->vars, "k", 1, VAR_NO_INDEX);
	var_forget(m, &m->vars, "big", 3, VAR_NO_INDEX);
	leaks(m);
	cr_expect_eq(leaks(m), 2);
	cr_assert_eq(vfree(m, 0, big), 0);
	cr_expect_eq(leaks(m), 1);
	cr_assert_eq(kfree(m, 0, k), 0);
	cr_expect_eq(leaks(m), 0);
	cr_assert_eq(vfree(m, 0, v), 0);
	booted_check(m);
	machine_destroy(m);
}

/* vmalloc'ed blocks: struct vm_struct has one pointer to each, and that one does not count as a user's. */
static void blocks_of_vmalloc(struct machine *m)
{
	uint64_t v, w, o;

	/* A machine without an MMU has no such areas. */
	if (!machine_has(m, CONFIG_MMU))
		return;
	cr_assert_eq(vmalloc(m, 0, 3 * PAGE_BYTES, 0, &v), 0);
	cr_assert_eq(vmalloc(m, 0, PAGE_BYTES << 11, 0, &w),
		0); /* with an array that is vmalloc'ed, too */
	cr_assert_eq(kmalloc(m, 0, 64, GFP_KERNEL | __GFP_ZERO, -1, &o), 0);
	hold(m, "v", v);
	hold(m, "o", o);
	point(m, o + 8, w + PAGE_BYTES);
	clock_charge_ns(m, 10 * SECOND);
	leaks(m); /* the contents of new objects have changed */
	cr_expect_eq(leaks(m), 0);
	var_forget(m, &m->vars, "v", 1, VAR_NO_INDEX);
	cr_assert_eq(leaks(m), 1, "nobody has the block any more");
	cr_expect_eq(kmemleak_next_leak(m, NULL)->start, v);
	cr_expect_eq(kmemleak_next_leak(m, NULL)->bytes, 3 * PAGE_BYTES);
	var_forget(m, &m->vars, "o", 1, VAR_NO_INDEX);
	leaks(m); /* one more chance */
	cr_expect_eq(leaks(m), 3, "nor the other one, that only a leaked object points to");
	cr_assert_eq(vfree(m, 0, v), 0);
	cr_assert_eq(vfree(m, 0, w), 0);
	cr_assert_eq(kfree(m, 0, o), 0);
	cr_expect_eq(leaks(m), 0);
}

Test(kmemleak, blocks_of_vmalloc)
{
	on_machines(blocks_of_vmalloc);
}

/* Kernel stacks, and what a task points to from its own. */
Test(kmemleak, stacks)
{
	struct machine *m = booted("pc-x86_64", "cmdline", "kmemleak=on", NULL);
	struct dram dram = machine_dram(m);
	uint64_t o;
	struct task *t;

	cr_assert_eq(kmalloc(m, 0, 64, GFP_KERNEL, -1, &o), 0);
	cr_assert_eq(task_clone(m, task_find(m, 1), 0, 0, &t), 0);
	clock_charge_ns(m, 10 * SECOND);
	leaks(m);
	cr_expect_eq(leaks(m), 1);
	cr_assert_eq(
		dram_store(&dram, (task_stack_pfn(m, t, 3) << PAGE_SHIFT) + 64, 8, o, &m->why), 0);
	cr_expect_eq(leaks(m), 0);
	machine_destroy(m);
}

Test(kmemleak, young_objects_are_no_leaks_yet)
{
	struct machine *m = booted("pc-i386", "cmdline", "kmemleak=on", NULL);

	object(m);
	clock_charge_ns(m, 4 * SECOND);
	cr_expect_eq(leaks(m), 0);
	clock_charge_ns(m, 2 * SECOND);
	cr_expect_eq(leaks(m), 1);
	cr_expect(strstr(booted_log(m),
		"kmemleak: 1 new suspected memory leaks (see /sys/kernel/debug/kmemleak)"));
	machine_destroy(m);
}

/* The task scans 60 s after boot, then every 600 s. */
Test(kmemleak, scans_by_itself)
{
	struct machine *m = booted("pc-i386", "cmdline", "kmemleak=on", NULL);

	object(m);
	clock_advance(m, 59 * SECOND);
	cr_expect_eq(m->kmemleak.last_scan_ns, 0);
	clock_advance(m, 2 * SECOND);
	cr_expect_eq(kmemleak_next_leak(m, NULL) != NULL, true);
	uint64_t last = m->kmemleak.last_scan_ns;
	clock_advance(m, 598 * SECOND);
	cr_expect_eq(m->kmemleak.last_scan_ns, last);
	clock_advance(m, 2 * SECOND);
	cr_expect_gt(m->kmemleak.last_scan_ns, last);
	machine_destroy(m);
}

/* A stack, a register, the kernel's data hold on to an object. */
Test(kmemleak, roots)
{
	struct machine *m = booted("pc-x86_64", "cmdline", "kmemleak=on", NULL);
	uint64_t a = object(m), start, end;

	clock_charge_ns(m, 10 * SECOND);
	cr_expect_eq(leaks(m), 1);
	cr_assert(resource_range(m, "Kernel bss", &start, &end));
	struct dram dram = machine_dram(m);
	uint64_t at = (start + end) / 2 & ~(uint64_t)7;
	cr_assert_eq(dram_store(&dram, at, 8, a, &m->why), 0);
	cr_expect_eq(leaks(m), 0);
	cr_assert_eq(dram_store(&dram, at, 8, 0, &m->why), 0);
	cr_expect_eq(leaks(m), 1);
	machine_cpu(m, 0)->reg[HW_CR2] = a;
	cr_expect_eq(leaks(m), 0);
	machine_destroy(m);
}

Test(kmemleak, file)
{
	struct simm *simm = world("pc-x86_64", "cmdline", "kmemleak=on", NULL);
	const char *path = "sys/kernel/debug/kmemleak";

	cr_expect_str_eq(world_cat(simm, path), "");
	cr_expect_eq(world_write(simm, path, "scan\n"), 5);
	cr_expect_eq(world_write(simm, path, "stack=off"), 9);
	cr_expect_eq(world_write(simm, path, "scan=30\n"), 8);
	cr_expect_eq(world_write(simm, path, "scan=never\n"), -EINVAL);
	cr_expect_eq(world_write(simm, path, "find\n"), -EINVAL);
	cr_expect_eq(world_write(simm, path, "dump=0x1234\n"), -EINVAL);
	cr_expect(strstr(world_cat(simm, "sim/dmesg"), "kmemleak: Unknown object at 0x00001234"));
	cr_expect_eq(world_write(simm, path, "off\n"), 4);
	cr_expect_eq(world_write(simm, path, "scan\n"), -EPERM);
	cr_expect_eq(world_write(simm, path, "clear\n"), 6);
	simm_destroy(simm);

	simm = world("pc-x86_64", NULL);
	cr_expect_eq(world_write(simm, path, "scan\n"), -EPERM);
	cr_expect(strstr(world_cat(simm, "sim/errors"), "kmemleak=on"));
	simm_destroy(simm);
}

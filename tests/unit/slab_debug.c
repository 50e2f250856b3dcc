/* SPDX-License-Identifier: MIT
 *
 * Caches with debugging flags: what a write to the wrong place leaves in simulated memory, who finds it, and the kernel's
 * words in the log. Each test plants one mistake and asks for the line that names it, and for the mended bytes.
 */
#include "support/world.h"

#include "mm/slab/slab.h"
#include "tree/tree.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct simm *machine(const char *cmdline)
{
	return world("pc-x86_64", "ram", "256M", "cpus", "2", "cmdline", cmdline, NULL);
}

static uint64_t byte_at(struct simm *simm, const char *where)
{
	char line[64];

	snprintf(line, sizeof(line), "load %s 1", where);
	return strtoull(world_call_at(simm, "sim/ctl", line), NULL, 16);
}

/* The byte before what @name holds; @value: it is overwritten. */
static uint64_t before(struct simm *simm, const char *name, const char *value)
{
	char line[96];

	snprintf(line, sizeof(line), "sim/vars/%s", name);
	const char *text = strstr(world_cat(simm, line), "0x");

	cr_assert(text);
	uint64_t at = strtoull(text, NULL, 16) - 1;
	snprintf(line, sizeof(line), "%s 0x%llx %s 1", value ? "store" : "load",
		(unsigned long long)at, value ? value : "");
	return strtoull(world_call_at(simm, "sim/ctl", line), NULL, 16);
}

static bool logged(struct simm *simm, const char *words)
{
	return strstr(world_cat(simm, "sim/dmesg"), words);
}

static void expect_log(struct simm *simm, const char *words)
{
	cr_expect(logged(simm, words), "no `%s` in:\n%s", words, world_cat(simm, "sim/dmesg"));
}

static void check(struct simm *simm)
{
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
}

Test(slab_debug, patterns_lie_in_memory)
{
	struct simm *simm = machine("slub_debug=FZPU,kmalloc-64");

	world_call(simm, "p = kmalloc 64");
	cr_expect_eq(byte_at(simm, "p"), 0x6b);
	cr_expect_eq(byte_at(simm, "p+63"), 0xa5);
	cr_expect_eq(before(simm, "p", NULL), 0xcc, "the left red zone of an object in use");
	cr_expect_eq(byte_at(simm, "p+64"), 0xcc, "the right one");
	world_call(simm, "kfree p");
	cr_expect_eq(before(simm, "p", NULL), 0xbb);
	cr_expect_eq(byte_at(simm, "p"), 0x6b);
	cr_expect_str_eq(world_cat(simm, "sys/kernel/slab/kmalloc-64/poison"), "1\n");
	cr_expect_str_eq(world_cat(simm, "sys/kernel/slab/kmalloc-64/store_user"), "1\n");
	cr_expect_str_eq(world_cat(simm, "sys/kernel/slab/kmalloc-32/poison"), "0\n");
	check(simm);
	simm_destroy(simm);
}

Test(slab_debug, use_after_free)
{
	struct simm *simm = machine("slub_debug=FZPU,kmalloc-64");

	world_call(simm, "p = kmalloc 64");
	world_call(simm, "kfree p");
	world_call(simm, "store p+8 0x2a 1");
	cr_expect(!logged(simm, "BUG"), "nobody has looked yet");
	world_call(simm, "q = kmalloc 64");
	expect_log(simm, "BUG kmalloc-64 (Not tainted): Poison overwritten");
	expect_log(simm, "First byte 0x2a instead of 0x6b");
	expect_log(simm, "Allocated in kmalloc+0x0/0x0 age=0 cpu=0 pid=0");
	expect_log(simm, "Freed in kfree+0x0/0x0 age=0 cpu=0 pid=0");
	expect_log(simm, ": 6b 6b 6b 6b 6b 6b 6b 6b 2a 6b 6b 6b 6b 6b 6b 6b  kkkkkkkk*kkkkkkk");
	expect_log(simm, "FIX kmalloc-64: Restoring Poison 0x");
	expect_log(simm, "FIX kmalloc-64: Marking all objects used");
	cr_expect_eq(byte_at(simm, "p+8"), 0x6b, "mended");
	cr_expect_str_eq(world_cat(simm, "proc/sys/kernel/tainted"), "32\n");
	check(simm);
	simm_destroy(simm);
}

Test(slab_debug, overrun_is_found_when_it_is_freed)
{
	struct simm *simm = machine("slub_debug=FZPU,kmalloc-64");

	world_call(simm, "p = kmalloc 64");
	world_call(simm, "store p+64 0 1");
	cr_expect_eq(world_refused(simm, "kfree p"), EINVAL);
	expect_log(simm, "BUG kmalloc-64 (Not tainted): Right Redzone overwritten");
	expect_log(simm, "First byte 0x0 instead of 0xcc");
	expect_log(simm, "FIX kmalloc-64: Object at 0x");
	check(simm);
	cr_expect_eq(world_refused(simm, "kfree p"), 0, "it was mended, and can be freed now");
	world_call(simm, "p = kmalloc 64");
	before(simm, "p", "0");
	cr_expect_eq(world_refused(simm, "kfree p"), EINVAL);
	expect_log(simm, "BUG kmalloc-64 (Tainted: G    B             ): Left Redzone overwritten");
	check(simm);
	simm_destroy(simm);
}

Test(slab_debug, freed_twice_and_in_the_middle)
{
	struct simm *simm = machine("slub_debug=FU,kmalloc-64");

	world_call(simm, "p.0-2 = kmalloc 64");
	world_call(simm, "kfree p.0");
	world_call(simm, "kfree p.1");
	cr_expect_eq(world_refused(simm, "kfree p.0"), EINVAL);
	expect_log(simm, "BUG kmalloc-64 (Not tainted): Object already free");
	cr_expect_eq(world_refused(simm, "kfree p.2+8"), EINVAL);
	expect_log(simm, "Invalid object pointer 0x");
	cr_expect(strstr(world_call(simm, "kmem_cache_free dentry p.2"), "freed to kmalloc-64"));
	expect_log(simm, "cache_from_obj: Wrong slab cache. dentry but object is from kmalloc-64");
	check(simm);
	simm_destroy(simm);
}

Test(slab_debug, validate_looks_at_every_object)
{
	struct simm *simm = machine("slub_debug=FZPU,kmalloc-64");

	world_call(simm, "p.0-9 = kmalloc 64");
	world_call(simm, "kfree p.0-4");
	cr_expect_eq(world_write(simm, "sys/kernel/slab/kmalloc-64/validate", "1\n"), 2);
	cr_expect(!logged(simm, "BUG"), "nothing is wrong");
	world_call(simm, "store p.2+20 1 1");
	world_call(simm, "store p.7+64 1 1");
	cr_expect_eq(world_write(simm, "sys/kernel/slab/kmalloc-64/validate", "1\n"), 2);
	expect_log(simm, "Poison overwritten");
	cr_expect_eq(byte_at(simm, "p.2+20"), 0x6b);
	cr_expect_eq(world_write(simm, "sys/kernel/slab/kmalloc-64/validate", "1\n"), 2);
	expect_log(simm, "Right Redzone overwritten");
	cr_expect_eq(byte_at(simm, "p.7+64"), 0xcc);
	cr_expect_eq(world_write(simm, "sys/kernel/slab/kmalloc-32/validate", "1\n"), -EINVAL,
		"it has no debugging flags");
	cr_expect_eq(world_write(simm, "sys/kernel/slab/kmalloc-64/validate", "0\n"), -EINVAL);
	check(simm);
	simm_destroy(simm);
}

/* The free pointer lies behind the object when the object is poisoned: write over it. */
Test(slab_debug, broken_free_pointers)
{
	static const char *const flags[] = {"slub_debug=FZPU,kmalloc-64",
		"slub_debug=FP,kmalloc-64", "slub_debug=P,kmalloc-64", "slub_debug=U,kmalloc-64"};

	for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		struct simm *simm = machine(flags[i]);
		const struct kmem_cache *s = kmalloc_cache(simm->session.m, 64, GFP_KERNEL);
		char line[64];

		world_call(simm, "p.0-5 = kmalloc 64");
		world_call(simm, "kfree p.0-3");
		snprintf(line, sizeof(line), "store p.2+%u 0x1234567812345678 8", s->offset);
		world_call(simm, line);
		world_call(simm, "q.0-49 = kmalloc 64");
		world_write(simm, "sys/kernel/slab/kmalloc-64/validate", "1\n");
		check(simm);
		world_call(simm, "kfree q.0-49");
		check(simm);
		simm_destroy(simm);
	}
}

/* Without debugging nobody looks: the kernel runs into the pointer. */
Test(slab_debug, without_flags_a_broken_list_ends)
{
	struct simm *simm = machine("");

	world_call(simm, "p = kmalloc 64");
	world_call(simm, "kfree p");
	world_call(simm, "store p+32 0x1234567812345678 8");
	world_call(simm, "q = kmalloc 64");
	cr_expect_eq(world_refused(simm, "r = kmalloc 64"), EFAULT);
	expect_log(simm, "BUG: unable to handle page fault for address: ");
	check(simm);
	world_call(simm, "r.0-99 = kmalloc 64");
	world_call(simm, "kfree r.0-99");
	world_call(simm, "kfree q");
	check(simm);
	world_call(simm, "p = kmalloc 32");
	world_call(simm, "kfree p");
	world_call(simm, "store p+16 0x1234567812345678 8");
	world_call(simm, "kmem_cache_shrink kmalloc-32");
	check(simm);
	world_call(simm, "r.0-299 = kmalloc 32");
	check(simm);
	simm_destroy(simm);
}

Test(slab_debug, traces_in_debugfs)
{
	struct simm *simm = machine("slub_debug=U,kmalloc-64");

	cr_expect_str_eq(world_list(simm, "sys/kernel/debug/slab"), "kmalloc-64");
	cr_expect_str_eq(
		world_cat(simm, "sys/kernel/debug/slab/kmalloc-64/alloc_traces"), "No data\n");
	world_call(simm, "p.0-9 = kmalloc 64");
	world_call(simm, "q.0-4 = kzalloc 40");
	const char *text = world_cat(simm, "sys/kernel/debug/slab/kmalloc-64/alloc_traces");

	cr_expect(text == strstr(text, "     10 kmalloc+0x0/0x0 age=0 pid=0 cpus=0\n"
				       "        kmalloc+0x0/0x0\n\n"),
		"%s", text);
	cr_expect(strstr(text, "      5 kzalloc+0x0/0x0 waste=120/24 age=0 pid=0 cpus=0\n"), "%s",
		text);
	world_call(simm, "kfree p.0-9");
	text = world_cat(simm, "sys/kernel/debug/slab/kmalloc-64/alloc_traces");
	cr_expect(!strstr(text, " kmalloc"), "%s", text);
	world_call(simm, "r.0-4 = kmalloc 64");
	text = world_cat(simm, "sys/kernel/debug/slab/kmalloc-64/free_traces");
	cr_expect(strstr(text, "      5 kfree+0x0/0x0"), "%s", text);
	check(simm);
	simm_destroy(simm);
}

/* 32-bit kernels have other words and tracks. */
Test(slab_debug, on_other_kernels)
{
	static const char *const presets[] = {"pc-i386", "arm-virt", "arm64-virt", "riscv64-virt"};

	for (unsigned i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
		struct simm *simm = world(presets[i], "cmdline", "slub_debug", NULL);

		world_call(simm, "p.0-3 = kmalloc 60");
		world_call(simm, "kfree p.3");
		world_call(simm, "store p.3+4 1 1");
		world_call(simm, "kfree p.0");
		world_call(simm, "q.0-1 = kmalloc 60");
		expect_log(simm, "Poison overwritten");
		expect_log(simm, "Allocated in kmalloc+0x0/0x0 age=0 cpu=0 pid=0");
		check(simm);
		simm_destroy(simm);
	}
}

/* Numbers that can be written in sys/kernel/slab. */
Test(slab_debug, written_attributes)
{
	struct simm *simm = machine("slub_debug=Z,dentry");
	const char *dir = "sys/kernel/slab/kmalloc-64";
	char path[96];

	cr_expect_eq(world_write(simm, "sys/kernel/slab/kmalloc-64/min_partial", "9\n"), 2);
	cr_expect_str_eq(world_cat(simm, "sys/kernel/slab/kmalloc-64/min_partial"), "9\n");
	cr_expect_eq(world_write(simm, "sys/kernel/slab/kmalloc-64/min_partial", "-1"), -EINVAL);
	cr_expect_eq(world_write(simm, "sys/kernel/slab/kmalloc-64/cpu_partial", "12"), 2);
	cr_expect_str_eq(world_cat(simm, "sys/kernel/slab/kmalloc-64/cpu_partial"), "12\n");
	cr_expect_eq(world_write(simm, "sys/kernel/slab/dentry/cpu_partial", "12"), -EINVAL,
		"CPUs keep nothing of a debugged cache");
	snprintf(path, sizeof(path), "%s/remote_node_defrag_ratio", dir);
	cr_expect_eq(world_write(simm, path, "50\n"), 3);
	cr_expect_str_eq(world_cat(simm, path), "50\n");
	cr_expect_eq(world_write(simm, path, "101\n"), -ERANGE);
	world_call(simm, "p.0-299 = kmalloc 64");
	world_call(simm, "kfree p.0-299");
	cr_expect_str_neq(world_cat(simm, "sys/kernel/slab/kmalloc-64/slabs"), "0\n");
	cr_expect_eq(world_write(simm, "sys/kernel/slab/kmalloc-64/shrink", "1\n"), 2);
	cr_expect_str_eq(world_cat(simm, "sys/kernel/slab/kmalloc-64/slabs"), "0\n");
	cr_expect_eq(world_write(simm, "sys/kernel/slab/kmalloc-64/shrink", "2\n"), -EINVAL);
	check(simm);
	simm_destroy(simm);
}

/* A cache's directory and links come and go with it. */
Test(slab_debug, directories_and_links)
{
	struct simm *simm = machine("");

	cr_expect(world_has(simm, "sys/kernel/slab/:A-0000128"));
	cr_expect(!world_has(simm, "sys/kernel/slab/foo"));
	world_call(simm, "c = kmem_cache_create foo 1000 0 0 foo_init");
	cr_expect_str_eq(world_cat(simm, "sys/kernel/slab/foo/ctor"), "foo_init+0x0/0x0\n");
	world_call(simm, "d = kmem_cache_create bar 197");
	cr_expect(world_has(simm, "sys/kernel/slab/bar"));
	cr_expect(strstr(world_cat(simm, "proc/slabinfo"), "\nfoo "));
	cr_expect(!strstr(world_cat(simm, "proc/slabinfo"), "\nbar "), "merged");
	world_call(simm, "kmem_cache_destroy c");
	cr_expect(!world_has(simm, "sys/kernel/slab/foo"));
	world_call(simm, "kmem_cache_destroy d");
	check(simm);
	simm_destroy(simm);
}

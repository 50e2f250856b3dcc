/* SPDX-License-Identifier: MIT
 *
 * The slab allocator's calls, as lines of sim/ctl: what they answer, what names hold, and the kernel's verdict on what
 * must not be freed. Nothing that is refused changes the state.
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

static const char *call(struct simm *simm, const char *line)
{
	return world_call_at(simm, "sim/ctl", line);
}

/* The line is refused with this errno and a sentence with these words, and the machine is as it was. */
static void refused(struct simm *simm, const char *line, int err, const char *words)
{
	struct slab_sums before, after;
	const struct kmem_cache *s = kmalloc_cache(simm->session.m, 64, GFP_KERNEL);

	slab_sums(simm->session.m, s, &before);
	cr_expect_eq(world_refused_at(simm, "sim/ctl", line), err, "%s", line);
	cr_expect(strstr(world_cat(simm, "sim/errors"), words), "%s: no `%s` in %s", line, words,
		world_cat(simm, "sim/errors"));
	slab_sums(simm->session.m, s, &after);
	cr_expect_eq(memcmp(&before, &after, sizeof(before)), 0, "%s", line);
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
}

static bool logged(struct simm *simm, const char *words)
{
	return strstr(world_cat(simm, "sim/dmesg"), words);
}

static uint64_t address(const char *result)
{
	return strtoull(result, NULL, 16);
}

Test(slab_calls, caches_are_made_merged_and_destroyed)
{
	struct simm *simm = machine("");

	cr_expect_str_eq(call(simm, "c = kmem_cache_create foo 200 0 0 foo_init"),
		"foo size=208 align=8 order=0 objects=19");
	/* Like file_lock_cache's neighbours, ip4-frags is 200 bytes without flags. */
	cr_expect_str_eq(call(simm, "d = kmem_cache_create bar 197"),
		"bar size=200 align=8 order=0 objects=20 merged=ip4-frags");
	cr_expect_str_eq(
		call(simm, "e = kmem_cache_create(\"two words\", 64, 64, SLAB_TYPESAFE_BY_RCU)"),
		"two words size=128 align=64 order=0 objects=32");
	cr_expect(strstr(world_cat(simm, "sim/vars/c"), "cache foo"));
	call(simm, "p.0-99 = kmem_cache_alloc c");
	refused(simm, "kmem_cache_destroy c", EBUSY, "100 in 6 slabs");
	cr_expect(logged(simm, "kmem_cache_destroy foo: Slab cache still has objects"));
	call(simm, "kmem_cache_free c p.0-99");
	cr_expect_str_eq(call(simm, "kmem_cache_shrink c"), "slabs=0 freed=6");
	call(simm, "kmem_cache_destroy foo");
	refused(simm, "kmem_cache_alloc c", EINVAL, "destroyed");
	call(simm, "kmem_cache_destroy bar");
	refused(simm, "kmem_cache_destroy ip4-frags", EBUSY, "the kernel's own");
	refused(simm, "kmem_cache_alloc nothing", EINVAL, "there is no cache nothing");
	refused(simm, "kmem_cache_create a/b 64", EINVAL, "neither '/'");
	refused(simm, "kmem_cache_create tiny 4", EINVAL, "must hold a pointer");
	refused(simm, "kmem_cache_create huge 1T", EINVAL, "8 to 4194304 bytes");
	refused(simm, "kmem_cache_create odd 64 48", EINVAL, "a power of two");
	refused(simm, "kmem_cache_create odd 64 0 SLAB_NONSENSE", EINVAL, "SLAB_");
	refused(simm, "kmem_cache_create task_struct 64 0 0 again", EEXIST,
		"there is a cache task_struct");
	simm_destroy(simm);
}

Test(slab_calls, kmalloc_takes_the_cache_that_fits)
{
	static const struct {
		const char *line, *cache;
	} cases[] = {{"kmalloc 1", "kmalloc-8"}, {"kmalloc 8", "kmalloc-8"},
		{"kmalloc 65", "kmalloc-96"}, {"kmalloc 97", "kmalloc-128"},
		{"kmalloc 129", "kmalloc-192"}, {"kmalloc 193", "kmalloc-256"},
		{"kmalloc 8192", "kmalloc-8k"},
		{"kmalloc 100 GFP_KERNEL+GFP_DMA", "dma-kmalloc-128"},
		{"kmalloc 100 GFP_KERNEL+__GFP_RECLAIMABLE", "kmalloc-rcl-128"},
		{"kmalloc 100 GFP_KERNEL_ACCOUNT", "kmalloc-cg-128"},
		{"kzalloc 4096", "kmalloc-4k"}, {"kcalloc 10 10", "kmalloc-128"}};
	struct simm *simm = machine("");

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *result = call(simm, cases[i].line), *cache = strstr(result, "cache=");

		cr_expect(cache && !strcmp(cache + 6, cases[i].cache), "%s: %s", cases[i].line,
			result);
	}
	cr_expect_str_eq(call(simm, "z = kmalloc 0"), "0x10");
	call(simm, "kfree z");
	call(simm, "kfree NULL");
	cr_expect(strstr(call(simm, "big = kmalloc 8193"), "order=2"));
	cr_expect_str_eq(call(simm, "ksize big"), "16384");
	call(simm, "kfree big");
	refused(simm, "kmalloc 1T", ENOMEM, "more than the largest block");
	refused(simm, "kmalloc_array 0x8000000000000000 4", ENOMEM, "more than a number can hold");
	call(simm, "k = kmalloc 100");
	cr_expect_str_eq(call(simm, "ksize k"), "128");
	call(simm, "store k 0x2a 1");

	uint64_t at = address(call(simm, "k2 = krealloc k 128"));

	cr_expect_eq(at, address(call(simm, "krealloc k2 50")));
	cr_expect_neq(at, address(call(simm, "k3 = krealloc k2 129")));
	cr_expect_eq(strtoull(call(simm, "load k3 1"), NULL, 16), 0x2a, "the contents moved");
	simm_destroy(simm);
}

Test(slab_calls, what_must_not_be_freed)
{
	struct simm *simm = machine("");

	call(simm, "p.0-9 = kmalloc 64");
	call(simm, "page = __get_free_page GFP_KERNEL");
	call(simm, "big = kmalloc 20K");
	refused(simm, "kfree p.3+8", EINVAL, "not the begin of an object of kmalloc-64");
	refused(simm, "kfree big+4K", EINVAL, "inside the block that kmalloc gave");
	refused(simm, "kfree page", EINVAL, "which no cache has");
	refused(simm, "free_pages big 3", EINVAL, "kfree() frees it");
	cr_expect(logged(simm, "free_large_kmalloc"));
	refused(simm, "kfree 1000", EINVAL, "no RAM in the kernel's direct map");
	cr_expect(logged(simm, "BUG: unable to handle page fault for address: 0000000000001000"));
	refused(simm, "kfree ffff888ffffff000", EINVAL, "no RAM in the kernel's direct map");
	refused(simm, "kfree ffffc90000000000", EINVAL, "no RAM in the kernel's direct map");
	call(simm, "kfree p.3");
	call(simm, "kfree p.4");
	refused(simm, "kfree p.3", EINVAL, "is free already");
	refused(simm, "kfree p.4", EINVAL, "is free already");
	refused(simm, "kmem_cache_free kmalloc-64 page", EINVAL, "in no slab");
	cr_expect(logged(simm, "cache_from_obj: Object is not a Slab page!"));
	cr_expect(strstr(call(simm, "kmem_cache_free task_struct p.5"), "freed to kmalloc-64"));
	cr_expect(logged(simm,
		"cache_from_obj: Wrong slab cache. task_struct but object is from kmalloc-64"));
	refused(simm, "kfree p.5", EINVAL, "is free already");
	refused(simm, "krealloc p.5 10", EINVAL, "is free already");
	refused(simm, "ksize p.5", EINVAL, "is free already");
	call(simm, "kfree p.0-2");
	call(simm, "kfree p.6-9");
	call(simm, "kfree big");
	simm_destroy(simm);
}

struct first_of {
	const char *cache;
	uint64_t address;
};

static bool find_first(const struct machine *m, const struct slab_place *p, void *context)
{
	struct first_of *f = context;

	(void)m;
	if (!p->cache || strcmp(p->cache->name, f->cache))
		return true;
	f->address = p->start;
	return false;
}

/* What the kernel took for itself can be seen, but nobody else can free it. */
Test(slab_calls, the_kernels_own_objects)
{
	static const char *const cache[] = {"task_struct", "vm_area_struct", "anon_vma"};
	struct simm *simm = machine("");
	char line[96];

	cr_assert_eq(world_mkdir(simm, "sim/tasks", "hog"), 0);
	world_call_at(simm, "sim/tasks/hog/ctl",
		"p = mmap NULL 64K PROT_READ|PROT_WRITE MAP_PRIVATE|MAP_ANONYMOUS");
	world_call_at(simm, "sim/tasks/hog/ctl", "touch p 64K w");
	for (unsigned i = 0; i < sizeof(cache) / sizeof(cache[0]); i++) {
		struct first_of f = {.cache = cache[i]};

		slab_each_object(simm->session.m, find_first, &f);
		cr_assert(f.address, "%s", cache[i]);
		snprintf(line, sizeof(line), "kfree %llx", (unsigned long long)f.address);
		refused(simm, line, EINVAL, "is the kernel's own");
		snprintf(line, sizeof(line), "kmem_cache_free %s %llx", cache[i],
			(unsigned long long)f.address);
		refused(simm, line, EINVAL, "is the kernel's own");
		snprintf(line, sizeof(line), "krealloc %llx 16K", (unsigned long long)f.address);
		refused(simm, line, EINVAL, "is the kernel's own");
		snprintf(line, sizeof(line), "sim/addr/0x%llx", (unsigned long long)f.address);
		cr_expect(strstr(world_cat(simm, line), "allocated by the kernel itself"));
	}
	/* One that a user took from the same cache is the user's. */
	call(simm, "t = kmem_cache_alloc task_struct");
	call(simm, "kfree t");
	/* The array of a large area's pages, its struct vm_struct, a cache's name. */
	call(simm, "v = vmalloc 40K");
	cr_expect_eq(world_rmdir(simm, "sim/tasks", "hog"), 0);
	call(simm, "vfree v");
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
	simm_destroy(simm);
}

static void put_pointer(struct simm *simm, const char *object, const char *to)
{
	char line[96], where[32];

	snprintf(line, sizeof(line), "sim/vars/%s", to);
	const char *text = strstr(world_cat(simm, line), "0x");
	cr_assert(text);
	snprintf(where, sizeof(where), "%.18s", text);
	snprintf(line, sizeof(line), "store %s+32 %s 8", object, where);
	call(simm, line);
}

/* Free pointers lie where anybody can write; without CONFIG_SLAB_FREELIST_HARDENED, in the clear. */
Test(slab_calls, a_free_list_that_leads_to_what_is_in_use)
{
	struct simm *simm = world("pc-x86_64", "ram", "256M", "config",
		"-SLAB_FREELIST_HARDENED,-SLAB_FREELIST_RANDOM", NULL);

	call(simm, "p.0-7 = kmalloc 64");
	call(simm, "kfree p.3");
	put_pointer(simm, "p.3", "p.1");
	call(simm, "a = kmalloc 64");
	refused(simm, "b = kmalloc 64", EFAULT, "which is no free object");
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
	/* What was behind is nobody's. */
	struct first_of f = {.cache = "kmalloc-64"};
	slab_each_object(simm->session.m, find_first, &f);
	char line[64];
	snprintf(line, sizeof(line), "kfree %llx", (unsigned long long)f.address + 63 * 64);
	refused(simm, line, EINVAL, "is lost");

	/* A ring. */
	call(simm, "c = kmalloc 64");
	call(simm, "kfree c");
	put_pointer(simm, "c", "c");
	call(simm, "d = kmalloc 64");
	refused(simm, "e = kmalloc 64", EFAULT, "which is no free object");
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");

	/* A ring of two, and the CPU gives the slab up. */
	call(simm, "q.0-1 = kmalloc 64");
	call(simm, "kfree q.0-1");
	put_pointer(simm, "q.0", "q.1");
	call(simm, "kmem_cache_shrink kmalloc-64");
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
	for (unsigned i = 0; i < 8; i++) {
		snprintf(line, sizeof(line), "kfree p.%u", i);
		cr_expect_eq(world_refused(simm, line), 0, "%u", i);
	}
	call(simm, "kfree d");
	refused(simm, "kfree d", EINVAL, "is free already");
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
	simm_destroy(simm);
}

Test(slab_calls, parameters_of_the_command_line)
{
	struct simm *simm = machine("slub_max_order=0 slab_nomerge");

	cr_expect(strstr(call(simm, "kmem_cache_create foo 1000"), "order=0 objects=4"));
	simm_destroy(simm);
	simm = machine("slub_min_order=2 slub_min_objects=4");
	cr_expect(strstr(call(simm, "kmem_cache_create foo 100 0 0 c"),
		"size=112 align=8 order=2 objects=146"));
	simm_destroy(simm);
	/* Red zones and tracks: 200 + 8 free pointer + 64 + 8 + 8. */
	simm = machine("slub_debug=ZU,foo*;P,kmalloc-64");
	cr_expect(strstr(call(simm, "kmem_cache_create foot 200"), "size=288 align=8"));
	cr_expect(strstr(call(simm, "kmem_cache_create bar 200"), "merged"));
	cr_expect_eq(kmalloc_cache(simm->session.m, 64, GFP_KERNEL)->size, 128);
	cr_expect_eq(kmalloc_cache(simm->session.m, 32, GFP_KERNEL)->size, 32);
	simm_destroy(simm);
	simm = machine("slub_debug");
	call(simm, "p.0-99 = kmalloc 64");
	call(simm, "kfree p.0-49");
	const struct kmem_cache *s = kmalloc_cache(simm->session.m, 64, GFP_KERNEL);
	struct slab_sums sums;

	slab_sums(simm->session.m, s, &sums);
	cr_expect_eq(sums.active_objs, 50, "a debugged cache counts exactly");
	cr_expect_eq(sums.cpu_slabs, 0);
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
	simm_destroy(simm);
}

Test(slab_calls, a_thousand_of_them)
{
	struct simm *simm = machine("");

	call(simm, "p.0-999 = kmalloc 64 GFP_KERNEL");
	struct slab_sums sums;
	const struct kmem_cache *s = kmalloc_cache(simm->session.m, 64, GFP_KERNEL);

	slab_sums(simm->session.m, s, &sums);
	cr_expect_eq(sums.num_slabs, 16);
	call(simm, "kfree p.0-999");
	call(simm, "kmem_cache_shrink kmalloc-64");
	slab_sums(simm->session.m, s, &sums);
	cr_expect_eq(sums.num_slabs, 0);
	simm_destroy(simm);
}

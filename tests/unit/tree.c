/* SPDX-License-Identifier: MIT
 *
 * Claim: the tree is what its rows say, on every machine: each entry that is listed can be looked up and has the
 * listed type and inode, inodes are unlike, directories count their subdirectories, and a listing that is broken
 * off and taken up again at any cookie is the same listing.
 */
#include "support/world.h"

#include "tree/tree.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES_MAX 4096

struct entry {
	char name[64];
	struct simm_attr attr;
	uint64_t cookie;
};

struct listing {
	unsigned n, stop;
	struct entry entry[ENTRIES_MAX];
};

static bool take(void *data, const char *name, const struct simm_attr *attr, uint64_t cookie)
{
	struct listing *l = data;

	if (l->n == l->stop)
		return false;
	snprintf(l->entry[l->n].name, sizeof(l->entry[l->n].name), "%s", name);
	l->entry[l->n].attr = *attr;
	l->entry[l->n++].cookie = cookie;
	return true;
}

static struct listing *list(
	struct simm *simm, const struct simm_node *dir, uint64_t cookie, unsigned stop)
{
	struct listing *l = calloc(1, sizeof(*l));

	l->stop = stop;
	cr_assert_eq(simm_readdir(simm, dir, cookie, take, l), 0);
	return l;
}

static uint64_t seen[65536];
static unsigned nr_seen;

static void walk(struct simm *simm, const struct simm_node *dir, unsigned depth)
{
	struct listing *l = list(simm, dir, 0, ENTRIES_MAX);
	struct simm_attr attr;
	unsigned subdirs = 0;

	cr_assert_lt(depth, 16);
	cr_assert_str_eq(l->entry[0].name, ".");
	cr_assert_str_eq(l->entry[1].name, "..");
	for (unsigned i = 2; i < l->n; i++) {
		struct simm_node node;

		cr_assert_eq(
			simm_lookup(simm, dir, l->entry[i].name, &node), 0, "%s", l->entry[i].name);
		cr_assert_eq(simm_getattr(simm, &node, &attr), 0, "%s", l->entry[i].name);
		cr_assert_eq(attr.type, l->entry[i].attr.type);
		cr_assert_eq(attr.ino, l->entry[i].attr.ino);
		cr_assert_lt(nr_seen, 65536);
		seen[nr_seen++] = attr.ino;
		if (attr.type != SIMM_DIR)
			continue;
		subdirs++;
		walk(simm, &node, depth + 1);
	}
	cr_assert_eq(simm_getattr(simm, dir, &attr), 0);
	cr_assert_eq(attr.ino, l->entry[0].attr.ino);
	cr_assert(attr.nlink == 1 || attr.nlink == 2 + subdirs);
	free(l);
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

Test(tree, what_is_listed_is_there)
{
	static const char *const machines[] = {
		"pc-i386", "pc-x86_64-numa", "arm-virt", "riscv64-virt"};
	struct simm_node root = {0};

	for (unsigned i = 0; i < 4; i++) {
		struct simm *simm = world(machines[i], "ram", "256M", NULL);

		nr_seen = 0;
		walk(simm, &root, 0);
		cr_assert_gt(nr_seen, 100);
		qsort(seen, nr_seen, sizeof(seen[0]), compare);
		for (unsigned k = 1; k < nr_seen; k++)
			cr_assert_neq(seen[k], seen[k - 1], "two entries of %s have inode %llu",
				machines[i], (unsigned long long)seen[k]);
		simm_destroy(simm);
	}
}

Test(tree, a_listing_can_be_taken_up_at_any_cookie)
{
	struct simm *simm = world("pc-x86_64-numa", "ram", "256M", NULL);
	static const char *const dirs[] = {"", "proc", "sim", "sim/vars", "sys/devices/system/node",
		"proc/sys/vm", "sim/help"};

	world_call(simm, "p.0-99 = alloc_page GFP_KERNEL");
	world_call(simm, "p = alloc_page GFP_KERNEL");
	for (unsigned d = 0; d < sizeof(dirs) / sizeof(dirs[0]); d++) {
		struct simm_node dir;

		cr_assert_eq(simm_resolve(simm, dirs[d], &dir), 0, "%s", dirs[d]);
		struct listing *whole = list(simm, &dir, 0, ENTRIES_MAX);
		for (unsigned i = 0; i < whole->n; i++) {
			struct listing *one =
				list(simm, &dir, i ? whole->entry[i - 1].cookie : 0, 1);

			cr_assert_eq(one->n, 1, "%s: entry %u", dirs[d], i);
			cr_assert_str_eq(one->entry[0].name, whole->entry[i].name);
			free(one);
		}
		struct listing *end = list(simm, &dir, whole->entry[whole->n - 1].cookie, 1);
		cr_assert_eq(end->n, 0);
		free(end);
		free(whole);
	}
	/* Names that go meanwhile hide no other: the next one is there. */
	struct simm_node vars;
	cr_assert_eq(simm_resolve(simm, "sim/vars", &vars), 0);
	struct listing *first = list(simm, &vars, 0, 10);
	cr_assert_eq(simm_unlink(simm, &vars, first->entry[9].name), 0);
	struct listing *rest = list(simm, &vars, first->entry[9].cookie, ENTRIES_MAX);
	cr_assert_eq(first->n + rest->n, 2 + 101);
	free(first);
	free(rest);
	simm_destroy(simm);
}

Test(tree, sizes_links_and_modes)
{
	struct simm *simm = world("pc-i386", NULL);
	static const struct {
		const char *path;
		enum simm_type type;
		unsigned mode;
		uint64_t size;
	} cases[] = {
		{"", SIMM_DIR, 0555, 0},
		{"proc/meminfo", SIMM_FILE, 0444, 0},
		{"proc/sys/vm/swappiness", SIMM_FILE, 0644, 0},
		{"proc/kpageflags", SIMM_FILE, 0400, 0},
		{"proc/mounts", SIMM_LINK, 0777, 11},
		{"proc/self", SIMM_LINK, 0777, 0},
		{"sys/devices/system/cpu/online", SIMM_FILE, 0444, 4096},
		{"sys/kernel/debug/extfrag/extfrag_index", SIMM_FILE, 0444, 0},
		{"sim/ctl", SIMM_FILE, 0600, 0},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct simm_node node;
		struct simm_attr attr;

		cr_assert_eq(simm_resolve(simm, cases[i].path, &node), 0, "%s", cases[i].path);
		cr_assert_eq(simm_getattr(simm, &node, &attr), 0);
		cr_assert_eq(attr.type, cases[i].type, "%s", cases[i].path);
		cr_assert_eq(attr.mode, cases[i].mode, "%s has mode %o", cases[i].path, attr.mode);
		cr_assert_eq(attr.size, cases[i].size, "%s", cases[i].path);
	}
	simm_destroy(simm);
}

Test(tree, wrong_paths)
{
	struct simm *simm = world("pc-i386", NULL);
	static const struct {
		const char *path;
		int err;
	} cases[] = {
		{"nothing", -ENOENT},
		{"proc/meminfo/x", -ENOTDIR},
		{"sim/cpu", -ENOENT},
		{"sim/cpux/ctl", -ENOENT},
		{"sim/cpu00/ctl", -ENOENT},
		{"sim/cpu99/ctl", -ENOENT},
		{"sim/cpu18446744073709551616/ctl", -ENOENT},
	};
	struct simm_node node, dir;
	struct simm_open *open;
	char name[400];

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_assert_eq(simm_resolve(simm, cases[i].path, &node), cases[i].err, "%s",
			cases[i].path);
	cr_assert_eq(simm_resolve(simm, "//sim///ctl/", &node), 0);
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	cr_assert_eq(simm_resolve(simm, name, &node), -ENAMETOOLONG);
	cr_assert_eq(simm_resolve(simm, "sim", &dir), 0);
	cr_assert_eq(simm_open(simm, &dir, SIMM_O_READ, &open), -EISDIR);
	cr_assert_eq(simm_mkdir(simm, &dir, "new"), -EPERM);
	cr_assert_eq(simm_mkdir(simm, &dir, "ctl"), -EEXIST);
	cr_assert_eq(simm_rmdir(simm, &dir, "vars"), -EPERM);
	cr_assert_eq(simm_unlink(simm, &dir, "ctl"), -EPERM);
	cr_assert_eq(simm_unlink(simm, &dir, "vars"), -EISDIR);
	cr_assert_eq(simm_file_write(simm, "sim/errors", "x", 1), -EACCES);
	cr_assert_eq(simm_file_write(simm, "proc/meminfo", "x", 1), -EIO);
	cr_assert_eq(simm_file_write(simm, "proc/1/maps", "x", 1), -EINVAL);
	simm_destroy(simm);
}

Test(tree, a_text_is_one_moment_until_it_is_read_again_from_its_beginning)
{
	struct simm *simm = world("pc-i386", "ram", "64M", NULL);
	struct simm_open *open = world_open(simm, "proc/meminfo", SIMM_O_READ);
	char first[8192], again[8192];
	ssize_t n = 0;

	world_call(simm, "p.0-99 = alloc_pages GFP_KERNEL 4");
	for (ssize_t got; (got = simm_read(open, first + n, 1, (uint64_t)n)) > 0;)
		n += got;
	first[n] = '\0';
	/* The text of before the allocations; at offset 0 it is made anew. */
	ssize_t len = simm_read(open, again, sizeof(again) - 1, 0);
	again[len] = '\0';
	unsigned long free_before, free_after;
	cr_assert_eq(sscanf(strstr(first, "MemFree:"), "MemFree: %lu", &free_before), 1);
	cr_assert_eq(sscanf(strstr(again, "MemFree:"), "MemFree: %lu", &free_after), 1);
	cr_assert_geq(free_before, free_after + 100 * 64);
	simm_release(open);
	simm_destroy(simm);
}

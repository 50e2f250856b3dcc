/* SPDX-License-Identifier: MIT
 *
 * The slab allocator's files against six real machines:
 *
 *	proc/slabinfo          its two head lines, and the columns of each line: only the counts of objects and slabs differ
 *	find.txt               every path below sys/kernel/slab, with kind, mode and a link's target; no attribute besides
 *	sys/kernel/slab/X/F    each file that was read: what follows from the cache alone is the same text, what counts
 *	                       objects has the same form
 *
 * The caches of bios of other disks, and those of modules, are not there.
 */
#include "oracle_machines.h"

#include "simm/simm.h"

static char *need(unsigned i, const char *file)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", machines[i].oracle, file);
	return oracle_need(path);
}

/* "SLUB: HWalign=64, Order=0-3, MinObjects=0, CPUs=1, Nodes=1" */
static struct simm *boot(unsigned i)
{
	struct simm_config *config = simm_config_new();
	char *log = need(i, "dmesg.txt"), error[512], cpus[16] = "";
	const char *at = strstr(log, "MinObjects=0, CPUs=");

	cr_assert(at && sscanf(at + 19, "%15[0-9]", cpus) == 1);
	cr_assert_eq(simm_config_machine(config, machines[i].preset, error, sizeof(error)), 0);
	cr_assert_eq(simm_config_option(config, "cpus", cpus, error, sizeof(error)), 0);
	struct simm *simm = simm_create(config, error, sizeof(error));
	cr_assert(simm, "%s", error);
	simm_config_free(config);
	free(log);
	return simm;
}

static const char *cat(struct simm *simm, const char *path)
{
	static char text[1 << 17];
	ssize_t len = simm_file_read(simm, path, text, sizeof(text) - 1);

	cr_expect_geq(len, 0, "%s: %zd", path, len);
	text[len < 0 ? 0 : len] = '\0';
	return text;
}

/* The line of @text that begins with the word @name. */
static const char *line_of(const char *text, const char *name, size_t len)
{
	for (const char *at = text; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL)
		if (!strncmp(at, name, len) && at[len] == ' ')
			return at;
	return NULL;
}

/* Digits and the blanks before them become marks in the columns of counts, which stand behind the name and at the end. */
static void forget_counts(const char *line, char *out)
{
	unsigned column = 0;
	char before = 'x';

	for (; *line && *line != '\n'; before = *line++) {
		column += *line == ' ' && before != ' ';
		bool count = column == 1 || column == 2 || column == 13 || column == 14;

		*out++ = count && (isdigit((unsigned char)*line) || *line == ' ') ? '#' : *line;
	}
	*out = '\0';
}

Test(slab_files, slabinfo)
{
	for (unsigned i = 0; i < NR_MACHINES; i++) {
		char *real = need(i, "proc/slabinfo"), a[512], b[512];
		struct simm *simm = boot(i);
		const char *mine = cat(simm, "proc/slabinfo"), *at = real;
		unsigned lines = 0;

		for (; at && *at; at = strchr(at, '\n') + 1, lines++) {
			size_t len = lines < 2 ? strcspn(at, "\n") : strcspn(at, " ");
			const char *line = lines < 2 ? mine : line_of(mine, at, len);

			if (lines < 2) {
				line = lines ? strchr(mine, '\n') + 1 : mine;
				cr_expect_eq(strncmp(line, at, len + 1), 0, "%s: %.*s",
					machines[i].oracle, (int)len, line);
				continue;
			}
			cr_assert(line, "%s: no %.*s", machines[i].oracle, (int)len, at);
			forget_counts(line, a);
			forget_counts(at, b);
			cr_expect_str_eq(a, b, "%s: %s, not %s", machines[i].oracle, a, b);
		}
		cr_expect_gt(lines, 120);
		free(real);
		simm_destroy(simm);
	}
}

static unsigned mode_of(const char *line)
{
	unsigned mode = 0;

	for (unsigned i = 1; i <= 9; i++)
		mode = mode << 1 | (line[i] != '-');
	return mode;
}

struct names {
	const char *find;
	unsigned i, nr;
};

/* Is each attribute that we have one of the oracle's? */
static bool has_attribute(
	void *data, const char *name, const struct simm_attr *attr, uint64_t cookie)
{
	struct names *n = data;
	char path[128];

	(void)attr;
	(void)cookie;
	if (*name == '.')
		return true;
	snprintf(path, sizeof(path), "/sys/kernel/slab/dentry/%s\n", name);
	cr_expect(strstr(n->find, path), "%s has no %s", machines[n->i].oracle, path);
	n->nr++;
	return true;
}

static void compare_node(struct simm *simm, unsigned i, const char *line, char *path)
{
	char *target = strstr(path, " -> "), got[128] = "";
	struct simm_node node;
	struct simm_attr attr;

	if (target)
		*target = '\0';
	int err = simm_resolve(simm, path, &node);

	cr_expect_eq(err, 0, "%s: no %s", machines[i].oracle, path);
	if (err || simm_getattr(simm, &node, &attr))
		return;
	cr_expect_eq(attr.type == SIMM_DIR    ? 'd'
		     : attr.type == SIMM_LINK ? 'l'
					      : '-',
		*line, "%s", path);
	if (target) {
		simm_readlink(simm, &node, got, sizeof(got) - 1);
		cr_expect_str_eq(got, target + 4, "%s: %s", machines[i].oracle, path);
	} else {
		cr_expect_eq(attr.mode & 0777, mode_of(line), "%s: %s has mode %o",
			machines[i].oracle, path, attr.mode);
	}
}

Test(slab_files, names_kinds_and_modes)
{
	for (unsigned i = 0; i < NR_MACHINES; i++) {
		char *find = need(i, "find.txt"), *copy = strdup(find), *save = NULL;
		struct simm *simm = boot(i);
		struct names names = {.find = find, .i = i};
		struct simm_node dir;
		unsigned compared = 0;

		for (char *line = strtok_r(copy, "\n", &save); line;
			line = strtok_r(NULL, "\n", &save)) {
			char *path = strstr(line, " /sys/kernel/slab");

			if (!path)
				continue;
			compare_node(simm, i, line, path + 2);
			compared++;
		}
		cr_expect_gt(compared, 350);
		cr_assert_eq(simm_resolve(simm, "sys/kernel/slab/dentry", &dir), 0);
		simm_readdir(simm, &dir, 0, has_attribute, &names);
		cr_expect_geq(names.nr, 28);
		free(copy);
		free(find);
		simm_destroy(simm);
	}
}

/* Text as it must be, and that of which only the form is compared: a number, parts of it by node or CPU. */
static bool counts(const char *file)
{
	static const char *const names[] = {"objects", "objects_partial", "partial", "slabs",
		"total_objects", "cpu_slabs", "slabs_cpu_partial", "ctor"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(file, names[i]))
			return true;
	return false;
}

Test(slab_files, attributes)
{
	static const char *const dirs[] = {":A-0000152", ":A-0000072", ":A-0002752", "dentry",
		"kmalloc-4k", "kmalloc-64", "kmalloc-rcl-96", "radix_tree_node", "task_struct"};
	static const char *const files[] = {"aliases", "align", "cache_dma", "cpu_partial",
		"cpu_slabs", "ctor", "destroy_by_rcu", "hwcache_align", "min_partial",
		"object_size", "objects", "objects_partial", "objs_per_slab", "order", "partial",
		"poison", "reclaim_account", "red_zone", "remote_node_defrag_ratio",
		"sanity_checks", "shrink", "slab_size", "slabs", "slabs_cpu_partial", "store_user",
		"total_objects", "trace", "usersize", "validate"};

	for (unsigned i = 0; i < NR_MACHINES; i++) {
		struct simm *simm = boot(i);
		unsigned compared = 0;

		for (unsigned d = 0; d < sizeof(dirs) / sizeof(dirs[0]); d++)
			for (unsigned k = 0; k < sizeof(files) / sizeof(files[0]); k++) {
				char path[256], mine[256];

				snprintf(path, sizeof(path), "%s/sys/kernel/slab/%s/%s",
					machines[i].oracle, dirs[d], files[k]);
				char *real = oracle_read(path);

				if (!real)
					continue;
				snprintf(
					mine, sizeof(mine), "%s", cat(simm, strchr(path, '/') + 1));
				if (counts(files[k]))
					cr_expect_eq(!*mine, !*real, "%s: %s", path, mine);
				else
					cr_expect_str_eq(mine, real, "%s", path);
				compared++;
				free(real);
			}
		cr_expect_gt(compared, 130, "%s", machines[i].oracle);
		simm_destroy(simm);
	}
}

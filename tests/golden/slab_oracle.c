/* SPDX-License-Identifier: MIT
 *
 * The slab caches of six real machines, from their sizes and flags alone:
 *
 *	proc/slabinfo        names and their order, size, objects per slab, pages per slab      each line
 *	find.txt             which names are directories of sys/kernel/slab, which are links to which unique id
 *	sys/kernel/slab/X    object_size, align, min_partial, cpu_partial ...                    where it was read
 *	00-buddy-module      a module's cache of 200 bytes with a constructor: 200 objects, every other one freed, all freed,
 *	                     shrunk; pages taken, sysfs numbers, and the order of the objects
 *
 * Where a machine's kernel made further caches (modules that were loaded), this kernel lacks them: each is named here.
 */
#include "oracle_machines.h"
#include "support/booted.h"

#include "mm/core/link.h"
#include "mm/page/zone.h"
#include "mm/slab/slab.h"

static struct machine *boot(unsigned i, unsigned cpus)
{
	char number[8];

	snprintf(number, sizeof(number), "%u", cpus);
	return booted(machines[i].preset, "cpus", number, NULL);
}

static char *need(unsigned i, const char *file)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", machines[i].oracle, file);
	return oracle_need(path);
}

/* "SLUB: HWalign=64, Order=0-3, MinObjects=0, CPUs=1, Nodes=1" */
static unsigned cpus_of(unsigned i)
{
	char *log = need(i, "dmesg.txt");
	const char *at = strstr(log, "MinObjects=0, CPUs=");
	unsigned n = at ? (unsigned)strtoul(at + 19, NULL, 10) : 0;

	cr_assert(n, "%s: no SLUB line", machines[i].oracle);
	free(log);
	return n;
}

/* The next line of *@text, cut off; NULL at the end. */
static char *next_line(char **text)
{
	char *line = *text, *end = line ? strchr(line, '\n') : NULL;

	if (!line || !*line)
		return NULL;
	if (end)
		*end = '\0';
	*text = end ? end + 1 : NULL;
	return line;
}

/* Block devices are found at the same time as other things: when their caches of bios come is chance. */
static bool by_chance(const char *name)
{
	return !strncmp(name, "bio-", 4);
}

static const struct kmem_cache *next_ordered(const struct machine *m, const struct kmem_cache *s)
{
	do
		s = kmem_cache_next(m, s);
	while (s && by_chance(s->name));
	return s;
}

static void compare_line(const struct kmem_cache *s, const char *who, const char *line)
{
	unsigned size, objects, pages;

	cr_assert_eq(sscanf(line, "%*s %*u %*u %u %u %u", &size, &objects, &pages), 3);
	cr_expect(s->size == size && s->oo.objects == objects && 1u << s->oo.order == pages,
		"%s %s: %u bytes, %u objects, order %u; not %u, %u, %u pages", who, s->name,
		s->size, s->oo.objects, s->oo.order, size, objects, pages);
}

Test(slab_oracle, slabinfo_line_by_line)
{
	for (unsigned i = 0; i < NR_MACHINES; i++) {
		const char *who = machines[i].oracle;
		char *text = need(i, "proc/slabinfo"), *at = text, *line, name[64];
		struct machine *m = boot(i, cpus_of(i));
		const struct kmem_cache *s = NULL;
		unsigned lines = 0;

		next_line(&at);
		next_line(&at);
		for (; (line = next_line(&at)); lines++) {
			cr_assert_eq(sscanf(line, "%63s", name), 1);
			if (by_chance(name)) {
				cr_assert(kmem_cache_find(m, name, strlen(name)), "%s: no %s", who,
					name);
				compare_line(kmem_cache_find(m, name, strlen(name)), who, line);
				continue;
			}
			s = next_ordered(m, s);
			cr_assert(s && !strcmp(s->name, name), "%s: %s is in the place of %s", who,
				s ? s->name : "nothing", name);
			compare_line(s, who, line);
		}
		s = next_ordered(m, s);
		cr_expect(!s, "%s: %s is no cache there", who, s ? s->name : "");
		cr_expect_gt(lines, 120);
		free(text);
		machine_destroy(m);
	}
}

/* find.txt: "lrwxrwxrwx 1 0 0 0 /sys/kernel/slab/pid -> :A-0000128", "drwxr-xr-x ... /sys/kernel/slab/dentry". */
Test(slab_oracle, names_and_links_in_sysfs)
{
	for (unsigned i = 0; i < NR_MACHINES; i++) {
		char *text = need(i, "find.txt"), *at = text, *line;
		struct machine *m = boot(i, cpus_of(i));
		unsigned links = 0, folders = 0;

		while ((line = next_line(&at))) {
			char *name = strstr(line, " /sys/kernel/slab/"), id[SLAB_NAME_MAX];
			char *target = name ? strstr(name, " -> ") : NULL;

			if (!name || (*line != 'l' && *line != 'd'))
				continue;
			name += strlen(" /sys/kernel/slab/");
			if (target)
				*target = '\0';
			const struct kmem_cache *s = kmem_cache_find(m, name, strlen(name));

			cr_expect(s, "%s: no %s", machines[i].oracle, name);
			if (!s)
				continue;
			kmem_cache_sysfs_name(m, s, id);
			cr_expect_str_eq(id, target ? target + 4 : name, "%s: %s is %s, not %s",
				machines[i].oracle, name, id, target ? target + 4 : name);
			links += target != NULL;
			folders += !target;
		}
		cr_expect_gt(links, 80);
		cr_expect_gt(folders, 120);
		free(text);
		machine_destroy(m);
	}
}

static uint64_t attribute(const struct kmem_cache *s, const char *name)
{
	const struct {
		const char *name;
		uint64_t value;
	} all[] = {{"object_size", s->object_size}, {"slab_size", s->size}, {"align", s->align},
		{"order", s->oo.order}, {"objs_per_slab", s->oo.objects},
		{"min_partial", s->min_partial}, {"cpu_partial", s->cpu_partial},
		{"usersize", s->usersize},
		{"aliases", s->refcount < 0 ? 0 : (uint64_t)s->refcount - 1},
		{"hwcache_align", !!(s->flags & SLAB_HWCACHE_ALIGN)},
		{"destroy_by_rcu", !!(s->flags & SLAB_TYPESAFE_BY_RCU)},
		{"reclaim_account", !!(s->flags & SLAB_RECLAIM_ACCOUNT)},
		{"remote_node_defrag_ratio", s->remote_node_defrag_ratio / 10}};

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (!strcmp(all[i].name, name))
			return all[i].value;
	return UINT64_MAX;
}

Test(slab_oracle, attributes)
{
	static const char *const names[] = {"object_size", "slab_size", "align", "order",
		"objs_per_slab", "min_partial", "cpu_partial", "usersize", "aliases",
		"hwcache_align", "destroy_by_rcu", "reclaim_account", "remote_node_defrag_ratio"};
	static const char *const dirs[] = {":A-0000152", ":A-0000072", ":A-0002752", "dentry",
		"kmalloc-4k", "kmalloc-64", "kmalloc-rcl-96", "radix_tree_node", "task_struct"};

	for (unsigned i = 0; i < NR_MACHINES; i++) {
		struct machine *m = boot(i, cpus_of(i));
		unsigned compared = 0;

		for (unsigned d = 0; d < sizeof(dirs) / sizeof(dirs[0]); d++)
			for (unsigned k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
				char path[256];
				const struct kmem_cache *s =
					kmem_cache_find(m, dirs[d], strlen(dirs[d]));

				snprintf(path, sizeof(path), "%s/sys/kernel/slab/%s/%s",
					machines[i].oracle, dirs[d], names[k]);
				char *text = oracle_read(path);

				if (!text)
					continue;
				cr_assert(s, "%s: no %s", machines[i].oracle, dirs[d]);
				cr_expect_eq(attribute(s, names[k]), strtoull(text, NULL, 10),
					"%s: %llu, not %s", path,
					(unsigned long long)attribute(s, names[k]), text);
				compared++;
				free(text);
			}
		cr_expect(compared > 50 || !oracle_read("README.md"), "%s: %u", machines[i].oracle,
			compared);
		machine_destroy(m);
	}
}

/* ---- the module's cache ---- */

static uint64_t pages_taken(struct machine *m, uint64_t before)
{
	return node_stat_total(m, ND_nr_slab_unreclaimable) - before;
}

/* What the machine's info.txt says about a cache, as a number. */
static uint64_t said(const char *sysfs, const char *name)
{
	const char *at = strstr(sysfs, name);

	cr_assert(at, "no %s", name);
	return strtoull(at + strlen(name), NULL, 10);
}

/* Offsets of the objects, slab by slab: all slabs go round the same circle. */
static void check_circle(const uint64_t *offset, unsigned n, unsigned per_slab, const char *who)
{
	unsigned wrong = 0;

	for (unsigned i = per_slab; i + 1 < n; i++) {
		if ((i + 1) % per_slab == 0)
			continue;
		for (unsigned k = 0; k < per_slab; k++)
			if (offset[k] == offset[i])
				wrong += offset[(k + 1) % per_slab] != offset[i + 1];
	}
	cr_expect_eq(wrong, 0, "%s: %u steps are not the first slab's", who, wrong);
}

Test(slab_oracle, a_modules_cache)
{
	for (unsigned i = 0; i < NR_MACHINES; i++) {
		char *info = need(i, "experiments/00-buddy-module/info.txt");
		char *sysfs = need(i, "experiments/00-buddy-module/slab-sysfs.txt");
		struct machine *m = boot(i, cpus_of(i));
		struct kmem_cache_args args = {
			.name = "orc_cache_200", .size = 200, .ctor = "orc_ctor"};
		uint64_t address[200], offset[200], real[200];
		uint32_t id;
		const char *who = machines[i].oracle, *at = strstr(info, "objs (pfn:offset)");

		at = at ? at + strlen("objs (pfn:offset)") : NULL;

		cr_assert_eq(kmem_cache_create(m, 0, &args, &id), 0, "%s", m->why.sentence);
		struct kmem_cache *s = kmem_cache_get(m, id);
		uint64_t before = node_stat_total(m, ND_nr_slab_unreclaimable);

		cr_expect_eq(s->oo.order, said(sysfs, "order "));
		cr_expect_eq(s->oo.objects, said(sysfs, "objs_per_slab "));
		cr_expect_eq(s->size, said(sysfs, "slab_size "));
		cr_expect_eq(s->min_partial, said(sysfs, "min_partial "));
		cr_expect_eq(s->cpu_partial, said(sysfs, "cpu_partial "));
		cr_expect_eq(s->align, said(sysfs, "align "));
		for (unsigned k = 0; k < 200; k++) {
			cr_assert_eq(slab_alloc(m, 0, s, GFP_KERNEL, -1, &address[k]), 0);
			offset[k] = address[k] % PAGE_BYTES;
			at = at ? strchr(at + 1, ':') : NULL;
			real[k] = at ? strtoull(at + 1, NULL, 16) : 0;
		}
		/* 200 objects of 19 to a page: the real lists lost 11 pages, too. */
		cr_expect_eq(pages_taken(m, before), 11, "%s", who);
		check_circle(offset, 200, s->oo.objects, who);
		check_circle(real, 200, s->oo.objects, "the oracle");
		for (unsigned k = 0; k < 200; k += 2)
			slab_free(m, 0, s, address[k]);
		cr_expect_eq(pages_taken(m, before), 11, "%s: half freed", who);
		for (unsigned k = 1; k < 200; k += 2)
			slab_free(m, 0, s, address[k]);
		cr_expect_eq(pages_taken(m, before), 11, "%s: all freed", who);
		booted_check(m);
		cr_expect(!kmem_cache_shrink(m, 0, s));
		cr_expect_eq(pages_taken(m, before), 0, "%s: shrunk", who);
		struct slab_sums sums;

		slab_sums(m, s, &sums);
		cr_expect_eq(sums.num_objs, said(sysfs, "total_objects "));
		cr_expect_eq(sums.num_slabs, said(sysfs, "\nslabs "));
		cr_expect_eq(kmem_cache_destroy(m, 0, id, NULL), 0, "%s", m->why.sentence);
		booted_check(m);
		free(info);
		free(sysfs);
		machine_destroy(m);
	}
}

/* SPDX-License-Identifier: MIT
 *
 * Every file of every preset's mount can be read, and the figures that several files show agree.
 */
#include "simm/simm.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES (1u << 18)

static struct simm *boot(const char *name)
{
	struct simm_config *config = simm_config_new();
	char error[512];

	cr_assert_eq(simm_config_machine(config, name, error, sizeof(error)), 0, "%s", error);
	struct simm *simm = simm_create(config, error, sizeof(error));
	cr_assert(simm, "%s: %s", name, error);
	simm_config_free(config);
	simm_set_caller(simm, &(struct simm_caller){.pid = 42, .tid = 43});
	return simm;
}

struct walk {
	struct simm *simm;
	char path[512];
	unsigned files;
};

static bool visit(void *data, const char *name, const struct simm_attr *attr, uint64_t cookie);

static void list(struct walk *w)
{
	struct simm_node node;

	cr_expect_eq(simm_resolve(w->simm, w->path, &node), 0, "%s", w->path);
	cr_expect_eq(simm_readdir(w->simm, &node, 0, visit, w), 0, "%s", w->path);
}

static void read_file(struct walk *w, const struct simm_attr *attr)
{
	static char text[TEXT_BYTES];
	struct simm_node node;
	struct simm_attr real;

	cr_assert_eq(simm_resolve(w->simm, w->path, &node), 0, "%s", w->path);
	cr_assert_eq(simm_getattr(w->simm, &node, &real), 0, "%s", w->path);
	w->files++;
	/* Write-only files; trace_pipe waits for events; dev/mem is big. */
	if (!(real.mode & 0444) || strstr(w->path, "trace_pipe") || !strncmp(w->path, "dev/", 4))
		return;
	ssize_t len = simm_file_read(w->simm, w->path, text, sizeof(text));
	/* Pid 1 has no memory: there is nothing to sum up. */
	if (strstr(w->path, "/smaps_rollup") && len == -ESRCH)
		return;
	cr_expect_geq(len, 0, "%s: %zd", w->path, len);
	bool binary = strstr(w->path, "/kpage") || strstr(w->path, "/cmdline") ||
		      strstr(w->path, "/wchan");
	if (len > 0 && !binary && !strncmp(w->path, "proc/", 5))
		cr_expect_eq(text[len - 1], '\n', "%s ends its last line", w->path);
}

static bool visit(void *data, const char *name, const struct simm_attr *attr, uint64_t cookie)
{
	struct walk *w = data;
	size_t len = strlen(w->path);

	if (!strcmp(name, ".") || !strcmp(name, ".."))
		return true;
	snprintf(w->path + len, sizeof(w->path) - len, "%s%s", len ? "/" : "", name);
	if (attr->type == SIMM_DIR)
		list(w);
	else if (attr->type == SIMM_FILE)
		read_file(w, attr);
	w->path[len] = '\0';
	return true;
}

static uint64_t field(struct simm *simm, const char *path, const char *name)
{
	static char text[TEXT_BYTES];
	ssize_t len = simm_file_read(simm, path, text, sizeof(text) - 1);

	cr_assert_gt(len, 0, "%s", path);
	text[len] = '\0';
	const char *at = strstr(text, name);
	cr_assert(at, "%s of %s", name, path);
	return strtoull(at + strlen(name), NULL, 10);
}

/* The sum over buddyinfo: its columns are orders. */
static uint64_t buddy_pages(struct simm *simm)
{
	static char text[TEXT_BYTES];
	ssize_t len = simm_file_read(simm, "proc/buddyinfo", text, sizeof(text) - 1);
	char *save = NULL;
	uint64_t pages = 0;

	cr_assert_gt(len, 0);
	text[len] = '\0';
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *at = strstr(line, "zone") + 4, *end;

		at += strspn(at, " ");
		at += strcspn(at, " ");
		for (unsigned order = 0;; order++, at = end) {
			uint64_t blocks = strtoull(at, &end, 10);

			if (end == at)
				break;
			pages += blocks << order;
		}
	}
	return pages;
}

Test(files, of_every_preset)
{
	const char *name, *doc;

	for (unsigned i = 0; simm_machine_nth(i, &name, &doc); i++) {
		struct walk w = {.simm = boot(name)};

		list(&w);
		cr_expect_gt(w.files, 150, "%s has %u files", name, w.files);
		cr_expect_eq(buddy_pages(w.simm), field(w.simm, "proc/vmstat", "nr_free_pages "),
			"%s", name);
		cr_expect_eq(field(w.simm, "proc/meminfo", "MemFree:") / 4,
			field(w.simm, "proc/vmstat", "nr_free_pages "), "%s", name);
		simm_destroy(w.simm);
	}
}

/* Every frame of low memory once, by the size of the page that maps it. A real kernel on the board of
 * pc-x86_64-numa has 4194164 kB of them too. */
Test(files, direct_map_of_the_page_tables)
{
	struct simm *numa = boot("pc-x86_64-numa"), *small = boot("pc-i386");

	cr_expect_eq(field(numa, "proc/meminfo", "DirectMap1G:"), 2 << 20);
	cr_expect_eq(field(numa, "proc/meminfo", "DirectMap4k:") +
			     field(numa, "proc/meminfo", "DirectMap2M:") + (2 << 20),
		4194164);
	/* The kernel's code is part of low memory, with pages of its own. */
	cr_expect_eq(field(small, "proc/meminfo", "DirectMap4k:") +
			     field(small, "proc/meminfo", "DirectMap4M:"),
		897016);
	simm_destroy(small);
	simm_destroy(numa);
}

/* lscpu, inxi, libhugetlbfs: what they compare with other files. */
Test(files, of_cpus_agree)
{
	struct simm *simm = boot("pc-x86_64-numa");

	cr_expect_eq(field(simm, "sys/kernel/fscaps", ""), 1);
	cr_expect_eq(field(simm, "proc/cpuinfo", "cpu cores\t: "), 2, "those of its package");
	field(simm, "proc/cpuinfo", "pdpe1gb");
	simm_destroy(simm);
}

/* Ranges as wide as a physical address, numbered (debugfs of a real board of arm-virt's kind). */
Test(files, memblock_of_arm)
{
	static char text[TEXT_BYTES];
	struct simm *simm = boot("arm-virt"), *pc = boot("pc-i386");
	ssize_t len =
		simm_file_read(simm, "sys/kernel/debug/memblock/memory", text, sizeof(text) - 1);

	cr_assert_gt(len, 0);
	text[len] = '\0';
	cr_expect_str_eq(text, "   0: 0x40000000..0xbfffffff\n");
	cr_expect_gt(
		simm_file_read(simm, "sys/kernel/debug/memblock/reserved", text, TEXT_BYTES), 0);
	cr_expect_lt(simm_file_read(pc, "sys/kernel/debug/memblock/memory", text, TEXT_BYTES), 0);
	simm_destroy(pc);
	simm_destroy(simm);
}

/* SPDX-License-Identifier: MIT
 *
 * Any bytes to any writable file of /proc and /sys: the machine's checks hold afterwards, and every file can still
 * be read.
 *
 * An input is a row of records, `PATH VALUE`, with `|` between them; the value is written as it is, newlines and NULs
 * included. What is no path of a writable file stands for one by its hash, so that edits go everywhere. The first
 * byte says which machine: bit 0, two nodes; bit 1, with the leak scanner.
 */
#include "fuzz.h"

#include "machine.h"

#include "simm/simm.h"
#include "tree/row.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PATHS_MAX      512
#define PATH_MAX_BYTES 160

struct paths {
	unsigned nr;
	char path[PATHS_MAX][PATH_MAX_BYTES];
};

/* A row's path with an example of each argument. */
static void example(const char *path, bool numa, char *out)
{
	size_t n = 0;

	while (*path) {
		if (*path != '{') {
			out[n++] = *path++;
			continue;
		}
		n += (size_t)sprintf(out + n, "%s",
			!strncmp(path, "{slab}", 6)	   ? "kmalloc-64"
			: strncmp(path, "{hugepages}", 11) ? "1"
			: numa				   ? "2048"
							   : "4096");
		path = strchr(path, '}') + 1;
	}
	out[n] = '\0';
}

/* The writable files that this machine has. sim/ctl and sim/replay have targets of their own. */
static void find_paths(struct simm *simm, struct paths *p, bool numa)
{
	struct simm_node node;

	p->nr = 0;
	for (unsigned i = 0; i < nr_rows; i++) {
		if (rows[i].kind == ROW_DIR || rows[i].kind == ROW_STREAM ||
			rows[i].kind == ROW_LINK || !(rows[i].mode & 0222) ||
			!strncmp(rows[i].path, "sim/", 4))
			continue;
		assert(p->nr < PATHS_MAX);
		example(rows[i].path, numa, p->path[p->nr]);
		p->nr += !simm_resolve(simm, p->path[p->nr], &node);
	}
	assert(p->nr > 60);
}

static const char *pick(const struct paths *p, const uint8_t *name, size_t len)
{
	uint32_t hash = 2166136261u;

	for (unsigned i = 0; i < p->nr; i++)
		if (strlen(p->path[i]) == len && !memcmp(p->path[i], name, len))
			return p->path[i];
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ name[i]) * 16777619u;
	return p->path[hash % p->nr];
}

static void read_all(struct simm *simm, const char *path)
{
	static char text[1 << 16];

	/* A file that nobody may read says so, and memory that is not there; every other one has its text. */
	ssize_t len = simm_file_read(simm, path, text, sizeof(text));
	assert(len >= 0 || len == -EACCES || len == -EAGAIN || len == -EINVAL || len == -EIO ||
		len == -ESRCH);
}

static void record(struct simm *simm, const struct paths *p, const uint8_t *data, size_t size)
{
	const uint8_t *blank = memchr(data, ' ', size);
	size_t name = blank ? (size_t)(blank - data) : size;
	const char *path = pick(p, data, name);
	const uint8_t *value = blank ? blank + 1 : data;
	size_t len = blank ? size - name - 1 : size;

	ssize_t ret = simm_file_write(simm, path, value, len);
	assert(ret <= (ssize_t)len);
	read_all(simm, path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const views[] = {
		"proc/zoneinfo", "proc/meminfo", "proc/vmstat", "proc/pagetypeinfo"};
	static struct paths paths;
	char check[256];

	if (!size)
		return 0;
	bool numa = data[0] & 1;
	bool debug = data[0] & 2;
	struct simm *simm = fuzz_machine_config(numa ? "pc-x86_64-numa" : "pc-i386",
		numa ? "256M" : "64M", debug ? "+DEBUG_KMEMLEAK" : NULL);
	find_paths(simm, &paths, numa);
	for (size_t at = 1; at < size;) {
		const uint8_t *bar = memchr(data + at, '|', size - at);
		size_t len = bar ? (size_t)(bar - data) - at : size - at;

		record(simm, &paths, data + at, len);
		at += len + 1;
	}
	for (unsigned i = 0; i < sizeof(views) / sizeof(views[0]); i++)
		read_all(simm, views[i]);
	ssize_t got = simm_file_read(simm, "sim/check", check, sizeof(check));
	assert(got == 3 && !memcmp(check, "ok\n", 3));
	simm_destroy(simm);
	return 0;
}

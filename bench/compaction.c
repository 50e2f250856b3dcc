/* SPDX-License-Identifier: MIT
 *
 * Compaction: pages moved in a second, with contents and without, beside memcpy() of as many pages in the same run.
 *
 * A process of half the machine gives back every other page, then all zones are compacted. CPU time of this process.
 */
#include "clock.h"

#include "mm/move/compaction.h"
#include "mm/process/access.h"
#include "mm/process/madvise.h"
#include "mm/process/syscalls.h"
#include "mm/process/task.h"
#include "support/booted.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB   (1ULL << 20)
#define BYTES (2048 * MIB)

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

static void fragment(struct machine *m, bool contents)
{
	struct task_access x = {
		.a = {.bytes = 8, .kind = HW_STORE, .value = 1, .no_data = !contents}};
	struct task *t;
	uint64_t at;

	need(!task_spawn(m, 0, "bench", 5, &t), m->why.sentence);
	need(!sys_mmap(m, t, 0, BYTES, PROT_READ_ | PROT_WRITE_, MAP_PRIVATE_ | MAP_ANONYMOUS_,
		     NULL, 0, NULL, &at),
		m->why.sentence);
	for (uint64_t page = 0; page < BYTES; page += PAGE_BYTES) {
		x.a.va = at + page;
		need(!task_access(m, t, &x), m->why.sentence);
	}
	for (uint64_t page = 0; page < BYTES; page += 2 * PAGE_BYTES)
		need(!sys_madvise(m, t, at + page, PAGE_BYTES, MADV_DONTNEED_), m->why.sentence);
}

static double ns_a_page(bool contents, uint64_t *moved)
{
	struct machine *m = booted("pc-x86_64", "ram", "3G", NULL);

	fragment(m, contents);
	double start = now_ns();

	compact_nodes(m);
	double ns = now_ns() - start;

	*moved = m->vm_event[EV_pgmigrate_success];
	booted_check(m);
	machine_destroy(m);
	return ns / (double)*moved;
}

static double memcpy_ns(void)
{
	char *from = malloc(256 * MIB), *to = malloc(256 * MIB);

	need(from && to, "malloc");
	memset(from, 1, 256 * MIB);
	memset(to, 2, 256 * MIB);
	double start = now_ns();

	memcpy(to, from, 256 * MIB);
	double ns = (now_ns() - start) / (256 * MIB / PAGE_BYTES);

	need(!memcmp(to, from, 256 * MIB), "memcpy");
	free(from);
	free(to);
	return ns;
}

int main(void)
{
	uint64_t moved, moved_contents;
	double without = ns_a_page(false, &moved), with = ns_a_page(true, &moved_contents);
	double copy = memcpy_ns();

	printf("%-28s %10s %12s %10s\n", "compaction", "ns a page", "pages a s", "moved");
	printf("%-28s %10.0f %12.0f %10llu   (wanted: 1000000)\n", "without contents", without,
		1e9 / without, (unsigned long long)moved);
	printf("%-28s %10.0f %12.0f %10llu   (wanted: 300000)\n", "with contents", with, 1e9 / with,
		(unsigned long long)moved_contents);
	printf("%-28s %10.0f                           %.1fx of it with contents\n",
		"memcpy() of a page", copy, with / copy);
	return 0;
}

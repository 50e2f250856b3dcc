/* SPDX-License-Identifier: MIT
 *
 * The oracle's experiment 04 on machines that are like the real ones: a mapping of three fifths of the free memory is
 * touched, every other page of it is given back, and compact_memory is written.
 *
 * Where real pages lay is chance, and real compaction stops early now and then (on amd64-1g after 640 pages), so what is
 * compared is the direction, and amounts: huge blocks come to be out of single pages, no free page is lost, what was moved and
 * isolated for it is within a tenth of what it was there, and what the scanners looked at
 * within a factor (there it also went through the kernel's own pages).
 */
#include "oracle.h"
#include "support/booted.h"

#include "mm/move/compaction.h"
#include "mm/page/page_alloc.h"
#include "mm/page/zone.h"
#include "mm/process/access.h"
#include "mm/process/madvise.h"
#include "mm/process/syscalls.h"
#include "mm/process/task.h"

#define MIB 0x100000ull

/* How far counters may lie from the real ones, in percent; and how many moved pages make a run that was not cut short. */
enum { TENTH = 10, FACTOR = 200, MOVED_ENOUGH = 5000 };

static char *step_file(const char *machine, const char *step, const char *file)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/experiments/04-frag/%s%s%s", machine, step,
		*step ? "/proc/" : "", file);
	return oracle_need(path);
}

static uint64_t change(const char *machine, const char *counter)
{
	char *before = step_file(machine, "02-every-other-freed", "vmstat");
	char *after = step_file(machine, "03-compacted", "vmstat");
	int64_t n = named_number(after, counter) - named_number(before, counter);

	free(before);
	free(after);
	return (uint64_t)n;
}

static struct machine *like(const char *machine)
{
	char dir[512];

	snprintf(dir, sizeof(dir), "%s/oracle/%s", shared_dir(), machine);
	return boot_described(like_dump(dir));
}

/* Free blocks of the largest order, of all zones. */
static uint64_t largest(const struct machine *m)
{
	uint64_t nr = 0;

	for (const struct zone *z = zone_next(m, NULL); z; z = zone_next(m, z))
		nr += z->area[m->nr_orders - 1].nr_free;
	return nr;
}

static uint64_t free_pages(const struct machine *m)
{
	uint64_t nr = zone_stat_total(m, ZS_nr_free_pages);

	for (const struct zone *z = zone_next(m, NULL); z; z = zone_next(m, z))
		for (unsigned cpu = 0; cpu < m->nr_cpus; cpu++)
			nr += zone_pcp(m, z, cpu)->count;
	return nr;
}

static void every_other_page(struct machine *m, uint64_t bytes)
{
	struct task_access sum = {0};
	struct task *t;
	uint64_t at, done;

	cr_assert_eq(task_spawn(m, 0, "orc", 3, &t), 0);
	cr_assert_eq(sys_mmap(m, t, 0, bytes, PROT_READ_ | PROT_WRITE_,
			     MAP_PRIVATE_ | MAP_ANONYMOUS_, NULL, 0, NULL, &at),
		0);
	cr_assert_eq(task_touch(m, t, at, bytes, HW_STORE, UINT64_MAX, &sum, &done), 0, "%s",
		m->why.sentence);
	for (uint64_t page = 0; page < bytes; page += 2 * PAGE_BYTES)
		cr_assert_eq(sys_madvise(m, t, at + page, PAGE_BYTES, MADV_DONTNEED_), 0);
}

static void near(const char *machine, const char *counter, uint64_t ours, unsigned percent)
{
	uint64_t real = change(machine, counter);

	cr_expect(ours * (100 + percent) >= real * 100 && ours * 100 <= real * (100 + percent),
		"%s: %s really %lu, here %lu", machine, counter, real, ours);
}

static void compacts(const char *machine)
{
	char *result = step_file(machine, "", "result.txt");
	const char *mapping = strstr(result, "mapping ");

	cr_assert(mapping);
	struct machine *m = like(machine);
	uint64_t bytes = strtoull(mapping + strlen("mapping "), NULL, 10) * MIB;

	free(result);
	every_other_page(m, bytes);
	drain_all_pages(m, NULL);
	uint64_t blocks = largest(m), free_before = free_pages(m),
		 moved = m->vm_event[EV_pgmigrate_success];
	const uint64_t *event = m->vm_event;
	uint64_t migrate = event[EV_compact_migrate_scanned];
	uint64_t isolated = event[EV_compact_isolated], freed = event[EV_compact_free_scanned];

	compact_nodes(m);
	booted_check(m);
	cr_expect_eq(free_pages(m), free_before, "%s", machine);
	drain_all_pages(m, NULL);
	cr_expect_gt(largest(m), blocks, "%s: %lu and %lu", machine, largest(m), blocks);
	if (change(machine, "pgmigrate_success") >= MOVED_ENOUGH) {
		near(machine, "pgmigrate_success", event[EV_pgmigrate_success] - moved, TENTH);
		near(machine, "compact_migrate_scanned",
			event[EV_compact_migrate_scanned] - migrate, FACTOR);
		near(machine, "compact_free_scanned", event[EV_compact_free_scanned] - freed,
			FACTOR);
		near(machine, "compact_isolated", event[EV_compact_isolated] - isolated, TENTH);
	}
	machine_destroy(m);
}

Test(frag_oracle, every_other_page_is_free)
{
	static const char *const machines[] = {"amd64-1g", "amd64-numa-4g", "arm64-1g", "armhf-2g",
		"i386-686-256m", "i386-686-2g"};

	for (unsigned i = 0; i < sizeof(machines) / sizeof(machines[0]); i++)
		compacts(machines[i]);
}

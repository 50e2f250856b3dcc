/* SPDX-License-Identifier: MIT
 *
 * The oracle's experiment 07: a 2 GiB ARM machine whose memory is filled in steps of 64 MiB, with 64 MiB of CMA in HighMem; then
 * three allocations from the full area, and one that does not fit.
 *
 *	step			compared
 *	01 ... 29-filled	how much of CmaFree is left: nothing is taken before HighMem's other free pages are as few
 *	6-cma-alloc-256 ...	where the pages are; pgmigrate_success, pgmigrate_fail, cma_alloc_*, MemFree, each as a difference
 *	69-cma-freed		CmaFree is back, but for what lies on CPUs' lists
 *
 * The real area had some 1,180 tenants and pages given out before, and per-CPU lists hold some hundred: so much is allowed. The
 * driver's allocations are aligned to 2^8 pages at most (CONFIG_CMA_ALIGNMENT); one page was given out at boot.
 */
#include "oracle.h"
#include "support/booted.h"
#include "support/process.h"

#include "mm/move/cma.h"
#include "mm/page/page_alloc.h"
#include "mm/page/zone.h"

#include <errno.h>

#define DIR "armhf-2g/experiments/07-cma/"

enum { STEP_PAGES = 16384, LAST_PAGES = 2048, AREA = 0 };

struct state {
	int64_t cma_free, mem_free_kb, success, fail, alloc_success, alloc_fail;
};

static struct state real_state(const char *step)
{
	char path[128];

	snprintf(path, sizeof(path), DIR "%s/proc/vmstat", step);
	char *vmstat = oracle_need(path);
	snprintf(path, sizeof(path), DIR "%s/proc/meminfo", step);
	char *meminfo = oracle_need(path);
	struct state s = {named_number(vmstat, "nr_free_cma"), named_number(meminfo, "MemFree"),
		named_number(vmstat, "pgmigrate_success"), named_number(vmstat, "pgmigrate_fail"),
		named_number(vmstat, "cma_alloc_success"), named_number(vmstat, "cma_alloc_fail")};
	free(vmstat);
	free(meminfo);
	return s;
}

static struct state our_state(const struct machine *m)
{
	return (struct state){(int64_t)zone_stat_total(m, ZS_nr_free_cma),
		(int64_t)zone_stat_total(m, ZS_nr_free_pages) * 4,
		(int64_t)m->vm_event[EV_pgmigrate_success], (int64_t)m->vm_event[EV_pgmigrate_fail],
		(int64_t)m->vm_event[EV_cma_alloc_success],
		(int64_t)m->vm_event[EV_cma_alloc_fail]};
}

/* What the real machine had in use of HighMem beside the area, in pages that never move. */
static void use_highmem(struct machine *m)
{
	char *zoneinfo = oracle_need(DIR "00-before/proc/zoneinfo");
	const char *high = strstr(zoneinfo, "HighMem");
	const struct zone *z = zone_at(m, 0, ZONE_HIGHMEM);
	uint64_t pfn;

	cr_assert(high && (high = strstr(high, "nr_free_pages ")));
	uint64_t real_free =
		strtoull(high + 14, NULL, 10) - (uint64_t)real_state("00-before").cma_free;
	while (z->free_pages - z->free_cma_pages > real_free)
		cr_assert_eq(alloc_pages_node(m, 0, -1, GFP_HIGHUSER, 0, &pfn), 0);
	free(zoneinfo);
}

static bool near(int64_t a, int64_t b, int64_t by)
{
	return a - b <= by && b - a <= by;
}

/* The steps "01-filled-64M" to "28-filled-1792M" and "29-filled-1800M". */
static void fill(struct proc *p)
{
	for (unsigned step = 1; step <= 29; step++) {
		uint64_t pages = step < 29 ? STEP_PAGES : LAST_PAGES;
		char name[32];

		snprintf(name, sizeof(name), "%02u-filled-%uM", step, step < 29 ? step * 64 : 1800);
		struct state real = real_state(name);
		(void)proc_map(p, pages, RW, PRIVATE | MAP_POPULATE_);
		struct state ours = our_state(p->m);
		if (real.cma_free > 15000)
			cr_expect(ours.cma_free > 16000, "%s: CmaFree stays", name);
		cr_expect(near(ours.cma_free, real.cma_free, 1400),
			"%s: %lld pages of CMA free, real %lld", name, (long long)ours.cma_free,
			(long long)real.cma_free);
	}
}

/* One allocation of the driver's: where it is there, and how it changes the counters. */
static uint64_t alloc(
	struct proc *p, uint64_t pages, uint64_t real_pfn, const char *before, const char *after)
{
	struct state r0 = real_state(before), r1 = real_state(after), o0 = our_state(p->m);
	uint64_t pfn = 0;
	int err = cma_alloc(p->m, 0, AREA, pages, 8, true, &pfn);
	struct state o1 = our_state(p->m);

	cr_expect_eq(err, real_pfn ? 0 : -ENOMEM, "%s: %d", after, err);
	cr_expect_eq(pfn, real_pfn ? real_pfn : pfn, "%s: at 0x%llx, real 0x%llx", after,
		(unsigned long long)pfn, (unsigned long long)real_pfn);
	cr_expect(near(o1.success - o0.success, r1.success - r0.success, 16),
		"%s: %lld pages moved, real %lld", after, (long long)(o1.success - o0.success),
		(long long)(r1.success - r0.success));
	cr_expect_eq(o1.fail - o0.fail, r1.fail - r0.fail, "%s", after);
	cr_expect_eq(o1.alloc_success - o0.alloc_success, r1.alloc_success - r0.alloc_success, "%s",
		after);
	cr_expect_eq(o1.alloc_fail - o0.alloc_fail, r1.alloc_fail - r0.alloc_fail, "%s", after);
	cr_expect(near(o1.mem_free_kb - o0.mem_free_kb, r1.mem_free_kb - r0.mem_free_kb, 1024),
		"%s: MemFree changed by %lld kB, real %lld", after,
		(long long)(o1.mem_free_kb - o0.mem_free_kb),
		(long long)(r1.mem_free_kb - r0.mem_free_kb));
	cr_expect(o1.cma_free < 64 && r1.cma_free < 64, "%s: the area is full", after);
	return pfn;
}

Test(cma_oracle, tenants_move_in_and_out)
{
	static const char *const steps[] = {"51-nvme-loaded-while-full",
		"6-cma-alloc-256-while-full", "6-cma-alloc-1024-while-full",
		"6-cma-alloc-4096-while-full", "6-cma-alloc-16384-while-full"};
	static const uint64_t sizes[] = {256, 1024, 4096}, real_pfns[] = {770304, 770560, 771584};
	struct state real_before = real_state("00-before"), real_freed = real_state("69-cma-freed");
	struct proc p = proc_in(booted("arm-virt", "ram", "2G", "cma", "64M", NULL));
	struct machine *m = p.m;
	uint64_t pfn[3], boot_pfn;

	cr_assert_eq(m->cma[AREA].base_pfn, 0xbc000);
	cr_assert_eq(cma_alloc(m, 0, AREA, 1, 0, true, &boot_pfn), 0);
	cr_expect(real_before.cma_free > 15000);
	use_highmem(m);
	fill(&p);
	for (unsigned i = 0; i < 3; i++)
		pfn[i] = alloc(&p, sizes[i], real_pfns[i], steps[i], steps[i + 1]);
	alloc(&p, 16384, 0, steps[3], steps[4]);
	for (unsigned i = 0; i < 3; i++)
		cr_expect_eq(cma_release(m, 0, AREA, pfn[i], sizes[i]), 0);
	cr_expect(near(our_state(m).cma_free, real_freed.cma_free, 900),
		"%lld pages of CMA free, real %lld", (long long)our_state(m).cma_free,
		(long long)real_freed.cma_free);
	proc_end(&p);
}

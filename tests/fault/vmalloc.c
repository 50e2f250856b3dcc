/* SPDX-License-Identifier: MIT
 *
 * Fail the n-th page allocation of vmalloc(), vmap(), ioremap() and of a fork's stack, for n = 1, 2, ... until the call no
 * longer notices.
 *
 *	area, array of pages, pages, tables       each may be the one that is not to be had
 *
 * After each failure nothing is mapped that was not, and after a purge the pages are back, but for the kernel's tables that
 * were made, which stay as they do in Linux; machine_check() finds nothing.
 */
#include "mm/kernel/kernel_pte.h"
#include "mm/page/zone.h"
#include "mm/process/task.h"
#include "mm/slab/slab.h"
#include "mm/vmalloc/vmalloc.h"
#include "support/booted.h"
#include "support/process.h"

#include <criterion/criterion.h>
#include <errno.h>

enum { MOST = 6000 };

static const char *const presets[] = {
	"pc-i386", "pc-i386-pae", "pc-x86_64", "arm-virt", "arm64-virt", "riscv64-virt"};
enum { NR_PRESETS = sizeof(presets) / sizeof(presets[0]) };

typedef int act_fn(struct machine *m);

static int small(struct machine *m)
{
	uint64_t addr;

	return vmalloc(m, 0, 40 << 10, 0, &addr);
}

/* With an array of pages that is vmalloc'ed, too; blocks of 2 MiB where the machine maps such. */
static int large(struct machine *m)
{
	struct vmalloc_request r = {
		.bytes = 5 << 20, .gfp = GFP_KERNEL, .vm_flags = VM_ALLOW_HUGE_VMAP, .nid = -1};
	uint64_t addr;

	return vmalloc_node_range(m, 0, &r, &addr);
}

static int map_pages(struct machine *m)
{
	static const uint32_t pfns[] = {0x3000, 0x3001, 0x2fff};
	uint64_t addr, base = m->base_pfn;
	uint32_t at[3];

	for (unsigned i = 0; i < 3; i++)
		at[i] = (uint32_t)(base + pfns[i]);
	return vmap(m, 0, at, 3, 0, &addr);
}

static int map_device(struct machine *m)
{
	uint64_t addr, at = m->arch == ARCH_ARM || m->arch == ARCH_ARM64 ? 0x08000000 : 0xfe000000;

	return ioremap(m, 0, at + 0x123, 70000, &addr);
}

static int fork_stack(struct machine *m)
{
	struct task *t;

	return task_clone(m, task_find(m, 1), 0, 0, &t);
}

static uint64_t free_pages_now(struct machine *m)
{
	purge_vmap_area_lazy(m, 0);
	kmem_cache_shrink_all(m, 0);
	drain_all_pages(m, NULL);
	return zone_stat_total(m, ZS_nr_free_pages) + m->kernel_map.zone_tables;
}

static void fail_each(const char *preset, act_fn *act, unsigned least)
{
	struct machine *m = booted(preset, "ram", "512M", NULL);
	unsigned failures = 0;

	for (int err = -ENOMEM; err && failures < MOST;) {
		uint64_t before = free_pages_now(m), areas = m->vmalloc.nr_busy;
		uint64_t used = m->vmalloc.nr_pages;

		m->fail_page_alloc = (struct fault_inject){
			.probability = 100, .times = -1, .interval = 1, .space = failures + 1};
		err = act(m);
		m->fail_page_alloc.probability = 0;
		if (failures < 40 || !err)
			booted_check(m);
		if (!err)
			break;
		failures++;
		cr_assert_eq(err, -ENOMEM, "%s: %d %s", preset, err, m->why.sentence);
		/* The stack of a fork that failed later waits for the next one. */
		if (act == fork_stack)
			continue;
		cr_assert_eq(m->vmalloc.nr_busy, areas, "%s", preset);
		cr_assert_eq(m->vmalloc.nr_pages, used, "%s", preset);
		cr_assert_eq(free_pages_now(m), before, "%s, allocation %u", preset, failures);
	}
	cr_expect_geq(failures, least, "%s: %u", preset, failures);
	booted_check(m);
	machine_destroy(m);
}

Test(fault_vmalloc, every_allocation)
{
	for (unsigned i = 0; i < NR_PRESETS; i++) {
		fail_each(presets[i], small, 2);
		fail_each(presets[i], large, 5);
		fail_each(presets[i], map_pages, 1);
		fail_each(presets[i], map_device, 1);
		fail_each(presets[i], fork_stack, 3);
	}
}

/* Boot's empty tables get contents when they are first written to: the host's budget ends then. */
Test(fault_vmalloc, the_host_s_limit)
{
	for (unsigned i = 0; i < NR_PRESETS; i++) {
		struct machine *m = booted(presets[i], NULL);
		unsigned failures = 0;

		for (int err = -EDQUOT; err; failures += err != 0) {
			uint64_t areas = m->vmalloc.nr_busy;

			cr_assert_lt(failures, 200);
			m->arena.budget_pages = m->arena.touched_pages + failures;
			err = small(m);
			m->arena.budget_pages = UINT64_MAX;
			booted_check(m);
			cr_assert(!err || err == -EDQUOT, "%s: %d %s", presets[i], err,
				m->why.sentence);
			cr_assert_eq(m->vmalloc.nr_busy, areas + !err);
		}
		machine_destroy(m);
	}
}

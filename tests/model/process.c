/* SPDX-License-Identifier: MIT
 *
 * Seeded random programs of several processes against a dumb model that knows what each page of each process holds.
 *
 *	model of a process:	page 0  | page 1 | page 2 ...	each: mapped? may be read, written; private value, or which
 *				                          	page of which shared object
 *
 * It knows no frames, tables or faults. The programs map (private and shared, over what is there), unmap, protect, move,
 * forget (MADV_DONTNEED), lock, store, fork and end, and pages migrate under them, on machines of all paging modes with several
 * CPUs; now and then the n-th page allocation of a call fails. After each act:
 *
 *	did a load give the value that the model has, and did what may not be done fault?
 *	has a call that failed for want of memory changed nothing?
 *
 * and after some acts every page is compared, through PID/mem's path, and machine_check() looks at tables, mappings, rmap
 * and counters. One act breaks the model on purpose; a program with it must be noticed.
 *
 * For long runs: SIMM_PROCESS_SEEDS=1-200 SIMM_PROCESS_STEPS=20000.
 */
#include "support/booted.h"
#include "support/model.h"

#include "base/text.h"
#include "mm/move/migrate.h"
#include "mm/page/page_alloc.h"
#include "mm/process/access.h"
#include "mm/process/mm.h"
#include "mm/process/pgtables.h"
#include "mm/process/syscalls.h"
#include "mm/process/task.h"

#include <criterion/criterion.h>
#include <criterion/logging.h>
#include <errno.h>
#include <string.h>

enum { PAGES = 96, TASKS = 5, OBJECTS = 4096, OBJECT_PAGES = PAGES };
#define BASE 0x1ffd0000ULL /* half of it in one table page, half in the next */
#define PAGE 4096ULL

struct page {
	bool mapped;
	uint8_t prot;
	uint16_t object; /* 0: private */
	uint16_t index;	 /* in the object */
	uint64_t value;
};

struct process {
	struct task *t;
	struct page page[PAGES];
};

struct model {
	struct machine *m;
	struct model_run run;
	struct process p[TASKS];
	uint64_t (*object)[OBJECT_PAGES];
	unsigned nr_objects;
	unsigned failures; /* calls that found no memory */
	uint64_t moved;	   /* pages */
};

static uint64_t va(unsigned page)
{
	return BASE + page * PAGE;
}

static uint64_t *value_of(struct model *x, struct page *g)
{
	return g->object ? &x->object[g->object][g->index] : &g->value;
}

/* The first of up to @most pages in a row, and how many. */
static unsigned range(struct model *x, unsigned most, unsigned *nr)
{
	unsigned first = dice(x, PAGES);

	*nr = 1 + dice(x, most);
	if (*nr > PAGES - first)
		*nr = PAGES - first;
	return first;
}

/* Let an allocation of the next call fail, sometimes. */
static void arm(struct model *x)
{
	struct fault_inject *f = &x->m->fail_page_alloc;

	if (dice(x, 4))
		return;
	f->probability = 100;
	f->min_order = 0;
	f->times = 1;
	f->space = dice(x, 12);
	f->ignore_gfp_wait = f->ignore_gfp_highmem = false;
}

/* Did it fail for want of memory, as arm() wished? */
static bool starved(struct model *x, int err)
{
	bool armed = x->m->fail_page_alloc.probability;

	x->m->fail_page_alloc.probability = 0;
	if (err != -ENOMEM && err != -EAGAIN)
		return false;
	expect(x, armed);
	x->failures++;
	return true;
}

/* ---- acts ---- */

static void act_map(struct model *x, struct process *p)
{
	unsigned nr, first = range(x, 24, &nr), prot = dice(x, 8) & (PROT_READ_ | PROT_WRITE_);
	bool shared = !dice(x, 3) && x->nr_objects + 1 < OBJECTS;
	uint64_t out;

	prot = dice(x, 3) ? PROT_READ_ | PROT_WRITE_ : prot;
	arm(x);
	int err = sys_mmap(x->m, p->t, va(first), nr * PAGE, prot,
		(shared ? MAP_SHARED_ : MAP_PRIVATE_) | MAP_ANONYMOUS_ | MAP_FIXED_ |
			(dice(x, 5) ? 0 : MAP_POPULATE_),
		NULL, 0, NULL, &out);

	if (starved(x, err))
		return;
	expect(x, !err && out == va(first));
	unsigned object = shared ? ++x->nr_objects : 0;

	for (unsigned i = 0; i < nr; i++) {
		p->page[first + i] =
			(struct page){true, (uint8_t)prot, (uint16_t)object, (uint16_t)i, 0};
		if (object)
			x->object[object][i] = 0;
	}
}

static void act_unmap(struct model *x, struct process *p)
{
	unsigned nr, first = range(x, 12, &nr);

	arm(x);
	int err = sys_munmap(x->m, p->t, va(first), nr * PAGE);

	if (starved(x, err))
		return;
	expect(x, !err);
	memset(&p->page[first], 0, nr * sizeof(struct page));
}

static bool all_mapped(const struct process *p, unsigned first, unsigned nr)
{
	for (unsigned i = first; i < first + nr; i++)
		if (!p->page[i].mapped)
			return false;
	return true;
}

static void act_protect(struct model *x, struct process *p)
{
	unsigned nr, first = range(x, 12, &nr), prot = dice(x, 8);

	if (!all_mapped(p, first, nr))
		return;
	/* One page, so that a failure half-way cannot have protected some of the mappings. */
	nr = x->m->fail_page_alloc.probability ? 1 : nr;
	int err = sys_mprotect(x->m, p->t, va(first), nr * PAGE, prot);

	if (starved(x, err))
		return;
	expect(x, !err);
	for (unsigned i = first; i < first + nr; i++)
		p->page[i].prot = (uint8_t)prot;
}

/* Pages that lie in one mapping, as far as the model knows: the same protection, and the same object or private. */
static bool alike(const struct process *p, unsigned first, unsigned nr)
{
	const struct page *a = &p->page[first];

	for (unsigned i = 0; i < nr; i++) {
		const struct page *b = &p->page[first + i];

		if (!b->mapped || b->prot != a->prot || b->object != a->object ||
			(a->object && b->index != a->index + i))
			return false;
	}
	return true;
}

static void act_move(struct model *x, struct process *p)
{
	struct page moved[PAGES];
	unsigned nr, from = range(x, 8, &nr), to = dice(x, PAGES);
	uint64_t out;

	if (to + nr > PAGES || !alike(p, from, nr) || (to < from + nr && from < to + nr))
		return;
	arm(x);
	int err = sys_mremap(x->m, p->t, va(from), nr * PAGE, nr * PAGE,
		MREMAP_MAYMOVE_ | MREMAP_FIXED_, va(to), NULL, &out);

	/* Two mappings that look alike may still be two. What lies at the new place is gone by then, as on Linux. */
	bool failed = starved(x, err);

	if (failed || err == -EFAULT) {
		char byte;

		for (unsigned i = 0; i < nr; i++)
			if (access_process_vm(
				    x->m, 0, task_mm(x->m, p->t), va(to + i), &byte, 1, false) != 1)
				memset(&p->page[to + i], 0, sizeof(struct page));
		return;
	}
	expect(x, !err && out == va(to));
	memcpy(moved, &p->page[from], nr * sizeof(moved[0]));
	memset(&p->page[from], 0, nr * sizeof(moved[0]));
	memcpy(&p->page[to], moved, nr * sizeof(moved[0]));
}

static void act_forget(struct model *x, struct process *p)
{
	unsigned nr, first = range(x, 6, &nr);

	if (!all_mapped(p, first, nr))
		return;
	expect(x, !sys_madvise(x->m, p->t, va(first), nr * PAGE, MADV_DONTNEED_LOCKED_));
	for (unsigned i = first; i < first + nr; i++)
		if (!p->page[i].object)
			p->page[i].value = 0;
}

static bool readable(const struct model *x, const struct page *g)
{
	if (x->m->arch == ARCH_RISCV64 && !(g->prot & (PROT_READ_ | PROT_WRITE_)))
		return false;
	return g->mapped && g->prot & (PROT_READ_ | PROT_WRITE_ | PROT_EXEC_);
}

static void act_store(struct model *x, struct process *p)
{
	unsigned page = dice(x, PAGES);
	struct page *g = &p->page[page];
	struct task_access a = {
		.a = {.va = va(page) + 8 * dice(x, 2), .bytes = 8, .kind = HW_STORE}};

	a.a.value = (uint64_t)dice(x, 1 << 30) << 20 | page;
	if (a.a.va != va(page))
		a.a.va = va(page); /* the word that the model knows */
	arm(x);
	int err = task_access(x->m, p->t, &a);

	if (starved(x, err))
		return;
	bool may = g->mapped && g->prot & PROT_WRITE_;

	expect(x, err == (may ? 0 : -EFAULT));
	if (may)
		*value_of(x, g) = a.a.value;
}

static void act_load(struct model *x, struct process *p)
{
	unsigned page = dice(x, PAGES);
	struct page *g = &p->page[page];
	struct task_access a = {.a = {.va = va(page), .bytes = 8, .kind = HW_LOAD}};

	arm(x);
	int err = task_access(x->m, p->t, &a);

	if (starved(x, err))
		return;
	expect(x, err == (readable(x, g) ? 0 : -EFAULT));
	if (!err)
		expect(x, a.a.value == *value_of(x, g));
}

static void act_fork(struct model *x, struct process *p)
{
	struct process *child = &x->p[dice(x, TASKS)];

	if (child->t)
		return;
	arm(x);
	int err = task_clone(x->m, p->t, 0, 0, &child->t);

	if (starved(x, err)) {
		child->t = NULL;
		return;
	}
	expect(x, !err);
	memcpy(child->page, p->page, sizeof(child->page));
	child->t->cpu = dice(x, x->m->nr_cpus);
}

static void act_end(struct model *x, struct process *p)
{
	unsigned alive = 0;

	for (unsigned i = 0; i < TASKS; i++)
		alive += x->p[i].t != NULL;
	if (alive < 2)
		return;
	task_kill(x->m, p->t);
	memset(p, 0, sizeof(*p));
}

/* What a mapping has on the LRU lists, of whatever process, moves: up to eight pages at once, one of them held at times. */
static void act_migrate(struct model *x, struct process *p)
{
	struct migrate_node_target there = {.nid = -1};
	struct migrate_target target = {.get = migrate_get_on_node, .data = &there};
	struct machine *m = x->m;
	struct migrate_list list = {0};
	struct migrate_result r;
	unsigned nr, first = range(x, 8, &nr);
	uint64_t held = NO_PFN;

	for (unsigned i = first; i < first + nr; i++) {
		pte_t pte = pte_of(m, task_mm(m, p->t), va(i));

		if (!pte_present(m, pte) || !pfn_valid(m, pte_pfn(m, pte)))
			continue;
		if (!migrate_isolate(m, &list, pte_pfn(m, pte)) && !dice(x, 8))
			held = pte_pfn(m, pte);
	}
	uint64_t asked = list.nr;

	if (held != NO_PFN)
		expect(x, !get_page(m, held));
	arm(x);
	int64_t left = migrate_pages(
		m, p->t->cpu, &list, &target, (enum migrate_mode)dice(x, 3), MR_COMPACTION, &r);

	if (!starved(x, left < 0 ? (int)left : 0))
		expect(x, left == (held != NO_PFN) && r.nr_succeeded + list.nr == asked);
	putback_movable_pages(m, p->t->cpu, &list);
	if (held != NO_PFN)
		expect(x, !put_page(m, p->t->cpu, held));
	x->moved += r.nr_succeeded;
}

/* Locked pages move, too. What has no access cannot be brought in, which mlock tells. */
static void act_lock(struct model *x, struct process *p)
{
	unsigned nr, first = range(x, 12, &nr);

	if (!all_mapped(p, first, nr))
		return;
	int err = dice(x, 2) ? sys_mlock(x->m, p->t, va(first), nr * PAGE, 0)
			     : sys_munlock(x->m, p->t, va(first), nr * PAGE);

	expect(x, !err || err == -ENOMEM);
}

/* ---- looking at everything ---- */

static void look(struct model *x)
{
	struct text out;

	for (unsigned i = 0; i < TASKS; i++)
		for (unsigned page = 0; x->p[i].t && page < PAGES; page++) {
			struct page *g = &x->p[i].page[page];
			uint64_t value = 0;
			int64_t got = access_process_vm(
				x->m, 0, task_mm(x->m, x->p[i].t), va(page), &value, 8, false);

			expect(x, got == (g->mapped ? 8 : -EIO));
			expect(x, got != 8 || value == *value_of(x, g));
		}
	text_init(&out);
	unsigned bad = machine_check(x->m, &out);

	if (bad && !x->run.wrong)
		cr_log_error("%s", text_str(&out));
	expect(x, !bad);
	text_finish(&out);
}

static void start(struct model *x)
{
	expect(x, !task_spawn(x->m, 0, "model", 5, &x->p[0].t));
	x->object = calloc(OBJECTS, sizeof(*x->object));
	cr_assert(x->object);
}

/* A machine of three CPUs; @la57: they have five levels of tables. */
static struct machine *boot(const char *preset, const char *cmdline, bool la57)
{
	struct machine_desc *d = described(preset);

	cr_assert_eq(describe_option(d, "ram", "512M", NULL), 0);
	cr_assert_eq(describe_option(d, "cpus", "3", NULL), 0);
	cr_assert_eq(describe_option(d, "cmdline", cmdline, NULL), 0);
	d->cpu.la57 = la57;
	struct machine *m = boot_described(d);

	cr_assert(m, "%s", refused_why());
	booted_check(m);
	return m;
}

/* Run a program; how many disagreements were there? */
static unsigned run(struct machine *m, uint64_t seed, unsigned steps, bool break_it)
{
	static void (*const acts[])(struct model *, struct process *) = {act_map, act_map,
		act_unmap, act_protect, act_move, act_forget, act_store, act_store, act_store,
		act_store, act_load, act_load, act_load, act_fork, act_end, act_migrate,
		act_migrate, act_lock};
	struct model x = {.m = m, .run = {.rng = {seed}}};

	start(&x);
	for (unsigned step = 0; step < steps && !x.run.wrong; step++) {
		struct process *p = &x.p[dice(&x, TASKS)];

		if (p->t)
			acts[dice(&x, sizeof(acts) / sizeof(acts[0]))](&x, p);
		if (break_it && step == steps / 2)
			for (unsigned i = 0; i < PAGES; i++)
				x.p[0].page[i].value ^= 1;
		if (step % 200 == 199)
			look(&x);
	}
	look(&x);
	for (unsigned i = 0; i < TASKS; i++)
		if (x.p[i].t)
			task_kill(x.m, x.p[i].t);
	booted_check(x.m);
	if (x.run.wrong && !break_it)
		cr_log_error("%s seed %llu: disagrees first at line %d: %s", m->model,
			(unsigned long long)seed, x.run.first_line, x.m->why.sentence);
	expect(&x, (x.failures && x.moved > 40) || steps < 1000 || break_it);
	machine_destroy(x.m);
	free(x.object);
	return x.run.wrong;
}

Test(process_model, random_programs_on_every_paging_mode, .timeout = 0)
{
	unsigned steps = model_number("SIMM_PROCESS_STEPS", 4000);
	uint64_t first = 1, last = 4;
	static const char *const presets[] = {"pc-i386", "pc-i386-pae", "pc-x86_64", "arm-virt",
		"arm64-virt", "riscv64-virt", "pc-x86_64-numa"};

	model_seeds("SIMM_PROCESS_SEEDS", &first, &last);
	for (unsigned i = 0; i < sizeof(presets) / sizeof(presets[0]); i++)
		for (uint64_t seed = first; seed <= last; seed++)
			cr_expect_eq(run(boot(presets[i], "", false), seed, steps, false), 0);
}

/* Kernels that use the same mode in other ways: two top tables for each process, numbers in TLBs or none, five levels. */
Test(process_model, random_programs_on_other_kernels, .timeout = 0)
{
	unsigned steps = model_number("SIMM_PROCESS_STEPS", 4000);
	uint64_t first = 1, last = 1;
	static const struct {
		const char *preset, *cmdline;
		bool la57;
	} kernels[] = {{"pc-x86_64", "pti=on", false}, {"pc-x86_64", "pti=on nopcid", false},
		{"pc-x86_64", "nopcid", false}, {"pc-x86_64", "", true},
		{"pc-x86_64", "pti=on", true}, {"pc-i386-pae", "pti=on", false}};

	model_seeds("SIMM_PROCESS_SEEDS", &first, &last);
	for (unsigned i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++)
		for (uint64_t seed = first; seed <= last; seed++) {
			struct machine *m =
				boot(kernels[i].preset, kernels[i].cmdline, kernels[i].la57);

			cr_assert_eq(m->kernel_map.mode == PAGING_X86_64_LA57, kernels[i].la57);
			cr_expect_eq(run(m, seed + i, steps, false), 0, "%s %s", kernels[i].preset,
				kernels[i].cmdline);
		}
}

Test(process_model, a_broken_model_is_noticed)
{
	unsigned noticed = 0;

	for (uint64_t seed = 1; seed <= 4; seed++)
		noticed += run(boot("pc-x86_64", "", false), seed, 2000, true) != 0;
	cr_assert_gt(noticed, 0);
}

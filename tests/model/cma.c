/* SPDX-License-Identifier: MIT
 *
 * Claim: random processes, files, named pages and pins beside random cma_alloc() and cma_release(): nobody ever loses a byte, and
 * what is given out belongs to one at a time.
 *
 * The model has no zones, lists or page tables. It knows of each page of a process, a file or a name which bytes it has to
 * hold (a seed), of each run that was given out where it is and what was written there, and which pages are pinned: these
 * must stay where they are, and an allocation must not fail for another reason than a pin, a full area or full memory.
 */
#include "support/booted.h"
#include "support/model.h"
#include "support/process.h"

#include "base/text.h"
#include "mm/move/cma.h"
#include "mm/move/holder.h"
#include "mm/move/migrate.h"
#include "mm/page/contents.h"
#include "mm/page/page_alloc.h"
#include "mm/page/zone.h"
#include "mm/process/file.h"
#include "mm/process/pgtables.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { AREA = 0, PROCS = 3, REGIONS = 12, MOST_PAGES = 600, NAMES = 400, RUNS = 24, PINS = 16 };

struct region {
	uint64_t at, pages;
	bool file;
	uint64_t seed[MOST_PAGES]; /* 0: never written (a file's pattern, or zeroes) */
};

struct model {
	struct model_run run;
	struct machine *m;
	struct {
		struct proc p;
		bool lives;
		struct region region[REGIONS];
	} proc[PROCS];
	uint64_t name_seed[NAMES]; /* 0: the name holds nothing */
	struct {
		uint64_t pfn, pages, seed;
	} given[RUNS];
	struct {
		uint64_t pfn;
		unsigned proc;
		uint64_t addr;
	} pin[PINS];
	unsigned allocs, busy, no_memory, moved;
};

/* ---- bytes ---- */

static void fill_page(struct model *x, uint64_t pfn, uint64_t seed)
{
	struct dram d = machine_dram(x->m);
	uint64_t word[PAGE_BYTES / 8];

	for (unsigned i = 0; i < PAGE_BYTES / 8; i++)
		word[i] = seed * 0x9e3779b97f4a7c15ULL + i;
	cr_assert_eq(dram_write(&d, pfn << PAGE_SHIFT, word, PAGE_BYTES, &x->m->why), 0);
}

static bool page_is(struct model *x, uint64_t pfn, uint64_t seed)
{
	struct dram d = machine_dram(x->m);
	const uint64_t *word = dram_at(&d, pfn << PAGE_SHIFT);

	if (!dram_has(&d, pfn << PAGE_SHIFT))
		return false;
	for (unsigned i = 0; i < PAGE_BYTES / 8; i++)
		if (word[i] != seed * 0x9e3779b97f4a7c15ULL + i)
			return false;
	return true;
}

static uint64_t pfn_at(const struct proc *p, uint64_t addr)
{
	pte_t pte = pte_of(p->m, p->mm, addr);

	return pte_none(pte) || !pte_present(p->m, pte) ? NO_PFN : pte_pfn(p->m, pte);
}

static bool pinned(const struct model *x, unsigned proc, uint64_t addr)
{
	for (unsigned i = 0; i < PINS; i++)
		if (x->pin[i].pfn && x->pin[i].proc == proc && x->pin[i].addr == addr)
			return true;
	return false;
}

/* ---- processes ---- */

static void begin_process(struct model *x, unsigned i)
{
	x->proc[i].p = proc_in(x->m);
	x->proc[i].lives = true;
	memset(x->proc[i].region, 0, sizeof(x->proc[i].region));
}

static void map_region(struct model *x, unsigned i)
{
	struct region *r = &x->proc[i].region[dice(x, REGIONS)];

	if (r->pages)
		return;
	*r = (struct region){.pages = 1 + dice(x, MOST_PAGES), .file = !dice(x, 3)};
	r->at = r->file ? proc_map_file(&x->proc[i].p, r->pages, RW, MAP_SHARED_, FILE_RDWR)
			: proc_map(&x->proc[i].p, r->pages, RW, PRIVATE);
}

static void unmap_region(struct model *x, unsigned i)
{
	struct region *r = &x->proc[i].region[dice(x, REGIONS)];

	for (uint64_t k = 0; k < r->pages; k++)
		if (pinned(x, i, r->at + k * P))
			return;
	if (r->pages)
		expect(x, !sys_munmap(x->m, x->proc[i].p.t, r->at, r->pages * P));
	r->pages = 0;
}

static void write_page(struct model *x, unsigned i, struct region *r, uint64_t k)
{
	struct proc *p = &x->proc[i].p;

	/* Through the MMU first, so that the page is the process's own and dirty; then all of it. */
	if (proc_store(p, r->at + k * P, 1)) {
		x->no_memory++;
		return;
	}
	r->seed[k] = 1 + dice(x, 1u << 30);
	fill_page(x, pfn_at(p, r->at + k * P), r->seed[k]);
}

static void read_page(struct model *x, unsigned i, struct region *r, uint64_t k)
{
	struct proc *p = &x->proc[i].p;
	uint64_t value;

	if (proc_load(p, r->at + k * P, &value)) {
		x->no_memory++;
		return;
	}
	if (r->seed[k])
		expect(x, page_is(x, pfn_at(p, r->at + k * P), r->seed[k]));
	else if (r->file)
		expect(x, (value & (((uint64_t)1 << 48) - 1)) == k * P);
	else
		expect(x, !value);
}

static void use_region(struct model *x, unsigned i)
{
	struct region *r = &x->proc[i].region[dice(x, REGIONS)];

	for (unsigned n = r->pages ? 1 + dice(x, 60) : 0; n; n--) {
		uint64_t k = dice(x, (uint32_t)r->pages);

		if (dice(x, 2))
			write_page(x, i, r, k);
		else
			read_page(x, i, r, k);
	}
}

/* ---- pins ---- */

static void pin(struct model *x, unsigned i)
{
	const struct region *r = &x->proc[i].region[dice(x, REGIONS)];
	unsigned slot = dice(x, PINS);

	if (x->pin[slot].pfn) {
		frame_of(x->m, x->pin[slot].pfn)->refcount -= GUP_PIN_BIAS;
		x->pin[slot].pfn = 0;
		return;
	}
	if (!r->pages)
		return;
	uint64_t addr = r->at + dice(x, (uint32_t)r->pages) * P, pfn = pfn_at(&x->proc[i].p, addr);

	if (pfn == NO_PFN || frame_of(x->m, pfn)->flags & FRAME_RESERVED ||
		!(frame_of(x->m, pfn)->flags & FRAME_LRU))
		return;
	frame_of(x->m, pfn)->refcount += GUP_PIN_BIAS;
	x->pin[slot].pfn = pfn;
	x->pin[slot].proc = i;
	x->pin[slot].addr = addr;
}

static void check_pins(struct model *x)
{
	for (unsigned i = 0; i < PINS; i++)
		if (x->pin[i].pfn)
			expect(x, pfn_at(&x->proc[x->pin[i].proc].p, x->pin[i].addr) ==
					  x->pin[i].pfn);
}

/* ---- names ---- */

static void use_name(struct model *x)
{
	unsigned i = dice(x, NAMES);
	const struct var *v = var_get(x->m, &x->m->vars, "n", 1, i);
	uint64_t pfn;

	expect(x, !v == !x->name_seed[i]);
	if (v) {
		expect(x, page_is(x, v->value, x->name_seed[i]));
		expect(x, !free_pages_order(x->m, 0, v->value, 0));
		expect(x, !var_forget(x->m, &x->m->vars, "n", 1, i));
		x->name_seed[i] = 0;
		return;
	}
	if (alloc_pages_node(x->m, 0, -1, GFP_HIGHUSER_MOVABLE | __GFP_NOWARN, 0, &pfn)) {
		x->no_memory++;
		return;
	}
	const struct var held = {.kind = VAR_PAGE, .value = pfn};
	cr_assert_eq(var_set(x->m, &x->m->vars, "n", 1, i, &held), 0);
	holder_set_name(x->m, pfn, "n", 1, i);
	x->name_seed[i] = 1 + dice(x, 1u << 30);
	fill_page(x, pfn, x->name_seed[i]);
}

/* ---- the landlord ---- */

static unsigned nr_pins(const struct model *x)
{
	unsigned n = 0;

	for (unsigned i = 0; i < PINS; i++)
		n += x->pin[i].pfn != 0;
	return n;
}

static void ask(struct model *x)
{
	unsigned slot = dice(x, RUNS), align = dice(x, 9);
	uint64_t pages = dice(x, 8) ? 1 + dice(x, 200) : 1 + dice(x, 4096), pfn;
	uint64_t used = cma_used(x->m, &x->m->cma[AREA]);
	uint64_t moved = x->m->vm_event[EV_pgmigrate_success];
	uint64_t failed = x->m->vm_event[EV_pgmigrate_fail];

	if (x->given[slot].pages)
		return;
	int err = cma_alloc(x->m, 0, AREA, pages, align, true, &pfn);
	x->moved += (unsigned)(x->m->vm_event[EV_pgmigrate_success] - moved);
	expect(x, !err || err == -ENOMEM || err == -EBUSY);
	expect(x, err != -EBUSY || nr_pins(x));
	expect(x, cma_used(x->m, &x->m->cma[AREA]) == used + (err ? 0 : pages));
	x->busy += x->m->vm_event[EV_pgmigrate_fail] > failed;
	if (err)
		return;
	x->allocs++;
	expect(x, !(pfn & (((uint64_t)1 << align) - 1)));
	expect(x, cma_of_pfn(x->m, pfn) == AREA && cma_of_pfn(x->m, pfn + pages - 1) == AREA);
	for (unsigned i = 0; i < RUNS; i++)
		expect(x, !x->given[i].pages || pfn + pages <= x->given[i].pfn ||
				  pfn >= x->given[i].pfn + x->given[i].pages);
	x->given[slot].pfn = pfn;
	x->given[slot].pages = pages;
	x->given[slot].seed = 1 + dice(x, 1u << 30);
	for (uint64_t i = 0; i < pages; i++)
		fill_page(x, pfn + i, x->given[slot].seed + i);
}

static void give_back(struct model *x)
{
	unsigned slot = dice(x, RUNS);
	uint64_t pages = x->given[slot].pages, part = pages ? 1 + dice(x, (uint32_t)pages) : 0;

	if (!pages)
		return;
	for (uint64_t i = 0; i < pages; i++)
		expect(x, page_is(x, x->given[slot].pfn + i, x->given[slot].seed + i));
	part = dice(x, 2) ? pages : part;
	expect(x, !cma_release(x->m, 0, AREA, x->given[slot].pfn, part));
	expect(x, cma_release(x->m, 0, AREA, x->given[slot].pfn, 1) == -EINVAL);
	x->given[slot].pfn += part;
	x->given[slot].seed += part;
	x->given[slot].pages -= part;
}

/* ---- */

static void step(struct model *x)
{
	unsigned i = dice(x, PROCS);

	switch (dice(x, 16)) {
	case 0:
		map_region(x, i);
		break;
	case 1:
		if (!dice(x, 3))
			unmap_region(x, i);
		break;
	case 2:
		pin(x, i);
		break;
	case 3:
	case 4:
	case 5:
		for (unsigned n = 0; n < 10; n++)
			use_name(x);
		break;
	case 6:
	case 7:
	case 8:
		ask(x);
		break;
	case 9:
	case 10:
		give_back(x);
		break;
	case 11:
		if (!dice(x, 20))
			page_cache_drop(x->m, 0);
		break;
	default:
		use_region(x, i);
	}
}

static void check(struct model *x)
{
	struct text out;

	text_init(&out);
	expect(x, !machine_check(x->m, &out));
	if (out.len)
		cr_log_error("%s", text_str(&out));
	text_finish(&out);
	for (unsigned i = 0; i < PROCS; i++)
		for (unsigned r = 0; r < REGIONS; r++)
			for (uint64_t k = 0; k < x->proc[i].region[r].pages; k++)
				if (x->proc[i].region[r].seed[k])
					read_page(x, i, &x->proc[i].region[r], k);
	check_pins(x);
}

/* Returns how often machine and model disagreed. */
static unsigned run(const char *preset, uint64_t seed, unsigned steps, bool break_it)
{
	static struct model x;

	x = (struct model){
		.run = {.rng = {seed}}, .m = booted(preset, "ram", "128M", "cma", "64M", NULL)};
	for (unsigned i = 0; i < PROCS; i++)
		begin_process(&x, i);
	for (unsigned i = 0; i < steps && !x.run.wrong; i++) {
		step(&x);
		check_pins(&x);
		if (break_it && i == steps / 2)
			for (unsigned k = 0; k < NAMES; k++)
				x.name_seed[k] ^= x.name_seed[k] > 1;
		if (i % 256 == 0)
			check(&x);
	}
	check(&x);
	if (x.run.wrong && !break_it)
		cr_log_info("%s seed %llu: line %d", preset, (unsigned long long)seed,
			x.run.first_line);
	if (!break_it) {
		cr_expect_gt(x.allocs, 50u, "%s: %u allocations", preset, x.allocs);
		cr_expect_gt(x.moved, 1000u, "%s: %u pages moved", preset, x.moved);
		cr_expect_gt(x.busy, 0u, "%s: some could not leave", preset);
	}
	machine_destroy(x.m);
	return x.run.wrong;
}

Test(cma, machine_and_model_agree)
{
	static const char *const presets[] = {"arm64-virt", "arm-virt", "pc-i386"};

	for (unsigned i = 0; i < 3; i++)
		for (uint64_t seed = 1; seed <= 2; seed++)
			cr_expect_eq(run(presets[i], seed * 100 + i, 2500, false), 0,
				"%s seed %llu", presets[i], (unsigned long long)(seed * 100 + i));
}

Test(cma, a_broken_model_is_noticed)
{
	cr_expect_gt(run("arm64-virt", 1, 1500, true), 0);
}

/* SPDX-License-Identifier: MIT
 *
 * The model of everything: contiguous areas, whose tenants are the pages of everybody else.
 *
 *	run     what cma_alloc() gave, at once, or in slices, or interrupted between two of them: pages side by side, full of a
 *	        pattern until they are released, whole or in part
 *	debug   what debugfs's `alloc` took, a stack as there: `free` gives the latest back first
 *
 * Nobody else ever has these pages, and the area's bitmap counts them. Who cannot leave (pins, windows, pages that a device
 * has) makes an allocation fail with EBUSY, and nothing else does.
 */
#include "model/everything.h"

#include "mm/move/cma.h"

#include <errno.h>
#include <string.h>

static uint64_t *pattern(uint64_t seed, uint64_t page)
{
	static uint64_t word[PAGE / 8];

	for (unsigned i = 0; i < PAGE / 8; i++)
		word[i] = (seed + page) * 0x9e3779b97f4a7c15u + i;
	return word;
}

static void fill(struct everything *x, uint64_t pfn, uint32_t pages, uint64_t seed)
{
	for (uint32_t i = 0; i < pages; i++)
		put_phys(x, (pfn + i) << PAGE_SHIFT, (const uint8_t *)pattern(seed, i), PAGE);
}

static void same(struct everything *x, const struct run *r)
{
	for (uint32_t i = 0; i < r->pages; i++)
		same_phys(x, (r->pfn + i) << PAGE_SHIFT,
			(const uint8_t *)pattern(r->seed, r->skipped + i), PAGE);
}

/* May a page of an area be in use by someone who cannot move it? */
static bool somebody_stays(const struct everything *x)
{
	bool stays = x->m->devices.nr_busy != 0;

	for (unsigned i = 0; i < PINS; i++)
		stays |= x->pin[i].used;
	for (unsigned i = 0; i < HELD; i++)
		stays |= x->held[i].used && (x->held[i].window || x->held[i].busy);
	return stays;
}

static void check_apart(struct everything *x, const struct run *r)
{
	for (unsigned i = 0; i < RUNS + DEBUG_RUNS; i++) {
		const struct run *o = i < RUNS ? &x->run_of_cma[i] : &x->debug_run[i - RUNS];

		expect(x, o == r || !o->used || r->pfn + r->pages <= o->pfn ||
				  r->pfn >= o->pfn + o->pages);
	}
}

static unsigned any_area(struct everything *x)
{
	return dice(x, x->m->nr_cma);
}

/* In slices; a signal may come between two of them. */
static int in_slices(struct everything *x, struct cma_request *q)
{
	unsigned steps = 1 + dice(x, 40), until = dice(x, 2) ? dice(x, 12) : UINT32_MAX, n = 0;
	int err = 1;

	while (err > 0) {
		if (n++ == until)
			cma_interrupt(x->m, q);
		err = cma_step(x->m, any_cpu(x), q, steps);
	}
	expect(x, err != -EINTR || n > until);
	return err;
}

static void act_cma_alloc(struct everything *x)
{
	struct run *r = &x->run_of_cma[dice(x, RUNS)];
	uint64_t moved = x->m->vm_event[EV_pgmigrate_success];

	if (r->used || !x->m->nr_cma)
		return;
	unsigned area = any_area(x), align = dice(x, 6);
	uint32_t pages = 1 + dice(x, dice(x, 4) ? 64 : 2048);
	uint64_t used = cma_used(x->m, &x->m->cma[area]);
	struct cma_request q;

	arm(x);
	int err = cma_begin(x->m, any_cpu(x), &q, area, pages, align, dice(x, 2));

	if (!err)
		err = in_slices(x, &q);
	x->moved += x->m->vm_event[EV_pgmigrate_success] - moved;
	expect(x, cma_used(x->m, &x->m->cma[area]) == used + (err ? 0 : pages));
	if (err == -EINTR || starved(x, err, true))
		return;
	expect(x, !err || (err == -EBUSY && somebody_stays(x)));
	if (err)
		return;
	*r = (struct run){.used = true,
		.area = (uint8_t)area,
		.pages = pages,
		.pfn = q.pfn,
		.seed = rng_next(&x->run.rng)};
	check_apart(x, r);
	expect(x, !(r->pfn & ((1u << align) - 1)));
	expect(x, cma_of_pfn(x->m, r->pfn) == (int)area &&
			  cma_of_pfn(x->m, r->pfn + pages - 1) == (int)area);
	fill(x, r->pfn, pages, r->seed);
	x->contiguous++;
}

static void release(struct everything *x, struct run *r, uint32_t pages)
{
	expect(x, !cma_release(x->m, any_cpu(x), r->area, r->pfn, pages));
	expect(x, cma_release(x->m, any_cpu(x), r->area, r->pfn, pages) == -EINVAL);
	r->pfn += pages;
	r->pages -= pages;
	r->skipped += pages;
	r->used = r->pages != 0;
}

static void act_cma_release(struct everything *x)
{
	struct run *r = &x->run_of_cma[dice(x, RUNS)];

	if (!r->used)
		return;
	same(x, r);
	release(x, r, dice(x, 3) ? r->pages : 1 + dice(x, r->pages));
}

static void act_debug_alloc(struct everything *x)
{
	unsigned n = 0;

	while (n < DEBUG_RUNS && x->debug_run[n].used)
		n++;
	if (n == DEBUG_RUNS || !x->m->nr_cma)
		return;
	uint32_t pages = 1 + dice(x, 100);

	arm(x);
	int err = cma_debug_alloc_begin(x->m, any_cpu(x), DEBUG_AREA, pages);

	for (err = err ? err : 1; err > 0;)
		err = cma_debug_alloc_step(x->m, any_cpu(x), 1 + dice(x, 50));

	/* Whatever it was, it is ENOMEM. */
	if (starved(x, err, true))
		return;
	expect(x, !err);
	const struct cma_area *c = &x->m->cma[DEBUG_AREA];
	const struct cma_mem *got =
		(const struct cma_mem *)machine_at(x->m, c->debug_at) + c->nr_debug - 1;
	struct run *r = &x->debug_run[n];

	*r = (struct run){.used = true,
		.area = DEBUG_AREA,
		.pages = pages,
		.pfn = got->pfn,
		.seed = rng_next(&x->run.rng)};
	expect(x, c->nr_debug == n + 1 && got->nr_pages == pages);
	check_apart(x, r);
	fill(x, r->pfn, pages, r->seed);
}

static void debug_free(struct everything *x, uint32_t pages)
{
	unsigned n = DEBUG_RUNS;

	for (unsigned i = 0; i < DEBUG_RUNS; i++)
		if (x->debug_run[i].used)
			same(x, &x->debug_run[i]);
	expect(x, !cma_debug_free_begin(x->m, DEBUG_AREA, pages));
	while (cma_debug_free_step(x->m, any_cpu(x), 1 + dice(x, 50)))
		;
	while (n && pages) {
		struct run *r = &x->debug_run[--n];
		uint32_t part = !r->used ? 0 : r->pages < pages ? r->pages : pages;

		r->pfn += part;
		r->pages -= part;
		r->skipped += part;
		r->used = r->pages != 0;
		pages -= part;
	}
}

static void act_debug_free(struct everything *x)
{
	if (x->m->nr_cma)
		debug_free(x, 1 + dice(x, 150));
}

void cma_look(struct everything *x)
{
	for (unsigned i = 0; i < RUNS; i++)
		if (x->run_of_cma[i].used)
			same(x, &x->run_of_cma[i]);
	for (unsigned i = 0; i < DEBUG_RUNS; i++)
		if (x->debug_run[i].used)
			same(x, &x->debug_run[i]);
	if (x->m->nr_cma) {
		unsigned n = 0;

		while (n < DEBUG_RUNS && x->debug_run[n].used)
			n++;
		expect(x, x->m->cma[DEBUG_AREA].nr_debug == n);
	}
}

void cma_end(struct everything *x)
{
	if (x->m->nr_cma)
		debug_free(x, UINT32_MAX);
	for (unsigned i = 0; i < RUNS; i++)
		if (x->run_of_cma[i].used)
			release(x, &x->run_of_cma[i], x->run_of_cma[i].pages);
	for (unsigned i = 0; i < x->m->nr_cma; i++)
		expect(x, !cma_used(x->m, &x->m->cma[i]));
}

const struct act cma_acts[] = {{"cma_alloc", act_cma_alloc, 5}, {"cma_release", act_cma_release, 4},
	{"cma debug alloc", act_debug_alloc, 2}, {"cma debug free", act_debug_free, 2},
	{NULL, NULL, 0}};

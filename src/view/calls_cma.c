/* SPDX-License-Identifier: MIT
 *
 * Calls for pages side by side, taken whoever has them: from contiguous memory areas, and by their numbers.
 *
 *	buf = cma_alloc reserved 256	──> cma_step(), slice after slice	──> 0xbc000 zone=HighMem pages=256 ...
 *	cma_release reserved buf	──> cma_release_step(), the same way
 *
 * A call takes slices of counted pages, so that readers are served meanwhile; what it has done so far is in run->state. A
 * signal between two slices undoes what takes pages (those that have moved stay moved, all else is as before); a release is
 * completed. The kernel makes one
 * allocation from areas at a time wait for another (cma_mutex), and so do these calls.
 */
#include "view/call.h"

#include "base/parse.h"
#include "mm/move/cma.h"
#include "mm/page/frame.h"
#include "mm/page/zone.h"

#include <errno.h>
#include <stdlib.h>

typedef unsigned long long ull;

#define PAGES_PER_STEP	128u
#define STEPS_PER_SLICE 4u

/* What run->state is. */
struct contig_run {
	uint64_t boots; /* the machine on which it began */
	struct cma_request cma;
	struct contig_range range;
	struct contig_search search;
	struct cma_return release;
	struct contig_free free;
};

/* 0: begun, or it has to wait (c->wait); or -errno. */
typedef int begin_fn(struct call *c, struct contig_run *x);
/* 1: there is more; 0: it is done, and its result is given; or -errno. */
typedef int step_fn(struct call *c, struct contig_run *x, unsigned steps);

/* A slice of a call; the first one begins it. */
static int run_slice(struct call *c, begin_fn *begin, step_fn *step)
{
	struct contig_run *x = c->run->state;
	const unsigned steps = session_slice(c->v->s, PAGES_PER_STEP);
	int ret = 1;

	if (!x) {
		x = calloc(1, sizeof(*x));
		if (!x)
			return refuse(&c->m->why, ENOMEM, "the host has no memory for the call");
		x->boots = c->v->s->boots;
		int err = begin(c, x);

		if (err || c->wait) {
			free(x);
			return err;
		}
		c->run->state = x;
	}
	if (x->boots != c->v->s->boots)
		return refuse(&c->m->why, EINTR, "another machine was booted meanwhile");
	for (unsigned i = 0; i < STEPS_PER_SLICE && ret > 0; i++)
		ret = step(c, x, steps);
	c->again = ret > 0;
	return c->again ? 0 : ret;
}

static int refuse_word(struct call *c, unsigned arg, int err)
{
	c->m->why.column = c->arg[arg].column;
	c->m->why.span = (uint32_t)c->arg[arg].len;
	return err;
}

static void give_run(struct call *c, uint64_t pfn, uint64_t pages)
{
	const struct zone *z = pfn_zone(c->m, pfn);

	text_printf(c->result, "0x%llx zone=%s node=%u pages=%llu", (ull)pfn, zone_name(z->type),
		z->nid, (ull)pages);
	c->made = (struct var){.kind = VAR_PAGE, .value = pfn, .bytes = pages << PAGE_SHIFT};
}

/* ---- areas ---- */

/* One allocation from areas at a time. */
static int wait_for_areas(struct call *c)
{
	if (!c->m->cma_state.busy)
		return 0;
	if (c->run->interrupted)
		return refuse(&c->m->why, EINTR,
			"the wait for another allocation from an area was ended");
	c->wait = true;
	refuse(&c->m->why, EAGAIN, "another allocation from an area to end");
	return 0;
}

static int begin_cma(struct call *c, struct contig_run *x)
{
	if (c->arg[2].number > CMA_MAX_ALIGN) {
		refuse(&c->m->why, EINVAL,
			"an alignment of 2^%llu pages: it is an order, at most %u",
			(ull)c->arg[2].number, CMA_MAX_ALIGN);
		return refuse_word(c, 2, -EINVAL);
	}
	int err = wait_for_areas(c);

	if (err || c->wait)
		return err;
	return cma_begin(c->m, c->cpu, &x->cma, (unsigned)c->arg[0].number, c->arg[1].number,
		(unsigned)c->arg[2].number, c->arg[3].number != 0);
}

static int step_cma(struct call *c, struct contig_run *x, unsigned steps)
{
	if (c->run->interrupted)
		cma_interrupt(c->m, &x->cma);
	int ret = cma_step(c->m, c->cpu, &x->cma, steps);

	if (!ret) {
		give_run(c, x->cma.pfn, x->cma.nr_pages);
		text_printf(c->result, " area=%s", c->m->cma[x->cma.area].name);
	}
	return ret;
}

int call_cma_alloc(struct call *c)
{
	return run_slice(c, begin_cma, step_cma);
}

/* How many pages: as written, else those of the name when it names them all. */
static uint64_t pages_of(const struct call *c, unsigned page, unsigned count)
{
	const struct call_value *p = &c->arg[page];

	if (c->arg[count].given)
		return c->arg[count].number;
	return p->named && p->number == p->var.value ? p->var.bytes >> PAGE_SHIFT : 0;
}

static int refuse_count(struct call *c, unsigned page)
{
	refuse(&c->m->why, EINVAL,
		"how many pages? Only a name that was given to the whole run knows it");
	return refuse_word(c, page, -EINVAL);
}

static int begin_release(struct call *c, struct contig_run *x)
{
	uint64_t pages = pages_of(c, 1, 2);

	if (!pages && !c->arg[2].given)
		return refuse_count(c, 1);
	int err = wait_for_areas(c);

	if (err || c->wait)
		return err;
	err = cma_release_begin(
		c->m, &x->release, (unsigned)c->arg[0].number, c->arg[1].number, pages);
	return err ? refuse_word(c, 1, err) : 0;
}

static int step_release(struct call *c, struct contig_run *x, unsigned steps)
{
	int ret = cma_release_step(c->m, c->cpu, &x->release, steps);

	return ret < 0 ? refuse_word(c, 1, ret) : ret;
}

/* What comes back comes back whole: a signal ends only the wait before. */
int call_cma_release(struct call *c)
{
	return run_slice(c, begin_release, step_release);
}

/* ---- by number ---- */

static int begin_range(struct call *c, struct contig_run *x)
{
	const struct call_value *type = &c->arg[2];

	if (type->word && !parse_is(type->word, type->len, "MIGRATE_MOVABLE")) {
		refuse(&c->m->why, EINVAL,
			"the pageblocks are MIGRATE_MOVABLE; pages of MIGRATE_CMA are cma_alloc's "
			"to take");
		return refuse_word(c, 2, -EINVAL);
	}
	int err = contig_begin(
		c->m, &x->range, c->arg[0].number, c->arg[1].number, MIGRATE_MOVABLE, 0);

	return err ? refuse_word(c, 0, err) : 0;
}

static int step_range(struct call *c, struct contig_run *x, unsigned steps)
{
	if (c->run->interrupted)
		contig_interrupt(c->m, &x->range);
	int ret = contig_step(c->m, c->cpu, &x->range, steps);

	if (!ret)
		give_run(c, x->range.start_pfn, x->range.end_pfn - x->range.start_pfn);
	return ret;
}

int call_alloc_contig_range(struct call *c)
{
	return run_slice(c, begin_range, step_range);
}

static int begin_search(struct call *c, struct contig_run *x)
{
	return contig_search_begin(c->m, &x->search, c->cpu, c->arg[0].number,
		(gfp_t)c->arg[1].number, (int)(int64_t)c->arg[2].number);
}

static int step_search(struct call *c, struct contig_run *x, unsigned steps)
{
	uint64_t pfn;

	if (c->run->interrupted)
		contig_search_interrupt(c->m, &x->search);
	int ret = contig_search_step(c->m, c->cpu, &x->search, steps, &pfn);

	if (!ret)
		give_run(c, pfn, x->search.nr);
	return ret;
}

int call_alloc_contig_pages(struct call *c)
{
	return run_slice(c, begin_search, step_search);
}

static int begin_free(struct call *c, struct contig_run *x)
{
	uint64_t pages = pages_of(c, 0, 1);

	if (!pages)
		return refuse_count(c, 0);
	contig_free_begin(&x->free, c->arg[0].number, pages, 0);
	return 0;
}

static int step_free(struct call *c, struct contig_run *x, unsigned steps)
{
	int ret = contig_free_step(c->m, c->cpu, &x->free, steps);

	return ret < 0 ? refuse_word(c, 0, ret) : ret;
}

int call_free_contig_range(struct call *c)
{
	return run_slice(c, begin_free, step_free);
}

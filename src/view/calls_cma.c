/* SPDX-License-Identifier: MIT
 *
 * Calls for pages side by side, taken whoever has them: from contiguous memory areas, and by their numbers.
 *
 *	buf = cma_alloc reserved 256	──> cma_step(), slice after slice	──> 0xbc000 zone=HighMem pages=256 ...
 *	cma_release reserved buf	──> cma_release()
 *
 * A call takes slices of counted pages, so that readers are served meanwhile; what it has done so far is in run->state. A
 * signal between two slices undoes it: pages that have moved stay moved, all else is as before. The kernel makes one
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
};

static struct contig_run *begin_run(struct call *c)
{
	struct contig_run *x = calloc(1, sizeof(*x));

	if (!x) {
		refuse(&c->m->why, ENOMEM, "the host has no memory for the call");
		return NULL;
	}
	x->boots = c->v->s->boots;
	return x;
}

static int refuse_rebooted(struct call *c)
{
	return refuse(&c->m->why, EINTR, "another machine was booted meanwhile");
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

/* 0: begun, and in run->state; or it waits (c->wait); or -errno. */
static int begin_cma(struct call *c)
{
	unsigned area = (unsigned)c->arg[0].number;

	if (c->arg[2].number > CMA_MAX_ALIGN) {
		refuse(&c->m->why, EINVAL,
			"an alignment of 2^%llu pages: it is an order, at most %u",
			(ull)c->arg[2].number, CMA_MAX_ALIGN);
		return refuse_word(c, 2, -EINVAL);
	}
	struct contig_run *x = begin_run(c);
	if (!x)
		return -ENOMEM;
	int err = cma_begin(c->m, c->cpu, &x->cma, area, c->arg[1].number,
		(unsigned)c->arg[2].number, c->arg[3].number != 0);
	if (err) {
		free(x);
		c->wait = err == -EAGAIN;
		return c->wait ? 0 : err;
	}
	c->run->state = x;
	return 0;
}

int call_cma_alloc(struct call *c)
{
	struct contig_run *x = c->run->state;
	const unsigned steps = session_slice(c->v->s, PAGES_PER_STEP);
	int ret = 1;

	if (!x) {
		if (c->run->interrupted)
			return refuse(&c->m->why, EINTR,
				"the wait for another allocation from an area was ended");
		ret = begin_cma(c);
		if (ret || c->wait)
			return ret;
		x = c->run->state;
		ret = 1;
	}
	if (x->boots != c->v->s->boots)
		return refuse_rebooted(c);
	if (c->run->interrupted)
		cma_interrupt(c->m, &x->cma);
	for (unsigned i = 0; i < STEPS_PER_SLICE && ret > 0; i++)
		ret = cma_step(c->m, c->cpu, &x->cma, steps);
	if (ret > 0) {
		c->again = true;
		return 0;
	}
	if (ret)
		return ret;
	give_run(c, x->cma.pfn, x->cma.nr_pages);
	text_printf(c->result, " area=%s", c->m->cma[x->cma.area].name);
	return 0;
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

int call_cma_release(struct call *c)
{
	unsigned area = (unsigned)c->arg[0].number;
	uint64_t pages = pages_of(c, 1, 2);

	if (!pages && !c->arg[2].given)
		return refuse_count(c, 1);
	if (c->m->cma_state.busy) {
		if (c->run->interrupted)
			return refuse(&c->m->why, EINTR,
				"the wait for an allocation from an area was ended");
		c->wait = true;
		return 0;
	}
	int err = cma_release(c->m, c->cpu, area, c->arg[1].number, pages);

	return err ? refuse_word(c, 1, err) : 0;
}

/* ---- by number ---- */

static int begin_range(struct call *c)
{
	uint64_t start_pfn = c->arg[0].number, end_pfn = c->arg[1].number;
	const struct call_value *type = &c->arg[2];

	if (type->word && !parse_is(type->word, type->len, "MIGRATE_MOVABLE")) {
		refuse(&c->m->why, EINVAL,
			"the pageblocks are MIGRATE_MOVABLE; pages of MIGRATE_CMA are cma_alloc's "
			"to take");
		return refuse_word(c, 2, -EINVAL);
	}
	struct contig_run *x = begin_run(c);
	if (!x)
		return -ENOMEM;
	int err = contig_begin(c->m, &x->range, start_pfn, end_pfn, MIGRATE_MOVABLE, 0);
	if (err) {
		free(x);
		return refuse_word(c, 0, err);
	}
	c->run->state = x;
	return 0;
}

int call_alloc_contig_range(struct call *c)
{
	struct contig_run *x = c->run->state;
	const unsigned steps = session_slice(c->v->s, PAGES_PER_STEP);
	int ret = 1;

	if (!x) {
		int err = begin_range(c);

		if (err)
			return err;
		x = c->run->state;
	}
	if (x->boots != c->v->s->boots)
		return refuse_rebooted(c);
	if (c->run->interrupted)
		contig_interrupt(c->m, &x->range);
	for (unsigned i = 0; i < STEPS_PER_SLICE && ret > 0; i++)
		ret = contig_step(c->m, c->cpu, &x->range, steps);
	if (ret > 0) {
		c->again = true;
		return 0;
	}
	if (!ret)
		give_run(c, x->range.start_pfn, x->range.end_pfn - x->range.start_pfn);
	return ret;
}

int call_alloc_contig_pages(struct call *c)
{
	uint64_t pages = c->arg[0].number, pfn;
	int err = alloc_contig_pages(
		c->m, c->cpu, pages, (gfp_t)c->arg[1].number, (int)(int64_t)c->arg[2].number, &pfn);

	if (!err)
		give_run(c, pfn, pages);
	return err;
}

int call_free_contig_range(struct call *c)
{
	uint64_t pages = pages_of(c, 0, 1), pfn = c->arg[0].number;

	if (!pages)
		return refuse_count(c, 0);
	for (uint64_t at = pfn; at < pfn + pages && pages <= c->m->frames_end_pfn; at++)
		if (pfn_valid(c->m, at) && frame_peek(c->m, at).flags & FRAME_CMA_INUSE) {
			refuse(&c->m->why, EINVAL,
				"pfn 0x%llx was given out by cma_alloc: cma_release takes it back",
				(ull)at);
			return refuse_word(c, 0, -EINVAL);
		}
	int err = free_contig_range(c->m, c->cpu, pfn, pages);

	return err ? refuse_word(c, 0, err) : 0;
}

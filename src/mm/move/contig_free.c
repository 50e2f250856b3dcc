/* SPDX-License-Identifier: MIT
 *
 * Pages side by side that come back: free_contig_range() of 6.1 (mm/page_alloc.c), in slices.
 *
 *	look	is each of them a single page in use, of the kind that is to come back? Nothing has happened until then
 *	free	one reference of each is dropped; who holds another one keeps the page
 *
 * Both passes are of counted pages, so that a machine of which gigabytes come back serves its readers meanwhile. Once pages
 * are being freed there is no way back, and a signal changes nothing.
 */
#include "mm/move/contig.h"

#include "mm/page/frame.h"
#include "mm/page/zone.h"

#include <assert.h>
#include <errno.h>

typedef unsigned long long ull;

void contig_free_begin(struct contig_free *f, uint64_t pfn, uint64_t nr, uint32_t frame_flags)
{
	*f = (struct contig_free){.pfn = pfn, .nr = nr, .frame_flags = frame_flags};
}

static int look_at(struct machine *m, const struct contig_free *c, uint64_t pfn)
{
	bool live = pfn >= m->base_pfn && pfn < m->frames_end_pfn && frame_is_live(m, pfn);
	const struct frame *f = live ? frame_of(m, pfn) : NULL;
	bool given = f && f->flags & FRAME_CMA_INUSE;

	if (c->frame_flags && !given)
		return refuse(&m->why, EINVAL,
			"pfn 0x%llx was not given out by cma_alloc (or has come back already)",
			(ull)pfn);
	if (!c->frame_flags && given)
		return refuse(&m->why, EINVAL,
			"pfn 0x%llx was given out by cma_alloc: cma_release takes it back",
			(ull)pfn);
	if (given && f->own)
		return refuse(&m->why, EINVAL,
			"pfn 0x%llx is a dma-buf's, whose last close gives it back", (ull)pfn);
	if (!f || !f->refcount || f->order || f->flags & (FRAME_RESERVED | FRAME_LRU) ||
		!page_may_lose_reference(m, pfn))
		return refuse(&m->why, EINVAL,
			"free_contig_range: pfn 0x%llx is no single page of the kernel in use "
			"(sim/page/0x%llx says what it is)",
			(ull)pfn, (ull)pfn);
	return 0;
}

static void free_one(struct machine *m, unsigned cpu, struct contig_free *c, uint64_t pfn)
{
	struct frame *f = frame_of(m, pfn);

	c->still += f->refcount != 1;
	f->flags &= ~(uint32_t)FRAME_CMA_INUSE;
	int err = free_pages_order(m, cpu, pfn, 0);

	assert(!err);
	(void)err;
}

int contig_free_step(struct machine *m, unsigned cpu, struct contig_free *c, unsigned steps)
{
	uint64_t most = (uint64_t)steps * CONTIG_PAGES_PER_STEP;
	uint64_t stop = most < c->nr - c->at ? c->at + most : c->nr;

	for (; c->at < stop; c->at++) {
		int err = 0;

		if (c->freeing)
			free_one(m, cpu, c, c->pfn + c->at);
		else
			err = look_at(m, c, c->pfn + c->at);
		if (err)
			return err;
	}
	if (c->at < c->nr)
		return 1;
	if (!c->freeing) {
		c->freeing = true;
		c->at = 0;
		return 1;
	}
	if (c->still)
		log_printf(m,
			"WARNING: CPU: %u PID: 0 at mm/page_alloc.c free_contig_range: %llu pages "
			"are still in use!",
			cpu, (ull)c->still);
	return 0;
}

int free_contig_range(
	struct machine *m, unsigned cpu, uint64_t pfn, uint64_t nr, uint32_t frame_flags)
{
	struct contig_free c;
	int ret;

	contig_free_begin(&c, pfn, nr, frame_flags);
	do
		ret = contig_free_step(m, cpu, &c, UINT16_MAX);
	while (ret > 0);
	return ret;
}

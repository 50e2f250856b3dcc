/* SPDX-License-Identifier: MIT
 *
 * The allocations that debugfs makes from an area: a stack of them, the latest is freed first (mm/cma_debug.c of 6.1).
 *
 * What is freed may be a part of the latest one: its beginning, as long as a bit stands for a page.
 *
 * Thousands of pages are allocated and freed in slices, as by a call; what has been done lies in a block of the heap between
 * them. There is one at a time, since the writer has the machine to himself.
 */
#include "mm/move/cma.h"

#include <assert.h>
#include <errno.h>

static struct cma_mem *stack_of(const struct machine *m, const struct cma_area *c)
{
	return machine_at(m, c->debug_at);
}

/* Room for one more. */
static int reserve(struct machine *m, struct cma_area *c)
{
	uint32_t cap = c->cap_debug ? c->cap_debug * 2 : 16;

	if (c->nr_debug < c->cap_debug)
		return 0;
	uint64_t at = c->cap_debug
			      ? heap_grow(m, c->debug_at, c->cap_debug * sizeof(struct cma_mem),
					cap * sizeof(struct cma_mem))
			      : heap_alloc(m, cap * sizeof(struct cma_mem));

	if (!at)
		return -m->why.err;
	c->debug_at = at;
	c->cap_debug = cap;
	return 0;
}

/* What alloc or free has come to. */
struct debug_run {
	struct cma_request alloc;
	struct cma_return free;
	unsigned area;	     /* free: of it */
	uint64_t left_pages; /* that are still to be freed */
	bool freeing;	     /* a part of the latest allocation is on its way back */
};

static struct debug_run *running(const struct machine *m)
{
	assert(m->cma_state.debug_at);
	return machine_at(m, m->cma_state.debug_at);
}

static int begin(struct machine *m)
{
	m->cma_state.debug_at = heap_alloc(m, sizeof(struct debug_run));
	return m->cma_state.debug_at ? 0 : -m->why.err;
}

/* Whatever it was, debugfs says that there is no memory; but a signal and the host's limit are no such failures. */
static int end(struct machine *m, int err)
{
	heap_free(m, m->cma_state.debug_at, sizeof(struct debug_run));
	m->cma_state.debug_at = 0;
	return err && err != -EDQUOT && err != -EINTR ? -ENOMEM : err;
}

int cma_debug_alloc_begin(struct machine *m, unsigned cpu, unsigned area, uint64_t nr_pages)
{
	int err = reserve(m, &m->cma[area]);

	if (!err)
		err = begin(m);
	if (err)
		return err;
	err = cma_begin(m, cpu, &running(m)->alloc, area, nr_pages, 0, false);
	return err ? end(m, err) : 0;
}

int cma_debug_alloc_step(struct machine *m, unsigned cpu, unsigned steps)
{
	struct cma_request *q = &running(m)->alloc;
	int ret = cma_step(m, cpu, q, steps);

	if (ret > 0)
		return ret;
	if (!ret) {
		struct cma_area *c = &m->cma[q->area];

		stack_of(m, c)[c->nr_debug++] = (struct cma_mem){q->pfn, q->nr_pages};
	}
	return end(m, ret);
}

void cma_debug_alloc_interrupt(struct machine *m)
{
	cma_interrupt(m, &running(m)->alloc);
}

int cma_debug_free_begin(struct machine *m, unsigned area, uint64_t nr_pages)
{
	int err = begin(m);

	if (err)
		return err;
	running(m)->area = area;
	running(m)->left_pages = nr_pages;
	return 0;
}

/* The pages of the latest allocation that were on their way are back, or cannot come back from here. */
static void forget(struct debug_run *run, struct cma_area *c, struct cma_mem *mem, uint64_t nr)
{
	mem->pfn += nr;
	mem->nr_pages -= nr;
	run->left_pages -= nr;
	run->freeing = false;
	if (!mem->nr_pages)
		c->nr_debug--;
}

int cma_debug_free_step(struct machine *m, unsigned cpu, unsigned steps)
{
	struct debug_run *run = running(m);
	struct cma_area *c = &m->cma[run->area];

	if (!run->left_pages || !c->nr_debug)
		return end(m, 0);
	struct cma_mem *mem = &stack_of(m, c)[c->nr_debug - 1];
	uint64_t nr = mem->nr_pages < run->left_pages ? mem->nr_pages : run->left_pages;
	int ret = 0;

	if (!run->freeing)
		ret = cma_release_begin(m, &run->free, run->area, mem->pfn, nr);
	run->freeing = !ret;
	if (!ret)
		ret = cma_release_step(m, cpu, &run->free, steps);
	/* One that was released by its number meanwhile is forgotten here. */
	if (ret <= 0)
		forget(run, c, mem, nr);
	return 1;
}

/* SPDX-License-Identifier: MIT
 *
 * The allocations that debugfs makes from an area: a stack of them, the latest is freed first (mm/cma_debug.c of 6.1).
 *
 * What is freed may be a part of the latest one: its beginning, as long as a bit stands for a page.
 */
#include "mm/move/cma.h"

#include <errno.h>
#include <string.h>

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

int cma_debug_alloc(struct machine *m, unsigned cpu, unsigned area, uint64_t nr_pages)
{
	struct cma_area *c = &m->cma[area];
	uint64_t pfn;
	int err = reserve(m, c);

	if (!err)
		err = cma_alloc(m, cpu, area, nr_pages, 0, false, &pfn);
	if (err)
		return err == -EDQUOT ? err : -ENOMEM;
	stack_of(m, c)[c->nr_debug++] = (struct cma_mem){pfn, nr_pages};
	return 0;
}

void cma_debug_free(struct machine *m, unsigned cpu, unsigned area, uint64_t nr_pages)
{
	struct cma_area *c = &m->cma[area];

	while (nr_pages && c->nr_debug) {
		struct cma_mem *mem = &stack_of(m, c)[c->nr_debug - 1];
		uint64_t nr = mem->nr_pages < nr_pages ? mem->nr_pages : nr_pages;

		/* One that was released by its number meanwhile is forgotten here. */
		(void)cma_release(m, cpu, area, mem->pfn, nr);
		mem->pfn += nr;
		mem->nr_pages -= nr;
		nr_pages -= nr;
		if (!mem->nr_pages)
			c->nr_debug--;
	}
}

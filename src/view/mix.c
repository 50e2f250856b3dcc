/* SPDX-License-Identifier: MIT
 *
 * `mix SEED COUNT [ORDER_MAX]`: a random load that is the same for the same seed, to fragment memory with.
 *
 *	one step:  5/8 allocate   order: 0 with 1/2, 1 with 1/4, ...; never above ORDER_MAX
 *	                          1/2 Unmovable, 3/8 Movable, 1/8 Reclaimable
 *	           3/8 free one of the blocks that are held, any of them alike
 *
 * It runs in slices of counted steps, so that readers are served meanwhile. What it holds is in run->state until the end,
 * when each block gets a name (mix.0, mix.1, ...); a signal before that undoes it: all that it holds is freed. Naming
 * and undoing take slices, too. Its dice are its own: the machine's stay as they were.
 */
#include "view/call.h"

#include "mm/move/holder.h"
#include "mm/page/page_alloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_PER_SLICE 2048u

/* One block of malloc(), as run->state must be. */
struct mix {
	struct rng rng;
	uint64_t left;
	uint64_t allocs, frees, failures;
	uint64_t nr, cap;
	uint64_t named;	     /* of held[]: those that have their names */
	uint32_t next_index; /* where to look for the next name */
	bool undoing;
	uint64_t held[]; /* pfn << 4 | order */
};

static struct mix *mix_grow(struct mix *x)
{
	uint64_t cap = x ? x->cap * 2 : 1024;
	struct mix *grown = realloc(x, sizeof(*x) + cap * sizeof(x->held[0]));

	if (!grown)
		return NULL;
	if (!x)
		memset(grown, 0, sizeof(*grown));
	grown->cap = cap;
	return grown;
}

static struct mix *mix_begin(struct call *c)
{
	struct mix *x = mix_grow(NULL);

	if (!x)
		return NULL;
	x->rng.state = c->arg[0].number;
	x->left = c->arg[1].number;
	c->run->state = x;
	return x;
}

static int mix_alloc(struct call *c, struct mix *x)
{
	static const gfp_t kinds[8] = {GFP_KERNEL, GFP_KERNEL, GFP_KERNEL, GFP_KERNEL,
		GFP_HIGHUSER_MOVABLE, GFP_HIGHUSER_MOVABLE, GFP_HIGHUSER_MOVABLE,
		GFP_KERNEL | __GFP_RECLAIMABLE};
	uint64_t dice = rng_next(&x->rng), pfn;
	unsigned order = 0;

	while (order < c->arg[2].number && dice >> (8 + order) & 1)
		order++;
	int err = alloc_pages_node(c->m, c->cpu, -1, kinds[dice & 7] | __GFP_NOWARN, order, &pfn);
	if (err == -ENOMEM) {
		x->failures++;
		return 0;
	}
	if (err)
		return err;
	x->allocs++;
	x->held[x->nr++] = pfn << 4 | order;
	return 0;
}

static void mix_free(struct call *c, struct mix *x, uint64_t i)
{
	uint64_t block = x->held[i];

	x->held[i] = x->held[--x->nr];
	/* Someone else may have freed it by its pfn meanwhile; that is then theirs. */
	if (!free_pages_order(c->m, c->cpu, block >> 4, block & 15))
		x->frees++;
}

static void mix_undo(struct call *c, struct mix *x)
{
	while (x->nr)
		mix_free(c, x, x->nr - 1);
}

/* A slice of an undoing that a signal asked for. */
static int mix_undo_slice(struct call *c, struct mix *x)
{
	const unsigned slice = session_slice(c->v->s, STEPS_PER_SLICE);

	x->undoing = true;
	for (unsigned step = 0; step < slice && x->nr; step++)
		mix_free(c, x, x->nr - 1);
	if (x->nr) {
		c->again = true;
		return 0;
	}
	return refuse(&c->m->why, EINTR, "mix was interrupted: what it held was freed");
}

/* The blocks held get names, a slice at a time; those without room for one are freed. */
static int mix_name(struct call *c, struct mix *x)
{
	for (unsigned step = 0; x->named < x->nr; step++, x->named++) {
		const uint64_t i = x->named;
		struct var v = {
			.kind = VAR_PAGE, .value = x->held[i] >> 4, .order = x->held[i] & 15};

		if (step == STEPS_PER_SLICE) {
			c->again = true;
			return 0;
		}
		x->next_index = var_next_free_index(c->m, c->vars, "mix", 3, x->next_index);
		int err = var_set(c->m, c->vars, "mix", 3, x->next_index, &v);
		if (err) {
			struct refusal keep = c->m->why;

			memmove(x->held, x->held + i, (x->nr - i) * sizeof(x->held[0]));
			x->nr -= i;
			mix_undo(c, x);
			c->m->why = keep;
			return err;
		}
		if (c->vars == &c->m->vars)
			holder_set_name(c->m, v.value, "mix", 3, x->next_index);
	}
	return 0;
}

int call_mix(struct call *c)
{
	struct mix *x = c->run->state;
	int err = 0;

	if (!x && !(x = mix_begin(c)))
		return refuse(&c->m->why, ENOMEM, "the host has no memory for the call");
	if (x->undoing || (c->run->interrupted && !x->named))
		return mix_undo_slice(c, x);
	const unsigned slice = session_slice(c->v->s, STEPS_PER_SLICE);
	for (unsigned step = 0; step < slice && x->left && !err; step++, x->left--) {
		if (x->nr == x->cap) {
			struct mix *grown = mix_grow(x);

			if (!grown)
				return refuse(
					&c->m->why, ENOMEM, "the host has no memory for the call");
			c->run->state = x = grown;
		}
		if (!x->nr || rng_below(&x->rng, 8) < 5)
			err = mix_alloc(c, x);
		else
			mix_free(c, x, rng_below(&x->rng, (uint32_t)x->nr));
	}
	if (err) {
		struct refusal keep = c->m->why;

		mix_undo(c, x);
		c->m->why = keep;
		return err;
	}
	if (x->left) {
		c->again = true;
		return 0;
	}
	err = mix_name(c, x);
	if (err || c->again)
		return err;
	text_dec(c->result, x->nr, 0);
	text_puts(c->result, " allocs=");
	text_dec(c->result, x->allocs, 0);
	text_puts(c->result, " frees=");
	text_dec(c->result, x->frees, 0);
	text_puts(c->result, " failures=");
	text_dec(c->result, x->failures, 0);
	return 0;
}

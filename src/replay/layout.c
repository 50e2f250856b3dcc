/* SPDX-License-Identifier: MIT
 *
 * What the calls of a process say about its address space, as areas in address and time.
 *
 *	addr ^   +-----------+              an area ends where a call unmaps it, lays another over it, or changes its
 *	     |   | r-- file  |---+------    protection; what is left of it on either side goes on as another one
 *	     |   +-----------+r-x| r-x
 *	     +-------------------------> calls
 *
 * Only mapped and not mapped, protection, and where the pages come from are told: enough to see whether a fault could
 * have been at a moment. The program itself (its image, interpreter, stack) is not among the calls; an mprotect() of a
 * part of it makes that part known.
 *
 * Left out: growth of stacks; pages that a process got from a parent that was not recorded.
 */
#include "replay/layout.h"

#include "mm/process/syscalls.h"
#include "mm/process/task.h"

#include <stdlib.h>
#include <string.h>

#define PAGE 4096u

static uint64_t page_up(uint64_t bytes)
{
	return (bytes + PAGE - 1) & ~(uint64_t)(PAGE - 1);
}

static struct layout_area *area_at(const struct layout *l, uint32_t i)
{
	return VEC_AT(struct layout_area, &l->areas, i);
}

static bool add_area(
	struct layout *l, uint64_t start, uint64_t end, uint32_t from, unsigned prot, unsigned kind)
{
	struct layout_area *a;
	uint32_t *slot;

	if (start >= end)
		return true;
	a = vec_add(&l->areas, sizeof(*a));
	slot = a ? vec_add(&l->live, sizeof(*slot)) : NULL;
	if (!slot)
		return false;
	*a = (struct layout_area){
		start, end, from, STILL, (uint8_t)prot, (uint8_t)kind, LAYOUT_LIVES};
	*slot = (uint32_t)l->areas.nr - 1;
	return true;
}

/* What is live in [start, end) ends with call @at; the rest of an area goes on. */
static bool cut(struct layout *l, uint64_t start, uint64_t end, uint32_t at, enum layout_end how)
{
	size_t nr = l->live.nr, kept = 0;

	for (size_t i = 0; i < nr; i++) {
		uint32_t index = *VEC_AT(uint32_t, &l->live, i);
		struct layout_area a = *area_at(l, index);

		if (a.end <= start || a.start >= end) {
			*VEC_AT(uint32_t, &l->live, kept++) = index;
			continue;
		}
		area_at(l, index)->to = at;
		area_at(l, index)->ended = (uint8_t)how;
		if (!add_area(l, a.start, a.start < start ? start : a.start, at, a.prot, a.kind) ||
			!add_area(l, a.end > end ? end : a.end, a.end, at, a.prot, a.kind))
			return false;
	}
	/* The pieces were added behind the old ones. */
	for (size_t i = nr; i < l->live.nr; i++)
		*VEC_AT(uint32_t, &l->live, kept + i - nr) = *VEC_AT(uint32_t, &l->live, i);
	l->live.nr -= nr - kept;
	return true;
}

static bool is_mapped(const struct layout *l, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < l->live.nr; i++) {
		const struct layout_area *a = area_at(l, *VEC_AT(uint32_t, &l->live, i));

		if (a->start < end && a->end > start)
			return true;
	}
	return false;
}

static bool after_mmap(struct layout *l, const struct rec_call *c, uint32_t at)
{
	uint64_t end = c->result + page_up(c->a[1]);
	unsigned kind = c->a[3] & MAP_ANONYMOUS_ ? LAYOUT_ANON : LAYOUT_FILE;

	if (end < c->result)
		return true;
	l->causes[at] = is_mapped(l, c->result, end) ? LAYOUT_DROPS : 0;
	return cut(l, c->result, end, at, LAYOUT_REPLACED) &&
	       add_area(l, c->result, end, at, (unsigned)c->a[2] & 7, kind);
}

static bool after_mprotect(struct layout *l, const struct rec_call *c, uint32_t at)
{
	uint64_t start = c->a[0], end = start + page_up(c->a[1]);
	size_t nr = l->live.nr;
	bool known = false;

	if (end <= start)
		return true;
	/* The areas' new pieces are made first, for cutting forgets what they were. */
	struct layout_area *old = malloc((nr + 1) * sizeof(*old));
	size_t nr_old = 0;
	if (!old)
		return false;
	for (size_t i = 0; i < nr; i++) {
		const struct layout_area *a = area_at(l, *VEC_AT(uint32_t, &l->live, i));

		if (a->start < end && a->end > start)
			old[nr_old++] = *a;
	}
	bool ok = cut(l, start, end, at, LAYOUT_CHANGED);
	for (size_t i = 0; ok && i < nr_old; i++) {
		uint64_t from = old[i].start > start ? old[i].start : start;
		uint64_t to = old[i].end < end ? old[i].end : end;

		known = true;
		ok = add_area(l, from, to, at, (unsigned)c->a[2] & 7, old[i].kind);
	}
	free(old);
	return ok && (known || add_area(l, start, end, at, (unsigned)c->a[2] & 7, LAYOUT_IMAGE));
}

static bool after_mremap(struct layout *l, const struct rec_call *c, uint32_t at)
{
	const struct layout_area *from = layout_find(l, c->a[0], at - 1);
	unsigned prot = from ? from->prot : PROT_READ_ | PROT_WRITE_,
		 kind = from ? from->kind : LAYOUT_ANON;
	uint64_t old_end = c->a[0] + page_up(c->a[1]), end = c->result + page_up(c->a[2]);

	if (end < c->result || old_end < c->a[0])
		return true;
	l->causes[at] = LAYOUT_DROPS;
	return cut(l, c->a[0], old_end, at, LAYOUT_UNMAPPED) &&
	       cut(l, c->result, end, at, LAYOUT_REPLACED) &&
	       add_area(l, c->result, end, at, prot, kind);
}

/* @brk: the present end of the heap, 0: not known yet. */
static bool after_brk(struct layout *l, const struct rec_call *c, uint32_t at, uint64_t *brk)
{
	uint64_t before = page_up(*brk), after = page_up(c->result);
	bool ok = true;

	if (!*brk) {
		struct layout_brk *b = vec_add(&l->brk_starts, sizeof(*b));

		ok = b != NULL;
		if (ok)
			*b = (struct layout_brk){l->epochs[at], c->result};
	} else if (after > before) {
		ok = add_area(l, before, after, at, PROT_READ_ | PROT_WRITE_, LAYOUT_ANON);
	} else if (after < before) {
		l->causes[at] = LAYOUT_DROPS;
		ok = cut(l, after, before, at, LAYOUT_UNMAPPED);
	}
	*brk = c->result;
	return ok;
}

static bool after_call(struct layout *l, const struct rec_call *c, uint32_t at, uint64_t *brk)
{
	switch ((enum rec_kind)c->kind) {
	case REC_EXEC:
		*brk = 0;
		l->causes[at] = LAYOUT_DROPS;
		return cut(l, 0, UINT64_MAX, at, LAYOUT_EXEC);
	case REC_MMAP:
		return after_mmap(l, c, at);
	case REC_MPROTECT:
		return after_mprotect(l, c, at);
	case REC_MREMAP:
		return after_mremap(l, c, at);
	case REC_BRK:
		return after_brk(l, c, at, brk);
	case REC_MUNMAP:
		l->causes[at] = LAYOUT_DROPS;
		return c->a[0] + page_up(c->a[1]) < c->a[0] ||
		       cut(l, c->a[0], c->a[0] + page_up(c->a[1]), at, LAYOUT_UNMAPPED);
	case REC_MADVISE:
	case REC_EXIT:
		l->causes[at] = LAYOUT_DROPS;
		return true;
	case REC_FORK:
		l->causes[at] = c->a[0] & CLONE_VM_ ? 0 : LAYOUT_FORKS;
		return true;
	default:
		return true;
	}
}

static bool inherit(struct layout *l, const struct layout *parent, uint32_t at)
{
	for (size_t i = 0; i < parent->areas.nr; i++) {
		const struct layout_area *a = VEC_AT(struct layout_area, &parent->areas, i);

		if (a->from <= at && a->to > at &&
			!add_area(l, a->start, a->end, 0, a->prot, a->kind))
			return false;
	}
	return true;
}

bool layout_build(struct layout *l, const struct record *r, const struct rec_process *p,
	const struct layout *parent)
{
	uint64_t brk = 0;
	uint32_t epoch = 0;

	l->nr_calls = (uint32_t)p->calls.nr;
	l->ended_at = STILL;
	l->causes = calloc(l->nr_calls + 1, sizeof(*l->causes));
	l->epochs = calloc(l->nr_calls + 1, sizeof(*l->epochs));
	l->brks = calloc(l->nr_calls + 1, sizeof(*l->brks));
	if (!l->causes || !l->epochs || !l->brks)
		return false;
	if (parent && !inherit(l, parent, p->parent_at))
		return false;
	/* A child's heap goes on where its parent's was. */
	if (parent)
		brk = p->parent_at <= parent->nr_calls ? parent->brks[p->parent_at] : 0;
	l->brks[0] = brk;
	for (uint32_t i = 0; i < l->nr_calls; i++) {
		const struct rec_call *c = process_call(r, p, i);

		epoch += c->kind == REC_EXEC;
		/* The last exit is the leader's or, of threads, as late. */
		if (c->kind == REC_EXIT)
			l->ended_at = i + 1;
		l->epochs[i + 1] = epoch;
		if (!after_call(l, c, i + 1, &brk))
			return false;
		l->brks[i + 1] = brk;
	}
	return true;
}

void layout_finish(struct layout *l)
{
	free(l->areas.at);
	free(l->live.at);
	free(l->brk_starts.at);
	free(l->causes);
	free(l->epochs);
	free(l->brks);
	memset(l, 0, sizeof(*l));
}

const struct layout_area *layout_find(const struct layout *l, uint64_t addr, uint32_t at)
{
	for (size_t i = 0; i < l->areas.nr; i++) {
		const struct layout_area *a = VEC_AT(struct layout_area, &l->areas, i);

		if (a->start <= addr && addr < a->end && a->from <= at && a->to > at)
			return a;
	}
	return NULL;
}

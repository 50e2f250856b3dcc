/* SPDX-License-Identifier: MIT
 *
 * Pages side by side, wherever they are to be had: alloc_contig_pages() of 6.1 (mm/page_alloc.c), in slices.
 *
 *	each zone that the flags allow, in the order of the zonelist of the node
 *	    each place at a multiple of the next power of two
 *	        look	RAM of the zone, and nothing in it that surely stays? Else the next place
 *	        try	contig.h empties it; somebody stayed after all? The next place
 *
 * Looking at a place and emptying it are counted alike, and cut where the slice ends.
 */
#include "mm/move/contig.h"

#include "mm/page/frame.h"
#include "mm/page/zone.h"

#include <assert.h>
#include <errno.h>

typedef unsigned long long ull;

int contig_search_begin(
	struct machine *m, struct contig_search *s, unsigned cpu, uint64_t nr, gfp_t gfp, int nid)
{
	if (!nr)
		return refuse(&m->why, EINVAL, "alloc_contig_pages: at least one page");
	*s = (struct contig_search){.nr = nr,
		.align = 1,
		.gfp = gfp,
		.nid = nid < 0 ? m->cpu_node[cpu] : (unsigned)nid,
		.at_pfn = NO_PFN};
	while (s->align < nr && s->align < (uint64_t)1 << 52)
		s->align <<= 1;
	return 0;
}

/* The zone at hand, or the next one that will do; NULL: there is none. */
static const struct zone *zone_of(const struct machine *m, struct contig_search *s)
{
	const struct node *node = node_at(m, s->nid);

	for (; s->zone < node->nr_fallback; s->zone++) {
		const struct zoneref ref = node->fallback[s->zone];

		if (ref.type <= gfp_zone(m, s->gfp) &&
			!(s->gfp & __GFP_THISNODE && ref.nid != node->nid))
			return zone_at(m, ref.nid, (enum zone_type)ref.type);
	}
	return NULL;
}

static void next_place(struct contig_search *s)
{
	s->at_pfn += s->align;
	s->seen = 0;
}

/* pfn_range_valid_contig() for one page; *@seen gets what lies behind it, or behind the free block that it begins. */
static bool may_be_contig(
	const struct machine *m, const struct zone *z, uint64_t first_pfn, uint64_t *seen)
{
	uint64_t pfn = first_pfn + *seen;

	if (!pfn_valid(m, pfn) || pfn_zone(m, pfn) != z)
		return false;
	const struct frame f = frame_peek(m, pfn);

	if (f.flags & (FRAME_RESERVED | FRAME_HUGE))
		return false;
	if (f.flags & FRAME_BUDDY)
		pfn |= ((uint64_t)1 << f.order) - 1;
	*seen = pfn + 1 - first_pfn;
	return true;
}

/* Look for a place until one is begun with, or @most pages were looked at. 1, or -ENOMEM: there is no further one. */
static int look(struct machine *m, struct contig_search *s, uint64_t most)
{
	for (uint64_t looked = 0; looked < most && !s->trying; looked++) {
		const struct zone *z = zone_of(m, s);

		if (!z)
			return refuse(&m->why, ENOMEM,
				"no zone that these flags allow has %llu pages side by side from "
				"which all can leave",
				(ull)s->nr);
		if (s->at_pfn == NO_PFN)
			s->at_pfn = (z->start_pfn + s->align - 1) & ~(s->align - 1);
		if (s->nr > z->spanned_pages || s->at_pfn + s->nr > zone_end_pfn(z)) {
			s->zone++;
			s->at_pfn = NO_PFN;
			s->seen = 0;
		} else if (!may_be_contig(m, z, s->at_pfn, &s->seen)) {
			next_place(s);
		} else if (s->seen >= s->nr) {
			int err = contig_begin(
				m, &s->range, s->at_pfn, s->at_pfn + s->nr, MIGRATE_MOVABLE, 0);

			assert(!err);
			(void)err;
			s->trying = true;
		}
	}
	return 1;
}

int contig_search_step(
	struct machine *m, unsigned cpu, struct contig_search *s, unsigned steps, uint64_t *pfn)
{
	if (!s->trying && s->interrupted)
		return refuse(&m->why, EINTR, "interrupted: no page was taken");
	if (!s->trying)
		return look(m, s, (uint64_t)steps * CONTIG_PAGES_PER_STEP);
	int ret = contig_step(m, cpu, &s->range, steps);

	if (ret > 0)
		return ret;
	s->trying = false;
	*pfn = s->at_pfn;
	if (!ret || ret == -EDQUOT || ret == -EINTR)
		return ret;
	next_place(s);
	return 1;
}

void contig_search_interrupt(struct machine *m, struct contig_search *s)
{
	s->interrupted = true;
	if (s->trying)
		contig_interrupt(m, &s->range);
}

int alloc_contig_pages(
	struct machine *m, unsigned cpu, uint64_t nr, gfp_t gfp, int nid, uint64_t *pfn)
{
	struct contig_search s;
	int ret = contig_search_begin(m, &s, cpu, nr, gfp, nid);

	if (ret)
		return ret;
	do
		ret = contig_search_step(m, cpu, &s, UINT16_MAX, pfn);
	while (ret > 0);
	return ret;
}

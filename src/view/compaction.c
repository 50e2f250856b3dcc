/* SPDX-License-Identifier: MIT
 *
 * sim/compaction, and the slices in which compact_memory and node/compact are done.
 *
 *	node zone      migrate_scanner free_scanner skipped deferred order_failed fragmented
 *	0    Normal    0x1000          0x36a00      12      0        0            35%
 *	running: by hand: node 0 zone Normal, 42% of it done, 1200 pages looked at by the migration scanner, ...
 *
 * Linux keeps all this in struct zone and shows none of it.
 */
#include "view/files.h"

#include "mm/move/compaction.h"
#include "mm/page/page_alloc.h"
#include "mm/page/zone.h"

#include <errno.h>

/* Of 32 pages, or what is left of a pageblock: half a millisecond, two when all pages have contents (bench/compact.sh). */
#define SLICE_CLUSTERS 4u

typedef unsigned long long ull;

int slice_compaction(struct view *v, bool interrupted)
{
	if (interrupted && v->m->compact_job.active) {
		compact_job_stop(v->m);
		return refuse(&v->m->why, EINTR,
			"interrupted: what was moved so far stays where it is now");
	}
	return compact_job_step(v->m, session_slice(v->s, SLICE_CLUSTERS));
}

static uint64_t skipped_blocks(const struct machine *m, const struct zone *z)
{
	uint64_t whole = (uint64_t)1 << (m->nr_orders - 1), nr = 0, pfn = z->start_pfn;

	while (pfn < zone_end_pfn(z)) {
		if (!frame_is_live(m, pfn)) {
			pfn = ((pfn - m->base_pfn) | (whole - 1)) + 1 + m->base_pfn;
			continue;
		}
		nr += pageblock_skip(m, pfn);
		pfn = ((pfn >> m->pageblock_order) + 1) << m->pageblock_order;
	}
	return nr;
}

static void put_running(const struct machine *m, const char *who, const struct compact_control *cc,
	struct text *out)
{
	const struct zone *z =
		zone_at(m, cc->zone / MAX_NR_ZONES, (enum zone_type)(cc->zone % MAX_NR_ZONES));
	uint64_t left = cc->free_pfn > cc->migrate_pfn ? cc->free_pfn - cc->migrate_pfn : 0;

	if (!cc->begun)
		return;
	text_printf(out,
		"running: %s: node %u zone %s, %llu%% of it done, %llu pages looked at by the "
		"migration scanner, %llu by the free scanner\n",
		who, z->nid, zone_name(z->type), (ull)(100 - left * 100 / (z->spanned_pages + 1)),
		(ull)cc->total_migrate_scanned, (ull)cc->total_free_scanned);
}

static void put_all_running(struct machine *m, struct text *out)
{
	put_running(m, "by hand", &m->compact_job.cc, out);
	put_running(m, "for an allocation", &m->compact_direct.cc, out);
	for (unsigned nid = 0; nid < m->nr_nodes; nid++) {
		const struct compact_control *cc = kcompactd_running(m, nid);

		if (cc)
			put_running(m, "kcompactd", cc, out);
	}
}

int show_sim_compaction(struct view *v, struct text *out)
{
	struct machine *m = v->m;

	text_puts(out,
		"node zone     migrate_scanner  free_scanner skipped_blocks put_off order_failed "
		"fragmented\n");
	for (const struct zone *z = zone_next(m, NULL); z; z = zone_next(m, z)) {
		const struct zone_compact *c = &z->compact;

		if (!zone_populated(z))
			continue;
		text_printf(out, "%-4u %-8s %#15llx %#13llx %14llu %7u %12u %9d%%\n", z->nid,
			zone_name(z->type),
			(ull)(c->migrate_pfn[1] ? c->migrate_pfn[1] : z->start_pfn),
			(ull)(c->free_pfn ? c->free_pfn : zone_end_pfn(z)),
			(ull)skipped_blocks(m, z), c->defer_shift ? 1u << c->defer_shift : 0,
			c->order_failed, unusable_index(m, z, m->pageblock_order) / 10);
	}
	put_all_running(m, out);
	return 0;
}

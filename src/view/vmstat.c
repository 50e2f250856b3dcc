/* SPDX-License-Identifier: MIT
 *
 * proc/vmstat and each node's vmstat and numastat: every counter, one a line.
 *
 * The rows of count.def give names and order; which of them a machine has depends on its kernel's configuration
 * (173 lines on Debian's amd64). Two limits that the kernel keeps among the counters are computed here.
 */
#include "view/files.h"
#include "view/put.h"

#include "view/memory_size.h"

/* Sectors of 512 bytes are counted, KiB are shown. */
static bool in_sectors(unsigned event)
{
	return event == EV_pgpgin || event == EV_pgpgout;
}

int show_vmstat(struct view *v, struct text *out)
{
	const struct machine *m = v->m;
	uint64_t background, limit;

	for (unsigned i = 0; i < NR_ZONE_STATS; i++)
		if (machine_has(m, zone_stat_rows[i].need))
			put_count(out, zone_stat_rows[i].name, zone_stat_total(m, i));
	for (unsigned i = 0; i < NR_NUMA_STATS; i++) {
		uint64_t sum = 0;

		if (!machine_has(m, numa_stat_rows[i].need))
			continue;
		for (const struct zone *z = zone_next(m, NULL); z; z = zone_next(m, z))
			sum += z->numa_stat[i];
		put_count(out, numa_stat_rows[i].name, sum);
	}
	for (unsigned i = 0; i < NR_NODE_STATS; i++)
		if (machine_has(m, node_stat_rows[i].need))
			put_count(out, node_stat_rows[i].name,
				node_stat_shown(m, i, node_stat_total(m, i)));
	memory_dirty_limits(m, &background, &limit);
	put_count(out, "nr_dirty_threshold", limit);
	put_count(out, "nr_dirty_background_threshold", background);
	for (unsigned i = 0; i < NR_VM_EVENTS; i++)
		if (machine_has(m, vm_event_rows[i].need))
			put_count(out, vm_event_rows[i].name, m->vm_event[i] >> in_sectors(i));
	/* A counter that is no longer counted, for old programs. */
	put_count(out, "nr_unstable", 0);
	return 0;
}

static uint64_t node_numa_stat(const struct machine *m, unsigned nid, enum numa_stat_item item)
{
	uint64_t sum = 0;

	for (unsigned type = 0; type < MAX_NR_ZONES; type++)
		if (zone_configured(m, type))
			sum += zone_at(m, nid, type)->numa_stat[item];
	return sum;
}

int show_node_vmstat(struct view *v, struct text *out)
{
	const struct machine *m = v->m;
	unsigned nid = (unsigned)v->arg[0];

	for (unsigned i = 0; i < NR_ZONE_STATS; i++)
		if (machine_has(m, zone_stat_rows[i].need))
			put_count(out, zone_stat_rows[i].name, node_zone_stat(m, nid, i));
	for (unsigned i = 0; i < NR_NUMA_STATS; i++)
		if (machine_has(m, numa_stat_rows[i].need))
			put_count(out, numa_stat_rows[i].name, node_numa_stat(m, nid, i));
	for (unsigned i = 0; i < NR_NODE_STATS; i++)
		if (machine_has(m, node_stat_rows[i].need))
			put_count(out, node_stat_rows[i].name,
				node_stat_shown(m, i, node_at(m, nid)->stat[i]));
	return 0;
}

int show_node_numastat(struct view *v, struct text *out)
{
	/* The names are older than those of vmstat. */
	static const struct {
		const char *name;
		enum numa_stat_item item;
	} rows[] = {
		{"numa_hit", NS_numa_hit},
		{"numa_miss", NS_numa_miss},
		{"numa_foreign", NS_numa_foreign},
		{"interleave_hit", NS_numa_interleave},
		{"local_node", NS_numa_local},
		{"other_node", NS_numa_other},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		put_count(
			out, rows[i].name, node_numa_stat(v->m, (unsigned)v->arg[0], rows[i].item));
	return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * sys/devices/system/node: the nodes and what belongs to each.
 *
 * Lists are Linux's ("0-1,3"), masks are hex words of 32 bits joined by commas, as wide as the machine's CPUs.
 * meminfo, numastat and vmstat of a node are in meminfo.c and vmstat.c. Follows drivers/base/node.c of Linux 6.1.
 */
#include "view/files.h"

#include "view/put.h"

#include "mm/move/compaction.h"

static bool node_present(const struct machine *m, unsigned nid, const void *data)
{
	return true;
}

static bool node_has_cpu(const struct machine *m, unsigned nid, const void *data)
{
	return node_at(m, nid)->has_cpu;
}

static bool node_has_memory(const struct machine *m, unsigned nid, const void *data)
{
	return node_at(m, nid)->has_memory;
}

/* Memory below HighMem and Movable. */
static bool node_has_normal(const struct machine *m, unsigned nid, const void *data)
{
	for (unsigned type = 0; type <= ZONE_NORMAL; type++)
		if (zone_configured(m, type) && zone_populated(zone_at(m, nid, type)))
			return true;
	return false;
}

static bool cpu_on_node(const struct machine *m, unsigned cpu, const void *nid)
{
	return m->cpu_node[cpu] == *(const unsigned *)nid;
}

static int put_nodes(struct view *v, struct text *out, has_fn *has)
{
	put_list(out, v->m, v->m->nr_nodes, has, NULL);
	text_putc(out, '\n');
	return 0;
}

int show_nodes_online(struct view *v, struct text *out)
{
	return put_nodes(v, out, node_present);
}

int show_nodes_has_cpu(struct view *v, struct text *out)
{
	return put_nodes(v, out, node_has_cpu);
}

int show_nodes_has_memory(struct view *v, struct text *out)
{
	return put_nodes(v, out, node_has_memory);
}

int show_nodes_has_normal_memory(struct view *v, struct text *out)
{
	return put_nodes(v, out, node_has_normal);
}

/* No node here has initiators (of CXL and its like) without CPUs. */
int show_nodes_has_initiator(struct view *v, struct text *out)
{
	text_putc(out, '\n');
	return 0;
}

int show_node_cpulist(struct view *v, struct text *out)
{
	unsigned nid = (unsigned)v->arg[0];

	put_list(out, v->m, v->m->nr_cpus, cpu_on_node, &nid);
	text_putc(out, '\n');
	return 0;
}

int show_node_cpumap(struct view *v, struct text *out)
{
	unsigned nid = (unsigned)v->arg[0];

	put_mask(out, v->m, v->m->nr_cpus, cpu_on_node, &nid);
	text_putc(out, '\n');
	return 0;
}

int show_node_distance(struct view *v, struct text *out)
{
	const struct machine *m = v->m;

	for (unsigned to = 0; to < m->nr_nodes; to++) {
		if (to)
			text_putc(out, ' ');
		text_dec(out, m->node_distance[v->arg[0]][to], 0);
	}
	text_putc(out, '\n');
	return 0;
}

int show_node_cpu_link(struct view *v, struct text *out)
{
	text_puts(out, "../../cpu/cpu");
	text_dec(out, v->arg[1], 0);
	return 0;
}

int show_cpu_node_link(struct view *v, struct text *out)
{
	text_puts(out, "../../node/node");
	text_dec(out, v->arg[1], 0);
	return 0;
}

int64_t store_node_compact(struct view *v, const char *data, size_t len)
{
	(void)data;
	compact_job_begin(v->m, (int)v->arg[0]);
	v->again = true;
	return (int64_t)len;
}

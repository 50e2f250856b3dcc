/* SPDX-License-Identifier: MIT
 *
 * Zonelists: in which order an allocation on a node tries all zones of the machine.
 *
 *	node 0's list:   0:Normal  0:DMA32  0:DMA  |  1:Normal  1:DMA32  |  3:Normal ...
 *
 * Nodes by distance, the own one first; within a node the highest zone first. Among nodes of equal
 * distance those without CPUs come first, then those behind the asking node in number, and whoever was
 * chosen first at some distance is a little less attractive to the next node's list, so that not all
 * of them lean on the same neighbour.
 *
 * Which zones an allocation may use at all is decided when it walks the list (gfp_zone()).
 *
 * Left out: ZONELIST_NOFALLBACK (it is the part of the list that has the own node).
 * Follows mm/page_alloc.c of 6.1 (build_zonelists(), find_next_best_node()).
 */
#include "mm/page/zone.h"

#include <assert.h>
#include <string.h>

#define LOAD_SCALE 1024

static int next_node(const struct machine *m, unsigned from, const bool *used, const unsigned *load)
{
	uint64_t least = UINT64_MAX;
	int best = -1;

	if (!used[from] && node_at(m, from)->has_memory)
		return (int)from;
	for (unsigned nid = 0; nid < m->nr_nodes; nid++) {
		if (used[nid] || !node_at(m, nid)->has_memory)
			continue;
		uint64_t value = m->node_distance[from][nid];

		value += nid < from;
		value += node_at(m, nid)->has_cpu;
		value = value * LOAD_SCALE + load[nid];
		if (value < least) {
			least = value;
			best = (int)nid;
		}
	}
	return best;
}

static void add_zones(struct machine *m, struct node *n, unsigned nid)
{
	for (unsigned type = MAX_NR_ZONES; type-- > 0;) {
		if (!zone_populated(zone_at(m, nid, (enum zone_type)type)))
			continue;
		assert(n->nr_fallback < sizeof(n->fallback) / sizeof(n->fallback[0]));
		n->fallback[n->nr_fallback++] =
			(struct zoneref){.nid = (uint16_t)nid, .type = (uint8_t)type};
	}
}

void zones_build_zonelists(struct machine *m)
{
	unsigned load[MAX_NODES] = {0};

	for (unsigned nid = 0; nid < m->nr_nodes; nid++) {
		struct node *n = node_at(m, nid);
		bool used[MAX_NODES] = {false};
		unsigned previous = nid;
		int next;

		n->nr_fallback = 0;
		memset(n->fallback, 0, sizeof(n->fallback));
		while ((next = next_node(m, nid, used, load)) >= 0) {
			unsigned chosen = (unsigned)next;

			if (m->node_distance[nid][chosen] != m->node_distance[nid][previous])
				load[chosen]++;
			used[chosen] = true;
			add_zones(m, n, chosen);
			previous = chosen;
		}
	}
}

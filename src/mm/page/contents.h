/* SPDX-License-Identifier: MIT
 *
 * The machine's DRAM, for those who read and write what is in its pages.
 */
#ifndef SIMM_MM_CONTENTS_H
#define SIMM_MM_CONTENTS_H

#include "hw/dram.h"
#include "mm/machine.h"

#include "mm/page/frame.h"

static inline bool machine_is_ram(const void *m, uint64_t pa)
{
	return pfn_present(m, pa >> PAGE_SHIFT);
}

/* The firmware's table (SLIT) has it, or the devicetree's distance-map. */
static inline unsigned machine_distance(const void *owner, unsigned node, uint64_t pa)
{
	const struct machine *m = owner;
	const struct zone *z =
		pfn_valid(m, pa >> PAGE_SHIFT) ? pfn_zone(m, pa >> PAGE_SHIFT) : NULL;

	return z ? m->node_distance[node][z->nid] : 10;
}

/* Does the frame of @pfn, which is RAM, have contents? */
static inline bool frame_has_contents(const struct machine *m, uint64_t pfn)
{
	const uint64_t *has = machine_at(m, m->dram_has_at);
	uint64_t frame = pfn - m->base_pfn;

	return has[frame / 64] >> (frame % 64) & 1;
}

static inline struct dram machine_dram(struct machine *m)
{
	return (struct dram){.arena = &m->arena,
		.contents = machine_at(m, m->dram_at),
		.has = machine_at(m, m->dram_has_at),
		.base = m->base_pfn << PAGE_SHIFT,
		.bytes = (m->frames_end_pfn - m->base_pfn) << PAGE_SHIFT,
		.is_ram = machine_is_ram,
		.owner = m,
		.differing = m->devices.stale.nr ? &m->devices.stale : NULL,
		.distance = m->nr_nodes > 1 ? machine_distance : NULL};
}

#endif

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

/* The machine's memory, without what bypasses the CPUs' caches, and without registers. Field by field, since a CPU's accesses
 * want it in a structure of their own. */
static inline void machine_dram_view(struct machine *m, struct dram *d)
{
	d->arena = &m->arena;
	d->contents = machine_at(m, m->dram_at);
	d->has = machine_at(m, m->dram_has_at);
	d->base = m->base_pfn << PAGE_SHIFT;
	d->bytes = (m->frames_end_pfn - m->base_pfn) << PAGE_SHIFT;
	d->is_ram = machine_is_ram;
	d->owner = m;
	d->stale = NULL;
	d->differing = m->devices.stale.nr ? &m->devices.stale : NULL;
	d->registers = NULL;
	d->distance = m->nr_nodes > 1 ? machine_distance : NULL;
}

static inline struct dram machine_dram(struct machine *m)
{
	struct dram d;

	machine_dram_view(m, &d);
	return d;
}

#endif

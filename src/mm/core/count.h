/* SPDX-License-Identifier: MIT
 *
 * Counters. Every file prints from these, so a figure is counted once and two files cannot disagree.
 * Linux keeps them per CPU and folds them late; here they are exact at all times.
 */
#ifndef SIMM_MM_COUNT_H
#define SIMM_MM_COUNT_H

#include "mm/core/config.h"

enum zone_stat_item {
#define ZONE_STAT(name, need) ZS_##name,
#include "mm/core/count.def"
	NR_ZONE_STATS
};

enum numa_stat_item {
#define NUMA_STAT(name, need) NS_##name,
#include "mm/core/count.def"
	NR_NUMA_STATS
};

enum node_stat_item {
#define NODE_STAT(name, need) ND_##name,
#include "mm/core/count.def"
	NR_NODE_STATS
};

enum vm_event_item {
#define VM_EVENT(name, need) EV_##name,
#include "mm/core/count.def"
	NR_VM_EVENTS
};

struct count_row {
	const char *name;
	enum config need;
};

extern const struct count_row zone_stat_rows[NR_ZONE_STATS];
extern const struct count_row numa_stat_rows[NR_NUMA_STATS];
extern const struct count_row node_stat_rows[NR_NODE_STATS];
extern const struct count_row vm_event_rows[NR_VM_EVENTS];

#endif

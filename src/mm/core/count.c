/* SPDX-License-Identifier: MIT
 *
 * The counters' names and needs, in printing order (from count.def).
 */
#include "mm/core/count.h"

const struct count_row zone_stat_rows[NR_ZONE_STATS] = {
#define ZONE_STAT(name, need) {#name, CONFIG_##need},
#include "mm/core/count.def"
};

const struct count_row numa_stat_rows[NR_NUMA_STATS] = {
#define NUMA_STAT(name, need) {#name, CONFIG_##need},
#include "mm/core/count.def"
};

const struct count_row node_stat_rows[NR_NODE_STATS] = {
#define NODE_STAT(name, need) {#name, CONFIG_##need},
#include "mm/core/count.def"
};

const struct count_row vm_event_rows[NR_VM_EVENTS] = {
#define VM_EVENT(name, need) {#name, CONFIG_##need},
#include "mm/core/count.def"
};

/* SPDX-License-Identifier: MIT
 *
 * The memory bus: one way to DRAM, many who want it.
 *
 *	CPU 0  CPU 1  DMA controller  network card          masters, each with a priority
 *	   \     |          |          /
 *	    +----+-- arbiter --+------+      one transaction at a time: address, then the bytes
 *	                |
 *	               DRAM
 *
 * A master asks at some time for a transaction of some bytes. It begins when the bus is free and the arbiter chooses
 * it among those that have asked by then: the one of the highest priority (the one that has waited longest among
 * equals), or each in its turn. What it waited is counted.
 *
 * This is arithmetic only: who moves which bytes is the caller's. One cycle of the bus is one nanosecond.
 */
#ifndef SIMM_HW_BUS_H
#define SIMM_HW_BUS_H

#include <stdint.h>

enum bus_arbiter {
	BUS_FIXED,	 /* the highest priority first */
	BUS_ROUND_ROBIN, /* each in its turn; priorities do not count */
	NR_BUS_ARBITERS
};

#define BUS_NEVER UINT64_MAX

enum {
	BUS_ADDRESS_NS = 2,	/* arbitration and address of a transaction */
	BUS_WIDTH_BYTES = 8,	/* that one cycle moves */
};

/* Who can ask. All zero: asks for nothing, and is of priority 0, so set request_ns to BUS_NEVER. */
struct bus_master {
	uint32_t id;		/* its place in the round */
	uint32_t priority;	/* larger comes first */
	uint64_t request_ns;	/* since when it asks; BUS_NEVER: it does not */
	uint32_t request_bytes;
	uint32_t unused;
	/* counted */
	uint64_t transactions, bytes;
	uint64_t busy_ns;	/* bus cycles that it had */
	uint64_t waited_ns;	/* bus cycles that it waited for others */
};

struct bus {
	uint32_t arbiter;	/* enum bus_arbiter */
	uint32_t last;		/* id of the master that had it last */
	uint64_t free_ns;	/* when the transaction at hand ends */
	uint64_t transactions, busy_ns;
};

/* Cycles of a transaction of @bytes. */
static inline uint64_t bus_cycles(uint64_t bytes)
{
	return BUS_ADDRESS_NS + (bytes + BUS_WIDTH_BYTES - 1) / BUS_WIDTH_BYTES;
}

/* When the next transaction begins, BUS_NEVER when nobody asks. */
uint64_t bus_next_ns(const struct bus *b, struct bus_master *const *masters, unsigned nr);
/* Give the bus to one of those who ask: its index, with its request done and counted; b->free_ns is when it ends.
 * Somebody asks. */
unsigned bus_grant(struct bus *b, struct bus_master *const *masters, unsigned nr);

#endif

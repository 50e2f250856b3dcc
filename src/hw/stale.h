/* SPDX-License-Identifier: MIT
 *
 * Lines whose bytes in the CPUs' caches differ from those in DRAM.
 *
 *	              what the CPUs see            what lies in DRAM
 *	CPU stores    new bytes (dirty line)       old bytes         until the line is written back
 *	device writes old bytes (stale line)       new bytes         until the line is thrown away
 *
 * The contents of struct dram are what the CPUs see: nobody but a device that bypasses the caches can tell the difference,
 * so all the rest of the simulation need not know. Here lie, for the lines that differ, the bytes of DRAM itself: what
 * such a device reads and writes, and an uncached access of a CPU.
 *
 *	store to a cached line    no copy yet: keep the old bytes as DRAM's; the line is dirty
 *	eviction, dirty           written back: the copy goes, whatever a device wrote there meanwhile
 *	eviction, clean           the copy's bytes become what the CPUs see, and the copy goes
 *	clean by address          as the eviction of a dirty line; the line stays
 *	invalidate by address     as the eviction of a clean line, even if the line was dirty
 *	device writes             cached: into the copy, made if there is none; else into DRAM itself
 *
 * Who loads bytes that a device has written since, or reads around the caches what a CPU has written since, gets old bytes:
 * that is counted, for the layers above to say whose mistake it is.
 *
 * Without such devices there is no table, and nothing of this happens or costs anything.
 *
 * Invariant: a line with a copy is in some CPU's cache. So the table, made once with twice as many places as all caches
 * have lines, never fills up.
 *
 * What the kernel itself writes without a CPU's access (copies to and from users, bounce buffers) is in DRAM at once, but
 * where the line differs already: there it belongs to the caches' bytes.
 *
 * Left out: CPUs share one picture of the caches, as coherent CPUs do; page tables are written around all this.
 */
#ifndef SIMM_HW_STALE_H
#define SIMM_HW_STALE_H

#include "hw/cache.h"
#include "hw/dram.h"

#define STALE_MAX_CACHES 256
#define STALE_MAX_LINE	 128

struct stale_line {
	uint64_t line;		/* number + 1; 0: an empty place */
	bool dirty;		/* the CPUs' bytes are the newer ones */
	uint8_t bytes[STALE_MAX_LINE]; /* DRAM's, the first 1 << line_shift of them */
};

/* State, in the machine; all zero: there are no devices that bypass caches. */
struct stale_table {
	uint64_t at;		/* arena offset of struct stale_line [places]; 0: no table */
	uint32_t places;	/* a power of two */
	uint32_t nr;		/* lines that differ */
	uint32_t line_shift;
	uint32_t unused;
	/* who got old bytes: CPUs that loaded, accesses around the caches that read; and where that was last */
	uint64_t old_loads, old_reads, old_at;
};

/* A view of it with the caches of all CPUs, made anew for each use. */
struct stale {
	struct stale_table *table;
	struct stale_line *line;
	struct cache *cache[STALE_MAX_CACHES];
	unsigned nr_caches;
};

/* CPU accesses through its cache @c: the line is brought in, others thrown out; returns cycles. A store must be told
 * before its bytes are written to DRAM's contents. */
uint32_t stale_cpu_access(struct stale *s, const struct dram *d, struct cache *c, uint64_t pa, bool write);
/* Around the caches: a device, or an uncached access. Errors: as dram_read(), dram_write(). */
int stale_read(struct stale *s, const struct dram *d, uint64_t pa, void *out, uint64_t bytes);
int stale_write(struct stale *s, const struct dram *d, uint64_t pa, const void *in, uint64_t bytes,
	struct refusal *why);

/* By address, on all CPUs; whole lines, those at the ends too. Returns how many lines a cache had. */
unsigned stale_clean(struct stale *s, uint64_t pa, uint64_t bytes);
/* Lines that are only partly inside are written back first, lest what lies beside the buffer be lost. */
unsigned stale_invalidate(struct stale *s, const struct dram *d, uint64_t pa, uint64_t bytes);
/* The CPUs' view becomes DRAM's: pages that change hands, the table's end. */
void stale_settle(struct stale_table *t, struct stale_line *lines, uint64_t pa, uint64_t bytes);

/* Contents of [pa, pa + bytes) are about to be written by other ways than stale_cpu_access(): lines that differ hold the CPUs'
 * newer bytes now. d->differing is there. */
void stale_written(const struct dram *d, uint64_t pa, uint64_t bytes);

/* NULL, or what is wrong. */
const char *stale_check(const struct stale *s);

#endif

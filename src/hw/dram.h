/* SPDX-License-Identifier: MIT
 *
 * DRAM with contents: what lies at physical addresses.
 *
 *      physical address   base                                    base + bytes
 *                          |  bank  |   hole   |        bank         |
 *      contents (arena)    |..X...............|...XX................|   X: the frame has contents
 *      one bit a frame      001000000000000000 000110000000000000000
 *
 * A frame of 4 KiB without contents reads as zero and costs nothing; the first write gives it contents. All state
 * is bytes in the machine's arena; struct dram is only a view of them, made anew for each use and never stored.
 * Hardware knows nothing of the kernel's lists, so where there is RAM at all is answered by a function of the owner,
 * which is asked only about frames that have no contents (those that have some are RAM).
 *
 * Beyond RAM nothing answers: -ENXIO, which a CPU turns into what its bus does (all ones on x86, an abort elsewhere).
 */
#ifndef SIMM_HW_DRAM_H
#define SIMM_HW_DRAM_H

#include "base/arena.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define DRAM_FRAME_SHIFT 12
#define DRAM_FRAME_BYTES ((uint64_t)1 << DRAM_FRAME_SHIFT)

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "simulated machines are little endian, as the host must be");

struct stale;
struct stale_table;

/* What else answers at physical addresses: devices' registers. */
struct registers {
	/* @bytes (1-8) at @pa, which is no RAM, are read or written; 0 bytes: it is only asked whether somebody is there.
	 * -ENXIO: nobody is; -EDQUOT. */
	int (*access)(const struct registers *r, uint64_t pa, unsigned bytes, bool write, uint64_t *value);
	void *owner;
	unsigned cpu; /* whose access it is */
};

struct dram {
	struct arena *arena;
	char *contents;		/* of the frames from @base on, in the arena */
	uint64_t *has;		/* bit a frame, in the arena */
	uint64_t base;		/* physical address, a multiple of DRAM_FRAME_BYTES */
	uint64_t bytes;		/* span that the arena has room for, holes included */
	/* Is there RAM at @pa? NULL: in the whole span. */
	bool (*is_ram)(const void *owner, uint64_t pa);
	const void *owner;
	/* Some devices bypass the CPUs' caches: where what the CPUs see differs from DRAM (stale.h). NULL: nowhere. */
	struct stale *stale;
	/* The same for writes that go through no CPU: NULL: no line differs now. */
	struct stale_table *differing;
	/* NULL: none. */
	const struct registers *registers;
	/* How far the memory at @pa is from the CPUs of node @node, in ACPI's terms: 10 is near, 20 takes twice as long. NULL:
	 * all memory is near. */
	unsigned (*distance)(const void *owner, unsigned node, uint64_t pa);
};

static inline bool dram_has(const struct dram *d, uint64_t pa)
{
	uint64_t frame = (pa - d->base) >> DRAM_FRAME_SHIFT;

	return pa - d->base < d->bytes && (d->has[frame / 64] >> (frame % 64) & 1);
}

/* Is there RAM at @pa? */
bool dram_is_ram(const struct dram *d, uint64_t pa);

/* Any range, across frames. -ENXIO when some of it is not RAM (nothing is read or written then); writes: -EDQUOT
 * when the host's budget ends (@why). */
int dram_read(const struct dram *d, uint64_t pa, void *out, uint64_t bytes);
int dram_write(const struct dram *d, uint64_t pa, const void *in, uint64_t bytes, struct refusal *why);
/* Make [pa, pa + bytes) read as zero; whole frames lose their contents and give their memory back. */
void dram_zero(const struct dram *d, uint64_t pa, uint64_t bytes);
/* Copy one frame; a frame without contents makes the other lose its own. -EDQUOT as dram_write(). */
int dram_copy_frame(const struct dram *d, uint64_t to_pa, uint64_t from_pa, struct refusal *why);

/* Make the frame of @pa writable in place. 0, -ENXIO, -EDQUOT. */
int dram_touch(const struct dram *d, uint64_t pa, struct refusal *why);

/* The host's address of @pa, whose frame must have contents. Valid until the view's user returns. */
static inline void *dram_at(const struct dram *d, uint64_t pa)
{
	return d->contents + (pa - d->base);
}

/* A little-endian word of @bytes (1-8) of a frame that has contents. */
static inline uint64_t dram_get(const struct dram *d, uint64_t pa, unsigned bytes)
{
	uint64_t value = 0;

	switch (bytes) {
	case 8:
		memcpy(&value, dram_at(d, pa), 8);
		break;
	case 4:
		memcpy(&value, dram_at(d, pa), 4);
		break;
	default:
		memcpy(&value, dram_at(d, pa), bytes);
	}
	return value;
}

static inline void dram_put(const struct dram *d, uint64_t pa, unsigned bytes, uint64_t value)
{
	switch (bytes) {
	case 8:
		memcpy(dram_at(d, pa), &value, 8);
		break;
	case 4:
		memcpy(dram_at(d, pa), &value, 4);
		break;
	default:
		memcpy(dram_at(d, pa), &value, bytes);
	}
}

/* The same of any frame, for words that do not cross one: the CPU's path. 0 or -ENXIO; a store -EDQUOT, too. */
static inline int dram_load(const struct dram *d, uint64_t pa, unsigned bytes, uint64_t *value)
{
	bool has = dram_has(d, pa);

	*value = __builtin_expect(has, 1) ? dram_get(d, pa, bytes) : 0;
	return __builtin_expect(has, 1) || dram_is_ram(d, pa) ? 0 : -ENXIO;
}

static inline int dram_store(const struct dram *d, uint64_t pa, unsigned bytes, uint64_t value, struct refusal *why)
{
	if (__builtin_expect(!dram_has(d, pa), 0)) {
		int err = dram_touch(d, pa, why);

		if (err)
			return err;
	}
	dram_put(d, pa, bytes, value);
	return 0;
}

#endif

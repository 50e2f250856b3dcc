/* SPDX-License-Identifier: MIT
 *
 * DRAM's slow paths (see dram.h): ranges across frames, first writes, zeroing.
 *
 * The invariant that makes the rest simple: a frame whose bit is clear is all zero in the arena
 * too, so that setting the bit needs no clearing and a copy of the machine needs no special case.
 */
#include "hw/dram.h"
#include "hw/stale.h"

#include <assert.h>

/* Before the first write to [at, at + bytes). */
static int touch(const struct dram *d, const void *at, uint64_t bytes, struct refusal *why)
{
	return arena_touch(d->arena, (uint64_t)((const char *)at - d->arena->base), bytes, why);
}

static uint64_t frame_index(const struct dram *d, uint64_t pa)
{
	assert(pa - d->base < d->bytes);
	return (pa - d->base) >> DRAM_FRAME_SHIFT;
}

/* How much of [pa, pa + bytes) lies in pa's frame. */
static uint64_t in_frame(uint64_t pa, uint64_t bytes)
{
	uint64_t left = DRAM_FRAME_BYTES - pa % DRAM_FRAME_BYTES;

	return bytes < left ? bytes : left;
}

bool dram_is_ram(const struct dram *d, uint64_t pa)
{
	if (pa - d->base >= d->bytes)
		return false;
	return dram_has(d, pa) || !d->is_ram || d->is_ram(d->owner, pa);
}

static bool all_ram(const struct dram *d, uint64_t pa, uint64_t bytes)
{
	if (!bytes)
		return true;
	if (pa < d->base || bytes > d->bytes || pa - d->base > d->bytes - bytes)
		return false;
	for (uint64_t n; bytes; pa += n, bytes -= n) {
		n = in_frame(pa, bytes);
		if (!dram_is_ram(d, pa))
			return false;
	}
	return true;
}

int dram_touch(const struct dram *d, uint64_t pa, struct refusal *why)
{
	if (!dram_is_ram(d, pa))
		return -ENXIO;
	uint64_t frame = frame_index(d, pa);
	uint64_t *word = &d->has[frame / 64];

	if (*word >> (frame % 64) & 1)
		return 0;
	int err = touch(d, d->contents + (frame << DRAM_FRAME_SHIFT), DRAM_FRAME_BYTES, why);
	if (!err)
		err = touch(d, word, sizeof(*word), why);
	if (!err)
		*word |= (uint64_t)1 << (frame % 64);
	return err;
}

int dram_read(const struct dram *d, uint64_t pa, void *out, uint64_t bytes)
{
	char *to = out;

	if (!all_ram(d, pa, bytes))
		return -ENXIO;
	for (uint64_t n; bytes; pa += n, to += n, bytes -= n) {
		n = in_frame(pa, bytes);
		if (dram_has(d, pa))
			memcpy(to, dram_at(d, pa), n);
		else
			memset(to, 0, n);
	}
	return 0;
}

int dram_write(
	const struct dram *d, uint64_t pa, const void *in, uint64_t bytes, struct refusal *why)
{
	const char *from = in;

	if (!all_ram(d, pa, bytes))
		return -ENXIO;
	for (uint64_t n, at = pa, left = bytes; left; at += n, left -= n) {
		int err = dram_touch(d, at, why);

		if (err)
			return err;
		n = in_frame(at, left);
	}
	if (__builtin_expect(d->differing != NULL, 0))
		stale_written(d, pa, bytes);
	for (uint64_t n; bytes; pa += n, from += n, bytes -= n) {
		n = in_frame(pa, bytes);
		memcpy(dram_at(d, pa), from, n);
	}
	return 0;
}

void dram_zero(const struct dram *d, uint64_t pa, uint64_t bytes)
{
	if (__builtin_expect(d->differing != NULL, 0))
		stale_written(d, pa, bytes);
	for (uint64_t n; bytes; pa += n, bytes -= n) {
		n = in_frame(pa, bytes);
		if (!dram_has(d, pa))
			continue;
		if (n < DRAM_FRAME_BYTES) {
			memset(dram_at(d, pa), 0, n);
			continue;
		}
		uint64_t frame = frame_index(d, pa);

		arena_forget(d->arena,
			(uint64_t)(d->contents - d->arena->base) + (frame << DRAM_FRAME_SHIFT),
			DRAM_FRAME_BYTES);
		d->has[frame / 64] &= ~((uint64_t)1 << (frame % 64));
	}
}

int dram_copy_frame(const struct dram *d, uint64_t to_pa, uint64_t from_pa, struct refusal *why)
{
	assert(!(to_pa % DRAM_FRAME_BYTES) && !(from_pa % DRAM_FRAME_BYTES));
	if (!dram_is_ram(d, to_pa) || !dram_is_ram(d, from_pa))
		return -ENXIO;
	if (!dram_has(d, from_pa)) {
		dram_zero(d, to_pa, DRAM_FRAME_BYTES);
		return 0;
	}
	int err = dram_touch(d, to_pa, why);

	if (!err && __builtin_expect(d->differing != NULL, 0))
		stale_written(d, to_pa, DRAM_FRAME_BYTES);
	if (!err && to_pa != from_pa)
		memcpy(dram_at(d, to_pa), dram_at(d, from_pa), DRAM_FRAME_BYTES);
	return err;
}

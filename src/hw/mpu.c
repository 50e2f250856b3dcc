/* SPDX-License-Identifier: MIT
 *
 * The MPU's regions and registers (see mpu.h).
 *
 * Finding who may do what at an address:
 * 1. The private peripheral bus, 0xe0000000-0xe00fffff, is the kernel's, never executed, and no matter of the MPU.
 * 2. With the MPU off the default memory map answers.
 * 3. Else the enabled regions from the highest number down; the first that has the address in an eighth that is not off.
 * 4. Else the default memory map, for privileged accesses, when PRIVDEFENA says so; else nobody.
 *
 * While asking, the bytes around the address are kept for which every question has the same answer: next time that is
 * one comparison. Any write of a register forgets them.
 *
 * Left out: HFNMIENA (handlers of faults above all priorities run with the MPU as it is), separate regions for
 * instructions (ARMv7-R has them), alignment faults, ARMv8-M's regions from base to limit.
 */
#include "hw/mpu.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

/* SIZE, log2 of the bytes less one, from which on a region has eighths. */
enum { SIZE_SRD_MIN = 7 };
/* XN, AP, TEX, S, C, B, SRD, SIZE, ENABLE: the rest does not exist. */
#define RASR_BITS 0x173fff3fu
#define PPB_START 0xe0000000u
#define PPB_LAST  0xe00fffffu

void mpu_init(struct mpu *mpu, unsigned nr_regions)
{
	assert(nr_regions <= MPU_MAX_REGIONS);
	memset(mpu, 0, sizeof(*mpu));
	mpu->nr_regions = nr_regions;
}

static unsigned size_field(const struct mpu_region *r)
{
	return r->rasr >> MPU_RASR_SIZE_SHIFT & 31;
}

uint64_t mpu_region_bytes(const struct mpu_region *r)
{
	return (uint64_t)2 << size_field(r);
}

/* Address bits below the size do not exist. */
uint32_t mpu_region_base(const struct mpu_region *r)
{
	return (uint32_t)(r->rbar & ~(mpu_region_bytes(r) - 1));
}

uint8_t mpu_region_off(const struct mpu_region *r)
{
	return size_field(r) < SIZE_SRD_MIN ? 0 : (uint8_t)(r->rasr >> MPU_RASR_SRD_SHIFT);
}

/* TEX, C and B as one number of five bits. */
static unsigned memory_type(const struct mpu_region *r)
{
	return (r->rasr >> MPU_RASR_TEX_SHIFT & 7) << 2 | (r->rasr >> 16 & 3);
}

const char *mpu_region_memory(const struct mpu_region *r)
{
	unsigned type = memory_type(r);

	/* TEX 4-7 tell an outer cache's ways from an inner one's: C and B are the inner one's. */
	if (type >= 16)
		return type & 3 ? "normal, cached" : "normal, not cached";
	switch (type) {
	case 0:
		return "strongly ordered";
	case 1:
	case 8:
		return "device";
	case 2:
		return "normal, write-through";
	case 3:
	case 7:
		return "normal, write-back";
	case 4:
		return "normal, not cached";
	default:
		return "reserved attributes";
	}
}

static bool cached(const struct mpu_region *r)
{
	unsigned type = memory_type(r);

	return type >= 16 ? type & 3 : type == 2 || type == 3 || type == 7;
}

uint32_t mpu_region_flags(const struct mpu_region *r)
{
	static const uint32_t by_ap[8] = {
		[1] = HW_PR | HW_PW,
		[2] = HW_PR | HW_PW | HW_UR,
		[3] = HW_PR | HW_PW | HW_UR | HW_UW,
		[5] = HW_PR,
		[6] = HW_PR | HW_UR,
		[7] = HW_PR | HW_UR,
	};
	uint32_t flags = by_ap[r->rasr >> MPU_RASR_AP_SHIFT & 7];

	/* What can be read can be executed, unless XN. */
	if (!(r->rasr & MPU_RASR_XN))
		flags |= (flags & HW_PR ? HW_PX : 0) | (flags & HW_UR ? HW_UX : 0);
	return flags | (cached(r) ? 0 : HW_UNCACHED);
}

/* Code, SRAM and external RAM execute; peripherals, external devices and what the vendor has do not. */
static uint32_t mpu_default_flags(uint32_t pa)
{
	enum { MEMORY = HW_ALL, DEVICE = HW_PR | HW_PW | HW_UR | HW_UW | HW_UNCACHED };
	static const uint32_t by_half_gib[8] = {
		MEMORY, MEMORY, DEVICE, MEMORY, MEMORY, DEVICE, DEVICE, DEVICE};

	if (pa >= PPB_START && pa <= PPB_LAST)
		return HW_PR | HW_PW | HW_UNCACHED;
	return by_half_gib[pa >> 29];
}

/* What the questions so far have left of the addresses with the same answer. */
struct window {
	uint32_t start, last;
};

static void cut(struct window *w, uint32_t pa, uint64_t start, uint64_t end)
{
	if (pa >= end && end > w->start)
		w->start = (uint32_t)end;
	if (pa < start && start <= w->last)
		w->last = (uint32_t)start - 1;
	if (pa >= start && pa < end) {
		w->start = start > w->start ? (uint32_t)start : w->start;
		w->last = end - 1 < w->last ? (uint32_t)(end - 1) : w->last;
	}
}

/* Has the region the address? */
static bool has(const struct mpu_region *r, uint32_t pa, struct window *w)
{
	uint64_t start = mpu_region_base(r), bytes = mpu_region_bytes(r);

	cut(w, pa, start, start + bytes);
	if (pa < start || pa - start >= bytes)
		return false;
	uint8_t off = mpu_region_off(r);

	if (!off)
		return true;
	uint64_t eighth = bytes / 8, n = (pa - start) / eighth;

	cut(w, pa, start + n * eighth, start + (n + 1) * eighth);
	return !(off >> n & 1);
}

static struct mpu_hit by_default(const struct mpu *mpu, uint32_t pa, struct window *w)
{
	uint32_t flags = mpu_default_flags(pa), half_gib = 1u << 29, start = pa & ~(half_gib - 1);

	cut(w, pa, start, (uint64_t)start + half_gib);
	cut(w, pa, PPB_START, (uint64_t)PPB_LAST + 1);
	if (!(mpu->ctrl & MPU_ENABLE) || (pa >= PPB_START && pa <= PPB_LAST))
		return (struct mpu_hit){flags, MPU_REGION_DEFAULT};
	if (!(mpu->ctrl & MPU_PRIVDEFENA))
		return (struct mpu_hit){0, MPU_REGION_NONE};
	return (struct mpu_hit){flags & ~(uint32_t)HW_U_ALL, MPU_REGION_DEFAULT};
}

static struct mpu_hit look(const struct mpu *mpu, uint32_t pa, struct window *w)
{
	bool regions = mpu->ctrl & MPU_ENABLE && (pa < PPB_START || pa > PPB_LAST);

	for (unsigned n = mpu->nr_regions; n-- > 0 && regions;) {
		const struct mpu_region *r = &mpu->region[n];

		if (mpu_region_on(r) && has(r, pa, w))
			return (struct mpu_hit){mpu_region_flags(r), (uint8_t)n};
	}
	return by_default(mpu, pa, w);
}

struct mpu_hit mpu_lookup(const struct mpu *mpu, uint32_t pa)
{
	struct window w = {0, UINT32_MAX};

	return look(mpu, pa, &w);
}

struct mpu_hit mpu_find_slowly(struct mpu *mpu, uint32_t pa)
{
	struct window w = {0, UINT32_MAX};

	/* No window reaches over the private peripheral bus. */
	cut(&w, pa, PPB_START, (uint64_t)PPB_LAST + 1);
	mpu->window = look(mpu, pa, &w);
	mpu->window_start = w.start;
	mpu->window_last = w.last;
	mpu->window_known = true;
	assert(pa >= w.start && pa <= w.last);
	return mpu->window;
}

/* ---- registers ---- */

uint32_t mpu_type(const struct mpu *mpu)
{
	return mpu->nr_regions << 8;
}

static struct mpu_region *chosen(struct mpu *mpu)
{
	return mpu->rnr < mpu->nr_regions ? &mpu->region[mpu->rnr] : NULL;
}

/* The address alone: its bits below the region's size read as zero, VALID too. */
uint32_t mpu_read_rbar(const struct mpu *mpu)
{
	return mpu->rnr < mpu->nr_regions ? mpu->region[mpu->rnr].rbar | mpu->rnr : 0;
}

uint32_t mpu_read_rasr(const struct mpu *mpu)
{
	return mpu->rnr < mpu->nr_regions ? mpu->region[mpu->rnr].rasr : 0;
}

void mpu_write_ctrl(struct mpu *mpu, uint32_t value)
{
	mpu->window_known = false;
	if (mpu->nr_regions)
		mpu->ctrl = value & (MPU_ENABLE | MPU_HFNMIENA | MPU_PRIVDEFENA);
}

void mpu_write_rnr(struct mpu *mpu, uint32_t value)
{
	mpu->rnr = value & 0xff;
}

void mpu_write_rbar(struct mpu *mpu, uint32_t value)
{
	struct mpu_region *r;

	if (value & MPU_RBAR_VALID)
		mpu->rnr = value & MPU_RBAR_REGION;
	mpu->window_known = false;
	r = chosen(mpu);
	if (r)
		r->rbar = value & ~31u;
}

void mpu_write_rasr(struct mpu *mpu, uint32_t value)
{
	struct mpu_region *r = chosen(mpu);

	mpu->window_known = false;
	if (r)
		r->rasr = value & RASR_BITS;
}

const char *mpu_check(const struct mpu *mpu)
{
	if (mpu->nr_regions > MPU_MAX_REGIONS || mpu->rnr > 0xff)
		return "the MPU has more regions than there are";
	for (unsigned n = 0; n < MPU_MAX_REGIONS; n++)
		if (n >= mpu->nr_regions && (mpu->region[n].rbar || mpu->region[n].rasr))
			return "a region of the MPU is set that it does not have";
	if (!mpu->window_known)
		return NULL;
	for (unsigned i = 0; i < 3; i++) {
		uint32_t pa = i == 0   ? mpu->window_start
			      : i == 1 ? mpu->window_last
				       : mpu->window_start / 2 + mpu->window_last / 2;
		struct mpu_hit hit = mpu_lookup(mpu, pa);

		if (hit.flags != mpu->window.flags || hit.region != mpu->window.region)
			return "what the MPU remembers of an address is no longer so";
	}
	return NULL;
}

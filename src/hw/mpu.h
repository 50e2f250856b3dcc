/* SPDX-License-Identifier: MIT
 *
 * A memory protection unit of the ARMv7-M kind: regions with attributes, and no translation.
 *
 *      region 3   .....................[ 0xc0200000 64K  user r--, no execution ].........  asked first
 *      region 1   [ 0xc0000000 16M  kernel rwx, user rwx            |off|      ].........
 *      region 0   [ 0x00000000 4G   kernel rw-, user rw-                                ]
 *      default memory map                                                                  privileged, with PRIVDEFENA
 *
 * An address is what it is: physical. The region with the highest number that has it says who may do what; what no
 * region has is a fault, unless the access is privileged and PRIVDEFENA lets it fall through to the architecture's
 * default memory map. A region is a power of two of bytes from 32 on, aligned to its size; from 256 bytes on each of
 * its eighths can be switched off, and then the regions below it show through.
 *
 * The four registers are a window (RNR chooses the region that RBAR and RASR are of), and are reached through the
 * system control space at 0xe000e000, as on real ones (Arm DDI 0403 B3.5).
 */
#ifndef SIMM_HW_MPU_H
#define SIMM_HW_MPU_H

#include "hw/paging.h"

#include <stdbool.h>
#include <stdint.h>

#define MPU_MAX_REGIONS 16

/* clang-format off */
enum mpu_ctrl { MPU_ENABLE = 1, MPU_HFNMIENA = 2, MPU_PRIVDEFENA = 4 };
/* RBAR: bits 31-5 of the address; VALID says that the region's number is in bits 3-0. */
enum mpu_rbar { MPU_RBAR_VALID = 1 << 4, MPU_RBAR_REGION = 15 };
enum mpu_rasr { MPU_RASR_ENABLE = 1, MPU_RASR_SIZE_SHIFT = 1, MPU_RASR_SRD_SHIFT = 8, MPU_RASR_B = 1 << 16,
	MPU_RASR_C = 1 << 17, MPU_RASR_S = 1 << 18, MPU_RASR_TEX_SHIFT = 19, MPU_RASR_AP_SHIFT = 24, MPU_RASR_XN = 1 << 28 };
/* clang-format on */

/* Where the address fell. */
enum { MPU_REGION_NONE = 255, MPU_REGION_DEFAULT = 254 };

struct mpu_region {
	uint32_t rbar;		/* the address alone */
	uint32_t rasr;
};

struct mpu_hit {
	uint32_t flags;		/* enum hw_page_flags */
	uint8_t region;		/* its number, or MPU_REGION_* */
};

struct mpu {
	uint32_t nr_regions;	/* 0: the CPU has no MPU */
	uint32_t ctrl, rnr;
	struct mpu_region region[MPU_MAX_REGIONS];
	/* The last answer, and the bytes around the address for which it is the same. */
	uint32_t window_start, window_last;
	struct mpu_hit window;
	bool window_known;
};

/* At reset: off, no region enabled. */
void mpu_init(struct mpu *mpu, unsigned nr_regions);

/* What a region's registers come to. */
static inline bool mpu_region_on(const struct mpu_region *r)
{
	return r->rasr & MPU_RASR_ENABLE && (r->rasr >> MPU_RASR_SIZE_SHIFT & 31) >= 4;
}
uint64_t mpu_region_bytes(const struct mpu_region *r);
uint32_t mpu_region_base(const struct mpu_region *r);
/* Bit n: the n-th eighth is off. */
uint8_t mpu_region_off(const struct mpu_region *r);
uint32_t mpu_region_flags(const struct mpu_region *r);
/* "strongly ordered", "device", "normal, write-back": of TEX, C and B. */
const char *mpu_region_memory(const struct mpu_region *r);

/* Who may do what at @pa now. */
struct mpu_hit mpu_lookup(const struct mpu *mpu, uint32_t pa);

/* mpu_lookup(), and keep the answer with its window. */
struct mpu_hit mpu_find_slowly(struct mpu *mpu, uint32_t pa);

/* Who may do what at @pa, by way of the last answer: for accesses. */
static inline struct mpu_hit mpu_find(struct mpu *mpu, uint32_t pa)
{
	if (mpu->window_known && pa >= mpu->window_start && pa <= mpu->window_last)
		return mpu->window;
	return mpu_find_slowly(mpu, pa);
}

/* The registers. Any value can be written: bits that do not exist are lost, and so is a region that does not. */
uint32_t mpu_type(const struct mpu *mpu);
uint32_t mpu_read_rbar(const struct mpu *mpu);
uint32_t mpu_read_rasr(const struct mpu *mpu);
void mpu_write_ctrl(struct mpu *mpu, uint32_t value);
void mpu_write_rnr(struct mpu *mpu, uint32_t value);
void mpu_write_rbar(struct mpu *mpu, uint32_t value);
void mpu_write_rasr(struct mpu *mpu, uint32_t value);

/* NULL, or what is wrong. */
const char *mpu_check(const struct mpu *mpu);

#endif

/* SPDX-License-Identifier: MIT
 *
 * A kernel without MMU protects what it can: the regions of the MPU.
 */
#ifndef SIMM_MM_PMSA_H
#define SIMM_MM_PMSA_H

#include "hw/mpu.h"

#include <stddef.h>

struct machine;
struct refusal;

/* Properties of a region: bits 31-16 of its RASR. The kernel's words (PMSAv7_ACR_XN ...) are rows of pmsa.c. */
enum pmsa_properties {
	PMSA_XN = 1 << 12,
	PMSA_SHARED = 1 << 2,
	PMSA_STRONGLY_ORDERED = 0,
	PMSA_CACHEABLE = 0xb,
	PMSA_KERNEL = 1 << 8,		/* PL1RW_PL0NA */
	PMSA_USER_READS = 2 << 8,	/* PL1RW_PL0R0 */
	PMSA_ALL = 3 << 8,		/* PL1RW_PL0RW */
	PMSA_KERNEL_READS = 5 << 8,	/* PL1RO_PL0NA */
};

/* A range as one region: a power of two of bytes, aligned; bit n of @off: without its n-th eighth. */
struct pmsa_piece {
	uint64_t base, bytes;
	uint8_t off;
};

/* Regions that cover [start, start + bytes) and nothing else, at most @most of them: allocate_region(). Returns how
 * many; they may cover less than was asked, a whole beginning of it. */
unsigned pmsa_cover(uint64_t start, uint64_t bytes, unsigned most, struct pmsa_piece *out);

/* For a kernel that runs from flash at XIP_PHYS_ADDR: the pieces of it, and how many regions are left for RAM beside
 * the background. */
unsigned pmsa_cover_xip(unsigned nr_regions, struct pmsa_piece *out, unsigned *left);

/* pmsav7_setup(): at boot, the regions of everything, of the kernel's code and of RAM; the MPU on. 0, -ENOMEM, -EDQUOT. */
int pmsa_setup(struct machine *m);

/* The flags joined by | or +, with or without PMSAv7_. EINVAL with a sentence. */
int pmsa_properties_parse(const char *s, size_t len, uint32_t *properties, struct refusal *why);

/* mpu_setup_region(): through CPU @cpu's registers, the region on. ENOENT: no such region; ENOMEM: no such size. */
int mpu_setup_region(struct machine *m, unsigned cpu, uint64_t number, uint64_t start, uint64_t size_order,
	uint32_t properties, uint64_t subregions);

#endif

/* SPDX-License-Identifier: MIT
 *
 * Random numbers that are state: splitmix64 (Steele, Lea, Flood 2014). One word of state, so it lives
 * in the machine and is copied with it; the same seed gives the same machine.
 */
#ifndef SIMM_BASE_RNG_H
#define SIMM_BASE_RNG_H

#include <stdint.h>

struct rng {
	uint64_t state;
};

static inline uint64_t rng_next(struct rng *r)
{
	uint64_t z = (r->state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* Uniform in [0, bound), bound > 0; the bias of the multiplication (below 2^-32) does not matter here. */
static inline uint32_t rng_below(struct rng *r, uint32_t bound)
{
	return (uint32_t)(((rng_next(r) >> 32) * bound) >> 32);
}

#endif

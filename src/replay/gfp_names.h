/* SPDX-License-Identifier: MIT
 *
 * GFP flags as kernels of other versions spell them, in the flags of 6.1.
 */
#ifndef SIMM_REPLAY_GFP_NAMES_H
#define SIMM_REPLAY_GFP_NAMES_H

#include "mm/page/page_alloc.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Words joined by '|', as a tracepoint prints them. Flags that 6.1 has not are left out and counted in *@unknown.
 * False: the text is torn (an empty or impossible word, or a last one that is the beginning of a flag). */
bool gfp_from_any_kernel(const char *s, size_t len, gfp_t *out, unsigned *unknown);

/* The few dozen texts that a recording repeats millions of times, remembered. Not state: it only saves work. */
#define GFP_CACHE_ROWS 64
#define GFP_CACHE_TEXT 120

struct gfp_cache {
	struct {
		gfp_t gfp;
		uint8_t unknown;
		uint8_t len; /* 0: empty row */
		char text[GFP_CACHE_TEXT];
	} row[GFP_CACHE_ROWS];
};

bool gfp_cached(struct gfp_cache *cache, const char *s, size_t len, gfp_t *out, unsigned *unknown);

#endif

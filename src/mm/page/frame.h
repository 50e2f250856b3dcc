/* SPDX-License-Identifier: MIT
 *
 * Frames: the simulated mem_map, made live one max-order block at a time.
 *
 * A block (1 << (nr_orders - 1) pages, aligned) is live when its frames have been written into the
 * arena; until then each of its frames is what extents and memblock say: free memory never used,
 * reserved since boot, or a hole. frame_peek() answers for both; frame_live() makes the block live first.
 */
#ifndef SIMM_MM_FRAME_H
#define SIMM_MM_FRAME_H

#include "mm/machine.h"

enum frame_flag_bit {
#define FRAME_FLAG(name, kpf, word, doc) FRAME_BIT_##name,
#include "mm/page/frame_flags.def"
	NR_FRAME_FLAGS
};
_Static_assert(NR_FRAME_FLAGS <= 32, "frame.flags has 32 bits");

enum {
#define FRAME_FLAG(name, kpf, word, doc) FRAME_##name = 1u << FRAME_BIT_##name,
#include "mm/page/frame_flags.def"
};

struct frame_flag_row {
	const char *name;	/* "LOCKED" */
	int kpf;		/* bit in kpageflags, -1: none */
	const char *word;
	const char *doc;
};
extern const struct frame_flag_row frame_flag_rows[NR_FRAME_FLAGS];

/* Does @pfn have a frame (pfn_valid() of the memory model)? Holes inside FLATMEM do; holes between
 * sections of SPARSEMEM do not. */
bool pfn_valid(const struct machine *m, uint64_t pfn);
/* Is there RAM at @pfn that the kernel knows (present)? */
bool pfn_present(const struct machine *m, uint64_t pfn);

/* The frame in the arena; its block must be live. */
static inline struct frame *frame_of(const struct machine *m, uint64_t pfn)
{
	return (struct frame *)(m->arena.base + m->frames_at) + (pfn - m->base_pfn);
}

static inline bool frame_is_live(const struct machine *m, uint64_t pfn)
{
	uint64_t block = (pfn - m->base_pfn) >> (m->nr_orders - 1);
	const uint64_t *live = (const uint64_t *)(m->arena.base + m->live_at);

	return live[block / 64] >> (block % 64) & 1;
}

/* Make the block of @pfn live. Returns the frame, or NULL when the host's budget ends (m->why: EDQUOT).
 * A block that lies in an extent leaves it and joins the free list at the place where it stood. */
struct frame *frame_live(struct machine *m, uint64_t pfn);

/* What the frame of @pfn is, live or not. @pfn must be valid. Changes nothing. */
struct frame frame_peek(const struct machine *m, uint64_t pfn);

/* Zone and node of a valid pfn, NULL for a hole outside every zone. */
struct zone *pfn_zone(const struct machine *m, uint64_t pfn);
enum migratetype pageblock_type(const struct machine *m, uint64_t pfn);
void pageblock_set_type(struct machine *m, uint64_t pfn, enum migratetype type);

#endif

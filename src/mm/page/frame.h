/* SPDX-License-Identifier: MIT
 *
 * Frames: the simulated mem_map, made live one max-order block at a time.
 *
 * A block (1 << (nr_orders - 1) pages, aligned) is live when its frames have been written into the
 * arena; until then each of its frames is what extents and memblock say: free memory never used,
 * reserved since boot, or a hole. frame_peek() answers for both; frame_live() makes the block live first.
 *
 * Within a live max-order block only the first frame of each smaller block says anything:
 *
 *	pfn     0x400         0x401  0x402        0x403  0x404 ...                 0x408
 *	frame   refcount 1    0      BUDDY        0      HEAD, refcount 1, 0 0 0   RESERVED
 *	        order 1              order 1             order 2
 *	        allocated            free                compound                  not ours
 *
 * so allocating a large block writes one frame, and a page inside it finds its head by clearing bits.
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

__extension__ enum {
#define FRAME_FLAG(name, kpf, word, doc) FRAME_##name = 1u << FRAME_BIT_##name,
#include "mm/page/frame_flags.def"
};

/* One bit for two uses, as in the kernel: on a page of a file, it came from the disk. */
__extension__ enum { FRAME_MAPPEDTODISK = FRAME_ANON_EXCLUSIVE };

struct frame_flag_row {
	const char *name; /* "LOCKED" */
	int kpf;	  /* bit in kpageflags, -1: none */
	const char *word;
	const char *doc;
};
extern const struct frame_flag_row frame_flag_rows[NR_FRAME_FLAGS];

/* Does @pfn have a frame (pfn_valid() of the memory model)? Holes inside FLATMEM do (on ARM only those in a pageblock with
 * RAM), and those inside a node of DISCONTIGMEM; holes between
 * sections of SPARSEMEM do not. */
bool pfn_valid(const struct machine *m, uint64_t pfn);
/* Is there RAM at @pfn that the kernel knows (present)? */
bool pfn_present(const struct machine *m, uint64_t pfn);

/* The frame in the arena; its block must be live. */
static inline struct frame *frame_of(const struct machine *m, uint64_t pfn)
{
	return (struct frame *)machine_at(m, m->frames_at) + (pfn - m->base_pfn);
}

static inline bool frame_is_live(const struct machine *m, uint64_t pfn)
{
	uint64_t block = (pfn - m->base_pfn) >> (m->nr_orders - 1);
	const uint64_t *live = machine_at(m, m->live_at);

	return live[block / 64] >> (block % 64) & 1;
}

/* Make the max-order block of @pfn live: reserved pages and holes are written into its frames; free memory never
 * used stays in its extent, with frames of zeroes. Returns the frame, or NULL when the host's budget ends
 * (m->why: EDQUOT). */
struct frame *frame_live(struct machine *m, uint64_t pfn);

/* Does a block begin at this frame: free, on a CPU's list, allocated or reserved? */
static inline bool frame_is_head(const struct frame *f)
{
	return f->refcount || f->flags & (FRAME_BUDDY | FRAME_PCP | FRAME_RESERVED);
}

/* The first pfn of the block that @pfn (in a live max-order block) is part of, NO_PFN when it is in an extent. */
uint64_t frame_block_head(const struct machine *m, uint64_t pfn);

/* What the frame of @pfn is, live or not. @pfn must be valid. Changes nothing. A slab is not mapped (mapcount 0).
 * Inside a block (not its first page) the answer is: mapping = the head's pfn + 1, the block's order, no
 * reference, and of the flags BUDDY or PCP as the head has it, or TAIL when the head is a compound page's. `index`
 * is the migratetype of the list of a free block. A page that is not the kernel's is RESERVED, and HOLE when there
 * is no RAM. */
struct frame frame_peek(const struct machine *m, uint64_t pfn);

/* So many references a pin adds (GUP_PIN_COUNTING_BIAS). */
#define GUP_PIN_BIAS 1024u
/* page_maybe_dma_pinned() */
static inline bool page_maybe_pinned(const struct frame *f)
{
	return f->refcount >= GUP_PIN_BIAS;
}

/* Zone and node of a valid pfn, NULL for a hole outside every zone. */
struct zone *pfn_zone(const struct machine *m, uint64_t pfn);
/* The same, when its neighbour's is @near (NULL: it has none). */
static inline struct zone *pfn_zone_near(
	const struct machine *m, struct zone *near, uint64_t pfn)
{
	/* Zones of one node do not overlap. */
	if (near && m->nr_nodes == 1 && pfn - near->start_pfn < near->spanned_pages)
		return near;
	return pfn_zone(m, pfn);
}

/* A pageblock's byte: its migratetype in the low bits; 0, the untouched state, is Movable. */
#define PAGEBLOCK_TYPE_MASK 7u
#define PAGEBLOCK_SKIP	    8u /* PB_migrate_skip: compaction found nothing in it */

static inline uint64_t pageblock_index(const struct machine *m, uint64_t pfn)
{
	return (pfn - m->base_pfn) >> m->pageblock_order;
}

static inline enum migratetype pageblock_type(const struct machine *m, uint64_t pfn)
{
	const uint8_t *blocks = machine_at(m, m->pageblocks_at);

	return (enum migratetype)(blocks[pageblock_index(m, pfn)] & PAGEBLOCK_TYPE_MASK);
}

static inline bool pageblock_skip(const struct machine *m, uint64_t pfn)
{
	const uint8_t *blocks = machine_at(m, m->pageblocks_at);

	return blocks[pageblock_index(m, pfn)] & PAGEBLOCK_SKIP;
}
/* @pfn lies in a live block. */
static inline void pageblock_set_skip(struct machine *m, uint64_t pfn, bool skip)
{
	uint8_t *block = (uint8_t *)machine_at(m, m->pageblocks_at) + pageblock_index(m, pfn);

	*block = (uint8_t)(skip ? *block | PAGEBLOCK_SKIP : *block & ~PAGEBLOCK_SKIP);
}

/* Errors: EDQUOT (m->why). */
int pageblock_set_type(struct machine *m, uint64_t pfn, enum migratetype type);

#endif

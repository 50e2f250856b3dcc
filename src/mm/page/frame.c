/* SPDX-License-Identifier: MIT
 *
 * Frames that exist only when needed (see frame.h).
 *
 * What a page is, when its max-order block is not live:
 *
 *   1. in an extent of its zone     free, never used
 *   2. else in memblock's memory    reserved since boot
 *   3. else                         a hole (a struct page without RAM), or no page at all
 *
 * frame_live() writes 2 and 3 into the frames of the block; a block that lies in an extent needs
 * nothing written, since zero means "look elsewhere". Invariant: a live block's frames are all
 * inside blocks that begin at a head (frame_is_head()), or the whole block is in an extent. The
 * list of extents is the authority for never-used memory whether its frames are live or not, so
 * making a block live moves nothing in the free lists.
 *
 * Left out: section numbers in flags. Follows mm/page_alloc.c (memmap_init(),
 * init_unavailable_range()) and include/linux/mmzone.h (pfn_valid()) of 6.1.
 */
#include "mm/page/frame.h"

#include "mm/page/extent.h"
#include "mm/page/zone.h"

#include <assert.h>
#include <string.h>

const struct frame_flag_row frame_flag_rows[NR_FRAME_FLAGS] = {
#define FRAME_FLAG(name, kpf, word, doc) {#name, kpf, word, doc},
#include "mm/page/frame_flags.def"
};

/* The first region that ends after @addr, or type->nr. */
static unsigned region_after(const struct memblock_type *type, uint64_t addr)
{
	unsigned low = 0, high = type->nr;

	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (type->region[mid].end <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool in_regions(const struct memblock_type *type, uint64_t start, uint64_t end)
{
	unsigned i = region_after(type, start);

	return i < type->nr && type->region[i].start < end;
}

bool pfn_present(const struct machine *m, uint64_t pfn)
{
	return in_regions(&m->memblock.memory, pfn << PAGE_SHIFT, (pfn << PAGE_SHIFT) + 1);
}

/* DISCONTIGMEM: from the first page of a node to its last. */
static bool in_a_node(const struct machine *m, uint64_t pfn)
{
	for (unsigned nid = 0; nid < m->nr_nodes; nid++) {
		const struct node *n = node_at(m, nid);

		if (pfn - n->start_pfn < n->spanned_pages)
			return true;
	}
	return false;
}

bool pfn_valid(const struct machine *m, uint64_t pfn)
{
	/* SPARSEMEM: a section that has any memory has all its struct pages. */
	unsigned shift = m->section_shift;

	if (pfn < m->base_pfn || pfn >= m->frames_end_pfn)
		return false;
	if (!shift) {
		if (pfn >= m->end_pfn || machine_has(m, CONFIG_DISCONTIGMEM))
			return pfn < m->end_pfn && in_a_node(m, pfn);
		/* FLATMEM: all have one, but on ARM those of holes are given back, by whole pageblocks. */
		if (m->arch != ARCH_ARM)
			return true;
		shift = PAGE_SHIFT + m->pageblock_order;
	}
	uint64_t unit = pfn << PAGE_SHIFT >> shift << shift;

	return in_regions(&m->memblock.memory, unit, unit + ((uint64_t)1 << shift));
}

static bool zone_spans(const struct zone *z, uint64_t pfn)
{
	return pfn - z->start_pfn < z->spanned_pages;
}

static struct zone *node_zone(const struct machine *m, unsigned nid, uint64_t pfn)
{
	/* Zones of one node do not overlap, so those that usually have the most pages are asked first. */
	static const uint8_t order[MAX_NR_ZONES] = {
		ZONE_NORMAL, ZONE_DMA32, ZONE_HIGHMEM, ZONE_DMA, ZONE_MOVABLE, ZONE_DEVICE};

	for (unsigned i = 0; i < MAX_NR_ZONES; i++) {
		struct zone *z = zone_at(m, nid, (enum zone_type)order[i]);

		if (zone_spans(z, pfn))
			return z;
	}
	return NULL;
}

struct zone *pfn_zone(const struct machine *m, uint64_t pfn)
{
	if (m->nr_nodes == 1)
		return node_zone(m, 0, pfn);
	/* Nodes may be interleaved, so a span alone does not decide: memblock knows whose RAM it
	 * is. */
	unsigned i = region_after(&m->memblock.memory, pfn << PAGE_SHIFT);
	if (i < m->memblock.memory.nr) {
		struct zone *z = node_zone(m, m->memblock.memory.region[i].nid, pfn);

		if (z)
			return z;
	}
	for (unsigned nid = 0; nid < m->nr_nodes; nid++) {
		struct zone *z = node_zone(m, nid, pfn);

		if (z)
			return z;
	}
	return NULL;
}

int pageblock_set_type(struct machine *m, uint64_t pfn, enum migratetype type)
{
	uint64_t at = m->pageblocks_at + pageblock_index(m, pfn);
	uint8_t *byte = machine_at(m, at);

	assert(type < MIGRATE_TYPES);
	if ((*byte & PAGEBLOCK_TYPE_MASK) == type)
		return 0;
	int err = arena_touch(&m->arena, at, 1, &m->why);
	if (err)
		return err;
	*byte = (uint8_t)((*byte & ~PAGEBLOCK_TYPE_MASK) | type);
	return 0;
}

uint64_t frame_block_head(const struct machine *m, uint64_t pfn)
{
	assert(frame_is_live(m, pfn));
	for (unsigned order = 0; order < m->nr_orders; order++) {
		uint64_t head_pfn = pfn & ~(((uint64_t)1 << order) - 1);
		const struct frame *f = frame_of(m, head_pfn);

		if (frame_is_head(f) && f->order >= order)
			return head_pfn;
	}
	return NO_PFN;
}

/* A page that the page allocator never had: as memmap_init() leaves it, with one reference. */
static struct frame reserved_frame(bool present)
{
	return (struct frame){
		.flags = FRAME_RESERVED | (present ? 0 : (uint32_t)FRAME_HOLE), .refcount = 1};
}

/* The page of a block whose head looks like @head. */
static struct frame inside(const struct frame *head, uint64_t head_pfn)
{
	struct frame f = {.mapping = (uint32_t)(head_pfn + 1), .order = head->order};

	f.flags = head->flags & (FRAME_BUDDY | FRAME_PCP);
	if (head->flags & FRAME_HEAD)
		f.flags |= FRAME_TAIL;
	if (f.flags & (FRAME_BUDDY | FRAME_PCP))
		f.index = head->index;
	return f;
}

/* A slab's frame has its caches' numbers where others have theirs. */
static struct frame plainly(struct frame f)
{
	if (f.flags & FRAME_SLAB)
		f.mapcount = 0;
	return f;
}

struct frame frame_peek(const struct machine *m, uint64_t pfn)
{
	uint64_t head_pfn = NO_PFN;

	assert(pfn >= m->base_pfn && pfn < m->frames_end_pfn);
	if (frame_is_live(m, pfn))
		head_pfn = frame_block_head(m, pfn);
	if (head_pfn == pfn)
		return plainly(*frame_of(m, pfn));
	if (head_pfn != NO_PFN)
		return inside(frame_of(m, head_pfn), head_pfn);

	const struct zone *z = pfn_zone(m, pfn);
	const struct extent *e = z ? extent_find(z, m->nr_orders - 1, pfn) : NULL;
	if (!e)
		return reserved_frame(pfn_present(m, pfn));
	uint64_t mask = ((uint64_t)1 << (m->nr_orders - 1)) - 1;
	struct frame head = {
		.flags = FRAME_BUDDY, .index = e->migratetype, .order = m->nr_orders - 1u};
	return pfn & mask ? inside(&head, pfn & ~mask) : head;
}

static void write_reserved(struct machine *m, uint64_t start_pfn, uint64_t end_pfn)
{
	const struct memblock_type *memory = &m->memblock.memory;
	unsigned i = region_after(memory, start_pfn << PAGE_SHIFT);

	for (uint64_t pfn = start_pfn; pfn < end_pfn; pfn++) {
		uint64_t addr = pfn << PAGE_SHIFT;

		while (i < memory->nr && memory->region[i].end <= addr)
			i++;
		*frame_of(m, pfn) =
			reserved_frame(i < memory->nr && memory->region[i].start <= addr);
	}
}

struct frame *frame_live(struct machine *m, uint64_t pfn)
{
	unsigned order = m->nr_orders - 1;
	uint64_t block = (pfn - m->base_pfn) >> order;
	uint64_t start_pfn = m->base_pfn + (block << order);
	uint64_t end_pfn = start_pfn + ((uint64_t)1 << order);
	uint64_t *live = (uint64_t *)machine_at(m, m->live_at) + block / 64;

	assert(pfn >= m->base_pfn && pfn < m->frames_end_pfn);
	if (*live >> (block % 64) & 1)
		return frame_of(m, pfn);
	if (end_pfn > m->frames_end_pfn)
		end_pfn = m->frames_end_pfn;

	uint64_t frames_at = m->frames_at + (start_pfn - m->base_pfn) * sizeof(struct frame);
	uint64_t frames_bytes = (end_pfn - start_pfn) * sizeof(struct frame);
	uint64_t types_at = m->pageblocks_at + pageblock_index(m, start_pfn);
	uint64_t types = pageblock_index(m, end_pfn - 1) - pageblock_index(m, start_pfn) + 1;
	if (arena_touch(&m->arena, m->live_at + block / 64 * 8, 8, &m->why) ||
		arena_touch(&m->arena, types_at, types, &m->why) ||
		arena_touch(&m->arena, frames_at, frames_bytes, &m->why))
		return NULL;
	if (m->page_owners.inited &&
		arena_touch(&m->arena,
			m->page_owners.at + (start_pfn - m->base_pfn) * sizeof(struct page_owner),
			(end_pfn - start_pfn) * sizeof(struct page_owner), &m->why))
		return NULL;
	*live |= (uint64_t)1 << (block % 64);
	const struct zone *z = pfn_zone(m, start_pfn);
	if (!z || !extent_find(z, order, start_pfn))
		write_reserved(m, start_pfn, end_pfn);
	return frame_of(m, pfn);
}

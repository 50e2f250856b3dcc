/* SPDX-License-Identifier: MIT
 *
 * What page_owner=on takes of the machine: a struct page_ext for each struct page.
 *
 *	FLATMEM      one array for each node's span, from memblock, beside mem_map
 *	SPARSEMEM    an array for each section with RAM, from the page allocator, when that has begun
 *
 * Pages that were allocated before get an owner, too (init_early_allocated_pages()): the boot.
 *
 * Left out: the fallback to vzalloc() for a section that finds no block of its size. Follows mm/page_ext.c and
 * mm/page_owner.c of 6.1.
 */
#include "mm/boot/boot.h"

#include "mm/debug/page_owner.h"
#include "mm/page/frame.h"
#include "mm/page/page_alloc.h"
#include "mm/page/zone.h"

static bool wanted(const struct boot *b)
{
	return b->c.page_owner && machine_has(b->m, CONFIG_PAGE_OWNER);
}

int boot_page_ext_flatmem(struct boot *b)
{
	uint64_t bytes = 0, block_pages = (uint64_t)1 << (b->m->nr_orders - 1);

	if (!wanted(b) || b->m->section_shift)
		return 0;
	for (unsigned nid = 0; nid < b->m->nr_nodes; nid++) {
		const struct node *n = node_at(b->m, nid);
		uint64_t pages = n->spanned_pages;

		if (!pages)
			continue;
		/* The buddy allocator may look at entries of a block that the node's ends cut. */
		if (n->start_pfn % block_pages || (n->start_pfn + pages) % block_pages)
			pages += block_pages;
		uint64_t each = pages * page_ext_bytes(b->m);

		if (!boot_alloc(b, "page_ext", each, PAGE_BYTES, (int)nid))
			return -b->m->why.err;
		bytes += each;
	}
	log_printf(b->m, "allocated %llu bytes of page_ext", (ull)bytes);
	return 0;
}

static int sections(struct boot *b)
{
	uint64_t pages = (uint64_t)1 << (b->m->section_shift - PAGE_SHIFT), sum = 0;
	const struct memblock_type *memory = &b->m->memblock.memory;
	uint64_t next = 0, bytes = pages * page_ext_bytes(b->m), pfn;

	for (unsigned i = 0; i < memory->nr; i++) {
		uint64_t last = (memory->region[i].end - 1) >> b->m->section_shift;

		for (uint64_t at = max_u64(memory->region[i].start >> b->m->section_shift, next);
			at <= last; at++) {
			int err = alloc_pages_exact(
				b->m, 0, GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN, bytes, &pfn);

			if (err)
				return err;
			sum += bytes;
			next = at + 1;
		}
	}
	log_printf(b->m, "allocated %llu bytes of page_ext", (ull)sum);
	return 0;
}

/* From here on a block's records come with its frames (frame_live()). */
static int touch_records(struct machine *m)
{
	uint64_t block_pages = (uint64_t)1 << (m->nr_orders - 1);
	uint64_t each = sizeof(struct page_owner);

	for (uint64_t at = 0; m->base_pfn + at < m->frames_end_pfn; at += block_pages)
		if (frame_is_live(m, m->base_pfn + at) &&
			arena_touch(&m->arena, m->page_owners.at + at * each, block_pages * each,
				&m->why))
			return -m->why.err;
	return 0;
}

static void own_early_pages(struct machine *m)
{
	uint64_t block_pages = (uint64_t)1 << (m->nr_orders - 1);

	for (uint64_t pfn = m->base_pfn; pfn < m->frames_end_pfn;) {
		if (!frame_is_live(m, pfn)) {
			pfn = (pfn / block_pages + 1) * block_pages;
			continue;
		}
		const struct frame *f = frame_of(m, pfn);

		if (f->refcount && !(f->flags & FRAME_RESERVED))
			set_page_owner(m, 0, pfn, f->order, 0);
		pfn += frame_is_head(f) ? (uint64_t)1 << f->order : 1;
	}
}

int boot_page_ext(struct boot *b)
{
	int err = 0;

	if (!wanted(b))
		return 0;
	if (b->m->section_shift && !b->d->like.set)
		err = sections(b);
	if (!err)
		err = touch_records(b->m);
	if (err)
		return err;
	b->m->page_owners.inited = true;
	callstack_push(&b->m->callstack, CALLER_boot);
	own_early_pages(b->m);
	callstack_pop(&b->m->callstack);
	return 0;
}

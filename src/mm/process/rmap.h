/* SPDX-License-Identifier: MIT
 *
 * Reverse mapping: from a page to those who map it (mm/rmap.c of 6.1).
 *
 * An anonymous page's frame.mapping is the id of its anon_vma and frame.index its linear page offset; a file page's are
 * its inode's id and its page in the file. frame.mapcount counts page-table entries.
 */
#ifndef SIMM_MM_RMAP_H
#define SIMM_MM_RMAP_H

#include "mm/page/frame.h"
#include "mm/page/zone.h"
#include "mm/process/vma.h"

#include <assert.h>

static inline struct anon_vma *anon_vma_at(const struct machine *m, uint64_t at)
{
	return at ? machine_at(m, at) : NULL;
}

/* Ids of anon_vmas and inodes. 0: m->why (ENOMEM, EDQUOT). */
uint32_t mapping_id_alloc(struct machine *m, uint64_t object_at);
void mapping_id_free(struct machine *m, uint32_t id);
/* The object of an id: NULL when it is none. */
void *mapping_object(const struct machine *m, uint32_t id);

/* Give @v an anon_vma when it has none, its neighbours' if that fits (anon_vma_prepare()). Errors: ENOMEM, EDQUOT. */
int anon_vma_prepare_slow(struct machine *m, unsigned cpu, struct vma *v);
static inline int anon_vma_prepare(struct machine *m, unsigned cpu, struct vma *v)
{
	return v->anon_vma_at ? 0 : anon_vma_prepare_slow(m, cpu, v);
}
/* @dst belongs to all anon_vmas of @src (split, fork). */
int anon_vma_clone(struct machine *m, unsigned cpu, struct vma *dst, struct vma *src);
/* The child's mapping of a fork: its parent's anon_vmas, and one of its own (anon_vma_fork()). */
int anon_vma_fork(struct machine *m, unsigned cpu, struct vma *child, struct vma *parent);
void unlink_anon_vmas(struct machine *m, unsigned cpu, struct vma *v);
/* list_is_singular(&vma->anon_vma_chain) */
bool anon_chain_singular(const struct machine *m, const struct vma *v);

/* The counter of the node that the page lies in. */
static inline uint64_t *rmap_node_stat(struct machine *m, uint64_t pfn, enum node_stat_item item)
{
	unsigned nid = m->nr_nodes == 1 ? 0 : pfn_zone(m, pfn)->nid;

	return &node_at(m, nid)->stat[item];
}

/* Count a new page-table entry for the page, and what follows of the node's counters. A new page is @v's alone. */
static inline void page_add_new_anon_rmap(struct machine *m, uint64_t pfn, const struct vma *v, uint64_t addr)
{
	struct frame *f = frame_of(m, pfn);

	assert(v->anon_vma_at && !f->mapcount);
	f->flags |= FRAME_ANON | FRAME_SWAPBACKED | FRAME_UPTODATE | FRAME_ANON_EXCLUSIVE;
	f->mapcount = 1;
	f->mapping = anon_vma_at(m, v->anon_vma_at)->id;
	f->index = linear_page_index(v, addr);
	++*rmap_node_stat(m, pfn, ND_nr_anon_pages);
}
void page_add_file_rmap(struct machine *m, uint64_t pfn);
static inline void page_dup_anon_rmap(struct machine *m, uint64_t pfn)
{
	struct frame *f = frame_of(m, pfn);

	assert(f->flags & FRAME_ANON && f->mapcount);
	f->flags &= ~(uint32_t)FRAME_ANON_EXCLUSIVE;
	f->mapcount++;
}

static inline void page_remove_rmap(struct machine *m, uint64_t pfn)
{
	struct frame *f = frame_of(m, pfn);

	assert(f->mapcount);
	if (--f->mapcount)
		return;
	--*rmap_node_stat(m, pfn, f->flags & FRAME_ANON ? ND_nr_anon_pages : ND_nr_mapped);
}

/* page_move_anon_rmap(): the only mapper makes the page its own. */
void page_move_anon_rmap(struct machine *m, uint64_t pfn, struct vma *v);

/* One more entry maps an anonymous page that has its mapping and index already; @exclusive: it is the only one's. */
void page_add_anon_rmap(struct machine *m, uint64_t pfn, bool exclusive);

/* Each place that maps the page: false from @fn stops. Returns how many were found. */
typedef bool rmap_fn(struct machine *m, void *data, struct vma *v, uint64_t addr);
unsigned rmap_walk(struct machine *m, uint64_t pfn, rmap_fn *fn, void *data);
/* Each place where page @index of the anon_vma or inode @mapping may be mapped, whatever its entry says: mappings that
 * migration has taken away are among them. */
void rmap_each_place(struct machine *m, uint64_t index, uint32_t mapping, bool anon, rmap_fn *fn, void *data);

#endif

/* SPDX-License-Identifier: MIT
 *
 * The mappings of an address space in order of address: found by address, by neighbour, by gap.
 *
 *	leaf refs:  | first start, last end, largest gap inside, leaf | ...        one binary search
 *	leaf:       | vma | vma | vma ... up to VMA_LEAF_MAX |                     and one in the leaf
 *
 * What Linux 6.1's maple tree does for it, as a tree of two levels: 60,000 mappings are about 1,500 leaves, so a search
 * is two short binary ones, an insertion moves a few hundred bytes, and a search for a gap looks at one word a leaf.
 * Mappings are named by arena offset; the index copies each one's start and end, so whoever changes those tells it.
 */
#ifndef SIMM_MM_VMA_INDEX_H
#define SIMM_MM_VMA_INDEX_H

#include "mm/process/types.h"

struct text;

/* A leaf: 1 KiB of the heap. `low` is vm_start_gap(). */
#define VMA_LEAF_MAX 42
struct vma_leaf {
	uint32_t nr, unused;
	uint64_t low[VMA_LEAF_MAX], end[VMA_LEAF_MAX], at[VMA_LEAF_MAX];
};
struct vma_leaf_ref {
	uint64_t low, last;	/* of its first mapping, end of its last one */
	uint64_t gap;		/* the largest one between two of its mappings, in bytes */
	uint64_t at;		/* struct vma_leaf */
};

/* The first mapping that ends above @addr (find_vma()); NULL: none. */
struct vma *vma_find(const struct machine *m, const struct vma_index *x, uint64_t addr);
/* The same for whoever acts (a fault, a call): the answer is kept, and the next search in it takes no steps. Files that
 * only look use vma_find(), which changes nothing. */
struct vma *vma_find_remember(const struct machine *m, struct vma_index *x, uint64_t addr);
/* The first one at or after @addr that begins below @end and ends above @addr, NULL: none (find_vma_intersection()). */
struct vma *vma_find_in(const struct machine *m, const struct vma_index *x, uint64_t addr, uint64_t end);
/* The last mapping that ends at or below @addr's mapping start, or below @addr when none holds it. */
struct vma *vma_find_prev(const struct machine *m, const struct vma_index *x, uint64_t addr);
struct vma *vma_first(const struct machine *m, const struct vma_index *x);
struct vma *vma_last(const struct machine *m, const struct vma_index *x);
struct vma *vma_next(const struct machine *m, const struct vma_index *x, const struct vma *v);
struct vma *vma_prev(const struct machine *m, const struct vma_index *x, const struct vma *v);

/* Will @n more insertions find room in the index? Errors: ENOMEM, EDQUOT. After 0 they cannot fail. */
int vma_index_reserve(struct machine *m, struct vma_index *x, unsigned n);
/* Put in @v, which overlaps no other; vma_index_reserve() was called. */
void vma_index_insert(struct machine *m, struct vma_index *x, struct vma *v);
void vma_index_remove(struct machine *m, struct vma_index *x, struct vma *v);
/* @v gets other bounds, which overlap no neighbour and do not pass one: its fields are changed here. */
void vma_index_resize(struct machine *m, struct vma_index *x, struct vma *v, uint64_t start, uint64_t end);
void vma_index_finish(struct machine *m, struct vma_index *x);

/* Where is the highest gap of @bytes in [low, high) (top-down), or the lowest? A gap keeps stack_guard_gap below a
 * VM_GROWSDOWN mapping (vm_start_gap()). False: none. Where the
 * search from above ended is kept: the next one for as much or more begins there. */
bool vma_gap_below(const struct machine *m, struct vma_index *x, uint64_t low, uint64_t high, uint64_t bytes,
	uint64_t *addr);
bool vma_gap_above(const struct machine *m, const struct vma_index *x, uint64_t low, uint64_t high, uint64_t bytes,
	uint64_t *addr);
/* Pages that a stack keeps free below itself: 256 (stack_guard_gap=). */
#define STACK_GUARD_GAP_PAGES 256u

/* vm_start_gap(): where the mapping begins, less what a stack keeps free. */
static inline uint64_t vm_start_gap(const struct vma *v)
{
	const uint64_t guard = (uint64_t)STACK_GUARD_GAP_PAGES << 12;

	if (!(v->flags & VM_GROWSDOWN))
		return v->start;
	return v->start > guard ? v->start - guard : 0;
}

/* Sorted, not overlapping, leaves agree with their mappings: violations, one line each in @out. */
unsigned vma_index_check(const struct machine *m, const struct vma_index *x, struct text *out);

#endif

/* SPDX-License-Identifier: MIT
 *
 * One mapping: made, split, merged by the kernel's rules (mm/mmap.c of 6.1), and what it counts for.
 */
#ifndef SIMM_MM_VMA_H
#define SIMM_MM_VMA_H

#include "mm/machine.h"

static inline uint64_t vma_pages(const struct vma *v)
{
	return (v->end - v->start) >> 12;
}
/* Of the page at @addr in its object: linear_page_index(). */
static inline uint64_t linear_page_index(const struct vma *v, uint64_t addr)
{
	return v->pgoff + ((addr - v->start) >> PAGE_SHIFT);
}
static inline struct mm *vma_mm(const struct machine *m, const struct vma *v)
{
	return machine_at(m, v->mm_at);
}
/* NULL: anonymous and private. */
struct file *vma_file(const struct machine *m, const struct vma *v);
struct inode *vma_inode(const struct machine *m, const struct vma *v);
/* vma_is_anonymous(): no file and no special pages. */
static inline bool vma_is_anonymous(const struct vma *v)
{
	return v->kind == VMA_ZERO || (v->kind == VMA_PLAIN && !v->file_at);
}
/* What new entries may say (vm_page_prot), as flags for pte_make(): without VM_SHARED, so not writable, where the kernel
 * wants to see the first write to each page (vma_wants_writenotify()): of files that are written back, and of all shared
 * mappings while soft-dirty is watched. */
uint64_t vma_page_prot(const struct machine *m, const struct vma *v);
/* vma_is_stack_for_current() and [heap]: the name that maps shows, "" for none. */
const char *vma_name(const struct machine *m, const struct vma *v);

/* A mapping outside every index, its object taken, all fields zero but mm_at. NULL: m->why (ENOMEM, EDQUOT). */
struct vma *vma_alloc(struct machine *m, unsigned cpu, struct mm *mm);
/* Its file's and inode's references are dropped, its anon_vma left. It is in no index. */
void vma_free(struct machine *m, unsigned cpu, struct vma *v);

/* Put it into its mm's index and its file's list (vma_link()); vma_index_reserve() was called. */
void vma_link(struct machine *m, struct mm *mm, struct vma *v);
void vma_unlink(struct machine *m, struct mm *mm, struct vma *v);

/* Cut at @addr: @v keeps the lower part (@new_below: the upper one). Errors: ENOMEM (too many mappings, or no memory). */
int vma_split(struct machine *m, unsigned cpu, struct mm *mm, struct vma *v, uint64_t addr, bool new_below);

/* The same without regard to max_map_count, for a part that goes at once. */
int vma_cut(struct machine *m, unsigned cpu, struct mm *mm, struct vma *v, uint64_t addr, bool new_below);

/* What a range [start, end) is to become, for merging with its neighbours. */
struct vma_like {
	uint64_t flags, pgoff;
	uint64_t file_at, anon_vma_at;
	uint32_t kind;
	struct mempolicy policy;
};
/* vma_merge(): the mapping that [addr, end) has become part of, NULL when it cannot be merged. The range is free, or it
 * is (all or one end of) a mapping that is to change to @like. Never fails for want of memory: then it does not merge. */
struct vma *vma_merge(struct machine *m, unsigned cpu, struct mm *mm, uint64_t addr, uint64_t end,
	const struct vma_like *like);

/* vma_modify_flags(): make the part [start, end) of *@v a mapping with @flags: of its own, or merged into a neighbour that
 * has them; *@v is it then. Counts nothing and changes no entries. Errors: ENOMEM, EDQUOT with all as it was. */
int vma_modify_flags(struct machine *m, unsigned cpu, struct mm *mm, struct vma **v, uint64_t start, uint64_t end,
	uint64_t flags);

/* The same with another policy (mbind_range()'s part of one mapping). */
int vma_modify_policy(struct machine *m, unsigned cpu, struct mm *mm, struct vma **v, uint64_t start, uint64_t end,
	const struct mempolicy *policy);

/* mmap_region()'s rule, which is not quite vma_merge()'s: a new mapping of the free range [addr, end) makes the mapping
 * behind it longer, the one before it, or both become one. The mapping that holds the range then, NULL: it is to be made.
 * Needs no memory. */
struct vma *vma_expand(struct machine *m, unsigned cpu, struct mm *mm, uint64_t addr, uint64_t end,
	const struct vma_like *like);
/* Take back a vma_cut() or vma_split() at @addr. Needs no memory. */
void vma_uncut(struct machine *m, unsigned cpu, struct mm *mm, uint64_t addr);

/* VM_SOFTDIRTY, or 0 where the kernel does not keep it. */
uint64_t vm_softdirty(const struct machine *m);

/* vm_stat_account(): @pages (negative: fewer) of a mapping with @flags in total_vm, data_vm, exec_vm, stack_vm. */
void vm_stat_account(struct mm *mm, uint64_t flags, int64_t pages);

#endif

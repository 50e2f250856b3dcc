/* SPDX-License-Identifier: MIT
 *
 * One mapping: made, cut, joined with its neighbours (see vma.h).
 *
 * Merging, for a range [addr, end) that is new (.) or is to become like its neighbours (the part X of a mapping that is
 * about to change). P and N are mappings that are like the range already:
 *
 *	1   P P . . N N  ->  P P P P P P		5   P P X X x x  ->  P P P P x x
 *	2   P P . .      ->  P P P P			6   P P X X N N  ->  P P P P P P
 *	3       . . N N  ->      N N N N		7   P P X X      ->  P P P P
 *	4   x x X X N N  ->  x x N N N N		8       X X N N  ->      N N N N
 *
 * "Like" is: the same flags (soft-dirty aside), the same open file or none, pages that go on where the neighbour's end,
 * and anonymous pages of one origin: the same anon_vma, or none on one side and no fork's history on the other. Who takes
 * over pages of a mapping that goes must have its anon_vma, so it is cloned first; if that finds no memory, nothing merges.
 *
 * Left out: memory policies, userfaultfd, names of anonymous mappings. Follows mm/mmap.c of 6.1 (vma_merge(),
 * __vma_adjust(), __split_vma()).
 */
#include "mm/process/vma.h"

#include "mm/core/link.h"
#include "mm/kernel/pte.h"
#include "mm/process/file.h"
#include "mm/process/limits.h"
#include "mm/process/mempolicy.h"
#include "mm/process/rmap.h"
#include "mm/process/vma_index.h"
#include "mm/slab/slab.h"

#include <assert.h>

struct file *vma_file(const struct machine *m, const struct vma *v)
{
	return v->file_at ? machine_at(m, v->file_at) : NULL;
}

struct inode *vma_inode(const struct machine *m, const struct vma *v)
{
	const struct file *f = vma_file(m, v);

	return f ? machine_at(m, f->inode_at) : NULL;
}

uint64_t vma_page_prot(const struct machine *m, const struct vma *v)
{
	const struct inode *i = vma_inode(m, v);

	if ((v->flags & (VM_WRITE | VM_SHARED)) != (VM_WRITE | VM_SHARED) || v->flags & VM_PFNMAP)
		return v->flags;
	if ((i && i->kind == INODE_FILE) || (pte_has_soft_dirty(m) && !(v->flags & VM_SOFTDIRTY)))
		return v->flags & ~(uint64_t)VM_SHARED;
	return v->flags;
}

const char *vma_name(const struct machine *m, const struct vma *v)
{
	static const char *const names[] = {[VMA_VDSO] = "[vdso]",
		[VMA_VVAR] = "[vvar]",
		[VMA_SIGPAGE] = "[sigpage]",
		[VMA_VECTORS] = "[vectors]"};
	const struct mm *mm = vma_mm(m, v);

	if (v->kind != VMA_PLAIN && v->kind != VMA_ZERO)
		return names[v->kind];
	if (v->file_at)
		return "";
	if (v->start <= mm->brk && v->end >= mm->start_brk)
		return "[heap]";
	if (v->start <= mm->start_stack && v->end >= mm->start_stack)
		return "[stack]";
	return "";
}

/* ---- life ---- */

struct vma *vma_alloc(struct machine *m, unsigned cpu, struct mm *mm)
{
	uint64_t object, at;

	if (kmem_cache_alloc(m, cpu, KMEM_vm_area_struct, &object))
		return NULL;
	at = heap_alloc(m, sizeof(struct vma));
	if (!at) {
		struct refusal why = m->why;

		kmem_cache_free(m, cpu, KMEM_vm_area_struct, object);
		m->why = why;
		return NULL;
	}
	struct vma *v = machine_at(m, at);

	v->mm_at = machine_ref(m, mm);
	v->object = object;
	return v;
}

void vma_free(struct machine *m, unsigned cpu, struct vma *v)
{
	assert(!link_on_list(&v->mapped) && link_list_empty(m, &v->anon_chain));
	if (v->file_at)
		file_put(m, cpu, vma_file(m, v));
	kmem_cache_free(m, cpu, KMEM_vm_area_struct, v->object);
	heap_free(m, machine_ref(m, v), sizeof(*v));
}

static void link_file(struct machine *m, struct vma *v)
{
	struct inode *inode = vma_inode(m, v);

	if (inode)
		link_add_tail(m, &inode->mappings, &v->mapped);
}

void vma_link(struct machine *m, struct mm *mm, struct vma *v)
{
	vma_index_insert(m, &mm->vmas, v);
	link_file(m, v);
}

void vma_unlink(struct machine *m, struct mm *mm, struct vma *v)
{
	vma_index_remove(m, &mm->vmas, v);
	link_del(m, &v->mapped);
}

static void remove_vma(struct machine *m, unsigned cpu, struct mm *mm, struct vma *v)
{
	vma_unlink(m, mm, v);
	unlink_anon_vmas(m, cpu, v);
	vma_free(m, cpu, v);
}

/* ---- cutting ---- */

/* @v begins at @start now; its pages stay where they are. */
static void move_start(struct machine *m, struct mm *mm, struct vma *v, uint64_t start)
{
	v->pgoff += (uint64_t)((int64_t)(start - v->start) >> PAGE_SHIFT);
	vma_index_resize(m, &mm->vmas, v, start, v->end);
}

static void move_end(struct machine *m, struct mm *mm, struct vma *v, uint64_t end)
{
	vma_index_resize(m, &mm->vmas, v, v->start, end);
}

/* @to gets the anon_vmas of @from, when it has none of its own and @from has. */
static int import_anon_vma(struct machine *m, unsigned cpu, struct vma *to, struct vma *from)
{
	if (!from || !from->anon_vma_at || to->anon_vma_at)
		return 0;
	to->anon_vma_at = from->anon_vma_at;
	return anon_vma_clone(m, cpu, to, from);
}

int vma_cut(struct machine *m, unsigned cpu, struct mm *mm, struct vma *v, uint64_t addr,
	bool new_below)
{
	int err = vma_index_reserve(m, &mm->vmas, 1);

	assert(addr > v->start && addr < v->end && !(addr % PAGE_BYTES));
	if (err)
		return err;
	struct vma *fresh = vma_alloc(m, cpu, mm);

	if (!fresh)
		return -m->why.err;
	fresh->start = new_below ? v->start : addr;
	fresh->end = new_below ? addr : v->end;
	fresh->pgoff = linear_page_index(v, fresh->start);
	fresh->flags = v->flags;
	fresh->kind = v->kind;
	fresh->policy = v->policy;
	err = import_anon_vma(m, cpu, fresh, v);
	if (err) {
		struct refusal why = m->why;

		vma_free(m, cpu, fresh);
		m->why = why;
		return err;
	}
	fresh->file_at = v->file_at;
	if (fresh->file_at)
		file_get(vma_file(m, fresh));
	if (new_below)
		move_start(m, mm, v, addr);
	else
		move_end(m, mm, v, addr);
	vma_link(m, mm, fresh);
	return 0;
}

int vma_split(struct machine *m, unsigned cpu, struct mm *mm, struct vma *v, uint64_t addr,
	bool new_below)
{
	int err = map_count_check(m, mm, 1);

	return err ? err : vma_cut(m, cpu, mm, v, addr, new_below);
}

/* ---- joining ---- */

/* is_mergeable_anon_vma(); @v may be NULL. */
static bool anon_fits(const struct machine *m, uint64_t a, uint64_t b, const struct vma *v)
{
	if ((!a || !b) && (!v || anon_chain_singular(m, v)))
		return true;
	return a == b;
}

static bool is_like(const struct machine *m, const struct vma *v, const struct vma_like *like)
{
	return !((v->flags ^ like->flags) & ~(uint64_t)VM_SOFTDIRTY) &&
	       v->file_at == like->file_at && v->kind == like->kind &&
	       mpol_equal(&v->policy, &like->policy) &&
	       anon_fits(m, like->anon_vma_at, v->anon_vma_at, v);
}

/* What lies around the range, and what can be joined. */
struct around {
	struct vma *prev, *mid, *next;
	bool merge_prev, merge_next;
};

static struct around look_around(const struct machine *m, const struct mm *mm, uint64_t addr,
	uint64_t end, const struct vma_like *like)
{
	const struct vma_index *x = &mm->vmas;
	struct vma *v = vma_find(m, x, addr);
	struct around a = {0};

	if (v && v->start < addr) { /* the range is an end of it: case 4 */
		a.prev = v;
		a.next = vma_next(m, x, v);
	} else {
		a.prev = v ? vma_prev(m, x, v) : vma_last(m, x);
		a.mid = v && v->start < end ? v : NULL;
		a.next = !a.mid ? v : a.mid->end == end ? vma_next(m, x, a.mid) : NULL;
	}
	if (a.prev && a.prev->end == addr && is_like(m, a.prev, like))
		a.merge_prev = a.prev->pgoff + vma_pages(a.prev) == like->pgoff;
	if (a.next && a.next->start == end && is_like(m, a.next, like))
		a.merge_next = a.next->pgoff == like->pgoff + ((end - addr) >> PAGE_SHIFT);
	if (a.prev && v == a.prev && a.prev->end != end)
		a.merge_next = false; /* the range lies in its middle */
	return a;
}

/* Cases 1 and 6. */
static struct vma *join_both(struct machine *m, unsigned cpu, struct mm *mm, const struct around *a)
{
	uint64_t end = a->next->end;

	if (import_anon_vma(m, cpu, a->prev, a->mid && a->mid->anon_vma_at ? a->mid : a->next))
		return NULL;
	if (a->mid)
		remove_vma(m, cpu, mm, a->mid);
	remove_vma(m, cpu, mm, a->next);
	move_end(m, mm, a->prev, end);
	return a->prev;
}

/* Cases 2, 5 and 7. */
static struct vma *join_prev(
	struct machine *m, unsigned cpu, struct mm *mm, const struct around *a, uint64_t end)
{
	if (a->mid && import_anon_vma(m, cpu, a->prev, a->mid))
		return NULL;
	if (a->mid && a->mid->end == end)
		remove_vma(m, cpu, mm, a->mid);
	else if (a->mid)
		move_start(m, mm, a->mid, end);
	move_end(m, mm, a->prev, end);
	return a->prev;
}

/* Cases 3, 4 and 8. */
static struct vma *join_next(
	struct machine *m, unsigned cpu, struct mm *mm, const struct around *a, uint64_t addr)
{
	bool cut = a->prev && a->prev->end > addr;

	if (import_anon_vma(m, cpu, a->next, cut ? a->prev : a->mid))
		return NULL;
	if (cut)
		move_end(m, mm, a->prev, addr);
	else if (a->mid)
		remove_vma(m, cpu, mm, a->mid);
	move_start(m, mm, a->next, addr);
	return a->next;
}

struct vma *vma_merge(struct machine *m, unsigned cpu, struct mm *mm, uint64_t addr, uint64_t end,
	const struct vma_like *like)
{
	struct refusal why = m->why;
	struct vma *merged = NULL;

	if (like->flags & VM_SPECIAL)
		return NULL;
	struct around a = look_around(m, mm, addr, end, like);

	if (a.merge_prev && a.merge_next &&
		anon_fits(m, a.prev->anon_vma_at, a.next->anon_vma_at, NULL))
		merged = join_both(m, cpu, mm, &a);
	else if (a.merge_prev)
		merged = join_prev(m, cpu, mm, &a, end);
	else if (a.merge_next)
		merged = join_next(m, cpu, mm, &a, addr);
	m->why = why;
	return merged;
}

struct vma *vma_expand(struct machine *m, unsigned cpu, struct mm *mm, uint64_t addr, uint64_t end,
	const struct vma_like *like)
{
	struct vma *next = vma_find(m, &mm->vmas, addr), *into = NULL;
	struct vma *prev = vma_find_prev(m, &mm->vmas, addr);
	struct vma_like with = *like;

	if (like->flags & VM_SPECIAL)
		return NULL;
	with.anon_vma_at = 0;
	if (next && next->start == end && is_like(m, next, &with) &&
		next->pgoff == like->pgoff + ((end - addr) >> PAGE_SHIFT)) {
		into = next;
		with.anon_vma_at = next->anon_vma_at;
	}
	if (prev && prev->end == addr && is_like(m, prev, &with) &&
		prev->pgoff + vma_pages(prev) == like->pgoff) {
		uint64_t last = into ? next->end : end;

		if (into)
			remove_vma(m, cpu, mm, next);
		move_end(m, mm, prev, last);
		return prev;
	}
	if (into)
		move_start(m, mm, next, addr);
	return into;
}

void vma_uncut(struct machine *m, unsigned cpu, struct mm *mm, uint64_t addr)
{
	struct vma *upper = vma_find(m, &mm->vmas, addr), *lower = vma_prev(m, &mm->vmas, upper);
	uint64_t end = upper->end;

	assert(lower->end == addr && upper->start == addr && lower->file_at == upper->file_at);
	remove_vma(m, cpu, mm, upper);
	move_end(m, mm, lower, end);
}

uint64_t vm_softdirty(const struct machine *m)
{
	return pte_has_soft_dirty(m) ? VM_SOFTDIRTY : 0;
}

void vm_stat_account(struct mm *mm, uint64_t flags, int64_t pages)
{
	mm->total_vm += (uint64_t)pages;
	if ((flags & (VM_EXEC | VM_WRITE | VM_STACK_FLAGS)) == VM_EXEC)
		mm->exec_vm += (uint64_t)pages;
	else if ((flags & VM_STACK_FLAGS) == VM_STACK_FLAGS)
		mm->stack_vm += (uint64_t)pages;
	else if (is_data_mapping(flags))
		mm->data_vm += (uint64_t)pages;
}

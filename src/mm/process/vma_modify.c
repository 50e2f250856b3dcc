/* SPDX-License-Identifier: MIT
 *
 * A part of a mapping gets other flags: what mprotect, mlock and madvise have in common.
 *
 *	| a a a a |		flags of the middle change		| a | b b | a |
 *	| b | a a a |		flags of the lower end become b		| b b | a a |
 *
 * Merge it with a neighbour that has these flags already; if none does, cut at both ends and change what lies between.
 * When the second cut finds no memory, the first one is taken back.
 *
 * Follows mprotect_fixup(), mlock_fixup(), madvise_update_vma() and mbind_range() of 6.1, which do this each by itself.
 */
#include "mm/process/vma.h"

#include "mm/machine.h"

static struct vma_like like_of(
	const struct vma *v, uint64_t start, uint64_t flags, const struct mempolicy *policy)
{
	return (struct vma_like){.flags = flags,
		.pgoff = linear_page_index(v, start),
		.file_at = v->file_at,
		.anon_vma_at = v->anon_vma_at,
		.kind = v->kind,
		.policy = *policy};
}

static void become(struct vma *v, uint64_t flags, const struct mempolicy *policy)
{
	v->flags = flags;
	v->policy = *policy;
}

static int modify(struct machine *m, unsigned cpu, struct mm *mm, struct vma **v, uint64_t start,
	uint64_t end, uint64_t flags, struct mempolicy policy)
{
	struct vma *old = *v;
	struct vma_like like = like_of(old, start, flags, &policy);
	bool cut_start = start != old->start;
	struct vma *merged = vma_merge(m, cpu, mm, start, end, &like);
	int err = 0;

	if (merged) {
		*v = merged;
		become(merged, flags, &policy);
		return 0;
	}
	if (cut_start)
		err = vma_split(m, cpu, mm, old, start, true);
	if (err)
		return err;
	if (end != old->end)
		err = vma_split(m, cpu, mm, old, end, false);
	if (!err) {
		become(old, flags, &policy);
		return 0;
	}
	if (cut_start) {
		struct refusal why = m->why;

		like = like_of(old, start, old->flags, &old->policy);
		*v = vma_merge(m, cpu, mm, start, old->end, &like);
		if (!*v)
			*v = old;
		m->why = why;
	}
	return err;
}

int vma_modify_flags(struct machine *m, unsigned cpu, struct mm *mm, struct vma **v, uint64_t start,
	uint64_t end, uint64_t flags)
{
	return modify(m, cpu, mm, v, start, end, flags, (*v)->policy);
}

int vma_modify_policy(struct machine *m, unsigned cpu, struct mm *mm, struct vma **v,
	uint64_t start, uint64_t end, const struct mempolicy *policy)
{
	return modify(m, cpu, mm, v, start, end, (*v)->flags, *policy);
}

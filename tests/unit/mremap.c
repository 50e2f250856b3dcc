/* SPDX-License-Identifier: MIT
 *
 * Claim: mremap keeps every byte, wherever the mapping goes; what it counts is what munmap and mmap would have counted; a
 * refused call changes nothing.
 *
 *	| a 8 |        |	in place: the end moves
 *	| a 8 | b |      |	no room: | ..... | b | a 12 |
 */
#include "support/process.h"

#include "base/rng.h"
#include "mm/process/file.h"
#include "mm/process/mm.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int remap(struct proc *p, uint64_t at, uint64_t old_pages, uint64_t new_pages,
	unsigned flags, uint64_t new_addr, uint64_t *out)
{
	return sys_mremap(p->m, p->t, at, old_pages * P, new_pages * P, flags, new_addr, NULL, out);
}

/* Each page says where it was at first. */
static void fill(struct proc *p, uint64_t at, uint64_t pages, uint64_t mark)
{
	for (uint64_t i = 0; i < pages; i++)
		cr_assert_eq(proc_store(p, at + i * P, mark + i), 0, "%s", p->m->why.sentence);
}

static bool filled(struct proc *p, uint64_t at, uint64_t pages, uint64_t mark)
{
	for (uint64_t i = 0; i < pages; i++) {
		uint64_t value;

		if (proc_load(p, at + i * P, &value) || value != mark + i)
			return false;
	}
	return true;
}

Test(mremap, shorter)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 8, RW, PRIVATE), out, total = p.mm->total_vm;

	fill(&p, at, 8, 100);
	cr_assert_eq(remap(&p, at, 8, 3, 0, 0, &out), 0);
	cr_expect_eq(out, at);
	cr_expect_str_eq(proc_maps(&p, at, 8), "0-3 rw-p");
	cr_expect_eq(p.mm->total_vm, total - 5);
	cr_expect(filled(&p, at, 3, 100));
	cr_expect_eq(remap(&p, at, 3, 3, 0, 0, &out), 0, "equal lengths are no error");
	proc_end(&p);
}

Test(mremap, longer_in_place)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 16, RW, PRIVATE), out;

	cr_assert_eq(sys_munmap(p.m, p.t, at + 8 * P, 8 * P), 0);
	fill(&p, at, 8, 100);
	uint64_t committed = p.m->processes.committed_pages, data = p.mm->data_vm;
	cr_assert_eq(remap(&p, at, 8, 12, 0, 0, &out), 0, "%s", p.m->why.sentence);
	cr_expect_eq(out, at);
	cr_expect_str_eq(proc_maps(&p, at, 16), "0-12 rw-p");
	cr_expect_eq(p.m->processes.committed_pages, committed + 4);
	cr_expect_eq(p.mm->data_vm, data + 4);
	cr_expect(filled(&p, at, 8, 100));
	fill(&p, at + 8 * P, 4, 108);
	cr_expect(filled(&p, at, 12, 100));
	proc_end(&p);
}

Test(mremap, longer_elsewhere)
{
	static const char *const presets[] = {
		"pc-x86_64", "pc-i386", "arm-virt", "arm64-virt", "riscv64-virt"};

	for (unsigned i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
		struct proc p = proc_start(presets[i]);
		uint64_t at = proc_map(&p, 16, RW, PRIVATE), out;

		cr_assert_eq(sys_mprotect(p.m, p.t, at + 8 * P, 8 * P, PROT_READ_), 0);
		fill(&p, at, 8, 100);
		uint64_t committed = p.m->processes.committed_pages, total = p.mm->total_vm;
		uint64_t rss = mm_rss(p.mm);
		cr_expect_eq(remap(&p, at, 8, 12, 0, 0, &out), -ENOMEM, "it may not move");
		cr_assert_eq(remap(&p, at, 8, 12, MREMAP_MAYMOVE_, 0, &out), 0);
		cr_expect_neq(out, at);
		cr_expect_str_eq(proc_maps(&p, at, 16), "8-16 r--p");
		cr_expect_eq(p.m->processes.committed_pages, committed + 4, "%s", presets[i]);
		cr_expect_eq(p.mm->total_vm, total + 4);
		cr_expect_eq(mm_rss(p.mm), rss);
		cr_expect(filled(&p, out, 8, 100), "%s", presets[i]);
		cr_expect_eq(proc_store(&p, at, 1), -EFAULT);
		proc_end(&p);
	}
}

Test(mremap, the_middle_moves)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 12, RW, PRIVATE), out;

	fill(&p, at, 12, 100);
	uint64_t committed = p.m->processes.committed_pages;
	cr_assert_eq(remap(&p, at + 4 * P, 4, 6, MREMAP_MAYMOVE_, 0, &out), 0);
	cr_expect_str_eq(proc_maps(&p, at, 12), "0-4 rw-p, 8-12 rw-p");
	cr_expect_eq(p.m->processes.committed_pages, committed + 2);
	cr_expect(proc_vma(&p, at)->flags & VM_ACCOUNT);
	cr_expect(proc_vma(&p, at + 8 * P)->flags & VM_ACCOUNT);
	cr_expect(filled(&p, out, 4, 104));
	proc_check(&p);
	/* Back into its hole: it fits without a seam. */
	cr_assert_eq(remap(&p, out, 4, 4, MREMAP_MAYMOVE_ | MREMAP_FIXED_, at + 4 * P, &out), 0);
	cr_expect_str_eq(proc_maps(&p, at, 12), "0-12 rw-p");
	cr_expect(filled(&p, at, 12, 100));
	proc_end(&p);
}

Test(mremap, to_a_fixed_place)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 4, RW, PRIVATE), to = proc_map(&p, 12, RW, PRIVATE), out;
	unsigned fixed = MREMAP_MAYMOVE_ | MREMAP_FIXED_;

	fill(&p, at, 4, 100);
	fill(&p, to, 12, 500);
	uint64_t committed = p.m->processes.committed_pages;
	cr_assert_eq(remap(&p, at, 4, 6, fixed, to + 3 * P, &out), 0);
	cr_expect_eq(out, to + 3 * P);
	cr_expect_eq(p.m->processes.committed_pages, committed - 4);
	cr_expect_str_eq(proc_maps(&p, at, 4), "");
	cr_expect(filled(&p, to, 3, 500) && filled(&p, out, 4, 100));
	cr_expect(filled(&p, to + 9 * P, 3, 509));
	cr_expect_eq(proc_use(&p, HW_LOAD, out + 4 * P, 2), 2, "the rest is new");
	/* Shorter on the way. */
	cr_assert_eq(remap(&p, to, 3, 1, fixed, at, &out), 0);
	cr_expect_str_eq(proc_maps(&p, at, 4), "0-1 rw-p");
	cr_expect(filled(&p, at, 1, 500));
	proc_end(&p);
}

Test(mremap, dontunmap_leaves_an_empty_mapping)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 4, RW, PRIVATE), out;

	fill(&p, at, 4, 100);
	cr_assert_eq(sys_mlock(p.m, p.t, at, 4 * P, 0), 0);
	uint64_t committed = p.m->processes.committed_pages, total = p.mm->total_vm;
	cr_assert_eq(remap(&p, at, 4, 4, MREMAP_MAYMOVE_ | MREMAP_DONTUNMAP_, 0, &out), 0);
	cr_expect_str_eq(proc_maps(&p, at, 4), "0-4 rw-p");
	cr_expect_str_eq(proc_maps(&p, out, 4), "0-4 rw-p lo");
	cr_expect_eq(p.m->processes.committed_pages, committed + 4);
	cr_expect_eq(p.mm->total_vm, total + 4);
	cr_expect_eq(p.mm->locked_vm, 4);
	cr_expect(filled(&p, out, 4, 100));
	cr_expect_eq(proc_use(&p, HW_STORE, at, 4), 4, "all of it is new");
	proc_end(&p);
}

/* What stays of a locked mapping is unlocked, and no page of it is counted as locked for ever. */
Test(mremap, dontunmap_of_a_part_unlocks_the_rest)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 8, RW, PRIVATE), out;

	fill(&p, at, 8, 100);
	cr_assert_eq(sys_mlock(p.m, p.t, at, 8 * P, 0), 0);
	cr_assert_eq(remap(&p, at + 2 * P, 4, 4, MREMAP_MAYMOVE_ | MREMAP_DONTUNMAP_, 0, &out), 0);
	cr_expect_str_eq(proc_maps(&p, at, 8), "0-8 rw-p");
	cr_expect_str_eq(proc_maps(&p, out, 4), "0-4 rw-p lo");
	cr_expect_eq(p.mm->locked_vm, 4);
	cr_expect(filled(&p, at, 2, 100));
	cr_expect(filled(&p, out, 4, 102));
	cr_expect(filled(&p, at + 6 * P, 2, 106));
	proc_end(&p);
}

Test(mremap, an_old_length_of_0_duplicates_shared_pages)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 4, RW, SHARED), mine = proc_map(&p, 4, RW, PRIVATE), out;

	fill(&p, at, 4, 100);
	cr_assert_eq(remap(&p, at + P, 0, 3, MREMAP_MAYMOVE_, 0, &out), 0, "%s", p.m->why.sentence);
	cr_expect_str_eq(proc_maps(&p, at, 4), "0-4 rw-s");
	cr_expect(filled(&p, out, 3, 101));
	fill(&p, out, 3, 700);
	cr_expect(filled(&p, at + P, 3, 700));
	cr_expect_eq(remap(&p, mine, 0, 4, MREMAP_MAYMOVE_, 0, &out), -EINVAL);
	proc_end(&p);
}

Test(mremap, errors)
{
	enum { MAY = MREMAP_MAYMOVE_, FIX = MREMAP_FIXED_, KEEP = MREMAP_DONTUNMAP_ };
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 4, RW, PRIVATE), to = proc_map(&p, 8, RW, PRIVATE), out;
	const struct {
		uint64_t addr, old_bytes, new_bytes;
		unsigned flags;
		uint64_t new_addr;
		int err;
	} row[] = {{at, P, P, 8, 0, -EINVAL}, {at, P, P, FIX, to, -EINVAL},
		{at, P, P, KEEP, 0, -EINVAL}, {at, P, 2 * P, MAY | KEEP, 0, -EINVAL},
		{at + 1, P, P, 0, 0, -EINVAL}, {at, P, 0, 0, 0, -EINVAL},
		{at - P, P, P, 0, 0, -EFAULT}, {at, 5 * P, 6 * P, MAY, 0, -EFAULT},
		{at, P, P, MAY | FIX, to + 1, -EINVAL}, {at, 2 * P, P, MAY | FIX, at + P, -EINVAL},
		{at, P, 2 * P, MAY | FIX, at - P, -EINVAL},
		{at, P, P, MAY | FIX, p.mm->task_size, -EINVAL},
		{at, P, p.mm->task_size + P, MAY, 0, -ENOMEM},
		{at, P, UINT64_MAX & ~(P - 1), MAY | FIX, to, -EINVAL},
		{at, 4 * P, p.mm->task_size, MAY, 0, -ENOMEM}, {at, 2 * P, 3 * P, 0, 0, -ENOMEM}};

	fill(&p, at, 4, 100);
	char *before = proc_state(&p), *after;
	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		int err = sys_mremap(p.m, p.t, row[i].addr, row[i].old_bytes, row[i].new_bytes,
			row[i].flags, row[i].new_addr, NULL, &out);

		cr_expect_eq(err, row[i].err, "row %u: %d %s", i, err, p.m->why.sentence);
	}
	after = proc_state(&p);
	cr_expect_str_eq(after, before);
	cr_expect(filled(&p, at, 4, 100));
	free(before);
	free(after);
	proc_end(&p);
}

Test(mremap, limits)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 4, RW, PRIVATE), out;

	p.t->rlim[RLIM_AS].soft = (p.mm->total_vm + 3) * P;
	cr_expect_eq(remap(&p, at, 4, 8, MREMAP_MAYMOVE_, 0, &out), -ENOMEM);
	p.t->rlim[RLIM_AS].soft = RLIM_INFINITY;
	cr_assert_eq(sys_mlock(p.m, p.t, at, 4 * P, 0), 0);
	p.t->uid = 1000;
	p.t->rlim[RLIM_MEMLOCK].soft = 6 * P;
	cr_expect_eq(remap(&p, at, 4, 8, MREMAP_MAYMOVE_, 0, &out), -EAGAIN);
	cr_expect_eq(remap(&p, at, 4, 4, MREMAP_MAYMOVE_ | MREMAP_FIXED_, P, &out), -EPERM,
		"mmap_min_addr");
	p.t->rlim[RLIM_MEMLOCK].soft = 8 * P;
	cr_expect_eq(remap(&p, at, 4, 8, MREMAP_MAYMOVE_, 0, &out), 0);
	cr_expect_eq(p.mm->locked_vm, 8);
	cr_expect_eq(proc_use(&p, HW_STORE, out, 8), 0, "the new end was brought");
	p.m->sysctls.value[SYSCTL_max_map_count] = p.mm->vmas.nr + 5;
	cr_expect_eq(
		remap(&p, out, 8, 8, MREMAP_MAYMOVE_ | MREMAP_FIXED_, at + 64 * P, &out), -ENOMEM);
	proc_end(&p);
}

Test(mremap, a_recorded_place_is_taken_when_it_is_free)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 4, RW, PRIVATE), seen = at - 1024 * P, out;

	cr_assert_eq(sys_mremap(p.m, p.t, at, 4 * P, 5 * P, MREMAP_MAYMOVE_, 0, &seen, &out), 0);
	cr_expect_eq(out, seen);
	uint64_t other = proc_map(&p, 4, RW, PRIVATE);
	cr_assert_eq(sys_mremap(p.m, p.t, other, 4 * P, 5 * P, MREMAP_MAYMOVE_, 0, &seen, &out), 0);
	cr_expect_neq(out, seen);
	proc_end(&p);
}

/* A fork's pages are found by rmap wherever they went, in parent and child. */
Test(mremap, after_a_fork)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 8, RW, PRIVATE), out, child_out;

	fill(&p, at, 8, 100);
	struct proc child = proc_fork(&p);
	cr_assert_eq(remap(&child, at, 8, 9, MREMAP_MAYMOVE_, 0, &child_out), 0);
	cr_assert_eq(remap(&p, at + 2 * P, 4, 20, MREMAP_MAYMOVE_, 0, &out), 0);
	proc_check(&p);
	fill(&child, child_out, 9, 900);
	cr_expect(filled(&p, at, 2, 100) && filled(&p, out, 4, 102));
	cr_expect(filled(&child, child_out, 9, 900));
	proc_check(&p);
	task_kill(p.m, child.t);
	proc_end(&p);
}

/* Every allocation of the move fails once. */
Test(mremap, without_memory_all_stays_as_it_was)
{
	struct proc p = proc_start("pc-x86_64");
	unsigned refused = 0;

	for (unsigned i = 0; i < 150; i++) {
		uint64_t at = proc_map(&p, 12, RW, PRIVATE), out;
		/* Far away, so that tables are wanted there. */
		uint64_t to = 0x100000000 + (uint64_t)i * 0x80000000;

		fill(&p, at, 12, 100);
		for (unsigned n = 0; n < 12; n++) {
			char *before = proc_state(&p);

			proc_fail(&p, n);
			int err = remap(
				&p, at + 4 * P, 4, 6, MREMAP_MAYMOVE_ | MREMAP_FIXED_, to, &out);
			bool failed = proc_failed(&p);
			proc_fail_no_more(&p);
			char *after = proc_state(&p);
			if (err) {
				cr_assert_eq(err, -ENOMEM, "%d", err);
				cr_assert_str_eq(after, before, "%s\n%s", before, after);
				cr_assert(filled(&p, at, 12, 100));
				refused++;
			}
			free(before);
			free(after);
			if (!err)
				break;
			cr_assert(failed);
		}
		cr_assert(filled(&p, out, 4, 104));
		if (i % 50 == 0)
			proc_check(&p);
	}
	cr_expect_geq(refused, 150);
	proc_end(&p);
}

/* A file of which a whole 2 MiB page is mapped lies in its huge page as in memory, there too (thp_get_unmapped_area()). */
Test(mremap, moved_files_are_aligned_for_huge_pages)
{
	enum { HUGE = 512 };
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map_file(&p, HUGE / 2, PROT_READ_, MAP_PRIVATE_, FILE_RDONLY), out;
	uint64_t other = proc_map(&p, HUGE / 2, RW, PRIVATE);

	/* No room behind either. */
	for (unsigned i = 0; i < 2; i++) {
		uint64_t behind = (i ? at : other) + HUGE / 2 * P;

		cr_assert_eq(sys_mmap(p.m, p.t, behind, P, PROT_READ_, PRIVATE | MAP_FIXED_, NULL,
				     0, NULL, &out),
			0);
	}
	cr_assert_eq(remap(&p, at, HUGE / 2, 2 * HUGE, MREMAP_MAYMOVE_, 0, &out), 0, "%s",
		p.m->why.sentence);
	cr_expect_neq(out, at);
	cr_expect_eq(out % (HUGE * P), 0, "0x%llx", (unsigned long long)out);
	/* The part from the file's page 3 on. */
	cr_assert_eq(remap(&p, out + 3 * P, 2 * HUGE - 3, 3 * HUGE, MREMAP_MAYMOVE_, 0, &at), 0,
		"%s", p.m->why.sentence);
	cr_expect_eq(at % (HUGE * P), 3 * P, "0x%llx", (unsigned long long)at);
	/* Memory without a file lies in the highest gap. */
	cr_assert_eq(remap(&p, other, HUGE / 2, 2 * HUGE, MREMAP_MAYMOVE_, 0, &out), 0);
	cr_expect_neq(out, other);
	cr_expect_neq(out % (HUGE * P), 0, "0x%llx", (unsigned long long)out);
	proc_end(&p);
}

/* Pages with numbers in them wander about; an array says where each must be. */
Test(mremap, random_moves_keep_every_byte)
{
	enum { SLOTS = 12, STEPS = 600 };
	struct proc p = proc_start("pc-i386");
	struct rng rng = {7};
	uint64_t at[SLOTS] = {0}, pages[SLOTS] = {0}, mark[SLOTS] = {0}, used[SLOTS] = {0};

	for (unsigned step = 0; step < STEPS; step++) {
		unsigned i = rng_below(&rng, SLOTS);
		uint64_t n = 1 + rng_below(&rng, 40), out;

		if (!pages[i]) {
			at[i] = proc_map(&p, n, RW, PRIVATE);
			pages[i] = n;
			used[i] = rng_below(&rng, (uint32_t)n + 1);
			mark[i] = (uint64_t)step << 16;
			fill(&p, at[i], used[i], mark[i]);
			continue;
		}
		if (rng_below(&rng, 12) == 0) {
			cr_assert_eq(sys_munmap(p.m, p.t, at[i], pages[i] * P), 0);
			pages[i] = 0;
			continue;
		}
		cr_assert_eq(remap(&p, at[i], pages[i], n, MREMAP_MAYMOVE_, 0, &out), 0, "%s",
			p.m->why.sentence);
		at[i] = out;
		pages[i] = n;
		used[i] = used[i] < n ? used[i] : n;
		for (unsigned k = 0; k < SLOTS; k++)
			cr_assert(
				!pages[k] || filled(&p, at[k], used[k], mark[k]), "step %u", step);
		if (step % 100 == 0)
			proc_check(&p);
	}
	proc_end(&p);
}

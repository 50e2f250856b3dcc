/* SPDX-License-Identifier: MIT
 *
 * Claim: each advice does to flags, pages and counters what 6.1 does, for every mapped part of the range; holes are ENOMEM
 * at the end, mappings that it cannot have are EINVAL.
 *
 *	DONTNEED	pages go, the mapping stays: read as zeroes
 *	FREE		pages stay, clean, on the inactive file list: a read finds the bytes, reclaim may take them
 */
#include "support/process.h"

#include "mm/page/frame.h"
#include "mm/page/zone.h"
#include "mm/process/file.h"
#include "mm/process/mm.h"
#include "mm/process/pgtables.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

static int advise(struct proc *p, uint64_t at, uint64_t pages, enum madvice advice)
{
	return sys_madvise(p->m, p->t, at, pages * P, advice);
}

static pte_t entry(struct proc *p, uint64_t at)
{
	return pte_of(p->m, p->mm, at);
}

static struct frame *page_at(struct proc *p, uint64_t at)
{
	return frame_of(p->m, pte_pfn(p->m, entry(p, at)));
}

Test(madvise, flags)
{
	static const struct {
		unsigned advice;
		const char *maps;
	} step[] = {{MADV_RANDOM_, "0-2 rw-p, 2-4 rw-p rr, 4-8 rw-p"},
		{MADV_SEQUENTIAL_, "0-2 rw-p, 2-4 rw-p sr, 4-8 rw-p"}, {MADV_NORMAL_, "0-8 rw-p"},
		{MADV_DONTFORK_, "0-2 rw-p, 2-4 rw-p dc, 4-8 rw-p"}, {MADV_DOFORK_, "0-8 rw-p"},
		{MADV_WIPEONFORK_, "0-2 rw-p, 2-4 rw-p wf, 4-8 rw-p"},
		{MADV_KEEPONFORK_, "0-8 rw-p"}, {MADV_DONTDUMP_, "0-2 rw-p, 2-4 rw-p dd, 4-8 rw-p"},
		{MADV_DODUMP_, "0-8 rw-p"}, {MADV_MERGEABLE_, "0-2 rw-p, 2-4 rw-p mg, 4-8 rw-p"},
		{MADV_UNMERGEABLE_, "0-8 rw-p"},
		{MADV_NOHUGEPAGE_, "0-2 rw-p, 2-4 rw-p nh, 4-8 rw-p"},
		{MADV_HUGEPAGE_, "0-2 rw-p, 2-4 rw-p hg, 4-8 rw-p"}};
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 8, RW, PRIVATE);

	for (unsigned i = 0; i < sizeof(step) / sizeof(step[0]); i++) {
		cr_expect_eq(advise(&p, at + 2 * P, 2, step[i].advice), 0, "%s", p.m->why.sentence);
		cr_expect_str_eq(
			proc_maps(&p, at, 8), step[i].maps, "step %u: %s", i, proc_maps(&p, at, 8));
	}
	proc_end(&p);
}

Test(madvise, what_a_kernel_does_not_know)
{
	struct proc p = proc_start("arm-virt");
	uint64_t at = proc_map(&p, 2, RW, PRIVATE);
	static const unsigned never[] = {5, 6, 7, 25, 26, 102, UINT32_MAX};

	for (unsigned i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		cr_expect_eq(advise(&p, at, 1, never[i]), -EINVAL, "%u", never[i]);
	if (!machine_has(p.m, CONFIG_TRANSPARENT_HUGEPAGE))
		cr_expect_eq(advise(&p, at, 1, MADV_HUGEPAGE_), -EINVAL);
	cr_expect_eq(sys_madvise(p.m, p.t, at + 1, P, MADV_NORMAL_), -EINVAL);
	cr_expect_eq(sys_madvise(p.m, p.t, at, UINT64_MAX, MADV_NORMAL_), -EINVAL);
	cr_expect_eq(sys_madvise(p.m, p.t, at, UINT64_MAX - P, MADV_NORMAL_), -EINVAL);
	cr_expect_eq(sys_madvise(p.m, p.t, at, 0, MADV_DONTNEED_), 0);
	cr_expect_eq(sys_madvise(p.m, p.t, at - 16 * P, 0, MADV_DONTNEED_), 0);
	proc_end(&p);
}

Test(madvise, holes_are_told_at_the_end)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 8, RW, PRIVATE);

	proc_use(&p, HW_STORE, at, 8);
	cr_assert_eq(sys_munmap(p.m, p.t, at + 3 * P, P), 0);
	uint64_t rss = p.mm->rss[MM_ANONPAGES];
	cr_expect_eq(advise(&p, at - P, 10, MADV_DONTNEED_), -ENOMEM);
	cr_expect_eq(p.mm->rss[MM_ANONPAGES], rss - 7);
	cr_expect_eq(advise(&p, at, 8, MADV_DONTFORK_), -ENOMEM);
	cr_expect_str_eq(proc_maps(&p, at, 8), "0-3 rw-p dc, 4-8 rw-p dc");
	proc_end(&p);
}

Test(madvise, refused_mappings)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t locked = proc_map(&p, 2, RW, PRIVATE), shared = proc_map(&p, 2, RW, SHARED);
	uint64_t file = proc_map_file(&p, 2, PROT_READ_, MAP_PRIVATE_, FILE_RDONLY);
	uint64_t none = proc_map(&p, 2, PROT_NONE_, PRIVATE);
	uint64_t read_only = proc_map(&p, 2, PROT_READ_, SHARED);

	cr_assert_eq(sys_mlock(p.m, p.t, locked, 2 * P, 0), 0);
	const struct {
		uint64_t at;
		unsigned advice;
		int err;
	} row[] = {{locked, MADV_DONTNEED_, -EINVAL}, {locked, MADV_FREE_, -EINVAL},
		{locked, MADV_COLD_, -EINVAL}, {locked, MADV_PAGEOUT_, -EINVAL},
		{locked, MADV_REMOVE_, -EINVAL}, {locked, MADV_DONTNEED_LOCKED_, 0},
		{shared, MADV_FREE_, -EINVAL}, {file, MADV_FREE_, -EINVAL},
		{shared, MADV_WIPEONFORK_, -EINVAL}, {file, MADV_WIPEONFORK_, -EINVAL},
		{none, MADV_REMOVE_, -EINVAL}, {read_only, MADV_REMOVE_, -EACCES},
		{none, MADV_POPULATE_READ_, -EINVAL}, {file, MADV_POPULATE_WRITE_, -EINVAL},
		{read_only, MADV_POPULATE_WRITE_, -EINVAL}};

	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		int err = advise(&p, row[i].at, 2, row[i].advice);

		cr_expect_eq(err, row[i].err, "row %u: %d %s", i, err, p.m->why.sentence);
	}
	proc_end(&p);
}

Test(madvise, dontneed)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 4, RW, PRIVATE), shared = proc_map(&p, 2, RW, SHARED), value;

	cr_assert_eq(proc_store(&p, at, 5), 0);
	cr_assert_eq(proc_store(&p, shared, 6), 0);
	uint64_t rss = mm_rss(p.mm);
	cr_expect_eq(advise(&p, at, 4, MADV_DONTNEED_), 0);
	cr_expect_eq(advise(&p, shared, 2, MADV_DONTNEED_), 0);
	cr_expect_eq(mm_rss(p.mm), rss - 2);
	cr_expect_geq(mm_hiwater_rss(p.mm), rss);
	cr_expect(!proc_load(&p, at, &value) && value == 0);
	cr_expect(!proc_load(&p, shared, &value) && value == 6, "the file has it");
	proc_end(&p);
}

Test(madvise, free_is_lazy)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 4, RW, PRIVATE), value;

	for (unsigned i = 0; i < 4; i++)
		cr_assert_eq(proc_store(&p, at + i * P, 10 + i), 0);
	uint64_t rss = mm_rss(p.mm), file = proc_node_stat(&p, ND_nr_inactive_file);
	cr_expect_eq(advise(&p, at, 4, MADV_FREE_), 0);
	cr_expect_eq(p.m->vm_event[EV_pglazyfree], 4);
	cr_expect_eq(proc_node_stat(&p, ND_nr_inactive_file), file + 4);
	cr_expect_eq(mm_rss(p.mm), rss);
	for (unsigned i = 0; i < 4; i++) {
		cr_expect(!pte_is(p.m, entry(&p, at + i * P), PTE_DIRTY));
		cr_expect(!(page_at(&p, at + i * P)->flags & FRAME_SWAPBACKED));
		cr_expect(!proc_load(&p, at + i * P, &value) && value == 10 + i);
	}
	proc_check(&p);
	/* Written again, the page is dirty in its entry; its list is reclaim's business. */
	cr_expect_eq(proc_use(&p, HW_STORE, at, 1), 0, "the hardware sets dirty");
	cr_expect(pte_is(p.m, entry(&p, at), PTE_DIRTY));
	cr_expect_eq(proc_node_stat(&p, ND_nr_inactive_file), file + 4);
	cr_expect_eq(advise(&p, at, 4, MADV_FREE_), 0);
	cr_expect_eq(p.m->vm_event[EV_pglazyfree], 4, "they are on that list already");
	proc_end(&p);
}

/* ARM's hardware knows neither accessed nor dirty: the next write faults. */
Test(madvise, free_on_arm)
{
	struct proc p = proc_start("arm-virt");
	uint64_t at = proc_map(&p, 4, RW, PRIVATE);

	proc_use(&p, HW_STORE, at, 4);
	cr_expect_eq(advise(&p, at, 4, MADV_FREE_), 0);
	cr_expect_eq(proc_use(&p, HW_STORE, at, 4), 4);
	cr_expect_eq(proc_use(&p, HW_STORE, at, 4), 0);
	proc_end(&p);
}

Test(madvise, cold_and_pageout)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 8, RW, PRIVATE);
	const uint64_t *event = p.m->vm_event;

	proc_use(&p, HW_STORE, at, 8);
	uint64_t active = proc_node_stat(&p, ND_nr_active_anon);
	cr_expect_eq(advise(&p, at, 4, MADV_COLD_), 0);
	cr_expect(!pte_is(p.m, entry(&p, at), PTE_YOUNG));
	cr_expect_eq(event[EV_pgdeactivate], 0, "they were inactive");
	/* Without a swap device the pages stay, and are active then. */
	uint64_t rss = mm_rss(p.mm);
	cr_expect_eq(advise(&p, at, 4, MADV_PAGEOUT_), 0);
	cr_expect_eq(mm_rss(p.mm), rss);
	cr_expect_eq(event[EV_pgactivate], 4);
	cr_expect_eq(proc_node_stat(&p, ND_nr_active_anon), active + 4);
	cr_expect_eq(advise(&p, at, 8, MADV_COLD_), 0);
	cr_expect_eq(event[EV_pgdeactivate], 4);
	cr_expect_eq(proc_node_stat(&p, ND_nr_active_anon), active);
	proc_end(&p);
}

Test(madvise, pageout_takes_lazily_freed_pages)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 4, RW, PRIVATE), value;

	for (unsigned i = 0; i < 4; i++)
		cr_assert_eq(proc_store(&p, at + i * P, 10 + i), 0);
	cr_expect_eq(advise(&p, at, 4, MADV_FREE_), 0);
	cr_assert_eq(proc_store(&p, at, 77), 0);
	uint64_t rss = mm_rss(p.mm);
	cr_expect_eq(advise(&p, at, 4, MADV_PAGEOUT_), 0);
	cr_expect_eq(mm_rss(p.mm), rss - 3);
	cr_expect_eq(p.m->vm_event[EV_pglazyfreed], 3);
	cr_expect(page_at(&p, at)->flags & FRAME_SWAPBACKED, "written since: kept");
	cr_expect(!proc_load(&p, at, &value) && value == 77);
	cr_expect(!proc_load(&p, at + P, &value) && value == 0);
	proc_end(&p);
}

Test(madvise, pageout_of_a_file)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map_file(&p, 8, RW, MAP_SHARED_, FILE_RDWR), value, again;

	cr_assert_eq(proc_load(&p, at, &value), 0);
	proc_use(&p, HW_LOAD, at, 8);
	proc_use(&p, HW_STORE, at + P, 1);
	uint64_t cached = proc_node_stat(&p, ND_nr_file_pages), rss = mm_rss(p.mm);
	cr_expect_eq(advise(&p, at, 8, MADV_PAGEOUT_), 0);
	cr_expect_eq(mm_rss(p.mm), rss - 8);
	cr_expect_eq(proc_node_stat(&p, ND_nr_file_pages), cached - 7, "the dirty one stays");
	proc_check(&p);
	cr_expect(!proc_load(&p, at, &again) && again == value, "read again");
	proc_end(&p);
}

Test(madvise, others_pages_are_left_alone)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 4, RW, PRIVATE);

	proc_use(&p, HW_STORE, at, 4);
	struct proc child = proc_fork(&p);
	cr_expect_eq(advise(&p, at, 4, MADV_PAGEOUT_), 0);
	cr_expect_eq(p.m->vm_event[EV_pgactivate], 0);
	cr_expect_eq(advise(&child, at, 4, MADV_DONTNEED_), 0);
	cr_expect_eq(advise(&p, at, 4, MADV_PAGEOUT_), 0);
	cr_expect_eq(p.m->vm_event[EV_pgactivate], 4);
	task_kill(p.m, child.t);
	proc_end(&p);
}

Test(madvise, populate)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 8, RW, PRIVATE), rss = mm_rss(p.mm);

	cr_expect_eq(advise(&p, at, 4, MADV_POPULATE_READ_), 0);
	cr_expect_eq(mm_rss(p.mm), rss, "pages of zeroes");
	cr_expect_eq(proc_use(&p, HW_LOAD, at, 4), 0);
	cr_expect_eq(advise(&p, at, 8, MADV_POPULATE_WRITE_), 0);
	cr_expect_eq(mm_rss(p.mm), rss + 8);
	cr_expect_eq(proc_use(&p, HW_STORE, at, 8), 0);
	cr_assert_eq(sys_munmap(p.m, p.t, at + 7 * P, P), 0);
	cr_expect_eq(advise(&p, at, 8, MADV_POPULATE_READ_), -ENOMEM);
	/* Behind the end of the file. */
	uint64_t file = proc_map_file(&p, 4, PROT_READ_, MAP_SHARED_, FILE_RDONLY);
	struct file *f = machine_at(p.m, proc_vma(&p, file)->file_at);
	cr_assert_eq(inode_truncate(p.m, 0, machine_at(p.m, f->inode_at), 2 * P), 0);
	cr_expect_eq(advise(&p, file, 4, MADV_POPULATE_READ_), -EFAULT);
	proc_end(&p);
}

/* What is brought to be written counts as dirty, though nothing was written yet. */
Test(madvise, brought_to_be_written)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t own = proc_map(&p, 1, RW, PRIVATE), shared = proc_map(&p, 1, RW, SHARED);

	cr_assert_eq(proc_store(&p, own, 1), 0);
	cr_expect_eq(advise(&p, own, 1, MADV_FREE_), 0);
	cr_expect_eq(page_at(&p, own)->flags & FRAME_DIRTY, 0);
	cr_expect_eq(advise(&p, own, 1, MADV_POPULATE_READ_), 0);
	cr_expect_eq(page_at(&p, own)->flags & FRAME_DIRTY, 0);
	cr_expect_eq(sys_mlock(p.m, p.t, own, P, 0), 0, "%s", p.m->why.sentence);
	cr_expect(page_at(&p, own)->flags & FRAME_DIRTY);
	proc_use(&p, HW_LOAD, shared, 1);
	cr_expect_eq(page_at(&p, shared)->flags & FRAME_DIRTY, 0);
	cr_expect_eq(advise(&p, shared, 1, MADV_POPULATE_WRITE_), 0);
	cr_expect(page_at(&p, shared)->flags & FRAME_DIRTY);
	proc_end(&p);
}

Test(madvise, remove_punches_holes_into_shared_memory)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 4, RW, SHARED), value;

	for (unsigned i = 0; i < 4; i++)
		cr_assert_eq(proc_store(&p, at + i * P, 10 + i), 0);
	uint64_t shmem = proc_node_stat(&p, ND_nr_shmem);
	struct proc child = proc_fork(&p);
	proc_use(&child, HW_LOAD, at, 4);
	cr_expect_eq(advise(&p, at + P, 2, MADV_REMOVE_), 0, "%s", p.m->why.sentence);
	cr_expect_eq(proc_node_stat(&p, ND_nr_shmem), shmem - 2);
	proc_check(&p);
	cr_expect(!proc_load(&child, at + P, &value) && value == 0);
	cr_expect(!proc_load(&child, at + 3 * P, &value) && value == 13);
	task_kill(p.m, child.t);
	proc_end(&p);
}

Test(madvise, willneed_reads_ahead)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map_file(&p, 400, PROT_READ_, MAP_PRIVATE_, FILE_RDONLY);
	uint64_t cached = proc_node_stat(&p, ND_nr_file_pages);

	cr_expect_eq(advise(&p, at, 100, MADV_WILLNEED_), 0);
	cr_expect_eq(proc_node_stat(&p, ND_nr_file_pages), cached + 100);
	cr_expect_eq(advise(&p, at, 400, MADV_WILLNEED_), 0);
	cr_expect_eq(proc_node_stat(&p, ND_nr_file_pages), cached + 320, "one request's worth");
	proc_end(&p);
}

Test(madvise, forks_by_advice)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 6, RW, PRIVATE), value;

	for (unsigned i = 0; i < 6; i++)
		cr_assert_eq(proc_store(&p, at + i * P, 10 + i), 0);
	cr_assert_eq(advise(&p, at + 2 * P, 2, MADV_DONTFORK_), 0);
	cr_assert_eq(advise(&p, at + 4 * P, 2, MADV_WIPEONFORK_), 0);
	struct proc child = proc_fork(&p);
	cr_expect_str_eq(proc_maps(&child, at, 6), "0-2 rw-p, 4-6 rw-p wf");
	cr_expect(!proc_load(&child, at, &value) && value == 10);
	cr_expect(!proc_load(&child, at + 4 * P, &value) && value == 0);
	task_kill(p.m, child.t);
	proc_end(&p);
}

static int dont_fork_two(struct proc *p, uint64_t at)
{
	return advise(p, at + 2 * P, 2, MADV_DONTFORK_);
}

Test(madvise, without_memory_flags_stay)
{
	struct proc p = proc_start("pc-x86_64");

	proc_refuse_some(&p, -EAGAIN, dont_fork_two);
	proc_end(&p);
}

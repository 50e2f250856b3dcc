/* SPDX-License-Identifier: MIT
 *
 * Claim: a page that moves takes everything with it, and everyone who uses it goes on.
 *
 *	before	two processes ──> pfn A ("42", dirty, young)	after	two processes ──> pfn B ("42", dirty, young)
 *
 * On each paging mode: contents, entries, counters, the place on the LRU lists, the page cache's slot. And who is held by
 * others stays, with all as it was.
 */
#include "support/booted.h"
#include "support/process.h"

#include "base/text.h"
#include "mm/kernel/swp_entry.h"
#include "mm/move/holder.h"
#include "mm/move/migrate.h"
#include "mm/page/lru.h"
#include "mm/page/page_alloc.h"
#include "mm/page/zone.h"
#include "mm/process/file.h"
#include "mm/process/pgtables.h"
#include "mm/process/rmap.h"
#include "mm/process/vma.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static const char *const presets[] = {"pc-x86_64", "pc-x86_64-numa", "pc-i386", "pc-i386-pae",
	"arm-virt", "arm64-virt", "riscv64-virt"};
#define NR_PRESETS (sizeof(presets) / sizeof(presets[0]))

static const struct migrate_target anywhere = {
	.get = migrate_get_on_node, .data = &(struct migrate_node_target){.nid = -1}};

static uint64_t pfn_at(const struct proc *p, uint64_t addr)
{
	return pte_pfn(p->m, pte_of(p->m, p->mm, addr));
}

/* Move one page; what migrate_pages() says. What does not move goes back. */
static int64_t move(struct proc *p, uint64_t pfn, struct migrate_result *r)
{
	struct migrate_list list = {0};
	int err = migrate_isolate(p->m, &list, pfn);

	cr_assert_eq(err, 0, "%s", p->m->why.sentence);
	int64_t left = migrate_pages(p->m, 0, &list, &anywhere, MIGRATE_SYNC, MR_SYSCALL, r);
	putback_movable_pages(p->m, 0, &list);
	return left;
}

static int64_t move_at(struct proc *p, uint64_t addr)
{
	struct migrate_result r;

	return move(p, pfn_at(p, addr), &r);
}

static bool says(struct machine *m, uint64_t pfn, enum page_movable answer, const char *word)
{
	struct text out;

	text_init(&out);
	bool ok = page_movable_reason(m, pfn, &out) == answer && strstr(text_str(&out), word);
	if (!ok)
		cr_log_error("pfn 0x%llx: %s", (unsigned long long)pfn, text_str(&out));
	text_finish(&out);
	return ok;
}

/* ---- entries ---- */

Test(migrate, entries_of_each_mode_say_what_was_put_into_them)
{
	static const uint64_t pfns[] = {0x100, 0x7ffff, 0xabcde};

	for (unsigned i = 0; i < NR_PRESETS; i++) {
		struct machine *m = booted(presets[i], NULL);
		bool ad = migration_entry_supports_ad(m);

		cr_expect_eq(ad, strcmp(presets[i], "pc-i386-pae") != 0, "%s", presets[i]);
		for (unsigned k = 0; k < 3 * 3 * 4; k++) {
			struct migration_entry e = {.pfn = pfns[k / 12],
						       .kind = (enum migration_kind)(k / 4 % 3),
						       .young = k & 1,
						       .dirty = k >> 1 & 1},
					       back;
			pte_t pte = migration_pte(m, &e);

			cr_assert(!pte_none(pte) && !pte_present(m, pte), "%s", presets[i]);
			cr_expect(migration_entry_of(m, pte, &back), "%s", presets[i]);
			cr_expect(back.pfn == e.pfn && back.kind == e.kind, "%s", presets[i]);
			cr_expect(back.young == (ad && e.young) && back.dirty == (ad && e.dirty));
			pte = swp_pte_mksoft_dirty(m, pte);
			cr_expect(swp_pte_soft_dirty(m, pte) == (m->arch == ARCH_X86_64));
			cr_expect(migration_entry_of(m, pte, &back) && back.pfn == e.pfn);
		}
		machine_destroy(m);
	}
}

Test(migrate, entries_are_those_that_a_kernel_writes)
{
	struct machine *m = booted("pc-x86_64", NULL);
	struct migration_entry e = {.pfn = 0x1234, .kind = MIGRATION_WRITE, .dirty = true};

	/* 32 types: 31 the marker, 30 write; 26 swap devices. The offset has dirty at bit 35 and is inverted. */
	cr_expect_eq(swp_max_swapfiles(m), 27);
	cr_expect_eq(migration_pte(m, &e),
		(uint64_t)30 << 59 |
			((~(0x1234 | (uint64_t)1 << 35) & (((uint64_t)1 << 50) - 1)) << 9));
	machine_destroy(m);
}

/* ---- pages of processes ---- */

Test(migrate, a_private_page_takes_all_with_it)
{
	for (unsigned i = 0; i < NR_PRESETS; i++) {
		struct proc p = proc_start(presets[i]);
		uint64_t at = proc_map(&p, 4, RW, PRIVATE), value;

		proc_store(&p, at + P, 0x4242);
		uint64_t old = pfn_at(&p, at + P);
		pte_t was = pte_of(p.m, p.mm, at + P);

		frame_of(p.m, old)->flags |= FRAME_REFERENCED;
		cr_expect(says(p.m, old, PAGE_MOVABLE, "a page of a process, mapped 1 times"));
		cr_expect_eq(move_at(&p, at + P), 0, "%s", presets[i]);
		uint64_t new = pfn_at(&p, at + P);
		const struct frame *f = frame_of(p.m, new);

		cr_assert_neq(old, new);
		cr_expect_eq(frame_of(p.m, old)->refcount, 0u);
		cr_expect(f->refcount == 1 && f->mapcount == 1 && f->flags & FRAME_LRU &&
			  f->flags & FRAME_REFERENCED && f->flags & FRAME_ANON_EXCLUSIVE);
		pte_t is = pte_of(p.m, p.mm, at + P);
		/* PAE's entries have no room for young and dirty. */
		for (unsigned flag = PTE_PRESENT; flag <= PTE_USER; flag++)
			if ((flag != PTE_YOUNG && flag != PTE_DIRTY) ||
				migration_entry_supports_ad(p.m))
				cr_expect_eq(pte_is(p.m, was, (enum pte_flag)flag),
					pte_is(p.m, is, (enum pte_flag)flag), "%s: flag %u",
					presets[i], flag);
		cr_expect_eq(proc_load(&p, at + P, &value), 0);
		cr_expect_eq(value, 0x4242);
		cr_expect_eq(p.m->vm_event[EV_pgmigrate_success], 1);
		cr_expect_eq(p.m->vm_event[EV_pgmigrate_fail], 0);
		proc_end(&p);
	}
}

Test(migrate, a_page_shared_by_a_fork_stays_shared)
{
	for (unsigned i = 0; i < NR_PRESETS; i++) {
		struct proc p = proc_start(presets[i]);
		uint64_t at = proc_map(&p, 2, RW, PRIVATE), value;

		proc_store(&p, at, 7);
		struct proc child = proc_fork(&p);

		cr_expect_eq(move_at(&p, at), 0);
		cr_expect_eq(pfn_at(&p, at), pfn_at(&child, at));
		cr_expect_eq(frame_of(p.m, pfn_at(&p, at))->mapcount, 2u);
		proc_check(&p);
		/* It is still copied on write. */
		proc_store(&child, at, 8);
		cr_expect_neq(pfn_at(&p, at), pfn_at(&child, at));
		cr_expect(!proc_load(&p, at, &value) && value == 7, "%s", presets[i]);
		cr_expect(!proc_load(&child, at, &value) && value == 8, "%s", presets[i]);
		cr_expect_eq(move_at(&child, at), 0);
		cr_expect(!proc_load(&child, at, &value) && value == 8, "%s", presets[i]);
		task_kill(p.m, child.t);
		proc_end(&p);
	}
}

Test(migrate, a_cpu_forgets_where_the_page_was)
{
	for (unsigned i = 0; i < NR_PRESETS; i++) {
		struct proc p = proc_start(presets[i]);
		uint64_t at = proc_map(&p, 1, RW, PRIVATE), value;

		proc_store(&p, at, 1);
		proc_load(&p, at, &value); /* it is in the TLB now */
		cr_expect_eq(move_at(&p, at), 0);
		proc_store(&p, at, 2);
		cr_expect_eq(move_at(&p, at), 0);
		cr_expect(!proc_load(&p, at, &value) && value == 2, "%s", presets[i]);
		proc_end(&p);
	}
}

Test(migrate, a_page_of_a_file_keeps_its_place_in_the_cache)
{
	struct proc p = proc_start("pc-x86_64-numa");
	struct inode *i = inode_create(p.m, 0, INODE_FILE, "/f", 2, 4 * P, CONTENT_PATTERN);
	struct migrate_node_target there = {.nid = 1};
	struct migrate_target target = {.get = migrate_get_on_node, .data = &there};
	struct migrate_list list = {0};
	uint64_t word;

	cr_assert_eq(file_write(p.m, 0, i, P, &(uint64_t){99}, 8), 8);
	uint64_t old = page_cache_find(p.m, i, 1);
	unsigned from = pfn_zone(p.m, old)->nid;

	there.nid = !from;
	cr_assert_eq(migrate_isolate(p.m, &list, old), 0);
	cr_expect_eq(node_at(p.m, from)->stat[ND_nr_isolated_file], 1);
	cr_expect_eq(migrate_pages(p.m, 0, &list, &target, MIGRATE_SYNC, MR_SYSCALL, NULL), 0);
	uint64_t new = page_cache_find(p.m, i, 1);

	cr_assert_neq(old, new);
	cr_expect_eq(pfn_zone(p.m, new)->nid, !from);
	cr_expect(frame_of(p.m, new)->flags & FRAME_DIRTY);
	cr_expect_eq(node_at(p.m, !from)->stat[ND_nr_dirty], 1);
	cr_expect_eq(node_at(p.m, from)->stat[ND_nr_dirty], 0);
	cr_expect_eq(node_at(p.m, from)->stat[ND_nr_isolated_file], 0);
	cr_expect_eq(file_read(p.m, 0, i, P, &word, 8), 8);
	cr_expect_eq(word, 99);
	proc_end(&p);
}

Test(migrate, shared_memory_and_mapped_files_move_under_their_mappers)
{
	for (unsigned i = 0; i < NR_PRESETS; i++) {
		struct proc p = proc_start(presets[i]);
		uint64_t shm = proc_map(&p, 2, RW, SHARED), value;
		uint64_t file = proc_map_file(&p, 2, RW, MAP_SHARED_, FILE_RDWR);

		proc_store(&p, shm, 5);
		proc_store(&p, file + P, 6);
		struct proc child = proc_fork(&p);

		cr_expect(!proc_load(&child, shm, &value) && value == 5);
		cr_expect(says(p.m, pfn_at(&p, shm), PAGE_MOVABLE, "shared memory, mapped 2"));
		cr_expect(says(p.m, pfn_at(&p, file + P), PAGE_MOVABLE, "a page of a file"));
		cr_expect_eq(move_at(&p, shm), 0);
		cr_expect_eq(move_at(&p, file + P), 0);
		proc_store(&child, shm, 50);
		cr_expect(!proc_load(&p, shm, &value) && value == 50, "%s", presets[i]);
		cr_expect(!proc_load(&child, file + P, &value) && value == 6, "%s", presets[i]);
		task_kill(p.m, child.t);
		proc_end(&p);
	}
}

Test(migrate, a_locked_page_moves_and_stays_locked)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 2, RW, SHARED);

	proc_store(&p, at, 1);
	cr_assert_eq(sys_mlock(p.m, p.t, at, 2 * P, 0), 0);
	cr_expect_eq(move_at(&p, at), 0);
	const struct frame *f = frame_of(p.m, pfn_at(&p, at));

	cr_expect(f->flags & FRAME_MLOCKED && f->flags & FRAME_UNEVICTABLE);
	proc_check(&p);
	/* And one that cannot move is locked as before. */
	cr_assert_eq(get_page(p.m, pfn_at(&p, at)), 0);
	cr_expect_eq(move_at(&p, at), 1);
	proc_check(&p);
	put_page(p.m, 0, pfn_at(&p, at));
	cr_assert_eq(sys_munlock(p.m, p.t, at, 2 * P), 0);
	proc_end(&p);
}

/* ---- who stays ---- */

Test(migrate, a_held_page_stays_after_ten_passes)
{
	for (unsigned i = 0; i < NR_PRESETS; i++) {
		struct proc p = proc_start(presets[i]);
		uint64_t at = proc_map(&p, 1, RW, PRIVATE), value;
		struct migrate_result r;

		proc_store(&p, at, 3);
		uint64_t pfn = pfn_at(&p, at);
		pte_t was = pte_of(p.m, p.mm, at);

		cr_assert_eq(get_page(p.m, pfn), 0);
		cr_expect(says(p.m, pfn, PAGE_UNMOVABLE, "held by 1 more"));
		cr_expect_eq(move(&p, pfn, &r), 1);
		cr_expect(r.passes == 10 && r.nr_failed == 1 && !r.nr_succeeded);
		cr_expect_eq(p.m->vm_event[EV_pgmigrate_fail], 1);
		cr_expect_eq(pfn_at(&p, at), pfn);
		if (migration_entry_supports_ad(p.m))
			cr_expect_eq(pte_of(p.m, p.mm, at), was, "%s", presets[i]);
		cr_expect(frame_of(p.m, pfn)->flags & FRAME_ANON_EXCLUSIVE);
		cr_expect(!proc_load(&p, at, &value) && value == 3);
		proc_check(&p);
		put_page(p.m, 0, pfn);
		cr_expect_eq(move(&p, pfn, &r), 0);
		cr_expect_eq(r.passes, 1u);
		proc_end(&p);
	}
}

Test(migrate, a_pinned_page_keeps_its_entries)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 1, RW, PRIVATE);

	proc_store(&p, at, 3);
	uint64_t pfn = pfn_at(&p, at);
	pte_t was = pte_of(p.m, p.mm, at);

	frame_of(p.m, pfn)->refcount += GUP_PIN_BIAS;
	cr_expect(says(p.m, pfn, PAGE_UNMOVABLE, "pinned"));
	cr_expect_eq(move_at(&p, at), 1);
	cr_expect_eq(pte_of(p.m, p.mm, at), was);
	frame_of(p.m, pfn)->refcount -= GUP_PIN_BIAS;
	proc_end(&p);
}

Test(migrate, no_memory_is_no_loss)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 4, RW, PRIVATE);
	struct migrate_list list = {0};
	struct migrate_result r;

	proc_use(&p, HW_STORE, at, 4);
	for (unsigned i = 0; i < 4; i++)
		cr_assert_eq(migrate_isolate(p.m, &list, pfn_at(&p, at + i * P)), 0);
	proc_fail(&p, 1);
	cr_expect_eq(
		migrate_pages(p.m, 0, &list, &anywhere, MIGRATE_SYNC, MR_COMPACTION, &r), -ENOMEM);
	proc_fail_no_more(&p);
	cr_expect(r.nr_succeeded == 1 && r.nr_failed == 1 && list.nr == 3);
	putback_movable_pages(p.m, 0, &list);
	cr_expect_eq(proc_node_stat(&p, ND_nr_isolated_anon), 0);
	proc_end(&p);
}

Test(migrate, the_kernels_pages_stay_with_a_reason)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 1, RW, PRIVATE), pfn;
	struct pte_place place;
	struct migrate_list list = {0};

	proc_store(&p, at, 3);
	cr_assert(pte_find(p.m, p.mm, at, &place));
	cr_expect(says(p.m, place.table >> PAGE_SHIFT, PAGE_UNMOVABLE, "page table"));
	cr_expect_eq(migrate_isolate(p.m, &list, place.table >> PAGE_SHIFT), -EBUSY);
	cr_expect(strstr(p.m->why.sentence, "a page table"), "%s", p.m->why.sentence);
	cr_expect(says(p.m, p.m->processes.zero_pfn, PAGE_UNMOVABLE, "reserved"));
	cr_expect(says(p.m, p.m->end_pfn + 100000, PAGE_UNMOVABLE, "no"));
	cr_assert_eq(alloc_pages_node(p.m, 0, -1, GFP_KERNEL, 2, &pfn), 0);
	cr_expect(says(p.m, pfn, PAGE_UNMOVABLE, "unmovable"));
	cr_expect(says(p.m, pfn + 3, PAGE_UNMOVABLE, "unmovable"));
	free_pages_order(p.m, 0, pfn, 2);
	cr_expect(says(p.m, pfn, PAGE_FREE, "free"));
	proc_end(&p);
}

/* ---- movable pages of the kernel ---- */

static uint64_t named(struct proc *p, const char *name, gfp_t gfp)
{
	uint64_t pfn;

	cr_assert_eq(alloc_pages_node(p->m, 0, -1, gfp, 0, &pfn), 0);
	cr_assert_eq(var_set(p->m, &p->m->vars, name, strlen(name), VAR_NO_INDEX,
			     &(struct var){.kind = VAR_PAGE, .value = pfn}),
		0);
	holder_set_name(p->m, pfn, name, strlen(name), VAR_NO_INDEX);
	return pfn;
}

Test(migrate, a_name_follows_its_page)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t pfn = named(&p, "buf", GFP_HIGHUSER_MOVABLE), stuck = named(&p, "k", GFP_KERNEL);
	struct migrate_list list = {0};
	struct migrate_result r;

	cr_expect(says(p.m, pfn, PAGE_MOVABLE, "its name follows"));
	cr_expect(says(p.m, stuck, PAGE_UNMOVABLE, "unmovable"));
	cr_expect_eq(move(&p, pfn, &r), 0);
	const struct var *v = var_get(p.m, &p.m->vars, "buf", 3, VAR_NO_INDEX);

	cr_expect(v->value != pfn && frame_of(p.m, v->value)->refcount == 1);
	cr_expect_eq(frame_of(p.m, pfn)->refcount, 0u);
	/* A second reference, or a name that is gone: it stays. */
	pfn = v->value;
	cr_assert_eq(get_page(p.m, pfn), 0);
	cr_expect_eq(migrate_isolate(p.m, &list, pfn), -EBUSY);
	cr_expect(strstr(p.m->why.sentence, "held by 2 references"), "%s", p.m->why.sentence);
	put_page(p.m, 0, pfn);
	var_forget(p.m, &p.m->vars, "buf", 3, VAR_NO_INDEX);
	cr_expect_eq(migrate_isolate(p.m, &list, pfn), -EBUSY);
	cr_expect(strstr(p.m->why.sentence, "no name"), "%s", p.m->why.sentence);
	free_pages_order(p.m, 0, pfn, 0);
	free_pages_order(p.m, 0, stuck, 0);
	proc_end(&p);
}

/* SPDX-License-Identifier: MIT
 *
 * Claim: memory comes from where policies say, and pages are where they were moved to.
 *
 *	node 0 | node 1			bind, prefer, interleave, local, default; of a mapping, a thread, an object
 *
 * On the preset with two nodes; a process on node 0 unless said otherwise. The oracle's experiment is in golden/numa_oracle.
 */
#include "support/booted.h"
#include "support/process.h"

#include "base/text.h"
#include "mm/move/numa.h"
#include "mm/move/pin.h"
#include "mm/page/page_alloc.h"
#include "mm/page/zone.h"
#include "mm/process/file.h"
#include "mm/process/pgtables.h"
#include "mm/process/vma.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NUMA "pc-x86_64-numa"

static unsigned nid_at(const struct proc *p, uint64_t addr)
{
	return pfn_zone(p->m, pte_pfn(p->m, pte_of(p->m, p->mm, addr)))->nid;
}

static uint64_t pfn_at(const struct proc *p, uint64_t addr)
{
	return pte_pfn(p->m, pte_of(p->m, p->mm, addr));
}

static const char *policy_of(const struct proc *p, uint64_t addr)
{
	static char word[64];
	const struct vma *v = proc_vma(p, addr);
	const struct mempolicy *policy = vma_policy_at(p->m, v, addr);
	struct text out;

	text_init(&out);
	mpol_print(policy ? policy : &p->t->policy, &out);
	snprintf(word, sizeof(word), "%s", text_str(&out));
	text_finish(&out);
	return word;
}

/* "0101": the node of each page. */
static const char *nodes_of(const struct proc *p, uint64_t addr, unsigned pages)
{
	static char word[64];

	for (unsigned i = 0; i < pages; i++)
		word[i] = (char)('0' + nid_at(p, addr + i * P));
	word[pages] = '\0';
	return word;
}

Test(numa, policies_are_made_and_refused_as_the_kernel_does)
{
	static const struct {
		unsigned mode;
		uint64_t nodes;
		int err;
		const char *shown;
	} row[] = {
		{MPOL_DEFAULT_, 0, 0, "default"},
		{MPOL_DEFAULT_, 1, -EINVAL, ""},
		{MPOL_LOCAL_, 0, 0, "local"},
		{MPOL_LOCAL_, 1, -EINVAL, ""},
		{MPOL_PREFERRED_, 0, 0, "local"},
		{MPOL_PREFERRED_, 3, 0, "prefer:0"},
		{MPOL_PREFERRED_ | MPOL_F_STATIC_NODES_, 0, 0, "local"},
		{MPOL_BIND_, 0, -EINVAL, ""},
		{MPOL_BIND_, 6, 0, "bind:1"},
		{MPOL_BIND_ | MPOL_F_STATIC_NODES_, 7, 0, "bind=static:0-1"},
		{MPOL_BIND_ | MPOL_F_RELATIVE_NODES_, 12, 0, "bind=relative:0-1"},
		{MPOL_BIND_ | MPOL_F_RELATIVE_NODES_ | MPOL_F_STATIC_NODES_, 1, -EINVAL, ""},
		{MPOL_BIND_, 4, -EINVAL, ""},
		{MPOL_INTERLEAVE_ | MPOL_F_NUMA_BALANCING_, 3, -EINVAL, ""},
		{MPOL_INTERLEAVE_, 3, 0, "interleave:0-1"},
		{MPOL_PREFERRED_MANY_, 2, 0, "prefer (many):1"},
		{NR_MPOL_MODES, 1, -EINVAL, ""},
		{99, 1, -EINVAL, ""},
	};
	struct machine *m = booted(NUMA, NULL);

	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct mempolicy p;
		struct text out;
		int want = i == 6 ? -EINVAL : row[i].err;

		text_init(&out);
		cr_expect_eq(mpol_new(m, row[i].mode, row[i].nodes, &p), want, "row %u", i);
		if (!want)
			mpol_print(&p, &out);
		cr_expect_str_eq(text_str(&out), want ? "" : row[i].shown, "row %u", i);
		text_finish(&out);
	}
	machine_destroy(m);
}

Test(numa, a_mapping_is_cut_and_joined_by_policy)
{
	struct proc p = proc_start(NUMA);
	uint64_t at = proc_map(&p, 8, RW, PRIVATE);

	cr_expect_eq(sys_mbind(p.m, p.t, at + 2 * P, 4 * P, MPOL_BIND_, 2, 0), 0);
	cr_expect_str_eq(proc_maps(&p, at, 8), "0-2 rw-p, 2-6 rw-p, 6-8 rw-p");
	proc_use(&p, HW_STORE, at, 8);
	cr_expect_str_eq(nodes_of(&p, at, 8), "00111100");
	struct proc child = proc_fork(&p);

	cr_expect_str_eq(policy_of(&child, at + 3 * P), "bind:1");
	cr_expect_eq(sys_mprotect(p.m, p.t, at, 8 * P, PROT_READ_), 0);
	cr_expect_str_eq(proc_maps(&p, at, 8), "0-2 r--p, 2-6 r--p, 6-8 r--p");
	cr_expect_str_eq(policy_of(&p, at + 2 * P), "bind:1");
	cr_expect_eq(sys_mbind(p.m, p.t, at, 8 * P, MPOL_DEFAULT_, 0, 0), 0);
	/* Each part has an anon_vma of its own by now. */
	cr_expect_str_eq(proc_maps(&p, at, 8), "0-2 r--p, 2-6 r--p, 6-8 r--p");
	at = proc_map(&p, 8, RW, PRIVATE);
	cr_expect_eq(sys_mbind(p.m, p.t, at + 2 * P, 4 * P, MPOL_BIND_, 2, 0), 0);
	cr_expect_eq(sys_mbind(p.m, p.t, at + 6 * P, P, MPOL_BIND_, 2, 0), 0);
	cr_expect_str_eq(proc_maps(&p, at, 8), "0-2 rw-p, 2-7 rw-p, 7-8 rw-p");
	cr_expect_eq(sys_mbind(p.m, p.t, at, 8 * P, MPOL_DEFAULT_, 0, 0), 0);
	cr_expect_str_eq(proc_maps(&p, at, 8), "0-8 rw-p");
	task_kill(p.m, child.t);
	proc_end(&p);
}

Test(numa, interleaving_goes_by_place_and_of_the_cache_by_turn)
{
	struct proc p = proc_start(NUMA);
	uint64_t at = proc_map(&p, 6, RW, PRIVATE), word;

	cr_expect_eq(sys_set_mempolicy(p.m, p.t, MPOL_INTERLEAVE_, 3), 0);
	proc_use(&p, HW_STORE, at + 3 * P, 1);
	proc_use(&p, HW_STORE, at, 6);
	unsigned first = nid_at(&p, at);

	for (unsigned i = 0; i < 6; i++)
		cr_expect_eq(nid_at(&p, at + i * P), (first + i) % 2);
	struct inode *i = inode_create(p.m, 0, INODE_FILE, "/f", 2, 4 * P, CONTENT_PATTERN);

	for (unsigned k = 0; k < 4; k++) {
		cr_expect_eq(file_write(p.m, 0, i, k * P, &word, 8), 8);
		cr_expect_eq(pfn_zone(p.m, page_cache_find(p.m, i, k))->nid, k % 2);
	}
	uint64_t counted = 0;

	for (const struct zone *z = zone_next(p.m, NULL); z; z = zone_next(p.m, z))
		counted += z->numa_stat[NS_numa_interleave];
	cr_expect_eq(counted, 10);
	proc_end(&p);
}

Test(numa, an_objects_policy_is_everyones)
{
	struct proc p = proc_start(NUMA);
	uint64_t at = proc_map(&p, 4, RW, SHARED);
	struct proc child = proc_fork(&p);

	cr_expect_eq(sys_mbind(p.m, p.t, at + P, 2 * P, MPOL_BIND_, 2, 0), 0);
	cr_expect_str_eq(policy_of(&child, at + P), "bind:1");
	cr_expect_str_eq(policy_of(&child, at), "default");
	proc_use(&child, HW_STORE, at, 4);
	cr_expect_str_eq(nodes_of(&child, at, 4), "0110");
	cr_expect_eq(sys_mbind(p.m, p.t, at, 2 * P, MPOL_LOCAL_, 0, 0), 0);
	cr_expect_str_eq(policy_of(&child, at + P), "local");
	cr_expect_str_eq(policy_of(&child, at + 2 * P), "bind:1");
	task_kill(p.m, child.t);
	proc_end(&p);
}

Test(numa, what_mbind_refuses)
{
	struct proc p = proc_start(NUMA);
	uint64_t at = proc_map(&p, 4, RW, PRIVATE);

	proc_use(&p, HW_STORE, at, 4);
	cr_expect_eq(sys_mbind(p.m, p.t, at + 1, P, MPOL_BIND_, 1, 0), -EINVAL);
	cr_expect_eq(sys_mbind(p.m, p.t, at, P, MPOL_BIND_, 1, 8), -EINVAL);
	cr_expect_eq(sys_mbind(p.m, p.t, at, 5 * P, MPOL_BIND_, 1, 0), -EFAULT);
	cr_expect_eq(sys_mbind(p.m, p.t, at - P, 5 * P, MPOL_BIND_, 1, 0), -EFAULT);
	cr_expect_eq(sys_mbind(p.m, p.t, at, 5 * P, MPOL_DEFAULT_, 0, 0), 0);
	cr_expect_eq(sys_mbind(p.m, p.t, at, 0, MPOL_BIND_, 1, 0), 0);
	cr_expect_eq(sys_mbind(p.m, p.t, at, 4 * P, MPOL_BIND_, 2, MPOL_MF_STRICT_), -EIO);
	cr_expect_str_eq(policy_of(&p, at), "default");
	/* A page that cannot move: EIO with STRICT, and the policy holds. */
	uint64_t pfn = pfn_at(&p, at);

	cr_assert_eq(get_page(p.m, pfn), 0);
	cr_expect_eq(sys_mbind(p.m, p.t, at, 4 * P, MPOL_BIND_, 2, MPOL_MF_STRICT_ | MPOL_MF_MOVE_),
		-EIO);
	cr_expect_str_eq(nodes_of(&p, at, 4), "0111");
	cr_expect_str_eq(policy_of(&p, at), "bind:1");
	put_page(p.m, 0, pfn);
	proc_end(&p);
}

Test(numa, move_pages_tells_of_each_page)
{
	struct proc p = proc_start(NUMA);
	uint64_t at = proc_map(&p, 5, RW, PRIVATE), shared = proc_map(&p, 1, RW, PRIVATE);
	uint64_t file = proc_map_file(&p, 2, RW, MAP_SHARED_, FILE_RDWR);

	proc_use(&p, HW_STORE, at, 2);
	proc_use(&p, HW_LOAD, at + 2 * P, 1); /* the page of zeroes */
	proc_use(&p, HW_STORE, shared, 1);
	struct proc child = proc_fork(&p);

	proc_use(&p, HW_STORE, at, 2);
	uint64_t pages[] = {at, at + P, at + 2 * P, at + 3 * P, 0x1000, shared, file + P};
	int64_t nodes[] = {1, 1, 1, 1, 1, 1, 1}, status[7];
	static const int64_t want[] = {1, 1, -EFAULT, -EFAULT, -EFAULT, -EACCES, -ENOENT};

	cr_expect_eq(sys_move_pages(p.m, 0, p.t, 7, pages, nodes, status, MPOL_MF_MOVE_), 0);
	for (unsigned i = 0; i < 7; i++)
		cr_expect_eq(status[i], want[i], "page %u: %lld", i, (long long)status[i]);
	cr_expect_eq(
		sys_move_pages(p.m, 0, p.t, 1, pages + 5, nodes, status, MPOL_MF_MOVE_ALL_), 0);
	cr_expect_eq(status[0], 1);
	cr_expect_eq(pfn_at(&p, shared), pfn_at(&child, shared));
	cr_expect_eq(sys_move_pages(p.m, 0, p.t, 1, pages, nodes, status, 1), -EINVAL);
	/* One that is held ends the call: it and those behind it count. */
	uint64_t pfn = pfn_at(&p, at);

	cr_assert_eq(get_page(p.m, pfn), 0);
	memset(nodes, 0, sizeof(nodes));
	status[0] = status[1] = 77;
	cr_expect_eq(sys_move_pages(p.m, 0, p.t, 2, pages, nodes, status, MPOL_MF_MOVE_), 1);
	cr_expect(status[0] == 77 && status[1] == 77);
	cr_expect_eq(nid_at(&p, at + P), 0);
	put_page(p.m, 0, pfn);
	task_kill(p.m, child.t);
	proc_end(&p);
}

Test(numa, get_mempolicy_tells)
{
	struct proc p = proc_start(NUMA);
	uint64_t at = proc_map(&p, 2, RW, PRIVATE), nodes;
	unsigned mode;

	cr_expect_eq(sys_mbind(p.m, p.t, at, 2 * P, MPOL_BIND_ | MPOL_F_STATIC_NODES_, 6, 0), 0);
	cr_expect_eq(sys_get_mempolicy(p.m, p.t, at, MPOL_F_ADDR_, &mode, &nodes), 0);
	cr_expect(mode == (MPOL_BIND_ | MPOL_F_STATIC_NODES_) && nodes == 6);
	proc_store(&p, at, 1);
	cr_expect_eq(
		sys_get_mempolicy(p.m, p.t, at, MPOL_F_ADDR_ | MPOL_F_NODE_, &mode, &nodes), 0);
	cr_expect_eq(mode, 1);
	cr_expect_eq(sys_get_mempolicy(p.m, p.t, 0, 0, &mode, &nodes), 0);
	cr_expect(!mode && !nodes);
	cr_expect_eq(sys_get_mempolicy(p.m, p.t, 0, MPOL_F_MEMS_ALLOWED_, &mode, &nodes), 0);
	cr_expect_eq(nodes, 3);
	cr_expect_eq(sys_get_mempolicy(p.m, p.t, at, 0, &mode, &nodes), -EINVAL);
	cr_expect_eq(sys_get_mempolicy(p.m, p.t, 0x1000, MPOL_F_ADDR_, &mode, &nodes), -EFAULT);
	cr_expect_eq(sys_get_mempolicy(p.m, p.t, 0, MPOL_F_NODE_, &mode, &nodes), -EINVAL);
	cr_expect_eq(sys_set_mempolicy_home_node(p.m, p.t, at, 2 * P, 0, 0), 0);
	proc_end(&p);
}

/* ---- pins ---- */

Test(numa, a_pinned_page_stays_and_a_fork_copies_it)
{
	struct proc p = proc_start(NUMA);
	uint64_t at = proc_map(&p, 2, RW, PRIVATE), pfn[2], value;
	uint64_t page = at;
	int64_t node = 1, status;

	proc_store(&p, at, 5);
	cr_assert_eq(pin_user_pages(p.m, p.t, at, 2, FOLL_WRITE_, pfn), 2);
	cr_expect_eq(pfn[0], pfn_at(&p, at));
	cr_expect_eq(frame_of(p.m, pfn[1])->refcount, 1025u);
	cr_expect_eq(sys_move_pages(p.m, 0, p.t, 1, &page, &node, &status, MPOL_MF_MOVE_), 1);
	struct proc child = proc_fork(&p);

	cr_expect_neq(pfn_at(&p, at), pfn_at(&child, at));
	cr_expect(!proc_load(&child, at, &value) && value == 5);
	proc_store(&p, at, 6);
	cr_expect_eq(pfn_at(&p, at), pfn[0], "what the device writes is what its owner sees");
	proc_check(&p);
	cr_assert_eq(sys_munmap(p.m, p.t, at, P), 0);
	cr_expect_eq(frame_of(p.m, pfn[0])->refcount, 1024u);
	cr_expect_eq(unpin_user_page(p.m, 0, pfn[0]), 0);
	cr_expect_eq(unpin_user_page(p.m, 0, pfn[1]), 0);
	cr_expect_eq(unpin_user_page(p.m, 0, pfn[1]), -EINVAL);
	cr_expect_eq(proc_node_stat(&p, ND_nr_foll_pin_acquired), 2);
	cr_expect_eq(proc_node_stat(&p, ND_nr_foll_pin_released), 2);
	task_kill(p.m, child.t);
	proc_end(&p);
}

/* 1024 references that are somebody's are no pin: they are not dropped. */
Test(numa, unpin_takes_no_references_of_others)
{
	enum { TIMES = 1025 };
	struct proc p = proc_start(NUMA);
	uint64_t at = proc_map_file(&p, 1, RW, SHARED, FILE_RDWR), again = 0, held;

	proc_store(&p, at, 5);
	const uint64_t pfn = pfn_at(&p, at);
	const struct frame *f = frame_of(p.m, pfn);

	for (unsigned i = 1; i < TIMES; i++) {
		cr_assert_eq(sys_mremap(p.m, p.t, at, 0, P, MREMAP_MAYMOVE_, 0, NULL, &again), 0);
		proc_use(&p, HW_LOAD, again, 1);
	}
	cr_assert_eq(f->mapcount, (unsigned)TIMES);
	cr_expect_eq(unpin_user_page(p.m, 0, pfn), -EINVAL);
	cr_expect_eq(f->refcount, TIMES + 1u);
	cr_assert_eq(pin_user_pages(p.m, p.t, at, 1, FOLL_WRITE_, &held), 1);
	cr_expect_eq(unpin_user_page(p.m, 0, pfn), 0);
	cr_expect_eq(unpin_user_page(p.m, 0, pfn), -EINVAL);

	/* A block of the kernel's: its first reference is its owner's. */
	cr_assert_eq(alloc_pages_node(p.m, 0, -1, GFP_KERNEL, 2, &held), 0);
	for (unsigned i = 1; i < GUP_PIN_BIAS; i++)
		cr_assert_eq(get_page(p.m, held), 0);
	cr_expect_eq(unpin_user_page(p.m, 0, held), -EINVAL);
	cr_expect_eq(frame_of(p.m, held)->refcount, GUP_PIN_BIAS);
	cr_assert_eq(get_page(p.m, held), 0);
	cr_expect_eq(unpin_user_page(p.m, 0, held), 0);
	cr_expect_eq(free_pages_order(p.m, 0, held, 2), 0);
	proc_end(&p);
}

Test(numa, a_pin_for_long_leaves_memory_that_is_lent)
{
	struct proc p = proc_start("arm64-virt");
	uint64_t at = proc_map(&p, 4, RW, PRIVATE), pfn[4], value;

	for (unsigned i = 0; i < 4; i++)
		proc_store(&p, at + i * P, 100 + i);
	/* What its page lies in is lent from now on. */
	uint64_t old = pfn_at(&p, at + P);

	pageblock_set_type(p.m, old, MIGRATE_CMA);
	cr_expect(!page_longterm_pinnable(p.m, old));
	cr_assert_eq(pin_user_pages(p.m, p.t, at, 4, FOLL_WRITE_, pfn), 4);
	cr_expect_eq(pfn[1], old, "a short pin stays");
	for (unsigned i = 0; i < 4; i++)
		cr_expect_eq(unpin_user_page(p.m, 0, pfn[i]), 0);
	cr_assert_eq(pin_user_pages(p.m, p.t, at, 4, FOLL_WRITE_ | FOLL_LONGTERM_, pfn), 4, "%s",
		p.m->why.sentence);
	for (unsigned i = 0; i < 4; i++) {
		cr_expect(page_longterm_pinnable(p.m, pfn[i]));
		cr_expect_eq(pfn[i], pfn_at(&p, at + i * P));
		cr_expect(!proc_load(&p, at + i * P, &value) && value == 100 + i);
		cr_expect_eq(unpin_user_page(p.m, 0, pfn[i]), 0);
	}
	cr_expect_eq(pin_user_pages(p.m, p.t, 0x1000, 1, 0, pfn), -EFAULT);
	pageblock_set_type(p.m, old, MIGRATE_MOVABLE);
	machine_destroy(p.m);
}

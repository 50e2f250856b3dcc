/* SPDX-License-Identifier: MIT
 *
 * Claims about kernel objects as a cost, on an empty zone of 4096 pages without per-CPU lists' batches:
 *
 *	first object          one slab, its lowest place
 *	as many as fit        still one slab; one more: a second
 *	the last one freed    the zone is as it was
 */
#include "support/hand.h"

#include "base/text.h"
#include "mm/page/address.h"
#include "mm/page/frame.h"

#include <criterion/criterion.h>
#include <errno.h>

static struct machine *small(uint64_t pages)
{
	struct hand h = {.nr_zones = 1, .zone = {{.type = ZONE_NORMAL, .pages = pages}}};

	return hand_machine(&h);
}

static void check(struct machine *m)
{
	struct text out = {0};

	cr_assert_eq(kmem_cache_check(m, &out), 0, "%s", text_str(&out));
	text_finish(&out);
	hand_check(m);
}

static uint64_t object(struct machine *m, enum kmem_cache_id id)
{
	uint64_t address;

	cr_assert_eq(kmem_cache_alloc(m, 0, id, &address), 0, "%s", m->why.sentence);
	return address;
}

static uint64_t pages_in_use(struct machine *m)
{
	drain_all_pages(m, NULL);
	return 4096 - zone_stat_total(m, ZS_nr_free_pages);
}

/* Objects in a slab as the oracle's amd64 slabinfo has them (objperslab). */
Test(kmem_cache, a_slab_is_filled_from_its_start)
{
	static const struct {
		enum kmem_cache_id id;
		unsigned objects, pages;
	} cases[] = {{KMEM_vm_area_struct, 26, 1}, {KMEM_anon_vma, 39, 1},
		{KMEM_anon_vma_chain, 64, 1}, {KMEM_mm_struct, 14, 4}, {KMEM_task_struct, 5, 8},
		{KMEM_signal_cache, 14, 4}, {KMEM_sighand_cache, 15, 8}, {KMEM_files_cache, 11, 2},
		{KMEM_filp, 16, 1}, {KMEM_radix_tree_node, 14, 2}, {KMEM_pid, 32, 1}};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct machine *m = small(4096);
		enum kmem_cache_id id = cases[i].id;
		uint64_t at[65];

		for (unsigned k = 0; k <= cases[i].objects; k++) {
			at[k] = object(m, id);
			if (k && k < cases[i].objects)
				cr_expect_eq(at[k], at[k - 1] + kmem_cache_bytes(m, id), "%s",
					kmem_cache_name(id));
			if (k + 1 == cases[i].objects)
				cr_expect_eq(pages_in_use(m), cases[i].pages, "%s: %llu",
					kmem_cache_name(id), (unsigned long long)pages_in_use(m));
			check(m);
		}
		uint64_t pfn = virt_to_pfn(m, at[0]);
		cr_expect_eq(at[0], page_address(m, pfn));
		cr_expect(frame_of(m, pfn)->flags & FRAME_SLAB);
		cr_expect_eq(pages_in_use(m), 2 * cases[i].pages);
		cr_expect_eq(m->kmem_cache[id].nr_objects, cases[i].objects + 1);
		for (unsigned k = 0; k <= cases[i].objects; k++) {
			kmem_cache_free(m, 0, id, at[(k * 7) % (cases[i].objects + 1)]);
			check(m);
			at[(k * 7) % (cases[i].objects + 1)] = 0;
		}
		for (unsigned k = 0; k <= cases[i].objects; k++)
			kmem_cache_free(m, 0, id, at[k]);
		cr_expect_eq(pages_in_use(m), 0, "%s", kmem_cache_name(id));
		check(m);
		hand_destroy(m);
	}
}

Test(kmem_cache, a_freed_place_is_taken_first)
{
	struct machine *m = small(4096);
	uint64_t a = object(m, KMEM_pid), b = object(m, KMEM_pid), c = object(m, KMEM_pid);

	kmem_cache_free(m, 0, KMEM_pid, b);
	cr_expect_eq(object(m, KMEM_pid), b);
	kmem_cache_free(m, 0, KMEM_pid, a);
	kmem_cache_free(m, 0, KMEM_pid, c);
	kmem_cache_free(m, 0, KMEM_pid, 0);
	cr_expect_eq(object(m, KMEM_pid), a);
	check(m);
	hand_destroy(m);
}

Test(kmem_cache, pages_count_by_whether_a_shrinker_could_free_them)
{
	struct machine *m = small(4096);

	object(m, KMEM_task_struct);
	object(m, KMEM_radix_tree_node);
	object(m, KMEM_inode_cache);
	cr_expect_eq(node_stat_total(m, ND_nr_slab_unreclaimable), 8);
	cr_expect_eq(node_stat_total(m, ND_nr_slab_reclaimable), 4);
	node_at(m, 0)->stat[ND_nr_slab_reclaimable]++;
	struct text out = {0};
	cr_expect_eq(kmem_cache_check(m, &out), 1);
	text_finish(&out);
	hand_destroy(m);
}

/* No block of order 3 is left, but pages are: a slab of the smallest order that holds a task. */
Test(kmem_cache, a_smaller_slab_when_there_is_no_large_block)
{
	struct machine *m = small(4096);
	uint64_t pfn[2048], at[2];

	for (unsigned i = 0; i < 2048; i++)
		pfn[i] = hand_alloc(m, GFP_KERNEL, 1);
	for (unsigned i = 0; i < 2048; i += 2)
		cr_assert_eq(free_pages_order(m, 0, pfn[i], 1), 0);
	for (unsigned i = 0; i < 2; i++)
		at[i] = object(m, KMEM_task_struct);
	cr_expect_eq(m->kmem_cache[KMEM_task_struct].nr_slabs, 2, "one task fits in two pages");
	cr_expect_eq(frame_of(m, virt_to_pfn(m, at[0]))->order, 1);
	check(m);
	for (unsigned i = 0; i < 2; i++)
		kmem_cache_free(m, 0, KMEM_task_struct, at[i]);
	check(m);
	cr_expect_eq(m->kmem_cache[KMEM_task_struct].nr_slabs, 0);
	hand_destroy(m);
}

Test(kmem_cache, a_failure_takes_nothing)
{
	struct machine *m = small(4096);
	uint64_t address = 42, heap = m->heap.used_bytes;

	m->fail_page_alloc =
		(struct fault_inject){.probability = 100, .times = -1, .interval = 1, .verbose = 0};
	for (unsigned id = 0; id < NR_KMEM_CACHES; id++) {
		cr_expect_eq(kmem_cache_alloc(m, 0, id, &address), -ENOMEM);
		cr_expect_eq(m->kmem_cache[id].nr_objects, 0);
	}
	cr_expect_eq(m->heap.used_bytes, heap);
	cr_expect_eq(pages_in_use(m), 0);
	check(m);
	hand_destroy(m);
}

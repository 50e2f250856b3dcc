/* SPDX-License-Identifier: MIT
 *
 * Claims about the slab allocator, on an empty zone of 4096 pages laid out by hand:
 *
 *	first object              one slab
 *	as many as fit            still one slab; one more: a second
 *	all freed                 the slabs stay, with the CPU and on its chain
 *	shrunk                    the zone is as it was
 */
#include "support/hand.h"

#include "base/text.h"
#include "mm/page/frame.h"
#include "mm/slab/slab.h"

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

	cr_assert_eq(slab_check(m, &out), 0, "%s", text_str(&out));
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
Test(slab, a_slab_is_filled_before_another_is_taken)
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
			cr_expect_eq(pages_in_use(m),
				(k < cases[i].objects ? 1 : 2) * cases[i].pages,
				"%s object %u: %llu pages", kmem_cache_own(m, id)->name, k,
				(unsigned long long)pages_in_use(m));
		}
		check(m);
		cr_expect_eq(kmem_cache_objects(m, id), cases[i].objects + 1);
		for (unsigned k = 0; k <= cases[i].objects; k++)
			kmem_cache_free(m, 0, id, at[(k * 7) % (cases[i].objects + 1)]);
		check(m);
		cr_expect_eq(kmem_cache_objects(m, id), 0);
		cr_expect_eq(pages_in_use(m), 2 * cases[i].pages, "empty slabs are kept");
		kmem_cache_shrink(m, 0, kmem_cache_own(m, id));
		cr_expect_eq(pages_in_use(m), 0, "%s", kmem_cache_own(m, id)->name);
		check(m);
		hand_destroy(m);
	}
}

/* SPDX-License-Identifier: MIT
 *
 * The n-th page allocation and all after it fail, for n = 1, 2, ...: caches are made, objects taken, moved and given back;
 * what was refused took nothing, and in the end no page is missing.
 */
#include "support/hand.h"

#include "base/text.h"
#include "mm/slab/slab.h"

#include <criterion/criterion.h>
#include <errno.h>

static void check(struct machine *m)
{
	struct text out = {0};

	cr_assert_eq(slab_check(m, &out), 0, "%s", text_str(&out));
	text_finish(&out);
	hand_check(m);
}

static unsigned play(struct machine *m)
{
	static const struct kmem_cache_args kinds[] = {{.name = "a", .size = 100, .ctor = "c"},
		{.name = "b", .size = 3000, .flags = SLAB_POISON | SLAB_RED_ZONE}};
	uint64_t at[60], big;
	unsigned failures = 0;

	for (unsigned k = 0; k < 2; k++) {
		uint32_t id;
		int err = kmem_cache_create(m, 0, &kinds[k], &id);

		check(m);
		if (err) {
			cr_expect_eq(err, -ENOMEM);
			failures++;
			continue;
		}
		struct kmem_cache *s = kmem_cache_get(m, id);
		unsigned nr = 0;

		while (nr < 60 && !slab_alloc(m, nr % 2, s, GFP_KERNEL | __GFP_NOWARN, -1, &at[nr]))
			nr++;
		failures += nr < 60;
		check(m);
		while (nr--)
			slab_free(m, 0, s, at[nr]);
		int bulk = slab_alloc_bulk(m, 1, s, GFP_KERNEL | __GFP_NOWARN, 60, at);
		failures += bulk != 0;
		if (!bulk)
			slab_free_bulk(m, 0, s, 60, at);
		check(m);
		cr_expect_eq(kmem_cache_destroy(m, 0, id, NULL), 0, "%s", m->why.sentence);
	}
	if (kmalloc(m, 0, 100, GFP_KERNEL | __GFP_NOWARN, -1, &at[0]))
		return failures + 1;
	int err = krealloc(m, 0, at[0], 20000, GFP_KERNEL | __GFP_NOWARN, &big);
	failures += err != 0;
	cr_expect_eq(kfree(m, 0, err ? at[0] : big), 0, "%s", m->why.sentence);
	return failures;
}

Test(slab, every_page_from_the_nth_on_is_refused)
{
	unsigned failures = 1, n = 0;

	for (; failures; n++) {
		struct hand h = {
			.nr_zones = 1, .cpus = 2, .zone = {{.type = ZONE_NORMAL, .pages = 4096}}};
		struct machine *m = hand_machine(&h);

		m->fail_page_alloc = (struct fault_inject){
			.probability = 100, .interval = 1, .times = -1, .space = n};
		failures = play(m);
		fault_inject_init(&m->fail_page_alloc);
		kmem_cache_shrink_all(m, 0);
		drain_all_pages(m, NULL);
		check(m);
		cr_expect_eq(zone_stat_total(m, ZS_nr_free_pages), 4096, "n %u", n);
		hand_destroy(m);
		cr_assert_lt(n, 500);
	}
	cr_expect_gt(n, 15, "%u", n);
}

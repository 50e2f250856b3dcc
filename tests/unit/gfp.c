/* SPDX-License-Identifier: MIT
 *
 * Claim: GFP flags are read and printed as Linux 6.1 does, and lead to the zone and migratetype that its table says.
 */
#include "support/hand.h"

#include "base/text.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static const struct {
	const char *text;
	gfp_t value;
	const char *printed;
} names[] = {
	{"GFP_KERNEL", 0xcc0, "GFP_KERNEL"},
	{"GFP_KERNEL|__GFP_ZERO", 0xdc0, "GFP_KERNEL|__GFP_ZERO"},
	{"__GFP_ZERO+GFP_KERNEL", 0xdc0, "GFP_KERNEL|__GFP_ZERO"},
	{"GFP_ATOMIC", 0xa20, "GFP_ATOMIC"},
	{"GFP_NOWAIT", 0x800, "GFP_NOWAIT"},
	{"GFP_USER", 0x100cc0, "GFP_USER"},
	{"GFP_HIGHUSER_MOVABLE", 0x100cca, "GFP_HIGHUSER_MOVABLE"},
	{"GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_NOWARN", 0x142cca,
		"GFP_HIGHUSER_MOVABLE|__GFP_NOWARN|__GFP_COMP"},
	{"GFP_TRANSHUGE_LIGHT", 0x1c20ca, "GFP_TRANSHUGE_LIGHT"},
	{"GFP_TRANSHUGE", 0x1c24ca, "GFP_TRANSHUGE"},
	{"GFP_KERNEL_ACCOUNT", 0x400cc0, "GFP_KERNEL_ACCOUNT"},
	{"GFP_NOFS", 0xc40, "GFP_NOFS"},
	{"GFP_NOIO", 0xc00, "GFP_NOIO"},
	{"GFP_DMA", 0x1, "GFP_DMA"},
	{"GFP_KERNEL|GFP_DMA32", 0xcc4, "GFP_KERNEL|GFP_DMA32"},
	{"0xcc0", 0xcc0, "GFP_KERNEL"},
	{"__GFP_NOLOCKDEP|__GFP_IO", 0x8000040, "__GFP_IO|0x8000000"},
	{"0", 0, "none"},
	{"__GFP_RECLAIM", 0xc00, "GFP_NOIO"},
	{"__GFP_DIRECT_RECLAIM", 0x400, "__GFP_DIRECT_RECLAIM"},
};

Test(gfp, names)
{
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct refusal why;
		struct text out;
		gfp_t gfp = ~0u;

		cr_expect_eq(gfp_parse(names[i].text, strlen(names[i].text), &gfp, &why), 0, "%s",
			names[i].text);
		cr_expect_eq(gfp, names[i].value, "%s is 0x%x", names[i].text, gfp);
		text_init(&out);
		gfp_print(gfp, &out);
		cr_expect_str_eq(text_str(&out), names[i].printed);
		text_finish(&out);
	}
}

Test(gfp, refusals)
{
	static const struct {
		const char *text;
		const char *says;
	} bad[] = {{"GFP_KERNAL", "GFP_KERNEL"}, {"", "no GFP flag"},
		{"GFP_KERNEL|", "no GFP flag"}, {"0x80000000", "bits"},
		{"__GFP_COMPOUND", "__GFP_COMP"}, {"12z", "no GFP flag"}};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct refusal why = {0};
		gfp_t gfp;

		cr_expect_eq(gfp_parse(bad[i].text, strlen(bad[i].text), &gfp, &why), -EINVAL, "%s",
			bad[i].text);
		cr_expect(strstr(why.sentence, bad[i].says), "%s: %s", bad[i].text, why.sentence);
	}
	struct refusal why;
	cr_expect_eq(gfp_check(__GFP_DMA | __GFP_HIGHMEM, &why), -EINVAL);
	cr_expect_eq(gfp_check(__GFP_MOVABLE | __GFP_RECLAIMABLE, &why), -EINVAL);
	cr_expect_eq(gfp_check(__GFP_MOVABLE | __GFP_HIGHMEM, &why), 0);
}

/* GFP_ZONE_TABLE of include/linux/gfp.h, for kernels with different zones. */
Test(gfp, zones)
{
	static const struct {
		gfp_t gfp;
		enum zone_type all, only_normal;
	} rows[] = {{GFP_KERNEL, ZONE_NORMAL, ZONE_NORMAL},
		{GFP_KERNEL | __GFP_DMA, ZONE_DMA, ZONE_NORMAL},
		{GFP_KERNEL | __GFP_DMA32, ZONE_DMA32, ZONE_NORMAL},
		{GFP_HIGHUSER, ZONE_HIGHMEM, ZONE_NORMAL},
		{GFP_HIGHUSER_MOVABLE, ZONE_MOVABLE, ZONE_MOVABLE},
		{GFP_KERNEL | __GFP_MOVABLE, ZONE_NORMAL, ZONE_NORMAL},
		{GFP_KERNEL | __GFP_MOVABLE | __GFP_DMA32, ZONE_DMA32, ZONE_NORMAL}};
	struct hand h = {.nr_zones = 4,
		.zone = {{.type = ZONE_DMA, .pages = 1024},
			{.type = ZONE_DMA32, .start_pfn = 1024, .pages = 1024},
			{.type = ZONE_NORMAL, .start_pfn = 2048, .pages = 1024},
			{.type = ZONE_HIGHMEM, .start_pfn = 3072, .pages = 1024}}};
	struct hand one = {.nr_zones = 1, .zone = {{.type = ZONE_NORMAL, .pages = 1024}}};
	struct machine *m = hand_machine(&h), *small = hand_machine(&one);

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cr_expect_eq(gfp_zone(m, rows[i].gfp), rows[i].all, "row %u", i);
		cr_expect_eq(gfp_zone(small, rows[i].gfp), rows[i].only_normal, "row %u", i);
	}
	cr_expect_eq(gfp_migratetype(m, GFP_KERNEL), MIGRATE_UNMOVABLE);
	cr_expect_eq(gfp_migratetype(m, GFP_HIGHUSER_MOVABLE), MIGRATE_MOVABLE);
	cr_expect_eq(gfp_migratetype(m, GFP_KERNEL | __GFP_RECLAIMABLE), MIGRATE_RECLAIMABLE);
	m->page_alloc.page_group_by_mobility_disabled = true;
	cr_expect_eq(gfp_migratetype(m, GFP_HIGHUSER_MOVABLE), MIGRATE_UNMOVABLE);
	hand_destroy(m);
	hand_destroy(small);
}
